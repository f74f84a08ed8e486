"""A stream of pieces in which some stretches are replaced: the pieces' borders stay, however a stretch lies over them.

The replacement goes into the piece in which its stretch begins; the pieces in which it goes on become shorter or empty.
All positions are offsets in the stream. What is not released yet is the only thing that is held in memory.
"""

import bisect
import collections
from collections.abc import Iterable
from typing import Protocol

__all__ = [
    'ENDLESS',
    'LIMIT',
    'BodyRedactor',
    'Edit',
    'Piped',
    'Splicer',
    'Whole',
    'held_prefix',
    'proper_prefixes',
]

LIMIT = 4 * 1024 * 1024
"""The most that is held back of a body. A longer secret is replaced by the placeholder of its first bytes."""

ENDLESS = 1 << 62
"""The end of a stretch whose end has not come yet."""

_CONTEXT = 256


def proper_prefixes(literals: Iterable[bytes]) -> frozenset[bytes]:
    """All that may be the beginning of one of these words, but is not a whole one."""
    return frozenset(literal[:size] for literal in literals for size in range(1, len(literal)))


def held_prefix(data: bytes | bytearray, prefixes: frozenset[bytes], longest: int = 16) -> int:
    """How many bytes at the end of the data may be the beginning of a word."""
    for size in range(min(longest, len(data)), 0, -1):
        if bytes(data[-size:]) in prefixes:
            return size
    return 0


class BodyRedactor(Protocol):
    """One body on its way through redaction. Exactly one piece comes out for each that was fed, in order."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take a piece; give the redacted pieces that are decided by now: none, this one, or several."""

    def finish(self) -> list[bytes]:
        """Give the pieces that are still held, at the end of the body."""


class Edit:
    """A stretch of the stream and what stands in its place. The end may be found later."""

    __slots__ = ('end', 'replacement', 'start')

    def __init__(self, start: int, end: int, replacement: bytes) -> None:
        self.start = start
        self.end = end
        self.replacement = replacement


class Splicer:
    """Holds pieces until they are decided, and applies edits as it releases them."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.base = 0  # where the buffer begins in the stream
        self.edits: list[Edit] = []
        self._sizes: collections.deque[int] = collections.deque()
        self._context = b''
        self._applied = 0  # how many edits the current release has used up

    @property
    def end(self) -> int:
        return self.base + len(self.buffer)

    @property
    def holds(self) -> bool:
        return bool(self._sizes)

    def add(self, data: bytes) -> None:
        self.buffer += data
        self._sizes.append(len(data))

    def edit(self, start: int, end: int, replacement: bytes) -> Edit:
        """Replace a stretch that is not released yet. Stretches must not overlap."""
        edit = Edit(start, end, replacement)
        if not self.edits or self.edits[-1].start <= start:
            self.edits.append(edit)
            return edit
        bisect.insort(self.edits, edit, key=lambda each: each.start)
        return edit

    def passed(self, data: bytes) -> list[bytes]:
        """Let a piece through unchanged, if nothing is held before it."""
        self.base += len(data)
        self._context = data[-_CONTEXT:] if len(data) >= _CONTEXT else (self._context + data)[-_CONTEXT:]
        return [data]

    def before(self, position: int, count: int) -> bytes:
        """Up to so many bytes (at most 256) before a position of the buffer, be they released already."""
        start = position - self.base
        if start >= count:
            return bytes(self.buffer[start - count : start])
        return self._context[
            len(self._context) - (count - start) if len(self._context) > count - start else 0 :
        ] + bytes(self.buffer[:start])

    def release(self, upto: int) -> list[bytes]:
        """The pieces that end at or before a position, edited."""
        pieces: list[bytes] = []
        position = 0
        self._applied = 0
        while self._sizes and self.base + position + self._sizes[0] <= upto:
            size = self._sizes.popleft()
            pieces.append(self._spliced(self.base + position, self.base + position + size))
            position += size
        if position:
            self._context = (self._context + self.buffer[max(0, position - _CONTEXT) : position])[-_CONTEXT:]
            del self.buffer[:position]
            del self.edits[: self._applied]
            self.base += position
        return pieces

    def _spliced(self, start: int, end: int) -> bytes:
        parts: list[bytes] = []
        position = start
        while self._applied < len(self.edits) and self.edits[self._applied].start < end:
            edit = self.edits[self._applied]
            if edit.start >= start:
                parts.append(bytes(self.buffer[position - self.base : edit.start - self.base]))
                parts.append(edit.replacement)
            position = max(position, min(edit.end, end))
            if edit.end > end:
                break
            self._applied += 1
        parts.append(bytes(self.buffer[position - self.base : end - self.base]))
        return b''.join(parts)


class Piped:
    """One redactor after another."""

    def __init__(self, first: BodyRedactor, second: BodyRedactor) -> None:
        self._first = first
        self._second = second

    def feed(self, data: bytes) -> list[bytes]:
        return [out for piece in self._first.feed(data) for out in self._second.feed(piece)]

    def finish(self) -> list[bytes]:
        return [out for piece in self._first.finish() for out in self._second.feed(piece)] + self._second.finish()


class Whole:
    """A body that can be judged only as a whole, such as protobuf: held until its end, or until it is too long.

    Where it changed, the result is cut at the places of the old borders, and the last piece takes the rest.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._given_up = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._given_up:
            return [b'']
        self._pieces.append(data)
        self._size += len(data)
        if self._size <= LIMIT:
            return []
        self._given_up = True
        pieces, self._pieces = self._pieces, []
        return [self.too_long(b''.join(pieces)[:LIMIT]), *(b'' for _ in pieces[1:])]

    def finish(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        if not pieces:
            return []
        before = b''.join(pieces)
        after = self.redacted(before) if before else before
        if after == before:
            return pieces
        results: list[bytes] = []
        for piece in pieces[:-1]:
            results.append(after[: len(piece)])
            after = after[len(piece) :]
        return [*results, after]

    def redacted(self, body: bytes) -> bytes:
        """The whole body, redacted."""
        raise NotImplementedError

    def too_long(self, head: bytes) -> bytes:
        """What stands in the place of a body that is too long to be held."""
        raise NotImplementedError
