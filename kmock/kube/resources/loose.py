"""Loose definitions: of resources that tests declare, or that only discovery tells of. No schema, nothing validated."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kmock.kube.definitions import Definition, Origin, ScalePaths, Subresource
from kmock.kube.resources.info import ResourceInfo
from kmock.naming import Resource

__all__ = ['ALL_VERBS', 'adopted', 'changed_definition', 'info_of', 'loose_definition', 'read_resource_lists']

ALL_VERBS = ('create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch')

_READ_WRITE = ('get', 'patch', 'update')
_ANY_METHOD = ('create', 'delete', 'get', 'patch', 'update')
_SCALE = ScalePaths(
    spec_replicas='.spec.replicas', status_replicas='.status.replicas', label_selector='.status.selector'
)


def loose_definition(resource: Resource, info: ResourceInfo | None = None) -> Definition:
    """A definition with what is declared; the kind, if it is not, is the plural with a capital letter."""
    declared = info or ResourceInfo()
    kind = declared.kind or _guessed_kind(resource)
    return Definition(
        resource=resource,
        kind=kind,
        list_kind=f'{kind}List',
        singular=declared.singular or (declared.kind or resource.plural).lower(),
        namespaced=declared.namespaced is not False,
        verbs=tuple(sorted(declared.verbs)) or ALL_VERBS,
        shortnames=tuple(sorted(declared.shortnames)),
        categories=tuple(sorted(declared.categories)),
        subresources={name: _subresource(name, kind) for name in sorted(declared.subresources)},
        origin=Origin.LOOSE,
        storage_version=resource.version,
        scale=_SCALE if 'scale' in declared.subresources else None,
    )


def _guessed_kind(resource: Resource) -> str:
    return resource.plural.capitalize()


def adopted(definition: Definition, kind: str) -> Definition:
    """A loose definition with the kind of an object, if its own is a guess; else the very same."""
    guess = _guessed_kind(definition.resource)
    if definition.origin is not Origin.LOOSE or definition.kind != guess or kind == guess:
        return definition
    subresources = {
        name: dataclasses.replace(each, kind=kind) if each.kind == guess else each
        for name, each in definition.subresources.items()
    }
    singular = kind.lower() if definition.singular == definition.resource.plural.lower() else definition.singular
    return dataclasses.replace(
        definition, kind=kind, list_kind=f'{kind}List', singular=singular, subresources=subresources
    )


def _subresource(name: str, kind: str) -> Subresource:
    if name == 'scale':
        return Subresource(name=name, kind='Scale', verbs=_READ_WRITE, group='autoscaling', version='v1')
    return Subresource(name=name, kind=kind, verbs=_READ_WRITE if name == 'status' else _ANY_METHOD)


def info_of(definition: Definition) -> ResourceInfo:
    """What a definition says, in the words of declarations."""
    return ResourceInfo(
        namespaced=definition.namespaced,
        kind=definition.kind,
        singular=definition.singular,
        verbs=definition.verbs,
        shortnames=definition.shortnames,
        categories=definition.categories,
        subresources=definition.subresources,
    )


def changed_definition(definition: Definition, info: ResourceInfo) -> Definition:
    """A definition with a changed declaration: loose ones are made anew, others keep schema, strategy and the like."""
    loose = loose_definition(definition.resource, info)
    subresources = {name: definition.subresources.get(name, each) for name, each in loose.subresources.items()}
    if definition.origin is Origin.LOOSE:
        return dataclasses.replace(loose, subresources=subresources)
    fields = ('namespaced', 'kind', 'singular', 'verbs', 'shortnames', 'categories')
    changes: dict[str, Any] = {name: getattr(loose, name) for name in fields}
    if definition.kind != loose.kind:
        changes['list_kind'] = loose.list_kind
    return dataclasses.replace(definition, **changes, subresources=subresources)


# --- discovery


def read_resource_lists(documents: Any) -> Iterable[Definition]:
    """The definitions that documents of the kind APIResourceList tell of.

    Raises:
        ValueError: it is no list of such documents, or there are none; the message says where.
    """
    if isinstance(documents, Mapping):
        documents = [documents] if documents else []
    if not isinstance(documents, Sequence) or isinstance(documents, str | bytes):
        raise ValueError('Resources are a JSON list of APIResourceList documents, as `kmock fetch resources` writes.')
    if not documents:
        raise ValueError('There are no resources in it. `kmock fetch resources` writes those of a cluster.')
    return [definition for document in documents for definition in _definitions(document)]


def _definitions(document: Any) -> Iterable[Definition]:
    version = document.get('groupVersion') if isinstance(document, Mapping) else None
    rows = document.get('resources') if isinstance(document, Mapping) else None
    if not isinstance(version, str) or not isinstance(rows, list):
        raise ValueError(f'Not an APIResourceList with a groupVersion and resources: {str(document)[:80]}')
    group, _, number = version.rpartition('/')
    resources: dict[str, Definition] = {}
    subresources: dict[str, dict[str, Subresource]] = {}
    for row in rows:
        name = row.get('name') if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not name:
            raise ValueError(f'A resource without a name in {version}: {str(row)[:80]}')
        plural, slash, subresource = name.partition('/')
        if slash:
            subresources.setdefault(plural, {})[subresource] = _read_subresource(subresource, row)
        else:
            resources[plural] = _read_resource(Resource(group, number, plural), row)
    return [
        dataclasses.replace(
            each,
            subresources=subresources.get(plural, {}),
            scale=_SCALE if 'scale' in subresources.get(plural, {}) else None,
        )
        for plural, each in resources.items()
    ]


def _read_resource(resource: Resource, row: Mapping[str, Any]) -> Definition:
    namespaced = row.get('namespaced')
    loose = loose_definition(
        resource,
        ResourceInfo(
            namespaced=namespaced if isinstance(namespaced, bool) else None,
            kind=_text(row, 'kind') or None,
            singular=_text(row, 'singularName') or None,
            shortnames=_texts(row, 'shortNames'),
            categories=_texts(row, 'categories'),
        ),
    )
    return dataclasses.replace(loose, verbs=_texts(row, 'verbs') or loose.verbs)


def _read_subresource(name: str, row: Mapping[str, Any]) -> Subresource:
    group, version = _text(row, 'group'), _text(row, 'version')
    return Subresource(name=name, kind=_text(row, 'kind'), verbs=_texts(row, 'verbs'), group=group, version=version)


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ''


def _texts(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
