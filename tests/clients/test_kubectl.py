"""The real kubectl against `kmock replay`, and through `kmock record` in front of a replay.

What works with any version is asked of a small cluster, recorded, and replayed.
The cassette was recorded with kubectl 1.32 (its commands can be read in the Kubectl-Command headers). Other versions
ask for other things at their start, so it serves those that do as 1.32 does: aggregated discovery, as since 1.27.
"""

import json
import re
import shutil
import signal
from pathlib import Path

import pytest
from kmock_process import PATIENCE_SECONDS, isolated, kmock, started
from small_cluster import SmallCluster

from kmock.recording.format import load
from kmock.recording.interchange import open_cassette

KUBECTL = shutil.which('kubectl')

pytestmark = pytest.mark.skipif(
    KUBECTL is None, reason='there is no kubectl on the PATH (Debian: kubernetes-client, or tools/test installs it)'
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A home and a discovery cache of its own for each test."""
    home = tmp_path / 'home'
    home.mkdir()
    return isolated(home, KUBECACHEDIR=str(home / 'cache'))


@pytest.fixture
def cassette(cassettes_folder: Path) -> Path:
    return cassettes_folder / 'kubectl.jsonl.gz'


def script(*commands: str) -> list[str]:
    """COMMAND: some calls of kubectl, each of which must work."""
    return ['--', 'sh', '-ec', '\n'.join(f'kubectl {command}' for command in commands)]


def replayed(cassette: Path, env: dict[str, str], cwd: Path, *command: str, pace: str = 'instant') -> str:
    """Run COMMAND against the replay; what it printed."""
    result = kmock('replay', cassette, '--pace', pace, *command, env=env, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_raw_paths_work_with_any_version(cassette: Path, env: dict[str, str], tmp_path: Path) -> None:
    assert replayed(cassette, env, tmp_path, *script('get --raw /readyz')) == 'ok'


def test_any_version_can_be_recorded_and_replayed(env: dict[str, str], tmp_path: Path) -> None:
    manifest = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'one'}, 'data': {'a': '1'}}
    (tmp_path / 'one.json').write_text(json.dumps(manifest))
    command = script(
        'get configmaps -o name',
        'create --validate=false -f one.json',
        'get configmaps -o name',
        """patch configmap one -p '{"data": {"a": "2"}}'""",
        "get configmap one -o jsonpath='{.data.a}'",
    )
    with SmallCluster(tmp_path, tls=True, token='the-token') as cluster:
        source = ['--upstream', cluster.url, '--ca', cluster.ca_file, '--header', 'Authorization: Bearer the-token']
        recorded = kmock('record', *source, '--tls', '-o', 'new.kmock', *command, env=env, cwd=tmp_path)
    lines = ['configmap/one created', 'configmap/one', 'configmap/one patched', '2']
    assert (recorded.returncode, recorded.stdout.splitlines()) == (0, lines), recorded.stderr
    shutil.rmtree(env['KUBECACHEDIR'], ignore_errors=True)
    shutil.rmtree(Path(env['HOME']) / '.kube', ignore_errors=True)
    assert replayed(tmp_path / 'new.kmock', env, tmp_path, *command).splitlines() == lines


@pytest.mark.usefixtures('modern_kubectl')
def test_lists_are_shown_as_tables(cassette: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = replayed(cassette, env, tmp_path, *script('get namespaces', 'get configmaps -n tr-kubectl'))
    namespaces, _, configmaps = out.partition('NAME       DATA')
    assert [line.split()[:2] for line in namespaces.splitlines()[1:]] == [
        ['default', 'Active'],
        ['kube-node-lease', 'Active'],
        ['kube-public', 'Active'],
        ['kube-system', 'Active'],
        ['tr-kopf', 'Active'],
    ]
    assert configmaps.splitlines()[1].split()[:2] == ['settings', '2']


@pytest.mark.usefixtures('modern_kubectl')
def test_another_format_is_another_recorded_answer(cassette: Path, env: dict[str, str], tmp_path: Path) -> None:
    """Tables and objects are asked for by the Accept header, and were recorded at different moments."""
    out = replayed(cassette, env, tmp_path, *script("get cm -n tr-kubectl -o jsonpath='{.items[*].metadata.name}'"))
    assert out.split() == ['gen', 'gen-qbx67', 'settings']


@pytest.mark.usefixtures('modern_kubectl')
def test_a_description_gathers_several_requests(cassette: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = replayed(cassette, env, tmp_path, *script('describe configmap settings -n tr-kubectl'))
    assert 'Name:         settings' in out
    assert 'Events:  <none>' in out


@pytest.mark.usefixtures('modern_kubectl')
def test_a_manifest_is_applied_and_waited_for_by_a_watch(cassette: Path, env: dict[str, str], tmp_path: Path) -> None:
    """At the original pace, so that the event that is waited for comes when it came."""
    (tmp_path / 'crd.json').write_text(applied(cassette, 'widgets.tr.kmock.dev'))
    commands = script('apply -f crd.json', 'wait --for=condition=Established crd/widgets.tr.kmock.dev --timeout=50s')
    out = replayed(cassette, env, tmp_path, *commands, pace='original')
    crd = 'customresourcedefinition.apiextensions.k8s.io/widgets.tr.kmock.dev'
    assert out.splitlines() == [f'{crd} created', f'{crd} condition met']


def applied(cassette: Path, name: str) -> str:
    """The manifest that the recorded kubectl had applied."""
    with open_cassette(cassette) as recording:
        for exchange in recording.exchanges:
            body = json.loads(exchange.request_body() or b'{}') if exchange.method == 'POST' else {}
            if body.get('metadata', {}).get('name') == name:
                return str(body['metadata']['annotations']['kubectl.kubernetes.io/last-applied-configuration'])
    raise AssertionError(f'{name} was not applied in {cassette}')


@pytest.mark.usefixtures('modern_kubectl')
def test_a_recorded_error_is_an_error(cassette: Path, env: dict[str, str], tmp_path: Path) -> None:
    """In the beginning of the story, the object is not there yet."""
    command = script('get configmap settings -n tr-kubectl -o yaml')
    result = kmock('replay', cassette, '--pace', 'instant', *command, env=env, cwd=tmp_path)
    assert result.returncode == 1
    assert 'Error from server (NotFound): ' in result.stderr


@pytest.mark.usefixtures('modern_kubectl')
def test_what_was_not_recorded_is_refused_with_an_explanation(
    cassette: Path, env: dict[str, str], tmp_path: Path
) -> None:
    command = script('get configmap other -n tr-kubectl')
    options = ['--pace', 'instant', '--fallback', 'none']
    result = kmock('replay', cassette, *options, *command, env=env, cwd=tmp_path)
    assert result.returncode == 1
    assert 'The nearest recorded request is' in result.stderr
    assert 'configmaps/settings' in result.stderr
    assert 'refused GET /api/v1/namespaces/tr-kubectl/configmaps/other' in result.stderr


@pytest.mark.usefixtures('modern_kubectl')
@pytest.mark.parametrize('access', [[], ['--tls']], ids=['http', 'https'])
def test_kubectl_works_through_a_recorder_and_with_what_that_recorded(
    cassette: Path, env: dict[str, str], tmp_path: Path, access: list[str]
) -> None:
    command = script('get namespaces', 'get configmaps -n tr-kubectl -o name', 'get cm settings -n tr-kubectl')
    expected = replayed(cassette, env, tmp_path, *command)
    with started('replay', cassette, '--pace', 'instant', *access, env=env, cwd=tmp_path) as upstream:
        assert upstream.stdout is not None
        _, kubeconfig = upstream.stdout.readline().split()
        shutil.rmtree(env['KUBECACHEDIR'])
        source = ['--kubeconfig', kubeconfig, '--cluster', 'kmock', *access, '-o', 'new.kmock']
        recorded = kmock('record', *source, *command, env=env, cwd=tmp_path)
        upstream.send_signal(signal.SIGTERM)
        upstream.communicate(timeout=PATIENCE_SECONDS)
    assert (recorded.returncode, ages(recorded.stdout)) == (0, ages(expected)), recorded.stderr
    with load(tmp_path / 'new.kmock') as new:
        targets = [exchange.target for exchange in new.exchanges]
        assert '/api/v1/namespaces?limit=500' in targets
        assert all(exchange.outcome == 'complete' for exchange in new.exchanges)
    shutil.rmtree(env['KUBECACHEDIR'])
    again = replayed(tmp_path / 'new.kmock', env, tmp_path, *command)
    assert ages(again) == ages(expected)


def ages(table: str) -> str:
    """The output without the ages of things, which depend on when it was printed."""
    return re.sub(r'\b\d+[smhd](\d+[smhd])?\b', 'AGE', table)
