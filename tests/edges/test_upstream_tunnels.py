"""Upgrades through the client edge: raw bytes both ways after a 101, ordinary answers after anything else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from upstream_wire import Peer, body_of, pieces, raw_server

from kmock.errors import UpstreamError
from kmock.messages import Answer, BodyInterrupted, ChunkPart, Duplex, Ending, Request, RequestBody
from kmock.upstream import Login, Target, Upstream

SWITCH = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream: v4\r\n\r\n'
HEADERS = [('Connection', 'keep-alive, Upgrade'), ('Upgrade', 'SPDY/3.1'), ('Authorization', 'Bearer client')]


def upgrade(method: str = 'POST') -> Request:
    return Request.make(method, '/api/v1/namespaces/a/pods/b/exec?command=ls&command=-l', headers=HEADERS)


def far_side(answer: Answer) -> Duplex:
    assert answer.status == 101
    assert answer.upgrade is not None
    return answer.upgrade


@contextlib.asynccontextmanager
async def tunnelled(talk: object) -> AsyncIterator[Duplex]:
    """A tunnel to a server that has switched, and then talks so."""

    async def switch(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCH)
        await talk(peer)  # type: ignore[operator]

    async with raw_server(switch) as server, Upstream(Target(url=server.url)) as upstream:
        duplex = far_side(await upstream.respond(upgrade()))
        yield duplex
        await duplex.close()
        await duplex.close()


async def test_head_of_an_upgrade_has_what_makes_it_one() -> None:
    heads: list[bytes] = []

    async def talk(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b'HTTP/1.1 100 Continue\r\n\r\n' + SWITCH + b'first')
        await peer.gone()

    login = Login(authorization='Bearer own', given=True)
    async with raw_server(talk) as server, Upstream(Target(url=server.url + '/base', login=login)) as upstream:
        answer = await upstream.respond(upgrade())
        assert answer.reason == 'Switching Protocols'
        assert answer.headers == (('Connection', 'Upgrade'), ('Upgrade', 'SPDY/3.1'), ('X-Stream', 'v4'))
        assert await far_side(answer).read() == b'first'
        await far_side(answer).close()
        port = str(server.port)
    assert heads[0].decode().replace(port, 'PORT').split('\r\n') == [
        'POST /base/api/v1/namespaces/a/pods/b/exec?command=ls&command=-l HTTP/1.1',
        'Connection: keep-alive, Upgrade',
        'Upgrade: SPDY/3.1',
        'Authorization: Bearer own',
        'Host: 127.0.0.1:PORT',
        'Accept-Encoding: identity',
    ]


async def test_bytes_pass_both_ways_and_each_side_ends_for_itself() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.reader.read(100) == b'ping'
        await peer.send(b'pong')
        assert await peer.reader.read(100) == b''  # the client has said that it is done, and still listens
        await peer.send(b'last')

    async with tunnelled(talk) as duplex:
        await duplex.write(b'ping')
        assert await duplex.read() == b'pong'
        await duplex.write_eof()
        assert await duplex.read() == b'last'
        assert await duplex.read() == b''


async def test_what_is_sent_after_the_servers_end_still_arrives() -> None:
    received = asyncio.Event()

    async def talk(peer: Peer) -> None:
        peer.writer.write_eof()
        assert await peer.reader.readexactly(4) == b'late'
        received.set()

    async with tunnelled(talk) as duplex:
        assert await duplex.read() == b''
        await duplex.write(b'late')
        await asyncio.wait_for(received.wait(), 5)


async def test_reset_of_a_tunnel_is_an_error() -> None:
    async def talk(peer: Peer) -> None:
        peer.reset()

    async with tunnelled(talk) as duplex:
        with pytest.raises(ConnectionResetError):
            await duplex.read()
        with pytest.raises(ConnectionError):
            await duplex.write(b'x')


async def test_closing_a_tunnel_closes_it_upstream() -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        assert await peer.reader.read() == b'last words'
        gone.set()

    async with tunnelled(talk) as duplex:
        await duplex.write(b'last words')
        await duplex.close()
        await asyncio.wait_for(gone.wait(), 5)
        with pytest.raises(ConnectionError):
            await duplex.write(b'x')


async def test_leaving_the_upstream_closes_its_tunnels() -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCH)
        await peer.gone()
        gone.set()

    async with raw_server(talk) as server:
        async with Upstream(Target(url=server.url)) as upstream:
            far_side(await upstream.respond(upgrade()))
        await asyncio.wait_for(gone.wait(), 5)


async def refused(raw: bytes, reset: bool = False) -> tuple[Answer, list[bytes], BodyInterrupted | None]:
    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(raw)
        if reset:
            await asyncio.sleep(0.05)
            peer.reset()

    async with raw_server(talk) as server, Upstream(Target(url=server.url)) as upstream:
        answer = await upstream.respond(upgrade())
        assert answer.upgrade is None
        assert not isinstance(answer.body, bytes)
        got: list[bytes] = []
        try:
            async for piece in answer.body:
                got.append(piece)
        except BodyInterrupted as exc:
            return answer, got, exc
        return answer, got, None


@pytest.mark.parametrize(
    ('framing', 'expected'),
    [
        (b'Content-Length: 5\r\n\r\nhello', [b'hello']),
        (b'Content-Length: 0\r\n\r\n', []),
        (b'Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n', [b'he', b'llo']),
        (b'Connection: close\r\n\r\nhello', [b'hello']),
    ],
)
async def test_refused_upgrade_is_an_ordinary_answer(framing: bytes, expected: list[bytes]) -> None:
    answer, got, error = await refused(b'HTTP/1.1 403 Forbidden\r\nx-Reason: no\r\n' + framing)
    assert (answer.status, answer.reason, answer.header('X-Reason')) == (403, 'Forbidden', 'no')
    assert (got, error) == (expected, None)
    assert answer.header('connection') is None
    assert answer.header('transfer-encoding') is None


@pytest.mark.parametrize(
    ('framing', 'part'),
    [
        (b'Content-Length: 50\r\n\r\nhello', bytes),
        (b'Transfer-Encoding: chunked\r\n\r\n9\r\nhello', ChunkPart),
        (b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n', bytes),
        (b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-5\r\nhello\r\n0\r\n\r\n', bytes),
        (b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\n', bytes),
    ],
)
async def test_cut_refusal_is_interrupted(framing: bytes, part: type) -> None:
    _, got, error = await refused(b'HTTP/1.1 403 Forbidden\r\n' + framing)
    assert got == [b'hello']
    assert type(got[0]) is part
    assert error is not None
    assert error.ending is Ending.CUT


async def test_reset_refusal_is_told_from_a_cut() -> None:
    _, got, error = await refused(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 50\r\n\r\nhello', reset=True)
    assert got == [b'hello']
    assert error is not None
    assert error.ending is Ending.RESET


@pytest.mark.parametrize(
    ('raw', 'message'),
    [
        (b'', 'closed the connection before it answered'),
        (b'HTTP/1.1 101 Swit', 'closed the connection before it answered'),
        (b'SSH-2.0-OpenSSH\r\n\r\n', 'the answer is not HTTP'),
        (b'HTTP/1.1 200 OK\r\n' + b'X: %s\r\n' % (b'x' * 70_000) * 5, 'longer than'),
        (b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 300_000 + b'\r\n\r\n', 'limit'),
    ],
)
async def test_broken_head_is_an_error(raw: bytes, message: str) -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        with contextlib.suppress(ConnectionError):
            await peer.send(raw)

    async with raw_server(talk) as server, Upstream(Target(url=server.url)) as upstream:
        with pytest.raises(UpstreamError, match=message) as info:
            await upstream.respond(upgrade())
        assert server.url in str(info.value)
        assert '\n' not in str(info.value)


async def test_unreachable_server_fails_an_upgrade(unused_tcp_port: int) -> None:
    async with Upstream(Target(url=f'http://127.0.0.1:{unused_tcp_port}')) as upstream:
        with pytest.raises(UpstreamError, match='refused'):
            await upstream.respond(upgrade())


async def test_body_of_an_upgrade_is_sent() -> None:
    async def talk(peer: Peer) -> None:
        head = await peer.head()
        assert b'Content-Length: 4' in head
        assert await peer.reader.readexactly(4) == b'body'
        await peer.send(SWITCH)

    async def body() -> AsyncIterator[bytes]:
        yield b'bo'
        yield b'dy'

    async with raw_server(talk) as server, Upstream(Target(url=server.url)) as upstream:
        answer = await upstream.respond(upgrade().with_content(RequestBody(body(), declared=True)))
        await far_side(answer).close()


async def test_cancelled_upgrade_leaves_the_server() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()
        gone.set()

    async with raw_server(talk) as server, Upstream(Target(url=server.url)) as upstream:
        task = asyncio.create_task(upstream.respond(upgrade()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)


async def test_offer_of_http2_is_not_passed_on() -> None:
    heads: list[bytes] = []

    async def talk(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

    headers = [('Connection', 'Upgrade, HTTP2-Settings'), ('Upgrade', 'h2c'), ('HTTP2-Settings', 'AAMAAABkAAQ')]
    async with raw_server(talk) as server, Upstream(Target(url=server.url)) as upstream:
        assert await body_of(await upstream.respond(Request.make('GET', '/', headers=headers))) == b'ok'
    assert b'h2c' not in heads[0]
    assert b'HTTP2' not in heads[0]


async def test_pieces_of_a_large_refusal_are_parts_of_their_chunk() -> None:
    raw = b'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n' % (200_000, b'x' * 200_000)

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(raw)

    async with raw_server(talk) as server, Upstream(Target(url=server.url)) as upstream:
        parts = await pieces(await upstream.respond(upgrade()))
    assert b''.join(parts) == b'x' * 200_000
    assert type(parts[-1]) is bytes
    assert {type(part) for part in parts[:-1]} == {ChunkPart}
