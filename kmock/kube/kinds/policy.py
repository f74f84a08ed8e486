"""The group policy: PodDisruptionBudgets. Evictions are the emulator's."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, invalid_value, not_supported
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_FIRST = {'disruptionsAllowed': 0, 'currentHealthy': 0, 'desiredHealthy': 0, 'expectedPods': 0}
_EVICTION_POLICIES = ('AlwaysAllow', 'IfHealthyBudget')


def _default(obj: Json) -> None:
    obj.setdefault('spec', {})
    status = obj.setdefault('status', {})
    for key, value in _FIRST.items():
        status.setdefault(key, value)


def _validate(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found: list[Cause] = []
    if spec.get('minAvailable') is not None and spec.get('maxUnavailable') is not None:
        keys = ('minAvailable', 'selector', 'maxUnavailable', 'unhealthyPodEvictionPolicy')
        told = {key[0].upper() + key[1:]: spec.get(key) for key in keys}  # as the server's own type is printed
        found.append(invalid_value('spec', told, 'minAvailable and maxUnavailable cannot be both set'))
    for key in ('minAvailable', 'maxUnavailable'):
        if spec.get(key) is not None:
            found += rules.int_or_percent(f'spec.{key}', spec[key])
            found += rules.not_above_all(f'spec.{key}', spec[key])
    found += rules.selector('spec.selector', spec.get('selector'))
    policy = spec.get('unhealthyPodEvictionPolicy')
    if policy is not None and policy not in _EVICTION_POLICIES:
        found.append(not_supported('spec.unhealthyPodEvictionPolicy', policy, _EVICTION_POLICIES))
    return found


def _validate_update(obj: Json, old: Json) -> list[Cause]:
    return _validate(obj)


def _validate_status(obj: Json, old: Json) -> list[Cause]:
    status = as_map(obj.get('status'))
    keys = ('disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods')
    return [cause for key in keys for cause in rules.non_negative(f'status.{key}', status.get(key))]


STRATEGIES = {
    'poddisruptionbudgets': Strategy(
        name=names.dns1123_subdomain,
        unconditional_update=False,
        generation=True,
        default=_default,
        **separated(_FIRST),
        validate=_validate,
        validate_update=_validate_update,
        validate_status=_validate_status,
    ),
}
