import stat
from pathlib import Path

import click
import pytest

from kmock.cli.kubeconfig_out import check_kubeconfig_path, client_kubeconfig
from kmock.client_config import kubeconfig_text
from kmock.errors import KMockError

TEXT = kubeconfig_text('http://127.0.0.1:1234')


def test_a_temporary_kubeconfig_is_private_and_goes_away() -> None:
    with client_kubeconfig(TEXT) as path:
        assert path.read_text() == TEXT
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()


def test_a_wanted_kubeconfig_is_private_and_stays(tmp_path: Path) -> None:
    wanted = tmp_path / 'config'
    with client_kubeconfig(TEXT, wanted) as path:
        assert path == wanted
    assert wanted.read_text() == TEXT
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o600


def test_a_kubeconfig_of_ours_is_replaced_and_becomes_private(tmp_path: Path) -> None:
    wanted = tmp_path / 'config'
    wanted.write_text(TEXT + 'more\n')
    wanted.chmod(0o644)
    with client_kubeconfig(TEXT, wanted):
        pass
    assert wanted.read_text() == TEXT
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o600


def test_a_kubeconfig_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    wanted = tmp_path / 'config'
    wanted.write_text('apiVersion: v1\n')
    with pytest.raises(click.ClickException, match='is not of kmock'):
        check_kubeconfig_path(wanted)
    with pytest.raises(click.ClickException, match='is not of kmock'), client_kubeconfig(TEXT, wanted):
        pass
    assert wanted.read_text() == 'apiVersion: v1\n'


def test_a_kubeconfig_in_no_folder_or_over_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match='there is no folder'):
        check_kubeconfig_path(tmp_path / 'absent' / 'config')
    with pytest.raises(click.ClickException, match='directory'):
        check_kubeconfig_path(tmp_path)


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    wanted = tmp_path / 'config'
    wanted.symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(KMockError, match="Can't write"), client_kubeconfig(TEXT, wanted):
        pass
    assert not (tmp_path / 'elsewhere').exists()
