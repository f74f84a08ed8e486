"""Managed fields: which manager owns which fields of an object, and how updates take fields over.

Applying, where ownership also decides what is merged, is in `apply`; the entries on the wire are in `managed_entries`,
the sets of fields in `structured`.
Source: the Kubernetes documentation, "Server-Side Apply"; observed on a real v1.36 API server.
"""

import functools
from collections.abc import Iterable
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.patching.managed_entries import Entry, Key, Managed, encode_entries, owned, read_entries
from kmock.kube.patching.structured.fields import Fields, difference, intersection, union, without
from kmock.kube.patching.structured.types import type_of, zero_of
from kmock.kube.patching.structured.values import Changes, compare, reconcile, same
from kmock.kube.schema import Schema

__all__ = [
    'change',
    'ignored_fields',
    'keep_times',
    'manager_of',
    'reconciled',
    'settle',
    'strip',
    'track_update',
    'update_before_apply',
]

_MAX_MANAGER_BYTES = 128
_MAX_UPDATE_MANAGERS = 10
_KNOWN_SHAPES = 256
_ANCIENT = 'ancient-changes'

# The server sets these itself, so nobody owns them.
_UNOWNED: Fields = {
    'f:apiVersion': {},
    'f:kind': {},
    'f:metadata': {
        '.': {},
        'f:creationTimestamp': {},
        'f:generation': {},
        'f:managedFields': {},
        'f:name': {},
        'f:namespace': {},
        'f:resourceVersion': {},
        'f:selfLink': {},
        'f:uid': {},
    },
}


@functools.lru_cache(maxsize=1024)
def manager_of(user_agent: str) -> str:
    """The manager of a request that names none: what the User-Agent says before its first slash."""
    name = ''.join(each for each in user_agent.partition('/')[0] if each.isprintable())
    return name.encode()[:_MAX_MANAGER_BYTES].decode(errors='ignore')


def keep_times(new: Json, old: Json) -> None:
    """Give `new` the managed fields of `old` if they and all else are the same but for the times, so nothing changed.

    To be called after admission, before the strategy prepares an update. Changes `new`.
    """
    given, before = new['metadata'].get('managedFields'), old['metadata'].get('managedFields')
    if not given or not before or given == before or len(given) != len(before):
        return
    if _timeless(given) != _timeless(before):
        return
    restored = {**new, 'metadata': {**new['metadata'], 'managedFields': before}}
    if same(restored, old):
        new['metadata']['managedFields'] = before


def _timeless(entries: Iterable[Json]) -> list[Json]:
    return [{key: value for key, value in each.items() if key != 'time'} for each in entries]


# --- ownership


def ignored_fields(definition: Definition, subresource: str) -> Fields:
    """The fields that the strategy resets when this subresource is written; who writes there does not own them."""
    if subresource == 'status':
        if definition.origin is not Origin.BUILT_IN:
            return {'f:apiVersion': {}, 'f:kind': {}, 'f:metadata': {}, 'f:spec': {}}
        return {'f:spec': {}, **_STATUS_RESETS.get(definition.resource.plural, {})}
    return {'f:status': {}} if definition.has_status and subresource != 'scale' else {}


_STATUS_RESETS: dict[str, Fields] = {
    'pods': {'f:metadata': {'f:deletionTimestamp': {}, 'f:ownerReferences': {}}},
    'deployments': {'f:metadata': {'f:labels': {}}},
    'customresourcedefinitions': {'f:metadata': {}},
    'apiservices': {'f:metadata': {}},
    'flowschemas': {'f:metadata': {}},
    'prioritylevelconfigurations': {'f:metadata': {}},
}


def change(old: Json, new: Json, definition: Definition, ignored: Fields) -> Changes:
    """What a write changed, apart from the fields that it can't change."""
    found = compare(old, new, type_of(definition))
    if ignored:
        found = Changes(
            added=without(found.added, ignored),
            removed=without(found.removed, ignored),
            modified=without(found.modified, ignored),
        )
    return found


def reconciled(managed: Managed, definition: Definition) -> Managed:
    """The managers of an object whose definition may have changed since it was written."""
    if definition.origin is not Origin.CUSTOM:
        return managed
    kind = type_of(definition)
    found = {}
    for key, entry in managed.items():
        fields = reconcile(entry.fields, kind)
        found[key] = entry if fields is entry.fields else entry.owning(fields)
    return found


def settle(managed: Managed, mine: Key | None, changes: Changes) -> tuple[Managed, dict[Key, Fields]]:
    """Take changed and removed fields away from the others.

    Returns what is left, without the managers who own nothing, and the fields that each of the others has lost because
    their values changed: its conflicts.
    """
    touched = union(changes.modified, changes.added)
    left: Managed = {}
    conflicts: dict[Key, Fields] = {}
    for key, entry in managed.items():
        fields = entry.fields
        if key != mine:
            lost = intersection(fields, touched)
            if lost:
                conflicts[key] = lost
                fields = difference(fields, lost)
            if changes.removed:
                fields = difference(fields, changes.removed)
        if fields:
            left[key] = entry if fields is entry.fields else entry.owning(fields)
    return left, conflicts


def strip(fields: Fields) -> Fields:
    """The fields that a manager may own at all."""
    return difference(fields, _UNOWNED)


def _update(managed: Managed, changes: Changes, manager: str, version: str, subresource: str, now: str) -> Managed:
    """The managers after an update by one of them: it owns what it changed, besides what it owned before."""
    managed, _ = settle(managed, None, changes)
    taken = strip(union(changes.modified, changes.added))
    if taken:
        # The real server loses the times of what is changed by way of a Scale.
        time = None if subresource == 'scale' else now
        entry = Entry(manager or 'unknown', 'Update', version, subresource, time, taken)
        before = managed.get(entry.key)
        managed[entry.key] = entry if before is None else entry.owning(union(taken, before.fields))
    return _capped(managed)


def _capped(managed: Managed) -> Managed:
    """No more than ten updaters: the oldest ones of a version are merged into one."""
    updaters = [entry for entry in managed.values() if entry.operation == 'Update']
    excess = len(updaters) - _MAX_UPDATE_MANAGERS
    if excess <= 0:
        return managed
    managed = dict(managed)
    firsts: dict[str, Entry] = {}
    for entry in sorted(updaters, key=lambda each: (each.time or '', each.manager, each.api_version, each.subresource)):
        if excess <= 0:
            break
        first = firsts.setdefault(entry.api_version, entry)
        if first is entry:
            continue
        key: Key = (_ANCIENT, 'Update', entry.api_version, '')
        # The bucket itself may come by only after the first entry that goes into it.
        merged = managed.pop(first.key) if key not in managed or entry.key == key else managed[key]
        fields = union(entry.fields, merged.fields)
        del managed[entry.key]
        managed[key] = firsts[entry.api_version] = Entry(_ANCIENT, 'Update', entry.api_version, '', entry.time, fields)
        excess -= 1
    return managed


# --- updates


def track_update(
    new: Json,
    old: Json | None,
    *,
    definition: Definition,
    manager: str,
    subresource: str = '',
    now: str,
) -> None:
    """Set `metadata.managedFields` of an object that is created, replaced or patched (by anything but apply).

    Args:
        new: the object after decoding, defaults and the patch, before admission. It is changed.
        old: the stored object; None on creation.
        manager: see `manager_of`; an empty one is `unknown`.
        now: the time of the write as on the wire.

    An object that has no managed fields is not tracked when it is updated; `managedFields: [{}]` asks for that.
    Malformed managed fields of the client are disregarded; what is wrong with them is told by validation.
    """
    metadata = new.get('metadata')
    if not isinstance(metadata, dict):
        return
    given = metadata.pop('managedFields', None)
    if given == [{}] and not subresource:
        managed: Managed = {}
    else:
        managed = _given_or_owned(None if subresource else given, old)
    created = _fields_of_new(new, definition) if old is None and not managed and not subresource else None
    if created is not None:
        entry = Entry(manager or 'unknown', 'Update', definition.api_version, subresource, now, created)
        managed = {entry.key: entry} if created else {}
    elif managed or old is None:
        before = zero_of(definition) if old is None else old
        try:
            changes = change(before, new, definition, ignored_fields(definition, subresource))
            managed = reconciled(managed, definition) if managed else managed
            managed = _update(managed, changes, manager, definition.api_version, subresource, now)
        except RecursionError:
            # As the real server, which answers the request even if it can't tell what has changed.
            managed = owned(old)
    if managed:
        metadata['managedFields'] = encode_entries(managed)


def _fields_of_new(new: Json, definition: Definition) -> Fields | None:
    """What the creator of a custom resource owns, as it was told for another one with the same keys; None if untold.

    Lists whose items are told apart have fields by their values: such objects are not remembered.
    """
    schema = definition.schema
    if definition.origin is not Origin.CUSTOM or schema is None:
        return None
    if schema.mentions('x-kubernetes-list-type') or schema.mentions('x-kubernetes-embedded-resource'):
        return None
    if any(value.__class__ is list for value in new['metadata'].values()):
        return None
    known = _known_shapes(schema, definition.has_status)
    try:
        shape = _shape(new)
        found = known.get(shape)
        if found is None:
            changes = change(zero_of(definition), new, definition, ignored_fields(definition, ''))
            if len(known) >= _KNOWN_SHAPES:
                known.clear()
            found = known[shape] = strip(union(changes.modified, changes.added))
    except RecursionError:
        return None
    return found


def _shape(value: Json) -> tuple[Any, ...]:
    return tuple([(key, _shape(item)) if item.__class__ is dict else key for key, item in value.items()])


@functools.lru_cache(maxsize=512)
def _known_shapes(schema: Schema, has_status: bool) -> dict[tuple[Any, ...], Fields]:
    return {}


def _given_or_owned(given: Any, old: Json | None) -> Managed:
    """The entries that a client has sent, if there are any and they are well-formed; else those of the old object."""
    if given and (old is None or given != old['metadata'].get('managedFields')):
        try:
            managed = read_entries(given)
        except (ValueError, RecursionError):
            managed = {}
        if managed:
            return managed
    return owned(old)


def update_before_apply(live: Json, *, definition: Definition, now: str) -> Managed:
    """The managers of an object that was not tracked when it is first applied to: a made-up one owns all of it."""
    changes = change(zero_of(definition), live, definition, ignored_fields(definition, ''))
    return _update({}, changes, 'before-first-apply', definition.api_version, '', now)
