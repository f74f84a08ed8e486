"""Whatever is sent to an emulated cluster, the answer is one that an API server gives: never an exception, nor a hang.

The requests of the recorded scenarios are sent with parts of them replaced; also those whose setup went wrong.
"""

import asyncio
import copy
import datetime
import functools
import json
import pathlib
import random
import re
from typing import Any

import pytest
import yaml

from kmock.kube.emulator import Emulator
from kmock.messages import Answer, Request

SCENARIOS = pathlib.Path(__file__).parent.parent / 'conformance' / 'scenarios'
JUNK: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**63, 10**30, 1.5, 1e308, '', 'a', 'x' * 300, '\ud800', '\0', 'a/b/c', '..', '101%'),
    *('1e99999', '2024-01-01T00:00:00Z', '*', '0.0.0.0/0', '{.a.b[?(@', '(a+)+$', 'self.x', 'oldSelf == self', '$(A)'),
    *([], [None], ['a', 'a'], [1], [{}], [[[]]], {}, {'': ''}, {'a': None}, {'$patch': 'delete'}, {'$retainKeys': [1]}),
    *({'$setElementOrder/a': [1]}, {'$deleteFromPrimitiveList/finalizers': [1]}, {'$ref': '#/'}, {'f:a': {}}),
]
QUERIES = re.split(
    ' ',
    'watch=1 limit=1 limit=-1 limit=x limit=99999999999999999999 continue=abc continue=e30= resourceVersion=0 '
    'resourceVersion=1 resourceVersion=999999 resourceVersion=x resourceVersionMatch=Exact sendInitialEvents=true '
    'resourceVersionMatch=NotOlderThan labelSelector=a%3Db labelSelector=a+in+( labelSelector=%F0 fieldSelector=, '
    'fieldSelector=metadata.name%3Da fieldSelector=spec.x%21%3D1 timeoutSeconds=-1 timeoutSeconds=1e9 dryRun=All '
    'dryRun=x fieldManager=a fieldManager=%00 force=true fieldValidation=Strict pretty=1 gracePeriodSeconds=0 '
    'gracePeriodSeconds=99999999999999 propagationPolicy=Foreground propagationPolicy=Orphan orphanDependents=true '
    'includeObject=Object container=a&follow=1 % &&=&',
)
META = 'g=meta.k8s.io;v=v1'
ACCEPTS = [
    *('application/yaml', 'application/vnd.kubernetes.protobuf', '*/*', '', 'text/html', ';;;', 'application/cbor'),
    *(f'application/json;as={each};{META}' for each in ('Table', 'PartialObjectMetadata', 'PartialObjectMetadataList')),
]
TYPES = [f'application/{each}-patch+json' for each in ('json', 'merge', 'strategic-merge')]
TYPES += ['application/apply-patch+yaml', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'text/plain']
METHODS = ('GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'FOO')
SUFFIXES = re.split(' ', '/status /scale / /x /status/x /log /exec /eviction /binding /proxy/x /token /finalize')
FAILURES = (  # what a real API server answers 500 and 504 to
    'strconv.ParseUint',
    'resourceVersion should not be set on objects to be created',
    'Timeout: Too large resource version',
    'failed to create typed patch object',
    'failed calling webhook',
    'does not contain declared merge key',
    'list element types are not identical',
    'patch type: ',
    'target.',
)


class SkippingClock:
    """Nobody waits, the time goes on instead."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def wall(self) -> datetime.datetime:
        return datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=self._now)

    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(0)
        self._now = max(self._now, when)


@functools.cache
def steps(name: str) -> list[dict[str, Any]]:
    text = (SCENARIOS / f'{name}.yaml').read_text()
    for key, value in {'run': 'r1', 'ns': 'ns', 'webhook_url': 'https://127.0.0.1:1', 'webhook_ca': 'eA=='}.items():
        text = text.replace('{{' + key + '}}', value)
    found = yaml.load(text, yaml.CSafeLoader)['steps']
    return [each for each in found if 'method' in each or isinstance(each.get('path'), str)]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [each for key, item in items for each in places(item, (*path, key))]


def mutated(value: Any, dice: random.Random) -> Any:
    """The same with one thing in it replaced, removed, added or wrapped."""
    value = copy.deepcopy(value)
    *path, last = dice.choice(places({'': value}))[:] or ('',)
    holder: Any = {'': value}
    root = holder
    for key in path:
        holder = holder[key]
    deed = dice.choice(['replace'] * 6 + ['remove', 'add', 'list', 'map'])
    junk = copy.deepcopy(dice.choice(JUNK))
    if deed == 'remove' and path:
        del holder[last]
    elif deed == 'add' and isinstance(holder, dict) and path:
        holder[dice.choice(['', 'x', 'metadata', 'spec', '$patch', 'kind', 'name', '\ud800'])] = junk
    else:
        holder[last] = {'list': [holder[last]], 'map': {'a': holder[last]}}.get(deed, junk)
    return root['']


def encoded(body: Any, dice: random.Random) -> bytes:
    data = json.dumps(body).encode()
    if dice.random() < 0.9:
        return data
    spoilt = bytearray(data[:5000])
    spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
    return bytes(spoilt)


def requests(name: str, dice: random.Random) -> list[Request]:
    made = []
    for step in steps(name):
        keep = step.get('setup') and dice.random() < 0.8
        method, path = step.get('method', 'GET'), '/' + step['path'].lstrip('/')
        headers = {key: value for key, value in (step.get('headers') or {}).items() if value is not None}
        body = step.get('body', step.get('text', b''))
        for _ in range(1 if keep else 2):
            sent, target, verb, head = body, path, method, dict(headers)
            if not keep:
                sent = mutated(body, dice) if isinstance(body, dict | list) else body
                if dice.random() < 0.2:
                    head['Accept'] = dice.choice(ACCEPTS)
                if dice.random() < 0.1:
                    head['Content-Type'] = dice.choice(TYPES)
                if dice.random() < 0.3:
                    target += ('&' if '?' in target else '?') + dice.choice(QUERIES)
                if dice.random() < 0.05:
                    verb = dice.choice(METHODS)
                if dice.random() < 0.05:
                    target = target.partition('?')[0] + dice.choice(SUFFIXES)
                if dice.random() < 0.05:
                    target = target.replace(
                        dice.choice(['/v1', 'ns']), dice.choice(['', '%00', 'é', '%ff', '..', '//'])
                    )
            data = (
                sent
                if isinstance(sent, bytes)
                else sent.encode('utf-8', 'surrogatepass')
                if isinstance(sent, str)
                else encoded(sent, dice)
            )
            made.append(Request.make(verb, '/' + target.lstrip('/'), headers=head, body=data))
    return made


async def unreachable(url: str, body: bytes, **kwargs: Any) -> tuple[int, bytes]:
    raise ConnectionError('connection refused')


async def answered(emulator: Emulator, request: Request) -> Answer:
    """The answer, and the first pieces of its stream."""
    answer = await emulator.respond(request) or emulator.missing(request)
    if not isinstance(answer.body, bytes):
        stream: Any = answer.body
        for _ in range(4):
            if await anext(stream, None) is None:
                break
        await stream.aclose()
    return answer


@pytest.mark.parametrize('name', sorted(path.stem for path in SCENARIOS.glob('*.yaml')))
async def test_every_request_has_the_answer_of_an_api_server(name: str) -> None:
    dice = random.Random(name)
    emulator = Emulator(clock=SkippingClock(), call=unreachable, controllers=dice.random() < 0.5)
    emulator.start()
    for request in requests(name, dice):
        answer = await asyncio.wait_for(answered(emulator, request), 20)
        if answer.status >= 500:
            assert isinstance(answer.body, bytes)
            assert any(each.encode() in answer.body for each in FAILURES), (request, request.body, answer.body)
