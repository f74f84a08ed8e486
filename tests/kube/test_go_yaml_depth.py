"""Documents of any depth are read, or refused; they never end the process, which a C library would do."""

import pytest

from kmock.kube.media.go_yaml import GoYAMLError, loads_with_duplicates


@pytest.mark.parametrize('opener', ['- ', '[', '[\n', '{a: ', '{', '? ', '- [', '- ? '])
@pytest.mark.parametrize('times', [6_000, 50_000, 700_000])
def test_nesting_without_end_is_refused(opener: str, times: int) -> None:
    with pytest.raises(GoYAMLError):
        loads_with_duplicates((opener * times).encode())


def test_nesting_in_other_encodings_is_refused() -> None:
    with pytest.raises(GoYAMLError, match=r'^error converting YAML to JSON: yaml: exceeded max depth$'):
        loads_with_duplicates(('[' * 50_000).encode('utf-16'))


def test_long_flat_documents_are_read() -> None:
    """Many dashes and brackets are not yet depth."""
    value, _ = loads_with_duplicates(b'- [a-b, {c: d}]\n' * 6_000)
    assert value == [['a-b', {'c': 'd'}]] * 6_000
