"""What the fixture `kmock` adds to an empty test, in a real pytest run: set-up, tear-down, and a bound port between."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, median
from benchmarks.published import VERSION, published_python

__all__ = ['fixture_time']

RUNS = 5
TESTS = 100
LIMIT_MS = 3.0

# The tests with and without the fixture take turns; each is timed from before its set-up to after its tear-down.
CONFTEST = """
import json, pathlib, time
import pytest

times = {}

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    started, cpu_started = time.perf_counter(), time.process_time()
    result = yield
    kind = item.originalname
    times.setdefault(kind, []).append((time.perf_counter() - started, time.process_time() - cpu_started))
    return result

def pytest_sessionfinish(session):
    pathlib.Path(__file__).with_name('times.json').write_text(json.dumps(times))
"""
ASYNCHRONOUS = """
async def test_bare(i):
    pass

async def test_kmock(i, kmock):
    assert kmock.url
"""
SYNCHRONOUS = """
def test_plain_bare(i):
    pass

def test_plain_kmock(i, kmock):
    assert kmock.url
"""
TURNS = f"""
import pytest

pytestmark = pytest.mark.parametrize('i', range({TESTS}), scope='session')
"""


def fixture_time() -> list[Figure]:
    """The difference of the medians in one run; of five runs, the median."""
    ours = [_run(sys.executable, ASYNCHRONOUS + SYNCHRONOUS) for _ in range(RUNS)]
    figures = [
        _figure('fixture: in an async test', ours, 'test', LIMIT_MS),
        _figure('fixture: in a plain test, with its thread', ours, 'test_plain', LIMIT_MS),
    ]
    python = published_python()
    if python is not None:
        olds = [_run(str(python), ASYNCHRONOUS) for _ in range(RUNS)]
        figures.append(_figure(f'fixture: in an async test, kmock {VERSION}', olds, 'test', None))
    return figures


def _figure(name: str, runs: list[dict[str, Any]], kind: str, at_most: float | None) -> Figure:
    added = [_median_ms(run[f'{kind}_kmock'], 0) - _median_ms(run[f'{kind}_bare'], 0) for run in runs]
    cpu = [_median_ms(run[f'{kind}_kmock'], 1) - _median_ms(run[f'{kind}_bare'], 1) for run in runs]
    bare = median([_median_ms(run[f'{kind}_bare'], 0) for run in runs])
    detail = f'processor {median(cpu):.2f} ms; an empty test takes {bare:.2f} ms'
    return Figure(name=name, value=median(added), unit='ms', at_most=at_most, detail=detail)


def _median_ms(times: list[list[float]], place: int) -> float:
    return median([each[place] for each in times]) * 1000


def _run(python: str, tests: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'conftest.py').write_text(CONFTEST)
        (folder / 'test_empty.py').write_text(TURNS + tests)
        (folder / 'pytest.ini').write_text('[pytest]\nasyncio_mode = auto\n')
        command = [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', str(folder)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(('PYTHON', 'PYTEST'))}
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
        if done.returncode:
            raise RuntimeError(f'The empty tests failed:\n{done.stdout}{done.stderr}')
        times: dict[str, Any] = json.loads((folder / 'times.json').read_text())
        return times
