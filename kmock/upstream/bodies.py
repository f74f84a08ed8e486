"""Bodies on their way: the request's up to the server, the response's down from it. Nothing is held but a window."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from kmock.messages import BodyInterrupted, ChunkPart, Ending, Request
from kmock.upstream.failures import one_line

__all__ = ['MAX_KEPT', 'ResponseBody', 'Upload']

MAX_KEPT = 1 << 20
"""The longest body of a request that can be sent once more, in bytes."""

_PIECE = 1 << 16


class Upload:
    """The body of a request, on its way. Up to MAX_KEPT bytes are kept, so that the request can be repeated."""

    def __init__(self, request: Request) -> None:
        self.failure: Exception | None = None
        """What the client's side of the body raised, if it broke off."""
        content = request.content
        self._content = content
        self._kept: list[bytes] | None = []
        self._size = 0
        self._length = int(length) if (length := request.headers.get('Content-Length', '')).isdecimal() else None
        self._begun = self._finished = False
        self.empty = not content.declared or (content.kept and not content.value)

    @property
    def repeatable(self) -> bool:
        """Whether the request can be sent once more, from its beginning."""
        return self.empty or self._content.kept or not self._begun or (self._finished and self._kept is not None)

    @property
    def finished(self) -> bool:
        """Whether all of the body has been handed on."""
        return self.empty or self._finished

    def data(self) -> bytes | AsyncIterator[bytes] | None:
        """What to give to aiohttp; anew for each time that the request is sent."""
        if self.empty:
            return None
        if self._content.kept and len(self._content.value) <= _PIECE:
            self._finished = True
            return self._content.value
        if self._content.kept:
            return self._slices(self._content.value)
        if self._finished and self._kept is not None:
            return self._slices(b''.join(self._kept))
        return self._pass()

    async def _slices(self, data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]
        self._finished = True

    async def _pass(self) -> AsyncIterator[bytes]:
        self._begun = True
        try:
            async for piece in self._content.stream():
                self._keep(piece)
                yield piece
        except Exception as exc:
            self.failure = exc
            raise
        self._finished = True

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        self._finished = self._size == self._length
        if self._size > MAX_KEPT:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(piece)


class ResponseBody:
    """The body of a response, piece by piece as it comes.

    Of a chunked response, a piece that does not end its HTTP chunk is a ChunkPart. Where the end of a chunk comes apart
    from its data, it is an empty piece (of the type bytes).
    Raises BodyInterrupted when the connection breaks, after all that came before has been given out.
    """

    def __init__(self, response: aiohttp.ClientResponse, upload: Upload) -> None:
        self._response = response
        self._content = response.content
        self._upload = upload
        self._chunked = 'chunked' in response.headers.get('Transfer-Encoding', '').lower()
        self._broken: Exception | None = None
        self._closed = self._within_chunk = False
        self._loss = _watch_loss(response)
        if self._loss is not None:
            self._loss.add_done_callback(self._lost)
        self._endless = not self._chunked and 'Content-Length' not in response.headers

    def __aiter__(self) -> 'ResponseBody':
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        while True:
            try:
                data, chunk_ended = await self._content.readchunk()
            except (aiohttp.ClientError, OSError) as exc:
                self._break(exc)
                continue
            if not data and not (chunk_ended and self._within_chunk):
                await self._finish()
            self._within_chunk = self._chunked and not chunk_ended
            return ChunkPart(data) if self._within_chunk else data

    def _lost(self, _: 'asyncio.Future[None]') -> None:
        # Where it can't parse the chunks, aiohttp closes the connection but leaves the reader waiting for ever.
        if not self._content.is_eof() and self._content.exception() is None:
            self._content.set_exception(aiohttp.ClientPayloadError('The framing of the body is broken.'))

    def _break(self, exc: Exception) -> None:
        # aiohttp reports the break before it gives out what it has received, and would lose that.
        # Without the exception and with an end of file, the rest can be read in the ordinary way.
        self._broken = exc
        self._content.set_exception(None)  # type: ignore[arg-type]
        self._content.feed_eof()

    async def _finish(self) -> None:
        """The end of the body, good or bad. Always raises."""
        self._leave()
        # A body up to the end of the connection looks complete to aiohttp even if the connection was reset.
        # Of others, the connection may serve the next request already: its loss then says nothing of this one.
        matters = self._broken is not None or self._endless
        loss = self._loss.exception() if matters and self._loss is not None and self._loss.done() else None
        reset = loss is not None and isinstance(loss.__cause__, ConnectionResetError)
        if self._broken is None and not reset and self._upload.finished:
            self._response.release()
            raise StopAsyncIteration
        self._response.close()
        if self._broken is None and not reset:
            raise StopAsyncIteration
        reason = one_line(self._broken or loss or ConnectionResetError())
        raise BodyInterrupted(Ending.RESET if reset else Ending.CUT, reason)

    async def aclose(self) -> None:
        """Leave; the connection is closed unless the response was read to its end."""
        if not self._closed:
            self._leave()
            self._response.close()

    def _leave(self) -> None:
        self._closed = True
        if self._loss is not None:
            self._loss.remove_done_callback(self._lost)


def _watch_loss(response: aiohttp.ClientResponse) -> 'asyncio.Future[None] | None':
    """The future of the connection's loss: its exception, if any, is the only trace of a reset."""
    connection: Any = response.connection
    closed: asyncio.Future[None] | None = connection.protocol.closed if connection is not None else None
    if closed is not None:
        # The connection may be lost later, when nobody looks: that is nothing to complain about. Once is enough.
        closed.remove_done_callback(_take_note)
        closed.add_done_callback(_take_note)
    return closed


def _take_note(closed: 'asyncio.Future[None]') -> None:
    if not closed.cancelled():
        closed.exception()
