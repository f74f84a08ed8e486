"""Hostnames that lead aiohttp's clients to a server: which ones are meant, and what happens to the others."""

import asyncio
import ipaddress
import re
import socket
import ssl
import threading
from typing import Any

import aiohttp
import pytest
from aresponses import ResponsesMockServer
from serving import Script, serving

import kmock
from kmock.errors import KMockError
from kmock.hostnames import AiohttpInterceptor, HostFilter
from kmock.messages import Answer
from kmock.server import Server

NOBODY = aiohttp.ClientConnectorError


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not intercepted gets the answer that a network without these names would give."""

    async def resolve(self: Any, host: str, port: int = 0, family: int = 0) -> list[Any]:
        raise OSError(None, f'{host} is nowhere')

    monkeypatch.setattr(aiohttp.ThreadedResolver, 'resolve', resolve)


@pytest.fixture
def ipv6() -> str:
    """The loopback address of IPv6, where the machine has one."""
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return '::1'
    except OSError as error:
        pytest.skip(f'no IPv6 here: {error}')


def script(text: str = 'ours') -> Script:
    return Script(Answer(body=text.encode()))


async def ask(url: str, **kwargs: Any) -> str:
    """What a foreign client with a session of its own gets."""
    async with aiohttp.ClientSession() as session, session.get(url, **kwargs) as response:
        return await response.text()


class TestFilters:
    @pytest.mark.parametrize(
        ('written', 'host', 'port', 'meant'),
        [
            ('x.test', 'x.test', 80, True),
            ('x.test', 'api.x.test', 80, False),
            ('X.Test.', 'x.test', 443, True),
            ('my_host', 'my_host', 80, True),
            ('bücher.example', 'xn--bcher-kva.example', 80, True),
            ('1.2.3.4', '1.2.3.4', 80, True),
            ('1.2.3.4', '1.2.3.5', 80, False),
            ('0:0:0::1', '::1', 80, True),
            ('[::1]', '::1', 80, True),
            (ipaddress.ip_address('1.2.3.4'), '1.2.3.4', 80, True),
            (('x.test', 99), 'x.test', 99, True),
            (('x.test', 99), 'x.test', 98, False),
            (['x.test', 99], 'x.test', 98, False),
            (('x.test', None), 'x.test', 98, True),
            (re.compile('x'), 'x.test', 80, False),
            (re.compile(r'.*\.test'), 'x.test', 80, True),
            ((re.compile(r'.*\.test'), 99), 'x.test', 98, False),
            (('x.test', 'y.test'), 'y.test', 80, True),
            ({'x.test', ('y.test', 99), re.compile('z')}, 'y.test', 99, True),
            ({'x.test', ('y.test', 99), re.compile('z')}, 'y.test', 98, False),
            ({'x.test', ('y.test', 99), re.compile('z')}, 'z', 98, True),
            ((['x.test'], ('y.test', 99), {('z.test', 98)}), 'x.test', 80, True),
            ((['x.test'], ('y.test', 99), {('z.test', 98)}), 'z.test', 98, True),
            ((['x.test'], ('y.test', 99), {('z.test', 98)}), 'z.test', 99, False),
            (None, 'x.test', 80, False),
            ('', 'x.test', 80, False),
            ([], 'x.test', 80, False),
        ],
    )
    def test_all_notations_mean_what_they_say(self, written: Any, host: str, port: int, meant: bool) -> None:
        assert HostFilter(written).matches(host, port) is meant

    @pytest.mark.parametrize(
        'written',
        [
            *('x.test:99', 'http://x.test', '*.test', 'a b', 'a..b', '-a', b'x', re.compile(b'x')),
            *(123, {'x.test': 1}, ['x', 3.5], ('x.test', '99'), [''], (n for n in ['x'])),
        ],
    )
    def test_what_is_no_hostname_is_refused_where_it_is_written(self, written: Any) -> None:
        with pytest.raises(ValueError, match=r'is no hostname to intercept\. Write a name or an address without'):
            Server(script(), hostnames=written)

    @pytest.mark.parametrize('port', [0, 65536, -1])
    def test_what_is_no_port_is_refused(self, port: int) -> None:
        with pytest.raises(ValueError, match='is no port: it must be from 1 to 65535'):
            Server(script(), hostnames=('x.test', port))


class TestInterception:
    @pytest.mark.parametrize('url', ['http://x.test/', 'http://X.TEST:99/', 'http://x.test./', 'http://1.2.3.4:5/'])
    async def test_every_client_is_led_to_the_server_while_it_is_open(self, url: str) -> None:
        async with serving(script(), hostnames=['x.test', '1.2.3.4']):
            assert await ask(url) == 'ours'
        if '1.2.3.4' not in url:
            with pytest.raises(NOBODY):
                await ask(url)

    async def test_the_server_sees_the_host_that_the_client_meant(self) -> None:
        handler = script()
        async with serving(handler, hostnames='x.test'):
            await ask('http://x.test:99/path?q=1')
        assert handler.requests[0].url == 'http://x.test:99/path?q=1'

    async def test_other_hosts_and_ports_are_left_alone(self) -> None:
        async with serving(script(), hostnames=('x.test', 99)):
            for url in ('http://x.test/', 'http://y.test:99/'):
                with pytest.raises(NOBODY):
                    await ask(url)

    async def test_sessions_made_before_are_led_as_well(self) -> None:
        async with aiohttp.ClientSession() as session:
            async with serving(script(), hostnames='x.test'), session.get('http://x.test/') as response:
                assert await response.text() == 'ours'

    async def test_aiohttp_is_left_as_it_was_found(self) -> None:
        before = aiohttp.TCPConnector._create_direct_connection
        async with serving(script(), hostnames='x.test'):
            assert aiohttp.TCPConnector._create_direct_connection is not before
        assert aiohttp.TCPConnector._create_direct_connection is before

    async def test_a_server_that_fails_to_start_leaves_aiohttp_as_it_was_found(self) -> None:
        before = aiohttp.TCPConnector._create_direct_connection

        class Refusing(Script):
            def attach(self, server: object) -> None:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Server(Refusing(Answer()), hostnames='x.test').__aenter__()
        assert aiohttp.TCPConnector._create_direct_connection is before

    async def test_ipv6_servers_take_hostnames_too(self, ipv6: str) -> None:
        async with serving(script(), host=ipv6, hostnames='x.test'):
            assert await ask('http://x.test/') == 'ours'

    async def test_clients_of_other_threads_are_led_as_well(self) -> None:
        answers: list[str] = []
        async with serving(script(), tls=True, hostnames=re.compile('.*')):
            await asyncio.to_thread(lambda: answers.append(asyncio.run(ask('https://x.test/'))))
        assert answers == ['ours']


class TestStacks:
    async def test_the_latest_server_wins_and_the_former_returns(self) -> None:
        async with serving(script('a'), hostnames='x.test'):
            async with serving(script('b'), hostnames=['x.test', 'y.test']):
                assert [await ask(f'http://{host}.test/') for host in 'xy'] == ['b', 'b']
            assert await ask('http://x.test/') == 'a'
            with pytest.raises(NOBODY):
                await ask('http://y.test/')

    async def test_servers_may_stop_in_any_order(self) -> None:
        before = aiohttp.TCPConnector._create_direct_connection
        first, second = Server(script('a'), hostnames='x.test'), Server(script('b'), hostnames='x.test')
        await first.__aenter__()
        await second.__aenter__()
        await first.__aexit__()
        assert await ask('http://x.test/') == 'b'
        await second.__aexit__()
        assert aiohttp.TCPConnector._create_direct_connection is before

    async def test_a_servers_own_address_is_never_led_elsewhere(self) -> None:
        async with serving(script('a')) as server, serving(script('b'), hostnames=re.compile('.*')):
            assert await ask(server.url) == 'a'
            assert await ask('http://127.0.0.1:9/') == 'b'

    async def test_hooks_of_others_above_ours_outlive_us(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []
        async with serving(script(), hostnames='x.test'):
            ours = aiohttp.TCPConnector._create_direct_connection

            async def theirs(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
                calls.append(req.url.host)
                return await ours(self, req, *args, **kwargs)

            monkeypatch.setattr(aiohttp.TCPConnector, '_create_direct_connection', theirs)
            assert await ask('http://x.test/') == 'ours'
        with pytest.raises(NOBODY):
            await ask('http://x.test/')
        async with serving(script('again'), hostnames='x.test'):
            assert await ask('http://x.test/') == 'again'
        assert aiohttp.TCPConnector._create_direct_connection is theirs
        monkeypatch.undo()
        assert calls == ['x.test'] * 3
        async with serving(script(), hostnames='z.test'):
            assert await ask('http://z.test/') == 'ours'

    async def test_an_interceptor_serves_foreign_servers(self) -> None:
        async with serving(script()) as server:
            interceptor = AiohttpInterceptor('127.0.0.1', server.port, 'x.test')
            async with interceptor:
                assert await ask('http://x.test/') == 'ours'
                with pytest.raises(KMockError, match='is open already'):
                    await interceptor.__aenter__()
            with pytest.raises(NOBODY):
                await ask('http://x.test/')

    async def test_an_interceptor_without_a_port_keeps_that_of_the_client(self) -> None:
        async with serving(script()) as server, AiohttpInterceptor('127.0.0.1', None, 'x.test'):
            assert await ask(f'http://x.test:{server.port}/') == 'ours'

    async def test_many_threads_may_open_and_close_at_once(self) -> None:
        before = aiohttp.TCPConnector._create_direct_connection

        async def open_and_close() -> None:
            for _ in range(100):
                async with AiohttpInterceptor('127.0.0.1', 1, 'x.test'):
                    await asyncio.sleep(0)

        threads = [threading.Thread(target=asyncio.run, args=(open_and_close(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert aiohttp.TCPConnector._create_direct_connection is before


class TestSecure:
    async def test_clients_trust_the_hosts_that_are_named_or_described(self) -> None:
        hostnames = ['x.test', re.compile(r'.*\.cluster'), re.compile(r'10\..*'), '1.2.3.4', 'bücher.example']
        async with serving(script(), tls=True, hostnames=hostnames):
            for host in ('x.test', 'a.cluster', 'b.cluster', '10.0.0.1', '1.2.3.4', 'bücher.example', 'a.cluster'):
                assert await ask(f'https://{host}/') == 'ours'

    async def test_the_certificate_is_good_for_clients_that_bring_the_authority(self) -> None:
        async with serving(script(), tls=True, hostnames=re.compile('.*')) as server:
            trust = ssl.create_default_context(cafile=server.ca_path)
            assert await ask('https://x.test/', ssl=trust) == 'ours'

    async def test_a_clients_own_context_is_heeded(self) -> None:
        async with serving(script(), tls=True, hostnames='x.test'):
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await ask('https://x.test/', ssl=ssl.create_default_context())
            assert await ask('https://x.test/', ssl=False) == 'ours'

    async def test_a_connection_speaks_what_the_server_speaks(self) -> None:
        for tls in (False, True):
            async with serving(script(), tls=tls, hostnames='x.test'):
                assert [await ask(f'{scheme}://x.test/') for scheme in ('http', 'https')] == ['ours', 'ours']

    async def test_a_host_without_a_possible_certificate_is_one_clear_line(self) -> None:
        async with serving(script(), tls=True, hostnames=re.compile('.*')):
            with pytest.raises(KMockError, match=r"No certificate can be made for .*'my_host'"):
                await ask('https://my_host/')
        with pytest.raises(KMockError, match="'my_host'"):
            await Server(script(), tls=True, hostnames='my_host').__aenter__()

    async def test_a_servers_own_address_needs_the_authority_as_ever(self) -> None:
        async with serving(script(), tls=True, hostnames='x.test') as server:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await ask(server.url)
            with pytest.raises(aiohttp.ClientError):
                await ask(server.url.replace('https', 'http'))


class TestBesideAresponses:
    """It answers for all hosts whatsoever, and turns TLS off in all clients."""

    @pytest.mark.parametrize('tls', [False, True])
    @pytest.mark.parametrize('theirs_first', [True, False])
    async def test_hostnames_and_own_addresses_are_ours_and_the_rest_theirs(
        self, tls: bool, theirs_first: bool
    ) -> None:
        aresponses = ResponsesMockServer(loop=asyncio.get_running_loop())
        server = Server(script(), tls=tls, hostnames='x.test')
        async with aresponses if theirs_first else server, server if theirs_first else aresponses:
            aresponses.add('y.test', '/', 'get', 'theirs')
            scheme = 'https' if tls else 'http'
            assert await ask('http://y.test/') == 'theirs'
            assert await ask(f'{scheme}://x.test/') == 'ours'
            assert await ask(f'{scheme}://x.test/', ssl=False) == 'ours'
            assert await ask(server.url) == 'ours'
            async with server.client.get('/') as response:
                assert await response.text() == 'ours'


def test_the_names_of_the_notations_are_public() -> None:
    assert kmock.AiohttpInterceptor is AiohttpInterceptor
    assert set(kmock.ResolvedHost.__annotations__) == {'hostname', 'host', 'port', 'family', 'proto', 'flags'}
    for name in ('ResolverFilter', 'ResolverHostOnly', 'ResolverHostPort', 'ResolverHostSpec'):
        assert getattr(kmock, name)
