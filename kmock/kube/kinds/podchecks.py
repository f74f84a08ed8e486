"""Validation of pods' specs: containers, volumes, and the words that must be one of a few. Defaults are in podspecs.

Source: `ValidatePodSpec` of `pkg/apis/core/validation`; the order of the causes is its order.
"""

from collections.abc import Callable
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.kinds.limits import container_resource_causes
from kmock.kube.kinds.rules import (
    amount,
    as_map,
    at_least,
    choice,
    items_of,
    labels,
    matches,
    named,
    non_negative,
    port,
    quoted_names,
    within,
)
from kmock.kube.statuses import Cause, duplicate, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names

__all__ = ['pod_spec_causes', 'template_causes', 'workload_template_causes']

_RESTARTS = ('Always', 'OnFailure', 'Never')
_DNS_POLICIES = ('ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None')
_PULL_POLICIES = ('Always', 'IfNotPresent', 'Never')
_PROTOCOLS = ('SCTP', 'TCP', 'UDP')
_HANDLERS = ('exec', 'httpGet', 'tcpSocket', 'grpc')


def template_causes(field: str, template: Any) -> list[Cause]:
    """A PodTemplateSpec."""
    template = as_map(template)
    metadata = as_map(template.get('metadata'))
    found = labels(f'{field}.labels', metadata.get('labels'))
    for key in as_map(metadata.get('annotations')):
        found += [invalid_value(f'{field}.annotations', key, why) for why in names.qualified_name(key.lower())]
    return found + pod_spec_causes(f'{field}.spec', as_map(template.get('spec')))


def workload_template_causes(field: str, template: Any, selector: Json | None, kind: str) -> list[Cause]:
    """The template of a workload whose pods are kept running: selected by it, and always restarted."""
    if template is None:
        return [required(field)]
    template = as_map(template)
    carried = as_map(template.get('metadata')).get('labels')
    found: list[Cause] = []
    if (selector is None or selector) and not matches(selector, carried or {}):
        why = '`selector` does not match template `labels`'
        found.append(invalid_value(f'{field}.metadata.labels', carried, why))
    found += template_causes(field, template)
    spec = as_map(template.get('spec'))
    if spec.get('restartPolicy') not in ('Always', None):
        found.append(not_supported(f'{field}.spec.restartPolicy', spec.get('restartPolicy'), ['Always']))
    if spec.get('activeDeadlineSeconds') is not None:
        why = f'activeDeadlineSeconds in {kind} is not Supported'
        found.append(forbidden_field(f'{field}.spec.activeDeadlineSeconds', why))
    return found


def pod_spec_causes(field: str, spec: Json, *, hosts: bool = False) -> list[Cause]:
    """A PodSpec; `hosts` is for pods themselves, not for templates."""
    found, volumes = _volume_causes(f'{field}.volumes', items_of(spec.get('volumes')))
    seen: set[str] = set()
    if not spec.get('containers'):
        found.append(required(f'{field}.containers'))
    for key in ('containers', 'initContainers'):
        for index, container in enumerate(items_of(spec.get(key))):
            found += _container_causes(f'{field}.{key}[{index}]', container, volumes, seen, key == 'initContainers')
    found += choice(f'{field}.restartPolicy', spec.get('restartPolicy'), _RESTARTS)
    found += choice(f'{field}.dnsPolicy', spec.get('dnsPolicy'), _DNS_POLICIES)
    found += labels(f'{field}.nodeSelector', spec.get('nodeSelector'))
    for key, rule in (('serviceAccountName', names.dns1123_subdomain), ('nodeName', names.dns1123_subdomain)):
        if spec.get(key):
            found += named(f'{field}.{key}', spec[key], rule)
    found += within(f'{field}.activeDeadlineSeconds', spec.get('activeDeadlineSeconds'), 1)
    for key in ('hostname', 'subdomain'):
        if spec.get(key):
            found += named(f'{field}.{key}', spec[key], names.dns1123_label)
    for index, each in enumerate(items_of(spec.get('tolerations'))):
        found += _toleration_causes(f'{field}.tolerations[{index}]', each)
    for key in ('priorityClassName', 'runtimeClassName'):
        if spec.get(key):
            found += named(f'{field}.{key}', spec[key], names.dns1123_subdomain)
    for index, each in enumerate(items_of(spec.get('readinessGates'))):
        path, kind = f'{field}.readinessGates[{index}].conditionType', each.get('conditionType') or ''
        found += named(path, kind, names.qualified_name)
    found += _spreading_causes(f'{field}.topologySpreadConstraints', items_of(spec.get('topologySpreadConstraints')))
    system = spec.get('os')
    if isinstance(system, dict):
        found += choice(f'{field}.os.name', system.get('name'), ('linux', 'windows'))
    if spec.get('dnsPolicy') == 'None' and not as_map(spec.get('dnsConfig')).get('nameservers'):
        why = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
        found.append(required(f'{field}.dnsConfig.nameservers', why))
    return found


def _spreading_causes(field: str, constraints: list[Json]) -> list[Cause]:
    found: list[Cause] = []
    for index, each in enumerate(constraints):
        path, skew = f'{field}[{index}]', each.get('maxSkew') or 0
        if skew <= 0:
            found.append(invalid_value(f'{path}.maxSkew', skew, 'must be greater than zero'))
        if not each.get('topologyKey'):
            found.append(required(f'{path}.topologyKey', 'can not be empty'))
        action = each.get('whenUnsatisfiable') or ''
        if action not in ('DoNotSchedule', 'ScheduleAnyway'):
            found.append(not_supported(f'{path}.whenUnsatisfiable', action, ('DoNotSchedule', 'ScheduleAnyway')))
    return found


# --- containers


def _container_causes(
    field: str, container: Json, volumes: dict[str, Json], seen: set[str], early: bool = False
) -> list[Cause]:
    name = container.get('name') or ''
    found = quoted_names(f'{field}.name', name, names.dns1123_label)
    if name and name in seen:
        found.append(duplicate(f'{field}.name', name))
    seen.add(name)
    found += _image_causes(f'{field}.image', container.get('image') or '')
    policy = container.get('terminationMessagePolicy')
    if policy not in (None, 'File', 'FallbackToLogsOnError'):
        found.append(not_supported(f'{field}.terminationMessagePolicy', policy, ['FallbackToLogsOnError', 'File']))
    found += _ports_causes(f'{field}.ports', items_of(container.get('ports')))
    for index, variable in enumerate(items_of(container.get('env'))):
        found += _variable_causes(f'{field}.env[{index}]', variable)
    for index, source in enumerate(items_of(container.get('envFrom'))):
        found += _environment_causes(f'{field}.envFrom[{index}]', source)
    found += _mount_causes(f'{field}.volumeMounts', items_of(container.get('volumeMounts')), volumes)
    found += choice(f'{field}.imagePullPolicy', container.get('imagePullPolicy'), _PULL_POLICIES)
    found += _resource_causes(f'{field}.resources', as_map(container.get('resources')))
    context = as_map(container.get('securityContext'))
    for key in ('runAsUser', 'runAsGroup'):
        found += within(f'{field}.securityContext.{key}', context.get(key), 0)
    probed = not early or container.get('restartPolicy') == 'Always'
    for key in ('livenessProbe', 'readinessProbe', 'startupProbe'):
        probe = container.get(key)
        if not isinstance(probe, dict):
            continue
        if probed:
            found += _probe_causes(f'{field}.{key}', probe, key)
        else:
            found.append(
                forbidden_field(f'{field}.{key}', 'may not be set for init containers without restartPolicy=Always')
            )
    return found


def _image_causes(field: str, image: str) -> list[Cause]:
    if not image:
        return [required(field)]
    if image != image.strip():
        return [invalid_value(field, image, 'must not have leading or trailing whitespace')]
    return []


def _ports_causes(field: str, ports: list[Json]) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, each in enumerate(ports):
        path, name = f'{field}[{index}]', each.get('name')
        if name:
            wrong = named(f'{path}.name', name, names.port_name)
            found += wrong
            if not wrong and name in seen:
                found.append(duplicate(f'{path}.name', name))
            seen.add(name)
        if not each.get('containerPort'):
            found.append(required(f'{path}.containerPort'))
        else:
            found += port(f'{path}.containerPort', each['containerPort'])
        if each.get('hostPort'):
            found += port(f'{path}.hostPort', each['hostPort'])
        found += choice(f'{path}.protocol', each.get('protocol'), _PROTOCOLS)
    return found


_SOURCES = ('fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef')


def _variable_causes(field: str, variable: Json) -> list[Cause]:
    found = quoted_names(f'{field}.name', variable.get('name'), names.env_name)
    source = variable.get('valueFrom')
    if not isinstance(source, dict):
        return found
    path = f'{field}.valueFrom'
    given = [key for key in _SOURCES if key in source]
    for key in ('configMapKeyRef', 'secretKeyRef'):
        reference = source.get(key)
        if isinstance(reference, dict):
            if not reference.get('key'):
                found.append(required(f'{path}.{key}.key'))
            else:
                found += named(f'{path}.{key}.key', reference['key'], names.config_map_key)
    if isinstance(source.get('fieldRef'), dict) and not source['fieldRef'].get('fieldPath'):
        found.append(required(f'{path}.fieldRef.fieldPath'))
    if not given:
        why = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'
        found.append(invalid_value(path, '', why))
    elif variable.get('value'):
        found.append(invalid_value(path, '', 'may not be specified when `value` is not empty'))
    if len(given) > 1:
        found.append(invalid_value(path, '', 'may not have more than one field specified at a time'))
    return found


def _environment_causes(field: str, source: Json) -> list[Cause]:
    given = [key for key in ('configMapRef', 'secretRef') if isinstance(source.get(key), dict)]
    found: list[Cause] = []
    if source.get('prefix'):
        found += named(f'{field}.prefix', source['prefix'], names.env_name)
    for key in given:
        if not source[key].get('name'):
            found.append(required(f'{field}.{key}.name'))
    if not given:
        found.append(invalid_value(field, '', 'must specify one of: `configMapRef` or `secretRef`'))
    if len(given) > 1:
        found.append(invalid_value(field, '', 'may not have more than one field specified at a time'))
    return found


def _mount_causes(field: str, mounts: list[Json], volumes: dict[str, Json]) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        path, name, place = f'{field}[{index}]', mount.get('name') or '', mount.get('mountPath') or ''
        if not name:
            found.append(required(f'{path}.name'))
        if name not in volumes:
            found.append(Cause(reason='FieldValueNotFound', message=f'Not found: "{name}"', field=f'{path}.name'))
        if not place:
            found.append(required(f'{path}.mountPath'))
        if place in seen:
            found.append(invalid_value(f'{path}.mountPath', place, 'must be unique'))
        seen.add(place)
        for key in ('subPath', 'subPathExpr'):
            if mount.get(key):
                found += _local_path_causes(f'{path}.{key}', mount[key])
        if mount.get('subPath') and mount.get('subPathExpr'):
            why = 'subPathExpr and subPath are mutually exclusive'
            found.append(invalid_value(f'{path}.subPathExpr', mount['subPathExpr'], why))
    return found


def _local_path_causes(field: str, path: str) -> list[Cause]:
    if path.startswith('/'):
        return [invalid_value(field, path, 'must be a relative path')]
    return [invalid_value(field, path, "must not contain '..'")] if '..' in path.split('/') else []


def _resource_causes(field: str, resources: Json) -> list[Cause]:
    limits, requests = as_map(resources.get('limits')), as_map(resources.get('requests'))
    found: list[Cause] = []
    for part, amounts in (('limits', limits), ('requests', requests)):
        for name, value in amounts.items():
            path = f'{field}.{part}[{name}]'
            found += container_resource_causes(path, name)
            if amount(value) < 0:
                found.append(invalid_value(path, value, 'must be greater than or equal to 0'))
    for name, value in requests.items():
        limit = limits.get(name)
        if limit is not None and amount(value) > amount(limit):
            why = f'must be less than or equal to {name} limit of {limit}'
            found.append(invalid_value(f'{field}.requests', value, why))
    return found


def _probe_causes(field: str, probe: Json, key: str) -> list[Cause]:
    handlers = [each for each in _HANDLERS if isinstance(probe.get(each), dict)]
    found: list[Cause] = []
    for index, each in enumerate(handlers):
        if index:
            found.append(forbidden_field(f'{field}.{each}', 'may not specify more than 1 handler type'))
        found += _handler_causes(f'{field}.{each}', each, probe[each])
    if not handlers:
        found.append(required(field, 'must specify a handler type'))
    for number in ('initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'):
        found += non_negative(f'{field}.{number}', probe.get(number))
    if probe.get('terminationGracePeriodSeconds') is not None:
        path, value = f'{field}.terminationGracePeriodSeconds', probe['terminationGracePeriodSeconds']
        if key == 'readinessProbe':
            found.append(invalid_value(path, value, 'must not be set for readinessProbes'))
        else:
            found += at_least(path, value, 1)
    if key != 'readinessProbe' and probe.get('successThreshold', 1) != 1:
        found.append(invalid_value(f'{field}.successThreshold', probe['successThreshold'], 'must be 1'))
    return found


def _handler_causes(field: str, kind: str, handler: Json) -> list[Cause]:
    found: list[Cause] = []
    if kind == 'exec':
        return [] if handler.get('command') else [required(f'{field}.command')]
    if kind == 'httpGet' and not handler.get('path'):
        found.append(required(f'{field}.path'))
    found += port(f'{field}.port', handler.get('port'))
    if kind == 'httpGet':
        found += choice(f'{field}.scheme', handler.get('scheme'), ('HTTP', 'HTTPS'))
    return found


# --- volumes and tolerations


def _volume_causes(field: str, volumes: list[Json]) -> tuple[list[Cause], dict[str, Json]]:
    """The causes, and the rightly named volumes by name."""
    found: list[Cause] = []
    known: dict[str, Json] = {}
    for index, volume in enumerate(volumes):
        path, name = f'{field}[{index}]', volume.get('name') or ''
        sources = [key for key, value in volume.items() if key != 'name' and isinstance(value, dict)]
        if not sources:
            found.append(required(path, 'must specify a volume type'))
        for extra in sources[1:]:
            found.append(forbidden_field(f'{path}.{extra}', 'may not specify more than 1 volume type'))
        for source in sources[:1]:
            found += _source_causes(f'{path}.{source}', source, volume[source])
        wrong = quoted_names(f'{path}.name', name, names.dns1123_label)
        if not wrong and name in known:
            wrong.append(duplicate(f'{path}.name', name))
        found += wrong
        if not wrong:
            known[name] = volume
    return found, known


_NAMED_SOURCES: dict[str, tuple[str, Callable[[str], list[str]] | None]] = {
    'secret': ('secretName', None),
    'configMap': ('name', None),
    'persistentVolumeClaim': ('claimName', None),
    'hostPath': ('path', None),
    'csi': ('driver', None),
}


def _source_causes(field: str, kind: str, source: Json) -> list[Cause]:
    key, _ = _NAMED_SOURCES.get(kind, ('', None))
    found = [required(f'{field}.{key}')] if key and not source.get(key) else []
    mode = source.get('defaultMode')
    if isinstance(mode, int) and not 0 <= mode <= 0o777:
        why = 'must be a number between 0 and 0777 (octal), both inclusive'
        found.append(invalid_value(f'{field}.defaultMode', mode, why))
    for index, item in enumerate(items_of(source.get('items'))):
        if kind in ('secret', 'configMap') and not item.get('key'):
            found.append(required(f'{field}.items[{index}].key'))
        if not item.get('path'):
            found.append(required(f'{field}.items[{index}].path'))
        else:
            found += _local_path_causes(f'{field}.items[{index}].path', item['path'])
    return found


def _toleration_causes(field: str, each: Json) -> list[Cause]:
    key, operator = each.get('key'), each.get('operator') or ''
    found: list[Cause] = []
    if key:
        found += [invalid_value(f'{field}.key', key, why) for why in names.qualified_name(key)]
    elif operator != 'Exists':
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        found.append(invalid_value(f'{field}.operator', operator, why))
    if each.get('tolerationSeconds') is not None and each.get('effect') != 'NoExecute':
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        found.append(invalid_value(f'{field}.effect', each.get('effect') or '', why))
    if operator in ('Equal', ''):
        value = each.get('value') or ''
        found += [invalid_value(f'{field}.operator', value, why) for why in names.label_value(value)]
    elif operator == 'Exists':
        if each.get('value'):
            keys = ('key', 'operator', 'value', 'effect')
            told: Json = {name[0].upper() + name[1:]: each.get(name) or '' for name in keys}
            told['TolerationSeconds'] = each.get('tolerationSeconds')  # as the server's own type is printed
            found.append(invalid_value(f'{field}.operator', told, "value must be empty when `operator` is 'Exists'"))
    else:
        found.append(not_supported(f'{field}.operator', operator, ['Equal', 'Exists']))
    effect = each.get('effect')
    if effect and effect not in ('NoSchedule', 'PreferNoSchedule', 'NoExecute'):
        found.append(not_supported(f'{field}.effect', effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']))
    return found
