"""From a payload and a request to an answer, at request time.

The items of a payload are unfolded in order. Heads are gathered until the first real item of the body; then the
answer is returned with it (or with the whole body, if there is but one), and the rest follows as the body is iterated.
"""

import asyncio
import collections
import http.cookies
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from kmock.errors import KMockError
from kmock.feed import Feed
from kmock.messages import Answer, Request
from kmock.rules.payloads import (
    BYTES_TYPE,
    JSON_TYPE,
    TEXT_TYPE,
    Buffer,
    Constant,
    File,
    Head,
    Item,
    Live,
    Nothing,
    Payload,
    Poured,
    Raised,
    Shared,
    Steps,
    encode_json,
    read_payload,
)
from kmock.rules.waiting import Called, Deferred, HandOver

__all__ = ['LiveStreams', 'constant_answer', 'failure_status', 'render']

BREATHER = 256
"""After so many items that gave nothing to send, other tasks get a turn."""

SPRINT = 8
"""After so many items of a synchronous iterator, other tasks get a turn."""

# Source: the Kubernetes API reference, Status, and apimachinery's list of reasons.
_REASONS = {
    400: 'BadRequest',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    405: 'MethodNotAllowed',
    406: 'NotAcceptable',
    409: 'Conflict',
    410: 'Expired',
    413: 'RequestEntityTooLarge',
    415: 'UnsupportedMediaType',
    422: 'Invalid',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
    504: 'Timeout',
}


def failure_status(code: int, message: str = '', reason: str | None = None, details: Any = None) -> dict[str, Any]:
    """A Status object of Kubernetes for an error."""
    status = {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Failure', 'message': message}
    status['reason'] = reason or _REASONS.get(code, 'Unknown')
    return {**status, **({} if details is None else {'details': details}), 'code': code}


class LiveStreams:
    """The streams that wait at a `...` just now, and how to feed them from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Feed[Item], Request] = {}

    def enter(self, request: Request) -> Feed[Item]:
        """Let a stream wait: from now on it is fed."""
        feed: Feed[Item] = Feed()
        with self._lock:
            self._waiting[feed] = request
        return feed

    def leave(self, feed: Feed[Item]) -> None:
        """Let a stream wait no more."""
        with self._lock:
            self._waiting.pop(feed, None)

    def take(self, feed: Feed[Item], first: list[Item]) -> tuple[list[Item], bool]:
        """All that was fed, after what was taken already, and whether the stream is to wait again behind that.

        Unless it is, it has left: nothing is fed between the look and the leave.
        """
        with self._lock:
            fed = _joined(first + feed.take_present())
            stays = bool(fed) and _waits(fed)
            if not stays:
                self._waiting.pop(feed, None)
        return fed, stays

    def requests(self) -> list[Request]:
        """The requests whose streams wait."""
        with self._lock:
            return list(self._waiting.values())

    def put(self, item: Item, wanted: Iterable[Request]) -> None:
        """Feed the waiting streams of those requests."""
        ids = {request.id for request in wanted}
        with self._lock:
            for feed, request in self._waiting.items():
                if request.id in ids:
                    feed.put(item)

    def close(self) -> None:
        """Let all that wait go on to their ends."""
        with self._lock:
            for feed in self._waiting:
                feed.close()


def _joined(batch: list[Item]) -> list[Item]:
    """What was fed in one go: each goes where the stream would wait for it, or behind those before it."""
    joined: tuple[Item, ...] = ()
    for item in batch:
        filled = _filled(joined, item)
        joined = (*joined, item) if filled is None else filled
    return list(joined)


def _filled(items: tuple[Item, ...], item: Item) -> tuple[Item, ...] | None:
    """The items with the first `...` replaced; None if there is none."""
    for place, each in enumerate(items):
        inner: tuple[Item, ...] | None = None
        if isinstance(each, Live):
            inner = (item,)
        elif isinstance(each, Steps):
            inner = _filled(each.items, item)
        if inner is not None:
            return (*items[:place], *inner, *items[place + 1 :])
    return None


def _waits(items: Iterable[Item]) -> bool:
    """Whether there is a `...` among the items."""
    return any(isinstance(item, Live) or (isinstance(item, Steps | Payload) and _waits(item.items)) for item in items)


def _begins_live(items: Sequence[Item]) -> bool:
    """Whether a `...` comes next."""
    while items:
        item = items[0]
        if isinstance(item, Live):
            return True
        items = item.items if isinstance(item, Steps) else ()
    return False


async def _one(feed: Feed[Item]) -> AsyncIterator[Item]:
    async for item in feed:
        yield item
        return


class _Waiting:
    """The place of one stream among those that wait.

    What is fed is seen only by streams that wait at that moment. One waits already as it gives the item before a `...`:
    a client in another thread may have read that before the stream comes to the `...`. One that was fed a new `...`
    waits on, also while it sends all that came before that: else what is fed item by item would get lost in between.
    """

    __slots__ = ('_feed', '_live', '_request')

    def __init__(self, request: Request, live: LiveStreams) -> None:
        self._request = request
        self._live = live
        self._feed: Feed[Item] | None = None

    async def fed(self) -> list[Item]:
        """Wait to be fed: all that was fed until the stream took its turn. Empty if nothing will come any more."""
        feed = self.enter()
        try:
            fed, stays = self._live.take(feed, [item async for item in _one(feed)])
        except BaseException:
            self.leave()
            raise
        if not stays:
            self._feed = None
        return fed

    def enter(self) -> Feed[Item]:
        """Wait from now on."""
        self._feed = self._feed or self._live.enter(self._request)
        return self._feed

    def leave(self) -> None:
        """Wait no more."""
        if self._feed is not None:
            self._live.leave(self._feed)
            self._feed = None


class _Unfolding:
    """The items of one payload for one request: gives heads and constants, in order."""

    __slots__ = ('_own', '_request', '_rushed', '_todo', '_waiting', 'let_go', 'streamed')

    def __init__(self, items: tuple[Item, ...], request: Request, live: LiveStreams) -> None:
        self._todo: collections.deque[Item] = collections.deque(items)
        self._request = request
        self._waiting = _Waiting(request, live)
        self._own: list[Shared] = []  # what callables have returned for this request
        self._rushed = 0
        self.let_go = False
        """Whether it waited to be fed until the handler was left."""
        self.streamed = False
        """Whether the present item belongs to a stream."""

    @property
    def goes_on(self) -> bool:
        """Whether anything that is left could give a body."""
        return not all(
            isinstance(item, Poured | Nothing) or (isinstance(item, Deferred) and item.bodiless) for item in self._todo
        )

    def stop(self) -> None:
        self._todo.clear()
        self._waiting.leave()

    async def close(self) -> None:
        """Leave it for good: generators that callables have made for this request are closed, also while they wait."""
        self.stop()
        own, self._own = self._own, []
        for each in own:
            await each.close()

    async def advance(self) -> Head | Constant | None:
        """The next part; None at the end. Raises HandOver where a StopIteration stands or came."""
        turn = 0
        while self._todo:
            turn += 1
            item = self._todo[0]
            if turn % BREATHER == 0 or self._rushes(item):  # what never ends must not stop all else
                await asyncio.sleep(0)
            if isinstance(item, Shared):
                self.streamed = True
                try:
                    value = await item.take()
                except StopAsyncIteration:
                    self._todo.popleft()
                    self._own = [each for each in self._own if each is not item]
                    continue
                item = read_payload(value)
            else:
                self._todo.popleft()
            part = await self._unfold(item)
            if part is not None:
                if isinstance(part, Constant) and _begins_live(self._todo):
                    self._waiting.enter()
                return part
        self._waiting.leave()
        return None

    def _rushes(self, item: Item) -> bool:
        """Whether others are to get a turn now: a synchronous iterator never waits."""
        if not isinstance(item, Shared) or item.waits:
            return False
        self._rushed += 1
        return self._rushed % SPRINT == 0

    async def _unfold(self, item: Item) -> Head | Constant | None:
        """One item: a part if it is one, else what it consists of is put before the rest."""
        match item:
            case Constant():
                return item
            case Head():
                return self._watch_error(item) or item
            case Payload():
                self._todo.extendleft(reversed((item.head, *item.items) if item.head else item.items))
            case Steps():
                self.streamed = True
                self._todo.extendleft(reversed(item.items))
            case Shared():
                self._todo.appendleft(item)
            case Live():
                self.streamed = True
                fed = await self._waiting.fed()
                self.let_go = self.let_go or not fed
                self._todo.extendleft(reversed(fed))
            case Deferred():
                made = read_payload(await item.resolve(self._request))
                if isinstance(item, Called) and isinstance(made, Shared):
                    self._own.append(made)
                self._todo.appendleft(made)
            case Poured():
                await item.sink.pour(self._request)
            case Raised():
                _throw(item.error)
            case File():
                return Constant(item.path.read_bytes(), _file_type(item.path.suffix))
            case Buffer():
                return _read_buffer(item.buffer)
        return None

    def _watch_error(self, head: Head) -> Constant | None:
        """The ERROR event that a status inside the stream of a watch stands for."""
        code = head.status
        if code is None or not self.streamed or not 400 <= code <= 599:
            return None
        if self._request.call is None or self._request.call.verb != 'watch':
            return None
        return encode_json({'type': 'ERROR', 'object': failure_status(code)})


def _throw(error: BaseException | type[BaseException]) -> None:
    if isinstance(error, StopIteration | StopAsyncIteration):
        raise HandOver
    if isinstance(error, type):
        if issubclass(error, StopIteration | StopAsyncIteration):
            raise HandOver
        raise error
    raise error.with_traceback(None)  # it may be raised many times


def _file_type(suffix: str) -> str:
    return {'.json': JSON_TYPE, '.txt': TEXT_TYPE, '.html': 'text/html; charset=utf-8'}.get(suffix, BYTES_TYPE)


def _read_buffer(buffer: Any) -> Constant:
    content = buffer.read()
    return Constant(content.encode(), TEXT_TYPE) if isinstance(content, str) else Constant(content or b'', BYTES_TYPE)


class _Stream:
    """The body of a streamed answer."""

    __slots__ = ('_first', '_unfolding')

    def __init__(self, first: Constant, unfolding: _Unfolding) -> None:
        self._first: Constant | None = first
        self._unfolding = unfolding

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        part: Head | Constant | None
        part, self._first = self._first, None
        while True:
            if part is None:
                part = await self._next()
            if isinstance(part, Head):
                if part.instead is None:
                    raise KMockError(f'{_describe(part)} in a stream comes too late: put it before the body.')
                part = part.instead
            data = part.data + b'\n' if part.is_json else part.data
            if data:  # an empty item only makes the head go out
                return data
            part = None

    async def _next(self) -> Head | Constant:
        try:
            part = await self._unfolding.advance()
        except HandOver:
            self._unfolding.stop()
            part = None
        if part is None:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        self._first = None
        await self._unfolding.close()


def _describe(head: Head) -> str:
    if head.status is not None:
        return f'The status {head.status}'
    return f'The header {head.headers[0][0]!r}' if head.headers else 'A cookie'


async def render(payload: Payload, request: Request, live: LiveStreams) -> Answer | None:
    """Make the answer; None if the payload has nothing to answer.

    Raises:
        HandOver: a StopIteration came before anything was to be sent: this rule is done with the request.
        Exception: whatever the payload raises.
    """
    unfolding = _Unfolding(payload.items, request, live)
    try:
        return await _begin(unfolding, payload.head)
    except BaseException:
        await unfolding.close()
        raise


async def _begin(unfolding: _Unfolding, head: Head) -> Answer | None:
    part = await unfolding.advance()
    while isinstance(part, Head):
        head = head.merged(part)
        part = await unfolding.advance()
    if part is None:  # a stream that is depleted has nothing to answer, either
        return _answer(head, b'', None) if head or unfolding.let_go else None
    if unfolding.streamed or unfolding.goes_on:
        return _answer(head, _Stream(part, unfolding), part.content_type or BYTES_TYPE)
    await unfolding.advance()  # what is left are sinks and events
    return _answer(head, part.data, part.content_type)


def constant_answer(payload: Payload) -> Answer | None:
    """The answer of a payload that is the same for every request; None if it has to be rendered."""
    if not payload.items and payload.head:
        return _answer(payload.head, b'', None)
    match payload.items:
        case (Constant(data, content_type),):
            return _answer(payload.head, data, content_type)
    return None


def _answer(head: Head, body: bytes | AsyncIterator[bytes], content_type: str | None) -> Answer:
    headers = head.headers
    if content_type and not any(key.lower() == 'content-type' for key, _ in headers):
        headers = (('Content-Type', content_type), *headers)
    for key, value in head.cookies:
        headers = (*headers, ('Set-Cookie', _set_cookie(key, value)))
    return Answer(status=head.status or 200, reason=head.reason, headers=headers, body=body)


def _set_cookie(key: str, value: str) -> str:
    jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
    jar[key] = value
    jar[key]['path'] = '/'
    return jar[key].OutputString()
