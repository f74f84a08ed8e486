"""Random writes through the API against a simple model: lists, histories and watches never disagree with it."""

import asyncio
import copy
import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kmock.clock import VirtualClock
from kmock.kube.emulator import Emulator
from kmock.kube.store import Store
from kmock.messages import Request

KINDS = {'configmaps': '/api/v1', 'widgets': '/apis/machine.example/v1'}
CRD = {
    'metadata': {'name': 'widgets.machine.example'},
    'apiVersion': 'apiextensions.k8s.io/v1',
    'kind': 'CustomResourceDefinition',
    'spec': {
        'group': 'machine.example',
        'scope': 'Namespaced',
        'names': {'plural': 'widgets', 'kind': 'Widget'},
        'versions': [
            {
                'name': 'v1',
                'served': True,
                'storage': True,
                'schema': {
                    'openAPIV3Schema': {
                        'type': 'object',
                        'properties': {'data': {'type': 'object', 'additionalProperties': {'type': 'string'}}},
                    }
                },
            }
        ],
    },
}
LOG = 12
names = st.sampled_from(['a', 'b', 'b-c'])
namespaces = st.sampled_from(['one', 'one-more'])
kinds = st.sampled_from(sorted(KINDS))
values = st.sampled_from(['1', '2'])
Key = tuple[str, str, str]


class Cluster(RuleBasedStateMachine):
    """What a client may do, and what it must see then."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.emulator = Emulator(clock=VirtualClock(), store=Store(event_log=LOG))
        self.emulator.start()
        self.model: dict[Key, dict[str, Any]] = {}
        self.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', CRD, status=201)
        for name in ('one', 'one-more'):
            self.ask('POST', '/api/v1/namespaces', {'metadata': {'name': name}}, status=201)
        self.revision = self.emulator.cluster.store.revision
        self.past = {self.revision: copy.deepcopy(self.model)}
        self.writes: dict[str, list[int]] = {kind: [] for kind in KINDS}

    def teardown(self) -> None:
        self.runner.close()

    # --- asking

    def ask(self, method: str, path: str, body: Any = None, *, status: int, kind: str = 'application/json') -> Any:
        request = Request.make(
            method, path, headers={'Content-Type': kind}, body=b'' if body is None else json.dumps(body).encode()
        )
        answer = self.runner.run(self.emulator.respond(request))
        assert answer is not None
        assert isinstance(answer.body, bytes)
        assert answer.status == status, answer.body
        return json.loads(answer.body)

    def path(self, key: Key) -> str:
        kind, namespace, name = key
        return f'{KINDS[kind]}/namespaces/{namespace}/{kind}' + (f'/{name}' if name else '')

    def body(self, key: Key, value: str) -> dict[str, Any]:
        identity = {'configmaps': ('v1', 'ConfigMap'), 'widgets': ('machine.example/v1', 'Widget')}[key[0]]
        return {
            'apiVersion': identity[0],
            'kind': identity[1],
            'metadata': {'name': key[2], 'labels': {'v': value}},
            'data': {'k': value},
        }

    def wrote(self, key: Key, obj: dict[str, Any] | None) -> None:
        """The write took one revision, greater than all before; None is a deletion."""
        store = self.emulator.cluster.store
        assert store.revision == self.revision + 1
        self.revision = store.revision
        if obj is None:
            del self.model[key]
        else:
            assert obj['metadata']['resourceVersion'] == str(self.revision)
            self.model[key] = obj
        self.past[self.revision] = copy.deepcopy(self.model)
        self.writes[key[0]].append(self.revision)

    # --- writing

    @rule(kind=kinds, namespace=namespaces, name=names, value=values, held=st.booleans())
    def create(self, kind: str, namespace: str, name: str, value: str, held: bool) -> None:
        key = (kind, namespace, name)
        body = self.body(key, value)
        if held:
            body['metadata']['finalizers'] = ['machine.example/hold']
        status = 409 if key in self.model else 201
        obj = self.ask('POST', self.path((kind, namespace, '')), body, status=status)
        if status == 201:
            self.wrote(key, obj)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), value=values, stale=st.booleans())
    def update(self, data: st.DataObject, value: str, stale: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.model)))
        body = copy.deepcopy(self.model[key])
        before = body['data']
        body['data'], body['metadata']['labels'] = {'k': value}, {'v': value}
        if stale:
            body['metadata']['resourceVersion'] = '1'
            self.ask('PUT', self.path(key), body, status=409)
            return
        obj = self.ask('PUT', self.path(key), body, status=200)
        if before == {'k': value}:
            assert obj == self.model[key]
        else:
            self.wrote(key, obj)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), value=values, kind=st.sampled_from(['merge', 'json']))
    def patch(self, data: st.DataObject, value: str, kind: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.model)))
        patch: Any = {'data': {'k': value}, 'metadata': {'labels': {'v': value}}}
        if kind == 'json':
            patch = [
                {'op': 'replace', 'path': '/data/k', 'value': value},
                {'op': 'replace', 'path': '/metadata/labels/v', 'value': value},
            ]
        same = self.model[key]['data'] == {'k': value}
        obj = self.ask('PATCH', self.path(key), patch, status=200, kind=f'application/{kind}-patch+json')
        if same:
            assert obj == self.model[key]
        else:
            self.wrote(key, obj)

    @rule(kind=kinds, namespace=namespaces, name=names, verb=st.sampled_from(['POST', 'PATCH', 'DELETE']))
    def dry_run(self, kind: str, namespace: str, name: str, verb: str) -> None:
        key = (kind, namespace, name)
        there = key in self.model
        body: Any = {'data': {'new': 'x'}} if verb == 'PATCH' else None if verb == 'DELETE' else self.body(key, '1')
        status = (409 if there else 201) if verb == 'POST' else 200 if there else 404
        path = self.path((kind, namespace, '') if verb == 'POST' else key) + '?dryRun=All'
        media = 'application/merge-patch+json' if verb == 'PATCH' else 'application/json'
        self.ask(verb, path, body, status=status, kind=media)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model)))
        metadata = self.model[key]['metadata']
        obj = self.ask('DELETE', self.path(key), status=200)
        if not metadata.get('finalizers'):
            assert obj['status'] == 'Success'
            self.wrote(key, None)
        elif 'deletionTimestamp' in metadata:
            assert obj == self.model[key]
        else:
            assert obj['metadata']['deletionTimestamp']
            self.wrote(key, obj)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """The last finalizer takes the object along, if it is being deleted."""
        key = data.draw(st.sampled_from(sorted(self.model)))
        metadata = self.model[key]['metadata']
        patch = {'metadata': {'finalizers': None}}
        obj = self.ask('PATCH', self.path(key), patch, status=200, kind='application/merge-patch+json')
        if metadata.get('finalizers'):
            self.wrote(key, None if 'deletionTimestamp' in metadata else obj)

    # --- seeing

    def shown(self, kind: str, model: dict[Key, dict[str, Any]]) -> dict[Key, str]:
        return {key: obj['metadata']['resourceVersion'] for key, obj in sorted(model.items()) if key[0] == kind}

    def floor(self, kind: str) -> int:
        """The revision of the newest event that has left the log."""
        written = self.writes[kind]
        return written[-LOG - 1] if len(written) > LOG else 0

    @invariant()
    def no_write_is_missed(self) -> None:
        """Also not one that should not have been."""
        assert self.emulator.cluster.store.revision == self.revision

    @invariant()
    def lists_are_the_model(self) -> None:
        for kind, prefix in KINDS.items():
            found = self.ask('GET', f'{prefix}/{kind}', status=200)
            assert found['metadata']['resourceVersion'] == str(self.revision)
            expected = [obj for key, obj in sorted(self.model.items(), key=_etcd_order) if key[0] == kind]
            for each in found['items']:
                each.setdefault('kind', expected[0]['kind'])
                each.setdefault('apiVersion', expected[0]['apiVersion'])
            assert found['items'] == expected

    @rule(kind=kinds, data=st.data())
    def list_as_it_was(self, kind: str, data: st.DataObject) -> None:
        revision = data.draw(st.sampled_from(sorted(self.past)))
        path = f'{KINDS[kind]}/{kind}?resourceVersion={revision}&resourceVersionMatch=Exact'
        if revision < self.floor(kind):
            assert self.ask('GET', path, status=410)['reason'] == 'Expired'
            return
        found = self.ask('GET', path, status=200)
        metadata = [each['metadata'] for each in found['items']]
        listed = {(kind, each['namespace'], each['name']): each['resourceVersion'] for each in metadata}
        assert listed == self.shown(kind, self.past[revision])

    @rule(kind=kinds, data=st.data(), selector=st.sampled_from(['', 'v=1']))
    def watch_from_then(self, kind: str, data: st.DataObject, selector: str) -> None:
        """The list of that moment and the events since then make the list of now."""
        revision = data.draw(st.sampled_from(sorted(self.past)))
        events = self.runner.run(self.events(kind, revision, selector))
        if revision < self.floor(kind):
            assert [(each['type'], each['object']['code']) for each in events] == [('ERROR', 410)]
            return

        def selected(model: dict[Key, dict[str, Any]]) -> dict[Key, str]:
            chosen = {key: obj for key, obj in model.items() if not selector or obj['data']['k'] == '1'}
            return self.shown(kind, chosen)

        state, last = selected(self.past[revision]), revision
        for each in events:
            metadata = each['object']['metadata']
            key, version = (kind, metadata['namespace'], metadata['name']), metadata['resourceVersion']
            assert int(version) > last
            last = int(version)
            assert (key in state) == (each['type'] != 'ADDED')
            if each['type'] == 'DELETED':
                del state[key]
            else:
                state[key] = version
        assert state == selected(self.model)

    async def events(self, kind: str, revision: int, selector: str) -> list[Any]:
        """All that a watch tells of what is past."""
        path = f'{KINDS[kind]}/{kind}?watch=1&timeoutSeconds=-1&resourceVersion={revision}&labelSelector={selector}'
        answer = await self.emulator.respond(Request.make('GET', path))
        assert answer is not None
        assert not isinstance(answer.body, bytes)
        return [json.loads(line) async for piece in answer.body for line in piece.splitlines()]


def _etcd_order(item: tuple[Key, Any]) -> tuple[str, str]:
    (kind, namespace, name), _ = item
    return kind, f'{namespace}/{name}'


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
