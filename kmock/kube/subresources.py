"""Subresources: where each is answered."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kmock.kube.cluster import Operation
from kmock.kube.statuses import method_not_allowed
from kmock.messages import Answer

if TYPE_CHECKING:
    from kmock.kube.emulator import Emulator

__all__ = ['Subresources']

Answering = Callable[[Operation], Awaitable[Answer]]


class Subresources:
    """Answers requests to subresources, by their names."""

    def __init__(self, emulator: 'Emulator') -> None:
        self._emulator = emulator
        self._named: dict[str, Answering] = {'status': self._status}

    async def answer(self, op: Operation) -> Answer:
        """The answer of the subresource.

        Raises:
            StatusError: what the API server answers.
        """
        found = self._named.get(op.subresource.partition('/')[0])
        if found is None:
            raise method_not_allowed()
        return await found(op)

    async def _status(self, op: Operation) -> Answer:
        emulator = self._emulator
        verbs: dict[str, Answering] = {
            'get': emulator.reading.get,
            'update': emulator.writing.update,
            'patch': emulator.writing.patch,
        }
        return await verbs[op.call.verb](op)
