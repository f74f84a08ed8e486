"""Webhooks that take time: what happens to an object meanwhile."""

import json
from typing import Any

import pytest

from kmock.clock import VirtualClock
from kmock.kube.emulator import Emulator
from kmock.messages import Request

CORE, APPS = '/api/v1/namespaces/default', '/apis/apps/v1/namespaces/default'
MAP, SET = f'{CORE}/configmaps', f'{APPS}/replicasets'
POD: dict[str, Any] = {
    'metadata': {'labels': {'app': 'a'}},
    'spec': {'containers': [{'name': 'a', 'image': 'a'}]},
}
REPLICAS: dict[str, Any] = {
    'metadata': {'name': 'a'},
    'spec': {'selector': {'matchLabels': {'app': 'a'}}, 'template': POD},
}
HOOKS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
HOOK: dict[str, Any] = {
    'metadata': {'name': 'busy'},
    'webhooks': [
        {
            'name': 'busy.example.com',
            'admissionReviewVersions': ['v1'],
            'sideEffects': 'None',
            'clientConfig': {'url': 'https://hook/'},
            'rules': [
                {
                    'apiGroups': ['', 'apps'],
                    'apiVersions': ['v1'],
                    'operations': ['UPDATE', 'DELETE'],
                    'resources': ['configmaps', 'replicasets/scale'],
                }
            ],
        }
    ],
}


class World:
    """A cluster with two objects, and a webhook that changes them `writes` times before it merely allows anything."""

    def __init__(self, writes: int) -> None:
        self.clock = VirtualClock()
        self.emulator = Emulator(clock=self.clock, call=self.call)
        self.emulator.start()
        self.writes = writes
        self.calls = 0

    async def ask(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        kind = 'application/merge-patch+json' if method == 'PATCH' else 'application/json'
        data = b'' if body is None else json.dumps(body).encode()
        answer = await self.emulator.respond(Request.make(method, target, headers={'Content-Type': kind}, body=data))
        assert answer is not None
        assert isinstance(answer.body, bytes)
        return answer.status, json.loads(answer.body)

    async def begin(self) -> None:
        for path, body in ((MAP, {'metadata': {'name': 'a'}}), (SET, REPLICAS), (HOOKS, HOOK)):
            status, made = await self.ask('POST', path, body)
            assert status == 201, made

    async def call(self, url: str, body: bytes, **options: Any) -> tuple[int, bytes]:
        self.calls += 1
        assert self.calls < 100, 'It goes on for ever.'
        await self.clock.advance(1.0)
        if self.writes:
            self.writes -= 1
            self.write(('', 'configmaps'))
            self.write(('apps', 'replicasets'))
        response = {'uid': json.loads(body)['request']['uid'], 'allowed': True}
        review = {'apiVersion': 'admission.k8s.io/v1', 'kind': 'AdmissionReview', 'response': response}
        return 200, json.dumps(review).encode()

    def write(self, bucket: tuple[str, str]) -> None:
        store = self.emulator.cluster.store
        stored = store.get(bucket, 'default/a')
        assert stored is not None
        obj = stored.decode()
        obj['metadata']['annotations'] = {'calls': str(self.calls)}
        store.put(bucket, 'default/a', obj)


WRITES = pytest.mark.parametrize(
    ('method', 'target', 'body'),
    [
        pytest.param('PATCH', f'{MAP}/a', {'data': {'mine': 'yes'}}, id='patch'),
        pytest.param('PUT', f'{MAP}/a', {'metadata': {'name': 'a'}, 'data': {'mine': 'yes'}}, id='put'),
        pytest.param('DELETE', f'{MAP}/a', None, id='delete'),
        pytest.param('PATCH', f'{SET}/a/scale', {'spec': {'replicas': 3}}, id='scale'),
    ],
)


@WRITES
async def test_a_write_begins_anew_if_the_object_changes_while_webhooks_are_asked(
    method: str, target: str, body: Any
) -> None:
    world = World(writes=2)
    await world.begin()
    status, answer = await world.ask(method, target, body)
    assert status == 200, answer
    assert world.calls == 3


@WRITES
async def test_a_write_whose_webhook_always_changes_the_object_times_out(method: str, target: str, body: Any) -> None:
    """As in the real server, which takes 34 seconds for any; otherwise it would begin anew for ever."""
    world = World(writes=1000)
    await world.begin()
    status, answer = await world.ask(method, target, body)
    assert (status, answer['reason']) == (504, 'Timeout')
    expected = 'Timeout: request did not complete within requested timeout - context deadline exceeded'
    assert answer['message'] == expected
    assert world.calls == 34
