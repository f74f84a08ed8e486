"""The command `kmock` itself: a table of its commands, loaded lazily, and how errors end up on the terminal.

`kmock --help` must be quick, so neither aiohttp nor the kubernetes client is imported before a command needs it.
"""

import dataclasses
import importlib
from typing import Any

import click

from kmock import __version__
from kmock.errors import KMockError

__all__ = ['main']


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives, and what it does in one line."""

    module: str
    function: str
    summary: str

    def load(self) -> click.Command:
        command = getattr(importlib.import_module(self.module), self.function)
        assert isinstance(command, click.Command)
        return command


COMMANDS = {
    'serve': Entry('kmock.cli.serve', 'serve', 'Serve the rules of a Python file.'),
    'emulate': Entry('kmock.cli.emulate', 'emulate', 'Serve an emulated Kubernetes cluster.'),
    'record': Entry('kmock.cli.record', 'record', "Record a client's traffic with a cluster."),
    'replay': Entry('kmock.cli.replay', 'replay', "Serve a cassette in the cluster's place."),
    'show': Entry('kmock.cli.show', 'show', 'Read a cassette: summary, timeline, one exchange, a page.'),
    'export': Entry('kmock.cli.export', 'export', 'Write a cassette as JSON Lines or HAR.'),
    'import': Entry('kmock.cli.import_', 'import_', 'Make a cassette of JSON Lines or HAR.'),
    'repair': Entry('kmock.cli.repair', 'repair', 'Save what can be read of a damaged cassette.'),
    'fetch': Entry('kmock.cli.fetch', 'fetch', "Write down a cluster's resource types, for tests."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when that command is called, and not for the list of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else entry.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section('Commands'):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KMockError as exc:
            raise click.ClickException(str(exc)) from exc


@click.group(cls=LazyGroup, context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 110})
@click.version_option(__version__, prog_name='kmock')
def main() -> None:
    """Record what a client says to a Kubernetes cluster (or any HTTP API), and replay it with its timing.

    \b
    Examples:
      kmock serve rules.py
      kmock emulate -- kubectl create configmap example
      kmock record --cluster kind -o session.kmock -- kubectl get pods
      kmock replay session.kmock -- kubectl get pods
      kmock show session.kmock
    """
