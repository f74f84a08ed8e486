"""`kmock export`: a cassette as JSON Lines or HAR."""

from pathlib import Path

import click

from kmock.cli.options import force_option, output_option, source_argument
from kmock.cli.output import written
from kmock.recording.interchange import open_cassette, write_har, write_jsonl

__all__ = ['export']

WRITERS = {'jsonl': write_jsonl, 'har': write_har}


@click.command()
@source_argument
@output_option(required=False, help='Write to this file (gzipped if it ends with .gz); else to standard output.')
@click.option(
    '--format',
    'format_name',
    type=click.Choice(list(WRITERS)),
    help='JSON Lines, which hold everything, or HAR 1.2. By default jsonl, or what the name of the output says.',
)
@force_option
def export(file: Path, output: Path | None, format_name: str | None, force: bool) -> None:
    """Write the cassette FILE as text: what is in it is written as it is, nothing is redacted.

    \b
    Examples:
      kmock export session.kmock | jq -c 'select(.kind == "request") | [.method, .path]'
      kmock export session.kmock -o session.jsonl.gz
      kmock export session.kmock -o session.har --format har
    """
    write = WRITERS[format_name or _format_of(output)]
    with open_cassette(file) as cassette, written(output, force=force) as target:
        write(cassette, target)


def _format_of(output: Path | None) -> str:
    named_har = output is not None and output.name.removesuffix('.gz').endswith('.har')
    return 'har' if named_har else 'jsonl'
