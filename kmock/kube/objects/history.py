"""ObjectHistory: all versions of an object, as a list that tests read, compare and rewrite."""

from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from typing import Any, Self, overload

from kmock.kube.definitions import Json
from kmock.kube.objects.comparing import histories_agree, history_covers, plain, refuse_operand, refuse_order
from kmock.kube.objects.version import ObjectVersion, read_value
from kmock.kube.objects.versions import LocalVersions, VersionInput, Versions, read_versions, wrapped

__all__ = ['ObjectHistory']


class ObjectHistory(MutableSequence[Any]):
    """The versions of an object, the oldest first; None where it was deleted.

    `==` compares exactly and in order. For `history >= pattern`, each item of the pattern needs a version of its own
    that has all that the item has; the order doesn't matter. `<=` is the same with the sides swapped.

    >>> ObjectHistory([{'spec': 1, 'x': 0}, {'spec': 2}, None]) >= [{'spec': ...}, None]
    True
    """

    __slots__ = ('_versions',)

    def __init__(self, items: Iterable[VersionInput] = (), /) -> None:
        self._versions: Versions = LocalVersions(read_versions(items))

    @classmethod
    def of(cls, versions: Versions) -> Self:
        """The history of what is kept elsewhere; its changes are written there."""
        self = cls.__new__(cls)
        self._versions = versions
        return self

    @property
    def raw(self) -> list[Json | None]:
        """All versions as plain dicts, made anew."""
        versions: list[Json | None] = plain(self._versions.read())
        return versions

    @property
    def last(self) -> ObjectVersion:
        """The last version that is no deletion. Raises ValueError if there is none."""
        versions = self._versions.read()
        for index in range(len(versions) - 1, -1, -1):
            found = wrapped(self._versions, index, versions[index])
            if found is not None:
                return found
        raise ValueError('The history has no version but deletions, so there is no last one.')

    # --- the sequence

    def __len__(self) -> int:
        return len(self._versions.read())

    def __iter__(self) -> Iterator[ObjectVersion | None]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> ObjectVersion | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[ObjectVersion | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        versions = self._versions.read()
        if isinstance(index, slice):
            return [wrapped(self._versions, each, versions[each]) for each in range(len(versions))[index]]
        value = versions[index]
        return wrapped(self._versions, index % len(versions), value)

    def __setitem__(self, index: int | slice, value: Any) -> None:
        given = read_versions(value) if isinstance(index, slice) else _read_version(value)
        with self._versions.lock:
            items = self._items()
            items[index] = given  # type: ignore[index, assignment]
            self._versions.edit(items)

    def __delitem__(self, index: int | slice) -> None:
        with self._versions.lock:
            items = self._items()
            del items[index]
            self._versions.edit(items)

    def insert(self, index: int, value: VersionInput) -> None:
        given = _read_version(value)
        with self._versions.lock:
            items = self._items()
            items.insert(index, given)
            self._versions.edit(items)

    def append(self, value: VersionInput) -> None:
        self._versions.append(_read_version(value))

    def extend(self, values: Iterable[VersionInput]) -> None:
        for each in read_versions(values):
            self._versions.append(each)

    def pop(self, index: int = -1, /) -> ObjectVersion | None:
        with self._versions.lock:
            value = self._versions.read()[index]
            del self[index]
        return None if value is None else ObjectVersion(value)

    def clear(self) -> None:
        self._versions.edit([])

    def reverse(self) -> None:
        with self._versions.lock:
            self._versions.edit(self._items()[::-1])

    def _items(self) -> list[int | Json | None]:
        return [*range(len(self))]

    # --- comparison

    def __eq__(self, other: object) -> bool:
        items = _pattern(other)
        return NotImplemented if items is None else histories_agree(self._versions.read(), items)

    def __ge__(self, other: object) -> bool:
        items = _pattern(other)
        if items is None:
            refuse_operand('>=', other, history=True)
        return history_covers(self._versions.read(), items)

    def __le__(self, other: object) -> bool:
        items = _pattern(other)
        if items is None:
            refuse_operand('<=', other, history=True)
        return history_covers(items, self._versions.read())

    def __lt__(self, other: object) -> bool:
        refuse_order('<')

    def __gt__(self, other: object) -> bool:
        refuse_order('>')

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> 'ObjectHistory':
        return ObjectHistory(self._versions.read())

    def __deepcopy__(self, memo: Any) -> 'ObjectHistory':
        return ObjectHistory(self._versions.read())

    def __repr__(self) -> str:
        versions = self.raw
        return f'{type(self).__name__}({versions!r})' if versions else f'{type(self).__name__}()'


def _read_version(value: VersionInput) -> Json | None:
    return None if value is None else read_value(value)


def _pattern(other: object) -> list[Any] | None:
    """The items of what a history is compared with; None if it is nothing of the kind."""
    if isinstance(other, ObjectHistory):
        return list(other._versions.read())
    if isinstance(other, str | bytes | Mapping) or not isinstance(other, Iterable):
        return None
    return list(other)
