"""Nodes: their status is given when they register themselves, and they are tainted until they are ready."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, items_of, untold_times
from kmock.kube.kinds.separation import keep_spec, keep_status
from kmock.kube.kinds.services import range_causes
from kmock.kube.statuses import Cause, duplicate, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_NOT_READY = {'key': 'node.kubernetes.io/not-ready', 'effect': 'NoSchedule'}
_SYSTEM = (
    'machineID',
    'systemUUID',
    'bootID',
    'kernelVersion',
    'osImage',
    'containerRuntimeVersion',
    'kubeletVersion',
    'kubeProxyVersion',
    'operatingSystem',
    'architecture',
)
_EFFECTS = ('NoSchedule', 'PreferNoSchedule', 'NoExecute')


def _default(obj: Json) -> None:
    obj.setdefault('spec', {})
    status = obj.setdefault('status', {})
    if status.get('capacity') and not status.get('allocatable'):
        status['allocatable'] = dict(status['capacity'])
    status.setdefault('daemonEndpoints', {}).setdefault('kubeletEndpoint', {}).setdefault('Port', 0)
    untold_times(obj, 'lastHeartbeatTime', 'lastTransitionTime')
    system = status.setdefault('nodeInfo', {})
    for key in _SYSTEM:
        system.setdefault(key, '')

    _default_ranges(obj['spec'])


def _default_ranges(spec: Json) -> None:
    """The first of the ranges of pods' addresses has a field of its own, which wins."""
    first, ranges = spec.get('podCIDR'), spec.get('podCIDRs') or []
    if first and ranges[:1] != [first]:
        spec['podCIDRs'] = [first]
    elif ranges and not first:
        spec['podCIDR'] = ranges[0]


def _range_causes(ranges: list[str]) -> list[Cause]:
    field = 'spec.podCIDRs'
    each_wrong = [range_causes(f'{field}[{index}]', each) for index, each in enumerate(ranges)]
    found = [each for wrong in each_wrong for each in wrong]
    if len(ranges) < 2:
        return found
    if found:
        index = next(index for index, wrong in enumerate(each_wrong) if wrong)
        why = f'invalid CIDR[{index}]: <nil> (invalid CIDR address: {ranges[index]})'
        message = f'Internal error: invalid PodCIDRs. failed to check with dual stack with error:{why}'
        found.append(Cause(reason='InternalError', message=message, field=field))
    if found or len(ranges) > 2 or (':' in ranges[0]) is (':' in ranges[1]):
        found.append(invalid_value(field, ranges, 'may specify no more than one CIDR for each IP family'))
    return found + [duplicate(f'{field}[{i}]', each) for i, each in enumerate(ranges) if each in ranges[:i]]


def _prepare_create(obj: Json) -> None:
    """As the admission plugin TaintNodesByCondition."""
    spec = obj.setdefault('spec', {})
    taints = items_of(spec.get('taints'))
    if not any(each.get('key') == _NOT_READY['key'] and each.get('effect') == 'NoSchedule' for each in taints):
        spec['taints'] = [*taints, dict(_NOT_READY)]


def _validate(obj: Json) -> list[Cause]:
    found: list[Cause] = []
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate(items_of(as_map(obj.get('spec')).get('taints'))):
        path, key, effect = f'spec.taints[{index}]', each.get('key') or '', each.get('effect') or ''
        found += [invalid_value(f'{path}.key', key, why) for why in names.qualified_name(key)]
        if each.get('value'):
            value = each['value']
            found += [invalid_value(f'{path}.value', value, why) for why in names.label_value(value)]
        if not effect:
            found.append(required(f'{path}.effect'))
        elif effect not in _EFFECTS:
            found.append(not_supported(f'{path}.effect', effect, _EFFECTS))
        if (key, effect) in seen:
            found.append(duplicate(path, each))
        seen.add((key, effect))
    return found + _range_causes(as_map(obj.get('spec')).get('podCIDRs') or [])


def _validate_update(obj: Json, old: Json) -> list[Cause]:
    spec, before = as_map(obj.get('spec')), as_map(old.get('spec'))
    found = _validate(obj)
    if before.get('providerID') and spec.get('providerID') != before['providerID']:
        found.append(
            forbidden_field('spec.providerID', 'node updates may not change providerID except from "" to valid')
        )
    if before.get('podCIDRs') and spec.get('podCIDRs') != before['podCIDRs']:
        found.append(forbidden_field('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'))
    return found


STRATEGIES = {
    'nodes': Strategy(
        name=names.dns1123_subdomain,
        creates_without_status=False,
        default=_default,
        prepare_create=_prepare_create,
        prepare_update=keep_status,
        prepare_status=keep_spec,
        validate=_validate,
        validate_update=_validate_update,
    ),
}
