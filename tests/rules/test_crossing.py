"""Payloads that wait across threads and event loops, and clients that leave while they wait."""

import asyncio
import concurrent.futures
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asking import ask

from kmock.rules import crossing


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_futures_and_tasks_of_another_loop_give_their_results(raw, other_loop):
    async def make() -> tuple[asyncio.Future[bytes], asyncio.Task[bytes], asyncio.Future[bytes]]:
        pending, done = other_loop.create_future(), other_loop.create_future()
        done.set_result(b'done')
        return pending, other_loop.create_task(asyncio.sleep(0, b'task')), done

    pending, task, done = asyncio.run_coroutine_threadsafe(make(), other_loop).result()
    raw['/'] << (b'a', pending, task, done)
    asked = asyncio.create_task(ask(raw, '/'))
    await turns()
    other_loop.call_soon_threadsafe(pending.set_result, b'pending')
    assert (await asked).pieces == [b'a', b'pending', b'task', b'done']
    assert (await ask(raw, '/')).pieces == [b'a', b'pending', b'task', b'done']


async def test_a_future_of_another_loop_brings_its_error(raw, other_loop):
    future = other_loop.create_future()
    raw['/'] << future
    asked = asyncio.create_task(ask(raw, '/'))
    await turns()
    other_loop.call_soon_threadsafe(future.set_exception, ZeroDivisionError('far'))
    assert (await asked).body == b'ZeroDivisionError: far\n'


async def test_events_and_queues_bound_to_another_loop(raw, other_loop):
    async def bind() -> tuple[asyncio.Event, asyncio.Queue[bytes]]:
        event, items = asyncio.Event(), asyncio.Queue()
        for waiting in (event.wait(), items.get()):  # they are bound when they are waited for at first
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiting, 0.001)
        return event, items

    event, items = asyncio.run_coroutine_threadsafe(bind(), other_loop).result()
    raw['/'] << (event, items, b'end')
    asked = asyncio.create_task(ask(raw, '/'))
    await turns()
    other_loop.call_soon_threadsafe(event.set)
    other_loop.call_soon_threadsafe(items.put_nowait, b'item')
    assert (await asked).pieces == [b'item', b'end']


async def test_a_client_that_leaves_takes_no_item_from_a_queue_of_another_loop(raw, other_loop):
    async def bind() -> asyncio.Queue[bytes]:
        items: asyncio.Queue[bytes] = asyncio.Queue()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(items.get(), 0.001)
        return items

    items = asyncio.run_coroutine_threadsafe(bind(), other_loop).result()
    raw['/'] << items
    gone = asyncio.create_task(ask(raw, '/'))
    await turns()
    gone.cancel()
    await asyncio.wait([gone])
    other_loop.call_soon_threadsafe(items.put_nowait, b'item')
    assert (await ask(raw, '/')).body == b'item'


@pytest.mark.parametrize('kind', [queue.Queue, queue.SimpleQueue])
async def test_a_client_that_leaves_when_it_has_just_taken_an_item_leaves_it_to_the_next_one(raw, kind):
    class Taking(kind):  # type: ignore[misc, valid-type]
        """Lets the client leave at the very moment at which an item is taken."""

        def get(self, *args: Any, **kwargs: Any) -> Any:
            item = super().get(*args, **kwargs)
            if gone.done():
                return item
            loop.call_soon_threadsafe(gone.cancel)
            asyncio.run_coroutine_threadsafe(asyncio.wait([gone]), loop).result()
            return item

    loop = asyncio.get_running_loop()
    items = Taking()
    raw['/'] << items
    gone = asyncio.create_task(ask(raw, '/'))
    await turns()
    items.put(b'first')
    await asyncio.wait([gone])
    assert gone.cancelled()
    for thread in threading.enumerate():
        if thread.name == 'kmock-wait':
            await asyncio.to_thread(thread.join)
    items.put(b'second')
    assert [(await ask(raw, '/')).body for _ in range(2)] == [b'first', b'second']


async def test_what_is_delivered_when_its_taker_leaves_is_given_back():
    returned: list[str] = []
    future: concurrent.futures.Future[str] = concurrent.futures.Future()
    taker = asyncio.create_task(crossing._received(future, returned.append))
    await turns(1)
    future.set_result('item')  # it is done now, but the taker has not had its turn
    taker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taker
    assert returned == ['item']


def test_the_loop_of_a_thread_notices_what_another_thread_sets():
    event = asyncio.Event()
    waiting = threading.Event()

    async def wait() -> str:
        asyncio.get_running_loop().call_later(0.01, waiting.set)
        await crossing.noticing(event.wait())
        return 'noticed'

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        result = pool.submit(lambda: asyncio.run(wait()))
        waiting.wait()
        event.set()  # without a word to the loop
        assert result.result() == 'noticed'
