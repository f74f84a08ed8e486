"""Records: frames as JSON objects, one a line, as recordings are exchanged with other tools. Nothing of files.

Version 1 is the format `kmock-trace` of other recorders: what is read comes out byte for byte as it was. It is written
wherever it can hold the cassette. Version 2 adds what it can't hold:

    header     redacted, key (base64), matching, extra
    request    target, where the raw query is spelled otherwise than the decoded pairs would be; streamed
    body       {"kind":"body","id":1,"t":0.1,"data":"text","last":true}: a piece of a streamed request body
    chunk      partial: the HTTP chunk goes on in the next piece
    frame      {"kind":"frame","id":1,"t":0.1,"from":"client","data64":"..."}: bytes of an upgraded connection
    end        the outcomes reset and unfinished
    note       {"kind":"note","t":0.1,"text":"...","changes":{...}}

The key is what the placeholders of redacted secrets are derived from. It is in the cassette, so it is in the export:
who has either can compare a guessed secret with its placeholder, but can't compute the secret from it.
"""

import base64
import math
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kmock.messages import Outcome
from kmock.naming import split_target
from kmock.recording.foreign.jsontext import take
from kmock.recording.frames import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    Headers,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)

__all__ = [
    'FORMAT',
    'HEADER_KEYS',
    'KEYS',
    'VERSION',
    'data_record',
    'decode64',
    'fits_version_1',
    'join_query',
    'parse_frame',
    'parse_header',
    'record_of',
    'record_of_header',
    'split_query',
]

FORMAT: Final = 'kmock-trace'
VERSION: Final = 2

_VERSION_1_OUTCOMES: Final = frozenset({Outcome.COMPLETE, Outcome.CLIENT_CLOSED, Outcome.SERVER_CLOSED, Outcome.ERROR})

HEADER_KEYS: Final = frozenset({'kind', 'format', 'version', 'created', 'server'})
"""The keys of version 1; others are kept in `Header.extra`."""

Record = Mapping[str, Any]


# --- frame → record


def record_of_header(header: Header, version: int) -> Record:
    """The first line."""
    known = {
        'kind': 'header',
        'format': FORMAT,
        'version': version,
        'created': header.created,
        'server': header.server,
    }
    if version == 1:
        return {**known, **header.extra}
    more = {
        'redacted': list(header.redacted),
        'key': base64.b64encode(header.key).decode(),
        'matching': header.matching,
        'extra': header.extra,
    }
    return known | {name: value for name, value in more.items() if value}


def record_of(frame: Frame) -> Record:
    """The line of a frame. It is one of version 1 if `fits_version_1` says so."""
    start: dict[str, Any] = {'kind': _KINDS[type(frame)]}
    if not isinstance(frame, NoteFrame):
        start['id'] = frame.id
    start['t'] = frame.at_us / 1_000_000
    match frame:
        case ChunkFrame():
            return start | data_record('data', frame.data) | ({'partial': True} if frame.partial else {})
        case RequestFrame():
            return start | _request(frame)
        case ResponseFrame():
            return start | {'status': frame.status, 'reason': frame.reason, 'headers': frame.headers}
        case EndFrame():
            return start | {'outcome': str(frame.outcome), 'error': frame.error}
        case BodyFrame():
            return start | data_record('data', frame.data) | ({'last': True} if frame.last else {})
        case TunnelFrame():
            return start | {'from': 'client' if frame.from_client else 'server'} | data_record('data', frame.data)
        case NoteFrame():
            return start | {'text': frame.text, 'changes': frame.changes}


def _request(frame: RequestFrame) -> dict[str, Any]:
    path, raw = split_target(frame.target)
    query = split_query(raw)
    body = {'body': None} if frame.body is None else data_record('body', frame.body)
    record = {'method': frame.method, 'path': path, 'query': query, 'headers': frame.headers, **body}
    if path + join_query(query) != frame.target:
        record['target'] = frame.target
    if frame.streamed:
        record['streamed'] = True
    return record


def data_record(key: str, data: bytes) -> dict[str, Any]:
    """The data under this key as text, or under `key64` as base64, if they are not UTF-8 or contain NULs."""
    if b'\0' not in data:
        try:
            return {key: data.decode()}
        except UnicodeDecodeError:
            pass
    return {f'{key}64': base64.b64encode(data).decode()}


def split_query(raw: str) -> list[tuple[str, str]]:
    """The decoded pairs of a raw query, as `messages.Request.params` has them."""
    return urllib.parse.parse_qsl(raw, keep_blank_values=True, errors='replace')


def join_query(pairs: Iterable[tuple[str, str]]) -> str:
    """The query as Go's clients spell it, with the question mark; empty without pairs."""
    query = urllib.parse.urlencode(list(pairs))
    return f'?{query}' if query else ''


def fits_version_1(frame: Frame) -> bool:
    """Whether version 1 has a record that says all of this frame. The pieces of a request body are not judged here."""
    match frame:
        case ChunkFrame():
            return not frame.partial
        case RequestFrame():
            path, raw = split_target(frame.target)
            return path + join_query(split_query(raw)) == frame.target
        case EndFrame():
            return frame.outcome in _VERSION_1_OUTCOMES
        case ResponseFrame() | BodyFrame():
            return True
        case TunnelFrame() | NoteFrame():
            return False


# --- record → frame


def parse_header(record: Record) -> tuple[Header, int]:
    """The header of a first line, and the version of all lines.

    Raises:
        ValueError: it is none, or of a newer version.
    """
    if record.get('kind') != 'header' or record.get('format') != FORMAT:
        raise ValueError(f'the first line is not the header of a recording (format {FORMAT})')
    version = take(record, 'version', int)
    if version > VERSION or version < 1:
        raise ValueError(f'the recording is of version {version}; this kmock reads versions 1 to {VERSION}')
    known = {'created': take(record, 'created', str), 'server': take(record, 'server', dict, type(None))}
    others = {name: value for name, value in record.items() if name not in HEADER_KEYS}
    if version == 1:
        return Header(**known, extra=others), version
    redacted = take(others, 'redacted', list, default=[])
    if not all(type(line) is str for line in redacted):
        raise ValueError('"redacted" is not a list of strings')
    header = Header(
        **known,
        redacted=tuple(redacted),
        key=decode64(take(others, 'key', str, default='')),
        matching=take(others, 'matching', dict, default={}),
        extra=take(others, 'extra', dict, default={}),
    )
    return header, version


def parse_frame(record: Record, version: int) -> Frame:
    """The frame of any other line.

    Raises:
        ValueError: it is none; the text says what is wrong.
    """
    kind = record.get('kind')
    parser = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parser is None or (version == 1 and kind in _VERSION_2_KINDS):
        raise ValueError(f'there is no kind {kind!r:.40} of records in version {version}')
    return parser(record)


def _parse_request(record: Record) -> Frame:
    path = take(record, 'path', str)
    query = _pairs(record, 'query')
    if '?' in path:
        raise ValueError('"path" contains a query')
    target = take(record, 'target', str, default='') or path + join_query(query)
    streamed = take(record, 'streamed', bool, default=False)
    if 'body64' in record:
        body: bytes | None = decode64(take(record, 'body64', str))
    else:
        text = take(record, 'body', str, type(None))
        body = None if text is None else text.encode()
    if streamed and body is not None:
        raise ValueError('a streamed request has a "body"')
    return RequestFrame(
        **_start(record),
        method=take(record, 'method', str),
        target=target,
        headers=_pairs(record, 'headers'),
        body=body,
        streamed=streamed,
    )


def _parse_response(record: Record) -> Frame:
    status = take(record, 'status', int)
    if not 100 <= status <= 999:
        raise ValueError(f'"status" is {status}')
    return ResponseFrame(
        **_start(record), status=status, reason=take(record, 'reason', str), headers=_pairs(record, 'headers')
    )


def _parse_chunk(record: Record) -> Frame:
    return ChunkFrame(**_start(record), data=_parse_data(record), partial=take(record, 'partial', bool, default=False))


def _parse_body(record: Record) -> Frame:
    return BodyFrame(**_start(record), data=_parse_data(record), last=take(record, 'last', bool, default=False))


def _parse_tunnel(record: Record) -> Frame:
    side = record.get('from')
    if side not in ('client', 'server'):
        raise ValueError(f'"from" is {side!r:.40}, neither client nor server')
    return TunnelFrame(**_start(record), data=_parse_data(record), from_client=side == 'client')


def _parse_end(record: Record) -> Frame:
    return EndFrame(
        **_start(record),
        outcome=Outcome(take(record, 'outcome', str)),
        error=take(record, 'error', str, type(None), default=None),
    )


def _parse_note(record: Record) -> Frame:
    return NoteFrame(
        at_us=_parse_time(record),
        text=take(record, 'text', str, default=''),
        changes=take(record, 'changes', dict, default={}),
    )


def _start(record: Record) -> dict[str, int]:
    return {'id': take(record, 'id', int), 'at_us': _parse_time(record)}


def _parse_time(record: Record) -> int:
    seconds: float = take(record, 't', float, int)
    if not 0 <= seconds < math.inf:
        raise ValueError(f'"t" is {seconds}, not a time since the start')
    return round(seconds * 1_000_000)


def _parse_data(record: Record) -> bytes:
    if 'data64' in record:
        return decode64(take(record, 'data64', str))
    text: str = take(record, 'data', str)
    return text.encode()


def decode64(text: str) -> bytes:
    """Raises: ValueError: it is no base64."""
    return base64.b64decode(text, validate=True)


def _pairs(record: Record, key: str) -> Headers:
    value = take(record, key, list)
    for pair in value:
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str or type(pair[1]) is not str:
            raise ValueError(f'"{key}" has {pair!r:.40}, which is no pair of strings')
    return tuple((name, content) for name, content in value)


_KINDS: dict[type, str] = {
    RequestFrame: 'request',
    BodyFrame: 'body',
    ResponseFrame: 'response',
    ChunkFrame: 'chunk',
    TunnelFrame: 'frame',
    EndFrame: 'end',
    NoteFrame: 'note',
}
_VERSION_2_KINDS = frozenset({'body', 'frame', 'note'})
_PARSERS: dict[str, Callable[[Record], Frame]] = {
    'request': _parse_request,
    'body': _parse_body,
    'response': _parse_response,
    'chunk': _parse_chunk,
    'frame': _parse_tunnel,
    'end': _parse_end,
    'note': _parse_note,
}

KEYS: dict[str, frozenset[str]] = {
    'request': frozenset(
        {'kind', 'id', 't', 'method', 'path', 'query', 'headers', 'body', 'body64', 'target', 'streamed'}
    ),
    'body': frozenset({'kind', 'id', 't', 'data', 'data64', 'last'}),
    'response': frozenset({'kind', 'id', 't', 'status', 'reason', 'headers'}),
    'chunk': frozenset({'kind', 'id', 't', 'data', 'data64', 'partial'}),
    'frame': frozenset({'kind', 'id', 't', 'data', 'data64', 'from'}),
    'end': frozenset({'kind', 'id', 't', 'outcome', 'error'}),
    'note': frozenset({'kind', 't', 'text', 'changes'}),
}
"""The keys that a record of each kind may have; others are not kept."""
