"""The fixture `kmock` in the company of other plugins, and in suites of plain functions."""

import pytest
import trustme  # noqa: F401  # once for all suites: pytester forgets what was imported in its runs

import kmock.background  # noqa: F401  # likewise

pytest_plugins = ['pytester']

STRICT = ['-W', 'error', '-p', 'no:cacheprovider', '--strict-markers', '--strict-config']
NO_LOOPTIME = ['-p', 'no:looptime_plugin']  # where plain functions run first, it leaves a loop open


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's suite with no configuration but warnings as errors."""
    pytester.makeini('[pytest]\nasyncio_default_fixture_loop_scope = function\n')
    return pytester


def run(suite: pytest.Pytester, *args: str, apart: bool = False, looptime: bool = False, **outcomes: int) -> str:
    """Run the suite, in a process of its own if it is to stand apart, and expect exactly these outcomes."""
    start = suite.runpytest_subprocess if apart else suite.runpytest_inprocess
    result = start(*STRICT, *([] if looptime else NO_LOOPTIME), *args)
    result.assert_outcomes(**outcomes)
    return result.stdout.str()


class TestPlugins:
    def test_looptime_finds_nothing_that_waits_in_real_time(self, suite: pytest.Pytester) -> None:
        """A stream that lasts for minutes, and one that would last for ever, take no time at all."""
        suite.makepyfile(
            """
            import asyncio, pytest, threading
            pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

            async def test_sleeping(kmock, looptime):
                kmock['get /'] << (b'a', lambda: asyncio.sleep(200), b'b')
                async with kmock.get('/') as response:
                    assert await response.read() == b'ab'
                assert 200 <= looptime < 201
                assert not [thread for thread in threading.enumerate() if thread.name.startswith('kmock')]

            async def test_waiting(kmock, looptime):
                kmock['get /'] << (b'a', ...)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(123), kmock.get('/') as response:
                        await response.read()
                assert 123 <= looptime < 124
            """
        )
        run(suite, '-o', 'asyncio_mode=strict', looptime=True, passed=2)

    def test_xdist_spreads_the_tests_over_processes(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import os, pytest, urllib.request

            @pytest.mark.parametrize('n', range(8))
            async def test_loops(kmock, n):
                kmock << n
                assert await (await kmock.get('/')).json() == n

            @pytest.mark.parametrize('n', range(8))
            def test_threads(kmock, n):
                kmock << n
                assert kmock.get('/').json() == n
                assert os.environ['PYTEST_XDIST_WORKER']
            """
        )
        run(suite, '-n', '4', '-o', 'asyncio_mode=auto', apart=True, passed=16)

    @pytest.mark.parametrize('arguments', ['kmock, aresponses', 'aresponses, kmock'])
    @pytest.mark.parametrize('tls', [False, True])
    def test_aresponses_answers_for_all_hosts_but_ours(self, suite: pytest.Pytester, arguments: str, tls: bool) -> None:
        suite.makepyfile(
            f"""
            import aiohttp, pytest

            async def ask(url):
                async with aiohttp.ClientSession() as session, session.get(url) as response:
                    return await response.text()

            @pytest.mark.kmock(hostnames='ours.test', tls={tls})
            async def test_it({arguments}):
                kmock << b'ours'
                aresponses.add('theirs.test', '/', 'get', 'theirs')
                assert await ask('https://ours.test/') == 'ours'
                assert await ask(kmock.url) == 'ours'
                assert await (await kmock.get('/')).text() == 'ours'
                assert await ask('http://theirs.test/') == 'theirs'
            """
        )
        run(suite, '-o', 'asyncio_mode=auto', passed=1)

    def test_anyios_automatic_mode_serves_in_the_loop_of_the_test(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest

            @pytest.fixture
            def anyio_backend():
                return 'asyncio'

            async def test_it(kmock):
                kmock << 'hello'
                assert await (await kmock.get('/')).json() == 'hello'
            """
        )
        suite.makeini('[pytest]\nanyio_mode = auto\n')
        run(suite, '-p', 'no:asyncio', passed=1)

    @pytest.mark.parametrize('looptime', [False, True])
    def test_tests_marked_for_anyio_are_served_in_the_loop_of_pytest_asyncio_if_that_runs_them(
        self, suite: pytest.Pytester, looptime: bool
    ) -> None:
        """As in its automatic mode: then anyio sets asynchronous fixtures up in a loop that stands during the test."""
        suite.makepyfile(
            """
            import asyncio, pytest

            @pytest.fixture(params=['asyncio'])
            def anyio_backend(request):
                return request.param

            @pytest.mark.anyio
            class TestScopes:
                async def test_default(self, kmock):
                    await self.check(kmock)

                @pytest.mark.asyncio(loop_scope='class')
                async def test_class(self, kmock):
                    await self.check(kmock)

                @pytest.mark.asyncio(loop_scope='session')
                async def test_session(self, kmock):
                    await self.check(kmock)

                @pytest.mark.kmock(strict=True, limit=0)
                async def test_strict(self, kmock):
                    async with asyncio.timeout(5), kmock.get('/') as response:
                        assert response.status == 500

                async def check(self, kmock):
                    kmock << (b'a', lambda: asyncio.sleep(0), b'b')
                    async with asyncio.timeout(5), kmock.get('/') as response:
                        assert await response.read() == b'ab'
            """
        )
        run(suite, '-o', 'asyncio_mode=auto', looptime=looptime, passed=4, errors=1)

    def test_test_cases_of_unittest_are_served_from_a_thread(self, suite: pytest.Pytester) -> None:
        """Those that are asynchronous have a loop that no fixture can reach."""
        suite.makepyfile(
            """
            import aiohttp, pytest, unittest, urllib.request

            class Base:
                @pytest.fixture(autouse=True)
                def _serve(self, kmock):
                    kmock << 'hello'
                    self.url = kmock.url

            class TestPlain(Base, unittest.TestCase):
                def test_it(self):
                    with urllib.request.urlopen(self.url) as response:
                        assert response.read() == b'"hello"'

            class TestLoop(Base, unittest.IsolatedAsyncioTestCase):
                async def test_it(self):
                    async with aiohttp.ClientSession() as session, session.get(self.url) as response:
                        assert await response.json() == 'hello'
            """
        )
        run(suite, passed=2)


class TestPlainFunctions:
    def test_any_client_is_answered_and_the_own_one_blocks(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import httpx, json, requests, subprocess, sys, urllib.request

            def test_it(kmock):
                kmock['get /hello'] << {'hello': 'world'}
                expected = {'hello': 'world'}
                url = f'{kmock.url}/hello'
                assert requests.get(url).json() == expected
                assert httpx.get(url).json() == expected
                with urllib.request.urlopen(url) as response:
                    assert json.load(response) == expected
                code = f'import urllib.request; print(urllib.request.urlopen({url!r}).read().decode())'
                assert json.loads(subprocess.check_output([sys.executable, '-c', code])) == expected
                assert kmock.get('/hello').json() == expected
                kmock['get /hello'].override << 404
                assert kmock.get('/hello').status == 404
                assert len(kmock['get /hello']) == 6
            """
        )
        run(suite, passed=1)

    def test_a_kubeconfig_leads_kubernetes_clients_there(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import base64, pytest, ssl, urllib.request, yaml

            @pytest.mark.kmock(tls=True)
            def test_it(kmock):
                kmock['get /version'] << {'gitVersion': 'v1.2.3'}
                with kmock.kubeconfig.open() as file:
                    cluster = yaml.safe_load(file)['clusters'][0]['cluster']
                pem = base64.b64decode(cluster['certificate-authority-data']).decode()
                trust = ssl.create_default_context(cadata=pem)
                with urllib.request.urlopen(f"{cluster['server']}/version", context=trust) as response:
                    assert response.status == 200
            """
        )
        run(suite, passed=1)

    def test_a_loop_that_the_test_runs_is_served_as_well(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import aiohttp, asyncio, pytest

            async def ask(url):
                async with aiohttp.ClientSession() as session, session.get(url) as response:
                    return await response.json()

            @pytest.mark.kmock(hostnames='x.test')
            def test_it(kmock):
                kmock << 'hello'
                assert asyncio.run(ask('http://x.test/')) == 'hello'
            """
        )
        run(suite, passed=1)

    def test_a_test_that_fails_leaves_no_thread(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import threading, urllib.request

            def test_failing(kmock):
                kmock << (b'a', ...)
                with urllib.request.urlopen(kmock.url):
                    raise AssertionError

            def test_afterwards():
                assert 'kmock' not in [thread.name for thread in threading.enumerate()]
            """
        )
        run(suite, failed=1, passed=1)

    def test_ctrl_c_ends_the_run_with_the_server(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import os, signal, threading, urllib.request

            def test_it(kmock):
                kmock << (lambda: os.kill(os.getpid(), signal.SIGINT)) << (b'a', ...)
                kmock.get('/')

            def test_never(kmock): ...
            """
        )
        result = suite.runpytest_subprocess(*STRICT, *NO_LOOPTIME, timeout=20)
        assert result.ret == pytest.ExitCode.INTERRUPTED
        result.assert_outcomes()


class TestClassNames:
    @pytest.mark.parametrize('name', ['pack.inner.module:Outer.Handler', 'pack.inner.module.Outer.Handler'])
    def test_the_ini_file_may_name_a_class_of_nested_modules(self, suite: pytest.Pytester, name: str) -> None:
        source = 'import kmock\n\nclass Outer:\n    class Handler(kmock.RawHandler): ...\n'
        suite.makepyfile(**{'pack/__init__': '', 'pack/inner/__init__': '', 'pack/inner/module': source})
        suite.makepyfile('def test_it(kmock):\n    assert type(kmock).__qualname__ == "Outer.Handler"\n')
        suite.syspathinsert()
        run(suite, '-o', f'kmock_cls={name}', passed=1)

    def test_a_module_that_can_not_be_imported_is_told_with_its_reason(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(mine='import nosuchthing\n')
        suite.makepyfile('def test_it(kmock): ...\n')
        output = run(suite, '-o', 'kmock_cls=mine:Handler', errors=1)
        for line in (
            'mine.py:1: ModuleNotFoundError',
            "No module named 'nosuchthing'",
            "The module of cls='mine:Handler' can not be imported.",
        ):
            assert line in output
