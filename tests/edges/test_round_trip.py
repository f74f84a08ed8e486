"""The main promise, on real traffic: what is replayed is what was recorded, and recording that gives the same again.

The other side is the scripted client, which reads raw bytes. Long recordings are played at high speed.
"""

import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from comparing import compare_cassettes
from scripted import play_script
from shipped import CASSETTES

from kmock.clock import LoopClock
from kmock.handlers import RawHandler
from kmock.kubeconfig import url_target
from kmock.messages import ChunkPart, Outcome
from kmock.recording.cassette import (
    Cassette,
    ChunkFrame,
    EndFrame,
    Exchange,
    Frame,
    Header,
    RequestFrame,
    ResponseFrame,
)
from kmock.recording.format import CassetteWriter
from kmock.recording.interchange import open_cassette
from kmock.recording.recorder import Recorder
from kmock.recording.redaction import Redactor
from kmock.server import Server
from kmock.upstream import Target, Upstream

SHIPPED = sorted(path for path in CASSETTES.iterdir() if path.name.endswith(('.jsonl', '.jsonl.gz', '.kmock')))
on_all_that_is_shipped = pytest.mark.parametrize('path', SHIPPED, ids=[path.name for path in SHIPPED])


@contextlib.asynccontextmanager
async def replaying(path: Path, *, pace: str | float = 'instant', **server: Any) -> AsyncIterator[Server]:
    """A server that replays a cassette; every request must have been answered from it, and all of it be used."""
    async with RawHandler(cassette=path, pace=pace, strict=True) as handler:
        async with Server(handler, **server) as replay:
            yield replay
        assert handler.cassette is not None
        assert handler.cassette.unmatched == []
        assert handler.cassette.unused == []


@contextlib.asynccontextmanager
async def recording(target: Target, *, redactor: Redactor | None = None, **server: Any) -> AsyncIterator['Recording']:
    """A proxy that records into memory. Its cassette is complete once the block is left."""
    frames: list[Frame] = []
    clock = LoopClock()
    async with Upstream(target) as upstream:
        recorder = Recorder(upstream, frames.append, clock=clock, started=clock.now(), redactor=redactor)
        async with RawHandler(responders=[recorder], strict=True) as handler, Server(handler, **server) as proxy:
            yield Recording(proxy, frames)
        recorder.close()


@dataclasses.dataclass(frozen=True)
class Recording:
    """What a recording proxy has written down."""

    server: Server
    frames: list[Frame]

    @property
    def cassette(self) -> Cassette:
        cassette = Cassette.from_frames(Header(created=''), self.frames)
        assert cassette.problems == []
        return cassette


class Credentials:
    """A certificate for a client, and who signed it."""

    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        certificate = ca.issue_cert(common_name='client')
        self.ca, self.cert, self.key = folder / 'ca.pem', folder / 'cert.pem', folder / 'key.pem'
        ca.cert_pem.write_to_path(self.ca)
        certificate.private_key_pem.write_to_path(self.key)
        self.cert.write_bytes(b''.join(blob.bytes() for blob in certificate.cert_chain_pems))

    def target(self, server: Server) -> Target:
        return url_target(server.url, ca=server.ca_path, cert=self.cert, key=self.key)

    def context(self, server: Server) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=server.ca_path)
        context.load_cert_chain(self.cert, self.key)
        return context


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path)


def redact(cassette: Cassette, redactor: Redactor) -> Cassette:
    """The cassette after the redactor has passed over it."""
    frames = [frame for exchange in cassette.exchanges for frame in redact_exchange(exchange, redactor)]
    return Cassette.from_frames(cassette.header, sorted(frames, key=lambda frame: frame.at_us))


def redact_exchange(exchange: Exchange, redactor: Redactor) -> Iterator[Frame]:
    request, response, body = exchange.request, exchange.response, exchange.request_body()
    if body is not None:
        body = redactor.whole(request.target, content_type(request.headers), body, request=True)
    headers = redactor.headers(request.headers)
    yield dataclasses.replace(request, target=redactor.target(request.target), headers=headers, body=body)
    if response is not None:
        yield dataclasses.replace(response, headers=redactor.headers(response.headers))
        pieces = redactor.body(request.target, content_type(response.headers), request=False)
        chunks = list(exchange.chunks())
        data = [piece for chunk in chunks for piece in pieces.feed(chunk.data)] + pieces.finish()
        for chunk, replaced in zip(chunks, data, strict=True):
            yield dataclasses.replace(chunk, data=replaced)
    if exchange.end is not None:
        yield exchange.end


def content_type(headers: Sequence[tuple[str, str]]) -> str:
    return next((value for name, value in headers if name.lower() == 'content-type'), '')


# --- replay


@on_all_that_is_shipped
async def test_a_replay_gives_every_byte_border_and_ending_again(path: Path) -> None:
    with open_cassette(path) as trace:
        async with replaying(path) as replay:
            seen = await play_script(trace, replay.url)
        assert compare_cassettes(trace, seen) == []


@on_all_that_is_shipped
async def test_a_replay_by_the_clock_gives_the_same_again(path: Path) -> None:
    with open_cassette(path) as trace:
        async with replaying(path, pace=20) as replay:
            seen = await play_script(trace, replay.url, speed=20)
        assert compare_cassettes(trace, seen) == []


# --- record(replay(trace)) equals the trace


@on_all_that_is_shipped
async def test_recording_a_replay_over_http_gives_the_trace_again(path: Path) -> None:
    with open_cassette(path) as trace:
        async with replaying(path) as replay, recording(url_target(replay.url)) as proxy:
            seen = await play_script(trace, proxy.server.url)
        assert compare_cassettes(trace, seen) == []
        assert compare_cassettes(trace, proxy.cassette) == []


@on_all_that_is_shipped
async def test_recording_a_replay_over_https_with_client_certificates_gives_the_trace_again(
    path: Path, credentials: Credentials
) -> None:
    tls = {'tls': True, 'client_ca': credentials.ca}
    with open_cassette(path) as trace:
        async with (
            replaying(path, pace=20, **tls) as replay,
            recording(credentials.target(replay), **tls) as proxy,
        ):
            seen = await play_script(trace, proxy.server.url, speed=20, tls=credentials.context(proxy.server))
        assert compare_cassettes(trace, seen) == []
        assert compare_cassettes(trace, proxy.cassette) == []


@on_all_that_is_shipped
async def test_recording_a_replay_with_redaction_gives_the_redacted_trace(path: Path) -> None:
    redactor = Redactor()
    with open_cassette(path) as trace:
        async with replaying(path) as replay, recording(url_target(replay.url), redactor=redactor) as proxy:
            await play_script(trace, proxy.server.url)
        assert compare_cassettes(redact(trace, Redactor(redactor.key)), proxy.cassette) == []
        assert bool(compare_cassettes(trace, proxy.cassette)) is any(
            line.startswith('Secret') for line in redactor.found
        )


async def test_a_session_with_secrets_is_among_those_that_are_redacted() -> None:
    redactor = Redactor()
    with open_cassette(CASSETTES / 'kubectl.jsonl.gz') as trace:
        redact(trace, redactor)
    assert {'Secret data', 'Secret stringData'} <= set(redactor.found)


# --- what no shipped cassette has: resets, breaks amid a chunk and a length, large chunks


def made_exchange(
    number: int,
    *data: bytes | ChunkPart,
    method: str = 'GET',
    status: int = 200,
    length: int | None = None,
    body: bytes | None = None,
    outcome: Outcome = Outcome.COMPLETE,
) -> list[Frame]:
    """An exchange of a millisecond. A part of an HTTP chunk is written as ChunkPart."""
    start = number * 1000
    headers = () if length is None else (('Content-Length', str(length)),)
    frames: list[Frame] = [RequestFrame(id=number, at_us=start, method=method, target=f'/x/{number}', body=body)]
    if status:
        frames.append(ResponseFrame(id=number, at_us=start + 100, status=status, reason='OK', headers=headers))
    for place, piece in enumerate(data):
        partial = isinstance(piece, ChunkPart)
        frames.append(ChunkFrame(id=number, at_us=start + 200 + place, data=bytes(piece), partial=partial))
    return [*frames, EndFrame(id=number, at_us=start + 900, outcome=outcome)]


LARGE = b'x' * 100_000
MADE = [
    made_exchange(1, b'a', b'bc', outcome=Outcome.RESET),
    made_exchange(2, b'a', b'bc', outcome=Outcome.SERVER_CLOSED),
    made_exchange(3, b'a', b'bc', outcome=Outcome.CLIENT_CLOSED),
    made_exchange(4, b'a', ChunkPart(b'b'), outcome=Outcome.RESET),
    made_exchange(5, b'a', ChunkPart(b'b'), outcome=Outcome.SERVER_CLOSED),
    made_exchange(6, outcome=Outcome.RESET),
    made_exchange(7, outcome=Outcome.SERVER_CLOSED),
    made_exchange(8, outcome=Outcome.CLIENT_CLOSED),
    made_exchange(9, status=0, outcome=Outcome.ERROR),
    made_exchange(10, b'abc', length=10, outcome=Outcome.RESET),
    made_exchange(11, b'abc', length=10, outcome=Outcome.SERVER_CLOSED),
    made_exchange(12, length=10, outcome=Outcome.SERVER_CLOSED),
    made_exchange(13, LARGE, ChunkPart(LARGE), LARGE),
    made_exchange(14, LARGE, LARGE, length=200_000),
    made_exchange(15, method='HEAD', length=5),
    made_exchange(16, status=204),
    made_exchange(17, length=0),
    made_exchange(18, b'ok', method='POST', body=LARGE),
    made_exchange(19, b'\x00\xff', method='PUT', body=b'\x00\xff'),
    made_exchange(20),
]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / 'made.kmock'
    with CassetteWriter(path, Header(created='2026-01-01T00:00:00Z')) as writer:
        for frame in (frame for frames in MADE for frame in frames):
            writer.append(frame)
    assert writer.failure is None
    return path


async def test_a_replay_gives_each_kind_of_ending_again(made: Path) -> None:
    with open_cassette(made) as trace:
        async with replaying(made) as replay:
            seen = await play_script(trace, replay.url)
        assert compare_cassettes(trace, seen) == []


@pytest.mark.parametrize('tls', [False, True], ids=['http', 'https'])
async def test_a_recorded_replay_has_each_kind_of_ending_again(made: Path, tls: bool, credentials: Credentials) -> None:
    options: dict[str, Any] = {'tls': True, 'client_ca': credentials.ca} if tls else {}
    with open_cassette(made) as trace:
        async with replaying(made, **options) as replay:
            target = credentials.target(replay) if tls else url_target(replay.url)
            async with recording(target, **options) as proxy:
                context = credentials.context(proxy.server) if tls else None
                seen = await play_script(trace, proxy.server.url, tls=context)
        assert compare_cassettes(trace, seen) == []
        assert compare_cassettes(trace, proxy.cassette) == []
