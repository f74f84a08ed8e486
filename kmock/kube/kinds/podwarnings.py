"""Warnings on pods and on what makes pods: right, but likely not what was meant. They go into Warning headers.

Source: `pkg/api/pod/warnings.go`, and the strategies of the workloads.
"""

from collections.abc import Callable
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.kinds.rules import amount, as_map, items_of
from kmock.kube.values.names import dns1123_label

__all__ = ['pod_warnings', 'template_warnings']

_DEPRECATED_LABELS = {
    'beta.kubernetes.io/arch': 'v1.14; use "kubernetes.io/arch" instead',
    'beta.kubernetes.io/os': 'v1.14; use "kubernetes.io/os" instead',
    'failure-domain.beta.kubernetes.io/region': 'v1.17; use "topology.kubernetes.io/region" instead',
    'failure-domain.beta.kubernetes.io/zone': 'v1.17; use "topology.kubernetes.io/zone" instead',
    'beta.kubernetes.io/instance-type': 'v1.17; use "node.kubernetes.io/instance-type" instead',
}
_SURPRISING = 'which can result in surprising behavior; a DNS label is recommended:'


def pod_warnings(obj: Json, old: Json | None) -> list[str]:
    """Of pods, when they are created."""
    if old is not None:
        return []
    return _name_warnings(obj, "the Pod's hostname") + _spec_warnings('spec', as_map(obj.get('spec')))


def template_warnings(*path: str, named: bool = True) -> Callable[[Json, Json | None], list[str]]:
    """Of workloads with a pod template at the path, e.g. `'spec', 'template'`; on changes of the spec, too."""

    def warnings(obj: Json, old: Json | None) -> list[str]:
        if old is not None and obj.get('spec') == old.get('spec'):
            return []
        template: Any = obj
        for key in path:
            template = as_map(template).get(key)
        found = _name_warnings(obj, 'Pod names and hostnames') if named and old is None else []
        return found + _spec_warnings(f'{".".join(path)}.spec', as_map(as_map(template).get('spec')))

    return warnings


def _name_warnings(obj: Json, use: str) -> list[str]:
    messages = dns1123_label(str(as_map(obj.get('metadata')).get('name') or ''))
    return [f'metadata.name: this is used in {use}, {_SURPRISING} [{" ".join(messages)}]'] if messages else []


def _spec_warnings(field: str, spec: Json) -> list[str]:
    found = [
        f'{field}.nodeSelector[{key}]: deprecated since {_DEPRECATED_LABELS[key]}'
        for key in as_map(spec.get('nodeSelector'))
        if key in _DEPRECATED_LABELS
    ]
    for index, each in enumerate(items_of(spec.get('imagePullSecrets'))):
        if not each.get('name'):
            found.append(f'{field}.imagePullSecrets[{index}].name: invalid empty name ""')
    for key in ('containers', 'initContainers'):
        for index, container in enumerate(items_of(spec.get(key))):
            found += _container_warnings(f'{field}.{key}[{index}]', container)
    grace = spec.get('terminationGracePeriodSeconds')
    if isinstance(grace, int) and grace < 0:
        why = 'must be >= 0; negative values are invalid and will be treated as 1'
        found.append(f'{field}.terminationGracePeriodSeconds: {why}')
    return found


def _container_warnings(field: str, container: Json) -> list[str]:
    found: list[str] = []
    resources = as_map(container.get('resources'))
    for part in ('requests', 'limits'):
        for name in ('memory', 'ephemeral-storage'):
            value = as_map(resources.get(part)).get(name)
            if value is not None and amount(value).denominator != 1:
                why = f'fractional byte value "{value}" is invalid, must be an integer'
                found.append(f'{field}.resources.{part}[{name}]: {why}')
    seen: set[str] = set()
    for index, each in enumerate(items_of(container.get('env'))):
        name = each.get('name') or ''
        if name in seen:
            why = f'hides previous definition of "{name}", which may be dropped when using apply'
            found.append(f'{field}.env[{index}]: {why}')
        seen.add(name)
    return found
