"""What a server gives to clients: its own client, a kubeconfig; and several servers of one handler."""

import contextlib
import stat
from pathlib import Path
from typing import Any

import aiohttp
import kubernetes_asyncio
import pytest
import trustme
import yaml
import yarl
from serving import Script, serving

import kmock
from kmock.errors import KMockError
from kmock.handlers import RawHandler
from kmock.messages import Answer
from kmock.server import Server

OWN_AGENT = f'kmock/{kmock.__version__} aiohttp/{aiohttp.__version__}'


async def agent_of(**options: Any) -> str:
    """How the own client of such a server calls itself."""
    script = Script(Answer())
    async with serving(script, **options) as server, server.client.get('/'):
        return script.requests[0].headers['User-Agent']


class TestClients:
    async def test_the_own_client_calls_itself_by_both_versions(self) -> None:
        assert await agent_of() == OWN_AGENT

    async def test_it_calls_itself_as_it_is_told(self) -> None:
        assert await agent_of(user_agent='me/1') == 'me/1'
        assert await agent_of(user_agent='me/1', client_fct=aiohttp.ClientSession) == 'me/1'

    async def test_a_factorys_user_agent_stands_unless_another_one_is_told(self) -> None:
        def make(url: yarl.URL) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(url, headers={'User-Agent': 'factory'})

        assert await agent_of(client_fct=make) == 'factory'
        assert await agent_of(client_fct=make, user_agent='me/1') == 'me/1'
        assert await agent_of(client_fct=aiohttp.ClientSession) == OWN_AGENT

    @pytest.mark.parametrize('tls', [False, True])
    async def test_a_factory_is_given_the_root_url_and_its_client_trusts_the_server(self, tls: bool) -> None:
        given: list[yarl.URL] = []

        def make(url: yarl.URL) -> aiohttp.ClientSession:
            given.append(url)
            return aiohttp.ClientSession(url)

        async with serving(Script(Answer(body=b'ok')), tls=tls, client_fct=make) as server:
            client = server.client
            async with client.get('/') as response:
                assert await response.read() == b'ok'
            assert given == [yarl.URL(server.url)]
            assert server.client is client
        assert client.closed

    async def test_the_server_of_aiohttp_is_there_while_it_runs(self) -> None:
        server = Server(Script(Answer()))
        assert server.server is None
        async with server:
            assert isinstance(server.server, aiohttp.web.Server)
        assert server.server is None


class TestSeveralServers:
    async def test_the_calls_of_a_handler_take_turns(self) -> None:
        async with RawHandler() as handler, Server(handler) as first, Server(handler, tls=True) as second:
            handler << 200
            for _ in range(4):
                await handler.get('/')
            assert [request.base_url for request in handler] == [first.url, second.url] * 2
            assert handler.servers == [first, second]
            assert handler.clients == [first.client, second.client]
            assert (handler.url, handler.kubeconfig) == (first.url, first.kubeconfig)

    async def test_what_is_left_goes_on_when_one_stops(self) -> None:
        async with RawHandler() as handler, Server(handler) as first:
            handler << 200
            async with Server(handler):
                await handler.get('/')
            for _ in range(3):
                assert (await handler.get('/')).status == 200
            assert handler.servers == [first]
        with pytest.raises(KMockError, match='No server serves this handler'):
            handler.get('/')

    async def test_absolute_urls_go_where_they_say(self) -> None:
        async with RawHandler() as handler, Server(handler), Server(handler, hostnames='x.test') as second:
            handler << 200
            for _ in range(2):
                await handler.get(second.url)
                await handler.get('http://x.test/')
            assert {request.base_url for request in handler} == {second.url, 'http://x.test'}


async def version_by(kubeconfig: Path) -> str:
    """What a client of Kubernetes gets that knows nothing but the kubeconfig."""
    configuration = kubernetes_asyncio.client.Configuration()
    await kubernetes_asyncio.config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    async with kubernetes_asyncio.client.ApiClient(configuration) as client:
        info = await kubernetes_asyncio.client.VersionApi(client).get_code()
    return str(info.git_version)


class TestKubeconfigs:
    @pytest.mark.parametrize('kind', ['plain', 'tls', 'client_ca'])
    async def test_it_leads_any_client_to_the_server(self, kind: str, tmp_path: Path) -> None:
        options: dict[str, Any] = {'plain': {}, 'tls': {'tls': True}}.get(kind) or {}
        if kind == 'client_ca':
            trustme.CA().cert_pem.write_to_path(tmp_path / 'ca.pem')
            options = {'tls': True, 'client_ca': tmp_path / 'ca.pem'}
        version = dict.fromkeys(['major', 'minor', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion'], '1')
        answer = Answer.json({**version, 'compiler': 'gc', 'platform': 'x', 'gitVersion': 'v1.2.3'})
        async with serving(Script(answer), **options) as server:
            assert await version_by(server.kubeconfig) == 'v1.2.3'

    @pytest.mark.parametrize('tls', [False, True])
    async def test_it_logs_in_as_the_first_declared_user_of_the_handler(self, tls: bool) -> None:
        async with kmock.KubernetesEmulator() as handler, Server(handler, tls=tls) as server:
            path = server.kubeconfig
            handler.users['ghost'] = {}
            handler.users['admin'] = {'token': 's3cret', 'groups': ['system:masters']}
            handler.users['viewer'] = {'token': 't0ken'}
            assert server.kubeconfig == path  # it is the same file, written anew
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            written = yaml.safe_load(path.read_text())
            assert [each['name'] for each in written['contexts']] == ['admin', 'viewer']
            assert written['current-context'] == 'admin'
            configuration = kubernetes_asyncio.client.Configuration()
            await kubernetes_asyncio.config.load_kube_config(str(path), client_configuration=configuration)
            async with kubernetes_asyncio.client.ApiClient(configuration) as client:
                await kubernetes_asyncio.client.CoreV1Api(client).list_namespace()

            handler.users.clear()
            assert 's3cret' not in server.kubeconfig.read_text()

    async def test_it_is_private_and_goes_away_with_the_server(self) -> None:
        async with serving(Script(Answer())) as server:
            path = server.kubeconfig
            assert path == server.kubeconfig
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert not path.parent.exists()
        for asking in (lambda: server.kubeconfig, lambda: RawHandler().kubeconfig):
            with pytest.raises(KMockError, match=r'only while it is entered|No server serves this handler'):
                asking()

    async def test_it_is_not_written_unless_it_is_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(Server(Script(Answer())))
            assert list(tmp_path.iterdir()) == []
            assert server.kubeconfig.parent.parent == tmp_path
        assert list(tmp_path.iterdir()) == []
