"""Simulated fills on live market data, with the venue's funding and account reports."""

import asyncio

from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.portfolio.base import PortfolioFacade

from adapters.paper.accruing import IndexSettlement, IndexSettlementConfig
from adapters.paper.config import PaperExecClientConfig, Settlement
from adapters.paper.hourly import HourlySettlement, HourlySettlementConfig
from adapters.paper.reporting import AccountReporting, AccountReportingConfig


class PaperExecutionClient(SandboxExecutionClient):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Nautilus' sandbox, which takes no simulation modules of its own, with ours put in.

    Funding is settled by the rates the live data client publishes; every market event drives the
    venue, so a boundary is paid at the first event after it.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        portfolio: PortfolioFacade,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
        config: PaperExecClientConfig,
    ) -> None:
        super().__init__(loop=loop, portfolio=portfolio, msgbus=msgbus, cache=cache, clock=clock, config=config)
        for module in (_settlement(config), _reporting(config)):
            module.register_base(portfolio=portfolio, msgbus=msgbus, cache=cache, clock=self.test_clock)
            module.register_venue(self.exchange)
            self.exchange.modules.append(module)


def _settlement(config: PaperExecClientConfig) -> SimulationModule:
    name = f"FUNDING-{config.venue}"
    match config.settlement:
        case Settlement.HOURLY:
            return HourlySettlement(HourlySettlementConfig(component_id=name, hour_secs=config.hour_secs))
        case Settlement.INDEX:
            return IndexSettlement(
                IndexSettlementConfig(component_id=name, hour_secs=config.hour_secs, publish_secs=config.report_secs)
            )


def _reporting(config: PaperExecClientConfig) -> SimulationModule:
    return AccountReporting(AccountReportingConfig(component_id=f"REPORTING-{config.venue}", publish_secs=config.report_secs))
