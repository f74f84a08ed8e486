"""Where the versions of one object are: in a list of its own, or in the store. Objects and histories stand on these.

A version is a plain dict, or None for a deletion. The last one is the present state.
"""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from kmock.kube.definitions import Json
from kmock.kube.objects.version import ObjectVersion, changed_at, read_value

__all__ = ['LocalVersions', 'VersionInput', 'Versions', 'read_versions', 'wrapped']

VersionInput: TypeAlias = Mapping[str, Any] | None
"""A version as tests give it; None is a deletion."""


class Versions(Protocol):
    """The versions of one object. What is read in order to be changed is read and written under the lock."""

    @property
    def lock(self) -> contextlib.AbstractContextManager[Any]:
        """Nobody else changes the object meanwhile."""

    def latest(self) -> Json | None:
        """The present state, made anew; None if there is none, or it is deleted."""

    def read(self) -> list[Json | None]:
        """All versions, made anew."""

    def append(self, version: Json | None) -> None:
        """Write a new version, or a deletion."""

    def amend(self, version: Json) -> None:
        """Write the present state anew, as the same version; a new one if there is none, or it is deleted."""

    def edit(self, versions: list[int | Json | None]) -> None:
        """Rewrite the history; an int is the index of a version as it is now."""


class LocalVersions:
    """Versions of an object that is not in a cluster: patterns, and parsed responses."""

    def __init__(self, versions: Iterable[Json | None] = ()) -> None:
        self._versions = list(versions)
        self.lock: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()

    def latest(self) -> Json | None:
        return self._versions[-1] if self._versions else None

    def read(self) -> list[Json | None]:
        return list(self._versions)

    def append(self, version: Json | None) -> None:
        self._versions.append(version)

    def amend(self, version: Json) -> None:
        if self.latest() is None:
            self._versions.append(version)
        else:
            self._versions[-1] = version

    def edit(self, versions: list[int | Json | None]) -> None:
        self._versions = [self._versions[each] if isinstance(each, int) else each for each in versions]


def read_versions(versions: Any) -> list[Json | None]:
    """What a test gives for a history, as plain dicts made anew.

    Raises:
        TypeError: it is no iterable of mappings and Nones.
    """
    if isinstance(versions, Mapping | str | bytes) or not isinstance(versions, Iterable):
        raise TypeError(f'A history is a list of mappings, and of None for deletions, not {versions!r}.')
    return [None if each is None else read_value(each) for each in versions]


def wrapped(versions: Versions, place: int, value: Json | None) -> ObjectVersion | None:
    """A version, by its index from the start, as a mapping whose changes change it where it is."""
    if value is None:
        return None

    def change(path: tuple[str, ...], written: Any) -> None:
        with versions.lock:
            current = versions.read()
            items: list[int | Json | None] = [*range(len(current))]
            items[place] = changed_at(current[place] or {}, path, written)
            versions.edit(items)

    return ObjectVersion.of(value, change)
