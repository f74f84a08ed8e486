"""JSON from outside, within limits: one bounded text at once, or a long document piece by piece.

What a text costs once it is parsed is decided by how many values are in it, not by its length: a text of 16 MiB is
fine if it is one long string, and would be a gigabyte if it were empty lists. So long texts are looked over first.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

__all__ = ['MAX_TEXT', 'JsonReader', 'parse_object', 'take', 'to_json']

MAX_TEXT: Final = 16 * 1024 * 1024
"""The longest text that is parsed at once, in bytes."""

MAX_SKELETON: Final = 1024 * 1024
"""How much of a text may be other than the inside of strings."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SPACE = re.compile(rb'[ \t\r\n]*')
_TOKEN = re.compile(rb'[\s,:]*+("[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]|[^\s,:"\[\]{}]++)', re.DOTALL)


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: it is none, or too long, or too many values.
    """
    value = _parse(text)
    if type(value) is not dict:
        raise ValueError('it is not a JSON object')
    return value


def _parse(text: bytes) -> Any:
    if len(text) > MAX_TEXT:
        raise ValueError(f'it is longer than {MAX_TEXT:,} bytes')
    if len(text) > MAX_SKELETON and len(_STRING.sub(b'', text)) > MAX_SKELETON:
        raise ValueError('it has more values than any record')
    try:
        return json.loads(text.decode())
    except RecursionError:
        raise ValueError('it is nested too deep') from None
    except json.JSONDecodeError as error:
        raise ValueError(f'it is no JSON: {error.msg} (column {error.colno})') from None
    except UnicodeDecodeError:
        raise ValueError('it is not UTF-8') from None


_REQUIRED: Any = object()


def take(record: Mapping[str, Any], key: str, *types: type, default: Any = _REQUIRED) -> Any:
    """The value of a key, which must be of exactly one of the types: a bool is no number.

    Raises:
        ValueError: it is of another type, or missing where there is no default.
    """
    value = record.get(key, default)
    if value is _REQUIRED:
        raise ValueError(f'"{key}" is missing')
    if type(value) not in types and value is not default:
        names = ' or '.join('null' if each is type(None) else each.__name__ for each in types)
        raise ValueError(f'"{key}" is {value!r:.40}, not of type {names}')
    return value


_encode = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8, unescaped where possible."""
    text = _encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Lone surrogates, from bytes that were not UTF-8: Python escapes them exactly as JSON does.
        return text.encode('utf-8', 'backslashreplace')


class JsonReader:
    """A cursor in a JSON document of any length. Objects and arrays are entered, small values are parsed whole."""

    BLOCK = 256 * 1024

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._start = 0
        self._read = 0
        if self._peek(3) == b'\xef\xbb\xbf':
            self._start = 3

    @property
    def position(self) -> int:
        """How many bytes of the document are behind the cursor."""
        return self._read - len(self._buffer) + self._start

    def items(self) -> Iterator[str]:
        """Enter an object: its keys, one by one. Before the next key is asked for, its value must be read."""
        self._expect(b'{')
        for _ in self._until(b'}'):
            key = self.value()
            if type(key) is not str:
                raise ValueError('a key of an object is no string')
            self._expect(b':')
            yield key

    def elements(self) -> Iterator[None]:
        """Enter an array: one turn an element, which must be read before the next turn."""
        self._expect(b'[')
        yield from self._until(b']')

    def value(self) -> Any:
        """Parse the value at the cursor."""
        end = self._end_of_value()
        text = bytes(self._buffer[self._start : end])
        self._start = end
        return _parse(text)

    def finish(self) -> None:
        """Check that nothing follows."""
        if self._next():
            raise ValueError('there is more after the end of the document')

    def _until(self, close: bytes) -> Iterator[None]:
        if self._next() == close:
            self._start += 1
            return
        while True:
            yield
            following = self._next()
            self._start += 1
            if following == close:
                return
            if following != b',':
                raise ValueError(f'there is {following!r} instead of a comma or an end')

    def _expect(self, char: bytes) -> None:
        if self._next() != char:
            raise ValueError(f'there is {self._next()!r} instead of {char.decode()!r}')
        self._start += 1

    def _next(self) -> bytes:
        """The first character that is not white space; empty at the end of the document."""
        while True:
            match = _SPACE.match(self._buffer, self._start)
            assert match is not None
            self._start = match.end()
            if self._start < len(self._buffer) or not self._fill():
                return bytes(self._buffer[self._start : self._start + 1])

    def _peek(self, size: int) -> bytes:
        while len(self._buffer) - self._start < size and self._fill():
            pass
        return bytes(self._buffer[self._start : self._start + size])

    def _fill(self) -> bool:
        pending = len(self._buffer) - self._start  # at least doubled, so that a long string is not searched too often
        block = self._file.read(max(self.BLOCK, pending))
        if self._start > self.BLOCK:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += block
        self._read += len(block)
        return bool(block)

    def _end_of_value(self) -> int:
        """Where the value ends that begins at the cursor, found by counting brackets outside of strings."""
        if not self._next():
            raise ValueError('the document ends too early')
        depth = tokens = 0
        size = 0  # up to here, relative to the cursor, nothing is open but brackets
        while True:
            match = _TOKEN.match(self._buffer, self._start + size)
            if match is None or match.end() == len(self._buffer):  # the rest of it may come with the next block
                if len(self._buffer) - self._start > MAX_TEXT:
                    raise ValueError(f'there is a value longer than {MAX_TEXT:,} bytes')
                if self._fill():
                    continue
                if match is None:
                    raise ValueError('the document ends too early')
            first = match.group(1)[:1]
            depth += (first in b'[{') - (first in b']}')
            size = match.end() - self._start
            if depth <= 0:
                return match.end()
            tokens += 1
            if tokens > MAX_SKELETON:
                raise ValueError('there is a value made of more values than any record')
