"""`kmock emulate` in a process of its own, with the real kubectl and with plain HTTP."""

import json
import shutil
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kmock_process import PATIENCE_SECONDS, kmock, started

KUBECTL = shutil.which('kubectl')
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason='there is no kubectl on the PATH')

CONFIGMAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: example}
data: {key: value}
"""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kopfexamples.kopf.dev}
spec:
  scope: Namespaced
  group: kopf.dev
  names: {kind: KopfExample, plural: kopfexamples, singular: kopfexample, shortNames: [kex]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


@pytest.fixture
def kubectl(env: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    """kubectl against a server that runs meanwhile."""
    with started('emulate', '--quiet', env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        _, kubeconfig = process.stdout.readline().split()

        def run(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ['kubectl', *words],
                env={**env, 'KUBECONFIG': kubeconfig},
                input=text or '',
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )

        def watch(*words: str) -> subprocess.Popen[str]:
            command = ['kubectl', *words]
            return subprocess.Popen(
                command,
                env={**env, 'KUBECONFIG': kubeconfig},
                stdout=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
            )

        run.watch = watch  # type: ignore[attr-defined]
        yield run


@needs_kubectl
def test_kubectl_applies_gets_and_deletes(kubectl: Any) -> None:
    assert kubectl('apply', '-f', '-', text=CONFIGMAP).stdout == 'configmap/example created\n'
    assert kubectl('apply', '-f', '-', text=CONFIGMAP).stdout == 'configmap/example unchanged\n'
    changed = kubectl('apply', '-f', '-', text=CONFIGMAP.replace('value', 'other'))
    assert changed.stdout == 'configmap/example configured\n'
    assert kubectl('get', 'configmap', 'example', '-o', 'jsonpath={.data.key}').stdout == 'other'
    assert kubectl('get', 'configmaps').stdout.split()[:4] == ['NAME', 'DATA', 'AGE', 'example']
    assert kubectl('delete', 'configmap', 'example').stdout.startswith('configmap "example" deleted')
    gone = kubectl('get', 'configmap', 'example')
    assert gone.stderr == 'Error from server (NotFound): configmaps "example" not found\n'


@needs_kubectl
def test_kubectl_watches_custom_resources(kubectl: Any) -> None:
    """What other clients do is seen by a `get --watch` that has begun before."""
    assert kubectl('apply', '-f', '-', text=CRD).returncode == 0
    assert kubectl('wait', '--for=condition=established', 'crd/kopfexamples.kopf.dev').returncode == 0
    custom = 'apiVersion: kopf.dev/v1\nkind: KopfExample\nmetadata: {name: %s}\nspec: {field: one}\n'
    assert kubectl('create', '-f', '-', text=custom % 'first').returncode == 0
    with kubectl.watch('get', 'kex', '--watch', '--output-watch-events', '--no-headers') as watch:
        try:
            assert watch.stdout.readline().split()[:2] == ['ADDED', 'first']
            assert kubectl('create', '-f', '-', text=custom % 'second').returncode == 0
            assert watch.stdout.readline().split()[:2] == ['ADDED', 'second']
            assert kubectl('label', 'kex', 'first', 'new=label').returncode == 0
            assert watch.stdout.readline().split()[:2] == ['MODIFIED', 'first']
            assert kubectl('delete', 'kex', 'second').returncode == 0
            assert watch.stdout.readline().split()[:2] == ['DELETED', 'second']
        finally:
            watch.kill()


def asking(*paths: str) -> list[str]:
    """COMMAND: get some paths and print the statuses; its exit status is 7."""
    code = (
        'import os, sys, urllib.error, urllib.request\n'
        'for path in sys.argv[1:]:\n'
        '    try:\n'
        '        print(urllib.request.urlopen(os.environ["KMOCK_URL"] + path).status)\n'
        '    except urllib.error.HTTPError as exc:\n'
        '        print(exc.code)\n'
        'raise SystemExit(7)'
    )
    return ['--', sys.executable, '-c', code, *paths]


def test_command_gets_the_cluster_and_its_exit_status_is_passed_on(env: dict[str, str], tmp_path: Path) -> None:
    done = kmock('emulate', *asking('/api/v1/pods', '/api/v1/namespaces/default/pods/x'), env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout.split()) == (7, ['200', '404'])
    first, second = done.stderr.splitlines()
    assert ' GET /api/v1/pods 200 ' in first
    assert ' GET /api/v1/namespaces/default/pods/x 404 ' in second


def test_requests_are_logged_for_machines_or_not_at_all(env: dict[str, str], tmp_path: Path) -> None:
    done = kmock('emulate', '--json', *asking('/version'), env=env, cwd=tmp_path)
    assert json.loads(done.stderr).items() >= {'method': 'GET', 'target': '/version', 'status': 200}.items()
    assert kmock('emulate', '--quiet', *asking('/version'), env=env, cwd=tmp_path).stderr == ''


def test_without_command_url_and_kubeconfig_are_told_and_a_signal_ends_it(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / 'emulated.kubeconfig'
    with started('emulate', '--kubeconfig-out', path, env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        url, kubeconfig = process.stdout.readline().split()
        assert kubeconfig == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with urllib.request.urlopen(f'{url}/api/v1/namespaces') as response:
            names = [each['metadata']['name'] for each in json.load(response)['items']]
        assert names == ['default', 'kube-node-lease', 'kube-public', 'kube-system']
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (0, '')
    assert ' GET /api/v1/namespaces 200 ' in err


def status_of(url: str, token: str | None) -> int:
    headers = {} if token is None else {'Authorization': f'Bearer {token}'}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
            return int(response.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code


def test_users_log_in_with_their_tokens_and_rbac_is_on(env: dict[str, str], tmp_path: Path) -> None:
    users = ['--user', 'admin=admin-token:system:masters', '--user', 'viewer=viewer-token']
    with started('emulate', '--quiet', '--no-controllers', *users, env=env, cwd=tmp_path) as process:
        assert process.stdout is not None
        url, _ = process.stdout.readline().split()
        statuses = [status_of(f'{url}/api/v1/pods', each) for each in ('admin-token', 'viewer-token', 'wrong', None)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert statuses == [200, 403, 401, 403]
    assert 'send tokens over HTTPS only: give --tls, too' in err


@needs_kubectl
def test_the_kubeconfig_has_a_context_for_each_user(env: dict[str, str], tmp_path: Path) -> None:
    users = ['--user', 'admin=a:system:masters,extra', '--user', 'viewer=v:viewers']
    command = ['sh', '-c', 'for each in "" --context=viewer; do kubectl auth whoami $each -o json; done']
    done = kmock('emulate', '--quiet', '--tls', *users, '--', *command, env=env, cwd=tmp_path)
    infos = ['admin', 'system:masters', 'extra', 'viewer', 'viewers', 'system:authenticated']
    assert all(f'"{each}"' in done.stdout for each in infos), done.stderr


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--user', 'hunter2'], 'write NAME=TOKEN or NAME=TOKEN:GROUP,GROUP'),
        (['--user', 'name='], 'write NAME=TOKEN or NAME=TOKEN:GROUP,GROUP'),
        (['--user', 'name=hunter2:'], 'write NAME=TOKEN or NAME=TOKEN:GROUP,GROUP'),
        (['--user', 'one=hunter2', '--user', 'two=hunter2'], 'two users have the same token'),
        (['--user', 'one=a', '--user', 'one=b'], 'two users have the same name'),
        (['--resources', 'absent.json'], "Can't read absent.json"),
        (['--load', 'absent.yaml'], "No manifests at 'absent.yaml'"),
        (['--load'], "Option '--load' requires an argument"),
        (['kubectl', 'get'], 'A COMMAND goes after --, as in: kmock emulate ... -- COMMAND'),
        (['--', 'no-such-program'], 'there is no such program on the PATH'),
    ],
)
def test_wrong_use_is_told_in_one_line(
    arguments: list[str], expected: str, env: dict[str, str], tmp_path: Path
) -> None:
    done = kmock('emulate', *arguments, env=env, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stdout == ''
    assert expected in done.stderr.splitlines()[-1]
    assert 'hunter2' not in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--client-ca', 'absent.pem'], "Can't read the authority for client certificates, absent.pem: No such file"),
        (['--client-ca', 'text'], 'text has no certificates in PEM. The authority for client certificates must be'),
        (['--resources', 'empty'], "Can't load resources from empty: There are no resources in it."),
        (
            ['--load', 'widget'],
            'Error: widget, document 1: no resource of kind Widget in example.dev/v1 is served. '
            'Load its CustomResourceDefinition, too, by --load, or the resources of a cluster by --resources FILE.',
        ),
    ],
)
def test_files_that_cannot_be_used_are_told_of_in_the_words_of_the_command_line(
    arguments: list[str], expected: str, env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / 'text').write_text('text')
    (tmp_path / 'empty').write_text('[]')
    (tmp_path / 'widget').write_text('{apiVersion: example.dev/v1, kind: Widget, metadata: {name: one}}')
    done = kmock('emulate', *arguments, env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, '')
    assert expected in done.stderr
    assert done.stderr.count('\n') == 1
    assert 'Errno' not in done.stderr


def test_manifests_are_loaded(env: dict[str, str], tmp_path: Path) -> None:
    """A pattern is spread by the shell; the words up to the next option belong to `--load`."""
    for name in ('one', 'two', 'three'):
        (tmp_path / f'{name}.yaml').write_text(CONFIGMAP.replace('example', name))
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'crd.yaml').write_text(CRD)
    paths = [f'/api/v1/namespaces/default/configmaps/{name}' for name in ('one', 'two', 'three')]
    loads = ['--load', 'one.yaml', 'two.yaml', 'folder', '--quiet', '--load=three.yaml']
    command = asking(*paths, '/apis/kopf.dev/v1/kopfexamples')
    done = kmock('emulate', *loads, *command, env=env, cwd=tmp_path)
    assert done.stdout.split() == ['200', '200', '200', '200'], done.stderr


def test_resources_of_another_cluster_are_served(env: dict[str, str], tmp_path: Path) -> None:
    fetched = {
        'kind': 'APIResourceList',
        'apiVersion': 'v1',
        'groupVersion': 'kopf.dev/v1',
        'resources': [{'name': 'kopfexamples', 'kind': 'KopfExample', 'namespaced': True, 'verbs': ['get', 'list']}],
    }
    (tmp_path / 'fetched.json').write_text(json.dumps(fetched))
    done = kmock('emulate', '--resources', 'fetched.json', *asking('/apis/kopf.dev/v1'), env=env, cwd=tmp_path)
    assert done.stdout == '200\n', done.stderr
