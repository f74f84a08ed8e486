"""Facts about Kubernetes names and URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmock.naming import Call, Resource, is_true, parse_call, split_target

PODS = Resource('', 'v1', 'pods')
NAMESPACES = Resource('', 'v1', 'namespaces')
EXAMPLES = Resource('kopf.dev', 'v1', 'kopfexamples')


@pytest.mark.parametrize(
    ('method', 'path', 'call'),
    [
        ('GET', '/api/v1/pods', Call(verb='list', resource=PODS)),
        ('GET', '/api/v1/pods/', Call(verb='list', resource=PODS)),
        ('GET', '/api/v1/namespaces/ns/pods', Call(verb='list', resource=PODS, namespace='ns')),
        ('GET', '/api/v1/namespaces/ns/pods/p', Call(verb='get', resource=PODS, namespace='ns', name='p')),
        ('POST', '/api/v1/namespaces/ns/pods', Call(verb='create', resource=PODS, namespace='ns')),
        ('DELETE', '/api/v1/namespaces/ns/pods', Call(verb='deletecollection', resource=PODS, namespace='ns')),
        ('DELETE', '/api/v1/namespaces/ns/pods/p', Call(verb='delete', resource=PODS, namespace='ns', name='p')),
        ('PUT', '/apis/kopf.dev/v1/kopfexamples/x', Call(verb='update', resource=EXAMPLES, name='x')),
        (
            'PATCH',
            '/apis/kopf.dev/v1/namespaces/ns/kopfexamples/x/status',
            Call(verb='patch', resource=EXAMPLES, namespace='ns', name='x', subresource='status'),
        ),
        (
            'GET',
            '/api/v1/namespaces/ns/pods/p/proxy/metrics/all',
            Call(verb='get', resource=PODS, namespace='ns', name='p', subresource='proxy/metrics/all'),
        ),
        ('GET', '/api/v1/namespaces', Call(verb='list', resource=NAMESPACES)),
        ('GET', '/api/v1/namespaces/ns', Call(verb='get', resource=NAMESPACES, name='ns')),
        (
            'PUT',
            '/api/v1/namespaces/ns/finalize',
            Call(verb='update', resource=NAMESPACES, name='ns', subresource='finalize'),
        ),
        (
            'PATCH',
            '/api/v1/namespaces/ns/status',
            Call(verb='patch', resource=NAMESPACES, name='ns', subresource='status'),
        ),
        ('GET', '/api/v1/watch/pods', Call(verb='watch', resource=PODS)),
        ('GET', '/api/v1/namespaces/n%20s/pods/a%2Fb', Call(verb='get', resource=PODS, namespace='n s', name='a/b')),
        ('OPTIONS', '/api/v1/pods', Call(verb='options', resource=PODS)),
    ],
)
def test_url_and_method_tell_the_call(method: str, path: str, call: Call) -> None:
    assert parse_call(method, path) == call


@pytest.mark.parametrize(
    'path', ['/', '', '/api', '/api/v1', '/apis', '/apis/apps', '/apis/apps/v1', '/version', '/x/y/z', '/api/v1//p']
)
def test_other_urls_are_no_calls(path: str) -> None:
    assert parse_call('GET', path) is None


@pytest.mark.parametrize('value', ['true', 'True', '1', '', 'yes', 'anything'])
def test_a_watch_is_a_list_whose_parameter_is_true(value: str) -> None:
    call = parse_call('GET', '/api/v1/pods', [('watch', value)])
    assert call is not None
    assert call.verb == 'watch'


@pytest.mark.parametrize('value', ['false', 'False', '0', 'FALSE'])
def test_a_list_is_not_a_watch_when_the_parameter_says_no(value: str) -> None:
    call = parse_call('GET', '/api/v1/pods', [('watch', value)])
    assert call is not None
    assert call.verb == 'list'
    assert not is_true(value)


def test_watching_is_only_for_reading_collections() -> None:
    call = parse_call('POST', '/api/v1/pods', [('watch', 'true')])
    assert call is not None
    assert call.verb == 'create'


def test_resources_name_themselves_and_their_path() -> None:
    assert str(PODS) == 'pods.v1'
    assert str(EXAMPLES) == 'kopfexamples.v1.kopf.dev'
    assert PODS.path == '/api/v1/pods'
    assert EXAMPLES.path == '/apis/kopf.dev/v1/kopfexamples'


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_any_text_is_read_without_an_error(method: str, path: str, params: list[tuple[str, str]]) -> None:
    call = parse_call(method, path, params)
    assert call is None or (call.resource.plural and call.resource.version)


def test_a_target_is_split_at_the_first_question_mark() -> None:
    assert split_target('/a?b=?c') == ('/a', 'b=?c')
    assert split_target('/a') == ('/a', '')
