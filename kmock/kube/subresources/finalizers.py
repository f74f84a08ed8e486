"""The finalizers of namespaces, which change by `namespaces/finalize` alone.

Source: kube-apiserver v1.36, `pkg/registry/core/namespace` and `ValidateNamespaceFinalizeUpdate`.
"""

import dataclasses

from kmock.kube.definitions import Json, Strategy
from kmock.kube.statuses import Cause, invalid_value
from kmock.kube.values.names import qualified_name

__all__ = ['finalize_strategy']

_STANDARD = frozenset({'foregroundDeletion', 'kubernetes', 'orphan'})


def finalize_strategy(own: Strategy) -> Strategy:
    """A strategy of updates that may change the finalizers in the spec, but not the status."""
    return dataclasses.replace(own, prepare_update=_prepare, validate_update=_validate)


def _prepare(obj: Json, old: Json) -> None:
    obj['status'] = old.get('status', {})
    spec = obj.setdefault('spec', {})
    if not spec.get('finalizers'):
        spec.pop('finalizers', None)


def _validate(obj: Json, old: Json) -> list[Cause]:
    found: list[Cause] = []
    for index, name in enumerate(obj['spec'].get('finalizers', ())):
        field = f'spec.finalizers[{index}]'
        found += [invalid_value(field, name, why) for why in qualified_name(name)]
        if '/' not in name and name not in _STANDARD:
            why = 'name is neither a standard finalizer name nor is it fully qualified'
            found.append(invalid_value(field, name, why))
    return found
