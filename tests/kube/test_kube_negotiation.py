"""Negotiation: which form an Accept header comes to, its refusals, and how objects are written in each form."""

import datetime
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Column, Definition, Json, Origin
from kmock.kube.media.negotiation import (
    Form,
    content_type,
    encode,
    error_media,
    negotiate,
    render_event,
    render_list,
    render_object,
)
from kmock.kube.media.protobuf import decode
from kmock.kube.statuses import StatusError, not_found, status_body
from kmock.kube.verbs.pagination import decode_token, encode_token
from kmock.naming import Resource

NOW = datetime.datetime(2026, 1, 1, 1, tzinfo=datetime.UTC)
TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'
PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
PARTIALS = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
PROTOBUF = 'application/vnd.kubernetes.protobuf'
ROUTED = '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, ' + PROTOBUF
NEGOTIATED = 'only the following media types are accepted: application/json, application/yaml, ' + PROTOBUF
STREAMED = 'only the following media types are accepted: application/json;stream=watch, ' + PROTOBUF + ';stream=watch'


def define(group: str, plural: str, kind: str, origin: Origin = Origin.BUILT_IN, **more: Any) -> Definition:
    resource = Resource(group, 'v1', plural)
    given: dict[str, Any] = {'list_kind': f'{kind}List', 'singular': kind.lower(), 'namespaced': True, 'verbs': ()}
    return Definition(resource=resource, kind=kind, origin=origin, **{**given, **more})


MAPS = define('', 'configmaps', 'ConfigMap')
WIDGETS = define('example.com', 'widgets', 'Widget', Origin.CUSTOM)
PODS = define('', 'pods', 'Pod')


def obj(name: str = 'a', definition: Definition = MAPS, **more: Any) -> Json:
    metadata = {'name': name, 'resourceVersion': '7', 'creationTimestamp': '2026-01-01T00:00:00Z'}
    return {'kind': definition.kind, 'apiVersion': definition.api_version, 'metadata': metadata, **more}


@pytest.mark.parametrize(
    ('accept', 'media'),
    [
        (None, 'application/json'),
        ('', 'application/json'),
        ('*/*', 'application/json'),
        ('application/json', 'application/json'),
        ('application/yaml', 'application/yaml'),
        ('application/json;q=0.1, application/yaml;q=0.9', 'application/yaml'),
        ('text/html,application/json;q=0.5', 'application/json'),
        (PROTOBUF, PROTOBUF),
        (f'{PROTOBUF},application/json', PROTOBUF),
        (f'{TABLE.replace("application/json", PROTOBUF)},application/json', 'application/json'),
    ],
)
def test_whole_objects_in_a_media_type(accept: str | None, media: str) -> None:
    form = negotiate(accept, definition=MAPS)
    assert (form.media, form.as_, content_type(form)) == (media, None, media)
    assert form.plain is (media == 'application/json')


@pytest.mark.parametrize('accept', ['text/html', 'text/plain', 'application/*', 'application/cbor', 'garbage'])
def test_the_router_refuses_for_built_in_resources(accept: str) -> None:
    with pytest.raises(StatusError) as caught:
        negotiate(accept, definition=MAPS)
    assert (caught.value.status, caught.value.message, caught.value.details) == (406, ROUTED, {})
    with pytest.raises(StatusError) as caught:
        negotiate(accept, definition=MAPS, listing=True, watch=True)
    streams = ', application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch'
    assert caught.value.message == ROUTED + streams


@pytest.mark.parametrize(
    ('accept', 'definition', 'watch', 'message'),
    [
        ('text/html', WIDGETS, False, NEGOTIATED),
        (PROTOBUF, WIDGETS, False, NEGOTIATED),
        (TABLE.replace('v=v1', 'v=v9'), MAPS, False, NEGOTIATED),
        (TABLE.replace('Table', 'Wrong'), MAPS, False, NEGOTIATED),
        ('application/yaml', MAPS, True, STREAMED),
    ],
)
def test_the_serializer_refuses_what_it_has_not(accept: str, definition: Definition, watch: bool, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        negotiate(accept, definition=definition, watch=watch)
    assert (caught.value.status, caught.value.reason, caught.value.details) == (406, 'NotAcceptable', None)
    assert caught.value.message == message


def test_custom_resources_take_wildcards_and_fall_back_from_protobuf() -> None:
    assert negotiate('application/*', definition=WIDGETS).plain
    assert negotiate(f'{PROTOBUF},application/json', definition=WIDGETS).plain
    assert negotiate(f'{PROTOBUF},application/json', definition=PODS).plain, 'the fields of pods are not known'


def test_transformations_are_told_by_the_form() -> None:
    form = negotiate(f'{TABLE},application/json', definition=MAPS, include='Object')
    assert (form.as_, form.version, form.include, form.plain) == ('Table', 'v1', 'Object', False)
    assert negotiate(TABLE.replace('v1', 'v1beta1'), definition=WIDGETS).api_version == 'meta.k8s.io/v1beta1'
    partial = negotiate(PARTIAL.replace('application/json', PROTOBUF), definition=WIDGETS)
    assert (partial.media, partial.as_) == (PROTOBUF, 'PartialObjectMetadata')
    assert negotiate('application/json;pretty=1', definition=MAPS).pretty
    assert negotiate('application/json;stream=watch', definition=MAPS, listing=True, watch=True).plain


def test_watches_in_protobuf_have_their_own_content_type() -> None:
    form = negotiate(PROTOBUF, definition=MAPS, listing=True, watch=True)
    assert content_type(form) == f'{PROTOBUF};stream=watch'
    assert content_type(negotiate(None, definition=MAPS, listing=True, watch=True)) == 'application/json'


def test_errors_are_written_as_asked_for_or_as_json() -> None:
    assert error_media(None) == 'application/json'
    assert error_media('text/html') == 'application/json'
    assert error_media(TABLE) == 'application/json'
    assert error_media('application/yaml') == 'application/yaml'
    status = status_body(not_found(MAPS.resource, 'absent'))
    assert decode(encode(status, error_media(PROTOBUF)))['message'] == 'configmaps "absent" not found'


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='application/json,;=*qasTableg v1yml.', max_size=40))
def test_no_header_breaks_negotiation(accept: str) -> None:
    for definition in (MAPS, WIDGETS):
        try:
            found = negotiate(accept, definition=definition, listing=True).media
        except StatusError as error:
            found = str(error.status)
        assert found in ('406', 'application/json', 'application/yaml', PROTOBUF)


# --- writing


def test_objects_are_written_in_each_form() -> None:
    data = obj(data={'k': 'v', 'n': '1'})
    assert render_object(Form(), data, MAPS) == json.dumps(data, separators=(',', ':')).encode() + b'\n'
    assert yaml.safe_load(render_object(Form(media='application/yaml'), data, MAPS)) == data
    assert render_object(Form(pretty=True), data, MAPS).startswith(b'{\n  "kind"')
    assert decode(render_object(Form(media=PROTOBUF), data, MAPS)) == data
    partial = json.loads(render_object(Form(as_='PartialObjectMetadata'), data, MAPS))
    expected = {'kind': 'PartialObjectMetadata', 'apiVersion': 'meta.k8s.io/v1', 'metadata': data['metadata']}
    assert partial == expected


def test_lists_of_built_in_objects_have_no_kinds_inside() -> None:
    found = json.loads(render_list(Form(), [obj()], {'resourceVersion': '9'}, MAPS))
    item = {key: value for key, value in obj().items() if key == 'metadata'}
    expected = {'kind': 'ConfigMapList', 'apiVersion': 'v1', 'metadata': {'resourceVersion': '9'}, 'items': [item]}
    assert found == expected
    assert decode(render_list(Form(media=PROTOBUF), [obj()], {'resourceVersion': '9'}, MAPS)) == expected


def test_lists_of_custom_objects_have_kinds_inside_and_an_empty_continue() -> None:
    item = obj(definition=WIDGETS)
    found = json.loads(render_list(Form(), [item], {'resourceVersion': '9'}, WIDGETS))
    assert found['metadata'] == {'continue': '', 'resourceVersion': '9'}
    assert (found['kind'], found['items']) == ('WidgetList', [item])


def test_partial_lists() -> None:
    found = json.loads(render_list(Form(as_='PartialObjectMetadataList'), [obj()], {'resourceVersion': '9'}, MAPS))
    assert found['items'] == [
        {'kind': 'PartialObjectMetadata', 'apiVersion': 'meta.k8s.io/v1', 'metadata': obj()['metadata']}
    ]


def test_a_partial_object_is_no_list() -> None:
    with pytest.raises(StatusError) as caught:
        render_list(Form(as_='PartialObjectMetadata'), [], {}, MAPS)
    text = 'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)'
    assert (caught.value.status, caught.value.message, caught.value.details) == (406, text, None)
    with pytest.raises(StatusError) as caught:
        render_object(Form(as_='PartialObjectMetadataList'), obj(), MAPS)
    text = 'you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)'
    assert caught.value.message == text


def test_tables_take_what_of_the_objects_is_asked_for() -> None:
    def table(include: str) -> Any:
        form = Form(as_='Table', include=include)
        return json.loads(render_list(form, [obj(data={'k': 'v'})], {'resourceVersion': '9'}, MAPS, now=NOW))

    assert table('Metadata')['rows'][0]['cells'] == ['a', 1, '60m']
    assert table('Metadata')['rows'][0]['object']['kind'] == 'PartialObjectMetadata'
    assert table('None')['rows'][0]['object'] is None
    assert table('Object')['rows'][0]['object']['data'] == {'k': 'v'}
    with pytest.raises(StatusError) as caught:
        table('Wrong')
    text = 'Unable to convert to Table as requested: includeObject: Invalid value: "Wrong": '
    assert caught.value.message == text + "must be 'Metadata', 'Object', 'None', or empty"


def test_only_the_first_table_of_a_watch_tells_its_columns() -> None:
    form = Form(as_='Table', watch=True)
    first, second = (
        json.loads(render_event(form, 'ADDED', obj(), MAPS, first, now=NOW))['object'] for first in (True, False)
    )
    assert [each['name'] for each in first['columnDefinitions']] == ['Name', 'Data', 'Age']
    assert second['columnDefinitions'] is None
    assert second['metadata'] == {'resourceVersion': '7'}


def test_protobuf_of_an_unknown_kind_is_not_acceptable() -> None:
    with pytest.raises(StatusError) as caught:
        encode(obj(definition=PODS), PROTOBUF)
    assert caught.value.status == 406


def test_a_status_is_never_transformed() -> None:
    status = status_body(not_found(MAPS.resource, 'a'))
    assert json.loads(render_object(Form(as_='Table'), status, MAPS)) == status


def test_events_in_protobuf_are_frames() -> None:
    frame = render_event(Form(media=PROTOBUF, watch=True), 'ADDED', obj(), MAPS)
    assert int.from_bytes(frame[:4], 'big') == len(frame) - 4
    assert b'\x0a\x05ADDED\x12' in frame
    assert decode(frame[frame.index(b'k8s\0') :]) == obj()


# --- pages


def test_tokens_keep_the_revision_and_the_key() -> None:
    assert decode_token(encode_token(12, 'ns/é')) == (12, 'ns/é')
    assert decode_token(encode_token(-1, 'a')) == (-1, 'a')


def _token(data: str) -> str:
    import base64

    return base64.urlsafe_b64encode(data.encode()).decode().rstrip('=')


@pytest.mark.parametrize(
    ('token', 'message'),
    [
        ('x', 'continue key is not valid: illegal base64 data at input byte 0'),
        ('ab=!', 'continue key is not valid: illegal base64 data at input byte 2'),
        (_token('abc'), "continue key is not valid: invalid character 'a' looking for beginning of value"),
        (_token('{}'), 'continue key is not valid: server does not recognize this encoded version '),
        (
            _token('{"v":"meta.k8s.io/v1","start":"a"}'),
            'continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
        ),
        (
            _token('{"v":"meta.k8s.io/v1","rv":1}'),
            'continue key is not valid: encoded start key empty (version meta.k8s.io/v1)',
        ),
        (_token('{"v":"meta.k8s.io/v1","rv":1,"start":"../a"}'), 'continue key is not valid: ../a'),
    ],
)
def test_bad_tokens_are_refused(token: str, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        decode_token(token)
    assert (caught.value.status, caught.value.message) == (400, f'invalid continue token: {message}')


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(_token))
def test_no_token_breaks_the_reader(token: str) -> None:
    with pytest.raises(StatusError):
        decode_token(token)


# --- custom columns


def test_custom_columns_are_typed_cells() -> None:
    columns = (
        Column(name='Size', type='integer', json_path='.spec.size'),
        Column(name='Color', type='string', json_path='.spec.color', description='a color', priority=1),
        Column(name='Tag', type='string', json_path='.spec.tags[0]'),
        Column(name='Ready', type='string', json_path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name='On', type='boolean', json_path='.spec.on'),
        Column(name='Since', type='date', json_path='.metadata.creationTimestamp'),
        Column(name='Odd', type='integer', json_path='.spec.color'),
    )
    widgets = define('example.com', 'widgets', 'Widget', Origin.CUSTOM, columns=columns)
    spec = {'size': 1.0, 'color': 'red', 'tags': ['t'], 'on': False}
    full = obj(
        definition=widgets, spec=spec, status={'conditions': [{'type': 'A'}, {'type': 'Ready', 'status': 'True'}]}
    )
    items = [full, obj('b', widgets)]
    table = json.loads(render_list(Form(as_='Table'), items, {'resourceVersion': '9'}, widgets, now=NOW))
    assert [each['cells'] for each in table['rows']] == [
        ['a', 1, 'red', 't', 'True', False, '60m', None],
        ['b', None, None, None, None, None, '60m', None],
    ]
    heads = table['columnDefinitions']
    assert heads[1]['description'] == 'Custom resource definition column (in JSONPath format): .spec.size'
    assert (heads[2]['description'], heads[2]['priority']) == ('a color', 1)
    usual = json.loads(render_object(Form(as_='Table'), items[1], WIDGETS, now=NOW))
    assert [(each['name'], each['type']) for each in usual['columnDefinitions']] == [
        ('Name', 'string'),
        ('Age', 'date'),
    ]
