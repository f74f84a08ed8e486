"""Tokens of service accounts: issued by `serviceaccounts/token`, verified when they come back, and the key for both.

They are JWTs as the real server makes them, signed by an RSA key that each cluster makes for itself when it first
needs one (which takes some hundredths of a second).

Source: the Kubernetes documentation, "Managing Service Accounts"; RFC 7519 (JWT), RFC 7517 (JWK), RFC 7515 (JWS).
"""

import base64
import binascii
import copy
import dataclasses
import datetime
import functools
import hashlib
import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from kmock.kube.access.users import User, service_account_name
from kmock.kube.statuses import Cause, StatusError, bad_request, conflict, go_quote, invalid, invalid_value, not_found
from kmock.naming import Resource

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ['ISSUER', 'Find', 'TokenError', 'Tokens', 'Verified']

Json: TypeAlias = dict[str, Any]
Find: TypeAlias = Callable[[Resource, str, str], Json | None]
"""Gives one object by its resource, namespace (empty for none) and name; None if it is not there. Only read."""

ISSUER = 'https://kubernetes.default.svc.cluster.local'
_ACCOUNTS = Resource('', 'v1', 'serviceaccounts')
_BINDABLE = {'Pod': 'pods', 'Node': 'nodes', 'Secret': 'secrets'}
_GROUP, _KIND = 'authentication.k8s.io', 'TokenRequest'
_EXTRA = 'authentication.kubernetes.io/'
_HOUR = 3600
_YEAR = 365 * 24 * 3600
_WARN_ONLY = 3607  # what kubelets ask for; such tokens of pods live on for a year
_LEEWAY = 60  # seconds by which clocks may differ


class TokenError(Exception):
    """A token is one of the cluster's service accounts, but is not valid, or no more."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whose a valid token is, and which of the wanted audiences it is for."""

    user: User
    audiences: tuple[str, ...]


class Tokens:
    """Issues and verifies tokens of the service accounts of one cluster.

    Args:
        find: gives the service accounts, pods, nodes and secrets.
        wall: the present moment, with a time zone.
        issuer: the `iss` of the tokens.
        audiences: of the API server; by default the issuer alone.
    """

    def __init__(
        self,
        find: Find,
        wall: Callable[[], datetime.datetime],
        *,
        issuer: str = ISSUER,
        audiences: Sequence[str] = (),
    ) -> None:
        self._find = find
        self._wall = wall
        self.issuer = issuer
        self.audiences = tuple(audiences) or (issuer,)

    # --- issuing

    def issue(self, namespace: str, name: str, request: Json) -> Json:
        """Answer a TokenRequest for a service account: the same with defaults and `status.token`.

        Raises:
            StatusError: 404 without such an account or bound object, 422 for bad values, 400 or 409 for what a token
                can't be bound to.
        """
        _check_names(namespace, name, request.get('metadata') or {})
        account = self._find(_ACCOUNTS, namespace, name)
        if account is None:
            raise not_found(_ACCOUNTS, name)
        spec = request.get('spec') or {}
        seconds = spec.get('expirationSeconds')
        lifetime = _HOUR if seconds is None else int(seconds)
        _check_lifetime(lifetime)
        audiences = [str(each) for each in spec.get('audiences') or self.audiences]
        bound = spec.get('boundObjectRef')
        now = self._wall()
        claims = self._claims(account, audiences, lifetime, self._bound(namespace, name, bound), now)
        answer: Json = {'kind': _KIND, 'apiVersion': f'{_GROUP}/v1'}
        answer['metadata'] = {'name': name, 'namespace': namespace, **(request.get('metadata') or {})}
        answer['metadata']['creationTimestamp'] = _time(now)
        answer['spec'] = {'audiences': audiences, 'expirationSeconds': lifetime, 'boundObjectRef': copy.deepcopy(bound)}
        expires = now + datetime.timedelta(seconds=lifetime)
        answer['status'] = {'token': self._sign(claims), 'expirationTimestamp': _time(expires)}
        return answer

    def _bound(self, namespace: str, name: str, ref: Json | None) -> Json:
        """The claims about the object that the token is bound to."""
        if not ref:
            return {}
        api_version, kind = str(ref.get('apiVersion', '')), str(ref.get('kind', ''))
        group, _, version = api_version.rpartition('/')
        if group or kind not in _BINDABLE:
            raise bad_request(f'cannot bind token to object of type {group}/{version}, Kind={kind}')
        resource, title = Resource('', 'v1', _BINDABLE[kind]), str(ref.get('name', ''))
        found = self._find(resource, '' if kind == 'Node' else namespace, title)
        if found is None:
            raise not_found(resource, title)
        if kind == 'Pod' and (found.get('spec') or {}).get('serviceAccountName', '') != name:
            quoted = go_quote(name)
            why = f'cannot bind token for serviceaccount {quoted} to pod running with different serviceaccount name.'
            raise bad_request(why)
        uid = found['metadata'].get('uid', '')
        if ref.get('uid') and ref['uid'] != uid:
            raise conflict(Resource('', 'v1', kind), title, _recreated(ref['uid']))
        claims: Json = {kind.lower(): {'name': title, 'uid': uid}}
        node_name = (found.get('spec') or {}).get('nodeName') if kind == 'Pod' else None
        if node_name:
            node = self._find(Resource('', 'v1', 'nodes'), '', node_name)
            node_uid = node['metadata'].get('uid', '') if node else None
            claims['node'] = {'name': node_name} | ({'uid': node_uid} if node_uid else {})
        return claims

    def _claims(self, account: Json, audiences: list[str], lifetime: int, bound: Json, now: datetime.datetime) -> Json:
        metadata = account['metadata']
        seconds = math.floor(now.timestamp())
        own: Json = {'namespace': metadata.get('namespace', '')}
        own |= {key: bound[key] for key in ('node', 'pod', 'secret') if key in bound}
        own['serviceaccount'] = {'name': metadata.get('name', ''), 'uid': metadata.get('uid', '')}
        if 'pod' in bound and lifetime == _WARN_ONLY and set(audiences) <= set(self.audiences):
            own['warnafter'] = seconds + lifetime
            lifetime = _YEAR
        return {
            'aud': audiences,
            'exp': seconds + lifetime,
            'iat': seconds,
            'iss': self.issuer,
            'jti': str(uuid.uuid4()),
            'kubernetes.io': own,
            'nbf': seconds,
            'sub': service_account_name(own['namespace'], own['serviceaccount']['name']),
        }

    # --- verifying

    def verify(self, token: str, audiences: Sequence[str]) -> Verified | None:
        """Tell whose a token is. None if it is none of this issuer, or for none of the audiences.

        Raises:
            TokenError: it is of this issuer, but forged, expired, or what it is for or bound to is gone.
        """
        parts = token.split('.')
        if len(parts) != 3:
            return None
        claims = _read(parts[1])
        if claims is None or claims.get('iss') != self.issuer:
            return None
        self._check_signature(parts)
        audience = claims.get('aud')
        held = audience if isinstance(audience, list) else [audience]
        common = tuple(each for each in audiences if each in held)
        if not common:
            raise TokenError(
                f'token audiences {_listed(held)} is invalid for the target audiences {_listed(audiences)}'
            )
        return Verified(user=self._holder(claims), audiences=common)

    def _check_signature(self, parts: list[str]) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        header, signature = _read(parts[0]), _decode(parts[2])
        if header is None or header.get('alg') != 'RS256' or signature is None:
            raise TokenError('invalid signature, no keys found')
        signed = f'{parts[0]}.{parts[1]}'.encode()
        try:
            self._key.public_key().verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise TokenError('go-jose/go-jose: error in cryptographic primitive') from None

    def _holder(self, claims: Json) -> User:
        """The service account of trustworthy claims, which must all still hold."""
        now = self._wall().timestamp()
        if now - _LEEWAY > claims['exp']:
            raise TokenError('service account token has expired')
        if now + _LEEWAY < claims['nbf']:
            raise TokenError('service account token is not valid yet')
        own = claims['kubernetes.io']
        namespace, account = own['namespace'], own['serviceaccount']
        found = self._find(_ACCOUNTS, namespace, account['name'])
        if found is None:
            raise TokenError(f'serviceaccounts {go_quote(account["name"])} not found')
        uid = found['metadata'].get('uid', '')
        if uid != account['uid']:
            raise TokenError(f'service account UID ({uid}) does not match claim ({account["uid"]})')
        extra = {'credential-id': (f'JTI={claims["jti"]}',)}
        for kind in ('pod', 'node', 'secret'):
            if kind in own:
                self._check_bound(kind, namespace, own[kind], required=kind != 'node' or 'pod' not in own)
        for kind in ('node', 'pod'):
            for part in ('name', 'uid'):
                if own.get(kind, {}).get(part):
                    extra[f'{kind}-{part}'] = (own[kind][part],)
        return User(
            name=service_account_name(namespace, account['name']),
            uid=uid,
            groups=('system:serviceaccounts', f'system:serviceaccounts:{namespace}', 'system:authenticated'),
            extra=tuple((_EXTRA + key, values) for key, values in extra.items()),
        )

    def _check_bound(self, kind: str, namespace: str, ref: Json, *, required: bool) -> None:
        if not required:
            return  # the node of a pod may be gone: what matters is the pod
        resource = Resource('', 'v1', f'{kind}s')
        found = self._find(resource, '' if kind == 'node' else namespace, ref['name'])
        if found is None:
            raise TokenError('service account token has been invalidated')
        uid = found['metadata'].get('uid', '')
        if uid != ref.get('uid'):
            raise TokenError(f'{kind} UID ({uid}) does not match service account {kind} ref claim ({ref.get("uid")})')

    # --- the key

    @functools.cached_property
    def _key(self) -> 'RSAPrivateKey':
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @functools.cached_property
    def _key_id(self) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _encode(hashlib.sha256(public).digest())

    def _sign(self, claims: Json) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        header = _encode(_dump({'alg': 'RS256', 'kid': self._key_id}))
        signed = f'{header}.{_encode(_dump(claims))}'
        return f'{signed}.{_encode(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}'

    def jwks(self) -> Json:
        """The public key as `/openid/v1/jwks` tells it (`application/jwk-set+json`)."""
        numbers = self._key.public_key().public_numbers()
        modulus, exponent = (_encode(each.to_bytes((each.bit_length() + 7) // 8)) for each in (numbers.n, numbers.e))
        key = {'use': 'sig', 'kty': 'RSA', 'kid': self._key_id, 'alg': 'RS256', 'n': modulus, 'e': exponent}
        return {'keys': [key]}


def _check_names(namespace: str, name: str, metadata: Mapping[str, Any]) -> None:
    for part, wanted in (('name', name), ('namespace', namespace)):
        given = metadata.get(part)
        if given and given != wanted:
            why = f'must match the service account {part} if specified'
            raise _invalid(name, invalid_value(f'metadata.{part}', given, why))


def _check_lifetime(seconds: int) -> None:
    if seconds < 600:
        why = 'may not specify a duration less than 10 minutes'
    elif seconds > 1 << 32:
        why = 'may not specify a duration larger than 2^32 seconds'
    else:
        return
    raise _invalid('', invalid_value('spec.expirationSeconds', seconds, why))


def _invalid(name: str, cause: Cause) -> StatusError:
    return invalid(_KIND, _GROUP, name, [cause])


def _recreated(uid: str) -> str:
    return (
        f'the UID in the bound object reference ({uid}) does not match the UID in record. '
        'The object might have been deleted and then recreated'
    )


def _listed(texts: Iterable[Any]) -> str:
    """Strings as Go prints a list of them: `["a" "b"]`."""
    return f'[{" ".join(go_quote(each) for each in texts)}]'


def _time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(',', ':')).encode()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b'=').decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + '=' * (-len(text) % 4), altchars=b'-_', validate=True)
    except (binascii.Error, ValueError):
        return None


def _read(part: str) -> Json | None:
    """A part of a JWT that holds a JSON object; None for anything else."""
    raw = _decode(part)
    try:
        value = None if raw is None else json.loads(raw)
    except (UnicodeDecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
