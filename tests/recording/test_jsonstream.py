"""The incremental JSON lexer: the same tokens whatever the pieces; errors where the text can't be JSON."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.recording.secrets.jsonstream import MAX_DEPTH, JsonError, Lexer, Token, map_back, unescape

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


def tokens(text: bytes, *places: int, limit: int = 1000, inside: bool = False) -> list[tuple[Token, bytes]]:
    lexer = Lexer(limit, inside=inside)
    found = []
    for end in (*places, len(text)):
        found += [(token, text[a:b]) for token, a, b in lexer.tokens(text[:end], final=False)]
    return found + [(token, text[a:b]) for token, a, b in lexer.tokens(text, final=True)]


def test_keys_and_values_are_told_apart_with_their_quotes():
    assert tokens(b'{"a" : ["b\\"", 1], "c":{}} true\n"d"') == [
        (Token.OPEN, b'{'),
        (Token.KEY, b'"a"'),
        (Token.OPEN, b'['),
        (Token.STRING, b'"b\\""'),
        (Token.SCALAR, b'1'),
        (Token.CLOSE, b']'),
        (Token.KEY, b'"c"'),
        (Token.OPEN, b'{'),
        (Token.CLOSE, b'}'),
        (Token.CLOSE, b'}'),
        (Token.SCALAR, b'true'),
        (Token.STRING, b'"d"'),
    ]


@given(
    values=st.lists(VALUES, max_size=3), places=st.lists(st.integers(0, 200), max_size=5), indent=st.none() | st.just(1)
)
@settings(deadline=None)
def test_the_tokens_do_not_depend_on_the_pieces(values, places, indent):
    text = b'\n'.join(json.dumps(value, indent=indent).encode() for value in values)
    whole = tokens(text)
    assert tokens(text, *sorted(places)) == whole
    strings = [json.loads(piece) for token, piece in whole if token in {Token.STRING, Token.KEY}]
    found: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                found.append(key)
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, str):
            found.append(value)

    for value in values:
        collect(value)
    assert strings == found


def test_it_can_begin_inside_of_an_object():
    lexer = Lexer(100, inside=True)
    assert lexer.depth == 1
    assert [token for token, _, _ in lexer.tokens(b', "a": 1}', final=False)] == [Token.KEY, Token.SCALAR, Token.CLOSE]
    assert lexer.depth == 0


def test_a_string_that_is_cut_off_is_a_token_of_its_own_and_a_key_is_none():
    assert tokens(b'{"a":"bc\\')[-1] == (Token.CUT, b'"bc\\')
    assert tokens(b'{"a')[-1] == (Token.OPEN, b'{')


@pytest.mark.parametrize('text', [b'["0123456789a"]', b'["01234\\n789\\"a"]'])
def test_long_strings_are_told_by_their_beginning_and_their_end_whatever_the_pieces(text):
    whole = tokens(text, limit=6)
    assert [token for token, _ in whole] == [Token.OPEN, Token.LONG, Token.LONG_END, Token.CLOSE]
    assert whole[1][1] == text[1:8]
    for places in itertools.combinations(range(len(text)), 2):
        assert tokens(text, *places, limit=6) == whole


@pytest.mark.parametrize(
    'text',
    [b'{a', b'{"a"}', b'{"a" 1', b'}', b']', b'[}', b'{"a":1]', b'{"a":}', b':', b'{1:2}', b'[' + b'1' * 5000],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(JsonError):
        tokens(text)


def test_nesting_and_keys_are_bounded():
    assert len(tokens(b'[' * MAX_DEPTH)) == MAX_DEPTH
    with pytest.raises(JsonError, match='deeper'):
        tokens(b'[' * (MAX_DEPTH + 1))
    for text in (b'{"' + b'a' * 70_000, b'{"' + b'a' * 70_000 + b'":1}'):
        with pytest.raises(JsonError, match='key'):
            tokens(text)


@given(value=st.text(), escaped=st.booleans())
def test_unescaping_agrees_with_json_and_places_can_be_mapped_back(value, escaped):
    raw = json.dumps(value, ensure_ascii=escaped).encode('utf-8', 'surrogatepass')[1:-1]
    text, offsets = unescape(raw)
    assert text == value.encode('utf-8', 'surrogatepass')
    for place in range(len(text) + 1):
        if place == len(text) or text[place] & 0xC0 != 0x80:
            head, _ = unescape(raw[: map_back(offsets, place)])
            assert head == text[:place]


def test_what_is_no_escape_is_left():
    assert unescape(b'a\\x\\ud800\\')[0] == b'a\\x\\ud800\\'
