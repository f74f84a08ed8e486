"""Posting to webhooks: what arrives there, whom the client trusts, and how failures are told."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trustme
from aiohttp import web

from kmock.webhooks import WebhookClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(scope='module')
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.asynccontextmanager
async def served(authority: trustme.CA | None, handler: Handler, *names: str) -> AsyncIterator[int]:
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
    app = web.Application()
    app.router.add_post('/{path}', handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, '127.0.0.1', 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    client = WebhookClient()
    yield client
    await client.close()


async def echo(request: web.Request) -> web.Response:
    said = {'host': request.host, 'query': request.query_string, 'type': request.content_type}
    return web.json_response({**said, 'body': (await request.read()).decode()}, status=418)


async def call(client: WebhookClient, url: str, ca: bytes | None, timeout: float = 5, **more: Any) -> Any:
    return await client(url, b'{}', ca=ca, timeout=timeout, **more)


async def test_the_body_is_posted_as_json(client: WebhookClient, authority: trustme.CA) -> None:
    async with served(authority, echo, '127.0.0.1') as port:
        for _ in range(2):
            status, body = await call(client, f'https://127.0.0.1:{port}/x?timeout=3s', authority.cert_pem.bytes())
            assert (status, json.loads(body)) == (
                418,
                {'host': f'127.0.0.1:{port}', 'query': 'timeout=3s', 'type': 'application/json', 'body': '{}'},
            )


async def test_a_service_is_connected_elsewhere_under_its_own_name(
    client: WebhookClient, authority: trustme.CA
) -> None:
    async with served(authority, echo, 'svc.ns.svc') as port:
        url = 'https://svc.ns.svc:443/x'
        status, body = await call(client, url, authority.cert_pem.bytes(), address=('127.0.0.1', port))
        assert (status, json.loads(body)['host']) == (418, 'svc.ns.svc:443')


async def test_the_client_trusts_only_the_bundle_and_only_the_name(
    client: WebhookClient, authority: trustme.CA
) -> None:
    async with served(authority, echo, 'other.example') as port:
        url = f'https://127.0.0.1:{port}/x'
        for ca in (trustme.CA().cert_pem.bytes(), None):
            with pytest.raises(ConnectionError) as caught:
                await call(client, url, ca)
            said = 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
            assert str(caught.value) == said
        with pytest.raises(ConnectionError, match=r'not valid for any names, but wanted to match 127\.0\.0\.1'):
            await call(client, url, authority.cert_pem.bytes())


async def test_failures_have_the_words_of_a_go_client(client: WebhookClient, authority: trustme.CA) -> None:
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))
        port = closed.getsockname()[1]
        with pytest.raises(ConnectionError) as caught:
            await call(client, f'https://127.0.0.1:{port}/x', None)
        assert str(caught.value) == f'dial tcp 127.0.0.1:{port}: connect: connection refused'
    with pytest.raises(ConnectionError, match='unable to load root certificates'):
        await call(client, f'https://127.0.0.1:{port}/x', b'nonsense')
    with pytest.raises(ConnectionError):
        await call(client, 'https://[/x', None)
    async with served(None, echo) as port:
        with pytest.raises(ConnectionError) as caught:
            await call(client, f'https://127.0.0.1:{port}/x', None)
        assert str(caught.value) == 'http: server gave HTTP response to HTTPS client'


async def test_a_slow_webhook_times_out_and_a_cut_one_is_told(client: WebhookClient, authority: trustme.CA) -> None:
    over = asyncio.Event()

    async def fail(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        if request.match_info['path'] == 'cut':
            request.transport.abort()
        else:
            await over.wait()
        return web.Response()

    ca = authority.cert_pem.bytes()
    async with served(authority, fail, '127.0.0.1') as port:
        with pytest.raises(TimeoutError, match='context deadline exceeded'):
            await call(client, f'https://127.0.0.1:{port}/slow', ca, timeout=0.2)
        over.set()
        with pytest.raises(ConnectionError):
            await call(client, f'https://127.0.0.1:{port}/cut', ca)
