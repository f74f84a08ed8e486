"""Definitions: what the emulated cluster knows of each resource type that it serves. Plain data.

A `Definition` is one served version of one resource type; a `Strategy` is what is particular to its kind.
"""

import dataclasses
import enum
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from kmock.kube.schema import Schema
from kmock.kube.statuses import Cause
from kmock.naming import Resource

__all__ = ['Column', 'Conversion', 'Definition', 'Json', 'Origin', 'ScalePaths', 'Strategy', 'Subresource']

Json: TypeAlias = dict[str, Any]
"""An object of Kubernetes as parsed JSON. Who gets one may change it only where that is said."""


class Origin(enum.Enum):
    """Where a resource type comes from, and so how strictly it is treated."""

    BUILT_IN = 'built-in'
    """Known by its bundled schema; typed: unknown fields are dropped, wrong types can't be decoded."""
    CUSTOM = 'custom'
    """Declared by a CustomResourceDefinition; validated by the schema in it."""
    LOOSE = 'loose'
    """Declared in a test, or only used: nothing is validated, namespaces need not exist."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """A subresource as discovery lists it; `group` and `version` only where its kind is of another group version."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ''
    version: str = ''


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a Table of a custom resource: `additionalPrinterColumns` of its definition."""

    name: str
    type: str
    json_path: str
    format: str = ''
    description: str = ''
    priority: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """How a version of a built-in kind differs from what is stored; the functions change nothing that they are given.

    Attributes:
        bucket: where its objects are stored, together with those of other groups or versions.
        read, write: from a stored object to one of this version, and back; kind and apiVersion don't matter.
        storage_version: the version of what is stored.
    """

    bucket: tuple[str, str]
    read: Callable[[Json], Json]
    write: Callable[[Json], Json]
    storage_version: str = 'v1'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScalePaths:
    """Where the scale subresource of a custom resource finds its numbers, as JSON paths such as `.spec.replicas`."""

    spec_replicas: str
    status_replicas: str
    label_selector: str | None = None


def _nothing(obj: Json) -> None:
    """Nothing is particular."""


def _nothing_to(obj: Json, old: Json) -> None:
    """Nothing is particular."""


def _valid(obj: Json) -> Sequence[Cause]:
    return ()


def _valid_to(obj: Json, old: Json) -> Sequence[Cause]:
    return ()


def _no_warnings(obj: Json, old: Json | None) -> Sequence[str]:
    return ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What is particular to a kind when its objects are written. The functions may change the object they are given.

    Attributes:
        put_creates: whether a PUT to an absent object creates it (Leases, Events, Roles, ...).
        unconditional_update: whether a PUT without a resourceVersion is accepted.
        generation: whether `metadata.generation` is kept.
        creates_without_status: whether `status` is dropped on create and left alone by updates of the main resource.
        deletes_object: whether a completed DELETE answers with the object, not with a Status.
        propagation: the policy of deletions that name none; None is Background.
        propagation_warning: for the Warning header of a deletion that relies on this.
        name: the messages on what is wrong with a name; the second argument tells that it is a generateName prefix.
        default: fills in the defaults of the kind (after decoding, on every write).
        prepare_create, prepare_update: what the server sets or resets, before admission and validation.
        prepare_status: the same for an update of the `status` subresource.
        validate, validate_update, validate_status: what is wrong; `validate_update` is called with (new, old) in
            addition to `validate`'s own checks being repeated by it where the real server does so.
        warnings: for the Warning headers; called with (new, old or None).
        grace: the period of a graceful deletion in seconds that applies, by the object and what was asked for
            (None for nothing); 0 is at once. None for kinds without graceful deletion; pods have one.
    """

    put_creates: bool = False
    unconditional_update: bool = True
    generation: bool = False
    creates_without_status: bool = True
    deletes_object: bool = False
    propagation: str | None = None
    propagation_warning: str | None = None
    name: Callable[[str, bool], Sequence[str]] | None = None
    default: Callable[[Json], None] = _nothing
    prepare_create: Callable[[Json], None] = _nothing
    prepare_update: Callable[[Json, Json], None] = _nothing_to
    prepare_status: Callable[[Json, Json], None] = _nothing_to
    validate: Callable[[Json], Sequence[Cause]] = _valid
    validate_update: Callable[[Json, Json], Sequence[Cause]] = _valid_to
    validate_status: Callable[[Json, Json], Sequence[Cause]] = _valid_to
    warnings: Callable[[Json, Json | None], Sequence[str]] = _no_warnings
    grace: Callable[[Json, int | None], int] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Definition:
    """One served version of a resource type.

    Attributes:
        load_schema, load_strategy: called when first needed; see `schema` and `strategy`.
        storage_version: the version that objects are stored in.
        columns: of Tables, for custom resources; None for the usual ones (name and age, or the kind's own).
        selectable: the JSON paths of a custom resource that field selectors may name, besides name and namespace.
        deprecation: the text of the Warning header that each answer of a deprecated version has.
        conversion: for a version that is worded unlike what is stored.
        verbatim: whether objects are kept and given as they are, nothing added: kind and apiVersion neither.
    """

    resource: Resource
    kind: str
    list_kind: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    shortnames: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = dataclasses.field(default_factory=dict)
    origin: Origin = Origin.LOOSE
    storage_version: str = ''
    columns: tuple[Column, ...] | None = None
    selectable: tuple[str, ...] = ()
    scale: ScalePaths | None = None
    deprecation: str | None = None
    verbatim: bool = False
    conversion: Conversion | None = None
    load_schema: Callable[[], Schema | None] = lambda: None
    load_strategy: Callable[[], Strategy] = Strategy

    @property
    def api_version(self) -> str:
        """As in objects: `v1`, `apps/v1`."""
        resource = self.resource
        return f'{resource.group}/{resource.version}' if resource.group else resource.version

    @functools.cached_property
    def schema(self) -> Schema | None:
        """The schema of the whole object; None where there is none."""
        return self.load_schema()

    @functools.cached_property
    def strategy(self) -> Strategy:
        return self.load_strategy()

    @property
    def bucket(self) -> tuple[str, str]:
        """The group and plural that all versions share, and the objects are stored under."""
        if self.conversion is not None:
            return self.conversion.bucket
        return (self.resource.group, self.resource.plural)

    @functools.cached_property
    def prefix(self) -> bytes:
        """How the JSON of each object of this version begins; the rest is a `Stored.tail`."""
        if self.verbatim:
            return b'{'
        kind, version = json.dumps(self.kind), json.dumps(self.api_version)
        if self.origin is Origin.BUILT_IN:  # in the order of the real server: Go's structs there, sorted maps here
            return f'{{"kind":{kind},"apiVersion":{version},'.encode()
        return f'{{"apiVersion":{version},"kind":{kind},'.encode()

    @property
    def has_status(self) -> bool:
        """Whether `status` is a subresource."""
        return 'status' in self.subresources
