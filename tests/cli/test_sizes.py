import pytest

from kmock.cli.sizes import parse_size, plural


@pytest.mark.parametrize(
    ('text', 'size'),
    [
        ('1', 1),
        ('500MB', 500_000_000),
        ('500 mb', 500_000_000),
        ('2G', 2_000_000_000),
        ('64KiB', 65_536),
        ('1.5 MiB', 1_572_864),
    ],
)
def test_sizes_are_bytes_with_a_decimal_or_binary_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize('text', ['', 'MB', '-1', '1XB', '1 2', '1iB', '0', '0.1', '١', '1e3', 'nan'])
def test_what_is_no_size_or_leaves_no_room_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r'size|room'):
        parse_size(text)


def test_counts_agree_with_their_noun() -> None:
    assert [plural(count, 'request') for count in (0, 1, 2)] == ['0 requests', '1 request', '2 requests']
    assert plural(2, 'watch', 'watches') == '2 watches'
