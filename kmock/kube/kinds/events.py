"""Events: of the core group and of events.k8s.io. They are the same objects in two wordings."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, immutable
from kmock.kube.statuses import Cause, invalid_value, required
from kmock.kube.values.names import dns1123_subdomain

__all__ = ['CORE_STRATEGIES', 'STRATEGIES']


def _default_core(obj: Json) -> None:
    obj.setdefault('involvedObject', {})
    obj.setdefault('source', {})
    obj.setdefault('firstTimestamp', None)
    obj.setdefault('lastTimestamp', None)
    obj.setdefault('eventTime', None)
    obj.setdefault('reportingComponent', '')
    obj.setdefault('reportingInstance', '')


def _default_new(obj: Json) -> None:
    obj.setdefault('eventTime', None)
    obj.setdefault('regarding', {})
    obj.setdefault('deprecatedSource', {})
    obj.setdefault('deprecatedFirstTimestamp', None)
    obj.setdefault('deprecatedLastTimestamp', None)


def _namespace_causes(obj: Json, key: str) -> list[Cause]:
    """Events of cluster-wide objects are in the default namespace, others in that of the object."""
    namespace = as_map(obj.get('metadata')).get('namespace') or ''
    other = as_map(obj.get(key)).get('namespace') or ''
    fits = namespace in ('', 'default') if not other else namespace == other
    return [] if fits else [invalid_value('involvedObject.namespace', other, 'does not match event.namespace')]


def _validate_core(obj: Json) -> list[Cause]:
    return _namespace_causes(obj, 'involvedObject')


def _validate_core_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_core(obj)


def _validate_new(obj: Json) -> list[Cause]:
    found = _namespace_causes(obj, 'regarding')
    if not obj.get('eventTime'):
        found.append(required('eventTime'))
    kind = obj.get('type') or ''
    if kind not in ('Normal', 'Warning'):
        found.append(invalid_value('type', kind, 'has invalid value: '))
    if obj.get('deprecatedSource'):
        found.append(invalid_value('source', '', 'needs to be unset'))
    controller = obj.get('reportingController') or ''
    if not controller:
        found.append(required('reportingController'))
    if not obj.get('reportingInstance'):
        found.append(required('reportingInstance'))
    for key, limit in (('reportingInstance', 128), ('action', 128), ('reason', 128), ('note', 1024)):
        value = obj.get(key) or ''
        if key in ('action', 'reason') and not value:
            found.append(required(key))
        if len(value.encode('utf-8', 'surrogatepass')) > limit:
            found.append(invalid_value(key, '', f'can have at most {limit} characters'))
    return found


_FIXED = ('regarding', 'eventTime', 'reportingController', 'reportingInstance', 'action', 'reason', 'note', 'type')
_NAMES = {'regarding': 'involvedObject', 'note': 'message'}


def _validate_new_update(obj: Json, old: Json) -> list[Cause]:
    found = _namespace_causes(obj, 'regarding')
    for key in _FIXED:
        found += immutable(_NAMES.get(key, key), obj.get(key), old.get(key))
    return found


CORE_STRATEGIES = {
    'events': Strategy(
        name=dns1123_subdomain,
        put_creates=True,
        default=_default_core,
        validate=_validate_core,
        validate_update=_validate_core_update,
    ),
}
STRATEGIES = {
    'events': Strategy(
        name=dns1123_subdomain,
        put_creates=True,
        default=_default_new,
        validate=_validate_new,
        validate_update=_validate_new_update,
    ),
}
