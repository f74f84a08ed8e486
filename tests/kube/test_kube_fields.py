"""Reading objects: unknown fields, wrong types, pruning, defaults."""

import copy
import functools
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.definitions import Definition, Origin
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.schema import Schema
from kmock.kube.schemas.defaults import default
from kmock.kube.schemas.fields import decode_custom, decode_typed, undecodable, unknown_fields
from kmock.kube.schemas.pruning import prune
from kmock.kube.statuses import StatusError
from kmock.naming import Resource


@functools.cache
def definition_of(group: str, version: str, plural: str) -> Definition:
    registry = Registry()
    load_bundled(registry)
    found = registry.find(Resource(group, version, plural))
    assert found is not None
    return found


def configmaps() -> Definition:
    return definition_of('', 'v1', 'configmaps')


def custom(node: dict[str, Any]) -> Definition:
    return Definition(
        resource=Resource('example.com', 'v1', 'widgets'),
        kind='Widget',
        list_kind='WidgetList',
        singular='widget',
        namespaced=True,
        verbs=('get',),
        origin=Origin.CUSTOM,
        load_schema=lambda: Schema(node),
    )


PRUNED = {
    'type': 'object',
    'properties': {
        'apiVersion': {'type': 'string'},
        'kind': {'type': 'string'},
        'metadata': {'type': 'object'},
        'spec': {
            'type': 'object',
            'properties': {
                'known': {'type': 'string'},
                'free': {
                    'type': 'object',
                    'x-kubernetes-preserve-unknown-fields': True,
                    'properties': {'strict': {'type': 'object', 'properties': {'ok': {'type': 'string'}}}},
                },
                'ios': {'x-kubernetes-int-or-string': True},
                'nul': {'type': 'string', 'nullable': True},
                'nonul': {'type': 'string'},
                'list': {'type': 'array', 'items': {'type': 'object', 'properties': {'a': {'type': 'string'}}}},
                'emb': {
                    'type': 'object',
                    'x-kubernetes-embedded-resource': True,
                    'x-kubernetes-preserve-unknown-fields': True,
                },
                'any': {'x-kubernetes-preserve-unknown-fields': True},
                'map': {'type': 'object', 'additionalProperties': {'type': 'object', 'properties': {'v': {}}}},
                'bare': {'type': 'object', 'additionalProperties': True},
            },
        },
    },
}


def widget(spec: Any, **extra: Any) -> dict[str, Any]:
    return {'apiVersion': 'example.com/v1', 'kind': 'Widget', 'metadata': {'name': 'a'}, 'spec': spec, **extra}


def test_unknown_fields_of_custom_resources_are_sorted() -> None:
    obj = widget({'known': 'x', 'unknown': {'y': 1}, 'list': [{'a': '1', 'b': '2'}]}, other=1)
    expected = ['unknown field "other"', 'unknown field "spec.list[0].b"', 'unknown field "spec.unknown"']
    assert unknown_fields(Schema(PRUNED), obj) == expected


def test_unknown_fields_of_built_in_kinds_come_in_the_order_of_the_object() -> None:
    obj = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'b', 'x': 1}, 'unknown': 1, 'more': 2}
    expected = ['unknown field "metadata.x"', 'unknown field "unknown"', 'unknown field "more"']
    assert unknown_fields(configmaps().schema, obj) == expected


def test_unknown_fields_are_found_in_lists_of_built_in_kinds() -> None:
    schema = definition_of('apps', 'v1', 'deployments').schema
    obj = {'spec': {'repicas': 3, 'template': {'spec': {'containers': [{'name': 'a'}, {'imaeg': 'b'}]}}}}
    expected = ['unknown field "spec.repicas"', 'unknown field "spec.template.spec.containers[1].imaeg"']
    assert unknown_fields(schema, obj) == expected


def test_unknown_metadata_of_custom_resources_comes_first_and_of_embedded_ones_last() -> None:
    obj = widget({'emb': {'metadata': {'junk': 1}, 'x': 1}, 'z': 1})
    obj['metadata']['junk'] = 1
    expected = ['unknown field "metadata.junk"', 'unknown field "spec.z"', 'unknown field "spec.emb.metadata.junk"']
    assert unknown_fields(Schema(PRUNED), obj) == expected


@pytest.mark.parametrize(
    ('spec', 'kept'),
    [
        ({'known': 'x', 'unknown': 1, 'list': [{'a': '1', 'b': '2'}]}, {'known': 'x', 'list': [{'a': '1'}]}),
        (
            {'free': {'any': [1, {'x': None}], 'strict': {'ok': 'y', 'pruned': 1}}},
            {'free': {'any': [1, {'x': None}], 'strict': {'ok': 'y'}}},
        ),
        ({'any': {'x': ['y']}}, {'any': {'x': ['y']}}),
        ({'map': {'k': {'v': 1, 'w': 2}}}, {'map': {'k': {'v': 1}}}),
        ({'bare': {'k': {'v': 1}, 's': 'text'}}, {'bare': {'k': {}, 's': 'text'}}),
        ({'emb': {'kind': 'Pod', 'metadata': {'name': 'x'}, 'spec': {'y': 1.0}}}, None),
    ],
)
def test_pruning_keeps_what_is_declared_or_preserved(spec: Any, kept: Any) -> None:
    obj = widget(spec)
    before = copy.deepcopy(obj)
    assert prune(Schema(PRUNED), obj)['spec'] == (spec if kept is None else kept)
    assert obj == before


def test_pruning_writes_integral_floats_as_integers() -> None:
    result = prune(Schema(PRUNED), widget({'ios': 2.0, 'any': [1.5, 3.0]}))['spec']
    assert repr(result) == "{'ios': 2, 'any': [1.5, 3]}"


def test_nulls_go_where_they_are_not_allowed() -> None:
    obj = widget({'nul': None, 'nonul': None, 'any': None, 'free': {'x': None}})
    default(Schema(PRUNED), obj)
    assert obj['spec'] == {'nul': None, 'free': {'x': None}}


DEFAULTED = {
    'type': 'object',
    'properties': {
        'spec': {
            'type': 'object',
            'default': {},
            'properties': {
                'a': {'type': 'string', 'default': 'dflt'},
                'n': {'type': 'integer', 'default': 5},
                'o': {'type': 'object', 'properties': {'x': {'type': 'boolean', 'default': True}}},
                'l': {'type': 'array', 'default': ['one'], 'items': {'type': 'string'}},
                'lo': {
                    'type': 'array',
                    'items': {'type': 'object', 'properties': {'k': {'type': 'string', 'default': 'kk'}}},
                },
                'nul': {'type': 'string', 'nullable': True, 'default': 'nn'},
                'm': {
                    'type': 'object',
                    'additionalProperties': {
                        'type': 'object',
                        'properties': {'v': {'type': 'integer', 'default': 1}},
                    },
                },
            },
        }
    },
}


@pytest.mark.parametrize(
    ('obj', 'expected'),
    [
        ({}, {'a': 'dflt', 'n': 5, 'l': ['one'], 'nul': 'nn'}),
        (
            {'spec': {'a': 'set', 'o': {}, 'lo': [{}, {'k': 'z'}], 'nul': None, 'm': {'q': {}}}},
            {
                'a': 'set',
                'n': 5,
                'l': ['one'],
                'lo': [{'k': 'kk'}, {'k': 'z'}],
                'm': {'q': {'v': 1}},
                'nul': None,
                'o': {'x': True},
            },
        ),
        ({'spec': {'a': None, 'n': None}}, {'a': 'dflt', 'n': 5, 'l': ['one'], 'nul': 'nn'}),
    ],
)
def test_defaults_fill_what_is_absent_or_wrongly_null(obj: Any, expected: Any) -> None:
    default(Schema(DEFAULTED), obj)
    assert obj['spec'] == expected


def test_defaults_are_not_shared_between_objects() -> None:
    one: dict[str, Any] = {}
    two: dict[str, Any] = {}
    schema = Schema(DEFAULTED)
    default(schema, one)
    one['spec']['l'].append('more')
    default(schema, two)
    assert two['spec']['l'] == ['one']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'data': 'text'}, 'cannot unmarshal string into Go struct field ConfigMap.data of type map[string]string'),
        ({'data': {'k': 5}}, 'cannot unmarshal number into Go struct field ConfigMap.data of type string'),
        ({'metadata': 'x'}, 'cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta'),
        (
            {'metadata': {'name': 5}},
            'cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string',
        ),
        (
            {'metadata': {'annotations': {'a': True}}},
            'cannot unmarshal bool into Go struct field ObjectMeta.metadata.annotations of type string',
        ),
        (
            {'immutable': 'yes'},
            'cannot unmarshal string into Go struct field ConfigMap.immutable of type bool',
        ),
    ],
)
def test_wrong_types_are_refused_in_the_words_of_gos_decoder(change: dict[str, Any], message: str) -> None:
    obj = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}, **change}
    with pytest.raises(StatusError) as caught:
        decode_typed(configmaps(), obj, 'create')
    expected = f'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: {message}'
    assert (caught.value.status, caught.value.reason, caught.value.message) == (400, 'BadRequest', expected)


@pytest.mark.parametrize(
    ('spec', 'message'),
    [
        (
            {'replicas': 'x'},
            'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
        ),
        (
            {'replicas': 1.5},
            'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
        ),
        (
            {'template': {'spec': {'containers': {}}}},
            'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers'
            ' of type []v1.Container',
        ),
        (
            {'template': {'spec': {'containers': [{'env': [{'value': 1}]}]}}},
            'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value'
            ' of type string',
        ),
        (
            {'template': {'spec': {'containers': [{'resources': {'limits': {'cpu': 'much'}}}]}}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_wrong_types_deep_in_an_object_name_the_struct_and_the_path(spec: Any, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        decode_typed(definition_of('apps', 'v1', 'deployments'), {'spec': spec}, 'update')
    assert caught.value.message == f'Deployment in version "v1" cannot be handled as a Deployment: {message}'


def test_typed_objects_lose_what_go_leaves_out() -> None:
    obj = {
        'metadata': {'name': 'a', 'labels': {}, 'namespace': '', 'junk': 1, 'finalizers': [], 'uid': None},
        'data': {'k': None},
        'binaryData': {},
        'immutable': False,
        'junk': 1,
    }
    before = copy.deepcopy(obj)
    result = decode_typed(configmaps(), obj, 'create')
    assert result == {'metadata': {'name': 'a'}, 'data': {'k': ''}, 'immutable': False}
    assert obj == before


def test_typed_objects_have_quantities_and_times_in_their_one_form() -> None:
    resources = {'requests': {'cpu': 1, 'memory': '1024Mi'}, 'limits': {'cpu': '0.5', 'memory': '1500M'}}
    obj = {
        'metadata': {'creationTimestamp': '2024-01-02T03:04:05+01:00'},
        'spec': {'containers': [{'name': 'a', 'resources': resources, 'tty': False, 'command': []}]},
    }
    result = decode_typed(definition_of('', 'v1', 'pods'), obj, 'create')
    assert result['metadata'] == {'creationTimestamp': '2024-01-02T02:04:05Z'}
    requests, limits = {'cpu': '1', 'memory': '1Gi'}, {'cpu': '500m', 'memory': '1500M'}
    assert result['spec']['containers'] == [{'name': 'a', 'resources': {'requests': requests, 'limits': limits}}]


def test_secrets_must_be_base64() -> None:
    secrets = definition_of('', 'v1', 'secrets')
    assert decode_typed(secrets, {'data': {'a': 'YWI='}}, 'create') == {'data': {'a': 'YWI='}}
    with pytest.raises(StatusError, match='illegal base64 data at input byte 0'):
        decode_typed(secrets, {'data': {'a': '%%%'}}, 'create')


def test_a_patch_that_makes_a_wrong_type_is_invalid() -> None:
    obj = {'metadata': {'name': 'a', 'labels': {'x': 5}}}
    with pytest.raises(StatusError) as caught:
        decode_custom(custom(PRUNED), obj, 'patch')
    assert caught.value.status == 422
    text = 'json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string'
    assert caught.value.message is not None
    assert caught.value.message.startswith(' "" is invalid: patch: Invalid value: "{')
    assert caught.value.message.endswith(text)
    assert set(caught.value.details) == {'causes'}


def test_custom_resources_with_malformed_metadata_are_refused() -> None:
    with pytest.raises(StatusError) as caught:
        decode_custom(custom(PRUNED), {**widget({}), 'metadata': 'text'}, 'create')
    text = 'json: cannot unmarshal string into Go value of type v1.ObjectMeta'
    assert caught.value.message == f'Widget in version "v1" cannot be handled as a Widget: {text}'


def test_custom_resources_are_read_with_clean_metadata() -> None:
    obj = widget({'emb': {'metadata': {'name': 'x', 'junk': 1}}, 'gone': 1})
    obj['metadata'].update(labels=None, annotations={}, junk=1)
    expected = widget({'emb': {'metadata': {'name': 'x'}}})
    assert decode_custom(custom(PRUNED), obj, 'create') == expected


def test_strict_errors_name_what_the_body_claims_to_be() -> None:
    error = undecodable(configmaps(), {'apiVersion': 'v1', 'kind': 'List'}, 'create', 'strict decoding error: x')
    assert error.message == 'List in version "v1" cannot be handled as a ConfigMap: strict decoding error: x'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(['metadata', 'spec', 'template', 'containers', 'data', 'emb', 'list', 'name', 'any', 'x']),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(obj=st.dictionaries(st.sampled_from(['metadata', 'spec', 'data', 'kind', 'x']), values))
def test_whatever_is_read_is_an_object_or_a_status(obj: dict[str, Any]) -> None:
    for definition in (configmaps(), definition_of('apps', 'v1', 'deployments')):
        unknown_fields(definition.schema, obj)
        assert isinstance(read_or_refused(decode_typed, definition, obj), dict | int)
    widgets = custom(PRUNED)
    unknown_fields(widgets.schema, obj)
    result = read_or_refused(decode_custom, widgets, obj)
    if isinstance(result, dict):
        default(widgets.schema, result)
        assert unknown_fields(widgets.schema, result) == []
    else:
        assert result == 400


def read_or_refused(decode: Any, definition: Definition, obj: dict[str, Any]) -> Any:
    try:
        return decode(definition, obj, 'create')
    except StatusError as error:
        return error.status
