import gzip
import stat
from pathlib import Path

import click
import pytest

from kmock.cli.output import check_cassette_output, check_output, drafted, written


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / 'out'
    with written(path, force=False) as file:
        file.write(b'content')
        assert not path.exists()
    assert path.read_bytes() == b'content'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_on_the_way_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / 'out'
    path.write_bytes(b'old')
    with pytest.raises(ZeroDivisionError), written(path, force=True) as file:
        file.write(b'new') // 0
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / 'out'
    with pytest.raises(click.ClickException, match='exists already'), written(path, force=False):
        path.write_bytes(b'other')
    assert path.read_bytes() == b'other'


def test_a_name_that_ends_with_gz_is_packed_the_same_way_each_time(tmp_path: Path) -> None:
    for name in ('one.gz', 'two.gz'):
        with written(tmp_path / name, force=False) as file:
            file.write(b'content')
    assert gzip.decompress((tmp_path / 'one.gz').read_bytes()) == b'content'
    assert (tmp_path / 'one.gz').read_bytes() == (tmp_path / 'two.gz').read_bytes()


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / 'target', tmp_path / 'link'
    target.write_bytes(b'old')
    link.symlink_to(target)
    with pytest.raises(click.ClickException, match='exists already'):
        check_output(link, force=False)
    with written(link, force=True) as file:
        file.write(b'new')
    assert target.read_bytes() == b'old'
    assert not link.is_symlink()


def test_a_dangling_link_exists_too(tmp_path: Path) -> None:
    link = tmp_path / 'link'
    link.symlink_to(tmp_path / 'absent')
    with pytest.raises(click.ClickException, match='exists already'):
        check_output(link, force=False)


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match='is a folder'):
        check_output(tmp_path, force=True)


def test_errors_of_the_system_name_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(click.ClickException, match=r"Can't write .*out: No space left"),
        drafted(tmp_path / 'out', force=False),
    ):
        raise OSError(28, 'No space left on device')


def test_without_a_path_it_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with written(None, force=False) as file:
        file.write(b'content')
    assert capfdbinary.readouterr().out == b'content'


@pytest.mark.parametrize('name', ['a.zst', 'a.kmock.zst', 'a.jsonl', 'a.jsonl.gz', 'a.har'])
def test_a_cassette_is_not_named_as_if_it_were_something_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(click.ClickException, match='what its name says'):
        check_cassette_output(tmp_path / name, force=True)


@pytest.mark.parametrize('name', ['a.kmock', 'a', 'a.b'])
def test_other_names_are_the_users_choice(tmp_path: Path, name: str) -> None:
    check_cassette_output(tmp_path / name, force=False)
