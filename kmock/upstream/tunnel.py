"""Upgraded connections (WebSocket, SPDY): a raw connection of their own, for bytes in both directions.

The request's head is written and the response's head is read by hand, as aiohttp keeps no connection after an upgrade
of an unknown kind. A server that refuses to upgrade answers in the ordinary way; its answer is read here as well.
"""

import asyncio
import base64
import contextlib
import dataclasses
import re
import ssl
from collections.abc import AsyncGenerator
from http import HTTPStatus

from yarl import URL

from kmock.messages import Answer, BodyInterrupted, ChunkPart, Ending
from kmock.upstream.failures import CONNECT_SECONDS, FOREIGN, ProxyUnreachableError, one_line
from kmock.upstream.target import Headers, Login, Target, passing_headers

__all__ = ['RawConnection']

_MAX_HEAD = 1 << 18
_PIECE = 1 << 16
_CLOSING_SECONDS = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    status: int
    reason: str
    headers: Headers

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class RawConnection:
    """One connection for one request; after a 101 it is the Duplex of the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.closed = False

    @classmethod
    async def open(cls, target: Target, login: Login) -> 'RawConnection':
        """Connect, through the proxy if the target has one. Raises what asyncio and ssl raise."""
        async with asyncio.timeout(CONNECT_SECONDS):
            if target.proxy is None:
                return await cls._connect(target.base, login.tls, target.server_name)
            try:
                connection = await cls._connect(URL(target.proxy), None, None)
            except OSError as exc:
                raise ProxyUnreachableError(exc) from exc
            try:
                await connection._pass_proxy(target, login)
            except BaseException:
                connection.abort()
                raise
            return connection

    @classmethod
    async def _connect(cls, url: URL, tls: ssl.SSLContext | None, name: str | None) -> 'RawConnection':
        secure = (tls or ssl.create_default_context()) if url.scheme == 'https' else None
        reader, writer = await asyncio.open_connection(
            url.host,
            url.port,
            ssl=secure,
            server_hostname=(name or url.host) if secure else None,
            limit=_MAX_HEAD,
            happy_eyeballs_delay=0.25,
        )
        return cls(reader, writer)

    async def _pass_proxy(self, target: Target, login: Login) -> None:
        proxy, where = URL(target.proxy or ''), f'{target.base.host_subcomponent}:{target.base.port}'
        headers = [('Host', where)]
        if proxy.user is not None:
            secret = f'{proxy.user}:{proxy.password or ""}'.encode()
            headers.append(('Proxy-Authorization', 'Basic ' + base64.b64encode(secret).decode()))
        await self.send_head('CONNECT', where, headers)
        head = await self._read_head()
        if head.status != HTTPStatus.OK:
            raise ConnectionError(f'the proxy answered {head.status} {head.reason}')
        if target.base.scheme == 'https':
            tls = login.tls or ssl.create_default_context()
            await self._writer.start_tls(tls, server_hostname=target.server_name or target.base.host)

    async def send_head(self, method: str, path: str, headers: Headers, body: bytes = b'') -> None:
        """Write the head of a request, and its body."""
        lines = [f'{method} {path} HTTP/1.1', *(f'{name}: {value}' for name, value in headers), '', '']
        self._writer.write('\r\n'.join(lines).encode('utf-8', 'surrogateescape') + body)
        await self._writer.drain()

    async def receive(self, method: str) -> Answer:
        """Read the head of the response: an upgrade to this connection, or an ordinary answer with its body."""
        head = await self._read_head()
        while head.status < 200 and head.status != HTTPStatus.SWITCHING_PROTOCOLS:
            head = await self._read_head()
        if head.status == HTTPStatus.SWITCHING_PROTOCOLS:
            headers = tuple(passing_headers(head.headers, upgrade=True))
            return Answer(status=head.status, reason=head.reason, headers=headers, upgrade=self)
        body = _RawBody(self, self._pieces(head, method))
        return Answer(status=head.status, reason=head.reason, headers=tuple(passing_headers(head.headers)), body=body)

    async def _read_head(self) -> _Head:
        """Raises ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError."""
        lines: list[bytes] = []
        size = 0
        while not lines or lines[-1]:
            line = await self._reader.readuntil(b'\n')
            size += len(line)
            if size > _MAX_HEAD:
                raise ConnectionError(f'the head of the answer is longer than {_MAX_HEAD} bytes')
            lines.append(line.rstrip(b'\r\n'))
        version, status, reason = ([*lines[0].decode('utf-8', 'surrogateescape').split(' ', 2), '', ''])[:3]
        if not version.startswith('HTTP/1.') or not (status.isascii() and status.isdigit() and len(status) == 3):
            raise ConnectionError(f'the answer is not HTTP/1.1: {lines[0][:50]!r}')
        pairs = [line.decode('utf-8', 'surrogateescape').partition(':') for line in lines[1:-1]]
        return _Head(
            status=int(status), reason=reason, headers=[(name.strip(), value.strip()) for name, _, value in pairs]
        )

    async def _pieces(self, head: _Head, method: str) -> AsyncGenerator[bytes, None]:
        """The body of an ordinary answer, by any of the three ways of framing (RFC 9112, 6.3)."""
        if method == 'HEAD' or head.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            return
        if 'chunked' in (head.get('transfer-encoding') or '').lower():
            while size := _size((await self._reader.readuntil(b'\n')).partition(b';')[0], 16):
                async for piece in self._exactly(size):
                    yield piece
                await self._reader.readuntil(b'\n')
            while (await self._reader.readuntil(b'\n')).strip():  # trailers
                pass
        elif (length := head.get('content-length')) is not None:
            async for piece in self._exactly(_size(length.encode(), 10)):
                yield bytes(piece)
        else:
            while piece := await self._reader.read(_PIECE):
                yield piece

    async def _exactly(self, size: int) -> AsyncGenerator[bytes, None]:
        while size:
            piece = await self._reader.read(min(size, _PIECE))
            if not piece:
                raise EOFError(f'the connection was closed, {size} bytes short of the announced length')
            size -= len(piece)
            yield ChunkPart(piece) if size else piece

    # --- the duplex

    async def read(self) -> bytes:
        """The next bytes from the server; empty at its end. Raises ConnectionError."""
        return await self._reader.read(_PIECE)

    async def write(self, data: bytes) -> None:
        """Send bytes to the server; waits while the buffers are full. Raises ConnectionError."""
        if self._writer.is_closing():
            raise ConnectionResetError('The server has left.')
        self._writer.write(data)
        await self._writer.drain()

    async def write_eof(self) -> None:
        """Say that nothing more is sent; over TLS, which can't be half-closed, this does nothing."""
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    async def close(self) -> None:
        """Leave, after what was written is sent; a server that does not take it is not waited for."""
        if not self.closed:
            self.closed = True
            self._writer.close()
            with contextlib.suppress(OSError):
                try:
                    async with asyncio.timeout(_CLOSING_SECONDS):
                        await self._writer.wait_closed()
                finally:
                    self.abort()

    def abort(self) -> None:
        """Leave at once."""
        self.closed = True
        self._writer.transport.abort()


def _size(digits: bytes, base: int) -> int:
    """A size as it is framed: without a sign or anything else that `int()` allows."""
    if not re.fullmatch(rb'\s*[0-9A-Fa-f]+\s*', digits):
        raise ValueError(f'a size is expected, not {digits[:20]!r}')
    return int(digits, base)


class _RawBody:
    """The body of an answer that is no upgrade; the connection ends with it."""

    def __init__(self, connection: RawConnection, pieces: AsyncGenerator[bytes, None]) -> None:
        self._connection = connection
        self._pieces = pieces

    def __aiter__(self) -> '_RawBody':
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            await self._connection.close()
            raise
        except (*FOREIGN, ValueError) as exc:
            await self._connection.close()
            ending = Ending.RESET if isinstance(exc, ConnectionResetError) else Ending.CUT
            raise BodyInterrupted(ending, one_line(exc)) from exc

    async def aclose(self) -> None:
        await self._pieces.aclose()
        await self._connection.close()
