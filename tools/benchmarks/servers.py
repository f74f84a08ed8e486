"""The servers that the benchmarks compare with, each run as `python -m benchmarks.servers WHAT ...`.

They print their URL, and serve until they are interrupted. "Bare" is what a user would write with aiohttp alone:
one application, one route, no access log.
"""

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web

BODY = json.dumps({'kind': 'ConfigMap', 'data': {f'key-{i}': 'x' * 60 for i in range(12)}}).encode()
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serve_bare() -> AsyncIterator[str]:
    """One route that answers the same bytes, once it has the body of the request, if there is one."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.can_read_body:
            await request.read()
        return web.Response(body=BODY, content_type='application/json')

    async with _serving(handle) as url:
        yield url


@contextlib.asynccontextmanager
async def serve_passthrough(upstream: str) -> AsyncIterator[str]:
    """A proxy that a user would write: reads the answer, sends it."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            async with session.request(request.method, upstream + request.path_qs) as response:
                return web.Response(
                    status=response.status, body=await response.read(), content_type=response.content_type
                )

        async with _serving(handle) as url:
            yield url


@contextlib.asynccontextmanager
async def serve_events() -> AsyncIterator[str]:
    """A watch stream of `?count=N` events, one HTTP chunk each; then the end."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if 'count' not in request.query:
            raise web.HTTPNotFound
        response = web.StreamResponse(headers={'Content-Type': 'application/json'})
        await response.prepare(request)
        for number in range(int(request.query['count'])):
            await response.write(_event(number))
        await response.write_eof()
        return response

    async with _serving(handle) as url:
        yield url


def _event(number: int) -> bytes:
    metadata = {'name': f'object-{number % 100}', 'namespace': 'default', 'resourceVersion': str(number + 1)}
    padding = {f'key-{i}': 'x' * 40 for i in range(8)}
    event = {'type': 'MODIFIED', 'object': {'kind': 'ConfigMap', 'metadata': metadata, 'data': padding}}
    return json.dumps(event).encode() + b'\n'


@contextlib.asynccontextmanager
async def _serving(handle: Handle) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route('*', '/{path:.*}', handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    try:
        yield f'http://127.0.0.1:{runner.addresses[0][1]}'
    finally:
        await runner.cleanup()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('what', choices=['bare', 'passthrough', 'events'])
    parser.add_argument('upstream', nargs='?', default='')
    arguments = parser.parse_args()
    servers = {
        'bare': serve_bare,
        'passthrough': lambda: serve_passthrough(arguments.upstream),
        'events': serve_events,
    }
    async with servers[arguments.what]() as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
