"""The particulars of built-in kinds: their causes, immutable fields, preparations, and grace."""

import copy
from typing import Any

import pytest

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds import strategy
from kmock.naming import Resource


def of(plural: str, group: str = '', version: str = 'v1') -> Strategy:
    return strategy(Resource(group, version, plural))


def made(plural: str, obj: Json, group: str = '', version: str = 'v1') -> Json:
    """The object as it is stored."""
    particular = of(plural, group, version)
    obj = copy.deepcopy(obj)
    obj.setdefault('metadata', {}).setdefault('name', 'a')
    particular.default(obj)
    particular.prepare_create(obj)
    return obj


def faults(plural: str, obj: Json, group: str = '', version: str = 'v1') -> list[str]:
    return [str(each) for each in of(plural, group, version).validate(made(plural, obj, group, version))]


def changes(plural: str, old: Json, new: Json, group: str = '', version: str = 'v1') -> list[str]:
    """What is wrong with an update from one object to another."""
    particular = of(plural, group, version)
    stored, sent = made(plural, old, group, version), copy.deepcopy(new)
    sent.setdefault('metadata', {}).setdefault('name', 'a')
    particular.default(sent)
    particular.prepare_update(sent, stored)
    return [str(each) for each in particular.validate_update(sent, stored)]


def pod(**spec: Any) -> Json:
    return {'spec': {'containers': [{'name': 'main', 'image': 'img:1'}], **spec}}


def deployment(**spec: Any) -> Json:
    template = {'metadata': {'labels': {'app': 'd'}}, **pod()}
    return {'spec': {'selector': {'matchLabels': {'app': 'd'}}, 'template': template, **spec}}


# --- ConfigMaps and Secrets


def test_keys_of_configmaps_are_checked_in_data_and_in_binary_data() -> None:
    assert faults('configmaps', {'data': {'t': 'x'}, 'binaryData': {'t': 'eA=='}}) == [
        'data[t]: Invalid value: "t": duplicate of key present in binaryData'
    ]
    [found] = faults('configmaps', {'data': {'bad key!': 'x'}})
    assert found.startswith('data[bad key!]: Invalid value: "bad key!": a valid config key must consist of')


def test_a_configmap_holds_a_mebibyte_at_most() -> None:
    assert faults('configmaps', {'data': {'a': 'x' * 1048576}}) == []
    assert faults('configmaps', {'data': {'a': 'x' * 1048577}}) == ['[]: Too long: may not be more than 1048576 bytes']


@pytest.mark.parametrize('plural', ['configmaps', 'secrets'])
def test_immutable_data_stays(plural: str) -> None:
    old = {'immutable': True, 'data': {'a': 'eA=='}}
    frozen = 'Forbidden: field is immutable when `immutable` is set'
    assert changes(plural, old, old) == []
    assert changes(plural, old, {**old, 'data': {'a': 'eQ=='}}) == [f'data: {frozen}']
    assert changes(plural, old, {'data': {'a': 'eA=='}}) == [f'immutable: {frozen}']


def test_a_secret_takes_its_texts_over_into_data() -> None:
    assert made('secrets', {'data': {'a': 'eA==', 'b': 'eQ=='}, 'stringData': {'b': 'zé'}}) == {
        'metadata': {'name': 'a'},
        'type': 'Opaque',
        'data': {'a': 'eA==', 'b': 'esOp'},
    }


def test_types_of_secrets_need_their_keys() -> None:
    assert faults('secrets', {'type': 'kubernetes.io/tls'}) == [
        'data[tls.crt]: Required value',
        'data[tls.key]: Required value',
    ]
    assert changes('secrets', {}, {'type': 'other'}) == ['type: Invalid value: "other": field is immutable']


# --- namespaces


def test_a_namespace_gets_its_label_its_finalizer_and_its_phase() -> None:
    assert made('namespaces', {'status': {'phase': 'Terminating'}, 'spec': {'finalizers': ['a.b/c']}}) == {
        'metadata': {'name': 'a', 'labels': {'kubernetes.io/metadata.name': 'a'}},
        'spec': {'finalizers': ['a.b/c', 'kubernetes']},
        'status': {'phase': 'Active'},
    }


def test_the_phase_of_a_namespace_follows_its_deletion() -> None:
    particular = of('namespaces')
    live: Json = {'metadata': {'name': 'a'}}
    gone: Json = {'metadata': {'name': 'a', 'deletionTimestamp': '2024-01-02T03:04:05Z'}}
    [found] = particular.validate_status({'status': {'phase': 'Wrong'}}, live)
    assert str(found) == 'status.Phase: Invalid value: "Wrong": may only be \'Active\' if `deletionTimestamp` is empty'
    assert particular.validate_status({'status': {'phase': 'Active'}}, live) == []
    [found] = particular.validate_status({'status': {'phase': 'Active'}}, gone)
    assert "may only be 'Terminating' if `deletionTimestamp` is not empty" in str(found)


# --- pods


@pytest.mark.parametrize(
    ('image', 'policy'),
    [
        ('img', 'Always'),
        ('img:latest', 'Always'),
        ('img:1', 'IfNotPresent'),
        ('reg.example:5000/img', 'Always'),
        ('reg.example:5000/a/img:v2', 'IfNotPresent'),
        ('img@sha256:' + 'a' * 64, 'IfNotPresent'),
        ('', 'IfNotPresent'),
    ],
)
def test_the_pull_policy_is_by_the_tag_of_the_image(image: str, policy: str) -> None:
    found = made('pods', {'spec': {'containers': [{'name': 'main', 'image': image}]}})
    assert found['spec']['containers'][0]['imagePullPolicy'] == policy


@pytest.mark.parametrize(
    ('resources', 'quality'),
    [
        ({}, 'BestEffort'),
        ({'requests': {'cpu': '1'}}, 'Burstable'),
        ({'limits': {'cpu': '1', 'memory': '1Gi'}}, 'Guaranteed'),
        ({'limits': {'cpu': '1', 'memory': '1Gi'}, 'requests': {'cpu': '1000m', 'memory': '1024Mi'}}, 'Guaranteed'),
        ({'limits': {'cpu': '1', 'memory': '1Gi'}, 'requests': {'cpu': '500m'}}, 'Burstable'),
        ({'limits': {'cpu': '1'}}, 'Burstable'),
    ],
)
def test_the_class_of_service_is_by_requests_and_limits(resources: Json, quality: str) -> None:
    obj = {'spec': {'containers': [{'name': 'main', 'image': 'img:1', 'resources': resources}]}}
    assert made('pods', obj)['status'] == {'phase': 'Pending', 'qosClass': quality}


def test_own_tolerations_of_node_troubles_are_kept() -> None:
    everything = {'operator': 'Exists'}
    assert made('pods', pod(tolerations=[everything]))['spec']['tolerations'] == [everything]
    ready = {'key': 'node.kubernetes.io/not-ready', 'operator': 'Exists', 'effect': 'NoExecute'}
    found = made('pods', pod(tolerations=[ready]))['spec']['tolerations']
    assert [each['key'] for each in found] == ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    assert found[0] == ready


@pytest.mark.parametrize('spec', [{}, {'containers': []}])
def test_a_pod_without_containers_has_one_cause(spec: Json) -> None:
    assert faults('pods', {'spec': spec}) == ['spec.containers: Required value']


def test_causes_of_containers_have_their_paths() -> None:
    container = {
        'ports': [{'containerPort': 0}, {'containerPort': 70000, 'name': 'UPPER'}],
        'env': [{'name': 'a=b'}],
        'volumeMounts': [{'name': 'absent', 'mountPath': '/x'}],
        'imagePullPolicy': 'Sometimes',
        'resources': {'requests': {'cpu': '2'}, 'limits': {'cpu': '1'}},
        'livenessProbe': {},
    }
    found = faults('pods', {'spec': {'containers': [container]}})
    path = 'spec.containers[0]'
    assert f'{path}.name: Required value' in found
    assert f'{path}.image: Required value' in found
    assert f'{path}.ports[0].containerPort: Required value' in found
    assert f'{path}.ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive' in found
    assert f'{path}.volumeMounts[0].name: Not found: "absent"' in found
    assert f'{path}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1' in found
    assert f'{path}.livenessProbe: Required value: must specify a handler type' in found
    supported = 'supported values: "Always", "IfNotPresent", "Never"'
    assert f'{path}.imagePullPolicy: Unsupported value: "Sometimes": {supported}' in found


def test_names_of_containers_are_unique() -> None:
    twice = [{'name': 'a', 'image': 'i'}, {'name': 'a', 'image': 'i'}]
    assert faults('pods', {'spec': {'containers': twice}}) == ['spec.containers[1].name: Duplicate value: "a"']


def test_only_images_deadlines_and_more_tolerations_of_a_pod_may_change() -> None:
    stored = made('pods', pod())
    image = copy.deepcopy(stored)
    image['spec']['containers'][0]['image'] = 'img:2'
    assert changes('pods', pod(), image) == []
    [found] = changes('pods', pod(), pod(nodeName='n1'))
    assert found.startswith('spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,')
    more = copy.deepcopy(stored)
    more['spec']['tolerations'].append({'key': 'a', 'operator': 'Exists'})
    assert changes('pods', pod(), more) == []
    two = pod(containers=[{'name': 'main', 'image': 'i'}, {'name': 'b', 'image': 'i'}])
    assert changes('pods', pod(), two) == ['spec.containers: Forbidden: pod updates may not add or remove containers']


def test_an_update_of_a_pod_that_repeats_what_was_sent_is_no_change() -> None:
    stored, sent = made('pods', pod(nodeName='n1')), {'metadata': {'name': 'a'}, **pod(nodeName='n1')}
    particular = of('pods')
    particular.default(sent)
    particular.prepare_update(sent, stored)
    assert sent == stored


@pytest.mark.parametrize(
    ('spec', 'phase', 'wanted', 'seconds'),
    [
        ({}, 'Pending', None, 0),
        ({'nodeName': 'n1'}, 'Running', None, 30),
        ({'nodeName': 'n1', 'terminationGracePeriodSeconds': 5}, 'Pending', None, 5),
        ({'nodeName': 'n1'}, 'Running', 1, 1),
        ({'nodeName': 'n1'}, 'Running', 0, 0),
        ({'nodeName': 'n1'}, 'Succeeded', None, 0),
        ({'nodeName': 'n1'}, 'Running', -3, 1),
    ],
)
def test_grace_is_for_scheduled_pods_that_are_not_done(
    spec: Json, phase: str, wanted: int | None, seconds: int
) -> None:
    obj = made('pods', pod(**spec))
    obj['status']['phase'] = phase
    grace = of('pods').grace
    assert grace is not None
    assert grace(obj, wanted) == seconds


def test_the_address_of_a_pod_is_in_the_list_of_addresses() -> None:
    obj = made('pods', pod())
    obj['status'] |= {'podIP': '10.9.8.7', 'conditions': [{'type': 'Ready', 'status': 'True'}]}
    of('pods').default(obj)
    assert obj['status']['podIPs'] == [{'ip': '10.9.8.7'}]
    assert obj['status']['conditions'][0]['lastProbeTime'] is None


# --- workloads


def test_a_deployment_without_anything_has_three_causes_in_order() -> None:
    assert faults('deployments', {'spec': {}}, 'apps') == [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
        'spec.template.spec.containers: Required value',
    ]


def test_the_selector_of_a_deployment_is_immutable() -> None:
    new = deployment(selector={'matchLabels': {'app': 'd', 'other': 'x'}})
    assert changes('deployments', deployment(), new, 'apps') == [
        'spec.template.metadata.labels: Invalid value: {"app":"d"}: `selector` does not match template `labels`',
        'spec.selector: Invalid value: {"matchLabels":{"app":"d","other":"x"}}: field is immutable',
    ]


def test_changed_annotations_of_a_deployment_count_as_a_generation() -> None:
    old = made('deployments', deployment(), 'apps')
    old['metadata']['generation'] = 3
    for annotations, generation in (({}, 3), ({'a': 'b'}, 4)):
        new = copy.deepcopy(old)
        new['metadata']['annotations'] = annotations
        of('deployments', 'apps').prepare_update(new, old)
        assert new['metadata']['generation'] == generation


def test_pods_of_deployments_are_always_restarted() -> None:
    obj = deployment(strategy={'type': 'Recreate', 'rollingUpdate': {}})
    obj['spec']['template']['spec']['restartPolicy'] = 'Never'
    assert faults('deployments', obj, 'apps') == [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ]


def test_little_of_a_statefulset_may_change() -> None:
    old = deployment(serviceName='a')
    assert changes('statefulsets', old, deployment(serviceName='a', replicas=3), 'apps') == []
    [found] = changes('statefulsets', old, deployment(serviceName='b'), 'apps')
    assert found.startswith(
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals',"
    )


def test_a_job_selects_its_pods_by_its_uid() -> None:
    template = {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'm', 'image': 'i'}]}}
    found = made('jobs', {'metadata': {'name': 'j', 'uid': 'u-1'}, 'spec': {'template': template}}, 'batch')
    assert found['spec']['selector'] == {'matchLabels': {'batch.kubernetes.io/controller-uid': 'u-1'}}
    assert (
        found['metadata']['labels']
        == found['spec']['template']['metadata']['labels']
        == {
            'batch.kubernetes.io/controller-uid': 'u-1',
            'batch.kubernetes.io/job-name': 'j',
            'controller-uid': 'u-1',
            'job-name': 'j',
        }
    )
    assert of('jobs', 'batch').validate(found) == []
    template['spec']['restartPolicy'] = 'Always'
    assert 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"' in faults(
        'jobs', {'metadata': {'name': 'j', 'uid': 'u-1'}, 'spec': {'template': template}}, 'batch'
    )


@pytest.mark.parametrize(
    ('schedule', 'fault'),
    [
        ('*/5 * * * *', None),
        ('0 0 1-15/2 jan,feb mon-fri', None),
        ('@hourly', None),
        ('@every 1h30m', None),
        ('* * *', 'expected exactly 5 fields, found 3: [* * *]'),
        ('60 * * * *', 'end of range (60) above maximum (59): 60'),
        ('a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'),
        ('@often', 'unrecognized descriptor: @often'),
    ],
)
def test_schedules_are_in_the_words_of_cron(schedule: str, fault: str | None) -> None:
    template = {'spec': {'template': pod(restartPolicy='Never')}}
    found = faults('cronjobs', {'spec': {'schedule': schedule, 'jobTemplate': template}}, 'batch')
    assert found == ([f'spec.schedule: Invalid value: "{schedule}": {fault}'] if fault else [])


# --- services


def test_services_get_different_addresses_and_keep_them() -> None:
    obj = {'spec': {'selector': {'a': 'b'}, 'ports': [{'port': 80}]}}
    one, two = made('services', obj), made('services', obj)
    assert one['spec']['clusterIP'] != two['spec']['clusterIP']
    assert one['spec']['clusterIPs'] == [one['spec']['clusterIP']]
    sent = {'metadata': {'name': 'a'}, **copy.deepcopy(obj)}
    of('services').default(sent)
    of('services').prepare_update(sent, one)
    assert sent == one
    other = copy.deepcopy(one)
    other['spec'] |= {'clusterIP': '10.1.1.1', 'clusterIPs': ['10.1.1.1']}
    [found] = [str(each) for each in of('services').validate_update(other, one)]
    assert found == 'spec.clusterIPs[0]: Invalid value: ["10.1.1.1"]: may not change once set'


def test_ports_of_nodes_come_and_go_with_the_type() -> None:
    obj = {'spec': {'type': 'NodePort', 'ports': [{'port': 80}, {'port': 81}]}}
    stored = made('services', obj)
    ports = [each['nodePort'] for each in stored['spec']['ports']]
    assert all(30000 <= each <= 32767 for each in ports)
    assert len(set(ports)) == 2
    sent = {'spec': {'type': 'ClusterIP', 'ports': copy.deepcopy(stored['spec']['ports'])}}
    of('services').default(sent)
    of('services').prepare_update(sent, stored)
    assert 'nodePort' not in sent['spec']['ports'][0]
    assert sent['spec']['clusterIP'] == stored['spec']['clusterIP']


def test_a_service_that_is_a_name_has_no_address() -> None:
    found = made('services', {'spec': {'type': 'ExternalName', 'externalName': 'example.com'}})
    assert found['spec'] == {'type': 'ExternalName', 'externalName': 'example.com', 'sessionAffinity': 'None'}
    assert faults('services', {'spec': {'type': 'ExternalName'}}) == ['spec.externalName: Required value']


def test_services_need_ports_and_several_need_names() -> None:
    assert faults('services', {'spec': {}}) == ['spec.ports: Required value']
    assert faults('services', {'spec': {'ports': [{'port': 1}, {'port': 2}]}}) == [
        'spec.ports[0].name: Required value',
        'spec.ports[1].name: Required value',
    ]


# --- the rest


def test_roles_without_rules_have_null() -> None:
    assert made('roles', {'rules': []}, 'rbac.authorization.k8s.io')['rules'] is None
    assert faults('roles', {'rules': [{}]}, 'rbac.authorization.k8s.io') == [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
    ]


def test_a_binding_keeps_its_role() -> None:
    group = 'rbac.authorization.k8s.io'
    old = {'roleRef': {'kind': 'Role', 'name': 'r'}, 'subjects': [{'kind': 'User', 'name': 'u'}]}
    stored = made('rolebindings', old, group)
    assert stored['roleRef']['apiGroup'] == stored['subjects'][0]['apiGroup'] == group
    assert faults('rolebindings', old, group) == []
    [found] = changes('rolebindings', old, {**old, 'roleRef': {'kind': 'Role', 'name': 'x'}}, group)
    assert found.startswith('roleRef: Invalid value: ')
    assert found.endswith(': cannot change roleRef')


def test_claims_are_protected_and_need_modes_and_storage() -> None:
    claim = {'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}}
    stored = made('persistentvolumeclaims', claim)
    assert stored['metadata']['finalizers'] == ['kubernetes.io/pvc-protection']
    assert stored['status'] == {'phase': 'Pending'}
    assert faults('persistentvolumeclaims', {'spec': {}}) == [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
    ]
    bigger = copy.deepcopy(claim)
    bigger['spec']['resources']['requests']['storage'] = '2Gi'
    assert changes('persistentvolumeclaims', claim, bigger) == [
        'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName '
        'for bound claims'
    ]


def test_an_ingress_needs_rules_with_types_of_paths_and_backends() -> None:
    group = 'networking.k8s.io'
    assert faults('ingresses', {'spec': {}}, group) == [
        'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'
    ]
    rule = {'http': {'paths': [{'path': 'x', 'pathType': 'Prefix', 'backend': {}}, {'backend': {}}]}}
    path = 'spec.rules[0].http.paths'
    assert faults('ingresses', {'spec': {'rules': [rule]}}, group) == [
        f'{path}[0].path: Invalid value: "x": must be an absolute path',
        f'{path}[0].backend: Invalid value: "": resource or service backend is required',
        f'{path}[1].pathType: Required value: pathType must be specified',
        f'{path}[1].backend: Invalid value: "": resource or service backend is required',
    ]


def test_an_autoscaler_watches_the_cpu_by_default() -> None:
    target = {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'd'}
    obj = {'spec': {'scaleTargetRef': target, 'maxReplicas': 3}}
    found = made('horizontalpodautoscalers', obj, 'autoscaling', 'v2')
    cpu = {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 80}}
    assert found['spec']['metrics'] == [{'type': 'Resource', 'resource': cpu}]
    assert found['spec']['minReplicas'] == 1
    assert 'metrics' not in made('horizontalpodautoscalers', obj, 'autoscaling', 'v1')['spec']
    assert faults('horizontalpodautoscalers', {'spec': {'scaleTargetRef': target}}, 'autoscaling', 'v2') == [
        'spec.maxReplicas: Invalid value: 0: must be greater than 0',
        'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ]


def test_events_are_in_the_namespace_of_what_they_tell_of() -> None:
    event = {'metadata': {'name': 'e', 'namespace': 'a'}, 'involvedObject': {'kind': 'Pod', 'namespace': 'b'}}
    assert faults('events', event) == ['involvedObject.namespace: Invalid value: "b": does not match event.namespace']
    event['involvedObject'] = {'kind': 'Pod', 'namespace': 'a'}
    assert faults('events', event) == []


def test_leases_last_for_some_time() -> None:
    assert faults('leases', {'spec': {'leaseDurationSeconds': 0, 'leaseTransitions': -1}}, 'coordination.k8s.io') == [
        'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
        'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ]


def test_a_node_brings_its_status_and_is_tainted() -> None:
    found = made('nodes', {'status': {'capacity': {'cpu': '1'}}})
    assert found['status']['allocatable'] == {'cpu': '1'}
    assert found['spec']['taints'] == [{'key': 'node.kubernetes.io/not-ready', 'effect': 'NoSchedule'}]
    assert not of('nodes').creates_without_status


@pytest.mark.parametrize(
    ('plural', 'group', 'creates'),
    [
        ('leases', 'coordination.k8s.io', True),
        ('events', '', True),
        ('events', 'events.k8s.io', True),
        ('roles', 'rbac.authorization.k8s.io', True),
        ('endpoints', '', True),
        ('services', '', True),
        ('configmaps', '', False),
        ('secrets', '', False),
        ('namespaces', '', False),
        ('pods', '', False),
        ('deployments', 'apps', False),
    ],
)
def test_some_kinds_are_created_by_put(plural: str, group: str, creates: bool) -> None:
    assert of(plural, group).put_creates is creates


def test_unknown_kinds_have_the_usual_strategy() -> None:
    found = of('things', 'example.com')
    assert found.creates_without_status
    assert found.name is not None
    assert found.name('a..b', False)


@pytest.mark.parametrize('plural', ['pods', 'services', 'serviceaccounts', 'persistentvolumeclaims'])
def test_some_deletions_answer_with_the_object(plural: str) -> None:
    assert of(plural).deletes_object
    assert not of('configmaps').deletes_object


def test_flow_control_has_its_usual_numbers() -> None:
    group = 'flowcontrol.apiserver.k8s.io'
    assert made('flowschemas', {}, group)['spec']['matchingPrecedence'] == 1000
    level = {'type': 'Limited', 'limited': {'limitResponse': {'type': 'Queue', 'queuing': {}}}}
    found = made('prioritylevelconfigurations', {'spec': level}, group)
    assert found['status'] == {}
    assert found['spec']['limited'] == {
        'nominalConcurrencyShares': 30,
        'lendablePercent': 0,
        'limitResponse': {'type': 'Queue', 'queuing': {'queues': 64, 'handSize': 8, 'queueLengthLimit': 50}},
    }


# --- warnings


def warned(plural: str, obj: Json, group: str = '') -> list[str]:
    stored = made(plural, obj, group)
    particular = of(plural, group)
    assert particular.warnings(stored, stored) == []
    return list(particular.warnings(stored, None))


def test_names_with_dots_are_no_good_for_hosts() -> None:
    why = 'which can result in surprising behavior; a DNS label is recommended: [must not contain dots]'
    assert warned('pods', {'metadata': {'name': 'a.b'}, **pod()}) == [
        f"metadata.name: this is used in the Pod's hostname, {why}"
    ]
    assert warned('deployments', {'metadata': {'name': 'a.b'}, **deployment()}, 'apps') == [
        f'metadata.name: this is used in Pod names and hostnames, {why}'
    ]
    assert warned('pods', pod()) == warned('deployments', deployment(), 'apps') == []


def test_variables_that_hide_others_are_told_of() -> None:
    variables = [{'name': 'A', 'value': '1'}, {'name': 'A', 'value': '2'}]
    obj = pod(containers=[{'name': 'main', 'image': 'img:1', 'env': variables}])
    why = 'hides previous definition of "A", which may be dropped when using apply'
    assert warned('pods', obj) == [f'spec.containers[0].env[1]: {why}']


def test_the_annotation_for_the_class_of_an_ingress_is_deprecated() -> None:
    obj = {'metadata': {'name': 'a', 'annotations': {'kubernetes.io/ingress.class': 'x'}}, 'spec': {}}
    assert warned('ingresses', obj, 'networking.k8s.io') == [
        'annotation "kubernetes.io/ingress.class" is deprecated, please use \'spec.ingressClassName\' instead'
    ]
