"""The Table of pods, whose status is told from the states of the containers."""

import datetime
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.tables.printing import age, part, printer, since

__all__ = ['PODS']

_DESCRIPTIONS = {
    'Ready': 'The aggregate readiness state of this pod for accepting traffic.',
    'Status': 'The aggregate status of the containers in this pod.',
    'Restarts': 'The number of times the containers in this pod have been restarted and when the last container in'
    ' this pod has restarted.',
    'IP': 'podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.',
    'Node': 'NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling'
    ' by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes'
    ' responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be'
    ' scheduled on a specific node.'
    ' https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename',
    'Nominated Node': 'nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be'
    ' scheduled right away as preemption victims receive their graceful termination periods. This field does not'
    ' guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other'
    ' nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher'
    ' priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName'
    ' when the pod is scheduled.',
    'Readiness Gates': 'If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all'
    ' its containers are ready AND all conditions specified in the readiness gates have status equal to "True" More'
    ' info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates',
}


class _Summary:
    """What is gathered from the containers: the reason that is shown, those that are ready, and the restarts."""

    def __init__(self, pod: Json) -> None:
        self.spec: Json = pod.get('spec') or {}
        self.status: Json = pod.get('status') or {}
        self.reason: str = self.status.get('reason') or self.status.get('phase') or ''
        self.ready = 0
        self.total = len(self.spec.get('containers') or ())
        self.restarts = 0
        self.restarted_at = ''
        if self._condition('PodScheduled').get('reason') == 'SchedulingGated':
            self.reason = 'SchedulingGated'
        initializing = self._initialization()
        if not initializing or self._condition('Initialized').get('status') == 'True':
            self._containers()
        if pod['metadata'].get('deletionTimestamp'):
            self._deletion()

    def _condition(self, kind: str) -> Json:
        return next((each for each in self.status.get('conditions') or () if each.get('type') == kind), {})

    def _count(self, container: Json) -> None:
        self.restarts += container.get('restartCount') or 0
        finished = part(container, 'lastState', 'terminated', 'finishedAt') or ''
        self.restarted_at = max(self.restarted_at, finished)

    def _initialization(self) -> bool:
        """Go over the init containers up to the first that isn't done; tell whether there is one."""
        declared = self.spec.get('initContainers') or ()
        sidecars = {each.get('name') for each in declared if each.get('restartPolicy') == 'Always'}
        self.total += len(sidecars)
        self._sidecar_restarts, self._sidecar_restarted_at = 0, ''
        for index, container in enumerate(self.status.get('initContainerStatuses') or ()):
            self._count(container)
            sidecar = container.get('name') in sidecars
            if sidecar:
                self._sidecar_restarts += container.get('restartCount') or 0
                finished = part(container, 'lastState', 'terminated', 'finishedAt') or ''
                self._sidecar_restarted_at = max(self._sidecar_restarted_at, finished)
            terminated = part(container, 'state', 'terminated')
            if terminated is not None and not terminated.get('exitCode'):
                continue
            if sidecar and container.get('started'):
                self.ready += bool(container.get('ready'))
                continue
            waiting = part(container, 'state', 'waiting', 'reason')
            if terminated is not None:
                self.reason = f'Init:{_ending(terminated)}'
            elif waiting and waiting != 'PodInitializing':
                self.reason = f'Init:{waiting}'
            else:
                self.reason = f'Init:{index}/{len(declared)}'
            return True
        return False

    def _containers(self) -> None:
        self.restarts, self.restarted_at = self._sidecar_restarts, self._sidecar_restarted_at
        running = False
        for container in reversed(self.status.get('containerStatuses') or ()):
            self._count(container)
            terminated = part(container, 'state', 'terminated')
            if waiting := part(container, 'state', 'waiting', 'reason'):
                self.reason = waiting
            elif terminated is not None:
                self.reason = _ending(terminated)
            elif container.get('ready') and part(container, 'state', 'running') is not None:
                running = True
                self.ready += 1
        if self.reason == 'Completed' and running:
            self.reason = 'Running' if self._condition('Ready').get('status') == 'True' else 'NotReady'

    def _deletion(self) -> None:
        if self.status.get('reason') == 'NodeLost':
            self.reason = 'Unknown'
        elif self.status.get('phase') not in ('Succeeded', 'Failed'):
            self.reason = 'Terminating'

    def gates(self) -> str:
        gates = self.spec.get('readinessGates') or ()
        true = sum(self._condition(each.get('conditionType', '')).get('status') == 'True' for each in gates)
        return f'{true}/{len(gates)}' if gates else '<none>'


def _ending(terminated: Json) -> str:
    if reason := terminated.get('reason'):
        return str(reason)
    signal = terminated.get('signal')
    return f'Signal:{signal}' if signal else f'ExitCode:{terminated.get("exitCode", 0)}'


def _cells(obj: Json, now: datetime.datetime) -> list[Any]:
    pod = _Summary(obj)
    restarts = str(pod.restarts)
    if pod.restarts and pod.restarted_at:
        restarts = f'{pod.restarts} ({since(pod.restarted_at, now)} ago)'
    ips = pod.status.get('podIPs') or ()
    wide = [
        (ips[0].get('ip') if ips else pod.status.get('podIP')) or '<none>',
        pod.spec.get('nodeName') or '<none>',
        pod.status.get('nominatedNodeName') or '<none>',
        pod.gates(),
    ]
    name = obj['metadata'].get('name', '')
    return [name, f'{pod.ready}/{pod.total}', pod.reason, restarts, age(obj, now), *wide]


_ENDED = {'Succeeded': 'The pod has completed successfully.', 'Failed': 'The pod failed.'}


def _conditions(obj: Json) -> list[Json]:
    phase = part(obj, 'status', 'phase')
    if phase not in _ENDED:
        return []
    return [{'type': 'Completed', 'status': 'True', 'reason': phase, 'message': _ENDED[phase]}]


PODS = printer(
    'Name, Ready, Status, Restarts, Age, +IP, +Node, +Nominated Node, +Readiness Gates',
    _cells,
    _DESCRIPTIONS,
    _conditions,
)
