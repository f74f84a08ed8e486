"""The live line: one line on the terminal that says how things stand, and messages that pass above it."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import click

from kmock.clock import Clock

__all__ = ['LiveLine']

REFRESH_SECONDS = 0.5
ERASE_LINE = '\r\x1b[K'


class LiveLine:
    """Draws `text()` twice a second on standard error, if that is a terminal; otherwise nothing."""

    def __init__(self, text: Callable[[], str], clock: Clock) -> None:
        self._text = text
        self._clock = clock
        self._drawn = ''

    def say(self, message: str) -> None:
        """Print a line of its own; the live line stays below it."""
        if self._drawn:
            _tell(ERASE_LINE)
        _tell(f'{message}\n')
        if self._drawn:
            self._draw(self._drawn)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Keep the line up to date for the duration of a block."""
        if not sys.stderr.isatty():
            yield
            return
        task = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._drawn = ''
            _tell(ERASE_LINE)

    async def _refresh(self) -> None:
        while True:
            text = self._text()
            if text != self._drawn:
                self._draw(text)
            await self._clock.sleep_until(self._clock.now() + REFRESH_SECONDS)

    def _draw(self, text: str) -> None:
        self._drawn = text
        # A wrapped line could not be erased.
        fitting = text[: shutil.get_terminal_size().columns - 1]
        _tell(f'{ERASE_LINE}{fitting}')


def _tell(text: str) -> None:
    # The terminal may be gone, and a log may be on the disk that is full: no reason to stop what is under way.
    with suppress(OSError):
        click.echo(text, nl=False, err=True)
