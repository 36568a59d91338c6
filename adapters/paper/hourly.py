"""Settle funding as Hyperliquid does: one payment at each funding hour on the position held at that moment."""

from decimal import Decimal

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.common.component import Logger
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId

from adapters.hyperliquid.funding import payment_usd
from adapters.paper.booking import FIRST, ZERO, FundingDesk, HeldPositions, spot_price_usd
from messages import FundingClock, hourly_rate

NS_PER_MINUTE = 60_000_000_000


class HourlySettlementConfig(SimulationModuleConfig, frozen=True):  # type: ignore[call-arg,misc]
    """`hour_secs` is the wall length of a funding hour: 3,600 but for a compressed simulation."""

    hour_secs: float = 3600.0


class HourlySettlement(SimulationModule):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Pay each boundary once, at the last rate received for it.

    A rate's boundary is its `next_funding_ns`; without one, its own stamp if that lies on the rate's
    interval, else the next funding hour. A rate whose boundary is not in the future (a recorded
    settlement row, jitter included) is paid on arrival, before any strategy hears of it.
    """

    def __init__(self, config: HourlySettlementConfig) -> None:
        super().__init__(config)
        self._funding_clock = FundingClock(config.hour_secs)
        self._held = HeldPositions()
        self._due: dict[tuple[InstrumentId, int], FundingRateUpdate] = {}
        self._settled_ns: dict[InstrumentId, int] = {}
        self._is_loaded = False
        self._desk: FundingDesk | None = None

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Hear the venue's rates and fills from now on."""
        super().register_venue(exchange)
        self._desk = FundingDesk(exchange)
        exchange.msgbus.subscribe(f"data.funding_rates.{exchange.id}.*", self._on_rate, FIRST)
        exchange.msgbus.subscribe(f"events.fills.*.{exchange.id}", self._on_fill, FIRST)

    def process(self, ts_now: int) -> None:
        """Pay what has fallen due."""
        if not self._is_loaded:
            self._held.load(self.exchange)
            self._is_loaded = True
        self._settle_due(ts_now)

    def log_diagnostics(self, logger: Logger) -> None:
        """Say how many markets were settled."""
        logger.info(f"Funding settled in {len(self._settled_ns)} markets of {self.exchange.id}")

    def reset(self) -> None:
        """Forget rates and positions."""
        self._due.clear()
        self._settled_ns.clear()
        self._held = HeldPositions()
        self._is_loaded = False

    def _on_rate(self, update: FundingRateUpdate) -> None:
        boundary_ns = self._boundary_ns(update)
        if boundary_ns > self._settled_ns.get(update.instrument_id, 0):
            self._due[update.instrument_id, boundary_ns] = update
            self._settle_due(update.ts_init)

    def _boundary_ns(self, update: FundingRateUpdate) -> int:
        if update.next_funding_ns:
            return int(update.next_funding_ns)
        if update.interval and update.ts_event % (update.interval * NS_PER_MINUTE) == 0:
            return int(update.ts_event)
        return self._funding_clock.next_hour_ns(update.ts_event)

    def _on_fill(self, fill: OrderFilled) -> None:
        self._settle_due(fill.ts_event)
        if not self._is_loaded:  # the cache holds this fill already
            self._held.load(self.exchange)
            self._is_loaded = True
        else:
            self._held.apply(fill)

    def _settle_due(self, now_ns: int) -> None:
        due = sorted((key for key in self._due if key[1] <= now_ns), key=lambda key: key[1])
        for instrument_id, boundary_ns in due:
            self._settle(instrument_id, boundary_ns, self._due.pop((instrument_id, boundary_ns)), now_ns)
            self._settled_ns[instrument_id] = boundary_ns

    def _settle(self, instrument_id: InstrumentId, boundary_ns: int, update: FundingRateUpdate, now_ns: int) -> None:
        held = self._held.of(instrument_id)
        price_usd = spot_price_usd(self.exchange, instrument_id) if held else None
        if price_usd is None or self._desk is None:
            return
        hours = Decimal(update.interval or 60) / 60
        rate_per_hour = hourly_rate(Decimal(str(update.rate)), hours)
        self._desk.book(
            instrument_id,
            [(key, payment_usd(quantity, price_usd, rate_per_hour, hours)) for key, quantity in held.items()],
            payment_id=f"{instrument_id}:{boundary_ns}",
            rate_per_hour=rate_per_hour,
            quantity=sum(held.values(), ZERO),
            ts_event_ns=boundary_ns,
            ts_now_ns=now_ns,
        )
