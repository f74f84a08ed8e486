"""An emulated cluster with a custom resource, run as `python -m benchmarks.emulated [--objects N] [--size BYTES]`.

It prints its URL and by how many MB the objects made it grow, and serves until it is interrupted. A line on its input
makes it tell, as JSON, its revision, how many events it holds, and how many lines of watches it has made of these.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from kmock.kubernetes import KubernetesEmulator
from kmock.messages import Request
from kmock.server import Server

__all__ = ['CRD', 'CRDS', 'ONE', 'PATH', 'fill', 'send', 'widget']

CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
PATH = '/apis/bench.example.com/v1/namespaces/default/widgets'
ONE = f'{PATH}/one'

_SPEC = {
    'size': {'type': 'integer', 'minimum': 0},
    'color': {'type': 'string', 'maxLength': 20, 'default': 'red'},
    'text': {'type': 'string'},
    'stamp': {'type': 'string'},
    'ports': {'type': 'array', 'items': {'type': 'integer', 'maximum': 65535}},
}
_STATUS = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
_SCHEMA = {
    'type': 'object',
    'properties': {'spec': {'type': 'object', 'required': ['size'], 'properties': _SPEC}, 'status': _STATUS},
}
_VERSION = {'name': 'v1', 'served': True, 'storage': True, 'subresources': {'status': {}}}
_NAMES = {'plural': 'widgets', 'singular': 'widget', 'kind': 'Widget', 'listKind': 'WidgetList'}
CRD: dict[str, Any] = {
    'apiVersion': 'apiextensions.k8s.io/v1',
    'kind': 'CustomResourceDefinition',
    'metadata': {'name': 'widgets.bench.example.com'},
    'spec': {
        'group': 'bench.example.com',
        'scope': 'Namespaced',
        'names': _NAMES,
        'versions': [{**_VERSION, 'schema': {'openAPIV3Schema': _SCHEMA}}],
    },
}

REVISION = 10**9
"""The first revision: from here on, all revisions have as many digits, and all answers are of the same length."""


def widget(name: str, *, size: int = 0, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A small custom resource; with a size, one with so many bytes more."""
    metadata: dict[str, Any] = {'name': name}
    if labels:
        metadata['labels'] = labels
    spec: dict[str, Any] = {'size': 1, 'color': 'green', 'ports': [80, 443]}
    if size:
        spec['text'] = 'x' * size
    return {'apiVersion': 'bench.example.com/v1', 'kind': 'Widget', 'metadata': metadata, 'spec': spec}


async def send(cluster: KubernetesEmulator, method: str, target: str, body: Any = None) -> bytes:
    """Ask without a server; return the body of the answer."""
    headers = [('Content-Type', 'application/json'), ('Accept', 'application/json'), ('User-Agent', 'bench/1')]
    data = b'' if body is None else json.dumps(body).encode()
    answer = await cluster.emulator.respond(Request.make(method, target, body=data, headers=headers))
    if answer is None or answer.status >= 400:
        raise RuntimeError(f'{method} {target}: {answer and (answer.status, answer.body)}')
    return answer.body if isinstance(answer.body, bytes) else b''


async def fill(cluster: KubernetesEmulator, count: int, *, size: int = 0, start: int = 0) -> None:
    """Create so many objects."""
    for number in range(start, start + count):
        labels = {'app': f'app-{number % 10}'}
        await send(cluster, 'POST', PATH, widget(f'object-{number * 7919 % 1_000_000:08d}', size=size, labels=labels))


def answer_questions(cluster: KubernetesEmulator) -> None:
    """Tell for each line of the input how far the cluster is."""
    if sys.stdin.readline():
        gc.collect()
        store = cluster.emulator.cluster.store
        bucket = store.bucket(('bench.example.com', 'widgets'))
        encoded = sum(len(event.forms) for event in bucket.log)
        print(json.dumps({'revision': store.revision, 'events': len(bucket.log), 'encoded': encoded}), flush=True)


def memory_mb() -> float:
    """The resident memory of this process."""
    gc.collect()
    statm = Path('/proc/self/statm')
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--objects', type=int, default=0)
    parser.add_argument('--size', type=int, default=0)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    async with KubernetesEmulator() as cluster, Server(cluster):
        cluster.emulator.cluster.store.revision = REVISION
        await send(cluster, 'POST', CRDS, CRD)
        await send(cluster, 'POST', PATH, widget('one'))
        before = memory_mb()
        await fill(cluster, arguments.objects, size=arguments.size)
        grown = memory_mb() - before
        asyncio.get_running_loop().add_reader(sys.stdin, answer_questions, cluster)
        print(f'{cluster.url} {grown}', flush=True)
        await asyncio.Event().wait()


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
