"""Listen to a run on the message bus and keep hourly rows of what the venues reported."""

from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.common.component import MessageBus
from nautilus_trader.model.data import MarkPriceUpdate

from actors.ledger import Ledger
from backtests.result import ZERO, HourRow, QuantityRow
from messages import AccountHealth, RiskRefused, Signal, topics


class Recorder:
    """Keep one row per venue and hour: the last report on that hour's prices; the ledger books the cash rows."""

    def __init__(self, bus: MessageBus, ledger: Ledger, on_hour: Callable[[int], None]) -> None:
        self._ledger, self._on_hour = ledger, on_hour
        self._health: dict[str, AccountHealth] = {}
        self._held: dict[str, Decimal] = {}
        self._hour_ns = 0
        self._rows: dict[tuple[int, str], HourRow] = {}
        self.quantities: list[QuantityRow] = []
        self.signals: list[Signal] = []
        self.refusals: list[RiskRefused] = []
        bus.subscribe("data.mark_prices.*", self._on_mark, 20)  # before this hour is reported on: the last one is over
        bus.subscribe(topics.ACCOUNT_HEALTH, self._on_health)
        bus.subscribe(topics.SIGNAL, self._on_signal)
        bus.subscribe(topics.RISK_REFUSED, self.refusals.append)

    @property
    def hours(self) -> list[HourRow]:
        """The rows in time order."""
        return list(self._rows.values())

    def _on_signal(self, signal: Signal) -> None:
        """Keep changes of mind only: a strategy may repeat its decision at every evaluation."""
        last = next((kept for kept in reversed(self.signals) if kept.asset == signal.asset), None)
        if last is None or last.action != signal.action:
            self.signals.append(signal)

    def _on_health(self, health: AccountHealth) -> None:
        self._health[health.venue] = health
        held = {position.instrument_id: position.quantity for position in health.positions}
        closed = [key for key in self._held if key.endswith(f".{health.venue}") and key not in held]
        for key, quantity in (*held.items(), *((key, ZERO) for key in closed)):
            if self._held.get(key, ZERO) != quantity:
                self._held[key] = quantity
                self.quantities.append(QuantityRow(health.ts_event_ns, key, quantity))

    def _on_mark(self, update: MarkPriceUpdate) -> None:
        if update.ts_event > self._hour_ns:
            if self._hour_ns:
                self.take(self._hour_ns)
            self._hour_ns = update.ts_event
            self._on_hour(update.ts_event)

    def take(self, now_ns: int) -> None:
        """Write a row for every venue that has reported; a later call for the same moment overwrites."""
        for venue, health in self._health.items():
            pnl = self._ledger.pnl(venue)
            if pnl is not None:
                row = HourRow(
                    ts_ns=now_ns,
                    venue=venue,
                    equity_usd=health.equity_usd,
                    cash_usd=health.cash_usd,
                    funding_usd=pnl.funding_usd,
                    accrued_usd=pnl.accrued_funding_usd,
                    fees_usd=pnl.fees_usd,
                )
                self._rows[now_ns, venue] = row
