"""What is wrong with a CustomResourceDefinition, but for its schemas: names, versions, columns, conversion, status.

The real server checks its internal form of the object: what is the same in all versions (the schema, subresources,
columns) stands once, at the top of the spec; so a definition with one version has its causes at `spec.validation`,
not at `spec.versions[0].schema`. `_Hoisted` is that form.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kmock.kube.admission.client_configs import client_causes
from kmock.kube.crds.establishing import approval, is_established, is_protected
from kmock.kube.crds.openapi import validate_schema
from kmock.kube.crds.reading import Node, flag, listed, mapping, text, versions_of
from kmock.kube.crds.selectable import validate_selectable
from kmock.kube.definitions import Json
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names as grammar

__all__ = ['validate_crd', 'validate_crd_status']

_COLUMN_TYPES = ('boolean', 'date', 'integer', 'number', 'string')
_COLUMN_FORMATS = ('byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password')
_REVIEW_VERSIONS = ('v1', 'v1beta1')
_SHARED = ('schema', 'subresources', 'additionalPrinterColumns', 'selectableFields')


def validate_crd(crd: Json, old: Json | None) -> list[Cause]:
    """The causes for which a definition, defaulted and prepared, can't be created (`old` is None) or replace `old`.

    Its metadata are validated as those of all objects are; here, only the name is compared with what it must be.
    """
    spec = mapping(crd.get('spec'))
    causes = list(_name(crd, spec)) if old is None else []
    causes += _spec(spec)
    if old is not None:
        causes += _immutable(spec, mapping(old.get('spec')), is_established(old))
    causes += validate_crd_status(crd)
    causes += _stored_versions(mapping(crd.get('status')).get('storedVersions'), versions_of(spec))
    causes += _approval(crd, old)
    if flag(spec, 'preserveUnknownFields') and not flag(mapping((old or {}).get('spec')), 'preserveUnknownFields'):
        rule = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'
        causes.append(invalid_value('spec.preserveUnknownFields', True, rule))
    return causes


def validate_crd_status(crd: Json) -> list[Cause]:
    """The causes for which the status can't be written."""
    return list(_names(mapping(mapping(crd.get('status')).get('acceptedNames')), 'status.acceptedNames'))


def _name(crd: Json, spec: Node) -> Iterator[Cause]:
    wanted = f'{text(mapping(spec.get("names")).get("plural"))}.{text(spec.get("group"))}'
    for key in ('generateName', 'name'):
        name = mapping(crd.get('metadata')).get(key)
        if name and name != wanted:
            yield invalid_value(f'metadata.{key}', name, 'must be spec.names.plural+"."+spec.group')


def _immutable(spec: Node, old: Node, established: bool) -> Iterator[Cause]:
    names, before = mapping(spec.get('names')), mapping(old.get('names'))
    if established and spec.get('scope') != old.get('scope'):
        yield invalid_value('spec.scope', spec.get('scope'), 'field is immutable')
    if established and names.get('kind') != before.get('kind'):
        yield invalid_value('spec.names.kind', names.get('kind'), 'field is immutable')
    if spec.get('group') != old.get('group'):
        yield invalid_value('spec.group', spec.get('group'), 'field is immutable')
    if names.get('plural') != before.get('plural'):
        yield invalid_value('spec.names.plural', names.get('plural'), 'field is immutable')


def _approval(crd: Json, old: Json | None) -> Iterator[Cause]:
    if not is_protected(text(mapping(crd.get('spec')).get('group'))):
        return
    annotations = mapping(mapping(crd.get('metadata')).get('annotations'))
    state, words = approval(annotations)
    if old is not None and approval(mapping(mapping(old.get('metadata')).get('annotations')))[0] == state:
        return
    field = 'metadata.annotations[api-approved.kubernetes.io]'
    if state == 'missing':
        yield required(field, words)
    elif state == 'invalid':
        yield invalid_value(field, annotations['api-approved.kubernetes.io'], words)


# --- spec


class _Hoisted:
    """The spec in the server's internal form."""

    def __init__(self, spec: Node) -> None:
        versions = versions_of(spec)
        self.shared: dict[str, Any] = {}
        for key in _SHARED if versions else ():
            first = versions[0].get(key)
            if first is not None and all(each.get(key) == first for each in versions):
                self.shared[key] = first
        self.versions = [{key: value for key, value in each.items() if key not in self.shared} for each in versions]
        self.version = text(versions[0].get('name')) if versions else ''

    def subresources(self, version: Node) -> Node:
        return mapping(version.get('subresources', self.shared.get('subresources')))


def _spec(spec: Node) -> Iterator[Cause]:
    yield from _group(text(spec.get('group')))
    yield from _one_of('spec.scope', text(spec.get('scope')), ('Cluster', 'Namespaced'))
    hoisted = _Hoisted(spec)
    for index, each in enumerate(versions_of(spec)):
        if mapping(each.get('schema')).get('openAPIV3Schema') is None:
            yield required(f'spec.versions[{index}].schema.openAPIV3Schema', 'schemas are required')
    for index, version in enumerate(hoisted.versions):
        yield from _version(version, f'spec.versions[{index}]', hoisted)
    yield from _versions_together(hoisted, [_dumped(each) for each in hoisted.versions] or spec.get('versions'))
    if hoisted.version:
        yield from _joined('spec.version', hoisted.version, grammar.dns1035_label(hoisted.version))
    names = mapping(spec.get('names'))
    for key in ('plural', 'singular', 'kind', 'listKind'):
        if not names.get(key):
            yield required(f'spec.names.{key}')
    yield from _names(names, 'spec.names')
    status = any('status' in hoisted.subresources(each) for each in hoisted.versions)
    yield from _served(hoisted.shared, 'spec', 'validation', status=status)
    yield from _conversion(mapping(spec.get('conversion')), 'spec.conversion')


def _group(group: str) -> Iterator[Cause]:
    if not group:
        yield required('spec.group')
    elif messages := grammar.dns1123_subdomain(group):
        yield invalid_value('spec.group', group, ','.join(messages))
    elif '.' not in group:
        yield invalid_value('spec.group', group, 'should be a domain with at least one dot')


def _versions_together(hoisted: _Hoisted, shown: Any) -> Iterator[Cause]:
    found = [text(each.get('name')) for each in hoisted.versions]
    if len(set(found)) < len(found):
        yield invalid_value('spec.versions', shown, 'must contain unique version names')
    if sum(flag(each, 'storage') for each in hoisted.versions) != 1:
        yield invalid_value('spec.versions', shown, 'must have exactly one version marked as storage version')


def _dumped(version: Node) -> Json:
    """A version as causes show it: the server's internal form has Go's names, and no omissions."""
    subresources = version.get('subresources')
    return {
        'Name': version.get('name'),
        'Served': flag(version, 'served'),
        'Storage': flag(version, 'storage'),
        'Deprecated': flag(version, 'deprecated'),
        'DeprecationWarning': version.get('deprecationWarning'),
        'Schema': version.get('schema'),
        'Subresources': subresources and {key.title(): mapping(subresources).get(key) for key in ('status', 'scale')},
        'AdditionalPrinterColumns': version.get('additionalPrinterColumns'),
        'SelectableFields': version.get('selectableFields'),
    }


def _version(version: Node, field: str, hoisted: _Hoisted) -> Iterator[Cause]:
    name = text(version.get('name'))
    yield from _joined(f'{field}.name', name, grammar.dns1035_label(name))
    warning = version.get('deprecationWarning')
    for message in _warning_faults(flag(version, 'deprecated'), warning):
        yield invalid_value(f'{field}.deprecationWarning', warning, message)
    yield from _served(version, field, 'schema', status='status' in hoisted.subresources(version))


def _warning_faults(deprecated: bool, warning: Any) -> list[str]:
    if not isinstance(warning, str):
        return []
    if not deprecated:
        return ['can only be set for deprecated versions']
    faults = []
    if len(warning.encode('utf-8', 'surrogatepass')) > 256:
        faults.append('must be <= 256 characters long')
    if not warning:
        faults.append('must not be an empty string')
    for index, each in enumerate(warning):
        if not each.isprintable():
            offset = len(warning[:index].encode('utf-8', 'surrogatepass'))
            faults.append(
                f'must only contain printable UTF-8 characters; non-printable character found at index {offset}'
            )
            break
    return faults


def _served(part: Node, field: str, schema_key: str, *, status: bool) -> Iterator[Cause]:
    """What a version, or all of them, say on the schema, the subresources and the columns."""
    schema = mapping(part.get('schema')).get('openAPIV3Schema')
    if isinstance(schema, dict):
        yield from validate_schema(schema, f'{field}.{schema_key}.openAPIV3Schema', status=status)
    yield from _scale(mapping(part.get('subresources')).get('scale'), f'{field}.subresources')
    for index, each in enumerate(listed(part.get('additionalPrinterColumns'))):
        yield from _column(mapping(each), f'{field}.additionalPrinterColumns[{index}]')
    selectable = listed(part.get('selectableFields'))
    if selectable and isinstance(schema, dict):
        yield from validate_selectable(selectable, schema, f'{field}.selectableFields')


def _scale(scale: Any, field: str) -> Iterator[Cause]:
    if not isinstance(scale, dict):
        return
    for key, root in (('specReplicasPath', 'spec'), ('statusReplicasPath', 'status')):
        path = text(scale.get(key))
        if not path:
            yield required(f'{field}.scale.{key}')
        else:
            yield from _path_under(path, f'{field}.scale.{key}', (root,), f'.{root}')
    path = text(scale.get('labelSelectorPath'))
    if path:
        yield from _path_under(path, f'{field}.scale.labelSelectorPath', ('spec', 'status'), 'either .spec or .status')


def _path_under(path: str, field: str, roots: Iterable[str], told: str) -> Iterator[Cause]:
    if not path.startswith('.'):
        yield invalid_value(field, path, 'must be a simple json path starting with .')
    elif not path.startswith(tuple(f'.{root}.' for root in roots)):
        yield invalid_value(field, path, f'should be a json path under {told}')


def _column(column: Node, field: str) -> Iterator[Cause]:
    types, formats = f'must be one of {",".join(_COLUMN_TYPES)}', f'must be one of {",".join(_COLUMN_FORMATS)}'
    kind, form, path = text(column.get('type')), text(column.get('format')), text(column.get('jsonPath'))
    if not column.get('name'):
        yield required(f'{field}.name')
    if not kind:
        yield required(f'{field}.type', types)
    elif kind not in _COLUMN_TYPES:
        yield invalid_value(f'{field}.type', kind, types)
    if form and form not in _COLUMN_FORMATS:
        yield invalid_value(f'{field}.format', form, formats)
    if not path:
        yield required(f'{field}.JSONPath')
    elif not path.startswith('.'):
        yield invalid_value(f'{field}.JSONPath', path, 'must be a simple json path starting with .')


# --- names


def _names(names: Node, field: str) -> Iterator[Cause]:
    for key in ('plural', 'singular'):
        name = text(names.get(key))
        if name:
            yield from _joined(f'{field}.{key}', name, grammar.dns1035_label(name))
    for key in ('kind', 'listKind'):
        name = text(names.get(key))
        messages = grammar.dns1035_label(name.lower())
        if name and messages:
            rule = f'may have mixed case, but should otherwise match: {",".join(messages)}'
            yield invalid_value(f'{field}.{key}', name, rule)
    yield from _short(names, 'shortNames', field)
    if names.get('kind') and names.get('kind') == names.get('listKind'):
        yield invalid_value(f'{field}.listKind', names['listKind'], 'kind and listKind may not be the same')
    yield from _short(names, 'categories', field)


def _short(names: Node, key: str, field: str) -> Iterator[Cause]:
    for index, each in enumerate(listed(names.get(key))):
        yield from _joined(f'{field}.{key}[{index}]', each, grammar.dns1035_label(text(each)))


def _joined(field: str, value: Any, messages: Sequence[str]) -> list[Cause]:
    return [invalid_value(field, value, ','.join(messages))] if messages else []


def _one_of(field: str, value: str, accepted: Sequence[str]) -> list[Cause]:
    if not value:
        return [required(field)]
    return [] if value in accepted else [not_supported(field, value, accepted)]


# --- conversion


def _conversion(conversion: Node, field: str) -> Iterator[Cause]:
    strategy = text(conversion.get('strategy'))
    yield from _one_of(f'{field}.strategy', strategy, ('None', 'Webhook'))
    webhook = mapping(conversion.get('webhook'))
    client, reviews = webhook.get('clientConfig'), listed(webhook.get('conversionReviewVersions'))
    where = f'{field}.webhookClientConfig'
    if strategy != 'Webhook':
        rule = 'should not be set when strategy is not set to Webhook'
        if isinstance(client, dict):
            yield forbidden_field(where, rule)
        if reviews:
            yield forbidden_field(f'{field}.conversionReviewVersions', rule)
        return
    if isinstance(client, dict):
        yield from client_causes(where, client)
    else:
        yield required(where, 'required when strategy is set to Webhook')
    yield from _review_versions(reviews, f'{field}.conversionReviewVersions')


def _review_versions(versions: Sequence[Any], field: str) -> Iterator[Cause]:
    if not versions:
        yield required(field)
        return
    for index, each in enumerate(versions):
        if each in versions[:index]:
            yield invalid_value(f'{field}[{index}]', each, 'duplicate version')
        else:
            for message in grammar.dns1035_label(text(each)):
                yield invalid_value(f'{field}[{index}]', each, message)
    if not any(each in versions for each in _REVIEW_VERSIONS):
        yield invalid_value(field, versions, f'must include at least one of {", ".join(_REVIEW_VERSIONS)}')


# --- status


def _stored_versions(stored: Any, versions: Sequence[Node]) -> Iterator[Cause]:
    field = 'status.storedVersions'
    if not stored:
        yield invalid_value(field, stored, 'must have at least one stored version')
        return
    known = {text(each.get('name')) for each in versions}
    for each in versions:
        if flag(each, 'storage') and each.get('name') not in listed(stored):
            yield invalid_value(field, stored, f'must have the storage version {text(each.get("name"))}')
    for index, name in enumerate(listed(stored)):
        if text(name) not in known:
            rule = (
                f'missing from spec.versions; {name} was previously a storage version, and must remain in '
                f'spec.versions until a storage migration ensures no data remains persisted in {name} and removes '
                f'{name} from status.storedVersions'
            )
            yield invalid_value(f'{field}[{index}]', name, rule)
