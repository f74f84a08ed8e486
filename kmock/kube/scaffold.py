"""The scaffold of a cluster: it tells which resource types there are, and serves none of them."""

from collections.abc import Callable, Collection

from kmock.kube.definitions import Json
from kmock.kube.discovery.answering import Discovery
from kmock.kube.resources.loose import loose_definition
from kmock.kube.resources.registry import Registry
from kmock.kube.statuses import StatusError
from kmock.kube.verbs.failures import failure_answer
from kmock.messages import Answer, Request
from kmock.naming import Resource

__all__ = ['NamedElsewhere', 'Scaffold', 'nothing_named']


def nothing_named() -> Collection[Resource]:
    """No resource types are named elsewhere."""
    return ()


class NamedElsewhere:
    """Declares the resource types that others name, such as rules, unless they are served already.

    Args:
        named: gives them; the very same collection for as long as there are no others.
    """

    def __init__(self, registry: Registry, named: Callable[[], Collection[Resource]]) -> None:
        self._registry = registry
        self._named = named
        self._seen: Collection[Resource] = ()

    def declare(self) -> None:
        """Do it, if there are others than at the last time. They are loose, like all that is declared in tests."""
        found = self._named()
        if found is self._seen:
            return
        for each in sorted(set(found) - set(self._seen), key=str):
            if self._registry.find(each) is None:
                self._registry.add(loose_definition(each))
        self._seen = found


class Scaffold:
    """A responder that answers discovery, and nothing else.

    Args:
        named: gives the resource types that others name; see `NamedElsewhere`.
        version: the body of /version.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        named: Callable[[], Collection[Resource]] = nothing_named,
        version: Json | None = None,
    ) -> None:
        self.discovery = Discovery(registry, version=version)
        self._elsewhere = NamedElsewhere(registry, named)

    async def respond(self, request: Request) -> Answer | None:
        """The answer of discovery; None for what is no path of it, and for groups that are not there."""
        self._elsewhere.declare()
        accept = request.headers.get('Accept', '')
        try:
            return self.discovery.answer(request.path, request.params, accept, request.headers, request.method)
        except StatusError as exc:
            return failure_answer(request, exc)
