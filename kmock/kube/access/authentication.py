"""Authentication: who makes a request, by certificate or bearer token, and as whom by its impersonation headers.

Source: the Kubernetes documentation, "Authenticating"; a wrong token is 401, none at all is the anonymous user.
"""

import base64
import binascii
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kmock.kube.access.attributes import Attributes
from kmock.kube.access.authorization import aggregate
from kmock.kube.access.impersonation import Allowed, impersonate, wanted_user
from kmock.kube.access.tokens import TokenError, Tokens
from kmock.kube.access.users import ADMIN, ANONYMOUS, User, Users
from kmock.kube.statuses import unauthorized

__all__ = ['Checked', 'authenticate', 'bearer_token', 'certificate_user', 'check_token', 'names_nobody']

_INVALID = 'invalid bearer token'
_PROTOCOL = 'base64url.bearer.authorization.k8s.io.'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a token: the user and the audiences that it is for, or the error."""

    user: User | None = None
    audiences: tuple[str, ...] = ()
    error: str = ''


def _everything(user: User, attributes: Attributes) -> tuple[bool, str]:
    return True, ''


def authenticate(
    users: Users,
    tokens: Tokens,
    headers: Mapping[str, str],
    *,
    request: Attributes | None = None,
    allowed: Allowed | None = None,
    certificate: Mapping[str, Any] | None = None,
) -> User:
    """Who makes a request. Without declared users, whoever has no token of a service account is the administrator.

    Args:
        headers: of the request; a multidict, so that repeated ones are seen.
        request: what is to be done, for impersonation.
        allowed: whether somebody may impersonate; None if everybody may.
        certificate: that of the client, verified, as `ssl.SSLSocket.getpeercert()` gives it. It goes before a token.

    Raises:
        StatusError: 401 for a token that is none of the cluster's, 403 for an impersonation that is not allowed.
    """
    user = certificate_user(certificate) if certificate else None
    if user is None:
        token = bearer_token(headers)
        user = _declared_user(users, tokens, token) if users else _open_user(tokens, token)
    return impersonate(user, headers, request, allowed if allowed is not None and users else _everything)


def names_nobody(headers: Mapping[str, str]) -> bool:
    """Whether a request comes without a token and without impersonation, as most do where access is open."""
    if 'Authorization' in headers or 'Sec-WebSocket-Protocol' in headers:
        return False
    return wanted_user(headers) is None


def certificate_user(certificate: Mapping[str, Any]) -> User | None:
    """Whom a client certificate names: its common name, in the groups of its organizations. None without such a name.

    Source: the Kubernetes documentation, "X509 client certificates".
    """
    parts = [pair for part in certificate.get('subject', ()) for pair in part]
    names = [value for key, value in parts if key == 'commonName']
    groups = tuple(value for key, value in parts if key == 'organizationName')
    return User(name=names[-1], groups=groups).authenticated if names and names[-1] else None


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token in `Authorization: Bearer …`, or in the subprotocols of a WebSocket; None if there is none.

    Any other scheme, and a Bearer without a token, count as none.
    """
    parts = headers.get('Authorization', '').strip().split(' ', 2)
    if len(parts) >= 2 and parts[0].lower() == 'bearer' and parts[1]:
        return parts[1]
    offered = headers.get('Sec-WebSocket-Protocol', '')
    for protocol in (each.strip() for each in offered.split(',')):
        if protocol.startswith(_PROTOCOL):
            return _decode(protocol[len(_PROTOCOL) :])
    return None


def check_token(users: Users, tokens: Tokens, token: str, audiences: Sequence[str] = ()) -> Checked:
    """What a token is worth, as TokenReview tells it.

    Args:
        audiences: those that the token must be for (one of them); none for the API server's own.
    """
    wanted = tuple(audiences) or tokens.audiences
    own = tuple(each for each in wanted if each in tokens.audiences)
    user = users.of_token(token)
    if user is not None and own:
        return Checked(user=user, audiences=own)
    try:
        verified = tokens.verify(token, wanted)
    except TokenError as error:
        return Checked(error=aggregate([_INVALID, str(error)]))
    if verified is None:
        return Checked(error=_INVALID)
    return Checked(user=verified.user, audiences=verified.audiences)


def _declared_user(users: Users, tokens: Tokens, token: str | None) -> User:
    if token is None:
        return ANONYMOUS
    found = check_token(users, tokens, token).user
    if found is None:
        raise unauthorized()
    return found


def _open_user(tokens: Tokens, token: str | None) -> User:
    """Access is open: only the tokens of service accounts mean anything; whatever else comes is let in."""
    if token is None:
        return ADMIN
    try:
        verified = tokens.verify(token, tokens.audiences)
    except TokenError:
        return ADMIN
    return ADMIN if verified is None else verified.user


def _decode(encoded: str) -> str | None:
    try:
        padded = encoded + '=' * (-len(encoded) % 4)
        return base64.b64decode(padded, altchars=b'-_', validate=True).decode('utf-8') or None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
