"""Scales: the replicas of workloads and custom resources, read and written in one form for all of them.

A write becomes a write of the parent. Sources: kube-apiserver v1.36, `pkg/registry/apps/*/storage`, and that of
custom resources in apiextensions-apiserver; the Kubernetes documentation, "Server-Side Apply", of their managers.
"""

import copy
from collections.abc import Callable
from typing import Any

from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Definition, Json, Origin, ScalePaths
from kmock.kube.media.bodies import decode_patch, patch_kind
from kmock.kube.metadata import validate_metadata
from kmock.kube.options import WriteOptions
from kmock.kube.patching.apply import apply
from kmock.kube.patching.patches import json_patch, merge_patch
from kmock.kube.patching.strategic import strategic_patch
from kmock.kube.schemas.validation import reach
from kmock.kube.statuses import (
    bad_request,
    conflict,
    generic,
    internal,
    invalid,
    invalid_value,
    not_found,
)
from kmock.kube.subresources.forms import form_of, read_form, seen_as
from kmock.kube.verbs.incoming import shape_patched
from kmock.kube.verbs.reading import Reading, answer
from kmock.kube.verbs.writing import MAX_BODY, Writing
from kmock.messages import Answer
from kmock.naming import Resource

__all__ = ['Scales', 'scale_of', 'show_selector']

_FORM = form_of('autoscaling/v1', 'Scale')
_WORKLOADS = ScalePaths(spec_replicas='.spec.replicas', status_replicas='.status.replicas')
_IDENTITY = ('name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp')
_UNSET = -(2**31)
"""How an update sees replicas that are not set yet; it must set them."""

Change = Callable[[Json], Json]


class _OutdatedError(Exception):
    """The parent has changed while webhooks were looking at its scale."""


class Scales:
    """Answers get, update and patch of scales."""

    def __init__(self, cluster: Cluster, reading: Reading, writing: Writing) -> None:
        self._cluster = cluster
        self._reading = reading
        self._writing = writing
        self._verbs = {'get': self._get, 'update': self._update, 'patch': self._patch}

    async def answer(self, op: Operation) -> Answer:
        """Read or write a scale.

        Raises:
            StatusError: what the API server answers.
        """
        return await self._verbs[op.call.verb](op)

    async def _get(self, op: Operation) -> Answer:
        return self._answer(op, self._parent(op))

    def _answer(self, op: Operation, parent: Json) -> Answer:
        scale = scale_of(parent, op.definition)
        if 'replicas' not in scale['spec'] and _paths(op.definition) is not _WORKLOADS:
            _require_replicas(parent, op.definition)
        return answer(op, self._reading.render(seen_as(op, _FORM), scale))

    def _parent(self, op: Operation) -> Json:
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            raise not_found(op.definition.resource, op.name)
        return self._reading.decode(stored, op.definition)

    async def _update(self, op: Operation) -> Answer:
        options = self._writing.options(op, 'UpdateOptions')
        scale = await read_form(op, _FORM, options)
        self._writing.check_url(op, scale)
        return await self._write(op, lambda before: copy.deepcopy(scale), options)

    async def _patch(self, op: Operation) -> Answer:
        kind = patch_kind(op.request.headers.get('Content-Type'), op.definition)
        options = self._writing.options(op, 'PatchOptions', apply=kind == 'apply')
        patch = decode_patch(await op.request.read(MAX_BODY), kind).value
        if kind == 'apply':
            return await self._apply(op, patch, options)

        def changed(before: Json) -> Json:
            if kind == 'json':
                scale = json_patch(before, patch)
            elif kind == 'merge':
                scale = merge_patch(before, patch)
            else:
                assert _FORM.schema is not None
                scale = strategic_patch(before, patch, _FORM.schema)
            scale = shape_patched(seen_as(op, _FORM), scale, options)
            self._writing.check_url(op, scale)
            return scale

        return await self._write(op, changed, options)

    async def _write(self, op: Operation, change: Change, options: WriteOptions) -> Answer:
        """Change the scale, and write it to the parent, until nobody comes in between."""
        while True:
            parent = self._parent(op)
            before = scale_of(parent, op.definition)
            if _paths(op.definition) is not _WORKLOADS:
                before['spec'].setdefault('replicas', _replicas(parent, op.definition, _UNSET))
            scale = await self._writing.admit_form(op, 'UPDATE', change(copy.deepcopy(before)), before, options)
            seen = parent['metadata']['resourceVersion']

            def changed(old: Json, scale: Json = scale, seen: str = seen) -> Json:
                if old['metadata']['resourceVersion'] != seen:
                    raise _OutdatedError
                return _scaled(op, old, scale)

            try:
                updated = await self._writing.change(op, changed, options, admitted=True)
            except _OutdatedError:
                continue
            return self._answer(op, updated)

    async def _apply(self, op: Operation, applied: Json, options: WriteOptions) -> Answer:
        version, kind = applied.get('apiVersion', ''), applied.get('kind', '')
        if (version, kind) != ('autoscaling/v1', 'Scale'):
            shown = version if '/' in str(version) else f'/{version}'
            raise bad_request(f'invalid object type: {shown}, Kind={kind}')
        self._writing.check_url(op, applied)
        shape_patched(seen_as(op, _FORM), copy.deepcopy(applied), options)
        definition = op.definition
        spec = applied.get('spec')
        wanted: Json = {'apiVersion': definition.api_version, 'kind': definition.kind, 'metadata': {'name': op.name}}
        if isinstance(spec, dict) and spec.get('replicas') is not None:
            _check(op, {'metadata': {'name': op.name}, 'spec': spec})
            _set(wanted, _paths(definition).spec_replicas, spec['replicas'])

        def changed(old: Json) -> Json:
            return apply(
                old,
                wanted,
                definition=definition,
                manager=options.manager,
                force=bool(options.force),
                subresource='scale',
                now=self._cluster.now(),
            )

        updated = await self._writing.change(op, changed, options, tracked=True)
        return self._answer(op, updated)


def _scaled(op: Operation, parent: Json, scale: Json) -> Json:
    """The parent with the replicas of a scale."""
    definition = op.definition
    _check(op, scale)
    metadata = scale.get('metadata') or {}
    uid = metadata.get('uid')
    if uid and uid != parent['metadata']['uid']:
        resource = definition.resource
        named = Resource(resource.group, resource.version, f'{resource.plural}/scale')
        why = f'Precondition failed: UID in precondition: {uid}, UID in object meta: {parent["metadata"]["uid"]}'
        raise conflict(named, op.name, why)
    replicas = (scale.get('spec') or {}).get('replicas') or 0
    path = _paths(definition).spec_replicas
    if replicas == _UNSET and definition.origin is not Origin.BUILT_IN:
        raise bad_request(f'the spec replicas field "{path}" cannot be empty')
    _set(parent, path, replicas)
    version = metadata.get('resourceVersion')
    if version or definition.origin is Origin.BUILT_IN:
        parent['metadata']['resourceVersion'] = version or ''
    return parent


def _check(op: Operation, scale: Json) -> None:
    """What is wrong with a Scale of a workload; those of custom resources are validated as parts of these."""
    if op.definition.origin is not Origin.BUILT_IN:
        return
    causes = list(
        validate_metadata({'metadata': {'namespace': op.namespace, **scale['metadata']}}, None, definition=_FORM)
    )
    replicas = (scale.get('spec') or {}).get('replicas') or 0
    if replicas < 0:
        causes.append(invalid_value('spec.replicas', replicas, 'must be greater than or equal to 0'))
    if causes:
        raise invalid('Scale', 'autoscaling', op.name, causes)


# --- where the numbers are


def _paths(definition: Definition) -> ScalePaths:
    return definition.scale or _WORKLOADS


def _keys(path: str) -> list[str]:
    return path.strip('.').split('.')


def _set(obj: Json, path: str, value: Any) -> None:
    *way, last = _keys(path)
    for key in way:
        below = obj.get(key)
        if not isinstance(below, dict):
            below = obj[key] = {}
        obj = below
    obj[last] = value


def _require_replicas(parent: Json, definition: Definition) -> None:
    path = _paths(definition).spec_replicas
    if _number(parent, path) is None:
        raise internal(f'the spec replicas field "{path}" does not exist')


def _replicas(parent: Json, definition: Definition, absent: int) -> int:
    found = _number(parent, _paths(definition).spec_replicas)
    return absent if found is None else found


def scale_of(parent: Json, definition: Definition) -> Json:
    """The Scale of an object; without `spec.replicas` if there are none.

    Raises:
        StatusError: 500, where numbers or a text should be is something else.
    """
    paths = _paths(definition)
    metadata = {key: parent['metadata'][key] for key in _IDENTITY if key in parent['metadata']}
    replicas = _number(parent, paths.spec_replicas)
    status: Json = {'replicas': _number(parent, paths.status_replicas) or 0}
    if definition.origin is Origin.BUILT_IN:
        selector = show_selector((parent.get('spec') or {}).get('selector'))
    else:
        selector = (_text(parent, paths.label_selector) if paths.label_selector else None) or ''
    if selector:
        status['selector'] = selector
    return {
        'kind': 'Scale',
        'apiVersion': 'autoscaling/v1',
        'metadata': metadata,
        'spec': {'replicas': replicas} if replicas else {},
        'status': status,
    }


def _number(obj: Json, path: str) -> int | None:
    found, why = reach(obj, path, int)
    if why:
        raise generic(500, why)
    return found


def _text(obj: Json, path: str) -> str | None:
    found, why = reach(obj, path, str)
    if why:
        raise generic(500, why)
    return found


_OPERATORS = {'In': 'in', 'NotIn': 'notin'}


def show_selector(selector: Json | None) -> str:
    """A label selector as one line, as `app=web,tier in (a,b)`; that of a ReplicationController is mere labels."""
    if not selector:
        return ''
    is_plain = 'matchLabels' not in selector and 'matchExpressions' not in selector
    labels = selector if is_plain else selector.get('matchLabels') or {}
    found = [(str(key), f'{key}={value}') for key, value in labels.items()]
    for each in () if is_plain else selector.get('matchExpressions') or ():
        key, operator = str(each.get('key', '')), each.get('operator')
        if operator in _OPERATORS:
            values = ','.join(sorted(each.get('values') or ()))
            found.append((key, f'{key} {_OPERATORS[operator]} ({values})'))
        else:
            found.append((key, f'!{key}' if operator == 'DoesNotExist' else key))
    return ','.join(shown for _, shown in sorted(found, key=lambda pair: pair[0]))
