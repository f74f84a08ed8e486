"""What the server fills in and resets when a CustomResourceDefinition is written."""

from typing import Any

from kmock.kube.crds.reading import flag, listed, mapping, text, versions_of
from kmock.kube.definitions import Json

__all__ = ['default_crd', 'prepare_crd', 'prepare_crd_status']

_LITERAL = frozenset({'default', 'enum', 'example', 'x-kubernetes-validations', 'externalDocs', 'required'})
"""Words of a schema under which there are values, not schemas."""
_POINTERS = frozenset({'default', 'x-kubernetes-preserve-unknown-fields', 'additionalProperties', 'additionalItems'})
"""Words of a schema that are kept even when they are false or empty."""
_NAMED = ('properties', 'patternProperties', 'definitions')
_BRANCHES = ('allOf', 'anyOf', 'oneOf')


def default_crd(crd: Json) -> None:
    """Fill in the defaults of the version v1, in place; as the typed server does, with the empty required fields."""
    spec = crd.setdefault('spec', {})
    if not isinstance(spec, dict):
        return
    spec.setdefault('group', '')
    spec.setdefault('scope', '')
    if spec.get('preserveUnknownFields') is False:
        del spec['preserveUnknownFields']
    names = spec.setdefault('names', {})
    if isinstance(names, dict):
        _default_names(names)
    for version in listed(spec.get('versions')):
        if isinstance(version, dict):
            _default_version(version)
    if spec.get('conversion') is None:
        spec['conversion'] = {'strategy': 'None'}
    client = mapping(mapping(mapping(spec['conversion']).get('webhook')).get('clientConfig'))
    service = client.get('service')
    if isinstance(service, dict) and service.get('port') is None:
        service['port'] = 443


def _default_names(names: Json) -> None:
    names.setdefault('plural', '')
    kind = text(names.setdefault('kind', ''))
    if not names.get('singular') and kind:
        names['singular'] = kind.lower()
    if not names.get('listKind') and kind:
        names['listKind'] = f'{kind}List'
    for key in ('shortNames', 'categories'):
        if names.get(key) == []:
            del names[key]


def _default_version(version: Json) -> None:
    version.setdefault('name', '')
    version.setdefault('served', False)
    version.setdefault('storage', False)
    if version.get('deprecated') is False:
        del version['deprecated']
    for key in ('additionalPrinterColumns', 'selectableFields'):
        if version.get(key) == []:
            del version[key]
    schema = mapping(version.get('schema')).get('openAPIV3Schema')
    if isinstance(schema, dict):
        _tidy(schema)


def _tidy(schema: Json) -> None:
    """Drop what says nothing: `nullable: false`, an empty description. A typed server does not write them again."""
    for key in [key for key, value in schema.items() if _says_nothing(key, value)]:
        del schema[key]
    for key in _NAMED:
        for each in mapping(schema.get(key)).values():
            if isinstance(each, dict):
                _tidy(each)
    for key in ('items', 'not', 'additionalProperties'):
        if isinstance(schema.get(key), dict):
            _tidy(schema[key])
    for key in _BRANCHES:
        for each in listed(schema.get(key)):
            if isinstance(each, dict):
                _tidy(each)


def _says_nothing(key: str, value: Any) -> bool:
    if key in _POINTERS:
        return value is None
    return value is None or value is False or value in ('', []) or (value == {} and key in _NAMED)


def prepare_crd(crd: Json, old: Json | None) -> None:
    """Set the status and the generation that a write of the main resource leaves, in place."""
    metadata = crd.setdefault('metadata', {})
    if old is None:
        metadata['generation'] = 1
        crd['status'] = {'conditions': None, 'acceptedNames': {'plural': '', 'kind': ''}, 'storedVersions': None}
    else:
        generation = mapping(old.get('metadata')).get('generation', 1)
        metadata['generation'] = generation + 1 if crd.get('spec') != old.get('spec') else generation
        crd['status'] = dict(mapping(old.get('status')))
    stored = listed(crd['status'].get('storedVersions'))
    storage = next(
        (text(each.get('name')) for each in versions_of(mapping(crd.get('spec'))) if flag(each, 'storage')), ''
    )
    if storage and storage not in stored:
        crd['status']['storedVersions'] = [*stored, storage]


def prepare_crd_status(crd: Json, old: Json) -> None:
    """A write of the status leaves all else as it was, in place."""
    crd['spec'] = old.get('spec')
    kept = mapping(old.get('metadata'))
    metadata = crd.setdefault('metadata', {})
    for key in ('labels', 'annotations', 'finalizers', 'ownerReferences', 'generation', 'deletionTimestamp'):
        metadata.pop(key, None)
        if key in kept:
            metadata[key] = kept[key]
