"""The demo: a real client is recorded with an emulated cluster, and the recording is replayed to the same client."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kmock.recording.comparison import compare, side_by_side
from kmock.recording.interchange import open_cassette

TOP = Path(__file__).resolve().parent.parent
KMOCK = [sys.executable, '-m', 'kmock']
CLIENT = [sys.executable, str(TOP / 'tools' / 'demo_client.py')]


def title(text: str) -> None:
    print(f'\n\033[1m{text}\033[0m' if sys.stdout.isatty() else f'\n{text}', flush=True)


def shown(words: list[str]) -> str:
    """A command as a person would type it."""
    line = ' '.join(words).replace(' '.join(KMOCK), 'kmock').replace(sys.executable, 'python')
    return line.replace(f'{TOP}/', '')


@contextlib.contextmanager
def replaying(cassette: Path) -> Iterator[str]:
    """Play a cassette in the background, and give the kubeconfig that leads to it."""
    command = [*KMOCK, 'replay', str(cassette)]
    print(f'  $ {shown(command)} &', flush=True)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split(maxsplit=1)
            if len(words) != 2:
                _, errors = process.communicate(timeout=10)
                raise SystemExit(f'tools/demo: {shown(command)} has failed:\n{errors}')
            yield words[1].strip()
        finally:
            process.terminate()
            process.communicate(timeout=10)


def recording(cluster: list[str], cassette: Path) -> None:
    """Run the client through a recording proxy; the options name the cluster behind that."""
    command = [*KMOCK, 'record', *cluster, '-o', str(cassette), '--', *CLIENT]
    print(f'  $ {shown(command)}', flush=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, env=os.environ | {'PYTHONUNBUFFERED': '1'}, check=False)
    if done.returncode != 0:
        raise SystemExit(f'tools/demo: the command above has failed with exit status {done.returncode}.')


def compare_recordings(first: Path, second: Path) -> None:
    """Both timelines side by side, and how far they agree."""
    width = min(shutil.get_terminal_size((120, 24)).columns, 160)
    with open_cassette(first) as one, open_cassette(second) as other:
        comparison = compare(one, other)
        lines = side_by_side(one, other, titles=('recorded', 'replayed'), width=width - 2, comparison=comparison)
        for line in lines:
            print(f'  {line}')
    if not comparison.agrees:
        raise SystemExit('tools/demo: the replay does not agree with the recording.')


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix='kmock-demo-'))
    first, second = folder / 'demo.kmock', folder / 'replayed.kmock'

    title('1. A real client talks to an emulated cluster, and kmock records what passes')
    recording(['--cluster', 'emulated'], first)

    title('2. The recording is played to the same client; the cluster is gone')
    with replaying(first) as kubeconfig:
        print('  (this, too, is recorded, to be compared with the first time)')
        recording(['--kubeconfig', kubeconfig], second)

    title('3. Both side by side')
    compare_recordings(first, second)
    second.unlink()

    print(f'\nThe recording is kept for you to look at: kmock show {first}')


if __name__ == '__main__':
    main()
