"""`kmock show`: a cassette read to a person."""

import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from kmock.cli.options import PATH, force_option, source_argument
from kmock.cli.output import standard_output, written
from kmock.errors import CassetteError
from kmock.recording.cassette import Cassette, Exchange
from kmock.recording.interchange import open_cassette
from kmock.recording.page import page
from kmock.recording.report import exchange_lines, summary_lines, text_lines, timeline_lines

__all__ = ['show']

WIDTH = 120


@click.command()
@source_argument
@click.option('--id', 'number', type=int, metavar='N', help='Show only the exchange N, in full.')
@click.option('--raw', is_flag=True, help='With --id: bodies as they are, and chunks instead of events.')
@click.option('--text', is_flag=True, help='Show everything but the times, for comparisons (git diff).')
@click.option('--html', type=PATH, metavar='OUT', help='Write a page to look at in a browser.')
@force_option
def show(file: Path, number: int | None, raw: bool, text: bool, html: Path | None, force: bool) -> None:
    """Read the cassette FILE to you: what it is, and its timeline. FILE may also be JSON Lines or HAR.

    \b
    Examples:
      kmock show session.kmock
      kmock show session.kmock --id 3
      kmock show session.kmock --html session.html
      git config diff.kmock.textconv 'kmock show --text'
    """
    if sum((number is not None, text, html is not None)) > 1:
        raise click.UsageError('Only one of --id, --text and --html makes sense.')
    with open_cassette(file) as cassette:
        if html is not None:
            _write_page(cassette, html, force=force)
        elif number is not None:
            _print(exchange_lines(_find(cassette, number), raw=raw))
        elif text:
            _print(text_lines(cassette))
        else:
            _print(_overview(cassette))


def _overview(cassette: Cassette) -> Iterator[str]:
    width = shutil.get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH
    yield from summary_lines(cassette, width=width)
    if cassette.exchanges:
        yield ''
        yield from timeline_lines(cassette, width=width)


def _find(cassette: Cassette, number: int) -> Exchange:
    for exchange in cassette.exchanges:
        if exchange.id == number:
            return exchange
    raise CassetteError(f'{cassette.name} has no exchange {number}: see the ids in `kmock show`.')


def _print(lines: Iterator[str]) -> None:
    with standard_output() as stdout:
        if isinstance(stdout, io.TextIOWrapper):
            stdout.reconfigure(errors='replace')  # a terminal may not know all characters of a recording
        for line in lines:
            stdout.write(f'{line}\n')


def _write_page(cassette: Cassette, path: Path, *, force: bool) -> None:
    with written(path, force=force) as file:
        for part in page(cassette):
            file.write(part.encode(errors='replace'))
