"""How many requests a second rules answer: next to a bare handler of aiohttp, many of them, and after many requests.

All that is compared takes turns, each in a process of its own; the load comes from this one. Two servers of one turn
had the same machine, however busy it was; those of different turns had not: so the ratios are of one turn,
and the figures are the medians of five, or of three where a turn is long.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, median
from benchmarks.load import Load, Sample, loading, take_turns
from benchmarks.processes import Process, running
from benchmarks.published import VERSION, published_python

__all__ = ['many_rules', 'rule_throughput', 'steadiness']

MOCKING = Path(__file__).with_name('mocking.py')
TURNS = 5
TURN: Any = {'rounds': 8, 'seconds': 0.08}
WARM_UP = 100


@contextlib.contextmanager
def mocking(python: str | Path, *arguments: str | int) -> Iterator[Process]:
    """A mock server with such rules, of the kmock that the interpreter has."""
    with running(python, '-P', MOCKING, *map(str, arguments)) as process:
        yield process


@contextlib.contextmanager
def bare_load() -> Iterator[Load]:
    """The load on a bare handler of aiohttp."""
    with running(sys.executable, '-m', 'benchmarks.servers', 'bare') as bare, loading(bare) as load:
        load.run(count=WARM_UP)
        yield load


@contextlib.contextmanager
def rules_load(*arguments: str | int) -> Iterator[Load]:
    """The load on such rules."""
    with mocking(sys.executable, *arguments) as server, loading(server) as load:
        load.run(count=WARM_UP)
        yield load


# --- one rule


def rule_throughput() -> list[Figure]:
    """One GET rule, and one route of a bare handler that answers the same bytes."""
    with bare_load() as bare, rules_load('paths') as rule:
        turns = [(take_turns({'bare': bare, 'rule': rule}, **TURN), _published_rule()) for _ in range(TURNS)]
    pairs = [(each['bare'], each['rule']) for each, _ in turns]
    ratios = [100 * of_rule.rate / of_bare.rate for of_bare, of_rule in pairs]
    costs = [100 * of_bare.cost_us / of_rule.cost_us for of_bare, of_rule in pairs]
    bare_rate, rate = (median([each[place].rate for each in pairs]) for place in (0, 1))
    cost = median([of_rule.cost_us for _, of_rule in pairs])
    spread = f'{TURNS} turns, {min(ratios):.0f} to {max(ratios):.0f}%'
    name = 'rule: requests, to the bare handler'
    figures = [
        Figure(name='rule: requests a second', value=rate, unit='1/s', detail=f'bare handler {bare_rate:.0f}/s'),
        Figure(name=name, value=median(ratios), unit='%', at_least=60, detail=spread),
        Figure(name='rule: by processor time', value=median(costs), unit='%', detail=f'{cost:.0f} µs a request'),
    ]
    olds = [(each['rule'].rate, old.rate) for each, old in turns if old is not None]
    if olds:
        ratio, old_rate = median([new / old for new, old in olds]), median([old for _, old in olds])
        detail = f'there {old_rate:.0f}/s, from the 100th request to the 200th'
        figures.append(Figure(name=f'rule: requests, to kmock {VERSION}', value=ratio, unit='×', detail=detail))
    return figures


def _published_rule() -> Sample | None:
    """A turn of the published kmock, each time anew: it is the slower, the more requests it has seen."""
    python = published_python()
    if python is None:
        return None
    with mocking(python, 'paths') as server, loading(server) as load:
        load.run(count=WARM_UP)
        return load.run(count=WARM_UP)


# --- after many requests

LONG_TURNS = 3
MANY = 100_000
OLD_MANY = 1_000
STRETCH: Any = {'rounds': 10, 'count': 1_000}


def steadiness() -> list[Figure]:
    """What a rule answers after 100,000 requests, to what it did after 100; all of them are kept in its log.

    A bare handler tells how fast the machine is at either time.
    """
    with bare_load() as bare:
        turns = [_grown(bare) for _ in range(LONG_TURNS)]
    rates = [100 * (after['rule'].rate / after['bare'].rate) / (before['rule'].rate / before['bare'].rate)
             for before, after in turns]  # fmt: skip
    costs = [100 * (before['rule'].cost_us / before['bare'].cost_us) / (after['rule'].cost_us / after['bare'].cost_us)
             for before, after in turns]  # fmt: skip
    spread = f'of the rate after 100; {LONG_TURNS} turns, {min(rates):.0f} to {max(rates):.0f}%'
    name = 'steadiness: after 100,000 requests'
    return [
        Figure(name=name, value=median(rates), unit='%', at_least=90, detail=spread),
        Figure(name='steadiness: by processor time', value=median(costs), unit='%'),
        *_published_steadiness(),
    ]


def _grown(bare: Load) -> tuple[dict[str, Sample], dict[str, Sample]]:
    with rules_load('paths') as rule:
        loads = {'rule': rule, 'bare': bare}
        before = take_turns(loads, **STRETCH)
        rule.run(count=MANY - before['rule'].count)
        return before, take_turns(loads, **STRETCH)


def _published_steadiness() -> Iterator[Figure]:
    python = published_python()
    if python is None:
        return
    with mocking(python, 'paths') as server, loading(server) as load:
        load.run(count=WARM_UP)
        before = load.run(count=WARM_UP)
        load.run(count=OLD_MANY)
        after = load.run(count=WARM_UP)
    name = f'steadiness: kmock {VERSION} after {OLD_MANY:,}'
    detail = f'from {before.rate:.0f}/s to {after.rate:.0f}/s'
    yield Figure(name=name, value=100 * after.rate / before.rate, unit='%', detail=detail)


# --- many rules

PATH_RULES = (10, 1_000, 10_000)
REGEXP_RULES = (500, 1_000)
OLD_RULES = (10, 1_000)


def many_rules() -> list[Figure]:
    """Many rules, of which the last one matches, next to a single one."""
    kinds = [('paths', 1), *(('paths', count) for count in PATH_RULES)]
    kinds += [('regexps', 1), *(('regexps', count) for count in REGEXP_RULES)]
    with contextlib.ExitStack() as stack:
        loads = {kind: stack.enter_context(rules_load(*kind)) for kind in kinds}
        turns = [take_turns(loads, **TURN) for _ in range(TURNS)]
    figures: list[Figure] = []
    for count in PATH_RULES:
        figures += _paths_figures(count, [(turn['paths', 1], turn['paths', count]) for turn in turns])
    return [*figures, *_regexps_figures(turns), *_published_figures(median([turn['paths', 1].rate for turn in turns]))]


def _paths_figures(count: int, turns: list[tuple[Sample, Sample]]) -> Iterator[Figure]:
    rates = [100 * many.rate / one.rate for one, many in turns]
    costs = [100 * one.cost_us / many.cost_us for one, many in turns]
    detail = f'{len(rates)} turns, {min(rates):.0f} to {max(rates):.0f}%; by processor time {median(costs):.0f}%'
    name = f'rules: {count:,} paths, to one rule'
    yield Figure(name=name, value=median(rates), unit='%', at_least=85, detail=detail)


def _regexps_figures(turns: list[dict[tuple[str, int], Sample]]) -> Iterator[Figure]:
    constants = {}
    for count in REGEXP_RULES:
        added = [turn['regexps', count].cost_us - turn['regexps', 1].cost_us for turn in turns]
        constants[count] = median(added) / (count - 1)
        rate = median([turn['regexps', count].rate for turn in turns])
        yield Figure(
            name=f'rules: {count:,} regexps, a rule', value=constants[count], unit='µs', detail=f'{rate:.0f}/s'
        )
    fewer, more = REGEXP_RULES
    growth = constants[more] / constants[fewer]
    yield Figure(name=f'rules: regexps, a rule of {more:,} to {fewer}', value=growth, unit='×', at_most=1.15,
                 detail='linear if 1')  # fmt: skip


def _published_figures(rate: float) -> Iterator[Figure]:
    """What the published kmock does with some rules: 10,000 would take it minutes."""
    python = published_python()
    if python is None:
        return
    for count in OLD_RULES:
        with mocking(python, 'paths', count) as server, loading(server, connections=1) as load:
            old = load.run(count=TURNS)
        yield Figure(name=f'rules: {count:,} paths, kmock {VERSION}', value=old.rate, unit='1/s',
                     detail=f'the first {TURNS} requests; here {rate / old.rate:.0f} times as fast')  # fmt: skip
