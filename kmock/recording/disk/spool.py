"""Spool: frames on their way from another format into a cassette, in a nameless file instead of in memory."""

from types import TracebackType
from typing import Self

from kmock.errors import CassetteError
from kmock.recording.cassette import Cassette, Problems
from kmock.recording.disk.compression import nameless_file
from kmock.recording.disk.encoding import Encoder
from kmock.recording.disk.scanning import index_file
from kmock.recording.frames import Frame, Header
from kmock.recording.index import FrameIndex

__all__ = ['Spool']


class Spool:
    """Takes frames one by one, refuses those that make no sense, and becomes a cassette when all are in.

    Leaving its `with` before it has become one lets the file go.
    """

    BLOCK = 1024 * 1024

    def __init__(self, header: Header, name: str, problems: Problems) -> None:
        """Raises: ValueError: the header can't be stored."""
        self._name = name
        self._problems = problems
        self._encoder = Encoder()
        self._judge = FrameIndex()
        self._waiting = bytearray(self._encoder.header(header))
        self._file = nameless_file()
        self._finished = False

    def add(self, frame: Frame) -> None:
        """Take a frame.

        Raises:
            ValueError: it makes no sense after what came before, or can't be stored.
        """
        data = self._encoder.encode(frame)
        problem = self._judge.add(0, frame)
        if problem is not None:
            raise ValueError(problem)
        self._waiting += data
        if len(self._waiting) > self.BLOCK:
            self._flush()

    def finish(self) -> Cassette:
        """The cassette of all frames. It owns the file from now on."""
        self._flush()
        cassette = index_file(self._file, self._name, self._problems)
        self._finished = True
        return cassette

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            self._file.close()

    def _flush(self) -> None:
        try:
            with memoryview(self._waiting) as view:
                written = 0
                while written < len(view):
                    written += self._file.write(view[written:])
        except OSError as error:
            raise CassetteError(
                f'{self._name} can not be unpacked into the folder for temporary files (TMPDIR): {error.strerror}.'
            ) from None
        self._waiting.clear()
