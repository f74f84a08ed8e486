"""Responses that are left unread by the embedded client: closed with it, and forgotten once they are read."""

import gc

from kmock import RawHandler, Server


async def test_forgotten_streams_are_closed_with_the_server_and_without_a_warning():
    async with RawHandler() as handler, Server(handler) as server:
        handler << (b'x', ...)
        for _ in range(3):
            await handler.get('/')  # the response is forgotten at once
        gc.collect()
        assert len(server._unread) == 3
    gc.collect()
    assert len(server._unread) == 0


async def test_responses_that_are_read_are_not_kept():
    async with RawHandler() as handler, Server(handler) as server:
        handler << b'x' * 200_000
        for _ in range(300):
            assert len(await (await handler.get('/')).read()) == 200_000
        assert len(server._unread._responses) <= 65
        assert len(server._unread) == 0
