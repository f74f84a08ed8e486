"""Incoming: from what a client sent to an object of the wanted kind, with the errors of the API server's decoders."""

import dataclasses
import json
from collections.abc import Sequence

from kmock.kube.cluster import Operation
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.media.bodies import Decoded, decode_body, unrecognized
from kmock.kube.options import WriteOptions
from kmock.kube.resources.bundled import bundled_schema
from kmock.kube.schemas.fields import decode_custom, decode_typed, undecodable, unknown_fields, unpatchable
from kmock.kube.schemas.fitting import fit, is_plain_metadata
from kmock.kube.statuses import bad_request, invalid, invalid_value

__all__ = ['read_object', 'shape', 'shape_patched']

_SCHEME = 'pkg/api/legacyscheme/scheme.go:30'


async def read_object(op: Operation, options: WriteOptions, max_body: int, *, also: Sequence[str] = ()) -> Json:
    """The object in the body of a request to create or update; `also` are the versions that mean the same.

    Raises:
        StatusError: 400, 413, 415.
    """
    body = await op.request.read(max_body)
    definition = op.definition
    decoded = decode_body(body, op.request.headers.get('Content-Type'), kind=definition.kind)
    if decoded.api_version in also:
        decoded = dataclasses.replace(decoded, api_version=definition.api_version)
    obj = _identified(decoded, definition, body)
    if not decoded.duplicates and _fits(op, obj):
        op.fits = True
        return obj
    return shape(op, obj, options, decoded.duplicates)


def _fits(op: Operation, obj: Json) -> bool:
    """Whether it is a whole custom resource that shaping would leave as it is, but for defaults that are filled in."""
    definition = op.definition
    if definition.origin is not Origin.CUSTOM or definition.schema is None or op.call.subresource is not None:
        return False
    return is_plain_metadata(obj.get('metadata')) and fit(definition.schema, obj)


def shape(op: Operation, obj: Json, options: WriteOptions, duplicates: Sequence[str] = ()) -> Json:
    """An object with only what its schema knows; the rest is dropped, warned of, or refused, as the options say.

    Raises:
        StatusError: 400.
    """
    definition = op.definition
    if definition.origin is Origin.LOOSE:
        return _known(definition, obj, 'create')
    found = _strict_errors(obj, definition, options, duplicates)
    if found and options.field_validation == 'Strict':
        raise bad_request(f'{_not_handled(definition)}: strict decoding error: {", ".join(found)}')
    op.warnings.extend(found)
    return _known(definition, obj, 'create')


def shape_patched(op: Operation, obj: Json, options: WriteOptions, patch: Json | None = None) -> Json:
    """The same for the outcome of a patch, whose strict errors are 422; `patch` is the patch if it is a strategic one.

    Raises:
        StatusError: 400, 422.
    """
    definition = op.definition
    if definition.origin is Origin.LOOSE:
        return _known(definition, obj, 'patch')
    found = _strict_errors(obj, definition, options, ())
    if found and options.field_validation == 'Strict' and patch is not None:
        raise unpatchable(patch, f'strict decoding error: {", ".join(sorted(found))}')
    if found and options.field_validation == 'Strict':
        text = json.dumps(obj, separators=(',', ':'), ensure_ascii=False)
        cause = invalid_value('patch', text, f'strict decoding error: {", ".join(found)}')
        raise invalid('', '', '', [cause])
    op.warnings.extend(found)
    if definition.origin is not Origin.BUILT_IN:
        _check_told_kind(definition, obj)
        return _known(definition, obj, 'patch')
    if patch is None:
        _check_kept_kind(definition, obj)
    decoded = decode_typed(definition, obj, 'patch', patch)
    return {**decoded, 'kind': definition.kind, 'apiVersion': definition.api_version}


def _check_told_kind(definition: Definition, obj: Json) -> None:
    """A patched custom resource is read without knowing what it should be."""
    for key, told in (('kind', 'Kind'), ('apiVersion', 'apiVersion')):
        if not obj.get(key):
            text = json.dumps(obj, separators=(',', ':'), ensure_ascii=False)
            raise undecodable(definition, obj, 'patch', f"Object '{told}' is missing in '{text}'")


def _check_kept_kind(definition: Definition, obj: Json) -> None:
    """A patched object of another kind is read as such, and can't become one of the wanted kind."""
    kind, version = obj.get('kind') or definition.kind, obj.get('apiVersion') or definition.api_version
    if not isinstance(kind, str) or not isinstance(version, str):
        return
    if (kind, version) != (definition.kind, definition.api_version):
        raise undecodable(definition, obj, 'patch', _unconverted(kind, version, definition))


def _strict_errors(obj: Json, definition: Definition, options: WriteOptions, duplicates: Sequence[str]) -> list[str]:
    if options.field_validation == 'Ignore' or definition.schema is None:
        return []
    unknown = unknown_fields(definition.schema, obj, custom=definition.origin is Origin.CUSTOM)
    return [*(f'duplicate field "{each}"' for each in duplicates), *unknown]


def _known(definition: Definition, obj: Json, verb: str) -> Json:
    if definition.origin is Origin.BUILT_IN:
        return decode_typed(definition, obj, verb)
    return decode_custom(definition, obj, verb)


def _not_handled(definition: Definition) -> str:
    return f'{definition.kind} in version "{definition.resource.version}" cannot be handled as a {definition.kind}'


def _unconverted(kind: str, version: str, definition: Definition) -> str:
    """Why an object can't become one of a built-in kind: it is none that is known, or one of another kind."""
    if (kind, version) != ('List', 'v1') and bundled_schema(version, kind) is None:
        return f'no kind "{kind}" is registered for version "{version}" in scheme "{_SCHEME}"'
    package = definition.resource.group.partition('.')[0] or 'core'
    number = version.rpartition('/')[2]
    return f'converting ({number}.{kind}) to ({package}.{definition.kind}): unknown conversion'


def _identified(decoded: Decoded, definition: Definition, body: bytes) -> Json:
    """The object with the kind and version of the URL, which it may leave out if the kind is built in.

    Raises:
        StatusError: 400.
    """
    kind, version = decoded.kind, decoded.api_version
    if definition.origin is Origin.LOOSE:  # its kind may be no more than a guess
        identity = {'apiVersion': version or definition.api_version, 'kind': kind or definition.kind}
        return {**identity, **{key: each for key, each in decoded.value.items() if key not in identity}}
    if definition.origin is Origin.CUSTOM:
        for name, found in (('Kind', kind), ('apiVersion', version)):
            if not found:
                shown = body.decode('utf-8', 'replace')
                raise unrecognized(definition.kind, f"Object '{name}' is missing in '{shown}'", body)
    kind, version = kind or definition.kind, version or definition.api_version
    if kind != definition.kind:
        number = version.rpartition('/')[2]
        why = f'{kind} in version "{number}" cannot be handled as a {definition.kind}'
        if definition.origin is Origin.BUILT_IN:
            why += f': {_unconverted(kind, version, definition)}'
        raise bad_request(why)
    if version != definition.api_version:
        raise bad_request(
            f'the API version in the data ({version}) does not match the expected API version '
            f'({definition.api_version})'
        )
    identity = {'apiVersion': version, 'kind': kind}
    return {**identity, **{key: each for key, each in decoded.value.items() if key not in identity}}
