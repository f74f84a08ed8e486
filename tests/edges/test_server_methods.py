"""Methods that no parser lists: they come as they are, wherever a request may begin."""

import asyncio

import pytest
from serving import Client, Script, get, serving

import kmock
from kmock.messages import Answer, Duplex, Outcome


def ask(method: str, *headers: str, body: str = '', path: str = '/') -> bytes:
    return '\r\n'.join([f'{method} {path} HTTP/1.1', 'Host: there', *headers, '', body]).encode()


async def sent(*segments: bytes, count: int) -> Script:
    """Send segments on one connection, and wait for so many answers."""
    script = Script(Answer(body=b'.'), read=True)
    async with serving(script) as server, Client(server) as client:
        for segment in segments:
            client.send(segment)
            for _ in range(3):  # client and server share the loop, so it is read by itself
                await asyncio.sleep(0)
        for _ in range(count):
            await client.receive(b'\r\n\r\n.')
    return script


def seen(script: Script) -> list[tuple[str, str, bytes]]:
    return [(request.method, request.target, request.body) for request in script.requests]


@pytest.mark.parametrize(
    'method', ['STORE', 'x-y', 'Get', 'a', "!#$%&'*+.^_`|~9", 'M' * 63, 'PROPFIND', 'QUERY', 'PRI']
)
async def test_any_token_is_a_method_and_comes_as_it_was_written(method: str) -> None:
    script = await sent(ask(method, path='/x?y=z'), count=1)
    assert seen(script) == [(method, '/x?y=z', b'')]
    assert script.outcomes == [Outcome.COMPLETE]


@pytest.mark.parametrize(
    'request_head',
    [
        b'STORE',
        b'ST(RE / HTTP/1.1',
        b'ST\xc3\x96RE / HTTP/1.1',
        b' STORE / HTTP/1.1',
        b'STORE  HTTP/1.1',
        b'S' * 70 + b' /',
    ],
)
async def test_what_is_no_method_is_refused_and_no_other_request_is_hurt(request_head: bytes) -> None:
    script = Script(Answer())
    async with serving(script) as server:
        async with Client(server) as client:
            client.send(request_head + b'\r\nHost: there\r\n\r\n')
            assert (await client.receive_all()).startswith(b'HTTP/1.')
        async with Client(server) as client:
            client.send(get())
            await client.receive(b'\r\n\r\n')
    assert [request.method for request in script.requests] == ['GET']


async def test_they_come_between_others_on_a_kept_connection() -> None:
    script = await sent(get('/1'), ask('STORE', path='/2'), get('/3'), ask('FETCH', path='/4'), count=4)
    assert seen(script) == [('GET', '/1', b''), ('STORE', '/2', b''), ('GET', '/3', b''), ('FETCH', '/4', b'')]


STORY = [
    (ask('STORE', 'Content-Length: 3', body='abc', path='/1'), ('STORE', '/1', b'abc')),
    (ask('PUT', 'Content-Length: 7', body='STORE /', path='/2'), ('PUT', '/2', b'STORE /')),
    (ask('FETCH', path='/3'), ('FETCH', '/3', b'')),
    (
        ask('STORE', 'Transfer-Encoding: chunked', body='7\r\nFETCH /\r\n0\r\n\r\n', path='/4'),
        ('STORE', '/4', b'FETCH /'),
    ),
    (ask('KEEP', 'X-Note: STORE /x HTTP/1.1', path='/5'), ('KEEP', '/5', b'')),
    (b'\r\n' + ask('STORE', 'Content-Length: 8', body='\r\n\r\nAB /', path='/6'), ('STORE', '/6', b'\r\n\r\nAB /')),
    (get('/7'), ('GET', '/7', b'')),
]


@pytest.mark.parametrize('size', [1, 2, 3, 5, 7, 11, 29, 64, 10_000])
async def test_they_come_however_the_bytes_are_cut(size: int) -> None:
    stream = b''.join(segment for segment, _ in STORY)
    segments = [stream[start : start + size] for start in range(0, len(stream), size)]
    script = await sent(*segments, count=len(STORY))
    assert seen(script) == [expected for _, expected in STORY]


async def test_more_than_aiohttp_queues_comes_whole_and_in_order() -> None:
    """Beyond its queue, requests must have methods that it knows."""
    script = await sent(b''.join(get(f'/{number}') for number in range(100)), count=100)
    assert [request.target for request in script.requests] == [f'/{number}' for number in range(100)]


async def test_an_upgrade_may_have_any_method() -> None:
    class Echo(Duplex):
        def __init__(self) -> None:
            self._data: asyncio.Queue[bytes] = asyncio.Queue()

        async def read(self) -> bytes:
            return await self._data.get()

        async def write(self, data: bytes) -> None:
            await self._data.put(data)

        async def write_eof(self) -> None:
            await self._data.put(b'')

        async def close(self) -> None:
            pass

    script = Script(Answer(status=101, upgrade=Echo()))
    async with serving(script) as server, Client(server) as client:
        client.send(ask('TALK', 'Connection: Upgrade', 'Upgrade: echo') + b'STORE / HTTP/1.1\r\n')
        await client.receive(b'\r\n\r\n')
        assert await client.receive(b'\r\n') == b'STORE / HTTP/1.1\r\n'
    assert script.requests[0].method == 'TALK'


async def test_rules_on_them_answer() -> None:
    async with kmock.RawHandler() as handler, kmock.Server(handler):
        handler[kmock.method('store'), '/x'] << 201
        handler.fallback << 404
        assert (await handler.get('/x')).status == 404
        assert (await handler.request('STORE', '/x', data=b'abc')).status == 201
        assert (await handler.request('store', '/x')).status == 201
        assert [request.body for request in handler[kmock.method('STORE')]] == [b'abc', b'']
