"""The operators and the standard functions of CEL, and its extensions for strings, sets and optional values.

A function given what it has no overload for raises TypeError or CelError; the caller words it.
Source: the CEL language definition, "List of Standard Definitions"; the extensions of cel-go that Kubernetes enables.
"""

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

from kmock.kube.cel.errors import CelError
from kmock.kube.cel.values import Duration, Optional, Type, UInt, equal, less, type_name
from kmock.kube.values.formats import parse_duration
from kmock.kube.values.patterns import PatternError, go_pattern
from kmock.kube.values.timestamps import TimeError, parse_time

__all__ = ['FUNCTIONS', 'METHODS', 'OPERATORS', 'index', 'text_of']

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_range(value: Any, like: Any) -> Any:
    if isinstance(like, UInt):
        if not 0 <= value < 2**64:
            raise CelError('unsigned integer overflow')
        return UInt(value)
    if not -(2**63) <= value < 2**63:
        raise CelError('integer overflow')
    return int(value)


def _same_numbers(one: Any, other: Any) -> bool:
    if not (_number(one) and _number(other)):
        return False
    if type(one) is not type(other):
        raise TypeError
    return True


def _nanos(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1) * 1000


def _later(moment: datetime.datetime, nanos: int) -> datetime.datetime:
    try:
        return moment + datetime.timedelta(microseconds=nanos // 1000)
    except OverflowError as error:
        raise CelError('timestamp overflow') from error


def _add(one: Any, other: Any) -> Any:
    if _same_numbers(one, other):
        return one + other if isinstance(one, float) else _in_range(int(one) + int(other), one)
    if type(one) is type(other) and isinstance(one, str | bytes | list):
        return one + other
    match one, other:
        case Duration(), Duration():
            return Duration(one.nanos + other.nanos)
        case datetime.datetime(), Duration():
            return _later(one, other.nanos)
        case Duration(), datetime.datetime():
            return _later(other, one.nanos)
    raise TypeError


def _subtract(one: Any, other: Any) -> Any:
    if _same_numbers(one, other):
        return one - other if isinstance(one, float) else _in_range(int(one) - int(other), one)
    match one, other:
        case Duration(), Duration():
            return Duration(one.nanos - other.nanos)
        case datetime.datetime(), Duration():
            return _later(one, -other.nanos)
        case datetime.datetime(), datetime.datetime():
            return Duration(_nanos(one) - _nanos(other))
    raise TypeError


def _multiply(one: Any, other: Any) -> Any:
    if not _same_numbers(one, other):
        raise TypeError
    return one * other if isinstance(one, float) else _in_range(int(one) * int(other), one)


def _divide(one: Any, other: Any) -> Any:
    if not _same_numbers(one, other):
        raise TypeError
    if isinstance(one, float):
        if other:
            return one / other
        return math.nan if not one or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)
    if not other:
        raise CelError('division by zero')
    quotient = abs(int(one)) // abs(int(other))
    return _in_range(quotient if (one < 0) == (other < 0) else -quotient, one)


def _modulus(one: Any, other: Any) -> Any:
    if not _same_numbers(one, other) or isinstance(one, float):
        raise TypeError
    if not other:
        raise CelError('modulus by zero')
    rest = abs(int(one)) % abs(int(other))
    return _in_range(-rest if one < 0 else rest, one)


def _negate(value: Any) -> Any:
    if isinstance(value, UInt) or not _number(value):
        raise TypeError
    return -value if isinstance(value, float) else _in_range(-value, value)


def _not(value: Any) -> Any:
    if not isinstance(value, bool):
        raise TypeError
    return not value


def _contained(item: Any, within: Any) -> Any:
    if isinstance(within, list):
        return any(equal(item, each) for each in within)
    if isinstance(within, dict):
        return not isinstance(item, list | dict) and item in within
    raise TypeError


def index(value: Any, at: Any) -> Any:
    """An item of a list or a map.

    Raises:
        CelError: it is not there.
    """
    if isinstance(value, list):
        if isinstance(at, float) and at.is_integer():
            at = int(at)
        if isinstance(at, bool) or not isinstance(at, int):
            raise CelError(f"unsupported index type '{type_name(at)}' in list")
        if not 0 <= at < len(value):
            raise CelError(f'index out of bounds: {at}')
        return value[at]
    if isinstance(value, dict):
        if isinstance(at, list | dict) or at not in value:
            raise CelError(f'no such key: {text_of(at) if not isinstance(at, list | dict) else type_name(at)}')
        return value[at]
    raise CelError(f'no such overload: _[_]({type_name(value)}, {type_name(at)})')


OPERATORS: Mapping[str, Callable[..., Any]] = {
    '_==_': equal,
    '_!=_': lambda one, other: not equal(one, other),
    '_<_': lambda one, other: less(one, other, '_<_'),
    '_>_': lambda one, other: less(other, one, '_>_'),
    '_<=_': lambda one, other: not less(other, one, '_<=_') if not _has_nan(one, other) else False,
    '_>=_': lambda one, other: not less(one, other, '_>=_') if not _has_nan(one, other) else False,
    '_+_': _add,
    '_-_': _subtract,
    '_*_': _multiply,
    '_/_': _divide,
    '_%_': _modulus,
    '-_': _negate,
    '!_': _not,
    '@in': _contained,
}


def _has_nan(one: Any, other: Any) -> bool:
    return (isinstance(one, float) and math.isnan(one)) or (isinstance(other, float) and math.isnan(other))


# --- conversions


def _float_text(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return 'NaN' if math.isnan(value) else '+Inf' if value > 0 else '-Inf'
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)


def text_of(value: Any) -> str:
    """`string(value)`."""
    match value:
        case str():
            return value
        case bool():
            return 'true' if value else 'false'
        case float():
            return _float_text(value)
        case int():
            return str(int(value))
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise CelError('invalid UTF-8 in bytes, cannot convert to string') from error
        case datetime.datetime():
            fraction = f'.{value.microsecond:06d}'.rstrip('0') if value.microsecond else ''
            return value.strftime('%Y-%m-%dT%H:%M:%S') + fraction + 'Z'
        case Duration():
            return str(value)
        case None | list() | dict() | Optional() | Type():
            raise TypeError
        case _:
            return str(value)


def _to_int(value: Any, unsigned: bool = False) -> Any:
    like = UInt(0) if unsigned else 0
    match value:
        case bool():
            raise TypeError
        case float():
            if not math.isfinite(value):
                raise CelError('integer overflow')
            return _in_range(math.trunc(value), like)
        case int():
            return _in_range(int(value), like)
        case str():
            try:
                return _in_range(int(value if value.isascii() and '_' not in value else 'x'), like)
            except ValueError as error:
                parser = 'ParseUint' if unsigned else 'ParseInt'
                raise CelError(f'strconv.{parser}: parsing "{value}": invalid syntax') from error
        case datetime.datetime() if not unsigned:
            return _nanos(value) // 10**9
    raise TypeError


def _to_double(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError as error:
            raise CelError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from error
    if not _number(value):
        raise TypeError
    return float(value)


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value in ('1', 't', 'true', 'TRUE', 'True', 'T'):
            return True
        if value in ('0', 'f', 'false', 'FALSE', 'False', 'F'):
            return False
        raise CelError(f'strconv.ParseBool: parsing "{value}": invalid syntax')
    raise TypeError


def _to_timestamp(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str):
        try:
            return parse_time(value)
        except TimeError as error:
            raise CelError(str(error)) from error
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return _later(_EPOCH, value * 10**9)


def _to_duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str):
        raise TypeError
    nanos = parse_duration(value)
    if nanos is None:
        raise CelError(f'time: invalid duration "{value}"')
    return Duration(nanos)


def _size(value: Any) -> int:
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise TypeError


# --- strings


def _texts(*values: Any) -> None:
    if not all(isinstance(each, str) for each in values):
        raise TypeError


def _matches(value: Any, pattern: Any) -> bool:
    _texts(value, pattern)
    try:
        return go_pattern(pattern).search(value) is not None
    except PatternError as error:
        raise CelError(str(error)) from error


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of strings alone."""

    def call(*values: Any) -> Any:
        _texts(*values)
        return function(*values)

    return call


def _contains(value: Any, part: Any) -> bool:
    _texts(value, part)
    return part in value


def _char_at(value: Any, at: Any) -> str:
    _texts(value)
    if not 0 <= at <= len(value):
        raise CelError(f'index out of range: {at}')
    return str(value[at : at + 1])


def _index_of(value: Any, what: Any, start: int = 0) -> int:
    if isinstance(value, list):
        return next((at for at, each in enumerate(value) if equal(each, what)), -1)
    _texts(value, what)
    if not 0 <= start <= len(value):
        raise CelError(f'index out of range: {start}')
    return int(value.find(what, start))


def _last_index_of(value: Any, what: Any, end: int | None = None) -> int:
    if isinstance(value, list):
        return next((at for at in reversed(range(len(value))) if equal(value[at], what)), -1)
    _texts(value, what)
    if end is not None and not 0 <= end <= len(value):
        raise CelError(f'index out of range: {end}')
    return int(value.rfind(what) if end is None else value.rfind(what, 0, end + len(what)))


def _substring(value: Any, start: int, end: int | None = None) -> str:
    _texts(value)
    last = len(value) if end is None else end
    if not 0 <= start <= len(value):
        raise CelError(f'index out of range: {start}')
    if not 0 <= last <= len(value):
        raise CelError(f'index out of range: {last}')
    if start > last:
        raise CelError(f'invalid substring range. start: {start}, end: {last}')
    return str(value[start:last])


def _replace(value: Any, old: Any, new: Any, count: int = -1) -> str:
    _texts(value, old, new)
    return str(value.replace(old, new, count))


def _split(value: Any, separator: Any, count: int = -1) -> list[str]:
    _texts(value, separator)
    if count == 0:
        return []
    if not separator:
        parts = list(value)
        return parts if count < 0 else [*parts[: count - 1], ''.join(parts[count - 1 :])]
    return list(value.split(separator, -1 if count < 0 else count - 1))


def _join(value: Any, separator: str = '') -> str:
    _texts(*value, separator)
    return separator.join(value)


def _case(lower: bool) -> Callable[..., Any]:
    def call(value: Any) -> str:
        _texts(value)
        change = str.lower if lower else str.upper
        return ''.join(change(each) if each.isascii() else each for each in value)

    return call


def _quote(value: Any) -> str:
    _texts(value)
    escapes = {'\a': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v'}
    return '"' + ''.join(escapes.get(each, '\\' + each if each in '\\"' else each) for each in value) + '"'


def _reverse(value: Any) -> Any:
    if isinstance(value, str | list):
        return value[::-1]
    raise TypeError


def _formatted(template: Any, arguments: Any) -> str:
    """`'%s is %d'.format([name, count])`."""
    _texts(template)
    out, at, used = [], 0, 0
    while at < len(template):
        if template[at] != '%':
            out.append(template[at])
            at += 1
            continue
        at += 1
        if template[at : at + 1] == '%':
            out.append('%')
            at += 1
            continue
        precision = None
        if template[at : at + 1] == '.':
            digits = at + 1
            while digits < len(template) and template[digits].isdigit():
                digits += 1
            precision, at = int(template[at + 1 : digits] or 0), digits
        verb = template[at : at + 1]
        at += 1
        if used >= len(arguments):
            raise CelError(f'index {used} out of range')
        out.append(_clause(verb, arguments[used], precision))
        used += 1
    return ''.join(out)


def _clause(verb: str, value: Any, precision: int | None) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if verb == 's':
        return _shown(value)
    if verb == 'd' and whole:
        return str(int(value))
    if verb in ('f', 'e') and _number(value):
        return f'{float(value):.{6 if precision is None else precision}{verb}}'
    if verb in ('x', 'X') and (whole or isinstance(value, str | bytes)):
        if whole:
            text = f'{int(value):x}'
        else:
            text = (value.encode() if isinstance(value, str) else value).hex()
        return text if verb == 'x' else text.upper()
    if verb == 'o' and whole:
        return f'{int(value):o}'
    if verb == 'b' and isinstance(value, int):
        return f'{int(value):b}'
    if verb not in ('d', 'f', 'e', 'x', 'X', 'o', 'b'):
        raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
    raise CelError(f'error during formatting: {verb} clause can not be used on {type_name(value)}')


def _shown(value: Any) -> str:
    match value:
        case None:
            return 'null'
        case list():
            return f'[{", ".join(_shown(each) for each in value)}]'
        case dict():
            return '{' + ', '.join(sorted(f'{_shown(key)}: {_shown(item)}' for key, item in value.items())) + '}'
        case Type():
            return value.name
        case _:
            return text_of(value)


# --- times


def _part(name: str) -> Callable[..., Any]:
    of_moment: dict[str, Callable[[datetime.datetime], int]] = {
        'getFullYear': lambda moment: moment.year,
        'getMonth': lambda moment: moment.month - 1,
        'getDate': lambda moment: moment.day,
        'getDayOfMonth': lambda moment: moment.day - 1,
        'getDayOfWeek': lambda moment: moment.isoweekday() % 7,
        'getDayOfYear': lambda moment: moment.timetuple().tm_yday - 1,
        'getHours': lambda moment: moment.hour,
        'getMinutes': lambda moment: moment.minute,
        'getSeconds': lambda moment: moment.second,
        'getMilliseconds': lambda moment: moment.microsecond // 1000,
    }
    units = {'getHours': 3600 * 10**9, 'getMinutes': 60 * 10**9, 'getSeconds': 10**9, 'getMilliseconds': 10**6}

    def call(value: Any, zone: str | None = None) -> int:
        if isinstance(value, Duration) and name in units and zone is None:
            nanos = value.nanos % 10**9 if name == 'getMilliseconds' else value.nanos
            return int(abs(nanos) // units[name]) * (-1 if value.nanos < 0 else 1)
        if not isinstance(value, datetime.datetime):
            raise TypeError
        return of_moment[name](value if zone is None else value.astimezone(_zone(zone)))

    return call


def _zone(name: str) -> datetime.tzinfo:
    import zoneinfo  # rarely asked for

    digits = name.removeprefix('-').removeprefix('+')
    hours, colon, minutes = digits.partition(':')
    if colon and hours.isdigit() and minutes.isdigit() and int(hours) < 24:
        ahead = datetime.timedelta(hours=int(hours), minutes=int(minutes))
        return datetime.timezone(-ahead if name.startswith('-') else ahead)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CelError(f'unknown time zone {name}') from error


# --- optional values and sets


def _of_non_zero(value: Any) -> Optional:
    return Optional(value) if value not in (None, 0, '', b'', [], {}) else Optional(present=False)


def _value(optional: Optional) -> Any:
    if not optional.present:
        raise CelError('optional.none() dereference')
    return optional.value


def _sub_set(one: Any, other: Any) -> bool:
    return all(any(equal(each, item) for item in one) for each in other)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    'size': _size,
    'string': text_of,
    'int': _to_int,
    'uint': lambda value: _to_int(value, unsigned=True),
    'double': _to_double,
    'bool': _to_bool,
    'bytes': lambda value: value if isinstance(value, bytes) else value.encode(),
    'dyn': lambda value: value,
    'type': lambda value: Type(type_name(value)),
    'timestamp': _to_timestamp,
    'duration': _to_duration,
    'matches': _matches,
    'strings.quote': _quote,
    'optional.of': Optional,
    'optional.none': lambda: Optional(present=False),
    'optional.ofNonZeroValue': _of_non_zero,
    'sets.contains': _sub_set,
    'sets.equivalent': lambda one, other: _sub_set(one, other) and _sub_set(other, one),
    'sets.intersects': lambda one, other: any(_contained(each, other) for each in one),
}
METHODS: Mapping[str, Callable[..., Any]] = {
    'size': _size,
    'contains': _contains,
    'startsWith': _method(str.startswith),
    'endsWith': _method(str.endswith),
    'matches': _matches,
    'charAt': _char_at,
    'indexOf': _index_of,
    'lastIndexOf': _last_index_of,
    'substring': _substring,
    'replace': _replace,
    'split': _split,
    'join': _join,
    'trim': _method(str.strip),
    'lowerAscii': _case(lower=True),
    'upperAscii': _case(lower=False),
    'reverse': _reverse,
    'format': _formatted,
    'hasValue': lambda optional: optional.present,
    'value': _value,
    'orValue': lambda optional, other: optional.value if optional.present else other,
    'or': lambda optional, other: optional if optional.present else other,
    **{
        name: _part(name)
        for name in (
            'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours',
            'getMinutes', 'getSeconds', 'getMilliseconds',
        )
    },
}  # fmt: skip
