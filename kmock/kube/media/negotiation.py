"""Negotiation: which form of objects a request accepts. Writing them in it is in `rendering.py`, offered here too.

As on a real server there are two doors. Built-in resources are behind a router that compares bare media types and
refuses with a text of its own; behind it, and for custom resources at once, the clauses are judged with their
parameters. A form that doesn't suit what is found (a partial object for a list) is refused when it is written.
Protobuf is offered for the kinds whose fields are known, and for partial objects of every kind.
"""

import functools
from collections.abc import Mapping

from kmock.kube.definitions import Definition, Origin
from kmock.kube.media.accepting import object_media, parse_accept, route_accepts
from kmock.kube.media.forms import JSON, PROTOBUF, YAML, Form, content_type
from kmock.kube.media.protobuf import is_writable
from kmock.kube.media.rendering import encode, render_event, render_list, render_object
from kmock.kube.statuses import StatusError

__all__ = [
    'Form',
    'content_type',
    'encode',
    'error_media',
    'negotiate',
    'render_event',
    'render_list',
    'render_object',
]

_MEDIA = (JSON, YAML, PROTOBUF)
_STREAMS = (f'{JSON};stream=watch', f'{PROTOBUF};stream=watch')
_PARTIAL = ('PartialObjectMetadata', 'PartialObjectMetadataList')
_PLAIN = Form()


def negotiate(
    accept: str | None,
    *,
    definition: Definition,
    listing: bool = False,
    watch: bool = False,
    pretty: bool = False,
    include: str | None = None,
) -> Form:
    """Choose the form of the answer.

    Args:
        accept: the header; None and the empty one mean JSON.
        listing: whether a collection is read (a GET of a list, or a watch).
        watch: whether it is a watch.
        pretty: whether the query asks for indented JSON.
        include: the query's `includeObject`, for Tables.

    Raises:
        StatusError: 406, in the words of the door that refuses.
    """
    if not accept:
        return Form(pretty=pretty, watch=watch) if pretty or watch else _PLAIN
    built_in = definition.origin is Origin.BUILT_IN
    if built_in:
        route_accepts(accept, (*_MEDIA, *_STREAMS) if listing or watch else _MEDIA)
    kind = definition.list_kind if listing and not watch else definition.kind
    whole = built_in and is_writable(definition.api_version, kind)
    return _chosen(accept, whole, watch, pretty, include or 'Metadata')


@functools.lru_cache(maxsize=512)
def _chosen(accept: str, whole_protobuf: bool, watch: bool, pretty: bool, include: str) -> Form:
    for clause in parse_accept(accept):
        if clause.params.get('stream') and not (watch and clause.params['stream'] == 'watch'):
            continue
        for media in _MEDIA:
            if clause.matches(media) and _fits(media, clause.params, whole_protobuf):
                if watch and media == YAML:
                    raise _none_of(_STREAMS)
                indented = pretty or clause.params.get('pretty') == '1'
                version = clause.params.get('v', 'v1')
                shape = clause.params.get('as')
                return Form(media=media, as_=shape, version=version, include=include, pretty=indented, watch=watch)
    raise _none_of(_STREAMS if watch else _MEDIA)


def _fits(media: str, params: Mapping[str, str], whole_protobuf: bool) -> bool:
    """Whether the media type can hold the transformation that is asked for, if any."""
    if not any(key in params for key in ('as', 'g', 'v')):
        return media != PROTOBUF or whole_protobuf
    if params.get('g') != 'meta.k8s.io' or params.get('v') not in ('v1', 'v1beta1'):
        return False
    return params.get('as') in _PARTIAL or (params.get('as') == 'Table' and media != PROTOBUF)


def _none_of(listed: tuple[str, ...]) -> StatusError:
    text = f'only the following media types are accepted: {", ".join(listed)}'
    return StatusError(406, 'NotAcceptable', text)


def error_media(accept: str | None) -> str:
    """The media type that an error is written in: JSON, wherever nothing else is clearly asked for."""
    try:
        return object_media(accept or '')
    except StatusError:
        return JSON
