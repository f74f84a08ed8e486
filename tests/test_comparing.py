"""The comparison of cassettes finds each kind of difference, and overlooks what may differ."""

import dataclasses
from collections.abc import Callable, Sequence

import pytest
from comparing import compare_cassettes

from kmock.messages import Outcome
from kmock.recording.cassette import Cassette, ChunkFrame, EndFrame, Frame, Header, RequestFrame, ResponseFrame


def exchange(number: int, start: int = 0, headers: Sequence[tuple[str, str]] = ()) -> list[Frame]:
    return [
        RequestFrame(id=number, at_us=start, method='GET', target=f'/{number}', headers=(('Accept', 'a/b'),)),
        ResponseFrame(id=number, at_us=start + 1, status=200, reason='OK', headers=(('ETag', 'x'), *headers)),
        ChunkFrame(id=number, at_us=start + 2, data=b'one'),
        ChunkFrame(id=number, at_us=start + 3, data=b'two'),
        EndFrame(id=number, at_us=start + 4, outcome=Outcome.COMPLETE),
    ]


def cassette(*frames: Sequence[Frame]) -> Cassette:
    return Cassette.from_frames(Header(created=''), [frame for some in frames for frame in some])


def changed(position: int, **changes: object) -> Callable[[list[Frame]], list[Frame]]:
    def change(frames: list[Frame]) -> list[Frame]:
        return [dataclasses.replace(f, **changes) if i == position else f for i, f in enumerate(frames)]

    return change


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (changed(0, headers=(('Accept', 'c/d'),)), 'request headers: - Accept: a/b; + Accept: c/d'),
        (changed(0, body=b'x'), '1 times, but never expected'),
        (changed(0, target='/2'), '0 times instead of 1'),
        (changed(1, status=201), 'status 201 instead of 200'),
        (changed(1, reason='Fine'), "reason 'Fine' instead of 'OK'"),
        (changed(1, headers=()), 'response headers: - ETag: x'),
        (changed(2, data=b'onE'), "body of 6 bytes instead of 6, they part at 2: b'Etwo' instead of b'etwo'"),
        (changed(3, data=b'tw'), 'body of 5 bytes instead of 6, they part at 5'),
        (changed(2, partial=True), 'chunk borders: lacks [3], has [] besides 1 others'),
        (changed(4, outcome=Outcome.RESET), 'ended reset instead of complete'),
        (lambda frames: [frames[0], frames[4]], 'response None instead of ResponseFrame'),
    ],
)
def test_each_difference_is_told(change: Callable[[list[Frame]], list[Frame]], words: str) -> None:
    differences = compare_cassettes(cassette(exchange(1)), cassette(change(exchange(1))))
    assert any(words in line for line in differences), differences


@pytest.mark.parametrize(
    'change',
    [
        changed(0, headers=(('Accept', 'a/b'), ('Host', 'there'), ('Authorization', 'secret'))),
        changed(0, at_us=2),
        changed(4, error='some text'),
    ],
)
def test_what_may_differ_is_overlooked(change: Callable[[list[Frame]], list[Frame]]) -> None:
    assert compare_cassettes(cassette(exchange(1)), cassette(change(exchange(1)))) == []


def test_pieces_of_one_chunk_are_joined() -> None:
    joined = [*exchange(1)[:2], ChunkFrame(id=1, at_us=2, data=b'onetwo'), exchange(1)[4]]
    pieces = changed(2, partial=True)(exchange(1))
    assert compare_cassettes(cassette(joined), cassette(pieces)) == []


def test_borders_of_a_body_with_a_length_do_not_count() -> None:
    length = [('Content-Length', '6')]
    joined = [*exchange(1, 0, length)[:2], ChunkFrame(id=1, at_us=2, data=b'onetwo'), exchange(1)[4]]
    assert compare_cassettes(cassette(joined), cassette(exchange(1, 0, length))) == []


def test_borders_inside_a_large_chunk_do_not_count_but_its_end_does() -> None:
    large = b'x' * 10_000
    first, second = ChunkFrame(id=1, at_us=2, data=large, partial=True), ChunkFrame(id=1, at_us=3, data=large)
    head, end = exchange(1)[:2], exchange(1)[4]
    whole = cassette([*head, first, second, second, end])
    split = cassette([*head, dataclasses.replace(first, partial=False), second, second, end])
    joined = cassette([*head, first, dataclasses.replace(second, partial=True), second, end])
    assert compare_cassettes(whole, split) == []
    assert compare_cassettes(whole, joined) == ['#1 GET /1: chunk borders: lacks [20000], has [] besides 1 others']


def test_the_border_of_a_chunk_that_broke_off_does_not_count() -> None:
    broken = changed(3, partial=True)(exchange(1))
    assert compare_cassettes(cassette(broken), cassette(exchange(1))) == []
    assert compare_cassettes(cassette(exchange(1)), cassette(broken)) != []


def test_the_order_counts_where_exchanges_did_not_overlap() -> None:
    one_after_other = cassette(exchange(1, 0), exchange(2, 100))
    turned = cassette(exchange(2, 0), exchange(1, 100))
    parallel = cassette(exchange(1, 0), exchange(2, 2))
    assert compare_cassettes(one_after_other, turned) == ['#1 GET /1: came after #2 GET /2, not before it']
    assert compare_cassettes(parallel, turned) == []


def test_an_exchange_recorded_as_304_is_exempt() -> None:
    unchanged = [changed(1, status=304)(exchange(1))[i] for i in (0, 1, 4)]
    assert compare_cassettes(cassette(unchanged), cassette(exchange(1))) == []
