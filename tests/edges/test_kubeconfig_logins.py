"""Logging in as a kubeconfig says: tokens, basic, certificates, exec plugins, OIDC."""

import base64
import datetime
import json
import os
import ssl
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from aiohttp import web
from upstream_wire import Peer, answering, body_of, raw_server

from kmock.clock import VirtualClock
from kmock.errors import ClusterError, UpstreamError
from kmock.kubeconfig import find_target, targets
from kmock.messages import Request
from kmock.upstream import Login, Target, Upstream

CA = trustme.CA()
OTHER_CA = trustme.CA()
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a place for temporary files of the test's own."""
    home = tmp_path / 'home'
    home.mkdir()
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.setenv('TMPDIR', str(tmp_path / 'temporary'))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    monkeypatch.delenv('KUBECONFIG', raising=False)
    monkeypatch.delenv('KUBERNETES_SERVICE_HOST', raising=False)
    monkeypatch.setattr(targets, 'SERVICE_ACCOUNT', tmp_path / 'serviceaccount')
    return home


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path, home: Path) -> Iterator[None]:
    """Keys are in files only while they are loaded, and no file stays open."""
    before = sum(1 for _ in Path('/proc/self/fd').iterdir()) if sys.platform == 'linux' else 0
    yield
    assert list((tmp_path / 'temporary').iterdir()) == []
    if sys.platform == 'linux':
        assert sum(1 for _ in Path('/proc/self/fd').iterdir()) <= before


Make = Callable[..., Target]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The target of a kubeconfig with one cluster and one user."""

    def make(user: dict[str, Any] | None, cluster: dict[str, Any] | None = None) -> Target:
        content = {
            'current-context': 'ctx',
            'contexts': [{'name': 'ctx', 'context': {'cluster': 'c', **({} if user is None else {'user': 'u'})}}],
            'clusters': [{'name': 'c', 'cluster': {'server': 'https://127.0.0.1:1', **(cluster or {})}}],
            'users': [{'name': 'u', 'user': user}],
        }
        (tmp_path / 'config').write_text(yaml.safe_dump(content))
        return find_target(None, kubeconfig=tmp_path / 'config')

    return make


async def login_of(target: Target) -> Login:
    assert target.log_in is not None
    return await target.log_in()


def encoded(blob: trustme.Blob) -> str:
    return base64.b64encode(blob.bytes()).decode()


# --- what is written in the kubeconfig


@pytest.mark.parametrize(
    ('user', 'authorization'),
    [
        (None, None),
        ({}, None),
        ({'token': 'abc\n'}, 'Bearer abc'),
        ({'username': 'me', 'password': 'secret'}, 'Basic bWU6c2VjcmV0'),
    ],
)
async def test_static_credentials(make: Make, user: dict[str, Any] | None, authorization: str | None) -> None:
    target = make(user)
    login = await login_of(target)
    assert (login.authorization, login.given) == (authorization, authorization is not None)
    assert login.tls is not None
    assert not target.renewable


async def test_token_file_wins_over_a_token_and_is_read_anew(make: Make, tmp_path: Path) -> None:
    (tmp_path / 'token').write_text('today\n')
    target = make({'tokenFile': 'token', 'token': 'old'})
    assert target.renewable
    login = await login_of(target)
    assert login.authorization == 'Bearer today'
    assert login.expires is not None
    (tmp_path / 'token').write_text('tomorrow')
    again = await login_of(target)
    assert again.authorization == 'Bearer tomorrow'
    assert again.tls is login.tls


async def test_401_makes_a_token_file_be_read_anew(make: Make, tmp_path: Path) -> None:
    async def talk(peer: Peer) -> None:
        while True:
            good = b'Bearer tomorrow' in await peer.head()
            await peer.send(OK if good else b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
            if good:
                return

    (tmp_path / 'token').write_text('today')
    async with raw_server(talk) as server:
        async with Upstream(make({'tokenFile': 'token'}, {'server': server.url})) as upstream:
            (tmp_path / 'token').write_text('tomorrow')
            assert await body_of(await upstream.respond(Request.make('GET', '/'))) == b'ok'


def server_tls(name: str = '127.0.0.1') -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(name).configure_cert(context)
    CA.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def asked(make: Make, user: dict[str, Any], cluster: dict[str, Any], name: str = '127.0.0.1') -> bytes:
    """What a server that wants a certificate answers."""
    async with raw_server(answering(OK), tls=server_tls(name)) as server:
        async with Upstream(make(user, {'server': f'https://127.0.0.1:{server.port}', **cluster})) as upstream:
            return await body_of(await upstream.respond(Request.make('GET', '/')))


LEAF = CA.issue_cert('me@example.com')
INLINE = {
    'client-certificate-data': encoded(LEAF.cert_chain_pems[0]),
    'client-key-data': encoded(LEAF.private_key_pem),
}
TRUST = {'certificate-authority-data': encoded(CA.cert_pem)}


async def test_certificates_inline(make: Make) -> None:
    assert await asked(make, INLINE, TRUST) == b'ok'
    assert (await login_of(make(INLINE, TRUST))).given


async def test_certificates_in_files(make: Make, tmp_path: Path) -> None:
    CA.cert_pem.write_to_path(tmp_path / 'ca.pem')
    LEAF.private_key_and_cert_chain_pem.write_to_path(tmp_path / 'me.pem')
    files = {'client-certificate': 'me.pem', 'client-key': str(tmp_path / 'me.pem')}
    assert await asked(make, files, {'certificate-authority': './ca.pem'}) == b'ok'


async def test_inline_certificates_win_over_files(make: Make) -> None:
    user = {**INLINE, 'client-certificate': 'absent', 'client-key': 'absent'}
    assert await asked(make, user, {**TRUST, 'certificate-authority': 'absent'}) == b'ok'


async def test_server_may_be_trusted_blindly(make: Make) -> None:
    assert await asked(make, INLINE, {'insecure-skip-tls-verify': True}, name='other.example') == b'ok'


async def test_server_may_have_another_name(make: Make) -> None:
    assert await asked(make, INLINE, {**TRUST, 'tls-server-name': 'api.internal'}, name='api.internal') == b'ok'


@pytest.mark.parametrize(
    ('cluster', 'reason'),
    [
        ({}, 'unable to get local issuer|self-signed'),
        ({'certificate-authority-data': encoded(OTHER_CA.cert_pem)}, 'self-signed'),
    ],
)
async def test_server_of_another_authority_is_not_trusted(make: Make, cluster: dict[str, Any], reason: str) -> None:
    with pytest.raises(UpstreamError, match=f'certificate is not trusted .*({reason})'):
        await asked(make, INLINE, cluster)


@pytest.mark.parametrize(
    ('user', 'cluster', 'message'),
    [
        ({'tokenFile': 'absent'}, {}, 'user u: tokenFile .*/absent can not be read: No such file'),
        ({'client-certificate': 'absent'}, {}, 'user u: client-certificate: .*/absent can not be read: No such file'),
        ({}, {'certificate-authority': 'absent'}, 'cluster c: certificate-authority: .*/absent can not be read'),
        ({'client-certificate-data': '***'}, {}, 'user u: client-certificate-data is no base64'),
        (
            {'client-certificate-data': 'anVuaw=='},
            {},
            'user u: client-certificate and client-key: the client certificate does not load',
        ),
        (
            INLINE | {'client-key-data': ''},
            {},
            'the client certificate does not load: no PEM with a certificate and its key',
        ),
        (
            {},
            {'certificate-authority-data': 'anVuaw=='},
            'cluster c: certificate-authority: the authority does not load: no PEM with a certificate is there',
        ),
        ({'token': ['x']}, {}, 'user u: token must be a string'),
        ({'exec': 'aws'}, {}, 'user u: exec must be a mapping'),
        ({'exec': {'args': []}}, {}, 'user u: exec has no command'),
        (
            {'exec': {'command': 'true', 'apiVersion': 'v', 'args': 'x'}},
            {},
            'exec plugin true gave no credentials: Attr',
        ),
        (
            {'exec': {'command': 'true', 'apiVersion': 'v', 'args': [1]}},
            {},
            'exec plugin true gave no credentials: Type',
        ),
        (
            {'exec': {'command': 'true', 'apiVersion': 'v', 'env': {'A': 'b'}}},
            {},
            'exec plugin true gave no credentials',
        ),
        ({'exec': {'command': 'x'}}, {}, "user u: exec plugin x gave no credentials: .*missing key 'apiVersion'"),
    ],
)
async def test_unusable_credentials_are_told(
    make: Make, user: dict[str, Any], cluster: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClusterError, match=message) as info:
        await login_of(make(user, cluster))
    assert '\n' not in str(info.value)


@pytest.mark.parametrize('provider', [{'name': 'azure'}, 'azure'])
def test_unsupported_provider_is_told(make: Make, provider: Any) -> None:
    with pytest.raises(ClusterError, match='user u: the auth-provider azure is not supported'):
        make({'auth-provider': provider})


# --- exec plugins


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A user with an exec plugin: a script beside the kubeconfig, with the given lines of Python."""

    def plugin(code: str, **settings: Any) -> dict[str, Any]:
        path = tmp_path / 'plugins' / 'get-token'
        path.parent.mkdir(exist_ok=True)
        prelude = """
            import json, os, pathlib, sys
            count = pathlib.Path(__file__).with_name('count')
            runs = int(count.read_text()) + 1 if count.exists() else 1
            count.write_text(str(runs))
            def answer(**status):
                version = 'client.authentication.k8s.io/v1'
                print(json.dumps({'apiVersion': version, 'kind': 'ExecCredential', 'status': status}))
        """
        path.write_text(f'#!{sys.executable}\n{textwrap.dedent(prelude)}\n{textwrap.dedent(code)}')
        path.chmod(0o755)
        return {'exec': {'apiVersion': 'client.authentication.k8s.io/v1', 'command': './plugins/get-token', **settings}}

    return plugin


Plugin = Callable[..., dict[str, Any]]


async def test_plugin_gives_a_token_and_its_expiry(make: Make, plugin: Plugin) -> None:
    user = plugin(
        "answer(token=sys.argv[1] + os.environ['X'] + str(runs), expirationTimestamp='2030-01-01T00:00:00Z')",
        args=['arg-'],
        env=[{'name': 'X', 'value': 'env-'}],
    )
    target = make(user)
    assert target.renewable
    login = await login_of(target)
    assert login.authorization == 'Bearer arg-env-1'
    assert login.expires == datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    assert (await login_of(target)).authorization == 'Bearer arg-env-2'


async def test_plugin_is_found_on_the_path(
    make: Make, plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = plugin("answer(token='x')", command='get-token')
    monkeypatch.setenv('PATH', str(tmp_path / 'plugins'), prepend=os.pathsep)
    login = await login_of(make(user))
    assert (login.authorization, login.expires) == ('Bearer x', None)


async def test_plugin_gives_a_certificate(make: Make, plugin: Plugin) -> None:
    chain, key = LEAF.cert_chain_pems[0].bytes().decode(), LEAF.private_key_pem.bytes().decode()
    user = plugin(
        f'answer(clientCertificateData={chain!r}, clientKeyData={key!r}, expirationTimestamp="2030-01-01T00:00:00Z")'
    )
    assert await asked(make, user, TRUST) == b'ok'
    login = await login_of(make(user, TRUST))
    assert (login.authorization, login.given) == (None, True)
    assert login.expires == datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


async def test_same_certificate_keeps_the_settings_of_tls_and_another_changes_them(make: Make, plugin: Plugin) -> None:
    leaves = [LEAF, LEAF, CA.issue_cert('new@example.com')]
    pairs = [(each.cert_chain_pems[0].bytes().decode(), each.private_key_pem.bytes().decode()) for each in leaves]
    user = plugin(f"""
        chain, key = {pairs!r}[runs - 1]
        answer(clientCertificateData=chain, clientKeyData=key)
    """)
    target = make(user, TRUST)
    first, second, third = [(await login_of(target)).tls for _ in range(3)]
    assert first is second
    assert first is not third


async def test_expiring_token_of_a_plugin_is_renewed_in_a_long_recording(make: Make, plugin: Plugin) -> None:
    seen = []

    async def talk(peer: Peer) -> None:
        for _ in range(3):
            seen.append((await peer.head()).partition(b'Bearer ')[2].partition(b'\r')[0])
            await peer.send(OK)

    user = plugin("answer(token=f'token-{runs}', expirationTimestamp=f'2030-01-01T{runs:02}:00:00Z')")
    clock = VirtualClock(wall=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    async with raw_server(talk) as server:
        async with Upstream(make(user, {'server': server.url}), clock=clock) as upstream:
            for minutes in 0, 58, 1:
                await clock.advance(minutes * 60)
                await body_of(await upstream.respond(Request.make('GET', '/')))
    assert seen == [b'token-1', b'token-1', b'token-2']


@pytest.mark.parametrize(
    ('code', 'message'),
    [
        (
            "print('cannot reach\\n the portal', file=sys.stderr); sys.exit(3)",
            'process returned 3. cannot reach the port',
        ),
        ("print('not JSON')", 'failed to decode process output'),
        ("print('{}')", "missing key 'apiVersion'"),
        ("print(json.dumps({'apiVersion': 'v0', 'kind': 'x', 'status': {}}))", 'plugin api version v0 does not match'),
        ('answer()', 'neither a token nor a client certificate is in its answer'),
        ("print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': '', 'status': None}))", 'neither'),
        ("answer(token='x', expirationTimestamp='soon')", "expirationTimestamp 'soon' is no RFC 3339 time"),
        ("answer(clientCertificateData='x')", 'the client certificate does not load'),
    ],
)
async def test_failing_plugin_is_told_in_one_line(make: Make, plugin: Plugin, code: str, message: str) -> None:
    target = make(plugin(code))
    with pytest.raises(ClusterError, match=message) as info:
        async with Upstream(target):
            pytest.fail('entered')
    assert 'user u: ' in str(info.value)
    assert '\n' not in str(info.value)


async def test_missing_plugin_is_told_with_its_hint(make: Make) -> None:
    settings = {'apiVersion': 'client.authentication.k8s.io/v1', 'command': 'no-such-plugin'}
    with pytest.raises(ClusterError, match=r'exec plugin no-such-plugin is not found\. Install it, or mend PATH'):
        await login_of(make({'exec': settings}))
    with pytest.raises(ClusterError, match=r'exec plugin no-such-plugin is not found\. See https://example.com for it'):
        await login_of(make({'exec': settings | {'installHint': 'See https://example.com\n for it'}}))


async def test_plugin_that_can_not_be_run_is_told(make: Make, plugin: Plugin, tmp_path: Path) -> None:
    user = plugin('answer()')
    (tmp_path / 'plugins/get-token').chmod(0o644)
    with pytest.raises(ClusterError, match=r'get-token gave no credentials: PermissionError: .*Permission denied'):
        await login_of(make(user))


# --- OIDC


def jwt(name: str, expires: datetime.datetime) -> str:
    parts = {'alg': 'none'}, {'sub': name, 'exp': int(expires.timestamp())}
    return '.'.join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip('=') for each in parts) + '.x'


FUTURE = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
PAST = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class Issuer:
    """An OIDC provider that takes a refresh-token once, and gives out the next one."""

    def __init__(self) -> None:
        self.url = ''
        self.rotates = True
        self.good = 'refresh-1'
        self.asked: list[dict[str, str]] = []

    async def configuration(self, _: web.Request) -> web.Response:
        return web.json_response({'token_endpoint': f'{self.url}/token'})

    async def token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append({**form, 'Authorization': request.headers['Authorization']})
        if form['refresh_token'] != self.good:
            return web.json_response({'error': 'invalid_grant'}, status=400)
        if self.rotates:
            self.good = f'refresh-{len(self.asked) + 1}'
        answer = {'id_token': jwt(f'fresh-{len(self.asked)}', FUTURE), 'refresh_token': self.good}
        return web.json_response(answer if self.rotates else {'id_token': answer['id_token']})


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get('/.well-known/openid-configuration', issuer.configuration)
    app.router.add_post('/token', issuer.token)
    runner = web.AppRunner(app)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert('127.0.0.1').configure_cert(tls)
    site = web.TCPSite(runner, '127.0.0.1', 0, ssl_context=tls)
    await site.start()
    issuer.url = f'https://127.0.0.1:{runner.addresses[0][1]}'
    yield issuer
    await runner.cleanup()


def oidc(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    config = {
        'client-id': 'kmock',
        'client-secret': 's:cret',
        'id-token': jwt('old', PAST),
        'refresh-token': 'refresh-1',
        'idp-issuer-url': issuer.url,
        'idp-certificate-authority-data': encoded(CA.cert_pem),
        **changes,
    }
    return {'auth-provider': {'name': 'oidc', 'config': {k: v for k, v in config.items() if v is not None}}}


async def test_oidc_token_is_used_while_it_is_good(make: Make, issuer: Issuer) -> None:
    target = make(oidc(issuer, **{'id-token': jwt('me', FUTURE)}))
    login = await login_of(target)
    assert (login.authorization, login.expires) == (f'Bearer {jwt("me", FUTURE)}', FUTURE)
    assert target.renewable
    assert issuer.asked == []


async def test_expired_oidc_token_is_refreshed_and_a_rotated_one_is_kept(
    make: Make, issuer: Issuer, tmp_path: Path
) -> None:
    target = make(oidc(issuer))
    (tmp_path / 'config').chmod(0o640)
    assert (await login_of(target)).authorization == f'Bearer {jwt("fresh-1", FUTURE)}'
    assert issuer.asked == [
        {
            'grant_type': 'refresh_token',
            'refresh_token': 'refresh-1',
            'Authorization': 'Basic ' + base64.b64encode(b'kmock:s%3Acret').decode(),
        }
    ]
    kept = yaml.safe_load((tmp_path / 'config').read_text())['users'][0]['user']['auth-provider']['config']
    assert (kept['refresh-token'], kept['id-token']) == ('refresh-2', jwt('fresh-1', FUTURE))
    assert (tmp_path / 'config').stat().st_mode & 0o777 == 0o640
    assert (await login_of(target)).authorization == f'Bearer {jwt("fresh-2", FUTURE)}'  # asked again: refused by a 401


async def test_kubeconfig_is_left_alone_where_the_refresh_token_stays(
    make: Make, issuer: Issuer, tmp_path: Path
) -> None:
    issuer.rotates = False
    target = make(oidc(issuer))
    before = (tmp_path / 'config').read_bytes()
    assert (await login_of(target)).authorization == f'Bearer {jwt("fresh-1", FUTURE)}'
    assert (tmp_path / 'config').read_bytes() == before


async def test_rotated_token_that_can_not_be_kept_is_told(
    make: Make, issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = make(oidc(issuer))
    (tmp_path / 'config').write_text('users: [{name: u}]')
    assert (await login_of(target)).authorization == f'Bearer {jwt("fresh-1", FUTURE)}'
    assert 'user u: the new refresh-token can not be kept' in caplog.text
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith('.kmock')] == []


async def test_provider_of_another_authority_gets_no_secrets(make: Make, issuer: Issuer) -> None:
    target = make(oidc(issuer, **{'idp-certificate-authority-data': encoded(OTHER_CA.cert_pem)}))
    with pytest.raises(ClusterError, match=r'did not refresh the OIDC token: .*certificate verify failed'):
        await login_of(target)
    assert issuer.asked == []


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'refresh-token': None}, 'the OIDC token has expired, and there is no refresh-token. Log in anew'),
        ({'refresh-token': 'used'}, 'did not refresh the OIDC token: ClientResponseError: 400'),
        ({'idp-issuer-url': 'http://127.0.0.1:1'}, 'did not refresh the OIDC token: ClientConnectorError'),
        ({'idp-certificate-authority-data': None, 'idp-certificate-authority': 'absent'}, 'absent can not be read'),
    ],
)
async def test_failing_refresh_is_told(make: Make, issuer: Issuer, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ClusterError, match=message) as info:
        await login_of(make(oidc(issuer, **changes)))
    assert 'user u: ' in str(info.value)
    assert '\n' not in str(info.value)
