"""Tables of volumes, claims, and the classes and drivers behind them."""

import datetime
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.tables.printing import Printer, age, part, printer

__all__ = ['STORAGE']

_MODES = {'ReadWriteOnce': 'RWO', 'ReadOnlyMany': 'ROX', 'ReadWriteMany': 'RWX', 'ReadWriteOncePod': 'RWOP'}
_CLASS = 'volume.beta.kubernetes.io/storage-class'
_DEFAULTS = (
    'storageclass.kubernetes.io/is-default-class',
    'storageclass.beta.kubernetes.io/is-default-class',
)


def _name(obj: Json) -> str:
    return str(obj['metadata'].get('name', ''))


def _modes(modes: list[str] | None) -> str:
    return ','.join(_MODES[each] for each in _MODES if each in (modes or ()))


def _phase(obj: Json) -> str:
    return 'Terminating' if obj['metadata'].get('deletionTimestamp') else str(part(obj, 'status', 'phase') or '')


def _class(obj: Json) -> str:
    annotations = obj['metadata'].get('annotations') or {}
    return str(annotations.get(_CLASS) or part(obj, 'spec', 'storageClassName') or '')


def _attributes_class(obj: Json) -> str:
    return part(obj, 'spec', 'volumeAttributesClassName') or '<unset>'


def _volume(obj: Json, now: datetime.datetime) -> list[Any]:
    claim = part(obj, 'spec', 'claimRef')
    return [
        _name(obj),
        part(obj, 'spec', 'capacity', 'storage') or '0',
        _modes(part(obj, 'spec', 'accessModes')),
        part(obj, 'spec', 'persistentVolumeReclaimPolicy') or '',
        _phase(obj),
        f'{claim.get("namespace", "")}/{claim.get("name", "")}' if claim else '',
        _class(obj),
        _attributes_class(obj),
        part(obj, 'status', 'reason') or '',
        age(obj, now),
        part(obj, 'spec', 'volumeMode') or '<unset>',
    ]


def _claim(obj: Json, now: datetime.datetime) -> list[Any]:
    volume = part(obj, 'spec', 'volumeName') or ''
    capacity = part(obj, 'status', 'capacity', 'storage') or '0'
    return [
        _name(obj),
        _phase(obj),
        volume,
        capacity if volume else '',
        _modes(part(obj, 'status', 'accessModes')) if volume else '',
        _class(obj),
        _attributes_class(obj),
        age(obj, now),
        part(obj, 'spec', 'volumeMode') or '<unset>',
    ]


def _storage_class(obj: Json, now: datetime.datetime) -> list[Any]:
    annotations = obj['metadata'].get('annotations') or {}
    default = any(annotations.get(each) == 'true' for each in _DEFAULTS)
    return [
        _name(obj) + (' (default)' if default else ''),
        obj.get('provisioner', ''),
        obj.get('reclaimPolicy') or 'Delete',
        obj.get('volumeBindingMode') or 'Immediate',
        bool(obj.get('allowVolumeExpansion')),
        age(obj, now),
    ]


def _attachment(obj: Json, now: datetime.datetime) -> list[Any]:
    spec, attached = obj.get('spec') or {}, bool(part(obj, 'status', 'attached'))
    volume = part(spec, 'source', 'persistentVolumeName') or ''
    return [_name(obj), spec.get('attacher', ''), volume, spec.get('nodeName', ''), attached, age(obj, now)]


def _driver(obj: Json, now: datetime.datetime) -> list[Any]:
    spec = obj.get('spec') or {}
    audiences = ','.join(each.get('audience', '') for each in spec.get('tokenRequests') or ()) or '<unset>'
    return [
        _name(obj),
        spec.get('attachRequired', True),
        bool(spec.get('podInfoOnMount')),
        bool(spec.get('storageCapacity')),
        audiences,
        bool(spec.get('requiresRepublish')),
        ','.join(spec.get('volumeLifecycleModes') or ()) or '<none>',
        age(obj, now),
    ]


def _csi_node(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), len(part(obj, 'spec', 'drivers') or ()), age(obj, now)]


def _capacity(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), obj.get('storageClassName', ''), obj.get('capacity') or '<unset>']


def _attributes(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), obj.get('driverName', ''), age(obj, now)]


_CSI_NODE = {'Drivers': 'Drivers indicates the number of CSI drivers registered on the node'}
_DRIVER = 'Name, AttachRequired:boolean, PodInfoOnMount:boolean, StorageCapacity:boolean, TokenRequests'

STORAGE: dict[tuple[str, str], Printer] = {
    ('', 'persistentvolumes'): printer(
        'Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason,'
        ' Age, +VolumeMode',
        _volume,
        {key: f'{key} of the pv' for key in ('StorageClass', 'VolumeAttributesClass')},
    ),
    ('', 'persistentvolumeclaims'): printer(
        'Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, +VolumeMode',
        _claim,
        {key: f'{key} of the pvc' for key in ('StorageClass', 'VolumeAttributesClass')},
    ),
    ('storage.k8s.io', 'storageclasses'): printer(
        'Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age', _storage_class
    ),
    ('storage.k8s.io', 'volumeattachments'): printer('Name, Attacher, PV, Node, Attached:boolean, Age', _attachment),
    ('storage.k8s.io', 'volumeattributesclasses'): printer('Name, DriverName, Age', _attributes),
    ('storage.k8s.io', 'csidrivers'): printer(f'{_DRIVER}, RequiresRepublish:boolean, Modes, Age', _driver),
    ('storage.k8s.io', 'csinodes'): printer('Name, Drivers:integer, Age', _csi_node, _CSI_NODE),
    ('storage.k8s.io', 'csistoragecapacities'): printer('Name, StorageClassName, Capacity', _capacity),
}
