"""Many watchers in a process of their own, run as `python -m benchmarks.watchers URL TARGET COUNT EVENTS`.

It prints a line once all of them watch; then it counts the events that come, at the least cost to the machine: an event
is a line. At the end it prints, as JSON, how many came, when, and how long each took since the time in its `stamp`.
"""

import json
import re
import resource
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60
EVENT = b'{"type":'
_STAMP = re.compile(rb'"stamp":"([0-9.]+)"')


class Watcher:
    """One watch: its socket, and what of its events is known."""

    def __init__(self, url: str, target: str) -> None:
        parts = urlsplit(url)
        self.sock = socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS)
        self.sock.sendall(f'GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n'.encode())
        self.count = 0
        self._rest = b''

    def begin(self) -> None:
        """Wait for the head of the answer."""
        data = b''
        while b'\r\n\r\n' not in data:
            data += self.sock.recv(2**16)
        if not data.startswith(b'HTTP/1.1 200'):
            raise RuntimeError(f'Not the stream to be measured: {data[:200]!r}')

    def take(self, delays: list[float]) -> int:
        """Read what came; tell how many events began in it."""
        data = self.sock.recv(2**18)
        if not data:
            raise RuntimeError(f'A watch has ended after {self.count} events.')
        now = time.time()
        whole = self._rest + data
        found = whole.count(EVENT)
        if len(data) < 2**12:  # not while it is flooded
            delays += [now - float(each) for each in _STAMP.findall(data)]
        # An event may begin at the end of one piece and go on in the next: the part that was counted is let go.
        self._rest = whole[-(len(EVENT) - 1) :] if not whole.endswith(EVENT) else b''
        self.count += found
        return found


def main() -> None:
    url, target, count, events = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    watchers = [Watcher(url, target) for _ in range(count)]
    for each in watchers:
        each.begin()
    print(f'{url} is watched', flush=True)
    delays: list[float] = []
    missing = count * events
    with selectors.DefaultSelector() as selector:
        for each in watchers:
            selector.register(each.sock, selectors.EVENT_READ, each)
        while missing:
            ready = selector.select(TIMEOUT_SECONDS)
            if not ready:
                break
            for key, _ in ready:
                missing -= key.data.take(delays)
    lost = sum(abs(events - each.count) for each in watchers)
    print(json.dumps({'lost': lost, 'ended': time.time(), 'delays': delays[:200_000]}), flush=True)
    sys.stdin.readline()


if __name__ == '__main__':
    main()
