"""Custom resources that are as their schema wants them, as nearly all are: told in one pass, compiled once a schema.

It only tells *whether* an object fits. What doesn't, or what is too particular to be told here (`oneOf`, embedded
resources, numbers to be rewritten, …), goes through `pruning`, `defaults` and `checking`, which know what is wrong.
CEL rules, the uniqueness of items and the numbers of the scale subresource are in `validation`.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from kmock.kube.schema import Schema
from kmock.kube.schemas.defaults import default
from kmock.kube.values.formats import FORMATS, NUMBER_FORMATS
from kmock.kube.values.go_values import copied
from kmock.kube.values.patterns import PatternError, go_pattern

__all__ = ['fit', 'is_plain_metadata']

_Missing: TypeAlias = list[tuple[dict[str, Any], str, Any]]
"""The defaults to be filled in: where, the key, and the value."""
_Fits: TypeAlias = Callable[[Any, _Missing], bool]

_INT64 = (-(2**63), 2**63 - 1)
_INT_RANGES = {'': _INT64, 'int32': (-(2**31), 2**31 - 1), 'int64': _INT64}
_INT_OR_STRING = ([{'type': 'integer'}, {'type': 'string'}], [{'type': 'string'}, {'type': 'integer'}])
_TEXTS = frozenset({'name', 'generateName', 'namespace'})
_MAPS = frozenset({'labels', 'annotations'})

_IDLE_WORDS = frozenset({
    'default', 'description', 'example', 'externalDocs', 'title', 'type', 'nullable', 'x-kubernetes-list-type',
    'x-kubernetes-list-map-keys', 'x-kubernetes-map-type', 'x-kubernetes-validations',
})  # fmt: skip
"""What demands nothing here: the last ones are judged in `validation`."""
_WORDS: Mapping[Any, frozenset[str]] = {
    'string': frozenset({'enum', 'format', 'minLength', 'maxLength', 'pattern'}),
    'integer': frozenset({'enum', 'format', 'minimum', 'maximum'}),
    'number': frozenset({'format', 'minimum', 'maximum'}),
    'boolean': frozenset({'format'}),
    'array': frozenset({'items', 'minItems', 'maxItems'}),
    'object': frozenset({'properties', 'additionalProperties', 'required'}),
}


def fit(schema: Schema, obj: dict[str, Any]) -> bool:
    """Tell whether nothing is unknown, to be rewritten, or wrong; what has a default is then filled in.

    The metadata are not looked at. An object that does not fit, as far as is known here, is not changed.
    """
    missing: _Missing = []
    try:
        fits = _root(schema)(obj, missing)
    except RecursionError:
        return False
    if fits:
        for place, key, value in missing:
            place[key] = copied(value)
    return fits


def is_plain_metadata(metadata: Any) -> bool:
    """Whether there are only names, labels and annotations, all of the right types: decoding changes nothing."""
    if metadata.__class__ is not dict:
        return False
    for key, item in metadata.items():
        if not item:
            return False
        if key in _TEXTS:
            if item.__class__ is not str:
                return False
        elif key not in _MAPS or item.__class__ is not dict or any(each.__class__ is not str for each in item.values()):
            return False
    return True


@functools.lru_cache(maxsize=512)
def _root(schema: Schema) -> _Fits:
    properties = {key: child for key, child in schema.properties.items() if key != 'metadata'}
    return _object({**schema.node, 'properties': properties}, also={'metadata': _anything})


# --- compiling


def _never(value: Any, missing: _Missing) -> bool:
    return False


def _anything(value: Any, missing: _Missing) -> bool:
    return True


def _compiled(node: Any) -> _Fits:
    """What tells whether a value fits a node of a schema."""
    if not isinstance(node, Mapping):
        return _never
    if node.get('x-kubernetes-int-or-string'):
        fits = _int_or_string(node)
    elif node.get('x-kubernetes-preserve-unknown-fields'):
        fits = _preserved(node)
    else:
        kind = node.get('type')
        fits = _COMPILERS[kind](node) if kind in _COMPILERS and _knows(node, _WORDS[kind]) else _never
    if node.get('nullable') and not node.get('enum') and fits is not _never:
        return lambda value, missing: value is None or fits(value, missing)
    return fits


def _knows(node: Mapping[str, Any], words: frozenset[str]) -> bool:
    return all(
        word in words or word in _IDLE_WORDS for word, value in node.items() if value is not None and value is not False
    )


def _string(node: Mapping[str, Any]) -> _Fits:
    least, most = node.get('minLength') or 0, _or(node.get('maxLength'), math.inf)
    tests = list(_text_tests(node))

    def plain(value: Any, missing: _Missing) -> bool:
        return value.__class__ is str and least <= len(value) <= most

    def tested(value: Any, missing: _Missing) -> bool:
        return value.__class__ is str and least <= len(value) <= most and all(test(value) for test in tests)

    return tested if tests else plain


def _text_tests(node: Mapping[str, Any]) -> Iterator[Callable[[str], object]]:
    """What is asked of a text besides its length."""
    form, pattern, enum = node.get('format') or '', node.get('pattern'), node.get('enum')
    if form in NUMBER_FORMATS:
        yield lambda value: False
    elif form in FORMATS:
        yield FORMATS[form]
    if enum:
        yield frozenset(each for each in enum if isinstance(each, str)).__contains__
    if pattern:
        try:
            yield go_pattern(pattern).search
        except PatternError:
            yield lambda value: False


def _integer(node: Mapping[str, Any]) -> _Fits:
    form = node.get('format') or ''
    if form in FORMATS or (form in NUMBER_FORMATS and form not in _INT_RANGES):
        return _never
    low, high = _INT_RANGES.get(form, _INT64)
    least, most = max(low, _or(node.get('minimum'), low)), min(high, _or(node.get('maximum'), high))
    enum = frozenset(each for each in node.get('enum') or () if isinstance(each, int) and not isinstance(each, bool))

    def plain(value: Any, missing: _Missing) -> bool:
        return value.__class__ is int and least <= value <= most

    def listed(value: Any, missing: _Missing) -> bool:
        return value.__class__ is int and least <= value <= most and value in enum

    return listed if node.get('enum') else plain


def _number(node: Mapping[str, Any]) -> _Fits:
    if (node.get('format') or 'double') != 'double':
        return _never
    least, most = _or(node.get('minimum'), -math.inf), _or(node.get('maximum'), math.inf)

    def fits(value: Any, missing: _Missing) -> bool:
        if value.__class__ is int:
            return _INT64[0] <= value <= _INT64[1] and bool(least <= value <= most)
        return value.__class__ is float and not value.is_integer() and bool(least <= value <= most)

    return fits


def _boolean(node: Mapping[str, Any]) -> _Fits:
    if node.get('format'):
        return _never
    return lambda value, missing: value.__class__ is bool


def _int_or_string(node: Mapping[str, Any]) -> _Fits:
    known = _IDLE_WORDS | {'x-kubernetes-int-or-string', 'anyOf', 'pattern', 'minLength', 'maxLength'}
    if node.get('anyOf') not in (None, *_INT_OR_STRING) or not _knows(node, known):
        return _never
    text = _string(node)

    def fits(value: Any, missing: _Missing) -> bool:
        return _INT64[0] <= value <= _INT64[1] if value.__class__ is int else text(value, missing)

    return fits


def _preserved(node: Mapping[str, Any]) -> _Fits:
    """Whatever there is stays, if nothing more is known of it."""
    known = _IDLE_WORDS | {'x-kubernetes-preserve-unknown-fields'}
    if node.get('type') not in (None, 'object') or not _knows(node, known):
        return _never
    if node.get('type') == 'object':
        return lambda value, missing: value.__class__ is dict and _is_written_so(value)
    return lambda value, missing: value is not None and _is_written_so(value)


def _is_written_so(value: Any) -> bool:
    """Whether there are only numbers that are written as they are."""
    kind = value.__class__
    if kind is dict:
        return all(map(_is_written_so, value.values()))
    if kind is list:
        return all(map(_is_written_so, value))
    return kind is not float


def _array(node: Mapping[str, Any]) -> _Fits:
    fits_item = _compiled(node.get('items'))
    least, most = node.get('minItems') or 0, _or(node.get('maxItems'), math.inf)

    def fits(value: Any, missing: _Missing) -> bool:
        if value.__class__ is not list or not least <= len(value) <= most:
            return False
        for item in value:  # noqa: SIM110  (a generator costs more than short lists)
            if not fits_item(item, missing):
                return False
        return True

    return fits


def _object(node: Mapping[str, Any], also: Mapping[str, _Fits] | None = None) -> _Fits:
    if not _knows(node, _WORDS['object']) or node.get('type') != 'object':
        return _never
    children: Mapping[str, Any] = node.get('properties') or {}
    fields: dict[str, _Fits] = {**{key: _compiled(child) for key, child in children.items()}, **(also or {})}
    additional = node.get('additionalProperties')
    other = _compiled(additional) if additional else _never
    presets = [(key, value) for key, child in children.items() if (value := _preset(child, fields[key])) is not None]
    filled = {key for key, _ in presets}
    needed = {*(node.get('required') or ()), *(key for key, child in children.items() if _has_default(child))}
    demanded = sorted(needed - filled)

    def fits(value: Any, missing: _Missing) -> bool:
        if value.__class__ is not dict:
            return False
        for key, item in value.items():
            if not fields.get(key, other)(item, missing):
                return False
        for key in demanded:
            if key not in value:
                return False
        for key, preset in presets:
            if key not in value:
                missing.append((value, key, preset))
        return True

    return fits


def _has_default(child: Any) -> bool:
    return isinstance(child, Mapping) and child.get('default') is not None


def _preset(child: Any, fits: _Fits) -> Any:
    """The default with those that are within it, if it is one that fits; else None."""
    if not _has_default(child):
        return None
    holder = {'value': copied(child['default'])}
    default(Schema({'type': 'object', 'properties': {'value': child}}), holder)
    missing: _Missing = []
    return holder['value'] if fits(holder['value'], missing) and not missing else None


def _or(value: Any, otherwise: float) -> Any:
    return otherwise if value is None else value


_COMPILERS: Mapping[Any, Callable[[Mapping[str, Any]], _Fits]] = {
    'string': _string,
    'integer': _integer,
    'number': _number,
    'boolean': _boolean,
    'array': _array,
    'object': _object,
}
