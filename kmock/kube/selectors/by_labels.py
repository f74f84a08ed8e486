"""Label selectors: the texts of `?labelSelector=`, and the LabelSelector objects inside of other objects.

Fields are in `selectors.py`, which also offers what is here.
The grammar and the errors' texts are those of apimachinery's `labels` package.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from kmock.kube.statuses import Cause, StatusError, bad_request, invalid_value

__all__ = ['LabelSelector', 'Requirement', 'match_selector', 'parse_labels']

_TOKENS = re.compile(r'[ \t\r\n]*(?:(?P<special>==|!=|[=!(),<>])|(?P<word>[^ \t\r\n=!(),<>]+))')
_OPERATORS = ('in', 'notin', '=', '==', '!=', '>', '<')
_END = ('end', '')

_INT64 = range(-(2**63), 2**63)
_INTEGER = re.compile(r'[+-]?[0-9]+')

_KEY_NAME = re.compile(r'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
_VALUE = re.compile(r'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
_SUBDOMAIN = re.compile(r'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
_KEY_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '" + _KEY_NAME.pattern + "')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
    " validation is '" + _VALUE.pattern + "')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '"
    + _SUBDOMAIN.pattern
    + "')"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One term: `operator` is one of `in`, `notin`, `exists`, `!`, `gt`, `lt`; equality is `in` with one value."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case 'in':
                return value is not None and value in self.values
            case 'notin':
                return value is None or value not in self.values
            case 'exists':
                return value is not None
            case '!':
                return value is None
        number = None if value is None else _as_int64(value)
        limit = int(self.values[0])
        return number is not None and (number > limit if self.operator == 'gt' else number < limit)

    def __str__(self) -> str:
        match self.operator:
            case 'exists':
                return self.key
            case '!':
                return f'!{self.key}'
            case 'gt' | 'lt':
                return f'{self.key}{">" if self.operator == "gt" else "<"}{self.values[0]}'
        if len(self.values) == 1:
            return f'{self.key}{"=" if self.operator == "in" else "!="}{self.values[0]}'
        return f'{self.key} {self.operator} ({",".join(self.values)})'


@dataclasses.dataclass(frozen=True, slots=True)
class LabelSelector:
    """Terms that must all hold, ordered by their keys; without terms it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        return all(each.matches(labels or {}) for each in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def __str__(self) -> str:
        return ','.join(str(each) for each in self.requirements)


@functools.lru_cache(maxsize=1024)
def parse_labels(text: str) -> LabelSelector:
    """Read a selector such as `app=x,tier notin (one, two),!old,size>3`.

    Raises:
        StatusError: 400 with the server's text on what can't be understood.
    """
    return _Parser(text).parse()


class _Parser:
    """A recursive descent over the tokens. A token is its kind and its text: a special sign, a word, or the end."""

    def __init__(self, text: str) -> None:
        text = text.partition('\0')[0]  # the server's lexer takes a NUL for the end
        self._tokens = [
            ('word', found['word']) if found['word'] else ('sign', found['special']) for found in _all(text)
        ]
        self._position = 0

    def _look(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    def _take(self) -> tuple[str, str]:
        token = self._look()
        self._position += 1
        return token

    def parse(self) -> LabelSelector:
        requirements: list[Requirement] = []
        while True:
            kind, text = self._look()
            if kind == 'end':
                break
            if kind != 'word' and text != '!':
                raise bad_request(f"found '{text}', expected: !, identifier, or 'end of string'")
            requirements.append(self._requirement())
            kind, text = self._take()
            if kind == 'end':
                break
            if text != ',':
                raise bad_request(f"found '{text}', expected: ',' or 'end of string'")
            kind, text = self._look()
            if kind != 'word' and text != '!':
                raise bad_request(f"found '{text}', expected: identifier after ','")
        return LabelSelector(tuple(sorted(requirements, key=lambda each: each.key)))

    def _requirement(self) -> Requirement:
        kind, key = self._take()
        absent = (kind, key) == ('sign', '!')
        if absent:
            kind, key = self._take()
        if kind != 'word':
            raise _unparsed(f"found '{key}', expected: identifier")
        _refuse([invalid_value('<nil>', key, '; '.join(errors))] if (errors := _wrong_key(key)) else [])
        if absent:
            return Requirement(key, '!')
        if self._look() in (_END, ('sign', ',')):
            return Requirement(key, 'exists')
        return self._comparison(key)

    def _comparison(self, key: str) -> Requirement:
        _, operator = self._take()
        if operator not in _OPERATORS:
            raise _unparsed(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        values = sorted(self._values() if operator in ('in', 'notin') else self._exact_value())
        causes: list[Cause] = []
        if operator in ('>', '<') and _as_int64(values[0]) is None:
            text = "for 'Gt', 'Lt' operators, the value must be an integer"
            causes.append(invalid_value('values[0]', values[0], text))
        for index, value in enumerate(values):
            if errors := _wrong_value(value):
                causes.append(invalid_value(f'values[{index}][{key}]', value, '; '.join(errors)))
        _refuse(causes)
        return Requirement(key, _MEANINGS[operator], tuple(values))

    def _exact_value(self) -> set[str]:
        if self._look() in (_END, ('sign', ',')):
            return {''}
        kind, text = self._take()
        if kind != 'word':
            raise _unparsed(f"found '{text}', expected: identifier")
        return {text}

    def _values(self) -> set[str]:
        kind, text = self._take()
        if text != '(':
            raise _unparsed(f"found '{text}' expected: '('")
        kind, text = self._look()
        if text == ')':
            self._take()
            return {''}
        if kind != 'word' and text != ',':
            raise _unparsed(f"found '{text}', expected: ',', ')' or identifier")
        found: set[str] = set()
        while True:
            kind, text = self._take()
            if kind == 'word':
                found.add(text)
                _, after = self._look()
                if after not in (',', ')'):
                    raise _unparsed(f"found '{after}', expected: ',' or ')'")
            elif text == ',':
                self._gap(found)
            else:
                raise _unparsed(f"found '{text}', expected: ',', or identifier")
            if self._look()[1] == ')':
                self._take()
                return found

    def _gap(self, found: set[str]) -> None:
        """After a comma: an empty value may stand before it, after it, or between two of them."""
        if not found:
            found.add('')
        after = self._look()[1]
        if after == ',':
            self._take()
        if after in (',', ')'):
            found.add('')


_MEANINGS = {'in': 'in', '=': 'in', '==': 'in', 'notin': 'notin', '!=': 'notin', '>': 'gt', '<': 'lt'}


def _all(text: str) -> list[re.Match[str]]:
    return list(_TOKENS.finditer(text))


def _unparsed(message: str) -> StatusError:
    return bad_request(f'unable to parse requirement: {message}')


def _refuse(causes: list[Cause]) -> None:
    if causes:
        texts = list(dict.fromkeys(str(each) for each in causes))
        raise _unparsed(texts[0] if len(texts) == 1 else f'[{", ".join(texts)}]')


def _as_int64(text: str) -> int | None:
    """As Go's ParseInt reads it: nothing for what is no number, or too large a one."""
    if len(text) > 64 or not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if number in _INT64 else None


def _wrong_key(key: str) -> list[str]:
    parts = key.split('/')
    if len(parts) > 2:
        return [
            f"a valid label key {_KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    errors: list[str] = []
    if len(parts) == 2:
        errors.extend(f'prefix part {each}' for each in _wrong_prefix(parts[0]))
    name = parts[-1]
    if not name:
        errors.append('name part must be non-empty')
    elif len(name) > 63:
        errors.append('name part must be no more than 63 bytes')
    if not _KEY_NAME.fullmatch(name):
        errors.append(f'name part {_KEY_RULE}')
    return errors


def _wrong_prefix(prefix: str) -> list[str]:
    if not prefix:
        return ['must be non-empty']
    errors = ['must be no more than 253 bytes'] if len(prefix) > 253 else []
    return errors if _SUBDOMAIN.fullmatch(prefix) else [*errors, _SUBDOMAIN_RULE]


def _wrong_value(value: str) -> list[str]:
    errors = ['must be no more than 63 bytes'] if len(value.encode(errors='surrogatepass')) > 63 else []
    return errors if _VALUE.fullmatch(value) else [*errors, _VALUE_RULE]


# --- selectors as objects

_EXPRESSIONS: dict[str, Callable[[str | None, list[str]], bool]] = {
    'In': lambda value, values: value is not None and value in values,
    'NotIn': lambda value, values: value is None or value not in values,
    'Exists': lambda value, values: value is not None,
    'DoesNotExist': lambda value, values: value is None,
}


def match_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    """Tell whether a LabelSelector (`matchLabels`, `matchExpressions`) selects the labels.

    As in the API reference, an empty selector selects everything, an absent one nothing. An unknown operator
    selects nothing; validation refuses it before an object with it is stored.
    """
    if selector is None:
        return False
    labels = labels or {}
    wanted = selector.get('matchLabels') or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for term in selector.get('matchExpressions') or ():
        test = _EXPRESSIONS.get(term.get('operator', ''))
        if test is None or not test(labels.get(term.get('key', '')), term.get('values') or []):
            return False
    return True
