"""`kmock replay` in a process of its own, and `kmock record` in front of it."""

import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from kmock_process import PATIENCE_SECONDS, kmock, started
from small_cluster import SmallCluster

from kmock.recording.format import load

ASYNCIO_CLIENT = ['--', sys.executable, str(Path(__file__).with_name('asyncio_client.py'))]
FAULTS = '/api/v1/namespaces/tr-faults/configmaps'


def fetching(*paths: str) -> list[str]:
    """COMMAND: get some paths, and print their status codes."""
    code = (
        'import os, sys, urllib.error, urllib.request\n'
        'for path in sys.argv[1:]:\n'
        '    try:\n'
        '        print(urllib.request.urlopen(os.environ["KMOCK_URL"] + path).status)\n'
        '    except urllib.error.HTTPError as exc:\n'
        '        print(exc.code)\n'
    )
    return ['--', sys.executable, '-c', code, *paths]


def test_a_session_of_kubernetes_asyncio_is_recorded_and_replayed(
    cluster: SmallCluster, env: dict[str, str], tmp_path: Path
) -> None:
    recorded = kmock('record', '--upstream', cluster.url, '-o', 'o.kmock', *ASYNCIO_CLIENT, env=env, cwd=tmp_path)
    seen = "listed []\nADDED one {'a': '1'}\nMODIFIED one {'a': '2'}\n"
    assert (recorded.returncode, recorded.stdout) == (0, seen), recorded.stderr
    replayed = kmock('replay', 'o.kmock', *ASYNCIO_CLIENT, env=env, cwd=tmp_path)
    assert (replayed.returncode, replayed.stdout) == (0, seen), replayed.stderr


def test_a_replay_can_be_recorded_again(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    first = kmock('record', '--upstream', cluster.url, '-o', 'first.kmock', *client, env=env, cwd=tmp_path)
    with started('replay', 'first.kmock', env=env, cwd=tmp_path) as replay:
        assert replay.stdout is not None
        url, _ = replay.stdout.readline().split()
        second = kmock('record', '--upstream', url, '-o', 'second.kmock', *client, env=env, cwd=tmp_path)
        replay.send_signal(signal.SIGINT)
        replay.communicate(timeout=PATIENCE_SECONDS)
    assert replay.returncode == 0
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr
    with load(tmp_path / 'first.kmock') as one, load(tmp_path / 'second.kmock') as two:
        assert [(each.method, each.target, each.body()) for each in one.exchanges] == [
            (each.method, each.target, each.body()) for each in two.exchanges
        ]


@pytest.mark.parametrize('status', [0, 5])
def test_the_exit_status_of_command_is_that_of_kmock(
    cassettes_folder: Path, env: dict[str, str], tmp_path: Path, status: int
) -> None:
    command = ['--', sys.executable, '-c', f'raise SystemExit({status})']
    result = kmock('replay', cassettes_folder / 'faults.jsonl', *command, env=env, cwd=tmp_path)
    assert result.returncode == status
    assert result.stderr == 'kmock: answered 0 requests; 53 of 53 recorded exchanges not used\n'


def test_the_end_tells_what_was_asked_in_vain(cassettes_folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    command = fetching('/api/v1/nosuchresource', '/absent', '/absent', '/other')
    arguments = ['replay', cassettes_folder / 'faults.jsonl', '--pace', 'instant', '--fallback', 'none']
    result = kmock(*arguments, *command, env=env, cwd=tmp_path)
    assert result.stdout.splitlines() == ['404', '599', '599', '599']
    assert result.stderr.splitlines() == [
        'kmock: answered 1 request, refused 3; 52 of 53 recorded exchanges not used',
        'kmock: refused GET /absent (2 times)',
        'kmock: refused GET /other',
    ]


def test_what_was_not_recorded_is_answered_by_an_emulated_cluster(
    cassettes_folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    listing = '/apis/demo.kmock.dev/v1/namespaces/tr-kopf/examples'
    definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.tr.kmock.dev'
    command = fetching('/apis/demo.kmock.dev/v1', listing, definition, f'{listing}/absent')
    arguments = ['replay', cassettes_folder / 'kopf.jsonl', '--pace', 'instant']
    result = kmock(*arguments, *command, env=env, cwd=tmp_path)
    assert result.stdout.splitlines() == ['200', '200', '200', '404']
    assert result.stderr.splitlines() == [
        'kmock: answered 1 request, emulated 3; 93 of 94 recorded exchanges not used',
        f'kmock: emulated GET {listing}',
        f'kmock: emulated GET {definition}',
        f'kmock: emulated GET {listing}/absent',
    ]


def test_many_requests_in_vain_are_not_all_listed(cassettes_folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    command = fetching(*(f'/absent/{number}' for number in range(15)))
    arguments = ['replay', cassettes_folder / 'faults.jsonl', '--fallback', 'none']
    result = kmock(*arguments, *command, env=env, cwd=tmp_path)
    assert len(result.stderr.splitlines()) == 12
    assert result.stderr.splitlines()[-1] == 'kmock: refused 5 others'


def test_without_command_refusals_are_told_as_they_come(
    cassettes_folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    arguments = ['replay', cassettes_folder / 'faults.jsonl', '--pace', '1000', '--fallback', 'none']
    with started(*arguments, env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url, _ = process.stdout.readline().split()
        with pytest.raises(urllib.error.HTTPError, match='404'):
            urllib.request.urlopen(f'{url}/api/v1/nosuchresource')
        with pytest.raises(urllib.error.HTTPError, match='599'):
            urllib.request.urlopen(f'{url}{FAULTS}/nowhere')
        told = [process.stderr.readline() for _ in range(3)]
        assert f'answers GET {FAULTS}/nowhere' in told[-1]
        assert 'The nearest recorded request is' in told[-1]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (0, '')
    assert 'kmock: answered 1 request, refused 1; ' in err


def test_what_is_ignored_may_differ(cassettes_folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    arguments = ['replay', cassettes_folder / 'faults.jsonl', '--pace', 'instant', '--fallback', 'none']
    command = fetching('/api/v1/nosuchresource?mood=good')
    assert kmock(*arguments, *command, env=env, cwd=tmp_path).stdout == '599\n'
    assert kmock(*arguments, '--ignore', 'mood', *command, env=env, cwd=tmp_path).stdout == '404\n'


def test_a_replay_over_https_is_trusted_by_its_kubeconfig(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    kmock('record', '--upstream', cluster.url, '-o', 'o.kmock', *client, env=env, cwd=tmp_path)
    result = kmock('replay', 'o.kmock', '--tls', *client, env=env, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_a_damaged_cassette_is_played_with_a_warning(
    cluster: SmallCluster, client: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    kmock('record', '--upstream', cluster.url, '-o', 'o.kmock', *client, env=env, cwd=tmp_path)
    content = (tmp_path / 'o.kmock').read_bytes()
    (tmp_path / 'torn.kmock').write_bytes(content[:-5])
    result = kmock('replay', 'torn.kmock', *client, env=env, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith('kmock: torn.kmock: ')
