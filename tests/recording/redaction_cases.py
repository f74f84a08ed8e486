"""Bodies with a canary in every place where a secret can be; and ways to cut them into pieces."""

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

from kmock.recording.redaction import Redactor

KEY = b'k' * 16
CANARY = 'c4n4ry-S3cr3t-pa55'
CANARY64 = base64.b64encode(CANARY.encode()).decode()
TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjNG40cnkifQ.c2lnbmF0dXJlLWM0bjRyeQ'
TOKEN64 = base64.b64encode(TOKEN.encode()).decode()
PEM = f'-----BEGIN RSA PRIVATE KEY-----\n{CANARY64 * 3}\n{CANARY64}\n-----END RSA PRIVATE KEY-----\n'
PEM64 = base64.b64encode(PEM.encode()).decode()

LEAKS = [text.encode() for text in (CANARY, CANARY64, TOKEN, TOKEN64[70:88], TOKEN[-15:], PEM64[60:100])]

PATHS = ('spec.password', 'spec.users[*].key', '$.x.*.z', "spec['a.b'][1]")
PATTERNS = (r'secret=(\S+)', r'SK[0-9]{4}-\S+')

SECRETS = '/api/v1/namespaces/d/secrets'


def dump(value: Any, **kwargs: Any) -> bytes:
    return json.dumps(value, **kwargs).encode()


LAST_APPLIED = dump(
    {'apiVersion': 'v1', 'data': {'p': CANARY64}, 'kind': 'Secret', 'metadata': {}, 'stringData': {'q': CANARY}},
    separators=(',', ':'),
).decode()
SECRET = {
    'kind': 'Secret',
    'apiVersion': 'v1',
    'metadata': {
        'name': 'x',
        'labels': {'data': 'kept'},
        'annotations': {'kubectl.kubernetes.io/last-applied-configuration': LAST_APPLIED},
    },
    'data': {'p': CANARY64, 'empty': '', 'd\u00e9': CANARY64},
    'stringData': {'q': CANARY + '"\\\u00e9\n', 'r': CANARY},
    'type': 'Opaque',
}
SMALL = {'metadata': {'name': 'y'}, 'data': {'p': CANARY64}}
KUBECONFIG = f"""\
apiVersion: v1
users:
- name: x
  user:
    token: {CANARY}
    password: "{CANARY}"
    client-key-data: {CANARY64}
    id-token: |
      {CANARY}

      {CANARY}
    username: kept
- user: {{}}
- token: '{CANARY}'
"""
KUBECONFIG_JSON = {'users': [{'user': {'token': CANARY, 'password': CANARY, 'client-key-data': CANARY64}}]}
YAML_SECRET = f"""\
# a comment
apiVersion: v1
kind: Secret
data: {{p: {CANARY64}}}
stringData:
  &anchor q: |
    {CANARY}
    and more
  r: "{CANARY}"
  s: >-
     {CANARY}
  # a comment
  t: &x {CANARY}
  u: *x
metadata:
  name: x
  labels: {{data: kept}}
"""

FOLDED = LAST_APPLIED.replace(',"kind"', ',\n      "kind"')
INDENTED = json.dumps(json.loads(LAST_APPLIED), indent=2).replace('\n', '\n      ')
YAML_ANNOTATIONS = f"""\
metadata:
  name: x
  annotations:
    kept: '{{"data": 1}} and more'
    kubectl.kubernetes.io/last-applied-configuration: '{FOLDED}'
    double: {json.dumps(LAST_APPLIED)}
    block: |
      {INDENTED}
    kept, too: x
"""

JSON = 'application/json'

CASES: dict[str, tuple[str, str, bytes]] = {
    'a Secret': (f'{SECRETS}/x', JSON, dump(SECRET)),
    'a Secret, pretty': (f'{SECRETS}/x', JSON, dump(SECRET, indent=2)),
    'a Secret without a media type': (f'{SECRETS}/x', '', b'\n ' + dump(SECRET)),
    'a Secret behind a gateway': (f'/k8s/clusters/c{SECRETS}/x', JSON, dump(SECRET)),
    'a list': (SECRETS, JSON, dump({'kind': 'SecretList', 'items': [SECRET, SMALL]}, separators=(',', ':'))),
    'a list in the cluster': ('/api/v1/secrets?limit=500', JSON, dump({'kind': 'SecretList', 'items': [SECRET]})),
    'a watch': (
        f'{SECRETS}?watch=true',
        JSON,
        dump({'type': 'ADDED', 'object': SECRET}) + b'\n' + dump({'type': 'DELETED', 'object': SMALL}) + b'\n',
    ),
    'a merge patch': (
        f'{SECRETS}/x',
        'application/strategic-merge-patch+json',
        dump({'data': {'p': CANARY64, 'gone': None}, 'stringData': {'q': CANARY, 'n': 5, 'o': {'p': [CANARY]}}}),
    ),
    'a JSON Patch': (
        f'{SECRETS}/x',
        'application/json-patch+json',
        dump(
            [
                {'op': 'replace', 'path': '/data/p', 'value': CANARY64},
                {'op': 'add', 'value': {'a': CANARY, 'b': 'x'}, 'path': '/stringData'},
                {'value': 'kept', 'path': '/metadata/labels/a', 'op': 'add'},
                {'op': 'add', 'path': '/metadata/annotations/x', 'value': LAST_APPLIED},
                {'op': 'add', 'value': LAST_APPLIED, 'path': '/metadata/annotations/x'},
                {'op': 'test', 'path': '', 'value': {'data': {'a': CANARY64}}},
            ]
        ),
    ),
    'YAML': (f'{SECRETS}/x', 'application/apply-patch+yaml', YAML_SECRET.encode()),
    'YAML with annotations': (f'{SECRETS}/x', 'application/yaml', YAML_ANNOTATIONS.encode()),
    'JSON as YAML': (f'{SECRETS}/x', 'application/apply-patch+yaml', dump(SECRET)),
    'an embedded Secret': ('/apis/x/v1/y', JSON, dump({'kind': 'X', 'spec': {'template': SECRET, 'data': 'kept'}})),
    'an embedded Secret with sorted keys': (
        '/apis/x/v1/y',
        JSON,
        dump(
            {'spec': [dict(sorted(SECRET.items())), {'apiVersion': 'v1', 'data': {'a': 'kept'}, 'kind': 'ConfigMap'}]}
        ),
    ),
    'a token request': (
        '/api/v1/namespaces/d/serviceaccounts/robot/token',
        JSON,
        dump({'kind': 'TokenRequest', 'status': {'tok\u0065n': CANARY, 'expirationTimestamp': 'kept'}}),
    ),
    'a token review': (
        '/apis/authentication.k8s.io/v1/tokenreviews',
        JSON,
        dump({'spec': {'token': CANARY}, 'status': {'authenticated': True}}),
    ),
    'tokens in text': ('/x', 'text/plain', f'hello {TOKEN} and {TOKEN}x, {TOKEN64}.\n'.encode()),
    'a token in JSON': ('/x', JSON, dump({'args': [f'--token={TOKEN}', 'eyJ.eyJ', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ']})),
    'a kubeconfig as JSON': ('/x', JSON, dump(KUBECONFIG_JSON)),
    'a kubeconfig as pretty JSON': ('/x', 'text/plain', dump(KUBECONFIG_JSON, indent=1)),
    'a kubeconfig as YAML': ('/x', 'text/plain', KUBECONFIG.encode()),
    'a kubeconfig with CRLF': ('/x', 'application/yaml', KUBECONFIG.replace('\n', '\r\n').encode()),
    'a kubeconfig in JSON': ('/x', JSON, dump({'data': {'config': KUBECONFIG, 'other': 'kept'}})),
    'kubeconfigs in JSON in JSON': (
        '/x',
        JSON,
        dump({'a': dump({'data': {'y': KUBECONFIG, 'j': dump(KUBECONFIG_JSON).decode()}}).decode()}),
    ),
    'private keys': ('/x', JSON, dump({'pem': PEM, 'base64': PEM64, 'text': f'ssl_key: {PEM}', 'other': 'kept'})),
    'a private key in text': ('/x', 'text/plain', f'before\n{PEM}after\n'.encode()),
    'paths of the user': (
        '/apis/a/v1/b',
        JSON,
        dump(
            {
                'items': [{'spec': {'password': CANARY, 'users': [{'key': CANARY}, {'n': 1, 'key': {'a': [CANARY]}}]}}],
                'x': {'y': {'z': CANARY}, 'w': {'z': CANARY}},
                'spec': {'a.b': ['kept', CANARY]},
                'metadata': {'annotations': {'last': dump({'spec': {'password': CANARY}}).decode()}},
            }
        ),
    ),
    'paths of the user in a watch': (
        '/apis/a/v1/b?watch=1',
        JSON,
        b''.join(dump({'type': 'ADDED', 'object': {'spec': {'password': CANARY}}}) + b'\n' for _ in range(2)),
    ),
    'patterns of the user': ('/x', 'text/plain', f'a secret={CANARY} kept\nSK1234-{CANARY}\nkept'.encode()),
}


def redactor() -> Redactor:
    return Redactor(KEY, paths=PATHS, patterns=PATTERNS)


def whole(case: tuple[str, str, bytes]) -> bytes:
    target, content_type, body = case
    return redactor().whole(target, content_type, body, request=True)


def in_pieces(case: tuple[str, str, bytes], places: list[int]) -> list[bytes]:
    """The redacted pieces of a body that came cut at these places."""
    target, content_type, body = case
    stream = redactor().body(target, content_type, request=True)
    results: list[bytes] = []
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        results += stream.feed(body[start:end])
    return results + stream.finish()


def cuts(size: int) -> Iterator[list[int]]:
    """One cut at every place, then many at random ones, then one after each byte."""
    yield from ([place] for place in range(size + 1))
    chance = random.Random(size)
    for count in (2, 3, 5, 10, 30, 100):
        for _ in range(5):
            yield sorted(chance.randrange(size + 1) for _ in range(count))
    yield list(range(size))
