"""What is not shown of requests and rules."""

import pytest

import kmock
from kmock.cli.hushing import hushed, shown_target
from kmock.messages import Request


@pytest.mark.parametrize(
    ('target', 'shown'),
    [
        ('/x?a=b%20c&d', '/x?a=b%20c&d'),
        ('/x?a=b&X-Amz-Signature=abc&c', '/x?a=b&X-Amz-Signature=…&c'),
        ('/x?api_key=k', '/x?api_key=…'),
        ('/x?resourceVersion=5&continue=abc', '/x?resourceVersion=5&continue=abc'),
        ('/token=1', '/token=1'),
    ],
)
def test_secrets_in_targets_are_not_shown(target: str, shown: str) -> None:
    assert shown_target(Request.make('GET', target)) == shown


@pytest.mark.parametrize('name', ['token', 'access_token', 'password', 'client_secret'])
def test_tokens_in_targets_are_not_shown(name: str) -> None:
    assert 'hidden' not in shown_target(Request.make('GET', f'/x?{name}=hidden&a=b'))


@pytest.mark.parametrize(
    ('headers', 'text', 'shown'),
    [
        ({'Authorization': 'Bearer abcd1234'}, "got 'Bearer abcd1234', or abcd1234", "got '…', or …"),
        ({'Authorization': 'abcd1234'}, 'got abcd1234', 'got …'),
        ({'X-API-Key': "ab'\\1234"}, f'got {"ab" + chr(39) + chr(92) + "1234"!r}', 'got "…"'),
        ({'Cookie': 'mood=fine; id=abcd1234'}, "{'id': 'abcd1234', 'mood': 'fine'}", "{'id': '…', 'mood': '…'}"),
        ({'X-Other': 'abcd1234'}, 'got abcd1234', 'got abcd1234'),
        ({}, 'wanted Basic YWJj, not bearer of news', 'wanted Basic …, not bearer of news'),
        ({}, 'no secrets', 'no secrets'),
    ],
)
def test_credentials_of_the_request_are_not_shown(headers: dict[str, str], text: str, shown: str) -> None:
    assert hushed(text, Request.make('GET', '/', headers=headers)) == shown


def test_secret_parameters_of_the_request_are_not_shown() -> None:
    assert hushed("got 'a bcd'", Request.make('GET', '/?token=a%20bcd')) == "got '…'"


@pytest.mark.parametrize(
    'write',
    [
        lambda h: h[h.headers({'Authorization': 'hidden'})],
        lambda h: h['get /x', h.headers({'authorization': 'Bearer hidden'})],
        lambda h: h[{'Authorization': 'hidden'}],
        lambda h: h[h.cookies(any='hidden')],
        lambda h: h[{h.params(token='hidden'), h.params(a='b')}],
        lambda h: ~h[h.headers({'X-Api-Key': 'hidden'})],
    ],
)
def test_what_rules_wait_for_is_not_shown(write: object) -> None:
    handler = kmock.RawHandler()
    assert callable(write)
    write(handler) << 200
    criteria = [rule.criteria for rule in handler._rulebook]
    text = f'Closest rule: {criteria!r}'
    assert 'hidden' in text
    assert 'hidden' not in hushed(text, Request.make('GET', '/'), criteria)
