"""What the recording proxy costs a client: the time that it adds to a request, over a bare pass-through of aiohttp."""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from benchmarks.client import connected
from benchmarks.figures import Figure, median
from benchmarks.processes import running, running_kmock

__all__ = ['proxy_overhead']

ROUNDS = 20
REQUESTS = 100
WARM_UP = 200


def proxy_overhead() -> list[Figure]:
    """A keep-alive GET directly, through a bare pass-through, and through `kmock record`, taking turns."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = stack.enter_context(running(sys.executable, '-m', 'benchmarks.servers', 'bare'))
        bare = stack.enter_context(running(sys.executable, '-m', 'benchmarks.servers', 'passthrough', source.url))
        kmock = stack.enter_context(running_kmock('record', '--upstream', source.url, '-o', folder / 'x.kmock'))
        direct_ms, bare_ms, kmock_ms = asyncio.run(_medians_ms([source.url, bare.url, kmock.url]))
    detail = f'direct {direct_ms:.3f} ms, bare pass-through {bare_ms:.3f} ms, kmock record {kmock_ms:.3f} ms'
    return [
        Figure(name='proxy: added to a GET (median)', value=kmock_ms - bare_ms, unit='ms', at_most=1.5, detail=detail),
        Figure(name='proxy: time of a GET, to the bare one', value=kmock_ms / bare_ms, unit='×'),
    ]


async def _medians_ms(urls: list[str]) -> list[float]:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(url)) for url in urls]
        times: list[list[float]] = [[] for _ in urls]
        for connection in connections:
            for _ in range(WARM_UP):
                await connection.get()
        for _ in range(ROUNDS):
            for connection, measured in zip(connections, times, strict=True):
                measured += [await connection.timed_get() for _ in range(REQUESTS)]
    return [median(measured) * 1000 for measured in times]
