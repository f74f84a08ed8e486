"""`kmock repair`: what can be read of a damaged cassette, as a clean one."""

from pathlib import Path

import click

from kmock.cli.options import force_option, output_option, source_argument
from kmock.cli.output import check_cassette_output, drafted
from kmock.cli.sizes import plural
from kmock.errors import CassetteError
from kmock.recording.format import repair as repair_cassette

__all__ = ['repair']


@click.command()
@source_argument
@output_option(required=True, help='The clean cassette.')
@force_option
def repair(file: Path, output: Path, force: bool) -> None:
    """Save what can be read of the damaged cassette FILE. FILE itself is not touched.

    \b
    Example:
      kmock repair torn.kmock -o clean.kmock
    """
    if output.exists() and file.exists() and output.samefile(file):
        raise click.UsageError('FILE is not repaired in place: give -o another path.')
    check_cassette_output(output, force=force)
    with drafted(output, force=force) as draft:
        try:
            problems = repair_cassette(file, draft)
        except CassetteError as exc:
            raise CassetteError(str(exc).replace(str(draft), str(output))) from exc
    for problem in problems:
        click.echo(f'kmock: {file}: {problem}', err=True)
    found = plural(len(problems), 'problem') if problems else 'no problems'
    click.echo(f'kmock: {found} found; what could be read is in {output}', err=True)
