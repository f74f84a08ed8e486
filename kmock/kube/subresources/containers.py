"""What may change of the containers of a running pod: `pods/ephemeralcontainers` and `pods/resize`.

Source: kube-apiserver v1.36, `pkg/registry/core/pod` (strategies), `ValidatePodEphemeralContainersUpdate` and
`ValidatePodResize`.
"""

import copy
import dataclasses
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.podchecks import pod_spec_causes
from kmock.kube.kinds.pods import quality_of_service
from kmock.kube.kinds.rules import amount, as_map, items_of
from kmock.kube.statuses import Cause, forbidden_field, invalid_value

__all__ = ['ephemeral_strategy', 'resize_strategy']

_MIRROR = 'kubernetes.io/config.mirror'
_KEPT_METADATA = ('name', 'namespace', 'uid', 'resourceVersion', 'generation', 'managedFields')
_RESIZED_LISTS = ('containers', 'initContainers')


def ephemeral_strategy(own: Strategy) -> Strategy:
    """A strategy of updates that may add ephemeral containers, and nothing else."""
    return dataclasses.replace(own, prepare_update=_prepare_ephemeral, validate_update=_validate_ephemeral)


def resize_strategy(own: Strategy) -> Strategy:
    """A strategy of updates that may change the resources of containers, and how they are resized."""
    return dataclasses.replace(own, prepare_update=_prepare_resize, validate_update=_validate_resize)


def _restore(pod: Json, old: Json, spec: Json) -> None:
    """Make the pod be as the old one, but with another spec, and with what identifies and counts it."""
    kept = copy.deepcopy(old)
    metadata = kept['metadata']
    for key in _KEPT_METADATA:
        if key in pod['metadata']:
            metadata[key] = pod['metadata'][key]
    metadata['generation'] = old['metadata'].get('generation', 0) + (spec != old.get('spec'))
    kept['spec'] = spec
    pod.clear()
    pod.update(kept)


def _is_mirror(pod: Json) -> bool:
    return _MIRROR in as_map(pod['metadata'].get('annotations'))


# --- ephemeral containers


def _prepare_ephemeral(pod: Json, old: Json) -> None:
    spec = dict(as_map(old.get('spec')))
    spec.pop('ephemeralContainers', None)
    containers = as_map(pod.get('spec')).get('ephemeralContainers')
    if containers:
        spec['ephemeralContainers'] = containers
    _restore(pod, old, spec)


def _validate_ephemeral(pod: Json, old: Json) -> list[Cause]:
    if _is_mirror(old):
        return [forbidden_field('', 'static pods do not support ephemeral containers')]
    field = 'spec.ephemeralContainers'
    found = pod_spec_causes('spec', as_map(pod.get('spec')), hosts=True)
    present = {each.get('name'): each for each in items_of(as_map(pod.get('spec')).get('ephemeralContainers'))}
    for each in items_of(as_map(old.get('spec')).get('ephemeralContainers')):
        name = each.get('name')
        if name not in present:
            found.append(forbidden_field(field, f'existing ephemeral containers "{name}" may not be removed\n'))
        elif present[name] != each:
            found.append(forbidden_field(field, f'existing ephemeral containers "{name}" may not be changed\n'))
    return found


# --- resources


def _prepare_resize(pod: Json, old: Json) -> None:
    spec, wanted = copy.deepcopy(as_map(old.get('spec'))), as_map(pod.get('spec'))
    for key in _RESIZED_LISTS:
        before, after = items_of(spec.get(key)), items_of(wanted.get(key))
        if [each.get('name') for each in before] != [each.get('name') for each in after]:
            continue  # containers can be neither added nor removed, nor change places
        for mine, theirs in zip(before, after, strict=True):
            for part in ('resources', 'resizePolicy'):
                _carry(mine, theirs, part)
    if 'resources' in wanted or 'resources' in spec:
        _carry(spec, wanted, 'resources')
    _restore(pod, old, spec)


def _carry(target: Json, source: Json, key: str) -> None:
    if key in source:
        target[key] = source[key]
    else:
        target.pop(key, None)


def _validate_resize(pod: Json, old: Json) -> list[Cause]:
    spec, before = as_map(pod.get('spec')), as_map(old.get('spec'))
    if _is_mirror(old):
        return [forbidden_field('', 'static pods cannot be resized')]
    if as_map(before.get('os')).get('name') == 'windows':
        return [forbidden_field('', 'windows pods cannot be resized')]
    found = pod_spec_causes('spec', spec, hosts=True)
    quality = as_map(old.get('status')).get('qosClass')
    if quality and quality != quality_of_service(spec):
        why = 'Pod QOS Class may not change as a result of resizing'
        found.append(invalid_value('spec', quality, why))
    for key in _RESIZED_LISTS:
        pairs = zip(items_of(spec.get(key)), items_of(before.get(key)), strict=True)
        for index, (new, was) in enumerate(pairs):
            found += _removed_causes(f'spec.{key}[{index}].resources', new, was)
    if _immutable(spec) != _immutable(before):
        found.append(forbidden_field('spec', 'only cpu and memory resources are mutable'))
    return found


def _removed_causes(field: str, new: Json, old: Json) -> list[Cause]:
    found = []
    for part in ('requests', 'limits'):
        after, before = (as_map(as_map(each.get('resources')).get(part)) for each in (new, old))
        if before.keys() - after.keys():
            found.append(forbidden_field(f'{field}.{part}', f'resource {part} cannot be removed'))
    return found


def _immutable(spec: Json) -> list[Any]:
    """What of the resources can't be resized: all but CPU and memory, and what claims devices."""
    found: list[Any] = []
    for key in _RESIZED_LISTS:
        for each in items_of(spec.get(key)):
            resources = as_map(each.get('resources'))
            parts = [as_map(resources.get(part)) for part in ('requests', 'limits')]
            fixed = [
                {name: amount(value) for name, value in part.items() if name not in ('cpu', 'memory')} for part in parts
            ]
            found.append((each.get('name'), fixed, resources.get('claims')))
    return found
