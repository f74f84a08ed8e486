"""Watching: streams of events after a revision, or of all there is and then what comes."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Json, Origin
from kmock.kube.media.negotiation import Form, content_type, render_event
from kmock.kube.options import ListOptions, parse_revision
from kmock.kube.statuses import StatusError, expired, status_body
from kmock.kube.store import Event, Expired, Stored, Subscription, encode_tail
from kmock.kube.verbs.reading import Reading, Selection, warning_headers
from kmock.messages import Answer

__all__ = ['Watching']

BOOKMARK_SECONDS = 60.0
SHORTEST_SECONDS = 1800.0
"""A watch without timeoutSeconds ends after this time, or up to twice as much (`--min-request-timeout`)."""

_BATCH = 500
_PIECE_BYTES = 64 * 1024
INITIAL_EVENTS_END = 'k8s.io/initial-events-end'
_EMPTY_POD: Json = {'containers': None}
_EMPTY_TEMPLATE: Json = {'metadata': {}, 'spec': _EMPTY_POD}
_NODE_FACTS = (
    'machineID', 'systemUUID', 'bootID', 'kernelVersion', 'osImage', 'containerRuntimeVersion', 'kubeletVersion',
    'kubeProxyVersion', 'operatingSystem', 'architecture',
)  # fmt: skip
_NODE_STATUS: Json = {
    'daemonEndpoints': {'kubeletEndpoint': {'Port': 0}},
    'nodeInfo': dict.fromkeys(_NODE_FACTS, ''),
}
_EMPTY_EVENT: Json = {
    'involvedObject': {},
    'source': {},
    'firstTimestamp': None,
    'lastTimestamp': None,
    'eventTime': None,
    'reportingComponent': '',
    'reportingInstance': '',
}
_DAEMON_COUNTS = ('currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady')
_BUDGET_COUNTS = ('disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods')
_EMPTY_OBJECTS: Mapping[tuple[str, str], Json] = {
    ('', 'pods'): {'spec': _EMPTY_POD, 'status': {}},
    ('', 'namespaces'): {'spec': {}, 'status': {}},
    ('', 'services'): {'spec': {}, 'status': {'loadBalancer': {}}},
    ('', 'persistentvolumeclaims'): {'spec': {'resources': {}}, 'status': {}},
    ('', 'persistentvolumes'): {'spec': {}, 'status': {}},
    ('', 'nodes'): {'spec': {}, 'status': _NODE_STATUS},
    ('', 'events'): _EMPTY_EVENT,
    ('', 'limitranges'): {'spec': {'limits': None}},
    ('', 'resourcequotas'): {'spec': {}, 'status': {}},
    ('', 'replicationcontrollers'): {'spec': {}, 'status': {'replicas': 0}},
    ('', 'podtemplates'): {'template': _EMPTY_TEMPLATE},
    ('apps', 'deployments'): {
        'spec': {'selector': None, 'template': _EMPTY_TEMPLATE, 'strategy': {}},
        'status': {},
    },
    ('apps', 'replicasets'): {'spec': {'selector': None, 'template': _EMPTY_TEMPLATE}, 'status': {'replicas': 0}},
    ('apps', 'daemonsets'): {
        'spec': {'selector': None, 'template': _EMPTY_TEMPLATE, 'updateStrategy': {}},
        'status': dict.fromkeys(_DAEMON_COUNTS, 0),
    },
    ('batch', 'jobs'): {'spec': {'template': _EMPTY_TEMPLATE}, 'status': {}},
    ('batch', 'cronjobs'): {
        'spec': {'schedule': '', 'jobTemplate': {'metadata': {}, 'spec': {'template': _EMPTY_TEMPLATE}}},
        'status': {},
    },
    ('networking.k8s.io', 'ingresses'): {'spec': {}, 'status': {'loadBalancer': {}}},
    ('networking.k8s.io', 'ingressclasses'): {'spec': {}},
    ('networking.k8s.io', 'networkpolicies'): {'spec': {'podSelector': {}}},
    ('policy', 'poddisruptionbudgets'): {'spec': {}, 'status': dict.fromkeys(_BUDGET_COUNTS, 0)},
    ('rbac.authorization.k8s.io', 'roles'): {'rules': None},
    ('rbac.authorization.k8s.io', 'clusterroles'): {'rules': None},
    ('discovery.k8s.io', 'endpointslices'): {'addressType': '', 'endpoints': None, 'ports': None},
    ('scheduling.k8s.io', 'priorityclasses'): {'value': 0},
    ('storage.k8s.io', 'storageclasses'): {'provisioner': ''},
    ('storage.k8s.io', 'csidrivers'): {'spec': {}},
    ('coordination.k8s.io', 'leases'): {'spec': {}},
}
"""What Go writes of objects with nothing in them, as bookmarks are."""


class Watching:
    """Answers watches."""

    def __init__(self, cluster: Cluster, reading: Reading) -> None:
        self._cluster = cluster
        self._reading = reading

    def watch(self, op: Operation) -> Answer:
        """Begin to watch.

        Raises:
            StatusError: 400, 422, 500; what is wrong later is an ERROR event in the stream.
        """
        options = ListOptions.read(op.params, watch=True)
        selection = Selection(options, op.definition, op.call.name)
        revision = parse_revision(options.resource_version)
        stream = _Stream(self._cluster, self._reading, op, options, selection)
        headers = (
            ('Content-Type', content_type(op.form)),
            ('Cache-Control', 'no-cache, private'),
            *warning_headers(op.warnings),
        )
        return Answer(headers=headers, body=stream.run(revision))


class _Stream:
    """One watch under way."""

    def __init__(
        self, cluster: Cluster, reading: Reading, op: Operation, options: ListOptions, selection: Selection
    ) -> None:
        self._cluster = cluster
        self._reading = reading
        self._op = op
        self._form: Form = op.form
        self._definition = op.definition
        self._options = options
        self._selection = selection
        self._first = True
        self._waiter: asyncio.Future[None] | None = None
        self._alarmed = False

    async def run(self, revision: int) -> AsyncIterator[bytes]:
        """The lines of the stream; several at once where they come at once."""
        clock = self._cluster.clock
        seconds = self._options.timeout_seconds or SHORTEST_SECONDS * (1 + self._cluster.random.random())
        deadline = clock.now() + seconds
        try:
            initial, subscription = await self._begin(revision)
        except StatusError as exc:
            yield self._error(exc)
            return
        for piece in _pieces(initial):
            yield piece
        try:
            async for lines in self._follow(subscription, deadline):
                yield lines
        except Expired as exc:
            yield self._error(expired(str(exc)))

    async def _begin(self, revision: int) -> tuple[list[bytes], Subscription]:
        """The events of what there is already, if wanted, and the subscription that goes on from there."""
        store, bucket = self._cluster.store, self._definition.bucket
        if revision > store.revision:
            await self._reading.wait_for(revision)
        options = self._options
        wanted = options.initial_events if options.initial_events is not None else revision == 0
        if not wanted:
            try:
                return [], store.watch(bucket, self._op.namespace, revision or None)
            except Expired as exc:
                raise expired(str(exc)) from exc
        with store.lock:
            found = [each for each in store.all(bucket, self._op.namespace) if self._selection.matches(each)]
            subscription = store.watch(bucket, self._op.namespace)
        lines = [self._line('ADDED', each) for each in found]
        if options.initial_events and options.bookmarks:
            lines.append(self._bookmark(subscription.revision, initial=True))
        return lines, subscription

    async def _follow(self, subscription: Subscription, deadline: float) -> AsyncIterator[bytes]:
        clock = self._cluster.clock
        bookmark_at = clock.now() + BOOKMARK_SECONDS
        alarm = asyncio.ensure_future(self._ring(min(deadline, bookmark_at)))
        try:
            while True:
                lines = self._lines(subscription.take(_BATCH))
                for piece in _pieces(lines):
                    yield piece
                now = clock.now()
                if now >= deadline:  # also where events come without end
                    return
                if lines:
                    continue
                if now >= bookmark_at:
                    if self._options.bookmarks:
                        yield self._bookmark(subscription.revision)
                    bookmark_at = now + BOOKMARK_SECONDS
                    alarm.cancel()
                    alarm = asyncio.ensure_future(self._ring(min(deadline, bookmark_at)))
                await self._wait(subscription)
        finally:
            alarm.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await alarm

    async def _wait(self, subscription: Subscription) -> None:
        """Return when there may be events, or when the alarm has rung."""
        if self._alarmed:
            self._alarmed = False
            return
        waiter = subscription.wait()
        if waiter is None:
            return
        self._waiter = waiter
        try:
            await waiter
        finally:
            self._waiter = None
            if self._alarmed or not waiter.done() or waiter.cancelled():
                subscription.forget(waiter)
            self._alarmed = False

    async def _ring(self, when: float) -> None:
        """Wake the stream at a moment."""
        await self._cluster.clock.sleep_until(when)
        self._alarmed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- lines

    def _lines(self, events: Sequence[Event]) -> list[bytes]:
        lines = []
        for event in events:
            found = self._seen(event)
            if found is not None:
                lines.append(found)
        return lines

    def _seen(self, event: Event) -> bytes | None:
        """An event as this watch sees it: objects that enter its selectors are added, those that leave are deleted."""
        selection = self._selection
        if selection.everything:
            before, after = event.before is not None, not event.deleted
        else:
            before = event.before is not None and selection.matches(event.before)
            after = not event.deleted and selection.matches(event.after)
        if after:
            return self._shared(event, 'MODIFIED' if before else 'ADDED')
        if not before:
            return None
        if event.deleted:
            return self._shared(event, 'DELETED')
        return self._left(event)

    def _shared(self, event: Event, kind: str) -> bytes:
        """An event's line, encoded once for all watches of the same form."""
        if not self._form.plain and self._first:
            return self._line(kind, event.after)
        shape = (kind, self._definition.prefix, self._form)
        line = event.forms.get(shape)
        if line is None:
            line = event.forms[shape] = self._line(kind, event.after)
        return line

    def _left(self, event: Event) -> bytes:
        """The DELETED event of an object that goes on, but out of the selectors: its last state there."""
        assert event.before is not None
        obj = self._reading.decode(event.before, self._definition)
        if not self._definition.verbatim:
            obj['metadata']['resourceVersion'] = str(event.revision)
        return self._render('DELETED', obj)

    def _line(self, kind: str, stored: Stored) -> bytes:
        definition = self._definition
        if self._form.plain and not self._reading.reshaped(stored, definition):
            return b''.join((b'{"type":"', kind.encode(), b'","object":', definition.prefix, stored.tail, b'}\n'))
        return self._render(kind, self._reading.decode(stored, definition))

    def _render(self, kind: str, obj: Json) -> bytes:
        first, self._first = self._first, False
        now = self._cluster.clock.wall()
        return render_event(self._form, kind, obj, self._definition, first=first, now=now)

    def _error(self, error: StatusError) -> bytes:
        """An ERROR event, after which the stream ends. A Status is never a Table."""
        form = dataclasses.replace(self._form, as_=None)
        return render_event(form, 'ERROR', status_body(error), self._definition, first=False)

    def _bookmark(self, revision: int, *, initial: bool = False) -> bytes:
        metadata: Json = {'resourceVersion': str(revision)}
        if initial:
            metadata['annotations'] = {INITIAL_EVENTS_END: 'true'}
        obj = {'kind': self._definition.kind, 'apiVersion': self._definition.api_version, 'metadata': metadata}
        if self._definition.origin is Origin.BUILT_IN:
            resource = self._definition.resource
            obj.update(_EMPTY_OBJECTS.get((resource.group, resource.plural), {}))
        if self._form.plain:
            tail = encode_tail(obj)
            return b''.join((b'{"type":"BOOKMARK","object":', self._definition.prefix, tail, b'}\n'))
        return self._render('BOOKMARK', obj)


def _pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """The lines in pieces to be written one by one: what a client does not read fills no more than one of them."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= _PIECE_BYTES:
            yield b''.join(piece)
            piece, size = [], 0
    if piece:
        yield b''.join(piece)
