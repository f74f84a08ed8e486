"""What went wrong on the way to the server, in words for people: foreign errors → UpstreamError."""

import asyncio
import socket
import ssl

import aiohttp

from kmock.errors import UpstreamError
from kmock.upstream.target import Target

__all__ = ['CONNECT_SECONDS', 'FOREIGN', 'ProxyUnreachableError', 'explain', 'one_line']

CONNECT_SECONDS = 30.0
"""How long a connection may take to be made, TLS included."""

FOREIGN = (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, EOFError)
"""What asyncio, ssl and aiohttp raise when a request fails."""


class ProxyUnreachableError(ConnectionError):
    """Raised in place of what the system says when it is the proxy that can't be reached."""

    def __init__(self, os_error: OSError) -> None:
        super().__init__(str(os_error))
        self.os_error = os_error


def explain(exc: BaseException, target: Target) -> UpstreamError:
    """An UpstreamError in place of a foreign one; its text names the URL, the cause, and a mend if there is one."""
    return UpstreamError(f'{target.url}: {_cause(exc, target)}', reset=_is_reset(exc))


def one_line(exc: BaseException) -> str:
    """The kind and the text of an exception, on one line."""
    text = ' '.join(str(exc).split())
    return f'{type(exc).__name__}: {text}' if text else type(exc).__name__


def _cause(exc: BaseException, target: Target) -> str:
    match exc:
        case aiohttp.ClientProxyConnectionError() | ProxyUnreachableError():
            return f'the proxy {_without_user(target.proxy)} can not be reached: {_system_text(exc.os_error)}.'
        case aiohttp.ClientHttpProxyError():
            return f'the proxy {_without_user(target.proxy)} answered {exc.status} {exc.message}.'
        case aiohttp.ClientConnectorCertificateError():
            return _tls_cause(exc.certificate_error, target)
        case aiohttp.ClientConnectorError():
            return _cause(exc.os_error, target)
        case ssl.SSLError():
            return _tls_cause(exc, target)
        case aiohttp.ConnectionTimeoutError() | TimeoutError():
            return 'no connection within the time allowed. Is the address right, and is there a way to it?'
        case socket.gaierror():
            return f'the name {target.base.host} can not be resolved: {_system_text(exc)}.'
        case ConnectionRefusedError():
            return 'the connection was refused. Is the server running, and is the port right?'
        case ConnectionResetError() | BrokenPipeError():
            return 'the server reset the connection before it answered.'
        case aiohttp.ClientOSError() if isinstance(exc.__cause__, OSError):
            return _cause(exc.__cause__, target)
        case aiohttp.ServerDisconnectedError() | asyncio.IncompleteReadError() | EOFError():
            return 'the server closed the connection before it answered.'
        case aiohttp.ClientResponseError():
            return f'the answer is not HTTP as expected: {" ".join(exc.message.split())}'
        case ConnectionError() if exc.errno is None:
            return f'{exc}.'
        case OSError():
            return f'no connection: {_system_text(exc)}.'
    return one_line(exc)


def _tls_cause(exc: BaseException, target: Target) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        reason = (exc.verify_message or str(exc)).rstrip('.')
        return f"the server's certificate is not trusted ({reason}). Name its authority (--ca FILE), or use --insecure."
    reason = getattr(exc, 'reason', None) or str(exc)
    if reason in {'WRONG_VERSION_NUMBER', 'RECORD_LAYER_FAILURE', 'PACKET_LENGTH_TOO_LONG', 'UNKNOWN_PROTOCOL'}:
        return f'the server does not speak TLS. Is it http:// instead of https://? ({reason})'
    if 'CERTIFICATE_REQUIRED' in reason or 'HANDSHAKE_FAILURE' in reason or 'BAD_CERTIFICATE' in reason:
        return f'the server refused the client certificate, or asks for one (--cert FILE --key FILE). ({reason})'
    return f'TLS failed: {reason}'


def _is_reset(exc: BaseException) -> bool:
    return isinstance(exc, ConnectionResetError | BrokenPipeError) or isinstance(exc.__cause__, ConnectionResetError)


def _system_text(exc: OSError) -> str:
    return exc.strerror or str(exc) or type(exc).__name__


def _without_user(proxy: str | None) -> str:
    scheme, _, rest = (proxy or '').rpartition('://')
    return f'{scheme}://{rest.rpartition("@")[2]}'
