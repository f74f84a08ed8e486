"""The client edge against real sockets: requests as they came, answers as they were framed, and how they break."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from upstream_wire import Peer, answering, body_of, pieces, raw_server

from kmock.errors import UpstreamError
from kmock.messages import BodyInterrupted, ChunkPart, Ending, Request, RequestBody
from kmock.upstream import Login, Target, Upstream

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


@contextlib.asynccontextmanager
async def asking(url: str, **kwargs: object) -> AsyncIterator[Upstream]:
    async with Upstream(Target(url=url, **kwargs)) as upstream:  # type: ignore[arg-type]
        yield upstream


async def seen_head(request: Request, base: str = '', **kwargs: object) -> list[str]:
    """The lines of the head that a server sees of a request."""
    heads: list[bytes] = []

    async def talk(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    async with raw_server(talk) as server, asking(server.url + base, **kwargs) as upstream:
        assert await body_of(await upstream.respond(request)) == b'ok'
        return heads[0].decode('utf-8', 'surrogateescape').replace(str(server.port), 'PORT').split('\r\n')


# --- the request


@pytest.mark.parametrize(
    'target',
    [
        '/',
        '//api//v1',
        '/api/v1/namespaces/a%2Fb/pods%20x',
        '/api?',
        '/api?watch=true&x=a+b&y=%zz&&=',
        '/a/../b/./c',
        '/a?b?c',
        '/a#b',
        '/a|b{}"^`\\',
        '/ü?q=ü',
        '*',
    ],
)
async def test_target_goes_out_as_it_came(target: str) -> None:
    lines = await seen_head(Request.make('OPTIONS', target))
    assert lines[0] == f'OPTIONS {target} HTTP/1.1'


async def test_base_path_is_prefixed() -> None:
    lines = await seen_head(Request.make('GET', '/api?'), base='/k8s/clusters/c-1')
    assert lines[0] == 'GET /k8s/clusters/c-1/api? HTTP/1.1'


async def test_absolute_target_is_asked_by_its_path() -> None:
    lines = await seen_head(Request.make('GET', 'http://elsewhere:80/api/v1?x=//'))
    assert lines[0] == 'GET /api/v1?x=// HTTP/1.1'


async def test_headers_keep_order_and_case_without_those_of_the_connection() -> None:
    headers = [
        ('x-lower', '1'),
        ('Host', 'proxy:1'),
        ('X-UPPER', '2'),
        ('Connection', 'keep-alive, X-Private'),
        ('X-Private', 'no'),
        ('Keep-Alive', 'timeout=5'),
        ('TE', 'trailers'),
        ('Proxy-Authorization', 'no'),
        ('Expect', '100-continue'),
        ('accept-encoding', 'gzip, br'),
        ('X-Twice', 'a'),
        ('Cookie', 'a=b; c="d"'),
        ('X-Twice', 'b'),
        ('Authorization', 'Bearer of-the-client'),
    ]
    lines = await seen_head(Request.make('GET', '/', headers=headers))
    assert lines[1:] == [
        'x-lower: 1',
        'Host: 127.0.0.1:PORT',
        'X-UPPER: 2',
        'accept-encoding: identity',
        'X-Twice: a',
        'Cookie: a=b; c="d"',
        'X-Twice: b',
        'Authorization: Bearer of-the-client',
    ]


@pytest.mark.parametrize('method', ['GET', 'POST', 'DELETE', 'PATCH'])
async def test_nothing_is_added_to_a_request_without_a_body(method: str) -> None:
    lines = await seen_head(Request.make(method, '/'))
    assert lines[1:] == ['Host: 127.0.0.1:PORT', 'Accept-Encoding: identity']


async def test_credentials_of_the_target_replace_those_of_the_client() -> None:
    request = Request.make('GET', '/', headers=[('authorization', 'Bearer client'), ('X', '1')])
    lines = await seen_head(request, login=Login(authorization='Bearer own', given=True))
    assert lines[1:3] == ['authorization: Bearer own', 'X: 1']


async def test_client_certificates_replace_the_authorization_of_the_client() -> None:
    request = Request.make('GET', '/', headers=[('Authorization', 'Bearer client')])
    lines = await seen_head(request, login=Login(given=True))
    assert not [line for line in lines if line.lower().startswith('authorization')]


async def test_headers_of_the_target_replace_those_of_the_client() -> None:
    request = Request.make('GET', '/', headers=[('X-Team', 'a'), ('x-team', 'b'), ('Y', '1')])
    lines = await seen_head(request, headers=(('X-Team', 'own'), ('X-New', 'n')))
    assert lines[1:] == ['X-Team: own', 'Y: 1', 'Host: 127.0.0.1:PORT', 'Accept-Encoding: identity', 'X-New: n']


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST'])
async def test_bytes_that_are_no_text_pass_both_ways(method: str) -> None:
    heads: list[bytes] = []

    async def talk(peer: Peer) -> None:
        head = await peer.head()
        if b'Content-Length' in head:
            head += await peer.reader.readexactly(4)
        heads.append(head)
        body = b'' if head.startswith(b'HEAD') else b'ok'
        await peer.send(b'HTTP/1.1 200 O\xff\r\nX: \xff\r\nContent-Length: 2\r\n\r\n' + body)
        await peer.gone()

    body = b'body' if method == 'POST' else b''
    headers = {'X': 'a\udcfe', **({'Content-Length': '4'} if body else {})}
    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make(method, '/\udcffü', headers=headers, body=body))
        assert (answer.reason, answer.header('X')) == ('O\udcff', '\udcff')
        assert await body_of(answer) == (b'' if method == 'HEAD' else b'ok')
    assert heads[0].startswith(method.encode() + b' /\xff\xc3\xbc HTTP/1.1\r\nX: a\xfe\r\n')
    assert b'\r\nConnection: close' in heads[0]
    assert heads[0].endswith(body)


async def echo_raw(peer: Peer) -> None:
    """Answer with the bytes of the request's body as they stood on the wire, up to their end."""
    head = (await peer.head()).lower()
    if b'chunked' in head:
        raw = await peer.reader.readuntil(b'0\r\n\r\n')
    else:
        length = int(head.partition(b'content-length: ')[2].partition(b'\r\n')[0])
        raw = await peer.reader.readexactly(length)
    await peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(raw) + raw)


async def streamed(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize('method', ['POST', 'GET', 'DELETE'])
async def test_upload_of_announced_length_keeps_it(method: str) -> None:
    request = Request.make(method, '/', headers={'Content-Length': '6'})
    request = request.with_content(RequestBody(streamed(b'abc', b'def'), declared=True))
    async with raw_server(echo_raw) as server, asking(server.url) as upstream:
        assert await body_of(await upstream.respond(request)) == b'abcdef'


@pytest.mark.parametrize('method', ['POST', 'GET'])
async def test_upload_without_a_length_goes_in_chunks(method: str) -> None:
    request = Request.make(method, '/', headers={'Transfer-Encoding': 'chunked'})
    request = request.with_content(RequestBody(streamed(b'abc', b'def'), declared=True))
    async with raw_server(echo_raw) as server, asking(server.url) as upstream:
        assert await body_of(await upstream.respond(request)) == b'3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'


async def test_kept_body_is_sent() -> None:
    request = Request.make('PUT', '/', headers={'Content-Length': '3000000'}, body=b'x' * 3_000_000)
    async with raw_server(echo_raw) as server, asking(server.url) as upstream:
        assert await body_of(await upstream.respond(request)) == b'x' * 3_000_000


async def test_announced_empty_body_is_announced() -> None:
    request = Request.make('POST', '/', headers={'Content-Length': '0'})
    assert 'Content-Length: 0' in await seen_head(request.with_content(RequestBody(declared=True)))


async def test_upload_cut_by_the_client_aborts_the_request() -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.gone()
        gone.set()

    async def cut() -> AsyncIterator[bytes]:
        yield b'abc'
        raise BodyInterrupted(Ending.CUT, 'the client left')

    request = Request.make('POST', '/', headers={'Content-Length': '6'})
    async with raw_server(talk) as server, asking(server.url) as upstream:
        with pytest.raises(BodyInterrupted, match='the client left'):
            await upstream.respond(request.with_content(RequestBody(cut(), declared=True)))
        await asyncio.wait_for(gone.wait(), 5)


async def test_early_answer_ends_the_upload() -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno')
        await peer.gone()
        gone.set()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b'x' * 100_000

    request = Request.make('POST', '/', headers={'Transfer-Encoding': 'chunked'})
    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(request.with_content(RequestBody(endless(), declared=True)))
        assert (answer.status, await body_of(answer)) == (413, b'no')
        await asyncio.wait_for(gone.wait(), 5)


async def test_cancelled_request_is_closed_upstream() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()
        gone.set()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        task = asyncio.create_task(upstream.respond(Request.make('GET', '/')))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)


# --- the answer


async def test_answer_comes_as_it_was_without_what_is_of_the_connection() -> None:
    raw = (
        b'HTTP/1.1 218 This is fine\r\nx-lower: 1\r\nSet-Cookie: a=b\r\nX-UP: 2\r\nSet-Cookie: c=d\r\n'
        b'Connection: keep-alive, X-Hop\r\nX-Hop: no\r\nTrailer: X\r\n'
        b'Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw'
    )
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert (answer.status, answer.reason) == (218, 'This is fine')
        assert answer.headers == (
            ('x-lower', '1'),
            ('Set-Cookie', 'a=b'),
            ('X-UP', '2'),
            ('Set-Cookie', 'c=d'),
            ('Content-Encoding', 'gzip'),
            ('Content-Length', '3'),
        )
        assert await body_of(answer) == b'raw'


async def test_cookies_are_not_kept() -> None:
    raw = OK.replace(b'OK\r\n', b'OK\r\nSet-Cookie: a=b; Path=/\r\n')
    heads: list[bytes] = []

    async def talk(peer: Peer) -> None:
        for _ in range(2):
            heads.append(await peer.head())
            await peer.send(raw)

    async with raw_server(talk) as server, asking(server.url) as upstream:
        for _ in range(2):
            await body_of(await upstream.respond(Request.make('GET', '/')))
        assert server.connections == 1
    assert b'ookie' not in heads[1]


async def test_redirects_are_passed_on() -> None:
    raw = b'HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n'
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert (answer.status, answer.header('location'), answer.body) == (302, '/else', b'')


async def test_interim_answers_are_skipped() -> None:
    raw = b'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' + OK
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert (answer.status, await body_of(answer)) == (200, b'ok')


@pytest.mark.parametrize(
    ('method', 'head'),
    [
        ('HEAD', b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'),
        ('HEAD', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
        ('GET', b'HTTP/1.1 204 No Content\r\n\r\n'),
        ('GET', b'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n'),
        ('GET', b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
    ],
)
async def test_answers_without_a_body_end_at_once_and_keep_the_connection(method: str, head: bytes) -> None:
    async with raw_server(answering(head)) as server, asking(server.url) as upstream:
        for _ in range(2):
            answer = await upstream.respond(Request.make(method, '/'))
            assert await asyncio.wait_for(pieces(answer), 5) == []
            assert (answer.header('Content-Length') == '1000') == (b'1000' in head)
        assert server.connections == 1


async def test_pieces_are_the_servers_chunks() -> None:
    raw = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n2;ext=1\r\nef\r\n'
    raw += b'0\r\nX-Trailer: 1\r\n\r\n'
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        for _ in range(2):
            parts = await pieces(await upstream.respond(Request.make('GET', '/')))
            assert parts == [b'abc', b'd', b'ef']
            assert {type(part) for part in parts} == {bytes}
        assert server.connections == 1


@pytest.mark.parametrize('framing', [b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', b'Connection: close\r\n\r\n'])
async def test_empty_body_of_unknown_length_is_still_a_stream(framing: bytes) -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 200 OK\r\n' + framing)

    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert not isinstance(answer.body, bytes)
        assert await asyncio.wait_for(pieces(answer), 5) == []


async def test_parts_of_a_chunk_are_marked_and_come_at_once() -> None:
    go = asyncio.Semaphore(0)

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for data in b'6\r\nabc', b'def', b'\r\n', b'1\r\ng\r\n', b'1\r\nh', b'\r\n0\r\n\r\n':
            await go.acquire()
            await peer.send(data)

    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert not isinstance(answer.body, bytes)
        parts = []
        for _ in range(6):
            go.release()
            parts.append(await asyncio.wait_for(anext(answer.body), 5))
        assert parts == [b'abc', b'def', b'', b'g', b'h', b'']
        assert [type(part) for part in parts] == [ChunkPart, ChunkPart, bytes, bytes, ChunkPart, bytes]
        assert await pieces(answer) == []


async def test_body_of_fixed_length_is_of_plain_pieces() -> None:
    async with raw_server(answering(OK)) as server, asking(server.url) as upstream:
        parts = await pieces(await upstream.respond(Request.make('GET', '/')))
        assert parts == [b'ok']
        assert type(parts[0]) is bytes


async def test_closing_the_body_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
        await peer.gone()
        gone.set()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        for reads in (0, 1):
            gone.clear()
            answer = await upstream.respond(Request.make('GET', '/'))
            assert not isinstance(answer.body, bytes)
            for _ in range(reads):
                assert await anext(answer.body) == b'abc'
            await answer.body.aclose()  # type: ignore[attr-defined]
            await asyncio.wait_for(gone.wait(), 5)
            assert await pieces(answer) == []


async def test_many_streams_at_once_are_not_limited() -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        await peer.gone()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        requests = [Request.make('GET', f'/{n}') for n in range(150)]
        answers = await asyncio.gather(*map(upstream.respond, requests))
        assert server.connections == 150
        for answer in answers:
            await answer.body.aclose()  # type: ignore[union-attr]


async def test_100_mb_up_and_down_are_not_held() -> None:
    size, piece = 100_000_000, b'x' * 100_000

    async def talk(peer: Peer) -> None:
        await peer.head()
        left = size
        await peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % size)
        while left:
            data = await peer.reader.read(65536)
            left -= len(data)
            await peer.send(data)

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    request = Request.make('PUT', '/', headers={'Content-Length': str(size)})
    async with raw_server(talk) as server, asking(server.url) as upstream:
        tracemalloc.start()
        try:
            answer = await upstream.respond(request.with_content(RequestBody(upload(), declared=True)))
            assert not isinstance(answer.body, bytes)
            count = 0
            async for part in answer.body:
                count += len(part)
            assert count == size
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


# --- how it breaks


async def test_dropped_kept_alive_connection_is_an_error_and_not_asked_again() -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await peer.head()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        assert await body_of(await upstream.respond(Request.make('GET', '/'))) == b'ok'
        with pytest.raises(UpstreamError, match='closed the connection before it answered') as info:
            await upstream.respond(Request.make('GET', '/'))
        assert not info.value.reset
        assert server.connections == 1


async def test_reset_before_the_answer_is_told_from_a_close() -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        peer.reset()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        with pytest.raises(UpstreamError, match='reset the connection before it answered') as info:
            await upstream.respond(Request.make('GET', '/'))
        assert info.value.reset
        assert server.url in str(info.value)


HEADS = {
    'chunked': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde',
    'length': b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabcde',
    'endless': b'HTTP/1.1 200 OK\r\n\r\nabcde',
}


async def broken_answer(raw: bytes, how: str, delay: bool) -> tuple[bytes, BodyInterrupted | None]:
    """What an answer gives that is cut or reset: its bytes, read late or at once, and the break."""
    read = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(raw)
        if not delay:
            await read.wait()
        if how == 'reset':
            peer.reset()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert not isinstance(answer.body, bytes)
        got = b''
        if delay:
            await asyncio.sleep(0.05)  # so that the break is there before the first piece is read
        try:
            async for part in answer.body:
                got += part
                if got == b'abcde':
                    read.set()
        except BodyInterrupted as exc:
            return got, exc
        return got, None


@pytest.mark.parametrize('delay', [True, False], ids=['late', 'at-once'])
@pytest.mark.parametrize('framing', ['chunked', 'length'])
async def test_cut_body_gives_all_that_came_and_says_so(framing: str, delay: bool) -> None:
    got, error = await broken_answer(HEADS[framing], 'cut', delay)
    assert got == b'abcde'
    assert error is not None
    assert error.ending is Ending.CUT
    assert str(error).startswith('ClientPayloadError: Response payload is not completed: ')


@pytest.mark.parametrize('delay', [True, False], ids=['late', 'at-once'])
@pytest.mark.parametrize('framing', ['chunked', 'length', 'endless'])
async def test_reset_body_gives_all_that_came_and_is_told_from_a_cut(framing: str, delay: bool) -> None:
    got, error = await broken_answer(HEADS[framing], 'reset', delay)
    assert got == b'abcde'
    assert error is not None
    assert error.ending is Ending.RESET


async def test_body_up_to_the_end_of_the_connection_is_complete_with_it() -> None:
    assert await broken_answer(HEADS['endless'], 'cut', False) == (b'abcde', None)


async def test_reset_of_a_kept_alive_connection_does_not_touch_the_answer_before() -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        peer.reset()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        await asyncio.sleep(0.05)  # so that the reset is there before the body is read
        assert await body_of(answer) == b'ok'


async def test_switch_that_nobody_asked_for_is_an_error() -> None:
    raw = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        with pytest.raises(UpstreamError, match='switched protocols without being asked'):
            await upstream.respond(Request.make('GET', '/'))


@pytest.mark.parametrize(
    'raw', [b'SSH-2.0-OpenSSH_9.2\r\n\r\n', b'HTTP/1.1 banana\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n']
)
async def test_what_is_not_http_is_an_error(raw: bytes) -> None:
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        with pytest.raises(UpstreamError, match='not HTTP as expected') as info:
            await upstream.respond(Request.make('GET', '/'))
        assert '\n' not in str(info.value)


async def test_broken_chunks_are_a_cut() -> None:
    read = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
        await read.wait()
        await peer.send(b'nonsense\r\n')
        await peer.gone()

    async with raw_server(talk) as server, asking(server.url) as upstream:
        answer = await upstream.respond(Request.make('GET', '/'))
        assert not isinstance(answer.body, bytes)
        assert await anext(answer.body) == b'abc'
        read.set()
        with pytest.raises(BodyInterrupted) as info:
            await asyncio.wait_for(anext(answer.body), 5)
        assert info.value.ending is Ending.CUT


# --- questions of its own


async def test_version_is_the_servers() -> None:
    raw = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"major": "1" }'
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        assert await upstream.check() == {'major': '1'}


@pytest.mark.parametrize(
    'raw',
    [
        b'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
        b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]',
        b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff',
        b'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n' + b'[' * 9000,
    ],
)
async def test_server_without_a_version_is_reachable_all_the_same(raw: bytes) -> None:
    async with raw_server(answering(raw)) as server, asking(server.url) as upstream:
        assert await upstream.check() is None


@pytest.mark.parametrize('rest', [b'', b'broken\r\n'])
async def test_server_whose_version_breaks_off_is_reachable_all_the_same(rest: bytes) -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        await peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"maj\r\n')
        await asyncio.sleep(0.01)  # the head comes by itself: otherwise aiohttp takes the answer for no HTTP at all
        await peer.send(rest)

    async with raw_server(talk) as server, asking(server.url) as upstream:
        assert await upstream.check() is None


async def test_unreachable_server_fails_the_check(unused_tcp_port: int) -> None:
    async with asking(f'http://127.0.0.1:{unused_tcp_port}') as upstream:
        with pytest.raises(UpstreamError, match=f'127.0.0.1:{unused_tcp_port}: the connection was refused'):
            await upstream.check()
        with pytest.raises(UpstreamError, match='refused'):
            await upstream.respond(Request.make('GET', '/'))


async def test_unknown_host_is_named() -> None:
    async with asking('http://no-such-host.invalid') as upstream:
        with pytest.raises(UpstreamError, match=r'the name no-such-host\.invalid can not be resolved'):
            await upstream.check()
