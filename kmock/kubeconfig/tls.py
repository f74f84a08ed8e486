"""Certificates and keys → settings of TLS."""

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kmock.errors import ClusterError

__all__ = ['client_tls', 'key_folder', 'read_pem']


def client_tls(
    where: str,
    *,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    insecure: bool = False,
) -> ssl.SSLContext:
    """The settings for a client.

    Args:
        where: what errors begin with.
        ca: the only authorities to trust; None: those of the system.

    Raises:
        ClusterError: a file can't be read, is no PEM, or the key is not that of the certificate.
    """
    for path in (ca, cert, key):
        if path is not None:
            read_pem(where, path)
    try:
        context = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, ValueError) as exc:
        raise ClusterError(f'{where}: there is no valid certificate of an authority in {ca}: {_reason(exc)}.') from exc
    # New Pythons refuse authorities that lack optional extensions; many a cluster's does, and Go does not mind.
    context.verify_flags &= ~getattr(ssl, 'VERIFY_X509_STRICT', 0)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        try:
            context.load_cert_chain(cert, key, password=_refuse_to_ask)
        except (ssl.SSLError, ValueError) as exc:
            files = f'{cert} and {key}' if key else f'{cert}'
            raise ClusterError(f'{where}: the client certificate in {files} does not load: {_reason(exc)}.') from exc
    return context


def read_pem(where: str, path: Path) -> bytes:
    """The content of a file with certificates or keys. Raises ClusterError if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ClusterError(f'{where}: {path} can not be read: {exc.strerror}.') from exc


@contextlib.contextmanager
def key_folder() -> Iterator[Path]:
    """A folder that only this user may enter, for the short time that keys must be in files: ssl reads no others."""
    with tempfile.TemporaryDirectory(prefix='kmock-') as folder:
        yield Path(folder)


def _refuse_to_ask() -> str:
    # Otherwise OpenSSL asks on the terminal.
    raise ValueError('the key is encrypted; decrypt it first, e.g. with `openssl pkey`')


def _reason(exc: Exception) -> str:
    match getattr(exc, 'reason', None):
        case 'KEY_VALUES_MISMATCH':
            return 'the key is not the key of this certificate'
        case 'NO_CERTIFICATE_OR_CRL_FOUND' | 'NO_START_LINE' | None if isinstance(exc, ssl.SSLError):
            return 'no PEM with a certificate and its key'
        case str(reason):
            return reason
    return ' '.join(str(exc).split())
