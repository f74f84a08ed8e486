"""A cassette over an emulated cluster: the cluster begins where the recording did, and follows what is replayed of it.

Here recording and emulation meet; the handler puts a `Hydrated` in the player's place, and the cluster behind it.
"""

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable

from kmock.kube.emulator import Emulator
from kmock.kube.recorded import Recorded
from kmock.messages import Answer, Outcome, Request
from kmock.naming import Call, parse_call, split_target
from kmock.recording.cassette import Cassette
from kmock.recording.hydration import MAX_BODY, Beginning, Fact, Lines, revealed, revealed_by_event
from kmock.recording.player import Player

__all__ = ['Hydrated', 'is_of_kubernetes']


def is_of_kubernetes(cassette: Cassette) -> bool:
    """Whether a recording is one of a Kubernetes API: its version is known, or a resource was asked for."""
    if cassette.header.server:
        return True
    return any(parse_call(each.method, split_target(each.target)[0]) is not None for each in cassette.exchanges)


class Hydrated:
    """Answers as the player does, and lets the cluster know what is told so; a Responder and an Observer.

    Args:
        version: whether the cluster answers /version as recorded.
    """

    def __init__(self, player: Player, emulator: Emulator, *, version: bool = True) -> None:
        self._player = player
        self._recorded = Recorded(emulator)
        beginning = Beginning.of(player.cassette)
        self._recorded.begin(
            beginning.objects,
            resource_lists=beginning.resource_lists,
            kinds=beginning.kinds,
            namespaces=beginning.namespaces,
            version=beginning.version if version else None,
            revision=beginning.revision,
        )

    async def respond(self, request: Request) -> Answer | None:
        """The recorded answer; None if there is none."""
        answer = await self._player.respond(request)
        call = request.call
        if answer is None or call is None or request.method == 'HEAD' or not 200 <= answer.status < 300:
            return answer
        if isinstance(answer.body, bytes):
            self._tell(revealed(call, request.params, answer.status, answer.body))
            return answer
        watched = call.verb == 'watch'
        listener = _WatchListener(call) if watched else _AnswerListener(request, call, answer)
        return dataclasses.replace(answer, body=_Overheard(answer.body, listener, self._tell))

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Let the player learn how an exchange ended."""
        self._player.observe(request, answer, outcome)

    def _tell(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self._recorded.follow(fact)


class _WatchListener:
    """Hears of each event when it is delivered."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._lines = Lines()

    def hear(self, piece: bytes) -> Iterable[Fact]:
        return [fact for line in self._lines.feed(piece) for fact in revealed_by_event(self._call, line)]

    def end(self) -> Iterable[Fact]:
        return ()


class _AnswerListener:
    """Hears of an answer when its last piece is delivered, as far as that can be known, else after it."""

    def __init__(self, request: Request, call: Call, answer: Answer) -> None:
        self._request = request
        self._call = call
        self._status = answer.status
        length = next((value for name, value in answer.headers if name.lower() == 'content-length'), '')
        self._length = int(length) if length.isdecimal() else None
        self._pieces: list[bytes] | None = []
        self._size = 0

    def hear(self, piece: bytes) -> Iterable[Fact]:
        if self._pieces is None:
            return ()
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_BODY:
            self._pieces = None
            return ()
        first_and_last = len(self._pieces) == 1 and piece.rstrip().endswith(b'}')
        return self.end() if self._size == self._length or first_and_last else ()

    def end(self) -> Iterable[Fact]:
        if not self._pieces:
            return ()
        facts = revealed(self._call, self._request.params, self._status, b''.join(self._pieces))
        if facts:
            self._pieces = None  # heard; a first piece that only looked whole has told nothing
        return facts


class _Overheard:
    """The body of an answer, listened to on its way."""

    __slots__ = ('_body', '_listener', '_tell')

    def __init__(
        self,
        body: AsyncIterator[bytes],
        listener: '_WatchListener | _AnswerListener',
        tell: Callable[[Iterable[Fact]], None],
    ) -> None:
        self._body = body
        self._listener = listener
        self._tell = tell

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._body)
        except StopAsyncIteration:
            self._tell(self._listener.end())
            raise
        self._tell(self._listener.hear(piece))
        return piece

    async def aclose(self) -> None:
        close = getattr(self._body, 'aclose', None)
        if close is not None:
            await close()
