"""The recorder: a responder around another one that turns what passes into frames. Nothing is interpreted, or kept.

What passes goes on first, and is recorded after: a piece of a body is stamped when it comes, handed on in the same turn
of the event loop, and its frame is appended in the next turn. So the client never waits for a disk, the file never lags
by more than a turn (or by what redaction holds back), and the memory does not grow with the length of a stream.

How an exchange ended is asked of two sides, and the first that knows decides:
- the body's iterator knows of the upstream: its end, its break. So a client that leaves after the whole body has passed
  leaves a complete exchange: everything that the upstream had to say was recorded;
- the client's side is known by the cancellation of the iterator, by its closing before its end, or by `observe()`.
An answer whose body is bytes, or that has no body (HEAD, 204, 304), is complete at once.
A tunnel is complete when the far side has ended its direction; when the client leaves before that, it is client-closed.
"""

import asyncio
import collections
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable

from kmock.chain import Observer, Responder
from kmock.clock import Clock
from kmock.errors import UpstreamError
from kmock.messages import (
    Answer,
    BodyInterrupted,
    ChunkPart,
    Duplex,
    Ending,
    Outcome,
    Request,
    RequestBody,
    reason_phrase,
)
from kmock.recording.cassette import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Headers,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.conditions import not_modified, unconditional
from kmock.recording.redactedframes import FrameRedactor
from kmock.recording.redaction import Redactor

__all__ = ['Recorder']

# RFC 9110, section 7.6.1, and the two of the authentication against a proxy.
_HOP_BY_HOP = frozenset(
    {
        'connection',
        'keep-alive',
        'proxy-authenticate',
        'proxy-authorization',
        'proxy-connection',
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
    }
)
_PENDING_FRAMES = 256
_PENDING_BYTES = 1024 * 1024
_OUTCOMES = {Ending.CLEAN: Outcome.COMPLETE, Ending.CUT: Outcome.SERVER_CLOSED, Ending.RESET: Outcome.RESET}


class Recorder:
    """Records all that passes between a client and the inner responder; a Responder and an Observer.

    Call `close()` before the server is stopped: what is under way then is recorded as unfinished,
    while a server that stops first looks like clients that leave.

    Args:
        inner: who answers.
        append: takes each frame, in the order of happening (but what redaction holds back comes later than its time
            says). It is called in the event loop, must be quick, and must not raise.
        started: the zero point of all times, by that clock.
        redactor: replaces the secrets before anything is appended; the traffic itself keeps them.
    """

    def __init__(
        self,
        inner: Responder,
        append: Callable[[Frame], None],
        *,
        clock: Clock,
        started: float,
        redactor: Redactor | None = None,
    ) -> None:
        self.requests = 0
        self.bytes_passed = 0
        self._inner = inner
        self._redacted = None if redactor is None else FrameRedactor(redactor, append)
        self._append = append if self._redacted is None else self._redacted.append
        self._clock = clock
        self._started = started
        self._exchanges: dict[int, _Exchange] = {}  # by the id of the request: those that have not ended
        self._pending: collections.deque[Frame] = collections.deque()
        self._pending_bytes = 0
        self._flushing = False
        self._closed = False

    @property
    def open_streams(self) -> int:
        """How many responses are under way: watches, downloads, tunnels."""
        return sum(each.answered for each in self._exchanges.values())

    async def respond(self, request: Request) -> Answer | None:
        """Let the inner responder answer, and record both."""
        if self._closed:
            return await self._inner.respond(request)
        self.requests += 1
        exchange = _Exchange(self, self.requests, request)
        self._exchanges[request.id] = exchange
        exchange.begin()
        try:
            answer = await self._inner.respond(exchange.forwarded())
        except UpstreamError as exc:
            exchange.end(Outcome.ERROR, str(exc))
            return Answer.disconnect(Ending.RESET if exc.reset else Ending.CUT)
        except asyncio.CancelledError:
            exchange.end(Outcome.CLIENT_CLOSED)
            raise
        except Exception as exc:
            exchange.end(Outcome.ERROR, f'{type(exc).__name__}: {exc}')
            raise
        return await exchange.answer(answer)

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Learn how an exchange ended on the client's side; of requests that others answered, nothing is recorded."""
        exchange = self._exchanges.get(request.id)
        if exchange is not None:
            exchange.end(exchange.verdict or outcome)
        if isinstance(self._inner, Observer):
            self._inner.observe(request, answer, outcome)

    def mark(self, request: Request, text: str) -> None:
        """Say something about an exchange under way, e.g. that it was repeated after a 401; kept in its end frame."""
        exchange = self._exchanges.get(request.id)
        if exchange is not None:
            exchange.marks.append(text)

    def note(self, text: str) -> None:
        """Put a remark about the recording as a whole into the cassette."""
        if not self._closed:
            self.record(NoteFrame(at_us=self.moment(), text=text))

    def close(self) -> None:
        """Mark what is under way as unfinished, and flush. Traffic may go on, but is not recorded any more."""
        for exchange in list(self._exchanges.values()):
            exchange.end(Outcome.UNFINISHED)
        self._closed = True
        self._flush()
        if self._redacted is not None:
            self._redacted.close()

    # --- for the exchanges

    def moment(self, when: float | None = None) -> int:
        """The present or that moment, in microseconds since the start."""
        return max(0, round(((self._clock.now() if when is None else when) - self._started) * 1_000_000))

    def record(self, frame: Frame) -> None:
        """Append a frame in the next turn of the event loop: whoever has to send the same bytes sends them first."""
        if self._closed:
            return
        # A body that comes faster than the loop turns (from memory, say) must not pile up here.
        if len(self._pending) >= _PENDING_FRAMES or self._pending_bytes >= _PENDING_BYTES:
            self._flush()
        self._pending.append(frame)
        if isinstance(frame, ChunkFrame | BodyFrame | TunnelFrame):
            self._pending_bytes += len(frame.data)
        if not self._flushing:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # nobody can be sending meanwhile
                self._flush()
            else:
                self._flushing = True
                loop.call_soon(self._flush)

    def forget(self, request: Request) -> None:
        """An exchange has ended."""
        self._exchanges.pop(request.id, None)

    def _flush(self) -> None:
        self._flushing = False
        self._pending_bytes = 0
        while self._pending:
            self._append(self._pending.popleft())


class _Exchange:
    """One exchange under way. It ends once; what comes after its end is not recorded."""

    def __init__(self, recorder: Recorder, number: int, request: Request) -> None:
        self.recorder = recorder
        self.number = number
        self.request = request
        self.answered = False
        self.ended = False
        self.marks: list[str] = []
        self.verdict: Outcome | None = None  # what the upstream's side makes of it, if the client leaves now

    def begin(self) -> None:
        content = self.request.content
        self.recorder.record(
            RequestFrame(
                id=self.number,
                at_us=self.recorder.moment(self.request.arrived),
                method=self.request.method,
                target=self.request.target,
                headers=_end_to_end(self.request.headers.items()),
                body=content.value if content.declared and content.kept else None,
                streamed=content.declared and not content.kept,
            )
        )
        if content.kept:
            self.recorder.bytes_passed += len(content.value)

    def forwarded(self) -> Request:
        """The request for the inner responder: without conditions, and with a body that is recorded as it is read."""
        request = unconditional(self.request)
        if request.content.declared and not request.content.kept:
            request = request.with_content(RequestBody(self._upload(request.stream()), declared=True))
        return request

    async def _upload(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        # With a known length, the last piece is known when it comes. An upstream that has got it may answer
        # before this generator is asked for more.
        length = self.request.headers.get('Content-Length', '')
        left = int(length) if length.isascii() and length.isdigit() else -1
        async for piece in body:
            left -= len(piece)
            self._record_upload(piece, last=left == 0)
            yield piece
        if left != 0:
            self._record_upload(b'', last=True)

    def _record_upload(self, data: bytes, *, last: bool) -> None:
        if not self.ended:
            self.recorder.bytes_passed += len(data)
            self.recorder.record(BodyFrame(id=self.number, at_us=self.recorder.moment(), data=data, last=last))

    async def answer(self, answer: Answer | None) -> Answer | None:
        """Record the head of the answer, and give the client's version of it."""
        if answer is None:
            self.end(Outcome.ERROR, 'nobody answered')
            return None
        if answer.disconnects:
            self.end(Outcome.ERROR, 'no answer: the connection was ' + _DISCONNECTS[answer.ending])
            return answer
        self._record_head(answer)
        if answer.upgrade is not None:
            return dataclasses.replace(answer, upgrade=_RecordedTunnel(self, answer.upgrade))
        answer = self._record_body(answer)
        fresh = not_modified(self.request, answer)
        if fresh is not None:
            await self._drain(answer)
            return fresh
        return answer

    def _record_head(self, answer: Answer) -> None:
        self.answered = True
        self.recorder.record(
            ResponseFrame(
                id=self.number,
                at_us=self.recorder.moment(),
                status=answer.status,
                reason=reason_phrase(answer.status) if answer.reason is None else answer.reason,
                headers=_end_to_end(answer.headers, upgraded=answer.status == 101),
            )
        )

    def _record_body(self, answer: Answer) -> Answer:
        if self.request.method == 'HEAD' or answer.status in {204, 304}:
            self.end(Outcome.COMPLETE)
            return answer
        if isinstance(answer.body, bytes):
            if answer.body:
                self.chunk(answer.body)
            self.finish(answer.ending)
            return answer
        return dataclasses.replace(answer, body=_RecordedBody(self, answer.body, answer.ending))

    async def _drain(self, answer: Answer) -> None:
        """Read the rest of a full answer into the recording, for a client that is to get a 304.

        Where it breaks off, the recording says so; the headers have proved already that the client's copy is good.
        """
        if isinstance(answer.body, bytes):
            return
        try:
            async for _ in answer.body:
                pass
        except BodyInterrupted:
            pass
        finally:
            await _close(answer.body)

    def chunk(self, piece: bytes) -> None:
        if not self.ended:
            self.recorder.bytes_passed += len(piece)
            partial = isinstance(piece, ChunkPart)
            data = bytes(piece)
            self.recorder.record(ChunkFrame(id=self.number, at_us=self.recorder.moment(), data=data, partial=partial))

    def tunnel(self, data: bytes, *, from_client: bool) -> None:
        if not self.ended:
            self.recorder.bytes_passed += len(data)
            moment = self.recorder.moment()
            self.recorder.record(TunnelFrame(id=self.number, at_us=moment, data=data, from_client=from_client))

    def finish(self, ending: Ending) -> None:
        """The upstream's side is through. One that is held ends when the client leaves."""
        if ending is not Ending.HELD:
            self.end(_OUTCOMES[ending])

    def end(self, outcome: Outcome, error: str | None = None) -> None:
        if not self.ended:
            self.ended = True
            text = '; '.join([*self.marks, error] if error else self.marks) or None
            self.recorder.record(EndFrame(id=self.number, at_us=self.recorder.moment(), outcome=outcome, error=text))
            self.recorder.forget(self.request)


class _RecordedBody:
    """The body of an answer, recorded as it passes. A class, as a generator that never starts is never closed."""

    def __init__(self, exchange: _Exchange, source: AsyncIterator[bytes], ending: Ending) -> None:
        self._exchange = exchange
        self._source = source
        self._ending = ending

    def __aiter__(self) -> '_RecordedBody':
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._source)
        except StopAsyncIteration:
            self._exchange.finish(self._ending)
            raise
        except BodyInterrupted as exc:
            self._exchange.end(_OUTCOMES.get(exc.ending, Outcome.SERVER_CLOSED), str(exc))
            raise
        except asyncio.CancelledError:
            self._exchange.end(Outcome.CLIENT_CLOSED)
            raise
        except Exception as exc:
            self._exchange.end(Outcome.SERVER_CLOSED, f'{type(exc).__name__}: {exc}')
            raise
        self._exchange.chunk(piece)
        return piece

    async def aclose(self) -> None:
        self._exchange.end(Outcome.CLIENT_CLOSED)
        await _close(self._source)


class _RecordedTunnel:
    """An upgraded connection, recorded in both directions."""

    def __init__(self, exchange: _Exchange, far: Duplex) -> None:
        self._exchange = exchange
        self._far = far
        self._error: str | None = None
        self._client_done = False

    async def read(self) -> bytes:
        try:
            data = await self._far.read()
        except ConnectionError as exc:
            self._broken(exc)
            raise
        if data or self._exchange.verdict is None:
            self._exchange.tunnel(data, from_client=False)
        if not data:
            self._exchange.verdict = Outcome.COMPLETE
        return data

    async def write(self, data: bytes) -> None:
        self._exchange.tunnel(data, from_client=True)
        try:
            await self._far.write(data)
        except ConnectionError as exc:
            self._broken(exc)
            raise

    async def write_eof(self) -> None:
        if not self._client_done:
            self._client_done = True
            self._exchange.tunnel(b'', from_client=True)
        await self._far.write_eof()

    async def close(self) -> None:
        self._exchange.end(self._exchange.verdict or Outcome.CLIENT_CLOSED, self._error)
        await self._far.close()

    def _broken(self, exc: ConnectionError) -> None:
        if self._exchange.verdict is None:
            reset = isinstance(exc, ConnectionResetError)
            self._exchange.verdict = Outcome.RESET if reset else Outcome.SERVER_CLOSED
            self._error = str(exc) or type(exc).__name__


_DISCONNECTS = {Ending.CLEAN: 'closed', Ending.CUT: 'closed', Ending.RESET: 'reset', Ending.HELD: 'held'}


def _end_to_end(headers: Iterable[tuple[str, str]], *, upgraded: bool = False) -> Headers:
    """The headers without those of one connection. Of an upgrade, `Upgrade` stays: it says what the exchange was."""
    headers = tuple(headers)
    named = {
        option.strip().lower() for name, value in headers if name.lower() == 'connection' for option in value.split(',')
    }
    dropped = _HOP_BY_HOP | named
    if upgraded or 'upgrade' in named:
        dropped -= {'upgrade'}
    return tuple((name, value) for name, value in headers if name.lower() not in dropped)


async def _close(body: object) -> None:
    aclose = getattr(body, 'aclose', None)
    if aclose is not None:
        await aclose()
