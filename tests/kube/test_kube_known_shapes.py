"""Managed fields of new custom resources are remembered by the keys of the objects: they are as if told anew."""

import copy
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.patching.managed import track_update
from kmock.kube.schema import Schema
from kmock.naming import Resource

NODE: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'spec': {
            'type': 'object',
            'properties': {
                'a': {'type': 'object', 'additionalProperties': {'type': 'string'}},
                'b': {'type': 'object', 'x-kubernetes-map-type': 'atomic', 'additionalProperties': True},
                'c': {'type': 'array', 'items': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}},
                'd': {'x-kubernetes-preserve-unknown-fields': True},
            },
        },
        'status': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
    },
}
values = st.recursive(
    st.none() | st.integers(0, 1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from('abcd'), inner, max_size=3),
    max_leaves=6,
)
maps = st.dictionaries(st.sampled_from('abcd'), values, max_size=4)


def definition_of(schema: Schema) -> Definition:
    return Definition(
        resource=Resource('x.io', 'v1', 'widgets'),
        kind='Widget',
        list_kind='WidgetList',
        singular='widget',
        verbs=('get', 'create'),
        namespaced=True,
        origin=Origin.CUSTOM,
        load_schema=lambda: schema,
    )


def tracked(obj: Json, definition: Definition) -> Any:
    new = copy.deepcopy(obj)
    track_update(new, None, definition=definition, manager='me', now='2026-01-01T00:00:00Z')
    return new['metadata'].get('managedFields')


KNOWING = definition_of(Schema(NODE))


@settings(max_examples=150, deadline=None)
@given(spec=maps, status=maps, labels=st.none() | st.dictionaries(st.sampled_from('ab'), st.just('x'), max_size=2))
def test_what_is_known_of_a_shape_is_what_is_told_of_the_object(spec: Json, status: Json, labels: Json | None) -> None:
    metadata = {'name': 'a'} if labels is None else {'name': 'a', 'labels': labels}
    obj = {'apiVersion': 'x.io/v1', 'kind': 'Widget', 'metadata': metadata, 'spec': spec, 'status': status}
    assert tracked(obj, KNOWING) == tracked(obj, definition_of(Schema(NODE)))
