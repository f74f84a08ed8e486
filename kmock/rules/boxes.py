"""Markers that users wrap values in, to say what they mean: body, text, data, headers, cookies, params, path, ….

The same markers serve as criteria (in brackets) and as payloads (after `<<`); what they mean there is not known here.
"""

import dataclasses
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

__all__ = [
    'Box',
    'Pairs',
    'body',
    'cookies',
    'data',
    'headers',
    'method',
    'name',
    'namespace',
    'params',
    'path',
    'subresource',
    'text',
]

Pairs = tuple[tuple[str, Any], ...]


class method(str):  # noqa: N801
    """An HTTP method, standard or not: `method('store')`, `method.GET`. Upper-case, whatever is given."""

    __slots__ = ('_written',)

    _written: str

    GET: ClassVar['method']
    HEAD: ClassVar['method']
    POST: ClassVar['method']
    PUT: ClassVar['method']
    PATCH: ClassVar['method']
    DELETE: ClassVar['method']
    OPTIONS: ClassVar['method']
    CONNECT: ClassVar['method']
    TRACE: ClassVar['method']

    def __new__(cls, value: str) -> 'method':
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", value):
            raise ValueError(f'{value!r} is no HTTP method: a method is one word.')
        made = super().__new__(cls, value.upper())
        made._written = value._written if isinstance(value, method) else value
        return made

    def __repr__(self) -> str:
        return f'method({self._written!r})'


STANDARD_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE')
for _each in STANDARD_METHODS:
    setattr(method, _each, method(_each))


class Box:
    """What all markers have in common: isinstance."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class _ValueBox(Box):
    value: Any = ...

    def __hash__(self) -> int:
        return hash(type(self))  # the value may be a dict; sets of markers are small

    def __repr__(self) -> str:
        return f'{type(self).__name__}({"" if self.value is ... else repr(self.value)})'


class body(_ValueBox):  # noqa: N801
    """The raw body: bytes, a string to be encoded in UTF-8, or (as a criterion) a regexp of bytes; any if omitted."""

    __slots__ = ()


class text(_ValueBox):  # noqa: N801
    """The body as text in UTF-8: a string, or (as a criterion) a regexp; any if omitted."""

    __slots__ = ()


class data(_ValueBox):  # noqa: N801
    """The body as JSON: any value that JSON can hold; as a criterion, mappings match partially; any if omitted."""

    __slots__ = ()


class path(_ValueBox):  # noqa: N801
    """The path of the URL, without the query: a string (glob) or a regexp."""

    __slots__ = ()


class _NameBox(_ValueBox):
    """A name in the URL. Here `...` is a meaning of its own, next to None, and so it is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f'{type(self).__name__}({"..." if self.value is ... else repr(self.value)})'


class name(_NameBox):  # noqa: N801
    """The name of a Kubernetes object in the URL: a string (glob), a regexp, None for absent, `...` for any or none."""

    __slots__ = ()


class namespace(_NameBox):  # noqa: N801
    """The Kubernetes namespace in the URL: a string (glob), a regexp, None for absent, `...` for any or none."""

    __slots__ = ()


class subresource(_NameBox):  # noqa: N801
    """The subresource in the URL, e.g. `status`: a string, a regexp, None for absent, `...` for any or none."""

    __slots__ = ()


class _PairsBox(Box):
    """Named values: a mapping, pairs, a string in the notation of the place, or keywords."""

    __slots__ = ('pairs',)

    pairs: Pairs

    def __init__(self, *sources: Mapping[str, Any] | Iterable[tuple[str, Any]] | str | None, **named: Any) -> None:
        pairs: list[tuple[str, Any]] = []
        for source in sources:
            if isinstance(source, str):
                pairs.extend(self._parse(source))
            elif isinstance(source, Mapping):
                pairs.extend(source.items())
            elif source is not None:
                pairs.extend(source)
        pairs.extend((self._key(key), value) for key, value in named.items())
        for pair in pairs:
            if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
                raise ValueError(f'{type(self).__name__}() takes named values, not {pair!r}.')
        self.pairs = tuple(pairs)

    @classmethod
    def _parse(cls, written: str) -> Iterable[tuple[str, Any]]:
        raise NotImplementedError

    @classmethod
    def _key(cls, key: str) -> str:
        return key

    def __repr__(self) -> str:
        keys = [key for key, _ in self.pairs]
        shown: Any = dict(self.pairs) if len(set(keys)) == len(keys) else list(self.pairs)
        return f'{type(self).__name__}({shown!r})'

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _PairsBox) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash((type(self), tuple(key for key, _ in self.pairs)))


class headers(_PairsBox):  # noqa: N801
    """Headers: a mapping, pairs, lines of `Name: value`, or keywords with underscores for dashes."""

    __slots__ = ()

    @classmethod
    def _parse(cls, written: str) -> Iterable[tuple[str, Any]]:
        for line in written.splitlines():
            key, colon, value = line.partition(':')
            if line.strip():
                yield key.strip(), value.strip() if colon else ...

    @classmethod
    def _key(cls, key: str) -> str:
        return key.replace('_', '-')


class cookies(_PairsBox):  # noqa: N801
    """Cookies: a mapping, pairs, `a=b; c=d`, or keywords."""

    __slots__ = ()

    @classmethod
    def _parse(cls, written: str) -> Iterable[tuple[str, Any]]:
        for part in written.split(';'):
            key, equals, value = part.partition('=')
            if part.strip():
                yield key.strip(), value.strip() if equals else ...


class params(_PairsBox):  # noqa: N801
    """Parameters of the query: a mapping, pairs, `a=b&c=d`, or keywords."""

    __slots__ = ()

    @classmethod
    def _parse(cls, written: str) -> Iterable[tuple[str, Any]]:
        return urllib.parse.parse_qsl(written.removeprefix('?'), keep_blank_values=True)
