"""HARs as cassettes: those that `har_export.py` wrote, and those of browsers, which know less.

A browser's HAR has no pieces and no endings: a body is one chunk at the end, and all that has a status is complete.
Bodies are in it as they were decoded, so headers that speak of their coding are dropped.
"""

import datetime
import os
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, BinaryIO

from kmock.errors import CassetteError
from kmock.messages import Outcome
from kmock.recording.cassette import Cassette, Problems
from kmock.recording.disk.compression import text_of
from kmock.recording.disk.spool import Spool
from kmock.recording.foreign.har_export import VERSION
from kmock.recording.foreign.jsontext import JsonReader, take
from kmock.recording.foreign.ordering import in_order
from kmock.recording.foreign.records import decode64
from kmock.recording.format import open_regular
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
)

__all__ = ['read_har']

Record = Mapping[str, Any]

_STREAMS = ('_body', '_chunks', '_tunnel')

_WANTED = frozenset({'_kmock', '_outcome', '_error', 'startedDateTime', 'time', 'timings', 'request', 'response'})

_CODING = frozenset({'content-encoding', 'content-length', 'transfer-encoding', 'connection', 'keep-alive'})


def read_har(path: str | os.PathLike[str]) -> Cassette:
    """Read a HAR, one that `write_har` wrote or one of a browser.

    Raises:
        CassetteError: it can't be read; the message names the entry and what is wrong with it.
    """
    place = _Place()
    try:
        with text_of(open_regular(path), str(path)) as file:
            survey = _survey(file, place)
        with text_of(open_regular(path), str(path)) as file:
            return _read(file, str(path), survey, place)
    except ValueError as error:
        text = str(error).rstrip('.')
        raise CassetteError(f'{path}{place}: {text}.') from None
    except OSError as error:
        raise CassetteError(f'{path} can not be read: {error.strerror or error}.') from None


class _Place:
    """Where in the document the reader is, for messages."""

    def __init__(self) -> None:
        self.entry = 0

    def __str__(self) -> str:
        return f', entry {self.entry}' if self.entry else ''


class _Survey:
    """What has to be known before the first entry is read."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.notes: list[NoteFrame] = []
        self.began: datetime.datetime | None = None
        """When the first request was sent: the entries need not be in order."""


def _survey(file: BinaryIO, place: _Place) -> _Survey:
    survey = _Survey()
    reader = JsonReader(file)
    for key in _log_items(reader):
        if key == '_kmock':
            _take_header(take({key: reader.value()}, key, dict), survey)
            return survey
        if key != 'entries':
            reader.value()
            continue
        for place.entry, _ in enumerate(reader.elements(), 1):
            for name in reader.items():
                if name == 'startedDateTime':
                    moment = _parse_moment(reader.value())
                    survey.began = min(survey.began or moment, moment)
                else:
                    _skip(reader, name)
        place.entry = 0
    return survey


def _skip(reader: JsonReader, key: str) -> None:
    if key not in _STREAMS:
        reader.value()
        return
    for _ in reader.elements():
        reader.value()


def _log_items(reader: JsonReader) -> Any:
    """The keys of `log`, whose values the caller reads."""
    found = False
    for key in reader.items():
        if key == 'log':
            found = True
            yield from reader.items()
        else:
            reader.value()
    reader.finish()
    if not found:
        raise ValueError('there is no "log": it is no HAR')


def _take_header(record: Record, survey: _Survey) -> None:
    version = take(record, 'version', int)
    if version > VERSION:
        raise ValueError(f'"_kmock" is of version {version}; this kmock reads versions up to {VERSION}')
    redacted = take(record, 'redacted', list, default=[])
    if not all(type(line) is str for line in redacted):
        raise ValueError('"redacted" is not a list of strings')
    survey.header = Header(
        created=take(record, 'created', str),
        server=take(record, 'server', dict, type(None), default=None),
        redacted=tuple(redacted),
        key=decode64(take(record, 'key', str, default='')),
        matching=take(record, 'matching', dict, default={}),
        extra=take(record, 'extra', dict, default={}),
    )
    for note in take(record, 'notes', list, default=[]):
        if type(note) is not dict:
            raise ValueError('a note is no object')
        survey.notes.append(
            NoteFrame(
                at_us=take(note, 'at_us', int),
                text=take(note, 'text', str, default=''),
                changes=take(note, 'changes', dict, default={}),
            )
        )


def _read(file: BinaryIO, name: str, survey: _Survey, place: _Place) -> Cassette:
    began = survey.began or datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    header = survey.header or Header(created=began.isoformat().replace('+00:00', 'Z'))
    problems = Problems()
    reader = JsonReader(file)
    with Spool(header, name, problems) as spool:
        for note in survey.notes:
            spool.add(note)
        for key in _log_items(reader):
            if key != 'entries':
                reader.value()
                continue
            for place.entry, _ in enumerate(reader.elements(), 1):
                _Entry(place.entry, reader, began, spool, problems).read()
            place.entry = 0
        cassette = spool.finish()
    return in_order(cassette)


class _Entry:
    """One entry on its way into the spool: its head first, then its lists item by item, then its end."""

    def __init__(
        self, number: int, reader: JsonReader, began: datetime.datetime, spool: Spool, problems: Problems
    ) -> None:
        self._number = number
        self._reader = reader
        self._began = began
        self._spool = spool
        self._problems = problems
        self._fields: dict[str, Any] = {}
        self._begun = False

    def read(self) -> None:
        for key in self._reader.items():
            if key in _STREAMS:
                self._read_stream(key)
            elif key in _WANTED:
                self._fields[key] = self._reader.value()
            else:
                self._reader.value()
                if key == '_webSocketMessages':
                    self._problems.add(f'Entry {self._number}: messages of web sockets are not imported.')
        if '_kmock' in self._fields:
            self._begin()
            self._end()
        else:
            self._add_foreign()

    # --- entries of kmock

    def _read_stream(self, key: str) -> None:
        if not {'_kmock', 'request', 'response'} <= self._fields.keys():
            raise ValueError(f'"{key}" stands before what it belongs to: keep the order of the keys')
        self._begin()
        for _ in self._reader.elements():
            item = take({key: self._reader.value()}, key, dict)
            self._spool.add(self._item(key, item))

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        own = take(self._fields, '_kmock', dict)
        request, response = take(self._fields, 'request', dict), take(self._fields, 'response', dict)
        self._id, self._at_us = take(own, 'id', int), take(own, 'at_us', int)
        streamed = take(own, 'streamed', bool, default=False)
        self._spool.add(
            RequestFrame(
                id=self._id,
                at_us=self._at_us,
                method=take(request, 'method', str),
                target=take(own, 'target', str),
                headers=_pairs(request, 'headers'),
                body=None if streamed else _post_data(request),
                streamed=streamed,
            )
        )
        answered = take(own, 'response_us', int, type(None), default=None)
        if answered is not None:
            self._spool.add(_response(response, self._id, answered, _pairs(response, 'headers')))

    def _item(self, key: str, item: Record) -> DataFrame:
        at_us = self._at_us + round(_number(item, 'offset') * 1_000_000)
        if 'base64' in item:
            data = decode64(take(item, 'base64', str))
        elif 'data' in item or key != '_chunks':
            data = take(item, 'data', str).encode()
        else:
            data = _content(self._fields['response']) or b''
        if key == '_body':
            return BodyFrame(id=self._id, at_us=at_us, data=data, last=take(item, 'last', bool, default=False))
        if key == '_tunnel':
            return TunnelFrame(id=self._id, at_us=at_us, data=data, from_client=take(item, 'from', str) == 'client')
        return ChunkFrame(id=self._id, at_us=at_us, data=data, partial=take(item, 'partial', bool, default=False))

    def _end(self) -> None:
        ended = take(self._fields['_kmock'], 'end_us', int, type(None), default=None)
        if ended is not None:
            outcome = Outcome(take(self._fields, '_outcome', str))
            error = take(self._fields, '_error', str, type(None), default=None)
            self._spool.add(EndFrame(id=self._id, at_us=ended, outcome=outcome, error=error))

    # --- entries of browsers

    def _add_foreign(self) -> None:
        id = self._number  # noqa: A001
        request, response = take(self._fields, 'request', dict), take(self._fields, 'response', dict)
        moment = _parse_moment(take(self._fields, 'startedDateTime', str))
        at_us = round((moment - self._began) / datetime.timedelta(microseconds=1))
        answered, ended = (at_us + duration for duration in _durations(self._fields))
        headers = tuple(pair for pair in _pairs(request, 'headers') if not pair[0].startswith(':'))
        method, target = take(request, 'method', str), _target(take(request, 'url', str))
        body = _post_data(request)
        self._spool.add(RequestFrame(id=id, at_us=at_us, method=method, target=target, headers=headers, body=body))
        if take(response, 'status', int) <= 0:
            error = take(response, '_error', str, type(None), default=None)
            self._spool.add(EndFrame(id=id, at_us=ended, outcome=Outcome.ERROR, error=error))
            return
        kept = tuple(
            (name, value)
            for name, value in _pairs(response, 'headers')
            if not name.startswith(':') and name.lower() not in _CODING
        )
        self._spool.add(_response(response, id, answered, kept))
        content = _content(response)
        if content:
            self._spool.add(ChunkFrame(id=id, at_us=ended, data=content))
        elif content is None and _number(response.get('content', {}), 'size', default=0) > 0:
            self._problems.add(f'Entry {id}: the body of the response is not in the file.')
        self._spool.add(EndFrame(id=id, at_us=ended, outcome=Outcome.COMPLETE))


def _response(record: Record, id: int, at_us: int, headers: Headers) -> ResponseFrame:
    status = take(record, 'status', int)
    if not 100 <= status <= 999:
        raise ValueError(f'"status" is {status}')
    return ResponseFrame(
        id=id, at_us=at_us, status=status, reason=take(record, 'statusText', str, default=''), headers=headers
    )


def _durations(fields: Record) -> tuple[int, int]:
    """From the request to the response and to the end, in microseconds. Unknown phases are -1 or left out."""
    timings = take(fields, 'timings', dict, default={})
    phases = {
        name: max(0.0, _number(timings, name, default=0)) for name in ('blocked', 'dns', 'connect', 'send', 'wait')
    }
    answered = round(sum(phases.values()) * 1000)
    receive = round(max(0.0, _number(timings, 'receive', default=0)) * 1000)
    total = round(max(0.0, _number(fields, 'time', default=0)) * 1000)
    return answered, max(answered + receive, total)


def _post_data(request: Record) -> bytes | None:
    post = take(request, 'postData', dict, type(None), default=None)
    if post is None:
        return None
    text: str = take(post, 'text', str, default='')
    if 'base64' in (post.get('encoding'), post.get('_encoding')):
        return decode64(text)
    if not text and post.get('params'):
        return urllib.parse.urlencode(_pairs(post, 'params')).encode()
    return text.encode()


def _content(response: Record) -> bytes | None:
    content = take(response, 'content', dict, default={})
    text: str | None = take(content, 'text', str, type(None), default=None)
    if text is None:
        return None
    return decode64(text) if content.get('encoding') == 'base64' else text.encode()


def _pairs(record: Record, key: str) -> Headers:
    pairs = []
    for item in take(record, key, list):
        if type(item) is not dict:
            raise ValueError(f'"{key}" has {item!r:.40}, which is no object')
        pairs.append((take(item, 'name', str), take(item, 'value', str, default='')))
    return tuple(pairs)


def _number(record: Record, key: str, **options: Any) -> float:
    value: float | None = take(record, key, int, float, type(None), **options)
    value = 0 if value is None else value
    if not abs(value) < 2**50:  # neither NaN
        raise ValueError(f'"{key}" is {value}')
    return value


def _target(url: str) -> str:
    target = re.sub(r'^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', '', url).partition('#')[0]
    return target if target.startswith('/') else f'/{target}'


def _parse_moment(text: Any) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
        return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f'"startedDateTime" is {text!r:.60}, not a date and time') from None
