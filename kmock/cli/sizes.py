"""Sizes as people write them (`500MB`), and counts as they read them (`2 requests`)."""

import re

__all__ = ['parse_size', 'plural']

_UNITS = {'': 1, 'K': 10**3, 'M': 10**6, 'G': 10**9, 'T': 10**12, 'KI': 2**10, 'MI': 2**20, 'GI': 2**30, 'TI': 2**40}
_PATTERN = re.compile(r'\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*', re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Read a number of bytes with an optional unit, decimal (kB, MB, GB) or binary (KiB, MiB, GiB).

    Raises:
        ValueError: it is none, or leaves no room for anything.
    """
    match = _PATTERN.fullmatch(text)
    unit = None if match is None else _UNITS.get(match[2].upper())
    if match is None or unit is None:
        raise ValueError(f'{text!r} is not a size: write bytes, or 500MB, 2GB, 64MiB.')
    size = int(float(match[1]) * unit)
    if size <= 0:
        raise ValueError(f'{text!r} leaves no room for anything.')
    return size


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 request`, `2 requests`; `many` is for nouns that do not just take an s."""
    return f'{count} {noun if count == 1 else many or noun + "s"}'
