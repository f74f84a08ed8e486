"""Facts about how the differences between two requests are named."""

from typing import Any

from kmock.recording.questions.differences import find_differences
from kmock.recording.questions.normalizing import Normalizer

PODS = '/api/v1/namespaces/ns/pods'
JSON = [('Content-Type', 'application/json')]


def named(one: tuple[Any, ...], other: tuple[Any, ...]) -> list[tuple[str, str | None, str | None]]:
    normalizer = Normalizer()
    found = find_differences(normalizer, normalizer.ask(*one), normalizer.ask(*other))
    return [(each.where, each.recorded, each.asked) for each in found]


def test_equal_questions_have_none() -> None:
    one = ('GET', f'{PODS}?watch=true&resourceVersion=1', [('User-Agent', 'x')])
    other = ('GET', f'{PODS}?resourceVersion=2&watch=1', [])
    assert named(one, other) == []


def test_each_part_is_named() -> None:
    one = ('GET', f'{PODS}?limit=500', [('Accept', 'application/json')])
    other = ('POST', f'{PODS}/x?resourceVersion=0', [])
    assert named(one, other) == [
        ('method', 'GET', 'POST'),
        ('path', PODS, f'{PODS}/x'),
        ('query limit', '500', None),
        ('query resourceVersion', None, '0'),
        ('header accept', 'application/json', '*/*'),
    ]


def test_bodies_differ_path_by_path() -> None:
    one = ('POST', PODS, JSON, b'{"spec":{"size":1,"list":[1,2]},"a":"{\\"b\\":1}","metadata":{"uid":"x"}}')
    other = ('POST', PODS, JSON, b'{"spec":{"size":2,"list":[1,3]},"a":"{\\"b\\":2}","metadata":{"uid":"y"}}')
    assert named(one, other) == [
        ('body a.b', '1', '2'),
        ('body spec.list.1', '2', '3'),
        ('body spec.size', '1', '2'),
    ]


def test_what_is_replaced_is_shown_in_brackets() -> None:
    one = ('POST', PODS, JSON, b'{"metadata":{"uid":"x"}}')
    other = ('POST', PODS, JSON, b'{"metadata":{"uid":null}}')
    assert named(one, other) == [('body metadata.uid', '"<uid>"', 'null')]


def test_other_bodies_differ_as_a_whole() -> None:
    one, other = ('POST', PODS, JSON, b'abc'), ('POST', PODS, JSON, b'{}')
    assert named(one, other) == [('body', '3 bytes', '2 bytes')]
    assert named(('POST', PODS), other) == [
        ('header content-type', None, 'application/json'),
        ('body', None, '2 bytes'),
    ]


def test_a_body_of_null_is_not_an_absent_one() -> None:
    assert named(('POST', PODS, JSON, b'null'), ('POST', PODS, JSON)) == [
        ('header content-type', 'application/json', None),
        ('body', '4 bytes', None),
    ]
    assert named(('POST', PODS, JSON, b'null'), ('POST', PODS, JSON, b'null')) == []


def test_operations_of_a_json_patch_are_named_by_their_paths() -> None:
    one, other = (b'[{"op":"add","path":"/a~1b/c","value":{"d":%d}},{"op":"remove","path":"/x"}]' % n for n in (1, 2))
    assert named(('PATCH', PODS, JSON, one), ('PATCH', PODS, JSON, other)) == [('body a/b.c.d', '1', '2')]


def test_other_operations_are_named_by_their_places() -> None:
    one, other = (b'[{"op":"move","path":"/x","from":"/%b"}]' % source for source in (b'y', b'z'))
    assert named(('PATCH', PODS, JSON, one), ('PATCH', PODS, JSON, other)) == [('body 0.from', '"/y"', '"/z"')]
