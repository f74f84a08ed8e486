"""JSON as Go reads it: the same documents are accepted, and refused with the same words.

Python's parser does the work; only what it refuses is gone through again for Go's message.
Source of the messages: observed on a real v1.36 API server; Go's `encoding/json` names the same errors.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ['MAX_DEPTH', 'GoJSONError', 'loads', 'loads_with_duplicates', 'syntax_error']

MAX_DEPTH = 10_000
"""The nesting that Go's decoder accepts; Python's accepts less, and what it can't hold is refused alike."""

_SPACE = b' \t\r\n'
_LITERALS = {ord('t'): b'true', ord('f'): b'false', ord('n'): b'null'}
_END = 'unexpected end of JSON input'


class GoJSONError(ValueError):
    """The document is no JSON; the text is Go's."""


def loads(body: bytes) -> Any:
    """Parse a document; of a repeated key the last value counts.

    Raises:
        GoJSONError: for what is no JSON. Bytes that are no UTF-8 are replaced, not refused, as in Go.
    """
    return _parse(body, _decode)


def loads_with_duplicates(body: bytes) -> tuple[Any, list[str]]:
    """Parse a document, and tell the paths (`spec.ports[0].name`) of the keys that it repeats, in their order."""
    try:
        return _parse(body, _decode_unique), []
    except _RepeatedKeyError:
        found: list[str] = []
        _walk(_parse(body, _decode_pairs), '', found)
        return _parse(body, _decode), found


class _RepeatedKeyError(Exception):
    """An object has a key twice."""


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise _RepeatedKeyError
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object with all that was written, repeated keys included."""


def _walk(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, item in value:
            below = f'{path}.{key}' if path else key
            if key in seen and below not in found:
                found.append(below)
            seen.add(key)
            _walk(item, below, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f'{path}[{index}]', found)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is no JSON.')


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f'cannot unmarshal number {text} into Go value of type float64')
    return value


_SURROGATE = re.compile(r'\\u[dD][89a-fA-F]')
_ESCAPE = re.compile(
    r'\\(?:[^u]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2}))'
)
"""An escape; the group is half a pair of surrogates, which Go reads as U+FFFD."""


# Making a decoder takes as long as a small object.
_decode = json.JSONDecoder(parse_float=_float, parse_constant=_no_constant).decode
_decode_unique = json.JSONDecoder(parse_float=_float, parse_constant=_no_constant, object_pairs_hook=_unique).decode
_decode_pairs = json.JSONDecoder(parse_float=_float, parse_constant=_no_constant, object_pairs_hook=_Pairs).decode


def _parse(body: bytes, decode: Callable[[str], Any]) -> Any:
    text = body.decode(errors='replace')
    if '\\u' in text and _SURROGATE.search(text):
        text = _ESCAPE.sub(lambda escape: '\ufffd' if escape.group(1) else escape.group(), text)
    try:
        return decode(text)
    except RecursionError:
        raise GoJSONError('exceeded max depth') from None
    except ValueError as error:
        raise GoJSONError(syntax_error(body) or f'json: {error}') from None


# --- Go's words for what is wrong


def syntax_error(body: bytes) -> str | None:
    """What Go's scanner says of the first wrong byte; None if it finds nothing wrong."""
    try:
        _Scanner(body).document()
    except GoJSONError as error:
        return str(error)
    return None


class _Scanner:
    """Goes through a document byte by byte, keeping the open brackets itself: nesting costs no recursion."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def _wrong(self, context: str) -> NoReturn:
        if self._at >= len(self._body):
            raise GoJSONError(_END)
        raise GoJSONError(f'invalid character {_quoted(self._body[self._at])} {context}')

    def _peek(self) -> int:
        """The next byte that is no space; -1 at the end."""
        while self._at < len(self._body) and self._body[self._at] in _SPACE:
            self._at += 1
        return self._body[self._at] if self._at < len(self._body) else -1

    def _next(self) -> int:
        return self._body[self._at] if self._at < len(self._body) else -1

    def document(self) -> None:
        open_brackets: list[int] = []
        while True:
            opened = self._value(open_brackets)
            if opened:
                continue
            if self._close(open_brackets):
                break
        if self._peek() != -1:
            self._wrong('after top-level value')

    def _value(self, open_brackets: list[int]) -> bool:
        """Go over a scalar or an opening bracket; True if a value must follow."""
        char = self._peek()
        if char == ord('{'):
            open_brackets.append(char)
            self._at += 1
            if self._peek() == ord('}'):
                return False
            self._key()
            return True
        if char == ord('['):
            open_brackets.append(char)
            self._at += 1
            return self._peek() != ord(']')
        self._scalar(char)
        return False

    def _close(self, open_brackets: list[int]) -> bool:
        """After a value: go over closing brackets and a comma; True at the end of the outermost value."""
        while open_brackets:
            if len(open_brackets) > MAX_DEPTH:
                raise GoJSONError('exceeded max depth')
            char, inside = self._peek(), open_brackets[-1]
            if char == ord(','):
                self._at += 1
                if inside == ord('{'):
                    self._key()
                return False
            if char != (ord('}') if inside == ord('{') else ord(']')):
                self._wrong('after object key:value pair' if inside == ord('{') else 'after array element')
            self._at += 1
            open_brackets.pop()
        return True

    def _key(self) -> None:
        if self._peek() != ord('"'):
            self._wrong('looking for beginning of object key string')
        self._string()
        if self._peek() != ord(':'):
            self._wrong('after object key')
        self._at += 1

    def _scalar(self, char: int) -> None:
        if char == ord('"'):
            self._string()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        elif char == ord('-') or 48 <= char <= 57:
            self._number()
        else:
            self._wrong('looking for beginning of value')

    def _literal(self, word: bytes) -> None:
        for expected in word:
            if self._next() != expected:
                self._wrong(f"in literal {word.decode()} (expecting '{chr(expected)}')")
            self._at += 1

    def _digits(self) -> bool:
        start = self._at
        while 48 <= self._next() <= 57:
            self._at += 1
        return self._at > start

    def _number(self) -> None:
        if self._next() == ord('-'):
            self._at += 1
        if self._next() == ord('0'):
            self._at += 1
        elif not self._digits():
            self._wrong('in numeric literal')
        if self._next() == ord('.'):
            self._at += 1
            if not self._digits():
                self._wrong('after decimal point in numeric literal')
        if self._next() in (ord('e'), ord('E')):
            self._at += 1
            if self._next() in (ord('+'), ord('-')):
                self._at += 1
            if not self._digits():
                self._wrong('in exponent of numeric literal')

    def _string(self) -> None:
        self._at += 1
        while (char := self._next()) != ord('"'):
            if char < 32:  # the end of the document included
                self._wrong('in string literal')
            self._at += 1
            if char == ord('\\'):
                self._escape()
        self._at += 1

    def _escape(self) -> None:
        if self._next() == ord('u'):
            self._at += 1
            for _ in range(4):
                if self._next() == -1 or self._next() not in b'0123456789abcdefABCDEF':
                    self._wrong('in \\u hexadecimal character escape')
                self._at += 1
        elif self._next() != -1 and self._next() in b'bfnrt\\/"':
            self._at += 1
        else:
            self._wrong('in string escape code')


_ESCAPES = {7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 39: "\\'", 92: '\\\\'}


def _quoted(char: int) -> str:
    """A byte as Go quotes it in these messages: as the character that has this number."""
    if char in _ESCAPES:
        return f"'{_ESCAPES[char]}'"
    if char < 32 or char == 127:
        return f"'\\x{char:02x}'"
    if 128 <= char < 161 or char == 173:
        return f"'\\u{char:04x}'"
    return f"'{chr(char)}'"
