"""Views over several handlers: one order of arrival, one count for slices, and payloads for all of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from asking import ask, make

from kmock import KMockError, RawHandler


@pytest.fixture
async def other() -> AsyncIterator[RawHandler]:
    async with RawHandler() as handler:
        yield handler


@pytest.fixture
async def asked(raw: RawHandler, other: RawHandler) -> None:
    """Seven requests, in turn."""
    for handler in (raw, other):
        handler << b'x'
    for line, handler in {
        'get /1': raw,
        'get /2': other,
        'post /3': raw,
        'post /4': other,
        'get /5': other,
        'get /6': raw,
        'get /7': other,
    }.items():
        await ask(handler, line)


def paths(view):
    return [request.path.strip('/') for request in view]


@pytest.mark.usefixtures('asked')
async def test_requests_are_in_order_of_arrival_over_all_handlers(raw, other):
    assert paths(raw | other) == ['1', '2', '3', '4', '5', '6', '7']
    assert paths(other | raw) == paths(raw | other)
    assert paths(raw['get'] | other['post']) == ['1', '4', '6']
    assert paths((raw | other)['get']) == ['1', '2', '5', '6', '7']
    assert paths((raw | other) - other['get']) == ['1', '3', '4', '6']
    assert paths(raw - other) == ['1', '3', '6']
    assert paths(raw & other) == []
    assert paths((raw | other) & (raw['get'] | other['post'])) == ['1', '4', '6']
    assert paths(~(raw['get'] | other['post'])) == ['2', '3', '5', '7']


@pytest.mark.usefixtures('asked')
async def test_indexes_and_membership_go_over_all_handlers(raw, other):
    both = raw | other
    assert (both[0], both[-1], len(both)) == (raw[0], other[-1], 7)
    assert raw[1] in both
    assert raw[1] not in both['get']
    with pytest.raises(IndexError, match='has seen 7 requests'):
        both[7]


@pytest.mark.usefixtures('asked')
async def test_slices_count_over_all_handlers_what_came_and_what_comes(raw, other):
    both = raw | other
    first, later, odd, last, reverse = both[:3], both[6:], both[::2], both[-2:], both[::-1]
    await ask(raw, 'get /8')
    await ask(other, 'get /9')
    assert paths(first) == ['1', '2', '3']
    assert paths(later) == ['7', '8', '9']
    assert paths(odd) == ['1', '3', '5', '7', '9']
    assert paths(last) == ['8', '9']
    assert paths(reverse) == ['9', '8', '7', '6', '5', '4', '3', '2', '1']
    assert paths(first['get']) == ['1', '2']
    assert paths(odd[1:]['get']) == ['5', '7', '9']


async def test_payloads_are_written_to_all_handlers_and_served_requests_are_seen_together(raw, other):
    for handler in (raw, other):
        handler.fallback << 404
    reaction = (raw['/a'] | other['/b']) << 201 << iter([b'1', b'2'])
    late = (raw | other)[2:3] << b'third'
    assert (await ask(raw, '/a')).status == 201
    assert (await ask(other, '/a')).status == 404
    assert (await ask(other, '/c')).body == b'third'
    assert (await ask(raw, '/c')).status == 404
    assert (await ask(other, '/b')).status == 201
    assert (paths(reaction), paths(late)) == (['a', 'b'], ['c'])


async def test_an_iterator_is_depleted_by_all_handlers_together(raw, other):
    async def generate():
        for each in (b'1', b'2'):
            yield each

    (raw | other) << generate()
    (raw | other).fallback << b'fallback'
    one, two = await raw.handle(make('/')), await other.handle(make('/'))
    assert [await anext(one.body), await anext(two.body)] == [b'1', b'2']


async def test_priorities_sinks_and_live_streams_reach_all_handlers(raw, other):
    both, seen = raw | other, []
    both << b'low'
    both.override << (b'a', ..., b'z')
    both.override >> seen
    (both**5) << b'never'
    waiting = [asyncio.create_task(ask(handler, '/')) for handler in (raw, other)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(both[...]) == 2
    both[...] << b'fed'
    assert [(await each).body for each in waiting] == [b'afedz'] * 2
    assert seen == []


async def test_a_stream_can_be_fed_only_if_all_handlers_run(raw):
    with pytest.raises(KMockError, match='is not running'):
        (raw | RawHandler())[...] << b'x'


async def test_views_over_handlers_are_shown_as_they_were_written(raw, other):
    both = raw['get'] | other['post']
    assert repr(both) == "(kmock['get'] | kmock['post'])"
    assert repr(both[:3]['/a']) == "(kmock['get'] | kmock['post'])[:3]['/a']"
    assert repr(both**2 << 404) == "((kmock['get'] | kmock['post']) ** 2) << 404"
