"""Serving from a background thread, as `kmock.serve()` and the fixture in plain tests do."""

import concurrent.futures
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

import kmock
from kmock.background import BlockingClient
from kmock.errors import KMockError

PATIENCE = 10.0  # seconds until a test fails instead of hanging


@pytest.fixture
def k() -> Iterator[kmock.RawHandler]:
    with kmock.serve() as handler:
        yield handler


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == 'kmock']


def test_the_handler_is_entered_already(k: kmock.RawHandler) -> None:
    with pytest.raises(KMockError, match='entered already'), k:
        pass
    k << b'still'
    assert k.get('/').read() == b'still'


class TestClients:
    def test_any_http_client_is_answered(self, k: kmock.RawHandler) -> None:
        k['get /hello'] << {'hello': 'world'}
        assert requests.get(f'{k.url}/hello', timeout=PATIENCE).json() == {'hello': 'world'}
        assert httpx.get(f'{k.url}/hello').json() == {'hello': 'world'}
        with urllib.request.urlopen(f'{k.url}/hello', timeout=PATIENCE) as response:
            assert json.load(response) == {'hello': 'world'}
        code = f'import urllib.request; print(urllib.request.urlopen("{k.url}/hello").read().decode())'
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, check=True, timeout=PATIENCE)
        assert json.loads(done.stdout) == {'hello': 'world'}
        assert len(k['get /hello']) == 4

    def test_a_large_body_is_sent_without_a_warning(self, k: kmock.RawHandler) -> None:
        k << 201
        sent = k.post('/', data=b'x' * 5_000_000)
        assert sent.status == 201
        assert k[0].body == b'x' * 5_000_000
        assert k[0].headers['Content-Type'] == 'application/octet-stream'

    def test_clients_trust_the_authority_by_its_file(self) -> None:
        with kmock.serve(tls=True) as k:
            k << 'hello'
            ca_path = str(k.servers[0].ca_path)  # type: ignore[attr-defined]
            assert requests.get(k.url, verify=ca_path, timeout=PATIENCE).json() == 'hello'
            assert k.get('/').json() == 'hello'

    def test_a_cluster_client_of_a_subprocess_finds_it_by_the_kubeconfig(self, k: kmock.RawHandler) -> None:
        k['get /version'] << {'gitVersion': 'v1.2.3'}
        code = (
            'import os, urllib.request, yaml\n'
            "config = yaml.safe_load(open(os.environ['KUBECONFIG']))\n"
            "print(urllib.request.urlopen(config['clusters'][0]['cluster']['server'] + '/version').read().decode())\n"
        )
        env = {**os.environ, 'KUBECONFIG': str(k.kubeconfig)}
        command = [sys.executable, '-W', 'ignore', '-c', code]
        done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, env=env)
        assert json.loads(done.stdout) == {'gitVersion': 'v1.2.3'}


class TestOwnClient:
    def test_calls_block_and_give_finished_responses(self, k: kmock.RawHandler) -> None:
        k['post /x'] << 418 << {'X-Mine': 'yes'} << kmock.cookies(a='b') << {'hello': 'wörld'}
        response = k.post('/x?q=1', json={'a': 1}, headers={'Y': 'z'})
        assert (response.status, response.reason, response.ok) == (418, "I'm a Teapot", False)
        assert response.headers['x-mine'] == 'yes'
        assert response.cookies['a'].value == 'b'
        assert response.content_type == 'application/json'
        assert response.json() == {'hello': 'wörld'}
        assert response.text() == '{"hello":"wörld"}'
        assert response.read() == response.body == '{"hello":"wörld"}'.encode()
        assert str(response.url) == f'{k.url}/x?q=1'
        assert repr(response) == f"<FinishedResponse 418 I'm a Teapot POST {k.url}/x?q=1>"
        with pytest.raises(aiohttp.ClientResponseError, match='418'):
            response.raise_for_status()
        (request,) = k
        assert request.data == {'a': 1}
        assert request.headers['Y'] == 'z'

    @pytest.mark.parametrize('method', ['get', 'put', 'post', 'patch', 'options', 'head', 'delete'])
    def test_every_method_is_there(self, k: kmock.RawHandler, method: str) -> None:
        k << 200
        with getattr(k, method)('/x') as response:
            assert response.method == method.upper()
            response.raise_for_status()
        assert len(k[f'{method} /x']) == 1
        assert k.request(method.upper(), '/x').status == 200
        assert len(k[f'{method} /x']) == 2

    def test_redirects_are_followed_but_for_head(self, k: kmock.RawHandler) -> None:
        k['/old'] << 301 << {'Location': '/new'}
        k['/new'] << 'here'
        response = k.get('/old')
        assert (response.status, response.json(), len(response.history)) == (200, 'here', 1)
        assert k.head('/old').status == 301

    def test_what_the_client_raises_is_raised_where_it_was_called(self, k: kmock.RawHandler) -> None:
        k['/hang'] << threading.Event()
        with pytest.raises(TimeoutError):
            k.get('/hang', timeout=aiohttp.ClientTimeout(total=0.01))
        with pytest.raises(TypeError, match='nonsense'):
            k.get('/', nonsense=1)

    def test_several_threads_may_call_at_once(self, k: kmock.RawHandler) -> None:
        barrier = threading.Barrier(8, timeout=PATIENCE)
        k << (lambda request: (barrier.wait, request.path)[1])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:

            def call(n: int) -> Any:
                barrier.wait()
                return k.get(f'/{n}').json()

            assert list(pool.map(call, range(8))) == [f'/{n}' for n in range(8)]

    def test_within_the_servers_thread_the_client_is_aiohttps(self, k: kmock.RawHandler) -> None:
        async def ask() -> Any:
            response = await k.get('/inner')
            return await response.json()

        k['/inner'] << 'inner'
        k['/outer'] << ask
        assert k.get('/outer').json() == 'inner'
        assert isinstance(k.clients[0], BlockingClient)

    def test_afterwards_it_says_what_is_wrong(self) -> None:
        with kmock.serve() as k:
            client = k.clients[0]
        with pytest.raises(KMockError, match='No server serves this handler'):
            k.get('/')
        with pytest.raises(KMockError, match='has stopped: use its client within'):
            client.get('/')


class TestThreadSafety:
    def test_views_count_while_requests_come(self, k: kmock.RawHandler) -> None:
        k << 200
        first = k['get'][:10]
        done = threading.Event()
        counts: list[int] = []

        def count() -> None:
            while not done.is_set():
                counts.append(len(k['get']))
                assert len(k['get'] - first) >= counts[-1] - 10

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            counting = pool.submit(count)
            for _ in range(30):
                k.get('/')
            done.set()
            counting.result(PATIENCE)
        assert counts == sorted(counts)
        assert (len(k['get']), len(first)) == (30, 10)

    def test_live_streams_are_fed_from_the_test(self, k: kmock.RawHandler) -> None:
        k['get /stream'] << ({'n': 0}, ..., ..., {'n': 3})
        with urllib.request.urlopen(f'{k.url}/stream', timeout=PATIENCE) as stream:
            assert json.loads(stream.readline()) == {'n': 0}
            for n in (1, 2):
                until(lambda: len(waiting(k)) == 1)
                k[...] << {'n': n}
                assert json.loads(stream.readline()) == {'n': n}
            assert json.loads(stream.readline()) == {'n': 3}
            assert stream.read() == b''

    def test_events_and_queues_of_threads_go_both_ways(self, k: kmock.RawHandler) -> None:
        seen: queue.Queue[kmock.Request] = queue.Queue()
        go = threading.Event()
        k['get /'] >> seen
        k['get /'] << (go, b'gone')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: k.get('/').read())
            assert seen.get(timeout=PATIENCE).path == '/'
            assert not answer.done()
            go.set()
            assert answer.result(PATIENCE) == b'gone'


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, 'it never came true'
        time.sleep(0.001)


def waiting(k: kmock.RawHandler) -> list[kmock.Request]:
    return k._rulebook.live.requests()


def fail_in_a_request(error: Exception | None = None) -> None:
    """Let a request fail, and maybe the block as well."""
    with kmock.serve(strict=True) as k:
        k << ZeroDivisionError('boo')
        k.get('/')
        if error is not None:
            raise error


class TestLife:
    def test_the_thread_ends_with_the_block(self) -> None:
        with kmock.serve() as k:
            assert threads() == ['kmock']
            k << (b'a', ...)
            hanging = urllib.request.urlopen(k.url, timeout=PATIENCE)
        assert threads() == []
        hanging.close()

    def test_errors_are_raised_when_it_is_left(self) -> None:
        with pytest.raises(ZeroDivisionError, match='boo'):
            fail_in_a_request()
        assert threads() == []

    def test_the_failure_of_the_block_goes_first(self) -> None:
        with pytest.raises(AssertionError, match='mine') as caught:
            fail_in_a_request(AssertionError('mine'))
        assert caught.value.__notes__ == ['Errors of kmock: ZeroDivisionError: boo']

    def test_what_fails_besides_is_noted(self) -> None:
        class Failing(kmock.RawHandler):
            async def __aexit__(self, *exc_info: Any) -> None:
                await super().__aexit__(*exc_info)
                raise OSError('disk')

        with pytest.raises(OSError, match='disk'), kmock.serve(Failing):
            pass
        with pytest.raises(AssertionError, match='mine') as caught, kmock.serve(Failing):
            raise AssertionError('mine')
        assert caught.value.__notes__ == ["Besides, the server in the background failed: OSError('disk')"]
        assert threads() == []

    def test_a_start_that_fails_fails_here(self, k: kmock.RawHandler) -> None:
        port = k.servers[0].port  # type: ignore[attr-defined]
        with pytest.raises(KMockError, match=rf'Port {port} on 127\.0\.0\.1 is in use'), kmock.serve(port=port):
            pass
        assert threads() == ['kmock']

    def test_it_runs_once(self) -> None:
        background = kmock.serve()
        with background, pytest.raises(KMockError, match='runs in the background already'):
            background.__enter__()
        with pytest.raises(KMockError, match='ran before'):
            background.__enter__()

    def test_options_go_to_the_handler_and_the_server(self) -> None:
        class Mine(kmock.RawHandler):
            pass

        with kmock.serve(Mine, limit=3, host='localhost', hostnames='x.test', user_agent='me') as k:
            assert type(k) is Mine
            assert k.limit == 3
            assert k.url.startswith('http://localhost:')
            k << (lambda request: request.headers['User-Agent'])
            assert k.get('http://x.test/').json() == 'me'

    def test_unknown_options_are_refused_at_once(self) -> None:
        with pytest.raises(KMockError, match=r'no option limits\. With KubernetesEmulator, it has cls, host'):
            kmock.serve(limits=1)

    def test_two_of_them_run_side_by_side(self) -> None:
        with kmock.serve() as first, kmock.serve() as second:
            first << 'first'
            second << 'second'
            assert [first.get('/').json(), second.get('/').json()] == ['first', 'second']


INTERRUPTED = """
import sys, threading, kmock

with kmock.serve() as k:
    k['get /'] << (b'a', ...)
    threading.Timer(0, lambda: print(k.url, flush=True)).start()
    {wait}
"""


@pytest.mark.parametrize('wait', ['threading.Event().wait()', "k.get('/')"])
def test_ctrl_c_in_the_main_thread_ends_it(wait: str) -> None:
    """Whether the main thread does something of its own, or waits for a response that never ends."""
    process = subprocess.Popen(
        [sys.executable, '-c', INTERRUPTED.format(wait=wait)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=PATIENCE) as stream:
            assert stream.read(1) == b'a'
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith('KeyboardInterrupt')
    assert errors.count('Traceback') == 1


@pytest.mark.parametrize('cls', ['RawHandler', 'kmock.RawHandler', 'kmock:RawHandler'])
def test_a_class_can_be_named(cls: str) -> None:
    with kmock.serve(cls=cls) as k:
        assert type(k) is kmock.RawHandler


@pytest.mark.parametrize('cls', ['Handler', int, object()])
def test_a_class_that_is_none_of_handlers_is_refused_where_it_is_written(cls: Any) -> None:
    with pytest.raises(KMockError, match=r'cls=.* is no class of handlers'):
        kmock.serve(cls=cls)
