"""Which webhooks a request is shown to, and what they are asked: configurations, rules, selectors, AdmissionReviews.

Calling them, and what follows from their answers, stands in admission.py.
Source: the Kubernetes documentation, "Dynamic Admission Control"; the order of keys is that of a real v1.36 API server.
"""

import base64
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kmock.kube.definitions import Definition, Json
from kmock.kube.selectors.by_fields import match_selector
from kmock.kube.statuses import not_found
from kmock.naming import Resource

__all__ = ['MUTATING', 'VALIDATING', 'Hook', 'Review', 'hooks_of', 'request_of', 'selects', 'target_of']

GROUP = 'admissionregistration.k8s.io'
MUTATING = Resource(GROUP, 'v1', 'mutatingwebhookconfigurations')
VALIDATING = Resource(GROUP, 'v1', 'validatingwebhookconfigurations')

_NAMESPACES = Resource('', 'v1', 'namespaces')
_OPTIONS = {'CREATE': 'CreateOptions', 'UPDATE': 'UpdateOptions', 'DELETE': 'DeleteOptions'}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A request that is up for admission.

    Attributes:
        subresource: such as `status`; empty for the object itself.
        operation: `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
        namespace, name: empty where the request has none.
        obj: as it is about to be stored; None for deletions.
        old: as it is stored; None for creations.
        options: `CreateOptions` and the like; `kind` and `apiVersion` are added where they lack.
        user: `username`, `uid`, `groups`, `extra`, as far as there are any.
    """

    definition: Definition
    subresource: str = ''
    operation: str
    namespace: str = ''
    name: str = ''
    obj: Json | None = None
    old: Json | None = None
    options: Json = dataclasses.field(default_factory=dict)
    dry_run: bool = False
    user: Json = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration; `webhook` is its part of the stored object, defaults filled in."""

    configuration: str
    index: int
    webhook: Json

    @property
    def key(self) -> tuple[str, int]:
        return self.configuration, self.index

    @property
    def name(self) -> str:
        return str(self.webhook.get('name', ''))

    @property
    def ignores_failures(self) -> bool:
        return self.webhook.get('failurePolicy') == 'Ignore'

    @property
    def equivalent(self) -> bool:
        return bool(self.webhook.get('matchPolicy', 'Equivalent') == 'Equivalent')

    @property
    def timeout(self) -> int:
        """In seconds."""
        return int(self.webhook.get('timeoutSeconds') or 10)

    @property
    def ca(self) -> bytes | None:
        """The certificates to trust, in PEM; None for those of the system."""
        bundle = self.webhook.get('clientConfig', {}).get('caBundle')
        return base64.b64decode(bundle) if bundle else None

    @property
    def conditions(self) -> Sequence[Json]:
        return self.webhook.get('matchConditions') or ()


def hooks_of(configurations: Iterable[Json]) -> Iterator[Hook]:
    """All webhooks in the order in which they are called: by the configurations' names, then as they are written."""
    for each in sorted(configurations, key=lambda each: str(each['metadata']['name'])):
        for index, webhook in enumerate(each.get('webhooks') or ()):
            yield Hook(each['metadata']['name'], index, webhook)


# --- matching


def target_of(hook: Hook, review: Review, versions: Callable[[Resource], Iterable[Definition]]) -> Definition | None:
    """The version of the resource type that the webhook's rules name; None if they name none.

    It is the request's own version if possible, else (with the policy Equivalent) another one of the same type.
    """
    own = review.definition
    rules = hook.webhook.get('rules') or ()
    if own.resource.group == GROUP and own.resource.plural in (MUTATING.plural, VALIDATING.plural):
        return None  # else a broken webhook could never be removed
    if any(_matches_rule(rule, own.resource, review) for rule in rules):
        return own
    if hook.equivalent:
        for other in versions(own.resource):
            if other is not own and any(_matches_rule(rule, other.resource, review) for rule in rules):
                return other
    return None


def _matches_rule(rule: Json, resource: Resource, review: Review) -> bool:
    return (
        _names(rule.get('operations'), review.operation)
        and _names(rule.get('apiGroups'), resource.group)
        and _names(rule.get('apiVersions'), resource.version)
        and any(_names_resource(each, resource.plural, review.subresource) for each in rule.get('resources') or ())
        and _in_scope(rule.get('scope') or '*', resource, review)
    )


def _names(values: Sequence[str] | None, value: str) -> bool:
    return values is not None and ('*' in values or value in values)


def _names_resource(pattern: str, plural: str, subresource: str) -> bool:
    """`pods` and `*` name no subresources; `pods/*` and `*/*` name the resources, too."""
    resource, _, sub = pattern.partition('/')
    return resource in ('*', plural) and sub in ('*', subresource)


def _in_scope(scope: str, resource: Resource, review: Review) -> bool:
    """Namespaces are cluster-scoped, though requests to them carry a namespace."""
    is_namespace = resource.group == '' and resource.plural == 'namespaces'
    namespaced = bool(review.namespace) and not is_namespace
    return scope == '*' or (scope == 'Namespaced') is namespaced


def selects(hook: Hook, review: Review, namespace: Callable[[str], Json | None]) -> bool:
    """Whether the selectors of the webhook match.

    Raises:
        StatusError: 404 when the request's namespace does not exist.
    """
    selector = hook.webhook.get('objectSelector')
    if selector and not any(
        match_selector(selector, _labels(each)) for each in (review.obj, review.old) if each is not None
    ):
        return False
    selector = hook.webhook.get('namespaceSelector')
    is_namespace = review.definition.resource.plural == 'namespaces'
    if not selector or not (review.namespace or is_namespace):
        return True
    if is_namespace and not review.subresource and review.operation in ('CREATE', 'UPDATE'):
        return match_selector(selector, _labels(review.obj or {}))
    name = review.namespace or review.name
    found = namespace(name)
    if found is None:
        raise not_found(_NAMESPACES, name)
    return match_selector(selector, _labels(found))


def _labels(obj: Json) -> Mapping[str, str]:
    found: Mapping[str, str] = obj.get('metadata', {}).get('labels') or {}
    return found


# --- asking


def request_of(review: Review, target: Definition, uid: str) -> Json:
    """The `request` of an AdmissionReview, for a webhook whose rules name the target version."""
    resource, wanted = review.definition.resource, target.resource
    request: Json = {'uid': uid, 'kind': _kind(target, review.subresource), 'resource': _resource(wanted)}
    if review.subresource:
        request['subResource'] = review.subresource
    request['requestKind'] = _kind(review.definition, review.subresource)
    request['requestResource'] = _resource(resource)
    if review.subresource:
        request['requestSubResource'] = review.subresource
    if review.name:
        request['name'] = review.name
    if review.namespace:
        request['namespace'] = review.namespace
    request['operation'] = review.operation
    request['userInfo'] = {
        key: review.user[key] for key in ('username', 'uid', 'groups', 'extra') if review.user.get(key)
    }
    request['object'] = converted(review.obj, review.definition, target)
    request['oldObject'] = converted(review.old, review.definition, target)
    request['dryRun'] = review.dry_run
    request['options'] = _options(review)
    return request


def converted(obj: Json | None, source: Definition, target: Definition) -> Json | None:
    """The object in another version of its type: only the apiVersion changes."""
    if obj is None or source is target or obj.get('apiVersion') != source.api_version:
        return obj
    return {**obj, 'apiVersion': target.api_version}


def _kind(definition: Definition, subresource: str) -> Json:
    """What is sent: `Scale` of `autoscaling/v1` for scales, else the kind of the object."""
    resource, kind = definition.resource, definition.kind
    group, version = resource.group, resource.version
    found = definition.subresources.get(subresource)
    if found is not None:
        kind = found.kind
        if found.version:
            group, version = found.group, found.version
    return {'group': group, 'version': version, 'kind': kind}


def _resource(resource: Resource) -> Json:
    return {'group': resource.group, 'version': resource.version, 'resource': resource.plural}


def _options(review: Review) -> Json | None:
    kind = _OPTIONS.get(review.operation)
    if kind is None and not review.options:
        return None
    head: dict[str, Any] = {'kind': kind, 'apiVersion': 'meta.k8s.io/v1'} if kind else {}
    return {**head, **review.options}
