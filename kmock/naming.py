"""Names of Kubernetes things: resources, calls (verb, resource, namespace, name, subresource), and the URL grammar.

Source: the Kubernetes API concepts, "Resource URIs" and "API verbs"; the verbs are those of the audit log and RBAC.
Nothing here knows which resources exist.
"""

import dataclasses
import urllib.parse
from collections.abc import Iterable

__all__ = ['Call', 'Resource', 'is_true', 'parse_call', 'split_target']


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


_COLLECTION_VERBS = {'GET': 'list', 'HEAD': 'list', 'POST': 'create', 'DELETE': 'deletecollection'}
_ITEM_VERBS = {'GET': 'get', 'HEAD': 'get', 'POST': 'create', 'PUT': 'update', 'PATCH': 'patch', 'DELETE': 'delete'}
_NAMESPACE_SUBRESOURCES = frozenset({'status', 'finalize'})


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
    parts = [urllib.parse.unquote(part) for part in path.strip('/').split('/')]
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
