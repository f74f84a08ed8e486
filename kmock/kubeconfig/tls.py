"""Certificates and keys → settings of TLS."""

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kmock.errors import ClusterError

__all__ = ['client_tls', 'key_folder', 'read_pem']


def client_tls(
    *,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    insecure: bool = False,
    ca_name: str = '',
    cert_name: str = '',
) -> ssl.SSLContext:
    """The settings for a client.

    Args:
        ca: the only authorities to trust; None: those of the system.
        key: the key of `cert`; None: it is in the same file.
        ca_name: what errors call the authorities; by default, their file.
        cert_name: what errors call the certificate and its key; by default, their files.

    Raises:
        ClusterError: a file can't be read, is no PEM, or the key is not that of the certificate.
    """
    files = {ca: ca_name, cert: cert_name, key: cert_name}
    for path, name in files.items():
        if path is not None:
            read_pem(name, path)
    try:
        context = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, ValueError) as exc:
        reason = _reason(exc, 'a certificate')
        raise ClusterError(f'{ca_name or ca}: the authority does not load: {reason}.') from exc
    # New Pythons refuse authorities that lack optional extensions; many a cluster's does, and Go does not mind.
    context.verify_flags &= ~getattr(ssl, 'VERIFY_X509_STRICT', 0)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        try:
            context.load_cert_chain(cert, key, password=_refuse_to_ask)
        except (ssl.SSLError, ValueError) as exc:
            name = cert_name or (f'{cert} and {key}' if key else f'{cert}')
            reason = _reason(exc, 'a certificate and its key')
            raise ClusterError(f'{name}: the client certificate does not load: {reason}.') from exc
    return context


def read_pem(name: str, path: Path) -> bytes:
    """The content of a file with certificates or keys. Raises ClusterError if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as exc:
        prefix = f'{name}: ' if name else ''
        raise ClusterError(f'{prefix}{path} can not be read: {exc.strerror}.') from exc


@contextlib.contextmanager
def key_folder() -> Iterator[Path]:
    """A folder that only this user may enter, for the short time that keys must be in files: ssl reads no others."""
    with tempfile.TemporaryDirectory(prefix='kmock-') as folder:
        yield Path(folder)


def _refuse_to_ask() -> str:
    # Otherwise OpenSSL asks on the terminal.
    raise ValueError('the key is encrypted; decrypt it first, e.g. with `openssl pkey`')


def _reason(exc: Exception, expected: str) -> str:
    match getattr(exc, 'reason', None):
        case 'KEY_VALUES_MISMATCH':
            return 'the key is not the key of this certificate'
        case 'NO_CERTIFICATE_OR_CRL_FOUND' | 'NO_START_LINE' | None if isinstance(exc, ssl.SSLError):
            return f'no PEM with {expected} is there'
        case str(reason):
            return reason
    return ' '.join(str(exc).split())
