"""What the published kmock 0.8 answers, and we do, too: facts gathered by running the same rules in both."""

import collections
import functools
import io
import pathlib
import re
import warnings

import pytest
from asking import Reply, ask

import kmock
from kmock import RawHandler

PODS = '/api/v1/namespaces/ns1/pods'
EXAMPLES = '/apis/kopf.dev/v1/namespaces/ns1/kopfexamples'
NAMES = {'kmock': kmock, 're': re, 'io': io, 'functools': functools, 'collections': collections}


def facts(name: str) -> list[list[str]]:
    """The rows of a table beside this file."""
    lines = pathlib.Path(__file__).with_name(name).read_text(encoding='utf-8').splitlines()
    return [line.split('\t') for line in lines if not line.startswith('#')]


async def ask_as_written(handler: RawHandler, line: str) -> Reply:
    """Ask with `get /path`, `post /path BODY`, or `get /path Header: value`."""
    line = line.replace('PODS', PODS).replace('EXAMPLES', EXAMPLES)
    verb, target, *rest = line.split(' ', 2)
    header, colon, value = rest[0].partition(': ') if rest else ('', '', '')
    if verb == 'get' and colon:
        return await ask(handler, f'{verb} {target}', headers={header: value})
    return await ask(handler, f'{verb} {target}', body=rest[0].encode() if rest else b'')


@pytest.mark.parametrize(('written', 'matching', 'missing'), facts('published_criteria.txt'))
async def test_the_same_requests_match(raw, written, matching, missing):
    criterion = eval(written, dict(NAMES))
    raw[criterion] << b'yes'
    raw.fallback << b'no'
    view = raw[criterion]
    for lines, body in ((matching, b'yes'), (missing, b'no')):
        for line in filter(None, lines.split(' | ')):
            assert (line, (await ask_as_written(raw, line)).body) == (line, body)
    assert len(view) == len(matching.split(' | '))
    assert raw.errors == []


@pytest.mark.parametrize(('written', 'status', 'body'), facts('published_payloads.txt'))
async def test_the_same_payloads_are_sent(raw, written, status, body):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # of clashes
        eval(f'raw << {written}', {**NAMES, 'raw': raw})
    reply = await ask(raw, '/')
    assert (str(reply.status), reply.body.decode('latin-1')) == (status, eval(body))
