"""ResourcesArray: `kmock.resources`, the resource types that are served, as a mapping that tests read and write."""

import bz2
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeAlias

from kmock.kube.definitions import Definition
from kmock.kube.resources.bundled import bundled_definitions, load_bundled
from kmock.kube.resources.info import ResourceDict, ResourceInfo
from kmock.kube.resources.loose import changed_definition, info_of, loose_definition, read_resource_lists
from kmock.kube.resources.registry import Registry
from kmock.naming import Resource, Selectable, resource

__all__ = ['ResourceDict', 'ResourceInfo', 'ResourceKey', 'ResourcesArray']

ResourceKey: TypeAlias = str | tuple[str, ...] | Resource | resource | Selectable
"""What names a resource type: `'kopf.dev/v1/kopfexamples'`, `'pods.v1'`, `resource(...)`, any object with its parts."""


class ResourcesArray(MutableMapping[Any, ResourceInfo]):
    """All resource types that are served, declared ones and others: a live view of the registry.

    `kmock.resources['kopf.dev/v1/kopfexamples'] = {}` declares one; so does to ask for one that is not there.
    What is declared so is loose: nothing is validated, and namespaces need not exist. To change what is served
    already (`kmock.resources['v1/pods'].shortnames.add('p')`) leaves it as strict as it was.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._infos: dict[Resource, tuple[Definition, ResourceInfo, _Listener]] = {}

    # --- the mapping

    def __getitem__(self, key: ResourceKey) -> ResourceInfo:
        """What is known of a resource type; one that is not served yet is declared by this.

        Raises:
            ValueError: the key is no name of a resource type, or names it in part, and that is ambiguous.
        """
        full = self._key(key)
        if self._registry.find(full) is None:
            self[full] = ResourceInfo()
        return self._info(full)

    def __setitem__(self, key: ResourceKey, value: 'ResourceInfo | ResourceDict') -> None:
        """Declare a resource type anew. Raises TypeError for what is neither a dict nor a ResourceInfo."""
        full, info = self._key(key), ResourceInfo.of(value)
        definition = self._registry.add(loose_definition(full, info))
        self._keep(full, definition, info)

    def __delitem__(self, key: ResourceKey) -> None:
        full = self._key(key)
        if self._registry.remove(full) is None:
            raise KeyError(full)
        self._forget(full)

    def __contains__(self, key: object) -> bool:
        try:
            return self._registry.find(self._key(key)) is not None
        except (TypeError, ValueError):
            return False

    def __iter__(self) -> Iterator[Resource]:
        return iter([each.resource for each in self._registry])

    def __len__(self) -> int:
        return len(self._registry)

    def get(self, key: Any, default: Any = None) -> Any:
        """What is known of a resource type, without declaring it."""
        served = key in self
        return self[key] if served else default

    def pop(self, key: Any, *default: Any) -> Any:
        """Serve it no more, and tell what was known of it."""
        if key not in self:
            if default:
                return default[0]
            raise KeyError(key)
        info = self[key]
        del self[key]
        return info

    def setdefault(self, key: Any, default: Any = None) -> ResourceInfo:
        """What is known of a resource type, after declaring it if it is not served yet."""
        if key not in self:
            self[key] = {} if default is None else default
        return self[key]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({ {str(key): self[key] for key in self}!r})'

    # --- loading

    def load_bundled(self) -> None:
        """Serve all the resources of Kubernetes v1.36, with their schemas."""
        load_bundled(self._registry)

    def load_path(self, path: str | Path, /) -> None:
        """Load a file that `kmock fetch resources` wrote; packed ones by their suffix: .gz, .bz2, .zst.

        Raises:
            OSError: it can't be read.
            ValueError: there is something else in it.
        """
        source = Path(path)
        try:
            self.load_data(_unpacked(source))
        except ValueError as exc:
            raise ValueError(f"Can't load resources from {source}: {exc}") from exc

    def load_data(self, data: str | bytes, /) -> None:
        """Load what `kmock fetch resources` wrote: the resources of a cluster, as its discovery tells of them.

        Built-in resources get their bundled schemas; all others are loose until a CustomResourceDefinition comes.

        Raises:
            ValueError: it is something else.
        """
        builtin = {each.resource: each for each in bundled_definitions()}
        for definition in _parsed(data):
            known = builtin.get(definition.resource)
            same = known is not None and known.kind == definition.kind
            self._registry.add(known if known is not None and same else definition)

    # --- keys and infos

    def _key(self, key: Any) -> Resource:
        if isinstance(key, Resource):
            return key
        if not isinstance(key, str | tuple | resource | Selectable):
            raise TypeError(f"A resource is named as 'group/v1/plural' or by an object with its parts, not by {key!r}.")
        named = resource(*key) if isinstance(key, tuple) else resource(key)
        if named.full is not None:
            return named.full
        found = [each.resource for each in self._registry if named.matches(each.resource)]
        if len(found) == 1:
            return found[0]
        seen = f'is ambiguous: {", ".join(map(str, found[:5]))}' if found else 'is not served'
        raise ValueError(f"{key!r} {seen}. Name the group, the version and the plural: 'kopf.dev/v1/kopfexamples'.")

    def _info(self, key: Resource) -> ResourceInfo:
        definition = self._registry.find(key)
        assert definition is not None
        kept = self._infos.get(key)
        if kept is not None and kept[0] is definition:
            return kept[1]
        return self._keep(key, definition, info_of(definition))

    def _keep(self, key: Resource, definition: Definition, info: ResourceInfo) -> ResourceInfo:
        self._forget(key)
        listener = _Listener(self, key)
        info.listen(listener)
        self._infos[key] = (definition, info, listener)
        return info

    def _forget(self, key: Resource) -> None:
        kept = self._infos.pop(key, None)
        if kept is not None:
            kept[1].unlisten(kept[2])

    def changed(self, key: Resource) -> None:
        """Serve a resource type as its info says now; unless it was declared anew meanwhile by other means."""
        definition, info, listener = self._infos[key]
        if self._registry.find(key) is not definition:
            return self._forget(key)
        renewed = self._registry.add(changed_definition(definition, info))
        self._infos[key] = (renewed, info, listener)
        return None


class _Listener:
    """Tells an array which of its resources has changed. Each is one of its own, for `unlisten`."""

    def __init__(self, array: ResourcesArray, key: Resource) -> None:
        self._array = array
        self._key = key

    def __call__(self) -> None:
        self._array.changed(self._key)


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        match path.suffix:
            case '.gz':
                return gzip.decompress(data)
            case '.bz2':
                return bz2.decompress(data)
            case '.zst':
                return _unzstd(data)
    except (OSError, EOFError) as exc:
        raise ValueError(f'it is not packed as its name says ({exc})') from exc
    return data


def _unzstd(data: bytes) -> bytes:
    try:
        import zstandard
    except ImportError as exc:
        raise ValueError("it needs the package zstandard: pip install 'kmock[zstd]'") from exc
    try:
        unpacked: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except zstandard.ZstdError as exc:
        raise ValueError(f'it is not packed as its name says ({exc})') from exc
    return unpacked


def _parsed(data: str | bytes) -> Iterable[Definition]:
    try:
        documents: list[Any] | Mapping[str, Any] = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f'Not JSON: {exc}') from exc
    return read_resource_lists(documents)
