"""The handlers that speak Kubernetes: KubernetesScaffold (discovery and errors), KubernetesEmulator (a cluster).

A request to the emulator goes: log → rules → other responders → cassette → emulated cluster → fallback rules.
"""

import collections
import functools
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from kmock import errors
from kmock.chain import Responder
from kmock.errors import BodyTooLongError, KubernetesError, NoAnswerError, UnmatchedError
from kmock.handlers import RawHandler, StreamWriter
from kmock.hydrated import Hydrated, is_of_kubernetes
from kmock.kube import objects
from kmock.kube.access import Users
from kmock.kube.emulator import Emulator
from kmock.kube.manifests import Manifests
from kmock.kube.objects import ObjectsArray
from kmock.kube.resources import array as resources
from kmock.kube.resources.array import ResourcesArray
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.scaffold import Scaffold
from kmock.kube.store import EVENT_LOG, HISTORY, Store
from kmock.messages import Answer, Request
from kmock.naming import Resource
from kmock.rules.book import RuleBook
from kmock.rules.diagnosis import nearly_met
from kmock.webhooks import WebhookClient

__all__ = ['KubernetesEmulator', 'KubernetesScaffold']

_IN_THE_API = re.compile('/apis?(/|$)')
_READING = frozenset({'GET', 'HEAD', 'OPTIONS'})
_REMEMBERED = 20


class _Names:
    """The common public names of Kubernetes, on the handler: the fixture shadows the module's name in a test."""

    KubernetesNotFoundError = errors.KubernetesNotFoundError
    KubernetesEndpointNotFoundError = errors.KubernetesEndpointNotFoundError
    KubernetesResourceNotFoundError = errors.KubernetesResourceNotFoundError
    KubernetesObjectNotFoundError = errors.KubernetesObjectNotFoundError

    ResourcesArray = resources.ResourcesArray
    ResourceInfo = resources.ResourceInfo
    ResourceKey = resources.ResourceKey
    ResourceDict = resources.ResourceDict

    Object = objects.Object
    ObjectVersion = objects.ObjectVersion
    ObjectHistory = objects.ObjectHistory
    ObjectsArray = objects.ObjectsArray
    ObjectKey = objects.ObjectKey
    VersionKey = objects.VersionKey
    HistoryKey = objects.HistoryKey


def _check_flag(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f'{attribute.alias}={value!r}: it must be True or False.')


def _check_size(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f'{attribute.alias}={value!r}: it must be a number of 0 or more.')


def _check_log_size(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:  # without a log, watches would tell nothing
        raise ValueError(f'{attribute.alias}={value!r}: it must be a number of 1 or more.')


def _check_version(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, dict | None):
        raise ValueError(f"version={value!r}: it must be a dict, such as {{'major': '1', 'minor': '36'}}, or None.")


def _check_fallback(instance: object, attribute: Any, value: object) -> None:
    if value not in (None, 'emulator') and not callable(getattr(value, 'respond', None)):
        raise ValueError(
            f"fallback={value!r}: it must be 'emulator', None, or a responder: `async def respond(request)`."
        )


@attrs.define(slots=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class KubernetesScaffold(RawHandler, _Names):
    """A mock server with discovery, and with the errors of a Kubernetes API.

    It tells of the resource types in `resources`, and of those that rules name in full. An error is a Status as the
    body, or an ERROR event in a watch. There are no objects: what is answered neither by rules nor by discovery is
    an error 404. Arguments as of `RawHandler`, and:

    Args:
        version: the body of /version; None for that of a recent Kubernetes.
    """

    _version: dict[str, Any] | None = attrs.field(default=None, kw_only=True, repr=False, validator=_check_version)

    @functools.cached_property
    def _registry(self) -> Registry:
        return self._make_registry()

    @functools.cached_property
    def resources(self) -> ResourcesArray:
        """The resource types that are served: `kmock.resources['kopf.dev/v1/kopfexamples'] = {}` declares one."""
        return ResourcesArray(self._registry)

    @functools.cached_property
    def _surface(self) -> Responder:
        """What answers for Kubernetes: discovery alone, or a whole cluster."""
        return self._make_surface(_named_in(self._book))

    def _make_registry(self) -> Registry:
        return Registry()

    def _make_surface(self, named: Callable[[], Collection[Resource]]) -> Responder:
        return Scaffold(self._registry, named=named, version=self._version)

    def _open(self) -> None:
        assert self.resources is not None
        super()._open()

    def _chained(self) -> Iterator[Responder]:
        *others, last = super()._chained()
        yield from others
        yield _Spared(self._surface)
        yield last

    async def _handle(self, request: Request) -> Answer:
        try:
            return await super()._handle(request)
        except NoAnswerError as exc:
            return await self._unanswered(request, exc)

    async def _unanswered(self, request: Request, why: NoAnswerError) -> Answer:
        """The answer to a request that nobody answers.

        Raises:
            KubernetesNotFoundError: that is an error.
        """
        if _names_a_group(request.path):
            mend = "Declare its resources: kmock.resources['group/v1/plural'] = {}."
            raise errors.KubernetesResourceNotFoundError(message=f'Nothing is served at {request.path}. {mend}')
        raise errors.KubernetesEndpointNotFoundError(message=str(why))

    async def _render_error(self, exc: Exception) -> Answer:
        if isinstance(exc, KubernetesError | UnmatchedError):
            return await super()._render_error(exc)
        status = 413 if isinstance(exc, BodyTooLongError) else 500
        return await super()._render_error(KubernetesError(status, message=_describe(exc)))

    async def _stream_error(self, exc: Exception, response: StreamWriter) -> None:
        call = response.request.call
        if not isinstance(exc, KubernetesError) and call is not None and call.verb == 'watch':
            exc = KubernetesError(500, message=_describe(exc))
        await super()._stream_error(exc, response)


@attrs.define(slots=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class KubernetesEmulator(KubernetesScaffold):
    """A Kubernetes API in memory: stateful, validating, watched; rules override it.

    The store follows the rules: if one answers a write to a resource with success, that is also done in the cluster,
    as far as the cluster lets it. Fallback rules are asked about what the cluster doesn't serve. Under a
    cassette of a Kubernetes API, the cluster begins as that was recorded, and answers what it can't; `fallback=None`
    refuses that instead, and another responder takes the cluster's place. Arguments as of `KubernetesScaffold`, and:

    Args:
        controllers: whether owner references and namespaces are looked after, as controllers do in a real cluster.
        verbatim: whether objects are kept and given as they are, and nothing is served that is not declared.
        event_log: how many events of each resource type are kept for watches; those that fall behind end with 410.
        history: how many versions of all objects are kept in all for `objects`; 0 keeps none.
    """

    _fallback: Any = attrs.field(default='emulator', kw_only=True, repr=False, validator=_check_fallback)
    _controllers: bool = attrs.field(default=True, kw_only=True, repr=False, validator=_check_flag)
    _verbatim: bool = attrs.field(default=False, kw_only=True, repr=False, validator=_check_flag)
    _event_log: int = attrs.field(default=EVENT_LOG, kw_only=True, repr=False, validator=_check_log_size)
    _history: int = attrs.field(default=HISTORY, kw_only=True, repr=False, validator=_check_size)

    folders: list[Path] = attrs.field(init=False, repr=False, factory=list)
    """Where `load` looks for relative paths first; after these, in the current folder."""
    users: Users = attrs.field(init=False, repr=False, factory=Users)
    """Who may log in: `kmock.users['admin'] = {'token': …, 'groups': ['system:masters']}`. Empty: access is open."""
    _webhooks: WebhookClient = attrs.field(init=False, repr=False, factory=WebhookClient)
    _vain: collections.deque[Request] = attrs.field(
        init=False, repr=False, factory=lambda: collections.deque(maxlen=_REMEMBERED)
    )
    """The latest requests to resources that the cluster has answered with 404."""

    @functools.cached_property
    def emulator(self) -> Emulator:
        """The emulated cluster as a responder."""
        surface = self._surface
        assert isinstance(surface, Emulator)
        return surface

    @functools.cached_property
    def objects(self) -> ObjectsArray:
        """The objects of the cluster: `kmock.objects['kopf.dev/v1/kopfexamples', 'ns1', 'name1'] = {'spec': 123}`."""
        emulator = self.emulator
        array = ObjectsArray(emulator.cluster)
        array.written += emulator.writing.written
        array.removed += emulator.writing.removed
        return array

    @property
    def client_tokens(self) -> Mapping[str, str]:
        """The tokens of `users` by their names: servers write them into their kubeconfigs."""
        tokens = {name: parts.get('token') for name, parts in dict(self.users).items()}
        return {name: token for name, token in tokens.items() if token is not None}

    def load(self, *paths: str | os.PathLike[str]) -> None:
        """Apply manifests, as `kubectl apply --server-side --force-conflicts` does: YAML or JSON, any number in a file.

        All files are read first. Then CustomResourceDefinitions are applied, namespaces, and all else in the order
        of the files and documents. Neither webhooks nor the rights of users are asked.

        Args:
            paths: of files, of folders with such files, and patterns such as `'manifests/**/*.yaml'`.

        Raises:
            KMockError: no such file, or one that can't be read, or an object that the cluster refuses; the message
                names the file and the document.
        """
        Manifests(self.emulator).load(paths, [*self.folders, Path()])

    def _make_registry(self) -> Registry:
        registry = Registry(verbatim=self._verbatim)
        if not self._verbatim:
            load_bundled(registry)
        return registry

    def _make_surface(self, named: Callable[[], Collection[Resource]]) -> Responder:
        emulator = Emulator(
            store=Store(event_log=self._event_log, history=self._history),
            registry=self._registry,
            clock=self._clock,
            controllers=self._controllers and not self._verbatim,
            users=self.users,
            call=self._webhooks,
            version=self._version,
            named=named,
        )
        if not self._verbatim:
            emulator.start()
        return emulator

    def _open(self) -> None:
        assert self.objects is not None
        self._vain.clear()
        super()._open()

    @functools.cached_property
    def _is_asked(self) -> bool:
        """Whether the cluster is in the chain."""
        if self._player is None:
            return True
        return self._fallback == 'emulator' and is_of_kubernetes(self._player.cassette)

    def _chained(self) -> Iterator[Responder]:
        rules, *others, last = RawHandler._chained(self)
        yield _Followed(rules, self.emulator)
        for each in others:
            if each is self._player and self._is_asked:
                yield Hydrated(self._player, self.emulator, version=self._version is None)
            elif each is not self._fallback:
                yield each
        if self._is_asked:
            yield _Spared(self.emulator, self._note_vain)
        if self._fallback not in (None, 'emulator'):
            yield self._fallback
        yield last

    async def _close(self) -> None:
        try:
            await super()._close()
        finally:
            await self._webhooks.close()

    async def _handle(self, request: Request) -> Answer:
        try:
            return await super()._handle(request)
        except UnmatchedError:
            if not self._is_asked:
                raise
            return await self._missing(request)

    def _note_vain(self, request: Request) -> None:
        if request.call is not None:
            self._vain.append(request)

    def _near_misses(self) -> list[str]:
        asked = list(self._vain)  # in one step: the server's thread adds to them
        with self._book.journal.lock:
            found = [(request, nearly_met(self._book, request)) for request in asked]
        lines = [
            f'{request.method} {request.target} was answered by the emulated cluster: 404. Closest rule: {rule}'
            for request, rule in found
            if rule is not None
        ]
        return list(dict.fromkeys(lines))

    async def _unanswered(self, request: Request, why: NoAnswerError) -> Answer:
        if not request.path.startswith(('/api/', '/apis/')):  # of the API, all sorts of things are asked for in vain
            self._collect(errors.KubernetesEndpointNotFoundError(message=str(why)))
        return await self._missing(request)

    async def _missing(self, request: Request) -> Answer:
        answer = await self.emulator.respond(request) if _is_stray(request) else None
        if answer is None:
            self._note_vain(request)
        return self.emulator.missing(request) if answer is None else answer


class _Followed:
    """Rules, with a cluster that does what they have answered with success."""

    def __init__(self, rules: Responder, emulator: Emulator) -> None:
        self._rules = rules
        self._emulator = emulator

    async def respond(self, request: Request) -> Answer | None:
        answer = await self._rules.respond(request)
        if answer is not None and 200 <= answer.status < 300:
            await self._emulator.follow(request)
        return answer


class _Spared:
    """A cluster that is not asked about strays: its `/` takes any method, and would hide that they lack a rule."""

    def __init__(self, cluster: Responder, on_vain: Callable[[Request], None] | None = None) -> None:
        self._cluster = cluster
        self._on_vain = on_vain

    async def respond(self, request: Request) -> Answer | None:
        answer = None if _is_stray(request) else await self._cluster.respond(request)
        if answer is not None and answer.status == 404 and self._on_vain is not None:
            self._on_vain(request)
        return answer


def _is_stray(request: Request) -> bool:
    """Whether it writes outside of the API, as clients of Kubernetes never do."""
    return request.method not in _READING and not _IN_THE_API.match(request.path)


def _named_in(book: RuleBook) -> Callable[[], Collection[Resource]]:
    """Gives the resource types that rules name in full; looked up again only when there are more rules."""
    seen, found = -1, frozenset[Resource]()

    def named() -> Collection[Resource]:
        nonlocal seen, found
        if book.revision != seen:
            with book.journal.lock:
                seen, found = book.revision, frozenset(book.resources())
        return found

    return named


def _names_a_group(path: str) -> bool:
    """Whether it is the path of a group or of its version, which discovery would answer if there were one."""
    match path.strip('/').split('/'):
        case ['api', _] | ['apis', _] | ['apis', _, _]:
            return True
    return False


def _describe(exc: Exception) -> str:
    return f'{type(exc).__name__}: {exc}' if str(exc) else type(exc).__name__
