"""Classes of handlers by their names."""

import sys
from pathlib import Path

import pytest

import kmock
from kmock.classes import find_class
from kmock.errors import KMockError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a class in its module, one within that, and a module that lacks what it imports."""
    folder = tmp_path / 'classes_package'
    folder.mkdir()
    (folder / '__init__.py').touch()
    source = 'import kmock\nclass Handler(kmock.RawHandler):\n    class Inner(kmock.RawHandler): ...\n'
    (folder / 'sub.py').write_text(source)
    (folder / 'broken.py').write_text('import no_such_module\n')
    monkeypatch.syspath_prepend(tmp_path)
    for name in ('classes_package', 'classes_package.sub', 'classes_package.broken'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


@pytest.mark.parametrize('named', ['RawHandler', 'kmock.RawHandler', 'kmock:RawHandler', 'kmock.handlers.RawHandler'])
def test_classes_of_kmock(named: str) -> None:
    assert find_class(named) is kmock.RawHandler


@pytest.mark.parametrize('named', ['classes_package.sub:Handler', 'classes_package.sub.Handler'])
def test_classes_of_modules(package: Path, named: str) -> None:
    found = find_class(named)
    assert (found.__module__, found.__name__) == ('classes_package.sub', 'Handler')
    assert find_class(found) is found
    assert find_class(f'{named}.Inner').__name__ == 'Inner'


@pytest.mark.parametrize(
    ('named', 'reason'),
    [
        ('Absent', "'Absent' is no class of handlers: module 'kmock' has no attribute 'Absent'. Write "),
        ('absent.X', 'there is no module absent'),
        ('absent:X', 'there is no module absent'),
        ('classes_package.absent:X', 'there is no module classes_package.absent'),
        ('classes_package.absent.X', "module 'classes_package' has no attribute 'absent'"),
        ('classes_package.sub:Absent', "has no attribute 'Absent'"),
        ('classes_package.sub', 'that is <module '),
        ('classes_package:', 'that is no name of Python'),
        ('', 'that is no name of Python'),
        ('kmock.Server', "that is <class 'kmock.server.Server'>"),
        (dict, "cls=<class 'dict'> is no class of handlers. Write "),
        (5, 'cls=5 is no class of handlers. Write '),
    ],
)
def test_what_is_no_class_of_handlers_is_refused_in_one_line(package: Path, named: object, reason: str) -> None:
    with pytest.raises(KMockError) as caught:
        find_class(named)
    assert reason in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('named', ['classes_package.broken:X', 'classes_package.broken.X'])
def test_a_module_that_fails_is_not_taken_for_an_absent_one(package: Path, named: str) -> None:
    with pytest.raises(ModuleNotFoundError, match='no_such_module'):
        find_class(named)
