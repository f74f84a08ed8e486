"""Tables of what runs pods: deployments, sets, jobs, and what scales or guards them."""

import datetime
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.tables.printing import Printer, age, duration, names, number, part, printer, selector, since
from kmock.kube.values.timestamps import TimeError, parse_time

__all__ = ['WORKLOADS']


def _name(obj: Json) -> str:
    return str(obj['metadata'].get('name', ''))


def _containers(obj: Json, *path: str) -> list[Any]:
    """Names and images, one cell each."""
    found = part(obj, *path, 'spec', 'containers') or ()
    return [','.join(names(found)), ','.join(names(found, 'image'))]


def _wide(obj: Json) -> list[Any]:
    return [*_containers(obj, 'spec', 'template'), selector(part(obj, 'spec', 'selector'))]


def _deployment(obj: Json, now: datetime.datetime) -> list[Any]:
    ready = f'{number(obj, "status", "readyReplicas")}/{number(obj, "spec", "replicas")}'
    counts = [number(obj, 'status', 'updatedReplicas'), number(obj, 'status', 'availableReplicas')]
    return [_name(obj), ready, *counts, age(obj, now), *_wide(obj)]


def _replicas(obj: Json, now: datetime.datetime) -> list[Any]:
    counts = [number(obj, 'status', each) for each in ('replicas', 'readyReplicas')]
    return [_name(obj), number(obj, 'spec', 'replicas'), *counts, age(obj, now), *_wide(obj)]


_DAEMONS = ('desiredNumberScheduled', 'currentNumberScheduled', 'numberReady', 'updatedNumberScheduled')


def _daemons(obj: Json, now: datetime.datetime) -> list[Any]:
    counts = [number(obj, 'status', each) for each in (*_DAEMONS, 'numberAvailable')]
    nodes = selector(part(obj, 'spec', 'template', 'spec', 'nodeSelector'))
    return [_name(obj), *counts, nodes, age(obj, now), *_wide(obj)]


def _stateful(obj: Json, now: datetime.datetime) -> list[Any]:
    ready = f'{number(obj, "status", "readyReplicas")}/{number(obj, "spec", "replicas")}'
    return [_name(obj), ready, age(obj, now), *_containers(obj, 'spec', 'template')]


def _job(obj: Json, now: datetime.datetime) -> list[Any]:
    wanted, parallel = part(obj, 'spec', 'completions'), number(obj, 'spec', 'parallelism')
    total = str(wanted) if wanted is not None else f'1 of {parallel}' if parallel > 1 else '1'
    completions = f'{number(obj, "status", "succeeded")}/{total}'
    return [_name(obj), _job_status(obj), completions, _took(obj, now), age(obj, now), *_wide(obj)]


def _job_status(obj: Json) -> str:
    true = {each.get('type') for each in part(obj, 'status', 'conditions') or () if each.get('status') == 'True'}
    for kind in ('Complete', 'Failed'):
        if kind in true:
            return kind
    if obj['metadata'].get('deletionTimestamp'):
        return 'Terminating'
    return next((kind for kind in ('Suspended', 'FailureTarget', 'SuccessCriteriaMet') if kind in true), 'Running')


def _took(obj: Json, now: datetime.datetime) -> str:
    started, completed = part(obj, 'status', 'startTime'), part(obj, 'status', 'completionTime')
    if not started:
        return ''
    if not completed:
        return since(started, now)
    try:
        return duration((parse_time(completed) - parse_time(started)).total_seconds())
    except TimeError:
        return '<invalid>'


def _cron_job(obj: Json, now: datetime.datetime) -> list[Any]:
    last = part(obj, 'status', 'lastScheduleTime')
    suspended = part(obj, 'spec', 'suspend')
    return [
        _name(obj),
        part(obj, 'spec', 'schedule') or '',
        part(obj, 'spec', 'timeZone') or '<none>',
        '<unset>' if suspended is None else str(suspended),
        len(part(obj, 'status', 'active') or ()),
        since(last, now) if last else '<none>',
        age(obj, now),
        *_containers(obj, 'spec', 'jobTemplate', 'spec', 'template'),
        selector(part(obj, 'spec', 'jobTemplate', 'spec', 'selector')),
    ]


def _template(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), *_containers(obj, 'template'), selector(part(obj, 'template', 'metadata', 'labels'))]


def _budget(obj: Json, now: datetime.datetime) -> list[Any]:
    bounds = [part(obj, 'spec', each) for each in ('minAvailable', 'maxUnavailable')]
    shown = ['N/A' if each is None else str(each) for each in bounds]
    return [_name(obj), *shown, number(obj, 'status', 'disruptionsAllowed'), age(obj, now)]


def _autoscaler(obj: Json, now: datetime.datetime) -> list[Any]:
    target = part(obj, 'spec', 'scaleTargetRef') or {}
    least = part(obj, 'spec', 'minReplicas')
    return [
        _name(obj),
        f'{target.get("kind", "")}/{target.get("name", "")}',
        _metrics(obj),
        '<unset>' if least is None else str(least),
        number(obj, 'spec', 'maxReplicas'),
        number(obj, 'status', 'currentReplicas'),
        age(obj, now),
    ]


_SOURCES = {'Resource': 'resource', 'Pods': 'pods', 'Object': 'object', 'External': 'external'}
_SOURCES['ContainerResource'] = 'containerResource'


def _metrics(obj: Json) -> str:
    """The targets of a HorizontalPodAutoscaler; of v1, the processor's utilization alone."""
    percent = part(obj, 'spec', 'targetCPUUtilizationPercentage')
    if percent is not None:
        current = part(obj, 'status', 'currentCPUUtilizationPercentage')
        return f'cpu: {"<unknown>" if current is None else f"{current}%"}/{percent}%'
    specs, current = part(obj, 'spec', 'metrics') or (), part(obj, 'status', 'currentMetrics') or ()
    shown = [_metric(spec, current[index] if index < len(current) else {}) for index, spec in enumerate(specs)]
    return ', '.join(shown[:2]) + (f' + {len(shown) - 2} more...' if len(shown) > 2 else '') or '<none>'


def _metric(spec: Json, current: Json) -> str:
    key = _SOURCES.get(spec.get('type', ''), '')
    source = spec.get(key) or {}
    target, found = source.get('target') or {}, part(current, key, 'current') or {}
    prefix = f'{source.get("name")}: ' if key in ('resource', 'containerResource') else ''
    if target.get('averageUtilization') is not None:
        value = found.get('averageUtilization')
        return f'{prefix}{"<unknown>" if value is None else f"{value}%"}/{target["averageUtilization"]}%'
    average = target.get('averageValue')
    if average is not None:
        suffix = ' (avg)' if key in ('object', 'external') else ''
        return f'{prefix}{found.get("averageValue") or "<unknown>"}/{average}{suffix}'
    return f'{prefix}{found.get("value") or "<unknown>"}/{target.get("value", "<auto>")}'


def _revision(obj: Json, now: datetime.datetime) -> list[Any]:
    owners = obj['metadata'].get('ownerReferences') or ()
    owner = next((each for each in owners if each.get('controller')), None)
    controller = '<none>'
    if owner is not None:
        group = owner.get('apiVersion', '').rpartition('/')[0]
        kind = str(owner.get('kind', '')).lower()
        controller = f'{kind}.{group}/{owner.get("name")}' if group else f'{kind}/{owner.get("name")}'
    return [_name(obj), controller, number(obj, 'revision'), age(obj, now)]


_DEPLOYMENT = {
    'Ready': 'Number of the pod with ready state',
    'Up-to-date': 'Total number of non-terminating pods targeted by this deployment that have the desired template'
    ' spec.',
    'Available': 'Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this'
    ' deployment.',
    'Containers': 'Names of each container in the template.',
    'Images': 'Images referenced by each container in the template.',
    'Selector': 'Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones'
    " affected by this deployment. It must match the pod template's labels.",
}
_TEMPLATE = {key: _DEPLOYMENT[key] for key in ('Containers', 'Images')}
_JOB = {'Status': 'Status of the job.', 'Duration': 'Time required to complete the job.'}
_LABELS = {'Pod Labels': 'The labels for the pod template.'}
_BUDGET = {
    'Min Available': 'The minimum number of pods that must be available.',
    'Max Unavailable': 'The maximum number of pods that may be unavailable.',
    'Allowed Disruptions': 'Calculated number of pods that may be disrupted at this time.',
}
_WIDE = '+Containers, +Images, +Selector'
_SETS = printer(f'Name, Desired:integer, Current:integer, Ready:integer, Age, {_WIDE}', _replicas, _TEMPLATE)

WORKLOADS: dict[tuple[str, str], Printer] = {
    ('apps', 'deployments'): printer(f'Name, Ready, Up-to-date, Available, Age, {_WIDE}', _deployment, _DEPLOYMENT),
    ('apps', 'replicasets'): _SETS,
    ('', 'replicationcontrollers'): _SETS,
    ('apps', 'daemonsets'): printer(
        'Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer,'
        f' Node Selector, Age, {_WIDE}',
        _daemons,
        _TEMPLATE,
    ),
    ('apps', 'statefulsets'): printer(
        'Name, Ready, Age, +Containers, +Images', _stateful, {**_TEMPLATE, 'Ready': _DEPLOYMENT['Ready']}
    ),
    ('apps', 'controllerrevisions'): printer(
        'Name, Controller, Revision, Age', _revision, {'Controller': 'Controller of the object'}
    ),
    ('batch', 'jobs'): printer(f'Name, Status, Completions, Duration, Age, {_WIDE}', _job, {**_TEMPLATE, **_JOB}),
    ('batch', 'cronjobs'): printer(
        f'Name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, {_WIDE}', _cron_job, _TEMPLATE
    ),
    ('', 'podtemplates'): printer('Name, Containers, Images, Pod Labels', _template, {**_TEMPLATE, **_LABELS}),
    ('policy', 'poddisruptionbudgets'): printer(
        'Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age', _budget, _BUDGET
    ),
    ('autoscaling', 'horizontalpodautoscalers'): printer(
        'Name, Reference, Targets, MinPods, MaxPods, Replicas, Age', _autoscaler
    ),
}
