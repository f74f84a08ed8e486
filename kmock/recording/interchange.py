"""Cassettes in files of other formats: JSON Lines here, HAR in `har_export.py` and `har_import.py`.

`open_cassette` opens a recording of any of them.

However long such a file is, little of it is in memory at once: it is read into a nameless cassette file.
"""

import dataclasses
import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from kmock.errors import CassetteError
from kmock.recording.cassette import Cassette, Exchange, Problems
from kmock.recording.disk.compression import ZSTD_MAGIC, text_of
from kmock.recording.disk.encoding import MAGIC
from kmock.recording.disk.spool import Spool
from kmock.recording.foreign.har_export import write_har
from kmock.recording.foreign.har_import import read_har
from kmock.recording.foreign.jsontext import MAX_TEXT, parse_object, to_json
from kmock.recording.foreign.records import (
    HEADER_KEYS,
    KEYS,
    fits_version_1,
    parse_frame,
    parse_header,
    record_of,
    record_of_header,
)
from kmock.recording.format import load, open_regular
from kmock.recording.frames import BodyFrame, ChunkFrame, DataFrame, Frame, RequestFrame, detach_body, split

__all__ = ['open_cassette', 'read_har', 'read_jsonl', 'write_har', 'write_jsonl']

MAX_PIECE = 2 * 1024 * 1024
"""Data that would make a line too long are exported in pieces of this size: JSON may need six bytes for one."""


def open_cassette(path: str | os.PathLike[str]) -> Cassette:
    """Open a recording of any known format: .kmock, .kmock.zst, .jsonl, .jsonl.gz, .har.

    Raises:
        CassetteError: it can't be read, or is none of these.
    """
    start = _read_start(path)
    if start.startswith((MAGIC[:6], ZSTD_MAGIC)) or not start:
        return load(path)
    if re.match(rb'(\xef\xbb\xbf)?\s*\{\s*"log"', start):
        return read_har(path)
    if re.match(rb'(\xef\xbb\xbf)?\s*\{', start):
        return read_jsonl(path)
    raise CassetteError(f'{path} is no recording that kmock can read: .kmock, .kmock.zst, .jsonl, .jsonl.gz or .har.')


def _read_start(path: str | os.PathLike[str]) -> bytes:
    try:
        with text_of(open_regular(path), str(path)) as file:
            return file.read(4096)
    except OSError as error:
        raise CassetteError(f'{path} can not be read: {error.strerror or error}.') from None


# --- reading JSON Lines


def read_jsonl(path: str | os.PathLike[str]) -> Cassette:
    """Read a recording in JSON Lines, plain or packed with gzip.

    Raises:
        CassetteError: it can't be read; the message names the line and what is wrong with it.
    """
    with text_of(open_regular(path), str(path)) as file:
        lines = _Lines(file)
        try:
            return _read_lines(lines, str(path))
        except ValueError as error:
            text = str(error).rstrip('.')
            raise CassetteError(f'{path}, line {max(lines.number, 1)}: {text}.') from None
        except OSError as error:
            raise CassetteError(f'{path} can not be read: {error.strerror or error}.') from None


def _read_lines(lines: '_Lines', name: str) -> Cassette:
    iterator = iter(lines)
    header, version = parse_header(parse_object(next(iterator, b'')))
    problems = Problems()
    with Spool(header, name, problems) as spool:
        for line in iterator:
            record = parse_object(line)
            spool.add(parse_frame(record, version))
            unknown = record.keys() - KEYS[record['kind']]
            if unknown:
                names = ', '.join(sorted(unknown))
                problems.add(f'Line {lines.number}: unknown keys are not kept: {names:.100}.')
        return spool.finish()


class _Lines:
    """The lines of a file that are not blank, and the number of the one that was read last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> Iterator[bytes]:
        while line := self._file.readline(MAX_TEXT + 2):
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(b'\xef\xbb\xbf')
            if line.strip():
                yield line


# --- writing JSON Lines


def write_jsonl(cassette: Cassette, file: BinaryIO, *, version: int | None = None) -> None:
    """Write a recording as JSON Lines.

    Args:
        version: 1 or 2; by default 1 where it can hold the cassette. Version 1 says nothing of when the pieces of a
            request's body came; all else comes back from either version, except that data of many megabytes in one
            piece come back in several.

    Raises:
        CassetteError: version 1 was asked for, and can't hold the cassette.
    """
    fits = version != 2 and _fits_version_1(cassette)
    if version == 1 and not fits:
        raise CassetteError(f'{cassette.name} has more in it than version 1 of JSON Lines can hold. Use version 2.')
    file.write(to_json(record_of_header(cassette.header, 1 if fits else 2)) + b'\n')
    exchanges = iter(cassette.exchanges)  # they come in the order of their requests
    for frame in cassette.frames():
        if fits and isinstance(frame, RequestFrame):
            frame = _with_body(frame, next(exchanges))
        if fits and isinstance(frame, BodyFrame):
            continue
        for part in _short_enough(frame):
            file.write(part)


def _with_body(frame: RequestFrame, exchange: Exchange) -> RequestFrame:
    if not frame.streamed:
        return frame
    return dataclasses.replace(frame, body=exchange.request_body(), streamed=False)


def _fits_version_1(cassette: Cassette) -> bool:
    header = cassette.header
    if header.redacted or header.key or header.matching or HEADER_KEYS & header.extra.keys():
        return False
    return all(map(_frame_fits, cassette.frames())) and all(map(_body_fits, cassette.exchanges))


def _frame_fits(frame: Frame) -> bool:
    if not fits_version_1(frame):
        return False
    return not isinstance(frame, ChunkFrame) or len(frame.data) <= MAX_PIECE or len(_line(frame)) <= MAX_TEXT


def _body_fits(exchange: Exchange) -> bool:
    request = exchange.request
    if not request.streamed:
        return request.body is None or len(request.body) <= MAX_PIECE or len(_line(request)) <= MAX_TEXT
    size = sum(len(piece.data) for piece in exchange.request_pieces())
    if not exchange.request_body_complete or size > MAX_TEXT:
        return False
    return size <= MAX_PIECE or len(_line(_with_body(request, exchange))) <= MAX_TEXT


def _line(frame: Frame) -> bytes:
    return to_json(record_of(frame)) + b'\n'


def _short_enough(frame: Frame) -> Iterator[bytes]:
    """The line of a frame, or several if readers would refuse it for its length."""
    line = _line(frame)
    if len(line) <= MAX_TEXT:
        yield line
    elif isinstance(frame, RequestFrame) and frame.body is not None:
        for part in detach_body(frame):
            yield from _short_enough(part)
    elif isinstance(frame, DataFrame):
        yield from map(_line, split(frame, MAX_PIECE))
    else:
        raise CassetteError(f'A frame at {frame.at_us} µs is too long for JSON Lines: {len(line):,} bytes.')
