"""Predicates on one request: small frozen classes, checked when written; And, Or, Not; those on plain Python values.

The ones on HTTP and on Kubernetes are in `http_criteria.py` and `kubernetes_criteria.py`.

A criterion sees one request, and whatever it was written with. Those that depend on anything but the request
(callables, events, futures) are *volatile*: their verdict is taken once, when the request arrives.
Criteria of one kind merge when both are demanded; if no request can meet both, that is refused at once.
"""

import asyncio
import concurrent.futures
import dataclasses
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kmock.messages import Request

__all__ = [
    'EVERYTHING',
    'And',
    'BoolCriteria',
    'Criteria',
    'Criterion',
    'EventCriteria',
    'FnCriteria',
    'FutureCriteria',
    'HTTPCriteria',
    'K8sCriteria',
    'Not',
    'Or',
    'conjunction',
    'contradiction',
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


def contradiction(what: str, one: object, other: object) -> ValueError:
    return ValueError(
        f'No request can match both {what} {one} and {what} {other}. '
        f'For either of them, write a set: {{{one}, {other}}}.'
    )


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
