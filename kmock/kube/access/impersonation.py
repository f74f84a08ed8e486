"""Impersonation: acting as another user by the Impersonate-* headers, where the roles of the one who asks allow it.

The modes are asked one after the other; the first that allows it makes the user, else the first refusal is answered.
The constrained ones (`impersonate:user-info` and so on) also ask whether the very request may be made in the mode;
the last one is the old `impersonate` verb, by which everything may be done as the other.

Source: the Kubernetes documentation, "User impersonation", and KEP-5284; the refusals are those of the real server.
"""

import dataclasses
import json
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from multidict import CIMultiDict

from kmock.kube.access.attributes import Attributes, forbidden_status
from kmock.kube.access.users import ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, User, service_account_of
from kmock.kube.statuses import StatusError, bad_request
from kmock.kube.values.names import dns1123_subdomain

__all__ = ['Allowed', 'impersonate', 'wanted_user']

Allowed: TypeAlias = Callable[[User, Attributes], tuple[bool, str]]
"""Whether a user may do something, and why: `Authorizer.allowed`."""

_USER = 'Impersonate-User'
_UID = 'Impersonate-Uid'
_GROUP = 'Impersonate-Group'
_EXTRA = 'impersonate-extra-'
_AUTHENTICATION = ('authentication.k8s.io', 'v1')
_CORE = ('', 'v1')
_NODE = 'system:node:'
_NODE_NAME = 'authentication.kubernetes.io/node-name'


def impersonate(user: User, headers: Mapping[str, str], request: Attributes | None, allowed: Allowed) -> User:
    """The user that the headers ask for; the same user where they ask for none.

    Args:
        user: who makes the request.
        headers: of the request, read case-insensitively if they are a multidict.
        request: what is to be done as the other user; None if only the old `impersonate` verb is to count.

    Raises:
        StatusError: 403 when no mode allows it, 400 when something but no user is to be impersonated.
    """
    wanted = wanted_user(headers)
    if wanted is None:
        return user
    refusals: list[StatusError] = []
    for mode, checks in _attempts(user, wanted, request):
        refusal = _first_refusal(user, checks, allowed)
        if refusal is None:
            return _impersonated(wanted, constrained=bool(mode))
        refusals.append(refusal)
    raise refusals[0]


def _attempts(user: User, wanted: User, request: Attributes | None) -> Iterator[tuple[str, list['_Check']]]:
    """The modes and what must be allowed for each; the old one, which comes last, has no name."""
    if request is not None:
        for mode in _modes(user, wanted):
            on = dataclasses.replace(request, verb=f'impersonate-on:{mode}:{request.verb}')
            yield mode, [(on, ''), *_checks(wanted, f'impersonate:{mode}', constrained=True)]
    yield '', list(_checks(wanted, 'impersonate', constrained=False))


def wanted_user(headers: Mapping[str, str]) -> User | None:
    """The user in the headers, as it stands there: without the groups that are added to it. None if there is none.

    Raises:
        StatusError: 400 when a uid, groups or extra are to be impersonated without a user.
    """
    for key in headers:
        if key[:12].lower() == 'impersonate-':
            break
    else:
        return None
    read = headers if hasattr(headers, 'getall') else CIMultiDict(headers)
    extra: dict[str, list[str]] = {}
    groups: list[str] = []
    some_extra = False
    for key, raw in read.items():
        value = _text(raw)
        if key.lower() == _GROUP.lower():
            groups.append(value)
        elif key.lower().startswith(_EXTRA):
            extra.setdefault(urllib.parse.unquote(key.lower()[len(_EXTRA) :]), []).append(value)
            some_extra = True
    name, uid = _text(read.get(_USER, '')), _text(read.get(_UID, ''))
    if not name and (groups or uid or some_extra):
        raise bad_request(f'requested {_go_user(uid, groups, extra)} without impersonating a user name')
    if not name:
        return None
    pairs = tuple((key, tuple(values)) for key, values in extra.items())
    return User(name=name, uid=uid, groups=tuple(groups), extra=pairs)


def _text(value: str) -> str:
    """The value of a header without lone surrogates, which stand for bytes that are no UTF-8 and can't be answered."""
    return value if value.isascii() else value.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')


def _go_user(uid: str, groups: list[str], extra: Mapping[str, list[str]]) -> str:
    """A user without a name as Go prints the structure."""
    listed = '[]string(nil)' if not groups else f'[]string{{{", ".join(map(json.dumps, groups))}}}'
    pairs = ', '.join(
        f'{json.dumps(key)}:[]string{{{", ".join(map(json.dumps, values))}}}' for key, values in sorted(extra.items())
    )
    mapped = f'map[string][]string{{{pairs}}}' if extra else 'map[string][]string(nil)'
    return f'&user.DefaultInfo{{Name:"", UID:{json.dumps(uid)}, Groups:{listed}, Extra:{mapped}}}'


def _modes(user: User, wanted: User) -> Iterator[str]:
    """The constrained modes that are meant for such a user, in the order in which they are asked."""
    node, account = _node_of(wanted.name), service_account_of(wanted.name)
    only_name = not (wanted.uid or wanted.groups or wanted.extra)
    if node is not None and only_name:
        if service_account_of(user.name) and dict(user.extra).get(_NODE_NAME) == (node,):
            yield 'associated-node'
        yield 'arbitrary-node'
    if account is not None and only_name:
        yield 'serviceaccount'
    if node is None and account is None:
        yield 'user-info'


def _node_of(username: str) -> str | None:
    name = username.removeprefix(_NODE)
    return name if name != username and not dns1123_subdomain(name, False) else None


_Check: TypeAlias = tuple[Attributes, str]
"""What must be allowed; and a reason why it is not, whatever the roles say (or an empty string)."""


def _checks(wanted: User, verb: str, *, constrained: bool) -> Iterator[_Check]:
    group, version = _AUTHENTICATION if constrained else _CORE
    name = Attributes(verb=verb, group=group, version=version, resource='users', name=wanted.name)
    node, account = _node_of(wanted.name), service_account_of(wanted.name)
    if constrained and node is not None:
        # A service account may be allowed to be its own node, whichever that is; so this mode names none.
        any_node = verb == 'impersonate:associated-node'
        name = dataclasses.replace(name, resource='nodes', name='*' if any_node else node)
    if account is not None:
        name = dataclasses.replace(name, resource='serviceaccounts', namespace=account[0], name=account[1])
    yield name, ''
    asked = Attributes(verb=verb, group='authentication.k8s.io', version='v1', resource='uids')
    if wanted.uid:
        yield dataclasses.replace(asked, name=wanted.uid), ''
    for each in wanted.groups:
        one = Attributes(verb=verb, group=group, version=version, resource='groups', name=each)
        yield one, _never(each) if constrained else ''
    for key, values in wanted.extra:
        for value in values:
            yield dataclasses.replace(asked, resource='userextras', subresource=key, name=value), ''


def _never(group: str) -> str:
    if not group:
        return 'impersonating the empty string group is not allowed'
    return f'impersonating the {MASTERS} group is not allowed' if group == MASTERS else ''


def _first_refusal(user: User, checks: Iterable[_Check], allowed: Allowed) -> StatusError | None:
    for attributes, never in checks:
        if never:
            return forbidden_status(user, attributes, never)
        fine, why = allowed(user, attributes)
        if not fine:
            return forbidden_status(user, attributes, why)
    return None


def _impersonated(wanted: User, *, constrained: bool) -> User:
    """The wanted user with the groups that such users always have."""
    groups = wanted.groups
    account = service_account_of(wanted.name)
    if constrained and _node_of(wanted.name) is not None:
        groups = ('system:nodes',)
    elif account is not None and not groups:
        groups = ('system:serviceaccounts', f'system:serviceaccounts:{account[0]}')
    if wanted.name == ANONYMOUS.name:
        added = UNAUTHENTICATED
    else:
        added = '' if UNAUTHENTICATED in groups else AUTHENTICATED
    if added and added not in groups:
        groups = (*groups, added)
    return dataclasses.replace(wanted, groups=groups)
