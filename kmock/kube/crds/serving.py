"""What a CustomResourceDefinition lets the cluster serve: a `Definition` for each served version."""

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kmock.kube.crds.establishing import is_established, is_terminating
from kmock.kube.crds.reading import Node, flag, listed, mapping, text, versions_of
from kmock.kube.definitions import Column, Definition, Json, Origin, ScalePaths, Strategy, Subresource
from kmock.kube.schema import Schema
from kmock.kube.schemas.checking import UNCORRELATED, Checker
from kmock.kube.statuses import Cause
from kmock.kube.values.names import dns1123_subdomain
from kmock.naming import Resource

__all__ = ['custom_strategy', 'definitions_of', 'version_rank']

_VERBS = ('delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch')
_VERBS_WHEN_TERMINATING = ('delete', 'deletecollection', 'get', 'list', 'watch')
_SUBRESOURCE_VERBS = ('get', 'patch', 'update')

_STRING: Node = {'type': 'string'}
_TIME: Node = {'type': 'string', 'format': 'date-time'}
_STRINGS: Node = {'type': 'object', 'additionalProperties': {'type': 'string'}}
_OWNER: Node = {
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
    'x-kubernetes-map-type': 'atomic',
}
_ENTRY: Node = {
    'type': 'object',
    'properties': {
        'apiVersion': _STRING,
        'fieldsType': _STRING,
        'fieldsV1': {'type': 'object'},
        'manager': _STRING,
        'operation': _STRING,
        'subresource': _STRING,
        'time': _TIME,
    },
}
_OBJECT_META: Node = {
    'type': 'object',
    'properties': {
        'annotations': _STRINGS,
        'creationTimestamp': _TIME,
        'deletionGracePeriodSeconds': {'type': 'integer', 'format': 'int64'},
        'deletionTimestamp': _TIME,
        'finalizers': {
            'type': 'array',
            'items': _STRING,
            'x-kubernetes-list-type': 'set',
            'x-kubernetes-patch-strategy': 'merge',
        },
        'generateName': _STRING,
        'generation': {'type': 'integer', 'format': 'int64'},
        'labels': _STRINGS,
        'managedFields': {'type': 'array', 'items': _ENTRY, 'x-kubernetes-list-type': 'atomic'},
        'name': _STRING,
        'namespace': _STRING,
        'ownerReferences': {
            'type': 'array',
            'items': _OWNER,
            'x-kubernetes-list-map-keys': ['uid'],
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-patch-merge-key': 'uid',
            'x-kubernetes-patch-strategy': 'merge',
        },
        'resourceVersion': _STRING,
        'selfLink': _STRING,
        'uid': _STRING,
    },
}
_META_NAME = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
_COMPONENTS: Mapping[str, Node] = {_META_NAME: _OBJECT_META}
_META_REFERENCE: Node = {'allOf': [{'$ref': f'#/components/schemas/{_META_NAME}'}]}


def definitions_of(crd: Json) -> list[Definition]:
    """The served versions of an established definition, in its order; none while its names are not accepted."""
    if not is_established(crd):
        return []
    versions = versions_of(mapping(crd.get('spec')))
    storage = next((text(each.get('name')) for each in versions if flag(each, 'storage')), '')
    return [_definition(crd, each, versions, storage) for each in versions if flag(each, 'served')]


def _definition(crd: Json, version: Node, versions: Sequence[Node], storage: str) -> Definition:
    spec = mapping(crd.get('spec'))
    names = mapping(mapping(crd.get('status')).get('acceptedNames'))
    group, kind = text(spec.get('group')), text(names.get('kind'))
    resource = Resource(group, text(version.get('name')), text(names.get('plural')))
    subresources = mapping(version.get('subresources'))
    schema = mapping(version.get('schema')).get('openAPIV3Schema')
    metadata = mapping(mapping(mapping(schema).get('properties')).get('metadata'))
    return Definition(
        resource=resource,
        kind=kind,
        list_kind=text(names.get('listKind')),
        singular=text(names.get('singular')),
        namespaced=spec.get('scope') == 'Namespaced',
        verbs=_VERBS_WHEN_TERMINATING if is_terminating(crd) else _VERBS,
        shortnames=tuple(listed(names.get('shortNames'))),
        categories=tuple(listed(names.get('categories'))),
        subresources=_subresources(subresources, kind),
        origin=Origin.CUSTOM,
        storage_version=storage,
        columns=_columns(version),
        selectable=tuple(text(mapping(each).get('jsonPath')) for each in listed(version.get('selectableFields'))),
        scale=_scale(subresources),
        deprecation=_deprecation(resource, kind, version, versions),
        load_schema=functools.partial(_schema, schema),
        load_strategy=functools.partial(
            custom_strategy, status=subresources.get('status') is not None, metadata=metadata
        ),
    )


def _subresources(subresources: Node, kind: str) -> Mapping[str, Subresource]:
    found = {}
    if subresources.get('status') is not None:
        found['status'] = Subresource(name='status', kind=kind, verbs=_SUBRESOURCE_VERBS)
    if subresources.get('scale') is not None:
        scale = Subresource(name='scale', kind='Scale', verbs=_SUBRESOURCE_VERBS, group='autoscaling', version='v1')
        found['scale'] = scale
    return found


def _scale(subresources: Node) -> ScalePaths | None:
    scale = subresources.get('scale')
    if not isinstance(scale, dict):
        return None
    return ScalePaths(
        spec_replicas=text(scale.get('specReplicasPath')),
        status_replicas=text(scale.get('statusReplicasPath')),
        label_selector=text(scale.get('labelSelectorPath')) or None,
    )


def _columns(version: Node) -> tuple[Column, ...] | None:
    columns = [mapping(each) for each in listed(version.get('additionalPrinterColumns'))]
    if not columns:
        return None
    return tuple(
        Column(
            name=text(each.get('name')),
            type=text(each.get('type')),
            json_path=text(each.get('jsonPath')),
            format=text(each.get('format')),
            description=text(each.get('description')),
            priority=each.get('priority', 0),
        )
        for each in columns
    )


# --- schema


def _schema(node: Any) -> Schema | None:
    """The schema of whole objects: with apiVersion, kind and metadata, which a CRD need not mention."""
    if not isinstance(node, dict):
        return None
    properties = mapping(node.get('properties'))
    restricted = mapping(mapping(properties.get('metadata')).get('properties'))
    metadata: Node = _META_REFERENCE
    if restricted:
        merged = {**_OBJECT_META['properties'], **restricted}
        metadata = {**_OBJECT_META, 'properties': merged}
    implied = {'apiVersion': _STRING, 'kind': _STRING, **properties, 'metadata': metadata}
    return Schema({**node, 'properties': implied}, _COMPONENTS)


# --- deprecation


def _deprecation(resource: Resource, kind: str, version: Node, versions: Sequence[Node]) -> str | None:
    """The given warning, or one that names the newest version to use instead."""
    if not flag(version, 'deprecated'):
        return None
    given = version.get('deprecationWarning')
    if isinstance(given, str):
        return given
    message = f'{resource.group}/{resource.version} {kind} is deprecated'
    usable = [text(each.get('name')) for each in versions if flag(each, 'served') and not flag(each, 'deprecated')]
    newer = [each for each in usable if version_rank(each) > version_rank(resource.version)]
    return f'{message}; use {resource.group}/{max(newer, key=version_rank)} {kind}' if newer else message


_VERSION = re.compile('v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?')
_STAGES = {'alpha': 1, 'beta': 2, None: 3}


def version_rank(name: str) -> tuple[int, int, int, list[int]]:
    """By which versions are ordered: stable over beta over alpha, then by number; other names last, from a to z."""
    found = _VERSION.fullmatch(name)
    if found is None:
        return 0, 0, 0, [-ord(each) for each in name]
    return _STAGES[found[2]], int(found[1]), int(found[3] or 0), []


# --- strategy


def custom_strategy(*, status: bool = False, metadata: Node | None = None) -> Strategy:
    """How objects of a custom resource are written; what is wrong with them tell `metadata` and `validation`.

    Args:
        status: whether the status is a subresource.
        metadata: what the schema says of the metadata, if it does: `validate` holds names to it.
    """
    usual = Strategy(
        put_creates=False,
        unconditional_update=False,
        generation=True,
        creates_without_status=status,
        name=dns1123_subdomain,
    )
    if not metadata:
        return usual
    checker = Checker(metadata)

    def check(obj: Json, before: Any = UNCORRELATED) -> list[Cause]:
        causes: list[Cause] = []
        checker.check(obj.get('metadata', {}), 'metadata', before, causes)
        return causes

    return dataclasses.replace(usual, validate=check, validate_update=lambda obj, old: check(obj, old['metadata']))
