"""Facts about how a cassette is read to a person."""

import json
from typing import Any

import pytest
from taping import tape, taped

from kmock.messages import ChunkPart, Outcome
from kmock.recording.cassette import Cassette, EndFrame, Header, NoteFrame, RequestFrame, ResponseFrame, TunnelFrame
from kmock.recording.frames import BodyFrame
from kmock.recording.printable import display_width
from kmock.recording.report import (
    bar,
    duration_text,
    event_lines,
    exchange_lines,
    is_watch,
    size_text,
    summary_lines,
    text_lines,
    timeline_lines,
)

WATCH = '/api/v1/namespaces/ns/pods?watch=true'
EVIL = '\x1b[2J\x9b31m\u202e'


def event(kind: str, name: str, version: int) -> bytes:
    metadata = {'namespace': 'ns', 'name': name, 'resourceVersion': str(version)}
    return json.dumps({'type': kind, 'object': {'kind': 'Pod', 'metadata': metadata}}).encode() + b'\n'


class TestQuantities:
    @pytest.mark.parametrize(
        ('us', 'text'),
        [
            (0, '0 us'),
            (999, '999 us'),
            (1000, '1.0 ms'),
            (12_340, '12.3 ms'),
            (123_400, '123 ms'),
            (4_250_000, '4.25 s'),
            (42_500_000, '42.5 s'),
            (425_000_000, '425 s'),
        ],
    )
    def test_times_have_three_digits_and_a_unit(self, us: int, text: str) -> None:
        assert duration_text(us) == text

    @pytest.mark.parametrize(
        ('size', 'text'),
        [
            (0, '0 B'),
            (999, '999 B'),
            (1234, '1.2 kB'),
            (12_345, '12 kB'),
            (34_000_000, '34 MB'),
            (999_600, '1.0 MB'),
            (10**19, '10000000 TB'),
        ],
    )
    def test_sizes_have_a_unit(self, size: int, text: str) -> None:
        assert size_text(size) == text

    @pytest.mark.parametrize(
        ('start', 'end', 'drawn'),
        [
            (0, 100, '━━━━━━━━━━'),
            (0, 0, '·         '),
            (100, 100, '         ·'),
            (20, 49, '  ━━━     '),
            (50, 20, '     ·    '),
            (90, 500, '         ·'),
        ],
    )
    def test_a_bar_shows_when_something_lived(self, start: int, end: int, drawn: str) -> None:
        assert bar(start, end, 100, 10) == drawn

    def test_a_bar_in_no_time_at_all_is_a_dot(self) -> None:
        assert bar(0, 0, 0, 4) == '·   '


class TestSummary:
    def test_it_counts_what_there_is(self) -> None:
        cassette = tape(
            taped('GET', WATCH, pieces=[(1, b'abc'), (2, b'de')], end=3),
            taped('POST', '/a', b'{}', at=1, status=201, body=b'{"n":1}'),
            taped('GET', '/b', at=2, status=None, outcome=Outcome.ERROR),
        )
        assert list(summary_lines(cassette)) == [
            'story.kmock',
            '  recorded  2030-01-02T03:04:05Z, 3.00 s long',
            '  requests  3: 2 GET, 1 POST',
            '  streams   1 watch, 0 tunnels',
            '  answers   1 200, 1 201, 1 none; 3 chunks',
            '  bytes     7 B in requests, 7 B in answers',
            '  endings   2 complete, 1 error',
        ]

    def test_it_tells_what_is_known_of_the_server_and_the_recording(self) -> None:
        header = Header(
            created='2030-01-02T03:04:05Z',
            server={'gitVersion': 'v1.36.0', 'major': '1', 'minor': '36'},
            redacted=('header Authorization', 'Secret data'),
            matching={'ignore': ['x']},
        )
        cassette = Cassette.from_frames(header, [NoteFrame(at_us=1_500_000, text='stopped: the disk is full')])
        cassette.problems.append('the tail is torn')
        lines = list(summary_lines(cassette))
        assert '  server    v1.36.0 (1.36)' in lines
        assert '  redacted  header Authorization, Secret data' in lines
        assert '  matching  {"ignore": ["x"]}' in lines
        assert '  note      stopped: the disk is full (at 1.500 s)' in lines
        assert '  problem   the tail is torn' in lines
        assert '  requests  none' in lines

    def test_long_lines_are_wrapped(self) -> None:
        cassette = tape()
        cassette.problems.append('word ' * 40)
        lines = list(summary_lines(cassette, width=60))
        assert max(map(len, lines)) <= 60
        assert ' '.join(lines).count('word') == 40


class TestTimeline:
    def test_each_exchange_has_a_line(self) -> None:
        cassette = tape(
            taped('GET', '/api/v1/pods', b'x' * 1234, at=0.5, end=0.25),
            taped('GET', WATCH, at=1, pieces=[(0.5, b'a'), (1, b'b')], end=3, outcome=Outcome.CLIENT_CLOSED),
            taped('GET', '/c', at=3.9, status=None, end=0.1, outcome=Outcome.ERROR),
        )
        assert list(timeline_lines(cassette, width=100)) == [
            '    at, s     id method target                          st.     took parts   bytes ended',
            '    0.500     #1 GET    /api/v1/pods                    200   250 ms     1  1.2 kB ok      ·',
            '    1.000     #2 GET    /api/v1/namespaces/n…watch=true 200   3.00 s     2     2 B client   ━━━━━━━━',
            '    3.900     #3 GET    /c                                -   100 ms     0     0 B error           ·',
        ]

    @pytest.mark.parametrize('width', [60, 80, 100, 132, 250])
    def test_it_fits_the_terminal(self, width: int) -> None:
        targets = ['/a', '/日本' * 40, WATCH * 20]
        cassette = tape(*(taped('GET', target, at=n, end=9 - n) for n, target in enumerate(targets)))
        lines = list(timeline_lines(cassette, width=width))
        assert max(display_width(line) for line in lines) <= width
        assert len({display_width(line.partition(' 200 ')[0]) for line in lines[1:]}) == 1

    def test_what_never_ended_lives_till_the_end(self) -> None:
        lines = list(timeline_lines(tape(taped('GET', '/a', end=None), taped('GET', '/b', at=9, end=1)), width=100))
        assert 'open' in lines[1]
        assert '10.0 s' in lines[1]


class TestExchange:
    def test_both_heads_bodies_and_times_are_shown(self) -> None:
        each = taped(
            'POST',
            '/a?b=c',
            at=2,
            headers=[('Content-Type', 'application/json')],
            body=b'{"n":1}',
            status=201,
            answer_headers=[('Content-Type', 'application/json'), ('X', 'y')],
            head=0.25,
            pieces=[(0.5, ChunkPart(b'{"n":')), (0.75, b'2}')],
            end=1,
        )
        assert list(exchange_lines(tape(each).exchanges[0])) == [
            '#1 at 2.000000 s: complete after 1.00 s',
            '',
            '> POST /a?b=c',
            '> Content-Type: application/json',
            '>',
            '> {',
            '>   "n": 1',
            '> }',
            '',
            '< 201  +0.250000 s',
            '< Content-Type: application/json',
            '< X: y',
            '<',
            '< +0.500000 s 5 bytes, the chunk goes on',
            '< +0.750000 s 2 bytes',
            '<',
            '< {',
            '<   "n": 2',
            '< }',
            '',
            'complete  +1.000000 s',
        ]

    def test_raw_bodies_are_not_indented(self) -> None:
        lines = list(exchange_lines(tape(taped('GET', '/a', b'{"n":2}')).exchanges[0], raw=True))
        assert '< {"n":2}' in lines

    def test_a_watch_is_shown_event_by_event(self) -> None:
        stream = event('ADDED', 'one', 7) + event('MODIFIED', 'two', 8)
        pieces = [(0.5, stream[:10]), (1, stream[10:150]), (1.5, stream[150:])]
        exchange = tape(taped('GET', WATCH, pieces=pieces, end=2)).exchanges[0]
        assert list(event_lines(exchange)) == [
            '+1.000000 s ADDED    Pod ns/one resourceVersion=7',
            '+1.500000 s MODIFIED Pod ns/two resourceVersion=8',
        ]
        assert '< +1.500000 s MODIFIED Pod ns/two resourceVersion=8' in list(exchange_lines(exchange))
        assert '< +0.500000 s 10 bytes' in list(exchange_lines(exchange, raw=True))

    @pytest.mark.parametrize(
        ('line', 'shown'),
        [
            (b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n', 'ERROR 410 too old'),
            (
                b'{"type":"ADDED","object":{"kind":"Table","rows":[{"object":{"kind":"P","metadata":{"name":"x"}}}]}}\n',
                'ADDED    P x resourceVersion=None',
            ),
            (b'{"type":"ADDED","object":null}\n', '{"type":"ADDED","object":null}'),
            (b'no json\n', 'no json'),
            (b'[1]\n', '[1]'),
            (b'torn', 'an unfinished event of 4 bytes: torn'),
            (b'[' * 5000 + b'\n', '[' * 99 + '…'),
        ],
    )
    def test_odd_events_are_shown_as_well_as_can_be(self, line: bytes, shown: str) -> None:
        exchange = tape(taped('GET', WATCH, line)).exchanges[0]
        assert list(event_lines(exchange)) == [f'+0.001000 s {shown}']

    def test_protobuf_is_shown_in_base64(self) -> None:
        headers = [('Content-Type', 'application/vnd.kubernetes.protobuf')]
        lines = list(exchange_lines(tape(taped('GET', '/a', b'k8s\0\x01', answer_headers=headers)).exchanges[0]))
        assert '< 5 B of application/vnd.kubernetes.protobuf, in base64:' in lines
        assert '< azhzAAE=' in lines

    def test_large_bodies_are_cut_and_said_so(self) -> None:
        exchange = tape(taped('POST', '/a', b'y' * 100, body=b'x' * 100)).exchanges[0]
        lines = list(exchange_lines(exchange, limit=10))
        assert '> ' + 'x' * 10 in lines
        assert '< ' + 'y' * 10 in lines
        assert '> … 10 of 100 bytes are shown' in lines
        assert '< … 10 of 100 bytes are shown' in lines

    def test_streamed_request_bodies_are_shown(self) -> None:
        frames = [
            RequestFrame(id=1, at_us=0, method='PUT', target='/a', streamed=True),
            BodyFrame(id=1, at_us=1, data=b'{"a"'),
            BodyFrame(id=1, at_us=2, data=b':1}', last=True),
        ]
        cassette = Cassette.from_frames(Header(created=''), frames)
        assert '>   "a": 1' in list(exchange_lines(cassette.exchanges[0]))
        assert '  bytes     7 B in requests, 0 B in answers' in list(summary_lines(cassette))

    def test_tunnels_are_shown_with_their_directions(self) -> None:
        frames = [
            RequestFrame(id=1, at_us=0, method='POST', target='/exec'),
            ResponseFrame(id=1, at_us=10, status=101),
            TunnelFrame(id=1, at_us=20, data=b'ls\n', from_client=True),
            TunnelFrame(id=1, at_us=30, data=b'\x1b[0m', from_client=False),
            TunnelFrame(id=1, at_us=40, data=b'', from_client=False),
            EndFrame(id=1, at_us=50, outcome=Outcome.COMPLETE),
        ]
        cassette = Cassette.from_frames(Header(created=''), frames)
        assert list(exchange_lines(cassette.exchanges[0]))[-5:] == [
            "> +0.000020 s 3 bytes 'ls\\n'",
            "< +0.000030 s 4 bytes '\\x1b[0m'",
            '< +0.000040 s 0 bytes the end of this direction',
            '',
            'complete  +0.000050 s',
        ]
        assert '  streams   0 watches, 1 tunnel' in list(summary_lines(cassette))

    def test_what_failed_says_why(self) -> None:
        each = taped('GET', '/a', status=None, end=1, outcome=Outcome.ERROR, error='refused')
        assert list(exchange_lines(tape(each).exchanges[0]))[-1] == 'error: refused  +1.000000 s'


class TestText:
    def test_it_says_what_was_asked_and_answered_but_not_when(self) -> None:
        cassette = tape(
            taped('PATCH', '/a', b'{"n":2}', body=b'{"n":1}', status=409),
            taped('GET', WATCH, pieces=[(0.1, b'{"a"'), (0.2, b':1}\n{"b":2}')], outcome=Outcome.SERVER_CLOSED),
        )
        lines = list(text_lines(cassette))
        assert lines == [
            'created: 2030-01-02T03:04:05Z',
            'server: null',
            '',
            'PATCH /a',
            '> Content-Type: application/json',
            '>   {',
            '>     "n": 1',
            '>   }',
            '409',
            '<   {',
            '<     "n": 2',
            '<   }',
            'complete',
            '',
            f'GET {WATCH}',
            '200',
            '<   {"a":1}',
            '<   {"b":2}',
            'server-closed',
        ]

    def test_it_does_not_depend_on_how_a_stream_was_cut_nor_on_times(self) -> None:
        one = tape(taped('GET', WATCH, pieces=[(0.1, b'one\ntwo\n')]))
        other = tape(taped('GET', WATCH, at=5, pieces=[(0.1, b'on'), (0.7, b'e\ntwo'), (0.8, b'\n')]))
        assert list(text_lines(one)) == list(text_lines(other))

    def test_endless_lines_are_passed_on_in_parts(self) -> None:
        cassette = tape(taped('GET', WATCH, pieces=[(n, b'x' * 60_000) for n in range(1, 6)], end=9))
        assert max(len(line) for line in text_lines(cassette)) < 200_000


def hostile() -> Cassette:
    """Control characters wherever a recording has room for them."""
    name = EVIL.encode()
    headers = [(f'X{EVIL}', EVIL), ('Content-Type', f'text/plain{EVIL}')]
    frames: list[Any] = []
    cassette = tape(
        taped(f'GET{EVIL}', f'/{EVIL}', name, headers=headers, body=name, answer_headers=headers, error=EVIL),
        taped('GET', WATCH, b'{"type":"' + name + b'","object":{"kind":"' + name + b'"}}\n' + name),
        taped('GET', '/z', json.dumps({EVIL: [EVIL]}).encode(), body=json.dumps({EVIL: EVIL}).encode()),
        taped('GET', '/b', b'\0' + name, answer_headers=headers),
        name=f'{EVIL}.kmock',
    )
    frames += cassette.frames()
    frames.append(NoteFrame(at_us=10, text=EVIL, changes={'redacted': [EVIL], 'server': {'gitVersion': EVIL}}))
    frames.append(TunnelFrame(id=9, at_us=9, data=name, from_client=True))
    frames.insert(0, RequestFrame(id=9, at_us=0, method='X', target='/'))
    return Cassette.from_frames(Header(created=EVIL), frames, name=f'{EVIL}.kmock')


def test_recorded_control_characters_never_reach_the_terminal() -> None:
    cassette = hostile()
    cassette.problems.append(EVIL)
    assert len(cassette.exchanges) == 5
    lines = [*summary_lines(cassette), *timeline_lines(cassette), *text_lines(cassette)]
    for exchange in cassette.exchanges:
        lines += [*exchange_lines(exchange), *exchange_lines(exchange, raw=True)]
    assert len(lines) > 100
    assert [line for line in lines if not line.isprintable()] == []


@pytest.mark.parametrize(
    ('target', 'watching'),
    [
        (WATCH, True),
        ('/api/v1/pods?watch=0', False),
        ('/api/v1/pods?x=watch', False),
        ('/apis/apps/v1/watch/deployments', True),
        ('/other?watch=true', False),
    ],
)
def test_watches_are_recognised(target: str, watching: bool) -> None:
    assert is_watch(tape(taped('GET', target)).exchanges[0]) is watching
