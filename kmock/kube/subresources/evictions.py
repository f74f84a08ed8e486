"""Evictions: pods are deleted as far as their disruption budgets allow it.

Source: kube-apiserver v1.36, `pkg/registry/core/pod/storage/eviction.go`; the Kubernetes documentation, "API-initiated
Eviction".
"""

from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Json
from kmock.kube.kinds.rules import as_map, items_of
from kmock.kube.options import DeleteOptions, WriteOptions
from kmock.kube.patching.managed import track_update
from kmock.kube.selectors.by_labels import match_selector
from kmock.kube.statuses import StatusError, bad_request, forbidden, generic, not_found, success, too_many_requests
from kmock.kube.store import Stored
from kmock.kube.subresources.conditions import set_condition
from kmock.kube.subresources.forms import form_of, read_form
from kmock.kube.verbs.deleting import Deleting
from kmock.kube.verbs.reading import Reading, answer
from kmock.kube.verbs.writing import Writing
from kmock.messages import Answer
from kmock.naming import Resource

__all__ = ['Evictions']

_FORM = form_of('policy/v1', 'Eviction')
_BUDGETS = Resource('policy', 'v1', 'poddisruptionbudgets')
_BUDGET = Resource('policy', '', 'poddisruptionbudget')
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'
_MOST_DISRUPTED = 2000
_RETRY_SECONDS = 10
_SERVER = 'kube-apiserver'
_EVICTED = {
    'type': 'DisruptionTarget',
    'status': 'True',
    'reason': 'EvictionByEvictionAPI',
    'message': 'Eviction API: evicting',
}


class Evictions:
    """Answers the creation of evictions."""

    def __init__(self, cluster: Cluster, reading: Reading, writing: Writing, deleting: Deleting) -> None:
        self._cluster = cluster
        self._reading = reading
        self._writing = writing
        self._deleting = deleting

    async def create(self, op: Operation) -> Answer:
        """Delete a pod, if its budget allows it.

        Raises:
            StatusError: 400, 404, 409, 422, 429, 500.
        """
        options = self._writing.options(op, 'CreateOptions')
        eviction = await read_form(op, _FORM, options, also=('policy/v1beta1',))
        metadata = eviction.setdefault('metadata', {})
        if not metadata.get('name'):
            metadata['name'] = op.name
        if metadata['name'] != op.name:
            raise bad_request('name in URL does not match name in Eviction object')
        if metadata.get('namespace', op.namespace) != op.namespace:
            raise bad_request('the namespace of the provided object does not match the namespace sent on the request')
        metadata['namespace'] = op.namespace
        deleting = _delete_options(eviction, options)
        await self._writing.admit_form(op, 'CREATE', eviction, None, options)
        with self._cluster.store.lock:
            failure = self._evict(op, deleting)
        status = success(code=201) if failure is None else failure
        return answer(op, self._reading.render_status(op, status), 201)

    def _evict(self, op: Operation, options: DeleteOptions) -> Json | None:
        """Delete the pod. A Status, if it can't be told whether that may be done."""
        stored = self._cluster.get(op.definition, op.namespace, op.name)
        if stored is None:
            raise not_found(op.definition.resource, op.name)
        pod = stored.decode()
        if not _is_disrupted(pod):
            budgets = self._budgets(pod)
            if len(budgets) > 1:
                return {**success(code=500), 'status': 'Failure', 'message': _SEVERAL}
            if budgets and not _is_spare(pod, budgets[0]):
                self._spend(budgets[0], op.name, dry_run=options.dry_run)
        self._delete(op, stored, pod, options)
        return None

    # --- budgets

    def _budgets(self, pod: Json) -> list[Json]:
        """The budgets that the pod falls under; an empty selector is of all pods."""
        metadata = pod['metadata']
        return [
            each
            for each in self._cluster.read(_BUDGETS)
            if each['metadata'].get('namespace') == metadata.get('namespace')
            and match_selector(as_map(each.get('spec')).get('selector'), metadata.get('labels') or {})
        ]

    def _spend(self, budget: Json, pod: str, *, dry_run: bool) -> None:
        """Take one disruption from a budget.

        Raises:
            StatusError: 403, 429.
        """
        status = as_map(budget.get('status'))
        _check_budget(budget, status)
        if dry_run:
            return
        definition = self._cluster.registry.find(_BUDGETS)
        assert definition is not None
        namespace, name = budget['metadata'].get('namespace'), budget['metadata']['name']
        stored = self._cluster.get(definition, namespace, name)
        assert stored is not None
        old = self._cluster.decode(stored, definition)
        new = self._cluster.decode(stored, definition)
        now = self._cluster.now()
        status = new['status'] = as_map(new.get('status'))
        status['disruptionsAllowed'] -= 1
        if not status['disruptionsAllowed']:
            _forbid_more(status, now)
        status['disruptedPods'] = {**as_map(status.get('disruptedPods')), pod: now}
        track_update(new, old, definition=definition, manager=_SERVER, subresource='status', now=now)
        self._cluster.store.put(definition.bucket, stored.key, new)

    # --- the pod

    def _delete(self, op: Operation, stored: Stored, pod: Json, options: DeleteOptions) -> None:
        _check_preconditions(stored, options)
        if not options.dry_run:
            old, now = self._cluster.decode(stored, op.definition), self._cluster.now()
            new = self._cluster.decode(stored, op.definition)
            set_condition(new, _EVICTED, now)
            track_update(new, old, definition=op.definition, manager=_SERVER, subresource='status', now=now)
            stored = self._cluster.store.put(op.definition.bucket, stored.key, new).after
            if options.resource_version is not None:
                options = _at_version(options, stored)
        self._deleting.remove(op, stored, options)


def _delete_options(eviction: Json, options: WriteOptions) -> DeleteOptions:
    """The options in the eviction; both it and the query may ask for a dry run."""
    body = dict(as_map(eviction.get('deleteOptions')))
    asked = ['All'] if options.dry_run else []
    own = body.get('dryRun') or []
    if asked and own and own != asked:
        shown = f'[{" ".join(asked)}] and [{" ".join(str(each) for each in own)}]'
        raise generic(500, f'Non-matching dry-run options in request and content: {shown}')
    body['dryRun'] = own or asked
    return DeleteOptions.read({}, [], body)


def _at_version(options: DeleteOptions, stored: Stored) -> DeleteOptions:
    return DeleteOptions(
        dry_run=options.dry_run,
        grace_seconds=options.grace_seconds,
        propagation=options.propagation,
        uid=options.uid,
        resource_version=str(stored.revision),
    )


def _check_preconditions(stored: Stored, options: DeleteOptions) -> None:
    """Whether it is the pod, and in the version, that is meant."""
    if options.uid is not None and options.uid != stored.uid:
        why = f'the UID in the precondition ({options.uid}) does not match the UID in record ({stored.uid}). '
        raise _precondition(stored, why + 'The object might have been deleted and then recreated')
    version = options.resource_version
    if version is not None and version != str(stored.revision):
        why = f'the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record '
        raise _precondition(stored, why + f'({stored.revision}). The object might have been modified')


def _precondition(stored: Stored, why: str) -> StatusError:
    message = f'Operation cannot be fulfilled on Pod "{stored.name}": {why}'
    return StatusError(409, 'Conflict', message, {'name': stored.name, 'kind': 'Pod'})


def _is_disrupted(pod: Json) -> bool:
    """Whether budgets don't matter to a pod: it doesn't run yet, or any more."""
    phase = as_map(pod.get('status')).get('phase')
    return phase in ('Succeeded', 'Failed', 'Pending') or 'deletionTimestamp' in pod['metadata']


def _is_spare(pod: Json, budget: Json) -> bool:
    """Whether a pod that is not ready may go without being counted."""
    conditions = items_of(as_map(pod.get('status')).get('conditions'))
    if any(each.get('type') == 'Ready' and each.get('status') == 'True' for each in conditions):
        return False
    if as_map(budget.get('spec')).get('unhealthyPodEvictionPolicy') == 'AlwaysAllow':
        return True
    status = as_map(budget.get('status'))
    desired = status.get('desiredHealthy') or 0
    return desired > 0 and (status.get('currentHealthy') or 0) >= desired


def _check_budget(budget: Json, status: Json) -> None:
    name = budget['metadata']['name']
    if (status.get('observedGeneration') or 0) < (budget['metadata'].get('generation') or 0):
        why = f'The disruption budget {name} is still being processed by the server.'
        details = {'causes': [{'reason': 'DisruptionBudget', 'message': why}], 'retryAfterSeconds': _RETRY_SECONDS}
        raise too_many_requests(_VIOLATES, details, _RETRY_SECONDS)
    allowed = status.get('disruptionsAllowed') or 0
    if allowed < 0:
        raise forbidden(_BUDGET, name, 'pdb disruptions allowed is negative')
    if len(as_map(status.get('disruptedPods'))) > _MOST_DISRUPTED:
        why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller'
        raise forbidden(_BUDGET, name, why)
    if not allowed:
        why = _exhausted(name, status)
        raise too_many_requests(_VIOLATES, {'causes': [{'reason': 'DisruptionBudget', 'message': why}]})


def _exhausted(name: str, status: Json) -> str:
    for each in items_of(status.get('conditions')):
        if each.get('type') == 'DisruptionAllowed' and each.get('reason') == 'SyncFailed':
            why = each.get('message', '')
            return f'The disruption budget {name} does not allow evicting pods currently because it failed sync: {why}'
    desired, current = status.get('desiredHealthy') or 0, status.get('currentHealthy') or 0
    return f'The disruption budget {name} needs {desired} healthy pods and has {current} currently'


def _forbid_more(status: Json, now: str) -> None:
    """The condition that no more disruptions are allowed."""
    conditions = items_of(status.get('conditions'))
    before = next((each for each in conditions if each.get('type') == 'DisruptionAllowed'), None)
    same = before is not None and before.get('status') == 'False'
    added: Json = {'type': 'DisruptionAllowed', 'status': 'False'}
    if status.get('observedGeneration'):
        added['observedGeneration'] = status['observedGeneration']
    added['lastTransitionTime'] = before['lastTransitionTime'] if same and before is not None else now
    added |= {'reason': 'InsufficientPods', 'message': before.get('message', '') if before is not None else ''}
    status['conditions'] = [added if each is before else each for each in conditions]
    if before is None:
        status['conditions'].append(added)
