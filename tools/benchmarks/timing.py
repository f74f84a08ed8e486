"""How exactly recorded times come back: when chunks are delivered by a replay, and recorded anew behind a proxy.

Due is the start of the exchange plus the recorded distance. Both are judged from outside: by the clock of a client
in another process than the replay, and by the times in the new cassette.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from comparing import compare_cassettes
from scripted import play_script

from benchmarks.figures import Figure, percentile
from benchmarks.processes import running_kmock
from benchmarks.timers import lateness_ms
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.interchange import open_cassette

__all__ = ['replay_timing', 'rerecord_timing']

LONG_WATCH = Path(__file__).resolve().parents[2] / 'cassettes' / 'long-watch.jsonl.gz'


def replay_timing() -> list[Figure]:
    """Replay the long watch at its original pace to a client that notes when what comes."""
    with open_cassette(LONG_WATCH) as trace, running_kmock('replay', LONG_WATCH) as replay:
        with lateness_ms() as timers:
            seen = asyncio.run(play_script(trace, replay.url, speed=1))
        return [_figure('replay: |delivered − due| (p99)', trace, seen, timers, at_most=5)]


def rerecord_timing() -> list[Figure]:
    """Record the replay of the long watch at its original pace through the proxy."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / 'again.kmock'
        trace = stack.enter_context(open_cassette(LONG_WATCH))
        with running_kmock('replay', LONG_WATCH) as replay:
            with running_kmock('record', '--upstream', replay.url, '--no-redact', '-o', path) as proxy:
                with lateness_ms() as timers:
                    asyncio.run(play_script(trace, proxy.url, speed=1))
        again = stack.enter_context(open_cassette(path))
        return [_figure('record(replay): |recorded − original| (p99)', trace, again, timers, at_most=10)]


def _figure(name: str, expected: Cassette, actual: Cassette, timers: list[float], *, at_most: float) -> Figure:
    differences = compare_cassettes(expected, actual)
    if differences:
        raise RuntimeError('What came is not what was recorded:\n' + '\n'.join(differences[:10]))
    errors_ms = [error / 1000 for error in _errors_us(expected, actual)]
    detail = (
        f'median {percentile(errors_ms, 50):.2f}, worst {max(errors_ms):.2f} ms '
        f'of {len(errors_ms)} chunks in {expected.duration_us / 1e6:.0f} s; '
        f'bare timers meanwhile: p99 {percentile(timers, 99):.2f} ms late'
    )
    return Figure(name=name, value=percentile(errors_ms, 99), unit='ms', at_most=at_most, detail=detail)


def _errors_us(expected: Cassette, actual: Cassette) -> Iterator[int]:
    again = {(each.method, each.target): each for each in actual.exchanges}
    for one in expected.exchanges:
        other = again[one.method, one.target]
        for due, delivered in zip(_offsets_us(one), _offsets_us(other), strict=True):
            yield abs(delivered - due)


def _offsets_us(exchange: Exchange) -> Iterator[int]:
    """When each HTTP chunk was complete, counted from the request."""
    for chunk in exchange.chunks():
        if not chunk.partial:
            yield chunk.at_us - exchange.at_us
