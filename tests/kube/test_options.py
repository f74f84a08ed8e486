"""Numbers in queries and objects have the ranges of Go's types, and errors say which way they are wrong."""

import pytest

from kmock.clock import VirtualClock
from kmock.kube.cluster import Cluster
from kmock.kube.options import DeleteOptions, ListOptions, parse_revision, read_int, whole_number
from kmock.kube.statuses import StatusError


@pytest.mark.parametrize('text', ['1', '+1', '-1', '007', '9223372036854775807', '-9223372036854775808'])
def test_integers_of_the_query_are_signed_ones_of_64_bits(text: str) -> None:
    assert read_int({'limit': text}, 'limit') == int(text)


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('x', 'invalid syntax'),
        ('1e9', 'invalid syntax'),
        ('1_0', 'invalid syntax'),
        ('١', 'invalid syntax'),
        ('9223372036854775808', 'value out of range'),
        ('-9223372036854775809', 'value out of range'),
        ('9' * 5000, 'value out of range'),
    ],
)
def test_what_is_no_such_integer_is_400(text: str, what: str) -> None:
    with pytest.raises(StatusError) as caught:
        ListOptions.read({'timeoutSeconds': text})
    assert caught.value.status == 400
    assert str(caught.value.message).endswith(what)


@pytest.mark.parametrize('text', ['0', '1', '18446744073709551615', '0' * 30 + '7'])
def test_revisions_are_unsigned_ones_of_64_bits(text: str) -> None:
    assert whole_number(text) == parse_revision(text) == int(text)


@pytest.mark.parametrize(
    ('text', 'what'),
    [('²', 'invalid syntax'), ('-1', 'invalid syntax'), ('18446744073709551616', 'value out of range')],
)
def test_what_is_no_revision_is_an_error_without_a_reason(text: str, what: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_revision(text)
    assert (caught.value.status, caught.value.reason) == (500, None)
    assert str(caught.value.message).endswith(what)


@pytest.mark.parametrize('seconds', [10**10, 10**15, 2**63 - 1, -(2**63)])
def test_any_period_of_grace_ends_at_a_moment(seconds: int) -> None:
    """Go's durations wrap around after 292 years."""
    assert Cluster(clock=VirtualClock()).later(seconds).endswith('Z')


def test_ordinary_periods_end_when_they_should() -> None:
    assert Cluster(clock=VirtualClock()).later(30) == '2000-01-01T00:00:30Z'


@pytest.mark.parametrize(
    'body',
    [
        {'gracePeriodSeconds': 10**30},
        {'gracePeriodSeconds': 'x'},
        {'gracePeriodSeconds': 1.5},
        {'dryRun': 'All'},
        {'orphanDependents': 1},
        {'preconditions': {'uid': 1}},
        {'propagationPolicy': {}},
    ],
)
def test_options_of_a_deletion_of_the_wrong_type_are_400(body: dict[str, object]) -> None:
    with pytest.raises(StatusError) as caught:
        DeleteOptions.read({}, [], body)
    assert caught.value.status == 400
    assert 'cannot unmarshal' in str(caught.value.message)
