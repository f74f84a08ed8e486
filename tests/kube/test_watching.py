"""Watches: what they begin with, what they see, when they are told of time, and how they end."""

import asyncio
import json
import threading

import pytest
from living_cluster import CONFIGMAPS, CRDS, LivingCluster, crd

from kmock.kube.store import Store

NOW = '&resourceVersion='
TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1'
PARTIAL = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
MAPS = ('', 'configmaps')


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


async def relabel(cluster: LivingCluster, name: str, **labels: str | None) -> None:
    assert (await cluster.merge(f'{CONFIGMAPS}/{name}', {'metadata': {'labels': labels}})).status == 200


# --- the beginning


@pytest.mark.parametrize('query', ['', '&resourceVersion=', '&resourceVersion=0'])
async def test_without_a_revision_a_watch_begins_with_what_is_there(cluster: LivingCluster, query: str) -> None:
    for name in ('b', 'a'):
        await cluster.make(CONFIGMAPS, name)
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true{query}')
    assert await watch.take(2) == [('ADDED', 'a'), ('ADDED', 'b')]
    await cluster.make(CONFIGMAPS, '0')
    assert await watch.take(1) == [('ADDED', '0')]
    await watch.close()


async def test_a_watch_goes_on_after_its_revision(cluster: LivingCluster) -> None:
    made = [await cluster.make(CONFIGMAPS, name) for name in ('a', 'b')]
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true{NOW}{made[0]["metadata"]["resourceVersion"]}')
    assert await watch.take(2) == [('ADDED', 'b'), ('DELETED', 'a')]
    await watch.close()


async def test_initial_events_end_with_a_bookmark(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a', labels={'x': 'y'})
    await cluster.make(CONFIGMAPS, 'b')
    query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=x'
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&{query}')
    assert await watch.take(1) == [('ADDED', 'a')]
    assert await watch.next() == {
        'type': 'BOOKMARK',
        'object': {
            'kind': 'ConfigMap',
            'apiVersion': 'v1',
            'metadata': {
                'resourceVersion': str(cluster.store.revision),
                'annotations': {'k8s.io/initial-events-end': 'true'},
            },
        },
    }
    await cluster.make(CONFIGMAPS, 'c', labels={'x': 'z'})
    assert await watch.take(1) == [('ADDED', 'c')]
    await watch.close()


async def test_initial_events_may_be_refused(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a')
    query = 'sendInitialEvents=false&resourceVersionMatch=NotOlderThan'
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&{query}&timeoutSeconds=5')
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(1)
    await cluster.make(CONFIGMAPS, 'b')
    await cluster.clock.advance(5)
    assert [each['object']['metadata']['name'] for each in await ends] == ['b']


async def test_a_watch_without_initial_events_has_no_bookmark_of_their_end(cluster: LivingCluster) -> None:
    query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&{query}&timeoutSeconds=90')
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(90)
    assert await ends == []


async def test_a_revision_that_left_the_log_is_gone() -> None:
    cluster = LivingCluster(store=Store(event_log=3))
    first = await cluster.make(CONFIGMAPS, 'a0')
    for number in range(1, 6):
        await cluster.make(CONFIGMAPS, f'a{number}')
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true{NOW}{first["metadata"]["resourceVersion"]}')
    [error] = await watch.rest()
    assert error['type'] == 'ERROR'
    assert (error['object']['code'], error['object']['reason']) == (410, 'Expired')
    again = await cluster.watch(f'{CONFIGMAPS}?watch=true')
    assert len(await again.take(6)) == 6
    await again.close()


@pytest.mark.parametrize('accept', [TABLE, PARTIAL])
async def test_an_error_is_a_status_in_all_forms(accept: str) -> None:
    cluster = LivingCluster(store=Store(event_log=1))
    for name in ('a', 'b', 'c'):
        await cluster.make(CONFIGMAPS, name)
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true{NOW}1', accept=accept)
    [error] = await watch.rest()
    assert (error['type'], error['object']['kind'], error['object']['code']) == ('ERROR', 'Status', 410)


# --- time


async def test_bookmarks_come_every_minute_with_the_present_revision(cluster: LivingCluster) -> None:
    watch = await cluster.watch(
        f'{CONFIGMAPS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=200{NOW}{cluster.store.revision}'
    )
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(30)
    await cluster.make(CONFIGMAPS, 'a')
    await cluster.clock.advance(31)
    before = cluster.store.revision
    await cluster.make('/api/v1/namespaces/default/secrets', 'a')
    await cluster.clock.advance(139)
    added, *bookmarks = await ends
    assert added['type'] == 'ADDED'
    assert [each['type'] for each in bookmarks] == ['BOOKMARK'] * 3
    revisions = [int(each['object']['metadata']['resourceVersion']) for each in bookmarks]
    assert revisions == [before, before + 1, before + 1]
    assert 'annotations' not in bookmarks[0]['object']['metadata']


async def test_who_wants_no_bookmarks_has_none(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&timeoutSeconds=200')
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(200)
    assert await ends == []


async def test_an_idle_watch_leaves_nothing_behind_with_each_minute(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true')
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(600)
    assert len(cluster.store.bucket(MAPS).signal._waiters) == 1
    ends.cancel()
    await asyncio.gather(ends, return_exceptions=True)
    await watch.close()
    assert cluster.store.bucket(MAPS).signal._waiters == []


async def test_a_watch_ends_at_its_timeout(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&timeoutSeconds=10')
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(9.9)
    assert not ends.done()
    await cluster.clock.advance(0.2)
    assert ends.done()


async def test_a_watch_ends_at_its_timeout_though_events_go_on(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&timeoutSeconds=10')
    seen = []
    for number in range(30):
        for name in ('a', 'b'):  # so that there is always another event
            await cluster.make(CONFIGMAPS, f'{name}{number:02}')
        event = await watch.next()
        if event is None:
            break
        seen.append(event)
        await cluster.clock.advance(1)
    assert event is None
    assert 10 <= len(seen) <= 22


async def test_without_a_timeout_a_watch_ends_between_half_an_hour_and_an_hour(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true')
    ends = asyncio.ensure_future(watch.rest())
    await cluster.clock.advance(1799)
    assert not ends.done()
    await cluster.clock.advance(1801)
    assert ends.done()


# --- what is seen


async def test_the_steps_of_an_object_come_in_their_order(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true')
    await cluster.make(CONFIGMAPS, 'a', finalizers=['ex.dev/held'])
    await relabel(cluster, 'a', x='y')
    await relabel(cluster, 'a', x='y')
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    await cluster.finalize(f'{CONFIGMAPS}/a')
    await cluster.make(CONFIGMAPS, 'a')
    events = [await watch.next() for _ in range(5)]
    assert [each['type'] for each in events] == ['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED', 'ADDED']
    assert events[2]['object']['metadata']['deletionTimestamp'] == '2000-01-01T00:00:00Z'
    revisions = [int(each['object']['metadata']['resourceVersion']) for each in events]
    assert revisions == sorted(set(revisions))
    assert revisions[-1] == cluster.store.revision
    await watch.close()


async def test_objects_enter_and_leave_the_selectors_of_a_watch(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&labelSelector=x%3Dy')
    await cluster.make(CONFIGMAPS, 'a')
    await relabel(cluster, 'a', x='y')
    await relabel(cluster, 'a', z='z')
    await relabel(cluster, 'a', x='n')
    revision = cluster.store.revision
    await relabel(cluster, 'a', z=None)
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    await cluster.make(CONFIGMAPS, 'b', labels={'x': 'y'})
    await cluster.ask('DELETE', f'{CONFIGMAPS}/b')
    events = [await watch.next() for _ in range(5)]
    types = [(each['type'], each['object']['metadata']['name']) for each in events]
    assert types == [('ADDED', 'a'), ('MODIFIED', 'a'), ('DELETED', 'a'), ('ADDED', 'b'), ('DELETED', 'b')]
    left = events[2]['object']['metadata']
    assert left['labels'] == {'x': 'y', 'z': 'z'}
    assert left['resourceVersion'] == str(revision)
    await watch.close()


async def test_fields_select_as_labels_do(cluster: LivingCluster) -> None:
    pods = '/api/v1/namespaces/default/pods'
    spec = {'containers': [{'name': 'c', 'image': 'i'}]}
    watch = await cluster.watch(f'{pods}?watch=true&fieldSelector=status.phase%3DRunning')
    await cluster.make(pods, 'a', spec=spec)
    for phase in ('Running', 'Succeeded'):
        assert (await cluster.merge(f'{pods}/a/status', {'status': {'phase': phase}})).status == 200
    events = [await watch.next() for _ in range(2)]
    assert [(each['type'], each['object']['status']['phase']) for each in events] == [
        ('ADDED', 'Running'),
        ('DELETED', 'Running'),
    ]
    await watch.close()


@pytest.mark.parametrize(
    'target',
    [
        '/api/v1/watch/namespaces/default/configmaps/a?',
        f'{CONFIGMAPS}?watch=true&fieldSelector=metadata.name%3Da',
        '/api/v1/configmaps?watch=true&fieldSelector=metadata.name%3Da,metadata.namespace%3Ddefault',
    ],
)
async def test_a_watch_of_one_name_sees_nothing_else(cluster: LivingCluster, target: str) -> None:
    await cluster.make(CONFIGMAPS, 'aa')
    watch = await cluster.watch(target)
    for name in ('a', 'b'):
        await cluster.make(CONFIGMAPS, name)
    await cluster.ask('DELETE', CONFIGMAPS)
    assert await watch.take(2) == [('ADDED', 'a'), ('DELETED', 'a')]
    await watch.close()


async def test_a_watch_of_a_namespace_sees_no_other(cluster: LivingCluster) -> None:
    for namespace in ('defaul', 'default-x', 'z'):
        await cluster.make('/api/v1/namespaces', namespace)
    here = await cluster.watch(f'{CONFIGMAPS}?watch=true')
    everywhere = await cluster.watch('/api/v1/configmaps?watch=true')
    for namespace in ('default-x', 'defaul', 'default', 'z'):
        await cluster.make(f'/api/v1/namespaces/{namespace}/configmaps', f'in-{namespace}')
    assert await here.take(1) == [('ADDED', 'in-default')]
    expected = [('ADDED', f'in-{each}') for each in ('default-x', 'defaul', 'default', 'z')]
    assert await everywhere.take(4) == expected
    for watch in (here, everywhere):
        await watch.close()


async def test_a_table_tells_its_columns_only_once(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a')
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true', accept=TABLE)
    await cluster.make(CONFIGMAPS, 'b')
    await cluster.clock.advance(60)
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    first, second, third = [await watch.next() for _ in range(3)]
    assert [each['type'] for each in (first, second, third)] == ['ADDED', 'ADDED', 'DELETED']
    assert [each['name'] for each in first['object']['columnDefinitions']] == ['Name', 'Data', 'Age']
    assert second['object']['columnDefinitions'] is None
    assert third['object']['rows'][0]['cells'][:2] == ['a', 0]
    await watch.close()


async def test_watches_of_several_forms_each_see_their_own(cluster: LivingCluster) -> None:
    watches = [await cluster.watch(f'{CONFIGMAPS}?watch=true', accept=form) for form in ('*/*', TABLE, PARTIAL)]
    told = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}, 'data': {'x': 'y'}})
    assert told.status == 201
    plain, table, partial = [(await watch.next())['object'] for watch in watches]
    assert (plain['kind'], plain['data']) == ('ConfigMap', {'x': 'y'})
    assert table['kind'] == 'Table'
    assert (partial['kind'], 'data' in partial) == ('PartialObjectMetadata', False)
    assert partial['metadata'] == plain['metadata'] == told.data['metadata']
    for watch in watches:
        await watch.close()


async def test_what_a_test_writes_is_seen_in_all_its_steps(cluster: LivingCluster) -> None:
    cluster.objects['x.dev/v1/things', 'ns', 'a'] = {'spec': 0}
    watch = await cluster.watch(f'/apis/x.dev/v1/namespaces/ns/things?watch=true{NOW}{cluster.store.revision}')
    cluster.objects['x.dev/v1/things', 'ns', 'a'] = [{'spec': 1}, None, {'spec': 2}]
    cluster.objects['x.dev/v1/things', 'ns', 'a']['spec'] = 3
    del cluster.objects['x.dev/v1/things', 'ns', 'a']
    events = [await watch.next() for _ in range(5)]
    assert [(each['type'], each['object']['spec']) for each in events] == [
        ('MODIFIED', 1),
        ('DELETED', 1),
        ('ADDED', 2),
        ('MODIFIED', 3),
        ('DELETED', 3),
    ]
    await watch.close()


async def test_what_several_threads_write_is_seen_once_and_in_order(cluster: LivingCluster) -> None:
    watch = await cluster.watch('/api/v1/configmaps?watch=true')
    other = await cluster.watch(f'{CONFIGMAPS}?watch=true')
    started = threading.Barrier(4)

    def write(number: int) -> None:
        started.wait(10)
        for step in range(25):
            cluster.objects['v1/configmaps', 'default', f'a{number}'] = {'data': {'step': str(step)}}
        cluster.objects['v1/configmaps', 'default', f'a{number}'].delete()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for seen in (watch, other):
        events = [await seen.next() for _ in range(4 * 26)]
        revisions = [int(each['object']['metadata']['resourceVersion']) for each in events]
        assert revisions == sorted(set(revisions))
        for number in range(4):
            mine = [each for each in events if each['object']['metadata']['name'] == f'a{number}']
            assert [each['type'] for each in mine] == ['ADDED', *['MODIFIED'] * 24, 'DELETED']
            assert [each['object']['data']['step'] for each in mine[:25]] == [str(step) for step in range(25)]
    for thread in threads:
        thread.join()
    for seen in (watch, other):
        await seen.close()


async def test_requests_and_threads_lose_no_writes_to_one_object(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a')

    def write() -> None:
        for step in range(50):
            cluster.objects['v1/configmaps', 'default', 'a'].patch({'data': {f'thread-{step}': ''}})

    thread = threading.Thread(target=write)
    thread.start()
    for step in range(50):
        told = await cluster.merge(f'{CONFIGMAPS}/a', {'data': {f'request-{step}': ''}})
        assert told.status == 200
    await asyncio.to_thread(thread.join)
    data = (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data['data']
    assert data.keys() == {f'{who}-{step}' for who in ('thread', 'request') for step in range(50)}


# --- custom resources


async def test_a_watch_of_definitions_sees_how_they_come_and_go(cluster: LivingCluster) -> None:
    watch = await cluster.watch(f'{CRDS}?watch=true')
    await cluster.serve()
    await cluster.make('/apis/ex.dev/v1/namespaces/default/widgets', 'w')
    await cluster.ask('DELETE', f'{CRDS}/widgets.ex.dev')
    seen = []
    while not seen or seen[-1][0] != 'DELETED':
        event = await watch.next()
        conditions = event['object'].get('status', {}).get('conditions') or ()
        seen.append((event['type'], {each['type']: each['status'] for each in conditions}))
    assert [kind for kind, _ in seen] == ['ADDED', *['MODIFIED'] * (len(seen) - 2), 'DELETED']
    assert {'NamesAccepted': 'True', 'Established': 'True'} in [state for _, state in seen]
    assert seen[-1][1]['Terminating'] == 'True'
    await watch.close()


async def test_a_watch_of_custom_resources_goes_on_through_a_change_of_their_schema(cluster: LivingCluster) -> None:
    await cluster.serve()
    widgets = '/apis/ex.dev/v1/namespaces/default/widgets'
    watch = await cluster.watch(f'{widgets}?watch=true')
    await cluster.make(widgets, 'a', spec={'x': 1, 'y': 2})
    spec = {'type': 'object', 'properties': {'x': {'type': 'integer'}, 'z': {'type': 'integer', 'default': 3}}}
    changed = crd(spec=spec)['spec']
    assert (await cluster.merge(f'{CRDS}/widgets.ex.dev', {'spec': changed})).status == 200
    await cluster.make(widgets, 'b', spec={'x': 1, 'y': 2})
    first, second = [await watch.next() for _ in range(2)]
    assert first['object']['spec'] == {'x': 1, 'y': 2}
    assert second['object']['spec'] == {'x': 1, 'z': 3}
    await watch.close()
    again = await cluster.watch(f'{widgets}?watch=true')
    specs = [(await again.next())['object']['spec'] for _ in range(2)]
    assert specs == [{'x': 1, 'z': 3}] * 2
    assert json.dumps(specs[0]) == json.dumps(specs[1])
    await again.close()
