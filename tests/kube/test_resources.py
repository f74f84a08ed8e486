"""kmock.resources: declared and served resource types as one live mapping; loading what was fetched of a cluster."""

import bz2
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Origin
from kmock.kube.discovery.answering import Discovery
from kmock.kube.resources.array import ResourceInfo, ResourcesArray
from kmock.kube.resources.bundled import bundled_definitions, load_bundled
from kmock.kube.resources.loose import ALL_VERBS
from kmock.kube.resources.registry import Registry
from kmock.naming import Resource, resource

KEX = Resource('kopf.dev', 'v1', 'kopfexamples')
LISTS = [
    {
        'kind': 'APIResourceList',
        'groupVersion': 'kopf.dev/v1',
        'resources': [
            {
                'name': 'kopfexamples',
                'singularName': 'kopfexample',
                'namespaced': True,
                'kind': 'KopfExample',
                'verbs': ['get', 'list', 'watch'],
                'shortNames': ['kex'],
                'categories': ['all'],
            },
            {'name': 'kopfexamples/status', 'singularName': '', 'kind': 'KopfExample', 'verbs': ['get', 'patch']},
            {'name': 'kopfexamples/scale', 'group': 'autoscaling', 'version': 'v1', 'kind': 'Scale', 'verbs': ['get']},
        ],
    }
]


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def resources(registry: Registry) -> ResourcesArray:
    return ResourcesArray(registry)


@pytest.mark.parametrize(
    'key',
    [
        'kopf.dev/v1/kopfexamples',
        'kopfexamples.v1.kopf.dev',
        ('kopf.dev', 'v1', 'kopfexamples'),
        KEX,
        resource('kopf.dev/v1/kopfexamples'),
        resource(group='kopf.dev', version='v1', plural='kopfexamples'),
    ],
)
def test_a_resource_is_declared_under_any_notation_of_its_name(resources: ResourcesArray, key: Any) -> None:
    resources[key] = {}
    assert list(resources) == [KEX]
    assert key in resources
    assert resources[key] is resources[KEX]


def test_what_is_not_declared_gets_the_widest_meaning(resources: ResourcesArray, registry: Registry) -> None:
    resources[KEX] = {}
    definition = registry.find(KEX)
    assert definition is not None
    assert definition.origin is Origin.LOOSE
    assert (definition.kind, definition.list_kind, definition.namespaced) == (
        'Kopfexamples',
        'KopfexamplesList',
        True,
    )
    assert definition.verbs == ALL_VERBS
    assert resources[KEX] == ResourceInfo()


def test_all_that_is_declared_is_served(resources: ResourcesArray, registry: Registry) -> None:
    resources[KEX] = {
        'kind': 'KopfExample',
        'singular': 'kopfexample',
        'namespaced': False,
        'verbs': ['get', 'list'],
        'shortnames': {'kex'},
        'categories': ['all'],
        'subresources': ['status', 'scale', 'log'],
    }
    definition = registry.find(KEX)
    assert definition is not None
    assert definition is registry.of_kind('kopf.dev/v1', 'KopfExample')
    assert (definition.verbs, definition.shortnames, definition.namespaced) == (('get', 'list'), ('kex',), False)
    assert definition.subresources['scale'].kind == 'Scale'
    assert definition.scale is not None
    assert definition.has_status


def test_asking_declares(resources: ResourcesArray, registry: Registry) -> None:
    resources[KEX].kind = 'KopfExample'
    definition = registry.find(KEX)
    assert definition is not None
    assert definition.kind == 'KopfExample'
    assert resources[KEX].kind == 'KopfExample'


def test_looking_does_not_declare(resources: ResourcesArray) -> None:
    assert KEX not in resources
    assert resources.get(KEX) is None
    assert resources.pop(KEX, None) is None
    assert len(resources) == 0
    with pytest.raises(KeyError):
        del resources[KEX]
    with pytest.raises(KeyError):
        resources.pop(KEX)


def test_changes_of_an_info_take_effect_at_once(resources: ResourcesArray, registry: Registry) -> None:
    info = resources[KEX]
    before = registry.revision
    info.shortnames.add('kex')
    info.verbs |= {'get', 'list'}
    info.subresources = ['status']  # type: ignore[assignment]
    definition = registry.find(KEX)
    assert definition is not None
    assert definition.shortnames == ('kex',)
    assert definition.verbs == ('get', 'list')
    assert definition.has_status
    assert registry.revision > before
    assert resources[KEX] is info


MUTATIONS = [
    lambda words: words.add('b'),
    lambda words: words.discard('a'),
    lambda words: words.remove('a'),
    lambda words: words.pop(),
    lambda words: words.clear(),
    lambda words: words.update({'b'}),
    lambda words: words.difference_update({'a'}),
    lambda words: words.intersection_update({'b'}),
    lambda words: words.symmetric_difference_update({'a', 'b'}),
    lambda words: words.__ior__({'b'}),
    lambda words: words.__isub__({'a'}),
    lambda words: words.__iand__(set()),
    lambda words: words.__ixor__({'b'}),
]


@pytest.mark.parametrize('mutate', MUTATIONS)
def test_every_way_to_change_a_set_of_words_is_heard(
    resources: ResourcesArray, registry: Registry, mutate: Any
) -> None:
    info = ResourceInfo(shortnames={'a'})
    resources[KEX] = info
    mutate(info.shortnames)
    definition = registry.find(KEX)
    assert definition is not None
    assert definition.shortnames == tuple(sorted(info.shortnames)) != ('a',)


def test_what_was_removed_or_replaced_is_not_heard_any_more(resources: ResourcesArray, registry: Registry) -> None:
    first = resources[KEX]
    resources[KEX] = {'kind': 'Second'}
    first.kind = 'First'
    assert resources[KEX].kind == 'Second'
    second = resources.pop(KEX)
    second.kind = 'Third'
    assert registry.find(KEX) is None


def test_one_info_can_declare_several_resources(resources: ResourcesArray, registry: Registry) -> None:
    info = ResourceInfo(kind='Shared')
    resources['a.example/v1/as'] = resources['b.example/v1/bs'] = info
    info.kind = 'Changed'
    assert {each.kind for each in registry} == {'Changed'}


def test_built_in_resources_stay_strict_when_they_are_changed(resources: ResourcesArray, registry: Registry) -> None:
    load_bundled(registry)
    resources['v1/pods'].shortnames.add('p')
    pods = registry.find(Resource('', 'v1', 'pods'))
    assert pods is not None
    assert pods.origin is Origin.BUILT_IN
    assert pods.shortnames == ('p', 'po')
    assert pods.subresources['eviction'].group == 'policy'
    assert pods.schema is not None
    others = [each for each in bundled_definitions() if each.resource.plural == 'pods']
    assert others[0].shortnames == ('po',)


def test_a_built_in_resource_that_is_declared_is_loose(resources: ResourcesArray, registry: Registry) -> None:
    load_bundled(registry)
    resources['v1/pods'] = {'kind': 'Pod'}
    pods = registry.of_kind('v1', 'Pod')
    assert pods is not None
    assert pods.origin is Origin.LOOSE


def test_what_others_serve_is_seen(resources: ResourcesArray, registry: Registry) -> None:
    resources.load_bundled()
    assert len(resources) == len(bundled_definitions())
    info = resources['v1/pods']
    assert (info.kind, info.namespaced, info.shortnames) == ('Pod', True, {'po'})
    assert {'status', 'log', 'exec'} <= info.subresources
    resources.clear()
    assert len(registry) == 0


def test_a_part_of_a_name_is_enough_if_only_one_resource_has_it(resources: ResourcesArray) -> None:
    resources.load_bundled()
    assert resources['pods'].kind == 'Pod'
    with pytest.raises(ValueError, match='is ambiguous: events'):
        resources['events']
    with pytest.raises(ValueError, match='is not served'):
        resources['absents']
    assert 'absents' not in resources


@pytest.mark.parametrize('value', [None, 5, 'Kind', ['get'], {'bogus': 1}, {'verbs': 'get'}])
def test_anything_but_a_dict_of_known_keys_is_refused(resources: ResourcesArray, value: Any) -> None:
    with pytest.raises(TypeError):
        resources[KEX] = value
    assert KEX not in resources


@pytest.mark.parametrize(
    ('value', 'told'),
    [
        ({'kind': 5}, 'kind=5: it must be a string, or None.'),
        ({'singular': True}, 'singular=True: it must be a string, or None.'),
        ({'namespaced': 'yes'}, "namespaced='yes': it must be True, False, or None."),
        ({'verbs': 5}, 'verbs are several words, not 5.'),
        ({'subresources': [5]}, 'subresources are several words, not [5].'),
        ({'bogus': 1}, 'A resource has no bogus. It has namespaced, kind, '),
    ],
)
def test_wrong_values_are_refused_by_name(resources: ResourcesArray, value: Any, told: str) -> None:
    with pytest.raises(TypeError, match=re.escape(told)):
        resources[KEX] = value
    assert KEX not in resources


@pytest.mark.parametrize('key', [5, None, b'v1/pods'])
def test_odd_keys_are_refused(resources: ResourcesArray, key: Any) -> None:
    assert key not in resources
    with pytest.raises(TypeError, match='A resource is named'):
        resources[key]


def test_info_shows_what_is_declared() -> None:
    assert repr(ResourceInfo()) == 'ResourceInfo()'
    info = ResourceInfo(kind='Pod', namespaced=False, shortnames=['po'])
    assert repr(info) == "ResourceInfo(namespaced=False, kind='Pod', shortnames={'po'})"
    assert info == ResourceInfo(kind='Pod', namespaced=False, shortnames={'po'})
    assert info != ResourceInfo(kind='Pod')


# --- loading


def packed(name: str, data: bytes) -> bytes:
    packers = {'.gz': gzip.compress, '.bz2': bz2.compress, '.zst': zstandard.ZstdCompressor().compress}
    return packers.get(Path(name).suffix, bytes)(data)


@pytest.mark.parametrize('name', ['r.json', 'r.json.gz', 'r.json.bz2', 'r.json.zst'])
def test_files_are_loaded_packed_or_not(resources: ResourcesArray, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packed(name, json.dumps(LISTS).encode()))
    resources.load_path(str(tmp_path / name))
    info = ResourceInfo(
        namespaced=True,
        kind='KopfExample',
        singular='kopfexample',
        verbs={'get', 'list', 'watch'},
        shortnames={'kex'},
        categories={'all'},
        subresources={'status', 'scale'},
    )
    assert dict(resources) == {KEX: info}


@pytest.mark.parametrize('name', ['r.json', 'r.json.gz', 'r.json.bz2', 'r.json.zst'])
def test_files_that_are_something_else_are_refused(resources: ResourcesArray, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'something else')
    with pytest.raises(ValueError, match=rf"Can't load resources from .*{name}"):
        resources.load_path(tmp_path / name)


def test_loaded_subresources_are_as_in_the_cluster(resources: ResourcesArray, registry: Registry) -> None:
    resources.load_data(json.dumps(LISTS))
    definition = registry.find(KEX)
    assert definition is not None
    assert definition.subresources['status'].verbs == ('get', 'patch')
    assert (definition.subresources['scale'].group, definition.subresources['scale'].version) == ('autoscaling', 'v1')
    assert definition.scale is not None


def test_what_discovery_tells_can_be_loaded(resources: ResourcesArray, registry: Registry) -> None:
    """The round trip: a cluster's documents give the same resources, the built-in ones with their schemas."""
    source = Registry()
    load_bundled(source)
    ResourcesArray(source)[KEX] = {'kind': 'KopfExample', 'subresources': ['status']}
    discovery = Discovery(source)
    documents = []
    for path in ('/api/v1', '/apis/apps/v1', '/apis/kopf.dev/v1'):
        answer = discovery.answer(path, {}, 'application/json', {})
        assert answer is not None
        assert isinstance(answer.body, bytes)
        documents.append(json.loads(answer.body))
    resources.load_data(json.dumps(documents))
    deployments = registry.find(Resource('apps', 'v1', 'deployments'))
    assert deployments is source.find(Resource('apps', 'v1', 'deployments'))
    loaded, declared = registry.find(KEX), source.find(KEX)
    assert loaded is not None
    assert declared is not None
    assert (loaded.kind, loaded.verbs, loaded.singular) == (declared.kind, declared.verbs, declared.singular)
    assert loaded.subresources == declared.subresources


BROKEN = ['', 'text', '5', '"text"', '[5]', '[{}]', '[{"groupVersion": "v1"}]', '[' * 100_000]
BROKEN += ['[{"groupVersion": 5, "resources": []}]', '[{"groupVersion": "v1", "resources": [{}]}]']


@pytest.mark.parametrize('data', BROKEN)
def test_other_data_is_refused(resources: ResourcesArray, data: str) -> None:
    with pytest.raises(ValueError):
        resources.load_data(data)
    assert len(resources) == 0


@pytest.mark.parametrize('data', [b'{}', '[]'])
def test_to_load_nothing_is_a_mistake(resources: ResourcesArray, data: str | bytes) -> None:
    with pytest.raises(ValueError, match=r'no resources in it\. .*kmock fetch resources'):
        resources.load_data(data)
    assert len(resources) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(['name', 'kind', 'verbs', 'resources', 'groupVersion', 'group']), inner)
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_is_loaded_is_served_or_refused(documents: list[Any]) -> None:
    registry = Registry()
    try:
        ResourcesArray(registry).load_data(json.dumps(documents))
    except ValueError:
        assert len(registry) == 0
    assert Discovery(registry).answer('/apis', {}, '', {}) is not None
