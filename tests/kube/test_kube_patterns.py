"""What Go says of regular expressions that are none."""

import pytest

from kmock.kube.values.patterns import PatternError, go_pattern


@pytest.mark.parametrize(
    ('text', 'wrong'),
    [
        ('(a', 'missing closing ): `(a`'),
        ('a)', 'unexpected ): `a)`'),
        ('x[abc', 'missing closing ]: `[abc`'),
        ('*a', 'missing argument to repetition operator: `*`'),
        ('a|+?', 'missing argument to repetition operator: `+?`'),
        ('a**', 'invalid nested repetition operator: `**`'),
        ('a{2}{3}', 'invalid nested repetition operator: `{2}{3}`'),
        ('a++', 'invalid nested repetition operator: `++`'),
        ('\\q', 'invalid escape sequence: `\\q`'),
        ('a\\', 'trailing backslash at end of expression: ``'),
        ('[z-a]', 'invalid character class range: `z-a`'),
        ('a{2,1}', 'invalid repeat count: `{2,1}`'),
        ('(?=a)', 'invalid or unsupported Perl syntax: `(?=`'),
        ('(?<=a)b', 'invalid named capture: `(?<=a)b`'),
    ],
)
def test_wrong_patterns_are_worded_as_in_go(text: str, wrong: str) -> None:
    with pytest.raises(PatternError) as caught:
        go_pattern(text)
    assert str(caught.value) == f'error parsing regexp: {wrong}'


@pytest.mark.parametrize(('text', 'matched'), [('[]a]+', ']a'), ('[^]]', 'x'), ('[a\\]b]+', 'a]b'), ('(?<n>a)', 'a')])
def test_brackets_that_are_closed(text: str, matched: str) -> None:
    assert go_pattern(text).search(matched) is not None
