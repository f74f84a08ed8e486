"""Every example in README.md and docs/ runs as it stands.

- A `python` block with a test function is a test file of a new user: it is run by a pytest of its own, beside a folder
  `cassettes/`. Other `python` blocks are just executed.
- A `python title=NAME` block is also a file of that name, for the `console` blocks of the same document.
- The `console` blocks of a document are typed into one shell, one after another, in an empty folder with `cassettes/`,
  in an environment whose kubeconfig has the contexts `kind-kind` and `minikube` (a replayed cluster). A line after `$`
  must succeed; what stands below it must be found in its output, in that order; `…` stands for anything.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
FENCE = re.compile(r'^```(\w+)[^\n]*\n(.*?)^```$', re.MULTILINE | re.DOTALL)
FILE = re.compile(r'^```python title=(\S+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Command:
    """A line that a reader would type, and what the document says that it prints."""

    line: int
    text: str
    output: str


def blocks(document: pathlib.Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a language, each with the number of its first line."""
    text = document.read_text()
    return [
        (text.count('\n', 0, match.start(2)) + 1, match[2]) for match in FENCE.finditer(text) if match[1] == language
    ]


def commands(document: pathlib.Path) -> list[Command]:
    found: list[Command] = []
    for first, block in blocks(document, 'console'):
        for offset, line in enumerate(block.splitlines()):
            if line.startswith('$ '):
                found.append(Command(first + offset, line[2:], ''))
            elif found and found[-1].text.endswith('\\'):
                found[-1] = dataclasses.replace(found[-1], text=found[-1].text + '\n' + line)
            else:
                found[-1] = dataclasses.replace(found[-1], output=found[-1].output + line + '\n')
    return found


def with_blocks(language: str) -> list[pathlib.Path]:
    return [document for document in DOCUMENTS if blocks(document, language)]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    shutil.copytree(ROOT / 'cassettes', tmp_path / 'cassettes')
    return tmp_path


@pytest.fixture
def environment(folder: pathlib.Path) -> dict[str, str]:
    """The environment of a new user: a home of their own, and kmock on the PATH."""
    home = folder / '.home'
    home.mkdir()
    scripts = pathlib.Path(sys.executable).parent
    kept = {key: value for key, value in os.environ.items() if not key.startswith(('COV_', 'PYTEST_', 'KUBE'))}
    return kept | {'HOME': str(home), 'PATH': f'{scripts}{os.pathsep}{os.environ["PATH"]}', 'COLUMNS': '120'}


@contextlib.contextmanager
def cluster(folder: pathlib.Path, environment: dict[str, str]) -> Iterator[pathlib.Path]:
    """A kubeconfig of a cluster that is in fact a recorded one."""
    arguments = [sys.executable, '-m', 'kmock', 'replay', str(ROOT / 'cassettes/kubectl.jsonl.gz'), '--pace', 'instant']
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[0]
            names = ['kind-kind', 'minikube']
            config = {
                'apiVersion': 'v1',
                'kind': 'Config',
                'current-context': 'kind-kind',
                'clusters': [{'name': name, 'cluster': {'server': url}} for name in names],
                'users': [{'name': name, 'user': {'token': 'a-secret-token'}} for name in names],
                'contexts': [{'name': name, 'context': {'cluster': name, 'user': name}} for name in names],
            }
            path = folder / '.home' / 'config'
            path.write_text(yaml.safe_dump(config))
            yield path
        finally:
            process.terminate()


@pytest.mark.parametrize('document', with_blocks('python'), ids=lambda path: path.name)
def test_python_examples(document: pathlib.Path, folder: pathlib.Path, environment: dict[str, str]) -> None:
    for line, block in blocks(document, 'python'):
        code = '\n' * (line - 1) + block  # so that line numbers in tracebacks are those of the document
        if not re.search(r'^(async )?def test_', block, re.MULTILINE):
            subprocess.run([sys.executable, '-c', code], cwd=folder, env=environment, check=True, timeout=60)
            continue
        (folder / f'test_line_{line}.py').write_text(code)
    if list(folder.glob('test_line_*.py')):
        (folder / 'pytest.ini').write_text(
            '[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n'
            'addopts = -p no:looptime_plugin\n'  # a reader need not have it, and it leaves a loop open
        )
        run = subprocess.run(
            [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', str(folder)],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize('document', with_blocks('console'), ids=lambda path: path.name)
def test_console_examples(
    document: pathlib.Path, folder: pathlib.Path, environment: dict[str, str], modern_kubectl: None
) -> None:
    for file in FILE.finditer(document.read_text()):
        (folder / file[1]).write_text(file[2])
    with cluster(folder, environment) as kubeconfig:
        for command in commands(document):
            run = subprocess.run(
                ['bash', '-euo', 'pipefail', '-c', command.text],
                cwd=folder, env=environment | {'KUBECONFIG': str(kubeconfig)}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
            )  # fmt: skip
            where = f'{document.name}:{command.line}: {command.text}\n{textwrap.indent(run.stdout, "    ")}'
            assert run.returncode == 0, where
            pieces = [re.escape(piece.strip()) for piece in re.split('…|\n', command.output) if piece.strip()]
            assert re.search('.*?'.join(pieces), run.stdout, re.DOTALL), f'not as documented: {where}'
