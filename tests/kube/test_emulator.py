"""The emulator: who is let in, what is found at which URL, and what follows what others have answered."""

from typing import Any

import pytest
from living_cluster import CONFIGMAPS, LivingCluster

from kmock.kube.access import Users
from kmock.messages import Request

ROLES = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
ADMIN = {'authorization': 'Bearer admin'}
BOB = {'authorization': 'Bearer bob'}


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


@pytest.fixture
def guarded() -> LivingCluster:
    users = Users()
    users['admin'] = {'token': 'admin', 'groups': ['system:masters']}
    users['bob'] = {'token': 'bob'}
    return LivingCluster(users=users)


async def allow(guarded: LivingCluster, name: str, **rule: list[str]) -> None:
    body: Any = {'metadata': {'name': name}, 'rules': [rule]}
    assert (await guarded.ask('POST', ROLES, body, **ADMIN)).status == 201
    subject = {'kind': 'User', 'name': 'bob', 'apiGroup': 'rbac.authorization.k8s.io'}
    reference = {'kind': 'ClusterRole', 'name': name, 'apiGroup': 'rbac.authorization.k8s.io'}
    body = {'metadata': {'name': name}, 'subjects': [subject], 'roleRef': reference}
    assert (await guarded.ask('POST', BINDINGS, body, **ADMIN)).status == 201


async def test_without_users_everybody_may_do_all(cluster: LivingCluster) -> None:
    assert (await cluster.ask('GET', CONFIGMAPS)).status == 200
    assert (await cluster.ask('GET', ROLES)).data['items'] == []


async def test_users_are_let_in_by_their_tokens_and_do_what_their_roles_allow(guarded: LivingCluster) -> None:
    assert (await guarded.ask('GET', CONFIGMAPS, authorization='Bearer wrong')).status == 401
    assert (await guarded.ask('GET', CONFIGMAPS)).status == 403
    assert (await guarded.ask('GET', CONFIGMAPS, **ADMIN)).status == 200
    refused = await guarded.ask('GET', CONFIGMAPS, **BOB)
    assert refused.status == 403
    assert refused.data['message'].startswith('configmaps is forbidden: User "bob" cannot list resource "configmaps"')
    await allow(guarded, 'reader', apiGroups=[''], resources=['configmaps'], verbs=['list'])
    assert (await guarded.ask('GET', CONFIGMAPS, **BOB)).status == 200
    assert (await guarded.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}}, **BOB)).status == 403
    assert (await guarded.ask('DELETE', f'{BINDINGS}/reader', **ADMIN)).status == 200
    assert (await guarded.ask('GET', CONFIGMAPS, **BOB)).status == 403


async def test_who_may_impersonate_acts_as_another(guarded: LivingCluster) -> None:
    as_bob = {'impersonate_user': 'bob'}
    assert (await guarded.ask('GET', CONFIGMAPS, **ADMIN, **as_bob)).status == 403
    as_admin = {'impersonate_user': 'x', 'impersonate_group': 'system:masters'}
    assert (await guarded.ask('GET', CONFIGMAPS, **ADMIN, **as_admin)).status == 200
    refused = await guarded.ask('GET', CONFIGMAPS, **BOB, **as_admin)
    assert refused.status == 403
    assert 'cannot impersonate' in refused.data['message']


async def test_the_roles_of_the_system_are_there_with_the_first_user(guarded: LivingCluster) -> None:
    names = [each['metadata']['name'] for each in (await guarded.ask('GET', ROLES, **ADMIN)).data['items']]
    assert {'cluster-admin', 'admin', 'edit', 'view'} <= set(names)
    assert len(guarded.objects) == 0


async def test_the_namespaces_of_the_system_are_there(cluster: LivingCluster) -> None:
    told = (await cluster.ask('GET', '/api/v1/namespaces')).data['items']
    assert [each['metadata']['name'] for each in told] == ['default', 'kube-node-lease', 'kube-public', 'kube-system']
    assert {each['status']['phase'] for each in told} == {'Active'}
    cluster.emulator.start()
    assert (await cluster.ask('GET', '/api/v1/namespaces')).data['items'] == told
    assert len(cluster.objects) == 0


@pytest.mark.parametrize(
    ('method', 'path', 'status'),
    [
        ('GET', '/api/v1/nothing', 404),
        ('GET', '/apis/nothing.dev/v1/things', 404),
        ('GET', '/api/v1/nodes', 200),
        ('GET', '/api/v1/namespaces/default/nodes', 404),
        ('POST', '/api/v1/configmaps', 405),
        ('DELETE', '/api/v1/configmaps', 405),
        ('PUT', CONFIGMAPS, 405),
        ('GET', f'{CONFIGMAPS}/a/status', 404),
        ('GET', f'{CONFIGMAPS}/a', 404),
        ('GET', '/elsewhere', 404),
    ],
)
async def test_what_is_not_at_a_url_is_refused(cluster: LivingCluster, method: str, path: str, status: int) -> None:
    assert (await cluster.ask(method, path)).status == status


async def test_urls_of_nobody_are_left_to_others(cluster: LivingCluster) -> None:
    assert await cluster.emulator.respond(Request.make('GET', '/elsewhere')) is None
    assert await cluster.emulator.respond(Request.make('GET', f'{CONFIGMAPS}/a')) is not None


async def test_errors_are_in_the_wanted_media_type(cluster: LivingCluster) -> None:
    told = await cluster.ask('GET', f'{CONFIGMAPS}/a', accept='application/yaml')
    assert ('Content-Type', 'application/yaml') in told.answer.headers
    assert b'reason: NotFound' in told.body


async def test_the_cluster_follows_what_others_answer(cluster: LivingCluster, caplog: pytest.LogCaptureFixture) -> None:
    body = b'{"kind": "Thing", "apiVersion": "x.dev/v1", "metadata": {"name": "a"}}'
    things = '/apis/x.dev/v1/namespaces/ns/things'
    await cluster.emulator.follow(Request.make('GET', things))
    assert (await cluster.ask('GET', things)).status == 404
    await cluster.emulator.follow(Request.make('POST', things, body=body))
    assert (await cluster.ask('GET', f'{things}/a')).data['kind'] == 'Thing'
    assert caplog.records == []
    await cluster.emulator.follow(Request.make('POST', things, body=body))
    assert 'already exists' in caplog.text
    await cluster.emulator.follow(Request.make('DELETE', f'{things}/a'))
    assert (await cluster.ask('GET', f'{things}/a')).status == 404
