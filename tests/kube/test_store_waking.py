"""Whoever waits for events is woken by each of them, whatever other threads do meanwhile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from kmock.kube.store import Signal, Store

BUCKET = ('example.com', 'widgets')


@pytest.mark.parametrize(
    'write',
    [
        pytest.param(lambda store: store.put(BUCKET, 'a', {}), id='put'),
        pytest.param(lambda store: store.adopt(BUCKET, 'a', {}, 1), id='adopt'),
        pytest.param(lambda store: store.delete(BUCKET, 'b'), id='delete'),
    ],
)
def test_nobody_begins_to_wait_while_others_are_woken(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[Store], object]
) -> None:
    """Such a waiter could be dropped with those that are woken, and would sleep through all later events."""
    store, free = Store(), []
    store.put(BUCKET, 'b', {})

    def try_to_wait() -> bool:
        acquired = store.lock.acquire(blocking=False)
        if acquired:
            store.lock.release()
        return acquired

    def fire(signal: Signal) -> None:
        with ThreadPoolExecutor(1) as threads:
            free.append(threads.submit(try_to_wait).result())

    monkeypatch.setattr(Signal, 'fire', fire)
    write(store)
    assert free == [False]


async def test_a_waiter_is_woken_from_another_thread() -> None:
    store = Store()
    subscription = store.watch(BUCKET, None)
    waiter = subscription.wait()
    assert waiter is not None
    with ThreadPoolExecutor(1) as threads:
        threads.submit(store.put, BUCKET, 'a', {}).result()
    await waiter
    assert [event.after.key for event in subscription.take()] == ['a']
