"""What an emulated cluster does without a network, run as `python -m benchmarks.inside`; it prints seconds as JSON.

The first start, with all that must be imported for it, is that of a cold process; the others are of a warm one.
"""

import time

BEGUN = time.perf_counter()

import asyncio  # noqa: E402
import json  # noqa: E402

from benchmarks.client import connected  # noqa: E402
from benchmarks.emulated import CRD, CRDS, PATH, fill, send, widget  # noqa: E402
from kmock.kubernetes import KubernetesEmulator  # noqa: E402
from kmock.server import Server  # noqa: E402

STARTS = 15
OBJECTS = 10_000
TURNS = 5


async def start(begun: float) -> float:
    """Make a cluster and its server, and ask; the seconds until the answer was there."""
    async with (
        KubernetesEmulator() as cluster,
        Server(cluster),
        connected(cluster.url, '/api/v1/namespaces') as client,
    ):
        await client.get()
        return time.perf_counter() - begun


async def starts() -> dict[str, list[float]]:
    cold = await start(BEGUN)
    return {'cold': [cold], 'warm': [await start(time.perf_counter()) for _ in range(STARTS)]}


async def timed(cluster: KubernetesEmulator, method: str, target: str, body: object = None) -> float:
    begun = time.perf_counter()
    await send(cluster, method, target, body)
    return time.perf_counter() - begun


async def lists() -> dict[str, list[float]]:
    """Lists of 10,000 objects, and their deletion; encoding takes turns with listing."""
    found: dict[str, list[float]] = {}
    async with KubernetesEmulator() as cluster:
        await send(cluster, 'POST', CRDS, CRD)
        await fill(cluster, OBJECTS)
        whole = json.loads(await send(cluster, 'GET', PATH))
        assert len(whole['items']) == OBJECTS
        targets = {'list': '', 'labels': '?labelSelector=app%3Dapp-3', 'name': '?fieldSelector=metadata.name%3Done'}
        for _ in range(TURNS):
            begun = time.perf_counter()
            json.dumps(whole)
            found.setdefault('dumps', []).append(time.perf_counter() - begun)
            for name, query in targets.items():
                found.setdefault(name, []).append(await timed(cluster, 'GET', PATH + query))
        found['delete'] = [await timed(cluster, 'DELETE', PATH)]
        namespace = {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'crowded'}}
        await send(cluster, 'POST', '/api/v1/namespaces', namespace)
        for number in range(OBJECTS):
            await send(cluster, 'POST', PATH.replace('default', 'crowded'), widget(f'object-{number}'))
        found['namespace'] = [await timed(cluster, 'DELETE', '/api/v1/namespaces/crowded')]
    return found


if __name__ == '__main__':
    print(json.dumps({**asyncio.run(starts()), **asyncio.run(lists())}))
