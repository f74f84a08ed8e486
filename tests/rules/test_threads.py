"""A test in one thread, its handler in the loop of another: writing, feeding and asserting while requests come."""

import asyncio
import concurrent.futures
import sys
import threading
from collections.abc import Iterator

import pytest
from asking import Reply, ask

from kmock import RawHandler


@pytest.fixture(autouse=True)
def _hasty_threads() -> Iterator[None]:
    """Let threads take turns so often that they meet everywhere."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop of the handler, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def remote(loop: asyncio.AbstractEventLoop) -> Iterator[RawHandler]:
    handler = RawHandler(strict=True)
    asyncio.run_coroutine_threadsafe(handler.__aenter__(), loop).result()
    yield handler
    asyncio.run_coroutine_threadsafe(handler.__aexit__(None, None, None), loop).result()


def asking(loop: asyncio.AbstractEventLoop, handler: RawHandler, line: str) -> 'concurrent.futures.Future[Reply]':
    return asyncio.run_coroutine_threadsafe(ask(handler, line), loop)


def test_all_streams_that_wait_are_fed(remote: RawHandler, loop: asyncio.AbstractEventLoop) -> None:
    remote['/live'] << ('begin', ..., 'end')
    watching = [asking(loop, remote, '/live') for _ in range(20)]
    while len(remote[...]) < 20:
        pass
    remote['/live'][...] << tuple(range(50))
    for each in watching:
        assert each.result().lines == ['begin', *range(50), 'end']


def test_rules_and_views_are_whole_while_requests_come(remote: RawHandler, loop: asyncio.AbstractEventLoop) -> None:
    async def keep_asking() -> int:
        count = 0
        while not stop.is_set() and count < 3000:
            await ask(remote, f'get /{count % 10}')
            count += 1
        return count

    stop = threading.Event()
    remote.fallback << 404
    gets, fives, third = remote['get'], remote['/5'], remote['/3'][::3]
    counting = asyncio.run_coroutine_threadsafe(keep_asking(), loop)
    before = 0
    for number in range(300):
        reaction = remote[f'/{number % 10}'] ** number << 200 << b'x' << {'X-Number': number}
        assert before <= (before := len(gets))
        assert all(request.path == '/5' for request in fives)
        seen = [*third]
        assert seen == [*remote['/3']][::3][: len(seen)]
        assert all(request in gets for request in reaction)
        assert len(remote['get'][:5] | fives) >= min(5, before)
    stop.set()
    assert counting.result() == len(remote) == len(gets)
    assert [*third] == [*remote['/3']][::3]
