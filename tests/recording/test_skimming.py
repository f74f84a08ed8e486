"""Skimming: what is passed at once is what the tokens, one by one, would have passed; and the same is replaced."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redaction_cases import CANARY, CANARY64, KEY, LAST_APPLIED, SECRET, SECRETS, SMALL, dump

from kmock.recording.redaction import Redactor
from kmock.recording.secrets import secretobjects
from kmock.recording.secrets.placeholders import Placeholders
from kmock.recording.secrets.secretobjects import JsonRules, JsonSecrets, parse_path

NAMES = st.sampled_from(
    [
        *('data', 'stringData', 'kind', 'metadata', 'items', 'object', 'spec', 'password', 'path', 'value'),
        *('a', 'd\u00e9', 'x"y', 'k:{"b":1}', ' {', 'managedFields', 'dat', 'datax'),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(['', 'Secret', 'ConfigMap', CANARY64, 'x\\"', 'data', ' {"data":{"a":"b"}}', '{', LAST_APPLIED]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
WHOLE = st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=6), st.just({'items': [SECRET, SMALL, SMALL]}))
PLACES = st.lists(st.integers(0, 500), max_size=4)
PATHS = (
    (),
    ('spec.password',),
    ('data.a', 'items[*].spec'),
    ('*.password', 'a[1]'),
    ('metadata.data', 'spec', 'data'),
    ('metadata[\'k:{"b":1}\'].data',),
)


def redacted(body: bytes, places: list[int], *, paths: tuple[str, ...], about: bool) -> bytes:
    rules = JsonRules(Placeholders(KEY), paths=tuple(map(parse_path, paths)), about_secrets=about)
    stream = JsonSecrets(rules)
    bounds = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    pieces = [piece for start, end in itertools.pairwise(bounds) for piece in stream.feed(body[start:end])]
    return b''.join(pieces + stream.finish())


def by_tokens_alone(body: bytes, *, paths: tuple[str, ...], about: bool) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secretobjects._Walker, '_skim', lambda _: None)
        return redacted(body, [], paths=paths, about=about)


@given(
    value=WHOLE,
    places=PLACES,
    paths=st.sampled_from(PATHS),
    about=st.booleans(),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
@settings(deadline=None, max_examples=400)
def test_skimming_changes_nothing_in_the_result(value, places, paths, about, indent, escaped):
    body = dump(value, indent=indent, ensure_ascii=escaped)
    expected = by_tokens_alone(body, paths=paths, about=about)
    assert redacted(body, [], paths=paths, about=about) == expected
    assert redacted(body, places, paths=paths, about=about) == expected


TEXTS = [b'{', b'}', b'[', b']', b':', b',', b'"', b'"a"', b'"data"', b'"metadata"', b'{}', b'null', b'1', b' ', b'\\']
FRAGMENTS = st.lists(st.sampled_from([*TEXTS, b'"a":', b'"data":{"p":"Yg=="}', b'"metadata":{"a":']), max_size=30)


@given(parts=FRAGMENTS, places=PLACES, paths=st.sampled_from(PATHS), about=st.booleans())
@settings(deadline=None, max_examples=400)
def test_what_is_no_json_is_refused_at_the_same_place(parts, places, paths, about):
    for body in (b''.join(parts), b'[{"a":1,' + b''.join(parts) + b'}]'):
        expected = by_tokens_alone(body, paths=paths, about=about)
        assert redacted(body, [], paths=paths, about=about) == expected
        assert redacted(body, places, paths=paths, about=about) == expected


@pytest.mark.parametrize(
    ('text', 'gone'),
    [
        ('{"items":[{"metadata":{"data":{"kept":"kept"}},"data":{"a":"Yg==","b":null}}]}', ['Yg==']),
        ('{"items":[{"d\\u0061ta":{"a":"Yg=="}}]}', ['Yg==']),
        ('{"items":[{"spec":{"data":{"a":"Yg=="}}},{"spec":[{"stringData":{"a":"plain"}}]}]}', ['Yg==', 'plain']),
        ('{"items":[{"data":{"a":"Yg=="},"stringData":{"a":"plain"},"data":{"a":"Yw=="}}]}', ['Yg==', 'plain', 'Yw==']),
        ('{"items":[{"data":{"a":["Yg=="],"b":{"c":"Yw=="},"d":1234}}]}', ['Yg==', 'Yw==', '1234']),
        ('{"items":[{"data":"Yg=="},{"data":["Yg=="]}]}', ['Yg==']),
        ('{"items":[{"metadata":{"annotations":{"a":"{\\"data\\":{\\"b\\":\\"Yg==\\"}}"}}}]}', ['Yg==']),
        ('{"items":[{"metadata":{"annotations":{"a":" \\n[{\\"data\\":{\\"b\\":\\"Yg==\\"}}]"}}}]}', ['Yg==']),
        ('{"items":[{"data":{"a\\"":"plain\\"","b":"Yg=="}}]}', ['plain', 'Yg==']),
    ],
)
def test_the_unusual_is_left_to_the_tokens(text, gone):
    json.loads(text)
    result = Redactor(KEY).whole(SECRETS, 'application/json', text.encode(), request=False).decode()
    assert json.loads(result).keys() == json.loads(text).keys()
    assert not [secret for secret in gone if secret in result]
    assert result.count('kept') == text.count('kept')


def test_a_large_list_is_passed_object_by_object_not_token_by_token(monkeypatch):
    taken: list[object] = []
    take = secretobjects._Walker._take

    def counting(walker: secretobjects._Walker, span: secretobjects._Span) -> None:
        taken.append(span)
        take(walker, span)

    monkeypatch.setattr(secretobjects._Walker, '_take', counting)
    secret = {'metadata': {'name': 'x', 'labels': {'a': 'b'}}, 'data': {'p': CANARY64, 'q': CANARY64}, 'type': 'Opaque'}
    body = dump({'kind': 'SecretList', 'metadata': {}, 'items': [secret] * 1000})
    result = Redactor(KEY).whole(SECRETS, 'application/json', body, request=False)
    assert CANARY64.encode() not in result
    assert CANARY.encode() not in result
    assert len(taken) < 10
    taken.clear()
    pod = {'metadata': {'name': 'x'}, 'spec': {'containers': [{'env': [{'name': 'a', 'value': 'b'}] * 5}]}}
    body = dump({'kind': 'PodList', 'items': [pod] * 1000})
    redactor = Redactor(KEY, paths=['spec.password'])
    assert redactor.whole('/api/v1/pods', 'application/json', body, request=False) == body
    assert len(taken) < 6000
