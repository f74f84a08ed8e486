import asyncio
import os
import signal

import pytest

from kmock.cli.signals import Patience, Signals, run
from kmock.clock import LoopClock, VirtualClock


async def test_insisting_is_a_second_request_within_five_seconds() -> None:
    clock = VirtualClock()
    patience = Patience(clock)
    assert not patience.is_over()
    await clock.advance(4.0)
    assert patience.is_over()


async def test_a_request_after_a_long_time_is_a_first_one_again() -> None:
    clock = VirtualClock()
    patience = Patience(clock)
    assert not patience.is_over()
    await clock.advance(6.0)
    assert not patience.is_over()
    await clock.advance(1.0)
    assert patience.is_over()


async def test_the_same_signal_twice_at_once_is_one() -> None:
    clock = VirtualClock()
    heard: list[signal.Signals] = []
    with Signals(clock) as signals, signals.heard_by(heard.append):
        signals._receive(signal.SIGTERM)
        await clock.advance(0.1)
        signals._receive(signal.SIGTERM)
        signals._receive(signal.SIGINT)
        await clock.advance(1.0)
        signals._receive(signal.SIGINT)
    assert heard == [signal.SIGTERM, signal.SIGINT, signal.SIGINT]


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_waiting_ends_with_any_of_the_three_signals(number: signal.Signals) -> None:
    with Signals(LoopClock()) as signals:
        waiting = asyncio.create_task(signals.wait())
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        await waiting
        assert signals.received == number
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


async def test_a_hang_up_stays_ignored_under_nohup() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(LoopClock()):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_an_early_signal_unwinds_everything_and_is_the_exit_status() -> None:
    unwound = []

    async def main(signals: Signals) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            unwound.append(True)
        return 0

    assert run(main) == 128 + signal.SIGTERM
    assert unwound == [True]


def test_a_run_without_signals_returns_its_own_status() -> None:
    async def main(signals: Signals) -> int:
        return 7

    assert run(main) == 7
