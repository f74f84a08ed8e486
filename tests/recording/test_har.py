"""HAR: viewers get what the standard knows, the way back gets everything, and HARs of browsers are understood."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from generated_frames import any_header, recordings
from hypothesis import given, settings

from kmock.errors import CassetteError
from kmock.messages import Outcome
from kmock.recording.cassette import (
    BodyFrame,
    Cassette,
    ChunkFrame,
    EndFrame,
    Exchange,
    Frame,
    Header,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.foreign import har_export
from kmock.recording.interchange import open_cassette, read_har, write_har, write_jsonl

SHIPPED = Path(__file__).parents[2] / 'cassettes'
HEADER = Header(created='2026-01-02T03:04:05Z')
REQUEST = RequestFrame(
    id=1,
    at_us=1_500_000,
    method='POST',
    target='/api/v1/pods?watch=true&x=%2F',
    headers=(('Host', 'example.com:6443'), ('Content-Type', 'application/json')),
    body=b'{}',
)
RESPONSE = ResponseFrame(
    id=1, at_us=1_600_000, status=200, reason='OK', headers=(('Content-Type', 'application/json'),)
)
CHUNKS = [
    ChunkFrame(id=1, at_us=1_700_000, data=b'{"a":', partial=True),
    ChunkFrame(id=1, at_us=1_700_001, data=b'1}\n'),
    ChunkFrame(id=1, at_us=1_900_000, data=b'\xff'),
]
END = EndFrame(id=1, at_us=2_500_000, outcome=Outcome.CLIENT_CLOSED, error='gone')


def exported(cassette: Cassette) -> bytes:
    file = io.BytesIO()
    write_har(cassette, file)
    return file.getvalue()


def entries(*frames: Frame) -> list[dict[str, Any]]:
    log = json.loads(exported(Cassette.from_frames(HEADER, frames)))['log']
    assert log['version'] == '1.2'
    result: list[dict[str, Any]] = log['entries']
    return result


def again(folder: Path, cassette: Cassette) -> Cassette:
    path = folder / 'x.har'
    path.write_bytes(exported(cassette))
    return read_har(path)


def told(exchange: Exchange) -> list[object]:
    """All that an exchange knows."""
    pieces = [list(exchange.request_pieces()), list(exchange.chunks()), list(exchange.tunnel())]
    return [exchange.request, exchange.response, *pieces, exchange.end]


# --- the way out


def test_an_entry_has_what_the_standard_knows() -> None:
    (entry,) = entries(REQUEST, RESPONSE, *CHUNKS[:2], END)
    assert entry['startedDateTime'] == '2026-01-02T03:04:06.500000Z'
    assert entry['time'] == 1000
    assert entry['timings'] == {'send': 0, 'wait': 100, 'receive': 900}
    request = entry['request']
    assert request['method'] == 'POST'
    assert request['url'] == 'http://example.com:6443/api/v1/pods?watch=true&x=%2F'
    assert request['queryString'] == [{'name': 'watch', 'value': 'true'}, {'name': 'x', 'value': '/'}]
    assert request['headers'][0] == {'name': 'Host', 'value': 'example.com:6443'}
    assert request['postData'] == {'mimeType': 'application/json', 'text': '{}'}
    assert request['bodySize'] == 2
    response = entry['response']
    assert (response['status'], response['statusText']) == (200, 'OK')
    assert response['content'] == {'size': 8, 'mimeType': 'application/json', 'text': '{"a":1}\n'}
    for key in ('httpVersion', 'cookies', 'headers', 'redirectURL', 'headersSize', 'bodySize'):
        assert key in response


def test_an_entry_has_the_chunks_and_the_ending_under_keys_of_its_own() -> None:
    (entry,) = entries(REQUEST, RESPONSE, *CHUNKS, END)
    assert entry['_outcome'] == 'client-closed'
    assert entry['_error'] == 'gone'
    assert entry['_chunks'] == [
        {'offset': 0.2, 'data': '{"a":', 'partial': True},
        {'offset': 0.200001, 'data': '1}\n'},
        {'offset': 0.4, 'base64': '/w=='},
    ]
    assert entry['response']['content']['encoding'] == 'base64'


def test_a_body_of_one_chunk_stands_in_the_content_alone() -> None:
    (entry,) = entries(REQUEST, RESPONSE, CHUNKS[1], END)
    assert entry['_chunks'] == [{'offset': 0.200001}]


def test_a_request_without_a_response_has_the_status_0() -> None:
    (entry,) = entries(REQUEST, EndFrame(id=1, at_us=1_700_000, outcome=Outcome.ERROR, error='refused'))
    assert entry['response']['status'] == 0
    assert entry['time'] == 200


def test_times_of_odd_recordings_are_never_negative() -> None:
    early = ResponseFrame(id=1, at_us=0, status=200)
    (entry,) = entries(REQUEST, early, EndFrame(id=1, at_us=1, outcome=Outcome.COMPLETE))
    assert entry['timings'] == {'send': 0, 'wait': 0, 'receive': 0}


def test_a_long_body_stands_in_the_chunks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har_export, 'MAX_BODY', 100)
    request = RequestFrame(id=1, at_us=0, method='POST', target='/', body=b'a' * 250)
    chunk = ChunkFrame(id=1, at_us=5, data=b'b' * 250)
    cassette = Cassette.from_frames(HEADER, [request, ResponseFrame(id=1, at_us=2, status=200), chunk])
    entry = json.loads(exported(cassette))['log']['entries'][0]
    assert 'text' not in entry['response']['content']
    assert 'postData' not in entry['request']
    with again(tmp_path, cassette) as copy:
        assert copy.exchanges[0].request_body() == b'a' * 250
        assert copy.exchanges[0].body() == b'b' * 250
        assert [each.partial for each in copy.exchanges[0].chunks()] == [True, True, False]


# --- there and back


@settings(max_examples=150, deadline=None)
@given(header=any_header, frames=recordings())
def test_every_exchange_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, header: Header, frames: list[Frame]
) -> None:
    original = Cassette.from_frames(header, frames)
    with again(tmp_path_factory.mktemp('x'), original) as copy:
        assert copy.problems == []
        assert copy.header == original.header
        assert sorted(map(repr, copy.notes)) == sorted(map(repr, original.notes))
        assert {each.id: told(each) for each in copy.exchanges} == {each.id: told(each) for each in original.exchanges}


@pytest.mark.parametrize('name', ['faults.jsonl', 'kopf.jsonl', 'kubectl.jsonl.gz', 'long-watch.jsonl.gz'])
def test_shipped_recordings_come_back_in_the_order_of_happening(tmp_path: Path, name: str) -> None:
    with open_cassette(SHIPPED / name) as cassette, again(tmp_path, cassette) as copy:
        one, other = io.BytesIO(), io.BytesIO()
        write_jsonl(cassette, one)
        write_jsonl(copy, other)
        assert one.getvalue() == other.getvalue()


def test_a_streamed_request_body_and_a_tunnel_come_back_between_the_rest(tmp_path: Path) -> None:
    frames: list[Frame] = [
        RequestFrame(id=1, at_us=0, method='POST', target='/', streamed=True),
        BodyFrame(id=1, at_us=1, data=b'a'),
        RequestFrame(id=2, at_us=2, method='GET', target='/'),
        BodyFrame(id=1, at_us=3, data=b'\0', last=True),
        ResponseFrame(id=1, at_us=4, status=101),
        TunnelFrame(id=1, at_us=5, data=b'in', from_client=True),
        TunnelFrame(id=1, at_us=6, data=b'\xff', from_client=False),
        EndFrame(id=2, at_us=7, outcome=Outcome.RESET),
        EndFrame(id=1, at_us=8, outcome=Outcome.UNFINISHED),
    ]
    with again(tmp_path, Cassette.from_frames(HEADER, frames)) as copy:
        assert list(copy.frames()) == frames


# --- HARs of browsers


BROWSER_ENTRY: dict[str, Any] = {
    'startedDateTime': '2026-01-02T04:04:06.250+01:00',
    'time': 120.5,
    'request': {
        'method': 'GET',
        'url': 'https://example.com/path?q=1#part',
        'httpVersion': 'h2',
        'headers': [{'name': ':authority', 'value': 'example.com'}, {'name': 'accept', 'value': '*/*'}],
    },
    'response': {
        'status': 200,
        'statusText': '',
        'headers': [
            {'name': 'content-type', 'value': 'text/plain'},
            {'name': 'content-encoding', 'value': 'gzip'},
            {'name': 'Content-Length', 'value': '5'},
        ],
        'content': {'size': 5, 'mimeType': 'text/plain', 'text': 'aGVsbG8=', 'encoding': 'base64'},
    },
    'cache': {},
    'timings': {'blocked': -1, 'dns': 1, 'connect': -1, 'send': 0.5, 'wait': 100, 'receive': 10},
}


def browser_har(folder: Path, *items: Any) -> Path:
    path = folder / 'x.har'
    path.write_text('\ufeff' + json.dumps({'log': {'version': '1.2', 'pages': [{}], 'entries': items}}, indent=1))
    return path


def entry_with(**changes: Any) -> dict[str, Any]:
    record = json.loads(json.dumps(BROWSER_ENTRY))
    for key, value in changes.items():
        where = record
        *path, last = key.split('__')
        for step in path:
            where = where[step]
        if value is ...:
            del where[last]
        else:
            where[last] = value
    return record  # type: ignore[no-any-return]


def test_a_har_of_a_browser_is_read_with_its_timings_and_decoded_bodies(tmp_path: Path) -> None:
    with open_cassette(browser_har(tmp_path, BROWSER_ENTRY)) as cassette:
        assert cassette.problems == []
        assert cassette.header.created == '2026-01-02T03:04:06.250000Z'
        assert list(cassette.frames()) == [
            RequestFrame(id=1, at_us=0, method='GET', target='/path?q=1', headers=(('accept', '*/*'),)),
            ResponseFrame(id=1, at_us=101_500, status=200, headers=(('content-type', 'text/plain'),)),
            ChunkFrame(id=1, at_us=120_500, data=b'hello'),
            EndFrame(id=1, at_us=120_500, outcome=Outcome.COMPLETE),
        ]


def test_entries_of_a_browser_are_put_in_the_order_of_their_times(tmp_path: Path) -> None:
    earlier = entry_with(startedDateTime='2026-01-02T03:04:06.200Z', request__url='https://example.com')
    with open_cassette(browser_har(tmp_path, BROWSER_ENTRY, earlier)) as cassette:
        assert [(each.id, each.at_us, each.target) for each in cassette.exchanges] == [
            (2, 0, '/'),
            (1, 50_000, '/path?q=1'),
        ]
        times = [frame.at_us for frame in cassette.frames()]
        assert times == sorted(times)


def test_bodies_of_requests_are_text_or_parameters(tmp_path: Path) -> None:
    bodies = [
        {'text': 'é'},
        {'mimeType': 'application/x-www-form-urlencoded', 'params': [{'name': 'a', 'value': '1 2'}]},
        {'text': '/w==', 'encoding': 'base64'},
        None,
    ]
    items = [entry_with(request__postData=body) for body in bodies]
    with open_cassette(browser_har(tmp_path, *items)) as cassette:
        assert [each.request_body() for each in cassette.exchanges] == ['é'.encode(), b'a=1+2', b'\xff', None]


def test_a_request_that_failed_in_the_browser_has_no_response(tmp_path: Path) -> None:
    failed = entry_with(response__status=0, response___error='net::ERR_FAILED')
    with open_cassette(browser_har(tmp_path, failed)) as cassette:
        assert cassette.exchanges[0].response is None
        assert cassette.exchanges[0].outcome is Outcome.ERROR
        end = cassette.exchanges[0].end
        assert end is not None
        assert end.error == 'net::ERR_FAILED'


def test_what_a_browser_left_out_is_reported(tmp_path: Path) -> None:
    items = [entry_with(response__content__text=...), entry_with(_webSocketMessages=[{}])]
    with open_cassette(browser_har(tmp_path, *items)) as cassette:
        assert cassette.problems == [
            'Entry 1: the body of the response is not in the file.',
            'Entry 2: messages of web sockets are not imported.',
        ]


def test_missing_timings_count_as_nothing(tmp_path: Path) -> None:
    with open_cassette(browser_har(tmp_path, entry_with(timings=..., time=...))) as cassette:
        assert cassette.duration_us == 0


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'startedDateTime': 'yesterday'}, '"startedDateTime" is \'yesterday\', not a date and time'),
        ({'startedDateTime': 5}, '"startedDateTime" is 5'),
        ({'request': ...}, '"request" is missing'),
        ({'request': []}, '"request" is .*not of type dict'),
        ({'request__url': 5}, '"url" is 5'),
        ({'request__headers': [5]}, '"headers" has 5, which is no object'),
        ({'response__status': 42}, '"status" is 42'),
        ({'response__status': '200'}, '"status" is \'200\''),
        ({'response__content__text': '*'}, 'base64'),
        ({'time': float('inf')}, '"time" is inf'),
        ({'time': 1e300}, '"time" is 1e'),
        ({'_chunks': []}, 'keep the order of the keys'),
        ({'_kmock': {'id': 1}}, '"at_us" is missing'),
        ({'_kmock': {'id': 1, 'at_us': -5, 'target': '/'}}, 'a frame at -5 µs'),
    ],
)
def test_a_bad_entry_is_named_with_its_number(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    path = browser_har(tmp_path, BROWSER_ENTRY, entry_with(**changes))
    with pytest.raises(CassetteError, match=rf'x\.har, entry 2: .*({problem})') as caught:
        read_har(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', r"x\.har: there is b'' instead of"),
        ('{}', 'there is no "log": it is no HAR'),
        ('{"log": []}', 'instead of'),
        ('{"log": {"entries": {}}}', 'instead of'),
        ('{"log": {"entries": [{', 'entry 1: '),
        ('{"log": {"_kmock": 5}}', '"_kmock" is 5'),
        ('{"log": {"_kmock": {"version": 2}}}', 'is of version 2; this kmock reads versions up to 1'),
        ('{"log": {"_kmock": {"version": 1, "created": "", "notes": [5]}}}', 'a note is no object'),
        ('{"log": {"_kmock": {"version": 1, "created": "", "redacted": [5]}}}', 'not a list of strings'),
        ('{"log": {"entries": []}} x', 'more after the end'),
    ],
)
def test_what_is_no_har_is_refused_with_one_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / 'x.har'
    path.write_text(text)
    with pytest.raises(CassetteError, match=problem) as caught:
        read_har(path)
    assert '\n' not in str(caught.value)
