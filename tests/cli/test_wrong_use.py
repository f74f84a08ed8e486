"""Mistakes of users: one clear line each, an exit status that is not 0, no traceback, and nothing left behind."""

import contextlib
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import yaml
from click.testing import CliRunner, Result
from kmock_process import kmock
from small_cluster import SmallCluster

from kmock.cli import main
from kmock.recording.cassette import Header
from kmock.recording.disk import encoding
from kmock.recording.format import CassetteWriter

NOTHING = ['--', sys.executable, '-c', '']


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    """A valid cassette without exchanges."""
    path = tmp_path / 'in.kmock'
    CassetteWriter(path, Header(created='2026-01-01T00:00:00Z')).close()
    return path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(('127.0.0.1', 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as holder:
        holder.bind(('127.0.0.1', 0))
        yield holder.getsockname()[1]


def run(tmp_path: Path, env: dict[str, str], *arguments: object) -> Result:
    """Run kmock in this process: most mistakes are the same there, and starting a process takes a second."""
    with (
        contextlib.chdir(tmp_path),
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(tempfile, 'tempdir', env['TMPDIR']),
    ):
        result = CliRunner().invoke(main, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(
    tmp_path: Path,
    env: dict[str, str],
    *arguments: object,
    status: int = 1,
    process: bool = False,
    max_file: int | None = None,
) -> str:
    """Run kmock, check the form of its refusal, and return the one line."""
    before = sorted(tmp_path.iterdir())
    if process:
        completed = kmock(*arguments, env=env, cwd=tmp_path, max_file=max_file)
        found, stdout, stderr = completed.returncode, completed.stdout, completed.stderr
    else:
        result = run(tmp_path, env, *arguments)
        found, stdout, stderr = result.exit_code, result.stdout, result.stderr
    assert found == status, stderr
    assert stdout == ''
    assert 'Traceback' not in stderr
    *usage, line = stderr.splitlines()
    assert line.startswith('Error: ')
    if status != 2:  # click shows the usage before its own errors
        assert usage == []
    assert sorted(tmp_path.iterdir()) == before
    assert list(Path(env['TMPDIR']).iterdir()) == []
    return line


def kubeconfig(path: Path, server: str = 'http://127.0.0.1:1') -> Path:
    config = {
        'clusters': [{'name': 'c1', 'cluster': {'server': server}}],
        'users': [{'name': 'u1', 'user': {}}],
        'contexts': [{'name': 'first', 'context': {'cluster': 'c1', 'user': 'u1'}}],
        'current-context': 'first',
    }
    path.write_text(yaml.safe_dump(config))
    return path


# --- whom to record


def test_an_unknown_cluster_lists_the_known_ones(tmp_path: Path, env: dict[str, str]) -> None:
    kubeconfig(tmp_path / 'config')
    line = refused(tmp_path, env, 'record', '--kubeconfig', 'config', '--cluster', 'absent', *NOTHING, process=True)
    assert 'absent' in line
    assert 'first' in line


def test_no_kubeconfig_at_all(tmp_path: Path, env: dict[str, str]) -> None:
    line = refused(tmp_path, env, 'record', '--cluster', 'kind', *NOTHING)
    assert 'kubeconfig' in line.lower()


def test_a_kubeconfig_that_is_not_there(tmp_path: Path, env: dict[str, str]) -> None:
    assert 'absent' in refused(tmp_path, env, 'record', '--kubeconfig', 'absent', '--cluster', 'kind', *NOTHING)


def test_a_kubeconfig_that_is_none(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / 'config').write_text('a: [b')
    assert 'config' in refused(tmp_path, env, 'record', '--kubeconfig', 'config', '--cluster', 'kind', *NOTHING)


def test_an_unreachable_server(tmp_path: Path, env: dict[str, str], closed_port: int) -> None:
    url = f'http://127.0.0.1:{closed_port}'
    line = refused(tmp_path, env, 'record', '--upstream', url, '-o', 'out.kmock', *NOTHING, process=True)
    assert url in line
    assert 'refused' in line


def test_a_server_whose_certificate_is_not_trusted(tmp_path: Path, env: dict[str, str]) -> None:
    with SmallCluster(tmp_path, tls=True) as cluster:
        line = refused(tmp_path, env, 'record', '--upstream', cluster.url, '-o', 'out.kmock', *NOTHING)
    assert 'certificate' in line
    assert '--insecure' in line


def test_an_authority_file_that_is_none(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / 'ca.pem').write_text('nothing')
    arguments = ['--upstream', 'https://127.0.0.1:1', '--ca', 'ca.pem']
    assert 'ca.pem' in refused(tmp_path, env, 'record', *arguments, *NOTHING)


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--cluster', 'kind', '--upstream', 'http://x'], '--cluster and --upstream'),
        (['--header', 'A: b'], '--header needs --upstream'),
        (['--insecure', '--cluster', 'kind'], '--insecure needs --upstream'),
        (['--upstream', 'http://x', '--key', 'f'], '--key needs --cert'),
        (['--upstream', 'http://x', '--header', 'hush'], 'Name: value'),
        (['--upstream', 'http://x', '--no-redact', '--redact-header', 'A'], '--no-redact excludes'),
        (['--upstream', 'http://x', '--redact-pattern', '('], 'no regular expression'),
        (['--upstream', 'http://x', '--max-size', 'much'], "'much' is not a size"),
        (['--upstream', 'http://x', '--port', '99999'], '--port'),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    tmp_path: Path, env: dict[str, str], arguments: list[str], expected: str
) -> None:
    line = refused(tmp_path, env, 'record', *arguments, *NOTHING, status=2)
    assert expected in line
    assert 'hush' not in line


@pytest.mark.parametrize('rest', [['kubectl', 'get', 'pods'], ['kubectl', 'get', '-n', 'dev'], ['env', '-x']])
@pytest.mark.parametrize('gear', ['record', 'replay'])
def test_a_command_without_dashes_is_a_usage_error(
    tmp_path: Path, env: dict[str, str], cassette: Path, gear: str, rest: list[str]
) -> None:
    """Its options would be taken for ours."""
    arguments = ['--upstream', 'http://x'] if gear == 'record' else [cassette]
    line = refused(tmp_path, env, gear, *arguments, *rest, status=2)
    assert 'A COMMAND goes after --' in line


def test_other_usage_errors_do_not_speak_of_command(tmp_path: Path, env: dict[str, str], cassette: Path) -> None:
    assert 'COMMAND' not in refused(tmp_path, env, 'replay', cassette, '--nonsense', *NOTHING, status=2)
    assert 'COMMAND' not in refused(tmp_path, env, 'replay', cassette, '--port', 'x', status=2)


@pytest.mark.parametrize('url', ['ftp://example.com', 'example.com', 'http://'])
def test_an_upstream_that_is_no_url(tmp_path: Path, env: dict[str, str], url: str) -> None:
    assert 'http' in refused(tmp_path, env, 'record', '--upstream', url, *NOTHING)


# --- where to serve and to write


def test_a_port_in_use(tmp_path: Path, env: dict[str, str], cluster: SmallCluster, taken_port: int) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'out.kmock', '--port', taken_port]
    assert str(taken_port) in refused(tmp_path, env, 'record', *arguments, *NOTHING)


def test_a_port_in_use_leaves_the_old_recording_alone(
    tmp_path: Path, env: dict[str, str], cluster: SmallCluster, taken_port: int
) -> None:
    (tmp_path / 'out.kmock').write_bytes(b'old')
    arguments = ['--upstream', cluster.url, '-o', 'out.kmock', '--force', '--port', taken_port]
    refused(tmp_path, env, 'record', *arguments, *NOTHING)
    assert (tmp_path / 'out.kmock').read_bytes() == b'old'


def test_an_output_that_exists_is_replaced_by_force_only(
    tmp_path: Path, env: dict[str, str], cluster: SmallCluster
) -> None:
    (tmp_path / 'out.kmock').write_bytes(b'old')
    arguments = ['record', '--upstream', cluster.url, '-o', 'out.kmock']
    assert '--force' in refused(tmp_path, env, *arguments, *NOTHING)
    assert (tmp_path / 'out.kmock').read_bytes() == b'old'
    assert run(tmp_path, env, *arguments, '--force', *NOTHING).exit_code == 0
    assert (tmp_path / 'out.kmock').read_bytes() != b'old'


def test_an_output_in_no_folder(tmp_path: Path, env: dict[str, str], cluster: SmallCluster) -> None:
    line = refused(tmp_path, env, 'record', '--upstream', cluster.url, '-o', 'absent/out.kmock', *NOTHING)
    assert 'no folder absent' in line


@pytest.mark.parametrize('name', ['out.kmock.zst', 'out.jsonl', 'out.jsonl.gz', 'out.har'])
def test_an_output_named_like_another_format(
    tmp_path: Path, env: dict[str, str], cluster: SmallCluster, name: str
) -> None:
    assert 'NAME.kmock' in refused(tmp_path, env, 'record', '--upstream', cluster.url, '-o', name, *NOTHING)


def test_a_kubeconfig_of_somebody_else_is_not_overwritten(
    tmp_path: Path, env: dict[str, str], cluster: SmallCluster
) -> None:
    path = kubeconfig(tmp_path / 'config')
    before = path.read_text()
    arguments = ['--upstream', cluster.url, '--kubeconfig-out', 'config']
    assert 'not of kmock' in refused(tmp_path, env, 'record', *arguments, *NOTHING)
    assert path.read_text() == before


def test_a_client_authority_that_is_none(tmp_path: Path, env: dict[str, str], cluster: SmallCluster) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'out.kmock', '--client-ca', 'absent.pem']
    assert 'absent.pem' in refused(tmp_path, env, 'record', *arguments, *NOTHING)


# --- COMMAND


@pytest.mark.parametrize('gear', ['record', 'replay'])
def test_a_command_that_is_nowhere_is_127(
    tmp_path: Path, env: dict[str, str], cluster: SmallCluster, cassette: Path, gear: str
) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'out.kmock'] if gear == 'record' else [cassette]
    line = refused(tmp_path, env, gear, *arguments, '--', 'no-such-program', status=127, process=True)
    assert 'no-such-program' in line


@pytest.mark.parametrize('gear', ['record', 'replay'])
def test_a_command_that_is_not_executable_is_126(
    tmp_path: Path, env: dict[str, str], cluster: SmallCluster, cassette: Path, gear: str
) -> None:
    (tmp_path / 'script').write_text('#!/bin/sh\n')
    arguments = ['--upstream', cluster.url, '-o', 'out.kmock'] if gear == 'record' else [cassette]
    assert 'executable' in refused(tmp_path, env, gear, *arguments, '--', './script', status=126)


# --- cassettes


def foreign(path: Path) -> None:
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + bytes(1000))


def empty(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def absent(path: Path) -> None:
    pass


def pipe(path: Path) -> None:
    os.mkfifo(path)


COMMANDS = [['replay', 'F', *NOTHING], ['show', 'F'], ['export', 'F'], ['import', 'F', '-o', 'o.kmock']]


@pytest.mark.parametrize('make', [foreign, empty, folder, absent, pipe])
@pytest.mark.parametrize('arguments', COMMANDS, ids=lambda arguments: arguments[0])
def test_a_file_that_is_no_cassette(tmp_path: Path, env: dict[str, str], make: object, arguments: list[str]) -> None:
    path = tmp_path / 'F'
    assert callable(make)
    make(path)
    assert 'F' in refused(tmp_path, env, *arguments)


@pytest.mark.parametrize('arguments', COMMANDS, ids=lambda arguments: arguments[0])
def test_a_cassette_of_a_newer_version(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(encoding, 'VERSION', encoding.VERSION + 1)
    CassetteWriter(tmp_path / 'F', Header(created='2026-01-01T00:00:00Z')).close()
    assert 'version 2' in refused(tmp_path, env, *arguments)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_a_cassette_that_may_not_be_read(tmp_path: Path, env: dict[str, str], cassette: Path) -> None:
    cassette.chmod(0)
    assert 'in.kmock' in refused(tmp_path, env, 'show', cassette)


@pytest.mark.parametrize('pace', ['fast', '0', '-1', 'nan', 'inf', ''])
def test_a_pace_that_is_none(tmp_path: Path, env: dict[str, str], cassette: Path, pace: str) -> None:
    assert '--pace' in refused(tmp_path, env, 'replay', cassette, '--pace', pace, *NOTHING, status=2)


def test_a_replay_on_a_port_in_use(tmp_path: Path, env: dict[str, str], cassette: Path, taken_port: int) -> None:
    assert str(taken_port) in refused(tmp_path, env, 'replay', cassette, '--port', taken_port, *NOTHING)


def test_an_exchange_that_is_not_there(tmp_path: Path, env: dict[str, str], cassette: Path) -> None:
    assert '17' in refused(tmp_path, env, 'show', cassette, '--id', 17)


@pytest.mark.parametrize(
    'arguments',
    [
        ['export', 'in.kmock', '-o', 'out'],
        ['import', 'in.kmock', '-o', 'out'],
        ['repair', 'in.kmock', '-o', 'out'],
        ['show', 'in.kmock', '--html', 'out'],
    ],
    ids=lambda arguments: arguments[0],
)
class TestOutputs:
    """Commands that write a file: they all treat it in the same way."""

    def test_an_existing_one_is_replaced_by_force_only(
        self, tmp_path: Path, env: dict[str, str], cassette: Path, arguments: list[str]
    ) -> None:
        (tmp_path / 'out').write_bytes(b'old')
        assert '--force' in refused(tmp_path, env, *arguments)
        assert (tmp_path / 'out').read_bytes() == b'old'
        assert run(tmp_path, env, *arguments, '--force').exit_code == 0
        assert (tmp_path / 'out').read_bytes() != b'old'

    def test_a_new_one_is_private(
        self, tmp_path: Path, env: dict[str, str], cassette: Path, arguments: list[str]
    ) -> None:
        assert run(tmp_path, env, *arguments).exit_code == 0
        assert stat.S_IMODE((tmp_path / 'out').stat().st_mode) == 0o600

    def test_one_in_no_folder_is_refused(
        self, tmp_path: Path, env: dict[str, str], cassette: Path, arguments: list[str]
    ) -> None:
        assert 'absent' in refused(tmp_path, env, *arguments[:-1], 'absent/out')

    def test_a_full_disk_leaves_nothing(
        self, tmp_path: Path, env: dict[str, str], cassette: Path, arguments: list[str]
    ) -> None:
        line = refused(
            tmp_path,
            env,
            *arguments,
            process=True,
            max_file=16,
        )
        assert 'out' in line
        assert 'too large' in line.lower()
