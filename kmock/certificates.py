"""A throw-away certificate authority for HTTPS on loopback: certificates for servers and clients, kept in memory."""

import asyncio
import concurrent.futures
import ssl
import tempfile
from pathlib import Path

from kmock.errors import KMockError

__all__ = ['Authority', 'Certification']

_CLIENT_IDENTITY = 'client.invalid'  # strict verification, as of Python 3.13, refuses an empty list of names


class Authority:
    """A certificate authority that lives as long as the process, and that nobody else trusts."""

    def __init__(self) -> None:
        import trustme  # it loads the cryptography library, which takes a while; most servers speak plain HTTP

        self._ca = trustme.CA(organization_name='kmock')

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, PEM."""
        return self._ca.cert_pem.bytes()

    def issue_client(self, name: str, *, organization: str | None = None) -> tuple[bytes, bytes]:
        """A certificate (with its chain) and its key, both PEM, for a client.

        Kubernetes reads the name as the user, and the organization as the user's group.
        """
        leaf = self._ca.issue_cert(_CLIENT_IDENTITY, common_name=name, organization_name=organization)
        return b''.join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()

    def server_context(self, *names: str, client_ca: Path | None = None) -> ssl.SSLContext:
        """What a server with these names and addresses needs.

        Args:
            client_ca: a PEM file; clients must then show a certificate of it, or of this authority.

        Raises:
            KMockError: the file can't be read, or holds no certificates.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(['http/1.1'])
        self.certify(context, *names)
        if client_ca is not None:
            try:
                context.load_verify_locations(cafile=client_ca)
            except ssl.SSLError as error:  # which is an OSError, too
                raise KMockError(
                    f'{client_ca} has no certificates in PEM. The authority for client certificates must be a file '
                    'with some.'
                ) from error
            except OSError as error:
                raise KMockError(
                    f"Can't read the authority for client certificates, {client_ca}: {error.strerror}."
                ) from error
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def certify(self, context: ssl.SSLContext, *names: str) -> None:
        """Give a server's context a certificate for these names and addresses; new connections get it from then on.

        Raises:
            KMockError: there can be no certificate for one of them.
        """
        try:
            leaf = self._ca.issue_cert(*dict.fromkeys(names))
        except ValueError as error:
            shown = ', '.join(map(repr, names))
            raise KMockError(f'No certificate can be made for {shown}: {error}. Use proper names of hosts.') from error
        leaf.configure_cert(context)

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        """What a client of such a server needs; with a name, it shows a certificate of that name."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        if name is not None:
            self._ca.issue_cert(_CLIENT_IDENTITY, common_name=name).configure_cert(context)
        return context

    def write_pem(self) -> tempfile.TemporaryDirectory[str]:
        """Write the authority's certificate as `ca.pem` into a new private directory, which the caller removes."""
        directory = tempfile.TemporaryDirectory(prefix='kmock-')
        path = Path(directory.name, 'ca.pem')
        path.touch(mode=0o600)
        path.write_bytes(self.pem)
        return directory


class Certification:
    """The certificate of a running server, which is renewed when clients are led to the server by another name."""

    def __init__(self, authority: Authority, context: ssl.SSLContext, names: tuple[str, ...]) -> None:
        """Args: names: those that the certificate is good for already."""
        self._authority = authority
        self._context = context
        self._names = dict.fromkeys(names)
        self._loop = asyncio.get_running_loop()
        self._trust: ssl.SSLContext | None = None

    def trust(self) -> ssl.SSLContext:
        """What a client of the server needs."""
        if self._trust is None:
            self._trust = self._authority.client_context('kmock')
        return self._trust

    async def cover(self, host: str) -> None:
        """Make sure that the certificate is good for the host; in any loop and thread.

        Raises:
            KMockError: there can be no certificate for it.
        """
        if host in self._names:
            return
        if asyncio.get_running_loop() is self._loop:
            self._certify(host)
            return
        # The context belongs to the loop of the server: OpenSSL does not let it change amid handshakes.
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._certify_for, host, done)
        await asyncio.wrap_future(done)

    def _certify(self, host: str) -> None:
        if host not in self._names:
            self._authority.certify(self._context, *self._names, host)
            self._names[host] = None

    def _certify_for(self, host: str, done: concurrent.futures.Future[None]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            self._certify(host)
        except Exception as error:  # goes to whoever asked
            done.set_exception(error)
        else:
            done.set_result(None)
