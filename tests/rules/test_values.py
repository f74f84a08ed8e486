"""What written values accept, place by place."""

import re

import pytest

from kmock.rules.values import json_test, name_test, texts_test


@pytest.mark.parametrize(
    ('written', 'accepted', 'refused'),
    [
        ('a', ['a', 'b'], ['A']),
        ('', [''], ['a']),
        (5, ['5'], ['55']),
        (5, ['5.0'], ['five']),
        (2.5, ['2.50'], ['2']),
        (True, ['Yes'], ['no']),
        (True, ['1'], ['0']),
        (False, ['off'], ['on']),
        (range(3), ['2'], ['3']),
        (range(3), ['0'], ['x']),
        (re.compile('a+'), ['aaa'], ['aab']),
        ({'a', 5}, ['5'], ['6']),
        (None, [], ['a']),
        (None, [''], ['a', '']),
        (..., ['a'], []),
        (..., [''], []),
    ],
)
def test_text_is_accepted_and_refused(written, accepted, refused):
    assert texts_test(written)(accepted)
    assert not texts_test(written)(refused)


@pytest.mark.parametrize('written', [b'bytes', object(), ['a'], {'a': 1}, re.compile(b'x')])
def test_what_has_no_text_is_refused_where_it_is_written(written):
    with pytest.raises(ValueError, match='can not be compared with text'):
        texts_test(written)


@pytest.mark.parametrize(
    ('written', 'accepted', 'refused'),
    [
        ('web-*', 'web-1', 'db-1'),
        ('web-?', 'web-1', 'web-10'),
        ('web', 'web', None),
        (None, None, 'web'),
        (re.compile('w.b'), 'web', 'webs'),
        ({'a', None}, None, 'b'),
    ],
)
def test_names_are_accepted_and_refused(written, accepted, refused):
    assert name_test(written)(accepted)
    assert not name_test(written)(refused)


def test_an_ellipsis_accepts_any_name_or_none():
    assert name_test(...)('web')
    assert name_test(...)(None)


def test_a_name_can_not_be_a_number():
    with pytest.raises(ValueError, match='5 can not be a name'):
        name_test(5)


@pytest.mark.parametrize(
    ('written', 'accepted', 'refused'),
    [
        ({'a': 1}, {'a': 1, 'b': 2}, {'b': 2}),
        ({'a': {'b': ...}}, {'a': {'b': 0}}, {'a': {'b': None}}),
        ({'a': None}, {}, {'a': 0}),
        ({'a': None}, {'a': None}, {'a': ''}),
        ({'a': {1, 2}}, {'a': 2}, {'a': 3}),
        ({'a': re.compile('[x5].*')}, {'a': 5}, {'a': 6}),
        ({'a': range(5)}, {'a': '4'}, {'a': 5}),
        ([1, {'a': ...}], [1, {'a': 2, 'b': 3}], [1]),
        ([], [], [1]),
        (1, 1.0, 2),
        (True, True, 0),
        (True, 'yes', 'no'),
        ('1', 1, True),
        (1, '1', '1x'),
        ('a', 'a', ['a']),
        (None, None, 0),
        (..., 0, None),
    ],
)
def test_json_is_accepted_and_refused(written, accepted, refused):
    assert json_test(written)(accepted)
    assert not json_test(written)(refused)


def test_what_json_can_not_hold_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match=r"b'x' can not be compared with JSON"):
        json_test({'a': b'x'})
