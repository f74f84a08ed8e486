"""A cassette as one HTML page: a waterfall of the exchanges, each of them to be opened. No scripts, no outside.

The page is generated piece by piece, and bounded: of large cassettes it shows the first exchanges in full and says
how many are left out, and of large bodies the beginning.
"""

import html
import itertools
from collections.abc import Iterator

from kmock.messages import Outcome
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.printable import printable, shorten_middle
from kmock.recording.report import (
    duration_text,
    exchange_lines,
    is_watch,
    size_text,
    summary_lines,
)

__all__ = ['page']

MAX_EXCHANGES = 5_000
MAX_BODY_BYTES = 64 * 1024
MAX_LINES = 2_000
MAX_PAGE_CHARACTERS = 32 * 1024 * 1024
TAIL = 20
"""How much of a target's end is always seen: it tells apart what begins alike."""
MARKS = 400
"""How many places of the waterfall can have a mark."""

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --bar: #3b82f6; --watch: #8b5cf6; --bad: #dc2626; --soft: #8889; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.2rem; overflow-wrap: anywhere; }
pre { font: 12px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 1rem; }
details { border-top: 1px solid var(--line); }
summary, .titles { display: grid; grid-template-columns: 5rem 4rem 4.5rem minmax(10rem, 3fr) 3rem 5rem 5rem 7rem 3fr;
  gap: .6rem; padding: .2rem .4rem; cursor: pointer; align-items: center; }
summary:hover, summary:focus { background: var(--line); }
summary > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.target { display: flex; }
.target > span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.lane { position: relative; height: .8rem; }
.life { position: absolute; height: 100%; min-width: 2px; border-radius: 2px; background: var(--bar); }
.watch { background: var(--watch); }
.lane > i { position: absolute; height: 100%; width: 1px; background: Canvas; }
.failed { background: var(--bad); }
.bad { color: var(--bad); }
.soft { color: var(--soft); }
"""


def page(cassette: Cassette) -> Iterator[str]:
    """The page in pieces of text, to be written in UTF-8."""
    title = html.escape(shorten_middle(cassette.name, 200))
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">'
        f'<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n'
    )
    yield f'<pre>{_escaped(itertools.islice(summary_lines(cassette, width=140), 1, 200))}</pre>\n'
    yield (
        '<div class="titles soft"><span class="n">at, s</span><span>number</span><span>method</span><span>target</span>'
        '<span>status</span><span class="n">took</span><span class="n">bytes</span><span>ended</span>'
        '<span>when</span></div>\n'
    )
    yield from _exchanges(cassette)
    yield '</body></html>\n'


def _exchanges(cassette: Cassette) -> Iterator[str]:
    written = 0
    for index, exchange in enumerate(cassette.exchanges):
        if index >= MAX_EXCHANGES or written >= MAX_PAGE_CHARACTERS:
            left = len(cassette.exchanges) - index
            yield f'<p>{left:,} more exchanges are not shown here: <code>kmock show</code> shows them.</p>\n'
            return
        text = _exchange(exchange, max(cassette.duration_us, 1))
        written += len(text)
        yield text


def _exchange(exchange: Exchange, span_us: int) -> str:
    response, end = exchange.response, exchange.end
    end_us = end.at_us if end is not None else span_us
    status = '-' if response is None else str(response.status)
    failed = response is None or response.status >= 400 or exchange.outcome in {Outcome.RESET, Outcome.SERVER_CLOSED}
    kind = 'failed' if failed else 'watch' if is_watch(exchange) else ''
    left, width = exchange.at_us * 100 / span_us, max(0, end_us - exchange.at_us) * 100 / span_us
    target = printable(exchange.target)
    cut = max(0, len(target) - TAIL)
    head, tail = html.escape(target[:cut]), html.escape(target[cut:])
    lane = f'<span class="life {kind}" style="left:{left:.3f}%;width:{width:.3f}%"></span>'
    lane += ''.join(f'<i style="left:{place}%"></i>' for place in _marks(exchange, span_us))
    return (
        f'<details id="e{exchange.id}"><summary><span class="n">{exchange.at_us / 1e6:.3f}</span>'
        f'<span class="soft">#{exchange.id}</span><span>{html.escape(printable(exchange.method))}</span>'
        f'<span class="target" title="{html.escape(target)}"><span>{head}</span><span>{tail}</span></span>'
        f'<span{" class=bad" if failed else ""}>{status}</span>'
        f'<span class="n">{duration_text(max(0, end_us - exchange.at_us))}</span>'
        f'<span class="n">{size_text(exchange.body_size)}</span><span>{exchange.outcome}</span>'
        f'<span class="lane">{lane}</span></summary><pre>{_escaped(_lines(exchange))}</pre></details>\n'
    )


def _marks(exchange: Exchange, span_us: int) -> list[float]:
    """Where in the waterfall, in percent, something came in a watch."""
    if not is_watch(exchange):
        return []
    places = {round(chunk.at_us * MARKS / span_us) for chunk in exchange.chunks()}
    return [place * 100 / MARKS for place in sorted(places)]


def _lines(exchange: Exchange) -> Iterator[str]:
    lines = exchange_lines(exchange, limit=MAX_BODY_BYTES)
    yield from itertools.islice(lines, MAX_LINES)
    if next(lines, None) is not None:
        yield f'… kmock show --id {exchange.id} shows the rest'


def _escaped(lines: Iterator[str]) -> str:
    return html.escape('\n'.join(lines))
