"""One node on each venue for a whole module; every test leaves it empty."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from acceptance_venues import DOORS

pytest.register_assert_rewrite("harness")

from harness import Stage, Venue, stage_on, venue  # noqa: E402 - its assertions are to explain themselves


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=tuple(DOORS))
async def module_stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A venue and a node on it, for all tests of a module."""
    async with stage_on(request.param) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(module_stage: Stage) -> AsyncIterator[Stage]:
    """The module's node, cleared after the test."""
    yield module_stage
    await module_stage.clear()


@pytest_asyncio.fixture(params=tuple(DOORS))
async def quiet_venue(request: pytest.FixtureRequest) -> AsyncIterator[Venue]:
    """A venue of the test's own, without a node."""
    async with venue(request.param) as on:
        yield on
