"""Foreign text made safe to show on a terminal, in an error, in a diff: one line, no control characters, bounded."""

import re
import unicodedata

__all__ = ['display_width', 'printable', 'shorten', 'shorten_middle']

_NAMED = {'\n': '\\n', '\r': '\\r', '\t': '\\t'}
_WIDE = re.compile('[\u1100-\U0010ffff]')


def printable(text: str) -> str:
    """The text on one line, with escapes for all that is not printable: controls, bidirectional marks, surrogates."""
    if text.isprintable():
        return text
    return ''.join(char if char.isprintable() else _NAMED.get(char) or _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f'\\x{code:02x}'
    return f'\\u{code:04x}' if code <= 0xFFFF else f'\\U{code:08x}'


def display_width(text: str) -> int:
    """How many columns a printable text takes on a terminal."""
    if not _WIDE.search(text) and text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in 'WF' else 1


def shorten(text: str, width: int) -> str:
    """The printable text, cut to so many columns; an ellipsis shows where."""
    # No character takes more than ten columns, none fewer than zero; a foreign text can be megabytes long.
    text = printable(text[: max(width, 0) * 2 + 16])
    if display_width(text) <= width:
        return text
    return _take(text, width - 1) + '…' if width > 0 else ''


def shorten_middle(text: str, width: int) -> str:
    """The printable text with its middle left out, if it takes more than so many columns: for URLs."""
    text = printable(text[:100_000])
    if display_width(text) <= width or width < 8:
        return shorten(text, width)
    head = _take(text, (width - 1) * 2 // 3)
    tail = _take(text[::-1], width - 1 - display_width(head))[::-1]
    return f'{head}…{tail}'


def _take(text: str, width: int) -> str:
    taken = 0
    for index, char in enumerate(text):
        taken += _char_width(char)
        if taken > width:
            return text[:index]
    return text
