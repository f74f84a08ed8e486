"""The text of the kubeconfig that leads clients to a server."""

import base64

import yaml

from kmock.client_config import kubeconfig_text


def test_a_kubeconfig_has_one_context_that_leads_to_the_server() -> None:
    config = yaml.safe_load(kubeconfig_text('https://127.0.0.1:1', ca=b'PEM', namespace='dev', token='t'))
    assert config['current-context'] == 'kmock'
    assert config['contexts'] == [
        {'name': 'kmock', 'context': {'cluster': 'kmock', 'user': 'kmock', 'namespace': 'dev'}}
    ]
    (cluster,) = config['clusters']
    assert cluster['cluster'] == {
        'server': 'https://127.0.0.1:1',
        'certificate-authority-data': base64.b64encode(b'PEM').decode(),
    }
    assert config['users'] == [{'name': 'kmock', 'user': {'token': 't'}}]


def test_over_plain_http_there_is_neither_authority_nor_user() -> None:
    config = yaml.safe_load(kubeconfig_text('http://127.0.0.1:1234'))
    assert config['clusters'][0]['cluster'] == {'server': 'http://127.0.0.1:1234'}
    assert config['users'] == [{'name': 'kmock', 'user': {}}]
    assert 'namespace' not in config['contexts'][0]['context']


def test_a_client_certificate_is_carried_along() -> None:
    config = yaml.safe_load(kubeconfig_text('https://127.0.0.1:1', ca=b'PEM', certificate=(b'CERT', b'KEY')))
    (user,) = config['users']
    assert user['user'] == {
        'client-certificate-data': base64.b64encode(b'CERT').decode(),
        'client-key-data': base64.b64encode(b'KEY').decode(),
    }
