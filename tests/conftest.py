"""What all tests share: this folder is importable (`from scripted import ...`), and where the shipped cassettes are."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from shipped import CASSETTES

AGGREGATED = (1, 27)


@pytest.fixture(scope='session')
def cassettes_folder() -> pathlib.Path:
    """The cassettes that are shipped with the project."""
    return CASSETTES


@pytest.fixture(scope='session')
def kubectl_version() -> tuple[int, int] | None:
    """The major and minor version of the kubectl on the PATH; None if there is none."""
    if shutil.which('kubectl') is None:
        return None
    command = ['kubectl', 'version', '--client', '-o', 'json']
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    client = json.loads(result.stdout)['clientVersion']
    return int(client['major']), int(re.sub(r'\D.*', '', client['minor']))  # such as `20+`


@pytest.fixture
def modern_kubectl(kubectl_version: tuple[int, int] | None) -> None:
    """Skip the test where there is no kubectl that asks as the one in the cassette did."""
    if kubectl_version is None:
        pytest.skip('there is no kubectl on the PATH (Debian: kubernetes-client, or tools/test installs it)')
    if kubectl_version < AGGREGATED:
        found = '.'.join(map(str, kubectl_version))
        pytest.skip(f'kubectl {found} asks for each group by itself; the cassette has the discovery of 1.27+')
