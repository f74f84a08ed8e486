"""Tables: the columns that `kubectl get` shows, and the cells of objects, by kind.

`printing.py` has what printers are made of, `jsonpath.py` the paths of custom columns; the other modules have the
printers of the built-in kinds, by subject.
"""

import datetime
from collections.abc import Sequence

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.tables.custom import custom_printer
from kmock.kube.tables.printing import Printer

__all__ = ['make_table']


def make_table(definition: Definition, items: Sequence[Json], now: datetime.datetime) -> tuple[list[Json], list[Json]]:
    """The column definitions, and a row for each object: its `cells`, and `conditions` where the kind has these."""
    printer = _printer(definition)
    rows = []
    for obj in items:
        row: Json = {'cells': printer.cells(obj, now)}
        if printer.conditions is not None and (conditions := printer.conditions(obj)):
            row['conditions'] = conditions
        rows.append(row)
    return [dict(each) for each in printer.columns], rows


def _printer(definition: Definition) -> Printer:
    if definition.origin is not Origin.BUILT_IN:
        return custom_printer(definition.columns)
    from kmock.kube.tables.kinds import DEFAULT, PRINTERS

    return PRINTERS.get((definition.resource.group, definition.resource.plural), DEFAULT)
