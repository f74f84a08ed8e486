"""Verbatim: writes that keep objects just as they are given, for tests that want a memory rather than a cluster.

Nothing is filled in, checked, or counted: no kind, no uid, no resourceVersion. A patch is what its body looks like:
a list is a JSON Patch, an object is merged, whatever the Content-Type. What has finalizers is only marked when it is
deleted, and goes with the last of them. Reads and watches are those of all other objects.
"""

import copy
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kmock.kube.cluster import Cluster, Operation, make_key
from kmock.kube.definitions import Json
from kmock.kube.options import ListOptions
from kmock.kube.patching.patches import json_patch, merge_patch
from kmock.kube.statuses import already_exists, bad_request, not_found
from kmock.kube.store import Key, Stored
from kmock.kube.verbs.reading import Reading, Selection, answer
from kmock.messages import Answer

__all__ = ['Verbatim']

MAX_BODY = 64 * 1024 * 1024


class Verbatim:
    """Answers create, update, patch, delete, and deletecollection, also at the URLs of any subresource."""

    def __init__(self, cluster: Cluster, reading: Reading) -> None:
        self._cluster = cluster
        self._reading = reading
        self.verbs: Mapping[str, Callable[[Operation], Awaitable[Answer]]] = {
            'get': reading.get,
            'list': reading.collection,
            'create': self.create,
            'update': self.update,
            'patch': self.patch,
            'delete': self.delete,
            'deletecollection': self.delete_collection,
        }

    async def create(self, op: Operation) -> Answer:
        obj = await self._object(op)
        key = self._key_of(op, obj)
        store, definition = self._cluster.store, op.definition
        with store.lock:
            if store.get(definition.bucket, key) is not None:
                raise already_exists(definition.resource, key.rpartition('/')[2])
            store.put(definition.bucket, key, obj, verbatim=True)
        return self._answer(op, obj)

    async def update(self, op: Operation) -> Answer:
        obj = await self._object(op)
        with self._cluster.store.lock:
            self._find(op)
            return self._answer(op, self._write(op, obj))

    async def patch(self, op: Operation) -> Answer:
        patch = await self._value(op)
        if not isinstance(patch, dict | list):
            raise bad_request('a patch must be an object, which is merged, or a list, which is a JSON Patch')
        with self._cluster.store.lock:
            old = self._find(op).decode()
            new = json_patch(old, patch) if isinstance(patch, list) else merge_patch(old, patch)
            return self._answer(op, self._write(op, new))

    async def delete(self, op: Operation) -> Answer:
        with self._cluster.store.lock:
            return self._answer(op, self._delete(op, self._find(op)))

    async def delete_collection(self, op: Operation) -> Answer:
        options = ListOptions.read(op.params)
        with self._cluster.store.lock:
            items, metadata = await self._reading.select(op, options, Selection(options, op.definition))
            rendered = self._reading.many(op, items, metadata)
            for stored in items:
                self._delete(op, stored)
        return answer(op, rendered)

    # --- in the store

    def _find(self, op: Operation) -> Stored:
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            raise not_found(op.definition.resource, op.name)
        return stored

    def _write(self, op: Operation, obj: Json) -> Json:
        """Put what has become of an object in its place, or let it go, if finalizers held it and are gone."""
        store, bucket = self._cluster.store, op.definition.bucket
        metadata = obj.get('metadata')
        metadata = metadata if isinstance(metadata, dict) else {}
        store.put(bucket, op.key, obj, verbatim=True)
        if metadata.get('deletionTimestamp') and not metadata.get('finalizers'):
            store.delete(bucket, op.key, verbatim=True)
        return obj

    def _delete(self, op: Operation, stored: Stored) -> Json:
        """Delete an object, or mark it while finalizers hold it. Gives its last, or present, state."""
        store, bucket = self._cluster.store, op.definition.bucket
        obj = stored.decode()
        metadata = obj.get('metadata')
        if not isinstance(metadata, dict) or not metadata.get('finalizers'):
            store.delete(bucket, stored.key, verbatim=True)
        elif 'deletionTimestamp' not in metadata:
            metadata['deletionTimestamp'] = self._cluster.now()
            store.put(bucket, stored.key, copy.deepcopy(obj), verbatim=True)
        return obj

    # --- what comes and goes

    def _key_of(self, op: Operation, obj: Json) -> Key:
        """Where a new object belongs: the namespace is that of the URL, or else its own."""
        metadata = obj.get('metadata')
        metadata = metadata if isinstance(metadata, dict) else {}
        namespace, name = op.namespace or metadata.get('namespace'), op.call.name or metadata.get('name')
        for what in (namespace, name):
            if what is not None and (not isinstance(what, str) or '/' in what):
                raise bad_request(f'a name must be a string without slashes, not {json.dumps(what)}')
        return make_key(namespace, name or '')

    async def _object(self, op: Operation) -> Json:
        obj = await self._value(op)
        if not isinstance(obj, dict):
            raise bad_request('the body must be an object')
        return obj

    async def _value(self, op: Operation) -> Any:
        body = await op.request.read(MAX_BODY)
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise bad_request(f'the body must be JSON: {exc}') from None

    def _answer(self, op: Operation, obj: Json) -> Answer:
        return answer(op, json.dumps(obj, separators=(',', ':')).encode() + b'\n')


def _refuse_constant(word: str) -> Any:
    raise ValueError(f'{word} is no JSON')
