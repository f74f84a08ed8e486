from pathlib import Path

import pytest

from kmock.cli.tape import Tape
from kmock.errors import CassetteError
from kmock.messages import Outcome
from kmock.recording.cassette import ChunkFrame, EndFrame, Header, NoteFrame, RequestFrame
from kmock.recording.format import load

HEADER = Header(created='2026-01-01T00:00:00Z')


def make(path: Path, said: list[str], **options: object) -> Tape:
    return Tape(path, **{'force': False, 'max_bytes': None, 'complain': said.append, **options})


def request(number: int, target: str = '/', **more: object) -> RequestFrame:
    return RequestFrame(id=number, at_us=number, method='GET', target=target, **more)


def end(number: int) -> EndFrame:
    return EndFrame(id=number, at_us=number, outcome=Outcome.COMPLETE)


def test_frames_that_come_before_the_file_are_written_first(tmp_path: Path) -> None:
    tape = make(tmp_path / 'out', [])
    tape.append(request(1))
    assert not tape.path.exists()
    tape.open(HEADER)
    tape.append(end(1))
    tape.append(NoteFrame(at_us=5, changes={'redacted': ['x']}))
    tape.close()
    with load(tmp_path / 'out') as cassette:
        assert [(each.id, each.outcome) for each in cassette.exchanges] == [(1, Outcome.COMPLETE)]
        assert cassette.header.redacted == ('x',)


def test_what_was_never_opened_leaves_no_file(tmp_path: Path) -> None:
    tape = make(tmp_path / 'out', [])
    tape.append(request(1))
    tape.close()
    assert list(tmp_path.iterdir()) == []


def test_watches_and_upgrades_count_as_streams_while_they_are_open(tmp_path: Path) -> None:
    tape = make(tmp_path / 'out', [])
    tape.append(request(1, '/api/v1/pods?watch=1'))
    tape.append(request(2, '/api/v1/namespaces/a/pods/b/exec', headers=(('Upgrade', 'websocket'),)))
    tape.append(request(3, '/api/v1/pods'))
    tape.append(ChunkFrame(id=1, at_us=3, data=b'x' * 1500))
    assert tape.progress() == '3 requests, 2 open watches, 1.5 kB'
    tape.append(end(1))
    tape.append(end(3))
    assert tape.progress() == '3 requests, 1 open watch, 1.5 kB'
    assert tape.open_exchanges == 1
    assert '3 requests (2 streams), 1.5 kB' in tape.summary()


def test_a_failure_is_told_once_and_counting_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    tape = make(tmp_path / 'out', said, max_bytes=2000)
    tape.open(HEADER)
    for number in range(1, 100):
        tape.append(request(number, f'/{"x" * 50}'))
        tape.append(end(number))
    tape.close()
    assert len(said) == 1
    assert said[0].startswith('Error: ')
    assert said[0].endswith('The traffic goes on.')
    assert tape.failed
    assert tape.requests == 99
    assert (tmp_path / 'out').stat().st_size <= 2000


def test_what_came_after_a_failure_is_not_said_to_be_recorded(tmp_path: Path) -> None:
    tape = make(tmp_path / 'out', [], max_bytes=2000)
    tape.open(HEADER)
    for number in range(1, 100):
        tape.append(request(number, f'/{"x" * 50}'))
        tape.append(end(number))
    tape.close()
    with load(tmp_path / 'out') as cassette:
        kept = len(cassette.exchanges)
    assert 0 < kept < 99
    assert tape.summary().startswith(f'stopped early, recorded {kept} of 99 requests: {tmp_path / "out"} (')
    assert tape.progress() == '99 requests, 0 open watches, 0 B; the recording has stopped'


def test_an_existing_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / 'out').touch()
    with pytest.raises(CassetteError, match='exists already'):
        make(tmp_path / 'out', []).open(HEADER)
