"""Rules, and the book of them: ordered by priority, looked up by index; the book's two responders."""

import dataclasses
from collections.abc import Callable, Iterator

from kmock.chain import Responder
from kmock.messages import Answer, Request
from kmock.naming import Resource
from kmock.rules.criteria import Criteria, may_match
from kmock.rules.http_criteria import MethodCriteria, PathCriteria
from kmock.rules.journal import Index, Journal
from kmock.rules.kubernetes_criteria import ResourceCriteria
from kmock.rules.payloads import Constant, Head, Item, Live, Nothing, Payload, Poured, Steps
from kmock.rules.rendering import LiveStreams, constant_answer, render
from kmock.rules.waiting import Called, HandOver

__all__ = ['Gate', 'Rule', 'RuleBook']

FALLBACK = float('-inf')
OVERRIDE = float('inf')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a rule knows of the view that it hangs on.

    Attributes:
        criteria: what a request must meet at least.
        priority: the priorities given to the view and to those that it narrows down, the outermost first.
        stateful: whether the view's verdict was taken on arrival, so that the criteria alone do not tell it.
        holds: tells whether a request, which has arrived, belongs to the view.
        show: the view as the user wrote it.
    """

    criteria: Criteria
    priority: tuple[float, ...]
    stateful: bool
    holds: Callable[[Request], bool]
    show: Callable[[], str]


class Rule:
    """Criteria (by way of a view), a payload, a place in the order, and the requests that it served."""

    __slots__ = (
        '_direct',
        '_limit',
        'criteria',
        'gate',
        'key',
        'needs_body',
        'order',
        'passed',
        'payload',
        'ready',
        'served',
    )

    def __init__(self, gate: Gate, payload: Payload, *, order: int, limit: int | None = None) -> None:
        self.gate = gate
        self.criteria = gate.criteria
        self.payload = payload
        self.order = order
        self.key: tuple[float, ...] = ()
        self.served: list[Request] = []
        self.passed: set[int] = set()
        """Which of them went on to the next rule, by their ids: this one had nothing to answer."""
        self.ready = constant_answer(payload)
        self.needs_body = self.criteria.needs_body or _needs_body(payload.items)
        self._limit = limit
        # Whether the index alone decides that the rule matches.
        self._direct = (
            not gate.stateful
            and self.criteria.exact_path is not None
            and all(isinstance(part, MethodCriteria | PathCriteria) for part in self.criteria.parts())
        )

    def matches(self, request: Request) -> bool:
        """Whether the rule is to serve a request that the index gave it as a candidate."""
        return self._direct or self.gate.holds(request)

    def hides(self, gate: Gate) -> bool:
        """Whether a rule with that gate, written later, would never be asked: this one has an answer to all it gets."""
        return (
            self.gate.priority == gate.priority
            and not self.gate.stateful
            and not gate.stateful
            and self.criteria == gate.criteria
            and not _may_end(self.payload.items)
        )

    def note(self, request: Request) -> None:
        """Remember a request as served by this rule."""
        self.served.append(request)
        if self._limit is not None and len(self.served) > self._limit:
            self.passed.discard(self.served[0].id)
            del self.served[0]

    async def respond(self, request: Request, live: LiveStreams) -> Answer | None:
        """Serve the request; None if there is nothing to answer, or if the payload is done with its work."""
        self.note(request)
        try:
            answer = await render(self.payload, request, live)
        except HandOver:
            self._unnote(request)
            return None
        if answer is None:
            self.passed.add(request.id)
        return answer

    def _unnote(self, request: Request) -> None:
        for place in range(len(self.served) - 1, -1, -1):
            if self.served[place] is request:
                del self.served[place]
                return


def _needs_body(items: tuple[Item, ...]) -> bool:
    return any(
        isinstance(item, Poured)
        or (isinstance(item, Called) and item.takes_request)
        or (isinstance(item, Steps | Payload) and _needs_body(item.items))
        for item in items
    )


def _may_end(items: tuple[Item, ...]) -> bool:
    """Whether anything in the payload could run out, or hand requests over to the next rule."""
    return any(
        _may_end(item.items) if isinstance(item, Steps) else not isinstance(item, Head | Constant | Live | Nothing)
        for item in items
    )


class RuleBook:
    """All rules of one handler, with the log of its requests and its live streams."""

    def __init__(self, limit: int | None = None) -> None:
        """Args: limit: how many requests are kept in the log, and for each rule; None for all."""
        self.journal = Journal(limit)
        self.live = LiveStreams()
        self.open = False
        """Whether the handler is entered, so that streams may wait."""
        self._rules: Index[Rule] = Index()
        self._fallback_rules: Index[Rule] = Index()
        self._written = 0
        self._depth = 1

    def __len__(self) -> int:
        return len(self._rules) + len(self._fallback_rules)

    def __iter__(self) -> Iterator[Rule]:
        """All rules in the order in which they are asked."""
        yield from self._rules
        yield from self._fallback_rules

    @property
    def revision(self) -> int:
        """Grows with each rule that is written."""
        return self._written

    def add(self, gate: Gate, payload: Payload) -> Rule:
        """Write a rule: after those of the same priority that were written before."""
        with self.journal.lock:
            self._written += 1
            return self._enter(Rule(gate, payload, order=self._written, limit=self.journal.limit))

    def hiding(self, gate: Gate) -> bool:
        """Whether a rule with this gate would come to nothing by one before, whose stream waits just now."""
        waiting = {request.id for request in self.live.requests()}
        if not waiting:
            return False
        with self.journal.lock:
            return any(rule.hides(gate) and any(each.id in waiting for each in rule.served) for rule in self)

    def replace(self, rule: Rule, payload: Payload) -> Rule:
        """Write another payload for a rule, in its place."""
        with self.journal.lock:
            if not self._index(rule).remove(rule):
                return self.add(rule.gate, payload)
            return self._enter(Rule(rule.gate, payload, order=rule.order, limit=self.journal.limit))

    def _enter(self, rule: Rule) -> Rule:
        if len(rule.gate.priority) > self._depth:
            self._deepen(len(rule.gate.priority))
        rule.key = self._key(rule)
        self._index(rule).add(rule)
        return rule

    def _index(self, rule: Rule) -> Index[Rule]:
        return self._fallback_rules if rule.gate.priority[:1] == (FALLBACK,) else self._rules

    def _key(self, rule: Rule) -> tuple[float, ...]:
        """The order of asking: higher priorities first, missing ones are zeros; then as written."""
        padding = (0.0,) * (self._depth - len(rule.gate.priority))
        return (*(-each for each in rule.gate.priority), *padding, rule.order)

    def _deepen(self, depth: int) -> None:
        """Give all rules longer keys: their order stays the same."""
        self._depth = depth
        for rule in self:
            rule.key = self._key(rule)

    def matching(self, request: Request, *, fallback: bool) -> Iterator[Rule]:
        """The rules that are to serve the request, in order; judged one by one as they are asked for."""
        with self.journal.lock:  # a rule being replaced is out for a moment
            candidates = (self._fallback_rules if fallback else self._rules).candidates(request)
        return (rule for rule in candidates if rule.matches(request))

    def wants_body(self, request: Request) -> bool:
        """Whether a rule or a view that could match needs the body of this request."""
        if self.journal.wants_body(request):
            return True
        with self.journal.lock:
            candidates = [*self._rules.candidates(request), *self._fallback_rules.candidates(request)]
        return any(rule.needs_body and may_match(rule.criteria, request) for rule in candidates)

    def responder(self, *, fallback: bool) -> Responder:
        """The rules as a responder: all but the fallback ones, or those."""
        return _Rules(self, fallback)

    def resources(self) -> set[Resource]:
        """The resources that rules name in full: discovery lists them."""
        parts = (part for rule in self for part in rule.criteria.parts())
        named = (part.resource.full for part in parts if isinstance(part, ResourceCriteria))
        return {each for each in named if each is not None}

    async def close(self) -> None:
        """End what waits, what was written to be awaited once, and shared streams.

        Raises:
            Exception: what generators raised when they were closed; a group if several did.
        """
        self.open = False
        self.live.close()
        errors: list[Exception] = []
        for rule in self:
            try:
                await rule.payload.close()
            except Exception as exc:
                errors.append(exc)
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup('payloads failed to close', errors)


class _Rules:
    """The rules of a book as a responder."""

    def __init__(self, book: RuleBook, fallback: bool) -> None:
        self._book = book
        self._fallback = fallback

    async def respond(self, request: Request) -> Answer | None:
        for rule in self._book.matching(request, fallback=self._fallback):
            if rule.ready is not None:
                rule.note(request)
                return rule.ready
            answer = await rule.respond(request, self._book.live)
            if answer is not None:
                return answer
        return None
