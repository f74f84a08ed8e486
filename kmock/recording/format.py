"""Cassettes on disk: `.kmock`, and `.kmock.zst` to read. What a frame looks like as bytes is in `encoding.py`.

A file is written once, frame by frame (`writer.py`), and read in two ways (`scanning.py`): an index pass over all of
it, and single frames by their positions later. A torn end or damage in the middle costs the frames it hits; they are
listed among the cassette's problems. Only what is no cassette at all, or one of a newer version, is refused.
"""

import io
import os
import stat
from pathlib import Path

from kmock.errors import CassetteError
from kmock.recording.cassette import Cassette, Problems
from kmock.recording.disk.compression import ZSTD_MAGIC, unpack_zstd
from kmock.recording.disk.encoding import MAGIC
from kmock.recording.disk.scanning import index_file
from kmock.recording.disk.writer import CassetteWriter

__all__ = ['CassetteWriter', 'load', 'open_regular', 'repair']


def load(path: str | os.PathLike[str]) -> Cassette:
    """Open a `.kmock` or `.kmock.zst` file; it stays open, and is read on demand, until the cassette is closed.

    Raises:
        CassetteError: there is no such file, or it is no cassette, or one of a newer version, or without a header.
    """
    file = open_regular(path)
    problems = Problems()
    try:
        if os.pread(file.fileno(), len(ZSTD_MAGIC), 0) == ZSTD_MAGIC:
            with file as packed:
                file = unpack_zstd(packed, str(path), problems)
        _check_magic(os.pread(file.fileno(), len(MAGIC), 0), str(path))
        return index_file(file, str(path), problems)
    except OSError as error:
        file.close()
        raise CassetteError(f'{path} can not be read: {error.strerror or error}.') from None
    except BaseException:
        file.close()
        raise


def repair(source: str | os.PathLike[str], target: str | os.PathLike[str], *, force: bool = False) -> list[str]:
    """Write all that is sound in one file to another; returns what was wrong, a line each.

    Raises:
        CassetteError: nothing can be read from the source, or the target can't be written.
    """
    with load(source) as cassette, CassetteWriter(target, cassette.header, force=force) as writer:
        for frame in cassette.frames():
            writer.append(frame)
        if writer.failure is not None:
            raise writer.failure
        return cassette.problems


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file to read: not a directory, nor a pipe that would keep us waiting.

    Raises:
        CassetteError: it is none, or can't be opened.
    """
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise CassetteError(f'{path} is a directory, not a cassette.')
        if not stat.S_ISREG(mode):
            raise CassetteError(f'{path} is not a regular file, so it is no cassette.')
        return io.FileIO(path)
    except FileNotFoundError:
        raise CassetteError(f'{path} does not exist.') from None
    except (OSError, ValueError) as error:
        text = (error.strerror if isinstance(error, OSError) else None) or error
        raise CassetteError(f'{path} can not be opened: {text}.') from None


def _check_magic(start: bytes, name: str) -> None:
    if start == MAGIC:
        return
    if not start:
        raise CassetteError(f'{name} is empty: nothing was recorded.')
    if MAGIC.startswith(start):
        raise CassetteError(f'{name} ends or breaks within its header: nothing of the recording is left.')
    if start[:6] == MAGIC[:6]:
        raise CassetteError(f'{name} was changed by a transfer in text mode (line ends). Copy it again as binary.')
    raise CassetteError(f'{name} is not a kmock cassette (.kmock): it does not begin like one.')
