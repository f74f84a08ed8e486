"""Statuses: the errors of a Kubernetes API server, in its own words, and the Status objects on the wire.

Each function gives an error to be raised. The causes of a validation are `Cause`s, made by the functions that are
named as in apimachinery's `field` package, which the texts come from, too.
Observed on a real v1.36 API server; source of the shapes: the Kubernetes API reference, `Status`.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from kmock.errors import KubernetesError
from kmock.naming import Resource

__all__ = [
    'Cause',
    'StatusError',
    'already_exists',
    'bad_request',
    'conflict',
    'duplicate',
    'expired',
    'forbidden',
    'forbidden_field',
    'generic',
    'go_quote',
    'internal',
    'invalid',
    'invalid_value',
    'method_not_allowed',
    'not_acceptable',
    'not_found',
    'not_supported',
    'plain_not_found',
    'required',
    'resource_not_found',
    'status_body',
    'success',
    'timed_out',
    'too_large_version',
    'too_long',
    'too_many',
    'too_many_requests',
    'type_invalid',
    'unauthorized',
    'unsupported_media_type',
]


class StatusError(KubernetesError):
    """An error with exactly the Status that is given: no reason and no details are added where there are none.

    Attributes:
        headers: what goes along in the head of the response, such as Retry-After.
        plain: the text that is answered in place of a Status (`404 page not found`), or None.
        metadata: of the Status, as a list has it.
    """

    def __init__(
        self,
        status: int,
        reason: str | None,
        message: str,
        details: Any = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        plain: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status, reason, message, details)
        self.headers = tuple(headers)
        self.plain = plain
        self.metadata = metadata or {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that is wrong with an object: `field` is its path, e.g. `spec.ports[0].name`; empty for the whole."""

    reason: str | None
    message: str
    field: str | None

    def __str__(self) -> str:
        return f'{self.field}: {self.message}' if self.field else self.message

    @property
    def body(self) -> dict[str, str]:
        parts = {'reason': self.reason, 'message': self.message, 'field': self.field}
        return {key: value for key, value in parts.items() if value is not None}


def go_quote(value: Any) -> str:
    """A value as the API server prints it in a cause: strings quoted, null, numbers bare, the rest as JSON."""
    if value is None:
        return 'null'
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def required(field: str, detail: str = '') -> Cause:
    return Cause(reason='FieldValueRequired', message=f'Required value{_after(detail)}', field=field)


def invalid_value(field: str, value: Any, detail: str) -> Cause:
    return Cause(reason='FieldValueInvalid', message=f'Invalid value: {go_quote(value)}{_after(detail)}', field=field)


def type_invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause(
        reason='FieldValueTypeInvalid', message=f'Invalid value: {go_quote(value)}{_after(detail)}', field=field
    )


def not_supported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    """A value that is none of a few; the supported ones are given in the order of the message."""
    listed = ', '.join(go_quote(each) for each in supported)
    message = f'Unsupported value: {go_quote(value)}' + (f': supported values: {listed}' if listed else '')
    return Cause(reason='FieldValueNotSupported', message=message, field=field)


def duplicate(field: str, value: Any) -> Cause:
    return Cause(reason='FieldValueDuplicate', message=f'Duplicate value: {go_quote(value)}', field=field)


def forbidden_field(field: str, detail: str) -> Cause:
    return Cause(reason='FieldValueForbidden', message=f'Forbidden{_after(detail)}', field=field)


def too_long(field: str, limit: int) -> Cause:
    unit = 'byte' if limit == 1 else 'bytes'
    return Cause(reason='FieldValueTooLong', message=f'Too long: may not be more than {limit} {unit}', field=field)


def too_many(field: str, count: int, limit: int) -> Cause:
    unit = 'item' if limit == 1 else 'items'
    message = f'Too many: {count}: must have at most {limit} {unit}'
    return Cause(reason='FieldValueTooMany', message=message, field=field)


def _after(detail: str) -> str:
    return f': {detail}' if detail else ''


# --- errors


def qualified(resource: Resource) -> str:
    """A resource as errors name it: `pods`, `widgets.example.com`."""
    return f'{resource.plural}.{resource.group}' if resource.group else resource.plural


def _details(resource: Resource, name: str | None = None) -> dict[str, Any]:
    parts = {'name': name, 'group': resource.group, 'kind': resource.plural}
    return {key: value for key, value in parts.items() if value}


def bad_request(message: str) -> StatusError:
    return StatusError(400, 'BadRequest', message)


def unauthorized() -> StatusError:
    return StatusError(401, 'Unauthorized', 'Unauthorized')


def forbidden(resource: Resource, name: str | None, why: str) -> StatusError:
    """`configmaps "a" is forbidden: …`; without a name, `configmaps is forbidden: …`."""
    named = f' {go_quote(name)}' if name else ''
    return StatusError(403, 'Forbidden', f'{qualified(resource)}{named} is forbidden: {why}', _details(resource, name))


def not_found(resource: Resource, name: str) -> StatusError:
    """`widgets.example.com "a" not found`."""
    message = f'{qualified(resource)} {go_quote(name)} not found'
    return StatusError(404, 'NotFound', message, _details(resource, name))


def resource_not_found() -> StatusError:
    """The URL has the form of a resource's, but nothing of the kind is served there."""
    return StatusError(404, 'NotFound', 'the server could not find the requested resource', {})


def plain_not_found() -> StatusError:
    """A path that is none of the API; the real server answers plain text."""
    return StatusError(404, 'NotFound', '404 page not found', plain='404 page not found\n')


def method_not_allowed() -> StatusError:
    return StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})


def not_acceptable(message: str) -> StatusError:
    return StatusError(406, 'NotAcceptable', message, {})


def already_exists(resource: Resource, name: str) -> StatusError:
    message = f'{qualified(resource)} {go_quote(name)} already exists'
    return StatusError(409, 'AlreadyExists', message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> StatusError:
    """`Operation cannot be fulfilled on widgets.example.com "a": …`."""
    message = f'Operation cannot be fulfilled on {qualified(resource)} {go_quote(name)}: {why}'
    return StatusError(409, 'Conflict', message, _details(resource, name))


def expired(message: str, *, continue_token: str | None = None) -> StatusError:
    """410: the history does not reach back so far; clients must list anew, or go on with another token."""
    metadata = {'continue': continue_token} if continue_token else None
    return StatusError(410, 'Expired', message, metadata=metadata)


def unsupported_media_type(accepted: Iterable[str]) -> StatusError:
    listed = ', '.join(accepted)
    message = f'the body of the request was in an unknown format - accepted media types include: {listed}'
    return StatusError(415, 'UnsupportedMediaType', message)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 with one cause a field; the message joins them, without repeating equal ones."""
    subject = f'{kind}.{group}' if group else kind
    texts = list(dict.fromkeys(str(each) for each in causes))
    joined = texts[0] if len(texts) == 1 else f'[{", ".join(texts)}]'
    details = {'name': name, 'group': group, 'kind': kind}
    shown: dict[str, Any] = {key: value for key, value in details.items() if value}
    shown['causes'] = [each.body for each in causes]
    return StatusError(422, 'Invalid', f'{subject} {go_quote(name)} is invalid: {joined}', shown)


def too_many_requests(message: str, details: Any = None, retry_after: int | None = None) -> StatusError:
    headers = (('Retry-After', str(retry_after)),) if retry_after is not None else ()
    return StatusError(429, 'TooManyRequests', message, details, headers=headers)


def internal(message: str) -> StatusError:
    """500 with the reason InternalError, whose message is also its only cause."""
    return StatusError(500, 'InternalError', f'Internal error occurred: {message}', {'causes': [{'message': message}]})


def generic(status: int, message: str) -> StatusError:
    """An error without a reason, as the API server makes of errors that it has no Status for."""
    return StatusError(status, None, message)


def timed_out() -> StatusError:
    """504: the request has taken longer than the server lets any take."""
    message = 'Timeout: request did not complete within requested timeout - context deadline exceeded'
    return StatusError(504, 'Timeout', message, {})


def too_large_version(wanted: int, current: int) -> StatusError:
    """504: the revision is in the future, and did not come within the time that the server waits for it."""
    message = f'Timeout: Too large resource version: {wanted}, current: {current}'
    causes = [{'reason': 'ResourceVersionTooLarge', 'message': 'Too large resource version'}]
    details = {'causes': causes, 'retryAfterSeconds': 1}
    return StatusError(504, 'Timeout', message, details, headers=(('Retry-After', '1'),))


# --- bodies


def status_body(error: StatusError) -> dict[str, Any]:
    """The Status of an error, in the order of keys of the real server."""
    body: dict[str, Any] = {'kind': 'Status', 'apiVersion': 'v1', 'metadata': error.metadata, 'status': 'Failure'}
    body['message'] = error.message
    if error.reason is not None:
        body['reason'] = error.reason
    if error.details is not None:
        body['details'] = error.details
    body['code'] = error.status
    return body


def success(details: dict[str, Any] | None = None, *, code: int | None = None) -> dict[str, Any]:
    """The Status that a deletion is answered with."""
    body: dict[str, Any] = {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Success'}
    if details is not None:
        body['details'] = details
    if code is not None:
        body['code'] = code
    return body
