"""The real kubectl, led to a server in a background thread by nothing but its kubeconfig."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trustme

import kmock


@pytest.mark.skipif(shutil.which('kubectl') is None, reason='there is no kubectl on the PATH')
@pytest.mark.parametrize('kind', ['plain', 'tls', 'client_ca'])
def test_kubectl_needs_nothing_else(kind: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {} if kind == 'plain' else {'tls': True}
    if kind == 'client_ca':
        trustme.CA().cert_pem.write_to_path(tmp_path / 'ca.pem')
        options['client_ca'] = tmp_path / 'ca.pem'
    with kmock.serve(**options) as k:
        k['get /livez'] << b'fine'
        command = ['kubectl', '--kubeconfig', str(k.kubeconfig), 'get', '--raw', '/livez']
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b'fine', b'')
        assert len(k['get /livez']) == 1
