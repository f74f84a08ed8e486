"""Secrets in YAML bodies about secrets, such as those of server-side apply: read as a whole, replaced in place."""

import json
from collections.abc import Callable, Iterator

import yaml

from kmock.recording.secrets.placeholders import Placeholders, is_placeholder
from kmock.recording.secrets.secretobjects import DATA, DATA_KEYS

__all__ = ['redact_yaml']

_ANNOTATION = 'annotation'
_LONGEST = 256 * 1024  # The parser is slow, and real Secrets are small.


def redact_yaml(body: bytes, placeholders: Placeholders, *, annotation: Callable[[bytes], bytes]) -> bytes:
    """Replace the values under `data` and `stringData`; everything else stays, comments included.

    Args:
        annotation: redacts texts in the metadata, where the last-applied annotation is a Secret in JSON.

    Raises:
        ValueError: it can't be read, or not be replaced safely.
    """
    if len(body) > _LONGEST:
        raise ValueError(f'It is longer than {_LONGEST} bytes.')
    try:
        text = body.decode()
        # A node begins at its anchor or tag, which stay; its token is the scalar alone.
        starts = {
            token.end_mark.index: token.start_mark.index
            for token in yaml.scan(text, Loader=yaml.SafeLoader)
            if isinstance(token, yaml.ScalarToken)
        }
        for node, mode in sorted(_secrets(text), key=lambda each: each[0].start_mark.index, reverse=True):
            replacement = _replacement(node, mode, placeholders, annotation)
            if replacement is not None:
                text = _replaced(text, node, starts[node.end_mark.index], replacement)
        if any(_replacement(node, mode, placeholders, annotation) is not None for node, mode in _secrets(text)):
            raise ValueError('The values could not be replaced.')
    except (yaml.YAMLError, RecursionError, KeyError) as exc:
        raise ValueError(f'It is no YAML: {exc}') from exc
    return text.encode()


def _replacement(
    node: yaml.ScalarNode, mode: str, placeholders: Placeholders, annotation: Callable[[bytes], bytes]
) -> str | None:
    """What to write in the place of a scalar; None if it is to stay."""
    value = node.value.encode()
    if mode == _ANNOTATION:
        redacted = annotation(value)
        return None if redacted == value else json.dumps(redacted.decode(), ensure_ascii=False)  # which is YAML, too
    if is_placeholder(value) or not value:
        return None
    return (placeholders.base64(value.strip(), mode) if mode == DATA else placeholders.text(value, mode)).decode()


def _replaced(text: str, node: yaml.ScalarNode, start: int, replacement: str) -> str:
    end = node.end_mark.index
    lines = '\n' if text[start:end].endswith('\n') else ''  # a block scalar takes its line's end along
    return text[:start] + replacement + lines + text[end:]


def _secrets(text: str) -> Iterator[tuple[yaml.ScalarNode, str]]:
    """The scalars with secrets, each once, be it referred to by aliases."""
    seen: dict[int, tuple[yaml.ScalarNode, str]] = {}
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        _search(document, None, set(), seen)
    return iter(list(seen.values()))


def _search(
    node: yaml.Node | None,
    mode: str | None,
    visited: set[tuple[int, str | None]],
    seen: dict[int, tuple[yaml.ScalarNode, str]],
) -> None:
    if node is None or (id(node), mode) in visited:
        return
    visited.add((id(node), mode))
    if isinstance(node, yaml.ScalarNode):
        if mode is not None and node.tag != 'tag:yaml.org,2002:null':
            seen.setdefault(id(node), (node, mode))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _search(item, mode, visited, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ''
            inner = _ANNOTATION if name == 'metadata' else DATA_KEYS.get(name.encode())
            _search(value, mode or inner, visited, seen)
