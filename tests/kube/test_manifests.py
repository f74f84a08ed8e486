"""Applying manifests to an emulated cluster: `kmock.load`."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import kmock
from kmock.errors import KMockError

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.dev}
spec:
  group: example.dev
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}}}
"""
WIDGET = """
apiVersion: example.dev/v1
kind: Widget
metadata: {name: one, namespace: team}
spec: {size: 1}
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: team}
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {day: 2024-01-01, colour: red}
"""


@pytest.fixture
def cluster() -> kmock.KubernetesEmulator:
    return kmock.KubernetesEmulator()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, *documents: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n---\n'.join(textwrap.dedent(each) for each in documents))


def metadata(cluster: kmock.KubernetesEmulator, *key: Any) -> Any:
    return cluster.objects[key]['metadata']


class TestApplying:
    def test_definitions_come_first_then_namespaces(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        write(folder, 'all.yaml', WIDGET, '', NAMESPACE, CRD)
        cluster.load('all.yaml')
        assert cluster.objects['example.dev/v1/widgets', 'team', 'one'] >= {'kind': 'Widget', 'spec': {'size': 1}}

    def test_objects_are_those_of_a_cluster_and_are_owned_by_kubectl(
        self, cluster: kmock.KubernetesEmulator, folder: Path
    ) -> None:
        write(folder, 'config.yaml', CONFIG)
        cluster.load('config.yaml')
        found = metadata(cluster, 'v1/configmaps', 'default', 'settings')
        assert found >= {'uid': ..., 'resourceVersion': ..., 'creationTimestamp': ...}
        fields = found['managedFields'][0]
        assert (fields['manager'], fields['operation']) == ('kubectl', 'Apply')

    def test_scalars_are_read_as_kubectl_reads_them(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        write(folder, 'config.yaml', CONFIG)
        cluster.load('config.yaml')
        assert cluster.objects['v1/configmaps', 'default', 'settings'] >= {'data': {'day': '2024-01-01'}}

    def test_applying_again_removes_what_is_no_longer_said(
        self, cluster: kmock.KubernetesEmulator, folder: Path
    ) -> None:
        write(folder, 'config.yaml', CONFIG)
        cluster.load('config.yaml')
        cluster.objects['v1/configmaps', 'default', 'settings'].patch({'data': {'own': 'kept'}})
        write(folder, 'config.yaml', CONFIG.replace('{day: 2024-01-01, colour: red}', '{colour: blue}'))
        cluster.load('config.yaml')
        found: Any = cluster.objects['v1/configmaps', 'default', 'settings']
        assert found['data'] == {'colour': 'blue', 'own': 'kept'}

    def test_lists_are_taken_apart(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        items = [
            {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name}, 'data': {}} for name in ('a', 'b')
        ]
        (folder / 'list.json').write_text(json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': items}))
        cluster.load('list.json')
        assert len(cluster.objects) == 2

    def test_loose_resources_are_found_by_their_likely_plural(
        self, cluster: kmock.KubernetesEmulator, folder: Path
    ) -> None:
        cluster.resources['kopf.dev/v1/policies'] = {}
        write(folder, 'loose.yaml', 'apiVersion: kopf.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec: 1')
        cluster.load('loose.yaml')
        assert cluster.objects['kopf.dev/v1/policies', 'default', 'p'] >= {'kind': 'Policy', 'spec': 1}

    def test_a_verbatim_cluster_keeps_them_as_they_are(self, folder: Path) -> None:
        cluster = kmock.KubernetesEmulator(verbatim=True)
        write(folder, 'widget.yaml', WIDGET)
        cluster.load('widget.yaml')
        assert cluster.objects['example.dev/v1/widgets', 'team', 'one'] == {
            'apiVersion': 'example.dev/v1',
            'kind': 'Widget',
            'metadata': {'name': 'one', 'namespace': 'team'},
            'spec': {'size': 1},
        }


class TestFiles:
    def test_patterns_and_folders(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        write(folder, 'manifests/a.yaml', CONFIG)
        write(folder, 'manifests/b.yml', CONFIG.replace('settings', 'others'))
        write(folder, 'manifests/deep/c.yaml', CONFIG.replace('settings', 'deep'))
        write(folder, 'manifests/notes.txt', 'not a manifest')
        cluster.load('manifests')
        assert len(cluster.objects) == 2
        cluster.load('manifests/**/*.yaml', folder / 'manifests/b.yml')
        assert len(cluster.objects) == 3

    def test_the_first_folder_with_such_files_counts(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        write(folder, 'near/a.yaml', CONFIG)
        write(folder, 'a.yaml', CONFIG.replace('settings', 'others'))
        cluster.folders.append(folder / 'near')
        cluster.load('a.yaml')
        assert [name for _, _, name in cluster.objects] == ['settings']


class TestErrors:
    @pytest.mark.parametrize(
        ('documents', 'told'),
        [
            ([CONFIG, 'spec: 1'], 'bad.yaml, document 2: it has no apiVersion, so it is no object of Kubernetes'),
            (['[1]'], 'bad.yaml, document 1: it has no apiVersion'),
            ([CONFIG, 'a: [1'], r'bad.yaml, document 2: error converting YAML to JSON: yaml: line \d+'),
            (
                [WIDGET],
                r"document 1: no resource of kind Widget in example\.dev/v1 is served\. .*\['example\.dev/v1/wid",
            ),
            (['apiVersion: v1\nkind: ConfigMap'], 'document 1: ConfigMap without metadata.name'),
            (['apiVersion: v1\nkind: ConfigMap\nmetadata: 7'], 'document 1: ConfigMap without metadata.name'),
            ([CRD, WIDGET], 'document 2: Widget \'one\': namespaces "team" not found'),
            ([CONFIG.replace('red', '[1]')], "document 1: ConfigMap 'settings': .*colour"),
            ([CONFIG.replace('settings', 'A')], "document 1: ConfigMap 'A': .* is invalid: metadata.name"),
            (['apiVersion: v1\nkind: List\nitems: [{kind: Pod}]'], 'document 1, item 1: it has no apiVersion'),
        ],
    )
    def test_they_name_the_file_and_the_document(
        self, cluster: kmock.KubernetesEmulator, folder: Path, documents: list[str], told: str
    ) -> None:
        write(folder, 'bad.yaml', *documents)
        with pytest.raises(KMockError, match=told):
            cluster.load('bad.yaml')

    def test_nothing_is_applied_if_a_file_cannot_be_read(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        write(folder, 'good.yaml', CONFIG)
        (folder / 'bad.json').write_text('{')
        with pytest.raises(KMockError, match=r'bad\.json, document 1: Expecting'):
            cluster.load('good.yaml', 'bad.json')
        assert len(cluster.objects) == 0

    @pytest.mark.parametrize('path', [None, 5, b'bad.yaml', ['bad.yaml']])
    def test_what_is_no_path(self, cluster: kmock.KubernetesEmulator, path: Any) -> None:
        with pytest.raises(KMockError, match=re.escape(f'by the paths of files, not by {path!r}')):
            cluster.load(path)

    def test_a_file_that_is_no_text_is_refused_in_one_line(
        self, cluster: kmock.KubernetesEmulator, folder: Path
    ) -> None:
        (folder / 'bad.yaml').write_bytes(b'\xff\xfe\0')
        with pytest.raises(KMockError, match=r'bad\.yaml, document 1: error converting YAML to JSON: [^\n]+$'):
            cluster.load('bad.yaml')

    def test_a_file_that_is_not_there(self, cluster: kmock.KubernetesEmulator, folder: Path) -> None:
        with pytest.raises(KMockError, match=r"No manifests at 'nope/\*\.yaml'\. Relative paths were looked for in /"):
            cluster.load('nope/*.yaml')
