import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import kmock
from kmock.cli.group import COMMANDS, main
from kmock.errors import KMockError

ROOT = Path(__file__).parents[2]


def test_help_lists_every_command_with_what_it_does() -> None:
    result = CliRunner().invoke(main, ['--help'])
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert f'{name} ' in result.output
        assert entry.summary in result.output


@pytest.mark.parametrize('name', list(COMMANDS))
def test_each_command_helps_with_examples(name: str) -> None:
    result = CliRunner().invoke(main, [name, '--help'])
    assert result.exit_code == 0
    assert f'kmock {name}' in result.output.partition('Example')[2]


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    """The table repeats the first lines of the docstrings, because it must not import the commands."""
    for name, entry in COMMANDS.items():
        assert entry.load().name == name


def test_version() -> None:
    result = CliRunner().invoke(main, ['--version'])
    assert result.output == f'kmock, version {kmock.__version__}\n'


@pytest.mark.parametrize('arguments', [['--help'], ['--version'], ['nonsense']])
def test_the_group_alone_imports_neither_aiohttp_nor_the_kubernetes_client(arguments: list[str]) -> None:
    code = f"""
import sys
from kmock.cli import main
main({arguments!r}, standalone_mode=False) if {arguments!r} != ['nonsense'] else main.get_command(None, 'nonsense')
heavy = sorted(set(sys.modules) & {{'aiohttp', 'kubernetes_asyncio', 'yaml', 'msgpack', 'trustme'}})
assert not heavy, heavy
"""
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ['nonsense'])
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.output


def test_an_error_of_ours_is_one_line_and_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, ctx: object) -> None:
        raise KMockError('Something is wrong with FILE: mend it.')

    monkeypatch.setattr('click.Command.invoke', fail)
    result = CliRunner().invoke(main, ['repair', 'a', '-o', 'b'])
    assert result.exit_code == 1
    assert result.output == 'Error: Something is wrong with FILE: mend it.\n'


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, ctx: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr('click.Command.invoke', fail)
    assert isinstance(CliRunner().invoke(main, ['repair', 'a', '-o', 'b']).exception, ZeroDivisionError)


def test_python_dash_m_is_the_same_command() -> None:
    result = subprocess.run(
        [sys.executable, '-m', 'kmock', '--version'], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout == f'kmock, version {kmock.__version__}\n'


def test_the_package_installs_the_command() -> None:
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    assert project['scripts'] == {'kmock': 'kmock.cli:main'}
