"""The handlers that speak Kubernetes: what rules, discovery and the emulated cluster have to do with each other."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asking import ask

import kmock
from kmock.errors import KMockError, KubernetesEndpointNotFoundError, KubernetesResourceNotFoundError, NoAnswerError

EXAMPLES = '/apis/kopf.dev/v1/kopfexamples'
IN_NS1 = '/apis/kopf.dev/v1/namespaces/ns1/kopfexamples'
KEY = ('kopf.dev/v1/kopfexamples', 'ns1', 'one')


def body(**parts: Any) -> bytes:
    return json.dumps(parts).encode()


ONE = body(metadata={'name': 'one'}, spec=1)


@pytest.fixture
async def scaffold() -> AsyncIterator[kmock.KubernetesScaffold]:
    async with kmock.KubernetesScaffold() as handler:
        yield handler


@pytest.fixture
async def cluster() -> AsyncIterator[kmock.KubernetesEmulator]:
    async with kmock.KubernetesEmulator() as handler:
        yield handler


@pytest.fixture
async def verbatim() -> AsyncIterator[kmock.KubernetesEmulator]:
    async with kmock.KubernetesEmulator(verbatim=True) as handler:
        yield handler


async def names_in(handler: kmock.RawHandler, path: str) -> list[str]:
    reply = await ask(handler, f'get {path}')
    return [each['name'] for each in reply.data['resources']] if reply.status == 200 else []


class TestScaffold:
    async def test_it_starts_empty(self, scaffold: kmock.KubernetesScaffold) -> None:
        reply = await ask(scaffold, 'get /apis')
        assert reply.data == {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': []}
        assert len(scaffold.resources) == 0

    async def test_declared_resources_are_discovered(self, scaffold: kmock.KubernetesScaffold) -> None:
        scaffold.resources['kopf.dev/v1/kopfexamples'] = {'kind': 'KopfExample', 'subresources': {'status'}}
        scaffold.resources['v1/pods'] = {'shortnames': ['po']}
        assert await names_in(scaffold, '/apis/kopf.dev/v1') == ['kopfexamples', 'kopfexamples/status']
        assert await names_in(scaffold, '/api/v1') == ['pods']
        groups = (await ask(scaffold, 'get /apis')).data['groups']
        assert [each['name'] for each in groups] == ['kopf.dev']

    async def test_resources_that_rules_name_in_full_are_discovered(self, scaffold: kmock.KubernetesScaffold) -> None:
        scaffold['list zalando.org/v1/things'] << {'items': []}
        scaffold['list others'] << {'items': []}
        assert await names_in(scaffold, '/apis/zalando.org/v1') == ['things']
        scaffold['watch', 'pods.v1'] << 410
        assert await names_in(scaffold, '/api/v1') == ['pods']

    async def test_rules_override_discovery(self, scaffold: kmock.KubernetesScaffold) -> None:
        scaffold['get /version'] << {'major': '2'}
        assert (await ask(scaffold, 'get /version')).data == {'major': '2'}

    async def test_the_version_is_an_option(self) -> None:
        async with kmock.KubernetesScaffold(version={'major': '7'}) as scaffold:
            assert (await ask(scaffold, 'get /version')).data == {'major': '7'}

    @pytest.mark.parametrize('path', ['/nope', EXAMPLES, f'{IN_NS1}/one', f'{EXAMPLES}?watch=true'])
    async def test_other_paths_are_errors(self, scaffold: kmock.KubernetesScaffold, path: str) -> None:
        scaffold.resources['kopf.dev/v1/kopfexamples'] = {}
        reply = await ask(scaffold, f'get {path}')
        assert (reply.status, reply.data['kind'], reply.data['reason']) == (404, 'Status', 'NotFound')
        assert "Add kmock['get /" in reply.data['message']
        assert isinstance(scaffold.errors[0], KubernetesEndpointNotFoundError)

    @pytest.mark.parametrize('path', ['/apis/nope.dev', '/apis/nope.dev/v1', '/api/v2'])
    async def test_groups_that_are_not_there_are_errors(self, scaffold: kmock.KubernetesScaffold, path: str) -> None:
        reply = await ask(scaffold, f'get {path}')
        assert reply.status == 404
        assert 'Declare its resources' in reply.data['message']
        assert isinstance(scaffold.errors[0], KubernetesResourceNotFoundError)

    async def test_writing_outside_of_the_api_is_an_error(self, scaffold: kmock.KubernetesScaffold) -> None:
        assert (await ask(scaffold, 'post /')).status == 404
        assert "Add kmock['post /'] << ..." in str(scaffold.errors[0])
        assert (await ask(scaffold, 'get /')).status == 200

    async def test_fallback_rules_come_last(self, scaffold: kmock.KubernetesScaffold) -> None:
        scaffold.fallback << 418
        assert (await ask(scaffold, 'get /nope')).status == 418
        assert (await ask(scaffold, 'get /version')).status == 200
        assert scaffold.errors == []

    async def test_errors_are_statuses(self, scaffold: kmock.KubernetesScaffold) -> None:
        scaffold['get /'] << ZeroDivisionError('oops')
        reply = await ask(scaffold, 'get /')
        assert (reply.status, reply.data['kind']) == (500, 'Status')
        assert reply.data['message'] == 'ZeroDivisionError: oops'

    async def test_an_error_amid_a_watch_is_an_event_and_other_streams_are_cut(
        self, scaffold: kmock.KubernetesScaffold
    ) -> None:
        scaffold['get'] << (b'{}\n', ZeroDivisionError('oops'))
        reply = await ask(scaffold, f'get {EXAMPLES}?watch=true')
        assert (reply.lines[1]['type'], reply.lines[1]['object']['code'], reply.cut) == ('ERROR', 500, False)
        reply = await ask(scaffold, 'get /log')
        assert (reply.body, reply.cut) == (b'{}\n', True)

    async def test_an_error_of_a_rule_is_its_own(self, scaffold: kmock.KubernetesScaffold) -> None:
        scaffold['get /'] << NotImplementedError('later')
        assert (await ask(scaffold, 'get /')).status == 500
        assert not isinstance(scaffold.errors[0], NoAnswerError)

    async def test_it_is_subclassed(self) -> None:
        class Mine(kmock.KubernetesScaffold):
            async def _handle(self, request: kmock.Request) -> Any:
                answer = await super()._handle(request)
                assert answer.status == 200
                return answer

        async with Mine() as mine:
            assert (await ask(mine, 'get /version')).status == 200


class TestRulesAndCluster:
    async def test_a_rule_goes_before_the_cluster(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster['get v1/namespaces', kmock.name('default')] << 503
        assert (await ask(cluster, 'get /api/v1/namespaces/default')).status == 503
        assert (await ask(cluster, 'get /api/v1/namespaces/kube-system')).status == 200

    async def test_fallback_rules_answer_what_nothing_serves(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.fallback << 418
        assert (await ask(cluster, 'get /apis/nope.dev/v1/things')).status == 418
        assert (await ask(cluster, 'get /hello')).status == 418
        assert (await ask(cluster, 'get /api/v1/namespaces/nope')).status == 404
        assert cluster.errors == []

    async def test_an_unknown_path_is_the_plain_error_and_is_told_the_mend(
        self, cluster: kmock.KubernetesEmulator
    ) -> None:
        reply = await ask(cluster, 'get /hello')
        assert (reply.status, reply.body) == (404, b'404 page not found\n')
        assert "Add kmock['get /hello'] << ..." in str(cluster.errors[0])

    @pytest.mark.parametrize('method', ['post', 'put', 'patch', 'delete'])
    async def test_writing_outside_of_the_api_is_answered_and_told_the_mend(
        self, cluster: kmock.KubernetesEmulator, method: str
    ) -> None:
        """A real server takes any method at `/`; here it is a request that was meant for a rule."""
        cluster[f'{method} /?q=1'] << 201
        reply = await ask(cluster, f'{method} /')
        assert reply.status == 200
        assert '/version' in reply.data['paths']
        (error,) = cluster.errors
        assert f"Add kmock['{method} /'] << ..." in str(error)
        assert "params['q'] is absent" in str(error)
        cluster.fallback << 418
        assert (await ask(cluster, f'{method} /')).status == 418
        assert (await ask(cluster, f'{method} /?q=1')).status == 201
        assert (await ask(cluster, 'get /')).status == 200
        assert cluster.errors == [error]

    async def test_asking_the_api_in_vain_is_no_error(self, cluster: kmock.KubernetesEmulator) -> None:
        assert (await ask(cluster, 'get /apis/nope.dev/v1/things')).status == 404
        assert cluster.errors == []

    async def test_a_resource_named_in_a_rule_is_served(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster['list kopf.dev/v1/kopfexamples'] << {'items': []}
        assert await names_in(cluster, '/apis/kopf.dev/v1') == ['kopfexamples']
        assert (await ask(cluster, f'post {IN_NS1}', body=ONE)).status == 201
        assert (await ask(cluster, f'get {IN_NS1}/one')).data['spec'] == 1

    async def test_resources_of_stored_objects_are_discovered(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.objects[KEY] = {'kind': 'KopfExample', 'spec': 1}
        row = (await ask(cluster, 'get /apis/kopf.dev/v1')).data['resources'][0]
        assert (row['name'], row['kind'], row['namespaced']) == ('kopfexamples', 'KopfExample', True)

    async def test_naming_a_strict_resource_leaves_it_strict(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster['list v1/configmaps'] << {'items': []}
        reply = await ask(cluster, 'post /api/v1/namespaces/default/configmaps', body=body(metadata={'name': 'A'}))
        assert reply.status == 422


class TestTheStoreFollows:
    @pytest.fixture(autouse=True)
    def declared(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.resources['kopf.dev/v1/kopfexamples'] = {}

    async def test_a_success_is_followed(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster['create kopf.dev/v1/kopfexamples'] << 201 << {'made': 'up'}
        reply = await ask(cluster, f'post {IN_NS1}', body=ONE)
        assert (reply.status, reply.data) == (201, {'made': 'up'})
        assert cluster.objects[KEY] >= {'spec': 1, 'metadata': {'uid': ...}}

    @pytest.mark.parametrize('payload', [409, kmock.KubernetesError(409), ZeroDivisionError])
    async def test_an_error_is_not(self, cluster: kmock.KubernetesEmulator, payload: Any) -> None:
        cluster['create kopf.dev/v1/kopfexamples'] << payload
        assert (await ask(cluster, f'post {IN_NS1}', body=ONE)).status >= 400
        assert len(cluster.objects) == 0

    async def test_changes_and_deletions_are_followed(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.objects[KEY] = {'spec': 1}
        cluster['update'] << {}
        cluster['delete', kmock.resource('kopf.dev/v1/kopfexamples')] << {}
        merge = {'Content-Type': 'application/merge-patch+json'}
        await ask(cluster, f'patch {IN_NS1}/one', body=b'{"spec": 2}', headers=merge)
        assert cluster.objects[KEY] >= {'spec': 2}
        await ask(cluster, f'delete {IN_NS1}/one')
        assert cluster.objects[KEY].deleted

    async def test_a_sink_and_a_spy_leave_it_to_the_cluster(self, cluster: kmock.KubernetesEmulator) -> None:
        seen: list[Any] = []
        cluster['create'] >> seen
        cluster['create'] << None
        reply = await ask(cluster, f'post {IN_NS1}', body=ONE)
        assert (reply.status, reply.data['spec'], len(seen)) == (201, 1, 1)
        assert cluster.objects[KEY] >= {'spec': 1}

    async def test_reading_by_rules_changes_nothing(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster['get'] << {}
        await ask(cluster, f'get {IN_NS1}/one')
        assert len(cluster.objects) == 0

    async def test_a_resource_that_only_a_request_names_is_declared(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster['post /apis/a.dev/v1/namespaces/ns/things'] << 201 << {}
        await ask(cluster, 'post /apis/a.dev/v1/namespaces/ns/things', body=body(kind='Thing', metadata={'name': 'x'}))
        assert cluster.objects['a.dev/v1/things', 'ns', 'x'] >= {'kind': 'Thing'}

    async def test_what_the_cluster_would_refuse_is_logged(
        self, cluster: kmock.KubernetesEmulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        cluster['create v1/configmaps'] << 201 << {}
        reply = await ask(cluster, 'post /api/v1/namespaces/default/configmaps', body=body(metadata={'name': 'A'}))
        assert reply.status == 201
        assert len(cluster.objects) == 0
        assert [each.levelno for each in caplog.records] == [logging.WARNING]
        assert 'would refuse it: ConfigMap "A" is invalid' in caplog.text

    async def test_a_creation_that_a_rule_answers_in_no_namespace_is_told(
        self, cluster: kmock.KubernetesEmulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        cluster['create v1/configmaps'] << 201
        cluster['delete v1/configmaps'] << 200
        item = body(metadata={'name': 'a'})
        assert (await ask(cluster, 'post /api/v1/namespaces/nope/configmaps', body=item)).status == 201
        assert 'would refuse it: namespaces "nope" not found' in caplog.text
        caplog.clear()
        await ask(cluster, 'delete /api/v1/namespaces/default/configmaps/absent')
        assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


class TestLoose:
    @pytest.fixture(autouse=True)
    def declared(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.resources['kopf.dev/v1/kopfexamples'] = {}

    async def test_what_is_missing_is_filled_in(self, cluster: kmock.KubernetesEmulator) -> None:
        reply = await ask(cluster, f'post {IN_NS1}', body=ONE)
        assert reply.status == 201
        assert reply.data['apiVersion'] == 'kopf.dev/v1'
        assert reply.data['kind'] == 'Kopfexamples'
        assert reply.data['metadata']['namespace'] == 'ns1'

    async def test_the_namespace_may_stand_in_the_body_alone(self, cluster: kmock.KubernetesEmulator) -> None:
        reply = await ask(cluster, f'post {EXAMPLES}', body=body(metadata={'namespace': 'ns1', 'name': 'one'}))
        assert reply.status == 201
        assert (await ask(cluster, f'get {IN_NS1}/one')).status == 200

    async def test_cluster_wide_objects_are_fine_too(self, cluster: kmock.KubernetesEmulator) -> None:
        assert (await ask(cluster, f'post {EXAMPLES}', body=ONE)).status == 201
        assert (await ask(cluster, f'get {EXAMPLES}/one')).data['spec'] == 1
        assert (await ask(cluster, f'delete {EXAMPLES}/one')).status == 200

    async def test_a_known_kind_takes_the_place_of_the_guess(self, cluster: kmock.KubernetesEmulator) -> None:
        posted = body(apiVersion='kopf.dev/v1', kind='KopfExample', metadata={'name': 'one'})
        assert (await ask(cluster, f'post {IN_NS1}', body=posted)).data['kind'] == 'KopfExample'
        listed = await ask(cluster, f'get {EXAMPLES}')
        assert (listed.data['kind'], listed.data['items'][0]['kind']) == ('KopfExampleList', 'KopfExample')
        assert cluster.resources['kopf.dev/v1/kopfexamples'].kind == 'KopfExample'

    async def test_patches_and_the_status(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.resources['kopf.dev/v1/kopfexamples'].subresources.add('status')
        cluster.objects[KEY] = {'spec': {'a': 1}}
        merge = {'Content-Type': 'application/merge-patch+json'}
        await ask(cluster, f'patch {IN_NS1}/one', body=b'{"spec": {"b": 2}}', headers=merge)
        await ask(cluster, f'patch {IN_NS1}/one/status', body=b'{"status": {"c": 3}}', headers=merge)
        assert cluster.objects[KEY] >= {'spec': {'a': 1, 'b': 2}, 'status': {'c': 3}}


class TestVerbatim:
    async def test_it_starts_empty(self, verbatim: kmock.KubernetesEmulator) -> None:
        assert (await ask(verbatim, 'get /apis')).data['groups'] == []
        assert (await ask(verbatim, 'get /api/v1/namespaces')).status == 404
        assert len(verbatim.resources) == len(verbatim.objects) == 0

    async def test_objects_come_back_as_they_were_given(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.resources['kopf.dev/v1/kopfexamples'] = {}
        given = {'metadata': {'namespace': 'ns1', 'name': 'one'}, 'spec': 1}
        reply = await ask(verbatim, f'post {EXAMPLES}', body=body(**given))
        assert (reply.status, reply.data) == (200, given)
        assert (await ask(verbatim, f'get {IN_NS1}/one')).data == given
        listed = (await ask(verbatim, f'get {EXAMPLES}')).data
        assert listed['items'] == [given]
        assert listed.keys() == {'metadata', 'items'}
        assert verbatim.objects[KEY] == given

    async def test_objects_of_tests_do_too(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.objects[KEY] = {'spec': 1}
        assert (await ask(verbatim, f'get {IN_NS1}/one')).data == {'spec': 1}
        assert (await ask(verbatim, f'get {EXAMPLES}')).data['items'] == [{'spec': 1}]

    async def test_a_patch_is_what_it_looks_like(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.objects[KEY] = {'spec': {'a': 1}}
        merged = await ask(verbatim, f'patch {IN_NS1}/one', body=b'{"spec": {"b": 2}}')
        assert merged.data == {'spec': {'a': 1, 'b': 2}}
        listed = b'[{"op": "remove", "path": "/spec/a"}]'
        assert (await ask(verbatim, f'patch {IN_NS1}/one/status', body=listed)).data == {'spec': {'b': 2}}
        assert (await ask(verbatim, f'patch {IN_NS1}/one', body=b'7')).status == 400
        assert (await ask(verbatim, f'patch {IN_NS1}/one', body=b'{')).status == 400
        assert (await ask(verbatim, f'patch {IN_NS1}/two', body=b'{}')).status == 404

    async def test_replacing_and_deleting(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.objects[KEY] = {'spec': 1}
        assert (await ask(verbatim, f'put {IN_NS1}/one', body=b'{"spec": 2}')).data == {'spec': 2}
        assert (await ask(verbatim, f'delete {IN_NS1}/one')).data == {'spec': 2}
        assert (await ask(verbatim, f'delete {IN_NS1}/one')).status == 404
        assert verbatim.objects[KEY].deleted

    async def test_finalizers_hold_objects(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.objects[KEY] = {'metadata': {'finalizers': ['mine']}}
        held = await ask(verbatim, f'delete {IN_NS1}/one')
        assert 'deletionTimestamp' in held.data['metadata']
        assert (await ask(verbatim, f'get {IN_NS1}/one')).status == 200
        await ask(verbatim, f'patch {IN_NS1}/one', body=b'{"metadata": {"finalizers": []}}')
        assert (await ask(verbatim, f'get {IN_NS1}/one')).status == 404

    async def test_a_collection_is_deleted(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.objects[KEY] = {'spec': 1}
        verbatim.objects['kopf.dev/v1/kopfexamples', 'ns2', 'two'] = {'spec': 2}
        assert (await ask(verbatim, f'delete {IN_NS1}')).data['items'] == [{'spec': 1}]
        assert (await ask(verbatim, f'get {EXAMPLES}')).data['items'] == [{'spec': 2}]

    async def test_names_are_taken_once(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.resources['kopf.dev/v1/kopfexamples'] = {}
        assert (await ask(verbatim, f'post {IN_NS1}', body=ONE)).status == 200
        assert (await ask(verbatim, f'post {IN_NS1}', body=ONE)).status == 409
        assert (await ask(verbatim, f'post {IN_NS1}', body=b'[]')).status == 400
        assert (await ask(verbatim, f'post {EXAMPLES}', body=body(metadata={'name': 5}))).status == 400

    async def test_bundled_resources_are_verbatim_too_once_loaded(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim.resources.load_bundled()
        reply = await ask(verbatim, 'post /api/v1/namespaces/nope/pods', body=body(metadata={'name': 'p'}, x=1))
        assert (reply.status, reply.data) == (200, {'metadata': {'name': 'p'}, 'x': 1})

    async def test_the_store_follows_here_too(self, verbatim: kmock.KubernetesEmulator) -> None:
        verbatim['post'] << 201 << {}
        await ask(verbatim, f'post {IN_NS1}', body=ONE)
        assert verbatim.objects[KEY] == {'metadata': {'name': 'one'}, 'spec': 1}


class TestOptions:
    @pytest.mark.parametrize(
        ('options', 'told'),
        [
            ({'controllers': 1}, 'controllers=1: it must be True or False'),
            ({'verbatim': 'yes'}, "verbatim='yes': it must be True or False"),
            ({'history': -1}, 'history=-1: it must be a number of 0 or more'),
            ({'event_log': '5'}, "event_log='5': it must be a number of 1 or more"),
            ({'event_log': 0}, 'event_log=0: it must be a number of 1 or more'),
            ({'version': '1.36'}, "version='1.36': it must be a dict"),
            ({'fallback': 'nobody'}, "fallback='nobody': it must be 'emulator', None, or a responder"),
        ],
    )
    def test_wrong_values_are_refused(self, options: dict[str, Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            kmock.KubernetesEmulator(**options)

    async def test_the_history_is_bounded(self) -> None:
        async with kmock.KubernetesEmulator(history=0) as cluster:
            cluster.objects[KEY] = {'spec': 1}
            cluster.objects[KEY].patch({'spec': 2})
            assert cluster.objects[KEY] >= {'spec': 2}
            assert len(cluster.objects[KEY].history) <= 1

    async def test_watches_that_the_event_log_does_not_reach_are_refused(self) -> None:
        async with kmock.KubernetesEmulator(event_log=2) as cluster:
            for number in range(5):
                cluster.objects['kopf.dev/v1/kopfexamples', 'ns1', f'n{number}'] = {}
            reply = await ask(cluster, f'get {EXAMPLES}?watch=true&resourceVersion=1')
            assert (reply.lines[0]['type'], reply.lines[0]['object']['code']) == ('ERROR', 410)

    @pytest.mark.parametrize('controllers', [True, False])
    async def test_controllers_collect_what_is_owned(self, controllers: bool) -> None:
        async with kmock.KubernetesEmulator(controllers=controllers) as cluster:
            cluster.objects['v1/configmaps', 'default', 'owner'] = {}
            uid = cluster.objects['v1/configmaps', 'default', 'owner']['metadata']['uid']
            reference = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'owner', 'uid': uid}
            cluster.objects['v1/configmaps', 'default', 'owned'] = {'metadata': {'ownerReferences': [reference]}}
            await ask(cluster, 'delete /api/v1/namespaces/default/configmaps/owner')
            assert cluster.objects['v1/configmaps', 'default', 'owned'].deleted is controllers

    async def test_users_turn_access_control_on(self, cluster: kmock.KubernetesEmulator) -> None:
        cluster.users['admin'] = {'token': 's3cret', 'groups': ['system:masters']}
        cluster.users['nobody'] = {'token': 'none'}
        path = 'get /api/v1/namespaces'
        assert (await ask(cluster, path)).status == 403
        assert (await ask(cluster, path, headers={'Authorization': 'Bearer wrong'})).status == 401
        assert (await ask(cluster, path, headers={'Authorization': 'Bearer none'})).status == 403
        assert (await ask(cluster, path, headers={'Authorization': 'Bearer s3cret'})).status == 200

    async def test_it_can_be_entered_twice_and_keeps_its_objects(self) -> None:
        cluster = kmock.KubernetesEmulator()
        cluster.objects[KEY] = {'spec': 1}
        for _ in range(2):
            async with cluster:
                assert (await ask(cluster, f'get {IN_NS1}/one')).data['spec'] == 1

    def test_the_names_hang_on_the_handler(self) -> None:
        for name in ('Object', 'ObjectsArray', 'ResourceInfo', 'KubernetesObjectNotFoundError', 'KubernetesError'):
            assert getattr(kmock.KubernetesEmulator, name) is getattr(kmock, name)
        assert issubclass(kmock.KubernetesError, KMockError)


MALFORMED = [
    b'', b'null', b'[]', b'5', b'{', b'\xff\xfe', b'[' * 5000, b'{"a":' * 3000 + b'1' + b'}' * 3000,
    b'{"x": NaN}', b'{"kind": 5}', b'{"metadata": 5}', b'{"metadata": {"name": 5}}', b'{"metadata": {"name": "a/b"}}',
    b'{"metadata": {"name": "n", "namespace": 7}}', b'{"metadata": {"name": "n", "namespace": "a/b"}}',
    b'{"metadata": {"generateName": 5}}', b'{"metadata": {"name": "l", "labels": 5, "finalizers": "x"}}',
    b'{"metadata": {"name": "l", "ownerReferences": {"a": 1}, "managedFields": 7, "deletionTimestamp": 7}}',
]  # fmt: skip
TYPES = ('application/json', 'application/yaml', 'application/merge-patch+json', 'application/apply-patch+yaml')


@pytest.mark.parametrize('verbatim', [False, True])
async def test_no_body_makes_a_declared_resource_fail(verbatim: bool) -> None:
    lines = [f'{verb} {IN_NS1}/one' for verb in ('put', 'patch', 'delete')] + [f'post {IN_NS1}', f'post {EXAMPLES}']
    async with kmock.KubernetesEmulator(verbatim=verbatim) as cluster:
        cluster.objects[KEY] = {'metadata': {'finalizers': ['held']}, 'spec': 1}
        for content in MALFORMED:
            for line in lines:
                for media in TYPES:
                    reply = await ask(cluster, line, body=content, headers={'Content-Type': media})
                    assert reply.status < 500, (line, media, content[:80], reply.body)
        assert (await ask(cluster, f'get {EXAMPLES}')).status == 200
        assert (await ask(cluster, f'delete {IN_NS1}')).status == 200
        assert cluster.errors == []


@pytest.mark.parametrize('method', ['get', 'head'])
async def test_reading_the_root_is_answered_by_the_cluster_as_a_real_one_does(
    cluster: kmock.KubernetesEmulator, method: str
) -> None:
    reply = await ask(cluster, f'{method} /')
    assert reply.status == 200
    assert '/apis' in json.loads(reply.body)['paths']  # to a HEAD, servers send the head alone
    assert cluster.errors == []
