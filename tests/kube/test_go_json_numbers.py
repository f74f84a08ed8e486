"""Numbers that no 64-bit float holds are refused, as in Go: Python would read infinity, which is no JSON to send."""

import pytest

from kmock.kube.media.go_json import GoJSONError, loads


@pytest.mark.parametrize('number', ['1e999', '-1e999', '1.5e309'])
def test_numbers_out_of_range_are_refused(number: str) -> None:
    with pytest.raises(GoJSONError, match=f'^json: cannot unmarshal number {number} into Go value of type float64$'):
        loads(f'{{"spec": [{number}]}}'.encode())


def test_a_wrong_document_is_told_of_rather_than_its_numbers() -> None:
    with pytest.raises(GoJSONError, match='unexpected end'):
        loads(b'{"spec": 1e999')


def test_numbers_within_the_range_are_floats() -> None:
    assert loads(b'[1.5, 1e308, -2.5e-3, 1e-999]') == [1.5, 1e308, -0.0025, 0.0]
