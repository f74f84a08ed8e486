"""Admission webhooks: whom they are called for, and what their answers do. The calls are made to a function here."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.admission.answers import FailedCallError, read_answer
from kmock.kube.admission.webhooks import Admission, Review
from kmock.kube.definitions import Definition, Subresource
from kmock.kube.statuses import StatusError, status_body
from kmock.naming import Resource


def define(resource: Resource, kind: str, **more: Any) -> Definition:
    return Definition(
        resource=resource, kind=kind, list_kind=f'{kind}List', singular=kind.lower(), namespaced=True, verbs=(), **more
    )


SCALE = Subresource(name='scale', kind='Scale', verbs=('get',), group='autoscaling', version='v1')
CONFIGMAPS = define(Resource('', 'v1', 'configmaps'), 'ConfigMap')
NAMESPACES = define(Resource('', 'v1', 'namespaces'), 'Namespace')
WIDGETS = define(Resource('x.io', 'v1', 'widgets'), 'Widget', subresources={'scale': SCALE})
WIDGETS_V2 = define(Resource('x.io', 'v2', 'widgets'), 'Widget')
HOOKS = define(Resource('admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations'), 'X')
EVERYTHING = {'apiGroups': ['*'], 'apiVersions': ['*'], 'operations': ['*'], 'resources': ['*']}


def webhook(name: str = 'a.b.c', **more: Any) -> dict[str, Any]:
    return {
        'name': name,
        'admissionReviewVersions': ['v1'],
        'sideEffects': 'None',
        'failurePolicy': 'Fail',
        'timeoutSeconds': 3,
        'clientConfig': {'url': f'https://hook/{name}'},
        'rules': [EVERYTHING],
        **more,
    }


def patching(*operations: Any) -> dict[str, Any]:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return {'allowed': True, 'patchType': 'JSONPatch', 'patch': patch}


class World:
    """A cluster of webhooks which answer as `answers` says by their names: a response, a function of the request,
    an exception, or a raw (status, body).
    """

    def __init__(self, answers: dict[str, Any], **admission: Any) -> None:
        self.answers = answers
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.namespaces = {'ns': {'metadata': {'name': 'ns', 'labels': {'env': 'test'}}}}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[dict[str, Any]] = []
        self.admission = Admission(
            lambda resource: self.objects.get(resource.plural, ()), self.call, self.namespaces.get, **admission
        )

    def mutating(self, *webhooks: dict[str, Any], name: str = 'm') -> 'World':
        self.objects.setdefault('mutatingwebhookconfigurations', []).append(
            {'metadata': {'name': name}, 'webhooks': list(webhooks)}
        )
        return self

    def validating(self, *webhooks: dict[str, Any], name: str = 'v') -> 'World':
        self.objects.setdefault('validatingwebhookconfigurations', []).append(
            {'metadata': {'name': name}, 'webhooks': list(webhooks)}
        )
        return self

    async def call(self, url: str, body: bytes, **options: Any) -> tuple[int, bytes]:
        name = url.partition('?')[0].rpartition('/')[2]
        review = json.loads(body)
        self.calls.append({'url': url, **options})
        self.asked.append((name, review['request']))
        answer = self.answers.get(name, {'allowed': True})
        if callable(answer):
            answer = answer(review['request'])
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            return answer
        response = {'uid': review['request']['uid'], **answer}
        head = {'apiVersion': review['apiVersion'], 'kind': 'AdmissionReview'}
        return 200, json.dumps({**head, 'response': response}).encode()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


def creation(definition: Definition = CONFIGMAPS, *, labels: Any = None, **more: Any) -> Review:
    metadata = {'name': 'a', 'namespace': 'ns', 'labels': labels or {}}
    obj = {'apiVersion': definition.api_version, 'kind': definition.kind, 'metadata': metadata}
    options = {'definition': definition, 'operation': 'CREATE', 'namespace': 'ns', 'name': 'a', 'obj': obj}
    return Review(**{**options, **more})


def mutated(world: World, review: Review | None = None) -> tuple[Any, list[str]]:
    return asyncio.run(world.admission.mutate(review or creation()))


def validated(world: World, review: Review | None = None) -> list[str]:
    return asyncio.run(world.admission.validate(review or creation()))


def refusal(act: Callable[..., Any], world: World, review: Review | None = None) -> dict[str, Any]:
    with pytest.raises(StatusError) as caught:
        act(world, review)
    return status_body(caught.value)


def failed(name: str, why: str) -> dict[str, Any]:
    message = f'failed calling webhook "{name}": {why}'
    return {
        'kind': 'Status',
        'apiVersion': 'v1',
        'metadata': {},
        'status': 'Failure',
        'message': f'Internal error occurred: {message}',
        'reason': 'InternalError',
        'details': {'causes': [{'message': message}]},
        'code': 500,
    }


# --- asking


def test_without_configurations_there_is_nothing_to_do() -> None:
    world = World({})
    assert not world.admission.active
    assert validated(world) == []
    assert mutated(world)[1] == []
    assert world.validating().admission.active


def test_the_question_is_an_admission_review() -> None:
    world = World({}).validating(webhook())
    user = {'username': 'admin', 'uid': 'admin', 'groups': ['system:masters'], 'extra': {}}
    review = creation(user=user, dry_run=True, options={'dryRun': ['All']})
    validated(world, review)
    [(_, request)] = world.asked
    assert len(request.pop('uid')) == 36
    kind = {'group': '', 'version': 'v1', 'kind': 'ConfigMap'}
    resource = {'group': '', 'version': 'v1', 'resource': 'configmaps'}
    assert request == {
        'kind': kind,
        'resource': resource,
        'requestKind': kind,
        'requestResource': resource,
        'name': 'a',
        'namespace': 'ns',
        'operation': 'CREATE',
        'userInfo': {'username': 'admin', 'uid': 'admin', 'groups': ['system:masters']},
        'object': review.obj,
        'oldObject': None,
        'dryRun': True,
        'options': {'kind': 'CreateOptions', 'apiVersion': 'meta.k8s.io/v1', 'dryRun': ['All']},
    }
    assert world.calls == [{'url': 'https://hook/a.b.c?timeout=3s', 'ca': None, 'timeout': 3.0, 'address': None}]


def test_subresources_have_their_own_kinds() -> None:
    rules = [{**EVERYTHING, 'resources': ['widgets/scale']}]
    world = World({}).validating(webhook(rules=rules))
    validated(world, creation(WIDGETS))
    assert world.asked == []
    validated(world, creation(WIDGETS, subresource='scale', operation='UPDATE'))
    [(_, request)] = world.asked
    assert request['kind'] == {'group': 'autoscaling', 'version': 'v1', 'kind': 'Scale'}
    assert (request['subResource'], request['requestSubResource']) == ('scale', 'scale')


# --- matching


@pytest.mark.parametrize(
    ('rule', 'matches'),
    [
        ({}, True),
        ({'operations': ['UPDATE', 'DELETE']}, False),
        ({'operations': ['CREATE']}, True),
        ({'apiGroups': ['']}, True),
        ({'apiGroups': ['apps']}, False),
        ({'apiVersions': ['v2']}, False),
        ({'resources': ['pods', 'configmaps']}, True),
        ({'resources': ['configmaps/status']}, False),
        ({'resources': ['configmaps/*']}, True),
        ({'resources': ['*/*']}, True),
        ({'scope': 'Namespaced'}, True),
        ({'scope': 'Cluster'}, False),
        ({'scope': '*'}, True),
    ],
)
def test_rules(rule: Any, matches: bool) -> None:
    world = World({}).validating(webhook(rules=[{**EVERYTHING, **rule}]))
    validated(world)
    assert bool(world.asked) is matches


def test_namespaces_are_cluster_scoped_and_select_themselves() -> None:
    world = World({}).validating(
        webhook('own', rules=[{**EVERYTHING, 'scope': 'Cluster'}], namespaceSelector={'matchLabels': {'new': 'yes'}}),
        webhook('namespaced', rules=[{**EVERYTHING, 'scope': 'Namespaced'}]),
    )
    validated(world, creation(NAMESPACES, labels={'new': 'yes'}))
    validated(world, creation(NAMESPACES))
    assert world.names == ['own']


def test_selectors() -> None:
    world = World({}).validating(
        webhook('object', objectSelector={'matchLabels': {'hook': 'yes'}}),
        webhook('namespace', namespaceSelector={'matchLabels': {'env': 'test'}}),
        webhook('other', namespaceSelector={'matchLabels': {'env': 'prod'}}),
        webhook('empty', namespaceSelector={}, objectSelector={}),
    )
    validated(world)
    assert world.names == ['namespace', 'empty']
    world.asked.clear()
    old = {'metadata': {'labels': {'hook': 'yes'}}}
    validated(world, creation(operation='UPDATE', old=old))
    assert world.names == ['object', 'namespace', 'empty']


def test_a_missing_namespace_is_not_found() -> None:
    world = World({}).validating(webhook(namespaceSelector={'matchLabels': {'a': 'b'}}))
    body = refusal(validated, world, creation(namespace='gone'))
    assert (body['code'], body['message']) == (404, 'namespaces "gone" not found')


def test_webhook_configurations_are_exempt() -> None:
    world = World({'a.b.c': {'allowed': False}}).validating(webhook())
    assert validated(world, creation(HOOKS)) == []
    assert world.asked == []


def test_other_versions_are_equivalent_unless_the_match_must_be_exact() -> None:
    def versions(resource: Resource) -> list[Definition]:
        return [WIDGETS, WIDGETS_V2]

    rules = [{**EVERYTHING, 'apiVersions': ['v2']}]
    add = patching({'op': 'test', 'path': '/apiVersion', 'value': 'x.io/v2'}, {'op': 'add', 'path': '/x', 'value': 1})
    world = World({'a.b.c': add}, versions=versions).mutating(
        webhook(rules=rules), webhook('exact', rules=rules, matchPolicy='Exact')
    )
    obj, _ = mutated(world, creation(WIDGETS))
    assert (obj['apiVersion'], obj['x']) == ('x.io/v1', 1)
    [(_, request)] = world.asked
    assert request['resource'] == {'group': 'x.io', 'version': 'v2', 'resource': 'widgets'}
    assert request['requestResource'] == {'group': 'x.io', 'version': 'v1', 'resource': 'widgets'}
    assert request['object']['apiVersion'] == 'x.io/v2'


def test_match_conditions() -> None:
    def condition(expression: str, variables: Any) -> bool:
        if expression == 'broken':
            raise ValueError('no such key: x')
        return bool(variables['request']['operation'] == expression and variables['object'] is not None)

    world = World({}, condition=condition).validating(
        webhook('yes', matchConditions=[{'name': 'a', 'expression': 'CREATE'}]),
        webhook('no', matchConditions=[{'name': 'a', 'expression': 'broken'}, {'name': 'b', 'expression': 'DELETE'}]),
        webhook('lenient', failurePolicy='Ignore', matchConditions=[{'name': 'a', 'expression': 'broken'}]),
    )
    validated(world)
    assert world.names == ['yes']
    world.validating(webhook('broken', matchConditions=[{'name': 'a', 'expression': 'broken'}]), name='w')
    body = refusal(validated, world)
    assert (body['code'], body['reason']) == (403, 'Forbidden')
    assert body['message'] == ('configmaps "a" is forbidden: expression \'broken\' resulted in error: no such key: x')


# --- denials and failures


@pytest.mark.parametrize(
    ('status', 'expected'),
    [
        (None, (400, 'without explanation', None)),
        ({'message': 'plainly denied'}, (400, 'plainly denied', None)),
        ({'code': 418, 'message': 'No way!', 'reason': 'Teapot'}, (418, 'No way!', 'Teapot')),
        ({'code': 200, 'reason': 'Because'}, (400, 'Because', 'Because')),
        ({'code': 9999, 'message': 'x', 'status': 'Success'}, (599, 'x', None)),
    ],
)
@pytest.mark.parametrize('act', [mutated, validated])
def test_denials(act: Any, status: Any, expected: Any) -> None:
    world = World({'a.b.c': {'allowed': False, 'status': status}}).validating(webhook()).mutating(webhook())
    body = refusal(act, world)
    code, said, reason = expected
    said = said if said == 'without explanation' else f': {said}'
    text = f'admission webhook "a.b.c" denied the request{said if said.startswith(":") else " " + said}'
    assert (body['code'], body['message'], body.get('reason')) == (code, text, reason)
    assert body['status'] == 'Failure'


UNPARSABLE = (
    "failed to call webhook: couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value "
    'of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)


@pytest.mark.parametrize(
    ('answer', 'why'),
    [
        ((500, b'oops'), 'failed to call webhook: an error on the server ("oops") has prevented the request from '
         'succeeding'),
        ((404, b'{}'), 'failed to call webhook: the server could not find the requested resource'),
        ((200, b'not json'), UNPARSABLE),
        ((200, b'{"kind": "Pod", "apiVersion": "v1"}'), 'received invalid webhook response: expected webhook response '
         'of admission.k8s.io/v1, Kind=AdmissionReview, got v1, Kind=Pod'),
        ({'patch': 'W10='}, 'received invalid webhook response: validating webhook may not return response.patch'),
        ({'allowed': 'yes'}, 'failed to call webhook: json: cannot unmarshal string into Go struct field '
         'AdmissionReview.response.allowed of type bool'),
        (ConnectionRefusedError('dial tcp 127.0.0.1:1: connect: connection refused'), 'failed to call webhook: Post '
         '"https://hook/a.b.c?timeout=3s": dial tcp 127.0.0.1:1: connect: connection refused'),
        (TimeoutError(), 'failed to call webhook: Post "https://hook/a.b.c?timeout=3s": context deadline exceeded'),
    ],
)  # fmt: skip
def test_failures_count_unless_they_are_to_be_ignored(answer: Any, why: str) -> None:
    world = World({'a.b.c': answer}).validating(webhook())
    assert refusal(validated, world) == failed('a.b.c', why)
    lenient = World({'a.b.c': answer}).validating(webhook(failurePolicy='Ignore'))
    assert validated(lenient) == []
    assert lenient.names == ['a.b.c']


def test_the_uid_must_come_back() -> None:
    world = World({'a.b.c': {'uid': 'nonsense', 'allowed': True}}).validating(webhook())
    message = refusal(validated, world)['message']
    uid = world.asked[0][1]['uid']
    assert message.endswith(f'received invalid webhook response: expected response.uid="{uid}", got "nonsense"')


def test_side_effects_forbid_dry_runs() -> None:
    world = World({}).validating(webhook(sideEffects='Some'))
    assert validated(world) == []
    body = refusal(validated, world, creation(dry_run=True))
    assert (body['code'], body['message']) == (400, 'admission webhook "a.b.c" does not support dry run')
    assert len(world.asked) == 1


def test_warnings_come_from_all_webhooks_and_also_with_denials() -> None:
    answers = {'one': {'allowed': True, 'warnings': ['a', 'b']}, 'two': {'allowed': True, 'warnings': ['c']}}
    world = World(answers).validating(webhook('one'), webhook('two'))
    assert validated(world) == ['a', 'b', 'c']
    world.answers['two'] = {'allowed': False, 'warnings': ['say "no"']}
    with pytest.raises(StatusError) as caught:
        validated(world)
    assert caught.value.headers == (
        ('Warning', '299 - "a"'),
        ('Warning', '299 - "b"'),
        ('Warning', '299 - "say \\"no\\""'),
    )


# --- mutation


def test_webhooks_mutate_one_after_another_by_their_configurations_names() -> None:
    def count(request: Any) -> Any:
        seen = request['object'].get('count', 0)
        return patching({'op': 'add', 'path': '/count', 'value': seen + 1})

    world = World({'one': count, 'two': count, 'three': count})
    world.mutating(webhook('three'), name='z').mutating(webhook('one'), webhook('two'), name='a')
    review = creation()
    obj, _ = mutated(world, review)
    assert world.names == ['one', 'two', 'three']
    assert obj == {**(review.obj or {}), 'count': 3}
    assert 'count' not in (review.obj or {})


def test_webhooks_are_called_again_if_needed_and_once() -> None:
    once = patching({'op': 'add', 'path': '/a', 'value': 1})
    later = patching({'op': 'add', 'path': '/b', 'value': 1})
    world = World({'again': once, 'never': once, 'last': later})
    world.mutating(webhook('again', reinvocationPolicy='IfNeeded'), webhook('never'), webhook('last'))
    mutated(world)
    assert world.names == ['again', 'never', 'last', 'again']


def test_unchanged_objects_call_nobody_again() -> None:
    world = World({}).mutating(webhook('again', reinvocationPolicy='IfNeeded'), webhook('last'))
    mutated(world)
    assert world.names == ['again', 'last']


@pytest.mark.parametrize(
    ('operation', 'why'),
    [
        (
            {'op': 'remove', 'path': '/absent'},
            "error in remove for path: '/absent': Unable to remove nonexistent key: absent: missing value",
        ),
        (
            {'op': 'remove', 'path': '/a/b'},
            'remove operation does not apply: doc is missing path: "/a/b": missing value',
        ),
        ({'op': 'add', 'path': '/a/b'}, 'add operation does not apply: doc is missing path: "/a/b": missing value'),
        (
            {'op': 'replace', 'path': '/a/b'},
            'replace operation does not apply: doc is missing path: /a/b: missing value',
        ),
        (
            {'op': 'test', 'path': '/metadata/name', 'value': 'other'},
            'testing value /metadata/name failed: test failed',
        ),
        ({'op': 'foo', 'path': '/a'}, 'Unexpected kind: foo'),
    ],
)
def test_patches_that_do_not_apply_tell_why(operation: Any, why: str) -> None:
    world = World({'a.b.c': patching(operation)}).mutating(webhook())
    body = refusal(mutated, world)
    assert (body['code'], body['message']) == (500, f'Internal error occurred: {why}')
    assert body['details'] == {'causes': [{'message': why}]}


def test_bad_patches_are_internal_errors() -> None:
    world = World({'a.b.c': patching({'op': 'remove', 'path': '/absent'})}).mutating(webhook())
    body = refusal(mutated, world)
    assert (body['code'], body['reason']) == (500, 'InternalError')
    deletion = creation(operation='DELETE', obj=None, old={'metadata': {}})
    assert (
        'attempted to modify the object, which is not supported for this operation'
        in (refusal(mutated, world, deletion)['message'])
    )


def test_a_patch_needs_its_type() -> None:
    world = World({'a.b.c': {'allowed': True, 'patch': 'W10='}}).mutating(webhook())
    why = 'received invalid webhook response: webhook returned response.patch but not response.patchType'
    assert refusal(mutated, world) == failed('a.b.c', why)


# --- services


def test_services_are_called_by_their_names_or_where_they_lead() -> None:
    config = {'service': {'namespace': 'ns', 'name': 'svc', 'path': '/x/a.b.c'}}
    world = World({}).validating(webhook(clientConfig=config))
    why = 'failed to call webhook: Post "https://svc.ns.svc:443/x/a.b.c?timeout=3s": service "svc" not found'
    assert refusal(validated, world) == failed('a.b.c', why)
    world.objects['services'] = [{'metadata': {'namespace': 'ns', 'name': 'svc'}, 'spec': {'type': 'ClusterIP'}}]
    validated(world)
    world.objects['services'][0]['spec'] = {'type': 'ExternalName', 'externalName': 'localhost'}
    validated(world)
    assert [(each['url'], each['address']) for each in world.calls] == [
        ('https://svc.ns.svc:443/x/a.b.c?timeout=3s', None),
        ('https://svc.ns.svc:443/x/a.b.c?timeout=3s', ('localhost', 443)),
    ]


# --- any answer


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ['response', 'uid', 'allowed', 'status', 'patch', 'patchType', 'warnings', 'code', 'message', 'details']
            ),
            inner,
            max_size=4,
        )
    ),
)
HEAD = {'apiVersion': 'admission.k8s.io/v1', 'kind': 'AdmissionReview'}


@settings(max_examples=150, deadline=None)
@given(st.integers(100, 700), ANSWERS | st.binary(max_size=12), st.booleans())
def test_any_answer_is_understood_or_refused(status: int, value: Any, mutating: bool) -> None:
    bodies = [value] if isinstance(value, bytes) else [{**HEAD, 'response': value}, value]
    for body in bodies:
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            outcome = read_answer(status, encoded, uid='', version='v1', mutating=mutating).allowed
        except FailedCallError as exc:
            outcome = bool(str(exc))
        assert outcome in (True, False)
