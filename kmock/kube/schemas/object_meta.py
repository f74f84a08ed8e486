"""The schema of `metadata` as every object has it, for objects whose own schema does not tell: custom resources.

Source: the Kubernetes API reference, `ObjectMeta` and `ListMeta`.
"""

from typing import Any

from kmock.kube.schema import Schema

__all__ = ['OBJECT_META', 'OBJECT_META_REFERENCE']

_META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
OBJECT_META_REFERENCE = f'#/components/schemas/{_META}.ObjectMeta'


def _list_of(name: str) -> dict[str, Any]:
    return {'type': 'array', 'items': {'$ref': f'#/components/schemas/{_META}.{name}'}}


_STRING = {'type': 'string'}
_STRINGS = {'type': 'object', 'additionalProperties': {'type': 'string'}}
_TIME = {'$ref': f'#/components/schemas/{_META}.Time'}
_INT64 = {'type': 'integer', 'format': 'int64'}
_COMPONENTS: dict[str, dict[str, Any]] = {
    f'{_META}.Time': {'type': 'string', 'format': 'date-time'},
    f'{_META}.FieldsV1': {'type': 'object'},
    f'{_META}.OwnerReference': {
        'type': 'object',
        'required': ['apiVersion', 'kind', 'name', 'uid'],
        'properties': {
            'apiVersion': _STRING,
            'blockOwnerDeletion': {'type': 'boolean'},
            'controller': {'type': 'boolean'},
            'kind': _STRING,
            'name': _STRING,
            'uid': _STRING,
        },
    },
    f'{_META}.ManagedFieldsEntry': {
        'type': 'object',
        'properties': {
            'apiVersion': _STRING,
            'fieldsType': _STRING,
            'fieldsV1': {'$ref': f'#/components/schemas/{_META}.FieldsV1'},
            'manager': _STRING,
            'operation': _STRING,
            'subresource': _STRING,
            'time': _TIME,
        },
    },
    f'{_META}.ObjectMeta': {
        'type': 'object',
        'properties': {
            'annotations': _STRINGS,
            'creationTimestamp': _TIME,
            'deletionGracePeriodSeconds': _INT64,
            'deletionTimestamp': _TIME,
            'finalizers': {'type': 'array', 'items': _STRING},
            'generateName': _STRING,
            'generation': _INT64,
            'labels': _STRINGS,
            'managedFields': _list_of('ManagedFieldsEntry'),
            'name': _STRING,
            'namespace': _STRING,
            'ownerReferences': _list_of('OwnerReference'),
            'resourceVersion': _STRING,
            'selfLink': _STRING,
            'uid': _STRING,
        },
    },
}

OBJECT_META = Schema({'$ref': OBJECT_META_REFERENCE}, _COMPONENTS)
