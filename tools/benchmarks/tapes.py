"""Cassettes on disk: how long a large one takes to load, and a frame takes to be written."""

import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, median
from kmock.messages import Outcome
from kmock.recording.cassette import ChunkFrame, EndFrame, Header, RequestFrame, ResponseFrame
from kmock.recording.format import CassetteWriter, load

__all__ = ['cassette_files']

CHUNKS = 100_000
CHUNK = b'{"type":"MODIFIED","object":{"kind":"ConfigMap"}}\n' * 12
ROUNDS = 3


def cassette_files() -> list[Figure]:
    """Write and load a cassette with a stream of 100,000 chunks."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, 'large.kmock')
        writing = median([_write(path) for _ in range(ROUNDS)])
        loading = median([_load(path) for _ in range(ROUNDS)])
        size_mb = path.stat().st_size / 2**20
    return [
        Figure(
            name='cassette: appending a chunk', value=writing / CHUNKS * 1e6, unit='µs', detail=f'{len(CHUNK)} bytes'
        ),
        Figure(name='cassette: loading 100,000 chunks', value=loading, unit='s', detail=f'{size_mb:.0f} MB'),
    ]


def _write(path: Path) -> float:
    started = time.perf_counter()
    with CassetteWriter(path, Header(created='2026-01-01T00:00:00Z'), force=True) as writer:
        writer.append(RequestFrame(id=1, at_us=0, method='GET', target='/api/v1/configmaps?watch=true'))
        writer.append(ResponseFrame(id=1, at_us=1, status=200, reason='OK'))
        for number in range(CHUNKS):
            writer.append(ChunkFrame(id=1, at_us=number * 1000, data=CHUNK))
        writer.append(EndFrame(id=1, at_us=CHUNKS * 1000, outcome=Outcome.COMPLETE))
    if writer.failure is not None:
        raise writer.failure
    return time.perf_counter() - started


def _load(path: Path) -> float:
    started = time.perf_counter()
    with load(path) as cassette:
        assert cassette.exchanges[0].chunk_count == CHUNKS, cassette.problems
    return time.perf_counter() - started
