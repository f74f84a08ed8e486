import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from kmock.cli.command import (
    GRACE_SECONDS,
    CommandError,
    CommandNotFoundError,
    check_command,
    environment,
    exit_status,
    run_command,
)
from kmock.cli.signals import Signals
from kmock.clock import LoopClock, VirtualClock

# Says on its standard output (a file) when it is ready, then does as told.
READY = 'import signal, sys, time; from pathlib import Path; ready = lambda: Path(sys.argv[1]).touch()\n'
STUBBORN = READY + 'signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); time.sleep(60)'
OBEDIENT = READY + 'ready(); time.sleep(60)'


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, '-c', code, *map(str, arguments)]


async def appears(path: Path) -> None:
    while not path.exists():
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run in the foreground of a terminal, but their signals do not come from there."""
    monkeypatch.setattr('kmock.cli.command.terminal_sent_it', lambda: False)


@pytest.mark.parametrize('status', [0, 1, 42, 255])
async def test_the_exit_status_of_command_is_returned(status: int) -> None:
    with Signals(LoopClock()) as signals:
        assert await run_command(python(f'raise SystemExit({status})'), os.environ, signals, LoopClock()) == status


async def test_a_command_ended_by_a_signal_is_128_and_its_number() -> None:
    code = 'import os; os.kill(os.getpid(), 9)'
    with Signals(LoopClock()) as signals:
        assert await run_command(python(code), os.environ, signals, LoopClock()) == 128 + signal.SIGKILL
    assert exit_status(-15) == 143


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_are_passed_on(number: signal.Signals, tmp_path: Path) -> None:
    code = READY + f'signal.signal({int(number)}, lambda *_: sys.exit(33)); ready(); time.sleep(60)'
    with Signals(LoopClock()) as signals:
        running = asyncio.create_task(
            run_command(python(code, tmp_path / 'ready'), os.environ, signals, VirtualClock())
        )
        await appears(tmp_path / 'ready')
        os.kill(os.getpid(), number)
        assert await running == 33


async def test_an_interrupt_of_the_terminal_is_not_sent_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('kmock.cli.command.terminal_sent_it', lambda: True)
    code = READY + 'signal.signal(signal.SIGINT, lambda *_: sys.exit(33)); ready(); sys.stdin.read(); sys.exit(44)'
    with Signals(LoopClock()) as signals:
        command = ['sh', '-c', f'"$@" < {tmp_path}/fifo', 'sh', *python(code, tmp_path / 'ready')]
        os.mkfifo(tmp_path / 'fifo')
        running = asyncio.create_task(run_command(command, os.environ, signals, VirtualClock()))
        fifo = await asyncio.to_thread((tmp_path / 'fifo').open, 'w')
        await appears(tmp_path / 'ready')
        os.kill(os.getpid(), signal.SIGINT)
        while signals.received is None:
            await asyncio.sleep(0.01)
        fifo.close()
        assert await running == 44


async def test_who_insists_kills_a_stubborn_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clock = VirtualClock()
    with Signals(clock) as signals:
        running = asyncio.create_task(run_command(python(STUBBORN, tmp_path / 'ready'), os.environ, signals, clock))
        await appears(tmp_path / 'ready')
        signals._receive(signal.SIGTERM)
        await clock.advance(1.0)
        signals._receive(signal.SIGTERM)
        assert await running == 128 + signal.SIGKILL
    assert 'killing COMMAND: told twice to stop' in capfd.readouterr().err


async def test_a_command_that_ignores_sigterm_is_killed_when_its_time_is_up(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = VirtualClock()
    with Signals(clock) as signals:
        running = asyncio.create_task(run_command(python(STUBBORN, tmp_path / 'ready'), os.environ, signals, clock))
        await appears(tmp_path / 'ready')
        signals._receive(signal.SIGTERM)
        await clock.advance(GRACE_SECONDS - 0.1)
        assert not running.done()
        await clock.advance(0.2)
        assert await running == 128 + signal.SIGKILL
    assert 'did not end within 30 s' in capfd.readouterr().err


async def test_command_never_outlives_us(tmp_path: Path) -> None:
    code = 'import os; from pathlib import Path\n' + OBEDIENT.replace(
        'ready();', 'Path(sys.argv[1] + ".pid").write_text(str(os.getpid())); ready();'
    )
    with Signals(LoopClock()) as signals:
        running = asyncio.create_task(
            run_command(python(code, tmp_path / 'ready'), os.environ, signals, VirtualClock())
        )
        await appears(tmp_path / 'ready')
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    pid = int((tmp_path / 'ready.pid').read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_command_that_is_nowhere_is_127() -> None:
    with pytest.raises(CommandNotFoundError, match='no-such-program') as caught:
        check_command(['no-such-program'])
    assert caught.value.exit_code == 127


def test_a_command_that_is_not_executable_is_126(tmp_path: Path) -> None:
    script = tmp_path / 'script'
    script.write_text('#!/bin/sh\n')
    with pytest.raises(CommandError, match='not executable') as caught:
        check_command([str(script)])
    assert caught.value.exit_code == 126
    with pytest.raises(CommandError, match='directory'):
        check_command([str(tmp_path)])


@pytest.mark.parametrize(
    ('content', 'reason'), [('#!/no/such/interpreter\n', 'interpreter'), ('\x7fno program', 'Exec format error')]
)
async def test_what_only_the_system_can_tell_is_126_too(tmp_path: Path, content: str, reason: str) -> None:
    script = tmp_path / 'script'
    script.write_text(content)
    script.chmod(0o755)
    check_command([str(script)])
    with Signals(LoopClock()) as signals:
        with pytest.raises(CommandError, match=reason) as caught:
            await run_command([str(script)], os.environ, signals, LoopClock())
    assert caught.value.exit_code == 126


def test_a_program_on_the_path_is_found() -> None:
    check_command(['sh'])


def test_the_environment_leads_to_the_server_and_not_past_it(tmp_path: Path) -> None:
    base = {'PATH': '/bin', 'KUBECONFIG': '/old', 'KUBERNETES_SERVICE_HOST': '10.0.0.1', 'KUBERNETES_SERVICE_PORT': '1'}
    assert environment(tmp_path, 'http://127.0.0.1:1', base) == {
        'PATH': '/bin',
        'KUBECONFIG': str(tmp_path),
        'KMOCK_URL': 'http://127.0.0.1:1',
    }


def test_a_proxy_of_the_environment_is_not_used_for_the_server(tmp_path: Path) -> None:
    env = environment(tmp_path, 'http://127.0.0.1:1', {'https_proxy': 'http://proxy', 'NO_PROXY': 'a,b'})
    assert env['NO_PROXY'] == env['no_proxy'] == 'a,b,127.0.0.1'
    assert environment(tmp_path, 'http://127.0.0.1:1', {'HTTP_PROXY': 'x'})['no_proxy'] == '127.0.0.1'
