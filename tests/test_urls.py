"""URLs that are texts, and answer like yarl.URL."""

import copy
import json
import pickle

import pytest
import yaml
import yarl

from kmock.urls import TextURL

ROOT = TextURL('http://127.0.0.1:8080')


def test_it_is_a_text() -> None:
    assert isinstance(ROOT, str)
    assert ROOT + '/x' == f'{ROOT}/x' == 'http://127.0.0.1:8080/x'
    assert str(ROOT) == 'http://127.0.0.1:8080'
    assert repr(ROOT) == "'http://127.0.0.1:8080'"
    assert {ROOT: 1}['http://127.0.0.1:8080'] == 1
    for written in (json.dumps([ROOT]), yaml.safe_dump([ROOT]), yaml.dump([ROOT])):
        assert yaml.safe_load(written) == ['http://127.0.0.1:8080']


def test_it_has_what_urls_have() -> None:
    assert str(ROOT / 'a' / 'b') == 'http://127.0.0.1:8080/a/b'
    assert (ROOT.scheme, ROOT.host, ROOT.port, ROOT.path) == ('http', '127.0.0.1', 8080, '/')
    assert str(ROOT.with_query(q='1')) == 'http://127.0.0.1:8080/?q=1'
    with pytest.raises(AttributeError, match='nonsense'):
        _ = ROOT.nonsense


def test_it_equals_the_text_and_the_url_and_nothing_else() -> None:
    assert ROOT == 'http://127.0.0.1:8080'
    same, other = yarl.URL('http://127.0.0.1:8080'), yarl.URL('http://127.0.0.1:8081')
    root: object = ROOT
    assert root == same
    assert same == ROOT
    assert ROOT != 'http://127.0.0.1:8081'
    assert root != other
    assert ROOT != 1


def test_copies_are_the_same() -> None:
    for twin in (copy.deepcopy(ROOT), pickle.loads(pickle.dumps(ROOT))):
        assert twin == ROOT
        assert type(twin) is TextURL


def test_a_url_is_made_of_it() -> None:
    assert yarl.URL(ROOT) == yarl.URL('http://127.0.0.1:8080')
