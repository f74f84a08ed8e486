"""What users write in brackets, read into criteria: strings, dicts, regexps, resources, callables, events, ….

How a string is read (the first that fits):

    ''                               nothing
    'get', 'post', …                 the HTTP method
    'list', 'watch', 'fetch', …      the Kubernetes action (but 'delete' is the method)
    '/path', '/path?q=1', '?q=1'     the path and the parameters
    'http://host/path?q=1'           the same of one host
    'v1/pods', 'pods.v1', …          the resource
    'get /path', 'list pods.v1'      the method or the action, and one of the three above
    anything else                    the method, or the body as a JSON string or as text
"""

import asyncio
import concurrent.futures
import functools
import inspect
import re
import threading
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import yarl

from kmock.naming import action, parse_resource, resource
from kmock.rules import boxes
from kmock.rules.calling import takes_request
from kmock.rules.criteria import (
    EVERYTHING,
    BoolCriteria,
    Criteria,
    EventCriteria,
    FnCriteria,
    FutureCriteria,
    Or,
    conjunction,
)
from kmock.rules.http_criteria import (
    BodyCriteria,
    CookiesCriteria,
    DataCriteria,
    DictCriteria,
    HeadersCriteria,
    MethodCriteria,
    ParamsCriteria,
    PathCriteria,
    StrCriteria,
    TextCriteria,
)
from kmock.rules.kubernetes_criteria import (
    ActionCriteria,
    NameCriteria,
    NamespaceCriteria,
    ResourceCriteria,
    SubresourceCriteria,
)

__all__ = ['read_criteria']

_ACTIONS = {each.value: each for each in action if each is not action.DELETE}
_PLURAL = re.compile('[a-z][a-z0-9-]*')
_URL = re.compile('https?://[^/?]*', re.IGNORECASE)


def read_criteria(written: Any) -> Criteria:
    """Read what stands in brackets.

    Raises:
        ValueError: it is no criterion, or it contradicts itself.
    """
    if written is None:
        return EVERYTHING
    if isinstance(written, Criteria):
        return written
    if isinstance(written, tuple):
        return conjunction(*map(read_criteria, written))
    if isinstance(written, AbstractSet):
        if not written:
            raise ValueError('An empty set of criteria matches nothing. Put the alternatives into it, or leave it out.')
        return Or(map(read_criteria, written))
    found = _read(written)
    if found is None and callable(written):
        found = _read_callable(written)
    if found is None:
        raise ValueError(
            f'{written!r} is no criterion. Use a string, a regexp, bytes, a dict, a callable, a bool, an event, '
            'a future, a resource, or a marker: path(), params(), headers(), cookies(), body(), text(), data(), ….'
        )
    return found


@functools.singledispatch
def _read(written: Any) -> Criteria | None:
    """One registered function a kind; None for what is unknown."""
    if all(isinstance(getattr(written, part, None), str) for part in ('group', 'version', 'plural')):
        return ResourceCriteria(resource(written))
    return None


def _read_callable(written: Any) -> Criteria:
    if inspect.iscoroutinefunction(written):
        raise ValueError(f'{written!r} is asynchronous; a criterion is judged at once. Use a plain function.')
    return FnCriteria(written, takes_request(written))


# --- strings


@_read.register
def _(written: str) -> Criteria:
    if not written:
        return EVERYTHING
    words = written.split()
    if len(words) == 1 or words[0].startswith('/'):
        found = _read_verb(words[0]) or _read_place(written.strip())
        return found or StrCriteria(written)
    _check_one_verb(written, words)
    if len(words) > 2 and words[1].startswith('/') and _read_verb(words[0]) is not None:
        words = written.split(None, 1)  # the path has spaces
    if len(words) == 2:
        verb, place = _read_verb(words[0]), _read_place(words[1])
        if verb is not None and place is None and _PLURAL.fullmatch(words[1]):
            place = ResourceCriteria(resource(plural=words[1]))
        if verb is not None and place is not None:
            return conjunction(verb, place)
        if place is not None and words[1].startswith('/') and words[0].isalpha():
            raise ValueError(
                f'{words[0]!r} in {written!r} is neither a standard HTTP method nor an action. '
                f'Write method({words[0]!r}), {words[1]!r}; or text({written!r}) if it is the body.'
            )
        if verb is not None and '/' in words[1]:
            raise ValueError(
                f'{words[1]!r} in {written!r} is neither a path nor a resource. '
                f'Write {f"{words[0]} /{words[1]}"!r} for a path; or text({written!r}) if it is the body.'
            )
    return StrCriteria(written)


def _check_one_verb(written: str, words: list[str]) -> None:
    if len(words) < 2 or not all(map(_read_verb, words[:2])):
        return
    place = ' '.join(words[2:])
    if not place or _read_place(place) is not None:
        mend = f'{{{words[0]!r}, {words[1]!r}}}{", " if place else ""}{place and repr(place)}'
        raise ValueError(
            f'{written!r} names two methods or actions. For either of them, write {mend}; '
            f'or text({written!r}) if it is the body.'
        )


def _read_verb(word: str) -> Criteria | None:
    if word.upper() in boxes.STANDARD_METHODS:
        return MethodCriteria(word.upper())
    found = _ACTIONS.get(word.lower())
    return ActionCriteria(found) if found else None


def _read_place(word: str) -> Criteria | None:
    if word.startswith(('/', '?')):
        path, question, query = word.partition('?')
        wanted = PathCriteria(path) if path else EVERYTHING
        return conjunction(wanted, ParamsCriteria(boxes.params(query).pairs)) if question else wanted
    if url := _URL.match(word):
        return conjunction(_read_host(word, url[0]), _read_place(word[url.end() :]) or EVERYTHING)
    found = parse_resource(word)
    return ResourceCriteria(found) if found else None


def _read_host(written: str, root: str) -> Criteria:
    try:
        host = yarl.URL(root).host_port_subcomponent
    except ValueError:
        host = None
    if not host:
        raise ValueError(f"{written!r} is no URL of a host. Write it as 'http://host:8080/path', or '/path' for any.")
    return HeadersCriteria(boxes.headers({'Host': host}).pairs)


# --- markers


@_read.register
def _(written: boxes.method) -> Criteria:
    return MethodCriteria(str(written))


@_read.register
def _(written: action) -> Criteria:
    return ActionCriteria(written)


@_read.register
def _(written: resource) -> Criteria:
    return ResourceCriteria(written)


@_read.register
def _(written: boxes.path) -> Criteria:
    if isinstance(written.value, AbstractSet) and written.value:
        return Or(map(PathCriteria, written.value))
    return EVERYTHING if written.value in (..., None, '') else PathCriteria(written.value)


@_read.register
def _(written: boxes.params) -> Criteria:
    return ParamsCriteria(written.pairs)


@_read.register
def _(written: boxes.headers) -> Criteria:
    return HeadersCriteria(written.pairs)


@_read.register
def _(written: boxes.cookies) -> Criteria:
    return CookiesCriteria(written.pairs)


@_read.register
def _(written: boxes.body) -> Criteria:
    value = written.value.encode() if isinstance(written.value, str) else written.value
    return BodyCriteria(value)


@_read.register
def _(written: boxes.text) -> Criteria:
    return TextCriteria(written.value)


@_read.register
def _(written: boxes.data) -> Criteria:
    return DataCriteria(written.value)


@_read.register
def _(written: boxes.name) -> Criteria:
    return NameCriteria(written.value)


@_read.register
def _(written: boxes.namespace) -> Criteria:
    return NamespaceCriteria(written.value)


@_read.register
def _(written: boxes.subresource) -> Criteria:
    return SubresourceCriteria(written.value)


# --- plain values


@_read.register(bytes)
@_read.register(bytearray)
def _(written: bytes | bytearray) -> Criteria:
    return BodyCriteria(bytes(written))


@_read.register
def _(written: re.Pattern) -> Criteria:  # type: ignore[type-arg]
    return PathCriteria(written) if isinstance(written.pattern, str) else BodyCriteria(written)


@_read.register(Mapping)
def _(written: Mapping[str, Any]) -> Criteria:
    return DictCriteria(dict(written)) if written else EVERYTHING


@_read.register
def _(written: bool) -> Criteria:
    return BoolCriteria(written)


@_read.register(asyncio.Event)
@_read.register(threading.Event)
def _(written: asyncio.Event | threading.Event) -> Criteria:
    return EventCriteria(written)


@_read.register(asyncio.Future)
@_read.register(concurrent.futures.Future)
def _(written: asyncio.Future[Any] | concurrent.futures.Future[Any]) -> Criteria:
    return FutureCriteria(written)
