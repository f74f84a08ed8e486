"""A server that speaks raw bytes: for odd framing, cuts and resets that no library would make."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

from kmock.messages import Answer

Talk = Callable[['Peer'], Awaitable[None]]


class Peer:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """The head of the next request, without the empty line."""
        return (await self.reader.readuntil(b'\r\n\r\n')).removesuffix(b'\r\n\r\n')

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client leaves."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Tear the connection down with an RST."""
        sock = self.writer.get_extra_info('socket')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.writer.transport.abort()


class RawServer:
    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.errors: list[BaseException] = []

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'


@contextlib.asynccontextmanager
async def raw_server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Serve every connection by `talk`, then close it. What `talk` raises is raised at the end."""
    state = RawServer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(Peer(reader, writer))
        except asyncio.CancelledError:
            pass
        except BaseException as exc:
            state.errors.append(exc)
        finally:
            tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, '127.0.0.1', 0, ssl=tls, backlog=500, limit=1 << 23)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        pending = list(tasks)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    if state.errors:
        raise state.errors[0]


def answering(answer: bytes) -> Talk:
    """Answer every request on every connection with the same bytes, until the client leaves."""

    async def talk(peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await peer.head()
                await peer.send(answer)

    return talk


async def pieces(answer: Answer) -> list[bytes]:
    """The pieces of an answer's body, as they are."""
    if isinstance(answer.body, bytes):
        return [answer.body] if answer.body else []
    return [piece async for piece in answer.body]


async def body_of(answer: Answer) -> bytes:
    return b''.join(await pieces(answer))
