"""The published kmock to compare with, in a virtual environment of its own."""

import functools
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

__all__ = ['VERSION', 'published_python']

VERSION = '0.8'
FOLDER = Path(__file__).resolve().parents[2] / '.venv' / f'bench-{VERSION}'
NEEDED = ('aiohttp', 'pytest', 'pytest-asyncio')


@functools.cache
def published_python() -> Path | None:
    """The interpreter that has it, beside the same aiohttp and pytest as here; None if it can't be installed.

    It is installed once, from the index of the packages.
    """
    python = FOLDER / ('Scripts' if sys.platform == 'win32' else 'bin') / 'python'
    wanted = [f'kmock=={VERSION}', *(f'{name}=={version(name)}' for name in NEEDED)]
    stamp = FOLDER / 'stamp'
    if stamp.exists() and stamp.read_text() == '\n'.join(wanted):
        return python
    print(f'-- installing kmock {VERSION} into {FOLDER}', file=sys.stderr, flush=True)
    venv.create(FOLDER, clear=True, with_pip=True)
    command = [str(python), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1']
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ['no reason given'])[-1]
        print(f'kmock {VERSION} is left out, because pip could not install it: {reason}', file=sys.stderr, flush=True)
        return None
    stamp.write_text('\n'.join(wanted))
    return python
