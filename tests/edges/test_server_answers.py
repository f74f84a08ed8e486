"""How answers go out, byte by byte, seen through raw sockets."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from serving import Body, Client, Script, get, pieces, serving

from kmock.handlers import RawHandler
from kmock.messages import Answer, ChunkPart, Outcome, Request
from kmock.server import Server


@pytest.mark.parametrize(
    ('answer', 'wire'),
    [
        (Answer(), b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
        (Answer(status=599), b'HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n'),
        (Answer(status=404, reason='Nope'), b'HTTP/1.1 404 Nope\r\nContent-Length: 0\r\n\r\n'),
        (
            Answer(headers=(('b-B', '1'), ('Set-Cookie', 'x=1'), ('a', ' 2'), ('set-cookie', 'y=2')), body=b'abc'),
            b'HTTP/1.1 200 OK\r\nb-B: 1\r\nSet-Cookie: x=1\r\na:  2\r\nset-cookie: y=2\r\nContent-Length: 3\r\n\r\nabc',
        ),
        (
            Answer(headers=(('content-length', '3'), ('Server', 'me')), body=b'abc'),
            b'HTTP/1.1 200 OK\r\ncontent-length: 3\r\nServer: me\r\n\r\nabc',
        ),
        (
            Answer(headers=(('Transfer-Encoding', 'chunked'),), body=b'abc'),
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
        ),
        (
            Answer(headers=(('X', 'caf\udcc3\udca9'),)),
            b'HTTP/1.1 200 OK\r\nX: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n',
        ),
        (Answer(status=204, headers=(('X', 'y'),)), b'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n'),
        (Answer(status=204, body=b'abc'), b'HTTP/1.1 204 No Content\r\n\r\n'),
        (
            Answer(status=304, headers=(('Content-Length', '7'), ('ETag', '"x"'))),
            b'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "x"\r\n\r\n',
        ),
    ],
)
async def test_answers_go_out_as_they_are(answer: Answer, wire: bytes) -> None:
    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        for _ in range(2):  # twice: the connection lives on
            client.send(get())
            assert await client.receive_exactly(len(wire)) == wire
    assert script.outcomes == [Outcome.COMPLETE] * 2


@pytest.mark.parametrize(
    ('answer', 'wire'),
    [
        (Answer(body=b'abc'), b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'),
        (Answer(headers=(('Content-Length', '9'),)), b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'),
        (Answer(), b'HTTP/1.1 200 OK\r\n\r\n'),
    ],
)
async def test_a_head_request_gets_the_head_alone(answer: Answer, wire: bytes) -> None:
    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        for _ in range(2):
            client.send(b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n')
            assert await client.receive_exactly(len(wire)) == wire


async def test_a_head_request_does_not_begin_a_stream_but_ends_it() -> None:
    body = Body()
    script = Script(Answer(body=body))
    async with serving(script) as server, Client(server) as client:
        client.send(b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n')
        assert await client.receive(b'\r\n\r\n') == b'HTTP/1.1 200 OK\r\n\r\n'
        await script.until(lambda: script.outcomes)
    assert body.asked == 0
    assert body.closed == 1


async def test_pieces_of_a_stream_are_chunks_sent_at_once() -> None:
    body = Body()
    script = Script(Answer(body=body))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive(b'\r\n\r\n') == b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
        for piece, chunk in [(b'abc', b'3\r\nabc\r\n'), (b'x' * 26, b'1a\r\n' + b'x' * 26 + b'\r\n')]:
            body.put(piece)
            assert await client.receive_exactly(len(chunk)) == chunk
        body.put(b'')
        body.put(ChunkPart(b'part'))
        assert await client.receive_exactly(9) == b'4\r\npart\r\n'
        assert script.outcomes == []
        body.put(None)
        assert await client.receive_exactly(5) == b'0\r\n\r\n'
        await script.until(lambda: script.outcomes)
        client.send(get('/again'))
        await client.receive(b'\r\n\r\n')
    assert script.outcomes[0] == Outcome.COMPLETE
    assert body.closed


async def test_a_stream_of_announced_length_is_not_chunked() -> None:
    script = Script(Answer(headers=(('Content-Length', '4'),), body=pieces(b'ab', b'cd')))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive(b'cd') == b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd'
    assert script.outcomes == [Outcome.COMPLETE]


async def test_a_body_short_of_its_announced_length_ends_the_connection() -> None:
    script = Script(Answer(headers=(('Content-Length', '4'),), body=b'abc'))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc'
    assert script.outcomes == [Outcome.SERVER_CLOSED]


async def test_a_body_beyond_its_announced_length_ends_the_connection() -> None:
    script = Script(Answer(headers=(('Content-Length', '2'),), body=b'abc'))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc'


async def test_http_1_0_gets_a_stream_without_chunks_until_the_end() -> None:
    script = Script(Answer(body=pieces(b'ab', b'cd')))
    async with serving(script) as server, Client(server) as client:
        client.send(get(version='1.0'))
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcd'


async def test_http_1_0_can_keep_the_connection() -> None:
    script = Script(Answer(body=b'ab'))
    async with serving(script) as server, Client(server) as client:
        for _ in range(2):
            client.send(get('/', 'Connection: keep-alive', version='1.0'))
            head = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n'
            assert await client.receive(b'ab') == head + b'ab'


async def test_connections_are_closed_where_the_client_asks() -> None:
    script = Script(Answer(body=b'ab'))
    async with serving(script) as server, Client(server) as client:
        client.send(get('/', 'Connection: close'))
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab'


async def test_connections_are_closed_where_the_answer_says() -> None:
    script = Script(Answer(headers=(('connection', 'Close'),), body=b'ab'))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 2\r\n\r\nab'


@pytest.mark.parametrize('answer', [
    Answer(headers=(('X', 'a\r\nEvil: 1'),)),
    Answer(headers=(('X\n', 'a'),)),
    Answer(reason='so\r\nso'),
])  # fmt: skip
async def test_line_breaks_in_a_head_are_refused(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 500 Internal Server Error\r\n')
        assert b'line breaks' in await client.receive(b'\n')
    assert 'line breaks' in caplog.text


async def test_a_failing_handler_is_an_answer_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(ZeroDivisionError('so it is'))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 500 Internal Server Error\r\n')
    assert 'so it is' in caplog.text
    assert script.outcomes == [Outcome.COMPLETE]


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def answer(request: Request) -> Answer:
        for _ in range(10 - int(request.target[1:])):
            await asyncio.sleep(0)
        return Answer(body=request.target.encode())

    script = Script(answer)
    async with serving(script) as server, Client(server) as client:
        client.send(b''.join(get(f'/{n}') for n in range(10)))
        for n in range(10):
            assert (await client.receive(f'\r\n\r\n/{n}'.encode())).startswith(b'HTTP/1.1 200 OK\r\n')


async def test_parallel_requests_are_answered_in_parallel() -> None:
    both = asyncio.Barrier(2)

    async def answer(request: Request) -> Answer:
        await both.wait()
        return Answer()

    script = Script(answer)
    async with serving(script) as server, Client(server) as one, Client(server) as two:
        one.send(get())
        two.send(get())
        await one.receive(b'\r\n\r\n')
        await two.receive(b'\r\n\r\n')


async def test_a_malformed_request_is_refused_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(Answer())
    async with serving(script) as server:
        for nonsense in [
            b'\x16\x03\x01\r\n\r\n',
            b'GET / HTTP/1.1\r\nContent-Length: x\r\nHost: y\r\n\r\n',
            get() + b'?\r\n\r\n',
        ]:
            async with Client(server) as client:
                client.send(nonsense)
                assert b'HTTP/1.0 400 Bad Request\r\n' in await client.receive_all()
        async with Client(server) as client:
            client.send(get('/fine'))
            await client.receive(b'\r\n\r\n')
    assert script.requests[-1].target == '/fine'
    assert all(len(record.message.splitlines()) == 1 for record in caplog.records)


async def test_a_connect_request_is_answered() -> None:
    script = Script(Answer(status=405))
    async with serving(script) as server, Client(server) as client:
        client.send(b'CONNECT there:443 HTTP/1.1\r\nHost: there:443\r\n\r\n')
        assert (await client.receive(b'\r\n\r\n')).startswith(b'HTTP/1.1 405 Method Not Allowed\r\n')


class _OfAiohttp(RawHandler):
    """A handler derived from ours that answers in aiohttp's way."""

    async def _handle(self, request: Request) -> Any:
        match request.path:
            case '/json':
                return web.json_response({'a': 1}, status=201, headers={'X-A': '1'})
            case '/cookie':
                response = web.Response(text='text', reason='Fine')
                response.set_cookie('a', '1')
                return response
            case '/stream':
                return web.StreamResponse()
            case '/nothing':
                return None
        return await super()._handle(request)

    async def _render_error(self, exc: Exception) -> Any:
        return web.Response(status=418, body=b'teapot')


async def test_responses_of_aiohttp_are_taken_from_derived_handlers() -> None:
    async with _OfAiohttp() as handler, Server(handler):
        handler['/rule'] << b'rule'
        async with handler.get('/json') as response:
            assert (response.status, response.headers['X-A'], await response.json()) == (201, '1', {'a': 1})
        async with handler.get('/cookie') as response:
            assert (response.reason, response.cookies['a'].value, await response.text()) == ('Fine', '1', 'text')
        async with handler.get('/rule') as response:
            assert await response.read() == b'rule'
        async with handler.get('/other') as response:
            assert (response.status, await response.read()) == (418, b'teapot')
        for path in ('/stream', '/nothing'):
            async with handler.get(path) as response:
                assert response.status == 500
                assert 'is no answer' in await response.text()
