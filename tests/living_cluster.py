"""An emulated cluster in a test, asked without sockets; its time stands still until the test moves it on."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from kmock.clock import VirtualClock
from kmock.kube.emulator import Emulator
from kmock.kube.objects import ObjectsArray
from kmock.kube.store import Event
from kmock.messages import Answer, Request

__all__ = ['CONFIGMAPS', 'LivingCluster', 'Told', 'Watch', 'crd']

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'
CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'


def crd(*, scope: str = 'Namespaced', spec: Any = None, **more: Any) -> Any:
    """A definition of widgets.ex.dev, whose spec is as the schema says."""
    schema = {
        'type': 'object',
        'properties': {'spec': spec or {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}},
    }
    version = {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}}
    return {
        'apiVersion': 'apiextensions.k8s.io/v1',
        'kind': 'CustomResourceDefinition',
        'metadata': {'name': 'widgets.ex.dev', **more},
        'spec': {
            'group': 'ex.dev',
            'scope': scope,
            'names': {'plural': 'widgets', 'singular': 'widget', 'kind': 'Widget'},
            'versions': [version],
        },
    }


class Told:
    """The whole of an answer."""

    def __init__(self, answer: Answer, body: bytes) -> None:
        self.answer = answer
        self.status = answer.status
        self.body = body

    @property
    def data(self) -> Any:
        return json.loads(self.body)

    @property
    def warnings(self) -> list[str]:
        return [value for name, value in self.answer.headers if name == 'Warning']


class Watch:
    """A watch under way. It is read as its events come."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body: Any = body
        self._lines: list[Any] = []
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> bytes | None:
        piece: bytes | None = await anext(self._body, None)
        return piece

    async def next(self) -> Any:
        """The next event; None if the stream has ended."""
        while not self._lines:
            piece = await asyncio.wait_for(asyncio.shield(self._reading), 10)
            if piece is None:
                return None
            self._lines += [json.loads(line) for line in piece.splitlines()]
            self._reading = asyncio.ensure_future(self._read())
        return self._lines.pop(0)

    async def take(self, count: int) -> list[tuple[str, str]]:
        """So many events: their types and the names of their objects."""
        events = [await self.next() for _ in range(count)]
        return [(each['type'], each['object']['metadata'].get('name', '')) for each in events]

    async def rest(self) -> list[Any]:
        """All events until the stream ends."""
        events = []
        while (event := await self.next()) is not None:
            events.append(event)
        return events

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._body.aclose()


class LivingCluster:
    """Asks an emulated cluster. Arguments as of `Emulator`."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.emulator = Emulator(clock=self.clock, **options)
        self.emulator.start()
        self.store = self.emulator.cluster.store
        self.objects = ObjectsArray(self.emulator.cluster)
        self.objects.written += self.emulator.writing.written
        self.objects.removed += self.emulator.writing.removed

    async def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Told:
        """An answer; `content_type='…'` and the like are headers."""
        data = body if isinstance(body, bytes) else b'' if body is None else json.dumps(body).encode()
        named = {name.replace('_', '-'): value for name, value in headers.items()}
        request = Request.make(method, target, headers=named, body=data)
        answer = await self.emulator.respond(request) or self.emulator.missing(request)
        assert isinstance(answer.body, bytes)
        return Told(answer, answer.body)

    async def watch(self, target: str, **headers: str) -> Watch:
        """A watch that has begun."""
        request = Request.make('GET', target, headers={name.replace('_', '-'): each for name, each in headers.items()})
        answer = await self.emulator.respond(request)
        assert answer is not None
        assert answer.status == 200, answer.body
        assert not isinstance(answer.body, bytes)
        watch = Watch(answer.body)
        await self.clock.advance(0)
        return watch

    async def make(self, collection: str, name: str, *, owners: Any = (), spec: Any = None, **metadata: Any) -> Any:
        """Create an object; its owners are objects, or pairs of them with what else their references say."""
        references = [
            _reference(each[0], **each[1]) if isinstance(each, tuple) else _reference(each) for each in owners
        ]
        body: Any = {'metadata': {'name': name, **metadata}}
        if references:
            body['metadata']['ownerReferences'] = references
        if 'ex.dev' in collection:
            body |= {'apiVersion': 'ex.dev/v1', 'kind': 'Widget'}
        if spec is not None:
            body['spec'] = spec
        told = await self.ask('POST', collection, body)
        assert told.status == 201, told.body
        return told.data

    async def merge(self, target: str, patch: Any) -> Told:
        return await self.ask('PATCH', target, patch, content_type='application/merge-patch+json')

    async def finalize(self, target: str) -> None:
        """Remove all finalizers of an object, as its controllers would in the end."""
        told = await self.merge(target, {'metadata': {'finalizers': None}})
        assert told.status == 200, told.body

    async def names(self, collection: str) -> list[str]:
        told = await self.ask('GET', collection)
        assert told.status == 200, told.body
        return [each['metadata']['name'] for each in told.data['items']]

    async def serve(self, definition: Any = None) -> None:
        """Create a CustomResourceDefinition."""
        told = await self.ask('POST', CRDS, definition or crd())
        assert told.status == 201, told.body

    def log(self, *buckets: tuple[str, str]) -> list[tuple[str, str]]:
        """All events of some resource types in their order: what happened, and to what."""
        events = [event for bucket in buckets for event in self.store.bucket(bucket).log]
        return [(_happened(each), each.after.name) for each in sorted(events, key=lambda each: each.revision)]


def _reference(owner: Any, **more: Any) -> Any:
    place = {'apiVersion': owner['apiVersion'], 'kind': owner['kind']}
    return {**place, 'name': owner['metadata']['name'], 'uid': owner['metadata']['uid'], **more}


def _happened(event: Event) -> str:
    return 'DELETED' if event.deleted else 'ADDED' if event.before is None else 'MODIFIED'
