"""JSON patches (RFC 6902) and JSON merge patches (RFC 7386) as an API server applies them to parsed objects.

Bodies are decoded elsewhere; strategic merge patches stand in strategic.py, applied configurations in apply.py.

The real server's library differs from the RFCs, and clients have come to rely on it; observed on v1.36:
`replace` and `test` take an absent key of an object for null; so do the sources of `copy`;
negative indices count from the end; whatever stands before the first slash of a pointer is ignored.
Every failed operation is answered with the same general message.
"""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from kmock.kube.definitions import Json
from kmock.kube.statuses import StatusError, bad_request, go_quote, invalid, invalid_value
from kmock.kube.values.go_values import copied, go_kind, refusing_depth

__all__ = [
    'MAX_OPERATIONS',
    'FailedPatchError',
    'apply_operations',
    'json_patch',
    'merge_patch',
    'unknown_operation_fields',
]

MAX_OPERATIONS = 10_000
"""A longer JSON patch is refused with 413."""

_MAX_COPIED_BYTES = 3 * 1024 * 1024
_MAX_SEGMENTS = 250  # more than any schema nests; keeps what patches build within what can be encoded
_FIELDS = ('op', 'path', 'from', 'value')
_HEAD = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

_Container: TypeAlias = 'dict[str, Any] | list[Any]'
_UNCHANGED = object()
_DIFFERENT = 'test failed'


class _FailedError(Exception):
    """An operation can't be applied: the text says why; it is empty if a path leads to nothing."""


class FailedPatchError(Exception):
    """A patch can't be applied: the server tells webhooks, but no clients, which operation failed, and why."""


# --- JSON patch


@refusing_depth
def json_patch(obj: Json, operations: Any, *, told: bool = False) -> Json:
    """Apply the operations in their order to a copy of the object, which shares nothing with the arguments.

    Args:
        operations: the decoded body, whatever it is.
        told: whether to tell which operation fails, and why, as a FailedPatchError in place of the 422.

    Raises:
        StatusError: 400 when it is no list of operations; 413 when it has too many; 422 when an operation fails,
            or when it all leads to something that is no object.
    """
    try:
        patched = apply_operations(obj, _checked(operations))
    except FailedPatchError:
        if told:
            raise
        raise _rejected() from None
    if not isinstance(patched, dict):
        raise _not_an_object(patched)
    return patched


def apply_operations(obj: Json, operations: list[dict[str, Any]]) -> Any:
    """Apply the operations to a copy of the object; their types were checked.

    Raises:
        FailedPatchError: an operation fails.
    """
    patched: Any = copied(obj)
    budget = _MAX_COPIED_BYTES
    for operation in operations:
        kind = operation.get('op') or ''
        act = _OPERATIONS.get(kind)
        if act is None:
            raise FailedPatchError(f'Unexpected kind: {kind or "unknown"}')
        try:
            patched, size = act(patched, operation)
        except _FailedError as error:
            raise FailedPatchError(_told(operation, str(error))) from None
        budget -= size
        if budget < 0:
            raise FailedPatchError('Unable to complete the copy, the accumulated size increase of copy is too large')
    return patched


_MISSING = {
    'add': 'add operation does not apply: doc is missing path: "{}"',
    'remove': 'remove operation does not apply: doc is missing path: "{}"',
    'replace': 'replace operation does not apply: doc is missing path: {}',
    'test': 'test operation does not apply: is missing path: {}',
}
_WRAPPED = {
    'add': "error in add for path: '{}': {}",
    'remove': "error in remove for path: '{}': {}",
    'replace': 'replace operation does not apply: doc is missing key: {}: missing value',
    'test': "error in test for path: '{}': {}",
}


def _told(operation: dict[str, Any], why: str) -> str:
    """What the library of the server says of a failed operation."""
    kind, path = operation['op'], operation.get('path')
    if why == _DIFFERENT:
        return f'testing value {path} failed: {why}'
    if kind not in _MISSING or path is None:
        return f'{kind} operation does not apply: doc is missing path: {path or ""}: missing value'
    return _WRAPPED[kind].format(path, why) if why else f'{_MISSING[kind].format(path)}: missing value'


def unknown_operation_fields(operations: Any) -> list[str]:
    """What strict validation says of the fields that no operation has: `json patch unknown field "[0].foo"`."""
    return [
        f'json patch unknown field "[{index}].{field}"'
        for index, operation in enumerate(operations if isinstance(operations, list) else ())
        if isinstance(operation, dict)
        for field in operation
        if field not in _FIELDS
    ]


def _checked(operations: Any) -> list[dict[str, Any]]:
    """The operations, with the errors of Go's decoder on what is none. Null is no operation at all."""
    if operations is None:
        return []
    if not isinstance(operations, list):
        raise _undecodable(operations, 'value of type []handlers.jsonPatchOp')
    for each in operations:
        if each is None:
            continue
        if not isinstance(each, dict):
            raise _undecodable(each, 'value of type handlers.jsonPatchOp')
        for field in _FIELDS[:3]:
            if not isinstance(each.get(field), str | None):
                raise _undecodable(each[field], f'struct field jsonPatchOp.{field} of type string')
    if len(operations) > MAX_OPERATIONS:
        raise StatusError(
            413,
            'RequestEntityTooLarge',
            f'Request entity too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, '
            f'got {len(operations)}',
        )
    return [each or {} for each in operations]


def _undecodable(value: Any, target: str) -> StatusError:
    return bad_request(f'error decoding patch: json: cannot unmarshal {go_kind(value)} into Go {target}')


def _rejected() -> StatusError:
    return StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})


def _not_an_object(value: Any) -> StatusError:
    text = json.dumps(value, separators=(',', ':'), ensure_ascii=False)
    why = f"couldn't get version/kind; json parse error: json: cannot unmarshal {go_kind(value)} into Go value of type"
    return invalid('', '', '', [invalid_value('patch', text, f'{why} {_HEAD}')])


# --- operations: each takes the whole document, and gives it back with the bytes that it has copied

_Operation: TypeAlias = Callable[[Any, dict[str, Any]], tuple[Any, int]]


def _add(document: Any, operation: dict[str, Any]) -> tuple[Any, int]:
    _insert(document, _pointer(operation, 'path'), copied(operation.get('value')))
    return document, 0


def _remove(document: Any, operation: dict[str, Any]) -> tuple[Any, int]:
    _take(document, _pointer(operation, 'path'))
    return document, 0


def _replace(document: Any, operation: dict[str, Any]) -> tuple[Any, int]:
    pointer, value = _pointer(operation, 'path'), copied(operation.get('value'))
    if pointer == '':
        if not isinstance(value, dict | list):
            raise _FailedError
        return value, 0
    container, key = _find(document, pointer)
    if isinstance(container, list):
        container[_index(container, key)] = value
    else:
        container[key] = value
    return document, 0


def _move(document: Any, operation: dict[str, Any]) -> tuple[Any, int]:
    source = _pointer(operation, 'from')
    _insert(document, _pointer(operation, 'path'), _take(document, source))
    return document, 0


def _copy(document: Any, operation: dict[str, Any]) -> tuple[Any, int]:
    value = _read(document, _pointer(operation, 'from'))
    size = len(json.dumps(value, separators=(',', ':'), ensure_ascii=False)) if value is not None else 0
    _insert(document, _pointer(operation, 'path'), copied(value))
    return document, size


def _test(document: Any, operation: dict[str, Any]) -> tuple[Any, int]:
    pointer = _pointer(operation, 'path')
    found = document if pointer == '' else _read(document, pointer)
    if not _equal(found, operation.get('value')):
        raise _FailedError(_DIFFERENT)
    return document, 0


_OPERATIONS: dict[str, _Operation] = {
    'add': _add,
    'remove': _remove,
    'replace': _replace,
    'move': _move,
    'copy': _copy,
    'test': _test,
}


def _pointer(operation: dict[str, Any], field: str) -> str:
    pointer: str | None = operation.get(field)
    if pointer is None:
        raise _FailedError
    return pointer


def _find(document: Any, pointer: str) -> tuple[_Container, str]:
    """The container that the pointer's last part is to be looked up in, and that part, unescaped."""
    parts = pointer.split('/')
    if not 2 <= len(parts) <= _MAX_SEGMENTS:
        raise _FailedError
    try:
        for part in parts[1:-1]:
            document = _get(document, _unescaped(part))
    except _FailedError:
        raise _FailedError from None
    if not isinstance(document, dict | list):
        raise _FailedError
    return document, _unescaped(parts[-1])


def _unescaped(part: str) -> str:
    return part.replace('~1', '/').replace('~0', '~') if '~' in part else part


def _get(container: Any, key: str) -> Any:
    """An item of a list, which must be there; a value of an object, or None."""
    if isinstance(container, dict):
        return container.get(key)
    if isinstance(container, list):
        return container[_index(container, key)]
    raise _FailedError


def _index(container: list[Any], key: str, *, beyond: int = 0) -> int:
    """The index that the text means; negative ones count from the end (of the list as it will be, when adding)."""
    digits = key[1:] if key[:1] in ('+', '-') else key
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        wrong = f'strconv.Atoi: parsing {go_quote(key)}: invalid syntax'
        raise _FailedError(f"value was not a proper array index: '{key}': {wrong}" if beyond else wrong)
    index, size = int(key), len(container) + beyond
    if not -size <= index < size:
        raise _FailedError(f'Unable to access invalid index: {index}: invalid index referenced')
    return index + size if index < 0 else index


def _read(document: Any, pointer: str) -> Any:
    return _get(*_find(document, pointer))


def _insert(document: Any, pointer: str, value: Any) -> None:
    container, key = _find(document, pointer)
    if isinstance(container, dict):
        container[key] = value
    elif key == '-':
        container.append(value)
    else:
        container.insert(_index(container, key, beyond=1), value)


def _take(document: Any, pointer: str) -> Any:
    """Remove what the pointer leads to, which must be there, and give it."""
    container, key = _find(document, pointer)
    if isinstance(container, list):
        return container.pop(_index(container, key))
    if key not in container:
        raise _FailedError(f'Unable to remove nonexistent key: {key}: missing value')
    return container.pop(key)


def _equal(one: Any, other: Any) -> bool:
    """Equality of JSON texts: 1, 1.0 and true are all different, the order of keys does not matter."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


# --- merge patch


@refusing_depth
def merge_patch(obj: Json, patch: Any) -> Json:
    """Merge the patch into a copy of the object, which shares nothing with the arguments.

    Nulls remove keys; in what is new they are dropped, also inside the objects of new lists, whose own nulls stay.

    Raises:
        StatusError: 400 when the patch is no object.
    """
    if patch is None:
        raise bad_request('Invalid JSON Patch')
    if not isinstance(patch, dict):
        raise _undecodable(patch, 'value of type map[string]interface {}')
    return _merged(obj, patch)


def _merged(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in current.items():
        change = patch.get(key, _UNCHANGED)
        if change is _UNCHANGED:
            result[key] = copied(value)
        elif change is not None:
            result[key] = _merged_value(value, change)
    for key, change in patch.items():
        if change is not None and key not in current:
            result[key] = _without_nulls(change)
    return result


def _merged_value(current: Any, change: Any) -> Any:
    if not isinstance(current, dict):
        return _without_nulls(change)
    if isinstance(change, dict):
        return _merged(current, change)
    return copied(change)  # in place of an object, a list keeps what it has, nulls in its objects included


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
