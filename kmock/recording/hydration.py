"""Hydration: what a recording tells about the cluster behind it, as plain values; nothing here knows an emulator.

An answer *reveals* objects: a list or a GET that they are there, a write what has become of them, an event of a watch
what happened. `Beginning.of(cassette)` is what must have been so when the recording began: the start of the story.
The changes of the story are to be told by those who replay it, answer by answer: `revealed`, `revealed_by_event`.
"""

import dataclasses
import enum
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl

from kmock.naming import Call, Resource, parse_call, split_target
from kmock.recording.cassette import Cassette, Exchange

__all__ = ['Beginning', 'Fact', 'How', 'Kind', 'Lines', 'revealed', 'revealed_by_event']

Json: TypeAlias = dict[str, Any]

MAX_BODY = 64 * 1024 * 1024
"""Longer bodies reveal nothing."""

_WHOLE = frozenset({None, 'status', 'finalize', 'approval', 'ephemeralcontainers', 'resize'})
"""The subresources that answer with the whole object."""
_REVISION = re.compile(rb'"resourceVersion"\s*:\s*"([0-9]{1,19})"')
_ASKED_REVISION = re.compile(r'[?&]resourceVersion=([0-9]{1,19})(?:&|$)')
_SELECTING = frozenset({'labelSelector', 'fieldSelector', 'continue'})
_DEFINITIONS = ('apiextensions.k8s.io', 'customresourcedefinitions')
_PARTIAL = frozenset({'PartialObjectMetadata', 'Status', 'Table'})


class How(enum.Enum):
    """How an object came to be known."""

    READ = 'read'
    CREATED = 'created'
    CHANGED = 'changed'
    REMOVED = 'removed'
    """The object, if it is known, is its last state."""
    ABSENT = 'absent'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of one object at a moment.

    Attributes:
        obj: with kind and apiVersion; None if it is not there, or its last state is unknown.
    """

    resource: Resource
    namespace: str | None
    name: str
    obj: Json | None
    how: How

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What is the same for all versions of a resource type."""
        return (self.resource.group, self.resource.plural, self.namespace or '', self.name)

    @property
    def remains(self) -> bool:
        """Whether the object is there after this."""
        return self.obj is not None and self.how not in (How.REMOVED, How.ABSENT)

    @property
    def revision(self) -> int:
        """The object's resourceVersion; 0 if it is unknown."""
        text = (self.obj or {}).get('metadata', {}).get('resourceVersion')
        return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0


# --- one answer


def revealed(call: Call, params: Mapping[str, str], status: int, body: bytes) -> list[Fact]:
    """What an answer reveals that is no watch; nothing if it can't be read, as protobuf can't."""
    if call.verb == 'watch' or call.subresource not in _WHOLE or 'dryRun' in params:
        return []
    if status == 404 and call.verb == 'get' and call.subresource is None:
        return [_absent(call)] if _says_not_found(_parsed(body)) else []
    data = _parsed(body) if 200 <= status < 300 else None
    return [] if data is None else _of_answer(call, status, data)


def _of_answer(call: Call, status: int, data: Json) -> list[Fact]:
    if call.name is None and call.verb in ('list', 'deletecollection'):
        return list(_of_items(call, data))
    if call.verb == 'delete' and data.get('kind') == 'Status':
        return [dataclasses.replace(_absent(call), how=How.REMOVED)]
    how = How.READ if call.verb == 'get' else How.CREATED if status == 201 else How.CHANGED
    return _of_object(call, data, how)


def revealed_by_event(call: Call, line: bytes, *, initial: bool = False) -> list[Fact]:
    """What a line of a watch reveals.

    Args:
        initial: whether the watch has begun with what is there, so that what it adds may have been there before.
    """
    event = _parsed(line)
    obj = event.get('object') if event is not None else None
    if event is None or not isinstance(obj, dict):
        return []
    added = How.READ if initial else How.CREATED
    how = {'ADDED': added, 'MODIFIED': How.CHANGED, 'DELETED': How.REMOVED}.get(str(event.get('type')))
    return [] if how is None else _of_object(call, obj, how)


class Lines:
    """Puts the pieces of a watch together to lines."""

    def __init__(self) -> None:
        self._rest = b''

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b'\n')
        if len(self._rest) > MAX_BODY:
            self._rest = b''
        return lines


def _parsed(body: bytes) -> Json | None:
    """A JSON object; None for whatever else there is: other formats, broken or cut bodies."""
    if body.lstrip()[:1] != b'{':
        return None
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _absent(call: Call) -> Fact:
    return Fact(resource=call.resource, namespace=call.namespace, name=call.name or '', obj=None, how=How.ABSENT)


def _says_not_found(data: Json | None) -> bool:
    """A Status about the object, and not about its resource type."""
    if data is None:
        return False
    details = data.get('details')
    return data.get('reason') == 'NotFound' and isinstance(details, dict) and bool(details.get('name'))


def _of_items(call: Call, data: Json) -> Iterator[Fact]:
    kind, version = data.get('kind'), data.get('apiVersion')
    if not isinstance(kind, str) or not isinstance(version, str):
        return
    rows = data.get('rows') if kind == 'Table' else None
    if isinstance(rows, list):
        items: Any = [row.get('object') for row in rows if isinstance(row, dict)]
        filled: Json = {}
    else:
        items, filled = data.get('items'), {'apiVersion': version, 'kind': kind.removesuffix('List')}
    how = How.READ if call.verb == 'list' else How.CHANGED
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield from _of_object(call, {**filled, **item}, how)


def _of_object(call: Call, obj: Json, how: How) -> list[Fact]:
    metadata, kind = obj.get('metadata'), obj.get('kind')
    if not isinstance(metadata, dict) or not isinstance(kind, str) or kind in _PARTIAL:
        return []
    name, namespace = metadata.get('name'), metadata.get('namespace')
    version = f'{call.resource.group}/{call.resource.version}'.lstrip('/')
    if not isinstance(name, str) or not name or obj.get('apiVersion') != version:
        return []
    if call.name is not None and name != call.name:
        return []
    deleted = call.verb in ('delete', 'deletecollection') and 'deletionTimestamp' not in metadata
    if deleted or (how is How.CHANGED and not _stays(obj)):
        how = How.REMOVED
    place = namespace if isinstance(namespace, str) and namespace else None
    return [Fact(resource=call.resource, namespace=place, name=name, obj=obj, how=how)]


def _stays(obj: Json) -> bool:
    """Whether an object is there after its write: not if its deletion waited for nothing else."""
    metadata, spec = _mapping(obj.get('metadata')), _mapping(obj.get('spec'))
    if 'deletionTimestamp' not in metadata:
        return True
    return bool(metadata.get('finalizers') or metadata.get('deletionGracePeriodSeconds') or spec.get('finalizers'))


# --- the start of the story


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A resource type that was met. `namespaced` is None if that is unknown."""

    resource: Resource
    kind: str
    namespaced: bool | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The cluster at the start of a recording, as far as the whole recording tells of it.

    - Objects that a list, a GET, or the first events of a watch found, and those that a write has changed or deleted;
      each in the first state that was seen. Not those that were created on the way: by a recorded write, by others
      so that a watch told of it, or between two lists of which only the later one had them.
    - What discovery told first, as documents of the kind APIResourceList; and other resource types that were met.
      Not those whose CustomResourceDefinitions were created on the way.
    - Namespaces in which something was done, even if nothing else is known of them; not those created on the way.

    Attributes:
        version: the body of /version; None if it is unknown.
        revision: the highest resourceVersion that was seen anywhere; 0 if none was.
    """

    version: Json | None
    resource_lists: tuple[Json, ...]
    kinds: tuple[Kind, ...]
    namespaces: tuple[str, ...]
    objects: tuple[Fact, ...]
    revision: int

    @classmethod
    def of(cls, cassette: Cassette) -> Self:
        """Read the whole cassette once; it is kept in memory what each object was at first, and nothing else."""
        reader = _Reader()
        for exchange in cassette.exchanges:
            reader.read(exchange)
        version = reader.version or (dict(cassette.header.server) if cassette.header.server else None)
        return cls(
            version=version,
            resource_lists=tuple(reader.present_documents()),
            kinds=tuple(reader.present_kinds()),
            namespaces=tuple(reader.present_namespaces()),
            objects=tuple(reader.present()),
            revision=reader.revision,
        )


class _Reader:
    """Gathers, over all exchanges, the earliest fact about each object."""

    def __init__(self) -> None:
        self.version: Json | None = None
        self.revision = 0
        self._documents: dict[str, Json] = {}
        self._kinds: dict[Resource, Kind] = {}
        self._first: dict[tuple[str, str, str, str], tuple[int, Fact]] = {}
        self._listed: dict[tuple[str, str, str], int] = {}

    def present(self) -> Iterator[Fact]:
        """What was there at the start."""
        return (fact for at_us, fact in self._first.values() if self._was_there(at_us, fact))

    def _was_there(self, at_us: int, fact: Fact) -> bool:
        if fact.obj is None or fact.how in (How.CREATED, How.ABSENT):
            return False
        group, plural, namespace, _ = fact.place
        listed = [self._listed.get((group, plural, scope), at_us) for scope in ('', namespace)]
        return min(listed) >= at_us  # else there was a list without it

    def present_namespaces(self) -> Iterator[str]:
        found = dict.fromkeys(namespace for _, _, namespace, _ in self._first if namespace)
        return (each for each in found if not self._came(('', 'namespaces', '', each)))

    def present_kinds(self) -> Iterator[Kind]:
        return (
            each for each in self._kinds.values() if not self._came_later(each.resource.group, each.resource.plural)
        )

    def present_documents(self) -> Iterator[Json]:
        for version, document in self._documents.items():
            group = version.rpartition('/')[0]
            rows = _mappings(document.get('resources'))
            there = [row for row in rows if not self._came_later(group, str(row.get('name')).partition('/')[0])]
            if there or not rows:
                yield {**document, 'resources': there}

    def _came_later(self, group: str, plural: str) -> bool:
        """Whether the definition of a resource type was created on the way."""
        return self._came((*_DEFINITIONS, '', f'{plural}.{group}'))

    def _came(self, place: tuple[str, str, str, str]) -> bool:
        """Whether an object is known, and was not there at the start."""
        found = self._first.get(place)
        return found is not None and not self._was_there(*found)

    def read(self, exchange: Exchange) -> None:
        response = exchange.response
        asked = _ASKED_REVISION.search(exchange.target)
        if asked is not None and response is not None and response.status == 200:
            self.revision = max(self.revision, int(asked[1]))
        if response is None or response.status == 304:
            return
        path, query = split_target(exchange.target)
        params = dict(reversed(parse_qsl(query, keep_blank_values=True)))
        call = parse_call(exchange.method, path, params.items())
        if call is None:
            if exchange.method == 'GET' and response.status == 200:
                self._read_document(path.rstrip('/'), exchange)
        elif call.verb == 'watch':
            if response.status == 200:
                self._read_watch(call, params, exchange)
        else:
            self._read_answer(call, params, response.status, exchange)

    def _read_answer(self, call: Call, params: Mapping[str, str], status: int, exchange: Exchange) -> None:
        if exchange.body_size > MAX_BODY or exchange.method == 'HEAD':
            return
        body = exchange.body()
        self._see(body)
        facts = revealed(call, params, status, body)
        # A write has happened before others see it, and a read tells of the moment of its answer.
        response = exchange.response
        at_us = response.at_us if response is not None and call.verb in ('get', 'list') else exchange.at_us
        self._note(at_us, facts)
        if call.verb == 'list' and status == 200 and not params.keys() & _SELECTING and _is_complete(body, facts):
            kind = str((_parsed(body) or {}).get('kind')).removesuffix('List')
            self._meet(call.resource, kind, True if call.namespace is not None else None)
            place = (call.resource.group, call.resource.plural, call.namespace or '')
            self._listed[place] = min(at_us, self._listed.get(place, at_us))

    def _read_watch(self, call: Call, params: Mapping[str, str], exchange: Exchange) -> None:
        initial = params.get('resourceVersion', '') in ('', '0')
        lines = Lines()
        for chunk in exchange.chunks():
            for line in lines.feed(chunk.data):
                self._see(line)
                self._note(chunk.at_us, revealed_by_event(call, line, initial=initial))

    def _see(self, body: bytes) -> None:
        self.revision = max([self.revision, *map(int, _REVISION.findall(body))])

    def _note(self, at_us: int, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if fact.obj is not None:
                self._meet(fact.resource, str(fact.obj['kind']), fact.namespace is not None)
            known = self._first.get(fact.place)
            if known is None or at_us < known[0]:
                self._first[fact.place] = (at_us, fact)

    def _meet(self, resource: Resource, kind: str, namespaced: bool | None) -> None:
        known = self._kinds.get(resource)
        if known is None or known.namespaced is None:
            self._kinds[resource] = Kind(resource=resource, kind=kind, namespaced=namespaced)

    # --- discovery

    def _read_document(self, path: str, exchange: Exchange) -> None:
        if path not in ('/version', '/api', '/apis') and not re.fullmatch(r'/api/[^/]+|/apis/[^/]+/[^/]+', path):
            return
        data = _parsed(exchange.body(MAX_BODY))
        if data is None:
            return
        if path == '/version':
            self.version = self.version or data
        elif data.get('kind') == 'APIResourceList':
            self._keep(data)
        elif data.get('kind') == 'APIGroupDiscoveryList':
            for document in _resource_lists(data):
                self._keep(document)

    def _keep(self, document: Json) -> None:
        version = document.get('groupVersion')
        if isinstance(version, str):
            self._documents.setdefault(version, document)


def _is_complete(body: bytes, facts: Sequence[Fact]) -> bool:
    """Whether a list without selectors has all objects, each of them whole."""
    data = _parsed(body) or {}
    items = data.get('items')
    return isinstance(items, list) and len(items) == len(facts) and not _mapping(data.get('metadata')).get('continue')


def _resource_lists(data: Json) -> Iterator[Json]:
    """The aggregated form of discovery (v2, v2beta1) in the words of the older one."""
    for group in _mappings(data.get('items')):
        name = _mapping(group.get('metadata')).get('name', '')
        for version in _mappings(group.get('versions')):
            number = str(version.get('version', ''))
            rows = [row for each in _mappings(version.get('resources')) for row in _rows(each)]
            yield {
                'kind': 'APIResourceList',
                'apiVersion': 'v1',
                'groupVersion': f'{name}/{number}'.lstrip('/'),
                'resources': rows,
            }


def _rows(resource: Json) -> Iterator[Json]:
    name, namespaced = resource.get('resource', ''), resource.get('scope') == 'Namespaced'
    yield {
        'name': name,
        'singularName': resource.get('singularResource', ''),
        'namespaced': namespaced,
        'kind': _mapping(resource.get('responseKind')).get('kind', ''),
        'verbs': resource.get('verbs') or [],
        'shortNames': resource.get('shortNames') or [],
        'categories': resource.get('categories') or [],
    }
    for each in _mappings(resource.get('subresources')):
        kind = _mapping(each.get('responseKind')).get('kind', '')
        verbs = each.get('verbs') or []
        yield {'name': f'{name}/{each.get("subresource", "")}', 'namespaced': namespaced, 'kind': kind, 'verbs': verbs}


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
