"""Webhooks: posting to them over HTTPS, for the emulated cluster. What is posted, and why, is decided there.

Foreign errors become OSErrors whose texts are those of a Go client, since clients of the cluster get to read them.
"""

import asyncio
import os
import socket
import ssl

import aiohttp
import yarl

__all__ = ['WebhookClient']

_UNTIMELY = (9, 10)  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and …_HAS_EXPIRED
_MISNAMED = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and …_IP_ADDRESS_MISMATCH


class WebhookClient:
    """Posts JSON to webhooks. It opens connections when first called, and keeps them until it is closed.

    Nothing is redirected, repeated, or sent through proxies.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._contexts: dict[bytes | None, ssl.SSLContext] = {}

    async def __call__(
        self, url: str, body: bytes, *, ca: bytes | None, timeout: float, address: tuple[str, int] | None = None
    ) -> tuple[int, bytes]:
        """Post the body; give the status and the body of the response.

        Args:
            ca: the certificates to trust, in PEM; None for those of the system.
            timeout: for everything, in seconds.
            address: where to connect in place of the URL's host, whose name the certificate must still have.

        Raises:
            TimeoutError: there was no response in time.
            OSError: there was none at all; the text says why.
        """
        try:
            target = yarl.URL(url)
            host, port = (target.host or '', target.port or 443) if address is None else address
            connected = target if address is None else target.with_host(host).with_port(port)
        except ValueError as exc:
            raise ConnectionError(f'invalid URL: {exc}') from exc
        headers = {'Content-Type': 'application/json', 'Accept': 'application/json', 'Host': target.authority}
        try:
            async with self._opened().post(
                connected,
                data=body,
                headers=headers,
                ssl=self._context(ca),
                server_hostname=target.host if target.scheme == 'https' else None,
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except TimeoutError:
            raise TimeoutError('context deadline exceeded') from None
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise ConnectionError(_explained(exc, target.host or '', f'{_bracketed(host)}:{port}')) from exc

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # for the transports to notice

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _context(self, ca: bytes | None) -> ssl.SSLContext:
        """What trusts these certificates, whether or not they are roots, as a Go client does."""
        context = self._contexts.get(ca)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            if ca is None:
                context.load_default_certs()
            else:
                try:
                    context.load_verify_locations(cadata=ca.decode('ascii'))
                except (ssl.SSLError, ValueError) as exc:
                    raise ConnectionError('unable to load root certificates: no valid certificate in caBundle') from exc
            self._contexts[ca] = context
        return context


def _bracketed(host: str) -> str:
    return f'[{host}]' if ':' in host else host


def _explained(exc: Exception, host: str, address: str) -> str:
    """What a Go client says of it."""
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            return _explained(exc.certificate_error, host, address)
        case ssl.SSLCertVerificationError():
            return f'tls: failed to verify certificate: x509: {_mistrust(exc, host)}'
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return f'dial tcp: lookup {address.rpartition(":")[0]}: no such host'
        case aiohttp.ClientConnectorError():
            inner = exc.os_error
            if isinstance(inner, ssl.SSLError):
                return _explained(inner, host, address)
            return f'dial tcp {address}: connect: {_system_text(inner)}'
        case ssl.SSLError() if exc.reason in ('WRONG_VERSION_NUMBER', 'RECORD_LAYER_FAILURE'):
            return 'http: server gave HTTP response to HTTPS client'
        case ssl.SSLError():
            return f'tls: {(exc.reason or str(exc)).replace("_", " ").lower()}'
        case aiohttp.ServerDisconnectedError():
            return 'EOF'
        case OSError() if exc.errno is not None:
            return f'read tcp {address}: {_system_text(exc)}'
        case _:
            return str(exc) or type(exc).__name__


def _mistrust(exc: ssl.SSLCertVerificationError, host: str) -> str:
    if exc.verify_code in _UNTIMELY:
        return 'certificate has expired or is not yet valid'
    if exc.verify_code in _MISNAMED:
        return f'certificate is not valid for any names, but wanted to match {host}'
    return 'certificate signed by unknown authority'


def _system_text(exc: OSError) -> str:
    return os.strerror(exc.errno).lower() if exc.errno is not None else str(exc)
