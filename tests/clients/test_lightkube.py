"""lightkube against the emulated cluster, synchronously and asynchronously."""

import asyncio
from typing import Any

import pytest
from emulated_cluster import EmulatedCluster
from lightkube import ApiError, AsyncClient, Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.resources.rbac_authorization_v1 import Role
from lightkube.types import CascadeType, PatchType

PATIENCE_SECONDS = 30


@pytest.fixture
def configuration(cluster: EmulatedCluster) -> KubeConfig:
    return KubeConfig.from_file(str(cluster.kubeconfig))


def test_objects_are_created_patched_listed_and_deleted(configuration: KubeConfig) -> None:
    with Client(config=configuration.get(), field_manager='me') as client:
        made = client.create(ConfigMap(metadata=ObjectMeta(name='one', namespace='default'), data={'a': '1'}))
        assert made.metadata is not None
        assert made.metadata.resourceVersion
        patched = client.patch(ConfigMap, 'one', {'data': {'b': '2'}})
        assert patched.data == {'a': '1', 'b': '2'}
        client.patch(ConfigMap, 'one', {'data': {'a': None}}, patch_type=PatchType.MERGE)
        removal = [{'op': 'replace', 'path': '/data/b', 'value': '3'}]
        assert client.patch(ConfigMap, 'one', removal, patch_type=PatchType.JSON).data == {'b': '3'}
        with pytest.raises(ApiError) as conflict:
            client.replace(made)
        assert conflict.value.status.code == 409
        assert [each.metadata.name for each in client.list(ConfigMap, fields={'metadata.name': 'one'})] == ['one']
        client.delete(ConfigMap, 'one')
        with pytest.raises(ApiError) as absent:
            client.get(ConfigMap, 'one')
        assert (absent.value.status.reason, absent.value.status.details.kind) == ('NotFound', 'configmaps')


def test_applied_fields_have_their_managers(configuration: KubeConfig) -> None:
    with Client(config=configuration.get(), field_manager='me') as client:
        wanted = ConfigMap(metadata=ObjectMeta(name='one', namespace='default'), data={'a': '1', 'b': '2'})
        assert client.apply(wanted).data == {'a': '1', 'b': '2'}
        wanted.data = {'a': '1'}
        assert client.apply(wanted).data == {'a': '1'}
        wanted.data = {'a': '9'}
        with pytest.raises(ApiError) as conflict:
            client.apply(wanted, field_manager='other')
        assert conflict.value.status.code == 409
        assert client.apply(wanted, field_manager='other', force=True).data == {'a': '9'}
        role: dict[str, Any] = {
            'metadata': {'name': 'r'},
            'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}],
        }
        assert client.apply(Role.from_dict(role), namespace='default').rules is not None


def test_custom_resources_have_status_and_scale(configuration: KubeConfig, widgets: dict[str, Any]) -> None:
    with Client(config=configuration.get(), field_manager='me') as client:
        client.create(CustomResourceDefinition.from_dict(widgets))
        client.wait(CustomResourceDefinition, 'widgets.ex.dev', for_conditions=['Established'])
        widget = create_namespaced_resource('ex.dev', 'v1', 'Widget', 'widgets')
        made = client.create(widget({'metadata': {'name': 'w', 'namespace': 'default'}, 'spec': {'size': 1}}))
        assert made.metadata.generation == 1
        patch = {'status': {'phase': 'Done'}}
        client.patch(widget.Status, 'w', patch, patch_type=PatchType.MERGE)
        assert client.get(widget, 'w').status == {'phase': 'Done'}
        client.delete(widget, 'w', cascade=CascadeType.FOREGROUND)
        assert list(client.list(widget)) == []


async def test_pods_are_watched_and_waited_for(configuration: KubeConfig) -> None:
    client = AsyncClient(config=configuration.get())
    try:
        await client.create(Namespace(metadata=ObjectMeta(name='ours')))
        pod = Pod(metadata=ObjectMeta(name='p', namespace='ours'), spec=PodSpec(containers=[Container('c', image='i')]))
        seen: list[tuple[str, str | None]] = []

        async def follow() -> None:
            async for event, found in client.watch(Pod, namespace='ours'):
                assert found.status is not None
                seen.append((event, found.status.phase))
                if event == 'DELETED':
                    return

        following = asyncio.create_task(follow())
        await client.create(pod)
        ready = {'status': {'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True'}]}}
        await client.patch(Pod.Status, 'p', ready, namespace='ours')
        async with asyncio.timeout(PATIENCE_SECONDS):
            waited = await client.wait(Pod, 'p', for_conditions=['Ready'], namespace='ours')
            assert waited.status is not None
            await client.delete(Pod, 'p', namespace='ours')
            await following
        assert seen[-1] == ('DELETED', 'Running')
        await client.delete(Namespace, 'ours')
    finally:
        await client.close()


def test_deployments_are_scaled(configuration: KubeConfig) -> None:
    template = {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}
    body = {'metadata': {'name': 'd'}, 'spec': {'selector': {'matchLabels': {'a': 'b'}}, 'template': template}}
    with Client(config=configuration.get()) as client:
        client.create(Deployment.from_dict(body), namespace='default')
        scale = Deployment.Scale.from_dict({'metadata': {'name': 'd', 'namespace': 'default'}, 'spec': {'replicas': 4}})
        assert client.replace(scale, 'd').spec.replicas == 4
        assert client.get(Deployment, 'd').spec.replicas == 4
