"""The responses of the embedded client that a test leaves unread: they are closed with the client.

Otherwise `await kmock.get('/?watch=true')`, with the response forgotten, would be a warning of a leaked connection.
"""

import types

import aiohttp

__all__ = ['UnreadResponses']

_SOME = 64


class UnreadResponses:
    """Watches a client session by its trace configuration, and remembers the responses that still hold a connection."""

    def __init__(self) -> None:
        self._responses: list[aiohttp.ClientResponse] = []
        self._enough = _SOME
        self.trace = aiohttp.TraceConfig()
        self.trace.on_request_end.append(self._remember)

    async def _remember(
        self, session: aiohttp.ClientSession, context: types.SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        if params.response.connection is None:
            return
        self._responses.append(params.response)
        if len(self._responses) > self._enough:
            self._responses = [each for each in self._responses if each.connection is not None]
            self._enough = max(_SOME, 2 * len(self._responses))

    def __len__(self) -> int:
        """How many responses hold a connection."""
        return sum(each.connection is not None for each in self._responses)

    def close(self) -> None:
        """Close them; what was not read is lost."""
        for response in self._responses:
            response.close()
        self._responses.clear()
