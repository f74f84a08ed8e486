"""How long it takes to import the package."""

import subprocess
import sys

from benchmarks.figures import Figure, median

__all__ = ['import_time']

ROUNDS = 9
CODE = 'import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)'


def import_time() -> list[Figure]:
    """`import kmock`, the handler and the server included, next to `import aiohttp.web`; the median of nine turns."""
    modules = ('aiohttp.web', 'kmock', 'kmock.handlers, kmock.server', 'kmock.pytest_plugin')
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(ROUNDS):
        for module in modules:
            times[module].append(_seconds(module))
    bare, kmock, serving, plugin = (median(times[module]) * 1000 for module in modules)
    detail = f'aiohttp.web {bare:.0f} ms; kmock with handler and server {serving:.0f} ms'
    return [
        Figure(name='import: kmock', value=kmock, unit='ms', detail=detail),
        Figure(name='import: kmock, to aiohttp.web', value=kmock / bare, unit='×', at_most=1.25),
        Figure(name='import: with handler and server, likewise', value=serving / bare, unit='×'),
        Figure(name='import: the pytest plugin (with pytest)', value=plugin, unit='ms'),
    ]


def _seconds(module: str) -> float:
    command = [sys.executable, '-c', CODE.format(module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
