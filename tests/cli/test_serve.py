"""`kmock serve` as people start it: what it prints, when it reloads, how it ends, and what it refuses."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import yaml
from click.testing import CliRunner
from kmock_process import PATIENCE_SECONDS, kmock, started
from serving_rules import serving_rules, written

from kmock.cli import main
from kmock.cli.options import Access
from kmock.cli.serve import POLL_SECONDS, Service, watch

RULES = """
def rules(kmock):
    kmock['get /'] << {'hello': 'world'}
    kmock['get /stream'] << ('one', ..., 'two')
    kmock['get /boom'] << (lambda: 1 / 0)
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / 'rules.py'
    path.write_text(RULES)
    return path


@contextlib.contextmanager
def serving(*arguments: object, env: dict[str, str], cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and its URL."""
    with started('serve', *arguments, env=env, cwd=cwd) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rstrip('\n')
        assert url.startswith('http'), process.communicate(timeout=PATIENCE_SECONDS)
        yield process, url


def get(url: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE_SECONDS) as response:
        content: bytes = response.read()
        return content


def tokens_in(kubeconfig: Path) -> dict[str, str | None]:
    return {each['name']: each['user'].get('token') for each in yaml.safe_load(kubeconfig.read_text())['users']}


def told(process: subprocess.Popen[str], word: str) -> str:
    """Read standard error up to a line with a word."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f'{word!r} was not told.')


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE_SECONDS)


def test_the_first_line_is_the_url_and_each_request_is_a_line(rules: Path, env: dict[str, str]) -> None:
    with serving('rules.py', env=env, cwd=rules.parent) as (process, url):
        assert get(f'{url}/') == b'{"hello":"world"}'
        with pytest.raises(urllib.error.HTTPError, match='500'):
            get(f'{url}/boom')
        out, err = end(process)
    assert process.returncode == 0
    first, second = out.splitlines()
    assert first.split(' ', 1)[1].startswith('GET / 200 17 B in ')
    assert first.endswith(" ms by kmock['get /']")
    assert second.split(' ', 1)[1].startswith('GET /boom 500 152 B in ')
    assert "kmock: rules.py:5: ZeroDivisionError: division by zero (GET /boom by kmock['get /boom'])\n" in err
    assert 'Traceback' not in err


def test_json_is_an_object_a_line(rules: Path, env: dict[str, str]) -> None:
    with serving('rules.py', '--json', env=env, cwd=rules.parent) as (process, url):
        get(f'{url}/?a=b')
        out, _ = end(process)
    entry = json.loads(out)
    assert entry.pop('duration') >= 0
    assert entry.pop('time').endswith('Z')
    assert entry == {
        'method': 'GET',
        'target': '/?a=b',
        'status': 200,
        'bytes': 17,
        'outcome': 'complete',
        'rule': "kmock['get /']",
    }


@pytest.mark.parametrize('flags', [[], ['--json']], ids=['text', 'json'])
def test_credentials_are_never_shown(rules: Path, env: dict[str, str], flags: list[str]) -> None:
    secrets = ['very-secret-token', 'cookie-secret', 'query-secret', 'rule-secret', 'wanted-key', 'wanted-cookie']
    rules.write_text(
        'def rules(kmock):\n'
        "    kmock['get /', kmock.headers({'Authorization': 'Bearer rule-secret'})] << 200\n"
        "    kmock['get /none', kmock.headers({'X-Api-Key': 'wanted-key'})] << 200\n"
        "    kmock['get /none', kmock.cookies(session='wanted-cookie')] << 200\n"
        "    kmock['get /raise'] << (lambda request: exec('raise ValueError(dict(request.headers))'))\n"
    )
    with serving('rules.py', *flags, env=env, cwd=rules.parent) as (process, url):
        get(f'{url}/?access_token=query-secret', Authorization='Bearer rule-secret')
        for path in ('raise', 'none?password=query-secret'):
            with pytest.raises(urllib.error.HTTPError):
                get(f'{url}/{path}', Authorization='Bearer very-secret-token', Cookie='a=b; session=cookie-secret')
        out, err = end(process)
    assert 'ValueError' in err
    assert 'No rule' in err
    assert [secret for secret in secrets if secret in out + err] == []


def test_it_reloads_at_a_change_of_the_file_and_of_a_module_beside_it(rules: Path, env: dict[str, str]) -> None:
    beside = rules.with_name('beside.py')
    beside.write_text("WORD = 'one'")
    rules.write_text("import beside\ndef rules(kmock):\n    kmock['get /'] << beside.WORD")
    with serving('rules.py', env=env, cwd=rules.parent) as (process, url):
        assert get(f'{url}/') == b'"one"'
        beside.write_text("WORD = 'two'")
        told(process, 'loaded rules.py anew')
        assert get(f'{url}/') == b'"two"'
        beside.write_text('WORD = (')
        assert told(process, 'SyntaxError') == (
            "kmock: beside.py:1: SyntaxError: '(' was never closed; the former rules stay.\n"
        )
        assert get(f'{url}/') == b'"two"'
        rules.write_text("def rules(kmock):\n    kmock['get /'] << 'three'")
        told(process, 'loaded rules.py anew')
        assert get(f'{url}/') == b'"three"'
        end(process)
    assert not rules.with_name('__pycache__').exists()


def test_it_says_whether_it_reloads(rules: Path, env: dict[str, str]) -> None:
    with serving('rules.py', '--no-reload', env=env, cwd=rules.parent) as (process, _):
        assert end(process)[1] == 'kmock: serving rules.py. Stop with Ctrl-C.\n'


def test_the_kubeconfig_follows_the_users_that_the_rules_declare(rules: Path, env: dict[str, str]) -> None:
    written(rules, "kmock.users['admin'] = {'token': 'one', 'groups': ['system:masters']}")
    path = rules.with_name('clients.kubeconfig')
    with serving('rules.py', '--kubeconfig-out', path, env=env, cwd=rules.parent) as (process, url):
        assert tokens_in(path) == {'admin': 'one'}
        assert get(f'{url}/api/v1/pods', Authorization='Bearer one')
        written(rules, "kmock.users['viewer'] = {'token': 'two'}", "kmock.users['admin'] = {'token': 'three'}")
        told(process, 'loaded rules.py anew')
        assert tokens_in(path) == {'viewer': 'two', 'admin': 'three'}
        assert yaml.safe_load(path.read_text())['current-context'] == 'viewer'
        written(rules)
        told(process, 'loaded rules.py anew')
        assert tokens_in(path) == {'kmock': None}
        end(process)


def test_a_command_has_the_tokens_of_the_users_and_is_told_of_https(rules: Path, env: dict[str, str]) -> None:
    written(rules, "kmock.users['admin'] = {'token': 'one'}")
    command = ['sh', '-c', 'cat "$KUBECONFIG"']
    plain = kmock('serve', 'rules.py', '--', *command, env=env, cwd=rules.parent)
    encrypted = kmock('serve', 'rules.py', '--tls', '--', *command, env=env, cwd=rules.parent)
    assert 'token: one' in plain.stdout
    assert 'token: one' in encrypted.stdout
    assert 'send tokens over HTTPS only: give --tls, too.' in plain.stderr
    assert encrypted.stderr == ''


@pytest.mark.parametrize('reload', [True, False])
async def test_it_looks_for_changes_if_it_is_to_reload(
    rules: Path, capsys: pytest.CaptureFixture[str], reload: bool
) -> None:
    async with serving_rules(rules, "kmock['get /'] << 'one'") as stage:
        service = Service(file=stage.file, host='', as_objects=False, reload=reload, access=Access(), command=())
        async with service.watched(stage.editions, stage.clock):
            written(rules, "kmock['get /'] << 'two'")
            await stage.clock.advance(2)
            assert await stage.text('/') == ('"two"' if reload else '"one"')
            written(rules, '1 / 0')
            await stage.clock.advance(2)
            assert await stage.text('/') == ('"two"' if reload else '"one"')
            rules.write_text('')
            await stage.clock.advance(2)
    told = capsys.readouterr().err.splitlines()
    assert [line.rpartition(':')[2] for line in told] == (
        [f' loaded {rules} anew.', ' division by zero; the former rules stay.', ' ...; the former rules stay.']
        if reload
        else []
    )


async def test_a_file_is_read_when_its_writer_has_come_to_an_end(rules: Path) -> None:
    """Half a file would be a syntax error, and half a checkout who knows what."""
    async with serving_rules(rules, "kmock['get /'] << 'one'") as stage:
        watching = asyncio.create_task(watch(stage.file, stage.editions, stage.clock))
        await stage.clock.advance(POLL_SECONDS - 0.01)
        for size in range(1, 40):
            written(rules, f"kmock['get /'] << '{'x' * size}'")
            await stage.clock.advance(0.04)
        assert await stage.text('/') == '"one"'
        await stage.clock.advance(0.2)
        assert await stage.text('/') == f'"{"x" * 39}"'
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_amid_a_stream(rules: Path, env: dict[str, str], number: int) -> None:
    with serving('rules.py', env=env, cwd=rules.parent) as (process, url):
        with urllib.request.urlopen(f'{url}/stream') as response:
            assert response.readline() == b'"one"\n'
            out, err = end(process, number)
    assert process.returncode == 0
    assert 'GET /stream 200 unfinished 6 B in ' in out
    assert err.splitlines()[1:] == []


def test_https_tells_its_authority(rules: Path, env: dict[str, str]) -> None:
    with serving('rules.py', '--tls', '--host', 'localhost', env=env, cwd=rules.parent) as (process, url):
        assert url.startswith('https://localhost:')
        authority = told(process, 'authority').split(': ')[-1].strip()
        context = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(f'{url}/', context=context) as response:
            assert response.read() == b'{"hello":"world"}'
        end(process)
    assert process.returncode == 0


def test_a_command_gets_the_url_and_its_status_is_passed_on(rules: Path, env: dict[str, str]) -> None:
    code = 'import os, urllib.request as u; print(u.urlopen(os.environ["KMOCK_URL"]).read()); raise SystemExit(7)'
    completed = kmock('serve', 'rules.py', '--', sys.executable, '-c', code, env=env, cwd=rules.parent)
    assert (completed.returncode, completed.stdout) == (7, 'b\'{"hello":"world"}\'\n')
    assert 'GET / 200 17 B in ' in completed.stderr


def test_a_reader_of_the_log_who_leaves_does_not_end_the_server(rules: Path, env: dict[str, str]) -> None:
    with serving('rules.py', env=env, cwd=rules.parent) as (process, url):
        assert process.stdout is not None
        process.stdout.close()
        get(f'{url}/')
        assert 'Broken pipe' in told(process, 'the log of requests')
        assert get(f'{url}/') == b'{"hello":"world"}'
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ''


# --- mistakes


def refused(env: dict[str, str], folder: Path, *arguments: object, status: int = 1) -> str:
    """Run it, check the form of its refusal, and return the one line."""
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(tempfile, 'tempdir', env['TMPDIR']),
    ):
        modules, path = set(sys.modules), list(sys.path)
        result = CliRunner().invoke(main, ['serve', *map(str, arguments)])
        assert sys.path == path
        assert not {'rules', 'beside'} & (set(sys.modules) - modules)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout) == (status, '')
    *usage, line = result.stderr.splitlines()
    assert line.startswith('Error: ')
    assert status == 2 or not usage
    assert list(Path(env['TMPDIR']).iterdir()) == []
    return line.removeprefix('Error: ')


@pytest.mark.parametrize(
    ('source', 'line'),
    [
        ('def rules(kmock:', "rules.py:1: SyntaxError: '(' was never closed"),
        ('import absent', "rules.py:1: ModuleNotFoundError: No module named 'absent'"),
        ('\n1 / 0', 'rules.py:2: ZeroDivisionError: division by zero'),
        ('import beside', 'beside.py:3: KeyError: 1'),
        ('raise SystemExit(3)', 'rules.py:1: SystemExit: 3'),
        ('', 'rules.py has no function rules(). Write: def rules(kmock): ...'),
        ('rules = 5', 'rules.py has no function rules(), but 5. Write: def rules(kmock): ...'),
        ('def rules(kmock):\n    kmock << {1}', 'rules.py:2: ValueError: {1} is a set'),
        ('async def rules(kmock):\n    raise ValueError("a\\nb")', 'rules.py:2: ValueError: a b'),
        ('def rules():\n    pass', 'rules.py:1: rules() is to take one argument, the handler: def rules(kmock): ...'),
        ('def rules(kmock):\n    yield', 'rules.py:1: rules() is a generator, so it would not run: leave yield out.'),
        ('x = "\0"', 'rules.py: '),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(rules: Path, env: dict[str, str], source: str, line: str) -> None:
    rules.write_text(source)
    rules.with_name('beside.py').write_text('\n\n{}[1]')
    assert refused(env, rules.parent, 'rules.py').startswith(line)


def test_a_file_that_is_not_there(tmp_path: Path, env: dict[str, str]) -> None:
    line = refused(env, tmp_path, 'absent.py')
    assert line.startswith("Can't read absent.py: No such file or directory.")
    assert 'def rules(kmock): ...' in line
    assert 'Is a directory' in refused(env, tmp_path, '.')


@pytest.mark.parametrize(
    ('cls', 'reason'),
    [
        ('absent:X', 'there is no module absent'),
        ('rules:Absent', "has no attribute 'Absent'"),
        ('kmock:Server', "that is <class 'kmock.server.Server'>"),
        ('a b', 'that is no name of Python'),
        ('Absent', "has no attribute 'Absent'"),
    ],
)
def test_a_class_that_is_none(rules: Path, env: dict[str, str], cls: str, reason: str) -> None:
    line = refused(env, rules.parent, 'rules.py', '--cls', cls)
    assert line.startswith(f'--cls {cls} is no class of handlers: ')
    assert reason in line


def test_a_port_in_use(rules: Path, env: dict[str, str]) -> None:
    with socket.socket() as holder:
        holder.bind(('127.0.0.1', 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert refused(env, rules.parent, 'rules.py', '--port', port).startswith(f'Port {port} on 127.0.0.1 is in use')


def test_a_host_that_is_none(rules: Path, env: dict[str, str]) -> None:
    assert 'absent.invalid' in refused(env, rules.parent, 'rules.py', '--host', 'absent.invalid')


def test_a_command_that_is_nowhere_and_one_without_dashes(rules: Path, env: dict[str, str]) -> None:
    assert 'no-such-program' in refused(env, rules.parent, 'rules.py', '--', 'no-such-program', status=127)
    assert 'after --' in refused(env, rules.parent, 'rules.py', 'curl', status=2)
