"""CustomResourceDefinitions are defaulted, validated and established as by a real API server."""

import copy
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kmock.kube.crds import (
    STRATEGIES,
    cleaned,
    cleaning,
    default_crd,
    definitions_of,
    establish,
    is_established,
    is_terminating,
    prepare_crd,
    steps_of_establishing,
    terminating,
    validate_crd,
)
from kmock.kube.definitions import Column, Json, Origin, ScalePaths
from kmock.naming import Resource

NOW = '2020-01-01T00:00:00Z'
LATER = '2020-01-02T00:00:00Z'


def drafted(schema: Any = None, **spec: Any) -> Json:
    """What a client sends."""
    root = {'type': 'object', 'properties': {'spec': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}
    version = {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema or root}}
    names = {'plural': 'widgets', 'singular': 'widget', 'kind': 'Widget', 'listKind': 'WidgetList'}
    return {
        'apiVersion': 'apiextensions.k8s.io/v1',
        'kind': 'CustomResourceDefinition',
        'metadata': {'name': 'widgets.kmock.example'},
        'spec': {'group': 'kmock.example', 'scope': 'Namespaced', 'names': names, 'versions': [version], **spec},
    }


def created(draft: Json) -> Json:
    """What is stored of it at first."""
    crd = copy.deepcopy(draft)
    default_crd(crd)
    prepare_crd(crd, None)
    return crd


def established(draft: Json) -> Json:
    return steps_of_establishing(created(draft), [], NOW)[-1]


def with_version(**parts: Any) -> Json:
    draft = drafted()
    draft['spec']['versions'][0].update(parts)
    return draft


def told(draft: Json, old: Json | None = None) -> list[str]:
    if old is None:
        crd = created(draft)
    else:
        crd = copy.deepcopy(draft)
        default_crd(crd)
        prepare_crd(crd, old)
    return [str(each) for each in validate_crd(crd, old)]


def in_spec(schema: Any, *, root: Any = None) -> list[str]:
    """What is told of a schema as that of the field `spec`, by the paths within the schema of the whole object."""
    found = told(drafted({'type': 'object', 'properties': {'spec': schema}, **(root or {})}))
    assert all(each.startswith('spec.validation.openAPIV3Schema') for each in found)
    return [each.removeprefix('spec.validation.openAPIV3Schema').removeprefix('.properties[spec]') for each in found]


# --- defaults and preparation


def test_names_and_conversion_are_defaulted() -> None:
    crd = created(drafted(names={'plural': 'widgets', 'kind': 'Widget'}))
    assert crd['spec']['names'] == {
        'plural': 'widgets',
        'kind': 'Widget',
        'singular': 'widget',
        'listKind': 'WidgetList',
    }
    assert crd['spec']['conversion'] == {'strategy': 'None'}
    assert told(drafted(names={'plural': 'widgets', 'kind': 'Widget'})) == []


def test_a_new_definition_has_an_empty_status_and_its_storage_version() -> None:
    crd = created(drafted())
    assert crd['metadata']['generation'] == 1
    assert crd['status'] == {
        'conditions': None,
        'acceptedNames': {'plural': '', 'kind': ''},
        'storedVersions': ['v1'],
    }


def test_a_service_is_called_at_its_usual_port() -> None:
    client = {'service': {'name': 'a', 'namespace': 'b'}}
    conversion = {'strategy': 'Webhook', 'webhook': {'clientConfig': client, 'conversionReviewVersions': ['v1']}}
    crd = created(drafted(conversion=conversion))
    assert crd['spec']['conversion']['webhook']['clientConfig']['service']['port'] == 443
    assert [str(each) for each in validate_crd(crd, None)] == []


def test_what_says_nothing_in_a_schema_is_dropped() -> None:
    node = {'type': 'string', 'nullable': False, 'description': '', 'minLength': 0, 'enum': ['', None], 'default': ''}
    crd = created(drafted({'type': 'object', 'properties': {'a': node}}))
    kept = crd['spec']['versions'][0]['schema']['openAPIV3Schema']['properties']['a']
    assert kept == {'type': 'string', 'minLength': 0, 'enum': ['', None], 'default': ''}


def test_an_update_keeps_the_status_counts_the_generation_and_notes_the_new_storage_version() -> None:
    old = established(drafted())
    draft = with_version(storage=False)
    draft['spec']['versions'].append({**drafted()['spec']['versions'][0], 'name': 'v2'})
    default_crd(draft)
    prepare_crd(draft, old)
    assert draft['metadata']['generation'] == 2
    assert draft['status']['storedVersions'] == ['v1', 'v2']
    assert draft['status']['conditions'] == old['status']['conditions']
    assert old['status']['storedVersions'] == ['v1']


# --- names, versions, columns


@pytest.mark.parametrize('name', ['wrong.name.example', 'things'])
def test_the_name_is_made_of_the_plural_and_the_group(name: str) -> None:
    draft = drafted()
    draft['metadata']['name'] = name
    assert told(draft) == [f'metadata.name: Invalid value: "{name}": must be spec.names.plural+"."+spec.group']


def test_what_can_not_change_once_established() -> None:
    old = established(drafted())
    names = {**old['spec']['names'], 'kind': 'Other'}
    assert told(drafted(scope='Cluster'), old) == ['spec.scope: Invalid value: "Cluster": field is immutable']
    assert told(drafted(group='other.example'), old) == [
        'spec.group: Invalid value: "other.example": field is immutable'
    ]
    assert told(drafted(names=names), old) == ['spec.names.kind: Invalid value: "Other": field is immutable']
    assert told(drafted(names=names), created(drafted())) == []


@pytest.mark.parametrize(
    ('spec', 'expected'),
    [
        ({'group': ''}, 'spec.group: Required value'),
        ({'group': 'example'}, 'spec.group: Invalid value: "example": should be a domain with at least one dot'),
        ({'scope': ''}, 'spec.scope: Required value'),
        ({'scope': 'Big'}, 'spec.scope: Unsupported value: "Big": supported values: "Cluster", "Namespaced"'),
        ({'versions': []}, 'spec.versions: Invalid value: []: must have exactly one version marked as storage version'),
        ({'versions': []}, 'status.storedVersions: Invalid value: null: must have at least one stored version'),
        ({'names': {}}, 'spec.names.plural: Required value'),
        ({'names': {}}, 'spec.names.kind: Required value'),
        ({'preserveUnknownFields': True}, 'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set '
         'x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'),
        ({'conversion': {'strategy': 'Webhook'}},
         'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook'),
        ({'conversion': {'strategy': 'Webhook'}}, 'spec.conversion.conversionReviewVersions: Required value'),
        ({'conversion': {'strategy': 'Odd'}},
         'spec.conversion.strategy: Unsupported value: "Odd": supported values: "None", "Webhook"'),
    ],
)  # fmt: skip
def test_faults_of_the_spec(spec: Json, expected: str) -> None:
    assert expected in told(drafted(**spec))


def test_names_of_kinds_may_have_mixed_case() -> None:
    names = {'plural': 'widgets', 'singular': 'wid_get', 'kind': 'Wid get', 'listKind': 'Wid get', 'shortNames': ['W']}
    found = told(drafted(names=names))
    assert found[0].startswith('spec.names.singular: Invalid value: "wid_get": a DNS-1035 label must consist of')
    assert found[1].startswith('spec.names.kind: Invalid value: "Wid get": may have mixed case, but should otherwise')
    assert found[3].startswith('spec.names.shortNames[0]: Invalid value: "W": a DNS-1035 label')
    assert found[4] == 'spec.names.listKind: Invalid value: "Wid get": kind and listKind may not be the same'


@pytest.mark.parametrize(
    ('parts', 'expected'),
    [
        ({'schema': None}, 'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required'),
        ({'deprecationWarning': 'x'},
         'spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions'),
        ({'additionalPrinterColumns': [{'name': 'a', 'type': 'odd', 'jsonPath': 'spec'}]},
         'spec.additionalPrinterColumns[0].type: Invalid value: "odd": must be one of '
         'boolean,date,integer,number,string'),
        ({'additionalPrinterColumns': [{'name': 'a', 'type': 'date', 'jsonPath': 'spec'}]},
         'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with '
         '.'),
        ({'subresources': {'scale': {'specReplicasPath': '.status.x', 'statusReplicasPath': ''}}},
         'spec.subresources.scale.specReplicasPath: Invalid value: ".status.x": should be a json path under .spec'),
        ({'subresources': {'scale': {'specReplicasPath': '.spec.x', 'statusReplicasPath': ''}}},
         'spec.subresources.scale.statusReplicasPath: Required value'),
        ({'selectableFields': [{'jsonPath': '.metadata.x'}]},
         'spec.selectableFields[0].jsonPath: Invalid value: ".metadata.x": is an invalid path: '
         'does not refer to a valid field'),
        ({'selectableFields': [{'jsonPath': '.spec'}]},
         'spec.selectableFields[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or '
         'integer. Enum string fields and strings with formats are allowed.'),
    ],
)  # fmt: skip
def test_faults_of_a_version(parts: Json, expected: str) -> None:
    assert told(with_version(**parts))[:1] == [expected]


def test_causes_of_several_versions_stand_at_each() -> None:
    draft = drafted()
    other = {'name': 'v2', 'served': True, 'storage': False, 'schema': {'openAPIV3Schema': {'type': 'array'}}}
    draft['spec']['versions'].append(other)
    found = told(draft)
    assert found[0].startswith('spec.versions[1].schema.openAPIV3Schema.')


def test_versions_are_unique_and_a_stored_one_stays() -> None:
    draft = drafted()
    draft['spec']['versions'].append({**draft['spec']['versions'][0], 'storage': False})
    version = (
        '{"Name":"v1","Served":true,"Storage":%s,"Deprecated":false,"DeprecationWarning":null,"Schema":null,'
        '"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}'
    )
    shown = f'[{version % "true"},{version % "false"}]'
    assert told(draft)[0] == f'spec.versions: Invalid value: {shown}: must contain unique version names'
    found = told(with_version(name='v2'), established(drafted()))
    assert found[0].startswith('status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was')


def test_groups_of_the_community_need_an_approval() -> None:
    draft = drafted(group='x.k8s.io')
    draft['metadata']['name'] = 'widgets.x.k8s.io'
    field = 'metadata.annotations[api-approved.kubernetes.io]'
    assert told(draft)[0].startswith(f'{field}: Required value: protected groups must have approval annotation')
    draft['metadata']['annotations'] = {'api-approved.kubernetes.io': 'odd'}
    assert told(draft)[0].startswith(f'{field}: Invalid value: "odd": protected groups must have')
    draft['metadata']['annotations'] = {'api-approved.kubernetes.io': 'unapproved, a test'}
    assert told(draft) == []
    assert establish(created(draft), [], NOW)['conditions'][2]['reason'] == 'UnapprovedAnnotation'


def test_a_url_of_a_webhook_is_https_and_bare() -> None:
    client = {'url': 'http://u@h/?q#f'}
    webhook = {'clientConfig': client, 'conversionReviewVersions': ['v9', 'v9']}
    found = told(drafted(conversion={'strategy': 'Webhook', 'webhook': webhook}))
    assert [each.partition(': Invalid')[0].removeprefix('spec.conversion.') for each in found] == [
        *['webhookClientConfig.url'] * 4,
        'conversionReviewVersions[1]',
        'conversionReviewVersions',
    ]


# --- schemas


@pytest.mark.parametrize(
    ('schema', 'expected'),
    [
        ({}, ['.type: Required value: must not be empty for specified object fields']),
        ({'type': 'array'}, ['.items: Required value: must be specified']),
        ({'type': 'array', 'items': {}}, ['.items.type: Required value: must not be empty for specified array items']),
        ({'type': 'odd'}, ['.type: Unsupported value: "odd": supported values: "array", "boolean", "integer", '
                           '"number", "object", "string"']),
        ({'type': 'object', 'properties': {'a': {'type': 'string'}}, 'additionalProperties': {'type': 'string'}},
         ['.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive']),
        ({'type': 'string', '$ref': '#/x'}, ['.$ref: Forbidden: $ref is not supported']),
        ({'type': 'string', 'pattern': '(?=x)'},
         ['.pattern: Invalid value: "(?=x)": must be a valid regular expression, but isn\'t: error parsing regexp: '
          'invalid or unsupported Perl syntax: `(?=`']),
        ({'type': 'string', 'anyOf': [{'type': 'string'}]},
         ['.anyOf[0].type: Forbidden: must be empty to be structural']),
        ({'x-kubernetes-int-or-string': True, 'anyOf': [{'type': 'integer'}, {'type': 'string'}]}, []),
        ({'x-kubernetes-int-or-string': True, 'allOf': [{'anyOf': [{'type': 'integer'}, {'type': 'string'}]}]}, []),
        ({'type': 'object', 'x-kubernetes-embedded-resource': True},
         ['.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without '
          'x-kubernetes-preserve-unknown-fields']),
        ({'type': 'object', 'x-kubernetes-preserve-unknown-fields': False},
         ['.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined']),
        ({'type': 'array', 'x-kubernetes-list-type': 'map', 'items': {'type': 'object'}},
         ['.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map']),
        ({'type': 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'],
          'items': {'type': 'object', 'properties': {'k': {'type': 'string'}}}},
         ['.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must '
          'have a default or be a required property']),
        ({'type': 'array', 'x-kubernetes-list-type': 'set', 'items': {'type': 'object'}},
         ['.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with '
          'x-kubernetes-list-type=set']),
        ({'type': 'string', 'x-kubernetes-list-type': 'odd'},
         ['.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified',
          '.x-kubernetes-list-type: Unsupported value: "odd": supported values: "atomic", "set", "map"']),
        ({'type': 'object', 'properties': {'a': {'type': 'object', 'default': {'b': 1}}}},
         ['.properties[a].default: Invalid value: {"b":1}: must not have unknown fields']),
    ],
)  # fmt: skip
def test_faults_of_a_schema(schema: Json, expected: list[str]) -> None:
    assert in_spec(schema) == expected


def test_a_default_is_what_its_schema_accepts() -> None:
    found = in_spec({'type': 'object', 'properties': {'a': {'type': 'string', 'default': 1}}})
    assert found[0].startswith('.properties[a].default: Invalid value: ')
    assert found[0].endswith(':  in body must be of type string: "integer"')


def test_what_is_in_a_default_is_named_from_the_default_on() -> None:
    item = {'type': 'object', 'required': ['k'], 'properties': {'k': {'type': 'integer'}}}
    of_object = in_spec({'type': 'object', 'properties': {'a': {**item, 'default': {'k': 'x'}}}})
    assert of_object == [
        '.properties[a].default.k: Invalid value: "string": k in body must be of type integer: "string"'
    ]
    listed = {'type': 'array', 'items': item, 'default': [{'k': 1}, {}]}
    assert in_spec({'type': 'object', 'properties': {'a': listed}}) == ['.properties[a].default.[1].k: Required value']


def test_branches_restrict_only_what_is_specified() -> None:
    found = in_spec({'type': 'object'}, root={'anyOf': [{'properties': {'a': {'minLength': 1}}}]})
    assert found == [
        '.properties[a]: Required value: because it is defined in '
        'spec.validation.openAPIV3Schema.anyOf[0].properties[a]'
    ]


def test_the_metadata_at_the_root_are_restricted_by_name_alone() -> None:
    good = {
        'type': 'object',
        'properties': {'metadata': {'type': 'object', 'properties': {'name': {'maxLength': 3, 'type': 'string'}}}},
    }
    assert told(drafted(good)) == []
    bad = {'type': 'object', 'properties': {'metadata': {'type': 'object', 'required': ['labels']}}}
    assert told(drafted(bad)) == [
        'spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than name '
        'and generateName, but metadata is implicitly specified'
    ]


def test_rules_have_a_form() -> None:
    rules = [{'rule': ''}, {'rule': 'a\nb'}, {'rule': 'a', 'reason': 'Odd', 'fieldPath': '.b'}]
    where = '.x-kubernetes-validations'
    assert in_spec({'type': 'object', 'x-kubernetes-validations': rules}) == [
        f'{where}[0].rule: Required value: rule is not specified',
        f'{where}[1].message: Required value: message must be specified if rule contains line breaks',
        f'{where}[2].reason: Unsupported value: "Odd": supported values: "FieldValueDuplicate", '
        '"FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
        f'{where}[2].fieldPath: Invalid value: ".b": fieldPath must be a valid path',
    ]


def test_rules_are_compiled_where_all_else_is_right() -> None:
    rules = [{'rule': 'self.a == "x"'}, {'rule': 'self.b == 1'}, {'rule': 'true', 'optionalOldSelf': True}]
    rules.append({'rule': 'true', 'messageExpression': 'self.b'})
    rules.append({'rule': 'true', 'messageExpression': "'got ' + self.a"})
    node = {'type': 'object', 'properties': {'a': {'type': 'string'}}, 'x-kubernetes-validations': rules}
    first, second, third = in_spec(node)
    where = '.x-kubernetes-validations'
    assert first.startswith(f'{where}[1].rule: Invalid value: {{"Rule":"self.b == 1","Message":""')
    assert 'compilation failed: ERROR: <input>:1:5: undefined field' in first
    assert second == f'{where}[2].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule'
    assert third.startswith(f'{where}[3].messageExpression: Invalid value: ')
    assert 'messageExpression compilation failed' in third
    assert in_spec({**node, 'type': 'odd'})[0].startswith('.type: Unsupported value')


def test_rules_at_the_root_see_the_name() -> None:
    rules = [{'rule': 'self.metadata.name.startsWith("a") && self.kind != ""'}]
    assert in_spec({'type': 'object'}, root={'x-kubernetes-validations': rules}) == []
    labels = [{'rule': 'self.metadata.labels == {}'}]
    assert 'undefined field' in in_spec({'type': 'object'}, root={'x-kubernetes-validations': labels})[0]


def test_items_of_plain_lists_have_no_old_values_for_rules() -> None:
    items = {'type': 'integer', 'x-kubernetes-validations': [{'rule': 'self >= oldSelf'}]}
    words = 'oldSelf cannot be used on the uncorrelatable portion of the schema within'
    assert in_spec({'type': 'array', 'items': items}) == [
        f'.items.x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": {words} '
        'spec.validation.openAPIV3Schema.properties[spec]'
    ]


# --- establishing


def test_a_definition_is_established_in_steps() -> None:
    crd = created(drafted())
    first, second = steps_of_establishing(crd, [crd], NOW)
    assert [each['status'] for each in first['status']['conditions']] == ['True', 'False']
    assert first['status']['conditions'][1]['reason'] == 'Installing'
    assert second['status'] == {
        'conditions': [
            {
                'type': 'NamesAccepted',
                'status': 'True',
                'lastTransitionTime': NOW,
                'reason': 'NoConflicts',
                'message': 'no conflicts found',
            },
            {
                'type': 'Established',
                'status': 'True',
                'lastTransitionTime': NOW,
                'reason': 'InitialNamesAccepted',
                'message': 'the initial names have been accepted',
            },
        ],
        'acceptedNames': {'plural': 'widgets', 'singular': 'widget', 'kind': 'Widget', 'listKind': 'WidgetList'},
        'storedVersions': ['v1'],
    }
    assert crd['status']['conditions'] is None
    assert steps_of_establishing(second, [second], LATER) == []


def test_names_that_are_taken_are_not_accepted() -> None:
    names = {'plural': 'gizmos', 'singular': 'widget', 'kind': 'Widget', 'listKind': 'GizmoList'}
    draft = drafted(names=names)
    draft['metadata']['name'] = 'gizmos.kmock.example'
    status = establish(created(draft), [established(drafted())], NOW)
    assert status['acceptedNames'] == {'plural': 'gizmos', 'kind': '', 'listKind': 'GizmoList'}
    assert [(each['reason'], each['message']) for each in status['conditions']] == [
        ('KindConflict', '"Widget" is already in use'),
        ('NotAccepted', 'not all names are accepted'),
    ]
    assert definitions_of({**created(draft), 'status': status}) == []


def test_short_names_conflict_with_any_name_of_a_resource() -> None:
    draft = drafted(
        names={'plural': 'gizmos', 'singular': 'g', 'kind': 'G', 'listKind': 'GL', 'shortNames': ['widget']}
    )
    draft['metadata']['name'] = 'gizmos.kmock.example'
    status = establish(created(draft), [established(drafted())], NOW)
    assert status['conditions'][0]['reason'] == 'ShortNamesConflict'


def test_other_groups_do_not_matter() -> None:
    draft = drafted(group='other.example')
    assert establish(created(draft), [established(drafted())], NOW)['conditions'][0]['status'] == 'True'


def test_a_freed_name_is_accepted_later_at_that_time() -> None:
    draft = drafted(names={'plural': 'gizmos', 'singular': 'gizmo', 'kind': 'Widget', 'listKind': 'GizmoList'})
    draft['metadata']['name'] = 'gizmos.kmock.example'
    refused = {**created(draft), 'status': establish(created(draft), [established(drafted())], NOW)}
    status = establish(refused, [], LATER)
    assert [each['lastTransitionTime'] for each in status['conditions']] == [LATER, LATER]


def test_the_end_of_a_definition() -> None:
    crd = established(drafted())
    ending = terminating(crd, LATER)
    assert ending['metadata']['deletionTimestamp'] == LATER
    assert ending['metadata']['finalizers'] == ['customresourcecleanup.apiextensions.k8s.io']
    assert ending['status']['conditions'][2] == {
        'type': 'Terminating',
        'status': 'True',
        'lastTransitionTime': LATER,
        'reason': 'InstanceDeletionPending',
        'message': 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    }
    assert terminating(cleaning(ending, LATER), LATER) == cleaning(ending, LATER)
    assert is_terminating(cleaning(ending, LATER))
    assert 'create' not in definitions_of(ending)[0].verbs
    assert 'finalizers' not in cleaned(ending, LATER)['metadata']
    assert not is_terminating(cleaned(ending, LATER))
    assert 'finalizers' not in crd['metadata']


# --- serving


def test_a_served_version_is_a_definition() -> None:
    columns = [{'name': 'Size', 'type': 'integer', 'jsonPath': '.spec.size', 'priority': 1}]
    scale = {'specReplicasPath': '.spec.size', 'statusReplicasPath': '.status.size'}
    (found,) = definitions_of(
        established(with_version(additionalPrinterColumns=columns, subresources={'status': {}, 'scale': scale}))
    )
    assert found.resource == Resource('kmock.example', 'v1', 'widgets')
    assert (found.kind, found.list_kind, found.singular) == ('Widget', 'WidgetList', 'widget')
    assert found.namespaced
    assert found.origin is Origin.CUSTOM
    assert found.storage_version == 'v1'
    assert list(found.subresources) == ['status', 'scale']
    assert found.subresources['scale'].group == 'autoscaling'
    assert found.columns == (Column(name='Size', type='integer', json_path='.spec.size', priority=1),)
    assert found.scale == ScalePaths(spec_replicas='.spec.size', status_replicas='.status.size')
    assert found.strategy.creates_without_status
    assert not found.strategy.put_creates


def test_the_schema_is_that_of_the_whole_object() -> None:
    (found,) = definitions_of(established(drafted()))
    assert found.schema is not None
    metadata = found.schema.field('metadata')
    assert metadata is not None
    finalizers = metadata.field('finalizers')
    assert finalizers is not None
    assert finalizers.list_type == 'set'
    assert list(found.schema.properties) == ['apiVersion', 'kind', 'spec', 'metadata']


def test_restrictions_of_the_name_stay_in_the_schema() -> None:
    name = {'type': 'string', 'maxLength': 3}
    root = {'type': 'object', 'properties': {'metadata': {'type': 'object', 'properties': {'name': name}}}}
    (found,) = definitions_of(established(drafted(root)))
    assert found.schema is not None
    assert found.schema.properties['metadata']['properties']['name'] == name
    assert 'labels' in found.schema.properties['metadata']['properties']


def test_names_are_held_to_the_restrictions_of_the_schema() -> None:
    name = {'type': 'string', 'maxLength': 3}
    root = {'type': 'object', 'properties': {'metadata': {'type': 'object', 'properties': {'name': name}}}}
    (found,) = definitions_of(established(drafted(root)))
    obj: Json = {'metadata': {'name': 'abcd', 'labels': {'a': 'b'}}}
    expected = ['metadata.name: Too long: may not be more than 3 bytes']
    assert [str(each) for each in found.strategy.validate(obj)] == expected
    assert found.strategy.validate_update(obj, obj) == []
    assert found.strategy.validate_update(obj, {'metadata': {'name': 'abc'}}) != []
    assert found.strategy.validate({'metadata': {'name': 'abc'}}) == []


def test_deprecated_versions_name_the_newest_to_use() -> None:
    draft = with_version(name='v1beta1', deprecated=True, storage=False)
    one = drafted()['spec']['versions'][0]
    draft['spec']['versions'] += [one, {**one, 'name': 'v2', 'storage': False}, {**one, 'name': 'v3', 'served': False}]
    found = definitions_of(established(draft))
    assert [each.resource.version for each in found] == ['v1beta1', 'v1', 'v2']
    warning = 'kmock.example/v1beta1 Widget is deprecated; use kmock.example/v2 Widget'
    assert [each.deprecation for each in found] == [warning, None, None]


# --- outside data

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(['object', 'array', 'x', '', 'v1', '(', '.a']),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(
            ['type', 'properties', 'items', 'anyOf', 'not', 'default', 'names', 'versions', 'schema', 'openAPIV3Schema',
             'additionalProperties', 'x-kubernetes-list-type', 'pattern', 'metadata', 'conversion', 'webhook',
             'clientConfig', 'subresources', 'scale', 'selectableFields', 'status', 'storedVersions']
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(JSON, JSON)
def test_any_definition_is_answered_with_causes(spec: Any, schema: Any) -> None:
    for draft in (drafted(schema=schema), {**drafted(), 'spec': spec}):
        strategy = STRATEGIES['customresourcedefinitions']
        strategy.default(draft)
        strategy.prepare_create(draft)
        assert all(each.message for each in strategy.validate(draft))
        for step in steps_of_establishing(draft, [draft], NOW):
            assert all(each.origin is Origin.CUSTOM for each in definitions_of(step)) or not is_established(step)
