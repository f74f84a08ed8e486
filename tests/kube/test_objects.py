"""kmock.objects: what tests see of the cluster, and put into it."""

import copy
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kmock.kube.cluster import NAMESPACES, Cluster
from kmock.kube.controllers.custom import CRDS, CustomResources
from kmock.kube.definitions import Json, Origin
from kmock.kube.objects import Object, ObjectHistory, ObjectsArray, ObjectVersion
from kmock.kube.resources.array import ResourcesArray
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.store import Store
from kmock.naming import Resource, resource

KEX = 'kopf.dev/v1/kopfexamples'
PLACE = Resource('kopf.dev', 'v1', 'kopfexamples')
KEY = (KEX, 'ns', 'name')


@pytest.fixture(scope='module')
def bundled() -> Registry:
    registry = Registry()
    load_bundled(registry)
    return registry


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def objects(cluster: Cluster) -> ObjectsArray:
    return ObjectsArray(cluster)


@pytest.fixture
def verbatim() -> ObjectsArray:
    return ObjectsArray(Cluster(registry=Registry(verbatim=True)))


@pytest.fixture
def real() -> ObjectsArray:
    """The objects of a cluster with the bundled resources."""
    registry = Registry()
    load_bundled(registry)
    return ObjectsArray(Cluster(registry=registry))


# --- keys


@pytest.mark.parametrize(
    'named', [KEX, 'kopfexamples.v1.kopf.dev', PLACE, resource(KEX), 'kopfexamples', resource(group='kopf.dev')]
)
def test_an_object_is_found_under_any_notation_of_its_resource(objects: ObjectsArray, named: Any) -> None:
    objects[KEY] = {'spec': 1}
    assert objects[named, 'ns', 'name']['spec'] == 1
    assert (named, 'ns', 'name') in objects


@pytest.mark.parametrize('key', [(KEX, 'ns', 'other'), (KEX, None, 'name'), ('a/v1/b', 'ns', 'name'), ('b', 'ns', 'x')])
def test_what_was_never_there_is_a_key_error(objects: ObjectsArray, key: Any) -> None:
    objects[KEY] = {}
    with pytest.raises(KeyError):
        objects[key]
    with pytest.raises(KeyError):
        del objects[key]
    assert key not in objects
    assert objects.get(key) is None
    assert len(objects) == 1


@pytest.mark.parametrize(
    ('key', 'error'),
    [
        (KEX, TypeError),
        ((KEX, 'ns'), TypeError),
        ((KEX, 'ns', 'name', 1, 2), TypeError),
        ((5, 'ns', 'name'), TypeError),
        ((KEX, 5, 'name'), TypeError),
        ((KEX, 'ns', None), TypeError),
        ((KEX, 'ns', 'name', 'x'), TypeError),
        ((KEX, 'ns', ''), ValueError),
        (('???', 'ns', 'name'), ValueError),
        (('kopfexamples', 'ns', 'name'), ValueError),
    ],
)
def test_bad_keys_are_refused_where_they_are_written(objects: ObjectsArray, key: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        objects[key] = {}
    assert key not in objects
    assert len(objects) == 0


@pytest.mark.parametrize('value', [5, 'abc', [5], ['abc'], b'', ...])
def test_only_mappings_none_and_lists_of_these_are_objects(objects: ObjectsArray, value: Any) -> None:
    with pytest.raises(TypeError):
        objects[KEY] = value
    assert KEY not in objects


def test_objects_are_listed_in_the_order_in_which_they_came(objects: ObjectsArray) -> None:
    objects[KEX, 'ns2', 'b'] = {}
    objects[KEX, 'ns1', 'c'] = {}
    objects['x.dev/v1/things', None, 'a'] = {}
    objects[KEX, 'ns2', 'b'] = {'spec': 1}
    expected = [(resource(KEX), 'ns2', 'b'), (resource(KEX), 'ns1', 'c'), (resource('x.dev/v1/things'), None, 'a')]
    assert list(objects) == list(objects.keys()) == expected
    assert [(key, value.raw) for key, value in objects.items()] == [(key, objects[key].raw) for key in expected]
    assert all(key in objects for key in objects)
    objects.clear()
    assert list(objects) == []
    assert not objects


# --- what an object gets


def test_an_object_gets_what_every_object_of_a_cluster_has(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {'spec': 123}
    raw = objects[KEY].raw
    assert raw == {
        'apiVersion': 'kopf.dev/v1',
        'kind': 'Kopfexamples',
        'metadata': {
            'name': 'name',
            'namespace': 'ns',
            'uid': raw['metadata']['uid'],
            'creationTimestamp': raw['metadata']['creationTimestamp'],
            'resourceVersion': str(cluster.store.revision),
        },
        'spec': 123,
    }
    assert objects[KEY] >= {'spec': 123}


def test_what_the_test_gives_is_kept_but_for_name_namespace_and_version(objects: ObjectsArray) -> None:
    metadata = {'name': 'x', 'namespace': 'x', 'uid': 'u', 'creationTimestamp': '2020-01-01T00:00:00Z', 'labels': {}}
    objects[KEY] = {'metadata': {**metadata, 'resourceVersion': 'x', 'generation': 7}}
    kept = {**metadata, 'name': 'name', 'namespace': 'ns', 'generation': 7}
    assert objects[KEY] >= {'metadata': kept}
    assert objects[KEY]['metadata']['resourceVersion'].isdigit()


def test_a_copy_of_an_object_is_another_object(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': 1}
    objects[KEX, 'ns', 'copy'] = objects[KEY].raw
    assert objects[KEX, 'ns', 'copy'] >= {'metadata': {'name': 'copy'}, 'spec': 1}
    assert objects[KEX, 'ns', 'copy']['metadata']['uid'] != objects[KEY]['metadata']['uid']


def test_an_object_that_is_put_over_another_is_the_same_one(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': 1}
    uid = objects[KEY]['metadata']['uid']
    objects[KEY] = {'spec': 2}
    assert objects[KEY] >= {'metadata': {'uid': uid}, 'spec': 2}
    assert len(objects[KEY].history) == 1


def test_an_object_that_comes_back_is_another_one(objects: ObjectsArray) -> None:
    objects[KEY] = [{'spec': 1}, None, {'spec': 1}]
    first, _, last = objects[KEY].history.raw
    assert first is not None
    assert last is not None
    assert first['metadata']['uid'] != last['metadata']['uid']


def test_a_write_that_changes_nothing_is_no_version(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {'spec': 1}
    revision = cluster.store.revision
    objects[KEY].patch({'spec': 1})
    objects[KEY] = objects[KEY].raw
    objects[KEY]['spec'] = 1
    assert cluster.store.revision == revision
    assert len(objects[KEY].history) == 1


@pytest.mark.parametrize('value', [5, 'abc', []])
def test_metadata_are_a_mapping(objects: ObjectsArray, value: Any) -> None:
    with pytest.raises(TypeError, match='metadata'):
        objects[KEY] = {'metadata': value}


@pytest.mark.parametrize(
    ('write', 'path'),
    [
        (lambda objects: objects.__setitem__(KEY, {'spec': {'a': [1, math.nan]}}), r'spec\.a\[1\] is nan'),
        (lambda objects: objects.__setitem__(KEY, [{'spec': 1}, {'spec': math.inf}]), 'spec is inf'),
        (lambda objects: objects[KEY].patch({'spec': -math.inf}), 'spec is -inf'),
        (lambda objects: objects[KEY].create(spec=math.nan), 'spec is nan'),
        (lambda objects: objects[KEY].__setitem__('spec', math.nan), 'spec is nan'),
        (lambda objects: objects[KEY]['list'].append(math.nan), r'list\[0\] is nan'),
        (lambda objects: objects[KEY].history.append({'spec': math.nan}), 'spec is nan'),
        (lambda objects: objects[KEY].history.insert(0, {'spec': math.nan}), 'spec is nan'),
    ],
)
def test_numbers_that_json_cannot_hold_are_refused_where_they_are_written(
    objects: ObjectsArray, write: Callable[[ObjectsArray], None], path: str
) -> None:
    objects[KEY] = {'list': []}
    before = objects[KEY].history.raw
    with pytest.raises(ValueError, match=f"^{path}, which JSON can't hold"):
        write(objects)
    assert objects[KEY].history.raw == before


def test_what_json_cannot_hold_is_refused(objects: ObjectsArray) -> None:
    with pytest.raises(TypeError, match='JSON'):
        objects[KEY] = {'spec': object()}
    assert KEY not in objects
    objects[KEY] = [{'spec': 1}, {'spec': 2}]
    with pytest.raises(TypeError, match='JSON'):
        objects[KEY] = [{'spec': 3}, {'spec': object()}]
    assert objects[KEY].history >= [{'spec': 1}, {'spec': 2}]


# --- what it is of


def test_an_object_declares_its_resource(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEX, 'ns', 'a'] = {'kind': 'KopfExample'}
    objects['x.dev/v1/things', None, 'a'] = {}
    example = cluster.registry.find(PLACE)
    thing = cluster.registry.find(Resource('x.dev', 'v1', 'things'))
    assert example is not None
    assert thing is not None
    assert (example.origin, example.kind, example.namespaced) == (Origin.LOOSE, 'KopfExample', True)
    assert (thing.origin, thing.kind, thing.namespaced) == (Origin.LOOSE, 'Things', False)
    objects['x.dev/v1/things', 'ns', 'b'] = {'kind': 'Thing'}
    assert objects['x.dev/v1/things', None, 'a']['kind'] == 'Thing'


def test_the_kind_is_learned_only_where_it_is_not_declared(objects: ObjectsArray, cluster: Cluster) -> None:
    resources = ResourcesArray(cluster.registry)
    resources[KEX] = {}
    resources['x.dev/v1/things'] = {'kind': 'Thing', 'namespaced': False}
    objects[KEY] = {'kind': 'KopfExample'}
    objects['x.dev/v1/things', None, 'a'] = {'kind': 'Other'}
    assert resources[KEX].kind == objects[KEY]['kind'] == 'KopfExample'
    assert resources['x.dev/v1/things'].kind == objects['x.dev/v1/things', None, 'a']['kind'] == 'Thing'
    with pytest.raises(ValueError, match='has no namespaces'):
        objects['x.dev/v1/things', 'ns', 'a'] = {}


@pytest.mark.parametrize('key', [('v1/pods', None, 'a'), ('v1/nodes', 'ns', 'a')])
def test_built_in_resources_have_their_scope(real: ObjectsArray, key: Any) -> None:
    with pytest.raises(ValueError, match='namespace'):
        real[key] = {}
    assert len(real) == 0


def test_the_generation_of_a_built_in_kind_grows_with_its_spec(real: ObjectsArray) -> None:
    key = ('apps/v1/deployments', 'ns', 'name')
    real[key] = {'spec': {'replicas': 1}}
    assert real[key] >= {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'generation': 1}}
    real[key].patch({'status': {'replicas': 1}, 'metadata': {'labels': {'a': 'b'}}})
    assert real[key]['metadata']['generation'] == 1
    real[key]['spec']['replicas'] = 2
    assert real[key]['metadata']['generation'] == 2


def test_all_versions_of_a_resource_share_their_objects(objects: ObjectsArray) -> None:
    objects['x.dev/v1/things', 'ns', 'a'] = {'spec': 1}
    objects['x.dev/v2/things', 'ns', 'b'] = {}
    assert objects['x.dev/v2/things', 'ns', 'a'] >= {'apiVersion': 'x.dev/v2', 'spec': 1}
    assert len(objects) == 2


def test_a_custom_resource_definition_is_checked_and_served(real: ObjectsArray) -> None:
    cluster: Any = real._cluster
    custom = CustomResources(cluster)
    real.written.append(lambda definition, obj: custom.written(obj) if definition.resource == CRDS else None)
    key = ('apiextensions.k8s.io/v1/customresourcedefinitions', None, 'kopfexamples.kopf.dev')
    schema = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
    version = {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}}
    names = {'plural': 'kopfexamples', 'kind': 'KopfExample'}
    with pytest.raises(ValueError, match=r'spec\.'):
        real[key] = {'spec': {'group': 'kopf.dev'}}
    assert len(real) == 0
    real[key] = {'spec': {'group': 'kopf.dev', 'scope': 'Namespaced', 'names': names, 'versions': [version]}}
    definition = cluster.registry.find(PLACE)
    assert (definition.kind, definition.origin) == ('KopfExample', Origin.CUSTOM)
    real[key]['spec']['names']['shortNames'] = ['kex']
    assert cluster.registry.find(PLACE).shortnames == ('kex',)
    with pytest.raises(ValueError, match=r'spec\.'):
        real[key].patch({'spec': {'scope': 'Cluster'}})
    real[KEY] = {'spec': 1}
    assert real[KEY] >= {'kind': 'KopfExample', 'metadata': {'generation': 1}}
    real[key].delete()
    assert cluster.registry.find(PLACE) is None
    assert real[KEY].deleted
    assert real[KEY].last >= {'spec': 1}
    assert len(real) == 2


def test_what_is_there_from_the_start_is_found_but_does_not_count(real: ObjectsArray) -> None:
    cluster: Any = real._cluster
    cluster.store.put(('', 'namespaces'), 'default', {'metadata': {'name': 'default'}})
    cluster.seeded.add((('', 'namespaces'), 'default'))
    key = (NAMESPACES, None, 'default')
    assert real[key] >= {'kind': 'Namespace', 'metadata': {'name': 'default'}}
    assert key in real
    assert len(real) == 0
    assert list(real) == []
    real.clear()
    assert key in real
    real[key].patch({'metadata': {'labels': {'a': 'b'}}})
    assert list(real) == [(resource('v1/namespaces'), None, 'default')]


# --- changes


def test_changes_are_written_to_the_store(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {'spec': {'x': {'y': 1}}, 'items': [{'a': 1}], 'other': 1}
    subscription = cluster.store.watch(('kopf.dev', 'kopfexamples'), None)
    obj = objects[KEY]
    obj['status'] = {'phase': 'New'}
    obj['spec']['x']['y'] = 2
    obj['items'][0]['a'] = 2
    obj['items'].append({'b': [1]})
    obj['items'][1]['b'] += [2]
    del obj['other']
    del obj['spec']['x']['y']
    obj.last['last'] = True
    newest: Any = obj.history[-1]
    newest['first'] = True
    seen = [event.after.decode() for event in subscription.take()]
    assert len(seen) == 9
    for state in seen:
        del state['metadata']
    assert seen[-1] == {
        'spec': {'x': {}},
        'items': [{'a': 2}, {'b': [1, 2]}],
        'status': {'phase': 'New'},
        'last': True,
        'first': True,
    }
    assert len(obj.history) == 1


def test_watchers_see_whole_histories(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {'spec': 0}
    subscription = cluster.store.watch(('kopf.dev', 'kopfexamples'), None)
    objects[KEY] = [{'spec': 1}, {'spec': 2}, None, {'spec': 3}]
    objects[KEY].patch(spec=4)
    del objects[KEY]
    seen = [(each.deleted, each.before is None, each.after.decode()['spec']) for each in subscription.take()]
    assert seen == [
        (False, False, 1),
        (False, False, 2),
        (True, False, 2),
        (False, True, 3),
        (False, False, 4),
        (True, False, 4),
    ]


def test_several_values_are_updated_in_one_write(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {}
    revision = cluster.store.revision
    objects[KEY].update({'spec': 1}, status=2)
    assert objects[KEY] >= {'spec': 1, 'status': 2}
    assert cluster.store.revision == revision + 1


def test_a_held_mapping_writes_its_own_place_only(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': {'x': 1}}
    held = objects[KEY]['spec']
    objects[KEY].patch({'spec': {'z': 1}, 'status': 1})
    held['x'] = 2
    assert held == {'x': 2}
    assert objects[KEY] >= {'spec': {'x': 2, 'z': 1}, 'status': 1}


def test_nested_lists_and_mappings_are_plain_when_compared_and_given_on(objects: ObjectsArray) -> None:
    objects[KEY] = {'items': [{'a': [1]}]}
    items = objects[KEY]['items']
    assert items == [{'a': [1]}]
    objects[KEX, 'ns', 'other'] = {'items': items}
    items.clear()
    assert objects[KEX, 'ns', 'other']['items'] == [{'a': [1]}]
    assert objects[KEY]['items'] == []


def test_raw_is_made_anew(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': {'x': 1}}
    objects[KEY].raw['spec']['x'] = 2
    assert objects[KEY]['spec'] == {'x': 1}
    assert type(objects[KEY].raw['spec']) is dict


def test_copies_are_on_their_own(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': {'x': 1}}
    for copied in (copy.copy(objects[KEY]), copy.deepcopy(objects[KEY])):
        copied['spec']['x'] = 2
        assert copied['spec'] == {'x': 2}
    history = copy.deepcopy(objects[KEY].history)
    history.append(None)
    assert objects[KEY]['spec'] == {'x': 1}
    assert len(objects[KEY].history) == 1


def test_who_listens_is_told_of_writes_and_deletions(objects: ObjectsArray) -> None:
    told: list[Any] = []
    objects.written.append(lambda definition, obj: told.append(('written', definition.kind, obj['spec'])))
    objects.removed.append(lambda definition, stored: told.append(('removed', definition.kind, stored.name)))
    objects[KEY] = {'spec': 1}
    objects[KEY].patch({'spec': 2})
    objects[KEY].patch({'spec': 2})
    objects[KEY].delete()
    objects[KEY].delete()
    del objects[KEY]
    kind = 'Kopfexamples'
    assert told == [('written', kind, 1), ('written', kind, 2), ('removed', kind, 'name')]


def test_changes_from_several_threads_are_all_there(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': {}, 'items': []}

    def change(number: int) -> None:
        for step in range(20):
            objects[KEY]['spec'][f'{number}-{step}'] = step
            objects[KEY].patch({'status': {f'{number}-{step}': step}})

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(objects[KEY]['spec']) == len(objects[KEY]['status']) == 80
    assert len(objects[KEY].history) == 81


# --- deletions and histories


def test_a_deleted_object_is_remembered(objects: ObjectsArray) -> None:
    objects[KEY] = {'spec': 1}
    obj = objects[KEY]
    obj.delete()
    assert obj.deleted
    assert not obj.empty
    assert not obj
    assert dict(obj) == {}
    assert obj.last >= {'spec': 1}
    assert obj.history >= [{'spec': 1}, None]
    assert KEY in objects
    with pytest.raises(ValueError, match='deleted'):
        _ = obj.raw
    with pytest.raises(KeyError):
        obj['spec']


def test_a_forgotten_object_is_gone_with_its_history(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {'spec': 1}
    obj = objects[KEY]
    del objects[KEY]
    assert KEY not in objects
    assert obj.empty
    assert obj.deleted
    assert cluster.store.all(('kopf.dev', 'kopfexamples')) == []
    with pytest.raises(ValueError, match='no last'):
        _ = obj.last


def test_what_clients_write_is_in_the_history(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = {'spec': 1}
    bucket = ('kopf.dev', 'kopfexamples')
    cluster.store.put(bucket, 'ns/name', {'metadata': {'name': 'name'}, 'spec': 2})
    cluster.store.delete(bucket, 'ns/name')
    cluster.store.put(bucket, 'ns/other', {'metadata': {'name': 'other'}, 'spec': 3})
    assert [each and each['spec'] for each in objects[KEY].history] == [1, 2, None]
    assert list(objects)[-1] == (resource(KEX), 'ns', 'other')


def test_without_histories_the_present_state_is_all_there_is() -> None:
    objects = ObjectsArray(Cluster(store=Store(history=0)))
    objects[KEY] = {'spec': 1}
    objects[KEY].patch({'spec': 2})
    objects[KEY] = objects[KEY].raw
    only: Any = objects[KEY].history[0]
    only['spec'] = 3
    objects[KEY]['spec'] = 4
    assert objects[KEY].history >= [{'spec': 4}]
    assert len(objects[KEY].history) == 1
    assert len(objects) == 1
    objects[KEY].delete()
    assert KEY not in objects


def test_an_edited_history_keeps_the_present_state_in_step(objects: ObjectsArray, cluster: Cluster) -> None:
    objects[KEY] = [{'spec': 1}, {'spec': 2}]
    history = objects[KEY].history
    history[0] = {'spec': 0}
    assert objects[KEY]['spec'] == 2
    history[1] = {'spec': 3}
    assert objects[KEY]['spec'] == 3
    history.append({'spec': 4})
    assert objects[KEY]['spec'] == 4
    history.append(None)
    assert objects[KEY].deleted
    assert cluster.store.all(('kopf.dev', 'kopfexamples')) == []
    history.pop()
    assert objects[KEY]['spec'] == 4
    objects[KEX, 'ns', 'name', 1:] = [{'spec': 5}, None]
    assert [each and each['spec'] for each in objects[KEX, 'ns', 'name', :]] == [0, 5, None]
    del objects[KEX, 'ns', 'name', :]
    assert objects[KEY].empty
    assert KEY in objects


# --- verbatim: as in 0.8


@pytest.fixture
def obj(verbatim: ObjectsArray) -> Iterator[Object]:
    verbatim[KEY] = {'spec': {'x': 1}}
    yield verbatim[KEY]
    assert verbatim[KEY] == dict(verbatim[KEY])


def test_verbatim_objects_are_as_they_were_given(verbatim: ObjectsArray) -> None:
    for given in ({}, {'spec': 1}, {'metadata': {'name': 'x'}}, {'kind': 'X', 'apiVersion': 'y'}, {'metadata': None}):
        verbatim[KEY] = given
        assert verbatim[KEY].raw == given
        assert repr(verbatim[KEY]) == f'Object([{given!r}])'
    verbatim['v1/pods', None, 'a'] = {}
    assert verbatim['v1/pods', None, 'a'].raw == {}
    verbatim['v1/pods', 'ns', 'a'] = {'x': 1}
    assert verbatim['v1/pods', 'ns', 'a'].raw == {'x': 1}


def test_items_change_the_last_version(obj: Object) -> None:
    obj['spec'] = 2
    obj.update({'v': 1}, w=2)
    assert obj.pop('w') == 2
    assert obj.setdefault('z', 4) == 4
    obj['none'] = None
    assert obj.history == [{'spec': 2, 'v': 1, 'z': 4, 'none': None}]
    obj.clear()
    assert obj.history == [{}]
    with pytest.raises(KeyError):
        del obj['spec']


def test_methods_add_versions(obj: Object) -> None:
    obj.patch({'spec': {'x': None, 'y': 1}})
    obj.patch([{'op': 'replace', 'path': '/spec', 'value': 7}])
    obj.patch({'spec': 1}, spec=2)
    obj.patch(metadata={'labels': {}})
    obj.create({'q': 1}, w=2)
    obj.create()
    obj.delete()
    obj.delete()
    assert obj.history == [
        {'spec': {'x': 1}},
        {'spec': {'y': 1}},
        {'spec': 7},
        {'spec': 2},
        {'spec': 2, 'metadata': {'labels': {}}},
        {'q': 1, 'w': 2},
        {},
        None,
        None,
    ]


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda obj: obj.__setitem__('q', 1), [{'q': 1}]),
        (lambda obj: obj.update(q=1), [{'q': 1}]),
        (lambda obj: obj.patch({'q': 1}), [{'q': 1}]),
        (lambda obj: obj.create({'q': 1}), [{'q': 1}]),
        (lambda obj: obj.patch({}), [{}]),
        (lambda obj: obj.clear(), []),
        (lambda obj: obj.delete(), [None]),
    ],
)
@pytest.mark.parametrize('before', [[], [None], [{'spec': 1}, None]])
def test_what_is_written_to_a_deleted_object_is_a_new_version(
    verbatim: ObjectsArray, before: Any, change: Any, expected: Any
) -> None:
    verbatim[KEY] = before
    alone = Object(before)
    for obj in (verbatim[KEY], alone):
        change(obj)
        assert obj.history == [*before, *expected]


@pytest.mark.parametrize(
    ('patch', 'error'),
    [
        (5, TypeError),
        ('abc', TypeError),
        ([{'op': 'test', 'path': '/spec', 'value': 5}], ValueError),
        ([{'op': 'remove', 'path': '/absent'}], ValueError),
        ([{'op': 'unknown', 'path': '/spec'}], ValueError),
        ([5], ValueError),
    ],
)
def test_a_patch_that_fails_changes_nothing(obj: Object, patch: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        obj.patch(patch)
    assert obj.history == [{'spec': {'x': 1}}]


def test_a_json_patch_takes_no_keywords(obj: Object) -> None:
    with pytest.raises(TypeError, match='spec'):
        obj.patch([], spec=1)


@pytest.mark.parametrize(
    ('given', 'history', 'deleted', 'empty'),
    [
        ({'a': 1}, [{'a': 1}], False, False),
        ([{'a': 1}, {'a': 2}], [{'a': 1}, {'a': 2}], False, False),
        ([{'a': 1}, None], [{'a': 1}, None], True, False),
        (None, [None], True, False),
        ([], [], True, True),
        (({'a': each} for each in range(2)), [{'a': 0}, {'a': 1}], False, False),
        (Object([{'a': 1}, {'a': 2}]), [{'a': 2}], False, False),
        (ObjectHistory([{'a': 1}, {'a': 2}]), [{'a': 1}, {'a': 2}], False, False),
        (ObjectVersion({'a': 1}, b=2), [{'a': 1, 'b': 2}], False, False),
    ],
)
def test_what_is_assigned_is_the_history(
    verbatim: ObjectsArray, given: Any, history: Any, deleted: bool, empty: bool
) -> None:
    verbatim[KEY] = [{'before': 1}, {'before': 2}]
    verbatim[KEY] = given
    obj = verbatim[KEY]
    assert (obj.history.raw, obj.deleted, obj.empty) == (history, deleted, empty)
    assert len(verbatim) == 1


def test_a_history_is_a_list(verbatim: ObjectsArray) -> None:
    verbatim[KEY] = [{'a': 1}, {'a': 2}, None]
    history = verbatim[KEY].history
    assert [history[0], history[-1], *history[0:2]] == [{'a': 1}, None, {'a': 1}, {'a': 2}]
    assert history.last == {'a': 2}
    assert ({'a': 1} in history, history.index({'a': 2}), history.count(None)) == (True, 1, 1)
    first: Any = history[0]
    first['b'] = 1
    history.insert(0, {'z': 1})
    history.extend([{'a': 3}, None])
    history.remove({'a': 2})
    assert history == [{'z': 1}, {'a': 1, 'b': 1}, None, {'a': 3}, None]
    history.reverse()
    assert verbatim[KEY] == {'z': 1}
    assert [verbatim[(*KEY, 0)], verbatim[(*KEY, -1)]] == [None, {'z': 1}]
    for index in (5, -6):
        with pytest.raises(IndexError):
            verbatim[(*KEY, index)]
        with pytest.raises(IndexError):
            verbatim[(*KEY, index)] = {}
    with pytest.raises(TypeError):
        history.append(5)  # type: ignore[arg-type]
    history.clear()
    assert not history


# --- all of it against a model

states = st.dictionaries(st.sampled_from('abc'), st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=2))
versions = st.none() | states


class HistoryMachine(RuleBasedStateMachine):
    """An object in a verbatim cluster, an object on its own, and a list: the same after any changes."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(registry=Registry(verbatim=True))
        self.array = ObjectsArray(self.cluster)
        self.watch = self.cluster.store.watch(('kopf.dev', 'kopfexamples'), None)
        self.array[KEY] = []
        self.alone = Object([])
        self.model: list[Json | None] = []
        self.watched: Json | None = None

    @property
    def both(self) -> tuple[Object, Object]:
        return self.array[KEY], self.alone

    @rule(version=versions)
    def append(self, version: Json | None) -> None:
        for obj in self.both:
            obj.history.append(version)
        self.model.append(version)

    @rule(key=st.sampled_from('abc'), value=st.integers(0, 2))
    def amend(self, key: str, value: int) -> None:
        for obj in self.both:
            obj[key] = value
        if self.model and self.model[-1] is not None:
            self.model[-1] = {**self.model[-1], key: value}
        else:
            self.model.append({key: value})

    @rule(place=st.slices(4), history=st.lists(versions, max_size=3))
    def replace(self, place: slice, history: list[Json | None]) -> None:
        if place.step in (None, 1):
            for obj in self.both:
                obj.history[place] = history
            self.model[place] = history

    @rule(place=st.slices(4))
    def remove(self, place: slice) -> None:
        for obj in self.both:
            del obj.history[place]
        del self.model[place]

    @rule(index=st.integers(-3, 3), key=st.sampled_from('abc'))
    def change(self, index: int, key: str) -> None:
        if -len(self.model) <= index < len(self.model):
            version = self.model[index]
            if version is not None:
                for obj in self.both:
                    held: Any = obj.history[index]
                    held[key] = 'changed'
                self.model[index] = {**version, key: 'changed'}

    @rule(history=st.lists(versions, max_size=3))
    def assign(self, history: list[Json | None]) -> None:
        self.array[KEY] = history
        self.alone = Object(history)
        self.model = list(history)

    @invariant()
    def histories_are_the_same(self) -> None:
        for obj in self.both:
            assert obj.history.raw == self.model
            assert obj.deleted is (not self.model or self.model[-1] is None)
            assert dict(obj) == ((self.model[-1] if self.model else None) or {})

    @invariant()
    def watchers_are_up_to_date(self) -> None:
        for event in self.watch.take():
            self.watched = None if event.deleted else event.after.decode()
        assert self.watched == (self.model[-1] if self.model else None)


TestHistories = HistoryMachine.TestCase
TestHistories.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
