"""Rules in CEL within schemas (`x-kubernetes-validations`): their form, and whether they compile."""

import re
from collections.abc import Iterator

from kmock.kube.crds.reading import Node, listed, mapping, text
from kmock.kube.crds.selectable import path_fault
from kmock.kube.schema import Schema
from kmock.kube.statuses import Cause, invalid_value, not_supported, required

__all__ = ['rule_causes', 'uncompiled_causes']

_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_OLD_SELF = re.compile(r'(?<![\w.])oldSelf(?!\w)')
_REASONS = ('FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired')


def rule_causes(node: Node, field: str) -> Iterator[Cause]:
    """What is wrong with the rules of a node, but for their expressions."""
    for index, each in enumerate(listed(node.get('x-kubernetes-validations'))):
        yield from _form(mapping(each), node, f'{field}.x-kubernetes-validations[{index}]')


def _form(rule: Node, node: Node, field: str) -> Iterator[Cause]:
    expression, message = text(rule.get('rule')).strip(), text(rule.get('message'))
    if not expression:
        yield required(f'{field}.rule', 'rule is not specified')
    elif message and not message.strip():
        yield invalid_value(f'{field}.message', message, 'message must be non-empty if specified')
    elif _has_lines(message.strip()):
        yield invalid_value(f'{field}.message', message, 'message must not contain line breaks')
    elif _has_lines(expression) and not message.strip():
        yield required(f'{field}.message', 'message must be specified if rule contains line breaks')
    words = text(rule.get('messageExpression'))
    if words and not words.strip():
        yield required(f'{field}.messageExpression', 'messageExpression must be non-empty if specified')
    reason, path = rule.get('reason'), text(rule.get('fieldPath'))
    if reason is not None and reason not in _REASONS:
        yield not_supported(f'{field}.reason', reason, _REASONS)
    if path and not path.strip():
        yield invalid_value(f'{field}.fieldPath', path, 'fieldPath must be non-empty if specified')
    if _has_lines(path):
        yield invalid_value(f'{field}.fieldPath', path, 'fieldPath must not contain line breaks')
    if path and path_fault(path, node):
        yield invalid_value(f'{field}.fieldPath', path, 'fieldPath must be a valid path')


def _has_lines(words: str) -> bool:
    return '\n' in words or '\r' in words


def uncompiled_causes(node: Node, field: str, *, whole: bool, uncorrelated: str | None) -> Iterator[Cause]:
    """The causes for which expressions of a node are refused.

    Args:
        whole: whether the node is of a whole resource, whose rules see its apiVersion, kind and name.
        uncorrelated: the path above which old and new values can't be told to belong together, or None.
    """
    from kmock.kube.schemas.rules import compile_message, compile_rule  # not before a schema has rules

    schema = Schema(_with_name(node) if whole else node)
    for index, each in enumerate(listed(node.get('x-kubernetes-validations'))):
        rule, where = mapping(each), f'{field}.x-kubernetes-validations[{index}]'
        expression = text(rule.get('rule'))
        optional = rule.get('optionalOldSelf') is True
        fault = compile_rule(expression, schema, optional_old=optional)
        if fault:
            yield invalid_value(f'{where}.rule', _dumped(rule), fault)
        elif _OLD_SELF.search(_STRING.sub("''", expression)):
            if uncorrelated:
                reason = f'oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelated}'
                yield invalid_value(f'{where}.rule', expression, reason)
        elif rule.get('optionalOldSelf') is not None:
            reason = 'may not be set if oldSelf is not used in rule'
            yield invalid_value(f'{where}.optionalOldSelf', rule['optionalOldSelf'], reason)
        words = text(rule.get('messageExpression'))
        fault = compile_message(words, schema, optional_old=optional) if words.strip() else None
        if fault:
            yield invalid_value(f'{where}.messageExpression', _dumped(rule), fault)


def _with_name(node: Node) -> Node:
    """A whole resource as rules see it: of the metadata, there are the names alone."""
    string = {'type': 'string'}
    metadata = {'type': 'object', 'properties': {'name': string, 'generateName': string}}
    properties = {'apiVersion': string, 'kind': string, **mapping(node.get('properties')), 'metadata': metadata}
    return {**node, 'properties': properties}


def _dumped(rule: Node) -> Node:
    """A rule as causes show it: the server's internal form has Go's names, and no omissions."""
    words = {key: text(rule.get(key[0].lower() + key[1:])) for key in ('Rule', 'Message', 'MessageExpression')}
    path, optional = text(rule.get('fieldPath')), rule.get('optionalOldSelf')
    return {**words, 'Reason': rule.get('reason'), 'FieldPath': path, 'OptionalOldSelf': optional}
