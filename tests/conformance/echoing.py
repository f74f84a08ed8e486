"""Sends the requests of a recording to another cluster, one after the other, and tells where its answers differ.

What a cluster makes up (uids, revisions, generated names) is learned from the answers and put into later requests.
Watches are opened, and only their heads compared. What differs in any case is left out: times, versions of the server,
conditional requests, documents of OpenAPI.
"""

import json
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any, TypeAlias

from kmock.handlers import RawHandler
from kmock.messages import Request
from kmock.naming import is_true, split_target
from kmock.recording.cassette import Cassette, Exchange

__all__ = ['Difference', 'Echo']

Difference: TypeAlias = tuple[str, Any, Any]
"""Where, what was recorded, what came now."""

MISSING = '<missing>'
COMPARED_HEADERS = ('Content-Type', 'Warning')
_DROPPED = frozenset({'authorization', 'if-none-match', 'if-modified-since'})
_LEARNED = frozenset({'uid', 'resourceVersion', 'name', 'continue'})
_MADE_UP = frozenset(
    {
        *('uid', 'resourceVersion', 'continue', 'clusterIP', 'clusterIPs', 'storageVersionHash', 'token'),
        *('creationTimestamp', 'deletionTimestamp', 'lastTransitionTime', 'expirationTimestamp', 'time'),
        *('gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'serverAddress', 'description'),
    }
)
_AGE = re.compile(r'[0-9]+[smhd]([0-9]+[smh])?')
_SHORTEST = 4  # shorter values would be found where something else is meant


class Echo:
    """One pass of a recording's requests through a handler."""

    def __init__(self, handler: RawHandler) -> None:
        self._handler = handler
        self._known: dict[str, str] = {}

    async def run(self, cassette: Cassette) -> dict[int, list[Difference]]:
        """The differences, by the ids of the exchanges that have any."""
        found = {exchange.id: await self._ask(exchange) for exchange in cassette.exchanges if exchange.response}
        return {number: differences for number, differences in found.items() if differences}

    async def _ask(self, exchange: Exchange) -> list[Difference]:
        response = exchange.response
        assert response is not None
        path, query = split_target(exchange.target)
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
        sent = '&'.join(f'{key}={urllib.parse.quote(self._now(value))}' for key, value in pairs if key != 'hash')
        body = exchange.request_body() or b''
        headers = [(key, value) for key, value in exchange.request.headers if key.lower() not in _DROPPED]
        target = self._now(path) + (f'?{sent}' if sent else '')
        if b'\0' not in body:
            body = self._now(body.decode()).encode()
        answer = await self._handler.handle(Request.make(exchange.method, target, headers=headers, body=body))
        if not isinstance(answer.body, bytes):
            await answer.body.aclose()  # type: ignore[attr-defined]
        if response.status == 304:
            return []
        differences = [*self._heads(response, answer)]
        streamed = any(key == 'watch' and is_true(value) for key, value in pairs)
        if isinstance(answer.body, bytes) and not streamed and '/openapi/' not in path:
            differences += self._bodies(exchange.body(), answer.body)
        return differences

    def _heads(self, recorded: Any, answer: Any) -> Iterator[Difference]:
        if recorded.status != answer.status:
            yield 'status', recorded.status, answer.status
        for name in COMPARED_HEADERS:
            then = [value for key, value in recorded.headers if key.lower() == name.lower()]
            now = [value for key, value in answer.headers if key.lower() == name.lower()]
            if then != now:
                yield name, then, now

    def _bodies(self, recorded: bytes, body: bytes) -> list[Difference]:
        try:
            then, now = json.loads(recorded), json.loads(body)
        except ValueError:
            return []  # protobuf, or plain text
        self._learn(then, now)
        return list(self._compare(then, now, ''))

    def _now(self, text: str) -> str:
        """A text of then with the values of now."""
        for then, now in sorted(self._known.items(), key=lambda pair: -len(pair[0])):
            if len(then) >= _SHORTEST and then in text:
                text = re.sub(rf'(?<![0-9A-Za-z-]){re.escape(then)}(?![0-9A-Za-z-])', now.replace('\\', r'\\'), text)
        return text

    def _learn(self, then: Any, now: Any) -> None:
        if isinstance(then, dict) and isinstance(now, dict):
            for key in then.keys() & now.keys():
                if key in _LEARNED and isinstance(then[key], str) and isinstance(now[key], str):
                    self._known[then[key]] = now[key]
                else:
                    self._learn(then[key], now[key])
        elif isinstance(then, list) and isinstance(now, list):
            for one, other in zip(then, now, strict=False):
                self._learn(one, other)

    def _compare(self, then: Any, now: Any, path: str) -> Iterator[Difference]:
        if isinstance(then, dict) and isinstance(now, dict):
            for key in {**then, **now}:
                if key not in then or key not in now:
                    yield f'{path}.{key}', then.get(key, MISSING), now.get(key, MISSING)
                elif key not in _MADE_UP:
                    yield from self._compare(then[key], now[key], f'{path}.{key}')
        elif isinstance(then, list) and isinstance(now, list):
            if path.endswith('.managedFields'):  # in the order of whole seconds
                then, now = sorted(then, key=_manager), sorted(now, key=_manager)
            for index in range(max(len(then), len(now))):
                one = then[index] if index < len(then) else MISSING
                other = now[index] if index < len(now) else MISSING
                yield from self._compare(one, other, f'{path}[{index}]')
        elif isinstance(then, str) and isinstance(now, str):
            if _AGE.fullmatch(then) and _AGE.fullmatch(now):
                return
            if self._now(then) != now and re.sub('[0-9]', '', then) != re.sub('[0-9]', '', now):
                yield path, then, now
        elif then != now:
            yield path, then, now


def _manager(entry: Any) -> list[str]:
    return [str(entry.get(key)) for key in ('manager', 'operation', 'subresource', 'apiVersion')]
