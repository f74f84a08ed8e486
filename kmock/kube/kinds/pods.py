"""Pods: their defaults beyond the spec's, what admission adds, their updates, classes of service, and grace."""

from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.podchecks import pod_spec_causes
from kmock.kube.kinds.podspecs import CONTAINER_LISTS, default_pod_spec, default_template
from kmock.kube.kinds.podwarnings import pod_warnings, template_warnings
from kmock.kube.kinds.rules import amount, as_map, items_of, untold_times
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, required
from kmock.kube.values.names import dns1123_subdomain

__all__ = ['STRATEGIES', 'quality_of_service']

_UPDATABLE = (
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,'
    '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),'
    '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'
)
_SYSTEM_PRIORITIES = {'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000}
_NODE_TROUBLES = ('node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable')
_TOLERATED_SECONDS = 300
_STATUSES = ('containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses')


def _default(pod: Json) -> None:
    spec = pod.setdefault('spec', {})
    spec.setdefault('enableServiceLinks', True)
    for key in CONTAINER_LISTS:
        for container in items_of(spec.get(key)):
            _default_own(container, spec)
    default_pod_spec(spec)
    status = pod.setdefault('status', {})
    status.setdefault('phase', 'Pending')
    _pair_addresses(status, 'podIP', 'podIPs')
    _pair_addresses(status, 'hostIP', 'hostIPs')
    untold_times(pod, 'lastProbeTime', 'lastTransitionTime')
    for key in _STATUSES:
        for each in items_of(status.get(key)):
            _default_container_status(each)


def _default_own(container: Json, spec: Json) -> None:
    """What containers of pods get, but not those of templates: requests from limits, ports of the host."""
    resources = as_map(container.get('resources'))
    limits = as_map(resources.get('limits'))
    if limits:
        resources['requests'] = {**limits, **as_map(resources.get('requests'))}
    if spec.get('hostNetwork'):
        for port in items_of(container.get('ports')):
            if not port.get('hostPort'):
                port['hostPort'] = port.get('containerPort', 0)


def _default_container_status(status: Json) -> None:
    status.setdefault('state', {})
    status.setdefault('lastState', {})
    for key, value in (('name', ''), ('ready', False), ('restartCount', 0), ('image', ''), ('imageID', '')):
        status.setdefault(key, value)
    for state in (as_map(status['state']), as_map(status['lastState'])):
        if isinstance(state.get('running'), dict):
            state['running'].setdefault('startedAt', None)
        if isinstance(state.get('terminated'), dict):
            for key, usual in (('exitCode', 0), ('startedAt', None), ('finishedAt', None)):
                state['terminated'].setdefault(key, usual)


def _pair_addresses(status: Json, one: str, many: str) -> None:
    """The first of the addresses has a field of its own, too; the list follows that field."""
    listed = items_of(status.get(many))
    if status.get(one):
        if not listed or listed[0].get('ip') != status[one]:
            status[many] = [{'ip': status[one]}]
    elif listed and listed[0].get('ip'):
        status[one] = listed[0]['ip']


def _prepare_create(pod: Json) -> None:
    spec = as_map(pod.get('spec'))
    pod['status'] = {'phase': 'Pending', 'qosClass': quality_of_service(spec)}
    if spec.get('schedulingGates'):
        pod['status']['conditions'] = [
            {
                'type': 'PodScheduled',
                'status': 'False',
                'reason': 'SchedulingGated',
                'message': 'Scheduling is blocked due to non-empty scheduling gates',
                'lastProbeTime': None,
                'lastTransitionTime': None,
            }
        ]
    wanted = spec.get('priorityClassName', '')
    if not wanted or wanted in _SYSTEM_PRIORITIES:  # other classes are objects; see `podadmission`
        spec.setdefault('priority', _SYSTEM_PRIORITIES.get(wanted, 0))
        spec.setdefault('preemptionPolicy', 'PreemptLowerPriority')
    _tolerate_troubles(spec)


def _tolerate_troubles(spec: Json) -> None:
    """As the admission plugin DefaultTolerationSeconds: for five minutes, unless the pod says otherwise."""
    present = items_of(spec.get('tolerations'))
    told = {each.get('key', '') for each in present if each.get('effect') in (None, '', 'NoExecute')}
    added = [
        {'key': key, 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': _TOLERATED_SECONDS}
        for key in _NODE_TROUBLES
        if key not in told and '' not in told
    ]
    if added:
        spec['tolerations'] = [*present, *added]


def _prepare_update(pod: Json, old: Json) -> None:
    pod['status'] = old.get('status', {})
    spec, before = as_map(pod.get('spec')), as_map(old.get('spec'))
    for key in ('priority', 'preemptionPolicy'):  # the admission plugin Priority keeps them
        if key in before:
            spec.setdefault(key, before[key])
    _tolerate_troubles(spec)


def _prepare_status(pod: Json, old: Json) -> None:
    pod['spec'] = old.get('spec', {})
    owners = as_map(old.get('metadata')).get('ownerReferences')
    metadata = pod.setdefault('metadata', {})
    metadata.pop('ownerReferences', None)
    if owners is not None:
        metadata['ownerReferences'] = owners
    status = pod.setdefault('status', {})
    quality = as_map(old.get('status')).get('qosClass')
    if quality and not status.get('qosClass'):
        status['qosClass'] = quality


# --- validation


def _validate(pod: Json) -> list[Cause]:
    spec = as_map(pod.get('spec'))
    found = pod_spec_causes('spec', spec, hosts=True)
    if spec.get('ephemeralContainers'):
        found.append(forbidden_field('spec.ephemeralContainers', 'cannot be set on create'))
    return found


def _validate_update(pod: Json, old: Json) -> list[Cause]:
    spec, before = as_map(pod.get('spec')), as_map(old.get('spec'))
    found: list[Cause] = []
    for key in ('containers', 'initContainers'):
        new_containers, old_containers = items_of(spec.get(key)), items_of(before.get(key))
        if len(new_containers) != len(old_containers):
            return [forbidden_field(f'spec.{key}', 'pod updates may not add or remove containers')]
        for index, container in enumerate(new_containers):
            if not container.get('image'):
                found.append(required(f'spec.{key}[{index}].image'))
    found += _deadline_causes(spec.get('activeDeadlineSeconds'), before.get('activeDeadlineSeconds'))
    found += _toleration_causes(items_of(spec.get('tolerations')), items_of(before.get('tolerations')))
    if found:
        return found
    if spec != before and _fixed_part(spec, before) != _fixed_part(before, before):
        return [forbidden_field('spec', _UPDATABLE)]
    return pod_spec_causes('spec', spec, hosts=True) if spec != before else []


def _deadline_causes(new: Any, old: Any) -> list[Cause]:
    field = 'spec.activeDeadlineSeconds'
    if new is not None:
        if not 0 <= new <= 2**31 - 1:
            return [invalid_value(field, new, 'must be between 0 and 2147483647, inclusive')]
        if old is not None and old < new:
            return [invalid_value(field, new, 'must be less than or equal to previous value')]
    elif old is not None:
        return [invalid_value(field, None, 'must not update from a positive integer to nil value')]
    return []


def _toleration_causes(new: list[Json], old: list[Json]) -> list[Cause]:
    def kept(each: Json) -> Json:
        return {key: value for key, value in each.items() if key != 'tolerationSeconds'}

    present = [kept(each) for each in new]
    if all(kept(each) in present for each in old):
        return []
    return [forbidden_field('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]


def _fixed_part(spec: Json, old: Json) -> Json:
    """The spec without what an update may change."""
    kept = {key: value for key, value in spec.items() if key not in ('activeDeadlineSeconds', 'tolerations')}
    for key in ('containers', 'initContainers'):
        if key in kept:
            kept[key] = [{**each, 'image': ''} for each in items_of(kept[key])]
    grace = old.get('terminationGracePeriodSeconds')
    if isinstance(grace, int) and grace < 0 and kept.get('terminationGracePeriodSeconds') == 1:
        kept['terminationGracePeriodSeconds'] = grace
    if old.get('schedulingGates'):
        gates = [each for each in items_of(kept.pop('schedulingGates', None)) if each not in old['schedulingGates']]
        if gates:
            kept['schedulingGates'] = gates
        kept.pop('nodeSelector', None)
        kept.pop('affinity', None)
    return kept


def _validate_status(pod: Json, old: Json) -> list[Cause]:
    if as_map(pod.get('spec')).get('nodeName') != as_map(old.get('spec')).get('nodeName'):
        return [forbidden_field('status.nodeName', 'may not be changed directly')]
    return []


# --- service and grace


def quality_of_service(spec: Json) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`, by the requests and limits of CPU and memory."""
    containers = items_of(spec.get('containers')) + items_of(spec.get('initContainers'))
    if spec.get('resources'):
        containers = [{'resources': spec['resources']}]
    guaranteed, any_set = bool(containers), False
    for container in containers:
        resources = as_map(container.get('resources'))
        limits, requests = _positive(resources.get('limits')), _positive(resources.get('requests'))
        any_set = any_set or bool(limits or requests)
        if len(limits) != 2 or (requests or limits) != limits:
            guaranteed = False
    if not any_set:
        return 'BestEffort'
    return 'Guaranteed' if guaranteed else 'Burstable'


def _positive(amounts: Any) -> dict[str, Any]:
    found = {key: amount(value) for key, value in as_map(amounts).items() if key in ('cpu', 'memory')}
    return {key: value for key, value in found.items() if value > 0}


def _grace(pod: Json, wanted: int | None) -> int:
    spec, status = as_map(pod.get('spec')), as_map(pod.get('status'))
    if not spec.get('nodeName') or status.get('phase') in ('Failed', 'Succeeded'):
        return 0
    period = wanted if wanted is not None else spec.get('terminationGracePeriodSeconds') or 0
    return int(period) if period >= 0 else 1


def _default_template(obj: Json) -> None:
    default_template(obj.setdefault('template', {}))


def _validate_template(obj: Json) -> list[Cause]:
    return pod_spec_causes('template.spec', as_map(as_map(obj.get('template')).get('spec')))


def _validate_template_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_template(obj)


STRATEGIES = {
    'pods': Strategy(
        name=dns1123_subdomain,
        generation=True,
        deletes_object=True,
        default=_default,
        prepare_create=_prepare_create,
        prepare_update=_prepare_update,
        prepare_status=_prepare_status,
        validate=_validate,
        validate_update=_validate_update,
        validate_status=_validate_status,
        warnings=pod_warnings,
        grace=_grace,
    ),
    'podtemplates': Strategy(
        name=dns1123_subdomain,
        generation=True,
        deletes_object=True,
        default=_default_template,
        validate=_validate_template,
        validate_update=_validate_template_update,
        warnings=template_warnings('template', named=False),
    ),
}
