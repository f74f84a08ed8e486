"""What is told of a comparison of objects that does not hold."""

from typing import Any

import pytest

from kmock.kube.objects import Object, ObjectHistory, ObjectVersion
from kmock.kube.objects.differences import explain_comparison

DATA = {'a': 1, 'd': {'e': {'f': 'x'}, 'app.dev/n': 'v'}, 'l': [{'x': 1}, {'x': 2}], 'n': None}


def told(sign: str, left: object, right: object) -> list[str]:
    """The lines on the differences, without the first one, which repeats the comparison."""
    lines = explain_comparison(sign, left, right)
    assert lines is not None
    assert f' {sign} ' in lines[0]
    return lines[1:]


@pytest.mark.parametrize('kind', [Object, ObjectVersion])
@pytest.mark.parametrize(
    ('pattern', 'lines'),
    [
        ({'a': 2}, ['a: 1 instead of 2']),
        ({'zz': ...}, ['zz: absent']),
        ({'d': {'e': {'f': 'y', 'g': 1}}}, ["d.e.f: 'x' instead of 'y'", 'd.e.g: absent']),
        ({'d': {'app.dev/n': 'w', 'e': ...}}, ["d['app.dev/n']: 'v' instead of 'w'"]),
        ({'l': [{'x': 1}, {'x': 3}]}, ['l[1].x: 2 instead of 3']),
        ({'l': [{'x': 1}]}, ['l: 2 items instead of 1']),
        ({'n': {'x': 1}}, ["n: None instead of {'x': 1}"]),
        ({'a': {'x': 1}}, ["a: 1 instead of {'x': 1}"]),
    ],
)
def test_each_difference_is_a_line(kind: type[Any], pattern: dict[str, Any], lines: list[str]) -> None:
    assert told('>=', kind(DATA), pattern) == lines
    assert told('<=', pattern, kind(DATA)) == lines
    assert set(lines) < set(told('==', kind(DATA), pattern))


def test_what_is_not_expected_is_told_of_where_all_must_be_the_same() -> None:
    lines = ["d['app.dev/n']: 'v' instead of nothing", 'a: 1 instead of nothing', 'n: None instead of nothing']
    pattern = {'d': {'e': {'f': 'x'}}, 'l': ...}
    assert told('==', Object(DATA), pattern) == lines
    assert told('==', pattern, Object(DATA)) == lines


def test_many_differences_and_long_values_are_cut() -> None:
    lines = explain_comparison('>=', Object({'text': 'x' * 1000}), {str(key): 1 for key in range(50)})
    assert lines is not None
    assert len(lines) == 22
    assert lines[-1] == '… and 30 more'
    assert all(len(line) < 140 for line in lines)


def test_a_deleted_object_is_called_so() -> None:
    assert told('>=', Object([{'a': 1}, None]), {'a': 1}) == [
        'the object is deleted; the version before that is in its `.last`'
    ]


@pytest.mark.parametrize(
    ('sign', 'pattern', 'lines'),
    [
        ('==', [{'s': 1}, {'s': 3, 'x': 0}], ['3 versions instead of 2', '[1].s: 2 instead of 3', '[1].x: absent']),
        ('==', [{'s': 1}, {'s': 2}, {'s': 3}], ["[2]: None instead of {'s': 3}"]),
        (
            '>=',
            [None, {'s': 5}],
            ["no version has all of item 1, {'s': 5}, the nearest one has", '  [0].s: 1 instead of 5'],
        ),
        ('>=', [..., ..., ..., ...], ['3 versions instead of 4 or more']),
        (
            '>=',
            [{'s': 1}, {'s': 1}],
            ['some items of the pattern have but the same versions to agree with; each needs one of its own'],
        ),
    ],
)
def test_histories_tell_which_versions_differ(sign: str, pattern: list[Any], lines: list[str]) -> None:
    assert told(sign, ObjectHistory([{'s': 1}, {'s': 2}, None]), pattern) == lines


def test_an_empty_history_has_nothing_near() -> None:
    lines = ['0 versions instead of 1 or more', "no version has all of item 0, {'s': 1}"]
    assert told('>=', ObjectHistory(), [{'s': 1}]) == lines


@pytest.mark.parametrize('other', [5, None, 'abc'])
def test_what_is_no_object_is_told_to_be_none(other: object) -> None:
    assert told('==', Object(DATA), other) == [f'an object is compared with a mapping, not with {other!r}']
    lines = [f'a history is compared with a list of versions, not with {other!r}']
    assert told('==', ObjectHistory(), other) == lines


@pytest.mark.parametrize(('sign', 'left'), [('!=', Object(DATA)), ('is', Object(DATA)), ('==', {'a': 2})])
def test_all_other_comparisons_are_not_explained(sign: str, left: object) -> None:
    assert explain_comparison(sign, left, {'a': 3}) is None
