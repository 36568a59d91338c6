"""A whole trading node, configured as the shipped one, whose strategy answers every tick with an order."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.config import LiveRiskEngineConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.trading.strategy import Strategy

from actors.risk_gate import RiskGate
from adapters.hyperliquid.factories import HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory
from adapters.paradex.factories import ParadexLiveDataClientFactory, ParadexLiveExecClientFactory
from benchmarks.ticks import ASSET, GATED, MARKET, NODE, ORDER_SIZE, PLANNED, VENUES
from config.load import load
from config.node import node_config
from config.schema import AppConfig
from messages import Side, topics
from operations.venues import attach, use
from risk.checks import Approved, evaluate
from risk.in_force import LimitsInForce
from risk.limits import Limits
from risk.reader import Reader
from risk.reading import Reports
from risk.state import OrderIntent, TradeIntent

CONFIG = Path(__file__).parents[2] / "config" / "sim.toml"


class Taker(Strategy):  # type: ignore[misc]
    """Buys at the ask, at once or not at all, on every tick; where it plans, it asks the rules about the pair first."""

    def __init__(self, limits: Limits, *, is_planning: bool = False) -> None:
        super().__init__(StrategyConfig(strategy_id="BENCH", order_id_tag="001"))
        self._limits, self._is_planning = limits, is_planning
        self._reports = Reports()
        self._count = 0

    def register(self, trader_id: Any, portfolio: Any, msgbus: Any, cache: Any, clock: Any) -> None:
        """Hear the venues' reports, as the shipped strategy does."""
        super().register(trader_id, portfolio, msgbus, cache, clock)
        self._snapshots = Reader(cache, self._reports)
        msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self._reports.on_account_health)
        msgbus.subscribe(topic=topics.VENUE_STATUS, handler=self._reports.on_venue_status)

    def on_start(self) -> None:
        """Listen to both venues."""
        for venue in VENUES:
            self.subscribe_quote_ticks(InstrumentId.from_str(f"{MARKET}.{venue.upper()}"))

    def on_quote_tick(self, tick: Any) -> None:
        """Answer."""
        if self._is_planning and not self._may_trade(tick):
            return
        quantity = self.cache.instrument(tick.instrument_id).make_qty(ORDER_SIZE)
        self._count += 1
        order = self.order_factory.limit(
            tick.instrument_id,
            OrderSide.BUY,
            quantity,
            tick.ask_price,
            time_in_force=TimeInForce.IOC,
            client_order_id=ClientOrderId(f"B-{tick.ts_init}-{self._count}"),  # given, as the shipped strategy does
        )
        self.submit_order(order)

    def _may_trade(self, tick: Any) -> bool:
        seen = self._snapshots.snapshot(self.clock.timestamp_ns(), instrument_ids=(tick.instrument_id,), limits=self._limits)
        if len(seen.markets) < len(VENUES):
            return False  # the first tick of all: the other venue has not spoken yet
        bought = seen.markets[tick.instrument_id.value]
        (sold,) = (market for market in seen.markets.values() if market.venue != bought.venue)
        legs = ((bought, Side.BUY, bought.ask_usd), (sold, Side.SELL, sold.bid_usd))
        orders = tuple(
            OrderIntent(
                instrument_id=market.instrument_id,
                venue=market.venue,
                side=side,
                quantity=ORDER_SIZE,
                price_usd=price_usd,
                reduce_only=False,
            )
            for market, side, price_usd in legs
        )
        return isinstance(evaluate(seen, TradeIntent(scope=ASSET, orders=orders), self._limits), Approved)


def app_config(ready: Path, ws_url: str, name: str) -> AppConfig:
    """Return the shipped config of a simulated run, with its sockets led to the measuring venue."""
    config = use(load(CONFIG), attach(ready))
    replace = msgspec.structs.replace
    venues = replace(
        config.venues,
        hyperliquid=replace(config.venues.hyperliquid, ws_url=f"{ws_url}/{name}/hyperliquid"),
        paradex=replace(config.venues.paradex, ws_url=f"{ws_url}/{name}/paradex"),
    )
    limits = replace(config.limits, orders_per_minute_max=1_000_000)
    return replace(config, venues=venues, limits=limits, strategy=replace(config.strategy, assets=(ASSET,)))


def build(config: AppConfig, *, is_gated: bool, log_dir: Path, strategy: Strategy | None = None) -> TradingNode:
    """Return the node; only the limits of orders a second and a minute are lifted."""
    settings = node_config(config, log_dir=log_dir)
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    fields["risk_engine"] = LiveRiskEngineConfig(max_order_submit_rate="1000/00:00:01")
    node = TradingNode(TradingNodeConfig(**fields))
    node.add_data_client_factory("HYPERLIQUID", HyperliquidLiveDataClientFactory)
    node.add_exec_client_factory("HYPERLIQUID", HyperliquidLiveExecClientFactory)
    node.add_data_client_factory("PARADEX", ParadexLiveDataClientFactory)
    node.add_exec_client_factory("PARADEX", ParadexLiveExecClientFactory)
    node.build()
    if is_gated:
        gate = RiskGate(node.kernel.risk_engine, node.kernel.exec_engine, LimitsInForce(config.limits))
        node.trader.add_actor(gate)
        gate.listen()
    node.trader.add_strategy(Taker(config.limits) if strategy is None else strategy)
    return node


def main() -> int:
    """Run until terminated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--ws-url", required=True)
    parser.add_argument("--name", choices=(NODE, GATED, PLANNED), required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = app_config(options.ready_file, options.ws_url, options.name)
        taker = Taker(config.limits, is_planning=options.name == PLANNED)
        node = build(config, is_gated=options.name != NODE, log_dir=Path(folder), strategy=taker)
        try:
            node.run()
        finally:
            node.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
