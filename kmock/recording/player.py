"""The player: a responder that answers from a cassette, with the recorded bytes at the recorded distances in time.

Which exchange answers is decided by `matching.py`, when its pieces are due by `timeline.py`. A body is read from
the cassette while it is sent, and never held in memory.
"""

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from kmock.clock import Clock
from kmock.messages import Answer, Ending, Outcome, Request
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.conditions import not_modified
from kmock.recording.frames import Headers, ResponseFrame
from kmock.recording.matching import Match, Matcher
from kmock.recording.printable import shorten, shorten_middle
from kmock.recording.questions.normalizing import Question
from kmock.recording.questions.refusals import explain
from kmock.recording.timeline import (
    Schedule,
    announced_length,
    ending_of,
    is_bodiless,
    pieces_of,
)

__all__ = ['LOG_LIMIT', 'Played', 'Player']

LOG_LIMIT = 10_000
"""How many of the last requests `played` and `unmatched` list."""

_INDEXED_AT_ONCE = 20

_HOP_BY_HOP = frozenset(
    {
        'connection',
        'keep-alive',
        'proxy-authenticate',
        'proxy-authorization',
        'proxy-connection',
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
    }
)


class RequestRedactor(Protocol):
    """What makes a live request comparable with a redacted recording."""

    def headers(self, headers: Headers, /) -> Headers: ...

    def target(self, target: str, /) -> str: ...

    def whole(self, target: str, content_type: str, data: bytes, /, *, request: bool) -> bytes: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One request that the cassette answered.

    Attributes:
        id: the number of the recorded exchange that was used up.
        request: the method and target as they were asked.
        repeated: whether that exchange had answered before.
        loose: whether only generated names and the like had to be left out to find it.
        outcome: how it ended in this replay; None while it is under way.
    """

    id: int
    request: str
    repeated: bool
    loose: bool
    outcome: Outcome | None = None


class Player:
    """Answers with what was recorded; a Responder and an Observer.

    Args:
        cassette: stays open while the player is used; whoever opened it closes it.
        clock: the clock of the replay, made by `timeline.pace_clock` from the clock by which requests arrive.
        redactor: with the key of the cassette; live requests pass through it before they are compared.
        ignore: what to ignore additionally, see `normalizing.Normalizer`; added to what the cassette itself says.
        max_body: how long the body of a write may be, in bytes, to be compared.
    """

    def __init__(
        self,
        cassette: Cassette,
        *,
        clock: Clock,
        redactor: RequestRedactor | None = None,
        ignore: Sequence[str] = (),
        max_body: int | None = 64 * 1024 * 1024,
    ) -> None:
        recorded = cassette.header.matching.get('ignore', ())
        self.cassette = cassette
        self.clock = clock
        self._redactor = redactor
        self._max_body = max_body
        self._matcher = Matcher(cassette, ignore=(*recorded, *ignore))
        self._played: collections.deque[Played] = collections.deque(maxlen=LOG_LIMIT)
        self._under_way: dict[int, Played] = {}
        self._unmatched: collections.deque[str] = collections.deque(maxlen=LOG_LIMIT)
        self._indexing: dict[tuple[str, str], asyncio.Lock] = {}

    # --- what happened

    @property
    def played(self) -> list[Played]:
        """The requests that were answered and are over, in the order of their end, and then those under way."""
        return [*self._played, *self._under_way.values()]

    @property
    def unmatched(self) -> list[str]:
        """The requests that were not recorded, whoever has answered them then: method and target."""
        return list(self._unmatched)

    @property
    def unused(self) -> list[Exchange]:
        """The recorded exchanges that have not answered anything yet."""
        return list(self._each_unused())

    def _each_unused(self) -> Iterator[Exchange]:
        return (each for each, uses in zip(self.cassette.exchanges, self._matcher.uses, strict=True) if not uses)

    def assert_played(self) -> None:
        """Check that the whole cassette was played, and that nothing else was asked.

        Raises:
            AssertionError: naming the first of what was not.
        """
        unused = [f'#{each.id} {shorten(each.method, 20)} {shorten_middle(each.target, 200)}' for each in self.unused]
        for what, items in (('Recorded, but never asked', unused), ('Asked, but not recorded', self.unmatched)):
            if items:
                more = f', and {len(items) - 5} more' if len(items) > 5 else ''
                raise AssertionError(f'{what}: {", ".join(items[:5])}{more}.')

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Learn how an exchange ended; those of others are none of our business."""
        played = self._under_way.pop(request.id, None)
        if played is not None:
            self._played.append(dataclasses.replace(played, outcome=outcome))

    # --- answering

    async def respond(self, request: Request) -> Answer | None:
        """Answer as recorded, when it is due; None if nothing in the cassette fits (`explain` says why).

        The body is read only of a write whose method and path were recorded.

        Raises:
            LimitError: that body is longer than `max_body`.
        """
        target = self._target(request)
        if not self._matcher.knows(request.method, target):
            self._refuse(request)
            return None
        if request.method not in {'GET', 'HEAD'}:
            await request.read(self._max_body)
        match = await self._find(request)
        if match is None:
            self._refuse(request)
            return None
        self._note(request, match)
        return await self._play(request, match.exchange)

    async def _find(self, request: Request) -> Match | None:
        """Find the exchange that answers. Long indexing gives way to streams, but not to later requests of its kind."""
        question = self._question(request)
        place = (question.method, question.path)
        turn = self._indexing.get(place)
        if turn is None and not self._matcher.prepare(question, _INDEXED_AT_ONCE):
            turn = self._indexing[place] = asyncio.Lock()
        async with turn or contextlib.nullcontext():  # a lock lets in who came first
            while turn is not None and not self._matcher.prepare(question, _INDEXED_AT_ONCE):  # noqa: ASYNC110
                await asyncio.sleep(0)
            return self._matcher.find(question, lambda exchange: _is_fresh(request, exchange))

    def explain(self, request: Request) -> str:
        """Why the request was not answered: the nearest recorded one, what differs, and how to mend it."""
        return explain(self._matcher, self._question(request))

    def _refuse(self, request: Request) -> None:
        self._unmatched.append(_described(request))

    def _note(self, request: Request, match: Match) -> None:
        self._under_way[request.id] = Played(
            id=self.cassette.exchanges[match.index].id,
            request=_described(request),
            repeated=match.repeated,
            loose=match.loose,
        )

    def _target(self, request: Request) -> str:
        return request.target if self._redactor is None else self._redactor.target(request.target)

    def _question(self, request: Request) -> Question:
        target = self._target(request)
        headers = tuple(request.headers.items())
        body = request.body if request.content.kept and request.method not in {'GET', 'HEAD'} else None
        if self._redactor is not None:
            headers = self._redactor.headers(headers)
            if body:
                content_type = request.headers.get('Content-Type', '')
                body = self._redactor.whole(request.target, content_type, body, request=True)
        return self._matcher.normalizer.ask(request.method, target, headers, body)

    async def _play(self, request: Request, exchange: Exchange) -> Answer:
        schedule = Schedule(exchange, self.clock, request.arrived)
        response = exchange.response
        if response is None:
            return await self._leave(exchange, schedule)
        await schedule.sleep_until(response.at_us)
        headers = _sendable(exchange, response)
        answer = Answer(status=response.status, reason=response.reason, headers=headers)
        if is_bodiless(request.method, response.status):
            return answer
        return not_modified(request, answer) or dataclasses.replace(
            answer, body=_body(exchange, schedule), ending=ending_of(exchange)
        )

    async def _leave(self, exchange: Exchange, schedule: Schedule) -> Answer:
        """There was no response: break the connection at its time, or wait for as long as the client does."""
        ending = ending_of(exchange)
        end = exchange.end
        if end is None or ending is Ending.HELD:
            await asyncio.Event().wait()  # until cancelled, as the client leaves
            raise AssertionError('nobody sets this event')
        await schedule.sleep_until(end.at_us)
        was_reset = ending is Ending.RESET or 'reset' in (end.error or '').lower()
        return Answer.disconnect(Ending.RESET if was_reset else Ending.CUT)


async def _body(exchange: Exchange, schedule: Schedule) -> AsyncIterator[bytes]:
    """The pieces, each when it is due, and then the wait for the recorded end, unless that was the client's."""
    for piece in pieces_of(exchange.chunks()):
        await schedule.sleep_until(piece.at_us)
        yield piece.data
    end = exchange.end
    if end is not None and ending_of(exchange) is not Ending.HELD:
        await schedule.sleep_until(end.at_us)


def _sendable(exchange: Exchange, response: ResponseFrame) -> Headers:
    """The recorded headers, as far as they are true of what is sent.

    A redacted body may have another length than the one that was announced: a complete one is announced as it is;
    one that broke off at more than was announced is sent in chunks.
    """
    headers = tuple((name, value) for name, value in response.headers if name.lower() not in _HOP_BY_HOP)
    length = announced_length(exchange)
    if length is None or is_bodiless(exchange.method, response.status):
        return headers
    complete = ending_of(exchange) is Ending.CLEAN
    if exchange.body_size == length or (not complete and exchange.body_size < length):
        return headers
    rest = tuple((name, value) for name, value in headers if name.lower() != 'content-length')
    return (*rest, ('Content-Length', str(exchange.body_size))) if complete else rest


def _is_fresh(request: Request, exchange: Exchange) -> bool:
    """Whether a recorded 304 is true for this client: it has the same copy as the recorded client had."""
    response = exchange.response
    if response is None or request.method not in {'GET', 'HEAD'}:
        return False
    if not_modified(request, Answer(status=200, headers=response.headers)) is not None:
        return True
    recorded = CIMultiDictProxy(CIMultiDict(exchange.request.headers))
    names = ('If-None-Match', 'If-Modified-Since')
    asked = [request.headers.getall(name, []) for name in names]
    return any(asked) and asked == [recorded.getall(name, []) for name in names]


def _described(request: Request) -> str:
    return f'{shorten(request.method, 20)} {shorten_middle(request.target, 500)}'
