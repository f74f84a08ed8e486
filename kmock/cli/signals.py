"""The signals that a running command lives with: SIGINT, SIGTERM, SIGHUP, handled in the event loop.

At any moment one listener has them. The first one is a callback that cancels the main task, so that even an early
Ctrl-C unwinds everything; a COMMAND or the wait for the end puts another one in its place for a while.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType

from kmock.clock import Clock, LoopClock

__all__ = ['Patience', 'Signals', 'run', 'terminal_sent_it']

Listener = Callable[[signal.Signals], None]

ECHO_SECONDS = 0.3
IMPATIENCE_SECONDS = 5.0


class Patience:
    """Tells whether a person insists: asks again to stop, within a few seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: float | None = None

    def is_over(self) -> bool:
        """Note a request to stop; true if it insists on an earlier one."""
        now, last = self._clock.now(), self._last
        self._last = now
        return last is not None and now - last < IMPATIENCE_SECONDS


class Signals:
    """SIGINT, SIGTERM and SIGHUP of this process, passed to the present listener. A context manager.

    The same signal twice at nearly the same moment is one: `timeout`, for one, signals its child,
    and then its whole process group.
    """

    def __init__(self, clock: Clock) -> None:
        self.received: signal.Signals | None = None
        self._clock = clock
        self._at = 0.0
        self._listener: Listener = self._cancel
        self._task: asyncio.Task[object] | None = None
        self._installed: list[signal.Signals] = []

    def __enter__(self) -> 'Signals':
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup a hang-up is ignored, and has to stay so.
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            loop.add_signal_handler(number, self._receive, number)
            self._installed.append(number)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        loop = asyncio.get_running_loop()
        for number in self._installed:
            loop.remove_signal_handler(number)

    def _receive(self, number: signal.Signals) -> None:
        now = self._clock.now()
        if self.received == number and now - self._at < ECHO_SECONDS:
            return
        self.received, self._at = number, now
        self._listener(number)

    def _cancel(self, number: signal.Signals) -> None:
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Give the signals to another listener for the duration of a block."""
        former, self._listener = self._listener, listener
        try:
            yield
        finally:
            self._listener = former

    async def wait(self) -> None:
        """Return when one of the signals comes."""
        came = asyncio.Event()
        with self.heard_by(lambda _: came.set()):
            await came.wait()


def run(main: Callable[[Signals], Coroutine[None, None, int]]) -> int:
    """Run a coroutine under the signals, and return its exit status; 128 + N if a signal ended it early."""
    signals = Signals(LoopClock())

    async def guarded() -> int:
        with signals:
            return await main(signals)

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if signals.received is None:
            raise
        return 128 + signals.received


def terminal_sent_it() -> bool:
    """Whether a SIGINT is likely one of the terminal's, which sends it to each process of its foreground group."""
    try:
        terminal = os.open('/dev/tty', os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # there is no terminal
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
