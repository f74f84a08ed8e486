"""Metadata is validated as a real API server does, in its words."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.definitions import Definition, Json, Origin, Strategy
from kmock.kube.metadata import finalizer_warnings, keep_system_metadata, validate_metadata
from kmock.kube.values import names
from kmock.naming import Resource


def defined(plural: str, *, namespaced: bool = True, group: str = '', origin: Origin = Origin.BUILT_IN) -> Definition:
    return Definition(
        resource=Resource(group, 'v1', plural),
        kind=plural.title(),
        list_kind='',
        singular='',
        namespaced=namespaced,
        verbs=(),
        origin=origin,
        load_strategy=lambda: Strategy(name=names.dns1123_subdomain),
    )


LEASES = defined('leases', group='coordination.k8s.io')
CONFIGMAPS = defined('configmaps')
NODES = defined('nodes', namespaced=False)
WIDGETS = defined('widgets', group='example.com', origin=Origin.CUSTOM)


def meta(**fields: Any) -> Json:
    return {'metadata': {'name': 'a', 'namespace': 'ns', **fields}}


def told(obj: Json, old: Json | None = None, definition: Definition = WIDGETS) -> list[str]:
    return [str(each) for each in validate_metadata(obj, old, definition=definition)]


def test_a_plain_object_is_valid() -> None:
    assert told(meta(labels={'a': 'b', 'x.io/y': ''}, annotations={'X/Y': 'z' * 100}, finalizers=['x.io/y'])) == []


@pytest.mark.parametrize('obj', [{}, {'metadata': None}, {'metadata': {}}, {'metadata': {'name': ''}}])
def test_a_name_is_required_on_create(obj: Json) -> None:
    assert told(obj, None, NODES) == ['metadata.name: Required value: name or generateName is required']


def test_a_generated_name_is_told_beside_its_prefix() -> None:
    causes = validate_metadata(meta(generateName='Bad_', name='Bad_vfnmw'), None, definition=CONFIGMAPS)
    assert [each.field for each in causes] == ['metadata.generateName', 'metadata.name']
    assert causes[1].message.startswith('Invalid value: "Bad_vfnmw": a lowercase RFC 1123 subdomain must consist of')


def test_a_generate_name_may_end_with_a_dash() -> None:
    assert told(meta(generateName='x-', name='x-abcde')) == []


def test_cluster_scoped_objects_take_no_namespace() -> None:
    assert told(meta(), None, NODES) == ['metadata.namespace: Forbidden: not allowed on this type']


def test_labels_tell_keys_and_values() -> None:
    found = told(meta(labels={'a b': 'v', 'ok': 'c d'}))
    assert found[0].startswith('metadata.labels: Invalid value: "a b": name part must consist of alphanumeric')
    assert found[1].startswith('metadata.labels: Invalid value: "c d": a valid label must be an empty string or')
    assert len(found) == 2


def test_the_total_size_of_annotations_is_limited() -> None:
    assert told(meta(annotations={'a': 'x' * 262144})) == [
        'metadata.annotations: Too long: may not be more than 262144 bytes'
    ]


def test_owners_need_all_their_parts_and_only_one_controls() -> None:
    owner = {'apiVersion': 'v1', 'kind': 'Pod', 'name': 'p', 'uid': 'u', 'controller': True}
    assert told(meta(ownerReferences=[owner])) == []
    found = told(meta(ownerReferences=[{}, owner, {**owner, 'name': 'q'}]))
    assert found[:4] == [
        'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
        'metadata.ownerReferences.name: Invalid value: "": must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ]
    assert found[4].endswith('Found "true" in references for Pod/p and Pod/q')


def test_an_unqualified_finalizer_is_refused_on_built_in_kinds_and_warned_of_on_custom_ones() -> None:
    obj = meta(finalizers=['x', 'orphan', 'a.b/c'])
    rule = 'name is neither a standard finalizer name nor is it fully qualified'
    assert told(obj, None, CONFIGMAPS) == [f'metadata.finalizers[0]: Invalid value: "x": {rule}']
    assert told(obj) == []
    assert [each[:40] for each in finalizer_warnings(obj, None)] == ['metadata.finalizers: "x": prefer a domai']
    assert finalizer_warnings(obj, obj) == []


def test_an_update_tells_twice_what_can_not_change() -> None:
    found = told(meta(uid='2'), meta(uid='1'))
    assert found == ['metadata.uid: Invalid value: "2": field is immutable'] * 2


def test_some_kinds_tell_wrong_labels_three_times_on_update() -> None:
    assert len(told(meta(labels={'': ''}), meta(), CONFIGMAPS)) == 6
    assert len(told(meta(labels={'': ''}), meta(), LEASES)) == 4


def test_no_finalizers_are_added_while_an_object_is_being_deleted() -> None:
    old = meta(deletionTimestamp='2020-01-01T00:00:00Z', finalizers=['a.b/c'])
    new = meta(deletionTimestamp='2020-01-01T00:00:00Z', finalizers=['kmock.example/new'])
    rule = 'no new finalizers can be added if the object is being deleted, found new finalizers'
    assert told(new, old) == [f'metadata.finalizers: Forbidden: {rule} []string{{"kmock.example/new"}}'] * 2


def test_what_the_server_keeps_is_restored() -> None:
    old = meta(uid='1', creationTimestamp='t0', deletionTimestamp='t1', deletionGracePeriodSeconds=0)
    new: Json = {'metadata': {'name': 'a', 'namespace': 'ns', 'creationTimestamp': 't9', 'selfLink': '/x'}}
    keep_system_metadata(new, old)
    assert new == old
    assert told(new, old) == []


def test_a_deletion_timestamp_can_not_be_set() -> None:
    new = meta(deletionTimestamp='2001-02-03T04:05:06Z')
    rule = 'metadata.deletionTimestamp: Invalid value: "2001-02-03T04:05:06Z": field is immutable'
    assert told(new, meta()) == [rule] * 2


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ['name', 'generateName', 'namespace', 'labels', 'annotations', 'finalizers', 'ownerReferences']
metadata = st.dictionaries(st.sampled_from([*FIELDS, 'managedFields', 'uid', 'deletionTimestamp']), anything)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(metadata, st.none() | metadata)
def test_any_metadata_is_answered_with_causes(new: Json, old: Json | None) -> None:
    before = None if old is None else {'metadata': old}
    for definition in (WIDGETS, CONFIGMAPS, NODES):
        for each in validate_metadata({'metadata': new}, before, definition=definition):
            assert (each.field or '').startswith('metadata')
