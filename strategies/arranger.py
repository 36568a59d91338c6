"""Gives plans their mode and clips by what trading costs now, and learns from our own fills what resting is worth."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model.enums import LiquiditySide, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId

from messages import Side, topics
from strategies.costs import Resting
from strategies.execution import ExecutionMode, ExecutionTerms, LegCosts, arranged, choose
from strategies.journal import Documents
from strategies.market_reader import MarketReader
from strategies.markouts import Markouts, Memory
from strategies.order_port import OrderPort
from strategies.pair_plan import Mode, PairPlan

_BPS = 10_000


class Arranger:
    """What the strategy asks before it starts a pair; running means of markouts outlive the process in `papers`."""

    def __init__(self, cache: Any, reader: MarketReader, port: OrderPort, terms: ExecutionTerms, papers: Documents) -> None:
        self._cache, self._reader, self._port = cache, reader, port
        self._terms, self._papers = terms, papers
        self._markouts = Markouts()
        for instrument_id, value in papers.items():
            self._markouts.restore(instrument_id, msgspec.json.decode(value, type=Memory))

    def arrange(self, plan: PairPlan) -> PairPlan:
        """Return a plan with the mode that is expected to cost less now, cut into clips."""
        costs = {leg.venue: self._costs(InstrumentId.from_str(leg.instrument_id)) for leg in plan.legs}
        return arranged(plan, choose(costs, self._terms), self._terms)

    def resting(self, instrument_ids: Iterable[InstrumentId]) -> Resting | None:
        """Return which leg of a pair would rest now and what of it is expected, None where both would be taken."""
        if self._terms.mode is ExecutionMode.TAKER:
            return None
        costs = {instrument_id.venue.value: self._costs(instrument_id) for instrument_id in instrument_ids}
        choice = choose(costs, self._terms)
        if choice.mode is Mode.TAKER:
            return None
        learnt_bps = costs[choice.maker_venue].markout_bps
        return Resting(
            venue=choice.maker_venue,
            fill_chance=self._terms.maker_fill_chance,
            markout_bps=self._terms.maker_markout_bps if learnt_bps is None else learnt_bps,
            wait_bps=self._terms.maker_wait_bps,
        )

    def on_fill(self, event: OrderFilled) -> None:
        """Follow what a fill of a resting order turns out to be worth."""
        if event.liquidity_side == LiquiditySide.MAKER:
            side = Side.BUY if event.order_side == OrderSide.BUY else Side.SELL
            self._markouts.on_fill(event.instrument_id.value, side, event.last_px.as_decimal(), self._port.now_ns())

    def tick(self) -> None:
        """Tell and keep what has been learnt."""
        for markout in self._markouts.due(self._port.now_ns(), self._mid_usd):
            self._port.publish(topics.MAKER_MARKOUT, markout)
            memory = self._markouts.memory(markout.instrument_id)
            if memory is not None:
                self._papers.put(markout.instrument_id, msgspec.json.encode(memory))

    def _mid_usd(self, instrument_id: str) -> Decimal | None:
        market = self._reader.market(InstrumentId.from_str(instrument_id), self._port.now_ns())
        return None if market is None else (market.view.bid_usd + market.view.ask_usd) / 2

    def _costs(self, instrument_id: InstrumentId) -> LegCosts:
        instrument = self._cache.instrument(instrument_id)
        market, mid_usd = self._reader.market(instrument_id, self._port.now_ns()), self._mid_usd(instrument_id.value)
        half_spread = Decimal(0) if not mid_usd or market is None else (market.view.ask_usd - mid_usd) / mid_usd
        return LegCosts(
            maker_fee_bps=Decimal(instrument.maker_fee) * _BPS,
            taker_fee_bps=Decimal(instrument.taker_fee) * _BPS,
            half_spread_bps=half_spread * _BPS,
            absorbable_usd=self._reader.absorbable_usd(instrument_id),
            markout_bps=self._markouts.mean_bps(instrument_id.value),
        )
