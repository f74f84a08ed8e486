"""Why nothing in a cassette answers a request: the nearest recorded request, what differs, and how to mend it.

The nearest is, in this order: the same method and path with another query, header or body; the same path with another
method; the most similar path. What is looked at is bounded, whatever the size of the cassette.
"""

import dataclasses
import difflib
import heapq
import itertools
from collections.abc import Iterator, Sequence

from kmock.naming import Call, parse_call
from kmock.recording.matching import Matcher, Place
from kmock.recording.printable import shorten, shorten_middle
from kmock.recording.questions.differences import Difference, find_differences
from kmock.recording.questions.normalizing import Question

__all__ = ['explain']

_METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')
_MAX_COMPARED = 100
_MAX_PLACES = 20_000
_MAX_SHOWN = 12
_WIDTH = 100


def explain(matcher: Matcher, question: Question) -> str:
    """Say in a few lines why nothing answers; nothing is used up."""
    asked = f'{shorten(question.method, 20)} {shorten_middle(question.target, _WIDTH)}'
    lines = [f'Nothing in {matcher.cassette.name} answers {asked}']
    known = _why_known(matcher, question)
    if known:
        lines += known
    else:
        lines += _nearest(matcher, question)
    lines.append(f'A rule can answer it: {_rule(question)}')
    return '\n'.join(lines)


# --- the question was recorded, but can't be answered


def _why_known(matcher: Matcher, question: Question) -> list[str]:
    upgrades = [index for index in _at(matcher, question)[:_MAX_COMPARED] if _status(matcher, index) == 101]
    if upgrades:
        numbers = _numbers(matcher, upgrades)
        return [f'It was recorded as an upgraded connection ({numbers}), and those can not be replayed yet.']
    group = matcher.group(question) or matcher.group(question, loose=True)
    if group is None:
        return []
    numbers = _numbers(matcher, group.members)
    if group.choose(question, matcher.uses) is not None:
        return [
            f'It was recorded only as 304 Not Modified ({numbers}), for a client that had the content already.',
            'Record it again: the full answer is kept then.',
        ]
    kind = 'a watch' if question.watching else 'a write'
    times = _times(len(group.members))
    return [
        f'It was recorded {times} ({numbers}) and asked more often: each recording of {kind} answers once.',
        'Record it again with as many requests.',
    ]


# --- it was not recorded


def _nearest(matcher: Matcher, question: Question) -> list[str]:
    best = min(_candidates(matcher, question), default=None)
    if best is None:
        return ['The cassette has no requests at all.']
    lines = [f'The nearest recorded request is {_described(matcher, best.index)}']
    shown = best.differences[:_MAX_SHOWN]
    lines += [_difference_line(each) for each in shown]
    if len(best.differences) > len(shown):
        lines.append(f'  and {len(best.differences) - len(shown)} more')
    ignorable = [each.where.split(' ', 1)[1] for each in shown if each.where.startswith(('query ', 'header ', 'body '))]
    if ignorable and len(ignorable) == len(best.differences):
        lines.append(f'If that does not matter: ignore={ignorable[:_MAX_SHOWN]!r}. Or record it again.')
    else:
        lines.append('Record it again if it belongs to the story.')
    return lines


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    rank: int
    distance: float
    used: bool
    index: int
    differences: list[Difference] = dataclasses.field(compare=False)


def _candidates(matcher: Matcher, question: Question) -> Iterator[_Candidate]:
    same_place = _unused_first(matcher, _at(matcher, question))
    for index in same_place:
        differences = find_differences(matcher.normalizer, matcher.ask(index), question)
        yield _candidate(matcher, 0, index, len(differences), differences)
    if same_place:
        return
    for method in _METHODS:
        for index in _unused_first(matcher, matcher.at((method, question.path)), 1):
            yield _candidate(matcher, 1, index, _METHODS.index(method), _only_method(matcher, index, question))
    for distance, place in _similar_places(matcher, question):
        for index in _unused_first(matcher, matcher.at(place), 20):
            differences = _path_differences(matcher, index, question)
            yield _candidate(matcher, 2, index, distance + len(differences) / 1000, differences)


def _candidate(matcher: Matcher, rank: int, index: int, distance: float, differences: list[Difference]) -> _Candidate:
    return _Candidate(rank, distance, matcher.uses[index] > 0, index, differences)


def _at(matcher: Matcher, question: Question) -> Sequence[int]:
    place = (question.method, question.path)
    return matcher.at(place) or matcher.at(place, loose=True)


def _unused_first(matcher: Matcher, indices: Sequence[int], limit: int = _MAX_COMPARED) -> list[int]:
    unused = (index for index in indices if not matcher.uses[index])
    used = (index for index in indices if matcher.uses[index])
    return list(itertools.islice(itertools.chain(unused, used), limit))


def _similar_places(matcher: Matcher, question: Question) -> list[tuple[float, Place]]:
    asked = question.path.split('/')
    places = itertools.islice(matcher.places(), _MAX_PLACES)
    rough = heapq.nlargest(10, places, key=lambda place: _likeness(place, question.method, asked))
    ratio = difflib.SequenceMatcher(a=question.path)
    scored = []
    for method, path in rough:
        ratio.set_seq2(path)
        likeness = _likeness((method, path), question.method, asked)
        scored.append((-likeness - ratio.quick_ratio() / 2, (method, path)))
    return sorted(scored)[:5]


def _likeness(place: Place, method: str, asked: list[str]) -> float:
    recorded = place[1].split('/')
    equal = len({*recorded} & {*asked})  # wherever they stand: a resource is the same in all namespaces, and in one
    return equal - abs(len(recorded) - len(asked)) / 2 + (0.5 if place[0] == method else 0)


# --- differences between places


def _only_method(matcher: Matcher, index: int, question: Question) -> list[Difference]:
    recorded = matcher.cassette.exchanges[index].method
    return [Difference(where='method', recorded=recorded, asked=question.method)]


def _path_differences(matcher: Matcher, index: int, question: Question) -> list[Difference]:
    recorded = matcher.ask(index)
    differences = find_differences(matcher.normalizer, recorded, question)
    one = parse_call(recorded.method, recorded.path)
    other = parse_call(question.method, question.path)
    if one is None or other is None or one.resource.group != other.resource.group:
        return differences
    parts = [each for each in _call_differences(one, other) if each.recorded != each.asked]
    return [*parts, *(each for each in differences if each.where != 'path')]


def _call_differences(recorded: Call, asked: Call) -> Iterator[Difference]:
    yield Difference(where='resource', recorded=str(recorded.resource), asked=str(asked.resource))
    for part in ('namespace', 'name', 'subresource'):
        yield Difference(where=part, recorded=getattr(recorded, part), asked=getattr(asked, part))


# --- words


def _difference_line(difference: Difference) -> str:
    recorded = 'nothing' if difference.recorded is None else shorten(difference.recorded, _WIDTH)
    asked = 'nothing' if difference.asked is None else shorten(difference.asked, _WIDTH)
    return f'  {shorten(difference.where, _WIDTH)}: recorded {recorded}, asked {asked}'


def _described(matcher: Matcher, index: int) -> str:
    exchange = matcher.cassette.exchanges[index]
    status = _status(matcher, index)
    answered = f'answered {status}' if status else 'never answered'
    uses = matcher.uses[index]
    played = f'played {_times(uses)}' if uses else 'not played yet'
    target = shorten_middle(exchange.target, _WIDTH)
    method = shorten(exchange.method, 20)
    return f'#{exchange.id} {method} {target} (at {exchange.at_us / 1e6:.3f} s, {answered}, {played})'


def _numbers(matcher: Matcher, indices: Sequence[int]) -> str:
    shown = ', '.join(f'#{matcher.cassette.exchanges[index].id}' for index in indices[:5])
    return f'{shown}, …' if len(indices) > 5 else shown


def _times(count: int) -> str:
    return {1: 'once', 2: 'twice'}.get(count, f'{count} times')


def _status(matcher: Matcher, index: int) -> int | None:
    response = matcher.cassette.exchanges[index].response
    return response.status if response is not None else None


def _rule(question: Question) -> str:
    return f'kmock[{shorten(f"{question.method.lower()} {question.path}", 4 * _WIDTH)!r}] << …'
