"""Two cassettes side by side: which requests agree in bytes and endings, and how far apart the timings are.

Exchanges are paired by the question that they ask (`normalizing.py`), those of one question in recorded order.
Times are compared within an exchange, as distances from its request; so what a client does in between does not count.
"""

import dataclasses
import hashlib
import math
from array import array
from collections.abc import Iterator, Sequence

from kmock.messages import Outcome
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.printable import display_width, shorten, shorten_middle
from kmock.recording.questions.normalizing import Normalizer
from kmock.recording.report import bar, count_text, duration_text

__all__ = ['Comparison', 'Pair', 'compare', 'figures_lines', 'side_by_side']

# When a client leaves is no matter of how it is answered.
_SERVER_ENDINGS = frozenset({Outcome.COMPLETE, Outcome.SERVER_CLOSED, Outcome.RESET, Outcome.ERROR})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same request in two recordings; None where one of them lacks it.

    `differs` says in words in what the answers differ: `status`, `bytes`, `ending`; empty if they agree.
    """

    first: int | None
    second: int | None
    differs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two recordings have in common.

    Attributes:
        pairs: in the order of the first recording, and then what only the second one has.
        moments: by how much each moment of an answer (its head, its chunks, its end) was earlier or later, in
            microseconds without a sign, ascending.
    """

    pairs: Sequence[Pair]
    moments: Sequence[int]

    @property
    def paired(self) -> int:
        """How many requests both have."""
        return sum(pair.first is not None and pair.second is not None for pair in self.pairs)

    @property
    def agreeing(self) -> int:
        """How many of them were answered with the same status, bytes, and ending."""
        return sum(pair.first is not None and pair.second is not None and not pair.differs for pair in self.pairs)

    @property
    def agrees(self) -> bool:
        """Whether each request of either recording is in the other, with the same answer."""
        return self.agreeing == len(self.pairs)

    def percentile_us(self, percent: float) -> int:
        """The difference in time that so many percent of the moments do not exceed; 0 if there are none."""
        if not self.moments:
            return 0
        return self.moments[max(0, math.ceil(len(self.moments) * percent / 100) - 1)]


def compare(first: Cassette, second: Cassette, *, ignore: Sequence[str] = ()) -> Comparison:
    """Pair the requests of two recordings, and compare the answers.

    Args:
        ignore: what does not make requests different, see `Normalizer`.
    """
    normalizer = Normalizer(ignore)
    left: dict[bytes, list[int]] = {}
    for index, exchange in enumerate(second.exchanges):
        left.setdefault(_key(normalizer, exchange), []).append(index)
    for queue in left.values():
        queue.reverse()
    pairs: list[Pair] = []
    moments: array[int] = array('q')
    for index, exchange in enumerate(first.exchanges):
        queue = left.get(_key(normalizer, exchange), [])
        other = queue.pop() if queue else None
        differs = () if other is None else _differences(exchange, second.exchanges[other], moments)
        pairs.append(Pair(first=index, second=other, differs=differs))
    pairs += [Pair(first=None, second=index) for index in sorted(index for queue in left.values() for index in queue)]
    return Comparison(pairs=pairs, moments=array('q', sorted(moments)))


def _key(normalizer: Normalizer, exchange: Exchange) -> bytes:
    request = exchange.request
    return normalizer.key(normalizer.ask(request.method, request.target, request.headers, exchange.request_body()))


def _differences(one: Exchange, other: Exchange, moments: 'array[int]') -> tuple[str, ...]:
    """In what two answers differ; adds the differences in time."""
    first, second = one.response, other.response
    if first is not None and second is not None:
        moments.append(abs((first.at_us - one.at_us) - (second.at_us - other.at_us)))
    statuses = [None if each is None else each.status for each in (first, second)]
    if statuses[0] != statuses[1]:
        return ('status',)
    found = [] if _body_digest(one) == _body_digest(other) else ['bytes']
    if not found:
        moments.extend(_chunk_moments(one, other))
    if one.outcome is not other.outcome:
        found.append('ending')
    elif one.outcome in _SERVER_ENDINGS and (end := one.end) is not None and (other_end := other.end) is not None:
        moments.append(abs((end.at_us - one.at_us) - (other_end.at_us - other.at_us)))
    return tuple(found)


def _body_digest(exchange: Exchange) -> bytes:
    digest = hashlib.sha256()
    for chunk in exchange.chunks():
        digest.update(chunk.data)
    return digest.digest()


def _chunk_moments(one: Exchange, other: Exchange) -> Iterator[int]:
    """The differences in time of those chunks that end at the same place of the body."""
    rest = _chunk_ends(other)
    position, elapsed_us = next(rest, (math.inf, 0))
    for place, at_us in _chunk_ends(one):
        while position < place:
            position, elapsed_us = next(rest, (math.inf, 0))
        if position == place:
            yield abs(at_us - elapsed_us)


def _chunk_ends(exchange: Exchange) -> Iterator[tuple[float, int]]:
    position = 0
    for chunk in exchange.chunks():
        position += len(chunk.data)
        if chunk.data and not chunk.partial:
            yield position, chunk.at_us - exchange.at_us


# --- words


def side_by_side(
    first: Cassette,
    second: Cassette,
    *,
    titles: tuple[str, str] = ('first', 'second'),
    width: int = 100,
    limit: int | None = None,
    comparison: Comparison | None = None,
) -> Iterator[str]:
    """Both timelines beside each other, a request in a line, and the figures below.

    Args:
        limit: show so many requests; the figures count all of them.
        comparison: of these two, if it has been made already.
    """
    comparison = compare(first, second) if comparison is None else comparison
    layout = _Layout(width, max(first.duration_us, second.duration_us))
    yield layout.title(titles)
    for pair in comparison.pairs[:limit]:
        yield layout.line(
            first.exchanges[pair.first] if pair.first is not None else None,
            second.exchanges[pair.second] if pair.second is not None else None,
            pair,
        )
    if limit is not None and len(comparison.pairs) > limit:
        yield f'… and {count_text(len(comparison.pairs) - limit, "more request")}'
    yield ''
    yield from figures_lines(comparison)


def figures_lines(comparison: Comparison) -> Iterator[str]:
    """How far two recordings agree, in two or three lines."""
    total = len(comparison.pairs)
    yield f'{comparison.agreeing:,} of {count_text(total, "request")} agree in status, bytes and ending'
    only_first = sum(pair.second is None for pair in comparison.pairs)
    only_second = sum(pair.first is None for pair in comparison.pairs)
    if only_first or only_second:
        yield f'{only_first:,} only in the first, {only_second:,} only in the second'
    yield (
        f'difference in time over {count_text(len(comparison.moments), "moment")}: '
        f'median {duration_text(comparison.percentile_us(50))}, '
        f'p99 {duration_text(comparison.percentile_us(99))}, max {duration_text(comparison.percentile_us(100))}'
    )


class _Layout:
    """The columns: what was asked, both halves with their times and bars, and whether they agree."""

    HALF = 8 + 1 + 8 + 1
    FIXED = 7 + 5 + 2 * (HALF + 3) + 10

    def __init__(self, width: int, span_us: int) -> None:
        flexible = max(width - self.FIXED, 36)
        self.bar = min(24, max(6, flexible // 5))
        self.target = flexible - 2 * self.bar
        self.half = self.HALF + self.bar
        self.span_us = span_us

    def title(self, titles: tuple[str, str]) -> str:
        one, other = (shorten(title, self.half).ljust(self.half) for title in titles)
        return f'{" " * (7 + self.target + 5)} │ {one} │ {other}'.rstrip()

    def line(self, one: Exchange | None, other: Exchange | None, pair: Pair) -> str:
        shown = one if one is not None else other
        if shown is None:
            raise ValueError('A pair has at least one exchange.')
        target = shorten_middle(shown.target, self.target)
        padding = ' ' * (self.target - display_width(target))
        response = shown.response
        status = '-' if response is None else str(response.status)
        verdict = ', '.join(pair.differs) if one is not None and other is not None else 'missing'
        return (
            f'{shorten(shown.method, 6):<6} {target}{padding} {status:>3} '
            f' │ {self._half(one)} │ {self._half(other)} {verdict or "="}'
        )

    def _half(self, exchange: Exchange | None) -> str:
        if exchange is None:
            return ' ' * self.half
        end = exchange.end
        end_us = end.at_us if end is not None else self.span_us
        took = duration_text(max(0, end_us - exchange.at_us))
        drawn = bar(exchange.at_us, end_us, self.span_us, self.bar)
        return f'{exchange.at_us / 1e6:>8.3f} {took:>8} {drawn}'
