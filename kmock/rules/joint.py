"""Views over several handlers: `kmock['get'] | other['get']`. Each consists of one view of each handler.

What is written to such a view is written to all of its parts; a payload is read once, so that all deplete one iterator.
Requests are in order of arrival over all handlers: their ids tell it. Slices count in this order, too.
"""

import contextlib
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kmock.messages import Request
from kmock.rules.book import FALLBACK, OVERRIDE, RuleBook
from kmock.rules.payloads import Item, Poured, read_payload
from kmock.rules.sinks import read_sink
from kmock.rules.views import Counter, Filter, Priority, Slicer, Stream, View, Way, label

__all__ = ['Joint', 'join']

_OPERATORS: dict[str, Callable[[View, View], View]] = {'|': operator.or_, '&': operator.and_, '-': operator.sub}


def join(sign: str, one: View, other: View) -> 'Joint':
    """What `|`, `&` or `-` makes of views that are not of one and the same handler."""
    mine, theirs = one._by_book(), other._by_book()
    combine = _OPERATORS[sign]
    common: list[View] = [combine(view, theirs[book]) for book, view in mine.items() if book in theirs]
    apart = [view for book, view in mine.items() if book not in theirs]
    match sign:
        case '|':
            parts = [*common, *apart, *(view for book, view in theirs.items() if book not in mine)]
        case '-':
            parts = [*common, *apart]
        case _:  # no request is one of two handlers
            parts = common or [Filter(view, False) for view in mine.values()]
    return Joint(parts, f'({label(one)} {sign} {label(other)})')


class Joint(View):
    """Some of several handlers' requests; see `View`."""

    __slots__ = ('_backwards', '_label', '_parts')

    def __init__(self, parts: Iterable[View], label: str, *, backwards: bool = False) -> None:
        self._parts = tuple(parts)
        self._label = label
        self._backwards = backwards

    def _by_book(self) -> dict[RuleBook, View]:
        return {part._rulebook: part for part in self._parts}

    def _lock(self) -> contextlib.AbstractContextManager[Any]:
        stack = contextlib.ExitStack()
        for book in sorted(self._by_book(), key=id):  # always in one order, or two views could wait for each other
            stack.enter_context(book.journal.lock)
        return stack

    def _requests(self) -> Sequence[Request]:
        requests = (each for part in self._parts for each in part._requests())
        return sorted(requests, key=operator.attrgetter('id'), reverse=self._backwards)

    def _map(self, change: Callable[[View], View], label: str) -> 'Joint':
        return Joint(map(change, self._parts), label, backwards=self._backwards)

    def _narrowed(self, key: Any) -> View:
        label = f'{self._label}[{Filter.show(key)}]'
        if key is ...:
            return self._map(Stream, label)
        if isinstance(key, slice):
            return self._sliced(key, f'{self._label}[{Slicer.show(key)}]')
        return self._map(lambda part: Filter(part, key), label)

    def _sliced(self, cut: slice, label: str) -> 'Joint':
        counter = Counter()
        with self._lock():
            slicers = [Slicer(part, cut, whole=self, counter=counter) for part in self._parts]
            slicer_of = {slicer._rulebook: slicer for slicer in slicers}
            if all(slicer._way is Way.STATEFUL for slicer in slicers):
                arrived = ((each.id, each, book) for book in slicer_of for each in book.journal.entries)
                for _, request, book in sorted(arrived, key=operator.itemgetter(0)):
                    slicer_of[book].judge(request)
                for slicer in slicers:
                    slicer._rulebook.journal.watch(slicer, slicer._criteria, anew=True)
        return Joint(slicers, label, backwards=self._backwards ^ (cut.step is not None and cut.step < 0))

    def __invert__(self) -> View:
        return self._map(operator.invert, f'~{self._label}')

    def __pow__(self, priority: float) -> View:  # type: ignore[override]
        return self._map(lambda part: Priority(part, priority), f'({self._label} ** {priority:g})')

    @property
    def override(self) -> View:  # type: ignore[override]
        return self._map(lambda part: Priority(part, OVERRIDE), f'{self._label}.override')

    @property
    def fallback(self) -> View:  # type: ignore[override]
        return self._map(lambda part: Priority(part, FALLBACK), f'{self._label}.fallback')

    def __lshift__(self, payload: Any) -> View:  # type: ignore[override]
        return self._write(read_payload(payload), '<<', payload)

    def __rshift__(self, sink: Any) -> View:  # type: ignore[override]
        return self._write(Poured(read_sink(sink)), '>>', sink)

    def _write(self, item: Item, sign: str, written: Any) -> View:  # type: ignore[override]
        return self._map(
            lambda part: part._write(item, sign, written), f'{self._label} {sign} {Filter.show((written,))}'
        )

    def __repr__(self) -> str:
        return self._label
