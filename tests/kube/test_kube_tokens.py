"""Tokens of service accounts: what is in them, when they are refused, and whom they make a request's user."""

import base64
import datetime
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.access import ISSUER, Tokens, Users, authenticate, check_token
from kmock.kube.access.tokens import TokenError
from kmock.kube.statuses import StatusError
from kmock.naming import Resource


class Cluster:
    """Objects by plural, namespace and name, and a time that tests move."""

    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 5, 1, 12, 0, 0, 500000, tzinfo=datetime.UTC)
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.put('serviceaccounts', 'ns', 'sa', uid='sa-uid')
        self.tokens = Tokens(self.find, lambda: self.now)

    def put(self, plural: str, namespace: str, name: str, *, uid: str, **more: Any) -> None:
        metadata = {'name': name, 'namespace': namespace, 'uid': uid}
        self.objects[plural, namespace, name] = {'metadata': metadata, **more}

    def find(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((resource.plural, namespace, name))

    def issue(self, **spec: Any) -> dict[str, Any]:
        return self.tokens.issue('ns', 'sa', {'spec': spec})

    def token(self, **spec: Any) -> str:
        return str(self.issue(**spec)['status']['token'])

    def error(self, token: str) -> str:
        return check_token(Users(), self.tokens, token).error


CLUSTER = Cluster()
"""For tests that change nothing in it; it makes its key only once."""


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def part(token: str, index: int) -> dict[str, Any]:
    text = token.split('.')[index]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)))
    return found


def test_a_request_is_answered_with_its_defaults(cluster: Cluster) -> None:
    answer = cluster.issue()
    assert answer.pop('status') | {'token': ''} == {'token': '', 'expirationTimestamp': '2026-05-01T13:00:00Z'}
    assert answer == {
        'kind': 'TokenRequest',
        'apiVersion': 'authentication.k8s.io/v1',
        'metadata': {'name': 'sa', 'namespace': 'ns', 'creationTimestamp': '2026-05-01T12:00:00Z'},
        'spec': {'audiences': [ISSUER], 'expirationSeconds': 3600, 'boundObjectRef': None},
    }


def test_the_claims_are_those_of_a_real_server(cluster: Cluster) -> None:
    claims = part(cluster.token(audiences=['a', 'b'], expirationSeconds=600), 1)
    now = int(cluster.now.timestamp())
    assert len(claims.pop('jti')) == 36
    assert claims == {
        'aud': ['a', 'b'],
        'exp': now + 600,
        'iat': now,
        'iss': ISSUER,
        'kubernetes.io': {'namespace': 'ns', 'serviceaccount': {'name': 'sa', 'uid': 'sa-uid'}},
        'nbf': now,
        'sub': 'system:serviceaccount:ns:sa',
    }


def test_the_published_key_verifies_the_signature(cluster: Cluster) -> None:
    token = cluster.token()
    (key,) = cluster.tokens.jwks()['keys']
    assert part(token, 0) == {'alg': 'RS256', 'kid': key['kid']}

    def number(text: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(text + '=='), 'big')

    signed, _, signature = token.rpartition('.')
    public = rsa.RSAPublicNumbers(number(key['e']), number(key['n'])).public_key()
    raw = base64.urlsafe_b64decode(signature + '==')
    public.verify(raw, signed.encode(), padding.PKCS1v15(), SHA256())  # raises where it is wrong


def test_a_token_makes_its_service_account_the_user(cluster: Cluster) -> None:
    token = cluster.token()
    for users in (Users(), Users({'admin': {'token': 'x'}})):
        user = authenticate(users, cluster.tokens, {'Authorization': f'Bearer {token}'})
        assert user.name == 'system:serviceaccount:ns:sa'
        assert user.uid == 'sa-uid'
        assert user.groups == ('system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated')
        assert dict(user.extra) == {'authentication.kubernetes.io/credential-id': (f'JTI={part(token, 1)["jti"]}',)}


def test_a_token_of_a_pod_names_it(cluster: Cluster) -> None:
    cluster.put('pods', 'ns', 'p', uid='p-uid', spec={'serviceAccountName': 'sa', 'nodeName': 'n'})
    cluster.put('nodes', '', 'n', uid='n-uid')
    token = cluster.token(boundObjectRef={'kind': 'Pod', 'apiVersion': 'v1', 'name': 'p'}, expirationSeconds=3607)
    claims = part(token, 1)
    assert claims['kubernetes.io']['pod'] == {'name': 'p', 'uid': 'p-uid'}
    assert claims['kubernetes.io']['warnafter'] == claims['iat'] + 3607
    assert claims['exp'] == claims['iat'] + 365 * 24 * 3600
    extra = dict(authenticate(Users(), cluster.tokens, {'Authorization': f'Bearer {token}'}).extra)
    assert extra['authentication.kubernetes.io/pod-name'] == ('p',)
    assert extra['authentication.kubernetes.io/node-uid'] == ('n-uid',)
    del cluster.objects['pods', 'ns', 'p']
    assert cluster.error(token) == '[invalid bearer token, service account token has been invalidated]'


def test_an_old_token_has_expired(cluster: Cluster) -> None:
    token = cluster.token(expirationSeconds=600)
    cluster.now += datetime.timedelta(seconds=655)
    assert cluster.error(token) == ''
    cluster.now += datetime.timedelta(seconds=10)
    assert cluster.error(token) == '[invalid bearer token, service account token has expired]'
    with pytest.raises(StatusError, match='Unauthorized'):
        authenticate(Users({'admin': {}}), cluster.tokens, {'Authorization': f'Bearer {token}'})


def test_a_token_ends_with_its_service_account(cluster: Cluster) -> None:
    token = cluster.token()
    cluster.put('serviceaccounts', 'ns', 'sa', uid='another')
    assert cluster.error(token).endswith('service account UID (another) does not match claim (sa-uid)]')
    del cluster.objects['serviceaccounts', 'ns', 'sa']
    assert cluster.error(token).endswith('serviceaccounts "sa" not found]')


def test_a_token_for_others_is_not_for_the_api_server(cluster: Cluster) -> None:
    token = cluster.token(audiences=['vault'])
    refused = check_token(Users(), cluster.tokens, token)
    assert refused.user is None
    assert refused.error == (
        f'[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["{ISSUER}"]]'
    )
    found = check_token(Users(), cluster.tokens, token, ['vault', 'other'])
    assert found.user is not None
    assert found.audiences == ('vault',)


def test_a_forged_token_is_refused(cluster: Cluster) -> None:
    header, claims, signature = cluster.token().split('.')
    other = Cluster().token().split('.')[2]
    for forged in (f'{header}.{claims}.{other}', f'{header}.{claims}.', f'{header}.{claims}.{signature[:-8]}'):
        with pytest.raises(TokenError):
            cluster.tokens.verify(forged, cluster.tokens.audiences)


@given(text=st.text(max_size=40), where=st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_any_text_is_no_token(text: str, where: int) -> None:
    parts = CLUSTER.token().split('.')
    parts[where] = text
    assert check_token(Users(), CLUSTER.tokens, '.'.join(parts)).user is None
    assert check_token(Users(), CLUSTER.tokens, text).error == 'invalid bearer token'


@pytest.mark.parametrize(
    ('spec', 'status', 'message'),
    [
        (
            {'expirationSeconds': 599},
            422,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: '
            'may not specify a duration less than 10 minutes',
        ),
        (
            {'expirationSeconds': 2**32 + 1},
            422,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: '
            'may not specify a duration larger than 2^32 seconds',
        ),
        (
            {'boundObjectRef': {'kind': 'ConfigMap', 'apiVersion': 'v1', 'name': 'x'}},
            400,
            'cannot bind token to object of type /v1, Kind=ConfigMap',
        ),
        ({'boundObjectRef': {'kind': 'Secret', 'apiVersion': 'v1', 'name': 'x'}}, 404, 'secrets "x" not found'),
        (
            {'boundObjectRef': {'kind': 'Pod', 'apiVersion': 'v1', 'name': 'p'}},
            400,
            'cannot bind token for serviceaccount "sa" to pod running with different serviceaccount name.',
        ),
        (
            {'boundObjectRef': {'kind': 'Secret', 'apiVersion': 'v1', 'name': 's', 'uid': 'old'}},
            409,
            'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (old) does not match '
            'the UID in record. The object might have been deleted and then recreated',
        ),
    ],
)
def test_bad_requests_are_refused(cluster: Cluster, spec: dict[str, Any], status: int, message: str) -> None:
    cluster.put('pods', 'ns', 'p', uid='p', spec={'serviceAccountName': 'other'})
    cluster.put('secrets', 'ns', 's', uid='new')
    with pytest.raises(StatusError) as raised:
        cluster.issue(**spec)
    assert (raised.value.status, raised.value.message) == (status, message)


def test_a_request_must_be_about_the_account_in_the_url(cluster: Cluster) -> None:
    with pytest.raises(StatusError, match='must match the service account name if specified'):
        cluster.tokens.issue('ns', 'sa', {'metadata': {'name': 'other'}})
    with pytest.raises(StatusError, match='serviceaccounts "none" not found'):
        cluster.tokens.issue('ns', 'none', {})
