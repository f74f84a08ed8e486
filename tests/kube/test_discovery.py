"""Discovery answers as a real API server does: the recorded answers, methods, media types, ETags, custom groups."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Origin, Subresource
from kmock.kube.discovery.answering import VERSION, Discovery
from kmock.kube.discovery.groups import version_rank
from kmock.kube.media.accepting import parse_accept
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.statuses import StatusError, status_body
from kmock.messages import Answer
from kmock.naming import Resource

CORPUS = Path(__file__).parent.parent / 'conformance'
AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
RECORDED = ('discovery-aggregated', 'discovery-health', 'discovery-missing')
WIDGETS = Resource('kmock.example', 'v1', 'widgets')


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    load_bundled(registry)
    return registry


@pytest.fixture
def discovery(registry: Registry) -> Discovery:
    return Discovery(registry)


def widgets(version: str = 'v1', plural: str = 'widgets', *, namespaced: bool = True, **kwargs: Any) -> Definition:
    verbs = ('delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch')
    status = Subresource(name='status', kind='Widget', verbs=('get', 'patch', 'update'))
    fields: dict[str, Any] = {
        'resource': Resource('kmock.example', version, plural),
        'kind': plural[:-1].title(),
        'list_kind': f'{plural[:-1].title()}List',
        'singular': plural[:-1],
        'namespaced': namespaced,
        'verbs': verbs,
        'subresources': {'status': status} if namespaced else {},
        'origin': Origin.CUSTOM,
        'storage_version': 'v1',
    }
    return Definition(**{**fields, **kwargs})


def ask(
    discovery: Discovery,
    path: str,
    accept: str = 'application/json',
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = 'GET',
) -> Answer:
    answer = discovery.answer(path, params or {}, accept, headers or {'Host': '127.0.0.1:1'}, method)
    assert answer is not None
    return answer


def parsed(answer: Answer) -> Any:
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


# --- recorded answers


def recorded() -> list[Any]:
    found = []
    for name in RECORDED:
        steps = yaml.safe_load((CORPUS / 'scenarios' / f'{name}.yaml').read_text())['steps']
        answers = json.loads((CORPUS / 'expected' / f'{name}.json').read_text())['steps']
        for number, (step, answer) in enumerate(zip(steps, answers, strict=True)):
            found.append(pytest.param(step, answer, id=f'{name}-{number}'))
    return found


def without_foreign(body: Any) -> Any:
    """Without what the recorded server had of other scenarios, and without what is different in each run."""
    if isinstance(body, list):
        return [without_foreign(each) for each in body if 'kmock.example' not in json.dumps(each)]
    if isinstance(body, dict):
        volatile = ('storageVersionHash', 'serverAddress')
        return {key: without_foreign(value) for key, value in body.items() if key not in volatile}
    return body


@pytest.mark.parametrize(('step', 'expected'), recorded())
def test_the_answers_are_those_of_the_recorded_server(
    discovery: Discovery, step: dict[str, Any], expected: dict[str, Any]
) -> None:
    path, _, query = step['path'].partition('?')
    params = dict(pair.split('=') for pair in query.split('&') if pair)
    accept = step.get('headers', {}).get('Accept', 'application/json')
    try:
        answer = discovery.answer(path, params, accept, {'Host': 'h'}, step['method'])
        if answer is None:
            raise discovery.missing(path)
        assert isinstance(answer.body, bytes)
        status, media, text = answer.status, answer.header('Content-Type'), answer.body.decode()
    except StatusError as exc:
        plain = exc.plain is not None
        status, media = exc.status, 'text/plain; charset=utf-8' if plain else expected['headers']['Content-Type']
        text = exc.plain or json.dumps(status_body(exc))
    assert status == expected['status']
    assert media == expected['headers']['Content-Type']
    if step['method'] == 'HEAD':
        return
    if path.rstrip('/') == '/version' and status == 200:
        assert json.loads(text).keys() == expected['body'].keys()
    elif isinstance(expected['body'], dict):
        assert json.loads(text) == json.loads(text, object_pairs_hook=dict)
        assert without_foreign(json.loads(text)) == without_foreign(expected['body'])
    else:
        assert text == expected['body']


# --- ETags and forms


def test_aggregated_discovery_has_an_etag_and_is_not_sent_again(discovery: Discovery) -> None:
    first = ask(discovery, '/apis', AGGREGATED)
    etag = first.header('ETag')
    assert etag is not None
    assert etag.startswith('"')
    second = ask(discovery, '/apis', AGGREGATED, headers={'If-None-Match': etag})
    assert (second.status, second.body, second.header('ETag')) == (304, b'', etag)
    assert ask(discovery, '/apis', AGGREGATED, headers={'If-None-Match': '"other"'}).status == 200


def test_the_etag_changes_with_the_resources(discovery: Discovery, registry: Registry) -> None:
    etag = ask(discovery, '/apis', AGGREGATED).header('ETag')
    registry.add(widgets())
    answer = ask(discovery, '/apis', AGGREGATED, headers={'If-None-Match': str(etag)})
    assert answer.status == 200
    assert parsed(answer)['items'][-1]['metadata'] == {'name': 'kmock.example'}
    registry.remove(WIDGETS)
    assert ask(discovery, '/apis', AGGREGATED).header('ETag') == etag


@pytest.mark.parametrize('path', ['/api', '/apis', '/apis/apps', '/apis/apps/v1', '/api/v1'])
def test_yaml_says_the_same_as_json(discovery: Discovery, path: str) -> None:
    answer = ask(discovery, path, 'application/yaml')
    assert answer.header('Content-Type') == 'application/yaml'
    assert isinstance(answer.body, bytes)
    assert yaml.safe_load(answer.body) == parsed(ask(discovery, path))


@pytest.mark.parametrize('path', ['/api', '/apis', '/apis/apps', '/apis/apps/v1', '/api/v1'])
def test_protobuf_is_wrapped_in_the_envelope_of_kubernetes(discovery: Discovery, path: str) -> None:
    answer = ask(discovery, path, 'application/vnd.kubernetes.protobuf')
    assert answer.header('Content-Type') == 'application/vnd.kubernetes.protobuf'
    assert isinstance(answer.body, bytes)
    kind = parsed(ask(discovery, path))['kind'].encode()
    assert answer.body.startswith(b'k8s\x00\n')
    assert b'\x0a\x02v1\x12' + bytes([len(kind)]) + kind in answer.body[:40]


def test_protobuf_of_a_group_is_what_its_definition_says(discovery: Discovery) -> None:
    """Written by hand after the field numbers of APIGroup and of runtime.Unknown."""
    answer = ask(discovery, '/apis/apps', 'application/vnd.kubernetes.protobuf')
    version = b'\x0a\x07apps/v1\x12\x02v1'
    group = b'\x0a\x04apps\x12\x0d' + version + b'\x1a\x0d' + version
    envelope = b'\x0a\x0e\x0a\x02v1\x12\x08APIGroup\x12' + bytes([len(group)]) + group + b'\x1a\x00\x22\x00'
    assert answer.body == b'k8s\x00' + envelope


def test_indented_when_asked_for_and_for_browsers(discovery: Discovery) -> None:
    compact = ask(discovery, '/api').body
    pretty = ask(discovery, '/api', params={'pretty': 'true'}).body
    assert isinstance(compact, bytes)
    assert isinstance(pretty, bytes)
    assert pretty.startswith(b'{\n  "kind"')
    assert json.loads(pretty) == json.loads(compact)
    assert ask(discovery, '/api', headers={'Host': '127.0.0.1:1', 'User-Agent': 'curl/8.5.0'}).body == pretty
    curl = {'Host': '127.0.0.1:1', 'User-Agent': 'curl/8.5.0'}
    assert ask(discovery, '/api', params={'pretty': 'false'}, headers=curl).body == compact


def test_the_first_clause_decides_between_legacy_and_aggregated(discovery: Discovery) -> None:
    assert parsed(ask(discovery, '/apis', f'application/json,{AGGREGATED}'))['kind'] == 'APIGroupList'
    assert parsed(ask(discovery, '/apis', f'application/json;q=0.5,{AGGREGATED}'))['kind'] == 'APIGroupDiscoveryList'
    assert parsed(ask(discovery, '/apis', ''))['kind'] == 'APIGroupList'


# --- custom resources


def test_versions_of_a_custom_group_are_sorted_by_their_stability(discovery: Discovery, registry: Registry) -> None:
    for version in ('v1alpha1', 'v1beta2', 'v1', 'v10'):
        registry.add(widgets(version))
    registry.add(widgets('v1', 'gadgets', namespaced=False))
    group = parsed(ask(discovery, '/apis/kmock.example'))
    assert [each['version'] for each in group['versions']] == ['v10', 'v1', 'v1beta2', 'v1alpha1']
    assert group['preferredVersion'] == {'groupVersion': 'kmock.example/v10', 'version': 'v10'}
    names = [each['name'] for each in parsed(ask(discovery, '/apis/kmock.example/v1'))['resources']]
    assert names == ['gadgets', 'widgets', 'widgets/status']
    assert discovery.answer('/apis/kmock.example/v2', {}, '', {}) is None
    assert discovery.missing('/apis/kmock.example/v2').plain == '404 page not found\n'


def test_custom_groups_come_last_and_by_name(discovery: Discovery, registry: Registry) -> None:
    for group in ('zzz.example', 'aaa.example'):
        registry.add(widgets(resource=Resource(group, 'v1', 'widgets')))
    names = [each['name'] for each in parsed(ask(discovery, '/apis'))['groups']]
    assert names[0] == 'apiregistration.k8s.io'
    assert names[-2:] == ['aaa.example', 'zzz.example']


def test_custom_kinds_are_named_in_full_in_aggregated_discovery(discovery: Discovery, registry: Registry) -> None:
    registry.add(widgets(shortnames=('wd',)))
    version = parsed(ask(discovery, '/apis', AGGREGATED))['items'][-1]['versions'][0]
    kind = {'group': 'kmock.example', 'version': 'v1', 'kind': 'Widget'}
    assert version['freshness'] == 'Current'
    assert version['resources'][0]['responseKind'] == kind
    assert version['resources'][0]['shortNames'] == ['wd']
    assert version['resources'][0]['subresources'][0]['responseKind'] == kind


def test_the_storage_hash_is_of_the_stored_version(discovery: Discovery, registry: Registry) -> None:
    registry.add(widgets('v1'))
    registry.add(widgets('v2'))
    hashes = {
        parsed(ask(discovery, f'/apis/kmock.example/{version}'))['resources'][0]['storageVersionHash']
        for version in ('v1', 'v2')
    }
    assert len(hashes) == 1


@pytest.mark.parametrize('method', ['POST', 'DELETE', 'HEAD'])
def test_custom_group_versions_take_any_method(discovery: Discovery, registry: Registry, method: str) -> None:
    registry.add(widgets())
    assert ask(discovery, '/apis/kmock.example/v1', method=method).status == 200


def test_only_what_is_declared_is_served() -> None:
    registry = Registry()
    registry.add(widgets(origin=Origin.LOOSE))
    discovery = Discovery(registry)
    assert [each['name'] for each in parsed(ask(discovery, '/apis'))['groups']] == ['kmock.example']
    assert parsed(ask(discovery, '/api'))['versions'] == []
    assert discovery.answer('/apis/apps', {}, '', {}) is None
    assert list(parsed(ask(discovery, '/openapi/v3'))['paths']) == ['apis/kmock.example/v1']
    assert all('kmock.example' in path for path in parsed(ask(discovery, '/openapi/v2'))['paths'])


@given(st.lists(st.from_regex(r'v[0-9]{1,3}((alpha|beta)[0-9]{1,2})?|[a-z][a-z0-9]{0,5}', fullmatch=True), max_size=9))
@settings(max_examples=50, deadline=None)
def test_stable_versions_precede_beta_and_alpha_and_other_names(versions: list[str]) -> None:
    ordered = sorted(versions, key=version_rank)
    stages = [2 if version_rank(each)[0] else -version_rank(each)[1] for each in ordered]
    numbered = [stage for each, stage in zip(ordered, stages, strict=True) if not version_rank(each)[0]]
    assert numbered == sorted(numbered, reverse=True)
    assert [version_rank(each)[0] for each in ordered] == sorted(version_rank(each)[0] for each in ordered)


# --- the rest


def test_version_can_be_given(registry: Registry) -> None:
    assert parsed(ask(Discovery(registry), '/version')) == VERSION
    given_version = {'major': '1', 'minor': '99'}
    assert parsed(ask(Discovery(registry, version=given_version), '/version/')) == given_version


def test_health_checks_can_be_excluded(discovery: Discovery) -> None:
    answer = ask(discovery, '/livez', params={'verbose': '', 'exclude': 'etcd'})
    assert isinstance(answer.body, bytes)
    assert b'[+]etcd excluded: ok\n' in answer.body
    assert answer.body.endswith(b'livez check passed\n')
    answer = ask(discovery, '/livez', params={'verbose': '', 'exclude': 'absent'})
    assert isinstance(answer.body, bytes)
    assert b'warn: some health checks cannot be excluded: no matches for "absent"\n' in answer.body


def test_every_path_in_the_index_is_answered(discovery: Discovery, registry: Registry) -> None:
    registry.add(widgets())
    paths = parsed(ask(discovery, '/'))['paths']
    assert '/apis/kmock.example/v1' in paths
    for path in paths:
        assert discovery.answer(path, {}, '', {'Host': 'h'}) is not None, path


def test_openid_is_there_only_with_keys(registry: Registry) -> None:
    assert Discovery(registry).answer('/openid/v1/jwks', {}, '', {}) is None
    discovery = Discovery(registry, keys=lambda: {'keys': []})
    assert parsed(ask(discovery, '/openid/v1/jwks')) == {'keys': []}
    document = parsed(ask(discovery, '/.well-known/openid-configuration'))
    assert document['issuer'] == 'https://kubernetes.default.svc.cluster.local'
    assert document['jwks_uri'] == 'https://127.0.0.1:1/openid/v1/jwks'
    assert '/openid/v1/jwks' in parsed(ask(discovery, '/'))['paths']


@pytest.mark.parametrize('path', ['/api/v1/pods', '/apis//v1', '/apis/', '/apis//', '//', '', '/api/v1//', '/healthz/'])
def test_objects_and_odd_paths_are_not_discovery(discovery: Discovery, path: str) -> None:
    answer = discovery.answer(path, {}, '', {})
    assert (answer is None) == (path != '/apis/')


def status_of(discovery: Discovery, path: str, accept: str, held: str) -> int:
    try:
        answer = discovery.answer(path, {}, accept, {'If-None-Match': held})
    except StatusError as exc:
        return exc.status
    return 404 if answer is None else answer.status


@given(
    path=st.text('/apisv1.k8 %\x00é', max_size=20),
    accept=st.text('ajson/*;=q.v2,g ', max_size=30),
    held=st.text('"W/*,a', max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_asked_gets_an_answer_or_a_status(path: str, accept: str, held: str) -> None:
    registry = Registry()
    load_bundled(registry)
    discovery = Discovery(registry)
    for each in (path, '/apis', '/api', '/apis/apps/v1', '/openapi/v3'):
        assert status_of(discovery, each, accept, held) in (200, 304, 404, 406)
    assert discovery.missing(path).status == 404


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_accept_headers_are_sorted_by_quality(header: str) -> None:
    qualities = [each.q for each in parse_accept(header)]
    assert qualities == sorted(qualities, reverse=True)


def test_the_more_specific_clause_wins_among_equals() -> None:
    clauses = parse_accept('*/*, text/*, text/html;q=0.9, application/json')
    assert [f'{each.type}/{each.subtype}' for each in clauses] == ['application/json', 'text/*', '*/*', 'text/html']
