"""Quantities of resources (`500m`, `1Gi`): parsing, comparing, and their canonical text.

Source: the Kubernetes API reference, "Quantity"; the canonical form keeps no fractions, has no more digits than
needed, and the largest suffix of its family (decimal, binary, exponent) that allows that.
"""

import dataclasses
import re
from fractions import Fraction

__all__ = ['MALFORMED', 'Quantity', 'canonical_quantity', 'parse_quantity']

MALFORMED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

_FORM = re.compile(
    r'([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?', re.ASCII
)
_BINARY = {'Ki': 1, 'Mi': 2, 'Gi': 3, 'Ti': 4, 'Pi': 5, 'Ei': 6}
_DECIMAL = {'n': -9, 'u': -6, 'm': -3, '': 0, 'k': 3, 'M': 6, 'G': 9, 'T': 12, 'P': 15, 'E': 18}
_BINARY_UP = sorted(((power, suffix) for suffix, power in _BINARY.items()), reverse=True)
_DECIMAL_UP = sorted(((power, suffix) for suffix, power in _DECIMAL.items()), reverse=True)
_CANONICAL = re.compile(r'[1-9][0-9]{0,2}[mkMG]?|[1-9][0-9]{0,2}[KMGT]i|0', re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Quantity:
    """An amount, and the family of suffixes that it was written with: `decimal`, `binary`, `exponent`."""

    amount: Fraction
    family: str

    def __str__(self) -> str:
        return _text(self.amount, self.family)


def parse_quantity(text: str) -> Quantity | None:
    """The quantity that a text means; None if it means none. What is finer than a nano is rounded up."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    sign, digits, binary, decimal, exponent = found.groups()
    amount = Fraction('0' + digits if digits[0] == '.' else digits.rstrip('.') if digits[-1] == '.' else digits)
    if binary:
        amount, family = amount * 1024 ** _BINARY[binary], 'binary'
    elif exponent is not None:
        amount, family = amount * Fraction(10) ** int(exponent), 'exponent'
    else:
        amount, family = amount * Fraction(10) ** _DECIMAL[decimal or ''], 'decimal'
    nanos = amount * 10**9
    if nanos.denominator != 1:
        amount = Fraction(-(-nanos.numerator // nanos.denominator), 10**9)
    return Quantity(-amount if sign == '-' else amount, family)


def canonical_quantity(text: str) -> str | None:
    """The text that the API server gives for a quantity; None if it is none."""
    if _CANONICAL.fullmatch(text):
        return text
    parsed = parse_quantity(text)
    return None if parsed is None else str(parsed)


def _text(amount: Fraction, family: str) -> str:
    if family == 'binary' and (amount.denominator != 1 or abs(amount) < 1024):
        family = 'decimal'
    if not amount:
        return '0'
    if family == 'binary':
        for power, suffix in _BINARY_UP:
            if amount % 1024**power == 0:
                return f'{amount.numerator // 1024**power}{suffix}'
        return str(amount.numerator)
    for power, suffix in _DECIMAL_UP:
        scaled = amount / Fraction(10) ** power
        if scaled.denominator == 1:
            written = suffix if family == 'decimal' else f'e{power}' if power else ''
            return f'{scaled.numerator}{written}'
    raise AssertionError('A parsed quantity is never finer than a nano.')
