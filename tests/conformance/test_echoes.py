"""What real clients asked a real API server is answered by the emulated cluster as it was answered there."""

import json
from typing import Any

import pytest
from echoing import Echo
from shipped import CASSETTES

from kmock.kubernetes import KubernetesEmulator
from kmock.messages import Request
from kmock.recording.interchange import open_cassette

DIFFERENT: dict[str, dict[int, str]] = {
    'kopf.jsonl': {
        2: 'another group was there',
        7: 'other definitions were there',
    },
    'kubernetes-asyncio.jsonl': {2: 'another group was there'},
    'lightkube.jsonl': {},
    'kubectl.jsonl.gz': {
        3: 'another group was there',
        4: 'another namespace was there',
        33: 'another group was there',
        71: 'Deployments are answered in JSON where protobuf was preferred',
        73: 'ReplicaSets are answered in JSON where protobuf was preferred',
        193: 'the order of causes is random there',
        202: 'no users are declared here',
        219: 'here definitions without objects are deleted at once',
        220: 'here definitions without objects are deleted at once',
    },
}
"""The exchanges that differ, with the reasons."""


def definition(group: str, kind: str, plural: str) -> dict[str, Any]:
    """A definition as it was there before the recordings of operators began."""
    free = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
    schema = {'type': 'object', 'properties': {'spec': free, 'status': free}}
    version = {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}}
    return {
        'apiVersion': 'apiextensions.k8s.io/v1',
        'kind': 'CustomResourceDefinition',
        'metadata': {'name': f'{plural}.{group}'},
        'spec': {
            'group': group,
            'scope': 'Namespaced',
            'names': {'plural': plural, 'singular': kind.lower(), 'kind': kind, 'listKind': f'{kind}List'},
            'versions': [{**version, 'subresources': {'status': {}}}],
        },
    }


PREPARED = {
    'kopf.jsonl': [
        (
            '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
            definition('demo.kmock.dev', 'Example', 'examples'),
        ),
        ('/api/v1/namespaces', {'metadata': {'name': 'tr-kopf'}}),
    ],
    'kubernetes-asyncio.jsonl': [
        ('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('trc.kmock.dev', 'Item', 'items')),
    ],
    'lightkube.jsonl': [
        ('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('trc.kmock.dev', 'Item', 'items')),
    ],
    'kubectl.jsonl.gz': [],
}


@pytest.mark.parametrize('name', DIFFERENT)
async def test_requests_of_real_clients_are_answered_as_they_were(name: str) -> None:
    """All answers are the recorded ones, but for those whose reasons are known."""
    async with KubernetesEmulator(controllers=False) as kmock:
        for path, obj in PREPARED[name]:
            headers = {'Content-Type': 'application/json', 'User-Agent': 'kubectl-client-side-apply'}
            answer = await kmock.handle(Request.make('POST', path, headers=headers, body=json.dumps(obj).encode()))
            assert answer.status == 201
        with open_cassette(CASSETTES / name) as cassette:
            differences = await Echo(kmock).run(cassette)
        surprises = {number: found for number, found in differences.items() if number not in DIFFERENT[name]}
        assert surprises == {}
        assert kmock.errors == []
