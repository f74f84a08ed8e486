"""Separation: what most kinds with a `status` subresource do, so that spec and status are written by different people.

A created object begins with the kind's first status; updates of the object keep the status, those of the status keep
everything else. Source: the strategies in `pkg/registry`, nearly all of which have these three functions.
"""

import copy
from collections.abc import Callable
from typing import Any, TypedDict

from kmock.kube.definitions import Json

__all__ = ['Preparations', 'keep_spec', 'keep_status', 'separated']


class Preparations(TypedDict):
    """The three preparations, to be spread into a Strategy."""

    prepare_create: Callable[[Json], None]
    prepare_update: Callable[[Json, Json], None]
    prepare_status: Callable[[Json, Json], None]


def separated(first: Json | None = None, *, create: Callable[[Json], None] | None = None) -> Preparations:
    """`first` is the status of a new object; `create` runs after it is set."""
    first = first or {}

    def prepare_create(obj: Json) -> None:
        obj['status'] = copy.deepcopy(first)
        if create is not None:
            create(obj)

    return {'prepare_create': prepare_create, 'prepare_update': keep_status, 'prepare_status': keep_spec}


def keep_status(obj: Json, old: Json) -> None:
    _keep(obj, old, 'status')


def keep_spec(obj: Json, old: Json) -> None:
    _keep(obj, old, 'spec')


def _keep(obj: Json, old: Json, key: str) -> None:
    found: Any = old.get(key)
    if found is None:
        obj.pop(key, None)
    else:
        obj[key] = found
