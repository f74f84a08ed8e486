"""Views: what brackets, operators and slices make of a handler's requests; the hooks on which rules hang.

A view is a sequence of the requests seen that belong to it, in order of arrival, and is kept up as more arrive.
There are three ways in which a view knows its requests:

- *plain*: the criteria look at the request alone, so the log is read on from where it was left when it is asked;
- *stateful*: slices count, and callables, events and futures change their minds, so each request is judged when it
  arrives; what had arrived before the view was written is judged once, when it is written;
- *looking back*: negative slices, and views of what a rule served, are worked out anew from what has been seen.
  They can't be given payloads, since no request can be judged by them when it arrives.
"""

import contextlib
import enum
import functools
import math
import operator
import threading
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from types import EllipsisType
from typing import Any, NoReturn, overload

from kmock.errors import KMockError
from kmock.messages import Request
from kmock.rules.book import FALLBACK, OVERRIDE, Gate, Rule, RuleBook
from kmock.rules.criteria import EVERYTHING, And, Criteria, Not, Or, conjunction
from kmock.rules.payloads import Item, Payload, Poured, read_payload
from kmock.rules.reading import read_criteria
from kmock.rules.sinks import read_sink

__all__ = [
    'AndGroup',
    'Chained',
    'Exclusion',
    'Filter',
    'Group',
    'OrGroup',
    'Priority',
    'Reaction',
    'Root',
    'Slicer',
    'Stream',
    'View',
]


class Way(enum.IntEnum):
    """How a view knows its requests. Of several views together, the greatest one."""

    PLAIN = 0
    STATEFUL = 1
    LOOKING_BACK = 2


class View(Sequence[Request]):
    """Some of a handler's requests: a sequence to assert on, and what payloads and sinks are written to."""

    __slots__ = ()

    # Names have underscores because handlers are views, and users derive classes from handlers.
    @property
    def _rulebook(self) -> RuleBook:
        raise NotImplementedError

    _way = Way.PLAIN
    _criteria: Criteria = EVERYTHING
    _priority: tuple[float, ...] = ()

    def _requests(self) -> Sequence[Request]:
        """Those that belong to the view; the caller must not change them."""
        raise NotImplementedError

    def _holds(self, request: Request) -> bool:
        """Whether a request of the handler that has arrived belongs to the view. Not for those that look back."""
        raise NotImplementedError

    def _by_book(self) -> dict[RuleBook, 'View']:
        """The view for each handler."""
        return {self._rulebook: self}

    def _lock(self) -> contextlib.AbstractContextManager[Any]:
        return self._rulebook.journal.lock

    # --- a sequence of requests

    @overload
    def __getitem__(self, key: int, /) -> Request: ...
    @overload
    def __getitem__(self, key: slice, /) -> 'Slicer': ...
    @overload
    def __getitem__(self, key: EllipsisType, /) -> 'Stream': ...
    @overload
    def __getitem__(self, key: Any, /) -> 'Filter': ...
    def __getitem__(self, key: Any, /) -> Any:
        if isinstance(key, int) and not isinstance(key, bool):
            with self._lock():
                requests = self._requests()
                try:
                    return requests[key]
                except IndexError:
                    raise IndexError(f'{label(self)} has seen {len(requests)} requests; there is no [{key}].') from None
        return self._narrowed(key)

    def _narrowed(self, key: Any) -> 'View':
        if key is ...:
            return Stream(self)
        return Slicer(self, key) if isinstance(key, slice) else Filter(self, key)

    def __len__(self) -> int:
        with self._lock():
            return len(self._requests())

    def __iter__(self) -> Iterator[Request]:
        with self._lock():
            return iter(list(self._requests()))

    def __reversed__(self) -> Iterator[Request]:
        return reversed(list(self))

    async def __aiter__(self) -> AsyncIterator[Request]:
        for request in self:
            yield request

    def __bool__(self) -> bool:
        return len(self) > 0

    def __contains__(self, request: object) -> bool:
        return any(each is request for each in self)

    # --- views of views

    def __or__(self, other: 'View') -> 'View':
        return self._grouped(OrGroup, other)

    def __and__(self, other: 'View') -> 'View':
        return self._grouped(AndGroup, other)

    def __sub__(self, other: 'View') -> 'View':
        return self._grouped(Exclusion, other)

    def __ror__(self, other: object) -> NoReturn:
        raise _no_view(f'{_show(other)} | {label(self)}', other)

    def __rand__(self, other: object) -> NoReturn:
        raise _no_view(f'{_show(other)} & {label(self)}', other)

    def __rsub__(self, other: object) -> NoReturn:
        raise _no_view(f'{_show(other)} - {label(self)}', other)

    def _grouped(self, kind: 'type[Group]', other: 'View') -> 'View':
        if not isinstance(other, View):
            raise _no_view(f'{label(self)} {kind.sign} {_show(other)}', other)
        books = {*self._by_book(), *other._by_book()}
        if len(books) > 1:
            from kmock.rules.joint import join  # views of several handlers consist of views: each needs the other

            return join(kind.sign, self, other)
        return kind(self, other)

    def __invert__(self) -> 'View':
        return Exclusion(Root(self._rulebook), self)

    def __pow__(self, priority: float) -> 'Priority':
        return Priority(self, priority)

    @property
    def override(self) -> 'Priority':
        """The same with the highest priority: asked before all others."""
        return Priority(self, OVERRIDE)

    @property
    def fallback(self) -> 'Priority':
        """The same with the lowest priority: asked after all else, cassettes and clusters included."""
        return Priority(self, FALLBACK)

    # --- rules

    def __setitem__(self, key: Any, written: object) -> NoReturn:
        view = f'{label(self)}[{_shown_key(key)}]'
        if isinstance(written, Reaction):  # by `<<=`: what it was grown by is a rule already
            sign, value = written._written[-1]
            raise TypeError(
                f'{view} {sign}= {_show(value)} would assign to a view. Write {view} {sign} {_show(value)}.'
            )
        raise TypeError(f'{view} = {_show(written)} would assign to a view. Write {view} << {_show(written)}.')

    def __lshift__(self, payload: Any) -> 'Reaction':
        return self._write(read_payload(payload), '<<', payload)

    def __rshift__(self, sink: Any) -> 'Reaction':
        return self._write(Poured(read_sink(sink)), '>>', sink)

    def _write(self, item: Item, sign: str, written: Any) -> 'Reaction':
        """Write what was read from what stood behind the sign."""
        return Reaction(self, Payload.EMPTY.grown(item), ((sign, written),))


class Root(View):
    """All requests of a handler."""

    __slots__ = ('_book',)

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    @property
    def _rulebook(self) -> RuleBook:
        return self._book

    def _requests(self) -> Sequence[Request]:
        return self._book.journal.entries

    def _holds(self, request: Request) -> bool:
        return True

    def __repr__(self) -> str:
        return 'kmock'


class _Kept(View):
    """A view that keeps its requests."""

    __slots__ = ('__weakref__', '_book', '_criteria', '_ids', '_place', '_priority', '_seen', '_way')

    def __init__(self, book: RuleBook, way: Way, criteria: Criteria, priority: tuple[float, ...]) -> None:
        self._book = book
        self._way = way
        self._criteria = criteria
        self._priority = priority
        self._seen: list[Request] = []
        self._place = 0
        self._ids: set[int] = set()
        if criteria.needs_body:
            book.journal.read_for(self, criteria)
        if way is Way.STATEFUL:
            self._register()

    def _register(self) -> None:
        self._book.journal.watch(self, self._criteria)

    @property
    def _rulebook(self) -> RuleBook:
        return self._book

    def _verdict(self, request: Request) -> bool:
        """Judge a request of a stateful view: called once for each, in order of arrival."""
        raise NotImplementedError

    def _look_back(self) -> Sequence[Request]:
        """Work the requests out, for a view that looks back."""
        raise NotImplementedError

    def judge(self, request: Request) -> None:
        """Called by the journal when a request arrives."""
        if self._verdict(request):
            self._seen.append(request)
            self._ids.add(request.id)

    def _requests(self) -> Sequence[Request]:
        if self._way is Way.LOOKING_BACK:
            return self._look_back()
        if self._way is Way.PLAIN:
            journal = self._book.journal
            fresh = journal.entries[max(0, self._place - journal.dropped) :]
            self._seen.extend(request for request in fresh if self._criteria.matches(request))
            self._place = journal.dropped + len(journal.entries)
        return self._seen

    def _holds(self, request: Request) -> bool:
        return request.id in self._ids if self._way is Way.STATEFUL else self._criteria.matches(request)


class Chained(_Kept):
    """A view that narrows another one down, or marks it."""

    __slots__ = ('_parent',)

    def __init__(self, parent: View, way: Way, criteria: Criteria, priority: tuple[float, ...]) -> None:
        self._parent = parent
        super().__init__(parent._rulebook, max(parent._way, way), criteria, priority)


class Filter(Chained):
    """`view[criteria]`."""

    __slots__ = ('_own', '_written')

    def __init__(self, parent: View, written: Any) -> None:
        self._written = written
        self._own = read_criteria(written)
        way = Way.STATEFUL if self._own.volatile else Way.PLAIN
        super().__init__(parent, way, conjunction(parent._criteria, self._own), parent._priority)

    def _verdict(self, request: Request) -> bool:
        return self._parent._holds(request) and self._own.matches(request)

    def _look_back(self) -> Sequence[Request]:
        return [request for request in self._parent._requests() if self._own.matches(request)]

    @staticmethod
    def show(written: Any) -> str:
        """What stood in brackets."""
        return ', '.join(map(_show, written)) if isinstance(written, tuple) and written else _show(written)

    def __repr__(self) -> str:
        return f'{label(self._parent)}[{self.show(self._written)}]'


def label(view: View) -> str:
    """The view as it is shown within another one: handlers, however they show themselves, are `kmock`."""
    if isinstance(view, Root):
        return 'kmock'
    return f'({view!r})' if isinstance(view, Reaction) else repr(view)


def _no_view(expression: str, other: object) -> TypeError:
    shown = _show(other)
    return TypeError(f'{expression}: {shown} is no view. If it is a criterion, put it in brackets: kmock[{shown}].')


def _shown_key(key: Any) -> str:
    return Slicer.show(key) if isinstance(key, slice) else Filter.show(key)


def _show(written: Any) -> str:
    """A value as the user wrote it, or nearly so."""
    if written is ...:
        return '...'
    if isinstance(written, tuple):
        return f'({", ".join(map(_show, written))}{"," if len(written) == 1 else ""})'
    if isinstance(written, set | frozenset):
        return f'{{{", ".join(sorted(map(_show, written)))}}}'
    if isinstance(written, enum.Enum):
        return f'{type(written).__name__}.{written.name}'
    if callable(written) and hasattr(written, '__name__'):
        return str(written.__name__)
    return repr(written)


class Counter:
    """How many requests have been seen, maybe by several handlers, each in a thread of its own."""

    __slots__ = ('_count', '_lock')

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """The number of one more request, from 0."""
        with self._lock:
            number, self._count = self._count, self._count + 1
            return number


class Slicer(Chained):
    """`view[start:stop:step]`, by order of arrival within the view.

    As a part of a view over several handlers, it is given that whole view, and the counter that all parts share.
    """

    __slots__ = ('_counter', '_slice', '_whole')

    def __init__(self, parent: View, cut: slice, *, whole: View | None = None, counter: Counter | None = None) -> None:
        for bound in (cut.start, cut.stop, cut.step):
            if bound is not None and not isinstance(bound, int):
                raise ValueError(f'{bound!r} is no bound of a slice: a view is sliced by numbers of requests.')
        if cut.step == 0:
            raise ValueError('The step of a slice can not be zero.')
        self._slice = cut
        self._whole = whole
        self._counter = counter or Counter()
        negative = any(bound is not None and bound < 0 for bound in (cut.start, cut.stop, cut.step))
        way = Way.LOOKING_BACK if negative else Way.STATEFUL
        super().__init__(parent, way, parent._criteria, parent._priority)

    def _verdict(self, request: Request) -> bool:
        if not self._parent._holds(request):
            return False
        number = self._counter.next()
        start, stop, step = self._slice.start or 0, self._slice.stop, self._slice.step or 1
        return number >= start and (stop is None or number < stop) and (number - start) % step == 0

    def _look_back(self) -> Sequence[Request]:
        if self._whole is None:
            return self._parent._requests()[self._slice]
        own = {request.id for request in self._parent._requests()}
        return [request for request in self._whole._requests()[self._slice] if request.id in own]

    @staticmethod
    def show(cut: slice) -> str:
        """What stood in brackets."""
        bounds = [cut.start, cut.stop] if cut.step is None else [cut.start, cut.stop, cut.step]
        return ':'.join('' if bound is None else str(bound) for bound in bounds)

    def _register(self) -> None:
        if self._whole is None:
            super()._register()  # else that is up to the whole: what has arrived is judged by all parts in turn

    def __repr__(self) -> str:
        return f'{label(self._parent)}[{self.show(self._slice)}]'


class Priority(Chained):
    """`view ** priority`; also `.override` and `.fallback`."""

    __slots__ = ()

    def __init__(self, parent: View, priority: float) -> None:
        if isinstance(priority, bool) or not isinstance(priority, int | float) or math.isnan(priority):
            raise ValueError(f'{priority!r} is no priority: it must be a number; the higher, the earlier asked.')
        super().__init__(parent, Way.PLAIN, parent._criteria, (*parent._priority, float(priority)))

    def _verdict(self, request: Request) -> bool:
        return self._parent._holds(request)

    def _look_back(self) -> Sequence[Request]:
        return self._parent._requests()

    def __repr__(self) -> str:
        match self._priority[-1]:
            case x if x == OVERRIDE:
                return f'{label(self._parent)}.override'
            case x if x == FALLBACK:
                return f'{label(self._parent)}.fallback'
        return f'({label(self._parent)} ** {self._priority[-1]:g})'


class Group(_Kept):
    """Several views of one handler together. A group has the priority that all of its views have, else none."""

    __slots__ = ('_members',)

    sign = ''

    def __init__(self, *members: View) -> None:
        self._members = members
        priorities = {member._priority for member in members}
        super().__init__(
            members[0]._rulebook,
            max(member._way for member in members),
            self._combined(members),
            priorities.pop() if len(priorities) == 1 else (),
        )

    @staticmethod
    def _combined(members: tuple[View, ...]) -> Criteria:
        """The criteria that a request must meet at least; exact if all members are plain."""
        raise NotImplementedError

    def _look_back(self) -> Sequence[Request]:
        known = [{request.id: request for request in member._requests()} for member in self._members]
        ids = self._combine_ids([known_ids.keys() for known_ids in known])
        places = {request.id: place for place, request in enumerate(self._book.journal.entries)}
        merged = {key: value for some in known for key, value in some.items() if key in ids}
        return sorted(merged.values(), key=lambda request: places.get(request.id, -1))

    def _combine_ids(self, ids: list[Any]) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f'({f" {self.sign} ".join(map(label, self._members))})'


class OrGroup(Group):
    """`view | view`."""

    __slots__ = ()
    sign = '|'

    @staticmethod
    def _combined(members: tuple[View, ...]) -> Criteria:
        return Or(member._criteria for member in members)

    def _verdict(self, request: Request) -> bool:
        return any(member._holds(request) for member in self._members)

    def _combine_ids(self, ids: list[Any]) -> Any:
        return functools.reduce(operator.or_, ids)


class AndGroup(Group):
    """`view & view`."""

    __slots__ = ()
    sign = '&'

    @staticmethod
    def _combined(members: tuple[View, ...]) -> Criteria:
        # Not merged: views that have no request in common are two views with an empty one between them.
        return And(part for member in members for part in member._criteria.parts())

    def _verdict(self, request: Request) -> bool:
        return all(member._holds(request) for member in self._members)

    def _combine_ids(self, ids: list[Any]) -> Any:
        return functools.reduce(operator.and_, ids)


class Exclusion(Group):
    """`view - view`, and `~view` for all but those of the view."""

    __slots__ = ()
    sign = '-'

    @staticmethod
    def _combined(members: tuple[View, ...]) -> Criteria:
        kept, left_out = members
        # What a stateful view leaves out is not told by its criteria.
        if left_out._way is not Way.PLAIN:
            return kept._criteria
        return And((*kept._criteria.parts(), Not((left_out._criteria,))))

    def _verdict(self, request: Request) -> bool:
        kept, left_out = self._members
        return kept._holds(request) and not left_out._holds(request)

    def _combine_ids(self, ids: list[Any]) -> Any:
        return ids[0] - ids[1]

    def __repr__(self) -> str:
        return f'~{label(self._members[1])}' if type(self._members[0]) is Root else super().__repr__()


class Reaction(View):
    """`view << payload`, `view >> sink`: a rule, and as a sequence the requests that it served.

    Further `<<` and `>>` replace the rule by a longer one; keep the last reaction to assert on it.
    """

    __slots__ = ('_rule', '_view', '_written')

    _way = Way.LOOKING_BACK

    def __init__(
        self, view: View, payload: Payload, written: tuple[tuple[str, Any], ...], replaced: Rule | None = None
    ) -> None:
        if view._way is Way.LOOKING_BACK:
            raise ValueError(
                f'{label(view)} is known only when one looks back, so nothing can be answered by it. '
                'Write the payload to a view without negative bounds, and not to the requests that a rule served.'
            )
        self._view = view
        self._written = written
        if replaced is not None:
            self._rule = self._rulebook.replace(replaced, payload)
        else:
            stateful = view._way is Way.STATEFUL
            holds = view._holds if stateful or isinstance(view, Root) else view._criteria.matches
            gate = Gate(
                criteria=view._criteria,
                priority=view._priority,
                stateful=stateful,
                holds=holds,
                show=functools.partial(label, view),
            )
            self._warn_if_hidden(gate)
            self._rule = self._rulebook.add(gate, payload)

    def _warn_if_hidden(self, gate: Gate) -> None:
        """Most likely it was to feed the stream that waits: nothing will ever come to this rule."""
        sign, written = self._written[0]
        if sign == '<<' and self._rulebook.hiding(gate):
            view, shown = label(self._view), _show(written)
            warnings.warn(
                f'{view} << {shown} will never be asked: a rule written before answers the same requests, and a stream '
                f'of it waits. Feed that: {view}[...] << {shown}; or come before it: {view} ** 1 << {shown}.',
                stacklevel=5,
            )

    @property
    def _rulebook(self) -> RuleBook:
        return self._view._rulebook

    def _requests(self) -> Sequence[Request]:
        return self._rule.served

    def _write(self, item: Item, sign: str, written: Any) -> 'Reaction':
        payload = self._rule.payload.grown(item, stacklevel=4)
        return Reaction(self._view, payload, (*self._written, (sign, written)), self._rule)

    def __repr__(self) -> str:
        return ' '.join([label(self._view), *(f'{sign} {_show(written)}' for sign, written in self._written)])


class Stream(View):
    """`view[...]`: feeds the live streams of the view's requests, and as a sequence those that wait at this moment.

    A fed payload takes the place of the `...` at which a stream waits; unless it has a `...` itself, the stream then
    goes on to its end. One that was fed a new `...` waits on, also while it sends what comes before that.
    What is fed without a pause in between is one batch.
    """

    __slots__ = ('_view',)

    _way = Way.LOOKING_BACK

    def __init__(self, view: View) -> None:
        self._view = view

    @property
    def _rulebook(self) -> RuleBook:
        return self._view._rulebook

    def _requests(self) -> Sequence[Request]:
        waiting = self._rulebook.live.requests()
        if self._view._way is not Way.LOOKING_BACK:
            return [request for request in waiting if self._view._holds(request)]
        ids = {request.id for request in self._view._requests()}
        return [request for request in waiting if request.id in ids]

    def __lshift__(self, payload: Any) -> 'Stream':  # type: ignore[override]
        return self._write(read_payload(payload), '<<', payload)

    def _write(self, item: Item, sign: str, written: Any) -> 'Stream':  # type: ignore[override]
        if not self._rulebook.open:
            raise KMockError(
                f'{self!r} can not be fed: its handler is not running, so no stream waits. Enter it with `async with`.'
            )
        with self._rulebook.journal.lock:
            self._rulebook.live.put(item, self._requests())
        return self

    def __rshift__(self, sink: Any) -> 'Reaction':
        raise ValueError(
            f'{self!r} takes what is fed with <<. Write sinks to the view itself: {label(self._view)} >> …'
        )

    def __repr__(self) -> str:
        return f'{label(self._view)}[...]'
