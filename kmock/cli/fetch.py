"""`kmock fetch resources`: the resource types of a cluster, as a file for `kmock.resources.load_path()`."""

import bz2
import fnmatch
import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from kmock.cli.options import force_option, output_option
from kmock.cli.output import check_output, drafted, standard_output
from kmock.cli.signals import Signals, run
from kmock.cli.source import Source, source_options
from kmock.clock import LoopClock
from kmock.errors import UpstreamError
from kmock.messages import Answer, BodyInterrupted, Request
from kmock.upstream import Upstream

__all__ = ['Filter', 'fetch', 'is_wanted']

# Whether it is wanted, and a glob of groups (`*.k8s.io`) or of group versions (`apps/v1`; `v1` is the core group).
Filter = tuple[bool, str]

DEFAULT: Sequence[Filter] = tuple(
    (True, pattern) for pattern in ('v1', 'apps', 'autoscaling', 'batch', 'policy', '*.k8s.io')
)


@click.group()
def fetch() -> None:
    """Write down what a cluster has, so that tests can be prepared with it.

    \b
    Example:
      kmock fetch resources -o resources.json.gz
    """


class FilteredCommand(click.Command):
    """A command whose --include and --exclude arrive as one list of filters, in the order of the command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        rest = super().parse_args(ctx, args)
        values = {name: list(ctx.params.pop(name)) for name in ('include', 'exclude')}
        given = [parameter.name for parameter in order if parameter.name in values]
        ctx.params['filters'] = [(name == 'include', values[name].pop(0)) for name in given if name is not None]
        return rest


@fetch.command(cls=FilteredCommand)
@source_options()
@output_option(required=False, help='Write to this file, packed if it ends with .gz, .bz2 or .zst; else to stdout.')
@force_option
@click.option('-i', '--include', multiple=True, metavar='GROUP', help='Also this group, or group/version; repeatable.')
@click.option('-x', '--exclude', multiple=True, metavar='GROUP', help='But not this one; repeatable.')
def resources(source: Source, output: Path | None, force: bool, filters: Sequence[Filter]) -> None:
    """Write down which resource types a cluster serves, for kmock.resources.load_path().

    By default these are core, apps, autoscaling, batch, policy and *.k8s.io. Filters are applied from left to right,
    and the last one that fits decides. They are globs; the core group is v1.

    \b
    Examples:
      kmock fetch resources -o resources.json.gz
      kmock fetch resources -i kopf.dev -x 'autoscaling/*' -o resources.json
      kmock fetch resources --cluster kind -x '*' -i 'apps/v1'
    """
    if output is not None:
        check_output(output, force=force)
        _check_packer(output)
    documents: list[Any] = []

    async def ask(_: Signals) -> int:
        async with Upstream(source.target(), clock=LoopClock()) as upstream:
            documents.extend(await fetch_resources(upstream, filters))
        return 0

    status = run(ask)
    if status:
        click.get_current_context().exit(status)
    text = json.dumps(documents, ensure_ascii=False, separators=(',', ':'))
    if output is None:
        with standard_output() as stdout:
            stdout.write(text + '\n')
        return
    with drafted(output, force=force) as draft:
        draft.write_bytes(_packed(output, text.encode()))


def is_wanted(group: str, version: str, filters: Iterable[Filter]) -> bool:
    """Whether a group version passes the filters; what none of them names is not wanted."""
    name = f'{group}/{version}' if group else version
    wanted = False
    for positive, pattern in (*DEFAULT, *filters):
        if fnmatch.fnmatchcase(name, pattern) or (group and fnmatch.fnmatchcase(group, pattern)):
            wanted = positive
    return wanted


async def fetch_resources(upstream: Upstream, filters: Iterable[Filter]) -> list[Any]:
    """The documents of the kind APIResourceList of all wanted group versions, in the order of discovery.

    Raises:
        UpstreamError: the cluster can't be reached, or does not answer as one.
    """
    core, named = await _get(upstream, '/api'), await _get(upstream, '/apis')
    found = [('', version) for version in core.get('versions') or ()]
    try:
        found += [(group['name'], each['version']) for group in named['groups'] or () for each in group['versions']]
    except (KeyError, TypeError) as exc:
        raise UpstreamError(f'{upstream.target.name} answered no groups to GET /apis. Is it a Kubernetes API?') from exc
    wanted = [(group, version) for group, version in found if is_wanted(group, version, filters)]
    paths = [f'/apis/{group}/{version}' if group else f'/api/{version}' for group, version in wanted]
    return [_without_hashes(await _get(upstream, path)) for path in paths]


def _without_hashes(document: Any) -> Any:
    """Without what changes from cluster to cluster and tells tests nothing."""
    for row in document.get('resources') or ():
        row.pop('storageVersionHash', None)
    return document


async def _get(upstream: Upstream, path: str) -> Any:
    request = Request.make('GET', path, headers={'Accept': 'application/json', 'User-Agent': 'kmock'})
    answer = await upstream.respond(request)
    body = await _read(answer, upstream.target.name, path)
    if answer.status != 200:
        raise UpstreamError(f'{upstream.target.name} answered {answer.status} to GET {path}; it should be 200.')
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise UpstreamError(f'{upstream.target.name} answered no JSON to GET {path}. Is it a Kubernetes API?') from exc
    if not isinstance(value, dict):
        raise UpstreamError(f'{upstream.target.name} answered no object to GET {path}. Is it a Kubernetes API?')
    return value


async def _read(answer: Answer, name: str, path: str) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    try:
        return b''.join([piece async for piece in answer.body])
    except BodyInterrupted as exc:
        raise UpstreamError(f'{name} broke off its answer to GET {path}.') from exc


def _packed(path: Path, data: bytes) -> bytes:
    match path.suffix:
        case '.gz':
            return gzip.compress(data, mtime=0)
        case '.bz2':
            return bz2.compress(data)
        case '.zst':
            import zstandard

            packed: bytes = zstandard.ZstdCompressor().compress(data)
            return packed
    return data


def _check_packer(path: Path) -> None:
    if path.suffix != '.zst':
        return
    try:
        import zstandard  # noqa: F401
    except ImportError as exc:
        raise click.ClickException(f"{path} needs the package zstandard: pip install 'kmock[zstd]'") from exc
