"""ObjectsArray: `kmock.objects`, the objects in the cluster by resource, namespace and name."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, overload

from kmock.kube.cluster import Cluster
from kmock.kube.definitions import Definition, Json
from kmock.kube.objects.declaring import Declarations
from kmock.kube.objects.object import Object, read_history
from kmock.kube.objects.stored import StoredVersions
from kmock.kube.objects.version import ObjectVersion
from kmock.kube.objects.versions import VersionInput
from kmock.kube.store import BucketKey, Key, Stored
from kmock.naming import Resource, Selectable, resource

__all__ = ['HistoryKey', 'ObjectKey', 'ObjectsArray', 'VersionKey']

_ResourceName: TypeAlias = str | Resource | resource | Selectable
ObjectKey: TypeAlias = tuple[_ResourceName, str | None, str]
"""What names an object: its resource in any notation, its namespace (None for cluster-wide ones), its name."""
VersionKey: TypeAlias = tuple[_ResourceName, str | None, str, int]
"""What names one version of an object: as above, and the index in its history."""
HistoryKey: TypeAlias = tuple[_ResourceName, str | None, str, slice]
"""What names several versions of an object: as above, and a slice of its history."""


class ObjectsArray:
    """The objects in a cluster: those that tests put in, and those that clients create.

    `kmock.objects['kopf.dev/v1/kopfexamples', 'ns', 'name'] = {'spec': 123}` puts one in, without any validation; a
    resource that is not served yet is declared by this, loosely. A list assigns a history, None a deletion.
    Deleted objects are still here with their history, until they are forgotten (`del`). What is in a cluster from the
    start (such as its namespaces) is found by its key, but not counted or iterated over, unless the test changes it.

    Attributes:
        written: called with the definition and the object after a test has put it in or changed it.
        removed: called with the definition and the last stored form after a test has deleted an object.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._declarations = Declarations(cluster)
        self._versions: dict[BucketKey, Resource] = {}
        self.written: list[Callable[[Definition, Json], None]] = []
        self.removed: list[Callable[[Definition, Stored], None]] = []

    # --- the mapping

    @overload
    def __getitem__(self, key: ObjectKey) -> Object: ...
    @overload
    def __getitem__(self, key: VersionKey) -> ObjectVersion | None: ...
    @overload
    def __getitem__(self, key: HistoryKey) -> list[ObjectVersion | None]: ...
    def __getitem__(self, key: Any) -> Any:
        """An object, or versions of it.

        Raises:
            KeyError: there is no such object, and was none.
            IndexError: there is no such version.
            TypeError: the key is none.
        """
        found = Object.of(self._find(key))
        return found if len(key) == 3 else found.history[key[3]]

    @overload
    def __setitem__(self, key: ObjectKey, value: Any) -> None: ...
    @overload
    def __setitem__(self, key: VersionKey, value: VersionInput) -> None: ...
    @overload
    def __setitem__(self, key: HistoryKey, value: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None:
        """Put an object in: a mapping for its state, a list for its history, None for a deletion.

        Raises:
            KeyError, IndexError: it is assigned to versions that are not there.
            TypeError: the key or the value is none of these.
            ValueError: the resource is not named in full; or is not namespaced, or is, other than the key says.
        """
        named, namespace, name = _read_key(key)
        if len(key) == 4:
            Object.of(self._find(key)).history[key[3]] = value
            return
        self._at(self._full(named), namespace, name).assign(read_history(value))

    def __delitem__(self, key: ObjectKey | VersionKey | HistoryKey) -> None:
        """Forget an object: it is deleted, and so is its history; or forget some versions."""
        found = self._find(key)
        if len(key) == 4:
            del Object.of(found).history[key[3]]
        else:
            found.forget()

    def __contains__(self, key: object) -> bool:
        try:
            found = self._find(key)
            return len(key) == 3 or bool(found.read()[key[3]])  # type: ignore[arg-type, index]
        except (LookupError, TypeError, ValueError):
            return False

    def get(self, key: ObjectKey, default: Any = None) -> Any:
        """An object, if there is one or was one."""
        try:
            return self[key]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[tuple[resource, str | None, str]]:
        return self.keys()

    def __len__(self) -> int:
        return len(self._places())

    def keys(self) -> Iterator[tuple[resource, str | None, str]]:
        """The keys of all objects, deleted ones included, in the order in which they came."""
        return iter([(resource(place), namespace, name) for place, namespace, name in self._names()])

    def values(self) -> Iterator[Object]:
        """All objects, in the same order."""
        return iter([Object.of(self._at(*each)) for each in self._names()])

    def items(self) -> Iterator[tuple[tuple[resource, str | None, str], Object]]:
        """All keys with their objects, in the same order."""
        return zip(self.keys(), self.values(), strict=True)

    def clear(self) -> None:
        """Forget all objects, but for those that are there from the start."""
        for each in self._names():
            self._at(*each).forget()

    def __repr__(self) -> str:
        shown = {(str(key[0]), *key[1:]): value for key, value in self.items()}
        return f'{type(self).__name__}({shown!r})'

    # --- keys

    def _find(self, key: Any) -> StoredVersions:
        named, namespace, name = _read_key(key)
        try:
            found = self._at(self._full(named), namespace, name)
        except ValueError as exc:
            raise KeyError(str(exc)) from None
        if not found.known:
            raise KeyError((named, namespace, name))
        return found

    def _at(self, place: Resource, namespace: str | None, name: str) -> StoredVersions:
        return StoredVersions(self._cluster, place, namespace, name, define=self._define, tell=self._tell)

    def _full(self, named: resource) -> Resource:
        """The resource type that is meant. Raises ValueError if it is not named in full, and none or many fit."""
        if named.full is not None:
            return named.full
        served = [each.resource for each in self._cluster.registry if named.matches(each.resource)]
        buckets = {(each.group, each.plural) for each in served}
        if len(buckets) == 1:
            return self._version_of(buckets.pop()) if named.version is None else served[0]
        seen = f'is ambiguous: {", ".join(map(str, served[:5]))}' if served else 'is not served'
        raise ValueError(f"{named!r} {seen}. Name the group, the version and the plural: 'kopf.dev/v1/kopfexamples'.")

    def _places(self) -> list[tuple[BucketKey, Key]]:
        """Where all objects are that count."""
        store, seeded = self._cluster.store, self._cluster.seeded
        with store.lock:
            places = dict.fromkeys(store.histories)
            for bucket in store.buckets:
                places.update(dict.fromkeys((bucket, key) for key in store.bucket(bucket).keys))
            return [each for each in places if each not in seeded]

    def _names(self) -> list[tuple[Resource, str | None, str]]:
        names = []
        resources: dict[BucketKey, Resource] = {}
        for bucket, key in self._places():
            if bucket not in resources:
                resources[bucket] = self._version_of(bucket)
            namespace, _, name = key.rpartition('/')
            names.append((resources[bucket], namespace or None, name))
        return names

    def _version_of(self, bucket: BucketKey) -> Resource:
        """A resource type with its version: the one that objects are stored in, if it is served."""
        served = self._cluster.registry.versions(*bucket)
        stored = [each for each in served if each.storage_version == each.resource.version]
        if served:
            self._versions[bucket] = (stored or served)[0].resource
        return self._versions.get(bucket) or Resource(bucket[0], 'v1', bucket[1])

    # --- writes

    def _define(self, place: Resource, namespace: str | None, obj: Json) -> Definition:
        self._versions.setdefault((place.group, place.plural), place)
        return self._declarations.define(place, namespace, obj)

    def _tell(self, definition: Definition, before: Stored | None, after: Stored | None) -> None:
        if after is None and before is not None:
            gone = [*self._declarations.withdraw(definition, before), (definition, before)]
            for removed in self.removed:
                for each in gone:
                    removed(*each)
        elif after is not None and after is not before:
            for written in self.written:
                written(definition, self._cluster.decode(after, definition))


def _read_key(key: Any) -> tuple[resource, str | None, str]:
    """The resource, the namespace and the name in a key; without the index.

    Raises:
        TypeError: it is no key.
        ValueError: the resource is in no known notation.
    """
    if not isinstance(key, tuple) or len(key) not in (3, 4):
        raise TypeError(f'Objects are named as [resource, namespace or None, name], not by {key!r}.')
    named, namespace, name = key[:3]
    if not isinstance(named, str | Resource | resource | Selectable):
        raise TypeError(f"A resource is named as 'group/v1/plural' or by an object with its parts, not by {named!r}.")
    if not isinstance(namespace, str | None):
        raise TypeError(f'A namespace is a string, or None for cluster-wide objects, not {namespace!r}.')
    if not isinstance(name, str):
        raise TypeError(f'A name is a string, not {name!r}.')
    if not name:
        raise ValueError('An object needs a name; it is empty.')
    if len(key) == 4 and not isinstance(key[3], int | slice):
        raise TypeError(f'A version is named by its index or by a slice, not by {key[3]!r}.')
    return resource(named), namespace or None, name
