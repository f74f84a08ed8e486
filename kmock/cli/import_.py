"""`kmock import`: a cassette of JSON Lines or HAR."""

from pathlib import Path

import click

from kmock.cli.options import PATH, force_option, output_option
from kmock.cli.output import check_cassette_output, drafted
from kmock.cli.secrets import Secrets, secrets_options
from kmock.cli.sizes import plural
from kmock.recording.cassette import Cassette
from kmock.recording.format import CassetteWriter
from kmock.recording.interchange import open_cassette
from kmock.recording.redactedframes import FrameRedactor
from kmock.recording.redaction import Redactor

__all__ = ['import_']


@click.command('import')
@click.argument('source', metavar='IN', type=PATH)
@output_option(required=True, help='The cassette.')
@click.option('--redact', is_flag=True, help='Replace secrets, as a recording does; else everything is kept as it is.')
@secrets_options
@force_option
def import_(source: Path, output: Path, redact: bool, secrets: Secrets, force: bool) -> None:
    """Make a cassette of IN: JSON Lines (.jsonl, .jsonl.gz) or HAR (.har).

    \b
    Examples:
      kmock import trace.jsonl.gz -o trace.kmock
      kmock import browser.har -o browser.kmock --redact
    """
    if secrets.named and not redact:
        raise click.UsageError('--redact-header, --redact-path and --redact-pattern need --redact.')
    check_cassette_output(output, force=force)
    with open_cassette(source) as cassette, drafted(output, force=force) as draft:
        for problem in cassette.problems:
            click.echo(f'kmock: {source}: {problem}', err=True)
        _write(cassette, draft, output, secrets.redactor(cassette.header.key or None) if redact else None)
        click.echo(f'kmock: {output} has {plural(len(cassette.exchanges), "request")} of {source}', err=True)


def _write(cassette: Cassette, draft: Path, output: Path, redactor: Redactor | None) -> None:
    header = cassette.header if redactor is None else redactor.in_header(cassette.header)
    with CassetteWriter(draft, header) as writer:
        redaction = None if redactor is None else FrameRedactor(redactor, writer.append)
        for frame in cassette.frames():
            (writer if redaction is None else redaction).append(frame)
        if redaction is not None:
            redaction.close()
    if writer.failure is not None:
        raise click.ClickException(str(writer.failure).replace(str(draft), str(output)))
