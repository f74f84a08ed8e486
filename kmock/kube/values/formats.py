"""The formats of strings that schemas of custom resources may demand: `date-time`, `ipv4`, `uuid`, ...

Formats that are not listed are ignored, as the API server ignores them.
Source: the Kubernetes documentation of CustomResourceDefinitions, "Validation"; the formats of go-openapi.
"""

import datetime
import functools
import ipaddress
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

__all__ = ['FORMATS', 'NUMBER_FORMATS', 'is_cidr', 'is_ip', 'parse_duration']

NUMBER_FORMATS = frozenset({'int32', 'int64', 'uint32', 'uint64', 'float', 'double'})
"""Formats of numbers, which limit their range."""

_CLOCK = re.compile(r'([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})')
_DATE = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}')
_LABEL = re.compile(r'[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?')
_HOST_LABEL = re.compile(r'[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?')
_TOP_LABEL = re.compile(r'[a-zA-Z]{2,63}|xn--[a-zA-Z0-9-]+')
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\x80-\U0010FFFF-]+@[A-Za-z0-9\x80-\U0010FFFF.\[\]:-]+")
_GO_DURATION = re.compile(r'[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+', re.ASCII)
_GO_PART = re.compile(r'(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)', re.ASCII)
_NANOS = {'ns': 1, 'us': 10**3, 'µs': 10**3, 'μs': 10**3, 'ms': 10**6, 's': 10**9, 'm': 60 * 10**9, 'h': 3600 * 10**9}
_LONG_DURATION = re.compile(
    r'(?:\d+\s*(?:ns|nanos?|nanoseconds?|us|µs|μs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?'
    r'|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*)+',
    re.ASCII | re.IGNORECASE,
)
_URI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:.+|/.*', re.DOTALL)
_RGB = re.compile(r'rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)', re.ASCII)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return text.startswith('0000-')
    return True


def is_date_time(text: str) -> bool:
    date, mark, clock = text.lower().partition('t')
    found = _CLOCK.fullmatch(clock)
    return bool(mark) and is_date(date) and found is not None and found[1] <= '23' and max(found[2], found[3]) <= '59'


def parse_duration(text: str) -> int | None:
    """The nanoseconds of a duration as Go writes them, e.g. `1h30m`; None if it is none."""
    if text in ('0', '+0', '-0'):
        return 0
    if _GO_DURATION.fullmatch(text) is None:
        return None
    total = 0
    for digits, unit in _GO_PART.findall(text):
        whole, _, fraction = digits.partition('.')
        total += int(whole or '0') * _NANOS[unit]
        if fraction:
            total += int(fraction) * _NANOS[unit] // 10 ** len(fraction)
    if total > 2**63 - 1:
        return None
    return -total if text[0] == '-' else total


def is_duration(text: str) -> bool:
    return parse_duration(text) is not None or _LONG_DURATION.fullmatch(text) is not None


def is_ip(text: str, version: int | None = None) -> bool:
    """Whether Go parses it as an address: no zones, no leading zeros."""
    if '%' in text or len(text) > 64:
        return False
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version is None or found.version == version


def is_cidr(text: str) -> bool:
    address, slash, length = text.partition('/')
    if not slash or not is_ip(address) or not (length.isascii() and length.isdigit()) or len(length) > 3:
        return False
    return int(length) <= (128 if ':' in address else 32) and (length == '0' or length[0] != '0')


def _is_mac(text: str) -> bool:
    for separator, width in ((':', 2), ('-', 2), ('.', 4)):
        if separator in text:
            parts = text.split(separator)
            octets = len(parts) * width // 2
            return octets in (6, 8, 20) and all(re.fullmatch(f'[0-9a-fA-F]{{{width}}}', each) for each in parts)
    return False


def is_uri(text: str) -> bool:
    """Whether Go's `url.ParseRequestURI` takes it: absolute, or a path; without spaces and controls."""
    if _URI.fullmatch(text) is None or any(ord(each) <= 32 or ord(each) == 127 for each in text):
        return False
    if re.search(r'%(?![0-9A-Fa-f]{2})', text.partition('?')[0]):
        return False
    try:
        parts = urlsplit(text)
        return parts.port is None or parts.port >= 0
    except ValueError:
        return False


def _is_hostname(text: str) -> bool:
    if not 0 < len(text) <= 255:
        return False
    labels = text.split('.')
    if not all(_HOST_LABEL.fullmatch(each) for each in labels):
        return False
    return len(labels) == 1 or _TOP_LABEL.fullmatch(labels[-1]) is not None


def _is_isbn10(text: str) -> bool:
    digits = re.sub(r'[\s-]+', '', text)
    if re.fullmatch(r'[0-9]{9}[0-9X]', digits) is None:
        return False
    return sum((10 - at) * (10 if each == 'X' else int(each)) for at, each in enumerate(digits)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    digits = re.sub(r'[\s-]+', '', text)
    if re.fullmatch(r'[0-9]{13}', digits) is None:
        return False
    return sum(int(each) * (3 if at % 2 else 1) for at, each in enumerate(digits)) % 10 == 0


def _is_credit_card(text: str) -> bool:
    digits = re.sub(r'[^0-9]+', '', text)
    known = r'4\d{12}(?:\d{3})?|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|6(?:011|5\d\d)\d{12}'
    if re.fullmatch(known + r'|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11}', digits) is None:
        return False
    doubled = [int(each) * 2 if at % 2 else int(each) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _is_rgb(text: str) -> bool:
    found = _RGB.fullmatch(text)
    return found is not None and all(int(each) <= 255 for each in found.groups())


def _uuid(version: str) -> Callable[[str], bool]:
    variant = '[89abAB]' if version in '45' else '[0-9a-fA-F]'
    digit = '[0-9a-fA-F]'
    return _matches(f'{digit}{{8}}-?{digit}{{4}}-?{version}{digit}{{3}}-?{variant}{digit}{{3}}-?{digit}{{12}}')


def _is_subdomain(text: str) -> bool:
    return len(text) <= 253 and all(_LABEL.fullmatch(each) for each in text.split('.'))


FORMATS: Mapping[str, Callable[[str], bool]] = {
    'bsonobjectid': _matches(r'[0-9a-fA-F]{24}'),
    'byte': _matches(r'(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'),
    'cidr': is_cidr,
    'creditcard': _is_credit_card,
    'date': is_date,
    'date-time': is_date_time,
    'datetime': is_date_time,
    'duration': is_duration,
    'email': lambda text: _EMAIL.fullmatch(text) is not None and '..' not in text and text[0] != '.',
    'hexcolor': _matches(r'#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})'),
    'hostname': _is_hostname,
    'ipv4': functools.partial(is_ip, version=4),
    'ipv6': functools.partial(is_ip, version=6),
    'isbn': lambda text: _is_isbn10(text) or _is_isbn13(text),
    'isbn10': _is_isbn10,
    'isbn13': _is_isbn13,
    'k8s-long-name': _is_subdomain,
    'k8s-short-name': _matches(_LABEL.pattern),
    'mac': _is_mac,
    'password': lambda text: True,
    'rgbcolor': _is_rgb,
    'ssn': _matches(r'\d{3}[- ]?\d{2}[- ]?\d{4}'),
    'uri': is_uri,
    'uuid': _matches(r'[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}'),
    'uuid3': _uuid('3'),
    'uuid4': _uuid('4'),
    'uuid5': _uuid('5'),
}
"""Whether a text is of a format, by the format's name."""
