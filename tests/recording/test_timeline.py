"""Facts about when recorded pieces are due, and how recorded exchanges end."""

import asyncio
from collections.abc import Iterator

import pytest
from taping import Taped, tape, taped

from kmock.clock import InstantClock, LoopClock, ScaledClock, VirtualClock
from kmock.messages import ChunkPart, Ending, Outcome
from kmock.recording.cassette import ChunkFrame, Exchange
from kmock.recording.timeline import JOINED_BYTES, Schedule, ending_of, pace_clock, pieces_of


def exchange_of(each: Taped) -> Exchange:
    return tape(each).exchanges[0]


class TestPace:
    def test_original_is_the_clock_itself(self) -> None:
        clock = LoopClock()
        assert pace_clock('original', clock) is clock

    def test_instant_waits_for_nothing(self) -> None:
        assert isinstance(pace_clock('instant', VirtualClock()), InstantClock)

    @pytest.mark.parametrize('pace', [2, 2.0, '2', '2.0'])
    async def test_a_number_is_so_many_times_as_fast(self, pace: float | str) -> None:
        inner = VirtualClock(start=100)
        clock = pace_clock(pace, inner)
        await inner.advance(10)
        assert clock.now() == 120

    @pytest.mark.parametrize('pace', ['fast', '', 0, -1, '0', float('inf'), float('nan'), 'nan'])
    def test_anything_else_is_refused(self, pace: float | str) -> None:
        with pytest.raises(ValueError, match="The pace is 'original', 'instant', or a number above zero, not"):
            pace_clock(pace, VirtualClock())


class TestSchedule:
    def test_a_piece_is_due_at_the_arrival_plus_its_recorded_distance(self) -> None:
        exchange = exchange_of(taped('GET', '/', at=7.5))
        schedule = Schedule(exchange, VirtualClock(), arrived=100)
        assert schedule.due(7_500_000) == 100
        assert schedule.due(10_000_000) == 102.5

    async def test_the_arrival_is_translated_to_a_faster_clock(self) -> None:
        inner = VirtualClock(start=1000)
        clock = ScaledClock(inner, 10)
        await inner.advance(3)
        schedule = Schedule(exchange_of(taped('GET', '/')), clock, arrived=inner.now())
        assert schedule.due(0) == clock.now() == 1030

    async def test_a_wait_at_ten_times_the_pace_takes_a_tenth(self) -> None:
        inner = VirtualClock()
        schedule = Schedule(exchange_of(taped('GET', '/')), ScaledClock(inner, 10), arrived=0)
        woken: list[float] = []

        async def wait() -> None:
            await schedule.sleep_until(5_000_000)
            woken.append(inner.now())

        task = asyncio.create_task(wait())
        await inner.advance(2)
        await task
        assert woken == [0.5]


def pieces(*chunks: tuple[int, bytes, bool]) -> list[tuple[int, bytes, bool]]:
    frames = [ChunkFrame(id=1, at_us=at_us, data=data, partial=partial) for at_us, data, partial in chunks]
    return [(each.at_us, bytes(each.data), isinstance(each.data, ChunkPart)) for each in pieces_of(frames)]


BIG = b'x' * (JOINED_BYTES // 2 + 1)


class TestPieces:
    def test_whole_chunks_stay_as_they_are(self) -> None:
        assert pieces((1, b'a', False), (2, b'b', False)) == [(1, b'a', False), (2, b'b', False)]

    def test_parts_are_joined_and_come_with_the_last_of_them(self) -> None:
        assert pieces((1, b'a', True), (2, b'b', True), (3, b'c', False), (4, b'd', False)) == [
            (3, b'abc', False),
            (4, b'd', False),
        ]

    def test_empty_chunks_are_skipped(self) -> None:
        assert pieces((1, b'', False), (2, b'a', False), (3, b'', False)) == [(2, b'a', False)]

    def test_an_empty_last_part_ends_the_chunk_at_its_time(self) -> None:
        assert pieces((1, b'a', True), (2, b'', True), (3, b'', False)) == [(3, b'a', False)]

    def test_large_chunks_pass_in_parts_at_their_own_times(self) -> None:
        assert pieces((1, BIG, True), (2, BIG, True), (3, b'a', True), (4, b'b', False), (5, b'c', False)) == [
            (1, BIG, True),
            (2, BIG, True),
            (3, b'a', True),
            (4, b'b', False),
            (5, b'c', False),
        ]

    def test_the_last_part_of_a_large_chunk_ends_it_though_an_empty_one_follows(self) -> None:
        assert pieces((1, BIG, True), (2, BIG, True), (3, b'', False), (4, b'c', False)) == [
            (1, BIG, True),
            (2, BIG, False),
            (4, b'c', False),
        ]

    def test_after_a_large_chunk_the_next_ones_are_joined_again(self) -> None:
        large = [(1, BIG, True), (2, BIG, True), (3, b'x', False)]
        assert pieces(*large, (4, b'a', True), (5, b'b', False)) == [*large, (5, b'ab', False)]

    def test_a_chunk_that_never_ended_is_passed_in_parts(self) -> None:
        assert pieces((1, b'a', False), (2, b'b', True), (3, b'c', True)) == [
            (1, b'a', False),
            (2, b'b', True),
            (3, b'c', True),
        ]

    def test_no_more_than_one_chunk_is_held(self) -> None:
        taken = 0

        def endless() -> Iterator[ChunkFrame]:
            nonlocal taken
            while True:
                taken += 1
                yield ChunkFrame(id=1, at_us=taken, data=BIG, partial=True)

        parts = pieces_of(endless())
        for _ in range(100):
            next(parts)
        assert taken <= 103


class TestEndings:
    @pytest.mark.parametrize(
        ('outcome', 'ending'),
        [
            (Outcome.COMPLETE, Ending.CLEAN),
            (Outcome.SERVER_CLOSED, Ending.CUT),
            (Outcome.RESET, Ending.RESET),
            (Outcome.ERROR, Ending.CUT),
            (Outcome.CLIENT_CLOSED, Ending.HELD),
            (Outcome.UNFINISHED, Ending.HELD),
        ],
    )
    def test_the_recorded_outcome_says_how_the_server_leaves(self, outcome: Outcome, ending: Ending) -> None:
        assert ending_of(exchange_of(taped('GET', '/', b'x', outcome=outcome))) is ending

    def test_a_recording_that_was_killed_is_held_as_it_was(self) -> None:
        assert ending_of(exchange_of(taped('GET', '/', b'x', end=None))) is Ending.HELD

    @pytest.mark.parametrize('outcome', [Outcome.CLIENT_CLOSED, Outcome.UNFINISHED])
    def test_what_had_its_full_length_is_clean(self, outcome: Outcome) -> None:
        headers = [('content-length', '3')]
        full = taped('GET', '/', b'abc', outcome=outcome, answer_headers=headers)
        short = taped('GET', '/', b'ab', outcome=outcome, answer_headers=headers)
        assert ending_of(exchange_of(full)) is Ending.CLEAN
        assert ending_of(exchange_of(short)) is Ending.HELD

    @pytest.mark.parametrize(('method', 'status'), [('HEAD', 200), ('GET', 204), ('GET', 304)])
    def test_what_has_no_body_is_clean(self, method: str, status: int) -> None:
        each = taped(
            method, '/', status=status, outcome=Outcome.CLIENT_CLOSED, answer_headers=[('Content-Length', '9')]
        )
        assert ending_of(exchange_of(each)) is Ending.CLEAN

    @pytest.mark.parametrize('value', ['x', '-1', '٣', '9' * 30, ''])
    def test_a_broken_length_is_no_length(self, value: str) -> None:
        each = taped('GET', '/', b'abc', outcome=Outcome.CLIENT_CLOSED, answer_headers=[('Content-Length', value)])
        assert ending_of(exchange_of(each)) is Ending.HELD
