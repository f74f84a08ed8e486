"""Server-side apply: what is merged, who owns it, and what is refused. Answers as recorded from a real server."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Origin, Subresource
from kmock.kube.patching.apply import apply
from kmock.kube.patching.managed import track_update
from kmock.kube.schema import Schema
from kmock.kube.statuses import StatusError, status_body
from kmock.naming import Resource

CONFORMANCE = Path(__file__).parent.parent / 'conformance'
T1, T2, T3 = '2030-01-01T00:00:01Z', '2030-01-01T00:00:02Z', '2030-01-01T00:00:03Z'

META = {
    'type': 'object',
    'properties': {
        **{key: {'type': 'object', 'additionalProperties': {'type': 'string'}} for key in ('labels', 'annotations')},
        **{key: {'type': 'string'} for key in ('name', 'namespace', 'uid', 'resourceVersion', 'generateName')},
        'creationTimestamp': {'type': 'string', 'format': 'date-time'},
        'generation': {'type': 'integer'},
        'finalizers': {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'set'},
        'managedFields': {'type': 'array', 'items': {'type': 'object'}, 'x-kubernetes-list-type': 'atomic'},
    },
}
CONFIG_MAP = {
    'type': 'object',
    'properties': {
        'apiVersion': {'type': 'string'},
        'kind': {'type': 'string'},
        'metadata': {'allOf': [{'$ref': '#/components/schemas/Meta'}], 'default': {}},
        'data': {'type': 'object', 'additionalProperties': {'type': 'string'}},
        'immutable': {'type': 'boolean'},
    },
}
CONTAINER = {
    'type': 'object',
    'required': ['name'],
    'properties': {
        'name': {'type': 'string', 'default': ''},
        'image': {'type': 'string'},
        'command': {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'atomic'},
        'resources': {'type': 'object', 'properties': {'limits': {'type': 'object'}}, 'default': {}},
        'env': {
            'type': 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            'items': {'type': 'object', 'properties': {'name': {'type': 'string'}, 'value': {'type': 'string'}}},
        },
        'ports': {
            'type': 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
            'items': {
                'type': 'object',
                'properties': {
                    'containerPort': {'type': 'integer', 'default': 0},
                    'protocol': {'type': 'string', 'default': 'TCP'},
                },
            },
        },
    },
}
DEPLOYMENT = {
    'type': 'object',
    'properties': {
        'apiVersion': {'type': 'string'},
        'kind': {'type': 'string'},
        'metadata': {'allOf': [{'$ref': '#/components/schemas/Meta'}], 'default': {}},
        'status': {'type': 'object', 'properties': {'replicas': {'type': 'integer'}}, 'default': {}},
        'spec': {
            'type': 'object',
            'default': {},
            'required': ['selector', 'template'],
            'properties': {
                'replicas': {'type': 'integer'},
                'selector': {
                    'type': 'object',
                    'x-kubernetes-map-type': 'atomic',
                    'properties': {'matchLabels': {'type': 'object', 'additionalProperties': {'type': 'string'}}},
                },
                'strategy': {'type': 'object', 'default': {}, 'properties': {'type': {'type': 'string'}}},
                'template': {
                    'type': 'object',
                    'default': {},
                    'properties': {
                        'metadata': {'allOf': [{'$ref': '#/components/schemas/Meta'}], 'default': {}},
                        'spec': {
                            'type': 'object',
                            'required': ['containers'],
                            'default': {},
                            'properties': {
                                'containers': {
                                    'type': 'array',
                                    'items': CONTAINER,
                                    'x-kubernetes-list-type': 'map',
                                    'x-kubernetes-list-map-keys': ['name'],
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def define(
    kind: str, api_version: str, schema: dict[str, Any] | None, origin: Origin = Origin.CUSTOM, *, status: bool = False
) -> Definition:
    group, _, version = api_version.rpartition('/')
    status_kind = Subresource(name='status', kind=kind, verbs=('get', 'patch', 'update'))
    return Definition(
        resource=Resource(group, version, f'{kind.lower()}s'),
        kind=kind,
        list_kind=f'{kind}List',
        singular=kind.lower(),
        namespaced=True,
        verbs=(),
        subresources={'status': status_kind} if status else {},
        origin=origin,
        load_schema=lambda: None if schema is None else Schema(schema, {'Meta': META}),
    )


CONFIG_MAPS = define('ConfigMap', 'v1', CONFIG_MAP, Origin.BUILT_IN)
DEPLOYMENTS = define('Deployment', 'apps/v1', DEPLOYMENT, Origin.BUILT_IN, status=True)


def config_map(data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    found: dict[str, Any] = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a', **metadata}}
    return found if data is None else {**found, 'data': data}


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    """The fields by the managers' names."""
    return {each['manager']: each['fieldsV1'] for each in obj['metadata'].get('managedFields', ())}


def put(
    live: dict[str, Any] | None,
    applied: dict[str, Any],
    manager: str = 'one',
    *,
    definition: Definition = CONFIG_MAPS,
    force: bool = False,
    now: str = T1,
    subresource: str = '',
) -> dict[str, Any]:
    """Apply, as something that may neither change what it is given nor depend on a second look at it."""
    before = copy.deepcopy((live, applied))
    try:
        made = apply(
            live, applied, definition=definition, manager=manager, force=force, now=now, subresource=subresource
        )
    finally:
        assert (live, applied) == before
    for given_object in (live or {}, applied):
        assert not {id(each) for each in given_object.values() if isinstance(each, dict | list)} & {
            id(each) for each in made.values()
        }
    return made


# --- recorded scenarios


def replay(name: str, definitions: dict[str, Definition]) -> tuple[int, list[str]]:
    """Run the applications of a scenario. The count of what was compared, and what differed."""
    steps = yaml.safe_load((CONFORMANCE / 'scenarios' / f'{name}.yaml').read_text().replace('{{run}}', '<run>'))[
        'steps'
    ]
    recorded = json.loads((CONFORMANCE / 'expected' / f'{name}.json').read_text())
    recorded = recorded if isinstance(recorded, list) else recorded['steps']
    objects: dict[str, dict[str, Any]] = {}
    compared, wrong = 0, []
    for step, expected in zip(steps, recorded, strict=True):
        if 'apply-patch' not in str(step.get('headers')) or expected['status'] in (404, 422):
            continue
        path, _, query = step['path'].partition('?')
        body, subresource = step['body'], 'status' if path.endswith('/status') else ''
        path = path.removesuffix('/status')
        definition = definitions[body['kind']]
        try:
            manager = re.findall('fieldManager=([a-z]+)', query)[0]
            made = put(
                objects.get(path),
                body,
                manager,
                definition=definition,
                force='force' in query,
                subresource=subresource,
            )
        except StatusError as error:
            answer = status_body(error)
            compared += 1
            if answer != expected['body']:
                wrong.append(f'{step["path"]}: {answer} != {expected["body"]}')
            continue
        if expected['status'] > 201:
            wrong.append(f'{step["path"]}: not refused')
            continue
        if 'dryRun' not in query:
            # What the strategy does: the status is written only by its subresource, all else only outside of it.
            old = objects.get(path, {})
            if subresource:
                made = {**old, 'metadata': made['metadata'], 'status': made['status']}
            elif definition.has_status:
                made = {
                    **{k: v for k, v in made.items() if k != 'status'},
                    **({'status': old['status']} if 'status' in old else {}),
                }
            objects[path] = made
        want = expected['body']
        compared += 1
        if step.get('keepManagedFields'):
            entries = [
                {**each, **({'time': '<time>'} if 'time' in each else {})}
                for each in made['metadata'].get('managedFields', [])
            ]
            wanted = want['metadata'].get('managedFields', [])
            if sorted(map(str, map(sorted_items, entries))) != sorted(map(str, map(sorted_items, wanted))):
                wrong.append(f'{step["path"]}: {entries} != {wanted}')
        if step.get('compare') != 'subset':
            for part in {*want, *made} - {'metadata', 'kind', 'apiVersion', 'status'}:
                if part in made and made[part] != want.get(part):
                    wrong.append(f'{step["path"]}: {made[part]} != {want.get(part)}')
    return compared, wrong


def sorted_items(value: Any) -> Any:
    return [(key, sorted_items(value[key])) for key in sorted(value)] if isinstance(value, dict) else value


def crd_schema(name: str) -> dict[str, Any]:
    steps = yaml.safe_load((CONFORMANCE / 'scenarios' / f'{name}.yaml').read_text())['steps']
    crds = [step['body'] for step in steps if step.get('body', {}).get('kind') == 'CustomResourceDefinition']
    found: dict[str, Any] = crds[0]['spec']['versions'][0]['schema']['openAPIV3Schema']
    return found


@pytest.mark.parametrize(('name', 'count'), [('apply-basic', 11), ('apply-deploy', 6)])
def test_recorded_applications_of_built_in_kinds(name: str, count: int) -> None:
    compared, wrong = replay(name, {'ConfigMap': CONFIG_MAPS, 'Deployment': DEPLOYMENTS})
    assert not wrong
    assert compared == count


@pytest.mark.parametrize(('name', 'count'), [('apply-cr', 11), ('apply-lists', 8)])
def test_recorded_applications_of_custom_resources(name: str, count: int) -> None:
    widgets = define('Widget', '<run>.kmock.example/v1', crd_schema(name), status=True)
    compared, wrong = replay(name, {'Widget': widgets})
    assert not wrong
    assert compared == count


# --- merging


def conds(*items: dict[str, str]) -> dict[str, Any]:
    return {'apiVersion': 'x.io/v1', 'kind': 'Thing', 'metadata': {'name': 'a'}, 'spec': {'conds': list(items)}}


THING: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'spec': {
            'type': 'object',
            'properties': {
                'size': {'type': 'integer'},
                'flag': {'type': 'boolean'},
                'port': {'x-kubernetes-int-or-string': True},
                'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
                'opts': {'type': 'object', 'additionalProperties': {'type': 'string'}},
                'subs': {
                    'type': 'object',
                    'additionalProperties': {'type': 'object', 'properties': {'v': {'type': 'integer'}}},
                },
                'set': {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'set'},
                'conds': {
                    'type': 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['type'],
                    'items': {
                        'type': 'object',
                        'properties': {'type': {'type': 'string'}, 'val': {'type': 'string'}},
                    },
                },
            },
        },
    },
}
THINGS = define('Thing', 'x.io/v1', THING)


def thing(**spec: Any) -> dict[str, Any]:
    return {'apiVersion': 'x.io/v1', 'kind': 'Thing', 'metadata': {'name': 'a'}, 'spec': spec}


@pytest.mark.parametrize(
    ('live', 'applied', 'merged'),
    [
        ('ab', 'c', 'abc'),
        ('ab', 'ca', 'cab'),
        ('abc', 'ca', 'bca'),
        ('abc', 'cba', 'cba'),
        ('abc', 'xb', 'axbc'),
        ('', 'ba', 'ba'),
    ],
)
def test_applied_items_keep_their_order_among_the_others(live: str, applied: str, merged: str) -> None:
    first = put(None, thing(set=list(live)), 'one', definition=THINGS)
    second = put(first, thing(set=list(applied)), 'two', definition=THINGS)
    assert ''.join(second['spec']['set']) == merged


def test_items_are_merged_by_their_keys() -> None:
    first = put(None, thing(conds=[{'type': 'A', 'val': '1'}, {'type': 'B'}]), 'one', definition=THINGS)
    second = put(first, thing(conds=[{'type': 'B', 'val': '2'}]), 'two', definition=THINGS)
    assert second['spec']['conds'] == [{'type': 'A', 'val': '1'}, {'type': 'B', 'val': '2'}]
    third = put(second, thing(), 'two', definition=THINGS)
    assert third['spec']['conds'] == [{'type': 'A', 'val': '1'}, {'type': 'B'}]


def test_free_content_is_owned_key_by_key_and_its_lists_as_a_whole() -> None:
    made = put(None, thing(free={'a': {'b': 1}, 'l': [{'x': 1}]}), definition=THINGS)
    assert owners(made)['one'] == {'f:spec': {'f:free': {'f:a': {'.': {}, 'f:b': {}}, 'f:l': {}}}}


def test_keys_of_free_maps_are_owned_besides_what_is_below_them() -> None:
    made = put(None, thing(subs={'q': {'v': 1}, 'r': {}}), definition=THINGS)
    assert owners(made)['one'] == {'f:spec': {'f:subs': {'f:q': {'.': {}, 'f:v': {}}, 'f:r': {}}}}


def test_a_struct_is_removed_with_its_last_owned_field() -> None:
    first = put(None, thing(size=1, opts={'k': 'v'}), definition=THINGS)
    assert put(first, thing(size=1), definition=THINGS)['spec'] == {'size': 1}


def test_fields_of_updates_are_not_removed_by_apply() -> None:
    live = put(None, thing(size=1), definition=THINGS)
    updated = {**live, 'metadata': dict(live['metadata']), 'spec': {'size': 1, 'flag': True}}
    track_update(updated, live, definition=THINGS, manager='kubectl', now=T2)
    assert put(updated, thing(), definition=THINGS)['spec'] == {'flag': True}


def test_what_another_updater_took_over_is_not_removed() -> None:
    live = put(None, thing(size=1), definition=THINGS)
    updated = {**live, 'metadata': dict(live['metadata']), 'spec': {'size': 2}}
    track_update(updated, live, definition=THINGS, manager='other', now=T2)
    assert owners(updated) == {'other': {'f:spec': {'f:size': {}}}}
    assert put(updated, {**thing(), 'spec': {}}, definition=THINGS)['spec'] == {'size': 2}


def test_true_is_not_one() -> None:
    live = put(None, thing(free={'a': 1}), definition=THINGS)
    with pytest.raises(StatusError, match=r'conflict with "one": .spec.free.a'):
        put(live, thing(free={'a': True}), 'two', definition=THINGS)


def test_without_a_schema_all_is_deduced_but_metadata() -> None:
    definition = define('Any', 'x.io/v1', None, Origin.LOOSE)
    obj = {'apiVersion': 'x.io/v1', 'kind': 'Any', 'metadata': {'name': 'a', 'labels': {'x': 'y'}}, 'spec': {'l': [1]}}
    made = put(None, obj, definition=definition)
    assert owners(made)['one'] == {'f:metadata': {'f:labels': {'f:x': {}}}, 'f:spec': {'.': {}, 'f:l': {}}}


def test_finalizers_and_owner_references_are_granular() -> None:
    owner = {'apiVersion': 'v1', 'kind': 'Pod', 'name': 'p', 'uid': 'u'}
    obj = thing()
    obj['metadata'] |= {'finalizers': ['a/b'], 'ownerReferences': [owner]}
    assert owners(put(None, obj, definition=THINGS))['one']['f:metadata'] == {
        'f:finalizers': {'v:"a/b"': {}},
        'f:ownerReferences': {'k:{"uid":"u"}': {}},
    }


# --- refusals


def test_several_conflicts_are_listed_by_manager() -> None:
    live = put(None, thing(size=1, opts={'k': 'v'}), definition=THINGS)
    live = put(live, thing(flag=True), 'two', definition=THINGS)
    with pytest.raises(StatusError) as caught:
        put(live, thing(size=2, opts={'k': 'w'}, flag=False), 'three', definition=THINGS)
    assert caught.value.status == 409
    assert caught.value.message == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .spec.size\n- .spec.opts.k\n'
        'conflicts with "two":\n- .spec.flag'
    )
    assert [each['field'] for each in caught.value.details['causes']] == ['.spec.size', '.spec.opts.k', '.spec.flag']


def test_conflicts_with_updates_tell_the_version_and_the_subresource() -> None:
    live = config_map({'k': 'v'})
    track_update(live, None, definition=CONFIG_MAPS, manager='upd', subresource='', now=T1)
    with pytest.raises(StatusError, match=r'conflict with "upd" using v1: .data.k'):
        put(live, config_map({'k': 'w'}))
    with_status = config_map({'k': 'v'})
    track_update(with_status, None, definition=CONFIG_MAPS, manager='upd', subresource='scale', now=T1)
    with pytest.raises(StatusError, match=r'conflict with "upd" with subresource "scale" using v1: .data.k'):
        put(with_status, config_map({'k': 'w'}))


@pytest.mark.parametrize(
    ('spec', 'text'),
    [
        ({'size': 'x'}, '.spec.size: expected numeric (int or float), got &value.valueUnstructured{Value:"x"}'),
        ({'flag': 1}, '.spec.flag: expected boolean, got &value.valueUnstructured{Value:1}'),
        (
            {'opts': {'k': ['a']}},
            '.spec.opts.k: expected string, got &value.valueUnstructured{Value:[]interface {}{"a"}}',
        ),
        ({'opts': 'x'}, '.spec.opts: expected map, got &{x}'),
        ({'set': {'a': 'b'}}, '.spec.set: expected list, got &{map[a:b]}'),
        ({'set': ['a', 'a']}, '.spec.set: duplicate entries for key [="a"]'),
        ({'conds': [{'type': 'A'}, {'type': 'A'}]}, '.spec.conds: duplicate entries for key [type="A"]'),
        (
            {'conds': [{'val': 'A'}]},
            '.spec.conds: element 0: associative list with keys has an element that omits key field "type" '
            "(and doesn't have default value)",
        ),
        ({'conds': [{'type': 'A', 'nope': 1}]}, '.spec.conds[type="A"].nope: field not declared in schema'),
        (
            {'size': True, 'nope': 1},
            'errors:\n  .spec.size: expected numeric (int or float), got &value.valueUnstructured{Value:true}\n'
            '  .spec.nope: field not declared in schema',
        ),
    ],
)
def test_what_does_not_fit_the_schema_is_an_internal_error(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(StatusError) as caught:
        put(None, thing(**spec), definition=THINGS)
    assert (caught.value.status, caught.value.reason) == (500, None)
    assert caught.value.message == f'failed to create typed patch object (/a; x.io/v1, Kind=Thing): {text}'


def test_too_deep_objects_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {'a': deep}
    with pytest.raises(StatusError, match='nested too deeply'):
        apply(None, thing(free=deep), definition=THINGS, manager='one', force=False, now=T1)


def test_managed_fields_can_not_be_applied() -> None:
    with pytest.raises(StatusError, match=r'metadata\.managedFields must be nil') as caught:
        put(None, config_map(managedFields=[]))
    assert caught.value.status == 400


def test_another_type_of_object_can_not_be_applied() -> None:
    with pytest.raises(StatusError, match='invalid object type: /v1, Kind=Secret') as caught:
        put(None, {**config_map(), 'kind': 'Secret'})
    assert caught.value.status == 400


# --- who has applied


def test_an_unchanged_application_keeps_its_time() -> None:
    first = put(None, config_map({'x': '1'}), now=T1)
    assert put(first, config_map({'x': '1'}), now=T2) == first


def test_another_version_of_the_same_applier_is_the_same_manager() -> None:
    live = put(None, thing(size=1), definition=THINGS)
    second = define('Thing', 'x.io/v2', THING)
    made = put(live, {**thing(), 'apiVersion': 'x.io/v2', 'spec': {'flag': True}}, definition=second)
    assert [(each['apiVersion'], each['fieldsV1']) for each in made['metadata']['managedFields']] == [
        ('x.io/v2', {'f:spec': {'f:flag': {}}})
    ]
    assert made['spec'] == {'flag': True}


def test_an_untracked_object_belongs_to_a_manager_before_the_first_application() -> None:
    made = put(config_map({'x': '1'}, uid='u'), config_map({'y': '2'}), now=T2)
    assert owners(made) == {
        'one': {'f:data': {'f:y': {}}},
        'before-first-apply': {'f:data': {'.': {}, 'f:x': {}}},
    }
    with pytest.raises(StatusError, match=r'conflict with "before-first-apply" using v1: .data.x'):
        put(config_map({'x': '1'}, uid='u'), config_map({'x': '2'}))


LAST = 'kubectl.kubernetes.io/last-applied-configuration'


def client_side() -> dict[str, Any]:
    live = config_map({'x': '1'}, annotations={LAST: json.dumps(config_map({'x': '1'}))})
    track_update(live, None, definition=CONFIG_MAPS, manager='kubectl-client-side-apply', now=T1)
    return live


def test_kubectl_takes_over_what_it_has_applied_from_the_client_side() -> None:
    made = put(client_side(), config_map({'x': '2'}), 'kubectl')
    assert made['data'] == {'x': '2'}
    assert json.loads(made['metadata']['annotations'][LAST]) == config_map({'x': '2'})


def test_others_do_not_take_it_over() -> None:
    with pytest.raises(StatusError, match='conflict with "kubectl-client-side-apply" using v1'):
        put(client_side(), config_map({'x': '2'}), 'one')


def test_kubectl_does_not_take_over_what_has_changed_since() -> None:
    live = client_side()
    changed = {**live, 'metadata': dict(live['metadata']), 'data': {'x': '5'}}
    track_update(changed, live, definition=CONFIG_MAPS, manager='other', now=T2)
    with pytest.raises(StatusError, match='conflict with "other" using v1'):
        put(changed, config_map({'x': '2'}), 'kubectl')


def test_what_has_become_atomic_is_owned_as_a_whole() -> None:
    live = put(None, thing(opts={'a': '1'}, size=1), definition=THINGS)
    schema = copy.deepcopy(THING)
    schema['properties']['spec']['properties']['opts']['x-kubernetes-map-type'] = 'atomic'
    made = put(live, thing(flag=True), 'two', definition=define('Thing', 'x.io/v1', schema))
    assert owners(made)['one'] == {'f:spec': {'f:opts': {}, 'f:size': {}}}


def test_what_has_become_granular_stays_as_it_was() -> None:
    schema = copy.deepcopy(THING)
    schema['properties']['spec']['properties']['opts']['x-kubernetes-map-type'] = 'atomic'
    live = put(None, thing(opts={'a': '1'}), definition=define('Thing', 'x.io/v1', schema))
    made = put(live, thing(opts={'b': '2'}), 'two', definition=THINGS)
    assert made['spec'] == {'opts': {'a': '1', 'b': '2'}}
    assert owners(made) == {'one': {'f:spec': {'f:opts': {}}}, 'two': {'f:spec': {'f:opts': {'f:b': {}}}}}


# --- any input

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.sampled_from(['', 'a', 'type']),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(['type', 'val', 'a', 'set', 'conds']), below, max_size=3)
    ),
    max_leaves=8,
)
specs = st.dictionaries(st.sampled_from([*THING['properties']['spec']['properties']]), json_values, max_size=4)


def forced(live: dict[str, Any] | None, obj: dict[str, Any], manager: str) -> tuple[dict[str, Any] | None, int]:
    """The object after an application, or before it if it is refused; and the status."""
    try:
        return put(live, obj, manager, definition=THINGS, force=True), 200
    except StatusError as error:
        return live, error.status


@settings(max_examples=60, deadline=None)
@given(specs, specs, json_values)
def test_any_configuration_is_merged_or_refused(one: Any, two: Any, metadata: Any) -> None:
    live, status = forced(None, thing(**one), 'one')
    assert status in (200, 500)
    live, status = forced(live, {**thing(**two), 'metadata': metadata}, 'two')
    assert status in (200, 400, 500)
    # What loses all of its fields is null at first, and is empty once it is applied as empty.
    for _ in range(2):
        live, status = forced(live, thing(), 'one')
        assert status == 200
    assert forced(live, thing(), 'one') == (live, 200)


@settings(max_examples=60, deadline=None)
@given(specs, specs)
def test_who_applies_nothing_owns_nothing(one: Any, two: Any) -> None:
    live, _ = forced(None, thing(**one), 'one')
    live, _ = forced(live, thing(**two), 'one')
    made = put(live, {key: value for key, value in thing().items() if key != 'spec'}, definition=THINGS)
    assert 'one' not in owners(made)
