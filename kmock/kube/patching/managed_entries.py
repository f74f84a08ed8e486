"""The entries of `metadata.managedFields`: reading them from objects and requests, and writing them.

What they mean is in `managed`.
Source: the Kubernetes API reference, `ManagedFieldsEntry`; observed on a real v1.36 API server.
"""

import dataclasses
from typing import Any, TypeAlias

from kmock.kube.definitions import Json
from kmock.kube.patching.structured.fields import Fields, in_order, parse_fields

__all__ = ['Entry', 'Key', 'Managed', 'encode_entries', 'owned', 'read_entries']

Key: TypeAlias = tuple[str, str, str, str]
"""What tells managers apart: name, operation, apiVersion (empty for `Apply`: appliers may change it), subresource."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One manager and what it owns. `time` is as on the wire, or None."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str | None
    fields: Fields

    @property
    def key(self) -> Key:
        version = '' if self.operation == 'Apply' else self.api_version
        return self.manager, self.operation, version, self.subresource

    def owning(self, fields: Fields) -> 'Entry':
        return Entry(self.manager, self.operation, self.api_version, self.subresource, self.time, fields)


Managed: TypeAlias = dict[Key, Entry]


def read_entries(entries: Any) -> Managed:
    """Read `managedFields` as a client may have sent them.

    Raises:
        ValueError: they are malformed; the text tells how.
    """
    if not isinstance(entries, list):
        raise ValueError('managedFields must be a list')
    found = map(_read_entry, range(len(entries)), entries)
    return {entry.key: entry for entry in found}


def _read_entry(index: int, raw: Any) -> Entry:
    if not isinstance(raw, dict) or raw.get('operation') not in ('Apply', 'Update'):
        raise ValueError('operation must be `Apply` or `Update`')
    texts = [raw.get(name) or '' for name in ('manager', 'apiVersion', 'subresource', 'time')]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f'wrong types in managed fields entry {index}')
    manager, version, subresource, time = texts
    if not version:
        raise ValueError('apiVersion must not be empty')
    if raw.get('fieldsType') != 'FieldsV1':
        raise ValueError(f'missing or invalid fieldsType in managed fields entry {index}')
    fields = parse_fields(raw.get('fieldsV1') or {})
    return Entry(manager, raw['operation'], version, subresource, time or None, fields)


def owned(obj: Json | None) -> Managed:
    """The entries of an object that the server itself has written, without checking them."""
    metadata = obj.get('metadata') if obj else None
    entries = metadata.get('managedFields') if isinstance(metadata, dict) else None
    found: Managed = {}
    for raw in entries or ():
        time, subresource = raw.get('time'), raw.get('subresource', '')
        entry = Entry(raw['manager'], raw['operation'], raw['apiVersion'], subresource, time, raw.get('fieldsV1') or {})
        found[entry.key] = entry
    return found


def encode_entries(managed: Managed) -> list[Json]:
    """The entries as they are stored and answered: appliers first, then by time and name."""
    ordered = sorted(
        managed.values(),
        key=lambda each: (each.operation, each.time or '', each.manager, each.api_version, each.subresource),
    )
    return [_encode_entry(each) for each in ordered]


def _encode_entry(entry: Entry) -> Json:
    found: Json = {'manager': entry.manager, 'operation': entry.operation, 'apiVersion': entry.api_version}
    if entry.time is not None:
        found['time'] = entry.time
    found['fieldsType'] = 'FieldsV1'
    found['fieldsV1'] = in_order(entry.fields)
    if entry.subresource:
        found['subresource'] = entry.subresource
    return found
