"""The raw handler: its chain, its errors, its levels, its servers and clients; without sockets."""

import asyncio
import gzip
import subprocess
import sys
import warnings

import attrs
import pytest
from asking import ask, make

import kmock
from kmock import KMockError, LimitError, NoAnswerError, RawHandler, UnmatchedError, UpstreamError
from kmock.chain import Handler
from kmock.messages import Answer, Ending, Outcome, Request, RequestBody
from kmock.recording.cassette import Cassette
from kmock.recording.frames import ChunkFrame, EndFrame, Header, RequestFrame, ResponseFrame


class Client:
    """Stands for the client of a server: remembers what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs)) or self


class Served:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client = Client()


class Streaming:
    """A responder that streams the request's body through, and answers with its length."""

    async def respond(self, request):
        size = sum([len(piece) async for piece in request.stream()])
        return Answer(body=b'%d' % size)


class Observing:
    def __init__(self) -> None:
        self.seen: list[tuple[Request, Answer | None, Outcome]] = []

    async def respond(self, request):
        return None

    def observe(self, request, answer, outcome):
        self.seen.append((request, answer, outcome))


def streamed(*pieces, line='post /'):
    async def source():
        for piece in pieces:
            yield piece

    request = make(line)
    return request.with_content(RequestBody(source()))


def recorded(*answers: bytes, **header: object) -> Cassette:
    """A cassette in which GET /x was answered so."""
    frames: list[object] = []
    for number, answer in enumerate(answers, start=1):
        frames += [
            RequestFrame(id=number, at_us=number * 10, method='GET', target='/x', headers=(('Accept', '*/*'),)),
            ResponseFrame(id=number, at_us=number * 10 + 1, status=200, reason='OK'),
            ChunkFrame(id=number, at_us=number * 10 + 2, data=answer),
            EndFrame(id=number, at_us=number * 10 + 3, outcome=Outcome.COMPLETE),
        ]
    return Cassette.from_frames(Header(created='2000-01-01T00:00:00.000Z', **header), frames)


def accepting(line, **kwargs):
    return make(line, headers={'Accept': '*/*'}, **kwargs)


async def body_of(answer):
    return answer.body if isinstance(answer.body, bytes) else b''.join([piece async for piece in answer.body])


# --- answering


async def test_a_request_without_a_rule_is_answered_500_that_names_the_mend():
    async with RawHandler() as handler:
        reply = await ask(handler, 'get /X')
        assert reply.status == 500
        assert b'kmock.fallback << 404' in reply.body
        assert b"kmock['get /X']" in reply.body
        reply = await ask(handler, 'STORE /x')
        assert b"kmock[kmock.method('STORE'), '/x'] << " in reply.body
        assert isinstance(handler.errors[0], NotImplementedError)
        assert isinstance(handler.errors[0], NoAnswerError)


def test_a_raw_handler_is_what_servers_serve():
    handler: Handler = RawHandler()
    assert handler is not None


async def test_the_chain_goes_from_rules_over_responders_and_cassette_to_fallbacks():
    class Some:
        async def respond(self, request):
            return Answer(body=b'responder') if request.path == '/r' else None

    class Last:
        async def respond(self, request):
            return Answer(body=b'last') if request.path == '/l' else None

    async with RawHandler(
        responders=[Some()], cassette=recorded(b'cassette'), fallback=Last(), pace='instant'
    ) as handler:
        handler['/rule'] << b'rule'
        handler.fallback << b'fallback'
        for target, body in {
            '/rule': b'rule',
            '/r': b'responder',
            '/x': b'cassette',
            '/l': b'last',
            '/': b'fallback',
        }.items():
            assert await body_of(await handler.handle(accepting(f'get {target}'))) == body


async def test_a_handler_that_is_not_entered_says_so():
    handler = RawHandler()
    assert (await ask(handler, '/')).status == 500
    assert 'Enter it with `async with`' in str(handler.errors[0])


async def test_parallel_requests_are_under_way_until_they_are_observed():
    async with RawHandler() as handler:
        handler << 200
        request = make('/')
        answer = await handler.handle(request)
        assert handler.under_way == [request]
        handler.observe(request, answer, Outcome.COMPLETE)
        assert handler.under_way == []


async def test_a_parsed_body_is_not_kept_beyond_its_exchange():
    async with RawHandler() as handler:
        handler[handler.data({'a': 1})] << 201
        request = Request.make('POST', '/', body=b'{"a": 1}')
        answer = await handler.handle(request)
        parsed = request.data
        assert request.data is parsed
        handler.observe(request, answer, Outcome.COMPLETE)
        assert request.data is not parsed
        assert request.data == {'a': 1}


async def test_a_handler_is_active_while_it_is_entered():
    handler = RawHandler()
    assert handler.active is False
    async with handler, handler:
        assert handler.active is True
    assert handler.active is False


async def test_responders_learn_how_exchanges_end():
    observer = Observing()
    async with RawHandler(responders=[observer]) as handler:
        handler << 201
        request = make('/')
        answer = await handler.handle(request)
        handler.observe(request, answer, Outcome.CLIENT_CLOSED)
        assert observer.seen == [(request, answer, Outcome.CLIENT_CLOSED)]


# --- bodies


async def test_bodies_are_read_before_the_rules_are_asked():
    async with RawHandler() as handler:
        handler['post', {'a': 1}] << b'matched'
        answer = await handler.handle(streamed(b'{"a"', b': 1}'))
        assert answer.body == b'matched'
        assert handler[0].data == {'a': 1}


async def test_too_long_a_body_is_answered_413():
    async with RawHandler(max_body=3) as handler:
        handler << 200
        assert (await handler.handle(streamed(b'abc'))).status == 200
        assert (await handler.handle(streamed(b'abc', b'd'))).status == 413
        assert isinstance(handler.errors[0], LimitError)


async def test_with_responders_bodies_stream_through_unless_rules_need_them():
    async with RawHandler(responders=[Streaming()], max_body=3) as handler:
        handler['put', {'a': 1}] << b'rule'
        request = streamed(b'abc', b'def')
        assert (await handler.handle(request)).body == b'6'
        assert not request.content.kept
        needed = streamed(b'{}', line='put /')
        assert (await handler.handle(needed)).body == b'2'
        assert needed.body == b'{}'


async def test_a_client_that_leaves_while_it_sends_is_no_error_of_a_rule():
    async def source():
        yield b'a'
        raise ConnectionResetError

    async with RawHandler(strict=True) as handler:
        handler << 200
        with pytest.raises(ConnectionResetError):
            await handler.handle(make('post /').with_content(RequestBody(source())))
        assert handler.errors == []
        assert len(handler) == 0


# --- errors


async def test_errors_are_kept_per_level():
    handler = RawHandler()
    handler << ValueError('outer')
    async with handler:
        await ask(handler, '/')
        async with handler:
            assert handler.errors == []
            await ask(handler, '/')
            await ask(handler, '/')
            assert len(handler.errors) == 2
        assert len(handler.errors) == 1
    assert len(handler.errors) == 1
    async with handler:
        assert handler.errors == []


async def leave_strictly(*targets, failure=None):
    async with RawHandler(strict=True) as handler:
        handler['/a'] << ValueError('wrong')
        for target in targets:
            await ask(handler, target)
        if failure is not None:
            raise failure


async def test_strict_raises_a_single_error_on_leaving():
    with pytest.raises(ValueError, match='wrong'):
        await leave_strictly('/a')


async def test_strict_raises_a_group_of_several():
    with pytest.raises(ExceptionGroup, match='2 requests failed') as caught:
        await leave_strictly('/a', '/b')
    assert [type(each) for each in caught.value.exceptions] == [ValueError, NoAnswerError]


async def test_the_own_failure_of_a_strict_test_goes_first_with_a_note():
    with pytest.raises(ZeroDivisionError) as caught:
        await leave_strictly('/a', failure=ZeroDivisionError())
    assert caught.value.__notes__ == ['Errors of kmock: ValueError: wrong']


async def test_an_inner_strict_level_raises_its_own_errors_only():
    handler = RawHandler(strict=True)
    handler['/inner'] << ValueError('inner')
    async with handler:
        with pytest.raises(ValueError, match='inner'):
            async with handler:
                await ask(handler, '/inner')
        assert handler.errors == []


async def test_requests_beyond_the_limit_are_errors():
    async with RawHandler(limit=2) as handler:
        handler << 200
        assert [(await ask(handler, '/')).status for _ in range(3)] == [200, 200, 500]
        assert isinstance(handler.errors[0], LimitError)
        assert 'limit=2' in str(handler.errors[0])


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'limit': -1}, 'limit=-1'),
        ({'limit': True}, 'limit=True'),
        ({'request_log': 'all'}, "request_log='all'"),
        ({'pace': 'fast'}, 'fast'),
        ({'pace': 0}, '0'),
        ({'strict': 'x'}, "strict='x'"),
        ({'strict': None}, 'strict=None'),
        ({'cassette': 5}, 'cassette=5'),
        ({'fallback': 5}, 'fallback: 5 answers nothing'),
        ({'responders': 5}, 'responders=5'),
        ({'responders': [5]}, 'responders: 5 answers nothing'),
        ({'ignore': 'spec'}, "ignore='spec'"),
        ({'ignore': [5]}, r'ignore=\[5\]'),
        ({'max_body': -1}, 'max_body=-1'),
        ({'max_body': '1M'}, "max_body='1M'"),
    ],
)
def test_wrong_options_are_refused_where_they_are_written(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        RawHandler(**options)


async def test_a_plain_with_block_is_told_how_a_handler_is_entered():
    handler = RawHandler()
    with pytest.raises(KMockError, match=r'`with kmock[.]serve\(\) as k:`'), handler:
        pass
    async with handler:
        with pytest.raises(KMockError, match='entered already'), handler:
            pass
        assert handler.active


@pytest.mark.parametrize(('reset', 'ending'), [(False, Ending.CUT), (True, Ending.RESET)])
async def test_an_upstream_without_an_answer_gives_none_and_is_no_error(reset, ending):
    class Gone:
        async def respond(self, request):
            raise UpstreamError('gone', reset=reset)

    async with RawHandler(responders=[Gone()], strict=True) as handler:
        answer = await handler.handle(make('/'))
        assert answer.disconnects
        assert answer.ending is ending


# --- cassettes


async def test_a_cassette_answers_what_rules_leave_and_rules_override_it():
    async with RawHandler(cassette=recorded(b'recorded'), pace='instant') as handler:
        assert await body_of(await handler.handle(accepting('get /x'))) == b'recorded'
        handler['get /x'] << b'rule'
        assert await body_of(await handler.handle(accepting('get /x'))) == b'rule'
        assert len(handler) == 2
        assert handler.cassette.unused == []


async def test_what_the_cassette_can_not_answer_is_refused_with_599():
    async with RawHandler(cassette=recorded(b'recorded'), pace='instant') as handler:
        plain = await handler.handle(accepting('get /y'))
        assert plain.status == 599
        assert plain.header('Content-Type') == 'text/plain; charset=utf-8'
        assert b'/x' in plain.body
        status = await ask(handler, 'get /api/v1/pods')
        assert status.status == 599
        assert (status.data['kind'], status.data['code']) == ('Status', 599)
        assert [type(each).__mro__[1] for each in handler.errors] == [UnmatchedError] * 2
        assert len(handler.cassette.unmatched) == 2


async def test_a_cassette_is_opened_on_entering_and_closed_on_leaving(tmp_path, cassettes_folder):
    source = next(path for path in sorted(cassettes_folder.iterdir()) if path.name.endswith('.jsonl'))
    async with RawHandler(cassette=source, pace='instant') as handler:
        assert len(handler.cassette.unused) == len(handler.cassette.cassette.exchanges)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        del handler


async def test_a_cassette_that_can_not_be_read_is_told_on_entering(tmp_path):
    path = tmp_path / 'none.kmock'
    with pytest.raises(kmock.CassetteError, match=r'none\.kmock'):
        await RawHandler(cassette=path).__aenter__()


async def test_a_handler_that_could_not_be_entered_can_be_entered_later(tmp_path):
    path = tmp_path / 'late.jsonl.gz'
    handler = RawHandler(cassette=path)
    with pytest.raises(kmock.CassetteError):
        await handler.__aenter__()
    path.write_bytes(
        gzip.compress(
            b'{"kind":"header","format":"kmock-trace","version":1,"created":"2000-01-01T00:00:00Z","server":null}\n'
        )
    )
    async with handler:
        assert handler.cassette.unused == []


def test_without_a_cassette_there_is_nothing_to_look_at():
    with pytest.raises(KMockError, match='No cassette is played'):
        RawHandler().cassette  # noqa: B018


# --- servers and clients


async def test_client_calls_go_round_robin_over_the_servers():
    handler, one, two = RawHandler(), Served('http://one'), Served('http://two')
    handler.attach(one)
    handler.attach(two)
    assert (handler.servers, handler.url, handler.urls) == ([one, two], 'http://one', ['http://one', 'http://two'])
    assert handler.clients == [one.client, two.client]
    for verb in ('get', 'post', 'put', 'patch', 'options', 'head', 'delete'):
        getattr(handler, verb)('/x', json={})
    handler.request('STORE', '/x')
    expected = [(verb, ('/x',), {'json': {}}) for verb in ('get', 'post', 'put', 'patch', 'options', 'head', 'delete')]
    expected.append(('request', ('STORE', '/x'), {}))
    assert one.client.calls == expected[::2]
    assert two.client.calls == expected[1::2]
    handler.detach(one)
    handler.detach(one)
    assert handler.urls == ['http://two']


def test_without_a_server_the_mend_is_named():
    with pytest.raises(KMockError, match=r'Server\(handler\)'):
        RawHandler().get('/')
    with pytest.raises(KMockError, match=r'Server\(handler\)'):
        RawHandler().url  # noqa: B018


# --- subclasses


async def test_subclasses_override_the_handling_and_the_errors():
    class Handler(RawHandler):
        async def _handle(self, request):
            if request.path == '/own':
                return Answer(body=b'own')
            return await super()._handle(request)

        async def _render_error(self, exc):
            answer = await super()._render_error(exc)
            return Answer(status=503, body=answer.body.upper())

        async def _stream_error(self, exc, response):
            await super()._stream_error(exc, response)
            await response.write(b'sorry: ')
            await response.write(str(exc).encode())

    async with Handler() as handler:
        handler['/error'] << ValueError('wrong')
        handler['/stream'] << (b'a', ValueError('wrong'), b'b')
        assert (await ask(handler, '/own')).body == b'own'
        error = await ask(handler, '/error')
        assert (error.status, error.body) == (503, b'VALUEERROR: WRONG\n')
        stream = await ask(handler, '/stream')
        assert (stream.pieces, stream.cut) == ([b'a', b'sorry: ', b'wrong'], False)
        assert len(handler) == 3


async def test_an_error_in_an_overridden_method_is_collected_too():
    class Handler(RawHandler):
        def _render_error(self, exc):
            raise TypeError('of ours')

        async def _stream_error(self, exc, response):
            raise TypeError('of ours')

    async with Handler() as handler:
        handler['/s'] << (b'a', ValueError('wrong'))
        assert (await ask(handler, '/')).status == 500
        assert (await ask(handler, '/s')).cut
        assert [type(each) for each in handler.errors] == [NoAnswerError, TypeError, ValueError, TypeError]


async def test_an_attrs_subclass_has_fields_of_its_own():
    @attrs.define
    class Handler(RawHandler):
        greeting: str = 'hello'

        async def _handle(self, request):
            if request.path == '/greeting':
                return Answer(body=self.greeting.encode())
            return await super()._handle(request)

    async with Handler(limit=2, greeting='hi') as handler:
        handler['/x'] << 201
        assert (await ask(handler, '/greeting')).body == b'hi'
        assert (await ask(handler, '/x')).status == 201
        assert (await ask(handler, '/x')).status == 500
        assert repr(handler['get']) == "kmock['get']"


async def test_the_common_names_hang_on_the_handler():
    handler = RawHandler()
    for name in ('body', 'text', 'data', 'headers', 'cookies', 'params', 'path', 'method', 'action', 'resource'):
        assert getattr(handler, name) is getattr(kmock, name)
    for name in ('name', 'namespace', 'subresource', 'Request', 'Response', 'KMockError', 'Payload', 'Criteria'):
        assert getattr(handler, name) is getattr(kmock, name)


def test_every_public_name_can_be_imported_and_unknown_ones_are_told():
    for name in kmock.__all__:
        assert getattr(kmock, name) is not None
        assert name in dir(kmock)
    with pytest.raises(AttributeError, match='no attribute'):
        kmock.unknown  # noqa: B018


async def test_errors_while_a_request_is_cancelled_are_not_collected():
    async with RawHandler(strict=True) as handler:
        handler << (lambda: asyncio.Event().wait())
        task = asyncio.create_task(handler.handle(make('/')))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert handler.errors == []


def test_importing_handlers_leaves_aiohttp_alone():
    code = 'import sys, kmock.handlers; sys.exit("aiohttp" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


# --- errors of Kubernetes


@pytest.mark.parametrize(
    ('raised', 'status', 'expected'),
    [
        (
            kmock.KubernetesError(409, 'AlreadyExists', 'it is there', {'name': 'x'}),
            409,
            {'reason': 'AlreadyExists', 'message': 'it is there', 'details': {'name': 'x'}, 'code': 409},
        ),
        (kmock.KubernetesError, 500, {'reason': 'InternalError', 'code': 500}),
        (kmock.KubernetesNotFoundError, 404, {'reason': 'NotFound', 'status': 'Failure', 'kind': 'Status'}),
        (kmock.KubernetesObjectNotFoundError({'name': 'x'}), 404, {'details': {'name': 'x'}, 'apiVersion': 'v1'}),
    ],
)
async def test_a_kubernetes_error_raised_anywhere_answers_a_status(raised, status, expected):
    def fail():
        raise raised

    async with RawHandler() as handler:
        handler['/callable'] << fail
        handler['/'] << raised
        for target in ('/', '/callable'):
            reply = await ask(handler, target)
            assert reply.status == status
            assert expected.items() <= reply.data.items()
        assert [isinstance(error, kmock.KubernetesError) for error in handler.errors] == [True, True]


async def test_a_kubernetes_error_amid_a_stream_is_an_error_event():
    async with RawHandler() as handler:
        handler << ({'type': 'ADDED'}, kmock.KubernetesError(410, 'Expired', 'too old'))
        reply = await ask(handler, '/')
        assert [line['type'] for line in reply.lines] == ['ADDED', 'ERROR']
        assert reply.lines[1]['object']['code'] == 410
        assert not reply.cut


def test_kubernetes_errors_are_one_family_and_check_their_status():
    for kind in (
        kmock.KubernetesEndpointNotFoundError,
        kmock.KubernetesResourceNotFoundError,
        kmock.KubernetesObjectNotFoundError,
    ):
        assert issubclass(kind, kmock.KubernetesNotFoundError)
    assert issubclass(kmock.KubernetesNotFoundError, kmock.KubernetesError)
    assert repr(kmock.KubernetesError(404, message='gone')) == "KubernetesError(status=404, message='gone')"
    with pytest.raises(ValueError, match='from 400 to 599'):
        kmock.KubernetesError('not found')


async def test_the_same_error_of_a_view_and_a_rule_is_collected_once():
    def fail():
        raise ZeroDivisionError('of mine')

    async with RawHandler() as handler:
        view = handler[fail]
        handler[fail] << b'x'
        assert (await ask(handler, '/')).body == b'ZeroDivisionError: of mine\n'
        assert [str(error) for error in handler.errors] == ['of mine']
        assert len(view) == 0
