"""The form in which objects are answered: what a client's Accept header comes to. Data only."""

import dataclasses

__all__ = ['JSON', 'PROTOBUF', 'YAML', 'Form', 'content_type']

JSON, YAML, PROTOBUF = 'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How objects are written.

    Attributes:
        media: the media type, without parameters.
        as_: `Table`, `PartialObjectMetadata`, `PartialObjectMetadataList`, or None for whole objects.
        version: of the `meta.k8s.io` group that Tables and partial objects are in.
        include: what of the objects goes along in a Table's rows: `Metadata`, `Object`, `None`, as it was asked for;
            another value is refused when something is to be written.
        pretty: whether JSON is indented.
        watch: whether it is the form of a stream of events.
    """

    media: str = JSON
    as_: str | None = None
    version: str = 'v1'
    include: str = 'Metadata'
    pretty: bool = False
    watch: bool = False

    @property
    def plain(self) -> bool:
        """Whether objects are written as they are stored: whole, as JSON, in one line."""
        return self.media == JSON and self.as_ is None and not self.pretty

    @property
    def api_version(self) -> str:
        """Of Tables and partial objects."""
        return f'meta.k8s.io/{self.version}'


def content_type(form: Form) -> str:
    """The Content-Type header. Only streams of events in JSON are told as plain JSON, as the real server does."""
    return f'{form.media};stream=watch' if form.watch and form.media != JSON else form.media
