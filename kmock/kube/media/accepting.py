"""Which form of a discovery or OpenAPI document a request accepts. Objects are negotiated elsewhere.

The real server asks twice: its router by the bare media types that a route produces, then the serializer by the
Accept clauses with their parameters. Both have their own words for a refusal.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

from kmock.kube.statuses import StatusError, not_acceptable

__all__ = ['OBJECT_MEDIA', 'Clause', 'aggregated_media', 'object_media', 'parse_accept', 'pick_media', 'route_accepts']

OBJECT_MEDIA = ('application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf')

_TRANSFORMING = ('as', 'g', 'v')
_AGGREGATED = {'g': 'apidiscovery.k8s.io', 'v': 'v2', 'as': 'APIGroupDiscoveryList'}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One alternative of an Accept header."""

    type: str
    subtype: str
    q: float
    params: Mapping[str, str]

    def matches(self, media: str) -> bool:
        """Tell whether a media type without parameters is meant."""
        kind, _, subtype = media.partition('/')
        return (self.type, self.subtype) == ('*', '*') or (self.type == kind and self.subtype in ('*', subtype))


@functools.lru_cache(maxsize=256)
def parse_accept(header: str) -> Sequence[Clause]:
    """The clauses from the most wanted to the least; what is no media range is left out."""
    clauses = []
    for text in header.split(','):
        media, *parts = (part.strip() for part in text.split(';'))
        kind, slash, subtype = media.partition('/')
        if media == '*':
            kind, subtype = '*', '*'
        elif not slash or '/' in subtype:
            continue
        pairs = {key.strip(): value.strip() for key, _, value in (part.partition('=') for part in parts if part)}
        quality = _quality(pairs.pop('q', '1'))
        clauses.append(Clause(type=kind.strip(), subtype=subtype.strip(), q=quality, params=pairs))
    return sorted(clauses, key=lambda each: (-each.q, each.type == '*', each.subtype == '*'))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def route_accepts(accept: str, produced: Sequence[str] = OBJECT_MEDIA) -> None:
    """Refuse as the router does, which knows no `application/*`. Raises a 406 StatusError."""
    for text in (accept or '*/*').split(','):
        media = text.partition(';')[0].strip()
        if media == '*/*' or media in produced:
            return
    raise not_acceptable(f'406: Not Acceptable\n\nAvailable representations: {", ".join(produced)}')


def object_media(accept: str) -> str:
    """The media type that a document is written in. Raises a 406 StatusError; a transformation can't be had here."""
    if not accept:
        return OBJECT_MEDIA[0]
    for clause in parse_accept(accept):
        if any(key in clause.params for key in _TRANSFORMING) or clause.params.get('stream'):
            continue
        if media := next((media for media in OBJECT_MEDIA if clause.matches(media)), None):
            return media
    listed = ', '.join(OBJECT_MEDIA)
    raise StatusError(406, 'NotAcceptable', f'only the following media types are accepted: {listed}')


def aggregated_media(accept: str) -> str | None:
    """The media type, if aggregated discovery is preferred; None if it is to be the legacy one, or nothing fits."""
    for clause in parse_accept(accept):
        media = next((media for media in OBJECT_MEDIA if clause.matches(media)), None)
        wanted = {key: value for key, value in clause.params.items() if key in _TRANSFORMING}
        if media is None or (wanted and wanted != _AGGREGATED):
            continue
        return media if wanted else None
    return None


def pick_media(accept: str, offered: Sequence[str]) -> str | None:
    """The first of the offered media types that the most wanted clause fits; None if none does."""
    for clause in parse_accept(accept or '*/*'):
        if media := next((media for media in offered if clause.matches(media)), None):
            return media
    return None
