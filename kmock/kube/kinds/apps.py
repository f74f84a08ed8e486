"""The group apps: Deployments, ReplicaSets, StatefulSets, DaemonSets, ControllerRevisions."""

from collections.abc import Callable
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.podchecks import workload_template_causes
from kmock.kube.kinds.podspecs import default_claim_spec, default_template
from kmock.kube.kinds.podwarnings import template_warnings
from kmock.kube.kinds.replicastatuses import daemon_status, deployment_status, set_status, stateful_status
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.kinds.separation import keep_status, separated
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']

Checks = Callable[[Json], list[Cause]]

_STATEFUL_UPDATES = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_MUTABLE = frozenset({
    'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit',
    'persistentVolumeClaimRetentionPolicy', 'minReadySeconds',
})  # fmt: skip


def _selector_causes(spec: Json, kind: str) -> list[Cause]:
    selector = spec.get('selector')
    if selector is None:
        return [required('spec.selector')]
    found = rules.selector('spec.selector', selector)
    if not selector.get('matchLabels') and not selector.get('matchExpressions'):
        found.append(invalid_value('spec.selector', selector, f'empty selector is invalid for {kind}'))
    return found


def _template_causes(spec: Json, kind: str, why: str = 'invalid label selector') -> list[Cause]:
    """Of the template; or that it can't be looked at, since nothing is said about what is selected."""
    if not rules.parses(spec.get('selector')):
        return [invalid_value('spec.selector', spec['selector'], why)]
    return workload_template_causes('spec.template', spec.get('template', {}), spec.get('selector'), kind)


def _updated(validate: Checks) -> Callable[[Json, Json], list[Cause]]:
    """Updates are validated as creations are, and the selector may not change."""

    def causes(obj: Json, old: Json) -> list[Cause]:
        new, was = as_map(obj.get('spec')).get('selector'), as_map(old.get('spec')).get('selector')
        return validate(obj) + rules.immutable('spec.selector', new, was)

    return causes


def _rolling(strategy: Json, **usual: Any) -> None:
    """The parameters of a rolling update, when the strategy is one."""
    if strategy.get('type') == 'RollingUpdate':
        parameters = strategy.setdefault('rollingUpdate', {})
        for key, value in usual.items():
            parameters.setdefault(key, value)


# --- Deployments


def _default_deployment(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('replicas', 1)
    default_template(spec.setdefault('template', {}))
    strategy = spec.setdefault('strategy', {})
    strategy.setdefault('type', 'RollingUpdate')
    _rolling(strategy, maxUnavailable='25%', maxSurge='25%')
    spec.setdefault('revisionHistoryLimit', 10)
    spec.setdefault('progressDeadlineSeconds', 600)
    obj.setdefault('status', {})
    rules.untold_times(obj, 'lastUpdateTime', 'lastTransitionTime')


def _prepare_deployment_update(obj: Json, old: Json) -> None:
    """Changed annotations count as a change of what is wanted, too: they are for the rollout."""
    keep_status(obj, old)
    new, before = obj.setdefault('metadata', {}), as_map(old.get('metadata'))
    if (new.get('annotations') or {}) != (before.get('annotations') or {}) and 'generation' in before:
        new['generation'] = before['generation'] + 1


def _validate_deployment(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = rules.non_negative('spec.replicas', spec.get('replicas'))
    found += _selector_causes(spec, 'deployment')
    found += _template_causes(spec, 'ReplicaSet')
    found += _strategy_causes(as_map(spec.get('strategy')))
    found += rules.non_negative('spec.minReadySeconds', spec.get('minReadySeconds'))
    found += rules.non_negative('spec.revisionHistoryLimit', spec.get('revisionHistoryLimit'))
    deadline = spec.get('progressDeadlineSeconds')
    if deadline is not None:
        found += rules.non_negative('spec.progressDeadlineSeconds', deadline)
        if deadline <= spec.get('minReadySeconds', 0):
            why = 'must be greater than minReadySeconds'
            found.append(invalid_value('spec.progressDeadlineSeconds', deadline, why))
    return found


def _strategy_causes(strategy: Json) -> list[Cause]:
    kind, rolling = strategy.get('type'), strategy.get('rollingUpdate')
    path = 'spec.strategy.rollingUpdate'
    if kind == 'Recreate':
        why = "may not be specified when strategy `type` is 'Recreate'"
        return [forbidden_field(path, why)] if rolling is not None else []
    if kind != 'RollingUpdate':
        return [not_supported('spec.strategy', strategy, ['Recreate', 'RollingUpdate'])]
    rolling = as_map(rolling)
    unavailable, surge = rolling.get('maxUnavailable'), rolling.get('maxSurge')
    found = rules.int_or_percent(f'{path}.maxUnavailable', unavailable)
    found += rules.int_or_percent(f'{path}.maxSurge', surge)
    if not found and _is_zero(unavailable) and _is_zero(surge):
        why = 'may not be 0 when `maxSurge` is 0'
        found.append(invalid_value(f'{path}.maxUnavailable', unavailable, why))
    return found + rules.not_above_all(f'{path}.maxUnavailable', unavailable)


def _is_zero(value: Any) -> bool:
    return value in (None, 0) or (isinstance(value, str) and value.removesuffix('%').strip('0') == '')


# --- ReplicaSets


def _default_set(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('replicas', 1)
    default_template(spec.setdefault('template', {}))
    obj.setdefault('status', {}).setdefault('replicas', 0)
    rules.untold_times(obj, 'lastTransitionTime')


def _validate_set(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = rules.non_negative('spec.replicas', spec.get('replicas'))
    found += rules.non_negative('spec.minReadySeconds', spec.get('minReadySeconds'))
    return found + _selector_causes(spec, 'ReplicaSet') + _template_causes(spec, 'ReplicaSet')


# --- StatefulSets


def _default_stateful(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('podManagementPolicy', 'OrderedReady')
    strategy = spec.setdefault('updateStrategy', {})
    strategy.setdefault('type', 'RollingUpdate')
    _rolling(strategy, partition=0)
    retention = spec.setdefault('persistentVolumeClaimRetentionPolicy', {})
    retention.setdefault('whenDeleted', 'Retain')
    retention.setdefault('whenScaled', 'Retain')
    spec.setdefault('replicas', 1)
    spec.setdefault('revisionHistoryLimit', 10)
    default_template(spec.setdefault('template', {}))
    for claim in items_of(spec.get('volumeClaimTemplates')):
        claim.setdefault('apiVersion', 'v1')
        claim.setdefault('kind', 'PersistentVolumeClaim')
        claim.setdefault('metadata', {})
        default_claim_spec(claim.setdefault('spec', {}))
        claim.setdefault('status', {}).setdefault('phase', 'Pending')
    status = obj.setdefault('status', {})
    status.setdefault('replicas', 0)
    status.setdefault('availableReplicas', 0)
    rules.untold_times(obj, 'lastTransitionTime')


def _validate_stateful(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found: list[Cause] = []
    policy = spec.get('podManagementPolicy') or ''
    if not policy:
        found.append(required('spec.podManagementPolicy'))
    elif policy not in ('OrderedReady', 'Parallel'):
        why = "must be 'OrderedReady' or 'Parallel'"
        found.append(invalid_value('spec.podManagementPolicy', policy, why))
    found += _stateful_strategy_causes(as_map(spec.get('updateStrategy')))
    found += rules.non_negative('spec.replicas', spec.get('replicas'))
    found += rules.non_negative('spec.minReadySeconds', spec.get('minReadySeconds'))
    found += _selector_causes(spec, 'statefulset')
    return found + _template_causes(spec, 'StatefulSet', '')


def _stateful_strategy_causes(strategy: Json) -> list[Cause]:
    kind = strategy.get('type') or ''
    if not kind:
        return [required('spec.updateStrategy')]
    if kind == 'OnDelete':
        if strategy.get('rollingUpdate') is None:
            return []
        why = "only allowed for updateStrategy 'RollingUpdate'"
        return [invalid_value('spec.updateStrategy.rollingUpdate', strategy['rollingUpdate'], why)]
    if kind != 'RollingUpdate':
        return [invalid_value('spec.updateStrategy', strategy, "must be 'RollingUpdate' or 'OnDelete'")]
    partition = as_map(strategy.get('rollingUpdate')).get('partition')
    return rules.non_negative('spec.updateStrategy.rollingUpdate.partition', partition)


def _validate_stateful_update(obj: Json, old: Json) -> list[Cause]:
    def fixed(spec: Any) -> Json:
        return {key: value for key, value in as_map(spec).items() if key not in _STATEFUL_MUTABLE}

    found = _validate_stateful(obj)
    if fixed(obj.get('spec')) != fixed(old.get('spec')):
        found.append(forbidden_field('spec', _STATEFUL_UPDATES))
    return found


# --- DaemonSets


def _default_daemon(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    strategy = spec.setdefault('updateStrategy', {})
    strategy.setdefault('type', 'RollingUpdate')
    _rolling(strategy, maxUnavailable=1, maxSurge=0)
    spec.setdefault('revisionHistoryLimit', 10)
    default_template(spec.setdefault('template', {}))
    status = obj.setdefault('status', {})
    for key in ('currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady'):
        status.setdefault(key, 0)
    rules.untold_times(obj, 'lastTransitionTime')


_DAEMON_STATUS = {
    'currentNumberScheduled': 0,
    'numberMisscheduled': 0,
    'desiredNumberScheduled': 0,
    'numberReady': 0,
}


def _validate_daemon(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = rules.selector('spec.selector', spec.get('selector'))
    selector = spec.get('selector')
    carried = as_map(as_map(as_map(spec.get('template')).get('metadata')).get('labels'))
    if rules.parses(selector) and not rules.matches(selector, carried):
        why = '`selector` does not match template `labels`'
        found.append(invalid_value('spec.template.metadata.labels', carried or None, why))
    if selector is not None and not selector.get('matchLabels') and not selector.get('matchExpressions'):
        found.append(invalid_value('spec.selector', selector, 'empty selector is invalid for daemonset'))
    found += workload_template_causes('spec.template', spec.get('template', {}), {}, 'DaemonSet')
    found += rules.non_negative('spec.minReadySeconds', spec.get('minReadySeconds'))
    strategy = as_map(spec.get('updateStrategy'))
    if strategy.get('type') not in ('RollingUpdate', 'OnDelete'):
        found.append(not_supported('spec.updateStrategy', strategy, ['RollingUpdate', 'OnDelete']))
    return found + rules.non_negative('spec.revisionHistoryLimit', spec.get('revisionHistoryLimit'))


# --- ControllerRevisions


def _validate_revision(obj: Json) -> list[Cause]:
    found = rules.non_negative('revision', obj.get('revision', 0))
    return found if obj.get('data') is not None else [*found, required('data', 'data is mandatory')]


def _validate_revision_update(obj: Json, old: Json) -> list[Cause]:
    return rules.immutable('data', obj.get('data'), old.get('data')) + _validate_revision(obj)


def _default_revision(obj: Json) -> None:
    obj.setdefault('revision', 0)


_DEPLOYMENT = separated()

STRATEGIES = {
    'deployments': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_deployment,
        prepare_create=_DEPLOYMENT['prepare_create'],
        prepare_update=_prepare_deployment_update,
        prepare_status=_DEPLOYMENT['prepare_status'],
        validate=_validate_deployment,
        validate_update=_updated(_validate_deployment),
        validate_status=deployment_status,
        warnings=template_warnings('spec', 'template'),
    ),
    'replicasets': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_set,
        **separated({'replicas': 0}),
        validate=_validate_set,
        validate_update=_updated(_validate_set),
        validate_status=set_status,
        warnings=template_warnings('spec', 'template'),
    ),
    'statefulsets': Strategy(
        name=names.dns1123_label,
        generation=True,
        default=_default_stateful,
        **separated({'replicas': 0, 'availableReplicas': 0}),
        validate=_validate_stateful,
        validate_update=_validate_stateful_update,
        validate_status=stateful_status,
        warnings=template_warnings('spec', 'template'),
    ),
    'daemonsets': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_daemon,
        **separated(_DAEMON_STATUS),
        validate=_validate_daemon,
        validate_update=_updated(_validate_daemon),
        validate_status=daemon_status,
        warnings=template_warnings('spec', 'template'),
    ),
    'controllerrevisions': Strategy(
        name=names.dns1123_subdomain,
        default=_default_revision,
        validate=_validate_revision,
        validate_update=_validate_revision_update,
    ),
}
