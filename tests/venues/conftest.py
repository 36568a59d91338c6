"""Simulated venues for tests, each on free loopback ports and in the test's own event loop."""

from collections.abc import AsyncIterator

import pytest_asyncio

from simulators import Simulators, launch


@pytest_asyncio.fixture
async def hyperliquid_sims() -> AsyncIterator[Simulators]:
    """Hyperliquid alone, a funding hour every two seconds, no opportunity."""
    async with launch(seed=1, hour_secs=2.0, only="hyperliquid", scenario="calm") as sims:
        yield sims
