"""Hostnames that lead the aiohttp clients of this process to a server while it is open; nothing is done to real DNS.

Each direct connection of aiohttp is made by `TCPConnector._create_direct_connection`. While any interceptor is open,
that method is wrapped: for a destination that is a server's own address, or one of its hostnames, it runs with
a stand-in for the connector that differs in two things: where the host is, and how TLS is spoken there. Own addresses
go before hostnames, and among hostnames those of the latest interceptor. Tools that replace the connector's resolver,
as `aresponses` does, are thereby bypassed for these destinations, in whatever order they are set up, and only for them.

A redirected connection speaks what the server speaks, be the client's URL http or https: plain HTTP, or TLS with
a certificate for the host, which clients trust unless they bring an SSL context of their own.
"""

import ipaddress
import re
import ssl
import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, Self, TypeAlias, TypedDict

import aiohttp
import yarl

from kmock.errors import KMockError
from kmock.listening import reachable, resolve

__all__ = [
    'AiohttpInterceptor',
    'HostFilter',
    'ResolvedHost',
    'ResolverFilter',
    'ResolverHostOnly',
    'ResolverHostPort',
    'ResolverHostSpec',
    'Security',
]

ResolverHostOnly: TypeAlias = re.Pattern[str] | str
"""A name or an address, any port; or a regexp that must match it as a whole."""
ResolverHostPort: TypeAlias = tuple[ResolverHostOnly, int | None]
"""The same with one port; None for any."""
ResolverHostSpec: TypeAlias = ResolverHostOnly | ResolverHostPort
ResolverFilter: TypeAlias = ResolverHostSpec | Collection[ResolverHostSpec]


class ResolvedHost(TypedDict):
    """An address to connect to, as aiohttp's resolvers give it."""

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int


# --- which hosts

_NAME = re.compile(r'(?!-)[\w-]+(?<!-)(\.(?!-)[\w-]+(?<!-))*', re.ASCII)


class HostFilter:
    """Which hosts and ports are meant, checked when it is written.

    Attributes:
        names: the hosts that are named, rather than described by a regexp; in canonical form.
    """

    def __init__(self, written: ResolverFilter | None) -> None:
        """Args: written: see `ResolverFilter`; None means nothing.

        Raises:
            ValueError: it is none of the notations.
        """
        self._entries = tuple(_read_entry(each) for each in _entries(written))
        self.names = tuple(dict.fromkeys(host for host, _ in self._entries if isinstance(host, str)))

    def __bool__(self) -> bool:
        return bool(self._entries)

    def matches(self, host: str, port: int | None) -> bool:
        """Whether this host (in canonical form) with this port is meant."""
        for wanted, wanted_port in self._entries:
            if wanted_port in (None, port) and (
                wanted == host if isinstance(wanted, str) else wanted.fullmatch(host) is not None
            ):
                return True
        return False


def canonical_host(host: str) -> str:
    """The host as it is compared: lower-case, without a final dot; addresses in their shortest form."""
    try:
        return str(ipaddress.ip_address(host.removeprefix('[').removesuffix(']')))
    except ValueError:
        return host.rstrip('.').lower()


def _entries(written: Any) -> Collection[Any]:
    """What is written, as single entries."""
    if written is None or (isinstance(written, str) and not written):
        return ()
    if isinstance(written, str | re.Pattern | ipaddress.IPv4Address | ipaddress.IPv6Address) or _is_pair(written):
        return (written,)
    if isinstance(written, Collection) and not isinstance(written, bytes | bytearray | Mapping):
        return [entry for each in written for entry in (_entries(each) if _is_nested(each) else (each,))]
    raise _refusal(written)


def _is_nested(written: Any) -> bool:
    kinds = (str, bytes, bytearray, Mapping)
    return isinstance(written, Collection) and not isinstance(written, kinds) and not _is_pair(written)


def _is_pair(written: Any) -> bool:
    return (
        isinstance(written, tuple | list)
        and len(written) == 2
        and (written[1] is None or (isinstance(written[1], int) and not isinstance(written[1], bool)))
    )


def _read_entry(written: Any) -> tuple[str | re.Pattern[str], int | None]:
    host, port = written if _is_pair(written) else (written, None)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f'{port!r} in hostnames={written!r} is no port: it must be from 1 to 65535, or None for any.')
    if isinstance(host, re.Pattern):
        if not isinstance(host.pattern, str):
            raise _refusal(host)
        return host, port
    if isinstance(host, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return str(host), port
    if not isinstance(host, str):
        raise _refusal(written)
    return _read_host(host), port


def _read_host(host: str) -> str:
    canonical = canonical_host(host)
    try:
        return str(ipaddress.ip_address(canonical))
    except ValueError:
        pass
    try:
        encoded = yarl.URL.build(scheme='http', host=canonical).raw_host or ''
    except ValueError:
        encoded = ''
    if _NAME.fullmatch(encoded) is None or encoded.rpartition('.')[2].isdecimal():
        raise _refusal(host)
    return encoded


def _refusal(written: Any) -> ValueError:
    return ValueError(
        f'{written!r} is no hostname to intercept. Write a name or an address without scheme, port or wildcard, '
        "a pair ('api.example.com', 443), a regexp re.compile(r'.*[.]example[.]com'), or a collection of those."
    )


# --- where they lead


class Security(Protocol):
    """What a server with TLS does for the clients that are redirected to it."""

    def trust(self) -> ssl.SSLContext:
        """What a client needs to trust the server."""

    async def cover(self, host: str) -> None:
        """Make sure that the server's certificate is good for the host."""


class AiohttpInterceptor:
    """While it is open, aiohttp's clients of this process find the named hosts at a server of ours.

    An asynchronous context manager. `Server(hostnames=…)` makes one; by itself it serves other servers, too.

    Attributes:
        host: the host of the server.
        port: its port; None keeps the port that the client asked for.
        extra: the hosts that lead to the server, in addition to its own address.
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        extra: ResolverFilter | None = None,
        *,
        security: Security | None = None,
    ) -> None:
        """Args: security: for a server with TLS.

        Raises:
            ValueError: `extra` is none of the notations.
        """
        self.host = host
        self.port = port
        self.extra = extra
        self._security = security
        self._filter = HostFilter(extra)
        self._own_hosts = {canonical_host(host), canonical_host(reachable(host))}
        self._own_connectors: weakref.WeakSet[aiohttp.BaseConnector] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f'<AiohttpInterceptor {self.extra!r} → {self.host}:{self.port or "*"}>'

    async def __aenter__(self) -> Self:
        _open(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        _close(self)

    def adopt(self, session: aiohttp.ClientSession) -> None:
        """Let a client trust the server's own address, too, unless it brings an SSL context of its own."""
        if session.connector is not None:
            self._own_connectors.add(session.connector)

    def owns(self, host: str, port: int | None) -> bool:
        """Whether this is the address of the server itself."""
        return host in self._own_hosts and self.port is not None and port == self.port

    def redirects(self, host: str, port: int | None) -> bool:
        """Whether this leads to the server by one of the hostnames."""
        return self._filter.matches(host, port)

    async def find(self, host: str, port: int) -> list[ResolvedHost]:
        """The addresses of the server, for a client that asked for this host and port."""
        if self._security is not None:
            await self._security.cover(canonical_host(host))
        found = await resolve(reachable(self.host))
        target = self.port or port
        return [
            ResolvedHost(hostname=host, host=address, port=target, family=family, proto=0, flags=0)
            for family, address in found
        ]

    def secure(self, connector: aiohttp.TCPConnector, request: Any, *, redirected: bool) -> ssl.SSLContext | None:
        """How a client is to speak TLS to the server; None for plain HTTP."""
        usual: ssl.SSLContext | None = connector._get_ssl_context(request)
        if not redirected and request.url.scheme not in ('https', 'wss'):
            return usual
        if self._security is None:
            return None if redirected else usual
        for wanted in (request.ssl, connector._ssl):
            if isinstance(wanted, ssl.SSLContext):
                return wanted
            if wanted is not True:  # no verification, or that of a fingerprint
                return usual or _unverified()
        if redirected or connector in self._own_connectors:
            return self._security.trust()
        return usual or self._security.trust()  # there is none where some tool has turned TLS off for all


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _StandIn:
    """A connector, but for where the host is, and for TLS."""

    def __init__(self, connector: aiohttp.TCPConnector, interceptor: AiohttpInterceptor, redirected: bool) -> None:
        self._connector = connector
        self._interceptor = interceptor
        self._redirected = redirected

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    async def _resolve_host(self, host: str, port: int, traces: object = None) -> list[ResolvedHost]:
        return await self._interceptor.find(host, port)

    def _get_ssl_context(self, request: Any) -> ssl.SSLContext | None:
        return self._interceptor.secure(self._connector, request, redirected=self._redirected)


# --- the hook in aiohttp

_METHOD = '_create_direct_connection'
_lock = threading.Lock()
_interceptors: tuple[AiohttpInterceptor, ...] = ()  # the latest first
_hooks: list[tuple[Callable[..., Any], Callable[..., Any]]] = []  # ours, and what it replaced


def _open(interceptor: AiohttpInterceptor) -> None:
    global _interceptors
    with _lock:
        if interceptor in _interceptors:
            raise KMockError(f'{interceptor!r} is open already. Make another one.')
        present = getattr(aiohttp.TCPConnector, _METHOD)
        if not _hooks or present is not _hooks[-1][0]:
            hook = _hook(present)
            setattr(aiohttp.TCPConnector, _METHOD, hook)
            _hooks.append((hook, present))
        _interceptors = (interceptor, *_interceptors)


def _close(interceptor: AiohttpInterceptor) -> None:
    global _interceptors
    with _lock:
        _interceptors = tuple(each for each in _interceptors if each is not interceptor)
        # A hook over which somebody else has put his own stays; it changes nothing while no interceptor is open.
        while not _interceptors and _hooks and getattr(aiohttp.TCPConnector, _METHOD) is _hooks[-1][0]:
            setattr(aiohttp.TCPConnector, _METHOD, _hooks.pop()[1])


def _hook(replaced: Callable[..., Any]) -> Callable[..., Any]:
    async def _create_direct_connection(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        found = _find(canonical_host(req.url.raw_host or ''), req.port)
        connector = self if found is None else _StandIn(self, *found)
        return await replaced(connector, req, *args, **kwargs)

    return _create_direct_connection


def _find(host: str, port: int | None) -> tuple[AiohttpInterceptor, bool] | None:
    """Whose destination this is, and whether it is a hostname rather than his own address."""
    interceptors = _interceptors
    for interceptor in interceptors:
        if interceptor.owns(host, port):
            return interceptor, False
    for interceptor in interceptors:
        if interceptor.redirects(host, port):
            return interceptor, True
    return None
