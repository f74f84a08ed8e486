"""Redaction as a whole: no canary gets through, whatever the place and the cut; all else stays as it was."""

import base64
import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redaction_cases import CANARY, CASES, KEY, LEAKS, PATHS, PATTERNS, SECRETS, TOKEN, cuts, dump, in_pieces, whole

from kmock.errors import KMockError
from kmock.recording.redaction import Redactor
from kmock.recording.secrets.splicing import LIMIT

every_case = pytest.mark.parametrize('case', CASES.values(), ids=CASES)


@every_case
def test_no_canary_gets_through(case):
    result = whole(case)
    assert not [leak for leak in LEAKS if leak in result]
    assert result.count(b'kept') == case[2].count(b'kept')
    assert b'REDACTED-' in result or b'UkVEQUNURUQt' in result


@every_case
def test_no_cut_lets_a_canary_through_or_changes_the_result(case):
    expected = whole(case)
    for places in cuts(len(case[2])):
        pieces = in_pieces(case, places)
        assert len(pieces) == len(places) + 1
        assert b''.join(pieces) == expected, f'cut at {places}'


@every_case
def test_a_body_that_breaks_off_anywhere_lets_no_canary_through(case):
    target, content_type, body = case
    for size in range(len(body)):
        result = whole((target, content_type, body[:size]))
        assert not [leak for leak in LEAKS if leak in result], f'broken off at {size}'


@every_case
def test_redacting_twice_changes_nothing_more(case):
    target, content_type, _ = case
    once = whole(case)
    assert whole((target, content_type, once)) == once


def is_json(body: bytes) -> bool:
    try:
        return all(isinstance(json.loads(line), dict | list) for line in body.splitlines() if line)
    except ValueError:
        return False


@pytest.mark.parametrize('name', [name for name, case in CASES.items() if is_json(case[2])])
def test_json_stays_json_with_the_same_keys(name):
    def keys(value: object) -> object:
        if isinstance(value, dict):
            return {key: keys(item) for key, item in value.items()}
        return [keys(item) for item in value] if isinstance(value, list) else None

    before, after = (
        [json.loads(line) for line in body.splitlines() if line] for body in (CASES[name][2], whole(CASES[name]))
    )
    assert keys(after) == keys(before)


# --- everything else

WORDS = st.sampled_from(['data', 'stringData', 'kind', 'Secret', 'token', 'password', 'metadata', 'v1', 'path', 'x\\"'])
NAMES = st.one_of(WORDS, st.text(max_size=5))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), NAMES)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)
PLACES = st.lists(st.integers(0, 400), max_size=6)
INDENTS = st.sampled_from([None, 0, 2])


@given(value=VALUES, places=PLACES, indent=INDENTS, escaped=st.booleans())
@settings(deadline=None, max_examples=200)
def test_of_generated_json_only_values_of_secrets_change(value, places, indent, escaped):
    secret = {'kind': 'Secret', 'metadata': {'name': 'x', 'generated': value}, 'data': {'a': CANARY}, 'tail': value}
    body = dump({'type': 'ADDED', 'object': secret}, indent=indent, ensure_ascii=escaped)
    redactor = Redactor(KEY)
    result = redactor.whole(SECRETS, 'application/json', body, request=False)
    if not set(redactor.found) - {'Secret data'} and result.count(b'"UkVEQUNURUQt') == 1:
        assert re.sub(rb'UkVEQUNURUQt[A-Za-z0-9=]+', CANARY.encode(), result) == body
    assert CANARY.encode() not in result
    stream = Redactor(KEY).body(SECRETS, 'application/json', request=False)
    places = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    pieces = [piece for start, end in itertools.pairwise(places) for piece in stream.feed(body[start:end])]
    assert b''.join(pieces + stream.finish()) == result


@given(value=VALUES, indent=INDENTS)
@settings(deadline=None, max_examples=200)
def test_of_generated_json_without_secrets_nothing_changes(value, indent):
    def harmless(value: object) -> bool:
        text = json.dumps(value)
        return not any(word in text for word in ('Secret', 'token', 'password'))

    body = dump(value, indent=indent)
    result = Redactor(KEY).whole('/api/v1/configmaps', 'application/json', body, request=False)
    if harmless(value):
        assert result == body


@given(data=st.binary(max_size=300), target=st.sampled_from([SECRETS, '/x']), places=PLACES)
@settings(deadline=None, max_examples=200)
def test_any_bytes_of_any_type_are_survived_whatever_the_cut(data, target, places):
    for content_type in (
        'application/json',
        'application/vnd.kubernetes.protobuf',
        'application/yaml',
        'text/plain',
        '',
    ):
        expected = Redactor(KEY).whole(target, content_type, data, request=True)
        stream = Redactor(KEY).body(target, content_type, request=True)
        bounds = [0, *sorted(min(place, len(data)) for place in places), len(data)]
        pieces = [piece for start, end in itertools.pairwise(bounds) for piece in stream.feed(data[start:end])]
        pieces += stream.finish()
        assert b''.join(pieces) == expected
        assert len(pieces) == len(bounds) - 1


def test_pieces_with_nothing_secret_pass_at_once_as_they_are():
    for target in ('/api/v1/pods?watch=1', SECRETS):
        stream = Redactor(KEY).body(target, 'application/json', request=False)
        for piece in (b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n', b'', b'{"type":"BOOKMARK"}\n'):
            assert stream.feed(piece) == [piece]
        assert stream.finish() == []


def test_a_piece_that_may_begin_a_secret_waits_for_the_next_one():
    stream = Redactor(KEY).body('/x', 'text/plain', request=False)
    assert stream.feed(b'one e') == []
    assert stream.feed(b'yJ, two\n') == [b'one e', b'yJ, two\n']


def test_a_placeholder_goes_into_the_piece_where_its_secret_begins():
    stream = Redactor(KEY).body(SECRETS, 'application/json', request=False)
    assert stream.feed(b'{"data":{"a":"c2Vj') == []
    assert stream.feed(b'cmV0c2Vj') == []
    (first, middle, last) = stream.feed(b'cmV0"}}')
    assert first.startswith(b'{"data":{"a":"UkVEQUNURUQt')
    assert (middle, last) == (b'', b'"}}')


@pytest.mark.parametrize('key', ['data', 'stringData', 'kept'])
def test_values_beyond_the_limit_are_not_held(key):
    value = b'QUJD' * (LIMIT // 4 + 100_000)
    body = b'{"' + key.encode() + b'":{"a":"' + value + b'"},"z":1}'
    expected = Redactor(KEY).whole(SECRETS, 'application/json', body, request=False)
    assert (expected == body) is (key == 'kept')
    assert len(expected) < 100 or key == 'kept'
    stream = Redactor(KEY).body(SECRETS, 'application/json', request=False)
    fed = given_back = most = 0
    results: list[bytes] = []
    for start in range(0, len(body), 50_000):
        piece = body[start : start + 50_000]
        fed += len(piece)
        for out in stream.feed(piece):
            given_back += len(body[len(results) * 50_000 :][:50_000])
            results.append(out)
        most = max(most, fed - given_back)
    assert b''.join(results + stream.finish()) == expected
    assert most < LIMIT + 200_000


# --- equal secrets, keys, what was found


def test_equal_secrets_have_equal_placeholders_in_all_places():
    redactor = Redactor(KEY)
    body = redactor.whole('/x', 'text/plain', TOKEN.encode(), request=True).decode()
    assert redactor.headers((('Authorization', f'Bearer {TOKEN}'),)) == (('Authorization', f'Bearer {body}'),)
    plain = redactor.whole(SECRETS, '', dump({'stringData': {'a': 'hello', 'b': 'hello', 'c': 'x'}}), request=True)
    encoded = redactor.whole(SECRETS, '', dump({'data': {'a': 'aGVsbG8='}}), request=True)
    values = json.loads(plain)['stringData']
    assert values['a'] == values['b'] != values['c']
    assert base64.b64decode(json.loads(encoded)['data']['a']).decode() == values['a']


def test_other_keys_make_other_placeholders_and_a_missing_key_is_made():
    first, second = Redactor(), Redactor()
    assert first.key != second.key
    assert len(first.key) == 16
    body = dump({'data': {'a': 'c2VjcmV0'}})
    assert first.whole(SECRETS, '', body, request=True) != second.whole(SECRETS, '', body, request=True)
    same = Redactor(first.key)
    assert first.whole(SECRETS, '', body, request=True) == same.whole(SECRETS, '', body, request=True)


def test_what_was_replaced_is_listed_once_a_kind():
    redactor = Redactor(KEY, paths=PATHS, patterns=PATTERNS)
    assert redactor.found == ()
    for target, content_type, body in CASES.values():
        redactor.whole(target, content_type, body, request=True)
    redactor.headers((('authorization', 'Bearer x'), ('Cookie', 'a=b')))
    assert set(redactor.found) == {
        'Secret data',
        'Secret stringData',
        'JSON path',
        'token',
        'private key',
        'field of credentials',
        'pattern',
        'header Authorization',
        'header Cookie',
    }


# --- heads


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('Authorization', 'Bearer abc', r'Bearer R'),
        ('authorization', 'Basic dXNlcjpwYXNz', r'Basic R'),
        ('Authorization', 'abc', r'R'),
        ('Authorization', 'REDACTED', None),
        ('Authorization', 'Bearer REDACTED-12345678', None),
        ('Proxy-Authorization', 'Basic abc', r'Basic R'),
        ('Cookie', 'a=1; b=two=2;c', r'a=R; b=R; R'),
        ('Set-Cookie', 'a=1; Path=/; HttpOnly', r'a=R; Path=/; HttpOnly'),
        ('X-Mine', 'abc', r'R'),
        ('X-Other', 'abc', None),
        ('X-Other', f'a {TOKEN} b', r'a R b'),
        ('X-Other', 'secret=abc', r'secret=R'),
        ('Sec-WebSocket-Protocol', 'v4.channel.k8s.io', None),
        (
            'Sec-WebSocket-Protocol',
            'v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWJj, x',
            r'v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.R, x',
        ),
    ],
)
def test_headers(name, value, expected):
    redactor = Redactor(KEY, headers=['x-MINE'], patterns=PATTERNS)
    ((same_name, result),) = redactor.headers(((name, value),))
    assert same_name == name
    pattern = re.escape(value if expected is None else expected)
    if expected is not None:
        pattern = re.sub(r'(?<![A-Za-z])R(?![A-Za-z])', 'REDACTED-[0-9a-f]{8}', pattern)
    assert re.fullmatch(pattern, result)
    assert redactor.headers(((name, result),)) == ((name, result),)


@pytest.mark.parametrize(
    ('target', 'expected'),
    [
        ('/api/v1/pods?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ&limit=5', None),
        ('/x?access_token=abc&a=1', '/x?access_token=R&a=1'),
        ('/x?a=1&token=abc', '/x?a=1&token=R'),
        ('/x?mytoken=abc', None),
        (f'/x/{TOKEN}/y', '/x/R/y'),
        ('/x', None),
    ],
)
def test_targets(target, expected):
    result = Redactor(KEY).target(target)
    assert re.sub('REDACTED-[0-9a-f]{8}', 'R', result) == (target if expected is None else expected)


@pytest.mark.parametrize('path', ['', '$', 'a..b', 'a[', 'a[x]', '.'])
def test_a_malformed_path_is_refused_when_it_is_given(path):
    with pytest.raises(KMockError, match='no JSON path'):
        Redactor(paths=[path])


@pytest.mark.parametrize('name', ['', 'X-Api-Key: value', 'X Api', 'X-Api-Key:'])
def test_what_is_no_name_of_a_header_is_refused_when_it_is_given(name):
    with pytest.raises(KMockError, match='is no name of a header to redact'):
        Redactor(headers=[name])


def test_a_malformed_pattern_is_refused_when_it_is_given():
    with pytest.raises(KMockError, match=r"'\(' is no regular expression to redact: missing \)"):
        Redactor(patterns=['('])
