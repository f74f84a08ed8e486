"""Roles that are limited to named objects let these be listed and watched, if the request selects them."""

import json
from typing import Any

import pytest

from kmock.kube.access import Users
from kmock.kube.emulator import Emulator
from kmock.kube.selectors.by_fields import pinned_name
from kmock.messages import Request

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'
RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default'


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('metadata.name=a', 'a'),
        ('metadata.name==a', 'a'),
        ('status.phase=x,metadata.name=a', 'a'),
        ('metadata.name!=a', None),
        ('metadata.namespace=a', None),
        ('metadata.name=a/b', None),
        ('garbage', None),
        ('metadata.name=a,garbage', None),
        ('metadata.name=a\\q', None),
        ('', None),
    ],
)
def test_names_that_selectors_pin(text: str, name: str | None) -> None:
    assert pinned_name(text) == name


async def _ask(emulator: Emulator, user: str, method: str, target: str, body: Any = None) -> tuple[int, Any]:
    data = b'' if body is None else json.dumps(body).encode()
    headers = [('Authorization', f'Bearer {user}'), ('Content-Type', 'application/json')]
    answer = await emulator.respond(Request.make(method, target, body=data, headers=headers))
    assert answer is not None
    return answer.status, json.loads(answer.body) if isinstance(answer.body, bytes) else None


async def test_roles_for_named_objects_let_them_be_listed_and_watched_by_name() -> None:
    users = Users()
    users['root'] = {'token': 'root', 'groups': ['system:masters']}
    users['one'] = {'token': 'one'}
    emulator = Emulator(users=users)
    emulator.start()
    rule = {'apiGroups': [''], 'resources': ['configmaps'], 'verbs': ['*'], 'resourceNames': ['a']}
    await _ask(emulator, 'root', 'POST', f'{RBAC}/roles', {'metadata': {'name': 'r'}, 'rules': [rule]})
    role = {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': 'r'}
    binding = {'metadata': {'name': 'r'}, 'roleRef': role, 'subjects': [{'kind': 'User', 'name': 'one'}]}
    await _ask(emulator, 'root', 'POST', f'{RBAC}/rolebindings', binding)

    assert (await _ask(emulator, 'one', 'GET', f'{CONFIGMAPS}?fieldSelector=metadata.name=a'))[0] == 200
    assert (await _ask(emulator, 'one', 'GET', f'{CONFIGMAPS}?watch=true&fieldSelector=metadata.name=a'))[0] == 200
    assert (await _ask(emulator, 'one', 'GET', CONFIGMAPS))[0] == 403
    assert (await _ask(emulator, 'one', 'DELETE', f'{CONFIGMAPS}?fieldSelector=metadata.name=a'))[0] == 403
    status, body = await _ask(emulator, 'one', 'GET', f'{CONFIGMAPS}?fieldSelector=metadata.name=b')
    assert status == 403
    assert body['details']['name'] == 'b'
    assert body['message'].startswith('configmaps "b" is forbidden: User "one" cannot list resource "configmaps"')
