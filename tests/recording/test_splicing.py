"""Splicing: replaced stretches over pieces, and what is held of them."""

import pytest

from kmock.recording.secrets.splicing import ENDLESS, LIMIT, Piped, Splicer, Whole, held_prefix, proper_prefixes


def splicer(*pieces: bytes) -> Splicer:
    result = Splicer()
    for piece in pieces:
        result.add(piece)
    return result


def test_pieces_are_released_whole_up_to_a_place():
    held = splicer(b'ab', b'', b'cd', b'ef')
    assert held.release(3) == [b'ab', b'']
    assert held.release(3) == []
    assert held.holds
    assert held.release(6) == [b'cd', b'ef']
    assert not held.holds


def test_a_replacement_goes_where_its_stretch_begins():
    held = splicer(b'abc', b'def', b'ghi')
    held.edit(2, 7, b'XYZ')
    assert held.release(9) == [b'abXYZ', b'', b'hi']


def test_edits_may_come_out_of_order_and_at_the_borders():
    held = splicer(b'abc', b'def')
    held.edit(3, 4, b'2')
    held.edit(0, 1, b'1')
    held.edit(5, 6, b'')
    assert held.release(6) == [b'1bc', b'2e']


def test_an_edit_goes_on_until_its_end_is_known():
    held = splicer(b'abc')
    edit = held.edit(1, ENDLESS, b'X')
    assert held.release(3) == [b'aX']
    held.add(b'def')
    assert held.release(6) == [b'']
    held.add(b'ghi')
    edit.end = 7
    assert held.release(9) == [b'hi']


def test_what_stood_before_a_place_is_known_after_its_release():
    held = splicer(b'x' * 300, b'abc', b'def')
    assert held.before(303, 5) == b'xxabc'
    held.release(303)
    assert held.before(305, 4) == b'bcde'
    assert held.before(304, 300) == b'x' * 253 + b'abcd'
    early = Splicer()
    assert early.passed(b'ab') == [b'ab']
    early.add(b'cd')
    assert early.before(3, 100) == b'abc'


@pytest.mark.parametrize(('data', 'size'), [(b'x to', 2), (b'token', 0), (b'x', 0), (b'', 0), (b'toke', 4), (b'ot', 1)])
def test_the_beginning_of_a_word_at_the_end_is_held(data, size):
    assert held_prefix(data, proper_prefixes([b'token'])) == size


class Upper(Whole):
    def redacted(self, body: bytes) -> bytes:
        return body.upper() if body != b'same' else body

    def too_long(self, head: bytes) -> bytes:
        return b'%d' % len(head)


def test_a_whole_body_is_cut_at_its_old_borders():
    whole = Upper()
    assert whole.feed(b'ab') == []
    assert whole.feed(b'c') == []
    assert whole.finish() == [b'AB', b'C']
    assert whole.finish() == []
    same = Upper()
    pieces = [b'sa', b'me']
    assert [out for piece in pieces for out in same.feed(piece)] == []
    assert same.finish() == pieces


def test_a_whole_body_that_is_too_long_is_given_up():
    whole = Upper()
    assert whole.feed(b'a') == []
    assert whole.feed(bytes(LIMIT)) == [b'%d' % LIMIT, b'']
    assert whole.feed(b'b') == [b'']
    assert whole.finish() == []


def test_pipes_give_one_piece_for_each():
    pipe = Piped(Upper(), Upper())
    assert pipe.feed(b'a') == []
    assert pipe.feed(b'b') == []
    assert pipe.finish() == [b'A', b'B']
