"""HTTPS with the throw-away authority."""

import asyncio
import ssl
import stat
from pathlib import Path

import aiohttp
import pytest
import trustme
from serving import Body, Client, Script, get, pieces, serving

from kmock.errors import KMockError
from kmock.messages import Answer, Ending, Outcome
from kmock.server import Server


async def test_the_client_trusts_the_server() -> None:
    script = Script(Answer(body=b'ok'))
    async with serving(script, tls=True) as server:
        assert server.url == f'https://127.0.0.1:{server.port}'
        async with server.client.get('/path') as response:
            assert await response.read() == b'ok'
    assert script.requests[0].url == f'{server.url}/path'


@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost'])
async def test_clients_that_trust_the_file_are_served_by_any_local_name(host: str) -> None:
    async with serving(Script(Answer(body=b'ok')), tls=True) as server:
        trust = ssl.create_default_context(cafile=server.ca_path)
        async with aiohttp.ClientSession() as session:
            async with session.get(f'https://{host}:{server.port}/', ssl=trust) as response:
                assert await response.read() == b'ok'


async def test_the_file_is_private_and_removed_in_the_end() -> None:
    async with serving(Script(Answer()), tls=True) as server:
        path = server.ca_path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.read_bytes() == server.authority.pem
    assert not path.parent.exists()
    with pytest.raises(KMockError, match='tls=True'):
        _ = server.ca_path


async def test_clients_that_do_not_trust_it_are_left_alone() -> None:
    async with serving(Script(Answer()), tls=True) as server:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(server.url)
        async with server.client.get('/') as response:
            assert response.status == 200


async def test_plain_http_on_the_secure_port_is_left_alone() -> None:
    async with serving(Script(Answer()), tls=True) as server:
        async with Client(server) as client:
            client.send(get())
            assert b'200' not in await client.receive_all()
        async with server.client.get('/') as response:
            assert response.status == 200


async def test_only_http_1_1_is_agreed_on() -> None:
    async with serving(Script(Answer()), tls=True) as server:
        context = ssl.create_default_context(cafile=server.ca_path)
        context.set_alpn_protocols(['h2', 'http/1.1'])
        async with Client(server, context) as client:
            assert client.writer.get_extra_info('ssl_object').selected_alpn_protocol() == 'http/1.1'


async def test_client_certificates_are_asked_for_and_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / 'clients.pem')
    async with serving(Script(Answer(body=b'ok')), tls=True, client_ca=tmp_path / 'clients.pem') as server:
        async with server.client.get('/') as response:
            assert await response.read() == b'ok'

        for issuer, welcome in [(authority, True), (trustme.CA(), False), (None, False)]:
            context = ssl.create_default_context(cafile=server.ca_path)
            if issuer is not None:
                issuer.issue_cert('someone@example.com').configure_cert(context)
            async with aiohttp.ClientSession() as session:
                if welcome:
                    async with session.get(server.url, ssl=context) as response:
                        assert await response.read() == b'ok'
                else:
                    with pytest.raises(aiohttp.ClientError):
                        await session.get(server.url, ssl=context)


async def test_the_authority_issues_certificates_for_clients(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / 'clients.pem')
    async with serving(Script(Answer(body=b'ok')), tls=True, client_ca=tmp_path / 'clients.pem') as server:
        certificate, key = server.authority.issue_client('admin', organization='system:masters')
        (tmp_path / 'me.pem').write_bytes(certificate + key)
        context = ssl.create_default_context(cafile=server.ca_path)
        context.load_cert_chain(tmp_path / 'me.pem')
        async with aiohttp.ClientSession() as session:
            async with session.get(server.url, ssl=context) as response:
                assert await response.read() == b'ok'


async def test_client_certificates_need_tls_and_a_readable_file(tmp_path: Path) -> None:
    with pytest.raises(KMockError, match='need TLS'):
        Server(Script(Answer()), client_ca=tmp_path / 'x')
    with pytest.raises(KMockError, match=r"Can't read the authority .*absent\.pem: No such file"):
        await Server(Script(Answer()), tls=True, client_ca=tmp_path / 'absent.pem').__aenter__()
    (tmp_path / 'nonsense.pem').write_text('nonsense')
    with pytest.raises(KMockError, match=r'nonsense\.pem has no certificates in PEM\.'):
        await Server(Script(Answer()), tls=True, client_ca=tmp_path / 'nonsense.pem').__aenter__()


async def test_endings_reach_clients_through_tls() -> None:
    script = Script(Answer(body=pieces(b'ab'), ending=Ending.CUT))
    async with serving(script, tls=True) as server:
        trust = ssl.create_default_context(cafile=server.ca_path)
        async with Client(server, trust) as client:
            client.send(get())
            assert (await client.receive_all()).endswith(b'\r\n\r\n2\r\nab\r\n')
        script.answer = Answer(body=pieces(b'ab'), ending=Ending.RESET)
        async with Client(server, trust) as client:
            client.send(get())
            assert (await client.receive(b'2\r\nab\r\n')).startswith(b'HTTP/1.1 200 OK')
            with pytest.raises(ConnectionResetError):
                await client.receive_all()
    assert script.outcomes == [Outcome.SERVER_CLOSED, Outcome.RESET]


async def test_a_reset_waits_until_a_slow_client_could_have_everything_through_tls() -> None:
    size = 20_000_000
    script = Script(Answer(body=b'x' * size, ending=Ending.RESET))
    async with serving(script, tls=True) as server:
        async with Client(server, ssl.create_default_context(cafile=server.ca_path)) as client:
            client.send(get())
            await client.receive(b'\r\n\r\n1312d00\r\n')
            await client.receive_exactly(size + 2)
            with pytest.raises(ConnectionResetError):
                await client.receive_all()


async def test_leaving_clients_are_noticed_through_tls() -> None:
    body = Body()
    script = Script(Answer(body=body))
    async with serving(script, tls=True) as server:
        async with Client(server, ssl.create_default_context(cafile=server.ca_path)) as client:
            client.send(get())
            await client.receive(b'\r\n\r\n')
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.CLIENT_CLOSED]
    assert body.closed == 1


async def test_stopping_waits_neither_for_goodbyes_nor_for_handshakes() -> None:
    script = Script(Answer(body=b'ok'))
    async with asyncio.timeout(1.5), serving(script, tls=True) as server:
        context = ssl.create_default_context(cafile=server.ca_path)
        async with Client(server), Client(server, context) as kept:
            kept.send(get())
            await kept.receive(b'ok')
            kept.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await server.__aexit__()
