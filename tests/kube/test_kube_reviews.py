"""Reviews answer who somebody is and what they may do; compared with the recorded answers of a real server."""

import datetime
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kmock.kube.access import (
    REVIEWS,
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
    review,
)
from kmock.kube.statuses import StatusError, status_body
from kmock.naming import parse_call

CONFORMANCE = Path(__file__).parents[1] / 'conformance'
NOW = '2026-05-01T12:00:00Z'
PLURALS = {
    'Role': 'roles',
    'ClusterRole': 'clusterroles',
    'RoleBinding': 'rolebindings',
    'ClusterRoleBinding': 'clusterrolebindings',
}
VIEWER = User(name='viewer', uid='viewer', groups=('system:authenticated',))
MASTER = User(name='admin', uid='admin', groups=('system:masters', 'system:authenticated'))


def authorizer_of(*objects: dict[str, Any]) -> Authorizer:
    stored = [*bootstrap_objects(), *objects]
    return Authorizer(lambda resource: [each for each in stored if PLURALS[each['kind']] == resource.plural])


def recorded_users() -> Users:
    return Users({'admin': {'token': 'admin-token', 'groups': ['system:masters']}, 'viewer': {'token': 'viewer-token'}})


def no_tokens() -> Tokens:
    return Tokens(lambda *_: None, lambda: datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC))


def asked(kind: str, spec: dict[str, Any], user: User = MASTER, **kwargs: Any) -> dict[str, Any]:
    group = 'authentication' if kind in {'TokenReview', 'SelfSubjectReview'} else 'authorization'
    body = {'kind': kind, 'apiVersion': f'{group}.k8s.io/v1', 'spec': spec, **kwargs.pop('more', {})}
    check = functools.partial(check_token, recorded_users(), no_tokens())
    authorizer = kwargs.pop('authorizer', None) or authorizer_of()
    return review(kind, body, user, authorizer, check, now=NOW, **kwargs)


def recorded_steps() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    steps = yaml.safe_load((CONFORMANCE / 'scenarios' / 'auth-reviews.yaml').read_text())['steps']
    answers = json.loads((CONFORMANCE / 'expected' / 'auth-reviews.json').read_text())['steps']
    return [(step, answer) for step, answer in zip(steps, answers, strict=True) if not step.get('setup')]


def answer_step(step: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    text = json.dumps(step).replace('{{ns}}', 'kc-<run>')
    step = json.loads(text)
    authorizer = authorizer_of()
    call = parse_call(step['method'], step['path'])
    headers = {'Authorization': 'Bearer admin-token', **step.get('headers', {})}
    given = {key: value for key, value in headers.items() if value is not None}
    attributes = attributes_of(step['method'], step['path'], call)
    check = functools.partial(check_token, recorded_users(), no_tokens())
    try:
        user = authenticate(recorded_users(), no_tokens(), given)
        allowed, why = authorizer.allowed(user, attributes)
        if not allowed:
            raise forbidden_status(user, attributes, why)
        namespace = attributes.namespace
        answer = review(step['body']['kind'], step['body'], user, authorizer, check, now='<time>', namespace=namespace)
    except StatusError as error:
        return error.status, json.loads(json.dumps(status_body(error)).replace('&lt;', '<').replace('&gt;', '>'))
    return 201, answer


@pytest.mark.parametrize(('step', 'answer'), recorded_steps())
def test_reviews_are_answered_as_by_a_real_server(step: dict[str, Any], answer: dict[str, Any]) -> None:
    status, body = answer_step(step)
    expected = answer['body']
    if step.get('ignore'):
        # More than one binding allows it; which is named is as the server's cache has it.
        assert body['status'].pop('reason').startswith('RBAC: allowed by ClusterRoleBinding ')
        expected['status'].pop('reason')
    if step.get('compare') == 'subset':
        # The recorded server is a build of OpenShift, which adds a role of its own for these paths.
        rules = expected['status']['nonResourceRules']
        expected['status']['nonResourceRules'] = [
            each for each in rules if '/.well-known' not in each['nonResourceURLs']
        ]
        for part in ('resourceRules', 'nonResourceRules'):
            for each in (body, expected):
                each['status'][part].sort(key=json.dumps)
    for each in (body, expected):
        (each.get('details') or {}).get('causes', []).sort(key=json.dumps)
    assert (status, body) == (answer['status'], expected)


def test_a_granted_right_comes_with_its_reason() -> None:
    role = {
        'kind': 'Role',
        'metadata': {'name': 'reader', 'namespace': 'ns'},
        'rules': [{'verbs': ['get'], 'apiGroups': [''], 'resources': ['pods']}],
    }
    binding = {
        'kind': 'RoleBinding',
        'metadata': {'name': 'read', 'namespace': 'ns'},
        'roleRef': {'kind': 'Role', 'name': 'reader'},
        'subjects': [{'kind': 'ServiceAccount', 'name': 'sa', 'namespace': 'other'}],
    }
    spec = {
        'user': 'system:serviceaccount:other:sa',
        'resourceAttributes': {'verb': 'get', 'resource': 'pods', 'namespace': 'ns'},
    }
    answer = asked('SubjectAccessReview', spec, authorizer=authorizer_of(role, binding))
    assert answer['status'] == {
        'allowed': True,
        'reason': 'RBAC: allowed by RoleBinding "read/ns" of Role "reader" to ServiceAccount "sa/other"',
    }


def test_a_binding_to_an_absent_role_is_told() -> None:
    binding = {
        'kind': 'ClusterRoleBinding',
        'metadata': {'name': 'b'},
        'roleRef': {'kind': 'ClusterRole', 'name': 'gone'},
        'subjects': [{'kind': 'User', 'name': 'viewer'}],
    }
    authorizer = authorizer_of(binding)
    spec = {'resourceAttributes': {'verb': 'get', 'resource': 'pods'}}
    answer = asked('SelfSubjectAccessReview', spec, VIEWER, authorizer=authorizer)
    problem = 'clusterrole.rbac.authorization.k8s.io "gone" not found'
    assert answer['status'] == {'allowed': False, 'reason': f'RBAC: {problem}'}
    rules = asked('SelfSubjectRulesReview', {'namespace': 'ns'}, VIEWER, authorizer=authorizer)
    assert rules['status']['incomplete'] is True
    assert rules['status']['evaluationError'] == problem


@pytest.mark.parametrize(
    ('kind', 'more', 'cause'),
    [
        ('SelfSubjectAccessReview', {'name': 'x'}, 'metadata: Invalid value: {"name":"x"}: must be empty'),
        (
            'LocalSubjectAccessReview',
            {'name': 'x', 'namespace': 'ns'},
            'metadata: Invalid value: {"name":"x","namespace":"ns"}: must be empty except for namespace',
        ),
    ],
)
def test_reviews_have_no_metadata(kind: str, more: dict[str, Any], cause: str) -> None:
    spec = {'user': 'a', 'resourceAttributes': {'verb': 'get', 'resource': 'pods', 'namespace': 'ns'}}
    with pytest.raises(StatusError) as raised:
        asked(kind, spec, more={'metadata': more}, namespace='ns')
    assert raised.value.message == f'.authorization.k8s.io "" is invalid: {cause}'


def test_a_local_review_is_about_its_namespace() -> None:
    spec = {'user': 'a', 'resourceAttributes': {'verb': 'get', 'resource': 'pods', 'namespace': 'other'}}
    with pytest.raises(StatusError, match=r'must match metadata\.namespace') as raised:
        asked('LocalSubjectAccessReview', spec, namespace='ns')
    assert raised.value.details['causes'][0]['field'] == 'spec.resourceAttributes.namespace'
    with pytest.raises(StatusError, match='disallowed on this kind of request'):
        asked('LocalSubjectAccessReview', {'user': 'a', 'nonResourceAttributes': {'path': '/'}}, namespace='ns')


@pytest.mark.parametrize(
    ('selector', 'field'),
    [
        ({}, 'requirements'),
        ({'rawSelector': 'a=b', 'requirements': [{'key': 'a', 'operator': 'Exists'}]}, 'rawSelector'),
        ({'requirements': [{'operator': 'Exists'}]}, 'requirements[0].key'),
        ({'requirements': [{'key': 'a', 'operator': 'In'}]}, 'requirements[0].values'),
        ({'requirements': [{'key': 'a', 'operator': 'Exists', 'values': ['x']}]}, 'requirements[0].values'),
    ],
)
def test_selectors_of_reviews_are_checked(selector: dict[str, Any], field: str) -> None:
    spec = {'resourceAttributes': {'verb': 'list', 'resource': 'pods', 'labelSelector': selector}}
    with pytest.raises(StatusError) as raised:
        asked('SelfSubjectAccessReview', spec)
    assert [each['field'] for each in raised.value.details['causes']] == [
        f'spec.resourceAttributes.labelSelector.{field}'
    ]


def test_in_an_open_cluster_everything_is_allowed() -> None:
    authorizer = Authorizer(lambda resource: (), is_open=lambda: True)
    spec = {'resourceAttributes': {'verb': 'get', 'resource': 'pods'}}
    assert asked('SelfSubjectAccessReview', spec, VIEWER, authorizer=authorizer)['status'] == {'allowed': True}
    rules = asked('SelfSubjectRulesReview', {'namespace': 'ns'}, VIEWER, authorizer=authorizer)
    assert rules['status']['resourceRules'] == [{'verbs': ['*'], 'apiGroups': ['*'], 'resources': ['*']}]


def test_a_review_is_answered_without_changing_what_was_posted() -> None:
    body = {'kind': 'TokenReview', 'apiVersion': 'authentication.k8s.io/v1', 'spec': {'token': 'viewer-token'}}
    before = json.dumps(body)
    check = functools.partial(check_token, recorded_users(), no_tokens())
    answer = review('TokenReview', body, MASTER, authorizer_of(), check, now=NOW)
    answer['spec']['token'] = 'changed'
    assert json.dumps(body) == before


def test_every_review_kind_has_an_answer() -> None:
    specs = {
        'TokenReview': {'token': 'x'},
        'SelfSubjectRulesReview': {'namespace': 'ns'},
        'SelfSubjectReview': {},
    }
    usual = {'user': 'a', 'resourceAttributes': {'verb': 'get', 'resource': 'pods', 'namespace': 'ns'}}
    for kind in REVIEWS:
        answer = asked(kind, specs.get(kind, usual), namespace='ns')
        assert answer['kind'] == kind
        assert 'status' in answer


def test_names_in_rules_allow_only_these() -> None:
    role = {
        'kind': 'ClusterRole',
        'metadata': {'name': 'r'},
        'rules': [{'verbs': ['*'], 'apiGroups': ['apps'], 'resources': ['*/scale'], 'resourceNames': ['a']}],
    }
    binding = {
        'kind': 'ClusterRoleBinding',
        'metadata': {'name': 'b'},
        'roleRef': {'kind': 'ClusterRole', 'name': 'r'},
        'subjects': [{'kind': 'Group', 'name': 'system:authenticated'}],
    }
    authorizer = authorizer_of(role, binding)

    def may(**parts: str) -> bool:
        usual = {'verb': 'patch', 'group': 'apps', 'resource': 'deployments', 'subresource': 'scale', 'name': 'a'}
        return authorizer.allowed(VIEWER, Attributes(**{**usual, **parts}))[0]

    assert may()
    assert may(namespace='anywhere')
    assert not may(name='b')
    assert not may(subresource='')
    assert not may(group='batch')


def test_a_cluster_role_bound_in_a_namespace_holds_there_alone() -> None:
    binding = {
        'kind': 'RoleBinding',
        'metadata': {'name': 'b', 'namespace': 'ns'},
        'roleRef': {'kind': 'ClusterRole', 'name': 'view'},
        'subjects': [{'kind': 'User', 'name': 'viewer'}],
    }
    authorizer = authorizer_of(binding)
    pods = {'verb': 'list', 'resource': 'pods'}
    assert authorizer.allowed(VIEWER, Attributes(**pods, namespace='ns'))[0]
    assert not authorizer.allowed(VIEWER, Attributes(**pods, namespace='other'))[0]
    assert not authorizer.allowed(VIEWER, Attributes(**pods))[0]
    assert not authorizer.allowed(VIEWER, Attributes(verb='list', resource='secrets', namespace='ns'))[0]


def test_objects_are_read_again_when_the_revision_changes() -> None:
    reads: list[str] = []
    revision = [1]

    def read(resource: Any) -> list[dict[str, Any]]:
        reads.append(resource.plural)
        return []

    authorizer = Authorizer(read, revision=lambda: revision[0])
    pods = Attributes(verb='list', resource='pods')
    for _ in range(3):
        assert authorizer.allowed(VIEWER, pods) == (False, '')
    assert sorted(reads) == ['clusterrolebindings', 'clusterroles', 'rolebindings', 'roles']
    revision[0] = 2
    authorizer.allowed(VIEWER, pods)
    assert len(reads) == 8
