"""What the tests of the server share: a scripted handler, and a client that sees every byte."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from kmock.chain import Served
from kmock.clock import VirtualClock
from kmock.messages import Answer, Outcome, Request
from kmock.server import Server

Answering = Answer | Exception | Callable[[Request], Awaitable[Answer]]

PATIENCE = 5.0  # seconds until a test fails instead of hanging


class Script:
    """A handler that gives the same answer to everything, or asks a function; it remembers what it saw."""

    def __init__(self, answer: Answering, *, read: bool = False) -> None:
        self.answer = answer
        self.read = read
        self.clock = VirtualClock()
        self.servers: list[Served] = []
        self.requests: list[Request] = []
        self.observed: list[tuple[Request, Answer | None, Outcome]] = []
        self._changed = asyncio.Event()

    async def handle(self, request: Request) -> Answer:
        self.requests.append(request)
        self._changed.set()
        if self.read:
            await request.read()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if isinstance(self.answer, Answer) else await self.answer(request)

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        self.observed.append((request, answer, outcome))
        self._changed.set()

    def attach(self, server: Served) -> None:
        self.servers.append(server)

    def detach(self, server: Served) -> None:
        self.servers.remove(server)

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for _, _, outcome in self.observed]

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something of the above makes the condition true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Client:
    """A connection without any knowledge of HTTP."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._tls = tls

    async def __aenter__(self) -> 'Client':
        host = 'localhost' if self._tls else '127.0.0.1'
        self.reader, self.writer = await asyncio.open_connection(host, self._server.port, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)

    async def receive_some(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(65536)

    async def receive_exactly(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def receive_all(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def serving(script: Script, **options: Any) -> AsyncIterator[Server]:
    async with Server(script, **options) as server:
        yield server
    assert script.servers == []


# --- requests and bodies


def get(path: str = '/', *headers: str, version: str = '1.1') -> bytes:
    lines = [f'GET {path} HTTP/{version}', 'Host: there', *headers]
    return '\r\n'.join([*lines, '', '']).encode()


async def pieces(*items: bytes | Exception) -> AsyncIterator[bytes]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


def post(*headers: str) -> bytes:
    return '\r\n'.join(['POST / HTTP/1.1', 'Host: there', *headers, '', '']).encode()


class Body:
    """A stream that is fed by the test; None ends it."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.asked = 0
        self.closed = 0

    def put(self, item: bytes | None) -> None:
        self._items.put_nowait(item)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        item = await self._items.get()
        if item is None:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        self.closed += 1
