"""The groups scheduling.k8s.io and node.k8s.io: PriorityClasses and RuntimeClasses."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map
from kmock.kube.statuses import Cause, forbidden_field, not_supported
from kmock.kube.values import names
from kmock.naming import Resource

__all__ = ['PRIORITY_CLASSES', 'STRATEGIES', 'system_priorities']

PRIORITY_CLASSES = Resource('scheduling.k8s.io', 'v1', 'priorityclasses')
_SYSTEM = {'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000}
_TOLD = {
    'system-cluster-critical': 'must run in the cluster, but can be moved to another node if necessary',
    'system-node-critical': 'must not be moved from their current node',
}
_HIGHEST = 1_000_000_000
_POLICIES = ('Never', 'PreemptLowerPriority')


def system_priorities() -> list[Json]:
    """The PriorityClasses that every cluster has from its start on."""
    return [
        {
            'metadata': {'name': name, 'generation': 1},
            'value': value,
            'description': f'Used for system critical pods that {_TOLD[name]}.',
            'preemptionPolicy': 'PreemptLowerPriority',
        }
        for name, value in _SYSTEM.items()
    ]


def _default_priority(obj: Json) -> None:
    obj.setdefault('value', 0)
    obj.setdefault('preemptionPolicy', 'PreemptLowerPriority')


def _validate_priority(obj: Json) -> list[Cause]:
    name, value = as_map(obj.get('metadata')).get('name') or '', obj.get('value', 0)
    found: list[Cause] = []
    if name.startswith('system-'):
        if _SYSTEM.get(name) != value:
            why = "priority class names with 'system-' prefix are reserved for system use only. error: "
            told = f'{name} is not a known system priority class'
            if name in _SYSTEM:
                told = f'value of {name} PriorityClass must be {_SYSTEM[name]}'
            found.append(forbidden_field('metadata.name', why + told))
    elif value > _HIGHEST:
        why = f'maximum allowed value of a user defined priority is {_HIGHEST}'
        found.append(forbidden_field('value', why))
    policy = obj.get('preemptionPolicy')
    if policy not in _POLICIES:
        found.append(not_supported('preemptionPolicy', policy, ('PreemptLowerPriority', 'Never')))
    return found


def _validate_priority_update(obj: Json, old: Json) -> list[Cause]:
    found: list[Cause] = []
    if obj.get('value', 0) != old.get('value', 0):
        found.append(forbidden_field('value', 'may not be changed in an update.'))
    return found + rules.immutable('preemptionPolicy', obj.get('preemptionPolicy'), old.get('preemptionPolicy'))


def _validate_runtime(obj: Json) -> list[Cause]:
    return rules.named('handler', obj.get('handler') or '', names.dns1123_label)


def _validate_runtime_update(obj: Json, old: Json) -> list[Cause]:
    return rules.immutable('handler', obj.get('handler'), old.get('handler'))


STRATEGIES = {
    'priorityclasses': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_priority,
        validate=_validate_priority,
        validate_update=_validate_priority_update,
    ),
    'runtimeclasses': Strategy(
        name=names.dns1123_subdomain,
        unconditional_update=False,
        validate=_validate_runtime,
        validate_update=_validate_runtime_update,
    ),
}
