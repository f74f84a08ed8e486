"""A file that a command writes: not over another one unless forced, readable by its owner only, whole or not at all."""

import gzip
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import click

__all__ = ['check_cassette_output', 'check_output', 'drafted', 'standard_output', 'written']

OTHER_FORMATS = {
    '.zst': 'Write NAME.kmock, and pack it afterwards with: zstd --rm NAME.kmock',
    '.jsonl': 'Write NAME.kmock, and afterwards: kmock export NAME.kmock -o NAME.jsonl',
    '.har': 'Write NAME.kmock, and afterwards: kmock export NAME.kmock -o NAME.har',
}


def check_output(path: Path, *, force: bool) -> None:
    """Refuse an output that exists or has no folder, before any work is done for it."""
    if path.is_dir():
        raise click.ClickException(f'{path} is a folder: give the path of a file.')
    if not path.absolute().parent.is_dir():
        raise click.ClickException(f"Can't write {path}: there is no folder {path.parent}.")
    if os.path.lexists(path) and not force:
        raise click.ClickException(f'{path} exists already: choose another path, or --force to replace it.')


def check_cassette_output(path: Path, *, force: bool) -> None:
    """The same for a cassette, which is not to be named as if it were in another format."""
    mend = OTHER_FORMATS.get(Path(path.name.removesuffix('.gz')).suffix)
    if mend is not None:
        raise click.ClickException(f'{path} would not be what its name says. {mend}')
    check_output(path, force=force)


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Standard output, flushed at the end; a full disk behind it is told in one line."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read has read enough; click ends us quietly
    except OSError as exc:
        # What is still buffered can't be written either, and Python would say so at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"Can't write to standard output: {exc.strerror or exc}.") from exc


@contextmanager
def drafted(path: Path, *, force: bool) -> Iterator[Path]:
    """A path to write a new file at, which gets its own name after the block; after an error nothing is left of it."""
    check_output(path, force=force)
    folder: Path | None = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f'.{path.name}.', dir=path.absolute().parent))
        yield folder / path.name
        check_output(path, force=force)  # it may have appeared meanwhile
        (folder / path.name).replace(path)
    except OSError as exc:
        raise click.ClickException(f"Can't write {path}: {exc.strerror or exc}.") from exc
    finally:
        if folder is not None:
            shutil.rmtree(folder)


@contextmanager
def written(path: Path | None, *, force: bool) -> Iterator[BinaryIO]:
    """A binary file to write to: standard output, or a new file, gzipped if its name ends with `.gz`."""
    if path is None:
        with standard_output() as stdout:
            yield stdout.buffer
        return
    with drafted(path, force=force) as draft:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, 'wb') as file:
            if path.suffix == '.gz':
                # Neither time nor name inside: the same input gives the same file.
                with gzip.GzipFile(filename='', mode='wb', fileobj=file, mtime=0) as packed:
                    yield cast(BinaryIO, packed)
            else:
                yield file
