"""A node whose strategy lets one order rest on each venue: `resting_node.py CONFIG READY`, to be killed."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from nautilus_trader.config import StrategyConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

from actors.deadman import DeadMan
from adapters.hyperliquid.factories import HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory
from adapters.paradex.factories import ParadexLiveDataClientFactory, ParadexLiveExecClientFactory
from config.node import node_config
from operations.commands import configured
from operations.presence import Presence, presence_path

IDS = tuple(InstrumentId.from_str(f"BTC-USD-PERP.{venue}") for venue in ("HYPERLIQUID", "PARADEX"))


class Rester(Strategy):
    """Rests a bid three percent away on each venue as soon as it has a price."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="REST", order_id_tag="001", external_order_claims=list(IDS)))
        self.rested: set[InstrumentId] = set()

    def on_start(self) -> None:
        for instrument_id in IDS:
            self.subscribe_quote_ticks(instrument_id)

    def on_quote_tick(self, tick) -> None:
        if tick.instrument_id in self.rested:
            return
        self.rested.add(tick.instrument_id)
        instrument = self.cache.instrument(tick.instrument_id)
        price = instrument.make_price(int(tick.bid_price.as_decimal() * Decimal("0.97")))
        self.submit_order(
            self.order_factory.limit(instrument.id, OrderSide.BUY, instrument.make_qty(Decimal("0.01")), price, post_only=True)
        )


def main(config_path: Path, ready: Path) -> None:
    config = configured(config_path, ready)
    presence = Presence(presence_path(config.trader_id))
    node = TradingNode(node_config(config, log_dir=Path("logs")))
    node.add_data_client_factory("HYPERLIQUID", HyperliquidLiveDataClientFactory)
    node.add_data_client_factory("PARADEX", ParadexLiveDataClientFactory)
    node.add_exec_client_factory("HYPERLIQUID", HyperliquidLiveExecClientFactory)
    node.add_exec_client_factory("PARADEX", ParadexLiveExecClientFactory)
    node.build()
    node.trader.add_actor(DeadMan(presence.beat, config.deadman.beat_secs))
    node.trader.add_strategy(Rester())
    asyncio.get_event_loop().run_until_complete(node.run_async())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
