"""The registry: which resource types the emulated cluster serves, in the order of discovery."""

import dataclasses
from collections.abc import Iterator

from kmock.kube.definitions import Definition, Origin, Strategy
from kmock.naming import Resource

__all__ = ['Registry']


class Registry:
    """Definitions by their resources. `revision` grows with each change: discovery then answers anew.

    Args:
        verbatim: whether whatever is added is served verbatim, without a schema: objects are kept as they are given.
    """

    def __init__(self, *, verbatim: bool = False) -> None:
        self.verbatim = verbatim
        self._definitions: dict[Resource, Definition] = {}
        self._kinds: dict[tuple[str, str], Definition] = {}
        self.revision = 0

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._definitions.values())

    def __len__(self) -> int:
        return len(self._definitions)

    def find(self, resource: Resource) -> Definition | None:
        """The definition of exactly this group, version and plural."""
        return self._definitions.get(resource)

    def of_kind(self, api_version: str, kind: str) -> Definition | None:
        """The definition that an object's `apiVersion` and `kind` name."""
        return self._kinds.get((api_version, kind))

    def versions(self, group: str, plural: str) -> list[Definition]:
        """All served versions of a resource type, in the order in which they were declared."""
        return [each for each in self if each.resource.group == group and each.resource.plural == plural]

    def add(self, definition: Definition) -> Definition:
        """Serve it from now on, in place of what had the same resource. Gives it as it is served."""
        if self.verbatim and not definition.verbatim:
            definition = _verbatim(definition)
        if definition.resource in self._definitions:
            self.remove(definition.resource)
        self._definitions[definition.resource] = definition
        self._kinds[definition.api_version, definition.kind] = definition
        self.revision += 1
        return definition

    def remove(self, resource: Resource) -> Definition | None:
        """Serve it no more. None if it was not there."""
        found = self._definitions.pop(resource, None)
        if found is not None:
            if self._kinds.get((found.api_version, found.kind)) is found:
                del self._kinds[found.api_version, found.kind]
            self.revision += 1
        return found


def _verbatim(definition: Definition) -> Definition:
    return dataclasses.replace(
        definition, verbatim=True, origin=Origin.LOOSE, load_schema=lambda: None, load_strategy=Strategy
    )
