"""Credentials of the client edge: TLS, certificates, renewal before they expire, and the one repetition on a 401."""

import asyncio
import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import trustme
from upstream_wire import Peer, answering, body_of, raw_server

from kmock.clock import VirtualClock
from kmock.errors import ClusterError, UpstreamError
from kmock.messages import BodyInterrupted, Ending, Request, RequestBody
from kmock.upstream import Login, Target, Upstream

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
REFUSED = b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n\r\nwho???'
SWITCH = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'


class Authority:
    """Gives out a token after the other; the server takes the ones in `good` only."""

    def __init__(self, clock: VirtualClock, *, life: float | None = None) -> None:
        self.clock = clock
        self.life = life
        self.given = 0
        self.good: set[str] = set()
        self.fails = False
        self.seen: list[tuple[str, bytes]] = []

    async def log_in(self) -> Login:
        await asyncio.sleep(0)
        if self.fails:
            raise ClusterError('the plugin is gone')
        self.given += 1
        expires = None if self.life is None else self.clock.wall() + datetime.timedelta(seconds=self.life)
        return Login(authorization=f'Bearer {self.given}', given=True, expires=expires)

    async def talk(self, peer: Peer) -> None:
        try:
            while True:
                head = await peer.head()
                token = head.lower().partition(b'bearer ')[2].partition(b'\r')[0].decode()
                length = int(head.lower().partition(b'content-length: ')[2].partition(b'\r\n')[0] or 0)
                body = await peer.reader.readexactly(length)
                if b'chunked' in head:
                    body = await peer.reader.readuntil(b'0\r\n\r\n')
                self.seen.append((token, body))
                accepted = SWITCH if b'Upgrade: x' in head else OK
                await peer.send(accepted if token in self.good else REFUSED)
        except asyncio.IncompleteReadError:
            pass


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(wall=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))


async def asked(authority: Authority, *requests: Request, renewable: bool = True) -> list[tuple[int, list[str]]]:
    """The status of the answer to each request, and the remarks about it."""
    remarks: list[str] = []
    results = []
    async with raw_server(authority.talk) as server:
        target = Target(url=server.url, log_in=authority.log_in, renewable=renewable)
        async with Upstream(target, clock=authority.clock, on_retry=lambda _, text: remarks.append(text)) as upstream:
            for request in requests:
                answer = await upstream.respond(request)
                await body_of(answer)
                results.append((answer.status, remarks.copy()))
                remarks.clear()
    return results


REMARKS = ['repeated after a 401, with fresh credentials']


async def test_401_is_repeated_once_with_fresh_credentials_and_marked(clock: VirtualClock) -> None:
    authority = Authority(clock)
    authority.good = {'2'}
    results = await asked(authority, Request.make('GET', '/'), Request.make('GET', '/'))
    assert results == [(200, REMARKS), (200, [])]
    assert [token for token, _ in authority.seen] == ['1', '2', '2']


async def test_second_401_passes(clock: VirtualClock) -> None:
    authority = Authority(clock)
    results = await asked(authority, Request.make('GET', '/'))
    assert results == [(401, REMARKS)]
    assert authority.given == 2


async def test_fresh_credentials_that_are_refused_are_not_renewed_at_every_request(clock: VirtualClock) -> None:
    authority = Authority(clock)
    await asked(authority, *(Request.make('GET', '/') for _ in range(5)))
    assert authority.given == 2


async def test_401_passes_where_logging_in_anew_changes_nothing(clock: VirtualClock) -> None:
    authority = Authority(clock)
    assert await asked(authority, Request.make('GET', '/'), renewable=False) == [(401, [])]
    assert authority.given == 1


async def test_401_passes_where_the_same_credentials_come_again(clock: VirtualClock) -> None:
    async def log_in() -> Login:
        return Login(authorization='Bearer same', given=True)

    async with raw_server(answering(REFUSED)) as server:
        target = Target(url=server.url, log_in=log_in, renewable=True)
        async with Upstream(target, on_retry=lambda *_: pytest.fail('repeated')) as upstream:
            answer = await upstream.respond(Request.make('GET', '/'))
            assert (answer.status, await body_of(answer)) == (401, b'who???')


async def test_401_passes_where_logging_in_anew_fails(clock: VirtualClock) -> None:
    authority = Authority(clock)
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=authority.log_in, renewable=True), clock=clock) as upstream:
            authority.fails = True
            answer = await upstream.respond(Request.make('GET', '/'))
            assert (answer.status, await body_of(answer)) == (401, b'who???')


def uploading(size: int, chunked: bool) -> Request:
    async def body() -> AsyncIterator[bytes]:
        for start in range(0, size, 100_000):
            await asyncio.sleep(0)
            yield b'x' * min(100_000, size - start)

    headers = {} if chunked else {'Content-Length': str(size)}
    return Request.make('POST', '/', headers=headers).with_content(RequestBody(body(), declared=True))


@pytest.mark.parametrize('chunked', [True, False])
async def test_streamed_body_up_to_1_mib_is_repeated(clock: VirtualClock, chunked: bool) -> None:
    authority = Authority(clock)
    authority.good = {'2'}
    assert await asked(authority, uploading(1 << 20, chunked)) == [(200, REMARKS)]
    first, second = (body for _, body in authority.seen)
    assert first.count(b'x') == second.count(b'x') == 1 << 20


@pytest.mark.parametrize('chunked', [True, False])
async def test_401_passes_where_the_body_was_too_long_to_be_kept(clock: VirtualClock, chunked: bool) -> None:
    authority = Authority(clock)
    authority.good = {'2'}
    assert await asked(authority, uploading((1 << 20) + 1, chunked)) == [(401, [])]


async def test_kept_body_of_any_length_is_repeated(clock: VirtualClock) -> None:
    authority = Authority(clock)
    authority.good = {'2'}
    request = Request.make('POST', '/', headers={'Content-Length': '3000000'}, body=b'y' * 3_000_000)
    assert await asked(authority, request) == [(200, REMARKS)]
    assert authority.seen == [('1', b'y' * 3_000_000), ('2', b'y' * 3_000_000)]


async def test_upgrade_is_repeated_after_a_401(clock: VirtualClock) -> None:
    authority = Authority(clock)
    authority.good = {'2'}
    request = Request.make('GET', '/', headers=[('Connection', 'Upgrade'), ('Upgrade', 'x')])
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=authority.log_in, renewable=True), clock=clock) as upstream:
            answer = await upstream.respond(request)
            assert answer.upgrade is not None
            await answer.upgrade.close()


async def test_parallel_401s_log_in_once(clock: VirtualClock) -> None:
    authority = Authority(clock)
    authority.good = {'2'}
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=authority.log_in, renewable=True), clock=clock) as upstream:
            answers = await asyncio.gather(*(upstream.respond(Request.make('GET', '/')) for _ in range(10)))
            assert [(answer.status, await body_of(answer)) for answer in answers] == [(200, b'ok')] * 10
    assert authority.given == 2


@pytest.mark.parametrize(('life', 'due'), [(3600, 3540), (100, 80)])
async def test_credentials_are_renewed_before_they_expire(clock: VirtualClock, life: float, due: float) -> None:
    authority = Authority(clock, life=life)
    authority.good = {'1', '2'}
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=authority.log_in, renewable=True), clock=clock) as upstream:
            for wait in 0, due - 1, 1, 1:
                await clock.advance(wait)
                await body_of(await upstream.respond(Request.make('GET', '/')))
    assert [token for token, _ in authority.seen] == ['1', '1', '2', '2']


async def test_credentials_that_can_not_be_renewed_are_used_up(clock: VirtualClock) -> None:
    authority = Authority(clock, life=100)
    authority.good = {'1', '2'}
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=authority.log_in, renewable=True), clock=clock) as upstream:
            authority.fails = True
            await clock.advance(90)
            assert (await upstream.respond(Request.make('GET', '/'))).status == 200
            await clock.advance(10)
            with pytest.raises(UpstreamError, match='credentials can not be renewed: the plugin is gone'):
                await upstream.respond(Request.make('GET', '/'))
            with pytest.raises(UpstreamError, match='the plugin is gone'):
                await upstream.check()
            authority.fails = False
            assert (await upstream.respond(Request.make('GET', '/'))).status == 200


async def test_credentials_that_came_expired_are_not_renewed_at_every_request(clock: VirtualClock) -> None:
    authority = Authority(clock, life=-10)
    authority.good = {'1', '2'}
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=authority.log_in, renewable=True), clock=clock) as upstream:
            for wait in 0, 0.5, 0.5, 0:
                await clock.advance(wait)
                await body_of(await upstream.respond(Request.make('GET', '/')))
    assert [token for token, _ in authority.seen] == ['1', '1', '2', '2']


async def test_client_that_leaves_does_not_stop_the_log_in_that_others_wait_for(clock: VirtualClock) -> None:
    runs, go = [], asyncio.Event()

    async def log_in() -> Login:
        runs.append(1)
        if len(runs) > 1:
            await go.wait()
        return Login(authorization=f'Bearer {len(runs)}', given=True)

    authority = Authority(clock)
    authority.good = {'2'}
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=log_in, renewable=True), clock=clock) as upstream:
            tasks = [asyncio.create_task(upstream.respond(Request.make('GET', '/'))) for _ in range(2)]
            while len(runs) < 2 or len(authority.seen) < 2:
                await asyncio.sleep(0)
            tasks[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[0]
            go.set()
            assert await body_of(await tasks[1]) == b'ok'
    assert len(runs) == 2


async def test_leaving_the_upstream_stops_a_log_in(clock: VirtualClock) -> None:
    stopped = []

    async def log_in() -> Login:
        if authority.seen:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(True)
        return Login(given=True)

    authority = Authority(clock)
    async with raw_server(authority.talk) as server:
        async with Upstream(Target(url=server.url, log_in=log_in, renewable=True), clock=clock) as upstream:
            task = asyncio.create_task(upstream.respond(Request.make('GET', '/')))
            while not authority.seen:
                await asyncio.sleep(0)
            await asyncio.sleep(0.02)
    assert stopped == [True]
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_failing_log_in_is_told_at_once() -> None:
    authority = Authority(VirtualClock())
    authority.fails = True
    with pytest.raises(ClusterError, match='the plugin is gone'):
        async with Upstream(Target(url='http://127.0.0.1:1', log_in=authority.log_in)):
            pytest.fail('entered')


# --- TLS

CA = trustme.CA()
OTHER_CA = trustme.CA()


def server_tls(name: str = '127.0.0.1', clients: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(name).configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_tls(*, certified: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    if certified:
        CA.issue_cert('me@example.com').configure_cert(context)
    return context


def https(port: int) -> str:
    return f'https://127.0.0.1:{port}'


UPGRADE = {'Connection': 'Upgrade', 'Upgrade': 'x'}


@pytest.mark.parametrize('headers', [{}, UPGRADE], ids=['request', 'upgrade'])
async def test_client_certificate_is_shown(headers: dict[str, str]) -> None:
    request = Request.make('GET', '/', headers=headers)
    async with raw_server(answering(OK), tls=server_tls(clients=CA)) as server:
        async with Upstream(Target(url=https(server.port), login=Login(tls=client_tls(certified=True)))) as upstream:
            assert await body_of(await upstream.respond(request)) == b'ok'


@pytest.mark.parametrize('headers', [{}, UPGRADE], ids=['request', 'upgrade'])
async def test_name_of_the_server_may_be_another_than_its_address(headers: dict[str, str]) -> None:
    request = Request.make('GET', '/', headers=headers)
    async with raw_server(answering(OK), tls=server_tls('api.example')) as server:
        target = Target(url=https(server.port), login=Login(tls=client_tls()), server_name='api.example')
        async with Upstream(target) as upstream:
            assert await body_of(await upstream.respond(request)) == b'ok'


@contextlib.contextmanager
def blocking_server(tls: ssl.SSLContext) -> Iterator[int]:
    """A server that fails one handshake. asyncio's would leave without sending TLS's alert; this one sends it."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection.dup() as beneath:  # to leave without a reset, which could overtake the alert
            with contextlib.suppress(OSError), tls.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)
            beneath.shutdown(socket.SHUT_WR)
            while beneath.recv(65536):
                pass

    with socket.create_server(('127.0.0.1', 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize('headers', [{}, UPGRADE], ids=['request', 'upgrade'])
@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_missing_client_certificate_is_told(headers: dict[str, str], version: ssl.TLSVersion) -> None:
    tls = server_tls(clients=CA)
    tls.maximum_version = version
    with blocking_server(tls) as port:
        async with Upstream(Target(url=https(port), login=Login(tls=client_tls()))) as upstream:
            with pytest.raises(UpstreamError, match='refused the client certificate, or asks for one'):
                await upstream.respond(Request.make('GET', '/', headers=headers))


def trusting_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    OTHER_CA.configure_trust(context)
    return context


@pytest.mark.parametrize('headers', [{}, UPGRADE], ids=['request', 'upgrade'])
@pytest.mark.parametrize(
    ('name', 'tls', 'reason'),
    [('127.0.0.1', trusting_nobody, 'unable to get local issuer'), ('127.0.0.2', client_tls, 'not valid for')],
)
async def test_untrusted_server_is_told_with_the_mend(
    headers: dict[str, str], name: str, tls: Callable[[], ssl.SSLContext], reason: str
) -> None:
    async with raw_server(answering(OK), tls=server_tls(name)) as server:
        async with Upstream(Target(url=https(server.port), login=Login(tls=tls()))) as upstream:
            with pytest.raises(UpstreamError, match=f'not trusted.*{reason}.*--ca FILE.*--insecure') as info:
                await upstream.respond(Request.make('GET', '/', headers=headers))
            assert str(info.value).startswith(https(server.port))
            with pytest.raises(UpstreamError, match='not trusted'):
                await upstream.check()


async def test_server_without_tls_is_told() -> None:
    async def talk(peer: Peer) -> None:
        await peer.reader.read(10)
        await peer.send(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')

    async with raw_server(talk) as server:
        async with Upstream(Target(url=https(server.port), login=Login(tls=client_tls()))) as upstream:
            with pytest.raises(UpstreamError, match='does not speak TLS'):
                await upstream.check()


async def test_cut_and_reset_are_told_over_tls_as_well() -> None:
    for how in Ending.CUT, Ending.RESET:

        async def talk(peer: Peer, how: Ending = how) -> None:
            await peer.head()
            await peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
            if how is Ending.RESET:
                await asyncio.sleep(0.05)
                peer.reset()

        async with raw_server(talk, tls=server_tls()) as server:
            async with Upstream(Target(url=https(server.port), login=Login(tls=client_tls()))) as upstream:
                answer = await upstream.respond(Request.make('GET', '/'))
                assert not isinstance(answer.body, bytes)
                assert await anext(answer.body) == b'abc'
                with pytest.raises(BodyInterrupted) as info:
                    await anext(answer.body)
                assert info.value.ending is how


async def test_certificates_of_exec_plugins_change_the_connection() -> None:
    async def talk(peer: Peer) -> None:
        await peer.head()
        subject = dict(pair[0] for pair in peer.writer.get_extra_info('peercert').get('subject', ()))
        refuse = subject.get('organizationalUnitName', '').endswith('old')
        await peer.send(REFUSED if refuse else OK)

    made = [client_tls(), client_tls()]
    CA.issue_cert('old@example.com', organization_unit_name='old').configure_cert(made[0])
    CA.issue_cert('new@example.com', organization_unit_name='new').configure_cert(made[1])

    async def log_in() -> Login:
        return Login(tls=made.pop(0), given=True)

    async with raw_server(talk, tls=server_tls(clients=CA)) as server:
        async with Upstream(Target(url=https(server.port), log_in=log_in, renewable=True)) as upstream:
            assert (await upstream.respond(Request.make('GET', '/'))).status == 200
