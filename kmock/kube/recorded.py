"""The part of an emulated cluster that a recording tells of: the state it began with, and what it tells on the way.

What is given here are plain values; nothing is known of recordings. Recorded objects keep their resourceVersions;
the cluster's own writes get higher ones than any that was recorded.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from kmock.kube.cluster import NAMESPACES, make_key
from kmock.kube.controllers.custom import CRDS
from kmock.kube.definitions import Definition, Json
from kmock.kube.emulator import Emulator
from kmock.kube.resources.info import ResourceInfo
from kmock.kube.resources.loose import loose_definition, read_resource_lists
from kmock.kube.store import BucketKey, Key
from kmock.naming import Resource

__all__ = ['Met', 'Recorded', 'Told']


class Told(Protocol):
    """What is told of one object."""

    @property
    def resource(self) -> Resource: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def obj(self) -> Json | None:
        """With kind and apiVersion."""

    @property
    def revision(self) -> int:
        """The object's resourceVersion; 0 if it is unknown."""

    @property
    def remains(self) -> bool:
        """Whether the object is there."""


class Met(Protocol):
    """A resource type of which not more is known. `namespaced` is None if that is unknown."""

    @property
    def resource(self) -> Resource: ...
    @property
    def kind(self) -> str: ...
    @property
    def namespaced(self) -> bool | None: ...


class Recorded:
    """Takes over into a cluster what a recording tells."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._cluster = emulator.cluster
        self._gone: dict[tuple[BucketKey, Key], int] = {}

    def begin(
        self,
        objects: Iterable[Told],
        *,
        resource_lists: Iterable[Mapping[str, object]] = (),
        kinds: Iterable[Met] = (),
        namespaces: Iterable[str] = (),
        version: Json | None = None,
        revision: int = 0,
    ) -> None:
        """Fill the cluster with a state; no watch hears of it.

        CustomResourceDefinitions are served as they say. Other resource types that discovery tells of are served
        without schemas.

        Args:
            resource_lists: documents of the kind APIResourceList.
            kinds: resource types that are served, too, if neither a definition nor discovery tells of them.
            namespaces: those that are there, too, if nothing else is known of them.
            version: the body of /version.
            revision: the highest resourceVersion that anybody may know.
        """
        store = self._cluster.store
        with store.lock:
            store.recorded = store.revision = max(store.revision, revision)
        if version is not None:
            self._emulator.discovery.tell_version(version)
        registry = self._cluster.registry
        documents = list(resource_lists)
        for definition in read_resource_lists(documents) if documents else ():
            if registry.find(definition.resource) is None:
                registry.add(definition)
        listed = sorted(objects, key=lambda told: told.resource != CRDS)  # definitions before their objects
        for told in listed:
            if told.obj is not None:
                self._place(told, told.obj, event=False)
        for met in kinds:
            self._serve(met.resource, met.kind, met.namespaced)
        for namespace in namespaces:
            self._imply(namespace)

    def follow(self, told: Told) -> None:
        """Bring one object to a state that was told in the course of events, if nothing newer is known of it."""
        bucket, key = (told.resource.group, told.resource.plural), make_key(told.namespace, told.name)
        store = self._cluster.store
        with store.lock:
            stored = store.get(bucket, key)
            known = stored.revision if stored is not None else self._gone.get((bucket, key), -1)
            if told.remains and told.obj is not None:
                if told.revision > known:
                    self._place(told, told.obj, event=True)
            elif not told.revision or told.revision >= known:
                if stored is not None or told.revision:
                    self._gone[bucket, key] = max(known, told.revision)
                if stored is not None:
                    self._remove(told, bucket, key)

    def _place(self, told: Told, obj: Json, *, event: bool) -> None:
        definition = self._serve(told.resource, str(obj['kind']), told.namespace is not None)
        key = make_key(told.namespace, told.name)
        self._cluster.store.adopt(definition.bucket, key, obj, told.revision, event=event, verbatim=definition.verbatim)
        if definition.resource == CRDS:
            self._emulator.custom.written(obj)

    def _remove(self, told: Told, bucket: BucketKey, key: Key) -> None:
        stored = self._cluster.store.get(bucket, key)
        if told.resource == CRDS and stored is not None:
            definition = self._cluster.registry.find(CRDS)
            self._emulator.custom.delete(stored, self._cluster.decode(stored, definition))
        self._cluster.store.delete(bucket, key, verbatim=self._cluster.registry.verbatim)

    def _serve(self, resource: Resource, kind: str, namespaced: bool | None) -> Definition:
        """The definition of a resource type; one without a schema, if there was none."""
        registry = self._cluster.registry
        found = registry.find(resource)
        if found is None:
            info = ResourceInfo(kind=kind, namespaced=namespaced, subresources={'status'})
            found = registry.add(loose_definition(resource, info))
        return found

    def _imply(self, namespace: str) -> None:
        """A namespace of which nothing is known but that there is something in it."""
        bucket = (NAMESPACES.group, NAMESPACES.plural)
        if self._cluster.store.get(bucket, namespace) is not None or self._cluster.registry.find(NAMESPACES) is None:
            return
        metadata = {
            'name': namespace,
            'uid': self._cluster.uid(),
            'resourceVersion': '1',
            'creationTimestamp': self._cluster.now(),
            'labels': {'kubernetes.io/metadata.name': namespace},
        }
        obj = {'metadata': metadata, 'spec': {'finalizers': ['kubernetes']}, 'status': {'phase': 'Active'}}
        self._cluster.store.adopt(bucket, namespace, obj, 1, event=False)
