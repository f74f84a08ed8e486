"""What goes on the wire for each payload, alone and as a step of a stream."""

import asyncio
import collections
import io
import itertools
import json
import queue
import sys
import threading

import pytest
from asking import ask, make

import kmock
from kmock import RawHandler
from kmock.messages import BodyInterrupted

WATCH = 'get /api/v1/pods?watch=true'


# --- whole bodies


async def test_status_headers_cookies_and_json(raw):
    raw['/'] << 418 << {'hello': 'world'} << {'X-A': '1'} << kmock.cookies(c='1')
    reply = await ask(raw, '/')
    assert reply.status == 418
    assert reply.answer.headers == (
        ('Content-Type', 'application/json'),
        ('X-A', '1'),
        ('Set-Cookie', 'c=1; Path=/'),
    )
    assert reply.body == b'{"hello":"world"}'


async def test_a_bare_status_has_no_body_and_no_type(raw):
    raw['/'] << 404
    reply = await ask(raw, '/')
    assert (reply.status, reply.body, reply.answer.headers) == (404, b'', ())


@pytest.mark.parametrize(
    ('written', 'body', 'content_type'),
    [
        (b'x', b'x', 'application/octet-stream'),
        (b'', b'', None),
        (kmock.text('ü'), 'ü'.encode(), 'text/plain; charset=utf-8'),
        ('ü', '"ü"'.encode(), 'application/json'),
        (kmock.data(404), b'404', 'application/json'),
        ([1, 2], b'[1,2]', 'application/json'),
        (lambda: {'a': 1}, b'{"a":1}', 'application/json'),
        (lambda request: request.path, b'"/x"', 'application/json'),
        (lambda: lambda: b'deep', b'deep', 'application/octet-stream'),
    ],
)
async def test_a_single_body_is_sent_as_a_whole(raw, written, body, content_type):
    raw['/x'] << written
    reply = await ask(raw, '/x')
    assert reply.answer.body == body
    assert reply.answer.header('Content-Type') == content_type


async def test_a_content_type_that_is_written_is_kept(raw):
    raw['/'] << b'{}' << {'content-type': 'application/yaml'}
    assert (await ask(raw, '/')).answer.headers == (('content-type', 'application/yaml'),)


async def test_a_response_says_it_all(raw):
    raw['/'] << kmock.Response(status=404, reason='Gone Fishing', headers={'X-A': 1}, cookies={'c': 'd e'}, payload='x')
    answer = (await ask(raw, '/')).answer
    assert (answer.status, answer.reason, answer.body) == (404, 'Gone Fishing', b'"x"')
    assert answer.header('X-A') == '1'
    assert answer.header('Set-Cookie') == 'c="d e"; Path=/'


async def test_a_callable_may_return_a_status_headers_or_a_response(raw):
    raw['/a'] << (lambda: 404)
    raw['/b'] << (lambda: {'X-A': '1'})
    raw['/c'] << (lambda: kmock.Response(status=410, payload='x'))
    assert (await ask(raw, '/a')).status == 404
    assert (await ask(raw, '/b')).answer.headers == (('X-A', '1'),)
    reply = await ask(raw, '/c')
    assert (reply.status, reply.answer.body) == (410, b'"x"')


async def test_what_a_callable_returned_once_does_not_change_the_next_answer(raw):
    statuses = iter([404, 200])
    raw['/'] << {'a': 1} << (lambda: None)
    raw['/s'] << (lambda: next(statuses)) << b'x'
    assert [(await ask(raw, '/s')).status for _ in range(2)] == [404, 200]


async def test_a_path_is_read_anew_each_time(raw, tmp_path):
    path = tmp_path / 'some.json'
    raw['/'] << path
    for content in ('{"a": 1}', '{"a": 2}'):
        path.write_text(content)
        reply = await ask(raw, '/')
        assert reply.answer.body == content.encode()
        assert reply.answer.header('Content-Type') == 'application/json'


async def test_a_missing_file_is_an_error_of_the_request(raw, tmp_path):
    raw['/'] << tmp_path / 'none'
    assert (await ask(raw, '/')).status == 500
    assert isinstance(raw.errors[0], FileNotFoundError)


async def test_buffers_are_read_on_and_depleted(raw, tmp_path):
    (tmp_path / 'file').write_bytes(b'content')
    raw['/bytes'] << io.BytesIO(b'abc')
    raw['/text'] << io.StringIO('ü')
    with (tmp_path / 'file').open('rb') as file:
        file.read(3)
        raw['/file'] << file
        assert [(await ask(raw, '/file')).body for _ in range(2)] == [b'tent', b'']
    assert [(await ask(raw, '/bytes')).body for _ in range(2)] == [b'abc', b'']
    assert [(await ask(raw, '/text')).body for _ in range(2)] == ['ü'.encode(), b'']


# --- nothing, errors, handing over


async def test_nothing_to_answer_asks_the_next_rule(raw):
    spy = raw['get'] << None
    called = raw << (lambda: None)
    raw['/'] << b'x'
    assert (await ask(raw, '/')).body == b'x'
    assert len(spy) == len(called) == 1


@pytest.mark.parametrize('written', [ZeroDivisionError, ZeroDivisionError('0'), lambda: 1 / 0])
async def test_an_exception_is_collected_and_answers_500(raw, written):
    raw['/'] << written
    for _ in range(2):
        reply = await ask(raw, '/')
        assert reply.status == 500
        assert b'ZeroDivisionError' in reply.body
    assert [type(each) for each in raw.errors] == [ZeroDivisionError] * 2


@pytest.mark.parametrize('written', [StopIteration, StopIteration(), lambda: next(iter([])), StopAsyncIteration])
async def test_a_stop_before_anything_was_sent_hands_over_to_the_next_rule(raw, written):
    over = raw['/'] << 201 << written
    raw['/'] << b'next'
    reply = await ask(raw, '/')
    assert (reply.status, reply.body) == (200, b'next')
    assert len(over) == 0
    assert raw.errors == []


async def test_a_stop_in_a_coroutine_hands_over_too(raw):
    async def serve():
        return next(iter([]))

    raw['/'] << serve
    raw['/'] << b'next'
    assert (await ask(raw, '/')).body == b'next'


async def test_a_stop_inside_a_stream_ends_it_cleanly(raw):
    raw['/'] << (b'a', StopIteration, b'b')
    reply = await ask(raw, '/')
    assert (reply.pieces, reply.cut) == ([b'a'], False)


async def test_a_result_that_is_no_payload_is_an_error_of_the_request(raw):
    raw['/'] << (lambda: {1, 2})
    assert (await ask(raw, '/')).status == 500
    assert 'is a set' in str(raw.errors[0])


# --- streams


async def test_a_tuple_is_replayed_for_each_request(raw):
    raw['/'] << (b'a', {'b': 1}, 'c', None, [(1)], kmock.data(410), kmock.text('t'))
    for _ in range(2):
        reply = await ask(raw, '/')
        assert reply.pieces == [b'a', b'{"b":1}\n', b'"c"\n', b'[1]\n', b'410\n', b't']
        assert reply.answer.header('Content-Length') is None


async def test_several_bodies_become_one_stream(raw):
    raw['/'] << b'a' << {'b': 1} << 201
    reply = await ask(raw, '/')
    assert (reply.status, reply.pieces) == (201, [b'a', b'{"b":1}\n'])


async def test_nested_tuples_are_one_stream(raw):
    raw['/'] << (b'a', (b'b', (b'c',)), lambda: (b'd', b'e'))
    assert (await ask(raw, '/')).pieces == [b'a', b'b', b'c', b'd', b'e']


async def test_the_first_item_gives_the_type_and_a_stream_of_nothing_is_no_answer(raw):
    raw['/json'] << ({'a': 1}, b'x')
    raw['/none'] << ()
    raw['/none'] << b'next'
    assert (await ask(raw, '/json')).answer.header('Content-Type') == 'application/json'
    reply = await ask(raw, '/none')
    assert (reply.status, reply.body) == (200, b'next')


async def test_a_head_may_come_out_of_a_stream_before_its_first_item(raw):
    raw['/'] << (lambda: 201, {'X-A': '1'}, None, b'x')
    reply = await ask(raw, '/')
    assert (reply.status, reply.answer.header('X-A'), reply.pieces) == (201, '1', [b'x'])


async def test_numbers_and_dicts_after_the_first_item_of_a_stream_are_json(raw):
    raw['/'] << (b'x', 404, {'X-A': 1}, b'y')
    reply = await ask(raw, '/')
    assert reply.pieces == [b'x', b'404\n', b'{"X-A":1}\n', b'y']


async def test_headers_after_the_first_item_are_an_error_that_cuts_the_stream(raw):
    raw['/'] << (b'x', kmock.headers({'X-A': '1'}), b'y')
    reply = await ask(raw, '/')
    assert (reply.pieces, reply.cut) == ([b'x'], True)
    assert "The header 'X-A' in a stream comes too late" in str(raw.errors[0])


@pytest.mark.parametrize('iterable', [range(3), collections.deque([0, 1, 2]), dict(enumerate(range(3))).values()])
async def test_an_iterable_is_a_stream_that_begins_anew_for_each_request(raw, iterable):
    raw['/'] << iterable
    assert [(await ask(raw, '/')).lines for _ in range(2)] == [[0, 1, 2]] * 2


async def test_a_header_with_several_values_is_repeated(raw):
    raw['/'] << kmock.headers({'X-A': ['1', '2']}) << b'x'
    headers = (await ask(raw, '/')).answer.headers
    assert [value for key, value in headers if key == 'X-A'] == ['1', '2']


async def test_what_is_fed_in_one_go_fills_one_ellipsis_after_the_other(raw):
    raw['/'] << (b'a', ..., b'z')
    asked = asyncio.create_task(ask(raw, '/'))
    for _ in range(5):
        await asyncio.sleep(0)
    raw[...] << (b'1', (b'2', ..., b'4')) << (b'3', ...) << b'!' << b'?'
    assert (await asked).body == b'a123!4?z'


async def test_a_sink_box_is_a_sink_in_its_place_among_payloads_and_in_streams(raw):
    seen: list[kmock.Request] = []
    raw['/'] << kmock.SinkBox(seen) << (b'x', kmock.SinkBox(seen), b'y')
    assert (await ask(raw, '/')).body == b'xy'
    assert seen == [raw[0], raw[0]]


async def test_the_head_is_held_back_until_the_first_real_item(raw):
    gate = asyncio.Event()
    raw['/held'] << (None, gate, b'x')
    raw['/sent'] << (b'', gate, b'x')
    held = asyncio.create_task(raw.handle(make('/held')))
    sent = asyncio.create_task(raw.handle(make('/sent')))
    for _ in range(10):
        await asyncio.sleep(0)
    assert sent.done()
    assert not held.done()
    gate.set()
    assert [each async for each in (await held).body] == [b'x']
    assert [each async for each in (await sent).body] == [b'x']


async def test_an_error_inside_a_stream_is_collected_and_cuts_it(raw):
    raw['/'] << (b'a', lambda: 1 / 0, b'b')
    reply = await ask(raw, '/')
    assert (reply.pieces, reply.cut) == ([b'a'], True)
    assert isinstance(raw.errors[0], ZeroDivisionError)


@pytest.mark.parametrize('code', [400, 410, 504])
async def test_a_status_inside_the_stream_of_a_watch_is_an_error_event(raw, code):
    raw['watch'] << ({'type': 'ADDED', 'object': {}}, code)
    reply = await ask(raw, WATCH)
    assert reply.status == 200
    assert [each['type'] for each in reply.lines] == ['ADDED', 'ERROR']
    assert reply.lines[1]['object']['code'] == code
    assert reply.lines[1]['object']['kind'] == 'Status'


async def test_a_status_alone_is_the_status_of_a_watch(raw):
    raw['watch'] << 410
    assert (await ask(raw, WATCH)).status == 410


# --- depletable streams


async def test_an_iterator_is_depleted_once_by_all_requests_and_then_the_next_rule_is_asked(raw):
    raw['/'] << iter([b'a', {'b': 1}])
    assert (await ask(raw, '/')).pieces == [b'a', b'{"b":1}\n']
    assert (await ask(raw, '/')).status == 500
    raw.fallback << b'fallback'
    assert (await ask(raw, '/')).body == b'fallback'


async def test_requests_share_a_generator(raw):
    def generate():
        yield from (b'a', b'b', b'c', b'd')

    raw['/'] << generate()
    one, two = (await raw.handle(make('/'))).body, (await raw.handle(make('/'))).body
    assert [await anext(one), await anext(two), await anext(one), await anext(two)] == [b'a', b'b', b'c', b'd']


async def test_a_client_that_leaves_takes_nothing_from_an_asynchronous_generator(raw):
    gate = asyncio.Event()

    async def generate():
        yield b'a'
        await gate.wait()
        yield b'b'

    raw['/'] << generate()
    body = (await raw.handle(make('/'))).body
    assert await anext(body) == b'a'
    leaving = asyncio.create_task(anext(body))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.set()
    assert (await ask(raw, '/')).pieces == [b'b']


async def test_only_the_iterator_within_a_tuple_is_depleted(raw):
    raw['/'] << (b'a', iter([b'b']), b'c')
    assert (await ask(raw, '/')).pieces == [b'a', b'b', b'c']
    assert (await ask(raw, '/')).pieces == [b'a', b'c']


async def test_an_error_in_a_generator_is_collected(raw):
    def generate():
        yield b'a'
        raise ZeroDivisionError

    raw['/'] << generate()
    reply = await ask(raw, '/')
    assert (reply.pieces, reply.cut, len(raw.errors)) == ([b'a'], True, 1)


async def test_generators_are_closed_when_the_handler_is_left():
    left = []

    def generate():
        try:
            yield b'a'
            yield b'b'
        finally:
            left.append('sync')

    async def agenerate():
        try:
            yield b'a'
            yield b'b'
        finally:
            left.append('async')

    async with RawHandler() as handler:
        handler['/sync'] << generate()
        handler['/async'] << (b'1', agenerate())
        assert await anext((await handler.handle(make('/sync'))).body) == b'a'
        body = (await handler.handle(make('/async'))).body
        assert [await anext(body), await anext(body)] == [b'1', b'a']
        assert left == []
    assert sorted(left) == ['async', 'sync']


# --- live streams


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_live_stream_waits_to_be_fed_and_then_goes_on(raw):
    raw['/'] << (b'a', ..., b'z')
    task = asyncio.create_task(ask(raw, '/'))
    await settle()
    assert len(raw[...]) == 1
    raw[...] << b'fed'
    assert (await task).pieces == [b'a', b'fed', b'z']


async def test_a_new_ellipsis_keeps_it_waiting(raw):
    raw['/'] << (..., b'z')
    task = asyncio.create_task(ask(raw, '/'))
    await settle()
    raw['/'][...] << (b'1', ...)
    await settle()
    raw['/'][...] << b'2' << ...
    await settle()
    raw['/'][...] << (lambda: {'n': 3})
    assert (await task).pieces == [b'1', b'2', b'{"n":3}\n', b'z']


async def test_a_rule_behind_the_same_one_whose_stream_waits_is_told_how_to_feed(raw):
    raw['get /'] << ('a', ..., 'z')
    asking = asyncio.create_task(ask(raw, '/'))
    await settle()
    with pytest.warns(UserWarning, match=r"Feed that: kmock\['get /'\]\[\.\.\.\] << b'x'") as warned:
        raw['get /'] << b'x'
    assert warned[0].filename == __file__
    raw[...] << 'fed'
    assert (await asking).lines == ['a', 'fed', 'z']
    raw['get /'] << b'y'  # nothing waits any more


@pytest.mark.parametrize(
    ('before', 'write'),
    [
        ((...,), lambda raw: raw['get /'] ** 1 << b'x'),
        ((...,), lambda raw: raw['get /'].fallback << b'x'),
        ((...,), lambda raw: raw['get'] << b'x'),
        ((...,), lambda raw: raw['get /'][1:] << b'x'),
        ((...,), lambda raw: raw['get /'] >> []),
        ((...,), lambda raw: raw['get /', lambda: True] << b'x'),
        (iter([...]), lambda raw: raw['get /'] << b'x'),
        ((..., StopIteration), lambda raw: raw['get /'] << b'x'),
        ((lambda: ...,), lambda raw: raw['get /'] << b'x'),
    ],
)
async def test_rules_that_may_be_asked_beside_a_waiting_stream_are_no_concern(raw, before, write):
    raw['get /'] << before
    asking = asyncio.create_task(ask(raw, '/'))
    await settle()
    assert len(raw[...]) == 1
    write(raw)
    raw[...] << b'fed'
    await asking


async def test_a_slice_whose_stream_waits_leaves_the_rest_to_others(raw):
    raw['get /'][:1] << ...
    asking = asyncio.create_task(ask(raw, '/'))
    await settle()
    raw['get /'] << b'x'
    raw[...] << b'fed'
    assert (await asking).pieces == [b'fed']
    assert (await ask(raw, '/')).body == b'x'


async def test_what_is_fed_item_by_item_while_a_stream_runs_to_its_next_ellipsis_is_kept(raw):
    raw['/'] << (b'a', ..., b'z')
    body = (await raw.handle(make('/'))).body
    assert await anext(body) == b'a'
    following = asyncio.ensure_future(anext(body))
    await settle()
    raw['/'][...] << (b'1', ...)
    assert await following == b'1'
    raw['/'][...] << (b'2', ...)  # it sends the former item; nobody has asked for the next one yet
    raw['/'][...] << (b'3', b'4', ...)
    raw['/'][...] << b'5'
    assert len(raw[...]) == 1
    assert [piece async for piece in body] == [b'2', b'3', b'4', b'5', b'z']
    assert len(raw[...]) == 0


@pytest.mark.parametrize(
    'items', [(b'a', ..., b'z'), (b'a', (..., b'z')), (lambda: b'a', ..., b'z'), (b'', b'a', ..., b'z')]
)
async def test_a_stream_waits_already_as_it_gives_the_item_before_an_ellipsis(raw, items):
    """A client in another thread can have read that item before the stream comes to the ellipsis."""
    raw['/'] << items
    body = (await raw.handle(make('/'))).body
    assert await anext(body) == b'a'
    assert len(raw[...]) == 1
    raw['/'][...] << b'fed'
    assert [piece async for piece in body] == [b'fed', b'z']
    assert len(raw[...]) == 0


async def test_a_stream_with_more_to_give_before_the_ellipsis_does_not_wait_yet(raw):
    raw['/'] << (b'a', b'b', ..., b'z')
    body = (await raw.handle(make('/'))).body
    assert await anext(body) == b'a'
    assert len(raw[...]) == 0
    raw['/'][...] << b'too early'
    assert await anext(body) == b'b'
    raw['/'][...] << b'fed'
    assert [piece async for piece in body] == [b'fed', b'z']


async def test_a_stream_that_goes_on_to_its_end_waits_no_more(raw):
    raw['/'] << (..., b'y', b'z')
    asking = asyncio.ensure_future(raw.handle(make('/')))
    await settle()
    raw['/'][...] << b'x'
    body = (await asking).body
    assert len(raw[...]) == 0
    raw['/'][...] << b'too late'
    assert [piece async for piece in body] == [b'x', b'y', b'z']


@pytest.mark.parametrize('way', ['left', 'ended', 'failed'])
async def test_a_stream_that_never_comes_to_its_next_ellipsis_waits_no_more(raw, way):
    raw['/'] << ...
    asking = asyncio.ensure_future(raw.handle(make('/')))
    await settle()
    raw[...] << (b'1', {'ended': StopIteration, 'failed': ZeroDivisionError}.get(way), ...)
    body = (await asking).body
    assert await anext(body) == b'1'
    assert len(raw[...]) == 1
    if way != 'left':
        with pytest.raises((StopAsyncIteration, BodyInterrupted)):
            await anext(body)
    await body.aclose()
    assert len(raw[...]) == 0


async def test_items_are_fed_only_to_the_streams_of_the_view_that_wait(raw):
    raw << ...
    raw['/a'][...] << b'too early'
    a, b = asyncio.create_task(ask(raw, '/a')), asyncio.create_task(ask(raw, '/b'))
    await settle()
    raw['/a'][...] << b'for a'
    assert (await a).pieces == [b'for a']
    assert len(raw[...]) == 1
    raw[...] << b'for b'
    assert (await b).pieces == [b'for b']


async def test_a_live_stream_is_fed_from_another_thread(raw):
    raw['/'] << ...
    task = asyncio.create_task(ask(raw, '/'))
    await settle()
    thread = threading.Thread(target=lambda: raw[...] << (b'x', b'y'))
    thread.start()
    assert (await task).pieces == [b'x', b'y']
    thread.join()


async def test_leaving_the_handler_lets_live_streams_end():
    async with RawHandler() as handler:
        handler['/'] << (b'a', ..., b'z')
        body = (await handler.handle(make('/'))).body
        assert await anext(body) == b'a'
        last = asyncio.ensure_future(anext(body))
        await settle()
    assert await last == b'z'


def test_feeding_a_handler_that_is_not_running_is_refused():
    with pytest.raises(kmock.KMockError, match=r'kmock\[\.\.\.\] can not be fed: its handler is not running'):
        RawHandler()[...] << b'x'


# --- what is waited for


async def test_awaitables_are_awaited_once_and_their_results_replayed(raw):
    calls = []

    async def compute():
        calls.append(1)
        return {'n': len(calls)}

    raw['/'] << compute()
    raw['/fn'] << compute
    assert [(await ask(raw, '/')).data['n'] for _ in range(2)] == [1, 1]
    assert [(await ask(raw, '/fn')).data['n'] for _ in range(2)] == [2, 3]


async def test_a_coroutine_never_asked_for_is_closed_without_a_warning():
    async def compute():
        return 1

    async with RawHandler() as handler:
        handler['/'] << compute()
        handler['/'] << (b'x', compute())


async def test_a_coroutine_still_awaited_ends_with_the_handler():
    async with RawHandler() as handler:
        handler['/'] << asyncio.Event().wait()
        task = asyncio.create_task(handler.handle(make('/')))
        await settle()
        assert not task.done()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_waiting_for_an_event_sends_nothing(raw):
    gate = asyncio.Event()
    gate.set()
    other = threading.Event()
    other.set()
    raw['/'] << (b'a', gate, gate.wait(), gate.wait, lambda: gate.wait(), other, other.wait, b'b')
    assert (await ask(raw, '/')).pieces == [b'a', b'b']


async def test_futures_tasks_and_queues_give_their_values(raw):
    future = asyncio.get_running_loop().create_future()
    future.set_result(b'future')
    task = asyncio.ensure_future(asyncio.sleep(0, b'task'))
    aqueue, tqueue = asyncio.Queue(), queue.Queue()
    aqueue.put_nowait(b'aqueue')
    tqueue.put_nowait(b'tqueue')
    raw['/'] << (future, task, aqueue, tqueue)
    assert (await ask(raw, '/')).pieces == [b'future', b'task', b'aqueue', b'tqueue']


async def test_things_of_threads_are_waited_for_without_blocking_the_loop(raw):
    event, condition, items = threading.Event(), threading.Condition(), queue.Queue()
    raw['/event'] << event << b'event'
    raw['/condition'] << condition << b'condition'
    raw['/queue'] << items
    tasks = [asyncio.create_task(ask(raw, target)) for target in ('/event', '/condition', '/queue')]
    await settle()
    assert not any(task.done() for task in tasks)
    event.set()
    items.put(b'queue')
    assert [(await task).body for task in (tasks[0], tasks[2])] == [b'event', b'queue']
    while not tasks[1].done():
        with condition:
            condition.notify_all()
        await asyncio.sleep(0)
    assert (await tasks[1]).body == b'condition'


async def test_a_condition_of_asyncio_is_waited_for(raw):
    condition = asyncio.Condition()
    raw['/'] << condition << b'x'
    task = asyncio.create_task(ask(raw, '/'))
    await settle()
    async with condition:
        condition.notify_all()
    assert (await task).body == b'x'


async def test_the_failure_of_what_is_awaited_is_an_error_of_the_request(raw):
    async def fail():
        raise ZeroDivisionError

    raw['/'] << fail()
    assert [(await ask(raw, '/')).status for _ in range(2)] == [500, 500]


async def test_a_body_that_is_left_early_is_closed(raw):
    raw['/'] << (b'a', b'b')
    body = (await raw.handle(make('/'))).body
    assert await anext(body) == b'a'
    await body.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(body)


@pytest.mark.parametrize('way', ['function', 'lambda', 'step'])
async def test_a_generator_of_one_request_is_closed_when_its_client_leaves(raw, way):
    closed = []

    async def generate():
        try:
            yield b'a'
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    raw['/'] << {'function': generate, 'lambda': lambda: generate(), 'step': (lambda: generate(),)}[way]
    before = asyncio.all_tasks()
    body = (await raw.handle(make('/'))).body
    assert await anext(body) == b'a'
    leaving = asyncio.create_task(anext(body))
    await settle()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert closed == []
    await body.aclose()
    assert closed == [True]
    assert asyncio.all_tasks() == before


async def test_a_generator_of_one_request_is_closed_when_its_client_leaves_before_it_gives_anything(raw):
    closed = []

    async def generate():
        try:
            await asyncio.Event().wait()
            yield b'a'
        finally:
            closed.append(True)

    raw['/'] << generate
    leaving = asyncio.create_task(raw.handle(make('/')))
    await settle()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert closed == [True]


async def test_the_order_of_the_items_of_a_long_stream_is_kept(raw):
    raw['/'] << tuple({'n': n} for n in range(1000))
    reply = await ask(raw, '/')
    assert [json.loads(piece)['n'] for piece in reply.pieces] == list(range(1000))


async def test_an_interrupted_body_says_so_in_the_words_of_the_error(raw):
    raw['/'] << (b'a', ZeroDivisionError('by zero'))
    body = (await raw.handle(make('/'))).body
    await anext(body)
    with pytest.raises(BodyInterrupted, match='ZeroDivisionError: by zero'):
        await anext(body)


async def test_only_the_wait_of_an_event_gives_nothing(raw):
    event = threading.Event()
    event.set()
    raw['/'] << (b'a', event.wait, event.is_set, b'z')
    assert (await ask(raw, '/')).pieces == [b'a', b'true\n', b'z']


async def test_a_stream_that_begins_with_nothing_but_its_head_is_of_raw_bytes(raw):
    raw['/'] << (b'', b'x')
    assert (await ask(raw, '/')).answer.header('Content-Type') == 'application/octet-stream'


@pytest.mark.parametrize('endless', ['repeat', 'recursion'])
async def test_what_never_gives_anything_to_send_does_not_stop_others(raw, endless):
    def again():
        return again

    raw['/endless'] << (again if endless == 'recursion' else itertools.repeat(None))
    raw['/'] << b'x'
    hanging = asyncio.create_task(ask(raw, '/endless'))
    await asyncio.sleep(0)
    assert (await ask(raw, '/')).body == b'x'
    assert not hanging.done()
    hanging.cancel()
    await asyncio.wait([hanging])
    assert hanging.cancelled()


@pytest.mark.parametrize('endless', [lambda: itertools.repeat(b'x'), lambda: range(10**9)])
async def test_a_synchronous_stream_gives_others_their_turns(raw, endless):
    turns = 0

    async def neighbour():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    raw['/'] << endless()
    body = (await raw.handle(make('/'))).body
    task = asyncio.create_task(neighbour())
    for _ in range(100):
        await anext(body)
    assert turns >= 12
    await body.aclose()
    task.cancel()
    await asyncio.wait([task])


async def test_a_callable_that_exits_ends_its_request_only(raw):
    raw['/'] << (lambda: sys.exit(3))
    assert b'raised SystemExit(3)' in (await ask(raw, '/')).body
