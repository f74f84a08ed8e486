"""Subresources, and the few resources that are not stored: where each of them is answered. A module a subject.

What belongs to certain built-in kinds is found by resource and subresource; `status` and `scale` are for all kinds.
"""

from collections.abc import Awaitable, Callable

from kmock.kube.access import Authorizer, Tokens
from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Definition, Origin
from kmock.kube.statuses import method_not_allowed
from kmock.kube.subresources.approval import Approvals
from kmock.kube.subresources.bindings import Bindings
from kmock.kube.subresources.components import Components
from kmock.kube.subresources.evictions import Evictions
from kmock.kube.subresources.kubelets import Kubelets
from kmock.kube.subresources.partial import Partial
from kmock.kube.subresources.scales import Scales
from kmock.kube.subresources.tokens import TokenRequests
from kmock.kube.verbs.deleting import Deleting
from kmock.kube.verbs.reading import Reading
from kmock.kube.verbs.writing import Writing
from kmock.messages import Answer
from kmock.naming import Call

__all__ = ['Subresources']

Answering = Callable[[Operation], Awaitable[Answer]]

_CONNECTED = frozenset({'attach', 'exec', 'portforward', 'proxy'})


class Subresources:
    """Answers requests to subresources, and to resources that are not stored."""

    def __init__(
        self,
        cluster: Cluster,
        reading: Reading,
        writing: Writing,
        deleting: Deleting,
        tokens: Tokens,
        authorizer: Authorizer,
    ) -> None:
        partial = Partial(reading, writing)
        kubelets = Kubelets(cluster)
        bindings = Bindings(cluster, reading, writing)
        components = Components(reading)
        self._status = partial
        self._scale = Scales(cluster, reading, writing)
        self._named: dict[tuple[str, str, str], Answering] = {
            ('', 'namespaces', 'finalize'): partial.answer,
            ('', 'nodes', 'proxy'): kubelets.node_proxy,
            ('', 'pods', 'attach'): kubelets.stream,
            ('', 'pods', 'binding'): bindings.create,
            ('', 'pods', 'ephemeralcontainers'): partial.answer,
            ('', 'pods', 'eviction'): Evictions(cluster, reading, writing, deleting).create,
            ('', 'pods', 'exec'): kubelets.stream,
            ('', 'pods', 'log'): kubelets.log,
            ('', 'pods', 'portforward'): kubelets.stream,
            ('', 'pods', 'proxy'): kubelets.pod_proxy,
            ('', 'pods', 'resize'): partial.answer,
            ('', 'serviceaccounts', 'token'): TokenRequests(reading, writing, tokens).create,
            ('', 'services', 'proxy'): kubelets.service_proxy,
            ('certificates.k8s.io', 'certificatesigningrequests', 'approval'): Approvals(
                cluster, partial, authorizer
            ).answer,
        }
        self._virtual: dict[tuple[str, str], Answering] = {
            ('', 'bindings'): bindings.create,
            ('', 'componentstatuses'): components.answer,
        }

    def virtual(self, definition: Definition) -> Answering | None:
        """Where a resource is answered that is not stored; None if it is."""
        if definition.origin is not Origin.BUILT_IN:
            return None
        return self._virtual.get((definition.resource.group, definition.resource.plural))

    def connects(self, call: Call) -> bool:
        """Whether what is asked for would be passed on to others, whatever formats the client accepts."""
        return call.subresource is not None and call.subresource.partition('/')[0] in _CONNECTED

    async def answer(self, op: Operation) -> Answer:
        """The answer of the subresource.

        Raises:
            StatusError: what the API server answers.
        """
        return await self._find(op)(op)

    def _find(self, op: Operation) -> Answering:
        name = op.subresource.partition('/')[0]
        if op.subresource == 'status':
            return self._status.answer
        if op.subresource == 'scale':
            return self._scale.answer
        resource = op.definition.resource
        found = self._named.get((resource.group, resource.plural, name))
        if found is None or op.definition.origin is not Origin.BUILT_IN:
            raise method_not_allowed()
        return found
