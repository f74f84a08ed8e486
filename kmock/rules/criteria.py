"""Predicates on one request: small frozen classes, checked when they are written; And, Or, Not.

A criterion sees one request, and whatever it was written with. Those that depend on anything but the request
(callables, events, futures) are *volatile*: their verdict is taken once, when the request arrives.
Criteria of one kind merge when both are demanded; if no request can meet both, that is refused at once.
"""

import asyncio
import concurrent.futures
import dataclasses
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from kmock.messages import Request
from kmock.naming import action, resource
from kmock.rules.values import glob_regexp, is_glob, json_test, name_test, texts_test

__all__ = [
    'EVERYTHING',
    'ActionCriteria',
    'And',
    'BodyCriteria',
    'BoolCriteria',
    'CookiesCriteria',
    'Criteria',
    'Criterion',
    'DataCriteria',
    'DictCriteria',
    'EventCriteria',
    'FnCriteria',
    'FutureCriteria',
    'HTTPCriteria',
    'HeadersCriteria',
    'K8sCriteria',
    'MethodCriteria',
    'NameCriteria',
    'NamespaceCriteria',
    'Not',
    'Or',
    'ParamsCriteria',
    'PathCriteria',
    'ResourceCriteria',
    'StrCriteria',
    'SubresourceCriteria',
    'TextCriteria',
    'conjunction',
    'may_match',
    'request_path',
]


def request_path(request: Request) -> str:
    """The path as people write it: decoded, without the query."""
    path = request.target.partition('?')[0]
    return urllib.parse.unquote(path) if '%' in path else path


class Criteria:
    """A predicate on one request."""

    __slots__ = ()

    volatile: bool = False
    """Whether the verdict depends on anything but the request."""
    needs_body: bool = False
    """Whether the verdict depends on the request's body."""

    def matches(self, request: Request) -> bool:
        raise NotImplementedError

    def merged(self, other: 'Criteria') -> 'Criteria | None':
        """Both demanded, as one criterion of the same kind; None where they just stand side by side.

        Raises:
            ValueError: no request can meet both.
        """
        return self if self == other else None

    @property
    def exact_method(self) -> str | None:
        """The one method that can match, if there is but one."""
        return None

    @property
    def exact_path(self) -> str | None:
        """The one (decoded) path that can match, if there is but one."""
        return None

    def parts(self) -> Iterator['Criteria']:
        """The criteria that are all demanded."""
        yield self


class Criterion(Criteria):
    """A criterion that looks at one thing, unlike And, Or, Not."""

    __slots__ = ()


class HTTPCriteria(Criterion):
    """A criterion on HTTP: method, path, params, headers, cookies, body."""

    __slots__ = ()


class K8sCriteria(Criterion):
    """A criterion on what the request means in Kubernetes."""

    __slots__ = ()


def _contradiction(what: str, one: object, other: object) -> ValueError:
    return ValueError(
        f'No request can match both {what} {one} and {what} {other}. '
        f'For either of them, write a set: {{{one}, {other}}}.'
    )


# --- HTTP


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class MethodCriteria(HTTPCriteria):
    """The HTTP method, upper-case."""

    method: str

    def matches(self, request: Request) -> bool:
        return request.method == self.method or request.method.upper() == self.method

    def merged(self, other: Criteria) -> Criteria | None:
        if isinstance(other, MethodCriteria) and other != self:
            raise _contradiction('method', repr(self.method.lower()), repr(other.method.lower()))
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
                    raise _contradiction('path', repr(self.written), repr(other.written))
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
                raise _contradiction(f'{self.word}[{key!r}]', repr(same[0]), repr(value))
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

    def matches(self, request: Request) -> bool:
        if not request.content.kept:
            return False
        if isinstance(self.written, re.Pattern):
            return self.written.fullmatch(request.body) is not None
        return bool(request.body) if self.written is ... else request.body == self.written

    def merged(self, other: Criteria) -> Criteria | None:
        if type(other) is type(self) and isinstance(other, BodyCriteria) and other != self:
            if isinstance(self.written, bytes | str) and isinstance(other.written, bytes | str):
                raise _contradiction('body', repr(self.written), repr(other.written))
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
        if not request.content.kept:
            return False
        if isinstance(self.written, re.Pattern):
            return self.written.fullmatch(request.text) is not None
        return bool(request.body) if self.written is ... else request.text == self.written

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

    def __repr__(self) -> str:
        return f'data({_shown(self.written)})'


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


# --- Kubernetes


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ActionCriteria(K8sCriteria):
    """What the request does to a resource."""

    action: action

    def matches(self, request: Request) -> bool:
        return request.action == self.action

    def merged(self, other: Criteria) -> Criteria | None:
        if isinstance(other, ActionCriteria) and other != self:
            raise _contradiction('action', repr(self), repr(other))
        return self if other == self else None

    def __repr__(self) -> str:
        # The bare word would be the HTTP method.
        return 'action.DELETE' if self.action == 'delete' else repr(self.action.value)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ResourceCriteria(K8sCriteria):
    """The resource type in the URL."""

    resource: resource

    def matches(self, request: Request) -> bool:
        named = request.resource
        return named is not None and self.resource.matches(named)

    def merged(self, other: Criteria) -> Criteria | None:
        if not isinstance(other, ResourceCriteria):
            return None
        parts: dict[str, str | None] = {}
        for part in ('group', 'version', 'plural'):
            one, two = getattr(self.resource, part), getattr(other.resource, part)
            if one is not None and two is not None and one != two:
                raise _contradiction('resource', repr(self), repr(other))
            parts[part] = two if one is None else one
        return ResourceCriteria(resource(**parts))

    def __repr__(self) -> str:
        return repr(str(self.resource.full)) if self.resource.full else repr(self.resource)


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class NameCriteria(K8sCriteria):
    """The name of the object in the URL."""

    written: Any
    _test: Callable[[str | None], bool] = dataclasses.field(init=False)

    word: ClassVar[str] = 'name'

    def __post_init__(self) -> None:
        object.__setattr__(self, '_test', name_test(self.written, glob=self.word != 'subresource'))

    def matches(self, request: Request) -> bool:
        return request.call is not None and self._test(getattr(request.call, self.word))

    def merged(self, other: Criteria) -> Criteria | None:
        if type(other) is not type(self):
            return None
        assert isinstance(other, NameCriteria)
        for one, two in ((self, other), (other, self)):
            if one.exact:
                if not two._test(one.written):
                    raise _contradiction(self.word, repr(self.written), repr(other.written))
                return one
        return None

    @property
    def exact(self) -> bool:
        """Whether one name only (or none) can match."""
        return self.written is None or (
            isinstance(self.written, str) and not is_glob(self.written) and '?' not in self.written
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, NameCriteria) and bool(self.written == other.written)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f'{self.word}({self.written!r})'


class NamespaceCriteria(NameCriteria):
    """The namespace in the URL."""

    __slots__ = ()
    word = 'namespace'


class SubresourceCriteria(NameCriteria):
    """The subresource in the URL."""

    __slots__ = ()
    word = 'subresource'


# --- Python


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class BoolCriteria(Criterion):
    """Everything or nothing."""

    value: bool

    def matches(self, request: Request) -> bool:
        return self.value

    def __repr__(self) -> str:
        return repr(self.value)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class FnCriteria(Criterion):
    """The truth of what a callable returns, called with the request or with nothing."""

    fn: Callable[..., Any]
    takes_request: bool
    volatile = True
    needs_body = True

    def matches(self, request: Request) -> bool:
        return bool(self.fn(request) if self.takes_request else self.fn())

    def __repr__(self) -> str:
        return getattr(self.fn, '__name__', None) or repr(self.fn)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class EventCriteria(Criterion):
    """Whether an event is set when the request arrives."""

    event: asyncio.Event | threading.Event
    volatile = True

    def matches(self, request: Request) -> bool:
        return self.event.is_set()

    def __repr__(self) -> str:
        return 'Event()'


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class FutureCriteria(Criterion):
    """Whether a future is done and its result true when the request arrives."""

    future: asyncio.Future[Any] | concurrent.futures.Future[Any]
    volatile = True

    def matches(self, request: Request) -> bool:
        future = self.future
        return future.done() and not future.cancelled() and future.exception() is None and bool(future.result())

    def __repr__(self) -> str:
        return f'{type(self.future).__name__}()'


# --- logic


class _Compound(Criteria):
    __slots__ = ('criteria', 'needs_body', 'volatile')

    criteria: tuple[Criteria, ...]

    def __init__(self, criteria: Iterable[Criteria]) -> None:
        self.criteria = tuple(criteria)
        self.volatile = any(each.volatile for each in self.criteria)
        self.needs_body = any(each.needs_body for each in self.criteria)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _Compound) and self.criteria == other.criteria

    def __hash__(self) -> int:
        return hash((type(self), len(self.criteria)))


class And(_Compound):
    """All of them. Without any, everything matches. Cheap ones are asked first, the body last."""

    __slots__ = ('_ordered', 'exact_method', 'exact_path')

    exact_method: str | None
    exact_path: str | None

    def __init__(self, criteria: Iterable[Criteria]) -> None:
        super().__init__(criteria)
        self._ordered = tuple(sorted(self.criteria, key=lambda each: (each.volatile, each.needs_body)))
        self.exact_method = next((each.exact_method for each in self.criteria if each.exact_method), None)
        self.exact_path = next((each.exact_path for each in self.criteria if each.exact_path is not None), None)

    def matches(self, request: Request) -> bool:
        return all(each.matches(request) for each in self._ordered)

    def parts(self) -> Iterator[Criteria]:
        return iter(self.criteria)

    def __repr__(self) -> str:
        return ', '.join(map(repr, self.criteria))


EVERYTHING = And(())


class Or(_Compound):
    """Any of them. Without any, nothing matches."""

    __slots__ = ()

    def matches(self, request: Request) -> bool:
        return any(each.matches(request) for each in self.criteria)

    def __repr__(self) -> str:
        return f'{{{", ".join(map(repr, self.criteria))}}}'


class Not(_Compound):
    """None of them."""

    __slots__ = ()

    def matches(self, request: Request) -> bool:
        return not any(each.matches(request) for each in self.criteria)

    def __repr__(self) -> str:
        return f'~{{{", ".join(map(repr, self.criteria))}}}'


def may_match(criteria: Criteria, request: Request) -> bool:
    """Whether a request whose body is not known yet could meet the criteria."""
    return all(part.matches(request) for part in criteria.parts() if not part.needs_body and not part.volatile)


def conjunction(*criteria: Criteria) -> Criteria:
    """All of the criteria, those of one kind merged.

    Raises:
        ValueError: no request can meet all of them.
    """
    merged: list[Criteria] = []
    for part in (part for each in criteria for part in each.parts()):
        for place, present in enumerate(merged):
            both = present.merged(part)
            if both is not None:
                merged[place] = both
                break
        else:
            merged.append(part)
    return merged[0] if len(merged) == 1 else And(merged)
