"""A client by kubernetes_asyncio, run as COMMAND: list, watch, create, patch; it prints what it saw."""

# ruff: noqa: T201

import asyncio

from kubernetes_asyncio import client, config, watch

CONFIG_MAP = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'one'}, 'data': {'a': '1'}}


async def main() -> None:
    await config.load_kube_config()
    async with client.ApiClient() as session, watch.Watch() as stream:
        api = client.CoreV1Api(session)
        listed = await api.list_namespaced_config_map('default')
        print('listed', [item.metadata.name for item in listed.items])
        events = stream.stream(api.list_namespaced_config_map, 'default', timeout_seconds=30)
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.2)  # until the watch is there
        await api.create_namespaced_config_map('default', CONFIG_MAP)
        await show(first)
        await api.patch_namespaced_config_map('one', 'default', {'data': {'a': '2'}})
        await show(anext(events))


async def show(coming: object) -> None:
    event = await coming  # type: ignore[misc]
    print(event['type'], event['object'].metadata.name, event['object'].data)


asyncio.run(main())
