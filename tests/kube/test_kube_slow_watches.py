"""Watches whose clients don't read in time: they end with 410, and hold no events meanwhile."""

import json
from collections.abc import AsyncIterator
from typing import Any

from kmock.kube.emulator import Emulator
from kmock.kube.store import Store
from kmock.messages import Answer, Request

PATH = '/api/v1/namespaces/default/configmaps'
PIECE_LIMIT = 80 * 1024


async def ask(emulator: Emulator, method: str, target: str, body: Any = None) -> Answer:
    data = b'' if body is None else json.dumps(body).encode()
    answer = await emulator.respond(Request.make(method, target, body=data))
    assert answer is not None
    return answer


async def create(emulator: Emulator, names: range) -> None:
    for number in names:
        body = {'metadata': {'name': f'a{number}'}, 'data': {'text': 'x' * 1000}}
        assert (await ask(emulator, 'POST', PATH, body)).status == 201


async def watching(emulator: Emulator, query: str = '') -> AsyncIterator[bytes]:
    body = (await ask(emulator, 'GET', f'{PATH}?watch=true{query}')).body
    assert not isinstance(body, bytes)
    return body


def events_of(piece: bytes) -> list[Any]:
    return [json.loads(line) for line in piece.splitlines()]


async def test_a_watch_that_falls_behind_the_log_ends_with_410() -> None:
    emulator = Emulator(store=Store(event_log=20))
    emulator.start()
    body = await watching(emulator)
    await create(emulator, range(1))
    assert [each['type'] for each in events_of(await anext(body))] == ['ADDED']
    await create(emulator, range(1, 30))
    [last] = [each async for piece in body for each in events_of(piece)]
    assert last['type'] == 'ERROR'
    assert last['object']['code'] == 410
    assert last['object']['reason'] == 'Expired'


async def test_a_watch_that_keeps_up_within_the_log_loses_nothing() -> None:
    emulator = Emulator(store=Store(event_log=20))
    emulator.start()
    body = await watching(emulator)
    await create(emulator, range(1))
    seen = events_of(await anext(body))
    for start in range(1, 100, 20):
        await create(emulator, range(start, start + 20))
        while len(seen) < start + 20:
            seen += events_of(await anext(body))
    assert [each['object']['metadata']['name'] for each in seen] == [f'a{number}' for number in range(101)]
    await body.aclose()  # type: ignore[attr-defined]


async def test_what_comes_at_once_is_written_in_pieces() -> None:
    emulator = Emulator()
    emulator.start()
    await create(emulator, range(200))
    body = await watching(emulator)
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < 200 * 1000 or len(events_of(b''.join(pieces))) < 200:
        pieces.append(await anext(body))
    assert len(pieces) > 1
    assert max(map(len, pieces)) < PIECE_LIMIT
    await body.aclose()  # type: ignore[attr-defined]
