"""Times in objects: reading RFC 3339, and writing it as the API server does. No clock is here.

Source of the messages: Go's `time.Parse`, in the API server's answers to malformed times.
"""

import datetime
import re

__all__ = ['TimeError', 'canonical_microtime', 'canonical_time', 'parse_time']

_USUAL = re.compile(r'(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ', re.ASCII)
_FORM = re.compile(r'(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:(Z)|([+-])(\d\d):(\d\d))', re.ASCII)
_LAYOUT = '2006-01-02T15:04:05Z07:00'
_STEPS = (
    (re.compile(r'\d{4}', re.ASCII), '2006'),
    (re.compile('-'), '-'),
    (re.compile(r'\d\d', re.ASCII), '01'),
    (re.compile('-'), '-'),
    (re.compile(r'\d\d', re.ASCII), '02'),
    (re.compile('T'), 'T'),
    (re.compile(r'\d\d', re.ASCII), '15'),
    (re.compile(':'), ':'),
    (re.compile(r'\d\d', re.ASCII), '04'),
    (re.compile(':'), ':'),
    (re.compile(r'\d\d(?:[.,]\d+)?', re.ASCII), '05'),
    (re.compile(r'Z|[+-]\d\d:\d\d', re.ASCII), 'Z07:00'),
)


class TimeError(ValueError):
    """The text is no time; the message is Go's."""


def parse_time(text: str) -> datetime.datetime:
    """The moment, in UTC.

    Raises:
        TimeError: it is not RFC 3339.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise TimeError(_complaint(text))
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = found.groups()
    for value, limit, what in (
        (month, 12, 'month'),
        (hour, 23, 'hour'),
        (minute, 59, 'minute'),
        (second, 59, 'second'),
    ):
        if int(value) > limit or (what == 'month' and int(value) == 0):
            raise TimeError(f'parsing time "{text}": {what} out of range')
    try:
        micros = int((fraction or '0')[:6].ljust(6, '0'))
        moment = datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micros)
        if sign:
            ahead = datetime.timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - ahead if sign == '+' else moment + ahead
    except (ValueError, OverflowError) as error:
        raise TimeError(f'parsing time "{text}": day out of range') from error
    return moment.replace(tzinfo=datetime.UTC)


def canonical_time(text: str) -> str:
    """A time as the server gives it: UTC, whole seconds."""
    return text if _USUAL.fullmatch(text) else parse_time(text).strftime('%Y-%m-%dT%H:%M:%SZ').rjust(20, '0')


def canonical_microtime(text: str) -> str:
    """A time as the server gives it where it keeps microseconds, as of Leases and Events."""
    return parse_time(text).strftime('%Y-%m-%dT%H:%M:%S.%fZ').rjust(27, '0')


def _complaint(text: str) -> str:
    rest = text
    for form, layout in _STEPS:
        found = form.match(rest)
        if found is None:
            return f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{layout}"'
        rest = rest[found.end() :]
    return f'parsing time "{text}": extra text: "{rest}"'
