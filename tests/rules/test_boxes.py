"""Markers keep what they are given, and show it as it was written."""

import pytest

from kmock import body, cookies, data, headers, method, name, namespace, params, path, subresource, text


def test_methods_are_upper_case_whatever_is_given():
    assert method('store') == 'STORE'
    assert method.GET == 'GET'
    assert isinstance(method.GET, method)


def test_a_method_is_one_word():
    with pytest.raises(ValueError, match=r"'get /' is no HTTP method"):
        method('get /')


def test_headers_are_read_from_mappings_pairs_lines_and_keywords():
    expected = (('X-A', '1'), ('X-B', '2'))
    assert headers({'X-A': '1', 'X-B': '2'}).pairs == expected
    assert headers([('X-A', '1'), ('X-B', '2')]).pairs == expected
    assert headers('X-A: 1\nX-B: 2').pairs == expected
    assert headers(X_A='1', X_B='2').pairs == expected


def test_cookies_are_read_from_the_notation_of_the_header():
    assert cookies('a=1; b=2').pairs == (('a', '1'), ('b', '2'))


def test_params_are_read_from_a_query_and_keep_repeated_keys():
    assert params('?a=1&a=2&b=').pairs == (('a', '1'), ('a', '2'), ('b', ''))


def test_values_without_names_are_refused():
    with pytest.raises(ValueError, match='takes named values'):
        headers([1, 2])


@pytest.mark.parametrize(
    'written',
    [
        "body(b'x')",
        'body()',
        "text('x')",
        "data({'a': 1})",
        "path('/x')",
        'name(None)',
        "headers({'X-A': '1'})",
        "params([('a', '1'), ('a', '2')])",
        "method('STORE')",
        "method('store')",
        'name(...)',
        'namespace(...)',
        "namespace('x')",
        'subresource(...)',
    ],
)
def test_markers_are_shown_as_written(written):
    shown = eval(
        written,
        {'body': body, 'text': text, 'data': data, 'path': path, 'name': name}
        | {'headers': headers, 'params': params, 'method': method}
        | {'namespace': namespace, 'subresource': subresource},
    )
    assert repr(shown) == written


def test_markers_of_the_same_content_are_equal_and_can_stand_in_sets():
    assert data({'a': 1}) == data({'a': 1}) != text('a')
    assert len({data({'a': 1}), data({'a': 1}), headers(X='1'), headers(X='2')}) == 3
