"""A handler that is entered, but served by nobody."""

from collections.abc import AsyncIterator

import pytest

from kmock.handlers import RawHandler


@pytest.fixture
async def raw() -> AsyncIterator[RawHandler]:
    async with RawHandler() as handler:
        yield handler
