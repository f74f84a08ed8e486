"""A whole kopf operator against the emulated cluster: finalizers, timers, events, children, admission over HTTPS."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import kopf
import pytest
import trustme
from emulated_cluster import EmulatedCluster
from kubernetes_asyncio import client, config

PATIENCE_SECONDS = 20
OF: dict[str, str] = {'group': 'ex.dev', 'version': 'v1', 'namespace': 'default', 'plural': 'widgets'}
WIDGET: dict[str, Any] = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}, 'spec': {'size': 2}}
MERGE: dict[str, Any] = {'_content_type': 'application/merge-patch+json'}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clients:
    core: client.CoreV1Api
    custom: client.CustomObjectsApi
    admission: client.AdmissionregistrationV1Api


@pytest.fixture
async def clients(
    cluster: EmulatedCluster, widgets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Clients]:
    monkeypatch.setenv('KUBECONFIG', str(cluster.kubeconfig))  # the operator's
    configuration = client.Configuration()
    await config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as api:
        await client.ApiextensionsV1Api(api).create_custom_resource_definition(widgets)
        core, custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
        yield Clients(core=core, custom=custom, admission=client.AdmissionregistrationV1Api(api))


@contextlib.asynccontextmanager
async def operating(registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings) -> AsyncIterator[None]:
    """The operator, from when it is ready until it has cleaned up."""
    kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)
    ready, stop = asyncio.Event(), asyncio.Event()
    settings.peering.standalone = True
    operator = asyncio.create_task(
        kopf.operator(registry=registry, settings=settings, namespaces=['default'], ready_flag=ready, stop_flag=stop)
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({operator, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS)
    waiting.cancel()
    try:
        assert ready.is_set(), operator
        yield
    finally:
        stop.set()
        await asyncio.wait_for(operator, PATIENCE_SECONDS)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await check():
            await asyncio.sleep(0.02)


async def test_an_operator_handles_the_life_of_an_object(clients: Clients) -> None:
    registry, settings, lived = kopf.OperatorRegistry(), kopf.OperatorSettings(), []
    settings.persistence.finalizer = 'ex.dev/held'

    @kopf.on.create('ex.dev', 'v1', 'widgets', id='create', registry=registry)
    async def create(body: kopf.Body, patch: kopf.Patch, **_: Any) -> dict[str, str]:
        child: dict[str, Any] = {'metadata': {'name': 'child'}, 'data': {'size': str(body.spec['size'])}}
        kopf.adopt(child, owner=body)
        await clients.core.create_namespaced_config_map('default', child)
        kopf.info(body, reason='Made', message='The child is there.')
        patch.status['phase'] = 'Ready'
        return {'child': 'made'}

    @kopf.on.update('ex.dev', 'v1', 'widgets', field='spec.size', registry=registry)
    async def resize(old: int, new: int, patch: kopf.Patch, **_: Any) -> None:
        patch.status['resized'] = [old, new]

    @kopf.on.delete('ex.dev', 'v1', 'widgets', registry=registry)
    async def delete(name: str, **_: Any) -> None:
        lived.append(name)

    @kopf.timer('ex.dev', 'v1', 'widgets', interval=0.05, registry=registry)
    async def tick(status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
        patch.status['ticks'] = status.get('ticks', 0) + 1

    async def status() -> dict[str, Any]:
        found = await clients.custom.get_namespaced_custom_object(**OF, name='w')
        status: dict[str, Any] = found.get('status', {})
        return status

    async def has(**wanted: Any) -> bool:
        return wanted.items() <= (await status()).items()

    async def has_ticked() -> bool:
        return (await status()).get('ticks', 0) >= 3  # it goes on meanwhile

    async def is_gone() -> bool:
        return not (await clients.custom.list_namespaced_custom_object(**OF))['items']

    async def is_told() -> bool:
        events = (await clients.core.list_namespaced_event('default', field_selector='reason=Made')).items
        return [(each.type, each.involved_object.name) for each in events] == [('Normal', 'w')]

    async with operating(registry, settings):
        await clients.custom.create_namespaced_custom_object(**OF, body=WIDGET)
        await eventually(lambda: has(phase='Ready', create={'child': 'made'}))
        await eventually(has_ticked)
        await eventually(is_told)
        made = await clients.custom.get_namespaced_custom_object(**OF, name='w')
        assert made['metadata']['finalizers'] == ['ex.dev/held']
        child = await clients.core.read_namespaced_config_map('child', 'default')
        assert [each.uid for each in child.metadata.owner_references] == [made['metadata']['uid']]
        await clients.custom.patch_namespaced_custom_object(**OF, name='w', body={'spec': {'size': 5}}, **MERGE)
        await eventually(lambda: has(resized=[2, 5]))
        await clients.custom.delete_namespaced_custom_object(**OF, name='w')
        await eventually(is_gone)
    assert set(lived) == {'w'}  # kopf asks again if the object changes before the finalizer is removed
    assert [each.metadata.name for each in (await clients.core.list_namespaced_config_map('default')).items] == []


@pytest.fixture
def webhooks(tmp_path: Path) -> kopf.WebhookServer:
    """The operator's own server of webhooks, with the certificate of an authority that only it knows."""
    authority = trustme.CA()
    certificate = authority.issue_cert('localhost')
    authority.cert_pem.write_to_path(tmp_path / 'ca.pem')
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / 'both.pem')
    both, ca = tmp_path / 'both.pem', tmp_path / 'ca.pem'
    return kopf.WebhookServer(addr='127.0.0.1', host='localhost', certfile=both, pkeyfile=both, cafile=ca)


async def test_an_operator_admits_changes(clients: Clients, webhooks: kopf.WebhookServer) -> None:
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    settings.admission.server, settings.admission.managed = webhooks, 'auto.ex.dev'
    asked = []

    @kopf.on.validate('ex.dev', 'v1', 'widgets', id='check', registry=registry)
    async def check(spec: kopf.Spec, warnings: list[str], userinfo: kopf.UserInfo, **_: Any) -> None:
        asked.append(userinfo['username'])
        warnings.append('Look twice.')
        if spec.get('size') == 13:
            raise kopf.AdmissionError('13 is unlucky.', code=418)

    @kopf.on.mutate('ex.dev', 'v1', 'widgets', id='complete', operations={'CREATE'}, registry=registry)
    async def complete(patch: kopf.Patch, **_: Any) -> None:
        patch.spec['replicas'] = 5

    async def is_managed() -> bool:
        one = await clients.admission.list_validating_webhook_configuration()
        two = await clients.admission.list_mutating_webhook_configuration()
        return all(each.items and each.items[0].webhooks for each in (one, two))

    async with operating(registry, settings):
        await eventually(is_managed)
        made, status, headers = await clients.custom.create_namespaced_custom_object_with_http_info(**OF, body=WIDGET)
        assert (status, made['spec'], headers['Warning']) == (201, {'size': 2, 'replicas': 5}, '299 - "Look twice."')
        unlucky = {'spec': {'size': 13}}
        with pytest.raises(client.ApiException) as denied:
            await clients.custom.patch_namespaced_custom_object(**OF, name='w', body=unlucky, **MERGE)
        assert (denied.value.status, 'denied the request: 13 is unlucky.' in denied.value.body) == (418, True)
        assert (await clients.custom.get_namespaced_custom_object(**OF, name='w'))['spec']['size'] == 2
        assert len(set(asked)) == 1
    assert not await is_managed()
