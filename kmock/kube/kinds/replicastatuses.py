"""What is wrong with the status of workloads that count their pods: numbers below zero, or above what they are part of.

Source: `Validate…StatusUpdate` of `pkg/apis/apps/validation`, and of `pkg/apis/core/validation` for controllers.
"""

from collections.abc import Callable, Sequence

from kmock.kube.definitions import Json
from kmock.kube.kinds.rules import as_map, non_negative
from kmock.kube.statuses import Cause, invalid_value

__all__ = ['daemon_status', 'deployment_status', 'set_status', 'stateful_status']

Checks = Callable[[Json, Json], list[Cause]]


def _checks(
    counts: Sequence[str], parts: Sequence[str], available: str = 'cannot be greater than readyReplicas'
) -> Checks:
    """`counts` are never negative, and `parts` never greater than all of the replicas."""

    def causes(obj: Json, old: Json) -> list[Cause]:
        status = as_map(obj.get('status'))
        found: list[Cause] = []
        for key in counts:
            found += non_negative(f'status.{key}', status.get(key))
        for key in parts:
            if (status.get(key) or 0) > (status.get('replicas') or 0):
                found.append(invalid_value(f'status.{key}', status[key], 'cannot be greater than status.replicas'))
        if parts and (status.get('availableReplicas') or 0) > (status.get('readyReplicas') or 0):
            found.append(invalid_value('status.availableReplicas', status['availableReplicas'], available))
        return found + _decremented(status, as_map(old.get('status')))

    return causes


def _decremented(status: Json, before: Json) -> list[Cause]:
    new, old = status.get('collisionCount'), before.get('collisionCount')
    if old is None or (new is not None and new >= old):
        return []
    return [invalid_value('status.collisionCount', new or 0, 'cannot be decremented')]


deployment_status = _checks(
    (
        'observedGeneration',
        'replicas',
        'updatedReplicas',
        'readyReplicas',
        'availableReplicas',
        'unavailableReplicas',
        'terminatingReplicas',
        'collisionCount',
    ),
    ('updatedReplicas', 'readyReplicas', 'availableReplicas'),
)
set_status = _checks(
    (
        'replicas',
        'fullyLabeledReplicas',
        'readyReplicas',
        'availableReplicas',
        'observedGeneration',
        'terminatingReplicas',
    ),
    ('fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
)
stateful_status = _checks(
    (
        'replicas',
        'readyReplicas',
        'currentReplicas',
        'updatedReplicas',
        'availableReplicas',
        'observedGeneration',
        'collisionCount',
    ),
    ('readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'),
    'cannot be greater than status.readyReplicas',
)
daemon_status = _checks(
    (
        'currentNumberScheduled',
        'numberMisscheduled',
        'desiredNumberScheduled',
        'numberReady',
        'observedGeneration',
        'updatedNumberScheduled',
        'numberAvailable',
        'numberUnavailable',
        'collisionCount',
    ),
    (),
)
