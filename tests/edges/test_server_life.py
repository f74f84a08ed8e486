"""How a server starts, is called, and stops."""

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from serving import Body, Client, Script, get, pieces, post, serving

from kmock.errors import KMockError
from kmock.messages import Answer, Ending, Outcome, Request
from kmock.server import Server


async def test_a_free_port_is_taken_and_the_handler_is_told() -> None:
    script = Script(Answer(body=b'ok'))
    server = Server(script)
    async with server:
        assert server.port > 0
        assert server.host == '127.0.0.1'
        assert server.url == f'http://127.0.0.1:{server.port}'
        assert script.servers == [server]
    assert script.servers == []


async def test_the_client_resolves_urls_against_the_server() -> None:
    script = Script(Answer(body=b'ok'))
    async with serving(script) as server:
        async with server.client.get('/path?x=1') as response:
            assert await response.read() == b'ok'
        assert script.requests[0].url == f'{server.url}/path?x=1'
        assert server.client is server.client


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'handler': 5}, 'serves a handler, such as kmock.RawHandler.., not 5'),
        ({'handler': Script}, 'not <class'),
        ({'host': 5}, 'host=5'),
        ({'host': None}, 'host=None'),
        ({'tls': 'x'}, "tls='x'"),
        ({'tls': None}, 'tls=None'),
        ({'tls': True, 'client_ca': 5}, 'client_ca=5'),
        ({'client_fct': 5}, 'client_fct=5'),
        ({'user_agent': 5}, 'user_agent=5'),
        ({'user_agent': 'one\ntwo'}, 'one line'),
    ],
)
def test_wrong_options_are_refused_where_the_server_is_written(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(KMockError, match=complaint):
        Server(**{'handler': Script(Answer()), **options})


def test_a_plain_with_block_is_told_how_a_server_is_entered() -> None:
    with pytest.raises(KMockError, match=r'`async with`.*`with kmock[.]serve\(\) as k:`'), Server(Script(Answer())):
        pass


async def test_there_is_no_client_without_a_running_server() -> None:
    server = Server(Script(Answer()))
    with pytest.raises(KMockError, match='only while it is entered'):
        _ = server.client
    with pytest.raises(KMockError, match='no port before it is entered'):
        _ = server.url
    async with server:
        pass
    with pytest.raises(KMockError, match='only while it is entered'):
        _ = server.client


async def test_a_server_runs_once() -> None:
    server = Server(Script(Answer()))
    async with server:
        with pytest.raises(KMockError, match='Make a new one'):
            await server.__aenter__()
        async with server.client.get('/') as response:
            assert response.status == 200
    with pytest.raises(KMockError, match='Make a new one'):
        await server.__aenter__()


@pytest.mark.parametrize('host', ['::1', '::', '0.0.0.0', '', 'localhost'])
async def test_any_form_of_a_local_host_is_served(host: str) -> None:
    if ':' in host:
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(('::1', 0))
        except OSError as error:
            pytest.skip(f'no IPv6 here: {error}')
    async with serving(Script(Answer()), host=host) as server:
        if ':' in host:
            assert server.url == f'http://[::1]:{server.port}'
        async with server.client.get('/') as response:
            assert response.status == 200


async def test_a_port_in_use_is_one_clear_line() -> None:
    script = Script(Answer())
    async with serving(script) as server:
        with pytest.raises(KMockError) as caught:
            await Server(script, port=server.port).__aenter__()
        assert script.servers == [server]
    assert str(caught.value) == (
        f'Port {server.port} on 127.0.0.1 is in use; choose another one, or none to get a free one.'
    )


@pytest.mark.parametrize(
    ('host', 'words'),
    [
        ('no.such.host.invalid', "The host 'no.such.host.invalid' to listen on can't be resolved"),
        ('a..b', "The host 'a..b' to listen on can't be resolved"),
        ('192.0.2.1', '192.0.2.1 is no address of this machine'),
    ],
)
async def test_a_host_that_is_not_here_is_one_clear_line(host: str, words: str) -> None:
    with pytest.raises(KMockError, match=words) as caught:
        await Server(Script(Answer()), host).__aenter__()
    assert '\n' not in str(caught.value)


async def test_a_handler_that_refuses_the_server_leaves_nothing_behind() -> None:
    class Refusing(Script):
        def attach(self, server: object) -> None:
            raise ZeroDivisionError

    server = Server(Refusing(Answer()))
    with pytest.raises(ZeroDivisionError):
        await server.__aenter__()
    with pytest.raises(OSError, match=r'refused|failed'):
        await asyncio.open_connection('127.0.0.1', server.port)


async def test_stopping_ends_open_streams_as_unfinished() -> None:
    body = Body()
    body.put(b'ab')
    script = Script(Answer(body=body))
    async with serving(script) as server:
        client = Client(server)
        await client.__aenter__()
        client.send(get())
        await client.receive(b'2\r\nab\r\n')
    assert script.outcomes == [Outcome.UNFINISHED]
    assert body.closed == 1
    assert await client.receive_all() == b''
    await client.__aexit__()


async def test_stopping_ends_requests_without_an_answer_as_unfinished() -> None:
    async def answer(request: Request) -> Answer:
        await asyncio.Event().wait()
        return Answer()

    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        await script.until(lambda: script.requests)
        await server.__aexit__()
        assert script.observed == [(script.requests[0], None, Outcome.UNFINISHED)]


async def test_stopping_does_not_wait_for_a_client_that_does_not_read() -> None:
    script = Script(Answer(body=b'x' * 50_000_000))
    async with serving(script) as server:
        client = Client(server)
        await client.__aenter__()
        client.send(get())
        await client.receive(b'\r\n\r\n')
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    assert script.outcomes == [Outcome.UNFINISHED]
    await client.__aexit__()


async def test_stopping_leaves_idle_and_lingering_connections_without_waiting() -> None:
    script = Script(Answer(status=413))
    async with serving(script) as server:
        async with asyncio.timeout(1.5), Client(server), Client(server) as kept, Client(server) as lingering:
            kept.send(get())
            await kept.receive(b'\r\n\r\n')
            lingering.send(post('Content-Length: 10000000'))
            await lingering.receive(b'\r\n\r\n')
            await server.__aexit__()
            assert await kept.receive_all() == b''
    assert script.outcomes == [Outcome.COMPLETE] * 2


async def test_stopping_lets_a_body_finish_its_cleaning_up() -> None:
    cleaned = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b'ab'
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            cleaned.append(True)

    async with serving(Script(Answer(body=body()))) as server, Client(server) as client:
        client.send(get())
        await client.receive(b'2\r\nab\r\n')
        await server.__aexit__()
        assert cleaned == [True]


async def test_a_failing_observer_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Script):
        def observe(self, *args: object) -> None:
            raise ZeroDivisionError('so it is')

    async with serving(Failing(Answer())) as server:
        for _ in range(2):
            async with server.client.get('/') as response:
                assert response.status == 200
    assert 'so it is' in caplog.text


async def test_many_parallel_clients_are_served() -> None:
    script = Script(Answer(body=b'ok'))
    async with serving(script) as server:

        async def call(session: aiohttp.ClientSession, n: int) -> bytes:
            async with session.post(f'/{n}', data=b'x' * n) as response:
                return await response.read()

        bodies = await asyncio.gather(*[call(server.client, n) for n in range(200)])
    assert bodies == [b'ok'] * 200
    assert script.outcomes == [Outcome.COMPLETE] * 200


@pytest.mark.parametrize('tls', [False, True])
async def test_every_request_is_observed_once_whatever_clients_do(tls: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Clients of all manners, among them such as leave at any moment, and a stop in the middle of it."""
    dice = random.Random(7)

    async def answer(request: Request) -> Answer:
        ending = dice.choice([Ending.CLEAN, Ending.CLEAN, Ending.CUT, Ending.RESET, Ending.HELD])
        for _ in range(dice.randrange(5)):
            await asyncio.sleep(0)
        match dice.randrange(4):
            case 0:
                return Answer(body=b'x' * dice.choice([0, 10, 300_000]), ending=ending)
            case 1:
                return Answer.disconnect(ending)
            case 2:
                await request.read()
        return Answer(body=pieces(b'ab', b'x' * dice.choice([10, 300_000]), b'cd'), ending=ending)

    async def behave(server: Server, context: ssl.SSLContext | None) -> None:
        with contextlib.suppress(ConnectionError):
            async with Client(server, context) as client:
                client.send(get() * dice.randrange(3) + post('Content-Length: 200000') + b'x' * dice.randrange(200_001))
                for _ in range(dice.randrange(30)):
                    await asyncio.sleep(0)
                if dice.randrange(2):
                    last_words = [get(), b'nonsense\r\n\r\n', post('Expect: 100-continue', 'Content-Length: 9')]
                    client.send(dice.choice(last_words))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.reader.read(dice.randrange(1, 400_000))

    script = Script(answer)
    async with serving(script, tls=tls) as server:
        context = ssl.create_default_context(cafile=server.ca_path) if tls else None
        await asyncio.gather(*[behave(server, context) for _ in range(60)])
        stragglers = [asyncio.create_task(behave(server, context)) for _ in range(20)]
        for _ in range(10):
            await asyncio.sleep(0)
    await asyncio.gather(*stragglers)
    assert sorted(request.id for request, _, _ in script.observed) == sorted(request.id for request in script.requests)
    assert {Outcome.COMPLETE, Outcome.CLIENT_CLOSED, Outcome.SERVER_CLOSED, Outcome.ERROR} <= set(script.outcomes)
    assert [record for record in caplog.records if record.levelname == 'ERROR'] == []


@pytest.mark.parametrize('port', ['8080', 70_000, -1, True, 80.5])
def test_a_port_that_is_none_is_refused_where_it_is_written(port: Any) -> None:
    with pytest.raises(KMockError, match=r'a port is a number from 1 to 65535'):
        Server(Script(Answer()), port=port)
