"""What a recording tells of a cluster: its state at the beginning, and the news, of which older ones do not count."""

import dataclasses
from typing import Any

import pytest
from living_cluster import CRDS, LivingCluster, crd

from kmock.kube.recorded import Recorded
from kmock.naming import Resource

MAPS = Resource('', 'v1', 'configmaps')
CONFIGMAPS = '/api/v1/namespaces/ns/configmaps'


@dataclasses.dataclass(frozen=True)
class News:
    revision: int
    remains: bool = True
    name: str = 'a'
    resource: Resource = MAPS
    namespace: str | None = 'ns'
    more: Any = None

    @property
    def obj(self) -> Any:
        place = {} if self.namespace is None else {'namespace': self.namespace}
        metadata = {'name': self.name, **place, 'uid': 'u', 'resourceVersion': str(self.revision)}
        return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': metadata, **(self.more or {})}


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


@pytest.fixture
def recorded(cluster: LivingCluster) -> Recorded:
    return Recorded(cluster.emulator)


async def versions(cluster: LivingCluster) -> list[str]:
    return [each['metadata']['resourceVersion'] for each in (await cluster.ask('GET', CONFIGMAPS)).data['items']]


async def test_the_state_keeps_its_revisions_and_later_writes_get_higher_ones(
    cluster: LivingCluster, recorded: Recorded
) -> None:
    recorded.begin([News(500, more={'data': {'x': 'y'}})], namespaces=['ns'], revision=700, version={'major': '1'})
    assert (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data['data'] == {'x': 'y'}
    assert await versions(cluster) == ['500']
    made = await cluster.make(CONFIGMAPS, 'b')
    assert int(made['metadata']['resourceVersion']) > 700
    assert (await cluster.ask('GET', '/version')).data == {'major': '1'}
    assert (await cluster.ask('GET', '/api/v1/namespaces/ns')).data['status'] == {'phase': 'Active'}


async def test_no_watch_hears_of_the_state_but_of_the_news(cluster: LivingCluster, recorded: Recorded) -> None:
    recorded.begin([News(500)], namespaces=['ns'], revision=500)
    watch = await cluster.watch(f'{CONFIGMAPS}?watch=true&resourceVersion=500')
    recorded.follow(News(600))
    recorded.follow(News(601, remains=False))
    assert await watch.take(2) == [('MODIFIED', 'a'), ('DELETED', 'a')]
    await watch.close()


@pytest.mark.parametrize(
    ('news', 'expected'),
    [
        ([News(10), News(9)], ['10']),
        ([News(10), News(10)], ['10']),
        ([News(10), News(11)], ['11']),
        ([News(10), News(9, remains=False)], ['10']),
        ([News(10), News(10, remains=False)], []),
        ([News(10), News(0, remains=False)], []),
        ([News(10), News(11, remains=False), News(10)], []),
        ([News(10), News(11, remains=False), News(12)], ['12']),
        ([News(11, remains=False), News(10)], []),
        ([News(0, remains=False), News(0)], ['0']),
    ],
)
async def test_what_is_older_than_what_is_known_does_not_count(
    cluster: LivingCluster, recorded: Recorded, news: list[News], expected: list[str]
) -> None:
    recorded.begin([], namespaces=['ns'])
    for each in news:
        recorded.follow(each)
    assert await versions(cluster) == expected


async def test_definitions_serve_their_objects_wherever_they_are_in_the_state(
    cluster: LivingCluster, recorded: Recorded
) -> None:
    definition = crd()
    widget = News(20, resource=Resource('ex.dev', 'v1', 'widgets'), more={'kind': 'Widget', 'apiVersion': 'ex.dev/v1'})
    resource = Resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions')
    metadata = {'name': 'widgets.ex.dev', 'uid': 'v', 'resourceVersion': '10'}
    more = {**definition, 'metadata': metadata}
    served = News(10, name='widgets.ex.dev', namespace=None, resource=resource, more=more)
    recorded.begin([widget, served], revision=20)
    assert await cluster.names('/apis/ex.dev/v1/namespaces/ns/widgets') == ['a']
    recorded.follow(dataclasses.replace(served, revision=30, remains=False))
    assert await cluster.names(CRDS) == []
    assert (await cluster.ask('GET', '/apis/ex.dev/v1/widgets')).status == 404


async def test_resource_types_that_were_merely_met_are_served(cluster: LivingCluster, recorded: Recorded) -> None:
    recorded.begin([News(5, resource=Resource('x.dev', 'v1', 'things'), more={'kind': 'Thing'})])
    told = await cluster.ask('GET', '/apis/x.dev/v1/namespaces/ns/things/a')
    assert (told.status, told.data['kind']) == (200, 'Thing')
