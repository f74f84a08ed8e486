"""The bundled resources of Kubernetes v1.36: their definitions, OpenAPI documents, and schemas. Read-only, shared.

The data in `data/` is that of a real API server (see tools/bundle). Definitions and schemas are made once a process
and shared by all registries: both are immutable, and schemas remember what was looked up in them.
"""

import functools
import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kmock.kube.conversions import CONVERSIONS
from kmock.kube.definitions import Definition, Json, Origin, Strategy, Subresource
from kmock.kube.resources.registry import Registry
from kmock.kube.schema import Schema
from kmock.naming import Resource

__all__ = [
    'bundled_definitions',
    'bundled_document',
    'bundled_hashes',
    'bundled_openapi_v2',
    'bundled_schema',
    'load_bundled',
    'storage_hashes',
]

_DATA = Path(__file__).parent.parent / 'data'

# The documents of /openapi/v3 which have kinds of a group version that no resource of that version serves.
_SUBRESOURCE_KINDS = {
    ('policy/v1', 'Eviction'): 'v1',
    ('autoscaling/v1', 'Scale'): 'v1',
    ('authentication.k8s.io/v1', 'TokenRequest'): 'v1',
}


def load_bundled(registry: Registry) -> None:
    """Serve all built-in resources; schemas and strategies are loaded when they are first asked for."""
    for definition in bundled_definitions():
        registry.add(definition)


@functools.cache
def bundled_definitions() -> tuple[Definition, ...]:
    """All built-in resources, in the order of discovery."""
    return tuple(_definition(group, version, row) for group, version, rows in _resources() for row in rows)


@functools.cache
def storage_hashes() -> Mapping[Resource, str]:
    """`storageVersionHash` as discovery tells it, of those resources that are stored."""
    return {Resource(group, version, row[0]): row[7] for group, version, rows in _resources() for row in rows if row[7]}


def bundled_schema(api_version: str, kind: str) -> Schema | None:
    """The schema of a built-in kind, be it that of a subresource (`Scale`, `Eviction`); None if there is no such."""
    found = _schema(api_version, kind)
    other = _SUBRESOURCE_KINDS.get((api_version, kind))
    return _kinds(other).get((api_version, kind)) if found is None and other else found


def bundled_document(key: str) -> bytes | None:
    """A document of OpenAPI v3 as JSON, by its key in the index: `api/v1`, `apis/apps/v1`, `version`."""
    if key not in bundled_hashes():
        return None
    return gzip.decompress((_DATA / 'openapi-v3' / f'{key.lstrip(".").replace("/", "_")}.json.gz').read_bytes())


@functools.cache
def bundled_hashes() -> Mapping[str, str]:
    """The keys of the documents of OpenAPI v3 with the SHA-512 of each, in upper-case hexadecimal digits."""
    found: dict[str, str] = json.loads(gzip.decompress((_DATA / 'openapi-v3' / 'index.json.gz').read_bytes()))
    return found


def bundled_openapi_v2() -> bytes:
    """The document of OpenAPI v2 as JSON."""
    return gzip.decompress((_DATA / 'openapi-v2.json.gz').read_bytes())


# --- definitions


@functools.cache
def _resources() -> list[Any]:
    """[group, version, rows]; a row has plural, kind, namespaced, verbs, singular, shortnames, categories,
    storage hash, and subresources as [name, verbs, kind, group, version]."""
    found: list[Any] = json.loads(gzip.decompress((_DATA / 'resources.json.gz').read_bytes()))
    return found


_DEPRECATED = {
    ('v1', 'Endpoints'): 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    ('v1', 'ComponentStatus'): 'v1 ComponentStatus is deprecated in v1.19+',
}
"""The texts of the Warning headers that come with each answer about a kind."""


def _definition(group: str, version: str, row: list[Any]) -> Definition:
    plural, kind, namespaced, verbs, singular, shortnames, categories, _, subresources = row
    resource = Resource(group, version, plural)
    conversion = CONVERSIONS.get(resource)
    api_version = f'{group}/{version}' if group else version
    return Definition(
        resource=resource,
        kind=kind,
        list_kind=f'{kind}List',
        singular=singular,
        namespaced=namespaced,
        verbs=tuple(verbs),
        shortnames=tuple(shortnames),
        categories=tuple(categories),
        subresources={each[0]: _subresource(*each) for each in subresources},
        origin=Origin.BUILT_IN,
        storage_version=version if conversion is None else conversion.storage_version,
        conversion=conversion,
        deprecation=_DEPRECATED.get((api_version, kind)),
        load_schema=functools.partial(_schema, api_version, kind),
        load_strategy=_strategy_of(resource),
    )


def _subresource(name: str, verbs: list[str], kind: str, group: str, version: str) -> Subresource:
    return Subresource(name=name, kind=kind, verbs=tuple(verbs), group=group, version=version)


def _strategy_of(resource: Resource) -> Callable[[], Strategy]:
    def load() -> Strategy:
        # The kinds are many modules, of which a test uses a few.
        from kmock.kube.kinds import strategy

        return strategy(resource)

    return load


# --- schemas


def _schema(api_version: str, kind: str) -> Schema | None:
    return _kinds(api_version).get((api_version, kind))


@functools.cache
def _kinds(api_version: str) -> Mapping[tuple[str, str], Schema]:
    """The schemas in the document of a group version by the apiVersion and kind of their objects."""
    document = bundled_document(f'apis/{api_version}' if '/' in api_version else f'api/{api_version}')
    if document is None:
        return {}
    components: Mapping[str, Json] = json.loads(document)['components']['schemas']
    return {
        (f'{each["group"]}/{each["version"]}' if each['group'] else each['version'], each['kind']): Schema(
            node, components
        )
        for node in components.values()
        for each in node.get('x-kubernetes-group-version-kind', ())
    }
