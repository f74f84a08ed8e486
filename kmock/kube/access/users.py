"""Users: who may log in to the emulated cluster, and who a request is made by. Nothing here decides what they may do.

Source: the Kubernetes documentation, "Authenticating"; the built-in groups are those of the real API server.
"""

import dataclasses
import types
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

__all__ = [
    'ADMIN',
    'ANONYMOUS',
    'AUTHENTICATED',
    'MASTERS',
    'UNAUTHENTICATED',
    'User',
    'Users',
    'service_account_name',
    'service_account_of',
    'user_info',
]

MASTERS = 'system:masters'
"""The group that may do everything, whatever the roles say."""
AUTHENTICATED = 'system:authenticated'
UNAUTHENTICATED = 'system:unauthenticated'

_PARTS = frozenset({'token', 'groups', 'uid', 'extra'})
_SERVICE_ACCOUNT = 'system:serviceaccount:'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who makes a request, as admission webhooks and reviews see it. `extra` is keys and their values, in order."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ''
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def authenticated(self) -> 'User':
        """The user with the group of all authenticated ones, unless the groups say otherwise already."""
        if self.name == ANONYMOUS.name or AUTHENTICATED in self.groups or UNAUTHENTICATED in self.groups:
            return self
        return dataclasses.replace(self, groups=(*self.groups, AUTHENTICATED))


ANONYMOUS = User(name='system:anonymous', groups=(UNAUTHENTICATED,))
ADMIN = User(name='kubernetes-admin', groups=(MASTERS, AUTHENTICATED))
"""Whoever calls a cluster that has no users: access is open."""


def user_info(user: User) -> dict[str, Any]:
    """A user as `userInfo` of reviews and admission: `{'username', 'uid', 'groups', 'extra'}`, empty parts left out."""
    info: dict[str, Any] = {'username': user.name, 'uid': user.uid, 'groups': list(user.groups)}
    info['extra'] = {key: list(values) for key, values in sorted(user.extra)}
    return {key: value for key, value in info.items() if value}


def service_account_name(namespace: str, name: str) -> str:
    return f'{_SERVICE_ACCOUNT}{namespace}:{name}'


def service_account_of(username: str) -> tuple[str, str] | None:
    """The namespace and the name in `system:serviceaccount:<namespace>:<name>`; None for any other user."""
    if not username.startswith(_SERVICE_ACCOUNT):
        return None
    namespace, colon, name = username.removeprefix(_SERVICE_ACCOUNT).partition(':')
    return (namespace, name) if colon and namespace and name and ':' not in name else None


class Users(MutableMapping[str, Mapping[str, Any]]):
    """Users by name: `users['admin'] = {'token': 'secret', 'groups': ['system:masters']}`. Without any, access is open.

    All parts may be left out: `token` (str: who can't log in can still be impersonated), `groups` (a list of str),
    `uid` (str; the name if it is not given), `extra` (keys and lists of values).

    Raises:
        ValueError: when assigned: an unknown part, a part of a wrong type, or a token that another user has.
    """

    def __init__(self, users: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._declared: dict[str, Mapping[str, Any]] = {}
        self._users: dict[str, User] = {}
        self._tokens: dict[str, str] = {}
        self.update(users or {})

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        return self._declared[name]

    def __setitem__(self, name: str, parts: Mapping[str, Any]) -> None:
        user = _read_user(name, parts)
        token = parts.get('token')
        if token is not None and self._tokens.get(token, name) != name:
            raise ValueError(f'The users {self._tokens[token]!r} and {name!r} have the same token. Give each its own.')
        if name in self._declared:
            self._forget_token(name)
        self._declared[name] = types.MappingProxyType(dict(parts))
        self._users[name] = user
        if token is not None:
            self._tokens[token] = name

    def __delitem__(self, name: str) -> None:
        self._forget_token(name)
        del self._declared[name]
        del self._users[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)

    def __repr__(self) -> str:
        return f'<Users {", ".join(self._declared) or "(access is open)"}>'  # never the tokens

    def of_token(self, token: str) -> User | None:
        """Who has this token, with `system:authenticated` among the groups."""
        name = self._tokens.get(token)
        return None if name is None else self._users[name].authenticated

    def _forget_token(self, name: str) -> None:
        token = self._declared[name].get('token')
        if token is not None:
            self._tokens.pop(token, None)


def _read_user(name: Any, parts: Any) -> User:
    if not isinstance(name, str) or not name:
        raise ValueError(f'{name!r} is no name of a user: it must be a non-empty string.')
    if not isinstance(parts, Mapping):
        raise ValueError(f"The user {name!r} must be a mapping such as {{'token': ..., 'groups': [...]}}.")
    unknown = sorted(str(key) for key in parts.keys() - _PARTS)
    if unknown:
        raise ValueError(f'The user {name!r} has unknown parts: {", ".join(unknown)}. Known: {", ".join(_PARTS)}.')
    token, uid = parts.get('token'), parts.get('uid', name)
    if token is not None and (not isinstance(token, str) or not token or token.split() != [token]):
        raise ValueError(f'The token of the user {name!r} must be a non-empty string without spaces.')
    if not isinstance(uid, str):
        raise ValueError(f'The uid of the user {name!r} must be a string, not {uid!r}.')
    groups = _strings(parts.get('groups', ()), f'The groups of the user {name!r}')
    extra = parts.get('extra', {})
    if not isinstance(extra, Mapping):
        raise ValueError(f'The extra of the user {name!r} must be a mapping of keys to lists of strings.')
    pairs = tuple(
        (str(key), _strings(values, f'The extra {key!r} of the user {name!r}')) for key, values in extra.items()
    )
    return User(name=name, groups=groups, uid=uid, extra=pairs)


def _strings(values: Any, what: str) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f'{what} must be a list of strings, not {values!r}.')
    listed = tuple(values)
    if not all(isinstance(each, str) for each in listed):
        raise ValueError(f'{what} must be strings, not {values!r}.')
    return listed
