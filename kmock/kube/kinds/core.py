"""The core group: gathers its kinds' strategies, and has those of the kinds with few particulars of their own."""

from kmock.kube.definitions import Strategy
from kmock.kube.kinds import configs, endpoints, events, limits, namespaces, nodes, pods, replicas, services, volumes
from kmock.kube.values.names import dns1123_subdomain

__all__ = ['STRATEGIES']


STRATEGIES = {
    **configs.STRATEGIES,
    **endpoints.CORE_STRATEGIES,
    **events.CORE_STRATEGIES,
    **limits.STRATEGIES,
    **namespaces.STRATEGIES,
    **nodes.STRATEGIES,
    **pods.STRATEGIES,
    **replicas.STRATEGIES,
    **services.STRATEGIES,
    **volumes.STRATEGIES,
    'serviceaccounts': Strategy(name=dns1123_subdomain, deletes_object=True),
}
