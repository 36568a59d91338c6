"""Build paper execution clients."""

import asyncio
from typing import override

from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory as NautilusFactory
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.portfolio.base import PortfolioFacade

from adapters.paper.config import PaperExecClientConfig
from adapters.paper.execution import PaperExecutionClient


class SandboxLiveExecClientFactory(NautilusFactory):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Build a `PaperExecutionClient`.

    The name is no choice: Nautilus' node builder hands the portfolio, which a sandbox needs, to a
    factory class of exactly this name and to no other.
    """

    @staticmethod
    @override
    def create(
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: PaperExecClientConfig,
        portfolio: PortfolioFacade,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> PaperExecutionClient:
        """Return the client of one venue."""
        return PaperExecutionClient(loop=loop, portfolio=portfolio, msgbus=msgbus, cache=cache, clock=clock, config=config)
