"""The command line: one click command a file, imported only when it is called."""

from kmock.cli.group import main

__all__ = ['main']
