"""Criteria merge with their kind, refuse contradictions, and tell what they need."""

import json
import re

import pytest
from asking import make

import kmock
from kmock.rules.criteria import And, Not, Or, conjunction
from kmock.rules.reading import read_criteria


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('get', 'post'),
        ('/a', '/b'),
        ('/a', '/b*'),
        ('/a', re.compile('/b.*')),
        ('list', 'watch'),
        ('v1/pods', 'v1/nodes'),
        ('pods.v1', kmock.resource(group='apps')),
        ('/?q=1', '/?q=2'),
        (kmock.params(q=1), kmock.params(q=None)),
        (kmock.headers(X_A='1'), kmock.headers({'x-a': '2'})),
        (kmock.cookies(a='1'), kmock.cookies(a=re.compile('2'))),
        (kmock.namespace('a'), kmock.namespace('b')),
        (kmock.namespace('a'), kmock.namespace(None)),
        (kmock.name('a'), kmock.name('b*')),
        (kmock.subresource('a'), kmock.subresource('b')),
        (b'a', b'b'),
        (kmock.text('a'), kmock.text('b')),
    ],
)
def test_what_no_request_can_meet_is_refused(one, other):
    with pytest.raises(ValueError, match=r'No request can match both .* and .*write a set'):
        conjunction(read_criteria(one), read_criteria(other))


@pytest.mark.parametrize(
    ('one', 'other', 'both'),
    [
        ('get', 'get', "'get'"),
        ('/a*', '/abc', "'/abc'"),
        ('/abc', re.compile('/a.c'), "'/abc'"),
        (kmock.params(a=1), kmock.params(b=2), "params({'a': 1, 'b': 2})"),
        (kmock.headers(A='1'), kmock.headers(A='1', B='2'), "headers({'A': '1', 'B': '2'})"),
        (kmock.resource(group='apps'), kmock.resource(plural='deployments'), None),
        (kmock.name('a*'), kmock.name('abc'), "name('abc')"),
    ],
)
def test_criteria_of_one_kind_become_one(one, other, both):
    merged = conjunction(read_criteria(one), read_criteria(other))
    assert len(list(merged.parts())) == 1
    assert both is None or repr(merged) == both


def test_globs_that_may_meet_stand_side_by_side():
    both = conjunction(read_criteria('/a*'), read_criteria('/*b'))
    assert both.matches(make('/a-b'))
    assert not both.matches(make('/a-c'))


def test_repeated_keys_written_at_once_are_all_demanded():
    wanted = read_criteria('/x?a=1&a=2')
    assert wanted.matches(make('/x?a=2&b=0&a=1'))
    assert not wanted.matches(make('/x?a=2'))


def test_the_exact_method_and_path_are_known_for_the_index():
    wanted = read_criteria('get /a%20b?q=1')
    assert (wanted.exact_method, wanted.exact_path) == ('GET', '/a b')
    assert wanted.matches(make('/a%20b?q=1'))
    assert read_criteria('/a*').exact_path is None
    assert read_criteria({'get', 'post'}).exact_method is None


def test_it_is_known_what_needs_the_body_and_what_changes_its_mind():
    assert not read_criteria('get /x').needs_body
    assert read_criteria(('get', {'a': 1})).needs_body
    assert read_criteria({'get', kmock.data({'a': 1})}).needs_body
    assert not read_criteria(('get', {'a': 1})).volatile
    assert read_criteria(('get', lambda: True)).volatile


def test_the_body_is_asked_last():
    asked = []
    wanted = read_criteria((lambda request: asked.append(request) or True, 'get'))
    assert not wanted.matches(make('post /'))
    assert asked == []


def test_and_or_not():
    get, path = read_criteria('get'), read_criteria('/x')
    assert And([get, path]).matches(make('get /x'))
    assert Or([get, path]).matches(make('post /x'))
    assert not Or([get, path]).matches(make('post /y'))
    assert not Not([get, path]).matches(make('post /x'))
    assert Not([get, path]).matches(make('post /y'))


def test_a_body_that_was_streamed_through_matches_no_criterion_on_it():
    async def source():
        yield b'abc'

    from kmock.messages import Request, RequestBody

    request = Request(method='POST', target='/', content=RequestBody(source()))
    for written in (b'abc', kmock.text('abc'), kmock.data(...), 'abc', {'a': 1}):
        assert not read_criteria(written).matches(request)


@pytest.mark.parametrize('kind', [kmock.Criterion, kmock.HTTPCriteria, kmock.Criteria])
def test_the_public_classes_tell_the_kinds(kind):
    assert isinstance(read_criteria('get'), kind)


def test_kubernetes_and_python_criteria_have_their_classes():
    assert isinstance(read_criteria('v1/pods'), kmock.K8sCriteria)
    assert isinstance(read_criteria('any text'), kmock.StrCriteria)
    assert isinstance(read_criteria({'a': 1}), kmock.DictCriteria)
    assert isinstance(read_criteria(True), kmock.BoolCriteria)
    assert isinstance(read_criteria(lambda: 1), kmock.FnCriteria)


@pytest.mark.parametrize(
    ('one', 'other', 'fitting', 'missing'),
    [
        ({'a': 1}, {'b': 2}, {'a': 1, 'b': 2}, {'a': 1}),
        ({'a': {'b': 1}}, {'a': {'c': ...}}, {'a': {'b': 1, 'c': 2}}, {'a': {'b': 1}}),
        ({'a': re.compile('x.')}, {'a': 'xy'}, {'a': 'xy'}, {'a': 'xz'}),
        ({'a': re.compile('x.')}, {'a': re.compile('.y')}, {'a': 'xy'}, {'a': 'xz'}),
        ({'a': ...}, {'a': {1, 2}}, {'a': 2}, {'a': 3}),
    ],
)
def test_json_demanded_twice_is_merged(one, other, fitting, missing):
    both = conjunction(read_criteria(kmock.data(one)), read_criteria(kmock.data(other)))
    assert both.matches(make('post /', body=json.dumps(fitting).encode()))
    assert not both.matches(make('post /', body=json.dumps(missing).encode()))


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        (kmock.data({'a': 1}), kmock.data({'a': 2})),
        (kmock.data({'a': {'b': 'x'}}), kmock.data({'a': {'b': re.compile('y.*')}})),
        (kmock.data({'a': None}), kmock.data({'a': ...})),
        (kmock.text('abc'), kmock.text(re.compile('x.*'))),
        (b'abc', kmock.body(b'abd')),
    ],
)
def test_bodies_that_contradict_each_other_are_refused(one, other):
    for first, second in ((one, other), (other, one)):
        with pytest.raises(ValueError, match='No request can match both'):
            conjunction(read_criteria(first), read_criteria(second))
