"""The pytest plugin: the fixture `kmock`, its marker `@pytest.mark.kmock(...)`, and its options.

This module is imported in every pytest run wherever kmock is installed, so all that is heavy waits until
the fixture is used: aiohttp, the handlers, pytest-asyncio.

The fixture itself is synchronous. It looks at who runs the test, and asks for an inner fixture that serves
in the right place: in the event loop of pytest-asyncio or anyio, or, for a plain `def` test, in a background thread.
"""

import contextlib
import inspect
import os
import re
import sys
import traceback
import types
import unittest
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pytest

from kmock.errors import KMockError

if TYPE_CHECKING:
    from kmock.handlers import RawHandler
    from kmock.server import Server

__all__ = ['kmock', 'kmock_options']

_LoopScope = Literal['function', 'class', 'module', 'package', 'session']

_CLUSTER_OPTIONS = {'controllers': True, 'verbatim': False}
"""Options of emulated clusters that can stand in the ini file, with their defaults."""

_MARKER = (
    'kmock(cls=, host=, port=, tls=, hostnames=, cassette=, pace=, ignore=, limit=, strict=, ...): '
    'options of the fixture `kmock`, for a test, a class, a module or a package. Options merge; the closest one wins.'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini('kmock_cls', 'The class of the fixture `kmock`, such as `package.module:Class`.', default='')
    parser.addini('kmock_limit', 'After how many requests the fixture `kmock` answers with errors.', default='')
    parser.addini('kmock_controllers', 'Whether the emulated cluster has controllers.', type='bool', default=True)
    parser.addini('kmock_verbatim', 'Whether the emulated cluster keeps objects as given.', type='bool', default=False)
    parser.addini('kmock_strict', 'Whether errors of requests also fail the test.', type='bool', default=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', _MARKER)
    if config.pluginmanager.hasplugin('asyncio'):
        config.pluginmanager.register(_asyncio_fixtures(), 'kmock-asyncio')


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show the requests seen when `assert len(kmock['get']) == 2` fails, and in what objects are not as expected."""
    if 'kmock.kube.objects' in sys.modules:
        from kmock.kube.objects.differences import explain_comparison

        explained = explain_comparison(op, left, right)
        if explained is not None:
            return explained
    if 'kmock.rules.views' not in sys.modules or not (type(left) is int or type(right) is int):
        return None
    from kmock.rules.assertions import explain_counts

    return explain_counts(sys._getframe(1), op, left, right)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the requests seen when a bare `assert kmock['post']` fails, and the errors of requests when a test fails."""
    report = yield
    if 'kmock.handlers' not in sys.modules or call.excinfo is None or not report.failed or call.when == 'teardown':
        return report
    from kmock.handlers import RawHandler
    from kmock.rules.assertions import explain_errors, explain_failure

    lines = []
    if call.excinfo.errisinstance(AssertionError):
        lines += explain_failure(call.excinfo.traceback[-1].frame.raw, str(call.excinfo.value))
    handler = getattr(item, 'funcargs', {}).get('kmock')
    if isinstance(handler, RawHandler) and not handler.strict:  # a strict one raises them
        lines += explain_errors(list(handler.errors))
    if isinstance(handler, RawHandler):
        lines += handler._near_misses()
    if lines:
        report.sections.append(('kmock', '\n'.join(lines)))
    return report


# --- fixtures


@pytest.fixture
def kmock_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of the fixture `kmock`: those of the ini file, under those of the markers.

    Override it in a conftest, a module or a class to compute options; begin with `{**kmock_options, ...}` to add some.
    """
    options = _ini_options(request.config)
    for marker in reversed(list(request.node.iter_markers('kmock'))):  # the closest one comes last, and wins
        if marker.args:
            raise _refusal(f'@pytest.mark.kmock takes keyword arguments only, not {marker.args[0]!r}.')
        options |= marker.kwargs
    return options


@pytest.fixture
def kmock(request: pytest.FixtureRequest) -> 'RawHandler':
    """A running mock server: an entered handler, served on a free port of the loopback interface."""
    if 'aresponses' in request.fixturenames:  # it patches aiohttp's resolver, so it must come before our client
        request.getfixturevalue('aresponses')
    handler: RawHandler = request.getfixturevalue(_inner_fixture(request))
    return handler


@pytest.fixture
async def _kmock_in_anyio(request: pytest.FixtureRequest, kmock_options: dict[str, Any]) -> AsyncIterator['RawHandler']:
    async with _serve(request, kmock_options) as handler:
        yield handler


@pytest.fixture
def _kmock_in_thread(request: pytest.FixtureRequest, kmock_options: dict[str, Any]) -> Iterator['RawHandler']:
    from kmock.background import Background, BackgroundServer

    with Background(lambda: _serve(request, kmock_options, BackgroundServer)) as handler:
        yield handler


def _asyncio_fixtures() -> types.ModuleType:
    """A plugin with inner fixtures for each scope of pytest-asyncio's loops: ours must run in the test's loop."""
    plugin = types.ModuleType('kmock-asyncio')
    for scope in get_args(_LoopScope):
        setattr(plugin, f'_kmock_in_asyncio_{scope}', _asyncio_fixture(scope))
        setattr(plugin, f'_kmock_beside_anyio_{scope}', _shared_fixture(scope))
    return plugin


def _asyncio_fixture(scope: _LoopScope) -> object:
    import pytest_asyncio

    @pytest_asyncio.fixture(loop_scope=scope, name=f'_kmock_in_asyncio_{scope}')
    async def serve(request: pytest.FixtureRequest, kmock_options: dict[str, Any]) -> AsyncIterator['RawHandler']:
        async with _serve(request, kmock_options) as handler:
            yield handler

    return serve


def _shared_fixture(scope: _LoopScope) -> object:
    """The same for tests that anyio lays claim to as well, though pytest-asyncio runs them.

    Asynchronous fixtures of such tests are set up by anyio, in a loop that stands still during the test,
    and what that serves is never answered. Synchronous ones are left to pytest-asyncio, which makes its loop the
    current one.
    """
    import asyncio

    import pytest_asyncio

    def serve(request: pytest.FixtureRequest, kmock_options: dict[str, Any]) -> Iterator['RawHandler']:
        loop = asyncio.get_event_loop()
        serving = _serve(request, kmock_options)
        yield loop.run_until_complete(serving.__aenter__())
        loop.run_until_complete(serving.__aexit__(None, None, None))

    fixture: Any = pytest_asyncio.fixture  # by its types, it is for asynchronous functions only
    made: object = fixture(loop_scope=scope, name=f'_kmock_beside_anyio_{scope}')(serve)
    return made


def _inner_fixture(request: pytest.FixtureRequest) -> str:
    """Tell which fixture serves where the test runs."""
    item = request.node
    in_unittest = isinstance(request.cls, type) and issubclass(request.cls, unittest.TestCase)  # no plugin runs these
    if in_unittest or not inspect.iscoroutinefunction(inspect.unwrap(request.function)):
        return '_kmock_in_thread'
    if request.config.pluginmanager.hasplugin('asyncio'):
        import pytest_asyncio

        if pytest_asyncio.is_async_test(item):
            where = 'beside_anyio' if 'anyio_backend' in request.fixturenames else 'in_asyncio'
            return f'_kmock_{where}_{_loop_scope(item)}'
    if 'anyio_backend' in request.fixturenames:
        backend = request.getfixturevalue('anyio_backend_name')
        if backend != 'asyncio':
            raise _refusal(
                f'The fixture `kmock` runs on asyncio, not on {backend}. '
                "Restrict the test to it by a fixture `anyio_backend` that returns 'asyncio'."
            )
        return '_kmock_in_anyio'
    raise _refusal(
        'The fixture `kmock` is used by an asynchronous test that no plugin runs. '
        'Install pytest-asyncio and mark the test with `@pytest.mark.asyncio`, or use the plugin of anyio.'
    )


def _loop_scope(item: pytest.Item) -> str:
    marker = item.get_closest_marker('asyncio')
    kwargs = marker.kwargs if marker is not None else {}
    scope = kwargs.get('loop_scope') or kwargs.get('scope')
    if not scope:
        with contextlib.suppress(ValueError):  # older versions of pytest-asyncio know no such option
            scope = item.config.getini('asyncio_default_test_loop_scope')
    return str(scope or 'function')


# --- serving


@contextlib.asynccontextmanager
async def _serve(
    request: pytest.FixtureRequest, options: Mapping[str, Any], server_class: 'type[Server] | None' = None
) -> AsyncIterator['RawHandler']:
    from kmock.background import DEFAULT_CLASS, check_options, running
    from kmock.classes import find_class
    from kmock.kubernetes import KubernetesEmulator
    from kmock.server import Server

    options = dict(options)
    try:
        cls = find_class(options.pop('cls', None) or DEFAULT_CLASS)
    except KMockError as error:
        if not _is_ours(error):
            raise
        raise _refusal(str(error)) from None
    if not issubclass(cls, KubernetesEmulator):  # what the ini file says of clusters is not for such classes
        for name in _CLUSTER_OPTIONS.keys() & _ini_options(request.config).keys():
            options.pop(name, None)
    try:
        check_options(cls, options)
    except KMockError as error:
        raise _refusal(str(error)) from None
    if options.get('cassette') is not None:
        options['cassette'] = _find_cassette(request, options['cassette'])
    async with contextlib.AsyncExitStack() as stack:
        try:
            handler = await stack.enter_async_context(running(cls, options, server_class=server_class or Server))
        except (KMockError, ValueError) as error:
            if not _is_ours(error):
                raise
            raise _refusal(str(error)) from None
        if isinstance(handler, KubernetesEmulator):
            handler.folders.extend([request.path.parent, request.config.rootpath])
        yield handler


# --- options


def _ini_options(config: pytest.Config) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if cls := config.getini('kmock_cls'):
        options['cls'] = cls
    if limit := config.getini('kmock_limit'):
        try:
            options['limit'] = int(limit)
        except ValueError:
            raise pytest.UsageError(f'The ini option kmock_limit must be a number, not {limit!r}.') from None
    if config.getini('kmock_strict'):
        options['strict'] = True
    for name, usual in _CLUSTER_OPTIONS.items():
        if config.getini(f'kmock_{name}') != usual:
            options[name] = not usual
    return options


def _find_cassette(request: pytest.FixtureRequest, cassette: object) -> object:
    """The path of the cassette of a test: beside the test file, or from the root folder of the tests.

    True stands for `cassettes/<module>/<test>.kmock` beside the test file.
    """
    if cassette is True:
        name = re.sub(r'[^\w.=-]+', '-', request.node.name).strip('-')
        cassette = Path('cassettes', request.path.stem, f'{name}.kmock')
    if not isinstance(cassette, str | os.PathLike):
        return cassette  # an open one
    candidates = [request.path.parent / cassette, request.config.rootpath / cassette]
    for path in candidates:
        if path.exists():
            return path
    path = Path(os.path.relpath(candidates[0], request.config.invocation_params.dir))
    raise _refusal(
        f'No cassette {str(path)!r}. Record it: kmock record --cluster NAME -o {path} -- COMMAND '
        f'(it was also looked for in {request.config.rootpath}).'
    )


def _is_ours(error: Exception) -> bool:
    """Whether an option was refused by kmock itself, with no code of the user's in between."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    foreign = [
        frame
        for frame in frames
        if frame.f_globals.get('__name__', '').partition('.')[0] not in ('kmock', 'contextlib', 'asyncio')
        and not frame.f_code.co_filename.startswith('<attrs generated')
    ]
    return not foreign and frames[-1].f_globals.get('__name__', '').startswith('kmock.')


def _refusal(message: str) -> BaseException:
    """What fails the test with this message alone, without a traceback of this plugin."""
    return pytest.fail.Exception(message, pytrace=False)
