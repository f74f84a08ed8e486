"""The output file of a recording: opened once all else is ready, counted while it grows, reported when it fails."""

import urllib.parse
from collections.abc import Callable
from pathlib import Path

from kmock.cli.sizes import plural
from kmock.errors import CassetteError
from kmock.naming import parse_call, split_target
from kmock.recording.cassette import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    RequestFrame,
    TunnelFrame,
)
from kmock.recording.format import CassetteWriter
from kmock.recording.report import size_text

__all__ = ['Tape']


class Tape:
    """Frames on their way to a file.

    The server listens before the file is made, so that a port in use leaves no file behind (and, with `--force`,
    leaves the old one alone). Frames of clients that are quicker than that are kept until the file is there.
    """

    def __init__(self, path: Path, *, force: bool, max_bytes: int | None, complain: Callable[[str], None]) -> None:
        self.path = path
        self.requests = 0
        self.streams = 0
        self.bytes_passed = 0
        self._kept = 0  # requests that are in the file
        self._open: dict[int, bool] = {}  # exchanges under way: whether each is a stream
        self._force = force
        self._max_bytes = max_bytes
        self._complain = complain
        self._early: list[Frame] = []
        self._writer: CassetteWriter | None = None
        self._failure: CassetteError | None = None

    @property
    def failed(self) -> bool:
        return self._failure is not None

    @property
    def open_exchanges(self) -> int:
        """How many requests have come and not ended."""
        return len(self._open)

    def open(self, header: Header) -> None:
        """Make the file, and write what has come already."""
        self._writer = CassetteWriter(self.path, header, force=self._force, max_bytes=self._max_bytes)
        early, self._early = self._early, []
        for frame in early:
            self._write(self._writer, frame)

    def append(self, frame: Frame) -> None:
        """Count a frame and write it. Never raises: the client's traffic goes on when the file fails."""
        self._count(frame)
        if self._writer is None:
            self._early.append(frame)
        else:
            self._write(self._writer, frame)

    def close(self) -> None:
        """Finish the file. Closing twice is fine, and so is closing what was never opened."""
        if self._writer is not None:
            self._writer.close()
            self._notice(self._writer)

    def progress(self) -> str:
        """How things stand, in one line."""
        watches = plural(sum(self._open.values()), 'open watch', 'open watches')
        stopped = '; the recording has stopped' if self.failed else ''
        return f'{plural(self.requests, "request")}, {watches}, {size_text(self.bytes_passed)}{stopped}'

    def summary(self) -> str:
        """What was recorded, in one line."""
        size = 0 if self._writer is None else self._writer.size
        file = f'{self.path} ({size_text(size)})'
        if self.failed:
            return f'stopped early, recorded {self._kept} of {plural(self.requests, "request")}: {file}'
        streams = f' ({plural(self.streams, "stream")})' if self.streams else ''
        return f'recorded {plural(self.requests, "request")}{streams}, {size_text(self.bytes_passed)} of bodies: {file}'

    def _write(self, writer: CassetteWriter, frame: Frame) -> None:
        writer.append(frame)
        if isinstance(frame, RequestFrame) and writer.failure is None:
            self._kept += 1
        self._notice(writer)

    def _notice(self, writer: CassetteWriter) -> None:
        if writer.failure is not None and self._failure is None:
            self._failure = writer.failure
            self._complain(f'Error: {self._failure} The traffic goes on.')

    def _count(self, frame: Frame) -> None:
        match frame:
            case RequestFrame():
                self.requests += 1
                self._open[frame.id] = _is_stream(frame)
                self.streams += self._open[frame.id]
                self.bytes_passed += len(frame.body or b'')
            case BodyFrame() | ChunkFrame() | TunnelFrame():
                self.bytes_passed += len(frame.data)
            case EndFrame():
                self._open.pop(frame.id, None)


def _is_stream(frame: RequestFrame) -> bool:
    """Whether a request asks for a watch or an upgrade: what lasts, and what people look for in a recording."""
    path, query = split_target(frame.target)
    params = urllib.parse.parse_qsl(query, keep_blank_values=True, errors='replace')
    call = parse_call(frame.method, path, params)
    return (call is not None and call.verb == 'watch') or any(key.lower() == 'upgrade' for key, _ in frame.headers)
