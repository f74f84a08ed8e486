"""The group coordination.k8s.io: Leases."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map
from kmock.kube.statuses import Cause, forbidden_field, invalid_value
from kmock.kube.values import names

__all__ = ['STRATEGIES']


def _default(obj: Json) -> None:
    obj.setdefault('spec', {})


def _validate(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found: list[Cause] = []
    seconds = spec.get('leaseDurationSeconds')
    if seconds is not None and seconds <= 0:
        found.append(invalid_value('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
    found += rules.non_negative('spec.leaseTransitions', spec.get('leaseTransitions'))
    strategy = spec.get('strategy')
    if strategy is not None and '/' in strategy:
        found += rules.named('spec.strategy', strategy, names.qualified_name)
    if spec.get('preferredHolder') and not strategy:
        found.append(forbidden_field('spec.preferredHolder', 'may only be specified if `strategy` is defined'))
    return found


def _validate_update(obj: Json, old: Json) -> list[Cause]:
    return _validate(obj)


STRATEGIES = {
    'leases': Strategy(
        name=names.dns1123_subdomain,
        put_creates=True,
        unconditional_update=False,
        default=_default,
        validate=_validate,
        validate_update=_validate_update,
    ),
}
