"""Rules are asked in the order of their priorities, and found by index."""

import asyncio

import pytest
from asking import ask, make

from kmock import RawHandler, resource
from kmock.naming import Resource


async def bodies(handler, *lines):
    return [(await ask(handler, line)).body for line in lines]


async def test_among_equal_priorities_the_first_written_wins(raw):
    raw['get'] << b'first'
    raw['/x'] << b'second'
    assert await bodies(raw, 'get /x', 'post /x') == [b'first', b'second']


async def test_an_exact_path_has_no_precedence_over_what_was_written_before(raw):
    raw['/x*'] << b'glob'
    raw['get /x'] << b'exact'
    raw['/x'] << b'path'
    assert await bodies(raw, 'get /x') == [b'glob']


async def test_higher_priorities_are_asked_first(raw):
    raw << b'zero'
    raw['/x'] ** 1 << b'one'
    raw['/x'] ** 2.5 << b'two'
    raw['/y'] ** -1 << b'minus one'
    assert await bodies(raw, '/x', '/y') == [b'two', b'zero']


async def test_nested_priorities_compare_as_tuples_padded_with_zeros(raw):
    (raw['/a'] ** 1) ** -1 << b'1, -1'
    raw['/a'] ** 1 << b'1'
    (raw['/b'] ** 1) ** 0 << b'1, 0'
    ((raw['/b'] ** 1) ** 0) ** 1 << b'1, 0, 1'
    assert await bodies(raw, '/a', '/b') == [b'1', b'1, 0, 1']


async def test_the_order_stays_when_deeper_priorities_arrive(raw):
    raw['/x'] ** 1 << b'first'
    raw['/x'] ** 1 << b'second'
    view = raw['/other']
    for _ in range(5):
        view = view**0
    view << b'deep'
    first = next(iter(raw._book))
    assert await bodies(raw, '/x', '/other') == [b'first', b'deep']
    assert first.key == (-1.0, 0, 0, 0, 0, 1)


async def test_override_goes_first_and_fallback_last(raw):
    raw.fallback << b'fallback'
    raw.fallback['/x'] << b'fallback of x'
    raw['/x'] ** -1e9 << b'low'
    raw['/x'].override << b'override'
    raw['/x'] ** 1e9 << b'high'
    assert await bodies(raw, '/x', '/y') == [b'override', b'fallback']


async def test_fallback_rules_come_after_other_responders():
    class Other:
        async def respond(self, request):
            return None if request.path == '/unknown' else await raw._book.responder(fallback=True).respond(request)

    raw = RawHandler(responders=[Other()])
    async with raw:
        raw.fallback << b'fallback'
        assert await bodies(raw, '/unknown') == [b'fallback']


@pytest.mark.parametrize('priority', ['high', None, True, float('nan')])
def test_a_priority_is_a_number(raw, priority):
    with pytest.raises(ValueError, match='is no priority'):
        raw**priority


async def test_a_longer_payload_replaces_the_rule_in_its_place(raw):
    first = raw['/x'] << b'a'
    raw['/x'] << b'b'
    second = first << 201
    reply = await ask(raw, '/x')
    assert (reply.status, reply.body) == (201, b'a')
    assert (len(first), len(second), len(raw._book)) == (0, 1, 2)


async def test_a_replaced_rule_can_still_be_grown_into_another_one(raw):
    first = raw['/x'] << b'a'
    first << 201
    first << 202
    assert (await ask(raw, '/x')).status == 201
    assert len(raw._book) == 2


async def test_the_index_finds_encoded_paths_and_methods_in_any_case(raw):
    raw['get /a b'.replace(' b', '%20b')] << b'x'
    assert await bodies(raw, 'get /a%20b', 'get /%61%20b') == [b'x', b'x']
    assert (await raw.handle(make('get /a%20b'))).body == b'x'


async def test_rules_of_other_paths_are_not_even_looked_at(raw):
    asked = []
    for number in range(100):
        raw[f'/{number}', lambda number=number: asked.append(number) or True] << 200
    await ask(raw, '/42')
    assert asked == [42]


async def test_the_requests_served_are_kept_up_to_the_log_limit():
    async with RawHandler(request_log=2) as raw:
        rule = raw << 200
        replies = [await ask(raw, f'/{number}') for number in range(4)]
        assert list(rule) == list(raw) == [replies[2].request, replies[3].request]


async def test_resources_named_in_full_are_known(raw):
    raw['list pods.v1'] << 200
    raw['kopf.dev/v1/kopfexamples'] << 200
    raw[resource(group='apps')] << 200
    assert raw._book.resources() == {Resource('', 'v1', 'pods'), Resource('kopf.dev', 'v1', 'kopfexamples')}


async def test_a_rule_waiting_for_one_request_does_not_hold_up_others(raw):
    gate = asyncio.Event()
    raw['/slow'] << gate << b'slow'
    raw['/fast'] << b'fast'
    slow = asyncio.create_task(ask(raw, '/slow'))
    await asyncio.sleep(0)
    assert (await ask(raw, '/fast')).body == b'fast'
    gate.set()
    assert (await slow).body == b'slow'


async def test_it_is_known_which_requests_need_their_bodies(raw):
    raw['get /plain'] << b'x'
    raw['/called'] << (lambda request: request.data)
    raw['/sunk'] >> []
    view = raw['/viewed', b'body']
    assert not raw._book.wants_body(make('get /plain'))
    assert raw._book.wants_body(make('/called'))
    assert raw._book.wants_body(make('/sunk'))
    assert raw._book.wants_body(make('/viewed'))
    del view
    assert not raw._book.wants_body(make('/viewed'))


async def test_all_payloads_are_closed_even_if_some_fail(raw):
    closed = []

    async def generate(error):
        try:
            yield b'a'
            yield b'b'
        finally:
            closed.append(error)
            if error is not None:
                raise error

    for path, error in (('/1', ValueError('1')), ('/2', None), ('/3', ValueError('3'))):
        raw[path] << generate(error)
        assert await anext((await raw.handle(make(path))).body) == b'a'
    with pytest.raises(ExceptionGroup, match='payloads failed to close'):
        await raw._book.close()
    assert len(closed) == 3
