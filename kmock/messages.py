"""Request and Answer: what came, and what goes on the wire. Plain data; no sockets, no rules.

A body is read at most once from its connection. It is either *kept* (`await request.read()`, after which
`request.body`, `.text`, `.data` work) or *streamed* through (`request.stream()`), in which case it is not kept.
"""

import dataclasses
import enum
import functools
import itertools
import json
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy, MultiMapping

from kmock.errors import BodyTooLongError, KMockError
from kmock.naming import Call, Resource, action, parse_call, split_target
from kmock.urls import TextURL

__all__ = [
    'Answer',
    'BodyInterrupted',
    'ChunkPart',
    'Duplex',
    'Ending',
    'Headers',
    'Outcome',
    'Params',
    'Request',
    'RequestBody',
    'reason_phrase',
]

_ids = itertools.count(1)
_NAMESPACES = Resource('', 'v1', 'namespaces')
_UNKNOWN: Any = object()


class Ending(enum.StrEnum):
    """How the server leaves a response after its last byte."""

    CLEAN = 'clean'
    """The response is complete: the last chunk, or the announced length."""
    CUT = 'cut'
    """The connection is closed in an orderly way (FIN), though the response is not complete."""
    RESET = 'reset'
    """The connection is torn down (RST)."""
    HELD = 'held'
    """The connection stays open, silent, until the client leaves."""


class Outcome(enum.StrEnum):
    """How an exchange ended, seen from the server. The values are those in cassettes."""

    COMPLETE = 'complete'
    CLIENT_CLOSED = 'client-closed'
    SERVER_CLOSED = 'server-closed'
    RESET = 'reset'
    ERROR = 'error'
    """There was no response at all."""
    UNFINISHED = 'unfinished'
    """The recording ended first."""


class ChunkPart(bytes):
    """A piece of an HTTP chunk that goes on in the next piece of the body. A piece of any other type ends its chunk."""

    __slots__ = ()


class BodyInterrupted(Exception):
    """Raised by a body's iterator when its source broke off: the server must break off in the same way."""

    def __init__(self, ending: Ending, reason: str = '') -> None:
        super().__init__(reason or ending)
        self.ending = ending


class Duplex(Protocol):
    """The far side of an upgraded connection: raw bytes in both directions."""

    async def read(self) -> bytes:
        """The next bytes from the far side; empty at its end."""

    async def write(self, data: bytes) -> None:
        """Send bytes to the far side; waits while its buffers are full. Raises ConnectionError if it has left."""

    async def write_eof(self) -> None:
        """Tell the far side that nothing more is sent, where the transport can (TLS can't: then nothing)."""

    async def close(self) -> None:
        """Leave. Closing twice is fine."""


def _same(values: 'MultiDictProxy[str]', other: Mapping[Any, Any]) -> bool:
    """Compare with a plain mapping: of a repeated key it has the first value, or the list of all."""
    if len({key.lower() for key in values} if isinstance(values, CIMultiDictProxy) else set(values)) != len(other):
        return False
    return all(
        isinstance(key, str) and key in values and wanted in (values[key], values.getall(key))
        for key, wanted in other.items()
    )


class Params(MultiDictProxy[str]):
    """The parameters of a query: repeated keys are kept, plain dicts compare with the first value of each, or all."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Mapping) and not isinstance(other, MultiMapping):
            return _same(self, other)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:  # the inherited one would not ask ours
        return not self == other


class Headers(CIMultiDictProxy[str]):
    """Headers, their names in any case: repeated ones are kept, plain dicts compare with the first of each, or all."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Mapping) and not isinstance(other, MultiMapping):
            return _same(self, other)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:  # the inherited one would not ask ours
        return not self == other


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise BodyTooLongError(f'The body of the request is longer than {limit} bytes (max_body).')


class RequestBody:
    """The body of one request: bytes, or a source that can be read once."""

    __slots__ = ('_arrived', '_bytes', '_declared', '_source', '_streamed')

    def __init__(
        self,
        source: bytes | AsyncIterator[bytes] = b'',
        *,
        declared: bool | None = None,
        arrived: Callable[[], bytes | None] | None = None,
    ) -> None:
        """Make it of its bytes, or of what brings them.

        Args:
            declared: whether the request announced a body at all (a Content-Length, or chunks).
            arrived: takes the whole body out of the source if it has arrived, so that nobody need wait; else None.
        """
        self._bytes = source if isinstance(source, bytes) else None
        self._source = None if isinstance(source, bytes) else source
        self._streamed = False
        self._declared = bool(source) if declared is None else declared
        self._arrived = arrived

    @property
    def declared(self) -> bool:
        """Whether the request announced a body, be it an empty one."""
        return self._declared

    @property
    def kept(self) -> bool:
        """Whether the whole body is in memory."""
        return self._bytes is not None

    @property
    def value(self) -> bytes:
        """The whole body. Raises KMockError if it has not been read, or was streamed through."""
        if self._bytes is None:
            state = 'was streamed through and is not kept' if self._streamed else 'has not been read yet'
            raise KMockError(f'The body of this request {state}. Call `await request.read()` first.')
        return self._bytes

    async def read(self, limit: int | None = None) -> bytes:
        """Read the whole body and keep it.

        Raises:
            BodyTooLongError: it is longer than `limit` bytes. What was read is lost then.
            KMockError: it was streamed through before.
        """
        if self._bytes is None:
            if self._streamed:
                return self.value
            whole = None if self._arrived is None else self._arrived()
            if whole is None:
                whole = await self._collect(limit)
            else:
                self._source = self._arrived = None
                self._streamed = True
                _check_size(len(whole), limit)
            self._bytes = whole
        return self._bytes

    async def _collect(self, limit: int | None) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in self.stream():
            size += len(piece)
            _check_size(size, limit)
            pieces.append(piece)
        return b''.join(pieces)

    async def stream(self) -> AsyncIterator[bytes]:
        """Pass the body on piece by piece: once if it comes from the connection, any number of times if kept."""
        if self._bytes is not None:
            if self._bytes:
                yield self._bytes
            return
        if self._streamed or self._source is None:
            raise KMockError('The body of this request was streamed through already.')
        # The source leads to the connection, and what it has read: a request that is kept must not keep these.
        source, self._source = self._source, None
        self._arrived = None
        self._streamed = True
        async for piece in source:
            yield piece


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """A request as it came. Two requests are equal only if they are the same one.

    Attributes:
        method: upper-case as a rule; as it was on the wire.
        target: the raw path and query as they stood in the request line.
        headers: in the order and case of the wire, read case-insensitively; repeated ones are kept.
        content: the body; see `body`, `text`, `data` for the kept one.
        base_url: the scheme and authority that the client called, e.g. `http://127.0.0.1:8080`.
        arrived: when the head was read, in seconds of the server's clock.
        id: a number that no other request in this process has.
    """

    method: str
    target: str
    headers: CIMultiDictProxy[str] = dataclasses.field(default_factory=lambda: Headers(CIMultiDict()))
    content: RequestBody = dataclasses.field(default_factory=RequestBody)
    base_url: str = 'http://localhost'
    arrived: float = 0.0
    id: int = dataclasses.field(default_factory=lambda: next(_ids))
    _cache: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    @classmethod
    def make(
        cls,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b'',
        **kwargs: Any,
    ) -> 'Request':
        """A request from plain values, for tests and tools."""
        proxy = Headers(CIMultiDict(headers))
        return cls(method=method, target=target, headers=proxy, content=RequestBody(body), **kwargs)

    def with_content(self, content: RequestBody) -> 'Request':
        """The same request (same id) with another source of its body."""
        return dataclasses.replace(self, content=content, _cache={})

    def __repr__(self) -> str:
        return f'<Request {self.method} {self.target}>'

    def forget_derived(self) -> None:
        """Let go of what was made from the request (`data`, `params`, `call`); it is made anew when it is asked for.

        A parsed body takes many times the memory of its bytes, and the log keeps requests.
        """
        self._cache.clear()

    # --- the URL

    @property
    def path(self) -> str:
        """The raw path, still percent-encoded, without the query."""
        return split_target(self.target)[0]

    @property
    def query(self) -> str:
        """The raw query, without the question mark."""
        return split_target(self.target)[1]

    @property
    def url(self) -> TextURL:
        """The absolute URL, as the client called it."""
        return TextURL(self.base_url + self.target if self.target.startswith('/') else self.target)

    @property
    def params(self) -> Params:
        """The decoded query, in order, repeated keys kept; see `Params` for comparisons."""
        params: Params | None = self._cache.get('params')
        if params is None:
            query = self.query
            pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, errors='replace') if query else ()
            params = self._cache['params'] = Params(MultiDict(pairs))
        return params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the client sent; a broken Cookie header counts as none."""
        jar = SimpleCookie()
        for value in self.headers.getall('Cookie', ()):
            try:
                jar.load(value)
            except CookieError:
                continue
        return {key: morsel.value for key, morsel in jar.items()}

    @property
    def call(self) -> Call | None:
        """What the request means in Kubernetes; None if its URL is not that of a resource."""
        call: Call | None = self._cache.get('call', _UNKNOWN)
        if call is _UNKNOWN:
            path, mark, _ = self.target.partition('?')
            call = parse_call(self.method, path, self.params.items()) if mark else _parse_plain(self.method, path)
            self._cache['call'] = call
        return call

    @property
    def action(self) -> action | None:
        """What the request does to a resource: list, watch, fetch, create, update, delete."""
        return self.call.action if self.call else None

    @property
    def resource(self) -> Resource | None:
        """The resource type in the URL, if any."""
        return self.call.resource if self.call else None

    @property
    def namespace(self) -> str | None:
        """The namespace in the URL, if any: as Kubernetes tells it (RequestInfo), that of a namespace is itself."""
        if self.call is None:
            return None
        return self.call.name if self.call.resource == _NAMESPACES else self.call.namespace

    @property
    def name(self) -> str | None:
        """The object's name in the URL, if any."""
        return self.call.name if self.call else None

    @property
    def subresource(self) -> str | None:
        """The subresource in the URL, if any."""
        return self.call.subresource if self.call else None

    # --- the body

    @property
    def body(self) -> bytes:
        """The whole body. Raises KMockError if nobody has read it (see `read`) or it was streamed through."""
        return self.content.value

    @property
    def text(self) -> str:
        """The body as UTF-8, with U+FFFD in place of what is not."""
        return self.body.decode('utf-8', errors='replace')

    @property
    def data(self) -> Any:
        """The body as parsed JSON; None if it is empty or no JSON. Parsed once, or a second time after the exchange.

        Treat it as read-only.
        """
        data = self._cache.get('data', _UNKNOWN)
        if data is _UNKNOWN:
            try:
                data = json.loads(self.body) if self.body else None
            except (ValueError, RecursionError):
                data = None
            self._cache['data'] = data
        return data

    async def read(self, limit: int | None = None) -> bytes:
        """Read the whole body and keep it; see `RequestBody.read`."""
        return await self.content.read(limit)

    def stream(self) -> AsyncIterator[bytes]:
        """Pass the body on piece by piece; see `RequestBody.stream`."""
        return self.content.stream()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What goes on the wire. Concrete: nothing is added to it but the framing and hop-by-hop headers.

    Attributes:
        status: the status code; 0 is no answer at all: the connection is left as `ending` says (cut or reset).
        reason: the reason phrase; None means the standard one.
        headers: in order, repeated ones allowed. Without a Content-Length, an iterated body is sent in chunks.
        body: the bytes, or an iterator; each piece is sent at once, as one HTTP chunk where chunks are used.
            It may raise BodyInterrupted. The server closes the iterator (`aclose`) when the client leaves.
        ending: what happens after the body's last byte.
        upgrade: for status 101 only: the far side of the tunnel.
    """

    status: int = 200
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | AsyncIterator[bytes] = b''
    ending: Ending = Ending.CLEAN
    upgrade: Duplex | None = None

    @classmethod
    def disconnect(cls, ending: Ending = Ending.CUT) -> 'Answer':
        """No answer at all."""
        return cls(status=0, ending=ending)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> 'Answer':
        """A finished answer with a JSON body and exactly `application/json` (clients compare it)."""
        body = json.dumps(value, separators=(',', ':'), ensure_ascii=False).encode()
        return cls(status=status, headers=(('Content-Type', 'application/json'), *headers), body=body)

    @property
    def disconnects(self) -> bool:
        return self.status == 0

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@functools.lru_cache(maxsize=1024)
def _parse_plain(method: str, path: str) -> Call | None:
    """Clients ask for the same again and again, and without a query for the most part."""
    return parse_call(method, path)


@functools.cache
def reason_phrase(status: int) -> str:
    """The standard reason phrase; empty for a code that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ''
