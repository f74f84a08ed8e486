"""Small cassettes written in a line per exchange, and scripted requests for a player under the virtual clock."""

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from kmock.clock import VirtualClock
from kmock.messages import Answer, ChunkPart, Ending, Outcome, Request
from kmock.recording.cassette import (
    Cassette,
    ChunkFrame,
    EndFrame,
    Exchange,
    Frame,
    Header,
    RequestFrame,
    ResponseFrame,
)
from kmock.recording.player import Player

JSON = (('Content-Type', 'application/json'),)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taped:
    """One exchange; `head`, `end` and the times of the pieces are seconds since the request."""

    method: str
    target: str
    at: float = 0.0
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    status: int | None = 200
    answer_headers: Sequence[tuple[str, str]] = ()
    head: float = 0.001
    pieces: Sequence[tuple[float, bytes]] = ()
    end: float | None
    outcome: Outcome = Outcome.COMPLETE
    error: str | None = None


def taped(method: str, target: str, answer: bytes = b'', **kwargs: Any) -> Taped:
    """An exchange with its whole answer in one piece, unless `pieces` are given."""
    if answer:
        kwargs.setdefault('pieces', [(0.001, answer)])
    if 'end' not in kwargs:
        kwargs['end'] = max([0.002, kwargs.get('head', 0), *(offset for offset, _ in kwargs.get('pieces', ()))])
    if kwargs.get('body') is not None:
        kwargs.setdefault('headers', JSON)
    return Taped(method=method, target=target, **kwargs)


def tape(*exchanges: Taped, name: str = 'story.kmock', matching: dict[str, Any] | None = None) -> Cassette:
    """A cassette in memory with these exchanges, numbered from 1."""
    frames: list[Frame] = []
    for number, each in enumerate(exchanges, 1):
        frames += _frames(number, each)
    header = Header(created='2030-01-02T03:04:05Z', matching=matching or {})
    order = {id(frame): place for place, frame in enumerate(frames)}
    frames.sort(key=lambda each: (each.at_us, order[id(each)]))
    cassette = Cassette.from_frames(header, frames, name=name)
    assert cassette.problems == []
    return cassette


def _frames(number: int, each: Taped) -> Iterable[Frame]:
    def us(offset: float) -> int:
        return round((each.at + offset) * 1_000_000)

    yield RequestFrame(
        id=number,
        at_us=us(0),
        method=each.method,
        target=each.target,
        headers=tuple(each.headers),
        body=each.body,
    )
    if each.status is not None:
        headers = tuple(each.answer_headers)
        yield ResponseFrame(id=number, at_us=us(each.head), status=each.status, reason='', headers=headers)
    for offset, data in each.pieces:
        partial = isinstance(data, ChunkPart)
        yield ChunkFrame(id=number, at_us=us(offset), data=bytes(data), partial=partial)
    if each.end is not None:
        yield EndFrame(id=number, at_us=us(each.end), outcome=each.outcome, error=each.error)


@dataclasses.dataclass(kw_only=True)
class Seen:
    """What a scripted client saw of an answer, with the moments on the clock."""

    request: Request
    answer: Answer | None = None
    head_at: float | None = None
    pieces: list[tuple[float, bytes]] = dataclasses.field(default_factory=list)
    over_at: float | None = None

    @property
    def body(self) -> bytes:
        return b''.join(data for _, data in self.pieces)

    @property
    def status(self) -> int | None:
        return None if self.answer is None else self.answer.status


async def fetch(
    player: Player,
    clock: VirtualClock,
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b'',
    seen: Seen | None = None,
) -> Seen:
    """Ask the player, and read the answer to its end, noting when everything came."""
    headers = tuple(headers) or (JSON if body else ())
    request = Request.make(method, target, headers=headers, body=body, arrived=clock.now())
    seen = seen or Seen(request=request)
    seen.request = request
    seen.answer = await player.respond(request)
    seen.head_at = clock.now()
    if seen.answer is None:
        return seen
    if isinstance(seen.answer.body, bytes):
        if seen.answer.body:
            seen.pieces.append((clock.now(), seen.answer.body))
    else:
        async for piece in seen.answer.body:
            seen.pieces.append((clock.now(), piece))
    seen.over_at = clock.now()
    return seen


async def ask(player: Player, clock: VirtualClock, method: str, target: str, **kwargs: Any) -> Seen:
    """Ask, and let the time pass until the answer is complete."""
    task = asyncio.create_task(fetch(player, clock, method, target, **kwargs))
    for _ in range(1000):
        await clock.advance(0.1)
        if task.done():
            return task.result()
    raise AssertionError('The answer has no end.')


async def repeat(player: Player, clock: VirtualClock, script: Cassette) -> dict[int, Seen]:
    """Repeat the requests of a cassette at their recorded times; returns what was seen, by exchange ids."""
    seen = {exchange.id: Seen(request=Request.make('GET', '/')) for exchange in script.exchanges}
    start = clock.now()

    async def one(exchange: Exchange) -> None:
        await clock.sleep_until(start + exchange.at_us / 1_000_000)
        await fetch(
            player,
            clock,
            exchange.method,
            exchange.target,
            headers=exchange.request.headers,
            body=exchange.request_body() or b'',
            seen=seen[exchange.id],
        )

    tasks = [asyncio.create_task(one(exchange)) for exchange in script.exchanges]
    await clock.advance(script.duration_us / 1_000_000 + 1)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    return seen


__all__ = ['JSON', 'Ending', 'Outcome', 'Seen', 'Taped', 'ask', 'fetch', 'repeat', 'tape', 'taped']
