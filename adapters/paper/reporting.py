"""Publish a simulated venue's account health and state, as a live execution client does for a real one."""

from decimal import Decimal

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.common.component import Logger
from nautilus_trader.model.identifiers import InstrumentId

from adapters.paper.booking import ZERO
from adapters.paper.health import Holding, account_health
from messages import FundingAccrual, VenueState, VenueStatus, topics

NS_PER_SEC = 1_000_000_000
CHANNEL = "private"  # the public one is the data client's to report


class AccountReportingConfig(SimulationModuleConfig, frozen=True):  # type: ignore[call-arg,misc]
    """`publish_secs`: how often health is published while nothing happens; a change is published at once."""

    publish_secs: float = 5.0


class AccountReporting(SimulationModule):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Report after every event that moved the account, and at a steady pace in between."""

    def __init__(self, config: AccountReportingConfig) -> None:
        super().__init__(config)
        self._publish_ns = round(config.publish_secs * NS_PER_SEC)
        self._accrued_usd: dict[str, Decimal] = {}
        self._reported_ns = 0
        self._reported_events = 0

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Hear the venue's accruals from now on."""
        super().register_venue(exchange)
        exchange.msgbus.subscribe(topics.FUNDING_ACCRUAL, self._on_accrual)

    def process(self, ts_now: int) -> None:
        """Publish if the account changed or its last report is old."""
        account = self.exchange.cache.account_for_venue(self.exchange.id)
        if account is None:
            return
        if self._reported_ns == 0:
            self._publish_status(ts_now)
        if account.event_count != self._reported_events or ts_now - self._reported_ns >= self._publish_ns:
            self._reported_events, self._reported_ns = account.event_count, ts_now
            self._publish_health(account.balance_total(account.base_currency).as_decimal(), ts_now)

    def log_diagnostics(self, logger: Logger) -> None:
        """Say what is still accrued."""
        logger.info(f"Funding accrued and not realised on {self.exchange.id}: {sum(self._accrued_usd.values(), ZERO)} USD")

    def reset(self) -> None:
        """Forget accruals and reports."""
        self._accrued_usd.clear()
        self._reported_ns = self._reported_events = 0

    def _on_accrual(self, accrual: FundingAccrual) -> None:
        if accrual.venue == self.exchange.id.value:
            self._accrued_usd[accrual.instrument_id] = accrual.accrued_usd

    def _publish_status(self, now_ns: int) -> None:
        venue = self.exchange.id.value
        status = VenueStatus(venue=venue, channel=CHANNEL, state=VenueState.OK, detail="simulated", ts_ns=now_ns)
        self.exchange.msgbus.publish(topic=topics.VENUE_STATUS, msg=status)

    def _publish_health(self, cash_usd: Decimal, now_ns: int) -> None:
        accrued_usd = sum(self._accrued_usd.values(), ZERO)
        health = account_health(self.exchange.id.value, cash_usd, accrued_usd, self._holdings(), now_ns)
        self.exchange.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health)

    def _holdings(self) -> list[Holding]:
        instrument_ids = {position.instrument_id for position in self.exchange.cache.positions_open(venue=self.exchange.id)}
        holdings = (self._holding(instrument_id) for instrument_id in sorted(instrument_ids, key=str))
        return [holding for holding in holdings if holding is not None]

    def _holding(self, instrument_id: InstrumentId) -> Holding | None:
        """Net the strategies' positions, as the venue does."""
        cache = self.exchange.cache
        positions = cache.positions_open(venue=self.exchange.id, instrument_id=instrument_id)
        mark_usd, quantity = self._mark_usd(instrument_id), sum((p.signed_decimal_qty() for p in positions), ZERO)
        if mark_usd is None or not quantity:
            return None
        cost_usd = sum((p.signed_decimal_qty() * Decimal(str(p.avg_px_open)) for p in positions), ZERO)
        instrument = cache.instrument(instrument_id)
        return Holding(
            instrument_id=str(instrument_id),
            quantity=quantity,
            entry_price_usd=cost_usd / quantity,
            mark_price_usd=mark_usd,
            initial_rate=instrument.margin_init,
            maintenance_rate=instrument.margin_maint,
        )

    def _mark_usd(self, instrument_id: InstrumentId) -> Decimal | None:
        """Return the mark price, else the book's middle."""
        mark = self.exchange.cache.mark_price(instrument_id)
        if mark is not None:
            return Decimal(str(mark.value))
        book = self.exchange.get_book(instrument_id)
        middle = None if book is None else book.midpoint()
        return None if middle is None else Decimal(str(middle))
