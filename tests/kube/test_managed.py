"""Managed fields of updates: what is owned by whom after creating, replacing and patching, and their wire format."""

import copy
import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Json, Origin, Subresource
from kmock.kube.patching.managed import keep_times, manager_of, track_update
from kmock.kube.patching.structured.fields import (
    difference,
    intersection,
    key_element,
    paths,
    show_path,
    union,
    value_element,
    without,
)
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.schema import Schema
from kmock.naming import Resource

T1, T2, T3 = '2030-01-01T00:00:01Z', '2030-01-01T00:00:02Z', '2030-01-01T00:00:03Z'

TEXTS = {'type': 'object', 'additionalProperties': {'type': 'string'}}
METADATA = {'type': 'object', 'default': {}, 'properties': {'name': {'type': 'string'}, 'labels': TEXTS}}
TEMPLATE = {
    'type': 'object',
    'required': ['containers'],
    'default': {},
    'properties': {
        'containers': {
            'type': 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            'items': {
                'type': 'object',
                'properties': {
                    'name': {'type': 'string', 'default': ''},
                    'image': {'type': 'string'},
                    'resources': {'type': 'object', 'default': {}, 'properties': {'limits': TEXTS}},
                    'args': {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'atomic'},
                },
            },
        },
    },
}
SCHEMA = {
    'type': 'object',
    'properties': {
        'apiVersion': {'type': 'string'},
        'kind': {'type': 'string'},
        'metadata': METADATA,
        'status': {'type': 'object', 'default': {}, 'properties': {'phase': {'type': 'string'}}},
        'spec': {
            'type': 'object',
            'default': {},
            'properties': {
                'replicas': {'type': 'integer'},
                'strategy': {'type': 'object', 'properties': {'type': {'type': 'string'}}},
                'template': TEMPLATE,
            },
        },
    },
}


def define(origin: Origin) -> Definition:
    return Definition(
        resource=Resource('x.io', 'v1', 'things'),
        kind='Thing',
        list_kind='ThingList',
        singular='thing',
        namespaced=True,
        verbs=(),
        subresources={'status': Subresource(name='status', kind='Thing', verbs=('get', 'patch', 'update'))},
        origin=origin,
        load_schema=lambda: Schema(SCHEMA),
    )


BUILT_IN, CUSTOM = define(Origin.BUILT_IN), define(Origin.CUSTOM)


def thing(spec: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    metadata = {'name': 'a', 'uid': 'u', **parts.pop('metadata', {})}
    found: dict[str, Any] = {'apiVersion': 'x.io/v1', 'kind': 'Thing', 'metadata': metadata, **parts}
    return found if spec is None else {**found, 'spec': spec}


def track(
    new: dict[str, Any],
    old: dict[str, Any] | None = None,
    manager: str = 'one',
    *,
    definition: Definition = CUSTOM,
    subresource: str = '',
    now: str = T1,
) -> dict[str, Any]:
    """A tracked copy of the new object; the old one must stay as it is."""
    new, before = copy.deepcopy(new), copy.deepcopy(old)
    track_update(new, old, definition=definition, manager=manager, subresource=subresource, now=now)
    assert old == before
    return new


def entries(obj: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = obj['metadata'].get('managedFields', [])
    return found


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {each['manager']: each['fieldsV1'] for each in entries(obj)}


def changed(obj: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """The object as a client that doesn't know of managed fields sends it back."""
    metadata = {key: value for key, value in obj['metadata'].items() if key != 'managedFields'}
    return copy.deepcopy({**obj, 'metadata': metadata, **parts})


def test_a_created_custom_resource_is_owned_with_all_that_leads_to_its_fields() -> None:
    made = track(thing({'replicas': 1, 'strategy': {'type': 'x'}}, metadata={'labels': {'k': 'v'}}))
    assert entries(made) == [
        {
            'manager': 'one',
            'operation': 'Update',
            'apiVersion': 'x.io/v1',
            'time': T1,
            'fieldsType': 'FieldsV1',
            'fieldsV1': {
                'f:metadata': {'f:labels': {'.': {}, 'f:k': {}}},
                'f:spec': {'.': {}, 'f:replicas': {}, 'f:strategy': {'.': {}, 'f:type': {}}},
            },
        }
    ]


def test_structs_that_are_always_written_are_not_owned_in_built_in_kinds() -> None:
    spec = {'strategy': {'type': 'x'}, 'template': {'containers': [{'name': 'm', 'resources': {}, 'args': ['a']}]}}
    made = track(thing(spec, status={}), definition=BUILT_IN)
    assert owners(made)['one'] == {
        'f:spec': {
            'f:strategy': {'.': {}, 'f:type': {}},
            'f:template': {
                'f:containers': {'k:{"name":"m"}': {'.': {}, 'f:name': {}, 'f:resources': {}, 'f:args': {}}},
            },
        }
    }


def test_a_changed_field_goes_over_to_who_changed_it() -> None:
    first = track(thing({'replicas': 1, 'strategy': {'type': 'x'}}))
    second = track(changed(first, spec={'replicas': 2, 'strategy': {'type': 'x'}}), first, 'two', now=T2)
    assert owners(second) == {
        'one': {'f:spec': {'.': {}, 'f:strategy': {'.': {}, 'f:type': {}}}},
        'two': {'f:spec': {'f:replicas': {}}},
    }
    assert [each['time'] for each in entries(second)] == [T1, T2]


def test_removed_fields_are_nobodys_and_managers_of_nothing_go() -> None:
    first = track(thing({'replicas': 1}))
    second = track({key: value for key, value in changed(first).items() if key != 'spec'}, first, 'two')
    assert 'managedFields' not in second['metadata']


def test_an_update_that_changes_nothing_keeps_entries_and_times() -> None:
    first = track(thing({'replicas': 1}))
    assert track(changed(first), first, 'two', now=T2) == first
    assert track(first, first, 'two', now=T2) == first


def test_status_is_owned_only_through_its_subresource() -> None:
    first = track(thing({'replicas': 1}, status={'phase': 'x'}))
    assert owners(first) == {'one': {'f:spec': {'.': {}, 'f:replicas': {}}}}
    stored = {key: value for key, value in first.items() if key != 'status'}
    second = track(
        changed(stored, status={'phase': 'x'}, spec={'replicas': 5}), stored, 'ctl', subresource='status', now=T2
    )
    assert entries(second)[1]['subresource'] == 'status'
    assert owners(second)['ctl'] == {'f:status': {'.': {}, 'f:phase': {}}}
    assert owners(second)['one'] == {'f:spec': {'.': {}, 'f:replicas': {}}}


def test_untracked_objects_stay_untracked() -> None:
    old = thing({'replicas': 1})
    assert 'managedFields' not in track(thing({'replicas': 2}), old)['metadata']


def test_an_empty_entry_clears_all_entries() -> None:
    first = track(thing({'replicas': 1}))
    cleared = changed(first)
    cleared['metadata']['managedFields'] = [{}]
    assert 'managedFields' not in track(cleared, first, 'two')['metadata']


def test_a_subresource_does_not_clear_entries() -> None:
    first = track(thing({'replicas': 1}))
    cleared = changed(first)
    cleared['metadata']['managedFields'] = [{}]
    assert entries(track(cleared, first, 'two', subresource='status')) == entries(first)


def test_entries_can_be_edited() -> None:
    first = track(thing({'replicas': 1, 'strategy': {'type': 'x'}}))
    edited = changed(first)
    edited['metadata']['managedFields'] = [{**entries(first)[0], 'manager': 'me'}]
    assert owners(track(edited, first, 'two')) == {'me': owners(first)['one']}


@pytest.mark.parametrize(
    'given_entries',
    [
        [],
        None,
        'x',
        [1],
        [{'manager': 'x'}],
        [{'operation': 'Update', 'apiVersion': 'v1', 'fieldsType': 'FieldsV2'}],
        [{'operation': 'Update', 'apiVersion': '', 'fieldsType': 'FieldsV1'}],
        [{'operation': 'Update', 'apiVersion': 'v1', 'fieldsType': 'FieldsV1', 'fieldsV1': {'x': {}}}],
        [{'operation': 'Update', 'apiVersion': 'v1', 'fieldsType': 'FieldsV1', 'fieldsV1': {'k:1': {}}}],
        [{'operation': 'Update', 'apiVersion': 'v1', 'fieldsType': 'FieldsV1', 'fieldsV1': {'v:"': {}}}],
        [{'operation': 'Update', 'apiVersion': 'v1', 'fieldsType': 'FieldsV1', 'fieldsV1': {'f:a': 1}}],
    ],
)
def test_malformed_entries_of_a_client_are_disregarded(given_entries: Any) -> None:
    first = track(thing({'replicas': 1}))
    sent = changed(first)
    sent['metadata']['managedFields'] = given_entries
    assert track(sent, first, 'two', now=T2) == first


def test_the_oldest_of_more_than_ten_updaters_are_merged() -> None:
    obj = track(thing({}, metadata={'labels': {'k0': ''}}), manager='m0', now='2030-01-01T00:00:00Z')
    for number in range(1, 13):
        labels = {f'k{each}': '' for each in range(number + 1)}
        new = changed(obj, metadata={'name': 'a', 'uid': 'u', 'labels': labels})
        obj = track(new, obj, f'm{number}', now=f'2030-01-01T00:00:{number:02}Z')
    assert [each['manager'] for each in entries(obj)] == ['ancient-changes', *(f'm{each}' for each in range(4, 13))]
    assert {f'f:k{each}' for each in range(4)} <= set(owners(obj)['ancient-changes']['f:metadata']['f:labels'])
    assert entries(obj)[0]['time'] == '2030-01-01T00:00:03Z'


updaters = st.lists(
    st.tuples(st.sampled_from(['a', 'b', 'ancient-changes', 'z', *map(str, range(12))]), st.sampled_from([T1, T2, T3])),
    min_size=9,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(updaters)
def test_merging_old_updaters_loses_no_field(writes: list[tuple[str, str]]) -> None:
    obj = track(thing(metadata={'labels': {'first': ''}}))
    labels = {'first': ''}
    for number, (manager, now) in enumerate(writes):
        labels = {**labels, f'k{number}': ''}
        obj = track(changed(obj, metadata={'name': 'a', 'uid': 'u', 'labels': labels}), obj, manager, now=now)
        assert len(entries(obj)) <= 10
        everyone: Json = {}
        for each in entries(obj):
            everyone = union(everyone, each['fieldsV1'])
        assert set(everyone['f:metadata']['f:labels']) == {'.', *(f'f:{label}' for label in labels)}


def test_times_alone_are_no_change() -> None:
    old = track(thing({'replicas': 1}), now=T1)
    new = track(thing({'replicas': 1}), now=T2)
    keep_times(new, old)
    assert new == old
    other = track(thing({'replicas': 2}), now=T3)
    keep_times(other, old)
    assert entries(other)[0]['time'] == T3


@pytest.mark.parametrize(
    ('agent', 'manager'),
    [
        ('kubectl/v1.36 (linux)', 'kubectl'),
        ('kmock-corpus', 'kmock-corpus'),
        ('', ''),
        ('a\tb\x00c/1', 'abc'),
        ('x' * 200, 'x' * 128),
        ('я' * 100, 'я' * 64),
    ],
)
def test_managers_are_named_by_the_user_agent(agent: str, manager: str) -> None:
    assert manager_of(agent) == manager


def test_a_nameless_manager_is_unknown() -> None:
    assert list(owners(track(thing({'replicas': 1}), manager=''))) == ['unknown']


def test_too_deep_objects_are_not_tracked() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {'a': deep}
    first = track(thing({'replicas': 1}))
    loose = dataclasses.replace(CUSTOM, load_schema=lambda: None)
    new = {**changed(first), 'deep': deep}
    track_update(new, first, definition=loose, manager='two', now=T2)
    assert entries(new) == entries(first)


def test_items_are_told_by_their_values_as_go_writes_them() -> None:
    assert value_element(1.0) == 'v:1'
    assert value_element('<a&b>') == 'v:"\\u003ca\\u0026b\\u003e"'
    assert key_element({'b': 2.0, 'a': 'я'}) == 'k:{"a":"я","b":2}'


def test_every_bundled_kind_has_a_type_and_a_zero() -> None:
    registry = Registry()
    load_bundled(registry)
    for definition in registry:
        obj = {'apiVersion': definition.api_version, 'kind': definition.kind, 'metadata': {'labels': {'k': 'v'}}}
        track_update(obj, None, definition=definition, manager='one', now=T1)
        assert owners(obj) == {'one': {'f:metadata': {'f:labels': {'.': {}, 'f:k': {}}}}}, definition.resource


def test_defaults_of_a_bundled_kind_are_owned_by_who_created_the_object() -> None:
    """As recorded from a real server for kubectl create deployment."""
    registry = Registry()
    load_bundled(registry)
    definition = registry.of_kind('apps/v1', 'Deployment')
    assert definition is not None
    container = {'name': 'nginx', 'image': 'nginx:1', 'ports': [{'containerPort': 80, 'protocol': 'TCP'}]}
    pod = {'containers': [{**container, 'resources': {}}], 'securityContext': {}, 'dnsPolicy': 'ClusterFirst'}
    obj = {
        'apiVersion': 'apps/v1',
        'kind': 'Deployment',
        'metadata': {'name': 'web'},
        'spec': {
            'replicas': 2,
            'selector': {'matchLabels': {'app': 'web'}},
            'template': {'metadata': {'labels': {'app': 'web'}}, 'spec': pod},
            'strategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxUnavailable': '25%', 'maxSurge': 1}},
        },
        'status': {},
    }
    track_update(obj, None, definition=definition, manager='one', now=T1)
    port: Json = {'.': {}, 'f:containerPort': {}, 'f:protocol': {}}
    assert owners(obj)['one'] == {
        'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:strategy': {'f:rollingUpdate': {'.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {}}, 'f:type': {}},
            'f:template': {
                'f:metadata': {'f:labels': {'.': {}, 'f:app': {}}},
                'f:spec': {
                    'f:containers': {
                        'k:{"name":"nginx"}': {
                            '.': {},
                            'f:image': {},
                            'f:name': {},
                            'f:ports': {'.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': port},
                            'f:resources': {},
                        }
                    },
                    'f:dnsPolicy': {},
                    'f:securityContext': {},
                },
            },
        }
    }


# --- sets of fields

elements = st.sampled_from(['f:a', 'f:b', 'k:{"n":"x"}', 'v:"s"', 'i:0'])


def tree(members: list[list[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in members:
        one: dict[str, Any] = {}
        for element in reversed(path):
            one = {element: one}
        found = union(found, one)
    return found


field_sets = st.lists(st.lists(elements, min_size=1, max_size=3), max_size=5).map(tree)


@settings(max_examples=150, deadline=None)
@given(field_sets, field_sets)
def test_trees_behave_as_sets_of_paths(one: Any, other: Any) -> None:
    ones, others = set(paths(one)), set(paths(other))
    assert set(paths(union(one, other))) == ones | others
    assert set(paths(difference(one, other))) == ones - others
    assert set(paths(intersection(one, other))) == ones & others
    below = {path for path in ones if any(path[: len(each)] == each for each in others)}
    assert set(paths(without(one, other))) == ones - below
    assert union(difference(one, other), intersection(one, other)) == one


def test_paths_are_shown_as_in_conflicts() -> None:
    path = ('f:spec', 'k:{"containerPort":80,"protocol":"TCP"}', 'f:x', 'v:"a"', 'i:3')
    assert show_path(path) == '.spec[containerPort=80,protocol="TCP"].x[="a"][3]'


# --- any input

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(['', 'a', 'containers']),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(['name', 'containers', 'args', 'template', 'spec']), below, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(json_values, json_values, json_values)
def test_any_object_is_tracked(one: Any, two: Any, sent: Any) -> None:
    for definition in (BUILT_IN, CUSTOM):
        first = track(thing(one), definition=definition)
        new = changed(first, spec=two)
        new['metadata']['managedFields'] = sent
        second = track(new, first, 'two', definition=definition)
        third = track(changed(second), second, 'three', definition=definition)
        assert entries(third) == entries(second)
