"""Names: what is wrong with names, labels and keys, in the words of an API server. Nothing here knows of objects.

Each function gives the messages on one value, as apimachinery's `validation` and `content` packages word them; an empty
list is a valid value. Those for names of objects take `prefix`, too: a generateName, whose trailing dash is no fault.
Source of the grammars: RFC 1035, RFC 1123, and the Kubernetes documentation, "Object Names and IDs" and "Labels".
"""

import re

__all__ = [
    'c_identifier',
    'config_map_key',
    'dns1035_label',
    'dns1123_label',
    'dns1123_subdomain',
    'env_name',
    'http_header',
    'label_value',
    'path_segment',
    'port_name',
    'port_number',
    'qualified_name',
    'wildcard_subdomain',
]

_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
_SUBDOMAIN = rf'{_LABEL}(\.{_LABEL})*'
_LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
_WILDCARD = rf'\*\.{_SUBDOMAIN}'
_KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
_VALUE = f'({_KEY})?'
_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*'
_CONFIG_KEY = '[-._a-zA-Z0-9]+'
_HEADER = '[-A-Za-z0-9]+'

_is_label = re.compile(_LABEL).fullmatch
_is_label_1035 = re.compile(_LABEL_1035).fullmatch
_is_wildcard = re.compile(_WILDCARD).fullmatch
_is_key = re.compile(_KEY).fullmatch
_is_value = re.compile(_VALUE).fullmatch
_is_identifier = re.compile(_IDENTIFIER).fullmatch
_is_config_key = re.compile(_CONFIG_KEY).fullmatch
_is_header = re.compile(_HEADER).fullmatch
_is_port_name = re.compile('[-a-z0-9]+').fullmatch

_ENDS = 'and must start and end with an alphanumeric character'
_LABEL_RULE = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS} "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_RULE = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS} "
    f"(e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_LABEL_1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    f"and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_LABEL_1035}')"
)
_WILDCARD_RULE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
    f"(e.g. '*.example.com', regex used for validation is '{_WILDCARD}')"
)
_KEY_RULE = (
    f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_KEY}')"
)
_VALUE_RULE = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)
_IDENTIFIER_RULE = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters "
    f"or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '{_IDENTIFIER}')"
)
_CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
    f"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '{_CONFIG_KEY}')"
)
_HEADER_RULE = (
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    f"(e.g. 'X-Header-Name', regex used for validation is '{_HEADER}')"
)


def _size(value: str) -> int:
    """In bytes, as Go counts; half surrogates, which JSON allows, count as what Go puts in their place."""
    return len(value) if value.isascii() else len(value.encode('utf-8', 'surrogatepass'))


def _unmasked(name: str, prefix: bool) -> str:
    """A generateName without the dash that it may end with."""
    return f'{name[:-2]}a' if prefix and len(name) > 1 and name.endswith('-') else name


def _too_long(value: str, limit: int, unit: str = 'characters') -> list[str]:
    return [f'must be no more than {limit} {unit}'] if _size(value) > limit else []


def _is_subdomain(value: str) -> bool:
    """Label by label: one expression for all would take quadratic time on long names."""
    return all(map(_is_label, value.split('.')))


def dns1123_label(value: str, prefix: bool = False) -> list[str]:
    """Of namespaces, containers, ports' targets: lower-case letters, digits and dashes, up to 63."""
    value = _unmasked(value, prefix)
    messages = _too_long(value, 63)
    if not _is_label(value):
        messages.append('must not contain dots' if _is_subdomain(value) else _LABEL_RULE)
    return messages


def dns1123_subdomain(value: str, prefix: bool = False) -> list[str]:
    """Of most objects: labels with dots between them, up to 253 characters."""
    value = _unmasked(value, prefix)
    messages = _too_long(value, 253)
    if not _is_subdomain(value):
        messages.append(_SUBDOMAIN_RULE)
    return messages


def dns1035_label(value: str, prefix: bool = False) -> list[str]:
    """As an RFC 1123 label, but beginning with a letter: names and plurals in CustomResourceDefinitions."""
    value = _unmasked(value, prefix)
    messages = _too_long(value, 63)
    if not _is_label_1035(value):
        messages.append(_LABEL_1035_RULE)
    return messages


def wildcard_subdomain(value: str) -> list[str]:
    """Hosts of ingresses: `*.example.com`."""
    messages = _too_long(value, 253)
    if not (_is_wildcard(value) if len(value) <= 253 else value[:2] == '*.' and _is_subdomain(value[2:])):
        messages.append(_WILDCARD_RULE)
    return messages


def path_segment(value: str, prefix: bool = False) -> list[str]:
    """The least that any name must hold to be a part of a URL: of Roles, and of what has no stricter rule."""
    if not prefix and value in ('.', '..'):
        return [f"may not be '{value}'"]
    return [f"may not contain '{each}'" for each in '/%' if each in value]


def qualified_name(value: str) -> list[str]:
    """Keys of labels and annotations, names of finalizers: `name` or `prefix.example.com/name`."""
    first, slash, rest = value.partition('/')
    if '/' in rest:
        with_prefix = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f'a valid label key {_KEY_RULE}{with_prefix}']
    messages = []
    if slash and not first:
        messages.append('prefix part must be non-empty')
    elif slash:
        messages.extend(f'prefix part {each}' for each in _prefix_part(first))
    name = rest if slash else first
    if not name:
        messages.append('name part must be non-empty')
    elif _size(name) > 63:
        messages.append('name part must be no more than 63 bytes')
    if not _is_key(name):
        messages.append(f'name part {_KEY_RULE}')
    return messages


def _prefix_part(value: str) -> list[str]:
    """As a subdomain; only the length is told in bytes here."""
    messages = _too_long(value, 253, 'bytes')
    if not _is_subdomain(value):
        messages.append(_SUBDOMAIN_RULE)
    return messages


def label_value(value: str) -> list[str]:
    messages = _too_long(value, 63, 'bytes')
    if not _is_value(value):
        messages.append(_VALUE_RULE)
    return messages


def c_identifier(value: str) -> list[str]:
    return [] if _is_identifier(value) else [_IDENTIFIER_RULE]


def config_map_key(value: str) -> list[str]:
    """Keys of the data of ConfigMaps and Secrets, which may become names of files."""
    messages = _too_long(value, 253)
    if not _is_config_key(value):
        messages.append(_CONFIG_KEY_RULE)
    return messages + _not_a_parent(value)


def _not_a_parent(value: str) -> list[str]:
    """Names of files that lead out of their directory, or look so."""
    if value == '.':
        return ["must not be '.'"]
    if value == '..':
        return ["must not be '..'"]
    return ["must not start with '..'"] if value.startswith('..') else []


def env_name(value: str) -> list[str]:
    """Names of environment variables: anything printable in ASCII but the equals sign."""
    messages = [] if value else ['environment variable name must be non-empty']
    if not all(' ' <= each <= '~' and each != '=' for each in value):
        messages.append(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        )
    return messages


def http_header(value: str) -> list[str]:
    return [] if _is_header(value) else [_HEADER_RULE]


def port_name(value: str) -> list[str]:
    """An IANA service name: up to 15 lower-case letters, digits and single dashes, with a letter."""
    messages = _too_long(value, 15)
    if not _is_port_name(value):
        messages.append('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
    if not any('a' <= each <= 'z' for each in value):
        messages.append('must contain at least one letter (a-z)')
    if '--' in value:
        messages.append('must not contain consecutive hyphens')
    if value.startswith('-') or value.endswith('-'):
        messages.append('must not begin or end with a hyphen')
    return messages


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ['must be between 1 and 65535, inclusive']
