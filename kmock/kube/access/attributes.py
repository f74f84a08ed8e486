"""Attributes: what a request asks to do, in the words of authorization, and how a refusal of it is said.

Source: apiserver's request info and its Forbidden responses.
"""

import dataclasses

from kmock.kube.access.users import User
from kmock.kube.statuses import StatusError, go_quote, qualified
from kmock.naming import Call, Resource

__all__ = ['Attributes', 'attributes_of', 'forbidden_status']


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What is asked for. With a `resource` it is a request to the API; without, to a `path` such as `/healthz`.

    `verb` is as in RBAC: get, list, watch, create, update, patch, delete, deletecollection, or any other word;
    for paths the lower-cased HTTP method. What there is none of is an empty string.
    """

    verb: str
    group: str = ''
    version: str = ''
    resource: str = ''
    subresource: str = ''
    namespace: str = ''
    name: str = ''
    path: str = ''

    @property
    def whole_resource(self) -> str:
        """The resource with its subresource, as rules name it: `pods/log`."""
        return f'{self.resource}/{self.subresource}' if self.subresource else self.resource


def attributes_of(method: str, path: str, call: Call | None, *, selected_name: str | None = None) -> Attributes:
    """What a request asks for.

    Args:
        method: the HTTP method.
        path: the decoded path, without the query.
        call: what the URL means; None for paths that are none of a resource's.
        selected_name: the name that the field selector of a list or watch pins (`metadata.name=a`), if it does.
    """
    if call is None:
        return Attributes(verb=method.lower(), path=path)
    namespace, name = call.namespace or '', call.name or ''
    if not namespace and call.resource.plural == 'namespaces':
        namespace = name  # the server takes /api/v1/namespaces/x as something in the namespace x
    if not name and call.verb in {'list', 'watch'}:
        name = selected_name or ''
    return Attributes(
        verb=call.verb,
        group=call.resource.group,
        version=call.resource.version,
        resource=call.resource.plural,
        subresource=(call.subresource or '').partition('/')[0],
        namespace=namespace,
        name=name,
        path=path,
    )


def forbidden_status(user: User, attributes: Attributes, reason: str = '') -> StatusError:
    """403: `pods "a" is forbidden: User "viewer" cannot get resource "pods" in API group "" in the namespace "x"`.

    Args:
        reason: what the authorizer has to say to it, if anything.
    """
    why = _escape(_refusal(user, attributes))
    if reason:
        why = f'{why}: {reason}'
    if not attributes.resource:
        return StatusError(403, 'Forbidden', f'forbidden: {why}', {})
    subject = qualified(Resource(attributes.group, attributes.version, attributes.resource))
    if attributes.name:
        subject = f'{subject} {go_quote(attributes.name)}'
    details = {'name': attributes.name, 'group': attributes.group, 'kind': attributes.resource}
    details = {key: value for key, value in details.items() if value}
    return StatusError(403, 'Forbidden', f'{subject} is forbidden: {why}', details)


def _refusal(user: User, attributes: Attributes) -> str:
    who = f'User {go_quote(user.name)} cannot {attributes.verb}'
    if not attributes.resource:
        return f'{who} path {go_quote(attributes.path)}'
    what = f'{who} resource {go_quote(attributes.whole_resource)} in API group {go_quote(attributes.group)}'
    if attributes.namespace:
        return f'{what} in the namespace {go_quote(attributes.namespace)}'
    return f'{what} at the cluster scope'


def _escape(text: str) -> str:
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
