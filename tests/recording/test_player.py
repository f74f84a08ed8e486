"""Facts about replaying: bytes, borders, endings and moments, exact on the virtual clock."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from taping import JSON, ask, fetch, repeat, tape, taped

from kmock.chain import Observer
from kmock.clock import VirtualClock
from kmock.errors import LimitError
from kmock.messages import Answer, ChunkPart, Ending, Outcome, Request, RequestBody
from kmock.recording.frames import Headers
from kmock.recording.player import Player
from kmock.recording.timeline import pace_clock

WATCH = '/api/v1/pods?watch=true'


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start=1000)


def playing(clock: VirtualClock, *exchanges: object, pace: str | float = 'original') -> Player:
    return Player(tape(*exchanges), clock=pace_clock(pace, clock))  # type: ignore[arg-type]


class TestTime:
    async def test_head_and_pieces_come_at_their_distances_from_the_arrival(self, clock: VirtualClock) -> None:
        each = taped('GET', '/a', at=50, head=0.25, pieces=[(0.5, b'a'), (2, b'b'), (2, b'c')], end=3)
        seen = await ask(playing(clock, each), clock, 'GET', '/a')
        assert seen.head_at == 1000.25
        assert seen.pieces == [(1000.5, b'a'), (1002, b'b'), (1002, b'c')]
        assert seen.over_at == 1003

    async def test_a_late_piece_does_not_delay_the_next_ones(self, clock: VirtualClock) -> None:
        player = playing(clock, taped('GET', '/a', head=0, pieces=[(1, b'a'), (2, b'b'), (3, b'c')], end=3))
        answer = await player.respond(Request.make('GET', '/a', arrived=clock.now()))
        assert answer is not None
        came = []

        async def slow() -> None:
            assert not isinstance(answer.body, bytes)
            async for piece in answer.body:
                came.append((clock.now(), piece))
                await clock.sleep_until(clock.now() + (1.5 if piece == b'a' else 0))

        task = asyncio.create_task(slow())
        await clock.advance(10)
        await task
        assert came == [(1001, b'a'), (1002.5, b'b'), (1003, b'c')]

    async def test_time_spent_before_the_player_was_asked_counts(self, clock: VirtualClock) -> None:
        player = playing(clock, taped('GET', '/a', head=0.5))
        request = Request.make('GET', '/a', arrived=clock.now())
        await clock.advance(0.25)
        task = asyncio.create_task(player.respond(request))
        await clock.advance(0.25)
        assert task.done()
        assert await task is not None

    async def test_at_a_factor_all_distances_shrink(self, clock: VirtualClock) -> None:
        each = taped('GET', '/a', at=50, head=1, pieces=[(2, b'a'), (4, b'b')], end=8)
        player = playing(clock, each, pace=4)
        await clock.advance(100)
        seen = await ask(player, clock, 'GET', '/a')
        assert (seen.head_at, seen.pieces, seen.over_at) == (1100.25, [(1100.5, b'a'), (1101, b'b')], 1102)

    async def test_instantly_all_comes_at_once_and_in_order(self, clock: VirtualClock) -> None:
        each = taped('GET', '/a', head=10, pieces=[(20, b'a'), (30, b'b')], end=80)
        seen = await fetch(playing(clock, each, pace='instant'), clock, 'GET', '/a')
        assert (seen.head_at, seen.pieces, seen.over_at) == (1000, [(1000, b'a'), (1000, b'b')], 1000)

    async def test_parallel_equal_watches_take_the_recordings_in_order(self, clock: VirtualClock) -> None:
        player = playing(
            clock,
            taped('GET', WATCH, pieces=[(1, b'first\n')], end=2),
            taped('GET', WATCH, at=0.5, pieces=[(1, b'second\n')], end=2),
        )
        tasks = [asyncio.create_task(fetch(player, clock, 'GET', WATCH)) for _ in range(3)]
        await clock.advance(5)
        one, two, three = [await task for task in tasks]
        assert (one.body, two.body, three.answer) == (b'first\n', b'second\n', None)

    async def test_long_indexing_lets_others_run_and_keeps_the_order_of_asking(self, clock: VirtualClock) -> None:
        names = ('a', 'b', 'c')
        player = playing(
            clock, *(taped('POST', '/a', name.encode(), body=b'{"n":%d}' % n) for n in range(2000) for name in names)
        )
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        requests = [Request.make('POST', '/a', headers=JSON, body=b'{"n":1999}', arrived=0) for _ in names]
        tasks = [asyncio.create_task(player.respond(request)) for request in requests]
        ticking = asyncio.create_task(other())
        answers = await asyncio.gather(*tasks)
        ticking.cancel()
        assert turns > 100
        bodies = [[piece async for piece in answer.body] for answer in answers if answer is not None]
        assert bodies == [[b'a'], [b'b'], [b'c']]


class TestEndings:
    @pytest.mark.parametrize(
        ('outcome', 'ending', 'over'),
        [
            (Outcome.COMPLETE, Ending.CLEAN, 1003),
            (Outcome.SERVER_CLOSED, Ending.CUT, 1003),
            (Outcome.RESET, Ending.RESET, 1003),
            (Outcome.CLIENT_CLOSED, Ending.HELD, 1001),
            (Outcome.UNFINISHED, Ending.HELD, 1001),
        ],
    )
    async def test_a_stream_ends_as_it_did(
        self, clock: VirtualClock, outcome: Outcome, ending: Ending, over: float
    ) -> None:
        player = playing(clock, taped('GET', WATCH, pieces=[(1, b'x\n')], end=3, outcome=outcome))
        seen = await ask(player, clock, 'GET', WATCH)
        assert seen.answer is not None
        assert (seen.answer.ending, seen.over_at, seen.body) == (ending, over, b'x\n')

    async def test_a_stream_that_is_held_stays_held_at_any_pace(self, clock: VirtualClock) -> None:
        player = playing(
            clock, taped('GET', WATCH, b'x', outcome=Outcome.CLIENT_CLOSED, end=3), taped('GET', WATCH, end=None)
        )
        player.clock = pace_clock('instant', clock)
        for _ in range(2):
            seen = await fetch(player, clock, 'GET', WATCH)
            assert seen.answer is not None
            assert seen.answer.ending is Ending.HELD

    @pytest.mark.parametrize(
        ('outcome', 'error', 'ending'),
        [
            (Outcome.ERROR, 'refused', Ending.CUT),
            (Outcome.ERROR, 'Connection reset by peer', Ending.RESET),
            (Outcome.ERROR, None, Ending.CUT),
            (Outcome.RESET, None, Ending.RESET),
            (Outcome.SERVER_CLOSED, None, Ending.CUT),
        ],
    )
    async def test_no_answer_is_no_answer_at_its_time(
        self, clock: VirtualClock, outcome: Outcome, error: str | None, ending: Ending
    ) -> None:
        player = playing(clock, taped('GET', '/a', status=None, end=0.75, outcome=outcome, error=error))
        seen = await ask(player, clock, 'GET', '/a')
        assert seen.answer is not None
        assert (seen.answer.disconnects, seen.answer.ending, seen.head_at) == (True, ending, 1000.75)

    @pytest.mark.parametrize('outcome', [Outcome.CLIENT_CLOSED, Outcome.UNFINISHED])
    async def test_a_client_that_left_unanswered_is_left_waiting(self, clock: VirtualClock, outcome: Outcome) -> None:
        player = playing(clock, taped('GET', '/a', status=None, end=0.75, outcome=outcome))
        task = asyncio.create_task(fetch(player, clock, 'GET', '/a'))
        await clock.advance(1_000_000)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    @pytest.mark.parametrize(('method', 'status'), [('HEAD', 200), ('GET', 204), ('GET', 304), ('DELETE', 204)])
    async def test_an_answer_without_a_body_is_over_with_its_head(
        self, clock: VirtualClock, method: str, status: int
    ) -> None:
        headers = [('Content-Length', '5'), ('ETag', '"x"')]
        player = playing(clock, taped(method, '/a', status=status, head=0.5, end=3, answer_headers=headers))
        seen = await ask(player, clock, method, '/a', headers=[('If-None-Match', '"x"')])
        assert seen.answer is not None
        assert (seen.answer.status, seen.answer.body, seen.answer.ending, seen.over_at) == (
            status,
            b'',
            Ending.CLEAN,
            1000.5,
        )
        assert seen.answer.headers == tuple(headers)


class TestHeads:
    async def test_status_reason_and_headers_are_the_recorded_ones(self, clock: VirtualClock) -> None:
        headers = (('X-Twice', '1'), ('x-twice', '2'), ('Date', 'then'))
        seen = await ask(playing(clock, taped('GET', '/a', status=418, answer_headers=headers)), clock, 'GET', '/a')
        assert seen.answer is not None
        assert (seen.answer.status, seen.answer.reason, seen.answer.headers) == (418, '', headers)

    async def test_headers_of_the_connection_are_not_repeated(self, clock: VirtualClock) -> None:
        headers = [('Transfer-Encoding', 'chunked'), ('Connection', 'close'), ('X-Kept', '1'), ('Keep-Alive', '5')]
        seen = await ask(playing(clock, taped('GET', '/a', answer_headers=headers)), clock, 'GET', '/a')
        assert seen.answer is not None
        assert seen.answer.headers == (('X-Kept', '1'),)

    @pytest.mark.parametrize(
        ('outcome', 'announced', 'sent'),
        [
            (Outcome.COMPLETE, '3', '3'),
            (Outcome.COMPLETE, '7', '3'),
            (Outcome.COMPLETE, '1', '3'),
            (Outcome.SERVER_CLOSED, '7', '7'),
            (Outcome.SERVER_CLOSED, '1', None),
            (Outcome.CLIENT_CLOSED, '7', '7'),
        ],
    )
    async def test_an_announced_length_is_true_of_what_is_sent(
        self, clock: VirtualClock, outcome: Outcome, announced: str, sent: str | None
    ) -> None:
        each = taped('GET', '/a', b'abc', answer_headers=[('Content-Length', announced)], outcome=outcome)
        seen = await ask(playing(clock, each), clock, 'GET', '/a')
        assert seen.answer is not None
        assert seen.answer.header('Content-Length') == sent


class TestConditions:
    FULL = taped('GET', '/a', b'full', answer_headers=[('ETag', '"x"'), ('Content-Length', '4'), ('Vary', 'Accept')])
    STALE = taped('GET', '/a', status=304, headers=[('If-None-Match', '"x"')], answer_headers=[('ETag', '"x"')])

    async def test_a_warm_client_gets_a_304_made_of_the_recorded_200(self, clock: VirtualClock) -> None:
        player = playing(clock, self.FULL)
        seen = await ask(player, clock, 'GET', '/a', headers=[('If-None-Match', 'W/"x"')])
        assert seen.answer is not None
        assert (seen.status, seen.body) == (304, b'')
        assert seen.answer.headers == (('ETag', '"x"'), ('Vary', 'Accept'))

    @pytest.mark.parametrize('headers', [[], [('If-None-Match', '"y"')]])
    async def test_a_cold_client_never_gets_a_304(self, clock: VirtualClock, headers: Headers) -> None:
        player = playing(clock, self.FULL, self.STALE)
        for _ in range(3):
            seen = await ask(player, clock, 'GET', '/a', headers=headers)
            assert (seen.status, seen.body) == (200, b'full')
        assert player.unused == []

    async def test_a_recorded_304_is_served_as_it_was(self, clock: VirtualClock) -> None:
        player = playing(clock, self.FULL, self.STALE)
        first = await ask(player, clock, 'GET', '/a')
        second = await ask(player, clock, 'GET', '/a', headers=[('If-None-Match', '"x"')])
        assert (first.status, second.status, second.pieces) == (200, 304, [])

    async def test_a_304_without_a_tag_is_for_the_client_with_the_recorded_condition(self, clock: VirtualClock) -> None:
        date = 'Sat, 21 Nov 2026 05:42:20 GMT'
        stale = taped('GET', '/a', status=304, headers=[('If-Modified-Since', date)])
        player = playing(clock, self.FULL, stale, self.FULL, stale)
        statuses = []
        for headers in ([], [('If-Modified-Since', date)], [], [('If-Modified-Since', date.replace('21', '20'))]):
            statuses.append((await ask(player, clock, 'GET', '/a', headers=headers)).status)
        assert statuses == [200, 304, 200, 200]

    async def test_only_a_304_is_no_answer_for_a_cold_client_and_the_reason_is_said(self, clock: VirtualClock) -> None:
        player = playing(clock, self.STALE)
        seen = await ask(player, clock, 'GET', '/a')
        assert seen.answer is None
        assert 'It was recorded only as 304 Not Modified (#1)' in player.explain(seen.request)


class TestRequests:
    async def test_unknown_requests_are_passed_on_with_their_body_unread(self, clock: VirtualClock) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'piece'

        request = Request(method='POST', target='/b', content=RequestBody(pieces()))
        player = playing(clock, taped('POST', '/a', body=b'x'))
        assert await player.respond(request) is None
        assert not request.content.kept
        assert [piece async for piece in request.stream()] == [b'piece']
        assert player.unmatched == ['POST /b']

    async def test_reads_are_matched_without_their_body(self, clock: VirtualClock) -> None:
        async def never() -> AsyncIterator[bytes]:
            raise AssertionError('the body was read')
            yield b''

        for recorded in (None, b'{}'):
            request = Request(method='GET', target='/a', content=RequestBody(never()), arrived=clock.now())
            task = asyncio.create_task(playing(clock, taped('GET', '/a', body=recorded)).respond(request))
            await clock.advance(1)
            assert await task is not None

    async def test_streamed_bodies_of_writes_are_read_and_compared(self, clock: VirtualClock) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'{"n":'
            yield b'1}'

        request = Request.make('POST', '/a', headers=JSON, arrived=clock.now()).with_content(RequestBody(pieces()))
        task = asyncio.create_task(playing(clock, taped('POST', '/a', body=b'{"n": 1}')).respond(request))
        await clock.advance(1)
        assert await task is not None

    async def test_bodies_beyond_the_limit_are_refused(self, clock: VirtualClock) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'x' * 11

        player = Player(tape(taped('POST', '/a', body=b'x')), clock=clock, max_body=10)
        with pytest.raises(LimitError):
            await player.respond(Request(method='POST', target='/a', content=RequestBody(pieces())))

    async def test_live_requests_are_redacted_before_they_are_compared(self, clock: VirtualClock) -> None:
        class Censor:
            """Replaces the word `secret` everywhere, as a redactor does."""

            def headers(self, headers: Headers) -> Headers:
                return tuple((name, value.replace('secret', 'xxxxxx')) for name, value in headers)

            def target(self, target: str) -> str:
                return target.replace('secret', 'xxxxxx')

            def whole(self, target: str, content_type: str, data: bytes, *, request: bool) -> bytes:
                assert (content_type, request) == ('application/json', True)
                return data.replace(b'secret', b'xxxxxx')

        cassette = tape(taped('POST', '/a?token=xxxxxx', body=b'{"token":"xxxxxx"}'))
        player = Player(cassette, clock=clock, redactor=Censor())
        seen = await ask(player, clock, 'POST', '/a?token=secret', body=b'{"token":"secret"}')
        assert seen.status == 200
        refused = await ask(player, clock, 'POST', '/a?token=secret', body=b'{"token":"other"}')
        assert 'secret' not in player.explain(refused.request)

    async def test_the_cassette_may_say_itself_what_to_ignore(self, clock: VirtualClock) -> None:
        cassette = tape(taped('GET', '/a?x=1&y=1'), matching={'ignore': ['x']})
        player = Player(cassette, clock=clock, ignore=['y'])
        assert (await ask(player, clock, 'GET', '/a?x=2&y=2')).status == 200


class TestLog:
    async def test_what_was_played_unused_and_unmatched_is_listed(self, clock: VirtualClock) -> None:
        player = playing(clock, taped('GET', '/a'), taped('GET', '/b'), taped('GET', '/c'))
        assert isinstance(player, Observer)
        seen = [await ask(player, clock, 'GET', path) for path in ('/a', '/a', '/c', '/d\x1b')]
        assert [(each.id, each.request, each.repeated, each.outcome) for each in player.played] == [
            (1, 'GET /a', False, None),
            (1, 'GET /a', True, None),
            (3, 'GET /c', False, None),
        ]
        assert [each.id for each in player.unused] == [2]
        assert player.unmatched == ['GET /d\\x1b']
        player.observe(seen[2].request, seen[2].answer, Outcome.CLIENT_CLOSED)
        player.observe(seen[3].request, None, Outcome.ERROR)
        assert [(each.id, each.outcome) for each in player.played] == [
            (3, Outcome.CLIENT_CLOSED),
            (1, None),
            (1, None),
        ]

    async def test_it_can_be_asserted_that_all_was_played_and_nothing_else_asked(self, clock: VirtualClock) -> None:
        player = playing(clock, *(taped('GET', f'/{n}') for n in range(8)))
        await ask(player, clock, 'GET', '/0')
        with pytest.raises(AssertionError, match=r'never asked: #2 GET /1, #3 .*, #6 GET /5, and 2 more\.$'):
            player.assert_played()
        for n in range(8):
            await ask(player, clock, 'GET', f'/{n}')
        player.assert_played()
        await ask(player, clock, 'GET', '/9')
        with pytest.raises(AssertionError, match=r'Asked, but not recorded: GET /9\.$'):
            player.assert_played()

    async def test_upgrades_are_refused_with_the_reason(self, clock: VirtualClock) -> None:
        player = playing(clock, taped('POST', '/api/v1/namespaces/ns/pods/x/exec?command=ls', status=101))
        seen = await ask(player, clock, 'POST', '/api/v1/namespaces/ns/pods/x/exec?command=ls')
        assert seen.answer is None
        assert 'recorded as an upgraded connection (#1), and those can not be replayed' in player.explain(seen.request)

    async def test_bodies_are_not_held_in_memory(self, clock: VirtualClock) -> None:
        reads = 0

        cassette = tape(taped('GET', WATCH, pieces=[(n / 10, b'event\n') for n in range(1, 1001)], end=100))
        source = cassette._source
        original = source.read

        def read(position: int) -> object:
            nonlocal reads
            reads += 1
            return original(position)

        cassette.exchanges._read = read  # type: ignore[attr-defined]
        player = Player(cassette, clock=clock)
        task = asyncio.create_task(fetch(player, clock, 'GET', WATCH))
        await clock.advance(10)
        assert 100 <= reads < 150
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_large_chunk_passes_in_parts_and_ends_where_it_ended(clock: VirtualClock) -> None:
    part = b'x' * 40_000
    each = taped('GET', '/a', pieces=[(1, ChunkPart(part)), (2, ChunkPart(part)), (3, part)], end=3)
    seen = await ask(playing(clock, each), clock, 'GET', '/a')
    assert [(at, len(data), isinstance(data, ChunkPart)) for at, data in seen.pieces] == [
        (1001, 40_000, True),
        (1002, 40_000, True),
        (1003, 40_000, False),
    ]


async def test_a_scripted_client_sees_the_recorded_story_again(clock: VirtualClock) -> None:
    cassette = tape(
        taped('GET', '/api/v1/pods', b'{"items":[]}', at=0.1, end=0.005),
        taped('GET', WATCH, at=0.2, pieces=[(0.5, b'one\n'), (0.9, b'two\nthr'), (1.5, b'ee\n')], end=2),
        taped('POST', '/api/v1/pods', b'{}', at=0.6, status=201, body=b'{"n":1}'),
        taped('GET', WATCH, at=2.3, pieces=[(0.5, b'four\n')], end=1, outcome=Outcome.SERVER_CLOSED),
    )
    player = Player(cassette, clock=clock)
    seen = await repeat(player, clock, cassette)
    assert player.unused == []
    assert [(number, each.status, each.body) for number, each in seen.items()] == [
        (1, 200, b'{"items":[]}'),
        (2, 200, b'one\ntwo\nthree\n'),
        (3, 201, b'{}'),
        (4, 200, b'four\n'),
    ]
    answers = [each.answer for each in seen.values()]
    assert all(isinstance(answer, Answer) for answer in answers)
