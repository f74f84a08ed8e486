"""kubernetes_asyncio against the emulated cluster: objects, watches, custom objects, the dynamic client, leases."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
from emulated_cluster import EmulatedCluster
from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.dynamic import DynamicClient
from kubernetes_asyncio.leaderelection import electionconfig, leaderelection
from kubernetes_asyncio.leaderelection.resourcelock.leaselock import LeaseLock

PATIENCE_SECONDS = 30


@pytest.fixture
async def api(cluster: EmulatedCluster) -> AsyncIterator[client.ApiClient]:
    configuration = client.Configuration()
    await config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as api:
        yield api


async def test_objects_are_created_watched_and_deleted(api: client.ApiClient) -> None:
    core = client.CoreV1Api(api)
    seen: list[tuple[str, str]] = []

    async def follow(revision: str) -> None:
        async with watch.Watch() as w:
            stream = w.stream(
                core.list_namespaced_config_map, 'default', resource_version=revision, allow_watch_bookmarks=True
            )
            async for event in stream:
                seen.append((event['type'], event['object'].metadata.name))
                if event['type'] == 'DELETED':
                    return

    listed = await core.list_namespaced_config_map('default')
    following = asyncio.create_task(follow(listed.metadata.resource_version))
    made = await core.create_namespaced_config_map('default', {'metadata': {'name': 'one'}, 'data': {'a': '1'}})
    assert isinstance(made.metadata.creation_timestamp, datetime.datetime)
    patched = await core.patch_namespaced_config_map('one', 'default', {'data': {'b': '2'}})
    assert patched.data == {'a': '1', 'b': '2'}
    patched.data = {'c': '3'}
    assert (await core.replace_namespaced_config_map('one', 'default', patched)).data == {'c': '3'}
    with pytest.raises(client.ApiException) as conflict:
        await core.replace_namespaced_config_map('one', 'default', made)
    assert conflict.value.status == 409
    await core.delete_namespaced_config_map('one', 'default')
    await asyncio.wait_for(following, PATIENCE_SECONDS)
    assert seen == [('ADDED', 'one'), ('MODIFIED', 'one'), ('MODIFIED', 'one'), ('DELETED', 'one')]
    with pytest.raises(client.ApiException) as absent:
        await core.read_namespaced_config_map('one', 'default')
    assert absent.value.status == 404


async def test_custom_objects_have_their_definition_and_schema(api: client.ApiClient, widgets: dict[str, Any]) -> None:
    await client.ApiextensionsV1Api(api).create_custom_resource_definition(widgets)
    custom = client.CustomObjectsApi(api)
    of = {'group': 'ex.dev', 'version': 'v1', 'namespace': 'default', 'plural': 'widgets'}
    widget: dict[str, Any] = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}}
    with pytest.raises(client.ApiException) as invalid:
        await custom.create_namespaced_custom_object(**of, body={**widget, 'spec': {'size': 0}})
    assert (invalid.value.status, 'spec.size in body should be greater' in invalid.value.body) == (422, True)
    made = await custom.create_namespaced_custom_object(**of, body={**widget, 'spec': {'size': 2}})
    assert made['metadata']['generation'] == 1
    # The client says JSON Patch and sends a mapping; a real server refuses that, too.
    with pytest.raises(client.ApiException) as refused:
        await custom.patch_namespaced_custom_object(**of, name='w', body={'spec': {'size': 3}})
    assert refused.value.status == 400
    merge = {'_content_type': 'application/merge-patch+json'}
    patched = await custom.patch_namespaced_custom_object(**of, name='w', body={'spec': {'size': 3}}, **merge)
    assert (patched['spec'], patched['metadata']['generation']) == ({'size': 3}, 2)
    status = {'status': {'phase': 'Done'}}
    await custom.patch_namespaced_custom_object_status(**of, name='w', body=status, **merge)
    listed = await custom.list_namespaced_custom_object(**of)
    assert [each['status'] for each in listed['items']] == [{'phase': 'Done'}]
    await custom.delete_namespaced_custom_object(**of, name='w')
    assert (await custom.list_namespaced_custom_object(**of))['items'] == []


async def test_the_dynamic_client_discovers_and_applies(api: client.ApiClient, widgets: dict[str, Any]) -> None:
    async with DynamicClient(api) as dynamic:
        crds = await dynamic.resources.get(api_version='apiextensions.k8s.io/v1', kind='CustomResourceDefinition')
        await dynamic.create(crds, body=widgets)
        maps = await dynamic.resources.get(api_version='v1', kind='ConfigMap')
        body = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'm'}, 'data': {'a': '1'}}
        made = await dynamic.server_side_apply(maps, body=body, name='m', namespace='default', field_manager='me')
        assert (made.data.a, made.metadata.managedFields[0].operation) == ('1', 'Apply')
        found = await dynamic.get(maps, namespace='default', label_selector='nothing=here')
        assert found['items'] == []


async def test_tokens_are_issued_and_reviewed(api: client.ApiClient) -> None:
    core = client.CoreV1Api(api)
    await core.create_namespaced_service_account('default', {'metadata': {'name': 'bot'}})
    request: Any = {'spec': {'audiences': [], 'expirationSeconds': 3600}}
    issued = await core.create_namespaced_service_account_token('bot', 'default', request)
    review = await client.AuthenticationV1Api(api).create_token_review({'spec': {'token': issued.status.token}})
    assert review.status.authenticated is True
    assert review.status.user.username == 'system:serviceaccount:default:bot'


async def test_a_leader_is_elected_by_a_lease(api: client.ApiClient) -> None:
    led: list[str] = []

    async def step_down() -> None:
        led.append('over')

    async def lead() -> None:
        led.append('leading')

    lock = LeaseLock('election', 'default', 'me', api)
    settings: dict[str, Any] = {'lease_duration': 3, 'renew_deadline': 2, 'retry_period': 1}
    settings |= {'onstarted_leading': lead, 'onstopped_leading': step_down}
    election = leaderelection.LeaderElection(electionconfig.Config(lock, **settings))
    running = asyncio.create_task(election.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not led:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    lease = await client.CoordinationV1Api(api).read_namespaced_lease('election', 'default')
    assert lease.spec.holder_identity == 'me'
