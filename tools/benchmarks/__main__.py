"""Run the benchmarks, print their figures, keep them in a JSON file."""

import argparse
import datetime
import importlib
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure, load_figures, render_comparison, render_figures, save_figures

# By the name on the command line: the module, the function, and about how long it takes.
BENCHMARKS = {
    'cluster': ('clusters', 'cluster_throughput', '1 min'),
    'cluster-lists': ('clusters', 'cluster_lists', '10 s'),
    'watchers': ('clusters', 'cluster_watches', '40 s'),
    'proxy': ('proxying', 'proxy_overhead', '15 s'),
    'rule': ('serving', 'rule_throughput', '20 s'),
    'rules': ('serving', 'many_rules', '50 s'),
    'steadiness': ('serving', 'steadiness', '30 s'),
    'kept': ('keeping', 'kept_memory', '20 s'),
    'fixture': ('fixtures', 'fixture_time', '20 s'),
    'imports': ('importing', 'import_time', '10 s'),
    'files': ('tapes', 'cassette_files', '15 s'),
    'memory': ('memory', 'memory_growth', '15 s'),
    'replay': ('timing', 'replay_timing', '40 s'),
    'record-replay': ('timing', 'rerecord_timing', '40 s'),
}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='tools/bench', description=__doc__)
    parser.add_argument('--only', metavar='NAME', action='append', choices=BENCHMARKS, help=', '.join(BENCHMARKS))
    parser.add_argument('--compare', metavar='OLD.json', type=Path, help='print the changes since an older run')
    parser.add_argument('-o', '--output', metavar='FILE', type=Path, default=Path('bench-latest.json'))
    return parser.parse_args(arguments)


def measure(name: str) -> list[Figure]:
    module, function, duration = BENCHMARKS[name]
    print(f'-- {name} (about {duration})', file=sys.stderr, flush=True)
    figures: list[Figure] = getattr(importlib.import_module(f'benchmarks.{module}'), function)()
    print(render_figures(figures), flush=True)
    return figures


def main() -> None:
    arguments = parse()
    old = load_figures(arguments.compare) if arguments.compare else None
    started = time.monotonic()
    figures = [figure for name in arguments.only or BENCHMARKS for figure in measure(name)]
    about = {
        'when': datetime.datetime.now(tz=datetime.UTC).isoformat(timespec='seconds'),
        'python': platform.python_version(),
        'system': platform.platform(),
        'processors': os.cpu_count(),
        'load': os.getloadavg()[0],
    }
    save_figures(arguments.output, about, figures)
    missed = [each.name for each in figures if each.met is False]
    print(f'\n{len(figures)} figures in {time.monotonic() - started:.0f} s, kept in {arguments.output}.')
    judged = sum(each.met is not None for each in figures)
    print(f'{judged - len(missed)} of {judged} targets met.' + (f' NOT met: {"; ".join(missed)}.' if missed else ''))
    if old is not None:
        print(f'\nSince {arguments.compare}:\n{render_comparison(old, figures)}')


if __name__ == '__main__':
    main()
