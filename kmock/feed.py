"""Feed: items put from any thread, iterated asynchronously; live streams and watches share it. Bus: many readers."""

import asyncio
import collections
import threading
import weakref
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

__all__ = ['Bus', 'BusGone', 'BusMark', 'Feed']

T = TypeVar('T')


class Feed(Generic[T]):
    """An unbounded queue between any number of producers in any threads and one asynchronous consumer.

    The consumer's event loop is known from its first iteration; items put before that are kept.
    Iteration ends after `close()`, once all that was put before is consumed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: collections.deque[T] = collections.deque()
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: T) -> None:
        """Add one item; never blocks. Items put after `close()` are dropped: nobody waits for them."""
        with self._lock:
            if not self._closed:
                self._items.append(item)
                self._wake()

    def close(self) -> None:
        """Let the consumer finish after the items that are already there. Closing twice is fine."""
        with self._lock:
            self._closed = True
            self._wake()

    def take_present(self) -> list[T]:
        """Take all that is there, without waiting. For the consumer."""
        with self._lock:
            items = list(self._items)
            self._items.clear()
            return items

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            loop = waiter.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, waiter)

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            with self._lock:
                if self._items:
                    return self._items.popleft()
                if self._closed:
                    raise StopAsyncIteration
                if self._waiter is not None and not self._waiter.done():
                    raise RuntimeError('A feed has one consumer, and this one has another already.')
                waiter = self._waiter = asyncio.get_running_loop().create_future()
            await waiter


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class BusGone(Exception):
    """Something was put on a bus that is closed."""


class BusMark(Generic[T]):
    """A place on a bus: iterating it gives what was put since, each item once."""

    def __init__(self, feed: Feed[T]) -> None:
        self._feed = feed

    def __aiter__(self) -> AsyncIterator[T]:
        return aiter(self._feed)


class Bus(Generic[T]):
    """Items put from any thread and read by any number of readers: all get all that is put after they have begun.

    Iterate the bus for what comes from now on, or a `mark()` for what came since then. Iteration ends after `close()`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._feeds: weakref.WeakSet[Feed[T]] = weakref.WeakSet()
        self._closed = False

    def put(self, item: T) -> None:
        """Give the item to all readers; never blocks.

        Raises:
            BusGone: the bus is closed.
        """
        with self._lock:
            if self._closed:
                raise BusGone(f'{item!r} was put on a bus that is closed.')
            for feed in self._feeds:
                feed.put(item)

    def mark(self) -> BusMark[T]:
        """Remember this place, to read from it later."""
        feed: Feed[T] = Feed()
        with self._lock:
            self._feeds.add(feed)
            if self._closed:
                feed.close()
        return BusMark(feed)

    def __aiter__(self) -> AsyncIterator[T]:
        return aiter(self.mark())

    def close(self) -> None:
        """Let all readers finish. Closing twice is fine."""
        with self._lock:
            self._closed = True
            for feed in self._feeds:
                feed.close()
