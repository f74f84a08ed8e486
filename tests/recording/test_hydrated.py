"""A cassette over an emulated cluster: what was never recorded is answered by a cluster that knows the recording."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from asking import Reply, ask, make
from taping import Taped, tape, taped

from kmock.kubernetes import KubernetesEmulator
from kmock.messages import Answer, Outcome

CONFIGMAPS = '/api/v1/namespaces/ns/configmaps'
JSON = [('Content-Type', 'application/json')]


def configmap(name: str, revision: int, **data: str) -> dict[str, Any]:
    metadata = {'name': name, 'namespace': 'ns', 'uid': f'uid-{name}', 'resourceVersion': str(revision)}
    return {'kind': 'ConfigMap', 'apiVersion': 'v1', 'metadata': metadata, 'data': data}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


LIST = {
    'kind': 'ConfigMapList',
    'apiVersion': 'v1',
    'metadata': {'resourceVersion': '50'},
    'items': [configmap('a', 10, key='one'), configmap('b', 20)],
}
STORY = (
    taped('GET', CONFIGMAPS, encoded(LIST)),
    taped('PATCH', f'{CONFIGMAPS}/a', encoded(configmap('a', 60, key='two')), at=1, body=b'{"data":{"key":"two"}}'),
    taped('POST', CONFIGMAPS, encoded(configmap('c', 70)), at=2, status=201, body=b'{"metadata":{"name":"c"}}'),
    taped('DELETE', f'{CONFIGMAPS}/b', encoded({'kind': 'Status', 'status': 'Success', 'details': {}}), at=3),
)


def emulator(*story: Taped, **options: Any) -> KubernetesEmulator:
    return KubernetesEmulator(cassette=tape(*(story or STORY)), pace='instant', **options)


async def write(kmock: KubernetesEmulator, line: str, data: Any, content_type: str = 'application/json') -> Reply:
    return await ask(kmock, line, body=encoded(data), headers=[('Content-Type', content_type)])


async def test_listed_objects_are_there_with_their_resource_versions() -> None:
    async with emulator() as kmock:
        reply = await ask(kmock, f'get {CONFIGMAPS}/a')
        assert reply.data == configmap('a', 10, key='one')
        assert (await ask(kmock, f'get {CONFIGMAPS}?limit=1&labelSelector=x')).data['metadata'][
            'resourceVersion'
        ] == '70'
        assert not kmock.errors


async def test_writes_get_resource_versions_above_all_recorded_ones() -> None:
    async with emulator() as kmock:
        reply = await write(kmock, f'post {CONFIGMAPS}', {'metadata': {'name': 'new'}})
        assert (reply.status, reply.data['metadata']['resourceVersion']) == (201, '71')


async def test_a_write_that_differs_from_the_recorded_one_is_done() -> None:
    merge = 'application/merge-patch+json'
    async with emulator() as kmock:
        patched = await write(kmock, f'patch {CONFIGMAPS}/a', {'data': {'other': 'x'}}, merge)
        assert patched.data['data'] == {'key': 'one', 'other': 'x'}
        created = await write(kmock, f'post {CONFIGMAPS}', {'metadata': {'name': 'c', 'labels': {'x': 'y'}}})
        assert created.status == 201


async def test_the_cluster_follows_what_is_replayed() -> None:
    async with emulator() as kmock:
        assert (await ask(kmock, f'get {CONFIGMAPS}/c')).status == 404
        await write(kmock, f'patch {CONFIGMAPS}/a', {'data': {'key': 'two'}})
        await write(kmock, f'post {CONFIGMAPS}', {'metadata': {'name': 'c'}})
        await ask(kmock, f'delete {CONFIGMAPS}/b')
        assert (await ask(kmock, f'get {CONFIGMAPS}/a')).data == configmap('a', 60, key='two')
        assert (await ask(kmock, f'get {CONFIGMAPS}/c')).data == configmap('c', 70)
        assert (await ask(kmock, f'get {CONFIGMAPS}/b')).status == 404


async def test_a_repeated_answer_does_not_bring_the_past_back() -> None:
    async with emulator() as kmock:
        await ask(kmock, f'get {CONFIGMAPS}')
        await ask(kmock, f'delete {CONFIGMAPS}/b')
        await write(kmock, f'patch {CONFIGMAPS}/a', {'data': {'key': 'three'}}, 'application/merge-patch+json')
        await ask(kmock, f'get {CONFIGMAPS}')  # the same list as before
        assert (await ask(kmock, f'get {CONFIGMAPS}/b')).status == 404
        assert (await ask(kmock, f'get {CONFIGMAPS}/a')).data['data'] == {'key': 'three'}


class Watch:
    """A client that reads the events of a watch one by one."""

    def __init__(self, kmock: KubernetesEmulator, target: str) -> None:
        self._kmock = kmock
        self._request = make(f'get {target}')
        self._answer: Answer | None = None
        self._events: list[Any] = []

    async def next(self) -> tuple[str, str, str]:
        """The type, the name and the resourceVersion of the next event."""
        if self._answer is None:
            self._answer = await self._kmock.handle(self._request)
        assert not isinstance(self._answer.body, bytes)
        while not self._events:
            piece = await asyncio.wait_for(anext(self._answer.body), 5)
            self._events = [json.loads(line) for line in piece.splitlines()]
        event = self._events.pop(0)
        return event['type'], event['object']['metadata']['name'], event['object']['metadata']['resourceVersion']

    async def close(self) -> None:
        if self._answer is not None:
            await self._answer.body.aclose()  # type: ignore[union-attr]
            self._kmock.observe(self._request, self._answer, Outcome.CLIENT_CLOSED)


async def test_a_watch_from_a_recorded_resource_version_goes_on_after_it_without_duplicates_and_gaps() -> None:
    async with emulator() as kmock:
        await write(kmock, f'patch {CONFIGMAPS}/a', {'data': {'key': 'two'}})  # recorded, 60
        await write(kmock, f'post {CONFIGMAPS}', {'metadata': {'name': 'c'}})  # recorded, 70
        early, late = (Watch(kmock, f'{CONFIGMAPS}?watch=true&resourceVersion={each}') for each in (50, 60))
        assert await early.next() == ('MODIFIED', 'a', '60')
        assert await early.next() == ('ADDED', 'c', '70')
        assert await late.next() == ('ADDED', 'c', '70')
        created = await write(kmock, f'post {CONFIGMAPS}', {'metadata': {'name': 'new'}})
        revision = created.data['metadata']['resourceVersion']
        assert int(revision) > 70
        assert await early.next() == await late.next() == ('ADDED', 'new', revision)
        await early.close()
        await late.close()


async def test_what_others_did_is_followed_as_a_recorded_watch_tells_of_it() -> None:
    lines = [
        {'type': 'ADDED', 'object': configmap('d', 55)},
        {'type': 'MODIFIED', 'object': configmap('a', 56, key='x')},
        {'type': 'DELETED', 'object': configmap('b', 57)},
    ]
    pieces = [(0.1 * (place + 1), encoded(each) + b'\n') for place, each in enumerate(lines)]
    watch = taped('GET', f'{CONFIGMAPS}?watch=true&resourceVersion=50', pieces=pieces, end=1, at=1)
    async with emulator(STORY[0], watch) as kmock:
        assert (await ask(kmock, f'get {CONFIGMAPS}/d')).status == 404
        reply = await ask(kmock, f'get {CONFIGMAPS}?watch=true&resourceVersion=50')
        assert [line['type'] for line in reply.lines] == ['ADDED', 'MODIFIED', 'DELETED']
        assert (await ask(kmock, f'get {CONFIGMAPS}/a')).data['data'] == {'key': 'x'}
        statuses = [(await ask(kmock, f'get {CONFIGMAPS}/{name}')).status for name in 'abd']
        assert statuses == [200, 404, 200]


async def test_without_a_fallback_what_was_not_recorded_is_refused() -> None:
    async with emulator(fallback=None) as kmock:
        assert (await ask(kmock, f'get {CONFIGMAPS}')).status == 200
        reply = await ask(kmock, f'get {CONFIGMAPS}/a')
        assert reply.status == 599
        assert 'nearest recorded request' in reply.data['message']
        assert len(kmock.errors) == len(kmock.cassette.unmatched) == 1


async def test_a_recording_of_something_else_is_no_cluster() -> None:
    async with emulator(taped('GET', '/hello', b'hi')) as kmock:
        assert (await ask(kmock, 'get /hello')).body == b'hi'
        assert (await ask(kmock, 'get /api/v1/pods')).status == 599


async def test_rules_override_both_the_recording_and_the_cluster() -> None:
    async with emulator() as kmock:
        kmock[f'get {CONFIGMAPS}/a'] << {'mine': True}
        kmock[f'get {CONFIGMAPS}'] << {'mine': True}
        for path in (CONFIGMAPS, f'{CONFIGMAPS}/a'):
            assert (await ask(kmock, f'get {path}')).data == {'mine': True}


async def test_definitions_of_custom_resources_are_served_with_their_objects_and_validated(
    cassettes_folder: Path,
) -> None:
    examples = '/apis/demo.kmock.dev/v1/namespaces/tr-kopf/examples'
    async with KubernetesEmulator(cassette=cassettes_folder / 'kopf.jsonl', pace='instant') as kmock:
        mine = {'apiVersion': 'demo.kmock.dev/v1', 'kind': 'Example', 'metadata': {'name': 'mine'}}
        created = await write(kmock, f'post {examples}', mine)
        assert (created.status, created.data['metadata']['resourceVersion']) == (201, '4264')
        wrong = await write(kmock, f'post {examples}', {**mine, 'kind': 'Wrong'})
        assert wrong.status == 400
        discovered = await ask(kmock, 'get /apis/tr.kmock.dev/v1')
        assert 'widgets' in [each['name'] for each in discovered.data['resources']]
        crd = await ask(kmock, 'get /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.tr.kmock.dev')
        assert crd.data['metadata']['resourceVersion'] == '4148'


async def test_a_definition_that_is_replayed_is_served() -> None:
    """Before its recorded creation, the resource is not there; after it, it is."""
    target = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    crd = {
        'apiVersion': 'apiextensions.k8s.io/v1',
        'kind': 'CustomResourceDefinition',
        'metadata': {'name': 'kopfexamples.kopf.dev', 'uid': 'u', 'resourceVersion': '5'},
        'spec': {
            'group': 'kopf.dev',
            'scope': 'Namespaced',
            'names': {
                'plural': 'kopfexamples',
                'kind': 'KopfExample',
                'singular': 'kopfexample',
                'listKind': 'KopfExampleList',
            },
            'versions': [
                {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': {'type': 'object'}}}
            ],
        },
    }
    async with emulator(taped('POST', target, encoded(crd), status=201, body=encoded(crd))) as kmock:
        assert (await ask(kmock, 'get /apis/kopf.dev/v1/kopfexamples')).status == 404
        assert (await write(kmock, f'post {target}', crd)).status == 201
        assert (await ask(kmock, 'get /apis/kopf.dev/v1/kopfexamples')).data['items'] == []


async def test_objects_of_unknown_resources_are_served_without_a_schema(cassettes_folder: Path) -> None:
    items = '/apis/trc.kmock.dev/v1/namespaces/tr-kasync/items'
    async with KubernetesEmulator(cassette=cassettes_folder / 'kubernetes-asyncio.jsonl', pace='instant') as kmock:
        reply = await ask(kmock, f'get {items}?labelSelector=never-asked')
        assert (reply.status, reply.data['items']) == (200, [])


@pytest.mark.parametrize(
    ('version', 'expected'), [(None, {'major': '1', 'minor': '30'}), ({'major': '9'}, {'major': '9'})]
)
async def test_the_version_is_the_recorded_one_unless_another_is_given(version: Any, expected: Any) -> None:
    story = [*STORY, taped('GET', '/version?timeout=1s', encoded({'major': '1', 'minor': '30'}))]
    async with emulator(*story, version=version) as kmock:
        assert (await ask(kmock, 'get /version?other=1')).data == expected


async def test_objects_of_the_test_are_those_of_the_recording() -> None:
    async with emulator() as kmock:
        assert kmock.objects['v1/configmaps', 'ns', 'a'] >= {'data': {'key': 'one'}}
