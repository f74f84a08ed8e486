"""Names are judged by the grammars of Kubernetes, in the words of a real API server."""

from collections.abc import Callable

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.values import names


@pytest.mark.parametrize('name', ['a', 'a.b', '0', 'a-b.c-d', 'x' * 253])
def test_subdomains(name: str) -> None:
    assert names.dns1123_subdomain(name) == []


@pytest.mark.parametrize('name', ['', 'Upper', 'under_score', '-dash', 'a..b', 'a/b', '..', 'a\n', 'é'])
def test_the_message_for_what_is_no_subdomain(name: str) -> None:
    assert names.dns1123_subdomain(name) == [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    ]


def test_too_long_names() -> None:
    assert names.dns1123_subdomain('x' * 254) == ['must be no more than 253 characters']
    assert names.dns1123_label('n' * 64) == ['must be no more than 63 characters']
    assert names.label_value('n' * 64) == ['must be no more than 63 bytes']
    assert names.qualified_name('n' * 64) == ['name part must be no more than 63 bytes']


def test_labels_tell_of_dots() -> None:
    assert names.dns1123_label('dots.in.name') == ['must not contain dots']
    assert "(e.g. 'my-name',  or '123-abc', regex used for validation is" in names.dns1123_label('Upper')[0]


def test_a_label_of_rfc_1035_begins_with_a_letter() -> None:
    assert names.dns1035_label('abc-1') == []
    assert names.dns1035_label('1abc')[0].startswith('a DNS-1035 label must consist of lower case')


def test_a_prefix_may_end_with_a_dash() -> None:
    assert names.dns1123_subdomain('gen-', True) == []
    assert names.dns1123_subdomain('gen-') != []
    assert names.dns1123_label('-', True) != []


@pytest.mark.parametrize(
    ('name', 'starts'),
    [
        ('a', []),
        ('example.com/MyName', []),
        ('/a', ['prefix part must be non-empty']),
        ('a/', ['name part must be non-empty', 'name part must consist of']),
        ('A/b', ['prefix part a lowercase RFC 1123 subdomain']),
        ('a/b/c', ['a valid label key must consist of']),
    ],
)
def test_qualified_names(name: str, starts: list[str]) -> None:
    found = names.qualified_name(name)
    assert len(found) == len(starts)
    assert all(each.startswith(start) for each, start in zip(found, starts, strict=True))


def test_path_segments() -> None:
    assert names.path_segment('system:x') == []
    assert names.path_segment('..') == ["may not be '..'"]
    assert names.path_segment('..', True) == []
    assert names.path_segment('a/%') == ["may not contain '/'", "may not contain '%'"]


def test_the_smaller_grammars() -> None:
    assert names.wildcard_subdomain('*.a.b') == []
    assert names.wildcard_subdomain('*.*.b')[0].startswith('a wildcard DNS-1123 subdomain must start with')
    assert names.config_map_key('a_b.C') == []
    assert names.config_map_key('..x') == ["must not start with '..'"]
    assert names.config_map_key('a b')[0].startswith('a valid config key must consist of alphanumeric')
    assert names.c_identifier('a_1') == []
    assert names.c_identifier('1')[0].startswith('a valid C identifier must start with')
    assert names.env_name('a b') == []
    assert names.env_name('a=b') != []
    assert names.http_header('X-A') == []
    assert names.http_header('X A') != []
    assert names.port_name('http') == []
    assert names.port_name('-1--') == [
        'must contain at least one letter (a-z)',
        'must not contain consecutive hyphens',
        'must not begin or end with a hyphen',
    ]
    assert names.port_number(80) == []
    assert names.port_number(0) == ['must be between 1 and 65535, inclusive']


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(st.text(max_size=300) | st.from_regex(r'[-a-z0-9.]*', fullmatch=True))
@pytest.mark.parametrize(
    'check',
    [names.dns1123_label, names.dns1123_subdomain, names.dns1035_label, names.qualified_name, names.label_value],
)
def test_any_text_is_answered_with_messages(check: Callable[[str], list[str]], value: str) -> None:
    assert all(isinstance(each, str) and each for each in check(value))
