"""The subresources of the emulated cluster, and the kinds that share their storage."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asking import ask

import kmock
from kmock.clock import LoopClock, ScaledClock

PODS = '/api/v1/namespaces/default/pods'
DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
CORE_EVENTS = '/api/v1/namespaces/default/events'
NEW_EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'
HPAS = '/apis/autoscaling/v{}/namespaces/default/horizontalpodautoscalers'
CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
MERGE = 'application/merge-patch+json'
STRATEGIC = 'application/strategic-merge-patch+json'
APPLY = 'application/apply-patch+yaml'


@pytest.fixture
async def cluster() -> AsyncIterator[kmock.KubernetesEmulator]:
    async with kmock.KubernetesEmulator() as handler:
        yield handler


async def send(
    cluster: kmock.KubernetesEmulator, action: str, body: Any = None, content: str = 'application/json', **headers: str
) -> tuple[int, Any]:
    raw = b'' if body is None else json.dumps(body).encode()
    reply = await ask(cluster, action, body=raw, headers={'Content-Type': content, **headers})
    return reply.status, reply.data if reply.body else None


async def make_pod(cluster: kmock.KubernetesEmulator, name: str = 'p', **spec: Any) -> Any:
    containers = [{'name': 'main', 'image': 'img'}]
    body = {'metadata': {'name': name, 'labels': {'a': 'b'}}, 'spec': {'containers': containers, **spec}}
    status, pod = await send(cluster, f'post {PODS}', body)
    assert status == 201, pod
    return pod


async def make_deployment(cluster: kmock.KubernetesEmulator) -> Any:
    template = {'metadata': {'labels': {'app': 'd'}}, 'spec': {'containers': [{'name': 'main', 'image': 'img'}]}}
    expressions = [{'key': 'b', 'operator': 'In', 'values': ['y', 'x']}, {'key': 'a', 'operator': 'Exists'}]
    template['metadata']['labels'] |= {'a': '1', 'b': 'x'}  # type: ignore[index]
    selector = {'matchLabels': {'app': 'd'}, 'matchExpressions': expressions}
    spec = {'replicas': 2, 'selector': selector, 'template': template}
    status, made = await send(cluster, f'post {DEPLOYMENTS}', {'metadata': {'name': 'd'}, 'spec': spec})
    assert status == 201, made
    return made


class TestScales:
    async def test_selectors_are_shown_as_one_sorted_line(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_deployment(cluster)
        _, scale = await send(cluster, f'get {DEPLOYMENTS}/d/scale')
        assert scale['status'] == {'replicas': 0, 'selector': 'a,app=d,b in (x,y)'}

    async def test_an_update_is_owned_as_a_part_of_the_parent(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_deployment(cluster)
        patch = {'spec': {'replicas': 5}}
        await send(cluster, f'patch {DEPLOYMENTS}/d/scale?fieldManager=hpa', patch, MERGE)
        _, parent = await send(cluster, f'get {DEPLOYMENTS}/d')
        owned = [each for each in parent['metadata']['managedFields'] if each.get('subresource') == 'scale']
        assert [each['manager'] for each in owned] == ['hpa']
        assert owned[0]['apiVersion'] == 'apps/v1'
        assert owned[0]['fieldsV1'] == {'f:spec': {'f:replicas': {}}}

    async def test_applying_conflicts_with_other_managers_unless_forced(
        self, cluster: kmock.KubernetesEmulator
    ) -> None:
        await make_deployment(cluster)
        applied = {'apiVersion': 'autoscaling/v1', 'kind': 'Scale', 'metadata': {'name': 'd'}, 'spec': {'replicas': 7}}
        action = f'patch {DEPLOYMENTS}/d/scale?fieldManager=me'
        status, answer = await send(cluster, action, applied, APPLY)
        assert (status, answer['reason']) == (409, 'Conflict')
        assert answer['details']['causes'][0]['field'] == '.spec.replicas'
        status, scale = await send(cluster, f'{action}&force=true', applied, APPLY)
        assert (status, scale['kind'], scale['spec']) == (200, 'Scale', {'replicas': 7})

    async def test_another_kind_is_not_applied(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_deployment(cluster)
        applied = {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'd'}}
        status, answer = await send(cluster, f'patch {DEPLOYMENTS}/d/scale?fieldManager=me', applied, APPLY)
        assert (status, answer['message']) == (400, 'invalid object type: apps/v1, Kind=Deployment')

    async def test_no_replicas_are_left_out_of_the_spec(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_deployment(cluster)
        status, scale = await send(cluster, f'patch {DEPLOYMENTS}/d/scale', {'spec': {'replicas': 0}}, STRATEGIC)
        assert (status, scale['spec']) == (200, {})

    async def test_a_dry_run_writes_nothing(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_deployment(cluster)
        _, scale = await send(cluster, f'patch {DEPLOYMENTS}/d/scale?dryRun=All', {'spec': {'replicas': 9}}, MERGE)
        assert scale['spec'] == {'replicas': 9}
        _, scale = await send(cluster, f'get {DEPLOYMENTS}/d/scale')
        assert scale['spec'] == {'replicas': 2}


class TestPods:
    async def test_bindings_add_annotations_and_need_the_uid_that_they_tell(
        self, cluster: kmock.KubernetesEmulator
    ) -> None:
        pod = await make_pod(cluster)
        body: Any = {'metadata': {'name': 'p', 'uid': 'other', 'annotations': {'x': 'y'}}, 'target': {'name': 'n1'}}
        status, answer = await send(cluster, f'post {PODS}/p/binding', body)
        assert status == 409
        assert 'Precondition failed: UID in precondition: other, UID in object meta: ' in answer['message']
        body['metadata']['uid'] = pod['metadata']['uid']
        status, _ = await send(cluster, f'post {PODS}/p/binding', body)
        assert status == 201
        _, pod = await send(cluster, f'get {PODS}/p')
        assert (pod['metadata']['annotations'], pod['spec']['nodeName']) == ({'x': 'y'}, 'n1')

    async def test_bindings_only_to_nodes(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_pod(cluster)
        body = {'metadata': {'name': 'p'}, 'target': {'kind': 'Pod'}}
        status, answer = await send(cluster, f'post {PODS}/p/binding', body)
        assert (status, answer['message']) == (
            500,
            '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
        )

    async def test_an_eviction_under_two_budgets_is_not_supported(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_pod(cluster, nodeName='n1')
        await send(cluster, f'patch {PODS}/p/status', {'status': {'phase': 'Running'}}, MERGE)
        for name in ('one', 'two'):
            budget = {'metadata': {'name': name}, 'spec': {'selector': {'matchLabels': {'a': 'b'}}}}
            assert (await send(cluster, f'post {BUDGETS}', budget))[0] == 201
        _, answer = await send(cluster, f'post {PODS}/p/eviction', {'metadata': {'name': 'p'}})
        assert (answer['status'], answer['code']) == ('Failure', 500)
        assert answer['message'].startswith('This pod has more than one PodDisruptionBudget')
        assert (await send(cluster, f'get {PODS}/p'))[1]['metadata'].get('deletionTimestamp') is None

    async def test_an_eviction_has_options_of_the_deletion(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_pod(cluster, nodeName='n1')
        eviction = {'apiVersion': 'policy/v1beta1', 'kind': 'Eviction', 'metadata': {'name': 'p'}}
        status, _ = await send(
            cluster, f'post {PODS}/p/eviction', {**eviction, 'deleteOptions': {'gracePeriodSeconds': 3}}
        )
        assert status == 201
        _, pod = await send(cluster, f'get {PODS}/p')
        assert pod['metadata']['deletionGracePeriodSeconds'] == 3
        assert pod['status']['conditions'][0]['reason'] == 'EvictionByEvictionAPI'

    async def test_an_eviction_as_a_dry_run_deletes_nothing(self, cluster: kmock.KubernetesEmulator) -> None:
        pod = await make_pod(cluster)
        status, _ = await send(cluster, f'post {PODS}/p/eviction?dryRun=All', {'metadata': {'name': 'p'}})
        assert (status, (await send(cluster, f'get {PODS}/p'))[1]) == (201, pod)

    async def test_ephemeral_containers_are_only_added(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_pod(cluster)
        path = f'{PODS}/p/ephemeralcontainers'
        added = {
            'metadata': {'labels': {'x': 'y'}},
            'spec': {'ephemeralContainers': [{'name': 'dbg', 'image': 'dbg'}], 'priority': 5},
        }
        status, pod = await send(cluster, f'patch {path}', added, STRATEGIC)
        assert (status, pod['metadata']['generation'], pod['spec']['priority']) == (200, 2, 0)
        assert pod['metadata']['labels'] == {'a': 'b'}
        status, answer = await send(cluster, f'patch {path}', {'spec': {'ephemeralContainers': None}}, MERGE)
        cause = 'Forbidden: existing ephemeral containers "dbg" may not be removed\n'
        assert (status, answer['details']['causes'][0]['message']) == (422, cause)

    async def test_a_resize_changes_resources_but_not_the_class(self, cluster: kmock.KubernetesEmulator) -> None:
        resources = {'requests': {'cpu': '100m'}, 'limits': {'cpu': '200m'}}
        await make_pod(cluster, containers=[{'name': 'main', 'image': 'img', 'resources': resources}])
        bigger = {'name': 'main', 'image': 'no', 'resources': {'requests': {'cpu': '150m'}}}
        path = f'{PODS}/p/resize'
        status, pod = await send(cluster, f'patch {path}', {'spec': {'containers': [bigger]}}, STRATEGIC)
        container = pod['spec']['containers'][0]
        assert (status, container['image'], container['resources']['requests']) == (200, 'img', {'cpu': '150m'})
        assert pod['metadata']['generation'] == 2
        none = {'spec': {'containers': [{'name': 'main', 'resources': {'requests': None, 'limits': None}}]}}
        status, answer = await send(cluster, f'patch {path}', none, STRATEGIC)
        assert status == 422
        assert 'Pod QOS Class may not change as a result of resizing' in answer['message']
        assert 'resource limits cannot be removed' in answer['message']

    @pytest.mark.parametrize('name', ['exec', 'attach', 'portforward'])
    async def test_streams_need_a_node(self, cluster: kmock.KubernetesEmulator, name: str) -> None:
        await make_pod(cluster)
        status, answer = await send(cluster, f'get {PODS}/p/{name}', Accept='application/x-tar')
        assert (status, answer['message']) == (400, 'pod p does not have a host assigned')

    async def test_streams_end_at_nodes_where_nobody_listens(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_pod(cluster, nodeName='n1')
        status, answer = await send(cluster, f'post {PODS}/p/exec?command=ls')
        assert (status, answer['message']) == (404, 'pods "n1" not found')
        await send(cluster, 'post /api/v1/nodes', {'metadata': {'name': 'n1'}})
        status, answer = await send(cluster, f'post {PODS}/p/exec?command=ls')
        assert (status, answer['message']) == (500, 'no preferred addresses found; known addresses: []')
        addresses = {'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.7'}]}}
        await send(cluster, 'patch /api/v1/nodes/n1/status', addresses, MERGE)
        status, answer = await send(cluster, f'post {PODS}/p/exec?command=ls')
        assert (status, answer['message']) == (400, 'Upgrade request required')
        status, answer = await send(cluster, f'get {PODS}/p/exec', Connection='Upgrade', Upgrade='websocket')
        refused = 'dial tcp 10.0.0.7:10250: connect: connection refused'
        assert (status, answer['message']) == (500, f'error dialing backend: {refused}')
        status, answer = await send(cluster, f'get {PODS}/p/log')
        url = 'https://10.0.0.7:10250/containerLogs/default/p/main'
        assert (status, answer['message']) == (500, f'Get "{url}": {refused}')

    async def test_proxies_need_addresses(self, cluster: kmock.KubernetesEmulator) -> None:
        await make_pod(cluster)
        status, answer = await send(cluster, f'get {PODS}/p:8080/proxy/some/path')
        assert (status, answer['message']) == (400, 'address not allowed')
        await send(cluster, f'patch {PODS}/p/status', {'status': {'podIPs': [{'ip': '10.1.1.1'}]}}, MERGE)
        status, answer = await send(cluster, f'get {PODS}/p:8080/proxy/some/path')
        refused = 'dial tcp 10.1.1.1:8080: connect: connection refused'
        assert (status, answer['message']) == (503, f'error trying to reach service: {refused}')
        service = {'metadata': {'name': 's'}, 'spec': {'ports': [{'port': 80}]}}
        await send(cluster, 'post /api/v1/namespaces/default/services', service)
        status, answer = await send(cluster, 'get /api/v1/namespaces/default/services/s/proxy/')
        assert (status, answer['message']) == (503, 'no endpoints available for service "s"')

    async def test_one_of_several_containers_must_be_named(self, cluster: kmock.KubernetesEmulator) -> None:
        containers = [{'name': name, 'image': 'img'} for name in ('one', 'two')]
        await make_pod(cluster, containers=containers)
        status, answer = await send(cluster, f'get {PODS}/p/log')
        why = 'a container name must be specified for pod p, choose one of: [one two]'
        assert (status, answer['message']) == (400, why)
        assert (await send(cluster, f'get {PODS}/p/log?container=two'))[0] == 204


class TestOthers:
    async def test_tokens_are_issued_for_accounts(self, cluster: kmock.KubernetesEmulator) -> None:
        await send(cluster, 'post /api/v1/namespaces/default/serviceaccounts', {'metadata': {'name': 'sa'}})
        path = '/api/v1/namespaces/default/serviceaccounts'
        status, issued = await send(cluster, f'post {path}/sa/token', {'spec': {'expirationSeconds': 900}})
        assert (status, issued['kind'], issued['spec']['expirationSeconds']) == (201, 'TokenRequest', 900)
        part = issued['status']['token'].split('.')[1]
        claims = json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))
        assert claims['sub'] == 'system:serviceaccount:default:sa'
        status, answer = await send(cluster, f'post {path}/absent/token', {})
        assert (status, answer['message']) == (404, 'serviceaccounts "absent" not found')

    async def test_decisions_on_certificates_are_final(self, cluster: kmock.KubernetesEmulator) -> None:
        spec = {'request': 'eA==', 'signerName': 'ex.dev/x', 'usages': ['client auth']}
        await send(cluster, f'post {CSRS}', {'metadata': {'name': 'c'}, 'spec': spec})
        path = f'{CSRS}/c/approval'
        approved = {'status': {'conditions': [{'type': 'Approved', 'status': 'True', 'reason': 'Why'}]}}
        status, request = await send(cluster, f'patch {path}', {**approved, 'spec': {'signerName': 'no/no'}}, MERGE)
        assert (status, request['spec']['signerName']) == (200, 'ex.dev/x')
        condition = request['status']['conditions'][0]
        assert condition['lastUpdateTime']
        assert condition['lastTransitionTime']
        status, answer = await send(cluster, f'patch {path}', {'status': {'conditions': None}}, MERGE)
        why = 'updates may not remove a condition of type "Approved"'
        assert (status, answer['details']['causes'][0]['message']) == (422, f'Forbidden: {why}')
        denied = {'type': 'Denied', 'status': 'True'}
        status, answer = await send(cluster, f'patch {path}', {'status': {'conditions': [condition, denied]}}, MERGE)
        assert 'Approved and Denied conditions are mutually exclusive' in answer['message']

    async def test_components_are_well(self, cluster: kmock.KubernetesEmulator) -> None:
        _, listed = await send(cluster, 'get /api/v1/componentstatuses')
        assert [each['metadata']['name'] for each in listed['items']] == ['controller-manager', 'etcd-0', 'scheduler']
        _, one = await send(cluster, 'get /api/v1/componentstatuses/scheduler')
        assert one['conditions'] == [{'type': 'Healthy', 'status': 'True', 'message': 'ok'}]
        status, answer = await send(cluster, 'get /api/v1/componentstatuses/x')
        assert (status, answer['message']) == (500, 'Component not found: x')

    async def test_unknown_finalizers_of_namespaces_are_refused(self, cluster: kmock.KubernetesEmulator) -> None:
        body = {'metadata': {'name': 'default'}, 'spec': {'finalizers': ['what']}}
        status, answer = await send(cluster, 'put /api/v1/namespaces/default/finalize', body)
        assert status == 422
        assert answer['details']['causes'][0]['field'] == 'spec.finalizers[0]'


class TestSharedStorage:
    async def test_events_are_the_same_in_both_groups(self, cluster: kmock.KubernetesEmulator) -> None:
        involved = {'kind': 'Pod', 'name': 'p', 'namespace': 'default'}
        old = {'metadata': {'name': 'e'}, 'involvedObject': involved, 'message': 'text', 'count': 2, 'reason': 'R'}
        assert (await send(cluster, f'post {CORE_EVENTS}', old))[0] == 201
        status, new = await send(cluster, f'get {NEW_EVENTS}/e')
        assert status == 200
        assert (new['kind'], new['apiVersion']) == ('Event', 'events.k8s.io/v1')
        assert (new['regarding'], new['note'], new['deprecatedCount']) == (involved, 'text', 2)
        assert 'involvedObject' not in new
        assert 'reportingController' not in new
        _, found = await send(cluster, f'get {NEW_EVENTS}?fieldSelector=regarding.name%3Dp')
        assert [each['note'] for each in found['items']] == ['text']

    async def test_new_events_are_listed_in_the_old_wording(self, cluster: kmock.KubernetesEmulator) -> None:
        new = {
            'metadata': {'name': 'e'},
            'eventTime': '2026-01-01T00:00:00.000000Z',
            'reportingController': 'c',
            'reportingInstance': 'c-1',
            'action': 'A',
            'reason': 'R',
            'type': 'Normal',
            'note': 'text',
            'regarding': {'kind': 'Pod', 'name': 'p', 'namespace': 'default'},
        }
        status, made = await send(cluster, f'post {NEW_EVENTS}', new)
        assert (status, made['note']) == (201, 'text')
        _, listed = await send(cluster, f'get {CORE_EVENTS}')
        (old,) = listed['items']
        assert (old['message'], old['reportingComponent'], old['involvedObject']['name']) == ('text', 'c', 'p')
        assert old['metadata']['resourceVersion'] == made['metadata']['resourceVersion']
        status, _ = await send(cluster, f'delete {NEW_EVENTS}/e')
        assert (status, (await send(cluster, f'get {CORE_EVENTS}'))[1]['items']) == (200, [])

    async def test_autoscalers_keep_in_annotations_what_v1_lacks(self, cluster: kmock.KubernetesEmulator) -> None:
        target = {'kind': 'Deployment', 'name': 'd', 'apiVersion': 'apps/v1'}
        cpu = {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 50}}
        pods = {'metric': {'name': 'rps'}, 'target': {'type': 'AverageValue', 'averageValue': '5'}}
        metrics = [{'type': 'Pods', 'pods': pods}, {'type': 'Resource', 'resource': cpu}]
        body = {'metadata': {'name': 'h'}, 'spec': {'scaleTargetRef': target, 'maxReplicas': 3, 'metrics': metrics}}
        status, made = await send(cluster, f'post {HPAS.format(2)}', body)
        assert (status, made['spec']['metrics']) == (201, metrics)
        _, old = await send(cluster, f'get {HPAS.format(1)}/h')
        assert (old['apiVersion'], old['spec']['targetCPUUtilizationPercentage']) == ('autoscaling/v1', 50)
        kept = json.loads(old['metadata']['annotations']['autoscaling.alpha.kubernetes.io/metrics'])
        assert kept == [{'type': 'Pods', 'pods': {'metricName': 'rps', 'targetAverageValue': '5'}}]
        status, old = await send(cluster, f'patch {HPAS.format(1)}/h', {'spec': {'maxReplicas': 9}}, MERGE)
        assert (status, old['spec']['maxReplicas']) == (200, 9)
        _, new = await send(cluster, f'get {HPAS.format(2)}/h')
        assert (new['spec']['metrics'], new['spec']['maxReplicas']) == (metrics, 9)
        assert 'annotations' not in new['metadata']

    async def test_old_autoscalers_scale_by_the_cpu(self, cluster: kmock.KubernetesEmulator) -> None:
        target = {'kind': 'Deployment', 'name': 'd'}
        body = {'metadata': {'name': 'h'}, 'spec': {'scaleTargetRef': target, 'maxReplicas': 3}}
        status, old = await send(cluster, f'post {HPAS.format(1)}', body)
        assert (status, old['spec']['targetCPUUtilizationPercentage']) == (201, 80)
        _, new = await send(cluster, f'get {HPAS.format(2)}/h')
        cpu = {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 80}}
        assert new['spec']['metrics'] == [{'type': 'Resource', 'resource': cpu}]

    async def test_watches_tell_events_in_their_own_wording(self) -> None:
        async with kmock.KubernetesEmulator(clock=ScaledClock(LoopClock(), 50)) as cluster:
            await self._watch_events(cluster)

    async def _watch_events(self, cluster: kmock.KubernetesEmulator) -> None:
        involved = {'kind': 'Pod', 'name': 'p', 'namespace': 'default'}
        old = {'metadata': {'name': 'e'}, 'involvedObject': involved, 'message': 'text'}
        await send(cluster, f'post {CORE_EVENTS}', old)
        await send(cluster, f'patch {CORE_EVENTS}/e', {'message': 'other'}, MERGE)
        reply = await ask(cluster, f'get {NEW_EVENTS}?watch=1&timeoutSeconds=1&resourceVersion=1')
        lines = [(each['type'], each['object']['apiVersion'], each['object']['note']) for each in reply.lines]
        assert lines == [('ADDED', 'events.k8s.io/v1', 'text'), ('MODIFIED', 'events.k8s.io/v1', 'other')]

    async def test_custom_resources_differ_by_the_version_alone(self, cluster: kmock.KubernetesEmulator) -> None:
        schema = {'type': 'object', 'properties': {'spec': {'type': 'object', 'properties': {}}}}
        whole = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
        versions = [
            {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': whole}},
            {'name': 'v2', 'served': True, 'storage': False, 'schema': {'openAPIV3Schema': schema}},
        ]
        names = {'plural': 'things', 'kind': 'Thing'}
        spec = {'group': 'ex.dev', 'scope': 'Namespaced', 'names': names, 'versions': versions}
        crd = {'metadata': {'name': 'things.ex.dev'}, 'spec': spec}
        status, _ = await send(cluster, 'post /apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
        assert status == 201
        path = '/apis/ex.dev/{}/namespaces/default/things'
        thing = {'apiVersion': 'ex.dev/v1', 'kind': 'Thing', 'metadata': {'name': 't'}, 'spec': {'x': 1}}
        assert (await send(cluster, f'post {path.format("v1")}', thing))[0] == 201
        _, found = await send(cluster, f'get {path.format("v2")}/t')
        assert (found['apiVersion'], found['spec']) == ('ex.dev/v2', {})
        _, found = await send(cluster, f'get {path.format("v1")}/t')
        assert (found['apiVersion'], found['spec']) == ('ex.dev/v1', {'x': 1})

    async def test_objects_of_a_test_are_stored_in_the_same_wording(self, cluster: kmock.KubernetesEmulator) -> None:
        involved = {'kind': 'Pod', 'name': 'p', 'namespace': 'default'}
        cluster.objects['events.k8s.io/v1/events', 'default', 'e'] = {'note': 'text', 'regarding': involved}
        _, old = await send(cluster, f'get {CORE_EVENTS}/e')
        assert (old['message'], old['involvedObject']) == ('text', involved)
        assert cluster.objects['v1/events', 'default', 'e']['message'] == 'text'

    @pytest.mark.parametrize('kept', ['[{"type": []}]', '[1]', '{', '{"a": 1}', '[' * 100_000])
    async def test_unreadable_annotations_of_autoscalers_are_disregarded(
        self, cluster: kmock.KubernetesEmulator, kept: str
    ) -> None:
        metadata = {'name': 'h', 'annotations': {'autoscaling.alpha.kubernetes.io/metrics': kept, 'own': 'x'}}
        spec = {'scaleTargetRef': {'kind': 'Deployment', 'name': 'd'}, 'maxReplicas': 3}
        status, _ = await send(cluster, f'post {HPAS.format(1)}', {'metadata': metadata, 'spec': spec})
        assert status == 201
        _, new = await send(cluster, f'get {HPAS.format(2)}/h')
        assert [each['resource']['name'] for each in new['spec']['metrics']] == ['cpu']
        assert new['metadata']['annotations'] == {'own': 'x'}
