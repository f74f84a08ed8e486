"""The log of requests in order of arrival, and the index by which rules and views are found for a request."""

import bisect
import collections
import operator
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from kmock.messages import Request
from kmock.rules.criteria import Criteria, may_match, request_path

__all__ = ['Index', 'Journal', 'Judge']


class _Keyed(Protocol):
    @property
    def key(self) -> tuple[float, ...]:
        """The order among all entries; no two are equal."""

    @property
    def criteria(self) -> Criteria:
        """What a request must meet at least."""


K = TypeVar('K', bound=_Keyed)
_key: Callable[[_Keyed], tuple[float, ...]] = operator.attrgetter('key')


class Index(Generic[K]):
    """Entries in the order of their keys, found by exact method and path. The lists that it gives are never changed."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], list[K]] = {}
        self._paths: dict[str, list[K]] = {}
        self._others: list[K] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[K]:
        lists = [*self._exact.values(), *self._paths.values(), self._others]
        return iter(sorted((each for some in lists for each in some), key=_key))

    def add(self, entry: K) -> None:
        present = self._list(entry)
        place = bisect.bisect_left(present, entry.key, key=_key)
        self._store(entry, [*present[:place], entry, *present[place:]])
        self._size += 1

    def remove(self, entry: K) -> bool:
        """Take the entry out; False if it is not in."""
        present = self._list(entry)
        place = bisect.bisect_left(present, entry.key, key=_key)
        if place == len(present) or present[place] is not entry:
            return False
        self._store(entry, [*present[:place], *present[place + 1 :]])
        self._size -= 1
        return True

    def candidates(self, request: Request) -> list[K]:
        """The entries that could match, in order. All that have neither this path nor no exact one are left out."""
        if not self._exact and not self._paths:
            return self._others
        path = request_path(request)
        lists = [
            some
            for some in (self._exact.get((request.method.upper(), path)), self._paths.get(path), self._others)
            if some
        ]
        if len(lists) == 1:
            return lists[0]
        return sorted((each for some in lists for each in some), key=_key)

    def _list(self, entry: K) -> list[K]:
        method, path = entry.criteria.exact_method, entry.criteria.exact_path
        if path is None:
            return self._others
        return (self._paths.get(path) if method is None else self._exact.get((method, path))) or []

    def _store(self, entry: K, entries: list[K]) -> None:
        method, path = entry.criteria.exact_method, entry.criteria.exact_path
        if path is None:
            self._others = entries
        elif method is None:
            self._paths[path] = entries
        else:
            self._exact[method, path] = entries


class Judge(Protocol):
    """Something that takes its verdict on a request when it arrives."""

    def judge(self, request: Request) -> None:
        """Take the verdict, and remember it."""


class _Watch:
    """A judge in the index, as long as somebody else holds it."""

    __slots__ = ('__weakref__', 'criteria', 'judge', 'key')

    def __init__(self, key: tuple[float, ...], criteria: Criteria, judge: 'weakref.ref[Judge]') -> None:
        self.key = key
        self.criteria = criteria
        self.judge = judge


class Journal:
    """All requests (or the last `limit`) in order of arrival; judges are asked about each one, once.

    `lock` guards the log, the rules and the views: tests may write and assert from a thread of their own.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.lock = threading.RLock()
        self.limit = limit
        self.entries: list[Request] = []
        self.dropped = 0
        """How many entries have been forgotten; the absolute place of `entries[0]`."""
        self._watches: Index[_Watch] = Index()
        self._readers: Index[_Watch] = Index()
        # A view goes in any thread, and amid anything: whoever takes a lock there may wait for himself.
        self._gone: collections.deque[tuple[Index[_Watch], _Watch]] = collections.deque()
        self._written = 0

    def append(self, request: Request) -> list[Exception]:
        """Log the request and let it be judged. Gives what judges raised, the same error of several judges once."""
        errors: list[Exception] = []
        with self.lock:
            self._forget_gone()
            self.keep(request)
            if self._watches:
                for watch in self._watches.candidates(request):
                    judge = watch.judge()
                    try:
                        if judge is not None:
                            judge.judge(request)
                    except Exception as exc:
                        if not any(type(exc) is type(each) and exc.args == each.args for each in errors):
                            errors.append(exc)
        return errors

    def keep(self, request: Request) -> None:
        """Log the request, and forget the oldest one beyond the limit."""
        self.entries.append(request)
        if self.limit is not None and len(self.entries) > self.limit:
            excess = len(self.entries) - self.limit
            del self.entries[:excess]
            self.dropped += excess

    def watch(self, judge: Judge, criteria: Criteria, *, anew: bool = False) -> None:
        """Have the judge asked about what has arrived (but for `anew`), and then about what arrives and may fit."""
        with self.lock:
            for request in () if anew else self.entries:
                judge.judge(request)
            self._enter(self._watches, judge, criteria)

    def read_for(self, reader: Judge, criteria: Criteria) -> None:
        """Remember that somebody wants the bodies of requests that meet the criteria, as long as he lives."""
        self._enter(self._readers, reader, criteria)

    def wants_body(self, request: Request) -> bool:
        """Whether a view that exists needs the body of this request."""
        if not self._readers:
            return False
        with self.lock:
            return any(
                watch.judge() is not None and may_match(watch.criteria, request)
                for watch in self._readers.candidates(request)
            )

    def _enter(self, index: Index[_Watch], judge: Judge, criteria: Criteria) -> None:
        with self.lock:
            self._forget_gone()
            self._written += 1

            def leave(_: object) -> None:
                self._gone.append((index, watch))

            watch = _Watch((self._written,), criteria, weakref.ref(judge, leave))
            index.add(watch)

    def _forget_gone(self) -> None:
        while self._gone:
            index, watch = self._gone.popleft()
            index.remove(watch)
