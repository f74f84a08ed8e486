"""Redaction of frames, and a recorder that redacts: nothing secret is appended, the traffic keeps its secrets."""

import asyncio
import base64
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redaction_cases import CANARY, CANARY64, KEY, LEAKS, SECRETS, TOKEN, dump

from kmock.clock import VirtualClock
from kmock.errors import CassetteError
from kmock.messages import Answer, ChunkPart, Outcome, Request, RequestBody
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
from kmock.recording.interchange import open_cassette
from kmock.recording.recorder import Recorder
from kmock.recording.redactedframes import FrameRedactor
from kmock.recording.redaction import Redactor

CASSETTES = sorted((Path(__file__).parents[2] / 'cassettes').glob('*.*'))
JSON = (('Content-Type', 'application/json'),)


def redacted(frames: list[Frame], redactor: Redactor | None = None) -> list[Frame]:
    results: list[Frame] = []
    filtered = FrameRedactor(redactor or Redactor(KEY), results.append)
    for frame in frames:
        filtered.append(frame)
    filtered.close()
    return results


def secret(value: str = CANARY64) -> bytes:
    return dump({'kind': 'Secret', 'data': {'a': value}})


def request(number: int = 1, target: str = SECRETS, **kwargs: object) -> RequestFrame:
    return RequestFrame(id=number, at_us=0, method='POST', target=target, headers=JSON, **kwargs)


def response(number: int = 1) -> ResponseFrame:
    return ResponseFrame(id=number, at_us=1, status=200, headers=JSON)


def end(number: int = 1, error: str | None = None) -> EndFrame:
    return EndFrame(id=number, at_us=9, outcome=Outcome.COMPLETE, error=error)


def chunks(data: bytes, size: int, number: int = 1) -> list[Frame]:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [ChunkFrame(id=number, at_us=2 + i, data=each, partial=i % 2 == 0) for i, each in enumerate(pieces)]


def test_heads_and_bodies_of_all_kinds_are_redacted():
    frames: list[Frame] = [
        RequestFrame(
            id=1,
            at_us=0,
            method='POST',
            target=f'{SECRETS}?token={CANARY}',
            headers=(*JSON, ('Authorization', f'Bearer {TOKEN}')),
            body=secret(),
        ),
        ResponseFrame(id=1, at_us=1, status=200, headers=(*JSON, ('Set-Cookie', f'a={CANARY}; Path=/'))),
        *chunks(secret(), 7),
        end(error=f'no {TOKEN}'),
        request(2, streamed=True),
        BodyFrame(id=2, at_us=1, data=secret()[:40]),
        BodyFrame(id=2, at_us=2, data=secret()[40:]),
        BodyFrame(id=2, at_us=3, data=b'', last=True),
        end(2),
    ]
    results = redacted(frames)
    assert not [leak for leak in LEAKS if leak in repr(results).encode()]
    without_notes = [frame for frame in results if not isinstance(frame, NoteFrame)]
    assert [type(frame) for frame in without_notes] == [type(frame) for frame in frames]
    for before, after in zip(frames, without_notes, strict=True):
        same = {'id', 'at_us', 'partial', 'last', 'streamed', 'outcome', 'status', 'method'}
        names = {each.name for each in dataclasses.fields(before)} & same
        assert {name: getattr(before, name) for name in names} == {name: getattr(after, name) for name in names}
    joined = [b''.join(f.data for f in without_notes if isinstance(f, kind)) for kind in (ChunkFrame, BodyFrame)]
    assert joined[0] == joined[1] == without_notes[0].body
    assert without_notes[0].target.startswith(SECRETS + '?token=REDACTED-')


def test_what_is_held_back_comes_later_but_in_order_and_before_its_end():
    first, second = chunks(secret(), 45)
    other = chunks(b'{}', 2, number=2)
    frames = [request(1), response(1), request(2, '/x'), response(2), first, *other, second, end(1)]
    results = redacted(frames)
    ids = [(type(f).__name__, f.id) for f in results if isinstance(f, ChunkFrame | EndFrame)]
    assert ids == [('ChunkFrame', 2), ('ChunkFrame', 1), ('ChunkFrame', 1), ('EndFrame', 1)]
    assert [f.at_us for f in results if isinstance(f, ChunkFrame) and f.id == 1] == [2, 3]


def test_what_is_held_when_the_recording_breaks_off_is_redacted_too():
    results = redacted([request(), response(), *chunks(secret()[:-8], 9)])
    assert not [leak for leak in LEAKS if leak in repr(results).encode()]
    assert len([f for f in results if isinstance(f, ChunkFrame)]) == len(chunks(secret()[:-8], 9))


def test_each_kind_of_secret_is_noted_once_when_it_is_found():
    results = redacted([request(), response(), *chunks(secret(), 100), end(), request(2, body=secret()), end(2)])
    notes = [frame for frame in results if isinstance(frame, NoteFrame)]
    assert notes == [NoteFrame(at_us=2, changes={'redacted': ('Secret data',)})]


def test_tunnels_keep_their_lengths():
    data = f'x {TOKEN} y'.encode()
    up = [TunnelFrame(id=1, at_us=1, data=data[:20], from_client=True)]
    up += [TunnelFrame(id=1, at_us=2, data=data[20:], from_client=True)]
    up += [TunnelFrame(id=1, at_us=3, data=b'', from_client=True)]
    down = [dataclasses.replace(frame, from_client=False) for frame in up]
    head = ResponseFrame(id=1, at_us=1, status=101)
    results = redacted([request(target='/x'), head, *up, *down, end()])
    for from_client in (True, False):
        pieces = [f.data for f in results if isinstance(f, TunnelFrame) and f.from_client is from_client]
        assert len(pieces) == 3
        assert TOKEN.encode() not in b''.join(pieces)
        assert len(b''.join(pieces)) == len(data)


def test_a_piece_without_a_head_is_refused():
    with pytest.raises(ValueError, match='A piece of the response of exchange 1 came before its head'):
        redacted([request(), *chunks(b'x', 1)])


# --- the recorder


async def test_a_recorder_redacts_the_cassette_and_not_the_traffic():
    async def body() -> AsyncIterator[bytes]:
        for place in range(0, len(secret()), 10):
            yield ChunkPart(secret()[place : place + 10])

    class Upstream:
        async def respond(self, request: Request) -> Answer:
            assert request.headers['Authorization'] == f'Bearer {TOKEN}'
            assert await request.read() == secret()
            return Answer(headers=JSON, body=body())

    frames: list[Frame] = []
    recorder = Recorder(Upstream(), frames.append, clock=VirtualClock(), started=0, redactor=Redactor(KEY))
    headers = [('Authorization', f'Bearer {TOKEN}'), *JSON]
    request = Request.make('POST', SECRETS, headers=headers).with_content(RequestBody(body(), declared=True))
    answer = await recorder.respond(request)
    assert b''.join([piece async for piece in answer.body]) == secret()
    await asyncio.sleep(0)
    recorder.close()
    assert not [leak for leak in LEAKS if leak in repr(frames).encode()]
    sent, received = (b''.join(f.data for f in frames if isinstance(f, kind)) for kind in (BodyFrame, ChunkFrame))
    assert sent == received
    assert b'"UkVEQUNURUQt' in sent


async def test_closing_a_recorder_releases_what_redaction_holds():
    class Upstream:
        async def respond(self, request: Request) -> Answer:
            return Answer(headers=JSON, body=body())

    async def body() -> AsyncIterator[bytes]:
        yield secret()[:-5]
        yield b'never'

    frames: list[Frame] = []
    recorder = Recorder(Upstream(), frames.append, clock=VirtualClock(), started=0, redactor=Redactor(KEY))
    answer = await recorder.respond(Request.make('GET', SECRETS))
    await anext(answer.body)
    await asyncio.sleep(0)
    assert not any(isinstance(frame, ChunkFrame) for frame in frames)
    recorder.close()
    await answer.body.aclose()
    assert [type(frame) for frame in frames[-3:-1]] == [ChunkFrame, EndFrame]
    assert frames[-2].outcome is Outcome.UNFINISHED
    assert CANARY64.encode() not in repr(frames).encode()


# --- real traffic


@pytest.mark.parametrize('path', [p for p in CASSETTES if p.suffix in {'.kmock', '.jsonl', '.gz', '.zst'}], ids=str)
def test_of_real_traffic_only_secrets_change(path):
    with open_cassette(path) as cassette:
        results: list[Frame] = []
        redactor = Redactor(KEY)
        filtered = FrameRedactor(redactor, results.append)
        count = 0
        for exchange in cassette.exchanges:
            frames: list[Frame] = [exchange.request, *exchange.chunks()]
            if exchange.response is not None:
                frames.insert(1, exchange.response)
            for frame in frames:
                filtered.append(frame)
            filtered.append(EndFrame(id=exchange.id, at_us=0, outcome=exchange.outcome))
            count += len(frames) + 1
            if '/secrets' not in exchange.target:
                kept = [frame for frame in results if not isinstance(frame, EndFrame | NoteFrame)]
                assert [getattr(f, 'data', None) or getattr(f, 'body', None) for f in kept] == [
                    getattr(f, 'data', None) or getattr(f, 'body', None) for f in frames
                ]
            results.clear()
        assert count > 0
        assert set(redactor.found) <= {'Secret data', 'Secret stringData'}


# --- the header


def test_a_header_tells_what_live_requests_have_to_pass():
    redactor = Redactor(headers=['X-Mine'], paths=['spec.password'], patterns=['SK-[0-9]+'])
    header = redactor.in_header(Header(created='', matching={'ignore': ['spec.x']}))
    same = Redactor.of_header(header)
    assert same is not None
    body = dump({'spec': {'password': CANARY}, 'x': 'SK-5'})
    assert same.whole('/x', 'application/json', body, request=True) == redactor.whole(
        '/x', 'application/json', body, request=True
    )
    assert same.headers((('x-mine', 'a'),)) == redactor.headers((('x-mine', 'a'),)) != (('x-mine', 'a'),)
    assert Redactor.of_header(Header(created='')) is None
    plain = Redactor.of_header(Header(created='', key=KEY))
    assert plain is not None
    assert plain.key == KEY
    assert plain.own_rules == {}


@pytest.mark.parametrize('rules', [5, {'odd': []}, {'paths': [5]}, {'paths': ['']}, {'patterns': '('}])
def test_malformed_rules_in_a_header_are_refused(rules):
    with pytest.raises(CassetteError, match='rules of redaction'):
        Redactor.of_header(Header(created='', key=KEY, matching={'redaction': rules}))


def test_values_stay_valid_base64():
    (frame, *_) = redacted([request(body=secret())])
    value = frame.body.split(b'"')[-2]
    assert base64.b64decode(value, validate=True).startswith(b'REDACTED-')
    assert CANARY not in value.decode()
