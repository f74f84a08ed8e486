"""What the tests of `kmock serve` share: a server in this process, and clients that read what it sends."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

from kmock.cli.access_log import AccessLog, as_json
from kmock.cli.editions import Editions
from kmock.cli.rules_file import DEFAULT_CLASS, RulesFile
from kmock.clock import VirtualClock
from kmock.server import Server

__all__ = ['Stage', 'serving_rules', 'written']


def written(path: Path, *lines: str) -> Path:
    """A file of rules with these lines in its function."""
    path.write_text('\n    '.join(['import asyncio\nasync def rules(kmock):', *lines, 'pass\n']))
    return path


class Stage:
    """Editions with a server, a client, and all that they tell."""

    def __init__(self, path: Path, cls: str) -> None:
        self.path = path
        self.clock = VirtualClock()
        self.told: list[str] = []
        self.file = RulesFile(path, cls)
        self._log = io.StringIO()
        log = AccessLog(self._log, as_json, self.told.append)
        self.editions = Editions(self.file, log, self.told.append, self.clock)
        self.client: aiohttp.ClientSession

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.getvalue().splitlines()]

    @property
    def handler(self) -> Any:
        """The present edition's handler; rules may have left things on it."""
        assert self.editions._present is not None
        return self.editions._present.handler

    async def rewrite(self, *lines: str) -> None:
        written(self.path, *lines)
        await self.editions.renew()

    async def text(self, path: str, **options: Any) -> str:
        async with self.client.request(options.pop('method', 'GET'), path, **options) as response:
            return await response.text()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to happen; meanwhile the time of the server goes on."""
        async with asyncio.timeout(10):
            while not condition():
                await self.clock.advance(0.1)
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def serving_rules(path: Path, *lines: str, cls: str = DEFAULT_CLASS) -> AsyncIterator[Stage]:
    if lines:
        written(path, *lines)
    stage = Stage(path, cls)
    with stage.file:
        async with stage.editions, Server(stage.editions, clock=stage.clock) as server:
            async with aiohttp.ClientSession(server.url) as stage.client:
                await stage.editions.renew()
                yield stage
