"""CustomResourceDefinitions: their defaults and validation, how they get established, and what they define.

`STRATEGIES` is for the definitions themselves as objects; `definitions_of` gives what they let the cluster serve.
Objects of custom resources are validated elsewhere. Source of the rules: kube-apiserver v1.36.
"""

from kmock.kube.crds.establishing import cleaned, cleaning, establish, is_established, is_terminating
from kmock.kube.crds.establishing import steps_of_establishing as steps_of_establishing
from kmock.kube.crds.establishing import terminating as terminating
from kmock.kube.crds.preparing import default_crd, prepare_crd, prepare_crd_status
from kmock.kube.crds.serving import custom_strategy, definitions_of
from kmock.kube.crds.validation import validate_crd, validate_crd_status
from kmock.kube.definitions import Strategy
from kmock.kube.values.names import dns1123_subdomain

__all__ = [
    'STRATEGIES',
    'cleaned',
    'cleaning',
    'custom_strategy',
    'default_crd',
    'definitions_of',
    'establish',
    'is_established',
    'is_terminating',
    'prepare_crd',
    'steps_of_establishing',
    'terminating',
    'validate_crd',
]

STRATEGIES = {
    'customresourcedefinitions': Strategy(
        generation=True,
        name=dns1123_subdomain,
        default=default_crd,
        prepare_create=lambda crd: prepare_crd(crd, None),
        prepare_update=prepare_crd,
        prepare_status=prepare_crd_status,
        validate=lambda crd: validate_crd(crd, None),
        validate_update=validate_crd,
        validate_status=lambda crd, old: validate_crd_status(crd),
    )
}
