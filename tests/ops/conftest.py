"""Simulated venues for what people run beside a node."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from ops_redis import RedisServer, running
from ops_venues import Bench, environment

from simulators import launch


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    """Both venues, calm, an hour long."""
    with environment():
        async with launch(seed=5, scenario="calm") as sims:
            yield Bench(sims)


@pytest.fixture
def said() -> list[str]:
    """What a command tells the person who waits."""
    return []


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A real Redis that needs a password."""
    with running(tmp_path) as server:
        yield server
