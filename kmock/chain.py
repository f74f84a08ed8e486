"""The one shape of everything that answers, and the chain of them: the first that knows the request answers it."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from kmock.messages import Answer, Outcome, Request
from kmock.urls import TextURL

__all__ = ['Chain', 'Handler', 'Observer', 'Responder', 'Served', 'WithUsers']


class Responder(Protocol):
    """Anything that can answer a request."""

    async def respond(self, request: Request) -> Answer | None:
        """Answer the request; None means "not mine, ask the next one".

        Must not read the request's body unless it needs it: the next one may want to stream it.
        """


@runtime_checkable
class Observer(Protocol):
    """A responder that wants to know how exchanges end, its own and those of others in its chain."""

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Called once for every request, when its exchange is over. Must be quick, and must not raise.

        There is no answer if the client left before there was one.
        """


class Handler(Protocol):
    """What a server serves: it always has an answer."""

    async def handle(self, request: Request) -> Answer:
        """Answer the request; errors are answers, too. Cancelled if the client leaves meanwhile."""

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        """Called once for every request; without an answer if the client left before there was one."""

    def attach(self, server: 'Served') -> None:
        """Called when a server begins to serve this handler."""

    def detach(self, server: 'Served') -> None:
        """Called when that server has stopped."""


@runtime_checkable
class WithUsers(Protocol):
    """A handler whose clients have to log in."""

    @property
    def client_tokens(self) -> Mapping[str, str]:
        """Bearer tokens by the names of their users, the one that clients are by default first; as of now."""


class Served(Protocol):
    """What a handler knows of a server that serves it."""

    @property
    def url(self) -> TextURL:
        """The root URL, without a trailing slash, e.g. `http://127.0.0.1:8080`."""

    @property
    def client(self) -> Any:
        """A ready client for this server (an aiohttp.ClientSession, which this layer knows nothing about)."""

    @property
    def kubeconfig(self) -> pathlib.Path:
        """A kubeconfig that leads clients to this server while it runs."""


class Chain:
    """Responders in order; itself a responder."""

    def __init__(self, responders: Iterable[Responder]) -> None:
        self._responders = tuple(responders)
        self._observers = tuple(each for each in self._responders if isinstance(each, Observer))

    async def respond(self, request: Request) -> Answer | None:
        for responder in self._responders:
            answer = await responder.respond(request)
            if answer is not None:
                return answer
        return None

    def observe(self, request: Request, answer: Answer | None, outcome: Outcome) -> None:
        for observer in self._observers:
            observer.observe(request, answer, outcome)
