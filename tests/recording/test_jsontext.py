"""JSON from outside: bounded, and the cursor in a long document sees what a parser of the whole sees."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.recording.foreign import jsontext
from kmock.recording.foreign.jsontext import JsonReader, parse_object, take, to_json

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


class Trickle(io.RawIOBase):
    """A file that gives few bytes at a time, whatever is asked for."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content = io.BytesIO(content)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._content.read(self._size)


def reader(content: bytes, size: int = 3) -> JsonReader:
    return JsonReader(Trickle(content, size))  # type: ignore[arg-type]


def walk(cursor: JsonReader, like: Any) -> Any:
    """Read a value by entering it as deep as it goes."""
    if isinstance(like, dict):
        return {key: walk(cursor, like[key]) for key in cursor.items()}
    if isinstance(like, list):
        items = iter(like)
        return [walk(cursor, next(items)) for _ in cursor.elements()]
    return cursor.value()


@settings(max_examples=300, deadline=None)
@given(values, st.integers(1, 20), st.sampled_from([None, 1]), st.booleans())
def test_a_cursor_reads_what_a_parser_reads(value: Any, size: int, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert reader(text, size).value() == value
    cursor = reader(text + b' \n', size)
    assert walk(cursor, value) == value
    cursor.finish()


@settings(max_examples=300, deadline=None)
@given(values, st.data())
def test_a_cursor_in_a_broken_document_gives_an_error_of_the_right_kind(value: Any, data: st.DataObject) -> None:
    text = bytearray(json.dumps({'a': [value]}).encode())
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        expected = json.loads(text.decode())
    except ValueError:
        with pytest.raises(ValueError):
            entered(text)
        return
    assert entered(text) == expected


def entered(text: bytes) -> Any:
    cursor = reader(text)
    result = {key: cursor.value() for key in cursor.items()}
    cursor.finish()
    return result


def test_a_byte_order_mark_is_skipped() -> None:
    assert reader(b'\xef\xbb\xbf {}').value() == {}


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        (b'', 'instead of'),
        (b'[]', 'instead of'),
        (b'{"a" 1}', "instead of ':'"),
        (b'{1: 1}', 'a key of an object is no string'),
        (b'{"a": 1 "b": 2}', 'instead of a comma or an end'),
        (b'{"a": ', 'ends too early'),
        (b'{"a": "x', 'ends too early'),
        (b'{"a": [1', 'ends too early'),
        (b'{"a": [}', 'no JSON'),
        (b'{"a": 1,}', 'a key of an object is no string|no JSON'),
        (b'{"a": 1} x', 'more after the end'),
        (b'{"a": "\xff"}', 'not UTF-8'),
        (b'{"a": ' + b'[' * 5000 + b']' * 5000 + b'}', 'nested too deep'),
    ],
)
def test_what_is_wrong_with_a_document_is_said(text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        entered(text)


def test_long_values_are_refused_before_they_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, 'MAX_TEXT', 1000)
    file = io.BytesIO(b'{"a": "' + b'x' * 10_000_000)
    with pytest.raises(ValueError, match='a value longer than 1,000 bytes'):
        entered_file(file)
    assert file.tell() < 1_000_000


def entered_file(file: io.BytesIO) -> Any:
    cursor = JsonReader(file)
    return {key: cursor.value() for key in cursor.items()}


def test_a_value_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, 'MAX_SKELETON', 1000)
    with pytest.raises(ValueError, match='more values than any record'):
        entered(b'{"a": [' + b'1,' * 2000 + b'1]}')
    with pytest.raises(ValueError, match='more values than any record'):
        parse_object(b'{"a": [' + b'1,' * 2000 + b'1]}')
    assert len(parse_object(b'{"a": "' + b'x' * 5000 + b'"}')['a']) == 5000


def test_lone_surrogates_are_written_as_json_escapes() -> None:
    assert to_json({'a': 'é\udce9'}) == '{"a":"é\\udce9"}'.encode()
    assert json.loads(to_json('é\udce9')) == 'é\udce9'


def test_a_value_is_taken_only_if_it_is_of_the_right_type() -> None:
    record = {'one': 1, 'yes': True, 'nothing': None}
    assert take(record, 'one', int) == 1
    assert take(record, 'none', int, default=5) == 5
    assert take(record, 'nothing', int, type(None)) is None
    with pytest.raises(ValueError, match='"none" is missing'):
        take(record, 'none', int)
    with pytest.raises(ValueError, match='"yes" is True, not of type int or str'):
        take(record, 'yes', int, str)
    with pytest.raises(ValueError, match='"nothing" is None, not of type int'):
        take(record, 'nothing', int)
