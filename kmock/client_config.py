"""The kubeconfig that leads clients to a server: its text, and a private file with it."""

import base64
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kmock.errors import KMockError

__all__ = ['MARK', 'kubeconfig_text', 'temporary_kubeconfig', 'write_private']

MARK = '# Written by kmock'


def kubeconfig_text(
    url: str,
    *,
    ca: bytes | None = None,
    namespace: str | None = None,
    token: str | None = None,
    certificate: tuple[bytes, bytes] | None = None,
    tokens: Mapping[str, str] | None = None,
) -> str:
    """A kubeconfig with one context, or one for each of the users.

    Args:
        url: the root URL of the server.
        ca: the authority to trust, in PEM; None for plain HTTP.
        namespace: the default namespace.
        token: a bearer token. kubectl asks a person for a user name where it talks TLS and has no credentials.
        certificate: a client's certificate and its key, in PEM.
        tokens: bearer tokens of users by their names, in place of `token`: each has a context of that name, and the
            first one's is the current one.
    """
    cluster: dict[str, Any] = {'server': url}
    if ca is not None:
        cluster['certificate-authority-data'] = base64.b64encode(ca).decode()
    user: dict[str, Any] = {}
    if certificate is not None:
        user['client-certificate-data'], user['client-key-data'] = (
            base64.b64encode(pem).decode() for pem in certificate
        )
    known: Mapping[str, str | None] = tokens or {'kmock': token}
    place = {} if namespace is None else {'namespace': namespace}
    config = {
        'apiVersion': 'v1',
        'kind': 'Config',
        'clusters': [{'name': 'kmock', 'cluster': cluster}],
        'users': [
            {'name': name, 'user': user if value is None else {'token': value, **user}} for name, value in known.items()
        ],
        'contexts': [{'name': name, 'context': {'cluster': 'kmock', 'user': name, **place}} for name in known],
        'current-context': next(iter(known)),
    }
    return f'{MARK}; the server lives as long as what started it.\n' + yaml.safe_dump(config, sort_keys=False)


def temporary_kubeconfig(text: str) -> tempfile.TemporaryDirectory[str]:
    """Write the text as `kubeconfig` into a new private directory, which the caller removes."""
    directory = tempfile.TemporaryDirectory(prefix='kmock-')
    write_private(Path(directory.name, 'kubeconfig'), text)
    return directory


def write_private(path: Path, text: str) -> None:
    """Write a file, readable by its owner only, and never through a link.

    Raises:
        KMockError: it can't be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
            os.fchmod(descriptor, 0o600)
            file.write(text)
    except OSError as exc:
        raise KMockError(f"Can't write {path}: {exc.strerror}.") from exc
