"""What to show when an assertion on the number of requests fails: those that were seen. And the errors of requests.

`len()` gives a plain int, which knows nothing of its view. But pytest's rewritten assertions keep what they evaluate
in local variables of the test (`@py_assert1`, …), and so the view is found in the frame where the assertion stands.
"""

import types
from collections.abc import Iterator, Sequence

from kmock.rules.views import Root, View, label

__all__ = ['explain_counts', 'explain_errors', 'explain_failure']

_KEPT_BY_PYTEST = '@py_assert'
_REWRITTEN = '@pytest_ar'
_SHOWN = 20
_SEEN = 'has seen'


def explain_counts(frame: types.FrameType | None, op: str, left: object, right: object) -> list[str] | None:
    """The lines of the explanation of `left op right`, one of which is the length of a view; None if neither is.

    Args:
        frame: the one from which pytest was asked; that of the assertion is above.
    """
    while frame is not None and _REWRITTEN not in frame.f_globals:
        frame = frame.f_back
    if frame is None:
        return None
    counted = list(_counted_views(frame, {each for each in (left, right) if type(each) is int}))
    if not counted:
        return None
    return [f'{left!r} {op} {right!r}', *(line for view in counted for line in _describe(view))]


def explain_failure(frame: types.FrameType, message: str) -> list[str]:
    """The lines on the views in an assertion that failed, such as `assert kmock['post']`; none if they are told of.

    Args:
        frame: the one where the assertion stands.
        message: what is told of the failure.
    """
    if _REWRITTEN not in frame.f_globals:
        return []
    asserted = [
        value for name, value in frame.f_locals.items() if name.startswith(_KEPT_BY_PYTEST) and isinstance(value, View)
    ]
    return [line for view in asserted if f'{label(view)} {_SEEN}' not in message for line in _describe(view)]


def explain_errors(errors: Sequence[Exception]) -> list[str]:
    """The lines on what went wrong in requests: a test that fails may fail of that."""
    if not errors:
        return []
    lines = [f'kmock.errors has {"1 error" if len(errors) == 1 else f"{len(errors)} errors"}:']
    for each in errors[:_SHOWN]:
        first, *rest = f'{type(each).__name__}: {each}'.splitlines()
        lines += [f'  {first}', *(f'    {line}' for line in rest)]
    if len(errors) > _SHOWN:
        lines.append(f'  … and {len(errors) - _SHOWN} more')
    return lines


def _counted_views(frame: types.FrameType, counts: set[object]) -> Iterator[View]:
    """The views in the assertion; else those of the test's variables that have so many requests."""
    named: list[View] = []
    found = False
    for name, value in frame.f_locals.items():
        if isinstance(value, View) and len(value) in counts:
            if name.startswith(_KEPT_BY_PYTEST):
                found = True
                yield value
            elif not any(value is each for each in named):
                named.append(value)
    if not found:
        yield from named


def _describe(view: View) -> Iterator[str]:
    seen = list(view)
    yield f'{label(view)} {_SEEN} {_count(len(seen))}'
    yield from (f'  {each.method} {each.target}' for each in seen[:_SHOWN])
    if len(seen) > _SHOWN:
        yield f'  … and {len(seen) - _SHOWN} more'
    known = {each.id for each in seen}
    others = [each for book in view._by_book() for each in Root(book) if each.id not in known]
    if others:
        yield f'and besides, there came {_count(len(others))}'
        yield from (f'  {each.method} {each.target}' for each in others[:_SHOWN])


def _count(number: int) -> str:
    return {0: 'no requests', 1: '1 request:'}.get(number, f'{number} requests:')
