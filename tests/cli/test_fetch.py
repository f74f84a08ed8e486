"""`kmock fetch resources` writes what a cluster serves, filtered and packed, for `kmock.resources.load_path`."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kmock.cli import main
from kmock.cli.fetch import is_wanted
from kmock.kube.discovery.answering import Discovery
from kmock.kube.resources.array import ResourcesArray
from kmock.kube.resources.bundled import bundled_definitions, load_bundled
from kmock.kube.resources.registry import Registry
from kmock.messages import Answer


class Cluster:
    """Discovery of the bundled resources, and of one more, over HTTP in a thread."""

    def __init__(self) -> None:
        registry = Registry()
        load_bundled(registry)
        ResourcesArray(registry)['kopf.dev/v1/kopfexamples'] = {'kind': 'KopfExample', 'shortnames': ['kex']}
        self.discovery = Discovery(registry)
        self.instead: dict[str, Answer] = {}
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = cluster.answer(self.path, self.headers.get('Accept', ''))
                self.send_response(answer.status)
                body = answer.body
                assert isinstance(body, bytes)
                for name, value in (*answer.headers, ('Content-Length', str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f'http://127.0.0.1:{self._server.server_port}'

    def answer(self, path: str, accept: str) -> Answer:
        if path in self.instead:
            return self.instead[path]
        return self.discovery.answer(path, {}, accept, {'Host': 'h'}) or Answer(status=404)

    def __enter__(self) -> 'Cluster':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


def fetch(cluster: Cluster, *arguments: object) -> Result:
    return CliRunner().invoke(main, ['fetch', 'resources', '--upstream', cluster.url, *map(str, arguments)])


def versions(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [each['groupVersion'] for each in json.loads(result.stdout)]


def test_by_default_only_what_kubernetes_has_is_fetched(cluster: Cluster) -> None:
    found = versions(fetch(cluster))
    expected = dict.fromkeys(each.api_version for each in bundled_definitions())
    assert found == list(expected)


def test_filters_apply_from_left_to_right(cluster: Cluster) -> None:
    assert versions(fetch(cluster, '-x', '*', '-i', 'v1', '-i', 'kopf.dev')) == ['v1', 'kopf.dev/v1']
    assert versions(fetch(cluster, '-i', 'v1', '-x', '*', '-i', 'kopf.dev')) == ['kopf.dev/v1']
    assert versions(fetch(cluster, '-i', 'kopf.dev', '-x', '*')) == []


@pytest.mark.parametrize('name', ['r.json', 'r.json.gz', 'r.json.bz2', 'r.json.zst'])
def test_the_file_can_be_loaded(cluster: Cluster, tmp_path: Path, name: str) -> None:
    result = fetch(cluster, '-o', tmp_path / name, '-i', 'kopf.dev')
    assert (result.exit_code, result.output) == (0, '')
    registry = Registry()
    resources = ResourcesArray(registry)
    resources.load_path(tmp_path / name)
    assert len(registry) == len(bundled_definitions()) + 1
    assert resources['kopf.dev/v1/kopfexamples'].shortnames == {'kex'}
    assert resources['kopf.dev/v1/kopfexamples'].kind == 'KopfExample'


def test_an_existing_file_is_replaced_only_by_force(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / 'r.json'
    path.write_text('mine')
    result = fetch(cluster, '-o', path)
    assert result.exit_code == 1
    assert 'exists already' in result.output
    assert path.read_text() == 'mine'
    assert fetch(cluster, '-o', path, '--force', '-x', '*').exit_code == 0
    assert path.read_text() == '[]'


@pytest.mark.parametrize(
    ('path', 'answer', 'message'),
    [
        ('/api', Answer(status=403), 'answered 403 to GET /api'),
        ('/apis', Answer(body=b'<html>'), 'answered no JSON to GET /apis'),
        ('/apis', Answer(body=b'[]'), 'answered no object to GET /apis'),
        ('/apis', Answer(body=b'{}'), 'answered no groups to GET /apis'),
        ('/apis', Answer(body=b'{"groups": [5]}'), 'answered no groups to GET /apis'),
        ('/apis/apps/v1', Answer(status=503), 'answered 503 to GET /apis/apps/v1'),
    ],
)
def test_a_server_that_is_no_cluster_is_told_in_a_line(
    cluster: Cluster, tmp_path: Path, path: str, answer: Answer, message: str
) -> None:
    cluster.instead[path] = answer
    result = fetch(cluster, '-o', tmp_path / 'r.json')
    assert result.exit_code == 1
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_emulated_cluster_is_not_there_to_be_fetched_from() -> None:
    result = CliRunner().invoke(main, ['fetch', 'resources', '--cluster', 'emulated'])
    assert result.exit_code == 2
    assert '--cluster emulated is for `kmock record`' in result.output
    assert 'emulated' not in CliRunner().invoke(main, ['fetch', 'resources', '--help']).output
    assert '`emulated`' in CliRunner().invoke(main, ['record', '--help']).output


def test_a_cluster_that_can_not_be_reached_is_told_in_a_line() -> None:
    with Cluster() as gone:
        pass
    result = fetch(gone)
    assert result.exit_code == 1
    assert 'Error: ' in result.output


@pytest.mark.parametrize(
    ('group', 'version', 'filters', 'wanted'),
    [
        ('', 'v1', [], True),
        ('apps', 'v1', [], True),
        ('rbac.authorization.k8s.io', 'v1', [], True),
        ('kopf.dev', 'v1', [], False),
        ('kopf.dev', 'v1', [(True, '*.dev')], True),
        ('kopf.dev', 'v1', [(True, 'kopf.dev/v1')], True),
        ('kopf.dev', 'v2', [(True, 'kopf.dev/v1')], False),
        ('', 'v1', [(False, '*')], False),
        ('', 'v1', [(False, '*/v1')], True),
        ('autoscaling', 'v1', [(False, '*/v1')], False),
        ('autoscaling', 'v2', [(False, '*/v1')], True),
        ('apps', 'v1', [(False, 'apps'), (True, '?pps')], True),
    ],
)
def test_filters_are_globs_of_groups_or_of_group_versions(
    group: str, version: str, filters: list[tuple[bool, str]], wanted: bool
) -> None:
    assert is_wanted(group, version, filters) is wanted
