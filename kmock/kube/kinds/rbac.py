"""Roles and their bindings as objects. What they allow is decided elsewhere."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.statuses import Cause, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_GROUP = 'rbac.authorization.k8s.io'


# --- roles


def _default_role(obj: Json) -> None:
    """Without rules, there is null: the field is never left out."""
    if not obj.get('rules'):
        obj['rules'] = None


def _rule_causes(obj: Json, namespaced: bool) -> list[Cause]:
    found: list[Cause] = []
    for index, rule in enumerate(items_of(obj.get('rules'))):
        path = f'rules[{index}]'
        if not rule.get('verbs'):
            found.append(required(f'{path}.verbs', 'verbs must contain at least one value'))
        if rule.get('nonResourceURLs'):
            found += _url_causes(path, rule, namespaced)
            continue
        if not rule.get('apiGroups'):
            found.append(required(f'{path}.apiGroups', 'resource rules must supply at least one api group'))
        if not rule.get('resources'):
            found.append(required(f'{path}.resources', 'resource rules must supply at least one resource'))
    return found


def _url_causes(path: str, rule: Json, namespaced: bool) -> list[Cause]:
    urls = rule['nonResourceURLs']
    if namespaced:
        why = 'namespaced rules cannot apply to non-resource URLs'
        return [invalid_value(f'{path}.nonResourceURLs', urls, why)]
    if any(rule.get(key) for key in ('apiGroups', 'resources', 'resourceNames')):
        why = 'rules cannot apply to both regular resources and non-resource URLs'
        return [invalid_value(f'{path}.nonResourceURLs', urls, why)]
    return []


def _validate_role(obj: Json) -> list[Cause]:
    return _rule_causes(obj, True)


def _validate_cluster_role(obj: Json) -> list[Cause]:
    found = _rule_causes(obj, False)
    aggregation = obj.get('aggregationRule')
    if aggregation is not None:
        selectors = items_of(as_map(aggregation).get('clusterRoleSelectors'))
        path = 'aggregationRule.clusterRoleSelectors'
        if not selectors:
            found.append(required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'))
        for index, each in enumerate(selectors):
            found += rules.selector(f'{path}[{index}]', each)
    return found


def _validate_role_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_role(obj)


def _validate_cluster_role_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_cluster_role(obj)


# --- bindings


def _default_binding(obj: Json) -> None:
    reference = obj.setdefault('roleRef', {})
    if not reference.get('apiGroup'):
        reference['apiGroup'] = _GROUP
    for key in ('kind', 'name'):
        reference.setdefault(key, '')
    for each in items_of(obj.get('subjects')):
        if not each.get('apiGroup') and each.get('kind') in ('User', 'Group'):
            each['apiGroup'] = _GROUP


def _binding_causes(obj: Json, kinds: tuple[str, ...]) -> list[Cause]:
    reference = as_map(obj.get('roleRef'))
    found: list[Cause] = []
    if reference.get('apiGroup') != _GROUP:
        found.append(not_supported('roleRef.apiGroup', reference.get('apiGroup') or '', [_GROUP]))
    if reference.get('kind') not in kinds:
        found.append(not_supported('roleRef.kind', reference.get('kind') or '', kinds))
    if not reference.get('name'):
        found.append(required('roleRef.name'))
    else:
        found += rules.named('roleRef.name', reference['name'], names.path_segment)
    for index, each in enumerate(items_of(obj.get('subjects'))):
        found += _subject_causes(f'subjects[{index}]', each, namespaced=len(kinds) > 1)
    return found


def _subject_causes(path: str, subject: Json, *, namespaced: bool) -> list[Cause]:
    found = [] if subject.get('name') else [required(f'{path}.name')]
    kind, group = subject.get('kind') or '', subject.get('apiGroup') or ''
    if kind == 'ServiceAccount':
        if subject.get('name'):
            found += rules.named(f'{path}.name', subject['name'], names.dns1123_subdomain)
        if group:
            found.append(not_supported(f'{path}.apiGroup', group, ['']))
        if not subject.get('namespace') and not namespaced:
            found.append(required(f'{path}.namespace'))
    elif kind in ('User', 'Group'):
        if group != _GROUP:
            found.append(not_supported(f'{path}.apiGroup', group, [_GROUP]))
    else:
        found.append(not_supported(f'{path}.kind', kind, ['ServiceAccount', 'User', 'Group']))
    return found


def _validate_binding(obj: Json) -> list[Cause]:
    return _binding_causes(obj, ('Role', 'ClusterRole'))


def _validate_cluster_binding(obj: Json) -> list[Cause]:
    return _binding_causes(obj, ('ClusterRole',))


def _role_changed(obj: Json, old: Json) -> list[Cause]:
    if obj.get('roleRef') == old.get('roleRef'):
        return []
    return [invalid_value('roleRef', obj.get('roleRef'), 'cannot change roleRef')]


def _validate_binding_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_binding(obj) + _role_changed(obj, old)


def _validate_cluster_binding_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_cluster_binding(obj) + _role_changed(obj, old)


STRATEGIES = {
    'roles': Strategy(
        name=names.path_segment,
        put_creates=True,
        default=_default_role,
        validate=_validate_role,
        validate_update=_validate_role_update,
    ),
    'clusterroles': Strategy(
        name=names.path_segment,
        put_creates=True,
        default=_default_role,
        validate=_validate_cluster_role,
        validate_update=_validate_cluster_role_update,
    ),
    'rolebindings': Strategy(
        name=names.path_segment,
        put_creates=True,
        default=_default_binding,
        validate=_validate_binding,
        validate_update=_validate_binding_update,
    ),
    'clusterrolebindings': Strategy(
        name=names.path_segment,
        put_creates=True,
        default=_default_binding,
        validate=_validate_cluster_binding,
        validate_update=_validate_cluster_binding_update,
    ),
}
