"""`kmock record`: a proxy between clients and a cluster that writes down what passes."""

import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from kmock.chain import Handler
from kmock.cli.cluster import CommandLineCluster
from kmock.cli.command import check_command
from kmock.cli.kubeconfig_out import check_kubeconfig_path
from kmock.cli.live import LiveLine
from kmock.cli.options import Access, WithCommand, access_options, force_option, output_option
from kmock.cli.output import check_cassette_output
from kmock.cli.secrets import Secrets, secrets_options
from kmock.cli.serving import CommandLineHandler, Station, station
from kmock.cli.signals import Signals, run
from kmock.cli.sizes import parse_size
from kmock.cli.source import EMULATED, Source, source_options
from kmock.cli.tape import Tape
from kmock.clock import Clock, LoopClock
from kmock.recording.cassette import Header
from kmock.recording.recorder import Recorder
from kmock.recording.redaction import Redactor
from kmock.server import Server
from kmock.upstream import Target, Upstream

__all__ = ['record']

SETTLING_SECONDS = 1.0


@click.command(cls=WithCommand)
@source_options(emulated=True)
@output_option(required=False, help='The cassette; by default ./NAME-YYYYmmdd-HHMMSS.kmock.')
@force_option
@access_options
@click.option('--no-redact', is_flag=True, help='Write secrets down as they are.')
@secrets_options
@click.option('--max-size', metavar='SIZE', help='Stop writing at this size, e.g. 500MB; the traffic goes on.')
def record(
    source: Source,
    output: Path | None,
    force: bool,
    access: Access,
    no_redact: bool,
    secrets: Secrets,
    max_size: str | None,
    command: tuple[str, ...],
) -> None:
    """Record what clients say to a cluster and what it answers, with its timing.

    With a COMMAND, it is run with KUBECONFIG leading to the recorder (and the bare URL in KMOCK_URL); its exit status
    is passed on. Without one, the first line on standard output is "URL KUBECONFIG", for any client until Ctrl-C.
    Secrets are replaced before anything is written. The cluster `emulated` is a new one in memory, as of
    `kmock emulate`, and goes away afterwards.

    \b
    Examples:
      kmock record --cluster kind -- kubectl get pods
      kmock record --cluster emulated -- kubectl create configmap example
      kmock record --cluster kind -o session.kmock --force -- pytest tests/e2e
      kmock record --context prod --kubeconfig ~/.kube/prod --max-size 500MB
      kmock record --upstream https://api.example.com --header 'Authorization: Bearer ...'
    """
    if no_redact and secrets.named:
        raise click.UsageError('--no-redact excludes --redact-header, --redact-path and --redact-pattern.')
    max_bytes = None if max_size is None else _size(max_size)
    target = None if source.emulated else source.target()
    recording = Recording(
        target=target,
        output=output or _default_output(EMULATED if target is None else target.name, LoopClock()),
        force=force,
        max_bytes=max_bytes,
        redactor=None if no_redact else secrets.redactor(),
        access=access,
        command=command,
    )
    recording.check()
    click.get_current_context().exit(run(recording.run))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What is to be recorded, where to, and for whom. Without a target it is an emulated cluster, made for this."""

    target: Target | None
    output: Path
    force: bool
    max_bytes: int | None
    redactor: Redactor | None
    access: Access
    command: Sequence[str]

    def check(self) -> None:
        """Refuse what can't work before anything is asked of the cluster, or of the user."""
        if self.command:
            check_command(self.command)
        if self.access.kubeconfig_out is not None:
            check_kubeconfig_path(self.access.kubeconfig_out)
        check_cassette_output(self.output, force=self.force)

    async def run(self, signals: Signals) -> int:
        clock = LoopClock()
        async with self._found(clock) as target, Upstream(target, clock=clock) as upstream:
            version = await upstream.check()
            header = Header(
                created=clock.wall().isoformat(timespec='milliseconds').replace('+00:00', 'Z'),
                server=version,
            )
            if self.redactor is not None:
                header = self.redactor.in_header(header)
            return await self._record(upstream, header, clock, signals)

    @contextlib.asynccontextmanager
    async def _found(self, clock: Clock) -> AsyncIterator[Target]:
        """The target, for the duration of a block."""
        if self.target is not None:
            yield self.target
            return
        async with CommandLineCluster(clock=clock) as cluster, Server(cluster, clock=clock) as server:
            yield Target(url=server.url, name=EMULATED, namespace='default')

    async def _record(self, upstream: Upstream, header: Header, clock: Clock, signals: Signals) -> int:
        line = LiveLine(lambda: tape.progress(), clock)
        tape = Tape(self.output, force=self.force, max_bytes=self.max_bytes, complain=line.say)
        recorder = Recorder(upstream, tape.append, clock=clock, started=clock.now(), redactor=self.redactor)
        upstream.on_retry = recorder.mark
        handler = CommandLineHandler(responders=[recorder], clock=clock)
        handler.tell(line.say)
        try:
            async with handler, self._station(handler, upstream, clock, signals) as here:
                tape.open(header)
                try:
                    status = await here.serve(self.command, line)
                    await _settle(tape, clock)
                finally:
                    recorder.close()
        finally:
            tape.close()
        line.say(f'kmock: {tape.summary()}')
        return status or int(tape.failed)

    def _station(
        self, handler: Handler, upstream: Upstream, clock: Clock, signals: Signals
    ) -> AbstractAsyncContextManager[Station]:
        return station(
            handler,
            self.access,
            clock=clock,
            signals=signals,
            namespace=upstream.target.namespace,
            anonymous=not upstream.login.given,
        )


async def _settle(tape: Tape, clock: Clock) -> None:
    """Let the server learn that clients have left: COMMAND's connections end with it, but that takes a moment.

    What a process that COMMAND has left behind still does is not waited for.
    """
    deadline = clock.now() + SETTLING_SECONDS
    while tape.open_exchanges and clock.now() < deadline:
        await clock.sleep_until(clock.now() + 0.01)


def _default_output(name: str, clock: Clock) -> Path:
    plain = re.sub(r'[^\w.@-]+', '-', name.partition('://')[2] or name).strip('-.') or 'recording'
    return Path(f'{plain}-{clock.wall().astimezone():%Y%m%d-%H%M%S}.kmock')


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint='--max-size') from exc
