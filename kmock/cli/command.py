"""COMMAND: the program that runs against the server; its environment, its signals, its exit status.

It stays in our process group and keeps our standard streams, so that it is used as if it ran alone.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click

from kmock.cli.signals import Patience, Signals, terminal_sent_it
from kmock.clock import Clock

__all__ = ['CommandError', 'CommandNotFoundError', 'check_command', 'environment', 'exit_status', 'run_command']

# As much as Kubernetes gives a container to end by itself.
GRACE_SECONDS = 30.0

_PROXY_VARIABLES = ('HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY')


class CommandError(click.ClickException):
    """COMMAND can't be started: it is there, but not executable. The exit status is that of shells."""

    exit_code = 126

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"Can't run COMMAND: {program}: {reason}.")


class CommandNotFoundError(CommandError):
    """There is no such program."""

    exit_code = 127

    def __init__(self, program: str) -> None:
        super().__init__(program, 'there is no such program on the PATH')


def check_command(command: Sequence[str]) -> None:
    """Refuse a COMMAND that can't be started before anything else is done."""
    program = command[0]
    if shutil.which(program) is not None:
        return
    if '/' not in program or not Path(program).exists():
        raise CommandNotFoundError(program)
    raise CommandError(program, 'it is a directory' if Path(program).is_dir() else 'it is not executable')


def environment(kubeconfig: Path, url: str, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which COMMAND finds the server.

    Variables that would lead clients past it are changed: an in-cluster account, which some clients prefer
    to a kubeconfig, is hidden; a proxy is not used for the loopback address.
    """
    result = {key: value for key, value in base.items() if not key.startswith('KUBERNETES_SERVICE_')}
    result['KUBECONFIG'] = str(kubeconfig)
    result['KMOCK_URL'] = url
    if any(name in base or name.lower() in base for name in _PROXY_VARIABLES):
        exempt = base.get('no_proxy') or base.get('NO_PROXY')
        result['no_proxy'] = result['NO_PROXY'] = f'{exempt},127.0.0.1' if exempt else '127.0.0.1'
    return result


def exit_status(returncode: int) -> int:
    """What a shell would report: 128 + N for a process that the signal N ended."""
    return returncode if returncode >= 0 else 128 - returncode


async def run_command(command: Sequence[str], env: Mapping[str, str], signals: Signals, clock: Clock) -> int:
    """Run COMMAND to its end and return its exit status as shells do. Never leaves it running."""
    process = await _start(command, env)
    escort = _Escort(process, clock)
    try:
        with signals.heard_by(escort.heard):
            return exit_status(await process.wait())
    finally:
        await escort.leave()


async def _start(command: Sequence[str], env: Mapping[str, str]) -> asyncio.subprocess.Process:
    program = command[0]
    try:
        return await asyncio.create_subprocess_exec(*command, env=env)
    except FileNotFoundError as exc:
        if shutil.which(program) is not None:
            raise CommandError(program, 'the interpreter that it names is not there') from exc
        raise CommandNotFoundError(program) from exc
    except OSError as exc:
        raise CommandError(program, exc.strerror or str(exc)) from exc


class _Escort:
    """Passes signals on to a process, and kills it when somebody insists or its time to end is up."""

    def __init__(self, process: asyncio.subprocess.Process, clock: Clock) -> None:
        self._process = process
        self._clock = clock
        self._patience = Patience(clock)
        self._deadline: asyncio.Task[None] | None = None

    def heard(self, number: signal.Signals) -> None:
        if self._patience.is_over():
            self._kill('told twice to stop')
        elif number == signal.SIGINT and terminal_sent_it():
            pass  # COMMAND has it already, and knows best what to do with it
        else:
            self._send(number)
        if number == signal.SIGTERM and self._deadline is None:
            self._deadline = asyncio.create_task(self._kill_later())

    async def leave(self) -> None:
        """Be sure that the process has ended, whatever happened to us."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._process.returncode is None:
            self._send(signal.SIGKILL)
            await self._process.wait()

    async def _kill_later(self) -> None:
        await self._clock.sleep_until(self._clock.now() + GRACE_SECONDS)
        self._kill(f'it did not end within {GRACE_SECONDS:g} s of SIGTERM')

    def _kill(self, reason: str) -> None:
        if self._process.returncode is None:
            click.echo(f'kmock: killing COMMAND: {reason}', err=True)
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has just ended by itself
            self._process.send_signal(number)
