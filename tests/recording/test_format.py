"""The files on disk: what is written comes back, whatever is damaged is reported, and nothing crashes."""

import stat
from pathlib import Path

import pytest

from kmock.errors import CassetteError
from kmock.messages import Outcome
from kmock.recording.cassette import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.format import CassetteWriter, load, repair

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


def write(path: Path, frames: list[Frame] = FRAMES) -> Path:
    with CassetteWriter(path, HEADER) as writer:
        for frame in frames:
            writer.append(frame)
        assert writer.failure is None
        assert writer.size == path.stat().st_size
    return path


def test_all_kinds_of_frames_come_back_as_they_were(tmp_path: Path) -> None:
    with load(write(tmp_path / 'x.kmock')) as cassette:
        assert cassette.problems == []
        assert list(cassette.frames()) == FRAMES
        assert cassette.header == Header(**{**vars_of(HEADER), 'redacted': ('a', 'b')})
        assert cassette.exchanges[0].body() == b'\xff\x00'


def vars_of(header: Header) -> dict[str, object]:
    return {name: getattr(header, name) for name in header.__slots__}


def test_a_new_file_is_for_its_owner_alone_and_loadable_at_once(tmp_path: Path) -> None:
    with CassetteWriter(tmp_path / 'x.kmock', HEADER) as writer:
        assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600
        with load(writer.path) as cassette:
            assert cassette.header == HEADER
            assert len(cassette.exchanges) == 0


def test_an_existing_file_is_refused_without_force(tmp_path: Path) -> None:
    write(tmp_path / 'x.kmock')
    with pytest.raises(CassetteError, match=r'x\.kmock exists already.*--force'):
        CassetteWriter(tmp_path / 'x.kmock', HEADER)


def test_repair_writes_what_is_sound(tmp_path: Path) -> None:
    path = write(tmp_path / 'x.kmock')
    path.write_bytes(path.read_bytes()[:-3])
    problems = repair(path, tmp_path / 'y.kmock')
    assert len(problems) == 1
    assert 'cut off' in problems[0]
    with load(tmp_path / 'y.kmock') as cassette:
        assert list(cassette.frames()) == FRAMES[:-1]
        assert cassette.problems == []
