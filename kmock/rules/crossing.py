"""Waiting across threads and event loops: for what blocks, in a short-lived daemon thread, never in the loop;
for what belongs to another event loop, there: in a synchronous test, the server has a loop of its own.
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ['BLOCKING_PATIENCE', 'in_its_loop', 'in_this_loop', 'in_thread', 'noticing']

BLOCKING_PATIENCE = 0.05
"""For how many seconds a thread waits before it looks whether it is still wanted."""


async def in_thread(wait: Callable[[Callable[[], bool]], Any], give_back: Callable[[Any], None] | None = None) -> Any:
    """Run a blocking wait in a daemon thread of its own; it ends soon after it is no longer wanted."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            result = wait(lambda: not future.cancelled())
        except Exception as exc:  # goes to whoever waits
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                future.set_exception(exc)
        else:
            _deliver(future, result, give_back)

    threading.Thread(target=run, name='kmock-wait', daemon=True).start()
    return await _received(future, give_back)


async def in_its_loop(
    source: object, wait: Callable[[], Awaitable[Any]], give_back: Callable[[Any], None] | None = None
) -> Any:
    """Wait for one of asyncio's own in the loop that it is bound to. It is bound when it is waited for at first."""
    loop: asyncio.AbstractEventLoop | None = getattr(source, '_loop', None)
    if loop is None or loop is asyncio.get_running_loop():
        return await noticing(wait())
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    async def run() -> None:
        try:
            _deliver(future, await wait(), give_back)
        except Exception as exc:  # goes to whoever waits
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                future.set_exception(exc)

    def start() -> None:
        task = loop.create_task(run())
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(task.cancel) if future.cancelled() else None)

    loop.call_soon_threadsafe(start)
    # What comes too late is given back in the loop of the queue, which is not safe elsewhere.
    return await _received(future, None if give_back is None else functools.partial(_give_back_in, loop, give_back))


def _give_back_in(loop: asyncio.AbstractEventLoop, give_back: Callable[[Any], None], taken: Any) -> None:
    loop.call_soon_threadsafe(give_back, taken)


def _deliver(future: 'concurrent.futures.Future[Any]', result: Any, give_back: Callable[[Any], None] | None) -> None:
    try:
        future.set_result(result)
    except concurrent.futures.InvalidStateError:  # cancelled just now: nobody waits
        if give_back is not None:
            give_back(result)


async def _received(future: 'concurrent.futures.Future[Any]', give_back: Callable[[Any], None] | None) -> Any:
    """Wait for what is delivered. Who leaves at the very moment of delivery gives it back."""
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if not future.cancel() and give_back is not None and future.exception() is None:
            give_back(future.result())
        raise


def in_this_loop(future: 'asyncio.Future[Any]') -> 'asyncio.Future[Any]':
    """The future, or one of this loop that gets the same result."""
    loop = future.get_loop()
    if loop is asyncio.get_running_loop():
        return future
    bridge: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def pass_on(done: 'asyncio.Future[Any]') -> None:
        if not bridge.set_running_or_notify_cancel():
            return
        error = concurrent.futures.CancelledError() if done.cancelled() else done.exception()
        if error is None:
            bridge.set_result(done.result())
        else:
            bridge.set_exception(error)

    if future.done():
        pass_on(future)
    else:
        loop.call_soon_threadsafe(future.add_done_callback, pass_on)
    return asyncio.wrap_future(bridge)


async def noticing(awaitable: Awaitable[Any]) -> Any:
    """Await one of asyncio's own in the loop of a server in the background.

    A test sets them from its own thread, though they are not made for that: a sleeping loop would not notice.
    """
    if threading.current_thread() is threading.main_thread():
        return await awaitable
    loop = asyncio.get_running_loop()

    timers: list[asyncio.TimerHandle] = []

    def look_up() -> None:
        timers[:] = [loop.call_later(BLOCKING_PATIENCE, look_up)]

    look_up()
    try:
        return await awaitable
    finally:
        timers[0].cancel()
