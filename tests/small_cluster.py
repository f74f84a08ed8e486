"""An upstream for tests: a tiny bit of Kubernetes in a thread of its own, over HTTP or HTTPS."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

__all__ = ['SECRET', 'SmallCluster']

SECRET = 'c3VwZXItc2VjcmV0LXZhbHVl'
CONFIGMAPS = '/api/v1/namespaces/default/configmaps'


class SmallCluster:
    """Discovery, ConfigMaps with list, watch, create, get and patch, a Secret; a token if one is demanded.

    Use it as a context manager. `url` is there then, and `ca_file` over HTTPS.
    """

    def __init__(self, folder: Path, *, tls: bool = False, token: str | None = None) -> None:
        self.url = ''
        self.ca_file = folder / 'cluster-ca.pem'
        self.seen: list[str] = []
        self.tokens: list[str | None] = []
        self._token = token
        self._context = self._make_context() if tls else None
        self._objects: dict[str, dict[str, Any]] = {}
        self._revision = 100
        self._watchers: set[asyncio.Queue[dict[str, Any]]] = set()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name='small-cluster')

    def __enter__(self) -> 'SmallCluster':
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)

    def call(self, function: Callable[[], object]) -> None:
        """Run something in the cluster's thread."""
        self._loop.call_soon_threadsafe(function)

    def _make_context(self) -> ssl.SSLContext:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert('127.0.0.1').configure_cert(context)
        return context

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        app = web.Application(middlewares=[self._gate])
        app.add_routes(
            [
                web.get('/version', self._version),
                web.get('/api', self._core_versions),
                web.get('/apis', self._groups),
                web.get('/api/v1', self._resources),
                web.get(CONFIGMAPS, self._list_or_watch),
                web.post(CONFIGMAPS, self._create),
                web.get(CONFIGMAPS + '/{name}', self._get),
                web.patch(CONFIGMAPS + '/{name}', self._patch),
                web.get('/api/v1/namespaces/default/secrets/creds', self._secret),
                web.get('/bytes/{count}', self._bytes),
            ]
        )
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, '127.0.0.1', 0, ssl_context=self._context)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f'{"https" if self._context else "http"}://127.0.0.1:{port}'
        self._ready.set()
        await self._stopped.wait()
        await runner.cleanup()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.seen.append(f'{request.method} {request.path_qs}')
        self.tokens.append(request.headers.get('Authorization'))
        if self._token is not None and request.headers.get('Authorization') != f'Bearer {self._token}':
            return _json({'kind': 'Status', 'code': 401, 'reason': 'Unauthorized'}, status=401)
        response: web.StreamResponse = await handler(request)
        return response

    async def _version(self, request: web.Request) -> web.Response:
        return _json({'major': '1', 'minor': '36', 'gitVersion': 'v1.36.0'})

    async def _core_versions(self, request: web.Request) -> web.Response:
        return _json({'kind': 'APIVersions', 'versions': ['v1']})

    async def _groups(self, request: web.Request) -> web.Response:
        return _json({'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': []})

    async def _resources(self, request: web.Request) -> web.Response:
        verbs = ['create', 'get', 'list', 'patch', 'watch']
        resource = {'name': 'configmaps', 'singularName': '', 'namespaced': True, 'kind': 'ConfigMap', 'verbs': verbs}
        return _json({'kind': 'APIResourceList', 'groupVersion': 'v1', 'resources': [resource]})

    async def _list_or_watch(self, request: web.Request) -> web.StreamResponse:
        if request.query.get('watch', '').lower() == 'true':
            return await self._watch(request)
        metadata = {'resourceVersion': str(self._revision)}
        items = list(self._objects.values())
        return _json({'kind': 'ConfigMapList', 'apiVersion': 'v1', 'metadata': metadata, 'items': items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._watchers.add(queue)
        response = web.StreamResponse(headers={'Content-Type': 'application/json'})
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            async with asyncio.timeout(float(request.query.get('timeoutSeconds', '60'))):
                while True:
                    await response.write(json.dumps(await queue.get()).encode() + b'\n')
        except TimeoutError:
            await response.write_eof()
        finally:
            self._watchers.remove(queue)
        return response

    async def _create(self, request: web.Request) -> web.Response:
        return self._store('ADDED', await request.json(), 201)

    async def _patch(self, request: web.Request) -> web.Response:
        old = self._objects[request.match_info['name']]
        return self._store('MODIFIED', {**old, **await request.json(), 'metadata': old['metadata']}, 200)

    def _store(self, event: str, obj: dict[str, Any], status: int) -> web.Response:
        self._revision += 1
        metadata = {**obj['metadata'], 'namespace': 'default', 'resourceVersion': str(self._revision)}
        obj = {'kind': 'ConfigMap', 'apiVersion': 'v1', **obj, 'metadata': metadata}
        self._objects[metadata['name']] = obj
        for watcher in self._watchers:
            watcher.put_nowait({'type': event, 'object': obj})
        return _json(obj, status=status)

    async def _get(self, request: web.Request) -> web.Response:
        name = request.match_info['name']
        if name not in self._objects:
            return _json({'kind': 'Status', 'code': 404, 'reason': 'NotFound'}, status=404)
        return _json(self._objects[name])

    async def _secret(self, request: web.Request) -> web.Response:
        metadata = {'name': 'creds', 'namespace': 'default', 'resourceVersion': '5'}
        return _json({'kind': 'Secret', 'apiVersion': 'v1', 'metadata': metadata, 'data': {'password': SECRET}})

    async def _bytes(self, request: web.Request) -> web.Response:
        return web.Response(body=b'x' * int(request.match_info['count']))


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), status=status, headers={'Content-Type': 'application/json'})
