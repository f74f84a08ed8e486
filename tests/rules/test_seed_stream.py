"""The most sophisticated stream of the introduction, as a fact about rules alone."""

import asyncio

from asking import ask

import kmock
from kmock import RawHandler

EXAMPLES = '/apis/kopf.dev/v1/namespaces/ns1/kopfexamples'


async def test_a_simulated_watch_with_a_list_and_a_default_for_the_rest():
    deletion = asyncio.Event()
    async with RawHandler() as raw:
        gets, lists, watches = raw['get'], raw['list'], raw['watch']
        raw['list kopf.dev/v1/kopfexamples', kmock.namespace('ns1')] << {'items': [], 'metadata': {}}
        raw['watch kopf.dev/v1/kopfexamples', kmock.namespace('ns1')] << (
            {'type': 'ADDED', 'object': {'spec': {}}},
            lambda: asyncio.sleep(0),
            lambda: {'type': 'MODIFIED', 'object': {'spec': {'time': 'now'}}},
            deletion.wait(),
            tuple({'type': 'DELETED', 'object': {'metadata': {'name': f'demo{i}'}}} for i in range(3)),
            410,
        )
        raw << 404 << b'{"error": "not served"}' << {'X-MyServer-Info': 'error'}

        post = await ask(raw, f'post {EXAMPLES}')
        assert (post.status, post.answer.header('X-MyServer-Info')) == (404, 'error')
        assert (await ask(raw, f'get {EXAMPLES}')).data == {'items': [], 'metadata': {}}

        watching = asyncio.create_task(ask(raw, f'get {EXAMPLES}?watch=true', headers={'X-MyLib-Version': '1.2.3'}))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not watching.done()
        deletion.set()
        watch = await watching
        assert [event['type'] for event in watch.lines] == ['ADDED', 'MODIFIED', *['DELETED'] * 3, 'ERROR']
        assert watch.lines[-1]['object']['code'] == 410

        again = await ask(raw, f'get {EXAMPLES}?watch=true')
        assert len(again.lines) == 6

        assert (len(raw), len(gets), len(lists), len(watches)) == (4, 3, 1, 2)
        assert watches[0].params == {'watch': 'true'}
        assert watches[0].headers['X-MyLib-Version'] == '1.2.3'
        assert raw.errors == []
