"""Rendering: objects, lists and events as bytes, in the form that was negotiated.

The emulator writes plain JSON from what it stores, without coming here.
"""

import datetime
import functools
import json
from collections.abc import Sequence
from typing import Any

from kmock.clock import LoopClock
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.media import protobuf
from kmock.kube.media.forms import JSON, PROTOBUF, YAML, Form
from kmock.kube.statuses import StatusError, bad_request
from kmock.kube.tables import make_table

__all__ = ['encode', 'render_event', 'render_list', 'render_object']

_INCLUDED = ('Metadata', 'Object', 'None', '')


def encode(value: Any, media: str, *, pretty: bool = False) -> bytes:
    """Any JSON in a media type.

    Raises:
        StatusError: 406 for protobuf of a kind whose fields are not known.
    """
    if media == PROTOBUF:
        if not protobuf.is_writable(value.get('apiVersion', ''), value.get('kind', '')):
            raise StatusError(406, 'NotAcceptable', f'only the following media types are accepted: {JSON}, {YAML}')
        return protobuf.encode(value)
    if media == YAML:
        return _yaml(value)
    if pretty:
        return json.dumps(value, indent=2, ensure_ascii=False).encode(errors='replace')
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False).encode(errors='replace') + b'\n'


def _yaml(value: Any) -> bytes:
    import yaml

    dumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
    text = yaml.dump(value, Dumper=_unaliased(dumper), allow_unicode=True, width=2**20, sort_keys=True)
    return str(text).encode(errors='replace')


@functools.cache
def _unaliased(dumper: type[Any]) -> type[Any]:
    """A dumper that writes equal parts twice; the real server's knows no anchors."""
    return type('Dumper', (dumper,), {'ignore_aliases': lambda self, data: True})


def render_object(form: Form, obj: Json, definition: Definition, *, now: datetime.datetime | None = None) -> bytes:
    """One object, with kind and apiVersion. A Status stays as it is, whatever was asked for.

    Args:
        now: the moment that ages in Tables are told for, in UTC; None for the real one.

    Raises:
        StatusError: 406 if a list is asked for, 400 for a wrong `includeObject`.
    """
    return encode(_shaped(form, obj, definition, now), form.media, pretty=form.pretty)


def _shaped(
    form: Form, obj: Json, definition: Definition, now: datetime.datetime | None, *, first: bool = True
) -> Json:
    if form.as_ is None or (obj.get('kind') == 'Status' and obj.get('apiVersion') == 'v1'):
        return obj
    if form.as_ == 'PartialObjectMetadataList':
        raise _mismatch(form, definition.kind, 'not a list', definition)
    if form.as_ == 'PartialObjectMetadata':
        return _partial(form, obj)
    metadata = {'resourceVersion': obj.get('metadata', {}).get('resourceVersion', '')}
    return _table(form, [obj], metadata, definition, now, first=first)


def render_list(
    form: Form, items: Sequence[Json], metadata: Json, definition: Definition, *, now: datetime.datetime | None = None
) -> bytes:
    """A list. The metadata are those of the list: resourceVersion, continue, remainingItemCount.

    Raises:
        StatusError: 406 if a single object is asked for, 400 for a wrong `includeObject`.
    """
    return encode(_listed(form, items, metadata, definition, now), form.media, pretty=form.pretty)


def _listed(
    form: Form, items: Sequence[Json], metadata: Json, definition: Definition, now: datetime.datetime | None
) -> Json:
    if form.as_ == 'PartialObjectMetadata':
        raise _mismatch(form, definition.list_kind, 'a list', definition)
    if form.as_ == 'PartialObjectMetadataList':
        partial = [_partial(form, each) for each in items]
        return {'kind': form.as_, 'apiVersion': form.api_version, 'metadata': metadata, 'items': partial}
    if form.as_ == 'Table':
        return _table(form, items, metadata, definition, now)
    if definition.origin is Origin.BUILT_IN:
        bare = [{key: value for key, value in each.items() if key not in ('kind', 'apiVersion')} for each in items]
        head: Json = {'kind': definition.list_kind, 'apiVersion': definition.api_version}
        return {**head, 'metadata': metadata, 'items': bare}
    whole = [_identified(each, definition) for each in items]
    return {
        'apiVersion': definition.api_version,
        'items': whole,
        'kind': definition.list_kind,
        'metadata': {'continue': '', **metadata},
    }


def render_event(
    form: Form,
    type: str,
    obj: Json,
    definition: Definition,
    first: bool = False,
    *,
    now: datetime.datetime | None = None,
) -> bytes:
    """One event of a watch: a line of JSON, or a frame of protobuf.

    Args:
        type: ADDED, MODIFIED, DELETED, BOOKMARK, ERROR.
        first: whether it is the first of its stream; only that one's Table tells its columns.
    """
    shaped = _shaped(form, obj, definition, now, first=first)
    if form.media == PROTOBUF:
        return protobuf.encode_event(type, shaped)
    return encode({'type': type, 'object': shaped}, form.media)


# --- other forms


def _identified(obj: Json, definition: Definition) -> Json:
    return obj if 'kind' in obj else {'apiVersion': definition.api_version, 'kind': definition.kind, **obj}


def _partial(form: Form, obj: Json) -> Json:
    return {'kind': 'PartialObjectMetadata', 'apiVersion': form.api_version, 'metadata': obj.get('metadata', {})}


def _table(
    form: Form,
    items: Sequence[Json],
    metadata: Json,
    definition: Definition,
    now: datetime.datetime | None,
    *,
    first: bool = True,
) -> Json:
    if form.include not in _INCLUDED:
        text = f'includeObject: Invalid value: {json.dumps(form.include, ensure_ascii=False)}'
        choice = "must be 'Metadata', 'Object', 'None', or empty"
        raise bad_request(f'Unable to convert to Table as requested: {text}: {choice}')
    columns, rows = make_table(definition, items, LoopClock().wall() if now is None else now)
    for row, each in zip(rows, items, strict=True):
        row['object'] = _included(form, each, definition)
    head = {'kind': 'Table', 'apiVersion': form.api_version, 'metadata': metadata}
    return {**head, 'columnDefinitions': columns if first else None, 'rows': rows}


def _included(form: Form, obj: Json, definition: Definition) -> Json | None:
    if form.include == 'None':
        return None
    return _identified(obj, definition) if form.include == 'Object' else _partial(form, obj)


_PACKAGES = {'': 'core', 'events.k8s.io': 'core'}


def _mismatch(form: Form, kind: str, what: str, definition: Definition) -> StatusError:
    """406, which names the type of the object inside of the real server."""
    if definition.origin is Origin.BUILT_IN:
        group = definition.resource.group
        name = f'{_PACKAGES.get(group, group.partition(".")[0])}.{kind}'
    else:
        name = 'unstructured.UnstructuredList' if what == 'a list' else 'unstructured.Unstructured'
    text = f'you requested {form.as_}, but the requested object is {what} (*{name})'
    return StatusError(406, 'NotAcceptable', text)
