"""A lean HTTP client for single requests and for streams: it must cost less than what it measures."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

__all__ = ['Connection', 'connected', 'drain_stream']


class Connection:
    """A kept-alive connection for GET requests whose answers have a length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
        self._reader = reader
        self._writer = writer
        self._request = f'GET {target} HTTP/1.1\r\nHost: bench.example\r\nAccept: application/json\r\n\r\n'.encode()

    async def get(self) -> bytes:
        """Ask once, and return the body."""
        self._writer.write(self._request)
        head = (await self._reader.readuntil(b'\r\n\r\n')).lower()
        if not head.startswith(b'http/1.1 200'):
            raise RuntimeError(f'Not the answer to be measured: {head[:80]!r}')
        length = int(head.split(b'content-length:', 1)[1].split(b'\r\n', 1)[0])
        return await self._reader.readexactly(length)

    async def timed_get(self) -> float:
        """Ask once, and return the seconds that it took."""
        started = time.perf_counter()
        await self.get()
        return time.perf_counter() - started


@contextlib.asynccontextmanager
async def connected(url: str, target: str = '/x') -> AsyncIterator[Connection]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Connection(reader, writer, target)
    finally:
        writer.close()
        await writer.wait_closed()


async def drain_stream(url: str, target: str) -> AsyncIterator[int]:
    """Ask for a stream, and give the number of bytes so far whenever some came; ends with the connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f'GET {target} HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n'.encode())
        total = 0
        while data := await reader.read(2**18):
            if not total and not data.startswith(b'HTTP/1.1 200'):
                raise RuntimeError(f'Not the stream to be measured: {data[:200]!r}')
            total += len(data)
            yield total
    finally:
        writer.close()
        await writer.wait_closed()
