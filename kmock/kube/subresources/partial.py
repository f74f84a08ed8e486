"""Partial updates: subresources that read the whole object, and write only a part of it.

The status, the finalizers of namespaces, the ephemeral containers and the resources of pods. What such an update may
change is the part of a strategy of its own; all else goes as for the object.
"""

import dataclasses
from collections.abc import Callable, Mapping

from kmock.kube.cluster import Operation
from kmock.kube.definitions import Definition, Strategy
from kmock.kube.subresources.containers import ephemeral_strategy, resize_strategy
from kmock.kube.subresources.finalizers import finalize_strategy
from kmock.kube.verbs.reading import Reading
from kmock.kube.verbs.writing import Writing
from kmock.messages import Answer

__all__ = ['Partial', 'with_strategy']

_STRATEGIES: Mapping[str, Callable[[Strategy], Strategy]] = {
    'ephemeralcontainers': ephemeral_strategy,
    'finalize': finalize_strategy,
    'resize': resize_strategy,
}


def with_strategy(definition: Definition, change: Callable[[Strategy], Strategy]) -> Definition:
    """The definition of a built-in kind with another strategy made of its own one."""
    return dataclasses.replace(
        definition,
        load_schema=lambda: definition.schema,
        load_strategy=lambda: change(definition.strategy),
    )


class Partial:
    """Answers get, update and patch of parts of objects."""

    def __init__(self, reading: Reading, writing: Writing) -> None:
        self._definitions: dict[tuple[Definition, str], Definition] = {}
        self._verbs = {'get': reading.get, 'update': writing.update, 'patch': writing.patch}

    async def answer(self, op: Operation) -> Answer:
        """Read or write the part.

        Raises:
            StatusError: what the API server answers.
        """
        change = _STRATEGIES.get(op.subresource)
        if change is not None and op.call.verb != 'get':
            return await self.answer_as(op, change)
        return await self._verbs[op.call.verb](op)

    async def answer_as(self, op: Operation, change: Callable[[Strategy], Strategy]) -> Answer:
        """The same with a strategy made of that of the kind."""
        key = (op.definition, op.subresource)
        definition = self._definitions.get(key)
        if definition is None:
            definition = self._definitions[key] = with_strategy(op.definition, change)
        return await self._verbs[op.call.verb](dataclasses.replace(op, definition=definition))
