"""How the memory of the proxy grows while it records 100,000 watch events, and of the replay while it plays them."""

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.client import drain_stream
from benchmarks.figures import Figure
from benchmarks.processes import Process, running, running_kmock

__all__ = ['memory_growth', 'record_events']

EVENTS = 100_000
FEW = 1_000
LIMIT_MB = 30
SAMPLE_BYTES = 2**20
EVENT_BYTES = 500
"""Each event has a little more than that."""


def memory_growth() -> list[Figure]:
    """The resident memory, sampled all along; from a stream of 1,000 events to one of 100,000."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        few, many = folder / 'few.kmock', folder / 'many.kmock'
        record_events(few, FEW)
        recording = record_events(many, EVENTS, warm_up=FEW)
        replaying = _peak_of_replay(many, EVENTS) - _peak_of_replay(few, FEW)
        size_mb = many.stat().st_size / 2**20
    return [
        Figure(
            name='memory: recording 100,000 events',
            value=recording,
            unit='MB',
            at_most=LIMIT_MB,
            detail=f'the cassette has {size_mb:.0f} MB',
        ),
        Figure(
            name='memory: replaying 100,000 events',
            value=replaying,
            unit='MB',
            at_most=LIMIT_MB,
            detail='loading included, more than for 1,000 events',
        ),
    ]


def record_events(path: Path, count: int, *, warm_up: int = 0) -> float:
    """Record a stream of so many events into a new cassette; return by how many MB the proxy grew meanwhile."""
    with ExitStack() as stack:
        source = stack.enter_context(running(sys.executable, '-m', 'benchmarks.servers', 'events'))
        proxy = stack.enter_context(running_kmock('record', '--upstream', source.url, '-o', path))
        before = _peak(proxy, warm_up) if warm_up else proxy.memory_mb
        return _peak(proxy, count) - before


def _peak_of_replay(path: Path, count: int) -> float:
    with running_kmock('replay', path, '--pace', 'instant') as replay:
        return _peak(replay, count)


def _peak(server: Process, count: int) -> float:
    """The most memory that the server has while a client reads the stream."""

    async def sample() -> float:
        target = f'/api/v1/configmaps?watch=true&count={count}'
        peak, next_sample, total = server.memory_mb, SAMPLE_BYTES, 0
        async for total in drain_stream(server.url, target):
            if total >= next_sample:
                peak, next_sample = max(peak, server.memory_mb), total + SAMPLE_BYTES
        if total < count * EVENT_BYTES:
            raise RuntimeError(f'Of {count} events, only {total} bytes have come.')
        return max(peak, server.memory_mb)

    return asyncio.run(sample())
