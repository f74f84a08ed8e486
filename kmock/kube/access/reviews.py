"""Reviews: the kinds that are answered and never stored, by which clients ask who they are and what they may do.

Source: the Kubernetes API reference of authorization.k8s.io and authentication.k8s.io; the real server's causes.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from kmock.kube.access.attributes import Attributes
from kmock.kube.access.authentication import Checked
from kmock.kube.access.authorization import Authorizer, Rule, aggregate
from kmock.kube.access.users import User, user_info
from kmock.kube.statuses import (
    Cause,
    bad_request,
    invalid,
    invalid_value,
    not_supported,
    required,
)

__all__ = ['REVIEWS', 'review']

Json: TypeAlias = dict[str, Any]
CheckToken: TypeAlias = Callable[[str, Sequence[str]], Checked]

_ONE_OF = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
_NOT_BOTH = 'cannot be specified in combination with resourceAttributes'
_SOMEBODY = 'at least one of user or group must be specified'


def review(
    kind: str,
    body: Json,
    user: User,
    authorizer: Authorizer,
    authenticate: CheckToken,
    *,
    now: str,
    namespace: str = '',
) -> Json:
    """Answer a review.

    Args:
        kind: one of `REVIEWS`.
        body: the review as it was posted, decoded by its schema.
        user: who asks.
        authenticate: tells what a token is worth (`check_token`), for TokenReviews.
        now: the time as objects have it, for what is created now.
        namespace: that of the URL, for LocalSubjectAccessReviews.

    Raises:
        StatusError: 422 or 400 for a review that asks for nothing, or for too much.
    """
    answers = {
        'SelfSubjectAccessReview': lambda: _self_access(body, user, authorizer),
        'SubjectAccessReview': lambda: _access(body, authorizer),
        'LocalSubjectAccessReview': lambda: _local_access(body, authorizer, namespace),
        'SelfSubjectRulesReview': lambda: _rules(body, user, authorizer),
        'SelfSubjectReview': lambda: _self(user, now),
        'TokenReview': lambda: _token(body, authenticate),
    }
    return answers[kind]()


REVIEWS = frozenset(
    {
        'SelfSubjectAccessReview',
        'SubjectAccessReview',
        'LocalSubjectAccessReview',
        'SelfSubjectRulesReview',
        'SelfSubjectReview',
        'TokenReview',
    }
)


# --- access


def _self_access(body: Json, user: User, authorizer: Authorizer) -> Json:
    spec = body.get('spec') or {}
    _refuse([*_check_attributes(spec), *_check_metadata(body, local=False)])
    return _answer(body, _decide(authorizer, user, spec))


def _access(body: Json, authorizer: Authorizer) -> Json:
    spec = body.get('spec') or {}
    _refuse([*_check_subject(spec), *_check_metadata(body, local=False)])
    return _answer(body, _decide(authorizer, _subject(spec), spec))


def _local_access(body: Json, authorizer: Authorizer, namespace: str) -> Json:
    spec = body.get('spec') or {}
    # What the URL says, is said of the object, too, before it is looked at.
    metadata = {'namespace': namespace, **(body.get('metadata') or {})}
    body = {**body, 'metadata': {key: value for key, value in metadata.items() if value}}
    causes = [*_check_subject(spec), *_check_metadata(body, local=True)]
    asked = spec.get('resourceAttributes')
    own = body['metadata'].get('namespace', '')
    if asked is not None and asked.get('namespace', '') != own:
        path, why = 'spec.resourceAttributes.namespace', 'must match metadata.namespace'
        causes.append(invalid_value(path, asked.get('namespace', ''), why))
    if spec.get('nonResourceAttributes') is not None:
        value, why = _go_path(spec['nonResourceAttributes']), 'disallowed on this kind of request'
        causes.append(invalid_value('spec.nonResourceAttributes', value, why))
    _refuse(causes)
    return _answer(body, _decide(authorizer, _subject(spec), spec))


def _decide(authorizer: Authorizer, user: User, spec: Json) -> Json:
    allowed, reason = authorizer.allowed(user, _attributes(spec))
    return {'allowed': allowed, 'reason': reason} if reason else {'allowed': allowed}


def _answer(body: Json, status: Json) -> Json:
    answer = {'kind': body.get('kind'), 'apiVersion': body.get('apiVersion'), 'metadata': body.get('metadata') or {}}
    return copy.deepcopy({**answer, 'spec': body.get('spec') or {}}) | {'status': status}


def _attributes(spec: Json) -> Attributes:
    asked = spec.get('resourceAttributes')
    if asked is None:
        path = spec['nonResourceAttributes']
        return Attributes(verb=path.get('verb', ''), path=path.get('path', ''))
    parts = ('verb', 'group', 'version', 'resource', 'subresource', 'namespace', 'name')
    return Attributes(**{key: asked.get(key, '') for key in parts})


def _subject(spec: Json) -> User:
    extra = tuple((key, tuple(values or ())) for key, values in (spec.get('extra') or {}).items())
    groups = tuple(spec.get('groups') or ())
    return User(name=spec.get('user', ''), groups=groups, uid=spec.get('uid', ''), extra=extra)


def _refuse(causes: Sequence[Cause]) -> None:
    if causes:
        raise invalid('', 'authorization.k8s.io', '', causes)


def _check_subject(spec: Json) -> Iterable[Cause]:
    yield from _check_which(spec)
    if not spec.get('user') and not spec.get('groups'):
        yield invalid_value('spec.user', '', _SOMEBODY)
    yield from _check_selectors(spec)


def _check_attributes(spec: Json) -> Iterable[Cause]:
    yield from _check_which(spec)
    yield from _check_selectors(spec)


def _check_which(spec: Json) -> Iterable[Cause]:
    resource, path = spec.get('resourceAttributes'), spec.get('nonResourceAttributes')
    if resource is not None and path is not None:
        yield invalid_value('spec.nonResourceAttributes', _go_path(path), _NOT_BOTH)
    if resource is None and path is None:
        yield invalid_value('spec.resourceAttributes', None, _ONE_OF)


def _go_path(path: Json) -> Json:
    """The attributes as the server prints its internal structure."""
    return {'Path': path.get('path', ''), 'Verb': path.get('verb', '')}


def _check_metadata(body: Json, *, local: bool) -> Iterable[Cause]:
    metadata = body.get('metadata') or {}
    ignored = {'managedFields', 'namespace'} if local else {'managedFields'}
    if any(value for key, value in metadata.items() if key not in ignored):
        why = 'must be empty except for namespace' if local else 'must be empty'
        shown = sorted((pair for pair in metadata.items() if pair[1]), key=_go_order)
        yield invalid_value('metadata', dict(shown), why)


_METADATA = (
    *('name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp'),
    *('deletionTimestamp', 'deletionGracePeriodSeconds', 'labels', 'annotations', 'ownerReferences', 'finalizers'),
    'managedFields',
)
"""The order in which the server prints the metadata of an object."""


def _go_order(pair: tuple[str, Any]) -> int:
    return _METADATA.index(pair[0]) if pair[0] in _METADATA else len(_METADATA)


_SELECTORS = (('fieldSelector', 'field selector'), ('labelSelector', 'label selector'))
_OPERATORS = ('In', 'NotIn', 'Exists', 'DoesNotExist')


def _check_selectors(spec: Json) -> Iterable[Cause]:
    asked = spec.get('resourceAttributes') or {}
    for part, _ in _SELECTORS:
        selector = asked.get(part)
        if selector is None:
            continue
        path = f'spec.resourceAttributes.{part}'
        raw, requirements = selector.get('rawSelector'), selector.get('requirements') or ()
        if raw and requirements:
            yield invalid_value(f'{path}.rawSelector', raw, 'may not specified at the same time as requirements')
        if not raw and not requirements:
            why = f'when {path} is specified, requirements or rawSelector is required'
            yield required(f'{path}.requirements', why)
        for index, requirement in enumerate(requirements):
            yield from _check_requirement(requirement, f'{path}.requirements[{index}]')


def _check_requirement(requirement: Json, path: str) -> Iterable[Cause]:
    operator, values = requirement.get('operator', ''), requirement.get('values')
    if not requirement.get('key'):
        yield required(f'{path}.key', 'must be specified')
    if operator in {'In', 'NotIn'} and not values:
        yield required(f'{path}.values', "must be specified when `operator` is 'In' or 'NotIn'")
    if operator in {'Exists', 'DoesNotExist'} and values:
        why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        yield Cause(reason='FieldValueForbidden', message=f'Forbidden: {why}', field=f'{path}.values')
    if not operator:
        yield not_supported(f'{path}.operator', operator, _OPERATORS)


# --- rules


def _rules(body: Json, user: User, authorizer: Authorizer) -> Json:
    namespace = (body.get('spec') or {}).get('namespace', '')
    if not namespace:
        raise bad_request('no namespace on request')
    resources: list[Json] = []
    paths: list[Json] = []
    problems: list[str] = []
    if authorizer.is_open:
        resources.append({'verbs': ['*'], 'apiGroups': ['*'], 'resources': ['*']})
        paths.append({'verbs': ['*'], 'nonResourceURLs': ['*']})
    for grant in authorizer.grants(user, namespace):
        if grant.rules is None:
            problems.append(grant.problem)
        for rule in grant.rules or ():
            _sort(rule, resources, paths)
    status: Json = {'resourceRules': resources, 'nonResourceRules': paths, 'incomplete': bool(problems)}
    if problems:
        status['evaluationError'] = aggregate(problems)
    # The answer is made anew: not even the spec is in it.
    return {'kind': body.get('kind'), 'apiVersion': body.get('apiVersion'), 'metadata': {}, 'spec': {}} | {
        'status': status
    }


def _sort(rule: Rule, resources: list[Json], paths: list[Json]) -> None:
    if rule.get('resources'):
        resources.append(_parts(rule, 'verbs', 'apiGroups', 'resources', 'resourceNames'))
    if rule.get('nonResourceURLs'):
        paths.append(_parts(rule, 'verbs', 'nonResourceURLs'))


def _parts(rule: Mapping[str, Any], *names: str) -> Json:
    return {name: list(rule[name]) for name in names if rule.get(name)}


# --- identity


def _self(user: User, now: str) -> Json:
    answer: Json = {'kind': 'SelfSubjectReview', 'apiVersion': 'authentication.k8s.io/v1'}
    return answer | {'metadata': {'creationTimestamp': now}, 'status': {'userInfo': user_info(user)}}


def _token(body: Json, authenticate: CheckToken) -> Json:
    spec = body.get('spec') or {}
    if not spec.get('token'):
        raise bad_request('token is required for TokenReview in authentication')
    found = authenticate(spec['token'], tuple(spec.get('audiences') or ()))
    status: Json = {} if found.user is None else {'authenticated': True}
    status['user'] = {} if found.user is None else user_info(found.user)
    if found.user is not None:
        status['audiences'] = list(found.audiences)
    if found.error:
        status['error'] = found.error
    return _answer(body, status)
