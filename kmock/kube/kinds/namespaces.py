"""Namespaces: their finalizer, phase, and the label with their name. Their life cycle is the emulator's."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, untold_times
from kmock.kube.statuses import Cause, invalid_value
from kmock.kube.values.names import dns1123_label

__all__ = ['NAME_LABEL', 'STRATEGIES']

NAME_LABEL = 'kubernetes.io/metadata.name'


def _default(obj: Json) -> None:
    metadata = obj.setdefault('metadata', {})
    if metadata.get('name'):
        metadata['labels'] = {**as_map(metadata.get('labels')), NAME_LABEL: metadata['name']}
    obj.setdefault('spec', {})
    status = obj.setdefault('status', {})
    if not status.get('phase'):
        status['phase'] = 'Active'
    untold_times(obj, 'lastTransitionTime')


def _prepare_create(obj: Json) -> None:
    """The server's own finalizer is always there: it keeps the namespace until it is empty."""
    obj['status'] = {'phase': 'Active'}
    spec = obj.setdefault('spec', {})
    finalizers = spec.get('finalizers') or []
    if 'kubernetes' not in finalizers:
        spec['finalizers'] = [*finalizers, 'kubernetes']
    _default(obj)


def _prepare_update(obj: Json, old: Json) -> None:
    """Finalizers change by the `finalize` subresource alone."""
    obj['spec'] = old.get('spec', {})
    obj['status'] = old.get('status', {})


def _prepare_status(obj: Json, old: Json) -> None:
    obj['spec'] = old.get('spec', {})


def _validate_status(obj: Json, old: Json) -> list[Cause]:
    phase = as_map(obj.get('status')).get('phase')
    wanted, being = 'Active', 'empty'
    if as_map(old.get('metadata')).get('deletionTimestamp'):
        wanted, being = 'Terminating', 'not empty'
    if phase == wanted:
        return []
    return [invalid_value('status.Phase', phase, f"may only be '{wanted}' if `deletionTimestamp` is {being}")]


STRATEGIES = {
    'namespaces': Strategy(
        name=dns1123_label,
        default=_default,
        prepare_create=_prepare_create,
        prepare_update=_prepare_update,
        prepare_status=_prepare_status,
        validate_status=_validate_status,
    ),
}
