"""Server-side apply: merging an applied configuration into an object, by the fields that its managers own.

What was applied before by the same manager, and is not any more, is removed unless somebody else owns it.
Source: the Kubernetes documentation, "Server-Side Apply"; observed on a real v1.36 API server.
"""

import json
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.patching.managed import change, ignored_fields, reconciled, settle, strip, update_before_apply
from kmock.kube.patching.managed_entries import Entry, Key, Managed, encode_entries, owned
from kmock.kube.patching.structured.checks import check, show_errors
from kmock.kube.patching.structured.fields import Fields, difference, intersection, paths, show_path, union, without
from kmock.kube.patching.structured.merging import merge, remove
from kmock.kube.patching.structured.types import DEDUCED, Type, type_of, zero_of
from kmock.kube.patching.structured.values import compare, fields_of, named_members, same
from kmock.kube.statuses import StatusError, bad_request, generic, go_quote

__all__ = ['apply']

_LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'


class _ConflictsError(Exception):
    """Others own some of the fields."""

    def __init__(self, found: list[tuple[Key, str, tuple[str, ...]]]) -> None:
        super().__init__(found)
        self.found = found


def apply(
    live: Json | None,
    applied: Json,
    *,
    definition: Definition,
    manager: str,
    force: bool,
    subresource: str = '',
    now: str,
) -> Json:
    """Merge what is applied into the live object, or into nothing.

    Args:
        live: the stored object; None to create it. Neither it nor `applied` is changed, nor shared with the result.
        now: the time of the write as on the wire.

    Returns:
        The merged object with its `managedFields`; equal to `live` if nothing changed. Defaults are still to be set.

    Raises:
        StatusError: 400 for another type of object or given managedFields, 409 if others own the fields (unless
            forced), 500 if the applied object doesn't fit its schema.
    """
    try:
        _check_applied(applied, definition)
        merged, managed = _apply(live, applied, definition, (manager or 'unknown', subresource, now), force=force)
        made: Json = _copied(merged)
    except RecursionError:
        raise bad_request('the object is nested too deeply') from None
    made['metadata'].pop('managedFields', None)
    if managed:
        made['metadata']['managedFields'] = encode_entries(managed)
    return made


def _apply(
    live: Json | None, applied: Json, definition: Definition, who: tuple[str, str, str], *, force: bool
) -> tuple[Json, Managed]:
    manager, subresource, now = who
    managed = reconciled(owned(live), definition)
    if live is not None and not managed:
        managed = update_before_apply(live, definition=definition, now=now)
    bare = _without_managed(live) if live is not None else None
    work = _Work(definition, bare, applied, manager, subresource, now)
    try:
        merged, managed = work.run(managed, force=force)
    except _ConflictsError as error:
        left = error
        if manager == 'kubectl' and bare is not None:
            left = _not_client_side(error, bare, definition)
        if left.found:
            raise _conflict(left) from None
        merged, managed = work.run(managed, force=True)
    return _with_last_applied(merged, applied) if manager == 'kubectl' else merged, managed


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(below) for key, below in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _check_applied(applied: Json, definition: Definition) -> None:
    version, kind = applied.get('apiVersion', ''), applied.get('kind', '')
    if version != definition.api_version or kind != definition.kind:
        raise bad_request(f'invalid object type: {_show_kind(version, kind)}')
    metadata = applied.get('metadata')
    if isinstance(metadata, dict) and metadata.get('managedFields') is not None:
        raise bad_request('metadata.managedFields must be nil')
    errors = check(applied, type_of(definition))
    if errors or not isinstance(metadata, dict):
        place = metadata if isinstance(metadata, dict) else {}
        named = f'{place.get("namespace") or ""}/{place.get("name") or ""}'
        text = show_errors(errors or ['.metadata: expected map, got &{<nil>}'])
        raise generic(500, f'failed to create typed patch object ({named}; {_show_kind(version, kind)}): {text}')


def _show_kind(version: Any, kind: Any) -> str:
    """A group, version and kind as Go prints them: `apps/v1, Kind=Deployment`, `/v1, Kind=ConfigMap`."""
    return f'{version if "/" in str(version) else f"/{version}"}, Kind={kind}'


def _without_managed(obj: Json) -> Json:
    return {**obj, 'metadata': {key: value for key, value in obj['metadata'].items() if key != 'managedFields'}}


class _Work:
    """One application; it may run twice, the second time with force."""

    def __init__(
        self, definition: Definition, live: Json | None, applied: Json, manager: str, subresource: str, now: str
    ) -> None:
        self.definition, self.live, self.applied, self.now = definition, live, applied, now
        self.kind = type_of(definition)
        self.ignored = ignored_fields(definition, subresource)
        fields = without(fields_of(applied, self.kind), self.ignored)
        self.mine = Entry(manager, 'Apply', definition.api_version, subresource, None, fields)

    def run(self, managed: Managed, *, force: bool) -> tuple[Json, Managed]:
        key, previous = self.mine.key, managed.get(self.mine.key)
        managed = {**managed, key: self.mine}
        merged = merge(self.live or {}, self.applied, self.kind)
        if previous is not None and previous.fields:
            merged = _prune(merged, previous.fields, managed, self.kind)
        before = zero_of(self.definition) if self.live is None else self.live
        managed, conflicts = settle(managed, key, change(before, merged, self.definition, self.ignored))
        if conflicts and not force:
            raise _ConflictsError(_listed(conflicts))
        changed = self.live is None or not same(self.live, merged)
        time = self.now if changed else previous.time if previous is not None else None
        fields = strip(self.mine.fields)
        managed.pop(key, None)
        if fields:
            entry = self.mine
            managed[key] = Entry(entry.manager, 'Apply', entry.api_version, entry.subresource, time, fields)
        if not changed and self.live is not None:
            return self.live, managed
        typed = self.definition.origin is Origin.BUILT_IN
        return _without_nulls(merged, self.kind) if typed else merged, managed


def _prune(merged: Json, last: Fields, managed: Managed, kind: Type) -> Json:
    """Remove what the manager has applied before, unless it or anybody else owns it now, or nobody did.

    A struct goes with the last of its fields, so those that lead to owned fields count as owned.
    """
    last = named_members(last, kind)
    everyone: Fields = {}
    for entry in managed.values():
        everyone = union(everyone, entry.fields)
    everything = named_members(fields_of(merged, kind), kind)
    kept = named_members(fields_of(remove(merged, last, kind), kind), kind)
    gone = difference(everything, union(kept, named_members(everyone, kind)))
    pruned = named_members(fields_of(remove(merged, gone, kind), kind), kind)
    found: Json = remove(merged, intersection(difference(everything, pruned), last), kind)
    return found


def _without_nulls(value: Any, kind: Type | None) -> Any:
    """A value without null fields, as typed objects of built-in kinds leave them out; free content stays as it is."""
    if kind is None or kind is DEDUCED:
        return value
    if isinstance(value, dict):
        return {key: _without_nulls(below, kind.field(key)) for key, below in value.items() if below is not None}
    if isinstance(value, list):
        return [_without_nulls(each, kind.item) for each in value]
    return value


# --- conflicts


def _listed(conflicts: dict[Key, Fields]) -> list[tuple[Key, str, tuple[str, ...]]]:
    return [(key, _show_manager(key), path) for key in sorted(conflicts) for path in paths(conflicts[key])]


def _show_manager(key: Key) -> str:
    manager, operation, version, subresource = key
    shown = go_quote(manager)
    if subresource:
        shown += f' with subresource {go_quote(subresource)}'
    return f'{shown} using {version}' if operation == 'Update' else shown


def _conflict(error: _ConflictsError) -> StatusError:
    causes = [
        {'reason': 'FieldManagerConflict', 'message': f'conflict with {shown}', 'field': show_path(path)}
        for _, shown, path in error.found
    ]
    if len(causes) == 1:
        text = f'1 conflict: {causes[0]["message"]}: {causes[0]["field"]}'
    else:
        lines: dict[str, list[str]] = {}
        for _, shown, path in error.found:
            lines.setdefault(f'conflicts with {shown}:', []).append(f'- {show_path(path)}')
        listed = '\n'.join(line for head, below in lines.items() for line in (head, *below))
        text = f'{len(causes)} conflicts: {listed}'
    return StatusError(409, 'Conflict', f'Apply failed with {text}', {'causes': causes})


# --- kubectl's way from client-side apply


def _not_client_side(error: _ConflictsError, live: Json, definition: Definition) -> _ConflictsError:
    """The conflicts that are not settled by the annotation of client-side apply.

    Fields that kubectl has applied so, and that still have those values, are its own.
    """
    kind = type_of(definition)
    last = _last_applied(live)
    if last is None or last.get('apiVersion') != definition.api_version or check(last, kind):
        return error
    changes = compare(last, live, kind)
    mine = fields_of(last, kind)
    for changed in (changes.modified, changes.added, changes.removed):
        mine = difference(mine, changed)
    return _ConflictsError([each for each in error.found if not _holds(mine, each[2])])


def _last_applied(live: Json) -> Json | None:
    text = (live['metadata'].get('annotations') or {}).get(_LAST_APPLIED)
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _holds(fields: Fields, path: tuple[str, ...]) -> bool:
    for element in path:
        if element not in fields:
            return False
        fields = fields[element]
    return not fields or '.' in fields


def _with_last_applied(merged: Json, applied: Json) -> Json:
    """The object with its annotation of client-side apply brought up to date, if it has one."""
    annotations = merged['metadata'].get('annotations') or {}
    if _LAST_APPLIED not in annotations:
        return merged
    metadata = dict(applied['metadata'])
    own = {key: value for key, value in (metadata.pop('annotations', None) or {}).items() if key != _LAST_APPLIED}
    if own:
        metadata['annotations'] = own
    text = json.dumps({**applied, 'metadata': metadata}, separators=(',', ':'), sort_keys=True, ensure_ascii=False)
    annotations = {**annotations, _LAST_APPLIED: f'{text}\n'}
    return {**merged, 'metadata': {**merged['metadata'], 'annotations': annotations}}
