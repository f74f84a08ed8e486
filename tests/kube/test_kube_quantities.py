"""Quantities and times in the one form that the API server gives them."""

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.values.quantities import canonical_quantity, parse_quantity
from kmock.kube.values.timestamps import TimeError, canonical_microtime, canonical_time


@pytest.mark.parametrize(
    ('text', 'canonical'),
    [
        ('1', '1'), ('0.5', '500m'), ('1000m', '1'), ('1024Mi', '1Gi'), ('1.5Gi', '1536Mi'), ('1000k', '1M'),
        ('1e3', '1e3'),
        ('0', '0'), ('-0.1', '-100m'), ('0.0000000001', '1n'), ('512', '512'), ('0.5Ki', '512'),
        ('+1', '1'), ('100u', '100u'),
        ('1500M', '1500M'), ('.5', '500m'), ('5.', '5'), ('0Ki', '0'), ('12345e2', '1234500'), ('010', '10'),
    ],
)  # fmt: skip
def test_quantities_have_one_text(text: str, canonical: str) -> None:
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize('text', ['', 'x', '1 Gi', '1ki', '1KI', '--1', '1e', '.', '1.2.3', '1Gi\n'])
def test_what_is_no_quantity(text: str) -> None:
    assert parse_quantity(text) is None


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(
    number=st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=3),
    suffix=st.sampled_from(['', 'm', 'k', 'M', 'Ki', 'Mi', 'e3', 'E-2']),
)
def test_the_canonical_text_means_the_same_and_stays(number: object, suffix: str) -> None:
    text = f'{number}{suffix}'
    canonical = canonical_quantity(text)
    before = parse_quantity(text)
    assert canonical is not None
    after = parse_quantity(canonical)
    assert before is not None
    assert after is not None
    assert after.amount == before.amount
    assert canonical_quantity(canonical) == canonical


@pytest.mark.parametrize(
    ('text', 'whole', 'micro'),
    [
        ('2024-01-02T03:04:05Z', '2024-01-02T03:04:05Z', '2024-01-02T03:04:05.000000Z'),
        ('2024-01-02T03:04:05.123456789Z', '2024-01-02T03:04:05Z', '2024-01-02T03:04:05.123456Z'),
        ('2024-01-02T00:30:00+01:00', '2024-01-01T23:30:00Z', '2024-01-01T23:30:00.000000Z'),
        ('2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'),
    ],
)
def test_times_have_one_text(text: str, whole: str, micro: str) -> None:
    assert (canonical_time(text), canonical_microtime(text)) == (whole, micro)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('today', 'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"'),
        ('2024-01-02', 'parsing time "2024-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'),
        ('2024-13-02T00:00:00Z', 'parsing time "2024-13-02T00:00:00Z": month out of range'),
        ('2023-02-29T00:00:00Z', 'parsing time "2023-02-29T00:00:00Z": day out of range'),
        ('2024-01-02T03:04:05Zx', 'parsing time "2024-01-02T03:04:05Zx": extra text: "x"'),
    ],
)
def test_what_is_no_time(text: str, message: str) -> None:
    with pytest.raises(TimeError) as caught:
        canonical_time(text)
    assert str(caught.value) == message
