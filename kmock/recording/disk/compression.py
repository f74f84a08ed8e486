"""Packed files, read within limits: zstd for cassettes, gzip for interchange. A bomb is refused, a torn end is not.

What is unpacked goes into a file without a name, which the system removes when it is closed.
"""

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator

from kmock.errors import CassetteError
from kmock.recording.cassette import Problems

__all__ = ['ZSTD_MAGIC', 'nameless_file', 'text_of', 'unpack_zstd']

GZIP_MAGIC = b'\x1f\x8b'
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'

BLOCK = 256 * 1024

FREE = 256 * 1024 * 1024
"""So many bytes may be unpacked from a file of any size; beyond that the ratio counts."""

RATIO = 200
"""Watch streams, the most repetitive of all recordings, pack a hundredfold at most."""

MAX_WINDOW = 64 * 1024 * 1024
"""The most memory that a zstd file may ask for; `zstd --ultra --long=26` is still below."""


def nameless_file() -> io.FileIO:
    """A new file for reading and writing, gone when it is closed."""
    return tempfile.TemporaryFile(buffering=0)


def unpack_zstd(packed: io.FileIO, name: str, problems: Problems) -> io.FileIO:
    """The content of a zstd file, as far as it is sound, in a nameless file.

    Raises:
        CassetteError: zstd is not installed, or the file is a bomb.
    """
    try:
        import zstandard
    except ImportError:
        raise CassetteError(f'{name} is packed with zstd. To read it, run: pip install kmock[zstd]') from None
    unpacked = nameless_file()
    try:
        reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(
            packed, read_across_frames=True, closefd=False
        )
        try:
            for block in _bounded(reader.read1, packed, name):
                _write_all(unpacked, block)
        except zstandard.ZstdError as error:
            if unpacked.tell() == 0:
                raise CassetteError(f'{name} is packed with zstd, and damaged from the start: {error}.') from None
            problems.add(f'The zstd packing is damaged, what comes after is lost: {error}.')
        return unpacked
    except BaseException:
        unpacked.close()
        raise


def text_of(file: io.FileIO, name: str) -> io.BufferedReader:
    """The content of a file, unpacked while it is read if it is packed with gzip. Closing it closes the file.

    What is wrong with the packing (a torn end, damage, a bomb) is raised as CassetteError while reading.
    """
    if os.pread(file.fileno(), len(GZIP_MAGIC), 0) == GZIP_MAGIC:
        return io.BufferedReader(_GzipContent(file, name), BLOCK)
    return io.BufferedReader(file, BLOCK)


class _GzipContent(io.RawIOBase):
    def __init__(self, packed: io.FileIO, name: str) -> None:
        self._packed = packed
        self._blocks = _bounded(gzip.GzipFile(fileobj=packed).read, packed, name)
        self._name = name
        self._rest = b''

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._packed.close()
        super().close()

    def readinto(self, buffer: 'memoryview') -> int:  # type: ignore[override]
        if not self._rest:
            try:
                self._rest = next(self._blocks, b'')
            except (OSError, EOFError, zlib.error) as error:
                raise CassetteError(f'{self._name} is no whole gzip file: {error}.') from None
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _bounded(read: Callable[[int], bytes], packed: io.FileIO, name: str) -> Iterator[bytes]:
    limit = max(FREE, RATIO * os.fstat(packed.fileno()).st_size)
    total = 0
    while block := read(BLOCK):
        total += len(block)
        if total > limit:
            raise CassetteError(
                f'{name} unpacks to more than {limit:,} bytes, as decompression bombs do. '
                'If you trust it, unpack it yourself.'
            )
        yield block


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
