"""The client of the demo: an ordinary program with kubernetes-asyncio that lists, watches, creates and patches.

It knows nothing of kmock, only the kubeconfig that KUBECONFIG names; it says what it sees, and when.
It defines a custom resource at first.
"""

import asyncio
import time
from typing import Any

from kubernetes_asyncio import client, config, watch

NAMESPACE = 'demo'
GROUP = 'demo.kmock.dev'
ITEMS: dict[str, Any] = {'group': GROUP, 'version': 'v1', 'namespace': NAMESPACE, 'plural': 'items'}
DEFINITION: dict[str, Any] = {
    'apiVersion': 'apiextensions.k8s.io/v1',
    'kind': 'CustomResourceDefinition',
    'metadata': {'name': f'items.{GROUP}'},
    'spec': {
        'group': GROUP,
        'scope': 'Namespaced',
        'names': {'plural': 'items', 'kind': 'Item'},
        'versions': [
            {
                'name': 'v1',
                'served': True,
                'storage': True,
                'schema': {
                    'openAPIV3Schema': {
                        'type': 'object',
                        'properties': {'spec': {'type': 'object', 'properties': {'n': {'type': 'integer'}}}},
                    }
                },
            }
        ],
    },
}
STARTED = time.monotonic()


def say(text: str) -> None:
    print(f'    {time.monotonic() - STARTED:5.2f} s  {text}', flush=True)


async def follow(api: client.CustomObjectsApi, since: str) -> None:
    """Watch the items for four seconds."""
    arguments = {**ITEMS, 'resource_version': since, 'allow_watch_bookmarks': True, 'timeout_seconds': 4}
    async with watch.Watch() as events:
        async for event in events.stream(api.list_namespaced_custom_object, **arguments):
            item: dict[str, Any] = event['raw_object']
            name, number = item['metadata'].get('name', ''), item.get('spec', {}).get('n', '')
            say(f'seen      {event["type"]:<8} {name} {f"n={number}" if name else ""}'.rstrip())


async def change(api: client.CustomObjectsApi) -> None:
    """Create four items, one after another, and patch two of them."""
    await asyncio.sleep(0.9)
    for number in range(4):
        body = {
            'apiVersion': f'{GROUP}/v1',
            'kind': 'Item',
            'metadata': {'name': f'item-{number}'},
            'spec': {'n': number},
        }
        await api.create_namespaced_custom_object(**ITEMS, body=body)
        say(f'created            item-{number}')
        await asyncio.sleep(0.5)
    patches: list[tuple[str, str, Any]] = [
        ('item-0', 'application/merge-patch+json', {'spec': {'n': 101}}),
        ('item-1', 'application/json-patch+json', [{'op': 'replace', 'path': '/spec/n', 'value': 7}]),
    ]
    for name, content_type, patch in patches:
        arguments = {**ITEMS, 'name': name, 'body': patch, '_content_type': content_type}
        await api.patch_namespaced_custom_object(**arguments)
        say(f'patched            {name}')


async def main() -> None:
    await config.load_kube_config()
    async with client.ApiClient() as connection:
        core, custom = client.CoreV1Api(connection), client.CustomObjectsApi(connection)
        extensions: Any = client.ApiextensionsV1Api(connection)
        await extensions.create_custom_resource_definition(DEFINITION)
        await core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
        listed = await custom.list_namespaced_custom_object(**ITEMS)
        say(f'listed    {len(listed["items"])} items')
        await asyncio.gather(follow(custom, listed['metadata']['resourceVersion']), change(custom))


if __name__ == '__main__':
    asyncio.run(main())
