"""How a CustomResourceDefinition comes to life and goes: accepted names, conditions, the clean-up of its objects.

The real server's controllers write these states one by one, moments after the request; here they are functions of
the object, and the emulator stores what they give. The objects given are never changed.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from kmock.kube.crds.reading import Node, listed, mapping, text
from kmock.kube.definitions import Json
from kmock.kube.statuses import go_quote

__all__ = [
    'FINALIZER',
    'cleaned',
    'cleaning',
    'establish',
    'is_established',
    'is_terminating',
    'steps_of_establishing',
    'terminating',
]

FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'
_APPROVAL = 'api-approved.kubernetes.io'


def is_established(crd: Json) -> bool:
    """Whether it is served."""
    return _is_true(crd, 'Established')


def is_terminating(crd: Json) -> bool:
    """Whether its objects are being deleted, and none can be created."""
    return _is_true(crd, 'Terminating')


def _is_true(crd: Json, condition: str) -> bool:
    return mapping(_find(crd, condition)).get('status') == 'True'


def _find(crd: Json, condition: str) -> Node | None:
    conditions = listed(mapping(crd.get('status')).get('conditions'))
    return next((each for each in conditions if mapping(each).get('type') == condition), None)


# --- names


def steps_of_establishing(crd: Json, others: Iterable[Json], now: str) -> list[Json]:
    """The successive objects after a write: names accepted, approved, established. None that changes nothing.

    Args:
        crd: as stored; its names are compared with those that `others` have been granted.
        others: all CustomResourceDefinitions of the cluster; those of other groups and itself do not matter.
        now: the time of the conditions, as on the wire.
    """
    steps = []
    for step in (_accept_names, _approve, _complete):
        changed = step(crd, others := list(others), now)
        if changed.get('status') != crd.get('status'):
            steps.append(changed)
            crd = changed
    return steps


def establish(crd: Json, others: Iterable[Json], now: str) -> Json:
    """The status that a definition ends with, at once."""
    steps = steps_of_establishing(crd, others, now)
    status: Json = (steps[-1] if steps else crd).get('status', {})
    return status


def _accept_names(crd: Json, others: Sequence[Json], now: str) -> Json:
    status = mapping(crd.get('status'))
    wanted, granted = mapping(mapping(crd.get('spec')).get('names')), mapping(status.get('acceptedNames'))
    resources, kinds = _taken(crd, others)
    names: dict[str, Any] = dict(granted)
    conflict: tuple[str, str] | None = None
    for key in ('plural', 'singular', 'shortNames', 'kind', 'listKind'):
        taken = kinds if key in ('kind', 'listKind') else resources
        messages = _conflicts(wanted.get(key), granted.get(key), taken)
        if messages:
            joined = messages[0] if len(messages) == 1 else f'[{", ".join(messages)}]'
            conflict = f'{key[0].upper()}{key[1:]}Conflict', joined
        else:
            names[key] = wanted.get(key)
    names['categories'] = wanted.get('categories')
    if conflict:
        namely = _condition('NamesAccepted', 'False', *conflict)
    else:
        namely = _condition('NamesAccepted', 'True', 'NoConflicts', 'no conflicts found')
    changed = _with_condition(crd, namely, now)
    changed['status']['acceptedNames'] = _shown(names)
    established = _find(crd, 'Established') or _condition(
        'Established', 'False', 'NotAccepted', 'not all names are accepted'
    )
    if established.get('status') != 'True' and not conflict:
        reason = 'the initial names have been accepted'
        established = _condition('Established', 'False', 'Installing', reason)
    return _with_condition(changed, established, now)


def _shown(names: Node) -> Json:
    """In the order of the wire; only the plural and the kind are shown when they are empty."""
    shown = {
        key: names.get(key) or '' for key in ('plural', 'singular', 'shortNames', 'kind', 'listKind', 'categories')
    }
    return {key: value for key, value in shown.items() if value or key in ('plural', 'kind')}


def _taken(crd: Json, others: Sequence[Json]) -> tuple[set[str], set[str]]:
    """The names of resources, and of kinds, that the definitions of the same group have been granted, this one too."""
    group = mapping(crd.get('spec')).get('group')
    name = mapping(crd.get('metadata')).get('name')
    rest = [each for each in others if mapping(each.get('metadata')).get('name') != name]
    resources: set[str] = set()
    kinds: set[str] = set()
    for each in [crd, *rest]:
        if mapping(each.get('spec')).get('group') == group:
            granted = mapping(mapping(each.get('status')).get('acceptedNames'))
            resources.update((text(granted.get('plural')), text(granted.get('singular'))))
            resources.update(text(short) for short in listed(granted.get('shortNames')))
            kinds.update((text(granted.get('kind')), text(granted.get('listKind'))))
    return resources - {''}, kinds - {''}


def _conflicts(wanted: Any, granted: Any, taken: set[str]) -> list[str]:
    mine = listed(granted) or [granted]
    found = [each for each in (listed(wanted) or [wanted]) if isinstance(each, str)]
    return [f'{go_quote(each)} is already in use' for each in found if each not in mine and each in taken]


def _approve(crd: Json, others: Sequence[Json], now: str) -> Json:
    """Groups of the Kubernetes community carry a condition on whether the API was reviewed."""
    if not is_protected(text(mapping(crd.get('spec')).get('group'))):
        return crd
    kind, status, reason, message = 'KubernetesAPIApprovalPolicyConformant', 'False', '', ''
    state, said = approval(mapping(mapping(crd.get('metadata')).get('annotations')))
    if state == 'approved':
        status, reason, message = 'True', 'ApprovedAnnotation', said
    elif state == 'bypassed':
        reason, message = 'UnapprovedAnnotation', said
    elif state == 'missing':
        reason, message = 'MissingAnnotation', said
    else:
        reason, message = 'InvalidAnnotation', said
    return _with_condition(crd, _condition(kind, status, reason, message), now)


def is_protected(group: str) -> bool:
    """Whether a group belongs to the Kubernetes community."""
    return group in ('k8s.io', 'kubernetes.io') or group.endswith(('.k8s.io', '.kubernetes.io'))


def approval(annotations: Node) -> tuple[str, str]:
    """Of a protected group: `approved`, `bypassed`, `missing` or `invalid`, and the server's words on it."""
    value = annotations.get(_APPROVAL)
    if not isinstance(value, str) or not value:
        seen = 'see https://github.com/kubernetes/enhancements/pull/1111'
        return 'missing', f'protected groups must have approval annotation {go_quote(_APPROVAL)}, {seen}'
    if value.startswith('unapproved'):
        return 'bypassed', f'not approved: {go_quote(value)}'
    scheme, separator, host = value.partition('://')
    if separator and scheme.isalpha() and host.partition('/')[0]:
        return 'approved', f'approved in {value}'
    rule = 'with either a URL or a reason starting with "unapproved"'
    seen = 'see https://github.com/kubernetes/enhancements/pull/1111'
    return 'invalid', f'protected groups must have approval annotation {go_quote(_APPROVAL)} {rule}, {seen}'


def _complete(crd: Json, others: Sequence[Json], now: str) -> Json:
    if not _is_true(crd, 'NamesAccepted') or is_established(crd) or is_terminating(crd):
        return crd
    words = 'the initial names have been accepted'
    return _with_condition(crd, _condition('Established', 'True', 'InitialNamesAccepted', words), now)


# --- deletion


def terminating(crd: Json, now: str) -> Json:
    """What a DELETE leaves at first, and answers: the finalizer of the clean-up, and the condition Terminating.

    Another DELETE changes nothing.
    """
    if mapping(crd.get('metadata')).get('deletionTimestamp') is not None:
        return {**crd}
    words = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon'
    changed = _with_condition(crd, _condition('Terminating', 'True', 'InstanceDeletionPending', words), now)
    metadata = changed.setdefault('metadata', {})
    metadata['deletionTimestamp'] = now
    finalizers = listed(metadata.get('finalizers'))
    if FINALIZER not in finalizers:
        metadata['finalizers'] = [*finalizers, FINALIZER]
    return changed


def cleaning(crd: Json, now: str) -> Json:
    """While its objects are being deleted."""
    words = 'CustomResource deletion is in progress'
    return _with_condition(crd, _condition('Terminating', 'True', 'InstanceDeletionInProgress', words), now)


def cleaned(crd: Json, now: str) -> Json:
    """Once its last object is gone; without other finalizers, the definition is gone, too."""
    words = 'removed all instances'
    changed = _with_condition(crd, _condition('Terminating', 'False', 'InstanceDeletionCompleted', words), now)
    metadata = changed['metadata']
    metadata['finalizers'] = [each for each in listed(metadata.get('finalizers')) if each != FINALIZER]
    if not metadata['finalizers']:
        del metadata['finalizers']
    return changed


# --- conditions


def _condition(kind: str, status: str, reason: str, message: str) -> Json:
    return {'type': kind, 'status': status, 'lastTransitionTime': '', 'reason': reason, 'message': message}


def _with_condition(crd: Json, condition: Node, now: str) -> Json:
    """A copy with the condition set; its time is that of the change of its status, not of its words."""
    changed = {**crd, 'metadata': copy.copy(crd.get('metadata', {})), 'status': dict(mapping(crd.get('status')))}
    conditions = [dict(mapping(each)) for each in listed(changed['status'].get('conditions'))]
    before = next((each for each in conditions if each.get('type') == condition['type']), None)
    if before is None:
        conditions.append({**condition, 'lastTransitionTime': now})
    else:
        same = before.get('status') == condition['status']
        since = before.get('lastTransitionTime', now) if same else now
        conditions[conditions.index(before)] = {**condition, 'lastTransitionTime': since}
    changed['status']['conditions'] = conditions
    return changed
