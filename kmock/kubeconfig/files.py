"""The kubeconfig: where it is, what is in it. Several files are merged as kubectl does: the first to say it wins.

The source: "Organizing Cluster Access Using kubeconfig Files" in the Kubernetes documentation.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kmock.errors import ClusterError

__all__ = ['Entry', 'Kubeconfig', 'read_kubeconfig']


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A context, cluster or user.

    Attributes:
        kind: `context`, `cluster` or `user`.
        path: the file that it stands in; relative paths in it are relative to that file's folder.
    """

    kind: str
    name: str
    value: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        return f'{self.path}: {self.kind} {self.name}'

    def text(self, key: str, source: Mapping[str, Any] | None = None) -> str | None:
        """A value that must be a string, if it is there and not empty."""
        value = (self.value if source is None else source).get(key)
        if value is not None and not isinstance(value, str):
            raise ClusterError(f'{self}: {key} must be a string, not {value!r}.')
        return value or None

    def texts(self, key: str, source: Mapping[str, Any] | None = None) -> list[str]:
        """A value that must be a list of strings, if it is there."""
        value = (self.value if source is None else source).get(key) or []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ClusterError(f'{self}: {key} must be a list of strings, not {value!r}.')
        return value

    def file(self, key: str, source: Mapping[str, Any] | None = None) -> Path | None:
        """A path, made absolute."""
        value = self.text(key, source)
        return None if value is None else self.path.parent.absolute() / Path(value).expanduser()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """All files together. `current` is the name of the current context."""

    paths: Sequence[Path]
    contexts: Mapping[str, Entry]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]
    current: str | None = None

    def __str__(self) -> str:
        return os.pathsep.join(map(str, self.paths))


def read_kubeconfig(path: str | os.PathLike[str] | None = None) -> Kubeconfig:
    """Read the given file, or those in KUBECONFIG, or `~/.kube/config`; of the latter, absent ones are passed over.

    Raises:
        FileNotFoundError: there is none at all; its text names the places.
        ClusterError: a file can't be read or understood, or the given one is not there.
    """
    if path is not None:
        given = Path(path).expanduser()
        if not given.exists():
            raise ClusterError(f'{given}: there is no such kubeconfig.')
        return _merged([given])
    listed = [Path(each).expanduser() for each in os.environ.get('KUBECONFIG', '').split(os.pathsep) if each]
    paths = [each for each in listed or [Path('~/.kube/config').expanduser()] if each.exists()]
    if not paths:
        places = f'KUBECONFIG={os.environ["KUBECONFIG"]}' if listed else '~/.kube/config, and KUBECONFIG is not set'
        raise FileNotFoundError(places)
    return _merged(paths)


def _merged(paths: Sequence[Path]) -> Kubeconfig:
    found: dict[str, dict[str, Entry]] = {'context': {}, 'cluster': {}, 'user': {}}
    current: str | None = None
    for path in paths:
        content = _read(path)
        for kind, entries in found.items():
            for name, value in _items(path, content, kind):
                entries.setdefault(name, Entry(kind=kind, name=name, value=value, path=path))
        current = current or content.get('current-context') or None
        if not isinstance(current, str | None):
            raise ClusterError(f'{path}: current-context must be a string, not {current!r}.')
    return Kubeconfig(
        paths=paths, contexts=found['context'], clusters=found['cluster'], users=found['user'], current=current
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as exc:
        raise ClusterError(f'{path}: the kubeconfig can not be read: {exc.strerror}.') from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ClusterError(f'{path}: the kubeconfig is no valid YAML: {" ".join(str(exc).split())[:300]}') from exc
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ClusterError(f'{path}: this is no kubeconfig: a mapping is expected, not {type(content).__name__}.')
    return content


def _items(path: Path, content: Mapping[str, Any], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    listed = content.get(f'{kind}s') or []
    if not isinstance(listed, list):
        raise ClusterError(f'{path}: {kind}s must be a list.')
    items: list[tuple[str, Mapping[str, Any]]] = []
    for number, item in enumerate(listed):
        name = item.get('name') if isinstance(item, dict) else None
        if not isinstance(name, str) or not name:
            raise ClusterError(f'{path}: {kind}s[{number}] has no name.')
        value = item.get(kind) or {}
        if not isinstance(value, dict):
            raise ClusterError(f'{path}: {kind} {name} must be a mapping.')
        items.append((name, value))
    return items
