"""`kmock record` in a process of its own, between a small cluster and small clients."""

import base64
import json
import os
import signal
import socket
import ssl
import stat
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import trustme
import yaml
from kmock_process import PATIENCE_SECONDS, in_terminal, kmock, started
from small_cluster import SECRET, SmallCluster

from kmock.messages import Outcome
from kmock.recording.format import load

SEEN = "listed []\nADDED one {'a': '1'}\nMODIFIED one {'a': '2'}\nsecret ['password']\n"
WATCH = '/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=30'
TOKEN = 'a-token-that-nobody-may-see'

# Says where it is, and then does as told.
SLEEPER = 'import signal, sys, time; from pathlib import Path; Path(sys.argv[1]).touch(); '


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_a_session_of_a_client_is_recorded_with_its_watch(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    result = kmock('record', '--upstream', cluster.url, '-o', 'out.kmock', *client, env=env, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, SEEN), result.stderr
    assert 'kmock: recorded 5 requests (1 stream), ' in result.stderr
    assert 'out.kmock' in result.stderr
    with load(tmp_path / 'out.kmock') as cassette:
        assert not cassette.problems
        assert cassette.header.server == {'major': '1', 'minor': '36', 'gitVersion': 'v1.36.0'}
        assert [f'{each.method} {each.target}' for each in cassette.exchanges] == [
            'GET /api/v1/namespaces/default/configmaps',
            f'GET {WATCH}',
            'POST /api/v1/namespaces/default/configmaps',
            'PATCH /api/v1/namespaces/default/configmaps/one',
            'GET /api/v1/namespaces/default/secrets/creds',
        ]
        watch = cassette.exchanges[1]
        assert watch.chunk_count == 2
        assert [each.outcome for each in cassette.exchanges] == [
            Outcome.CLIENT_CLOSED if each.target == WATCH else Outcome.COMPLETE for each in cassette.exchanges
        ]
    assert stat.S_IMODE((tmp_path / 'out.kmock').stat().st_mode) == 0o600


def test_a_recorded_session_replays_to_the_same_client(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    recorded = kmock('record', '--upstream', cluster.url, '-o', 'out.kmock', *client, env=env, cwd=tmp_path)
    requests = len(cluster.seen)
    replayed = kmock('replay', 'out.kmock', *client, env=env, cwd=tmp_path)
    assert (replayed.returncode, replayed.stdout) == (0, recorded.stdout), replayed.stderr
    assert replayed.stderr == 'kmock: answered 5 requests; all of 5 recorded exchanges used\n'
    assert len(cluster.seen) == requests


def test_over_https_the_kubeconfig_brings_the_authority(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    result = kmock('record', '--upstream', cluster.url, '--tls', '-o', 'o.kmock', *client, env=env, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, SEEN), result.stderr


def test_secrets_are_neither_in_the_cassette_nor_on_the_terminal(
    client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    with SmallCluster(tmp_path, tls=True, token=TOKEN) as cluster:
        source = ['--upstream', cluster.url, '--ca', cluster.ca_file, '--header', f'Authorization: Bearer {TOKEN}']
        result = kmock('record', *source, '-o', 'o.kmock', *client, env=env, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, SEEN), result.stderr
        assert set(cluster.tokens) == {f'Bearer {TOKEN}'}
    content = (tmp_path / 'o.kmock').read_bytes()
    for secret in (TOKEN, SECRET):
        assert secret.encode() not in content
        assert secret not in result.stdout + result.stderr
    with load(tmp_path / 'o.kmock') as cassette:
        assert cassette.header.key
        assert any('Authorization' in line for line in cassette.header.redacted)
        assert any('Secret' in line for line in cassette.header.redacted)


def test_without_redaction_all_is_written_as_it_is(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    source = ['--upstream', cluster.url, '--no-redact', '-o', 'o.kmock']
    assert kmock('record', *source, *client, env=env, cwd=tmp_path).returncode == 0
    assert SECRET.encode() in (tmp_path / 'o.kmock').read_bytes()
    with load(tmp_path / 'o.kmock') as cassette:
        assert (cassette.header.key, cassette.header.redacted) == (b'', ())


def test_clients_keep_their_own_credentials_where_the_upstream_was_given_none(
    client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    with SmallCluster(tmp_path, token=TOKEN) as cluster:
        source = ['--upstream', cluster.url, '--tls', '-o', 'o.kmock']
        result = kmock('record', *source, *client, env={**env, 'TOKEN': TOKEN}, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, SEEN), result.stderr


def test_a_cluster_of_the_kubeconfig_is_recorded_by_name_into_a_file_of_its_name(
    client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    with SmallCluster(tmp_path, tls=True, token=TOKEN) as cluster:
        config = {
            'clusters': [
                {'name': 'c', 'cluster': {'server': cluster.url, 'certificate-authority': str(cluster.ca_file)}}
            ],
            'users': [{'name': 'u', 'user': {'token': TOKEN}}],
            'contexts': [{'name': 'kind-one', 'context': {'cluster': 'c', 'user': 'u', 'namespace': 'dev'}}],
            'current-context': '',
        }
        (tmp_path / 'kubeconfig').write_text(yaml.safe_dump(config))
        env = {**env, 'KUBECONFIG': str(tmp_path / 'kubeconfig')}
        result = kmock('record', '--cluster', 'one', *client, env=env, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, SEEN), result.stderr
        show = ['--', sys.executable, '-c', 'import os; print(open(os.environ["KUBECONFIG"]).read())']
        result = kmock('record', '--cluster', 'one', '-o', 'o.kmock', *show, env=env, cwd=tmp_path)
        assert yaml.safe_load(result.stdout)['contexts'][0]['context']['namespace'] == 'dev'
    (cassette,) = tmp_path.glob('*one-20*.kmock')
    assert load(cassette).close() is None


@pytest.mark.parametrize('status', [0, 3, 130])
def test_the_exit_status_of_command_is_that_of_kmock(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path, status: int
) -> None:
    command = ['--', sys.executable, '-c', f'raise SystemExit({status})']
    result = kmock('record', '--upstream', cluster.url, '-o', 'o.kmock', *command, env=env, cwd=tmp_path)
    assert result.returncode == status
    assert 'recorded 0 requests' in result.stderr
    load(tmp_path / 'o.kmock').close()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_command_and_the_file_is_finished(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    code = f'{SLEEPER} time.sleep(60)'
    command = ['--', sys.executable, '-c', code, tmp_path / 'ready']
    if number == signal.SIGINT:
        command[3] = f'import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); {code}'
    with started('record', '--upstream', cluster.url, '-o', 'o.kmock', *command, env=env, cwd=tmp_path) as process:
        wait_for(tmp_path / 'ready')
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + number
    assert 'recorded 0 requests' in err
    assert 'Traceback' not in err
    load(tmp_path / 'o.kmock').close()
    assert leftovers(env) == []


def leftovers(env: dict[str, str]) -> list[Path]:
    return list(Path(env['TMPDIR']).iterdir())


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_without_command_it_serves_anybody_until_a_signal_and_then_the_file_is_whole(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    with started('record', '--upstream', cluster.url, '-o', 'o.kmock', env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        url, kubeconfig = process.stdout.readline().split()
        assert stat.S_IMODE(Path(kubeconfig).stat().st_mode) == 0o600
        assert yaml.safe_load(Path(kubeconfig).read_text())['clusters'][0]['cluster']['server'] == url
        with urllib.request.urlopen(f'{url}/version') as response:
            assert json.load(response)['minor'] == '36'
        with urllib.request.urlopen(f'{url}{WATCH}'):
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (0, '')
    assert f'export KUBECONFIG={kubeconfig}' in err
    assert 'recorded 2 requests (1 stream)' in err
    assert '\x1b' not in err
    assert leftovers(env) == []
    with load(tmp_path / 'o.kmock') as cassette:
        assert [each.outcome for each in cassette.exchanges] == [Outcome.COMPLETE, Outcome.UNFINISHED]


def test_a_wanted_kubeconfig_and_port_are_used(cluster: SmallCluster, env: dict[str, str], tmp_path: Path) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'o.kmock', '--kubeconfig-out', 'config', '--port', free_port()]
    with started('record', *arguments, env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        url, kubeconfig = process.stdout.readline().split()
        assert kubeconfig == str(tmp_path / 'config')
        assert url == f'http://127.0.0.1:{arguments[-1]}'
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert Path(kubeconfig).exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
        return port


def test_ctrl_c_in_a_terminal_reaches_command_once_and_the_file_is_whole(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    """The terminal sends SIGINT to both processes; COMMAND counts how often it came."""
    count = (
        'import signal, sys, time; from pathlib import Path; seen = []; '
        'signal.signal(signal.SIGINT, lambda *_: seen.append(1)); Path(sys.argv[1]).touch()\n'
        'while not seen: time.sleep(0.01)\n'
        'time.sleep(0.3); raise SystemExit(40 + len(seen))'
    )
    command = ['--', sys.executable, '-c', count, str(tmp_path / 'ready')]
    with in_terminal('record', '--upstream', cluster.url, '-o', 'o.kmock', *command, env=env, cwd=tmp_path) as (
        process,
        person,
    ):
        wait_for(tmp_path / 'ready')
        os.write(person, b'\x03')
        assert process.wait(PATIENCE_SECONDS) == 41
    load(tmp_path / 'o.kmock').close()


def test_a_second_ctrl_c_kills_a_command_that_ignores_the_first(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    stubborn = f'{SLEEPER} signal.signal(signal.SIGINT, signal.SIG_IGN); Path(sys.argv[2]).touch(); time.sleep(60)'
    command = ['--', sys.executable, '-c', stubborn, tmp_path / 'started', tmp_path / 'ready']
    with in_terminal('record', '--upstream', cluster.url, '-o', 'o.kmock', *command, env=env, cwd=tmp_path) as (
        process,
        person,
    ):
        wait_for(tmp_path / 'ready')
        os.write(person, b'\x03')
        time.sleep(0.5)  # at once it would be the same Ctrl-C
        os.write(person, b'\x03')
        read_until(person, b'killing COMMAND: told twice to stop')
        read_until(person, b'recorded 0 requests')
        assert process.wait(PATIENCE_SECONDS) == 128 + signal.SIGKILL
    load(tmp_path / 'o.kmock').close()


def test_a_signal_while_the_server_is_asked_ends_it_without_a_file(env: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen()
        url = f'http://127.0.0.1:{silent.getsockname()[1]}'
        with started('record', '--upstream', url, '-o', 'o.kmock', env=env, cwd=tmp_path) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, err) == (128 + signal.SIGTERM, '', '')
    assert not (tmp_path / 'o.kmock').exists()


def test_on_a_terminal_a_live_line_tells_how_things_stand(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    with in_terminal('record', '--upstream', cluster.url, '-o', 'o.kmock', env=env, cwd=tmp_path) as (process, person):
        seen = read_until(person, b'0 requests, 0 open watches, 0 B')
        url = seen.split()[0].decode()
        with urllib.request.urlopen(f'{url}{WATCH}'):
            read_until(person, b'1 request, 1 open watch')
            os.write(person, b'\x03')
            read_until(person, b'recorded 1 request (1 stream)')
        assert process.wait(PATIENCE_SECONDS) == 0


def read_until(terminal: int, wanted: bytes) -> bytes:
    seen = b''
    while wanted not in seen:
        seen += os.read(terminal, 4096)
    return seen


def test_the_size_cap_ends_the_recording_and_not_the_traffic(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'o.kmock', '--max-size', '100kB', *downloads(5, 60_000)]
    result = kmock('record', *arguments, env=env, cwd=tmp_path)
    assert result.stdout == '60000\n' * 5
    assert result.returncode == 1
    assert result.stderr.count('Error: ') == 1
    assert 'limit' in result.stderr
    assert (tmp_path / 'o.kmock').stat().st_size <= 100_000
    with load(tmp_path / 'o.kmock') as cassette:
        assert cassette.exchanges[0].body_size == 60_000
        assert any('stopped' in note.text for note in cassette.notes)


def test_a_full_disk_ends_the_recording_and_not_the_traffic(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'o.kmock', *downloads(5, 60_000)]
    result = kmock('record', *arguments, env=env, cwd=tmp_path, max_file=100_000)
    assert result.stdout == '60000\n' * 5
    assert result.returncode == 1
    assert result.stderr.count('Error: ') == 1
    assert 'Traceback' not in result.stderr
    with load(tmp_path / 'o.kmock') as cassette:
        assert cassette.exchanges[0].body_size == 60_000


def test_where_command_fails_too_its_own_status_wins(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    arguments = ['--upstream', cluster.url, '-o', 'o.kmock', '--max-size', '50kB', *downloads(1, 60_000, status=9)]
    result = kmock('record', *arguments, env=env, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (9, '60000\n')


def downloads(count: int, size: int, status: int = 0) -> list[str]:
    """COMMAND: fetch so many bytes so many times."""
    code = (
        'import os, urllib.request\n'
        f'for _ in range({count}):\n'
        f'    print(len(urllib.request.urlopen(os.environ["KMOCK_URL"] + "/bytes/{size}").read()))\n'
        f'raise SystemExit({status})'
    )
    return ['--', sys.executable, '-c', code]


def test_only_clients_with_a_certificate_are_served_where_that_is_demanded(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / 'clients.pem'))
    authority.issue_cert('client').private_key_and_cert_chain_pem.write_to_path(str(tmp_path / 'client.pem'))
    arguments = ['--upstream', cluster.url, '-o', 'o.kmock', '--client-ca', 'clients.pem', '--kubeconfig-out', 'config']
    with started('record', *arguments, env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        url, kubeconfig = process.stdout.readline().split()
        config = yaml.safe_load(Path(kubeconfig).read_text())['clusters'][0]['cluster']
        assert url.startswith('https://')
        authorities = base64.b64decode(config['certificate-authority-data']).decode()
        context = ssl.create_default_context(cadata=authorities)
        with pytest.raises(OSError, match=r'(?i)certificate|reset|closed|eof'):
            urllib.request.urlopen(f'{url}/version', context=context)
        context.load_cert_chain(tmp_path / 'client.pem')
        with urllib.request.urlopen(f'{url}/version', context=context) as response:
            assert response.status == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_an_emulated_cluster_is_recorded_without_any_other(env: dict[str, str], tmp_path: Path) -> None:
    code = (
        'import json, os, urllib.request\n'
        'url = os.environ["KMOCK_URL"] + "/api/v1/namespaces/default/configmaps"\n'
        'body = json.dumps({"metadata": {"name": "one"}}).encode()\n'
        'headers = {"Content-Type": "application/json"}\n'
        'print(urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)).status)\n'
        'print(len(json.load(urllib.request.urlopen(url))["items"]))\n'
    )
    command = ['--', sys.executable, '-c', code]
    recorded = kmock('record', '--cluster', 'emulated', '-o', 'o.kmock', *command, env=env, cwd=tmp_path)
    assert (recorded.returncode, recorded.stdout) == (0, '201\n1\n'), recorded.stderr
    with load(tmp_path / 'o.kmock') as cassette:
        assert [each.method for each in cassette.exchanges] == ['POST', 'GET']
        assert cassette.header.server is not None
    replayed = kmock('replay', 'o.kmock', '--fallback', 'none', *command, env=env, cwd=tmp_path)
    assert replayed.stdout == recorded.stdout


def test_an_emulated_cluster_stands_in_no_kubeconfig(env: dict[str, str], tmp_path: Path) -> None:
    done = kmock('record', '--cluster', 'emulated', '--context', 'one', '--', 'true', env=env, cwd=tmp_path)
    assert done.returncode == 2
    assert '--context and --cluster emulated exclude each other' in done.stderr
