"""Subresources, and resources that are not stored: where each is answered."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kmock.kube.cluster import Operation
from kmock.kube.statuses import method_not_allowed
from kmock.messages import Answer
from kmock.naming import Resource

if TYPE_CHECKING:
    from kmock.kube.emulator import Emulator

__all__ = ['Subresources']

Answering = Callable[[Operation], Awaitable[Answer]]


class Subresources:
    """Answers requests to subresources, by their names, and to virtual resources, such as reviews."""

    def __init__(self, emulator: 'Emulator') -> None:
        self._emulator = emulator
        self.virtual: dict[Resource, Answering] = {}
        self._named: dict[str, Answering] = {'status': self._status}

    async def answer(self, op: Operation) -> Answer:
        """The answer of the subresource or of the virtual resource.

        Raises:
            StatusError: what the API server answers.
        """
        found = self.virtual.get(op.definition.resource)
        if op.call.subresource is not None:
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
