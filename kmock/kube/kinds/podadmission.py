"""What the API server's own admission does to new pods by other objects: their priority, and their runtime class.

Sources: the admission plugins Priority and RuntimeClass, which are on by default. Webhooks are in `admission`, what
needs no other objects is in `kinds.pods`.
"""

from collections.abc import Callable, Iterable

from kmock.kube.definitions import Json
from kmock.kube.kinds.rules import amount, as_map
from kmock.kube.statuses import StatusError, forbidden
from kmock.naming import Resource

__all__ = ['admit_pod']

Read = Callable[[Resource], Iterable[Json]]

_PODS = Resource('', 'v1', 'pods')
_PRIORITY_CLASSES = Resource('scheduling.k8s.io', 'v1', 'priorityclasses')
_RUNTIME_CLASSES = Resource('node.k8s.io', 'v1', 'runtimeclasses')
_SYSTEM = ('system-cluster-critical', 'system-node-critical')
_GIVEN = 'must not be provided in pod spec; priority admission controller computed'


def admit_pod(pod: Json, read: Read) -> None:
    """Fill in what the classes of the pod say.

    Args:
        pod: prepared for its creation; it is changed.
        read: gives the objects of a resource type.

    Raises:
        StatusError: 403.
    """
    spec = as_map(pod.get('spec'))
    name = as_map(pod.get('metadata')).get('name')
    _prioritize(spec, name, read)
    _run_by_class(spec, name, read)


def _prioritize(spec: Json, name: str | None, read: Read) -> None:
    wanted = spec.get('priorityClassName')
    if not wanted:
        found = _default_class(read)
    elif wanted not in _SYSTEM:
        found = _named(read, _PRIORITY_CLASSES, wanted)
        if found is None:
            raise forbidden(_PODS, name, f'no PriorityClass with name {wanted} was found')
    else:
        found = None
    if found is None:
        priority, policy = spec['priority'] if wanted else 0, 'PreemptLowerPriority'
    else:
        priority, policy = found.get('value', 0), found.get('preemptionPolicy') or 'PreemptLowerPriority'
        if not wanted:  # what stands in the pod so far is for pods without any class
            spec['priorityClassName'] = found['metadata']['name']
            spec['priority'], spec['preemptionPolicy'] = spec['priority'] or priority, policy
        spec.setdefault('priority', priority)
        spec.setdefault('preemptionPolicy', policy)
    if spec['priority'] != priority:
        why = (
            f'the integer value of priority ({spec["priority"]}) {_GIVEN} {priority} from the given PriorityClass name'
        )
        raise forbidden(_PODS, name, why)
    if spec['preemptionPolicy'] != policy:
        given = f'the string value of PreemptionPolicy ({spec["preemptionPolicy"]})'
        raise forbidden(_PODS, name, f'{given} {_GIVEN} {policy} from the given PriorityClass name')


def _run_by_class(spec: Json, name: str | None, read: Read) -> None:
    wanted = spec.get('runtimeClassName')
    found = _named(read, _RUNTIME_CLASSES, wanted) if wanted else None
    if wanted and found is None:
        raise _rejected(name, f'RuntimeClass "{wanted}" not found')
    fixed = as_map(as_map((found or {}).get('overhead')).get('podFixed'))
    given = as_map(spec.get('overhead'))
    if not given and fixed:
        spec['overhead'] = dict(fixed)
    elif given and not fixed:
        raise _rejected(name, 'Pod Overhead set without corresponding RuntimeClass defined Overhead')
    elif {key: amount(value) for key, value in given.items()} != {key: amount(value) for key, value in fixed.items()}:
        raise _rejected(name, "Pod's Overhead doesn't match RuntimeClass's defined Overhead")


def _rejected(name: str | None, why: str) -> StatusError:
    return forbidden(_PODS, name, f'pod rejected: {why}')


def _named(read: Read, resource: Resource, name: str) -> Json | None:
    return next((each for each in read(resource) if each['metadata']['name'] == name), None)


def _default_class(read: Read) -> Json | None:
    """The class of pods that name none: of several ones, that of the lowest value."""
    found = [each for each in read(_PRIORITY_CLASSES) if each.get('globalDefault')]
    return min(found, key=lambda each: each.get('value', 0), default=None)
