"""The objects of RBAC that a cluster has from the start: default roles, their bindings, and aggregated roles.

The roles themselves stand in `bootstrap_roles`.
Source: the Kubernetes documentation, "Default roles and role bindings" and "Aggregated ClusterRoles".
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from kmock.kube.access.authorization import RBAC_GROUP
from kmock.kube.access.bootstrap_roles import CLUSTER_ROLES, CONTROLLER_ROLES, NAMESPACE_ROLES

__all__ = ['aggregated_rules', 'bootstrap_objects']

Json: TypeAlias = dict[str, Any]

_API_VERSION = f'{RBAC_GROUP}/v1'
_AGGREGATE = f'{RBAC_GROUP}/aggregate-to-'
_AGGREGATED = {'admin': '', 'edit': 'admin', 'view': 'edit'}
"""The roles that are gathered from others, and to which of them each is aggregated itself."""
_VERBS = {'R': ('get', 'list', 'watch'), 'W': ('create', 'delete', 'deletecollection', 'patch', 'update')}

_EVERYBODY = ('Group system:authenticated', 'Group system:unauthenticated')
_CLUSTER_BINDINGS: Mapping[str, Sequence[str]] = {
    'cluster-admin': ('Group system:masters',),
    'system:monitoring': ('Group system:monitoring',),
    'system:discovery': ('Group system:authenticated',),
    'system:basic-user': ('Group system:authenticated',),
    'system:public-info-viewer': _EVERYBODY,
    'system:node-proxier': ('User system:kube-proxy',),
    'system:kube-controller-manager': ('User system:kube-controller-manager',),
    'system:kube-dns': ('ServiceAccount kube-system/kube-dns',),
    'system:kube-scheduler': ('User system:kube-scheduler',),
    'system:volume-scheduler': ('User system:kube-scheduler',),
    'system:service-account-issuer-discovery': ('Group system:serviceaccounts',),
    'system:node': (),
}
_NAMESPACE_BINDINGS: Mapping[tuple[str, str], tuple[str, Sequence[str]]] = {
    ('kube-public', 'system:controller:bootstrap-signer'): ('', ('ServiceAccount kube-system/bootstrap-signer',)),
    ('kube-system', 'system::extension-apiserver-authentication-reader'): (
        'extension-apiserver-authentication-reader',
        ('User system:kube-controller-manager', 'User system:kube-scheduler'),
    ),
    ('kube-system', 'system::leader-locking-kube-controller-manager'): (
        '',
        (
            'User system:kube-controller-manager',
            'ServiceAccount kube-system/kube-controller-manager',
            'ServiceAccount kube-system/leader-election-controller',
        ),
    ),
    ('kube-system', 'system::leader-locking-kube-scheduler'): (
        '',
        ('User system:kube-scheduler', 'ServiceAccount kube-system/kube-scheduler'),
    ),
    ('kube-system', 'system:controller:bootstrap-signer'): ('', ('ServiceAccount kube-system/bootstrap-signer',)),
    ('kube-system', 'system:controller:cloud-provider'): ('', ('ServiceAccount kube-system/cloud-provider',)),
    ('kube-system', 'system:controller:token-cleaner'): ('', ('ServiceAccount kube-system/token-cleaner',)),
}
"""By namespace and name: the role, where its name is another one, and the subjects."""


def bootstrap_objects(*, aggregated: bool = True) -> Iterator[Json]:
    """The default ClusterRoles, ClusterRoleBindings, Roles and RoleBindings, in that order, without uids and times.

    Args:
        aggregated: whether the rules of admin, edit and view are filled in. On a real server a controller does it;
            where none runs, they stay without rules.
    """
    roles = list(_cluster_roles())
    for role in roles:
        if aggregated and 'aggregationRule' in role:
            role['rules'] = aggregated_rules(role, roles)
    yield from roles
    for name, subjects in _CLUSTER_BINDINGS.items():
        yield _binding('ClusterRoleBinding', name, 'ClusterRole', name, subjects)
    for name, _, _ in _roles(CONTROLLER_ROLES):
        title = f'system:controller:{name}'
        yield _binding('ClusterRoleBinding', title, 'ClusterRole', title, (f'ServiceAccount kube-system/{name}',))
    for title, _, rules in _roles(NAMESPACE_ROLES):
        namespace, _, name = title.partition('/')
        yield {'kind': 'Role', 'apiVersion': _API_VERSION, 'metadata': _metadata(name, namespace), 'rules': rules}
    for (namespace, name), (role_name, subjects) in _NAMESPACE_BINDINGS.items():
        yield _binding('RoleBinding', name, 'Role', role_name or name, subjects, namespace)


def aggregated_rules(role: Json, roles: Iterable[Json]) -> list[Json] | None:
    """The rules that a ClusterRole with an aggregationRule gathers from the others, by their names; each rule once.

    None where it gathers from none.
    """
    by_name = sorted(roles, key=_name)
    return _gather(role, by_name, frozenset()) or None


def _gather(role: Json, roles: Sequence[Json], asked: frozenset[str]) -> list[Json]:
    """Roles may gather from ones that gather themselves, which the real controller comes to in its next rounds."""
    asked |= {_name(role)}
    gathered: list[Json] = []
    for selector in (role.get('aggregationRule') or {}).get('clusterRoleSelectors') or ():
        for each in roles:
            if _name(each) in asked or not _selects(selector, each):
                continue
            inner = _gather(each, roles, asked) if each.get('aggregationRule') else each.get('rules')
            gathered.extend(rule for rule in inner or () if rule not in gathered)
    return gathered


def _name(role: Json) -> str:
    return str(role['metadata'].get('name', ''))


def _selects(selector: Json, role: Json) -> bool:
    labels = role['metadata'].get('labels') or {}
    if any(labels.get(key) != value for key, value in (selector.get('matchLabels') or {}).items()):
        return False
    return all(_matches(each, labels) for each in selector.get('matchExpressions') or ())


def _matches(expression: Json, labels: Mapping[str, str]) -> bool:
    key, values = str(expression.get('key', '')), expression.get('values') or ()
    match expression.get('operator'):
        case 'In':
            return key in labels and labels[key] in values
        case 'NotIn':
            return key not in labels or labels[key] not in values
        case 'Exists':
            return key in labels
        case 'DoesNotExist':
            return key not in labels
    return False


def _cluster_roles() -> Iterator[Json]:
    for name, parent in _AGGREGATED.items():
        selector = {'matchLabels': {f'{_AGGREGATE}{name}': 'true'}}
        role: Json = {'kind': 'ClusterRole', 'apiVersion': _API_VERSION, 'metadata': _metadata(name, parent=parent)}
        yield role | {'rules': None, 'aggregationRule': {'clusterRoleSelectors': [selector]}}
    for name, parent, rules in _roles(CLUSTER_ROLES):
        metadata = _metadata(name, parent=parent)
        yield {'kind': 'ClusterRole', 'apiVersion': _API_VERSION, 'metadata': metadata, 'rules': rules}
    for name, _, rules in _roles(CONTROLLER_ROLES):
        metadata = _metadata(f'system:controller:{name}')
        yield {'kind': 'ClusterRole', 'apiVersion': _API_VERSION, 'metadata': metadata, 'rules': rules}


def _metadata(name: str, namespace: str = '', *, parent: str = '') -> Json:
    metadata: Json = {'name': name}
    if namespace:
        metadata['namespace'] = namespace
    metadata['labels'] = {'kubernetes.io/bootstrapping': 'rbac-defaults'}
    if parent:
        metadata['labels'][f'{_AGGREGATE}{parent}'] = 'true'
    metadata['annotations'] = {'rbac.authorization.kubernetes.io/autoupdate': 'true'}
    return metadata


def _binding(kind: str, name: str, role_kind: str, role: str, subjects: Sequence[str], namespace: str = '') -> Json:
    binding: Json = {'kind': kind, 'apiVersion': _API_VERSION, 'metadata': _metadata(name, namespace)}
    if subjects:
        binding['subjects'] = [_subject(each) for each in subjects]
    return binding | {'roleRef': {'apiGroup': RBAC_GROUP, 'kind': role_kind, 'name': role}}


def _subject(text: str) -> Json:
    kind, name = text.split(' ')
    if kind != 'ServiceAccount':
        return {'kind': kind, 'apiGroup': RBAC_GROUP, 'name': name}
    namespace, _, name = name.partition('/')
    return {'kind': kind, 'name': name, 'namespace': namespace}


def _roles(table: str) -> Iterator[tuple[str, str, list[Json]]]:
    """The roles of a table: name, what it is aggregated to, fresh rules."""
    for name, parent, lines in _parse(table):
        yield name, parent, [_rule(line) for line in lines]


@functools.cache
def _parse(table: str) -> list[tuple[str, str, list[str]]]:
    roles: list[tuple[str, str, list[str]]] = []
    for line in table.strip().splitlines():
        if line.startswith(' '):
            roles[-1][2].append(line.strip())
        else:
            name, _, parent = line.partition(' @')
            roles.append((name, parent, []))
    return roles


def _rule(line: str) -> Json:
    verbs, groups, *rest = line.split(' ')
    rule: Json = {'verbs': sorted({verb for each in verbs.split(',') for verb in _VERBS.get(each, (each,))})}
    if groups == 'url':
        return rule | {'nonResourceURLs': rest[0].split(',')}
    rule['apiGroups'] = ['' if each == 'core' else each for each in groups.split(',')]
    rule['resources'] = rest[0].split(',')
    if len(rest) > 1:
        rule['resourceNames'] = rest[1].split(',')
    return rule
