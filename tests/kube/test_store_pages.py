"""What the store tells of the past and of namespaces, next to simple models."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from kmock.kube.schemas.checking import UNCORRELATED, Checker
from kmock.kube.store import Store

BUCKET = ('example.com', 'widgets')
KEYS = ['a', 'a/b', 'a/c', 'b/a', 'b/aa', 'b/b', 'bb/a']


@settings(max_examples=100, deadline=None)
@given(
    writes=st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=25),
    namespace=st.sampled_from([None, 'a', 'b', 'c']),
    after=st.sampled_from([None, *KEYS, 'b/ab', 'z']),
)
def test_lists_of_the_past_are_what_was_there(
    writes: list[tuple[str, bool]], namespace: str | None, after: str | None
) -> None:
    store = Store()
    past: dict[int, dict[str, int]] = {store.revision: {}}
    for key, deletes in writes:
        there = dict(past[store.revision])
        if deletes:
            store.delete(BUCKET, key)
            there.pop(key, None)
        else:
            there[key] = store.put(BUCKET, key, {}).revision
        past[store.revision] = there
    prefix = f'{namespace}/' if namespace else ''
    for revision, there in past.items():
        expected = [(key, there[key]) for key in sorted(there) if key.startswith(prefix) and key > (after or '')]
        found = store.list_at(BUCKET, namespace, revision, after)
        assert [(each.key, each.revision) for each in found] == expected
    if namespace is not None:
        assert store.occupied(namespace) == any(key.startswith(prefix) for key in past[store.revision])


scalars = st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | st.text(max_size=5)
sizes = st.none() | st.integers(0, 4)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(['string', 'integer', 'boolean']),
    form=st.sampled_from(['', 'int32', 'int64', 'date']),
    limits=st.fixed_dictionaries({}, optional={'minLength': sizes, 'maxLength': sizes, 'minimum': sizes}),
    exclusive=st.booleans(),
    value=scalars,
)
def test_scalars_are_checked_in_one_step_as_in_many(
    kind: str, form: str, limits: dict[str, Any], exclusive: bool, value: Any
) -> None:
    node = {'type': kind, 'format': form, 'exclusiveMinimum': exclusive, **limits}
    checker = Checker(node)
    quick: list[Any] = []
    thorough: list[Any] = []
    checker.check(value, '.spec', UNCORRELATED, quick)
    checker._check(value, '.spec', UNCORRELATED, thorough)
    assert quick == thorough
