"""The user's file of rules: a Python module with `def rules(kmock): ...`, loaded again and again as it changes.

Each time, the file and all modules beside it (below its folder, but for installed packages) are imported anew. If that
fails, the former modules stay where they were. No bytecode is kept: two versions of one second would look the same.
"""

import contextlib
import functools
import importlib
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import sys
import sysconfig
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from kmock.classes import find_class
from kmock.errors import KMockError
from kmock.handlers import RawHandler
from kmock.recording.printable import printable

__all__ = ['DEFAULT_CLASS', 'RulesError', 'RulesFile', 'RulesFunction']

DEFAULT_CLASS = 'kmock:KubernetesEmulator'

RulesFunction = Callable[[RawHandler], Any]
Stamp = tuple[int, int, int]  # a file's time of change, size and inode
Stamps = dict[str, Stamp | None]


class RulesError(KMockError):
    """The file of rules can't be used; the message says where and why, in one line."""


class RulesFile:
    """A file of rules, the class of handlers that it is for, and which files have to be watched. A context manager.

    Args:
        path: the file; its folder is where it imports from first, as with a Python script.
        cls: the class of handlers, as `RawHandler` or `package.module:Class`; it may be in a module beside the file, or
            in it.
    """

    def __init__(self, path: Path, cls: str = DEFAULT_CLASS) -> None:
        self.path = path
        self._cls = cls
        self._file = str(path.absolute())  # links stay: that to another version may take the place of one
        self._folder = str(path.absolute().parent)
        self._others = frozenset(sys.modules)
        self._suspects: set[str] = set()  # files that the last failure was about
        self._known: Stamps = {}
        self._path = [self._folder, str(Path.cwd())]

    def __enter__(self) -> Self:
        sys.path[:0] = self._path
        return self

    def __exit__(self, *_: object) -> None:
        self._drop(self._modules())
        for folder in self._path:
            with contextlib.suppress(ValueError):  # the rules may have changed it
                sys.path.remove(folder)

    # --- loading

    @contextlib.contextmanager
    def loading(self) -> Iterator[tuple[type[RawHandler], RulesFunction]]:
        """Import the present version; the block is for what is done with its class and its function.

        Raises:
            RulesError: the file, or a module that it imports, or the block has failed.
        """
        before, former = self._stamps(), self._modules()
        self._suspects = set()
        try:
            with _without_bytecode():
                self._drop(former)
                module = self._import()
                yield self._find_class(), self._find_function(module)
        except (Exception, SystemExit) as exc:
            self._suspects = set(self._files_of(exc))
            self._put_back(former)
            raise (
                exc if isinstance(exc, RulesError) else RulesError(self.describe(exc, self._shown(self._file)))
            ) from exc
        except BaseException:
            self._put_back(former)
            raise
        finally:
            # What has changed while it was read counts as changed since.
            self._known = {**self._stamps(), **before}

    def _put_back(self, former: dict[str, types.ModuleType]) -> None:
        self._drop(self._modules())
        sys.modules.update(former)

    @staticmethod
    def _drop(modules: Iterable[str]) -> None:
        for name in modules:
            del sys.modules[name]

    def _import(self) -> types.ModuleType:
        try:
            source = Path(self._file).read_bytes()
        except OSError as exc:
            mend = 'It is to be a Python file with a function: def rules(kmock): ...'
            raise RulesError(f"Can't read {self.path}: {exc.strerror or exc}. {mend}") from exc
        name = self.path.stem
        if name in self._others:  # a file called json.py, say: it must not take the other one's place
            name = f'{name} (rules)'
        spec = importlib.util.spec_from_file_location(
            name, self._file, loader=importlib.machinery.SourceFileLoader(name, self._file)
        )
        assert spec is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        exec(compile(source, self._file, 'exec', dont_inherit=True), module.__dict__)
        return module

    def _find_function(self, module: types.ModuleType) -> RulesFunction:
        function: Any = getattr(module, 'rules', None)
        if not callable(function):
            found = 'has no function rules()' if function is None else f'has no function rules(), but {function!r}'
            raise RulesError(f'{self._shown(self._file)} {found}. Write: def rules(kmock): ...')
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise RulesError(
                f'{self._place_of(function)}: rules() is a generator, so it would not run: leave yield out.'
            )
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise RulesError(
                f'{self._place_of(function)}: rules{inspect.signature(function)} is to take one argument, the handler: '
                'def rules(kmock): ...'
            ) from None
        found_function: RulesFunction = function
        return found_function

    def _place_of(self, function: Callable[..., Any]) -> str:
        code = getattr(inspect.unwrap(function), '__code__', None)
        return self._shown(code.co_filename, code.co_firstlineno) if code is not None else self._shown(self._file)

    def _find_class(self) -> type[RawHandler]:
        try:
            return find_class(self._cls, option='--cls ')
        except KMockError as exc:
            raise RulesError(str(exc)) from exc

    # --- failures

    def describe(self, exc: BaseException, place: str = '') -> str:
        """An error in one line, with the place in the user's files where it comes from; else with the given one."""
        if isinstance(exc, SyntaxError) and exc.filename and self._is_own(exc.filename):
            place = self._shown(exc.filename, exc.lineno)
            text = exc.msg
        else:
            frames = [each for each in traceback.extract_tb(exc.__traceback__) if self._is_own(each.filename)]
            place = self._shown(frames[-1].filename, frames[-1].lineno) if frames else place
            text = ' '.join(str(exc).split())
        kind = '' if isinstance(exc, KMockError) else type(exc).__name__
        return printable(': '.join(each for each in (place, kind, text) if each))

    def _files_of(self, exc: BaseException) -> Iterator[str]:
        """The files whose change could mend a failure."""
        for frame in traceback.extract_tb(exc.__traceback__):
            yield frame.filename
        if isinstance(exc, SyntaxError) and exc.filename:
            yield exc.filename
        if isinstance(exc, ImportError) and exc.name:
            stem = Path(self._folder, *exc.name.split('.'))
            yield f'{stem}.py'
            yield str(stem / '__init__.py')
        if exc.__cause__ is not None:
            yield from self._files_of(exc.__cause__)

    @staticmethod
    def _shown(file: str, line: int | None = None) -> str:
        relative = os.path.relpath(file)
        shown = file if relative.startswith(os.pardir) else relative
        return shown if line is None else f'{shown}:{line}'

    # --- watching

    def changed(self) -> bool:
        """Whether any of the files has changed since it was last read, be that with success or not."""
        found = self._stamps()
        for file in found.keys() - self._known.keys():  # what was imported only when a request came
            self._known[file] = found[file]
        return any(self._known[file] != stamp for file, stamp in found.items())

    def stamps(self) -> object:
        """Something that stays equal while nobody writes to the files."""
        return self._stamps()

    def _stamps(self) -> Stamps:
        own = (file for file in self._suspects if self._is_own(file))
        imported = (module.__file__ for module in self._modules().values())
        return {file: _stamp(file) for file in (self._file, *own, *imported) if file is not None}

    def _modules(self) -> dict[str, types.ModuleType]:
        """The modules beside the file that are imported, and its own one."""
        found = {name: sys.modules[name] for name in sys.modules.keys() - self._others}
        return {
            name: module
            for name, module in found.items()
            if name.partition('.')[0] != 'kmock' and self._is_own(getattr(module, '__file__', None))
        }

    def _is_own(self, file: str | None) -> bool:
        return file is not None and file.startswith(self._folder + os.sep) and not file.startswith(_installed())


@functools.cache
def _installed() -> tuple[str, ...]:
    """The folders of the standard library and of installed packages: they may be below that of the rules."""
    names = ('stdlib', 'platstdlib', 'purelib', 'platlib')
    folders = [Path(sysconfig.get_path(name)) for name in names]
    return tuple({f'{each}{os.sep}' for folder in folders for each in (folder.absolute(), folder.resolve())})


def _stamp(file: str) -> Stamp | None:
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:  # it is not there just now; editors replace files
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@contextlib.contextmanager
def _without_bytecode() -> Iterator[None]:
    importlib.invalidate_caches()
    linecache.checkcache()
    former, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = former
