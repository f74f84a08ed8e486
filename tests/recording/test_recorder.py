"""The recorder, with a scripted responder in the place of the upstream, on a virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kmock.chain import Observer
from kmock.clock import VirtualClock
from kmock.errors import UpstreamError
from kmock.messages import Answer, BodyInterrupted, ChunkPart, Ending, Outcome, Request, RequestBody
from kmock.recording.cassette import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.recorder import Recorder

START = 1000.0


class Upstream:
    """Answers with what a test has put into `reply`; remembers what it was asked, and what it was told."""

    def __init__(self, reply: Callable[[Request], Any]) -> None:
        self.reply = reply
        self.asked: list[Request] = []
        self.observed: list[Outcome] = []

    async def respond(self, request: Request) -> Answer | None:
        self.asked.append(request)
        result = self.reply(request)
        return await result if asyncio.iscoroutine(result) else result

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        self.observed.append(outcome)


class Bench:
    """A recorder, its clock, and the frames that it has appended so far."""

    def __init__(self, reply: Callable[[Request], Any]) -> None:
        self.clock = VirtualClock(START)
        self.frames: list[Frame] = []
        self.upstream = Upstream(reply)
        self.recorder = Recorder(self.upstream, self.frames.append, clock=self.clock, started=START)

    def request(self, method: str = 'GET', target: str = '/x', **kwargs: Any) -> Request:
        return Request.make(method, target, arrived=self.clock.now(), **kwargs)

    async def ask(self, method: str = 'GET', target: str = '/x', **kwargs: Any) -> Answer:
        answer = await self.recorder.respond(self.request(method, target, **kwargs))
        assert answer is not None
        return answer

    async def settled(self) -> list[Frame]:
        await asyncio.sleep(0)
        return self.frames

    def of(self, kind: type[Any]) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def end(self) -> EndFrame:
        (end,) = self.of(EndFrame)
        return end


async def pieces(*items: bytes | BaseException, clock: VirtualClock | None = None) -> AsyncIterator[bytes]:
    """A body: its pieces a second apart if there is a clock; an exception is raised."""
    for item in items:
        if clock is not None:
            await clock.sleep_until(clock.now() + 1)
        if isinstance(item, BaseException):
            raise item
        yield item


async def read(answer: Answer) -> list[bytes]:
    assert not isinstance(answer.body, bytes)
    return [piece async for piece in answer.body]


async def test_an_exchange_becomes_frames_with_their_times():
    bench = Bench(lambda request: None)
    headers = (('Content-Type', 'text/plain'), ('X', '1'), ('X', '2'))
    bench.upstream.reply = lambda request: Answer(headers=headers, body=pieces(b'one', b'two', clock=bench.clock))
    await bench.clock.advance(1)
    request = bench.request('GET', '/x?b=2&a=1', headers=[('Accept', 'a'), ('accept', 'b')])
    await bench.clock.advance(0.5)
    answer = await bench.recorder.respond(request)
    reading = asyncio.ensure_future(read(answer))
    await bench.clock.advance(5)
    assert await reading == [b'one', b'two']
    assert await bench.settled() == [
        RequestFrame(
            id=1, at_us=1_000_000, method='GET', target='/x?b=2&a=1', headers=(('Accept', 'a'), ('accept', 'b'))
        ),
        ResponseFrame(id=1, at_us=1_500_000, status=200, reason='OK', headers=headers),
        ChunkFrame(id=1, at_us=2_500_000, data=b'one'),
        ChunkFrame(id=1, at_us=3_500_000, data=b'two'),
        EndFrame(id=1, at_us=3_500_000, outcome=Outcome.COMPLETE),
    ]


async def test_a_piece_reaches_the_client_before_the_file_and_the_file_in_the_next_turn():
    bench = Bench(lambda request: Answer(body=pieces(b'one', b'two')))
    answer = await bench.ask()
    await bench.settled()
    assert await anext(answer.body) == b'one'
    assert bench.of(ChunkFrame) == []
    await bench.settled()
    assert [frame.data for frame in bench.of(ChunkFrame)] == [b'one']
    await answer.body.aclose()


async def test_a_body_that_never_lets_the_loop_turn_does_not_pile_up():
    seen: list[int] = []
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            yield bytes(100_000)
            sent += 100_000
            seen.append(sent - sum(len(frame.data) for frame in bench.of(ChunkFrame)))

    bench = Bench(lambda request: Answer(body=body()))
    await read(await bench.ask())
    assert max(seen) < 1_300_000
    await bench.settled()
    assert sum(len(frame.data) for frame in bench.of(ChunkFrame)) == 10_000_000
    assert bench.recorder.bytes_passed == 10_000_000


async def test_parts_of_http_chunks_are_marked():
    bench = Bench(lambda request: Answer(body=pieces(ChunkPart(b'on'), b'e', b'two')))
    assert await read(await bench.ask()) == [b'on', b'e', b'two']
    await bench.settled()
    assert [(frame.data, frame.partial) for frame in bench.of(ChunkFrame)] == [
        (b'on', True),
        (b'e', False),
        (b'two', False),
    ]
    assert type(bench.of(ChunkFrame)[0].data) is bytes


async def test_a_finished_body_is_one_chunk_and_complete():
    bench = Bench(lambda request: Answer(status=201, reason='Made', body=b'{}'))
    answer = await bench.ask()
    assert answer.body == b'{}'
    await bench.settled()
    assert [frame.data for frame in bench.of(ChunkFrame)] == [b'{}']
    assert [(frame.status, frame.reason) for frame in bench.of(ResponseFrame)] == [(201, 'Made')]
    assert bench.end.outcome is Outcome.COMPLETE


@pytest.mark.parametrize(('method', 'status'), [('HEAD', 200), ('GET', 204), ('GET', 304)])
async def test_an_answer_without_a_body_is_complete_at_once(method, status):
    bench = Bench(lambda request: Answer(status=status, headers=(('Content-Length', '9'),), body=pieces()))
    answer = await bench.ask(method)
    await answer.body.aclose()
    await bench.settled()
    assert bench.end.outcome is Outcome.COMPLETE
    assert bench.of(ChunkFrame) == []


# --- how exchanges end


async def test_a_client_that_leaves_after_the_whole_body_leaves_a_complete_exchange():
    bench = Bench(lambda request: Answer(body=pieces(b'all')))
    request = bench.request()
    answer = await bench.recorder.respond(request)
    await read(answer)
    await answer.body.aclose()
    bench.recorder.observe(request, answer, Outcome.CLIENT_CLOSED)
    await bench.settled()
    assert bench.end.outcome is Outcome.COMPLETE


@pytest.mark.parametrize('way', ['closed', 'cancelled', 'observed', 'never read'])
async def test_a_client_that_leaves_before_the_end_is_client_closed(way):
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b'one'
            await bench.clock.sleep_until(START + 100)
        finally:
            closed.set()

    bench = Bench(lambda request: Answer(body=endless()))
    request = bench.request()
    answer = await bench.recorder.respond(request)
    if way == 'never read':
        await bench.clock.advance(3)
        await answer.body.aclose()
        closed.set()
    else:
        reading = asyncio.ensure_future(read(answer))
        await bench.clock.advance(3)
        if way == 'observed':
            bench.recorder.observe(request, answer, Outcome.CLIENT_CLOSED)
            await bench.clock.advance(3)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await answer.body.aclose()
    bench.recorder.observe(request, answer, Outcome.CLIENT_CLOSED)
    await bench.settled()
    assert (bench.end.outcome, bench.end.at_us) == (Outcome.CLIENT_CLOSED, 3_000_000)
    assert closed.is_set()


@pytest.mark.parametrize(
    ('error', 'outcome', 'text'),
    [
        (BodyInterrupted(Ending.CUT, 'cut amid'), Outcome.SERVER_CLOSED, 'cut amid'),
        (BodyInterrupted(Ending.RESET), Outcome.RESET, 'reset'),
        (ValueError('odd'), Outcome.SERVER_CLOSED, 'ValueError: odd'),
    ],
)
async def test_a_break_of_the_upstream_is_recorded_and_passed_on(error, outcome, text):
    bench = Bench(lambda request: Answer(body=pieces(b'one', error)))
    request = bench.request()
    answer = await bench.recorder.respond(request)
    with pytest.raises(type(error)) as caught:
        await read(answer)
    assert caught.value is error
    bench.recorder.observe(request, answer, Outcome.CLIENT_CLOSED)
    await bench.settled()
    assert (bench.end.outcome, bench.end.error) == (outcome, text)


@pytest.mark.parametrize(
    ('ending', 'outcome'),
    [(Ending.CUT, Outcome.SERVER_CLOSED), (Ending.RESET, Outcome.RESET), (Ending.HELD, Outcome.CLIENT_CLOSED)],
)
async def test_endings_that_an_answer_announces_are_outcomes(ending, outcome):
    bench = Bench(lambda request: Answer(body=pieces(b'one'), ending=ending))
    request = bench.request()
    answer = await bench.recorder.respond(request)
    await read(answer)
    await bench.clock.advance(2)
    bench.recorder.observe(request, answer, Outcome.CLIENT_CLOSED)
    await bench.settled()
    assert bench.end.outcome is outcome
    assert bench.end.at_us == (2_000_000 if ending is Ending.HELD else 0)


@pytest.mark.parametrize(('reset', 'ending'), [(False, Ending.CUT), (True, Ending.RESET)])
async def test_an_upstream_without_an_answer_leaves_the_client_in_the_same_way(reset, ending):
    def fail(request: Request) -> Answer:
        raise UpstreamError('Connection refused', reset=reset)

    bench = Bench(fail)
    answer = await bench.ask()
    assert answer.disconnects
    assert answer.ending is ending
    await bench.settled()
    assert bench.of(ResponseFrame) == []
    assert (bench.end.outcome, bench.end.error) == (Outcome.ERROR, 'Connection refused')


async def test_an_inner_disconnect_and_an_inner_silence_are_errors():
    bench = Bench(lambda request: Answer.disconnect(Ending.RESET) if request.path == '/a' else None)
    assert (await bench.ask(target='/a')).disconnects
    assert await bench.recorder.respond(bench.request(target='/b')) is None
    await bench.settled()
    assert [(frame.outcome, frame.error) for frame in bench.of(EndFrame)] == [
        (Outcome.ERROR, 'no answer: the connection was reset'),
        (Outcome.ERROR, 'nobody answered'),
    ]


async def test_any_other_error_is_recorded_and_raised():
    def fail(request: Request) -> Answer:
        raise KeyError('credentials')

    bench = Bench(fail)
    with pytest.raises(KeyError):
        await bench.ask()
    await bench.settled()
    assert (bench.end.outcome, bench.end.error) == (Outcome.ERROR, "KeyError: 'credentials'")


async def test_a_client_that_leaves_before_the_answer_is_client_closed():
    bench = Bench(lambda request: bench.clock.sleep_until(START + 100))
    request = bench.request()
    task = asyncio.ensure_future(bench.recorder.respond(request))
    await bench.clock.advance(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.recorder.observe(request, None, Outcome.CLIENT_CLOSED)
    await bench.settled()
    assert (bench.end.outcome, bench.end.at_us) == (Outcome.CLIENT_CLOSED, 2_000_000)
    assert bench.of(ResponseFrame) == []


async def test_closing_marks_what_is_under_way_as_unfinished_and_lets_it_go_on_unrecorded():
    bench = Bench(lambda request: Answer(body=pieces(b'one', b'two', b'three')))
    answer = await bench.ask()
    await anext(answer.body)
    await bench.clock.advance(2)
    bench.recorder.close()
    assert (bench.end.outcome, bench.end.at_us) == (Outcome.UNFINISHED, 2_000_000)
    assert bench.frames[-1] is bench.end
    assert await read(answer) == [b'two', b'three']
    assert await read(await bench.ask()) == [b'one', b'two', b'three']
    bench.recorder.note('late')
    bench.recorder.close()
    await bench.settled()
    assert bench.frames[-1] is bench.end
    assert bench.recorder.open_streams == 0


def test_a_recorder_can_be_closed_after_its_loop():
    bench = Bench(lambda request: Answer(body=pieces(b'one')))

    async def begin() -> None:
        answer = await bench.ask()
        await anext(answer.body)
        await answer.body._source.aclose()

    asyncio.run(begin())
    bench.recorder.close()
    assert bench.end.outcome is Outcome.UNFINISHED


# --- requests


async def test_hop_by_hop_headers_are_left_out_of_both_heads():
    bench = Bench(
        lambda request: Answer(headers=(('Connection', 'X-Hop'), ('X-Hop', '1'), ('ETag', '"1"'), ('Trailer', 'X')))
    )
    names = ['Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'Proxy-Connection', 'TE', 'Trailer']
    headers = [(name, 'v') for name in [*names, 'Transfer-Encoding', 'Upgrade', 'X-Mine', 'Accept']]
    await bench.ask(headers=[*headers, ('connection', 'keep-alive, x-mine')])
    await bench.settled()
    assert bench.of(RequestFrame)[0].headers == (('Accept', 'v'),)
    assert bench.of(ResponseFrame)[0].headers == (('ETag', '"1"'),)
    assert bench.upstream.asked[0].headers['X-Mine'] == 'v'


async def test_a_kept_body_is_in_the_frame_of_the_request_and_an_absent_one_is_not_an_empty_one():
    bench = Bench(lambda request: Answer())
    await bench.ask('POST', body=b'{}')
    await bench.ask('POST')
    await bench.recorder.respond(Request(method='POST', target='/x', content=RequestBody(b'', declared=True)))
    await bench.settled()
    assert [(frame.body, frame.streamed) for frame in bench.of(RequestFrame)] == [
        (b'{}', False),
        (None, False),
        (b'', False),
    ]


async def upload(bench: Bench, *items: bytes, **headers: str) -> None:
    async def reply(request: Request) -> Answer:
        assert [piece async for piece in request.stream()] == list(items)
        return Answer()

    bench.upstream.reply = reply
    request = bench.request('POST', headers=headers.items())
    content = RequestBody(pieces(*items, clock=bench.clock), declared=True)
    task = asyncio.ensure_future(bench.recorder.respond(request.with_content(content)))
    await bench.clock.advance(10)
    await task
    await bench.settled()


async def test_a_streamed_body_is_recorded_as_it_passes():
    bench = Bench(lambda request: None)
    await upload(bench, b'ab', b'cd')
    assert bench.of(RequestFrame)[0].streamed
    assert bench.of(BodyFrame) == [
        BodyFrame(id=1, at_us=1_000_000, data=b'ab'),
        BodyFrame(id=1, at_us=2_000_000, data=b'cd'),
        BodyFrame(id=1, at_us=2_000_000, data=b'', last=True),
    ]
    assert bench.recorder.bytes_passed == 4


async def test_the_last_piece_of_a_known_length_is_marked_as_such():
    bench = Bench(lambda request: None)
    await upload(bench, b'ab', b'cd', **{'Content-Length': '4'})
    assert [(frame.data, frame.last) for frame in bench.of(BodyFrame)] == [(b'ab', False), (b'cd', True)]


async def test_the_upstream_may_read_and_keep_a_streamed_body():
    async def reply(request: Request) -> Answer:
        return Answer(body=await request.read(100) + request.body)

    bench = Bench(reply)
    request = bench.request('POST').with_content(RequestBody(pieces(b'ab', b'c'), declared=True))
    assert (await bench.recorder.respond(request)).body == b'abcabc'
    await bench.settled()
    assert b''.join(frame.data for frame in bench.of(BodyFrame)) == b'abc'


# --- conditional requests


async def test_a_cached_copy_is_confirmed_while_the_full_answer_is_recorded():
    headers = (('ETag', '"A"'), ('Content-Type', 'application/json'))
    bench = Bench(lambda request: Answer(headers=headers, body=pieces(b'{', b'}', clock=bench.clock)))
    task = asyncio.ensure_future(bench.ask('GET', '/api', headers={'If-None-Match': '"A"', 'Accept': 'x'}))
    await bench.clock.advance(5)
    answer = await task
    assert (answer.status, answer.body, answer.headers) == (304, b'', (('ETag', '"A"'),))
    assert dict(bench.upstream.asked[0].headers) == {'Accept': 'x'}
    assert await bench.settled() == [
        RequestFrame(id=1, at_us=0, method='GET', target='/api', headers=(('If-None-Match', '"A"'), ('Accept', 'x'))),
        ResponseFrame(id=1, at_us=0, status=200, reason='OK', headers=headers),
        ChunkFrame(id=1, at_us=1_000_000, data=b'{'),
        ChunkFrame(id=1, at_us=2_000_000, data=b'}'),
        EndFrame(id=1, at_us=2_000_000, outcome=Outcome.COMPLETE),
    ]


async def test_an_outdated_copy_gets_the_full_answer():
    bench = Bench(lambda request: Answer(headers=(('ETag', '"B"'),), body=pieces(b'{}')))
    answer = await bench.ask(headers={'If-None-Match': '"A"'})
    assert answer.status == 200
    assert await read(answer) == [b'{}']


async def test_a_break_amid_a_confirmed_answer_is_recorded_while_the_client_gets_its_304():
    bench = Bench(lambda request: Answer(headers=(('ETag', '"A"'),), body=pieces(b'{', BodyInterrupted(Ending.CUT))))
    assert (await bench.ask(headers={'If-None-Match': '"A"'})).status == 304
    await bench.settled()
    assert bench.end.outcome is Outcome.SERVER_CLOSED


async def test_a_client_that_leaves_while_its_copy_is_confirmed_is_client_closed():
    bench = Bench(lambda request: Answer(headers=(('ETag', '"A"'),), body=pieces(b'{', b'}', clock=bench.clock)))
    task = asyncio.ensure_future(bench.ask(headers={'If-None-Match': '"A"'}))
    await bench.clock.advance(1.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.settled()
    assert (bench.end.outcome, bench.end.at_us) == (Outcome.CLIENT_CLOSED, 1_500_000)


# --- upgrades


class Far:
    """The far side of a tunnel, from a script."""

    def __init__(self, *reads: bytes | Exception, writes: Exception | None = None) -> None:
        self.reads = list(reads)
        self.written: list[bytes] = []
        self.failure = writes
        self.eof = self.closed = False

    async def read(self) -> bytes:
        item = self.reads.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    async def write(self, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.written.append(data)

    async def write_eof(self) -> None:
        self.eof = True

    async def close(self) -> None:
        self.closed = True


UPGRADE = {'Connection': 'keep-alive, Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13'}


def upgraded(far: Far) -> Bench:
    headers = (('Connection', 'Upgrade'), ('Upgrade', 'websocket'), ('Sec-WebSocket-Accept', 'x'))
    return Bench(lambda request: Answer(status=101, headers=headers, upgrade=far))


async def test_a_tunnel_is_recorded_in_both_directions():
    far = Far(b'hello', b'', b'')
    bench = upgraded(far)
    request = bench.request(headers=UPGRADE)
    answer = await bench.recorder.respond(request)
    tunnel = answer.upgrade
    assert bench.recorder.open_streams == 1
    assert await tunnel.read() == b'hello'
    await bench.clock.advance(1)
    await tunnel.write(b'hi')
    await tunnel.write_eof()
    await bench.clock.advance(1)
    assert await tunnel.read() == b''
    assert await tunnel.read() == b''
    bench.recorder.observe(request, answer, Outcome.CLIENT_CLOSED)
    await tunnel.close()
    assert (far.written, far.eof, far.closed) == ([b'hi'], True, True)
    assert await bench.settled() == [
        RequestFrame(
            id=1,
            at_us=0,
            method='GET',
            target='/x',
            headers=(('Upgrade', 'websocket'), ('Sec-WebSocket-Version', '13')),
        ),
        ResponseFrame(
            id=1,
            at_us=0,
            status=101,
            reason='Switching Protocols',
            headers=(('Upgrade', 'websocket'), ('Sec-WebSocket-Accept', 'x')),
        ),
        TunnelFrame(id=1, at_us=0, data=b'hello', from_client=False),
        TunnelFrame(id=1, at_us=1_000_000, data=b'hi', from_client=True),
        TunnelFrame(id=1, at_us=1_000_000, data=b'', from_client=True),
        TunnelFrame(id=1, at_us=2_000_000, data=b'', from_client=False),
        EndFrame(id=1, at_us=2_000_000, outcome=Outcome.COMPLETE),
    ]
    assert bench.recorder.open_streams == 0


async def test_a_client_that_leaves_a_tunnel_first_is_client_closed():
    bench = upgraded(Far(b'hello'))
    tunnel = (await bench.ask(headers=UPGRADE)).upgrade
    await tunnel.read()
    await tunnel.close()
    await bench.settled()
    assert bench.end.outcome is Outcome.CLIENT_CLOSED


@pytest.mark.parametrize(
    ('error', 'outcome'),
    [(ConnectionResetError('gone'), Outcome.RESET), (BrokenPipeError('gone'), Outcome.SERVER_CLOSED)],
)
@pytest.mark.parametrize('way', ['read', 'write'])
async def test_a_break_of_the_far_side_is_not_blamed_on_the_client(error, outcome, way):
    bench = upgraded(Far(error, writes=error))
    tunnel = (await bench.ask(headers=UPGRADE)).upgrade
    with pytest.raises(type(error)):
        await (tunnel.read() if way == 'read' else tunnel.write(b'x'))
    await tunnel.close()
    await bench.settled()
    assert (bench.end.outcome, bench.end.error) == (outcome, 'gone')


# --- counters, marks, notes


async def test_counters_follow_the_traffic():
    bench = Bench(lambda request: Answer(body=pieces(b'one', b'two')))
    first, second = await bench.ask(), await bench.ask('POST', body=b'1234')
    assert (bench.recorder.requests, bench.recorder.open_streams, bench.recorder.bytes_passed) == (2, 2, 4)
    await read(first)
    assert (bench.recorder.open_streams, bench.recorder.bytes_passed) == (1, 10)
    await second.body.aclose()
    assert bench.recorder.open_streams == 0
    await bench.settled()
    assert [frame.id for frame in bench.of(RequestFrame)] == [1, 2]


async def test_marks_are_kept_in_the_end_and_notes_in_the_file():
    bench = Bench(lambda request: bench.recorder.mark(request, 'repeated after a 401') or Answer(body=b'x'))
    await bench.ask()
    bench.recorder.note('something')
    await bench.settled()
    assert (bench.end.outcome, bench.end.error) == (Outcome.COMPLETE, 'repeated after a 401')
    assert bench.of(NoteFrame) == [NoteFrame(at_us=0, text='something')]


async def test_what_others_answered_is_not_recorded_and_the_inner_responder_is_told_all():
    bench = Bench(lambda request: Answer())
    bench.recorder.observe(bench.request(), Answer(), Outcome.COMPLETE)
    assert await bench.settled() == []
    assert bench.upstream.observed == [Outcome.COMPLETE]
    assert isinstance(bench.recorder, Observer)
