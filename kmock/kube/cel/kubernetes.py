"""The functions that Kubernetes adds to CEL: lists, regular expressions, URLs, quantities, addresses, formats, semver.

Source: the Kubernetes documentation, "Common Expression Language in Kubernetes", "Kubernetes CEL libraries".
"""

import dataclasses
import ipaddress
import itertools
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias
from urllib.parse import SplitResult, parse_qs, urlsplit

from kmock.kube.cel.errors import CelError
from kmock.kube.cel.functions import OPERATORS
from kmock.kube.cel.values import Optional, less
from kmock.kube.values.formats import FORMATS, is_cidr, is_ip, is_uri
from kmock.kube.values.patterns import PatternError, go_pattern
from kmock.kube.values.quantities import MALFORMED, parse_quantity

__all__ = ['KUBERNETES_FUNCTIONS', 'KUBERNETES_METHODS']

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_SEMVER = re.compile(
    r'(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)'
    r'(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?',
    re.ASCII,
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Url:
    cel_type: ClassVar[str] = 'kubernetes.URL'
    parts: SplitResult

    def __str__(self) -> str:
        return self.parts.geturl()


@dataclasses.dataclass(frozen=True, slots=True)
class _Quantity:
    cel_type: ClassVar[str] = 'kubernetes.Quantity'
    amount: Fraction


@dataclasses.dataclass(frozen=True, slots=True)
class _Ip:
    cel_type: ClassVar[str] = 'net.IP'
    address: Address

    def __str__(self) -> str:
        return str(self.address)


@dataclasses.dataclass(frozen=True, slots=True)
class _Cidr:
    cel_type: ClassVar[str] = 'net.CIDR'
    address: Address
    length: int

    def __str__(self) -> str:
        return f'{self.address}/{self.length}'

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(str(self), strict=False)


@dataclasses.dataclass(frozen=True, slots=True)
class _Format:
    cel_type: ClassVar[str] = 'kubernetes.NamedFormat'
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Semver:
    cel_type: ClassVar[str] = 'kubernetes.Semver'
    order: tuple[int, int, int, tuple[tuple[int, int, str], ...]]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


# --- lists and regular expressions


def _is_sorted(items: list[Any]) -> bool:
    return not any(less(later, earlier) for earlier, later in itertools.pairwise(items))


def _sum(items: list[Any]) -> Any:
    if not items:
        return 0
    total = items[0]
    for each in items[1:]:
        total = OPERATORS['_+_'](total, each)
    return total if not isinstance(total, bool | str) else _refused()


def _refused() -> Any:
    raise TypeError


def _extreme(name: str) -> Callable[..., Any]:
    def find(items: list[Any]) -> Any:
        if not items:
            raise CelError(f'{name} called on empty list')
        best = items[0]
        for each in items[1:]:
            if less(each, best) if name == 'min' else less(best, each):
                best = each
        return best

    return find


def _found(value: Any, pattern: Any, limit: int | None = None) -> list[str]:
    try:
        matches = [each[0] for each in go_pattern(_text(pattern)).finditer(_text(value))]
    except PatternError as error:
        raise CelError(str(error)) from error
    return matches if limit is None or limit < 0 else matches[:limit]


# --- URLs


def _url(value: Any) -> _Url:
    if not is_uri(_text(value)):
        raise CelError(f'URL parse error during conversion from string: parse "{value}": invalid URI for request')
    return _Url(urlsplit(value))


def _host(url: _Url) -> str:
    return url.parts.netloc.rpartition('@')[2]


def _hostname(url: _Url) -> str:
    host = _host(url)
    if host.startswith('['):
        return host[1:].partition(']')[0]
    return host.partition(':')[0]


def _port(url: _Url) -> str:
    rest = _host(url).rpartition(']')[2]
    return rest.partition(':')[2]


# --- quantities


def _quantity(value: Any) -> _Quantity:
    found = parse_quantity(_text(value))
    if found is None:
        raise CelError(MALFORMED)
    return _Quantity(found.amount)


def _as_quantity(value: Any) -> Fraction:
    if isinstance(value, bool):
        raise TypeError
    amount: Fraction = Fraction(value) if isinstance(value, int) else value.amount
    return amount


def _as_integer(quantity: _Quantity) -> int:
    if quantity.amount.denominator != 1 or not -(2**63) <= quantity.amount < 2**63:
        raise CelError('cannot convert value to integer')
    return int(quantity.amount)


def _compared(one: Any, other: Any) -> int:
    """The order of two quantities, or of two versions."""
    if isinstance(one, _Semver):
        later: bool = one.order > other.order
        return 0 if one.order == other.order else 1 if later else -1
    left: Fraction = one.amount
    right = _as_quantity(other)
    return (left > right) - (left < right)


# --- addresses


def _address(text: str) -> Address:
    return ipaddress.ip_address(text)


def _ip(value: Any) -> _Ip:
    if isinstance(value, _Cidr):
        return _Ip(value.address)
    if not is_ip(_text(value)):
        raise CelError(
            f'IP Address "{value}" parse error during conversion from string: ParseAddr("{value}"): unable to parse IP'
        )
    return _Ip(_address(value))


def _cidr(value: Any) -> _Cidr:
    if not is_cidr(_text(value)):
        raise CelError(
            f'network address parse error during conversion from string: netip.ParsePrefix("{value}"): no \'/\''
        )
    address, _, length = value.partition('/')
    return _Cidr(_address(address), int(length))


def _contains_ip(cidr: _Cidr, ip: Any) -> bool:
    address = ip.address if isinstance(ip, _Ip) else _ip(ip).address
    return bool(address.version == cidr.address.version and address in cidr.network)


def _contains_cidr(cidr: _Cidr, other: Any) -> bool:
    inner = other if isinstance(other, _Cidr) else _cidr(other)
    same_family = inner.address.version == cidr.address.version
    return bool(same_family and inner.length >= cidr.length and inner.address in cidr.network)


def _is_canonical(value: Any) -> bool:
    return bool(str(_ip(value)) == value)


# --- formats


def _dns_label(text: str) -> list[str]:
    from kmock.kube.values.names import dns1123_label

    return dns1123_label(text)


def _dns_subdomain(text: str) -> list[str]:
    from kmock.kube.values.names import dns1123_subdomain

    return dns1123_subdomain(text)


def _dns_1035(text: str) -> list[str]:
    from kmock.kube.values.names import dns1035_label

    return dns1035_label(text)


def _qualified(text: str) -> list[str]:
    from kmock.kube.values.names import qualified_name

    return qualified_name(text)


def _label_value(text: str) -> list[str]:
    from kmock.kube.values.names import label_value

    return label_value(text)


def _of_format(name: str, wrong: str) -> Callable[[str], list[str]]:
    return lambda text: [] if FORMATS[name](text) else [wrong]


_NAMED: Mapping[str, Callable[[str], list[str]]] = {
    'dns1123Label': _dns_label,
    'dns1123Subdomain': _dns_subdomain,
    'dns1035Label': _dns_1035,
    'qualifiedName': _qualified,
    'dns1123LabelPrefix': lambda text: _dns_label(text.removesuffix('-') if len(text) > 1 else text),
    'dns1123SubdomainPrefix': lambda text: _dns_subdomain(text.removesuffix('-') if len(text) > 1 else text),
    'dns1035LabelPrefix': lambda text: _dns_1035(text.removesuffix('-') if len(text) > 1 else text),
    'labelValue': _label_value,
    'uri': _of_format('uri', 'invalid URI for request'),
    'uuid': _of_format('uuid', 'does not match the UUID format'),
    'byte': _of_format('byte', 'invalid base64'),
    'date': _of_format('date', 'invalid date'),
    'datetime': _of_format('date-time', 'invalid datetime'),
}


def _named(name: Any) -> Optional:
    return Optional(_Format(name)) if _text(name) in _NAMED else Optional(present=False)


def _validate(form: _Format, text: Any) -> Optional:
    wrong = _NAMED[form.name](_text(text))
    return Optional(wrong) if wrong else Optional(present=False)


# --- semantic versions


def _semver(value: Any, normalize: bool = False) -> _Semver:
    text = _text(value)
    if normalize:
        text = text.removeprefix('v')
        core, mark, rest = re.fullmatch(r'([0-9.]*)([-+]?)(.*)', text, re.DOTALL).groups()  # type: ignore[union-attr]
        numbers = [each.lstrip('0') or '0' for each in core.split('.')] if core else []
        text = '.'.join(numbers + ['0'] * (3 - len(numbers))) + mark + rest
    found = _SEMVER.fullmatch(text)
    if found is None:
        raise CelError('No Major.Minor.Patch elements found')
    major, minor, patch = (int(each) for each in found.groups()[:3])
    before = found[4]
    # a version without a pre-release comes after those with one; numbers come before words
    parts = (
        tuple((0, int(each), '') if each.isdigit() else (1, 0, each) for each in before.split('.')) if before else ()
    )
    return _Semver((major, minor, patch, parts or ((2, 0, ''),)))


def _is(parse: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> bool:
        try:
            parse(*values)
        except CelError:
            return False
        return True

    return call


def _combined(sign: int) -> Callable[..., Any]:
    return lambda one, other: _Quantity(one.amount + sign * _as_quantity(other))


def _sign(quantity: _Quantity) -> int:
    return (quantity.amount > 0) - (quantity.amount < 0)


KUBERNETES_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    'url': _url,
    'isURL': _is(_url),
    'quantity': _quantity,
    'isQuantity': _is(_quantity),
    'ip': _ip,
    'isIP': _is(_ip),
    'ip.isCanonical': _is_canonical,
    'cidr': _cidr,
    'isCIDR': _is(_cidr),
    'semver': _semver,
    'isSemver': _is(_semver),
    'format.named': _named,
    **{f'format.{name}': (lambda name=name: _Format(name)) for name in _NAMED},
}
KUBERNETES_METHODS: Mapping[str, Callable[..., Any]] = {
    'isSorted': _is_sorted,
    'sum': _sum,
    'min': _extreme('min'),
    'max': _extreme('max'),
    'find': lambda value, pattern: next(iter(_found(value, pattern)), ''),
    'findAll': _found,
    'getScheme': lambda url: url.parts.scheme,
    'getHost': _host,
    'getHostname': _hostname,
    'getPort': _port,
    'getEscapedPath': lambda url: url.parts.path,
    'getQuery': lambda url: parse_qs(url.parts.query, keep_blank_values=True),
    'sign': _sign,
    'isInteger': lambda quantity: _is(_as_integer)(quantity),
    'asInteger': _as_integer,
    'asApproximateFloat': lambda quantity: float(quantity.amount),
    'add': _combined(1),
    'sub': _combined(-1),
    'isLessThan': lambda one, other: _compared(one, other) < 0,
    'isGreaterThan': lambda one, other: _compared(one, other) > 0,
    'compareTo': _compared,
    'family': lambda ip: ip.address.version,
    'isUnspecified': lambda ip: ip.address.is_unspecified,
    'isLoopback': lambda ip: ip.address.is_loopback,
    'isLinkLocalUnicast': lambda ip: ip.address.is_link_local,
    'isLinkLocalMulticast': lambda ip: ip.address.is_multicast and str(ip.address).startswith(('224.0.0.', 'ff02:')),
    'isGlobalUnicast': lambda ip: (
        not (ip.address.is_unspecified or ip.address.is_loopback or ip.address.is_multicast or ip.address.is_link_local)
    ),
    'containsIP': _contains_ip,
    'containsCIDR': _contains_cidr,
    'ip': _ip,
    'masked': lambda cidr: _Cidr(cidr.network.network_address, cidr.length),
    'prefixLength': lambda cidr: cidr.length,
    'validate': _validate,
    'major': lambda version: version.order[0],
    'minor': lambda version: version.order[1],
    'patch': lambda version: version.order[2],
}
