"""Facts about which recorded exchange answers which question."""

from typing import Any

import pytest
from taping import JSON, tape, taped

from kmock.recording.cassette import Cassette
from kmock.recording.matching import Match, Matcher

PODS = '/api/v1/namespaces/ns/pods'
UID = '437ab435-cd81-4fad-94c1-600a0e7b1379'
OTHER_UID = 'b8c4f728-f7b2-4642-a121-626a908ef023'


class Asking:
    """A matcher and a short way to ask it: gives the ids of the exchanges that answer."""

    def __init__(self, cassette: Cassette, ignore: Any = ()) -> None:
        self.matcher = Matcher(cassette, ignore=ignore)

    def match(self, method: str, target: str, *, body: bytes | None = None, fresh: bool = False) -> Match | None:
        question = self.matcher.normalizer.ask(method, target, JSON if body else (), body)
        return self.matcher.find(question, lambda exchange: fresh)

    def __call__(self, method: str, target: str, **kwargs: Any) -> int | None:
        match = self.match(method, target, **kwargs)
        return match.exchange.id if match is not None else None


class TestOrder:
    def test_equal_questions_are_answered_in_recorded_order(self) -> None:
        ask = Asking(tape(taped('GET', '/a'), taped('GET', '/b'), taped('GET', '/a')))
        assert [ask('GET', '/a'), ask('GET', '/a'), ask('GET', '/b')] == [1, 3, 2]

    def test_reads_repeat_the_last_answer(self) -> None:
        ask = Asking(tape(taped('GET', '/a'), taped('GET', '/a'), taped('HEAD', '/a')))
        assert [ask('GET', '/a') for _ in range(4)] == [1, 2, 2, 2]
        assert [ask('HEAD', '/a') for _ in range(2)] == [3, 3]
        match = ask.match('GET', '/a')
        assert match is not None
        assert match.repeated

    @pytest.mark.parametrize('method', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    def test_writes_answer_once(self, method: str) -> None:
        ask = Asking(tape(taped(method, '/a', body=b'{}')))
        assert [ask(method, '/a', body=b'{}') for _ in range(2)] == [1, None]

    def test_watches_answer_once(self) -> None:
        ask = Asking(tape(taped('GET', f'{PODS}?watch=true'), taped('GET', f'{PODS}?watch=true')))
        assert [ask('GET', f'{PODS}?watch=1') for _ in range(3)] == [1, 2, None]

    def test_a_list_does_not_use_up_a_watch(self) -> None:
        ask = Asking(tape(taped('GET', f'{PODS}?watch=true'), taped('GET', PODS)))
        assert [ask('GET', PODS), ask('GET', f'{PODS}?watch=true')] == [2, 1]

    def test_what_was_not_recorded_is_not_answered(self) -> None:
        ask = Asking(tape(taped('GET', '/a')))
        assert ask('POST', '/a') is None
        assert ask('GET', '/b') is None
        assert ask('GET', '/a?x=y') is None

    def test_uses_are_counted(self) -> None:
        ask = Asking(tape(taped('GET', '/a'), taped('GET', '/b')))
        for _ in range(3):
            ask('GET', '/a')
        assert list(ask.matcher.uses) == [3, 0]


class TestTokens:
    def test_a_page_belongs_to_the_token_that_it_was_asked_with(self) -> None:
        ask = Asking(tape(taped('GET', '/a?limit=2&continue=one'), taped('GET', '/a?limit=2&continue=two')))
        assert ask('GET', '/a?limit=2&continue=two') == 2
        assert ask('GET', '/a?limit=2&continue=one') == 1

    def test_a_page_is_repeated_for_its_token(self) -> None:
        ask = Asking(tape(taped('GET', '/a?continue=one'), taped('GET', '/a?continue=two')))
        assert [ask('GET', '/a?continue=one') for _ in range(2)] == [1, 1]

    def test_an_unknown_token_gets_the_next_page_in_order(self) -> None:
        ask = Asking(tape(taped('GET', '/a?continue=one'), taped('GET', '/a?continue=two')))
        assert [ask('GET', '/a?continue=other') for _ in range(3)] == [1, 2, 2]

    def test_a_watch_from_the_same_version_goes_first(self) -> None:
        watch = f'{PODS}?watch=true&resourceVersion'
        ask = Asking(tape(taped('GET', f'{watch}=10'), taped('GET', f'{watch}=20'), taped('GET', f'{watch}=20')))
        assert [ask('GET', f'{watch}=20') for _ in range(4)] == [2, 3, 1, None]

    def test_a_watch_from_an_unknown_version_goes_in_order(self) -> None:
        watch = f'{PODS}?watch=true&resourceVersion'
        ask = Asking(tape(taped('GET', f'{watch}=10'), taped('GET', f'{watch}=20')))
        assert [ask('GET', f'{watch}=99'), ask('GET', f'{watch}=98')] == [1, 2]

    def test_absent_zero_and_set_are_different_questions(self) -> None:
        ask = Asking(
            tape(taped('GET', '/a?resourceVersion=5'), taped('GET', '/a?resourceVersion=0'), taped('GET', '/a'))
        )
        assert [ask('GET', '/a'), ask('GET', '/a?resourceVersion=0'), ask('GET', '/a?resourceVersion=7')] == [3, 2, 1]


class TestBodies:
    def test_writes_are_told_apart_by_their_bodies(self) -> None:
        ask = Asking(tape(taped('PATCH', '/a', body=b'{"n":1}'), taped('PATCH', '/a', body=b'{"n":2}')))
        assert ask('PATCH', '/a', body=b'{ "n": 2 }') == 2
        assert ask('PATCH', '/a', body=b'{"n":3}') is None
        assert ask('PATCH', '/a', body=b'{"n":1}') == 1

    def test_a_write_with_a_body_is_not_one_without(self) -> None:
        ask = Asking(tape(taped('DELETE', '/a', body=b'{"propagationPolicy":"Background"}')))
        assert ask('DELETE', '/a') is None

    def test_what_varies_in_bodies_is_answered_in_order(self) -> None:
        lease = b'{"spec":{"renewTime":"2026-11-21T05:47:5%d.0Z","holderIdentity":"%b"}}'
        ask = Asking(tape(*(taped('PUT', '/lease', body=lease % (n, b'me')) for n in range(3))))
        assert [ask('PUT', '/lease', body=lease % (9, b'you')) for _ in range(4)] == [1, 2, 3, None]

    def test_bodies_are_read_no_further_than_needed(self) -> None:
        cassette = tape(*(taped('POST', '/a', body=b'{"n":%d}' % n) for n in range(100)))
        ask = Asking(cassette)
        shelf = ask.matcher._tight['POST', '/a']
        assert ask('POST', '/a', body=b'{"n":0}') == 1
        assert shelf.indexed == 1
        assert ask('POST', '/a', body=b'{"n":50}') == 51
        assert shelf.indexed == 51


class TestLoose:
    def test_generated_names_are_found_in_the_path(self) -> None:
        ask = Asking(tape(taped('GET', f'{PODS}/web-x2x4z'), taped('GET', f'{PODS}/other')))
        match = ask.match('GET', f'{PODS}/web-bcdfg')
        assert match is not None
        assert (match.exchange.id, match.loose) == (1, True)

    def test_generated_names_are_found_in_bodies(self) -> None:
        body = b'{"metadata":{"name":"web.%b"},"reason":"%b"}'
        ask = Asking(tape(*(taped('POST', '/e', body=body % (b'17a3b2c4d5e6f70%d' % n, b'Made')) for n in range(2))))
        made = [ask('POST', '/e', body=body % (suffix, b'Made')) for suffix in (b'18f0a0b0c0d0e0f', b'19f0a0b0c0d0e0f')]
        assert made == [1, 2]
        assert ask('POST', '/e', body=body % (b'18f0a0b0c0d0e0f', b'Other')) is None

    def test_an_exact_question_goes_first_and_is_never_answered_loosely(self) -> None:
        ask = Asking(tape(taped('DELETE', f'{PODS}/web-x2x4z'), taped('DELETE', f'{PODS}/web-bcdfg')))
        assert ask('DELETE', f'{PODS}/web-bcdfg') == 2
        assert ask('DELETE', f'{PODS}/web-bcdfg') is None
        assert ask('DELETE', f'{PODS}/web-zzzzz') == 1

    def test_an_exchange_answers_once_whatever_finds_it(self) -> None:
        ask = Asking(tape(taped('DELETE', f'{PODS}/web-x2x4z')))
        assert ask('DELETE', f'{PODS}/web-bcdfg') == 1
        assert ask('DELETE', f'{PODS}/web-x2x4z') is None

    def test_paths_are_known_in_both_degrees(self) -> None:
        matcher = Matcher(tape(taped('GET', f'{PODS}/web-x2x4z')))
        assert matcher.knows('GET', f'{PODS}/web-x2x4z?any=thing')
        assert matcher.knows('GET', f'{PODS}/web-bcdfg')
        assert not matcher.knows('GET', f'{PODS}/web')
        assert not matcher.knows('PUT', f'{PODS}/web-x2x4z')


class TestConditions:
    X, Y = [('ETag', '"x"')], [('ETag', '"y"')]

    def test_a_client_with_the_content_gets_the_recorded_304(self) -> None:
        ask = Asking(tape(taped('GET', '/a', answer_headers=self.X), taped('GET', '/a', status=304)))
        assert [ask('GET', '/a'), ask('GET', '/a', fresh=True)] == [1, 2]

    def test_for_others_it_stands_for_the_full_answer_with_its_tag(self) -> None:
        ask = Asking(
            tape(
                taped('GET', '/a', answer_headers=self.X),
                taped('GET', '/a', answer_headers=self.Y),
                taped('GET', '/a', status=304, answer_headers=self.X),
                taped('GET', '/a', status=304, answer_headers=self.Y),
            )
        )
        assert [ask('GET', '/a') for _ in range(5)] == [1, 2, 1, 2, 2]
        assert list(ask.matcher.uses) == [1, 1, 1, 2]

    def test_without_a_tag_it_stands_for_the_last_full_answer_before_it(self) -> None:
        full, stale = taped('GET', '/a'), taped('GET', '/a', status=304)
        ask = Asking(tape(full, stale, full, stale))
        assert [ask('GET', '/a') for _ in range(4)] == [1, 1, 3, 3]

    def test_a_later_full_answer_is_better_than_none(self) -> None:
        ask = Asking(tape(taped('GET', '/a', status=304, answer_headers=self.X), taped('GET', '/a')))
        assert ask('GET', '/a') == 2

    def test_without_any_full_answer_there_is_none(self) -> None:
        ask = Asking(tape(taped('GET', '/a', status=304)))
        assert ask('GET', '/a') is None
        assert list(ask.matcher.uses) == [0]
        assert ask('GET', '/a', fresh=True) == 1


def test_upgraded_connections_never_match() -> None:
    ask = Asking(tape(taped('POST', f'{PODS}/x/exec', status=101), taped('POST', f'{PODS}/x/exec', status=400)))
    assert [ask('POST', f'{PODS}/x/exec') for _ in range(2)] == [2, None]


def test_ignored_parts_are_not_compared() -> None:
    ask = Asking(tape(taped('GET', '/a?x=1'), taped('PUT', '/a', body=b'{"n":1}')), ignore=['x', 'n'])
    assert ask('GET', '/a?x=2') == 1
    assert ask('PUT', '/a', body=b'{"n":2}') == 2


def test_large_cassettes_are_not_searched_exchange_by_exchange() -> None:
    class Counted:
        """Counts how many of the recorded requests are looked at."""

        def __init__(self, exchanges: Any) -> None:
            self.exchanges, self.reads = exchanges, 0

        def __len__(self) -> int:
            return len(self.exchanges)

        def __getitem__(self, index: int) -> Any:
            self.reads += 1
            return self.exchanges[index]

    cassette = tape(*(taped('GET', f'/items/{n // 2}') for n in range(20_000)))
    ask = Asking(cassette)
    counted = Counted(cassette.exchanges)
    cassette.exchanges = counted  # type: ignore[assignment]
    assert [ask('GET', f'/items/{n}') for n in range(100)] == [2 * n + 1 for n in range(100)]
    assert counted.reads < 1000
