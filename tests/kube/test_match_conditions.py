"""Match conditions: expressions on admission requests."""

import pytest

from kmock.kube.admission.match_conditions import compile_condition, evaluate_condition

VARIABLES = {
    'object': {'metadata': {'name': 'a', 'labels': {'hook': 'yes'}}},
    'oldObject': None,
    'request': {'operation': 'CREATE', 'userInfo': {'username': 'admin', 'groups': ['system:masters']}},
}


@pytest.mark.parametrize(
    ('expression', 'holds'),
    [
        ("object.metadata.name == 'a'", True),
        ("has(object.metadata.labels) && object.metadata.labels['hook'] != 'yes'", False),
        ('oldObject == null', True),
        ("request.operation in ['UPDATE', 'DELETE']", False),
        ("!('system:nodes' in request.userInfo.groups)", True),
        ("!request.userInfo.username.startsWith('system:')", True),
    ],
)
def test_conditions_see_the_request_and_both_objects(expression: str, holds: bool) -> None:
    assert compile_condition(expression) is None
    assert evaluate_condition(expression, VARIABLES) is holds


@pytest.mark.parametrize(
    ('expression', 'why'),
    [
        ('object.spec.size == 1', 'no such key: spec'),
        ("'text'", 'must evaluate to a bool'),
        ('nothing == 1', "undeclared reference to 'nothing'"),
        ('authorizer == null', 'no such variable: authorizer'),
    ],
)
def test_what_can_not_be_evaluated_is_told(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        evaluate_condition(expression, VARIABLES)


def test_compile_errors_point_into_the_expression() -> None:
    assert compile_condition('object.metadata.name ==') is not None
    found = compile_condition('nothing == 1')
    assert found is not None
    assert found.startswith("compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing'")
    assert compile_condition("authorizer.group('').resource('pods').check('get').allowed()") is None
