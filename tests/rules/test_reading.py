"""How what stands in brackets is read: the table of notations, row by row."""

import asyncio
import re
import threading
import types

import pytest
from asking import make

import kmock
from kmock.rules.criteria import EVERYTHING
from kmock.rules.reading import read_criteria

PODS = '/api/v1/namespaces/ns/pods'
EXAMPLES = '/apis/kopf.dev/v1/kopfexamples'


def verdict(written, line, **kwargs):
    return read_criteria(written).matches(make(line, **kwargs))


@pytest.mark.parametrize('written', [None, '', (), {}, (None, ''), kmock.path('')])
def test_nothing_matches_everything(written):
    assert read_criteria(written) == EVERYTHING
    assert verdict(written, 'get /')


@pytest.mark.parametrize(
    ('written', 'matching', 'missing'),
    [
        ('get', 'get /x', 'post /x'),
        ('GET', 'get /x', 'head /x'),
        ('delete', 'delete /x', 'get /x'),
        ('post /x', 'post /x', 'post /y'),
        ('post /x', 'post /x?any=1', 'get /x'),
        ('/x', 'patch /x', 'patch /x/'),
        ('/x?q=1', 'get /x?q=1&z=2', 'get /x?q=2'),
        ('get /x?q=1', 'get /x?q=1', 'get /x'),
        ('?q=1', 'get /any?q=1', 'get /any'),
        ('/x/*', 'get /x/y/z', 'get /x'),
        ('/x/[ab]', 'get /x/a', 'get /x/c'),
        ('/with%20space', 'get /with%20space', 'get /with'),
        (kmock.method('store'), 'store /x', 'get /x'),
        (kmock.path('/x'), 'get /x', 'get /y'),
        (re.compile('/x/[0-9]+'), 'get /x/12', 'get /x/12/y'),
        (('get', '/x'), 'get /x', 'get /y'),
        ({'get', 'post'}, 'post /x', 'put /x'),
        (({'get', 'post'}, '/x'), 'post /x', 'post /y'),
    ],
)
def test_http_notations(written, matching, missing):
    assert verdict(written, matching)
    assert not verdict(written, missing)


@pytest.mark.parametrize(
    ('written', 'matching', 'missing'),
    [
        ('list', f'get {PODS}', f'get {PODS}/a'),
        ('list', f'get {PODS}', f'get {PODS}?watch=true'),
        ('watch', f'get {PODS}?watch=true', f'get {PODS}'),
        ('fetch', f'get {PODS}/a', f'get {PODS}'),
        ('create', f'post {PODS}', f'put {PODS}/a'),
        ('update', f'patch {PODS}/a', f'post {PODS}'),
        ('update', f'put {PODS}/a', f'delete {PODS}/a'),
        (kmock.action.DELETE, f'delete {PODS}/a', 'delete /x'),
        (kmock.action.DELETE, f'delete {PODS}', f'get {PODS}'),
        ('v1/pods', f'get {PODS}/a/log', 'get /api/v1/nodes'),
        ('pods.v1', f'get {PODS}', 'get /apis/apps/v1/pods'),
        ('kopf.dev/v1/kopfexamples', f'get {EXAMPLES}', 'get /apis/kopf.dev/v2/kopfexamples'),
        ('kopfexamples.v1.kopf.dev', f'get {EXAMPLES}', 'get /apis/kopf.dev/v1/others'),
        ('list pods.v1', f'get {PODS}', f'get {PODS}/a'),
        ('list pods', f'get {PODS}', 'get /api/v1/nodes'),
        ('get kopf.dev/v1/kopfexamples', f'get {EXAMPLES}/a', f'delete {EXAMPLES}/a'),
        ('delete v1/pods', f'delete {PODS}/a', f'get {PODS}/a'),
        (kmock.resource('v1/pods'), f'get {PODS}', f'get {EXAMPLES}'),
        (kmock.resource('kopf.dev', 'v1', 'kopfexamples'), f'get {EXAMPLES}', f'get {PODS}'),
        (kmock.resource(group='kopf.dev'), f'get {EXAMPLES}', f'get {PODS}'),
        (kmock.namespace('ns'), f'get {PODS}', 'get /api/v1/pods'),
        (kmock.namespace(None), 'get /api/v1/pods', f'get {PODS}'),
        (kmock.namespace(None), 'get /x', 'get /api/v1/namespaces/ns'),
        ((kmock.namespace(...), 'get'), 'get /x', 'post /x'),
        ((kmock.subresource(...), kmock.name(...), 'get'), f'get {PODS}/a', f'post {PODS}'),
        (kmock.namespace('ns'), 'get /api/v1/namespaces/ns', 'get /api/v1/namespaces/other'),
        ((kmock.namespace(...), kmock.name(...), 'list'), 'get /api/v1/pods', f'get {PODS}/a'),
        (kmock.name('a*'), f'get {PODS}/abc', f'get {PODS}/b'),
        (kmock.name(re.compile('a.')), f'get {PODS}/ab', f'get {PODS}/abc'),
        (kmock.subresource('status'), f'get {PODS}/a/status', f'get {PODS}/a'),
        (kmock.subresource(None), f'get {PODS}/a', f'get {PODS}/a/log'),
    ],
)
def test_kubernetes_notations(written, matching, missing):
    assert verdict(written, matching)
    assert not verdict(written, missing)


def test_any_object_with_group_version_and_plural_is_a_resource():
    written = types.SimpleNamespace(group='kopf.dev', version='v1', plural='kopfexamples', kind='KopfExample')
    assert verdict(written, f'get {EXAMPLES}')
    assert not verdict(written, f'get {PODS}')


@pytest.mark.parametrize(
    ('written', 'matching', 'missing'),
    [
        (b'abc', b'abc', b'abcd'),
        (kmock.body(b'abc'), b'abc', b''),
        (kmock.body('ü'), 'ü'.encode(), b'u'),
        (kmock.body(re.compile(b'a.c')), b'abc', b'abcd'),
        (re.compile(b'a.c'), b'abc', b'abcd'),
        (kmock.body(), b'any', b''),
        (kmock.text('ü'), 'ü'.encode(), b'u'),
        (kmock.text(re.compile('a.c')), b'abc', b'abcd'),
        (kmock.data({'a': 1}), b'{"a": 1, "b": 2}', b'{"b": 2}'),
        (kmock.data([1, 2]), b'[1, 2]', b'[1, 2, 3]'),
        (kmock.data(), b'0', b'not JSON'),
        ({'a': 1}, b'{"a": 1}', b'{"a": 2}'),
        ('word', b'word', b'words'),
        ('word', b'"word"', b'["word"]'),
        ('two words', b'two words', b'two'),
    ],
)
def test_notations_of_the_body(written, matching, missing):
    assert verdict(written, 'post /x', body=matching)
    assert not verdict(written, 'post /x', body=missing)


def test_a_word_that_is_no_body_may_be_the_method():
    assert verdict('store', 'store /x')


def test_a_dict_may_be_headers_cookies_or_params():
    assert verdict({'X-A': '1'}, 'get /', headers={'x-a': '1'})
    assert verdict({'session': 'abc'}, 'get /', headers={'Cookie': 'session=abc; more=1'})
    assert verdict({'q': '1'}, 'get /?q=1')
    assert not verdict({'q': '1'}, 'get /', headers={'x-a': '1'})


def test_a_dict_is_in_one_place_as_a_whole():
    assert not verdict({'X-A': '1', 'q': '1'}, 'get /?q=1', headers={'X-A': '1'})


def test_what_a_dict_wants_absent_is_absent_from_all_places():
    assert verdict({'a': None}, 'get /')
    assert not verdict({'a': None}, 'get /?a=1')
    assert not verdict({'a': None}, 'get /', headers={'a': '1'})


def test_markers_pin_the_place_of_a_dict():
    assert not verdict(kmock.headers({'q': '1'}), 'get /?q=1')
    assert verdict(kmock.params({'q': {'1', '2'}}), 'get /?q=2')
    assert verdict(kmock.cookies(session=...), 'get /', headers={'Cookie': 'session=abc'})
    assert not verdict(kmock.cookies(session='x'), 'get /', headers={'Cookie': 'session=abc'})


def test_callables_get_the_request_or_nothing():
    assert verdict(lambda: True, 'get /')
    assert not verdict(lambda: 0, 'get /')
    assert verdict(lambda request: request.method == 'GET', 'get /')
    assert verdict(lambda i='default': i == 'default', 'get /')


def test_bools_events_and_futures_count_as_they_are_now():
    event = threading.Event()
    assert not verdict(event, '/')
    event.set()
    assert verdict(event, '/')
    assert verdict(True, '/')
    assert not verdict(False, '/')


async def test_a_future_counts_when_it_is_done_and_true():
    future = asyncio.get_running_loop().create_future()
    criterion = read_criteria(future)
    assert not criterion.matches(make('/'))
    future.set_result('something')
    assert criterion.matches(make('/'))
    for failed in (asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()):
        failed.cancel()
        assert not read_criteria(failed).matches(make('/'))


async def test_an_event_of_asyncio_counts_when_it_is_set():
    event = asyncio.Event()
    event.set()
    assert verdict(event, '/')


@pytest.mark.parametrize('written', [5, 1.5, object(), ['get'], set()])
def test_what_is_no_criterion_is_refused_with_its_value(written):
    with pytest.raises(ValueError, match='criteri'):
        read_criteria(written)


def test_a_callable_that_demands_more_is_refused():
    with pytest.raises(ValueError, match='0 or 1 argument'):
        read_criteria(lambda one, two: True)


def test_an_asynchronous_callable_is_refused():
    async def judge() -> bool:
        return True

    with pytest.raises(ValueError, match='asynchronous'):
        read_criteria(judge)


def test_an_unknown_method_before_a_path_is_refused_with_the_mend():
    with pytest.raises(ValueError, match=r"method\('store'\)"):
        read_criteria('store /x')


@pytest.mark.parametrize('written', ['get items/1', 'post api/v1/users/me', 'list v1/pods/status'])
def test_a_path_without_its_first_slash_is_refused_with_the_mend(written):
    verb, path = written.split()
    with pytest.raises(ValueError, match=rf"'{path}'.*neither a path nor a resource.*'{verb} /{path}'.*text\('"):
        read_criteria(written)


@pytest.mark.parametrize(
    ('written', 'matching', 'missing'),
    [
        ('http://api.example.com/x', 'post /x', 'get /y'),
        ('get https://API.example.com:443/x?q=1', 'get /x?q=1&z=2', 'get /x'),
        ('http://api.example.com/x/*', 'get /x/y', 'get /x'),
        ('get http://api.example.com', 'get /x', 'post /x'),
        ('http://api.example.com?q=1', 'get /x?q=1', 'get /x'),
    ],
)
def test_a_whole_url_is_a_host_a_path_and_parameters(written, matching, missing):
    host = {'Host': 'api.example.com'}
    assert verdict(written, matching, headers=host)
    assert not verdict(written, missing, headers=host)


def test_a_whole_url_is_of_one_host_only():
    written = 'get http://localhost:8080/x'
    assert verdict(written, 'get /x', headers={'Host': 'localhost:8080'})
    assert not verdict(written, 'get /x', headers={'Host': 'localhost'})
    assert not verdict(written, 'get /x', headers={'Host': 'elsewhere:8080'})
    assert verdict('http://[::1]/', 'get /', headers={'Host': '[::1]'})
    for wrong in ('http:///x', 'get http://localhost:y/x', 'https://'):
        with pytest.raises(ValueError, match='is no URL'):
            read_criteria(wrong)


@pytest.mark.parametrize(
    'written', ['post get /x', 'get list v1/pods', 'list get pods.v1', 'get put /x y', 'get put ?q=1', 'get post']
)
def test_two_methods_or_actions_in_one_string_are_refused_with_the_mend(written):
    with pytest.raises(ValueError, match=r"two methods or actions.*text\('"):
        read_criteria(written)


@pytest.mark.parametrize('written', ['get put and', 'get list of things'])
def test_words_that_begin_with_methods_but_name_no_place_are_a_text(written):
    assert verdict(written, 'post /x', body=written.encode())
    assert not verdict(written, 'post /x')


@pytest.mark.parametrize(
    'written', [kmock.path(5), kmock.headers(X=[1]), kmock.body(5), kmock.text(b'x'), kmock.name(5)]
)
def test_a_marker_with_a_wrong_value_is_refused(written):
    with pytest.raises(ValueError, match='can not be'):
        read_criteria(written)
