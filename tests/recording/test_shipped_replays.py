"""Facts about the shipped cassettes, played to a scripted client that repeats their requests, on the virtual clock."""

import asyncio
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from taping import Seen, repeat

from kmock.clock import VirtualClock
from kmock.messages import Ending, Outcome, Request
from kmock.recording.cassette import Cassette, EndFrame, Exchange, Frame, RequestFrame
from kmock.recording.comparison import compare
from kmock.recording.interchange import open_cassette
from kmock.recording.player import Player
from kmock.recording.report import exchange_lines, summary_lines, text_lines, timeline_lines
from kmock.recording.timeline import pace_clock

NAMES = [
    'faults.jsonl',
    'kopf.jsonl',
    'kubectl.jsonl.gz',
    'kubernetes-asyncio.jsonl',
    'kubernetes-asyncio.kmock',
    'lightkube.jsonl',
    'long-watch.jsonl.gz',
]
ENDINGS = {
    Outcome.COMPLETE: Ending.CLEAN,
    Outcome.CLIENT_CLOSED: Ending.HELD,
    Outcome.SERVER_CLOSED: Ending.CUT,
    Outcome.ERROR: Ending.CUT,
}
START = 1000.0


@pytest.fixture(params=NAMES)
def cassette(request: pytest.FixtureRequest, cassettes_folder: pathlib.Path) -> Iterator[Cassette]:
    with open_cassette(cassettes_folder / request.param) as opened:
        yield opened


def test_all_shipped_cassettes_are_played_here(cassettes_folder: pathlib.Path) -> None:
    assert sorted(path.name for path in cassettes_folder.iterdir() if path.suffix != '.md') == NAMES


async def test_every_byte_border_and_ending_comes_again_at_its_moment(cassette: Cassette) -> None:
    clock = VirtualClock(start=START)
    player = Player(cassette, clock=clock)
    seen = await repeat(player, clock, cassette)
    assert player.unmatched == []
    assert player.unused == []
    for exchange in cassette.exchanges:
        check(exchange, seen[exchange.id])


async def test_at_ten_times_the_pace_all_comes_in_a_tenth_of_the_time(cassette: Cassette) -> None:
    inner = VirtualClock(start=START)
    clock = pace_clock(10, inner)
    player = Player(cassette, clock=clock)
    for exchange in cassette.exchanges[:3]:
        request = Request.make(
            exchange.method,
            exchange.target,
            headers=exchange.request.headers,
            body=exchange.request_body() or b'',
            arrived=inner.now(),
        )
        started = inner.now()
        task = asyncio.create_task(player.respond(request))
        response = exchange.response
        assert response is not None
        await inner.advance((response.at_us - exchange.at_us) / 10_000_000 - 1e-6)
        assert not task.done()
        await inner.advance(2e-6)
        assert task.done()
        assert task.result() is not None
        assert inner.now() > started


def check(exchange: Exchange, seen: Seen) -> None:
    """Compare what a client saw with what was recorded, moment by moment."""

    def moment(at_us: int) -> Any:
        return pytest.approx(START + at_us / 1e6, abs=1e-9)

    end, response, answer = exchange.end, exchange.response, seen.answer
    assert end is not None
    assert answer is not None
    assert answer.ending is ENDINGS[exchange.outcome]
    if response is None:
        assert answer.disconnects
        assert seen.head_at == moment(end.at_us)
        return
    assert (answer.status, answer.reason, answer.headers) == (response.status, response.reason, response.headers)
    assert seen.head_at == moment(response.at_us)
    chunks = [chunk for chunk in exchange.chunks() if chunk.data]
    assert [data for _, data in seen.pieces] == [chunk.data for chunk in chunks]
    assert [at for at, _ in seen.pieces] == [moment(chunk.at_us) for chunk in chunks]
    if exchange.outcome is not Outcome.CLIENT_CLOSED and response.status != 304:
        assert seen.over_at == moment(end.at_us)


# --- another run of the same clients

UIDS = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
TIMES = re.compile(r'2026-11-21T\d\d:\d\d:\d\d')
VERSIONS = re.compile(r'((?:resourceVersion=|"resourceVersion": ?"|/resourceVersion", "value": "))(\d+)')
CONTINUE = re.compile(r'continue=[^&]+')


def vary_text(text: str) -> str:
    """Other uids, times and versions, as a second run of a client against a cluster has them."""
    text = UIDS.sub(lambda match: match.group()[::-1].translate(str.maketrans('0123456789', '9876543210')), text)
    text = re.sub(r'([0-9a-f]{12})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{8})', r'\5-\2-\3-\4-\1', text)
    text = TIMES.sub('2031-05-06T07:08:09', text)
    text = VERSIONS.sub(lambda match: f'{match[1]}{int(match[2]) + 1_000_000}', text)
    return CONTINUE.sub('continue=another', text)


def vary_body(body: bytes | None) -> bytes | None:
    """The same JSON with another order of keys and other whitespace, besides."""
    if body is None:
        return None
    value = json.loads(vary_text(body.decode()))
    if isinstance(value, dict):
        value = dict(reversed(value.items()))
    return json.dumps(value, indent=1).encode()


def vary(cassette: Cassette) -> Cassette:
    """Another run: the same requests with all else than their meaning changed."""

    def frames() -> Iterator[Frame]:
        for exchange in cassette.exchanges:
            request = exchange.request
            target = vary_text(request.target).replace('timeoutSeconds=', 'timeoutSeconds=9')
            path, _, query = target.partition('?')
            query = '&'.join(reversed(query.split('&')))
            headers = [(name, value) for name, value in request.headers if name not in {'User-Agent', 'Host'}]
            yield RequestFrame(
                id=exchange.id,
                at_us=exchange.at_us,
                method=exchange.method,
                target=f'{path}?{query}' if query else path,
                headers=(*headers, ('user-agent', 'another/2.0'), ('X-Trace', 'abc')),
                body=vary_body(exchange.request_body()),
            )
        yield EndFrame(id=1, at_us=cassette.duration_us, outcome=Outcome.COMPLETE)

    return Cassette.from_frames(cassette.header, frames())


@pytest.mark.parametrize('name', ['kopf.jsonl', 'kubernetes-asyncio.jsonl', 'lightkube.jsonl'])
async def test_another_run_of_the_same_client_gets_the_same_answers(cassettes_folder: pathlib.Path, name: str) -> None:
    with open_cassette(cassettes_folder / name) as recorded:
        script = vary(recorded)
        changed = sum(one.target != two.target for one, two in zip(recorded.exchanges, script.exchanges, strict=True))
        assert changed >= 4
        clock = VirtualClock(start=START)
        player = Player(recorded, clock=clock)
        seen = await repeat(player, clock, script)
        assert player.unmatched == []
        assert player.unused == []
        assert [each.loose for each in player.played] == [False] * len(recorded.exchanges)
        for exchange in recorded.exchanges:
            assert seen[exchange.id].body == exchange.body()


async def test_a_change_of_meaning_is_refused_and_named(cassettes_folder: pathlib.Path) -> None:
    with open_cassette(cassettes_folder / 'kopf.jsonl') as recorded:
        player = Player(recorded, clock=VirtualClock())
        exchange = next(each for each in recorded.exchanges if each.method == 'PATCH' and each.target.endswith('/one'))
        body = (exchange.request_body() or b'').replace(b'demo.kmock.dev/finalizer', b'demo.kmock.dev/another')
        request = Request.make('PATCH', exchange.target, headers=exchange.request.headers, body=body)
        assert await player.respond(request) is None
        text = player.explain(request)
        assert f'The nearest recorded request is #{exchange.id} PATCH' in text
        assert (
            '  body metadata.finalizers.0: recorded "demo.kmock.dev/finalizer", asked "demo.kmock.dev/another"' in text
        )


# --- shown to people


def test_each_can_be_shown_in_full_without_control_characters(cassette: Cassette) -> None:
    lines = [*summary_lines(cassette), *timeline_lines(cassette), *text_lines(cassette)]
    for exchange in cassette.exchanges:
        lines += exchange_lines(exchange, limit=20_000)
    assert len(lines) > 3 * len(cassette.exchanges)
    assert [line for line in lines if not line.isprintable()] == []


def test_each_agrees_with_itself(cassette: Cassette) -> None:
    result = compare(cassette, cassette)
    assert result.agrees
    assert result.paired == len(cassette.exchanges)
    assert result.percentile_us(100) == 0
