"""Strategic merge patches as a real API server applies them."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.patching.strategic import strategic_patch
from kmock.kube.schema import Schema
from kmock.kube.statuses import StatusError, status_body

STRINGS = {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-patch-strategy': 'merge'}
OWNERS = {
    'type': 'array',
    'items': {'type': 'object', 'properties': {'uid': {'type': 'string'}}},
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'uid',
}
ENV = {
    'type': 'array',
    'items': {'type': 'object', 'properties': {'name': {'type': 'string'}, 'value': {'type': 'string'}}},
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'name',
}
CONTAINERS = {
    'type': 'array',
    'items': {'type': 'object', 'properties': {'name': {'type': 'string'}, 'args': {'type': 'array'}, 'env': ENV}},
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'name',
}
SCHEMA = Schema(
    {
        'type': 'object',
        'properties': {
            'metadata': {'type': 'object', 'properties': {'finalizers': STRINGS, 'ownerReferences': OWNERS}},
            'data': {'type': 'object', 'additionalProperties': {'type': 'string'}},
            'containers': CONTAINERS,
            'strategy': {'type': 'object', 'properties': {}, 'x-kubernetes-patch-strategy': 'retainKeys'},
            'whole': {'type': 'object', 'x-kubernetes-patch-strategy': 'replace'},
            'volumes': {
                'type': 'array',
                'items': {'type': 'object', 'properties': {'name': {'type': 'string'}}},
                'x-kubernetes-patch-strategy': 'merge,retainKeys',
                'x-kubernetes-patch-merge-key': 'name',
            },
        },
    }
)


def patched(obj: Any, patch: Any) -> Any:
    return strategic_patch(obj, patch, SCHEMA)


def refusal(obj: Any, patch: Any) -> tuple[int, str]:
    with pytest.raises(StatusError) as caught:
        strategic_patch(obj, patch, SCHEMA)
    body = status_body(caught.value)
    return body['code'], body['message']


@pytest.mark.parametrize(
    ('patch', 'expected'),
    [
        ({'x': None, 'z': '3'}, {'y': '2', 'z': '3'}),
        ({'$patch': 'replace', 'only': '1'}, {'only': '1'}),
        ({'$patch': 'delete'}, {}),
        ({'$retainKeys': ['y', 'n'], 'n': '1'}, {'y': '2', 'n': '1'}),
    ],
)
def test_maps(patch: Any, expected: Any) -> None:
    assert patched({'data': {'x': '1', 'y': '2'}}, {'data': patch}) == {'data': expected}


def test_a_map_with_the_strategy_replace_is_replaced() -> None:
    assert patched({'whole': {'a': 1}}, {'whole': {'b': 2}}) == {'whole': {'b': 2}}


def test_patched_items_of_lists_of_strings_come_first() -> None:
    assert patched({'metadata': {'finalizers': ['a', 'b']}}, {'metadata': {'finalizers': ['c', 'c']}}) == {
        'metadata': {'finalizers': ['c', 'a', 'b']}
    }
    assert patched({'metadata': {'finalizers': ['a', 'b']}}, {'metadata': {'finalizers': ['b']}}) == {
        'metadata': {'finalizers': ['a', 'b']}
    }


def test_strings_are_taken_out_by_the_directive() -> None:
    patch = {'metadata': {'$deleteFromPrimitiveList/finalizers': ['a']}}
    assert patched({'metadata': {'finalizers': ['a', 'b']}}, patch) == {'metadata': {'finalizers': ['b']}}
    assert patched({'metadata': {}}, patch) == {'metadata': {}}


def test_items_are_merged_by_their_keys_and_new_ones_come_first() -> None:
    obj = {'containers': [{'name': 'main', 'env': [{'name': 'A', 'value': '1'}], 'args': ['x']}, {'name': 'side'}]}
    assert patched(obj, {'containers': [{'name': 'side', 'image': '2'}]})['containers'][1] == {
        'name': 'side',
        'image': '2',
    }
    assert [each['name'] for each in patched(obj, {'containers': [{'name': 'new'}]})['containers']] == [
        'new',
        'main',
        'side',
    ]
    changed = patched(obj, {'containers': [{'name': 'main', 'env': [{'name': 'B', 'value': '2'}], 'args': ['y']}]})
    assert changed['containers'][0] == {
        'name': 'main',
        'env': [{'name': 'B', 'value': '2'}, {'name': 'A', 'value': '1'}],
        'args': ['y'],
    }


def test_directives_in_items() -> None:
    obj = {'containers': [{'name': 'a'}, {'name': 'b'}]}
    assert patched(obj, {'containers': [{'name': 'a', '$patch': 'delete'}]}) == {'containers': [{'name': 'b'}]}
    assert patched(obj, {'containers': [{'$patch': 'replace'}, {'name': 'c'}]}) == {'containers': [{'name': 'c'}]}
    assert patched(obj, {'containers': [{'name': 'a', '$patch': 'replace', 'image': 'i'}]}) == {'containers': []}


def test_the_order_of_a_list_can_be_set() -> None:
    obj = {'containers': [{'name': 'only'}, {'name': 'other'}]}
    wanted = [{'name': 'zero'}, {'name': 'only'}]
    changed = patched(obj, {'$setElementOrder/containers': wanted, 'containers': [{'name': 'zero'}]})
    assert [each['name'] for each in changed['containers']] == ['zero', 'only', 'other']
    turned = patched(obj, {'$setElementOrder/containers': [{'name': 'other'}, {'name': 'only'}]})
    assert [each['name'] for each in turned['containers']] == ['other', 'only']
    finalizers = {'$setElementOrder/finalizers': ['b', 'a'], 'finalizers': ['b']}
    assert patched({'metadata': {'finalizers': ['a']}}, {'metadata': finalizers}) == {
        'metadata': {'finalizers': ['b', 'a']}
    }


def test_live_items_keep_their_places_between_patched_ones() -> None:
    obj = {'metadata': {'finalizers': ['a', 'b', 'c', 'd']}}
    assert patched(obj, {'metadata': {'finalizers': ['b', 'd', 'e']}}) == {
        'metadata': {'finalizers': ['a', 'b', 'c', 'd', 'e']}
    }


def test_retained_keys() -> None:
    obj = {'strategy': {'type': 'RollingUpdate', 'rollingUpdate': {}}, 'volumes': [{'name': 'v', 'hostPath': {}}]}
    patch = {
        'strategy': {'$retainKeys': ['type'], 'type': 'Recreate'},
        'volumes': [{'$retainKeys': ['name', 'emptyDir'], 'name': 'v', 'emptyDir': {}}],
    }
    assert patched(obj, patch) == {'strategy': {'type': 'Recreate'}, 'volumes': [{'name': 'v', 'emptyDir': {}}]}


def test_values_that_meet_nothing_lose_nulls_and_directives() -> None:
    patch = {
        'data': {'$patch': 'replace', 'a': '1', 'b': None},
        'containers': [{'name': 'a', 'env': None}, {'name': 'b', '$patch': 'delete'}],
    }
    assert patched({}, patch) == {'data': {'a': '1'}, 'containers': [{'name': 'a'}]}


def test_without_a_schema_lists_are_replaced() -> None:
    obj = {'metadata': {'finalizers': ['a'], 'name': 'x'}}
    assert strategic_patch(obj, {'metadata': {'finalizers': ['b']}}, None) == {
        'metadata': {'finalizers': ['b'], 'name': 'x'}
    }


@pytest.mark.parametrize(
    ('patch', 'code', 'message'),
    [
        ({'$patch': 'wrong'}, 500, 'unknown patch type: wrong in map: map[$patch:wrong]'),
        (
            {'containers': [{'image': 'nameless:1'}]},
            500,
            'map: map[image:nameless:1] does not contain declared merge key: name',
        ),
        ({'containers': [{'$patch': 'merge', 'name': 'a'}]}, 500, 'merging lists cannot yet be specified in the patch'),
        ({'strategy': {'$retainKeys': 'type'}}, 400, 'invalid patch format of retainKeys'),
        ({'strategy': {'$retainKeys': [], 'type': 'x'}}, 400, 'invalid patch format of retainKeys'),
        ({'metadata': {'$deleteFromPrimitiveList': ['a']}}, 400, 'invalid patch format of primitive list'),
        ({'metadata': {'$setElementOrder': []}}, 400, 'invalid patch format of setElementOrder list'),
        ({'$setElementOrder/containers': 1}, 500, 'expected a []interface {}, but received a int64'),
        ({'metadata': {'finalizers': [['a']]}}, 500, 'list element types are not identical: [[a] [[a]]]'),
        ({'metadata': {'finalizers': [1]}}, 500, 'list element types are not identical: [[a] [1]]'),
        ([], 400, 'json: cannot unmarshal array into Go value of type map[string]interface {}'),
        (
            {'metadata': {'$setElementOrder/finalizers': ['a', 'b'], 'finalizers': ['b', 'a']}},
            500,
            "The order in patch list:\n[b a]\n doesn't match $setElementOrder list:\n[a b]\n",
        ),
    ],
)
def test_what_is_refused(patch: Any, code: int, message: str) -> None:
    obj = {'metadata': {'finalizers': ['a']}, 'containers': [{'name': 'a'}], 'strategy': {'type': 'a'}}
    assert refusal(obj, patch) == (code, message)


def test_lists_of_lists_are_unprocessable() -> None:
    code, message = refusal({'metadata': {'finalizers': [['a']]}}, {'metadata': {'finalizers': [['b']]}})
    assert (code, message) == (422, 'the server rejected our request due to an error in our request')


VALUES = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from(['a', 'b', 'delete', 'replace']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(['name', 'env', '$patch', '$retainKeys', 'x']), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ['metadata', 'data', 'containers', 'volumes', '$patch', '$setElementOrder/containers', '$retainKeys', 'other']
METADATA = st.dictionaries(
    st.sampled_from(
        ['finalizers', 'ownerReferences', '$deleteFromPrimitiveList/finalizers', '$setElementOrder/finalizers']
    ),
    VALUES,
    max_size=3,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES | METADATA, max_size=4)


@settings(max_examples=80, deadline=None)
@given(OBJECTS, OBJECTS | VALUES)
def test_any_patch_gives_an_object_or_a_status(obj: dict[str, Any], patch: Any) -> None:
    before = copy.deepcopy((obj, patch))
    try:
        outcome = patched(obj, patch)
    except StatusError as error:
        outcome = error.status
    assert isinstance(outcome, dict) or outcome in (400, 422, 500)
    assert json.dumps(outcome)
    assert (obj, patch) == before
