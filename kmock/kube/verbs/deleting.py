"""Deleting: one object or a collection, with preconditions, grace, finalizers, and propagation."""

import dataclasses
import json
from collections.abc import Callable

from kmock.kube.cluster import NAMESPACES, Cluster, Operation
from kmock.kube.controllers.collector import FOREGROUND, ORPHAN
from kmock.kube.controllers.custom import CRDS, CustomResources
from kmock.kube.definitions import Definition, Json
from kmock.kube.media.bodies import decode_body
from kmock.kube.options import DeleteOptions, ListOptions
from kmock.kube.statuses import StatusError, bad_request, forbidden, not_found, success
from kmock.kube.store import Stored
from kmock.kube.verbs.reading import Reading, Selection, answer
from kmock.kube.verbs.writing import MAX_BODY, Writing
from kmock.messages import Answer

__all__ = ['Deleting']

_PROTECTED_NAMESPACES = frozenset({'default', 'kube-system', 'kube-public'})
_OPTIONS_VERSIONS = frozenset({'v1', 'meta.k8s.io/v1'})
_SCHEME = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27'


class Deleting:
    """Answers delete and deletecollection."""

    def __init__(self, cluster: Cluster, reading: Reading, writing: Writing, custom: CustomResources) -> None:
        self._cluster = cluster
        self._reading = reading
        self._writing = writing
        self._custom = custom
        self.deleted: list[Callable[[Definition, Stored, bool], None]] = []
        """Called with each object that was deleted, and whether it is gone, or only marked: for controllers."""

    async def delete(self, op: Operation) -> Answer:
        options = await self._options(op)
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            raise not_found(op.definition.resource, op.name)
        gone, obj = await self.delete_stored(op, stored, options)
        if gone and not op.definition.strategy.deletes_object:
            details: Json = {'name': op.name}
            if op.definition.resource.group:
                details['group'] = op.definition.resource.group
            details |= {'kind': op.definition.resource.plural, 'uid': stored.uid}
            return answer(op, self._reading.render_status(op, success(details)))
        return answer(op, self._reading.render(op, obj))

    async def delete_collection(self, op: Operation) -> Answer:
        selecting = ListOptions.read(op.params)
        selection = Selection(selecting, op.definition)
        options = await self._options(op)
        items, metadata = await self._reading.select(op, selecting, selection)
        rendered = self._reading.many(op, items, metadata)
        for stored in items:
            current = self._cluster.store.get(op.definition.bucket, stored.key)
            if current is not None:
                await self._delete_listed(op, current, options)
        return answer(op, rendered)

    async def _delete_listed(self, op: Operation, stored: Stored, options: DeleteOptions) -> None:
        """Delete an object of a collection, unless it goes on its own."""
        try:
            await self.delete_stored(op, stored, options)
        except StatusError as exc:
            if exc.status != 404:
                raise

    async def _options(self, op: Operation) -> DeleteOptions:
        """The options in the body or the query.

        Raises:
            StatusError: 400, 415, 422.
        """
        dry_runs = op.request.params.getall('dryRun', [])
        body = await op.request.read(MAX_BODY)
        if not body:
            return DeleteOptions.read(op.params, dry_runs, None)
        value = decode_body(body, op.request.headers.get('Content-Type'), kind='').value or {}
        if not isinstance(value, dict):
            raise bad_request('the body of a deletion must be DeleteOptions')
        kind, version = value.get('kind', 'DeleteOptions'), value.get('apiVersion', 'v1')
        if kind != 'DeleteOptions' or not (version in _OPTIONS_VERSIONS or version == op.definition.api_version):
            raise bad_request(f'no kind "{kind}" is registered for version "{version}" in scheme "{_SCHEME}"')
        return DeleteOptions.read(op.params, dry_runs, value)

    async def delete_stored(self, op: Operation, stored: Stored, options: DeleteOptions) -> tuple[bool, Json]:
        """Delete an object, or mark it. Tells whether it is gone, and its last or present state.

        Raises:
            StatusError: 403, 404, 409, and what webhooks say.
        """
        definition = op.definition
        while True:
            self._check(definition, stored, options)
            obj = self._reading.decode(stored, definition)
            await self._writing.admit_deletion(op, obj, self._asked(definition, obj, options))
            with self._cluster.store.lock:
                current = self._cluster.store.get(definition.bucket, stored.key)
                if current is stored:
                    return self._delete(op, stored, options)
            if current is None:
                raise not_found(definition.resource, stored.name)
            stored = current

    def _asked(self, definition: Definition, obj: Json, options: DeleteOptions) -> DeleteOptions:
        """The options as webhooks see them: with the grace that was settled on, where there is any."""
        if definition.strategy.grace is None:
            return options
        seconds = definition.strategy.grace(obj, options.grace_seconds)
        return dataclasses.replace(options, given={**options.given, 'gracePeriodSeconds': seconds})

    def remove(self, op: Operation, stored: Stored, options: DeleteOptions) -> None:
        """Delete an object, or mark it, without asking webhooks: as other parts of the API server do.

        Raises:
            StatusError: 403, 404, 409.
        """
        with self._cluster.store.lock:
            self._check(op.definition, stored, options)
            self._delete(op, stored, options)

    def _check(self, definition: Definition, stored: Stored, options: DeleteOptions) -> None:
        if definition.resource == NAMESPACES and stored.name in _PROTECTED_NAMESPACES:
            raise forbidden(definition.resource, stored.name, 'this namespace may not be deleted')
        if options.uid is not None and options.uid != stored.uid:
            raise _precondition(
                definition,
                stored,
                f'the UID in the precondition ({options.uid}) does not match the UID in record ({stored.uid}). '
                'The object might have been deleted and then recreated',
            )
        version = options.resource_version
        if version is not None and version != str(stored.revision):
            raise _precondition(
                definition,
                stored,
                f'the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record '
                f'({stored.revision}). The object might have been modified',
            )

    def _delete(self, op: Operation, stored: Stored, options: DeleteOptions) -> tuple[bool, Json]:
        definition, store = op.definition, self._cluster.store
        obj = self._reading.decode(stored, definition)
        metadata = obj['metadata']
        if definition.resource == NAMESPACES and op.strict:
            return self._delete_namespace(op, stored, obj, options)
        if definition.resource == CRDS and op.strict:
            return self._delete_crd(stored, obj, options)
        propagation = options.propagation or definition.strategy.propagation
        if options.propagation is None and definition.strategy.propagation_warning:
            op.warnings.append(definition.strategy.propagation_warning)
        changed = self._add_propagation(metadata, propagation)
        grace = definition.strategy.grace
        seconds = 0
        if grace is not None:
            seconds = grace(obj, options.grace_seconds)
        finalizers = bool(metadata.get('finalizers'))
        if finalizers or seconds or grace is not None:
            changed |= self._mark(metadata, seconds)
        if finalizers or seconds:
            if changed and not options.dry_run:
                self._cluster.put(definition, stored.key, obj)
                self._tell(definition, stored, gone=False)
            return False, obj
        if not options.dry_run:
            event = store.delete(definition.bucket, stored.key)
            assert event is not None
            metadata['resourceVersion'] = str(event.revision)
            self._tell(definition, stored, gone=True)
        return True, obj

    def _mark(self, metadata: Json, seconds: int) -> bool:
        """Mark an object as being deleted; a later deletion can only shorten the grace. Tells whether it changed."""
        if 'deletionTimestamp' in metadata:
            if metadata.get('deletionGracePeriodSeconds', 0) <= seconds:
                return False
            metadata['deletionGracePeriodSeconds'] = seconds
            metadata['deletionTimestamp'] = self._cluster.later(seconds)
            return True
        metadata['deletionTimestamp'] = self._cluster.later(seconds)
        metadata['deletionGracePeriodSeconds'] = seconds
        if metadata.get('generation'):
            metadata['generation'] += 1
        return True

    def _add_propagation(self, metadata: Json, propagation: str | None) -> bool:
        """The finalizers that the garbage collector acts on. Tells whether they changed."""
        before = list(metadata.get('finalizers') or ())
        after = [each for each in before if each not in (ORPHAN, FOREGROUND)] if propagation else list(before)
        if propagation == 'Orphan':
            after.append(ORPHAN)
        elif propagation == 'Foreground':
            after.append(FOREGROUND)
        if after == before:
            return False
        if after:
            metadata['finalizers'] = after
        else:
            metadata.pop('finalizers', None)
        return True

    def _delete_namespace(self, op: Operation, stored: Stored, obj: Json, options: DeleteOptions) -> tuple[bool, Json]:
        """Namespaces are marked and Terminating at first, and gone once their own finalizers are, too."""
        definition, store = op.definition, self._cluster.store
        metadata = obj['metadata']
        if 'deletionTimestamp' not in metadata:
            metadata['deletionTimestamp'] = self._cluster.now()
            obj.setdefault('status', {})['phase'] = 'Terminating'
            if not options.dry_run:
                store.put(definition.bucket, stored.key, obj)
                self._tell(definition, stored, gone=False)
            return False, obj
        if (obj.get('spec') or {}).get('finalizers') or metadata.get('finalizers'):
            return False, obj
        if not options.dry_run:
            event = store.delete(definition.bucket, stored.key)
            assert event is not None
            metadata['resourceVersion'] = str(event.revision)
            self._tell(definition, stored, gone=True)
        return True, obj

    def _delete_crd(self, stored: Stored, obj: Json, options: DeleteOptions) -> tuple[bool, Json]:
        """CustomResourceDefinitions are marked at first, and gone once their objects are, too."""
        if options.dry_run or 'deletionTimestamp' in obj['metadata']:
            return False, obj
        return False, self._custom.delete(stored, obj)

    def _tell(self, definition: Definition, stored: Stored, *, gone: bool) -> None:
        for each in self.deleted:
            each(definition, stored, gone)


def _precondition(definition: Definition, stored: Stored, why: str) -> StatusError:
    """A failed precondition of a deletion; this error names the kind, not the resource."""
    kind, group = definition.kind, definition.resource.group
    subject = f'{kind}.{group}' if group else kind
    details = {'name': stored.name, 'group': group, 'kind': kind}
    message = f'Operation cannot be fulfilled on {subject} {json.dumps(stored.name)}: {why}'
    return StatusError(409, 'Conflict', message, {key: value for key, value in details.items() if value})
