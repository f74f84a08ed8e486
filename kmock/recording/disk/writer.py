"""CassetteWriter: appends frames to a file as things happen, so that a killed recording leaves a loadable file.

Every frame is written by one system call before `append` returns; nothing waits in a buffer of this process.
What goes wrong with the disk ends the recording, never the traffic that is recorded.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from kmock.errors import CassetteError
from kmock.recording.disk.encoding import Encoder
from kmock.recording.frames import Frame, Header, NoteFrame

__all__ = ['CassetteWriter']

NOTE_RESERVE = 256
"""What a cap leaves free for the note that says that it was reached."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class CassetteWriter:
    """A new cassette file, readable by its owner alone, that grows frame by frame.

    Attributes:
        path: where the file is.
        size: how long it is, in bytes.
        failure: why the recording has ended early; None while all is well. Nothing is written once it is set.

    Raises:
        CassetteError: the file exists (without `force`), or can't be created.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: Header, *, force: bool = False, max_bytes: int | None = None
    ) -> None:
        """Create the file and write its header.

        Args:
            force: replace a file of this name, at once and whole; a symlink is replaced, not followed.
            max_bytes: how long the file may become; the recording ends when a frame would not fit.
        """
        self.path = Path(path)
        self.size = 0
        self.failure: CassetteError | None = None
        self._encoder = Encoder()
        self._last_us = 0
        self._max_bytes = max_bytes
        try:
            beginning = self._encoder.header(header)
        except ValueError as error:
            raise CassetteError(f'The header of {self.path} can not be stored: {error}.') from None
        self._descriptor = _create(self.path, beginning, force=force)
        self.size = len(beginning)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, frame: Frame) -> None:
        """Write a frame at once. Never raises on account of the disk or the frame: see `failure`."""
        if self.failure is not None or self._descriptor < 0:
            return
        try:
            data = self._encoder.encode(frame)
        except ValueError as error:
            self._fail(f'it can not hold {error}')
            return
        self._last_us = max(self._last_us, frame.at_us)
        if self._max_bytes is not None and self.size + len(data) > self._max_bytes - NOTE_RESERVE:
            self._fail(f'its limit of {self._max_bytes:,} bytes is reached (max_bytes)')
            return
        try:
            _write(self._descriptor, data, self.size)
        except OSError as error:
            self._fail(f'{error.strerror or error}')
            return
        self.size += len(data)

    def close(self) -> None:
        """Close the file. Closing twice is fine; what is appended afterwards is lost."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _fail(self, reason: str) -> None:
        """End the recording at the last whole frame, and mark the end if there is room for a mark."""
        self.failure = CassetteError(
            f'The recording into {self.path} has stopped: {reason}. What came before is kept and can be replayed.'
        )
        with contextlib.suppress(OSError):  # then the end is torn, which readers know how to deal with
            os.ftruncate(self._descriptor, self.size)
            note = self._encoder.encode(NoteFrame(at_us=self._last_us, text=f'stopped: {reason}'))
            try:
                _write(self._descriptor, note, self.size)
                self.size += len(note)
            except OSError:
                os.ftruncate(self._descriptor, self.size)


def _create(path: Path, beginning: bytes, *, force: bool) -> int:
    """A new file with its first bytes in it. With `force` it takes the name only when they are there."""
    existing = _existing(path)
    if existing is not None and not force:
        raise CassetteError(f'{path} exists already. Choose another name, or replace it with --force (force=True).')
    if existing is not None and not (stat.S_ISREG(existing) or stat.S_ISLNK(existing)):
        raise CassetteError(f'{path} is not a regular file and will not be replaced.')
    name = path.with_name(f'.{path.name}.{secrets.token_hex(4)}.new') if force else path
    try:
        descriptor = os.open(name, _FLAGS, 0o600)
    except FileExistsError:
        raise CassetteError(f'{path} exists already; it was created this very moment by another process.') from None
    except OSError as error:
        raise CassetteError(f'{path} can not be created: {error.strerror or error}.') from None
    try:
        _write(descriptor, beginning, 0)
        if force:
            name.rename(path)
    except OSError as error:
        os.close(descriptor)
        name.unlink(missing_ok=True)
        raise CassetteError(f'{path} can not be written: {error.strerror or error}.') from None
    return descriptor


def _existing(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CassetteError(f'{path} can not be created: {error.strerror or error}.') from None


def _write(descriptor: int, data: bytes, position: int) -> None:
    """Write all of it; a full disk may take a part first and refuses only the rest."""
    written = os.pwrite(descriptor, data, position)
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], position + written)
