"""ResourceInfo: what a test declares of a resource type, piece by piece, and sees take effect at once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

__all__ = ['ResourceDict', 'ResourceInfo', 'Words']

_PLAIN = ('namespaced', 'kind', 'singular')
_MANY = ('verbs', 'shortnames', 'categories', 'subresources')


class ResourceDict(TypedDict, total=False):
    """A resource type as a plain dict; the keys are those of `ResourceInfo`."""

    namespaced: bool | None
    kind: str | None
    singular: str | None
    verbs: Iterable[str]
    shortnames: Iterable[str]
    categories: Iterable[str]
    subresources: Iterable[str]


class Words(set[str]):
    """A set that tells when it is changed."""

    def __init__(self, words: Iterable[str] = (), *, changed: Callable[[], None] = lambda: None) -> None:
        super().__init__(words)
        self._changed = changed

    def add(self, word: str) -> None:
        super().add(word)
        self._changed()

    def discard(self, word: object) -> None:
        super().discard(word)
        self._changed()

    def remove(self, word: str) -> None:
        super().remove(word)
        self._changed()

    def pop(self) -> str:
        word = super().pop()
        self._changed()
        return word

    def clear(self) -> None:
        super().clear()
        self._changed()

    def update(self, *others: Iterable[str]) -> None:
        super().update(*others)
        self._changed()

    def difference_update(self, *others: Iterable[Any]) -> None:
        super().difference_update(*others)
        self._changed()

    def intersection_update(self, *others: Iterable[Any]) -> None:
        super().intersection_update(*others)
        self._changed()

    def symmetric_difference_update(self, other: Iterable[str]) -> None:
        super().symmetric_difference_update(other)
        self._changed()

    def __ior__(self, other: Any) -> 'Words':  # type: ignore[override, misc]
        self.update(other)
        return self

    def __isub__(self, other: Any) -> 'Words':  # type: ignore[misc]
        self.difference_update(other)
        return self

    def __iand__(self, other: Any) -> 'Words':  # type: ignore[misc]
        self.intersection_update(other)
        return self

    def __ixor__(self, other: Any) -> 'Words':  # type: ignore[override, misc]
        self.symmetric_difference_update(other)
        return self

    def __repr__(self) -> str:
        return repr(set(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return (set, (list(self),))


class ResourceInfo:
    """A resource type: what is None, or empty, is not declared, and so left to the server.

    Attributes:
        namespaced: whether its objects live in namespaces; if not declared, they may.
        kind: of its objects, e.g. `KopfExample`; if not declared, objects of any kind are taken.
        singular: the name for one, e.g. `kopfexample`.
        verbs: those in discovery: get, list, watch, create, update, patch, delete, deletecollection; by default all.
        shortnames, categories: as kubectl uses them.
        subresources: their names, e.g. `status`, `scale`.

    Changes take effect at once: `kmock.resources['v1/pods'].shortnames.add('p')`.
    """

    namespaced: bool | None
    kind: str | None
    singular: str | None
    verbs: set[str]
    shortnames: set[str]
    categories: set[str]
    subresources: set[str]

    __slots__ = (*_MANY, *_PLAIN, '_listeners')

    def __init__(
        self,
        *,
        namespaced: bool | None = None,
        kind: str | None = None,
        singular: str | None = None,
        verbs: Iterable[str] = (),
        shortnames: Iterable[str] = (),
        categories: Iterable[str] = (),
        subresources: Iterable[str] = (),
    ) -> None:
        object.__setattr__(self, '_listeners', [])
        self.namespaced, self.kind, self.singular = namespaced, kind, singular
        self.verbs, self.shortnames = verbs, shortnames  # type: ignore[assignment]
        self.categories, self.subresources = categories, subresources  # type: ignore[assignment]

    @classmethod
    def of(cls, value: Any) -> 'ResourceInfo':
        """A ResourceInfo as it is, a mapping as one. Raises TypeError for anything else, and for unknown keys."""
        if isinstance(value, ResourceInfo):
            return value
        if isinstance(value, Mapping):
            known = (*_PLAIN, *_MANY)
            unknown = [str(key) for key in value if key not in known]
            if unknown:
                raise TypeError(f'A resource has no {", ".join(unknown)}. It has {", ".join(known)}.')
            return cls(**value)
        raise TypeError(f'A resource is declared by a dict or a ResourceInfo, not by {value!r}.')

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _MANY:
            value = Words(_checked_words(name, value), changed=self._tell)
        elif name in _PLAIN:
            _check_plain(name, value)
        object.__setattr__(self, name, value)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it after each change."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call it no more; fine if it never was."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    _listeners: list[Callable[[], None]]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ResourceInfo):
            return all(getattr(self, name) == getattr(other, name) for name in (*_PLAIN, *_MANY))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        said = ((name, getattr(self, name)) for name in (*_PLAIN, *_MANY))
        shown = (f'{name}={value!r}' for name, value in said if value is not None and value != set())
        return f'{type(self).__name__}({", ".join(shown)})'


def _checked_words(name: str, value: Any) -> Iterable[str]:
    if isinstance(value, str | bytes):
        raise TypeError(f'{name} are several words: write {{{value!r}}}, not {value!r}.')
    words = list(value) if isinstance(value, Iterable) else None
    if words is None or not all(isinstance(word, str) for word in words):
        raise TypeError(f'{name} are several words, not {value!r}.')
    return words


def _check_plain(name: str, value: Any) -> None:
    expected = bool if name == 'namespaced' else str
    if value is not None and not isinstance(value, expected):
        meant = 'True, False, or None' if expected is bool else 'a string, or None'
        raise TypeError(f'{name}={value!r}: it must be {meant}.')
