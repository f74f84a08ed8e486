"""The official `kubernetes` client against the emulated cluster, synchronous as it is."""

from collections.abc import Iterator
from typing import Any

import pytest
from emulated_cluster import EmulatedCluster
from kubernetes import client, config, dynamic, watch
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

PATIENCE_SECONDS = 30


@pytest.fixture
def api(cluster: EmulatedCluster) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        yield api
        api.rest_client.pool_manager.clear()


def test_pods_are_created_watched_and_deleted(api: client.ApiClient) -> None:
    core = client.CoreV1Api(api)
    container = client.V1Container(name='c', image='busybox')
    pod = client.V1Pod(metadata=client.V1ObjectMeta(name='p'), spec=client.V1PodSpec(containers=[container]))
    made = core.create_namespaced_pod('default', pod)
    assert (made.status.phase, made.spec.restart_policy, made.metadata.creation_timestamp.tzinfo) != (None, None, None)
    core.patch_namespaced_pod_status('p', 'default', {'status': {'phase': 'Running'}})
    seen = []
    watching = watch.Watch()
    for event in watching.stream(core.list_namespaced_pod, 'default', timeout_seconds=PATIENCE_SECONDS):
        seen.append((event['type'], event['object'].status.phase))
        if event['type'] == 'DELETED':
            watching.stop()
        elif len(seen) == 1:
            core.patch_namespaced_pod('p', 'default', [{'op': 'add', 'path': '/metadata/labels', 'value': {'a': 'b'}}])
            core.delete_namespaced_pod('p', 'default', grace_period_seconds=0)
    assert seen == [('ADDED', 'Running'), ('MODIFIED', 'Running'), ('DELETED', 'Running')]


def test_a_watch_from_an_old_revision_goes_on_from_there(api: client.ApiClient) -> None:
    core = client.CoreV1Api(api)
    revision = core.list_namespaced_config_map('default').metadata.resource_version
    for name in ('a', 'b'):
        core.create_namespaced_config_map('default', client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name)))
    watching = watch.Watch()
    since = {'resource_version': revision, 'field_selector': 'metadata.name=b', 'timeout_seconds': PATIENCE_SECONDS}
    for event in watching.stream(core.list_namespaced_config_map, 'default', **since):
        assert (event['type'], event['object'].metadata.name) == ('ADDED', 'b')
        watching.stop()


def test_deployments_are_applied_scaled_and_patched_strategically(api: client.ApiClient) -> None:
    apps = client.AppsV1Api(api)
    template = {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}
    body: dict[str, Any] = {
        'apiVersion': 'apps/v1',
        'kind': 'Deployment',
        'metadata': {'name': 'd'},
        'spec': {'selector': {'matchLabels': {'a': 'b'}}, 'template': template},
    }
    apply: Any = {'field_manager': 'me', '_content_type': 'application/apply-patch+yaml'}
    assert apps.patch_namespaced_deployment('d', 'default', body, **apply).spec.replicas == 1
    second = {'spec': {'template': {'spec': {'containers': [{'name': 'side', 'image': 'i'}]}}}}
    patched = apps.patch_namespaced_deployment('d', 'default', second)
    assert [each.name for each in patched.spec.template.spec.containers] == ['side', 'c']
    assert apps.patch_namespaced_deployment_scale('d', 'default', {'spec': {'replicas': 3}}).spec.replicas == 3
    assert apps.read_namespaced_deployment('d', 'default').spec.replicas == 3
    body['spec'] |= {'replicas': 5}
    with pytest.raises(client.ApiException) as conflict:
        apps.patch_namespaced_deployment('d', 'default', body, **apply)
    assert (conflict.value.status, '.spec.replicas' in conflict.value.body) == (409, True)


def test_the_dynamic_client_does_all_with_custom_objects(api: client.ApiClient, widgets: dict[str, Any]) -> None:
    found = dynamic.DynamicClient(api)
    definitions = found.resources.get(api_version='apiextensions.k8s.io/v1', kind='CustomResourceDefinition')
    definitions.create(body=widgets)
    resource = found.resources.get(api_version='ex.dev/v1', kind='Widget')
    body = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}, 'spec': {'size': 2}}
    assert resource.create(body=body, namespace='default').metadata.generation == 1
    changed = {**body, 'spec': {'size': 3}}
    applied = resource.server_side_apply(
        body=changed, name='w', namespace='default', field_manager='me', force_conflicts=True
    )
    assert applied.spec.size == 3
    merge = {'content_type': 'application/merge-patch+json'}
    patched = resource.patch(body={'spec': {'tags': ['a']}}, name='w', namespace='default', **merge)
    assert (patched.spec.tags, patched.spec.size) == (['a'], 3)
    resource.status.patch(body={'status': {'phase': 'Done'}}, name='w', namespace='default', **merge)
    assert resource.get(name='w', namespace='default').status.phase == 'Done'
    resource.scale.patch(body={'spec': {'replicas': 2}}, name='w', namespace='default', **merge)
    assert resource.get(name='w', namespace='default').spec.replicas == 2
    watching = watch.Watch()
    for event in resource.watch(namespace='default', timeout=PATIENCE_SECONDS, watcher=watching):
        assert (event['type'], event['object'].metadata.name) == ('ADDED', 'w')
        watching.stop()
    resource.delete(name='w', namespace='default')
    assert resource.get(namespace='default').items == []


def test_reviews_and_tokens_tell_who_asks(api: client.ApiClient, cluster: EmulatedCluster) -> None:
    core = client.CoreV1Api(api)
    core.create_namespaced_service_account('default', client.V1ServiceAccount(metadata=client.V1ObjectMeta(name='bot')))
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
    issued = core.create_namespaced_service_account_token('bot', 'default', request)
    attributes = client.V1ResourceAttributes(namespace='default', verb='list', resource='pods')
    question = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    )
    configuration = client.Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    configuration.refresh_api_key_hook = None  # it would read the kubeconfig's token again
    configuration.api_key['BearerToken'] = f'Bearer {issued.status.token}'
    with client.ApiClient(configuration) as bot:
        answer = client.AuthorizationV1Api(bot).create_self_subject_access_review(question)
        assert answer.status.allowed is not cluster.has_users
        who = client.AuthenticationV1Api(bot).create_self_subject_review(client.V1SelfSubjectReview())
        assert who.status.user_info.username == 'system:serviceaccount:default:bot'
        bot.rest_client.pool_manager.clear()


def test_a_leader_is_elected_by_a_lease(api: client.ApiClient, cluster: EmulatedCluster) -> None:
    config.load_kube_config(str(cluster.kubeconfig))  # the lock takes the default configuration
    lock = LeaseLock('election', 'default', 'me')
    settings: dict[str, Any] = {'lease_duration': 3, 'renew_deadline': 2, 'retry_period': 1}
    callbacks: dict[str, Any] = {'onstarted_leading': lambda: None, 'onstopped_leading': lambda: None}
    election = leaderelection.LeaderElection(electionconfig.Config(lock, **settings, **callbacks))
    assert election.try_acquire_or_renew()
    lease = client.CoordinationV1Api(api).read_namespaced_lease('election', 'default')
    assert lease.spec.holder_identity == 'me'
    assert election.try_acquire_or_renew()
