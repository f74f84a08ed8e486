"""The kubeconfig that is written for clients of the server: where it goes, and when it goes away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kmock.client_config import MARK, temporary_kubeconfig, write_private

__all__ = ['check_kubeconfig_path', 'client_kubeconfig']


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
        write_private(path, text)
        yield path.absolute()
        return
    with temporary_kubeconfig(text) as folder:
        yield Path(folder, 'kubeconfig')
