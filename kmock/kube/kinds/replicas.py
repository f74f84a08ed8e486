"""ReplicationControllers: the ancestor of ReplicaSets, with a selector that is a plain map."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.podchecks import workload_template_causes
from kmock.kube.kinds.podspecs import default_template
from kmock.kube.kinds.podwarnings import template_warnings
from kmock.kube.kinds.replicastatuses import set_status
from kmock.kube.kinds.rules import as_map
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']


def _default(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    default_template(spec.get('template'))
    carried = as_map(as_map(as_map(spec.get('template')).get('metadata')).get('labels'))
    if carried:
        if not spec.get('selector'):
            spec['selector'] = dict(carried)
        metadata = obj.setdefault('metadata', {})
        if not metadata.get('labels'):
            metadata['labels'] = dict(carried)
    spec.setdefault('replicas', 1)
    obj.setdefault('status', {}).setdefault('replicas', 0)
    rules.untold_times(obj, 'lastTransitionTime')


def _validate(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = rules.non_negative('spec.minReadySeconds', spec.get('minReadySeconds'))
    wanted = as_map(spec.get('selector'))
    found += rules.labels('spec.selector', wanted)
    if not wanted:
        found.append(required('spec.selector'))
    found += rules.non_negative('spec.replicas', spec.get('replicas'))
    selector = {'matchLabels': wanted} if wanted else {}
    return found + workload_template_causes('spec.template', spec.get('template'), selector, 'ReplicationController')


def _validate_update(obj: Json, old: Json) -> list[Cause]:
    return _validate(obj)


STRATEGIES = {
    'replicationcontrollers': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default,
        **separated({'replicas': 0}),
        validate=_validate,
        validate_update=_validate_update,
        validate_status=set_status,
        warnings=template_warnings('spec', 'template'),
    ),
}
