"""Validation of custom resources by their schemas, against what a real API server said."""

import functools
import json
import pathlib
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
import yaml

from kmock.kube.definitions import Definition, Origin, ScalePaths
from kmock.kube.schema import Schema
from kmock.kube.schemas.defaults import default
from kmock.kube.schemas.pruning import prune
from kmock.kube.schemas.validation import validate_custom
from kmock.kube.statuses import invalid
from kmock.kube.values.patterns import PatternError, go_pattern
from kmock.naming import Resource

CORPUS = pathlib.Path(__file__).parents[1] / 'conformance'


@functools.cache
def steps_of(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    text = (CORPUS / 'scenarios' / f'{name}.yaml').read_text()
    scenario = yaml.load(text, getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    expected = json.loads((CORPUS / 'expected' / f'{name}.json').read_text())
    steps = expected if isinstance(expected, list) else expected['steps']
    return list(zip(scenario['steps'], steps, strict=True))


def definition_of(node: dict[str, Any], **options: Any) -> Definition:
    schema = Schema(node)
    return Definition(
        resource=Resource('<run>.kmock.example', 'v1', 'widgets'),
        kind='Widget',
        list_kind='WidgetList',
        singular='widget',
        namespaced=True,
        verbs=('get',),
        origin=Origin.CUSTOM,
        load_schema=lambda: schema,
        **options,
    )


@functools.cache
def declared(name: str) -> Definition:
    crd = steps_of(name)[1][0]['body']
    return definition_of(crd['spec']['versions'][0]['schema']['openAPIV3Schema'])


def written(name: str, body: dict[str, Any]) -> dict[str, Any]:
    schema = declared(name).schema
    obj = prune(schema, body)
    default(schema, obj)
    return obj


def posts(name: str) -> list[Any]:
    return [
        pytest.param(name, step['body'], answer, id=f'{name}-{index}')
        for index, (step, answer) in enumerate(steps_of(name))
        if step.get('method') == 'POST' and step['path'].endswith('/widgets') and answer['status'] in (201, 422)
    ]


@pytest.mark.parametrize(
    ('name', 'body', 'answer'), [*posts('crd-validation'), *posts('crd-pruning'), *posts('crd-cel')]
)
def test_objects_are_refused_as_a_real_server_does(name: str, body: Any, answer: Any) -> None:
    causes = validate_custom(declared(name), written(name, body), None)
    if answer['status'] == 201:
        assert causes == []
        return
    status = answer['body']
    by_text = functools.partial(json.dumps, sort_keys=True)
    expected = sorted(status['details']['causes'], key=by_text)
    assert sorted((each.body for each in causes), key=by_text) == expected
    error = invalid('Widget', '<run>.kmock.example', body['metadata']['name'], causes)
    assert error.message is not None
    assert len(error.message) == len(status['message'])


LIST_MAP = {
    'type': 'object',
    'properties': {
        'spec': {
            'type': 'object',
            'properties': {
                'named': {
                    'type': 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    'items': {
                        'type': 'object',
                        'properties': {'name': {'type': 'string'}, 'size': {'type': 'integer', 'maximum': 5}},
                    },
                },
                'tags': {'type': 'array', 'x-kubernetes-list-type': 'set', 'items': {'type': 'string', 'maxLength': 3}},
                'size': {'type': 'integer', 'maximum': 5},
            },
        },
        'status': {'type': 'object', 'properties': {'phase': {'type': 'string'}}},
    },
}


def texts(obj: Any, old: Any = None, **options: Any) -> list[str]:
    return [str(each) for each in validate_custom(definition_of(LIST_MAP), obj, old, **options)]


def test_items_of_sets_and_maps_are_unique() -> None:
    obj = {'spec': {'tags': ['a', 'b', 'a'], 'named': [{'name': 'x'}, {'name': 'x'}]}}
    expected = ['spec.tags[2]: Duplicate value: "a"', 'spec.named[1]: Duplicate value: {"name":"x"}']
    assert texts(obj) == expected
    assert texts(obj, obj) == []


def test_what_did_not_change_is_not_complained_about() -> None:
    old = {'spec': {'size': 9, 'named': [{'name': 'x', 'size': 9}], 'tags': ['long tag']}}
    assert len(texts(old)) == 3
    new = {'spec': {'size': 9, 'named': [{'name': 'y'}, {'name': 'x', 'size': 9}], 'tags': ['long tag']}}
    assert texts(new, old) == []


def test_items_of_other_lists_are_complained_about_again_when_the_list_changes() -> None:
    old = {'spec': {'tags': ['long tag']}}
    assert texts({'spec': {'tags': ['long tag', 'b']}}, old) == ['spec.tags[0]: Too long: may not be more than 3 bytes']


def test_the_status_is_checked_alone_and_named_within() -> None:
    obj = {'spec': {'size': 9}, 'status': {'phase': 1}}
    text = 'status.phase: Invalid value: "integer": phase in body must be of type string: "integer"'
    assert texts(obj, {'spec': {'size': 9}}, status=True) == [text]


def test_replicas_must_be_counts() -> None:
    paths = ScalePaths(spec_replicas='.spec.replicas', status_replicas='.status.replicas')
    definition = definition_of({'type': 'object'}, scale=paths)
    causes = validate_custom(definition, {'spec': {'replicas': -1}, 'status': {'replicas': 2**31}}, None)
    assert [str(each) for each in causes] == [
        '.spec.replicas: Invalid value: -1: should be a non-negative integer',
        '.status.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647',
    ]


@pytest.mark.parametrize(
    ('node', 'value', 'wrong'),
    [
        ({'type': 'string', 'nullable': True}, None, ''),
        ({'type': 'string', 'format': 'unheard-of'}, 'x', ''),
        ({'type': 'string', 'format': 'uuid'}, 'x', 'Invalid value: "x": v in body must be of type uuid: "x"'),
        ({'type': 'integer', 'enum': [1, 2]}, 3, 'Unsupported value: 3: supported values: "1", "2"'),
        ({'type': 'object', 'minProperties': 1}, {}, 'Invalid value: 0: v in body should have at least 1 properties'),
        ({'type': 'number', 'maximum': 1.5}, 2, 'Invalid value: 2: v in body should be less than or equal to 1.5'),
        ({'type': 'number'}, 2, ''),
        ({'type': 'integer'}, True, 'Invalid value: "boolean": v in body must be of type integer: "boolean"'),
        ({'allOf': [{'maximum': 1}, {'minimum': 0}]}, 1, ''),
        ({'type': 'string', 'pattern': '^a$'}, 'a\n', 'Invalid value: "a\\n": v in body should match \'^a$\''),
    ],
)
def test_values_are_checked(node: Any, value: Any, wrong: str) -> None:
    causes = validate_custom(definition_of({'type': 'object', 'properties': {'v': node}}), {'v': value}, None)
    assert [each.message for each in causes] == ([wrong] if wrong else [])


@pytest.mark.parametrize(
    ('form', 'good', 'bad'),
    [
        ('date-time', '2024-01-02T03:04:05.123Z', '2024-01-02 03:04:05Z'),
        ('date', '2024-02-29', '2023-02-29'),
        ('duration', '1h30m', '1 fortnight'),
        ('duration', '3 days', 'days'),
        ('ipv6', '::1', '1.2.3.4'),
        ('cidr', '10.0.0.0/8', '10.0.0.0'),
        ('mac', '01:23:45:67:89:ab', '01:23'),
        ('uri', 'https://example.com/x', 'no uri'),
        ('hostname', 'a.example.com', '-a.example.com'),
        ('email', 'a@example.com', 'a.example.com'),
        ('byte', 'YWI=', 'YW='),
        ('isbn', '978-3-16-148410-0', '978-3-16-148410-1'),
        ('isbn10', '0-306-40615-2', '0-306-40615-3'),
        ('creditcard', '4111 1111 1111 1111', '4111 1111 1111 1112'),
        ('ssn', '111-22-3333', '1-2-3'),
        ('hexcolor', '#FfF', 'white'),
        ('rgbcolor', 'rgb(1, 2, 255)', 'rgb(1, 2, 256)'),
        ('uuid4', '6ba7b810-9dad-41d1-80b4-00c04fd430c8', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
        ('bsonobjectid', '507f1f77bcf86cd799439011', '507f'),
        ('k8s-short-name', 'a-b', 'a.b'),
        ('k8s-long-name', 'a.b', 'A.b'),
    ],
)
def test_formats(form: str, good: str, bad: str) -> None:
    definition = definition_of({'type': 'object', 'properties': {'v': {'type': 'string', 'format': form}}})
    assert validate_custom(definition, {'v': good}, None) == []
    assert len(validate_custom(definition, {'v': bad}, None)) == 1


@pytest.mark.parametrize(
    ('pattern', 'text', 'matches'),
    [
        (r'^[[:alpha:]]+$', 'abc', True),
        (r'^\d$', '٣', False),
        (r'a(?i)b\z', 'aB', True),
        (r'^(?P<x>a)(?<y>b)$', 'ab', True),
        (r'\Qa.b\E', 'axb', False),
        (r'^\p{L}+$', 'é', True),
        (r'^[\p{L}[:digit:]-]+$', 'é1-', True),
        (r'^\x{41}$', 'A', True),
        (r'^[^]a]$', 'b', True),
    ],
)
def test_patterns_are_those_of_go(pattern: str, text: str, matches: bool) -> None:
    assert (go_pattern(pattern).search(text) is not None) is matches


@pytest.mark.parametrize('pattern', ['(?=a)', r'(a)\1', '(', '[z-a]', r'\p{Unheard}', 'a**'])
def test_patterns_that_go_refuses_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        go_pattern(pattern)


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(pattern=st.text(alphabet='ab[]()^$\\pQE{}?:<>P*+-.|1&~', max_size=12), text=st.text(max_size=4))
def test_any_pattern_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        compiled = go_pattern(pattern)
    except PatternError:
        return
    assert compiled.search(text) is None or isinstance(text, str)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(['name', 'num', 'ios']), inner),
    max_leaves=6,
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(name=st.sampled_from(['crd-validation', 'crd-pruning', 'crd-cel']), data=st.data())
def test_whatever_is_written_gets_causes(name: str, data: st.DataObject) -> None:
    schema = declared(name).schema
    assert schema is not None
    keys = sorted(schema.properties['spec']['properties'])
    spec = data.draw(st.dictionaries(st.sampled_from(keys), json_values, max_size=4))
    obj = written(name, {'metadata': {'name': 'a'}, 'spec': spec})
    causes = validate_custom(declared(name), obj, None)
    assert all(each.message and each.field for each in causes)
    again = validate_custom(declared(name), obj, obj)
    assert [each for each in again if not str(each.field).startswith('spec.emb.')] == []
