"""The handlers that speak Kubernetes: with its errors (KubernetesScaffold), as a whole cluster (KubernetesEmulator)."""

from collections.abc import Iterator
from typing import Any

import attrs

from kmock.chain import Responder
from kmock.errors import BodyTooLongError, KubernetesError, UnmatchedError
from kmock.handlers import RawHandler, StreamWriter
from kmock.kube.access import Users
from kmock.kube.emulator import Emulator
from kmock.messages import Answer, Request
from kmock.webhooks import WebhookClient

__all__ = ['KubernetesEmulator', 'KubernetesScaffold']


@attrs.define(slots=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class KubernetesScaffold(RawHandler):
    """A mock server whose errors are those of a Kubernetes API: a Status as the body, an ERROR event in a watch.

    It has no objects: what is not answered by rules is an error. Arguments as of `RawHandler`.
    """

    async def _render_error(self, exc: Exception) -> Answer:
        if isinstance(exc, KubernetesError | UnmatchedError):
            return await super()._render_error(exc)
        status = 413 if isinstance(exc, BodyTooLongError) else 500
        return await super()._render_error(KubernetesError(status, message=_describe(exc)))

    async def _stream_error(self, exc: Exception, response: StreamWriter) -> None:
        if isinstance(exc, KubernetesError):
            await super()._stream_error(exc, response)
        else:
            await super()._stream_error(KubernetesError(500, message=_describe(exc)), response)


@attrs.define(slots=False, eq=False, repr=False, on_setattr=attrs.setters.NO_OP)
class KubernetesEmulator(KubernetesScaffold):
    """A Kubernetes API in memory: stateful, validating, watched; rules override it.

    Args:
        controllers: whether owner references and namespaces are looked after, as controllers do in a real cluster.
    """

    _controllers: bool = attrs.field(default=True, kw_only=True, repr=False)

    _webhooks: WebhookClient = attrs.field(init=False, repr=False, factory=WebhookClient)
    users: Users = attrs.field(init=False, repr=False, factory=Users)
    emulator: Emulator = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: self._make_emulator(), takes_self=True),
    )

    def _make_emulator(self) -> Emulator:
        emulator = Emulator(clock=self._clock, controllers=self._controllers, users=self.users, call=self._webhooks)
        emulator.start()
        return emulator

    def _chained(self) -> Iterator[Responder]:
        *others, last = super()._chained()
        yield from others
        yield self.emulator
        yield last

    async def _close(self) -> None:
        try:
            await super()._close()
        finally:
            await self._webhooks.close()

    async def _handle(self, request: Request) -> Answer:
        chain: Any = self._chain
        if chain is not None:
            answer: Answer | None = await chain.respond(request)
            return self.emulator.missing(request) if answer is None else answer
        return await super()._handle(request)


def _describe(exc: Exception) -> str:
    return f'{type(exc).__name__}: {exc}' if str(exc) else type(exc).__name__
