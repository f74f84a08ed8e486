"""PersistentVolumeClaims and PersistentVolumes."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.podspecs import default_claim_spec, default_volume_source
from kmock.kube.kinds.rules import as_map
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES', 'claim_spec_causes', 'tell_phase_change']

_MODES = ('ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod')
_RECLAIM = ('Delete', 'Recycle', 'Retain')
_CLAIM_FROZEN = (
    'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
)
_NOT_SOURCES = frozenset({
    'accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity', 'persistentVolumeReclaimPolicy',
    'storageClassName', 'volumeAttributesClassName', 'volumeMode',
})  # fmt: skip


def _protect(obj: Json, finalizer: str) -> None:
    """As the admission plugin StorageObjectInUseProtection."""
    metadata = obj.setdefault('metadata', {})
    finalizers = metadata.get('finalizers') or []
    if finalizer not in finalizers:
        metadata['finalizers'] = [*finalizers, finalizer]


# --- claims


def _default_claim(obj: Json) -> None:
    default_claim_spec(obj.setdefault('spec', {}))
    status = obj.setdefault('status', {})
    if not status.get('phase'):
        status['phase'] = 'Pending'
    rules.untold_times(obj, 'lastProbeTime', 'lastTransitionTime')


def _protect_claim(obj: Json) -> None:
    _protect(obj, 'kubernetes.io/pvc-protection')


def claim_spec_causes(field: str, spec: Json) -> list[Cause]:
    """A PersistentVolumeClaimSpec, of a claim or of a template of claims."""
    found = _access_causes(field, spec)
    found += rules.selector(f'{field}.selector', spec.get('selector'))
    wanted = as_map(as_map(spec.get('resources')).get('requests')).get('storage')
    path = f'{field}.resources[storage]'
    if wanted is None:
        found.append(required(path))
    elif rules.amount(wanted) <= 0:
        found.append(invalid_value(path, wanted, 'must be greater than zero'))
    if spec.get('storageClassName'):
        found += rules.named(f'{field}.storageClassName', spec['storageClassName'], names.dns1123_subdomain)
    found += _mode_causes(f'{field}.volumeMode', spec.get('volumeMode'))
    return found


def _access_causes(field: str, spec: Json) -> list[Cause]:
    modes = spec.get('accessModes') or []
    if not modes:
        return [required(f'{field}.accessModes', 'at least 1 access mode is required')]
    found = [not_supported(f'{field}.accessModes', each, _MODES) for each in modes if each not in _MODES]
    if 'ReadWriteOncePod' in modes and len(modes) > 1:
        why = 'may not use ReadWriteOncePod with other access modes'
        found.append(forbidden_field(f'{field}.accessModes', why))
    return found


def _mode_causes(field: str, value: object) -> list[Cause]:
    return [] if value in (None, 'Block', 'Filesystem') else [not_supported(field, value, ['Block', 'Filesystem'])]


def _validate_claim(obj: Json) -> list[Cause]:
    return claim_spec_causes('spec', as_map(obj.get('spec')))


def _validate_claim_update(obj: Json, old: Json) -> list[Cause]:
    spec, before = as_map(obj.get('spec')), as_map(old.get('spec'))
    found = _validate_claim(obj)
    bound = as_map(old.get('status')).get('phase') == 'Bound'

    def fixed(value: Json) -> Json:
        dropped = {'volumeAttributesClassName', 'resources'} if bound else {'volumeAttributesClassName'}
        if not before.get('volumeName'):
            dropped.add('volumeName')
        return {key: each for key, each in value.items() if key not in dropped}

    if fixed(spec) != fixed(before):
        found.append(forbidden_field('spec', _CLAIM_FROZEN))
    elif bound:
        new = as_map(as_map(spec.get('resources')).get('requests')).get('storage')
        was = as_map(as_map(before.get('resources')).get('requests')).get('storage')
        least = as_map(as_map(old.get('status')).get('capacity')).get('storage', was)
        if new is not None and rules.amount(new) < rules.amount(was) and rules.amount(new) <= rules.amount(least):
            why = 'field can not be less than status.capacity'
            found.append(forbidden_field('spec.resources.requests.storage', why))
    return found


# --- volumes


def _default_volume(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    spec.setdefault('persistentVolumeReclaimPolicy', 'Retain')
    spec.setdefault('volumeMode', 'Filesystem')
    default_volume_source(spec)
    status = obj.setdefault('status', {})
    if not status.get('phase'):
        status['phase'] = 'Pending'


def _protect_volume(obj: Json) -> None:
    obj['status']['lastPhaseTransitionTime'] = as_map(obj.get('metadata')).get('creationTimestamp')
    _protect(obj, 'kubernetes.io/pv-protection')


def tell_phase_change(obj: Json, old: Json, now: str) -> None:
    """Tell in an updated status since when the volume is in its phase, unless the client tells."""
    status, before = as_map(obj.get('status')), as_map(old.get('status'))
    told = status.get('lastPhaseTransitionTime')
    if status.get('phase') != before.get('phase') and told in (None, before.get('lastPhaseTransitionTime')):
        status['lastPhaseTransitionTime'] = now


def _validate_volume(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = _access_causes('spec', spec)
    capacity = as_map(spec.get('capacity'))
    if not capacity:
        found.append(required('spec.capacity'))
    if 'storage' not in capacity or len(capacity) > 1:
        found.append(not_supported('spec.capacity', capacity or None, ['storage']))
    for key, value in sorted(capacity.items()):
        if rules.amount(value) <= 0:
            found.append(invalid_value(f'spec.capacity[{key}]', value, 'must be greater than zero'))
    policy = spec.get('persistentVolumeReclaimPolicy')
    if policy not in _RECLAIM:
        found.append(not_supported('spec.persistentVolumeReclaimPolicy', policy, _RECLAIM))
    sources = [key for key, value in spec.items() if key not in _NOT_SOURCES and isinstance(value, dict)]
    if not sources:
        found.append(required('spec', 'must specify a volume type'))
    for extra in sources[1:]:
        found.append(forbidden_field(f'spec.{extra}', 'may not specify more than 1 volume type'))
    if spec.get('storageClassName'):
        found += rules.named('spec.storageClassName', spec['storageClassName'], names.dns1123_subdomain)
    return found + _mode_causes('spec.volumeMode', spec.get('volumeMode'))


def _validate_volume_update(obj: Json, old: Json) -> list[Cause]:
    spec, before = as_map(obj.get('spec')), as_map(old.get('spec'))
    found = _validate_volume(obj)

    def source(value: Json) -> Json:
        return {key: each for key, each in value.items() if key not in _NOT_SOURCES}

    if source(spec) != source(before):
        why = 'spec.persistentvolumesource is immutable after creation'
        found.append(forbidden_field('spec.persistentvolumesource', why))
    return found + rules.immutable('spec.volumeMode', spec.get('volumeMode'), before.get('volumeMode'))


STRATEGIES = {
    'persistentvolumeclaims': Strategy(
        name=names.dns1123_subdomain,
        deletes_object=True,
        default=_default_claim,
        **separated({'phase': 'Pending'}, create=_protect_claim),
        validate=_validate_claim,
        validate_update=_validate_claim_update,
    ),
    'persistentvolumes': Strategy(
        name=names.dns1123_subdomain,
        deletes_object=True,
        default=_default_volume,
        **separated({'phase': 'Pending'}, create=_protect_volume),
        validate=_validate_volume,
        validate_update=_validate_volume_update,
    ),
}
