"""Kinds: what is particular to each built-in kind when its objects are written. A module a group or a big kind.

`strategy` finds it; the modules are imported when the first resource of their group is asked for.
The rules are those of kube-apiserver v1.36: its `pkg/registry` (strategies), `pkg/apis/*/v1` (defaults),
`pkg/apis/*/validation`, and the admission plugins that are on by default.
"""

import importlib
import importlib.util
from collections.abc import Mapping

from kmock.kube.definitions import Strategy
from kmock.kube.values.names import dns1123_subdomain
from kmock.naming import Resource

__all__ = ['strategy']

_MODULES = {
    '': 'core',
    'admissionregistration.k8s.io': 'admissionregistration',
    'apiregistration.k8s.io': 'machinery',
    'apps': 'apps',
    'autoscaling': 'autoscaling',
    'batch': 'batch',
    'certificates.k8s.io': 'certificates',
    'coordination.k8s.io': 'coordination',
    'discovery.k8s.io': 'endpoints',
    'events.k8s.io': 'events',
    'flowcontrol.apiserver.k8s.io': 'machinery',
    'networking.k8s.io': 'networking',
    'node.k8s.io': 'scheduling',
    'policy': 'policy',
    'rbac.authorization.k8s.io': 'rbac',
    'resource.k8s.io': 'machinery',
    'scheduling.k8s.io': 'scheduling',
    'storage.k8s.io': 'storage',
}

_USUAL = Strategy(name=dns1123_subdomain)


def strategy(resource: Resource) -> Strategy:
    """The strategy of a built-in resource; the usual one where nothing is particular to it.

    CustomResourceDefinitions have theirs in `kmock.kube.crds`, custom resources by their definitions.
    """
    if resource.group == 'apiextensions.k8s.io':
        return _defined('kmock.kube.crds').get(resource.plural, _USUAL)
    module = _MODULES.get(resource.group)
    if module is None:
        return _USUAL
    found = _defined(f'{__name__}.{module}')
    return found.get(f'{resource.version}/{resource.plural}') or found.get(resource.plural) or _USUAL


def _defined(module: str) -> Mapping[str, Strategy]:
    """The strategies of a module, by plural, or by version and plural; none if there is no such module."""
    if importlib.util.find_spec(module) is None:
        return {}
    found: Mapping[str, Strategy] = getattr(importlib.import_module(module), 'STRATEGIES', {})
    return found
