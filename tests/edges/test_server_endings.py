"""How answers and connections end, seen through raw sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from serving import Body, Client, Script, get, pieces, post, serving

from kmock.messages import Answer, BodyInterrupted, Ending, Outcome, Request


async def cancelled() -> AsyncIterator[bytes]:
    yield b'ab'
    raise asyncio.CancelledError


async def test_a_cut_answer_ends_without_its_last_chunk() -> None:
    script = Script(Answer(body=pieces(b'ab'), ending=Ending.CUT))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'
    assert script.outcomes == [Outcome.SERVER_CLOSED]


async def test_a_cut_answer_of_bytes_is_recognisably_incomplete() -> None:
    script = Script(Answer(body=b'ab', ending=Ending.CUT))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive_all() == b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'


async def test_a_cut_answer_is_no_reset_though_the_request_was_not_read() -> None:
    script = Script(Answer(body=pieces(b'ab'), ending=Ending.CUT))
    async with serving(script) as server, Client(server) as client:
        client.send(post('Content-Length: 1000000') + b'x' * 500_000)
        assert (await client.receive_all()).endswith(b'\r\n\r\n2\r\nab\r\n')


@pytest.mark.parametrize(
    ('body', 'ending'),
    [
        (lambda: b'abcd', Ending.RESET),
        (lambda: pieces(b'ab', b'cd'), Ending.RESET),
        (lambda: pieces(b'ab', b'cd', BodyInterrupted(Ending.RESET)), Ending.CLEAN),
    ],
)
async def test_a_reset_tears_the_connection_down_after_the_last_byte(body: Callable[[], Any], ending: Ending) -> None:
    script = Script(Answer(headers=(('Content-Length', '9'),), body=body(), ending=ending))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive(b'cd') == b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcd'
        with pytest.raises(ConnectionResetError):
            await client.receive_all()
    assert script.outcomes == [Outcome.RESET]


async def test_a_reset_waits_until_a_slow_client_could_have_everything() -> None:
    size = 20_000_000
    script = Script(Answer(body=b'x' * size, ending=Ending.RESET))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        await client.receive(b'\r\n\r\n1312d00\r\n')
        await client.receive_exactly(size + 2)
        with pytest.raises(ConnectionResetError):
            await client.receive_all()
    assert script.outcomes == [Outcome.RESET]


async def test_a_held_answer_stays_open_until_the_client_leaves() -> None:
    script = Script(Answer(body=b'ab', ending=Ending.HELD))
    async with serving(script) as server:
        async with Client(server) as client:
            client.send(get())
            await client.receive(b'2\r\nab\r\n')
            for _ in range(20):
                await asyncio.sleep(0)
            assert script.outcomes == []
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.CLIENT_CLOSED]


async def test_an_interrupted_body_ends_as_its_source_did() -> None:
    script = Script(Answer(body=pieces(b'ab', BodyInterrupted(Ending.CUT))))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert (await client.receive_all()).endswith(b'\r\n\r\n2\r\nab\r\n')
    assert script.outcomes == [Outcome.SERVER_CLOSED]


async def test_a_failing_body_is_cut_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(Answer(body=pieces(b'ab', ZeroDivisionError('so it is'))))
    async with serving(script) as server, Client(server) as client:
        client.send(get('/path'))
        assert (await client.receive_all()).endswith(b'\r\n\r\n2\r\nab\r\n')
    assert script.outcomes == [Outcome.SERVER_CLOSED]
    assert 'GET /path' in caplog.text
    assert 'so it is' in caplog.text


async def test_a_body_that_fails_to_close_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Body):
        async def aclose(self) -> None:
            raise ZeroDivisionError('so it is')

    body = Stubborn()
    body.put(None)
    body.put(None)
    script = Script(Answer(body=body))
    async with serving(script) as server, Client(server) as client:
        for _ in range(2):
            client.send(get())
            head = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
            assert await client.receive(b'0\r\n\r\n') == head + b'0\r\n\r\n'
    assert script.outcomes == [Outcome.COMPLETE] * 2
    assert 'so it is' in caplog.text


async def test_a_body_that_is_cancelled_from_within_is_cut() -> None:
    script = Script(Answer(body=cancelled()))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert (await client.receive_all()).endswith(b'\r\n\r\n2\r\nab\r\n')
    assert script.outcomes == [Outcome.SERVER_CLOSED]


async def test_no_answer_can_be_a_closed_connection() -> None:
    script = Script(Answer.disconnect())
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        assert await client.receive_all() == b''
    assert script.outcomes == [Outcome.ERROR]


async def test_no_answer_can_be_a_reset() -> None:
    script = Script(Answer.disconnect(Ending.RESET))
    async with serving(script) as server, Client(server) as client:
        client.send(get())
        with pytest.raises(ConnectionResetError):
            await client.receive_all()
    assert script.outcomes == [Outcome.ERROR]


async def test_a_client_that_leaves_an_idle_stream_is_noticed_and_the_stream_is_closed() -> None:
    body = Body()
    script = Script(Answer(body=body))
    async with serving(script) as server:
        async with Client(server) as client:
            client.send(get())
            await client.receive(b'\r\n\r\n')
        await script.until(lambda: script.outcomes)
        assert body.closed == 1
    assert script.outcomes == [Outcome.CLIENT_CLOSED]
    assert script.observed[0][1] is script.answer


async def test_a_client_that_leaves_before_the_answer_cancels_the_handler() -> None:
    cancelled = asyncio.Event()

    async def answer(request: Request) -> Answer:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Answer()

    script = Script(answer)
    async with serving(script) as server:
        async with Client(server) as client:
            client.send(get())
            await script.until(lambda: script.requests)
        await script.until(lambda: script.outcomes)
    assert cancelled.is_set()
    assert script.observed == [(script.requests[0], None, Outcome.CLIENT_CLOSED)]


async def test_a_stream_waits_for_a_client_that_does_not_read() -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b'x' * 100_000

    script = Script(Answer(body=flood()))
    async with serving(script) as server:
        async with Client(server) as client:
            client.send(get())
            await client.receive(b'\r\n\r\n')
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            before = -1
            while before != sent:
                before = sent
                for _ in range(50):
                    await asyncio.sleep(0)
            assert sent < 1000
        await script.until(lambda: script.outcomes)
    assert script.outcomes == [Outcome.CLIENT_CLOSED]
