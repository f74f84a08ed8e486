"""Where the recordings are that the project ships."""

from pathlib import Path

CASSETTES = Path(__file__).resolve().parent.parent / 'cassettes'
