"""The options that say which secrets stay out of a file."""

import dataclasses
import re

import click

from kmock.cli.options import gathered
from kmock.recording.redaction import Redactor

__all__ = ['Secrets', 'secrets_options']


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is replaced beyond that which always is."""

    redact_headers: tuple[str, ...] = ()
    redact_paths: tuple[str, ...] = ()
    redact_patterns: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        return bool(self.redact_headers or self.redact_paths or self.redact_patterns)

    def redactor(self, key: bytes | None = None) -> Redactor:
        """A redactor, by default with a new key.

        Raises:
            click.UsageError: one of the expressions is none.
        """
        for pattern in self.redact_patterns:
            try:
                re.compile(pattern)
            except re.error as exc:
                raise click.UsageError(f'--redact-pattern {pattern!r} is no regular expression: {exc}.') from exc
        return Redactor(key, headers=self.redact_headers, paths=self.redact_paths, patterns=self.redact_patterns)


secrets_options = gathered(
    'secrets',
    Secrets,
    [
        click.option(
            '--redact-header',
            'redact_headers',
            multiple=True,
            metavar='NAME',
            help='Replace this header, too; repeatable.',
        ),
        click.option(
            '--redact-path',
            'redact_paths',
            multiple=True,
            metavar='PATH',
            help='Replace this in JSON bodies, too, e.g. spec.password; repeatable.',
        ),
        click.option(
            '--redact-pattern',
            'redact_patterns',
            multiple=True,
            metavar='RE',
            help='Replace what this expression finds in bodies, too; repeatable.',
        ),
    ],
)
