"""Facts about foreign text that is shown to people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmock.recording.printable import display_width, printable, shorten, shorten_middle


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('plain héllo ✓ 日本', 'plain héllo ✓ 日本'),
        ('a\nb\tc\r', 'a\\nb\\tc\\r'),
        ('\x1b[31mred\x07', '\\x1b[31mred\\x07'),
        ('\x9b31m', '\\x9b31m'),
        ('safe\u202eevil', 'safe\\u202eevil'),
        ('\ud800', '\\ud800'),
        ('\U000e0041', '\\U000e0041'),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(), st.integers(0, 40))
def test_shortened_text_is_printable_and_fits(text: str, width: int) -> None:
    for cut in (shorten(text, width), shorten_middle(text, width)):
        assert cut.isprintable()
        assert display_width(cut) <= width


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert display_width('日本') == 4
    assert display_width('e\u0301') == 1
    assert shorten('日本日本', 5) == '日本…'


def test_an_ellipsis_shows_where_text_was_cut() -> None:
    assert shorten('abcdef', 4) == 'abc…'
    assert shorten('abcd', 4) == 'abcd'
    assert shorten_middle('/api/v1/namespaces/x?watch=true', 16) == '/api/v1/na…=true'
    assert shorten_middle('short', 16) == 'short'
