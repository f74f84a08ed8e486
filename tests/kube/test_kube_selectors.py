"""Label and field selectors: what they select, and what the server says of what it can't read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.selectors.by_fields import match_selector, parse_fields
from kmock.kube.selectors.by_labels import parse_labels
from kmock.kube.statuses import StatusError
from kmock.naming import Resource

OBJECTS: dict[str, dict[str, str]] = {
    'a': {'app': 'x', 'tier': 'one'},
    'b': {'app': 'x', 'tier': 'two'},
    'c': {'app': 'y', 'size': '7'},
    'd': {},
}


def define(group: str, plural: str, origin: Origin = Origin.BUILT_IN, **more: object) -> Definition:
    settings: dict[str, object] = {'namespaced': True, 'verbs': (), 'list_kind': '', 'singular': ''}
    return Definition(resource=Resource(group, 'v1', plural), kind='Kind', origin=origin, **{**settings, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('app=x', 'ab'),
        ('app==x', 'ab'),
        ('app!=x', 'cd'),
        ('app=x,tier=one', 'a'),
        ('app', 'abc'),
        ('!app', 'd'),
        ('! app', 'd'),
        ('app in (x,y)', 'abc'),
        ('app in ( x , y )', 'abc'),
        ('app notin (x)', 'cd'),
        ('tier notin (one,two),app', 'c'),
        ('', 'abcd'),
        ('  ', 'abcd'),
        ('app=', ''),
        ('absent!=', 'abcd'),
        ('app in ()', ''),
        ('app in (,x)', 'ab'),
        ('app in (y,,)', 'c'),
        ('size>6', 'c'),
        ('size > 7', ''),
        ('size<8', 'c'),
        ('tier>1', ''),
        ('app in (in,notin,x)', 'ab'),
    ],
)
def test_labels_are_selected(text: str, names: str) -> None:
    selector = parse_labels(text)
    assert ''.join(name for name, labels in OBJECTS.items() if selector.matches(labels)) == names
    again = parse_labels(str(selector))
    assert again == selector


KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('app in x', "unable to parse requirement: found 'x' expected: '('"),
        ('app=x=y', "found '=', expected: ',' or 'end of string'"),
        ('app wat x', "unable to parse requirement: found 'wat', expected: in, notin, =, ==, !=, gt, lt"),
        (',,', "found ',', expected: !, identifier, or 'end of string'"),
        ('a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ('(app=x)', "found '(', expected: !, identifier, or 'end of string'"),
        ('app=bad value', "found 'value', expected: ',' or 'end of string'"),
        ('a,', "found '', expected: identifier after ','"),
        ('a,=', "found '=', expected: identifier after ','"),
        ('!', "unable to parse requirement: found '', expected: identifier"),
        ('!a=b', "found '=', expected: ',' or 'end of string'"),
        ('a=(', "unable to parse requirement: found '(', expected: identifier"),
        ('a in (b', "unable to parse requirement: found '', expected: ',' or ')'"),
        ('a in (=)', "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        (
            'a>b',
            'unable to parse requirement: values[0]: Invalid value: "b": '
            "for 'Gt', 'Lt' operators, the value must be an integer",
        ),
        (
            'bad/key/x=1',
            'unable to parse requirement: <nil>: Invalid value: "bad/key/x": a valid label key ' + KEY + ' with an '
            "optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        ),
        ('-a', f'unable to parse requirement: <nil>: Invalid value: "-a": name part {KEY}'),
        (
            'a=b_',
            'unable to parse requirement: values[0][a]: Invalid value: "b_": a valid label must be an empty string or '
            "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
            "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
            "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
    ],
)
def test_bad_label_selectors_are_told_in_the_servers_words(text: str, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_labels(text)
    assert (caught.value.status, caught.value.reason, caught.value.message) == (400, 'BadRequest', message)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='ab/1-=!<>(), \t\\\0é' + 'in', max_size=14))
def test_no_text_breaks_the_parsers(text: str) -> None:
    pods = define('', 'pods')
    for parse in (parse_labels, lambda each: parse_fields(each, pods)):
        try:
            selector = parse(text)
        except StatusError as error:
            status = error.status
        else:
            status = 400
            selector.matches({'a': '1'})
        assert status == 400


def test_selector_objects() -> None:
    assert not match_selector(None, {})
    assert match_selector({}, None)
    assert match_selector({'matchLabels': {'a': 'b'}}, {'a': 'b', 'c': 'd'})
    assert not match_selector({'matchLabels': {'a': 'b'}}, {'a': 'c'})
    terms = [
        {'key': 'a', 'operator': 'In', 'values': ['b', 'c']},
        {'key': 'd', 'operator': 'NotIn', 'values': ['e']},
        {'key': 'a', 'operator': 'Exists'},
        {'key': 'f', 'operator': 'DoesNotExist'},
    ]
    assert match_selector({'matchExpressions': terms}, {'a': 'c'})
    assert not match_selector({'matchExpressions': terms}, {'a': 'c', 'f': ''})
    assert not match_selector({'matchExpressions': terms}, {'a': 'c', 'd': 'e'})
    assert not match_selector({'matchExpressions': [{'key': 'a', 'operator': 'Wrong'}]}, {'a': 'c'})


POD: Json = {
    'metadata': {'name': 'p', 'namespace': 'n'},
    'spec': {'restartPolicy': 'Never'},
    'status': {'phase': 'Running', 'podIP': '10.9.8.7', 'podIPs': [{'ip': '10.9.8.7'}, {'ip': '::1'}]},
}


@pytest.mark.parametrize(
    ('text', 'matches'),
    [
        ('', True),
        (',', True),
        ('metadata.name=p', True),
        ('metadata.name==p', True),
        ('metadata.name!=p', False),
        ('metadata.name=', False),
        ('metadata.name=p,metadata.namespace=m', False),
        ('status.phase=Running,metadata.name!=q,metadata.name!=r', True),
        ('spec.nodeName=', True),
        ('spec.host=', True),
        ('spec.hostNetwork=false', True),
        ('status.podIP=10.9.8.7', True),
        ('spec.restartPolicy=Never', True),
        (r'spec.schedulerName=a\,b\=c', False),
    ],
)
def test_pods_are_selected_by_fields(text: str, matches: bool) -> None:
    assert parse_fields(text, define('', 'pods')).matches(POD) is matches


def test_a_pinned_name_and_namespace_are_told() -> None:
    selector = parse_fields('metadata.name=a,metadata.namespace=b', define('', 'configmaps'))
    assert (selector.name, selector.namespace) == ('a', 'b')
    unpinned = parse_fields('metadata.name!=a', define('', 'configmaps'))
    assert (unpinned.name, unpinned.namespace, str(unpinned)) == (None, None, 'metadata.name!=a')


@pytest.mark.parametrize(
    ('plural', 'text', 'message'),
    [
        (
            'configmaps',
            'data.k=1',
            '"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ('configmaps', 'garbage', "invalid selector: 'garbage'; can't understand 'garbage'"),
        (
            'configmaps',
            'metadata.name in (a)',
            "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'",
        ),
        ('secrets', 'data=Opaque', 'field label not supported: data'),
        ('pods', 'spec.image=x', 'field label not supported: spec.image'),
        ('pods', r'metadata.name=a\b', r'invalid field selector: invalid escape sequence: \b'),
        ('pods', 'metadata.name=a=b', 'invalid field selector: unescaped character in value: 61'),
    ],
)
def test_bad_field_selectors_are_told_in_the_servers_words(plural: str, text: str, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_fields(text, define('', plural))
    assert (caught.value.status, caught.value.message) == (400, message)


def test_custom_resources_are_selected_by_what_they_declare() -> None:
    widgets = define('example.com', 'widgets', Origin.CUSTOM, selectable=('.spec.color', '.spec.size', '.spec.on'))
    obj: Json = {'metadata': {'name': 'a'}, 'spec': {'color': 'red', 'size': 3, 'on': True}}
    assert parse_fields('spec.color=red,spec.size=3,spec.on=true', widgets).matches(obj)
    assert not parse_fields('spec.color!=red', widgets).matches(obj)
    assert parse_fields('spec.color=', widgets).matches({'metadata': {}})
    with pytest.raises(StatusError, match=r'field label not supported: spec\.shape'):
        parse_fields('spec.shape=x', widgets)
    with pytest.raises(StatusError, match=r'field label not supported: metadata\.namespace'):
        parse_fields('metadata.namespace=x', define('example.com', 'widgets', Origin.CUSTOM, namespaced=False))


def test_loose_resources_are_selected_by_any_path() -> None:
    loose = define('example.com', 'things', Origin.LOOSE)
    assert parse_fields('spec.any.thing=1', loose).matches({'spec': {'any': {'thing': 1}}})
