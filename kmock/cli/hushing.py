"""What may be shown of requests and rules: no credentials, neither those that came nor those that rules wait for.

They are known by their names: those of headers, parameters, cookies. Messages about a request are freed of the values.
"""

import re
from collections.abc import Iterable, Iterator

from kmock.messages import Request
from kmock.recording.redaction import Redactor
from kmock.rules.criteria import And, Criteria, Not, Or
from kmock.rules.http_criteria import CookiesCriteria, DictCriteria, FieldsCriteria

__all__ = ['HIDDEN', 'hushed', 'shown_target']

HIDDEN = '…'

_NAME = r'authorization|cookie|token|secret|passw|api[-_]?key|credential|session|signature'
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_QUERY_SECRET = re.compile(rf'(?<=[?&])([^=&]*(?:{_NAME})[^=&]*)=[^&]+', re.IGNORECASE)
_CREDENTIALS = re.compile(r'\b(Basic|Bearer|Digest|Negotiate)\s+[\w.~+/=-]{4,}', re.IGNORECASE)
_SHORTEST_SECRET = 4  # shorter words would be hidden where they mean something else
_redactor = Redactor()


def shown_target(request: Request) -> str:
    """The target without the secrets in its query."""
    return _QUERY_SECRET.sub(rf'\1={HIDDEN}', _redactor.target(request.target))


def hushed(text: str, request: Request, criteria: Iterable[Criteria] = ()) -> str:
    """A text about a request without secrets.

    Args:
        criteria: of the rules that may be quoted.
    """
    pairs = [*_pairs_of_request(request), *(pair for each in criteria for pair in _pairs_of_criteria(each))]
    for secret in sorted(_secrets(pairs), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _CREDENTIALS.sub(rf'\1 {HIDDEN}', _redactor.text(text))


def _pairs_of_request(request: Request) -> Iterator[tuple[str, object]]:
    yield from request.headers.items()
    yield from request.params.items()
    for value in request.cookies.values():
        yield 'cookie', value


def _pairs_of_criteria(criteria: Criteria) -> Iterator[tuple[str, object]]:
    match criteria:
        case And() | Or() | Not():
            for each in criteria.criteria:
                yield from _pairs_of_criteria(each)
        case CookiesCriteria():
            for _, value in criteria.pairs:
                yield 'cookie', value
        case FieldsCriteria():
            yield from criteria.pairs
        case DictCriteria():
            yield from criteria.written.items()


def _secrets(pairs: Iterable[tuple[str, object]]) -> set[str]:
    """The secret values among named ones: whole, without a scheme before, and as Python shows them."""
    found: set[str] = set()
    for name, value in pairs:
        if isinstance(value, str) and _SECRET_NAME.search(name):
            _, _, credentials = value.partition(' ')
            found |= {value, credentials}
    found |= {repr(value)[1:-1] for value in found}
    return {value for value in found if len(value) >= _SHORTEST_SECRET}
