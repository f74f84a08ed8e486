"""Options that several commands share, and the types of their values."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ['PATH', 'Access', 'access_options', 'force_option', 'output_option', 'source_argument']

F = TypeVar('F', bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How clients reach the server: the port, the encryption, the kubeconfig that is written for them."""

    port: int | None = None
    tls: bool = False
    client_ca: Path | None = None
    kubeconfig_out: Path | None = None

    @property
    def encrypted(self) -> bool:
        return self.tls or self.client_ca is not None


_ACCESS = (
    click.option('--port', type=click.IntRange(1, 65535), help='Listen on this port of 127.0.0.1; else a free one.'),
    click.option('--tls', is_flag=True, help='Serve HTTPS, with a throw-away authority that the kubeconfig trusts.'),
    click.option(
        '--client-ca',
        type=PATH,
        metavar='FILE',
        help='Demand client certificates signed by these authorities (PEM). Implies --tls.',
    ),
    click.option(
        '--kubeconfig-out',
        type=PATH,
        metavar='PATH',
        help='Write the kubeconfig for clients here, to stay; else it is a temporary file.',
    ),
)


def access_options(function: F) -> F:
    """The options of `Access`, for commands that serve."""
    for option in reversed(_ACCESS):
        function = option(function)
    return function


def source_argument(function: F) -> F:
    """FILE: a cassette in any of the formats that are read."""
    return click.argument('file', type=PATH)(function)


def output_option(*, required: bool, help: str) -> Callable[[F], F]:
    """`-o FILE`."""
    return click.option('-o', '--output', type=PATH, required=required, metavar='FILE', help=help)


def force_option(function: F) -> F:
    """`--force`: an existing output may be replaced."""
    return click.option('--force', is_flag=True, help='Replace the output if it exists.')(function)
