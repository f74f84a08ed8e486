"""The only source of time: the loop's clock, a scaled clock, an instant clock, a virtual clock.

All times are seconds as floats on a monotonic clock of unspecified origin, except for `wall()`.
No other module calls `time.*`, `datetime.now` or `asyncio.sleep` with a delay.
"""

import asyncio
import datetime
import heapq
import itertools
import time
from typing import Protocol

__all__ = ['Clock', 'InstantClock', 'LoopClock', 'ScaledClock', 'VirtualClock']


class Clock(Protocol):
    """What the rest of the house knows of time."""

    def now(self) -> float:
        """The present moment, in seconds, monotonic."""

    def wall(self) -> datetime.datetime:
        """The present moment for people, with the UTC time zone."""

    async def sleep_until(self, when: float) -> None:
        """Return when `now()` has reached `when`; at once (but not before other tasks had a turn) if it has."""


class LoopClock:
    """The real time, as asyncio's event loops measure it; usable without a loop for `now()`."""

    def now(self) -> float:
        # This is what BaseEventLoop.time() returns; called directly, it works in threads without a loop.
        # A patched loop (looptime) brings its own time.
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return time.monotonic()

    def wall(self) -> datetime.datetime:
        return datetime.datetime.now(tz=datetime.UTC)

    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self.now()))


class ScaledClock:
    """Another clock, `speed` times as fast: a recorded minute takes `60 / speed` seconds."""

    def __init__(self, clock: Clock, speed: float) -> None:
        if not 0 < speed < float('inf'):
            raise ValueError(f'A clock can run at a positive finite speed, not {speed!r}.')
        self._clock = clock
        self._speed = speed
        self._origin = clock.now()

    def now(self) -> float:
        return self.at(self._clock.now())

    def at(self, when: float) -> float:
        """What this clock shows when the other clock shows `when`."""
        return self._origin + (when - self._origin) * self._speed

    def wall(self) -> datetime.datetime:
        return self._clock.wall()

    async def sleep_until(self, when: float) -> None:
        await self._clock.sleep_until(self._origin + (when - self._origin) / self._speed)


class InstantClock:
    """A clock on which nothing has to be waited for; the time itself goes on as usual."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now()

    def wall(self) -> datetime.datetime:
        return self._clock.wall()

    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(0)


class VirtualClock:
    """A clock for tests: it stands still until it is advanced, and then wakes sleepers exactly when due.

    Use `await clock.advance(seconds)`. Between two wake-ups, the loop gets a number of turns (`TURNS`),
    so that chains of tasks without sockets settle before the time moves on.
    """

    TURNS = 25

    def __init__(self, start: float = 0.0, wall: datetime.datetime | None = None) -> None:
        self._now = start
        self._start = start
        self._wall = wall or datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
        self._count = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> datetime.datetime:
        return self._wall + datetime.timedelta(seconds=self._now - self._start)

    async def sleep_until(self, when: float) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._count), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move the time on by so many seconds, waking every sleeper at its own moment."""
        target = self._now + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            when, _, future = heapq.heappop(self._sleepers)
            if future.done():  # cancelled while asleep
                continue
            self._now = max(self._now, when)
            future.set_result(None)
            await self._settle()
        self._now = target
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(self.TURNS):
            await asyncio.sleep(0)
