"""Criteria on what a request means in Kubernetes: action, resource, namespace, name, subresource."""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any, ClassVar

from kmock.messages import Request
from kmock.naming import action, methods_of, resource
from kmock.rules import boxes
from kmock.rules.criteria import Criteria, K8sCriteria, contradiction
from kmock.rules.values import is_glob, name_test

__all__ = ['ActionCriteria', 'NameCriteria', 'NamespaceCriteria', 'ResourceCriteria', 'SubresourceCriteria']


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ActionCriteria(K8sCriteria):
    """What the request does to a resource."""

    action: action

    def matches(self, request: Request) -> bool:
        return request.action == self.action

    def merged(self, other: Criteria) -> Criteria | None:
        if isinstance(other, ActionCriteria) and other != self:
            raise contradiction('action', repr(self), repr(other))
        self._check_method(other.exact_method)
        return self if other == self else None

    def _check_method(self, method: str | None) -> None:
        possible = methods_of(self.action)
        if method is not None and possible is not None and method not in possible:
            raise ValueError(
                f'No request can match both method {method.lower()!r} and action {self!r}, '
                f'which is {_either(possible)}. Leave one of them out; for either of them, write a set.'
            )

    def __repr__(self) -> str:
        # The bare word would be the HTTP method.
        return 'action.DELETE' if self.action == 'delete' else repr(self.action.value)


def _either(methods: Collection[str]) -> str:
    return ' or '.join(repr(each.lower()) for each in boxes.STANDARD_METHODS if each in methods)


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
                raise contradiction('resource', repr(self), repr(other))
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
        return self._test(getattr(request, self.word))

    def merged(self, other: Criteria) -> Criteria | None:
        if type(other) is not type(self):
            return None
        assert isinstance(other, NameCriteria)
        for one, two in ((self, other), (other, self)):
            if one.exact:
                if not two._test(one.written):
                    raise contradiction(self.word, repr(self.written), repr(other.written))
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
        return f'{self.word}({"..." if self.written is ... else repr(self.written)})'


class NamespaceCriteria(NameCriteria):
    """The namespace in the URL."""

    __slots__ = ()
    word = 'namespace'


class SubresourceCriteria(NameCriteria):
    """The subresource in the URL."""

    __slots__ = ()
    word = 'subresource'
