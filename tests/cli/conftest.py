"""What the tests of commands share: an isolated environment, a small cluster, the client script."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kmock_process import isolated
from small_cluster import SmallCluster

CLIENT = Path(__file__).with_name('urllib_client.py')


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment without a cluster."""
    home = tmp_path / 'home'
    home.mkdir()
    return isolated(home)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SmallCluster]:
    """A small cluster over plain HTTP that asks for no token."""
    with SmallCluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def client() -> list[str]:
    """COMMAND: a client with a watch."""
    return ['--', sys.executable, str(CLIENT)]
