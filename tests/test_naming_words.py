"""The words by which users name resources and actions."""

import types

import pytest
from asking import make

from kmock.naming import Resource, action, parse_resource, resource


@pytest.mark.parametrize(
    ('name', 'parts'),
    [
        (('v1/pods',), ('', 'v1', 'pods')),
        (('pods.v1',), ('', 'v1', 'pods')),
        (('v1', 'pods'), ('', 'v1', 'pods')),
        (('', 'v1', 'pods'), ('', 'v1', 'pods')),
        (('kopf.dev/v1/kopfexamples',), ('kopf.dev', 'v1', 'kopfexamples')),
        (('kopfexamples.v1.kopf.dev',), ('kopf.dev', 'v1', 'kopfexamples')),
        (('kopf.dev', 'v1beta1', 'kopfexamples'), ('kopf.dev', 'v1beta1', 'kopfexamples')),
        (('kopf.dev/v1', 'kopfexamples'), ('kopf.dev', 'v1', 'kopfexamples')),
        (('pods',), (None, None, 'pods')),
        ((Resource('apps', 'v1', 'deployments'),), ('apps', 'v1', 'deployments')),
        ((types.SimpleNamespace(group='g', version='v1', plural='p'),), ('g', 'v1', 'p')),
    ],
)
def test_a_resource_is_named_in_several_notations(name, parts):
    named = resource(*name)
    assert (named.group, named.version, named.plural) == parts


def test_keywords_complete_a_name_but_do_not_contradict_it():
    assert resource('pods', version='v1', group='') == Resource('', 'v1', 'pods')
    with pytest.raises(ValueError, match=r"version 'v1', but given version='v2'"):
        resource('v1/pods', version='v2')


@pytest.mark.parametrize('name', [(), ('Pods',), ('a/b/c/d',), (5,)])
def test_what_names_no_resource_is_refused(name):
    with pytest.raises(ValueError, match='names no'):
        resource(*name)


@pytest.mark.parametrize('text', ['pods', 'v1', 'apps/v1', 'pods.apps', 'Pods.v1', '/v1/pods', 'v1/pods/status', ''])
def test_other_texts_are_in_no_notation(text):
    assert parse_resource(text) is None


def test_parts_that_are_not_named_may_be_anything():
    deployments = Resource('apps', 'v1', 'deployments')
    assert resource(group='apps').matches(deployments)
    assert resource(plural='deployments', version='v1').matches(deployments)
    assert not resource(group='').matches(deployments)


def test_a_resource_named_in_full_equals_the_type():
    named = resource('apps/v1/deployments')
    assert named == named.full == Resource('apps', 'v1', 'deployments')
    assert hash(named) == hash(named.full)
    assert named != resource(group='apps')
    assert named != 'apps/v1/deployments'
    assert resource(group='apps').full is None


def test_resources_are_shown_as_they_can_be_written():
    assert repr(resource('apps/v1/deployments')) == "resource('deployments.v1.apps')"
    assert repr(resource(group='apps')) == "resource(group='apps')"
    assert str(resource('v1/pods')) == 'pods.v1'


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        ('get /api/v1/pods', action.LIST),
        ('get /api/v1/pods?watch=1', action.WATCH),
        ('get /api/v1/namespaces/ns/pods/a', action.FETCH),
        ('post /api/v1/namespaces/ns/pods', action.CREATE),
        ('put /api/v1/namespaces/ns/pods/a', action.UPDATE),
        ('patch /api/v1/namespaces/ns/pods/a/status', action.UPDATE),
        ('delete /api/v1/namespaces/ns/pods/a', action.DELETE),
        ('delete /api/v1/namespaces/ns/pods', action.DELETE),
        ('store /api/v1/pods', None),
        ('get /version', None),
    ],
)
def test_the_action_is_told_from_method_and_url(line, expected):
    assert make(line).action is expected


def test_a_request_knows_what_its_url_names():
    request = make('get /apis/kopf.dev/v1/namespaces/ns/kopfexamples/a/status')
    assert request.resource == resource('kopf.dev/v1/kopfexamples')
    assert (request.namespace, request.name, request.subresource) == ('ns', 'a', 'status')
    other = make('get /version')
    assert (other.resource, other.namespace, other.name, other.subresource) == (None, None, None, None)


def test_actions_are_words_in_any_case():
    assert action('LIST') is action.LIST
    with pytest.raises(ValueError, match='store'):
        action('store')
