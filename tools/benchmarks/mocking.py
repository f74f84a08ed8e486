"""A mock server with rules, for kmock and for the published one alike: only what both have is used here.

Run as a script by the interpreter that has the kmock to be measured: `python -P mocking.py KIND [COUNT]`. It prints
its URL, and serves until it is interrupted. With `--trace`, a line on its input makes it print how many bytes
the interpreter has allocated.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import re
import sys
import tracemalloc

import kmock

BODY = json.dumps({'kind': 'ConfigMap', 'data': {f'key-{i}': 'x' * 60 for i in range(12)}}).encode()
"""What the bare handler answers, too."""

TYPE = {'Content-Type': 'application/json'}


def write_rules(handler: 'kmock.RawHandler', kind: str, count: int) -> None:
    """Write so many rules, of which the last one answers."""
    if kind == 'paths':
        for number in range(count - 1):
            handler[f'get /path/{number}'] << BODY << TYPE
        handler['get /x'] << BODY << TYPE
    elif kind == 'regexps':
        for number in range(count - 1):
            handler[re.compile(rf'/path/{number}/\d+')] << BODY << TYPE
        handler[re.compile(r'/x+')] << BODY << TYPE
    elif kind == 'get':
        handler['get'] << BODY << TYPE
    else:  # one that needs the request's body as JSON
        handler['post', kmock.data({'kind': 'ConfigMap'})] << BODY << TYPE


def answer_questions() -> None:
    """Tell the allocated memory for each line of the input."""
    if sys.stdin.readline():
        gc.collect()
        print(tracemalloc.get_traced_memory()[0], flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('kind', choices=['paths', 'regexps', 'get', 'data'])
    parser.add_argument('count', type=int, nargs='?', default=1)
    parser.add_argument('--trace', action='store_true')
    arguments = parser.parse_args()
    async with kmock.RawHandler() as handler, kmock.Server(handler):
        write_rules(handler, arguments.kind, arguments.count)
        print(str(handler.url), flush=True)
        if arguments.trace:
            tracemalloc.start()
            asyncio.get_running_loop().add_reader(sys.stdin, answer_questions)
        await asyncio.Event().wait()


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
