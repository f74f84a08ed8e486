"""Views as sequences of requests, their algebra, and rules on them."""

import asyncio
import gc
import operator
import re

import pytest
from asking import ask, make

import kmock
from kmock import RawHandler


@pytest.fixture
async def seen(raw):
    """A handler that has seen six requests."""
    raw.fallback << 200
    for line in ('get /0', 'post /1', 'get /2', 'post /3', 'get /4', 'delete /5'):
        await ask(raw, line)
    return raw


def paths(view):
    return ''.join(request.path for request in view)


# --- sequences


async def test_a_view_written_before_is_kept_up(raw):
    gets = raw['get']
    assert (len(gets), bool(gets), list(gets)) == (0, False, [])
    replies = [await ask(raw, line) for line in ('get /a', 'post /b', 'get /c')]
    assert (len(gets), bool(gets)) == (2, True)
    assert list(gets) == [replies[0].request, replies[2].request]
    await ask(raw, 'get /d')
    assert paths(gets) == '/a/c/d'


async def test_a_view_written_later_sees_what_was_logged_and_what_follows(seen):
    gets = seen['get']
    assert paths(gets) == '/0/2/4'
    await ask(seen, 'get /6')
    assert paths(gets) == '/0/2/4/6'


async def test_all_requests_are_seen_answered_or_not(raw):
    await ask(raw, '/no-rule')
    raw['/error'] << ValueError
    await ask(raw, '/error')
    assert paths(raw) == '/no-rule/error'


async def test_indices_slices_and_membership(seen):
    gets = seen['get']
    assert gets[0].path == '/0'
    assert gets[-1].path == '/4'
    assert gets[0] in gets
    assert gets[0] in seen
    assert seen[1] not in gets
    assert make('get /0') not in gets
    assert paths(reversed(gets)) == '/4/2/0'
    assert gets.index(gets[1]) == 1


async def test_a_missing_request_is_told_with_the_view(seen):
    with pytest.raises(IndexError, match=r"kmock\['get'\] has seen 3 requests; there is no \[3\]"):
        seen['get'][3]


async def test_views_are_iterated_asynchronously_too(seen):
    assert [request.path async for request in seen['post']] == ['/1', '/3']


async def test_params_and_headers_of_a_request_compare_with_dicts(raw):
    await ask(raw, '/?watch=true', headers={'X-A': '1'})
    assert raw[0].params == {'watch': 'true'}
    assert raw[0].headers['x-a'] == '1'


async def test_with_a_limited_log_views_see_the_rest_of_it():
    async with RawHandler(request_log=3) as raw:
        early = raw['get']
        for number in range(5):
            await ask(raw, f'/{number}')
        assert paths(raw) == paths(raw['get']) == paths(early) == '/2/3/4'


# --- algebra


async def test_unions_intersections_differences_and_complements(seen):
    gets, posts, high = seen['get'], seen['post'], seen[re.compile('/[2-9]')]
    assert paths(gets | posts) == '/0/1/2/3/4'
    assert paths(gets & high) == '/2/4'
    assert paths(gets - high) == '/0'
    assert paths(~gets) == '/1/3/5'
    assert paths(~(gets | posts)) == '/5'
    assert paths((gets | posts)[high._written]) == '/2/3/4'


async def test_the_algebra_holds_for_stateful_views_too(seen):
    first, gets = seen[:3], seen['get']
    assert paths(first | seen['delete']) == '/0/1/2/5'
    assert paths(first & gets) == '/0/2'
    assert paths(first - gets) == '/1'
    assert paths(~first) == '/3/4/5'
    assert paths(gets - gets[:1]) == '/2/4'


async def test_the_algebra_holds_for_views_that_look_back(seen):
    last, gets = seen[-3:], seen['get']
    assert paths(last | seen['/0']) == '/0/3/4/5'
    assert paths(last & gets) == '/4'
    assert paths(last - gets) == '/3/5'
    assert paths(~last) == '/0/1/2'


async def test_groups_answer(raw):
    (raw['get'] | raw['post']) << b'or'
    (raw['put'] & raw['/x']) << b'and'
    (raw['put'] - raw['/y']) << b'minus'
    ~raw['delete'] << b'not'
    replies = [await ask(raw, line) for line in ('get /', 'post /', 'put /x', 'put /z', 'put /y', 'delete /')]
    assert [reply.body for reply in replies[:5]] == [b'or', b'or', b'and', b'minus', b'not']
    assert replies[5].status == 500


async def test_a_group_keeps_a_priority_that_all_its_views_have(raw):
    (raw['get'].fallback | raw['post'].fallback) << b'fallback'
    raw['get'] << b'rule'
    assert [(await ask(raw, line)).body for line in ('get /', 'post /')] == [b'rule', b'fallback']


# --- slices


async def test_slices_are_counted_by_arrival_in_their_view(seen):
    assert paths(seen[:2]) == '/0/1'
    assert paths(seen[2:4]) == '/2/3'
    assert paths(seen[::2]) == '/0/2/4'
    assert paths(seen[1::3]) == '/1/4'
    assert paths(seen['get'][1:]) == '/2/4'
    assert paths(seen['get'][:2]['/2']) == '/2'
    assert paths(seen[1:][::2]) == '/1/3/5'
    assert seen['get'][1:][0].path == '/2'


async def test_negative_slices_look_back(seen):
    assert paths(seen[-2:]) == '/4/5'
    assert paths(seen[::-1]) == '/5/4/3/2/1/0'
    assert paths(seen['get'][:-1]) == '/0/2'
    assert paths(seen[-4:]['post']) == '/3'
    await ask(seen, 'get /6')
    assert paths(seen[-2:]) == '/5/6'


async def test_a_sliced_rule_serves_its_share_whoever_served_the_others(raw):
    raw['/x'].override[1:2] << b'second of x'
    raw['get'][:3] << b'first three gets'
    raw['get'][::2] << b'every other get'
    raw << b'rest'
    bodies = [(await ask(raw, line)).body for line in ('/x', '/x', '/y', '/y', '/y', '/y', '/x')]
    three = b'first three gets'
    assert bodies == [three, b'second of x', three, b'rest', b'every other get', b'rest', b'every other get']


async def test_a_slice_written_later_counts_what_came_before(raw):
    raw.fallback << b'rest'
    await ask(raw, '/')
    raw[:2] << b'two'
    assert [(await ask(raw, '/')).body for _ in range(2)] == [b'two', b'rest']


async def test_parallel_requests_are_counted_once_each(raw):
    raw[:2] << (lambda: asyncio.sleep(0, b'two'))
    raw << b'rest'
    replies = await asyncio.gather(*(ask(raw, '/') for _ in range(4)))
    assert sorted(reply.body for reply in replies) == [b'rest', b'rest', b'two', b'two']


@pytest.mark.parametrize('cut', [slice(-1, None), slice(None, -1), slice(None, None, -1)])
def test_a_payload_for_a_view_that_looks_back_is_refused(raw, cut):
    with pytest.raises(ValueError, match='looks back'):
        raw[cut] << 200
    with pytest.raises(ValueError, match='looks back'):
        raw[cut]['get'] >> []


def test_wrong_slices_are_refused(raw):
    with pytest.raises(ValueError, match="'a' is no bound"):
        raw['a':]
    with pytest.raises(ValueError, match='can not be zero'):
        raw[::0]


# --- criteria that change their minds


async def test_events_and_callables_count_at_the_arrival_of_a_request(raw):
    event, asked = asyncio.Event(), []
    while_set = raw[event]
    spied = raw[lambda request: asked.append(request) or True]
    await ask(raw, '/0')
    event.set()
    await ask(raw, '/1')
    event.clear()
    assert paths(while_set) == '/1'
    assert paths(while_set) == '/1'
    assert asked == list(raw) == list(spied)


async def test_a_request_is_judged_once_for_a_rule_and_its_views(raw):
    asked = []
    view = raw['get', lambda request: asked.append(request.path) or request.path == '/a']
    view['/b'] << b'never'
    view << b'a'
    raw << b'rest'
    assert [(await ask(raw, line)).body for line in ('/a', '/b')] == [b'a', b'rest']
    assert len(view) == 1
    assert asked == ['/a', '/b']


async def test_a_later_view_takes_events_at_their_value_of_that_moment(seen):
    event = asyncio.Event()
    before = seen[event]
    event.set()
    after = seen['get', event]
    event.clear()
    assert (paths(before), paths(after)) == ('', '/0/2/4')


async def test_a_criterion_that_raises_is_an_error_of_the_request_and_keeps_none_from_judging(raw):
    raw[lambda: 1 / 0] << 200
    judged = raw[lambda: True]
    assert (await ask(raw, '/')).status == 500
    assert isinstance(raw.errors[0], ZeroDivisionError)
    assert len(judged) == 1


async def test_views_that_nobody_holds_are_not_asked_any_more(raw):
    asked = []
    raw[lambda: asked.append(1)]
    gc.collect()
    await ask(raw, '/')
    assert asked == []


# --- rules


async def test_a_reaction_is_the_sequence_of_what_it_served(raw):
    a = raw['/a'] << b'a'
    rest = raw << b'rest'
    replies = [await ask(raw, path) for path in ('/a', '/b', '/a')]
    assert list(a) == [replies[0].request, replies[2].request]
    assert (len(a), len(rest), a[-1] is replies[2].request) == (2, 1, True)
    assert len(a['post']) == 0
    assert len(a[1:]) == 1
    assert paths(a | rest) == '/a/b/a'


def test_a_reaction_can_be_grown_but_not_narrowed_for_a_rule(raw):
    reaction = raw['/a'] << b'a'
    assert isinstance(reaction << 201, kmock.Reaction)
    with pytest.raises(ValueError, match='looks back'):
        reaction['get'] << 404


@pytest.mark.parametrize(('one', 'other'), [('get', 'post'), (('get', '/a'), '/b'), (kmock.name('a'), kmock.name('b'))])
def test_contradictory_chains_are_refused_where_they_are_written(raw, one, other):
    with pytest.raises(ValueError, match='No request can match both'):
        raw[one][other]
    with pytest.raises(ValueError, match='No request can match both'):
        raw[one][:3][other]


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('post', 'list'),
        ('list', 'post'),
        ('delete', 'fetch'),
        ('get', kmock.action.DELETE),
        ('get', 'create'),
        ('put', 'create'),
        ('post', 'update'),
        ('head', 'update'),
        ('options', 'list'),
        ('get /', 'create pods'),
    ],
)
def test_a_method_that_no_such_action_has_is_refused(raw, one, other):
    with pytest.raises(ValueError, match=r"No request can match both method '\w+' and action .*, which is '\w+'"):
        raw[one][other]


@pytest.mark.parametrize(
    ('method', 'action', 'target'),
    [
        ('get', 'fetch', '/api/v1/pods/x'),
        ('head', 'fetch', '/api/v1/pods/x'),
        ('get', 'list', '/api/v1/pods'),
        ('head', 'list', '/api/v1/pods'),
        ('get', 'watch', '/api/v1/pods?watch=1'),
        ('head', 'watch', '/api/v1/pods?watch=1'),
        ('post', 'watch', '/api/v1/watch/pods'),
        ('post', 'create', '/api/v1/pods'),
        ('put', 'update', '/api/v1/pods/x'),
        ('patch', 'update', '/api/v1/pods/x'),
        ('patch', 'update', '/api/v1/pods'),
        ('delete', kmock.action.DELETE, '/api/v1/pods/x'),
        (kmock.method('list'), 'list', '/api/v1/pods'),
        (kmock.method('deletecollection'), kmock.action.DELETE, '/api/v1/pods'),
    ],
)
async def test_a_method_that_such_an_action_can_have_is_not_refused(raw, method, action, target):
    raw[method][action] << 202
    assert (await ask(raw, f'{method} {target}')).status == 202
    assert len(raw[action][method]) == 1


def test_assigning_to_a_view_tells_how_a_rule_is_written(raw):
    with pytest.raises(TypeError, match=r"kmock\['get'\] <<= 200 would assign .* Write kmock\['get'\] << 200\."):
        raw['get'] <<= 200
    with pytest.raises(TypeError, match=r"Write kmock\['get'\]\[:2\] << 200\."):
        raw['get'][:2] = 200
    with pytest.raises(TypeError, match=r'>>= \[\] would assign .* Write .* >> \[\]\.'):
        raw['get', '/x'] >>= []


def test_a_name_of_a_view_can_be_grown(raw):
    reaction = raw['get']
    reaction <<= 200
    assert repr(reaction) == "kmock['get'] << 200"


@pytest.mark.parametrize('operation', [operator.or_, operator.and_, operator.sub])
def test_a_criterion_beside_a_view_is_refused_with_the_mend(raw, operation):
    for pair in ((raw['get'], 'post'), ('post', raw['get']), (raw['get'], {'post'}), (re.compile('/x'), raw['get'])):
        with pytest.raises(TypeError, match=r'is no view. If it is a criterion, put it in brackets: kmock\['):
            operation(*pair)


async def test_views_without_a_common_request_meet_in_an_empty_view(raw):
    raw << b'x'
    both = raw['get'] & raw['post']
    await ask(raw, 'get /a')
    await ask(raw, 'post /a')
    assert (len(raw), len(both)) == (2, 0)


async def test_chained_brackets_demand_everything(raw):
    raw['get']['/x'][kmock.params(q=1)] << b'all'
    assert (await ask(raw, '/x?q=1')).body == b'all'
    assert (await ask(raw, '/x?q=2')).status == 500


@pytest.mark.parametrize(
    ('write', 'shown'),
    [
        (lambda k: k, 'kmock'),
        (lambda k: k['get /'], "kmock['get /']"),
        (lambda k: k['get', kmock.name('a')], "kmock['get', name('a')]"),
        (lambda k: k['get']['/x'][:3], "kmock['get']['/x'][:3]"),
        (lambda k: k[1::2], 'kmock[1::2]'),
        (lambda k: k['get'] | k['post'], "(kmock['get'] | kmock['post'])"),
        (lambda k: k['get'] - k['/x'], "(kmock['get'] - kmock['/x'])"),
        (lambda k: ~k['get'], "~kmock['get']"),
        (lambda k: k['get'] ** 5, "(kmock['get'] ** 5)"),
        (lambda k: k.fallback['get'], "kmock.fallback['get']"),
        (lambda k: k['get'].override, "kmock['get'].override"),
        (lambda k: k['get'][...], "kmock['get'][...]"),
        (lambda k: k[{'get', 'post'}], "kmock[{'get', 'post'}]"),
        (lambda k: k['get /'] << 418 << {'a': 1}, "kmock['get /'] << 418 << {'a': 1}"),
        (lambda k: k << (b'x', ..., ValueError) << None, "kmock << (b'x', ..., ValueError) << None"),
        (lambda k: k['get'] >> [] << 200, "kmock['get'] >> [] << 200"),
    ],
)
def test_views_and_rules_are_shown_as_they_were_written(raw, write, shown):
    assert repr(write(raw)) == shown


def test_the_public_classes_tell_the_kinds_of_views(raw):
    assert isinstance(raw, kmock.Root)
    assert isinstance(raw['get'], kmock.Filter)
    assert isinstance(raw['get'], kmock.Chained)
    assert isinstance(raw[:3], kmock.Slicer)
    assert isinstance(raw**1, kmock.Priority)
    assert isinstance(raw | raw['get'], kmock.OrGroup)
    assert isinstance(raw & raw['get'], kmock.AndGroup)
    assert isinstance(~raw, kmock.Exclusion)
    assert isinstance(raw - raw, kmock.Group)
    assert isinstance(raw[...], kmock.Stream)
    assert isinstance(raw << 200, kmock.View)


def test_views_of_reactions_and_of_words_are_shown_as_they_were_written(raw):
    assert repr((raw['/a'] << 200)['get']) == "(kmock['/a'] << 200)['get']"
    assert repr(raw[kmock.action.DELETE]) == 'kmock[action.DELETE]'
