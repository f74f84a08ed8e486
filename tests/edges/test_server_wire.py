"""Exact bytes on the wire, seen through raw sockets."""

from collections.abc import AsyncIterator

import pytest
from serving import Client, Script, serving

from kmock.messages import Answer, Outcome


def get(path: str = '/', *headers: str, version: str = '1.1') -> bytes:
    lines = [f'GET {path} HTTP/{version}', 'Host: there', *headers]
    return '\r\n'.join([*lines, '', '']).encode()


async def pieces(*items: bytes | Exception) -> AsyncIterator[bytes]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


# --- requests


async def test_requests_come_as_they_were_on_the_wire() -> None:
    script = Script(Answer())
    async with serving(script) as server, Client(server) as client:
        client.send(b'GET /a%2Fb//c?x=%20+&y HTTP/1.1\r\nhOsT: There:1\r\nX-Two: a\r\nx-two: b  \r\n\r\n')
        await client.receive(b'\r\n\r\n')
    [request] = script.requests
    assert request.method == 'GET'
    assert request.target == '/a%2Fb//c?x=%20+&y'
    assert request.url == 'http://There:1/a%2Fb//c?x=%20+&y'
    assert list(request.headers.items()) == [('hOsT', 'There:1'), ('X-Two', 'a'), ('x-two', 'b')]
    assert request.headers.getall('X-TWO') == ['a', 'b']
    assert not request.content.declared


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
