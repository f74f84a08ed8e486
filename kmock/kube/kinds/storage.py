"""The group storage.k8s.io: StorageClasses, and what drivers of storage write."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_CSI_USUAL = {
    'attachRequired': True,
    'podInfoOnMount': False,
    'storageCapacity': False,
    'fsGroupPolicy': 'ReadWriteOnceWithFSType',
    'requiresRepublish': False,
    'seLinuxMount': False,
}


# --- StorageClasses


def _default_class(obj: Json) -> None:
    obj.setdefault('reclaimPolicy', 'Delete')
    obj.setdefault('volumeBindingMode', 'Immediate')


def _validate_class(obj: Json) -> list[Cause]:
    found: list[Cause] = []
    provisioner = obj.get('provisioner') or ''
    if not provisioner:
        found.append(required('provisioner', provisioner))
    else:
        found += rules.named('provisioner', provisioner.lower(), names.qualified_name)
    policy = obj.get('reclaimPolicy')
    if policy not in ('Delete', 'Retain'):
        found.append(not_supported('reclaimPolicy', policy, ['Delete', 'Retain']))
    mode = obj.get('volumeBindingMode')
    if mode not in ('Immediate', 'WaitForFirstConsumer'):
        found.append(not_supported('volumeBindingMode', mode, ['Immediate', 'WaitForFirstConsumer']))
    return found


def _validate_class_update(obj: Json, old: Json) -> list[Cause]:
    found: list[Cause] = []
    for key in ('parameters', 'provisioner', 'reclaimPolicy'):
        if obj.get(key) != old.get(key):
            found.append(forbidden_field(key, f'updates to {key} are forbidden.'))
    return found + rules.immutable('volumeBindingMode', obj.get('volumeBindingMode'), old.get('volumeBindingMode'))


# --- drivers


def _default_driver(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    for key, value in _CSI_USUAL.items():
        spec.setdefault(key, value)
    if not spec.get('volumeLifecycleModes'):
        spec['volumeLifecycleModes'] = ['Persistent']


def _default_node(obj: Json) -> None:
    spec = obj.setdefault('spec', {})
    if not spec.get('drivers'):
        spec['drivers'] = None


def _default_attachment(obj: Json) -> None:
    obj.setdefault('spec', {}).setdefault('source', {})
    obj.setdefault('status', {}).setdefault('attached', False)


def _validate_attachment(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found = [] if spec.get('attacher') else [required('spec.attacher')]
    source = as_map(spec.get('source'))
    if not source.get('persistentVolumeName') and source.get('inlineVolumeSpec') is None:
        why = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
        found.append(required('spec.source', why))
    return found if spec.get('nodeName') else [*found, required('spec.nodeName')]


def _validate_attachment_update(obj: Json, old: Json) -> list[Cause]:
    if obj.get('spec') == old.get('spec'):
        return []
    return [invalid_value('spec', obj.get('spec'), rules.IMMUTABLE)]


def _validate_node(obj: Json) -> list[Cause]:
    found: list[Cause] = []
    for index, each in enumerate(items_of(as_map(obj.get('spec')).get('drivers'))):
        for key in ('name', 'nodeID'):
            if not each.get(key):
                found.append(required(f'spec.drivers[{index}].{key}'))
    return found


def _validate_node_update(obj: Json, old: Json) -> list[Cause]:
    return _validate_node(obj)


STRATEGIES = {
    'storageclasses': Strategy(
        name=names.dns1123_subdomain,
        deletes_object=True,
        default=_default_class,
        validate=_validate_class,
        validate_update=_validate_class_update,
    ),
    'csidrivers': Strategy(
        name=names.dns1123_subdomain,
        unconditional_update=False,
        deletes_object=True,
        default=_default_driver,
    ),
    'csinodes': Strategy(
        name=names.dns1123_subdomain,
        unconditional_update=False,
        deletes_object=True,
        default=_default_node,
        validate=_validate_node,
        validate_update=_validate_node_update,
    ),
    'csistoragecapacities': Strategy(name=names.dns1123_subdomain, unconditional_update=False, deletes_object=True),
    'volumeattachments': Strategy(
        name=names.dns1123_subdomain,
        unconditional_update=False,
        deletes_object=True,
        default=_default_attachment,
        **separated({'attached': False}),
        validate=_validate_attachment,
        validate_update=_validate_attachment_update,
    ),
    'volumeattributesclasses': Strategy(name=names.dns1123_subdomain, unconditional_update=False, deletes_object=True),
}
