"""Tables: ages, JSON paths, and the cells of the built-in kinds."""

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.tables import make_table
from kmock.kube.tables.jsonpath import JSONPathError, compile_path
from kmock.kube.tables.kinds import PRINTERS
from kmock.kube.tables.printing import duration, selector, since
from kmock.naming import Resource

NOW = datetime.datetime(2026, 1, 1, 1, tzinfo=datetime.UTC)
CREATED = '2026-01-01T00:00:00Z'


def table(group: str, plural: str, **obj: Any) -> tuple[list[str], list[Any], list[Json]]:
    """Names of the columns, the cells, and the conditions of the row."""
    definition = Definition(
        resource=Resource(group, 'v1', plural),
        kind='Kind',
        list_kind='KindList',
        singular='kind',
        namespaced=True,
        verbs=(),
        origin=Origin.BUILT_IN,
    )
    metadata = {'name': 'a', 'creationTimestamp': CREATED, **obj.pop('metadata', {})}
    columns, rows = make_table(definition, [{'metadata': metadata, **obj}], NOW)
    assert len(columns) == len(rows[0]['cells'])
    return [each['name'] for each in columns], rows[0]['cells'], rows[0].get('conditions', [])


def cells(group: str, plural: str, **obj: Any) -> list[Any]:
    return table(group, plural, **obj)[1]


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (-5, '<invalid>'),
        (-1, '0s'),
        (119, '119s'),
        (120, '2m'),
        (125, '2m5s'),
        (600, '10m'),
        (3 * 3600 - 1, '179m'),
        (3 * 3600, '3h'),
        (3 * 3600 + 60, '3h1m'),
        (9 * 3600, '9h'),
        (47 * 3600, '47h'),
        (49 * 3600, '2d1h'),
        (48 * 3600, '2d'),
        (9 * 86400, '9d'),
        (729 * 86400, '729d'),
        (730 * 86400, '2y'),
        (800 * 86400, '2y70d'),
        (3000 * 86400, '8y'),
    ],
)
def test_ages_are_shown_in_the_units_that_matter(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_absent_and_wrong_times_have_no_age() -> None:
    assert since(None, NOW) == '<unknown>'
    assert since('yesterday', NOW) == '<invalid>'
    assert since(CREATED, NOW) == '60m'


def test_selectors_are_texts() -> None:
    assert selector(None) == '<none>'
    assert selector({'b': '1', 'a': '2'}) == 'a=2,b=1'
    terms = [{'key': 'k', 'operator': 'In', 'values': ['y', 'x']}, {'key': 'a', 'operator': 'DoesNotExist'}]
    assert selector({'matchLabels': {'b': 'c'}, 'matchExpressions': terms}) == '!a,b=c,k in (x,y)'


DATA: Json = {'a': {'b.c': [1, 2, {'d': 3}]}, 'l': [{'t': 'X', 'n': 5}, {'t': 'Y', 'n': 7}], 'e': None}


@pytest.mark.parametrize(
    ('path', 'found'),
    [
        ('.a', [DATA['a']]),
        ('{.l[0].t}', ['X']),
        (r'.a.b\.c[0]', [1]),
        (".a['b.c'][-1].d", [3]),
        ('$.l[*].n', [5, 7]),
        ('.l[1:].t', ['Y']),
        ('.l[0,1].n', [5, 7]),
        ('.l[?(@.t=="Y")].n', [7]),
        ('.l[?(@.n>5)].t', ['Y']),
        ('..d', [3]),
        ('.absent.deeper', []),
        ('.l[9]', []),
        ('.e', [None]),
        ('', [DATA]),
    ],
)
def test_json_paths_find_values(path: str, found: list[Any]) -> None:
    assert compile_path(path)(DATA) == found


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='.a[]\'"?(@=<>)0:-*\\b', max_size=16))
def test_no_json_path_breaks_the_reader(path: str) -> None:
    try:
        found: Any = compile_path(path)(DATA)
    except JSONPathError:
        found = []
    assert isinstance(found, list)


# --- kinds


@pytest.mark.parametrize('key', sorted(PRINTERS), ids='.'.join)
def test_an_empty_object_of_each_kind_can_be_shown(key: tuple[str, str]) -> None:
    names, row, _ = table(*key)
    assert 'a' in [str(each) for each in row]
    assert len(set(names)) == len(names)


def test_a_kind_without_a_printer_shows_when_it_was_created() -> None:
    names, row, _ = table('', 'limitranges')
    assert (names, row) == (['Name', 'Created At'], ['a', CREATED])


def test_a_pod_that_waits() -> None:
    names, row, _ = table('', 'pods', spec={'containers': [{}]}, status={'phase': 'Pending'})
    assert names[:5] == ['Name', 'Ready', 'Status', 'Restarts', 'Age']
    assert row == ['a', '0/1', 'Pending', '0', '60m', '<none>', '<none>', '<none>', '<none>']


def pod(status: Json, spec: Json | None = None, **metadata: str) -> list[Any]:
    return cells('', 'pods', spec={'containers': [{}, {}], **(spec or {})}, status=status, metadata=metadata)[:4]


def test_the_status_of_a_pod_comes_from_its_containers() -> None:
    running = {'ready': True, 'state': {'running': {}}, 'restartCount': 0}
    done = {'state': {'terminated': {'exitCode': 0, 'reason': 'Completed'}}, 'restartCount': 0}
    assert pod({'phase': 'Running', 'containerStatuses': [running, running]}) == ['a', '2/2', 'Running', '0']
    assert pod({'phase': 'Running', 'containerStatuses': [done, running]})[2] == 'NotReady'
    ready = [{'type': 'Ready', 'status': 'True'}]
    status = {'phase': 'Running', 'containerStatuses': [done, running], 'conditions': ready}
    assert pod(status)[1:3] == ['1/2', 'Running']
    crashed = {
        'state': {'waiting': {'reason': 'CrashLoopBackOff'}},
        'lastState': {'terminated': {'exitCode': 1, 'finishedAt': '2026-01-01T00:58:00Z'}},
        'restartCount': 3,
    }
    status = {'phase': 'Running', 'containerStatuses': [crashed]}
    assert pod(status) == ['a', '0/2', 'CrashLoopBackOff', '3 (2m ago)']
    killed = {'state': {'terminated': {'exitCode': 137, 'signal': 9}}}
    assert pod({'phase': 'Failed', 'containerStatuses': [killed]})[2] == 'Signal:9'
    assert pod({'phase': 'Failed', 'reason': 'Evicted'})[2] == 'Evicted'


def test_the_status_of_a_pod_tells_of_its_beginning_and_end() -> None:
    gated = {'phase': 'Pending', 'conditions': [{'type': 'PodScheduled', 'reason': 'SchedulingGated'}]}
    assert pod(gated)[2] == 'SchedulingGated'
    init = {'initContainers': [{'name': 'x'}, {'name': 's', 'restartPolicy': 'Always'}]}
    waits = {'phase': 'Pending', 'initContainerStatuses': [{'name': 'x', 'state': {'running': {}}}]}
    assert pod(waits, init)[1:3] == ['0/3', 'Init:0/2']
    failed = {'name': 'x', 'state': {'terminated': {'exitCode': 2}}}
    assert pod({'phase': 'Pending', 'initContainerStatuses': [failed]}, init)[2] == 'Init:ExitCode:2'
    stuck = {'name': 'x', 'state': {'waiting': {'reason': 'ErrImagePull'}}}
    assert pod({'phase': 'Pending', 'initContainerStatuses': [stuck]}, init)[2] == 'Init:ErrImagePull'
    sidecar = {'name': 's', 'started': True, 'ready': True, 'state': {'running': {}}}
    done = {'name': 'x', 'state': {'terminated': {'exitCode': 0}}}
    assert pod({'phase': 'Running', 'initContainerStatuses': [done, sidecar]}, init)[1:3] == ['1/3', 'Running']
    assert pod({'phase': 'Running'}, deletionTimestamp=CREATED)[2] == 'Terminating'
    assert pod({'phase': 'Succeeded'}, deletionTimestamp=CREATED)[2] == 'Succeeded'


def test_ended_pods_have_a_condition_in_their_rows() -> None:
    _, _, conditions = table('', 'pods', spec={}, status={'phase': 'Failed'})
    assert conditions == [{'type': 'Completed', 'status': 'True', 'reason': 'Failed', 'message': 'The pod failed.'}]


def test_deployments() -> None:
    template = {'spec': {'containers': [{'name': 'main', 'image': 'img:1'}, {'name': 'side', 'image': 'side:1'}]}}
    spec = {'replicas': 1, 'selector': {'matchLabels': {'app': 'd'}}, 'template': template}
    row = cells('apps', 'deployments', spec=spec, status={})
    assert row == ['a', '0/1', 0, 0, '60m', 'main,side', 'img:1,side:1', 'app=d']


def test_jobs_and_their_schedules() -> None:
    status: Json = {'succeeded': 1, 'startTime': CREATED, 'completionTime': '2026-01-01T00:00:05Z'}
    status['conditions'] = [{'type': 'Complete', 'status': 'True'}]
    assert cells('batch', 'jobs', spec={'completions': 2}, status=status)[:5] == ['a', 'Complete', '1/2', '5s', '60m']
    assert cells('batch', 'jobs', spec={'parallelism': 3})[:4] == ['a', 'Running', '0/1 of 3', '']
    row = cells('batch', 'cronjobs', spec={'schedule': '* * * * *', 'suspend': False}, status={'active': [{}]})
    assert row[:7] == ['a', '* * * * *', '<none>', 'False', 1, '<none>', '60m']


def test_services() -> None:
    spec: Json = {'type': 'NodePort', 'clusterIP': '10.0.0.1', 'ports': [{'port': 80, 'nodePort': 30000}, {'port': 81}]}
    row = cells('', 'services', spec={**spec, 'selector': {'x': 'y'}})
    assert row == ['a', 'NodePort', '10.0.0.1', '<none>', '80:30000/TCP,81/TCP', '60m', 'x=y']
    assert cells('', 'services', spec={**spec, 'type': 'LoadBalancer'})[3] == '<pending>'
    status = {'loadBalancer': {'ingress': [{'ip': '1.2.3.4'}, {'hostname': 'h'}]}}
    assert cells('', 'services', spec={**spec, 'type': 'LoadBalancer'}, status=status)[3] == '1.2.3.4,h'
    assert cells('', 'services', spec={'type': 'ExternalName', 'externalName': 'x.y'})[2:5] == [
        '<none>',
        'x.y',
        '<none>',
    ]


def test_nodes_and_events() -> None:
    conditions = [{'type': 'Ready', 'status': 'True'}]
    labels = {'node-role.kubernetes.io/control-plane': '', 'kubernetes.io/role': 'x'}
    row = cells(
        '', 'nodes', metadata={'labels': labels}, spec={'unschedulable': True}, status={'conditions': conditions}
    )
    assert row[:3] == ['a', 'Ready,SchedulingDisabled', 'control-plane,x']
    event = {
        'involvedObject': {'kind': 'Pod', 'name': 'p'},
        'lastTimestamp': '2026-01-01T00:59:00Z',
        'firstTimestamp': CREATED,
        'type': 'Normal',
        'reason': 'Pulled',
        'message': 'done\n',
        'source': {'component': 'kubelet', 'host': 'n'},
        'count': 4,
    }
    row = cells('', 'events', **event)
    assert row == ['60s', 'Normal', 'Pulled', 'pod/p', '', 'kubelet, n', 'done', '60m', 4, 'a']


def test_volumes_and_autoscalers() -> None:
    spec = {'volumeName': 'v', 'storageClassName': 'fast', 'volumeMode': 'Filesystem'}
    status = {'phase': 'Bound', 'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteMany', 'ReadWriteOnce']}
    row = cells('', 'persistentvolumeclaims', spec=spec, status=status)
    assert row == ['a', 'Bound', 'v', '1Gi', 'RWO,RWX', 'fast', '<unset>', '60m', 'Filesystem']
    metric = {'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'averageUtilization': 80}}}
    spec = {'scaleTargetRef': {'kind': 'Deployment', 'name': 'd'}, 'maxReplicas': 3, 'metrics': [metric]}  # type: ignore[dict-item]
    row = cells('autoscaling', 'horizontalpodautoscalers', spec=spec)
    assert row == ['a', 'Deployment/d', 'cpu: <unknown>/80%', '<unset>', 3, 0, '60m']
