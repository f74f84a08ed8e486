"""The group networking.k8s.io: Ingresses, IngressClasses, NetworkPolicies."""

import ipaddress
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.machinery import ADDRESS_STRATEGIES
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.kinds.separation import separated
from kmock.kube.kinds.services import range_causes
from kmock.kube.statuses import Cause, invalid_value, not_supported, required
from kmock.kube.values import names
from kmock.kube.values.formats import is_ip

__all__ = ['STRATEGIES']

_CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
_PATH_TYPES = ('Exact', 'ImplementationSpecific', 'Prefix')
_BAD_SEQUENCES = ('//', '/./', '/../', '%2f', '%2F')
_BAD_ENDS = ('/..', '/.')


# --- Ingresses


def _default_ingress(obj: Json) -> None:
    obj.setdefault('spec', {})
    obj.setdefault('status', {}).setdefault('loadBalancer', {})


def _validate_ingress(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    listed = items_of(spec.get('rules'))
    found: list[Cause] = []
    if not listed and spec.get('defaultBackend') is None:
        why = 'either `defaultBackend` or `rules` must be specified'
        found.append(invalid_value('spec', spec.get('rules'), why))
    if isinstance(spec.get('defaultBackend'), dict):
        found += _backend_causes('spec.defaultBackend', spec['defaultBackend'])
    for index, rule in enumerate(listed):
        found += _rule_host_causes(f'spec.rules[{index}].host', rule.get('host'))
        http = rule.get('http')
        if isinstance(http, dict):
            found += _http_causes(f'spec.rules[{index}].http.paths', items_of(http.get('paths')))
    for index, each in enumerate(items_of(spec.get('tls'))):
        for number, host in enumerate(each.get('hosts') or ()):
            found += _host_causes(f'spec.tls[{index}].hosts[{number}]', host)
    if spec.get('ingressClassName') is not None:
        found += rules.named('spec.ingressClassName', spec['ingressClassName'], names.dns1123_subdomain)
    return found


def _validate_ingress_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_ingress(obj)


def _ingress_warnings(obj: Json, old: Json | None) -> list[str]:
    annotations = as_map(as_map(obj.get('metadata')).get('annotations'))
    if old is not None or _CLASS_ANNOTATION not in annotations:
        return []
    return [f'annotation "{_CLASS_ANNOTATION}" is deprecated, please use \'spec.ingressClassName\' instead']


def _host_causes(field: str, host: Any) -> list[Cause]:
    if not host:
        return []
    rule = names.wildcard_subdomain if '*' in host else names.dns1123_subdomain
    return rules.named(field, host, rule)


def _rule_host_causes(field: str, host: Any) -> list[Cause]:
    """Of rules: hosts of `tls` may well be addresses."""
    wrong = [invalid_value(field, host, 'must be a DNS name, not an IP address')] if host and is_ip(host) else []
    return wrong + _host_causes(field, host)


def _http_causes(field: str, paths: list[Json]) -> list[Cause]:
    found = [] if paths else [required(field)]
    for index, each in enumerate(paths):
        found += _path_causes(f'{field}[{index}]', each)
        found += _backend_causes(f'{field}[{index}].backend', as_map(each.get('backend')))
    return found


def _path_causes(field: str, each: Json) -> list[Cause]:
    kind, path = each.get('pathType'), each.get('path') or ''
    if kind is None:
        return [required(f'{field}.pathType', 'pathType must be specified')]
    if kind not in _PATH_TYPES:
        return [not_supported(f'{field}.pathType', kind, _PATH_TYPES)]
    absolute = path.startswith('/')
    if kind == 'ImplementationSpecific':
        return [] if absolute or not path else [invalid_value(f'{field}.path', path, 'must be an absolute path')]
    found = [] if absolute else [invalid_value(f'{field}.path', path, 'must be an absolute path')]
    for each_bad in _BAD_SEQUENCES:
        if each_bad in path:
            found.append(invalid_value(f'{field}.path', path, f"must not contain '{each_bad}'"))
    for each_bad in _BAD_ENDS:
        if path.endswith(each_bad):
            found.append(invalid_value(f'{field}.path', path, f"cannot end with '{each_bad}'"))
    return found


def _backend_causes(field: str, backend: Json) -> list[Cause]:
    service, resource = backend.get('service'), backend.get('resource')
    if service is not None and resource is not None:
        return [invalid_value(field, '', 'cannot set both resource and service backends')]
    if resource is not None:
        resource = as_map(resource)
        return [required(f'{field}.resource.{key}') for key in ('kind', 'name') if not resource.get(key)]
    if service is None:
        return [invalid_value(field, '', 'resource or service backend is required')]
    service = as_map(service)
    name, port = service.get('name'), as_map(service.get('port'))
    found = rules.quoted_names(f'{field}.service.name', name, names.dns1123_label)
    if port.get('name') and port.get('number'):
        found.append(invalid_value(field, '', 'cannot set both port name & port number'))
    elif port.get('name'):
        found += rules.named(f'{field}.service.port.name', port['name'], names.port_name)
    elif port.get('number'):
        found += rules.port(f'{field}.service.port.number', port['number'])
    else:
        found.append(required(field, 'port name or number is required'))
    return found


# --- IngressClasses


def _default_class(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    if isinstance(spec.get('parameters'), dict):
        spec['parameters'].setdefault('scope', 'Cluster')


def _validate_class(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    controller = spec.get('controller') or ''
    if not controller:
        return [required('spec.controller')]
    domain, slash, path = controller.partition('/')
    if not slash or not path:
        why = 'must be a domain-prefixed path (such as "acme.io/foo")'
        return [invalid_value('spec.controller', controller, why)]
    return rules.named('spec.controller', domain, names.dns1123_subdomain)


def _validate_class_update(obj: Json, old: Json) -> list[Cause]:
    new, was = as_map(obj.get('spec')).get('controller'), as_map(old.get('spec')).get('controller')
    return rules.immutable('spec.controller', new, was)


# --- NetworkPolicies


def _default_policy(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('podSelector', {})
    for key in ('ingress', 'egress'):
        for rule in items_of(spec.get(key)):
            for each in items_of(rule.get('ports')):
                each.setdefault('protocol', 'TCP')
    if not spec.get('policyTypes'):
        spec['policyTypes'] = ['Ingress', 'Egress'] if spec.get('egress') else ['Ingress']


def _validate_policy(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = rules.selector('spec.podSelector', spec.get('podSelector'))
    for key, peers in (('ingress', 'from'), ('egress', 'to')):
        for index, rule in enumerate(items_of(spec.get(key))):
            for number, each in enumerate(items_of(rule.get('ports'))):
                found += _policy_port_causes(f'spec.{key}[{index}].ports[{number}]', each)
            for number, peer in enumerate(items_of(rule.get(peers))):
                found += _peer_causes(f'spec.{key}[{index}].{peers}[{number}]', peer)
    types = spec.get('policyTypes') or []
    if len(types) > 2:
        return [*found, invalid_value('spec.policyTypes', types, 'may not specify more than two policyTypes')]
    for index, each in enumerate(types):
        if each not in ('Ingress', 'Egress'):
            found.append(not_supported(f'spec.policyTypes[{index}]', each, ['Egress', 'Ingress']))
    return found


def _policy_port_causes(field: str, each: Json) -> list[Cause]:
    found: list[Cause] = []
    if each.get('protocol') not in ('SCTP', 'TCP', 'UDP'):
        found.append(not_supported(f'{field}.protocol', each.get('protocol'), ['TCP', 'UDP', 'SCTP']))
    port, end = each.get('port'), each.get('endPort')
    wrong = [] if port is None else rules.port(f'{field}.port', port)
    if end is None:
        return found + wrong
    path = f'{field}.endPort'
    if port is None:
        return [*found, invalid_value(path, end, 'may not be specified when `port` is not specified')]
    if isinstance(port, str):
        return [*found, invalid_value(path, end, 'may not be specified when `port` is non-numeric'), *wrong]
    found += wrong
    if end < port:
        found.append(invalid_value(path, port, 'must be greater than or equal to `port`'))
    return found + [invalid_value(path, end, why) for why in names.port_number(end)]


def _peer_causes(field: str, peer: Json) -> list[Cause]:
    given = [key for key in ('podSelector', 'namespaceSelector', 'ipBlock') if peer.get(key) is not None]
    found: list[Cause] = []
    for key in given:
        if key == 'ipBlock':
            found += _block_causes(f'{field}.ipBlock', as_map(peer['ipBlock']))
        else:
            found += rules.selector(f'{field}.{key}', peer[key])
    if not given:
        found.append(required(field, 'must specify a peer'))
    elif 'ipBlock' in given and len(given) > 1:
        found.append(
            Cause(
                reason='FieldValueForbidden',
                message='Forbidden: may not specify both ipBlock and another peer',
                field=field,
            )
        )
    return found


def _block_causes(field: str, block: Json) -> list[Cause]:
    if not block.get('cidr'):
        return [required(f'{field}.cidr')]
    found = range_causes(f'{field}.cidr', block['cidr'])
    if found:
        return found
    whole = _network(block['cidr'])
    for index, text in enumerate(block.get('except') or ()):
        path = f'{field}.except[{index}]'
        wrong = range_causes(path, text)
        found += wrong
        if not wrong:
            part = _network(text)
            if part == whole or part.version != whole.version or not part.subnet_of(whole):
                found.append(invalid_value(path, text, 'must be a strict subset of `cidr`'))
    return found


def _network(text: str) -> Any:
    """What a valid range stands for; leading zeros are fine."""
    address, _, bits = text.partition('/')
    head, colon, tail = address.rpartition(':')  # an IPv4 address may end one of IPv6
    plain = '.'.join(str(int(each)) for each in tail.split('.')) if '.' in tail else tail
    return ipaddress.ip_network(f'{head}{colon}{plain}/{int(bits.lstrip("0") or 0)}', strict=False)


def _validate_policy_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_policy(obj)


STRATEGIES = {
    **ADDRESS_STRATEGIES,
    'ingresses': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_ingress,
        **separated({'loadBalancer': {}}),
        validate=_validate_ingress,
        validate_update=_validate_ingress_update,
        warnings=_ingress_warnings,
    ),
    'ingressclasses': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_class,
        validate=_validate_class,
        validate_update=_validate_class_update,
    ),
    'networkpolicies': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_policy,
        validate=_validate_policy,
        validate_update=_validate_policy_update,
    ),
}
