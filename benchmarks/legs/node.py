"""A whole node, configured and gated as the shipped one, whose ticks start pairs by the shipped executor and journal."""

import argparse
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.trading.strategy import Strategy

from benchmarks.legs import CLIENT, HEDGING, KINDS, MARKET, ORDER_SIZE, SINGLE, TAKER, VENUES
from benchmarks.ticks.node import app_config, build
from messages import FillSeen, FundingClock, Intent, Side, topics
from messages.loop import on_loop
from strategies.dispatcher import pair_id
from strategies.journal import Journal
from strategies.market_reader import MarketReader
from strategies.order_port import OrderPort, seen, translate
from strategies.pair_executor import PairExecutor
from strategies.pair_plan import LegPlan, Mode, PairPlan, Policy

SLIPPAGE_BPS = Decimal(10)
# What is refused is not tried again: the venue refuses everything that is not measured.
POLICY = Policy(max_slippage_bps=SLIPPAGE_BPS, max_retries=0, max_reductions=1, reduce_delay_ns=0, maker_deadline_ns=10**12)


class Pairs(Strategy):  # type: ignore[misc]
    """Answers a tick of the hedging venue with one order, with both legs, or with one that rests; the tick says which."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(StrategyConfig(strategy_id="LEGS", order_id_tag="001"))
        self._journal = journal
        self._count = 0

    def on_start(self) -> None:
        """Listen to both venues."""
        reader = MarketReader(self.cache, SLIPPAGE_BPS, FundingClock(), Decimal(60))
        port = OrderPort(
            self,
            reader,
            on_done=lambda *_: None,
            untradable=dict,
            truth=None,
            on_answer=lambda _: None,
        )
        self._reader, self._executor = reader, PairExecutor(port, POLICY, self._journal)
        self._ids = [InstrumentId.from_str(f"{MARKET}.{venue.upper()}") for venue in VENUES]
        self.msgbus.subscribe(topic=topics.FILL_SEEN, handler=self._on_fill_seen)
        for instrument_id in self._ids:
            self.subscribe_quote_ticks(instrument_id)
        self.clock.set_timer("tick", timedelta(seconds=0.5), callback=on_loop(lambda _event: self._executor.tick()))

    def on_quote_tick(self, tick: Any) -> None:
        """Answer; a tick's size carries its number."""
        if tick.instrument_id.venue.value != HEDGING.upper():
            return
        kind = KINDS[round(float(tick.bid_size) * 1_000) % len(KINDS)]
        if kind == SINGLE:
            self._order(tick)
        elif not self._executor.active:
            self._executor.start(self._plan(Mode.TAKER if kind == TAKER else Mode.MAKER))

    def on_order_event(self, event: Any) -> None:
        """Tell the executor what became of an order."""
        translated = translate(event, self.cache)
        if translated is not None:
            self._executor.handle(event.client_order_id.value, translated)

    def _on_fill_seen(self, fill: FillSeen) -> None:
        """As the shipped strategy does."""
        self._executor.handle(fill.client_order_id, seen(fill))

    def _order(self, tick: Any) -> None:
        self._count += 1
        order = self.order_factory.limit(
            tick.instrument_id,
            OrderSide.BUY,
            self.cache.instrument(tick.instrument_id).make_qty(ORDER_SIZE),
            tick.ask_price,
            time_in_force=TimeInForce.IOC,
            client_order_id=ClientOrderId(f"S-{tick.ts_init}-{self._count}"),
        )
        self.submit_order(order)

    def _plan(self, mode: Mode) -> PairPlan:
        """Return a plan on alternating sides, so that what rested and filled comes back to nothing."""
        self._count += 1
        now_ns = self.clock.timestamp_ns()
        sides = (Side.BUY, Side.SELL) if self._count % 2 else (Side.SELL, Side.BUY)
        first, second = (self._leg(i, side, now_ns) for i, side in zip(self._ids, sides, strict=True))
        return PairPlan(
            pair_id=pair_id("BTC", "B", self._count, now_ns),
            asset="BTC",
            intent=Intent.OPEN,
            legs=(first, second),
            mode=mode,
            maker_leg=1 - VENUES.index(HEDGING),
        )

    def _leg(self, instrument_id: InstrumentId, side: Side, now_ns: int) -> LegPlan:
        market = self._reader.market(instrument_id, now_ns)
        if market is None:
            raise RuntimeError(f"{instrument_id} has no quote")
        return LegPlan(
            venue=instrument_id.venue.value,
            instrument_id=instrument_id.value,
            direction=side,
            held=Decimal(0),
            target=ORDER_SIZE,
            reference_price_usd=market.best_usd(side),
            rules=market.rules,
        )


def main() -> int:
    """Run until terminated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--ws-url", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(f"{folder}/journal")
        config = app_config(options.ready_file, options.ws_url, CLIENT)
        node = build(config, is_gated=True, log_dir=Path(folder), strategy=Pairs(journal))
        try:
            node.run()
        finally:
            node.dispose()
            journal.close()
    return 0


if __name__ == "__main__":
    main()
