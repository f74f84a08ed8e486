"""Manifests: files with objects, applied to an emulated cluster as `kubectl apply --server-side` would.

The field manager is `kubectl`, conflicts are overruled; neither webhooks nor rights are asked. All is done at once,
without an event loop, so that tests can prepare a cluster from wherever they are.
"""

import dataclasses
import glob
import json
import logging
import os
import urllib.parse
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kmock.errors import KMockError
from kmock.kube.access import ADMIN
from kmock.kube.cluster import Operation, make_key
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.media.forms import Form
from kmock.kube.media.go_yaml import GoYAMLError, loads_all
from kmock.kube.resources.loose import adopted, loose_definition
from kmock.kube.statuses import StatusError
from kmock.kube.verbs.writing import Writing
from kmock.messages import Request
from kmock.naming import Call, Resource

if TYPE_CHECKING:
    from kmock.kube.emulator import Emulator

__all__ = ['Manifests', 'UnservedKindError']

MANAGER = 'kubectl'
NAMESPACE = 'default'
"""Where objects go that name no namespace."""

_SUFFIXES = ('.json', '.yaml', '.yml')
_FIRST = ('CustomResourceDefinition', 'Namespace')
_logger = logging.getLogger(__name__)


class UnservedKindError(KMockError):
    """A manifest is of a kind that is not served. How to mend that depends on who loads it."""

    def __init__(self, where: str, kind: str, version: str, declaration: str) -> None:
        self.problem = f'{where}: no resource of kind {kind} in {version} is served.'
        super().__init__(f'{self.problem} Load its CustomResourceDefinition, too, or declare it: {declaration}')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object, and where it was found: `manifests/all.yaml, document 2`."""

    where: str
    obj: Json

    @property
    def rank(self) -> int:
        kind = self.obj['kind']
        return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


class Manifests:
    """Applies files to a cluster."""

    def __init__(self, emulator: 'Emulator') -> None:
        self._emulator = emulator
        self._cluster = emulator.cluster
        self._writing = Writing(emulator.cluster, emulator.reading)
        self._writing.written += emulator.writing.written
        self._writing.removed += emulator.writing.removed

    def load(self, paths: Iterable[str | os.PathLike[str]], folders: Sequence[Path]) -> None:
        """Apply all objects in all the files: definitions of resources, then namespaces, then all else, as they stand.

        Args:
            paths: of files and folders, and patterns of them.
            folders: where relative ones are looked for; the first with any of them counts.

        Raises:
            KMockError: there are no such files, they can't be read, or the cluster refuses an object.
        """
        files = [file for path in paths for file in _files(path, folders)]
        manifests = [manifest for file in files for manifest in _read(file)]
        for each in sorted(manifests, key=lambda manifest: manifest.rank):
            self._apply(each)

    def _apply(self, manifest: Manifest) -> None:
        obj, where = manifest.obj, manifest.where
        definition = self._definition(manifest)
        metadata = obj.get('metadata')
        metadata = metadata if isinstance(metadata, dict) else {}
        name = metadata.get('name')
        if not isinstance(name, str) or not name:
            raise KMockError(f'{where}: {obj["kind"]} without metadata.name, by which it would be applied.')
        namespace = metadata.get('namespace')
        if definition.verbatim:
            self._cluster.store.put(definition.bucket, make_key(namespace, name), obj, verbatim=True)
            return
        scope = (namespace or NAMESPACE) if definition.namespaced else None
        op = self._operation(definition, scope, name, obj)
        try:
            _run(self._writing.patch(op))
        except StatusError as exc:
            raise KMockError(f'{where}: {definition.kind} {name!r}: {exc}') from exc
        for warning in op.warnings:
            _logger.warning('%s: %s %r: %s', where, definition.kind, name, warning)

    def _operation(self, definition: Definition, namespace: str | None, name: str, obj: Json) -> Operation:
        resource = definition.resource
        call = Call(verb='patch', resource=resource, namespace=namespace, name=name)
        query = urllib.parse.urlencode({'fieldManager': MANAGER, 'force': 'true'})
        scope = f'/namespaces/{urllib.parse.quote(namespace)}' if namespace else ''
        root = f'/apis/{resource.group}' if resource.group else '/api'
        path = f'{root}/{resource.version}{scope}/{resource.plural}/{urllib.parse.quote(name)}'
        request = Request.make(
            'PATCH',
            f'{path}?{query}',
            headers={'Content-Type': 'application/apply-patch+yaml', 'User-Agent': MANAGER},
            body=json.dumps(obj).encode(),
        )
        return Operation(request=request, call=call, definition=definition, user=ADMIN, form=Form())

    def _definition(self, manifest: Manifest) -> Definition:
        """What the object is of.

        Raises:
            UnservedKindError: nothing like that is served.
        """
        registry = self._cluster.registry
        version, kind = manifest.obj['apiVersion'], manifest.obj['kind']
        found = registry.of_kind(version, kind)
        if found is not None:
            return found
        group, _, number = version.rpartition('/')
        guesses = [Resource(group, number, plural) for plural in _plurals(kind)]
        for each in guesses:
            found = registry.find(each)
            if found is not None and found.origin is Origin.LOOSE:
                named = adopted(found, kind)
                return found if named is found else registry.add(named)
        if registry.verbatim:
            return registry.add(adopted(loose_definition(guesses[0]), kind))
        declaration = f"kmock.resources['{version}/{guesses[0].plural}'] = {{'kind': '{kind}'}}"
        raise UnservedKindError(manifest.where, kind, version, declaration)


def _plurals(kind: str) -> Sequence[str]:
    """What the resource of a kind may be called, the likeliest first."""
    word = kind.lower()
    if word.endswith('y'):
        return (f'{word[:-1]}ies', f'{word}s', word)
    if word.endswith(('s', 'x', 'ch', 'sh')):
        return (f'{word}es', word, f'{word}s')
    return (f'{word}s', f'{word}es', word)


def _run(work: Coroutine[Any, Any, object]) -> None:
    """Run what waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError('applying manifests has waited for something')


# --- files


def _files(path: str | os.PathLike[str], folders: Sequence[Path]) -> Sequence[Path]:
    if not isinstance(path, str | os.PathLike):
        raise KMockError(f'Manifests are loaded by the paths of files, not by {path!r}. Several: load(*paths).')
    for folder in folders:
        found = _found(folder / path)
        if found:
            return found
    looked = ', '.join(dict.fromkeys(str(folder.absolute()) for folder in folders))
    raise KMockError(f'No manifests at {os.fspath(path)!r}. Relative paths were looked for in {looked}.')


def _found(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
    if path.is_file():
        return [path]
    return sorted(each for each in map(Path, glob.glob(str(path), recursive=True)) if each.is_file())  # noqa: PTH207


def _read(file: Path) -> Iterator[Manifest]:
    """The objects in a file; those of Lists one by one."""
    shown = os.path.relpath(file)
    shown = str(file) if shown.startswith(os.pardir) else shown
    number = 0
    try:
        body = file.read_bytes()
        documents: Iterable[Any] = [json.loads(body)] if file.suffix == '.json' else loads_all(body)
        for document in documents:
            number += 1
            if document is not None:
                yield from _manifests(document, f'{shown}, document {number}')
    except OSError as exc:
        raise KMockError(f"Can't read {shown}: {exc.strerror or exc}") from exc
    except (GoYAMLError, ValueError, RecursionError) as exc:
        raise KMockError(f'{shown}, document {number + 1}: {" ".join(str(exc).split())}') from exc


def _manifests(document: Any, where: str) -> Iterator[Manifest]:
    for key in ('apiVersion', 'kind'):
        if not isinstance(document, dict) or not isinstance(document.get(key), str) or not document[key]:
            raise KMockError(f'{where}: it has no {key}, so it is no object of Kubernetes.')
    items = document.get('items')
    if document['kind'].endswith('List') and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _manifests(item, f'{where}, item {index + 1}')
    else:
        yield Manifest(where=where, obj=document)
