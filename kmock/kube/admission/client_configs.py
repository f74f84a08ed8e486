"""Where webhooks are: the rules for `clientConfig`, its URL or its service. Called from the kinds that have webhooks.

The texts are those of apiserver's `webhook` package. Calling them is no business of this module.
"""

import urllib.parse
from collections.abc import Iterator
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.statuses import Cause, invalid_value, required
from kmock.kube.values import names

__all__ = ['client_causes', 'url_causes']

_FORM = 'desired format: https://host[/path]'


def client_causes(field: str, client: Json) -> Iterator[Cause]:
    """What is wrong with a `clientConfig`, which is at the field."""
    url, service = client.get('url'), client.get('service')
    if (url is None) == (service is None):
        yield required(field, 'exactly one of url or service is required')
    elif url is not None:
        yield from url_causes(f'{field}.url', str(url))
    else:
        yield from _service(f'{field}.service', service if isinstance(service, dict) else {})


def url_causes(field: str, url: str) -> Iterator[Cause]:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port
    except ValueError as exc:
        yield required(field, f'url must be a valid URL: {exc}; {_FORM}')
        return
    user, at, host = parts.netloc.rpartition('@')
    if parts.scheme != 'https':
        yield invalid_value(field, parts.scheme, f"'https' is the only allowed URL scheme; {_FORM}")
    if not host:
        yield invalid_value(field, host, f'host must be specified; {_FORM}')
    if at:
        yield invalid_value(field, user, 'user information is not permitted in the URL')
    if parts.fragment:
        yield invalid_value(field, parts.fragment, 'fragments are not permitted in the URL')
    if parts.query:
        yield invalid_value(field, parts.query, 'query parameters are not permitted in the URL')


def _service(field: str, service: Json) -> Iterator[Cause]:
    for key in ('name', 'namespace'):
        if not service.get(key):
            yield required(f'{field}.{key}', f'service {key} is required')
    port = service.get('port', 443)
    messages = names.port_number(port) if isinstance(port, int) else ()
    if messages:
        yield invalid_value(f'{field}.port', port, f'port is not valid: {",".join(messages)}')
    yield from _path(f'{field}.path', service.get('path'))


def _path(field: str, path: Any) -> Iterator[Cause]:
    if not isinstance(path, str) or path in ('', '/'):
        return
    if path == '//':
        yield invalid_value(field, path, 'segment[0] may not be empty')
        return
    if not path.startswith('/'):
        yield invalid_value(field, path, "must start with a '/'")
    for index, step in enumerate(path[1:].removesuffix('/').split('/')):
        if not step:
            yield invalid_value(field, path, f'segment[{index}] may not be empty')
        for message in names.dns1123_subdomain(step) if step else ():
            yield invalid_value(field, path, f'segment[{index}]: {message}')
