"""HorizontalPodAutoscalers of autoscaling/v1, which are stored as those of autoscaling/v2.

What the old version has no fields for, it keeps in annotations: other metrics than that of the CPU, the behavior, and
the conditions. Source: kube-apiserver v1.36, `pkg/apis/autoscaling/v1` (conversions) and `pkg/apis/autoscaling`.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from kmock.kube.definitions import Json

__all__ = ['to_v1', 'to_v2']

_PREFIX = 'autoscaling.alpha.kubernetes.io/'
_METRICS, _CURRENT = f'{_PREFIX}metrics', f'{_PREFIX}current-metrics'
_BEHAVIOR, _CONDITIONS = f'{_PREFIX}behavior', f'{_PREFIX}conditions'
_KEYS = {
    'Resource': 'resource',
    'ContainerResource': 'containerResource',
    'Pods': 'pods',
    'Object': 'object',
    'External': 'external',
}
_STATUS_FIELDS = ('observedGeneration', 'lastScaleTime', 'currentReplicas', 'desiredReplicas')
_USUAL = {'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 80}}}


def to_v1(body: Json) -> Json:
    """A stored autoscaler, without kind and apiVersion, as autoscaling/v1 has it."""
    spec, status = body.get('spec') or {}, body.get('status') or {}
    metrics, current = spec.get('metrics') or [], status.get('currentMetrics') or []
    annotations = _without_ours((body.get('metadata') or {}).get('annotations'))
    others = [each for each in metrics if _utilization(each, 'target') is None]
    for key, value in (
        (_METRICS, [_old_metric(each, 'target', '') for each in others]),
        (_CURRENT, [_old_metric(each, 'current', 'current') for each in current]),
        (_CONDITIONS, status.get('conditions')),
        (_BEHAVIOR, spec.get('behavior')),
    ):
        if value:
            annotations[key] = json.dumps(value, separators=(',', ':'))
    shown = {key: spec[key] for key in ('scaleTargetRef', 'minReplicas', 'maxReplicas') if key in spec}
    _set_first(shown, 'targetCPUUtilizationPercentage', metrics, 'target')
    seen = {key: status[key] for key in _STATUS_FIELDS if key in status}
    seen.setdefault('currentReplicas', 0)
    seen.setdefault('desiredReplicas', 0)
    _set_first(seen, 'currentCPUUtilizationPercentage', current, 'current')
    return {**body, 'metadata': _annotated(body, annotations), 'spec': shown, 'status': seen}


def to_v2(body: Json) -> Json:
    """An autoscaler of autoscaling/v1, with or without kind and apiVersion, as it is stored."""
    spec, status = body.get('spec') or {}, body.get('status') or {}
    given = (body.get('metadata') or {}).get('annotations')
    kept = {key: value for key in _OURS if (value := _read(given, key)) is not None}
    shown = {key: spec[key] for key in ('scaleTargetRef', 'minReplicas', 'maxReplicas') if key in spec}
    metrics = [_new_metric(each, 'target', '') for each in kept.get(_METRICS, ())]
    if spec.get('targetCPUUtilizationPercentage') is not None:
        metrics.append(_cpu('target', {'type': 'Utilization'}, spec['targetCPUUtilizationPercentage']))
    shown['metrics'] = metrics or [copy.deepcopy(_USUAL)]
    if _BEHAVIOR in kept:
        shown['behavior'] = kept[_BEHAVIOR]
    seen = {key: status[key] for key in _STATUS_FIELDS if key in status}
    current = [_new_metric(each, 'current', 'current') for each in kept.get(_CURRENT, ())]
    if not current and status.get('currentCPUUtilizationPercentage') is not None:
        current = [_cpu('current', {}, status['currentCPUUtilizationPercentage'])]
    seen['currentMetrics'] = current or None
    seen.setdefault('desiredReplicas', 0)
    if _CONDITIONS in kept:
        seen['conditions'] = kept[_CONDITIONS]
    return {**body, 'metadata': _annotated(body, _without_ours(given)), 'spec': shown, 'status': seen}


# --- annotations

_OURS: Mapping[str, type] = {_METRICS: list, _CURRENT: list, _CONDITIONS: list, _BEHAVIOR: dict}


def _without_ours(annotations: Any) -> Json:
    return {key: value for key, value in (annotations or {}).items() if key not in _OURS}


def _annotated(body: Json, annotations: Json) -> Json:
    metadata = {key: value for key, value in (body.get('metadata') or {}).items() if key != 'annotations'}
    return {**metadata, 'annotations': annotations} if annotations else metadata


def _read(annotations: Any, key: str) -> Any:
    """What an annotation holds; None if it is absent or not readable, as the server disregards it then."""
    try:
        value = json.loads((annotations or {}).get(key, 'null'))
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(value, _OURS[key]):
        return None
    if isinstance(value, list) and not all(_is_typed(each) for each in value):
        return None
    return value


def _is_typed(value: Any) -> bool:
    """Whether it is a metric or a condition as far as its type."""
    return isinstance(value, dict) and isinstance(value.get('type', ''), str)


# --- metrics


def _utilization(metric: Json, key: str) -> int | None:
    """The utilization of the CPU, if it is this that a metric is about."""
    source = metric.get('resource') or {}
    if metric.get('type') != 'Resource' or source.get('name') != 'cpu':
        return None
    found = (source.get(key) or {}).get('averageUtilization')
    return found if isinstance(found, int) else None


def _set_first(target: Json, name: str, metrics: list[Json], key: str) -> None:
    found = [value for each in metrics if (value := _utilization(each, key)) is not None]
    if found:
        target[name] = found[0]


def _cpu(key: str, kind: Json, value: int) -> Json:
    return {'type': 'Resource', 'resource': {'name': 'cpu', key: {**kind, 'averageUtilization': value}}}


def _old_metric(metric: Json, key: str, prefix: str) -> Json:
    """A metric of v2 as v1 words it: the values beside the source; `prefix` is `current` in a status."""
    kind = metric.get('type', '')
    source = metric.get(_KEYS.get(kind, ''))
    if not isinstance(source, dict):
        return {'type': kind}
    value, named = source.get(key) or {}, source.get('metric') or {}
    word = prefix or 'target'
    found: Json = {name: source[name] for name in ('name', 'container') if name in source}
    if kind == 'Object':
        found['target'] = source.get('describedObject', {})
    if named:
        found['metricName'] = named.get('name', '')
        if named.get('selector') is not None:
            found['metricSelector' if kind == 'External' else 'selector'] = named['selector']
    for theirs, mine in _values(kind, word).items():
        if value.get(theirs) is not None:
            found[mine] = value[theirs]
    return {'type': kind, _KEYS[kind]: found}


def _values(kind: str, word: str) -> dict[str, str]:
    """The fields of a value of v2, and what they are called in v1."""
    average = 'averageValue' if kind == 'Object' else f'{word}AverageValue'
    return {
        'averageUtilization': f'{word}AverageUtilization',
        'averageValue': average,
        'value': f'{word}Value',
    }


def _new_metric(metric: Json, key: str, prefix: str) -> Json:
    kind = metric.get('type', '')
    source = metric.get(_KEYS.get(kind, ''))
    if not isinstance(source, dict):
        return {'type': kind}
    word = prefix or 'target'
    found: Json = {name: source[name] for name in ('name', 'container') if name in source}
    if kind == 'Object':
        found['describedObject'] = source.get('target', {})
    if kind in ('Pods', 'Object', 'External'):
        selector = source.get('metricSelector' if kind == 'External' else 'selector')
        found['metric'] = {'name': source.get('metricName', '')}
        if selector is not None:
            found['metric']['selector'] = selector
    value: Json = {}
    for theirs, mine in _values(kind, word).items():
        if source.get(mine) is not None:
            value[theirs] = source[mine]
    if key == 'target':
        value = {'type': _target_type(value), **value}
    found[key] = value
    return {'type': kind, _KEYS[kind]: found}


def _target_type(value: Json) -> str:
    if 'averageUtilization' in value:
        return 'Utilization'
    return 'AverageValue' if 'averageValue' in value else 'Value'
