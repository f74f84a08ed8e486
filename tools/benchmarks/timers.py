"""How late this machine's own timers are, as a yardstick for all figures of timing: a process that only sleeps.

Run as `python -m benchmarks.timers`: prints a line when it has begun, and the latenesses in milliseconds at Ctrl-C.
"""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

__all__ = ['lateness_ms']

PAUSE_SECONDS = 0.02


@contextlib.contextmanager
def lateness_ms() -> Iterator[list[float]]:
    """Measure during a block; the list is filled when the block is left."""
    values: list[float] = []
    command = [sys.executable, '-m', 'benchmarks.timers']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield values
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=20)
        values += json.loads(output)


async def main() -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    print('measuring', flush=True)
    values = []
    while not stopped.is_set():
        due = loop.time() + PAUSE_SECONDS
        await asyncio.sleep(PAUSE_SECONDS)
        values.append((loop.time() - due) * 1000)
    print(json.dumps(values))


if __name__ == '__main__':
    asyncio.run(main())
