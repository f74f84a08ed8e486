"""An emulated cluster for real clients, behind real sockets: open over HTTP, and with users and roles over HTTPS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from emulated_cluster import CRD, EmulatedCluster

import kmock
from kmock.kubernetes import KubernetesEmulator


@pytest.fixture
def widgets() -> dict[str, Any]:
    """The definition of Widgets of ex.dev/v1."""
    return CRD


@pytest.fixture(params=['open', 'users'])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmulatedCluster]:
    """The cluster, served from a thread of its own."""
    has_users = request.param == 'users'
    with kmock.serve(KubernetesEmulator, tls=has_users, strict=True) as handler:
        config = yaml.safe_load(handler.kubeconfig.read_text())
        if has_users:
            handler.users['admin'] = {'token': 'admin-token', 'groups': ['system:masters']}
            handler.users['viewer'] = {'token': 'viewer-token'}
            config['users'][0]['user'] = {'token': 'admin-token'}
        path = tmp_path / 'kubeconfig'
        path.write_text(yaml.safe_dump(config))
        yield EmulatedCluster(handler=handler, kubeconfig=path, has_users=has_users)
