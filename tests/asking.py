"""Asking a handler without a socket, and reading the whole of its answer."""

import dataclasses
import json
from typing import Any

from kmock.handlers import RawHandler
from kmock.messages import Answer, BodyInterrupted, Outcome, Request


def make(line: str, **kwargs: Any) -> Request:
    """A request from `'get /path'`, or `'/path'` alone."""
    verb, _, target = line.rpartition(' ')
    return Request.make(verb.upper() or 'GET', target, **kwargs)


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a client would see."""

    request: Request
    answer: Answer
    pieces: list[bytes]
    cut: bool

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def body(self) -> bytes:
        return b''.join(self.pieces)

    @property
    def data(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


async def ask(handler: RawHandler, line: str, **kwargs: Any) -> Reply:
    """Ask as a server would: handle, read the body to its end, observe."""
    request = make(line, **kwargs)
    answer = await handler.handle(request)
    pieces: list[bytes] = []
    cut = False
    if isinstance(answer.body, bytes):
        pieces.append(answer.body)
    else:
        try:
            async for piece in answer.body:
                pieces.append(piece)
        except BodyInterrupted:
            cut = True
    handler.observe(request, answer, Outcome.SERVER_CLOSED if cut else Outcome.COMPLETE)
    return Reply(request, answer, pieces, cut)
