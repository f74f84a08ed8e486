"""Services: ports, types, and the addresses that the server hands out."""

import ipaddress
import itertools
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, choice, items_of, labels, named, port, within
from kmock.kube.kinds.separation import keep_spec
from kmock.kube.statuses import Cause, duplicate, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES', 'range_causes']

_TYPES = ('ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort')
_EXPOSED = ('NodePort', 'LoadBalancer')
_ADDRESSES = 2**20  # in 10.96.0.0/12
_NODE_PORTS = range(30000, 32768)
_STICKY_SECONDS = 10800
_NO_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

_next_address = itertools.count(10)
_next_port = itertools.count()


def _default(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    kind = spec.setdefault('type', 'ClusterIP')
    spec.setdefault('sessionAffinity', 'None')
    if spec['sessionAffinity'] == 'ClientIP':
        client = spec.setdefault('sessionAffinityConfig', {}).setdefault('clientIP', {})
        client.setdefault('timeoutSeconds', _STICKY_SECONDS)
    elif spec['sessionAffinity'] == 'None':
        spec.pop('sessionAffinityConfig', None)
    for each in items_of(spec.get('ports')):
        each.setdefault('protocol', 'TCP')
        if each.get('targetPort') in (None, 0, ''):
            each['targetPort'] = each.get('port', 0)
    if _accessible(spec):
        spec.setdefault('externalTrafficPolicy', 'Cluster')
    if kind != 'ExternalName':
        spec.setdefault('internalTrafficPolicy', 'Cluster')
    balancer = obj.setdefault('status', {}).setdefault('loadBalancer', {})
    if kind == 'LoadBalancer':
        spec.setdefault('allocateLoadBalancerNodePorts', True)
        for each in items_of(as_map(balancer).get('ingress')):
            if each.get('ip'):
                each.setdefault('ipMode', 'VIP')


def _accessible(spec: Json) -> bool:
    """Whether it can be reached from outside of the cluster."""
    return spec.get('type') in _EXPOSED or (spec.get('type') == 'ClusterIP' and bool(spec.get('externalIPs')))


def _prepare_create(obj: Json) -> None:
    obj['status'] = {'loadBalancer': {}}
    _allocate(obj)


def _prepare_update(obj: Json, old: Json) -> None:
    """Addresses stay as they are when the update does not name them, as long as the type needs them."""
    obj['status'] = old.get('status', {})
    spec, before = as_map(obj.get('spec')), as_map(old.get('spec'))
    kind, old_kind = spec.get('type'), before.get('type')
    _drop_for_type(spec, before)
    if kind == 'ExternalName':
        if old_kind != 'ExternalName':
            _release_address(spec, before)
        return
    if old_kind != 'ExternalName':
        for key in ('clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'):
            if key in before and not spec.get(key):
                spec[key] = before[key]
        _follow_address(spec, before)
    _keep_node_ports(spec, before)
    _allocate(obj)


def _release_address(spec: Json, before: Json) -> None:
    """The change to a type without an address lets it go, unless the update has another one."""
    for key in ('clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'):
        if spec.get(key) == before.get(key):
            spec.pop(key, None)


def _follow_address(spec: Json, before: Json) -> None:
    """A changed clusterIP changes the first of clusterIPs, when these are as before."""
    if spec.get('clusterIP') != before.get('clusterIP') and spec.get('clusterIPs') == before.get('clusterIPs'):
        spec['clusterIPs'] = [spec['clusterIP'], *(spec.get('clusterIPs') or [])[1:]]


def _drop_for_type(spec: Json, before: Json) -> None:
    """The change to another type lets go what that one does not need, unless the update has changed it."""
    ports = items_of(spec.get('ports'))
    if before.get('type') in _EXPOSED and spec.get('type') not in _EXPOSED:
        known = {each.get('nodePort', 0) for each in items_of(before.get('ports'))}
        if {each.get('nodePort', 0) for each in ports} == known:
            for each in ports:
                each.pop('nodePort', None)
    dropped = []
    if _accessible(before) and not _accessible(spec):
        dropped.append('externalTrafficPolicy')
    if before.get('type') == 'LoadBalancer' and spec.get('type') != 'LoadBalancer':
        dropped += ['allocateLoadBalancerNodePorts', 'healthCheckNodePort', 'loadBalancerClass']
    for key in dropped:
        if spec.get(key) == before.get(key):
            spec.pop(key, None)


def _keep_node_ports(spec: Json, before: Json) -> None:
    if spec.get('type') not in _EXPOSED:
        return
    known = {(each.get('port'), each.get('protocol')): each.get('nodePort') for each in items_of(before.get('ports'))}
    for each in items_of(spec.get('ports')):
        found = known.get((each.get('port'), each.get('protocol')))
        if found and not each.get('nodePort'):
            each['nodePort'] = found


def _allocate(obj: Json) -> None:
    """Hand out what the type needs and the object does not have: addresses, families of addresses, ports of nodes."""
    spec = as_map(obj.get('spec'))
    if spec.get('type') == 'ExternalName':
        return
    address = spec.get('clusterIP') or next(iter(spec.get('clusterIPs') or ()), None)
    if address is None:
        address = _address_of(obj)
    spec['clusterIP'] = address
    spec.setdefault('clusterIPs', [address])
    free = address == 'None' and not spec.get('selector')
    if not spec.get('ipFamilyPolicy'):
        spec['ipFamilyPolicy'] = 'RequireDualStack' if free else 'SingleStack'
    if not spec.get('ipFamilies'):
        first = 'IPv6' if ':' in address else 'IPv4'
        dual = free and spec['ipFamilyPolicy'] != 'SingleStack'
        spec['ipFamilies'] = ['IPv4', 'IPv6'] if dual else [first]
    if spec.get('type') in _EXPOSED and spec.get('allocateLoadBalancerNodePorts', True):
        _allocate_ports(spec)


def _address_of(obj: Json) -> str:
    """The next address of 10.96.0.0/12; the first ones are kept for the cluster's own services."""
    number = next(_next_address) % _ADDRESSES
    return f'10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}'


def _allocate_ports(spec: Json) -> None:
    ports = items_of(spec.get('ports'))
    taken = {each['nodePort'] for each in ports if each.get('nodePort')}
    for each in ports:
        while not each.get('nodePort'):
            found = _NODE_PORTS[next(_next_port) * 1031 % len(_NODE_PORTS)]
            if found not in taken:
                each['nodePort'] = found
                taken.add(found)


# --- validation


def _validate(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    kind, ports = spec.get('type'), items_of(spec.get('ports'))
    headless = spec.get('clusterIP') == 'None'
    found: list[Cause] = []
    if not ports and not headless and kind != 'ExternalName':
        found.append(required('spec.ports'))
    found += _type_causes(spec, headless)
    seen: set[str] = set()
    for index, each in enumerate(ports):
        found += _port_causes(f'spec.ports[{index}]', each, len(ports) > 1, headless, seen)
    found += labels('spec.selector', spec.get('selector'))
    if spec.get('sessionAffinity') not in ('ClientIP', 'None'):
        found += choice('spec.sessionAffinity', spec.get('sessionAffinity'), ('ClientIP', 'None'))
    client = as_map(as_map(spec.get('sessionAffinityConfig')).get('clientIP'))
    seconds = client.get('timeoutSeconds')
    if seconds is not None and not 0 < seconds <= 86400:
        path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'
        found.append(invalid_value(path, seconds, 'must be greater than 0 and less than 86400'))
    found += _address_causes(spec, kind)
    for index, each in enumerate(spec.get('externalIPs') or ()):
        found += _outer_address_causes(f'spec.externalIPs[{index}]', each)
    found += choice('spec.type', kind, _TYPES)
    if kind == 'ClusterIP':
        for index, each in enumerate(ports):
            if each.get('nodePort'):
                why = "may not be used when `type` is 'ClusterIP'"
                found.append(forbidden_field(f'spec.ports[{index}].nodePort', why))
    found += _duplicate_ports(ports)
    found += _balancer_causes(spec, kind)
    return found + _traffic_causes(spec)


def _type_causes(spec: Json, headless: bool) -> list[Cause]:
    kind = spec.get('type')
    if kind in _EXPOSED and headless:
        why = f"may not be set to 'None' for {kind} services"
        return [invalid_value('spec.clusterIPs[0]', 'None', why)]
    if kind != 'ExternalName':
        return []
    found = []
    if spec.get('clusterIP'):
        found.append(forbidden_field('spec.clusterIP', 'may not be set for ExternalName services'))
    name = spec.get('externalName') or ''
    if not name:
        found.append(required('spec.externalName'))
    else:
        found += named('spec.externalName', name.removesuffix('.').lower(), names.dns1123_subdomain)
    return found


def _port_causes(field: str, each: Json, must_name: bool, headless: bool, seen: set[str]) -> list[Cause]:
    found: list[Cause] = []
    name = each.get('name')
    if must_name and not name:
        found.append(required(f'{field}.name'))
    elif name:
        found += named(f'{field}.name', name, names.dns1123_label)
        if name in seen:
            found.append(duplicate(f'{field}.name', name))
        seen.add(name)
    found += port(f'{field}.port', each.get('port') or 0)
    found += choice(f'{field}.protocol', each.get('protocol'), ('SCTP', 'TCP', 'UDP'))
    found += port(f'{field}.targetPort', each.get('targetPort'))
    if each.get('nodePort') and each['nodePort'] not in _NODE_PORTS:
        why = 'provided port is not in the valid range. The range of valid ports is 30000-32767'
        found.append(invalid_value(f'{field}.nodePort', each['nodePort'], why))
    return found


def _duplicate_ports(ports: list[Json]) -> list[Cause]:
    found: list[Cause] = []
    seen: list[tuple[Any, Any]] = []
    for index, each in enumerate(ports):
        key = (each.get('protocol'), each.get('port'))
        if key in seen:
            told = {'Name': '', 'Protocol': key[0], 'AppProtocol': None, 'Port': key[1], 'TargetPort': 0, 'NodePort': 0}
            found.append(duplicate(f'spec.ports[{index}]', told))  # as the server's own type is printed
        seen.append(key)
    return found


def _balancer_causes(spec: Json, kind: Any) -> list[Cause]:
    found: list[Cause] = []
    only = "may only be used when `type` is 'LoadBalancer'"
    ranges = spec.get('loadBalancerSourceRanges') or ()
    path = 'spec.LoadBalancerSourceRanges'
    if ranges and kind != 'LoadBalancer':
        found.append(forbidden_field(path, only))
    for index, each in enumerate(ranges):
        found += range_causes(f'{path}[{index}]', each.strip())
    if spec.get('allocateLoadBalancerNodePorts') is not None and kind != 'LoadBalancer':
        found.append(forbidden_field('spec.allocateLoadBalancerNodePorts', only))
    if spec.get('loadBalancerClass') is not None and kind != 'LoadBalancer':
        found.append(forbidden_field('spec.loadBalancerClass', only))
    return found


def range_causes(field: str, text: str) -> list[Cause]:
    """A range of addresses, as in `10.9.8.0/24`."""
    address, slash, bits = text.partition('/')
    length = bits.lstrip('0') or '0'
    is_length = bool(bits) and bits.isascii() and bits.isdecimal() and len(length) <= 3
    if slash and is_length and _is_address(address) and int(length) <= (128 if ':' in address else 32):
        return []
    return [invalid_value(field, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]


def _outer_address_causes(field: str, text: str) -> list[Cause]:
    """An address that others can reach: none of those with a meaning of their own."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return [invalid_value(field, text, _NO_ADDRESS)]
    if address.is_unspecified:
        return [invalid_value(field, text, f'may not be unspecified ({text})')]
    if address.is_loopback:
        return [invalid_value(field, text, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')]
    if address.is_link_local:
        return [invalid_value(field, text, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')]
    return []


def _traffic_causes(spec: Json) -> list[Cause]:
    policies = ('Cluster', 'Local')
    external, internal = spec.get('externalTrafficPolicy'), spec.get('internalTrafficPolicy')
    found: list[Cause] = []
    if _accessible(spec):
        found += choice('spec.externalTrafficPolicy', external, policies)
    elif external:
        why = 'may only be set for externally-accessible services'
        found.append(invalid_value('spec.externalTrafficPolicy', external, why))
    if internal is not None and internal not in policies:
        found.append(not_supported('spec.internalTrafficPolicy', internal, policies))
    return found


def _validate_status(obj: Json, old: Json) -> list[Cause]:
    ingress = items_of(as_map(as_map(obj.get('status')).get('loadBalancer')).get('ingress'))
    path = 'status.loadBalancer.ingress'
    if ingress and as_map(obj.get('spec')).get('type') != 'LoadBalancer':
        return [forbidden_field(path, 'may only be used when `spec.type` is "LoadBalancer"')]
    found: list[Cause] = []
    for index, each in enumerate(ingress):
        if each.get('ip') and not _is_address(each['ip']):
            found.append(invalid_value(f'{path}[{index}].ip', each['ip'], _NO_ADDRESS))
        if each.get('hostname'):
            found += named(f'{path}[{index}].hostname', each['hostname'], names.dns1123_subdomain)
            if _is_address(each['hostname']):
                why = 'must be a DNS name, not an IP address'
                found.append(invalid_value(f'{path}[{index}].hostname', each['hostname'], why))
    return found


def _address_causes(spec: Json, kind: Any) -> list[Cause]:
    if kind == 'ExternalName':
        return []
    found: list[Cause] = []
    policies = ('SingleStack', 'PreferDualStack', 'RequireDualStack')
    if spec.get('ipFamilyPolicy') not in policies:
        found.append(not_supported('spec.ipFamilyPolicy', spec.get('ipFamilyPolicy'), policies))
    first = next(iter(spec.get('clusterIPs') or ()), None)
    if first is not None and first != spec.get('clusterIP'):
        found.append(invalid_value('spec.clusterIPs', spec.get('clusterIPs'), 'first value must match `clusterIP`'))
    for index, each in enumerate(spec.get('clusterIPs') or ()):
        if each != 'None' and not _is_address(each):
            found.append(invalid_value(f'spec.clusterIPs[{index}]', each, _NO_ADDRESS))
    return found + within('spec.healthCheckNodePort', spec.get('healthCheckNodePort') or None, 1, 65535)


def _is_address(text: str) -> bool:
    if ':' in text:
        return text.count(':') >= 2
    parts = text.split('.')
    return len(parts) == 4 and all(each.isdecimal() and each.isascii() and int(each) < 256 for each in parts)


def _validate_update(obj: Json, old: Json) -> list[Cause]:
    spec, before = as_map(obj.get('spec')), as_map(old.get('spec'))
    found: list[Cause] = []
    both_have = 'ExternalName' not in (spec.get('type'), before.get('type'))
    first, was = next(iter(spec.get('clusterIPs') or ()), ''), next(iter(before.get('clusterIPs') or ()), '')
    if both_have and was and first != was:
        why = 'may not change once set'
        found.append(invalid_value('spec.clusterIPs[0]', spec.get('clusterIPs'), why))
    return found + _validate(obj)


STRATEGIES = {
    'services': Strategy(
        name=names.dns1123_label,
        put_creates=True,
        deletes_object=True,
        default=_default,
        prepare_create=_prepare_create,
        prepare_update=_prepare_update,
        prepare_status=keep_spec,
        validate=_validate,
        validate_update=_validate_update,
        validate_status=_validate_status,
    ),
}
