"""The log forgets beyond its limit; the index keeps order; judges are asked once, as long as they live."""

import gc
import threading

from asking import make

from kmock.rules.book import RuleBook
from kmock.rules.criteria import EVERYTHING, Criteria
from kmock.rules.journal import Index, Journal
from kmock.rules.reading import read_criteria
from kmock.rules.views import Root


class Entry:
    def __init__(self, number: int, written: object) -> None:
        self.key = (float(number),)
        self.criteria: Criteria = read_criteria(written)


class Judge:
    def __init__(self) -> None:
        self.judged: list[object] = []

    def judge(self, request):
        self.judged.append(request)


class FailingJudge:
    def judge(self, request):
        raise ZeroDivisionError


def test_candidates_of_all_kinds_come_in_the_order_of_their_keys():
    entries = [
        Entry(number, written) for number, written in enumerate(['get /x', '/x', 'get', '/y', 'post /x', 'get /x'])
    ]
    index: Index[Entry] = Index()
    for entry in reversed(entries):
        index.add(entry)
    found = [entry.key[0] for entry in index.candidates(make('get /x?q=1'))]
    assert found == [0, 1, 2, 5]
    assert [entry.key[0] for entry in index] == [0, 1, 2, 3, 4, 5]


def test_candidate_lists_never_change_once_given():
    index: Index[Entry] = Index()
    first, second = Entry(1, 'get'), Entry(2, 'get')
    index.add(first)
    given = index.candidates(make('/'))
    index.add(second)
    index.remove(first)
    assert given == [first]
    assert index.candidates(make('/')) == [second]


def test_removing_what_is_not_in_is_told():
    index: Index[Entry] = Index()
    entry, same_key = Entry(1, '/x'), Entry(1, '/x')
    index.add(entry)
    assert not index.remove(same_key)
    assert index.remove(entry)
    assert not index.remove(entry)
    assert len(index) == 0


def test_the_log_keeps_the_last_ones():
    journal = Journal(limit=2)
    requests = [make(f'/{number}') for number in range(4)]
    for request in requests:
        journal.append(request)
    assert journal.entries == requests[2:]
    assert journal.dropped == 2


def test_a_judge_is_asked_about_the_past_once_and_about_what_concerns_it():
    journal = Journal()
    past, present, other = make('/x'), make('/x'), make('/y')
    journal.append(past)
    judge = Judge()
    journal.watch(judge, read_criteria('/x'))
    journal.append(present)
    journal.append(other)
    assert judge.judged == [past, present]


def test_judges_are_asked_until_they_are_gone():
    journal = Journal()
    judge = Judge()
    journal.watch(judge, EVERYTHING)
    judged = judge.judged
    del judge
    gc.collect()
    journal.append(make('/'))
    assert judged == []


def test_all_judges_are_asked_even_if_some_fail():
    journal = Journal()
    judges = [FailingJudge(), Judge(), FailingJudge()]
    for judge in judges:
        journal.watch(judge, EVERYTHING)
    errors = journal.append(make('/'))
    assert [type(each) for each in errors] == [ZeroDivisionError]  # the same error of two judges is told once
    assert len(judges[1].judged) == 1
    assert len(journal.entries) == 1


def test_a_reader_wants_bodies_of_what_concerns_it_until_it_is_gone():
    journal = Journal()
    reader = Judge()
    journal.read_for(reader, read_criteria('/x'))
    assert journal.wants_body(make('/x'))
    assert not journal.wants_body(make('/y'))
    del reader
    gc.collect()
    assert not journal.wants_body(make('/x'))


def test_a_view_reads_each_request_once_however_often_it_is_asked():
    """So the hundred-thousandth request costs what the first one did."""

    class Entries(list):
        read = 0

        def __getitem__(self, key):
            found = super().__getitem__(key)
            Entries.read += len(found) if isinstance(key, slice) else 0
            return found

        def __iter__(self):
            raise AssertionError('the whole log was read')

    book = RuleBook()
    book.journal.entries = Entries()
    views = [Root(book)['get'], ~Root(book)['post'], Root(book)['get'] | Root(book)['/b']]
    for number in range(1, 1001):
        book.journal.append(make('get /a'))
        assert [len(view) for view in views] == [number] * 3
    assert Entries.read == 3000


def test_every_request_is_judged_once_by_callables_and_slices():
    calls = []
    book = RuleBook()
    view, even = Root(book)[lambda request: calls.append(request.id) or True], Root(book)['get'][::2]
    requests = [make('get /a') for _ in range(1000)]
    for request in requests:
        book.journal.append(request)
        assert request in view
    assert calls == [request.id for request in requests]
    assert list(even) == requests[::2]


def test_a_view_goes_without_waiting_for_the_log():
    """The garbage collector drops views amid anything, in any thread: waiting there could be waiting for oneself."""
    book = RuleBook()
    views = [Root(book)[lambda: True]]
    held, dropped = threading.Event(), threading.Event()

    def hold() -> None:
        with book.journal.lock:
            held.set()
            dropped.wait(10)

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    views.clear()
    gc.collect()
    assert holding.is_alive()
    dropped.set()
    holding.join()
    book.journal.append(make('get /a'))
    assert not book.journal._watches
