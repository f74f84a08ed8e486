"""Half a surrogate pair is U+FFFD, as Go's decoder has it: what is stored can be encoded again."""

import pytest

from kmock.kube.media.go_json import loads


@pytest.mark.parametrize(
    ('escaped', 'read'),
    [
        (r'\ud800', '\ufffd'),
        (r'\uDFFF', '\ufffd'),
        (r'a\udc00\ud83dz', 'a\ufffd\ufffdz'),
        (r'\ud800\ud83d\ude00', '\ufffd\U0001f600'),
        (r'\ud83d\ude00', '\U0001f600'),
        (r'\\ud800', r'\ud800'),
        (r'\\\ud800', '\\\ufffd'),
        (r'\ud7ff\ue000', '\ud7ff\ue000'),
    ],
)
def test_lone_surrogates_are_replaced(escaped: str, read: str) -> None:
    assert loads(f'{{"{escaped}": ["{escaped}"]}}'.encode()) == {read: [read]}
