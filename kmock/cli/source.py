"""The options that say whom to record: a cluster of a kubeconfig, or any URL."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from kmock.cli.options import PATH, gathered
from kmock.kubeconfig import find_target, url_target
from kmock.upstream import Target

__all__ = ['EMULATED', 'Source', 'source_options']

F = TypeVar('F', bound=Callable[..., Any])

EMULATED = 'emulated'
"""The name of the cluster that is none: `--cluster emulated`. A context of this name needs `--context`."""

WITH_URL = 'upstream', 'headers', 'ca', 'cert', 'key', 'insecure'
WITH_KUBECONFIG = 'cluster', 'context', 'kubeconfig'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the user said of the server to record."""

    cluster: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None
    upstream: str | None = None
    headers: tuple[str, ...] = ()
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    insecure: bool = False

    @property
    def emulated(self) -> bool:
        """Whether it is an emulated cluster, and no server at all.

        Raises:
            click.UsageError: other options contradict that.
        """
        if self.cluster != EMULATED:
            return False
        for option in self._given(('upstream', 'context', 'kubeconfig', *WITH_URL[1:])):
            raise click.UsageError(f'{option} and --cluster {EMULATED} exclude each other.')
        return True

    def target(self) -> Target:
        """The server, and the credentials for it.

        Raises:
            click.UsageError: the options contradict each other, or name the emulated cluster.
            ClusterError: there is no such cluster, or its credentials can't be had.
        """
        if self.emulated:
            raise click.UsageError(f'--cluster {EMULATED} is for `kmock record`: it is no cluster that runs already.')
        if self.upstream is None:
            for option in self._given(WITH_URL):
                raise click.UsageError(f'{option} needs --upstream URL.')
            return find_target(self.cluster, context=self.context, kubeconfig=self.kubeconfig)
        for option in self._given(WITH_KUBECONFIG):
            raise click.UsageError(f'{option} and --upstream exclude each other.')
        if self.key is not None and self.cert is None:
            raise click.UsageError('--key needs --cert FILE.')
        return url_target(
            self.upstream,
            headers=[_split_header(header) for header in self.headers],
            ca=self.ca,
            cert=self.cert,
            key=self.key,
            insecure=self.insecure,
        )

    def _given(self, fields: tuple[str, ...]) -> Iterator[str]:
        for field in fields:
            if getattr(self, field):
                yield '--' + field.removesuffix('s')


def _split_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(':')
    if not colon or not name.strip():
        # The value may be a secret in the wrong place, so it is not repeated.
        raise click.UsageError("A --header is written as 'Name: value'.")
    return name.strip(), value.strip()


def source_options(*, emulated: bool = False) -> Callable[[F], F]:
    """The options of a `Source`; `emulated` tells whether the cluster in memory may be one."""
    clusters = 'A context, cluster or user of the kubeconfig; `kind`; a kind cluster'
    return gathered(
        'source',
        Source,
        [
            click.option(
                '--cluster', metavar='NAME', help=f'{clusters}; `{EMULATED}`.' if emulated else f'{clusters}.'
            ),
            click.option('--context', metavar='NAME', help='A context of the kubeconfig.'),
            click.option(
                '--kubeconfig', type=PATH, metavar='FILE', help='The kubeconfig; else $KUBECONFIG or ~/.kube/config.'
            ),
            click.option('--upstream', metavar='URL', help='Any server, without a kubeconfig.'),
            click.option(
                '--header', 'headers', multiple=True, metavar="'N: V'", help='A header for the --upstream; repeatable.'
            ),
            click.option('--ca', type=PATH, metavar='FILE', help='The authorities of the --upstream (PEM).'),
            click.option('--cert', type=PATH, metavar='FILE', help='The client certificate for the --upstream (PEM).'),
            click.option('--key', type=PATH, metavar='FILE', help='The key of --cert, if it is not in the same file.'),
            click.option('--insecure', is_flag=True, help="Do not verify the --upstream's certificate."),
        ],
    )
