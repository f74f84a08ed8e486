"""Whatever can be decoded, the strategies of all built-in kinds take without failing; defaults are stable."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmock.kube.definitions import Definition, Json
from kmock.kube.resources.bundled import load_bundled
from kmock.kube.resources.registry import Registry
from kmock.kube.schema import Schema
from kmock.kube.schemas import fields
from kmock.kube.statuses import Cause, StatusError

REGISTRY = Registry()
load_bundled(REGISTRY)
KINDS = [each for each in REGISTRY if {'create', 'update'} <= set(each.verbs)]
OWN = [each for each in KINDS if each.resource.group not in ('apiextensions.k8s.io', 'admissionregistration.k8s.io')]
TEXTS = ['', 'a', 'Always', 'Never', 'None', 'NodePort', 'ExternalName', 'LoadBalancer', 'RollingUpdate', '50%', '1Gi']


def drawn(schema: Schema, draw: st.DrawFn, depth: int) -> object:
    """Something of the schema's types, small, and usually wrong in other ways."""
    if schema.int_or_string:
        return draw(st.sampled_from([0, 1, 200, 'http', '25%', '101%', '%', '']))
    kind = schema.type
    if kind == 'array':
        if schema.items is None or depth > 6:
            return []
        return [drawn(schema.items, draw, depth + 1) for _ in range(draw(st.integers(0, 2)))]
    if kind == 'object' or schema.properties:
        if schema.is_map:
            inner = schema.field('a')
            assert inner is not None
            return {key: drawn(inner, draw, depth + 1) for key in draw(st.sets(st.sampled_from(TEXTS), max_size=2))}
        keys = sorted(schema.properties)
        if depth > 6 or not keys:
            return {}
        chosen = draw(st.sets(st.sampled_from(keys), max_size=3 if depth else len(keys)))
        found = {}
        for key in sorted(chosen | {each for each in ('spec', 'template') if each in keys}):
            field = schema.field(key)
            assert field is not None
            found[key] = drawn(field, draw, depth + 1)
        return found
    if kind == 'integer':
        return draw(st.sampled_from([-1, 0, 1, 80, 70000]))
    if kind == 'boolean':
        return draw(st.booleans())
    if kind == 'number':
        return 1.5
    if schema.format in ('date-time', 'byte'):
        return '2024-01-02T03:04:05Z' if schema.format == 'date-time' else 'eA=='
    return draw(st.sampled_from(TEXTS))


@st.composite
def objects(draw: st.DrawFn, definition: Definition) -> Json:
    assert definition.schema is not None
    found = drawn(definition.schema, draw, 0)
    assert isinstance(found, dict)
    metadata = {'name': 'a', 'labels': {'a': 'b'}, 'uid': 'u'}
    return {**found, 'apiVersion': definition.api_version, 'kind': definition.kind, 'metadata': metadata}


def decoded(definition: Definition, obj: Json) -> Json | None:
    try:
        return fields.decode_typed(definition, obj, 'create')
    except StatusError:
        return None


@pytest.mark.parametrize('definition', OWN, ids=lambda each: str(each.resource))
@settings(max_examples=8, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_no_object_that_can_be_decoded_breaks_a_strategy(definition: Definition, data: st.DataObject) -> None:
    new = decoded(definition, data.draw(objects(definition)))
    old = decoded(definition, data.draw(objects(definition)))
    if new is None or old is None:
        return
    strategy = definition.strategy
    strategy.default(old)
    strategy.prepare_create(old)
    strategy.default(new)
    again = copy.deepcopy(new)
    strategy.default(again)
    assert again == new
    found = [*strategy.validate(old)]
    assert all(isinstance(each, str) for each in [*strategy.warnings(old, None), *strategy.warnings(new, old)])
    if strategy.grace is not None:
        assert strategy.grace(old, None) >= 0
    status = copy.deepcopy(new)
    strategy.prepare_status(status, old)
    found += strategy.validate_status(status, old)
    strategy.prepare_update(new, old)
    found += strategy.validate_update(new, old)
    assert all(isinstance(each, Cause) and str(each) for each in found)


@pytest.mark.parametrize('definition', OWN, ids=lambda each: str(each.resource))
def test_an_empty_object_gets_defaults_and_causes_but_no_failure(definition: Definition) -> None:
    obj: Json = {'apiVersion': definition.api_version, 'kind': definition.kind, 'metadata': {'name': 'a'}}
    strategy = definition.strategy
    strategy.default(obj)
    strategy.prepare_create(obj)
    assert all(isinstance(each, Cause) for each in strategy.validate(obj))
    assert strategy.name is not None
    assert not strategy.name('a', False)
