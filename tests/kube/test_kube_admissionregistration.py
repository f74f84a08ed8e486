"""Webhook configurations: what the server fills in, and what it refuses."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.kinds import strategy
from kmock.kube.kinds.admissionregistration import STRATEGIES
from kmock.naming import Resource

VALIDATING = STRATEGIES['validatingwebhookconfigurations']
MUTATING = STRATEGIES['mutatingwebhookconfigurations']
RULE = {'apiGroups': [''], 'apiVersions': ['v1'], 'operations': ['CREATE'], 'resources': ['configmaps']}
WEBHOOK = {
    'name': 'a.kmock.example',
    'admissionReviewVersions': ['v1'],
    'sideEffects': 'None',
    'clientConfig': {'url': 'https://127.0.0.1/x'},
    'rules': [RULE],
}


def configuration(*webhooks: dict[str, Any]) -> dict[str, Any]:
    return {'metadata': {'name': 'a'}, 'webhooks': [copy.deepcopy(each) for each in webhooks]}


def texts(obj: dict[str, Any], old: dict[str, Any] | None = None, kind: Any = MUTATING) -> list[str]:
    found = kind.validate(obj) if old is None else kind.validate_update(obj, old)
    return [str(each) for each in found]


def test_the_strategies_are_found_by_the_resource() -> None:
    resource = Resource('admissionregistration.k8s.io', 'v1', 'mutatingwebhookconfigurations')
    assert strategy(resource) is MUTATING


def test_defaults_are_filled_in() -> None:
    obj = configuration({**WEBHOOK, 'matchConditions': []})
    MUTATING.default(obj)
    [webhook] = obj['webhooks']
    assert webhook == {
        **WEBHOOK,
        'rules': [{**RULE, 'scope': '*'}],
        'failurePolicy': 'Fail',
        'matchPolicy': 'Equivalent',
        'namespaceSelector': {},
        'objectSelector': {},
        'timeoutSeconds': 10,
        'reinvocationPolicy': 'Never',
    }
    assert texts(obj) == []
    obj = configuration({**WEBHOOK, 'clientConfig': {'service': {'name': 's', 'namespace': 'n'}}})
    VALIDATING.default(obj)
    assert obj['webhooks'][0]['clientConfig']['service']['port'] == 443
    assert 'reinvocationPolicy' not in obj['webhooks'][0]
    assert texts(obj, kind=VALIDATING) == []


def test_defaults_of_policies() -> None:
    obj = {'spec': {'matchConstraints': {'resourceRules': [RULE.copy()]}}}
    STRATEGIES['validatingadmissionpolicies'].default(obj)
    assert obj['spec'] == {
        'failurePolicy': 'Fail',
        'matchConstraints': {
            'matchPolicy': 'Equivalent',
            'namespaceSelector': {},
            'objectSelector': {},
            'resourceRules': [{**RULE, 'scope': '*'}],
        },
    }


HTTPS = 'desired format: https://host[/path]'
CONFIG = 'webhooks[0].clientConfig'
RULES = 'webhooks[0].rules[0]'


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'name': 'short', 'admissionReviewVersions': ['v9']}, [
            'webhooks[0].name: Invalid value: "short": '
            'should be a domain with at least three segments separated by dots',
            'webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1']),
        ({'name': None}, ['webhooks[0].name: Required value']),
        ({'sideEffects': 'Some'},
         ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"']),
        ({'sideEffects': None},
         ['webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun']),
        ({'timeoutSeconds': 31},
         ['webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds']),
        ({'failurePolicy': 'x'},
         ['webhooks[0].failurePolicy: Unsupported value: "x": supported values: "Fail", "Ignore"']),
        ({'reinvocationPolicy': 'x'},
         ['webhooks[0].reinvocationPolicy: Unsupported value: "x": supported values: "IfNeeded", "Never"']),
        ({'admissionReviewVersions': []},
         ['webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1']),
        ({'admissionReviewVersions': ['v1', 'v1']},
         ['webhooks[0].admissionReviewVersions[1]: Invalid value: "v1": duplicate version']),
        ({'clientConfig': {}}, [f'{CONFIG}: Required value: exactly one of url or service is required']),
        ({'clientConfig': {'url': 'http://127.0.0.1/x'}},
         [f'{CONFIG}.url: Invalid value: "http": \'https\' is the only allowed URL scheme; {HTTPS}']),
        ({'clientConfig': {'url': 'https://u:p@h/x?q#f'}}, [
            f'{CONFIG}.url: Invalid value: "u:p": user information is not permitted in the URL',
            f'{CONFIG}.url: Invalid value: "f": fragments are not permitted in the URL',
            f'{CONFIG}.url: Invalid value: "q": query parameters are not permitted in the URL']),
        ({'clientConfig': {'url': 'https:///x'}},
         [f'{CONFIG}.url: Invalid value: "": host must be specified; {HTTPS}']),
        ({'clientConfig': {'service': {'name': 's', 'path': 'x//y'}}}, [
            f'{CONFIG}.service.namespace: Required value: service namespace is required',
            f'{CONFIG}.service.path: Invalid value: "x//y": must start with a \'/\'',
            f'{CONFIG}.service.path: Invalid value: "x//y": segment[0] may not be empty',
            f'{CONFIG}.service.path: Invalid value: "x//y": segment[1] may not be empty']),
        ({'rules': [{**RULE, 'operations': ['*', 'DROP']}]}, [
            f'{RULES}.operations: Invalid value: ["*","DROP"]: if \'*\' is present, must not specify other operations',
            f'{RULES}.operations[1]: Unsupported value: "DROP": supported values: "*", "CONNECT", "CREATE", "DELETE", '
            '"UPDATE"']),
        ({'rules': [{'scope': 'x'}]}, [
            f'{RULES}.operations: Required value',
            f'{RULES}.apiGroups: Required value',
            f'{RULES}.apiVersions: Required value',
            f'{RULES}.resources: Required value',
            f'{RULES}.scope: Unsupported value: "x": supported values: "*", "Cluster", "Namespaced"']),
        ({'rules': [{**RULE, 'resources': ['*', 'pods']}]},
         [f'{RULES}.resources: Invalid value: ["*","pods"]: '
          "if '*' is present, must not specify other resources without subresources"]),
        ({'rules': [{**RULE, 'resources': ['pods/*', 'pods/status']}]},
         [f'{RULES}.resources[1]: Invalid value: "pods/status": '
          "if 'pods/*' is present, must not specify pods/status"]),
        ({'matchConditions': [{'name': 'a', 'expression': ' '}, {'name': 'a', 'expression': 'true'}]}, [
            'webhooks[0].matchConditions[0].expression: Required value',
            'webhooks[0].matchConditions[1].name: Duplicate value: "a"']),
    ],
)  # fmt: skip
def test_what_is_refused(changes: dict[str, Any], expected: list[str]) -> None:
    assert texts(configuration({**WEBHOOK, **changes})) == expected


def test_names_are_unique() -> None:
    assert texts(configuration(WEBHOOK, WEBHOOK)) == ['webhooks[1].name: Duplicate value: "a.kmock.example"']


def test_what_the_old_object_breaks_is_not_enforced_on_updates() -> None:
    old = {**WEBHOOK, 'sideEffects': 'Some', 'admissionReviewVersions': ['v9']}
    assert len(texts(configuration(old))) == 2
    assert texts(configuration(old), configuration(old)) == []
    assert len(texts(configuration(old), configuration(WEBHOOK))) == 2


URLS = st.sampled_from(['https://[', 'https://h:x/', '//', '']) | st.text(max_size=8)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        'name': st.text(max_size=5),
        'rules': st.lists(st.dictionaries(st.sampled_from(list(RULE)), st.lists(st.text('*/a', max_size=3)))),
        'clientConfig': st.fixed_dictionaries(
            {},
            optional={'url': URLS, 'service': st.fixed_dictionaries({'path': URLS}, optional={'port': st.integers()})},
        ),
        'admissionReviewVersions': st.lists(st.text(max_size=3), max_size=3),
        'matchConditions': st.lists(st.fixed_dictionaries({'name': st.text(max_size=3)}), max_size=2),
    },
)


@settings(max_examples=80, deadline=None)
@given(st.lists(FIELDS, max_size=2))
def test_any_webhooks_are_judged(webhooks: list[dict[str, Any]]) -> None:
    obj = configuration(*webhooks)
    MUTATING.default(obj)
    assert bool(texts(obj)) is bool(webhooks)
