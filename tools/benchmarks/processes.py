"""Servers in processes of their own, so that nothing that is measured shares an event loop with what measures."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ['Process', 'running', 'running_kmock']


class Process:
    """A running server: its URL, its process id, its memory."""

    def __init__(self, process: 'subprocess.Popen[str]', url: str) -> None:
        self.url = url
        self.pid = process.pid

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
    # Its complaints go to our stderr: a benchmark that breaks should say why.
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.match(r'https?://\S+', line)
            if found is None:
                raise RuntimeError(f'{" ".join(words)} says {line!r} instead of its URL.')
            yield Process(process, found[0].rstrip('/'))
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@contextlib.contextmanager
def running_kmock(*arguments: str | Path) -> Iterator[Process]:
    with running(sys.executable, '-m', 'kmock', *arguments) as process:
        yield process
