"""Loading a file of rules again and again, and noticing that it has to be."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmock.cli.rules_file import RulesError, RulesFile

PLAIN = 'def rules(kmock): pass\n'


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RulesFile]:
    path = tmp_path / 'rules.py'
    path.write_text(PLAIN)
    with RulesFile(path) as file:
        yield file


def load(file: RulesFile) -> object:
    """Load it, and return what stands in it as X."""
    with file.loading() as (_, rules):
        return getattr(rules, '__globals__', {}).get('X')


def test_what_is_loaded_has_not_changed_until_it_is_written_to(file: RulesFile) -> None:
    load(file)
    assert not file.changed()
    file.path.write_text('X = 1\n' + PLAIN)
    assert file.changed()
    load(file)
    assert not file.changed()


def test_a_change_of_the_same_second_and_size_is_seen_and_loaded(file: RulesFile, tmp_path: Path) -> None:
    beside = tmp_path / 'beside.py'
    beside.write_text('X = 1\n')
    file.path.write_text('from beside import X\n' + PLAIN)
    assert load(file) == 1
    before = beside.stat()
    beside.write_text('X = 2\n')
    os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    assert file.changed()
    assert load(file) == 2


def test_modules_beside_the_file_are_watched_also_in_packages_and_when_imported_late(
    file: RulesFile, tmp_path: Path
) -> None:
    (tmp_path / 'package').mkdir()
    inner = tmp_path / 'package' / 'inner.py'
    inner.write_text('X = 1\n')
    file.path.write_text('def rules(kmock):\n    from package.inner import X\n    return X\n')
    with file.loading() as (_, rules):
        pass
    assert not file.changed()
    assert rules(None) == 1  # type: ignore[arg-type]
    assert not file.changed()
    inner.write_text('X = 22\n')
    assert file.changed()


def test_a_file_that_is_replaced_or_away_for_a_moment_has_changed(file: RulesFile, tmp_path: Path) -> None:
    load(file)
    (tmp_path / 'new').write_text(PLAIN)
    (tmp_path / 'new').replace(file.path)
    assert file.changed()
    load(file)
    file.path.unlink()
    assert file.changed()
    with pytest.raises(RulesError, match="Can't read"):
        load(file)
    assert not file.changed()
    file.path.write_text(PLAIN)
    assert file.changed()


def test_a_link_that_leads_elsewhere_has_changed(tmp_path: Path) -> None:
    """So Kubernetes mounts config maps, and changes them."""
    for version in ('one', 'two'):
        (tmp_path / version).mkdir()
        (tmp_path / version / 'rules.py').write_text(f'from beside import X\n{PLAIN}')
        (tmp_path / version / 'beside.py').write_text(f'X = {version!r}')
    (tmp_path / 'mount').symlink_to('one')
    with RulesFile(tmp_path / 'mount' / 'rules.py') as file:
        assert load(file) == 'one'
        assert not file.changed()
        (tmp_path / 'new').symlink_to('two')
        (tmp_path / 'new').replace(tmp_path / 'mount')
        assert file.changed()
        assert load(file) == 'two'


def test_a_version_that_failed_is_tried_again_only_when_something_changes(file: RulesFile, tmp_path: Path) -> None:
    load(file)
    (tmp_path / 'broken.py').write_text('X = (')
    file.path.write_text('from broken import X\n' + PLAIN)
    with pytest.raises(RulesError, match='SyntaxError'):
        load(file)
    assert not file.changed()
    (tmp_path / 'broken.py').write_text('X = 5')
    assert file.changed()
    assert load(file) == 5


def test_a_module_that_was_missing_is_looked_for(file: RulesFile, tmp_path: Path) -> None:
    file.path.write_text('from missing import X\n' + PLAIN)
    with pytest.raises(RulesError, match=r"rules\.py:1: ModuleNotFoundError: No module named 'missing'"):
        load(file)
    assert not file.changed()
    (tmp_path / 'missing.py').write_text('X = 5')
    assert file.changed()
    assert load(file) == 5


def test_a_version_that_fails_leaves_the_modules_of_the_former_one(file: RulesFile, tmp_path: Path) -> None:
    (tmp_path / 'beside.py').write_text('X = 1')
    file.path.write_text('from beside import X\n' + PLAIN)
    load(file)
    former = sys.modules['beside'], sys.modules['rules']
    (tmp_path / 'beside.py').write_text('X = 22')
    with pytest.raises(RulesError, match='no'), file.loading():
        raise ValueError('no')
    assert (sys.modules['beside'], sys.modules['rules']) == former


def test_other_modules_are_neither_loaded_again_nor_watched(file: RulesFile) -> None:
    file.path.write_text('import colorsys, kmock.feed\n' + PLAIN)
    sys.modules.pop('colorsys', None)
    load(file)
    former = sys.modules['colorsys']
    load(file)
    assert sys.modules['colorsys'] is former
    assert list(file._stamps()) == [str(file.path.resolve())]


def test_a_file_named_like_another_module_does_not_take_its_place(tmp_path: Path) -> None:
    import json

    (tmp_path / 'json.py').write_text('X = 1\n' + PLAIN)
    with RulesFile(tmp_path / 'json.py') as file:
        assert load(file) == 1
        assert sys.modules['json'] is json


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = list(sys.path)
    (tmp_path / 'rules.py').write_text('import beside\n' + PLAIN)
    (tmp_path / 'beside.py').write_text('')
    with RulesFile(tmp_path / 'rules.py') as file:
        load(file)
        assert 'beside' in sys.modules
    assert sys.path == path
    assert not {'rules', 'beside'} & set(sys.modules)
    assert sorted(each.name for each in tmp_path.iterdir()) == ['beside.py', 'rules.py']


def test_an_error_is_told_with_the_innermost_place_in_the_files_of_the_user(file: RulesFile) -> None:
    file.path.write_text('import json\ndef inner():\n    json.loads("{")\ninner()\n')
    with pytest.raises(RulesError, match=r'rules\.py:3: JSONDecodeError: Expecting property name'):
        load(file)


def test_a_syntax_error_in_what_the_user_parses_is_no_error_of_the_file(file: RulesFile) -> None:
    file.path.write_text('\ncompile("(", "other", "exec")\n')
    with pytest.raises(RulesError, match=r"rules\.py:2: SyntaxError: '\(' was never closed"):
        load(file)
