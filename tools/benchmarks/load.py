"""The load generator: kept-alive connections, each with one request under way, at the least cost to the machine.

It learns from the first answer how long the answers are, and then only counts bytes: a client that cost more than
the server would make all servers look alike.
"""

import contextlib
import dataclasses
import itertools
import selectors
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from benchmarks.processes import Process

__all__ = ['KUBECTL_HEADERS', 'Load', 'Sample', 'loading', 'take_turns']

CONNECTIONS = 16
TIMEOUT_SECONDS = 60

NUMBER = b'########'
"""Where this stands in a request, each one has another number."""

PLAIN_HEADERS = (('Accept', 'application/json'),)
KUBECTL_HEADERS = (
    ('User-Agent', 'kubectl/v1.32.5 (linux/amd64) kubernetes/9894294'),
    (
        'Accept',
        'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,'
        'application/json',
    ),
    ('Kubectl-Command', 'kubectl get'),
    ('Kubectl-Session', '########-5031-470f-ab20-e531bd8e8c73'),
    ('Accept-Encoding', 'gzip'),
)
"""As kubectl 1.32 sends them, with a client certificate for its credentials; each request is a session of its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """What a server did in one turn."""

    count: int
    seconds: float
    cpu_seconds: float | None
    """The processor time of the server's main thread; None where the system doesn't tell."""

    @classmethod
    def total(cls, samples: Sequence['Sample']) -> 'Sample':
        """What was done in several turns."""
        cpu_seconds = [each.cpu_seconds for each in samples if each.cpu_seconds is not None]
        return cls(
            count=sum(each.count for each in samples),
            seconds=sum(each.seconds for each in samples),
            cpu_seconds=sum(cpu_seconds) if len(cpu_seconds) == len(samples) else None,
        )

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.count / self.seconds

    @property
    def cost_us(self) -> float:
        """Microseconds a request: of the processor where they are known, else those that passed."""
        return (self.seconds if self.cpu_seconds is None else self.cpu_seconds) / self.count * 1e6


class Load:
    """The connections to one server, all asking for the same."""

    def __init__(self, server: Process, request: bytes, sockets: Sequence[socket.socket]) -> None:
        self._pid = server.pid
        self._requests = _numbered(request) if NUMBER in request else itertools.repeat(request)
        self._sockets = sockets
        self._answer_size = _ask_once(sockets[0], next(self._requests))

    @property
    def cpu_seconds(self) -> float:
        """The processor time of the server's main thread so far; the time that passed, where that is not known."""
        seconds = _cpu_seconds(self._pid)
        return time.perf_counter() if seconds is None else seconds

    def run(self, *, count: int | None = None, seconds: float = 0.0) -> Sample:
        """Ask so many times, or for so long; each connection at least once."""
        cpu_before, started = _cpu_seconds(self._pid), time.perf_counter()
        done = self._ask(count, started + seconds)
        elapsed, cpu_after = time.perf_counter() - started, _cpu_seconds(self._pid)
        cpu = None if cpu_before is None or cpu_after is None else cpu_after - cpu_before
        return Sample(count=done, seconds=elapsed, cpu_seconds=cpu)

    def _ask(self, count: int | None, deadline: float) -> int:
        begun, done, requests, size = 0, 0, self._requests, self._answer_size
        missing = dict.fromkeys(self._sockets, 0)
        with selectors.DefaultSelector() as selector:
            for sock in self._sockets:
                selector.register(sock, selectors.EVENT_READ, sock)
                sock.sendall(next(requests))
                missing[sock] = size
                begun += 1
            while done < begun:
                ready = selector.select(TIMEOUT_SECONDS)
                if not ready:
                    raise RuntimeError(f'The server has not answered for {TIMEOUT_SECONDS} seconds.')
                goes_on = begun < count if count is not None else time.perf_counter() < deadline
                for key, _ in ready:
                    sock = key.data
                    data = sock.recv(2**18)
                    if missing[sock] == size and not data.startswith(b'HTTP/1.1 20'):
                        raise RuntimeError(f'Not the answer to be measured: {data[:200]!r}')
                    missing[sock] -= len(data)
                    if missing[sock] < 0:
                        raise RuntimeError(f'An answer is longer than the first one, {size} bytes: {data[:200]!r}')
                    if not missing[sock]:
                        done += 1
                        if goes_on:
                            sock.sendall(next(requests))
                            missing[sock] = size
                            begun += 1
        return done


@contextlib.contextmanager
def loading(
    server: Process,
    target: str = '/x',
    *,
    headers: Sequence[tuple[str, str]] = PLAIN_HEADERS,
    body: bytes | None = None,
    connections: int = CONNECTIONS,
) -> Iterator[Load]:
    """Connect to a server, to ask for one target; with a body, by POST."""
    parts = urlsplit(server.url)
    lines = [f'{"GET" if body is None else "POST"} {target} HTTP/1.1', f'Host: {parts.netloc}']
    lines += [f'{name}: {value}' for name, value in headers]
    if body is not None:
        lines += ['Content-Type: application/json', f'Content-Length: {len(body)}']
    request = '\r\n'.join([*lines, '', '']).encode() + (body or b'')
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(connections):
            sock = stack.enter_context(socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.append(sock)
        yield Load(server, request, sockets)


K = TypeVar('K')


def take_turns(
    loads: Mapping[K, Load], *, rounds: int, count: int | None = None, seconds: float = 0.0
) -> dict[K, Sample]:
    """Run all of them in short slices, round by round, so that a busy moment of the machine meets them all."""
    slices: dict[K, list[Sample]] = {key: [] for key in loads}
    for _ in range(rounds):
        for key, load in loads.items():
            slices[key].append(load.run(count=count, seconds=seconds))
    return {key: Sample.total(samples) for key, samples in slices.items()}


def _numbered(request: bytes) -> Iterator[bytes]:
    return (request.replace(NUMBER, b'%08d' % number) for number in itertools.count())


def _ask_once(sock: socket.socket, request: bytes) -> int:
    """Ask, and return the size of the answer with its head."""
    sock.sendall(request)
    data = b''
    while b'\r\n\r\n' not in data:
        data += _received(sock, data)
    head, _, _ = data.partition(b'\r\n\r\n')
    fields = head.lower().split(b'\r\ncontent-length:', 1)
    if not head.startswith(b'HTTP/1.1 20') or len(fields) < 2:
        raise RuntimeError(f'Not the answer to be measured: {data[:200]!r}')
    size = len(head) + 4 + int(fields[1].split(b'\r\n', 1)[0])
    while len(data) < size:
        data += _received(sock, data)
    return size


def _received(sock: socket.socket, before: bytes) -> bytes:
    data = sock.recv(2**18)
    if not data:
        raise RuntimeError(f'The connection was closed after {before[:200]!r}')
    return data


def _cpu_seconds(pid: int) -> float | None:
    """How long the main thread of a process has run so far: Linux tells it in nanoseconds."""
    path = Path(f'/proc/{pid}/schedstat')
    return int(path.read_text().split()[0]) / 1e9 if path.exists() else None
