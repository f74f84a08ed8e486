"""The store: objects as encoded bytes, one revision counter, and a bounded log of events for each resource type.

Synchronous; safe to use from several threads. It knows no schemas and makes no decisions: what it is told to write is
written. Each write gets the next revision (also a deletion, as in etcd), and is an `Event` in the log of its bucket.
An object's bytes are kept once, and are shared by the store, its log, and the histories.
"""

import asyncio
import bisect
import collections
import dataclasses
import json
import threading
from typing import TypeAlias

from kmock.errors import KMockError
from kmock.kube.definitions import Json

__all__ = ['Bucket', 'BucketKey', 'Event', 'Expired', 'Key', 'Store', 'Stored', 'Subscription', 'encode_tail']

BucketKey: TypeAlias = tuple[str, str]
"""The group and the plural: all versions of a resource type share their objects."""

Key: TypeAlias = str
"""`namespace/name`, or just the name of a cluster-wide object; in the order of etcd, by which lists are sorted."""

EVENT_LOG = 10_000
HISTORY = 100_000


class Expired(KMockError):
    """The log of events does not reach back to the wanted revision."""


_encode = json.JSONEncoder(separators=(',', ':'), ensure_ascii=False).encode  # making it takes as long as an object


def encode_tail(obj: Json) -> bytes:
    """An object's JSON without its opening brace, kind and apiVersion: what is common to all its versions and lists."""
    body = {key: value for key, value in obj.items() if key not in ('kind', 'apiVersion')}
    return _encode(body).encode('utf-8', 'surrogatepass')[1:]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """One version of one object.

    Attributes:
        tail: see `encode_tail`; a whole object is a definition's prefix (`{"kind":…,"apiVersion":…,`) and this.
        labels: those of the metadata, for selectors; None if there are none.
        owners: the uids of its owner references.
    """

    key: Key
    revision: int
    uid: str
    tail: bytes
    labels: dict[str, str] | None
    owners: tuple[str, ...] = ()

    def decode(self) -> Json:
        """The object without kind and apiVersion, made anew: the caller may change it."""
        decoded: Json = json.loads(b'{' + self.tail)
        return decoded

    @property
    def namespace(self) -> str | None:
        namespace, slash, _ = self.key.partition('/')
        return namespace if slash else None

    @property
    def name(self) -> str:
        return self.key.rpartition('/')[2]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One write.

    Attributes:
        before: the version that was replaced or deleted; None if the object was created.
        after: the version that was written; for a deletion, the last state with the revision of the deletion.
        forms: what watches have made of it already, by the form that they serve.
    """

    revision: int
    before: Stored | None
    after: Stored
    deleted: bool
    forms: dict[object, bytes] = dataclasses.field(default_factory=dict)


class Signal:
    """Wakes those that wait for the next event, in whatever loop and thread they are.

    To be used under the lock of the store: a waiter added while others are woken would miss all events to come.
    """

    __slots__ = ('_waiters',)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def future(self) -> asyncio.Future[None]:
        """A future of the running loop that is done after the next `fire`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def forget(self, waiter: asyncio.Future[None]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def fire(self) -> None:
        waiters, self._waiters = self._waiters, []
        here = asyncio._get_running_loop()
        for waiter in waiters:
            loop = waiter.get_loop()
            if loop is here:
                _resolve(waiter)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Bucket:
    """The objects of one resource type, in order, and the log of what happened to them."""

    def __init__(self, log_size: int) -> None:
        self.objects: dict[Key, Stored] = {}
        self.keys: list[Key] = []
        self.log: collections.deque[Event] = collections.deque(maxlen=log_size)
        self.dropped = 0
        """How many events have left the log; the position of an event is counted from the first one ever."""
        self.floor = 0
        """The revision of the newest event that has left the log: nothing before it can be told."""
        self.signal = Signal()

    def append(self, event: Event) -> None:
        if len(self.log) == self.log.maxlen:
            self.floor = self.log[0].revision
            self.dropped += 1
        self.log.append(event)

    def range(self, prefix: str = '', after: Key | None = None) -> tuple[int, int]:
        """The slice of `keys` with a prefix, behind a key."""
        start = bisect.bisect_left(self.keys, prefix) if prefix else 0
        if after is not None:
            start = max(start, bisect.bisect_right(self.keys, after))
        # U+10FFFF is greater than whatever stands in names.
        end = bisect.bisect_left(self.keys, prefix + '\U0010ffff') if prefix else len(self.keys)
        return start, max(start, end)

    def position(self, revision: int) -> int:
        """The position of the first event after a revision.

        Raises:
            Expired: it has left the log.
        """
        if revision < self.floor:
            raise Expired(f'too old resource version: {revision} ({self.floor})')
        return self.dropped + bisect.bisect_right(self.log, revision, key=lambda event: event.revision)


class Store:
    """All objects of a cluster.

    Args:
        event_log: how many events are kept for each resource type; watches that fall behind it end with 410.
        history: how many versions of objects are kept in all for `histories`; 0 keeps none.
        revision: where to begin counting.
    """

    def __init__(self, *, event_log: int = EVENT_LOG, history: int = HISTORY, revision: int = 1) -> None:
        self.lock = threading.RLock()
        self.revision = revision
        self.recorded = 0
        """Objects up to this revision may have been taken over from a recording, with their own revisions."""
        self._event_log = event_log
        self._history = history
        self._buckets: dict[BucketKey, Bucket] = {}
        self.histories: dict[tuple[BucketKey, Key], list[Stored | None]] = {}
        self.dependents: dict[str, set[tuple[BucketKey, Key]]] = {}
        """What refers to an owner, by the owner's uid."""
        self.uids: dict[str, tuple[BucketKey, Key]] = {}
        """Where each object is, by its uid."""
        self._versions: collections.deque[tuple[BucketKey, Key]] = collections.deque()

    # --- reading

    def bucket(self, bucket: BucketKey) -> Bucket:
        found = self._buckets.get(bucket)
        if found is None:
            with self.lock:
                found = self._buckets.setdefault(bucket, Bucket(self._event_log))
        return found

    @property
    def buckets(self) -> list[BucketKey]:
        """The resource types that have, or had, objects."""
        with self.lock:
            return list(self._buckets)

    def get(self, bucket: BucketKey, key: Key) -> Stored | None:
        found = self._buckets.get(bucket)
        return None if found is None else found.objects.get(key)

    def all(self, bucket: BucketKey, namespace: str | None = None) -> list[Stored]:
        """All objects, of a namespace if there is one, in the order of their keys."""
        with self.lock:
            found = self.bucket(bucket)
            if namespace is None:
                return [found.objects[key] for key in found.keys]
            start, end = found.range(f'{namespace}/')
            return [found.objects[key] for key in found.keys[start:end]]

    def page(self, bucket: BucketKey, namespace: str | None, after: Key | None, limit: int) -> tuple[list[Stored], int]:
        """At most so many objects behind a key, and how many are left behind these."""
        with self.lock:
            found = self.bucket(bucket)
            start, end = found.range(f'{namespace}/' if namespace else '', after)
            page = [found.objects[key] for key in found.keys[start : min(end, start + limit)]]
            return page, max(0, end - start - limit)

    def occupied(self, namespace: str) -> bool:
        """Whether there is any object in a namespace."""
        with self.lock:
            ranges = (found.range(f'{namespace}/') for found in self._buckets.values())
            return any(start < end for start, end in ranges)

    def list_at(
        self, bucket: BucketKey, namespace: str | None, revision: int, after: Key | None = None
    ) -> list[Stored]:
        """All objects as they were at a revision, behind a key if there is one, in the order of their keys.

        Raises:
            Expired: the log does not reach back so far.
        """
        with self.lock:
            found = self.bucket(bucket)
            first = found.position(revision) - found.dropped
            undone: dict[Key, Stored | None] = {}
            for index in range(first, len(found.log)):
                event = found.log[index]
                undone.setdefault(event.after.key, event.before)
            prefix = f'{namespace}/' if namespace else ''
            start, end = found.range(prefix, after)
            listed = [found.objects[key] for key in found.keys[start:end] if key not in undone]
            if undone:
                wanted = (stored for stored in undone.values() if stored is not None and stored.key.startswith(prefix))
                listed += (stored for stored in wanted if after is None or stored.key > after)
                listed.sort(key=lambda stored: stored.key)  # two sorted parts, which are merged in linear time
            return listed

    def watch(self, bucket: BucketKey, namespace: str | None, since: int | None = None) -> 'Subscription':
        """The events after a revision, or from now on (None): what is there already and what comes.

        Raises:
            Expired: the log does not reach back so far.
        """
        with self.lock:
            found = self.bucket(bucket)
            position = found.position(self.revision if since is None else since)
            return Subscription(self, found, namespace, position, since or 0)

    # --- writing

    def put(self, bucket: BucketKey, key: Key, obj: Json, *, verbatim: bool = False) -> Event:
        """Write an object, new or not. Its resourceVersion is set, in the object, too, unless it is kept verbatim."""
        with self.lock:
            found = self.bucket(bucket)
            self.revision += 1
            if not verbatim:
                obj.setdefault('metadata', {})['resourceVersion'] = str(self.revision)
            stored = _stored(key, self.revision, obj, verbatim=verbatim)
            before = found.objects.get(key)
            if before is None:
                bisect.insort(found.keys, key)
            found.objects[key] = stored
            event = Event(self.revision, before, stored, deleted=False)
            found.append(event)
            self._index(bucket, before, stored)
            self._remember(bucket, key, stored)
            found.signal.fire()
        return event

    def adopt(
        self, bucket: BucketKey, key: Key, obj: Json, revision: int, *, event: bool = True, verbatim: bool = False
    ) -> None:
        """Take over an object of a recording as it is, its resourceVersion included; without an event if that is said.

        The event has the next revision, as any other; watches that have begun behind the object's own one leave it out.
        """
        with self.lock:
            found = self.bucket(bucket)
            stored = _stored(key, revision, obj, verbatim=verbatim)
            before = found.objects.get(key)
            if before is None:
                bisect.insort(found.keys, key)
            found.objects[key] = stored
            if event:
                self.revision += 1
                found.append(Event(self.revision, before, stored, deleted=False))
            self._index(bucket, before, stored)
            self._remember(bucket, key, stored)
            if event:
                found.signal.fire()

    def delete(self, bucket: BucketKey, key: Key, last: Json | None = None, *, verbatim: bool = False) -> Event | None:
        """Delete an object; None if it is not there. `last` is its last state, if that differs from the stored one."""
        with self.lock:
            found = self.bucket(bucket)
            before = found.objects.pop(key, None)
            if before is None:
                return None
            self.revision += 1
            index = bisect.bisect_left(found.keys, key)
            del found.keys[index]
            event = Event(self.revision, before, self._last(before, verbatim), deleted=True)
            found.append(event)
            self._index(bucket, before, None)
            self._remember(bucket, key, None)
            found.signal.fire()
        return event

    def _last(self, before: Stored, verbatim: bool) -> Stored:
        """The last state of an object: etcd's revision grows with deletions, too."""
        if verbatim:
            return dataclasses.replace(before, revision=self.revision)
        obj = before.decode()
        obj.setdefault('metadata', {})['resourceVersion'] = str(self.revision)
        return _stored(before.key, self.revision, obj)

    @property
    def keeps_history(self) -> bool:
        return self._history > 0

    def version(self, key: Key, obj: Json, *, verbatim: bool = False) -> Stored:
        """A version of an object with a revision of its own, for a history that is rewritten; it is no event."""
        with self.lock:
            self.revision += 1
            if not verbatim:
                obj.setdefault('metadata', {})['resourceVersion'] = str(self.revision)
            return _stored(key, self.revision, obj, verbatim=verbatim)

    def forget(self, bucket: BucketKey, key: Key) -> None:
        """Delete an object, if it is there, and its history."""
        with self.lock:
            self.delete(bucket, key)
            self.histories.pop((bucket, key), None)

    def _index(self, bucket: BucketKey, before: Stored | None, after: Stored | None) -> None:
        if before is not None and before.uid and (after is None or after.uid != before.uid):
            self.uids.pop(before.uid, None)
        if after is not None and after.uid:
            self.uids[after.uid] = (bucket, after.key)
        old, new = before.owners if before else (), after.owners if after else ()
        if old == new:
            return
        for uid in old:
            references = self.dependents.get(uid, set())
            references.discard((bucket, before.key if before else ''))
            if not references:
                self.dependents.pop(uid, None)
        for uid in new:
            self.dependents.setdefault(uid, set()).add((bucket, after.key if after else ''))

    def _remember(self, bucket: BucketKey, key: Key, stored: Stored | None) -> None:
        if not self._history:
            return
        self.histories.setdefault((bucket, key), []).append(stored)
        self._versions.append((bucket, key))
        if len(self._versions) > self._history:
            oldest = self._versions.popleft()
            versions = self.histories.get(oldest)
            if versions:
                del versions[0]
                if not versions:
                    del self.histories[oldest]


def _stored(key: Key, revision: int, obj: Json, *, verbatim: bool = False) -> Stored:
    metadata = obj.get('metadata') or {}
    if verbatim:
        tail = _encode(obj).encode('utf-8', 'surrogatepass')[1:]
        metadata = metadata if isinstance(metadata, dict) else {}
    else:
        tail = encode_tail(obj)
    labels = metadata.get('labels')
    return Stored(
        key=key,
        revision=revision,
        uid=str(metadata.get('uid', '')),
        tail=tail,
        labels=dict(labels) if isinstance(labels, dict) and labels else None,
        owners=_owners(metadata.get('ownerReferences')),
    )


def _owners(references: object) -> tuple[str, ...]:
    if not isinstance(references, list):
        return ()
    return tuple(str(each['uid']) for each in references if isinstance(each, dict) and each.get('uid'))


class Subscription:
    """A cursor in the log of a resource type: what came after a revision, each event once. It holds no events."""

    __slots__ = ('_bucket', '_position', '_prefix', '_since', '_store', 'revision')

    def __init__(self, store: Store, bucket: Bucket, namespace: str | None, position: int, since: int = 0) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = f'{namespace}/' if namespace else ''
        self._position = position
        self._since = since
        self.revision = store.revision
        """All events up to this revision have been taken."""

    def take(self, limit: int = 1000) -> list[Event]:
        """The next events, at most so many; none if there are none yet.

        Raises:
            Expired: events have left the log before they were taken.
        """
        with self._store.lock:
            log, first = self._bucket.log, self._position - self._bucket.dropped
            if first < 0:
                raise Expired(f'too old resource version: {self.revision} ({self._bucket.floor})')
            last = min(len(log), first + limit)
            events = [log[index] for index in range(first, last)]
            self._position += len(events)
            if last == len(log):
                self.revision = self._store.revision
            elif events:
                self.revision = events[-1].revision
        if 0 < self._since < self._store.recorded:
            events = [event for event in events if event.after.revision > self._since]
        prefix = self._prefix
        return [event for event in events if event.after.key.startswith(prefix)] if prefix else events

    def wait(self) -> asyncio.Future[None] | None:
        """A future that is done when there may be more; None if there is more already. `forget` it if not awaited."""
        with self._store.lock:
            if self._position < self._bucket.dropped + len(self._bucket.log):
                return None
            return self._bucket.signal.future()

    def forget(self, waiter: asyncio.Future[None]) -> None:
        with self._store.lock:
            self._bucket.signal.forget(waiter)
