"""`kmock serve`: a file of rules as a server, loaded anew whenever it changes."""

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import click

from kmock.cli.access_log import AccessLog, as_json, as_text
from kmock.cli.command import check_command, environment, run_command
from kmock.cli.editions import Editions
from kmock.cli.kubeconfig_out import check_kubeconfig_path
from kmock.cli.options import PATH, Access, WithCommand, access_options
from kmock.cli.rules_file import DEFAULT_CLASS, RulesError, RulesFile
from kmock.cli.serving import Station, station
from kmock.cli.signals import Signals, run
from kmock.clock import Clock, LoopClock
from kmock.errors import KMockError

__all__ = ['Service', 'serve', 'watch']

POLL_SECONDS = 0.25
SETTLING_SECONDS = 0.05
"""For how long the files must not change before they are read: editors and checkouts write in steps."""


@click.command(cls=WithCommand)
@click.argument('file', metavar='RULES.PY', type=PATH)
@click.option(
    '--host', default='127.0.0.1', metavar='NAME', show_default=True, help='The name or address to listen on.'
)
@click.option('--json', 'as_objects', is_flag=True, help='Log requests for machines: a JSON object a line.')
@click.option('--reload/--no-reload', default=True, help='Load the file anew when it changes, which is the default.')
@click.option(
    '--cls',
    default=DEFAULT_CLASS,
    metavar='MODULE:CLASS',
    help='The class of handlers to write the rules to, e.g. one in a module beside the file.',
)
@access_options
def serve(
    file: Path,
    host: str,
    as_objects: bool,
    reload: bool,
    cls: str,
    access: Access,
    command: tuple[str, ...],
) -> None:
    """Serve the rules that the function `def rules(kmock): ...` (or `async def`) in RULES.PY writes.

    The first line on standard output is the URL; then comes a line for each request that is over. All else that is
    to be told goes to standard error. When the file changes, or a module beside it that it imports, the rules are
    made anew: open streams end, and all later requests get the new rules. If that fails, the former ones stay.

    With a COMMAND, it is run with the URL in KMOCK_URL, and KUBECONFIG leading to the server; its exit status is passed
    on. It has the standard output to itself, and the log of requests goes to standard error.

    \b
    Examples:
      kmock serve rules.py --port 8080
      kmock serve rules.py --json >requests.jsonl
      kmock serve rules.py -- pytest tests/e2e
    """
    if command:
        check_command(command)
    if access.kubeconfig_out is not None:
        check_kubeconfig_path(access.kubeconfig_out)
    with RulesFile(file, cls) as rules_file:
        service = Service(
            file=rules_file, host=host, as_objects=as_objects, reload=reload, access=access, command=command
        )
        status = run(service.run)
    click.get_current_context().exit(status)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is to be served, how, and to whom."""

    file: RulesFile
    host: str
    as_objects: bool
    reload: bool
    access: Access
    command: Sequence[str]

    async def run(self, signals: Signals) -> int:
        clock = LoopClock()
        log = AccessLog(sys.stderr if self.command else sys.stdout, as_json if self.as_objects else as_text, tell)
        async with (
            Editions(self.file, log, tell, clock) as editions,
            station(editions, self.access, host=self.host, clock=clock, signals=signals) as here,
        ):
            led = _Led(here, encrypted=self.access.encrypted)
            editions.renewed.append(lambda: led.follow(editions.client_tokens))
            await editions.renew()
            async with self.watched(editions, clock):
                return await self._serve(here)

    @contextlib.asynccontextmanager
    async def watched(self, editions: Editions, clock: Clock) -> AsyncIterator[None]:
        """Renew the edition at changes, for the duration of a block, unless it is not wanted."""
        if not self.reload:
            yield
            return
        task = asyncio.create_task(watch(self.file, editions, clock))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _serve(self, here: Station) -> int:
        if self.command:
            return await run_command(self.command, environment(here.kubeconfig, here.url), here.signals, here.clock)
        click.echo(here.url)
        watched = ', anew whenever it changes' if self.reload else ''
        tell(f'serving {self.file.path}{watched}. Stop with Ctrl-C.')
        if here.ca is not None:
            tell(f'its authority, for clients to trust: {here.ca}')
        await here.signals.wait()
        return 0


class _Led:
    """Keeps the kubeconfig of the clients in step with the users that the rules declare."""

    def __init__(self, here: Station, *, encrypted: bool) -> None:
        self._here = here
        self._encrypted = encrypted
        self._tokens: Mapping[str, str] = {}

    def follow(self, tokens: Mapping[str, str]) -> None:
        if list(tokens.items()) == list(self._tokens.items()):  # the first one is the one that clients are by default
            return
        if not self._tokens and not self._encrypted:
            tell('kubectl and other clients in Go send tokens over HTTPS only: give --tls, too.')
        self._here.lead(tokens)
        self._tokens = dict(tokens)


def tell(message: str) -> None:
    """Say something to the person in front of it."""
    click.echo(f'kmock: {message}', err=True)


async def watch(file: RulesFile, editions: Editions, clock: Clock) -> None:
    """Renew the edition whenever the files have changed, until cancelled."""
    while True:
        await clock.sleep_until(clock.now() + POLL_SECONDS)
        if not file.changed():
            continue
        await _settled(file, clock)
        try:
            await editions.renew()
        except RulesError as exc:
            why = str(exc)
            tell(f'{why if why.endswith("...") else why.rstrip(".")}; the former rules stay.')
        except KMockError as exc:
            tell(f'loaded {file.path} anew, but: {exc}')
        else:
            tell(f'loaded {file.path} anew.')


async def _settled(file: RulesFile, clock: Clock) -> None:
    before = None
    while (now := file.stamps()) != before:
        before = now
        await clock.sleep_until(clock.now() + SETTLING_SECONDS)
