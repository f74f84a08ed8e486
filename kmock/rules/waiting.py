"""Payloads whose value is known only when a request asks for it: callables, awaitables, futures, events, queues.

Each is a small class with one method, `resolve`, that waits and returns the value to take its place.
What is blocking, and what belongs to another event loop, is waited for where it can be; see `crossing.py`.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any

from kmock.messages import Request
from kmock.rules.calling import result_of, takes_request, wants_await
from kmock.rules.crossing import BLOCKING_PATIENCE, in_its_loop, in_this_loop, in_thread, noticing

__all__ = ['Awaited', 'Called', 'Deferred', 'HandOver', 'Iterated', 'Notified', 'Resulting', 'Taken', 'read_deferred']


class HandOver(Exception):
    """StopIteration came out of a payload: this use of it is over."""


class Deferred:
    """A value that is not known yet."""

    __slots__ = ()

    bodiless = False
    """Whether it never gives a body: it is only waited for."""

    async def resolve(self, request: Request) -> Any:
        """Wait for the value. Raises HandOver where a StopIteration came."""
        raise NotImplementedError

    async def close(self) -> None:
        """Give up what was never asked for."""


class Called(Deferred):
    """A callable, sync or async, called anew for each request."""

    __slots__ = ('_only_waits', 'fn', 'takes_request')

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.takes_request = takes_request(fn)
        source = getattr(fn, '__self__', None)
        self._only_waits = isinstance(source, threading.Event | asyncio.Event) and fn == source.wait

    async def resolve(self, request: Request) -> Any:
        try:
            result = self.fn(request) if self.takes_request else self.fn()
            if wants_await(result):
                result = await result_of(result)
        except (StopIteration, StopAsyncIteration) as exc:
            raise HandOver from exc
        except SystemExit as exc:  # asyncio would let it end the server
            raise RuntimeError(f'{self.fn!r} raised SystemExit({exc.code!r}).') from exc
        except RuntimeError as exc:
            # This is what becomes of a StopIteration in a coroutine (PEP 479).
            if isinstance(exc.__cause__, StopIteration):
                raise HandOver from exc
            raise
        return None if self._only_waits else result


class Iterated(Deferred):
    """An iterable that is no iterator (a range, a deque, …), sync or async: a stream that begins anew each time."""

    __slots__ = ('source',)

    def __init__(self, source: Iterable[Any] | AsyncIterable[Any]) -> None:
        self.source = source

    async def resolve(self, request: Request) -> Any:
        return iter(self.source) if isinstance(self.source, Iterable) else aiter(self.source)


class Awaited(Deferred):
    """An awaitable written as it is: awaited once, at the first request; its result serves the later ones, too."""

    __slots__ = ('_awaitable', '_task')

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable
        self._task: asyncio.Task[Any] | None = None

    async def resolve(self, request: Request) -> Any:
        if self._task is None:
            self._task = asyncio.ensure_future(result_of(self._awaitable))
        # A client that leaves takes nothing away from the others.
        return await asyncio.shield(in_this_loop(self._task))

    async def close(self) -> None:
        if self._task is not None and self._task.get_loop() is not asyncio.get_running_loop():
            with contextlib.suppress(RuntimeError):  # that loop is closed already
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        elif self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        else:
            close = getattr(self._awaitable, 'close', None)
            if close is not None:
                close()


class Resulting(Deferred):
    """A future or a task, of asyncio or concurrent."""

    __slots__ = ('future',)

    def __init__(self, future: asyncio.Future[Any] | concurrent.futures.Future[Any]) -> None:
        self.future = future

    async def resolve(self, request: Request) -> Any:
        if isinstance(self.future, concurrent.futures.Future):
            return await asyncio.shield(asyncio.wrap_future(self.future))
        return await noticing(asyncio.shield(in_this_loop(self.future)))


class Notified(Deferred):
    """An event or a condition, of asyncio or threading: waited for, it gives nothing."""

    __slots__ = ('source',)

    bodiless = True

    def __init__(self, source: asyncio.Event | asyncio.Condition | threading.Event | threading.Condition) -> None:
        self.source = source

    async def resolve(self, request: Request) -> Any:
        match self.source:
            case asyncio.Event():
                if not self.source.is_set():
                    await in_its_loop(self.source, self.source.wait)
            case asyncio.Condition():
                await in_its_loop(self.source, self._wait_notified)
            case threading.Event():
                if not self.source.is_set():
                    await in_thread(self._wait_event)
            case threading.Condition():
                await in_thread(self._wait_condition)

    async def _wait_notified(self) -> None:
        assert isinstance(self.source, asyncio.Condition)
        async with self.source:
            await self.source.wait()

    def _wait_event(self, wanted: Callable[[], bool]) -> None:
        assert isinstance(self.source, threading.Event)
        while wanted() and not self.source.wait(BLOCKING_PATIENCE):
            pass

    def _wait_condition(self, wanted: Callable[[], bool]) -> None:
        assert isinstance(self.source, threading.Condition)
        with self.source:  # nobody can notify between two waits: that needs the lock
            while wanted() and not self.source.wait(BLOCKING_PATIENCE):
                pass


class Taken(Deferred):
    """A queue, of asyncio or threads: each asking takes one item. A client that leaves takes none with it."""

    __slots__ = ('_returned', 'source')

    def __init__(self, source: asyncio.Queue[Any] | queue.Queue[Any] | queue.SimpleQueue[Any]) -> None:
        self.source = source
        self._returned: collections.deque[Any] = collections.deque()

    async def resolve(self, request: Request) -> Any:
        if isinstance(self.source, asyncio.Queue):
            return await in_its_loop(self.source, self.source.get, self.source.put_nowait)
        try:
            return self._returned.popleft() if self._returned else self.source.get_nowait()
        except (queue.Empty, IndexError):
            return await in_thread(self._take, self._return)

    def _return(self, taken: Any) -> None:
        if taken is not _NOT_TAKEN:
            self._returned.append(taken)

    def _take(self, wanted: Callable[[], bool]) -> Any:
        assert not isinstance(self.source, asyncio.Queue)
        while wanted():
            with contextlib.suppress(queue.Empty, IndexError):
                return self._returned.popleft() if self._returned else self.source.get(timeout=BLOCKING_PATIENCE)
        return _NOT_TAKEN


_NOT_TAKEN = object()


def read_deferred(written: Any) -> Deferred | None:
    """Read what is known only later; None for what is no such thing. Callables are not looked at here."""
    match written:
        case asyncio.Event() | asyncio.Condition() | threading.Event() | threading.Condition():
            return Notified(written)
        case asyncio.Queue() | queue.Queue() | queue.SimpleQueue():
            return Taken(written)
        case asyncio.Future() | concurrent.futures.Future():
            return Resulting(written)
    return Awaited(written) if wants_await(written) else None
