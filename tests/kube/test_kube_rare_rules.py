"""Rules of a real API server that clients seldom meet: what it tidies up, what it refuses, what is there at start."""

from typing import Any

import pytest
from living_cluster import CONFIGMAPS, CRDS, LivingCluster, crd

MERGE = 'application/merge-patch+json'
APPLY = 'application/apply-patch+yaml'
WIDGETS = '/apis/ex.dev/v1/namespaces/default/widgets'
NAMESPACE = '/api/v1/namespaces/default'


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


async def refusal(cluster: LivingCluster, method: str, target: str, body: Any, **headers: str) -> list[tuple[str, str]]:
    """The causes of a 422."""
    told = await cluster.ask(method, target, body, **headers)
    assert told.status == 422, told.body
    return [(each['field'], each['message']) for each in told.data['details']['causes']]


# --- metadata


def owner(uid: str, **more: Any) -> Any:
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'o', 'uid': uid, **more}


def dedup_warning(*uids: str, when: str = '') -> list[str]:
    return [
        f'299 - ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in '
        '1.20+, and may reject such requests as early as 1.24; please fix your requests; '
        f'duplicate UID(s) observed: {", ".join(uids)}"'
    ]


async def test_owners_that_are_told_twice_are_kept_once(cluster: LivingCluster) -> None:
    owners = [owner('a'), owner('b'), owner('a'), owner('a', controller=True), owner('b')]
    told = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'x', 'ownerReferences': owners}})
    assert told.status == 201
    assert told.data['metadata']['ownerReferences'] == [owner('a'), owner('b'), owner('a', controller=True)]
    assert told.warnings == dedup_warning('a', 'b')
    told = await cluster.ask('PUT', f'{CONFIGMAPS}/x', {'metadata': {'name': 'x', 'ownerReferences': [owner('c')] * 3}})
    assert told.data['metadata']['ownerReferences'] == [owner('c')]
    assert told.warnings == dedup_warning('c', 'c')


async def test_owners_in_patches_are_looked_at_after_the_webhooks(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'x')
    told = await cluster.merge(f'{CONFIGMAPS}/x', {'metadata': {'ownerReferences': [owner('a')] * 2}})
    assert told.data['metadata']['ownerReferences'] == [owner('a')]
    assert told.warnings == dedup_warning('a', when=' after mutating admission happens')


async def test_a_namespace_in_an_object_of_the_whole_cluster_is_dropped(cluster: LivingCluster) -> None:
    body: Any = {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'default', 'namespace': 'elsewhere'}}
    ways = {'PUT': 'application/json', 'PATCH?': MERGE, 'PATCH?fieldManager=me&force=true': APPLY}
    for way, kind in ways.items():
        body['metadata']['labels'] = {'by': kind.partition('+')[0].replace('/', '.')}
        method, _, query = way.partition('?')
        told = await cluster.ask(method, f'{NAMESPACE}?{query}', body, content_type=kind)
        assert told.status == 200, told.body
        assert told.data['metadata']['labels'].items() >= body['metadata']['labels'].items()
        assert 'namespace' not in told.data['metadata']


# --- scales of custom resources


def scalable() -> Any:
    definition = crd()
    parts = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
    [version] = definition['spec']['versions']
    version['schema']['openAPIV3Schema']['properties']['status'] = parts
    paths = {'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.n', 'labelSelectorPath': '.status.s'}
    version['subresources'] = {'scale': paths, 'status': {}}
    return definition


@pytest.mark.parametrize(
    ('spec', 'why'),
    [
        ({'replicas': 'x'}, '0: .spec.replicas accessor error: x is of the type string, expected int64'),
        ({'replicas': 1.5}, '0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64'),
        ({'replicas': [1]}, '0: .spec.replicas accessor error: [1] is of the type []interface {}, expected int64'),
        ({'replicas': True}, '0: .spec.replicas accessor error: true is of the type bool, expected int64'),
        ({'replicas': -1}, '-1: should be a non-negative integer'),
        ({'replicas': 2**31}, '2147483648: should be less than or equal to 2147483647'),
    ],
)
async def test_replicas_of_custom_resources_are_whole_numbers(cluster: LivingCluster, spec: Any, why: str) -> None:
    await cluster.serve(scalable())
    body = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}, 'spec': spec}
    assert await refusal(cluster, 'POST', WIDGETS, body) == [('.spec.replicas', f'Invalid value: {why}')]
    await cluster.make(WIDGETS, 'w', spec={'replicas': 1})
    causes = await refusal(cluster, 'PATCH', f'{WIDGETS}/w', {'spec': spec}, content_type=MERGE)
    assert causes == [('.spec.replicas', f'Invalid value: {why}')]


async def test_statuses_of_custom_resources_can_be_shown_as_scales(cluster: LivingCluster) -> None:
    await cluster.serve(scalable())
    await cluster.make(WIDGETS, 'w', spec={'replicas': 1})
    patch = {'status': {'n': 'x', 's': {'a': 'b'}}}
    causes = await refusal(cluster, 'PATCH', f'{WIDGETS}/w/status', patch, content_type=MERGE)
    assert causes == [
        ('.status.n', 'Invalid value: 0: .status.n accessor error: x is of the type string, expected int64'),
        (
            '.status.s',
            'Invalid value: "": .status.s accessor error: map[a:b] is of the type map[string]interface {}, '
            'expected string',
        ),
    ]


async def test_scales_of_unfit_resources_tell_what_is_in_the_way(cluster: LivingCluster) -> None:
    definition = crd()
    definition['spec']['versions'][0]['subresources'] = {'status': {}}
    await cluster.serve(definition)
    await cluster.make(WIDGETS, 'w', spec={'replicas': 'x'})
    scale = {'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.n'}
    definition['spec']['versions'][0]['subresources']['scale'] = scale
    assert (await cluster.merge(f'{CRDS}/widgets.ex.dev', {'spec': definition['spec']})).status == 200
    told = await cluster.ask('GET', f'{WIDGETS}/w/scale')
    why = '.spec.replicas accessor error: x is of the type string, expected int64'
    assert (told.status, told.data['message']) == (500, why)


# --- what is there at start


async def test_a_cluster_begins_with_the_priorities_of_the_system(cluster: LivingCluster) -> None:
    path = '/apis/scheduling.k8s.io/v1/priorityclasses'
    assert await cluster.names(path) == ['system-cluster-critical', 'system-node-critical']
    found = (await cluster.ask('GET', f'{path}/system-node-critical')).data
    assert (found['value'], found['metadata']['generation']) == (2_000_001_000, 1)
    assert found['description'] == 'Used for system critical pods that must not be moved from their current node.'
    assert found['preemptionPolicy'] == 'PreemptLowerPriority'
