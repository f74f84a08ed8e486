"""The state that all rooms of the emulator share: identifiers, times, decoded objects; discovery without a store."""

import datetime
import json
import re

import pytest

from kmock.clock import VirtualClock
from kmock.kube.cluster import Cluster, make_key, timestamp
from kmock.kube.resources.loose import loose_definition
from kmock.kube.resources.registry import Registry
from kmock.kube.scaffold import NamedElsewhere, Scaffold
from kmock.kube.statuses import not_found, plain_not_found
from kmock.kube.verbs.failures import failure_answer
from kmock.messages import Request
from kmock.naming import Resource

THINGS = Resource('x.dev', 'v1', 'things')
BUCKET = ('', 'namespaces')


def test_uids_are_random_uuids_and_the_same_for_the_same_seed() -> None:
    one, two = Cluster(seed=1), Cluster(seed=1)
    uids = [one.uid() for _ in range(100)]
    assert len(set(uids)) == 100
    assert all(
        re.fullmatch(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', uid) for uid in uids
    )
    assert [two.uid() for _ in range(100)] == uids
    assert Cluster().uid() != Cluster().uid()


def test_times_are_whole_seconds_of_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert timestamp(datetime.datetime(2024, 1, 1, 1, 2, 3, 999999, tzinfo=zone)) == '2023-12-31T23:02:03Z'
    cluster = Cluster(clock=VirtualClock(wall=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)))
    assert (cluster.now(), cluster.later(90)) == ('2024-01-01T00:00:00Z', '2024-01-01T00:01:30Z')


def test_times_too_far_away_wrap_around_as_in_go() -> None:
    cluster = Cluster(clock=VirtualClock(wall=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)))
    assert cluster.later(2**63 // 10**9) == '2316-04-11T23:47:16Z'
    assert cluster.later(2**63 // 10**9 + 1) < '2024'


@pytest.mark.parametrize(('namespace', 'key'), [('ns', 'ns/a'), (None, 'a'), ('', 'a')])
def test_keys_begin_with_the_namespace(namespace: str | None, key: str) -> None:
    assert make_key(namespace, 'a') == key


def test_objects_are_decoded_once_until_one_changes() -> None:
    cluster = Cluster()
    cluster.registry.add(loose_definition(THINGS))
    assert cluster.read(THINGS) == ()
    cluster.store.put(('x.dev', 'things'), 'a', {'metadata': {'name': 'a'}})
    first = cluster.read(THINGS)
    assert [each['metadata']['name'] for each in first] == ['a']
    assert first[0]['apiVersion'] == 'x.dev/v1'
    assert cluster.read(THINGS) is first
    cluster.store.delete(('x.dev', 'things'), 'a')
    cluster.store.put(('x.dev', 'things'), 'b', {'metadata': {'name': 'b'}})
    assert [each['metadata']['name'] for each in cluster.read(THINGS)] == ['b']


def test_a_namespace_is_known_as_it_is_now() -> None:
    cluster = Cluster()
    assert cluster.namespace('ns') is None
    for phase in ('Active', 'Terminating'):
        cluster.store.put(BUCKET, 'ns', {'metadata': {'name': 'ns'}, 'status': {'phase': phase}})
        found = cluster.namespace('ns')
        assert found is not None
        assert found['status']['phase'] == phase
        assert cluster.namespace('ns') is found
    cluster.store.delete(BUCKET, 'ns')
    assert cluster.namespace('ns') is None


def test_more_namespaces_than_are_remembered_are_known() -> None:
    cluster = Cluster()
    names = [f'ns-{number}' for number in range(1100)]
    for name in names:
        cluster.store.put(BUCKET, name, {'metadata': {'name': name}})
    for name in [*names, *names]:
        found = cluster.namespace(name)
        assert found is not None
        assert found['metadata']['name'] == name
    assert len(cluster._namespaces) == 1000


# --- failures


def test_a_failure_is_a_status_in_the_media_type_that_is_wanted() -> None:
    error = not_found(THINGS, 'a')
    answer = failure_answer(Request.make('GET', '/'), error)
    assert isinstance(answer.body, bytes)
    assert answer.status == 404
    assert json.loads(answer.body)['message'] == 'things.x.dev "a" not found'
    assert ('Content-Type', 'application/json') in answer.headers
    yaml = failure_answer(Request.make('GET', '/', headers={'Accept': 'application/yaml'}), error)
    assert isinstance(yaml.body, bytes)
    assert b'message: things.x.dev "a" not found' in yaml.body


def test_a_failure_may_be_plain_text_in_whatever_form_it_is_wanted() -> None:
    answer = failure_answer(Request.make('GET', '/', headers={'Accept': 'application/yaml'}), plain_not_found())
    assert (answer.status, answer.body) == (404, b'404 page not found\n')
    assert ('Content-Type', 'text/plain; charset=utf-8') in answer.headers


# --- the scaffold


async def test_a_scaffold_tells_of_what_is_declared_and_of_what_rules_name() -> None:
    named: list[frozenset[Resource]] = [frozenset()]
    registry = Registry()
    scaffold = Scaffold(registry, named=lambda: named[0], version={'major': '7'})
    request = Request.make('GET', '/apis/x.dev/v1')
    assert await scaffold.respond(request) is None
    named[0] = frozenset({THINGS})
    answer = await scaffold.respond(request)
    assert answer is not None
    assert isinstance(answer.body, bytes)
    assert [each['name'] for each in json.loads(answer.body)['resources']][:1] == ['things']
    version = await scaffold.respond(Request.make('GET', '/version'))
    assert version is not None
    assert isinstance(version.body, bytes)
    assert json.loads(version.body)['major'] == '7'


@pytest.mark.parametrize('path', ['/api/v1/configmaps', '/apis/x.dev/v1/things', '/elsewhere'])
async def test_a_scaffold_has_no_objects(path: str) -> None:
    assert await Scaffold(Registry(), named=lambda: {THINGS}).respond(Request.make('GET', path)) is None


def test_what_is_served_already_is_not_declared_again_because_rules_name_it() -> None:
    registry = Registry()
    own = registry.add(loose_definition(THINGS))
    other = Resource('x.dev', 'v1', 'others')
    NamedElsewhere(registry, lambda: (THINGS, other)).declare()
    assert registry.find(THINGS) is own
    assert registry.find(other) is not None


def test_what_rules_name_is_looked_at_again_only_when_it_has_changed() -> None:
    registry = Registry()
    named = [THINGS]
    elsewhere = NamedElsewhere(registry, lambda: named)
    elsewhere.declare()
    registry.remove(THINGS)
    elsewhere.declare()
    assert registry.find(THINGS) is None
