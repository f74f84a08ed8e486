"""Forms of subresources: the kinds that are posted to them, such as Scale or Eviction, and how they are read."""

import dataclasses
import functools
from collections.abc import Sequence

from kmock.kube.cluster import Operation
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.options import WriteOptions
from kmock.kube.resources.bundled import bundled_schema
from kmock.kube.verbs.incoming import read_object
from kmock.kube.verbs.writing import MAX_BODY
from kmock.naming import Resource

__all__ = ['form_of', 'read_form', 'seen_as']


@functools.cache
def form_of(api_version: str, kind: str) -> Definition:
    """The definition of a kind that is not stored by itself: typed by its bundled schema, served nowhere."""
    group, _, version = api_version.rpartition('/')
    return Definition(
        resource=Resource(group, version, f'{kind.lower()}s'),
        kind=kind,
        list_kind=f'{kind}List',
        singular=kind.lower(),
        namespaced=True,
        verbs=(),
        origin=Origin.BUILT_IN,
        storage_version=version,
        load_schema=functools.partial(bundled_schema, api_version, kind),
    )


def seen_as(op: Operation, form: Definition) -> Operation:
    """The same request, of which the body or the answer is of another kind than the resource."""
    return dataclasses.replace(op, definition=form)


async def read_form(op: Operation, form: Definition, options: WriteOptions, also: Sequence[str] = ()) -> Json:
    """The body of a request to a subresource; `also` are the versions that mean the same.

    Raises:
        StatusError: 400, 413, 415.
    """
    return await read_object(seen_as(op, form), options, MAX_BODY, also=also)
