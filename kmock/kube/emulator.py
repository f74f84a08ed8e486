"""The emulator: a responder that answers as a Kubernetes API server does, from its store and registry.

Here a request is authenticated, authorised, understood, and led to the room that answers it.
"""

import functools
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from kmock.clock import Clock
from kmock.kube.access import (
    ADMIN,
    Authorizer,
    Tokens,
    User,
    Users,
    attributes_of,
    authenticate,
    bootstrap_objects,
    check_escalation,
    forbidden_status,
    names_nobody,
    user_info,
)
from kmock.kube.admission.hooks import MUTATING, VALIDATING
from kmock.kube.admission.webhooks import Admission, WebhookCall
from kmock.kube.cluster import NAMESPACES, SERVER, Cluster, Operation, make_key
from kmock.kube.controllers.collector import Collector
from kmock.kube.controllers.custom import CRDS, CustomResources
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.discovery.answering import Discovery
from kmock.kube.kinds.certificates import set_requester
from kmock.kube.kinds.podadmission import admit_pod
from kmock.kube.kinds.scheduling import PRIORITY_CLASSES, system_priorities
from kmock.kube.kinds.volumes import tell_phase_change
from kmock.kube.media.negotiation import Form, negotiate
from kmock.kube.patching.managed import track_update
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.loose import adopted, loose_definition
from kmock.kube.resources.registry import Registry
from kmock.kube.scaffold import NamedElsewhere, nothing_named
from kmock.kube.selectors.by_fields import pinned_name
from kmock.kube.statuses import (
    StatusError,
    forbidden,
    method_not_allowed,
    not_found,
    plain_not_found,
    resource_not_found,
)
from kmock.kube.store import BucketKey, Store, Stored
from kmock.kube.subresources import Subresources
from kmock.kube.verbatim import Verbatim
from kmock.kube.verbs.deleting import Deleting
from kmock.kube.verbs.failures import failure_answer
from kmock.kube.verbs.reading import Reading
from kmock.kube.verbs.reviewing import Reviewing
from kmock.kube.verbs.watching import Watching
from kmock.kube.verbs.writing import MAX_BODY, Writing
from kmock.messages import Answer, Request
from kmock.naming import Call, Resource, is_true

__all__ = ['SYSTEM_NAMESPACES', 'Emulator']

SYSTEM_NAMESPACES = ('default', 'kube-system', 'kube-public', 'kube-node-lease')

_DEFINITIONS = (CRDS.group, CRDS.plural)
_VOLUMES = Resource('', 'v1', 'persistentvolumes')
_PODS = Resource('', 'v1', 'pods')
_SIGNING_REQUESTS = Resource('certificates.k8s.io', 'v1', 'certificatesigningrequests')
_RBAC = 'rbac.authorization.k8s.io'
_WRITES = frozenset({'create', 'update', 'patch', 'delete', 'deletecollection'})
_FOLLOWED_SUBRESOURCES = frozenset({None, 'status', 'scale'})

_logger = logging.getLogger(__name__)


@functools.lru_cache(maxsize=256)
def _seed_of(definition: Definition, text: str) -> str:
    """What is there at start, as the server itself has written it; only the uid and the times are still to be set.

    Made once in a process: each test begins with it.
    """
    obj: Json = json.loads(text)
    track_update(obj, None, definition=definition, manager=SERVER, now='')
    definition.strategy.prepare_create(obj)
    return json.dumps(obj)


class Emulator:
    """An emulated cluster.

    Args:
        store, registry: the state, if it is there already; by default a new cluster with the bundled resources.
        clock: of timestamps and of streams.
        controllers: whether owner references and namespaces are looked after.
        users: who may log in; without any, everybody may do everything.
        call: how admission webhooks are called; without it they are not.
        version: the body of /version.
        named: gives the resource types that others name, such as rules; see `NamedElsewhere`.
    """

    def __init__(
        self,
        *,
        store: Store | None = None,
        registry: Registry | None = None,
        clock: Clock | None = None,
        controllers: bool = True,
        users: Users | None = None,
        call: WebhookCall | None = None,
        version: Json | None = None,
        named: Callable[[], Collection[Resource]] = nothing_named,
    ) -> None:
        if registry is None:
            registry = Registry()
            load_bundled(registry)
        self.cluster = Cluster(store=store, registry=registry, clock=clock, controllers=controllers)
        self.users = users if users is not None else Users()
        self.tokens = Tokens(self._find, self.cluster.clock.wall)
        self.authorizer = Authorizer(self.cluster.read, revision=self._rbac_revision, is_open=lambda: not self.users)
        self.discovery = Discovery(registry, version=version, keys=self.tokens.jwks)
        self.custom = CustomResources(self.cluster)
        self.collector = Collector(self.cluster)
        self.admission = self._make_admission(call) if call is not None else None
        self.reading = Reading(self.cluster)
        self.watching = Watching(self.cluster, self.reading)
        self.writing = Writing(self.cluster, self.reading, self.admission)
        self.deleting = Deleting(self.cluster, self.reading, self.writing, self.custom)
        self.reviewing = Reviewing(self.cluster, self.reading, self.users, self.tokens, self.authorizer)
        self.subresources = Subresources(
            self.cluster, self.reading, self.writing, self.deleting, self.tokens, self.authorizer
        )
        self._verbatim = Verbatim(self.cluster, self.reading)
        self._elsewhere = NamedElsewhere(registry, named)
        self._has_rbac = False
        self.writing.preparing.append(self._prepare)
        self.writing.changing.append(self._prepare_change)
        self.writing.guards.append(self._guard)
        self.writing.written.append(self._written)
        self.writing.removed.append(self._removed)
        self.deleting.deleted.append(self._deleted)
        if controllers:
            self.collector.gone.append(self._collected)
            self.collector.ways[_DEFINITIONS] = self._delete_definition
            self.custom.removed.append(self.collector.removed)
            self.custom.marked.append(self.collector.marked)

    def _make_admission(self, call: WebhookCall) -> Admission:
        registry, store = self.cluster.registry, self.cluster.store
        buckets = [store.bucket((each.group, each.plural)) for each in (MUTATING, VALIDATING)]
        return Admission(
            self.cluster.read,
            call,
            self.cluster.namespace,
            versions=lambda resource: registry.versions(resource.group, resource.plural),
            configured=lambda: any(bucket.objects for bucket in buckets),
        )

    # --- answering

    async def respond(self, request: Request) -> Answer | None:
        """Answer the request; None if nothing is served at its URL."""
        try:
            return await self._respond(request)
        except StatusError as exc:
            if exc.status == 404 and (exc.plain is not None or exc.details == {}):
                return None
            return self.failure(request, exc)

    def missing(self, request: Request) -> Answer:
        """The answer to a request whose URL is none of the API."""
        return self.failure(request, self._missing(request))

    def failure(self, request: Request, error: StatusError) -> Answer:
        """The answer to a request that failed."""
        return failure_answer(request, error)

    async def _respond(self, request: Request) -> Answer:
        call = request.call
        self._elsewhere.declare()
        user = self._authenticate(request, call)
        found = self.discovery.answer(
            request.path, request.params, request.headers.get('Accept', ''), request.headers, request.method
        )
        if found is not None:
            return found
        if call is None:
            raise self._missing(request)
        definition = self._definition(request, call)
        return await self._serve(request, call, definition, user)

    async def follow(self, request: Request) -> None:
        """Do what a request asks for, though somebody else has answered it with success: the store follows the answer.

        Nobody is asked for leave. What the cluster refuses, it does not do; that is logged.
        """
        call = request.call
        if call is None or call.verb not in _WRITES or call.subresource not in _FOLLOWED_SUBRESOURCES:
            return
        self._elsewhere.declare()
        if self.cluster.registry.find(call.resource) is None and call.verb == 'create' and call.name is None:
            self.cluster.registry.add(loose_definition(call.resource))
        try:
            await self._serve(request, call, self._definition(request, call), ADMIN)
        except StatusError as exc:
            gone = exc.status == 404 and call.verb != 'create'  # then what a rule makes up has never been there
            level = logging.DEBUG if gone else logging.WARNING
            text = 'A rule has answered %s %s with success, but the emulated cluster would refuse it: %s'
            _logger.log(level, text, request.method, request.path, exc)

    def _authenticate(self, request: Request, call: Call | None) -> User:
        """Who asks, if they may.

        Raises:
            StatusError: 401 and 403.
        """
        if not self.users and names_nobody(request.headers):
            return ADMIN
        if self.users and not self._has_rbac:
            self._start_rbac()
        selected = pinned_name(request.params.get('fieldSelector', '')) if self.users else None
        attributes = attributes_of(request.method, request.path, call, selected_name=selected)
        allowed = self.authorizer.allowed
        user = authenticate(self.users, self.tokens, request.headers, request=attributes, allowed=allowed)
        if self.users:
            may, why = self.authorizer.allowed(user, attributes)
            if not may:
                raise forbidden_status(user, attributes, why)
        return user

    def _missing(self, request: Request) -> StatusError:
        return self.discovery.missing(request.path)

    def _definition(self, request: Request, call: Call) -> Definition:
        """What is served at the URL.

        Raises:
            StatusError: 404.
        """
        definition = self.cluster.registry.find(call.resource)
        if definition is None:
            raise self._missing(request)
        if definition.verbatim:
            return definition
        scoped = call.namespace is not None
        if scoped and not definition.namespaced:
            raise self._nothing(definition)
        if not scoped and definition.namespaced and call.name is not None and definition.origin is not Origin.LOOSE:
            raise self._nothing(definition)
        if call.subresource is not None and call.subresource.partition('/')[0] not in definition.subresources:
            if definition.origin is Origin.CUSTOM:
                raise not_found(call.resource, call.name or '')
            raise resource_not_found()
        return definition

    def _nothing(self, definition: Definition) -> StatusError:
        return resource_not_found() if definition.origin is Origin.BUILT_IN else plain_not_found()

    async def _serve(self, request: Request, call: Call, definition: Definition, user: User) -> Answer:
        if definition.verbatim:
            return await self._serve_verbatim(request, call, definition, user)
        if definition.origin is Origin.LOOSE and call.verb in ('create', 'update') and call.subresource is None:
            definition = await self._adopt(request, definition)
        self._check_method(request, call, definition)
        listing = call.name is None and call.verb in ('list', 'watch', 'deletecollection')
        watch = call.verb == 'watch'
        params = request.params
        accept = None if self.subresources.connects(call) else request.headers.get('Accept')
        form = negotiate(
            accept,
            definition=definition,
            listing=listing,
            watch=watch,
            pretty='pretty' in params and is_true(params['pretty']),
            include=params.get('includeObject'),
        )
        op = Operation(request=request, call=call, definition=definition, user=user, form=form)
        if definition.deprecation:
            op.warnings.append(definition.deprecation)
        if call.subresource is not None:
            return await self.subresources.answer(op)
        if self.reviewing.answers(definition):
            return await self.reviewing.create(op)
        virtual = self.subresources.virtual(definition)
        if virtual is not None:
            return await virtual(op)
        if watch:
            return self.watching.watch(op)
        return await self._verbs[call.verb](op)

    async def _serve_verbatim(self, request: Request, call: Call, definition: Definition, user: User) -> Answer:
        op = Operation(request=request, call=call, definition=definition, user=user, form=Form())
        if call.verb == 'watch':
            return self.watching.watch(op)
        if call.verb not in self._verbatim.verbs:
            raise method_not_allowed()
        return await self._verbatim.verbs[call.verb](op)

    async def _adopt(self, request: Request, definition: Definition) -> Definition:
        """A loose definition with the kind of the object that is written, if its own is only a guess."""
        await request.read(MAX_BODY)
        kind = request.data.get('kind') if isinstance(request.data, dict) else None
        named = adopted(definition, kind) if isinstance(kind, str) and kind else definition
        return definition if named is definition else self.cluster.registry.add(named)

    @functools.cached_property
    def _verbs(self) -> Mapping[str, Callable[[Operation], Awaitable[Answer]]]:
        return {
            'get': self.reading.get,
            'list': self.reading.collection,
            'create': self.writing.create,
            'update': self.writing.update,
            'patch': self.writing.patch,
            'delete': self.deleting.delete,
            'deletecollection': self.deleting.delete_collection,
        }

    def _check_method(self, request: Request, call: Call, definition: Definition) -> None:
        """Whether the verb is one of the resource's, at such a URL.

        Raises:
            StatusError: 403, 404, 405.
        """
        custom = definition.origin is Origin.CUSTOM
        verb = call.verb
        if request.method == 'HEAD' and not custom:
            raise method_not_allowed()
        if call.subresource is not None:
            subresource = definition.subresources[call.subresource.partition('/')[0]]
            if verb not in subresource.verbs:
                raise method_not_allowed()
            return
        if verb == 'create' and custom and 'create' not in definition.verbs:
            why = 'create not allowed while custom resource definition is terminating'
            raise forbidden(definition.resource, self._posted_name(request), why)
        changes = custom and verb in ('update', 'patch')  # discovery hides them while the definition terminates
        if (verb not in definition.verbs and not changes) or (
            call.name is not None and verb == 'create' and not custom
        ):
            raise method_not_allowed()
        if call.namespace is None and definition.namespaced and verb in ('create', 'deletecollection'):
            if custom:
                raise plain_not_found()
            if definition.origin is Origin.BUILT_IN:
                raise method_not_allowed()

    def _posted_name(self, request: Request) -> str | None:
        data = request.data if request.content.kept else None
        metadata = data.get('metadata') if isinstance(data, dict) else None
        return metadata.get('name') if isinstance(metadata, dict) else None

    # --- the state

    def start(self) -> None:
        """Fill a new cluster with what is there at start: the namespaces and the priorities of the system."""
        for name in SYSTEM_NAMESPACES:
            metadata = {'name': name, 'labels': {'kubernetes.io/metadata.name': name}}
            self._seed(NAMESPACES, {'metadata': metadata})
        for each in system_priorities():
            self._seed(PRIORITY_CLASSES, each)

    def _start_rbac(self) -> None:
        """The roles and bindings that a cluster with RBAC begins with; once, when there are users."""
        self._has_rbac = True
        for obj in bootstrap_objects(aggregated=self.cluster.controllers):
            definition = self.cluster.registry.of_kind(obj['apiVersion'], obj['kind'])
            if definition is not None:
                self._seed(definition.resource, obj)

    def _seed(self, resource: Resource, obj: Json) -> None:
        """Store what is there without anybody having created it, unless it is there already."""
        definition = self.cluster.registry.find(resource)
        metadata = obj['metadata']
        key = make_key(metadata.get('namespace'), metadata['name'])
        if definition is None or self.cluster.store.get(definition.bucket, key) is not None:
            return
        obj = json.loads(_seed_of(definition, json.dumps(obj)))
        now = self.cluster.now()
        obj['metadata'] |= {'uid': self.cluster.uid(), 'creationTimestamp': now}
        for entry in obj['metadata'].get('managedFields', ()):
            entry['time'] = now
        self.cluster.store.put(definition.bucket, key, obj)
        self.cluster.seeded.add((definition.bucket, key))

    def _prepare(self, op: Operation, new: Json) -> None:
        if op.definition.origin is Origin.BUILT_IN and op.definition.resource == _SIGNING_REQUESTS:
            set_requester(new, user_info(op.user))
        elif op.definition.resource == _PODS and op.definition.origin is Origin.BUILT_IN:
            admit_pod(new, self.cluster.read)

    def _prepare_change(self, op: Operation, new: Json, old: Json) -> None:
        if op.definition.resource == _VOLUMES and op.subresource == 'status' and op.strict:
            tell_phase_change(new, old, self.cluster.now())

    def _guard(self, op: Operation, new: Json, old: Json | None) -> None:
        check_escalation(
            op.definition.resource,
            new,
            old,
            namespace=op.namespace or '',
            user=op.user,
            authorizer=self.authorizer,
        )

    def _written(self, definition: Definition, obj: Json) -> None:
        if definition.resource == CRDS:
            self.custom.written(obj)
        if not self.cluster.controllers:
            return
        if definition.resource == NAMESPACES:
            self.collector.finish_namespace(obj['metadata']['name'])
        self.collector.written()

    def _removed(self, definition: Definition, stored: Stored) -> None:
        if definition.origin is Origin.CUSTOM:
            self.custom.released(definition.bucket)
        elif definition.resource == CRDS:
            self.custom.withdraw(stored.name)
        if self.cluster.controllers:
            self.collector.removed(stored)
            if definition.resource == NAMESPACES:
                self.collector.empty_namespace(stored.name)

    def _collected(self, bucket: BucketKey, stored: Stored) -> None:
        """The collector has deleted an object."""
        if bucket == _DEFINITIONS:
            self.custom.withdraw(stored.name)
        else:
            self.custom.released(bucket)

    def _delete_definition(self, stored: Stored) -> None:
        obj = self.cluster.decode(stored, self.cluster.registry.find(CRDS))
        if 'deletionTimestamp' not in obj['metadata']:
            self.custom.delete(stored, obj)

    def _deleted(self, definition: Definition, stored: Stored, gone: bool) -> None:
        if gone:
            self._removed(definition, stored)
        elif self.cluster.controllers:
            if definition.resource == NAMESPACES:
                self.collector.empty_namespace(stored.name)
            else:
                self.collector.marked(definition.bucket, stored.key)

    def _rbac_revision(self) -> Any:
        buckets = [self.cluster.store.bucket((_RBAC, plural)) for plural in _RBAC_PLURALS]
        return tuple(each.dropped + len(each.log) for each in buckets)

    def _find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        definition = self.cluster.registry.find(resource)
        if definition is None:
            return None
        stored = self.cluster.get(definition, namespace, name)
        return None if stored is None else self.cluster.decode(stored, definition)


_RBAC_PLURALS = ('roles', 'clusterroles', 'rolebindings', 'clusterrolebindings')
