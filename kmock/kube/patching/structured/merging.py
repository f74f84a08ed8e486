"""Walks over typed values that make new ones: merging what is applied into what is live, and removing fields.

Nothing here changes its arguments, but results share parts with them.
Source: the Kubernetes documentation, "Server-Side Apply"; observed on a real v1.36 API server.
"""

from typing import Any

from kmock.kube.patching.structured.fields import Fields
from kmock.kube.patching.structured.types import ElementError, Type

__all__ = ['merge', 'remove']


def merge(live: Any, applied: Any, kind: Type) -> Any:
    """A value with what is applied to it. Parts are shared with the arguments, which stay as they are."""
    if live or applied:
        if kind.is_map and not kind.atomic_map and isinstance(live, dict | None) and isinstance(applied, dict | None):
            return _merge_maps(live or {}, applied or {}, kind)
        if kind.granular_list and isinstance(live, list | None) and isinstance(applied, list | None):
            return _merge_lists(live or [], applied or [], kind)
    return applied


def _merge_maps(live: dict[str, Any], applied: dict[str, Any], kind: Type) -> dict[str, Any]:
    found = dict(live)
    for key, value in applied.items():
        field = kind.field(key)
        known = key in live and field is not None
        found[key] = merge(live[key], value, field) if known and field is not None else value
    return found


def _merge_lists(live: list[Any], applied: list[Any], kind: Type) -> list[Any]:
    """The items of both. Those that are applied take their order from there, the others stay next to their neighbours.

    An item of the live list goes out before the applied item that it preceded; shared ones which are not the next
    of the applied order are held back until it is their turn.
    """
    assert kind.item is not None
    wanted = {kind.path_element(item): item for item in applied}
    present: list[tuple[str | None, Any]] = [(_element(item, kind), item) for item in live]
    counts: dict[str | None, int] = {}
    for element, _ in present:
        counts[element] = counts.get(element, 0) + 1
    known = {element: item for element, item in present if counts[element] == 1}
    turns = [element for element in wanted if element in counts]
    found: list[Any] = []
    rest = list(wanted)
    done: set[str] = set()

    def take(until: str | None) -> None:
        while rest:
            element = rest.pop(0)
            done.add(element)
            item = wanted[element]
            found.append(merge(known[element], item, kind.item or kind) if element in known else item)
            if element == until:
                return

    for element, item in present:
        if element not in wanted:
            found.append(item)
        elif element not in done and turns and element == turns[0]:
            take(element)
            turns = [each for each in turns if each not in done]
    take(None)
    return found


def _element(item: Any, kind: Type) -> str | None:
    try:
        return kind.path_element(item)
    except ElementError:
        return None


# --- removing


def remove(value: Any, fields: Fields, kind: Type) -> Any:
    """A value without some of its fields. Maps and lists that lose all they have become null."""
    if isinstance(value, dict) and kind.is_map and not kind.atomic_map:
        return _remove_keys(value, fields, kind) or None
    if isinstance(value, list) and kind.is_list and kind.granular_list:
        return _remove_items(value, fields, kind) or None
    return None if isinstance(value, dict | list) else value


def _remove_keys(value: dict[str, Any], fields: Fields, kind: Type) -> dict[str, Any]:
    found = {}
    for key, below in value.items():
        node = fields.get(f'f:{key}')
        if node is None:
            found[key] = below
        elif node and '.' not in node:
            field = kind.field(key)
            found[key] = below if field is None else remove(below, node, field)
    return found


def _remove_items(value: list[Any], fields: Fields, kind: Type) -> list[Any]:
    found = []
    assert kind.item is not None
    for item in value:
        element = _element(item, kind)
        node = None if element is None else fields.get(element)
        if node is None:
            found.append(item)
        elif node and '.' not in node:
            found.append(remove(item, node, kind.item))
    return found
