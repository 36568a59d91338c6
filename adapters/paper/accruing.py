"""Settle funding as Paradex does: an index that grows by the second, realised to cash when a position is touched."""

from collections.abc import Mapping
from decimal import Decimal

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.common.component import Logger
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, PositionId

from adapters.paper.booking import FIRST, ZERO, FundingDesk, signed_quantity, spot_price_usd
from adapters.paper.schedule import RateSchedule
from adapters.paradex.funding import MAX_GAP_NS, AccruingPosition, index_step_usd, premium_usd
from messages import FundingAccrual, FundingClock, topics

DEFAULT_PERIOD_MINUTES = 480
NS_PER_SEC = 1_000_000_000


class IndexSettlementConfig(SimulationModuleConfig, frozen=True):  # type: ignore[call-arg,misc]
    """`hour_secs`: the wall length of a funding hour; `publish_secs`: how often accruals are published."""

    hour_secs: float = 3600.0
    publish_secs: float = 5.0


class FundingIndex:
    """The running index of one market, USDC per base unit; `max_gap_ns` None where rates come from a schedule."""

    def __init__(self, now_ns: int, clock: FundingClock, max_gap_ns: int | None = MAX_GAP_NS) -> None:
        self._clock, self._max_gap_ns = clock, max_gap_ns
        self._index_usd, self._counted_ns, self._quoted_ns = ZERO, now_ns, now_ns
        self._premium_usd, self._period_hours = ZERO, Decimal(8)

    def at(self, now_ns: int) -> Decimal:
        """Return the index at `now_ns`, at the premium last quoted; a rate silent for too long counts nothing."""
        if self._max_gap_ns is not None and now_ns - self._quoted_ns > self._max_gap_ns:
            return self._index_usd
        elapsed_ns = max(0, now_ns - self._counted_ns)
        return self._index_usd + index_step_usd(self._premium_usd, elapsed_ns, self._period_hours, self._clock, None)

    def advance(self, now_ns: int) -> Decimal:
        """Move the index to `now_ns` for good and return it."""
        self._index_usd = self.at(now_ns)
        self._counted_ns = max(now_ns, self._counted_ns)
        return self._index_usd

    def quote(self, premium: Decimal, period_hours: Decimal, now_ns: int) -> None:
        """Advance at the old premium, then let `premium` (USDC per base unit and period) be in force."""
        self.advance(now_ns)
        self._premium_usd, self._period_hours, self._quoted_ns = premium, period_hours, now_ns


class IndexSettlement(SimulationModule):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Accrue at the rates published on the bus, or at a schedule of recorded rates where one is given.

    With a schedule, published rates are only what the trader may know; the account is charged what
    the record says was in force. A fill realises the funding of the whole previous size, as cash.
    """

    def __init__(self, config: IndexSettlementConfig, schedules: Mapping[InstrumentId, RateSchedule] | None = None) -> None:
        super().__init__(config)
        self._clock_of_funding = FundingClock(config.hour_secs)
        self._publish_ns = round(config.publish_secs * NS_PER_SEC)
        self._schedules = schedules or {}
        self._indices: dict[InstrumentId, FundingIndex] = {}
        self._positions: dict[InstrumentId, dict[PositionId, AccruingPosition]] = {}
        self._scheduled_ns: dict[InstrumentId, int] = {}
        self._published_ns = 0
        self._is_loaded = False
        self._desk: FundingDesk | None = None

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Hear the venue's rates and fills from now on."""
        super().register_venue(exchange)
        self._desk = FundingDesk(exchange)
        exchange.msgbus.subscribe(f"data.funding_rates.{exchange.id}.*", self._on_rate, FIRST)
        exchange.msgbus.subscribe(f"events.fills.*.{exchange.id}", self._on_fill, FIRST)

    def process(self, ts_now: int) -> None:
        """Let scheduled rates take effect and publish what has accrued, no more often than `publish_secs`."""
        self._load_positions(ts_now)
        for instrument_id in self._schedules:
            self._follow_schedule(instrument_id, ts_now)
        if ts_now - self._published_ns >= self._publish_ns:
            self._published_ns = ts_now
            for instrument_id, positions in self._positions.items():
                if any(position.quantity for position in positions.values()):
                    self._publish(instrument_id, ts_now)

    def log_diagnostics(self, logger: Logger) -> None:
        """Say how many markets accrued."""
        logger.info(f"Funding accrued in {len(self._indices)} markets of {self.exchange.id}")

    def reset(self) -> None:
        """Forget indices and positions."""
        self._indices.clear()
        self._positions.clear()
        self._scheduled_ns.clear()
        self._published_ns = 0
        self._is_loaded = False

    def _load_positions(self, now_ns: int) -> None:
        """Take over what the cache holds open, as after a restart: earlier accrual is not known, so none is invented."""
        if self._is_loaded:
            return
        self._is_loaded = True
        for position in self.exchange.cache.positions_open(venue=self.exchange.id):
            index_usd = self._index(position.instrument_id, now_ns).at(now_ns)
            accruing = AccruingPosition(position.signed_decimal_qty(), index_usd)
            self._positions.setdefault(position.instrument_id, {})[position.id] = accruing

    def _index(self, instrument_id: InstrumentId, now_ns: int) -> FundingIndex:
        if instrument_id not in self._indices:
            max_gap_ns = None if instrument_id in self._schedules else MAX_GAP_NS
            self._indices[instrument_id] = FundingIndex(now_ns, self._clock_of_funding, max_gap_ns)
        return self._indices[instrument_id]

    def _on_rate(self, update: FundingRateUpdate) -> None:
        if update.instrument_id not in self._schedules:
            period_hours = Decimal(update.interval or DEFAULT_PERIOD_MINUTES) / 60
            self._quote(update.instrument_id, Decimal(str(update.rate)), period_hours, update.ts_init)

    def _follow_schedule(self, instrument_id: InstrumentId, now_ns: int) -> None:
        schedule = self._schedules[instrument_id]
        after_ns = self._scheduled_ns.get(instrument_id, now_ns)
        for moment_ns in (*schedule.edges(after_ns, now_ns), now_ns):
            block = schedule.at(moment_ns)
            if block is None:
                self._index(instrument_id, moment_ns).quote(ZERO, Decimal(8), moment_ns)
            else:
                self._quote(instrument_id, block.rate, block.period_hours, moment_ns)
        self._scheduled_ns[instrument_id] = now_ns

    def _quote(self, instrument_id: InstrumentId, rate: Decimal, period_hours: Decimal, now_ns: int) -> None:
        price_usd = spot_price_usd(self.exchange, instrument_id)
        premium = ZERO if price_usd is None else premium_usd(rate, price_usd)
        self._index(instrument_id, now_ns).quote(premium, period_hours, now_ns)

    def _on_fill(self, fill: OrderFilled) -> None:
        if not self._is_loaded:
            self._load_positions(fill.ts_event)  # the cache holds this fill already
            return
        if fill.instrument_id in self._schedules:
            self._follow_schedule(fill.instrument_id, fill.ts_event)
        index_usd = self._index(fill.instrument_id, fill.ts_event).advance(fill.ts_event)
        positions = self._positions.setdefault(fill.instrument_id, {})
        before = positions.get(fill.position_id, AccruingPosition(ZERO, index_usd))
        realized_usd, positions[fill.position_id] = before.touch(signed_quantity(fill), index_usd)
        if before.quantity and self._desk is not None:
            self._desk.book(
                fill.instrument_id,
                [(fill.position_id, realized_usd)],
                payment_id=f"{fill.instrument_id}:{fill.trade_id}:{fill.ts_event}",
                rate_per_hour=None,
                quantity=before.quantity,
                ts_event_ns=fill.ts_event,
                ts_now_ns=fill.ts_event,
            )
        self._publish(fill.instrument_id, fill.ts_event)

    def _publish(self, instrument_id: InstrumentId, now_ns: int) -> None:
        index_usd = self._index(instrument_id, now_ns).at(now_ns)
        positions = self._positions[instrument_id].values()
        accrual = FundingAccrual(
            venue=self.exchange.id.value,
            instrument_id=str(instrument_id),
            accrued_usd=sum((position.accrued_usd(index_usd) for position in positions), ZERO),
            funding_index_usd=index_usd,
            position_quantity=sum((position.quantity for position in positions), ZERO),
            ts_event_ns=now_ns,
        )
        self.exchange.msgbus.publish(topic=topics.FUNDING_ACCRUAL, msg=accrual)
