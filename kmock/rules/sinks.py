"""What users write after `>>`: where requests are poured. One small class a kind, checked when it is written."""

import asyncio
import concurrent.futures
import dis
import inspect
import io
import pathlib
import queue
import threading
from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from typing import Any

from kmock.feed import Bus
from kmock.messages import Request
from kmock.rules.calling import takes_request, wants_await

__all__ = ['Sink', 'SinkBox', 'read_sink']


class Sink:
    """Something ready to take requests."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        """Give the request to the sink."""
        raise NotImplementedError


class SinkBox(Sink):
    """A sink that wraps what the user wrote. `SinkBox(target)` makes a sink of it after `<<` and in streams, too.

    Raises:
        ValueError: it can't be a sink.
    """

    __slots__ = ('_inner', 'target')

    def __init__(self, target: Any) -> None:
        self.target = target
        self._inner = read_sink(target) if type(self) is SinkBox else self

    async def pour(self, request: Request) -> None:
        await self._inner.pour(request)

    def __repr__(self) -> str:
        return f'SinkBox({self.target!r})'


class _Ignored(SinkBox):
    """`None`: nowhere."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        return


class _Collection(SinkBox):
    """A list, a set, or a mapping from requests to their data."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        match self.target:
            case MutableSequence():
                self.target.append(request)
            case MutableSet():
                self.target.add(request)
            case MutableMapping():
                self.target[request] = request.data


class _File(SinkBox):
    """A path, overwritten by each body; or an open file or buffer, to which the bodies are written."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        if isinstance(self.target, pathlib.Path):
            self.target.write_bytes(request.body)
        elif isinstance(self.target, io.TextIOBase):
            self.target.write(request.text)
        else:
            self.target.write(request.body)


class _Signal(SinkBox):
    """An event, a condition, a future: set, notified, or given the request."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        match self.target:
            case asyncio.Event() | threading.Event():
                self.target.set()
            case asyncio.Condition():
                async with self.target:
                    self.target.notify_all()
            case threading.Condition():
                with self.target:
                    self.target.notify_all()
            case asyncio.Future() | concurrent.futures.Future():
                if not self.target.done():
                    self.target.set_result(request)


class _Queue(SinkBox):
    """A queue of asyncio or threads. A full one is an error, rather than a server that stands still."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        self.target.put_nowait(request)


class _Bus(SinkBox):
    """A bus, for all of its readers."""

    __slots__ = ()

    async def pour(self, request: Request) -> None:
        self.target.put(request)


class _Generator(SinkBox):
    """A generator, sync or async, that is sent the requests until it ends."""

    __slots__ = ('_ended', '_started')

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._started = self._ended = False

    async def pour(self, request: Request) -> None:
        if not self._started:
            self._started = True
            if _is_fresh(self.target):
                await self._send(None)
        await self._send(request)

    async def _send(self, value: Request | None) -> None:
        if self._ended:
            return
        is_async, target = inspect.isasyncgen(self.target), self.target
        try:
            if is_async:
                await target.asend(value)
            else:
                target.send(value)
        except (StopIteration, StopAsyncIteration):
            self._ended = True


def _is_fresh(generator: Any) -> bool:
    """Whether the generator has to be driven to its first `yield` before something can be sent to it."""
    if inspect.isgenerator(generator):
        return inspect.getgeneratorstate(generator) == inspect.GEN_CREATED
    # Python 3.11 tells no state of asynchronous generators; but a fresh one stands at the instruction that made it.
    frame = generator.ag_frame
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == dis.opmap['RETURN_GENERATOR']


class _Called(SinkBox):
    """A callable, sync or async, called with the request or with nothing; its result is itself a sink."""

    __slots__ = ('_takes_request',)

    def __init__(self, target: Callable[..., Any]) -> None:
        super().__init__(target)
        self._takes_request = takes_request(target)

    async def pour(self, request: Request) -> None:
        result = self.target(request) if self._takes_request else self.target()
        if wants_await(result):
            result = await result
        await read_sink(result).pour(request)


def read_sink(written: Any) -> Sink:
    """Read what stands after `>>`, or what came out of a callable there.

    Raises:
        ValueError: it can't be a sink.
    """
    match written:
        case Sink():
            return written
        case None:
            return _Ignored(None)
        case MutableSequence() | MutableSet() | MutableMapping():
            return _Collection(written)
        case pathlib.PurePath():
            return _File(pathlib.Path(written))
        case io.IOBase():
            return _File(written)
        case asyncio.Queue() | queue.Queue() | queue.SimpleQueue():
            return _Queue(written)
        case Bus():
            return _Bus(written)
        case asyncio.Future() | concurrent.futures.Future():
            return _Signal(written)
        case asyncio.Event() | threading.Event() | asyncio.Condition() | threading.Condition():
            return _Signal(written)
    if inspect.isgenerator(written) or inspect.isasyncgen(written):
        return _Generator(written)
    if callable(written):
        return _Called(written)
    raise ValueError(
        f'{written!r} is no sink. Use a list, a set, a dict, a path, a file, an event, a condition, a future, a queue, '
        'a generator, a callable, or None.'
    )
