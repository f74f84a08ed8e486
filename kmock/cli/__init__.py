"""The command line: one click command a file."""


def main() -> None:
    """Placeholder until the commands land."""
