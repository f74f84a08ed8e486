"""Writes as a whole: dry runs, warnings, managers, and webhooks during which the object changes."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from living_cluster import CONFIGMAPS, CRDS, LivingCluster, crd

WIDGETS = '/apis/ex.dev/v1/namespaces/default/widgets'
MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
VALIDATING = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'


class Hooked:
    """A cluster with a webhook, which does something, and answers with what that gives."""

    def __init__(self, deed: Callable[[Any], Awaitable[Any]]) -> None:
        self.cluster = LivingCluster(call=self.call)
        self.reviews: list[Any] = []
        self._deed = deed

    async def call(self, url: str, body: bytes, **_: Any) -> tuple[int, bytes]:
        review = json.loads(body)
        request = review['request']
        self.reviews.append(request)
        response = {'uid': request['uid'], 'allowed': True, **(await self._deed(request) or {})}
        return 200, json.dumps(
            {'apiVersion': 'admission.k8s.io/v1', 'kind': 'AdmissionReview', 'response': response}
        ).encode()

    async def install(self, path: str) -> LivingCluster:
        rule = {'apiGroups': ['*'], 'apiVersions': ['*'], 'operations': ['*'], 'resources': ['configmaps']}
        hook = {
            'name': 'a.ex.dev',
            'admissionReviewVersions': ['v1'],
            'sideEffects': 'None',
            'clientConfig': {'url': 'https://hook/a'},
            'rules': [rule],
        }
        told = await self.cluster.ask('POST', path, {'metadata': {'name': 'a'}, 'webhooks': [hook]})
        assert told.status == 201, told.body
        return self.cluster


def patching(*operations: Any) -> Any:
    return {'patchType': 'JSONPatch', 'patch': base64.b64encode(json.dumps(operations).encode()).decode()}


@pytest.fixture
def cluster() -> LivingCluster:
    return LivingCluster()


# --- while webhooks are waited for


def interfering(times: int, data: Any) -> Hooked:
    """A webhook during which somebody else changes the object, the first few times."""

    async def deed(request: Any) -> None:
        if request['operation'] != 'CREATE' and len(hooked.reviews) <= times + 1:
            key = ('v1/configmaps', 'default', request['name'])
            hooked.cluster.objects[key].patch({'data': {**data, 'turn': str(len(hooked.reviews))}})

    hooked = Hooked(deed)
    return hooked


@pytest.mark.parametrize('path', [MUTATING, VALIDATING])
@pytest.mark.parametrize(
    ('method', 'body', 'kind'),
    [
        ('PATCH', {'data': {'mine': 'x'}}, 'application/merge-patch+json'),
        ('PATCH', {'data': {'mine': 'x'}}, 'application/strategic-merge-patch+json'),
        ('PATCH', [{'op': 'add', 'path': '/data/mine', 'value': 'x'}], 'application/json-patch+json'),
        (
            'PATCH',
            {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}, 'data': {'mine': 'x'}},
            'application/apply-patch+yaml',
        ),
    ],
)
async def test_a_patch_begins_anew_if_the_object_has_changed(path: str, method: str, body: Any, kind: str) -> None:
    hooked = interfering(2, {'others': 'y'})
    cluster = await hooked.install(path)
    created = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}, 'data': {'first': 'z'}})
    assert created.status == 201
    told = await cluster.ask(method, f'{CONFIGMAPS}/a?fieldManager=me', body, content_type=kind)
    assert told.status == 200
    assert told.data['data'] == {'first': 'z', 'mine': 'x', 'others': 'y', 'turn': '3'}
    assert [each['operation'] for each in hooked.reviews] == ['CREATE', 'UPDATE', 'UPDATE', 'UPDATE']
    assert [each['oldObject']['data'].get('turn') for each in hooked.reviews[1:]] == [None, '2', '3']
    assert (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data == told.data


async def test_an_update_of_an_older_version_is_a_conflict_once_the_object_has_changed() -> None:
    hooked = interfering(1, {'others': 'y'})
    cluster = await hooked.install(VALIDATING)
    made = await cluster.make(CONFIGMAPS, 'a')
    told = await cluster.ask('PUT', f'{CONFIGMAPS}/a', {**made, 'data': {'mine': 'x'}})
    assert (told.status, told.data['reason']) == (409, 'Conflict')
    assert (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data['data'] == {'others': 'y', 'turn': '2'}


async def test_an_update_of_any_version_replaces_what_others_wrote_meanwhile() -> None:
    hooked = interfering(1, {'others': 'y'})
    cluster = await hooked.install(VALIDATING)
    await cluster.make(CONFIGMAPS, 'a')
    told = await cluster.ask('PUT', f'{CONFIGMAPS}/a', {'metadata': {'name': 'a'}, 'data': {'mine': 'x'}})
    assert (told.status, told.data['data']) == (200, {'mine': 'x'})
    assert len(hooked.reviews) == 3


async def test_an_object_that_goes_while_webhooks_are_asked_is_not_found() -> None:
    async def deed(request: Any) -> None:
        if request['operation'] != 'CREATE':
            hooked.cluster.objects['v1/configmaps', 'default', 'a'].delete()

    hooked = Hooked(deed)
    cluster = await hooked.install(VALIDATING)
    for method, body in (('PATCH', {'data': {'a': 'b'}}), ('DELETE', None)):
        await cluster.make(CONFIGMAPS, 'a')
        told = await cluster.ask(method, f'{CONFIGMAPS}/a', body, content_type='application/merge-patch+json')
        assert told.status == 404
        assert await cluster.names(CONFIGMAPS) == []


async def test_a_collection_is_deleted_though_some_of_it_goes_while_webhooks_are_asked() -> None:
    async def deed(request: Any) -> None:
        if request['operation'] == 'DELETE' and request['oldObject']['metadata']['name'] == 'a':
            hooked.cluster.objects['v1/configmaps', 'default', 'a'].delete()

    hooked = Hooked(deed)
    cluster = await hooked.install(VALIDATING)
    for name in ('a', 'b'):
        await cluster.make(CONFIGMAPS, name)
    assert (await cluster.ask('DELETE', CONFIGMAPS)).status == 200
    assert await cluster.names(CONFIGMAPS) == []


async def test_a_name_that_is_taken_while_webhooks_are_asked_exists_already() -> None:
    async def deed(request: Any) -> None:
        hooked.cluster.objects['v1/configmaps', 'default', 'a'] = {'data': {'others': 'y'}}

    hooked = Hooked(deed)
    cluster = await hooked.install(VALIDATING)
    told = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}, 'data': {'mine': 'x'}})
    assert (told.status, told.data['reason']) == (409, 'AlreadyExists')
    assert cluster.objects['v1/configmaps', 'default', 'a']['data'] == {'others': 'y'}


async def test_what_a_webhook_adds_is_stored_and_belongs_to_nobody() -> None:
    async def deed(request: Any) -> Any:
        return patching({'op': 'add', 'path': '/data', 'value': {'hook': 'y'}})

    hooked = Hooked(deed)
    cluster = await hooked.install(MUTATING)
    told = await cluster.ask('POST', f'{CONFIGMAPS}?fieldManager=me', {'metadata': {'name': 'a', 'labels': {'l': 'm'}}})
    assert told.data['data'] == {'hook': 'y'}
    [entry] = told.data['metadata']['managedFields']
    assert (entry['manager'], list(entry['fieldsV1'])) == ('me', ['f:metadata'])
    assert (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data == told.data


async def test_a_refusal_of_a_webhook_changes_nothing() -> None:
    async def deed(request: Any) -> Any:
        return {'allowed': request['operation'] == 'CREATE', 'status': {'message': 'no', 'code': 403}}

    hooked = Hooked(deed)
    cluster = await hooked.install(VALIDATING)
    await cluster.make(CONFIGMAPS, 'a')
    revision = cluster.store.revision
    for told in (await cluster.merge(f'{CONFIGMAPS}/a', {'data': {}}), await cluster.ask('DELETE', f'{CONFIGMAPS}/a')):
        assert told.status == 403
        assert told.data['message'] == 'admission webhook "a.ex.dev" denied the request: no'
    assert cluster.store.revision == revision


async def test_warnings_of_webhooks_are_headers_each_once() -> None:
    async def deed(request: Any) -> Any:
        return {'warnings': ['so', 'so "what"', 'so']}

    hooked = Hooked(deed)
    cluster = await hooked.install(MUTATING)
    told = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}})
    assert told.warnings == ['299 - "so"', '299 - "so \\"what\\""']


async def test_webhooks_are_told_of_a_dry_run() -> None:
    async def deed(request: Any) -> None:
        return None

    hooked = Hooked(deed)
    cluster = await hooked.install(VALIDATING)
    assert (await cluster.ask('POST', f'{CONFIGMAPS}?dryRun=All', {'metadata': {'name': 'a'}})).status == 201
    assert [each['dryRun'] for each in hooked.reviews] == [True]


# --- dry runs


async def test_a_dry_run_answers_as_a_write_and_writes_nothing(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a')
    before = (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data
    revision = cluster.store.revision
    created = await cluster.ask('POST', f'{CONFIGMAPS}?dryRun=All', {'metadata': {'generateName': 'b-'}})
    assert created.status == 201
    assert created.data['metadata']['name'].startswith('b-')
    assert created.data['metadata']['uid']
    assert 'resourceVersion' not in created.data['metadata']
    patched = await cluster.merge(f'{CONFIGMAPS}/a?dryRun=All', {'data': {'x': 'y'}})
    assert patched.data['data'] == {'x': 'y'}
    assert patched.data['metadata']['resourceVersion'] == before['metadata']['resourceVersion']
    replaced = await cluster.ask('PUT', f'{CONFIGMAPS}/a?dryRun=All', {**before, 'data': {'z': 'y'}})
    assert replaced.data['data'] == {'z': 'y'}
    deleted = await cluster.ask('DELETE', f'{CONFIGMAPS}/a?dryRun=All&propagationPolicy=Foreground')
    assert deleted.status == 200
    assert (await cluster.ask('DELETE', f'{CONFIGMAPS}?dryRun=All')).status == 200
    assert cluster.store.revision == revision
    assert (await cluster.ask('GET', f'{CONFIGMAPS}/a')).data == before


async def test_a_dry_run_of_a_deletion_collects_nothing(cluster: LivingCluster) -> None:
    owner = await cluster.make(CONFIGMAPS, 'owner')
    await cluster.make(CONFIGMAPS, 'a', owners=[owner])
    await cluster.make('/api/v1/namespaces', 'ns')
    await cluster.make('/api/v1/namespaces/ns/configmaps', 'b')
    await cluster.serve()
    revision = cluster.store.revision
    targets = (f'{CONFIGMAPS}/owner', '/api/v1/namespaces/ns', f'{CRDS}/widgets.ex.dev')
    for target in targets:
        assert (await cluster.ask('DELETE', f'{target}?dryRun=All')).status == 200
    assert cluster.store.revision == revision
    for target in targets:
        assert 'deletionTimestamp' not in (await cluster.ask('GET', target)).data['metadata']


async def test_a_dry_run_finds_what_is_wrong(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a')
    assert (await cluster.ask('POST', f'{CONFIGMAPS}?dryRun=All', {'metadata': {'name': 'a'}})).status == 409
    assert (await cluster.ask('POST', f'{CONFIGMAPS}?dryRun=All', {'metadata': {'name': 'A'}})).status == 422
    assert (await cluster.ask('POST', f'{CONFIGMAPS}?dryRun=Some', {'metadata': {'name': 'b'}})).status == 422
    assert await cluster.names(CONFIGMAPS) == ['a']


async def test_the_last_finalizer_is_not_removed_by_a_dry_run(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a', finalizers=['ex.dev/x'])
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    told = await cluster.merge(f'{CONFIGMAPS}/a?dryRun=All', {'metadata': {'finalizers': None}})
    assert (told.status, told.data['metadata'].get('finalizers')) == (200, None)
    assert await cluster.names(CONFIGMAPS) == ['a']


# --- warnings


async def test_unknown_fields_are_warned_of_unless_they_are_refused_or_ignored(cluster: LivingCluster) -> None:
    body = {'metadata': {'name': 'a'}, 'nothing': 1}
    warned = await cluster.ask('POST', CONFIGMAPS, body)
    assert (warned.status, warned.warnings) == (201, ['299 - "unknown field \\"nothing\\""'])
    assert 'nothing' not in warned.data
    ignored = await cluster.ask('PUT', f'{CONFIGMAPS}/a?fieldValidation=Ignore', body)
    assert (ignored.status, ignored.warnings) == (200, [])
    refused = await cluster.ask('PUT', f'{CONFIGMAPS}/a?fieldValidation=Strict', body)
    assert (refused.status, refused.warnings) == (400, [])
    assert 'strict decoding error: unknown field "nothing"' in refused.data['message']


async def test_a_deprecated_version_warns_in_all_its_answers(cluster: LivingCluster) -> None:
    definition = crd()
    definition['spec']['versions'][0] |= {'deprecated': True, 'deprecationWarning': 'ask for v2'}
    await cluster.serve(definition)
    body = {'apiVersion': 'ex.dev/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}}
    told = [await cluster.ask('POST', WIDGETS, body)]
    told += [await cluster.ask(method, f'{WIDGETS}/w') for method in ('GET', 'DELETE')]
    assert [each.warnings for each in told] == [['299 - "ask for v2"']] * 3


# --- names and managers


async def test_names_are_made_of_prefixes_and_differ(cluster: LivingCluster) -> None:
    bodies = [{'metadata': {'generateName': prefix}} for prefix in ('a-', 'a-', 'b' * 70)]
    names = [(await cluster.ask('POST', CONFIGMAPS, body)).data['metadata']['name'] for body in bodies]
    assert len(set(names)) == 3
    assert [len(name) for name in names] == [7, 7, 63]


async def test_the_manager_is_the_client_unless_it_says_another(cluster: LivingCluster) -> None:
    await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}, 'data': {'x': 'y'}}, user_agent='tool/1.2 (x)')
    target, patch = f'{CONFIGMAPS}/a?fieldManager=other', {'data': {'z': 'y'}}
    told = await cluster.merge(target, patch)
    managers = {each['manager']: each['fieldsV1'] for each in told.data['metadata']['managedFields']}
    assert managers['tool'] == {'f:data': {'.': {}, 'f:x': {}}}
    assert managers['other'] == {'f:data': {'f:z': {}}}


async def test_a_write_that_changes_nothing_is_none(cluster: LivingCluster) -> None:
    made = await cluster.make(CONFIGMAPS, 'a', labels={'x': 'y'})
    revision = cluster.store.revision
    await cluster.clock.advance(5)
    told = await cluster.ask('PUT', f'{CONFIGMAPS}/a', made)
    assert (told.status, told.data) == (200, made)
    assert (await cluster.merge(f'{CONFIGMAPS}/a', {'metadata': {'labels': {'x': 'y'}}})).data == made
    assert cluster.store.revision == revision


async def test_an_object_that_is_being_deleted_gets_no_new_finalizers(cluster: LivingCluster) -> None:
    await cluster.make(CONFIGMAPS, 'a', finalizers=['ex.dev/x'])
    await cluster.ask('DELETE', f'{CONFIGMAPS}/a')
    told = await cluster.merge(f'{CONFIGMAPS}/a', {'metadata': {'finalizers': ['ex.dev/x', 'ex.dev/y']}})
    assert told.status == 422
    assert 'no new finalizers can be added if the object is being deleted' in told.data['message']
    again = await cluster.ask('POST', CONFIGMAPS, {'metadata': {'name': 'a'}})
    assert (again.status, again.data['reason']) == (409, 'AlreadyExists')
    assert again.data['message'].startswith('object is being deleted: ')


# --- custom resources whose schema has changed


async def test_stored_objects_are_read_by_a_new_schema_and_written_by_it_in_the_end(cluster: LivingCluster) -> None:
    await cluster.serve()
    made = await cluster.make(WIDGETS, 'w', spec={'x': 1, 'old': 2})
    spec = {'type': 'object', 'properties': {'x': {'type': 'integer'}, 'new': {'type': 'integer', 'default': 3}}}
    assert (await cluster.merge(f'{CRDS}/widgets.ex.dev', {'spec': crd(spec=spec)['spec']})).status == 200
    told = await cluster.ask('GET', f'{WIDGETS}/w')
    assert told.data['spec'] == {'x': 1, 'new': 3}
    assert told.data['metadata']['resourceVersion'] == made['metadata']['resourceVersion']
    listed = (await cluster.ask('GET', WIDGETS)).data['items']
    assert [each['spec'] for each in listed] == [{'x': 1, 'new': 3}]
    changed = await cluster.merge(f'{WIDGETS}/w', {'spec': {'x': 2}})
    assert changed.data['spec'] == {'x': 2, 'new': 3}
    assert cluster.store.all(('ex.dev', 'widgets'))[0].decode()['spec'] == {'x': 2, 'new': 3}


async def test_what_does_not_fit_a_new_schema_can_be_read_and_mended(cluster: LivingCluster) -> None:
    await cluster.serve()
    await cluster.make(WIDGETS, 'w', spec={'x': 'text', 'y': 1})
    spec = {'type': 'object', 'properties': {'x': {'type': 'integer'}, 'y': {'type': 'integer'}}}
    assert (await cluster.merge(f'{CRDS}/widgets.ex.dev', {'spec': crd(spec=spec)['spec']})).status == 200
    assert (await cluster.ask('GET', f'{WIDGETS}/w')).data['spec'] == {'x': 'text', 'y': 1}
    assert (await cluster.merge(f'{WIDGETS}/w', {'spec': {'x': 'other'}})).status == 422
    assert (await cluster.merge(f'{WIDGETS}/w', {'spec': {'x': 1}})).data['spec'] == {'x': 1, 'y': 1}
