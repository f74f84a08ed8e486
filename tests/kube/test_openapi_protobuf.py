"""OpenAPI in protobuf: bytes as the definitions of the messages say, for all bundled documents, and by media type."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.discovery.answering import Discovery
from kmock.kube.discovery.openapi_protobuf import openapi_v2_protobuf, openapi_v3_protobuf
from kmock.kube.resources.bundled import bundled_document, bundled_hashes, bundled_openapi_v2, load_bundled
from kmock.kube.resources.registry import Registry

V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
V3 = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'


def fields(message: bytes) -> list[tuple[int, Any]]:
    """The numbers and values of a message's fields; what has a length stays bytes."""
    found: list[tuple[int, Any]] = []
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            found.append((number, varint()))
            continue
        length = {1: lambda: 8, 2: varint}[wire]()
        assert position + length <= len(message)
        found.append((number, message[position : position + length]))
        position += length
    return found


def at(message: bytes, *path: int | tuple[int, str]) -> Any:
    """The value at a path of numbers; a number with a name is the pair of that name in a map."""
    value: Any = message
    for step in path:
        number, name = step if isinstance(step, tuple) else (step, None)
        values = [each for key, each in fields(value) if key == number]
        if name is not None:
            values = [at(each, 2) for each in values if at(each, 1) == name.encode()]
        value = values[0]
    return value


def test_a_schema_of_v2_is_found_by_its_field_numbers() -> None:
    document = openapi_v2_protobuf(json.loads(bundled_openapi_v2()))
    assert at(document, 1) == b'2.0'
    container = at(document, 9, (1, 'io.k8s.api.core.v1.Container'))
    assert at(container, 22, 1) == b'object'
    assert at(container, 19) == b'name'
    ports = at(container, 25, (1, 'ports'))
    assert at(ports, 23, 1, 1) == b'#/definitions/io.k8s.api.core.v1.ContainerPort'
    assert at(ports, (31, 'x-kubernetes-patch-merge-key'), 2) == b'"containerPort"\n'
    limits = at(document, 9, (1, 'io.k8s.api.core.v1.ResourceRequirements'), 25, (1, 'limits'))
    assert at(limits, 21, 1, 1) == b'#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity'


def test_an_operation_of_v2_is_found_by_its_field_numbers() -> None:
    document = openapi_v2_protobuf(json.loads(bundled_openapi_v2()))
    path = at(document, 8, (2, '/api/v1/namespaces/{namespace}/configmaps'))
    create = at(path, 4)
    assert at(create, 5) == b'createCoreV1NamespacedConfigMap'
    body = at(create, 8, 1, 1)
    assert (at(body, 2), at(body, 3), at(body, 4)) == (b'body', b'body', 1)
    assert at(body, 5, 1) == b'#/definitions/io.k8s.api.core.v1.ConfigMap'
    references = [each for number, each in fields(path) if number == 9]
    assert at(references[0], 2, 1).startswith(b'#/parameters/namespace-')
    assert at(create, 9, (1, '201'), 1, 2, 1, 1) == b'#/definitions/io.k8s.api.core.v1.ConfigMap'
    namespace = at(document, 10, (1, at(references[0], 2, 1).decode().rpartition('/')[2]), 2, 4)
    assert (at(namespace, 1), at(namespace, 2), at(namespace, 4), at(namespace, 5)) == (
        1,
        b'path',
        b'namespace',
        b'string',
    )
    assert at(document, 13, (1, 'BearerToken'), 2, 1) == b'apiKey'


def test_a_schema_and_an_operation_of_v3_are_found_by_their_field_numbers() -> None:
    text = bundled_document('apis/apps/v1')
    assert text is not None
    document = openapi_v3_protobuf(json.loads(text))
    assert at(document, 1) == b'3.0.0'
    spec = at(document, 5, 1, (1, 'io.k8s.api.apps.v1.DeploymentSpec'), 1)
    assert at(spec, 25) == b'object'
    template = at(spec, 31, (1, 'template'), 1)
    assert at(template, 26, 2, 1) == b'#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec'
    read = at(document, 4, (1, '/apis/apps/v1/namespaces/{namespace}/deployments/{name}'), 4)
    assert at(read, 5) == b'readAppsV1NamespacedDeployment'
    media = at(read, 8, (2, '200'), 1, 3, (1, 'application/json'))
    assert at(media, 1, 2, 1) == b'#/components/schemas/io.k8s.api.apps.v1.Deployment'
    kind = json.loads(at(read, (13, 'x-kubernetes-group-version-kind'), 2))
    assert kind == {'group': 'apps', 'version': 'v1', 'kind': 'Deployment'}


def test_scalars_are_written_by_their_types() -> None:
    node = {'minimum': 0.5, 'maxLength': 300, 'minItems': -1, 'nullable': True, 'default': 7, 'enum': ['a', None]}
    document = openapi_v3_protobuf({'components': {'schemas': {'A': node, 'B': {'default': {'not': 'scalar'}}}}})
    written = at(document, 5, 1, (1, 'A'), 1)
    assert struct.unpack('<d', at(written, 13)) == (0.5,)
    assert at(written, 15) == 300
    assert at(written, 19) == 2**64 - 1
    assert at(written, 1) == 1
    assert struct.unpack('<d', at(written, 33, 1)) == (7.0,)
    assert [at(each, 2) for number, each in fields(written) if number == 24] == [b'"a"\n', b'null\n']
    assert fields(at(document, 5, 1, (1, 'B'), 1)) == []


@pytest.mark.parametrize('key', ['api/v1', 'apis/apiextensions.k8s.io/v1', 'version', 'openid/v1/jwks'])
def test_bundled_documents_are_written_whole(key: str) -> None:
    assert key in bundled_hashes()
    text = bundled_document(key)
    assert text is not None
    document = json.loads(text)
    written = openapi_v3_protobuf(document)
    paths = [at(each, 1).decode() for number, each in fields(at(written, 4)) if number == 1]
    assert paths == list(document['paths'])
    schemas = document['components'].get('schemas', {})
    if schemas:
        assert [at(each, 1).decode() for _, each in fields(at(written, 5, 1))] == list(schemas)


@pytest.mark.parametrize(
    ('path', 'accept', 'media'),
    [
        ('/openapi/v2', V2, V2),
        ('/openapi/v2', V2.replace('v2.v1', 'v2@v1'), V2),
        ('/openapi/v2', f'text/html, {V2};q=0.5', V2),
        ('/openapi/v2', f'{V2}, application/json', V2),
        ('/openapi/v2', f'{V2};q=0.9, application/json', 'application/json'),
        ('/openapi/v2', '*/*', 'application/json'),
        ('/openapi/v2', '', 'application/json'),
        ('/openapi/v3/version', V3, V3),
        ('/openapi/v3/version', V3.replace('v3.v1', 'v3@v1'), V3),
        ('/openapi/v3/version', 'application/json', 'application/json'),
    ],
)
def test_the_media_type_is_chosen_by_accept(path: str, accept: str, media: str) -> None:
    registry = Registry()
    load_bundled(registry)
    answer = Discovery(registry).answer(path, {}, accept, {})
    assert answer is not None
    assert answer.header('Content-Type') == media
    assert isinstance(answer.body, bytes)
    assert answer.body.startswith(b'{') == (media == 'application/json')


@pytest.mark.parametrize(('path', 'accept'), [('/openapi/v2', V3), ('/openapi/v3/version', 'text/html')])
def test_other_media_types_are_refused_without_a_body(path: str, accept: str) -> None:
    registry = Registry()
    load_bundled(registry)
    answer = Discovery(registry).answer(path, {}, accept, {})
    assert answer is not None
    assert (answer.status, answer.body, answer.header('Content-Type')) == (406, b'', None)


KEYS = ['type', 'properties', 'items', 'default', 'enum', 'additionalProperties', 'allOf', '$ref', 'minimum', 'x-a']
NODES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(NODES)
@settings(max_examples=200, deadline=None)
def test_odd_schemas_are_written_as_whole_messages(node: Any) -> None:
    """Schemas of custom resources are users' text: what does not fit is left out."""
    fields(at(openapi_v2_protobuf({'definitions': {'A': node, 'B': {}}}), 9))
    fields(at(openapi_v3_protobuf({'components': {'schemas': {'A': node, 'B': {}}}}), 5, 1))
