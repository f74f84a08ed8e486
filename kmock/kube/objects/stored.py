"""StoredVersions: the versions of an object in the store of a cluster, written there as a test wants them.

What a test writes is not validated. Unless the cluster is verbatim, it gets what every object of a cluster has:
name and namespace as in its key, a uid, a creationTimestamp, a resourceVersion.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kmock.kube.cluster import Cluster, make_key
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.objects.declaring import CRDS
from kmock.kube.store import Stored
from kmock.naming import Resource

__all__ = ['StoredVersions']

_UNVERSIONED = ('apiVersion', 'kind')


class StoredVersions:
    """The versions of one object in a cluster.

    Args:
        define: gives the definition of the resource, and declares it if it is not served.
        tell: called after a write with the definition, what was there before, and what is there now.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        define: Callable[[Resource, str | None, Json], Definition],
        tell: Callable[[Definition, Stored | None, Stored | None], None],
    ) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._resource = resource
        self._namespace = namespace
        self._name = name
        definition = cluster.registry.find(resource)
        self._bucket = (resource.group, resource.plural) if definition is None else definition.bucket
        self._key = make_key(namespace, name)
        self._define = define
        self._tell = tell

    @property
    def lock(self) -> contextlib.AbstractContextManager[Any]:
        return self._store.lock

    @property
    def known(self) -> bool:
        """Whether there is such an object, or was."""
        with self._store.lock:
            return (self._bucket, self._key) in self._store.histories or self._present() is not None

    # --- reading

    def latest(self) -> Json | None:
        stored = self._present()
        return None if stored is None else self._decode(stored)

    def read(self) -> list[Json | None]:
        with self._store.lock:
            return [None if each is None else self._decode(each) for each in self._all()]

    def _present(self) -> Stored | None:
        return self._store.get(self._bucket, self._key)

    def _all(self) -> list[Stored | None]:
        """All versions; the present one at least, if the store keeps no history."""
        present = self._present()
        return list(self._store.histories.get((self._bucket, self._key), ())) or ([] if present is None else [present])

    def _decode(self, stored: Stored) -> Json:
        return self._cluster.decode(stored, self._cluster.registry.find(self._resource))

    # --- writing

    def append(self, version: Json | None) -> None:
        _demand_json(version)
        with self._store.lock:
            definition = self._defined(version)
            before = self._present()
            if version is None:
                self._delete(definition, before)
            else:
                self._put(definition, version, before)
            after = self._present()
        self._tell(definition, before, after)

    def amend(self, version: Json) -> None:
        _demand_json(version)
        with self._store.lock:
            definition = self._defined(version)
            before = self._present()
            written = self._put(definition, version, before)
            history = self._store.histories.get((self._bucket, self._key))
            if written and before is not None and history is not None and len(history) > 1:
                del history[-2]
            after = self._present()
        self._tell(definition, before, after)

    def assign(self, versions: Sequence[Json | None]) -> None:
        """Write these versions one after another; they are all that is remembered of the object."""
        _demand_json(*versions)
        with self._store.lock:
            definition = self._defined(next((each for each in versions if each is not None), None))
            before = self._present()
            if not versions and before is not None:
                self._delete(definition, before)
            for version in versions:
                present = self._present()
                if version is None:
                    self._delete(definition, present)
                elif not self._put(definition, version, present):
                    self._remember(present)
            if self._store.keeps_history:
                history = self._history()
                history[:] = history[-len(versions) :] if versions else []
            after = self._present()
        self._tell(definition, before, after)

    def edit(self, versions: list[int | Json | None]) -> None:
        _demand_json(*versions)
        with self._store.lock:
            existing = self._all()
            before = self._present()
            definition = self._defined(next((each for each in versions if isinstance(each, dict)), None))
            edited = [self._edited(definition, existing, each) for each in versions]
            last = edited[-1] if edited else None
            if last is None and before is not None:
                self._store.delete(self._bucket, self._key, verbatim=self._verbatim(definition))
            elif last is not None and last is not before:
                obj = self._completed(definition, last.decode(), before)
                event = self._store.put(self._bucket, self._key, obj, verbatim=self._verbatim(definition))
                edited[-1] = event.after
            if self._store.keeps_history:
                self._history()[:] = edited
            after = self._present()
        self._tell(definition, before, after)

    def forget(self) -> None:
        """Delete it, if it is there, and all that is remembered of it."""
        with self._store.lock:
            definition = self._cluster.registry.find(self._resource)
            before = self._present()
            verbatim = self._cluster.verbatim if definition is None else self._verbatim(definition)
            self._store.delete(self._bucket, self._key, verbatim=verbatim)
            self._store.histories.pop((self._bucket, self._key), None)
            self._cluster.seeded.discard((self._bucket, self._key))
        if definition is not None:
            self._tell(definition, before, None)

    # --- on the way

    def _defined(self, version: Json | None) -> Definition:
        definition = self._define(self._resource, self._namespace, version or {})
        self._cluster.seeded.discard((self._bucket, self._key))
        return definition

    def _verbatim(self, definition: Definition) -> bool:
        return self._cluster.verbatim or definition.verbatim

    def _history(self) -> list[Stored | None]:
        return self._store.histories.setdefault((self._bucket, self._key), [])

    def _remember(self, version: Stored | None) -> None:
        """Remember what the store doesn't, as it is no event."""
        if self._store.keeps_history:
            self._history().append(version)

    def _delete(self, definition: Definition, before: Stored | None) -> None:
        if before is None:
            self._remember(None)  # a deletion of what is not there is no event
        else:
            self._store.delete(self._bucket, self._key, verbatim=self._verbatim(definition))

    def _put(self, definition: Definition, version: Json, before: Stored | None) -> bool:
        """Write the present state. False if it is so already: what changes nothing is no event in a cluster."""
        verbatim = self._verbatim(definition)
        obj = version if verbatim else _as_stored(definition, self._completed(definition, version, before))
        if not verbatim and before is not None and _unversioned(obj) == _unversioned(before.decode()):
            return False
        self._store.put(self._bucket, self._key, obj, verbatim=verbatim)
        return True

    def _edited(
        self, definition: Definition, existing: list[Stored | None], version: int | Json | None
    ) -> Stored | None:
        if version is None:
            return None
        if isinstance(version, int):
            return existing[version]
        obj = _as_stored(definition, self._completed(definition, version, self._present()))
        return self._store.version(self._key, obj, verbatim=self._verbatim(definition))

    def _completed(self, definition: Definition, version: Json, before: Stored | None) -> Json:
        """An object with what every object of a cluster has."""
        if self._verbatim(definition):
            return version
        old: Json = {} if before is None else _metadata_of(before.decode())
        place = {'name': self._name} | ({} if self._namespace is None else {'namespace': self._namespace})
        given = {key: value for key, value in _metadata_of(version).items() if key not in ('name', 'namespace')}
        metadata = {**place, **given}
        if not self._is_free(metadata.get('uid')):
            metadata['uid'] = old.get('uid') or self._cluster.uid()
        if not metadata.get('creationTimestamp'):
            metadata['creationTimestamp'] = old.get('creationTimestamp') or self._cluster.now()
        generation = self._generation(definition, version, metadata, before)
        if generation is not None:
            metadata['generation'] = generation
        obj = {key: value for key, value in version.items() if key not in ('apiVersion', 'kind', 'metadata')}
        completed = {'apiVersion': definition.api_version, 'kind': definition.kind, 'metadata': metadata, **obj}
        if definition.resource == CRDS and definition.origin is Origin.BUILT_IN:
            _prepare_custom(definition, completed, before)
        return completed

    def _is_free(self, uid: Any) -> bool:
        """Whether a uid is one, and not that of another object: copies of objects get their own."""
        place = (self._bucket, self._key)
        return isinstance(uid, str) and uid != '' and self._store.uids.get(uid, place) == place

    def _generation(self, definition: Definition, version: Json, metadata: Json, before: Stored | None) -> Any:
        """The generation: it grows with changes outside of the metadata and the status, unless the test sets it."""
        if definition.origin is Origin.LOOSE or not definition.strategy.generation:
            return metadata.get('generation')
        old = {} if before is None else before.decode()
        known = _metadata_of(old).get('generation')
        given = metadata.get('generation', known)
        if given != known or not isinstance(known, int):
            return given or 1
        left_out = {'metadata', *_UNVERSIONED} | ({'status'} if definition.has_status else set())
        changed = any(version.get(key) != old.get(key) for key in {*version, *old} - left_out)
        return known + 1 if changed else known


def _prepare_custom(definition: Definition, crd: Json, before: Stored | None) -> None:
    """Do to a CustomResourceDefinition what the API does: its resources are served from now on, so it must be right.

    Raises:
        ValueError: it is not; the message says where.
    """
    strategy = definition.strategy
    strategy.default(crd)
    if before is None:
        strategy.prepare_create(crd)
        causes = strategy.validate(crd)
    else:
        old = {'apiVersion': crd['apiVersion'], 'kind': crd['kind'], **before.decode()}
        strategy.prepare_update(crd, old)
        causes = strategy.validate_update(crd, old)
    if causes:
        wrong = '; '.join(f'{each.field}: {each.message}' for each in causes)
        raise ValueError(f'The CustomResourceDefinition {crd["metadata"]["name"]} is wrong. {wrong}')


def _demand_json(*versions: int | Json | None) -> None:
    """Raises ValueError for numbers that JSON can't hold: clients could not read the object."""
    for version in versions:
        for path, number in _endless(version, ''):
            raise ValueError(f"{path} is {number}, which JSON can't hold. Write a finite number, a text, or None.")


def _endless(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _endless(each, f'{path}.{key}' if path else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _endless(each, f'{path}[{index}]')
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value


def _as_stored(definition: Definition, obj: Json) -> Json:
    return obj if definition.conversion is None else definition.conversion.write(obj)


def _metadata_of(obj: Json) -> Json:
    """Raises TypeError if the metadata are none."""
    metadata = obj.get('metadata')
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"An object's metadata are a mapping, not {metadata!r}. (`verbatim=True` keeps what is given.)")
    return metadata or {}


def _unversioned(obj: Json) -> Json:
    """What is compared to see if a write changes anything."""
    metadata = {key: value for key, value in _metadata_of(obj).items() if key != 'resourceVersion'}
    return {**{key: value for key, value in obj.items() if key not in _UNVERSIONED}, 'metadata': metadata}
