"""Pagination: continue tokens, in the real server's form: base64 of JSON with the revision and the next key.

Source: apiserver's `storage/continue`, as observed: `{"v":"meta.k8s.io/v1","rv":5,"start":"a\\u0000"}`.
"""

import base64
import json
import posixpath
from typing import Any

from kmock.kube.media import go_json
from kmock.kube.statuses import StatusError, bad_request

__all__ = ['decode_token', 'encode_token']

_VERSION = 'meta.k8s.io/v1'
_ALPHABET = frozenset('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_\r\n')
_INVALID = 'continue key is not valid'


def encode_token(revision: int, after: str) -> str:
    """The token for what comes after a key, in the state of a revision (-1: in the newest)."""
    token = {'v': _VERSION, 'rv': revision, 'start': f'{after}\0'}
    return base64.urlsafe_b64encode(json.dumps(token, separators=(',', ':')).encode()).decode().rstrip('=')


def decode_token(token: str) -> tuple[int, str]:
    """The revision, and the key after which to go on.

    Raises:
        StatusError: 400 for what is no token of this server.
    """
    found = _parse(_unbase64(token))
    version, revision, start = found.get('v', ''), found.get('rv', 0), found.get('start', '')
    if version != _VERSION:
        raise _bad(f'{_INVALID}: server does not recognize this encoded version {version}')
    if revision == 0:
        raise _bad(f'{_INVALID}: incorrect encoded start resourceVersion (version {_VERSION})')
    if not start:
        raise _bad(f'{_INVALID}: encoded start key empty (version {_VERSION})')
    key = start if start.startswith('/') else f'/{start}'
    if posixpath.normpath(key) != key:
        raise _bad(f'{_INVALID}: {start}')
    return revision, start.removesuffix('\0')


def _bad(message: str) -> StatusError:
    return bad_request(f'invalid continue token: {message}')


def _unbase64(token: str) -> bytes:
    """As Go decodes unpadded URL-safe base64, with its complaint about the first wrong byte."""
    raw = token.encode(errors='replace')
    at = next((index for index, byte in enumerate(raw) if chr(byte) not in _ALPHABET), None)
    bare = raw.replace(b'\r', b'').replace(b'\n', b'')
    if at is None and len(bare) % 4 == 1:
        at = len(raw) - 1
    if at is not None:
        raise _bad(f'{_INVALID}: illegal base64 data at input byte {at}')
    return base64.urlsafe_b64decode(bare + b'=' * (-len(bare) % 4))


_FIELDS = (('v', str, 'string'), ('rv', int, 'int64'), ('start', str, 'string'))


def _parse(data: bytes) -> dict[str, Any]:
    try:
        found = go_json.loads(data)
    except go_json.GoJSONError as error:
        raise _bad(f'{_INVALID}: {error}') from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _bad(f'{_INVALID}: json: cannot unmarshal {_named(found)} into Go value of type storage.continueToken')
    for key, wanted, named in _FIELDS:
        value = found.get(key)
        if value is None:
            found.pop(key, None)
        elif (
            not isinstance(value, wanted) or isinstance(value, bool) or (isinstance(value, int) and abs(value) >= 2**63)
        ):
            where = f'Go struct field continueToken.{key} of type {named}'
            raise _bad(f'{_INVALID}: json: cannot unmarshal {_named(value)} into {where}')
    return found


def _named(value: Any) -> str:
    names = {str: 'string', bool: 'bool', list: 'array', dict: 'object'}
    return names.get(type(value), f'number {value}' if isinstance(value, int) else 'number')
