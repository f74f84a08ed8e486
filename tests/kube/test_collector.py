"""The collector: dependents go with their owners, and namespaces with their objects, as controllers have it."""

import pytest
from living_cluster import CONFIGMAPS, CRDS, LivingCluster, crd

SECRETS = '/api/v1/namespaces/default/secrets'
NAMESPACES = '/api/v1/namespaces'
WIDGETS = '/apis/ex.dev/v1/namespaces/default/widgets'
BOTH = (('', 'configmaps'), ('', 'secrets'))
BLOCKS = {'blockOwnerDeletion': True}
HELD = {'finalizers': ['ex.dev/held']}


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


async def delete(cluster: LivingCluster, target: str, propagation: str = '') -> None:
    query = f'?propagationPolicy={propagation}' if propagation else ''
    assert (await cluster.ask('DELETE', target + query)).status == 200


# --- in the background


@pytest.mark.parametrize('propagation', ['', 'Background'])
async def test_dependents_go_after_their_owner(cluster: LivingCluster, propagation: str) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    for name in ('a', 'b'):
        await cluster.make(SECRETS, name, owners=[(owner, BLOCKS)])
    await delete(cluster, f'{CONFIGMAPS}/owner', propagation)
    assert cluster.log(*BOTH)[3:] == [('DELETED', 'owner'), ('DELETED', 'a'), ('DELETED', 'b')]


async def test_without_controllers_dependents_stay() -> None:
    cluster = LivingCluster(controllers=False)
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(SECRETS, 'a', owners=[owner])
    await delete(cluster, f'{CONFIGMAPS}/owner')
    assert await cluster.names(SECRETS) == ['a']


async def test_a_dependent_stays_for_as_long_as_it_has_an_owner(cluster: LivingCluster) -> None:
    one, two = [await cluster.make(CONFIGMAPS, name) for name in ('one', 'two')]
    await cluster.make(SECRETS, 'a', owners=[one, two])
    await delete(cluster, f'{CONFIGMAPS}/one')
    left = (await cluster.ask('GET', f'{SECRETS}/a')).data['metadata']['ownerReferences']
    assert [each['name'] for each in left] == ['two']
    await delete(cluster, f'{CONFIGMAPS}/two')
    assert await cluster.names(SECRETS) == []


async def test_an_owner_that_never_was_is_left_alone_but_keeps_nothing(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    absent = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'absent', 'uid': 'u'}}
    await cluster.make(SECRETS, 'a', owners=[absent])
    await cluster.make(SECRETS, 'b', owners=[absent, owner])
    assert await cluster.names(SECRETS) == ['a', 'b']
    await delete(cluster, f'{CONFIGMAPS}/owner')
    assert await cluster.names(SECRETS) == ['a']


async def test_references_across_namespaces_do_not_count(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'other')
    here = await cluster.make(CONFIGMAPS, 'here')
    there = await cluster.make('/api/v1/namespaces/other/configmaps', 'there')
    await cluster.make(SECRETS, 'a', owners=[(there, BLOCKS)])
    await cluster.make(SECRETS, 'b', owners=[there, here])
    await delete(cluster, '/api/v1/namespaces/other/configmaps/there', 'Foreground')
    assert await cluster.names('/api/v1/namespaces/other/configmaps') == []
    assert await cluster.names(SECRETS) == ['a', 'b']


async def test_an_owner_of_another_namespace_keeps_nothing(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'other')
    here = await cluster.make(CONFIGMAPS, 'here')
    there = await cluster.make('/api/v1/namespaces/other/configmaps', 'there')
    await cluster.make(SECRETS, 'b', owners=[there, here])
    await delete(cluster, f'{CONFIGMAPS}/here')
    assert await cluster.names(SECRETS) == []


async def test_what_is_cluster_wide_is_not_collected_with_an_owner_in_a_namespace(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make('/api/v1/nodes', 'n', owners=[owner])
    await delete(cluster, f'{CONFIGMAPS}/owner')
    assert await cluster.names('/api/v1/nodes') == ['n']


async def test_a_cluster_wide_owner_takes_dependents_of_all_namespaces(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'other')
    owner = await cluster.make('/api/v1/nodes', 'n')
    await cluster.make(SECRETS, 'a', owners=[owner])
    await cluster.make('/api/v1/namespaces/other/secrets', 'b', owners=[owner])
    await cluster.make('/api/v1/persistentvolumes', 'c', owners=[owner], spec=VOLUME)
    await delete(cluster, '/api/v1/nodes/n')
    assert [name for kind, name in cluster.log(('', 'secrets')) if kind == 'DELETED'] == ['a', 'b']
    assert await cluster.names('/api/v1/persistentvolumes') == []


async def test_finalizers_hold_a_dependent_and_what_depends_on_it(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    child = await cluster.make(SECRETS, 'child', owners=[owner], **HELD)
    await cluster.make(SECRETS, 'grandchild', owners=[child])
    await delete(cluster, f'{CONFIGMAPS}/owner')
    assert await cluster.names(CONFIGMAPS) == []
    assert await cluster.names(SECRETS) == ['child', 'grandchild']
    metadata = (await cluster.ask('GET', f'{SECRETS}/child')).data['metadata']
    assert metadata['deletionTimestamp'] == '2000-01-01T00:00:00Z'
    assert metadata['deletionGracePeriodSeconds'] == 0
    await cluster.finalize(f'{SECRETS}/child')
    assert await cluster.names(SECRETS) == []


@pytest.mark.parametrize('propagation', ['Background', 'Foreground'])
async def test_cascades_are_as_long_as_it_takes(cluster: LivingCluster, propagation: str) -> None:
    owner = await cluster.make(CONFIGMAPS, 'o000')
    for number in range(1, 300):
        owner = await cluster.make(CONFIGMAPS, f'o{number:03}', owners=[(owner, BLOCKS)])
    await delete(cluster, f'{CONFIGMAPS}/o000', propagation)
    assert await cluster.names(CONFIGMAPS) == []
    gone = [name for kind, name in cluster.log(BOTH[0]) if kind == 'DELETED']
    assert gone == sorted(gone, reverse=propagation == 'Foreground')
    assert len(gone) == 300


# --- in the foreground


async def test_an_owner_goes_after_the_dependents_that_block_it(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(SECRETS, 'blocking', owners=[(owner, BLOCKS)])
    await cluster.make(SECRETS, 'other', owners=[owner])
    await delete(cluster, f'{CONFIGMAPS}/owner', 'Foreground')
    assert cluster.log(*BOTH)[3:] == [
        ('MODIFIED', 'owner'),
        ('DELETED', 'blocking'),
        ('DELETED', 'owner'),
        ('DELETED', 'other'),
    ]


async def test_levels_of_dependents_go_from_below(cluster: LivingCluster) -> None:
    top = await cluster.make(CONFIGMAPS, 'top')
    middle = await cluster.make(CONFIGMAPS, 'middle', owners=[(top, BLOCKS)])
    await cluster.make(SECRETS, 'bottom', owners=[(middle, BLOCKS)], **HELD)
    await delete(cluster, f'{CONFIGMAPS}/top', 'Foreground')
    assert await cluster.names(CONFIGMAPS) == ['middle', 'top']
    held = (await cluster.ask('GET', f'{CONFIGMAPS}/middle')).data['metadata']
    assert held['finalizers'] == ['foregroundDeletion']
    await cluster.finalize(f'{SECRETS}/bottom')
    assert cluster.log(*BOTH)[-3:] == [('DELETED', 'bottom'), ('DELETED', 'middle'), ('DELETED', 'top')]


async def test_a_dependent_with_another_owner_only_loses_the_reference(cluster: LivingCluster) -> None:
    one, two = [await cluster.make(CONFIGMAPS, name) for name in ('one', 'two')]
    await cluster.make(SECRETS, 'a', owners=[(one, BLOCKS), two])
    await delete(cluster, f'{CONFIGMAPS}/one', 'Foreground')
    assert await cluster.names(CONFIGMAPS) == ['two']
    left = (await cluster.ask('GET', f'{SECRETS}/a')).data['metadata']
    assert [each['name'] for each in left['ownerReferences']] == ['two']
    assert 'deletionTimestamp' not in left


async def test_an_owner_that_is_being_deleted_in_the_foreground_keeps_nothing(cluster: LivingCluster) -> None:
    one, two = [await cluster.make(CONFIGMAPS, name) for name in ('one', 'two')]
    await cluster.make(SECRETS, 'a', owners=[one, two])
    await cluster.make(SECRETS, 'held', owners=[(two, BLOCKS)], **HELD)
    await delete(cluster, f'{CONFIGMAPS}/two', 'Foreground')
    assert await cluster.names(SECRETS) == ['a', 'held']
    await delete(cluster, f'{CONFIGMAPS}/one')
    assert await cluster.names(SECRETS) == ['held']


@pytest.mark.parametrize(
    'change',
    [{'ownerReferences': None}, {'ownerReferences': []}, {'finalizers': None}],
)
async def test_an_owner_waits_until_nothing_blocks_it(cluster: LivingCluster, change: object) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(SECRETS, 'a', owners=[(owner, BLOCKS)], **HELD)
    await delete(cluster, f'{CONFIGMAPS}/owner', 'Foreground')
    await cluster.merge(f'{SECRETS}/a', {'metadata': {'labels': {'a': 'b'}}})
    assert await cluster.names(CONFIGMAPS) == ['owner']
    await cluster.merge(f'{SECRETS}/a', {'metadata': change})
    assert await cluster.names(CONFIGMAPS) == []


async def test_what_is_created_for_an_owner_that_waits_is_deleted(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(SECRETS, 'a', owners=[(owner, BLOCKS)], **HELD)
    await delete(cluster, f'{CONFIGMAPS}/owner', 'Foreground')
    await cluster.make(SECRETS, 'late', owners=[(owner, BLOCKS)])
    assert await cluster.names(SECRETS) == ['a']


async def test_finalizers_of_others_hold_an_owner_after_its_dependents(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner', **HELD)
    await cluster.make(SECRETS, 'a', owners=[(owner, BLOCKS)])
    await delete(cluster, f'{CONFIGMAPS}/owner', 'Foreground')
    assert await cluster.names(SECRETS) == []
    assert (await cluster.ask('GET', f'{CONFIGMAPS}/owner')).data['metadata']['finalizers'] == ['ex.dev/held']
    await cluster.finalize(f'{CONFIGMAPS}/owner')
    assert await cluster.names(CONFIGMAPS) == []


@pytest.mark.parametrize('propagation', ['Background', 'Foreground', 'Orphan'])
async def test_circles_of_owners_end(cluster: LivingCluster, propagation: str) -> None:
    first = await cluster.make(CONFIGMAPS, 'first')
    second = await cluster.make(SECRETS, 'second', owners=[(first, BLOCKS)])
    place = {'apiVersion': 'v1', 'kind': 'Secret', 'name': 'second'}
    reference = {**place, 'uid': second['metadata']['uid'], **BLOCKS}
    await cluster.merge(f'{CONFIGMAPS}/first', {'metadata': {'ownerReferences': [reference]}})
    await delete(cluster, f'{CONFIGMAPS}/first', propagation)
    assert await cluster.names(CONFIGMAPS) == []
    assert await cluster.names(SECRETS) == (['second'] if propagation == 'Orphan' else [])


async def test_an_object_may_own_itself(cluster: LivingCluster) -> None:
    own = await cluster.make(CONFIGMAPS, 'own')
    reference = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'own', 'uid': own['metadata']['uid']}
    await cluster.merge(f'{CONFIGMAPS}/own', {'metadata': {'ownerReferences': [reference]}})
    await delete(cluster, f'{CONFIGMAPS}/own', 'Background')
    assert await cluster.names(CONFIGMAPS) == []


async def test_many_dependents_that_block_go_at_once(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    for number in range(300):
        await cluster.make(SECRETS, f's{number}', owners=[(owner, BLOCKS)])
    await delete(cluster, f'{CONFIGMAPS}/owner', 'Foreground')
    assert await cluster.names(SECRETS) == []
    assert cluster.log(*BOTH)[-1] == ('DELETED', 'owner')


# --- orphans


async def test_orphans_lose_their_references(cluster: LivingCluster) -> None:
    one, two = [await cluster.make(CONFIGMAPS, name) for name in ('one', 'two')]
    await cluster.make(SECRETS, 'a', owners=[(one, BLOCKS)])
    await cluster.make(SECRETS, 'b', owners=[one, two])
    await delete(cluster, f'{CONFIGMAPS}/one', 'Orphan')
    assert cluster.log(*BOTH)[4:] == [('MODIFIED', 'one'), ('MODIFIED', 'a'), ('MODIFIED', 'b'), ('DELETED', 'one')]
    items = (await cluster.ask('GET', SECRETS)).data['items']
    assert [[ref['name'] for ref in each['metadata'].get('ownerReferences', ())] for each in items] == [[], ['two']]


async def test_the_finalizer_of_orphans_asks_for_them_too(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner', finalizers=['orphan'])
    await cluster.make(SECRETS, 'a', owners=[owner])
    await delete(cluster, f'{CONFIGMAPS}/owner')
    assert await cluster.names(CONFIGMAPS) == []
    assert await cluster.names(SECRETS) == ['a']


async def test_a_finalizer_of_the_collector_does_nothing_until_the_deletion(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner', finalizers=['foregroundDeletion'])
    for name in ('a', 'b'):
        await cluster.make(SECRETS, name, owners=[(owner, BLOCKS)])
    await delete(cluster, f'{SECRETS}/a')
    assert await cluster.names(SECRETS) == ['b']
    assert await cluster.names(CONFIGMAPS) == ['owner']
    await delete(cluster, f'{CONFIGMAPS}/owner')
    assert await cluster.names(SECRETS) + await cluster.names(CONFIGMAPS) == []


# --- what is protected

VOLUME = {
    'capacity': {'storage': '1Gi'},
    'accessModes': ['ReadWriteOnce'],
    'persistentVolumeReclaimPolicy': 'Retain',
    'hostPath': {'path': '/x'},
}
CLAIM = {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}
CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims'


@pytest.mark.parametrize(
    ('collection', 'spec', 'finalizer'),
    [
        ('/api/v1/persistentvolumes', VOLUME, 'kubernetes.io/pv-protection'),
        (CLAIMS, CLAIM, 'kubernetes.io/pvc-protection'),
    ],
)
async def test_volumes_and_claims_are_let_go_when_they_are_deleted(
    cluster: LivingCluster, collection: str, spec: object, finalizer: str
) -> None:
    made = await cluster.make(collection, 'a', spec=spec)
    assert made['metadata']['finalizers'] == [finalizer]
    await delete(cluster, f'{collection}/a')
    assert await cluster.names(collection) == []


async def test_a_claim_stays_when_something_that_it_owns_goes(cluster: LivingCluster) -> None:
    claim = await cluster.make(CLAIMS, 'a', spec=CLAIM)
    await cluster.make(SECRETS, 'b', owners=[claim])
    await delete(cluster, f'{SECRETS}/b')
    assert await cluster.names(CLAIMS) == ['a']


async def test_a_claim_with_dependents_is_deleted_in_the_foreground(cluster: LivingCluster) -> None:
    claim = await cluster.make(CLAIMS, 'a', spec=CLAIM)
    await cluster.make(SECRETS, 'b', owners=[(claim, BLOCKS)], **HELD)
    await delete(cluster, f'{CLAIMS}/a', 'Foreground')
    assert (await cluster.ask('GET', f'{CLAIMS}/a')).data['metadata']['finalizers'] == ['foregroundDeletion']
    await cluster.finalize(f'{SECRETS}/b')
    assert await cluster.names(CLAIMS) == []


# --- namespaces


async def test_a_namespace_takes_all_its_objects_along(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(NAMESPACES, 'ns')
    await cluster.make(NAMESPACES, 'ns-2')
    for name in ('ns', 'ns-2'):
        await cluster.make(f'/api/v1/namespaces/{name}/configmaps', 'a')
        await cluster.make(f'/apis/ex.dev/v1/namespaces/{name}/widgets', 'b')
    told = await cluster.ask('DELETE', f'{NAMESPACES}/ns')
    assert (told.status, told.data['status']['phase']) == (200, 'Terminating')
    assert cluster.log(('', 'namespaces'))[-2:] == [('MODIFIED', 'ns'), ('DELETED', 'ns')]
    assert cluster.log(('', 'configmaps'), ('ex.dev', 'widgets'))[4:] == [('DELETED', 'a'), ('DELETED', 'b')]
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404
    assert await cluster.names('/api/v1/namespaces/ns-2/configmaps') == ['a']


async def test_without_controllers_a_namespace_stays_as_terminating() -> None:
    cluster = LivingCluster(controllers=False)
    await cluster.make(NAMESPACES, 'ns')
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'a')
    await delete(cluster, f'{NAMESPACES}/ns')
    told = await cluster.ask('GET', f'{NAMESPACES}/ns')
    assert (told.data['status']['phase'], told.data['spec']) == ('Terminating', {'finalizers': ['kubernetes']})
    assert await cluster.names('/api/v1/namespaces/ns/configmaps') == ['a']


async def test_what_finalizers_hold_holds_its_namespace(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'ns')
    for name in ('a', 'b'):
        await cluster.make('/api/v1/namespaces/ns/configmaps', name, **HELD)
    await cluster.make('/api/v1/namespaces/ns/secrets', 'c')
    await delete(cluster, f'{NAMESPACES}/ns')
    assert await cluster.names('/api/v1/namespaces/ns/secrets') == []
    for name in ('a', 'b'):
        held = (await cluster.ask('GET', f'{NAMESPACES}/ns')).data
        assert (held['status']['phase'], held['spec']) == ('Terminating', {'finalizers': ['kubernetes']})
        await cluster.finalize(f'/api/v1/namespaces/ns/configmaps/{name}')
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404


async def test_nothing_is_created_in_a_namespace_that_is_being_deleted(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'ns')
    held = '/api/v1/namespaces/ns/configmaps/held'
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'held', **HELD)
    await delete(cluster, f'{NAMESPACES}/ns')
    told = await cluster.ask('POST', '/api/v1/namespaces/ns/secrets', {'metadata': {'name': 'new'}})
    assert told.status == 403
    assert told.data['details']['causes'][0]['reason'] == 'NamespaceTerminating'
    assert (await cluster.merge(held, {'data': {'a': 'b'}})).status == 200
    await cluster.finalize(held)
    assert (await cluster.ask('POST', '/api/v1/namespaces/ns/secrets', {'metadata': {'name': 'new'}})).status == 404


async def test_finalizers_of_others_hold_an_empty_namespace(cluster: LivingCluster) -> None:
    body = {'metadata': {'name': 'ns'}, 'spec': {'finalizers': ['ex.dev/mine', 'kubernetes']}}
    assert (await cluster.ask('POST', NAMESPACES, body)).status == 201
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'a')
    await delete(cluster, f'{NAMESPACES}/ns')
    left = (await cluster.ask('GET', f'{NAMESPACES}/ns')).data
    assert left['spec'] == {'finalizers': ['ex.dev/mine']}
    assert await cluster.names('/api/v1/namespaces/ns/configmaps') == []
    told = await cluster.ask('PUT', f'{NAMESPACES}/ns/finalize', {**left, 'spec': {}})
    assert told.status == 200
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404


async def test_finalizers_in_its_metadata_hold_an_empty_namespace(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'ns', **HELD)
    await delete(cluster, f'{NAMESPACES}/ns')
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).data['spec'] == {}
    await cluster.finalize(f'{NAMESPACES}/ns')
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404


async def test_a_namespace_is_a_dependent_as_any_other(cluster: LivingCluster) -> None:
    owner = await cluster.make('/api/v1/nodes', 'n')
    await cluster.make(NAMESPACES, 'ns', owners=[(owner, BLOCKS)])
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'a', **HELD)
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'b')
    await delete(cluster, '/api/v1/nodes/n', 'Foreground')
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).data['status']['phase'] == 'Terminating'
    assert await cluster.names('/api/v1/namespaces/ns/configmaps') == ['a']
    assert await cluster.names('/api/v1/nodes') == ['n']
    await cluster.finalize('/api/v1/namespaces/ns/configmaps/a')
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404
    assert await cluster.names('/api/v1/nodes') == []


async def test_a_namespace_comes_back_empty(cluster: LivingCluster) -> None:
    await cluster.make(NAMESPACES, 'ns')
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'a')
    await delete(cluster, f'{NAMESPACES}/ns')
    again = await cluster.make(NAMESPACES, 'ns')
    assert again['status'] == {'phase': 'Active'}
    assert await cluster.names('/api/v1/namespaces/ns/configmaps') == []


@pytest.mark.parametrize('name', ['default', 'kube-system', 'kube-public'])
async def test_the_namespaces_of_the_system_stay(cluster: LivingCluster, name: str) -> None:
    told = await cluster.ask('DELETE', f'{NAMESPACES}/{name}')
    assert told.status == 403
    assert name in await cluster.names(NAMESPACES)


# --- definitions


async def test_objects_go_with_their_definition_and_their_dependents_with_them(cluster: LivingCluster) -> None:
    await cluster.serve()
    widget = await cluster.make(WIDGETS, 'w')
    await cluster.make(SECRETS, 'a', owners=[(widget, BLOCKS)])
    await delete(cluster, f'{CRDS}/widgets.ex.dev')
    assert await cluster.names(SECRETS) == []
    assert await cluster.names(CRDS) == []
    assert (await cluster.ask('GET', WIDGETS)).status == 404


async def test_a_definition_waits_for_objects_that_wait_for_their_dependents(cluster: LivingCluster) -> None:
    await cluster.serve()
    widget = await cluster.make(WIDGETS, 'w')
    await cluster.make(SECRETS, 'a', owners=[(widget, BLOCKS)], **HELD)
    await delete(cluster, f'{WIDGETS}/w', 'Foreground')
    await delete(cluster, f'{CRDS}/widgets.ex.dev')
    assert await cluster.names(CRDS) == ['widgets.ex.dev']
    await cluster.finalize(f'{SECRETS}/a')
    assert await cluster.names(CRDS) == []
    assert (await cluster.ask('GET', WIDGETS)).status == 404


async def test_a_namespace_may_wait_for_the_objects_of_a_definition(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(NAMESPACES, 'ns')
    place = '/apis/ex.dev/v1/namespaces/ns/widgets'
    await cluster.make(place, 'w', **HELD)
    await delete(cluster, f'{NAMESPACES}/ns')
    await delete(cluster, f'{CRDS}/widgets.ex.dev')
    await cluster.finalize(f'{place}/w')
    assert await cluster.names(CRDS) == []
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404


async def test_objects_that_own_each_other_go_with_their_definition(cluster: LivingCluster) -> None:
    await cluster.serve()
    first = await cluster.make(WIDGETS, 'z')
    await cluster.make(WIDGETS, 'a', owners=[(first, BLOCKS)])
    await cluster.make(WIDGETS, 'b', owners=[first], finalizers=['orphan'])
    await delete(cluster, f'{CRDS}/widgets.ex.dev')
    assert await cluster.names(CRDS) == []
    assert cluster.store.all(('ex.dev', 'widgets')) == []


async def test_a_definition_is_a_dependent_as_any_other(cluster: LivingCluster) -> None:
    owner = await cluster.make('/api/v1/nodes', 'n')
    reference = {'apiVersion': 'v1', 'kind': 'Node', 'name': 'n', 'uid': owner['metadata']['uid'], **BLOCKS}
    await cluster.serve(crd(ownerReferences=[reference]))
    await cluster.make(WIDGETS, 'w', **HELD)
    await delete(cluster, '/api/v1/nodes/n', 'Foreground')
    assert await cluster.names('/api/v1/nodes') == ['n']
    await cluster.finalize(f'{WIDGETS}/w')
    assert await cluster.names(CRDS) + await cluster.names('/api/v1/nodes') == []
    assert (await cluster.ask('GET', WIDGETS)).status == 404


async def test_a_definition_is_an_owner_as_any_other(cluster: LivingCluster) -> None:
    await cluster.serve()
    definition = (await cluster.ask('GET', f'{CRDS}/widgets.ex.dev')).data
    await cluster.make(SECRETS, 'a', owners=[definition])
    await delete(cluster, f'{CRDS}/widgets.ex.dev')
    assert await cluster.names(SECRETS) == []


# --- what tests and streams see of it


async def test_what_a_test_deletes_takes_its_dependents_along(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(SECRETS, 'a', owners=[owner])
    await cluster.make(NAMESPACES, 'ns')
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'b', **HELD)
    await delete(cluster, f'{NAMESPACES}/ns')
    cluster.objects['v1/configmaps', 'default', 'owner'].delete()
    del cluster.objects['v1/configmaps', 'ns', 'b']
    assert cluster.objects['v1/secrets', 'default', 'a'].deleted
    assert (await cluster.ask('GET', f'{NAMESPACES}/ns')).status == 404


async def test_a_namespace_that_a_test_deletes_takes_its_objects_along(cluster: LivingCluster) -> None:
    cluster.objects['v1/namespaces', None, 'ns'] = {}
    cluster.objects['v1/secrets', 'ns', 'a'] = {}
    cluster.objects['v1/namespaces', None, 'ns'].delete()
    assert cluster.objects['v1/secrets', 'ns', 'a'].deleted


async def test_objects_of_a_definition_that_a_test_deletes_take_their_dependents_along(cluster: LivingCluster) -> None:
    await cluster.serve()
    widget = await cluster.make(WIDGETS, 'w')
    await cluster.make(SECRETS, 'a', owners=[widget])
    del cluster.objects['apiextensions.k8s.io/v1/customresourcedefinitions', None, 'widgets.ex.dev']
    assert await cluster.names(SECRETS) == []
    assert (await cluster.ask('GET', WIDGETS)).status == 404


async def test_what_a_test_changes_may_let_an_owner_go(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(SECRETS, 'a', owners=[(owner, BLOCKS)], **HELD)
    await delete(cluster, f'{CONFIGMAPS}/owner', 'Foreground')
    cluster.objects['v1/secrets', 'default', 'a']['metadata']['ownerReferences'] = []
    assert await cluster.names(CONFIGMAPS) == []


async def test_a_watch_sees_every_step_of_a_cascade(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&resourceVersion={cluster.store.revision}')
    top = await cluster.make(CONFIGMAPS, 'top')
    await cluster.make(CONFIGMAPS, 'child', owners=[(top, BLOCKS)], **HELD)
    await delete(cluster, f'{CONFIGMAPS}/top', 'Foreground')
    await cluster.finalize(f'{CONFIGMAPS}/child')
    events = [await watch.next() for _ in range(6)]
    assert [(each['type'], each['object']['metadata']['name']) for each in events] == [
        ('ADDED', 'top'),
        ('ADDED', 'child'),
        ('MODIFIED', 'top'),
        ('MODIFIED', 'child'),
        ('DELETED', 'child'),
        ('DELETED', 'top'),
    ]
    assert 'deletionTimestamp' in events[2]['object']['metadata']
    assert events[2]['object']['metadata']['finalizers'] == ['foregroundDeletion']
    revisions = [int(each['object']['metadata']['resourceVersion']) for each in events]
    assert revisions == sorted(set(revisions))
    await watch.close()
