"""Endpoints and EndpointSlices: addresses behind services."""

import ipaddress
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import immutable, items_of, named, port
from kmock.kube.statuses import Cause, duplicate, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['CORE_STRATEGIES', 'STRATEGIES']

_ADDRESS_RULE = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'


def _default_endpoints(obj: Json) -> None:
    for subset in items_of(obj.get('subsets')):
        for each in items_of(subset.get('ports')):
            each.setdefault('protocol', 'TCP')


def _validate_endpoints(obj: Json) -> list[Cause]:
    found: list[Cause] = []
    for index, subset in enumerate(items_of(obj.get('subsets'))):
        path = f'subsets[{index}]'
        if not subset.get('addresses') and not subset.get('notReadyAddresses'):
            found.append(required(path, 'must specify `addresses` or `notReadyAddresses`'))
        for key in ('addresses', 'notReadyAddresses'):
            for number, each in enumerate(items_of(subset.get(key))):
                found += _address_causes(f'{path}.{key}[{number}].ip', each.get('ip'))
        ports = items_of(subset.get('ports'))
        for number, each in enumerate(ports):
            where = f'{path}.ports[{number}]'
            if each.get('name'):
                found += named(f'{where}.name', each['name'], names.dns1123_label)
            elif len(ports) > 1:
                found.append(required(f'{where}.name'))
            found += port(f'{where}.port', each.get('port') or 0)
    return found


def _validate_endpoints_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_endpoints(obj)


def _address_causes(field: str, value: Any) -> list[Cause]:
    try:
        ipaddress.ip_address(str(value or ''))
    except ValueError:
        return [invalid_value(field, value or '', _ADDRESS_RULE)]
    return []


# --- slices


def _default_slice(obj: Json) -> None:
    for each in items_of(obj.get('ports')):
        each.setdefault('name', '')
        each.setdefault('protocol', 'TCP')
    for each in items_of(obj.get('endpoints')):
        each.setdefault('conditions', {})
    if not obj.get('endpoints'):
        obj['endpoints'] = None
    if not obj.get('ports'):
        obj['ports'] = None


def _validate_slice(obj: Json) -> list[Cause]:
    kind = obj.get('addressType') or ''
    found: list[Cause] = []
    if not kind:
        found.append(required('addressType'))
    elif kind not in ('FQDN', 'IPv4', 'IPv6'):
        found.append(not_supported('addressType', kind, ['FQDN', 'IPv4', 'IPv6']))
    for index, each in enumerate(items_of(obj.get('endpoints'))):
        addresses = each.get('addresses') or []
        if not addresses:
            found.append(required(f'endpoints[{index}].addresses', 'must contain at least 1 address'))
        for number, address in enumerate(addresses):
            path = f'endpoints[{index}].addresses[{number}]'
            if kind == 'FQDN':
                found += named(path, address, names.dns1123_subdomain)
            else:
                found += _address_causes(path, address)
    seen: set[str] = set()
    for index, each in enumerate(items_of(obj.get('ports'))):
        name = each.get('name') or ''
        if name in seen:
            found.append(duplicate('ports', name))
        seen.add(name)
        if name:
            found += named(f'ports[{index}].name', name, names.dns1123_label)
    return found


def _validate_slice_update(obj: Json, old: Json) -> list[Cause]:
    return immutable('addressType', obj.get('addressType'), old.get('addressType')) + _validate_slice(obj)


CORE_STRATEGIES = {
    'endpoints': Strategy(
        name=names.dns1123_subdomain,
        put_creates=True,
        default=_default_endpoints,
        validate=_validate_endpoints,
        validate_update=_validate_endpoints_update,
    ),
}
STRATEGIES = {
    'endpointslices': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_slice,
        validate=_validate_slice,
        validate_update=_validate_slice_update,
    ),
}
