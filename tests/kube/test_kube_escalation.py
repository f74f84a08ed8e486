"""Roles and bindings can't give more than their writer has; and which roles there are from the start."""

from typing import Any

import pytest

from kmock.kube.access import Attributes, Authorizer, User, aggregated_rules, bootstrap_objects, check_escalation
from kmock.kube.statuses import StatusError
from kmock.naming import Resource

GROUP = 'rbac.authorization.k8s.io'
PLURALS = {
    'Role': 'roles',
    'ClusterRole': 'clusterroles',
    'RoleBinding': 'rolebindings',
    'ClusterRoleBinding': 'clusterrolebindings',
}
JANE = User(name='jane', groups=('dev', 'system:authenticated'))
MASTER = User(name='admin', groups=('system:masters',))
READ_PODS = {'verbs': ['get', 'list'], 'apiGroups': [''], 'resources': ['pods']}


def rule(verbs: str, resources: str, group: str = '', names: str = '') -> dict[str, Any]:
    found: dict[str, Any] = {'verbs': verbs.split(), 'apiGroups': [group], 'resources': resources.split()}
    return found | ({'resourceNames': names.split()} if names else {})


def authorizer_for(*rules: dict[str, Any], more: tuple[dict[str, Any], ...] = ()) -> Authorizer:
    """Jane has these rules everywhere."""
    role = {'kind': 'ClusterRole', 'metadata': {'name': 'janes'}, 'rules': list(rules)}
    binding = {
        'kind': 'ClusterRoleBinding',
        'metadata': {'name': 'janes'},
        'roleRef': {'kind': 'ClusterRole', 'name': 'janes'},
        'subjects': [{'kind': 'User', 'name': 'jane'}],
    }
    stored = [role, binding, *more]
    return Authorizer(lambda resource: [each for each in stored if PLURALS[each['kind']] == resource.plural])


def write(plural: str, obj: dict[str, Any], authorizer: Authorizer, user: User = JANE, old: Any = None) -> None:
    namespace = '' if plural.startswith('cluster') else 'ns'
    check_escalation(Resource(GROUP, 'v1', plural), obj, old, namespace=namespace, user=user, authorizer=authorizer)


def role_of(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {'metadata': {'name': 'r'}, 'rules': list(rules), **more}


def binding_to(kind: str, name: str) -> dict[str, Any]:
    ref = {'apiGroup': GROUP, 'kind': kind, 'name': name}
    return {'metadata': {'name': 'b'}, 'roleRef': ref, 'subjects': [{'kind': 'User', 'name': 'joe'}]}


def test_what_one_has_may_be_handed_on() -> None:
    write('roles', role_of(rule('get', 'pods'), rule('list', 'pods', names='a')), authorizer_for(READ_PODS))


def test_missing_rights_are_listed_compactly() -> None:
    wanted = role_of(
        rule('get watch delete', 'pods secrets'),
        rule('get', 'configmaps', names='a'),
        {'verbs': ['get'], 'nonResourceURLs': ['/metrics']},
    )
    with pytest.raises(StatusError) as raised:
        write('clusterroles', wanted, authorizer_for(READ_PODS))
    assert raised.value.status == 403
    assert raised.value.details == {'name': 'r', 'group': GROUP, 'kind': 'clusterroles'}
    assert raised.value.message == (
        f'clusterroles.{GROUP} "r" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to '
        'grant RBAC permissions not currently held:\n'
        '{APIGroups:[""], Resources:["configmaps"], ResourceNames:["a"], Verbs:["get"]}\n'
        '{APIGroups:[""], Resources:["pods"], Verbs:["watch" "delete"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "watch" "delete"]}\n'
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}'
    )


@pytest.mark.parametrize(
    ('held', 'wanted', 'covered'),
    [
        (rule('*', '*', '*'), rule('get', 'pods/log'), True),
        (rule('*', '*/scale', '*'), rule('get', 'deployments/scale', 'apps'), True),
        (rule('*', '*/scale', '*'), rule('get', 'deployments', 'apps'), False),
        (rule('get', 'pods', names='a'), rule('get', 'pods'), False),
        (rule('get', 'pods', names='a b'), rule('get', 'pods', names='b'), True),
        (rule('get', 'pods', 'apps'), rule('get', 'pods'), False),
        (rule('get', 'pods'), rule('*', 'pods'), False),
        (
            {'verbs': ['get'], 'nonResourceURLs': ['/api/*']},
            {'verbs': ['get'], 'nonResourceURLs': ['/api/v1', '/api/*']},
            True,
        ),
    ],
)
def test_rules_cover_each_other(held: dict[str, Any], wanted: dict[str, Any], covered: bool) -> None:
    def refused() -> bool:
        try:
            write('clusterroles', role_of(wanted), authorizer_for(held))
        except StatusError:
            return True
        return False

    assert refused() is not covered


def test_masters_and_those_who_may_escalate_may_write_any_role() -> None:
    write('roles', role_of(rule('*', '*')), authorizer_for(), MASTER)
    write('roles', role_of(rule('*', '*')), authorizer_for(rule('escalate', 'roles', GROUP)))


def test_an_aggregating_role_needs_everything() -> None:
    selectors = {'clusterRoleSelectors': [{'matchLabels': {'a': 'b'}}]}
    with pytest.raises(StatusError, match='must have cluster-admin privileges to use the aggregationRule'):
        write('clusterroles', role_of(aggregationRule=selectors), authorizer_for(READ_PODS))


def test_a_binding_gives_only_what_one_has_or_may_bind() -> None:
    big = {'kind': 'ClusterRole', 'metadata': {'name': 'big'}, 'rules': [rule('*', '*')]}
    with pytest.raises(StatusError, match='attempting to grant RBAC permissions not currently held'):
        write('rolebindings', binding_to('ClusterRole', 'big'), authorizer_for(READ_PODS, more=(big,)))
    write('rolebindings', binding_to('ClusterRole', 'janes'), authorizer_for(READ_PODS))
    may_bind = rule('bind', 'clusterroles', GROUP, names='big')
    write('rolebindings', binding_to('ClusterRole', 'big'), authorizer_for(may_bind, more=(big,)))


def test_a_binding_to_an_absent_role_is_404() -> None:
    with pytest.raises(StatusError) as raised:
        write('rolebindings', binding_to('Role', 'gone'), authorizer_for(READ_PODS))
    assert raised.value.status == 404
    assert raised.value.message == f'roles.{GROUP} "gone" not found'


def test_updates_for_the_garbage_collector_pass() -> None:
    old = role_of(rule('*', '*'))
    new = {**old, 'metadata': {'name': 'r', 'finalizers': ['a/b']}}
    write('roles', new, authorizer_for(), old=old)
    with pytest.raises(StatusError):
        write('roles', {**old, 'metadata': {'name': 'r', 'labels': {'a': 'b'}}}, authorizer_for(), old=old)


def test_other_resources_and_open_clusters_are_not_looked_at() -> None:
    authorizer = authorizer_for()
    pods = Resource('', 'v1', 'pods')
    check_escalation(pods, {'rules': [rule('*', '*')]}, None, namespace='ns', user=JANE, authorizer=authorizer)
    open_to_all = Authorizer(lambda resource: (), is_open=lambda: True)
    write('roles', role_of(rule('*', '*')), open_to_all)


# --- what there is from the start


def test_every_default_binding_refers_to_a_default_role() -> None:
    objects = list(bootstrap_objects())
    roles = {(each['kind'], each['metadata'].get('namespace'), each['metadata']['name']) for each in objects}
    for each in objects:
        ref = each.get('roleRef')
        if ref is not None:
            namespace = each['metadata'].get('namespace') if ref['kind'] == 'Role' else None
            assert (ref['kind'], namespace, ref['name']) in roles
    keys = [(each['kind'], each['metadata'].get('namespace'), each['metadata']['name']) for each in objects]
    assert len(set(keys)) == len(keys) > 120


def test_default_roles_look_as_on_a_real_server() -> None:
    by_name = {each['metadata']['name']: each for each in bootstrap_objects(aggregated=False)}
    assert by_name['view'] == {
        'kind': 'ClusterRole',
        'apiVersion': f'{GROUP}/v1',
        'metadata': {
            'name': 'view',
            'labels': {'kubernetes.io/bootstrapping': 'rbac-defaults', f'{GROUP}/aggregate-to-edit': 'true'},
            'annotations': {'rbac.authorization.kubernetes.io/autoupdate': 'true'},
        },
        'rules': None,
        'aggregationRule': {'clusterRoleSelectors': [{'matchLabels': {f'{GROUP}/aggregate-to-view': 'true'}}]},
    }


def test_aggregated_roles_have_the_rules_of_those_they_gather() -> None:
    roles = {each['metadata']['name']: each for each in bootstrap_objects() if each['kind'] == 'ClusterRole'}
    for small, big in (('view', 'edit'), ('edit', 'admin')):
        assert all(each in roles[big]['rules'] for each in roles[small]['rules'])
        assert len(roles[small]['rules']) < len(roles[big]['rules'])


def test_roles_that_gather_each_other_end() -> None:
    def gathering(name: str, of: str) -> dict[str, Any]:
        rules = {'clusterRoleSelectors': [{'matchExpressions': [{'key': of, 'operator': 'Exists'}]}]}
        return {'metadata': {'name': name, 'labels': {name: 'x'}}, 'rules': [], 'aggregationRule': rules}

    plain = {'metadata': {'name': 'plain', 'labels': {'a': 'x'}}, 'rules': [READ_PODS]}
    roles = [gathering('a', 'b'), gathering('b', 'a'), plain]
    assert aggregated_rules(roles[1], roles) == [READ_PODS]
    assert aggregated_rules(roles[0], roles) == [READ_PODS]


@pytest.mark.parametrize(
    ('name', 'verb', 'resource', 'allowed'),
    [
        ('system:kube-scheduler', 'create', 'bindings', True),
        ('system:kube-scheduler', 'create', 'secrets', False),
        ('system:kube-controller-manager', 'list', 'anything', True),
        ('system:serviceaccount:kube-system:namespace-controller', 'deletecollection', 'anything', True),
        ('nobody', 'list', 'pods', False),
    ],
)
def test_default_bindings_give_components_their_rights(name: str, verb: str, resource: str, allowed: bool) -> None:
    stored = list(bootstrap_objects())
    authorizer = Authorizer(lambda wanted: [each for each in stored if PLURALS[each['kind']] == wanted.plural])
    user = User(name=name, groups=('system:authenticated',))
    assert authorizer.allowed(user, Attributes(verb=verb, resource=resource))[0] is allowed
