"""CEL: the language, its functions, and the validation rules of custom resources."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.cel.errors import CelError, CompileError
from kmock.kube.cel.programs import compile_expression
from kmock.kube.schema import Schema
from kmock.kube.schemas.rules import check_rules, compile_message, compile_rule

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


TYPED: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'text': {'type': 'string'},
        'count': {'type': 'integer'},
        'ratio': {'type': 'number'},
        'flag': {'type': 'boolean'},
        'when': {'type': 'string', 'format': 'date-time'},
        'either': {'x-kubernetes-int-or-string': True},
        'texts': {'type': 'array', 'items': {'type': 'string'}},
        'map': {'type': 'object', 'additionalProperties': {'type': 'integer'}},
        'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
        'object': {'type': 'object', 'x-kubernetes-embedded-resource': True},
        'my-text': {'type': 'string'},
        'untyped': {'x-kubernetes-preserve-unknown-fields': True},
    },
}


def marked(rule: str, column: int, text: str) -> str:
    return f'compilation failed: ERROR: <input>:1:{column + 1}: {text}\n | {rule}\n | {"." * column}^'


@pytest.mark.parametrize(
    ('rule', 'column', 'error'),
    [
        ('self.text == 1', 10, "found no matching overload for '_==_' applied to '(string, int)'"),
        ('self.count > self.text', 11, "found no matching overload for '_>_' applied to '(int, string)'"),
        ('self.count == 1.0', 11, "found no matching overload for '_==_' applied to '(int, double)'"),
        ('self.text == null', 10, "found no matching overload for '_==_' applied to '(string, null)'"),
        ('self.text && self.flag', 10, "found no matching overload for '_&&_' applied to '(string, bool)'"),
        ('!self.text', 0, "found no matching overload for '!_' applied to '(string)'"),
        ('self.count.startsWith("a")', 21, "found no matching overload for 'startsWith' applied to 'int.(string)'"),
        ('self.text.startsWith(1)', 20, "found no matching overload for 'startsWith' applied to 'string.(int)'"),
        ('size(self.count) > 1', 4, "found no matching overload for 'size' applied to '(int)'"),
        ('1 in self.texts', 2, "found no matching overload for '@in' applied to '(int, list(string))'"),
        ('self.texts["a"] == "x"', 10, "found no matching overload for '_[_]' applied to '(list(string), string)'"),
        ('self.text.more == 1', 9, "type 'string' does not support field selection"),
        ('has(self.more)', 3, "undefined field 'more'"),
        ('self.free.more == 1', 9, "undefined field 'more'"),
        ('self.untyped == 1', 4, "undefined field 'untyped'"),
        ('self.texts.all(each, each > 1)', 26, "found no matching overload for '_>_' applied to '(string, int)'"),
        ('self.map.all(key, key == 1)', 22, "found no matching overload for '_==_' applied to '(string, int)'"),
        ('[1, "a"].size() == 2', 4, "expected type 'int' but found 'string'"),
        ('self.when > "2020"', 10, "found no matching overload for '_>_' applied to '(timestamp, string)'"),
        (
            'self.count.all(each, true)',
            4,
            "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
    ],
)
def test_types_that_do_not_fit(rule: str, column: int, error: str) -> None:
    assert compile_rule(rule, Schema(TYPED)) == marked(rule, column, error)


@pytest.mark.parametrize(
    'rule',
    [
        'self.count < 1.5',
        'self.either == 1 || self.either == "x"',
        'self.map["a"] > 0 && self.map.a == 1',
        'self.map.all(key, self.map[key] > 1 && key.startsWith("a"))',
        'self.texts.map(each, size(each)).all(each, each > 1)',
        'self.texts.filter(each, each != "").size() + self.texts.size() > 1',
        'self.texts.exists_one(each, each == self.text) ? self.flag : false',
        'self.my__dash__text == "x" && self.object.metadata.name == "y" && self.object.kind == "K"',
        'self.texts + ["a"] == ["b"]',
        'self.when > timestamp("2020-01-01T00:00:00Z") - duration("1h")',
        'quantity(self.text).isGreaterThan(quantity("1")) && isQuantity(self.text)',
        'cel.bind(x, self.count, x > 1)',
        'dyn(self.text) == 1',
        'self.texts.all(at, each, at > 0 && each != "")',
        'self.when == null',
        'self.text.matches("a") && self.text.split(",").all(each, each.trim() != "")',
        '[[1], []].all(each, each.size() > 0)',
        "sets.contains(self.texts, ['a']) && {'a': 1}['a'] == 1",
    ],
)
def test_types_that_fit(rule: str) -> None:
    assert compile_rule(rule, Schema(TYPED)) is None


def test_all_wrong_types_are_told_at_once_in_the_order_of_the_text() -> None:
    found = compile_rule('self.text == 1 && self.more > 1', Schema(TYPED))
    assert found is not None
    assert [line.partition(': ')[2] for line in found.split('\n') if 'ERROR' in line] == [
        "ERROR: <input>:1:11: found no matching overload for '_==_' applied to '(string, int)'",
        "<input>:1:23: undefined field 'more'",
    ]


def test_an_optional_old_value_is_no_plain_one() -> None:
    rule = 'self.text == oldSelf.text'
    assert compile_rule(rule, Schema(TYPED)) is None
    wrong = "found no matching overload for '_==_' applied to '(string, optional_type(string))'"
    assert compile_rule(rule, Schema(TYPED), optional_old=True) == marked(rule, 10, wrong)
    fitting = 'oldSelf.text.orValue("") == self.text && oldSelf.?count.hasValue() && oldSelf.value().flag'
    assert compile_rule(fitting, Schema(TYPED), optional_old=True) is None


@pytest.mark.parametrize('rule', ['self.text', 'self.count + 1', 'self.texts', 'size(self.text)', 'self'])
def test_rules_tell_true_or_false(rule: str) -> None:
    assert compile_rule(rule, Schema(TYPED)) == 'cel expression must evaluate to a bool'


def test_expressions_of_messages_are_texts() -> None:
    assert compile_message('"got " + self.text', Schema(TYPED)) is None
    assert compile_message('self.count', Schema(TYPED)) == 'messageExpression must evaluate to a string'
    wrong = compile_message('"got " + self.count', Schema(TYPED))
    assert wrong is not None
    assert wrong.startswith('messageExpression compilation failed: ERROR: <input>:1:8: found no matching overload')
