"""The examples of the introduction. Each runs as it is shown.

The sophisticated stream takes six seconds; they pass in virtual time.
"""

import asyncio
import datetime
import json
import urllib.request
from collections.abc import AsyncIterator

import aiohttp
import pytest
from virtual_time import skip_waiting

import kmock

# --- HTTP mock server


async def test_http_access(kmock: kmock.RawHandler) -> None:
    # Pre-populate the HTTP server with request criteria and associated responses.
    kmock['get /'] << 418 << {'hello': 'world'}

    # Perform a sample request using the embedded client and assert the response.
    resp = await kmock.get('/')
    data = await resp.json()
    assert resp.status == 418
    assert data == {'hello': 'world'}


def test_http_access_without_asyncio(kmock: kmock.RawHandler) -> None:
    """The same in a plain function: the server runs in the background."""
    kmock['get /'] << 200 << {'hello': 'world'}
    with urllib.request.urlopen(f'{kmock.url}/') as resp:
        assert json.load(resp) == {'hello': 'world'}


# --- Kubernetes mock server


async def test_k8s_list(kmock: kmock.KubernetesEmulator) -> None:
    # Pre-populate the Kubernetes emulator with objects.
    kmock.objects['kopf.dev/v1/kopfexamples', 'ns1', 'name1'] = {'spec': 123}
    kmock.objects['kopf.dev/v1/kopfexamples', 'ns2', 'name2'] = {'spec': 456}

    # Perform a sample request using the embedded client and assert the response.
    resp = await kmock.get('/apis/kopf.dev/v1/namespaces/ns1/kopfexamples')
    data = await resp.json()
    assert kmock.Object(data) >= {'items': [{'spec': 123}]}


# --- Kubernetes watch-streams


async def test_k8s_watch(kmock: kmock.KubernetesEmulator) -> None:
    # Announce the existence of the resource to the server.
    kmock.resources['kopf.dev/v1/kopfexamples'] = {}

    # The stream must start BEFORE the activity happens.
    async with kmock.get('/apis/kopf.dev/v1/kopfexamples?watch=true') as resp:
        # Simulate the activity (ignore the responses).
        body = {'metadata': {'namespace': 'ns1', 'name': 'name3'}, 'spec': 789}
        await kmock.post('/apis/kopf.dev/v1/kopfexamples', json=body)
        await kmock.delete('/apis/kopf.dev/v1/namespaces/ns1/kopfexamples/name3')
        await asyncio.sleep(0.1)  # the loopback network stack takes some time

        # Read the accumulated stream and parse into individual events on each line.
        lines: list[bytes] = resp.content.read_nowait().splitlines()
        events = [json.loads(line.decode()) for line in lines]

    # Close the connection, and assert the results.
    assert len(events) == 2
    assert kmock.Object(events[0]) >= {'type': 'ADDED', 'object': {'spec': 789}}
    assert kmock.Object(events[1]) >= {'type': 'DELETED', 'object': {'spec': 789}}


@pytest.mark.kmock(verbatim=True)
async def test_k8s_watch_verbatim(kmock: kmock.KubernetesEmulator) -> None:
    """The same with objects as they are given."""
    kmock.resources['kopf.dev/v1/kopfexamples'] = {}
    async with kmock.get('/apis/kopf.dev/v1/kopfexamples?watch=true') as resp:
        body = {'metadata': {'namespace': 'ns1', 'name': 'name3'}, 'spec': 789}
        await kmock.post('/apis/kopf.dev/v1/kopfexamples', json=body)
        await kmock.delete('/apis/kopf.dev/v1/namespaces/ns1/kopfexamples/name3')
        events = [json.loads(await resp.content.readline()) for _ in range(2)]
    assert events == [{'type': 'ADDED', 'object': body}, {'type': 'DELETED', 'object': body}]


# --- Bizarrely sophisticated stream


@pytest.fixture
async def virtual_time() -> AsyncIterator[None]:
    for each in skip_waiting(asyncio.get_running_loop()):
        yield each


@pytest.mark.usefixtures('virtual_time')
class TestStream:
    """The server of the last example, and what curl would show of it."""

    @pytest.mark.kmock(port=12345, cls=kmock.RawHandler)
    async def test_bizarrely_complex_k8s_simulation(self, kmock: kmock.RawHandler) -> None:
        deletion_event = asyncio.Event()
        asyncio.get_running_loop().call_later(6, deletion_event.set)

        gets = kmock['get']
        lists = kmock['list']
        watches = kmock['watch']
        prepare(kmock, deletion_event)

        await function_under_test(kmock)

        assert len(kmock) == 3
        assert len(gets) == 2
        assert len(lists) == 1
        assert len(watches) == 1
        assert watches[0].params == {'watch': 'true'}  # other params are tolerated
        assert watches[0].headers['X-MyLib-Version'] == '1.2.3'

    @pytest.mark.kmock(cls=kmock.RawHandler)
    async def test_the_stream_takes_six_seconds_and_then_three(self, kmock: kmock.RawHandler) -> None:
        deletion_event = asyncio.Event()
        asyncio.get_running_loop().call_later(6, deletion_event.set)
        prepare(kmock, deletion_event)

        assert await watch(kmock) == [
            (0, 'ADDED'),
            (3, 'MODIFIED'),
            (6, 'DELETED demo0'),
            (6, 'DELETED demo1'),
            (6, 'DELETED demo2'),
            (6, 'ERROR 410'),
        ]
        # The event is set already, so that step is passed instantly; the sleeping step is new every time.
        assert [second for second, _ in await watch(kmock)] == [0, 3, 3, 3, 3, 3]
        assert kmock.errors == []

    @pytest.mark.kmock(cls=kmock.RawHandler)
    async def test_the_list_and_the_default_are_as_curl_shows_them(self, kmock: kmock.RawHandler) -> None:
        prepare(kmock, asyncio.Event())
        async with kmock.post(EXAMPLES) as resp:
            assert (resp.status, resp.reason) == (404, 'Not Found')
            assert await resp.read() == b'{"error": "not served"}'
        async with kmock.get(EXAMPLES) as resp:
            assert await resp.json() == {'items': [], 'metadata': {'resourceVersion': 'v1'}}


EXAMPLES = '/apis/kopf.dev/v1/namespaces/ns1/kopfexamples'


def prepare(kmock: kmock.RawHandler, deletion_event: asyncio.Event) -> None:
    kmock['list kopf.dev/v1/kopfexamples', kmock.namespace('ns1')] << {
        'items': [],
        'metadata': {'resourceVersion': 'v1'},
    }
    kmock['watch kopf.dev/v1/kopfexamples', kmock.namespace('ns1')] << (
        {'type': 'ADDED', 'object': {'spec': {}}},
        lambda: asyncio.sleep(3),
        lambda: {'type': 'MODIFIED', 'object': {'spec': {'time': datetime.datetime.now(tz=datetime.UTC).isoformat()}}},
        deletion_event.wait(),
        tuple({'type': 'DELETED', 'object': {'metadata': {'name': f'demo{i}'}}} for i in range(3)),
        410,
    )
    kmock << 404 << b'{"error": "not served"}' << {'X-MyServer-Info': 'error'}


async def function_under_test(kmock: kmock.RawHandler) -> None:
    resp = await kmock.post('/apis/kopf.dev/v1/namespaces/ns1/kopfexamples')
    assert resp.status == 404
    assert resp.headers['X-MyServer-Info'] == 'error'
    await kmock.get('/apis/kopf.dev/v1/namespaces/ns1/kopfexamples')
    headers = {'X-MyLib-Version': '1.2.3'}
    timeout = aiohttp.ClientTimeout(total=1)
    await kmock.get('/apis/kopf.dev/v1/namespaces/ns1/kopfexamples?watch=true', timeout=timeout, headers=headers)


async def watch(kmock: kmock.RawHandler) -> list[tuple[int, str]]:
    """The events of the watch, with the seconds since it began."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    events = []
    async with kmock.get(f'{EXAMPLES}?watch=true') as resp:
        async for line in resp.content:
            event = json.loads(line)
            told = event['object'].get('metadata', {}).get('name') or event['object'].get('code') or ''
            events.append((round(loop.time() - began), f'{event["type"]} {told}'.strip()))
    return events
