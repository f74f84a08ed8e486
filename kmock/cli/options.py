"""Options that several commands share; options that belong together and arrive as one value; COMMAND after `--`."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    'PATH',
    'Access',
    'WithCommand',
    'access_options',
    'force_option',
    'gathered',
    'output_option',
    'source_argument',
]

F = TypeVar('F', bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def gathered(name: str, kind: type[Any], options: Iterable[Callable[[Any], Any]]) -> Callable[[F], F]:
    """A decorator that adds options, and passes their values on as one argument.

    Args:
        name: the name of that argument.
        kind: a dataclass with a field for each of the options.
    """
    fields = [field.name for field in dataclasses.fields(kind)]

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            values[name] = kind(**{field: values.pop(field) for field in fields})
            return function(**values)

        result: Any = call
        for option in reversed(list(options)):
            result = option(result)
        return result  # type: ignore[no-any-return]

    return decorate


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


access_options = gathered(
    'access',
    Access,
    [
        click.option(
            '--port',
            metavar='N',
            type=click.IntRange(1, 65535),
            help='The port of 127.0.0.1 to listen on; else a free one.',
        ),
        click.option(
            '--tls', is_flag=True, help='Serve HTTPS, with a throw-away authority that the kubeconfig trusts.'
        ),
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
    ],
)


class WithCommand(click.Command):
    """A command that takes another one after `--`, as its argument `command`.

    Without the `--`, the options of COMMAND would be taken for ours: `-o yaml` would be an output file.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        position = args.index('--') if '--' in args else len(args)
        command = tuple(args[position + 1 :])
        try:
            rest = super().parse_args(ctx, args[:position])
        except click.UsageError as exc:
            misplaced = isinstance(exc, click.NoSuchOption) or exc.message.startswith('Got unexpected extra')
            if not misplaced or command:
                raise
            hint = f'A COMMAND goes after --, as in: kmock {self.name} ... -- COMMAND'
            raise click.UsageError(f'{exc.format_message().rstrip(".")}. {hint}', ctx) from exc
        ctx.params['command'] = command
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), '[-- COMMAND...]']


def source_argument(function: F) -> F:
    """FILE: a cassette in any of the formats that are read."""
    return click.argument('file', type=PATH)(function)


def output_option(*, required: bool, help: str) -> Callable[[F], F]:
    """`-o FILE`."""
    return click.option('-o', '--output', type=PATH, required=required, metavar='FILE', help=help)


def force_option(function: F) -> F:
    """`--force`: an existing output may be replaced."""
    return click.option('--force', is_flag=True, help='Replace the output if it exists.')(function)
