"""The bundled resources are those of a real server, with schemas for all that is stored."""

import hashlib
import json

import pytest

from kmock.kube.definitions import Origin
from kmock.kube.resources.bundled import (
    bundled_definitions,
    bundled_document,
    bundled_hashes,
    bundled_openapi_v2,
    bundled_schema,
    load_bundled,
    storage_hashes,
)
from kmock.kube.resources.registry import Registry
from kmock.naming import Resource


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    load_bundled(registry)
    return registry


def test_pods_have_what_discovery_tells_of_them(registry: Registry) -> None:
    pods = registry.of_kind('v1', 'Pod')
    assert pods is not None
    assert pods is registry.find(Resource('', 'v1', 'pods'))
    assert (pods.singular, pods.list_kind, pods.namespaced) == ('pod', 'PodList', True)
    assert pods.shortnames == ('po',)
    assert pods.categories == ('all',)
    assert 'deletecollection' in pods.verbs
    assert pods.origin is Origin.BUILT_IN
    assert pods.subresources['status'].verbs == ('get', 'patch', 'update')
    assert (pods.subresources['eviction'].kind, pods.subresources['eviction'].group) == ('Eviction', 'policy')


def test_definitions_are_shared_by_registries(registry: Registry) -> None:
    assert tuple(registry) == bundled_definitions()


def test_the_order_is_that_of_discovery(registry: Registry) -> None:
    groups = list(dict.fromkeys(each.resource.group for each in registry))
    assert groups[:4] == ['', 'apiregistration.k8s.io', 'apps', 'events.k8s.io']
    versions = [each.resource.version for each in registry if each.resource.group == 'autoscaling']
    assert versions == ['v2', 'v1']


@pytest.mark.parametrize('definition', bundled_definitions(), ids=lambda each: str(each.resource))
def test_each_kind_has_a_schema(definition) -> None:
    assert definition.schema is not None
    assert definition.schema.field('kind') is not None
    if 'list' in definition.verbs:
        listed = bundled_schema(definition.api_version, definition.list_kind)
        assert listed is not None
        assert listed.field('items') is not None


def test_a_schema_leads_through_references() -> None:
    schema = bundled_schema('apps/v1', 'Deployment')
    for key in ('spec', 'template', 'spec', 'containers'):
        assert schema is not None
        schema = schema.field(key)
    assert schema is not None
    assert (schema.list_type, schema.list_keys, schema.merge_key) == ('map', ['name'], 'name')


@pytest.mark.parametrize(
    ('api_version', 'kind'),
    [
        ('policy/v1', 'Eviction'),
        ('autoscaling/v1', 'Scale'),
        ('authentication.k8s.io/v1', 'TokenRequest'),
        ('v1', 'Binding'),
        ('v1', 'DeleteOptions'),
    ],
)
def test_kinds_of_subresources_have_schemas(api_version: str, kind: str) -> None:
    assert bundled_schema(api_version, kind) is not None


def test_unknown_kinds_have_no_schema() -> None:
    assert bundled_schema('v1', 'Absent') is None
    assert bundled_schema('absent.example/v1', 'Pod') is None


def test_all_documents_of_openapi_are_there() -> None:
    for key, digest in bundled_hashes().items():
        document = bundled_document(key)
        assert document is not None
        assert hashlib.sha512(document).hexdigest().upper() == digest
        assert json.loads(document)['openapi'] == '3.0.0'
    assert bundled_document('apis/absent.example/v1') is None


def test_responses_in_openapi_v2_are_described() -> None:
    """Readers of OpenAPI v2, such as gnostic in kubectl, refuse a response without a description."""
    document = json.loads(bundled_openapi_v2())
    methods = [each for path in document['paths'].values() for key, each in path.items() if key != 'parameters']
    assert methods
    assert all('description' in response for each in methods for response in each['responses'].values())


def test_stored_resources_have_a_hash_and_virtual_ones_none() -> None:
    assert storage_hashes()[Resource('', 'v1', 'configmaps')] == 'qFsyl6wFWjQ='
    assert Resource('authentication.k8s.io', 'v1', 'tokenreviews') not in storage_hashes()
