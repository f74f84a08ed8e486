"""Conditional requests: who is owed a 304, and what it carries."""

import pytest

from kmock.messages import Answer, Request
from kmock.recording.conditions import not_modified, unconditional

LATER, NOW, BEFORE = 'Sat, 21 Nov 2026 05:42:46 GMT', 'Sat, 21 Nov 2026 05:42:45 GMT', 'Sat, 21 Nov 2026 05:42:44 GMT'


def judge(headers: dict[str, str], *, method: str = 'GET', status: int = 200, **kwargs: str) -> bool:
    answer = Answer(status=status, headers=tuple((name.replace('_', '-'), value) for name, value in kwargs.items()))
    return not_modified(Request.make(method, '/api', headers=headers), answer) is not None


@pytest.mark.parametrize(
    ('wanted', 'tag', 'fresh'),
    [
        ('"A"', '"A"', True),
        ('"A"', '"B"', False),
        ('W/"A"', '"A"', True),
        ('"A"', 'W/"A"', True),
        ('"X", W/"A","Y"', '"A"', True),
        ('"X,A"', '"A"', False),
        ('*', '"A"', True),
        ('A', '"A"', False),
        ('"A"', 'A', False),
        ('""', '""', True),
    ],
)
def test_entity_tags_are_compared_weakly_and_in_lists(wanted, tag, fresh):
    assert judge({'If-None-Match': wanted}, ETag=tag) is fresh


@pytest.mark.parametrize(
    ('since', 'modified', 'fresh'),
    [
        (NOW, NOW, True),
        (NOW, BEFORE, True),
        (NOW, LATER, False),
        ('yesterday', BEFORE, False),
        (NOW, 'yesterday', False),
        ('Sat, 21 Nov 2026 05:42:45 -0000', NOW, True),
    ],
)
def test_dates_are_compared_and_malformed_ones_ignored(since, modified, fresh):
    assert judge({'If-Modified-Since': since}, Last_Modified=modified) is fresh


def test_a_condition_by_tag_overrules_one_by_date():
    assert not judge({'If-None-Match': '"A"', 'If-Modified-Since': NOW}, ETag='"B"', Last_Modified=BEFORE)


def test_without_something_to_compare_nothing_is_fresh():
    assert not judge({'If-None-Match': '"A"'})
    assert not judge({'If-Modified-Since': NOW})
    assert not judge({}, ETag='"A"', Last_Modified=NOW)


@pytest.mark.parametrize('status', [206, 304, 404, 500])
def test_only_a_200_is_turned_into_a_304(status):
    assert not judge({'If-None-Match': '*'}, status=status, ETag='"A"')


def test_conditions_of_writes_are_guards_and_pass_untouched():
    request = Request.make('PUT', '/x', headers={'If-None-Match': '*'})
    assert unconditional(request) is request
    assert not judge({'If-None-Match': '"A"'}, method='PUT', ETag='"A"')


def test_conditions_are_taken_off_and_nothing_else_changes():
    request = Request.make(
        'GET',
        '/api?a=1',
        headers=[('Accept', 'a'), ('if-none-match', '"A"'), ('Accept', 'b'), ('If-Modified-Since', NOW)],
    )
    bare = unconditional(request)
    assert list(bare.headers.items()) == [('Accept', 'a'), ('Accept', 'b')]
    assert (bare.id, bare.target) == (request.id, request.target)
    assert 'If-None-Match' in request.headers
    plain = Request.make('GET', '/api')
    assert unconditional(plain) is plain


def test_a_304_carries_what_guides_the_cache_and_no_metadata_of_the_content():
    request = Request.make('GET', '/api', headers={'If-None-Match': '"A"'})
    kept = (('Audit-Id', 'x'), ('Cache-Control', 'no-cache'), ('ETag', '"A"'), ('Vary', 'Accept'), ('Date', NOW))
    answer = not_modified(
        request,
        Answer(headers=(*kept, ('Content-Type', 'application/json'), ('Content-Length', '3')), body=b'{ }'),
    )
    assert answer is not None
    assert (answer.status, answer.headers, answer.body) == (304, kept, b'')
