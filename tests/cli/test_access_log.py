"""What a line of the log of requests says, and what it never does."""

import datetime
import json
import os
from pathlib import Path

import pytest

import kmock
from kmock.cli.access_log import AccessLog, Entry, answering_rule, as_json, as_text, rule_text
from kmock.messages import Outcome, Request


def entry(**changes: object) -> Entry:
    fields: dict[str, object] = {
        'time': datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC),
        'method': 'GET',
        'target': '/path?q=1',
        'status': 200,
        'duration': 0.0012345678,
        'size': 1234,
        'outcome': Outcome.COMPLETE,
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({}, 'GET /path?q=1 200 1.2 kB in 1.2 ms'),
        ({'rule': "kmock['get']"}, "GET /path?q=1 200 1.2 kB in 1.2 ms by kmock['get']"),
        ({'outcome': Outcome.RESET, 'duration': 12.34}, 'GET /path?q=1 200 reset 1.2 kB in 12.3 s'),
        ({'status': None, 'outcome': Outcome.CLIENT_CLOSED, 'size': 0}, 'GET /path?q=1 - client-closed 0 B in 1.2 ms'),
        ({'duration': 3723.4}, 'GET /path?q=1 200 1.2 kB in 1:02:03'),
        ({'target': '/\x1b[31m\udcff'}, 'GET /\\x1b[31m\\udcff 200 1.2 kB in 1.2 ms'),
    ],
)
def test_a_line_for_people(changes: dict[str, object], text: str) -> None:
    time, rest = as_text(entry(**changes)).split(' ', 1)
    assert rest == text
    assert time.endswith(':05')


def test_a_line_for_machines() -> None:
    line = as_json(entry(target='/\udcff\n', rule="kmock['get']"))
    assert line.isascii()
    assert '\n' not in line
    assert json.loads(line) == {
        'time': '2026-01-02T03:04:05.678Z',
        'method': 'GET',
        'target': '/\udcff\n',
        'status': 200,
        'duration': 0.001235,
        'bytes': 1234,
        'outcome': 'complete',
        'rule': "kmock['get']",
    }


def test_a_stream_that_can_not_be_written_to_ends_the_log_with_one_complaint() -> None:
    told: list[str] = []
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, 'w') as stream:
        log = AccessLog(stream, as_text, told.append)
        log.write(entry())
        log.write(entry())
    assert told == ["the log of requests has ended, for it can't be written: Broken pipe"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    with Path('/dev/full').open('w') as stream:
        AccessLog(stream, as_text, told.append).write(entry())
    assert told == ["the log of requests has ended, for it can't be written: No space left on device"]


@pytest.mark.parametrize(
    ('view', 'text'),
    [
        (lambda h: h['get /x'], "kmock['get /x']"),
        (lambda h: h['/x*'], "kmock['/x*']"),
        (lambda h: h['get'], "kmock['get']"),
        (lambda h: h['list v1/pods', h.namespace('ns')], "kmock['list', 'pods.v1', namespace('ns')]"),
        (lambda h: h['get /x', h.headers({'Authorization': 'Bearer secret'})], "kmock['get /x', …]"),
        (lambda h: h[h.data({'secret': 1})], 'kmock[…]'),
        (lambda h: h['get'][:3], "kmock['get', …]"),
        (lambda h: h, 'kmock'),
        (lambda h: h.fallback, 'kmock.fallback'),
        (lambda h: (h['get'] ** 5).override, "kmock['get'] ** 5.override"),
    ],
)
def test_rules_are_shown_without_what_may_be_secret_in_them(view: object, text: str) -> None:
    handler = kmock.RawHandler()
    assert callable(view)
    reaction = view(handler) << 200
    assert rule_text(reaction._rule) == text


async def test_a_rule_that_had_nothing_to_answer_is_not_the_one_that_answered() -> None:
    async with kmock.RawHandler() as handler:
        handler['post'] >> []
        handler['get /once'] << iter(['one'])
        handler['get'] << None
        handler['get /kept'] << 200
        handler.fallback['delete'] << 404
        told = []
        for method, path in [('POST', '/'), ('GET', '/once'), ('GET', '/once'), ('GET', '/kept'), ('DELETE', '/')]:
            request = Request.make(method, path)
            answer = await handler.handle(request)
            if not isinstance(answer.body, bytes):
                assert [piece async for piece in answer.body]
            rule = answering_rule(handler, request)
            told.append(None if rule is None else rule_text(rule))
    assert told == [None, "kmock['get /once']", None, "kmock['get /kept']", "kmock['delete'].fallback"]
