"""Editions of the rules: the present one answers what comes; a former one finishes what it has begun, and leaves.

At the change from one to the next, nothing is torn down under a client:

- streams that have begun end there, as complete responses, so that a watching client asks again;
- requests that wait at a `...` and have got nothing yet are given to the next edition;
- all other requests under way are answered by the edition that they came to.
"""

import asyncio
import dataclasses
import datetime
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

from kmock.chain import Served, WithUsers
from kmock.cli.access_log import AccessLog, Entry, answering_rule, rule_text
from kmock.cli.edition import Edition
from kmock.cli.hushing import hushed, shown_target
from kmock.cli.rules_file import RulesFile
from kmock.clock import Clock
from kmock.handlers import RawHandler
from kmock.messages import Answer, Outcome, Request
from kmock.rules.book import Rule

__all__ = ['Editions']

REQUEST_LOG = 1000


@dataclasses.dataclass(slots=True)
class _Exchange:
    """What is known of a request under way."""

    edition: Edition | None = None
    rule: Rule | None = None
    sent: int = 0

    def come_to(self, edition: Edition) -> None:
        self.leave()
        self.edition = edition
        edition.under_way += 1

    def leave(self) -> None:
        if self.edition is not None:
            self.edition.under_way -= 1
            self.edition = None


class Editions:
    """What a server serves: the present edition. It is made of the file of rules, anew whenever that is asked for.

    Requests that come before there is a first edition wait for it. An asynchronous context manager.

    Args:
        log: gets every request, when its exchange is over.
        tell: is told of errors, each in one line.

    Attributes:
        renewed: called when there is another edition, the first one included.
    """

    def __init__(self, file: RulesFile, log: AccessLog, tell: Callable[[str], None], clock: Clock) -> None:
        self._file = file
        self._log = log
        self._tell = tell
        self._clock = clock
        self._servers: list[Served] = []
        self._present: Edition | None = None
        self._ready = asyncio.Event()
        self._leaving: dict[Edition, asyncio.Task[None]] = {}
        self._exchanges: dict[int, _Exchange] = {}
        self.renewed: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._leaving.values():
            task.cancel()
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
        for edition in (*self._leaving, self._present):
            if edition is not None:
                await self._close(edition)

    async def renew(self) -> None:
        """Load the file, and make what it says the present edition.

        Raises:
            RulesError: that failed; the former edition stays.
            KMockError: a listener failed.
        """
        with self._file.loading() as (cls, rules):
            edition = Edition(_make_handler(cls), self._fail)
            for server in self._servers:
                edition.handler.attach(server)
            await edition.enter(rules)
        former, self._present = self._present, edition
        self._ready.set()
        if former is not None:
            former.end()
            self._leaving[former] = asyncio.create_task(self._leave(former))
        for listener in self.renewed:
            listener()

    @property
    def client_tokens(self) -> Mapping[str, str]:
        """The tokens of the users that the present edition has declared, by their names."""
        handler = None if self._present is None else self._present.handler
        return handler.client_tokens if isinstance(handler, WithUsers) else {}

    async def _leave(self, edition: Edition) -> None:
        await edition.finished(self._clock)
        del self._leaving[edition]
        await self._close(edition)

    async def _close(self, edition: Edition) -> None:
        try:
            await edition.close()
        except Exception as exc:
            self._fail(exc)

    # --- as a handler

    async def handle(self, request: Request) -> Answer:
        """Have the request answered; by the next edition, if the present one ends before it has an answer."""
        exchange = self._exchanges[request.id] = _Exchange()
        while True:
            await self._ready.wait()
            edition = self._present
            assert edition is not None
            exchange.come_to(edition)
            answer = await edition.ask(request)
            exchange.rule = answering_rule(edition.handler, request)
            self._tell_errors(edition, request, exchange.rule)
            if answer is not None:
                break
            edition.handler.observe(request, None, Outcome.UNFINISHED)
        if isinstance(answer.body, bytes):
            return answer
        return dataclasses.replace(answer, body=_Body(answer.body, edition, exchange))

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Take notice of the end of an exchange: the edition hears of it, and the log."""
        exchange = self._exchanges.pop(request.id)
        edition = exchange.edition
        if edition is not None:
            edition.handler.observe(request, answer, outcome)
            if answer is None:  # the client left before the rule that was at it had one
                exchange.rule = answering_rule(edition.handler, request)
            self._tell_errors(edition, request, exchange.rule)
            exchange.leave()
        if answer is not None and isinstance(answer.body, bytes) and request.method != 'HEAD':
            exchange.sent = len(answer.body)
        duration = self._clock.now() - request.arrived
        entry = Entry(
            time=self._clock.wall() - datetime.timedelta(seconds=duration),
            method=request.method,
            target=shown_target(request),
            status=answer.status if answer is not None and not answer.disconnects else None,
            duration=duration,
            size=exchange.sent,
            outcome=outcome,
            rule=None if exchange.rule is None else rule_text(exchange.rule),
        )
        self._log.write(entry)

    def attach(self, server: Served) -> None:
        """Let the handler of the present edition, and of all further ones, know the server."""
        self._servers.append(server)
        if self._present is not None:
            self._present.handler.attach(server)

    def detach(self, server: Served) -> None:
        """That server has stopped."""
        self._servers.remove(server)
        for edition in (*self._leaving, self._present):
            if edition is not None:
                edition.handler.detach(server)

    def _tell_errors(self, edition: Edition, request: Request, rule: Rule | None) -> None:
        errors = edition.handler.errors
        where = f' ({request.method} {shown_target(request)} by {rule_text(rule)})' if rule is not None else ''
        for exc in errors:
            criteria = (rule.criteria for rule in edition.handler._rulebook)
            self._tell(hushed(f'{self._file.describe(exc)}{where}', request, criteria))
        errors.clear()  # the process may run for days

    def _fail(self, exc: BaseException) -> None:
        self._tell(self._file.describe(exc))


class _Body:
    """The body of an answer: it is counted, and ends with its edition."""

    __slots__ = ('_body', '_edition', '_exchange')

    def __init__(self, body: AsyncIterator[bytes], edition: Edition, exchange: _Exchange) -> None:
        self._body = body
        self._edition = edition
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._edition.next_piece(self._body)
        self._exchange.sent += len(piece)
        return piece

    async def aclose(self) -> None:
        close = getattr(self._body, 'aclose', None)
        if close is not None:
            await close()


def _make_handler(cls: type[RawHandler]) -> RawHandler:
    """A handler that does not remember everything, if its class lets one say so."""
    parameters = inspect.signature(cls).parameters
    options: dict[str, Any] = {'request_log': REQUEST_LOG} if 'request_log' in parameters else {}
    return cls(**options)
