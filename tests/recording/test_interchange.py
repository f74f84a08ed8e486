"""JSON Lines: what comes in goes out, byte for byte, and what is wrong is named with its line."""

import contextlib
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from generated_frames import any_header, recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.errors import CassetteError
from kmock.messages import Outcome
from kmock.recording import interchange
from kmock.recording.cassette import (
    BodyFrame,
    Cassette,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.disk import compression
from kmock.recording.format import CassetteWriter, load
from kmock.recording.interchange import open_cassette, read_jsonl, write_jsonl

SHIPPED = Path(__file__).parents[2] / 'cassettes'
FILES = sorted(path.name for path in SHIPPED.iterdir() if path.name != 'README.md')
HEADER = Header(created='2026-01-02T03:04:05Z')
FIRST_LINE = '{"kind":"header","format":"kmock-trace","version":1,"created":"2026","server":null}'
STARTS = [b'', b'{', b'\x1f\x8b\x08', b'\x28\xb5\x2f\xfd', b'\x89KMOCK\r\n', b'{"log":', FIRST_LINE.encode() + b'\n{']
REQUEST_LINE = (
    '{"kind":"request","id":1,"t":0.1,"method":"GET","path":"/a","query":[["b","c d"]],'
    '"headers":[["H","v"]],"body":null}'
)


def exported(cassette: Cassette, version: int | None = None) -> bytes:
    file = io.BytesIO()
    write_jsonl(cassette, file, version=version)
    return file.getvalue()


def version_of(cassette: Cassette) -> int:
    number: int = json.loads(exported(cassette).splitlines()[0])['version']
    return number


def importing(folder: Path, *lines: str, end: str = '\n') -> Cassette:
    """Import these lines; a surrogate from DC80 on stands for a byte that is not UTF-8."""
    path = folder / 'x.jsonl'
    path.write_bytes(''.join(line + end for line in lines).encode('utf-8', 'surrogateescape'))
    return read_jsonl(path)


# --- the recordings that are shipped


@pytest.mark.parametrize('name', [name for name in FILES if '.jsonl' in name])
def test_shipped_recordings_come_out_line_for_line_as_they_are(name: str, tmp_path: Path) -> None:
    path = SHIPPED / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    with open_cassette(path) as cassette, CassetteWriter(tmp_path / 'x.kmock', cassette.header) as writer:
        assert cassette.problems == []
        assert exported(cassette).splitlines() == raw.splitlines()
        for frame in cassette.frames():
            writer.append(frame)
        with load(writer.path) as copy:  # and so they do on the way through a cassette file
            assert exported(copy) == raw


def test_the_shipped_cassette_is_the_recording_of_the_same_name() -> None:
    with open_cassette(SHIPPED / 'kubernetes-asyncio.kmock') as cassette:
        assert cassette.problems == []
        assert exported(cassette) == (SHIPPED / 'kubernetes-asyncio.jsonl').read_bytes()


@pytest.mark.parametrize('name', FILES)
def test_shipped_recordings_are_listed_in_their_readme(name: str) -> None:
    assert f'`{name}`' in (SHIPPED / 'README.md').read_text()


# --- which version


REQUEST = RequestFrame(id=1, at_us=0, method='POST', target='/x')
STREAMED = RequestFrame(id=1, at_us=0, method='POST', target='/x', streamed=True)
RESPONSE = ResponseFrame(id=1, at_us=1, status=200)


@pytest.mark.parametrize(
    'frames',
    [
        [REQUEST],
        [REQUEST, EndFrame(id=1, at_us=2, outcome=Outcome.ERROR, error='refused')],
        [REQUEST, RESPONSE, ChunkFrame(id=1, at_us=2, data=b'\0')],
        [STREAMED, BodyFrame(id=1, at_us=1, data=b'a'), BodyFrame(id=1, at_us=1, data=b'b', last=True)],
        [RequestFrame(id=1, at_us=0, method='GET', target='/x?a=b+c&d=%2F&e=')],
    ],
)
def test_version_1_is_written_where_it_can_hold_the_recording(frames: list[Frame]) -> None:
    assert version_of(Cassette.from_frames(HEADER, frames)) == 1


@pytest.mark.parametrize(
    'frames',
    [
        [REQUEST, EndFrame(id=1, at_us=2, outcome=Outcome.RESET)],
        [REQUEST, EndFrame(id=1, at_us=2, outcome=Outcome.UNFINISHED)],
        [REQUEST, RESPONSE, ChunkFrame(id=1, at_us=2, data=b'', partial=True)],
        [REQUEST, RESPONSE, TunnelFrame(id=1, at_us=2, data=b'', from_client=True)],
        [STREAMED, BodyFrame(id=1, at_us=1, data=b'a')],
        [NoteFrame(at_us=1, text='x')],
        [RequestFrame(id=1, at_us=0, method='GET', target='/x?a=/')],
        [RequestFrame(id=1, at_us=0, method='GET', target='/x?')],
        [RequestFrame(id=1, at_us=0, method='GET', target='/x?a=%FF')],
    ],
)
def test_version_2_is_written_where_version_1_would_lose_something(frames: list[Frame]) -> None:
    cassette = Cassette.from_frames(HEADER, frames)
    assert version_of(cassette) == 2
    with pytest.raises(CassetteError, match='more in it than version 1'):
        exported(cassette, version=1)


@pytest.mark.parametrize(
    'header',
    [
        Header(created='', redacted=('x',)),
        Header(created='', key=b'x'),
        Header(created='', matching={'x': 1}),
        Header(created='', extra={'kind': 'x'}),
    ],
)
def test_version_2_is_written_for_a_header_that_version_1_can_not_hold(header: Header) -> None:
    assert version_of(Cassette.from_frames(header, [])) == 2


def test_version_1_holds_a_streamed_body_in_the_request() -> None:
    pieces = [BodyFrame(id=1, at_us=1, data=b'a'), BodyFrame(id=1, at_us=1, data=b'b', last=True)]
    lines = exported(Cassette.from_frames(HEADER, [STREAMED, *pieces])).splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])['body'] == 'ab'


@settings(max_examples=150, deadline=None)
@given(header=any_header, frames=recordings())
def test_version_2_is_lossless(tmp_path_factory: pytest.TempPathFactory, header: Header, frames: list[Frame]) -> None:
    path = tmp_path_factory.mktemp('x') / 'x.jsonl'
    original = Cassette.from_frames(header, frames)
    path.write_bytes(exported(original, version=2))
    with read_jsonl(path) as copy:
        assert copy.header == original.header
        assert list(copy.frames()) == frames
        assert exported(copy, version=2) == path.read_bytes()


@settings(max_examples=100, deadline=None)
@given(header=any_header, frames=recordings())
def test_any_version_keeps_what_counts(
    tmp_path_factory: pytest.TempPathFactory, header: Header, frames: list[Frame]
) -> None:
    path = tmp_path_factory.mktemp('x') / 'x.jsonl'
    original = Cassette.from_frames(header, frames)
    path.write_bytes(exported(original))
    with read_jsonl(path) as copy:
        assert exported(copy) == path.read_bytes()
        for one, other in zip(original.exchanges, copy.exchanges, strict=True):
            assert one.target == other.target
            assert one.request_body() == other.request_body()
            assert list(one.chunks()) == list(other.chunks())
            assert one.outcome == other.outcome


def test_the_header_of_version_1_keeps_unknown_keys(tmp_path: Path) -> None:
    line = FIRST_LINE[:-1] + ',"recorder":{"name":"x"},"redacted":["y"]}'
    with importing(tmp_path, line) as cassette:
        assert cassette.header.extra == {'recorder': {'name': 'x'}, 'redacted': ['y']}
        assert exported(cassette).decode() == line + '\n'


def test_queries_are_encoded_so_that_the_same_pairs_come_back(tmp_path: Path) -> None:
    query = [['a', ''], ['a', 'ä&=+ /'], ['', 'x'], ['', '']]
    line = REQUEST_LINE.replace('[["b","c d"]]', json.dumps(query, ensure_ascii=False, separators=(',', ':')))
    with importing(tmp_path, FIRST_LINE, line) as cassette:
        assert cassette.exchanges[0].target == '/a?a=&a=%C3%A4%26%3D%2B+%2F&=x&='
        assert exported(cassette).decode().splitlines()[1] == line


def test_data_of_many_megabytes_are_exported_in_lines_that_can_be_read_again(tmp_path: Path) -> None:
    big = b'\x01' * 4_000_000
    requests = [RequestFrame(id=1, at_us=0, method='POST', target='/', body=big)]
    frames = [*requests, RESPONSE, ChunkFrame(id=1, at_us=2, data=big), ChunkFrame(id=1, at_us=3, data=b'end')]
    path = tmp_path / 'x.jsonl'
    path.write_bytes(exported(Cassette.from_frames(HEADER, frames)))
    with read_jsonl(path) as copy:
        exchange = copy.exchanges[0]
        assert exchange.request_body() == big
        assert exchange.body() == big + b'end'
        assert [chunk.partial for chunk in exchange.chunks()] == [True, False, False]


def test_a_long_body_in_version_1_comes_out_as_it_was(tmp_path: Path) -> None:
    line = REQUEST_LINE.replace('"body":null', f'"body":"{"x" * 3_000_000}"')
    response = '{"kind":"response","id":1,"t":0.2,"status":200,"reason":"OK","headers":[]}'
    chunk = '{"kind":"chunk","id":1,"t":0.3,"data":"' + 'y' * 3_000_000 + '"}'
    with importing(tmp_path, FIRST_LINE, line, response, chunk) as cassette:
        assert exported(cassette).decode().splitlines() == [FIRST_LINE, line, response, chunk]


# --- what is tolerated, and what is refused


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    with importing(tmp_path, '\ufeff' + FIRST_LINE, '', REQUEST_LINE, end='\r\n') as cassette:
        assert exported(cassette).decode().splitlines() == [FIRST_LINE, REQUEST_LINE]


def test_the_last_line_needs_no_line_end(tmp_path: Path) -> None:
    with importing(tmp_path, FIRST_LINE + '\n' + REQUEST_LINE, end='') as cassette:
        assert len(cassette.exchanges) == 1


def test_unknown_keys_of_a_line_are_reported(tmp_path: Path) -> None:
    with importing(tmp_path, FIRST_LINE, REQUEST_LINE[:-1] + ',"zzz":1}') as cassette:
        assert cassette.problems == ['Line 2: unknown keys are not kept: zzz.']


def changed(**changes: Any) -> str:
    record = json.loads(REQUEST_LINE) | changes
    return json.dumps({name: value for name, value in record.items() if value is not ...})


@pytest.mark.parametrize(
    ('line', 'problem'),
    [
        ('{', 'it is no JSON: Expecting property name'),
        ('[]', 'it is not a JSON object'),
        ('[' * 100_000, 'nested too deep'),
        ('\udcff', 'not UTF-8'),
        ('1' * 5000, 'integer string'),
        (changed(kind='x'), "there is no kind 'x' of records in version 1"),
        (changed(kind=['x']), 'there is no kind'),
        (changed(kind='note'), "no kind 'note' of records in version 1"),
        (changed(id=...), '"id" is missing'),
        (changed(id=True), '"id" is True, not of type int'),
        (changed(id=-1), 'the id -1'),
        (changed(id=2**70), 'the id 1180591620717411303424'),
        (changed(t=-0.5), '"t" is -0.5, not a time since the start'),
        (changed(t=float('nan')), '"t" is nan'),
        (changed(t=1e300), 'decades later'),
        (changed(t='0'), '"t" is \'0\', not of type float or int'),
        (changed(path='/a?b'), '"path" contains a query'),
        (changed(query=[['a']]), '"query" has .*no pair of strings'),
        (changed(query=None), '"query" is None'),
        (changed(headers=[['a', 1]]), '"headers" has'),
        (changed(body=1), '"body" is 1, not of type str or null'),
        (changed(body64='*'), 'base64|Non-base64|Only base64'),
        (changed(body='\ud800'), 'surrogates not allowed'),
        ('{"kind":"chunk","id":1,"t":0,"data":""}', 'exchange 1, which has no request'),
        ('{"kind":"response","id":1,"t":0,"status":99,"reason":"","headers":[]}', '"status" is 99'),
        ('{"kind":"end","id":1,"t":0,"outcome":"x","error":null}', "'x' is not a valid Outcome"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(CassetteError, match=rf'x\.jsonl, line 2: .*({problem})') as caught:
        importing(tmp_path, FIRST_LINE, line)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('lines', 'problem'),
    [
        ([], 'line 1: it is no JSON'),
        ([REQUEST_LINE], 'line 1: the first line is not the header of a recording'),
        ([FIRST_LINE.replace('1', '3', 1)], 'line 1: the recording is of version 3; this kmock reads versions 1 to 2'),
        ([FIRST_LINE.replace('1', 'true', 1)], '"version" is True'),
        ([FIRST_LINE.replace('null', '[]')], '"server" is'),
        ([FIRST_LINE.replace('"version":1', '"version":2,"redacted":[1]')], '"redacted" is not a list of strings'),
    ],
)
def test_a_bad_header_is_refused(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(CassetteError, match=problem):
        importing(tmp_path, *lines)


def test_a_line_too_long_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match='line 2: it is longer than'):
        importing(tmp_path, FIRST_LINE, '"' + 'x' * 20_000_000 + '"')


def test_a_line_with_too_many_values_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match='line 2: it has more values than any record'):
        importing(tmp_path, FIRST_LINE, '[' + '{},' * 1_000_000 + '{}]')


def test_a_torn_or_broken_gzip_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / 'x.jsonl.gz'
    packed = gzip.compress('\n'.join([FIRST_LINE, *[REQUEST_LINE] * 1]).encode())
    for content in (packed[:-9], packed[:15], packed[:30] + b'????' + packed[34:], packed[:-4] + b'0000'):
        path.write_bytes(content)
        with pytest.raises(CassetteError, match=r'x\.jsonl\.gz is no whole gzip file'):
            read_jsonl(path)


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, 'FREE', 1_000_000)
    path = tmp_path / 'x.jsonl.gz'
    path.write_bytes(gzip.compress(FIRST_LINE.encode() + b'\n' * 3_000_000))
    with pytest.raises(CassetteError, match='unpacks to more than 1,000,000 bytes'):
        read_jsonl(path)


# --- any format


def test_recordings_are_recognized_by_their_content(tmp_path: Path) -> None:
    with open_cassette(SHIPPED / 'lightkube.jsonl') as cassette:
        lines = exported(cassette)
        with CassetteWriter(tmp_path / 'a', cassette.header) as writer:
            for frame in cassette.frames():
                writer.append(frame)
        (tmp_path / 'b').write_bytes(lines)
        (tmp_path / 'c').write_bytes(gzip.compress(lines))
        with (tmp_path / 'd').open('wb') as file:
            interchange.write_har(cassette, file)
        (tmp_path / 'f').write_bytes(gzip.compress((tmp_path / 'd').read_bytes()))
        (tmp_path / 'e').write_bytes(zstandard.compress((tmp_path / 'a').read_bytes()))
    for name in 'abcdef':
        with open_cassette(tmp_path / name) as copy:
            assert exported(copy) == lines


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        (b'', 'is empty'),
        (b'PK\x03\x04', r'is no recording that kmock can read: \.kmock, \.kmock\.zst, \.jsonl'),
        (b'hello', 'is no recording'),
        (gzip.compress(b'hello', mtime=0), 'is no recording'),
        (b'{"a": 1}', 'line 1: the first line is not the header'),
    ],
)
def test_what_is_no_recording_is_refused_with_one_line(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / 'x').write_bytes(content)
    with pytest.raises(CassetteError, match=problem) as caught:
        open_cassette(tmp_path / 'x')
    assert '\n' not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=60), start=st.sampled_from(STARTS))
def test_random_content_is_an_error_of_the_right_kind(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, content: bytes
) -> None:
    path = tmp_path_factory.mktemp('x') / 'x'
    path.write_bytes(start + content)
    with pytest.raises(CassetteError):
        open_cassette(path)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 40_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_an_error_or_another_recording(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    content = bytearray((SHIPPED / 'lightkube.jsonl').read_bytes())
    content[place] = byte
    path = tmp_path_factory.mktemp('x') / 'x.jsonl'
    path.write_bytes(content)
    with contextlib.suppress(CassetteError), open_cassette(path) as cassette:
        assert len(exported(cassette)) > 40_000
