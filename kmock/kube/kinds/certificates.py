"""The group certificates.k8s.io: CertificateSigningRequests as objects; nobody signs them here."""

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import rules
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.kinds.separation import separated
from kmock.kube.statuses import Cause, required
from kmock.kube.values.names import path_segment

__all__ = ['STRATEGIES', 'set_requester']


def set_requester(obj: Json, user: Json) -> None:
    """Tell in a new request who asks, whatever it tells itself. `user` is a `UserInfo`."""
    spec = {**as_map(obj.get('spec'))}
    for key in ('username', 'uid', 'groups', 'extra'):
        spec.pop(key, None)
        if user.get(key):
            spec[key] = user[key]
    obj['spec'] = spec


def _default(obj: Json) -> None:
    obj.setdefault('spec', {})
    obj.setdefault('status', {})
    for each in items_of(obj['status'].get('conditions')):
        each.setdefault('status', 'True')
        each.setdefault('lastUpdateTime', None)
        each.setdefault('lastTransitionTime', None)


def _validate(obj: Json) -> list[Cause]:
    spec = as_map(obj.get('spec'))
    found: list[Cause] = []
    if not spec.get('request'):
        found.append(required('spec.request'))
    if not spec.get('usages'):
        found.append(required('spec.usages'))
    if not spec.get('signerName'):
        found.append(required('spec.signerName'))
    return found + rules.at_least('spec.expirationSeconds', spec.get('expirationSeconds'), 600)


def _keep_both(obj: Json, old: Json) -> None:
    """Neither the request nor its status changes by updates of the object."""
    obj['spec'] = old.get('spec', {})
    obj['status'] = old.get('status', {})


_PREPARED = separated()

STRATEGIES = {
    'certificatesigningrequests': Strategy(
        name=path_segment,
        default=_default,
        prepare_create=_PREPARED['prepare_create'],
        prepare_update=_keep_both,
        prepare_status=_PREPARED['prepare_status'],
        validate=_validate,
    ),
}
