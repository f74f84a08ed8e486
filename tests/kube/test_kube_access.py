"""Who calls the cluster, and what refusals say; the recorded answers of a real server among them."""

import base64
import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from kmock.kube.access import (
    ADMIN,
    ANONYMOUS,
    Attributes,
    Authorizer,
    Tokens,
    User,
    Users,
    attributes_of,
    authenticate,
    bootstrap_objects,
    check_token,
    forbidden_status,
    user_info,
)
from kmock.kube.access.impersonation import impersonate
from kmock.kube.statuses import StatusError, status_body
from kmock.naming import Resource, parse_call

EXPECTED = Path(__file__).parents[1] / 'conformance' / 'expected'
SCENARIOS = Path(__file__).parents[1] / 'conformance' / 'scenarios'
NOW = datetime.datetime(2026, 5, 1, 12, 0, 0, tzinfo=datetime.UTC)
PLURALS = {
    'Role': 'roles',
    'ClusterRole': 'clusterroles',
    'RoleBinding': 'rolebindings',
    'ClusterRoleBinding': 'clusterrolebindings',
}


def reader(objects: list[dict[str, Any]]) -> Any:
    return lambda resource: [each for each in objects if PLURALS[each['kind']] == resource.plural]


def tokens_of(*accounts: dict[str, Any]) -> Tokens:
    def find(resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        for each in accounts:
            if each['metadata'].get('name') == name and resource.plural == 'serviceaccounts':
                return each
        return None

    return Tokens(find, lambda: NOW)


def recorded_users() -> Users:
    return Users({'admin': {'token': 'admin-token', 'groups': ['system:masters']}, 'viewer': {'token': 'viewer-token'}})


def bearer(token: str) -> dict[str, str]:
    return {'Authorization': f'Bearer {token}'}


def binding(role: str, *subjects: dict[str, Any], name: str = 'b', namespace: str = '') -> dict[str, Any]:
    kind = 'RoleBinding' if namespace else 'ClusterRoleBinding'
    metadata = {'name': name, 'namespace': namespace} if namespace else {'name': name}
    ref = {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': role}
    return {'kind': kind, 'metadata': metadata, 'subjects': list(subjects), 'roleRef': ref}


def cluster_role(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {'kind': 'ClusterRole', 'metadata': {'name': name}, 'rules': list(rules)}


# --- the recorded refusals


def recorded_steps() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    import yaml

    steps = yaml.safe_load((SCENARIOS / 'auth-access.yaml').read_text())['steps']
    answers = json.loads((EXPECTED / 'auth-access.json').read_text())['steps']
    return [(step, answer) for step, answer in zip(steps, answers, strict=True) if not step.get('setup')]


@pytest.mark.parametrize(('step', 'answer'), recorded_steps(), ids=lambda each: each.get('step', ''))
def test_refusals_are_those_of_a_real_server(step: dict[str, Any], answer: dict[str, Any]) -> None:
    authorizer = Authorizer(reader(list(bootstrap_objects())))
    target = step['path'].replace('{{ns}}', 'kc-<run>').replace('{{run}}', '<run>')
    path, _, query = target.partition('?')
    method = step.get('method', 'GET')
    attributes = attributes_of(method, path, parse_call(method, path, [('watch', 'true')] if query else []))
    headers = {key: value for key, value in step.get('headers', bearer('admin-token')).items() if value is not None}

    def ask() -> None:
        user = authenticate(recorded_users(), tokens_of(), headers)
        allowed, why = authorizer.allowed(user, attributes)
        if not allowed:
            raise forbidden_status(user, attributes, why)

    with pytest.raises(StatusError) as raised:
        ask()
    assert raised.value.status == answer['status']
    body = status_body(raised.value)
    # Only the run's id is escaped here: real ones have no angle brackets.
    body['message'] = body['message'].replace('&lt;', '<').replace('&gt;', '>')
    assert body == answer['body']


# --- users and their tokens


def test_without_users_everybody_is_the_administrator() -> None:
    assert authenticate(Users(), tokens_of(), {}) == ADMIN
    assert authenticate(Users(), tokens_of(), bearer('whatever')) == ADMIN


@pytest.mark.parametrize('value', ['', 'Basic YTpi', 'Bearer', 'Bearer ', 'Bearer  token', 'token'])
def test_headers_without_a_bearer_token_are_anonymous(value: str) -> None:
    assert authenticate(recorded_users(), tokens_of(), {'Authorization': value}) == ANONYMOUS


def test_a_bearer_of_any_case_counts() -> None:
    user = authenticate(recorded_users(), tokens_of(), {'Authorization': 'bEaReR viewer-token'})
    assert user_info(user) == {'username': 'viewer', 'uid': 'viewer', 'groups': ['system:authenticated']}


def test_a_websocket_brings_its_token_in_a_subprotocol() -> None:
    encoded = base64.urlsafe_b64encode(b'viewer-token').rstrip(b'=').decode()
    headers = {'Sec-WebSocket-Protocol': f'v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.{encoded}'}
    assert authenticate(recorded_users(), tokens_of(), headers).name == 'viewer'


def test_a_client_certificate_names_the_user_and_its_groups() -> None:
    subject = ((('organizationName', 'dev'),), (('organizationName', 'ops'),), (('commonName', 'jane'),))
    for users in (Users(), recorded_users()):
        user = authenticate(users, tokens_of(), bearer('wrong'), certificate={'subject': subject})
        assert user == User(name='jane', groups=('dev', 'ops', 'system:authenticated'))
    nameless = {'subject': ((('organizationName', 'dev'),),)}
    assert authenticate(recorded_users(), tokens_of(), {}, certificate=nameless) == ANONYMOUS


def test_an_unknown_token_is_401() -> None:
    with pytest.raises(StatusError, match='Unauthorized') as raised:
        authenticate(recorded_users(), tokens_of(), bearer('wrong'))
    assert status_body(raised.value)['code'] == 401


def test_a_removed_or_changed_user_can_log_in_no_more_with_the_old_token() -> None:
    users = recorded_users()
    users['viewer'] = {'token': 'other'}
    assert users.of_token('viewer-token') is None
    assert users.of_token('other') is not None
    del users['viewer']
    assert users.of_token('other') is None
    assert list(users) == ['admin']


@pytest.mark.parametrize(
    ('name', 'parts', 'complaint'),
    [
        ('', {}, 'no name'),
        ('a', 'token', 'must be a mapping'),
        ('a', {'tokn': 'x'}, 'unknown parts: tokn'),
        ('a', {'token': ''}, 'token'),
        ('a', {'token': 'two words'}, 'without spaces'),
        ('a', {'groups': 'system:masters'}, 'list of strings'),
        ('a', {'groups': [1]}, 'must be strings'),
        ('a', {'uid': 1}, 'uid'),
        ('a', {'extra': ['x']}, 'extra'),
        ('a', {'token': 'admin-token'}, 'same token'),
    ],
)
def test_bad_users_are_refused_where_they_are_written(name: str, parts: Any, complaint: str) -> None:
    users = recorded_users()
    with pytest.raises(ValueError, match=complaint):
        users[name] = parts
    assert list(users) == ['admin', 'viewer']


def test_tokens_are_not_printed() -> None:
    assert 'admin-token' not in repr(recorded_users())


@given(value=st.text())
@settings(max_examples=50, deadline=None)
def test_any_authorization_header_is_a_user_or_401(value: str) -> None:
    def ask() -> int:
        try:
            return 200 if authenticate(recorded_users(), tokens_of(), {'Authorization': value}) == ANONYMOUS else 0
        except StatusError as error:
            return error.status

    assert ask() in {200, 401}


# --- impersonation


def as_admin(*headers: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict([('Authorization', 'Bearer admin-token'), *headers])


LIST_PODS = Attributes(verb='list', resource='pods', version='v1', namespace='ns')


def impersonated(headers: CIMultiDict[str], authorizer: Authorizer | None = None) -> User:
    authorizer = authorizer or Authorizer(reader([]))
    return authenticate(recorded_users(), tokens_of(), headers, request=LIST_PODS, allowed=authorizer.allowed)


def test_the_administrator_may_act_as_anybody() -> None:
    headers = as_admin(
        ('Impersonate-User', 'jane'),
        ('impersonate-group', 'dev'),
        ('Impersonate-Group', 'ops'),
        ('Impersonate-Uid', 'u1'),
        ('Impersonate-Extra-Acme.com%2Fproject', 'p1'),
        ('Impersonate-Extra-acme.com%2fproject', 'p2'),
    )
    assert user_info(impersonated(headers)) == {
        'username': 'jane',
        'uid': 'u1',
        'groups': ['dev', 'ops', 'system:authenticated'],
        'extra': {'acme.com/project': ['p1', 'p2']},
    }


@pytest.mark.parametrize(
    ('name', 'groups'),
    [
        ('jane', ('system:authenticated',)),
        ('system:anonymous', ('system:unauthenticated',)),
        (
            'system:serviceaccount:ns:sa',
            ('system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'),
        ),
        ('system:node:n1', ('system:nodes', 'system:authenticated')),
    ],
)
def test_an_impersonated_user_has_the_groups_of_its_kind(name: str, groups: tuple[str, ...]) -> None:
    assert impersonated(as_admin(('Impersonate-User', name))).groups == groups


def test_system_masters_can_be_impersonated_only_by_the_old_verb() -> None:
    headers = as_admin(('Impersonate-User', 'jane'), ('Impersonate-Group', 'system:masters'))
    assert impersonated(headers).groups == ('system:masters', 'system:authenticated')


def test_impersonating_without_the_right_is_403_about_the_first_mode() -> None:
    headers = CIMultiDict([('Authorization', 'Bearer viewer-token'), ('Impersonate-User', 'jane')])
    with pytest.raises(StatusError) as raised:
        impersonated(headers)
    assert raised.value.status == 403
    assert raised.value.message == (
        'pods is forbidden: User "viewer" cannot impersonate-on:user-info:list resource "pods" in API group "" '
        'in the namespace "ns"'
    )


def test_impersonating_by_the_old_verb_is_judged_name_by_name() -> None:
    rule = {'verbs': ['impersonate'], 'apiGroups': [''], 'resources': ['users'], 'resourceNames': ['jane']}
    subject = {'kind': 'User', 'name': 'viewer'}
    authorizer = Authorizer(reader([cluster_role('r', rule), binding('r', subject)]))
    viewer = ('Authorization', 'Bearer viewer-token')
    assert impersonated(CIMultiDict([viewer, ('Impersonate-User', 'jane')]), authorizer).name == 'jane'
    with pytest.raises(StatusError):
        impersonated(CIMultiDict([viewer, ('Impersonate-User', 'joe')]), authorizer)
    with pytest.raises(StatusError):
        impersonated(CIMultiDict([viewer, ('Impersonate-User', 'jane'), ('Impersonate-Group', 'g')]), authorizer)


@pytest.mark.parametrize(('node', 'allowed'), [('n1', True), ('n2', False)])
def test_a_service_account_may_be_its_own_node_for_one_thing(node: str, allowed: bool) -> None:
    extra = (('authentication.kubernetes.io/node-name', ('n1',)),)
    agent = User(name='system:serviceaccount:ns:agent', extra=extra)
    group = 'authentication.k8s.io'
    nodes = {'verbs': ['impersonate:associated-node'], 'apiGroups': [group], 'resources': ['nodes']}
    pods = {'verbs': ['impersonate-on:associated-node:list'], 'apiGroups': [''], 'resources': ['pods']}
    subject = {'kind': 'ServiceAccount', 'name': 'agent', 'namespace': 'ns'}
    authorizer = Authorizer(reader([cluster_role('r', nodes, pods), binding('r', subject)]))

    def become(request: Attributes) -> tuple[str, ...]:
        return impersonate(agent, {'Impersonate-User': f'system:node:{node}'}, request, authorizer.allowed).groups

    if allowed:
        assert become(LIST_PODS) == ('system:nodes', 'system:authenticated')
    else:
        with pytest.raises(StatusError, match='cannot impersonate-on:arbitrary-node:list'):
            become(LIST_PODS)
    with pytest.raises(StatusError):
        become(dataclasses.replace(LIST_PODS, verb='watch'))


def test_groups_without_a_user_are_400() -> None:
    with pytest.raises(StatusError) as raised:
        impersonated(as_admin(('Impersonate-Group', 'dev')))
    assert raised.value.status == 400
    assert raised.value.message == (
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"dev"}, Extra:map[string][]string(nil)} '
        'without impersonating a user name'
    )


def test_bytes_that_are_no_text_are_replaced() -> None:
    headers = as_admin(('Impersonate-User', b'j\xffne'.decode('utf-8', 'surrogateescape')))
    assert impersonated(headers).name == 'j\ufffdne'


@given(headers=st.lists(st.tuples(st.sampled_from(['User', 'Group', 'Uid', 'Extra-a', 'Extra-%2', 'X']), st.text())))
@settings(max_examples=50, deadline=None)
def test_any_impersonation_is_a_user_or_a_4xx(headers: list[tuple[str, str]]) -> None:
    given_headers = CIMultiDict([(f'Impersonate-{key}', value) for key, value in headers])
    given_headers['Authorization'] = 'Bearer viewer-token'

    def ask() -> int:
        try:
            return 200 if impersonated(given_headers).name == 'viewer' else 0
        except StatusError as error:
            return error.status

    assert ask() in {200, 400, 403}


# --- what is asked for


@pytest.mark.parametrize(
    ('method', 'path', 'expected'),
    [
        ('GET', '/healthz', Attributes(verb='get', path='/healthz')),
        ('POST', '/apis', Attributes(verb='post', path='/apis')),
        (
            'GET',
            '/api/v1/namespaces/x',
            Attributes(verb='get', version='v1', resource='namespaces', namespace='x', name='x'),
        ),
        (
            'GET',
            '/api/v1/namespaces/x/pods/p/log',
            Attributes(verb='get', version='v1', resource='pods', subresource='log', namespace='x', name='p'),
        ),
        (
            'GET',
            '/api/v1/nodes/n/proxy/metrics',
            Attributes(verb='get', version='v1', resource='nodes', subresource='proxy', name='n'),
        ),
    ],
)
def test_attributes_are_told_from_the_request(method: str, path: str, expected: Attributes) -> None:
    found = attributes_of(method, path, parse_call(method, path))
    assert found == dataclasses.replace(expected, path=path)


def test_a_list_of_one_name_is_authorized_by_that_name() -> None:
    call = parse_call('GET', '/api/v1/namespaces/x/pods')
    assert attributes_of('GET', '/api/v1/namespaces/x/pods', call, selected_name='a').name == 'a'


def test_a_refused_path_has_no_resource_in_its_status() -> None:
    error = forbidden_status(User(name='viewer'), Attributes(verb='get', path='/metrics'))
    assert error.message == 'forbidden: User "viewer" cannot get path "/metrics"'
    assert error.details == {}


# --- tokens of users in reviews


def test_a_users_token_is_for_the_api_server_alone() -> None:
    tokens = tokens_of()
    assert check_token(recorded_users(), tokens, 'viewer-token').audiences == tokens.audiences
    assert check_token(recorded_users(), tokens, 'viewer-token', ['other']).error == 'invalid bearer token'
