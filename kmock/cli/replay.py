"""`kmock replay`: a cassette in the cluster's place."""

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from kmock.cli.command import check_command
from kmock.cli.kubeconfig_out import check_kubeconfig_path
from kmock.cli.live import LiveLine
from kmock.cli.options import Access, WithCommand, access_options, source_argument
from kmock.cli.serving import CommandLineHandler, station
from kmock.cli.signals import Signals, run
from kmock.cli.sizes import plural
from kmock.clock import LoopClock
from kmock.recording.cassette import Cassette
from kmock.recording.interchange import open_cassette
from kmock.recording.player import Player

__all__ = ['replay']

SHOWN = 10


def _parse_pace(ctx: click.Context, param: click.Parameter, value: str) -> str | float:
    if value in {'original', 'instant'}:
        return value
    try:
        pace = float(value)
    except ValueError:
        pace = 0.0
    if not 0 < pace < float('inf'):
        raise click.BadParameter(f'{value!r} is none: write original, instant, or how many times faster, e.g. 10.')
    return pace


@click.command(cls=WithCommand)
@source_argument
@click.option(
    '--pace',
    default='original',
    callback=_parse_pace,
    metavar='original|instant|N',
    help='With the recorded timing, at once, or N times faster.',
)
@click.option(
    '--ignore',
    multiple=True,
    metavar='X',
    help='Ignore this where requests are compared: a header, query parameter or path in bodies; repeatable.',
)
@access_options
def replay(file: Path, pace: str | float, ignore: tuple[str, ...], access: Access, command: tuple[str, ...]) -> None:
    """Answer clients from the cassette FILE as the recorded server did, with its timing.

    With a COMMAND, it is run with KUBECONFIG leading to the replay (and the bare URL in KMOCK_URL); its exit status
    is passed on. Without one, the first line on standard output is "URL KUBECONFIG", for any client until Ctrl-C.
    A request that was not recorded gets status 599, and an explanation. FILE may also be JSON Lines or HAR.

    \b
    Examples:
      kmock replay session.kmock -- kubectl get pods
      kmock replay session.kmock --pace instant -- pytest tests/e2e
      kmock replay session.jsonl.gz --port 8080 --kubeconfig-out replay.kubeconfig
    """
    if command:
        check_command(command)
    if access.kubeconfig_out is not None:
        check_kubeconfig_path(access.kubeconfig_out)
    with open_cassette(file) as cassette:
        for problem in cassette.problems:
            click.echo(f'kmock: {file}: {problem}', err=True)
        performance = Performance(cassette=cassette, pace=pace, ignore=ignore, access=access, command=command)
        status = run(performance.run)
    click.get_current_context().exit(status)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What is to be replayed, how, and to whom."""

    cassette: Cassette
    pace: str | float
    ignore: tuple[str, ...]
    access: Access
    command: Sequence[str]

    async def run(self, signals: Signals) -> int:
        clock = LoopClock()
        line = LiveLine(lambda: _progress(handler), clock)
        handler = CommandLineHandler(cassette=self.cassette, pace=self.pace, ignore=self.ignore, clock=clock)
        # COMMAND has the terminal, and gets the explanations as answers.
        handler.tell(line.say, unmatched=not self.command)
        async with handler, station(handler, self.access, clock=clock, signals=signals) as here:
            status = await here.serve(self.command, line)
        for text in _summary(handler.cassette):
            click.echo(f'kmock: {text}', err=True)
        return status


def _progress(handler: CommandLineHandler) -> str:
    return f'{plural(handler.requests, "request")}, {len(handler.cassette.unmatched)} unmatched'


def _summary(player: Player) -> Iterator[str]:
    """What was asked in vain, and what was not asked for."""
    unmatched = collections.Counter(player.unmatched)
    refused = f', refused {unmatched.total()}' if unmatched else ''
    yield f'answered {plural(len(player.played), "request")}{refused}; {_unused_text(player)}'
    for request, count in list(unmatched.items())[:SHOWN]:
        times = f' ({count} times)' if count > 1 else ''
        yield f'refused {request}{times}'
    if len(unmatched) > SHOWN:
        yield f'refused {len(unmatched) - SHOWN} others'


def _unused_text(player: Player) -> str:
    unused, total = len(player.unused), plural(len(player.cassette.exchanges), 'recorded exchange')
    return f'{unused} of {total} not used' if unused else f'all of {total} used'
