"""Rules written by one thread while another one looks requests up: what the lock of the book is for."""

import sys
import threading
from collections.abc import Iterator

import pytest

from kmock.messages import Request
from kmock.rules.book import RuleBook
from kmock.rules.views import Root


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns so often that they meet everywhere."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures('hasty_threads')
def test_a_growing_rule_is_never_absent_and_the_order_always_kept() -> None:
    """A reaction that grows replaces its rule, and a deeper priority gives all rules longer keys."""
    book = RuleBook()
    root = Root(book)
    stop = threading.Event()
    first = root['/x'] ** 1 << b'first'
    root['/x'] << b'last'
    reaction = root['/x'] ** 1 << b'grown'

    def write() -> None:
        grown = reaction
        view = root['/deep']
        for number in range(200):
            grown = grown << b'.'
            if number % 10 == 0:
                view = view**1
                view << 200
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    request = Request.make('GET', '/x')
    seen: set[tuple[int, bool]] = set()
    while not stop.is_set():
        rules = list(book.matching(request, fallback=False))
        seen.add((len(rules), rules[0] is first._rule))
    writer.join()
    assert seen == {(3, True)}
