"""The order of happening, for recordings that come exchange by exchange: frames sorted by their times."""

import itertools
from array import array

from kmock.recording.cassette import Cassette, Problems
from kmock.recording.disk.spool import Spool
from kmock.recording.frames import BodyFrame, EndFrame, Frame, NoteFrame, RequestFrame

__all__ = ['in_order']


def in_order(cassette: Cassette) -> Cassette:
    """The same frames in the order of their times, as far as the order within each exchange allows it.

    The given cassette is closed if another one is returned.
    """
    times = array('q')
    sort = _SortKeys()
    for frame in cassette.frames():
        times.append(sort.key(frame))
    if all(one <= other for one, other in itertools.pairwise(times)):
        return cassette
    positions = cassette.positions
    problems = Problems()
    for line in cassette.problems:
        problems.add(line)
    with cassette, Spool(cassette.header, cassette.name, problems) as spool:
        for number in sorted(range(len(times)), key=times.__getitem__):
            spool.add(cassette.read(positions[number]))
        return spool.finish()


class _SortKeys:
    """The time of each frame, but never before that of what must precede it: in its exchange, or among the notes."""

    def __init__(self) -> None:
        self._note = 0
        self._bodies: dict[int, int] = {}
        self._streams: dict[int, int] = {}

    def key(self, frame: Frame) -> int:
        if isinstance(frame, NoteFrame):
            self._note = max(self._note, frame.at_us)
            return self._note
        body, stream = self._bodies.get(frame.id, 0), self._streams.get(frame.id, 0)
        if isinstance(frame, BodyFrame):
            self._bodies[frame.id] = body = max(body, frame.at_us)
            return body
        if isinstance(frame, RequestFrame):
            self._bodies[frame.id] = frame.at_us
        after = max(body, stream) if isinstance(frame, EndFrame) else stream
        self._streams[frame.id] = stream = max(after, frame.at_us)
        return stream
