"""A handler whose requests are logged, each when its exchange is over."""

import dataclasses
import datetime
from collections.abc import AsyncIterator

from kmock.chain import Handler, Served
from kmock.cli.access_log import AccessLog, Entry
from kmock.cli.hushing import shown_target
from kmock.clock import Clock
from kmock.messages import Answer, Outcome, Request

__all__ = ['Logged']


class Logged:
    """Stands between a server and its handler. It sees what passes, and changes nothing."""

    def __init__(self, handler: Handler, log: AccessLog, clock: Clock) -> None:
        self._handler = handler
        self._log = log
        self._clock = clock
        self._counts: dict[int, _Counted] = {}

    async def handle(self, request: Request) -> Answer:
        answer = await self._handler.handle(request)
        if isinstance(answer.body, bytes):
            return answer
        body = self._counts[request.id] = _Counted(answer.body)
        return dataclasses.replace(answer, body=body)

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Write the entry of an exchange that is over."""
        self._handler.observe(request, answer, outcome)
        counted = self._counts.pop(request.id, None)
        size = 0 if counted is None else counted.sent
        if answer is not None and isinstance(answer.body, bytes) and request.method != 'HEAD':
            size = len(answer.body)
        duration = self._clock.now() - request.arrived
        entry = Entry(
            time=self._clock.wall() - datetime.timedelta(seconds=duration),
            method=request.method,
            target=shown_target(request),
            status=answer.status if answer is not None and not answer.disconnects else None,
            duration=duration,
            size=size,
            outcome=outcome,
        )
        self._log.write(entry)

    def attach(self, server: Served) -> None:
        self._handler.attach(server)

    def detach(self, server: Served) -> None:
        self._handler.detach(server)


class _Counted:
    """The body of an answer, and how much of it was taken."""

    __slots__ = ('_body', 'sent')

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self.sent = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._body)
        self.sent += len(piece)
        return piece

    async def aclose(self) -> None:
        close = getattr(self._body, 'aclose', None)
        if close is not None:
            await close()
