"""Where requests are poured, kind by kind."""

import asyncio
import io
import queue
import threading

import pytest
from asking import ask, make

import kmock
from kmock.rules.sinks import read_sink


async def test_a_rule_with_sinks_alone_passes_the_request_on(raw):
    seen = []
    reaction = raw['get'] >> seen
    raw['/'] << b'x'
    reply = await ask(raw, '/')
    assert reply.body == b'x'
    assert seen == [reply.request] == list(reaction)


async def test_lists_sets_and_dicts_gather_requests(raw):
    a_list, a_set, a_dict = [], set(), {}
    raw['post'] >> a_list >> a_set >> a_dict << 201
    reply = await ask(raw, 'post /', body=b'{"a": 1}')
    assert reply.status == 201
    assert a_list == [reply.request]
    assert a_set == {reply.request}
    assert a_dict == {reply.request: {'a': 1}}


async def test_files_buffers_and_paths_get_the_bodies(raw, tmp_path):
    buffer, text = io.BytesIO(), io.StringIO()
    with (tmp_path / 'open').open('wb') as file:
        raw >> buffer >> text >> tmp_path / 'path' >> file << 200
        for body in (b'one', b'two'):
            await ask(raw, 'post /', body=body)
    assert buffer.getvalue() == b'onetwo'
    assert text.getvalue() == 'onetwo'
    assert (tmp_path / 'path').read_bytes() == b'two'
    assert (tmp_path / 'open').read_bytes() == b'onetwo'


async def test_events_conditions_futures_and_queues_are_told(raw):
    loop = asyncio.get_running_loop()
    event, tevent, condition, tcondition = (
        asyncio.Event(),
        threading.Event(),
        asyncio.Condition(),
        threading.Condition(),
    )
    future, aqueue, tqueue = loop.create_future(), asyncio.Queue(), queue.Queue()
    raw >> event >> tevent >> condition >> tcondition >> future >> aqueue >> tqueue << 200

    async def wait():
        async with condition:
            await condition.wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    first, second = await ask(raw, '/1'), await ask(raw, '/2')
    await waiting
    assert event.is_set()
    assert tevent.is_set()
    assert future.result() is first.request
    assert [aqueue.get_nowait(), aqueue.get_nowait()] == [first.request, second.request]
    assert [tqueue.get_nowait(), tqueue.get_nowait()] == [first.request, second.request]


async def test_generators_are_sent_the_requests_until_they_end(raw):
    seen = []

    def generate():
        seen.append((yield))
        seen.append((yield))

    async def agenerate():
        while True:
            seen.append((yield))

    primed = agenerate()
    await anext(primed)
    raw['/a'] >> generate() << 200
    raw['/b'] >> agenerate() << 200
    raw['/c'] >> primed << 200
    a = [await ask(raw, '/a') for _ in range(3)]
    b, c = await ask(raw, '/b'), await ask(raw, '/c')
    assert seen == [a[0].request, a[1].request, b.request, c.request]
    await primed.aclose()


async def test_callables_are_called_and_their_results_are_sinks(raw):
    seen, nothing = [], []

    async def choose(request):
        return seen

    raw >> choose >> (lambda: seen.append) >> (lambda: nothing.append(1)) >> None << 200
    request = (await ask(raw, '/')).request
    assert seen == [request, request]
    assert nothing == [1]


async def test_sinks_keep_their_order_among_payloads(raw):
    order = []
    raw['/'] >> (lambda: order.append('first')) << (lambda: order.append('second')) >> (lambda: order.append('third'))
    raw['/'] << b'x'
    await ask(raw, '/')
    assert order == ['first', 'second', 'third']


async def test_a_sink_in_a_stream_is_told_when_its_turn_comes(raw):
    seen = []
    raw['/'] << (b'a', b'b') >> seen << b'c'
    body = (await raw.handle(make('/'))).body
    assert [await anext(body), await anext(body), len(seen)] == [b'a', b'b', 0]
    assert [await anext(body), len(seen)] == [b'c', 1]


async def test_a_sink_after_a_single_body_is_told_before_it_is_sent(raw):
    seen = []
    raw['/'] << b'x' >> seen
    reply = await ask(raw, '/')
    assert reply.answer.body == b'x'
    assert seen == [reply.request]


async def test_a_sink_that_fails_is_an_error_of_the_request(raw):
    full = queue.Queue(maxsize=1)
    raw >> full << 200
    assert [(await ask(raw, '/')).status for _ in range(2)] == [200, 500]
    assert isinstance(raw.errors[0], queue.Full)


@pytest.mark.parametrize('written', [5, 'text', b'bytes', object(), (1, 2)])
def test_what_is_no_sink_is_refused_with_its_value(written):
    with pytest.raises(ValueError, match='is no sink'):
        read_sink(written)


def test_a_callable_that_demands_more_is_refused():
    with pytest.raises(ValueError, match='0 or 1 argument'):
        read_sink(lambda one, two: None)


def test_the_public_classes_are_those_of_sinks():
    assert isinstance(read_sink([]), kmock.Sink)
    assert isinstance(read_sink([]), kmock.SinkBox)
    assert read_sink(read_sink([])) is not None


async def test_a_bus_brings_requests_to_all_of_its_readers(raw):
    bus: kmock.Bus[kmock.Request] = kmock.Bus()
    one, two = bus.mark(), bus.mark()
    raw >> bus
    raw << b'x'
    await ask(raw, '/')
    bus.close()
    assert [each async for each in one] == [each async for each in two] == [raw[0]]
