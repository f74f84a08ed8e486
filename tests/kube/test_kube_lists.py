"""Lists and watches: their options, pages, and bookmarks, as a real server treats them."""

import asyncio
import json
from typing import Any

import pytest

from kmock.kube.emulator import Emulator
from kmock.messages import Request

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'


@pytest.fixture
async def cluster() -> Emulator:
    emulator = Emulator()
    emulator.start()
    for name in 'abcd':
        metadata = {'name': name, 'labels': {'half': 'one' if name in 'ab' else 'two'}}
        await _ask(emulator, 'POST', CONFIGMAPS, {'metadata': metadata})
    return emulator


async def _ask(emulator: Emulator, method: str, target: str, body: Any = None) -> tuple[int, Any]:
    headers = [('Content-Type', 'application/json')]
    request = Request.make(method, target, body=b'' if body is None else json.dumps(body).encode(), headers=headers)
    answer = await emulator.respond(request)
    assert answer is not None
    assert isinstance(answer.body, bytes)
    return answer.status, json.loads(answer.body)


async def _list(emulator: Emulator, query: str) -> tuple[list[str], Any]:
    status, body = await _ask(emulator, 'GET', f'{CONFIGMAPS}?{query}')
    assert status == 200, body
    return [each['metadata']['name'] for each in body['items']], body['metadata']


async def _refused(emulator: Emulator, query: str) -> tuple[int, str]:
    status, body = await _ask(emulator, 'GET', f'{CONFIGMAPS}?{query}')
    return status, body['message']


async def _watch(emulator: Emulator, query: str, count: int) -> list[Any]:
    answer = await emulator.respond(Request.make('GET', f'{CONFIGMAPS}?{query}'))
    assert answer is not None
    assert answer.status == 200
    assert not isinstance(answer.body, (bytes, type(None)))
    events: list[Any] = []
    async with asyncio.timeout(5):
        async for piece in answer.body:
            assert isinstance(piece, bytes)
            events += [json.loads(line) for line in piece.splitlines()]
            if len(events) >= count:
                break
    return events


async def test_a_full_page_of_selected_objects_goes_on_while_any_objects_are_behind_it(cluster: Emulator) -> None:
    names, metadata = await _list(cluster, 'limit=2&labelSelector=half=one')
    assert names == ['a', 'b']
    assert 'remainingItemCount' not in metadata
    names, metadata = await _list(cluster, f'limit=2&labelSelector=half=one&continue={metadata["continue"]}')
    assert (names, metadata.get('continue')) == ([], None)


async def test_a_full_page_at_the_very_end_does_not_go_on(cluster: Emulator) -> None:
    names, metadata = await _list(cluster, 'limit=2&labelSelector=half=two')
    assert (names, metadata.get('continue')) == (['c', 'd'], None)


async def test_the_only_object_that_is_meant_makes_no_pages(cluster: Emulator) -> None:
    names, metadata = await _list(cluster, 'limit=1&fieldSelector=metadata.name=a')
    assert (names, metadata.get('continue')) == (['a'], None)


async def test_a_limited_list_from_a_revision_is_of_exactly_that_revision(cluster: Emulator) -> None:
    _, metadata = await _list(cluster, '')
    revision = int(metadata['resourceVersion']) - 2
    names, metadata = await _list(cluster, f'limit=1&resourceVersion={revision}')
    assert (names, metadata['resourceVersion'], metadata['remainingItemCount']) == (['a'], str(revision), 1)
    names, metadata = await _list(cluster, f'limit=1&resourceVersion={revision}&resourceVersionMatch=NotOlderThan')
    assert (names, metadata['remainingItemCount']) == (['a'], 3)


async def test_a_wrong_token_is_refused_before_a_revision_beside_it(cluster: Emulator) -> None:
    status, message = await _refused(cluster, 'continue=!&resourceVersion=5')
    assert (status, 'illegal base64 data' in message) == (400, True)
    _, metadata = await _list(cluster, 'limit=1')
    status, message = await _refused(cluster, f'continue={metadata["continue"]}&resourceVersion=5')
    assert (status, message) == (400, 'specifying resource version is not allowed when using continue')


async def test_numbers_in_the_query_are_of_64_bits_and_never_empty(cluster: Emulator) -> None:
    assert await _refused(cluster, 'limit=') == (400, 'strconv.ParseInt: parsing "": invalid syntax')
    big = '9' * 20
    assert await _refused(cluster, f'limit={big}') == (400, f'strconv.ParseInt: parsing "{big}": value out of range')


@pytest.mark.parametrize('query', ['', '&resourceVersion=0', '&resourceVersion='])
async def test_a_watch_from_anywhere_with_bookmarks_tells_the_end_of_what_was_there(
    cluster: Emulator, query: str
) -> None:
    events = await _watch(cluster, f'watch=1&allowWatchBookmarks=true{query}', 5)
    assert [each['type'] for each in events] == ['ADDED'] * 4 + ['BOOKMARK']
    assert events[-1]['object']['metadata']['annotations'] == {'k8s.io/initial-events-end': 'true'}


async def test_a_watch_from_a_revision_may_carry_a_token_as_lists_do(cluster: Emulator) -> None:
    assert len(await _watch(cluster, 'watch=1&resourceVersion=1&continue=x', 4)) == 4
    status, message = await _refused(cluster, 'watch=1&continue=x')
    assert (status, message.count('resourceVersionMatch is forbidden when continue is provided')) == (422, 1)


async def test_initial_events_are_never_exact(cluster: Emulator) -> None:
    status, message = await _refused(cluster, 'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact')
    assert status == 422
    assert message == (
        'ListOptions.meta.k8s.io "" is invalid: ['
        'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, '
        'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]'
    )


async def test_a_match_needs_a_revision_before_it_is_at_odds_with_a_token(cluster: Emulator) -> None:
    status, message = await _refused(cluster, 'resourceVersionMatch=Exact&continue=x')
    assert status == 422
    assert message.index('unless resourceVersion') < message.index('when continue')


@pytest.mark.parametrize(
    ('path', 'rest'),
    [
        ('/api/v1/pods', {'spec': {'containers': None}, 'status': {}}),
        ('/api/v1/services', {'spec': {}, 'status': {'loadBalancer': {}}}),
        ('/api/v1/configmaps', {}),
    ],
)
async def test_bookmarks_have_what_go_writes_of_empty_objects(cluster: Emulator, path: str, rest: Any) -> None:
    target = f'{path}?watch=1&allowWatchBookmarks=true&fieldSelector=metadata.name=none'
    answer = await cluster.respond(Request.make('GET', target))
    assert answer is not None
    assert not isinstance(answer.body, (bytes, type(None)))
    line = await anext(aiter(answer.body))
    assert isinstance(line, bytes)
    shown = json.loads(line)['object']
    assert {key: shown[key] for key in shown if key not in ('kind', 'apiVersion', 'metadata')} == rest
