"""What may be written after <<, what it is read as, how it merges; all refusals come where it is written."""

import asyncio
import io
import pathlib
import warnings

import pytest

import kmock
from kmock.rules.payloads import (
    LIVE,
    NOTHING,
    Buffer,
    Constant,
    File,
    Head,
    Payload,
    Raised,
    Shared,
    Steps,
    read_payload,
)
from kmock.rules.waiting import Called, Notified, Resulting, Taken

JSON = 'application/json'


@pytest.mark.parametrize(
    ('written', 'item'),
    [
        (404, Head(status=404)),
        (100, Head(status=100)),
        (99, Constant(b'99', JSON, is_json=True)),
        (1000, Constant(b'1000', JSON, is_json=True)),
        (True, Constant(b'true', JSON, is_json=True)),
        (2.5, Constant(b'2.5', JSON, is_json=True)),
        ('ü', Constant('"ü"'.encode(), JSON, is_json=True)),
        ([1, None], Constant(b'[1,null]', JSON, is_json=True)),
        ({}, Constant(b'{}', JSON, is_json=True)),
        ({'a': 1}, Constant(b'{"a":1}', JSON, is_json=True)),
        ({'X-A': '1', 'content-type': 'x/y'}, Head(headers=(('X-A', '1'), ('content-type', 'x/y')))),
        ({'Retry-After': 5}, Head(headers=(('Retry-After', '5'),))),
        ({'X-A': '1', 'a': 1}, Constant(b'{"X-A":"1","a":1}', JSON, is_json=True)),
        ({'Location': {'city': 'x'}}, Constant(b'{"Location":{"city":"x"}}', JSON, is_json=True)),
        ({'date': 'today'}, Constant(b'{"date":"today"}', JSON, is_json=True)),
        (kmock.headers(anything='1'), Head(headers=(('anything', '1'),))),
        (kmock.cookies(a=1), Head(cookies=(('a', '1'),))),
        (b'x', Constant(b'x', 'application/octet-stream')),
        (bytearray(b'x'), Constant(b'x', 'application/octet-stream')),
        (kmock.body('ü'), Constant('ü'.encode(), 'application/octet-stream')),
        (kmock.body(), Constant(b'', '')),
        (kmock.text('ü'), Constant('ü'.encode(), 'text/plain; charset=utf-8')),
        (kmock.data(404), Constant(b'404', JSON, is_json=True)),
        (kmock.data({'X-A': '1'}), Constant(b'{"X-A":"1"}', JSON, is_json=True)),
        (None, NOTHING),
        (..., LIVE),
        ((b'x', None), Steps((Constant(b'x', 'application/octet-stream'), NOTHING))),
        (ValueError, Raised(ValueError)),
        (pathlib.PurePosixPath('x.json'), File(pathlib.Path('x.json'))),
        (kmock.Response(status=404, payload='x'), Payload(Head(404), (Constant(b'"x"', JSON, is_json=True),))),
        (
            kmock.Response(headers={'A': 1}, cookies={'b': 2}),
            Payload(Head(headers=(('A', '1'),), cookies=(('b', '2'),))),
        ),
    ],
)
def test_values_are_read_when_they_are_written(written, item):
    assert read_payload(written) == item


@pytest.mark.parametrize(
    ('written', 'kind'),
    [
        (iter([1]), Shared),
        ((each for each in [1]), Shared),
        (io.BytesIO(b'x'), Buffer),
        (lambda: 1, Called),
        (asyncio.Event(), Notified),
        (asyncio.Queue(), Taken),
    ],
)
def test_what_is_known_only_later_has_its_kinds(written, kind):
    assert isinstance(read_payload(written), kind)


async def test_futures_and_tasks_are_asked_for_their_results():
    assert isinstance(read_payload(asyncio.get_running_loop().create_future()), Resulting)


@pytest.mark.parametrize(
    ('written', 'complaint'),
    [
        ({1, 2}, 'is a set, which is reserved'),
        (frozenset(), 'is a set, which is reserved'),
        ((b'x', {1}), 'is a set, which is reserved'),
        (object(), 'is no payload'),
        ({'a': object()}, 'can not be sent as JSON'),
        ([{1}], r'can not be sent as JSON: \{1\} in it is a set, which has no order. Write a list.'),
        ({'a': {'b': frozenset('c')}}, r"frozenset\(\{'c'\}\) in it is a set, which has no order. Write a list."),
        (({'a': 1}, {'b': {1}}), 'in it is a set'),
        (lambda one, two: None, '0 or 1 argument'),
        (kmock.path('/x'), 'belongs in brackets'),
        (kmock.body(5), 'takes bytes or a string'),
        (kmock.text(b'x'), 'takes a string'),
        (kmock.headers({'A': 'x\r\nB: y'}), 'can not be sent as a header'),
        (kmock.headers({'A b': 'x'}), 'can not be sent as a header'),
        (kmock.Response(status=99), 'is no HTTP status'),
        (kmock.Response(status='404'), "'404' is no HTTP status"),
    ],
)
def test_what_can_not_be_sent_is_refused_with_its_value(written, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_payload(written)


def test_a_later_change_of_what_was_written_does_not_leak():
    written = {'a': 1}
    item = read_payload(written)
    written['a'] = 2
    assert item.data == b'{"a":1}'


def test_heads_merge_and_bodies_follow_each_other():
    payload = Payload.EMPTY
    for written in (b'x', 404, {'X-A': '1'}, {'a': 1}, kmock.cookies(c='1'), {'X-B': '2'}):
        payload = payload.grown(read_payload(written))
    assert payload.head == Head(404, None, (('X-A', '1'), ('X-B', '2')), (('c', '1'),))
    assert [item.data for item in payload.items] == [b'x', b'{"a":1}']


@pytest.mark.parametrize(
    ('one', 'other', 'clash'),
    [
        (404, 410, 'status 404 by 410'),
        ({'X-A': '1'}, {'x-a': '2'}, "header x-a: '1' by '2'"),
        (kmock.cookies(a=1), kmock.cookies(a=2), "cookie a: '1' by '2'"),
        (kmock.Response(reason='One'), kmock.Response(reason='Two'), "reason 'One' by 'Two'"),
        (404, kmock.Response(status=410), 'status 404 by 410'),
    ],
)
def test_a_clash_warns_and_the_later_one_wins(one, other, clash):
    payload = Payload.EMPTY.grown(read_payload(one))
    with pytest.warns(UserWarning, match=clash):
        clashed = payload.grown(read_payload(other))
    assert clashed.head == Payload.EMPTY.grown(read_payload(other)).head


def test_the_same_said_twice_is_no_clash():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert Payload.EMPTY.grown(Head(404)).grown(Head(404)).head == Head(404)


def test_the_warning_points_at_the_line_that_wrote_it(raw):
    with pytest.warns(UserWarning, match='404 by 410') as warned:
        raw['get'] << 404 << 410
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ('written', 'match'),
    [
        (SystemExit, 'would end the server'),
        (KeyboardInterrupt(), 'would end the server'),
        (kmock.method.GET, 'belongs in brackets'),
        (kmock.action.LIST, 'belongs in brackets'),
        (kmock.resource('v1/pods'), 'belongs in brackets'),
        (kmock.cookies({'a b': 'c'}), "'a b': 'c' can not be sent as a cookie"),
        (kmock.Response(cookies={'': 'c'}), 'can not be sent as a cookie'),
        (float('nan'), 'can not be sent as JSON'),
    ],
)
def test_what_can_not_be_sent_is_refused_where_it_is_written(written, match):
    with pytest.raises(ValueError, match=match):
        read_payload(written)


def test_headers_and_cookies_of_none_are_left_out():
    assert read_payload(kmock.Response(headers={'A': None}, cookies={'b': None})) == Payload(Head())
    assert read_payload(kmock.headers(A=None, B='1')) == Head(headers=(('B', '1'),))
