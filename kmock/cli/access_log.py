"""The log of requests: a line each, for people or as JSON; and which rule has answered."""

import dataclasses
import datetime
import json
import os
from collections.abc import Callable
from typing import TextIO

from kmock.cli.hushing import HIDDEN
from kmock.handlers import RawHandler
from kmock.messages import Outcome, Request
from kmock.recording.printable import printable
from kmock.recording.report import size_text
from kmock.rules.book import FALLBACK, OVERRIDE, Rule
from kmock.rules.criteria import K8sCriteria
from kmock.rules.http_criteria import MethodCriteria, PathCriteria

__all__ = ['AccessLog', 'Entry', 'answering_rule', 'as_json', 'as_text', 'rule_text']


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One exchange that is over.

    Attributes:
        time: when the request came.
        target: the path and the query, without what is secret.
        status: None if there was no response.
        duration: from the request's head to the end of the exchange, in seconds.
        size: how many bytes of a body were sent.
        rule: the rule that answered, if one did.
    """

    time: datetime.datetime
    method: str
    target: str
    status: int | None
    duration: float
    size: int
    outcome: Outcome
    rule: str | None = None


def as_text(entry: Entry) -> str:
    """The entry for people, with the local time."""
    ending = '' if entry.outcome is Outcome.COMPLETE else f' {entry.outcome}'
    by = f' by {entry.rule}' if entry.rule else ''
    return printable(
        f'{entry.time.astimezone():%H:%M:%S} {entry.method} {entry.target} {entry.status or "-"}{ending} '
        f'{size_text(entry.size)} in {_duration_text(entry.duration)}{by}'
    )


def as_json(entry: Entry) -> str:
    """The entry as a JSON object, with the time in UTC and the duration in seconds."""
    fields = {
        'time': entry.time.isoformat(timespec='milliseconds').replace('+00:00', 'Z'),
        'method': entry.method,
        'target': entry.target,
        'status': entry.status,
        'duration': round(entry.duration, 6),
        'bytes': entry.size,
        'outcome': entry.outcome.value,
        'rule': entry.rule,
    }
    return json.dumps(fields)


def _duration_text(seconds: float) -> str:
    if seconds < 1:
        return f'{seconds * 1000:.1f} ms'
    if seconds < 100:
        return f'{seconds:.1f} s'
    return str(datetime.timedelta(seconds=round(seconds)))


class AccessLog:
    """Writes entries, each at once. A stream that takes no more ends the log, and not the server."""

    def __init__(self, stream: TextIO, render: Callable[[Entry], str], complain: Callable[[str], None]) -> None:
        self._stream: TextIO | None = stream
        self._render = render
        self._complain = complain

    def write(self, entry: Entry) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(f'{self._render(entry)}\n')
            self._stream.flush()
        except OSError as exc:
            stream, self._stream = self._stream, None
            # What is still buffered can't be written either, and Python would say so at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            self._complain(f"the log of requests has ended, for it can't be written: {exc.strerror or exc}")


# --- rules


def answering_rule(handler: RawHandler, request: Request) -> Rule | None:
    """The last rule that was given the request and kept it; to be asked when the handler has answered."""
    book = handler._rulebook
    asked = [
        rule
        for fallback in (False, True)
        for rule in book.matching(request, fallback=fallback)
        if any(served is request for served in reversed(rule.served)) and request.id not in rule.passed
    ]
    return asked[-1] if asked else None


def rule_text(rule: Rule) -> str:
    """A rule nearly as it was written. Criteria that may hold secrets (headers, cookies, bodies, …) are but a `…`."""
    method = path = ''
    words: list[str] = []
    hidden = rule.gate.stateful  # slices, say
    for part in rule.criteria.parts():
        match part:
            case MethodCriteria():
                method = part.method.lower()
            case PathCriteria(written=str(written)):
                path = written
            case PathCriteria() | K8sCriteria():
                words.append(repr(part))
            case _:
                hidden = True
    if method or path:
        words.insert(0, repr(f'{method} {path}'.strip()))
    if hidden:
        words.append(HIDDEN)
    view = f'kmock[{", ".join(words)}]' if words else 'kmock'
    for priority in rule.gate.priority:
        view += {FALLBACK: '.fallback', OVERRIDE: '.override'}.get(priority, f' ** {priority:g}')
    return view
