"""Facts about two cassettes side by side."""

from taping import tape, taped

from kmock.messages import Outcome
from kmock.recording.comparison import compare, figures_lines, side_by_side
from kmock.recording.printable import display_width

WATCH = '/api/v1/pods?watch=true'


def test_equal_recordings_agree_though_they_began_at_other_times() -> None:
    one = tape(taped('GET', '/a', b'x', at=1), taped('GET', WATCH, at=2, pieces=[(1, b'a'), (2, b'b')], end=3))
    two = tape(taped('GET', '/a', b'x', at=5), taped('GET', WATCH, at=9, pieces=[(1, b'a'), (2, b'b')], end=3))
    result = compare(one, two)
    assert result.agrees
    assert (result.paired, result.agreeing) == (2, 2)
    assert list(result.moments) == [0] * 7


def test_requests_are_paired_by_what_they_ask_whatever_their_order() -> None:
    one = tape(taped('GET', '/a?timeoutSeconds=1', b'1'), taped('GET', '/b', b'2'), taped('GET', '/a', b'3'))
    two = tape(taped('GET', '/b', b'2'), taped('GET', '/a', b'1'), taped('GET', '/a?timeoutSeconds=5', b'3'))
    result = compare(one, two)
    assert [(pair.first, pair.second, pair.differs) for pair in result.pairs] == [(0, 1, ()), (1, 0, ()), (2, 2, ())]


def test_missing_and_added_requests_are_found() -> None:
    result = compare(tape(taped('GET', '/a'), taped('GET', '/b')), tape(taped('GET', '/c'), taped('GET', '/b')))
    assert [(pair.first, pair.second) for pair in result.pairs] == [(0, None), (1, 1), (None, 0)]
    assert not result.agrees
    assert '1 only in the first, 1 only in the second' in list(figures_lines(result))


def test_differences_are_named() -> None:
    one = tape(*(taped('GET', f'/{n}', b'x') for n in range(4)))
    two = tape(
        taped('GET', '/0', b'x', status=500),
        taped('GET', '/1', b'y'),
        taped('GET', '/2', b'x', outcome=Outcome.RESET),
        taped('GET', '/3', b'x'),
    )
    result = compare(one, two)
    assert [pair.differs for pair in result.pairs] == [('status',), ('bytes',), ('ending',), ()]
    assert (result.paired, result.agreeing) == (4, 1)


def test_times_are_compared_where_chunks_end_at_the_same_place() -> None:
    one = tape(taped('GET', WATCH, head=0.1, pieces=[(1, b'ab'), (2, b'cd'), (3, b'ef')], end=4))
    two = tape(taped('GET', WATCH, head=0.1, pieces=[(1.5, b'abc'), (2.25, b'd'), (3.001, b'ef')], end=4))
    assert list(compare(one, two).moments) == [0, 0, 1000, 250_000]


def test_when_a_client_left_is_no_matter_of_time() -> None:
    one, two = (tape(taped('GET', WATCH, end=end, outcome=Outcome.CLIENT_CLOSED)) for end in (1, 9))
    assert list(compare(one, two).moments) == [0]


def test_percentiles_are_those_of_the_sorted_moments() -> None:
    one = tape(taped('GET', WATCH, head=0, pieces=[(n, b'x') for n in range(1, 100)], end=100))
    two = tape(taped('GET', WATCH, head=0, pieces=[(n + n / 1000, b'x') for n in range(1, 100)], end=100))
    result = compare(one, two)
    assert len(result.moments) == 101
    assert (result.percentile_us(50), result.percentile_us(99), result.percentile_us(100)) == (49_000, 98_000, 99_000)
    assert list(figures_lines(result))[-1] == (
        'difference in time over 101 moments: median 49.0 ms, p99 98.0 ms, max 99.0 ms'
    )


def test_nothing_recorded_is_nothing_to_compare() -> None:
    result = compare(tape(), tape())
    assert result.agrees
    assert result.percentile_us(99) == 0


def test_both_timelines_stand_beside_each_other_within_the_width() -> None:
    one = tape(taped('GET', '/a', b'x', at=1, end=0.5), taped('GET', '/only/here', at=2))
    two = tape(taped('GET', '/a', b'y', at=1, end=0.75), taped('GET', '/b\x1b', at=4, status=None))
    lines = list(side_by_side(one, two, titles=('cluster', 'replay'), width=120))
    assert 'cluster' in lines[0]
    assert 'replay' in lines[0]
    assert [line.rpartition(' ')[2] for line in lines[1:4]] == ['bytes', 'missing', 'missing']
    assert lines[1].count('1.000') == 2
    assert '500 ms' in lines[1]
    assert '750 ms' in lines[1]
    assert '/b\\x1b' in lines[3]
    assert max(display_width(line) for line in lines) <= 120
    assert '0 of 3 requests agree in status, bytes and ending' in lines


def test_long_stories_are_cut_but_counted() -> None:
    cassette = tape(*(taped('GET', f'/{n}') for n in range(50)))
    lines = list(side_by_side(cassette, cassette, limit=5))
    assert len(lines) == 10
    assert '… and 45 more requests' in lines
    assert '50 of 50 requests agree in status, bytes and ending' in lines
