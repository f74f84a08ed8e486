"""What webhooks are sent: the options, names and namespaces of deletions and of namespaces, and Scales."""

import json
from typing import Any

import pytest

from kmock.kube.emulator import Emulator
from kmock.messages import Request

CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
CONFIGMAPS = '/api/v1/namespaces/default/configmaps'
DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'


class Cluster:
    """An emulated cluster with a webhook that is asked of everything, and lets it pass."""

    def __init__(self) -> None:
        self.emulator = Emulator(call=self._called)
        self.emulator.start()
        self.asked: list[Any] = []

    async def _called(self, url: str, body: bytes, **_: Any) -> tuple[int, bytes]:
        request = json.loads(body)['request']
        self.asked.append(request)
        response = {'uid': request['uid'], 'allowed': True}
        review = {'apiVersion': 'admission.k8s.io/v1', 'kind': 'AdmissionReview', 'response': response}
        return 200, json.dumps(review).encode()

    async def ask(self, method: str, target: str, body: Any = None, *, kind: str = 'application/json') -> Any:
        data = b'' if body is None else json.dumps(body).encode()
        answer = await self.emulator.respond(Request.make(method, target, body=data, headers=[('Content-Type', kind)]))
        assert answer is not None
        assert isinstance(answer.body, bytes)
        return json.loads(answer.body)


def hook(**changes: Any) -> dict[str, Any]:
    rule = {'apiGroups': ['*'], 'apiVersions': ['*'], 'operations': ['*'], 'resources': ['*/*']}
    webhook = {
        'name': 'all.kmock.example',
        'admissionReviewVersions': ['v1'],
        'sideEffects': 'None',
        'clientConfig': {'url': 'https://127.0.0.1:1/'},
        'rules': [rule],
        **changes,
    }
    return {'metadata': {'name': 'all'}, 'webhooks': [webhook]}


@pytest.fixture
async def cluster() -> Cluster:
    cluster = Cluster()
    await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}})
    assert (await cluster.ask('POST', CONFIGURATIONS, hook()))['kind'] == 'ValidatingWebhookConfiguration'
    return cluster


async def test_deletions_carry_the_options_of_the_query(cluster: Cluster) -> None:
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a?gracePeriodSeconds=0&propagationPolicy=Background')
    assert cluster.asked[0]['options'] == {
        'kind': 'DeleteOptions',
        'apiVersion': 'meta.k8s.io/v1',
        'gracePeriodSeconds': 0,
        'propagationPolicy': 'Background',
    }


async def test_deletions_carry_the_options_of_the_body(cluster: Cluster) -> None:
    uid = (await cluster.ask('GET', f'{CONFIGMAPS}/a'))['metadata']['uid']
    body = {'apiVersion': 'v1', 'kind': 'DeleteOptions', 'preconditions': {'uid': uid}, 'dryRun': ['All']}
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a', body)
    assert cluster.asked[0]['options'] == {**body, 'apiVersion': 'meta.k8s.io/v1'}
    assert cluster.asked[0]['dryRun'] is True


async def test_graceful_deletions_carry_the_grace_that_is_settled_on(cluster: Cluster) -> None:
    containers = [{'name': 'c', 'image': 'i'}]
    pods = '/api/v1/namespaces/default/pods'
    pod = {'metadata': {'name': 'p'}, 'spec': {'containers': containers, 'nodeName': 'n'}}
    await cluster.ask('POST', pods, pod)
    await cluster.ask('DELETE', f'{pods}/p')
    assert cluster.asked[-1]['options']['gracePeriodSeconds'] == 30


async def test_the_objects_of_a_deleted_collection_have_no_names_in_the_request(cluster: Cluster) -> None:
    await cluster.ask('DELETE', CONFIGMAPS)
    assert [each['oldObject']['metadata']['name'] for each in cluster.asked] == ['a']
    assert 'name' not in cluster.asked[0]


async def test_requests_for_namespaces_are_in_them(cluster: Cluster) -> None:
    await cluster.ask('POST', '/api/v1/namespaces', {'metadata': {'name': 'n'}})
    await cluster.ask('DELETE', '/api/v1/namespaces/n')
    seen = [(each['operation'], each['name'], each['namespace']) for each in cluster.asked]
    assert seen[:2] == [('CREATE', 'n', 'n'), ('DELETE', 'n', 'n')]


async def test_scales_are_seen_once_and_as_scales(cluster: Cluster) -> None:
    labels = {'app': 'x'}
    template = {'metadata': {'labels': labels}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}
    spec = {'selector': {'matchLabels': labels}, 'template': template}
    await cluster.ask('POST', DEPLOYMENTS, {'metadata': {'name': 'd'}, 'spec': spec})
    cluster.asked.clear()
    merge = 'application/merge-patch+json'
    await cluster.ask('PATCH', f'{DEPLOYMENTS}/d/scale', {'spec': {'replicas': 3}}, kind=merge)
    [asked] = cluster.asked
    assert asked['subResource'] == 'scale'
    assert (asked['object']['kind'], asked['object']['spec']) == ('Scale', {'replicas': 3})
    assert (asked['oldObject']['kind'], asked['oldObject']['spec']) == ('Scale', {'replicas': 1})


async def test_a_timeout_of_zero_is_refused(cluster: Cluster) -> None:
    refused = await cluster.ask('POST', CONFIGURATIONS, hook(timeoutSeconds=0))
    assert refused['details']['causes'][0]['field'] == 'webhooks[0].timeoutSeconds'
    message = 'Invalid value: 0: the timeout value must be between 1 and 30 seconds'
    assert refused['details']['causes'][0]['message'] == message


async def test_match_conditions_tell_true_or_false(cluster: Cluster) -> None:
    conditions = [{'name': 'number', 'expression': '1'}]
    refused = await cluster.ask('POST', CONFIGURATIONS, hook(matchConditions=conditions))
    assert [(each['field'], each['message']) for each in refused['details']['causes']] == [
        ('webhooks[0].matchConditions[0].expression', 'Invalid value: "1": must evaluate to bool')
    ]
