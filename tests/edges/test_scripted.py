"""The scripted client sees what really is on the wire: borders, pieces, and each way to end."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from comparing import compare_cassettes
from scripted import play_script

from kmock.messages import Outcome
from kmock.recording.cassette import Cassette, ChunkFrame, EndFrame, Frame, Header, RequestFrame, ResponseFrame

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b'HTTP/1.1 200 OK\r\nX-Some: thing\r\n'
CHUNKED = HEAD + b'Transfer-Encoding: chunked\r\n\r\n'


@contextlib.asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server that does what the test says with each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b'\r\n\r\n')
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, '127.0.0.1', 0)
    async with server:
        yield f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}'


def script(*frames: Frame, outcome: Outcome = Outcome.COMPLETE, request: RequestFrame | None = None) -> Cassette:
    """One exchange that was answered with 200 and these frames."""
    first = request or RequestFrame(id=1, at_us=0, method='GET', target='/x')
    response = ResponseFrame(id=1, at_us=1, status=200, reason='OK', headers=(('X-Some', 'thing'),))
    head = [] if outcome is Outcome.ERROR else [response]
    last = EndFrame(id=1, at_us=9, outcome=outcome)
    return Cassette.from_frames(Header(created=''), [first, *head, *frames, last])


def chunk(data: bytes, at_us: int = 5) -> ChunkFrame:
    return ChunkFrame(id=1, at_us=at_us, data=data)


def say(*pieces: bytes, pause: float = 0.02) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return talk


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info('socket')
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()


async def test_chunks_keep_their_borders_however_the_bytes_are_split() -> None:
    async with talking(say(CHUNKED + b'5\r\nhel', b'lo\r', b'\n3\r\nyou\r\n0\r\n', b'\r\n')) as url:
        seen = await play_script(script(chunk(b'hello'), chunk(b'you')), url)
    assert compare_cassettes(script(chunk(b'hello'), chunk(b'you')), seen) == []
    assert [(each.data, each.partial) for each in seen.exchanges[0].chunks()] == [
        (b'hel', True),
        (b'lo', False),
        (b'you', False),
    ]


async def test_a_body_without_length_ends_with_the_connection() -> None:
    async with talking(say(HEAD + b'\r\nall of it')) as url:
        seen = await play_script(script(chunk(b'all of it')), url)
    assert seen.exchanges[0].outcome is Outcome.COMPLETE
    assert seen.exchanges[0].body() == b'all of it'


@pytest.mark.parametrize(
    'said',
    [CHUNKED + b'5\r\nhello\r\n', CHUNKED + b'9\r\nhello', HEAD + b'Content-Length: 9\r\n\r\nhello'],
    ids=['between chunks', 'amid a chunk', 'amid a length'],
)
async def test_a_connection_closed_too_early_is_a_server_closed_exchange(said: bytes) -> None:
    async with talking(say(said)) as url:
        seen = await play_script(script(chunk(b'hello')), url)
    assert seen.exchanges[0].outcome is Outcome.SERVER_CLOSED
    assert seen.exchanges[0].body() == b'hello'


async def test_a_reset_connection_is_a_reset_exchange() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(CHUNKED + b'5\r\nhello\r\n')(reader, writer)
        reset(writer)

    async with talking(talk) as url:
        seen = await play_script(script(chunk(b'hello'), outcome=Outcome.RESET), url)
    assert compare_cassettes(script(chunk(b'hello'), outcome=Outcome.RESET), seen) == []


@pytest.mark.parametrize('leave', [lambda writer: writer.close(), reset], ids=['closed', 'reset'])
async def test_no_response_is_an_error(leave: Callable[[asyncio.StreamWriter], None]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        leave(writer)

    async with talking(talk) as url:
        seen = await play_script(script(outcome=Outcome.ERROR), url)
    assert compare_cassettes(script(outcome=Outcome.ERROR), seen) == []


async def test_a_refused_connection_is_an_error() -> None:
    with socket.create_server(('127.0.0.1', 0)) as sock:
        url = f'http://127.0.0.1:{sock.getsockname()[1]}'
    seen = await play_script(script(outcome=Outcome.ERROR), url)
    assert compare_cassettes(script(outcome=Outcome.ERROR), seen) == []


@pytest.mark.parametrize('speed', [None, 0.0001], ids=['in order', 'timed'])
async def test_the_client_leaves_where_the_script_says_so(speed: float | None) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(CHUNKED + b'5\r\nhello\r\n')(reader, writer)
        assert await reader.read() == b''

    wanted = script(chunk(b'hello'), outcome=Outcome.CLIENT_CLOSED)
    async with talking(talk) as url:
        seen = await play_script(wanted, url, speed=speed)
    assert compare_cassettes(wanted, seen) == []


async def test_a_client_that_should_leave_notes_what_came_instead() -> None:
    wanted = script(chunk(b'hello'), outcome=Outcome.CLIENT_CLOSED)
    async with talking(say(CHUNKED + b'4\r\nhell\r\n0\r\n\r\n')) as url:
        seen = await play_script(wanted, url)
    assert seen.exchanges[0].outcome is Outcome.COMPLETE


async def test_requests_go_out_as_they_were_recorded() -> None:
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readexactly(4))
        writer.write(HEAD + b'Content-Length: 0\r\n\r\n')

    request = RequestFrame(
        id=1, at_us=0, method='POST', target='/x', headers=(('Content-Length', '4'), ('X-Y', 'ü')), body=b'body'
    )
    async with talking(talk) as url:
        seen = await play_script(script(request=request), url)
    assert bytes(heard) == b'body'
    assert seen.exchanges[0].request.headers == request.headers
    assert seen.exchanges[0].outcome is Outcome.COMPLETE
