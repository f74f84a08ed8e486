"""Virtual time with real sockets: an event loop that, when there is nothing to do but to wait, does not wait."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

SETTLING_SECONDS = 0.02
"""For so long, in real time, the loop looks for what comes from sockets before the time moves on."""


def skip_waiting(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let the loop's time stand still, but for its timers: it moves on to the next one at once."""
    selector: Any = loop._selector  # type: ignore[attr-defined]
    select, now = selector.select, loop.time()

    def select_or_skip(timeout: float | None = None) -> Any:
        nonlocal now
        if timeout is None or timeout <= 0:
            return select(timeout)
        ready = select(SETTLING_SECONDS)
        if not ready:
            now += timeout
        return ready

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, 'time', lambda: now)
        patched.setattr(selector, 'select', select_or_skip)
        yield
