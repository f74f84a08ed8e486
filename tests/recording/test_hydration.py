"""What a recording reveals of the cluster behind it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taping import tape, taped

from kmock.naming import Call, Resource, parse_call
from kmock.recording.hydration import Beginning, How, Lines, revealed, revealed_by_event
from kmock.recording.interchange import open_cassette

KEX = '/apis/kopf.dev/v1/namespaces/ns/kopfexamples'
EXAMPLES = Resource('kopf.dev', 'v1', 'kopfexamples')


def example(name: str, revision: int, **metadata: Any) -> dict[str, Any]:
    metadata = {'name': name, 'namespace': 'ns', 'resourceVersion': str(revision), **metadata}
    return {'apiVersion': 'kopf.dev/v1', 'kind': 'KopfExample', 'metadata': metadata}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def listed(*items: dict[str, Any], revision: int = 1, token: str = '') -> bytes:
    metadata = {'resourceVersion': str(revision), 'continue': token}
    return encoded({'apiVersion': 'kopf.dev/v1', 'kind': 'KopfExampleList', 'metadata': metadata, 'items': items})


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return encoded({'type': kind, 'object': obj}) + b'\n'


def names(beginning: Beginning) -> dict[str, int]:
    """The objects at the beginning, and their resourceVersions."""
    return {fact.name: fact.revision for fact in beginning.objects}


def test_listed_objects_are_there_as_they_were_listed_first() -> None:
    story = tape(
        taped('GET', KEX, listed(example('a', 5), example('b', 6), revision=9)),
        taped('GET', f'{KEX}/a', encoded(example('a', 12)), at=1),
    )
    beginning = Beginning.of(story)
    assert names(beginning) == {'a': 5, 'b': 6}
    assert beginning.revision == 12
    assert beginning.namespaces == ('ns',)
    assert beginning.objects[0].obj == example('a', 5)


def test_items_of_built_in_lists_get_the_kind_of_their_list() -> None:
    item = {'metadata': {'name': 'a', 'namespace': 'ns', 'resourceVersion': '5'}, 'data': {}}
    answer = encoded({'kind': 'ConfigMapList', 'apiVersion': 'v1', 'metadata': {}, 'items': [item]})
    (fact,) = Beginning.of(tape(taped('GET', '/api/v1/configmaps', answer))).objects
    assert fact.obj == {'apiVersion': 'v1', 'kind': 'ConfigMap', **item}


def test_what_was_created_on_the_way_is_not_there() -> None:
    story = tape(
        taped('GET', KEX, listed()),
        taped('POST', KEX, encoded(example('posted', 5)), at=1, status=201, body=b'{}'),
        taped('PATCH', f'{KEX}/applied', encoded(example('applied', 6)), at=2, status=201, body=b'{}'),
        taped('GET', f'{KEX}?watch=true&resourceVersion=1', event('ADDED', example('by-others', 7)), at=3),
        taped('GET', KEX, listed(example('unseen', 8), example('posted', 5)), at=4),
    )
    assert names(Beginning.of(story)) == {}


def test_what_was_not_found_at_first_is_not_there() -> None:
    absent = {'kind': 'Status', 'reason': 'NotFound', 'code': 404, 'details': {'name': 'a', 'kind': 'kopfexamples'}}
    story = tape(
        taped('GET', f'{KEX}/a', encoded(absent), status=404),
        taped('GET', f'{KEX}/a', encoded(example('a', 5)), at=1),
    )
    assert names(Beginning.of(story)) == {}


def test_what_was_changed_or_deleted_before_it_was_seen_is_there() -> None:
    gone = encoded({'kind': 'Status', 'status': 'Success', 'details': {'name': 'unknown'}})
    story = tape(
        taped('PATCH', f'{KEX}/patched', encoded(example('patched', 5)), body=b'{}'),
        taped('DELETE', f'{KEX}/deleted', encoded(example('deleted', 6, deletionTimestamp='x')), at=1),
        taped('DELETE', f'{KEX}/unknown', gone, at=2),
        taped('GET', f'{KEX}?watch=true&resourceVersion=4', event('MODIFIED', example('seen', 7)), at=3),
    )
    assert names(Beginning.of(story)) == {'patched': 5, 'deleted': 6, 'seen': 7}


def test_a_watch_without_a_resource_version_begins_with_what_is_there() -> None:
    story = tape(taped('GET', f'{KEX}?watch=true', event('ADDED', example('a', 5))))
    assert names(Beginning.of(story)) == {'a': 5}


def test_a_page_or_a_selection_does_not_tell_what_is_absent() -> None:
    story = tape(
        taped('GET', f'{KEX}?limit=1', listed(example('a', 5), token='token')),
        taped('GET', f'{KEX}?labelSelector=x', listed(), at=1),
        taped('GET', f'{KEX}?limit=1&continue=token', listed(example('b', 6)), at=2),
    )
    assert names(Beginning.of(story)) == {'a': 5, 'b': 6}


def test_dry_runs_partial_objects_failures_and_other_formats_reveal_nothing() -> None:
    partial = {'apiVersion': 'meta.k8s.io/v1', 'kind': 'PartialObjectMetadata', 'metadata': {'name': 'a'}}
    table = {'kind': 'Table', 'apiVersion': 'meta.k8s.io/v1', 'rows': [{'cells': [], 'object': partial}]}
    story = tape(
        taped('PATCH', f'{KEX}/a?dryRun=All', encoded(example('a', 5)), body=b'{}'),
        taped('GET', KEX, encoded(table), at=1),
        taped('GET', f'{KEX}/a', encoded(example('a', 5)), at=2, status=500),
        taped('GET', f'{KEX}/a', b'k8s\0\x01\x02', at=3),
        taped('GET', f'{KEX}/a', encoded(example('a', 5))[:-9], at=4),
        taped('GET', f'{KEX}/a/scale', encoded({'apiVersion': 'autoscaling/v1', 'kind': 'Scale'}), at=5),
    )
    assert names(Beginning.of(story)) == {}


def test_a_table_with_whole_objects_reveals_them() -> None:
    table = {'kind': 'Table', 'apiVersion': 'meta.k8s.io/v1', 'rows': [{'cells': [], 'object': example('a', 5)}]}
    assert names(Beginning.of(tape(taped('GET', KEX, encoded(table))))) == {'a': 5}


def test_a_resource_whose_definition_was_created_on_the_way_is_not_served() -> None:
    crd = {
        'apiVersion': 'apiextensions.k8s.io/v1',
        'kind': 'CustomResourceDefinition',
        'metadata': {'name': 'kopfexamples.kopf.dev'},
    }
    document = {
        'kind': 'APIResourceList',
        'groupVersion': 'kopf.dev/v1',
        'resources': [{'name': 'kopfexamples'}, {'name': 'kopfexamples/status'}, {'name': 'others'}],
    }
    target = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    story = [
        taped('GET', '/apis/kopf.dev/v1', encoded(document), at=1),
        taped('POST', KEX, encoded(example('a', 5)), at=2, status=201, body=b'{}'),
    ]
    beginning = Beginning.of(tape(*story))
    assert [each['resources'] for each in beginning.resource_lists] == [document['resources']]
    assert [each.resource for each in beginning.kinds] == [EXAMPLES]
    beginning = Beginning.of(tape(taped('POST', target, encoded(crd), status=201, body=b'{}'), *story))
    assert [each['resources'] for each in beginning.resource_lists] == [[{'name': 'others'}]]
    assert [each.resource.plural for each in beginning.kinds] == ['customresourcedefinitions']


def test_a_namespace_that_was_created_on_the_way_is_not_there() -> None:
    namespace = {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'ns', 'resourceVersion': '4'}}
    story = [taped('POST', KEX, encoded(example('a', 5)), at=2, status=201, body=b'{}')]
    assert Beginning.of(tape(*story)).namespaces == ('ns',)
    created = taped('POST', '/api/v1/namespaces', encoded(namespace), status=201, body=b'{}')
    assert Beginning.of(tape(created, *story)).namespaces == ()


def test_the_highest_resource_version_anywhere_counts() -> None:
    bookmark = {'kind': 'KopfExample', 'metadata': {'resourceVersion': '77'}}
    story = tape(
        taped('GET', f'{KEX}?watch=true&resourceVersion=9', event('BOOKMARK', bookmark)),
        taped('GET', f'{KEX}?watch=true&resourceVersion=99', b'', at=1),
        taped('GET', f'{KEX}?resourceVersion=999', b'', at=2, status=504),
    )
    assert Beginning.of(story).revision == 99


@pytest.mark.parametrize(('body', 'version'), [(b'{"major": "1"}', {'major': '1'}), (b'nonsense', None)])
def test_the_version_is_that_of_the_recorded_answer(body: bytes, version: dict[str, str] | None) -> None:
    assert Beginning.of(tape(taped('GET', '/version?timeout=32s', body))).version == version


def test_aggregated_discovery_is_told_in_the_older_words(cassettes_folder: Path) -> None:
    with open_cassette(cassettes_folder / 'kubectl.jsonl.gz') as cassette:
        documents = {each['groupVersion']: each['resources'] for each in Beginning.of(cassette).resource_lists}
    pods = next(row for row in documents['v1'] if row['name'] == 'pods')
    assert (pods['kind'], pods['namespaced'], pods['shortNames']) == ('Pod', True, ['po'])
    assert {'name': 'pods/status', 'namespaced': True, 'kind': 'Pod', 'verbs': ['get', 'patch', 'update']} in documents[
        'v1'
    ]


def test_shipped_recordings_begin_with_their_definitions(cassettes_folder: Path) -> None:
    with open_cassette(cassettes_folder / 'kopf.jsonl') as cassette:
        beginning = Beginning.of(cassette)
    assert [fact.name for fact in beginning.objects] == ['examples.demo.kmock.dev', 'widgets.tr.kmock.dev']
    assert beginning.namespaces == ('tr-kopf',)


def call(line: str) -> Call:
    method, target = line.split()
    found = parse_call(method, target)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ('line', 'status', 'metadata', 'how'),
    [
        (f'GET {KEX}/a', 200, {}, How.READ),
        (f'POST {KEX}', 201, {}, How.CREATED),
        (f'PUT {KEX}/a', 200, {}, How.CHANGED),
        (f'PATCH {KEX}/a/status', 200, {}, How.CHANGED),
        (f'PATCH {KEX}/a', 200, {'deletionTimestamp': 'x'}, How.REMOVED),
        (f'PATCH {KEX}/a', 200, {'deletionTimestamp': 'x', 'finalizers': ['f']}, How.CHANGED),
        (f'DELETE {KEX}/a', 200, {}, How.REMOVED),
        (f'DELETE {KEX}/a', 200, {'deletionTimestamp': 'x', 'finalizers': ['f']}, How.CHANGED),
        (f'DELETE {KEX}/a', 200, {'deletionTimestamp': 'x', 'deletionGracePeriodSeconds': 30}, How.CHANGED),
    ],
)
def test_an_answer_tells_what_has_become_of_the_object(
    line: str, status: int, metadata: dict[str, Any], how: How
) -> None:
    (fact,) = revealed(call(line), {}, status, encoded(example('a', 5, **metadata)))
    assert (fact.how, fact.remains, fact.revision) == (how, how is not How.REMOVED, 5)


def test_a_deleted_collection_tells_of_each_object() -> None:
    body = listed(example('a', 5), example('b', 6, deletionTimestamp='x', finalizers=['f']))
    facts = revealed(call(f'DELETE {KEX}'), {}, 200, body)
    assert {fact.name: fact.remains for fact in facts} == {'a': False, 'b': True}


def test_events_tell_of_objects_and_other_lines_of_nothing() -> None:
    watch = call(f'GET {KEX}')
    for kind, how in {'ADDED': How.CREATED, 'MODIFIED': How.CHANGED, 'DELETED': How.REMOVED}.items():
        assert [fact.how for fact in revealed_by_event(watch, event(kind, example('a', 5)))] == [how]
    for line in (event('ERROR', {'kind': 'Status'}), event('BOOKMARK', example('', 5)), b'', b'[]', b'{"type": 1}'):
        assert revealed_by_event(watch, line) == []


@given(st.lists(st.binary(max_size=8), max_size=5))
@settings(max_examples=30, deadline=None)
def test_lines_do_not_depend_on_the_pieces_they_come_in(pieces: list[bytes]) -> None:
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(piece)]
    assert found == b''.join(pieces).split(b'\n')[:-1]


JSONS: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(['a', 'ADDED', 'Table', 'KopfExample', 'APIGroupDiscoveryList', 'kopf.dev/v1']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    'kind',
                    'apiVersion',
                    'metadata',
                    'items',
                    'rows',
                    'object',
                    'type',
                    'name',
                    'namespace',
                    'spec',
                    'details',
                    'reason',
                    'resourceVersion',
                    'deletionTimestamp',
                    'finalizers',
                    'versions',
                    'resources',
                    'subresources',
                    'responseKind',
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSONS, st.sampled_from([200, 201, 404]))
@settings(max_examples=150, deadline=None)
def test_strange_answers_reveal_nothing_strange(data: Any, status: int) -> None:
    answer = encoded(data)
    exchanges = [
        taped(method, target, answer, at=place, status=status)
        for place, (method, target) in enumerate(
            [('GET', KEX), ('DELETE', f'{KEX}/a'), ('GET', f'{KEX}?watch=1'), ('GET', '/apis'), ('GET', '/api/v1')]
        )
    ]
    for fact in Beginning.of(tape(*exchanges)).objects:
        assert fact.obj is not None
        assert fact.name
