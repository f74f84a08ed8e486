"""How requests come in, byte by byte, seen through raw sockets."""

import asyncio

import pytest
from serving import Client, Script, get, post, serving

from kmock.messages import Answer, Outcome, Request


async def test_requests_come_as_they_were_on_the_wire() -> None:
    script = Script(Answer())
    async with serving(script) as server, Client(server) as client:
        client.send(b'GET /a%2Fb//c?x=%20+&y HTTP/1.1\r\nhOsT: There:1\r\nX-Two: a\r\nx-two: b\r\n\r\n')
        await client.receive(b'\r\n\r\n')
    [request] = script.requests
    assert request.method == 'GET'
    assert request.target == '/a%2Fb//c?x=%20+&y'
    assert request.url == 'http://There:1/a%2Fb//c?x=%20+&y'
    assert list(request.headers.items()) == [('hOsT', 'There:1'), ('X-Two', 'a'), ('x-two', 'b')]
    assert request.headers.getall('X-TWO') == ['a', 'b']
    assert not request.content.declared


async def test_requests_with_the_same_headers_share_them() -> None:
    script = Script(Answer())
    async with serving(script) as server, Client(server) as client:
        for field in ('X-N: 1', 'X-N: 1', 'x-n: 1', 'X-N: 2'):
            client.send(get('/', field))
            await client.receive(b'\r\n\r\n')
    first, same, *others = (request.headers for request in script.requests)
    assert same is first
    assert [list(headers.items())[-1] for headers in (first, *others)] == [('X-N', '1'), ('x-n', '1'), ('X-N', '2')]


async def test_requests_are_stamped_by_the_clock_on_arrival() -> None:
    script = Script(Answer())
    async with serving(script, clock=script.clock) as server, Client(server) as client:
        await script.clock.advance(12.5)
        client.send(get())
        await client.receive(b'\r\n\r\n')
    assert script.requests[0].arrived == 12.5


async def test_http_1_0_without_host_is_called_by_the_own_url() -> None:
    script = Script(Answer())
    async with serving(script) as server, Client(server) as client:
        client.send(b'GET / HTTP/1.0\r\n\r\n')
        await client.receive_all()
        assert script.requests[0].base_url == server.url


@pytest.mark.parametrize('size', [9_000, 100_000])
async def test_large_header_fields_and_targets_are_taken(size: int) -> None:
    script = Script(Answer())
    async with serving(script) as server, Client(server) as client:
        client.send(get('/?q=' + 'q' * size, 'Authorization: Bearer ' + 't' * size))
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 200 OK\r\n')
    assert len(script.requests[0].headers['authorization']) == size + 7


@pytest.mark.parametrize(
    ('rest', 'declared', 'body'),
    [
        (b'\r\n', False, b''),
        (b'Content-Length: 0\r\n\r\n', True, b''),
        (b'Content-Length: 3\r\n\r\nabc', True, b'abc'),
        (b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', True, b''),
        (b'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n', True, b'abc'),
        (b'Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0', True, b'\x1f\x8b\x08\0'),
    ],
)
async def test_bodies_of_requests_are_bytes_as_sent(rest: bytes, declared: bool, body: bytes) -> None:
    script = Script(Answer(), read=True)
    async with serving(script) as server, Client(server) as client:
        client.send(b'POST / HTTP/1.1\r\nHost: x\r\n' + rest)
        await client.receive(b'\r\n\r\n')
    assert script.requests[0].body == body
    assert script.requests[0].content.declared is declared
    assert script.outcomes == [Outcome.COMPLETE]


async def test_a_client_is_asked_to_continue_only_when_the_body_is_wanted() -> None:
    script = Script(Answer(body=b'ok'), read=True)
    async with serving(script) as server, Client(server) as client:
        client.send(post('Expect: 100-continue', 'Content-Length: 3'))
        assert await client.receive(b'\r\n\r\n') == b'HTTP/1.1 100 Continue\r\n\r\n'
        client.send(b'abc')
        assert await client.receive(b'ok') == b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
        assert script.requests[0].body == b'abc'


async def test_a_client_that_is_refused_at_once_is_not_asked_for_the_body() -> None:
    script = Script(Answer(status=403, body=b'no'))
    async with serving(script) as server, Client(server) as client:
        client.send(post('Expect: 100-continue', 'Content-Length: 3'))
        head = b'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n'
        assert await client.receive_all() == head + b'no'


async def test_a_client_that_did_not_wait_is_not_asked() -> None:
    script = Script(Answer(body=b'ok'), read=True)
    async with serving(script) as server, Client(server) as client:
        client.send(post('Expect: 100-continue', 'Content-Length: 3') + b'abc')
        assert (await client.receive(b'ok')).startswith(b'HTTP/1.1 200 OK\r\n')


async def test_an_http_1_0_client_is_not_asked() -> None:
    script = Script(Answer(body=b'ok'), read=True)
    async with serving(script) as server, Client(server) as client:
        client.send(b'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
        await script.until(lambda: script.requests)
        client.send(b'abc')
        assert (await client.receive(b'ok')).startswith(b'HTTP/1.1 200 OK\r\n')


async def test_a_small_unread_body_does_not_end_the_connection() -> None:
    script = Script(Answer(body=b'ok'))
    async with serving(script) as server, Client(server) as client:
        for _ in range(2):
            client.send(post('Content-Length: 1000') + b'x' * 900)
            assert await client.receive(b'ok') == b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
            client.send(b'x' * 100)


async def test_a_large_unread_body_ends_the_connection_without_a_reset() -> None:
    script = Script(Answer(status=403, body=b'no'))
    async with serving(script) as server, Client(server) as client:
        client.send(post('Content-Length: 10000000') + b'x' * 1_000_000)
        head = b'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n'
        assert await client.receive_all() == head + b'no'


async def test_a_broken_chunk_of_a_body_is_a_bad_request() -> None:
    script = Script(Answer(), read=True)
    async with serving(script) as server, Client(server) as client:
        client.send(post('Transfer-Encoding: chunked') + b'3\r\nabc\r\n')
        await script.until(lambda: script.requests)
        client.send(b'nonsense\r\n')
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 400 Bad Request\r\n')
        await script.until(lambda: script.outcomes)


async def test_a_client_that_leaves_within_its_body_is_seen_as_gone() -> None:
    failures: list[BaseException] = []

    async def answer(request: Request) -> Answer:
        try:
            await request.read()
        except BaseException as error:
            failures.append(error)
            raise
        return Answer()

    script = Script(answer)
    async with serving(script) as server:
        async with Client(server) as client:
            client.send(post('Content-Length: 10') + b'abc')
            await script.until(lambda: script.requests)
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.CLIENT_CLOSED]
    assert script.observed[0][1] is None
    assert isinstance(failures[0], ConnectionResetError | asyncio.CancelledError)
