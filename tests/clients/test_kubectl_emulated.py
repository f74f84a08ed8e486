"""The real kubectl against the emulated cluster: what people type, and what it prints then."""

import base64
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from emulated_cluster import EmulatedCluster

PATIENCE_SECONDS = 60

pytestmark = [
    pytest.mark.skipif(shutil.which('kubectl') is None, reason='there is no kubectl on the PATH'),
    pytest.mark.usefixtures('modern_kubectl'),
]

WIDGET: dict[str, Any] = {
    'apiVersion': 'ex.dev/v1',
    'kind': 'Widget',
    'metadata': {'name': 'one', 'labels': {'app': 'x'}},
    'spec': {'size': 3, 'tags': ['a', 'b']},
}


class Kubectl:
    """Calls of kubectl with a home of its own, in the folder of its manifests."""

    def __init__(self, cluster: EmulatedCluster, folder: Path) -> None:
        self.folder = folder
        self.has_users = cluster.has_users
        keep = {key: os.environ[key] for key in ('PATH',)}
        self.env = {**keep, 'HOME': str(folder), 'KUBECONFIG': str(cluster.kubeconfig)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ['kubectl', *arguments],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str) -> str:
        """What it printed; it must have worked."""
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def failing(self, *arguments: str) -> str:
        """What it complained of; it must have failed."""
        done = self.run(*arguments)
        assert done.returncode != 0, (arguments, done.stdout, done.stderr)
        return done.stderr.strip()

    def write(self, *objects: dict[str, Any], name: str = 'manifest.yaml') -> str:
        (self.folder / name).write_text(yaml.safe_dump_all(objects))
        return name


@pytest.fixture
def kubectl(cluster: EmulatedCluster, tmp_path: Path) -> Kubectl:
    return Kubectl(cluster, tmp_path)


open_only = pytest.mark.parametrize('cluster', ['open'], indirect=True)
users_only = pytest.mark.parametrize('cluster', ['users'], indirect=True)


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


@open_only
def test_definitions_are_discovered_and_explained(kubectl: Kubectl, widgets: dict[str, Any]) -> None:
    definition = 'customresourcedefinition.apiextensions.k8s.io/widgets.ex.dev'
    assert kubectl('create', '-f', kubectl.write(widgets)) == f'{definition} created'
    waited = kubectl('wait', '--for=condition=Established', 'crd/widgets.ex.dev', '--timeout=20s')
    assert waited == f'{definition} condition met'
    assert rows(kubectl('api-resources', '--api-group=ex.dev'))[1] == ['widgets', 'wd', 'ex.dev/v1', 'true', 'Widget']
    assert 'How big it is.' in kubectl('explain', 'widget.spec.size')
    assert 'nodeSelector' in kubectl('explain', 'pod.spec')
    assert 'server doesn\'t have a resource type "nosuch"' in kubectl.failing('get', 'nosuch')
    kubectl('create', '-f', kubectl.write(WIDGET))
    kubectl('delete', 'crd', 'widgets.ex.dev', '--timeout=20s')
    assert 'could not find the requested resource' in kubectl.failing('get', 'widgets.v1.ex.dev')


@users_only
def test_manifests_are_applied_compared_and_replaced(kubectl: Kubectl, widgets: dict[str, Any]) -> None:
    kubectl('create', '-f', kubectl.write(widgets))
    first = kubectl.write(WIDGET, name='first.yaml')
    second = kubectl.write({**WIDGET, 'spec': {'size': 4}}, name='second.yaml')
    assert kubectl('apply', '-f', first) == 'widget.ex.dev/one created'
    assert kubectl('apply', '-f', first) == 'widget.ex.dev/one unchanged'
    changes = kubectl.run('diff', '-f', second)
    assert (changes.returncode, '\n-  size: 3\n' in changes.stdout, '\n+  size: 4\n' in changes.stdout) == (
        1,
        True,
        True,
    )
    assert kubectl('apply', '-f', second, '--dry-run=server') == 'widget.ex.dev/one configured (server dry run)'
    assert kubectl('apply', '-f', second) == 'widget.ex.dev/one configured'
    assert kubectl('get', 'wd', 'one', '-o', 'jsonpath={.spec}') == '{"size":4}'
    assert kubectl('replace', '-f', first) == 'widget.ex.dev/one replaced'
    invalid = kubectl.write({**WIDGET, 'spec': {'size': 0}, 'extra': 1}, name='invalid.yaml')
    assert 'unknown field "extra"' in kubectl.failing('apply', '-f', invalid)
    refused = kubectl.failing('apply', '-f', invalid, '--validate=false')
    assert 'The Widget "one" is invalid: spec.size: Invalid value: 0' in refused


@open_only
def test_fields_are_applied_by_the_server(kubectl: Kubectl) -> None:
    plain = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'cm'}}
    first = kubectl.write({**plain, 'data': {'a': '1', 'b': '2'}}, name='first.yaml')
    second = kubectl.write({**plain, 'data': {'a': '9'}}, name='second.yaml')
    apply = ('apply', '--server-side', '-f')
    assert kubectl(*apply, first) == 'configmap/cm serverside-applied'
    assert 'conflict with "kubectl"' in kubectl.failing(*apply, second, '--field-manager=other')
    kubectl(*apply, second, '--field-manager=other', '--force-conflicts')
    assert kubectl('get', 'cm', 'cm', '-o', 'jsonpath={.data}') == '{"a":"9","b":"2"}'
    kubectl(*apply, second)
    assert kubectl('get', 'cm', 'cm', '-o', 'jsonpath={.data}') == '{"a":"9"}'


@open_only
def test_objects_are_changed_and_shown(kubectl: Kubectl, widgets: dict[str, Any]) -> None:
    kubectl('create', '-f', kubectl.write(widgets))
    kubectl('create', '-f', kubectl.write(WIDGET))
    kubectl('label', 'wd', 'one', 'tier=a')
    assert 'already has a value' in kubectl.failing('label', 'wd', 'one', 'tier=b')
    kubectl('annotate', 'wd', '--all', 'note=hi')
    kubectl('patch', 'wd', 'one', '--type=merge', '-p', '{"spec":{"size":7}}')
    kubectl('patch', 'wd', 'one', '--type=json', '-p', '[{"op":"replace","path":"/spec/size","value":8}]')
    assert 'strategic-merge-patch+json is not supported' in kubectl.failing('patch', 'wd', 'one', '-p', '{"spec":{}}')
    status = {'status': {'phase': 'Ready', 'conditions': [{'type': 'Ready', 'status': 'True'}]}}
    kubectl('patch', 'wd', 'one', '--subresource=status', '--type=merge', '-p', json.dumps(status))
    kubectl('wait', '--for=condition=Ready', 'wd/one', '--timeout=20s')
    kubectl('wait', '--for=jsonpath={.status.phase}=Ready', 'wd/one', '--timeout=20s')
    assert kubectl('scale', 'wd', 'one', '--replicas=3') == 'widget.ex.dev/one scaled'
    assert kubectl('get', 'wd', 'one', '--subresource=scale', '-o', 'jsonpath={.spec}') == '{"replicas":3}'
    labels = [['NAME', 'SIZE', 'LABELS'], ['one', '8', 'app=x,tier=a']]
    assert rows(kubectl('get', 'wd', '-l', 'tier in (a, b)', '--show-labels')) == labels
    assert kubectl('get', 'wd', '-l', '!tier', '-o', 'name') == ''
    assert re.search(r'Phase: +Ready\nEvents: +<none>', kubectl('describe', 'wd', 'one'))
    env = {**kubectl.env, 'KUBE_EDITOR': "sed -i 's/size: 8/size: 9/'"}
    edited = subprocess.run(
        ['kubectl', 'edit', 'wd', 'one'], env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert edited.stdout.strip() == 'widget.ex.dev/one edited', edited.stderr


@users_only
def test_a_watch_prints_changes_as_they_come(kubectl: Kubectl) -> None:
    kubectl('create', 'configmap', 'cm', '--from-literal=a=1')
    command = ['kubectl', 'get', 'cm', '-w', '--output-watch-events', '--no-headers']
    with subprocess.Popen(command, env=kubectl.env, cwd=kubectl.folder, stdout=subprocess.PIPE, text=True) as watching:
        guard = threading.Timer(PATIENCE_SECONDS, watching.kill)
        guard.start()
        try:
            assert watching.stdout is not None
            seen = [watching.stdout.readline().split()[:3]]
            kubectl('patch', 'cm', 'cm', '-p', '{"data":{"b":"2"}}')
            seen.append(watching.stdout.readline().split()[:3])
            kubectl('delete', 'cm', 'cm')
            seen.append(watching.stdout.readline().split()[:3])
        finally:
            guard.cancel()
            watching.kill()
    assert seen == [['ADDED', 'cm', '1'], ['MODIFIED', 'cm', '2'], ['DELETED', 'cm', '2']]


@users_only
def test_built_in_objects_are_created_from_options(kubectl: Kubectl) -> None:
    """kubectl sends most of them in protobuf."""
    made = {
        ('namespace', 'ours'): 'namespace/ours',
        ('configmap', 'cm', '--from-literal=a=b'): 'configmap/cm',
        ('secret', 'generic', 's', '--from-literal=a=b'): 'secret/s',
        ('serviceaccount', 'bot'): 'serviceaccount/bot',
        ('deployment', 'web', '--image=nginx', '--replicas=2'): 'deployment.apps/web',
        ('cronjob', 'cj', '--image=busybox', '--schedule=* * * * *', '--', 'date'): 'cronjob.batch/cj',
        ('job', 'j', '--from=cronjob/cj'): 'job.batch/j',
        ('role', 'r', '--verb=get,list', '--resource=pods'): 'role.rbac.authorization.k8s.io/r',
        ('rolebinding', 'rb', '--role=r', '--user=viewer'): 'rolebinding.rbac.authorization.k8s.io/rb',
        ('service', 'clusterip', 'svc', '--tcp=80:80'): 'service/svc',
        ('ingress', 'ing', '--rule=a.b/c=svc:80'): 'ingress.networking.k8s.io/ing',
        ('pdb', 'pdb', '--selector=a=b', '--min-available=1'): 'poddisruptionbudget.policy/pdb',
        ('quota', 'q', '--hard=pods=3'): 'resourcequota/q',
        ('priorityclass', 'pc', '--value=3'): 'priorityclass.scheduling.k8s.io/pc',
    }
    for arguments, name in made.items():
        assert kubectl('create', *arguments) == f'{name} created'
    assert kubectl('autoscale', 'deployment', 'web', '--max=3').endswith('web autoscaled')
    assert kubectl('scale', 'deployment', 'web', '--replicas=5') == 'deployment.apps/web scaled'
    assert kubectl('set', 'image', 'deployment/web', 'nginx=nginx:2') == 'deployment.apps/web image updated'
    assert kubectl('expose', 'deployment', 'web', '--port=80') == 'service/web exposed'
    assert re.search(r'Replicas: +5 desired', kubectl('describe', 'deployment', 'web'))
    shown = rows(kubectl('get', 'deploy,job,svc', '--no-headers'))
    assert [row[:2] for row in shown] == [
        ['deployment.apps/web', '0/5'],
        ['job.batch/j', 'Running'],
        ['service/svc', 'ClusterIP'],
        ['service/web', 'ClusterIP'],
    ]
    token = kubectl('create', 'token', 'bot')
    who = kubectl('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}', f'--token={token}')
    assert who == 'system:serviceaccount:default:bot'


@users_only
def test_objects_are_deleted_in_all_ways(kubectl: Kubectl) -> None:
    held = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'cm', 'finalizers': ['ex.dev/hold']}}
    kubectl('create', '-f', kubectl.write(held))
    assert kubectl('delete', '-f', 'manifest.yaml', '--wait=false') == 'configmap "cm" deleted'
    assert kubectl('get', 'cm', 'cm', '-o', 'jsonpath={.metadata.deletionTimestamp}')
    release = '[{"op":"remove","path":"/metadata/finalizers"}]'
    kubectl('patch', 'cm', 'cm', '--type=json', '-p', release)
    kubectl('wait', '--for=delete', 'cm/cm', '--timeout=20s')
    kubectl('create', 'deployment', 'web', '--image=nginx')
    uid = kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.metadata.uid}')
    owner = {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'web', 'uid': uid}
    owned = [
        {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name, 'ownerReferences': [owner]}}
        for name in ('one', 'two')
    ]
    kubectl('create', '-f', kubectl.write(*owned))
    kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=20s')
    assert kubectl('get', 'cm', '-o', 'name') == ''
    kubectl('create', 'namespace', 'ours')
    kubectl('run', 'p', '--image=nginx', '-n', 'ours')
    kubectl('delete', 'pod', 'p', '-n', 'ours', '--force', '--grace-period=0')
    kubectl('create', 'configmap', 'cm', '-n', 'ours')
    kubectl('delete', 'namespace', 'ours', '--timeout=20s')
    assert kubectl.failing('get', 'ns', 'ours') == 'Error from server (NotFound): namespaces "ours" not found'
    kubectl('create', 'configmap', 'cm')
    kubectl('delete', 'cm', '--all')
    assert kubectl('get', 'cm', '--ignore-not-found') == ''


@users_only
def test_certificates_are_asked_for_and_approved(kubectl: Kubectl) -> None:
    wanted = base64.b64encode(b'-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n').decode()
    spec = {'request': wanted, 'signerName': 'ex.dev/x', 'usages': ['client auth'], 'username': 'else'}
    api = {'apiVersion': 'certificates.k8s.io/v1', 'kind': 'CertificateSigningRequest'}
    kubectl('create', '-f', kubectl.write({**api, 'metadata': {'name': 'one'}, 'spec': spec}))
    assert rows(kubectl('get', 'csr', '--no-headers'))[0][2:] == ['ex.dev/x', 'admin', '<none>', 'Pending']
    approved = kubectl('certificate', 'approve', 'one')
    assert approved == 'certificatesigningrequest.certificates.k8s.io/one approved'
    assert rows(kubectl('get', 'csr', '--no-headers'))[0][-1] == 'Approved'


@users_only
def test_pods_have_no_logs_and_nothing_runs_in_them(kubectl: Kubectl) -> None:
    kubectl('run', 'p', '--image=nginx')
    assert kubectl('logs', 'p') == ''
    for command in (['exec', 'p', '--', 'date'], ['attach', 'p']):
        assert 'pod p does not have a host assigned' in kubectl.failing(*command)
    assert 'pod is not running. Current status=Pending' in kubectl.failing('port-forward', 'p', '1:1')


def test_users_have_their_rights(kubectl: Kubectl) -> None:
    who = ['--as', 'viewer']
    if kubectl.has_users:
        who = ['--token=viewer-token']
        denied = kubectl.failing('get', 'pods', *who)
        assert denied.startswith('Error from server (Forbidden): pods is forbidden: User "viewer" cannot list resource')
        assert kubectl.failing('auth', 'can-i', 'get', 'pods', *who) == ''
        assert 'You must be logged in' in kubectl.failing('get', 'pods', '--token=wrong')
        kubectl('create', 'rolebinding', 'rb', '--clusterrole=view', '--user=viewer')
        assert kubectl('auth', 'whoami', *who, '-o', 'jsonpath={.status.userInfo.username}') == 'viewer'
    assert kubectl('auth', 'can-i', 'list', 'pods', *who) == 'yes'
    assert kubectl('get', 'pods', *who) == ''
    assert 'pods' in kubectl('auth', 'can-i', '--list', *who) or not kubectl.has_users
    assert kubectl('get', '--raw', '/readyz') == 'ok'
