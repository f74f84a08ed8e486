"""Which resource type an object that a test puts in is of: a served one, or one that the object itself declares."""

import dataclasses

from kmock.kube.cluster import Cluster
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.resources.info import ResourceInfo
from kmock.kube.resources.loose import adopted, loose_definition
from kmock.kube.store import Stored
from kmock.naming import Resource

__all__ = ['CRDS', 'Declarations']

CRDS = Resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions')


class Declarations:
    """Declares resources, loosely, by the objects that are put in.

    Objects tell whether there are namespaces, and the first one with a kind tells it, where it is a guess so far.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._declared: dict[Resource, Definition] = {}

    def define(self, place: Resource, namespace: str | None, obj: Json) -> Definition:
        """The definition of the resource of an object.

        Raises:
            ValueError: the resource has namespaces, and no namespace is given, or the other way around.
        """
        found = self._cluster.registry.find(place)
        kind = obj.get('kind')
        kind = kind if isinstance(kind, str) and kind else None
        if found is None:
            info = ResourceInfo(kind=kind, namespaced=namespace is not None)
            return self._declare(loose_definition(place, info))
        if found.origin is Origin.LOOSE:
            found = self._refined(found, namespace, kind)
        if not self._cluster.verbatim:
            _check_scope(found, namespace)
        return found

    def withdraw(self, definition: Definition, stored: Stored) -> list[tuple[Definition, Stored]]:
        """What goes with a CustomResourceDefinition that is deleted outright: its resource and the objects of it.

        Gives these objects as they were.
        """
        if definition.resource != CRDS or definition.origin is not Origin.BUILT_IN:
            return []
        plural, _, group = stored.name.partition('.')
        served = [each for each in self._cluster.registry.versions(group, plural) if each.origin is Origin.CUSTOM]
        if not served:
            return []
        for each in served:
            self._cluster.registry.remove(each.resource)
        deleted = []
        for obj in self._cluster.store.all((group, plural)):
            if self._cluster.store.delete((group, plural), obj.key) is not None:
                deleted.append((served[0], obj))
        return deleted

    def _declare(self, definition: Definition) -> Definition:
        served = self._cluster.registry.add(definition)
        self._declared[definition.resource] = served
        return served

    def _refined(self, found: Definition, namespace: str | None, kind: str | None) -> Definition:
        """A loose definition with what was guessed, and is now known."""
        mine = self._declared.get(found.resource) is found
        refined = found if kind is None else adopted(found, kind)
        if mine and namespace is not None and not refined.namespaced:
            refined = dataclasses.replace(refined, namespaced=True)
        if refined is found:
            return found
        return self._declare(refined) if mine else self._cluster.registry.add(refined)


def _check_scope(definition: Definition, namespace: str | None) -> None:
    if namespace is not None and not definition.namespaced:
        raise ValueError(f'{definition.resource} has no namespaces: use None instead of {namespace!r}.')
    if namespace is None and definition.namespaced and definition.origin is not Origin.LOOSE:
        raise ValueError(f'The objects of {definition.resource} are in namespaces: name one instead of None.')
