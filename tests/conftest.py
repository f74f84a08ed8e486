"""What all tests share: this folder is importable (`from scripted import ...`), and where the shipped cassettes are."""

import pathlib

import pytest

CASSETTES = pathlib.Path(__file__).resolve().parent.parent / 'cassettes'


@pytest.fixture(scope='session')
def cassettes_folder() -> pathlib.Path:
    """The cassettes that are shipped with the project."""
    return CASSETTES
