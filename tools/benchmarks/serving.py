"""How many requests a second a rule answers, next to a bare handler of aiohttp that answers the same bytes."""

import asyncio
import sys
from collections.abc import Sequence

from benchmarks.client import requests_per_second
from benchmarks.figures import Figure, median
from benchmarks.processes import running

__all__ = ['rule_throughput']

ROUNDS = 5


def rule_throughput() -> list[Figure]:
    """One GET rule and one route, taking turns; the load comes from a third process: this one."""
    server = (sys.executable, '-m', 'benchmarks.servers')
    with running(*server, 'bare') as bare, running(*server, 'rule') as rule:
        rates = [
            (asyncio.run(requests_per_second(bare.url)), asyncio.run(requests_per_second(rule.url)))
            for _ in range(ROUNDS)
        ]
    return _figures(rates)


def _figures(rates: Sequence[tuple[float, float]]) -> list[Figure]:
    bare, rule = (median(values) for values in zip(*rates, strict=True))
    # The two of one turn had the same machine, however busy it was; those of different turns had not.
    ratios = [100 * of_rule / of_bare for of_bare, of_rule in rates]
    spread = f'the median of {len(rates)} turns, {min(ratios):.0f} to {max(ratios):.0f}%'
    return [
        Figure(name='rule: requests a second', value=rule, unit='1/s', detail=f'bare handler {bare:.0f}/s'),
        Figure(name='rule: requests, to the bare handler', value=median(ratios), unit='%', at_least=60, detail=spread),
    ]
