"""A file that a command writes: not over another one unless forced, readable by its owner only, whole or not at all."""

import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import click

__all__ = ['check_output', 'written']


def check_output(path: Path, *, force: bool) -> None:
    """Refuse an output that exists or has no folder, before any work is done for it."""
    if path.is_dir():
        raise click.ClickException(f'{path} is a folder: give the path of a file.')
    if not path.absolute().parent.is_dir():
        raise click.ClickException(f"Can't write {path}: there is no folder {path.parent}.")
    if os.path.lexists(path) and not force:
        raise click.ClickException(f'{path} exists already: give -o another path, or --force to replace it.')


@contextmanager
def written(path: Path | None, *, force: bool) -> Iterator[BinaryIO]:
    """A binary file to write to: standard output, or a new file, gzipped if its name ends with `.gz`.

    The file appears under its name when all is written; after an error there is none, and an old one is untouched.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    check_output(path, force=force)
    draft: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(prefix=f'.{path.name}.', dir=path.absolute().parent, delete=False) as file:
            draft = Path(file.name)  # its mode is 0600 already
            if path.suffix == '.gz':
                # Neither time nor name inside: the same input gives the same file.
                with gzip.GzipFile(filename='', mode='wb', fileobj=file, mtime=0) as packed:
                    yield cast(BinaryIO, packed)
            else:
                yield cast(BinaryIO, file)
        check_output(path, force=force)  # it may have appeared meanwhile
        draft.replace(path)
        draft = None
    except OSError as exc:
        raise click.ClickException(f"Can't write {path}: {exc.strerror or exc}.") from exc
    finally:
        if draft is not None:
            draft.unlink()
