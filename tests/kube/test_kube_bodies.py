"""Bodies of requests: formats, errors in the server's words, repeated keys, protobuf."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.media import protobuf
from kmock.kube.media.bodies import decode_body, decode_patch, patch_kind, unrecognized
from kmock.kube.media.go_json import syntax_error
from kmock.kube.media.protobuf_fields import KINDS, MESSAGES
from kmock.kube.statuses import StatusError
from kmock.naming import Resource

UNREAD = (
    "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "
)
META = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'


def define(origin: Origin) -> Definition:
    return Definition(
        resource=Resource('', 'v1', 'things'),
        kind='Thing',
        list_kind='ThingList',
        singular='thing',
        namespaced=True,
        verbs=(),
        origin=origin,
    )


def failure(body: bytes, content_type: str | None = None) -> tuple[int, str | None]:
    with pytest.raises(StatusError) as caught:
        decode_body(body, content_type, kind='ConfigMap')
    return caught.value.status, caught.value.message


@pytest.mark.parametrize(
    ('body', 'message'),
    [
        (b'', 'unexpected end of JSON input (<empty>)'),
        (b'{', 'unexpected end of JSON input ({)'),
        (b'not json', "invalid character 'o' in literal null (expecting 'u') (6e6f74206a736f6e)"),
        (b'42', f'json: cannot unmarshal number into Go value of type {META} (3432)'),
        (b'[]', f'json: cannot unmarshal array into Go value of type {META} (5b5d)'),
        (
            b'{"kind": 5}',
            'json: cannot unmarshal number into Go struct field .kind of type string ({"kind": 5})',
        ),
        (b'{"a": "' + b'x' * 40, 'unexpected end of JSON input ({"a": "' + 'x' * 23 + ' ...)'),
    ],
)
def test_json_that_cannot_be_read(body: bytes, message: str) -> None:
    assert failure(body) == (400, UNREAD + message)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a": 1 "b"}', "invalid character '\"' after object key:value pair"),
        ('{,}', "invalid character ',' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('[1 2]', "invalid character '2' after array element"),
        ('[1,]', "invalid character ']' looking for beginning of value"),
        ('{} x', "invalid character 'x' after top-level value"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        ('"a\nb"', "invalid character '\\n' in string literal"),
        ('-x', "invalid character 'x' in numeric literal"),
        ('1.x', "invalid character 'x' after decimal point in numeric literal"),
        ('1e+x', "invalid character 'x' in exponent of numeric literal"),
        ('012', "invalid character '1' after top-level value"),
        ('NaN', "invalid character 'N' looking for beginning of value"),
        ('é', "invalid character 'Ã' looking for beginning of value"),
        ('[' * 20_000, 'unexpected end of JSON input'),
        ('{"a":[{"b":null},-0.5e3,"\\u00e9"]}', None),
    ],
)
def test_syntax_errors_are_told_as_go_does(text: str, message: str | None) -> None:
    assert syntax_error(text.encode()) == message


def test_documents_are_read_by_their_content_type() -> None:
    for media in (None, '', 'application/json', 'application/json; charset=utf-8'):
        assert decode_body(b'{"kind":"A","apiVersion":"v1"}', media).kind == 'A'
    found = decode_body(b'kind: A\napiVersion: v1\ndata: {k: 1, 2: 1e3, d: 2026-01-01, t: 1:30}\n', 'application/yaml')
    assert found.value == {
        'kind': 'A',
        'apiVersion': 'v1',
        'data': {'k': 1, '2': 1000.0, 'd': '2026-01-01', 't': '1:30'},
    }
    assert (found.api_version, found.kind) == ('v1', 'A')
    assert decode_body(b'null', None).value == {}


@pytest.mark.parametrize('media', ['text/plain', '*/*', 'application/x-www-form-urlencoded'])
def test_other_formats_are_refused_with_a_list_of_the_known_ones(media: str) -> None:
    accepted = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
    text = f'the body of the request was in an unknown format - accepted media types include: {accepted}'
    assert failure(b'{}', media) == (415, text)


def test_too_long_bodies_are_refused() -> None:
    assert failure(b' ' * (3 * 1024 * 1024 + 1)) == (413, 'Request entity too large: limit is 3145728')


@pytest.mark.parametrize('media', ['application/json', 'application/yaml'])
def test_repeated_keys_are_told_by_their_paths(media: str) -> None:
    body = b'{"data": {"a": "1", "a": "2", "b": "3"}, "list": [{"x": 1}, {"y": 1, "y": 2}], "data": {"c": "4"}}'
    found = decode_body(body, media)
    assert found.value == {'data': {'c': '4'}, 'list': [{'x': 1}, {'y': 2}]}
    assert sorted(found.duplicates) == ['data', 'data.a', 'list[1].y']
    assert decode_body(b'{"a": {"b": 1}, "c": {"b": 1}}', media).duplicates == []


def test_yaml_merges_and_aliases_are_resolved() -> None:
    text = b'x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\nn: ~\no: 0o17\nq: "yes"\np: yes\nnope: .5\n'
    value = decode_body(text, 'application/yaml').value
    assert value['y'] == {'a': 1, 'b': 3}
    assert value['z'] == {'a': 1, 'b': 2}
    assert [value[each] for each in ('n', 'o', 'q', 'p', 'nope')] == [None, 15, 'yes', True, 0.5]


def test_yaml_that_grows_out_of_bounds_is_refused() -> None:
    lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
    lines += [f'a{n}: &a{n} [{",".join([f"*a{n - 1}"] * 10)}]' for n in range(1, 9)]
    status, message = failure('\n'.join(lines).encode(), 'application/yaml')
    assert status == 400
    assert 'excessive aliasing' in str(message)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=40) | st.text(alphabet='{}[]",:truefalsn0123.eE-+\\u \n&*<!|>%@`#?', max_size=30).map(str.encode)
)
def test_no_bytes_break_the_readers(body: bytes) -> None:
    for media in ('application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'):
        for data in (body, b'k8s\0' + body):
            try:
                decoded = decode_body(data, media, kind='A')
            except StatusError as error:
                assert error.status in (400, 415)  # noqa: PT017
            else:
                assert isinstance(decoded.value, dict)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='{}[]",:truefalsn0123.eE-+\\u \n', max_size=20))
def test_go_finds_something_wrong_exactly_where_python_does(text: str) -> None:
    try:
        json.loads(text, parse_constant=lambda _: json.loads('{'))
    except ValueError:
        assert syntax_error(text.encode()) is not None
    else:
        assert syntax_error(text.encode()) is None


def test_patches_are_told_by_the_content_type_alone() -> None:
    built_in, custom = define(Origin.BUILT_IN), define(Origin.CUSTOM)
    assert patch_kind('application/json-patch+json', custom) == 'json'
    assert patch_kind('application/merge-patch+json; charset=utf-8', built_in) == 'merge'
    assert patch_kind('application/strategic-merge-patch+json', built_in) == 'strategic'
    assert patch_kind('application/apply-patch+yaml', custom) == 'apply'
    for media in (None, 'application/json', 'application/apply-patch+cbor'):
        with pytest.raises(StatusError) as caught:
            patch_kind(media, built_in)
        assert (caught.value.status, caught.value.message) == (415, '415: Unsupported Media Type')
        assert caught.value.details == {}
    with pytest.raises(StatusError) as caught:
        patch_kind('application/strategic-merge-patch+json', custom)
    listed = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml'
    assert str(caught.value.message).endswith(f'accepted media types include: {listed}')


@pytest.mark.parametrize(
    ('kind', 'body', 'message'),
    [
        ('merge', b'', 'unexpected end of JSON input'),
        ('merge', b'data: {k: v}', "invalid character 'd' looking for beginning of value"),
        ('json', b'not', "invalid character 'o' in literal null (expecting 'u')"),
        ('json', b'{}', 'json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp'),
        ('json', b'[1]', 'json: cannot unmarshal number into Go value of type handlers.jsonPatchOp'),
        ('strategic', b'[]', 'json: cannot unmarshal array into Go value of type map[string]interface {}'),
    ],
)
def test_patches_that_cannot_be_read(kind: str, body: bytes, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        decode_patch(body, kind)
    assert (caught.value.status, caught.value.message) == (400, f'error decoding patch: {message}')


def test_patches_are_read() -> None:
    assert decode_patch(b'[{"op": "remove"}]', 'json').value == [{'op': 'remove'}]
    assert decode_patch(b'a: {b: 1, b: 2}', 'apply').duplicates == ['a.b']
    with pytest.raises(StatusError, match='error decoding YAML'):
        decode_patch(b'[', 'apply')
    with pytest.raises(StatusError, match='error decoding YAML'):
        decode_patch(b'- a', 'apply')


def test_a_document_without_a_kind_is_shown_in_the_error() -> None:
    error = unrecognized('Widget', "Object 'Kind' is missing in '{}'", b'{}')
    text = "the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in '{}' ({})"
    assert (error.status, error.message) == (400, text)


# --- protobuf

REVIEW: Json = {
    'kind': 'SelfSubjectAccessReview',
    'apiVersion': 'authorization.k8s.io/v1',
    'spec': {'resourceAttributes': {'namespace': 'default', 'verb': 'get', 'resource': 'pods'}},
}
SAMPLES: list[Json] = [
    REVIEW,
    {
        'kind': 'ConfigMap',
        'apiVersion': 'v1',
        'metadata': {
            'name': 'a',
            'creationTimestamp': '2026-01-02T03:04:05Z',
            'labels': {'x': 'y', 'z': ''},
            'ownerReferences': [{'kind': 'K', 'name': 'n', 'uid': 'u', 'apiVersion': 'v1', 'controller': False}],
            'managedFields': [{'manager': 'm', 'time': '2026-01-02T03:04:05Z', 'fieldsV1': {'f:data': {}}}],
        },
        'data': {'k': 'é'},
        'binaryData': {'b': 'AP8='},
    },
    {
        'kind': 'Lease',
        'apiVersion': 'coordination.k8s.io/v1',
        'spec': {'holderIdentity': '', 'leaseTransitions': 0, 'renewTime': '2026-01-02T03:04:05.000678Z'},
    },
    {
        'kind': 'TokenRequest',
        'apiVersion': 'authentication.k8s.io/v1',
        'spec': {'audiences': ['a'], 'expirationSeconds': 600, 'boundObjectRef': {'kind': 'Pod', 'name': 'p'}},
    },
    {
        'kind': 'Service',
        'apiVersion': 'v1',
        'spec': {'ports': [{'port': 1, 'targetPort': 'web'}, {'port': 2, 'targetPort': 80}], 'clusterIP': 'None'},
    },
    {'kind': 'ResourceQuota', 'apiVersion': 'v1', 'spec': {'hard': {'cpu': '1500m'}}},
    {'kind': 'PriorityClass', 'apiVersion': 'scheduling.k8s.io/v1', 'value': -5},
    {
        'kind': 'SelfSubjectReview',
        'apiVersion': 'authentication.k8s.io/v1',
        'status': {'userInfo': {'extra': {'a': ['b']}}},
    },
]


@pytest.mark.parametrize('obj', SAMPLES, ids=lambda obj: obj['kind'])
def test_protobuf_keeps_objects(obj: Json) -> None:
    assert decode_body(protobuf.encode(obj), 'application/vnd.kubernetes.protobuf').value == obj


def test_protobuf_is_written_as_go_clients_write_it() -> None:
    """The bytes of an envelope around `metadata` and one attribute, put together by hand from the encoding's rules."""
    spec = b'\x0a\x05\x12\x03get'
    raw = b'\x0a\x00\x12' + bytes([len(spec)]) + spec
    meta = b'\x0a\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview'
    body = b'k8s\0\x0a' + bytes([len(meta)]) + meta + b'\x12' + bytes([len(raw)]) + raw + b'\x1a\x00\x22\x00'
    value = decode_body(body, 'application/vnd.kubernetes.protobuf').value
    assert value == {**REVIEW, 'spec': {'resourceAttributes': {'verb': 'get'}}}
    assert protobuf.encode({**value, 'metadata': {}}) == body


def test_inlined_messages_are_read_into_the_object_around_them() -> None:
    path = b'\x0a\x01/' + b'\x1a\x05Exact'
    value = b'\x0a' + bytes([len(path) + 2]) + b'\x0a' + bytes([len(path)]) + path
    rule = b'\x0a\x01h\x12' + bytes([len(value)]) + value
    spec = b'\x1a' + bytes([len(rule)]) + rule
    raw = b'\x12' + bytes([len(spec)]) + spec
    meta = b'\x0a\x14networking.k8s.io/v1\x12\x07Ingress'
    body = b'k8s\0\x0a' + bytes([len(meta)]) + meta + b'\x12' + bytes([len(raw)]) + raw
    found = decode_body(body, 'application/vnd.kubernetes.protobuf').value
    assert found['spec'] == {'rules': [{'host': 'h', 'http': {'paths': [{'path': '/', 'pathType': 'Exact'}]}}]}


def test_protobuf_of_unknown_kinds_is_refused_in_favour_of_json() -> None:
    def envelope(kind: str, raw: bytes) -> bytes:
        meta = b'\x0a\x02v1\x12' + bytes([len(kind)]) + kind.encode()
        return b'k8s\0\x0a' + bytes([len(meta)]) + meta + b'\x12' + bytes([len(raw)]) + raw

    for body in (envelope('Node', b''), envelope('ResourceQuota', b'\x12\x04\x1a\x02\x0a\x00')):
        status, message = failure(body, 'application/vnd.kubernetes.protobuf')
        assert (status, str(message).endswith('application/json, application/yaml')) == (415, True)
    empty = envelope('ResourceQuota', b'\x12\x04\x1a\x00\x20\x00')
    assert decode_body(empty, 'application/vnd.kubernetes.protobuf').kind == 'ResourceQuota', 'empty values are no loss'
    status, message = failure(b'{}', 'application/vnd.kubernetes.protobuf')
    assert (status, 'expected prefix [107 56 115 0]' in str(message)) == (400, True)


def test_all_messages_are_declared() -> None:
    scalars = set('siybn')
    for name, fields in MESSAGES.items():
        kinds = [each.partition(':')[2].strip('*<?') for each in fields.split()]
        numbers: list[Any] = [each.partition('=')[2].partition(':')[0] for each in fields.split()]
        assert all(each in scalars or each in MESSAGES for each in kinds), name
        assert len(set(numbers)) == len(numbers), name
    assert set(KINDS.values()) <= set(MESSAGES)
