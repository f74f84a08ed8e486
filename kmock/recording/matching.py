"""Which recorded exchange answers a request. The nearest miss is explained in `refusals.py`.

Exchanges that ask the same question (`normalizing.py`) form a group. Within a group:

- they answer in recorded order, each once; past the end, reads get the last answer again, writes and watches none;
- of those that have not answered yet, one with exactly the asked `continue` token or resourceVersion goes first;
  a page of a list is also repeated for its exact token, as a token means the page after the one that issued it;
- a 304 answers only a client that has the content; for others, it stands for the full answer that it confirms.

If no group asks exactly that (tight) question, the groups of loosely equal questions are tried in the same way.
Upgraded connections (101) can't be replayed, and never match.

Nothing is kept of bodies but digests. Reads are indexed when their method and path are first asked for; writes
only as far as needed: the recorded order makes it likely that the next one asked is the next one recorded.
"""

import dataclasses
from array import array
from collections.abc import Callable, Iterator, Sequence

from kmock.naming import split_target
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.questions.normalizing import Normalizer, Question
from kmock.recording.questions.stable_heads import loose_path, uniform_path

__all__ = ['Match', 'Matcher']

Place = tuple[str, str]
"""A method and a path: what exchanges are shelved by."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The exchange that answers a request.

    Attributes:
        index: the place in the cassette of the exchange that is used up.
        exchange: what to answer with: that one, or if it is a 304 and the client needs the full answer, that answer.
        repeated: whether it has answered before.
        loose: whether the questions are equal only loosely.
    """

    index: int
    exchange: Exchange
    repeated: bool
    loose: bool


class Matcher:
    """Finds the exchange for each question, and remembers which ones have answered.

    Args:
        cassette: what was recorded; it stays open while the matcher is used.
        ignore: see `Normalizer`.
    """

    def __init__(self, cassette: Cassette, *, ignore: Sequence[str] = ()) -> None:
        self.cassette = cassette
        self.normalizer = Normalizer(ignore)
        self.uses = array('L', bytes(array('L').itemsize * len(cassette.exchanges)))
        """How often each exchange has answered."""
        self._tight: dict[Place, _Shelf] = {}
        self._loose: dict[Place, _Shelf] = {}
        for index, exchange in enumerate(cassette.exchanges):
            method, path = exchange.method.upper(), uniform_path(split_target(exchange.target)[0])
            _shelve(self._tight, (method, path), index)
            _shelve(self._loose, (method, loose_path(path)), index)

    def knows(self, method: str, target: str) -> bool:
        """Whether anything was recorded for this method and path: only then is a body worth reading."""
        path = uniform_path(split_target(target)[0])
        return (method.upper(), path) in self._tight or (method.upper(), loose_path(path)) in self._loose

    def places(self) -> Iterator[Place]:
        """The methods and paths that were recorded, each once."""
        return iter(self._tight)

    def at(self, place: Place, *, loose: bool = False) -> Sequence[int]:
        """The indices of the exchanges with a method and path, in recorded order."""
        shelf = (self._loose if loose else self._tight).get(place)
        return shelf.members if shelf is not None else ()

    def ask(self, index: int) -> Question:
        """The question that a recorded exchange asks."""
        exchange = self.cassette.exchanges[index]
        return self.normalizer.ask(exchange.method, exchange.target, exchange.request.headers, exchange.request_body())

    def find(self, question: Question, is_fresh: Callable[[Exchange], bool] = lambda _: False) -> Match | None:
        """Find the exchange that answers, and use it up; None if there is none.

        Args:
            question: what is asked, made by `normalizer.ask`.
            is_fresh: whether the client's copy is the one that a recorded 304 confirms.
        """
        group, loose = self.group(question), False
        if group is None:
            group, loose = self.group(question, loose=True), True
        index = group.choose(question, self.uses) if group is not None else None
        if group is None or index is None:
            return None
        exchange = self._stand_in(group, index, is_fresh)
        if exchange is None:
            return None
        repeated = self.uses[index] > 0
        self.uses[index] += 1
        return Match(index=index, exchange=exchange, repeated=repeated, loose=loose)

    def prepare(self, question: Question, steps: int) -> bool:
        """Index up to so many exchanges that may ask the same; True once `find` has nothing left to index."""
        for loose in (False, True):
            shelf = self._shelf(question, loose)
            if shelf is None:
                continue
            key = self.normalizer.key(question, loose=loose)
            while not self._is_settled(shelf, key, question):
                if steps <= 0:
                    return False
                steps -= 1
                self._index_next(shelf, loose)
            if key in shelf.groups:
                return True
        return True

    def group(self, question: Question, *, loose: bool = False) -> '_Group | None':
        """The group of exchanges that ask the same; for writes, perhaps not yet with its last members."""
        shelf = self._shelf(question, loose)
        if shelf is None:
            return None
        key = self.normalizer.key(question, loose=loose)
        while not self._is_settled(shelf, key, question):
            self._index_next(shelf, loose)
        return shelf.groups.get(key)

    def _shelf(self, question: Question, loose: bool) -> '_Shelf | None':
        path = loose_path(question.path) if loose else question.path
        return (self._loose if loose else self._tight).get((question.method, path))

    def _is_settled(self, shelf: '_Shelf', key: bytes, question: Question) -> bool:
        if shelf.indexed == len(shelf.members):
            return True
        group = shelf.groups.get(key) if question.body is not None else None
        return group is not None and group.has_unused(self.uses)

    def _index_next(self, shelf: '_Shelf', loose: bool) -> None:
        index = shelf.members[shelf.indexed]
        shelf.indexed += 1
        response = self.cassette.exchanges[index].response
        if response is not None and response.status == 101:
            return
        question = self.ask(index)
        key = self.normalizer.key(question, loose=loose)
        group = shelf.groups.get(key)
        if group is None:
            group = shelf.groups[key] = _Group()
        etag = None
        if response is not None and response.status == 200:
            etag = _header(response.headers, 'etag') or ''
        group.add(index, question.token, etag)

    def _stand_in(self, group: '_Group', index: int, is_fresh: Callable[[Exchange], bool]) -> Exchange | None:
        exchange = self.cassette.exchanges[index]
        response = exchange.response
        if response is None or response.status != 304 or is_fresh(exchange):
            return exchange
        etag = _header(response.headers, 'etag') or _header(exchange.request.headers, 'if-none-match')
        full = group.full_answer(index, etag)
        return None if full is None else self.cassette.exchanges[full]


class _Shelf:
    """All exchanges with one method and path, and the groups of those that were indexed so far."""

    __slots__ = ('groups', 'indexed', 'members')

    def __init__(self) -> None:
        self.members: array[int] = array('L')
        self.groups: dict[bytes, _Group] = {}
        self.indexed = 0


class _Queue:
    """Exchanges in recorded order, and how many at its head are known to be used."""

    __slots__ = ('head', 'members')

    def __init__(self) -> None:
        self.members: array[int] = array('L')
        self.head = 0

    def next_unused(self, uses: Sequence[int]) -> int | None:
        while self.head < len(self.members):
            if not uses[self.members[self.head]]:
                return self.members[self.head]
            self.head += 1
        return None


class _Group:
    """Exchanges that ask the same question."""

    __slots__ = ('_all', '_by_token', '_full')

    def __init__(self) -> None:
        self._all = _Queue()
        self._by_token: dict[tuple[str, str], _Queue] = {}
        self._full: list[tuple[int, str]] = []

    @property
    def members(self) -> Sequence[int]:
        return self._all.members

    def add(self, index: int, token: tuple[str, str] | None, etag: str | None) -> None:
        """Add an exchange; `etag` is None unless it is a full answer, and empty for one without an entity tag."""
        self._all.members.append(index)
        if token is not None:
            self._by_token.setdefault(token, _Queue()).members.append(index)
        if etag is not None:
            self._full.append((index, etag))

    def has_unused(self, uses: Sequence[int]) -> bool:
        return self._all.next_unused(uses) is not None

    def choose(self, question: Question, uses: Sequence[int]) -> int | None:
        """The exchange whose turn it is; None if it is over."""
        exact = self._by_token.get(question.token) if question.token is not None else None
        if exact is not None:
            index = exact.next_unused(uses)
            if index is not None:
                return index
            if question.token is not None and question.token[0] == 'continue' and question.reading:
                return exact.members[-1]
        index = self._all.next_unused(uses)
        if index is None and question.reading:
            return self._all.members[-1]
        return index

    def full_answer(self, index: int, etag: str | None) -> int | None:
        """The 200 that a 304 confirms: with that entity tag, else the last one before it, else the next one after."""
        same = [each for each, tag in self._full if etag and tag == etag] or [each for each, _ in self._full]
        before = [each for each in same if each < index]
        return before[-1] if before else next(iter(same), None)


def _shelve(shelves: dict[Place, _Shelf], place: Place, index: int) -> None:
    shelf = shelves.get(place)
    if shelf is None:
        shelf = shelves[place] = _Shelf()
    shelf.members.append(index)


def _header(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)
