"""Finding clusters by name: files, their merging, the ways to name a cluster, and every mistake in one line."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmock.errors import ClusterError
from kmock.kubeconfig import find_target, targets, url_target

CA = trustme.CA()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and no kubeconfig but those that it writes."""
    home = tmp_path / 'home'
    home.mkdir()
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.delenv('KUBECONFIG', raising=False)
    monkeypatch.delenv('KUBERNETES_SERVICE_HOST', raising=False)
    for name in 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY':
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(targets, 'SERVICE_ACCOUNT', tmp_path / 'serviceaccount')
    return home


def config(
    contexts: dict[str, tuple[str, str | None]] | None = None,
    clusters: tuple[str, ...] = (),
    users: tuple[str, ...] = (),
    current: str | None = None,
) -> dict[str, Any]:
    """A kubeconfig; the server of a cluster and the token of a user bear their names."""
    pairs = (contexts or {}).items()
    return {
        'apiVersion': 'v1',
        'kind': 'Config',
        'contexts': [{'name': name, 'context': {'cluster': c, **({'user': u} if u else {})}} for name, (c, u) in pairs],
        'clusters': [{'name': name, 'cluster': {'server': f'http://{name}.example'}} for name in clusters],
        'users': [{'name': name, 'user': {'token': f'token-of-{name}'}} for name in users],
        **({'current-context': current} if current else {}),
    }


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: Any, name: str = 'config') -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


async def found(cluster: str | None, **kwargs: Any) -> tuple[str, str | None]:
    """Where a name leads, and with whose token."""
    target = find_target(cluster, **kwargs)
    assert target.log_in is not None
    login = await target.log_in()
    token = (login.authorization or '').removeprefix('Bearer token-of-') or None
    assert login.given is (token is not None)
    return target.url.removeprefix('http://').removesuffix('.example'), token


FULL = config(
    contexts={'ctx': ('one', 'ann'), 'other': ('two', 'bob'), 'anonymous': ('one', None), 'kind-dev': ('kd', 'kd')},
    clusters=('one', 'two', 'three', 'kd', 'ann', 'kind-kind', 'kind-lonely'),
    users=('ann', 'bob', 'three', 'eve', 'kd', 'kind-kind', 'ctx'),
    current='other',
)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        (None, ('two', 'bob')),
        ('ctx', ('one', 'ann')),
        ('anonymous', ('one', None)),
        ('one', ('one', 'ann')),  # a cluster: with the user of the first context that uses it
        ('two', ('two', 'bob')),
        ('three', ('three', 'three')),  # used by no context: with the user of the same name
        ('ann', ('ann', 'ann')),  # a cluster rather than a user of the same name
        ('bob', ('two', 'bob')),  # a user: where a context uses it
        ('kind', ('kind-kind', 'kind-kind')),
        ('dev', ('kd', 'kd')),
        ('kind-dev', ('kd', 'kd')),
        ('lonely', ('kind-lonely', None)),
    ],
)
async def test_name_is_looked_up_as_context_cluster_user(
    write: Write, name: str | None, expected: tuple[str, str | None]
) -> None:
    assert await found(name, kubeconfig=write(FULL)) == expected


async def test_current_context_is_preferred_among_those_that_use_a_cluster(write: Write) -> None:
    content = config({'a': ('one', 'ann'), 'b': ('one', 'bob')}, ('one',), ('ann', 'bob'), current='b')
    assert await found('one', kubeconfig=write(content)) == ('one', 'bob')


async def test_context_is_taken_exactly(write: Write) -> None:
    path = write(FULL)
    assert await found(None, context='ctx', kubeconfig=path) == ('one', 'ann')
    with pytest.raises(ClusterError, match='there is no context dev'):
        find_target(None, context='dev', kubeconfig=path)


async def test_cluster_and_context_together_take_the_user_of_the_context(write: Write) -> None:
    path = write(FULL)
    assert await found('three', context='ctx', kubeconfig=path) == ('three', 'ann')
    assert await found('other', context='ctx', kubeconfig=path) == ('two', 'ann')
    assert await found('kind', context='ctx', kubeconfig=path) == ('kind-kind', 'ann')
    with pytest.raises(ClusterError, match='there is no cluster eve'):
        find_target('eve', context='ctx', kubeconfig=path)


async def test_user_of_no_context_is_taken_to_the_only_cluster(write: Write) -> None:
    assert await found('eve', kubeconfig=write(config(clusters=('one',), users=('eve',)))) == ('one', 'eve')
    with pytest.raises(
        ClusterError, match=r'eve is used by no context, so the cluster is not known\. Clusters: one, t'
    ):
        find_target('eve', kubeconfig=write(FULL))


async def test_unknown_name_lists_those_that_there_are(write: Write) -> None:
    path = write(config({'a': ('one', None), 'b': ('two', None)}, ('one', 'two')))
    with pytest.raises(ClusterError) as info:
        find_target('three', kubeconfig=path)
    assert str(info.value) == (
        f'{path}: there is no context, cluster or user three. Contexts: a, b; clusters: one, two.'
    )


# --- the files


async def test_default_is_in_the_home(write: Write, home: Path) -> None:
    write(FULL, 'home/.kube/config')
    assert await found(None) == ('two', 'bob')


async def test_first_of_several_files_wins_entry_by_entry(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = config({'a': ('one', 'ann')}, ('one',), ('ann',))
    second = config({'a': ('two', 'bob'), 'b': ('one', 'bob')}, ('one', 'two'), ('ann', 'bob'), current='b')
    second['clusters'][0]['cluster']['server'] = 'http://wrong.example'
    third = config(current='a')
    paths = [write(first, 'x/1'), tmp_path / 'absent', write(second, 'y/2'), write(third, 'z/3')]
    monkeypatch.setenv('KUBECONFIG', os.pathsep.join(['', *map(str, paths), '']))
    assert await found(None) == ('one', 'bob')
    assert await found('a') == ('one', 'ann')
    with pytest.raises(ClusterError, match='Contexts: a, b; clusters: one, two'):
        find_target('missing')


async def test_given_file_is_the_only_one(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('KUBECONFIG', str(write(FULL, 'x')))
    assert await found(None, kubeconfig=write(config({'a': ('one', None)}, ('one',), current='a'))) == ('one', None)


async def test_relative_files_are_relative_to_the_file_that_names_them(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clusters, users = config({'a': ('one', 'ann')}, ('one',), current='a'), config(users=('ann',))
    clusters['clusters'][0]['cluster'] = {'server': 'https://one.example', 'certificate-authority': 'pki/ca.pem'}
    users['users'][0]['user'] = {'tokenFile': 'token', 'client-certificate': 'pki/me.pem', 'client-key': 'pki/me.pem'}
    paths = [write(clusters, 'x/config'), write(users, 'y/config')]
    (tmp_path / 'x/pki').mkdir()
    (tmp_path / 'y/pki').mkdir()
    CA.cert_pem.write_to_path(tmp_path / 'x/pki/ca.pem')
    CA.issue_cert('me@example.com').private_key_and_cert_chain_pem.write_to_path(tmp_path / 'y/pki/me.pem')
    write('token-of-ann\n', 'y/token')
    monkeypatch.setenv('KUBECONFIG', os.pathsep.join(map(str, paths)))
    monkeypatch.chdir(tmp_path)
    assert await found('a') == ('https://one', 'ann')


async def test_no_kubeconfig_names_the_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r'There is no kubeconfig \(looked at: ~/.kube/config, .*--kubeconfig FILE'):
        find_target(None)
    monkeypatch.setenv('KUBECONFIG', f'{tmp_path}/a{os.pathsep}{tmp_path}/b')
    with pytest.raises(ClusterError, match=f'looked at: KUBECONFIG={tmp_path}/a:{tmp_path}/b'):
        find_target('one')
    with pytest.raises(ClusterError, match=f'{tmp_path}/c: there is no such kubeconfig'):
        find_target('one', kubeconfig=tmp_path / 'c')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('a: [1', 'is no valid YAML: .*line'),
        ('\x00', 'is no valid YAML'),
        ('- 1', 'this is no kubeconfig: a mapping is expected, not list'),
        ('just text', 'this is no kubeconfig'),
        ('', 'there is no current-context. Name a cluster. Contexts: none; clusters: none'),
        ('current-context: gone', 'the current-context is gone, but there is no such context'),
        ('current-context: [1]', 'current-context must be a string'),
        ('contexts: text', 'contexts must be a list'),
        ('users: [{user: {}}]', r'users\[0\] has no name'),
        ('users: [text]', r'users\[0\] has no name'),
        ('clusters: [{name: a, cluster: text}]', 'cluster a must be a mapping'),
        ('{current-context: a, contexts: [{name: a}]}', 'context a names no cluster'),
        (
            '{current-context: a, contexts: [{name: a, context: {cluster: c}}]}',
            'names the cluster c, which is not there',
        ),
        ('{current-context: a, contexts: [{name: a, context: {cluster: [c]}}]}', 'cluster must be a string'),
    ],
)
def test_broken_file_is_told_in_one_line(write: Write, content: str, message: str) -> None:
    path = write(content)
    with pytest.raises(ClusterError, match=message) as info:
        find_target(None, kubeconfig=path)
    assert '\n' not in str(info.value)
    assert str(info.value).startswith(str(path))


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match='can not be read: Is a directory'):
        find_target(None, kubeconfig=tmp_path)


@pytest.mark.parametrize(
    ('cluster', 'message'),
    [
        ({}, 'cluster one has no server'),
        ({'server': 5}, 'server must be a string, not 5'),
        ({'server': 'https://one..example'}, r'cluster one: server .* is no URL: .*label'),
        ({'server': 'one.example:6443'}, r'cluster one: server .* is not usable. An http:// or https:// URL'),
        ({'server': 'https://one', 'proxy-url': 'socks5://x:1'}, r'cluster one: proxy-url .* is not usable'),
    ],
)
def test_broken_cluster_is_told(write: Write, cluster: dict[str, Any], message: str) -> None:
    content = config({'a': ('one', None)}, ('one',), current='a')
    content['clusters'][0]['cluster'] = cluster
    with pytest.raises(ClusterError, match=message):
        find_target(None, kubeconfig=write(content))


def test_missing_user_is_told(write: Write) -> None:
    with pytest.raises(ClusterError, match=r'context a names the user ann, who is not there\. Users: bob'):
        find_target(None, kubeconfig=write(config({'a': ('one', 'ann')}, ('one',), ('bob',), current='a')))


def test_settings_reach_the_target(write: Write) -> None:
    content = config({'a': ('one', 'ann')}, ('one',), ('ann',), current='a')
    content['contexts'][0]['context']['namespace'] = 'team'
    content['clusters'][0]['cluster'] = {
        'server': 'https://one.example:6443/k8s/c-1/',
        'tls-server-name': 'api.internal',
        'proxy-url': 'http://proxy.example:3128',
    }
    content['users'][0]['user'] |= {'as': 'boss', 'as-groups': ['x', 'y'], 'as-user-extra': {'reason': ['test']}}
    target = find_target(None, kubeconfig=write(content))
    assert (target.url, target.name, target.namespace) == ('https://one.example:6443/k8s/c-1', 'a', 'team')
    assert (target.server_name, target.proxy) == ('api.internal', 'http://proxy.example:3128')
    assert target.headers == (
        ('Impersonate-User', 'boss'),
        ('Impersonate-Group', 'x'),
        ('Impersonate-Group', 'y'),
        ('Impersonate-Extra-reason', 'test'),
    )


KEYS = st.sampled_from(
    ['name', 'context', 'cluster', 'user', 'server', 'proxy-url', 'as', 'as-groups', 'as-user-extra']
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(['a', 'http://h', 'https://[', '', 'x\ny']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
SERVER = {'server': 'http://h'}
SETTINGS = st.dictionaries(KEYS, VALUES, max_size=6)
CONTENT = VALUES | st.builds(
    lambda context, cluster, user: {
        'current-context': 'a',
        'contexts': [{'name': 'a', 'context': context}],
        'clusters': [{'name': 'a', 'cluster': cluster}],
        'users': [{'name': 'a', 'user': user}],
    },
    st.just({'cluster': 'a', 'user': 'a'}) | SETTINGS,
    st.just(SERVER) | SETTINGS,
    SETTINGS | VALUES,
)


@given(content=CONTENT, name=st.none() | st.just('a'))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_gives_a_target_or_one_line(write: Write, content: Any, name: str | None) -> None:
    path = write(content if content is not None else '')
    try:
        host, error = find_target(name, kubeconfig=path).base.host, None
    except ClusterError as exc:
        host, error = None, str(exc)
    assert host or error
    assert '\n' not in (error or '')


# --- in a pod


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / 'serviceaccount'
    folder.mkdir()
    (folder / 'token').write_text('token-of-pod\n')
    CA.cert_pem.write_to_path(folder / 'ca.crt')
    monkeypatch.setenv('KUBERNETES_SERVICE_HOST', '10.0.0.1')
    monkeypatch.setenv('KUBERNETES_SERVICE_PORT', '443')
    return folder


async def test_pod_without_a_kubeconfig_uses_its_service_account(pod: Path) -> None:
    target = find_target(None)
    assert (target.url, target.name, target.renewable) == ('https://10.0.0.1', 'in-cluster', True)
    assert target.log_in is not None
    login = await target.log_in()
    assert login.authorization == 'Bearer token-of-pod'
    assert login.tls is not None
    assert login.expires is not None
    (pod / 'token').write_text('token-of-tomorrow')
    again = await target.log_in()
    assert again.authorization == 'Bearer token-of-tomorrow'
    assert again.tls is login.tls


async def test_pod_with_a_kubeconfig_uses_that(pod: Path, write: Write) -> None:
    write(FULL, 'home/.kube/config')
    assert await found(None) == ('two', 'bob')


def test_pod_has_no_other_clusters(pod: Path) -> None:
    with pytest.raises(ClusterError, match='There is no kubeconfig'):
        find_target('kind')


async def test_broken_service_account_is_told(pod: Path) -> None:
    (pod / 'ca.crt').unlink()
    target = find_target(None)
    assert target.log_in is not None
    with pytest.raises(ClusterError, match=r'the service account of this pod is not usable: .*does not exist'):
        await target.log_in()


# --- proxies


@pytest.mark.parametrize(
    ('url', 'excluded', 'expected'),
    [
        ('https://api.example', '', 'http://secure:3128'),
        ('http://api.example', '', 'http://plain:3128'),
        ('https://localhost:6443', '', None),
        ('https://127.3.2.1:6443', '', None),
        ('https://[::1]:6443', '', None),
        ('https://api.example', '*', None),
        ('https://api.example', 'other, example', None),
        ('https://api.example', 'api.EXAMPLE', None),
        ('https://api.example', '.example', None),
        ('https://api.example', '*.example', None),
        ('https://example', '.example', 'http://secure:3128'),
        ('https://badexample', 'example', 'http://secure:3128'),
        ('https://api.example:6443', 'api.example:6443', None),
        ('https://api.example:6443', 'api.example:443', 'http://secure:3128'),
        ('https://10.1.2.3', '10.0.0.0/8', None),
        ('https://10.1.2.3', '10.1.2.3', None),
        ('https://11.1.2.3', '10.0.0.0/8,10.1', 'http://secure:3128'),
        ('https://[fd00::5]', 'fd00::/8', None),
        ('https://[fd00::5]:6443', '[fd00::5]:6443', None),
    ],
)
def test_proxy_of_the_environment_is_used_as_kubectl_does(
    monkeypatch: pytest.MonkeyPatch, url: str, excluded: str, expected: str | None
) -> None:
    monkeypatch.setenv('HTTPS_PROXY', 'http://secure:3128')
    monkeypatch.setenv('http_proxy', 'plain:3128')
    monkeypatch.setenv('no_proxy', excluded)
    assert url_target(url).proxy == expected


def test_proxy_of_the_cluster_wins(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HTTP_PROXY', 'socks5://elsewhere')
    content = config({'a': ('one', None)}, ('one',), current='a')
    with pytest.raises(ClusterError, match=r'HTTP_PROXY .* is not usable'):
        find_target(None, kubeconfig=write(content))
    content['clusters'][0]['cluster']['proxy-url'] = 'http://proxy.example:3128'
    assert find_target(None, kubeconfig=write(content)).proxy == 'http://proxy.example:3128'


# --- plain URLs


def test_url_is_enough() -> None:
    target = url_target('http://127.0.0.1:8001/')
    assert (target.url, target.log_in, target.login.given, target.login.tls) == (
        'http://127.0.0.1:8001',
        None,
        False,
        None,
    )


def test_url_may_have_a_path_and_a_user() -> None:
    target = url_target('https://me:pass@host.example/k8s/clusters/c-1/')
    assert target.url == 'https://host.example/k8s/clusters/c-1'
    assert (target.login.authorization, target.login.given) == ('Basic bWU6cGFzcw==', True)


def test_headers_are_set_and_an_authorization_counts_as_credentials() -> None:
    assert not url_target('http://host', headers=[('X-Team', 'a ')]).login.given
    target = url_target('http://host', headers=[('authorization', 'Bearer x')])
    assert (target.headers, target.login.given) == ((('authorization', 'Bearer x'),), True)


def test_certificates_are_loaded(tmp_path: Path) -> None:
    leaf = CA.issue_cert('me@example.com')
    CA.cert_pem.write_to_path(tmp_path / 'ca')
    leaf.cert_chain_pems[0].write_to_path(tmp_path / 'cert')
    leaf.private_key_pem.write_to_path(tmp_path / 'key')
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / 'both')
    target = url_target('https://host', ca=tmp_path / 'ca', cert=tmp_path / 'cert', key=tmp_path / 'key')
    assert target.login.given
    assert target.login.tls is not None
    assert len(target.login.tls.get_ca_certs()) == 1
    assert url_target('https://host', cert=tmp_path / 'both', insecure=True).login.tls.verify_mode == 0  # type: ignore


@pytest.mark.parametrize(
    ('url', 'message'),
    [
        ('host:8080', 'An http:// or https:// URL with a host is expected'),
        ('ftp://host', 'An http:// or https:// URL with a host is expected'),
        ('https://', 'is no'),
        ('', 'An http:// or https:// URL with a host is expected'),
        ('http://host:port', 'is no'),
        ('http://host/?a=b', 'no query and no fragment'),
    ],
)
def test_unusable_url_is_told(url: str, message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        url_target(url)


@pytest.mark.parametrize(
    'url',
    [
        'https://me:hunter2@host:port',
        'https://me:hunter2@ho..st',
        'https://me:hunt/er2@host',
        'https://me:hunt@er2@host:x/path',
        'https://me:#hunter2@host',
        'https://me:hunter2@\u2100host',
        'https://me:hunter2@[host',
        'https://me:hunter2',
        'https:/me:hunter2@host',
        'ftp://me:hunter2@host',
        'me:hunter2@host',
        'me:hunter2',
        'https://me:hunter2@host?token=hunter2',
        'https://host?token=hunter2',
        'https://host/#hunter2',
    ],
)
def test_no_password_of_an_unusable_url_is_told(url: str) -> None:
    with pytest.raises(ClusterError, match=r'^--upstream .*is (no URL|not usable)') as caught:
        url_target(url)
    assert not [part for part in ('hunt', 'er2') if part in str(caught.value)]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize('header', [('', 'x'), ('a b', 'x'), ('X', 'a\r\nEvil: 1')])
def test_unusable_header_is_told_without_its_value(header: tuple[str, str]) -> None:
    with pytest.raises(ClusterError) as info:
        url_target('http://host', headers=[header])
    assert 'Evil' not in str(info.value)


def test_unusable_certificates_are_told(tmp_path: Path) -> None:
    leaf, other = CA.issue_cert('me@example.com'), CA.issue_cert('you@example.com')
    leaf.cert_chain_pems[0].write_to_path(tmp_path / 'cert')
    other.private_key_pem.write_to_path(tmp_path / 'key')
    (tmp_path / 'junk').write_text('junk')
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b'secret'))
    (tmp_path / 'encrypted').write_bytes(pem)
    for message, options in [
        ('absent can not be read: No such file', {'ca': 'absent'}),
        ('absent can not be read: No such file', {'cert': 'cert', 'key': 'absent'}),
        ('junk: the authority does not load: no PEM with a certificate is there', {'ca': 'junk'}),
        ('junk: the client certificate does not load', {'cert': 'junk'}),
        ('cert: the client certificate does not load: no PEM with a certificate and its key', {'cert': 'cert'}),
        ('the key is not the key of this certificate', {'cert': 'cert', 'key': 'key'}),
        (
            'encrypted: the client certificate does not load: the key is encrypted; decrypt it first',
            {'cert': 'cert', 'key': 'encrypted'},
        ),
        ('a key needs its certificate', {'key': 'key'}),
    ]:
        with pytest.raises(ClusterError, match=message) as info:
            url_target('https://host', **{key: tmp_path / name for key, name in options.items()})  # type: ignore
        assert '\n' not in str(info.value)
    with pytest.raises(ClusterError, match='of use with https:// only'):
        url_target('http://host', insecure=True)
