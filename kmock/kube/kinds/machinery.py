"""Kinds by which a cluster keeps itself running: flow control, claims of devices, aggregated APIs, ranges of addresses.

Users rarely write them; they have their defaults here, but hardly any validation beyond the names.
"""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, untold_times
from kmock.kube.kinds.separation import separated
from kmock.kube.values.names import dns1123_subdomain

__all__ = ['ADDRESS_STRATEGIES', 'STRATEGIES']

_USUAL_PRECEDENCE = 1000
_QUEUING = {'queues': 64, 'handSize': 8, 'queueLengthLimit': 50}


def _default_parts(obj: Json) -> None:
    """Spec and status are never left out."""
    obj.setdefault('spec', {})
    obj.setdefault('status', {})
    untold_times(obj, 'lastTransitionTime')


def _default_claim(obj: Json) -> None:
    _default_parts(obj)
    obj['spec'].setdefault('devices', {})


def _default_claim_template(obj: Json) -> None:
    inner = obj.setdefault('spec', {})
    inner.setdefault('metadata', {})
    inner.setdefault('spec', {}).setdefault('devices', {})


def _default_device_class(obj: Json) -> None:
    obj.setdefault('spec', {})


def _default_flow(obj: Json) -> None:
    _default_parts(obj)
    spec = obj['spec']
    spec.setdefault('priorityLevelConfiguration', {}).setdefault('name', '')
    if not spec.get('matchingPrecedence'):
        spec['matchingPrecedence'] = _USUAL_PRECEDENCE


def _default_level(obj: Json) -> None:
    _default_parts(obj)
    spec = obj['spec']
    if spec.get('type') == 'Exempt':
        exempt = spec.setdefault('exempt', {})
        exempt.setdefault('nominalConcurrencyShares', 0)
        exempt.setdefault('lendablePercent', 0)
    limited = spec.get('limited')
    if isinstance(limited, dict):
        limited.setdefault('nominalConcurrencyShares', 30)
        limited.setdefault('lendablePercent', 0)
        queuing = as_map(limited.setdefault('limitResponse', {})).get('queuing')
        if isinstance(queuing, dict):
            for key, value in _QUEUING.items():
                queuing.setdefault(key, value)


def _default_service(obj: Json) -> None:
    _default_parts(obj)
    service = obj['spec'].get('service')
    if isinstance(service, dict):
        service.setdefault('port', 443)


_FLOWS = {
    'flowschemas': Strategy(name=dns1123_subdomain, generation=True, default=_default_flow, **separated()),
    'prioritylevelconfigurations': Strategy(
        name=dns1123_subdomain, generation=True, default=_default_level, **separated()
    ),
}
_DEVICES = {
    'deviceclasses': Strategy(name=dns1123_subdomain, generation=True, default=_default_device_class),
    'resourceclaims': Strategy(name=dns1123_subdomain, default=_default_claim, **separated()),
    'resourceclaimtemplates': Strategy(name=dns1123_subdomain, default=_default_claim_template),
    'resourceslices': Strategy(name=dns1123_subdomain, generation=True),
}
ADDRESS_STRATEGIES = {
    'ipaddresses': Strategy(name=dns1123_subdomain),
    'servicecidrs': Strategy(name=dns1123_subdomain, default=_default_parts, **separated()),
}
STRATEGIES = {
    **_FLOWS,
    **_DEVICES,
    'apiservices': Strategy(name=dns1123_subdomain, default=_default_service, **separated()),
}
