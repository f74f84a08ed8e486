"""ResourceQuotas and LimitRanges, and the names of resources in them and in containers.

Sources: the Kubernetes documentation, "Resource Quotas", "Limit Ranges"; kube-apiserver v1.36, `pkg/apis/core`.
"""

import math
from fractions import Fraction
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import IMMUTABLE, amount, as_map, items_of
from kmock.kube.statuses import Cause, duplicate, forbidden_field, invalid_value, required
from kmock.kube.values.names import dns1123_subdomain, qualified_name

__all__ = ['STRATEGIES', 'container_resource_causes']

_COUNTED = frozenset({
    'configmaps', 'persistentvolumeclaims', 'pods', 'replicationcontrollers', 'resourcequotas', 'secrets', 'services',
    'services.loadbalancers', 'services.nodeports',
})  # fmt: skip
_OF_CONTAINERS = frozenset({'cpu', 'memory', 'ephemeral-storage'})
_OF_QUOTAS = _COUNTED | _OF_CONTAINERS | {
    'requests.cpu', 'requests.memory', 'requests.storage', 'requests.ephemeral-storage',
    'limits.cpu', 'limits.memory', 'limits.ephemeral-storage',
}  # fmt: skip
_HUGE = ('hugepages-', 'requests.hugepages-')
_LIMIT_TYPES = ('Container', 'PersistentVolumeClaim', 'Pod')
_SCOPES = frozenset({
    'BestEffort', 'CrossNamespacePodAffinity', 'NotBestEffort', 'NotTerminating', 'PriorityClass', 'Terminating',
    'VolumeAttributesClass',
})  # fmt: skip
_CONFLICTS = ({'BestEffort', 'NotBestEffort'}, {'Terminating', 'NotTerminating'})


# --- names of resources


def _resource_causes(field: str, name: str) -> list[Cause]:
    found = [invalid_value(field, name, why) for why in qualified_name(name)]
    if not found and '/' not in name and name not in _OF_QUOTAS | {'storage'} and not name.startswith(_HUGE):
        found.append(invalid_value(field, name, 'must be a standard resource type or fully qualified'))
    return found


def container_resource_causes(field: str, name: str) -> list[Cause]:
    """What is wrong with the name of a resource that containers ask for."""
    found = _resource_causes(field, name)
    if '/' not in name:
        if name not in _OF_CONTAINERS and not name.startswith('hugepages-'):
            found.append(invalid_value(field, name, 'must be a standard resource for containers'))
    elif not _is_native(name) and not _is_extended(name):
        found.append(invalid_value(field, name, "doesn't follow extended resource name standard"))
    return found


def _is_native(name: str) -> bool:
    return '/' not in name or 'kubernetes.io/' in name


def _is_extended(name: str) -> bool:
    return not _is_native(name) and not name.startswith('requests.') and not qualified_name(f'requests.{name}')


# --- ResourceQuotas


def _default_quota(obj: Json) -> None:
    obj.setdefault('spec', {})
    obj.setdefault('status', {})


def _clear_quota_status(obj: Json) -> None:
    obj['status'] = {}


def _validate_quota(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    return _amounts_causes('spec.hard', spec.get('hard')) + _scope_causes(spec)


def _amounts_causes(field: str, amounts: Any) -> list[Cause]:
    found: list[Cause] = []
    for name, value in sorted(as_map(amounts).items()):
        path = f'{field}[{name}]'
        found += _resource_causes(path, name)
        if '/' not in name and name not in _OF_QUOTAS and not name.startswith(_HUGE):
            found.append(invalid_value(path, name, 'must be a standard resource for quota'))
        if amount(value) < 0:
            found.append(invalid_value(path, value, 'must be greater than or equal to 0'))
        if (name in _COUNTED or _is_extended(name)) and math.ceil(amount(value) * 1000) % 1000:
            found.append(invalid_value(path, value, 'must be an integer'))
    return found


def _scope_causes(spec: Json) -> list[Cause]:
    scopes = spec.get('scopes') or []
    found = [invalid_value('spec.scopes', scopes, 'unsupported scope') for each in scopes if each not in _SCOPES]
    found += [
        invalid_value('spec.scopes', scopes, 'conflicting scopes') for each in _CONFLICTS if each.issubset(scopes)
    ]
    return found


def _validate_quota_update(obj: Json, old: Json) -> list[Cause]:
    new, was = (as_map(each.get('spec')).get('scopes') or [] for each in (obj, old))
    changed = [invalid_value('spec.scopes', new, IMMUTABLE)] if set(new) != set(was) else []
    return _validate_quota(obj) + changed


def _validate_quota_status(obj: Json, old: Json) -> list[Cause]:
    status = as_map(obj.get('status'))
    return [each for key in ('hard', 'used') for each in _amounts_causes(f'status.{key}', status.get(key))]


# --- LimitRanges


def _default_limit_range(obj: Json) -> None:
    """Requests default to the defaults for limits, these to the maximum: as the server fills them in for containers."""
    for limit in items_of(obj.setdefault('spec', {}).get('limits')):
        if limit.get('type') != 'Container':
            continue
        maximum = as_map(limit.get('max'))
        if maximum:
            limit['default'] = {**maximum, **as_map(limit.get('default'))}
        requests = {**as_map(limit.get('min')), **as_map(limit.get('default')), **as_map(limit.get('defaultRequest'))}
        if requests:
            limit['defaultRequest'] = requests


def _validate_limit_range(obj: Json) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, limit in enumerate(items_of(as_map(obj.get('spec')).get('limits'))):
        path, kind = f'spec.limits[{index}]', limit.get('type') or ''
        found += _type_causes(f'{path}.type', kind)
        if kind in seen:
            found.append(duplicate(f'{path}.type', kind))
        seen.add(kind)
        found += _limit_causes(path, kind, limit)
    return found


def _validate_limit_range_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_limit_range(obj)


def _type_causes(field: str, kind: str) -> list[Cause]:
    found = [invalid_value(field, kind, why) for why in qualified_name(kind)]
    if not found and '/' not in kind and kind not in _LIMIT_TYPES:
        found.append(invalid_value(field, kind, 'must be a standard limit type or fully qualified'))
    return found


def _limit_causes(path: str, kind: str, limit: Json) -> list[Cause]:
    found: list[Cause] = []
    check = container_resource_causes if kind in ('Pod', 'Container') else _resource_causes
    names: set[str] = set()
    told: dict[str, Json] = {}
    for key in ('max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'):
        amounts = as_map(limit.get(key))
        if key == 'maxLimitRequestRatio' and kind == 'PersistentVolumeClaim':
            found += _storage_causes(path, limit)
        if kind == 'Pod' and key.startswith('default'):
            if amounts:
                found.append(forbidden_field(f'{path}.{key}', "may not be specified when `type` is 'Pod'"))
            continue
        told[key] = amounts
        for name in sorted(amounts):
            found += check(f'{path}.{key}[{name}]', name)
            names.add(name)
    for name in sorted(names):
        found += _order_causes(path, name, {key: each[name] for key, each in told.items() if name in each})
    return found


def _storage_causes(path: str, limit: Json) -> list[Cause]:
    if any('storage' in as_map(limit.get(key)) for key in ('min', 'max')):
        return []
    return [required(f'{path}.limits', 'either minimum or maximum storage value is required, but neither was provided')]


_ORDER = (
    ('min', 'max', 'min', 'min', 'min value {} is greater than max value {}'),
    (
        'min',
        'defaultRequest',
        'defaultRequest',
        'defaultRequest',
        'min value {} is greater than default request value {}',
    ),
    (
        'defaultRequest',
        'max',
        'defaultRequest',
        'defaultRequest',
        'default request value {} is greater than max value {}',
    ),
    (
        'defaultRequest',
        'default',
        'defaultRequest',
        'defaultRequest',
        'default request value {} is greater than default limit value {}',
    ),
    ('min', 'default', 'default', 'min', 'min value {} is greater than default value {}'),
    ('default', 'max', 'default', 'max', 'default value {} is greater than max value {}'),
)
"""Which amount may not be greater than which, the field that is told of it, the amount that is shown, and the text."""


def _order_causes(path: str, name: str, told: Json) -> list[Cause]:
    """What contradicts itself in the limits of one resource."""
    found = [
        invalid_value(f'{path}.{field}[{name}]', told[shown], text.format(told[low], told[high]))
        for low, high, field, shown, text in _ORDER
        if low in told and high in told and amount(told[low]) > amount(told[high])
    ]
    if 'maxLimitRequestRatio' in told:
        found += _ratio_causes(f'{path}.maxLimitRequestRatio[{name}]', told)
    limit, request = told.get('default'), told.get('defaultRequest')
    overcommitted = _is_native(name) and not name.startswith('hugepages-')
    if limit is not None and request is not None and not overcommitted and amount(limit) != amount(request):
        why = f'default value {limit} must equal to defaultRequest value {request} in {name}'
        found.append(invalid_value(f'{path}.defaultRequest[{name}]', request, why))
    return found


def _ratio_causes(field: str, told: Json) -> list[Cause]:
    shown = told['maxLimitRequestRatio']
    ratio = amount(shown)
    found = [invalid_value(field, shown, f'ratio {shown} is less than 1')] if ratio < 1 else []
    low, high = amount(told.get('min', 0)), amount(told.get('max', 0))
    if low > 0 and 'max' in told and ratio > Fraction(high / low):
        found.append(invalid_value(field, shown, f'ratio {shown} is greater than max/min = {float(high / low):.6f}'))
    return found


STRATEGIES = {
    'limitranges': Strategy(
        name=dns1123_subdomain,
        put_creates=True,
        default=_default_limit_range,
        validate=_validate_limit_range,
        validate_update=_validate_limit_range_update,
    ),
    'resourcequotas': Strategy(
        name=dns1123_subdomain,
        deletes_object=True,
        default=_default_quota,
        prepare_create=_clear_quota_status,
        validate=_validate_quota,
        validate_update=_validate_quota_update,
        validate_status=_validate_quota_status,
    ),
}
