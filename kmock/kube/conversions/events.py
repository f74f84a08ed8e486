"""Events in the two wordings of the core group and of events.k8s.io.

Source: the Kubernetes API reference, "Event"; kube-apiserver v1.36, `pkg/apis/events/v1`.
"""

from kmock.kube.definitions import Json

__all__ = ['to_core', 'to_new']

_NAMES = {
    'involvedObject': 'regarding',
    'message': 'note',
    'source': 'deprecatedSource',
    'firstTimestamp': 'deprecatedFirstTimestamp',
    'lastTimestamp': 'deprecatedLastTimestamp',
    'count': 'deprecatedCount',
    'reportingComponent': 'reportingController',
}
_OLD_NAMES = {new: old for old, new in _NAMES.items()}
_NEW_ORDER = (
    'metadata',
    'eventTime',
    'series',
    'reportingController',
    'reportingInstance',
    'action',
    'reason',
    'regarding',
    'related',
    'note',
    'type',
    'deprecatedSource',
    'deprecatedFirstTimestamp',
    'deprecatedLastTimestamp',
    'deprecatedCount',
)
_OLD_ORDER = (
    'metadata',
    'involvedObject',
    'reason',
    'message',
    'source',
    'firstTimestamp',
    'lastTimestamp',
    'count',
    'type',
    'eventTime',
    'series',
    'action',
    'related',
    'reportingComponent',
    'reportingInstance',
)
_SPARED = frozenset({'reportingController', 'reportingInstance'})
"""What an event of events.k8s.io leaves out if it is empty, and one of the core group does not."""


def to_new(body: Json) -> Json:
    """A stored event, without kind and apiVersion, in the wording of events.k8s.io."""
    found = {_NAMES.get(key, key): value for key, value in body.items()}
    return _ordered({key: value for key, value in found.items() if value != '' or key not in _SPARED}, _NEW_ORDER)


def to_core(body: Json) -> Json:
    """An event of events.k8s.io, with or without kind and apiVersion, in the wording that is stored."""
    found = {_OLD_NAMES.get(key, key): value for key, value in body.items()}
    for key in ('reportingComponent', 'reportingInstance'):
        found.setdefault(key, '')
    return _ordered(found, _OLD_ORDER)


def _ordered(obj: Json, order: tuple[str, ...]) -> Json:
    return {key: obj[key] for key in (*order, *(each for each in obj if each not in order)) if key in obj}
