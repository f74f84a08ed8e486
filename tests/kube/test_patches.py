"""JSON patches and merge patches as a real API server applies them."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.patching.patches import MAX_OPERATIONS, json_patch, merge_patch, unknown_operation_fields
from kmock.kube.statuses import StatusError, status_body

CONFIG = {'metadata': {'name': 'a', 'labels': {'a/b': '1'}}, 'data': {'x': '1', 'y': '2'}}
WIDGET = {'spec': {'size': 1, 'tags': ['a', 'b', 'c'], 'nested': {'m': {}, 'c~d': 1}}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('ab/~-0', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab0', max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text('ab0', max_size=2), JSON, max_size=3)
POINTERS = st.lists(st.sampled_from(['a', 'b', '0', '1', '-', '-1', 'a~1b', '']), max_size=4).map('/'.join)
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        'op': st.sampled_from(['add', 'remove', 'replace', 'move', 'copy', 'test', 'wrong']) | JSON,
        'path': POINTERS.map('/{}'.format) | JSON,
        'from': POINTERS.map('/{}'.format) | JSON,
        'value': JSON,
    },
)


def refusal(function: Any, *args: Any) -> dict[str, Any]:
    with pytest.raises(StatusError) as caught:
        function(*args)
    return status_body(caught.value)


@pytest.mark.parametrize(
    ('obj', 'operation', 'expected'),
    [
        (CONFIG, {'op': 'add', 'path': '/data/z', 'value': '3'}, {'data': {'x': '1', 'y': '2', 'z': '3'}}),
        (CONFIG, {'op': 'remove', 'path': '/data/x'}, {'data': {'y': '2'}}),
        (CONFIG, {'op': 'replace', 'path': '/data/y', 'value': '9'}, {'data': {'x': '1', 'y': '9'}}),
        (
            CONFIG,
            {'op': 'replace', 'path': '/data/absent', 'value': '1'},
            {'data': {'x': '1', 'y': '2', 'absent': '1'}},
        ),
        (CONFIG, {'op': 'move', 'from': '/data/x', 'path': '/data/m'}, {'data': {'y': '2', 'm': '1'}}),
        (CONFIG, {'op': 'copy', 'from': '/data/x', 'path': '/data/m'}, {'data': {'x': '1', 'y': '2', 'm': '1'}}),
        (CONFIG, {'op': 'copy', 'from': '/data/no', 'path': '/data/m'}, {'data': {'x': '1', 'y': '2', 'm': None}}),
        (CONFIG, {'op': 'remove', 'path': '/metadata/labels/a~1b'}, {'metadata': {'name': 'a', 'labels': {}}}),
        (CONFIG, {'op': 'add', 'path': '/data'}, {'data': None}),
        (CONFIG, {'op': 'test', 'path': '/data/absent', 'value': None}, {}),
        (CONFIG, {'op': 'test', 'path': '', 'value': CONFIG}, {}),
        (CONFIG, {'op': 'remove', 'path': 'ignored/data'}, {'data': ...}),
        (WIDGET, {'op': 'remove', 'path': '/spec/nested/c~0d'}, {'spec': {**WIDGET['spec'], 'nested': {'m': {}}}}),
    ],
)
def test_operations_change_what_they_point_to(obj: Any, operation: Any, expected: dict[str, Any]) -> None:
    changed = {key: value for key, value in {**obj, **expected}.items() if value is not ...}
    assert json_patch(obj, [operation]) == changed


@pytest.mark.parametrize(
    ('operation', 'expected'),
    [
        ({'op': 'add', 'path': '/tags/-', 'value': 'd'}, ['a', 'b', 'c', 'd']),
        ({'op': 'add', 'path': '/tags/0', 'value': 'd'}, ['d', 'a', 'b', 'c']),
        ({'op': 'add', 'path': '/tags/3', 'value': 'd'}, ['a', 'b', 'c', 'd']),
        ({'op': 'add', 'path': '/tags/-1', 'value': 'd'}, ['a', 'b', 'c', 'd']),
        ({'op': 'remove', 'path': '/tags/-1'}, ['a', 'b']),
        ({'op': 'remove', 'path': '/tags/1'}, ['a', 'c']),
        ({'op': 'replace', 'path': '/tags/+01', 'value': 'd'}, ['a', 'd', 'c']),
        ({'op': 'move', 'from': '/tags/0', 'path': '/tags/2'}, ['b', 'c', 'a']),
    ],
)
def test_indices_of_lists(operation: Any, expected: list[str]) -> None:
    assert json_patch({'tags': ['a', 'b', 'c']}, [operation]) == {'tags': expected}


@pytest.mark.parametrize(
    'operation',
    [
        {'op': 'test', 'path': '/data/y', 'value': 'wrong'},
        {'op': 'test', 'path': '/data/x', 'value': None},
        {'op': 'test', 'path': '/spec/size', 'value': True},
        {'op': 'test', 'path': '/spec/size', 'value': 1.0},
        {'op': 'remove', 'path': '/data/absent'},
        {'op': 'move', 'from': '/data/absent', 'path': '/data/x'},
        {'op': 'add', 'path': '/absent/deep/path', 'value': '1'},
        {'op': 'wrong', 'path': '/data/x'},
        {'path': '/data/y', 'value': '1'},
        {'op': 'add', 'value': 1},
        {'op': 'add', 'path': '', 'value': {}},
        {'op': 'remove', 'path': ''},
        {'op': 'add', 'path': '/spec/size/x', 'value': 1},
        {'op': 'remove', 'path': '/spec/tags/99'},
        {'op': 'remove', 'path': '/spec/tags/-'},
        {'op': 'remove', 'path': '/spec/tags/1_0'},
        {'op': 'add', 'path': '/spec/tags/99', 'value': 'x'},
        {'op': 'replace', 'path': '', 'value': 'text'},
        {'op': 'add', 'path': '/a' * 5000, 'value': 1},
    ],
)
def test_failed_operations_get_the_general_answer(operation: Any) -> None:
    assert refusal(json_patch, {**CONFIG, **WIDGET}, [operation]) == {
        'kind': 'Status',
        'apiVersion': 'v1',
        'metadata': {},
        'status': 'Failure',
        'message': 'the server rejected our request due to an error in our request',
        'reason': 'Invalid',
        'details': {},
        'code': 422,
    }


@pytest.mark.parametrize(
    ('operations', 'message'),
    [
        ({'op': 'add'}, 'cannot unmarshal object into Go value of type []handlers.jsonPatchOp'),
        ('text', 'cannot unmarshal string into Go value of type []handlers.jsonPatchOp'),
        ([1], 'cannot unmarshal number into Go value of type handlers.jsonPatchOp'),
        ([{'op': True}], 'cannot unmarshal bool into Go struct field jsonPatchOp.op of type string'),
        ([{'op': 'add', 'path': []}], 'cannot unmarshal array into Go struct field jsonPatchOp.path of type string'),
    ],
)
def test_what_is_no_list_of_operations_is_a_bad_request(operations: Any, message: str) -> None:
    body = refusal(json_patch, CONFIG, operations)
    assert (body['code'], body['message']) == (400, f'error decoding patch: json: {message}')


def test_null_is_no_operation() -> None:
    assert json_patch(CONFIG, None) == json_patch(CONFIG, []) == CONFIG


def test_too_many_operations_are_too_large() -> None:
    operation = {'op': 'test', 'path': '/data/x', 'value': '1'}
    assert json_patch(CONFIG, [operation] * MAX_OPERATIONS) == CONFIG
    body = refusal(json_patch, CONFIG, [operation] * (MAX_OPERATIONS + 1))
    assert (body['code'], body['reason']) == (413, 'RequestEntityTooLarge')
    assert body['message'].endswith('The allowed maximum operations in a JSON patch is 10000, got 10001')


def test_doubling_copies_end_at_a_limit() -> None:
    operations = [{'op': 'copy', 'from': '/a', 'path': '/a/-'}] * 40
    assert refusal(json_patch, {'a': ['x']}, operations)['code'] == 422


def test_values_nested_too_deeply_are_bad_requests() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {'a': deep}
    for body in (refusal(merge_patch, {}, deep), refusal(json_patch, {}, [{'op': 'add', 'path': '/a', 'value': deep}])):
        assert (body['code'], body['message']) == (400, 'error decoding patch: exceeded max depth')


def test_a_list_in_place_of_the_object_is_invalid() -> None:
    body = refusal(json_patch, CONFIG, [{'op': 'replace', 'path': '', 'value': [1]}])
    assert body['code'] == 422
    assert 'cannot unmarshal array into Go value' in body['message']


def test_unknown_fields_of_operations_are_told() -> None:
    operations = [{'op': 'test', 'path': '/data', 'foo': 1}, {'op': 'test', 'Path': ''}]
    assert unknown_operation_fields(operations) == [
        'json patch unknown field "[0].foo"',
        'json patch unknown field "[1].Path"',
    ]
    assert unknown_operation_fields({'foo': 1}) == []


@settings(max_examples=80, deadline=None)
@given(OBJECTS, st.lists(OPERATIONS | JSON, max_size=4) | JSON)
def test_any_json_patch_gives_an_object_or_a_status(obj: dict[str, Any], operations: Any) -> None:
    before = copy.deepcopy((obj, operations))
    try:
        outcome: Any = json_patch(obj, operations)
    except StatusError as error:
        outcome = error.status
    assert isinstance(outcome, dict) or 400 <= outcome < 500
    assert json.dumps(outcome)
    assert (obj, operations) == before


@pytest.mark.parametrize(
    ('patch', 'expected'),
    [
        ({'tags': ['c']}, {'tags': ['c'], 'opts': {'k': 'v'}, 'n': {'a': {'b': 1}}}),
        ({'opts': {'k': None, 'm': 'w'}}, {'tags': ['a'], 'opts': {'m': 'w'}, 'n': {'a': {'b': 1}}}),
        ({'opts': {}}, {'tags': ['a'], 'opts': {'k': 'v'}, 'n': {'a': {'b': 1}}}),
        ({'opts': None}, {'tags': ['a'], 'n': {'a': {'b': 1}}}),
        ({'n': {'a': 's'}}, {'tags': ['a'], 'opts': {'k': 'v'}, 'n': {'a': 's'}}),
        (
            {'n': {'a': {'b': None, 'd': {'e': None, 'f': 1}}}},
            {'tags': ['a'], 'opts': {'k': 'v'}, 'n': {'a': {'d': {'f': 1}}}},
        ),
        ({'n': {'l': [None, {'x': None}]}}, {'tags': ['a'], 'opts': {'k': 'v'}, 'n': {'a': {'b': 1}, 'l': [None, {}]}}),
        ({'n': [{'x': None}]}, {'tags': ['a'], 'opts': {'k': 'v'}, 'n': [{'x': None}]}),
    ],
)
def test_merging(patch: Any, expected: Any) -> None:
    obj = {'tags': ['a'], 'opts': {'k': 'v'}, 'n': {'a': {'b': 1}}}
    assert merge_patch(obj, patch) == expected


@pytest.mark.parametrize(
    ('patch', 'message'),
    [
        (None, 'Invalid JSON Patch'),
        ([], 'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}'),
        ('x', 'error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}'),
    ],
)
def test_a_merge_patch_that_is_no_object_is_a_bad_request(patch: Any, message: str) -> None:
    body = refusal(merge_patch, CONFIG, patch)
    assert (body['code'], body['reason'], body['message']) == (400, 'BadRequest', message)


@settings(max_examples=50, deadline=None)
@given(OBJECTS, OBJECTS)
def test_merging_changes_neither_side_and_is_idempotent(obj: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy((obj, patch))
    merged = merge_patch(obj, patch)
    assert merge_patch(merged, {}) == merged
    assert all(key not in merged for key, value in patch.items() if value is None)
    assert (obj, patch) == before
