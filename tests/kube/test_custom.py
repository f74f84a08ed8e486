"""CustomResourceDefinitions in a cluster: what they serve, and how they go."""

from typing import Any

import pytest
from living_cluster import CRDS, LivingCluster, crd

CRD = f'{CRDS}/widgets.ex.dev'
WIDGETS = '/apis/ex.dev/v1/namespaces/default/widgets'
HELD = {'finalizers': ['ex.dev/held']}


@pytest.fixture(params=[True, False], ids=['controllers', 'no-controllers'])
def cluster(request: pytest.FixtureRequest) -> LivingCluster:
    return LivingCluster(controllers=request.param)


async def terminating(cluster: LivingCluster) -> dict[str, Any]:
    told = await cluster.ask('GET', CRD)
    assert told.status == 200
    return next(each for each in told.data['status']['conditions'] if each['type'] == 'Terminating')


async def test_a_definition_is_served_at_once(cluster: LivingCluster) -> None:
    assert (await cluster.ask('GET', WIDGETS)).status == 404
    await cluster.serve()
    assert await cluster.names(WIDGETS) == []
    groups = (await cluster.ask('GET', '/apis')).data['groups']
    assert 'ex.dev' in [each['name'] for each in groups]


async def test_versions_come_and_go_with_a_change(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(WIDGETS, 'w')
    spec = crd()['spec']
    first = spec['versions'][0]
    spec['versions'] = [{**first, 'name': 'v2', 'storage': False}, first]
    assert (await cluster.merge(CRD, {'spec': spec})).status == 200
    second = WIDGETS.replace('v1', 'v2')
    [item] = (await cluster.ask('GET', second)).data['items']
    assert (item.get('apiVersion', 'ex.dev/v2'), item['metadata']['name']) == ('ex.dev/v2', 'w')
    spec['versions'][0]['served'] = False
    assert (await cluster.merge(CRD, {'spec': spec})).status == 200
    assert (await cluster.ask('GET', second)).status == 404
    assert await cluster.names(WIDGETS) == ['w']


async def test_a_definition_goes_with_its_objects(cluster: LivingCluster) -> None:
    await cluster.serve()
    for name in ('a', 'b'):
        await cluster.make(WIDGETS, name)
    told = await cluster.ask('DELETE', CRD)
    assert told.data['metadata']['finalizers'] == ['customresourcecleanup.apiextensions.k8s.io']
    assert (await cluster.ask('GET', CRD)).status == 404
    assert (await cluster.ask('GET', WIDGETS)).status == 404
    assert cluster.log(('ex.dev', 'widgets'))[2:] == [('DELETED', 'a'), ('DELETED', 'b')]


async def test_finalizers_of_an_object_hold_its_definition(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(WIDGETS, 'free')
    await cluster.make(WIDGETS, 'held', **HELD)
    await cluster.ask('DELETE', CRD)
    assert (await terminating(cluster))['reason'] == 'InstanceDeletionInProgress'
    assert await cluster.names(WIDGETS) == ['held']
    body = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'new'}}
    refused = await cluster.ask('POST', WIDGETS, body)
    assert refused.status == 403
    assert refused.data['message'].endswith('create not allowed while custom resource definition is terminating')
    assert (await cluster.merge(f'{WIDGETS}/held', {'spec': {'x': 1}})).status == 200
    await cluster.finalize(f'{WIDGETS}/held')
    assert (await cluster.ask('GET', CRD)).status == 404
    assert (await cluster.ask('GET', WIDGETS)).status == 404


async def test_finalizers_of_others_hold_a_definition_without_objects(cluster: LivingCluster) -> None:
    await cluster.serve(crd(**HELD))
    await cluster.make(WIDGETS, 'a')
    await cluster.ask('DELETE', CRD)
    told = await cluster.ask('GET', CRD)
    assert told.data['metadata']['finalizers'] == ['ex.dev/held']
    assert (await terminating(cluster))['reason'] == 'InstanceDeletionCompleted'
    assert cluster.store.all(('ex.dev', 'widgets')) == []
    await cluster.finalize(CRD)
    assert (await cluster.ask('GET', CRD)).status == 404
    assert (await cluster.ask('GET', WIDGETS)).status == 404


async def test_a_definition_comes_back_without_the_objects_of_the_former_one(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(WIDGETS, 'a')
    await cluster.ask('DELETE', CRD)
    await cluster.serve()
    assert await cluster.names(WIDGETS) == []
    await cluster.make(WIDGETS, 'a')
    assert await cluster.names(WIDGETS) == ['a']


async def test_another_deletion_changes_nothing(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(WIDGETS, 'held', **HELD)
    await cluster.ask('DELETE', CRD)
    revision = cluster.store.revision
    assert (await cluster.ask('DELETE', CRD)).status == 200
    assert cluster.store.revision == revision


async def test_names_that_another_definition_has_are_not_served(cluster: LivingCluster) -> None:
    await cluster.serve()
    other = crd()
    other['metadata']['name'] = 'gadgets.ex.dev'
    other['spec']['names'] = {'plural': 'gadgets', 'singular': 'gadget', 'kind': 'Widget'}
    await cluster.serve(other)
    assert (await cluster.ask('GET', '/apis/ex.dev/v1/gadgets')).status == 404
    conditions = (await cluster.ask('GET', f'{CRDS}/gadgets.ex.dev')).data['status']['conditions']
    assert {each['type']: each['status'] for each in conditions} == {'NamesAccepted': 'False', 'Established': 'False'}
