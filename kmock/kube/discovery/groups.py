"""The documents of discovery: groups, versions and resources, as the registry has them. No HTTP here.

Built-in groups come first, in the order in which they are registered; those of custom and declared resources follow
by name, their versions from the most stable to the least, as the aggregator of the real server sorts them.
Source: the Kubernetes API reference, `APIGroupList`, `APIResourceList`, `APIGroupDiscoveryList`.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin, Subresource
from kmock.kube.resources.bundled import storage_hashes

__all__ = ['Groups', 'version_rank']

_STAGES = {'alpha': 0, 'beta': 1, None: 2}
_VERSION = re.compile(r'v([0-9]+)(?:(alpha|beta)([0-9]+))?')


def version_rank(version: str) -> tuple[Any, ...]:
    """A key that sorts versions from the preferred one on: v10, v2, v1, v1beta1, v1alpha1, then all else by name.

    Source: CustomResourceDefinition versioning, "Version priority".
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        return (1, version)
    return (0, -_STAGES[found[2]], -int(found[1]), -int(found[3] or 0))


class Groups:
    """A snapshot of what is served: definitions by group and version, and the documents made of them."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        found: dict[str, dict[str, list[Definition]]] = {}
        for each in definitions:
            found.setdefault(each.resource.group, {}).setdefault(each.resource.version, []).append(each)
        self.builtin = frozenset(group for group, versions in found.items() if _has_builtin(versions.values()))
        names = [group for group in found if group in self.builtin]
        names += sorted(group for group in found if group not in self.builtin)
        self._groups = {name: self._ordered(name, found[name]) for name in names}

    def _ordered(self, group: str, versions: dict[str, list[Definition]]) -> Mapping[str, Sequence[Definition]]:
        """Built-in versions in their order, followed by the others in that of their stability."""
        builtin = [name for name, members in versions.items() if _has_builtin([members])]
        others = sorted((name for name in versions if name not in builtin), key=version_rank)
        return {
            name: versions[name]
            if name in builtin
            else sorted(versions[name], key=lambda definition: definition.resource.plural)
            for name in (*builtin, *others)
        }

    # --- what there is

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __contains__(self, group: object) -> bool:
        return group in self._groups

    def versions(self, group: str) -> Sequence[str]:
        """The served versions, the preferred one first; empty for an unknown group."""
        return tuple(self._groups.get(group, ()))

    def resources(self, group: str, version: str) -> Sequence[Definition]:
        """The resources of a version, in the order of discovery; empty for an unknown one."""
        return self._groups.get(group, {}).get(version, ())

    def named(self) -> Iterable[tuple[str, str]]:
        """All pairs of a group and a version, except those of the core group."""
        return [(group, version) for group, versions in self._groups.items() if group for version in versions]

    # --- legacy documents

    def api_versions(self, address: str) -> Json:
        """`/api`."""
        return {
            'kind': 'APIVersions',
            'versions': list(self.versions('')),
            'serverAddressByClientCIDRs': [{'clientCIDR': '0.0.0.0/0', 'serverAddress': address}],
        }

    def group_list(self) -> Json:
        """`/apis`."""
        groups = [self._group(name) for name in self._groups if name]
        return {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': groups}

    def group(self, name: str) -> Json:
        """`/apis/GROUP`."""
        return {'kind': 'APIGroup', 'apiVersion': 'v1', **self._group(name)}

    def _group(self, name: str) -> Json:
        versions = [{'groupVersion': f'{name}/{each}', 'version': each} for each in self._groups[name]]
        return {'name': name, 'versions': versions, 'preferredVersion': versions[0]}

    def resource_list(self, group: str, version: str) -> Json:
        """`/apis/GROUP/VERSION`, `/api/VERSION`."""
        head = {'kind': 'APIResourceList', 'apiVersion': 'v1', 'groupVersion': f'{group}/{version}'}
        if not group:
            head = {'kind': 'APIResourceList', 'groupVersion': version}
        rows = [row for definition in self.resources(group, version) for row in _legacy(definition)]
        return {**head, 'resources': rows}

    # --- aggregated documents

    def aggregated(self, *, core: bool) -> Json:
        """`/api` (core) or `/apis` of apidiscovery.k8s.io/v2."""
        items = [self._aggregated(name) for name in self._groups if core is not bool(name)]
        return {'kind': 'APIGroupDiscoveryList', 'apiVersion': 'apidiscovery.k8s.io/v2', 'metadata': {}, 'items': items}

    def _aggregated(self, name: str) -> Json:
        versions = [
            {'version': version, 'resources': [_aggregated(each) for each in members], 'freshness': 'Current'}
            for version, members in self._groups[name].items()
        ]
        return {'metadata': {'name': name} if name else {}, 'versions': versions}


def _has_builtin(versions: Iterable[Sequence[Definition]]) -> bool:
    return any(each.origin is Origin.BUILT_IN for members in versions for each in members)


def _legacy(definition: Definition) -> Iterable[Json]:
    """A resource and its subresources, as rows of an APIResourceList."""
    row: Json = {
        'name': definition.resource.plural,
        'singularName': definition.singular,
        'namespaced': definition.namespaced,
        'kind': definition.kind,
        'verbs': list(definition.verbs),
    }
    optional = {
        'shortNames': list(definition.shortnames),
        'categories': list(definition.categories),
        'storageVersionHash': _storage_hash(definition),
    }
    row.update({key: value for key, value in optional.items() if value})
    yield row
    for each in definition.subresources.values():
        foreign = {'group': each.group, 'version': each.version}
        yield {
            'name': f'{definition.resource.plural}/{each.name}',
            'singularName': '',
            'namespaced': definition.namespaced,
            **{key: value for key, value in foreign.items() if value},
            'kind': each.kind,
            'verbs': list(each.verbs),
        }


def _storage_hash(definition: Definition) -> str:
    """The hash of the stored group, version and kind: it tells clients when an object is to be written anew."""
    if definition.origin is Origin.BUILT_IN:
        return storage_hashes().get(definition.resource, '')
    if definition.origin is Origin.LOOSE:
        return ''
    stored = f'{definition.resource.group}/{definition.storage_version}/{definition.kind}'
    return base64.b64encode(hashlib.sha256(stored.encode()).digest()[:8]).decode()


def _aggregated(definition: Definition) -> Json:
    row: Json = {
        'resource': definition.resource.plural,
        'responseKind': _response_kind(definition, '', '', definition.kind),
        'scope': 'Namespaced' if definition.namespaced else 'Cluster',
        'singularResource': definition.singular,
        'verbs': list(definition.verbs),
    }
    optional = {
        'shortNames': list(definition.shortnames),
        'categories': list(definition.categories),
        'subresources': [_aggregated_sub(definition, each) for each in definition.subresources.values()],
    }
    row.update({key: value for key, value in optional.items() if value})
    return row


def _aggregated_sub(definition: Definition, subresource: Subresource) -> Json:
    kind = _response_kind(definition, subresource.group, subresource.version, subresource.kind)
    return {'subresource': subresource.name, 'responseKind': kind, 'verbs': list(subresource.verbs)}


def _response_kind(definition: Definition, group: str, version: str, kind: str) -> Json:
    """Built-in kinds of the same group version have neither named, those of custom resources both."""
    if not version and definition.origin is not Origin.BUILT_IN:
        group, version = definition.resource.group, definition.resource.version
    return {'group': group, 'version': version, 'kind': kind}
