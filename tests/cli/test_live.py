import asyncio
import io
import sys
from collections.abc import Callable

import pytest

from kmock.cli.live import ERASE_LINE, LiveLine
from kmock.clock import VirtualClock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Put a terminal in the place of standard error; by a call, as pytest sets it anew before each test."""

    def put() -> Terminal:
        terminal = Terminal()
        monkeypatch.setattr(sys, 'stderr', terminal)
        monkeypatch.setenv('COLUMNS', '20')
        return terminal

    return put


async def test_the_line_is_drawn_when_it_changes_and_erased_at_the_end(patch: Callable[[], Terminal]) -> None:
    terminal = patch()
    clock = VirtualClock()
    texts = iter(['one', 'one', 'two', 'two'])
    async with LiveLine(lambda: next(texts), clock).shown():
        await clock.advance(1.2)
    assert terminal.getvalue() == f'{ERASE_LINE}one{ERASE_LINE}two{ERASE_LINE}'


async def test_a_message_passes_above_the_line(patch: Callable[[], Terminal]) -> None:
    terminal = patch()
    clock = VirtualClock()
    line = LiveLine(lambda: 'line', clock)
    async with line.shown():
        await clock.advance(0.1)
        line.say('message')
    assert terminal.getvalue() == f'{ERASE_LINE}line{ERASE_LINE}message\n{ERASE_LINE}line{ERASE_LINE}'


async def test_a_line_never_wraps(patch: Callable[[], Terminal]) -> None:
    terminal = patch()
    clock = VirtualClock()
    async with LiveLine(lambda: 'x' * 100, clock).shown():
        await clock.advance(0.1)
    assert terminal.getvalue() == f'{ERASE_LINE}{"x" * 19}{ERASE_LINE}'


async def test_where_there_is_no_terminal_only_messages_appear(capsys: pytest.CaptureFixture[str]) -> None:
    line = LiveLine(lambda: 'line', VirtualClock())
    async with line.shown():
        await asyncio.sleep(0)
        line.say('message')
    assert capsys.readouterr().err == 'message\n'


async def test_a_terminal_that_is_gone_or_full_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Terminal):
        def write(self, _: str) -> int:
            raise OSError(5, 'Input/output error')

    monkeypatch.setattr(sys, 'stderr', Gone())
    clock = VirtualClock()
    line = LiveLine(lambda: 'line', clock)
    async with line.shown():
        await clock.advance(1)
        line.say('message')
