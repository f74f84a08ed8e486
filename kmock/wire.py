"""How answers become bytes on an HTTP/1.1 connection: heads, framing, endings; and how the bodies of requests come in.

The wire stays honest: the status line and the headers go out as the answer has them, in its order and case.
Added is only what a connection needs: Content-Length or Transfer-Encoding where neither was given, and Connection
where the connection closes against the client's expectation. In particular no Server, Content-Type, or Date is added:
RFC 9110 (6.6.1) wants a Date from an origin server, but a replayed response stays as it was recorded.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import functools
import logging
import socket
import struct
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.http import HttpProcessingError, HttpVersion10
from multidict import CIMultiDict, istr

from kmock.clock import LoopClock
from kmock.errors import KMockError
from kmock.messages import Answer, BodyInterrupted, Ending, Headers, Outcome, RequestBody, reason_phrase

__all__ = [
    'BrokenBodyError',
    'HeadError',
    'adapted',
    'flush',
    'incoming_body',
    'incoming_headers',
    'render_head',
    'reset_connection',
    'send_answer',
    'switching_head',
    'transport_beneath',
]

DRAINED_REST = 64 * 1024
"""A request's unread rest of at most so many bytes is read and dropped to keep the connection alive."""

_JOINED_WRITE = 64 * 1024
"""Bodies of at most so many bytes are copied behind their heads, to leave in one piece."""

_SHARED_VALUE = 2048
"""Values of headers of at most so many bytes are shared by requests: long enough for tokens."""

_CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'
_UNDECLARED_BODY = RequestBody(declared=False)  # kept bodies without content are never changed, so all can share them
_EMPTY_BODY = RequestBody(declared=True)
_SIOCOUTQNSD = 0x894B  # linux/sockios.h: how many bytes of the send queue were not sent yet
_UNSENT_POLL_SECONDS = 0.002
_clock = LoopClock()

logger = logging.getLogger('kmock')


# --- requests


class BrokenBodyError(ConnectionResetError):
    """The client's encoding of the request's body can't be read."""


class IncomingBody:
    """The body of a request, piece by piece as the connection brings it. Errors of the connection are its own."""

    __slots__ = ('_request', '_waits_for_continue')

    def __init__(self, request: web.BaseRequest, *, waits_for_continue: bool) -> None:
        self._request = request
        self._waits_for_continue = waits_for_continue

    @property
    def waits_for_continue(self) -> bool:
        """Whether the client was not told yet that it may send the body."""
        return self._waits_for_continue

    def arrived(self) -> bytes | None:
        """The whole body, if it is here already, as small ones mostly are; it is taken out then."""
        content = self._request.content
        if self._waits_for_continue or not content.is_eof() or content.exception() is not None:
            return None
        return content.read_nowait()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._waits_for_continue:
            self._waits_for_continue = False
            transport = self._request.transport
            if not self._request.content.total_bytes and transport is not None and not transport.is_closing():
                transport.write(_CONTINUE)
        try:
            piece = await self._request.content.readany()
        except (web.RequestPayloadError, HttpProcessingError) as error:
            raise BrokenBodyError(f'The body of the request is broken: {error}') from error
        except (ConnectionError, RuntimeError) as error:  # a RuntimeError says that the connection is closed already
            raise ConnectionResetError('The client left while it sent the body of the request.') from error
        if not piece:
            raise StopAsyncIteration
        return piece


def incoming_headers(request: web.BaseRequest) -> Headers:
    """The headers with their names as they were written: aiohttp itself respells those that it knows."""
    return _headers_of(tuple(request.raw_headers))


# Clients repeat themselves, and the log keeps requests: what is the same in many of them is there once.


@functools.lru_cache(maxsize=64)
def _headers_of(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return Headers(CIMultiDict([(_header_name(name), _header_value(value)) for name, value in raw]))


@functools.lru_cache(maxsize=1024)
def _header_name(name: bytes) -> istr:
    return istr(name.decode('utf-8', 'surrogateescape'))


def _header_value(value: bytes) -> str:
    return _shared_value(value) if len(value) <= _SHARED_VALUE else value.decode('utf-8', 'surrogateescape')


@functools.lru_cache(maxsize=1024)
def _shared_value(value: bytes) -> str:
    return value.decode('utf-8', 'surrogateescape')


def incoming_body(request: web.BaseRequest) -> RequestBody:
    """The body that the request announces, not read yet."""
    if request.content.at_eof():
        declared = 'Content-Length' in request.headers or 'Transfer-Encoding' in request.headers
        return _EMPTY_BODY if declared else _UNDECLARED_BODY
    expected = request.headers.get('Expect')
    waits = expected is not None and expected.lower() == '100-continue' and request.version > HttpVersion10
    body = IncomingBody(request, waits_for_continue=waits)
    return RequestBody(body, declared=True, arrived=body.arrived)


# --- heads


class HeadError(KMockError):
    """The status, reason or headers of an answer can't be put on the wire."""


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """A rendered status line and headers, still without the empty line, and what they say of the framing."""

    data: bytes
    length: int | None
    """The given Content-Length, if there is one that can be read."""
    framed: bool
    """Whether the answer itself has a Content-Length or Transfer-Encoding."""
    chunked: bool
    connection: str | None
    """The given Connection, lower-case."""


@functools.lru_cache(maxsize=1024)
def render_head(status: int, reason: str | None, headers: tuple[tuple[str, str], ...]) -> Head:
    """Render the head of an answer.

    Raises:
        HeadError: a name, a value or the reason contains a line break.
    """
    lines = [f'HTTP/1.1 {status} {reason_phrase(status) if reason is None else reason}']
    lines += [f'{name}: {value}' for name, value in headers]
    for line in lines:
        if '\n' in line or '\r' in line or '\0' in line:
            raise HeadError(f"The head of an answer can't contain line breaks: {line!r}.")
    found = {name.lower(): value.strip() for name, value in headers}
    length = found.get('content-length')
    encoding = found.get('transfer-encoding')
    connection = found.get('connection')
    return Head(
        # As aiohttp decodes them, so that bytes of any encoding come out as they came in.
        data='\r\n'.join([*lines, '']).encode('utf-8', 'surrogateescape'),
        length=int(length) if encoding is None and length is not None and length.isdecimal() else None,
        framed=length is not None or encoding is not None,
        chunked=encoding is not None and encoding.lower().endswith('chunked'),
        connection=None if connection is None else connection.lower(),
    )


@dataclasses.dataclass(slots=True)
class Framing:
    """How one answer is framed on one connection."""

    head: bytes
    chunked: bool
    bodiless: bool
    length: int | None
    """How many bytes of a body the client will wait for; None if that is not known from the head."""
    close: bool


def _frame(request: web.BaseRequest, answer: Answer) -> Framing:
    head = render_head(answer.status, answer.reason, answer.headers)
    old = request.version <= HttpVersion10
    bodiless = request.method == 'HEAD' or answer.status in (204, 304) or answer.status < 200
    body, length, chunked, added = answer.body, head.length, head.chunked, b''
    close = not request.keep_alive or answer.status < 200 or _leaves_rest(request)
    if head.connection is not None:
        close = close or 'close' in head.connection
    if bodiless:
        length, chunked = 0, False
        if request.method == 'HEAD' and not head.framed and isinstance(body, bytes) and body:
            added = b'Content-Length: %d\r\n' % len(body)
    elif head.framed:
        pass
    elif isinstance(body, bytes) and answer.ending is Ending.CLEAN:
        length = len(body)
        added = b'Content-Length: %d\r\n' % length
    elif old:
        close = True
    else:
        chunked = True
        added = b'Transfer-Encoding: chunked\r\n'
    if head.connection is None:
        if close and answer.ending is Ending.CLEAN and answer.status >= 200:
            added += b'Connection: close\r\n'
        elif old and not close:
            added += b'Connection: keep-alive\r\n'
    return Framing(
        head=b'%b%b\r\n' % (head.data, added), chunked=chunked, bodiless=bodiless, length=length, close=close
    )


def switching_head(request: web.BaseRequest, answer: Answer) -> bytes:
    """The head of a 101; the client needs Connection and Upgrade in it even if the answer came without them."""
    head = render_head(answer.status, answer.reason, answer.headers)
    added = b'' if head.connection is not None else b'Connection: Upgrade\r\n'
    if answer.header('Upgrade') is None:
        protocol = request.headers.get('Upgrade', '').partition(',')[0].strip()
        added += b'Upgrade: %b\r\n' % protocol.encode('utf-8', 'surrogateescape')
    return b'%b%b\r\n' % (head.data, added)


def _leaves_rest(request: web.BaseRequest) -> bool:
    """Whether more of the request's body is unread than is worth reading in order to keep the connection."""
    content = request.content
    if content.is_eof():
        return False
    length = request.headers.get('Content-Length')
    if length is None or (request.headers.get('Expect') is not None and not content.total_bytes):
        return True
    return int(length) - content.total_bytes > DRAINED_REST


# --- answers


async def send_answer(request: web.BaseRequest, answer: Answer) -> tuple[Outcome, bool]:
    """Send an answer; tell how its exchange ended, and whether the connection can be kept alive.

    Cancelled when the client leaves meanwhile. The body's iterator is closed in any case.

    Raises:
        HeadError: the head can't be sent; nothing was written then.
    """
    transport = request.transport
    try:
        if transport is None or transport.is_closing():
            return Outcome.CLIENT_CLOSED, False
        if answer.disconnects:
            await _leave(request, transport, answer.ending)
            return Outcome.ERROR, False
        framing = _frame(request, answer)
        sent, ending = await _send_body(request, transport, answer, framing)
    except ConnectionError:
        return Outcome.CLIENT_CLOSED, False
    finally:
        await _close_body(request, answer)

    if ending is Ending.CLEAN and (framing.length is None or sent >= framing.length):
        # Bytes beyond the Content-Length would be taken for the next response.
        close = framing.close or (framing.length is not None and sent > framing.length)
        if close and not request.content.is_eof():
            # The client sees the end of the answer at once, though its body's rest is still read for a while:
            # closing a socket with unread bytes would reset the connection, and could take the answer with it.
            finish_writing(transport)
        return Outcome.COMPLETE, not close
    await _leave(request, transport, ending)
    return (Outcome.RESET if ending is Ending.RESET else Outcome.SERVER_CLOSED), False


async def _send_body(
    request: web.BaseRequest,
    transport: asyncio.Transport,
    answer: Answer,
    framing: Framing,
) -> tuple[int, Ending]:
    """Send the head and the body; tell how many bytes the body had, and how to go on.

    Raises:
        ConnectionError: the client has left.
    """
    body = answer.body
    if framing.bodiless or body == b'':
        transport.write(framing.head)
        sent, ending = 0, answer.ending
    elif isinstance(body, bytes):
        sent, ending = len(body), answer.ending
        if framing.chunked:
            body = _chunk(body)
        if sent <= _JOINED_WRITE:
            transport.write(framing.head + body)
        else:
            transport.write(framing.head)
            transport.write(body)
    else:
        transport.write(framing.head)
        sent, ending = await _send_pieces(request, transport, body, answer.ending, chunked=framing.chunked)
    if ending is Ending.CLEAN:
        if framing.chunked:
            _check(transport)
            transport.write(b'0\r\n\r\n')
        await request.writer.drain()
    return sent, ending


async def _send_pieces(
    request: web.BaseRequest,
    transport: asyncio.Transport,
    body: AsyncIterator[bytes],
    ending: Ending,
    *,
    chunked: bool,
) -> tuple[int, Ending]:
    sent = 0
    writer = request.writer
    iterator = aiter(body)
    while True:
        try:
            piece = await anext(iterator)
        except StopAsyncIteration:
            return sent, ending
        except BodyInterrupted as error:
            return sent, error.ending
        except Exception:
            logger.exception('The body of the answer to %s %s failed, so it is cut.', request.method, request.raw_path)
            return sent, Ending.CUT
        if piece:
            _check(transport)
            transport.write(_chunk(piece) if chunked else piece)
            sent += len(piece)
            await writer.drain()


def adapted(answer: object) -> Answer:
    """What a handler gave, as an answer: handlers derived from ours may give aiohttp's responses.

    Raises:
        KMockError: it is no answer.
    """
    if isinstance(answer, Answer):
        return answer
    if not isinstance(answer, web.Response) or not isinstance(answer.body, bytes | bytearray | None):
        raise KMockError(
            f'{answer!r} is no answer. Give a kmock.messages.Answer, or an aiohttp.web.Response with bytes.'
        )
    framing = {'content-length', 'transfer-encoding', 'connection'}  # is ours
    headers = [(key, value) for key, value in answer.headers.items() if key.lower() not in framing]
    headers += [('Set-Cookie', morsel.output(header='').strip()) for morsel in answer.cookies.values()]
    return Answer(status=answer.status, reason=answer.reason, headers=tuple(headers), body=bytes(answer.body or b''))


def _check(transport: asyncio.Transport) -> None:
    if transport.is_closing():  # the loop is about to tell that the connection is lost
        raise ConnectionResetError('The client left.')


def _chunk(piece: bytes) -> bytes:
    return b'%x\r\n%b\r\n' % (len(piece), piece)


async def _close_body(request: web.BaseRequest, answer: Answer) -> None:
    close = getattr(answer.body, 'aclose', None)  # asynchronous generators have it; other iterators may
    if close is not None:
        try:
            await close()
        except Exception:
            logger.exception("The body of the answer to %s %s can't be closed.", request.method, request.raw_path)


# --- endings


async def _leave(request: web.BaseRequest, transport: asyncio.Transport, ending: Ending) -> None:
    """Leave the connection without completing the answer."""
    if ending is Ending.HELD:
        await asyncio.get_running_loop().create_future()  # until cancelled: the client left, or the server stops
    elif ending is Ending.RESET:
        await flush(transport)
        reset_connection(transport)
    elif request.content.is_eof():
        transport.close()
    else:
        finish_writing(transport)


def finish_writing(transport: asyncio.Transport) -> None:
    """Say that nothing more comes (FIN), as far as that can be said without closing; the caller closes later."""
    if transport.can_write_eof() and not transport.is_closing():
        with contextlib.suppress(OSError):  # the client has reset the connection, which the loop will tell of
            transport.write_eof()


def reset_connection(transport: asyncio.BaseTransport) -> None:
    """Tear the connection down (RST), whatever is still unsent; nothing happens if it is closing already."""
    if transport.is_closing():
        return
    sock = transport.get_extra_info('socket')
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def flush(transport: asyncio.Transport) -> None:
    """Wait until all that was written is with the client's system: a reset drops what still waits here."""
    while not transport.is_closing() and _unsent(transport):
        await _clock.sleep_until(_clock.now() + _UNSENT_POLL_SECONDS)


def _unsent(transport: asyncio.Transport) -> int:
    """How many written bytes have not left yet, as far as that can be known."""
    beneath = transport_beneath(transport)
    unsent = transport.get_write_buffer_size() or beneath.get_write_buffer_size()
    sock = transport.get_extra_info('socket')
    if sys.platform == 'linux' and sock is not None and not unsent:
        unsent = int.from_bytes(fcntl.ioctl(sock.fileno(), _SIOCOUTQNSD, b'\0' * 4), sys.byteorder)
    return unsent


def transport_beneath(transport: asyncio.Transport) -> asyncio.Transport:
    """The transport of the socket: TLS hides it, with its own buffer; without TLS it is the transport itself."""
    beneath = getattr(getattr(transport, '_ssl_protocol', None), '_transport', None)
    return beneath if isinstance(beneath, asyncio.Transport) else transport
