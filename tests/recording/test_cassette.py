"""Cassettes gather frames into exchanges, in memory as well as from a file."""

from itertools import chain

import pytest

from kmock.messages import Outcome
from kmock.recording.cassette import (
    BodyFrame,
    Cassette,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    NoteFrame,
    Problems,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)

HEADER = Header(created='2026-01-02T03:04:05Z')


def request(id: int = 1, at_us: int = 0, **options: object) -> RequestFrame:
    return RequestFrame(id=id, at_us=at_us, method='GET', target=f'/{id}', **options)  # type: ignore[arg-type]


def response(id: int = 1, at_us: int = 1) -> ResponseFrame:
    return ResponseFrame(id=id, at_us=at_us, status=200, reason='OK')


def chunk(id: int = 1, at_us: int = 2, data: bytes = b'abc') -> ChunkFrame:
    return ChunkFrame(id=id, at_us=at_us, data=data)


def end(id: int = 1, at_us: int = 3) -> EndFrame:
    return EndFrame(id=id, at_us=at_us, outcome=Outcome.COMPLETE)


def test_interleaved_frames_are_gathered_by_their_ids() -> None:
    frames: list[Frame] = [
        request(7, 0),
        request(3, 1),
        response(3, 2),
        response(7, 3),
        chunk(7, 4, b'a'),
        chunk(3, 5, b'b'),
        chunk(7, 6, b'c'),
        end(7, 7),
    ]
    cassette = Cassette.from_frames(HEADER, frames)
    first, second = cassette.exchanges
    assert (first.id, second.id) == (7, 3)
    assert first.body() == b'ac'
    assert list(second.chunks()) == [chunk(3, 5, b'b')]
    assert (first.chunk_count, first.body_size) == (2, 2)
    assert first.end == end(7, 7)
    assert first.response == response(7, 3)
    assert list(cassette.frames()) == frames
    assert cassette.problems == []
    assert cassette.duration_us == 7


def test_an_exchange_without_an_end_is_unfinished() -> None:
    exchange = Cassette.from_frames(HEADER, [request()]).exchanges[0]
    assert exchange.end is None
    assert exchange.response is None
    assert exchange.outcome is Outcome.UNFINISHED
    assert exchange.body() == b''


def test_exchanges_are_in_the_order_of_arrival_and_can_be_sliced() -> None:
    exchanges = Cassette.from_frames(HEADER, [request(number) for number in (5, 4, 6)]).exchanges
    assert len(exchanges) == 3
    assert [exchange.id for exchange in exchanges[1:]] == [4, 6]
    assert exchanges[-1].id == 6
    with pytest.raises(IndexError):
        exchanges[3]


def test_two_handles_on_one_exchange_are_equal_but_not_across_cassettes() -> None:
    one = Cassette.from_frames(HEADER, [request(1), request(2)])
    other = Cassette.from_frames(HEADER, [request(1)])
    assert one.exchanges[0] == one.exchanges[0]
    assert hash(one.exchanges[0]) == hash(one.exchanges[0])
    assert one.exchanges[0] != one.exchanges[1]
    assert one.exchanges[0] != other.exchanges[0]


def test_a_limited_body_stops_reading_when_it_has_enough() -> None:
    cassette = Cassette.from_frames(HEADER, [request(), response(), *(chunk(data=b'1234') for _ in range(5))])
    assert cassette.exchanges[0].body(limit=6) == b'123412'
    assert cassette.exchanges[0].body(limit=0) == b''


def test_a_streamed_request_body_is_joined_and_knows_whether_it_is_complete() -> None:
    pieces = [BodyFrame(id=1, at_us=1, data=b'a'), BodyFrame(id=1, at_us=2, data=b'b', last=True)]
    whole = Cassette.from_frames(HEADER, [request(streamed=True), *pieces]).exchanges[0]
    part = Cassette.from_frames(HEADER, [request(streamed=True), pieces[0]]).exchanges[0]
    assert (whole.request_body(), whole.request_body_complete) == (b'ab', True)
    assert (part.request_body(), part.request_body_complete) == (b'a', False)


def test_no_body_and_an_empty_body_differ() -> None:
    exchanges = Cassette.from_frames(HEADER, [request(1), request(2, body=b'')]).exchanges
    assert [exchange.request_body() for exchange in exchanges] == [None, b'']


def test_tunnel_frames_keep_their_direction() -> None:
    there = TunnelFrame(id=1, at_us=2, data=b'in', from_client=True)
    back = TunnelFrame(id=1, at_us=3, data=b'out', from_client=False)
    cassette = Cassette.from_frames(HEADER, [request(), response(), there, back])
    assert list(cassette.exchanges[0].tunnel()) == [there, back]


@pytest.mark.parametrize(
    ('frames', 'problem'),
    [
        ([chunk()], 'a chunk of exchange 1, which has no request'),
        ([request(), chunk()], 'a chunk of exchange 1 before its response'),
        ([request(), response(), end(), chunk()], 'a chunk of exchange 1, which has ended before'),
        ([request(), request()], 'a second request with the id 1'),
        ([response()], 'a response of exchange 1, which has no request'),
        ([request(), response(), response()], 'a second response in exchange 1'),
        ([request(), end(), end()], 'an end of exchange 1, which has ended before'),
        ([request(), BodyFrame(id=1, at_us=1, data=b'')], 'a piece of a request body in exchange 1, which awaits none'),
        ([TunnelFrame(id=1, at_us=0, data=b'', from_client=True)], 'a tunnel frame of exchange 1, which has no req'),
    ],
)
def test_frames_that_make_no_sense_are_left_out_and_listed(frames: list[Frame], problem: str) -> None:
    cassette = Cassette.from_frames(HEADER, frames)
    assert len(cassette.problems) == 1
    assert problem in cassette.problems[0]
    assert list(cassette.frames()) == frames[:-1]


def test_notes_change_the_header() -> None:
    changes = {'redacted': ['header Cookie'], 'server': {'major': '1'}}
    note = NoteFrame(at_us=1, text='hello', changes=changes)
    cassette = Cassette.from_frames(HEADER, [note])
    assert cassette.notes == (note,)
    assert cassette.header == Header(created=HEADER.created, redacted=('header Cookie',), server={'major': '1'})


@pytest.mark.parametrize('changes', [{'key': 'x'}, {'redacted': 'x'}, {'redacted': [1]}, {'server': 1}])
def test_a_note_can_change_only_what_is_known_later(changes: dict[str, object]) -> None:
    cassette = Cassette.from_frames(HEADER, [NoteFrame(at_us=1, changes=changes)])
    assert cassette.header == HEADER
    assert len(cassette.problems) == 1


def test_the_list_of_problems_is_bounded() -> None:
    problems = Problems()
    for number in range(1000):
        problems.add(str(number))
    assert problems.lines() == [*map(str, range(100)), 'and 900 more problems of such kinds']


def test_a_cassette_is_a_context_manager_and_may_be_closed_twice() -> None:
    with Cassette.from_frames(HEADER, chain([request()])) as cassette:
        assert repr(cassette) == '<Cassette the cassette: 1 exchanges>'
        assert repr(cassette.exchanges[0]) == '<Exchange 1: GET /1>'
    cassette.close()
