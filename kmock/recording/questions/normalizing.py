"""What varies from run to run in a client's request, and what is left of it to compare: the question it asks.

Two requests ask the same question if their keys are equal. The key has two degrees:

- *tight*: everything but what is known to vary: clocks, uids, resource versions, identities of holders, header noise;
- *loose*: also UUIDs, hexadecimal and generated suffixes, timestamps, epochs inside of any text, the path included;
  and whether a client takes anything or only JSON: the API server sends JSON to both.

What varies by default:

query
    `timeoutSeconds`, `timeout` (both say how long to wait, not what for) and `hash` are ignored. Of `resourceVersion`
    and `continue` the value is ignored, but absent, `0` and set are different questions (a resourceVersion that is
    no number is compared). Selectors are sets of terms, and a uid in a term is ignored. `watch=True` is `watch=true`
    is `watch=1`; a false or empty one is an absent one.
    The order of parameters and their repetition do not matter. All else is compared.
headers
    Accept is compared without regard to spaces, case, and the order of a media type's parameters; its absence is
    `*/*`. Content-Type is compared where there is a body; a charset of JSON says nothing. All else is ignored.
bodies
    An empty body is an absent one, and so is that of a GET or HEAD, where it means nothing. JSON is compared by value,
    also inside strings. The values of `VARYING_KEYS` and all RFC 3339 timestamps are ignored where they are set;
    null and '' are different questions. In a JSON Patch, the last segment of an operation's path is the key of its
    value. What is not JSON (YAML, protobuf, text) must be equal byte for byte; in the loose degree after the same
    replacements as in other text.

`ignore` changes this: see `Normalizer`.
"""

import dataclasses
import functools
import hashlib
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kmock.naming import is_true, split_target
from kmock.recording.questions.generated import IGNORED, JSON, MARK, TIME, is_epoch, is_timestamp, loosen
from kmock.recording.questions.stable_heads import (
    SELECTOR_PARAMS,
    TOKEN_PARAMS,
    is_watch_path,
    loose_accept,
    loose_path,
    selector_terms,
    stable_accept,
    stable_content_type,
    stable_value,
    uniform_path,
)

__all__ = ['VARYING_KEYS', 'Normalizer', 'Question', 'is_json_patch', 'join', 'pointer']

VARYING_KEYS = frozenset(
    {
        'acquireTime',
        'creationTimestamp',
        'deletionTimestamp',
        'eventTime',
        'firstTimestamp',
        'holderIdentity',
        'lastTimestamp',
        'renewTime',
        'resourceVersion',
        'uid',
    }
)
"""Keys of JSON bodies whose values are made anew in every run, or echo such a value."""

COMPARED_HEADERS = frozenset({'accept', 'content-type'})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, as far as it is compared. Made by `Normalizer.ask`.

    Attributes:
        path: with a uniform percent-encoding.
        query: the stable query: sorted, each pair once.
        headers: lower-case names with stable values, sorted.
        token: the parameter that says where to go on, `continue` or else a non-zero `resourceVersion`, with its value.
        watching: whether it is a watch, which is answered once by each recording.
        body: the bytes, or None if there is no body or an empty one.
    """

    method: str
    target: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    token: tuple[str, str] | None
    watching: bool
    body: bytes | None

    @property
    def reading(self) -> bool:
        """Whether it only reads: its last answer can be given again."""
        return self.method in {'GET', 'HEAD'} and not self.watching


@dataclasses.dataclass(frozen=True, slots=True)
class _Query:
    pairs: tuple[tuple[str, str], ...]
    token: tuple[str, str] | None
    watching: bool


class Normalizer:
    """Reduces requests to what is compared, by the rules above and the user's changes to them.

    Args:
        ignore: names to ignore additionally; with a leading `!`, to compare in full though they are ignored by default.
            A name stands for a query parameter, a header, and a key of a JSON body at any depth. A name with dots
            stands for a path in the body from its root: `spec.template.metadata`; list indices may be left out,
            `*` is any one key, `**` any number of them; what is under an ignored path is ignored, too.
    """

    def __init__(self, ignore: Sequence[str] = ()) -> None:
        if isinstance(ignore, str) or not all(isinstance(each, str) and each.strip('!') for each in ignore):
            raise ValueError(f'`ignore` is a list of names of parameters, headers, or body paths, not {ignore!r}.')
        self.ignore = tuple(ignore)
        self._ignored = frozenset(each for each in ignore if not each.startswith('!'))
        self._compared = frozenset(each[1:] for each in ignore if each.startswith('!'))
        ignored_headers = {each.lower() for each in self._ignored}
        compared_headers = {each.lower() for each in self._compared}
        self._headers = (COMPARED_HEADERS | compared_headers) - ignored_headers
        self._dropped = _path_matcher(self._ignored)
        self._kept = _path_matcher(self._compared)
        self._tracking = bool(ignore)  # paths are joined only where somebody names them
        self._split = functools.lru_cache(8192)(self._stable_query)
        self._digest_heads = functools.lru_cache(8192)(_digest_heads)

    # --- questions

    def ask(
        self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
    ) -> Question:
        """The question that a request asks."""
        method = method.upper()
        path, query = split_target(target)
        stable = self._split(query)
        if method in {'GET', 'HEAD'}:
            body = None
        return Question(
            method=method,
            target=target,
            path=uniform_path(path),
            query=stable.pairs,
            headers=self._stable_headers(headers, bool(body)),
            token=stable.token,
            watching=method == 'GET' and (stable.watching or is_watch_path(path)),
            body=body or None,
        )

    def key(self, question: Question, *, loose: bool = False) -> bytes:
        """A digest that is equal for equal questions, of the tight or the loose degree."""
        key = self._digest_heads(question.method, question.path, question.query, question.headers, loose)
        if question.body is None:
            return key
        kind, value = self._stable_body(question.body, loose)
        return hashlib.blake2b(kind + value, key=key, digest_size=16).digest()

    def _stable_headers(self, headers: Iterable[tuple[str, str]], has_body: bool) -> tuple[tuple[str, str], ...]:
        found: dict[str, list[str]] = {}
        for name, value in headers:
            name = name.lower()
            if name in self._headers:
                found.setdefault(name, []).append(value)
        stable = {name: ', '.join(values) for name, values in found.items()}
        if 'accept' in self._headers:
            stable['accept'] = stable_accept(stable.get('accept', '*/*'))
        if not has_body:
            stable.pop('content-type', None)
        elif 'content-type' in stable:
            stable['content-type'] = stable_content_type(stable['content-type'])
        return tuple(sorted(stable.items()))

    # --- the query

    def _stable_query(self, query: str) -> _Query:
        pairs: set[tuple[str, str]] = set()
        tokens: dict[str, str] = {}
        watching = False
        selectors: dict[str, list[str]] = {}
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True, errors='replace'):
            if name == 'watch':
                watching = watching or is_true(value or 'false')
            if name in TOKEN_PARAMS and value not in {'', '0'}:
                tokens.setdefault(name, value)
            if name in self._ignored:
                continue
            if name in self._compared:
                pairs.add((name, value))
            elif name in SELECTOR_PARAMS:
                selectors.setdefault(name, []).append(value)
            elif (stable := stable_value(name, value)) is not None:
                pairs.add((name, stable))
        for name, values in selectors.items():
            if terms := ','.join(sorted(set(selector_terms(','.join(values))))):
                pairs.add((name, terms))
        token = next(((name, tokens[name]) for name in ('continue', 'resourceVersion') if name in tokens), None)
        return _Query(tuple(sorted(pairs)), token, watching)

    # --- the body

    def canonical(self, body: bytes, *, loose: bool = False) -> Any:
        """The value of a JSON body with replacements in place of what varies; the bytes themselves if it is no JSON."""
        try:
            value = json.loads(body.decode())
            if is_json_patch(value):
                return [self._operation(each, loose) for each in value]
            return self._value(value, '', '', loose)
        except (ValueError, RecursionError):  # no JSON, no UTF-8; or nested so deeply that only bytes can be compared
            return body

    def _stable_body(self, body: bytes, loose: bool) -> tuple[bytes, bytes]:
        value = self.canonical(body, loose=loose)
        if not isinstance(value, bytes):
            return b'json:', _encode(value).encode()
        if loose:
            value = loosen(value.decode('latin-1')).encode('latin-1')
        return b'bytes:', value

    def _value(self, value: Any, key: str, path: str, loose: bool) -> Any:
        if isinstance(value, dict):
            if not self._tracking:
                return {name: self._value(item, name, '', loose) for name, item in value.items()}
            items = ((name, item, join(path, name)) for name, item in value.items())
            return {
                name: self._value(item, name, where, loose) for name, item, where in items if not self._dropped(where)
            }
        if isinstance(value, list):
            if not self._tracking:
                return [self._value(item, key, '', loose) for item in value]
            places = ((item, join(path, str(index))) for index, item in enumerate(value))
            return [self._value(item, key, where, loose) for item, where in places if not self._dropped(where)]
        if isinstance(value, str):
            return self._string(value, key, path, loose)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        if loose and isinstance(value, (int, float)) and is_epoch(str(int(value)) if abs(value) < 2**64 else ''):
            return TIME
        return value

    def _string(self, value: str, key: str, path: str, loose: bool) -> Any:
        if self._kept(path):
            return value
        if key in VARYING_KEYS and value:
            return MARK + key
        if is_timestamp(value):
            return TIME
        if value.lstrip()[:1] in {'{', '['}:
            try:
                return {JSON: self._value(json.loads(value), key, path, loose)}
            except ValueError:
                pass  # it only looks like JSON: a text
        return loosen(value) if loose else value

    def _operation(self, operation: Mapping[str, Any], loose: bool) -> Any:
        names = pointer(operation)
        path = '.'.join(names)
        result = {name: value for name, value in operation.items() if name != 'value'}
        if self._dropped(path):
            return result | {'value': IGNORED}
        if 'value' in operation:
            result['value'] = self._value(operation['value'], names[-1] if names else '', path, loose)
        return result


def _digest_heads(
    method: str, path: str, query: tuple[tuple[str, str], ...], headers: tuple[tuple[str, str], ...], loose: bool
) -> bytes:
    if loose:
        path = loose_path(path)
        query = tuple(sorted({(name, loosen(value)) for name, value in query}))
        headers = tuple((name, loose_accept(value) if name == 'accept' else value) for name, value in headers)
    return hashlib.blake2b(repr((method, path, query, headers)).encode(), digest_size=16).digest()


# --- bodies

_encode = json.JSONEncoder(sort_keys=True, separators=(',', ':')).encode


def is_json_patch(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and isinstance(each.get('path'), str) and 'op' in each for each in value)
    )


def pointer(operation: Mapping[str, Any]) -> list[str]:
    """The keys that lead to what an operation of a JSON Patch changes (RFC 6901)."""
    return [part.replace('~1', '/').replace('~0', '~') for part in str(operation['path']).split('/')[1:]]


def join(path: str, name: str) -> str:
    return f'{path}.{name}' if path else name


def _path_matcher(names: Iterable[str]) -> Callable[[str], bool]:
    """A predicate on dotted paths: whether one of the names stands for it or for what it is in."""
    patterns = []
    for name in sorted(names):
        parts = [_segment(part) for part in name.split('.')]
        # Indices of lists may stand between any two keys.
        pattern = r'(?:\.\d+)*\.'.join(parts)
        patterns.append(pattern if len(parts) > 1 else rf'(?:.*\.)?{pattern}')
    if not patterns:
        return lambda path: False
    match = re.compile(rf'(?:{"|".join(patterns)})(?:\..*)?', re.DOTALL).fullmatch
    return functools.lru_cache(8192)(lambda path: match(path) is not None)


def _segment(part: str) -> str:
    return {'**': r'.*', '*': r'[^.]*'}.get(part) or re.escape(part)
