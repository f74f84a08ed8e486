"""What a request without a rule is told: the closest rules, and which criterion failed on what value."""

import asyncio
import re

import pytest
from asking import ask

import kmock

PODS = '/api/v1/namespaces/ns/pods'


async def closest(raw, line, **kwargs):
    """The lines of the refusal after the first one."""
    reply = await ask(raw, line, **kwargs)
    assert reply.status == 500
    return reply.body.decode().splitlines()[1:]


@pytest.mark.parametrize(
    ('written', 'line', 'miss'),
    [
        ('post /a', 'get /a', "the method is 'get', not 'post'"),
        ('get /a', 'get /b', "the path is '/b', not '/a'"),
        (re.compile('/a.'), 'get /b', "the path is '/b', not re.compile('/a.')"),
        ('/a?q=1', 'get /a?q=2', "params['q'] is '2', not '1'"),
        ('/a?q=1', 'get /a', "params['q'] is absent, not '1'"),
        (kmock.params({'q': None}), 'get /a?q=1&q=2', "params['q'] is '1' and '2', not absent"),
        (kmock.headers(X_A=...), 'get /a', "headers['X-A'] is absent, not present"),
        (kmock.cookies(a='1'), 'get /a', "cookies['a'] is absent, not '1'"),
        ('list', f'post {PODS}', "the action is 'create', not 'list'"),
        ('watch', 'get /a', "the action is None, not 'watch'"),
        ('v1/nodes', f'get {PODS}', "the resource is 'pods.v1', not 'nodes.v1'"),
        (kmock.namespace('other'), f'get {PODS}', "the namespace is 'ns', not 'other'"),
        (kmock.namespace({'a'}), f'get {PODS}', "the namespace is 'ns', not {'a'}"),
        (kmock.name('x'), f'get {PODS}', "the name is None, not 'x'"),
        ({'get', 'put'}, 'post /a', "none of {'get', 'put'} holds"),
        (False, 'get /a', 'False does not hold'),
        ('hello', 'get /a', "neither the method 'get' nor the text '' is 'hello'"),
        ({'a': 1}, 'get /a', "{'a': 1} is neither in the headers, the cookies, the params nor the data"),
    ],
)
async def test_the_criterion_that_failed_is_named_with_the_value(raw, written, line, miss):
    raw[written] << b'x'
    (told,) = await closest(raw, line)
    if isinstance(written, set):
        told = told.replace("{'put', 'get'}", "{'get', 'put'}")
    assert told == f'Closest rule: {raw[written]!r}: {miss}.'


@pytest.mark.parametrize(
    ('written', 'body', 'miss'),
    [
        (kmock.data({'spec': {'a': 1, 'b': 2}}), b'{"spec":{"a":1,"b":3,"c":4}}', "data['spec']['b'] is 3, not 2"),
        (kmock.data({'spec': {'a': 1}}), b'{"spec":{}}', "data['spec']['a'] is absent, not 1"),
        (kmock.data({'spec': ...}), b'no json', 'data is None, not '),
        (kmock.text('abc'), b'abd', "the text is 'abd', not text('abc')"),
        (b'abc', b'abd' * 100, "the body is b'abdabd"),
    ],
)
async def test_bodies_are_named_where_they_differ(raw, written, body, miss):
    raw[written] << b'x'
    (told,) = await closest(raw, 'post /', body=body)
    assert miss in told
    assert len(told) < 250


async def test_three_rules_are_named_the_closest_first(raw):
    raw['post /other'] << b'x'
    raw['get /apis/b'] << b'x'
    raw['put /apis/a'] << b'x'
    raw['get /apis/a?x=1']['get'] << b'x'
    raw[kmock.headers(X_A='1')]['/apis/a'] << b'x'
    told = await closest(raw, 'get /apis/a')
    assert len(told) == 3
    assert 'put /apis/a' in told[0]
    assert "params['x'] is absent" in told[1]
    assert "headers['X-A'] is absent" in told[2]


async def test_a_rule_that_matches_but_does_not_answer_comes_first(raw):
    raw['post /a'] << b'x'
    raw['/a'] << None
    told = await closest(raw, 'get /a')
    assert told[0].startswith("Closest rule: kmock['/a']: it matches, but had nothing to answer")


async def test_conditions_and_slices_are_not_judged_again(raw):
    calls = []
    raw[lambda request: calls.append(request)] << b'never'
    raw['/a'][:1] << b'once'
    event = asyncio.Event()
    raw[event] << b'later'
    assert (await ask(raw, '/a')).body == b'once'
    told = await closest(raw, '/a')
    assert len(calls) == 2
    assert [each.rpartition(': ')[2] for each in told] == [
        '<lambda> did not hold when the request arrived.',
        'the request is not among those of the slice.',
        'Event() did not hold when the request arrived.',
    ]


async def test_the_mend_can_be_copied(raw):
    reply = await ask(raw, 'post /Path')
    assert b"Add kmock['post /Path'] << ..." in reply.body
