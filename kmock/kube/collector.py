"""The collector: what controllers of a real cluster do when something is deleted, done at once.

Dependents follow their owners (background, foreground, orphaning), and namespaces take their objects along.
Sources: the Kubernetes documentation, "Garbage Collection", "Finalizers", "Namespaces"; kube-controller-manager.
"""

from collections.abc import Iterator

from kmock.kube.cluster import NAMESPACES, Cluster
from kmock.kube.store import BucketKey, Key, Stored

__all__ = ['FOREGROUND', 'ORPHAN', 'Collector']

ORPHAN, FOREGROUND = 'orphan', 'foregroundDeletion'
PROTECTIONS = frozenset({'kubernetes.io/pvc-protection', 'kubernetes.io/pv-protection'})
"""The finalizers of claims and volumes, which a controller removes once no pod uses them."""

_NAMESPACES = (NAMESPACES.group, NAMESPACES.plural)


class Collector:
    """Looks after owner references and namespaces."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    # --- owners and dependents

    def gone(self, uid: str) -> None:
        """An object is gone: so are the dependents that have no other owner; the others lose the reference."""
        for bucket, stored in self._dependents(uid):
            obj = stored.decode()
            references = obj['metadata']['ownerReferences']
            living = [each for each in references if each.get('uid') != uid and self._lives(str(each.get('uid')))]
            if living:
                obj['metadata']['ownerReferences'] = living
                self._cluster.store.put(bucket, stored.key, obj)
            else:
                self._delete(bucket, stored)

    def marked(self, bucket: BucketKey, key: Key) -> None:
        """An object is marked as being deleted: do what its finalizers ask of the collector."""
        stored = self._cluster.store.get(bucket, key)
        if stored is None:
            return
        finalizers = stored.decode()['metadata'].get('finalizers') or ()
        for protection in PROTECTIONS.intersection(finalizers):  # nothing mounts volumes here
            self._release(bucket, key, protection)
        if ORPHAN in finalizers:
            for its_bucket, dependent in self._dependents(stored.uid):
                self._disown(its_bucket, dependent, stored.uid)
            self._release(bucket, key, ORPHAN)
        elif FOREGROUND in finalizers:
            for its_bucket, dependent in self._dependents(stored.uid):
                self._delete(its_bucket, dependent)
            if not any(_blocks(dependent, stored.uid) for _, dependent in self._dependents(stored.uid)):
                self._release(bucket, key, FOREGROUND)

    def released(self, owners: tuple[str, ...]) -> None:
        """A dependent is gone: owners that are being deleted in the foreground may have waited for it."""
        for uid in owners:
            found = self._find(uid)
            if found is not None:
                self.marked(*found)

    def _dependents(self, uid: str) -> list[tuple[BucketKey, Stored]]:
        store = self._cluster.store
        found = [(bucket, store.get(bucket, key)) for bucket, key in sorted(store.dependents.get(uid, ()))]
        return [(bucket, stored) for bucket, stored in found if stored is not None]

    def _find(self, uid: str) -> tuple[BucketKey, Key] | None:
        """Where an object with the uid is."""
        return self._cluster.store.uids.get(uid)

    def _lives(self, uid: str) -> bool:
        return self._find(uid) is not None

    def _disown(self, bucket: BucketKey, stored: Stored, uid: str) -> None:
        obj = stored.decode()
        references = [each for each in obj['metadata']['ownerReferences'] if each.get('uid') != uid]
        if references:
            obj['metadata']['ownerReferences'] = references
        else:
            del obj['metadata']['ownerReferences']
        self._cluster.store.put(bucket, stored.key, obj)

    def _release(self, bucket: BucketKey, key: Key, finalizer: str) -> None:
        """Remove a finalizer of an object that is being deleted; delete it if that was the last one."""
        stored = self._cluster.store.get(bucket, key)
        if stored is None:
            return
        obj = stored.decode()
        left = [each for each in obj['metadata'].get('finalizers') or () if each != finalizer]
        if left:
            obj['metadata']['finalizers'] = left
            self._cluster.store.put(bucket, key, obj)
            return
        self._remove(bucket, stored)

    # --- deleting

    def _delete(self, bucket: BucketKey, stored: Stored) -> None:
        """Delete an object as a controller does; finalizers hold it."""
        obj = stored.decode()
        metadata = obj['metadata']
        if not metadata.get('finalizers'):
            self._remove(bucket, stored)
        elif 'deletionTimestamp' not in metadata:
            metadata |= {'deletionTimestamp': self._cluster.now(), 'deletionGracePeriodSeconds': 0}
            if metadata.get('generation'):
                metadata['generation'] += 1
            self._cluster.store.put(bucket, stored.key, obj)
            self.marked(bucket, stored.key)

    def _remove(self, bucket: BucketKey, stored: Stored) -> None:
        if self._cluster.store.delete(bucket, stored.key) is not None:
            self.removed(stored)

    def removed(self, stored: Stored) -> None:
        """An object has left the store: look after its dependents, its owners, and its namespace."""
        self.gone(stored.uid)
        self.released(stored.owners)
        if stored.namespace is not None:
            self.finish_namespace(stored.namespace)

    # --- namespaces

    def empty_namespace(self, name: str) -> None:
        """Delete all objects of a namespace that is being deleted, and the namespace with the last of them."""
        for bucket, stored in list(self._inside(name)):
            current = self._cluster.store.get(bucket, stored.key)
            if current is not None:
                self._delete(bucket, current)
        self.finish_namespace(name)

    def finish_namespace(self, name: str) -> None:
        """Delete a terminating namespace if nothing is left in it, nor holds it."""
        stored, known = self._cluster.store.get(_NAMESPACES, name), self._cluster.namespace(name)
        if stored is None or known is None:
            return
        if 'deletionTimestamp' not in known['metadata'] or self._cluster.store.occupied(name):
            return
        obj = stored.decode()
        spec = obj.get('spec') or {}
        left = [each for each in spec.get('finalizers') or () if each != 'kubernetes']
        obj['spec'] = {**spec, 'finalizers': left} if left else {}
        if left or obj['metadata'].get('finalizers'):
            if obj['spec'] != spec:
                self._cluster.store.put(_NAMESPACES, name, obj)
            return
        self._remove(_NAMESPACES, stored)

    def _inside(self, name: str) -> Iterator[tuple[BucketKey, Stored]]:
        """The objects of a namespace."""
        for bucket in self._cluster.store.buckets:
            for stored in self._cluster.store.all(bucket, name):
                yield bucket, stored


def _blocks(dependent: Stored, uid: str) -> bool:
    """Whether a dependent holds its owner's foreground deletion."""
    references = dependent.decode()['metadata'].get('ownerReferences') or ()
    return any(each.get('uid') == uid and each.get('blockOwnerDeletion') for each in references)
