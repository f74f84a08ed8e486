"""Rules of a real API server that clients seldom meet: what it tidies up, what it refuses, what is there at start."""

from typing import Any

import pytest
from living_cluster import CONFIGMAPS, CRDS, LivingCluster, crd

MERGE = 'application/merge-patch+json'
APPLY = 'application/apply-patch+yaml'
WIDGETS = '/apis/ex.dev/v1/namespaces/default/widgets'
NAMESPACE = '/api/v1/namespaces/default'


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


async def refusal(cluster: LivingCluster, method: str, target: str, body: Any, **headers: str) -> list[tuple[str, str]]:
    """The causes of a 422."""
    told = await cluster.ask(method, target, body, **headers)
    assert told.status == 422, told.body
    return [(each['field'], each['message']) for each in told.data['details']['causes']]


# --- metadata


def owner(uid: str, **more: Any) -> Any:
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'o', 'uid': uid, **more}


def dedup_warning(*uids: str, when: str = '') -> list[str]:
    return [
        f'299 - ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in '
        '1.20+, and may reject such requests as early as 1.24; please fix your requests; '
        f'duplicate UID(s) observed: {", ".join(uids)}"'
    ]


async def test_owners_that_are_told_twice_are_kept_once(cluster: LivingCluster) -> None:
    owners = [owner('a'), owner('b'), owner('a'), owner('a', controller=True), owner('b')]
    told = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'x', 'ownerReferences': owners}})
    assert told.status == 201
    assert told.data['metadata']['ownerReferences'] == [owner('a'), owner('b'), owner('a', controller=True)]
    assert told.warnings == dedup_warning('a', 'b')
    told = await cluster.ask('PUT', f'{CONFIGMAPS}/x', {'metadata': {'name': 'x', 'ownerReferences': [owner('c')] * 3}})
    assert told.data['metadata']['ownerReferences'] == [owner('c')]
    assert told.warnings == dedup_warning('c', 'c')


async def test_owners_in_patches_are_looked_at_after_the_webhooks(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'x')
    told = await cluster.merge(f'{CONFIGMAPS}/x', {'metadata': {'ownerReferences': [owner('a')] * 2}})
    assert told.data['metadata']['ownerReferences'] == [owner('a')]
    assert told.warnings == dedup_warning('a', when=' after mutating admission happens')


async def test_a_namespace_in_an_object_of_the_whole_cluster_is_dropped(cluster: LivingCluster) -> None:
    body: Any = {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'default', 'namespace': 'elsewhere'}}
    ways = {'PUT': 'application/json', 'PATCH?': MERGE, 'PATCH?fieldManager=me&force=true': APPLY}
    for way, kind in ways.items():
        body['metadata']['labels'] = {'by': kind.partition('+')[0].replace('/', '.')}
        method, _, query = way.partition('?')
        told = await cluster.ask(method, f'{NAMESPACE}?{query}', body, content_type=kind)
        assert told.status == 200, told.body
        assert told.data['metadata']['labels'].items() >= body['metadata']['labels'].items()
        assert 'namespace' not in told.data['metadata']


# --- scales of custom resources


def scalable() -> Any:
    definition = crd()
    parts = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
    [version] = definition['spec']['versions']
    version['schema']['openAPIV3Schema']['properties']['status'] = parts
    paths = {'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.n', 'labelSelectorPath': '.status.s'}
    version['subresources'] = {'scale': paths, 'status': {}}
    return definition


@pytest.mark.parametrize(
    ('spec', 'why'),
    [
        ({'replicas': 'x'}, '0: .spec.replicas accessor error: x is of the type string, expected int64'),
        ({'replicas': 1.5}, '0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64'),
        ({'replicas': [1]}, '0: .spec.replicas accessor error: [1] is of the type []interface {}, expected int64'),
        ({'replicas': True}, '0: .spec.replicas accessor error: true is of the type bool, expected int64'),
        ({'replicas': -1}, '-1: should be a non-negative integer'),
        ({'replicas': 2**31}, '2147483648: should be less than or equal to 2147483647'),
    ],
)
async def test_replicas_of_custom_resources_are_whole_numbers(cluster: LivingCluster, spec: Any, why: str) -> None:
    await cluster.serve(scalable())
    body = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}, 'spec': spec}
    assert await refusal(cluster, 'POST', WIDGETS, body) == [('.spec.replicas', f'Invalid value: {why}')]
    await cluster.make(WIDGETS, 'w', spec={'replicas': 1})
    causes = await refusal(cluster, 'PATCH', f'{WIDGETS}/w', {'spec': spec}, content_type=MERGE)
    assert causes == [('.spec.replicas', f'Invalid value: {why}')]


async def test_statuses_of_custom_resources_can_be_shown_as_scales(cluster: LivingCluster) -> None:
    await cluster.serve(scalable())
    await cluster.make(WIDGETS, 'w', spec={'replicas': 1})
    patch = {'status': {'n': 'x', 's': {'a': 'b'}}}
    causes = await refusal(cluster, 'PATCH', f'{WIDGETS}/w/status', patch, content_type=MERGE)
    assert causes == [
        ('.status.n', 'Invalid value: 0: .status.n accessor error: x is of the type string, expected int64'),
        (
            '.status.s',
            'Invalid value: "": .status.s accessor error: map[a:b] is of the type map[string]interface {}, '
            'expected string',
        ),
    ]


async def test_scales_of_unfit_resources_tell_what_is_in_the_way(cluster: LivingCluster) -> None:
    definition = crd()
    definition['spec']['versions'][0]['subresources'] = {'status': {}}
    await cluster.serve(definition)
    await cluster.make(WIDGETS, 'w', spec={'replicas': 'x'})
    scale = {'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.n'}
    definition['spec']['versions'][0]['subresources']['scale'] = scale
    assert (await cluster.merge(f'{CRDS}/widgets.ex.dev', {'spec': definition['spec']})).status == 200
    told = await cluster.ask('GET', f'{WIDGETS}/w/scale')
    why = '.spec.replicas accessor error: x is of the type string, expected int64'
    assert (told.status, told.data['message']) == (500, why)


# --- what is there at start


async def test_a_cluster_begins_with_the_priorities_of_the_system(cluster: LivingCluster) -> None:
    path = '/apis/scheduling.k8s.io/v1/priorityclasses'
    assert await cluster.names(path) == ['system-cluster-critical', 'system-node-critical']
    found = (await cluster.ask('GET', f'{path}/system-node-critical')).data
    assert (found['value'], found['metadata']['generation']) == (2_000_001_000, 1)
    assert found['description'] == 'Used for system critical pods that must not be moved from their current node.'
    assert found['preemptionPolicy'] == 'PreemptLowerPriority'


# --- kinds


CORE = '/api/v1/namespaces/default'
NETWORKING = '/apis/networking.k8s.io/v1/namespaces/default'


async def wrong(cluster: LivingCluster, target: str, spec: Any) -> list[tuple[str, str]]:
    return await refusal(cluster, 'POST', target, {'metadata': {'name': 'x'}, 'spec': spec})


def block(cidr: str, *parts: str) -> Any:
    return {'podSelector': {}, 'ingress': [{'from': [{'ipBlock': {'cidr': cidr, 'except': list(parts)}}]}]}


def ports(**told: Any) -> Any:
    return {'podSelector': {}, 'egress': [{'ports': [told]}]}


NO_RANGE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
BLOCK = 'spec.ingress[0].from[0].ipBlock'
END = 'spec.egress[0].ports[0].endPort'


@pytest.mark.parametrize(
    ('spec', 'field', 'message'),
    [
        (block(''), f'{BLOCK}.cidr', 'Required value'),
        (block('10.0.0.0'), f'{BLOCK}.cidr', f'Invalid value: "10.0.0.0": {NO_RANGE}'),
        (block('10.0.0.0/00321'), f'{BLOCK}.cidr', f'Invalid value: "10.0.0.0/00321": {NO_RANGE}'),
        (block('10.0.0.0/8', 'x'), f'{BLOCK}.except[0]', f'Invalid value: "x": {NO_RANGE}'),
        (
            block('10.0.0.0/8', '10.1.0.0/16', '11.0.0.0/16'),
            f'{BLOCK}.except[1]',
            'Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        ),
        (
            block('10.0.0.0/8', '10.0.0.0/8'),
            f'{BLOCK}.except[0]',
            'Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
        ),
        (
            block('10.0.0.0/8', 'fd00::/64'),
            f'{BLOCK}.except[0]',
            'Invalid value: "fd00::/64": must be a strict subset of `cidr`',
        ),
        (ports(port=80, endPort=79), END, 'Invalid value: 80: must be greater than or equal to `port`'),
        (ports(port=80, endPort=70000), END, 'Invalid value: 70000: must be between 1 and 65535, inclusive'),
        (ports(port='http', endPort=80), END, 'Invalid value: 80: may not be specified when `port` is non-numeric'),
        (ports(endPort=80), END, 'Invalid value: 80: may not be specified when `port` is not specified'),
        (
            {'podSelector': {}, 'policyTypes': ['Ingress', 'Egress', 'Ingress']},
            'spec.policyTypes',
            'Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes',
        ),
    ],
)
async def test_network_policies_are_validated(cluster: LivingCluster, spec: Any, field: str, message: str) -> None:
    assert await wrong(cluster, f'{NETWORKING}/networkpolicies', spec) == [(field, message)]


@pytest.mark.parametrize(
    'spec',
    [
        block('10.0.0.0/8', '10.1.0.0/16'),
        block('010.0.0.0/08', '10.1.0.0/16'),
        block('::ffff:010.0.0.1/96', '::ffff:10.1.0.0/112'),
        block('10.0.0.0/' + '0' * 5000 + '8', '10.1.0.0/16'),
        ports(port=1, endPort=1),
    ],
)
async def test_network_policies_that_are_fine(cluster: LivingCluster, spec: Any) -> None:
    told = await cluster.ask('POST', f'{NETWORKING}/networkpolicies', {'metadata': {'name': 'x'}, 'spec': spec})
    assert told.status == 201, told.body


async def test_hosts_of_ingresses_are_names(cluster: LivingCluster) -> None:
    spec = {'rules': [{'host': '10.0.0.1'}], 'tls': [{'hosts': ['10.0.0.1']}]}
    why = 'Invalid value: "10.0.0.1": must be a DNS name, not an IP address'
    assert await wrong(cluster, f'{NETWORKING}/ingresses', spec) == [('spec.rules[0].host', why)]


def cron(zone: str) -> Any:
    container = {'name': 'c', 'image': 'i'}
    template = {'spec': {'restartPolicy': 'Never', 'containers': [container]}}
    return {'schedule': '* * * * *', 'timeZone': zone, 'jobTemplate': {'spec': {'template': template}}}


@pytest.mark.parametrize(
    ('zone', 'why'),
    [
        ('Europe//Berlin', 'unknown time zone Europe//Berlin'),
        ('../etc', 'unknown time zone ../etc'),
        ('-x', 'unknown time zone -x'),
        ('Local', 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ],
)
async def test_time_zones_of_cron_jobs_are_names(cluster: LivingCluster, zone: str, why: str) -> None:
    causes = await wrong(cluster, '/apis/batch/v1/namespaces/default/cronjobs', cron(zone))
    assert causes == [('spec.timeZone', f'Invalid value: "{zone}": {why}')]


async def test_time_zones_of_cron_jobs_exist(cluster: LivingCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('zoneinfo.available_timezones', lambda: {'Europe/Berlin'})
    jobs = '/apis/batch/v1/namespaces/default/cronjobs'
    causes = await wrong(cluster, jobs, cron('Mars/Olympus'))
    assert causes == [('spec.timeZone', 'Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus')]
    told = await cluster.ask('POST', jobs, {'metadata': {'name': 'x'}, 'spec': cron('UTC')})
    assert told.status == 201, told.body


STANDARD = 'must be a standard resource type or fully qualified'


@pytest.mark.parametrize(
    ('hard', 'messages'),
    [
        (
            {'foo': '1'},
            [f'Invalid value: "foo": {STANDARD}', 'Invalid value: "foo": must be a standard resource for quota'],
        ),
        ({'storage': '1'}, ['Invalid value: "storage": must be a standard resource for quota']),
        ({'pods': '1500m'}, ['Invalid value: "1500m": must be an integer']),
        ({'ex.dev/gpu': '1500m'}, ['Invalid value: "1500m": must be an integer']),
        ({'cpu': '-1'}, ['Invalid value: "-1": must be greater than or equal to 0']),
    ],
)
async def test_quotas_are_of_known_resources(cluster: LivingCluster, hard: Any, messages: list[str]) -> None:
    causes = await wrong(cluster, f'{CORE}/resourcequotas', {'hard': hard})
    assert causes == [(f'spec.hard[{next(iter(hard))}]', each) for each in messages]


async def test_quotas_that_are_fine(cluster: LivingCluster) -> None:
    hard = {'requests.cpu': '1500m', 'count/widgets.ex.dev': '3', 'requests.ex.dev/gpu': '1', 'hugepages-2Mi': '2Mi'}
    await cluster.make(f'{CORE}/resourcequotas', 'x', spec={'hard': hard, 'scopes': ['NotTerminating']})
    patch = {'spec': {'scopes': ['Terminating']}}
    causes = await refusal(cluster, 'PATCH', f'{CORE}/resourcequotas/x', patch, content_type=MERGE)
    assert causes == [('spec.scopes', 'Invalid value: ["Terminating"]: field is immutable')]
    causes = await wrong(cluster, f'{CORE}/resourcequotas', {'scopes': ['Terminating', 'NotTerminating']})
    assert causes == [('spec.scopes', 'Invalid value: ["Terminating","NotTerminating"]: conflicting scopes')]


LIMIT = 'spec.limits[0]'


@pytest.mark.parametrize(
    ('limit', 'causes'),
    [
        (
            {'type': 'Foo'},
            [(f'{LIMIT}.type', 'Invalid value: "Foo": must be a standard limit type or fully qualified')],
        ),
        (
            {'type': 'Pod', 'max': {'cpu': '1'}, 'min': {'cpu': '2'}},
            [(f'{LIMIT}.min[cpu]', 'Invalid value: "2": min value 2 is greater than max value 1')],
        ),
        (
            {'type': 'Pod', 'default': {'cpu': '1'}},
            [(f'{LIMIT}.default', "Forbidden: may not be specified when `type` is 'Pod'")],
        ),
        (
            {'type': 'Container', 'default': {'cpu': '1'}, 'defaultRequest': {'cpu': '2'}},
            [
                (
                    f'{LIMIT}.defaultRequest[cpu]',
                    'Invalid value: "2": default request value 2 is greater than default limit value 1',
                )
            ],
        ),
        (
            {'type': 'Container', 'max': {'pods': '1'}, 'default': {'pods': '1'}, 'defaultRequest': {'pods': '1'}},
            [
                (f'{LIMIT}.{key}[pods]', 'Invalid value: "pods": must be a standard resource for containers')
                for key in ('max', 'default', 'defaultRequest')
            ],
        ),
        (
            {'type': 'PersistentVolumeClaim'},
            [
                (
                    f'{LIMIT}.limits',
                    'Required value: either minimum or maximum storage value is required, but neither was provided',
                )
            ],
        ),
        (
            {'type': 'Pod', 'max': {'cpu': '1'}, 'min': {'cpu': '500m'}, 'maxLimitRequestRatio': {'cpu': '3'}},
            [
                (
                    f'{LIMIT}.maxLimitRequestRatio[cpu]',
                    'Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
                )
            ],
        ),
        (
            {'type': 'Pod', 'maxLimitRequestRatio': {'cpu': '500m'}},
            [(f'{LIMIT}.maxLimitRequestRatio[cpu]', 'Invalid value: "500m": ratio 500m is less than 1')],
        ),
    ],
)
async def test_limit_ranges_do_not_contradict_themselves(cluster: LivingCluster, limit: Any, causes: Any) -> None:
    assert await wrong(cluster, f'{CORE}/limitranges', {'limits': [limit]}) == causes


async def test_limit_ranges_have_one_limit_a_type(cluster: LivingCluster) -> None:
    causes = await wrong(cluster, f'{CORE}/limitranges', {'limits': [{'type': 'Pod'}] * 2})
    assert causes == [('spec.limits[1].type', 'Duplicate value: "Pod"')]


FAMILIES = 'may specify no more than one CIDR for each IP family'


@pytest.mark.parametrize(
    ('spec', 'causes'),
    [
        ({'podCIDR': 'x'}, [('spec.podCIDRs[0]', f'Invalid value: "x": {NO_RANGE}')]),
        (
            {'podCIDRs': ['10.0.0.0/24', '10.0.1.0/24']},
            [('spec.podCIDRs', f'Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: {FAMILIES}')],
        ),
        (
            {'podCIDRs': ['10.0.0.0/24'] * 2},
            [
                ('spec.podCIDRs', f'Invalid value: ["10.0.0.0/24","10.0.0.0/24"]: {FAMILIES}'),
                ('spec.podCIDRs[1]', 'Duplicate value: "10.0.0.0/24"'),
            ],
        ),
    ],
)
async def test_nodes_have_one_range_a_family(cluster: LivingCluster, spec: Any, causes: Any) -> None:
    assert await wrong(cluster, '/api/v1/nodes', spec) == causes


async def test_the_first_range_of_a_node_stands_alone_too(cluster: LivingCluster) -> None:
    ranges = ['10.0.0.0/24', 'fd00::/64']
    assert (await cluster.make('/api/v1/nodes', 'a', spec={'podCIDRs': ranges}))['spec']['podCIDR'] == ranges[0]
    assert (await cluster.make('/api/v1/nodes', 'b', spec={'podCIDR': ranges[0]}))['spec']['podCIDRs'] == ranges[:1]


def volume(**spec: Any) -> Any:
    return {'accessModes': ['ReadWriteOnce'], 'hostPath': {'path': '/x'}, **spec}


async def test_volumes_tell_since_when_they_are_in_their_phase(cluster: LivingCluster) -> None:
    volumes = '/api/v1/persistentvolumes'
    made = await cluster.make(volumes, 'v', spec=volume(capacity={'storage': '1Gi'}))
    assert made['status']['lastPhaseTransitionTime'] == made['metadata']['creationTimestamp']
    await cluster.clock.advance(60)
    told = await cluster.merge(f'{volumes}/v/status', {'status': {'message': 'x'}})
    assert told.data['status']['lastPhaseTransitionTime'] == made['metadata']['creationTimestamp']
    told = await cluster.merge(f'{volumes}/v/status', {'status': {'phase': 'Available'}})
    assert told.data['status']['lastPhaseTransitionTime'] == cluster.emulator.cluster.now()
    assert told.data['status']['lastPhaseTransitionTime'] != made['metadata']['creationTimestamp']


async def test_volumes_have_a_capacity_of_storage(cluster: LivingCluster) -> None:
    supported = ': supported values: "storage"'
    assert await wrong(cluster, '/api/v1/persistentvolumes', volume()) == [
        ('spec.capacity', 'Required value'),
        ('spec.capacity', f'Unsupported value: null{supported}'),
    ]
    assert await wrong(cluster, '/api/v1/persistentvolumes', volume(capacity={'cpu': '1'})) == [
        ('spec.capacity', f'Unsupported value: {{"cpu":"1"}}{supported}'),
    ]


# --- what goes, and what is left


HELD = {'finalizers': ['ex.dev/held']}


async def conditions(cluster: LivingCluster, name: str) -> dict[str, tuple[str, str, str]]:
    found = (await cluster.ask('GET', f'/api/v1/namespaces/{name}')).data['status']['conditions']
    return {each['type']: (each['status'], each['reason'], each['message']) for each in found}


async def test_terminating_namespaces_tell_what_holds_them(cluster: LivingCluster) -> None:
    await cluster.make('/api/v1/namespaces', 'n')
    maps = '/api/v1/namespaces/n/configmaps'
    await cluster.make(maps, 'a', **HELD)
    await cluster.make(maps, 'b', **HELD)
    held = {'name': 'c', 'finalizers': ['ex.dev/other']}
    told = await cluster.ask('POST', '/apis/coordination.k8s.io/v1/namespaces/n/leases', {'metadata': held})
    assert told.status == 201, told.body
    assert (await cluster.ask('DELETE', '/api/v1/namespaces/n')).status == 200
    found = await conditions(cluster, 'n')
    assert list(found) == [
        'NamespaceDeletionDiscoveryFailure',
        'NamespaceDeletionGroupVersionParsingFailure',
        'NamespaceDeletionContentFailure',
        'NamespaceContentRemaining',
        'NamespaceFinalizersRemaining',
    ]
    assert [each[0] for each in found.values()] == ['False', 'False', 'False', 'True', 'True']
    assert found['NamespaceContentRemaining'][1:] == (
        'SomeResourcesRemain',
        'Some resources are remaining: configmaps. has 2 resource instances, '
        'leases.coordination.k8s.io has 1 resource instances',
    )
    assert found['NamespaceFinalizersRemaining'][1:] == (
        'SomeFinalizersRemain',
        'Some content in the namespace has finalizers remaining: ex.dev/held in 2 resource instances, '
        'ex.dev/other in 1 resource instances',
    )
    await cluster.finalize(f'{maps}/a')
    found = await conditions(cluster, 'n')
    assert 'configmaps. has 1 resource instances' in found['NamespaceContentRemaining'][2]
    await cluster.finalize(f'{maps}/b')
    await cluster.finalize('/apis/coordination.k8s.io/v1/namespaces/n/leases/c')
    assert (await cluster.ask('GET', '/api/v1/namespaces/n')).status == 404


async def test_emptied_namespaces_with_finalizers_tell_that_they_are_empty(cluster: LivingCluster) -> None:
    await cluster.make('/api/v1/namespaces', 'n', **HELD)
    await cluster.make('/api/v1/namespaces/n/configmaps', 'a', **HELD)
    assert (await cluster.ask('DELETE', '/api/v1/namespaces/n')).status == 200
    before = (await cluster.ask('GET', '/api/v1/namespaces/n')).data['status']['conditions']
    await cluster.clock.advance(60)
    await cluster.finalize('/api/v1/namespaces/n/configmaps/a')
    told = await conditions(cluster, 'n')
    assert told['NamespaceContentRemaining'] == ('False', 'ContentRemoved', 'All content successfully removed')
    assert told['NamespaceFinalizersRemaining'][:2] == ('False', 'ContentHasNoFinalizers')
    after = (await cluster.ask('GET', '/api/v1/namespaces/n')).data['status']['conditions']
    assert [each == was for each, was in zip(after, before, strict=True)] == [True, True, True, False, False]
    assert after[0]['lastTransitionTime'] != after[3]['lastTransitionTime']


@pytest.mark.parametrize(
    ('options', 'why'),
    [
        ({'dryRun': [1]}, 'number into Go struct field DeleteOptions.dryRun of type string'),
        ({'dryRun': ['All', {}]}, 'object into Go struct field DeleteOptions.dryRun of type string'),
        ({'dryRun': 'All'}, 'string into Go struct field DeleteOptions.dryRun of type []string'),
        (
            {'preconditions': {'uid': 1}},
            'number into Go struct field Preconditions.preconditions.uid of type types.UID',
        ),
        (
            {'preconditions': {'resourceVersion': 1}},
            'number into Go struct field Preconditions.preconditions.resourceVersion of type string',
        ),
    ],
)
async def test_options_of_wrong_types_are_not_decoded(cluster: LivingCluster, options: Any, why: str) -> None:
    await cluster.make(CONFIGMAPS, 'x')
    told = await cluster.ask('DELETE', f'{CONFIGMAPS}/x', options)
    assert (told.status, told.data['message'].endswith(f'json: cannot unmarshal {why}')) == (400, True), told.body


# --- what Go writes


async def test_sets_of_fields_begin_with_the_field_itself(cluster: LivingCluster) -> None:
    body = {'metadata': {'name': 'x', 'labels': {'b': '', 'a': ''}}, 'data': {'z': '', 'y': ''}}
    told = await cluster.ask('POST', CONFIGMAPS, body)
    [entry] = told.data['metadata']['managedFields']
    assert list(entry['fieldsV1']) == ['f:data', 'f:metadata']
    assert list(entry['fieldsV1']['f:data']) == ['.', 'f:y', 'f:z']
    assert list(entry['fieldsV1']['f:metadata']['f:labels']) == ['.', 'f:a', 'f:b']


@pytest.mark.parametrize(
    ('target', 'rest'),
    [
        ('/api/v1/configmaps', {}),
        ('/api/v1/limitranges', {'spec': {'limits': None}}),
        (
            '/apis/apps/v1/deployments',
            {
                'spec': {
                    'selector': None,
                    'template': {'metadata': {}, 'spec': {'containers': None}},
                    'strategy': {},
                },
                'status': {},
            },
        ),
        ('/apis/networking.k8s.io/v1/ingresses', {'spec': {}, 'status': {'loadBalancer': {}}}),
        ('/apis/rbac.authorization.k8s.io/v1/roles', {'rules': None}),
    ],
)
async def test_bookmarks_have_the_parts_that_go_never_omits(cluster: LivingCluster, target: str, rest: Any) -> None:
    query = 'sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1'
    watch = await cluster.watch(f'{target}?watch=true&{query}')
    event = await watch.next()
    assert event['type'] == 'BOOKMARK'
    assert {
        key: value for key, value in event['object'].items() if key not in ('kind', 'apiVersion', 'metadata')
    } == rest
    await watch.close()


# --- resources within resources


@pytest.mark.parametrize(
    ('metadata', 'field', 'message'),
    [
        ({'name': 'a/b'}, 'name', 'Invalid value: "a/b": may not contain \'/\''),
        ({'name': 'a', 'ownerReferences': [owner('')]}, 'ownerReferences.uid', 'Invalid value: "": must not be empty'),
        ({'generateName': 'a%'}, 'generateName', 'Invalid value: "a%": may not contain \'%\''),
    ],
)
async def test_metadata_of_embedded_resources_is_validated(
    cluster: LivingCluster, metadata: Any, field: str, message: str
) -> None:
    inner = {'type': 'object', 'x-kubernetes-embedded-resource': True, 'x-kubernetes-preserve-unknown-fields': True}
    await cluster.serve(crd(spec={'type': 'object', 'properties': {'inner': inner}}))
    body: Any = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}}
    body['spec'] = {'inner': {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': metadata}}
    assert await refusal(cluster, 'POST', WIDGETS, body) == [(f'spec.inner.metadata.{field}', message)]
    body['spec']['inner']['metadata'] = {'namespace': 'x', 'labels': {'a': 'b'}}
    told = await cluster.ask('POST', WIDGETS, body)
    assert told.status == 201, told.body
