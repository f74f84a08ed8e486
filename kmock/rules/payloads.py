"""What users write after `<<`: read into items when it is written, merged by further `<<`, sent by `rendering.py`.

An item is one of
- a `Head`: status, reason, headers, cookies; those written as such are merged into one at once;
- a `Constant`: bytes that are known already (JSON is encoded when it is written: later changes of a dict don't leak);
- `Steps`: a stream, replayed for each request; `Shared`: a stream that all requests deplete together;
- a `File`, a `Buffer`, `Live` (`...`), `Raised`, a `Poured` sink;
- a `Deferred` (waiting.py), whose value takes its place and is read in the same way;
- `NOTHING`.
"""

import asyncio
import dataclasses
import functools
import inspect
import io
import json
import pathlib
import re
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Protocol

from kmock.messages import Request
from kmock.naming import action, resource
from kmock.rules import boxes
from kmock.rules.header_names import are_headers
from kmock.rules.sinks import Sink
from kmock.rules.waiting import Called, Deferred, Iterated, read_deferred

__all__ = [
    'LIVE',
    'NOTHING',
    'Buffer',
    'Constant',
    'File',
    'Head',
    'Item',
    'Live',
    'Nothing',
    'Payload',
    'Poured',
    'Pouring',
    'Raised',
    'Response',
    'Shared',
    'Steps',
    'read_payload',
]

JSON_TYPE = 'application/json'  # exactly: some clients compare it
TEXT_TYPE = 'text/plain; charset=utf-8'
BYTES_TYPE = 'application/octet-stream'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response said in full: `Response(status=404, headers={…}, payload={…})`. What is None is left open.

    The payload is anything that may stand after `<<`; headers and cookies are mappings.
    """

    status: int | None = None
    reason: str | None = None
    headers: Mapping[str, Any] | None = None
    cookies: Mapping[str, Any] | None = None
    payload: Any = None


def _refuse_in_json(value: Any) -> Any:
    if isinstance(value, AbstractSet):
        raise TypeError(f'{value!r} in it is a set, which has no order. Write a list')
    raise TypeError(f'{value!r} in it is neither a dict, a list, a text, a number, a bool nor None')


_JSON = json.JSONEncoder(separators=(',', ':'), ensure_ascii=False, allow_nan=False, default=_refuse_in_json)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


# --- items


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """What goes before the body. A status of None is still open."""

    status: int | None = None
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    instead: 'Constant | None' = dataclasses.field(default=None, compare=False)
    """What is sent in a stream whose head has gone already: plain numbers and dicts are JSON there."""

    def __bool__(self) -> bool:
        return self.status is not None or self.reason is not None or bool(self.headers) or bool(self.cookies)

    def merged(self, other: 'Head') -> 'Head':
        """Both; where they clash, the other one wins. A name said several times at once stays so."""
        replaced = {key.lower() for key, _ in other.headers}
        forgotten = {key for key, _ in other.cookies}
        return Head(
            status=self.status if other.status is None else other.status,
            reason=self.reason if other.reason is None else other.reason,
            headers=tuple(pair for pair in self.headers if pair[0].lower() not in replaced) + other.headers,
            cookies=tuple(pair for pair in self.cookies if pair[0] not in forgotten) + other.cookies,
        )

    def clashes(self, other: 'Head') -> Iterator[str]:
        """What both of them say, but differently; a phrase for each."""
        for word, old, new in (('status', self.status, other.status), ('reason', self.reason, other.reason)):
            if old is not None and new is not None and old != new:
                yield f'{word} {old!r} by {new!r}'
        headers = {key.lower(): value for key, value in self.headers}
        for key, value in other.headers:
            if headers.get(key.lower(), value) != value:
                yield f'header {key}: {headers[key.lower()]!r} by {value!r}'
        cookies = dict(self.cookies)
        for key, value in other.cookies:
            if cookies.get(key, value) != value:
                yield f'cookie {key}: {cookies[key]!r} by {value!r}'


@dataclasses.dataclass(frozen=True, slots=True)
class Constant:
    """A body that is known already. In a stream, JSON takes a line."""

    data: bytes
    content_type: str
    """Empty where there is nothing to tell."""
    is_json: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing to answer."""


NOTHING = Nothing()


@dataclasses.dataclass(frozen=True, slots=True)
class Live:
    """`...`: here the stream waits for what is fed."""


LIVE = Live()


@dataclasses.dataclass(frozen=True, slots=True)
class Raised:
    """An exception, to be raised."""

    error: BaseException | type[BaseException]


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A file by its path, read anew each time."""

    path: pathlib.Path


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """An open file or a buffer, read on from where it stands."""

    buffer: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Steps:
    """A stream, replayed from its beginning for each request."""

    items: 'tuple[Item, ...]'


class Shared:
    """An iterator, sync or async: one stream for all requests, each item taken by one of them."""

    __slots__ = ('_pending', 'source')

    def __init__(self, source: Iterator[Any] | AsyncIterator[Any]) -> None:
        self.source = source
        self._pending: asyncio.Future[Any] | None = None

    @property
    def waits(self) -> bool:
        """Whether other tasks get their turns while an item is taken."""
        return not isinstance(self.source, Iterator)

    async def take(self) -> Any:
        """The next item. Raises StopAsyncIteration at the end."""
        if isinstance(self.source, Iterator):
            for value in self.source:
                return value
            raise StopAsyncIteration
        while self._pending is not None:  # others take before; if they have left meanwhile, theirs is ours
            pending = self._pending
            await asyncio.wait([pending])
            if self._pending is pending:
                return self._taken(pending)
        # Cancelling an asynchronous generator would finish it for everybody, hence a task of its own.
        pending = self._pending = asyncio.ensure_future(_next(self.source))
        await asyncio.wait([pending])
        return self._taken(pending) if self._pending is pending else await self.take()

    def _taken(self, pending: 'asyncio.Future[Any]') -> Any:
        self._pending = None
        ended, value = pending.result()
        if ended:
            raise StopAsyncIteration
        return value

    async def close(self) -> None:
        """Leave the iterator for good."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.cancel()
            await asyncio.wait([pending])
        if inspect.isasyncgen(self.source):
            await self.source.aclose()
        elif inspect.isgenerator(self.source):
            self.source.close()


async def _next(source: AsyncIterator[Any]) -> tuple[bool, Any]:
    async for value in source:
        return False, value
    return True, None


class Pouring(Protocol):
    """A sink that is ready to take requests."""

    async def pour(self, request: Request) -> None:
        """Give the request to the sink."""


@dataclasses.dataclass(frozen=True, slots=True)
class Poured:
    """A sink: in its turn it gets the request."""

    sink: Pouring


# --- the recipe


@dataclasses.dataclass(frozen=True, slots=True)
class Payload:
    """The recipe for a response: a head, and items in order. Frozen; `grown` derives a longer one."""

    head: Head = Head()
    items: 'tuple[Item, ...]' = ()

    EMPTY: ClassVar['Payload']

    def grown(self, item: 'Item', *, stacklevel: int = 2) -> 'Payload':
        """With one more item; heads are merged. Warns of a clash, in which the later one wins."""
        if isinstance(item, Payload):
            return self.grown(item.head, stacklevel=stacklevel + 1).extended(item.items)
        if not isinstance(item, Head):
            return self.extended((item,))
        for clash in self.head.clashes(item):
            warnings.warn(f'One << replaces {clash} in the same response.', stacklevel=stacklevel)
        return Payload(self.head.merged(item), self.items)

    def extended(self, items: 'tuple[Item, ...]') -> 'Payload':
        return Payload(self.head, self.items + items)

    async def close(self) -> None:
        """Give up what was never asked for, and end the shared streams."""
        await close_items(self.items)


Payload.EMPTY = Payload()
Item = Head | Constant | Nothing | Live | Raised | File | Buffer | Steps | Shared | Poured | Deferred | Payload


async def close_items(items: tuple[Item, ...]) -> None:
    for item in items:
        if isinstance(item, Steps | Payload):
            await close_items(item.items)
        elif isinstance(item, Shared | Deferred):
            await item.close()


# --- reading


def read_payload(written: Any) -> Item:
    """Read what stands after `<<`, or what came out of a callable, a stream, a queue.

    Raises:
        ValueError: it can't be a payload.
    """
    item = _read(written)
    if item is None:
        item = read_deferred(written)
    if item is None and isinstance(written, AsyncIterator | Iterator):
        item = Shared(written)
    if item is None and callable(written):
        item = Called(written)
    if item is None and isinstance(written, AsyncIterable | Iterable):
        item = Iterated(written)
    if item is None:
        raise ValueError(
            f'{written!r} is no payload. Use a status, a dict, bytes, a string, a list, a tuple (a stream), '
            'an iterator, a callable, an exception, a path, a file, or a marker: headers(), cookies(), body(), text(), '
            'data().'
        )
    return item


@functools.singledispatch
def _read(written: Any) -> Item | None:
    """One registered function a kind; None for what is unknown here."""
    if written is None:
        return NOTHING
    if written is ...:
        return LIVE
    return written if isinstance(written, Item) else None


def encode_json(value: Any) -> Constant:
    """Encode a value as it is sent: compact, UTF-8."""
    try:
        encoded = _JSON.encode(value).encode()
    except (TypeError, ValueError) as exc:
        raise ValueError(f'{value!r} can not be sent as JSON: {exc}.') from exc
    return Constant(encoded, JSON_TYPE, is_json=True)


@_read.register(str)
@_read.register(float)
@_read.register(bool)
@_read.register(list)
def _(written: Any) -> Item:
    return encode_json(written)


@_read.register
def _(written: int) -> Item:
    encoded = encode_json(int(written))
    return Head(status=int(written), instead=encoded) if 100 <= written <= 999 else encoded


@_read.register(Mapping)
def _(written: Mapping[Any, Any]) -> Item:
    encoded = encode_json(dict(written))
    return dataclasses.replace(_read_headers(written.items()), instead=encoded) if are_headers(written) else encoded


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


def _read_headers(pairs: Any) -> Head:
    headers: tuple[tuple[str, str], ...] = ()
    for key, value in pairs:
        values = value if isinstance(value, list | tuple) else [value]  # several: the header is repeated
        headers += tuple((str(key), str(each)) for each in values if each is not None)
    for key, value in headers:
        if not _TOKEN.fullmatch(key) or any(char in value for char in '\r\n\0'):
            raise ValueError(f'{key!r}: {value!r} can not be sent as a header: a name has no blanks, a value one line.')
    return Head(headers=headers)


@_read.register
def _(written: boxes.headers) -> Item:
    return _read_headers(written.pairs)


@_read.register
def _(written: boxes.cookies) -> Item:
    return _read_cookies(written.pairs)


def _read_cookies(pairs: Any) -> Head:
    for key, value in pairs:
        if not isinstance(key, str) or not _TOKEN.fullmatch(key):
            raise ValueError(f'{key!r}: {value!r} can not be sent as a cookie: its name must be one word.')
    return Head(cookies=tuple((key, str(value)) for key, value in pairs if value is not None))


@_read.register(bytes)
@_read.register(bytearray)
@_read.register(memoryview)
def _(written: Any) -> Item:
    return _raw(bytes(written))


def _raw(data: bytes) -> Constant:
    return Constant(data, BYTES_TYPE if data else '')


@_read.register
def _(written: Sink) -> Item:
    return Poured(written)


@_read.register
def _(written: boxes.body) -> Item:
    value = b'' if written.value is ... or written.value is None else written.value
    if isinstance(value, str | bytes | bytearray | memoryview):
        return _raw(value.encode() if isinstance(value, str) else bytes(value))
    raise ValueError(f'{written!r} is no raw body: body() takes bytes or a string.')


@_read.register
def _(written: boxes.text) -> Item:
    value = '' if written.value is ... or written.value is None else written.value
    if not isinstance(value, str):
        raise ValueError(f'{written!r} is no text: text() takes a string.')
    return Constant(value.encode(), TEXT_TYPE)


@_read.register
def _(written: boxes.data) -> Item:
    return encode_json(None if written.value is ... else written.value)


@_read.register
def _(written: tuple) -> Item:  # type: ignore[type-arg]
    return Steps(tuple(map(read_payload, written)))


@_read.register(AbstractSet)
def _(written: Any) -> Item:
    raise ValueError(f'{written!r} is a set, which is reserved after <<. Use a tuple, or a list for JSON.')


@_read.register(BaseException)
def _(written: BaseException) -> Item:
    return _raised(written, type(written))


@_read.register
def _(written: type) -> Item | None:
    return _raised(written, written) if issubclass(written, BaseException) else None


def _raised(written: Any, kind: type[BaseException]) -> Raised:
    if not issubclass(kind, Exception):
        raise ValueError(f'{written!r} would end the server, not the request. Use a subclass of Exception.')
    return Raised(written)


@_read.register
def _(written: pathlib.PurePath) -> Item:
    return File(pathlib.Path(written))


@_read.register
def _(written: io.IOBase) -> Item:
    return Buffer(written)


@_read.register
def _(written: Response) -> Item:
    head = Head(status=written.status, reason=written.reason)
    if written.status is not None and not (isinstance(written.status, int) and 100 <= written.status <= 999):
        raise ValueError(f'{written.status!r} is no HTTP status: it must be from 100 to 999.')
    if written.headers:
        head = head.merged(_read_headers(written.headers.items()))
    if written.cookies:
        head = head.merged(_read_cookies(written.cookies.items()))
    return Payload(head).grown(Head() if written.payload is None else read_payload(written.payload))


# What only reads as a criterion has no meaning in an answer.
@_read.register(action)
@_read.register(boxes.method)
@_read.register(resource)
@_read.register(boxes.params)
@_read.register(boxes.path)
@_read.register(boxes.name)
@_read.register(boxes.namespace)
@_read.register(boxes.subresource)
def _(written: Any) -> Item:
    raise ValueError(f'{written!r} says something of requests; it belongs in brackets, not after <<.')
