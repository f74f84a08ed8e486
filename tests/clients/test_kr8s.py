"""kr8s against the emulated cluster: it discovers everything at its start, and asks five times for what is absent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import kr8s.asyncio
import pytest
from emulated_cluster import EmulatedCluster
from kr8s.asyncio.objects import ConfigMap, CustomResourceDefinition, Deployment, Pod, new_class

PATIENCE_SECONDS = 30

pytestmark = pytest.mark.filterwarnings('ignore:Kubernetes version .* is not supported:UserWarning')


@pytest.fixture
async def api(cluster: EmulatedCluster) -> AsyncIterator[kr8s.asyncio.Api]:
    api = await kr8s.asyncio.api(kubeconfig=str(cluster.kubeconfig))
    yield api
    assert api._session is not None
    await api._session.aclose()  # it has no other way to be closed


async def test_objects_are_created_patched_listed_and_deleted(api: kr8s.asyncio.Api) -> None:
    one = await ConfigMap({'metadata': {'name': 'one', 'namespace': 'default'}, 'data': {'a': '1'}}, api=api)
    await one.create()
    assert await one.exists()
    await one.patch({'data': {'b': '2'}})
    assert one.data == {'a': '1', 'b': '2'}
    await one.patch([{'op': 'remove', 'path': '/data/a'}], type='json')
    assert one.data == {'b': '2'}
    await one.label({'tier': 'back'})
    await one.annotate(note='hi')
    found = [each.name async for each in api.get('configmaps', label_selector={'tier': 'back'})]
    assert found == ['one']
    await one.delete()
    assert not await one.exists()
    with pytest.raises(kr8s.NotFoundError):
        await one.refresh()


async def test_pods_are_waited_for(api: kr8s.asyncio.Api) -> None:
    pod = await Pod({'metadata': {'name': 'p'}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}, api=api)
    await pod.create()
    waiting = asyncio.create_task(pod.wait('condition=Ready', timeout=PATIENCE_SECONDS))
    ready = {'status': {'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True'}]}}
    await pod.patch(ready, subresource='status')
    await waiting
    gone = asyncio.create_task(pod.wait('delete', timeout=PATIENCE_SECONDS))
    await pod.delete()
    await gone


async def test_custom_resources_are_watched_and_scaled(api: kr8s.asyncio.Api, widgets: dict[str, Any]) -> None:
    definition = await CustomResourceDefinition(widgets, api=api)
    await definition.create()
    await definition.wait('condition=Established', timeout=PATIENCE_SECONDS)
    kind: Any = new_class('Widget', 'ex.dev/v1', asyncio=True, namespaced=True, plural='widgets', scalable=True)
    widget = await kind({'metadata': {'name': 'w', 'namespace': 'default'}, 'spec': {'size': 2}}, api=api)
    await widget.create()
    async for event, each in api.watch('widgets.ex.dev', namespace='default'):
        assert (event, each.name, each.spec.size) == ('ADDED', 'w', 2)
        break
    with pytest.raises(kr8s.ServerError) as invalid:
        await widget.patch({'spec': {'size': 0}})
    assert 'spec.size' in str(invalid.value)
    await widget.delete(propagation_policy='Foreground')
    assert not await widget.exists()


async def test_deployments_are_scaled(api: kr8s.asyncio.Api) -> None:
    template = {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}
    body = {'metadata': {'name': 'd'}, 'spec': {'selector': {'matchLabels': {'a': 'b'}}, 'template': template}}
    deployment = await Deployment(body, api=api)
    await deployment.create()
    await deployment.patch({'spec': {'replicas': 3}}, subresource='scale')
    await deployment.refresh()
    assert deployment.spec.replicas == 3
    assert (await api.version())['major']
