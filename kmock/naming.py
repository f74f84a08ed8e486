"""Names of Kubernetes things: resources, calls (verb, resource, namespace, name, subresource), and the URL grammar.

`Resource` is one resource type; `resource` is what users write to name one, or several, by some of its parts.

Source: the Kubernetes API concepts, "Resource URIs" and "API verbs"; the verbs are those of the audit log and RBAC.
Nothing here knows which resources exist.
"""

import dataclasses
import enum
import re
import urllib.parse
from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

__all__ = [
    'Call',
    'Resource',
    'Selectable',
    'action',
    'is_true',
    'methods_of',
    'parse_call',
    'parse_resource',
    'resource',
    'split_target',
]

_VERSION = r'(?P<version>v[0-9]+(?:(?:alpha|beta)[0-9]+)?)'
_PLURAL = r'(?P<plural>[a-z][a-z0-9-]*)'
_GROUP = r'(?P<group>[a-z0-9][a-z0-9.-]*)'
_NOTATIONS = (
    re.compile(rf'(?:{_GROUP}/)?{_VERSION}/{_PLURAL}'),
    re.compile(rf'{_PLURAL}\.{_VERSION}(?:\.{_GROUP})?'),
)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Resource:
    """A resource type, such as `pods` of `v1` or `kopfexamples` of `kopf.dev/v1`.

    The core group is the empty string. `str()` gives the form `plural.version[.group]`.
    """

    group: str
    version: str
    plural: str

    def __str__(self) -> str:
        return '.'.join(part for part in (self.plural, self.version, self.group) if part)

    @property
    def path(self) -> str:
        """The path of the cluster-wide list, e.g. `/api/v1/pods`, `/apis/kopf.dev/v1/kopfexamples`."""
        prefix = f'/apis/{self.group}' if self.group else '/api'
        return f'{prefix}/{self.version}/{self.plural}'


@runtime_checkable
class Selectable(Protocol):
    """Anything that names a resource type by its parts; it can stand wherever a resource can."""

    @property
    def group(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def plural(self) -> str: ...


class resource:  # noqa: N801  (a word that users type)
    """A resource type as users name it; a part that is None may be anything.

    `resource('v1/pods')`, `resource('pods.v1')`, `resource('kopf.dev/v1/kopfexamples')`,
    `resource('kopf.dev', 'v1', 'kopfexamples')`, `resource(group='kopf.dev')`, `resource(any object with such parts)`.

    Raises:
        ValueError: the text is in none of the notations, or nothing is named at all.
    """

    __slots__ = ('group', 'plural', 'version')

    group: str | None
    version: str | None
    plural: str | None

    def __init__(
        self, *name: Any, group: str | None = None, version: str | None = None, plural: str | None = None
    ) -> None:
        if name:
            named = _read_name(name)
            group = _agreed('group', named.group, group)
            version = _agreed('version', named.version, version)
            plural = _agreed('plural', named.plural, plural)
        if group is None and version is None and plural is None:
            raise ValueError(
                "resource() names nothing. Name a part at least: resource('v1/pods'), resource(group=...)."
            )
        self.group, self.version, self.plural = group, version, plural

    @property
    def full(self) -> 'Resource | None':
        """The resource type, if all of its parts are named."""
        if self.group is None or self.version is None or self.plural is None:
            return None
        return Resource(self.group, self.version, self.plural)

    def matches(self, other: 'Resource') -> bool:
        """Tell whether a resource type has all the parts that are named here."""
        return (
            (self.plural is None or self.plural == other.plural)
            and (self.group is None or self.group == other.group)
            and (self.version is None or self.version == other.version)
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, resource | Resource):
            return (self.group, self.version, self.plural) == (other.group, other.version, other.plural)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.group, self.version, self.plural))

    def __str__(self) -> str:
        return str(self.full) if self.full else repr(self)

    def __repr__(self) -> str:
        if self.full:
            return f'resource({str(self.full)!r})'
        parts = {'group': self.group, 'version': self.version, 'plural': self.plural}
        return f'resource({", ".join(f"{key}={value!r}" for key, value in parts.items() if value is not None)})'


def parse_resource(text: str) -> resource | None:
    """Read `v1/pods`, `pods.v1`, `group/version/plural` or `plural.version.group`; None for any other text."""
    for notation in _NOTATIONS:
        found = notation.fullmatch(text)
        if found:
            return resource(group=found['group'] or '', version=found['version'], plural=found['plural'])
    return None


def _agreed(part: str, named: str | None, given: str | None) -> str | None:
    if named is not None and given is not None and named != given:
        raise ValueError(f'The resource is named with the {part} {named!r}, but given {part}={given!r}.')
    return given if named is None else named


def _read_name(name: tuple[Any, ...]) -> Any:
    """What is named by positional arguments: one string, its parts, or an object that has the parts."""
    if len(name) == 1 and not isinstance(name[0], str):
        if all(hasattr(name[0], part) for part in ('group', 'version', 'plural')):
            return name[0]
        raise ValueError(f'{name[0]!r} names no resource: it has no group, version and plural.')
    text = '/'.join(str(part) for part in name if part)
    found = parse_resource(text)
    if found is None and re.fullmatch(_PLURAL, text):
        return resource(plural=text)
    if found is None:
        raise ValueError(f"{text!r} names no resource. Write it as 'v1/pods', 'pods.v1' or 'group/v1/plural'.")
    return found


class action(enum.StrEnum):  # noqa: N801  (a word that users type)
    """What a request does to a resource, told from its method and URL. Patches count as updates."""

    LIST = 'list'
    WATCH = 'watch'
    FETCH = 'fetch'
    CREATE = 'create'
    UPDATE = 'update'
    DELETE = 'delete'

    @classmethod
    def _missing_(cls, value: object) -> 'action | None':
        return cls._value2member_map_.get(value.lower()) if isinstance(value, str) else None  # type: ignore[return-value]


_ACTIONS = {
    'get': action.FETCH,
    'list': action.LIST,
    'watch': action.WATCH,
    'create': action.CREATE,
    'update': action.UPDATE,
    'patch': action.UPDATE,
    'delete': action.DELETE,
    'deletecollection': action.DELETE,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request to a resource means in Kubernetes.

    `verb` is one of get, list, watch, create, update, patch, delete, deletecollection (as in RBAC and audit),
    or the lower-cased HTTP method where Kubernetes has no word for it. `namespace` and `name` are None where
    the URL has none; `subresource` keeps the rest of a long path, e.g. `proxy/metrics`.
    """

    verb: str
    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None

    @property
    def action(self) -> action | None:
        """The verb in the coarser words of the DSL; None where these have no word for it."""
        return _ACTIONS.get(self.verb)


_COLLECTION_VERBS = {'GET': 'list', 'HEAD': 'list', 'POST': 'create', 'DELETE': 'deletecollection'}
_ITEM_VERBS = {'GET': 'get', 'HEAD': 'get', 'POST': 'create', 'PUT': 'update', 'PATCH': 'patch', 'DELETE': 'delete'}
_NAMESPACE_SUBRESOURCES = frozenset({'status', 'finalize'})


def methods_of(wanted: action) -> frozenset[str] | None:
    """The HTTP methods that such requests can have, upper-case; None if it can be any: /api/v1/watch/... is a watch."""
    if wanted is action.WATCH:
        return None
    verbs = {verb for verb, meant in _ACTIONS.items() if meant is wanted}
    known = {method for table in (_COLLECTION_VERBS, _ITEM_VERBS) for method, verb in table.items() if verb in verbs}
    # Methods that Kubernetes has no word for are verbs themselves, be they called PATCH or LIST.
    return frozenset(known | {verb.upper() for verb in verbs})


def split_target(target: str) -> tuple[str, str]:
    """Split what stands in a request line into the raw path and the raw query (without the question mark)."""
    path, _, query = target.partition('?')
    return path, query


def is_true(value: str) -> bool:
    """Tell whether the value of a query parameter that is present means yes.

    As in apimachinery's conversion of strings to booleans: all but `0` and `false` (any case) is true,
    the empty string included.
    """
    return value.lower() not in {'0', 'false'}


def parse_call(method: str, path: str, params: Iterable[tuple[str, str]] = ()) -> Call | None:
    """Read a request to a resource out of its URL; None for anything else (discovery, health, other APIs).

    Args:
        method: the HTTP method, upper-case.
        path: the raw path, still percent-encoded.
        params: the decoded query.
    """
    parts = path.strip('/').split('/')
    if '%' in path:
        parts = [urllib.parse.unquote(part) for part in parts]
    match parts:
        case ['api', version, *rest]:
            group = ''
        case ['apis', group, version, *rest]:
            pass
        case _:
            return None

    # The deprecated form /api/v1/watch/pods is a watch without ?watch=true.
    watching = rest[:1] == ['watch'] and len(rest) > 1
    if watching:
        rest = rest[1:]

    namespace: str | None = None
    if rest[:1] == ['namespaces'] and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _NAMESPACE_SUBRESOURCES):
        namespace, rest = rest[1], rest[2:]
    if not rest or not all(rest):
        return None

    plural, name, subresource = rest[0], rest[1] if len(rest) > 1 else None, '/'.join(rest[2:]) or None
    if name is None:
        verb = _COLLECTION_VERBS.get(method, method.lower())
    else:
        verb = _ITEM_VERBS.get(method, method.lower())
    if watching or (verb == 'list' and any(key == 'watch' and is_true(value) for key, value in params)):
        verb = 'watch'
    return Call(
        verb=verb,
        resource=Resource(group, version, plural),
        namespace=namespace,
        name=name,
        subresource=subresource,
    )
