"""Running `kmock` as people do: a process of its own, with its own home, and nothing of it left behind."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ['KMOCK', 'PATIENCE_SECONDS', 'isolated', 'kmock', 'started']

KMOCK = (sys.executable, '-m', 'kmock')
PATIENCE_SECONDS = 60


def isolated(home: Path, **more: str) -> dict[str, str]:
    """An environment with an empty home folder, no cluster, no proxy, and temporary files in a place of its own."""
    keep = {
        key: value for key, value in os.environ.items() if key in {'PATH', 'LANG', 'LC_ALL'} or key.startswith('COV')
    }
    (home / 'tmp').mkdir(exist_ok=True)
    return {**keep, 'HOME': str(home), 'TMPDIR': str(home / 'tmp'), **more}


def kmock(*arguments: object, env: Mapping[str, str], cwd: Path, **more: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end. No terminal is there, so signals to it are not taken for those of a terminal."""
    return subprocess.run(
        [*KMOCK, *map(str, arguments)],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        start_new_session=True,
        **more,
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
