"""Writing: create, update, patch and apply, from the request to the event, as the API server's registry does it.

The order is that of the real server: decode, look up, change, mutating webhooks, what the kind's strategy sets,
validation, validating webhooks, managed fields, and the write, which is left out for a dry run or if nothing changed.
Only webhooks are waited for. If the object has changed meanwhile, the update begins anew.
"""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from kmock.kube.access import user_info
from kmock.kube.admission.webhooks import Admission, Review
from kmock.kube.cluster import NAMESPACES, Cluster, Operation, make_key
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.media.bodies import decode_patch, patch_kind
from kmock.kube.metadata import (
    dedup_owners,
    embedded_causes,
    finalizer_warnings,
    keep_system_metadata,
    validate_metadata,
)
from kmock.kube.options import DeleteOptions, WriteOptions, unparsed, whole_number
from kmock.kube.patching.apply import apply
from kmock.kube.patching.managed import keep_times, manager_of, track_update
from kmock.kube.patching.patches import json_patch, merge_patch
from kmock.kube.patching.strategic import strategic_patch
from kmock.kube.schemas.defaults import default
from kmock.kube.schemas.validation import validate_custom
from kmock.kube.statuses import (
    Cause,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    generic,
    go_quote,
    invalid,
    invalid_value,
    method_not_allowed,
    not_found,
    qualified,
    timed_out,
)
from kmock.kube.store import Stored
from kmock.kube.values.names import path_segment
from kmock.kube.verbs.incoming import read_object, shape, shape_patched
from kmock.kube.verbs.reading import Reading, answer
from kmock.messages import Answer

__all__ = ['Writing']

Change = Callable[[Json], Json]
"""From the old object to the new one; it may change and return the one that it is given."""

MAX_BODY = 3 * 1024 * 1024
REQUEST_SECONDS = 34.0
"""How long a request may go on asking webhooks: one that changes the object would let it begin anew for ever."""
_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
_GENERATED_NAME = 63 - 5
_NO_OPTIONS = WriteOptions()
_MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'


class Writing:
    """Answers create, update, and patch, also of the status subresource."""

    def __init__(self, cluster: Cluster, reading: Reading, admission: Admission | None = None) -> None:
        self._cluster = cluster
        self._reading = reading
        self._admission = admission
        self.guards: list[Callable[[Operation, Json, Json | None], None]] = []
        """Called with the new and the old object before each write; they raise what forbids it."""
        self.preparing: list[Callable[[Operation, Json], None]] = []
        """Called with each new object before it is validated: they set what depends on the request."""
        self.changing: list[Callable[[Operation, Json, Json], None]] = []
        """The same for changed objects; called with the new and the old one."""
        self.written: list[Callable[[Definition, Json], None]] = []
        """Called with each object that was written: for controllers."""
        self.removed: list[Callable[[Definition, Stored], None]] = []
        """Called with each object that a write has let go, since it removed the last finalizer."""

    # --- create

    async def create(self, op: Operation) -> Answer:
        options = self.options(op, 'CreateOptions')
        obj = await read_object(op, options, MAX_BODY)
        namespace = self._namespace_of(op, obj)
        created = await self.create_object(op, obj, options, namespace)
        return self.answer(op, created, 201)

    async def create_object(
        self, op: Operation, obj: Json, options: WriteOptions, namespace: str | None, *, tracked: bool = False
    ) -> Json:
        """Create a decoded object: everything from the admission on. `tracked`: its managed fields are set already.

        Raises:
            StatusError: what the API server answers.
        """
        definition, strategy = op.definition, op.definition.strategy
        metadata = self._metadata_of(obj)
        self._check_new_version(metadata)
        self._check_namespace_matches(op, metadata, namespace)
        if op.strict:
            self._check_namespace(definition, namespace, metadata)
        if definition.namespaced:
            metadata['namespace'] = namespace
        else:
            metadata.pop('namespace', None)
        self._set_name(metadata)
        self._default(definition, obj, fits=op.fits)
        self._dedup_owners(op, metadata, mutated=tracked)
        if not tracked:
            self._track(op, obj, None, options)
        obj = await self._mutate(op, 'CREATE', obj, None, options, namespace)
        metadata = self._metadata_of(obj)
        self._dedup_owners(op, metadata, mutated=True)
        self._set_system_metadata(metadata)
        if definition.has_status and strategy.creates_without_status and op.strict:
            obj.pop('status', None)
        if strategy.generation:
            metadata['generation'] = 1
        strategy.prepare_create(obj)
        for prepare in self.preparing:
            prepare(op, obj)
        self._validate(op, obj, None)
        for guard in self.guards:
            guard(op, obj, None)
        await self._admit(op, 'CREATE', obj, None, options, namespace)
        self._insert(op, obj, namespace, options)
        return obj

    def _insert(self, op: Operation, obj: Json, namespace: str | None, options: WriteOptions) -> None:
        definition, store = op.definition, self._cluster.store
        name = obj['metadata']['name']
        key = make_key(namespace, name)
        with store.lock:
            existing = store.get(definition.bucket, key)
            if existing is not None:
                raise _exists(definition, name, existing)
            if not options.dry_run:
                op.written = self._cluster.put(definition, key, obj)
        if not options.dry_run:
            self._tell(definition, obj)

    def _set_name(self, metadata: Json) -> None:
        """A name out of `generateName`, where there is no name."""
        prefix = metadata.get('generateName')
        if not metadata.get('name') and isinstance(prefix, str) and prefix:
            suffix = ''.join(self._cluster.random.choices(_ALPHABET, k=5))
            metadata['name'] = prefix[:_GENERATED_NAME] + suffix

    def _set_system_metadata(self, metadata: Json) -> None:
        for key in ('deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'):
            metadata.pop(key, None)
        metadata['uid'] = self._cluster.uid()
        metadata['creationTimestamp'] = self._cluster.now()
        metadata.pop('resourceVersion', None)

    def _check_new_version(self, metadata: Json) -> None:
        if self._revision_of(metadata):
            raise generic(500, 'resourceVersion should not be set on objects to be created')

    def _revision_of(self, metadata: Json) -> int:
        """The revision in the metadata; 0 if there is none."""
        version = metadata.get('resourceVersion') or '0'
        revision = whole_number(str(version))
        if revision is None:
            raise generic(500, unparsed(str(version)))
        return revision

    # --- namespaces

    def _namespace_of(self, op: Operation, obj: Json) -> str | None:
        """The namespace of the URL; a loose resource may also name it in the body."""
        definition = op.definition
        if op.namespace is not None or not definition.namespaced:
            return op.namespace
        if op.strict:
            raise method_not_allowed()
        metadata = obj.get('metadata')
        namespace = metadata.get('namespace') if isinstance(metadata, dict) else None
        return namespace if isinstance(namespace, str) else None

    def _check_namespace_matches(self, op: Operation, metadata: Json, namespace: str | None) -> None:
        given = metadata.get('namespace')
        if given and op.definition.namespaced and namespace is not None and given != namespace:
            raise bad_request('the namespace of the provided object does not match the namespace sent on the request')

    def _check_namespace(self, definition: Definition, namespace: str | None, metadata: Json) -> None:
        """The admission plugin NamespaceLifecycle: nothing is created in absent or terminating namespaces."""
        if namespace is None:
            return
        found = self._cluster.namespace(namespace)
        if found is None:
            raise not_found(NAMESPACES, namespace)
        if 'deletionTimestamp' in found['metadata']:
            name = metadata.get('name') or metadata.get('generateName') or ''
            why = f'unable to create new content in namespace {namespace} because it is being terminated'
            error = forbidden(definition.resource, name, why)
            cause = {'reason': 'NamespaceTerminating', 'message': f'namespace {namespace} is being terminated'}
            error.details['causes'] = [{**cause, 'field': 'metadata.namespace'}]
            raise error

    # --- update

    async def update(self, op: Operation) -> Answer:
        options = self.options(op, 'UpdateOptions')
        new = await read_object(op, options, MAX_BODY)
        self.check_url(op, new)
        metadata = self._metadata_of(new)
        self._revision_of(metadata)
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            return await self._create_by_update(op, new, options)
        updated = await self.change(op, lambda old: copy.deepcopy(new), options, replace=True)
        return self.answer(op, updated)

    async def _create_by_update(self, op: Operation, new: Json, options: WriteOptions) -> Answer:
        creates = op.definition.strategy.put_creates and not op.subresource
        if not creates:
            raise not_found(op.definition.resource, op.name)
        metadata = self._metadata_of(new)
        if metadata.get('uid'):
            found = f'Precondition failed: UID in precondition: {metadata["uid"]}, UID in object meta: '
            raise conflict(op.definition.resource, op.name, _storage_error(op, found))
        metadata.pop('resourceVersion', None)
        created = await self.create_object(op, new, options, op.namespace)
        return self.answer(op, created, 201)

    async def patch(self, op: Operation) -> Answer:
        kind = patch_kind(op.request.headers.get('Content-Type'), op.definition)
        options = self.options(op, 'PatchOptions', apply=kind == 'apply')
        body = await op.request.read(MAX_BODY)
        if kind == 'apply':
            return await self._apply(op, body, options)
        patch = decode_patch(body, kind).value
        updated = await self.change(op, self._patcher(op, kind, patch, options), options)
        return self.answer(op, updated)

    def _patcher(self, op: Operation, kind: str, patch: Any, options: WriteOptions) -> Change:
        definition = op.definition

        def changed(old: Json) -> Json:
            if kind == 'json':
                new = json_patch(old, patch)
            elif kind == 'merge':
                new = merge_patch(old, patch)
            else:
                assert definition.schema is not None
                new = strategic_patch(old, patch, definition.schema)
            strategic = kind == 'strategic' and isinstance(patch, dict)
            new = shape_patched(op, new, options, patch if strategic else None)
            self.check_url(op, new)
            return new

        return changed

    async def _apply(self, op: Operation, body: bytes, options: WriteOptions) -> Answer:
        applied = decode_patch(body, 'apply').value
        named = _named(applied, op.name)
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            if op.subresource:
                raise not_found(op.definition.resource, op.name)
            new = self._merge(op, None, named, options)
            self._check_applied_new(op, applied)
            new['metadata'].pop('resourceVersion', None)
            created = await self.create_object(op, shape(op, new, options), options, op.namespace, tracked=True)
            return self.answer(op, created, 201)

        def changed(old: Json) -> Json:
            new = self._merge(op, old, named, options)
            self.check_url(op, named)
            return shape(op, new, options)

        return self.answer(op, await self.change(op, changed, options, tracked=True))

    def _check_applied_new(self, op: Operation, applied: Json) -> None:
        """What is applied to nothing must name itself, and must not be what it was before."""
        metadata = applied.get('metadata') or {}
        if metadata.get('uid'):
            why = f'uid mismatch: the provided object specified uid {metadata["uid"]}, and no existing object was found'
            raise conflict(op.definition.resource, op.name, why)
        self.check_url(op, applied)
        self._revision_of(metadata)

    def _merge(self, op: Operation, live: Json | None, applied: Json, options: WriteOptions) -> Json:
        return apply(
            live,
            applied,
            definition=op.definition,
            manager=options.manager,
            force=bool(options.force),
            subresource=op.subresource,
            now=self._cluster.now(),
        )

    async def change(
        self,
        op: Operation,
        change: Change,
        options: WriteOptions,
        *,
        replace: bool = False,
        tracked: bool = False,
        admitted: bool = False,
    ) -> Json:
        """Change an object that is there, and answer with what has become of it.

        Args:
            change: gives the new object; called again if the object changes while webhooks are waited for.
            replace: whether the whole object comes from the client (PUT), so that it must prove what it replaces.
            tracked: whether `change` keeps the managed fields itself.
            admitted: whether webhooks have let it pass already, or need not be asked.

        Raises:
            StatusError: what the API server answers.
        """
        while True:
            stored = self._cluster.get(op.definition, op.namespace, op.name)
            if stored is None:
                raise not_found(op.definition.resource, op.name)
            new = await self._changed(op, stored, change, options, replace=replace, tracked=tracked, admitted=admitted)
            with self._cluster.store.lock:
                if self._cluster.get(op.definition, op.namespace, op.name) is stored:
                    return self._replace(op, stored, new, options)

    async def _changed(
        self,
        op: Operation,
        stored: Stored,
        change: Change,
        options: WriteOptions,
        *,
        replace: bool,
        tracked: bool,
        admitted: bool,
    ) -> Json:
        """The new object, validated and admitted."""
        definition, strategy = op.definition, op.definition.strategy
        old = self._reading.decode(stored, definition)
        new = change(self._reading.decode(stored, definition))
        metadata = self._metadata_of(new)
        if not definition.namespaced:
            metadata.pop('namespace', None)
        elif op.namespace is not None:
            metadata.setdefault('namespace', op.namespace)
        self._check_version(op, metadata, stored, replace=replace)
        if replace:
            self._dedup_owners(op, metadata)
        keep_system_metadata(new, old)
        self._default(definition, new, fits=op.fits)
        if not tracked:
            self._track(op, new, old, options)
        if not admitted:
            new = await self._mutate(op, 'UPDATE', new, old, options, op.namespace)
        self._dedup_owners(op, self._metadata_of(new), mutated=True)
        if op.subresource == 'status':
            new = self._only_status(op, new, old)
        elif definition.has_status and strategy.creates_without_status and op.strict:
            _carry(new, old, 'status')
        keep_times(new, old)
        if strategy.generation:
            self._count_generation(op, new, old)
        if op.subresource == 'status':
            strategy.prepare_status(new, old)
        else:
            strategy.prepare_update(new, old)
        for prepare in self.changing:
            prepare(op, new, old)
        self._validate(op, new, old)
        for guard in self.guards:
            guard(op, new, old)
        if not admitted:
            await self._admit(op, 'UPDATE', new, old, options, op.namespace)
        return new

    def _replace(self, op: Operation, stored: Stored, new: Json, options: WriteOptions) -> Json:
        """Write the changed object, delete it if nothing holds it any more, or leave it if nothing has changed."""
        definition, store = op.definition, self._cluster.store
        old = self._reading.decode(stored, definition)
        metadata = new['metadata']
        metadata['resourceVersion'] = str(stored.revision)
        if _same(new, old):
            return old
        if options.dry_run:
            return new
        released = 'deletionTimestamp' in metadata and not metadata.get('finalizers')
        if released and not metadata.get('deletionGracePeriodSeconds') and self._deletable(definition, new):
            store.delete(definition.bucket, stored.key)
            for removed in self.removed:
                removed(definition, stored)
        else:
            op.written = self._cluster.put(definition, stored.key, new)
            self._tell(definition, new)
        return new

    def _deletable(self, definition: Definition, obj: Json) -> bool:
        """Namespaces have finalizers of their own in the spec."""
        return definition.resource != NAMESPACES or not (obj.get('spec') or {}).get('finalizers')

    def _only_status(self, op: Operation, new: Json, old: Json) -> Json:
        """What a request to the status subresource changes: the status; of custom resources nothing else."""
        kept = copy.deepcopy(old)
        _carry(kept, new, 'status')
        metadata = kept['metadata']
        if op.definition.origin is Origin.BUILT_IN:
            metadata = {**new['metadata']}
            for key in ('finalizers', 'ownerReferences', 'generation', 'deletionTimestamp'):
                _carry(metadata, old['metadata'], key)
            kept['metadata'] = metadata
        if 'managedFields' in new['metadata']:
            metadata['managedFields'] = new['metadata']['managedFields']
        return kept

    def _count_generation(self, op: Operation, new: Json, old: Json) -> None:
        """One more for each change outside of the metadata, and of the status where it is a subresource."""
        left_out = {'metadata', 'status'} if op.definition.has_status else {'metadata'}
        before = {key: value for key, value in old.items() if key not in left_out}
        after = {key: value for key, value in new.items() if key not in left_out}
        generation = old['metadata'].get('generation', 0)
        new['metadata']['generation'] = generation + (before != after)

    # --- checks

    def check_url(self, op: Operation, obj: Json) -> None:
        """The object in the body must be that of the URL."""
        metadata = obj.get('metadata')
        metadata = metadata if isinstance(metadata, dict) else {}
        name = metadata.get('name')
        if not name:
            raise bad_request(
                f'the name of the object ({op.name} based on URL) was undeterminable: name must be provided'
            )
        if name != op.name:
            raise bad_request(f'the name of the object ({name}) does not match the name on the URL ({op.name})')
        self._check_namespace_matches(op, metadata, op.namespace)

    def _check_version(self, op: Operation, metadata: Json, stored: Stored, *, replace: bool) -> None:
        """Optimistic concurrency, and that it is the same object at all."""
        definition = op.definition
        uid = metadata.get('uid')
        if replace and uid and uid != stored.uid:
            found = f'Precondition failed: UID in precondition: {uid}, UID in object meta: {stored.uid}'
            raise conflict(definition.resource, op.name, _storage_error(op, found))
        revision = self._revision_of(metadata)
        if revision == 0:
            if op.strict and not definition.strategy.unconditional_update:
                cause = invalid_value('metadata.resourceVersion', 0, 'must be specified for an update')
                error = invalid(definition.resource.plural, definition.resource.group, op.name, [cause])
                raise error
        elif revision != stored.revision:
            raise conflict(definition.resource, op.name, _MODIFIED)

    def _validate(self, op: Operation, new: Json, old: Json | None) -> None:
        """All that is wrong with an object, as one 422."""
        definition, strategy = op.definition, op.definition.strategy
        if definition.origin is Origin.LOOSE:
            self._validate_loose(op, new)
            return
        causes = _type_causes(definition, new) if definition.origin is Origin.CUSTOM else []
        if causes:
            raise invalid(definition.kind, definition.resource.group, new['metadata'].get('name', ''), causes)
        causes = list(validate_metadata(new, old, definition=definition))
        if definition.origin is Origin.CUSTOM:
            status = op.subresource == 'status'
            causes += validate_custom(definition, new, old, status=status, fits=op.fits, metadata=embedded_causes)
        if old is None:
            causes += strategy.validate(new)
        elif op.subresource == 'status':
            causes += strategy.validate_status(new, old)
        else:
            causes += strategy.validate_update(new, old)
        if causes:
            raise invalid(definition.kind, definition.resource.group, new['metadata'].get('name', ''), causes)
        op.warnings.extend(strategy.warnings(new, old))
        op.warnings.extend(finalizer_warnings(new, old) if definition.origin is Origin.CUSTOM else ())

    def _validate_loose(self, op: Operation, new: Json) -> None:
        """Only what the object could not be found by its URL without."""
        metadata = new['metadata']
        name, namespace = metadata.get('name') or '', metadata.get('namespace') or ''
        causes = [] if name else [invalid_value('metadata.name', '', 'name or generateName is required')]
        for field, value in (('name', name), ('namespace', namespace)):
            causes += [invalid_value(f'metadata.{field}', value, each) for each in path_segment(value)]
        if causes:
            raise invalid(op.definition.kind, op.definition.resource.group, name, causes)

    # --- on the way

    def options(self, op: Operation, kind: str, *, apply: bool = False) -> WriteOptions:
        """The options in the query of a write."""
        if not op.request.params and not apply:
            return _NO_OPTIONS
        return WriteOptions.read(op.params, kind, dry_runs=op.request.params.getall('dryRun', []), apply=apply)

    def _default(self, definition: Definition, obj: Json, *, fits: bool = False) -> None:
        if definition.origin is Origin.CUSTOM and definition.schema is not None and not fits:
            default(definition.schema, obj)
        definition.strategy.default(obj)

    def _metadata_of(self, obj: Json) -> Json:
        metadata = obj.get('metadata')
        if not isinstance(metadata, dict):
            metadata = obj['metadata'] = {}
        return metadata

    def _dedup_owners(self, op: Operation, metadata: Json, *, mutated: bool = False) -> None:
        if op.strict and 'ownerReferences' in metadata:
            op.warnings.extend(dedup_owners(metadata, mutated=mutated))

    def _track(self, op: Operation, new: Json, old: Json | None, options: WriteOptions) -> None:
        if op.definition.verbatim:
            return
        manager = options.manager or manager_of(op.request.headers.get('User-Agent', ''))
        track_update(
            new,
            old,
            definition=op.definition,
            manager=manager,
            subresource=op.subresource,
            now=self._cluster.now(),
        )

    async def _mutate(
        self,
        op: Operation,
        operation: str,
        obj: Json,
        old: Json | None,
        options: WriteOptions,
        namespace: str | None,
    ) -> Json:
        if self._admission is None or not self._admission.active:
            return obj
        review = self._review(op, operation, obj, old, options, namespace)
        mutated, warnings = await self._admission.mutate(review)
        op.warnings.extend(warnings)
        if mutated is None or mutated == obj:
            return obj
        op.fits = False
        shaped = shape(op, mutated, WriteOptions(field_validation='Ignore'))
        self._default(op.definition, shaped)
        return shaped

    async def _admit(
        self,
        op: Operation,
        operation: str,
        obj: Json | None,
        old: Json | None,
        options: WriteOptions,
        namespace: str | None,
    ) -> None:
        if self._admission is not None and self._admission.active:
            review = self._review(op, operation, obj, old, options, namespace)
            op.warnings.extend(await self._admission.validate(review))

    async def admit_form(
        self, op: Operation, operation: str, form: Json, old: Json | None, options: WriteOptions
    ) -> Json:
        """Let all webhooks see what is sent to a subresource, such as a Scale; they may change it.

        Raises:
            StatusError: what webhooks say.
        """
        if self._admission is None or not self._admission.active:
            return form
        review = self._review(op, operation, form, old, options, op.namespace)
        mutated, warnings = await self._admission.mutate(review)
        op.warnings.extend(warnings)
        form = form if mutated is None else mutated
        await self._admit(op, operation, form, old, options, op.namespace)
        return form

    async def admit_deletion(self, op: Operation, obj: Json, options: DeleteOptions) -> None:
        """Let the validating webhooks see a deletion; mutating ones may see, but not change it.

        Of a deletion of many, they are told the objects, but no name.
        """
        if self._admission is not None and self._admission.active:
            review = self._review(op, 'DELETE', None, obj, WriteOptions(dry_run=options.dry_run), op.namespace)
            name = '' if op.call.verb == 'deletecollection' else review.name
            review = dataclasses.replace(review, name=name, options={**review.options, **options.given})
            _, warnings = await self._admission.mutate(review)
            op.warnings.extend(warnings)
            op.warnings.extend(await self._admission.validate(review))

    def _check_time(self, op: Operation) -> None:
        """Whether the request may ask webhooks once more.

        Raises:
            StatusError: 504.
        """
        now = self._cluster.clock.now()
        if op.deadline is None:
            op.deadline = now + REQUEST_SECONDS
        elif now >= op.deadline:
            raise timed_out()

    def _review(
        self,
        op: Operation,
        operation: str,
        obj: Json | None,
        old: Json | None,
        options: WriteOptions,
        namespace: str | None,
    ) -> Review:
        self._check_time(op)
        kinds = {'CREATE': 'CreateOptions', 'UPDATE': 'UpdateOptions', 'DELETE': 'DeleteOptions'}
        shown: Json = {'kind': kinds[operation], 'apiVersion': 'meta.k8s.io/v1'}
        if options.dry_run:
            shown['dryRun'] = ['All']
        if options.manager:
            shown['fieldManager'] = options.manager
        if op.params.get('fieldValidation'):
            shown['fieldValidation'] = options.field_validation
        name = (((obj if obj is not None else old) or {}).get('metadata') or {}).get('name', '')
        if op.definition.resource == NAMESPACES:
            namespace = name  # so are requests for namespaces themselves understood
        return Review(
            definition=op.definition,
            subresource=op.subresource,
            operation=operation,
            namespace=namespace or '',
            name=name,
            obj=obj,
            old=old,
            options=shown,
            dry_run=options.dry_run,
            user=user_info(op.user),
        )

    def _tell(self, definition: Definition, obj: Json) -> None:
        for each in self.written:
            each(definition, obj)

    def answer(self, op: Operation, obj: Json, status: int = 200) -> Answer:
        """The answer with an object that was written."""
        as_stored = not op.definition.verbatim and op.definition.conversion is None
        if op.written is not None and op.form.plain and as_stored:
            return answer(op, op.definition.prefix + op.written.tail + b'\n', status)
        return answer(op, self._reading.render(op, obj), status)


def _carry(target: Json, source: Json, key: str) -> None:
    """Make a key be as it is in the source, also absent."""
    if key in source:
        target[key] = source[key]
    else:
        target.pop(key, None)


def _same(new: Json, old: Json) -> bool:
    """Whether a write changes nothing; the times of managed fields alone are no change."""
    return new == old


def _storage_error(op: Operation, found: str) -> str:
    """How etcd's layer reports a failed precondition."""
    resource = op.definition.resource
    kind = resource.plural if op.definition.origin is Origin.BUILT_IN else f'{resource.group}/{resource.plural}'
    return (
        f'StorageError: invalid object, Code: 4, Key: /registry/{kind}/{op.key}, ResourceVersion: 0, '
        f'AdditionalErrorMsg: {found}'
    )


def _type_causes(definition: Definition, obj: Json) -> list[Cause]:
    """A custom resource can't be patched into another type."""
    wanted = {'kind': definition.kind, 'apiVersion': definition.api_version}
    return [
        invalid_value(key, obj[key], f'must be {value}')
        for key, value in wanted.items()
        if obj.get(key, value) != value
    ]


def _named(applied: Json, name: str) -> Json:
    """What is applied, with the name that it would take from the live object when it has none."""
    metadata = applied.get('metadata')
    if metadata is not None and (not isinstance(metadata, dict) or metadata.get('name')):
        return applied
    return {**applied, 'metadata': {**(metadata or {}), 'name': name}}


def _exists(definition: Definition, name: str, existing: Stored) -> StatusError:
    error = already_exists(definition.resource, name)
    metadata = existing.decode().get('metadata') or {}
    if 'deletionTimestamp' in metadata:
        subject = f'{qualified(definition.resource)} {go_quote(name)}'
        message = f'object is being deleted: {subject} already exists'
        return StatusError(409, 'AlreadyExists', message, error.details)
    return error
