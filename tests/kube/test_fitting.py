"""What fits a schema at a glance is what pruning, defaults and checks would leave alone."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Origin
from kmock.kube.schema import Schema
from kmock.kube.schemas.defaults import default
from kmock.kube.schemas.fields import unknown_fields
from kmock.kube.schemas.fitting import fit, is_plain_metadata
from kmock.kube.schemas.object_meta import OBJECT_META
from kmock.kube.schemas.pruning import prune
from kmock.kube.schemas.typed import Struct
from kmock.kube.schemas.validation import validate_custom
from kmock.naming import Resource

SPEC = {
    'type': 'object',
    'required': ['size'],
    'properties': {
        'size': {'type': 'integer', 'minimum': 1, 'maximum': 9},
        'color': {'type': 'string', 'enum': ['red', 'green'], 'default': 'red'},
        'ports': {'type': 'array', 'items': {'type': 'integer', 'format': 'int32'}, 'maxItems': 2},
        'port': {'x-kubernetes-int-or-string': True},
        'mode': {'type': 'object', 'default': {}, 'properties': {'deep': {'type': 'boolean', 'default': True}}},
        'tags': {'type': 'object', 'additionalProperties': {'type': 'string', 'pattern': '^a'}},
        'note': {'type': 'string', 'nullable': True, 'maxLength': 3},
        'rate': {'type': 'number'},
        'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
        'date': {'type': 'string', 'format': 'date'},
    },
}


def whole(spec: Any) -> tuple[Schema, Definition]:
    text = {'type': 'string'}
    node = {'type': 'object', 'properties': {'apiVersion': text, 'kind': text, 'metadata': {}, 'spec': spec}}
    schema = Schema(node)
    definition = Definition(
        resource=Resource('example.com', 'v1', 'widgets'),
        kind='Widget',
        list_kind='WidgetList',
        singular='widget',
        namespaced=True,
        verbs=(),
        origin=Origin.CUSTOM,
        load_schema=lambda: schema,
    )
    return schema, definition


def custom(spec: Any) -> dict[str, Any]:
    return {'apiVersion': 'example.com/v1', 'kind': 'Widget', 'metadata': {'name': 'a'}, 'spec': spec}


def slowly(schema: Schema, definition: Definition, obj: dict[str, Any]) -> tuple[str, bool]:
    """The object after pruning and defaults, and whether it is right and all of it was known."""
    unknown = unknown_fields(schema, obj, custom=True)
    pruned = prune(schema, copy.deepcopy(obj))
    default(schema, pruned)
    return json.dumps(pruned), not unknown and not validate_custom(definition, pruned, None)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 10), st.sampled_from([2.0, 0.5, 2**31, 2**63, 1e22]),
    st.sampled_from(['', 'a', 'abcd', 'red', '2020-01-31', '2020-02-31']),
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from('abx'), inner, max_size=2)
)
usual: dict[str, st.SearchStrategy[Any]] = {
    'size': st.integers(0, 9), 'color': st.sampled_from(['red', 'green', 'blue']), 'ports': st.lists(st.integers(1, 9)),
    'port': st.sampled_from(['http', 80, True]), 'mode': st.sampled_from([{}, {'deep': False}, {'deep': None}]),
    'tags': st.dictionaries(st.sampled_from('ab'), st.sampled_from(['a', 'ab', 'b'])), 'note': scalars,
    'rate': st.sampled_from([1, 0.5, 2.0]), 'free': st.dictionaries(st.sampled_from('ab'), values),
    'date': st.sampled_from(['2020-01-31', '2020-02-31']),
}  # fmt: skip
specs = st.fixed_dictionaries(
    {}, optional={key: each | values if key == 'color' else each for key, each in usual.items()}
)
kinds = st.sampled_from(['string', 'integer', 'number', 'boolean'])
words = st.fixed_dictionaries(
    {'type': kinds},
    optional={
        'minimum': st.integers(0, 3), 'maximum': st.integers(0, 3), 'exclusiveMaximum': st.booleans(),
        'minLength': st.integers(0, 2), 'maxLength': st.integers(0, 2), 'nullable': st.booleans(),
        'pattern': st.sampled_from(['^a', '[', '']), 'enum': st.lists(scalars, max_size=2),
        'format': st.sampled_from(['int32', 'int64', 'uint32', 'float', 'double', 'date', 'odd']),
        'multipleOf': st.integers(1, 2), 'not': st.just({'enum': [1]}), 'default': scalars,
    },
)  # fmt: skip
nodes = st.recursive(
    words,
    lambda inner: st.one_of(
        st.fixed_dictionaries({'type': st.just('array'), 'items': inner}, optional={'maxItems': st.integers(0, 2)}),
        st.fixed_dictionaries({'type': st.just('object'), 'additionalProperties': inner}),
        st.fixed_dictionaries(
            {'type': st.just('object'), 'properties': st.dictionaries(st.sampled_from('abx'), inner, max_size=2)},
            optional={
                'required': st.lists(st.sampled_from('abx'), unique=True),
                'maxProperties': st.integers(0, 1),
                'x-kubernetes-preserve-unknown-fields': st.booleans(),
                'default': st.just({}),
            },
        ),
    ),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(spec=specs)
def test_what_fits_is_left_alone_by_all_that_it_spares(spec: dict[str, Any]) -> None:
    schema, definition = whole(SPEC)
    obj = custom(spec)
    expected, right = slowly(schema, definition, obj)
    before = json.dumps(obj)
    if fit(schema, obj):
        assert right
        assert json.dumps(obj) == expected
    else:
        assert json.dumps(obj) == before


@settings(max_examples=300, deadline=None)
@given(node=nodes, value=values)
def test_what_fits_any_schema_is_left_alone(node: dict[str, Any], value: Any) -> None:
    schema, definition = whole(node)
    obj = custom(value)
    expected, right = slowly(schema, definition, obj)
    if fit(schema, obj):
        assert right
        assert json.dumps(obj) == expected


def test_usual_objects_fit_and_get_their_defaults() -> None:
    schema, _ = whole(SPEC)
    obj = custom({
        'size': 3, 'ports': [80], 'port': 'http', 'tags': {'b': 'a'}, 'note': None, 'rate': 0.5, 'date': '2020-01-31',
        'free': {'any': [1]},
    })  # fmt: skip
    assert fit(schema, obj)
    assert obj['spec']['color'] == 'red'
    assert obj['spec']['mode'] == {'deep': True}


def test_defaults_are_no_part_of_the_schema() -> None:
    schema, _ = whole(SPEC)
    one, other = custom({'size': 1}), custom({'size': 1})
    assert fit(schema, one)
    one['spec']['mode']['deep'] = False
    assert fit(schema, other)
    assert other['spec']['mode'] == {'deep': True}


@pytest.mark.parametrize('spec', [{}, {'size': '1'}, {'size': 10}, {'size': 1, 'odd': 1}, {'size': None}, [], None])
def test_what_is_unknown_or_wrong_does_not_fit(spec: Any) -> None:
    schema, _ = whole(SPEC)
    assert not fit(schema, custom(spec))


@settings(max_examples=200, deadline=None)
@given(
    metadata=st.dictionaries(
        st.sampled_from(['name', 'namespace', 'labels', 'annotations', 'finalizers', 'odd']),
        scalars | st.dictionaries(st.sampled_from('ab'), scalars, max_size=2),
        max_size=3,
    )
)
def test_plain_metadata_are_decoded_to_themselves(metadata: dict[str, Any]) -> None:
    if is_plain_metadata(metadata):
        assert json.dumps(Struct(OBJECT_META, 'ObjectMeta', 'v1.ObjectMeta')(metadata)) == json.dumps(metadata)
        assert set(metadata) <= set(OBJECT_META.properties)


def test_endless_nesting_does_not_fit() -> None:
    schema, _ = whole({'type': 'object', 'x-kubernetes-preserve-unknown-fields': True})
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {'a': value}
    assert not fit(schema, custom(value))
