"""Serving from a background thread, for code without an event loop: `with kmock.serve() as k:`, and plain tests.

The handler and its server live in the thread's loop. Rules can be written, fed and asserted from any thread;
the client of such a server blocks, and gives finished responses, unless it is asked for in the server's own thread.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import inspect
import io
import json
import threading
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from http.cookies import SimpleCookie
from typing import Any, Generic, Self, TypeVar, overload

import aiohttp
import yarl
from multidict import CIMultiDictProxy

from kmock.classes import find_class
from kmock.errors import KMockError
from kmock.handlers import RawHandler
from kmock.kubernetes import KubernetesEmulator
from kmock.server import Server

__all__ = [
    'DEFAULT_CLASS',
    'SERVER_OPTIONS',
    'Background',
    'BackgroundServer',
    'BlockingClient',
    'FinishedResponse',
    'check_options',
    'running',
    'serve',
]

T = TypeVar('T')
H = TypeVar('H', bound=RawHandler)

DEFAULT_CLASS: type[RawHandler] = KubernetesEmulator
"""The most advanced handler that there is."""

SERVER_OPTIONS = ('host', 'port', 'tls', 'client_ca', 'hostnames', 'client_fct', 'user_agent')
"""The options that are the server's; all others are the handler's."""


# --- a handler with its server


def check_options(cls: type[RawHandler], options: Mapping[str, Any]) -> None:
    """Refuse options that neither the handler nor the server has.

    Raises:
        KMockError: the text names the unknown ones, and all that are known.
    """
    parameters = inspect.signature(cls).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    accepted = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
    known = ['cls', *SERVER_OPTIONS, *accepted]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise KMockError(f'kmock has no option {", ".join(unknown)}. With {cls.__name__}, it has {", ".join(known)}.')


@contextlib.asynccontextmanager
async def running(cls: type[H], options: Mapping[str, Any], *, server_class: type[Server] = Server) -> AsyncIterator[H]:
    """An entered handler with one server, for the duration of a block."""
    handler_options = {name: value for name, value in options.items() if name not in SERVER_OPTIONS}
    server_options = {name: value for name, value in options.items() if name in SERVER_OPTIONS}
    async with cls(**handler_options) as handler, server_class(handler, **server_options):
        yield handler


@overload
def serve(cls: type[H], **options: Any) -> 'Background[H]': ...
@overload
def serve(cls: str | None = None, **options: Any) -> 'Background[Any]': ...
def serve(cls: type[H] | str | None = None, **options: Any) -> 'Background[Any]':
    """Serve from a background thread, for the duration of a `with` block that gets the handler.

        with kmock.serve() as k:
            k['get /'] << {'hello': 'world'}
            assert requests.get(k.url).json() == {'hello': 'world'}
            assert k.get('/').status == 200

    Leaving the block ends the thread; what it failed with is raised there.

    Args:
        cls: the class of the handler, or its name, such as 'RawHandler' or 'package.module:Class'; None for the most
            advanced one.
        options: those of the handler, and `host`, `port`, `tls`, `client_ca`, `hostnames`, `client_fct`, `user_agent`
            of the server.

    Raises:
        KMockError: it has no such option, or there is no such class.
    """
    handler_class: type[Any] = DEFAULT_CLASS if cls is None else find_class(cls)
    check_options(handler_class, options)
    return Background(lambda: running(handler_class, options, server_class=BackgroundServer))


# --- the thread


class Background(Generic[T]):
    """An asynchronous context, open in the event loop of a thread of its own; a context manager for other threads."""

    def __init__(self, serve: Callable[[], contextlib.AbstractAsyncContextManager[T]]) -> None:
        self._serve = serve
        # Where nobody leaves the block properly, the thread does not keep the process.
        self._thread = threading.Thread(target=self._run, name='kmock', daemon=True)
        self._served: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._left: concurrent.futures.Future[BaseException | None] = concurrent.futures.Future()
        self._error: BaseException | None = None

    def __enter__(self) -> T:
        if self._thread.ident is not None:
            raise KMockError('This runs in the background already, or ran before. Call `kmock.serve()` anew.')
        self._thread.start()
        try:
            return self._served.result()
        except BaseException:  # it failed to start, or the waiting was interrupted
            self._leave(None)
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self._leave(exc)
        if self._error is None:
            return
        if exc is None:
            raise self._error
        exc.add_note(f'Besides, the server in the background failed: {self._error!r}')

    def _leave(self, exc: BaseException | None) -> None:
        self._left.set_result(exc)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # raised in the thread that waits for this one
            if self._served.done():
                self._error = error
            else:
                self._served.set_exception(error)

    async def _main(self) -> None:
        manager = self._serve()
        served = await manager.__aenter__()
        self._served.set_result(served)
        exc = await asyncio.wrap_future(self._left)
        await manager.__aexit__(None if exc is None else type(exc), exc, None if exc is None else exc.__traceback__)


# --- its client

_LARGE = 2**20  # aiohttp warns of larger bodies, which could stop a loop: here nobody else is in need of it


class BackgroundServer(Server):
    """A server for a thread of its own: to all others it offers a client that blocks."""

    _thread_id: int | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._thread_id = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        return await super().__aenter__()

    @property
    def client(self) -> Any:
        """In the server's own thread, an aiohttp.ClientSession; elsewhere a `BlockingClient`."""
        if threading.get_ident() == self._thread_id:
            return super().client
        self._demand_running('client')
        assert self._loop is not None
        return BlockingClient(self._loop, lambda: super(BackgroundServer, self).client)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinishedResponse:
    """A response that has come as a whole: what aiohttp.ClientResponse has, with nothing left to wait for."""

    method: str
    url: yarl.URL
    status: int
    reason: str | None
    headers: CIMultiDictProxy[str]
    cookies: SimpleCookie
    request_info: aiohttp.RequestInfo
    history: tuple[aiohttp.ClientResponse, ...]
    encoding: str
    body: bytes

    def __repr__(self) -> str:
        return f'<FinishedResponse {self.status} {self.reason} {self.method} {self.url}>'

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def ok(self) -> bool:
        """Whether the status is no error."""
        return self.status < 400

    @property
    def content_type(self) -> str:
        """The type of the body, without parameters."""
        return self.headers.get('Content-Type', 'application/octet-stream').partition(';')[0].strip().lower()

    def read(self) -> bytes:
        """The body."""
        return self.body

    def text(self, encoding: str | None = None, errors: str = 'strict') -> str:
        """The body as text, in the encoding that it declares."""
        return self.body.decode(encoding or self.encoding, errors)

    def json(self) -> Any:
        """The body as parsed JSON, whatever type it declares; None if it is empty."""
        return json.loads(self.text()) if self.body.strip() else None

    def raise_for_status(self) -> None:
        """Raises: aiohttp.ClientResponseError: the status is an error."""
        if not self.ok:
            raise aiohttp.ClientResponseError(
                self.request_info,
                self.history,
                status=self.status,
                message=self.reason or '',
                headers=self.headers,
            )


class BlockingClient:
    """Calls that block until the response is there as a whole; the arguments are those of aiohttp.ClientSession."""

    def __init__(self, loop: asyncio.AbstractEventLoop, session: Callable[[], aiohttp.ClientSession]) -> None:
        """Args: session: gives the session, when it is called in the loop."""
        self._loop = loop
        self._session = session

    def request(self, method: str, url: Any, **kwargs: Any) -> FinishedResponse:
        """As aiohttp.ClientSession.request(), but done when it returns."""
        return _wait(self._loop, self._request(method, url, kwargs))

    def get(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('GET', url, **kwargs)

    def options(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('OPTIONS', url, **kwargs)

    def head(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('HEAD', url, **{'allow_redirects': False, **kwargs})

    def post(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('POST', url, **kwargs)

    def put(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('PUT', url, **kwargs)

    def patch(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('PATCH', url, **kwargs)

    def delete(self, url: Any, **kwargs: Any) -> FinishedResponse:
        return self.request('DELETE', url, **kwargs)

    async def _request(self, method: str, url: Any, kwargs: dict[str, Any]) -> FinishedResponse:
        data = kwargs.get('data')
        if isinstance(data, bytes | bytearray) and len(data) > _LARGE:
            kwargs = {**kwargs, 'data': io.BytesIO(data)}
        async with self._session().request(method, url, **kwargs) as response:
            body = await response.read()
            return FinishedResponse(
                method=response.method,
                url=response.url,
                status=response.status,
                reason=response.reason,
                headers=response.headers,
                cookies=response.cookies,
                request_info=response.request_info,
                history=response.history,
                encoding=response.get_encoding(),
                body=body,
            )


def _wait(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Wait for what is to be done in another thread's loop; if the waiting is interrupted, the work is given up."""
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:  # the loop is closed
        work.close()
        raise KMockError('The server in the background has stopped: use its client within the `with` block.') from error
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
