"""Facts about what people are told when nothing recorded answers."""

from typing import Any

from taping import JSON, tape, taped

from kmock.recording.matching import Matcher
from kmock.recording.questions.refusals import explain

PODS = '/api/v1/namespaces/ns/pods'


def refuse(cassette: Any, method: str, target: str, *, body: bytes | None = None, played: int = 0) -> list[str]:
    """The lines of the explanation, after the same question was asked so many times."""
    matcher = Matcher(cassette)
    question = matcher.normalizer.ask(method, target, JSON if body else (), body)
    for _ in range(played):
        assert matcher.find(question) is not None
    return explain(matcher, question).split('\n')


def test_another_query_is_named_parameter_by_parameter() -> None:
    cassette = tape(taped('GET', '/a'), taped('GET', f'{PODS}?limit=500', at=1.25))
    assert refuse(cassette, 'GET', f'{PODS}?limit=5&labelSelector=x') == [
        f'Nothing in story.kmock answers GET {PODS}?limit=5&labelSelector=x',
        f'The nearest recorded request is #2 GET {PODS}?limit=500 (at 1.250 s, answered 200, not played yet)',
        '  query labelSelector: recorded nothing, asked x',
        '  query limit: recorded 500, asked 5',
        "If that does not matter: ignore=['labelSelector', 'limit']. Or record it again.",
        f"A rule can answer it: kmock['get {PODS}'] << …",
    ]


def test_another_body_is_named_path_by_path() -> None:
    cassette = tape(taped('PATCH', '/a', body=b'{"spec":{"n":1},"x":{"y":1}}', status=409))
    lines = refuse(cassette, 'PATCH', '/a', body=b'{"spec":{"n":2},"x":{"y":1}}')
    assert lines[1:4] == [
        'The nearest recorded request is #1 PATCH /a (at 0.000 s, answered 409, not played yet)',
        '  body spec.n: recorded 1, asked 2',
        "If that does not matter: ignore=['spec.n']. Or record it again.",
    ]


def test_what_the_refusal_says_to_ignore_mends_it() -> None:
    cassette = tape(taped('PATCH', '/a?x=1', body=b'[{"op":"add","path":"/spec/n","value":1}]'))
    question = ('PATCH', '/a?x=2', JSON, b'[{"op":"add","path":"/spec/n","value":2}]')
    matcher = Matcher(cassette)
    text = explain(matcher, matcher.normalizer.ask(*question))
    assert "ignore=['x', 'spec.n']" in text
    mended = Matcher(cassette, ignore=['x', 'spec.n'])
    assert mended.find(mended.normalizer.ask(*question)) is not None


def test_the_body_with_the_fewest_differences_is_the_nearest() -> None:
    cassette = tape(*(taped('POST', '/a', body=b'{"a":%d,"b":%d}' % pair) for pair in [(1, 1), (2, 9), (3, 3)]))
    assert 'is #2 POST' in refuse(cassette, 'POST', '/a', body=b'{"a":2,"b":2}')[1]


def test_another_method_on_the_same_path_is_nearer_than_another_path() -> None:
    cassette = tape(taped('GET', f'{PODS}/y'), taped('PUT', f'{PODS}/x', body=b'{}'))
    lines = refuse(cassette, 'GET', f'{PODS}/x')
    assert 'is #2 PUT' in lines[1]
    assert lines[2] == '  method: recorded PUT, asked GET'


def test_another_name_of_the_same_resource_is_named_as_such() -> None:
    cassette = tape(taped('GET', '/api/v1/nodes/x'), taped('GET', f'{PODS}/x'), taped('GET', f'{PODS}/two'))
    lines = refuse(cassette, 'GET', f'{PODS}/too')
    assert 'is #3 GET' in lines[1]
    assert lines[2:4] == ['  name: recorded two, asked too', 'Record it again if it belongs to the story.']


def test_the_same_resource_in_a_namespace_is_nearer_than_another_resource() -> None:
    cassette = tape(taped('POST', '/api/v1/namespaces', body=b'{}'), taped('GET', PODS), taped('GET', '/version'))
    assert refuse(cassette, 'GET', '/api/v1/pods')[1:4] == [
        f'The nearest recorded request is #2 GET {PODS} (at 0.000 s, answered 200, not played yet)',
        '  namespace: recorded ns, asked nothing',
        'Record it again if it belongs to the story.',
    ]


def test_another_namespace_and_resource_are_named_as_such() -> None:
    lines = refuse(tape(taped('GET', f'{PODS}/x')), 'GET', '/api/v1/namespaces/other/services/x/status')
    assert lines[2:6] == [
        '  resource: recorded pods.v1, asked services.v1',
        '  namespace: recorded ns, asked other',
        '  subresource: recorded nothing, asked status',
        'Record it again if it belongs to the story.',
    ]


def test_a_path_outside_of_kubernetes_is_shown_whole() -> None:
    lines = refuse(tape(taped('GET', '/healthz')), 'GET', '/readyz')
    assert lines[2] == '  path: recorded /healthz, asked /readyz'


def test_a_write_asked_too_often_is_said_to_be_used_up() -> None:
    cassette = tape(taped('POST', '/a', body=b'{}'), taped('POST', '/a', body=b'{}'))
    assert refuse(cassette, 'POST', '/a', body=b'{}', played=2)[1:3] == [
        'It was recorded twice (#1, #2) and asked more often: each recording of a write answers once.',
        'Record it again with as many requests.',
    ]


def test_a_watch_asked_too_often_is_said_to_be_used_up() -> None:
    lines = refuse(tape(taped('GET', f'{PODS}?watch=true')), 'GET', f'{PODS}?watch=true', played=1)
    assert lines[1] == 'It was recorded once (#1) and asked more often: each recording of a watch answers once.'


def test_the_nearest_one_tells_how_often_it_was_played() -> None:
    matcher = Matcher(tape(taped('GET', f'{PODS}?limit=1')))
    for _ in range(3):
        assert matcher.find(matcher.normalizer.ask('GET', f'{PODS}?limit=1')) is not None
    assert 'played 3 times' in explain(matcher, matcher.normalizer.ask('GET', PODS))


def test_an_empty_cassette_says_so() -> None:
    assert 'The cassette has no requests at all.' in refuse(tape(), 'GET', '/a')


def test_a_request_that_got_no_answer_is_called_so() -> None:
    assert 'never answered' in refuse(tape(taped('GET', '/a?x=1', status=None)), 'GET', '/a')[1]


def test_the_explanation_uses_nothing_up() -> None:
    matcher = Matcher(tape(taped('POST', '/a', body=b'{}')))
    question = matcher.normalizer.ask('POST', '/a', JSON, b'{}')
    explain(matcher, matcher.normalizer.ask('POST', '/a', JSON, b'{"x":1}'))
    assert matcher.find(question) is not None


def test_foreign_text_can_not_play_with_the_terminal_nor_fill_it() -> None:
    cassette = tape(taped('POST', '/a?x=%1b[31m\x1b[31m', body=b'{"k\\u001b":"\\u001b[2J' + b'x' * 10_000 + b'"}'))
    text = '\n'.join(refuse(cassette, 'POST', '/a?x=\x1b[0m', body=b'{"k\\u001b":"\\u202e"}'))
    assert text.replace('\n', '').isprintable()
    assert len(text) < 2000


def test_many_differences_are_counted_rather_than_listed() -> None:
    one, other = (b'{' + b','.join(b'"k%02d":%d' % (n, value) for n in range(40)) + b'}' for value in (1, 2))
    lines = refuse(tape(taped('POST', '/a', body=one)), 'POST', '/a', body=other)
    assert lines[2] == '  body k00: recorded 1, asked 2'
    assert '  and 28 more' in lines


def test_large_cassettes_are_explained_without_looking_at_all_of_them() -> None:
    cassette = tape(*(taped('GET', f'/api/v1/namespaces/n{n}/pods/p{n}') for n in range(3_000)))
    matcher = Matcher(cassette)
    asked: list[int] = []
    original = matcher.ask
    matcher.ask = lambda index: asked.append(index) or original(index)  # type: ignore[assignment,func-returns-value]
    text = explain(matcher, matcher.normalizer.ask('GET', '/api/v1/namespaces/n777/pods/p778'))
    assert 'n777/pods/p777' in text
    assert len(asked) < 300
