"""Object metadata: what is wrong with it on a write, and what the server keeps of the old. For objects of all kinds.

Names' grammars are in `names`; what is filled in by the clock or by chance (uid, times, versions) is the emulator's.
Source of the rules and texts: the Kubernetes API reference, `ObjectMeta`, and the answers of a real v1.36 API server.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, required, too_long
from kmock.kube.values import names

__all__ = [
    'dedup_owners',
    'embedded_causes',
    'finalizer_warnings',
    'keep_system_metadata',
    'validate_annotations',
    'validate_labels',
    'validate_metadata',
]

_ANNOTATIONS_SIZE = 256 * 1024
_STANDARD_FINALIZERS = frozenset({'kubernetes', 'orphan', 'foregroundDeletion'})
_GENERIC_GROUPS = frozenset({'apiextensions.k8s.io', 'apiregistration.k8s.io'})

_VALIDATED_AGAIN = frozenset(
    {
        'clusterrolebindings',
        'clusterroles',
        'configmaps',
        'persistentvolumeclaims',
        'persistentvolumes',
        'pods',
        'replicationcontrollers',
        'rolebindings',
        'roles',
        'secrets',
        'serviceaccounts',
        'services',
    }
)
"""Kinds whose update repeats the checks of their creation, so that what is wrong is told once more."""


def validate_metadata(obj: Json, old: Json | None, *, definition: Definition) -> list[Cause]:
    """What is wrong with the metadata of an object that is created (`old` is None), or that takes the place of `old`.

    The name must have been generated, the namespace filled in, and what the server keeps restored
    (`keep_system_metadata`). Updates tell most things twice, as the real server does: once for all kinds, once in the
    kind's own validation. The resourceVersion is not looked at: its absence and its staleness are the storage's matter.
    """
    metadata = _mapping(obj.get('metadata'))
    if old is None:
        return list(_created(metadata, definition))
    causes = list(_updated(metadata, _mapping(old.get('metadata'))))
    finalizers = list(_core_finalizers(metadata)) if _is_core(definition) else []
    causes += causes + finalizers
    if definition.resource.plural in _VALIDATED_AGAIN and definition.origin is Origin.BUILT_IN:
        causes += _created(metadata, definition)
    return causes


def keep_system_metadata(obj: Json, old: Json) -> None:
    """Restore in `obj`, which it changes, what an update can leave out or can't change: uid, creation and deletion.

    A creationTimestamp that differs is ignored; a uid or a deletionTimestamp that differs stays, and is invalid.
    """
    metadata, before = obj.setdefault('metadata', {}), old['metadata']
    if not metadata.get('uid') and 'uid' in before:
        metadata['uid'] = before['uid']
    if 'creationTimestamp' in before:
        metadata['creationTimestamp'] = before['creationTimestamp']
    if before.get('deletionTimestamp') is not None:
        metadata['deletionTimestamp'] = before['deletionTimestamp']
    if before.get('deletionGracePeriodSeconds') is not None and metadata.get('deletionGracePeriodSeconds') is None:
        metadata['deletionGracePeriodSeconds'] = before['deletionGracePeriodSeconds']
    metadata.pop('selfLink', None)


def dedup_owners(metadata: Json, *, mutated: bool = False) -> list[str]:
    """Remove from the metadata the owner references that are there twice, in all their parts; for the Warning headers.

    Args:
        mutated: whether it is done once more, after the mutating webhooks; patches are only looked at then.
    """
    owners = metadata.get('ownerReferences')
    if not isinstance(owners, list) or len(owners) < 2:
        return []
    kept: list[Any] = []
    uids: list[str] = []
    for each in owners:
        if isinstance(each, dict) and each in kept:
            uids.append(_text(each.get('uid')))
        else:
            kept.append(each)
    if not uids:
        return []
    metadata['ownerReferences'] = kept
    when = ' after mutating admission happens' if mutated else ''
    return [
        f'.metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, '
        'and may reject such requests as early as 1.24; please fix your requests; '
        f'duplicate UID(s) observed: {", ".join(uids)}'
    ]


def finalizer_warnings(obj: Json, old: Json | None) -> list[str]:
    """For the Warning headers of custom resources: finalizers that are new, and are of no domain."""
    found = _strings(_mapping(obj.get('metadata')).get('finalizers'))
    if not found:
        return []
    before = frozenset(_strings(_mapping((old or {}).get('metadata')).get('finalizers')))
    hint = 'prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts'
    return [
        f'metadata.finalizers: "{each}": {hint} with other finalizer writers'
        for each in found
        if each not in before and '/' not in each and each not in _STANDARD_FINALIZERS
    ]


# --- on create


def _created(metadata: Mapping[str, Any], definition: Definition) -> Iterator[Cause]:
    yield from _new(metadata, definition.strategy.name or names.path_segment, namespaced=definition.namespaced)
    if metadata.get('finalizers') and _is_core(definition):
        yield from _core_finalizers(metadata)


def embedded_causes(metadata: Any, field: str) -> list[Cause]:
    """What is wrong with the metadata of a resource within a custom resource; it needs no name."""
    found = {'name': 'fakename', **{key: each for key, each in _mapping(metadata).items() if each != ''}}
    causes = _new(found, names.path_segment, namespaced=bool(found.get('namespace')))
    return [
        Cause(reason=each.reason, message=each.message, field=f'{field}{(each.field or "").removeprefix("metadata")}')
        for each in causes
    ]


_NameCheck = Callable[[str, bool], Sequence[str]]


def _new(metadata: Mapping[str, Any], check: _NameCheck, *, namespaced: bool) -> Iterator[Cause]:
    yield from _names(metadata, check)
    namespace = metadata.get('namespace') or ''
    if not namespaced:
        if namespace:
            yield forbidden_field('metadata.namespace', 'not allowed on this type')
    elif not namespace:
        yield required('metadata.namespace')
    else:
        yield from _invalid('metadata.namespace', namespace, _namespace_problems(_text(namespace)))
    generation = metadata.get('generation')
    if isinstance(generation, int) and generation < 0:
        yield invalid_value('metadata.generation', generation, 'must be greater than or equal to 0')
    yield from _common(metadata)
    if metadata.get('finalizers'):
        yield from _finalizers(metadata)
    yield from _managed_fields(metadata)


@functools.lru_cache(maxsize=1024)
def _namespace_problems(namespace: str) -> tuple[str, ...]:
    return tuple(names.dns1123_label(namespace))


def _names(metadata: Mapping[str, Any], check: _NameCheck) -> Iterator[Cause]:
    prefix, name = metadata.get('generateName') or '', metadata.get('name') or ''
    if prefix:
        yield from _invalid('metadata.generateName', prefix, check(_text(prefix), True))
    if name:
        yield from _invalid('metadata.name', name, check(_text(name), False))
    else:
        yield required('metadata.name', 'name or generateName is required')


def _finalizers(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    finalizers = metadata['finalizers']
    found = _strings(finalizers)
    for each in found:
        yield from _invalid('metadata.finalizers', each, names.qualified_name(each))
    if 'orphan' in found and 'foregroundDeletion' in found:
        both = 'finalizer orphan and foregroundDeletion cannot be both set'
        yield invalid_value('metadata.finalizers', finalizers, both)


def _core_finalizers(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    """Built-in kinds but those of extensions take only qualified or standard finalizers."""
    for index, each in enumerate(_strings(metadata.get('finalizers'))):
        if '/' not in each and each not in _STANDARD_FINALIZERS:
            rule = 'name is neither a standard finalizer name nor is it fully qualified'
            yield invalid_value(f'metadata.finalizers[{index}]', each, rule)


def _is_core(definition: Definition) -> bool:
    return definition.origin is Origin.BUILT_IN and definition.resource.group not in _GENERIC_GROUPS


# --- on update

_IMMUTABLE = ('name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds')


def _updated(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[Cause]:
    if before.get('deletionTimestamp') is not None:
        extra = frozenset(_strings(metadata.get('finalizers'))).difference(_strings(before.get('finalizers')))
        if extra:
            listed = ', '.join(f'"{each}"' for each in sorted(extra))
            rule = 'no new finalizers can be added if the object is being deleted, found new finalizers'
            yield forbidden_field('metadata.finalizers', f'{rule} []string{{{listed}}}')
    generation = metadata.get('generation') or 0
    if isinstance(generation, int) and generation < (before.get('generation') or 0):
        yield invalid_value('metadata.generation', generation, 'must not be decremented')
    for field in _IMMUTABLE:
        if metadata.get(field) != before.get(field) and (metadata.get(field) or before.get(field)):
            yield invalid_value(f'metadata.{field}', metadata.get(field), 'field is immutable')
    yield from _common(metadata)
    yield from _managed_fields(metadata)


# --- on both


def _common(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    if metadata.get('labels'):
        yield from validate_labels(metadata['labels'], 'metadata.labels')
    if metadata.get('annotations'):
        yield from validate_annotations(metadata['annotations'], 'metadata.annotations')
    if metadata.get('ownerReferences'):
        yield from _owners(metadata['ownerReferences'], 'metadata.ownerReferences')


def validate_labels(labels: Any, field: str) -> Iterator[Cause]:
    """What is wrong with the keys and values of labels, by their keys; also for `matchLabels` and pod templates."""
    for key, value in sorted(_mapping(labels).items()):
        yield from _invalid(field, key, names.qualified_name(key))
        yield from _invalid(field, value, names.label_value(_text(value)))


def validate_annotations(annotations: Any, field: str) -> Iterator[Cause]:
    """What is wrong with the keys of annotations, and with their total size; also for pod templates."""
    size = 0
    for key, value in sorted(_mapping(annotations).items()):
        size += len(key.encode('utf-8', 'surrogatepass')) + len(_text(value).encode('utf-8', 'surrogatepass'))
        yield from _invalid(field, key, names.qualified_name(key.lower()))
    if size > _ANNOTATIONS_SIZE:
        yield too_long(field, _ANNOTATIONS_SIZE)


def _owners(owners: Any, field: str) -> Iterator[Cause]:
    controller = ''
    for each in owners if isinstance(owners, list) else ():
        owner = _mapping(each)
        yield from _owner(owner, field)
        if owner.get('controller') is True:
            name = f'{owner.get("kind", "")}/{owner.get("name", "")}'
            if controller:
                rule = 'Only one reference can have Controller set to true. Found "true" in references for'
                yield invalid_value(field, owners, f'{rule} {controller} and {name}')
            else:
                controller = name


def _owner(owner: Mapping[str, Any], field: str) -> Iterator[Cause]:
    api_version = _text(owner.get('apiVersion') or '')
    if not api_version.rpartition('/')[2] or api_version.count('/') > 1:
        yield invalid_value(f'{field}.apiVersion', api_version, 'version must not be empty')
    for key in ('kind', 'name', 'uid'):
        if not owner.get(key):
            yield invalid_value(f'{field}.{key}', '', 'must not be empty')
    if api_version == 'v1' and owner.get('kind') == 'Event':
        yield invalid_value(field, owner, '/v1, Kind=Event is disallowed from being an owner')


def _managed_fields(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    entries = metadata.get('managedFields')
    for index, each in enumerate(entries if isinstance(entries, list) else ()):
        entry, field = _mapping(each), f'metadata.managedFields[{index}]'
        if entry.get('operation') not in ('Apply', 'Update'):
            yield invalid_value(f'{field}.operation', entry.get('operation', ''), 'must be `Apply` or `Update`')
        if entry.get('fieldsType', 'FieldsV1') not in ('', 'FieldsV1'):
            yield invalid_value(f'{field}.fieldsType', entry['fieldsType'], 'must be `FieldsV1`')
        if len(_text(entry.get('manager', ''))) > 128:
            yield too_long(f'{field}.manager', 128)
        if len(_text(entry.get('subresource', ''))) > 256:
            yield too_long(f'{field}.subresource', 256)


def _invalid(field: str, value: Any, messages: Sequence[str]) -> list[Cause]:
    return [invalid_value(field, value, each) for each in messages]


# Values of wrong types do not get here from clients: decoding refuses them. They count as absent, never as a failure.


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ''
