"""How much memory a request takes that stays in the log, all requests being kept."""

import contextlib
import json
import sys

from benchmarks.figures import Figure
from benchmarks.load import KUBECTL_HEADERS, Load, loading
from benchmarks.processes import Process
from benchmarks.published import VERSION, published_python
from benchmarks.serving import mocking

__all__ = ['kept_memory']

TARGET = '/api/v1/namespaces/default/pods/pod-########?timeout=32s'
WARM_UP = 1_000
TRACED = 2_000
GROWN = 10_000
OLD_TRACED = 150
LIMIT_BYTES = 2048

BODY = json.dumps({'kind': 'ConfigMap', 'data': {f'key-{i}': 'x' * 60 for i in range(100)}}).encode()


def kept_memory() -> list[Figure]:
    """By what the interpreter has allocated, and by what the process has of the system."""
    traced = _traced(sys.executable, None, 'get', TRACED)
    resident = _resident(None, 'get')
    traced_body = _traced(sys.executable, BODY, 'data', TRACED) - len(BODY)
    resident_body = _resident(BODY, 'data') - len(BODY)
    figures = [
        Figure(name='kept: a GET of kubectl, allocated', value=traced, unit='B', at_most=LIMIT_BYTES),
        Figure(name='kept: a GET of kubectl, resident', value=resident, unit='B', at_most=LIMIT_BYTES),
        Figure(name='kept: a POST besides its body, allocated', value=traced_body, unit='B', at_most=LIMIT_BYTES,
               detail=f'a body of {len(BODY)} bytes, compared as JSON'),
        Figure(name='kept: a POST besides its body, resident', value=resident_body, unit='B', at_most=LIMIT_BYTES),
    ]  # fmt: skip
    python = published_python()
    if python is not None:
        old = _traced(python, None, 'get', OLD_TRACED)
        old_body = _traced(python, BODY, 'data', OLD_TRACED) - len(BODY)
        figures.append(Figure(name=f'kept: a GET of kubectl, kmock {VERSION}', value=old, unit='B'))
        figures.append(Figure(name=f'kept: a POST, likewise, kmock {VERSION}', value=old_body, unit='B'))
    return figures


def _traced(python: object, body: bytes | None, kind: str, count: int) -> float:
    """The bytes a request that the interpreter has allocated and not freed."""
    with mocking(str(python), kind, '--trace') as server, _load(server, body) as load:
        load.run(count=min(WARM_UP, count))
        before = int(server.ask())
        load.run(count=count)
        return (int(server.ask()) - before) / count


def _resident(body: bytes | None, kind: str) -> float:
    """The bytes a request by which the process has grown."""
    with mocking(sys.executable, kind) as server, _load(server, body) as load:
        load.run(count=WARM_UP)
        before = server.memory_mb
        load.run(count=GROWN)
        return (server.memory_mb - before) * 2**20 / GROWN


def _load(server: Process, body: bytes | None) -> contextlib.AbstractContextManager[Load]:
    return loading(server, TARGET, headers=KUBECTL_HEADERS, body=body)
