"""Typed decoding: what becomes of an object of a built-in kind when the API server reads it into its Go types.

Unknown fields go, nulls and empty values go where Go leaves them out, quantities and times are written in their one
form, and a value of a wrong type is refused with the words of Go's decoder. `Decoder` is the compiled form of a schema.
Which fields Go leaves out when they are empty the schemas tell only for lists, maps and most strings; for numbers,
booleans and the strings that are pointers there are small tables.
"""

import base64
import binascii
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from kmock.kube.schema import Schema
from kmock.kube.values.quantities import MALFORMED, canonical_quantity
from kmock.kube.values.timestamps import TimeError, canonical_microtime, canonical_time

__all__ = ['MalformedError', 'Struct', 'decoder_of', 'json_kind', 'unknown_typed']

Decode: TypeAlias = Callable[[Any], Any]

_GO_NUMBERS = {'int32': 'int32', 'int64': 'int64', 'double': 'float64', 'float': 'float32', 'uint32': 'uint32'}
_NAMED_STRINGS = {
    ('ContainerPort', 'protocol'): 'v1.Protocol',
    ('ServicePort', 'protocol'): 'v1.Protocol',
    ('PodSpec', 'restartPolicy'): 'v1.RestartPolicy',
    ('PodSpec', 'dnsPolicy'): 'v1.DNSPolicy',
    ('Container', 'imagePullPolicy'): 'v1.PullPolicy',
    ('Container', 'terminationMessagePolicy'): 'v1.TerminationMessagePolicy',
    ('ServiceSpec', 'type'): 'v1.ServiceType',
    ('ServiceSpec', 'sessionAffinity'): 'v1.ServiceAffinity',
    ('Secret', 'type'): 'v1.SecretType',
    ('ObjectMeta', 'uid'): 'types.UID',
    ('OwnerReference', 'uid'): 'types.UID',
    ('DeploymentStrategy', 'type'): 'v1.DeploymentStrategyType',
    ('CronJobSpec', 'concurrencyPolicy'): 'v1.ConcurrencyPolicy',
    ('PodStatus', 'phase'): 'v1.PodPhase',
    ('NamespaceStatus', 'phase'): 'v1.NamespacePhase',
}
_KEPT_EMPTY_STRINGS = frozenset({
    'storageClassName', 'ingressClassName', 'volumeAttributesClassName', 'runtimeClassName', 'loadBalancerClass',
    'appProtocol', 'holderIdentity', 'hostname', 'nodeName', 'zone', 'preferredHolder', 'strategy', 'subdomain',
    'path', 'unhealthyPodEvictionPolicy', 'fsGroupChangePolicy', 'mountPropagation', 'reportingController',
    'reportingInstance', 'gmsaCredentialSpec', 'runAsUserName', 'currentVolumeAttributesClassName', 'dataSourceRef',
})  # fmt: skip
_LEFT_OUT_FALSE = frozenset({
    'hostNetwork', 'hostPID', 'hostIPC', 'stdin', 'stdinOnce', 'tty', 'readOnly', 'paused', 'unschedulable',
    'publishNotReadyAddresses', 'globalDefault', 'preserveUnknownFields', 'deprecated', 'exact',
})  # fmt: skip
_KEPT_ZEROES = frozenset({
    ('ValidatingWebhook', 'timeoutSeconds'), ('MutatingWebhook', 'timeoutSeconds'),
    ('ClientIPConfig', 'timeoutSeconds'),
})  # fmt: skip
_LEFT_OUT_ZERO = frozenset({
    'minReadySeconds', 'hostPort', 'nodePort', 'initialDelaySeconds', 'timeoutSeconds', 'periodSeconds',
    'successThreshold', 'failureThreshold', 'observedGeneration', 'generation', 'updatedReplicas', 'readyReplicas',
    'availableReplicas', 'unavailableReplicas', 'fullyLabeledReplicas', 'currentReplicas', 'updatedNumberScheduled',
    'numberAvailable', 'numberUnavailable', 'succeeded', 'failed', 'count',
})  # fmt: skip


class MalformedError(Exception):
    """An object can't be decoded. `path` and `struct` say where, once the structs around it have told."""

    def __init__(self, text: str, go_type: str | None = None, *, value: Any = None, into: str = '') -> None:
        super().__init__(text)
        self.text = text
        self.go_type = go_type
        self.value = value
        self.into = into
        self.struct = ''
        self.path: tuple[str, ...] = ()

    def within(self, struct: str, key: str) -> None:
        self.struct = self.struct or struct
        self.path = (key, *self.path)

    def __str__(self) -> str:
        if self.go_type is None:
            return self.text
        where = f'Go struct field {self.struct}.{".".join(self.path)}' if self.path else 'Go value'
        return f'json: cannot unmarshal {self.text} into {where} of type {self.go_type}'

    def restored(self) -> str:
        """The same error of a value that is restored out of a map, not decoded from JSON; these errors tell no path."""
        source = _SOURCES.get(type(self.value), 'map')
        if self.into == 'bytes':
            return f'error decoding from json: {self}' if source == 'string' else f'cannot restore slice from {source}'
        if not self.into:
            return str(self)
        if self.into in ('map', 'slice'):
            return f'cannot restore {self.into} from {source}'
        if self.into == 'struct':
            return f'cannot restore struct from: {source}'
        convertible = (self.into == 'string' and source == 'int64') or ('int' in self.into and source == 'float64')
        return f'cannot convert {source} to {self.go_type}' if convertible else f'unrecognized type: {self.into}'


_SOURCES = {bool: 'bool', str: 'string', int: 'int64', float: 'float64', list: 'slice', dict: 'map'}


def json_kind(value: Any) -> str:
    """What Go's decoder calls a value."""
    if isinstance(value, bool):
        return 'bool'
    if isinstance(value, str):
        return 'string'
    if isinstance(value, int | float):
        return 'number'
    return 'array' if isinstance(value, list) else 'object'


class Field:
    """One field of a struct: how it is decoded, and which empty values are left out."""

    __slots__ = ('decode', 'empty', 'leaf')

    def __init__(self, decode: Decode, leaf: type | None, empty: tuple[Any, ...]) -> None:
        self.decode = decode
        self.leaf = leaf
        self.empty = empty


class Struct:
    """The decoder of a Go struct. Its fields are compiled when first met, since schemas refer to themselves."""

    __slots__ = ('_fields', 'go_type', 'name', 'schema')

    def __init__(self, schema: Schema, name: str, go_type: str) -> None:
        self.schema = schema
        self.name = name
        self.go_type = go_type
        self._fields: dict[str, Field | None] = {}

    def field(self, key: str) -> Field | None:
        try:
            return self._fields[key]
        except KeyError:
            found = self._compiled(key) if key in self.schema.properties else None
            if found is not None:
                self._fields[key] = found
            return found

    def _compiled(self, key: str) -> Field:
        schema = self.schema.field(key)
        assert schema is not None
        named = _NAMED_STRINGS.get((self.name, key), 'string')
        decode = _decode_of(schema, self.schema.properties[key], named)
        leaf = str if decode.__class__ is _Text else bool if decode is _decode_bool else None
        kept = key in self.schema.required or (self.name, key) in _KEPT_ZEROES
        return Field(decode, leaf, () if kept else _empties(key, schema))

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise MalformedError(json_kind(value), self.go_type, value=value, into='struct')
        result = {}
        fields = self._fields
        for key, item in value.items():
            field = fields.get(key) or self.field(key)
            if field is None or item is None:
                continue
            if type(item) is not field.leaf:
                try:
                    item = field.decode(item)
                except MalformedError as error:
                    error.within(self.name, key)
                    raise
            if not item and item in field.empty and type(item) is type(field.empty[0]):
                continue
            result[key] = item
        return result


def _empties(key: str, schema: Schema) -> tuple[Any, ...]:
    if schema.type == 'array':
        return ([],)
    if schema.type == 'object':
        return ({},) if schema.is_map else ()
    if schema.type == 'string':
        return () if key in _KEPT_EMPTY_STRINGS or schema.format == 'date-time' else ('',)
    if schema.type == 'boolean':
        return (False,) if key in _LEFT_OUT_FALSE else ()
    return (0,) if key in _LEFT_OUT_ZERO else ()


class _Text:
    """The decoder of a string, which may be of a named type."""

    __slots__ = ('_go_type',)

    def __init__(self, go_type: str) -> None:
        self._go_type = go_type

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise MalformedError(json_kind(value), self._go_type, value=value, into='string')
        return value


def _decode_bool(value: Any) -> Any:
    if not isinstance(value, bool):
        raise MalformedError(json_kind(value), 'bool', value=value, into='bool')
    return value


def _integer(go_type: str) -> Decode:
    bits = int(go_type.rpartition('int')[2])
    low, high = (0, 2**bits - 1) if go_type[0] == 'u' else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def decode(value: Any) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        number = isinstance(value, int | float) and not isinstance(value, bool)
        raise MalformedError(f'number {value!r}' if number else json_kind(value), go_type, value=value, into=go_type)

    return decode


def _decode_float(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedError(json_kind(value), 'float64', value=value, into='float64')
    return value


def _decode_bytes(value: Any) -> Any:
    if not isinstance(value, str):
        raise MalformedError(json_kind(value), '[]uint8', value=value, into='bytes')
    text = value.replace('\n', '').replace('\r', '')
    try:
        return base64.b64encode(base64.b64decode(text.encode('ascii', 'replace'), validate=True)).decode('ascii')
    except binascii.Error as error:
        text = f'illegal base64 data at input byte {_broken_at(value)}'
        raise MalformedError(text, value=value, into='bytes') from error


def _broken_at(text: str) -> int:
    """The byte that Go's decoder stops at."""
    seen = 0
    data = text.encode('utf-8', 'surrogatepass')
    for index, byte in enumerate(data):
        if byte in b'\r\n':
            continue
        if byte in b'=':
            return index if seen % 4 < 2 or data[index:].rstrip(b'\r\n') not in (b'=', b'==') else len(data)
        if not (chr(byte).isascii() and chr(byte).isalnum()) and byte not in b'+/':
            return index
        seen += 1
    return len(data) - seen % 4 if seen % 4 else len(data)


def _time(form: Callable[[str], str]) -> Decode:
    def decode(value: Any) -> Any:
        if not isinstance(value, str):
            raise MalformedError(f'json: cannot unmarshal {json_kind(value)} into Go value of type string')
        try:
            return form(value)
        except TimeError as error:
            raise MalformedError(str(error)) from error

    return decode


def _decode_quantity(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise MalformedError(MALFORMED)
    found = canonical_quantity(str(value).strip())
    if found is None:
        raise MalformedError(MALFORMED)
    return found


def _decode_int_or_string(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if type(value) is int and -(2**31) <= value < 2**31:
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = f'number {value!r}' if number else json_kind(value)
    raise MalformedError(f'json: cannot unmarshal {text} into Go value of type int32')


def _decode_object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise MalformedError(
            f'json: cannot unmarshal {json_kind(value)} into Go value of type map[string]interface {{}}'
        )
    return value


def _decode_any(value: Any) -> Any:
    return value


_SPECIAL: Mapping[str, Decode] = {
    'Quantity': _decode_quantity,
    'IntOrString': _decode_int_or_string,
    'Time': _time(canonical_time),
    'MicroTime': _time(canonical_microtime),
    'RawExtension': _decode_any,
    'FieldsV1': _decode_object,
    'JSON': _decode_any,
    'JSONSchemaPropsOrArray': _decode_any,
    'JSONSchemaPropsOrBool': _decode_any,
    'JSONSchemaPropsOrStringArray': _decode_any,
}


def _reference(node: Mapping[str, Any]) -> str:
    """The name of what a node refers to, e.g. `io.k8s.api.core.v1.PodSpec`; empty if it stands for itself."""
    reference = node.get('$ref')
    branches = node.get('allOf', ())
    if reference is None and len(branches) == 1:
        reference = branches[0].get('$ref')
    return str(reference).rpartition('/')[2] if reference else ''


def _go_name(reference: str) -> tuple[str, str]:
    """The struct's name, and the type with its package, as in `v1.PodSpec`."""
    package, _, name = reference.rpartition('.')
    return name, f'{package.rpartition(".")[2]}.{name}' if package else name


def _decode_of(schema: Schema, node: Mapping[str, Any], named: str = 'string') -> Decode:
    name, go_type = _go_name(_reference(node))
    if name in _SPECIAL:
        return _SPECIAL[name]
    kind = schema.type
    if kind == 'object':
        if schema.properties:
            return Struct(schema, name, go_type)
        additional = schema.node.get('additionalProperties')
        return _map(schema, additional) if isinstance(additional, Mapping) else _empty_object(name, go_type)
    if kind == 'array':
        return _array(schema)
    if kind == 'string':
        return _decode_bytes if schema.format == 'byte' else _Text(named)
    if kind == 'integer':
        return _integer(_GO_NUMBERS.get(schema.format or '', 'int64'))
    if kind == 'number':
        return _decode_float
    if kind == 'boolean':
        return _decode_bool
    return _decode_int_or_string if schema.int_or_string else _decode_any


def _empty_object(name: str, go_type: str) -> Decode:
    """A struct without fields, such as that of an `emptyDir`; without a name, anything that is an object."""

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            into = 'struct' if go_type else 'map'
            raise MalformedError(json_kind(value), go_type or 'map[string]interface {}', value=value, into=into)
        return {} if name and name not in _OPEN else value

    return decode


_OPEN = frozenset({'Fields', 'Object', 'Unknown'})


def _go_type_of(schema: Schema, node: Mapping[str, Any]) -> str:
    reference = _reference(node)
    if reference:
        return _go_name(reference)[1]
    if schema.type == 'array' and schema.items is not None:
        return f'[]{_go_type_of(schema.items, schema.node["items"])}'
    if schema.type == 'object':
        inner = schema.node.get('additionalProperties')
        child = schema.field('')
        if isinstance(inner, Mapping) and child is not None:
            of = _go_type_of(child, inner)
            return 'v1.ResourceList' if of == 'resource.Quantity' else f'map[string]{of}'
        return 'map[string]interface {}'
    if schema.type == 'string':
        return '[]uint8' if schema.format == 'byte' else 'string'
    return _GO_NUMBERS.get(schema.format or '', 'bool' if schema.type == 'boolean' else 'int64')


def _map(schema: Schema, node: Mapping[str, Any]) -> Decode:
    inner = schema.field('')
    assert inner is not None
    decode_item = _decode_of(inner, node)
    zero: Any = '' if inner.type == 'string' else {} if inner.type == 'object' else None
    text = decode_item.__class__ is _Text

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise MalformedError(json_kind(value), _go_type_of(schema, schema.node), value=value, into='map')
        result = {}
        for key, item in value.items():
            if text and type(item) is str:
                result[key] = item
            else:
                result[key] = zero if item is None else decode_item(item)
        return result

    return decode


def _array(schema: Schema) -> Decode:
    inner = schema.items
    if inner is None:
        return _decode_any
    node = schema.node['items']
    made: list[Decode] = []
    zero: Any = '' if inner.type == 'string' else {} if inner.type == 'object' else None

    def decode(value: Any) -> Any:
        if not isinstance(value, list):
            raise MalformedError(json_kind(value), _go_type_of(schema, schema.node), value=value, into='slice')
        if not made:  # not sooner, since schemas refer to themselves
            made.append(_decode_of(inner, node))
        decode_item = made[0]
        return [zero if item is None else decode_item(item) for item in value]

    return decode


@functools.lru_cache(maxsize=512)
def decoder_of(schema: Schema, kind: str) -> Struct:
    """The decoder of whole objects of a kind."""
    return Struct(schema, kind, f'v1.{kind}')


def unknown_typed(schema: Schema, value: Any, path: str, found: list[str]) -> None:
    """Collect the paths of the fields that the schema does not declare, as they come in the object."""
    if isinstance(value, dict):
        properties = schema.properties
        if properties:
            prefix = f'{path}.' if path else ''
            for key, item in value.items():
                if key not in properties:
                    found.append(f'{prefix}{key}')
                elif isinstance(item, dict | list):
                    child = schema.field(key)
                    if child is not None:
                        unknown_typed(child, item, f'{prefix}{key}', found)
        elif schema.is_map:
            for key, item in value.items():
                child = schema.field(key)
                if child is not None and isinstance(item, dict | list):
                    unknown_typed(child, item, f'{path}.{key}' if path else key, found)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            unknown_typed(schema.items, item, f'{path}[{index}]', found)
