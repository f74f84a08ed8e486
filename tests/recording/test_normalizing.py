"""Facts about what is compared of a request, row by row of what real clients vary from run to run."""

import json
from typing import Any

import pytest

from kmock.recording.questions.generated import loosen
from kmock.recording.questions.normalizing import Normalizer

UID = '437ab435-cd81-4fad-94c1-600a0e7b1379'
OTHER_UID = 'b8c4f728-f7b2-4642-a121-626a908ef023'
PODS = '/api/v1/namespaces/ns/pods'
JSON = [('Content-Type', 'application/json')]


def key(
    method: str, target: str, *, headers: Any = (), body: Any = None, ignore: Any = (), loose: bool = False
) -> bytes:
    normalizer = Normalizer(ignore)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return normalizer.key(normalizer.ask(method, target, headers, data), loose=loose)


def same_queries(one: str, other: str, **kwargs: Any) -> bool:
    return key('GET', f'{PODS}?{one}', **kwargs) == key('GET', f'{PODS}?{other}', **kwargs)


def same_headers(one: Any, other: Any, **kwargs: Any) -> bool:
    return key('GET', PODS, headers=one, **kwargs) == key('GET', PODS, headers=other, **kwargs)


def same_bodies(one: Any, other: Any, **kwargs: Any) -> bool:
    return key('PATCH', f'{PODS}/x', body=one, **kwargs) == key('PATCH', f'{PODS}/x', body=other, **kwargs)


class TestQuery:
    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            ('watch=true&timeoutSeconds=345', 'watch=true&timeoutSeconds=512'),
            ('watch=true&timeoutSeconds=345', 'watch=true'),
            ('hash=AB12', 'hash=CD34'),
            ('hash=AB12', ''),
            ('timeout=32s', 'timeout=5s'),
            ('timeout=32s', ''),
            ('resourceVersion=4148', 'resourceVersion=99'),
            ('resourceVersion=', ''),
            ('limit=2&continue=abc', 'limit=2&continue=xyz'),
            ('watch=True', 'watch=true'),
            ('watch=1', 'watch=true'),
            ('watch=false', ''),
            ('watch=true&allowWatchBookmarks=True', 'watch=1&allowWatchBookmarks=true'),
            ('limit=500&watch=true', 'watch=true&limit=500'),
            ('labelSelector=a%3Db%2Cc%3Dd', 'labelSelector=c%3Dd,a%3Db'),
            ('labelSelector=a=b', 'labelSelector=a%3D%3Db'),
            ('labelSelector=a+in+(x,y),b', 'labelSelector=b,a%20in%20(y,%20x)'),
            ('labelSelector=a=b&labelSelector=a=b', 'labelSelector=a=b'),
            ('labelSelector=a=b,a=b', 'labelSelector=a=b'),
            ('labelSelector=', ''),
            (
                f'fieldSelector=involvedObject.name=web,involvedObject.uid={UID}',
                f'fieldSelector=involvedObject.uid={OTHER_UID},involvedObject.name=web',
            ),
            (f'fieldSelector=metadata.name=job-{UID}', f'fieldSelector=metadata.name=job-{OTHER_UID}'),
        ],
    )
    def test_what_varies_between_runs_does_not_count(self, one: str, other: str) -> None:
        assert same_queries(one, other)

    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            ('resourceVersion=4148', ''),
            ('resourceVersion=4148', 'resourceVersion=0'),
            ('resourceVersion=0', ''),
            ('resourceVersion=abc', 'resourceVersion=4148'),
            ('continue=abc', ''),
            ('limit=2&continue=abc', 'limit=3&continue=abc'),
            ('limit=500', ''),
            ('watch=true', ''),
            ('watch=true&allowWatchBookmarks=true', 'watch=true'),
            ('resourceVersion=1&resourceVersionMatch=Exact', 'resourceVersion=1&resourceVersionMatch=NotOlderThan'),
            ('watch=true&sendInitialEvents=true', 'watch=true'),
            ('labelSelector=a=b', 'labelSelector=a!=b'),
            ('labelSelector=a=b', 'labelSelector=a=b,c'),
            ('labelSelector=a+in+(x,y)', 'labelSelector=a+notin+(x,y)'),
            ('labelSelector=a=b', 'fieldSelector=a=b'),
            ('labelSelector=a', 'labelSelector=!a'),
            ('fieldSelector=metadata.name=one', 'fieldSelector=metadata.name=two'),
            ('fieldManager=one&force=true', 'fieldManager=two&force=true'),
            ('fieldManager=one&force=true', 'fieldManager=one'),
            ('pretty=true', 'pretty=1'),
        ],
    )
    def test_all_else_is_another_question(self, one: str, other: str) -> None:
        assert not same_queries(one, other)

    def test_percent_encoding_of_the_path_does_not_count_but_an_encoded_slash_stays(self) -> None:
        assert key('GET', '/api/v1/a%2Db') == key('GET', '/api/v1/a-b')
        assert key('GET', '/api/v1/a%2fb') == key('GET', '/api/v1/a%2Fb')
        assert key('GET', '/api/v1/a%2Fb') != key('GET', '/api/v1/a/b')

    def test_the_method_is_compared(self) -> None:
        assert key('GET', PODS) != key('HEAD', PODS)
        assert key('GET', PODS) == key('get', PODS)

    def test_the_token_says_where_to_go_on(self) -> None:
        ask = Normalizer().ask
        assert ask('GET', f'{PODS}?limit=2&continue=abc').token == ('continue', 'abc')
        assert ask('GET', f'{PODS}?watch=true&resourceVersion=12').token == ('resourceVersion', '12')
        assert ask('GET', f'{PODS}?resourceVersion=0').token is None

    @pytest.mark.parametrize(
        ('target', 'watching'),
        [
            (f'{PODS}?watch=true', True),
            (f'{PODS}?watch=1', True),
            (f'{PODS}?watch=false', False),
            (f'{PODS}?watch', False),
            (PODS, False),
            ('/api/v1/watch/namespaces/ns/pods', True),
            ('/apis/apps/v1/watch/deployments', True),
            ('/api/v1/namespaces/watch/pods', False),
        ],
    )
    def test_watches_are_told_from_reads(self, target: str, watching: bool) -> None:
        question = Normalizer().ask('GET', target)
        assert (question.watching, question.reading) == (watching, not watching)

    def test_writes_neither_read_nor_watch(self) -> None:
        question = Normalizer().ask('DELETE', f'{PODS}?watch=true')
        assert (question.watching, question.reading) == (False, False)


class TestHeaders:
    @pytest.mark.parametrize(
        'name',
        ['User-Agent', 'Host', 'Authorization', 'Kubectl-Session', 'If-None-Match', 'If-Modified-Since', 'Cookie'],
    )
    def test_headers_that_vary_do_not_count(self, name: str) -> None:
        assert same_headers([(name, 'one')], [(name, 'two')])
        assert same_headers([(name, 'one')], [])

    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            ('application/json, */*', 'application/json,*/*'),
            ('application/json;as=Table;v=v1', 'Application/JSON; v=v1; as=Table'),
            ('*/*', None),
            ('', None),
        ],
    )
    def test_accept_is_compared_by_its_meaning(self, one: str, other: str | None) -> None:
        assert same_headers([('Accept', one)], [] if other is None else [('accept', other)])

    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            ('application/json', 'application/json;as=Table;v=v1;g=meta.k8s.io'),
            ('application/json', 'application/vnd.kubernetes.protobuf,application/json'),
            ('application/json', '*/*'),
            ('application/json, application/yaml', 'application/yaml, application/json'),
        ],
    )
    def test_another_accept_is_another_question(self, one: str, other: str) -> None:
        assert not same_headers([('Accept', one)], [('Accept', other)])

    @pytest.mark.parametrize('one', ['*/*', 'application/json, */*', 'application/*'])
    def test_loosely_a_client_that_takes_anything_gets_json(self, one: str) -> None:
        assert same_headers([('Accept', one)], [('Accept', 'application/json')], loose=True)
        table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
        assert not same_headers([('Accept', one)], [('Accept', table)], loose=True)

    def test_several_accept_headers_are_one_list(self) -> None:
        assert same_headers([('Accept', 'a/b'), ('Accept', 'c/d')], [('Accept', 'a/b, c/d')])

    def test_content_type_counts_only_with_a_body(self) -> None:
        assert same_headers([('Content-Type', 'application/json')], [])
        merge, strategic = (
            [('Content-Type', f'application/{kind}-patch+json')] for kind in ('merge', 'strategic-merge')
        )
        assert key('PATCH', PODS, headers=merge, body={}) != key('PATCH', PODS, headers=strategic, body={})

    def test_a_charset_of_json_says_nothing(self) -> None:
        plain, charset = ([('Content-Type', f'application/json{suffix}')] for suffix in ('', '; charset=UTF-8'))
        assert key('POST', PODS, headers=plain, body={}) == key('POST', PODS, headers=charset, body={})


class TestBodies:
    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            (b'{"a":1,"b":2}', b'{ "b": 2, "a": 1.0 }\n'),
            ({'eventTime': '2026-11-21T05:42:23.938293+00:00'}, {'eventTime': '2030-01-01T00:00:00Z'}),
            ({'spec': {'renewTime': 'x', 'acquireTime': 'y'}}, {'spec': {'renewTime': 'z', 'acquireTime': 'w'}}),
            ({'firstTimestamp': '1', 'lastTimestamp': '2'}, {'firstTimestamp': '3', 'lastTimestamp': '4'}),
            ({'spec': {'holderIdentity': f'host_{UID}'}}, {'spec': {'holderIdentity': f'box_{OTHER_UID}'}}),
            ({'metadata': {'uid': UID}}, {'metadata': {'uid': OTHER_UID}}),
            ({'involvedObject': {'uid': UID}}, {'involvedObject': {'uid': 'x'}}),
            ({'metadata': {'resourceVersion': '4151'}}, {'metadata': {'resourceVersion': '99'}}),
            ({'metadata': {'creationTimestamp': 'today'}}, {'metadata': {'creationTimestamp': 'tomorrow'}}),
            (
                {'metadata': {'managedFields': [{'time': '2026-11-21T05:42:31Z', 'manager': 'a'}]}},
                {'metadata': {'managedFields': [{'time': '2027-11-21T05:42:31Z', 'manager': 'a'}]}},
            ),
            ({'status': {'at': '2026-11-21T05:42:23.929559+00:00'}}, {'status': {'at': '2026-12-21T05:42:23+00:00'}}),
            ({'status': {'at': '2026-11-21T05:42:23.929559'}}, {'status': {'at': '2026-12-21 05:42:23'}}),
        ],
    )
    def test_what_varies_between_runs_does_not_count(self, one: Any, other: Any) -> None:
        assert same_bodies(one, other)

    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            ({'spec': {'size': 1}}, {'spec': {'size': 2}}),
            ({'spec': {'on': True}}, {'spec': {'on': 1}}),
            ({'a': [1, 2]}, {'a': [2, 1]}),
            ({'a': None}, {}),
            ({'metadata': {'resourceVersion': '4151'}}, {'metadata': {}}),
            ({'metadata': {'uid': None}}, {'metadata': {'uid': UID}}),
            ({'spec': {'holderIdentity': ''}}, {'spec': {'holderIdentity': 'me'}}),
            ({'metadata': {'managedFields': [{'manager': 'a'}]}}, {'metadata': {'managedFields': [{'manager': 'b'}]}}),
            ({'uid': 1000}, {'uid': 1001}),
            ({'metadata': {'name': 'cm-a1b2c3d4'}}, {'metadata': {'name': 'cm-e5f6a7b8'}}),
            ({'at': '2026-11-21'}, {'at': '2026-11-22'}),
            (b'{"a":1', b'{"a":2'),
            ({}, None),
        ],
    )
    def test_all_else_is_another_question(self, one: Any, other: Any) -> None:
        assert not same_bodies(one, other)

    def test_an_empty_body_is_an_absent_one(self) -> None:
        assert same_bodies(b'', None)

    def test_json_inside_strings_is_normalised_too(self) -> None:
        def progress(started: str, retries: int) -> Any:
            value = {'started': started, 'delayed': None, 'retries': retries}
            return {'metadata': {'annotations': {'kopf.zalando.org/updated': json.dumps(value)}}}

        assert same_bodies(progress('2026-11-21T05:42:30.4+00:00', 1), progress('2027-11-21T05:42:30+00:00', 1))
        assert not same_bodies(progress('2026-11-21T05:42:30.4+00:00', 1), progress('2027-11-21T05:42:30+00:00', 2))

    def test_json_inside_strings_inside_json_is_normalised_too(self) -> None:
        def nested(uid: str) -> Any:
            return {'a': json.dumps({'b': json.dumps({'uid': uid})}) + '\n'}

        assert same_bodies(nested('x'), nested('y'))

    def test_text_that_looks_like_json_is_text(self) -> None:
        assert not same_bodies({'a': '{not json}'}, {'a': '{no json}'})
        assert not same_bodies({'a': '{"b":1}'}, {'a': {'b': 1}})

    def test_the_tested_resource_version_of_a_json_patch_does_not_count(self) -> None:
        def patch(version: str, value: Any) -> Any:
            return [
                {'op': 'test', 'path': '/metadata/resourceVersion', 'value': version},
                {'op': 'add', 'path': '/metadata/finalizers', 'value': value},
            ]

        assert same_bodies(patch('4151', ['a']), patch('99', ['a']))
        assert not same_bodies(patch('4151', ['a']), patch('4151', ['b']))
        assert not same_bodies(patch('4151', ['a']), patch('4151', ['a'])[1:])

    def test_a_clock_in_a_json_patch_does_not_count(self) -> None:
        one, other = ([{'op': 'replace', 'path': '/spec/renewTime', 'value': value}] for value in ('x', 'y'))
        assert same_bodies(one, other)

    def test_what_is_no_json_is_compared_by_bytes(self) -> None:
        assert same_bodies(b'k8s\0\x0a\x0f', b'k8s\0\x0a\x0f')
        assert not same_bodies(b'k8s\0\x0a\x0f', b'k8s\0\x0a\x0e')
        assert not same_bodies(b'a: 1\n', b'a:  1\n')

    @pytest.mark.parametrize('body', [b'[' * 100_000, b'{"a":' * 5_000 + b'1' + b'}' * 5_000, b'[1e999999, NaN]'])
    def test_hostile_json_is_compared_nevertheless(self, body: bytes) -> None:
        assert same_bodies(body, body)
        assert not same_bodies(body, body + b'x')

    def test_huge_numbers_do_not_overflow(self) -> None:
        assert same_bodies(b'[1e308, 123456789012345678901234567890]', b'[1e308, 123456789012345678901234567890]')
        assert same_bodies(b'[1e308, -1e400]', b'[1e308, -1e400]', loose=True)


class TestLoose:
    @pytest.mark.parametrize(
        ('one', 'other'),
        [
            (f'job-{UID}', f'job-{OTHER_UID}'),
            ('web-x2x4z', 'web-bcdfg'),
            ('web-7d4b9c8f6d-x2x4z', 'web-65bcdfghjk-zzzzz'),
            ('web.17a3b2c4d5e6f708', 'web.17b9000000e6f70a'),
            ('test-3f9a2c', 'test-a1b2c3'),
            ('run-1732167743', 'run-1732999999'),
            ('made at 2026-11-21T05:42:23Z by x', 'made at 2027-11-21T05:42:23.5Z by x'),
        ],
    )
    def test_generated_names_are_equal_anywhere_in_text(self, one: str, other: str) -> None:
        assert loosen(one) == loosen(other) != one
        assert same_bodies({'metadata': {'name': one}}, {'metadata': {'name': other}}, loose=True)
        assert not same_bodies({'metadata': {'name': one}}, {'metadata': {'name': other}})

    @pytest.mark.parametrize(
        'text',
        [
            'settings',
            'item-0',
            'c1',
            'burst-4',
            'kube-system',
            'apiextensions',
            'v1beta1',
            'facade',
            'node-12345',
            'customresourcedefinitions',
            'widgets.tr.kmock.dev',
            'cm-100000',
            'example-2024',
            'tr-kubectl',
            'default',
        ],
    )
    def test_words_people_write_stay(self, text: str) -> None:
        assert loosen(text) == text

    def test_generated_names_in_paths_and_selectors_are_equal_loosely(self) -> None:
        one, other = (f'{PODS}/web-{suffix}?fieldSelector=x=web-{suffix}' for suffix in ('x2x4z', 'bcdfg'))
        assert key('GET', one, loose=True) == key('GET', other, loose=True)
        assert key('GET', one) != key('GET', other)

    def test_numbers_that_are_moments_are_equal_loosely(self) -> None:
        assert same_bodies({'at': 1732167743.93}, {'at': 1832167743}, loose=True)
        assert not same_bodies({'at': 1732167743.93}, {'at': 1832167743})
        assert not same_bodies({'at': 17}, {'at': 18}, loose=True)

    def test_uids_in_protobuf_are_equal_loosely(self) -> None:
        one, other = (b'k8s\0\x0a\x24' + uid.encode() + b'\x12' for uid in (UID, OTHER_UID))
        assert same_bodies(one, other, loose=True)
        assert not same_bodies(one, other)
        assert not same_bodies(one, other + b'\x00', loose=True)


class TestIgnore:
    def test_a_name_is_a_parameter_a_header_and_a_key_anywhere(self) -> None:
        assert same_queries('limit=1', 'limit=2', ignore=['limit'])
        assert same_headers([('Accept', 'a/b')], [('Accept', 'c/d')], ignore=['accept'])
        assert same_bodies({'spec': {'build': 1}}, {'spec': {}}, ignore=['build'])
        assert same_bodies({'a': [{'build': {'x': 1}}]}, {'a': [{'build': 2}]}, ignore=['build'])
        assert not same_bodies({'spec': {'build': 1}}, {'spec': {'other': 1}}, ignore=['build'])

    @pytest.mark.parametrize(
        'path',
        [
            'spec.template.image',
            'spec.template',
            'spec.*.image',
            'spec.**',
            '**.image',
        ],
    )
    def test_dots_make_a_path_from_the_root_of_the_body(self, path: str) -> None:
        assert same_bodies({'spec': {'template': {'image': 1}}}, {'spec': {'template': {'image': 2}}}, ignore=[path])
        assert not same_bodies({'status': {'template': 1}}, {'status': {'template': 2}}, ignore=[path])

    def test_indices_of_lists_may_be_left_out(self) -> None:
        one, other = ({'spec': {'containers': [{'name': 'a', 'image': value}]}} for value in ('x', 'y'))
        assert same_bodies(one, other, ignore=['spec.containers.image'])
        assert same_bodies(one, other, ignore=['spec.containers.0.image'])
        assert not same_bodies(one, other, ignore=['spec.containers.1.image'])

    def test_keys_with_dots_can_be_named(self) -> None:
        one, other = ({'metadata': {'annotations': {'example.com/build': value}}} for value in ('x', 'y'))
        assert same_bodies(one, other, ignore=['metadata.annotations.example.com/build'])

    def test_paths_work_in_json_patches(self) -> None:
        one, other = ([{'op': 'replace', 'path': '/spec/size', 'value': value}] for value in (1, 2))
        assert same_bodies(one, other, ignore=['spec.size'])
        assert not same_bodies(one, other, ignore=['spec.other'])

    def test_paths_reach_into_json_inside_strings(self) -> None:
        one, other = ({'metadata': {'annotations': {'x': json.dumps({'n': value})}}} for value in (1, 2))
        assert same_bodies(one, other, ignore=['metadata.annotations.x.n'])

    def test_an_exclamation_mark_adds_back_what_is_ignored_by_default(self) -> None:
        assert not same_queries('timeoutSeconds=1', 'timeoutSeconds=2', ignore=['!timeoutSeconds'])
        assert not same_queries('resourceVersion=1', 'resourceVersion=2', ignore=['!resourceVersion'])
        assert not same_headers([('User-Agent', 'a')], [('User-Agent', 'b')], ignore=['!user-agent'])
        assert not same_bodies({'metadata': {'uid': 'a'}}, {'metadata': {'uid': 'b'}}, ignore=['!uid'])
        assert not same_bodies({'spec': {'renewTime': 'a'}}, {'spec': {'renewTime': 'b'}}, ignore=['!spec.renewTime'])

    @pytest.mark.parametrize('ignore', ['limit', [''], ['!'], [1]])
    def test_wrong_lists_are_refused(self, ignore: Any) -> None:
        with pytest.raises(ValueError, match='`ignore` is a list of names'):
            Normalizer(ignore)
