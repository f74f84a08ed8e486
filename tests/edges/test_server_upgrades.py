"""Connections that stop speaking HTTP."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from serving import Client, Script, get, serving

from kmock.messages import Answer, BodyInterrupted, Ending, Outcome, Request
from kmock.server import Server

SWITCH = (('Connection', 'Upgrade'), ('Upgrade', 'SPDY/3.1'), ('X-Stream', 'v4'))


def upgrade(protocol: str = 'SPDY/3.1', *headers: str, method: str = 'POST') -> bytes:
    lines = [f'{method} /exec HTTP/1.1', 'Host: x', 'connection: keep-alive, upgrade', f'Upgrade: {protocol}', *headers]
    return '\r\n'.join([*lines, '', '']).encode()


class Echo:
    """A far side that returns what it gets, in capitals."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.written = b''
        self.eofs = 0
        self.closed = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self) -> bytes:
        item = await self.items.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def write(self, data: bytes) -> None:
        await self.gate.wait()
        self.written += data
        self.items.put_nowait(data.upper())

    async def write_eof(self) -> None:
        self.eofs += 1
        self.items.put_nowait(b'')

    async def close(self) -> None:
        self.closed += 1


@contextlib.asynccontextmanager
async def tunnelled(far: Any, *, tls: bool = False, early: bytes = b'') -> AsyncIterator[tuple[Client, Script, Server]]:
    script = Script(Answer(status=101, headers=SWITCH, upgrade=far))
    async with serving(script, tls=tls) as server:
        async with Client(server, ssl.create_default_context(cafile=server.ca_path) if tls else None) as client:
            client.send(upgrade() + early)
            head = await client.receive(b'\r\n\r\n')
            expected = b'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream: v4\r\n\r\n'
            assert head == b'HTTP/1.1 101 Switching Protocols\r\n' + expected
            yield client, script, server


@pytest.mark.parametrize('tls', [False, True])
async def test_an_invented_protocol_passes_in_both_directions(tls: bool) -> None:
    far = Echo()
    async with tunnelled(far, tls=tls) as (client, script, _):
        for data in [b'GET / HTTP/1.1\r\n\r\n', b'\0\r\n\r\n\xff', b'x' * 300_000]:
            client.send(data)
            assert await client.receive_exactly(len(data)) == data.upper()
        far.items.put_nowait(b'by itself')
        assert await client.receive(b'self') == b'by itself'
        far.items.put_nowait(b'')
        assert await client.receive_all() == b''
        client.writer.close()
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.COMPLETE]
    assert script.observed[0][1] is script.answer
    assert far.closed == 1


@pytest.mark.parametrize('tls', [False, True])
@pytest.mark.parametrize('early', [b'early', b'\r\n\r\nGET / HTTP/1.1\r\n\r\n', b'e' * 500_000])
async def test_bytes_right_behind_the_head_are_not_lost(early: bytes, tls: bool) -> None:
    async with tunnelled(Echo(), tls=tls, early=early) as (client, script, _):
        assert await client.receive_exactly(len(early)) == early.upper()
        client.send(b'later')
        assert await client.receive(b'LATER') == b'LATER'
    assert len(script.requests) == 1


@pytest.mark.parametrize('protocol', ['SPDY/3.1', 'websocket', 'h2c', 'tcp'])
async def test_heads_and_early_bytes_are_told_apart_wherever_segments_end(protocol: str) -> None:
    whole = upgrade(protocol) + b'early\r\n\r\n'
    script = Script(Answer())

    async def answer(request: Request) -> Answer:
        return Answer(status=101, upgrade=Echo())

    script.answer = answer
    async with serving(script) as server:
        for end in range(len(whole) - 20, len(whole)):
            async with Client(server) as client:
                client.send(whole[:end])
                await asyncio.sleep(0.001)
                client.send(whole[end:])
                assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 101 Switching Protocols\r\n')
                assert await client.receive_exactly(9) == b'EARLY\r\n\r\n'


async def test_a_head_may_come_byte_by_byte() -> None:
    script = Script(Answer(status=101, upgrade=Echo()))
    async with serving(script) as server, Client(server) as client:
        head = upgrade()
        for position in range(len(head) - 6, len(head) - 1):
            client.send(head[:position] if position == len(head) - 6 else head[position - 1 : position])
            await asyncio.sleep(0.001)
        client.send(head[-2:] + b'early')
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 101')
        assert await client.receive(b'EARLY') == b'EARLY'


async def test_the_headers_that_make_an_upgrade_are_added_where_they_lack() -> None:
    script = Script(Answer(status=101, headers=(('X', 'y'),), upgrade=Echo()))
    async with serving(script) as server, Client(server) as client:
        client.send(upgrade('Some/2, Other/1'))
        head = b'HTTP/1.1 101 Switching Protocols\r\nX: y\r\nConnection: Upgrade\r\nUpgrade: Some/2\r\n\r\n'
        assert await client.receive(b'\r\n\r\n') == head


async def test_a_body_before_the_upgrade_is_read_as_a_body() -> None:
    far = Echo()

    async def answer(request: Request) -> Answer:
        assert await request.read() == b'abc'
        return Answer(status=101, upgrade=far)

    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        client.send(upgrade('SPDY/3.1', 'Content-Length: 3') + b'abcearly')
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 101')
        assert await client.receive_exactly(5) == b'EARLY'


@pytest.mark.parametrize('protocol', ['SPDY/3.1', 'websocket', 'h2c'])
async def test_a_refused_upgrade_is_an_ordinary_exchange(protocol: str) -> None:
    script = Script(Answer(status=403, body=b'no'))
    async with serving(script) as server, Client(server) as client:
        client.send(upgrade(protocol) + get('/next') + upgrade(protocol) + get('/last'))
        for _ in range(4):
            assert await client.receive(b'no') == b'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'
        client.send(get('/more'))
        await client.receive(b'no')
    assert [request.target for request in script.requests] == ['/exec', '/next', '/exec', '/last', '/more']


async def test_an_upgrade_behind_pipelined_requests_waits_for_its_turn() -> None:
    far = Echo()

    async def answer(request: Request) -> Answer:
        await asyncio.sleep(0)
        return Answer(status=101, upgrade=far) if request.target == '/exec' else Answer(body=b'ok')

    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        client.send(get() + get() + upgrade() + b'early')
        for _ in range(2):
            assert (await client.receive(b'ok')).startswith(b'HTTP/1.1 200 OK\r\n')
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 101')
        assert await client.receive(b'EARLY') == b'EARLY'


async def test_a_request_that_asked_for_no_upgrade_gets_none(caplog: pytest.LogCaptureFixture) -> None:
    far = Echo()
    async with serving(Script(Answer(status=101, upgrade=far))) as server, Client(server) as client:
        client.send(get())
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 500')
    assert far.closed == 1
    assert 'had not asked for it' in caplog.text


async def test_a_half_close_is_passed_on() -> None:
    far = Echo()
    async with tunnelled(far) as (client, script, _):
        client.send(b'last words')
        client.writer.write_eof()
        assert await client.receive_all() == b'LAST WORDS'
        await script.until(lambda: script.outcomes)
    assert far.eofs == 1
    assert script.outcomes == [Outcome.COMPLETE]


async def test_a_client_that_closes_ends_the_far_side_through_tls() -> None:
    far = Echo()
    async with tunnelled(far, tls=True) as (client, script, _):
        client.send(b'last words')
        client.writer.close()
        await script.until(lambda: script.outcomes)
    assert far.written == b'last words'
    assert far.closed == 1
    assert script.outcomes == [Outcome.COMPLETE]


async def test_a_client_that_breaks_off_is_noticed() -> None:
    far = Echo()
    async with tunnelled(far) as (client, script, _):
        sock = client.writer.get_extra_info('socket')
        linger = b'\1\0\0\0\0\0\0\0'
        sock.setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER
        client.writer.transport.abort()
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.CLIENT_CLOSED]
    assert far.closed == 1


@pytest.mark.parametrize(
    ('error', 'outcome', 'resets'),
    [
        (ConnectionResetError(), Outcome.RESET, True),
        (BodyInterrupted(Ending.RESET), Outcome.RESET, True),
        (BodyInterrupted(Ending.CUT), Outcome.SERVER_CLOSED, False),
        (BrokenPipeError(), Outcome.SERVER_CLOSED, False),
        (ZeroDivisionError('so it is'), Outcome.SERVER_CLOSED, False),
    ],
)
async def test_a_far_side_that_breaks_off_is_passed_on(
    error: Exception, outcome: Outcome, resets: bool, caplog: pytest.LogCaptureFixture
) -> None:
    far = Echo()
    async with tunnelled(far) as (client, script, _):
        far.items.put_nowait(b'last words')
        far.items.put_nowait(error)
        assert await client.receive_exactly(10) == b'last words'
        with pytest.raises(ConnectionResetError) if resets else contextlib.nullcontext():
            await client.receive_all()
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [outcome]
    assert far.closed == 1
    assert ('so it is' in caplog.text) is isinstance(error, ZeroDivisionError)


async def test_a_slow_far_side_holds_the_client_back() -> None:
    far = Echo()
    far.gate.clear()
    async with tunnelled(far) as (client, _, _):
        transport = client.writer.transport
        client.send(b'x' * 20_000_000)
        before = 0
        while before != transport.get_write_buffer_size():
            before = transport.get_write_buffer_size()
            for _ in range(50):
                await asyncio.sleep(0)
        assert before > 3_000_000
        far.gate.set()
        await client.receive_exactly(20_000_000)
    assert len(far.written) == 20_000_000


async def test_a_slow_client_holds_the_far_side_back() -> None:
    far = Echo()
    for _ in range(400):
        far.items.put_nowait(b'x' * 100_000)
    async with tunnelled(far) as (client, _, _):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        before = -1
        while before != far.items.qsize():
            before = far.items.qsize()
            for _ in range(50):
                await asyncio.sleep(0)
        assert before > 200
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.receive_exactly(40_000_000)


async def test_stopping_ends_tunnels_as_unfinished() -> None:
    far = Echo()
    async with tunnelled(far) as (client, script, server):
        await server.__aexit__()
        assert script.outcomes == [Outcome.UNFINISHED]
        assert far.closed == 1
        assert await client.receive_all() == b''


# --- with real WebSockets


class Socket:
    """A far side that is a connection to a real server, to which the head of the request was sent already."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read(self) -> bytes:
        return await self.reader.read(65536)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def write_eof(self) -> None:
        self.writer.write_eof()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def relay_to(port: int) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Answer:
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        lines = [f'{request.method} {request.target} HTTP/1.1', *(f'{k}: {v}' for k, v in request.headers.items())]
        writer.write('\r\n'.join([*lines, '', '']).encode())
        head = (await reader.readuntil(b'\r\n\r\n')).decode().split('\r\n')[1:-2]
        pairs = tuple((name, value.strip()) for name, _, value in (line.partition(':') for line in head))
        return Answer(status=101, headers=pairs, upgrade=Socket(reader, writer))

    return answer


@pytest.mark.parametrize('tls', [False, True])
async def test_real_websockets_work_through_a_raw_tunnel(tls: bool) -> None:
    async def talk(request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=('v4.channel.k8s.io',))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data.upper())
        return socket

    runner = web.ServerRunner(web.Server(talk))
    await runner.setup()
    await web.TCPSite(runner, '127.0.0.1', 0).start()
    script = Script(relay_to(runner.addresses[0][1]))
    async with serving(script, tls=tls) as server:
        async with server.client.ws_connect('/exec', protocols=('v4.channel.k8s.io',)) as socket:
            assert socket.protocol == 'v4.channel.k8s.io'
            for data in [b'a', b'b' * 100_000]:
                await socket.send_bytes(data)
                assert await socket.receive_bytes() == data.upper()
        assert socket.close_code == aiohttp.WSCloseCode.OK
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.COMPLETE]
    await runner.cleanup()
