"""The files on disk: what is written comes back, whatever is damaged is reported, and nothing crashes."""

import contextlib
import io
import os
import random
import re
import resource
import stat
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from generated_frames import any_header, recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.errors import CassetteError
from kmock.messages import Outcome
from kmock.recording import index
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
from kmock.recording.disk import compression, encoding, scanning
from kmock.recording.format import CassetteWriter, load, repair
from kmock.recording.interchange import write_jsonl

FIXTURES = Path(__file__).parent / 'fixtures'
SHIPPED = Path(__file__).parents[2] / 'cassettes'
HEADER = Header(
    created='2026-01-02T03:04:05Z',
    server={'major': '1', 'huge': 10**30, 'deep': [[{'x': None}]]},
    redacted=('header Authorization',),
    key=b'\x00\xff',
    matching={'ignore': ['x']},
    extra={'odd': 1.5},
)
FRAMES: list[Frame] = [
    RequestFrame(id=1, at_us=1, method='GET', target='/a?b=%20', headers=(('A', '1'), ('A', '2'))),
    RequestFrame(id=2, at_us=2, method='POST', target='/', headers=(('X-\udce9', 'é'),), body=b'\x00'),
    RequestFrame(id=3, at_us=2, method='PUT', target='/', streamed=True),
    ResponseFrame(id=1, at_us=3, status=200, reason='OK', headers=(('C', 'd'),)),
    ChunkFrame(id=1, at_us=4, data=b'\xff\x00', partial=True),
    BodyFrame(id=3, at_us=5, data=b'xyz'),
    ChunkFrame(id=1, at_us=5, data=b''),
    BodyFrame(id=3, at_us=6, data=b'', last=True),
    ResponseFrame(id=3, at_us=7, status=101),
    TunnelFrame(id=3, at_us=8, data=b'abc', from_client=True),
    TunnelFrame(id=3, at_us=9, data=b'', from_client=False),
    EndFrame(id=1, at_us=2**50, outcome=Outcome.COMPLETE),
    EndFrame(id=2, at_us=11, outcome=Outcome.ERROR, error='connection refused'),
    NoteFrame(at_us=12, text='done', changes={'redacted': ['a', 'b']}),
]
STREAM: list[Frame] = [
    RequestFrame(id=1, at_us=0, method='GET', target='/'),
    ResponseFrame(id=1, at_us=1, status=200),
]


def write(path: Path, frames: list[Frame] = FRAMES, header: Header = HEADER) -> Path:
    with CassetteWriter(path, header) as writer:
        for frame in frames:
            writer.append(frame)
        assert writer.failure is None
        assert writer.size == path.stat().st_size
    return path


def framed(payload: bytes) -> bytes:
    """A frame with a right checksum around any payload."""
    length = struct.pack('>I', len(payload))
    return encoding.SYNC + struct.pack('>I', zlib.crc32(length + payload)) + length + payload


def forge(path: Path, *payloads: object, header: object = None) -> Path:
    """A file with a good header (or this one) and then these payloads, packed as they are."""
    start = encoding.Encoder().header(HEADER) if header is None else encoding.MAGIC + framed(msgpack.packb(header))
    packed = [each if isinstance(each, bytes) else msgpack.packb(each) for each in payloads]
    path.write_bytes(start + b''.join(map(framed, packed)))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'x.kmock'


# --- what is written comes back


def test_all_kinds_of_frames_come_back_as_they_were(path: Path) -> None:
    with load(write(path)) as cassette:
        assert cassette.problems == []
        assert list(cassette.frames()) == FRAMES
        assert cassette.header.redacted == ('a', 'b')  # as the note says
        assert cassette.exchanges[0].body() == b'\xff\x00'


@settings(max_examples=150, deadline=None)
@given(header=any_header, frames=recordings())
def test_generated_recordings_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, header: Header, frames: list[Frame]
) -> None:
    path = write(tmp_path_factory.mktemp('x') / 'x.kmock', frames, header)
    with load(path) as cassette:
        assert cassette.problems == []
        assert list(cassette.frames()) == frames
        assert cassette.header == Cassette.from_frames(header, frames).header


@pytest.mark.parametrize('name', ['version-1.kmock', 'version-1.kmock.zst'])
def test_files_of_version_1_stay_readable(name: str) -> None:
    with load(FIXTURES / name) as cassette:
        assert cassette.problems == []
        file = io.BytesIO()
        write_jsonl(cassette, file, version=2)
        assert file.getvalue() == (FIXTURES / 'version-1.jsonl').read_bytes()


def test_older_versions_are_upgraded_by_one_migration_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    def migration(version: int) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        def migrate(items: tuple[Any, ...]) -> tuple[Any, ...]:
            if items[0] == encoding.REQUEST:
                steps.append(version)
                return (*items[:4], items[4] + f'/{version}', *items[5:])
            return items

        return migrate

    monkeypatch.setattr(encoding, 'VERSION', 3)
    monkeypatch.setattr(scanning, 'VERSION', 3)
    monkeypatch.setattr(encoding, 'MIGRATIONS', {1: migration(1), 2: migration(2)})
    with load(FIXTURES / 'version-1.kmock') as cassette:
        assert cassette.problems == []
        assert steps == [1, 2] * len(cassette.exchanges)
        assert cassette.exchanges[0].target.endswith('/1/2')


def test_data_too_long_for_a_frame_are_split_and_marked(path: Path) -> None:
    data = bytes(range(256)) * (40 * 4096)
    frames: list[Frame] = [
        RequestFrame(id=1, at_us=0, method='GET', target='/', body=data[:600_000]),
        ResponseFrame(id=1, at_us=1, status=200),
        ChunkFrame(id=1, at_us=2, data=data),
        TunnelFrame(id=1, at_us=3, data=data, from_client=True),
    ]
    with load(write(path, frames)) as cassette:
        (exchange,) = cassette.exchanges
        assert exchange.request_body() == data[:600_000]
        assert exchange.request_body_complete
        assert [chunk.partial for chunk in exchange.chunks()] == [True, True, False]
        assert exchange.body() == data
        assert exchange.body_size == len(data)
        assert b''.join(frame.data for frame in exchange.tunnel()) == data


def test_a_cassette_can_be_read_while_it_is_recorded(path: Path) -> None:
    with CassetteWriter(path, HEADER) as writer:
        with load(path) as cassette:
            assert len(cassette.exchanges) == 0
        for frame in STREAM:
            writer.append(frame)
        with load(path) as cassette:
            assert cassette.exchanges[0].outcome is Outcome.UNFINISHED


# --- creating files


def test_a_new_file_is_for_its_owner_alone(path: Path) -> None:
    assert stat.S_IMODE(write(path).stat().st_mode) == 0o600


def test_an_existing_file_is_refused_without_force(path: Path) -> None:
    content = write(path).read_bytes()
    with pytest.raises(CassetteError, match=r'x\.kmock exists already\..*--force'):
        CassetteWriter(path, HEADER)
    assert path.read_bytes() == content


def test_force_replaces_the_old_file_at_once_and_whole(path: Path) -> None:
    write(path)
    path.chmod(0o644)
    with CassetteWriter(path, Header(created='new'), force=True), load(path) as cassette:
        assert cassette.header.created == 'new'
        assert len(cassette.exchanges) == 0
    assert [each.name for each in path.parent.iterdir()] == ['x.kmock']
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symlink_is_never_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / 'other').write_bytes(b'precious')
    path.symlink_to(tmp_path / 'other')
    with pytest.raises(CassetteError, match='exists already'):
        CassetteWriter(path, HEADER)
    with CassetteWriter(path, HEADER, force=True):
        pass
    assert not path.is_symlink()
    assert (tmp_path / 'other').read_bytes() == b'precious'


def test_a_dangling_symlink_is_never_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / 'nowhere')
    with pytest.raises(CassetteError, match='exists already'):
        CassetteWriter(path, HEADER)
    assert not (tmp_path / 'nowhere').exists()


def test_only_regular_files_are_replaced(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path)
    (tmp_path / 'folder').mkdir()
    for name in ('x.kmock', 'folder'):
        with pytest.raises(CassetteError, match='not a regular file and will not be replaced'):
            CassetteWriter(tmp_path / name, HEADER, force=True)


@pytest.mark.parametrize('force', [False, True])
def test_a_file_that_can_not_be_created_is_one_clear_error(tmp_path: Path, force: bool) -> None:
    (tmp_path / 'file').touch()
    for name in ('none/x.kmock', 'file/x.kmock', 'x' * 300):
        with pytest.raises(CassetteError, match='can not be created: ') as caught:
            CassetteWriter(tmp_path / name, HEADER, force=force)
        assert '\n' not in str(caught.value)


def test_a_header_that_is_no_json_is_refused_before_the_file_exists(path: Path) -> None:
    with pytest.raises(CassetteError, match=r'The header of .* can not be stored'):
        CassetteWriter(path, Header(created='', matching={'x': object()}))
    assert not path.exists()


# --- recordings that end early


def in_child(action: Callable[[], None]) -> None:
    """Run in a forked child, whose limits are its own; a failure there is one here."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_full_disk_ends_the_recording_at_a_whole_frame(path: Path) -> None:
    def record() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        with CassetteWriter(path, HEADER) as writer:
            for frame in STREAM:
                writer.append(frame)
            for number in range(100):
                writer.append(ChunkFrame(id=1, at_us=number, data=b'x' * 700))
            assert 'has stopped: File too large. What came before is kept' in str(writer.failure)
            assert writer.size == path.stat().st_size

    in_child(record)
    with load(path) as cassette:
        assert cassette.problems == []
        assert cassette.exchanges[0].chunk_count == 13
        assert [note.text for note in cassette.notes] == ['stopped: File too large']


def test_a_disk_too_full_for_the_note_leaves_a_sound_file(path: Path) -> None:
    def record() -> None:
        with CassetteWriter(path, HEADER) as writer:
            writer.append(STREAM[0])
            resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size + 5, writer.size + 5))
            writer.append(STREAM[1])
            assert writer.failure is not None
            assert writer.size == path.stat().st_size

    in_child(record)
    with load(path) as cassette:
        assert cassette.problems == []
        assert list(cassette.frames()) == STREAM[:1]


def test_a_disk_full_from_the_start_leaves_no_file(path: Path) -> None:
    def record() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        for force in (False, True):
            with pytest.raises(CassetteError, match='can not be written: File too large'):
                CassetteWriter(path, HEADER, force=force)

    in_child(record)
    assert list(path.parent.iterdir()) == []


def test_a_cap_on_the_size_ends_the_recording_with_a_note_inside_the_cap(path: Path) -> None:
    with CassetteWriter(path, HEADER, max_bytes=5000) as writer:
        for frame in [*STREAM, *(ChunkFrame(id=1, at_us=n, data=b'x' * 300) for n in range(100))]:
            writer.append(frame)
        assert 'its limit of 5,000 bytes is reached (max_bytes)' in str(writer.failure)
    assert 4000 < path.stat().st_size <= 5000
    with load(path) as cassette:
        assert cassette.problems == []
        assert cassette.notes[0].text == 'stopped: its limit of 5,000 bytes is reached (max_bytes)'


def test_after_a_failure_nothing_more_is_written(path: Path) -> None:
    with CassetteWriter(path, HEADER) as writer:
        writer.append(RequestFrame(id=1, at_us=-1, method='GET', target='/'))
        assert 'it can not hold a frame at -1 µs' in str(writer.failure)
        size = writer.size
        writer.append(STREAM[0])
        assert writer.size == path.stat().st_size == size


@pytest.mark.parametrize(
    ('frame', 'problem'),
    [
        (RequestFrame(id=2**63, at_us=0, method='GET', target='/'), 'an exchange with the id'),
        (ResponseFrame(id=1, at_us=0, status=2**64), 'a number out of range'),
        (RequestFrame(id=1, at_us=0, method='GET', target='/' * 2_000_000), 'a frame of 2,000,0.. bytes, the most is'),
        (NoteFrame(at_us=0, changes={'x': {1, 2}}), 'a header that is no JSON'),
    ],
)
def test_a_frame_that_can_not_be_stored_ends_the_recording_and_not_the_traffic(
    path: Path, frame: Frame, problem: str
) -> None:
    with CassetteWriter(path, HEADER) as writer:
        writer.append(frame)
        assert re.search(problem, str(writer.failure))
    with load(path) as cassette:
        assert cassette.problems == []
        assert re.search(problem, cassette.notes[0].text)


def test_what_is_appended_after_closing_is_lost(path: Path) -> None:
    writer = CassetteWriter(path, HEADER)
    writer.close()
    writer.close()
    writer.append(STREAM[0])
    with load(path) as cassette:
        assert len(cassette.exchanges) == 0


# --- files that can't be read


def test_missing_files_folders_and_pipes_are_one_clear_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    cases = {'none': 'does not exist', '.': 'is a directory', 'pipe': 'is not a regular file', 'x\0': 'embedded null'}
    for name, problem in cases.items():
        with pytest.raises(CassetteError, match=problem) as caught:
            load(f'{tmp_path}/{name}')
        assert '\n' not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_a_file_without_permission_is_one_clear_error(path: Path) -> None:
    write(path).chmod(0)
    with pytest.raises(CassetteError, match='can not be opened: Permission denied'):
        load(path)


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        (b'', 'is empty: nothing was recorded'),
        (b'\x89KMO', 'ends or breaks within its header'),
        (encoding.MAGIC, 'ends or breaks within its header'),
        (encoding.MAGIC + b'\0' * 5000, 'ends or breaks within its header'),
        (b'\x89KMOCK\n' + b'\0' * 50, 'was changed by a transfer in text mode'),
        (b'{"kind": "header"}', 'is not a kmock cassette'),
        (
            encoding.MAGIC + framed(msgpack.packb([0, 'kmock-cassette', 2, 'x'])),
            'is a cassette of version 2; this kmock',
        ),
        (encoding.MAGIC + framed(msgpack.packb([0, 'kmock-cassette', 1, 'x'])), 'broken header: .*wrong fields'),
        (encoding.MAGIC + framed(msgpack.packb([0, 'other', 1, 'x'])), 'broken header: not the header'),
        (encoding.MAGIC + framed(msgpack.packb([4, 1, 1, b'', False])), 'broken header: not the header'),
        (encoding.MAGIC + framed(b'\xc1'), 'broken header'),
        (b'\x28\xb5\x2f\xfd', 'is empty'),
    ],
)
def test_foreign_newer_and_broken_files_are_refused_with_one_line(path: Path, content: bytes, problem: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CassetteError, match=problem) as caught:
        load(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('text', ['[' * 100_000, '[]', '{', '1' * 5000])
def test_free_form_parts_of_a_header_must_be_json_objects(path: Path, text: str) -> None:
    forge(path, header=[0, 'kmock-cassette', 1, '', None, [], b'', text, '{}'])
    with pytest.raises(CassetteError, match='broken header'):
        load(path)


def test_a_damaged_header_costs_the_header_alone(path: Path) -> None:
    content = bytearray(write(path).read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with load(path) as cassette:
        assert list(cassette.frames()) == FRAMES
        assert cassette.header.created == ''
        assert cassette.header.redacted == ('a', 'b')
        assert 'The header is damaged' in cassette.problems[0]


def test_a_file_changed_while_it_is_open_is_a_clear_error(path: Path) -> None:
    with load(write(path)) as cassette:
        path.write_bytes(encoding.MAGIC)
        with pytest.raises(CassetteError, match='was changed while it was open'):
            list(cassette.frames())


def test_a_closed_cassette_says_so(path: Path) -> None:
    with load(write(path)) as cassette:
        first, second = cassette.exchanges[:2]
        assert first.target == '/a?b=%20'
    assert first.target == '/a?b=%20'  # what was read remains
    with pytest.raises(CassetteError, match='is closed already'):
        _ = second.target


# --- damage


def kept(cassette: Cassette) -> list[Frame]:
    """All that can be had from a cassette, by all ways."""
    for exchange in cassette.exchanges:
        assert exchange.body_size == len(exchange.body())
        assert exchange.outcome in Outcome
        exchange.request_body()
        list(exchange.tunnel())
    return list(cassette.frames())


def test_truncated_at_any_byte_only_the_torn_end_is_lost(path: Path) -> None:
    content = write(path).read_bytes()
    start = len(encoding.Encoder().header(HEADER))
    counts = set()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        if length < start:
            with pytest.raises(CassetteError):
                load(path)
            continue
        with load(path) as cassette:
            frames = kept(cassette)
            assert frames == FRAMES[: len(frames)]
            assert len(cassette.problems) <= 1
            counts.add(len(frames))
    assert counts == set(range(len(FRAMES)))


def test_truncated_anywhere_a_larger_cassette_loses_only_its_end(path: Path) -> None:
    content = (SHIPPED / 'kubernetes-asyncio.kmock').read_bytes()
    with load(SHIPPED / 'kubernetes-asyncio.kmock') as cassette:
        whole = list(cassette.frames())
    for length in range(1000, len(content), len(content) // 500):
        path.write_bytes(content[:length])
        with load(path) as cassette:
            frames = kept(cassette)
            assert frames == whole[: len(frames)]
            assert length - cassette.positions[-1] < 20_000 if frames else length < 20_000


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 56_000), st.integers(1, 255)), min_size=1, max_size=5))
def test_flipped_bytes_cost_only_the_frames_they_hit(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    content = bytearray((SHIPPED / 'kubernetes-asyncio.kmock').read_bytes())
    for place, flip in flips:
        content[place] ^= flip
    path = tmp_path_factory.mktemp('x') / 'x.kmock'
    path.write_bytes(content)
    if path.read_bytes()[:8] != encoding.MAGIC:
        with pytest.raises(CassetteError):
            load(path)
        return
    with load(SHIPPED / 'kubernetes-asyncio.kmock') as original, load(path) as cassette:
        frames = kept(cassette)
        whole = list(original.frames())
        assert all(frame in whole for frame in frames)
        assert cassette.problems or frames == whole


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.lists(st.binary(max_size=30), max_size=5), st.binary(max_size=20))
def test_random_bytes_and_random_payloads_never_crash(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, payloads: list[bytes], rest: bytes
) -> None:
    path = tmp_path_factory.mktemp('x') / 'x.kmock'
    start = encoding.Encoder().header(HEADER)
    path.write_bytes(start + garbage + b''.join(map(framed, payloads)) + rest)
    with load(path) as cassette:
        kept(cassette)
    path.write_bytes(encoding.MAGIC + garbage)
    with contextlib.suppress(CassetteError):
        load(path).close()


def test_frames_after_damage_are_found_again(path: Path) -> None:
    start = encoding.Encoder().header(HEADER)
    good = b''.join(map(encoding.Encoder().encode, STREAM))
    false_starts = encoding.SYNC * 3 + encoding.SYNC + b'\0\0\0\0\0\0\0\x05hello' + encoding.SYNC + b'\xff' * 8
    path.write_bytes(start + false_starts + good + b'\xc1')
    with load(path) as cassette:
        assert list(cassette.frames()) == STREAM
        assert cassette.problems == [
            f'{len(false_starts)} bytes at byte {len(start)} are damaged and left out.',
            f'The last 1 bytes, from byte {path.stat().st_size - 1} on, are no whole frame: '
            'the recording was cut off there, or the end is damaged.',
        ]


def test_damage_over_the_borders_of_blocks_is_skipped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = encoding.Encoder().header(HEADER)
    good = b''.join(map(encoding.Encoder().encode, STREAM))
    for block in range(16, 40):
        monkeypatch.setattr(scanning, 'BLOCK', block)
        path.write_bytes(start + b'\xc1' * 41 + good)
        with load(path) as cassette:
            assert list(cassette.frames()) == STREAM


def test_the_search_after_damage_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each false start claims a long frame, so summing all of them up would cost the square of the file's length."""
    monkeypatch.setattr(scanning, 'SEARCH_ALLOWANCE', 0)
    forged = (encoding.SYNC + b'\0\0\0\0' + struct.pack('>I', 50_000)) * 20_000
    path.write_bytes(encoding.Encoder().header(HEADER) + forged)
    summed = 0
    checksum = encoding.checksum

    def counting(payload: memoryview) -> int:
        nonlocal summed
        summed += len(payload)
        return checksum(payload)

    monkeypatch.setattr(scanning, 'checksum', counting)
    with load(path) as cassette:
        assert 'damaged beyond what can be searched' in cassette.problems[0]
    assert summed < 2 * len(forged)


@pytest.mark.parametrize(
    ('payload', 'problem'),
    [
        ([9, 1, 1], r'a frame of an unknown kind \(9\)'),
        ([True, 1, 1], 'unknown kind'),
        ([0, 'kmock-cassette', 1], 'unknown kind'),
        ([4, 1, 1, b''], 'a frame of kind 4 with the wrong fields'),
        ([4, 1, 1, 'text', False], 'kind 4 with the wrong fields'),
        ([4, -1, 1, b'', False], 'negative or absurd id or time'),
        ([4, 1, -1, b'', False], 'negative or absurd id or time'),
        ([4, 1, 2**60, b'', False], 'negative or absurd id or time'),
        ([7, -5, '', '{}'], 'negative or absurd id or time'),
        ([7, 5, '', '[]'], 'JSON that is no object'),
        ([7, 5, '', '[' * 50_000], 'JSON nested too deep'),
        ([6, 1, 1, 'vanished', None], "'vanished' is not a valid Outcome"),
        ([3, 1, 1, 5, '', []], 'a response with the status 5'),
        ([1, 5, 1, 'GET', '/', ['a'], None, False], 'headers that are no pairs'),
        ([1, 5, 1, 'GET', '/', ['a', 1], None, False], 'headers that are no pairs'),
        ([1, 1, 1, 'GET', '/', [], None, False], 'a second request with the id 1'),
        ([4, 77, 1, b'', False], 'exchange 77, which has no request'),
        ({'a': 1}, 'exceeds max_map_len'),
        (5, 'not an array'),
        ([], 'not an array'),
        (b'', 'incomplete input'),
        (b'\xdd\xff\xff\xff\xff', 'exceeds max_array_len'),
        (b'\x95\x04\x01\x01\xc6\xff\xff\xff\xff', 'max_bin_len|incomplete'),
        (b'\x91' * 100_000, 'nested too deep'),
        (b'\x95\x06\x01\x01\xa2\xff\xff\xc0', "codec can't decode"),
        (b'\xd6\xff\0\0\0\0', 'max_ext_len'),
        (b'\x91\x04\x91\x04', 'extra data|wrong fields'),
    ],
)
def test_a_frame_that_makes_no_sense_is_left_out_and_listed(path: Path, payload: object, problem: str) -> None:
    request, end = [1, 1, 0, 'GET', '/', [], None, False], [6, 1, 5, 'complete', None]
    with load(forge(path, request, payload, end)) as cassette:
        assert len(cassette.problems) == 1
        assert re.search(problem, cassette.problems[0])
        assert len(kept(cassette)) == 2


# --- hostile files

MEGA = 1 << 20
START = encoding.Encoder().header(Header(created=''))


def array(count: int, items: bytes) -> bytes:
    return b'\xdd' + struct.pack('>I', count) + items


def many(count: int, payloads: Callable[[int], list[object]]) -> bytes:
    return b''.join(framed(msgpack.packb(payload)) for number in range(count) for payload in payloads(number))


def request(id: int) -> list[object]:
    return [1, id, 0, '', '', [], None, False]


def test_the_number_of_exchanges_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, 'MAX_EXCHANGES', 3)
    with load(forge(path, *map(request, range(5)))) as cassette:
        assert len(cassette.exchanges) == 3
        assert len(cassette.problems) == 2
        assert 'exchange 3: a cassette holds up to 3 exchanges' in cassette.problems[0]


def test_the_length_of_all_notes_is_bounded(path: Path) -> None:
    with load(forge(path, *[[7, 0, 'x' * 100_000, '{}']] * 8)) as cassette:
        assert len(cassette.notes) == 5
        assert len(list(cassette.frames())) == 5
        assert 'there are too many notes' in cassette.problems[0]


HOSTILE: dict[str, Callable[[], bytes]] = {
    'arrays': lambda: START + framed(array(MEGA - 9, b'\x90' * (MEGA - 9))) * 3,
    'arrays of arrays': lambda: START + framed((b'\x98' * 7 + b'\x90' * (2 * MEGA)) * 7),
    'nothing': lambda: START + framed(array(16 * MEGA - 9, b'\xc0' * (16 * MEGA - 9))),
    'depth': lambda: START + framed(b'\x91' * 16 * MEGA),
    'strings': lambda: START + framed(array(MEGA - 9, b'\xa0' * (MEGA - 9))) * 3,
    'headers': lambda: (
        START + framed(b'\x98\x01\x01\x00\xa3GET\xa1/' + array(MEGA - 64, b'\xa0' * (MEGA - 64)) + b'\xc0\xc2')
    ),
    'exchanges': lambda: START + many(150_000, lambda n: [request(n)]),
    'exchanges with chunks': lambda: (
        START + many(60_000, lambda n: [request(n), [3, n, 0, 200, '', []], [4, n, 0, b'', False]])
    ),
    'notes': lambda: START + framed(msgpack.packb([7, 0, '', '{"a":[' + '[],' * 100_000 + '[]]}'])) * 20,
    'bad frames': lambda: START + framed(b'\x90') * 200_000,
    'header': lambda: (
        encoding.MAGIC
        + framed(msgpack.packb([0, encoding.FORMAT, 1, '', None, [], b'', '{"a":[' + '{},' * 340_000 + '{}]}', '{}']))
    ),
    'markers': lambda: START + encoding.SYNC * (4 * MEGA),
    'astral line': lambda: b'{"kind":"header","x":"\xf0\x9f\x98\x80' + b'a' * 15_000_000 + b'"}',
    'lists in a line': lambda: b'{"kind":"header","x":[' + b'[],' * (5 * MEGA) + b'[]]}',
    'no line end': lambda: b'{' + b' ' * (40 * MEGA),
    'har of objects': lambda: b'{"log":{"entries":[' + b'{},' * 100_000 + b'{}]}}',
    'har of lists': lambda: b'{"log":{"pages":[' + b'[],' * (5 * MEGA) + b'[]]}}',
    'deep har': lambda: b'{"log":' + b'[' * (3 * MEGA),
    'long har': lambda: b'{"log":{"entries":[{"request":"' + b'a' * (40 * MEGA),
}
READER = """
import re, sys
from kmock.errors import CassetteError
from kmock.recording.interchange import open_cassette
for path in sys.argv[1:]:
    try:
        with open_cassette(path) as cassette:
            state = len(cassette.problems)
    except CassetteError as error:
        state = error
    with open('/proc/self/status') as status:  # getrusage() would count the parent's memory, too
        peak = int(re.search(r'VmHWM:\\s+(\\d+)', status.read())[1]) // 1024
    print(path.rpartition('/')[2], peak, state, sep='|')
"""


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='needs Linux to measure memory')
def test_hostile_files_cost_less_than_200_megabytes(tmp_path: Path) -> None:
    for name, content in HOSTILE.items():
        (tmp_path / name).write_bytes(content())
    paths = [str(tmp_path / name) for name in HOSTILE]
    child = subprocess.run([sys.executable, '-c', READER, *paths], capture_output=True, text=True, check=False)
    assert child.stderr == ''
    lines = [line.split('|') for line in child.stdout.splitlines()]
    assert [name for name, _, _ in lines] == list(HOSTILE)
    assert [(name, megabytes) for name, megabytes, _ in lines if int(megabytes) >= 200] == []
    assert [name for name, _, state in lines if state == '0'] == [
        'headers',
        'exchanges',
        'exchanges with chunks',
        'header',
    ]


def test_a_cassette_of_100_000_chunks_is_indexed_without_an_object_for_each(path: Path) -> None:
    chunks = (ChunkFrame(id=1, at_us=number, data=b'x' * 100) for number in range(100_000))
    write(path, [*STREAM, *chunks])
    tracemalloc.start()
    try:
        with load(path) as cassette:
            size, peak = tracemalloc.get_traced_memory()
            assert cassette.exchanges[0].chunk_count == 100_000
    finally:
        tracemalloc.stop()
    assert size < 3_000_000
    assert peak < 8_000_000


# --- packed with zstd


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(zstandard.compress(content))
    return path


def test_packed_cassettes_are_read_transparently(path: Path, tmp_path: Path) -> None:
    with load(packed(tmp_path / 'x.kmock.zst', write(path).read_bytes())) as cassette:
        assert list(cassette.frames()) == FRAMES


def test_without_zstd_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'zstandard', None)
    with pytest.raises(CassetteError, match=r'pip install kmock\[zstd\]'):
        load(packed(tmp_path / 'x.kmock.zst', b''))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, 'FREE', 1_000_000)
    with pytest.raises(CassetteError, match='unpacks to more than 1,000,000 bytes, as decompression bombs do'):
        load(packed(tmp_path / 'x.kmock.zst', b'\0' * 3_000_000))


def test_a_torn_or_damaged_packing_keeps_what_comes_before(path: Path, tmp_path: Path) -> None:
    noise = random.Random(1)
    frames = [*STREAM, *(ChunkFrame(id=1, at_us=number, data=noise.randbytes(1000)) for number in range(1000))]
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(write(path, frames).read_bytes())
    half = len(whole) // 2
    counts = []
    for damaged in (whole[:half], whole[:half] + b'??????' + whole[half + 6 :], whole[:-4] + b'0000'):
        (tmp_path / 'x.kmock.zst').write_bytes(damaged)
        with load(tmp_path / 'x.kmock.zst') as cassette:
            assert cassette.problems
            found = list(cassette.frames())
            assert all(frame in frames for frame in found)
            counts.append(len(found))
    assert 300 < counts[0] < 510
    assert 300 < counts[1] < 1002
    assert counts[2] > 800


def test_a_packing_damaged_from_the_start_is_one_clear_error(path: Path) -> None:
    for damage in (b'????????', b''):
        path.write_bytes(compression.ZSTD_MAGIC + damage)
        with pytest.raises(CassetteError, match=r'damaged from the start|is empty'):
            load(path)


# --- repair


def test_repair_writes_what_is_sound(path: Path, tmp_path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:-3])
    problems = repair(path, tmp_path / 'y.kmock')
    assert len(problems) == 1
    assert 'cut off' in problems[0]
    with load(tmp_path / 'y.kmock') as cassette:
        assert list(cassette.frames()) == FRAMES[:-1]
        assert cassette.problems == []


def test_repair_may_replace_its_source(path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CassetteError, match='exists already'):
        repair(path, path)
    repair(path, path, force=True)
    with load(path) as cassette:
        assert list(cassette.frames()) == FRAMES[:-1]
        assert cassette.problems == []


def test_a_repair_that_fails_says_so(path: Path, tmp_path: Path) -> None:
    write(path, [*STREAM, *(ChunkFrame(id=1, at_us=1, data=b'x' * 1000) for _ in range(20))])

    def fail() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        with pytest.raises(CassetteError, match='File too large'):
            repair(path, tmp_path / 'y.kmock')

    in_child(fail)
