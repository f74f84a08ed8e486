"""What a webhook answered: reading AdmissionReviews, and the words of an API server for what is wrong with them.

No calling here, and no deciding: see admission.py.
Sources: the Kubernetes API reference, `AdmissionReview`; the messages were observed on a real v1.36 API server.
"""

import base64
import binascii
import dataclasses
import json
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.statuses import StatusError, go_quote
from kmock.kube.values.go_values import go_kind

__all__ = ['Answered', 'FailedCallError', 'denial', 'read_answer', 'review_version']

_KNOWN = ('v1', 'v1beta1')
_HEAD = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

_MESSAGES = {
    400: 'the server rejected our request for an unknown reason',
    401: 'the server has asked for the client to provide credentials',
    404: 'the server could not find the requested resource',
    405: 'the server does not allow this method on the requested resource',
    409: 'the server reported a conflict',
    410: 'the server is no longer serving the requested resource',
    422: 'the server rejected our request due to an error in our request',
    429: 'the server has received too many requests and has asked us to try again later',
    503: 'the server is currently unable to handle the request',
    504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
}
_TYPES = {
    'uid': (str, 'string'),
    'allowed': (bool, 'bool'),
    'status': (dict, 'v1.Status'),
    'patch': (str, '[]uint8'),
    'patchType': (str, 'v1.PatchType'),
    'auditAnnotations': (dict, 'map[string]string'),
    'warnings': (list, '[]string'),
}
_STATUS_TYPES = {'message': str, 'reason': str, 'status': str, 'code': int, 'details': dict}


class FailedCallError(Exception):
    """The webhook gave no usable answer; whether that matters is for its failure policy to say."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A usable answer. `operations` are those of the JSON patch, or None; `status` explains a denial."""

    allowed: bool
    status: Json | None
    operations: Any
    warnings: tuple[str, ...]


def review_version(accepted: Any) -> str:
    """The first version of AdmissionReview that both sides know."""
    found = next((each for each in accepted or () if each in _KNOWN), None)
    if found is None:
        raise FailedCallError(
            'could not create admission objects: '
            f'webhook does not accept known AdmissionReview versions ({", ".join(_KNOWN)})'
        )
    return str(found)


def read_answer(status: int, body: bytes, *, uid: str, version: str, mutating: bool) -> Answered:
    """Read the response to an AdmissionReview.

    Raises:
        FailedCallError: it is no answer, or none to this request; the text says why.
    """
    if not 200 <= status <= 206:
        raise FailedCallError(f'failed to call webhook: {_error_text(status, body)}')
    review = _review(body)
    wanted = f'admission.k8s.io/{version}'
    if version == 'v1' and (review['apiVersion'], review['kind']) != (wanted, 'AdmissionReview'):
        raise _invalid(
            f'expected webhook response of {wanted}, Kind=AdmissionReview, '
            f'got {review["apiVersion"]}, Kind={review["kind"]}'
        )
    response = review.get('response')
    if response is None:
        raise _invalid('webhook response was absent')
    _check_types(response)
    if version == 'v1' and (response.get('uid') or '') != uid:
        raise _invalid(f'expected response.uid={go_quote(uid)}, got {go_quote(response.get("uid") or "")}')
    return Answered(
        allowed=bool(response.get('allowed')),
        status=response.get('status'),
        operations=_operations(response, version=version, mutating=mutating),
        warnings=tuple(response.get('warnings') or ()),
    )


def _invalid(why: str) -> FailedCallError:
    return FailedCallError(f'received invalid webhook response: {why}')


def _undecodable(why: str) -> FailedCallError:
    return FailedCallError(f'failed to call webhook: {why}')


def _review(body: bytes) -> Json:
    """The object in the body; it must have a kind and an apiVersion."""
    value = _value(body)
    if value is not None and not isinstance(value, dict):
        why = f'json: cannot unmarshal {go_kind(value)} into Go value of type {_HEAD}'
        raise _undecodable(f"couldn't get version/kind; json parse error: {why}")
    review = value or {}
    text = body.decode(errors='replace')
    for field, name in (('kind', 'Kind'), ('apiVersion', 'apiVersion')):
        found = review.get(field)
        if not isinstance(found, str) or not found:
            raise _undecodable(f"Object '{name}' is missing in '{text}'")
    return review


def _value(body: bytes) -> Any:
    """The server takes whatever is no JSON for YAML."""
    if not body:
        raise _undecodable('0-length response with status code: 200 and content type: application/json')
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    import yaml

    try:
        return yaml.safe_load(body.decode())
    except (ValueError, RecursionError, yaml.YAMLError) as exc:
        why = ' '.join(str(exc).split())
        raise _undecodable(f"couldn't get version/kind; json parse error: {why}") from exc


def _check_types(response: Any) -> None:
    where = 'json: cannot unmarshal {} into Go struct field AdmissionReview.response{} of type {}'
    if not isinstance(response, dict):
        raise _undecodable(where.format(go_kind(response), '', 'v1.AdmissionResponse'))
    for field, (kind, name) in _TYPES.items():
        value = response.get(field)
        if value is not None and not isinstance(value, kind):
            raise _undecodable(where.format(go_kind(value), f'.{field}', name))
    for warning in response.get('warnings') or ():
        if not isinstance(warning, str):
            raise _undecodable(where.format(go_kind(warning), '.warnings', 'string'))
    for field, wanted in _STATUS_TYPES.items():
        value = (response.get('status') or {}).get(field)
        if value is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise _undecodable(where.format(go_kind(value), f'.status.{field}', wanted.__name__))


def _operations(response: Json, *, version: str, mutating: bool) -> Any:
    """The decoded patch; None for none."""
    patch, patch_type = response.get('patch') or '', response.get('patchType')
    if not mutating:
        if version == 'v1' and patch:
            raise _invalid('validating webhook may not return response.patch')
        if version == 'v1' and patch_type is not None:
            raise _invalid('validating webhook may not return response.patchType')
        return None
    if version == 'v1' and patch and patch_type is None:
        raise _invalid('webhook returned response.patch but not response.patchType')
    if version == 'v1' and not patch and patch_type is not None:
        raise _invalid('webhook returned response.patchType but not response.patch')
    if not patch:
        return None
    if patch_type not in ('JSONPatch', None):
        raise FailedCallError(f'unsupported patch type {go_quote(patch_type)}')
    try:
        raw = base64.b64decode(patch, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _undecodable('illegal base64 data in response.patch') from exc
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise _undecodable(f'response.patch is no JSON: {exc}') from exc


def _error_text(status: int, body: bytes) -> str:
    """What a client of an API server says of an error response."""
    text = body.decode(errors='replace').strip()
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        if said.get('kind') == 'Status' and isinstance(said.get('message'), str):
            return str(said['message'])
        text = 'unknown'
    if status in (403, 406, 415):
        return text
    if status in _MESSAGES:
        return _MESSAGES[status]
    if status >= 500:
        return f'an error on the server ({go_quote(text)}) has prevented the request from succeeding'
    return f'the server responded with the status code {status} but did not return more information'


def denial(hook: str, status: Json | None) -> StatusError:
    """The answer to a request that a webhook has denied, with the code, the reason and the details that it chose."""
    status = status or {}
    by = f'admission webhook {go_quote(hook)} denied the request'
    reason = status.get('reason') or None
    said = status.get('message') or reason
    code = status.get('code') or 0
    return StatusError(
        min(max(code, 400), 599),
        reason,
        f'{by}: {said}' if said else f'{by} without explanation',
        status.get('details'),
    )
