"""Statuses of components: not stored, but asked of the components; the emulated ones are always well.

Source: kube-apiserver v1.36, `pkg/registry/core/componentstatus`.
"""

from kmock.kube.cluster import Operation
from kmock.kube.definitions import Json
from kmock.kube.media.negotiation import render_list
from kmock.kube.options import ListOptions
from kmock.kube.selectors.by_fields import parse_fields, parse_labels
from kmock.kube.statuses import generic
from kmock.kube.verbs.reading import Reading, answer
from kmock.messages import Answer

__all__ = ['Components']

_NAMES = ('controller-manager', 'etcd-0', 'scheduler')


class Components:
    """Answers get and list of component statuses."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def answer(self, op: Operation) -> Answer:
        """One status, or all of them.

        Raises:
            StatusError: 400, 500.
        """
        if op.call.name is not None:
            if op.name not in _NAMES:
                raise generic(500, f'Component not found: {op.name}')
            return answer(op, self._reading.render(op, _status(op.name)))
        options = ListOptions.read(op.params)
        labels = parse_labels(options.label_selector) if options.label_selector else None
        fields = parse_fields(options.field_selector, op.definition) if options.field_selector else None
        found = [
            each
            for each in map(_status, _NAMES)
            if (labels is None or labels.matches({})) and (fields is None or fields.matches(each))
        ]
        return answer(op, render_list(op.form, found, {}, op.definition))


def _status(name: str) -> Json:
    healthy = {'type': 'Healthy', 'status': 'True', 'message': 'ok'}
    return {'kind': 'ComponentStatus', 'apiVersion': 'v1', 'metadata': {'name': name}, 'conditions': [healthy]}
