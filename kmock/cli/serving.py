"""A handler, served to COMMAND until that ends, or to anybody until a signal comes: what the gears share."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from kmock.chain import Handler
from kmock.cli.command import environment, run_command
from kmock.cli.kubeconfig_out import client_kubeconfig
from kmock.cli.live import LiveLine
from kmock.cli.options import Access
from kmock.cli.output import standard_output
from kmock.cli.signals import Signals
from kmock.client_config import kubeconfig_text, write_private
from kmock.clock import Clock
from kmock.errors import KMockError, UnmatchedError
from kmock.handlers import RawHandler
from kmock.messages import Answer, Request
from kmock.server import Server

__all__ = ['CommandLineHandler', 'Station', 'Talkative', 'station']

REQUEST_LOG = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A running server, and the kubeconfig that leads to it."""

    url: str
    kubeconfig: Path
    ca: Path | None = None
    """The certificate of its authority, where it serves HTTPS."""
    clock: Clock
    signals: Signals
    text: Callable[[Mapping[str, str]], str]
    """Makes the text of the kubeconfig, of the tokens of users by their names."""

    def lead(self, tokens: Mapping[str, str]) -> None:
        """Write the kubeconfig anew, for other users.

        Raises:
            KMockError: it can't be written.
        """
        write_private(self.kubeconfig, self.text(tokens))

    async def serve(self, command: Sequence[str], line: LiveLine) -> int:
        """Run COMMAND and return its exit status; without one wait for a signal, and return 0."""
        if command:
            return await run_command(command, environment(self.kubeconfig, self.url), self.signals, self.clock)
        with standard_output() as stdout:
            stdout.write(f'{self.url} {self.kubeconfig}\n')
        line.say(f'Point a client at it:  export KUBECONFIG={self.kubeconfig}')
        line.say('Stop with Ctrl-C.')
        async with line.shown():
            await self.signals.wait()
        return 0


class Talkative(RawHandler):
    """A handler that tells of errors as they come, and keeps neither them nor all requests: it may run for days."""

    requests: int = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(request_log=REQUEST_LOG, **options)
        self._say: Callable[[str], None] = lambda message: click.echo(message, err=True)
        self._say_unmatched = True

    def tell(self, say: Callable[[str], None], *, unmatched: bool = True) -> None:
        """Set whom to tell, and whether to mention requests that a cassette does not answer."""
        self._say, self._say_unmatched = say, unmatched

    async def handle(self, request: Request) -> Answer:
        self.requests += 1
        return await super().handle(request)

    def _collect(self, exc: Exception) -> None:
        if isinstance(exc, KMockError):
            if self._say_unmatched or not isinstance(exc, UnmatchedError):
                self._say(f'kmock: {" ".join(str(exc).split())}')
        else:
            self._say(f'kmock: {type(exc).__name__}: {exc}')


class CommandLineHandler(Talkative):
    """The handler of commands that have no cluster of their own."""


@asynccontextmanager
async def station(
    handler: Handler,
    access: Access,
    *,
    clock: Clock,
    signals: Signals,
    host: str = '127.0.0.1',
    namespace: str | None = None,
    anonymous: bool = False,
    tokens: Mapping[str, str] | None = None,
) -> AsyncIterator[Station]:
    """Open the server and write the kubeconfig, for the duration of a block.

    Args:
        host: what to listen on, a name or an address.
        namespace: the default namespace of the kubeconfig.
        anonymous: whether the clients' own credentials count, so that the kubeconfig must not bring any.
        tokens: of the users of the server by their names: the kubeconfig has a context for each, the first one is
            the current one.
    """
    async with Server(
        handler, host, access.port, tls=access.encrypted, client_ca=access.client_ca, clock=clock
    ) as server:
        ca_path = server.ca_path if access.encrypted else None
        ca = None if ca_path is None else ca_path.read_bytes()
        token = 'kmock' if access.encrypted and not anonymous else None

        def text(known: Mapping[str, str]) -> str:
            return kubeconfig_text(server.url, ca=ca, namespace=namespace, token=token, tokens=known)

        with client_kubeconfig(text(tokens or {}), access.kubeconfig_out) as path:
            yield Station(url=server.url, kubeconfig=path, ca=ca_path, clock=clock, signals=signals, text=text)
