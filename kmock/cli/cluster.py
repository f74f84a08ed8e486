"""The emulated cluster of the command line: the options that describe it, and how it is made of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kmock.cli.options import PATH, gathered
from kmock.cli.serving import Talkative
from kmock.clock import Clock
from kmock.kube.resources import ResourcesArray
from kmock.kubernetes import KubernetesEmulator

__all__ = ['ClusterOptions', 'CommandLineCluster', 'UserOption', 'cluster_options']


class CommandLineCluster(Talkative, KubernetesEmulator):
    """An emulated cluster that tells of errors as they come, and keeps neither them nor all requests."""


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

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens of the users by their names."""
        return {each.name: each.token for each in self.users}

    def check(self) -> None:
        """Refuse what can't be read before anything is started."""
        for path in self.resources:
            _load_resources(path, CommandLineCluster().emulator.cluster.registry)

    def make(self, clock: Clock) -> CommandLineCluster:
        """The cluster as it is to be at the start."""
        cluster = CommandLineCluster(controllers=self.controllers, clock=clock)
        for each in self.users:
            cluster.users[each.name] = {'token': each.token, 'groups': each.groups}
        for path in self.resources:
            _load_resources(path, cluster.emulator.cluster.registry)
        return cluster


def _load_resources(path: Path, registry: Any) -> None:
    try:
        ResourcesArray(registry).load_path(path)
    except OSError as exc:
        raise click.ClickException(f"Can't read {path}: {exc.strerror or exc}.") from exc
    except ValueError as exc:
        raise click.ClickException(str(exc)) from exc


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
    ],
)
