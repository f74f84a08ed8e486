"""Regular expressions that pass whole stretches of JSON with nothing secret in them, each in one match.

They accept a part of what the lexer accepts, so it makes no difference where a piece ends: what is not whole, or too
deep, or unusual, is left to the lexer. Everything is possessive: a match that fails costs one pass over the text.

A string is dull if it does not begin like JSON, for that would be looked into. A plain value is one that holds no keys
`data` and `stringData` either; metadata may hold them.
"""

import functools
import re
from typing import NamedTuple

__all__ = ['ROOM', 'SecretSkimmer', 'ValueSkimmer', 'prepare', 'secret_skimmer', 'value_skimmer']

ROOM = 16
"""More levels than any of the expressions goes into: where so many are not left, they must not be used."""

BLANK = rb'[ \t\r\n]*+'
COMMA = rb'[ \t\r\n,]*+'
_COLON = BLANK + rb':' + BLANK
_SCALAR = rb'[^ \t\r\n,:\[\]{}"]{1,4096}+(?=[ \t\r\n,\]}])'
_DULL = rb'"(?!(?:[ \t\r\n]|\\[nrt])*+[{\[])(?:[^"\\]++|\\.)*+"'
# Shorter than the longest key of the lexer, whatever is in them.
_KEY = rb'"(?:[^"\\]{1,250}+|\\.){0,64}+"'
# No letter of `data` and `stringData` is escaped in them.
_PLAIN_KEY = rb'"(?!(?:data|stringData)")(?:[^"\\]{1,250}+|\\(?!u00[4-7]).){0,64}+"'


def _value(key: bytes, depth: int, arrays: int) -> bytes:
    """A value up to some depth; below the given one, arrays hold no objects or arrays."""
    parts = [_DULL, _SCALAR]
    if depth:
        inner = _value(key, depth - 1, max(arrays - 1, 0))
        items = inner if arrays else rb'(?:' + _DULL + rb'|' + _SCALAR + rb')'
        parts.append(rb'\{(?:' + COMMA + key + _COLON + inner + rb')*+' + COMMA + rb'\}')
        parts.append(rb'\[(?:' + COMMA + items + rb')*+' + COMMA + rb'\]')
    return rb'(?:' + rb'|'.join(parts) + rb')'


_FLAT = rb'"(?:[^"\\]++|\\.)*+"|null(?=[ \t\r\n,}])'
_PAIR = COMMA + _KEY + _COLON + rb'(?:"((?:[^"\\]++|\\.)*+)"|null(?=[ \t\r\n,}]))'
_DATA = COMMA + rb'"(data|stringData)"' + _COLON + rb'\{((?:' + COMMA + _KEY + _COLON + rb'(?:' + _FLAT + rb'))*+)'
_DATA += COMMA + rb'\}'
_IN_METADATA = _value(_KEY, 8, 1)
_METADATA = rb'"metadata"' + _COLON + rb'\{(?:' + COMMA + _KEY + _COLON + _IN_METADATA + rb')*+' + COMMA + rb'\}'
_PLAIN_MEMBER = COMMA + _PLAIN_KEY + _COLON + _value(_PLAIN_KEY, 2, 1)


class SecretSkimmer(NamedTuple):
    """Passes through Secrets. Each is to be matched where a member or an item may begin, at its comma."""

    members: re.Pattern[bytes]
    """Members of a Secret besides its data; at least nothing."""
    data: re.Pattern[bytes]
    """The data of a Secret, without anything unusual in it: (`data` or `stringData`), (the members)."""
    pair: re.Pattern[bytes]
    """A member of that: (the value without its quotes; none if it is null)."""
    secret: re.Pattern[bytes]
    """A whole Secret, with a key or without: (the key), and twice the groups of `data`."""


class ValueSkimmer(NamedTuple):
    """Passes values, one by one."""

    key: re.Pattern[bytes]
    """The key of a member, without escapes, up to the value: (the key)."""
    plain: re.Pattern[bytes]
    """A value."""
    in_metadata: re.Pattern[bytes]
    """A value somewhere in metadata."""
    metadata: re.Pattern[bytes]
    """The member that is the metadata: key and value."""


@functools.cache
def secret_skimmer() -> SecretSkimmer:
    """The compiled expressions, which takes some milliseconds the first time."""
    plain = rb'(?:' + _PLAIN_MEMBER + rb')*+'
    members = rb'(?:' + COMMA + _METADATA + rb'|' + _PLAIN_MEMBER + rb')*+'
    secret = COMMA + rb'(?:(' + _PLAIN_KEY + rb')' + _COLON + rb')?+\{' + members
    secret += (rb'(?:' + _DATA + plain + rb')?+') * 2 + COMMA + rb'\}'
    return SecretSkimmer(*(re.compile(source, re.DOTALL) for source in (members, _DATA, _PAIR, secret)))


@functools.cache
def value_skimmer() -> ValueSkimmer:
    """The compiled expressions, which takes some milliseconds the first time."""
    key = COMMA + rb'"([^"\\]{0,4096}+)"' + _COLON
    plain, metadata = COMMA + _value(_PLAIN_KEY, 7, 3), COMMA + _METADATA
    sources = (key, plain, COMMA + _IN_METADATA, metadata)
    return ValueSkimmer(*(re.compile(source, re.DOTALL) for source in sources))


def prepare() -> None:
    """Compile all the expressions."""
    secret_skimmer()
    value_skimmer()
