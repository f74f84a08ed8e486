"""ObjectVersion: one version of an object, or a mapping inside of one, as a mapping with partial comparison."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Self, TypeAlias

from kmock.kube.objects.comparing import agrees, covers, plain, refuse_operand, refuse_order
from kmock.kube.objects.tracking import tracked

__all__ = ['GONE', 'Change', 'ObjectVersion', 'changed_at', 'read_value']

GONE: Any = object()
"""What is written in place of a value to remove it."""

Change: TypeAlias = Callable[[tuple[str, ...], Any], None]
"""Writes a value at a path of keys into the object that a version is of."""


class ObjectVersion(MutableMapping[str, Any]):
    """One version of an object.

    `>=` and `<=` compare partially and deeply, `==` exactly; `...` as a value means that it is there.
    Mappings in it are such versions, too. What is changed in a version of a stored object is changed in the store.
    It is a snapshot: it doesn't follow what happens to the object later.

    >>> ObjectVersion({'spec': {'replicas': 1, 'paused': False}}) >= {'spec': {'replicas': 1}}
    True
    """

    __slots__ = ('_change', '_path', '_value')

    def __init__(self, value: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._value: dict[str, Any] = {**read_value({} if value is None else value), **plain(kwargs)}
        self._change: Change | None = None
        self._path: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: dict[str, Any], change: Change | None, path: tuple[str, ...] = ()) -> Self:
        """A version of an object; it keeps the dict as it is, and reports what is changed in it."""
        self = cls.__new__(cls)
        self._value, self._change, self._path = value, change, path
        return self

    @property
    def raw(self) -> dict[str, Any]:
        """The version as a plain dict, made anew."""
        value: dict[str, Any] = plain(self._value)
        return value

    # --- the mapping

    def __getitem__(self, key: str) -> Any:
        value, path = self._value[key], (*self._path, key)
        if isinstance(value, dict):
            return type(self).of(value, self._change, path)
        if isinstance(value, list) and self._change is not None:
            change = self._change
            followed = tracked(value, lambda: change(path, plain(followed)))
            self._value[key] = followed
            return followed
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._write(key, plain(value))

    def __delitem__(self, key: str) -> None:
        if key not in self._value:
            raise KeyError(key)
        self._write(key, GONE)

    def _write(self, key: str, value: Any) -> None:
        if self._change is not None:
            self._change((*self._path, key), value)
        if value is GONE:
            del self._value[key]
        else:
            self._value[key] = plain(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __contains__(self, key: object) -> bool:
        return key in self._value

    # --- comparison

    def __eq__(self, other: object) -> bool:
        return agrees(self._value, other) if isinstance(other, Mapping) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return covers(self._value, other) if isinstance(other, Mapping) else refuse_operand('>=', other)

    def __le__(self, other: object) -> bool:
        return covers(other, self._value) if isinstance(other, Mapping) else refuse_operand('<=', other)

    def __lt__(self, other: object) -> bool:
        refuse_order('<')

    def __gt__(self, other: object) -> bool:
        refuse_order('>')

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> 'ObjectVersion':
        return ObjectVersion(self._value)

    def __deepcopy__(self, memo: Any) -> 'ObjectVersion':
        return ObjectVersion(self._value)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({plain(self._value)!r})' if self._value else f'{type(self).__name__}()'


def read_value(value: Any) -> dict[str, Any]:
    """What a test gives for a version, as a plain dict made anew.

    Raises:
        TypeError: it is no mapping.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f'A version of an object is a mapping, not {value!r}.')
    read: dict[str, Any] = plain(value)
    return read


def changed_at(obj: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The object with another value at a path; mappings on the way are made where there are none."""
    key, rest = path[0], path[1:]
    if rest:
        inner = obj.get(key)
        return {**obj, key: changed_at(inner if isinstance(inner, dict) else {}, rest, value)}
    if value is GONE:
        return {each: obj[each] for each in obj if each != key}
    return {**obj, key: value}
