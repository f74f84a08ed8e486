"""The index pass over a file of frames: finds whole frames, skips damage, and reads single frames afterwards.

The file is read, never mapped into memory: one that is truncated meanwhile must give an error, not a SIGBUS.
"""

import io
import os
from collections.abc import Iterator
from typing import Any

from kmock.errors import CassetteError
from kmock.recording.cassette import Cassette, Problems, apply_note
from kmock.recording.disk.encoding import (
    CHUNK,
    HEAD,
    MAGIC,
    MAX_ID,
    MAX_PAYLOAD,
    MAX_TIME,
    SYNC,
    VERSION,
    build,
    build_header,
    checksum,
    header_version,
    unpack,
    upgrade,
)
from kmock.recording.frames import Frame, Header, NoteFrame
from kmock.recording.index import FrameIndex

__all__ = ['FileSource', 'index_file']

BLOCK = 1024 * 1024

SEARCH_ALLOWANCE = 64 * 1024 * 1024
"""How much may be looked at in search of the next frame, beside the length of the file, before the search is given up.
Without a bound, a file of forged beginnings would cost the square of its length."""

CANDIDATE_COST = 1024
"""What looking at one forged beginning costs, in bytes that could have been summed up meanwhile."""

MAX_NOTES = 512 * 1024
"""How many bytes of notes are kept in memory."""


class Window:
    """A part of the file in memory, moved along as frames are asked for."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._descriptor = descriptor
        self._base = 0
        self._buffer = b''
        self._view = memoryview(b'')

    def frame(self, position: int) -> memoryview | None:
        """The payload of the frame at this position; None if there is no whole and sound one."""
        offset = position - self._base
        if offset + HEAD.size > len(self._buffer):
            offset = self._move(position, HEAD.size)
            if offset < 0:
                return None
        sync, crc, length = HEAD.unpack_from(self._buffer, offset)
        if sync != SYNC or length > MAX_PAYLOAD:
            return None
        start = offset + HEAD.size
        if start + length > len(self._buffer):
            offset = self._move(position, HEAD.size + length)
            if offset < 0:
                return None
            start = HEAD.size
        payload = self._view[start : start + length]
        return payload if checksum(payload) == crc else None

    def find(self, position: int) -> int | None:
        """The next place at or after this position where a frame may begin."""
        while position < self.size:
            if not self._base <= position < self._base + len(self._buffer) - 1 and self._move(position, 2) < 0:
                return None
            found = self._buffer.find(SYNC, position - self._base)
            if found >= 0:
                return self._base + found
            position = self._base + len(self._buffer) - 1  # the first byte of the marker may be the last one here
        return None

    def cost(self, position: int) -> int:
        """How many bytes had to be summed up to find that there is no sound frame at this position."""
        offset = position - self._base
        if offset + HEAD.size > len(self._buffer):
            offset = self._move(position, HEAD.size)
            if offset < 0:
                return 0
        sync, _, length = HEAD.unpack_from(self._buffer, offset)
        return length if sync == SYNC and length <= min(MAX_PAYLOAD, self.size - position) else 0

    def _move(self, position: int, need: int) -> int:
        """Have at least so many bytes at this position; the offset in the buffer, -1 if the file ends before."""
        if position + need > self.size:
            return -1
        buffer = os.pread(self._descriptor, max(need, BLOCK), position)
        if len(buffer) < need:  # truncated since it was opened
            return -1
        self._base = position
        self._buffer = buffer
        self._view = memoryview(buffer)
        return 0


class FileSource:
    """Reads single frames at known positions. Owns the file."""

    GUESS = 4096

    def __init__(self, file: io.FileIO, name: str, version: int) -> None:
        self._file = file
        self._name = name
        self._version = version

    def read(self, position: int) -> Frame:
        items = upgrade(unpack(self._payload(position)), self._version)
        return build(items)

    def close(self) -> None:
        self._file.close()

    def _payload(self, position: int) -> memoryview:
        if self._file.closed:
            raise CassetteError(f'{self._name} is closed already; read what you need of it before that.')
        buffer = os.pread(self._file.fileno(), self.GUESS, position)
        if len(buffer) >= HEAD.size:
            sync, crc, length = HEAD.unpack_from(buffer)
            if sync == SYNC and length <= MAX_PAYLOAD:
                if HEAD.size + length > len(buffer):
                    buffer = os.pread(self._file.fileno(), HEAD.size + length, position)
                payload = memoryview(buffer)[HEAD.size : HEAD.size + length]
                if len(payload) == length and checksum(payload) == crc:
                    return payload
        raise CassetteError(f'{self._name} was changed while it was open: the frame at byte {position} is gone.')


def index_file(file: io.FileIO, name: str, problems: Problems) -> Cassette:
    """Index an open file of frames; the cassette owns the file from then on.

    Raises:
        CassetteError: it is no cassette, or one of a newer version, or there is nothing in it.
    """
    window = Window(file.fileno(), os.fstat(file.fileno()).st_size)
    header, version, start = _read_header(window, name, problems)
    scan = _Scan(window, header, version, problems)
    scan.run(start)
    source = FileSource(file, name, version)
    return Cassette(scan.header, scan.index, source, notes=scan.notes, problems=problems.lines(), name=name)


def _read_header(window: Window, name: str, problems: Problems) -> tuple[Header, int, int]:
    payload = window.frame(len(MAGIC))
    if payload is None:
        following = next(_frames(window, len(MAGIC), Problems()), None)
        if following is None:
            raise CassetteError(f'{name} ends or breaks within its header: nothing of the recording is left.')
        problems.add('The header is damaged: when and where the recording was made is unknown.')
        return Header(created=''), VERSION, len(MAGIC)
    try:
        items = unpack(payload)
        version = header_version(items)
        if version > VERSION:
            raise CassetteError(
                f'{name} is a cassette of version {version}; this kmock reads versions up to {VERSION}. Upgrade kmock.'
            )
        return build_header(upgrade(items, version)), version, len(MAGIC) + HEAD.size + len(payload)
    except ValueError as error:
        raise CassetteError(f'{name} has a broken header: {error}.') from None


class _Scan:
    """The walk over all frames after the header."""

    def __init__(self, window: Window, header: Header, version: int, problems: Problems) -> None:
        self.header = header
        self.index = FrameIndex()
        self.notes: list[NoteFrame] = []
        self._notes_size = 0
        self._window = window
        self._version = version
        self._problems = problems

    def run(self, start: int) -> None:
        current = self._version == VERSION
        add_chunk = self.index.add_chunk
        for position, payload in _frames(self._window, start, self._problems):
            try:
                items = unpack(payload)
                if not current:
                    items = upgrade(items, self._version)
                if items[0] == CHUNK and _is_chunk(items):
                    problem = add_chunk(position, items[1], items[2], len(items[3]))
                else:
                    problem = self._add(position, build(items), len(payload))
            except ValueError as error:
                problem = str(error) or 'it is nested too deep'
            if problem is not None:
                self._problems.add(f'The frame at byte {position} is left out: {problem}.')

    def _add(self, position: int, frame: Frame, size: int) -> str | None:
        if isinstance(frame, NoteFrame):
            if self._notes_size + size > MAX_NOTES:
                return 'there are too many notes'
            self._notes_size += size
            self.notes.append(frame)
            self.header = apply_note(self.header, frame, self._problems)
        return self.index.add(position, frame)


_CHUNK_TYPES = (int, int, int, bytes, bool)


def _is_chunk(items: tuple[Any, ...]) -> bool:
    """A shortcut for what is 99 of 100 frames: true if `build` would make a chunk of it."""
    if tuple(map(type, items)) != _CHUNK_TYPES:
        return False
    return bool(0 <= items[1] <= MAX_ID and 0 <= items[2] <= MAX_TIME)


def _frames(window: Window, position: int, problems: Problems) -> Iterator[tuple[int, memoryview]]:
    """All sound frames from a position on, each with its own position. What has to be skipped is reported."""
    allowance = window.size + SEARCH_ALLOWANCE
    damaged = -1  # where the damage began that is being skipped
    while position < window.size:
        payload = window.frame(position)
        if payload is not None:
            if damaged >= 0:
                problems.add(f'{position - damaged} bytes at byte {damaged} are damaged and left out.')
                damaged = -1
            yield position, payload
            position += HEAD.size + len(payload)
            continue
        if damaged < 0:
            damaged = position
        allowance -= CANDIDATE_COST + window.cost(position)
        if allowance < 0:
            problems.add(f'From byte {damaged} on, the file is damaged beyond what can be searched.')
            return
        following = window.find(position + 1)
        position = window.size if following is None else following
    if damaged >= 0:
        problems.add(
            f'The last {window.size - damaged} bytes, from byte {damaged} on, are no whole frame: '
            'the recording was cut off there, or the end is damaged.'
        )
