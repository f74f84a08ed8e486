"""An HTTP proxy on the way to the server: for requests and for upgrades, with TLS and without."""

import asyncio
import contextlib
import ssl

import pytest
import trustme
from upstream_wire import Peer, RawServer, answering, body_of, raw_server

from kmock.errors import UpstreamError
from kmock.messages import Request
from kmock.upstream import Login, Target, Upstream

CA = trustme.CA()
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
SWITCH = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello'
UPGRADE = Request.make('GET', '/', headers={'Connection': 'Upgrade', 'Upgrade': 'x'})


async def connecting(peer: Peer) -> None:
    """A proxy that knows CONNECT alone, and wants to know who asks."""
    head = (await peer.head()).decode().split('\r\n')
    method, where, _ = head[0].split(' ')
    assert method == 'CONNECT'
    if 'Proxy-Authorization: Basic bWU6c2VjcmV0' not in head:
        await peer.send(b'HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n')
        return
    host, port = where.rsplit(':', 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    await peer.send(b'HTTP/1.1 200 OK\r\n\r\n')

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.write_eof()

    try:
        await asyncio.gather(pipe(peer.reader, writer), pipe(reader, peer.writer))
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert('127.0.0.1').configure_cert(context)
    return context


def target(server: RawServer, proxy: RawServer, user: str = 'me:secret@', *, secure: bool) -> Target:
    tls = ssl.create_default_context()
    CA.configure_trust(tls)
    return Target(
        url=f'http{"s" if secure else ""}://127.0.0.1:{server.port}',
        login=Login(tls=tls if secure else None),
        proxy=f'http://{user}127.0.0.1:{proxy.port}',
    )


@pytest.mark.parametrize('secure', [True, False], ids=['https', 'http'])
async def test_upgrade_goes_through_the_proxy(secure: bool) -> None:
    tls = server_tls() if secure else None
    async with raw_server(connecting) as proxy, raw_server(answering(SWITCH), tls=tls) as server:
        async with Upstream(target(server, proxy, secure=secure)) as upstream:
            answer = await upstream.respond(UPGRADE)
            assert answer.upgrade is not None
            assert await answer.upgrade.read() == b'hello'
            await answer.upgrade.close()
        assert proxy.connections == 1


async def test_https_goes_through_the_proxy() -> None:
    async with raw_server(connecting) as proxy, raw_server(answering(OK), tls=server_tls()) as server:
        async with Upstream(target(server, proxy, secure=True)) as upstream:
            assert await body_of(await upstream.respond(Request.make('GET', '//x?'))) == b'ok'
        assert proxy.connections == 1


async def test_http_is_asked_of_the_proxy_by_its_whole_url() -> None:
    heads: list[bytes] = []

    async def talk(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    async with raw_server(talk) as proxy, raw_server(answering(b'')) as server:
        async with Upstream(target(server, proxy, secure=False)) as upstream:
            assert await body_of(await upstream.respond(Request.make('GET', '//x?'))) == b'ok'
        assert heads[0].startswith(b'GET http://127.0.0.1:%d//x? HTTP/1.1\r\n' % server.port)
        assert server.connections == 0


@pytest.mark.parametrize('request_', [UPGRADE, Request.make('GET', '/')], ids=['upgrade', 'request'])
async def test_refusal_of_the_proxy_is_told(request_: Request) -> None:
    async with raw_server(connecting) as proxy, raw_server(answering(OK), tls=server_tls()) as server:
        async with Upstream(target(server, proxy, user='', secure=True)) as upstream:
            with pytest.raises(UpstreamError, match=r'proxy .*answered 407 Who are you'):
                await upstream.respond(request_)


@pytest.mark.parametrize('request_', [UPGRADE, Request.make('GET', '/')], ids=['upgrade', 'request'])
async def test_unreachable_proxy_is_told(request_: Request, unused_tcp_port: int) -> None:
    proxy = RawServer()
    proxy.port = unused_tcp_port
    async with raw_server(answering(OK), tls=server_tls()) as server:
        async with Upstream(target(server, proxy, secure=True)) as upstream:
            with pytest.raises(UpstreamError, match=f'the proxy http://127.0.0.1:{unused_tcp_port} can not be reached'):
                await upstream.respond(request_)
