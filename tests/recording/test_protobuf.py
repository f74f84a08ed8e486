"""Redaction of protobuf: fields by their numbers, lengths encoded anew, everything else byte for byte."""

import base64
import itertools

import pytest

from kmock.recording.redaction import Redactor
from kmock.recording.secrets.protobuf import ProtobufError, redact_envelope
from kmock.recording.secrets.splicing import LIMIT

KEY = b'k' * 16
SECRETS = '/api/v1/namespaces/d/secrets'
PROTOBUF = 'application/vnd.kubernetes.protobuf'
WATCH = 'application/vnd.kubernetes.protobuf;stream=watch'
CANARY = b'c4n4ry-S3cr3t-pa55' * 20  # long enough for lengths of two bytes

# What `kubectl create token` sent, and a real server answered (the token was redacted by another recorder).
TOKEN_REQUEST = base64.b64decode(
    'azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIaChAKABIAGgAiACoAMgA4AEIAEgAaBAoAEgAaACIA'
)


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(kind: str, raw: bytes, version: str = 'v1') -> bytes:
    meta = field(1, version.encode()) + field(2, kind.encode())
    return b'k8s\0' + field(1, meta) + field(2, raw) + field(3, b'') + field(4, b'')


def entry(key: bytes, value: bytes) -> bytes:
    return field(1, key) + field(2, value)


def metadata(*annotations: bytes) -> bytes:
    # A name, a fixed64 and a fixed32 that no real object has, a varint, and annotations.
    odd = b'\x79' + bytes(8) + b'\x7d' + bytes(4)
    return field(1, b'kept') + odd + field(7, 300) + b''.join(field(12, each) for each in annotations)


LAST_APPLIED = b'{"kind":"Secret","data":{"p":"' + base64.b64encode(CANARY) + b'"}}'


def secret(value: bytes, annotation: bytes = b'kept') -> bytes:
    return (
        field(1, metadata(entry(b'last', annotation), entry(b'other', b'{kept')))
        + field(2, entry(b'a', value))
        + field(2, entry(b'b', b''))
        + field(3, b'Opaque')
        + field(4, entry(b'c', value))
        + field(5, 1)
    )


def placeholder(value: bytes) -> bytes:
    return Redactor(KEY).whole('/x', 'text/plain', b'password: ' + value, request=True).removeprefix(b'password: ')


def redact(body: bytes, target: str = SECRETS, content_type: str = PROTOBUF) -> bytes:
    result = Redactor(KEY).whole(target, content_type, body, request=False)
    assert CANARY not in result
    assert base64.b64encode(CANARY) not in result
    assert Redactor(KEY).whole(target, content_type, result, request=False) == result
    return result


def test_the_data_of_a_secret_is_replaced_and_nothing_else():
    expected = envelope('Secret', secret(placeholder(CANARY)))
    assert redact(envelope('Secret', secret(CANARY))) == expected


def test_the_secrets_of_a_list_are_replaced():
    def body(value: bytes) -> bytes:
        return envelope('SecretList', field(1, b'') + field(2, secret(value)) + field(2, secret(value)))

    assert redact(body(CANARY)) == body(placeholder(CANARY))


def test_json_in_annotations_is_redacted():
    encoded = base64.b64encode(placeholder(CANARY))
    expected = LAST_APPLIED.replace(base64.b64encode(CANARY), encoded)
    for kind, wrap in (
        ('Secret', lambda raw: raw),
        ('PartialObjectMetadata', lambda raw: raw),
        ('PartialObjectMetadataList', lambda raw: field(2, raw)),
    ):
        body = envelope(kind, wrap(field(1, metadata(entry(b'last', LAST_APPLIED)))))
        assert redact(body) == envelope(kind, wrap(field(1, metadata(entry(b'last', expected)))))


def test_a_list_of_enveloped_objects_is_gone_into():
    def body(value: bytes) -> bytes:
        return envelope('List', field(2, field(1, envelope('Secret', secret(value)))))

    assert redact(body(CANARY)) == body(placeholder(CANARY))


@pytest.mark.parametrize(
    ('target', 'kind', 'number'),
    [
        ('/api/v1/namespaces/d/serviceaccounts/robot/token', 'TokenRequest', 3),
        ('/apis/authentication.k8s.io/v1/tokenreviews', 'TokenReview', 2),
    ],
)
def test_tokens_are_replaced(target, kind, number):
    def body(value: bytes) -> bytes:
        return envelope(kind, field(1, metadata()) + field(number, field(1, value) + field(2, b'kept')))

    assert redact(body(CANARY), target) == body(placeholder(CANARY))


def test_a_real_request_without_a_token_stays_as_it_is():
    assert redact(TOKEN_REQUEST, '/api/v1/namespaces/d/serviceaccounts/robot/token') == TOKEN_REQUEST


def test_errors_stay_as_they_are():
    body = envelope('Status', field(2, b'Failure') + field(3, b'secrets "x" not found'))
    assert redact(body) == body


@pytest.mark.parametrize(
    'body',
    [
        envelope('Secret', secret(CANARY))[:-30],
        envelope('Secret', b'\xff' * 20 + CANARY),
        envelope('Secret', field(2, 5) + CANARY),
        envelope('Secret', b'\x13' + CANARY),
        envelope('Secret', b'\x00\x01' + CANARY),
        envelope('Widget', CANARY),
        b'k8s\0' + CANARY,
        CANARY,
    ],
)
def test_what_cannot_be_read_is_replaced_whole_and_listed(body):
    redactor = Redactor(KEY)
    result = redactor.whole(SECRETS, PROTOBUF, body, request=False)
    assert result.startswith(b'REDACTED-')
    assert len(result) == 17
    assert redactor.found == ('a whole body that could not be read (application/vnd.kubernetes.protobuf)',)


def test_a_body_beyond_the_limit_is_replaced_whole_without_being_held():
    redactor = Redactor(KEY)
    stream = redactor.body(SECRETS, PROTOBUF, request=False)
    results = [out for _ in range(60) for out in stream.feed(bytes(100_000))]
    assert len(results) == 60
    assert b''.join(results).startswith(b'REDACTED-')
    assert stream.finish() == []
    assert LIMIT < 60 * 100_000


@pytest.mark.parametrize('content_type', ['application/cbor', 'application/x-www-form-urlencoded', ''])
def test_an_unknown_media_type_about_secrets_is_replaced_whole(content_type):
    assert redact(b'\xa1' + CANARY, content_type=content_type).startswith(b'REDACTED-')


def test_elsewhere_tokens_and_keys_are_replaced_within_their_lengths():
    token = b'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjNG40cnkifQ.c2lnbmF0dXJlLWM0bjRyeQ'
    body = envelope('Pod', field(1, b'kept') + field(2, token) + field(3, b'token: abc\nkept'))
    result = redact(body, '/api/v1/pods')
    assert token not in result
    assert len(result) == len(body)
    start = body.index(token)
    assert result[:start] == body[:start]
    assert result[start:].startswith(b'REDACTED-')


# --- watches


def frames(*objects: bytes) -> bytes:
    events = [field(1, b'ADDED') + field(2, field(1, each)) for each in objects]
    return b''.join(len(event).to_bytes(4, 'big') + event for event in events)


@pytest.mark.parametrize('size', [1, 2, 3, 5, 50, 500, 5000])
def test_frames_of_a_watch_are_redacted_one_by_one_whatever_the_cut(size):
    before = frames(*(envelope('Secret', secret(value)) for value in (CANARY, b'', CANARY)))
    after = frames(*(envelope('Secret', secret(value)) for value in (placeholder(CANARY), b'', placeholder(CANARY))))
    stream = Redactor(KEY).body(SECRETS + '?watch=1', WATCH, request=False)
    bounds = [*range(0, len(before), size), len(before)]
    pieces = [piece for start, end in itertools.pairwise(bounds) for piece in stream.feed(before[start:end])]
    assert stream.finish() == []
    assert len(pieces) == len(bounds) - 1
    assert b''.join(pieces) == after


def test_a_frame_is_released_as_soon_as_it_is_complete():
    stream = Redactor(KEY).body(SECRETS + '?watch=1', WATCH, request=False)
    body = frames(envelope('Secret', secret(b'')))
    assert stream.feed(body[:3]) == []
    assert stream.feed(body[3:]) == [body[:3], body[3:]]
    assert stream.feed(body) == [body]


@pytest.mark.parametrize(
    'rest', [frames(envelope('Secret', secret(CANARY)))[:-5], b'\xff\xff\xff\xff' + CANARY, b'\0\0', frames(CANARY)]
)
def test_frames_that_cannot_be_read_are_replaced(rest):
    body = frames(envelope('Secret', secret(b'')))
    redactor = Redactor(KEY)
    result = redactor.whole(SECRETS + '?watch=1', WATCH, body + rest, request=False)
    assert result.startswith(body)
    assert CANARY not in result
    assert b'REDACTED-' in result
    assert 'protobuf' in redactor.found[0]


def test_an_object_of_a_foreign_kind_is_left_to_whom_it_concerns():
    body = envelope('Widget', b'abc')
    with pytest.raises(ProtobufError, match='Widget'):
        redact_envelope(body, bytes.upper, bytes.upper, bytes.upper)
    assert redact_envelope(body, bytes.lower, bytes.lower, bytes.lower, other=bytes.upper) == envelope('Widget', b'ABC')
