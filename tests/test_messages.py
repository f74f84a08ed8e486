"""Facts about requests and answers as data."""

import weakref
from collections.abc import AsyncIterator

import pytest
from multidict import CIMultiDict, MultiDict

from kmock.errors import BodyTooLongError, KMockError, LimitError
from kmock.messages import Answer, ChunkPart, Ending, Request, RequestBody, reason_phrase


class Pieces:
    """A source of a body that can be watched as it goes."""

    def __init__(self) -> None:
        self.left = [b'piece']

    def __aiter__(self) -> 'Pieces':
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()


async def pieces(*items: bytes) -> AsyncIterator[bytes]:
    for item in items:
        yield item


def test_params_keep_order_and_repetition_and_empty_values() -> None:
    request = Request.make('GET', '/p%20q?b=1&a=%2F&b=2&empty=&flag')
    assert request.path == '/p%20q'
    assert list(request.params.items()) == [('b', '1'), ('a', '/'), ('b', '2'), ('empty', ''), ('flag', '')]


def test_params_compare_with_plain_dicts_by_the_first_or_by_all_values_of_a_key() -> None:
    params = Request.make('GET', '/?a=1&a=2&b=3').params
    assert params == {'a': '1', 'b': '3'}  # as suites for kmock 0.8 expect it
    assert params == {'a': ['1', '2'], 'b': '3'}
    for other in (
        {'a': '2', 'b': '3'},
        {'a': '1'},
        {'a': ['1'], 'b': '3'},
        {'a': '1', 'c': '3'},
        {'a': '1', 5: '3'},
        5,
    ):
        assert params != other
    assert Request.make('GET', '/?a=1&a=1').params != {'a': '1', 'b': '2'}
    assert params != 5
    assert params == MultiDict([('a', '1'), ('a', '2'), ('b', '3')])
    assert params != MultiDict([('a', '1'), ('b', '3')])
    assert Request.make('GET', '/').params == {}


def test_headers_compare_with_plain_dicts_in_any_case_by_the_first_or_by_all_values_of_a_name() -> None:
    headers = Request.make('GET', '/', headers=[('X-A', '1'), ('x-a', '2'), ('X-B', '3')]).headers
    assert headers == {'x-a': '1', 'X-B': '3'}
    assert headers == {'X-A': ['1', '2'], 'X-B': '3'}
    assert headers != {'X-A': '2', 'X-B': '3'}
    assert headers != {'X-A': '1'}
    assert headers == CIMultiDict([('x-a', '1'), ('x-a', '2'), ('x-b', '3')])


def test_headers_keep_their_case_and_are_read_in_any() -> None:
    request = Request.make('GET', '/', headers=[('X-One', '1'), ('x-one', '2')])
    assert list(request.headers.items()) == [('X-One', '1'), ('x-one', '2')]
    assert request.headers['X-ONE'] == '1'


def test_cookies_are_read_and_broken_ones_are_none() -> None:
    assert Request.make('GET', '/', headers={'Cookie': 'a=1; b="2"'}).cookies == {'a': '1', 'b': '2'}
    assert Request.make('GET', '/', headers={'Cookie': '\x00;;=='}).cookies == {}


def test_the_url_is_absolute() -> None:
    assert Request.make('GET', '/x?y', base_url='https://h:1').url == 'https://h:1/x?y'
    assert Request.make('GET', 'http://other/x').url == 'http://other/x'


def test_the_kubernetes_call_is_known() -> None:
    call = Request.make('GET', '/api/v1/pods?watch=True').call
    assert call is not None
    assert call.verb == 'watch'
    assert Request.make('GET', '/').call is None


async def test_a_body_is_read_once_and_then_kept() -> None:
    request = Request(method='POST', target='/', content=RequestBody(pieces(b'{"a"', b':1}')))
    assert not request.content.kept
    with pytest.raises(KMockError, match='not been read yet'):
        _ = request.body
    assert await request.read() == b'{"a":1}'
    assert request.body == b'{"a":1}'
    assert request.text == '{"a":1}'
    assert request.data == {'a': 1}
    assert [piece async for piece in request.stream()] == [b'{"a":1}']
    assert [piece async for piece in request.stream()] == [b'{"a":1}']


async def test_a_streamed_body_is_not_kept() -> None:
    request = Request(method='POST', target='/', content=RequestBody(pieces(b'a', b'b')))
    assert [piece async for piece in request.stream()] == [b'a', b'b']
    with pytest.raises(KMockError, match='streamed through'):
        _ = request.body
    with pytest.raises(KMockError, match='streamed through'):
        await request.read()
    with pytest.raises(KMockError, match='streamed through'):
        await anext(request.stream())


async def test_a_body_that_was_read_lets_go_of_its_source() -> None:
    source = Pieces()
    gone = weakref.ref(source)
    content = RequestBody(source)
    del source
    assert await content.read() == b'piece'
    assert gone() is None


def test_what_was_derived_from_a_request_can_be_forgotten_and_is_made_anew() -> None:
    request = Request.make('POST', '/api/v1/pods?a=1', body=b'{"kind": "Pod"}')
    parsed = request.data
    assert request.data is parsed
    assert request.params == {'a': '1'}
    assert request.call is not None
    request.forget_derived()
    assert request.data == parsed
    assert request.data is not parsed
    assert request.params == {'a': '1'}
    assert request.call is not None


async def test_a_body_over_the_limit_is_an_error_that_names_the_option() -> None:
    request = Request(method='POST', target='/', content=RequestBody(pieces(b'abc', b'def')))
    with pytest.raises(LimitError, match=r'5 bytes \(max_body\)'):
        await request.read(limit=5)


def test_bytes_that_are_no_text_and_no_json_do_no_harm() -> None:
    request = Request.make('POST', '/', body=b'\xff{')
    assert request.text == '\ufffd{'
    assert request.data is None


def test_requests_are_equal_only_to_themselves_and_have_ids_of_their_own() -> None:
    one, two = Request.make('GET', '/'), Request.make('GET', '/')
    assert one != two
    assert one == one
    assert one.id != two.id
    assert one.with_content(RequestBody(b'x')).id == one.id


def test_a_declared_body_may_be_empty() -> None:
    assert not RequestBody().declared
    assert RequestBody(b'', declared=True).declared
    assert RequestBody(b'x').declared


def test_json_answers_have_exactly_the_content_type_that_clients_compare() -> None:
    answer = Answer.json({'ä': 1}, status=201)
    assert answer.header('content-type') == 'application/json'
    assert answer.body == '{"ä":1}'.encode()
    assert answer.status == 201


def test_no_answer_is_an_answer_too() -> None:
    assert Answer.disconnect().disconnects
    assert Answer.disconnect(Ending.RESET).ending == Ending.RESET
    assert not Answer().disconnects


def test_parts_of_chunks_are_bytes() -> None:
    assert ChunkPart(b'abc') == b'abc'
    assert isinstance(ChunkPart(b'abc'), bytes)


def test_reason_phrases_are_the_standard_ones() -> None:
    assert reason_phrase(418) == "I'm a Teapot"
    assert reason_phrase(599) == ''


class TestArrivedBodies:
    @staticmethod
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError('Nobody need wait for this body.')
        yield b''

    async def test_a_body_that_has_arrived_is_not_waited_for(self) -> None:
        body = RequestBody(self.never(), arrived=lambda: b'abc')
        assert await body.read() == b'abc'
        assert body.kept
        assert await body.read() == b'abc'

    async def test_its_length_is_limited_too(self) -> None:
        body = RequestBody(self.never(), arrived=lambda: b'abc')
        with pytest.raises(BodyTooLongError, match='longer than 2 bytes'):
            await body.read(2)
        with pytest.raises(KMockError, match='not kept'):
            await body.read(2)

    async def test_what_has_not_arrived_is_waited_for(self) -> None:
        async def source() -> AsyncIterator[bytes]:
            yield b'ab'
            yield b'c'

        body = RequestBody(source(), arrived=lambda: None)
        assert await body.read() == b'abc'

    async def test_a_streamed_body_is_not_taken_by_surprise(self) -> None:
        async def source() -> AsyncIterator[bytes]:
            yield b'abc'

        body = RequestBody(source(), arrived=lambda: b'abc')
        assert [piece async for piece in body.stream()] == [b'abc']
        with pytest.raises(KMockError, match='not kept'):
            await body.read()
