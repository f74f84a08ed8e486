"""The kubeconfig that is written for clients of the server: where it goes, what it says, and when it goes away."""

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import yaml

__all__ = ['check_kubeconfig_path', 'client_kubeconfig', 'kubeconfig_text']

MARK = '# Written by kmock'


def kubeconfig_text(
    url: str, *, ca: bytes | None = None, namespace: str | None = None, token: str | None = None
) -> str:
    """A kubeconfig with one context.

    Args:
        url: the root URL of the server.
        ca: the authority to trust, in PEM; None for plain HTTP.
        namespace: the default namespace.
        token: a bearer token. kubectl asks a person for a user name where it talks TLS and has no credentials.
    """
    cluster: dict[str, Any] = {'server': url}
    if ca is not None:
        cluster['certificate-authority-data'] = base64.b64encode(ca).decode()
    context = {'cluster': 'kmock', 'user': 'kmock'}
    if namespace is not None:
        context['namespace'] = namespace
    config = {
        'apiVersion': 'v1',
        'kind': 'Config',
        'clusters': [{'name': 'kmock', 'cluster': cluster}],
        'users': [{'name': 'kmock', 'user': {} if token is None else {'token': token}}],
        'contexts': [{'name': 'kmock', 'context': context}],
        'current-context': 'kmock',
    }
    return f'{MARK}; the server lives as long as that command.\n' + yaml.safe_dump(config, sort_keys=False)


def check_kubeconfig_path(path: Path) -> None:
    """Refuse to overwrite a kubeconfig of somebody else."""
    try:
        with path.open('rb') as file:
            written_by_us = file.read(len(MARK)) == MARK.encode()
    except FileNotFoundError:
        if not path.absolute().parent.is_dir():
            raise click.ClickException(f"Can't write {path}: there is no folder {path.parent}.") from None
        return
    except OSError as exc:
        raise click.ClickException(f"Can't write {path}: {exc.strerror}.") from exc
    if not written_by_us:
        raise click.ClickException(f'{path} exists and is not of kmock: give --kubeconfig-out another path.')


@contextmanager
def client_kubeconfig(text: str, path: Path | None = None) -> Iterator[Path]:
    """A file with this text, readable by its owner only: at the given path to stay, else a temporary one."""
    if path is not None:
        check_kubeconfig_path(path)
        _write(path, text)
        yield path.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix='kmock-'))
    try:
        _write(folder / 'kubeconfig', text)
        yield folder / 'kubeconfig'
    finally:
        shutil.rmtree(folder)


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
            os.fchmod(descriptor, 0o600)
            file.write(text)
    except OSError as exc:
        raise click.ClickException(f"Can't write {path}: {exc.strerror}.") from exc
