"""Defaults of pods' specs, as they stand in pods and in the templates of workloads. Their validation is in podchecks.

Source: `pkg/apis/core/v1/defaults.go`. What only Pods get (not templates) is in `pods`.
"""

import re
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.kinds.rules import as_map, items_of

__all__ = ['CONTAINER_LISTS', 'default_pod_spec', 'default_template']

CONTAINER_LISTS = ('initContainers', 'containers', 'ephemeralContainers')

_IMAGE = re.compile(r'(?P<name>[^@]*?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?P<digest>@.+)?')
_DEFAULT_MODE = 0o644
_MODES = ('secret', 'configMap', 'downwardAPI', 'projected')


def default_template(template: Any) -> None:
    """Fill in a PodTemplateSpec, in place."""
    if isinstance(template, dict):
        template.setdefault('metadata', {})
        default_pod_spec(template.setdefault('spec', {}))


def default_pod_spec(spec: Json) -> None:
    """Fill in a PodSpec, in place."""
    spec.setdefault('dnsPolicy', 'ClusterFirst')
    spec.setdefault('restartPolicy', 'Always')
    spec.setdefault('securityContext', {})
    spec.setdefault('terminationGracePeriodSeconds', 30)
    spec.setdefault('schedulerName', 'default-scheduler')
    account = spec.get('serviceAccountName') or spec.get('serviceAccount')
    if account:
        spec['serviceAccountName'] = spec['serviceAccount'] = account
    for each in items_of(spec.get('volumes')):
        _default_volume(each)
    for key in CONTAINER_LISTS:
        for container in items_of(spec.get(key)):
            _default_container(container)


def _default_container(container: Json) -> None:
    if not container.get('imagePullPolicy'):
        container['imagePullPolicy'] = _pull_policy(container.get('image') or '')
    container.setdefault('terminationMessagePath', '/dev/termination-log')
    container.setdefault('terminationMessagePolicy', 'File')
    container.setdefault('resources', {})
    for port in items_of(container.get('ports')):
        port.setdefault('protocol', 'TCP')
    for key in ('livenessProbe', 'readinessProbe', 'startupProbe'):
        if isinstance(container.get(key), dict):
            _default_probe(container[key])
    for handler in as_map(container.get('lifecycle')).values():
        _default_handler(as_map(handler))
    for variable in items_of(container.get('env')):
        source = as_map(variable.get('valueFrom'))
        _default_references(source)
        if isinstance(source.get('fileKeyRef'), dict):
            source['fileKeyRef'].setdefault('optional', False)


def _pull_policy(image: str) -> str:
    """Images without a tag are the latest ones; those that can't be parsed or have a digest are not."""
    found = _IMAGE.fullmatch(image)
    if not image or found is None or image.startswith(('/', ':')):
        return 'IfNotPresent'
    tag = found['tag'] if found['tag'] or found['digest'] else 'latest'
    return 'Always' if tag == 'latest' else 'IfNotPresent'


def _default_probe(probe: Json) -> None:
    for key, value in (('timeoutSeconds', 1), ('periodSeconds', 10), ('successThreshold', 1), ('failureThreshold', 3)):
        if not probe.get(key):
            probe[key] = value
    _default_handler(probe)
    if isinstance(probe.get('grpc'), dict):
        probe['grpc'].setdefault('service', '')


def _default_handler(handler: Json) -> None:
    if isinstance(handler.get('httpGet'), dict):
        handler['httpGet'].setdefault('path', '/')
        handler['httpGet'].setdefault('scheme', 'HTTP')


def _default_references(source: Json) -> None:
    """The versions of references to fields, the divisors of references to resources."""
    if isinstance(source.get('fieldRef'), dict):
        source['fieldRef'].setdefault('apiVersion', 'v1')
    if isinstance(source.get('resourceFieldRef'), dict):
        source['resourceFieldRef'].setdefault('divisor', '0')


def _default_volume(volume: Json) -> None:
    if not any(key != 'name' for key in volume):
        volume['emptyDir'] = {}
    for key in _MODES:
        if isinstance(volume.get(key), dict):
            volume[key].setdefault('defaultMode', _DEFAULT_MODE)
    for item in items_of(as_map(volume.get('downwardAPI')).get('items')):
        _default_references(item)
    for source in items_of(as_map(volume.get('projected')).get('sources')):
        if isinstance(source.get('serviceAccountToken'), dict):
            source['serviceAccountToken'].setdefault('expirationSeconds', 3600)
        for item in items_of(as_map(source.get('downwardAPI')).get('items')):
            _default_references(item)
    default_volume_source(volume)
    claim = as_map(as_map(volume.get('ephemeral')).get('volumeClaimTemplate'))
    if claim:
        default_claim_spec(claim.setdefault('spec', {}))


def default_volume_source(source: Json) -> None:
    """The kinds of storage that volumes of pods and PersistentVolumes have in common."""
    if isinstance(source.get('hostPath'), dict):
        source['hostPath'].setdefault('type', '')
    if isinstance(source.get('iscsi'), dict):
        source['iscsi'].setdefault('iscsiInterface', 'default')
    if isinstance(source.get('rbd'), dict):
        for key, value in (('pool', 'rbd'), ('user', 'admin'), ('keyring', '/etc/ceph/keyring')):
            source['rbd'].setdefault(key, value)
    if isinstance(source.get('azureDisk'), dict):
        for key, usual in (('cachingMode', 'ReadWrite'), ('fsType', 'ext4'), ('readOnly', False), ('kind', 'Shared')):
            source['azureDisk'].setdefault(key, usual)
    if isinstance(source.get('scaleIO'), dict):
        source['scaleIO'].setdefault('storageMode', 'ThinProvisioned')
        source['scaleIO'].setdefault('fsType', 'xfs')


def default_claim_spec(spec: Json) -> None:
    """Fill in a PersistentVolumeClaimSpec, in place."""
    spec.setdefault('volumeMode', 'Filesystem')
    spec.setdefault('resources', {})
    source = as_map(spec.get('dataSource'))
    target = as_map(spec.get('dataSourceRef'))
    if source and not target:
        spec['dataSourceRef'] = dict(source)
    elif target and not source and not target.get('namespace'):
        spec['dataSource'] = {key: value for key, value in target.items() if key != 'namespace'}
