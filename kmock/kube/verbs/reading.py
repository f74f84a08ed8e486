"""Reading: the answers to GETs of one object and of lists, with selectors, pages, revisions, and forms."""

import json
import re
from collections.abc import Iterable, Sequence

from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.media.negotiation import Form, content_type, encode, render_list, render_object
from kmock.kube.options import ListOptions, parse_revision, unparsed, whole_number
from kmock.kube.schemas.defaults import default
from kmock.kube.schemas.pruning import prune
from kmock.kube.selectors.by_fields import FieldSelector, LabelSelector, parse_fields, parse_labels
from kmock.kube.statuses import bad_request, expired, not_found, too_large_version
from kmock.kube.store import Expired, Stored, encode_tail
from kmock.kube.verbs.pagination import decode_token, encode_token
from kmock.messages import Answer

__all__ = ['FRESH_SECONDS', 'Reading', 'Selection', 'answer']

FRESH_SECONDS = 3.0
"""How long the server waits for a revision that is not there yet."""

_HEADERS = (('Cache-Control', 'no-cache, private'),)
_UNSAFE_WARNING = re.compile(r'[\x00-\x1f\x7f]')


def warning_headers(warnings: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Warning headers, as `k8s.io/apimachinery` formats them: code 299, an unknown agent, quoted; equal ones once."""
    headers = []
    for text in dict.fromkeys(warnings):
        quoted = _UNSAFE_WARNING.sub(' ', text).replace('\\', '\\\\').replace('"', '\\"')
        headers.append(('Warning', f'299 - "{quoted}"'))
    return tuple(headers)


def answer(op: Operation, body: bytes, status: int = 200) -> Answer:
    """An answer in the wanted form."""
    headers = (('Content-Type', content_type(op.form)), *_HEADERS, *warning_headers(op.warnings))
    return Answer(status=status, headers=headers, body=body)


_INCONSISTENT = (
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without '
    'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. '
    'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or '
    'deleted between the time the first chunk was returned and now may show up in the list.'
)


class Selection:
    """The selectors of a request as one predicate on stored objects; it decodes them only if it has to."""

    def __init__(self, options: ListOptions, definition: Definition, name: str | None = None) -> None:
        self.labels: LabelSelector | None = parse_labels(options.label_selector) if options.label_selector else None
        self.fields: FieldSelector | None = (
            parse_fields(options.field_selector, definition) if options.field_selector else None
        )
        self._definition = definition
        self._name = name

    @property
    def everything(self) -> bool:
        return self.labels is None and self.fields is None and self._name is None

    def matches(self, stored: Stored) -> bool:
        if self._name is not None and stored.name != self._name:
            return False
        if self.labels is not None and not self.labels.matches(stored.labels or {}):
            return False
        if self.fields is None:
            return True
        pinned = self.fields.name
        if pinned is not None and pinned != stored.name:
            return False
        conversion, obj = self._definition.conversion, stored.decode()
        return self.fields.matches(obj if conversion is None else conversion.read(obj))


class Reading:
    """Answers get and list."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    # --- one object

    async def get(self, op: Operation) -> Answer:
        """The object, or its status."""
        revision = parse_revision(op.params.get('resourceVersion'))
        await self.wait_for(revision)
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            raise not_found(op.definition.resource, op.name)
        return answer(op, self.one(op, stored))

    def one(self, op: Operation, stored: Stored) -> bytes:
        form: Form = op.form
        if form.plain and not self.reshaped(stored, op.definition):
            return op.definition.prefix + stored.tail + b'\n'
        return render_object(form, self.decode(stored, op.definition), op.definition, now=self._cluster.clock.wall())

    def render(self, op: Operation, obj: Json) -> bytes:
        """An object that is at hand, in the wanted form."""
        form: Form = op.form
        if form.plain:
            return op.definition.prefix + encode_tail(obj) + b'\n'
        return render_object(form, obj, op.definition, now=self._cluster.clock.wall())

    def render_status(self, op: Operation, status: Json) -> bytes:
        """A Status, which is never a Table."""
        form: Form = op.form
        return encode(status, form.media)

    # --- lists

    async def collection(self, op: Operation) -> Answer:
        options = ListOptions.read(op.params)
        selection = Selection(options, op.definition, None)
        items, metadata = await self.select(op, options, selection)
        return answer(op, self.many(op, items, metadata))

    async def select(self, op: Operation, options: ListOptions, selection: Selection) -> tuple[list[Stored], Json]:
        """The objects of one page, and the metadata of their list.

        Raises:
            StatusError: 400, 410, 504.
        """
        store, bucket = self._cluster.store, op.definition.bucket
        after: str | None = None
        limit = options.limit
        left: int | None
        if options.continue_token:
            revision, after = decode_token(options.continue_token)
            if options.resource_version not in ('', '0'):
                raise bad_request('specifying resource version is not allowed when using continue')
            after = f'{op.namespace}/{after}' if op.namespace else after
            with store.lock:
                revision = store.revision if revision <= 0 else revision
                found = self._at(op, revision, after)
        else:
            wanted = self._wanted(options)
            await self.wait_for(wanted)
            if options.match == 'Exact' or (limit and wanted and not options.match):
                revision, found = wanted, self._at(op, wanted)
            else:
                revision = store.revision
                if options.resource_version == '0':
                    limit = 0
                if limit and selection.everything:
                    page, left = store.page(bucket, op.namespace, None, limit)
                    return page, self._metadata(op, page, left, revision, counted=True)
                found = store.all(bucket, op.namespace)
        if self._only_one(op, options, selection):
            limit = 0
        page, left = _page(found, selection, limit)
        return page, self._metadata(op, page, left, revision, counted=selection.everything)

    def _only_one(self, op: Operation, options: ListOptions, selection: Selection) -> bool:
        """Whether the selector names the only object that is looked at; then there are no pages."""
        if selection.fields is None or selection.fields.name is None or options.continue_token:
            return False
        return op.namespace is not None or not op.definition.namespaced

    def _at(self, op: Operation, revision: int, after: str | None = None) -> list[Stored]:
        """The objects as they were at a revision; behind a key where a list goes on."""
        try:
            return self._cluster.store.list_at(op.definition.bucket, op.namespace, revision, after)
        except Expired as exc:
            if after is None:
                raise expired(str(exc)) from exc
            token = encode_token(-1, after.removeprefix(f'{op.namespace}/'))
            raise expired(_INCONSISTENT, continue_token=token) from exc

    def _metadata(self, op: Operation, page: Sequence[Stored], left: int, revision: int, *, counted: bool) -> Json:
        metadata: Json = {'resourceVersion': str(revision)}
        if left:
            metadata['continue'] = encode_token(revision, page[-1].key.removeprefix(f'{op.namespace}/'))
            if counted:
                metadata['remainingItemCount'] = left
        return metadata

    def _wanted(self, options: ListOptions) -> int:
        """The revision of a list; lists have an error of their own for garbage."""
        text = options.resource_version
        if text and whole_number(text) is None:
            what = unparsed(text)
            raise bad_request(f'invalid resource version: resourceVersion: Invalid value: "{text}": {what}')
        return int(text) if text else 0

    async def wait_for(self, revision: int) -> None:
        """Wait until the store has come so far.

        Raises:
            StatusError: 504, it did not within three seconds.
        """
        store, clock = self._cluster.store, self._cluster.clock
        if revision <= store.revision:
            return
        deadline = clock.now() + FRESH_SECONDS
        while store.revision < revision:
            if clock.now() >= deadline:
                raise too_large_version(revision, store.revision)
            await clock.sleep_until(min(deadline, clock.now() + 0.1))

    def many(self, op: Operation, items: Sequence[Stored], metadata: Json) -> bytes:
        form: Form = op.form
        definition = op.definition
        if form.plain and not any(self.reshaped(each, definition) for each in items):
            return _joined(definition, items, metadata)
        decoded = [self.decode(each, definition) for each in items]
        return render_list(form, decoded, metadata, definition, now=self._cluster.clock.wall())

    # --- versions

    def reshaped(self, stored: Stored, definition: Definition) -> bool:
        """Whether an object was stored by another schema than that of the definition, or in another wording."""
        if definition.origin is not Origin.CUSTOM:
            return definition.conversion is not None
        if definition.resource.version != definition.storage_version:
            return True
        return stored.revision < self._cluster.reshaped.get(definition.bucket, 0)

    def decode(self, stored: Stored, definition: Definition) -> Json:
        """An object as the definition's version has it, made anew."""
        obj = self._cluster.decode(stored, definition)
        if definition.origin is Origin.CUSTOM and self.reshaped(stored, definition) and definition.schema is not None:
            obj = prune(definition.schema, obj)
            default(definition.schema, obj)
        return obj


def _page(found: Sequence[Stored], selection: Selection, limit: int) -> tuple[list[Stored], int]:
    """The first matching objects, at most so many, and how many there are behind.

    With selectors, it is only told whether there is something behind, be it selected or not.
    """
    if selection.everything:
        return (list(found[:limit]), max(0, len(found) - limit)) if limit else (list(found), 0)
    page: list[Stored] = []
    for each in found:
        if limit and len(page) == limit:
            return page, 1
        if selection.matches(each):
            page.append(each)
    return page, 0


def _joined(definition: Definition, items: Sequence[Stored], metadata: Json) -> bytes:
    """A list made of the objects' bytes, with the keys in the order of the real server."""
    kind, version = definition.list_kind, definition.api_version
    if definition.verbatim:
        start, between, end = b'{', b',{', b''
        head, tail = f'{{"metadata":{json.dumps(metadata)},"items":['.encode(), b']}\n'
    elif definition.origin is Origin.BUILT_IN:
        start, between, end = b'{', b',{', b''
        shown = ''.join(
            f',"{key}":{value if key == "remainingItemCount" else _quoted(value)}' for key, value in metadata.items()
        )
        head = f'{{"kind":"{kind}","apiVersion":"{version}","metadata":{{{shown[1:]}}},"items":['.encode()
        tail = b']}\n'
    else:
        start = definition.prefix
        between = b',' + start
        end = b''
        shown = f'"continue":{_quoted(metadata.get("continue", ""))}'
        if 'remainingItemCount' in metadata:
            shown += f',"remainingItemCount":{metadata["remainingItemCount"]}'
        shown += f',"resourceVersion":{_quoted(metadata["resourceVersion"])}'
        head = f'{{"apiVersion":"{version}","items":['.encode()
        tail = f'],"kind":"{kind}","metadata":{{{shown}}}}}\n'.encode()
    if not items:
        return head + tail
    return b''.join((head, start, between.join([each.tail for each in items]), end, tail))


def _quoted(text: str) -> str:
    """Revisions and tokens need no escapes."""
    return f'"{text}"'
