"""Object: the latest state of an object as a mapping, with its history."""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Self

from kmock.kube.definitions import Json
from kmock.kube.objects.comparing import agrees, covers, plain, refuse_operand, refuse_order
from kmock.kube.objects.history import ObjectHistory
from kmock.kube.objects.version import GONE, ObjectVersion, changed_at, read_value
from kmock.kube.objects.versions import LocalVersions, VersionInput, Versions, read_versions
from kmock.kube.patching.patches import json_patch, merge_patch
from kmock.kube.statuses import StatusError

__all__ = ['Object', 'read_history']


class Object(MutableMapping[str, Any]):
    """The latest state of an object; that of a deleted one is empty.

    Objects of `kmock.objects` are those in the cluster: what is changed in them is changed there, and watchers are
    told. `Object({...})` is on its own: wrap a parsed response to compare it partially.

    `>=` and `<=` compare partially and deeply, `==` exactly; `...` as a value means that it is there.

    >>> Object({'items': [{'spec': 123, 'metadata': {'name': 'a'}}]}) >= {'items': [{'spec': 123}]}
    True
    """

    __slots__ = ('_versions',)

    def __init__(self, history: VersionInput | Iterable[VersionInput] = (), /) -> None:
        self._versions: Versions = LocalVersions(read_history(history))

    @classmethod
    def of(cls, versions: Versions) -> Self:
        """The object whose versions are kept elsewhere; its changes are written there."""
        self = cls.__new__(cls)
        self._versions = versions
        return self

    # --- what there is of it

    @property
    def history(self) -> ObjectHistory:
        """All versions, the oldest first."""
        return ObjectHistory.of(self._versions)

    @property
    def last(self) -> ObjectVersion:
        """The last version before the deletion, if it is deleted, else the present one.

        Raises:
            ValueError: there is none.
        """
        return self.history.last

    @property
    def raw(self) -> Json:
        """The present state as a plain dict, made anew.

        Raises:
            ValueError: the object is deleted, or there is no version of it. See `last`.
        """
        value = self._versions.latest()
        if value is None:
            raise ValueError('The object is deleted, so it has no present state. See `.last` for the one before.')
        raw: Json = plain(value)
        return raw

    @property
    def deleted(self) -> bool:
        """Whether there is no present state."""
        return self._versions.latest() is None

    @property
    def empty(self) -> bool:
        """Whether there are no versions at all."""
        return not self._versions.read()

    # --- changes as new versions

    def create(self, changes: Mapping[str, Any] | None = None, /, **kwargs: Any) -> None:
        """Write a new version in place of whatever there is."""
        self._versions.append({**read_value({} if changes is None else changes), **plain(kwargs)})

    def patch(self, changes: Mapping[str, Any] | Sequence[Any] | None = None, /, **kwargs: Any) -> None:
        """Write a new version with changes: a mapping is merged (None removes), a list is a JSON Patch.

        Raises:
            TypeError: the changes are neither; or a JSON Patch comes along with keywords.
            ValueError: the JSON Patch can't be applied.
        """
        with self._versions.lock:
            self._versions.append(self._patched(changes, kwargs))

    def _patched(self, changes: Any, kwargs: dict[str, Any]) -> Json:
        current = self._versions.latest() or {}
        if isinstance(changes, Mapping) or changes is None:
            return merge_patch(current, {**read_value(changes or {}), **plain(kwargs)})
        if not isinstance(changes, list | tuple):
            raise TypeError(f'A patch is a mapping to merge, or the list of a JSON Patch, not {changes!r}.')
        if kwargs:
            raise TypeError(f'A JSON Patch has no room for keywords: {", ".join(kwargs)}.')
        operations = plain(changes)
        try:
            return json_patch(current, operations)
        except StatusError as exc:
            raise ValueError(f"The JSON Patch can't be applied to {current!r}: {operations!r}. ({exc})") from exc

    def delete(self) -> None:
        """Delete it at once, whatever its finalizers say. The history is kept."""
        self._versions.append(None)

    # --- the mapping: changes to the present version

    def __getitem__(self, key: str) -> Any:
        return ObjectVersion.of(self._current(), self._change)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._change((key,), plain(value))

    def __delitem__(self, key: str) -> None:
        if key not in self._current():
            raise KeyError(key)
        self._change((key,), GONE)

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Change several values in one write."""
        with self._versions.lock:
            self._versions.amend({**self._current(), **plain(dict(other, **kwargs))})

    def clear(self) -> None:
        with self._versions.lock:
            if not self.deleted:
                self._versions.amend({})

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def __contains__(self, key: object) -> bool:
        return key in self._current()

    def _current(self) -> Json:
        return self._versions.latest() or {}

    def _change(self, path: tuple[str, ...], value: Any) -> None:
        with self._versions.lock:
            self._versions.amend(changed_at(self._current(), path, value))

    # --- comparison

    def __eq__(self, other: object) -> bool:
        return agrees(self._current(), other) if isinstance(other, Mapping) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return covers(self._current(), other) if isinstance(other, Mapping) else refuse_operand('>=', other)

    def __le__(self, other: object) -> bool:
        return covers(other, self._current()) if isinstance(other, Mapping) else refuse_operand('<=', other)

    def __lt__(self, other: object) -> bool:
        refuse_order('<')

    def __gt__(self, other: object) -> bool:
        refuse_order('>')

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> 'Object':
        return Object(self._versions.read())

    def __deepcopy__(self, memo: Any) -> 'Object':
        return Object(self._versions.read())

    def __repr__(self) -> str:
        versions = plain(self._versions.read())
        return f'{type(self).__name__}({versions!r})' if versions else f'{type(self).__name__}()'


def read_history(history: Any) -> list[Json | None]:
    """What a test assigns to an object: a mapping for one version, None for a deletion, a list for a history.

    Raises:
        TypeError: it is none of these.
    """
    if history is None or isinstance(history, Mapping):
        return [None if history is None else read_value(history)]
    return read_versions(history)
