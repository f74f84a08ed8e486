"""The emulated cluster: how soon it answers, how fast, of how many objects, to how many watchers, and its memory."""

import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.emulated import ONE, PATH, widget
from benchmarks.figures import Figure, median, percentile
from benchmarks.load import Load, Sample, loading, take_turns
from benchmarks.processes import Process, running

__all__ = ['cluster_lists', 'cluster_throughput', 'cluster_watches']

TURNS = 5
TURN: Any = {'rounds': 8, 'seconds': 0.08}
WARM_UP = 200
FEW, MANY, SIZE = 100, 100_000, 2_000
LIMIT_MB = 600


def cluster_lists() -> list[Figure]:
    """Starting, listing, deleting, in one process and without a network but for the first answer."""
    done = subprocess.run([sys.executable, '-m', 'benchmarks.inside'], capture_output=True, text=True, check=True)
    times: dict[str, list[float]] = json.loads(done.stdout)
    ms = {name: 1000 * median(values) for name, values in times.items()}
    dumps = f'json.dumps of it {ms["dumps"]:.0f} ms, the list {ms["list"]:.1f} ms'
    ratios = [each / own for each, own in zip(times['dumps'], times['list'], strict=True)]
    return [
        Figure(name='cluster: from nothing to the first answer', value=ms['warm'], unit='ms', at_most=20,
               detail=f'emulator and server new; a cold process, with all imports: {ms["cold"]:.0f} ms'),
        Figure(name='cluster: list of 10,000, to json.dumps', value=median(ratios), unit='×', at_least=2, detail=dumps),
        Figure(name='cluster: 1,000 of 10,000 by a label', value=ms['labels'], unit='ms'),
        Figure(name='cluster: 1 of 10,000 by metadata.name', value=ms['name'], unit='ms'),
        Figure(name='cluster: deletecollection of 10,000', value=ms['delete'], unit='ms'),
        Figure(name='cluster: deletion of a namespace with 10,000', value=ms['namespace'], unit='ms'),
    ]  # fmt: skip


# --- requests


@contextlib.contextmanager
def emulated(*arguments: str | int) -> Iterator[Process]:
    with running(sys.executable, '-m', 'benchmarks.emulated', *map(str, arguments)) as process:
        yield process


def cluster_throughput() -> list[Figure]:
    """GET and POST, next to a bare handler, with few objects and with many; and what many take of memory."""
    body = json.dumps(widget('object-a########')).encode()
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(running(sys.executable, '-m', 'benchmarks.servers', 'bare'))
        few = stack.enter_context(emulated('--objects', FEW, '--size', SIZE))
        many = stack.enter_context(emulated('--objects', MANY, '--size', SIZE))
        loads: dict[str, Load] = {}
        for name, server in {'bare': bare, 'few': few, 'many': many}.items():
            loads[f'{name} GET'] = stack.enter_context(loading(server, ONE))
            loads[f'{name} POST'] = stack.enter_context(loading(server, PATH, body=body))
        for load in loads.values():
            load.run(count=WARM_UP)
        turns = [take_turns(loads, **TURN) for _ in range(TURNS)]
        grown = float(many.said)
    memory = Figure(name='cluster: 100,000 objects of 2 KB', value=grown, unit='MB', at_most=LIMIT_MB,
                    detail='what the process grew by, histories included, made without requests to keep')  # fmt: skip
    return [*_ratio('GET', 50, turns), *_ratio('POST', 30, turns), memory]


def _ratio(method: str, at_least: float, turns: list[dict[str, Sample]]) -> Iterator[Figure]:
    bare, few, many = ([turn[f'{name} {method}'] for turn in turns] for name in ('bare', 'few', 'many'))
    ratios = [100 * own.rate / other.rate for own, other in zip(few, bare, strict=True)]
    costs = [100 * other.cost_us / own.cost_us for own, other in zip(few, bare, strict=True)]
    grown = [100 * own.rate / other.rate for own, other in zip(many, few, strict=True)]
    by_cost = [100 * other.cost_us / own.cost_us for own, other in zip(many, few, strict=True)]
    own_cost, bare_cost = (median([each.cost_us for each in samples]) for samples in (few, bare))
    yield Figure(name=f'cluster: {method}, to the bare handler', value=median(ratios), unit='%', at_least=at_least,
                 detail=f'{TURNS} turns, {min(ratios):.0f} to {max(ratios):.0f}%; '
                 f'{median([each.rate for each in few]):.0f}/s')  # fmt: skip
    yield Figure(name=f'cluster: {method}, by processor time', value=median(costs), unit='%',
                 detail=f'{own_cost:.0f} µs a request, the bare handler {bare_cost:.0f} µs')  # fmt: skip
    yield Figure(name=f'cluster: {method}, 100,000 objects to 100', value=median(grown), unit='%', at_least=90,
                 detail=f'{TURNS} turns, {min(grown):.0f} to {max(grown):.0f}%; '
                 f'by processor time {median(by_cost):.0f}%')  # fmt: skip


# --- watches

EVENTS = 1_000
WATCHERS = (100, 1_000)
PACED, RATE = 100, 100
LIMIT_MS = 50


@contextlib.contextmanager
def watched(cluster: Process, count: int, events: int) -> Iterator[Process]:
    """So many watchers, in a process of their own, that wait for so many events each."""
    revision = json.loads(cluster.ask())['revision']
    target = f'{PATH}?watch=true&resourceVersion={revision}'
    with running(sys.executable, '-m', 'benchmarks.watchers', cluster.url, target, str(count), str(events)) as process:
        yield process


def cluster_watches() -> list[Figure]:
    """1,000 writes, as fast as they go, to few and to many watchers; then a hundred a second."""
    found = {count: _flood(count) for count in WATCHERS}
    few, many = (found[count] for count in WATCHERS)
    lost, encoded = few['lost'] + many['lost'], max(few['encoded'], many['encoded'])
    detail = f'{few["cost"]:.1f} µs of the processor each with 100 watchers, {many["cost"]:.1f} with 1,000'
    delays = _paced()
    return [
        Figure(name='cluster: 1,000 × 1,000 events, lost', value=lost, unit='', at_most=0,
               detail=f'delivered in {many["seconds"]:.1f} s'),
        Figure(name='cluster: a delivery, of 1,000 watchers to 100', value=many['cost'] / few['cost'], unit='×',
               at_most=1.25, detail=detail),
        Figure(name='cluster: encodings of an event', value=encoded, unit='', at_most=1, detail='for one form'),
        Figure(name='cluster: delivery, 99th percentile', value=percentile(delays, 99), unit='ms', at_most=LIMIT_MS,
               detail=f'{PACED} watchers, {RATE} writes a second; half of all within {median(delays):.1f} ms'),
    ]  # fmt: skip


def _flood(count: int) -> dict[str, float]:
    body = json.dumps(widget('object-########')).encode()
    with emulated() as cluster, watched(cluster, count, EVENTS) as watchers:
        begun = time.time()
        with loading(cluster, PATH, body=body, connections=4) as load:  # which has written once, then
            before = load.cpu_seconds
            load.run(count=EVENTS - 1)
            result = json.loads(watchers.hear())
            cost = (load.cpu_seconds - before) / (EVENTS * count) * 1e6
        state = json.loads(cluster.ask())
        encoded = state['encoded'] / EVENTS
    return {'lost': result['lost'], 'seconds': result['ended'] - begun, 'cost': cost, 'encoded': encoded}


def _paced(seconds: int = 5) -> list[float]:
    """How long deliveries took, in milliseconds, from before the request to write."""
    count = RATE * seconds
    with emulated() as cluster, watched(cluster, PACED, count) as watchers:
        host = cluster.url.removeprefix('http://')
        connection = http.client.HTTPConnection(host)
        begun = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            body = widget(f'object-{number}')
            body['spec']['stamp'] = f'{time.time():.6f}'
            connection.request('POST', PATH, json.dumps(body), {'Content-Type': 'application/json'})
            connection.getresponse().read()
        connection.close()
        result = json.loads(watchers.hear())
    if result['lost'] or len(result['delays']) < count:
        raise RuntimeError(f'{result["lost"]} events were lost, {len(result["delays"])} were timed.')
    return [1000 * each for each in result['delays']]
