"""Reviewing: the resources that are asked, not stored, on who somebody is and what they may do."""

import functools

from kmock.kube.access import REVIEWS, Authorizer, Tokens, Users, check_token, review
from kmock.kube.cluster import Cluster, Operation
from kmock.kube.definitions import Definition
from kmock.kube.options import WriteOptions
from kmock.kube.patching.managed import manager_of, track_update
from kmock.kube.verbs.incoming import read_object
from kmock.kube.verbs.reading import Reading, answer
from kmock.kube.verbs.writing import MAX_BODY
from kmock.messages import Answer

__all__ = ['Reviewing']

_GROUPS = frozenset({'authentication.k8s.io', 'authorization.k8s.io'})


class Reviewing:
    """Answers reviews."""

    def __init__(
        self, cluster: Cluster, reading: Reading, users: Users, tokens: Tokens, authorizer: Authorizer
    ) -> None:
        self._cluster = cluster
        self._reading = reading
        self._authorizer = authorizer
        self._check = functools.partial(check_token, users, tokens)

    def answers(self, definition: Definition) -> bool:
        """Whether the resource is a review."""
        return definition.resource.group in _GROUPS and definition.kind in REVIEWS

    async def create(self, op: Operation) -> Answer:
        """Answer the review that is posted.

        Raises:
            StatusError: 400 and 422.
        """
        options = WriteOptions.read(op.params, 'CreateOptions', dry_runs=op.request.params.getall('dryRun', []))
        body = await read_object(op, options, MAX_BODY)
        manager = options.manager or manager_of(op.request.headers.get('User-Agent', ''))
        track_update(body, None, definition=op.definition, manager=manager, now=self._cluster.now())
        answered = review(
            op.definition.kind,
            body,
            op.user,
            self._authorizer,
            self._check,
            now=self._cluster.now(),
            namespace=op.namespace or '',
        )
        return answer(op, self._reading.render(op, answered), 201)
