"""Classes of handlers by their names: one reading for the marker, the ini file, `kmock.serve` and the command line."""

import importlib
from typing import Any

from kmock.errors import KMockError
from kmock.handlers import RawHandler

__all__ = ['find_class']


def find_class(named: object, *, option: str = 'cls=') -> type[RawHandler]:
    """The class itself, or what a text names: `RawHandler` for one of kmock, `package.module:Class`, or with dots only.

    Args:
        option: how the option is called that the class was given to, with what stands before its value.

    Raises:
        KMockError: it is no class of handlers, or there is none by that name; in one line.
        Exception: whatever the module raises when it is imported.
    """
    try:
        found = _find(named, option) if isinstance(named, str) else named
    except KMockError:
        raise
    except Exception as error:  # of the module
        error.add_note(f'The module of {option}{named!r} can not be imported.')
        raise
    if not (isinstance(found, type) and issubclass(found, RawHandler)):
        raise _refusal(named, option, '' if found is named else f'that is {found!r}')
    return found


def _find(name: str, option: str) -> Any:
    path, colon, attributes = name.partition(':')
    parts = path.split('.')
    if not all(part.isidentifier() for part in [*parts, *(attributes.split('.') if colon else [])]):
        raise _refusal(name, option, 'that is no name of Python')
    if len(parts) == 1 and not colon:
        path, parts, attributes = 'kmock', ['kmock'], name
    if not colon and not attributes:
        found, rest = _import_most(name, parts, option)
    else:
        found, rest = _import(path, name, option), attributes.split('.')
    for attribute in rest:
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            raise _refusal(name, option, str(error)) from None
    return found


def _import_most(name: str, parts: list[str], option: str) -> tuple[Any, list[str]]:
    """The innermost module of a dotted name, and what is left of the name: there, it is not said where it ends."""
    found = _import(parts[0], name, option)
    for place in range(1, len(parts)):
        path = '.'.join(parts[: place + 1])
        if hasattr(found, parts[place]) or not hasattr(found, '__path__'):
            return found, parts[place:]
        try:
            found = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            return found, parts[place:]
    return found, []


def _import(path: str, name: str, option: str) -> Any:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        # If something else is missing, the module is there, and what it imports is not.
        if error.name is None or not f'{path}.'.startswith(f'{error.name}.'):
            raise
        raise _refusal(name, option, f'there is no module {error.name}') from None


def _refusal(named: object, option: str, reason: str) -> KMockError:
    shown = named if isinstance(named, str) and option.endswith(' ') else repr(named)
    return KMockError(
        f'{option}{shown} is no class of handlers{reason and ": "}{reason.rstrip(".")}. '
        "Write a class derived from kmock.RawHandler, or its name: 'RawHandler', 'package.module:Class'."
    )
