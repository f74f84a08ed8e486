"""The `x-kubernetes-validations` of custom resources: compiling them, and applying them to objects.

`self` is the value that a rule stands at, `oldSelf` the one before; a rule that speaks of `oldSelf` is applied only
where there is one. What did not change is not complained about by other rules.
Source: the Kubernetes documentation of CustomResourceDefinitions, "Validation rules".
"""

import functools
from collections.abc import Mapping
from typing import Any

from kmock.kube.cel.errors import CelError, CompileError
from kmock.kube.cel.functions import FUNCTIONS
from kmock.kube.cel.programs import Program, compile_expression
from kmock.kube.cel.static import BOOL, DYN, STRING, Static, check_types, optional_of, type_of_schema
from kmock.kube.cel.values import Optional
from kmock.kube.schema import Schema
from kmock.kube.schemas.checking import UNCORRELATED, Checker, same
from kmock.kube.statuses import Cause, duplicate, forbidden_field, invalid_value, required

__all__ = ['check_rules', 'compile_message', 'compile_rule']

_VARIABLES = ('self', 'oldSelf')
_CONVERTED = {'date-time': 'timestamp', 'date': 'timestamp', 'duration': 'duration'}


# --- compiling


def compile_rule(rule: str, schema: Schema | None, *, optional_old: bool = False) -> str | None:
    """What is wrong with a rule that stands at a node of a schema, in the words of the API server; None if nothing.

    Names, functions, syntax, and types are checked, these as far as they are certain.
    """
    if not rule.strip():
        return 'rule is not specified'
    found, fault = _compile(rule, schema, optional_old)
    return fault or (None if found in (BOOL, DYN) else 'cel expression must evaluate to a bool')


def compile_message(expression: str, schema: Schema | None, *, optional_old: bool = False) -> str | None:
    """What is wrong with an expression that makes the message of a rule; None if nothing."""
    found, fault = _compile(expression, schema, optional_old)
    if fault:
        return f'messageExpression {fault}'
    return None if found in (STRING, DYN) else 'messageExpression must evaluate to a string'


def _compile(text: str, schema: Schema | None, optional_old: bool) -> tuple[Static, str | None]:
    """The type of an expression, and why it does not compile, if so."""
    own = (type_of_schema(schema.node) if schema is not None else None) or DYN
    try:
        program = compile_expression(text, _VARIABLES)
        found, errors = check_types(program.tree, {'self': own, 'oldSelf': optional_of(own) if optional_old else own})
    except CompileError as error:
        return DYN, f'compilation failed: {error.report(text)}'
    except RecursionError:
        return DYN, 'compilation failed: expression recursion limit exceeded: 250'
    if errors:
        return DYN, 'compilation failed: ' + '\n'.join(error.report(text) for error in errors)
    return found, None


# --- applying


class _Rule:
    """One compiled rule."""

    __slots__ = ('message', 'message_program', 'optional_old', 'path', 'program', 'reason', 'text', 'uses_old')

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self.text = str(declared.get('rule', '')).strip()
        self.program: Program | None = _compiled(declared.get('rule'))
        self.message = str(declared.get('message') or '').strip() or f'failed rule: {self.text}'
        self.message_program = _compiled(declared.get('messageExpression'))
        self.reason = declared.get('reason')
        self.path = _path(str(declared.get('fieldPath') or ''))
        self.optional_old = bool(declared.get('optionalOldSelf'))
        self.uses_old = self.program is not None and 'oldSelf' in self.program.names


def _compiled(text: Any) -> Program | None:
    """None for what does not compile: a CRD with it would not have been accepted."""
    try:
        return compile_expression(text, _VARIABLES) if isinstance(text, str) and text else None
    except CompileError:
        return None


def _path(text: str) -> str:
    """`.spec['my-name']` as causes show it: `.spec.my-name`."""
    return text.replace("['", '.').replace("']", '')


class _Rules:
    """The rules at one node of a schema and below it; `any` tells whether there are some."""

    __slots__ = ('additional', 'any', 'checker', 'convert', 'items', 'node', 'properties', 'rules')

    def __init__(self, node: Mapping[str, Any]) -> None:
        self.node = node
        self.rules = [_Rule(each) for each in node.get('x-kubernetes-validations') or ()]
        below = {key: _Rules(child) for key, child in (node.get('properties') or {}).items()}
        self.properties = {key: child for key, child in below.items() if child.any}
        self.additional = _below(node.get('additionalProperties'))
        self.items = _below(node.get('items'))
        self.checker = Checker({key: value for key, value in node.items() if key.startswith('x-kubernetes-list')})
        self.convert = bool(self.rules) and _needs_conversion(node)
        self.any: bool = bool(self.rules or self.properties or self.additional or self.items)


def _below(node: Any) -> _Rules | None:
    found = _Rules(node) if isinstance(node, Mapping) else None
    return found if found is not None and found.any else None


@functools.lru_cache(maxsize=512)
def _rules_of(schema: Schema) -> _Rules:
    return _Rules(schema.node)


def check_rules(schema: Schema, obj: dict[str, Any], old: dict[str, Any] | None) -> list[Cause]:
    """What the rules of a schema find wrong with an object that is otherwise valid."""
    causes: list[Cause] = []
    before = UNCORRELATED if old is None else old
    _check(_rules_of(schema), obj, before, (obj, before), '', causes)
    return causes


def _check(rules: _Rules, value: Any, old: Any, nearest: tuple[Any, Any], path: str, causes: list[Cause]) -> None:
    """Apply the rules to a value and to what is in it; `nearest` is the innermost value around that has an old one."""
    if value is None:
        return
    if old is not UNCORRELATED:
        nearest = value, old
    for rule in rules.rules:
        wrong = _apply(rule, rules, value, old, path)
        if wrong is not None and (rule.uses_old or not same(*nearest)):
            causes.append(wrong)
    if isinstance(value, dict) and (rules.properties or rules.additional):
        before = old if isinstance(old, dict) else {}
        for key, item in value.items():
            child = rules.properties.get(key)
            if child is None and key not in (rules.node.get('properties') or {}):
                child = rules.additional
            if child is not None:
                where = f'{path}.{key}' if path else key
                _check(child, item, before.get(key, UNCORRELATED), nearest, where, causes)
    elif isinstance(value, list) and rules.items is not None:
        find = rules.checker.correlated(old)
        for index, item in enumerate(value):
            _check(rules.items, item, find(item), nearest, f'{path}[{index}]', causes)


def _apply(rule: _Rule, rules: _Rules, value: Any, old: Any, path: str) -> Cause | None:
    comparable = old is not UNCORRELATED and old is not None
    if rule.program is None or (rule.uses_old and not comparable and not rule.optional_old):
        return None
    env = {'self': _converted(value, rules.node) if rules.convert else value}
    before = (_converted(old, rules.node) if rules.convert else old) if comparable else None
    env['oldSelf'] = Optional(before, present=comparable) if rule.optional_old else before
    try:
        if rule.program.evaluate(env) is True:
            return None
    except CelError as error:
        return _failed(rule, path or '<nil>', rules.node, str(error))
    return _refused(rule, f'{path}{rule.path}'.removeprefix('.') or '<nil>', value, _message(rule, env))


def _message(rule: _Rule, env: dict[str, Any]) -> str:
    """The text of the message expression, where it gives one line of text; else the message."""
    if rule.message_program is None:
        return rule.message
    try:
        text = rule.message_program.evaluate(env)
    except CelError:
        return rule.message
    if not isinstance(text, str) or not text.strip() or '\n' in text or len(text) > 5 * 1024:
        return rule.message
    return text.strip()


def _failed(rule: _Rule, where: str, node: Mapping[str, Any], error: str) -> Cause:
    kind = node.get('type', '')
    if error.startswith('no such overload'):
        hint = 'call arguments did not match a supported operator, function or macro signature for rule'
        return invalid_value(where, kind, f"'{error}': {hint}: {rule.text}")
    return invalid_value(where, kind, f'{error} evaluating rule: {rule.text}')


def _refused(rule: _Rule, where: str, value: Any, message: str) -> Cause:
    if rule.reason == 'FieldValueForbidden':
        return forbidden_field(where, message)
    if rule.reason == 'FieldValueRequired':
        return required(where, message)
    if isinstance(value, dict | list):  # values that are not scalars are left out
        text = 'Duplicate value' if rule.reason == 'FieldValueDuplicate' else f'Invalid value: {message}'
        return Cause(reason=rule.reason or 'FieldValueInvalid', message=text, field=where)
    return duplicate(where, value) if rule.reason == 'FieldValueDuplicate' else invalid_value(where, value, message)


# --- values by their schemas


def _needs_conversion(node: Any) -> bool:
    """Whether some value below is another in CEL than in JSON: doubles, times, durations, bytes."""
    if not isinstance(node, Mapping):
        return False
    if node.get('type') == 'number' or (node.get('type') == 'string' and node.get('format') in {*_CONVERTED, 'byte'}):
        return True
    children = [*(node.get('properties') or {}).values(), node.get('additionalProperties'), node.get('items')]
    return any(_needs_conversion(each) for each in children)


def _converted(value: Any, node: Any) -> Any:
    if not isinstance(node, Mapping):
        return value
    if isinstance(value, dict):
        properties, additional = node.get('properties') or {}, node.get('additionalProperties')
        return {key: _converted(item, properties.get(key, additional)) for key, item in value.items()}
    if isinstance(value, list):
        return [_converted(item, node.get('items')) for item in value]
    if node.get('type') == 'number' and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and node.get('type') == 'string':
        return _converted_text(value, node.get('format'))
    return value


def _converted_text(value: str, form: str | None) -> Any:
    if form == 'byte':
        import base64
        import binascii

        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return value
    if form not in _CONVERTED:
        return value
    try:
        return FUNCTIONS[_CONVERTED[form]](f'{value}T00:00:00Z' if form == 'date' else value)
    except CelError:
        return value
