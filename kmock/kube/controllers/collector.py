"""The collector: what controllers of a real cluster do when something is deleted, done at once.

Dependents follow their owners (background, foreground, orphaning), and namespaces take their objects along. What was
created with an owner that isn't there is left alone until another of its owners goes: a test may well invent owners.
Sources: the Kubernetes documentation, "Garbage Collection", "Finalizers", "Namespaces"; kube-controller-manager.
"""

import collections
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kmock.kube.cluster import NAMESPACES, Cluster
from kmock.kube.definitions import Json
from kmock.kube.store import BucketKey, Key, Stored

__all__ = ['FOREGROUND', 'ORPHAN', 'Collector', 'namespace_conditions']

ORPHAN, FOREGROUND = 'orphan', 'foregroundDeletion'
PROTECTIONS = frozenset({'kubernetes.io/pvc-protection', 'kubernetes.io/pv-protection'})
"""The finalizers of claims and volumes, which a controller removes once no pod uses them."""

_NAMESPACES = (NAMESPACES.group, NAMESPACES.plural)


class Collector:
    """Looks after owner references and namespaces.

    Whatever one step brings about is done in further steps, not within it, as cascades may be long. When an entry
    returns, all of them are done; nobody else writes meanwhile.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._steps: collections.deque[tuple[Callable[..., object], tuple[Any, ...]]] = collections.deque()
        self._busy = False
        self._waiting: set[str] = set()
        """The uids of owners that wait for their dependents to go."""
        self.ways: dict[BucketKey, Callable[[Stored], None]] = {_NAMESPACES: self._terminate}
        """How to delete objects of the types whose deletion is more than a mark, and not at once."""
        self.gone: list[Callable[[BucketKey, Stored], None]] = []
        """Called with each object that the collector itself has deleted."""

    # --- what happens in the cluster

    def removed(self, stored: Stored) -> None:
        """An object has left the store: look after its dependents, its owners, and its namespace."""
        self._do(self._leave, stored)

    def marked(self, bucket: BucketKey, key: Key) -> None:
        """An object is marked as being deleted: do what its finalizers ask of the collector."""
        self._do(self._finalize, bucket, key)

    def written(self) -> None:
        """An object was written: it may be one of those that an owner waits for, and so may not any more."""
        if self._waiting:
            for uid in sorted(self._waiting):
                self._do(self._proceed, uid)

    def empty_namespace(self, name: str) -> None:
        """Delete all objects of a namespace that is being deleted, and the namespace with the last of them."""
        self._do(self._empty, name)

    def finish_namespace(self, name: str) -> None:
        """Delete a terminating namespace if nothing is left in it, nor holds it."""
        self._do(self._finish, name)

    def _do(self, step: Callable[..., object], *args: Any) -> None:
        with self._cluster.store.lock:
            self._steps.append((step, args))
            if self._busy:
                return
            self._busy = True
            try:
                while self._steps:
                    step, args = self._steps.popleft()
                    step(*args)
            finally:
                self._busy = False
                self._steps.clear()

    # --- owners and dependents

    def _leave(self, stored: Stored) -> None:
        self._waiting.discard(stored.uid)
        for bucket, dependent in self._dependents(stored):
            self._do(self._reconsider, bucket, dependent.key)
        for uid in stored.owners:
            self._do(self._let_go, uid)
        if stored.namespace is not None:
            self._do(self._finish, stored.namespace)
            self._do(self._report, stored.namespace)

    def _finalize(self, bucket: BucketKey, key: Key) -> None:
        stored = self._cluster.store.get(bucket, key)
        if stored is None:
            return
        metadata = stored.decode()['metadata']
        finalizers = metadata.get('finalizers') or ()
        if 'deletionTimestamp' not in metadata:
            return
        for protection in sorted(PROTECTIONS.intersection(finalizers)):  # nothing mounts volumes here
            self._release(bucket, key, protection)
        if ORPHAN in finalizers:
            for its_bucket, dependent in self._dependents(stored):
                self._disown(its_bucket, dependent, stored.uid)
            self._release(bucket, key, ORPHAN)
        elif FOREGROUND in finalizers:
            self._proceed(stored.uid)

    def _proceed(self, uid: str) -> None:
        """Have those deleted that block an owner's foreground deletion, or let it go."""
        found = self._find(uid)
        if found is None or self._let_go(uid):
            return
        self._waiting.add(uid)
        for bucket, dependent in self._dependents(found[1]):
            if _blocks(dependent, uid) and 'deletionTimestamp' not in dependent.decode()['metadata']:
                self._do(self._reconsider, bucket, dependent.key)

    def _let_go(self, uid: str) -> bool:
        """Let an owner go if no dependent blocks its foreground deletion. False if it has to wait."""
        found = self._find(uid)
        if found is None or not _deletes_dependents(found[1].decode()['metadata']):
            self._waiting.discard(uid)
            return True
        bucket, owner = found
        store = self._cluster.store
        dependents = (store.get(*each) for each in store.dependents.get(uid, ()))
        if any(each is not None and _may_own(owner, each) and _blocks(each, uid) for each in dependents):
            return False
        self._waiting.discard(uid)
        self._release(bucket, owner.key, FOREGROUND)
        return True

    def _reconsider(self, bucket: BucketKey, key: Key) -> None:
        """Delete an object whose owners are gone, or wait for it; with another owner, it loses its references only."""
        stored = self._cluster.store.get(bucket, key)
        if stored is None:
            return
        obj = stored.decode()
        metadata = obj['metadata']
        if 'deletionTimestamp' in metadata:
            return
        references = metadata.get('ownerReferences') or []
        owners = [(each, self._find(str(each.get('uid')))) for each in references]
        if stored.namespace is None and any(found and found[1].namespace for _, found in owners):
            return  # a cluster-wide object cannot have an owner in a namespace, and is never collected then
        present = [(each, found[1]) for each, found in owners if found and _may_own(found[1], stored)]
        solid = [each for each, owner in present if not _deletes_dependents(owner.decode()['metadata'])]
        if solid == references:
            return
        if solid:
            metadata['ownerReferences'] = solid
            self._put(bucket, stored, obj)
        elif present and self._dependents(stored):
            self._unblock(bucket, stored, obj)
            self._delete(bucket, key, FOREGROUND)
        else:
            own = [each for each in metadata.get('finalizers') or () if each in (ORPHAN, FOREGROUND)]
            self._delete(bucket, key, own[0] if own else None)

    def _unblock(self, bucket: BucketKey, stored: Stored, obj: Json) -> None:
        """Where owners are their own dependents' dependents, nobody may wait for anybody."""
        waits = (_deletes_dependents(each.decode()['metadata']) for _, each in self._dependents(stored))
        if any(waits) and any(each.get('blockOwnerDeletion') for each in obj['metadata']['ownerReferences']):
            obj['metadata']['ownerReferences'] = [
                {**each, 'blockOwnerDeletion': False} if each.get('blockOwnerDeletion') else each
                for each in obj['metadata']['ownerReferences']
            ]
            self._put(bucket, stored, obj)

    def _disown(self, bucket: BucketKey, stored: Stored, uid: str) -> None:
        obj = stored.decode()
        references = [each for each in obj['metadata']['ownerReferences'] if each.get('uid') != uid]
        if references:
            obj['metadata']['ownerReferences'] = references
        else:
            del obj['metadata']['ownerReferences']
        self._put(bucket, stored, obj)

    def _dependents(self, owner: Stored) -> list[tuple[BucketKey, Stored]]:
        store = self._cluster.store
        found = [(bucket, store.get(bucket, key)) for bucket, key in sorted(store.dependents.get(owner.uid, ()))]
        return [(bucket, stored) for bucket, stored in found if stored is not None and _may_own(owner, stored)]

    def _find(self, uid: str) -> tuple[BucketKey, Stored] | None:
        """Where an object with the uid is, and what it is."""
        found = self._cluster.store.uids.get(uid)
        stored = None if found is None else self._cluster.store.get(*found)
        return None if found is None or stored is None else (found[0], stored)

    # --- deleting

    def _put(self, bucket: BucketKey, stored: Stored, obj: Json) -> None:
        self._cluster.store.put(bucket, stored.key, obj)
        for uid in stored.owners:
            self._do(self._let_go, uid)

    def _release(self, bucket: BucketKey, key: Key, finalizer: str) -> None:
        """Remove a finalizer of an object that is being deleted; delete it if that was the last one."""
        stored = self._cluster.store.get(bucket, key)
        if stored is None:
            return
        obj = stored.decode()
        metadata = obj['metadata']
        left = [each for each in metadata.get('finalizers') or () if each != finalizer]
        if not left and not metadata.get('deletionGracePeriodSeconds'):
            self._remove(bucket, stored)
            return
        metadata['finalizers'] = left
        if not left:
            del metadata['finalizers']
        self._put(bucket, stored, obj)

    def _delete(self, bucket: BucketKey, key: Key, propagation: str | None = None) -> None:
        """Delete an object as a controller does; finalizers hold it, also the one of the propagation."""
        stored = self._cluster.store.get(bucket, key)
        if stored is None:
            return
        if bucket in self.ways:
            self.ways[bucket](stored)
            return
        obj = stored.decode()
        metadata = obj['metadata']
        if 'deletionTimestamp' in metadata and metadata.get('finalizers'):
            return
        finalizers = [each for each in metadata.get('finalizers') or () if each not in (ORPHAN, FOREGROUND)]
        finalizers += [propagation] if propagation else []
        if not finalizers:
            self._remove(bucket, stored)
            return
        metadata |= {'finalizers': finalizers, 'deletionGracePeriodSeconds': 0}
        metadata['deletionTimestamp'] = self._cluster.now()
        if metadata.get('generation'):
            metadata['generation'] += 1
        self._put(bucket, stored, obj)
        self._do(self._finalize, bucket, key)

    def _remove(self, bucket: BucketKey, stored: Stored) -> None:
        if self._cluster.store.delete(bucket, stored.key) is not None:
            self._do(self._leave, stored)
            for each in self.gone:
                each(bucket, stored)

    # --- namespaces

    def _terminate(self, stored: Stored) -> None:
        """Begin to delete a namespace, as a DELETE does."""
        obj = stored.decode()
        if 'deletionTimestamp' not in obj['metadata']:
            obj['metadata']['deletionTimestamp'] = self._cluster.now()
            obj.setdefault('status', {})['phase'] = 'Terminating'
            self._put(_NAMESPACES, stored, obj)
            self._do(self._empty, stored.name)

    def _empty(self, name: str) -> None:
        for bucket, stored in list(self._inside(name)):
            self._delete(bucket, stored.key)
        self._do(self._finish, name)
        self._do(self._report, name)

    def _finish(self, name: str) -> None:
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
                self._put(_NAMESPACES, stored, obj)
            return
        self._remove(_NAMESPACES, stored)

    def _report(self, name: str) -> None:
        """Tell in the conditions of a terminating namespace what is left in it, and what holds that."""
        stored, known = self._cluster.store.get(_NAMESPACES, name), self._cluster.namespace(name)
        if stored is None or known is None or 'deletionTimestamp' not in known['metadata']:
            return
        left: collections.Counter[str] = collections.Counter()
        finalizers: collections.Counter[str] = collections.Counter()
        for (group, plural), each in self._inside(name):
            left[f'{plural}.{group}'] += 1
            finalizers.update(each.decode()['metadata'].get('finalizers') or ())
        before = (known.get('status') or {}).get('conditions') or []
        if not left and not before:
            return
        conditions = namespace_conditions(left, finalizers, before, self._cluster.now())
        if conditions != before:
            obj = stored.decode()
            obj.setdefault('status', {})['conditions'] = conditions
            self._put(_NAMESPACES, stored, obj)

    def _inside(self, name: str) -> Iterator[tuple[BucketKey, Stored]]:
        """The objects of a namespace."""
        for bucket in self._cluster.store.buckets:
            for stored in self._cluster.store.all(bucket, name):
                yield bucket, stored


def namespace_conditions(
    left: Mapping[str, int], finalizers: Mapping[str, int], before: list[Json], now: str
) -> list[Json]:
    """The conditions of a terminating namespace.

    Args:
        left: how many objects of which types are in it, by `plural.group`.
        finalizers: how many of these have which finalizers.
        before: the conditions so far; the times of those that go on are kept, and others' conditions stay.
    """
    resources = ', '.join(f'{each} has {count} resource instances' for each, count in sorted(left.items()))
    holders = ', '.join(f'{each} in {count} resource instances' for each, count in sorted(finalizers.items()))
    told = {
        'NamespaceDeletionDiscoveryFailure': ('False', 'ResourcesDiscovered', 'All resources successfully discovered'),
        'NamespaceDeletionGroupVersionParsingFailure': (
            'False',
            'ParsedGroupVersions',
            'All legacy kube types successfully parsed',
        ),
        'NamespaceDeletionContentFailure': (
            'False',
            'ContentDeleted',
            'All content successfully deleted, may be waiting on finalization',
        ),
        'NamespaceContentRemaining': ('True', 'SomeResourcesRemain', f'Some resources are remaining: {resources}')
        if left
        else ('False', 'ContentRemoved', 'All content successfully removed'),
        'NamespaceFinalizersRemaining': (
            'True',
            'SomeFinalizersRemain',
            f'Some content in the namespace has finalizers remaining: {holders}',
        )
        if finalizers
        else ('False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'),
    }
    known = {each.get('type'): each for each in before}
    found = [each for each in before if each.get('type') not in told]
    for kind, (status, reason, message) in told.items():
        was = known.get(kind) or {}
        since = was.get('lastTransitionTime', now) if was.get('status') == status else now
        found.append(
            {'type': kind, 'status': status, 'lastTransitionTime': since, 'reason': reason, 'message': message}
        )
    return found


def _may_own(owner: Stored, dependent: Stored) -> bool:
    """Whether a reference between them counts: owners are cluster-wide, or in the same namespace."""
    return owner.namespace is None or owner.namespace == dependent.namespace


def _deletes_dependents(metadata: Json) -> bool:
    """Whether an object is being deleted in the foreground."""
    return 'deletionTimestamp' in metadata and FOREGROUND in (metadata.get('finalizers') or ())


def _blocks(dependent: Stored, uid: str) -> bool:
    """Whether a dependent holds its owner's foreground deletion."""
    references = dependent.decode()['metadata'].get('ownerReferences') or ()
    return any(each.get('uid') == uid and each.get('blockOwnerDeletion') for each in references)
