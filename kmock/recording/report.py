"""A cassette read to a person, as lines of text: a summary, a timeline, one exchange in full, the whole for `git diff`.

Everything is generated line by line, and what was recorded is never held in memory as a whole.
All that comes from a recording passes `printable()`, so that it can't play with the terminal.
The comparison of two cassettes is in `comparison.py`, the page in `page.py`.
"""

import base64
import collections
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from kmock.messages import Outcome
from kmock.naming import is_true, split_target
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.frames import Headers
from kmock.recording.printable import display_width, printable, shorten, shorten_middle

__all__ = [
    'BODY_LIMIT',
    'bar',
    'count_text',
    'duration_text',
    'event_lines',
    'exchange_lines',
    'is_watch',
    'size_text',
    'summary_lines',
    'text_lines',
    'timeline_lines',
]

BODY_LIMIT = 256 * 1024
"""How many bytes of a body are shown, unless more are asked for."""

_MAX_LINE = 100_000
_MAX_REMARK = 2_000
_ENDED = {
    Outcome.COMPLETE: 'ok',
    Outcome.CLIENT_CLOSED: 'client',
    Outcome.SERVER_CLOSED: 'server',
    Outcome.RESET: 'reset',
    Outcome.ERROR: 'error',
    Outcome.UNFINISHED: 'open',
}
_BINARY_TYPES = ('application/vnd.kubernetes.protobuf', 'application/octet-stream')


# --- quantities


def duration_text(us: int) -> str:
    """A span of time in three digits or so: `850 us`, `12.3 ms`, `4.25 s`, `95 s`."""
    if us < 1000:
        return f'{us} us'
    if us < 1_000_000:
        return f'{us / 1000:.{1 if us < 99_950 else 0}f} ms'
    return f'{us / 1_000_000:.{2 if us < 9_995_000 else 1 if us < 99_950_000 else 0}f} s'


def size_text(size: int) -> str:
    """A number of bytes: `363 B`, `1.2 kB`, `34 MB`."""
    if size < 1000:
        return f'{size} B'
    amount, unit = float(size), ''
    for unit in ('kB', 'MB', 'GB', 'TB'):  # noqa: B007  # the last one stays for whatever is larger
        amount /= 1000
        if amount < 999.5:
            break
    return f'{amount:.{1 if amount < 9.95 else 0}f} {unit}'


def count_text(count: int, noun: str) -> str:
    """A number with its noun: `1 request`, `2,000 requests`."""
    return f'{count:,} {noun}{"" if count == 1 else "s"}'


# --- summary


def summary_lines(cassette: Cassette, *, width: int = 100) -> Iterator[str]:
    """What the cassette is, in a dozen lines."""
    yield shorten_middle(cassette.name, width)
    for title, text in _summary(cassette):
        for line in textwrap.wrap(shorten(text, _MAX_REMARK), max(width - 12, 20)) or ['']:
            yield f'  {title:<10}{line}'
            title = ''


def _summary(cassette: Cassette) -> Iterator[tuple[str, str]]:
    header = cassette.header
    yield 'recorded', f'{header.created}, {duration_text(cassette.duration_us)} long'
    if header.server:
        yield 'server', _server_text(header.server)
    tally = _Tally(cassette)
    yield 'requests', tally.methods_text(len(cassette.exchanges))
    yield (
        'streams',
        f'{count_text(tally.watches, "watch").replace("watchs", "watches")}, ' + count_text(tally.tunnels, 'tunnel'),
    )
    yield 'answers', f'{_counts_text(tally.statuses)}; {count_text(tally.chunks, "chunk")}'
    yield 'bytes', f'{size_text(tally.sent)} in requests, {size_text(tally.received)} in answers'
    yield 'endings', _counts_text(tally.outcomes)
    if header.redacted:
        yield 'redacted', ', '.join(header.redacted)
    if header.matching:
        yield 'matching', json.dumps(dict(header.matching), ensure_ascii=False, default=str)
    for note in cassette.notes:
        if note.text:
            yield 'note', f'{note.text} (at {note.at_us / 1e6:.3f} s)'
    for problem in cassette.problems:
        yield 'problem', problem


class _Tally:
    """One pass over the exchanges."""

    def __init__(self, cassette: Cassette) -> None:
        self.methods: collections.Counter[str] = collections.Counter()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.watches = self.tunnels = self.chunks = self.sent = self.received = 0
        for exchange in cassette.exchanges:
            response = exchange.response
            self.methods[exchange.method] += 1
            self.statuses['none' if response is None else str(response.status)] += 1
            self.outcomes[exchange.outcome] += 1
            self.watches += is_watch(exchange)
            self.tunnels += response is not None and response.status == 101
            self.chunks += exchange.chunk_count
            self.received += exchange.body_size
            self.sent += _request_body(exchange, 0)[1]

    def methods_text(self, total: int) -> str:
        return f'{total:,}: {_counts_text(self.methods)}' if total else 'none'


def _counts_text(counts: collections.Counter[str]) -> str:
    shown = [f'{count:,} {name}' for name, count in counts.most_common(12)]
    if len(counts) > len(shown):
        shown.append(f'and {len(counts) - len(shown)} other kinds')
    return ', '.join(shown) or 'none'


def _server_text(server: Mapping[str, Any]) -> str:
    version = f'{server.get("major", "?")}.{server.get("minor", "?")}'
    git = server.get('gitVersion')
    return f'{git} ({version})' if git else version


def is_watch(exchange: Exchange) -> bool:
    """Whether the exchange is a watch of Kubernetes."""
    path, query = split_target(exchange.target)
    if exchange.method != 'GET' or not path.startswith(('/api/', '/apis/')):
        return False
    values = [part.partition('=')[2] for part in query.split('&') if part.partition('=')[0] == 'watch']
    return any(value and is_true(value) for value in values) or '/watch/' in path


# --- timeline


def timeline_lines(cassette: Cassette, *, width: int = 100) -> Iterator[str]:
    """One line for each exchange, with a little bar for when it lived."""
    columns = _Columns(width)
    yield columns.title()
    span_us = cassette.duration_us
    for exchange in cassette.exchanges:
        yield columns.line(exchange, span_us)


class _Columns:
    """The layout of the timeline for a width: narrow terminals lose columns, what is left goes to target and bar."""

    FIXED = 9 + 1 + 6 + 1 + 6 + 1 + 1 + 3 + 1 + 8 + 1 + 6

    def __init__(self, width: int) -> None:
        self.has_parts, self.has_bytes, self.has_bar = width >= 96, width >= 76, width >= 64
        taken = self.FIXED + 6 * self.has_parts + 8 * self.has_bytes + self.has_bar
        flexible = max(width - taken, 12)
        self.bar = min(40, max(8, flexible // 4)) if self.has_bar else 0
        self.target = flexible - self.bar

    def title(self) -> str:
        return self._line('at, s', 'id', 'method', 'target', 'st.', 'took', 'parts', 'bytes', 'ended', '')

    def line(self, exchange: Exchange, span_us: int) -> str:
        end, response = exchange.end, exchange.response
        last_us = end.at_us if end is not None else span_us
        return self._line(
            f'{exchange.at_us / 1e6:.3f}',
            f'#{exchange.id}',
            shorten(exchange.method, 6),
            shorten_middle(exchange.target, self.target),
            str(response.status) if response is not None else '-',
            duration_text(max(0, last_us - exchange.at_us)),
            str(exchange.chunk_count),
            size_text(exchange.body_size),
            _ENDED[exchange.outcome],
            bar(exchange.at_us, last_us, span_us, self.bar) if self.has_bar else '',
        )

    def _line(self, *cells: str) -> str:
        at, number, method, target, status, took, parts, size, ended, drawn = cells
        padding = ' ' * (self.target - display_width(target))
        optional = (f' {parts:>5}' if self.has_parts else '') + (f' {size:>7}' if self.has_bytes else '')
        line = f'{at:>9} {number:>6} {method:<6} {target}{padding} {status:>3} {took:>8}{optional} {ended:<6} {drawn}'
        return line.rstrip()


def bar(start_us: int, end_us: int, span_us: int, width: int) -> str:
    """A bar of so many columns for a time within a span that begins at zero; at least a dot."""
    span_us = max(span_us, 1)
    first = min(width - 1, start_us * width // span_us)
    last = min(width - 1, max(end_us, start_us) * width // span_us)
    drawn = '·' if first == last else '━' * (last - first + 1)
    return (' ' * first + drawn).ljust(width)


# --- one exchange


def exchange_lines(exchange: Exchange, *, raw: bool = False, limit: int = BODY_LIMIT) -> Iterator[str]:
    """One exchange in full: both heads, the bodies, every chunk or event with its time since the request.

    Args:
        raw: show bodies as they are, not indented; and chunks rather than the events of a watch.
        limit: show so many bytes of each body.
    """
    end, response = exchange.end, exchange.response
    yield f'#{exchange.id} at {exchange.at_us / 1e6:.6f} s: {_ending_text(exchange)}'
    yield ''
    yield f'> {printable(exchange.method)} {printable(exchange.target)}'
    yield from _header_lines('> ', exchange.request.headers)
    body, size = _request_body(exchange, limit)
    if body:
        yield '>'
        content_type = _header(exchange.request.headers, 'content-type')
        yield from (f'> {line}' for line in _body_lines(body, size, content_type, raw))
    if response is not None:
        yield ''
        yield f'< {response.status} {printable(response.reason)}'.rstrip() + f'  {_since(exchange, response.at_us)}'
        yield from _header_lines('< ', response.headers)
        yield '<'
        yield from _response_lines(exchange, raw, limit)
    yield from _tunnel_lines(exchange, limit)
    if end is not None:
        yield ''
        yield f'{end.outcome}{f": {printable(end.error)}" if end.error else ""}  {_since(exchange, end.at_us)}'


def _response_lines(exchange: Exchange, raw: bool, limit: int) -> Iterator[str]:
    if is_watch(exchange) and not raw:
        yield from (f'< {line}' for line in event_lines(exchange, limit=limit))
        return
    shown = 0
    for chunk in exchange.chunks():
        partial = ', the chunk goes on' if chunk.partial else ''
        yield f'< {_since(exchange, chunk.at_us)} {len(chunk.data):,} bytes{partial}'
        shown += len(chunk.data)
        if shown > limit:
            break
    response = exchange.response
    content_type = _header(response.headers, 'content-type') if response is not None else ''
    body = exchange.body(limit)
    if body:
        yield '<'
        yield from (f'< {line}' for line in _body_lines(body, exchange.body_size, content_type, raw))


def event_lines(exchange: Exchange, *, limit: int = BODY_LIMIT) -> Iterator[str]:
    """The events of a watch, one line each, with the time of their last byte since the request."""
    rest, shown, start_us = b'', 0, exchange.at_us
    at_us = start_us
    for chunk in exchange.chunks():
        at_us = chunk.at_us
        if shown > limit:
            yield f'and more, up to {size_text(exchange.body_size)}'
            return
        *lines, rest = (rest + chunk.data).split(b'\n')
        shown += len(chunk.data)
        for line in lines:
            yield f'{_since(exchange, at_us)} {_event_text(line)}'
    if rest:
        yield f'{_since(exchange, at_us)} an unfinished event of {count_text(len(rest), "byte")}: {_event_text(rest)}'


def _event_text(line: bytes) -> str:
    try:
        event = json.loads(line)
        kind, value = event['type'], event['object']
        if kind == 'ERROR':
            return f'ERROR {value.get("code")} {printable(str(value.get("message")))}'
        # Tables of kubectl carry the objects in their rows.
        objects = [row['object'] for row in value['rows']] if value.get('kind') == 'Table' else [value]
        return f'{printable(str(kind)):<8} {", ".join(_object_text(each) for each in objects)}'
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # no JSON, or no event: shown as it is
        return shorten(line[:200].decode('utf-8', 'replace'), 100)


def _object_text(value: Mapping[str, Any]) -> str:
    metadata = value.get('metadata') or {}
    name = '/'.join(str(metadata[key]) for key in ('namespace', 'name') if metadata.get(key))
    return printable(f'{value.get("kind", "?")} {name} resourceVersion={metadata.get("resourceVersion")}')


def _tunnel_lines(exchange: Exchange, limit: int) -> Iterator[str]:
    shown = 0
    for frame in exchange.tunnel():
        side = '>' if frame.from_client else '<'
        text = shorten(repr(frame.data[:100])[1:], 100) if frame.data else 'the end of this direction'
        yield f'{side} {_since(exchange, frame.at_us)} {len(frame.data):,} bytes {text}'
        shown += len(frame.data)
        if shown > limit:
            yield 'and more'
            return


def _ending_text(exchange: Exchange) -> str:
    end = exchange.end
    if end is None:
        return 'unfinished when the recording ended'
    return f'{end.outcome} after {duration_text(max(0, end.at_us - exchange.at_us))}'


def _since(exchange: Exchange, at_us: int) -> str:
    return f'+{(at_us - exchange.at_us) / 1e6:.6f} s'


def _header_lines(prefix: str, headers: Headers) -> Iterator[str]:
    return (f'{prefix}{printable(name)}: {printable(value)}' for name, value in headers)


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), '')


# --- bodies


def _body_lines(body: bytes, size: int, content_type: str, raw: bool) -> Iterator[str]:
    """A body, or the beginning of it, as lines; what is binary as base64."""
    if not raw and len(body) == size:
        value = _parsed(body)
        if isinstance(value, dict | list):
            yield from map(printable, json.dumps(value, indent=2, ensure_ascii=False).split('\n'))
            return
    if content_type.startswith(_BINARY_TYPES) or b'\0' in body:
        yield f'{size_text(size)} of {printable(content_type) or "binary data"}, in base64:'
        encoded = base64.b64encode(body[:_MAX_LINE]).decode()
        yield from (encoded[start : start + 96] for start in range(0, len(encoded), 96))
    else:
        lines = body.decode('utf-8', 'replace').split('\n')
        yield from (shorten(line, _MAX_LINE) for line in (lines[:-1] if lines[-1:] == [''] else lines))
    if len(body) < size:
        yield f'… {len(body):,} of {size:,} bytes are shown'


def _request_body(exchange: Exchange, limit: int) -> tuple[bytes, int]:
    """The beginning of a request's body, and the size of all of it."""
    if not exchange.request.streamed:
        body = exchange.request.body or b''
        return body[:limit], len(body)
    kept, size = b'', 0
    for piece in exchange.request_pieces():
        if len(kept) < limit:
            kept += piece.data
        size += len(piece.data)
    return kept[:limit], size


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # shown as it is
        return None


# --- all of it


def text_lines(cassette: Cassette) -> Iterator[str]:
    """All of a cassette as text, for `git diff`: what was asked and answered, but not when, as times always differ."""
    header = cassette.header
    yield f'created: {printable(header.created)}'
    yield f'server: {printable(json.dumps(header.server, sort_keys=True, ensure_ascii=False, default=str))}'
    yield from (f'redacted: {printable(line)}' for line in header.redacted)
    if header.matching:
        yield f'matching: {printable(json.dumps(dict(header.matching), ensure_ascii=False, default=str))}'
    yield from (f'problem: {printable(problem)}' for problem in cassette.problems)
    for exchange in cassette.exchanges:
        yield ''
        yield from _exchange_text(exchange)
    yield from (f'note: {printable(note.text)}' for note in cassette.notes if note.text)


def _exchange_text(exchange: Exchange) -> Iterator[str]:
    response = exchange.response
    yield f'{printable(exchange.method)} {printable(exchange.target)}'
    yield from _header_lines('> ', exchange.request.headers)
    body, size = _request_body(exchange, BODY_LIMIT)
    if body:
        content_type = _header(exchange.request.headers, 'content-type')
        yield from (f'>   {line}' for line in _body_lines(body, size, content_type, False))
    if response is not None:
        yield f'{response.status} {printable(response.reason)}'.rstrip()
        yield from _header_lines('< ', response.headers)
        if is_watch(exchange):
            yield from (f'<   {line}' for line in _raw_lines(exchange))
        elif exchange.body_size:
            content_type = _header(response.headers, 'content-type')
            lines = _body_lines(exchange.body(BODY_LIMIT), exchange.body_size, content_type, False)
            yield from (f'<   {line}' for line in lines)
    for frame in exchange.tunnel():
        yield f'{">" if frame.from_client else "<"}   {printable(repr(frame.data)[1:])}'
    end = exchange.end
    yield f'{exchange.outcome}{f": {printable(end.error)}" if end is not None and end.error else ""}'


def _raw_lines(exchange: Exchange) -> Iterator[str]:
    """A stream line by line, however it was cut into chunks; a line without an end is passed on in parts."""
    rest = b''
    for chunk in exchange.chunks():
        *lines, rest = (rest + chunk.data).split(b'\n')
        yield from (printable(line.decode('utf-8', 'replace')) for line in lines)
        if len(rest) > _MAX_LINE:
            yield printable(rest.decode('utf-8', 'replace'))
            rest = b''
    if rest:
        yield printable(rest.decode('utf-8', 'replace'))
