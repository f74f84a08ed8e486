"""Bindings: pods are assigned to nodes, by `pods/binding` or by `bindings`, which do the same.

Source: kube-apiserver v1.36, `pkg/registry/core/pod/storage` and `ValidatePodBinding`.
"""

from kmock.kube.cluster import Cluster, Operation, make_key
from kmock.kube.definitions import Json
from kmock.kube.statuses import (
    Cause,
    StatusError,
    bad_request,
    conflict,
    generic,
    not_found,
    not_supported,
    required,
    success,
)
from kmock.kube.store import Stored
from kmock.kube.subresources.conditions import set_condition
from kmock.kube.subresources.forms import form_of, read_form
from kmock.kube.verbs.reading import Reading, answer
from kmock.kube.verbs.writing import Writing
from kmock.messages import Answer
from kmock.naming import Resource

__all__ = ['Bindings']

_FORM = form_of('v1', 'Binding')
_PODS = Resource('', 'v1', 'pods')
_POD_BINDINGS = Resource('', 'v1', 'pods/binding')


class Bindings:
    """Answers the creation of bindings."""

    def __init__(self, cluster: Cluster, reading: Reading, writing: Writing) -> None:
        self._cluster = cluster
        self._reading = reading
        self._writing = writing

    async def create(self, op: Operation) -> Answer:
        """Assign a pod to a node.

        Raises:
            StatusError: 400, 404, 409, 500.
        """
        options = self._writing.options(op, 'CreateOptions')
        binding = await read_form(op, _FORM, options)
        metadata = binding.setdefault('metadata', {})
        if op.subresource and not metadata.get('name'):
            metadata['name'] = op.name
        name = metadata.get('name') or ''
        if op.subresource and name != op.name:
            raise bad_request('name in URL does not match name in Binding object')
        if metadata.get('namespace', op.namespace) != op.namespace:
            raise bad_request('the namespace of the provided object does not match the namespace sent on the request')
        metadata['namespace'] = op.namespace
        binding = await self._writing.admit_form(op, 'CREATE', binding, None, options)
        _check(binding)
        self._assign(op, name, binding, dry_run=options.dry_run)
        return answer(op, self._reading.render_status(op, success(code=201)), 201)

    def _assign(self, op: Operation, name: str, binding: Json, *, dry_run: bool) -> None:
        store, key = self._cluster.store, make_key(op.namespace, name)
        bucket = (_PODS.group, _PODS.plural)
        with store.lock:
            stored = store.get(bucket, key)
            if stored is None:
                raise not_found(_PODS, name)
            _check_preconditions(name, stored, binding['metadata'])
            pod = stored.decode()
            why = _refusal(pod, name)
            if why:
                raise conflict(_POD_BINDINGS, name, why)
            pod.setdefault('spec', {})['nodeName'] = binding['target']['name']
            annotations = binding['metadata'].get('annotations')
            if annotations:
                pod['metadata']['annotations'] = {**(pod['metadata'].get('annotations') or {}), **annotations}
            set_condition(pod, {'type': 'PodScheduled', 'status': 'True'}, self._cluster.now())
            if not dry_run:
                store.put(bucket, key, pod)


def _check_preconditions(name: str, stored: Stored, metadata: Json) -> None:
    uid, version = metadata.get('uid'), metadata.get('resourceVersion')
    if uid and uid != stored.uid:
        found = f'Precondition failed: UID in precondition: {uid}, UID in object meta: {stored.uid}'
        raise conflict(_PODS, name, _storage_error(stored.key, found))
    if version and version != str(stored.revision):
        found = f'Precondition failed: RV in precondition: {version}, RV in object meta: {stored.revision}'
        raise conflict(_PODS, name, _storage_error(stored.key, found))


def _storage_error(key: str, found: str) -> str:
    return (
        f'StorageError: invalid object, Code: 4, Key: /registry/pods/{key}, ResourceVersion: 0, '
        f'AdditionalErrorMsg: {found}'
    )


def _check(binding: Json) -> None:
    """What is wrong with a binding; the server answers it as an error without a reason."""
    target = binding.get('target') or {}
    causes: list[Cause] = []
    if target.get('kind') not in (None, '', 'Node'):
        causes.append(not_supported('target.kind', target['kind'], ('Node', '<empty>')))
    if not target.get('name'):
        causes.append(required('target.name'))
    if causes:
        raise _aggregate(causes)


def _aggregate(causes: list[Cause]) -> StatusError:
    texts = [str(each) for each in causes]
    return generic(500, texts[0] if len(texts) == 1 else f'[{", ".join(texts)}]')


def _refusal(pod: Json, name: str) -> str:
    """Why a pod can't be assigned; empty if it can."""
    spec = pod.get('spec') or {}
    if 'deletionTimestamp' in pod['metadata']:
        return f'pod {name} is being deleted, cannot be assigned to a host'
    if spec.get('nodeName'):
        return f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    if spec.get('schedulingGates'):
        return f'pod {name} has non-empty .spec.schedulingGates'
    return ''
