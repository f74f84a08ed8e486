"""Strategic merge patches: merge patches that know from the schema which lists are merged, and by what key.

Sources: the Kubernetes API reference ("strategic merge patch"), the design proposal on preserving the order in
strategic merge patches, and the answers and messages of a real v1.36 API server. Other patches stand in patches.py.

What is in a patch besides values:
- `$patch: replace | delete | merge` in a map, or in an item of a list;
- `$retainKeys: [...]`: all other keys of the map are dropped;
- `$deleteFromPrimitiveList/KEY: [...]`: these items are taken out of the list KEY;
- `$setElementOrder/KEY: [...]`: the order of the list KEY.
"""

from collections.abc import Callable, Sequence
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.schema import Schema
from kmock.kube.statuses import StatusError, bad_request, generic
from kmock.kube.values.go_values import copied, go_kind, go_print, refusing_depth

__all__ = ['strategic_patch']

_PATCH = '$patch'
_RETAIN = '$retainKeys'
_DELETE_FROM = '$deleteFromPrimitiveList'
_ORDER = '$setElementOrder'

_GO_TYPES = {
    'null': '%!s(<nil>)',
    'bool': 'bool',
    'number': 'int64',
    'string': 'string',
    'array': '[]interface {}',
    'object': 'map[string]interface {}',
}


@refusing_depth
def strategic_patch(obj: Json, patch: Any, schema: Schema | None) -> Json:
    """Merge the patch into a copy of the object, which shares nothing with the arguments.

    Args:
        schema: of the whole object; without one, lists are replaced and maps are merged.

    Raises:
        StatusError: 400 when the patch is no object, or a directive has a wrong form; 422 for lists of lists;
            500, as the real server has it, when items lack their merge key, or a directive is unknown.
    """
    if patch is None:
        return dict(copied(obj))
    if not isinstance(patch, dict):
        raise bad_request(f'json: cannot unmarshal {go_kind(patch)} into Go value of type map[string]interface {{}}')
    return _merge_map(copied(obj), copied(patch), schema)


# --- maps; what is merged here belongs to this module: both sides are copies, and are taken apart


def _merge_map(current: Json, patch: Json, schema: Schema | None) -> Json:
    if _PATCH in patch:
        return _directed(patch)
    _retain_keys(current, patch)
    for key in [each for each in patch if each.startswith(_ORDER)]:
        _merge_ordered(current, patch, key, schema)
    for key, change in patch.items():
        deletes = key.startswith(_DELETE_FROM)
        field = _subject(key, _DELETE_FROM, 'invalid patch format of primitive list') if deletes else key
        if change is None:
            current.pop(field, None)
        elif field in current and type(current[field]) is type(change):
            current[field] = _merge_value(current[field], change, _field(schema, field), deletes=deletes)
        elif not deletes:
            current[field] = _adopted(change)
    return current


def _directed(patch: Json) -> Json:
    """What a map becomes by the directive in its patch."""
    match patch[_PATCH]:
        case 'replace':
            return {key: value for key, value in patch.items() if key != _PATCH}
        case 'delete':
            return {}
        case other:
            raise _unknown_directive(other, patch)


def _unknown_directive(directive: Any, patch: Json) -> StatusError:
    return generic(500, f'unknown patch type: {go_print(directive)} in map: {go_print(patch)}')


def _retain_keys(current: Json, patch: Json) -> None:
    if _RETAIN not in patch:
        return
    retained = patch.pop(_RETAIN)
    if not isinstance(retained, list) or not all(isinstance(each, str) for each in retained):
        raise bad_request('invalid patch format of retainKeys')
    for key, value in patch.items():
        if value is not None and key not in retained and not key.startswith((_DELETE_FROM, _ORDER)):
            raise bad_request('invalid patch format of retainKeys')
    for key in [each for each in current if each not in retained]:
        del current[key]


def _merge_value(current: Any, change: Any, schema: Schema | None, *, deletes: bool) -> Any:
    """Merge two values of the same type."""
    strategies = schema.merge_strategies if schema is not None else ()
    if isinstance(change, dict):
        return change if 'replace' in strategies else _merge_map(current, change, schema)
    if isinstance(change, list) and 'merge' in strategies:
        assert schema is not None, 'the strategy is from there'
        return _merge_list(current, change, schema, deletes=deletes)
    return change


def _adopted(value: Any) -> Any:
    """A value of a patch that meets nothing: without its nulls and directives, which have nothing to act upon."""
    if isinstance(value, list):
        return [_adopted(each) for each in value if not (isinstance(each, dict) and _PATCH in each)]
    if not isinstance(value, dict):
        return value
    if value.get(_PATCH) == 'delete':
        return {}
    return {key: _adopted(each) for key, each in value.items() if each is not None and not _is_directive(key)}


def _is_directive(key: str) -> bool:
    return key in (_PATCH, _RETAIN) or key.startswith((_DELETE_FROM + '/', _ORDER + '/'))


def _field(schema: Schema | None, key: str) -> Schema | None:
    return schema.field(key) if schema is not None else None


def _subject(key: str, prefix: str, otherwise: str) -> str:
    """The key of the list that a directive is for."""
    found, slash, subject = key.partition('/')
    if found != prefix or not slash:
        raise bad_request(otherwise)
    return subject


# --- lists


def _merge_list(current: list[Any], patch: list[Any], schema: Schema, *, deletes: bool) -> list[Any]:
    if not current and not patch:
        return current
    if not _holds_maps(current, patch):
        if deletes:
            return [each for each in current if not _contains(patch, each)]
        merged = current + [each for each in patch if not _contains(current, each)]
        return _in_order(_distinct(merged), patch, current, _same)
    key = schema.merge_key
    if key is None:
        raise generic(500, 'cannot merge lists without merge key for type struct')
    current, patch = _obey_directives(current, patch, key)
    same = _same_by(key)
    merged = list(current)
    for item in patch:
        if key not in item:
            raise _no_merge_key(item, key)
        index = next((index for index, each in enumerate(merged) if same(each, item)), None)
        if index is None:
            merged.append(item)
        else:
            merged[index] = _merge_map(merged[index], item, schema.items)
    _check_keys(merged, key)
    return _in_order(merged, patch, current, same)


def _holds_maps(*lists: list[Any]) -> bool:
    """Whether the items are maps, rather than scalars; they must be alike, and no lists."""
    kinds = [go_kind(each) for items in lists for each in items]
    if not kinds:
        raise generic(500, 'no elements in any of the given slices')
    if kinds[0] == 'array':
        raise StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
    if len(set(kinds)) > 1 or kinds[0] == 'null':
        raise generic(500, f'list element types are not identical: {go_print(list(lists))}')
    return kinds[0] == 'object'


def _obey_directives(current: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Both lists after the items with `$patch` have been obeyed; the patch is without these then."""
    plain: list[Any] = []
    replaces = False
    for item in patch:
        match item.get(_PATCH, _NOTHING):
            case nothing if nothing is _NOTHING:
                plain.append(item)
            case 'delete':
                if key not in item:
                    raise _no_merge_key(item, key)
                current = [each for each in current if not _same(each.get(key, _NOTHING), item[key])]
            case 'replace':
                replaces = True
            case 'merge':
                raise generic(500, 'merging lists cannot yet be specified in the patch')
            case other:
                raise _unknown_directive(other, item)
    return (plain, []) if replaces else (current, plain)


_NOTHING = object()


def _no_merge_key(item: Json, key: str) -> StatusError:
    return generic(500, f'map: {go_print(item)} does not contain declared merge key: {key}')


def _check_keys(items: Sequence[Any], key: str) -> None:
    for item in items:
        if not isinstance(item, dict):
            raise _wrong_type('map[string]interface {}', item)
        if key not in item:
            raise _no_merge_key(item, key)


def _wrong_type(expected: str, value: Any) -> StatusError:
    return generic(500, f'expected a {expected}, but received a {_GO_TYPES[go_kind(value)]}')


# --- the order of lists

_Same = Callable[[Any, Any], bool]


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 and true are different."""
    return type(one) is type(other) and bool(one == other)


def _same_by(key: str) -> _Same:
    return lambda one, other: _same(one.get(key, _NOTHING), other.get(key, _NOTHING))


def _contains(items: Sequence[Any], item: Any) -> bool:
    return any(_same(each, item) for each in items)


def _distinct(items: Sequence[Any]) -> list[Any]:
    distinct: list[Any] = []
    for item in items:
        if not _contains(distinct, item):
            distinct.append(item)
    return distinct


def _index(items: Sequence[Any], item: Any, same: _Same) -> int:
    return next((index for index, each in enumerate(items) if same(each, item)), -1)


def _in_order(merged: list[Any], wanted: list[Any], live: list[Any], same: _Same) -> list[Any]:
    """Sort a merged list: the order of the patch first, then that of the live list, which fills in between.

    An item that only the live list has comes before the next patched item that was behind it there.
    """
    patched: list[Any] = []
    others: list[Any] = []
    for item in merged:
        (patched if _index(wanted, item, same) >= 0 else others).append(item)
    patched.sort(key=lambda item: _index(wanted, item, same))
    others.sort(key=lambda item: _index(live, item, same))
    ordered: list[Any] = []
    while patched and others:
        mine, theirs = _index(live, others[0], same), _index(live, patched[0], same)
        ordered.append((others if 0 <= mine < theirs else patched).pop(0))
    return ordered + patched + others


def _merge_ordered(current: Json, patch: Json, directive: str, schema: Schema | None) -> None:
    """Merge a list whose order the patch gives; both the directive and the list are then done with."""
    wanted = patch.pop(directive)
    if not isinstance(wanted, list):
        raise _wrong_type('[]interface {}', wanted)
    field = _subject(directive, _ORDER, 'invalid patch format of setElementOrder list')
    live, change = _list_at(current, field), _list_at(patch, field)
    of_list = _field(schema, field)
    if of_list is None:
        raise generic(500, f'unable to find api field in struct for the json field "{field}"')
    key = of_list.merge_key
    _check_order(change or [], wanted, key)
    if live is None and change is None:
        return
    if live is None or change is None:
        merged = [*(live or []), *(change or [])]
    else:
        merged = _merge_value(list(live), change, of_list, deletes=False)
    if _holds_maps(live or [], change or []):
        if key is None:
            raise generic(500, 'cannot merge lists without merge key for type struct')
        _check_keys([*merged, *wanted], key)
        current[field] = _in_order(merged, wanted, live or [], _same_by(key))
    else:
        current[field] = _in_order(merged, wanted, live or [], _same)
    patch.pop(field, None)


def _list_at(holder: Json, field: str) -> list[Any] | None:
    found = holder.get(field, _NOTHING)
    if found is _NOTHING:
        return None
    if not isinstance(found, list):
        raise _wrong_type('[]interface {}', found)
    return found


def _check_order(patch: list[Any], wanted: list[Any], key: str | None) -> None:
    """The patched items must stand in the order that is asked for, and all of them must be in it."""
    if not patch or not wanted:
        return
    if key is not None:
        for item in [*patch, *wanted]:
            if not isinstance(item, dict):
                raise _wrong_type('map[string]interface {}', item)
        patch_items = [each for each in patch if _PATCH not in each]
        _check_keys([*patch_items, *wanted], key)
        same = _same_by(key)
    else:
        patch_items, same = patch, _same
    rest = iter(wanted)
    if not all(any(same(item, each) for each in rest) for item in patch_items):
        raise generic(
            500, f"The order in patch list:\n{go_print(patch)}\n doesn't match {_ORDER} list:\n{go_print(wanted)}\n"
        )
