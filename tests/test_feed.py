"""Facts about the feed between producers in any thread and one consumer in a loop; and the bus of many consumers."""

import asyncio
import gc
import threading

import pytest

from kmock.feed import Bus, BusGone, Feed


async def test_items_come_in_order_and_end_after_closing() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    feed.put(2)
    feed.close()
    feed.put(3)  # nobody waits for it any more
    assert [item async for item in feed] == [1, 2]


async def test_a_waiting_consumer_is_woken_by_a_put() -> None:
    feed: Feed[str] = Feed()
    task = asyncio.create_task(anext(feed))
    await asyncio.sleep(0)
    assert not task.done()
    feed.put('x')
    assert await task == 'x'


async def test_a_waiting_consumer_is_released_by_closing() -> None:
    feed: Feed[str] = Feed()
    task = asyncio.create_task(anext(feed, 'the end'))
    await asyncio.sleep(0)
    feed.close()
    assert await task == 'the end'


async def test_nothing_is_lost_between_threads() -> None:
    feed: Feed[tuple[int, int]] = Feed()

    def produce(number: int) -> None:
        for index in range(1000):
            feed.put((number, index))

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    got = [await anext(feed) for _ in range(4000)]
    for thread in threads:
        thread.join()
    for number in range(4):
        assert [index for producer, index in got if producer == number] == list(range(1000))


async def test_a_second_consumer_is_refused() -> None:
    feed: Feed[int] = Feed()
    task = asyncio.create_task(anext(feed))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match='one consumer'):
        await anext(feed)
    feed.close()
    with pytest.raises(StopAsyncIteration):
        await task


async def test_a_cancelled_wait_loses_nothing() -> None:
    feed: Feed[int] = Feed()
    task = asyncio.create_task(anext(feed))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    feed.put(5)
    assert await anext(feed) == 5


def test_putting_after_the_consumers_loop_is_closed_is_harmless() -> None:
    feed: Feed[int] = Feed()

    async def wait_a_little() -> None:
        task = asyncio.create_task(anext(feed))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(wait_a_little())
    feed.put(1)
    feed.close()


async def test_all_readers_of_a_bus_get_all_that_is_put_after_they_began():
    bus: Bus[int] = Bus()
    bus.put(0)
    early = bus.mark()
    bus.put(1)
    late = bus.mark()
    bus.put(2)
    bus.close()
    assert [item async for item in early] == [1, 2]
    assert [item async for item in late] == [2]
    assert [item async for item in bus] == []
    with pytest.raises(BusGone, match='3 was put on a bus that is closed'):
        bus.put(3)


async def test_a_bus_wakes_those_who_wait_and_forgets_those_who_left():
    bus: Bus[int] = Bus()

    async def first() -> int:
        return await anext(aiter(bus))

    reader = asyncio.create_task(first())
    await asyncio.sleep(0)
    bus.put(1)
    assert await reader == 1
    del reader
    gc.collect()
    assert len(bus._feeds) == 0
