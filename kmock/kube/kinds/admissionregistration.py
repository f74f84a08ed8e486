"""Webhook configurations, validating and mutating: defaults and validation; of admission policies, the defaults.

What the webhooks do is in admission.py. The expressions of policies are not compiled.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kmock.kube.admission.client_configs import client_causes
from kmock.kube.admission.match_conditions import compile_condition
from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.statuses import Cause, duplicate, invalid_value, not_supported, required, too_many
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_REVIEW_VERSIONS = ('v1', 'v1beta1')
_HARMLESS = ('None', 'NoneOnDryRun')
_SIDE_EFFECTS = ('None', 'NoneOnDryRun', 'Some', 'Unknown')
_OPERATIONS = ('*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE')
_SCOPES = ('*', 'Cluster', 'Namespaced')
_MAX_CONDITIONS = 64


# --- defaults


def _default_webhooks(obj: Json, *, mutating: bool) -> None:
    for webhook in items_of(obj.get('webhooks')):
        webhook.setdefault('failurePolicy', 'Fail')
        _default_matching(webhook)
        webhook.setdefault('timeoutSeconds', 10)
        if mutating:
            webhook.setdefault('reinvocationPolicy', 'Never')
        service = as_map(webhook.get('clientConfig')).get('service')
        if isinstance(service, dict):
            service.setdefault('port', 443)
        _default_rules(webhook, 'rules')
        for key in ('rules', 'matchConditions'):
            if webhook.get(key) == []:
                del webhook[key]


def _default_matching(holder: Json) -> None:
    holder.setdefault('matchPolicy', 'Equivalent')
    holder.setdefault('namespaceSelector', {})
    holder.setdefault('objectSelector', {})


def _default_rules(holder: Json, key: str) -> None:
    for rule in items_of(holder.get(key)):
        rule.setdefault('scope', '*')


def _default_resources(matched: Any) -> None:
    """Of the `matchConstraints` of a policy, or the `matchResources` of a binding."""
    if isinstance(matched, dict):
        _default_matching(matched)
        _default_rules(matched, 'resourceRules')
        _default_rules(matched, 'excludeResourceRules')


def _default_policy(obj: Json) -> None:
    spec = obj.get('spec')
    if isinstance(spec, dict):
        spec.setdefault('failurePolicy', 'Fail')
        _default_resources(spec.get('matchConstraints'))


def _default_binding(obj: Json) -> None:
    _default_resources(as_map(obj.get('spec')).get('matchResources'))


# --- validation


def _validate(obj: Json, *, mutating: bool) -> Sequence[Cause]:
    return list(_causes(obj, {}, mutating=mutating))


def _validate_update(obj: Json, old: Json, *, mutating: bool) -> Sequence[Cause]:
    return list(_causes(obj, old, mutating=mutating))


def _causes(obj: Json, old: Json, *, mutating: bool) -> Iterator[Cause]:
    """What is wrong; of rules that the old object already breaks, some are not enforced."""
    before = items_of(old.get('webhooks'))
    harmless = all(each.get('sideEffects') in _HARMLESS for each in before)
    recognized = all(_is_recognized(each) for each in before)
    unique = len({each.get('name') for each in before}) == len(before)
    now = items_of(obj.get('webhooks'))
    conditions = [each.get('matchConditions') for each in now] != [each.get('matchConditions') for each in before]
    seen: set[str] = set()
    for index, webhook in enumerate(now):
        field = f'webhooks[{index}]'
        yield from _webhook(field, webhook, harmless=harmless, conditions=conditions, mutating=mutating)
        yield from _review_versions(
            f'{field}.admissionReviewVersions', webhook.get('admissionReviewVersions') or [], recognized=recognized
        )
        name = webhook.get('name')
        if unique and name and name in seen:
            yield duplicate(f'{field}.name', name)
        seen.add(name or '')


def _is_recognized(webhook: Json) -> bool:
    versions = webhook.get('admissionReviewVersions') or []
    return not versions or any(each in _REVIEW_VERSIONS for each in versions)


def _webhook(field: str, webhook: Json, *, harmless: bool, conditions: bool, mutating: bool) -> Iterator[Cause]:
    yield from _domain(f'{field}.name', webhook.get('name') or '')
    for index, rule in enumerate(items_of(webhook.get('rules'))):
        yield from _rule(f'{field}.rules[{index}]', rule)
    yield from _choice(webhook, field, 'failurePolicy', ('Fail', 'Ignore'))
    yield from _choice(webhook, field, 'matchPolicy', ('Equivalent', 'Exact'))
    allowed = _HARMLESS if harmless else _SIDE_EFFECTS
    if webhook.get('sideEffects') is None:
        yield required(f'{field}.sideEffects', f'must specify one of {", ".join(allowed)}')
    yield from _choice(webhook, field, 'sideEffects', allowed)
    timeout = webhook.get('timeoutSeconds')
    if timeout is not None and not 1 <= timeout <= 30:
        yield invalid_value(f'{field}.timeoutSeconds', timeout, 'the timeout value must be between 1 and 30 seconds')
    yield from rules.selector(f'{field}.namespaceSelector', webhook.get('namespaceSelector'))
    yield from rules.selector(f'{field}.objectSelector', webhook.get('objectSelector'))
    if mutating:
        yield from _choice(webhook, field, 'reinvocationPolicy', ('IfNeeded', 'Never'))
    yield from client_causes(f'{field}.clientConfig', as_map(webhook.get('clientConfig')))
    if conditions:
        yield from _conditions(f'{field}.matchConditions', items_of(webhook.get('matchConditions')))


def _domain(field: str, name: str) -> Iterator[Cause]:
    if not name:
        yield required(field)
    elif messages := names.dns1123_subdomain(name):
        yield invalid_value(field, name, ','.join(messages))
    elif name.count('.') < 2:
        yield invalid_value(field, name, 'should be a domain with at least three segments separated by dots')


def _choice(holder: Json, field: str, key: str, supported: Sequence[str]) -> Iterator[Cause]:
    value = holder.get(key)
    if value is not None and value not in supported:
        yield not_supported(f'{field}.{key}', value, supported)


def _review_versions(field: str, versions: Sequence[str], *, recognized: bool) -> Iterator[Cause]:
    known = ', '.join(_REVIEW_VERSIONS)
    if not versions:
        yield required(field, f'must specify one of {known}')
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid_value(f'{field}[{index}]', version, 'duplicate version')
            continue
        for message in names.dns1035_label(version):
            yield invalid_value(f'{field}[{index}]', version, message)
    if recognized and not any(each in _REVIEW_VERSIONS for each in versions):
        yield invalid_value(field, versions, f'must include at least one of {known}')


# --- rules


def _rule(field: str, rule: Json) -> Iterator[Cause]:
    operations = rule.get('operations') or []
    yield from _wildcards(f'{field}.operations', operations, 'operations')
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield not_supported(f'{field}.operations[{index}]', operation, _OPERATIONS)
    yield from _wildcards(f'{field}.apiGroups', rule.get('apiGroups') or [], 'API groups')
    versions = rule.get('apiVersions') or []
    yield from _wildcards(f'{field}.apiVersions', versions, 'API versions')
    for index, version in enumerate(versions):
        if not version:
            yield required(f'{field}.apiVersions[{index}]')
    yield from _resources(f'{field}.resources', rule.get('resources') or [])
    yield from _choice(rule, field, 'scope', _SCOPES)


def _wildcards(field: str, values: Sequence[str], what: str) -> Iterator[Cause]:
    if not values:
        yield required(field)
    if len(values) > 1 and '*' in values:
        yield invalid_value(field, values, f"if '*' is present, must not specify other {what}")


def _resources(field: str, resources: Sequence[str]) -> Iterator[Cause]:
    """A wildcard must not stand beside what it stands for."""
    if not resources:
        yield required(field)
    wide_resources: set[str] = set()
    wide_subresources: set[str] = set()
    for index, each in enumerate(resources):
        if not each:
            yield required(f'{field}[{index}]')
            continue
        resource, slash, sub = each.partition('/')
        if not slash:
            continue
        if resource in wide_resources:
            yield invalid_value(f'{field}[{index}]', each, f"if '{resource}/*' is present, must not specify {each}")
        if sub in wide_subresources:
            yield invalid_value(f'{field}[{index}]', each, f"if '*/{sub}' is present, must not specify {each}")
        if sub == '*':
            wide_resources.add(resource)
        if resource == '*':
            wide_subresources.add(sub)
    if len(resources) > 1 and '*/*' in resources:
        yield invalid_value(field, resources, "if '*/*' is present, must not specify other resources")
    plain = [each for each in resources if each and '/' not in each]
    if '*' in plain and plain[-1] != '*':  # the server looks at the last one alone
        why = "if '*' is present, must not specify other resources without subresources"
        yield invalid_value(field, resources, why)


def _conditions(field: str, conditions: Sequence[Json]) -> Iterator[Cause]:
    if len(conditions) > _MAX_CONDITIONS:
        yield too_many(field, len(conditions), _MAX_CONDITIONS)
    seen: set[str] = set()
    for index, each in enumerate(conditions):
        name = each.get('name') or ''
        expression = (each.get('expression') or '').strip()
        if not expression:
            yield required(f'{field}[{index}].expression')
        elif wrong := compile_condition(expression):
            yield invalid_value(f'{field}[{index}].expression', expression, wrong)
        yield from rules.quoted_names(f'{field}[{index}].name', name, names.qualified_name)
        if name and name in seen:
            yield duplicate(f'{field}[{index}].name', name)
        seen.add(name)


# --- strategies


def _configuration(*, mutating: bool) -> Strategy:
    return Strategy(
        unconditional_update=False,
        generation=True,
        name=names.dns1123_subdomain,
        default=functools.partial(_default_webhooks, mutating=mutating),
        validate=functools.partial(_validate, mutating=mutating),
        validate_update=functools.partial(_validate_update, mutating=mutating),
    )


_POLICY = Strategy(unconditional_update=False, generation=True, name=names.dns1123_subdomain, default=_default_policy)
_BINDING = Strategy(unconditional_update=False, generation=True, name=names.dns1123_subdomain, default=_default_binding)

STRATEGIES: Mapping[str, Strategy] = {
    'validatingwebhookconfigurations': _configuration(mutating=False),
    'mutatingwebhookconfigurations': _configuration(mutating=True),
    'validatingadmissionpolicies': _POLICY,
    'validatingadmissionpolicybindings': _BINDING,
    'mutatingadmissionpolicies': _POLICY,
    'mutatingadmissionpolicybindings': _BINDING,
}
"""By the plural."""
