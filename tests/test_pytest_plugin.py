"""The fixture `kmock` in the test suites of users: run by all kinds of runners, with warnings as errors."""

import subprocess
import sys

import pytest
import trustme  # noqa: F401  # once for all suites: pytester forgets what was imported in its runs

import kmock.background  # noqa: F401  # likewise

pytest_plugins = ['pytester']

STRICT = ['-W', 'error', '-p', 'no:cacheprovider', '-p', 'no:looptime_plugin']

CALLS = """
    kmock['get /hello'] << {'hello': 'world'}
    response = await kmock.get('/hello')
    assert response.status == 200
    assert await response.json() == {'hello': 'world'}
    assert len(kmock['get /hello']) == 1
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's suite with no configuration but warnings as errors."""
    pytester.makeini('[pytest]\nasyncio_default_fixture_loop_scope = function\n')
    return pytester


def run(suite: pytest.Pytester, *args: str, **outcomes: int) -> str:
    """Run the suite, and expect exactly these outcomes."""
    result = suite.runpytest_inprocess(*STRICT, *args)
    result.assert_outcomes(**outcomes)
    return result.stdout.str()


def source(body: str, *, decorator: str = '', header: str = '') -> str:
    return f'import threading\nimport pytest\n{header}\n{decorator}\nasync def test_it(kmock):\n{body}'


NO_THREADS = "    assert not [t for t in threading.enumerate() if t.name == 'kmock']\n"


class TestRunners:
    def test_pytest_asyncio_in_auto_mode_serves_in_the_loop_of_the_test(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(source(CALLS + NO_THREADS))
        run(suite, '-o', 'asyncio_mode=auto', passed=1)

    def test_pytest_asyncio_in_strict_mode_serves_in_the_loop_of_the_test(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(source(CALLS + NO_THREADS, decorator='@pytest.mark.asyncio'))
        run(suite, '-o', 'asyncio_mode=strict', passed=1)

    @pytest.mark.parametrize('scope', ['class', 'module', 'package', 'session'])
    def test_the_loop_scope_of_the_test_is_that_of_the_server(self, suite: pytest.Pytester, scope: str) -> None:
        suite.makepyfile(source(CALLS, decorator=f'@pytest.mark.asyncio(loop_scope={scope!r})'))
        run(suite, '-o', 'asyncio_mode=strict', passed=1)

    def test_the_default_loop_scope_of_tests_is_heeded(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(source(CALLS))
        run(suite, '-o', 'asyncio_mode=auto', '-o', 'asyncio_default_test_loop_scope=session', passed=1)

    def test_anyio_on_asyncio_serves_in_the_loop_of_the_test(self, suite: pytest.Pytester) -> None:
        header = "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
        suite.makepyfile(source(CALLS + NO_THREADS, decorator='@pytest.mark.anyio', header=header))
        run(suite, '-o', 'asyncio_mode=strict', passed=1)
        suite.makeini('[pytest]\n')
        run(suite, '-p', 'no:asyncio', passed=1)

    def test_anyio_on_trio_fails_with_one_clear_error(self, suite: pytest.Pytester) -> None:
        header = (
            "@pytest.fixture\ndef anyio_backend():\n    return 'trio'\n"
            "@pytest.fixture\ndef anyio_backend_name():\n    return 'trio'\n"
        )
        suite.makepyfile(source(CALLS, decorator='@pytest.mark.anyio', header=header))
        output = run(suite, '-o', 'asyncio_mode=strict', errors=1)
        assert 'The fixture `kmock` runs on asyncio, not on trio.' in output
        assert 'Traceback' not in output

    def test_an_asynchronous_test_without_a_runner_names_the_mend(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(source(CALLS))
        output = run(suite, '-o', 'asyncio_mode=strict', errors=1)
        assert 'Install pytest-asyncio and mark the test' in output

    def test_a_plain_function_is_served_from_a_thread_that_ends_with_it(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import threading
            import urllib.request

            def test_serving(kmock):
                kmock['get /hello'] << {'hello': 'world'}
                with urllib.request.urlopen(f'{kmock.url}/hello') as response:
                    assert response.read() == b'{"hello":"world"}'
                assert len(kmock['get /hello']) == 1
                assert 'kmock' in [thread.name for thread in threading.enumerate()]

            def test_afterwards():
                assert 'kmock' not in [thread.name for thread in threading.enumerate()]
            """
        )
        run(suite, passed=2)

    def test_errors_in_the_thread_are_reported_when_it_is_left(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest, urllib.error, urllib.request

            @pytest.mark.kmock(strict=True)
            def test_it(kmock):
                kmock['get /'] << ZeroDivisionError('boo!')
                with pytest.raises(urllib.error.HTTPError) as caught:
                    urllib.request.urlopen(f'{kmock.url}/')
                caught.value.close()
            """
        )
        assert 'ZeroDivisionError: boo!' in run(suite, passed=1, errors=1)

    def test_a_port_in_use_fails_the_set_up_in_a_thread_as_in_a_loop(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import socket
            import pytest

            @pytest.fixture
            def kmock_options():
                with socket.create_server(('127.0.0.1', 0)) as taken:
                    yield {'port': taken.getsockname()[1]}

            def test_in_a_thread(kmock): ...

            @pytest.mark.asyncio
            async def test_in_a_loop(kmock): ...
            """
        )
        output = run(suite, '-o', 'asyncio_mode=strict', errors=2)
        assert 'in use' in output

    def test_aresponses_is_set_up_first_in_any_order_of_arguments(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest
            order = []

            @pytest.fixture
            async def aresponses():
                order.append('aresponses')

            @pytest.fixture
            def kmock_options():
                order.append('kmock')
                return {}

            async def test_one(kmock, aresponses):
                assert order == ['aresponses', 'kmock']
            """
        )
        run(suite, '-o', 'asyncio_mode=auto', passed=1)

    def test_fixtures_that_use_kmock_are_served_in_the_same_loop(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest

            @pytest.fixture
            async def greeting(kmock):
                kmock['get /hello'] << 'hello'
                return await (await kmock.get('/hello')).json()

            async def test_it(greeting, kmock):
                assert greeting == 'hello'
                assert len(kmock['get /hello']) == 1
            """
        )
        run(suite, '-o', 'asyncio_mode=auto', passed=1)


class TestOptions:
    def test_markers_merge_option_by_option_and_the_closest_wins(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest
            pytestmark = pytest.mark.kmock(limit=1, host='127.0.0.1', strict=True)

            @pytest.mark.kmock(limit=2, port=1)
            class TestIt:
                @pytest.mark.kmock(limit=3)
                def test_it(self, kmock_options):
                    assert kmock_options == {'limit': 3, 'port': 1, 'host': '127.0.0.1', 'strict': True}
            """
        )
        run(suite, passed=1)

    def test_ini_options_are_the_defaults_of_markers(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            mine='import kmock\n\nclass Outer:\n    class Handler(kmock.RawHandler): ...\n',
            test_it="""
            import pytest, kmock as library, mine

            def test_defaults(kmock_options, kmock):
                assert kmock_options == {'cls': 'mine.Outer.Handler', 'limit': 5, 'strict': True}
                assert type(kmock) is mine.Outer.Handler

            @pytest.mark.kmock(limit=6, strict=False, cls=library.RawHandler)
            def test_marked(kmock_options, kmock):
                assert kmock_options == {'cls': library.RawHandler, 'limit': 6, 'strict': False}
                assert type(kmock) is library.RawHandler
            """,
        )
        options = ['kmock_cls=mine.Outer.Handler', 'kmock_limit=5', 'kmock_strict=true']
        run(suite, *(word for option in options for word in ('-o', option)), '-p', 'pytester', passed=2)

    def test_the_ini_file_has_options_of_clusters(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest, kmock as library

            def test_defaults(kmock_options, kmock):
                assert kmock_options == {'controllers': False, 'verbatim': True}
                assert type(kmock) is library.KubernetesEmulator
                kmock.objects['kopf.dev/v1/kopfexamples', 'ns', 'one'] = {'spec': 1}
                assert kmock.get('/apis/kopf.dev/v1/namespaces/ns/kopfexamples/one').json() == {'spec': 1}

            @pytest.mark.kmock(verbatim=False)
            def test_marked(kmock):
                assert kmock.get('/api/v1/namespaces/default').status == 200

            @pytest.mark.kmock(cls=library.RawHandler)
            def test_they_are_nothing_to_other_classes(kmock):
                kmock << 204
                assert kmock.get('/').status == 204
            """
        )
        run(suite, '-o', 'kmock_controllers=false', '-o', 'kmock_verbatim=true', passed=3)

    def test_manifests_are_looked_for_beside_the_test_and_in_the_root(self, suite: pytest.Pytester) -> None:
        config = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n'
        for path in ('tests/manifests/near.yaml', 'tests/manifests/both.yaml', 'far/far.yaml', 'manifests/both.yaml'):
            file = suite.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(config.replace('NAME', path.replace('/', '.')))
        (suite.path / 'tests/test_it.py').write_text(
            'def test_it(kmock):\n'
            "    kmock.load('manifests/*.yaml', 'far')\n"
            '    names = sorted(name for _, _, name in kmock.objects)\n'
            "    assert names == ['far.far.yaml', 'tests.manifests.both.yaml', 'tests.manifests.near.yaml']\n"
        )
        run(suite, str(suite.path / 'tests'), '--rootdir', str(suite.path), passed=1)

    @pytest.mark.parametrize('name', ['mine:Handler', 'mine.Handler'])
    def test_a_class_can_be_named_in_both_notations(self, suite: pytest.Pytester, name: str) -> None:
        suite.makepyfile(
            mine='import kmock\n\nclass Handler(kmock.RawHandler): ...\n',
            test_it=f"""
            import pytest, mine

            @pytest.mark.kmock(cls={name!r})
            def test_it(kmock):
                assert type(kmock) is mine.Handler
            """,
        )
        run(suite, passed=1)

    def test_a_class_of_kmock_needs_no_module(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest, kmock as library

            @pytest.mark.kmock(cls='RawHandler')
            def test_it(kmock):
                assert type(kmock) is library.RawHandler
            """
        )
        run(suite, passed=1)

    @pytest.mark.parametrize('cls', ["'nosuch:Class'", "'os.path'", '42', 'dict'])
    def test_a_wrong_class_is_refused_with_its_value(self, suite: pytest.Pytester, cls: str) -> None:
        suite.makepyfile(f'import pytest\n@pytest.mark.kmock(cls={cls})\ndef test_it(kmock): ...\n')
        output = run(suite, errors=1)
        assert f'cls={cls}'.replace('dict', "<class 'dict'>") + ' is no class of handlers' in output
        assert 'Traceback' not in output

    @pytest.mark.parametrize(
        ('options', 'line'),
        [
            ('port=70000', 'port=70000: a port is a number from 1 to 65535; None takes a free one.'),
            ("hostnames='a b'", "'a b'"),
            ('limit=-1', 'limit=-1: it must be a number of 0 or more, or None for no limit.'),
            ("cls='RawHandler', pace='fast'", 'fast'),
        ],
    )
    @pytest.mark.parametrize('kind', ['def', 'async def'])
    def test_a_bad_value_fails_the_test_with_one_line(
        self, suite: pytest.Pytester, kind: str, options: str, line: str
    ) -> None:
        asyncio = '@pytest.mark.asyncio\n' if kind == 'async def' else ''
        suite.makepyfile(f'import pytest\n{asyncio}@pytest.mark.kmock({options})\n{kind} test_it(kmock): ...\n')
        output = run(suite, errors=1)
        assert line in output
        assert '.py:' not in output.partition('short test summary')[0].partition('ERROR at setup')[2]

    def test_errors_of_a_users_class_keep_their_traceback(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest, kmock as library

            class Handler(library.RawHandler):
                def __init__(self, **kwargs):
                    super().__init__(**kwargs)
                    self['get']['post'] << 200

            @pytest.mark.kmock(cls=Handler)
            def test_it(kmock): ...
            """
        )
        output = run(suite, errors=1)
        assert 'No request can match both' in output
        assert "self['get']['post'] << 200" in output

    def test_an_unknown_option_is_refused_with_the_known_ones(self, suite: pytest.Pytester) -> None:
        suite.makepyfile('import pytest\n@pytest.mark.kmock(limits=1)\ndef test_it(kmock): ...\n')
        output = run(suite, errors=1)
        assert 'kmock has no option limits. With KubernetesEmulator, it has cls, host, port,' in output

    def test_a_subclass_takes_its_own_options(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest, kmock as library

            class Handler(library.RawHandler):
                def __init__(self, *, colour, **kwargs):
                    super().__init__(**kwargs)
                    self.colour = colour

            @pytest.mark.kmock(cls=Handler, colour='blue', limit=1)
            def test_it(kmock):
                assert kmock.colour == 'blue'
            """
        )
        run(suite, passed=1)

    def test_positional_arguments_of_the_marker_are_refused(self, suite: pytest.Pytester) -> None:
        suite.makepyfile("import pytest\n@pytest.mark.kmock('x.kmock')\ndef test_it(kmock): ...\n")
        assert "@pytest.mark.kmock takes keyword arguments only, not 'x.kmock'." in run(suite, errors=1)

    def test_a_wrong_limit_in_the_ini_file_is_refused(self, suite: pytest.Pytester) -> None:
        suite.makepyfile('def test_it(kmock): ...\n')
        output = run(suite, '-o', 'kmock_limit=many', errors=1)
        assert "The ini option kmock_limit must be a number, not 'many'." in output

    def test_kmock_options_can_be_extended_by_an_overriding_fixture(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(
            """
            import pytest

            @pytest.fixture
            def kmock_options(kmock_options):
                return {**kmock_options, 'tls': True}

            @pytest.mark.kmock(host='localhost')
            def test_it(kmock):
                assert kmock.url.startswith('https://localhost:')
            """
        )
        run(suite, passed=1)

    def test_the_marker_is_known_to_strict_suites(self, suite: pytest.Pytester) -> None:
        suite.makepyfile('import pytest\n@pytest.mark.kmock(port=None)\ndef test_it(kmock): ...\n')
        run(suite, '--strict-markers', '--strict-config', passed=1)


CASSETTE = """\
{"kind":"header","format":"kmock-trace","version":1,"created":"2026-01-01T00:00:00Z","server":null}
{"kind":"request","id":1,"t":0.001,"method":"GET","path":"/hello","query":[],"headers":[],"body":null}
{"kind":"response","id":1,"t":0.002,"status":200,"reason":"OK","headers":[["Content-Type","text/plain"]]}
{"kind":"chunk","id":1,"t":0.003,"data":"recorded"}
{"kind":"end","id":1,"t":0.004,"outcome":"complete","error":null}
"""

REPLAYED = """
    import pytest

    @pytest.mark.kmock(cassette={cassette!r}, pace='instant')
    async def test_it(kmock):
        response = await kmock.get('/hello')
        assert await response.text() == 'recorded'
        assert [played.request for played in kmock.cassette.played] == ['GET /hello']
        assert not kmock.cassette.unused
"""


class TestCassettes:
    def test_a_relative_path_is_looked_for_beside_the_test_file_first(self, suite: pytest.Pytester) -> None:
        folder = suite.mkdir('tests')
        (folder / 'hello.jsonl').write_text(CASSETTE)
        (suite.path / 'hello.jsonl').write_text('the wrong one')
        suite.makepyfile(**{'tests/test_it': REPLAYED.format(cassette='hello.jsonl')})
        run(suite, '-o', 'asyncio_mode=auto', passed=1)

    def test_a_relative_path_is_then_looked_for_in_the_root_folder(self, suite: pytest.Pytester) -> None:
        suite.mkdir('tests')
        suite.mkdir('cassettes').joinpath('hello.jsonl').write_text(CASSETTE)
        suite.makepyfile(**{'tests/test_it': REPLAYED.format(cassette='cassettes/hello.jsonl')})
        run(suite, '-o', 'asyncio_mode=auto', passed=1)

    def test_a_missing_cassette_names_the_command_that_makes_it(self, suite: pytest.Pytester) -> None:
        suite.mkdir('tests')
        suite.makepyfile(**{'tests/test_it': REPLAYED.format(cassette='hello.kmock')})
        output = run(suite, '-o', 'asyncio_mode=auto', errors=1)
        assert "No cassette 'tests/hello.kmock'. Record it: kmock record --cluster NAME -o tests/hello.kmock" in output

    def test_true_stands_for_a_cassette_named_after_the_test(self, suite: pytest.Pytester) -> None:
        suite.makepyfile(test_it='import pytest\n@pytest.mark.kmock(cassette=True)\ndef test_one(kmock): ...\n')
        assert "No cassette 'cassettes/test_it/test_one.kmock'." in run(suite, errors=1)

    def test_a_rule_overrides_the_recording(self, suite: pytest.Pytester) -> None:
        suite.path.joinpath('hello.jsonl').write_text(CASSETTE)
        suite.makepyfile(
            """
            import pytest

            @pytest.mark.kmock(cassette='hello.jsonl', pace='instant')
            async def test_it(kmock):
                kmock['get /hello'] << 409
                assert (await kmock.get('/hello')).status == 409
                assert kmock.cassette.unused
            """
        )
        run(suite, '-o', 'asyncio_mode=auto', passed=1)


def test_the_plugin_imports_nothing_heavy() -> None:
    """It is loaded in every run of pytest wherever kmock is installed."""
    code = (
        'import sys, kmock.pytest_plugin\n'
        "heavy = {'aiohttp', 'kubernetes_asyncio', 'pytest_asyncio', 'msgpack', 'yaml', 'trustme'} & set(sys.modules)\n"
        'sys.exit(", ".join(sorted(heavy)) or None)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
