"""Redaction of frames: the bodies of many exchanges at once, each by a redactor of its own, in the order of each.

Frames of one body keep their times, and come out in order; those that a redactor holds back come later than frames of
other exchanges that happened after them. The end of an exchange comes after all of its pieces.
"""

import collections
import dataclasses
from collections.abc import Callable

from kmock.recording.cassette import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Headers,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.redaction import BodyRedactor, Redactor

__all__ = ['FrameRedactor']

Piece = BodyFrame | ChunkFrame | TunnelFrame


class FrameRedactor:
    """Takes frames as they were, and appends them without their secrets; and a note each time it finds a new kind.

    Args:
        append: takes the redacted frames.
    """

    def __init__(self, redactor: Redactor, append: Callable[[Frame], None]) -> None:
        self._redactor = redactor
        self._append = append
        self._found = len(redactor.found)
        self._targets: dict[int, str] = {}
        self._lanes: dict[int, dict[str, _Lane]] = {}

    def append(self, frame: Frame) -> None:
        """Redact one frame, and append what is decided by now."""
        match frame:
            case RequestFrame():
                self._append(self._request(frame))
            case ResponseFrame():
                self._append(self._response(frame))
            case BodyFrame():
                self._piece(frame, 'request', last=frame.last)
            case ChunkFrame():
                self._piece(frame, 'response', last=False)
            case TunnelFrame():
                self._piece(frame, 'up' if frame.from_client else 'down', last=not frame.data)
            case EndFrame():
                self._end(frame)
            case NoteFrame():
                self._append(frame)
        found = self._redactor.found
        if len(found) > self._found:
            self._found = len(found)
            self._append(NoteFrame(at_us=frame.at_us, changes={'redacted': found}))

    def close(self) -> None:
        """Append what is still held, of exchanges that have no end."""
        for number in list(self._targets):
            self._finish(number)

    def _request(self, frame: RequestFrame) -> RequestFrame:
        self._targets[frame.id] = frame.target
        content_type = _content_type(frame.headers)
        lanes = self._lanes[frame.id] = {}
        if frame.streamed:
            lanes['request'] = self._lane(self._redactor.body(frame.target, content_type, request=True))
        body = frame.body
        if body:
            body = self._redactor.whole(frame.target, content_type, body, request=True)
        headers, target = self._redactor.headers(frame.headers), self._redactor.target(frame.target)
        return dataclasses.replace(frame, headers=headers, target=target, body=body)

    def _response(self, frame: ResponseFrame) -> ResponseFrame:
        lanes = self._lanes.setdefault(frame.id, {})
        if frame.status == 101:
            lanes['up'], lanes['down'] = self._lane(self._redactor.tunnel()), self._lane(self._redactor.tunnel())
        else:
            target = self._targets.get(frame.id, '')
            body = self._redactor.body(target, _content_type(frame.headers), request=False)
            lanes['response'] = self._lane(body)
        return dataclasses.replace(frame, headers=self._redactor.headers(frame.headers))

    def _lane(self, redactor: BodyRedactor) -> '_Lane':
        return _Lane(redactor, self._append)

    def _piece(self, frame: Piece, which: str, *, last: bool) -> None:
        lane = self._lanes.get(frame.id, {}).get(which)
        if lane is None:
            raise ValueError(f'A piece of the {which} of exchange {frame.id} came before its head.')
        lane.feed(frame)
        if last:
            lane.finish()

    def _end(self, frame: EndFrame) -> None:
        self._finish(frame.id)
        error = frame.error
        self._append(frame if error is None else dataclasses.replace(frame, error=self._redactor.text(error)))

    def _finish(self, number: int) -> None:
        self._targets.pop(number, None)
        for lane in self._lanes.pop(number, {}).values():
            lane.finish()


class _Lane:
    """The pieces of one body."""

    def __init__(self, redactor: BodyRedactor, append: Callable[[Frame], None]) -> None:
        self._redactor = redactor
        self._append = append
        self._held: collections.deque[Piece] = collections.deque()

    def feed(self, frame: Piece) -> None:
        self._held.append(frame)
        self._release(self._redactor.feed(frame.data))

    def finish(self) -> None:
        self._release(self._redactor.finish())

    def _release(self, pieces: list[bytes]) -> None:
        for data in pieces:
            frame = self._held.popleft()
            self._append(frame if data is frame.data else dataclasses.replace(frame, data=data))


def _content_type(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == 'content-type'), '')
