"""The group autoscaling: HorizontalPodAutoscalers, in both versions. Scales are the emulator's."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, invalid_value, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_USUAL_TARGET = {'type': 'Utilization', 'averageUtilization': 80}
_OTHER_METRICS = 'autoscaling.alpha.kubernetes.io/metrics'
_UP = [{'type': 'Pods', 'value': 4, 'periodSeconds': 15}, {'type': 'Percent', 'value': 100, 'periodSeconds': 15}]
_DOWN = [{'type': 'Percent', 'value': 100, 'periodSeconds': 15}]


def _default_v1(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('minReplicas', 1)
    annotations = as_map(as_map(obj.get('metadata')).get('annotations'))
    if spec.get('targetCPUUtilizationPercentage') is None and _OTHER_METRICS not in annotations:
        spec['targetCPUUtilizationPercentage'] = _USUAL_TARGET['averageUtilization']
    status = obj.setdefault('status', {})
    status.setdefault('currentReplicas', 0)
    status.setdefault('desiredReplicas', 0)


def _default_v2(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('minReplicas', 1)
    if not spec.get('metrics'):
        spec['metrics'] = [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': dict(_USUAL_TARGET)}}]
    behavior = spec.get('behavior')
    if isinstance(behavior, dict):
        up = {'stabilizationWindowSeconds': 0, 'selectPolicy': 'Max', 'policies': [dict(each) for each in _UP]}
        down = {'selectPolicy': 'Max', 'policies': [dict(each) for each in _DOWN]}
        behavior['scaleUp'] = {**up, **as_map(behavior.get('scaleUp'))}
        behavior['scaleDown'] = {**down, **as_map(behavior.get('scaleDown'))}
    status = obj.setdefault('status', {})
    if not status.get('currentMetrics'):
        status['currentMetrics'] = None
    status.setdefault('desiredReplicas', 0)
    rules.untold_times(obj, 'lastTransitionTime')


def _validate(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    least, most = spec.get('minReplicas'), spec.get('maxReplicas') or 0
    found = rules.at_least('spec.minReplicas', least, 1)
    if most < 1:
        found.append(invalid_value('spec.maxReplicas', most, 'must be greater than 0'))
    if least is not None and most < least:
        found.append(invalid_value('spec.maxReplicas', most, 'must be greater than or equal to `minReplicas`'))
    target = as_map(spec.get('scaleTargetRef'))
    for key in ('kind', 'name'):
        found += rules.quoted_names(f'spec.scaleTargetRef.{key}', target.get(key), names.path_segment)
    for index, metric in enumerate(items_of(spec.get('metrics'))):
        found += _metric_causes(f'spec.metrics[{index}]', metric)
    return found


_METRICS = {
    'ContainerResource': 'containerResource',
    'External': 'external',
    'Object': 'object',
    'Pods': 'pods',
    'Resource': 'resource',
}


def _metric_causes(field: str, metric: Json) -> list[Cause]:
    kind = metric.get('type') or ''
    if not kind:
        return [required(f'{field}.type', 'must specify a metric source type')]
    if kind not in _METRICS:
        listed = ', '.join(f'"{each}"' for each in _METRICS)
        message = f'Unsupported value: "{kind}": supported values: {listed}'
        return [Cause(reason='FieldValueNotSupported', message=message, field=f'{field}.type')]
    key = _METRICS[kind]
    if metric.get(key) is None:
        why = 'must populate information for the given metric source'
        return [required(f'{field}.{key}', why)]
    return []


def _validate_update(obj: Json, old: Json) -> list[Cause]:
    return _validate(obj)


STRATEGIES = {
    'v1/horizontalpodautoscalers': Strategy(
        name=names.dns1123_subdomain,
        default=_default_v1,
        **separated({'currentReplicas': 0, 'desiredReplicas': 0}),
        validate=_validate,
        validate_update=_validate_update,
    ),
    'v2/horizontalpodautoscalers': Strategy(
        name=names.dns1123_subdomain,
        default=_default_v2,
        **separated({'currentMetrics': None, 'desiredReplicas': 0}),
        validate=_validate,
        validate_update=_validate_update,
    ),
}
