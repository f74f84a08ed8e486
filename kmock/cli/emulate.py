"""`kmock emulate`: a Kubernetes cluster in memory, for any client."""

import dataclasses
import sys
from collections.abc import Sequence

import click

from kmock.chain import Handler
from kmock.cli.access_log import AccessLog, as_json, as_text
from kmock.cli.cluster import ClusterOptions, CommandLineCluster, WithManifests, cluster_options
from kmock.cli.command import check_command
from kmock.cli.kubeconfig_out import check_kubeconfig_path
from kmock.cli.live import LiveLine
from kmock.cli.logged import Logged
from kmock.cli.options import Access, access_options
from kmock.cli.serving import station
from kmock.cli.signals import Signals, run
from kmock.cli.sizes import plural
from kmock.clock import Clock, LoopClock

__all__ = ['emulate']


@click.command(cls=WithManifests)
@click.option(
    '--host', default='127.0.0.1', metavar='NAME', show_default=True, help='The name or address to listen on.'
)
@cluster_options
@click.option('--json', 'as_objects', is_flag=True, help='Log requests for machines: a JSON object a line.')
@click.option('--quiet', is_flag=True, help='Do not log requests.')
@access_options
def emulate(
    host: str,
    cluster: ClusterOptions,
    as_objects: bool,
    quiet: bool,
    access: Access,
    command: tuple[str, ...],
) -> None:
    """Serve an emulated Kubernetes cluster: stateful, validating, watched, and empty again at the next start.

    With a COMMAND, it is run with KUBECONFIG leading to the cluster (and the bare URL in KMOCK_URL); its exit status
    is passed on. Without one, the first line on standard output is "URL KUBECONFIG", for any client until Ctrl-C.
    All else goes to standard error, among it a line for each request that is over.

    With users, the kubeconfig has a context for each of them, by the user's name; the first one is the current one.
    Give --tls with them: kubectl keeps its tokens to itself over plain HTTP.

    \b
    Examples:
      kmock emulate -- kubectl create configmap example
      kmock emulate --port 8080 --kubeconfig-out emulated.kubeconfig
      kmock emulate --load crds/ manifests/*.yaml -- ./operator
      kmock emulate --tls --user admin=s3cr3t:system:masters --user reader=t0ken -- pytest tests/e2e
    """
    if command:
        check_command(command)
    if access.kubeconfig_out is not None:
        check_kubeconfig_path(access.kubeconfig_out)
    log = None if quiet else AccessLog(sys.stderr, as_json if as_objects else as_text, _tell)
    emulation = Emulation(host=host, cluster=cluster, log=log, access=access, command=command)
    click.get_current_context().exit(run(emulation.run))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """What is to be emulated, and for whom."""

    host: str
    cluster: ClusterOptions
    log: AccessLog | None
    access: Access
    command: Sequence[str]

    async def run(self, signals: Signals) -> int:
        clock = LoopClock()
        cluster = self.cluster.make(clock)
        line = LiveLine(lambda: self._progress(cluster), clock)
        cluster.tell(line.say)
        if self.cluster.users and not self.access.encrypted:
            line.say('kmock: kubectl and other clients in Go send tokens over HTTPS only: give --tls, too.')
        place = station(
            self._logged(cluster, clock),
            self.access,
            host=self.host,
            clock=clock,
            signals=signals,
            tokens=self.cluster.tokens,
        )
        async with cluster, place as here:
            return await here.serve(self.command, line)

    def _progress(self, cluster: CommandLineCluster) -> str:
        return '' if self.log is not None else plural(cluster.requests, 'request')  # the log moves enough

    def _logged(self, cluster: CommandLineCluster, clock: Clock) -> Handler:
        return cluster if self.log is None else Logged(cluster, self.log, clock)


def _tell(message: str) -> None:
    click.echo(f'kmock: {message}', err=True)
