"""Cassettes as HAR 1.2, for browsers and other viewers. The way back is in `har_import.py`.

HAR has no place for much that a cassette knows; it goes into keys with an underscore, which viewers ignore:

    log._kmock        the header: created, server, redacted, key (base64), matching, extra; notes
    entry._kmock      id, at_us, response_us, end_us (times since the start; null where it did not happen),
                      target (raw path and query), streamed
    entry._outcome, entry._error        how the exchange ended
    entry._body       the pieces of a streamed request body: offset (seconds since the request), data or base64, last
    entry._chunks     the same for the response's body, with partial. A single chunk has no data of its own if the
                      body stands in response.content
    entry._tunnel     the same for an upgraded connection, with from: client or server

The lists come last in an entry, so that they can be written and read item by item. The frames of different
exchanges come back in the order of their times, not of the file.
"""

import base64
import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from kmock.naming import split_target
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.foreign.jsontext import to_json
from kmock.recording.foreign.records import data_record, split_query
from kmock.recording.frames import (
    BodyFrame,
    ChunkFrame,
    DataFrame,
    EndFrame,
    Header,
    Headers,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
    detach_body,
    split,
)

__all__ = ['VERSION', 'write_har']

VERSION: Final = 1
"""The version of the keys with underscores."""

MAX_BODY: Final = 2 * 1024 * 1024
"""A longer body does not stand in `content` or `postData`, but only in the lists, in pieces up to this size."""

EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def write_har(cassette: Cassette, file: BinaryIO) -> None:
    """Write a recording as HAR 1.2, entry by entry."""
    began = parse_moment(cassette.header.created)
    log = {
        'version': '1.2',
        'creator': {'name': 'kmock', 'version': str(VERSION)},
        '_kmock': _header(cassette.header, cassette.notes),
    }
    file.write(b'{"log":' + to_json(log)[:-1] + b',"entries":[')
    separator = b'\n'
    for exchange in cassette.exchanges:
        file.write(separator)
        for part in _entry(exchange, began):
            file.write(part)
        separator = b',\n'
    file.write(b'\n]}}\n')


def parse_moment(text: str) -> datetime.datetime:
    """A moment as RFC 3339 has it; the epoch if it is none. Without a time zone it is taken as UTC."""
    try:
        moment = datetime.datetime.fromisoformat(text)
        return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        return EPOCH


def _header(header: Header, notes: Iterable[NoteFrame]) -> Mapping[str, Any]:
    return {
        'version': VERSION,
        'created': header.created,
        'server': header.server,
        'redacted': header.redacted,
        'key': base64.b64encode(header.key).decode(),
        'matching': header.matching,
        'extra': header.extra,
        'notes': [{'at_us': note.at_us, 'text': note.text, 'changes': note.changes} for note in notes],
    }


def _entry(exchange: Exchange, began: datetime.datetime) -> Iterator[bytes]:
    request, response, end = exchange.request, exchange.response, exchange.end
    body = _body_pieces(exchange)
    content = exchange.body() if exchange.body_size <= MAX_BODY else None
    head = {
        '_kmock': {
            'id': request.id,
            'at_us': request.at_us,
            'response_us': response.at_us if response else None,
            'end_us': end.at_us if end else None,
            'target': request.target,
            'streamed': body is not None,
        },
        'startedDateTime': _moment(began, request.at_us),
        **_times(request, response, end),
        'request': _request(request, request.body if body is None else None),
        'response': _response(response, content, exchange.body_size),
        'cache': {},
    }
    if end:
        head |= {'_outcome': str(end.outcome), '_error': end.error}
    yield to_json(head)[:-1]
    if body is not None:
        yield from _items('_body', body, request.at_us)
    if exchange.chunk_count:
        alone = exchange.chunk_count == 1 and content is not None
        yield from _items('_chunks', exchange.chunks(), request.at_us, with_data=not alone)
    yield from _items('_tunnel', exchange.tunnel(), request.at_us)
    yield b'}'


def _body_pieces(exchange: Exchange) -> Iterable[DataFrame] | None:
    request = exchange.request
    if request.streamed:
        return exchange.request_pieces()
    if request.body is not None and len(request.body) > MAX_BODY:
        return split(detach_body(request)[1], MAX_BODY)
    return None


def _items(key: str, frames: Iterable[DataFrame], start_us: int, *, with_data: bool = True) -> Iterator[bytes]:
    separator = f',"{key}":['.encode()
    for frame in frames:
        for part in split(frame, MAX_BODY):
            item: dict[str, Any] = {'offset': (part.at_us - start_us) / 1_000_000}
            yield separator + to_json(item | (_data(part.data) if with_data else {}) | _marks(part))
            separator = b','
    if separator == b',':
        yield b']'


def _data(data: bytes) -> dict[str, Any]:
    record = data_record('data', data)
    return {'base64': record['data64']} if 'data64' in record else record


def _marks(frame: DataFrame) -> dict[str, Any]:
    match frame:
        case BodyFrame():
            return {'last': True} if frame.last else {}
        case ChunkFrame():
            return {'partial': True} if frame.partial else {}
        case TunnelFrame():
            return {'from': 'client' if frame.from_client else 'server'}


def _moment(began: datetime.datetime, at_us: int) -> str:
    try:
        moment = began + datetime.timedelta(microseconds=at_us)
    except OverflowError:
        moment = EPOCH
    return moment.isoformat(timespec='microseconds').replace('+00:00', 'Z')


def _times(request: RequestFrame, response: ResponseFrame | None, end: EndFrame | None) -> Mapping[str, Any]:
    """How long it took, in milliseconds, none of them negative, and the total as their sum."""
    answered = max(response.at_us if response else end.at_us if end else request.at_us, request.at_us)
    ended = max(end.at_us if end else answered, answered)
    wait, receive = (answered - request.at_us) / 1000, (ended - answered) / 1000
    return {'time': wait + receive, 'timings': {'send': 0, 'wait': wait, 'receive': receive}}


def _request(request: RequestFrame, body: bytes | None) -> Mapping[str, Any]:
    host = _value(request.headers, 'host') or 'kubernetes.default.svc'
    record = {
        'method': request.method,
        'url': f'http://{host}{request.target}',
        'httpVersion': 'HTTP/1.1',
        'cookies': [],
        'headers': _named(request.headers),
        'queryString': _named(split_query(split_target(request.target)[1])),
        'headersSize': -1,
        'bodySize': -1 if request.streamed else len(request.body or b''),
    }
    if body is None:
        return record
    text = _text(body)
    if 'encoding' in text:  # which the standard knows for responses alone
        text = {'text': text['text'], '_encoding': text['encoding']}
    return record | {'postData': {'mimeType': _value(request.headers, 'content-type') or '', **text}}


def _response(response: ResponseFrame | None, content: bytes | None, size: int) -> Mapping[str, Any]:
    headers = response.headers if response else ()
    text = {'comment': 'too long to be shown here; see _chunks'} if content is None else _text(content)
    return {
        'status': response.status if response else 0,
        'statusText': response.reason if response else '',
        'httpVersion': 'HTTP/1.1',
        'cookies': [],
        'headers': _named(headers),
        'content': {'size': size, 'mimeType': _value(headers, 'content-type') or '', **text},
        'redirectURL': _value(headers, 'location') or '',
        'headersSize': -1,
        'bodySize': size if response else -1,
    }


def _text(data: bytes) -> Mapping[str, Any]:
    record = data_record('text', data)
    return {'text': record['text64'], 'encoding': 'base64'} if 'text64' in record else record


def _named(pairs: Iterable[tuple[str, str]]) -> list[Mapping[str, str]]:
    return [{'name': name, 'value': value} for name, value in pairs]


def _value(headers: Headers, wanted: str) -> str | None:
    return next((value for name, value in headers if name.lower() == wanted), None)
