"""kill -9 at any moment: the file loads, and nothing that was appended is lost.

A recording may lag behind by 100 ms, as far as the recorder holds something back; the file itself does not lag at all.
Killed children are forked from here: an interpreter would take longer to start than they live.
"""

import os
import random
import select
import signal
import struct
import time
from pathlib import Path

import pytest

from kmock.messages import Outcome
from kmock.recording.cassette import ChunkFrame, EndFrame, Header, RequestFrame, ResponseFrame
from kmock.recording.format import CassetteWriter, load

KILLS = 200
REPORT = struct.Struct('>q')


def record(path: Path, pipe: int) -> None:
    """Append short exchanges and one long stream for as long as we live, and report each frame once it is appended.

    A report can't be cut in two, being shorter than PIPE_BUF.
    """
    writer = CassetteWriter(path, Header(created=''))
    writer.append(RequestFrame(id=0, at_us=0, method='GET', target='/'))
    writer.append(ResponseFrame(id=0, at_us=0, status=200))
    number = 0
    while True:
        number += 1
        writer.append(ChunkFrame(id=0, at_us=number, data=b'x' * (number * 37 % 5000)))
        if number % 5 == 0:
            writer.append(RequestFrame(id=number, at_us=number, method='GET', target='/'))
            writer.append(EndFrame(id=number, at_us=number, outcome=Outcome.COMPLETE))
        os.write(pipe, REPORT.pack(number))


def run_and_kill(path: Path, delay: float) -> int:
    """Kill a child so many seconds after its first report; the number of the last frame that it reported."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            record(path, writing)
        finally:
            os._exit(1)
    os.close(writing)
    reports = b''
    started = time.monotonic()
    try:
        while not reports or time.monotonic() < started + delay:
            if select.select([reading], [], [], 0.001)[0]:
                block = os.read(reading, 65536)
                assert block, 'the child has ended by itself'
                reports += block
        os.kill(child, signal.SIGKILL)
        while block := os.read(reading, 65536):
            reports += block
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    (last,) = REPORT.unpack(reports[-REPORT.size :])
    return int(last)


@pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')
def test_killed_at_any_moment_a_recording_has_all_that_was_appended(tmp_path: Path) -> None:
    moments = random.Random()
    for number in range(KILLS):
        path = tmp_path / f'{number}.kmock'
        last = run_and_kill(path, moments.uniform(0, 0.03))
        with load(path) as cassette:
            assert all('cut off' in problem for problem in cassette.problems)
            stream, *others = cassette.exchanges
            assert stream.chunk_count >= last
            assert [chunk.at_us for chunk in stream.chunks()] == list(range(1, stream.chunk_count + 1))
            assert sum(exchange.outcome is Outcome.COMPLETE for exchange in others) >= last // 5
        path.unlink()
