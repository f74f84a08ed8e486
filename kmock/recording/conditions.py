"""Conditional requests: what a client with a cached copy asked, and the 304 that it is owed. No recording here.

A cassette has to serve clients with a cold cache, too, so the upstream is asked without conditions, the full answer
is recorded, and the condition is judged here. Source: RFC 9110, sections 8.8.3 (entity tags), 13.1.2, 13.1.3, 15.4.5.
"""

import dataclasses
import datetime
import email.utils
import re

from multidict import CIMultiDict

from kmock.messages import Answer, Headers, Request

__all__ = ['not_modified', 'unconditional']

_CONDITIONS = ('If-None-Match', 'If-Modified-Since')
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')

# Metadata of the content that a 304 does not have. What guides the cache (ETag, Last-Modified, Date, …) goes along.
_CONTENT_METADATA = frozenset(
    {'content-length', 'content-type', 'content-encoding', 'content-language', 'content-range', 'transfer-encoding'}
)


def unconditional(request: Request) -> Request:
    """The same request without the conditions of a cache; itself if it has none.

    Only of GET and HEAD: for other methods, If-None-Match is a guard against overwriting, not a question of a cache.
    """
    if request.method not in {'GET', 'HEAD'} or not any(name in request.headers for name in _CONDITIONS):
        return request
    headers = CIMultiDict(request.headers)
    for name in _CONDITIONS:
        headers.popall(name, None)
    return dataclasses.replace(request, headers=Headers(headers), _cache={})


def not_modified(request: Request, answer: Answer) -> Answer | None:
    """The 304 for a request as the client sent it, judged by the full answer; None if the client needs that one."""
    if answer.status != 200 or request.method not in {'GET', 'HEAD'} or not _is_fresh(request, answer):
        return None
    headers = tuple((name, value) for name, value in answer.headers if name.lower() not in _CONTENT_METADATA)
    return Answer(status=304, headers=headers)


def _is_fresh(request: Request, answer: Answer) -> bool:
    wanted = request.headers.getall('If-None-Match', ())
    if wanted:  # If-Modified-Since does not count then, not even where the tags differ.
        tag = answer.header('ETag')
        if any(value.strip() == '*' for value in wanted):
            return True
        found = _ENTITY_TAG.fullmatch(tag.strip()) if tag is not None else None
        return found is not None and any(found[1] in _ENTITY_TAG.findall(value) for value in wanted)
    since, modified = _date(request.headers.get('If-Modified-Since')), _date(answer.header('Last-Modified'))
    return since is not None and modified is not None and modified <= since


def _date(value: str | None) -> datetime.datetime | None:
    """A date of HTTP; None if it is absent or malformed: such a condition is to be ignored."""
    try:
        date = email.utils.parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return date.replace(tzinfo=datetime.UTC) if date is not None and date.tzinfo is None else date
