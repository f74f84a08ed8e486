"""Facts about the clocks; none of these tests waits for real."""

import asyncio

import pytest

from kmock.clock import InstantClock, LoopClock, ScaledClock, VirtualClock


async def test_virtual_clock_wakes_each_sleeper_exactly_when_due() -> None:
    clock = VirtualClock(start=100)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *whens: float) -> None:
        for when in whens:
            await clock.sleep_until(when)
            woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper('a', 101.5, 103))
        group.create_task(sleeper('b', 102, 102.25))
        await clock.advance(2.25)
        assert woken == [('a', 101.5), ('b', 102), ('b', 102.25)]
        assert clock.now() == 102.25
        await clock.advance(1)
    assert woken[-1] == ('a', 103)
    assert clock.now() == 103.25


async def test_virtual_clock_forgets_a_cancelled_sleeper() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(clock.sleep_until(5))
    await asyncio.sleep(0)
    task.cancel()
    await clock.advance(10)
    assert task.cancelled()
    assert clock.now() == 10


async def test_a_moment_in_the_past_is_not_waited_for_but_others_get_a_turn() -> None:
    clock = VirtualClock(start=7)
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await clock.sleep_until(3)
    assert clock.now() == 7
    assert turns == [1]


async def test_virtual_wall_time_moves_with_the_clock_and_is_in_utc() -> None:
    clock = VirtualClock(start=50)
    before = clock.wall()
    await clock.advance(90)
    assert (clock.wall() - before).total_seconds() == 90
    assert before.utcoffset() is not None


async def test_scaled_clock_runs_faster_than_the_one_it_scales() -> None:
    base = VirtualClock(start=10)
    clock = ScaledClock(base, speed=4)
    start = clock.now()
    task = asyncio.create_task(clock.sleep_until(start + 20))
    await base.advance(4.99)
    assert not task.done()
    await base.advance(0.01)
    assert task.done()
    assert clock.now() == start + 20


@pytest.mark.parametrize('speed', [0, -1, float('inf'), float('nan')])
def test_scaled_clock_refuses_a_speed_that_is_none(speed: float) -> None:
    with pytest.raises(ValueError, match='positive finite speed'):
        ScaledClock(VirtualClock(), speed)


async def test_instant_clock_waits_for_nothing() -> None:
    base = VirtualClock()
    clock = InstantClock(base)
    await clock.sleep_until(1_000_000)
    assert base.now() == 0


async def test_loop_clock_is_the_time_of_the_running_loop() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert before <= LoopClock().now() <= loop.time()


def test_loop_clock_can_be_read_without_a_loop() -> None:
    assert LoopClock().now() > 0
