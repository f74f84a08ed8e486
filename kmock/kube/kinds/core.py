"""The core group: gathers its kinds' strategies, and has those of the kinds with few particulars of their own."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import configs, endpoints, events, namespaces, nodes, pods, replicas, services, volumes
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.values.names import dns1123_subdomain

__all__ = ['STRATEGIES']


def _default_quota(obj: Json) -> None:
    obj.setdefault('spec', {})
    obj.setdefault('status', {})


def _clear_quota_status(obj: Json) -> None:
    obj['status'] = {}


def _default_limit_range(obj: Json) -> None:
    """Requests default to the defaults for limits, these to the maximum: as the server fills them in for containers."""
    for limit in items_of(obj.setdefault('spec', {}).get('limits')):
        if limit.get('type') != 'Container':
            continue
        maximum = as_map(limit.get('max'))
        if maximum:
            limit['default'] = {**maximum, **as_map(limit.get('default'))}
        requests = {**as_map(limit.get('min')), **as_map(limit.get('default')), **as_map(limit.get('defaultRequest'))}
        if requests:
            limit['defaultRequest'] = requests


STRATEGIES = {
    **configs.STRATEGIES,
    **endpoints.CORE_STRATEGIES,
    **events.CORE_STRATEGIES,
    **namespaces.STRATEGIES,
    **nodes.STRATEGIES,
    **pods.STRATEGIES,
    **replicas.STRATEGIES,
    **services.STRATEGIES,
    **volumes.STRATEGIES,
    'serviceaccounts': Strategy(name=dns1123_subdomain, deletes_object=True),
    'limitranges': Strategy(name=dns1123_subdomain, put_creates=True, default=_default_limit_range),
    'resourcequotas': Strategy(
        name=dns1123_subdomain,
        deletes_object=True,
        default=_default_quota,
        prepare_create=_clear_quota_status,
    ),
}
