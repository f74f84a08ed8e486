"""In what two questions differ, part by part: what people are told when nothing recorded answers."""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kmock.recording.questions.generated import JSON
from kmock.recording.questions.normalizing import Normalizer, Question, is_json_patch, join, pointer

__all__ = ['Difference', 'find_differences']


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where two questions differ; None is where there is nothing."""

    where: str
    recorded: str | None
    asked: str | None


def find_differences(
    normalizer: Normalizer, recorded: Question, asked: Question, *, limit: int = 50
) -> list[Difference]:
    """Where two questions differ, in the tight degree, the most telling parts first."""
    found: list[Difference] = []
    for where, one, other in (('method', recorded.method, asked.method), ('path', recorded.path, asked.path)):
        if one != other:
            found.append(Difference(where=where, recorded=one, asked=other))
    found += _pair_differences('query', recorded.query, asked.query)
    found += _pair_differences('header', recorded.headers, asked.headers)
    found += itertools.islice(_body_differences(normalizer, recorded.body, asked.body), limit)
    return found[:limit]


def _body_differences(normalizer: Normalizer, recorded: bytes | None, asked: bytes | None) -> Iterator[Difference]:
    if recorded is None or asked is None:
        if recorded is not asked:
            yield Difference(where='body', recorded=_sized(recorded), asked=_sized(asked))
        return
    one, other = normalizer.canonical(recorded), normalizer.canonical(asked)
    if isinstance(one, bytes) or isinstance(other, bytes):
        if one != other:
            yield Difference(where='body', recorded=_sized(recorded), asked=_sized(asked))
    elif is_json_patch(one) and is_json_patch(other) and _operations(one) == _operations(other):
        yield from _patch_differences(one, other)
    else:
        yield from _value_differences(one, other, '')


def _pair_differences(
    where: str, recorded: tuple[tuple[str, str], ...], asked: tuple[tuple[str, str], ...]
) -> Iterator[Difference]:
    one: dict[str, list[str]] = {}
    other: dict[str, list[str]] = {}
    for target, pairs in ((one, recorded), (other, asked)):
        for name, value in pairs:
            target.setdefault(name, []).append(value)
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield Difference(
                where=f'{where} {name}',
                recorded=_shown(', '.join(one[name])) if name in one else None,
                asked=_shown(', '.join(other[name])) if name in other else None,
            )


def _operations(patch: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(each['op'], each['path'], each.get('from'), 'value' in each) for each in patch]


def _patch_differences(recorded: Sequence[Any], asked: Sequence[Any]) -> Iterator[Difference]:
    """Where the values of the same operations differ, by the paths of the operations."""
    for one, other in zip(recorded, asked, strict=True):
        if 'value' in one:
            yield from _value_differences(one['value'], other['value'], '.'.join(pointer(one)))


def _value_differences(recorded: Any, asked: Any, path: str) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for name in sorted({*recorded, *asked}):
            inner = path if name == JSON else join(path, name)
            if name not in asked:
                yield Difference(where=f'body {inner}', recorded=_shown_json(recorded[name]), asked=None)
            elif name not in recorded:
                yield Difference(where=f'body {inner}', recorded=None, asked=_shown_json(asked[name]))
            else:
                yield from _value_differences(recorded[name], asked[name], inner)
    elif isinstance(recorded, list) and isinstance(asked, list) and len(recorded) == len(asked):
        for index, (one, other) in enumerate(zip(recorded, asked, strict=True)):
            yield from _value_differences(one, other, join(path, str(index)))
    elif json.dumps(recorded) != json.dumps(asked):  # 1 and true are different here
        where = f'body {path}' if path else 'body'
        yield Difference(where=where, recorded=_shown_json(recorded), asked=_shown_json(asked))


def _shown_json(value: Any) -> str:
    return _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    return re.sub(r'(?:\\u0000|\0)(\w+)', r'<\1>', text)


def _sized(body: bytes | None) -> str | None:
    return None if body is None else f'{len(body)} bytes'
