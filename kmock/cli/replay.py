"""`kmock replay`: a cassette in the cluster's place."""

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from kmock.cli.cluster import CommandLineCluster
from kmock.cli.command import check_command
from kmock.cli.kubeconfig_out import check_kubeconfig_path
from kmock.cli.live import LiveLine
from kmock.cli.options import Access, WithCommand, access_options, source_argument
from kmock.cli.serving import CommandLineHandler, Talkative, station
from kmock.cli.signals import Signals, run
from kmock.cli.sizes import plural
from kmock.clock import Clock, LoopClock
from kmock.hydrated import is_of_kubernetes
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
@click.option(
    '--fallback',
    type=click.Choice(['emulator', 'none']),
    default='emulator',
    help='Who answers what was not recorded: an emulated cluster, which is the default for recordings of Kubernetes, '
    'or nobody.',
)
@access_options
def replay(
    file: Path,
    pace: str | float,
    ignore: tuple[str, ...],
    fallback: str,
    access: Access,
    command: tuple[str, ...],
) -> None:
    """Answer clients from the cassette FILE as the recorded server did, with its timing.

    With a COMMAND, it is run with KUBECONFIG leading to the replay (and the bare URL in KMOCK_URL); its exit status
    is passed on. Without one, the first line on standard output is "URL KUBECONFIG", for any client until Ctrl-C.
    FILE may also be JSON Lines or HAR.

    What was not recorded is answered by an emulated cluster, which begins with the resource types and objects that
    the recording tells of, and follows what is replayed of it. With --fallback none, and for recordings of anything
    else than Kubernetes, it gets status 599, and an explanation.

    \b
    Examples:
      kmock replay session.kmock -- kubectl get pods
      kmock replay session.kmock --pace instant -- pytest tests/e2e
      kmock replay session.kmock --fallback none -- ./operator
      kmock replay session.jsonl.gz --port 8080 --kubeconfig-out replay.kubeconfig
    """
    if command:
        check_command(command)
    if access.kubeconfig_out is not None:
        check_kubeconfig_path(access.kubeconfig_out)
    with open_cassette(file) as cassette:
        for problem in cassette.problems:
            click.echo(f'kmock: {file}: {problem}', err=True)
        performance = Performance(
            cassette=cassette,
            pace=pace,
            ignore=ignore,
            emulated=fallback == 'emulator' and is_of_kubernetes(cassette),
            access=access,
            command=command,
        )
        status = run(performance.run)
    click.get_current_context().exit(status)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What is to be replayed, how, and to whom."""

    cassette: Cassette
    pace: str | float
    ignore: tuple[str, ...]
    emulated: bool
    access: Access
    command: Sequence[str]

    async def run(self, signals: Signals) -> int:
        clock = LoopClock()
        line = LiveLine(lambda: _progress(handler), clock)
        handler = self._handler(clock)
        # COMMAND has the terminal, and gets the explanations as answers.
        handler.tell(line.say, unmatched=not self.command)
        async with handler, station(handler, self.access, clock=clock, signals=signals) as here:
            status = await here.serve(self.command, line)
        for text in _summary(handler.cassette, 'emulated' if self.emulated else 'refused'):
            click.echo(f'kmock: {text}', err=True)
        return status

    def _handler(self, clock: Clock) -> Talkative:
        options: dict[str, Any] = {'cassette': self.cassette, 'pace': self.pace, 'ignore': self.ignore, 'clock': clock}
        if not self.emulated:
            return CommandLineHandler(**options)
        return CommandLineCluster(**options)


def _progress(handler: Talkative) -> str:
    return f'{plural(handler.requests, "request")}, {len(handler.cassette.unmatched)} unmatched'


def _summary(player: Player, word: str) -> Iterator[str]:
    """What was not recorded, with a word for what was done about it, and what was not asked for."""
    unmatched = collections.Counter(player.unmatched)
    others = f', {word} {unmatched.total()}' if unmatched else ''
    yield f'answered {plural(len(player.played), "request")}{others}; {_unused_text(player)}'
    for request, count in list(unmatched.items())[:SHOWN]:
        times = f' ({count} times)' if count > 1 else ''
        yield f'{word} {request}{times}'
    if len(unmatched) > SHOWN:
        yield f'{word} {len(unmatched) - SHOWN} others'


def _unused_text(player: Player) -> str:
    unused, total = len(player.unused), plural(len(player.cassette.exchanges), 'recorded exchange')
    return f'{unused} of {total} not used' if unused else f'all of {total} used'
