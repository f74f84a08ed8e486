"""OpenAPI documents: bundled ones as they are, custom resources as a real server publishes them, hashes and media."""

import json
from pathlib import Path
from typing import Any

import pytest

from kmock.kube.definitions import Definition, Origin, Subresource
from kmock.kube.discovery.answering import Discovery
from kmock.kube.discovery.openapi import OpenAPIDocuments
from kmock.kube.discovery.openapi_custom import referenced, schema_v2
from kmock.kube.resources.bundled import bundled_document, load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.schema import Schema
from kmock.naming import Resource

RECORDED = Path(__file__).parent / 'openapi' / 'widgets-v3.json'
WIDGET = {
    'type': 'object',
    'required': ['spec'],
    'properties': {
        'spec': {
            'type': 'object',
            'required': ['size'],
            'properties': {
                'color': {'type': 'string', 'default': 'red', 'enum': ['red', 'green', 'blue']},
                'size': {'type': 'integer', 'maximum': 100, 'minimum': 0},
            },
        },
        'status': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
    },
}


def widgets(**kwargs: Any) -> Definition:
    verbs = ('get', 'patch', 'update')
    fields: dict[str, Any] = {
        'resource': Resource('tr.kmock.dev', 'v1', 'widgets'),
        'kind': 'Widget',
        'list_kind': 'WidgetList',
        'singular': 'widget',
        'namespaced': True,
        'verbs': ('delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'),
        'subresources': {
            'scale': Subresource(name='scale', kind='Scale', verbs=verbs, group='autoscaling', version='v1'),
            'status': Subresource(name='status', kind='Widget', verbs=verbs),
        },
        'origin': Origin.CUSTOM,
        'load_schema': lambda: Schema(WIDGET),
    }
    return Definition(**{**fields, **kwargs})


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    load_bundled(registry)
    return registry


def without_prose(node: Any) -> Any:
    """Without descriptions; DeleteOptions belong to each group, of which a server may have more."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if not (key == 'description' and isinstance(value, str))}
        return {key: without_prose(value) for key, value in kept.items() if value != 'DeleteOptions'}
    if isinstance(node, list):
        return [without_prose(each) for each in node if 'DeleteOptions' not in repr(each)]
    return node


def v3(registry: Registry, key: str) -> Any:
    text = OpenAPIDocuments(registry).v3(key)
    assert text is not None
    return json.loads(text)


def test_a_custom_resource_is_published_as_a_real_server_does(registry: Registry) -> None:
    registry.add(widgets())
    made, recorded = v3(registry, 'apis/tr.kmock.dev/v1'), json.loads(RECORDED.read_text())
    assert made['info'] == recorded['info']
    assert list(made['paths']) == list(recorded['paths'])
    for path, operations in recorded['paths'].items():
        assert list(made['paths'][path]) == list(operations)
        assert without_prose(made['paths'][path]) == without_prose(operations)
    schemas, expected = made['components']['schemas'], recorded['components']['schemas']
    assert list(schemas) == list(expected)
    for name in expected:
        assert without_prose(schemas[name]) == without_prose(expected[name])


def test_built_in_documents_are_served_as_bundled(registry: Registry) -> None:
    assert OpenAPIDocuments(registry).v3('apis/apps/v1') == bundled_document('apis/apps/v1')


@pytest.mark.parametrize('definition', [widgets(), widgets(namespaced=False), widgets(origin=Origin.LOOSE)])
def test_all_references_lead_somewhere(registry: Registry, definition: Definition) -> None:
    registry.add(definition)
    document = v3(registry, 'apis/tr.kmock.dev/v1')
    assert set(referenced(document)) <= document['components']['schemas'].keys()
    text, _ = OpenAPIDocuments(registry).v2()
    second = json.loads(text)
    assert {*referenced(second)} <= {*second['definitions'], *second['parameters']}
    assert '#/components' not in text.decode()


def test_a_cluster_wide_resource_has_no_path_of_namespaces(registry: Registry) -> None:
    registry.add(widgets(namespaced=False, subresources={}))
    paths = v3(registry, 'apis/tr.kmock.dev/v1')['paths']
    assert list(paths) == ['/apis/tr.kmock.dev/v1/widgets', '/apis/tr.kmock.dev/v1/widgets/{name}']
    listing = paths['/apis/tr.kmock.dev/v1/widgets']['get']
    assert listing['operationId'] == 'listTrKmockDevV1Widget'


def test_only_served_verbs_have_operations(registry: Registry) -> None:
    registry.add(widgets(verbs=('get', 'list'), subresources={}))
    paths = v3(registry, 'apis/tr.kmock.dev/v1')['paths']
    assert [set(each) - {'parameters'} for each in paths.values()] == [{'get'}] * 3


def test_resources_declared_in_a_built_in_group_join_its_document(registry: Registry) -> None:
    registry.add(widgets(resource=Resource('apps', 'v1', 'widgets')))
    document = v3(registry, 'apis/apps/v1')
    assert '/apis/apps/v1/deployments' in document['paths']
    assert '/apis/apps/v1/widgets' in document['paths']
    assert 'apps.v1.Widget' in document['components']['schemas']


def test_what_has_no_schema_is_free_form(registry: Registry) -> None:
    registry.add(widgets(origin=Origin.LOOSE, load_schema=lambda: None))
    node = v3(registry, 'apis/tr.kmock.dev/v1')['components']['schemas']['dev.kmock.tr.v1.Widget']
    assert node['x-kubernetes-preserve-unknown-fields'] is True
    assert node['x-kubernetes-group-version-kind'] == [{'group': 'tr.kmock.dev', 'kind': 'Widget', 'version': 'v1'}]


def test_the_index_has_the_hash_of_each_document(registry: Registry) -> None:
    registry.add(widgets())
    discovery = Discovery(registry)
    index = discovery.answer('/openapi/v3', {}, '', {})
    assert index is not None
    assert isinstance(index.body, bytes)
    paths = json.loads(index.body)['paths']
    for key in ('api/v1', 'apis/tr.kmock.dev/v1', 'version'):
        path, _, digest = paths[key]['serverRelativeURL'].partition('?hash=')
        answer = discovery.answer(path, {'hash': digest}, 'application/json', {})
        assert answer is not None
        assert answer.header('ETag') == f'"{digest}"'
        assert answer.header('Cache-Control') == 'public, immutable'
        again = discovery.answer(path, {'hash': digest}, 'application/json', {'If-None-Match': f'"{digest}"'})
        assert again is not None
        assert again.status == 304


def test_an_outdated_hash_leads_to_the_current_one(registry: Registry) -> None:
    discovery = Discovery(registry)
    answer = discovery.answer('/openapi/v3/api/v1', {'hash': 'OLD'}, '', {})
    assert answer is not None
    assert answer.status == 301
    assert str(answer.header('Location')).startswith('/openapi/v3/api/v1?hash=')


def test_hashes_change_with_the_schema_of_a_custom_resource(registry: Registry) -> None:
    registry.add(widgets())
    before = OpenAPIDocuments(registry)
    registry.add(widgets(load_schema=lambda: Schema({'type': 'object'})))
    after = OpenAPIDocuments(registry)
    assert before.digest('apis/tr.kmock.dev/v1') != after.digest('apis/tr.kmock.dev/v1')
    assert before.digest('api/v1') == after.digest('api/v1')
    assert before.v2()[1] != after.v2()[1]


def test_openapi_v2_has_custom_resources_beside_the_built_in_ones(registry: Registry) -> None:
    registry.add(widgets())
    document = json.loads(OpenAPIDocuments(registry).v2()[0])
    assert '/api/v1/namespaces/{namespace}/pods' in document['paths']
    create = document['paths']['/apis/tr.kmock.dev/v1/namespaces/{namespace}/widgets']['post']
    body = {'name': 'body', 'in': 'body', 'required': True, 'schema': {'$ref': '#/definitions/dev.kmock.tr.v1.Widget'}}
    assert create['parameters'][0] == body
    assert create['parameters'][1] == {'name': 'dryRun', 'in': 'query', 'type': 'string', 'uniqueItems': True}
    widget = document['definitions']['dev.kmock.tr.v1.Widget']
    assert widget['properties']['metadata'] == {'$ref': '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'}
    assert widget['properties']['spec']['required'] == ['size']


def test_what_v2_can_not_say_is_left_out() -> None:
    node = {
        'type': 'object',
        'properties': {
            'a': {'type': 'string', 'nullable': True},
            'b': {'anyOf': [{'type': 'string'}], 'x-kubernetes-int-or-string': True},
            'c': {'type': 'object', 'properties': {'d': {}}, 'x-kubernetes-preserve-unknown-fields': True},
            'properties': {'type': 'object', 'additionalProperties': {'type': 'string', 'not': {}}},
        },
    }
    assert schema_v2(node) == {
        'type': 'object',
        'properties': {
            'a': {},
            'b': {'x-kubernetes-int-or-string': True},
            'c': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
            'properties': {'type': 'object', 'additionalProperties': {'type': 'string'}},
        },
    }


def test_without_built_in_resources_only_the_declared_are_published() -> None:
    registry = Registry()
    registry.add(widgets())
    documents = OpenAPIDocuments(registry)
    assert list(json.loads(documents.index())['paths']) == ['apis/tr.kmock.dev/v1']
    second = json.loads(documents.v2()[0])
    assert {*referenced(second)} <= {*second['definitions']}
    assert documents.v3('api/v1') is None
