"""The stable part of a request's head: paths, query parameters, selectors, media types; spelled in one way."""

import functools
import re
import urllib.parse
from collections.abc import Iterator

from kmock.naming import is_true
from kmock.recording.questions.generated import MARK, SET, loosen, without_uids

__all__ = [
    'SELECTOR_PARAMS',
    'TOKEN_PARAMS',
    'is_watch_path',
    'loose_accept',
    'loose_path',
    'selector_terms',
    'stable_accept',
    'stable_content_type',
    'stable_value',
    'uniform_path',
]

IGNORED_PARAMS = frozenset({'hash', 'timeout', 'timeoutSeconds'})
TOKEN_PARAMS = frozenset({'continue', 'resourceVersion'})
SELECTOR_PARAMS = frozenset({'fieldSelector', 'labelSelector'})
FLAG_PARAMS = frozenset({'allowWatchBookmarks', 'force', 'watch'})


def uniform_path(path: str) -> str:
    """A path with one way of percent-encoding; an encoded slash stays encoded."""
    if '%' not in path:
        return path
    return '/'.join(urllib.parse.quote(urllib.parse.unquote(part), safe="!$&'()*+,;=:@~") for part in path.split('/'))


def is_watch_path(path: str) -> bool:
    # The deprecated form: /api/v1/watch/pods, /apis/apps/v1/watch/deployments.
    parts = path.split('/')
    return (parts[1:2] == ['api'] and parts[3:4] == ['watch']) or (parts[1:2] == ['apis'] and parts[4:5] == ['watch'])


@functools.lru_cache(8192)
def loose_path(path: str) -> str:
    """A uniform path with generated names replaced."""
    return loosen(path)


def stable_value(name: str, value: str) -> str | None:
    """What is compared of a parameter's value; None if it counts as absent."""
    if name in IGNORED_PARAMS:
        return None
    if name in FLAG_PARAMS:
        return 'true' if value and is_true(value) else None
    if name == 'continue':
        return SET if value else None
    if name == 'resourceVersion':
        return SET if value.isdigit() and value.strip('0') else (value.lstrip('0') or '0' if value else None)
    return value


def selector_terms(selector: str) -> Iterator[str]:
    """The terms of a selector, split at the commas outside of parentheses; spelled one way, without uids."""
    for term in re.split(r',(?![^()]*\))', selector):
        term = ' '.join(term.split())
        if match := re.fullmatch(r'(\S+) (in|notin) ?\((.*)\)', term):
            values = ','.join(sorted({each.strip() for each in match[3].split(',')}))
            yield f'{match[1]} {match[2]} ({values})'
            continue
        key, sign, value = re.match(r'([^=!]*)(!=|==|=)?(.*)', term).groups()  # type: ignore[union-attr]  # matches all
        if key.strip().rpartition('.')[2] == 'uid' and value:
            value = MARK + 'uid'
        spelled = f'{key.strip()}{"=" if sign == "==" else sign or ""}{without_uids(value.strip())}'
        if spelled:
            yield spelled


@functools.lru_cache(1024)
def stable_accept(accept: str) -> str:
    # The order of media types is kept: at equal quality, the API server takes the first one that it knows.
    return ','.join(media for each in accept.split(',') if (media := _media_type(each))) or '*/*'


def loose_accept(stable: str) -> str:
    """What an API server makes of a stable Accept: JSON, where anything will do."""
    wanted = ('application/json' if each in {'*/*', 'application/*'} else each for each in stable.split(','))
    return ','.join(dict.fromkeys(wanted))


def _media_type(value: str) -> str:
    kind, *params = (part.strip() for part in value.split(';'))
    pairs = [part.partition('=') for part in params if part]
    return ';'.join([kind.lower(), *sorted(f'{name.strip().lower()}={value.strip()}' for name, _, value in pairs)])


@functools.lru_cache(1024)
def stable_content_type(value: str) -> str:
    media = _media_type(value)
    kind, *params = media.split(';')
    if kind.endswith('json'):
        params = [each for each in params if each.lower() not in {'charset=utf-8', 'charset="utf-8"'}]
    return ';'.join([kind, *params])
