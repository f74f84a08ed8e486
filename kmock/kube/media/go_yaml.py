"""YAML as Go's library reads it on its way to JSON: other scalars than PyYAML's, text keys, guarded aliases.

Dates stay texts, there are no numbers of base 60, and all keys are texts, as they are in the JSON that the server
makes of a document. Only the first document of a stream counts.
"""

import re
from collections.abc import Iterator
from typing import Any

__all__ = ['GoYAMLError', 'loads_all', 'loads_with_duplicates']

MAX_NODES = 1_000_000
"""The limit of what aliases may expand a document to."""
MAX_DEPTH = 500
"""The limit of nesting."""
MAX_OPENED = 5_000
"""The limit of nesting of what is composed at all; only documents with more opening marks than that are looked at."""
_OPENERS = (b'[', b'{', b'-', b'?')  # nesting by indentation alone takes as many bytes as the square of its depth

_NULLS = {'', '~', 'null', 'Null', 'NULL'}
_TRUE = {'true', 'True', 'TRUE', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'y', 'Y'}
_FALSE = {'false', 'False', 'FALSE', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'n', 'N'}
# `y` and `n` alone stay texts when they are read without a known type, as YAML's own tables of Go have it.
_TRUE -= {'y', 'Y'}
_FALSE -= {'n', 'N'}
_INTEGER = re.compile(r'[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)')
_FLOAT = re.compile(r'[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?')
_TAGS = 'tag:yaml.org,2002:'


class GoYAMLError(ValueError):
    """The document is no YAML, or nothing that JSON can hold."""


def loads_with_duplicates(body: bytes) -> tuple[Any, list[str]]:
    """Parse the first document, and tell the paths of the keys that are repeated in it.

    Raises:
        GoYAMLError: for what can't be read; the text begins as the server's.
    """
    node = next(_nodes(body), None)
    if node is None:
        return None, []
    reader = _Reader()
    return _read(reader, node), reader.duplicates


def loads_all(body: bytes) -> Iterator[Any]:
    """Parse all documents, one after the other; None for an empty one.

    Raises:
        GoYAMLError: as `loads_with_duplicates`.
    """
    for node in _nodes(body):
        yield _read(_Reader(), node)


def _read(reader: '_Reader', node: Any) -> Any:
    try:
        return reader.value(node, '', 0)
    except RecursionError:
        raise GoYAMLError('error converting YAML to JSON: yaml: exceeded max depth') from None


def _nodes(body: bytes) -> Iterator[Any]:
    import yaml

    loader_class = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
    try:
        if sum(map(body.count, _OPENERS)) > MAX_OPENED:
            _check_depth(yaml.parse(body, loader_class))
        loader = loader_class(body)
        try:
            while loader.check_node():
                yield loader.get_node()
        finally:
            loader.dispose()
    except GoYAMLError:
        raise
    except yaml.MarkedYAMLError as error:
        line = f'line {error.problem_mark.line + 1}: ' if error.problem_mark else ''
        raise GoYAMLError(f'error converting YAML to JSON: yaml: {line}{error.problem}') from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise GoYAMLError(f'error converting YAML to JSON: yaml: {error}') from None


def _check_depth(events: Iterator[Any]) -> None:
    """Refuse what is too deep for libyaml, which composes nodes recursively and would overflow the stack of C.

    Raises:
        GoYAMLError: it is.
    """
    depth = 0
    for event in events:
        name = type(event).__name__
        if name in ('SequenceStartEvent', 'MappingStartEvent'):
            depth += 1
            if depth > MAX_OPENED:
                raise GoYAMLError('error converting YAML to JSON: yaml: exceeded max depth')
        elif name in ('SequenceEndEvent', 'MappingEndEvent'):
            depth -= 1


class _Reader:
    """Makes JSON of the nodes of a document."""

    def __init__(self) -> None:
        self.duplicates: list[str] = []
        self._count = 0

    def value(self, node: Any, path: str, depth: int) -> Any:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise GoYAMLError('error converting YAML to JSON: yaml: document contains excessive aliasing')
        if node.id == 'scalar':
            return _scalar(node)
        if node.id == 'sequence':
            return [self.value(item, f'{path}[{index}]', depth + 1) for index, item in enumerate(node.value)]
        return self._mapping(node, path, depth)

    def _mapping(self, node: Any, path: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.id == 'scalar' and key_node.tag in (f'{_TAGS}merge', '!') and key_node.value == '<<':
                merged = {**self._merged(value_node, path, depth), **merged}
                continue
            key = _key(key_node)
            below = f'{path}.{key}' if path else key
            if key in found and below not in self.duplicates:
                self.duplicates.append(below)
            found[key] = self.value(value_node, below, depth + 1)
        return {**merged, **found} if merged else found

    def _merged(self, node: Any, path: str, depth: int) -> dict[str, Any]:
        parts = node.value if node.id == 'sequence' else [node]
        found: dict[str, Any] = {}
        for part in parts:
            if part.id != 'mapping':
                text = 'map merge requires map or sequence of maps as the value'
                raise GoYAMLError(f'error converting YAML to JSON: yaml: {text}')
            found = {**self.value(part, path, depth + 1), **found}
        return found


def _key(node: Any) -> str:
    if node.id != 'scalar':
        kind = 'map[interface {}]interface {}' if node.id == 'mapping' else '[]interface {}'
        raise GoYAMLError(f'error converting YAML to JSON: yaml: invalid map key: {kind}')
    value = _scalar(node)
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return str(value)


def _scalar(node: Any) -> Any:
    text: str = node.value
    plain = node.style is None or node.style == ''
    tag: str = node.tag
    if tag == f'{_TAGS}binary':
        return _binary(text)
    if not plain or tag == '!' or (tag == f'{_TAGS}str' and not _resolves(text)):
        return text
    return _plain(text)


def _binary(text: str) -> str:
    import base64

    try:
        return base64.b64decode(text).decode(errors='replace')
    except ValueError:
        message = '!!binary value contains invalid base64 data'
        raise GoYAMLError(f'error converting YAML to JSON: yaml: {message}') from None


def _resolves(text: str) -> bool:
    """Whether a plain scalar that PyYAML takes for a text is a number in Go: `1e3`, `0o17`."""
    return len(text) < 400 and bool(_FLOAT.fullmatch(text) or _INTEGER.fullmatch(text))


def _plain(text: str) -> Any:
    if text in _NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if len(text) > 400:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float('inf') else text
    if text.lower() in ('.inf', '-.inf', '+.inf', '.nan'):
        raise GoYAMLError(f'error converting YAML to JSON: json: unsupported value: {text}')
    return text


def _integer(text: str) -> int | str | float:
    digits = text.replace('_', '')
    sign = -1 if digits.startswith('-') else 1
    digits = digits.lstrip('+-')
    try:
        if digits[:2] in ('0b', '0o', '0x'):
            number = sign * int(digits, 0)
        elif len(digits) > 1 and digits[0] == '0':
            number = sign * int(digits, 8)
        else:
            number = sign * int(digits)
    except ValueError:
        return text
    return number if -(2**63) <= number < 2**64 else float(number)
