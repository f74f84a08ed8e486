"""Kubelets: what the API server would pass on to nodes, pods, and services. There are none: the errors of that.

Logs, commands and the like are answered by rules and recordings before they get here. What comes here fails as a
real server does when nobody listens at the addresses that the objects tell.
Source: kube-apiserver v1.36, `pkg/registry/core/{pod,node,service}` (locations) and `ValidatePodLogOptions`.
"""

import ipaddress
import re

from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Json
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.options import read_int
from kmock.kube.statuses import (
    Cause,
    StatusError,
    bad_request,
    forbidden_field,
    generic,
    invalid,
    invalid_value,
    not_found,
    not_supported,
)
from kmock.messages import Answer
from kmock.naming import Resource

__all__ = ['Kubelets']

_NODES = Resource('', 'v1', 'nodes')
_SERVICES = Resource('', 'v1', 'services')
_SLICES = Resource('discovery.k8s.io', 'v1', 'endpointslices')
_ENDPOINTS = Resource('', 'v1', 'endpoints')
_CONTAINERS = ('initContainers', 'containers', 'ephemeralContainers')
_ADDRESSES = ('Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP')
_KUBELET_PORT = 10250
_STREAMS = ('All', 'Stderr', 'Stdout')
_TARGET = re.compile(r'(?:(?P<scheme>https?):)?(?P<name>[^:]+)(?::(?P<port>[^:]*))?')


class Kubelets:
    """Answers logs, streams, and proxies."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    # --- kubelets

    async def log(self, op: Operation) -> Answer:
        """The log of a pod that nobody runs: empty before it is scheduled.

        Raises:
            StatusError: 400, 404, 422, 500.
        """
        _check_log_options(op)
        pod = self._get(op, op.name)
        container = _container_of(pod, op.params.get('container', ''))
        node = as_map(pod.get('spec')).get('nodeName')
        if not node:
            return Answer(status=204)
        host, port = self._node_address(op, node)
        url = f'https://{host}:{port}/containerLogs/{op.namespace}/{op.name}/{container}'
        raise generic(500, f'Get "{url}": {_refused(host, port)}')

    async def stream(self, op: Operation) -> Answer:
        """Commands, attachments, and forwarded ports, which all end at a kubelet.

        Raises:
            StatusError: 400, 404, 500.
        """
        pod = self._get(op, op.name)
        if op.subresource != 'portforward':
            _container_of(pod, op.params.get('container', ''))
        node = as_map(pod.get('spec')).get('nodeName')
        if not node:
            raise bad_request(f'pod {op.name} does not have a host assigned')
        host, port = self._node_address(op, node)
        if 'upgrade' not in op.request.headers.get('Connection', '').lower():
            raise bad_request('Upgrade request required')
        raise generic(500, f'error dialing backend: {_refused(host, port)}')

    async def node_proxy(self, op: Operation) -> Answer:
        """A request to a kubelet itself.

        Raises:
            StatusError: 400, 404, 500, 503.
        """
        _, name, port = _target(op, 'node')
        host, usual = self._node_address(op, name)
        raise _unreachable(host, port or usual)

    def _node_address(self, op: Operation, name: str) -> tuple[str, str]:
        """The address and port of a kubelet. An absent node is reported as if it were of the resource asked for."""
        node = self._find(_NODES, None, name)
        if node is None:
            raise not_found(op.definition.resource, name)
        status = as_map(node.get('status'))
        addresses = items_of(status.get('addresses'))
        for kind in _ADDRESSES:
            for each in addresses:
                if each.get('type') == kind and each.get('address'):
                    endpoint = as_map(as_map(status.get('daemonEndpoints')).get('kubeletEndpoint'))
                    return str(each['address']), str(endpoint.get('Port') or _KUBELET_PORT)
        shown = ' '.join(f'{{{each.get("type", "")} {each.get("address", "")}}}' for each in addresses)
        raise generic(500, f'no preferred addresses found; known addresses: [{shown}]')

    # --- proxies

    async def pod_proxy(self, op: Operation) -> Answer:
        """A request to a pod.

        Raises:
            StatusError: 400, 404, 503.
        """
        _, name, port = _target(op, 'pod')
        pod = self._get(op, name)
        if not port:
            ports = [
                each['containerPort']
                for container in items_of(as_map(pod.get('spec')).get('containers'))
                for each in items_of(container.get('ports'))
                if each.get('containerPort')
            ]
            port = str(ports[0]) if ports else '80'
        address = str(as_map(pod.get('status')).get('podIP') or '')
        _check_address(address)
        raise _unreachable(address, port)

    async def service_proxy(self, op: Operation) -> Answer:
        """A request to a service.

        Raises:
            StatusError: 400, 404, 503.
        """
        _, name, port = _target(op, 'service')
        service = self._find(_SERVICES, op.namespace, name)
        if service is None:
            raise not_found(_SERVICES, name)
        ports = items_of(as_map(service.get('spec')).get('ports'))
        if port.isdecimal() and not any(each.get('port') == int(port) for each in ports):
            raise _unavailable(f'no service port {port} found for service "{name}"')
        for address, found in self._endpoints(op.namespace, name, _port_name(ports, port)):
            _check_address(address)
            raise _unreachable(address, found)
        raise _unavailable(f'no endpoints available for service "{op.name}"')

    def _endpoints(self, namespace: str | None, service: str, port: str | None) -> list[tuple[str, str]]:
        """The ready addresses and ports of a service."""
        found = []
        for each in self._cluster.read(_SLICES):
            metadata = each['metadata']
            named = (metadata.get('labels') or {}).get('kubernetes.io/service-name')
            if metadata.get('namespace') == namespace and named == service:
                addresses = [
                    address
                    for endpoint in items_of(each.get('endpoints'))
                    if as_map(endpoint.get('conditions')).get('ready', True) is not False
                    for address in endpoint.get('addresses') or ()
                ]
                found += _paired(addresses, items_of(each.get('ports')), port)
        endpoints = self._find(_ENDPOINTS, namespace, service) or {}
        for subset in items_of(endpoints.get('subsets')):
            addresses = [each['ip'] for each in items_of(subset.get('addresses')) if each.get('ip')]
            found += _paired(addresses, items_of(subset.get('ports')), port)
        return found

    # --- objects

    def _get(self, op: Operation, name: str) -> Json:
        stored = self._cluster.get(op.definition, op.namespace, name)
        if stored is None:
            raise not_found(op.definition.resource, name)
        return stored.decode()

    def _find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        definition = self._cluster.registry.find(resource)
        stored = None if definition is None else self._cluster.get(definition, namespace, name)
        return None if stored is None else stored.decode()


def _paired(addresses: list[str], ports: list[Json], wanted: str | None) -> list[tuple[str, str]]:
    suitable = [str(each.get('port', '')) for each in ports if wanted is None or (each.get('name') or '') == wanted]
    return [(address, port) for address in addresses for port in suitable]


def _port_name(ports: list[Json], wanted: str) -> str | None:
    """The name of a service's port by its name or number; None for whichever."""
    if not wanted:
        return ports[0].get('name') or '' if len(ports) == 1 else None
    if wanted.isdecimal():
        return next((each.get('name') or '' for each in ports if each.get('port') == int(wanted)), None)
    return wanted


def _target(op: Operation, kind: str) -> tuple[str, str, str]:
    """The scheme, name and port in `https:name:port`, of which all but the name may be left out."""
    found = _TARGET.fullmatch(op.name)
    if found is None:
        raise bad_request(f'invalid {kind} request "{op.name}"')
    return found['scheme'] or '', found['name'], found['port'] or ''


def _refused(host: str, port: str) -> str:
    shown = f'[{host}]' if ':' in host else host
    return f'dial tcp {shown}:{port}: connect: connection refused'


def _unavailable(message: str) -> StatusError:
    return StatusError(503, 'ServiceUnavailable', message)


def _unreachable(host: str, port: str) -> StatusError:
    return _unavailable(f'error trying to reach service: {_refused(host, port)}')


def _check_address(address: str) -> None:
    """Only addresses that may be those of pods are connected to."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        raise bad_request('address not allowed') from None
    if ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        raise bad_request('address not allowed')


def _container_of(pod: Json, wanted: str) -> str:
    """The container that is meant; it must be named unless there is only one."""
    spec, name = as_map(pod.get('spec')), pod['metadata']['name']
    everything = [str(each.get('name', '')) for key in _CONTAINERS for each in items_of(spec.get(key))]
    if wanted:
        if wanted not in everything:
            raise bad_request(f'container {wanted} is not valid for pod {name}')
        return wanted
    usual = items_of(spec.get('containers'))
    if len(usual) == 1:
        return str(usual[0].get('name', ''))
    choice = f', choose one of: [{" ".join(everything)}]' if usual else ''
    raise bad_request(f'a container name must be specified for pod {name}{choice}')


def _check_log_options(op: Operation) -> None:
    """What is wrong with the options of a log.

    Raises:
        StatusError: 400, 422.
    """
    params = op.params
    tail, limit, since = (read_int(params, key) for key in ('tailLines', 'limitBytes', 'sinceSeconds'))
    causes: list[Cause] = []
    if tail is not None and tail < 0:
        causes.append(invalid_value('tailLines', tail, 'must be greater than or equal to 0'))
    if limit is not None and limit < 1:
        causes.append(invalid_value('limitBytes', limit, 'must be greater than 0'))
    if since is not None and params.get('sinceTime'):
        causes.append(forbidden_field('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
    elif since is not None and since < 1:
        causes.append(invalid_value('sinceSeconds', since, 'must be greater than 0'))
    stream = params.get('stream')
    if stream and stream not in _STREAMS:
        causes.append(not_supported('stream', stream, _STREAMS))
    elif stream not in (None, '', 'All') and tail is not None:
        causes.append(forbidden_field('', '`tailLines` and specific `stream` are mutually exclusive for now'))
    if causes:
        raise invalid('PodLogOptions', '', op.name, causes)
