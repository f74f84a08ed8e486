"""Whom to ask and as whom: Target, Login; and which headers pass through a proxy. No sockets."""

import dataclasses
import datetime
import functools
import ssl
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from yarl import URL

from kmock.messages import Request

__all__ = ['Login', 'Target', 'passing_headers', 'request_headers', 'wants_upgrade']

Headers = list[tuple[str, str]]

# RFC 9110, 7.6.1, with the older ones of RFC 2616, 13.5.1; all of Proxy-* as well.
_HOP_BY_HOP = frozenset({'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Login:
    """What one log-in gave.

    Attributes:
        authorization: the value of the Authorization header.
        tls: the settings of TLS, with the client certificate; None for a target that is not HTTPS.
        given: whether there are credentials of any kind. They replace the client's Authorization.
        expires: when to log in anew; None if this login is good for ever, as far as one can know.
    """

    authorization: str | None = None
    tls: ssl.SSLContext | None = None
    given: bool = False
    expires: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """A server to ask.

    Attributes:
        url: the root, with any base path, e.g. `https://rancher.example/k8s/clusters/c-1`; no slash at the end.
        name: how people call it: the kubeconfig's context or cluster, or the URL.
        namespace: the context's default namespace: clients of a proxy should have the same.
        login: the credentials, where `log_in` is not needed to get them.
        log_in: gets the credentials, when the upstream is entered. Raises ClusterError.
        renewable: whether logging in once more can give anything else.
        headers: set in every request, in place of the client's of the same name.
        server_name: the name to expect in the server's certificate, where it is not that of the URL.
        proxy: the URL of the HTTP proxy on the way, if there is one.
    """

    url: str
    name: str = ''
    namespace: str | None = None
    login: Login = Login()
    log_in: Callable[[], Coroutine[Any, Any, Login]] | None = None
    renewable: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    server_name: str | None = None
    proxy: str | None = None

    @functools.cached_property
    def base(self) -> URL:
        """The URL, parsed."""
        return URL(self.url)

    def path(self, target: str) -> str:
        """What to put into the request line for a target that a client has put into its own."""
        if not target.startswith(('/', '*')):  # the absolute form, as for a proxy
            target = '/' + target.partition('://')[2].partition('/')[2]
        return target if target == '*' else self.base.raw_path.rstrip('/') + target

    def resolve(self, target: str) -> URL:
        """The URL to ask; its `raw_path_qs` is exactly what `path()` gives."""
        # All of the target is passed as the path: then yarl leaves it alone, be it `//`, `/..`, or an empty query.
        return URL.build(
            scheme=self.base.scheme, authority=self.base.raw_authority, path=self.path(target), encoded=True
        )


def wants_upgrade(request: Request) -> bool:
    """Tell whether the client wants to leave HTTP on this connection.

    HTTP/2 without TLS (h2c) is no such wish: the offer is made along with an ordinary request, and may be ignored.
    """
    wanted = request.headers.get('Upgrade', '').strip().lower()
    return bool(wanted) and wanted != 'h2c' and 'upgrade' in _connection_options(request.headers.items())


def passing_headers(headers: Iterable[tuple[str, str]], *, upgrade: bool = False) -> Headers:
    """Those headers that are not of one connection only; with `upgrade` also the two that make an upgrade."""
    headers = list(headers)
    options = _connection_options(headers)
    dropped = _HOP_BY_HOP | options
    if upgrade:
        dropped -= {'connection', 'upgrade'}
    return [
        (name, value)
        for name, value in headers
        if (lower := name.lower()) not in dropped and not lower.startswith('proxy-')
    ]


def request_headers(request: Request, target: Target, login: Login, *, upgrade: bool = False) -> Headers:
    """The headers to ask with: the client's, in its order and case, without what is between it and us.

    Host, Accept-Encoding, the credentials and the target's own headers take the places of the client's, or come last.
    `Expect` is dropped: the server edge has invited the body as soon as we begin to read it.
    """
    own: dict[str, list[tuple[str, str]]] = {
        'host': [('Host', target.base.host_port_subcomponent or '')],
        'accept-encoding': [('Accept-Encoding', 'identity')],
    }
    if login.authorization is not None:
        own['authorization'] = [('Authorization', login.authorization)]
    for name, _ in target.headers:
        own[name.lower()] = [pair for pair in target.headers if pair[0].lower() == name.lower()]
    replaced = {'expect', 'authorization', *own} if login.given else {'expect', *own}
    result: Headers = []
    for name, value in passing_headers(request.headers.items(), upgrade=upgrade):
        if (lower := name.lower()) not in replaced:
            result.append((name, value))
        else:
            result += [(name, each) for _, each in own.pop(lower, ())]
    return [*result, *(pair for pairs in own.values() for pair in pairs)]


def _connection_options(headers: Iterable[tuple[str, str]]) -> set[str]:
    values = (value for name, value in headers if name.lower() == 'connection')
    return {option.strip().lower() for value in values for option in value.split(',')}
