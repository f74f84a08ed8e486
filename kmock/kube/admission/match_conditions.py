"""Match conditions of webhooks: CEL expressions on a request, which tell whether a webhook is to be asked.

The language is in `cel`. Of the variables that the real server has, `authorizer` is missing.
Source: the Kubernetes documentation, "Matching requests: matchConditions".
"""

from collections.abc import Mapping
from typing import Any

__all__ = ['compile_condition', 'evaluate_condition']

_VARIABLES = ('object', 'oldObject', 'request', 'authorizer')


def compile_condition(expression: str) -> str | None:
    """What is wrong with the expression, as the server says it; None for nothing.

    Nothing is said of expressions that name the authorizer, whose functions are not known here.
    """
    from kmock.kube.cel.errors import CompileError  # loaded with the first condition
    from kmock.kube.cel.programs import compile_expression
    from kmock.kube.cel.static import BOOL, DYN, check_types

    try:
        program = compile_expression(expression, _VARIABLES)
    except CompileError as error:
        return None if 'authorizer' in expression else f'compilation failed: {error.report(expression)}'
    found, errors = check_types(program.tree, dict.fromkeys(_VARIABLES, DYN))
    if errors:
        return 'compilation failed: ' + '\n'.join(error.report(expression) for error in errors)
    return None if found in (BOOL, DYN) else 'must evaluate to bool'


def evaluate_condition(expression: str, variables: Mapping[str, Any]) -> bool:
    """Whether the condition holds with the variables `object`, `oldObject` and `request`.

    Raises:
        ValueError: it can't be evaluated; the text says why.
    """
    from kmock.kube.cel.errors import CelError, CompileError
    from kmock.kube.cel.programs import compile_expression

    try:
        program = compile_expression(expression, _VARIABLES)
        if 'authorizer' in program.names:
            raise ValueError('no such variable: authorizer')
        value = program.evaluate(variables)
    except (CelError, CompileError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, bool):
        raise ValueError('cel expression must evaluate to a bool')
    return value
