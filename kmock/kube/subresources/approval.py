"""Approval: the conditions Approved and Denied of CertificateSigningRequests, by those who may sign for the signer.

Source: kube-apiserver v1.36, `pkg/registry/certificates`, `ValidateCertificateSigningRequestApprovalUpdate`, and the
admission plugin CertificateApproval.
"""

import dataclasses
from typing import Any

from kmock.kube.access import Attributes, Authorizer
from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.statuses import Cause, duplicate, forbidden, forbidden_field, invalid_value, not_supported, required
from kmock.kube.subresources.partial import Partial
from kmock.messages import Answer

__all__ = ['Approvals']

_FIELD = 'status.conditions'
_DECISIONS = ('Approved', 'Denied')
_ALWAYS_TRUE = ('Approved', 'Denied', 'Failed')


class Approvals:
    """Answers get, update and patch of approvals."""

    def __init__(self, cluster: Cluster, partial: Partial, authorizer: Authorizer) -> None:
        self._cluster = cluster
        self._partial = partial
        self._authorizer = authorizer

    async def answer(self, op: Operation) -> Answer:
        """Read the request, or approve or deny it.

        Raises:
            StatusError: what the API server answers.
        """
        if op.call.verb == 'get':
            return await self._partial.answer(op)
        stored = self._cluster.get(op.definition, None, op.name)
        if stored is not None:
            self._authorize(op, str(as_map(stored.decode().get('spec')).get('signerName', '')))
        return await self._partial.answer_as(op, self._strategy)

    def _strategy(self, own: Strategy) -> Strategy:
        """A strategy of updates that may change the conditions alone."""
        return dataclasses.replace(
            own, creates_without_status=False, prepare_update=self._prepare, validate_update=_validate
        )

    def _prepare(self, obj: Json, old: Json) -> None:
        now = self._cluster.now()
        status = as_map(old.get('status'))
        conditions = items_of(as_map(obj.get('status')).get('conditions'))
        before = {(each.get('type'), each.get('status')): each for each in items_of(status.get('conditions'))}
        for each in conditions:
            each['lastUpdateTime'] = each.get('lastUpdateTime') or now
            same = before.get((each.get('type'), each.get('status')), {})
            each['lastTransitionTime'] = each.get('lastTransitionTime') or same.get('lastTransitionTime') or now
        obj['spec'] = old.get('spec', {})
        obj['status'] = {**status, 'conditions': conditions} if conditions else _without(status, 'conditions')

    def _authorize(self, op: Operation, signer: str) -> None:
        """Whether the user may approve for the signer, or for all of its domain."""
        domain = signer.partition('/')[0]
        for name in (signer, f'{domain}/*'):
            wanted = Attributes(verb='approve', group='certificates.k8s.io', version='*', resource='signers', name=name)
            if self._authorizer.allowed(op.user, wanted)[0]:
                return
        why = f'user not permitted to approve requests with signerName "{signer}"'
        raise forbidden(op.definition.resource, op.name, why)


def _without(status: Json, key: str) -> Json:
    return {name: value for name, value in status.items() if name != key}


def _validate(obj: Json, old: Json) -> list[Cause]:
    new, before = _conditions(obj), _conditions(old)
    found = _decision_causes(new, before)
    seen: set[Any] = set()
    for index, each in enumerate(new):
        field, kind = f'{_FIELD}[{index}]', each.get('type') or ''
        if not kind:
            found.append(required(f'{field}.type'))
        elif kind in _ALWAYS_TRUE and each.get('status') != 'True':
            found.append(not_supported(f'{field}.status', each.get('status') or '', ['True']))
        if kind and kind in seen:
            found.append(duplicate(f'{field}.type', kind))
        seen.add(kind)
    if set(_DECISIONS) <= seen:
        index = max(place for place, each in enumerate(new) if each.get('type') in _DECISIONS)
        why = 'Approved and Denied conditions are mutually exclusive'
        found.append(invalid_value(f'{_FIELD}[{index}].type', new[index]['type'], why))
    return found


def _decision_causes(new: list[Json], old: list[Json]) -> list[Cause]:
    """A decision stays as it is; other conditions come by the status."""
    found = []
    for kind in _ALWAYS_TRUE:
        mine, theirs = ([each for each in some if each.get('type') == kind] for some in (new, old))
        if theirs and not mine:
            found.append(forbidden_field(_FIELD, f'updates may not remove a condition of type "{kind}"'))
        elif theirs and mine != theirs and kind in _DECISIONS:
            found.append(forbidden_field(_FIELD, f'updates may not modify a condition of type "{kind}"'))
        elif mine and not theirs and kind not in _DECISIONS:
            found.append(forbidden_field(_FIELD, f'updates may not add a condition of type "{kind}"'))
    return found


def _conditions(obj: Json) -> list[Json]:
    return items_of(as_map(obj.get('status')).get('conditions'))
