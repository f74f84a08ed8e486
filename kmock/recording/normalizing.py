"""What varies from run to run in a client's request, and what is left of it to compare: the question it asks.

Two requests ask the same question if their keys are equal. The key has two degrees:

- *tight*: everything but what is known to vary: clocks, uids, resource versions, identities of holders, header noise;
- *loose*: also UUIDs, hexadecimal and generated suffixes, timestamps, epochs inside of any text, the path included.

What varies by default:

query
    `timeoutSeconds` and `hash` are ignored. Of `resourceVersion` and `continue` the value is ignored, but absent, `0`
    and set are different questions (a resourceVersion that is no number is compared). Selectors are sets of terms,
    and a uid in a term is ignored. `watch=True` is `watch=true` is `watch=1`; a false or empty one is an absent one.
    The order of parameters and their repetition do not matter. All else is compared.
headers
    Accept is compared without regard to spaces, case, and the order of a media type's parameters; its absence is
    `*/*`. Content-Type is compared where there is a body; a charset of JSON says nothing. All else is ignored.
bodies
    An empty body is an absent one. JSON is compared by value, also inside strings. The values of `VARYING_KEYS` and
    all RFC 3339 timestamps are ignored where they are set; null and '' are different questions. In a JSON Patch,
    the last segment of an operation's path is the key of its value. What is not JSON (YAML, protobuf, text) must be
    equal byte for byte; in the loose degree after the same replacements as in other text.

`ignore` changes this: see `Normalizer`.
"""

import dataclasses
import functools
import hashlib
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kmock.naming import is_true, split_target

__all__ = ['VARYING_KEYS', 'Difference', 'Normalizer', 'Question', 'loosen']

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

IGNORED_PARAMS = frozenset({'hash', 'timeoutSeconds'})
TOKEN_PARAMS = frozenset({'continue', 'resourceVersion'})
SELECTOR_PARAMS = frozenset({'fieldSelector', 'labelSelector'})
FLAG_PARAMS = frozenset({'allowWatchBookmarks', 'force', 'watch'})
COMPARED_HEADERS = frozenset({'accept', 'content-type'})

# Replacements begin with a character that can't be in JSON unescaped, so that they are equal to nothing from outside.
_MARK = '\0'
_SET = _MARK + 'set'
_TIME = _MARK + 'time'
_RANDOM = _MARK + 'random'
_JSON = _MARK + 'json'
_CHANGED = _MARK + 'ignored'

_TIMESTAMP = r'\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?'
_UUID = r'[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'
_is_timestamp = re.compile(_TIMESTAMP).fullmatch
_uuids = re.compile(_UUID)
_words = re.compile(rf'(?P<uuid>{_UUID})|(?P<time>{_TIMESTAMP})|(?<![0-9A-Za-z])[0-9A-Za-z]{{5,32}}(?![0-9A-Za-z])')
_is_hexadecimal = re.compile(r'(?=.*[0-9])(?=.*[a-f])[0-9a-f]{6,32}').fullmatch
_is_epoch = re.compile(r'1[5-9]\d{8}(?:\d{3}|\d{6}|\d{9})?').fullmatch
# The API server's names.SimpleNameGenerator and the hashes of pod templates use letters that form no words.
_is_generated = re.compile(r'[bcdfghjklmnpqrstvwxz2456789]{5}|[bcdfghjklmnpqrstvwxz2456789]{8,10}').fullmatch


def loosen(text: str) -> str:
    """Replace whatever looks made up at random, or taken from a clock, wherever it stands in a text."""
    return _words.sub(_loosen_word, text)


def _loosen_word(match: re.Match[str]) -> str:
    word = match.group()
    if match['uuid'] or match['time']:
        return _RANDOM if match['uuid'] else _TIME
    after_dash = match.start() > 0 and match.string[match.start() - 1] == '-'
    if _is_hexadecimal(word) or _is_epoch(word) or (after_dash and _is_generated(word)):
        return _RANDOM
    return word


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where two questions differ; None is where there is nothing."""

    where: str
    recorded: str | None
    asked: str | None


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
        path, query = split_target(target)
        stable = self._split(query)
        return Question(
            method=method.upper(),
            target=target,
            path=uniform_path(path),
            query=stable.pairs,
            headers=self._stable_headers(headers, bool(body)),
            token=stable.token,
            watching=method.upper() == 'GET' and (stable.watching or _is_watch_path(path)),
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
            stable['accept'] = _media_types(stable.get('accept', '*/*'))
        if not has_body:
            stable.pop('content-type', None)
        elif 'content-type' in stable:
            stable['content-type'] = _content_type(stable['content-type'])
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
            elif (stable := _stable_value(name, value)) is not None:
                pairs.add((name, stable))
        for name, values in selectors.items():
            if terms := ','.join(sorted(set(_terms(','.join(values))))):
                pairs.add((name, terms))
        token = next(((name, tokens[name]) for name in ('continue', 'resourceVersion') if name in tokens), None)
        return _Query(tuple(sorted(pairs)), token, watching)

    # --- the body

    def canonical(self, body: bytes, *, loose: bool = False) -> Any:
        """The value of a JSON body with replacements in place of what varies; the bytes themselves if it is no JSON."""
        try:
            value = json.loads(body.decode())
            if _is_json_patch(value):
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
            items = ((name, item, _join(path, name)) for name, item in value.items())
            return {
                name: self._value(item, name, where, loose) for name, item, where in items if not self._dropped(where)
            }
        if isinstance(value, list):
            if not self._tracking:
                return [self._value(item, key, '', loose) for item in value]
            places = ((item, _join(path, str(index))) for index, item in enumerate(value))
            return [self._value(item, key, where, loose) for item, where in places if not self._dropped(where)]
        if isinstance(value, str):
            return self._string(value, key, path, loose)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        if loose and isinstance(value, (int, float)) and _is_epoch(str(int(value)) if abs(value) < 2**64 else ''):
            return _TIME
        return value

    def _string(self, value: str, key: str, path: str, loose: bool) -> Any:
        if self._kept(path):
            return value
        if key in VARYING_KEYS and value:
            return _MARK + key
        if _is_timestamp(value):
            return _TIME
        if value.lstrip()[:1] in {'{', '['}:
            try:
                return {_JSON: self._value(json.loads(value), key, path, loose)}
            except ValueError:
                pass  # it only looks like JSON: a text
        return loosen(value) if loose else value

    def _operation(self, operation: Mapping[str, Any], loose: bool) -> Any:
        names = _pointer(operation)
        path = '.'.join(names)
        result = {name: value for name, value in operation.items() if name != 'value'}
        if self._dropped(path):
            return result | {'value': _CHANGED}
        if 'value' in operation:
            result['value'] = self._value(operation['value'], names[-1] if names else '', path, loose)
        return result

    # --- differences

    def differences(self, recorded: Question, asked: Question, *, limit: int = 50) -> list[Difference]:
        """Where two questions differ, in the tight degree, the most telling parts first."""
        found: list[Difference] = []
        for where, one, other in (
            ('method', recorded.method, asked.method),
            ('path', recorded.path, asked.path),
        ):
            if one != other:
                found.append(Difference(where=where, recorded=one, asked=other))
        found += _pair_differences('query', recorded.query, asked.query)
        found += _pair_differences('header', recorded.headers, asked.headers)
        found += self._body_differences(recorded.body, asked.body, limit)
        return found[:limit]

    def _body_differences(self, recorded: bytes | None, asked: bytes | None, limit: int) -> list[Difference]:
        if recorded is None or asked is None:
            if recorded is asked:
                return []
            return [Difference(where='body', recorded=_sized(recorded), asked=_sized(asked))]
        one, other = self.canonical(recorded), self.canonical(asked)
        if isinstance(one, bytes) or isinstance(other, bytes):
            if one == other:
                return []
            return [Difference(where='body', recorded=_sized(recorded), asked=_sized(asked))]
        found: list[Difference] = []
        alike = _is_json_patch(one) and _is_json_patch(other) and _operations(one) == _operations(other)
        for difference in _patch_differences(one, other) if alike else _value_differences(one, other, ''):
            found.append(difference)
            if len(found) >= limit:
                break
        return found


# --- paths


def uniform_path(path: str) -> str:
    """A path with one way of percent-encoding; an encoded slash stays encoded."""
    if '%' not in path:
        return path
    return '/'.join(urllib.parse.quote(urllib.parse.unquote(part), safe="!$&'()*+,;=:@~") for part in path.split('/'))


def _is_watch_path(path: str) -> bool:
    # The deprecated form: /api/v1/watch/pods, /apis/apps/v1/watch/deployments.
    parts = path.split('/')
    return (parts[1:2] == ['api'] and parts[3:4] == ['watch']) or (parts[1:2] == ['apis'] and parts[4:5] == ['watch'])


@functools.lru_cache(8192)
def loose_path(path: str) -> str:
    """A uniform path with generated names replaced."""
    return loosen(path)


def _digest_heads(
    method: str, path: str, query: tuple[tuple[str, str], ...], headers: tuple[tuple[str, str], ...], loose: bool
) -> bytes:
    if loose:
        path = loose_path(path)
        query = tuple(sorted({(name, loosen(value)) for name, value in query}))
    return hashlib.blake2b(repr((method, path, query, headers)).encode(), digest_size=16).digest()


# --- parameters and headers


def _stable_value(name: str, value: str) -> str | None:
    """What is compared of a parameter's value; None if it counts as absent."""
    if name in IGNORED_PARAMS:
        return None
    if name in FLAG_PARAMS:
        return 'true' if value and is_true(value) else None
    if name == 'continue':
        return _SET if value else None
    if name == 'resourceVersion':
        return _SET if value.isdigit() and value.strip('0') else (value.lstrip('0') or '0' if value else None)
    return value


def _terms(selector: str) -> Iterator[str]:
    """The terms of a selector, split at the commas outside of parentheses; spelled one way, without uids."""
    for term in re.split(r',(?![^()]*\))', selector):
        term = ' '.join(term.split())
        if match := re.fullmatch(r'(\S+) (in|notin) ?\((.*)\)', term):
            values = ','.join(sorted({each.strip() for each in match[3].split(',')}))
            yield f'{match[1]} {match[2]} ({values})'
            continue
        key, sign, value = re.match(r'([^=!]*)(!=|==|=)?(.*)', term).groups()  # type: ignore[union-attr]  # matches all
        if key.strip().rpartition('.')[2] == 'uid' and value:
            value = _MARK + 'uid'
        spelled = f'{key.strip()}{"=" if sign == "==" else sign or ""}{_uuids.sub(_RANDOM, value.strip())}'
        if spelled:
            yield spelled


@functools.lru_cache(1024)
def _media_types(accept: str) -> str:
    # The order of media types is kept: at equal quality, the API server takes the first one that it knows.
    return ','.join(media for each in accept.split(',') if (media := _media_type(each))) or '*/*'


def _media_type(value: str) -> str:
    kind, *params = (part.strip() for part in value.split(';'))
    pairs = [part.partition('=') for part in params if part]
    return ';'.join([kind.lower(), *sorted(f'{name.strip().lower()}={value.strip()}' for name, _, value in pairs)])


@functools.lru_cache(1024)
def _content_type(value: str) -> str:
    media = _media_type(value)
    kind, *params = media.split(';')
    if kind.endswith('json'):
        params = [each for each in params if each.lower() not in {'charset=utf-8', 'charset="utf-8"'}]
    return ';'.join([kind, *params])


# --- bodies

_encode = json.JSONEncoder(sort_keys=True, separators=(',', ':')).encode


def _is_json_patch(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and isinstance(each.get('path'), str) and 'op' in each for each in value)
    )


def _pointer(operation: Mapping[str, Any]) -> list[str]:
    """The keys that lead to what an operation of a JSON Patch changes (RFC 6901)."""
    return [part.replace('~1', '/').replace('~0', '~') for part in str(operation['path']).split('/')[1:]]


def _join(path: str, name: str) -> str:
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


# --- differences


def _pair_differences(
    where: str, recorded: tuple[tuple[str, str], ...], asked: tuple[tuple[str, str], ...]
) -> Iterator[Difference]:
    one: dict[str, list[str]] = {}
    other: dict[str, list[str]] = {}
    for target, pairs in ((one, recorded), (other, asked)):
        for name, value in pairs:
            target.setdefault(name, []).append(value)
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield Difference(
                where=f'{where} {name}',
                recorded=_shown(', '.join(one[name])) if name in one else None,
                asked=_shown(', '.join(other[name])) if name in other else None,
            )


def _operations(patch: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(each['op'], each['path'], each.get('from'), 'value' in each) for each in patch]


def _patch_differences(recorded: Sequence[Any], asked: Sequence[Any]) -> Iterator[Difference]:
    """Where the values of the same operations differ, by the paths of the operations."""
    for one, other in zip(recorded, asked, strict=True):
        if 'value' in one:
            yield from _value_differences(one['value'], other['value'], '.'.join(_pointer(one)))


def _value_differences(recorded: Any, asked: Any, path: str) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for name in sorted({*recorded, *asked}):
            inner = path if name == _JSON else _join(path, name)
            if name not in asked:
                yield Difference(where=f'body {inner}', recorded=_shown_json(recorded[name]), asked=None)
            elif name not in recorded:
                yield Difference(where=f'body {inner}', recorded=None, asked=_shown_json(asked[name]))
            else:
                yield from _value_differences(recorded[name], asked[name], inner)
    elif isinstance(recorded, list) and isinstance(asked, list) and len(recorded) == len(asked):
        for index, (one, other) in enumerate(zip(recorded, asked, strict=True)):
            yield from _value_differences(one, other, _join(path, str(index)))
    elif json.dumps(recorded) != json.dumps(asked):  # 1 and true are different here
        where = f'body {path}' if path else 'body'
        yield Difference(where=where, recorded=_shown_json(recorded), asked=_shown_json(asked))


def _shown_json(value: Any) -> str:
    return _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    return re.sub(r'(?:\\u0000|\0)(\w+)', r'<\1>', text)


def _sized(body: bytes | None) -> str | None:
    return None if body is None else f'{len(body)} bytes'
