"""The group batch: Jobs and CronJobs."""

import functools
import re
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.podchecks import template_causes
from kmock.kube.kinds.podspecs import default_template
from kmock.kube.kinds.podwarnings import template_warnings
from kmock.kube.kinds.rules import as_map
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_UID_LABEL, _NAME_LABEL = 'batch.kubernetes.io/controller-uid', 'batch.kubernetes.io/job-name'
_OLD_UID_LABEL, _OLD_NAME_LABEL = 'controller-uid', 'job-name'
_CRON_NAME_LENGTH = 52  # a Job's name adds eleven characters, and must fit into 63
_RESTARTS = 'valid values: "OnFailure", "Never"'
_PRESERVED = (
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them '
    'or set propagationPolicy=Orphan to suppress this warning'
)


# --- Jobs


def _default_job(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    _default_job_spec(spec)
    spec.setdefault('manualSelector', False)
    carried = as_map(as_map(as_map(spec.get('template')).get('metadata')).get('labels'))
    metadata = obj.setdefault('metadata', {})
    if carried and not metadata.get('labels'):
        metadata['labels'] = dict(carried)
    obj.setdefault('status', {})
    rules.untold_times(obj, 'lastProbeTime', 'lastTransitionTime')


def _default_job_spec(spec: Json) -> None:
    """What Jobs get; those in CronJobs get the defaults of their templates alone."""
    if spec.get('completions') is None and spec.get('parallelism') is None:
        spec['completions'] = spec['parallelism'] = 1
    spec.setdefault('parallelism', 1)
    indexed = spec.get('backoffLimitPerIndex') is not None
    spec.setdefault('backoffLimit', 2**31 - 1 if indexed else 6)
    spec.setdefault('completionMode', 'NonIndexed')
    spec.setdefault('suspend', False)
    policy = as_map(spec.get('podFailurePolicy'))
    spec.setdefault('podReplacementPolicy', 'Failed' if policy else 'TerminatingOrFailed')
    for rule in rules.items_of(policy.get('rules')):
        for each in rules.items_of(rule.get('onPodConditions')):
            each.setdefault('status', 'True')
    default_template(spec.setdefault('template', {}))


def _select_own_pods(obj: Json) -> None:
    """The selector and the labels by which a Job knows its pods, unless the user gives them: by its uid."""
    spec, metadata = as_map(obj.get('spec')), obj.setdefault('metadata', {})
    if spec.get('manualSelector'):
        return
    uid, name = metadata.get('uid', ''), metadata.get('name', '')
    own = {_UID_LABEL: uid, _NAME_LABEL: name, _OLD_UID_LABEL: uid, _OLD_NAME_LABEL: name}
    template = spec.setdefault('template', {})
    within = template.setdefault('metadata', {})
    carried = as_map(within.get('labels'))
    within['labels'] = {**carried, **own}
    if as_map(metadata.get('labels')) == carried:  # by default the Job has the labels of its template
        metadata['labels'] = dict(within['labels'])
    selector = spec.setdefault('selector', {})
    selector['matchLabels'] = {**as_map(selector.get('matchLabels')), _UID_LABEL: uid}


def _validate_job(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = _job_spec_causes('spec', spec)
    selector = spec.get('selector')
    if selector is None:
        found.append(required('spec.selector'))
        return found
    found += rules.selector('spec.selector', selector)
    carried = as_map(as_map(as_map(spec.get('template')).get('metadata')).get('labels'))
    if not rules.matches(selector, carried):
        why = '`selector` does not match template `labels`'
        found.append(invalid_value('spec.template.metadata.labels', carried or None, why))
    return found


def _job_spec_causes(field: str, spec: Json) -> list[Cause]:
    found: list[Cause] = []
    for key in (
        'parallelism',
        'completions',
        'activeDeadlineSeconds',
        'backoffLimit',
        'ttlSecondsAfterFinished',
        'backoffLimitPerIndex',
        'maxFailedIndexes',
    ):
        found += rules.non_negative(f'{field}.{key}', spec.get(key))
    mode = spec.get('completionMode')
    if mode not in (None, 'NonIndexed', 'Indexed'):
        found.append(not_supported(f'{field}.completionMode', mode, ['NonIndexed', 'Indexed']))
    elif mode == 'Indexed' and spec.get('completions') is None:
        found.append(required(f'{field}.completions', 'when completion mode is Indexed'))
    policy = spec.get('podReplacementPolicy')
    if policy not in (None, 'Failed', 'TerminatingOrFailed'):
        found.append(not_supported(f'{field}.podReplacementPolicy', policy, ['Failed', 'TerminatingOrFailed']))
    found += template_causes(f'{field}.template', spec.get('template'))
    restart = as_map(as_map(spec.get('template')).get('spec')).get('restartPolicy')
    if restart == 'Always' or not restart:
        found.append(required(f'{field}.template.spec.restartPolicy', _RESTARTS))
    return found


def _validate_job_update(obj: Json, old: Json) -> list[Cause]:
    spec, before = as_map(obj.get('spec')), as_map(old.get('spec'))
    found = _validate_job(obj)
    for key in ('selector', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'):
        found += rules.immutable(f'spec.{key}', spec.get(key), before.get(key))
    elastic = before.get('completionMode') == 'Indexed' and spec.get('completions') == spec.get('parallelism')
    if not elastic:
        found += rules.immutable('spec.completions', spec.get('completions'), before.get('completions'))
    template, was = spec.get('template'), before.get('template')
    if before.get('suspend') and not as_map(old.get('status')).get('startTime'):
        template, was = _without_scheduling(template), _without_scheduling(was)
    return found + ([] if template == was else [invalid_value('spec.template', spec.get('template'), rules.IMMUTABLE)])


def _without_scheduling(template: Any) -> Json:
    """A suspended Job that has not begun may be sent elsewhere."""
    spec = as_map(as_map(template).get('spec'))
    dropped = ('nodeSelector', 'affinity', 'tolerations', 'schedulingGates')
    return {**as_map(template), 'metadata': {}, 'spec': {k: v for k, v in spec.items() if k not in dropped}}


# --- CronJobs


def _default_cron(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('concurrencyPolicy', 'Allow')
    spec.setdefault('suspend', False)
    spec.setdefault('successfulJobsHistoryLimit', 3)
    spec.setdefault('failedJobsHistoryLimit', 1)
    template = spec.setdefault('jobTemplate', {})
    template.setdefault('metadata', {})
    default_template(template.setdefault('spec', {}).setdefault('template', {}))
    obj.setdefault('status', {})


_MACROS = ('@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly')


def _schedule_causes(text: str) -> list[Cause]:
    """In cron's five fields or one of its words; the words of the errors are those of the parser that is used."""
    if not text:
        return [required('spec.schedule')]
    if text.startswith(('TZ=', 'CRON_TZ=')):
        why = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
        return [invalid_value('spec.schedule', text, why)]
    if text.startswith('@'):
        if text in _MACROS or re.fullmatch(r'@every ([0-9.]+(ns|us|µs|ms|s|m|h))+', text):
            return []
        if text.startswith('@every '):
            why = f'failed to parse duration {text}: time: invalid duration "{text[7:]}"'
            return [invalid_value('spec.schedule', text, why)]
        return [invalid_value('spec.schedule', text, f'unrecognized descriptor: {text}')]
    parts = text.split()
    if len(parts) != 5:
        listed = ' '.join(parts)
        why = f'expected exactly 5 fields, found {len(parts)}: [{listed}]'
        return [invalid_value('spec.schedule', text, why)]
    wrong = next(filter(None, map(_field_error, parts, _BOUNDS)), None)
    return [invalid_value('spec.schedule', text, wrong)] if wrong else []


_MONTHS = ('jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec')
_DAYS = ('sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat')
_BOUNDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


def _field_error(part: str, bounds: tuple[int, int, dict[str, int]]) -> str | None:
    return next(filter(None, (_range_error(each, *bounds) for each in part.split(',') if each)), None)


def _range_error(part: str, low: int, high: int, known: dict[str, int]) -> str | None:
    """One of the ranges of a field: `*`, `5`, `1-5`, with or without a step."""
    span, slash, step = part.partition('/')
    if '/' in step:
        return f'too many slashes: {part}'
    begin, dash, end = span.partition('-')
    if '-' in end:
        return f'too many hyphens: {part}'
    numbers: list[int] = []
    if begin in ('*', '?'):
        numbers = [low, high]
    else:
        for text in (begin, end) if dash else (begin,):
            number = known.get(text.lower(), _number(text))
            if number is None:
                return f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
            numbers.append(number)
    if slash:
        found = _number(step)
        if found is None:
            return f'failed to parse int from {step}: strconv.Atoi: parsing "{step}": invalid syntax'
        if found == 0:
            return f'step of range should be a positive number: {part}'
    if numbers[0] < low:
        return f'beginning of range ({numbers[0]}) below minimum ({low}): {part}'
    if numbers[-1] > high:
        return f'end of range ({numbers[-1]}) above maximum ({high}): {part}'
    if numbers[0] > numbers[-1]:
        return f'beginning of range ({numbers[0]}) beyond end of range ({numbers[-1]}): {part}'
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _validate_cron(obj: Json) -> list[Cause]:
    found: list[Cause] = []
    name = as_map(obj.get('metadata')).get('name') or ''
    if len(name) > _CRON_NAME_LENGTH:
        found.append(invalid_value('metadata.name', name, f'must be no more than {_CRON_NAME_LENGTH} characters'))
    return _cron_spec_causes(as_map(obj.get('spec'))) + found


_ZONE_PART = re.compile(r'[A-Za-z._0-9+][A-Za-z._0-9+-]{0,13}', re.ASCII)


def _zone_causes(zone: str) -> list[Cause]:
    field = 'spec.timeZone'
    parts = zone.split('/')
    if any(each in ('.', '..') or _ZONE_PART.fullmatch(each) is None for each in parts):
        return [invalid_value(field, zone, f'unknown time zone {zone}')]
    if zone.lower() == 'local':
        why = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
        found = [invalid_value(field, zone, why)]
        return found if zone == 'Local' else [*found, invalid_value(field, zone, f'unknown time zone {zone}')]
    return [] if _is_zone(zone) else [invalid_value(field, zone, f'unknown time zone {zone}')]


@functools.lru_cache(256)
def _is_zone(zone: str) -> bool:
    """Whether the database of time zones has it; any is fine where there is no database."""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(zone)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return zone == 'UTC' or not zoneinfo.available_timezones()
    return True


def _cron_spec_causes(spec: Json, before: Json | None = None) -> list[Cause]:
    found = _schedule_causes(spec.get('schedule') or '')
    found += rules.non_negative('spec.startingDeadlineSeconds', spec.get('startingDeadlineSeconds'))
    zone = spec.get('timeZone')
    if zone and (before is None or zone != before.get('timeZone')):
        found += _zone_causes(zone)
    policy = spec.get('concurrencyPolicy')
    found += rules.choice('spec.concurrencyPolicy', policy, ('Allow', 'Forbid', 'Replace'))
    template = as_map(spec.get('jobTemplate'))
    found += _job_spec_causes('spec.jobTemplate.spec', as_map(template.get('spec')))
    found += rules.non_negative('spec.successfulJobsHistoryLimit', spec.get('successfulJobsHistoryLimit'))
    return found + rules.non_negative('spec.failedJobsHistoryLimit', spec.get('failedJobsHistoryLimit'))


def _validate_cron_update(obj: Json, old: Json) -> list[Cause]:
    return _cron_spec_causes(as_map(obj.get('spec')), as_map(old.get('spec')))


STRATEGIES = {
    'jobs': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_job,
        propagation='Orphan',  # of batch/v1, as it always was
        propagation_warning=_PRESERVED,
        **separated(create=_select_own_pods),
        validate=_validate_job,
        validate_update=_validate_job_update,
        warnings=template_warnings('spec', 'template'),
    ),
    'cronjobs': Strategy(
        name=names.dns1123_subdomain,
        generation=True,
        default=_default_cron,
        **separated(),
        validate=_validate_cron,
        validate_update=_validate_cron_update,
        warnings=template_warnings('spec', 'jobTemplate', 'spec', 'template'),
    ),
}
