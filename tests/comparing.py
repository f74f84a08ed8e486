"""The comparison of two cassettes: the same requests, answers, chunk borders and endings; in words where they differ.

What may differ, as the traffic passes through a proxy or a replay:
- Host and Authorization, times, ids, and the texts of errors: of a failed exchange only the outcome counts;
- chunk borders of bodies with a fixed length, and those inside a chunk over 16 KiB: there, only the bytes count;
- the border of a chunk that broke off: nobody knows how long it would have become;
- all of an exchange recorded as 304: the proxy asks without conditions, and records the full answer.
"""

import collections
import difflib
import hashlib
from collections.abc import Iterator, Sequence

from kmock.recording.cassette import Cassette, Exchange

__all__ = ['compare_cassettes', 'compare_exchanges']

UNCOMPARED_HEADERS = frozenset({'host', 'authorization'})
LARGE_BYTES = 16 * 1024
SHOWN = 60


def compare_cassettes(expected: Cassette, actual: Cassette) -> list[str]:
    """Tell how the actual cassette differs from the expected one, a line each; an empty list if it does not.

    Exchanges are paired by what was asked, equal ones in order. The order of others counts where they did not overlap.
    """
    wanted, found = _by_question(expected), _by_question(actual)
    differences = []
    pairs: list[tuple[Exchange, Exchange]] = []
    for question, exchanges in wanted.items():
        others = found.pop(question, [])
        pairs += zip(exchanges, others, strict=False)
        if len(exchanges) != len(others):
            differences.append(f'{_name(exchanges[0])}: {len(others)} times instead of {len(exchanges)}')
    differences += [f'{_name(others[0])}: {len(others)} times, but never expected' for others in found.values()]
    for one, other in pairs:
        differences += [f'{_name(one)}: {line}' for line in compare_exchanges(one, other)]
    return differences + list(_compare_order(pairs))


def compare_exchanges(expected: Exchange, actual: Exchange) -> list[str]:
    """Tell how two exchanges that asked the same differ in all else."""
    differences = list(_compare_headers('request', expected.request.headers, actual.request.headers))
    if expected.response is not None and expected.response.status == 304:
        return differences
    if expected.outcome is not actual.outcome:
        differences.append(f'ended {actual.outcome} instead of {expected.outcome}')
    if expected.response is None or actual.response is None:
        if expected.response is not actual.response:
            differences.append(f'response {actual.response} instead of {expected.response}')
        return differences
    for field in ('status', 'reason'):
        one, other = getattr(expected.response, field), getattr(actual.response, field)
        if one != other:
            differences.append(f'{field} {other!r} instead of {one!r}')
    differences += _compare_headers('response', expected.response.headers, actual.response.headers)
    differences += _compare_bodies(expected, actual)
    return differences


def _by_question(cassette: Cassette) -> dict[tuple[str, str, bytes], list[Exchange]]:
    groups = collections.defaultdict(list)
    for exchange in cassette.exchanges:
        digest = hashlib.sha256(exchange.request_body() or b'').digest()
        groups[exchange.method, exchange.target, digest].append(exchange)
    return dict(groups)


def _name(exchange: Exchange) -> str:
    return f'#{exchange.id} {exchange.method} {exchange.target}'


def _compare_headers(
    where: str, expected: Sequence[tuple[str, str]], actual: Sequence[tuple[str, str]]
) -> Iterator[str]:
    one, other = (
        [f'{name}: {value}' for name, value in headers if name.lower() not in UNCOMPARED_HEADERS]
        for headers in (expected, actual)
    )
    if one != other:
        changes = [line for line in difflib.ndiff(one, other) if line[0] in '+-']
        yield f'{where} headers: {"; ".join(changes)}'


def _compare_bodies(expected: Exchange, actual: Exchange) -> Iterator[str]:
    one, other = expected.body(), actual.body()
    if one != other:
        place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        yield (
            f'body of {len(other)} bytes instead of {len(one)}, they part at {place}: '
            f'{other[place : place + SHOWN]!r} instead of {one[place : place + SHOWN]!r}'
        )
    elif _is_chunked(expected):
        wanted, found = _borders(expected), _borders(actual)
        exempt = _exempt_borders(expected, wanted ^ found)
        lacking, extra = sorted(wanted - found - exempt), sorted(found - wanted - exempt)
        if lacking or extra:
            yield (f'chunk borders: lacks {lacking[:SHOWN]}, has {extra[:SHOWN]} besides {len(wanted & found)} others')


def _is_chunked(exchange: Exchange) -> bool:
    assert exchange.response is not None
    return 'content-length' not in {name.lower() for name, _ in exchange.response.headers}


def _borders(exchange: Exchange) -> set[int]:
    """Where HTTP chunks end, counted in bytes from the beginning of the body."""
    borders, position = set(), 0
    for chunk in exchange.chunks():
        position += len(chunk.data)
        if not chunk.partial:
            borders.add(position)
    return borders


def _exempt_borders(exchange: Exchange, borders: set[int]) -> set[int]:
    """Those of the borders that need not agree: inside a large chunk, and after a chunk that broke off."""
    exempt, start, position, partial = set(), 0, 0, False
    for chunk in exchange.chunks():
        position += len(chunk.data)
        partial = chunk.partial
        if not partial:
            if position - start > LARGE_BYTES:
                exempt |= {border for border in borders if start < border < position}
            start = position
    return exempt | {position} if partial else exempt


def _compare_order(pairs: Sequence[tuple[Exchange, Exchange]]) -> Iterator[str]:
    """What ended before something else began must also have begun before it."""
    starts = [(one.at_us, again.at_us) for one, again in pairs]
    ends = [end.at_us if (end := one.end) is not None else None for one, _ in pairs]
    for i, (one, _) in enumerate(pairs):
        for j, (other, _) in enumerate(pairs):
            end = ends[i]
            if end is not None and end < starts[j][0] and starts[i][1] > starts[j][1]:
                yield f'{_name(one)}: came after {_name(other)}, not before it'
