"""The emulated cluster of the command line: the options that describe it, and how it is made of them."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from kmock.cli.options import PATH, WithCommand, gathered
from kmock.cli.serving import Talkative
from kmock.clock import Clock
from kmock.kube.manifests import UnservedKindError
from kmock.kube.resources.array import ResourcesArray
from kmock.kubernetes import KubernetesEmulator

__all__ = ['ClusterOptions', 'CommandLineCluster', 'UserOption', 'WithManifests', 'cluster_options']


class CommandLineCluster(Talkative, KubernetesEmulator):
    """An emulated cluster that tells of errors as they come, and keeps neither them nor all requests."""


class WithManifests(WithCommand):
    """A command whose `--load` takes all words up to the next option, as a shell makes them of a pattern."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_spread(args)))


def _spread(args: list[str]) -> Iterator[str]:
    """`--load a b` as `--load a --load b`, up to the COMMAND."""
    end = args.index('--') if '--' in args else len(args)
    loading, taken = False, 0
    for word in args[:end]:
        if word.startswith('-'):
            loading, taken = word == '--load' or word.startswith('--load='), int(word.startswith('--load='))
        elif loading:
            if taken:
                yield '--load'
            taken += 1
        yield word
    yield from args[end:]


@dataclasses.dataclass(frozen=True, slots=True)
class UserOption:
    """What `--user` says of one user."""

    name: str
    token: str
    groups: tuple[str, ...] = ()


def _parse_users(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[UserOption, ...]:
    users = tuple(_parse_user(value) for value in values)
    for what in ('name', 'token'):
        known = [getattr(each, what) for each in users]
        if len(set(known)) < len(known):
            raise click.BadParameter(f'two users have the same {what}.')
    return users


def _parse_user(text: str) -> UserOption:
    name, equals, rest = text.partition('=')
    token, colon, groups = rest.partition(':')
    listed = tuple(groups.split(',')) if colon else ()
    # The token is a secret, so the value is not repeated.
    if not equals or not name or token.split() != [token] or not all(listed):
        raise click.BadParameter('write NAME=TOKEN or NAME=TOKEN:GROUP,GROUP, e.g. admin=s3cr3t:system:masters.')
    return UserOption(name, token, listed)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What the user said of the cluster."""

    users: tuple[UserOption, ...] = ()
    controllers: bool = True
    resources: tuple[Path, ...] = ()
    manifests: tuple[str, ...] = ()

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens of the users by their names."""
        return {each.name: each.token for each in self.users}

    def make(self, clock: Clock) -> CommandLineCluster:
        """The cluster as it is to be at the start.

        Raises:
            click.ClickException: a file of resources can't be read, or a manifest is of what is not served.
            KMockError: a file of manifests can't be read, or has what the cluster refuses.
        """
        cluster = CommandLineCluster(controllers=self.controllers, clock=clock)
        for each in self.users:
            cluster.users[each.name] = {'token': each.token, 'groups': each.groups}
        for path in self.resources:
            _load_resources(path, cluster.resources)
        if self.manifests:
            _load_manifests(self.manifests, cluster)
        return cluster


def _load_resources(path: Path, resources: ResourcesArray) -> None:
    try:
        resources.load_path(path)
    except OSError as exc:
        raise click.ClickException(f"Can't read {path}: {exc.strerror or exc}.") from exc
    except ValueError as exc:
        raise click.ClickException(str(exc)) from exc


def _load_manifests(paths: tuple[str, ...], cluster: CommandLineCluster) -> None:
    try:
        cluster.load(*paths)
    except UnservedKindError as exc:
        mend = 'Load its CustomResourceDefinition, too, by --load, or the resources of a cluster by --resources FILE.'
        raise click.ClickException(f'{exc.problem} {mend}') from exc


cluster_options: Callable[[Any], Any] = gathered(
    'cluster',
    ClusterOptions,
    [
        click.option(
            '--user',
            'users',
            multiple=True,
            callback=_parse_users,
            metavar='NAME=TOKEN[:GROUP,...]',
            help='Who may log in; with any, all others are anonymous, and RBAC is on. Repeatable.',
        ),
        click.option(
            '--controllers/--no-controllers',
            default=True,
            help='Look after owner references and namespaces, which is the default.',
        ),
        click.option(
            '--resources',
            multiple=True,
            type=PATH,
            metavar='FILE',
            help='Serve these resources, too: a file of `kmock fetch resources`. Repeatable.',
        ),
        click.option(
            '--load',
            'manifests',
            multiple=True,
            metavar='FILES...',
            help='Apply these manifests at the start: files, folders, patterns. Repeatable.',
        ),
    ],
)
