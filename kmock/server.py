"""The server edge: it listens, turns what aiohttp reads into requests, and sends a handler's answers; TLS; upgrades.

How an answer becomes bytes is in `wire.py`; how a connection leaves HTTP is in `tunnels.py`; how clients are led here
by foreign hostnames is in `hostnames.py`.
"""

import asyncio
import contextlib
import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

import aiohttp
import yarl
from aiohttp import web

from kmock.certificates import Authority, Certification
from kmock.chain import Handler, WithUsers
from kmock.client_config import kubeconfig_text, temporary_kubeconfig, write_private
from kmock.clock import Clock, LoopClock
from kmock.errors import KMockError
from kmock.hostnames import AiohttpInterceptor, HostFilter, ResolverFilter
from kmock.listening import BACKLOG, bind_all, reachable, resolve
from kmock.messages import Answer, Duplex, Ending, Outcome, Request
from kmock.tunnels import Connection, Tunnel
from kmock.unread import UnreadResponses
from kmock.urls import TextURL
from kmock.version import __version__
from kmock.wire import (
    BrokenBodyError,
    HeadError,
    adapted,
    flush,
    incoming_body,
    incoming_headers,
    reset_connection,
    send_answer,
    switching_head,
    transport_beneath,
)

__all__ = ['Server']

logger = logging.getLogger('kmock')

_FIELD_LIMIT = 256 * 1024  # bearer tokens and kubectl's annotations in URLs outgrow aiohttp's 8 KiB
_LINGERING_SECONDS = 2.0
_SSL_SHUTDOWN_SECONDS = 2.0
_STOP_SECONDS = 10.0


class _Sent(web.StreamResponse):
    """What aiohttp is told of an answer that is on the wire already: whether its connection lives on."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b'') -> None:
        return None


_KEPT = _Sent(keep_alive=True)
_CLOSED = _Sent(keep_alive=False)


def _check(handler: object, **options: Any) -> None:
    """Refuse what no server can be made of."""
    port, agent = options['port'], options['user_agent']
    lacking = [each for each in ('handle', 'observe', 'attach', 'detach') if not callable(getattr(handler, each, None))]
    if lacking or isinstance(handler, type):
        raise KMockError(f'A server serves a handler, such as kmock.RawHandler(), not {handler!r}.')
    if not isinstance(options['host'], str):
        raise KMockError(f"host={options['host']!r}: a host is a name or an address of this machine; '' takes all.")
    if port is not None and (isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535):
        raise KMockError(f'port={port!r}: a port is a number from 1 to 65535; None takes a free one.')
    if not isinstance(options['tls'], bool):
        raise KMockError(f'tls={options["tls"]!r}: it is True for HTTPS, or False. The certificate is made by kmock.')
    if options['client_ca'] is not None and not options['tls']:
        raise KMockError('Client certificates (client_ca) need TLS. Add tls=True, or leave client_ca out.')
    if not isinstance(options['client_ca'], str | os.PathLike | None):
        raise KMockError(f'client_ca={options["client_ca"]!r}: it is the path of a PEM file, or None.')
    if options['client_fct'] is not None and not callable(options['client_fct']):
        raise KMockError(
            f'client_fct={options["client_fct"]!r}: it is called with the URL, to make an aiohttp.ClientSession.'
        )
    if agent is not None and (not isinstance(agent, str) or any(char in agent for char in '\r\n\0')):
        raise KMockError(f'user_agent={agent!r}: it is one line of text, or None.')


class Server:
    """An HTTP/1.1 server of one handler, on one address and port; an asynchronous context manager.

    Args:
        handler: who answers. It is told of the server while that runs (`attach`, `detach`).
        host: a name or an address of this machine.
        port: None takes a free one.
        tls: serve HTTPS, with a certificate of a throw-away authority (see `authority` and `ca_path`).
        client_ca: with TLS, a PEM file: clients must show a certificate of that authority, or of `authority`.
        clock: what `Request.arrived` is measured with.
        hostnames: names, addresses, `(host, port)`, regexps, or a collection of those, that lead every aiohttp client
            of this process to this server while it is open; see `hostnames.py`.
        client_fct: makes the server's own client from its root URL; None for a plain aiohttp.ClientSession.
        user_agent: how the server's own client calls itself; None for `kmock/… aiohttp/…`.
    """

    def __init__(
        self,
        handler: Handler,
        host: str = '127.0.0.1',
        port: int | None = None,
        *,
        tls: bool = False,
        client_ca: Path | None = None,
        clock: Clock | None = None,
        hostnames: ResolverFilter | None = None,
        client_fct: Callable[[yarl.URL], aiohttp.ClientSession] | None = None,
        user_agent: str | None = None,
    ) -> None:
        _check(
            handler, host=host, port=port, tls=tls, client_ca=client_ca, client_fct=client_fct, user_agent=user_agent
        )
        self._handler = handler
        self._host = host
        self._wanted_port = port
        self._tls = tls
        self._client_ca = client_ca
        self._clock = clock or LoopClock()
        self._hostnames = hostnames
        self._named_hosts = HostFilter(hostnames).names
        self._client_fct = client_fct
        self._user_agent = user_agent
        self._scheme = 'https' if tls else 'http'
        self._port: int | None = None
        self._authority: Authority | None = None
        self._ca_directory: tempfile.TemporaryDirectory[str] | None = None
        self._kubeconfig_directory: tempfile.TemporaryDirectory[str] | None = None
        self._kubeconfig_tokens: dict[str, str] = {}
        self._interception: AiohttpInterceptor | None = None
        self._client: aiohttp.ClientSession | None = None
        self._unread = UnreadResponses()
        self._listeners: list[asyncio.Server] = []
        self._manager: web.Server | None = None
        self._handshakes: set[asyncio.Task[object]] = set()
        self._transports: dict[asyncio.Transport, asyncio.Transport] = {}
        self._tunnels: set[asyncio.Task[object]] = set()
        self._exchanges = 0
        self._stopping = False
        self._idle = asyncio.Event()

    def __repr__(self) -> str:
        return f'<Server {self.url if self._port else self._host}>'

    # --- what it is

    @property
    def host(self) -> str:
        """The host as it was given."""
        return self._host

    @property
    def port(self) -> int:
        """The port that the server listens on; known once it is entered."""
        if self._port is None:
            raise KMockError('The server has no port before it is entered. Use `async with server: ...`.')
        return self._port

    @property
    def url(self) -> TextURL:
        """The root URL, without a trailing slash; any address of the machine appears as the loopback one."""
        host = reachable(self._host)
        return TextURL(f'{self._scheme}://{f"[{host}]" if ":" in host else host}:{self.port}')

    @property
    def authority(self) -> Authority:
        """Who signed the server's certificate; it issues certificates for clients, too."""
        if self._authority is None:
            raise KMockError('Only an entered server with tls=True has a certificate authority.')
        return self._authority

    @property
    def ca_path(self) -> Path:
        """A PEM file with the authority's certificate, for clients to trust; it is removed when the server stops."""
        if self._ca_directory is None:
            raise KMockError('Only an entered server with tls=True has a certificate authority.')
        return Path(self._ca_directory.name, 'ca.pem')

    @property
    def server(self) -> web.Server | None:
        """What aiohttp makes of it, while it is entered."""
        return None if self._stopping else self._manager

    @property
    def client(self) -> aiohttp.ClientSession:
        """A client that resolves relative URLs against this server and trusts it; closed with the server."""
        if self._client is None:
            self._demand_running('client')
            self._client = self._make_client()
        return self._client

    def _make_client(self) -> aiohttp.ClientSession:
        default_agent = f'kmock/{__version__} aiohttp/{aiohttp.__version__}'
        if self._client_fct is None:
            trust = self.authority.client_context('kmock' if self._client_ca else None) if self._tls else True
            agent = self._user_agent or default_agent
            connector = aiohttp.TCPConnector(ssl=trust)
            return aiohttp.ClientSession(
                self.url, connector=connector, headers={'User-Agent': agent}, trace_configs=[self._unread.trace]
            )
        client = self._client_fct(yarl.URL(self.url))
        if self._user_agent or 'User-Agent' not in client.headers:
            client.headers['User-Agent'] = self._user_agent or default_agent
        if self._interception is not None:
            self._interception.adopt(client)
        return client

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for clients of this server, readable by its owner only; it is removed when the server stops.

        If the handler has users with tokens, each has a context by its name, and the first one's is the current one;
        the file is then as of the last time that it was asked for.
        """
        tokens = dict(self._handler.client_tokens) if isinstance(self._handler, WithUsers) else {}
        if self._kubeconfig_directory is None:
            self._demand_running('kubeconfig')
            self._kubeconfig_directory = temporary_kubeconfig(self._kubeconfig_text(tokens))
        path = Path(self._kubeconfig_directory.name, 'kubeconfig')
        if tokens != self._kubeconfig_tokens:
            write_private(path, self._kubeconfig_text(tokens))
        self._kubeconfig_tokens = tokens
        return path

    def _kubeconfig_text(self, tokens: Mapping[str, str]) -> str:
        ca = self.authority.pem if self._tls else None
        token = 'kmock' if self._tls else None  # kubectl asks a person for credentials if it has none for TLS
        certificate = self.authority.issue_client('kmock') if self._client_ca is not None else None
        return kubeconfig_text(self.url, ca=ca, token=token, certificate=certificate, tokens=tokens)

    def _demand_running(self, what: str) -> None:
        if self._port is None or self._stopping:
            raise KMockError(f'The server has a {what} only while it is entered.')

    # --- its life

    def __enter__(self) -> NoReturn:
        raise KMockError(f'{self!r} is entered with `async with`. Without an event loop: `with kmock.serve() as k:`.')

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Self:
        if self._manager is not None:
            raise KMockError('This server runs already, or ran before. Make a new one.')
        context = self._prepare_tls()
        self._manager = web.Server(self._serve, handler_cancellation=True)
        try:
            self._port = await self._listen(context)
            await self._intercept(context)
            self._handler.attach(self)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._stopping:
            await self._stop()
            self._handler.detach(self)

    def _prepare_tls(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        self._authority = Authority()
        context = self._authority.server_context(*self._certified_names, client_ca=self._client_ca)
        self._ca_directory = self._authority.write_pem()
        return context

    async def _listen(self, context: ssl.SSLContext | None) -> int:
        """Listen on all addresses of the host, on the same port."""
        loop = asyncio.get_running_loop()
        sockets = bind_all(self._host, await resolve(self._host), self._wanted_port)
        with contextlib.ExitStack() as stack:
            for sock in sockets:
                stack.callback(sock.close)
            for sock in sockets:
                self._listeners.append(
                    await loop.create_server(
                        self._connect,
                        sock=sock,
                        ssl=context,
                        backlog=BACKLOG,
                        ssl_shutdown_timeout=None if context is None else _SSL_SHUTDOWN_SECONDS,
                    )
                )
            stack.pop_all()
        port: int = sockets[0].getsockname()[1]
        return port

    async def _intercept(self, context: ssl.SSLContext | None) -> None:
        security = None if context is None else Certification(self.authority, context, self._certified_names)
        interception = AiohttpInterceptor(self._host, self._port, self._hostnames, security=security)
        self._interception = await interception.__aenter__()

    @property
    def _certified_names(self) -> tuple[str, ...]:
        return (self._host or '127.0.0.1', 'localhost', '127.0.0.1', '::1', *self._named_hosts)

    def _connect(self) -> Connection:
        # asyncio calls this within a task that lasts until the handshake is done, and that it keeps to itself.
        task = asyncio.current_task()
        if task is not None:
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)
        return Connection(
            self._manager,
            loop=asyncio.get_running_loop(),
            on_made=self._remember,
            on_lost=self._forget,
            access_log=None,
            auto_decompress=False,
            lingering_time=_LINGERING_SECONDS,
            max_field_size=_FIELD_LIMIT,
            max_line_size=_FIELD_LIMIT,
        )

    def _remember(self, transport: asyncio.Transport) -> None:
        # Asked now: once it is closed twice, a TLS transport forgets what is beneath it, and can't be aborted.
        self._transports[transport] = transport_beneath(transport)

    def _forget(self, transport: asyncio.Transport) -> None:
        self._transports.pop(transport, None)
        self._note_idleness()

    def _note_idleness(self) -> None:
        if self._stopping and not self._exchanges and not self._transports:
            self._idle.set()

    async def _stop(self) -> None:
        """End everything promptly: streams are cut, whatever clients have not taken yet is dropped."""
        self._stopping = True
        client, self._client = self._client, None
        self._unread.close()
        if client is not None:
            await client.close()
        if self._interception is not None:
            await self._interception.__aexit__()
        await self._stop_listening()
        for task in self._tunnels:
            task.cancel()
        for transport, beneath in list(self._transports.items()):
            if not transport.is_closing():
                transport.close()  # TLS says goodbye here, and would wait for an answer
            beneath.abort()
        self._note_idleness()
        try:
            await asyncio.wait_for(self._idle.wait(), _STOP_SECONDS)
        except TimeoutError:
            logger.error(
                '%d exchanges and %d connections did not end when the server stopped.',
                self._exchanges,
                len(self._transports),
            )
        await self._await_connections()
        for directory in (self._ca_directory, self._kubeconfig_directory):
            if directory is not None:
                directory.cleanup()
        self._ca_directory = self._kubeconfig_directory = None

    async def _stop_listening(self) -> None:
        """Accept nobody any more, and give up the handshakes that are not done."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            for sock in listener.sockets:
                loop.remove_reader(sock.fileno())
        # Connections that are accepted already get what they lack: asyncio leaks them if their listener is closed,
        # or their task is cancelled, before they have a transport.
        for _ in range(3):
            await asyncio.sleep(0)
        for listener in self._listeners:
            listener.close()
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    async def _await_connections(self) -> None:
        """Give aiohttp's tasks, which wait for nothing any more, the few turns of the loop that they need."""
        for _ in range(100):
            if self._manager is None or not self._manager.connections:
                return
            await asyncio.sleep(0)

    # --- exchanges

    async def _serve(self, incoming: web.BaseRequest) -> web.StreamResponse:
        request = Request(
            arrived=self._clock.now(),
            method=incoming.method,
            target=incoming.raw_path,
            headers=incoming_headers(incoming),
            content=incoming_body(incoming),
            base_url=self._base_url(incoming),
        )
        answer: Answer | None = None
        outcome = Outcome.ERROR
        kept = False
        self._exchanges += 1
        try:
            answer = await self._answer(incoming, request)
            if answer is None:
                outcome = Outcome.CLIENT_CLOSED
            elif answer.upgrade is not None:
                answer, outcome, kept = await self._upgrade(incoming, request, answer)
            else:
                answer, outcome, kept = await self._send(incoming, request, answer)
        except asyncio.CancelledError:
            if incoming.transport is None:
                outcome = Outcome.CLIENT_CLOSED
            elif answer is not None:
                outcome = Outcome.SERVER_CLOSED
            raise
        except Exception:
            # Not aiohttp's matter: it would send another answer, maybe behind this one.
            logger.exception('Answering %s %s failed, so the connection is closed.', request.method, request.target)
            outcome = Outcome.SERVER_CLOSED
        finally:
            self._exchanges -= 1
            self._observe(request, answer, outcome)
            self._note_idleness()
        connection = incoming.protocol
        if kept and isinstance(connection, Connection) and connection.holds_for(incoming):
            # Only when aiohttp has finished this exchange does its parser expect another request.
            asyncio.get_running_loop().call_soon(connection.release)
        return _KEPT if kept else _CLOSED

    def _base_url(self, incoming: web.BaseRequest) -> str:
        host = incoming.headers.get('Host')
        return f'{self._scheme}://{host}' if host else self.url

    async def _answer(self, incoming: web.BaseRequest, request: Request) -> Answer | None:
        """Ask the handler; None if the client left while it was asked."""
        try:
            return adapted(await self._handler.handle(request))
        except BrokenBodyError as error:
            return _refusal(400, str(error))
        except KMockError as error:
            logger.exception('The handler failed at %s %s.', request.method, request.target)
            return _refusal(500, str(error))
        except Exception:
            if incoming.transport is None:
                return None
            logger.exception('The handler failed at %s %s.', request.method, request.target)
            return _refusal(500, 'The handler failed; the log of the server tells more.')

    async def _send(
        self,
        incoming: web.BaseRequest,
        request: Request,
        answer: Answer,
    ) -> tuple[Answer, Outcome, bool]:
        try:
            return answer, *await send_answer(incoming, answer)
        except HeadError as error:
            logger.error("The answer to %s %s can't be sent. %s", request.method, request.target, error)
            answer = _refusal(500, str(error))
            return answer, *await send_answer(incoming, answer)

    async def _upgrade(
        self,
        incoming: web.BaseRequest,
        request: Request,
        answer: Answer,
    ) -> tuple[Answer, Outcome, bool]:
        """Take the connection over from aiohttp, and tunnel until either side ends."""
        far = answer.upgrade
        assert far is not None
        connection = incoming.protocol
        tunnel: Tunnel | None = None
        try:
            if answer.status != 101:
                return await self._send(incoming, request, answer)
            if not isinstance(connection, Connection) or not connection.holds_for(incoming):
                logger.error('%s %s was upgraded, but had not asked for it.', request.method, request.target)
                return await self._send(incoming, request, _refusal(500, 'Only a request for an upgrade can have one.'))
            try:
                head = switching_head(incoming, answer)
                tunnel = Tunnel(connection)
            except HeadError:
                return await self._send(incoming, request, answer)
            except ConnectionResetError:
                return answer, Outcome.CLIENT_CLOSED, False
            return answer, await self._tunnel(tunnel, head, far), False
        finally:
            try:
                await far.close()
            except Exception:
                logger.exception('The far side of an upgraded connection could not be closed.')
            if tunnel is not None:
                tunnel.finish()

    async def _tunnel(self, tunnel: Tunnel, head: bytes, far: Duplex) -> Outcome:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        try:
            tunnel.transport.write(head)
            outcome, ending = await tunnel.pump(far)
            if ending is Ending.RESET:
                await flush(tunnel.transport)
                reset_connection(tunnel.transport)
        finally:
            self._tunnels.discard(task)
            await tunnel.close()
        return outcome

    def _observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        if self._stopping and outcome in _INTERRUPTED:
            outcome = Outcome.UNFINISHED
        try:
            self._handler.observe(request, answer, outcome)
        except Exception:
            logger.exception('The handler failed to observe the end of %s %s.', request.method, request.target)


_INTERRUPTED = frozenset({Outcome.CLIENT_CLOSED, Outcome.SERVER_CLOSED, Outcome.ERROR})


def _refusal(status: int, text: str) -> Answer:
    return Answer(status=status, headers=(('Content-Type', 'text/plain; charset=utf-8'),), body=f'{text}\n'.encode())
