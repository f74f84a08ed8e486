"""Running `kmock` as people do: a process of its own, with its own home, and nothing of it left behind."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ['KMOCK', 'PATIENCE_SECONDS', 'in_terminal', 'isolated', 'kmock', 'started']

KMOCK = (sys.executable, '-m', 'kmock')
PATIENCE_SECONDS = 60

# What the new process does before it becomes kmock. (A fork with code in between is not safe beside threads.)
LIMIT = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def isolated(home: Path, **more: str) -> dict[str, str]:
    """An environment with an empty home folder, no cluster, no proxy, and temporary files in a place of its own."""
    keep = {
        key: value for key, value in os.environ.items() if key in {'PATH', 'LANG', 'LC_ALL'} or key.startswith('COV')
    }
    (home / 'tmp').mkdir(exist_ok=True)
    return {**keep, 'HOME': str(home), 'TMPDIR': str(home / 'tmp'), **more}


def kmock(
    *arguments: object, env: Mapping[str, str], cwd: Path, max_file: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. No terminal is there, so signals to it are not taken for those of a terminal.

    Args:
        max_file: how long files may become that it writes, in bytes: as if the disk were full then.
    """
    limit = () if max_file is None else (sys.executable, '-c', LIMIT, str(max_file))
    return subprocess.run(
        [*limit, *KMOCK, *map(str, arguments)],
        env={**env, 'PYTHONDONTWRITEBYTECODE': '1'},  # half a module's cache would outlive the full disk
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        start_new_session=True,
        check=False,
    )


@contextlib.contextmanager
def started(*arguments: object, env: Mapping[str, str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start it, and be sure that it and all its children have ended after the block."""
    process = subprocess.Popen(
        [*KMOCK, *map(str, arguments)],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE_SECONDS)


@contextlib.contextmanager
def in_terminal(*arguments: object, env: Mapping[str, str], cwd: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start it in a terminal of its own; the descriptor is for the person in front of that."""
    person, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, '-c', TAKE_TERMINAL, *KMOCK, *map(str, arguments)],
        env=dict(env),
        cwd=cwd,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        yield process, person
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
        os.close(person)
