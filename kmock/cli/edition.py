"""One edition of the rules: a handler, what it has under way, and how that ends when there is another edition."""

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any

from kmock.cli.rules_file import RulesFunction
from kmock.clock import Clock
from kmock.handlers import RawHandler
from kmock.messages import Answer, Request

__all__ = ['Edition']

FINISHING_SECONDS = 0.2
"""How often an edition that is over looks whether all is finished that it had begun."""

PAST = 0.0
"""A moment that has passed on the clock of any event loop: asyncio.Timeout has no other word for "now"."""

_owner: contextvars.ContextVar['Edition | None'] = contextvars.ContextVar('kmock edition', default=None)


class Edition:
    """A handler with one edition of the rules.

    Args:
        fail: called with the errors of tasks that the rules have started.
    """

    def __init__(self, handler: RawHandler, fail: Callable[[BaseException], None]) -> None:
        self.handler = handler
        self.under_way = 0
        """How many requests came to it and have not ended. Whoever brings them counts them."""
        self._over = False
        self._fail = fail
        self._asked: dict[int, asyncio.Timeout] = {}
        self._streams: set[asyncio.Timeout] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def enter(self, rules: RulesFunction) -> None:
        """Enter the handler, and let the rules be written to it."""
        await self.handler.__aenter__()
        try:
            with self._owning():
                result = rules(self.handler)
                if inspect.isawaitable(result):
                    await result
        except BaseException:
            await self.close()
            raise

    # --- requests

    async def ask(self, request: Request) -> Answer | None:
        """The handler's answer; None if the edition is over, and the client had got nothing from it."""
        try:
            async with asyncio.timeout(None) as interruption:
                self._asked[request.id] = interruption
                return await self.handler.handle(request)
        except TimeoutError:
            if not interruption.expired():
                raise
            return None
        finally:
            del self._asked[request.id]

    async def next_piece(self, body: AsyncIterator[bytes]) -> bytes:
        """The next piece of an answer's body; it ends (StopAsyncIteration) when the edition is over, too."""
        if self._over:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout(None) as interruption:
                self._streams.add(interruption)
                return await anext(body)
        except TimeoutError:
            if not interruption.expired():
                raise
            raise StopAsyncIteration from None
        finally:
            self._streams.discard(interruption)

    def _interrupt(self) -> None:
        """End the streams, and free what waits at a `...` without having got anything."""
        waiting = {request.id for request in self.handler[...]}
        unanswered = [interruption for key, interruption in self._asked.items() if key in waiting]
        for interruption in [*self._streams, *unanswered]:
            if not interruption.expired():
                interruption.reschedule(PAST)

    # --- the end

    def end(self) -> None:
        """There is another edition: end the streams and the tasks of this one."""
        self._over = True
        for task in self._tasks:
            task.cancel()
        self._interrupt()

    async def finished(self, clock: Clock) -> None:
        """Wait until all is answered that was begun."""
        while self.under_way:
            await clock.sleep_until(clock.now() + FINISHING_SECONDS)
            self._interrupt()  # some may have come to a `...` only now

    async def close(self) -> None:
        """Leave the handler. Nothing may be under way any more.

        Raises:
            Exception: what the generators in payloads, or a class of the user, raise then.
        """
        self.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.handler.__aexit__(None, None, None)

    # --- the tasks of the rules

    @contextlib.contextmanager
    def _owning(self) -> Iterator[None]:
        """Tasks that are started within the block, and by those, belong to the edition, and end with it."""
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(_make_task)
        token = _owner.set(self)
        try:
            yield
        finally:
            _owner.reset(token)

    def own(self, task: 'asyncio.Task[Any]') -> None:
        """Take care of a task."""
        self._tasks.add(task)
        task.add_done_callback(self._bury)

    def _bury(self, task: 'asyncio.Task[Any]') -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._fail(exc)


def _make_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> 'asyncio.Task[Any]':
    task = asyncio.Task(coroutine, loop=loop, **options)
    owner = _owner.get()
    if owner is not None:
        owner.own(task)
    return task
