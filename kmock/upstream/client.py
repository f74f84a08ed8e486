"""Upstream: the responder that asks a real server, and passes everything on as it came, both ways."""

import asyncio
import datetime
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from multidict import CIMultiDict

from kmock.clock import Clock, LoopClock
from kmock.errors import ClusterError, UpstreamError
from kmock.messages import Answer, BodyInterrupted, Request
from kmock.upstream.bodies import MAX_KEPT, ResponseBody, Upload
from kmock.upstream.failures import CONNECT_SECONDS, FOREIGN, explain
from kmock.upstream.target import Headers, Login, Target, passing_headers, request_headers, wants_upgrade
from kmock.upstream.tunnel import RawConnection

__all__ = ['Upstream']

logger = logging.getLogger(__name__)

_SWITCHING = 101
_UNAUTHORIZED = 401
_PROBE_SECONDS = 10.0
_EARLY = datetime.timedelta(seconds=60)
"""Credentials are renewed so long before they expire; sooner for those that live shortly: see `Upstream._adopt`."""
_PAUSE = datetime.timedelta(seconds=1)
"""The least time between two renewals ahead of time."""
_PATIENCE = datetime.timedelta(seconds=5)
"""How long to wait before trying again what failed: a renewal, or a renewed login that was refused."""


class Upstream:
    """Asks the target whatever it is asked. Nothing is followed, repeated, unpacked or cached.

    The one exception: a 401 makes it log in anew, if that can change anything, and ask once more; `on_retry` is told.
    """

    def __init__(
        self,
        target: Target,
        *,
        clock: Clock | None = None,
        on_retry: Callable[[Request, str], None] | None = None,
    ) -> None:
        self.target = target
        self.on_retry = on_retry
        """Called with a request that is repeated with fresh credentials, and a remark for people."""
        self._clock = clock or LoopClock()
        self._renew = target.log_in if target.renewable else None
        self._session: aiohttp.ClientSession | None = None
        self._tunnels: set[RawConnection] = set()
        self._lock = asyncio.Lock()
        self._logging_in: asyncio.Task[Login] | None = None
        self._trusted = True  # whether the present login is known to be good, or has not been renewed yet
        self._renewed = self._clock.wall()
        self._adopt(target.login)

    @property
    def login(self) -> Login:
        """The credentials that are used at present."""
        return self._login

    async def __aenter__(self) -> 'Upstream':
        """Log in. Raises ClusterError if the credentials can't be had."""
        if self.target.log_in is not None:
            self._adopt(await self.target.log_in())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            skip_auto_headers=('User-Agent', 'Accept', 'Accept-Encoding', 'Content-Type'),
            auto_decompress=False,
            max_line_size=1 << 18,
            max_field_size=1 << 18,
        )
        # Otherwise aiohttp repeats idempotent requests whose kept-alive connection turns out to be dropped.
        self._session._retry_connection = False
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if self._logging_in is not None:
            self._logging_in.cancel()
            await asyncio.wait([self._logging_in])
        for tunnel in self._tunnels:
            tunnel.abort()
        self._tunnels.clear()
        if session is not None:
            await session.close()

    # --- requests

    async def respond(self, request: Request) -> Answer:
        """Pass the request on, and the answer back.

        Raises:
            UpstreamError: there was no answer. What the client's own side of the body raises is passed on as it is.
        """
        login = await self._present_login()
        upload = Upload(request)
        ask = self._ask_raw if wants_upgrade(request) or _has_odd_bytes(request) else self._ask
        answer = await ask(request, login, upload)
        if answer.status != _UNAUTHORIZED:
            self._trusted = True
            return answer
        fresh = await self._fresh_login_or_close(login, answer) if upload.repeatable else None
        if fresh is None:
            return answer
        await _close(answer)
        logger.info('%s %s: 401; logged in anew, and asked again.', request.method, request.path)
        if self.on_retry is not None:
            self.on_retry(request, 'repeated after a 401, with fresh credentials')
        return await ask(request, fresh, upload)

    async def _ask(self, request: Request, login: Login, upload: Upload) -> Answer:
        headers = request_headers(request, self.target, login)
        data = upload.data()
        try:
            response = await self._request(request.method, request.target, headers, login, data)
        except FOREIGN as exc:
            if upload.failure is not None:
                raise upload.failure from None
            raise explain(exc, self.target) from exc
        if response.status == _SWITCHING:
            response.close()
            raise UpstreamError(f'{self.target.url}: the server switched protocols without being asked to.')
        return Answer(
            status=response.status,
            reason=response.reason or '',
            headers=tuple(passing_headers(_decoded(response.raw_headers))),
            # On what has no body, aiohttp's iteration by chunks never ends.
            body=b'' if _is_bodyless(response) else ResponseBody(response, upload),
        )

    async def _request(
        self, method: str, target: str, headers: Headers, login: Login, data: Any = None
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError('An upstream is used as an asynchronous context manager: `async with Upstream(...)`.')
        framing = [('Transfer-Encoding', 'chunked')] if data is not None and not _has_length(headers) else []
        return await self._session.request(
            method,
            self.target.resolve(target),
            headers=CIMultiDict(headers),
            data=data,
            chunked=True if framing else None,
            allow_redirects=False,
            ssl=login.tls or True,
            server_hostname=self.target.server_name,
            proxy=self.target.proxy,
            middlewares=(_with_head(headers + framing),),
        )

    async def _ask_raw(self, request: Request, login: Login, upload: Upload) -> Answer:
        """Ask on a connection of its own: for an upgrade, or for bytes that aiohttp would drop."""
        upgrade = wants_upgrade(request)
        body = b'' if upload.empty else await request.read(MAX_KEPT)
        headers = request_headers(request, self.target, login, upgrade=upgrade)
        if body and not _has_length(headers):
            headers.append(('Content-Length', str(len(body))))
        if not upgrade:
            headers.append(('Connection', 'close'))
        connection: RawConnection | None = None
        try:
            connection = await RawConnection.open(self.target, login)
            self._tunnels = {each for each in self._tunnels if not each.closed} | {connection}
            await connection.send_head(request.method, self.target.path(request.target), headers, body)
            return await connection.receive(request.method)
        except BaseException as exc:
            if connection is not None:
                connection.abort()
            if isinstance(exc, FOREIGN):
                raise explain(exc, self.target) from exc
            raise

    # --- credentials

    def _adopt(self, login: Login) -> None:
        self._login = login
        self._due: datetime.datetime | None = None
        if login.expires is not None:
            now = self._clock.wall()
            # A plugin with a wrong clock gives what has expired already: better than to run it at every request.
            self._due = max(login.expires - min(_EARLY, (login.expires - now) / 5), now + _PAUSE)

    async def _present_login(self) -> Login:
        """The login to use now; renewed if it is about to expire."""
        if self._due is None or self._renew is None or self._clock.wall() < self._due:
            return self._login
        async with self._lock:
            if self._due is not None and self._clock.wall() >= self._due:
                try:
                    self._adopt(await self._log_in(self._renew))
                except ClusterError as exc:
                    now = self._clock.wall()
                    if self._login.expires is None or now >= self._login.expires:
                        raise UpstreamError(f'{self.target.url}: the credentials can not be renewed: {exc}') from exc
                    logger.warning('The credentials can not be renewed yet: %s', exc)
                    self._due = min(now + _PATIENCE, self._login.expires)
            return self._login

    async def _log_in(self, renew: Callable[[], Coroutine[Any, Any, Login]]) -> Login:
        """Log in anew; a client that leaves meanwhile does not stop it, as others wait for it, too."""
        if self._logging_in is None or self._logging_in.done():
            self._logging_in = asyncio.create_task(renew())
            self._logging_in.add_done_callback(_take_note)
        return await asyncio.shield(self._logging_in)

    async def _fresh_login_or_close(self, refused: Login, answer: Answer) -> Login | None:
        try:
            return await self._fresh_login(refused)
        except BaseException:
            await _close(answer)
            raise

    async def _fresh_login(self, refused: Login) -> Login | None:
        """Another login than the one that was refused; None if there is none to be had."""
        if self._renew is None:
            return None
        async with self._lock:
            if self._login is not refused:
                return self._login
            if not self._trusted and self._clock.wall() < self._renewed + _PATIENCE:
                return None  # fresh credentials are refused: others would be, too
            try:
                fresh = await self._log_in(self._renew)
            except ClusterError as exc:
                logger.warning('After a 401, the credentials can not be renewed: %s', exc)
                return None
            self._trusted, self._renewed = False, self._clock.wall()
            changed = (fresh.authorization, fresh.tls) != (refused.authorization, refused.tls)
            self._adopt(fresh)
            return fresh if changed else None

    # --- questions of its own

    async def check(self) -> dict[str, Any] | None:
        """Find out whether the server can be reached; give its `/version`, or None if it does not tell.

        Raises:
            UpstreamError: it can't, or its certificate is not trusted.
        """
        login = await self._present_login()
        request = Request.make('GET', '/version', headers={'Accept': 'application/json'})
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                answer = await self._ask(request, login, Upload(request))
        except TimeoutError as exc:
            raise explain(exc, self.target) from exc
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                value = json.loads(await _beginning(answer)) if answer.status == 200 else None
                return value if isinstance(value, dict) else None
        # No JSON, or only a part of it: reachable all the same.
        except (BodyInterrupted, TimeoutError, ValueError, RecursionError):
            return None
        finally:
            await _close(answer)


async def _beginning(answer: Answer) -> bytes:
    """The body of an answer, or of one that does not end soon its first part."""
    if isinstance(answer.body, bytes):
        return answer.body
    data = bytearray()
    async for piece in answer.body:
        data += piece
        if len(data) > MAX_KEPT:
            break
    return bytes(data)


def _take_note(task: asyncio.Task[Login]) -> None:
    # Nobody may be left to hear of the failure; whoever asks next tries again.
    if not task.cancelled():
        task.exception()


def _with_head(headers: Headers) -> aiohttp.ClientMiddlewareType:
    """Send exactly these headers, in this order: aiohttp puts Host first, and adds a length to what has no body."""

    async def exact(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers = CIMultiDict(headers)
        return await handler(request)

    return exact


def _has_odd_bytes(request: Request) -> bool:
    """Whether something is no UTF-8: aiohttp leaves such bytes out without a word."""
    parts = (request.target, *request.headers.keys(), *request.headers.values())
    return any('\udc80' <= char <= '\udcff' for part in parts if not part.isascii() for char in part)


def _has_length(headers: Headers) -> bool:
    return any(name.lower() == 'content-length' for name, _ in headers)


def _is_bodyless(response: aiohttp.ClientResponse) -> bool:
    # An empty body in chunks is something else: it goes on in chunks.
    announced_empty = response.headers.get('Content-Length') == '0'
    return response.method == 'HEAD' or response.status in {204, 304} or announced_empty


def _decoded(headers: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return [
        (name.decode('utf-8', 'surrogateescape'), value.decode('utf-8', 'surrogateescape')) for name, value in headers
    ]


async def _close(answer: Answer) -> None:
    aclose = getattr(answer.body, 'aclose', None)
    if aclose is not None:
        await aclose()
