"""The handlers: they build the chain of responders, keep the log of requests, and turn errors into answers.

A request goes: log → rules → other responders → cassette → fallback rules; see `RawHandler`.
"""

import contextlib
import dataclasses
import inspect
import itertools
import json
import os
import pathlib
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, NoReturn, Protocol, Self

import attrs

from kmock.chain import Chain, Responder, Served
from kmock.clock import Clock, LoopClock
from kmock.errors import (
    BodyTooLongError,
    KMockError,
    KubernetesError,
    LimitError,
    NoAnswerError,
    UnmatchedError,
    UpstreamError,
)
from kmock.messages import Answer, BodyInterrupted, Ending, Outcome, Request
from kmock.naming import action, resource
from kmock.recording.cassette import Cassette
from kmock.recording.interchange import open_cassette
from kmock.recording.player import Player
from kmock.recording.redaction import Redactor
from kmock.recording.timeline import pace_clock
from kmock.rules import boxes, views
from kmock.rules.book import RuleBook
from kmock.rules.criteria import Criteria, Criterion
from kmock.rules.diagnosis import closest_rules
from kmock.rules.payloads import Payload, Response
from kmock.rules.rendering import failure_status
from kmock.rules.sinks import Sink, SinkBox
from kmock.urls import TextURL

__all__ = ['RawHandler', 'StreamWriter']

MAX_BODY = 64 * 1024 * 1024


class StreamWriter(Protocol):
    """What `_stream_error` may still write to: the body of a response whose head is sent."""

    @property
    def request(self) -> Request:
        """What is answered by it."""

    async def write(self, data: bytes) -> None:
        """Send one more piece; the body is then ended cleanly instead of being cut."""


class _Names:
    """The common public names, on the handler, because the fixture `kmock` shadows the module's name in a test."""

    KMockError = KMockError
    KubernetesError = KubernetesError
    Request = Request
    Response = Response
    Payload = Payload
    Criteria = Criteria
    Criterion = Criterion
    Sink = Sink
    SinkBox = SinkBox
    View = views.View

    action = action
    body = boxes.body
    cookies = boxes.cookies
    data = boxes.data
    headers = boxes.headers
    method = boxes.method
    name = boxes.name
    namespace = boxes.namespace
    params = boxes.params
    path = boxes.path
    resource = resource
    subresource = boxes.subresource
    text = boxes.text


class _Unmatched(UnmatchedError):
    """A refusal that knows whether to speak as Kubernetes does."""

    def __init__(self, message: str, *, kubernetes: bool) -> None:
        super().__init__(message)
        self.kubernetes = kubernetes


def _check_limit(instance: object, attribute: Any, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f'{attribute.alias}={value!r}: it must be a number of 0 or more, or None for no limit.')


def _check_strict(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f'strict={value!r}: it is True or False.')


def _check_cassette(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, str | os.PathLike | Cassette | None):
        raise ValueError(f'cassette={value!r}: it is the path of a recording, an open one, or None.')


def _check_responder(instance: object, attribute: Any, value: object) -> None:
    if value is not None and not callable(getattr(value, 'respond', None)):
        raise ValueError(f'{attribute.alias}: {value!r} answers nothing: it lacks `async def respond(request)`.')


def _check_responders(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, Sequence):
        raise ValueError(f'{attribute.alias}={value!r}: it is a list of responders.')
    for each in value:
        _check_responder(instance, attribute, each)


def _check_ignore(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"ignore={value!r}: it is a list of texts, such as ['spec.replicas'].")


def _check_max_body(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f'max_body={value!r}: it is a number of bytes, 0 or more.')


def _check_pace(instance: object, attribute: Any, value: Any) -> None:
    pace_clock(value, LoopClock())


@attrs.define(slots=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class RawHandler(views.Root, _Names):
    """A mock HTTP server without a socket: rules are written to it, a `Server` asks it, tests look at what it has seen.

    An asynchronous context manager. It is itself the view of all requests: `kmock['get /'] << 404`, `len(kmock)`.

    Args:
        limit: how many requests are served in all; each further one is an error.
        strict: whether the errors collected while it was entered are raised when it is left.
        cassette: a recording (an open one, or a path), that answers what the rules leave.
        pace: `'original'`, `'instant'`, or how many times as fast the cassette is played.
        fallback: who is asked after the cassette; None refuses what the cassette can't answer with 599.
        ignore: what the cassette's matching leaves out of account, in addition to what it always does.
        responders: who is asked between the rules and the cassette. With them, bodies are read only if rules need them.
        max_body: how long a request's body may be to be kept, in bytes; more is answered 413.
        request_log: how many requests are remembered, by the handler and by each rule; None for all.
        clock: the clock of the server and the cassette.
    """

    limit: int | None = attrs.field(default=None, validator=_check_limit)
    strict: bool = attrs.field(default=False, validator=_check_strict)
    _cassette: str | os.PathLike[str] | Cassette | None = attrs.field(
        default=None, kw_only=True, repr=False, validator=_check_cassette
    )
    _pace: str | float = attrs.field(default='original', kw_only=True, repr=False, validator=_check_pace)
    _fallback: Responder | None = attrs.field(default=None, kw_only=True, repr=False, validator=_check_responder)
    _ignore: Sequence[str] = attrs.field(default=(), kw_only=True, repr=False, validator=_check_ignore)
    _responders: Sequence[Responder] = attrs.field(default=(), kw_only=True, repr=False, validator=_check_responders)
    _max_body: int = attrs.field(default=MAX_BODY, kw_only=True, repr=False, validator=_check_max_body)
    _request_log: int | None = attrs.field(default=None, kw_only=True, repr=False, validator=_check_limit)
    _clock: Clock = attrs.field(factory=LoopClock, kw_only=True, repr=False)

    _book: RuleBook = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: RuleBook(self._request_log), takes_self=True)
    )
    _chain: Chain | None = attrs.field(init=False, repr=False, default=None)
    _player: Player | None = attrs.field(init=False, repr=False, default=None)
    _opened: contextlib.ExitStack = attrs.field(init=False, repr=False, factory=contextlib.ExitStack)
    _levels: list[list[Exception]] = attrs.field(init=False, repr=False, factory=lambda: [[]])
    _served_count: int = attrs.field(init=False, repr=False, default=0)
    _under_way: dict[int, Request] = attrs.field(init=False, repr=False, factory=dict)
    _servers: list[Served] = attrs.field(init=False, repr=False, factory=list)
    _turns: Iterator[int] = attrs.field(init=False, repr=False, factory=itertools.count)

    # --- entering and leaving

    def __enter__(self) -> NoReturn:
        if self.active:
            raise KMockError('This handler is entered already: use it as it is, without another `with`.')
        raise KMockError('A handler is entered with `async with`. Without an event loop: `with kmock.serve() as k:`.')

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Self:
        if len(self._levels) == 1:
            self._open()
        self._levels.append([])
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        errors = self._levels.pop()
        if len(self._levels) == 1:
            self._levels[0] = errors  # they can still be looked at
            await self._close()
        if self.strict and errors:
            if exc is not None:  # the test's own failure goes first
                exc.add_note('Errors of kmock: ' + '; '.join(_describe(each) for each in errors))
            else:
                raise errors[0] if len(errors) == 1 else ExceptionGroup(f'{len(errors)} requests failed', errors)

    def _open(self) -> None:
        self._levels[0] = []
        if self._cassette is not None:
            self._player = self._make_player(self._cassette)
        self._chain = Chain(self._chained())
        self._book.open = True

    def _make_player(self, source: str | os.PathLike[str] | Cassette) -> Player:
        with contextlib.ExitStack() as opened:
            cassette = source if isinstance(source, Cassette) else opened.enter_context(open_cassette(source))
            player = Player(
                cassette,
                clock=pace_clock(self._pace, self._clock),
                redactor=Redactor.of_header(cassette.header),
                ignore=self._ignore,
                max_body=self._max_body,
            )
            self._opened = opened.pop_all()
        return player

    def _chained(self) -> Iterator[Responder]:
        """The responders, in order."""
        yield self._book.responder(fallback=False)
        yield from self._responders
        if self._player is not None:
            yield self._player
        if self._fallback is not None:
            yield self._fallback
        yield self._book.responder(fallback=True)

    async def _close(self) -> None:
        self._chain = None
        self._under_way.clear()
        try:
            await self._book.close()
        finally:
            self._opened.close()

    # --- serving

    async def handle(self, request: Request) -> Answer:
        """Answer the request; errors are answers, too, and are collected in `errors`.

        Raises:
            ConnectionError: the client left before its request was complete.
        """
        self._under_way[request.id] = request
        try:
            self._served_count += 1
            if self.limit is not None and self._served_count > self.limit:
                raise LimitError(f'limit={self.limit}: no more requests are served than that. Raise the limit.')
            if not request.content.kept and (not self._responders or self._book.wants_body(request)):
                await request.read(self._max_body)
            failed = self._book.journal.append(request)
            if failed:
                for exc in failed[1:]:
                    self._collect(exc)
                raise failed[0]
            answer = await self._handle(request)
        except UpstreamError as exc:
            # No answer there, no answer here: that is traffic, not an error of ours.
            return Answer.disconnect(Ending.RESET if exc.reset else Ending.CUT)
        except Exception as exc:
            if isinstance(exc, ConnectionError) and not request.content.kept:
                raise
            answer = await self._answer_error(exc)
        if isinstance(answer, Answer) and not isinstance(answer.body, bytes):
            return dataclasses.replace(answer, body=_Guarded(answer.body, request, self._collect, self._stream_error))
        return answer

    async def _handle(self, request: Request) -> Answer:
        """Ask the chain. To be overridden, and called by `super()`.

        Raises:
            NoAnswerError: nobody in the chain has an answer.
            UnmatchedError: the same, when a cassette is replayed.
        """
        if self._chain is None:
            raise KMockError(f'{request!r} came to a handler that is not running. Enter it with `async with`.')
        answer = await self._chain.respond(request)
        if answer is not None:
            return answer
        if self._player is not None:
            raise _Unmatched(self._player.explain(request), kubernetes=request.call is not None)
        raise NoAnswerError(self._explain(request))

    def _explain(self, request: Request) -> str:
        """What is to be written so that the request has an answer, and what was nearly that."""
        method, path = request.method, request.path
        known = method in boxes.STANDARD_METHODS
        rule = repr(f'{method.lower()} {path}') if known else f'kmock.method({method!r}), {path!r}'
        mend = (
            f'No rule for {method} {path}. Add kmock[{rule}] << ..., '
            'or a fallback for all that has no rule: kmock.fallback << 404.'
        )
        with self._book.journal.lock:
            closest = closest_rules(self._book, request)
        return '\n'.join([mend, *(f'Closest rule: {each}' for each in closest)])

    def _near_misses(self) -> list[str]:
        """What to show when a test fails, besides the errors: requests that came near a rule; a line for each."""
        return []

    async def _render_error(self, exc: Exception) -> Answer:
        """The answer to a request that failed. To be overridden, and called by `super()`."""
        if isinstance(exc, UnmatchedError):
            if getattr(exc, 'kubernetes', False):
                return Answer.json(failure_status(599, str(exc)), status=599)
            return _text_answer(599, str(exc))
        if isinstance(exc, KubernetesError):
            return Answer.json(_status_of(exc), status=exc.status)
        return _text_answer(413 if isinstance(exc, BodyTooLongError) else 500, _describe(exc))

    async def _stream_error(self, exc: Exception, response: StreamWriter) -> None:
        """Called when the body of an answer fails on its way. To be overridden: what is written here is sent at last.

        If nothing is written, the response is cut, so that the client notices. A KubernetesError is written as an
        ERROR event of a watch.
        """
        if isinstance(exc, KubernetesError):
            event = {'type': 'ERROR', 'object': _status_of(exc)}
            await response.write(json.dumps(event, separators=(',', ':')).encode() + b'\n')

    async def _answer_error(self, exc: Exception) -> Answer:
        self._collect(exc)
        try:
            answer: Any = self._render_error(exc)
            answer = await answer if inspect.isawaitable(answer) else answer
        except Exception as another:  # of an overridden method
            self._collect(another)
            return _text_answer(500, _describe(another))
        else:
            rendered: Answer = answer
            return rendered

    def _collect(self, exc: Exception) -> None:
        self._levels[-1].append(exc)

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Take notice that an exchange is over, and pass that on to the responders that want to know."""
        self._under_way.pop(request.id, None)
        if self._chain is not None:
            self._chain.observe(request, answer, outcome)
        request.forget_derived()

    # --- what has happened

    @property
    def errors(self) -> list[Exception]:
        """The errors of requests since the handler was entered (the last time, if it was so several times)."""
        return self._levels[-1]

    @property
    def active(self) -> bool:
        """Whether the handler is entered, so that it answers requests."""
        return self._chain is not None

    @property
    def under_way(self) -> list[Request]:
        """The requests that came, and whose responses have not ended."""
        return list(self._under_way.values())

    @property
    def cassette(self) -> Player:
        """What became of the cassette: `.played`, `.unused`, `.unmatched`.

        Raises:
            KMockError: there is none, or the handler has not been entered.
        """
        if self._player is None:
            raise KMockError('No cassette is played. Give one: RawHandler(cassette=path), and enter the handler.')
        return self._player

    # --- servers and clients

    def attach(self, server: Served) -> None:
        """Called by a server that begins to serve this handler."""
        self._servers.append(server)

    def detach(self, server: Served) -> None:
        """Called by that server when it has stopped."""
        with contextlib.suppress(ValueError):
            self._servers.remove(server)

    @property
    def servers(self) -> list[Served]:
        """The servers that serve this handler now, in the order of their starts."""
        return list(self._servers)

    @property
    def clients(self) -> list[Any]:
        """The clients of the servers (each an aiohttp.ClientSession), in the same order."""
        return [server.client for server in self._servers]

    @property
    def urls(self) -> list[TextURL]:
        """The root URLs of the servers, without trailing slashes."""
        return [server.url for server in self._servers]

    @property
    def url(self) -> TextURL:
        """The root URL of the first server.

        Raises:
            KMockError: no server serves the handler.
        """
        return self._running()[0].url

    @property
    def kubeconfig(self) -> pathlib.Path:
        """A kubeconfig that leads to the first server, for any client, TLS included; removed when the server stops.

        Raises:
            KMockError: no server serves the handler.
        """
        return self._running()[0].kubeconfig

    def _running(self) -> list[Served]:
        if not self._servers:
            raise KMockError('No server serves this handler. Start one: `async with handler, Server(handler):`.')
        return self._servers

    def _next_client(self) -> Any:
        servers = self._running()
        return servers[next(self._turns) % len(servers)].client

    def request(self, method: str, url: Any, **kwargs: Any) -> Any:
        """Send a request by a server's own client, the servers taking turns; as aiohttp.ClientSession.request().

        The result can be awaited, or entered with `async with` for a stream. Relative URLs go to the server.
        """
        return self._next_client().request(method, url, **kwargs)

    def get(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.get(); see `request`."""
        return self._next_client().get(url, **kwargs)

    def options(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.options(); see `request`."""
        return self._next_client().options(url, **kwargs)

    def head(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.head(); see `request`."""
        return self._next_client().head(url, **kwargs)

    def post(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.post(); see `request`."""
        return self._next_client().post(url, **kwargs)

    def put(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.put(); see `request`."""
        return self._next_client().put(url, **kwargs)

    def patch(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.patch(); see `request`."""
        return self._next_client().patch(url, **kwargs)

    def delete(self, url: Any, **kwargs: Any) -> Any:
        """As aiohttp.ClientSession.delete(); see `request`."""
        return self._next_client().delete(url, **kwargs)


def _describe(exc: BaseException) -> str:
    text = str(exc)
    return f'{type(exc).__name__}: {text}' if text else type(exc).__name__


def _status_of(exc: KubernetesError) -> dict[str, Any]:
    return failure_status(exc.status, exc.message or '', exc.reason, exc.details)


def _text_answer(status: int, text: str) -> Answer:
    body = f'{text}\n'.encode(errors='replace')
    return Answer(status=status, headers=(('Content-Type', 'text/plain; charset=utf-8'),), body=body)


class _Guarded:
    """The body of an answer whose errors are collected; what then is sent is what `_stream_error` writes, or a cut."""

    __slots__ = ('_body', '_collect', '_last_words', '_render', '_request')

    def __init__(
        self,
        body: AsyncIterator[bytes],
        request: Request,
        collect: Callable[[Exception], None],
        render: Callable[[Exception, StreamWriter], Awaitable[None]],
    ) -> None:
        self._body = body
        self._request = request
        self._collect = collect
        self._render = render
        self._last_words: list[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._last_words is not None:
            return self._last_word()
        try:
            return await self._body.__anext__()
        except (StopAsyncIteration, BodyInterrupted):
            raise
        except Exception as exc:
            words = await self._fail(exc)
            if not words:
                raise BodyInterrupted(Ending.CUT, _describe(exc)) from exc
        return self._last_word()

    def _last_word(self) -> bytes:
        if not self._last_words:
            raise StopAsyncIteration
        return self._last_words.pop(0)

    async def _fail(self, exc: Exception) -> list[bytes]:
        self._collect(exc)
        words = self._last_words = []
        try:
            await self._render(exc, self)
        except Exception as another:  # of an overridden method
            self._collect(another)
        return words

    @property
    def request(self) -> Request:
        """For `_stream_error`."""
        return self._request

    async def write(self, data: bytes) -> None:
        """For `_stream_error`."""
        if self._last_words is not None and data:
            self._last_words.append(bytes(data))

    async def aclose(self) -> None:
        close = getattr(self._body, 'aclose', None)
        if close is not None:
            await close()
