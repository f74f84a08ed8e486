"""Conditions in the statuses of pods, as the API server itself sets them."""

from kmock.kube.definitions import Json

__all__ = ['set_condition']


def set_condition(pod: Json, condition: Json, now: str) -> None:
    """Add a condition to a pod, or replace the one of its type; the time tells when its status changed last."""
    conditions = list((pod.setdefault('status', {})).get('conditions') or ())
    added: Json = {'type': condition['type'], 'status': condition['status']}
    added |= {'lastProbeTime': None, 'lastTransitionTime': now}
    added |= {key: value for key, value in condition.items() if key not in added}
    for index, each in enumerate(conditions):
        if each.get('type') == condition['type']:
            if each.get('status') == condition['status']:
                added['lastTransitionTime'] = each.get('lastTransitionTime')
            conditions[index] = added
            break
    else:
        conditions.append(added)
    pod['status']['conditions'] = conditions
