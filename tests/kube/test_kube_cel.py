"""CEL: the language, its functions, and the validation rules of custom resources."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.cel.errors import CelError, CompileError
from kmock.kube.cel.programs import compile_expression
from kmock.kube.cel.rules import check_rules, compile_rule
from kmock.kube.schemas import Schema

SELF = {
    'name': 'web-1',
    'size': 3,
    'ratio': 1.5,
    'tags': ['b', 'a'],
    'labels': {'a.b/c': 'x', 'k': 'v'},
    'items': [{'n': 'x', 'v': 1}, {'n': 'y', 'v': 2}],
    'namespace': 'ns',
    'my-key': 'dash',
    'nothing': None,
}


def evaluate(text: str, **variables: Any) -> Any:
    variables = {'self': SELF, **variables}
    return compile_expression(text, tuple(variables)).evaluate(variables)


@pytest.mark.parametrize(
    'text',
    [
        'self.size == 3 && self.size < 3.5 && self.size != 4u',
        "self.name.startsWith('web') && self.name.endsWith(\"-1\") && self.name.contains('b-')",
        "self.name.matches('^[a-z]+-[0-9]$')",
        'has(self.name) && !has(self.absent)',
        '!has(self.absent) || self.absent.deeper == 1',
        'self.absent == 1 || true',
        'true || self.absent == 1',
        'self.size > 5 ? false : true',
        'self.items.all(each, each.v > 0)',
        "self.items.exists(each, each.n == 'y')",
        'self.items.exists_one(each, each.v == 2)',
        "self.items.filter(each, each.v > 1).map(each, each.n) == ['y']",
        'self.items.map(each, each.v > 1, each.v * 10) == [20]',
        "self.labels.all(key, key.size() > 0) && 'k' in self.labels && self.labels['k'] == 'v'",
        "self.labels['a.b/c'] == 'x' && self.labels.exists(k, v, v == 'x')",
        "self.my__dash__key == 'dash' && self.__namespace__ == 'ns' && self.`my-key` == 'dash'",
        "'a' in self.tags && size(self.tags) == 2 && !self.tags.isSorted()",
        "self.tags.indexOf('a') == 1 && [1, 2, 3].sum() == 6 && [3, 1].min() == 1 && [3, 1].max() == 3",
        '7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1 && 7.0 / 2.0 == 3.5',
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2]",
        "string(1) + string(true) + string(1.5) == '1true1.5'",
        "int('12') == 12 && int(3.9) == 3 && double('1.5') == 1.5 && uint(4) == 4u && bool('true')",
        "type(1) == int && type('a') == string && type([]) == list",
        "duration('1h30m') == duration('90m') && duration('1h').getMinutes() == 60",
        "timestamp('2024-03-01T00:00:00Z') - timestamp('2024-02-28T00:00:00Z') == duration('48h')",
        "timestamp('2024-03-01T05:00:00Z').getFullYear() == 2024",
        "timestamp('2024-03-01T23:00:00Z').getHours('+02:00') == 1",
        "'a,b,c'.split(',') == ['a', 'b', 'c'] && ['a', 'b'].join('-') == 'a-b' && 'a,b,c'.split(',', 2)[1] == 'b,c'",
        "'Hello'.lowerAscii() == 'hello' && 'abc'.substring(1) == 'bc' && 'abc'.charAt(1) == 'b'",
        "' x '.trim() == 'x' && 'aXbX'.replace('X', '-') == 'a-b-' && 'abcb'.lastIndexOf('b') == 3",
        "'%s has %d, %.2f, %x'.format(['a', 2, 1.5, 255]) == 'a has 2, 1.50, ff'",
        "'abc 123 def 4'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']",
        "quantity('500m').isLessThan(quantity('1')) && quantity('1Ki').asInteger() == 1024 && isQuantity('1Gi')",
        "!isQuantity('x') && quantity('1').add(quantity('500m')).compareTo(quantity('1500m')) == 0",
        "url('https://a.com:80/p?q=1').getHost() == 'a.com:80' && url('/p').getEscapedPath() == '/p' && !isURL('x')",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://a/?k=1&k=2').getQuery()['k'] == ['1', '2']",
        "isIP('1.2.3.4') && ip('::1').family() == 6 && ip('127.0.0.1').isLoopback() && ip.isCanonical('::1')",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('10.0.0.0/7')",
        "cidr('10.1.0.0/8').masked() == cidr('10.0.0.0/8') && isCIDR('::/0') && cidr('10.0.0.0/8').prefixLength() == 8",
        "!format.dns1123Label().validate('web-1').hasValue() && format.dns1123Label().validate('A').hasValue()",
        "format.named('uuid').hasValue() && !format.named('unheard').hasValue()",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-a').isLessThan(semver('1.0.0'))",
        "isSemver('v1.2', true) && !isSemver('v1.2') && semver('1.2.3').minor() == 2",
        'sets.contains([1, 2, 3], [1]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])',
        'optional.of(1).hasValue() && !optional.none().hasValue() && optional.none().orValue(5) == 5',
        "self.?absent.orValue('dflt') == 'dflt' && self.?name.value() == 'web-1' && [1][?3].orValue(0) == 0",
        'self.?absent.?deeper.orValue(1) == 1 && optional.of(2).optMap(x, x * 2).value() == 4',
        'cel.bind(x, self.size * 2, x + x) == 12',
        "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2} && [1, 2].transformList(i, v, i + v) == [1, 3]",
        "r'\\d' == '\\\\d' && b'a' == bytes('a') && '\\u00e9' == 'é' && '''a'b''' == \"a'b\"",
        'self.nothing == null && 0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5 // a comment',
        "'b' > 'a' && duration('1s') < duration('2s') && dyn(1) == 1.0",
        "!(1 == 2) && !(dyn('1') == 1) && [1, 'a'] == [1.0, 'a']",
    ],
)
def test_expressions_that_hold(text: str) -> None:
    assert evaluate(text) is True


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('self.absent', 'no such key: absent'),
        ("self.labels['z']", 'no such key: z'),
        ('self.tags[5]', 'index out of bounds: 5'),
        ('1 / 0', 'division by zero'),
        ('1 % 0', 'modulus by zero'),
        ('9223372036854775807 + 1', 'integer overflow'),
        ("self.size + 'a'", 'no such overload: _+_(int, string)'),
        ("self.size < 'a'", 'no such overload: _<_(int, string)'),
        ('self.name && true', 'no such overload'),
        ("int('x')", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("'abc'.substring(5)", 'index out of range: 5'),
        ('[].max()', 'max called on empty list'),
        ('optional.none().value()', 'optional.none() dereference'),
    ],
)
def test_evaluations_that_fail(text: str, error: str) -> None:
    with pytest.raises(CelError) as caught:
        evaluate(text)
    assert str(caught.value) == error


SPEC: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'min': {'type': 'integer'},
        'map': {'type': 'object', 'additionalProperties': {'type': 'string'}},
        'list': {'type': 'array', 'items': {'type': 'object', 'properties': {'v': {'type': 'integer'}}}},
    },
}


@pytest.mark.parametrize(
    'rule', ['self.min > 0', "self.map.anything == 'x'", 'self.list.all(each, each.v > 0)', 'oldSelf.min == self.min']
)
def test_rules_that_compile(rule: str) -> None:
    assert compile_rule(rule, Schema(SPEC)) is None


@pytest.mark.parametrize(
    ('rule', 'error'),
    [
        ('self.mni > 0', "compilation failed: ERROR: <input>:1:5: undefined field 'mni'\n | self.mni > 0\n | ....^"),
        (
            'self.list.all(each, each.w > 0)',
            "compilation failed: ERROR: <input>:1:25: undefined field 'w'\n | self.list.all(each, each.w > 0)\n"
            ' | ........................^',
        ),
        (
            'slef.min > 0',
            "compilation failed: ERROR: <input>:1:1: undeclared reference to 'slef' (in container '')\n"
            ' | slef.min > 0\n | ^',
        ),
        ('self.min + 1', 'cel expression must evaluate to a bool'),
        ('  ', 'rule is not specified'),
    ],
)
def test_rules_that_do_not_compile(rule: str, error: str) -> None:
    assert compile_rule(rule, Schema(SPEC)) == error


@pytest.mark.parametrize(
    'text', ['', 'self.', '(1', '[1', "'open", 'a b', '1 +', 'for', 'unheard(1)', 'has(1)', '&', '😀']
)
def test_texts_that_are_no_expressions(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_expression(text, ('self',))
    assert caught.value.report(text).startswith('ERROR: <input>:1:')


def found(node: Any, obj: Any, old: Any = None) -> list[str]:
    schema = Schema({'type': 'object', 'properties': {'spec': node}})
    return [str(each) for each in check_rules(schema, {'spec': obj}, None if old is None else {'spec': old})]


def test_transition_rules_need_an_old_value() -> None:
    node = {'type': 'string', 'x-kubernetes-validations': [{'rule': 'self == oldSelf'}]}
    assert found(node, 'a') == []
    assert found(node, 'b', 'a') == ['spec: Invalid value: "b": failed rule: self == oldSelf']


def test_an_optional_old_self_is_always_there() -> None:
    rule = {'rule': "oldSelf.hasValue() || self == 'first'", 'optionalOldSelf': True}
    node = {'type': 'string', 'x-kubernetes-validations': [rule]}
    assert found(node, 'second') == [f'spec: Invalid value: "second": failed rule: {rule["rule"]}']
    assert found(node, 'second', 'x') == []


def test_rules_do_not_complain_about_what_did_not_change() -> None:
    node = {'type': 'integer', 'x-kubernetes-validations': [{'rule': 'self > 5', 'message': 'too small'}]}
    assert found(node, 3) == ['spec: Invalid value: 3: too small']
    assert found(node, 3, 3) == []


def test_items_without_old_selves_are_let_pass_where_all_around_them_is_as_before() -> None:
    items = {'type': 'integer', 'x-kubernetes-validations': [{'rule': 'self > 5'}]}
    node = {'type': 'array', 'items': items}
    assert found(node, [3], [3]) == []
    assert len(found(node, [3, 6], [3])) == 1


def test_items_of_a_list_map_have_their_old_selves() -> None:
    node = {
        'type': 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['n'],
        'items': {'type': 'object', 'x-kubernetes-validations': [{'rule': 'self.v >= oldSelf.v'}]},
    }
    old = [{'n': 'a', 'v': 2}, {'n': 'b', 'v': 2}]
    assert found(node, [{'n': 'b', 'v': 1}, {'n': 'c', 'v': 0}], old) == [
        'spec[0]: Invalid value: failed rule: self.v >= oldSelf.v'
    ]


def test_reasons_paths_and_message_expressions() -> None:
    rules = [
        {'rule': 'has(self.a)', 'reason': 'FieldValueRequired', 'message': 'a is needed', 'fieldPath': '.a'},
        {'rule': 'self.b < 5', 'messageExpression': "'b is ' + string(self.b)", 'fieldPath': "['b']"},
        {'rule': 'self.c', 'message': 'no c'},
    ]
    node = {'type': 'object', 'x-kubernetes-validations': rules}
    assert found(node, {'b': 7}) == [
        'spec.a: Required value: a is needed',
        'spec.b: Invalid value: b is 7',
        'spec: Invalid value: "object": no such key: c evaluating rule: self.c',
    ]


def test_values_are_what_their_schemas_say() -> None:
    node = {
        'type': 'object',
        'properties': {
            'when': {'type': 'string', 'format': 'date-time'},
            'long': {'type': 'string', 'format': 'duration'},
            'ratio': {'type': 'number'},
        },
        'x-kubernetes-validations': [
            {'rule': "self.when > timestamp('2024-01-01T00:00:00Z')"},
            {'rule': "self.long < duration('1h') && self.ratio / 2.0 == 0.5"},
        ],
    }
    assert found(node, {'when': '2024-06-01T00:00:00Z', 'long': '5m', 'ratio': 1}) == []


words = st.sampled_from([
    'self', '.', 'size', '(', ')', '[', ']', '{', '}', ':', '?', ',', '+', '-', '*', '/', '%', '!', '==', '<', '&&',
    '||',
    'in', '1', '1.5', '2u', "'a'", "b'a'", 'has', 'all', 'map', 'x', 'true', 'null', 'tags', 'name', 'items', 'string',
    'int', 'duration', 'matches', 'format', 'substring', 'quantity', 'ip', 'optional', 'none', 'value', '`', '"', '\\',
])  # fmt: skip


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(parts=st.lists(words, max_size=10))
def test_any_text_has_a_value_or_a_cel_error(parts: list[str]) -> None:
    assert outcome(''.join(parts)) != ''


def outcome(text: str) -> Any:
    """The value of an expression, or the text of its error; other exceptions pass."""
    try:
        program = compile_expression(text, ('self',))
    except CompileError as error:
        return error.report(text)
    try:
        return program.evaluate({'self': SELF}) or 'empty'
    except CelError as error:
        return str(error)


def test_functions_refuse_arguments_of_other_types() -> None:
    from kmock.kube.cel.functions import FUNCTIONS, METHODS
    from kmock.kube.cel.kubernetes import KUBERNETES_FUNCTIONS, KUBERNETES_METHODS

    values = ['1', "'a'", '1.5', '[]', '{}', 'null', 'true', "b'x'", "duration('1s')", 'optional.none()']
    calls = [f'{name}({value})' for name in (*FUNCTIONS, *KUBERNETES_FUNCTIONS) for value in values]
    calls += [f'{value}.{name}()' for name in (*METHODS, *KUBERNETES_METHODS) for value in values if value != '1']
    calls += [f"{value}.{name}('a')" for name in (*METHODS, *KUBERNETES_METHODS) for value in values if value != '1']
    failed = 0
    for text in calls:
        try:
            compile_expression(text, ()).evaluate({})
        except CelError:
            failed += 1
    assert failed > len(calls) / 2
