"""Why no rule answered a request: the closest rules, and on which value which of their criteria failed.

Callables, events and futures are not asked again: their verdict was taken when the request arrived.
"""

import functools
import itertools
import operator
from collections.abc import Iterator, Mapping
from typing import Any

from kmock.messages import Request
from kmock.naming import parse_call
from kmock.rules.book import Rule, RuleBook
from kmock.rules.criteria import Criteria, Not, Or, request_path
from kmock.rules.http_criteria import (
    BodyCriteria,
    DataCriteria,
    DictCriteria,
    FieldsCriteria,
    MethodCriteria,
    PathCriteria,
    StrCriteria,
    TextCriteria,
)
from kmock.rules.kubernetes_criteria import ActionCriteria, NameCriteria, ResourceCriteria
from kmock.rules.values import json_test, texts_test

__all__ = ['closest_rules', 'nearly_met']

_SHOWN_RULES = 3
_LOOKED_AT = 2000
"""A request without a rule must not cost much more the more rules there are."""
_SHOWN_VALUE = 80


def closest_rules(book: RuleBook, request: Request) -> list[str]:
    """The rules that came closest, the closest first: a line for each, as written and with what it lacked."""
    judged = [_judge(rule, request) for rule in itertools.islice(book, _LOOKED_AT)]
    judged.sort(key=lambda each: each[0])  # stable: of equal ones, the one that is asked first
    return [f'{rule.gate.show()}: {"; ".join(misses)}.' for _, rule, misses in judged[:_SHOWN_RULES]]


def nearly_met(book: RuleBook, request: Request) -> str | None:
    """The rule that was most likely meant for a request which somebody else has answered, with what that lacked.

    None if there is none: such a rule is about the same resource, has not served anything, and lacked one thing only,
    which is not what the request does.
    """
    idle = (rule for rule in itertools.islice(book, _LOOKED_AT) if not rule.served and not rule.gate.stateful)
    judged = [_judge(rule, request) for rule in idle if _is_near(rule, request)]
    if not judged:
        return None
    _, rule, misses = min(judged, key=lambda each: each[0])
    return f'{rule.gate.show()}: {"; ".join(misses)}.'


def _is_near(rule: Rule, request: Request) -> bool:
    parts = list(rule.criteria.parts())
    failed = [part for part in parts if not part.volatile and not part.matches(request)]
    return (
        len(failed) == 1
        and not isinstance(failed[0], ActionCriteria)
        and any(_is_about(each, request) for each in parts)
    )


def _is_about(part: Criteria, request: Request) -> bool:
    """Whether the criterion names the resource of the request."""
    if isinstance(part, ResourceCriteria):
        return part.matches(request)
    if not isinstance(part, PathCriteria) or not isinstance(part.written, str):
        return False
    call = parse_call('GET', part.written)
    return call is not None and call.resource == request.resource


def _judge(rule: Rule, request: Request) -> tuple[float, Rule, list[str]]:
    """How far the rule is from the request, and what it lacks."""
    failed = [part for part in rule.criteria.parts() if not part.volatile and not part.matches(request)]
    misses = [
        f'the body was not read, so {part!r} was not asked'
        if part.needs_body and not request.content.kept
        else describe_miss(part, request)
        for part in failed
    ]
    if misses:
        return sum(_distance(part, request) for part in failed), rule, misses
    if rule.gate.holds(request):
        return -1, rule, ['it matches, but had nothing to answer (a spy, a sink, a depleted stream)']
    volatile = [repr(part) for part in rule.criteria.parts() if part.volatile]
    if volatile:
        return 0.5, rule, [f'{" and ".join(volatile)} did not hold when the request arrived']
    return 0.5, rule, ['the request is not among those of the slice']


def _distance(part: Criteria, request: Request) -> float:
    """What a mismatch counts: a similar path is nearer than another one, and another path farther than most else."""
    if part.exact_path is not None:
        path = request_path(request)
        common = sum(1 for _ in itertools.takewhile(bool, map(operator.eq, part.exact_path, path)))
        return 3 - 2 * common / max(len(part.exact_path), len(path), 1)
    return 3 if isinstance(part, PathCriteria | ResourceCriteria) else 1


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_VALUE else f'{shown[: _SHOWN_VALUE - 1]}…'


@functools.singledispatch
def describe_miss(part: Criteria, request: Request) -> str:
    """Say on what value the criterion failed. One registered function a kind."""
    return f'{part!r} does not hold'


@describe_miss.register
def _(part: MethodCriteria, request: Request) -> str:
    return f'the method is {request.method.lower()!r}, not {part!r}'


@describe_miss.register
def _(part: PathCriteria, request: Request) -> str:
    return f'the path is {_short(request_path(request))}, not {part!r}'


@describe_miss.register
def _(part: FieldsCriteria, request: Request) -> str:
    failed = []
    for key, written in part.pairs:
        values = part.values(request, key)
        if not texts_test(written)(values):
            seen = ' and '.join(_short(value) for value in values) or 'absent'
            failed.append(f'{part.word}[{key!r}] is {seen}, not {_wanted(written)}')
    return '; '.join(failed)


def _wanted(written: object) -> str:
    if written is None:
        return 'absent'
    return 'present' if written is ... else _short(written)


@describe_miss.register
def _(part: DataCriteria, request: Request) -> str:
    return '; '.join(_json_misses(part.written, request.data, 'data')) or f'the data is no {part!r}'


def _json_misses(written: Any, value: Any, where: str) -> Iterator[str]:
    if json_test(written)(value):
        return
    if not isinstance(written, Mapping) or not isinstance(value, Mapping):
        yield f'{where} is {_short(value)}, not {_wanted(written)}'
        return
    for key, each in written.items():
        if key in value:
            yield from _json_misses(each, value[key], f'{where}[{key!r}]')
        elif each is not None:
            yield f'{where}[{key!r}] is absent, not {_wanted(each)}'


@describe_miss.register
def _(part: TextCriteria, request: Request) -> str:
    return f'the text is {_short(request.text)}, not {part!r}'


@describe_miss.register
def _(part: BodyCriteria, request: Request) -> str:
    return f'the body is {_short(request.body)}, not {part!r}'


@describe_miss.register
def _(part: StrCriteria, request: Request) -> str:
    return f'neither the method {request.method.lower()!r} nor the text {_short(request.text)} is {part!r}'


@describe_miss.register
def _(part: DictCriteria, request: Request) -> str:
    return f'{_short(part.written)} is neither in the headers, the cookies, the params nor the data'


@describe_miss.register
def _(part: ActionCriteria, request: Request) -> str:
    return f'the action is {None if request.action is None else request.action.value!r}, not {part!r}'


@describe_miss.register
def _(part: ResourceCriteria, request: Request) -> str:
    return f'the resource is {None if request.resource is None else str(request.resource)!r}, not {part!r}'


@describe_miss.register
def _(part: NameCriteria, request: Request) -> str:
    return f'the {part.word} is {getattr(request, part.word)!r}, not {part.written!r}'


@describe_miss.register
def _(part: Or, request: Request) -> str:
    return f'none of {part!r} holds'


@describe_miss.register
def _(part: Not, request: Request) -> str:
    return f'it is among {part!r}, which are left out'
