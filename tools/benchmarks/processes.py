"""Servers in processes of their own, so that nothing that is measured shares an event loop with what measures."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ['Process', 'running', 'running_kmock']

STOPPING_SECONDS = 20

# asyncio reads into 256 KiB of new memory each time. Whether glibc asks the system for it anew for each read, a third
# of the cost of a small request, depends on what the process happens to have freed before. Here, it never does.
_ALLOCATION = {'MALLOC_MMAP_THRESHOLD_': str(2**20), 'MALLOC_TRIM_THRESHOLD_': str(2**26)}
ENVIRONMENT = {**os.environ, **_ALLOCATION}


class Process:
    """A running server: its URL, what else its first line said, its process id, its memory."""

    def __init__(self, process: 'subprocess.Popen[str]', url: str, said: str = '') -> None:
        self.url = url
        self.said = said
        self.pid = process.pid
        self._process = process

    def ask(self) -> str:
        """Write an empty line to its input, and return the line that it answers; for servers that do so."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write('\n')
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def hear(self) -> str:
        """Wait for the next line of its output."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    @property
    def memory_mb(self) -> float:
        """The resident memory now, in MiB."""
        statm = Path(f'/proc/{self.pid}/statm')
        if statm.exists():
            return int(statm.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
        kilobytes = subprocess.run(
            ['ps', '-o', 'rss=', '-p', str(self.pid)], capture_output=True, text=True, check=True
        )
        return int(kilobytes.stdout) / 1024


@contextlib.contextmanager
def running(*command: str | Path) -> Iterator[Process]:
    """Run a command whose first line of output begins with the URL that it serves; stop it as Ctrl-C does."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile('w+') as complaints:
        with subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=ENVIRONMENT,
        ) as process:
            assert process.stdout is not None
            try:
                line = process.stdout.readline()
                found = re.match(r'https?://\S+', line)
                if found is None:
                    process.wait(timeout=STOPPING_SECONDS)
                    raise RuntimeError(f'{" ".join(words)} does not serve: {_read(complaints)}')
                yield Process(process, found[0].rstrip('/'), line[found.end() :].strip())
            finally:
                _stop(process)
        if process.returncode not in {0, -signal.SIGINT, 128 + signal.SIGINT}:
            raise RuntimeError(f'{" ".join(words)} ended with {process.returncode}: {_read(complaints)}')


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _stop(process: 'subprocess.Popen[str]') -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOPPING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@contextlib.contextmanager
def running_kmock(*arguments: str | Path) -> Iterator[Process]:
    with running(sys.executable, '-m', 'kmock', *arguments) as process:
        yield process
