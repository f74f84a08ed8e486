"""Tables of services, ingresses and what they lead to."""

import datetime
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.tables.printing import Printer, age, join, part, printer, selector

__all__ = ['NETWORK']

_SHOWN = 3


def _name(obj: Json) -> str:
    return str(obj['metadata'].get('name', ''))


def _few(values: list[str], empty: str) -> str:
    """The first few, and how many more there are."""
    more = f' + {len(values) - _SHOWN} more...' if len(values) > _SHOWN else ''
    return join(values[:_SHOWN], empty) + more


def _balanced(obj: Json) -> list[str]:
    ingress = part(obj, 'status', 'loadBalancer', 'ingress') or ()
    return [each.get('ip') or each.get('hostname') or '' for each in ingress]


def _service(obj: Json, now: datetime.datetime) -> list[Any]:
    spec = obj.get('spec') or {}
    ips = spec.get('clusterIPs') or [spec.get('clusterIP') or '<none>']
    return [
        _name(obj),
        spec.get('type') or '',
        ips[0],
        _external(obj, spec),
        join(_port(each) for each in spec.get('ports') or ()),
        age(obj, now),
        selector(spec.get('selector')),
    ]


def _port(port: Json) -> str:
    node = f':{port["nodePort"]}' if port.get('nodePort') else ''
    return f'{port.get("port")}{node}/{port.get("protocol", "TCP")}'


def _external(obj: Json, spec: Json) -> str:
    declared = spec.get('externalIPs') or []
    match spec.get('type'):
        case 'ExternalName':
            return str(spec.get('externalName', ''))
        case 'LoadBalancer':
            return join([*sorted(set(_balanced(obj))), *declared], '<pending>')
    return join(declared)


def _ingress(obj: Json, now: datetime.datetime) -> list[Any]:
    spec = obj.get('spec') or {}
    hosts = [each['host'] for each in spec.get('rules') or () if each.get('host')]
    ports = '80, 443' if spec.get('tls') else '80'
    kind = spec.get('ingressClassName') or '<none>'
    return [_name(obj), kind, _few(hosts, '*'), ','.join(_balanced(obj)), ports, age(obj, now)]


def _ingress_class(obj: Json, now: datetime.datetime) -> list[Any]:
    parameters = part(obj, 'spec', 'parameters')
    shown = '<none>'
    if parameters:
        group = f'.{parameters["apiGroup"]}' if parameters.get('apiGroup') else ''
        shown = f'{parameters.get("kind")}{group}/{parameters.get("name")}'
    return [_name(obj), part(obj, 'spec', 'controller') or '', shown, age(obj, now)]


def _endpoints(obj: Json, now: datetime.datetime) -> list[Any]:
    found: list[str] = []
    for subset in obj.get('subsets') or ():
        addresses = [each.get('ip', '') for each in subset.get('addresses') or ()]
        ports = subset.get('ports') or ()
        found += [f'{ip}:{each.get("port")}' for each in ports for ip in addresses] if ports else addresses
    return [_name(obj), _few(found, '<none>'), age(obj, now)]


def _slice(obj: Json, now: datetime.datetime) -> list[Any]:
    ports = [str(each.get('port') or each.get('name') or '*') for each in obj.get('ports') or ()]
    found = [ip for each in obj.get('endpoints') or () for ip in each.get('addresses') or ()]
    return [_name(obj), obj.get('addressType', ''), _few(ports, '<unset>'), _few(found, '<unset>'), age(obj, now)]


def _policy(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), selector(part(obj, 'spec', 'podSelector')), age(obj, now)]


def _cidrs(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), ','.join(part(obj, 'spec', 'cidrs') or ()), age(obj, now)]


def _address(obj: Json, now: datetime.datetime) -> list[Any]:
    parent = part(obj, 'spec', 'parentRef') or {}
    keys = ('group', 'resource', 'namespace', 'name')
    return [_name(obj), '/'.join(str(parent[key]) for key in keys if parent.get(key)) or '<none>', age(obj, now)]


_INGRESS = {
    'Class': 'The name of the IngressClass resource that should be used for additional configuration',
    'Hosts': 'Hosts that incoming requests are matched against before the ingress rule',
    'Address': 'Address is a list containing ingress points for the load-balancer',
    'Ports': 'Ports of TLS configurations that open',
}
_INGRESS_CLASS = {
    'Controller': 'Controller that is responsible for handling this class',
    'Parameters': 'A reference to a resource with additional parameters',
}

NETWORK: dict[tuple[str, str], Printer] = {
    ('', 'services'): printer('Name, Type, Cluster-IP, External-IP, Port(s), Age, +Selector', _service),
    ('', 'endpoints'): printer('Name, Endpoints, Age', _endpoints),
    ('discovery.k8s.io', 'endpointslices'): printer('Name, AddressType, Ports, Endpoints, Age', _slice),
    ('networking.k8s.io', 'ingresses'): printer('Name, Class, Hosts, Address, Ports, Age', _ingress, _INGRESS),
    ('networking.k8s.io', 'ingressclasses'): printer(
        'Name, Controller, Parameters, Age', _ingress_class, _INGRESS_CLASS
    ),
    ('networking.k8s.io', 'networkpolicies'): printer('Name, Pod-Selector, Age', _policy),
    ('networking.k8s.io', 'servicecidrs'): printer('Name, CIDRs, Age', _cidrs),
    ('networking.k8s.io', 'ipaddresses'): printer('Name, ParentRef, Age', _address),
}
