"""OpenAPI of resources that are not built in: the paths and schemas of one group version, as documents have them.

Paths are made in the form of OpenAPI v3; `as_v2` turns them, and schemas, into what OpenAPI v2 can say.
Source: the documents that a real v1.36 API server publishes for CustomResourceDefinitions (without their prose).
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.resources.bundled import bundled_document

__all__ = ['as_v2', 'component_name', 'custom_components', 'custom_paths', 'referenced', 'schema_v2']

_META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
_SCALE = 'io.k8s.api.autoscaling.v1.Scale'
_REF = '#/components/schemas/'
_PATCHES = ('application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json')
_MEDIA = ('application/json', 'application/yaml')
_DESCRIPTIONS = {'200': 'OK', '201': 'Created', '202': 'Accepted', '401': 'Unauthorized'}

_TYPES = {
    'allowWatchBookmarks': 'boolean',
    'force': 'boolean',
    'gracePeriodSeconds': 'integer',
    'ignoreStoreReadErrorWithClusterBreakingPotential': 'boolean',
    'limit': 'integer',
    'orphanDependents': 'boolean',
    'sendInitialEvents': 'boolean',
    'timeoutSeconds': 'integer',
    'watch': 'boolean',
}
_LISTING = [
    'allowWatchBookmarks',
    'continue',
    'fieldSelector',
    'labelSelector',
    'limit',
    'resourceVersion',
    'resourceVersionMatch',
    'sendInitialEvents',
    'shardSelector',
    'timeoutSeconds',
    'watch',
]
_WRITING = ['dryRun', 'fieldManager', 'fieldValidation']
_DELETING = [
    'dryRun',
    'gracePeriodSeconds',
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'orphanDependents',
    'propagationPolicy',
]

# --- names


def component_name(definition: Definition, kind: str) -> str:
    """`dev.kopf.v1.KopfExample`: the group reversed, the version, the kind."""
    resource = definition.resource
    group = '.'.join(reversed(resource.group.split('.'))) if resource.group else 'core'
    return f'{group}.{resource.version}.{kind}'


def _camel(text: str) -> str:
    """`kopf.dev` → `KopfDev`."""
    return ''.join(part[:1].upper() + part[1:] for part in re.split(r'[^A-Za-z0-9_]', text))


# --- schemas


def custom_components(definitions: Iterable[Definition]) -> Json:
    """The schemas of kinds and their lists, with all the common ones that they, or their paths, refer to."""
    found: Json = {}
    wanted = [f'{_META}.{kind}' for kind in ('DeleteOptions', 'ListMeta', 'ObjectMeta', 'Patch', 'Status')]
    for definition in definitions:
        found[component_name(definition, definition.kind)] = _object_schema(definition)
        found[component_name(definition, definition.list_kind)] = _list_schema(definition)
        if 'scale' in definition.subresources:
            wanted.append(_SCALE)
    found.update(_closure(wanted))
    return dict(sorted(found.items()))


@functools.cache
def _common() -> Json:
    """The schemas of the core group's document, which has all of the common ones."""
    document = bundled_document('api/v1')
    assert document is not None
    schemas: Json = json.loads(document)['components']['schemas']
    return schemas


def _closure(names: Iterable[str]) -> Json:
    common = _common()
    found: Json = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in common:
            found[name] = common[name]
            waiting.extend(referenced(common[name]))
    return found


def referenced(node: Any) -> Iterator[str]:
    """The names of the schemas that are referred to anywhere in a schema."""
    if isinstance(node, Mapping):
        reference = node.get('$ref')
        if isinstance(reference, str):
            yield reference.rpartition('/')[2]
        for value in node.values():
            yield from referenced(value)
    elif isinstance(node, list):
        for value in node:
            yield from referenced(value)


def _object_schema(definition: Definition) -> Json:
    schema = definition.schema
    node: Json = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}
    if definition.origin is Origin.CUSTOM and schema is not None:
        node = {**schema.node}
    properties = {**(node.get('properties') or {})}
    properties['apiVersion'] = {'type': 'string', **_described(properties.get('apiVersion'))}
    properties['kind'] = {'type': 'string', **_described(properties.get('kind'))}
    properties['metadata'] = {'allOf': [{'$ref': f'{_REF}{_META}.ObjectMeta'}]}
    node['type'] = 'object'
    node['properties'] = dict(sorted(properties.items()))
    node['x-kubernetes-group-version-kind'] = [_kind_of(definition, definition.kind)]
    return node


def _described(node: Any) -> Json:
    return {'description': node['description']} if isinstance(node, Mapping) and 'description' in node else {}


def _list_schema(definition: Definition) -> Json:
    item = {'$ref': f'{_REF}{component_name(definition, definition.kind)}'}
    return {
        'type': 'object',
        'required': ['items'],
        'properties': {
            'apiVersion': {'type': 'string'},
            'items': {'type': 'array', 'items': item},
            'kind': {'type': 'string'},
            'metadata': {'allOf': [{'$ref': f'{_REF}{_META}.ListMeta'}]},
        },
        'x-kubernetes-group-version-kind': [_kind_of(definition, definition.list_kind)],
    }


def _kind_of(definition: Definition, kind: str) -> Json:
    return {'group': definition.resource.group, 'kind': kind, 'version': definition.resource.version}


# --- paths


def custom_paths(definition: Definition) -> Json:
    """The paths of one resource and its subresources."""
    return _Paths(definition).all()


class _Paths:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._object = component_name(definition, definition.kind)
        group, version = definition.resource.group, definition.resource.version
        self._infix = _camel(group.removesuffix('.k8s.io') or 'core') + _camel(version)
        tag = _camel(group.removesuffix('.k8s.io') or 'core')
        self._tag = f'{tag[:1].lower()}{tag[1:]}_{version}'

    def all(self) -> Json:
        definition = self._definition
        everywhere = definition.resource.path
        if not definition.namespaced:
            return dict(sorted(self._places(everywhere, '').items()))
        prefix, _, plural = everywhere.rpartition('/')
        paths = self._places(f'{prefix}/namespaces/{{namespace}}/{plural}', 'Namespaced')
        if 'list' in definition.verbs:
            name = f'{definition.kind}ForAllNamespaces'
            listing = self._operation('list', 'list', name, None, self._list())
            paths[everywhere] = {'get': listing, 'parameters': _query(sorted([*_LISTING, 'pretty']))}
        return dict(sorted(paths.items()))

    def _places(self, collection: str, scope: str) -> Json:
        paths = {collection: self._collection(scope), f'{collection}/{{name}}': self._item(scope)}
        for name, subresource in self._definition.subresources.items():
            schema = _SCALE if name == 'scale' else self._object
            paths[f'{collection}/{{name}}/{name}'] = self._sub(scope, _camel(name), schema, subresource.verbs)
        return {path: operations for path, operations in paths.items() if set(operations) - {'parameters'}}

    def _collection(self, scope: str) -> Json:
        name = f'{scope}{self._definition.kind}'
        found = {
            'get': self._operation('list', 'list', name, _LISTING, self._list()),
            'post': self._operation('create', 'post', name, _WRITING, self._object, ('200', '201', '202')),
            'delete': self._operation('delete', 'deletecollection', f'Collection{name}', _LISTING, f'{_META}.Status'),
        }
        verbs = {'get': 'list', 'post': 'create', 'delete': 'deletecollection'}
        return {**self._served(found, verbs, self._definition.verbs), 'parameters': _path_parameters(scope)}

    def _item(self, scope: str) -> Json:
        name = f'{scope}{self._definition.kind}'
        found = {
            **self._reading_and_writing(name, self._object),
            'delete': self._operation('delete', 'delete', name, _DELETING, f'{_META}.Status', ('200', '202')),
        }
        order = ('get', 'put', 'delete', 'patch')
        verbs = {'get': 'get', 'put': 'update', 'delete': 'delete', 'patch': 'patch'}
        served = self._served({key: found[key] for key in order}, verbs, self._definition.verbs)
        return {**served, 'parameters': _path_parameters(scope, item=True)}

    def _sub(self, scope: str, suffix: str, schema: str, verbs: Iterable[str]) -> Json:
        found = self._reading_and_writing(f'{scope}{self._definition.kind}{suffix}', schema)
        served = self._served(found, {'get': 'get', 'put': 'update', 'patch': 'patch'}, verbs)
        return {**served, 'parameters': _path_parameters(scope, item=True)}

    def _reading_and_writing(self, name: str, schema: str) -> Json:
        return {
            'get': self._operation('read', 'get', name, ['resourceVersion'], schema),
            'put': self._operation('replace', 'put', name, _WRITING, schema, ('200', '201')),
            'patch': self._operation('patch', 'patch', name, [*_WRITING, 'force'], schema),
        }

    @staticmethod
    def _served(found: Json, verbs: Mapping[str, str], served: Iterable[str]) -> Json:
        allowed = set(served)
        return {method: operation for method, operation in found.items() if verbs[method] in allowed}

    def _list(self) -> str:
        return component_name(self._definition, self._definition.list_kind)

    def _operation(
        self,
        word: str,
        verb: str,
        name: str,
        query: Iterable[str] | None,
        schema: str,
        codes: Iterable[str] = ('200',),
    ) -> Json:
        resource = self._definition.resource
        operation: Json = {'tags': [self._tag], 'operationId': f'{word}{self._infix}{name}'}
        if query is not None:
            operation['parameters'] = _query(query)
        if verb in ('post', 'put', 'patch', 'delete'):
            operation['requestBody'] = _request_body(verb, schema)
        content = {media: {'schema': {'$ref': f'{_REF}{schema}'}} for media in _MEDIA}
        responses: Json = {code: {'description': _DESCRIPTIONS[code], 'content': content} for code in codes}
        operation['responses'] = {**responses, '401': {'description': _DESCRIPTIONS['401']}}
        operation['x-kubernetes-action'] = verb
        kind = {'group': resource.group, 'version': resource.version, 'kind': self._definition.kind}
        operation['x-kubernetes-group-version-kind'] = kind
        return operation


def _request_body(verb: str, schema: str) -> Json:
    named = {'patch': f'{_META}.Patch', 'delete': f'{_META}.DeleteOptions'}.get(verb, schema)
    media = _PATCHES if verb == 'patch' else _MEDIA
    body: Json = {'content': {each: {'schema': {'$ref': f'{_REF}{named}'}} for each in media}}
    return body if verb == 'delete' else {**body, 'required': True}


def _query(names: Iterable[str]) -> list[Json]:
    return [_parameter(name, 'query') for name in names]


def _path_parameters(scope: str, *, item: bool = False) -> list[Json]:
    names = [*(['name'] if item else []), *(['namespace'] if scope else [])]
    return [*(_parameter(name, 'path') for name in names), _parameter('pretty', 'query')]


def _parameter(name: str, place: str) -> Json:
    required = {'required': True} if place == 'path' else {}
    return {'name': name, 'in': place, **required, 'schema': {'type': _TYPES.get(name, 'string'), 'uniqueItems': True}}


# --- OpenAPI v2


def as_v2(paths: Json) -> Json:
    """The paths in the form of OpenAPI v2: bodies are parameters, and media types stand beside them."""
    return {path: {key: _v2_entry(key, value) for key, value in each.items()} for path, each in paths.items()}


def _v2_entry(key: str, value: Any) -> Any:
    if key == 'parameters':
        return [_v2_parameter(each) for each in value]
    body = value.get('requestBody')
    parameters = [_v2_parameter(each) for each in value.get('parameters', ())]
    if body is not None:
        schema = next(iter(body['content'].values()))['schema']
        required = {'required': True} if body.get('required') else {}
        parameters.insert(0, {'name': 'body', 'in': 'body', **required, 'schema': _v2_references(schema)})
    return {
        'consumes': list(body['content'] if body and value['x-kubernetes-action'] == 'patch' else _MEDIA),
        'produces': list(_MEDIA),
        'schemes': ['https'],
        'tags': value['tags'],
        'operationId': value['operationId'],
        **({'parameters': parameters} if parameters else {}),
        'responses': {code: _v2_response(each) for code, each in value['responses'].items()},
        'x-kubernetes-action': value['x-kubernetes-action'],
        'x-kubernetes-group-version-kind': value['x-kubernetes-group-version-kind'],
    }


def _v2_parameter(parameter: Json) -> Json:
    rest = {key: value for key, value in parameter.items() if key != 'schema'}
    return {**parameter['schema'], **rest}


def _v2_response(response: Json) -> Json:
    content = response.get('content')
    schema = {'schema': _v2_references(next(iter(content.values()))['schema'])} if content else {}
    return {'description': response['description'], **schema}


def _v2_references(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _v2_references(value) for key, value in node.items()}
    if isinstance(node, str) and node.startswith(_REF):
        return f'#/definitions/{node.removeprefix(_REF)}'
    return node


def schema_v2(node: Any) -> Any:
    """A schema as OpenAPI v2 can say it: no alternatives, nothing nullable, and free-form where that is declared."""
    if not isinstance(node, Mapping):
        return node
    if '$ref' in node:
        return _v2_references(node)
    branches = node.get('allOf', ())
    if len(branches) == 1 and '$ref' in branches[0] and 'type' not in node:
        return {**_described(node), **_v2_references(branches[0])}
    dropped = {'allOf', 'anyOf', 'oneOf', 'not', 'nullable'}
    if node.get('nullable') or node.get('x-kubernetes-preserve-unknown-fields'):
        dropped |= {'items', 'additionalProperties', 'properties', 'required'}
        dropped |= {'type'} if node.get('nullable') else set()
    if 'x-kubernetes-group-version-kind' in node:
        dropped -= {'properties', 'type'}
    return {key: _v2_member(key, value) for key, value in node.items() if key not in dropped}


def _v2_member(key: str, value: Any) -> Any:
    if key == 'properties' and isinstance(value, Mapping):
        return {name: schema_v2(each) for name, each in value.items()}
    return schema_v2(value) if key in ('items', 'additionalProperties') else value
