"""A Kubernetes client of a few lines, run as COMMAND: it knows its kubeconfig and nothing of kmock.

It lists ConfigMaps, watches them, creates one, patches it, sees both events, reads a Secret, and prints what it saw.
"""

# ruff: noqa: T201

import base64
import json
import os
import pathlib
import ssl
import urllib.request

import yaml

CONFIG = yaml.safe_load(pathlib.Path(os.environ['KUBECONFIG']).read_text())
CLUSTER = CONFIG['clusters'][0]['cluster']
TOKEN = CONFIG['users'][0]['user'].get('token')
AUTHORITY = CLUSTER.get('certificate-authority-data')
CONTEXT = ssl.create_default_context(cadata=base64.b64decode(AUTHORITY).decode()) if AUTHORITY else None
CONFIGMAPS = '/api/v1/namespaces/default/configmaps'


def call(method, path, body=None, content_type='application/json'):
    request = urllib.request.Request(CLUSTER['server'] + path, method=method)
    request.add_header('Authorization', f'Bearer {TOKEN or os.environ.get("TOKEN", "none")}')
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header('Content-Type', content_type)
    return urllib.request.urlopen(request, timeout=30, context=CONTEXT)


def show(event):
    print(event['type'], event['object']['metadata']['name'], event['object']['data'])


listed = json.load(call('GET', CONFIGMAPS))
print('listed', [item['metadata']['name'] for item in listed['items']])
with call('GET', f'{CONFIGMAPS}?watch=true&timeoutSeconds=30') as watch:
    call('POST', CONFIGMAPS, {'metadata': {'name': 'one'}, 'data': {'a': '1'}}).read()
    show(json.loads(watch.readline()))
    patch = {'data': {'a': '2'}}
    call('PATCH', f'{CONFIGMAPS}/one', patch, 'application/merge-patch+json').read()
    show(json.loads(watch.readline()))
print('secret', sorted(json.load(call('GET', '/api/v1/namespaces/default/secrets/creds'))['data']))
