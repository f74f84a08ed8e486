"""What pytest shows when an assertion on the number of requests fails."""

import subprocess
import sys

import pytest

import kmock.handlers
import kmock.rules.assertions  # noqa: F401  # once for all suites: pytester forgets what was imported in its runs

pytest_plugins = ['pytester']

HEADER = """
import pytest
from kmock import RawHandler, Request

@pytest.fixture
async def seen():
    async with RawHandler() as handler:
        handler << b'x'
        for method, target in [('GET', '/a?q=1'), ('POST', '/b'), ('GET', '/c')]:
            await handler.handle(Request.make(method, target))
        yield handler
"""


def failure(pytester: pytest.Pytester, *lines: str) -> list[str]:
    """The lines that pytest prints of a failed test with those lines."""
    body = '\n'.join(f'    {line}' for line in lines)
    pytester.makepyfile(f'{HEADER}\nasync def test_it(seen):\n{body}\n')
    result = pytester.runpytest_inprocess('-o', 'asyncio_mode=auto', '-vv', '-p', 'no:cacheprovider')
    result.assert_outcomes(failed=1)
    return [line[1:].strip() for line in result.outlines if line.startswith('E ')]


@pytest.fixture(autouse=True)
def _settled(pytester: pytest.Pytester) -> None:
    pytester.makeini('[pytest]\nasyncio_default_fixture_loop_scope = function\n')


@pytest.mark.parametrize(
    'lines',
    [
        ["assert len(seen['get']) == 3"],
        ["assert 3 == len(seen['get'])"],
        ["assert len(seen['get']) > 2"],
        ["gets = seen['get']", 'others = []', 'assert len(gets) == 3'],
        ["class Case: gets = seen['get']", 'assert len(Case.gets) == 3'],
        ['def check(view):', '    assert len(view) == 3', "check(seen['get'])"],
    ],
)
def test_the_requests_of_the_view_and_the_others_are_shown(pytester: pytest.Pytester, lines: list[str]) -> None:
    shown = failure(pytester, *lines)
    start = shown.index("kmock['get'] has seen 2 requests:")
    assert shown[start + 1 : start + 5] == ['GET /a?q=1', 'GET /c', 'and besides, there came 1 request:', 'POST /b']
    assert shown[0].removeprefix('AssertionError: assert ') in ('2 == 3', '3 == 2', '2 > 2')


@pytest.mark.parametrize(
    ('line', 'seen', 'others'),
    [
        ("assert seen['put']", "kmock['put'] has seen no requests", 3),
        ("assert seen['put'], 'no request'", "kmock['put'] has seen no requests", 3),
        ("assert not seen['post']", "kmock['post'] has seen 1 request:", 2),
        ("assert seen[0] in seen['post']", "kmock['post'] has seen 1 request:", 2),
        ("assert len(seen['put']) == 1", None, 3),
        ('assert False', None, 0),
    ],
)
def test_a_bare_view_that_fails_shows_the_requests_in_a_section(
    pytester: pytest.Pytester, line: str, seen: str | None, others: int
) -> None:
    pytester.makepyfile(f'{HEADER}\nasync def test_it(seen):\n    {line}\n')
    result = pytester.runpytest_inprocess('-o', 'asyncio_mode=auto', '-p', 'no:cacheprovider')
    result.assert_outcomes(failed=1)
    sections = [line for line in result.outlines if line.strip('- ') == 'kmock']
    if seen is None:
        assert not sections
    else:
        start = result.outlines.index(sections[0])
        assert result.outlines[start + 1] == seen
        assert len([line for line in result.outlines[start:] if line.startswith('  ')]) == 3
        assert any(f'there came {others} request' in line for line in result.outlines[start:])


def test_an_empty_view_shows_what_came_instead(pytester: pytest.Pytester) -> None:
    shown = failure(pytester, "assert len(seen['put']) == 1")
    assert "kmock['put'] has seen no requests" in shown
    assert 'and besides, there came 3 requests:' in shown


def test_other_numbers_are_compared_as_ever(pytester: pytest.Pytester) -> None:
    shown = failure(pytester, "gets = seen['get']", 'assert len([1, 2, 3, 4]) == 5')
    assert not any('has seen' in line for line in shown)


@pytest.mark.parametrize('strict', [False, True])
@pytest.mark.parametrize('keyword', ['async def', 'def'])
def test_a_failed_test_shows_the_errors_of_requests_that_nobody_raises(
    pytester: pytest.Pytester, keyword: str, strict: bool
) -> None:
    get = 'await kmock.get' if keyword == 'async def' else 'kmock.get'
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.kmock(strict={strict})
        {keyword} test_it(kmock):
            kmock['get /items?limit=1'] << 200
            kmock['get /bad'] << ZeroDivisionError('boo!')
            for path in ('/items', '/bad'):
                {get}(path)
            assert not kmock.errors

        {keyword} test_that_passes(kmock):
            {get}('/items')
    """)
    result = pytester.runpytest_inprocess('-o', 'asyncio_mode=auto', '-p', 'no:cacheprovider')
    result.assert_outcomes(failed=1, passed=1, errors=int(strict))
    sections = [index for index, line in enumerate(result.outlines) if line.strip('- ') == 'kmock']
    if strict:  # there they are raised
        assert not sections
    else:
        assert result.outlines[sections[0] + 1 : sections[0] + 5] == [
            'kmock.errors has 2 errors:',
            "  KubernetesEndpointNotFoundError: No rule for GET /items. Add kmock['get /items'] << ..., "
            'or a fallback for all that has no rule: kmock.fallback << 404.',
            "    Closest rule: kmock['get /items?limit=1']: params['limit'] is absent, not '1'.",
            "    Closest rule: kmock['get /bad']: the path is '/items', not '/bad'.",
        ]
        assert result.outlines[sections[0] + 5] == '  ZeroDivisionError: boo!'


def test_a_failed_test_shows_which_rule_was_nearly_met_where_the_cluster_has_answered_404(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("""
        PODS = '/api/v1/namespaces/default/pods'

        def test_it(kmock):
            kmock[f'get {PODS}/web'] << {'kind': 'Pod'}
            kmock['fetch', 'v1/nodes', kmock.name('n1')] << {'kind': 'Node'}
            kmock['get /apis/kopf.dev/v1/kopfexamples/a'] << {}
            for path in (f'{PODS}/wbe', '/api/v1/nodes/n2', '/apis/kopf.dev/v1/kopfexamples/b'):
                assert kmock.get(path).status == 404
            assert False

        def test_without_a_rule_that_was_meant(kmock):
            kmock[f'get {PODS}/web'] << {'kind': 'Pod'}
            kmock['create', 'v1/pods'] << {'kind': 'Pod'}
            kmock[f'post {PODS}'] << {'kind': 'Pod'}
            kmock['get /api/v1/namespaces/default/secrets/db'] << {'kind': 'Secret'}
            kmock.get(f'{PODS}/web')
            assert kmock.get(f'{PODS}/other').status == 404
            assert kmock.get('/api/v1/nodes/n2').status == 404
            assert False

        def test_that_passes(kmock):
            kmock[f'get {PODS}/web'] << {'kind': 'Pod'}
            assert kmock.get(f'{PODS}/wbe').status == 404
    """)
    result = pytester.runpytest_inprocess('-p', 'no:cacheprovider')
    result.assert_outcomes(failed=2, passed=1)
    assert [line for line in result.outlines if 'Closest' in line] == [
        'GET /api/v1/namespaces/default/pods/wbe was answered by the emulated cluster: 404. Closest rule: '
        "kmock['get /api/v1/namespaces/default/pods/web']: the path is '/api/v1/namespaces/default/pods/wbe', "
        "not '/api/v1/namespaces/default/pods/web'.",
        'GET /api/v1/nodes/n2 was answered by the emulated cluster: 404. Closest rule: '
        "kmock['fetch', 'v1/nodes', name('n1')]: the name is 'n2', not 'n1'.",
        'GET /apis/kopf.dev/v1/kopfexamples/b was answered by the emulated cluster: 404. Closest rule: '
        "kmock['get /apis/kopf.dev/v1/kopfexamples/a']: the path is '/apis/kopf.dev/v1/kopfexamples/b', "
        "not '/apis/kopf.dev/v1/kopfexamples/a'.",
    ]


def test_the_hook_costs_nothing_where_kmock_is_not_used() -> None:
    code = """if True:
        import sys
        from kmock.pytest_plugin import pytest_assertrepr_compare
        assert pytest_assertrepr_compare('==', 1, 2) is None
        assert not [name for name in sys.modules if name.startswith('kmock.rules')]
    """
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_failing_comparison_of_an_object_tells_the_differences(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(kmock):
            kmock.objects['v1/configmaps', 'default', 'settings'] = {'data': {'a': 'b'}}
            assert kmock.objects['v1/configmaps', 'default', 'settings'] >= {'data': {'a': 'c', 'x': ...}}
        """
    )
    result = pytester.runpytest_inprocess('-p', 'no:cacheprovider')
    result.assert_outcomes(failed=1)
    shown = [line[1:].strip() for line in result.outlines if line.startswith('E ')]
    assert shown[1:] == ["data.a: 'b' instead of 'c'", 'data.x: absent']
