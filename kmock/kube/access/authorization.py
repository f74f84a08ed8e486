"""Authorization by roles: whether a user may do something, by the Role and ClusterRole objects and their bindings.

Source: the Kubernetes documentation, "Using RBAC Authorization", and the reasons that the real server gives.
Who the user is, is found out in `authentication`; whether rules may be handed on, in `escalation`.
"""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from kmock.kube.access.attributes import Attributes
from kmock.kube.access.users import MASTERS, User, service_account_name
from kmock.kube.statuses import go_quote
from kmock.naming import Resource

__all__ = ['RBAC_GROUP', 'Authorizer', 'Grant', 'Read', 'Rule', 'rule_allows']

Json: TypeAlias = dict[str, Any]
Rule: TypeAlias = Mapping[str, Any]
"""A PolicyRule as in roles: verbs, apiGroups, resources, resourceNames, nonResourceURLs."""
Read: TypeAlias = Callable[[Resource], Iterable[Json]]
"""Gives all objects of a resource type. They are only read."""

RBAC_GROUP = 'rbac.authorization.k8s.io'
_ROLES = Resource(RBAC_GROUP, 'v1', 'roles')
_CLUSTER_ROLES = Resource(RBAC_GROUP, 'v1', 'clusterroles')
_ROLE_BINDINGS = Resource(RBAC_GROUP, 'v1', 'rolebindings')
_CLUSTER_ROLE_BINDINGS = Resource(RBAC_GROUP, 'v1', 'clusterrolebindings')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one binding gives to a user: `rules`, which are None where the role is not there.

    Attributes:
        scope: the namespace that the binding is in; empty for those of the whole cluster.
        role: the kind and the name of the role.
    """

    binding: Json
    subject: Mapping[str, Any]
    scope: str
    role: tuple[str, str]
    rules: Sequence[Rule] | None

    @property
    def why(self) -> str:
        """As in reasons: `ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`."""
        name = str(self.binding['metadata'].get('name', ''))
        kind, named = ('RoleBinding', f'{name}/{self.scope}') if self.scope else ('ClusterRoleBinding', name)
        role = f'{self.role[0]} {go_quote(self.role[1])}'
        return f'{kind} {go_quote(named)} of {role} to {_describe(self.subject, self.scope)}'

    @property
    def problem(self) -> str:
        """That the role is not there, as the authorizer says it: it names the singular, the API's errors the plural."""
        return f'{self.role[0].lower()}.{RBAC_GROUP} {go_quote(self.role[1])} not found'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    """The objects of RBAC at one moment, found by what they are asked for."""

    roles: Mapping[tuple[str, str], Sequence[Rule]]
    """By namespace (empty for ClusterRoles) and name."""
    bindings: Mapping[tuple[str, str, str], Sequence['_Bound']]
    """By namespace (empty for those of the whole cluster), and the kind and the name of a subject, in their order."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class _Bound:
    """A subject in a binding. The first one of a binding that a user is, is the one that is told."""

    place: int
    subject_place: int
    binding: Json = dataclasses.field(compare=False)
    subject: Mapping[str, Any] = dataclasses.field(compare=False)


class Authorizer:
    """Whether users may do things, decided anew at each question from the objects that are read.

    Args:
        read: gives the objects of RBAC; called with the resources of `rbac.authorization.k8s.io/v1`.
        revision: something that changes with every change of these objects; with it, they are not read at each
            question.
        is_open: tells whether everybody may do everything (no users are declared).
    """

    def __init__(
        self,
        read: Read,
        *,
        revision: Callable[[], Hashable] | None = None,
        is_open: Callable[[], bool] = lambda: False,
    ) -> None:
        self._read = read
        self._revision = revision
        self._is_open = is_open
        self._seen: Hashable = None
        self._policy: _Policy | None = None

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything."""
        return self._is_open()

    def allowed(self, user: User, attributes: Attributes) -> tuple[bool, str]:
        """Tell whether a user may do it, and why (or what is wrong with the roles); the reason may be empty."""
        if MASTERS in user.groups or self._is_open():
            return True, ''
        problems: list[str] = []
        for grant in self.grants(user, attributes.namespace):
            if grant.rules is None:
                problems.append(grant.problem)
            elif any(rule_allows(rule, attributes) for rule in grant.rules):
                return True, f'RBAC: allowed by {grant.why}'
        return False, f'RBAC: {aggregate(problems)}' if problems else ''

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """What the bindings of the cluster, then those of the namespace, give to a user."""
        policy = self._current()
        keys = [('User', user.name), *(('Group', group) for group in user.groups)]
        for scope in ('', namespace) if namespace else ('',):
            found = sorted(bound for key in keys for bound in policy.bindings.get((scope, *key), ()))
            told: set[int] = set()
            for bound in found:
                if bound.place not in told:
                    told.add(bound.place)
                    ref = bound.binding.get('roleRef') or {}
                    kind, name = str(ref.get('kind', '')), str(ref.get('name', ''))
                    rules = policy.roles.get(('' if kind == 'ClusterRole' else scope, name))
                    yield Grant(
                        binding=bound.binding, subject=bound.subject, scope=scope, role=(kind, name), rules=rules
                    )

    def rules_of_role(self, ref: Mapping[str, Any], namespace: str) -> Sequence[Rule] | None:
        """The rules of what a `roleRef` refers to; None if there is no such role."""
        scope = '' if ref.get('kind') == 'ClusterRole' else namespace
        return self._current().roles.get((scope, str(ref.get('name', ''))))

    def _current(self) -> _Policy:
        revision = None if self._revision is None else self._revision()
        if self._policy is None or self._revision is None or revision != self._seen:
            self._policy, self._seen = self._load(), revision
        return self._policy

    def _load(self) -> _Policy:
        roles: dict[tuple[str, str], Sequence[Rule]] = {}
        for resource in (_CLUSTER_ROLES, _ROLES):
            for role in self._read(resource):
                metadata = role.get('metadata') or {}
                namespace = str(metadata.get('namespace') or '') if resource is _ROLES else ''
                roles[namespace, str(metadata.get('name', ''))] = role.get('rules') or ()
        bindings: dict[tuple[str, str, str], list[_Bound]] = {}
        for resource in (_CLUSTER_ROLE_BINDINGS, _ROLE_BINDINGS):
            for place, binding in enumerate(self._read(resource)):
                metadata = binding.get('metadata') or {}
                scope = str(metadata.get('namespace') or '') if resource is _ROLE_BINDINGS else ''
                for subject_place, subject in enumerate(binding.get('subjects') or ()):
                    key = _subject_key(subject, scope)
                    if key is not None:
                        bound = _Bound(place, subject_place, binding, subject)
                        bindings.setdefault((scope, *key), []).append(bound)
        return _Policy(roles=roles, bindings=bindings)


def aggregate(problems: Iterable[str]) -> str:
    """Several errors as Go's aggregate prints them: one alone as it is, more in brackets, equal ones once."""
    listed = list(dict.fromkeys(problems))
    return listed[0] if len(listed) == 1 else f'[{", ".join(listed)}]'


def _subject_key(subject: Mapping[str, Any], namespace: str) -> tuple[str, str] | None:
    """A subject as the user or group that it means; None if it can mean nobody."""
    kind, name = subject.get('kind'), str(subject.get('name', ''))
    if kind == 'ServiceAccount':
        # One of a cluster-wide binding must say its namespace; in a namespace it is that of the binding.
        home = subject.get('namespace') or namespace
        return ('User', service_account_name(home, name)) if home else None
    return (kind, name) if kind in {'User', 'Group'} else None


def _describe(subject: Mapping[str, Any], namespace: str) -> str:
    name = str(subject.get('name', ''))
    if subject['kind'] == 'ServiceAccount':
        name = f'{name}/{subject.get("namespace") or namespace}'
    return f'{subject["kind"]} {go_quote(name)}'


def rule_allows(rule: Rule, attributes: Attributes) -> bool:
    """Tell whether one rule allows what is asked for."""
    verbs = rule.get('verbs') or ()
    if '*' not in verbs and attributes.verb not in verbs:
        return False
    if not attributes.resource:
        return any(url_covers(url, attributes.path) for url in rule.get('nonResourceURLs') or ())
    groups, names = rule.get('apiGroups') or (), rule.get('resourceNames') or ()
    return (
        ('*' in groups or attributes.group in groups)
        and _names_resource(rule.get('resources') or (), attributes)
        and (not names or attributes.name in names)
    )


def _names_resource(resources: Sequence[str], attributes: Attributes) -> bool:
    if '*' in resources or attributes.whole_resource in resources:
        return True
    return bool(attributes.subresource) and f'*/{attributes.subresource}' in resources


def url_covers(pattern: str, path: str) -> bool:
    """Tell whether a path is covered by a pattern of `nonResourceURLs`: equal, `*`, or below `/prefix/*`."""
    return pattern == path or (pattern.endswith('*') and path.startswith(pattern.rstrip('*')))
