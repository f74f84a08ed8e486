"""What a real API server answers to variations of common requests: the rules behind, not single recorded answers."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from kmock.kubernetes import KubernetesEmulator
from kmock.messages import Request

CORE = '/api/v1/namespaces/default'
APPS = '/apis/apps/v1/namespaces/default'
WIDGETS = '/apis/x.io/v1/namespaces/default/widgets'
MAP = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}, 'data': {'a': '1'}}
WIDGET = {'apiVersion': 'x.io/v1', 'kind': 'Widget', 'metadata': {'name': 'a'}}
CRD = {
    'apiVersion': 'apiextensions.k8s.io/v1',
    'kind': 'CustomResourceDefinition',
    'metadata': {'name': 'widgets.x.io'},
    'spec': {
        'group': 'x.io',
        'scope': 'Namespaced',
        'names': {'plural': 'widgets', 'kind': 'Widget'},
        'versions': [
            {
                'name': 'v1',
                'served': True,
                'storage': True,
                'schema': {'openAPIV3Schema': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}},
            }
        ],
    },
}
TYPES = {
    'merge': 'application/merge-patch+json',
    'json': 'application/json-patch+json',
    'strategic': 'application/strategic-merge-patch+json',
    'apply': 'application/apply-patch+yaml',
}


class Client:
    """A synchronous client of an emulated cluster without controllers."""

    def __init__(self, runner: asyncio.Runner, kmock: KubernetesEmulator) -> None:
        self._runner = runner
        self._emulator = kmock.emulator

    def send(self, method: str, path: str, body: Any = None, kind: str = '') -> tuple[int, Any]:
        headers = [('Content-Type', TYPES.get(kind, 'application/json'))]
        data = b'' if body is None else json.dumps(body).encode()
        answer = self._runner.run(self._emulator.respond(Request.make(method, path, body=data, headers=headers)))
        assert answer is not None
        assert isinstance(answer.body, bytes)
        return answer.status, json.loads(answer.body)

    def made(self, path: str, body: Any) -> Any:
        status, answer = self.send('POST', path, body)
        assert status == 201, answer
        return answer

    def patched(self, path: str, body: Any, kind: str = 'merge') -> Any:
        status, answer = self.send('PATCH', path, body, kind)
        assert status == 200, answer
        return answer

    def refused(self, method: str, path: str, body: Any = None, kind: str = '') -> tuple[int, str]:
        status, answer = self.send(method, path, body, kind)
        assert answer.get('status') == 'Failure', answer
        return status, answer['message']


@pytest.fixture(scope='module')
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def client(runner: asyncio.Runner) -> Iterator[Client]:
    kmock = KubernetesEmulator(controllers=False)
    runner.run(kmock.__aenter__())
    yield Client(runner, kmock)
    runner.run(kmock.__aexit__(None, None, None))


# --- patches


@pytest.mark.parametrize(
    ('patch', 'why'),
    [
        ({'data': {'y': 1}}, '"map[data:map[y:1]]": cannot convert int64 to string'),
        ({'data': {'y': True}}, '"map[data:map[y:true]]": unrecognized type: string'),
        ({'data': ['y']}, '"map[data:[y]]": cannot restore map from slice'),
        ({'metadata': 'x'}, '"map[metadata:x]": cannot restore struct from: string'),
        ({'metadata': {'finalizers': 'x'}}, '"map[metadata:map[finalizers:x]]": cannot restore slice from string'),
        ({'immutable': 'x'}, '"map[immutable:x]": unrecognized type: bool'),
        (
            {'binaryData': {'x': '!'}},
            '"map[binaryData:map[x:!]]": error decoding from json: illegal base64 data at input byte 0',
        ),
    ],
)
def test_wrong_types_in_strategic_patches_are_told_of_the_patch(client: Client, patch: Any, why: str) -> None:
    client.made(f'{CORE}/configmaps', MAP)
    refused = client.refused('PATCH', f'{CORE}/configmaps/a', patch, 'strategic')
    assert refused == (422, f' "" is invalid: patch: Invalid value: {why}')


def test_unknown_fields_in_strategic_patches_are_told_of_the_patch(client: Client) -> None:
    client.made(f'{CORE}/configmaps', MAP)
    path = f'{CORE}/configmaps/a?fieldValidation=Strict'
    why = '"map[foo:1]": strict decoding error: unknown field "foo"'
    refused = client.refused('PATCH', path, {'foo': 1}, 'strategic')
    assert refused == (422, f' "" is invalid: patch: Invalid value: {why}')


@pytest.mark.parametrize(
    ('patch', 'why'),
    [
        ({'kind': 'Secret'}, 'converting (v1.Secret) to (core.ConfigMap): unknown conversion'),
        ({'kind': 'Foo'}, 'no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"'),
    ],
)
def test_built_in_objects_cannot_be_patched_into_other_kinds(client: Client, patch: Any, why: str) -> None:
    client.made(f'{CORE}/configmaps', MAP)
    status, message = client.refused('PATCH', f'{CORE}/configmaps/a', patch, 'merge')
    assert status == 422
    assert message.endswith(f': {why}')


def test_strategic_patches_leave_the_kind_alone(client: Client) -> None:
    version = client.made(f'{CORE}/configmaps', MAP)['metadata']['resourceVersion']
    patched = client.patched(f'{CORE}/configmaps/a', {'kind': 'Secret'}, 'strategic')
    assert (patched['kind'], patched['metadata']['resourceVersion']) == ('ConfigMap', version)


@pytest.mark.parametrize(
    ('patch', 'why'),
    [
        ({'kind': 'Foo'}, 'kind: Invalid value: "Foo": must be Widget'),
        ({'apiVersion': 'x.io/v2'}, 'apiVersion: Invalid value: "x.io/v2": must be x.io/v1'),
    ],
)
def test_custom_resources_cannot_be_patched_into_other_kinds(client: Client, patch: Any, why: str) -> None:
    client.made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', CRD)
    client.made(WIDGETS, WIDGET)
    refused = client.refused('PATCH', f'{WIDGETS}/a', patch, 'merge')
    assert refused == (422, f'Widget.x.io "a" is invalid: {why}')


# --- apply


def test_nothing_is_applied_to_an_object_that_is_gone(client: Client) -> None:
    applied = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a', 'uid': 'u'}}
    refused = client.refused('PATCH', f'{CORE}/configmaps/a?fieldManager=m', applied, 'apply')
    why = 'uid mismatch: the provided object specified uid u, and no existing object was found'
    assert refused == (409, f'Operation cannot be fulfilled on configmaps "a": {why}')


def test_applied_resource_versions_do_not_matter_to_new_objects(client: Client) -> None:
    applied = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a', 'resourceVersion': '7'}}
    assert client.send('PATCH', f'{CORE}/configmaps/a?fieldManager=m', applied, 'apply')[0] == 201


def test_what_is_applied_to_an_object_needs_no_name(client: Client) -> None:
    client.made(f'{CORE}/configmaps', MAP)
    applied = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'data': {'b': '2'}}
    patched = client.patched(f'{CORE}/configmaps/a?fieldManager=m', applied, 'apply')
    assert patched['data'] == {'a': '1', 'b': '2'}
    refused = client.refused('PATCH', f'{CORE}/configmaps/b?fieldManager=m', applied, 'apply')
    why = 'was undeterminable: name must be provided'
    assert refused == (400, f'the name of the object (b based on URL) {why}')


def test_the_type_of_what_is_applied_is_looked_at_first(client: Client) -> None:
    refused = client.refused('PATCH', f'{CORE}/configmaps/a?fieldManager=m', {}, 'apply')
    assert refused == (400, 'invalid object type: /, Kind=')


# --- services

SERVICE = {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 's'}}


def service(**spec: Any) -> Any:
    return {**SERVICE, 'spec': {'ports': [{'port': 80}], **spec}}


@pytest.mark.parametrize(
    ('spec', 'why'),
    [
        (
            {'externalTrafficPolicy': 'Local'},
            'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        ),
        (
            {'internalTrafficPolicy': 'x'},
            'spec.internalTrafficPolicy: Unsupported value: "x": supported values: "Cluster", "Local"',
        ),
        (
            {'externalIPs': ['127.0.0.1']},
            'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        ),
        (
            {'loadBalancerClass': 'x/y'},
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            {'ports': [{'port': 80, 'name': 'a'}, {'port': 80, 'name': 'b'}]},
            'spec.ports[1]: Duplicate value: '
            '{"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
        ),
    ],
)
def test_services_are_validated(client: Client, spec: Any, why: str) -> None:
    refused = client.refused('POST', f'{CORE}/services', service(**spec))
    assert refused == (422, f'Service "s" is invalid: {why}')


def test_services_let_go_what_their_new_type_does_not_need(client: Client) -> None:
    made = client.made(f'{CORE}/services', service(type='LoadBalancer'))
    assert made['spec']['ports'][0]['nodePort']
    patched = client.patched(f'{CORE}/services/s', {'spec': {'type': 'ExternalName', 'externalName': 'x.y'}})
    assert 'nodePort' not in patched['spec']['ports'][0]
    assert not patched['spec'].keys() & {'externalTrafficPolicy', 'allocateLoadBalancerNodePorts', 'clusterIP'}
    assert client.patched(f'{CORE}/services/s', {'spec': {'type': 'ClusterIP'}})['spec']['clusterIP']


def test_only_load_balancers_have_addresses_of_their_own(client: Client) -> None:
    client.made(f'{CORE}/services', service())
    status = {'status': {'loadBalancer': {'ingress': [{'ip': '1.2.3.4'}]}}}
    refused = client.refused('PATCH', f'{CORE}/services/s/status', status, 'merge')
    why = 'status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is "LoadBalancer"'
    assert refused == (422, f'Service "s" is invalid: {why}')
    client.patched(f'{CORE}/services/s', {'spec': {'type': 'LoadBalancer'}})
    patched = client.patched(f'{CORE}/services/s/status', status)
    assert patched['status']['loadBalancer'] == {'ingress': [{'ip': '1.2.3.4', 'ipMode': 'VIP'}]}


# --- workloads

TEMPLATE = {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'm', 'image': 'i'}]}}


def workload(kind: str, **spec: Any) -> Any:
    told = {'selector': {'matchLabels': {'a': 'b'}}, 'template': TEMPLATE, **spec}
    return {'apiVersion': 'apps/v1', 'kind': kind, 'metadata': {'name': 'a'}, 'spec': told}


@pytest.mark.parametrize(
    ('kind', 'status', 'why'),
    [
        (
            'Deployment',
            {'readyReplicas': 1},
            'status.readyReplicas: Invalid value: 1: cannot be greater than status.replicas',
        ),
        (
            'ReplicaSet',
            {'replicas': 2, 'availableReplicas': 2},
            'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
        ),
        (
            'StatefulSet',
            {'replicas': 2, 'availableReplicas': 2},
            'status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas',
        ),
        (
            'DaemonSet',
            {'numberReady': -1},
            'status.numberReady: Invalid value: -1: must be greater than or equal to 0',
        ),
    ],
)
def test_statuses_of_workloads_add_up(client: Client, kind: str, status: Any, why: str) -> None:
    path = f'{APPS}/{kind.lower()}s'
    client.made(path, workload(kind))
    refused = client.refused('PATCH', f'{path}/a/status', {'status': status}, 'merge')
    assert refused == (422, f'{kind}.apps "a" is invalid: {why}')
    right = {'replicas': 2, 'readyReplicas': 2, 'availableReplicas': 1}
    client.patched(f'{path}/a/status', {'status': right})


def test_templates_are_not_looked_at_with_selectors_that_say_nothing(client: Client) -> None:
    selector = {'matchExpressions': [{'key': 'a', 'operator': 'Foo'}]}
    told = '{"matchExpressions":[{"key":"a","operator":"Foo"}]}'
    refused = client.refused('POST', f'{APPS}/deployments', workload('Deployment', selector=selector, template={}))
    first = 'spec.selector.matchExpressions[0].operator: Invalid value: "Foo": not a valid selector operator'
    second = f'spec.selector: Invalid value: {told}: invalid label selector'
    assert refused == (422, f'Deployment.apps "a" is invalid: [{first}, {second}]')


def test_budgets_have_one_limit(client: Client) -> None:
    path = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
    spec = {'minAvailable': 1, 'maxUnavailable': 1}
    body = {'apiVersion': 'policy/v1', 'kind': 'PodDisruptionBudget', 'metadata': {'name': 'a'}, 'spec': spec}
    told = '{"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}'
    why = f'spec: Invalid value: {told}: minAvailable and maxUnavailable cannot be both set'
    assert client.refused('POST', path, body) == (422, f'PodDisruptionBudget.policy "a" is invalid: {why}')


# --- pods


def pod(name: str = 'p', **spec: Any) -> Any:
    told = {'containers': [{'name': 'm', 'image': 'i'}], **spec}
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name}, 'spec': told}


@pytest.mark.parametrize(
    ('spec', 'why'),
    [
        (
            {'ephemeralContainers': [{'name': 'e', 'image': 'i'}]},
            'spec.ephemeralContainers: Forbidden: cannot be set on create',
        ),
        (
            {'containers': [{'name': 'm', 'image': 'i', 'securityContext': {'runAsUser': -1}}]},
            'spec.containers[0].securityContext.runAsUser: Invalid value: -1: '
            'must be between 0 and 2147483647, inclusive',
        ),
        ({'os': {'name': 'x'}}, 'spec.os.name: Unsupported value: "x": supported values: "linux", "windows"'),
        (
            {'dnsPolicy': 'None'},
            'spec.dnsConfig.nameservers: Required value: '
            'must provide at least one DNS nameserver when `dnsPolicy` is None',
        ),
        (
            {'topologySpreadConstraints': [{'maxSkew': 0, 'topologyKey': 'k', 'whenUnsatisfiable': 'DoNotSchedule'}]},
            'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        ),
        (
            {'tolerations': [{'key': 'a', 'operator': 'Exists', 'value': 'x'}]},
            'spec.tolerations[0].operator: Invalid value: '
            '{"Key":"a","Operator":"Exists","Value":"x","Effect":"","TolerationSeconds":null}: '
            "value must be empty when `operator` is 'Exists'",
        ),
    ],
)
def test_pods_are_validated(client: Client, spec: Any, why: str) -> None:
    assert client.refused('POST', f'{CORE}/pods', pod(**spec)) == (422, f'Pod "p" is invalid: {why}')


CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses'


def priority_class(name: str, value: int, **told: Any) -> Any:
    kind = {'apiVersion': 'scheduling.k8s.io/v1', 'kind': 'PriorityClass'}
    return {**kind, 'metadata': {'name': name}, 'value': value, **told}


def test_pods_get_the_priority_of_their_class(client: Client) -> None:
    client.made(CLASSES, priority_class('high', 100, preemptionPolicy='Never'))
    spec = client.made(f'{CORE}/pods', pod('a', priorityClassName='high'))['spec']
    assert (spec['priority'], spec['preemptionPolicy']) == (100, 'Never')
    assert client.made(f'{CORE}/pods', pod('b'))['spec']['priority'] == 0
    client.made(CLASSES, priority_class('usual', 7, globalDefault=True))
    spec = client.made(f'{CORE}/pods', pod('c'))['spec']
    assert (spec['priority'], spec['priorityClassName']) == (7, 'usual')
    system = client.made(f'{CORE}/pods', pod('d', priorityClassName='system-node-critical'))
    assert system['spec']['priority'] == 2000001000


@pytest.mark.parametrize(
    ('spec', 'why'),
    [
        ({'priorityClassName': 'x'}, 'no PriorityClass with name x was found'),
        (
            {'priority': 5},
            'the integer value of priority (5) must not be provided in pod spec; '
            'priority admission controller computed 0 from the given PriorityClass name',
        ),
        ({'runtimeClassName': 'x'}, 'pod rejected: RuntimeClass "x" not found'),
        (
            {'overhead': {'cpu': '1'}},
            'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
        ),
    ],
)
def test_pods_of_no_known_class_are_refused(client: Client, spec: Any, why: str) -> None:
    assert client.refused('POST', f'{CORE}/pods', pod(**spec)) == (403, f'pods "p" is forbidden: {why}')


def test_runtime_classes_tell_the_overhead(client: Client) -> None:
    body = {'apiVersion': 'node.k8s.io/v1', 'kind': 'RuntimeClass', 'metadata': {'name': 'x'}, 'handler': 'h'}
    client.made('/apis/node.k8s.io/v1/runtimeclasses', {**body, 'overhead': {'podFixed': {'cpu': '1'}}})
    assert client.made(f'{CORE}/pods', pod(runtimeClassName='x'))['spec']['overhead'] == {'cpu': '1'}
