"""What tests see of the objects in the emulated cluster: `kmock.objects`, and the wrappers for comparing them."""

from kmock.kube.objects.array import HistoryKey, ObjectKey, ObjectsArray, VersionKey
from kmock.kube.objects.history import ObjectHistory
from kmock.kube.objects.object import Object
from kmock.kube.objects.version import ObjectVersion

__all__ = ['HistoryKey', 'Object', 'ObjectHistory', 'ObjectKey', 'ObjectVersion', 'ObjectsArray', 'VersionKey']
