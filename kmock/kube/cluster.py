"""The cluster: what the rooms of the emulator share, and one request as all of them see it."""

import dataclasses
import datetime
import random
from typing import Any

from kmock.clock import Clock, LoopClock
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.resources.registry import Registry
from kmock.kube.store import BucketKey, Key, Store, Stored
from kmock.messages import Request
from kmock.naming import Call, Resource

__all__ = ['NAMESPACES', 'SERVER', 'Cluster', 'Operation', 'make_key', 'timestamp']

NAMESPACES = Resource('', 'v1', 'namespaces')
SERVER = 'kube-apiserver'
"""The manager of the fields that the API server sets on its own."""

_KNOWN_NAMESPACES = 1000


def make_key(namespace: str | None, name: str) -> Key:
    """The key of an object in the store."""
    return f'{namespace}/{name}' if namespace else name


def timestamp(moment: datetime.datetime) -> str:
    """A moment as `metav1.Time`: whole seconds of UTC."""
    return moment.astimezone(datetime.UTC).isoformat(timespec='seconds')[:19] + 'Z'


class Cluster:
    """The state of an emulated cluster, and its settings.

    Attributes:
        controllers: whether owner references and namespaces are looked after, as controllers do in a real cluster.
    """

    def __init__(
        self,
        *,
        store: Store | None = None,
        registry: Registry | None = None,
        clock: Clock | None = None,
        controllers: bool = True,
        seed: int | None = None,
    ) -> None:
        self.store = store or Store()
        self.registry = Registry() if registry is None else registry
        self.clock: Clock = clock or LoopClock()
        self.controllers = controllers
        self.random = random.Random(seed)
        self.reshaped: dict[BucketKey, int] = {}
        """The revisions at which schemas of custom resources changed: older objects are read by way of the new one."""
        self.seeded: set[tuple[BucketKey, Key]] = set()
        """What is there at start without anybody having created it; it doesn't count as objects of a test."""
        self._namespaces: dict[str, tuple[Stored, Json]] = {}
        self._decoded: dict[Resource, tuple[int, tuple[Json, ...]]] = {}
        self._told: tuple[datetime.datetime | None, str] = (None, '')

    @property
    def verbatim(self) -> bool:
        """Whether objects are kept and given as they are, nothing added."""
        return self.registry.verbatim

    def now(self) -> str:
        """The time as on the wire; it is asked for several times a write, and changes once a second."""
        second = self.clock.wall().replace(microsecond=0)
        told, text = self._told
        if told != second:
            text = timestamp(second)
            self._told = (second, text)
        return text

    def later(self, seconds: float) -> str:
        """The time so many seconds from now; as Go's durations, 64 bits of nanoseconds, they wrap around."""
        nanoseconds = (int(seconds * 10**9) + 2**63) % 2**64 - 2**63
        return timestamp(self.clock.wall() + datetime.timedelta(microseconds=nanoseconds // 1000))

    def uid(self) -> str:
        """A new UUID (version 4)."""
        digits = f'{self.random.getrandbits(128):032x}'
        variant = '89ab'[int(digits[16], 16) % 4]
        return f'{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}'

    def read(self, resource: Resource) -> tuple[Json, ...]:
        """All objects of a resource type, decoded once until one of them changes. Not to be changed."""
        definition = self.registry.find(resource)
        bucket = (resource.group, resource.plural) if definition is None else definition.bucket
        found = self.store.bucket(bucket)
        if not found.objects:
            return ()
        state = found.dropped + len(found.log)
        cached = self._decoded.get(resource)
        if cached is None or cached[0] != state:
            cached = (state, tuple(self.decode(each, definition) for each in self.store.all(bucket)))
            self._decoded[resource] = cached
        return cached[1]

    def decode(self, stored: Stored, definition: Definition | None) -> Json:
        """An object as a definition's version has it, made anew."""
        body = stored.decode()
        if definition is None or definition.verbatim:
            return body
        if definition.conversion is not None:
            body = definition.conversion.read(body)
        return {'apiVersion': definition.api_version, 'kind': definition.kind, **body}

    def put(self, definition: Definition, key: Key, obj: Json) -> Stored:
        """Write an object of a definition's version to the store; its resourceVersion is set."""
        if definition.conversion is None:
            return self.store.put(definition.bucket, key, obj).after
        stored = definition.conversion.write(obj)
        event = self.store.put(definition.bucket, key, stored)
        obj['metadata']['resourceVersion'] = stored['metadata']['resourceVersion']
        return event.after

    def get(self, definition: Definition, namespace: str | None, name: str) -> Stored | None:
        return self.store.get(definition.bucket, make_key(namespace, name))

    def namespace(self, name: str) -> Json | None:
        """A namespace, decoded; None if there is none. Not to be changed."""
        stored = self.store.get((NAMESPACES.group, NAMESPACES.plural), name)
        if stored is None:
            return None
        known = self._namespaces.get(name)
        if known is None or known[0] is not stored:
            known = self._namespaces[name] = (stored, self.decode(stored, self.registry.find(NAMESPACES)))
            if len(self._namespaces) > _KNOWN_NAMESPACES:
                del self._namespaces[next(iter(self._namespaces))]
        return known[1]


@dataclasses.dataclass(slots=True, kw_only=True)
class Operation:
    """One request to a resource, understood: what is asked of what by whom, and the warnings on the way to its answer.

    Attributes:
        user: who asks (access.User).
        form: how the answer is wanted (negotiation.Form).
        written: what the request has written, once it has.
        fits: whether the object in the body is known to be as its schema wants it, with all defaults (`fitting`).
        deadline: until when webhooks may be asked, once one was.
    """

    request: Request
    call: Call
    definition: Definition
    user: Any
    form: Any
    warnings: list[str] = dataclasses.field(default_factory=list)
    written: Stored | None = None
    fits: bool = False
    deadline: float | None = None

    @property
    def namespace(self) -> str | None:
        return self.call.namespace

    @property
    def name(self) -> str:
        return self.call.name or ''

    @property
    def key(self) -> Key:
        return make_key(self.call.namespace, self.name)

    @property
    def subresource(self) -> str:
        return self.call.subresource or ''

    @property
    def strict(self) -> bool:
        """Whether the resource type is treated as a real server treats it."""
        return self.definition.origin is not Origin.LOOSE

    @property
    def params(self) -> dict[str, str]:
        """The query; of repeated keys the first one, as Go's url.Values.Get has it."""
        params: dict[str, str] = {}
        for key, value in self.request.params.items():
            params.setdefault(key, value)
        return params
