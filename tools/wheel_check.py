"""Check the package as a stranger installs it: a wheel in a fresh environment, without the development tools.

Fails when a dependency is missing from the metadata, a module can't be imported, the command doesn't start,
or a file of the source tree is not in the wheel.
"""

import pathlib
import subprocess
import sys
import tempfile
import venv
import zipfile

TOP = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = TOP / 'kmock'

IMPORT_EVERYTHING = """
import importlib, pathlib, pkgutil, sys
import kmock
assert pathlib.Path(kmock.__file__).is_relative_to(sys.prefix), f'kmock comes from {kmock.__file__}'
names = ['kmock', *(module.name for module in pkgutil.walk_packages(kmock.__path__, 'kmock.'))]
for name in names:
    if not name.endswith('.__main__'):
        importlib.import_module(name)
print(f'   {len(names)} modules imported')
"""


def run(*command: str | pathlib.Path, cwd: pathlib.Path) -> str:
    """Run a command; what it prints goes on only if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f'tools/wheel_check.py: failed: {" ".join(str(part) for part in command)[:200]}')
    return done.stdout


def source_files() -> set[str]:
    """Every file of the package, by its path from the top folder."""
    return {
        path.relative_to(TOP).as_posix()
        for path in PACKAGE.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts and path.suffix != '.pyc'
    }


def build_wheel(folder: pathlib.Path) -> pathlib.Path:
    run(sys.executable, '-m', 'build', '--wheel', '--outdir', folder, TOP, cwd=folder)
    (wheel,) = folder.glob('*.whl')
    return wheel


def check_files(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        missing = source_files() - set(archive.namelist())
    if missing:
        raise SystemExit(f'tools/wheel_check.py: the wheel lacks {", ".join(sorted(missing))}')
    print(f'   {len(source_files())} files of kmock/ are inside, py.typed among them')


def check_installed(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    environment = folder / 'venv'
    venv.create(environment, with_pip=True)
    python = environment / 'bin' / 'python'
    run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', wheel, cwd=folder)
    run(python, '-m', 'pip', 'check', '--disable-pip-version-check', cwd=folder)
    print(run(python, '-I', '-W', 'error', '-c', IMPORT_EVERYTHING, cwd=folder), end='')
    usage = run(environment / 'bin' / 'kmock', '--help', cwd=folder)
    if 'Usage' not in usage:
        raise SystemExit(f'tools/wheel_check.py: `kmock --help` prints no usage, but {usage[:200]!r}')
    print('   kmock --help works')


def main() -> None:
    if not (PACKAGE / 'py.typed').exists():
        raise SystemExit('tools/wheel_check.py: kmock/py.typed is missing')
    print('== wheel', flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        wheel = build_wheel(folder)
        check_files(wheel)
        check_installed(wheel, folder)
    print('== tools/wheel_check.py passed')


if __name__ == '__main__':
    main()
