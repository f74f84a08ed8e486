"""What becomes of requests, streams and tasks when the rules are made anew."""

import asyncio
from pathlib import Path

import pytest
from serving_rules import serving_rules, written

from kmock.cli.rules_file import RulesError

ENDLESS = [
    'kmock.closed = asyncio.Event()',
    'async def endless():',
    '    try:',
    '        while True:',
    "            yield 'more'",
    '            await asyncio.Event().wait()',
    '    finally:',
    '        kmock.closed.set()',
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'rules.py'


async def test_later_requests_get_the_new_rules(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << 'one'") as stage:
        assert await stage.text('/') == '"one"'
        await stage.rewrite("kmock['get /'] << 'two'")
        assert await stage.text('/') == '"two"'


async def test_an_open_stream_ends_there_as_a_complete_response(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << ('one', lambda: asyncio.Event().wait(), 'late')") as stage:
        async with stage.client.get('/') as response:
            assert await response.content.readline() == b'"one"\n'
            await stage.rewrite()
            assert await response.content.read() == b''
        await stage.until(lambda: stage.logged)
        [entry] = stage.logged
    assert (entry['status'], entry['outcome'], entry['bytes']) == (200, 'complete', 6)


@pytest.mark.parametrize('payload', ['endless', 'endless()'], ids=['of its own', 'shared'])
async def test_a_generator_behind_an_open_stream_is_closed(path: Path, payload: str) -> None:
    async with serving_rules(path, *ENDLESS, f"kmock['get /'] << {payload}") as stage:
        closed = stage.handler.closed
        async with stage.client.get('/') as response:
            assert await response.content.readline() == b'"more"\n'
            await stage.rewrite()
            assert await response.content.read() == b''
        await stage.until(closed.is_set)
    assert stage.told == []


async def test_a_live_stream_that_has_got_nothing_is_given_to_the_new_rules(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << (...,)") as stage:
        response = asyncio.create_task(stage.text('/'))
        handler = stage.handler
        await stage.until(lambda: handler[...])
        await stage.rewrite("kmock['get /'] << 'from the new rules'")
        assert await response == '"from the new rules"'
        await stage.until(lambda: stage.logged)
        [entry] = stage.logged
        assert entry['rule'] == "kmock['get /']"


async def test_a_request_that_comes_to_a_live_stream_too_late_is_given_to_the_new_rules(path: Path) -> None:
    lines = ['kmock.go = asyncio.Event()', "kmock['get /'] << (lambda: kmock.go.wait(), ...)"]
    async with serving_rules(path, *lines) as stage:
        response = asyncio.create_task(stage.text('/'))
        former = stage.handler
        await stage.until(lambda: former._under_way)
        await stage.rewrite("kmock['get /'] << 'new'")
        await stage.clock.advance(5)
        former.go.set()
        await stage.until(response.done)
        assert await response == '"new"'


async def test_a_request_that_is_being_answered_is_so_by_the_former_rules(path: Path) -> None:
    lines = ['kmock.go = asyncio.Event()', 'async def slow():', '    await kmock.go.wait()', "    return 'former'"]
    async with serving_rules(path, *lines, "kmock['get /'] << slow") as stage:
        response = asyncio.create_task(stage.text('/'))
        former = stage.handler
        await stage.until(lambda: former._under_way)
        await stage.rewrite("kmock['get /'] << 'new'")
        await stage.clock.advance(5)
        assert await stage.text('/') == '"new"'
        former.go.set()
        assert await response == '"former"'
        await stage.until(lambda: not stage.editions._leaving)
        assert former._chain is None


async def test_a_body_that_is_still_coming_is_answered_by_the_former_rules(path: Path) -> None:
    rest = asyncio.Event()

    async def body() -> object:
        yield b'one'
        await rest.wait()
        yield b'two'

    async with serving_rules(path, "kmock['post /'] << 'former'") as stage:
        former = stage.handler
        response = asyncio.create_task(stage.text('/', method='POST', data=body()))
        await stage.until(lambda: former._under_way)
        await stage.rewrite("kmock['post /'] << 'new'")
        await stage.clock.advance(5)
        rest.set()
        assert await response == '"former"'


async def test_a_version_that_fails_leaves_the_former_rules_and_their_streams_alone(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << ('one', ..., 'two')") as stage:
        async with stage.client.get('/') as response:
            assert await response.content.readline() == b'"one"\n'
            with pytest.raises(RulesError, match=r'rules\.py:3: ZeroDivisionError: division by zero'):
                await stage.rewrite('1 / 0')
            stage.handler[...] << 'fed'
            assert await response.content.read() == b'"fed"\n"two"\n'


async def test_tasks_that_the_rules_start_end_with_them(path: Path) -> None:
    lines = [
        'kmock.tasks = []',
        'async def inner():',
        '    await asyncio.Event().wait()',
        'async def outer():',
        '    kmock.tasks.append(asyncio.create_task(inner()))',
        '    await asyncio.Event().wait()',
        'kmock.tasks.append(asyncio.create_task(outer()))',
    ]
    async with serving_rules(path, *lines) as stage:
        tasks = stage.handler.tasks
        await stage.until(lambda: len(tasks) == 2)
        assert await stage.text('/') != ''  # tasks of the server do not belong to the rules
        await stage.rewrite(*lines)
        await stage.until(lambda: all(task.cancelled() for task in tasks))
        tasks = stage.handler.tasks
        await stage.until(lambda: len(tasks) == 2)
    assert all(task.cancelled() for task in tasks)


async def test_a_task_that_fails_is_told_with_its_place(path: Path) -> None:
    async with serving_rules(path, 'async def fail():', '    1 / 0', 'asyncio.create_task(fail())') as stage:
        await stage.until(lambda: stage.told)
        [line] = stage.told
    assert line.endswith('rules.py:4: ZeroDivisionError: division by zero')


async def test_an_error_at_a_request_is_told_with_its_place_and_not_kept(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << (lambda: 1 / 0)") as stage:
        await stage.text('/')
        assert stage.handler.errors == []
        [line] = stage.told
    assert line.endswith("rules.py:3: ZeroDivisionError: division by zero (GET / by kmock['get /'])")


async def test_a_payload_that_is_none_is_told_with_its_request_and_its_rule(path: Path) -> None:
    async with serving_rules(path, "kmock['get /*'] << (lambda: {1})") as stage:
        await stage.text('/x?token=secret-word')
        [line] = stage.told
    assert 'ValueError: {1} is a set' in line
    assert line.endswith("(GET /x?token=… by kmock['get /*'])")


async def test_an_error_amid_a_stream_is_told(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << ('one', lambda: 1 / 0)") as stage:
        async with stage.client.get('/') as response:
            assert await response.content.readline() == b'"one"\n'
        await stage.until(lambda: stage.logged)
        [line] = stage.told
        [entry] = stage.logged
    assert line.endswith("ZeroDivisionError: division by zero (GET / by kmock['get /'])")
    assert entry['outcome'] == 'server-closed'


async def test_the_rules_know_their_url_and_may_feed_streams(path: Path) -> None:
    lines = ["kmock['get /'] << {'url': kmock.url}", "kmock['/live'] << (...,)"]
    lines += ["kmock['post /feed'] << 204 << (lambda: kmock['/live'][...] << 'fed' and None)"]
    async with serving_rules(path, *lines) as stage:
        assert f'{{"url":"{stage.handler.url}"}}' == await stage.text('/')
        response = asyncio.create_task(stage.text('/live'))
        await stage.until(lambda: stage.handler[...])
        await stage.text('/feed', method='POST')
        assert await response == '"fed"\n'


async def test_a_client_that_leaves_is_logged_as_such(path: Path) -> None:
    async with serving_rules(path, "kmock['get /'] << (...,)") as stage:
        response = asyncio.create_task(stage.text('/?limit=1'))
        await stage.until(lambda: stage.handler[...])
        response.cancel()
        await stage.until(lambda: stage.logged)
        [entry] = stage.logged
    assert (entry['method'], entry['target'], entry['status']) == ('GET', '/?limit=1', None)
    assert entry['outcome'] == 'client-closed'
    assert entry['rule'] == "kmock['get /']"


async def test_an_edition_is_given_a_class_of_the_user_and_remembers_no_more_than_needed(path: Path) -> None:
    path.write_text(
        'import kmock\n'
        'class Mine(kmock.RawHandler):\n'
        '    word = "mine"\n'
        'def rules(handler):\n'
        '    handler << handler.word\n'
    )
    async with serving_rules(path, cls='rules:Mine') as stage:
        assert await stage.text('/') == '"mine"'
        path.write_text(path.read_text().replace('"mine"', '"changed"'))
        await stage.editions.renew()
        assert await stage.text('/') == '"changed"'
        assert stage.handler._request_log == 1000


async def test_rules_that_are_being_written_are_not_served(path: Path) -> None:
    """Nor is what came before them: until there is a first edition, requests wait."""
    lines = ["kmock['get /'] << 'early'", 'while not __import__("os").path.exists(__file__ + ".go"):']
    lines += ['    await asyncio.sleep(0)', "kmock['get /'].override << 'late'"]
    async with serving_rules(path, "kmock['get /'] << 'former'") as stage:
        written(path, *lines)
        renewal = asyncio.create_task(stage.editions.renew())
        await asyncio.sleep(0)
        assert await stage.text('/') == '"former"'
        path.with_name('rules.py.go').touch()
        await renewal
        assert await stage.text('/') == '"late"'
