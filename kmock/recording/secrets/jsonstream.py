"""An incremental lexer of JSON: the tokens of a text that comes in pieces, with their places. It decodes nothing.

It tells keys from values and keeps count of brackets; commas are taken for granted. Any number of values may follow one
another, as in a watch. It can begin amid a text, inside of an object. What can't be JSON raises `JsonError`.
"""

import json
import re
from collections.abc import Iterator
from enum import IntEnum

__all__ = ['JsonError', 'Lexer', 'Token', 'map_back', 'unescape']

MAX_DEPTH = 1000
_OBJECT = ord('{')
_MAX_SCALAR = 4096
_MAX_KEY = 65536


class JsonError(ValueError):
    """The text is no JSON, from this place on."""


class Token(IntEnum):
    """What begins and ends at the given places; the quotes belong to the strings."""

    KEY = 1
    STRING = 2
    SCALAR = 3
    OPEN = 4
    CLOSE = 5
    LONG = 6
    """The beginning of a string that is too long to wait for its end."""
    LONG_END = 7
    CUT = 8
    """A string that the end of the text cuts off."""


_BLANK = rb'[ \t\r\n]*+'
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_MEMBER = re.compile(rb'[ \t\r\n,]*+(?:(' + _STRING + rb')' + _BLANK + rb':|(\}))', re.DOTALL)
_VALUE = re.compile(rb'[ \t\r\n,]*+(?:(' + _STRING + rb')|([{\[])|(\])|([^ \t\r\n,:\[\]{}"]++))', re.DOTALL)
_PENDING = re.compile(rb'[ \t\r\n,]*+(?:"(?:[^"\\]++|\\.)*+(?:\\?|"' + _BLANK + rb'))?\Z', re.DOTALL)
_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_START = re.compile(rb'[ \t\r\n,]*+')


class Lexer:
    """Gives the tokens of a text that grows at its end.

    Args:
        limit: how long a string may be; of a longer one, the beginning (so long) and the end are told apart.
        inside: whether it begins amid an object, before a key or after a value.

    Attributes:
        position: up to where the text has been read: in the text that was given last. It may be set back by the owner
            who cuts off the text's beginning; and forth, over whole values or members, if `between` allows that.
        depth: how many brackets are open.
    """

    def __init__(self, limit: int, *, inside: bool = False) -> None:
        self.position = 0
        self._limit = limit
        self._stack = bytearray(b'{' if inside else b'')
        self._keyed = False  # a key was read, and its value has to come
        self._in_string = False  # amid a long one
        self._waiting = 0  # so far no quote has come for the string that begins at `position`

    @property
    def depth(self) -> int:
        return len(self._stack)

    @property
    def between(self) -> bool:
        """Whether a member or an item may begin at `position`, and is whole for all that is known."""
        return not (self._keyed or self._in_string or self._waiting)

    def tokens(self, text: bytes | bytearray, *, final: bool) -> Iterator[tuple[Token, int, int]]:
        """The next tokens, as far as they are complete. `position` is kept up at every step.

        Raises:
            JsonError: at `position`, the text can't be JSON.
        """
        if self._in_string:
            yield from self._skip_string(text)
            if self._in_string:
                return
        while self.position < len(text):
            size = len(text) - self.position
            open_string = not final and self._waiting > 0 and size <= self._limit
            if open_string and text.find(b'"', self.position + self._waiting) < 0:
                self._waiting = size
                return
            self._waiting = 0
            members = not self._keyed and self._stack and self._stack[-1] == _OBJECT
            match = (_MEMBER if members else _VALUE).match(text, self.position)
            if match is None:
                yield from self._incomplete(text, final=final)
                if not self._in_string:
                    return
                continue
            kind = match.lastindex or 0
            start, end = match.span(kind)
            self.position = start  # where an error is; blanks and commas before it don't matter
            if members:
                yield self._member(match, kind, start, end)
            elif kind == 1:
                if end - start - 2 > self._limit:
                    self._in_string = True
                    yield Token.LONG, start, start + 1 + self._limit
                    self.position = end - 1
                    yield from self._skip_string(text)
                else:
                    self.position, self._keyed = end, False
                    yield Token.STRING, start, end
            elif kind == 2:
                self._open(text[start])
                self.position = end
                yield Token.OPEN, start, end
            elif kind == 3:
                self._close(b'[')
                self.position = end
                yield Token.CLOSE, start, end
            elif end - start > _MAX_SCALAR:
                raise JsonError('It is no JSON.')
            elif end == len(text) and not final:
                return
            else:
                self.position, self._keyed = end, False
                yield Token.SCALAR, start, end

    def _member(self, match: re.Match[bytes], kind: int, start: int, end: int) -> tuple[Token, int, int]:
        if kind == 1:
            if end - start > _MAX_KEY:
                raise JsonError('A key is too long.')
            self._keyed = True
            self.position = match.end()
            return Token.KEY, start, end
        self._close(b'{')
        self.position = end
        return Token.CLOSE, start, end

    def _open(self, bracket: int) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise JsonError(f'It is nested deeper than {MAX_DEPTH} levels.')
        self._stack.append(bracket)
        self._keyed = False

    def _close(self, bracket: bytes) -> None:
        if self._stack[-1:] != bracket:
            raise JsonError('A bracket closes what was not opened.')
        self._stack.pop()
        self._keyed = False

    def _incomplete(self, text: bytes | bytearray, *, final: bool) -> Iterator[tuple[Token, int, int]]:
        """No whole token: more has to come, or the text is cut off, or it is no JSON."""
        blank = _START.match(text, self.position)
        start = blank.end() if blank is not None else self.position
        self.position = start
        if start < len(text) and _PENDING.match(text, start) is None:
            raise JsonError('It is no JSON.')
        is_value = self._keyed or self._stack[-1:] != b'{'
        if not is_value and len(text) - start > _MAX_KEY:
            raise JsonError('A key is too long.')
        rest = _REST.match(text, start + 1)
        reached = rest.end() if rest is not None else len(text)
        if final:
            if is_value and start < len(text):
                yield Token.CUT, start, len(text)
            self.position = len(text)
        elif is_value and len(text) - start - 1 > self._limit:
            self._in_string = True
            yield Token.LONG, start, start + 1 + self._limit
            self.position = reached
        elif text[reached : reached + 1] != b'"':
            self._waiting = len(text) - start

    def _skip_string(self, text: bytes | bytearray) -> Iterator[tuple[Token, int, int]]:
        match = _REST.match(text, self.position)
        self.position = match.end() if match is not None else self.position
        if text[self.position : self.position + 1] == b'"':
            self.position += 1
            self._in_string = self._keyed = False
            yield Token.LONG_END, self.position - 1, self.position


_SIMPLE = {rb'\"': b'"', rb'\\': b'\\', rb'\/': b'/', rb'\n': b'\n', rb'\r': b'\r', rb'\t': b'\t'}
_ESCAPE = re.compile(rb'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)', re.DOTALL)


def unescape(raw: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """Decode the inside of a JSON string to UTF-8; and where the places after escapes are: (decoded, encoded) offsets.

    What is no escape, or half of a surrogate pair, is left as it stands: this is for finding secrets, not for judging.
    """
    parts: list[bytes] = []
    offsets = [(0, 0)]
    position = size = 0
    for match in _ESCAPE.finditer(raw):
        parts.append(raw[position : match.start()])
        size += match.start() - position
        decoded = _SIMPLE.get(match[0]) or _unescape_one(match[0])
        offsets.append((size, match.start()))
        parts.append(decoded)
        size += len(decoded)
        position = match.end()
        offsets.append((size, position))
    parts.append(raw[position:])
    return b''.join(parts), offsets


def _unescape_one(escape: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + escape + b'"')).encode()
    except ValueError:
        return escape


def map_back(offsets: list[tuple[int, int]], place: int) -> int:
    """Where a place of a decoded string is in the encoded one."""
    low, high = 0, len(offsets)
    while low + 1 < high:
        middle = (low + high) // 2
        if offsets[middle][0] <= place:
            low = middle
        else:
            high = middle
    return offsets[low][1] + place - offsets[low][0]
