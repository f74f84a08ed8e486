"""Criteria on what is in an HTTP request: method, path, parameters, headers, cookies, body."""

import dataclasses
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from kmock.messages import Request
from kmock.rules.criteria import Criteria, HTTPCriteria, K8sCriteria, contradiction, request_path
from kmock.rules.values import Both, glob_regexp, is_glob, json_test, texts_test

__all__ = [
    'BodyCriteria',
    'CookiesCriteria',
    'DataCriteria',
    'DictCriteria',
    'FieldsCriteria',
    'HeadersCriteria',
    'MethodCriteria',
    'ParamsCriteria',
    'PathCriteria',
    'StrCriteria',
    'TextCriteria',
]


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class MethodCriteria(HTTPCriteria):
    """The HTTP method, upper-case."""

    method: str

    def matches(self, request: Request) -> bool:
        return request.method == self.method or request.method.upper() == self.method

    def merged(self, other: Criteria) -> Criteria | None:
        if isinstance(other, MethodCriteria) and other != self:
            raise contradiction('method', repr(self.method.lower()), repr(other.method.lower()))
        if isinstance(other, K8sCriteria):
            return other.merged(self)  # an action may be of other methods
        return self if other == self else None

    @property
    def exact_method(self) -> str:
        return self.method

    def __repr__(self) -> str:
        return repr(self.method.lower())


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class PathCriteria(HTTPCriteria):
    """The path: an exact one, a glob, or a regexp to be matched in full."""

    written: str | re.Pattern[str]
    _regexp: re.Pattern[str] | None = dataclasses.field(init=False, compare=False)
    _exact: str = dataclasses.field(init=False, compare=False)

    def __post_init__(self) -> None:
        regexp: re.Pattern[str] | None
        if isinstance(self.written, re.Pattern):
            if not isinstance(self.written.pattern, str):
                raise ValueError(f'{self.written!r} is a regexp of bytes; for the raw body, write body(...).')
            regexp = self.written
        elif not isinstance(self.written, str):
            raise ValueError(f'{self.written!r} can not be a path. Use a string (glob) or a regexp.')
        else:
            regexp = glob_regexp(self.written) if is_glob(self.written) else None
        object.__setattr__(self, '_regexp', regexp)
        object.__setattr__(self, '_exact', '' if regexp else urllib.parse.unquote(str(self.written)))

    def accepts(self, path: str) -> bool:
        return path == self._exact if self._regexp is None else self._regexp.fullmatch(path) is not None

    def matches(self, request: Request) -> bool:
        return self.accepts(request_path(request))

    def merged(self, other: Criteria) -> Criteria | None:
        if not isinstance(other, PathCriteria):
            return None
        for one, two in ((self, other), (other, self)):
            if one._regexp is None:
                if not two.accepts(one._exact):
                    raise contradiction('path', repr(self.written), repr(other.written))
                return one
        return self if self == other else None

    @property
    def exact_path(self) -> str | None:
        return self._exact if self._regexp is None else None

    def __repr__(self) -> str:
        return repr(self.written)


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class FieldsCriteria(HTTPCriteria):
    """Named values; those that are not named may be anything. A name may be demanded with several values."""

    pairs: tuple[tuple[str, Any], ...]
    _tests: tuple[tuple[str, Callable[[Sequence[str]], bool]], ...] = dataclasses.field(init=False)

    word: ClassVar[str] = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, '_tests', tuple((key, texts_test(value)) for key, value in self.pairs))

    @staticmethod
    def folded(key: str) -> str:
        """The name as it is compared."""
        return key

    def values(self, request: Request, key: str) -> Sequence[str]:
        """All values that came under the name."""
        raise NotImplementedError

    def matches(self, request: Request) -> bool:
        return all(test(self.values(request, key)) for key, test in self._tests)

    def merged(self, other: Criteria) -> Criteria | None:
        if type(other) is not type(self):
            return None
        assert isinstance(other, FieldsCriteria)
        added: list[tuple[str, Any]] = []
        for key, value in other.pairs:
            same = [each for name, each in self.pairs if self.folded(name) == self.folded(key)]
            if any(_excludes(each, value) or _excludes(value, each) for each in same):
                raise contradiction(f'{self.word}[{key!r}]', repr(same[0]), repr(value))
            if not any(type(each) is type(value) and each == value for each in same):
                added.append((key, value))
        return type(self)(self.pairs + tuple(added))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, FieldsCriteria) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash((type(self), tuple(key for key, _ in self.pairs)))

    def __repr__(self) -> str:
        keys = {key for key, _ in self.pairs}
        shown: Any = dict(self.pairs) if len(keys) == len(self.pairs) else list(self.pairs)
        return f'{self.word}({shown!r})'


def _excludes(one: Any, other: Any) -> bool:
    """Whether a single value that `one` names exactly is refused by `other`."""
    if isinstance(one, str | int | float | None) and not isinstance(one, bool):
        return not texts_test(other)([] if one is None else [str(one)])
    return False


class ParamsCriteria(FieldsCriteria):
    """The parameters of the query, decoded."""

    __slots__ = ()
    word = 'params'

    def values(self, request: Request, key: str) -> Sequence[str]:
        return request.params.getall(key, ())


class HeadersCriteria(FieldsCriteria):
    """The headers, their names in any case."""

    __slots__ = ()
    word = 'headers'

    @staticmethod
    def folded(key: str) -> str:
        return key.lower()

    def values(self, request: Request, key: str) -> Sequence[str]:
        return request.headers.getall(key, ())


class CookiesCriteria(FieldsCriteria):
    """The cookies that the client sent."""

    __slots__ = ()
    word = 'cookies'

    def values(self, request: Request, key: str) -> Sequence[str]:
        value = request.cookies.get(key)
        return () if value is None else (value,)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class BodyCriteria(HTTPCriteria):
    """The raw body: bytes, a regexp of bytes, or anything but an empty one."""

    written: Any
    needs_body = True

    def __post_init__(self) -> None:
        pattern = self.written.pattern if isinstance(self.written, re.Pattern) else b''
        if (self.written is not ... and not isinstance(self.written, bytes | re.Pattern)) or isinstance(pattern, str):
            raise ValueError(f'{self.written!r} can not be compared with a raw body. Use bytes or a regexp of bytes.')

    def accepts(self, value: Any) -> bool:
        if isinstance(self.written, re.Pattern):
            return self.written.fullmatch(value) is not None
        return bool(value) if self.written is ... else bool(value == self.written)

    def matches(self, request: Request) -> bool:
        return request.content.kept and self.accepts(request.body)

    def merged(self, other: Criteria) -> Criteria | None:
        if type(other) is type(self) and isinstance(other, BodyCriteria) and other != self:
            for one, two in ((self, other), (other, self)):
                if isinstance(one.written, bytes | str):
                    if not two.accepts(one.written):
                        raise contradiction('body', repr(self.written), repr(other.written))
                    return one
            return None
        return self if other == self else None

    def __repr__(self) -> str:
        return repr(self.written) if isinstance(self.written, bytes) else f'body({_shown(self.written)})'


class TextCriteria(BodyCriteria):
    """The body as text: a string, a regexp, or anything but an empty one."""

    __slots__ = ()

    def __post_init__(self) -> None:
        pattern = self.written.pattern if isinstance(self.written, re.Pattern) else ''
        if (self.written is not ... and not isinstance(self.written, str | re.Pattern)) or isinstance(pattern, bytes):
            raise ValueError(f'{self.written!r} can not be compared with a text. Use a string or a regexp.')

    def matches(self, request: Request) -> bool:
        return request.content.kept and self.accepts(request.text)

    def __repr__(self) -> str:
        return f'text({_shown(self.written)})'


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class DataCriteria(HTTPCriteria):
    """The body as JSON, mappings partially."""

    written: Any
    _test: Callable[[Any], bool] = dataclasses.field(init=False)
    needs_body = True

    def __post_init__(self) -> None:
        object.__setattr__(self, '_test', json_test(self.written))

    def matches(self, request: Request) -> bool:
        return request.content.kept and self._test(request.data)

    def merged(self, other: Criteria) -> Criteria | None:
        if not isinstance(other, DataCriteria):
            return None
        return DataCriteria(_merged_json(self.written, other.written, 'data'))

    def __repr__(self) -> str:
        return f'data({_shown(self.written)})'


_SCALARS = str | int | float | bool


def _merged_json(one: Any, other: Any, where: str) -> Any:
    """A pattern that demands both; `Both` where they can't be said in one.

    Raises:
        ValueError: nothing can match both.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        both = {key: _merged_json(one[key], other[key], f'{where}[{key!r}]') for key in one.keys() & other.keys()}
        return {**one, **other, **both}
    for this, that in ((one, other), (other, one)):
        if that is ... and this is not None:
            return this
        if isinstance(this, _SCALARS) or this is None:
            if not json_test(that)(this):
                raise contradiction(where, repr(one), repr(other))
            return this
    return one if one is other or one == other else Both(one, other)


def _shown(written: Any) -> str:
    return '' if written is ... else repr(written)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class StrCriteria(HTTPCriteria):
    """A string that could be the method, the body as a JSON string, or the body as text."""

    written: str
    needs_body = True

    def matches(self, request: Request) -> bool:
        if request.method.upper() == self.written.upper():
            return True
        return request.content.kept and (request.text == self.written or request.data == self.written)

    def __repr__(self) -> str:
        return repr(self.written)


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class DictCriteria(HTTPCriteria):
    """A mapping that could be headers, cookies, parameters or JSON; what is demanded as absent is so in all places."""

    written: Mapping[str, Any]
    _places: tuple[Criteria, ...] = dataclasses.field(init=False)
    _absent: tuple[str, ...] = dataclasses.field(init=False)
    needs_body = True

    def __post_init__(self) -> None:
        present = {key: value for key, value in self.written.items() if value is not None}
        object.__setattr__(self, '_places', _places_of(present) if present else ())
        object.__setattr__(self, '_absent', tuple(key for key, value in self.written.items() if value is None))
        if present and not self._places:
            raise ValueError(f'{self.written!r} can be neither headers, cookies, parameters nor JSON.')

    def matches(self, request: Request) -> bool:
        if any(_occurs(request, key) for key in self._absent):
            return False
        return not self._places or any(each.matches(request) for each in self._places)

    def __repr__(self) -> str:
        return repr(self.written)


def _occurs(request: Request, key: str) -> bool:
    """Whether a value came under the name anywhere."""
    values = [*request.headers.getall(key, ()), request.cookies.get(key), *request.params.getall(key, ())]
    if request.content.kept and isinstance(request.data, Mapping):
        values.append(request.data.get(key))
    return any(value is not None and value != '' for value in values)


def _places_of(written: Mapping[str, Any]) -> tuple[Criteria, ...]:
    """The criteria for all places in which such values can occur at all: nested ones, say, only in JSON."""
    pairs = tuple(written.items())
    places: list[Criteria] = []
    for make in (
        lambda: HeadersCriteria(pairs),
        lambda: CookiesCriteria(pairs),
        lambda: ParamsCriteria(pairs),
        lambda: DataCriteria(written),
    ):
        try:
            places.append(make())
        except ValueError:
            continue
    return tuple(places)
