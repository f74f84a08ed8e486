"""Escalation: nobody may hand on, by roles and bindings, more than they may do themselves.

Exceptions are the group system:masters, the verb `escalate` on the role, and the verb `bind` on the role referred to.

Source: the Kubernetes documentation, "Privilege escalation prevention and bootstrapping"; the refusals are those of
the real server.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from kmock.kube.access.attributes import Attributes
from kmock.kube.access.authorization import RBAC_GROUP, Authorizer, Rule, aggregate, url_covers
from kmock.kube.access.users import MASTERS, User
from kmock.kube.statuses import forbidden, go_quote, not_found
from kmock.naming import Resource

__all__ = ['check_escalation', 'missing_rules']

Json: TypeAlias = dict[str, Any]

_FULL_AUTHORITY: tuple[Rule, ...] = (
    {'verbs': ['*'], 'apiGroups': ['*'], 'resources': ['*']},
    {'verbs': ['*'], 'nonResourceURLs': ['*']},
)
_ROLES = frozenset({'roles', 'clusterroles'})
_BINDINGS = frozenset({'rolebindings', 'clusterrolebindings'})


def check_escalation(
    resource: Resource, obj: Json, old: Json | None, *, namespace: str, user: User, authorizer: Authorizer
) -> None:
    """Refuse a write of a role or a binding that gives more than the user has. Other resources pass.

    Args:
        obj: the object that is to be stored.
        old: the stored one, for updates.
        namespace: of the object; empty for those of the cluster.

    Raises:
        StatusError: 403 that lists the missing rights; 404 when the role of a binding is not there.
    """
    checked = resource.group == RBAC_GROUP and (resource.plural in _ROLES or resource.plural in _BINDINGS)
    if not checked or authorizer.is_open or MASTERS in user.groups:
        return
    if old is not None and _only_for_collector(obj, old):
        return
    if resource.plural in _ROLES:
        _check_role(resource, obj, old, namespace, user, authorizer)
    else:
        _check_binding(resource, obj, namespace, user, authorizer)


def _check_role(
    resource: Resource, role: Json, old: Json | None, namespace: str, user: User, authorizer: Authorizer
) -> None:
    name = _name(role)
    asked = Attributes(
        verb='escalate',
        group=resource.group,
        version=resource.version,
        resource=resource.plural,
        namespace=namespace,
        name='' if old is None else name,  # the URL of a create has no name
    )
    if authorizer.allowed(user, asked)[0]:
        return
    why = _refusal(role.get('rules') or (), namespace, user, authorizer)
    if why is not None:
        raise forbidden(resource, name, why)
    gathers = resource.plural == 'clusterroles' and (role.get('aggregationRule') or {}).get('clusterRoleSelectors')
    if gathers and _refusal(_FULL_AUTHORITY, namespace, user, authorizer) is not None:
        raise forbidden(resource, name, 'must have cluster-admin privileges to use the aggregationRule')


def _check_binding(resource: Resource, binding: Json, namespace: str, user: User, authorizer: Authorizer) -> None:
    ref = binding.get('roleRef') or {}
    plural = {'ClusterRole': 'clusterroles', 'Role': 'roles'}.get(str(ref.get('kind', '')), '')
    title = str(ref.get('name', ''))
    asked = Attributes(
        verb='bind',
        group=str(ref.get('apiGroup', '')),
        version='*',
        resource=plural,
        namespace=namespace,
        name=title,
    )
    if plural and authorizer.allowed(user, asked)[0]:
        return
    rules = authorizer.rules_of_role(ref, namespace)
    if rules is None:
        raise not_found(Resource(RBAC_GROUP, resource.version, plural or 'roles'), title)
    why = _refusal(rules, namespace, user, authorizer)
    if why is not None:
        raise forbidden(resource, _name(binding), why)


def _refusal(rules: Iterable[Rule], namespace: str, user: User, authorizer: Authorizer) -> str | None:
    """Why rules may not be handed on by a user; None if they may."""
    held: list[Rule] = []
    problems: list[str] = []
    for grant in authorizer.grants(user, namespace):
        held.extend(grant.rules or ())
        if grant.rules is None:
            problems.append(f'{grant.role[0].lower()}s.{RBAC_GROUP} {go_quote(grant.role[1])} not found')
    missing = missing_rules(held, rules)
    if not missing:
        return None
    groups = ' '.join(go_quote(group) for group in user.groups)
    listed = '\n'.join(sorted({_compact_text(rule) for rule in _compact(missing)}))
    text = f'user {go_quote(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:'
    resolution = f'; resolution errors: [{aggregate(problems)}]' if problems else ''
    return f'{text}\n{listed}{resolution}'


def _name(obj: Json) -> str:
    return str((obj.get('metadata') or {}).get('name', ''))


_COLLECTED = ('ownerReferences', 'finalizers')
_MOVING = ('managedFields', 'resourceVersion', 'generation')


def _only_for_collector(obj: Json, old: Json) -> bool:
    """Tell whether the update changes only what the garbage collector needs to delete the object."""

    def rest(each: Json) -> Json:
        ignored = (*_COLLECTED, *_MOVING)
        metadata = {key: value for key, value in (each.get('metadata') or {}).items() if key not in ignored}
        return {**each, 'metadata': metadata}

    def collected(each: Json) -> list[Any]:
        return [(each.get('metadata') or {}).get(key) for key in _COLLECTED]

    return rest(obj) == rest(old) and collected(obj) != collected(old)


# --- the arithmetic of rules


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Right:
    """The smallest part of a rule: one verb on one resource (with one name, or with any) or on one path."""

    verb: str
    group: str = ''
    resource: str = ''
    name: str | None = None
    url: str | None = None


def missing_rules(held: Sequence[Rule], wanted: Iterable[Rule]) -> list[_Right]:
    """The single rights of some rules that no single one of the held rules covers."""
    return [right for rule in wanted for right in _rights(rule) if not any(_covers(each, right) for each in held)]


def _rights(rule: Rule) -> Iterator[_Right]:
    verbs = rule.get('verbs') or ()
    names = rule.get('resourceNames') or (None,)
    parts = itertools.product(rule.get('apiGroups') or (), rule.get('resources') or (), verbs, names)
    for group, resource, verb, name in parts:
        yield _Right(group=group, resource=resource, verb=verb, name=name)
    for url, verb in itertools.product(rule.get('nonResourceURLs') or (), verbs):
        yield _Right(url=url, verb=verb)


def _covers(rule: Rule, right: _Right) -> bool:
    verbs = rule.get('verbs') or ()
    if '*' not in verbs and right.verb not in verbs:
        return False
    if right.url is not None:
        return any(url_covers(url, right.url) for url in rule.get('nonResourceURLs') or ())
    groups, names = rule.get('apiGroups') or (), rule.get('resourceNames') or ()
    if '*' not in groups and right.group not in groups:
        return False
    return _covers_resource(rule.get('resources') or (), right.resource) and (not names or right.name in names)


def _covers_resource(held: Sequence[str], wanted: str) -> bool:
    if '*' in held or wanted in held:
        return True
    _, slash, subresource = wanted.partition('/')
    return bool(slash) and f'*/{subresource}' in held


def _compact(rights: Iterable[_Right]) -> list[Json]:
    """Rights as rules, those on the same resource and name joined."""
    joined: dict[tuple[str, str, str | None], Json] = {}
    compacted: list[Json] = []
    for right in rights:
        if right.url is not None:
            compacted.append({'nonResourceURLs': [right.url], 'verbs': [right.verb]})
            continue
        names = [] if right.name is None else [right.name]
        fresh: Json = {'apiGroups': [right.group], 'resources': [right.resource], 'resourceNames': names, 'verbs': []}
        rule = joined.setdefault((right.group, right.resource, right.name), fresh)
        if right.verb not in rule['verbs']:
            rule['verbs'].append(right.verb)
    return [*compacted, *joined.values()]


_PRINTED = (
    ('APIGroups', 'apiGroups'),
    ('Resources', 'resources'),
    ('NonResourceURLs', 'nonResourceURLs'),
    ('ResourceNames', 'resourceNames'),
    ('Verbs', 'verbs'),
)


def _compact_text(rule: Mapping[str, Any]) -> str:
    """A rule as refusals print it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`."""
    parts = [
        f'{title}:[{" ".join(json.dumps(each, ensure_ascii=False) for each in rule[key])}]'
        for title, key in _PRINTED
        if rule.get(key)
    ]
    return f'{{{", ".join(parts)}}}'
