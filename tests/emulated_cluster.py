"""An emulated cluster for real clients, as fixtures give it, and the definition of its custom resource."""

import dataclasses
from pathlib import Path
from typing import Any

from kmock.kubernetes import KubernetesEmulator

__all__ = ['CRD', 'EmulatedCluster']

CRD: dict[str, Any] = {
    'apiVersion': 'apiextensions.k8s.io/v1',
    'kind': 'CustomResourceDefinition',
    'metadata': {'name': 'widgets.ex.dev'},
    'spec': {
        'group': 'ex.dev',
        'scope': 'Namespaced',
        'names': {'plural': 'widgets', 'singular': 'widget', 'kind': 'Widget', 'shortNames': ['wd']},
        'versions': [
            {
                'name': 'v1',
                'served': True,
                'storage': True,
                'subresources': {
                    'status': {},
                    'scale': {'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.replicas'},
                },
                'additionalPrinterColumns': [{'name': 'Size', 'type': 'integer', 'jsonPath': '.spec.size'}],
                'schema': {
                    'openAPIV3Schema': {
                        'type': 'object',
                        'properties': {
                            'spec': {
                                'type': 'object',
                                'required': ['size'],
                                'properties': {
                                    'size': {'type': 'integer', 'minimum': 1, 'description': 'How big it is.'},
                                    'replicas': {'type': 'integer'},
                                    'tags': {'type': 'array', 'items': {'type': 'string'}},
                                },
                            },
                            'status': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True},
                        },
                    }
                },
            }
        ],
    },
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmulatedCluster:
    """A running emulator: its handler, and a kubeconfig of somebody who may do all."""

    handler: KubernetesEmulator
    kubeconfig: Path
    has_users: bool
