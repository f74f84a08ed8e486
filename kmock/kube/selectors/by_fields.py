"""Field selectors, `?fieldSelector=`; label selectors, from `label_selectors.py`, are offered here too.

The grammar and the errors' texts are those of apimachinery's `fields` package; which fields a built-in kind knows
is told by the Kubernetes documentation ("Field Selectors") and was observed on a real v1.36 API server.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.selectors.by_labels import LabelSelector, Requirement, match_selector, parse_labels
from kmock.kube.statuses import StatusError, bad_request
from kmock.kube.values.names import path_segment

__all__ = [
    'FieldSelector',
    'FieldTerm',
    'LabelSelector',
    'Requirement',
    'match_selector',
    'parse_fields',
    'parse_labels',
    'pinned_name',
]

_Getter = Callable[[Json], str]


@dataclasses.dataclass(frozen=True, slots=True)
class FieldTerm:
    """One field that must be equal to a value, or not (`equal` is False)."""

    field: str
    equal: bool
    value: str
    get: _Getter = dataclasses.field(compare=False, repr=False)

    def matches(self, obj: Json) -> bool:
        return (self.get(obj) == self.value) is self.equal

    def __str__(self) -> str:
        escaped = self.value.replace('\\', '\\\\').replace(',', '\\,').replace('=', '\\=')
        return f'{self.field}{"=" if self.equal else "!="}{escaped}'


@dataclasses.dataclass(frozen=True, slots=True)
class FieldSelector:
    """Terms that must all hold; without terms it selects everything."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, obj: Json) -> bool:
        return all(each.matches(obj) for each in self.terms)

    def _pinned(self, field: str) -> str | None:
        return next((each.value for each in self.terms if each.equal and each.field == field), None)

    @property
    def name(self) -> str | None:
        """The one name that can match; None if the selector pins no name."""
        return self._pinned('metadata.name')

    @property
    def namespace(self) -> str | None:
        """The one namespace that can match; None if the selector pins no namespace."""
        return self._pinned('metadata.namespace')

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __str__(self) -> str:
        return ','.join(str(each) for each in self.terms)


def parse_fields(text: str, definition: Definition) -> FieldSelector:
    """Read a selector such as `metadata.name=a,status.phase!=Running` for the resource.

    Loose resources may be selected by any path of keys; others by what the real server knows for the kind.

    Raises:
        StatusError: 400 with the server's text, for what can't be understood and for unknown fields.
    """
    terms = []
    for part in sorted(_split(text)):
        if part:
            field, equal, value = _term(text, part)
            field, getter = _getter(field, definition)
            terms.append(FieldTerm(field, equal, value, getter))
    return FieldSelector(tuple(terms))


def pinned_name(text: str) -> str | None:
    """The one name that a field selector lets through, if it can be read; which fields exist does not matter."""
    try:
        terms = [_term(text, part) for part in sorted(_split(text)) if part]
    except StatusError:
        return None
    found = next((value for field, equal, value in terms if equal and field == 'metadata.name'), None)
    return None if found is None or path_segment(found) else found


def _split(text: str) -> list[str]:
    """Split at the commas that are not escaped."""
    parts, start, escaped = [], 0, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == '\\':
            escaped = True
        elif char == ',':
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _term(text: str, part: str) -> tuple[str, bool, str]:
    for index, char in enumerate(part):
        if char == '=':
            return part[:index], True, _unescaped(part[index + (2 if part[index + 1 : index + 2] == '=' else 1) :])
        if part.startswith('!=', index):
            return part[:index], False, _unescaped(part[index + 2 :])
    raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")


def _unescaped(value: str) -> str:
    if not any(char in value for char in '\\,='):
        return value
    found, escaped = [], False
    for char in value:
        if escaped:
            if char not in '\\,=':
                raise bad_request(f'invalid field selector: invalid escape sequence: \\{char}')
            found.append(char)
            escaped = False
        elif char == '\\':
            escaped = True
        elif char in ',=':
            # The real server prints the code of the character.
            raise bad_request(f'invalid field selector: unescaped character in value: {ord(char)}')
        else:
            found.append(char)
    if escaped:
        raise bad_request('invalid field selector: invalid escape sequence: \\')
    return ''.join(found)


# --- what can be selected by


def _path(*keys: str) -> _Getter:
    """What is at the path, as text; absent values are empty, as the server has them."""

    def get(obj: Json) -> str:
        value: Any = obj
        for key in keys:
            if not isinstance(value, Mapping):
                return ''
            value = value.get(key)
        return _as_text(value)

    return get


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ''
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return str(value)


def _number(*keys: str) -> _Getter:
    get = _path(*keys)
    return lambda obj: get(obj) or '0'


def _flag(*keys: str) -> _Getter:
    get = _path(*keys)
    return lambda obj: get(obj) or 'false'


def _nothing(obj: Json) -> str:
    """Accepted by the server as a label of a field, but never set."""
    return ''


def _pod_ip(obj: Json) -> str:
    status = obj.get('status') or {}
    ips = status.get('podIPs') or ()
    return _as_text(ips[0].get('ip')) if ips else _as_text(status.get('podIP'))


def _event_source(obj: Json) -> str:
    source = obj.get('source') or obj.get('deprecatedSource') or {}
    component = source.get('component')
    return _as_text(component or obj.get('reportingComponent') or obj.get('reportingController'))


_NAME = {'metadata.name': _path('metadata', 'name')}
_METADATA = {**_NAME, 'metadata.namespace': _path('metadata', 'namespace')}
_REFERENCE = ('kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath')


def _paths(*dotted: str) -> dict[str, _Getter]:
    return {each: _path(*each.split('.')) for each in dotted}


_POD_FIELDS = {
    **_paths('spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'status.phase'),
    'spec.hostNetwork': _flag('spec', 'hostNetwork'),
    'status.podIP': _pod_ip,
    'status.podIPs': _nothing,
    **_paths('status.nominatedNodeName'),
}
_KNOWN: dict[tuple[str, str], dict[str, _Getter]] = {
    ('', 'pods'): {**_METADATA, **_POD_FIELDS},
    ('', 'nodes'): {**_NAME, 'spec.unschedulable': _flag('spec', 'unschedulable')},
    ('', 'replicationcontrollers'): {**_METADATA, 'status.replicas': _number('status', 'replicas')},
    ('', 'namespaces'): {**_NAME, **_paths('status.phase')},
    ('', 'secrets'): {**_METADATA, **_paths('type')},
    ('', 'services'): {**_METADATA, **_paths('spec.clusterIP', 'spec.type')},
    ('', 'events'): {
        **_METADATA,
        **_paths(*(f'involvedObject.{each}' for each in _REFERENCE)),
        **_paths('reason', 'reportingComponent', 'type'),
        'source': _event_source,
    },
    ('events.k8s.io', 'events'): {
        **_METADATA,
        **{f'regarding.{each}': _path('regarding', each) for each in _REFERENCE},
        **_paths('reason', 'reportingController', 'type'),
    },
    ('apps', 'statefulsets'): {**_METADATA, 'status.successful': _nothing},
    ('batch', 'jobs'): {**_METADATA, 'status.successful': _number('status', 'succeeded')},
    ('certificates.k8s.io', 'certificatesigningrequests'): {**_NAME, **_paths('spec.signerName')},
    ('certificates.k8s.io', 'podcertificaterequests'): {
        **_METADATA,
        **_paths('spec.signerName', 'spec.podName', 'spec.nodeName'),
    },
    ('resource.k8s.io', 'resourceslices'): {**_NAME, **_paths('spec.nodeName', 'spec.driver')},
}
_ALIASES = {('', 'pods'): {'spec.host': 'spec.nodeName'}}
_REFUSALS = {
    ('apps', 'statefulsets'): 'field label not supported for appsv1.StatefulSet: {}',
    ('batch', 'jobs'): 'field label "{}" not supported for Job',
    ('resource.k8s.io', 'resourceslices'): 'field label not supported for ResourceSlice: {}',
}


def _getter(field: str, definition: Definition) -> tuple[str, _Getter]:
    """The field's own name, and how it is read from an object."""
    resource = definition.resource
    if definition.origin is Origin.LOOSE:
        return field, _METADATA.get(field) or _path(*field.split('.'))
    if definition.origin is Origin.CUSTOM:
        known = _selectable(definition)
        refusal = 'field label not supported: {}'
    else:
        key = (resource.group, resource.plural)
        field = _ALIASES.get(key, {}).get(field, field)
        known = _KNOWN.get(key, _METADATA)
        refusal = _REFUSALS.get(key, 'field label not supported: {}') if key in _KNOWN else _GENERIC
    if field not in known:
        raise bad_request(refusal.format(field))
    return field, known[field]


_GENERIC = '"{}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _selectable(definition: Definition) -> dict[str, _Getter]:
    return _custom_fields(definition.namespaced, definition.selectable)


@functools.lru_cache(maxsize=256)
def _custom_fields(namespaced: bool, selectable: tuple[str, ...]) -> dict[str, _Getter]:
    names = [each.removeprefix('.') for each in selectable]
    return {**(_METADATA if namespaced else _NAME), **_paths(*names)}
