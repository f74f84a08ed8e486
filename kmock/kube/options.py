"""Options: what the query and the body of a request say on how it is to be done, checked as the API server does."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.statuses import (
    Cause,
    bad_request,
    forbidden_field,
    generic,
    go_quote,
    invalid,
    invalid_value,
    not_supported,
    required,
)
from kmock.naming import is_true

__all__ = ['DeleteOptions', 'ListOptions', 'WriteOptions', 'parse_revision', 'read_int', 'unparsed', 'whole_number']

_OPTIONS_GROUP = 'meta.k8s.io'
_INT = re.compile(r'[+-]?[0-9]+')
_UINT = re.compile(r'[0-9]+')
_INT_DIGITS = 1000
_FROM_ANYWHERE = ('', '0')
"""Revisions that a watch may start from wherever it is: it begins with what is there, then, unless told otherwise."""
_FIELD_MANAGER_LIMIT = 128
FIELD_VALIDATIONS = ('', 'Ignore', 'Strict', 'Warn')
PROPAGATION_POLICIES = ('Foreground', 'Background', 'Orphan')


def read_int(params: Mapping[str, str], key: str) -> int | None:
    """A number in the query; None if it is absent.

    Raises:
        StatusError: 400, it is no number of 64 bits.
    """
    value = params.get(key)
    if value is None:
        return None
    if not _INT.fullmatch(value):
        raise bad_request(f'strconv.ParseInt: parsing {go_quote(value)}: invalid syntax')
    if len(value) > _INT_DIGITS or not -(2**63) <= int(value) < 2**63:
        raise bad_request(f'strconv.ParseInt: parsing {go_quote(value)}: value out of range')
    return int(value)


def whole_number(value: str) -> int | None:
    """An unsigned number of 64 bits; None if it is none."""
    if not _UINT.fullmatch(value) or len(value) > _INT_DIGITS:
        return None
    number = int(value)
    return number if number < 2**64 else None


def unparsed(value: str) -> str:
    """What Go's `ParseUint` says of what is no such number."""
    what = 'value out of range' if _UINT.fullmatch(value) else 'invalid syntax'
    return f'strconv.ParseUint: parsing {go_quote(value)}: {what}'


def parse_revision(value: str | None) -> int:
    """The revision that a resourceVersion means: 0 for none.

    Raises:
        StatusError: 500, it is no number.
    """
    if not value:
        return 0
    number = whole_number(value)
    if number is None:
        what = unparsed(value)
        raise generic(500, f'resourceVersion: Invalid value: "{value}": {what}')
    return number


def _flag(params: Mapping[str, str], key: str) -> bool:
    value = params.get(key)
    return value is not None and is_true(value)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """How a list, watch, or deletion of a collection is to be done. `revision` is None where none was given."""

    label_selector: str = ''
    field_selector: str = ''
    limit: int = 0
    continue_token: str = ''
    resource_version: str = ''
    match: str = ''
    timeout_seconds: int | None = None
    bookmarks: bool = False
    initial_events: bool | None = None

    @classmethod
    def read(cls, params: Mapping[str, str], *, watch: bool = False) -> 'ListOptions':
        """Read and check the query.

        Raises:
            StatusError: 400 and 422.
        """
        initial = params.get('sendInitialEvents')
        match, revision = params.get('resourceVersionMatch', ''), params.get('resourceVersion', '')
        if watch and initial is None and not match and revision in _FROM_ANYWHERE:
            initial, match = 'true', 'NotOlderThan'
        options = cls(
            label_selector=params.get('labelSelector', ''),
            field_selector=params.get('fieldSelector', ''),
            limit=max(0, read_int(params, 'limit') or 0),
            continue_token=params.get('continue', ''),
            resource_version=revision,
            match=match,
            timeout_seconds=read_int(params, 'timeoutSeconds'),
            bookmarks=_flag(params, 'allowWatchBookmarks'),
            initial_events=None if initial is None else is_true(initial),
        )
        causes = options._causes(watch=watch)
        if causes:
            raise invalid('ListOptions', _OPTIONS_GROUP, '', causes)
        return options

    def _causes(self, *, watch: bool) -> list[Cause]:
        field = 'resourceVersionMatch'
        causes: list[Cause] = []
        if watch:
            return self._watch_causes()
        if self.match:
            if not self.resource_version:
                causes.append(
                    forbidden_field(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')
                )
            if self.continue_token:
                causes.append(forbidden_field(field, 'resourceVersionMatch is forbidden when continue is provided'))
            if self.match not in ('Exact', 'NotOlderThan'):
                causes.append(not_supported(field, self.match, ('Exact', 'NotOlderThan', '')))
            if self.match == 'Exact' and self.resource_version == '0':
                causes.append(
                    forbidden_field(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
                )
        if self.initial_events is not None:
            causes.append(forbidden_field('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
        return causes

    def _watch_causes(self) -> list[Cause]:
        field = 'resourceVersionMatch'
        causes: list[Cause] = []
        if self.initial_events is not None:
            if self.match != 'NotOlderThan':
                causes.append(
                    forbidden_field(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
                )
        elif self.match:
            causes.append(
                forbidden_field(
                    field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'
                )
            )
        if self.match and self.match != 'NotOlderThan':
            causes.append(not_supported(field, self.match, ('NotOlderThan',)))
        if self.match and self.continue_token:
            causes.append(forbidden_field(field, 'resourceVersionMatch is forbidden when continue is provided'))
        return causes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a create, update or patch is to be done."""

    dry_run: bool = False
    manager: str = ''
    field_validation: str = 'Warn'
    force: bool | None = None

    @classmethod
    def read(cls, params: Mapping[str, str], kind: str, *, dry_runs: list[str], apply: bool = False) -> 'WriteOptions':
        """Read and check the query; `kind` is CreateOptions, UpdateOptions or PatchOptions.

        Raises:
            StatusError: 422.
        """
        manager = params.get('fieldManager', '')
        validation = params.get('fieldValidation', '')
        force = params.get('force')
        causes = dry_run_causes(dry_runs)
        if kind == 'PatchOptions':
            if apply and not manager:
                causes.append(required('fieldManager', 'is required for apply patch'))
            elif not apply and force is not None:
                causes.append(forbidden_field('force', 'may not be specified for non-apply patch'))
        causes += _manager_causes(manager)
        if validation not in FIELD_VALIDATIONS:
            causes.append(not_supported('fieldValidation', validation, FIELD_VALIDATIONS))
        if causes:
            raise invalid(kind, _OPTIONS_GROUP, '', causes)
        return cls(
            dry_run='All' in dry_runs,
            manager=manager,
            field_validation=validation or 'Warn',
            force=None if force is None else is_true(force),
        )


def dry_run_causes(values: list[str]) -> list[Cause]:
    """What is wrong with the directives of dry runs; only `All` exists."""
    if any(value != 'All' for value in values):
        return [not_supported('dryRun', list(values), ('All',))]
    return []


def _manager_causes(manager: str) -> list[Cause]:
    causes = []
    if len(manager.encode()) > _FIELD_MANAGER_LIMIT:
        message = f'Too long: may not be more than {_FIELD_MANAGER_LIMIT} bytes'
        causes.append(Cause(reason='FieldValueTooLong', message=message, field='fieldManager'))
    if any(not char.isprintable() for char in manager):
        causes.append(invalid_value('fieldManager', manager, 'should only contain printable characters'))
    return causes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How a deletion is to be done; None where nothing was said."""

    dry_run: bool = False
    grace_seconds: int | None = None
    propagation: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    given: Json = dataclasses.field(default_factory=dict)
    """What was said, as in a body."""

    @classmethod
    def read(cls, params: Mapping[str, str], dry_runs: list[str], body: Json | None) -> 'DeleteOptions':
        """Read and check the body or, without one, the query.

        Raises:
            StatusError: 400 and 422.
        """
        if body:
            return cls._checked(
                dry_runs=_texts(body, 'dryRun'),
                grace_seconds=_typed(body, 'gracePeriodSeconds', int),
                propagation=_typed(body, 'propagationPolicy', str),
                orphan=_typed(body, 'orphanDependents', bool),
                preconditions=_typed(body, 'preconditions', dict) or {},
            )
        orphan = params.get('orphanDependents')
        return cls._checked(
            dry_runs=dry_runs,
            grace_seconds=read_int(params, 'gracePeriodSeconds'),
            propagation=params.get('propagationPolicy'),
            orphan=None if orphan is None else is_true(orphan),
            preconditions={},
        )

    @classmethod
    def _checked(
        cls,
        *,
        dry_runs: list[str],
        grace_seconds: int | None,
        propagation: str | None,
        orphan: bool | None,
        preconditions: Json,
    ) -> 'DeleteOptions':
        causes: list[Cause] = []
        if orphan is not None and propagation is not None:
            detail = 'orphanDependents and deletionPropagation cannot be both set'
            causes.append(invalid_value('propagationPolicy', propagation, detail))
        elif propagation is not None and propagation not in PROPAGATION_POLICIES:
            causes.append(not_supported('propagationPolicy', propagation, (*PROPAGATION_POLICIES, 'nil')))
        causes += dry_run_causes(dry_runs)
        if causes:
            raise invalid('DeleteOptions', _OPTIONS_GROUP, '', causes)
        given = {
            'gracePeriodSeconds': grace_seconds,
            'preconditions': preconditions or None,
            'orphanDependents': orphan,
            'propagationPolicy': propagation,
            'dryRun': dry_runs or None,
        }
        if orphan is not None:
            propagation = 'Orphan' if orphan else 'Background'
        return cls(
            dry_run='All' in dry_runs,
            grace_seconds=grace_seconds,
            propagation=propagation,
            uid=_typed(preconditions, 'uid', str, 'Preconditions.preconditions', 'types.UID'),
            resource_version=_typed(preconditions, 'resourceVersion', str, 'Preconditions.preconditions'),
            given={key: value for key, value in given.items() if value is not None},
        )


_GO_TYPES = {list: '[]string', int: 'int64', str: 'string', bool: 'bool', dict: 'v1.Preconditions'}


def _texts(body: Json, key: str) -> list[str]:
    """A list of texts in the options; 400 if it is anything else."""
    values: list[Any] = _typed(body, key, list) or []
    return [_typed({key: each}, key, str) or '' for each in values]


def _typed(body: Json, key: str, wanted: type, struct: str = 'DeleteOptions', go_type: str = '') -> Any:
    """A field of the options; 400 if it is of another type."""
    value = body.get(key)
    fits = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    if value is None or (fits and (wanted is not int or -(2**63) <= value < 2**63)):
        return value
    found = {bool: 'bool', int: 'number', float: 'number', str: 'string', list: 'array', dict: 'object'}[type(value)]
    raise bad_request(
        f'json: cannot unmarshal {found} into Go struct field {struct}.{key} of type {go_type or _GO_TYPES[wanted]}'
    )
