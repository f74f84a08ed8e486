"""OpenAPI documents as protobuf, as older kubectl and some generators ask for them. Writing only.

A message is told by its fields: the key in JSON, the number, and a writer of the value. What has no field in the
protobuf form of OpenAPI is left out, as the real server leaves it out; extensions (`x-…`) are kept as YAML texts.
Source: the field numbers of gnostic's OpenAPIv2.proto and OpenAPIv3.proto.
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ['openapi_v2_protobuf', 'openapi_v3_protobuf']

_Writer: TypeAlias = Callable[[int, Any], bytes]
"""Writes a field with its number. A value of an unexpected type writes nothing."""
_Payload: TypeAlias = Callable[[Any], bytes]

_EXTENSION = 'x-'


def openapi_v2_protobuf(document: Mapping[str, Any]) -> bytes:
    """A document of OpenAPI v2 as `openapi.v2.Document`."""
    return _V2_DOCUMENT(document)


def openapi_v3_protobuf(document: Mapping[str, Any]) -> bytes:
    """A document of OpenAPI v3 as `openapi.v3.Document`."""
    return _V3_DOCUMENT(document)


# --- the encoding


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _text(number: int, value: Any) -> bytes:
    return _bytes(number, value.encode('utf-8', 'replace')) if isinstance(value, str) else b''


def _boolean(number: int, value: Any) -> bytes:
    return _varint(number << 3) + (b'\x01' if value else b'\x00') if isinstance(value, bool) else b''


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(number: int, value: Any) -> bytes:
    return _varint(number << 3) + _varint(int(value)) if _is_number(value) else b''


def _double(number: int, value: Any) -> bytes:
    return _varint(number << 3 | 1) + struct.pack('<d', value) if _is_number(value) else b''


def _any(number: int, value: Any) -> bytes:
    """Any value as text; JSON is YAML, too."""
    return _bytes(number, _text(2, json.dumps(value, separators=(',', ':'), ensure_ascii=False) + '\n'))


# --- composition


def _block(payload: _Payload) -> _Writer:
    def write(number: int, value: Any) -> bytes:
        return _bytes(number, payload(value)) if isinstance(value, Mapping) else b''

    return write


def _many(writer: _Writer) -> _Writer:
    def write(number: int, value: Any) -> bytes:
        return b''.join(writer(number, each) for each in value) if isinstance(value, list) else b''

    return write


def _wrapped(writer: _Writer, inner: int = 1) -> _Writer:
    """The value as a field of a message of its own."""

    def write(number: int, value: Any) -> bytes:
        return _bytes(number, writer(inner, value))

    return write


def _pairs(writer: _Writer, number: int, mapping: Mapping[str, Any]) -> bytes:
    """A map as repeated pairs of a name and a value."""
    return b''.join(_bytes(number, _text(1, name) + writer(2, value)) for name, value in mapping.items())


def _map(writer: _Writer) -> _Writer:
    return _block(lambda mapping: _pairs(writer, 1, mapping))


def _message(fields: Mapping[str, tuple[int, _Writer]], extensions: int) -> _Payload:
    def payload(value: Any) -> bytes:
        written = [writer(number, value[key]) for key, (number, writer) in fields.items() if key in value]
        extra = {key: each for key, each in value.items() if key.startswith(_EXTENSION)}
        return b''.join(written) + _pairs(_any, extensions, extra)

    return payload


def _or_reference(writer: _Writer) -> _Writer:
    """Either the thing, or a reference to it."""

    def write(number: int, value: Any) -> bytes:
        if not isinstance(value, Mapping):
            return b''
        if '$ref' in value:
            return _bytes(number, _bytes(2, _text(1, value['$ref'])))
        return _bytes(number, writer(1, value))

    return write


def _schema_or_boolean(writer: _Writer) -> _Writer:
    def write(number: int, value: Any) -> bytes:
        return _bytes(number, _boolean(2, value) if isinstance(value, bool) else writer(1, value))

    return write


_TEXTS = _many(_text)

# --- OpenAPI v2


def _v2_schema(number: int, value: Any) -> bytes:
    return _block(_V2_SCHEMA)(number, value)


def _v2_parameter(number: int, value: Any) -> bytes:
    """`Parameter`: a body, or one of four others, each a message of its own."""
    if not isinstance(value, Mapping):
        return b''
    place = value.get('in')
    if place == 'body':
        return _bytes(number, _bytes(1, _V2_BODY(value)))
    other, payload = _V2_PLACES.get(str(place), _V2_PLACES['query'])
    return _bytes(number, _bytes(2, _bytes(other, payload(value))))


def _v2_placed(shift: int) -> _Payload:
    """Parameters outside of the body: those that can be empty have one field more in the middle."""
    fields: dict[str, tuple[int, _Writer]] = {
        'required': (1, _boolean),
        'in': (2, _text),
        'description': (3, _text),
        'name': (4, _text),
        'type': (5 + shift, _text),
        'format': (6 + shift, _text),
        'default': (9 + shift, _any),
        'maximum': (10 + shift, _double),
        'minimum': (12 + shift, _double),
        'pattern': (16 + shift, _text),
        'uniqueItems': (19 + shift, _boolean),
        'enum': (20 + shift, _many(_any)),
    }
    return _message(fields, 22 + shift)


_V2_SCHEMA = _message(
    {
        '$ref': (1, _text),
        'format': (2, _text),
        'title': (3, _text),
        'description': (4, _text),
        'default': (5, _any),
        'multipleOf': (6, _double),
        'maximum': (7, _double),
        'exclusiveMaximum': (8, _boolean),
        'minimum': (9, _double),
        'exclusiveMinimum': (10, _boolean),
        'maxLength': (11, _integer),
        'minLength': (12, _integer),
        'pattern': (13, _text),
        'maxItems': (14, _integer),
        'minItems': (15, _integer),
        'uniqueItems': (16, _boolean),
        'maxProperties': (17, _integer),
        'minProperties': (18, _integer),
        'required': (19, _TEXTS),
        'enum': (20, _many(_any)),
        'additionalProperties': (21, _schema_or_boolean(_v2_schema)),
        'type': (22, _wrapped(_text)),
        'items': (23, _wrapped(_v2_schema)),
        'allOf': (24, _many(_v2_schema)),
        'properties': (25, _map(_v2_schema)),
        'readOnly': (27, _boolean),
    },
    31,
)
_V2_BODY = _message(
    {
        'description': (1, _text),
        'name': (2, _text),
        'in': (3, _text),
        'required': (4, _boolean),
        'schema': (5, _v2_schema),
    },
    6,
)
_V2_PLACES = {
    'header': (1, _v2_placed(0)),
    'formData': (2, _v2_placed(1)),
    'query': (3, _v2_placed(1)),
    'path': (4, _v2_placed(0)),
}
_V2_RESPONSE = _message({'description': (1, _text), 'schema': (2, _wrapped(_v2_schema))}, 5)
_V2_RESPONSES: _Writer = _block(lambda codes: _pairs(_or_reference(_block(_V2_RESPONSE)), 1, codes))
_V2_PARAMETERS = _many(_or_reference(_v2_parameter))
_V2_OPERATION = _block(
    _message(
        {
            'tags': (1, _TEXTS),
            'summary': (2, _text),
            'description': (3, _text),
            'operationId': (5, _text),
            'produces': (6, _TEXTS),
            'consumes': (7, _TEXTS),
            'parameters': (8, _V2_PARAMETERS),
            'responses': (9, _V2_RESPONSES),
            'schemes': (10, _TEXTS),
            'deprecated': (11, _boolean),
        },
        13,
    )
)
_METHODS = ('get', 'put', 'post', 'delete', 'options', 'head', 'patch')
_V2_PATH = _block(
    _message(
        {
            **{method: (number, _V2_OPERATION) for number, method in enumerate(_METHODS, 2)},
            'parameters': (9, _V2_PARAMETERS),
        },
        10,
    )
)
_API_KEY = _message({'type': (1, _text), 'name': (2, _text), 'in': (3, _text), 'description': (4, _text)}, 5)
_SECURITY = _many(_map(_wrapped(_TEXTS)))
_INFO_V2 = _message({'title': (1, _text), 'version': (2, _text), 'description': (3, _text)}, 7)
_V2_DOCUMENT = _message(
    {
        'swagger': (1, _text),
        'info': (2, _block(_INFO_V2)),
        'host': (3, _text),
        'basePath': (4, _text),
        'schemes': (5, _TEXTS),
        'consumes': (6, _TEXTS),
        'produces': (7, _TEXTS),
        'paths': (8, _block(lambda paths: _pairs(_V2_PATH, 2, paths))),
        'definitions': (9, _map(_v2_schema)),
        'parameters': (10, _map(_v2_parameter)),
        'security': (12, _SECURITY),
        'securityDefinitions': (13, _map(_wrapped(_block(_API_KEY), 2))),
    },
    16,
)

# --- OpenAPI v3


def _v3_plain_schema(number: int, value: Any) -> bytes:
    return _block(_V3_SCHEMA)(number, value)


def _v3_schema(number: int, value: Any) -> bytes:
    return _or_reference(_v3_plain_schema)(number, value)


def _v3_default(number: int, value: Any) -> bytes:
    """Only scalars can be told."""
    written = _double(1, value) or _boolean(2, value) or _text(3, value)
    return _bytes(number, written) if written else b''


_V3_SCHEMA = _message(
    {
        'nullable': (1, _boolean),
        'readOnly': (3, _boolean),
        'writeOnly': (4, _boolean),
        'example': (7, _any),
        'deprecated': (8, _boolean),
        'title': (9, _text),
        'multipleOf': (10, _double),
        'maximum': (11, _double),
        'exclusiveMaximum': (12, _boolean),
        'minimum': (13, _double),
        'exclusiveMinimum': (14, _boolean),
        'maxLength': (15, _integer),
        'minLength': (16, _integer),
        'pattern': (17, _text),
        'maxItems': (18, _integer),
        'minItems': (19, _integer),
        'uniqueItems': (20, _boolean),
        'maxProperties': (21, _integer),
        'minProperties': (22, _integer),
        'required': (23, _TEXTS),
        'enum': (24, _many(_any)),
        'type': (25, _text),
        'allOf': (26, _many(_v3_schema)),
        'oneOf': (27, _many(_v3_schema)),
        'anyOf': (28, _many(_v3_schema)),
        'not': (29, _v3_plain_schema),
        'items': (30, _wrapped(_v3_schema)),
        'properties': (31, _map(_v3_schema)),
        'additionalProperties': (32, _schema_or_boolean(_v3_schema)),
        'default': (33, _v3_default),
        'description': (34, _text),
        'format': (35, _text),
    },
    36,
)
_V3_CONTENT = _map(_block(_message({'schema': (1, _v3_schema)}, 5)))
_V3_PARAMETER = _message(
    {
        'name': (1, _text),
        'in': (2, _text),
        'description': (3, _text),
        'required': (4, _boolean),
        'schema': (10, _v3_schema),
    },
    14,
)
_V3_PARAMETERS = _many(_or_reference(_block(_V3_PARAMETER)))
_V3_BODY = _message({'description': (1, _text), 'content': (2, _V3_CONTENT), 'required': (3, _boolean)}, 4)
_V3_RESPONSE = _message({'description': (1, _text), 'content': (3, _V3_CONTENT)}, 5)
_V3_RESPONSES: _Writer = _block(lambda codes: _pairs(_or_reference(_block(_V3_RESPONSE)), 2, codes))
_V3_OPERATION = _block(
    _message(
        {
            'tags': (1, _TEXTS),
            'summary': (2, _text),
            'description': (3, _text),
            'operationId': (5, _text),
            'parameters': (6, _V3_PARAMETERS),
            'requestBody': (7, _or_reference(_block(_V3_BODY))),
            'responses': (8, _V3_RESPONSES),
            'deprecated': (10, _boolean),
        },
        13,
    )
)
_V3_PATH = _block(
    _message(
        {
            **{method: (number, _V3_OPERATION) for number, method in enumerate(_METHODS, 4)},
            'parameters': (13, _V3_PARAMETERS),
        },
        14,
    )
)
_V3_SECURITY_SCHEME = _message({'type': (1, _text), 'description': (2, _text), 'name': (3, _text), 'in': (4, _text)}, 9)
_V3_COMPONENTS = _message(
    {'schemas': (1, _map(_v3_schema)), 'securitySchemes': (7, _map(_or_reference(_block(_V3_SECURITY_SCHEME))))}, 10
)
_INFO_V3 = _message({'title': (1, _text), 'description': (2, _text), 'version': (6, _text)}, 7)
_V3_DOCUMENT = _message(
    {
        'openapi': (1, _text),
        'info': (2, _block(_INFO_V3)),
        'paths': (4, _block(lambda paths: _pairs(_V3_PATH, 1, paths))),
        'components': (5, _block(_V3_COMPONENTS)),
        'security': (6, _SECURITY),
    },
    9,
)
