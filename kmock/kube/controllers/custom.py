"""Custom resources come and go with their definitions: the controllers inside of a real API server, done at once."""

import copy
from collections.abc import Callable

from kmock.kube.cluster import SERVER, Cluster
from kmock.kube.crds import (
    cleaned,
    cleaning,
    definitions_of,
    is_established,
    is_terminating,
    steps_of_establishing,
    terminating,
)
from kmock.kube.definitions import Definition, Json
from kmock.kube.patching.managed import track_update
from kmock.kube.store import BucketKey, Key, Stored
from kmock.naming import Resource

__all__ = ['CRDS', 'CustomResources']

CRDS = Resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions')
_BUCKET = (CRDS.group, CRDS.plural)


class CustomResources:
    """Keeps the registry in step with the CustomResourceDefinitions in the store."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._served: dict[str, list[Definition]] = {}
        self.removed: list[Callable[[Stored], None]] = []
        """Called with each definition or object that has left the store in the course of this: for controllers."""
        self.marked: list[Callable[[BucketKey, Key], None]] = []
        """Called with each object that was marked as being deleted in the course of this: for controllers."""

    def written(self, crd: Json) -> None:
        """Establish a definition that was created or changed, and serve what it says."""
        name = crd['metadata']['name']
        if is_terminating(crd):
            self.clean(name)
            return
        for step in steps_of_establishing(crd, self._cluster.read(CRDS), self._cluster.now()):
            crd = self._put(step, crd)
        self._serve(crd)

    def _put(self, new: Json, old: Json) -> Json:
        """Store what the server itself has made of a definition."""
        new = copy.deepcopy(new)
        definition = self._cluster.registry.find(CRDS)
        if definition is not None:
            now = self._cluster.now()
            track_update(new, old, definition=definition, manager=SERVER, subresource='status', now=now)
        self._cluster.store.put(_BUCKET, new['metadata']['name'], new)
        return new

    def load(self) -> None:
        """Serve what is defined in the store already."""
        for crd in self._cluster.read(CRDS):
            self.written(crd)

    def _serve(self, crd: Json) -> None:
        name = crd['metadata']['name']
        definitions = definitions_of(crd) if is_established(crd) else []
        before = self._served.get(name, [])
        if definitions:
            self._served[name] = definitions
        kept = {each.resource for each in definitions}
        for each in before:
            if each.resource not in kept:
                self._cluster.registry.remove(each.resource)
        for each in definitions:
            self._cluster.registry.add(each)
        if before and definitions:
            self._cluster.reshaped[definitions[0].bucket] = self._cluster.store.revision + 1

    def delete(self, stored: Stored, crd: Json) -> Json:
        """Mark a definition as being deleted, and begin to delete its objects. Gives what a DELETE answers."""
        marked = terminating(crd, self._cluster.now())
        self._cluster.store.put(_BUCKET, stored.key, marked)
        shown = copy.deepcopy(marked)
        self._serve(marked)
        self.clean(stored.key)
        return shown

    def clean(self, name: str) -> None:
        """Delete the objects of a definition that is being deleted; it goes with the last of them."""
        crd = self._find(name)
        if crd is None:
            return
        bucket = (crd['spec']['group'], crd['spec']['names']['plural'])
        left = is_terminating(crd) and self._left(bucket)
        crd = self._find(name)  # anew: with its last object, it may have gone already
        if crd is None:
            return
        if left:
            marked = cleaning(crd, self._cluster.now())
            if marked.get('status') != crd.get('status'):
                self._put(marked, crd)
            return
        done = cleaned(crd, self._cluster.now())
        if done['metadata'].get('finalizers'):
            self._put(done, crd)
            return
        stored = self._cluster.store.get(_BUCKET, name)
        self._cluster.store.delete(_BUCKET, name)
        self.withdraw(name)
        if stored is not None:
            self._tell(stored)

    def withdraw(self, name: str) -> None:
        """Serve nothing of a definition any more: it is gone."""
        for each in self._served.pop(name, ()):
            self._cluster.registry.remove(each.resource)

    def _find(self, name: str) -> Json | None:
        stored = self._cluster.store.get(_BUCKET, name)
        if stored is None:
            return None
        return {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', **stored.decode()}

    def _left(self, bucket: BucketKey) -> bool:
        """Delete what nothing holds, mark the rest. Tells whether anything is left."""
        store = self._cluster.store
        for each in store.all(bucket):
            with store.lock:
                stored = store.get(bucket, each.key)  # anew: controllers may have done something to it in between
                if stored is None:
                    continue
                obj = stored.decode()
                metadata = obj['metadata']
                if not metadata.get('finalizers'):
                    store.delete(bucket, stored.key)
                elif 'deletionTimestamp' not in metadata:
                    metadata |= {'deletionTimestamp': self._cluster.now(), 'deletionGracePeriodSeconds': 0}
                    if metadata.get('generation'):
                        metadata['generation'] += 1
                    store.put(bucket, stored.key, obj)
            if not metadata.get('finalizers'):
                self._tell(stored)
            else:
                for marked in self.marked:
                    marked(bucket, stored.key)
        return bool(store.all(bucket))

    def _tell(self, stored: Stored) -> None:
        for each in self.removed:
            each(stored)

    def released(self, bucket: BucketKey) -> None:
        """Called when an object of a custom resource is gone: its definition may have waited for it."""
        group, plural = bucket
        crd = self._find(f'{plural}.{group}')
        if crd is not None and is_terminating(crd):
            self.clean(crd['metadata']['name'])
