"""Requests for tokens of service accounts: `serviceaccounts/token`."""

from kmock.kube.access import Tokens
from kmock.kube.cluster import Operation
from kmock.kube.subresources.forms import form_of, read_form, seen_as
from kmock.kube.verbs.reading import Reading, answer
from kmock.kube.verbs.writing import Writing
from kmock.messages import Answer

__all__ = ['TokenRequests']

_FORM = form_of('authentication.k8s.io/v1', 'TokenRequest')


class TokenRequests:
    """Answers the creation of tokens."""

    def __init__(self, reading: Reading, writing: Writing, tokens: Tokens) -> None:
        self._reading = reading
        self._writing = writing
        self._tokens = tokens

    async def create(self, op: Operation) -> Answer:
        """Issue a token.

        Raises:
            StatusError: 400, 404, 409, 422.
        """
        options = self._writing.options(op, 'CreateOptions')
        request = await read_form(op, _FORM, options)
        request = await self._writing.admit_form(op, 'CREATE', request, None, options)
        issued = self._tokens.issue(op.namespace or '', op.name, request)
        return answer(op, self._reading.render(seen_as(op, _FORM), issued), 201)
