"""What the terminal shows: collects state from the bus on the loop, draws it in a thread of its own."""

from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.identifiers import InstrumentId

from actors.books import VenuePnl
from actors.ledger import Ledger
from messages import (
    AccountHealth,
    Alert,
    FundingClock,
    FundingPayment,
    Intent,
    LegState,
    LegUpdate,
    LimitsChanged,
    PairOrder,
    RiskRefused,
    Signal,
    VenueState,
    VenueStatus,
    annual_rate,
    topics,
)
from messages.loop import on_loop

_TOLD_FROM_USD = Decimal("0.00005")  # less would read as nothing


class VenueRow(msgspec.Struct, frozen=True):
    """One venue: channel states, collateral in USD, and the result so far."""

    venue: str
    channels: tuple[tuple[str, str], ...]
    health: AccountHealth | None
    pnl: VenuePnl | None


class AssetRow(msgspec.Struct, frozen=True):
    """One asset: funding APR per venue (fractions), its spread and what the strategy makes of it."""

    asset: str
    aprs: tuple[Decimal | None, ...]
    mids_usd: tuple[Decimal | None, ...]
    signal: Signal | None


class LegRow(msgspec.Struct, frozen=True):
    """One open leg; `quantity` is signed base units."""

    asset: str
    venue: str
    quantity: Decimal
    entry_usd: Decimal
    mark_usd: Decimal | None
    unrealized_usd: Decimal


class Snapshot(msgspec.Struct, frozen=True):
    """All that one frame of the view needs; immutable, so the drawing thread may hold it."""

    title: str
    uptime_secs: float
    funding_hours: Decimal
    next_hour_secs: float
    venues: tuple[VenueRow, ...]
    assets: tuple[AssetRow, ...]
    legs: tuple[LegRow, ...]
    events: tuple[str, ...]


class Screen(Protocol):
    """Where snapshots and event lines go: a live terminal or plain lines."""

    def show(self, snapshot: Snapshot) -> None:
        """Replace what is shown."""
        ...

    def event(self, line: str) -> None:
        """Report something that happened."""
        ...


class View(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Watch the bus and hand a snapshot to the screen twice a second."""

    def __init__(
        self, *, title: str, assets: tuple[str, ...], venues: tuple[str, ...], clock: FundingClock, ledger: Ledger, screen: Screen
    ) -> None:
        super().__init__(ActorConfig())
        self._title, self._assets, self._venues = title, assets, venues
        self._funding_clock, self._ledger, self._screen = clock, ledger, screen
        self._started_ns = 0
        self._channels: dict[str, dict[str, str]] = {venue: {} for venue in venues}
        self._signals: dict[str, Signal] = {}
        self._events: deque[str] = deque(maxlen=12)

    def listen(self) -> None:
        """Hear venue states and alerts from now on: clients report while they connect, and what stands is restored then."""
        self.msgbus.subscribe(topic=topics.VENUE_STATUS, handler=self._on_status)
        self.msgbus.subscribe(topic=topics.ALERT, handler=self._on_alert)
        self.msgbus.subscribe(topic=topics.LIMITS_CHANGED, handler=self._on_limits)

    def on_start(self) -> None:
        """Begin to draw."""
        self._started_ns = self.clock.timestamp_ns()
        handlers = {
            topics.SIGNAL: self._on_signal,
            topics.PAIR_ORDER: self._on_pair_order,
            topics.LEG_UPDATE: self._on_leg_update,
            topics.RISK_REFUSED: self._on_refused,
            topics.FUNDING_PAYMENT: self._on_payment,
        }
        for topic, handler in handlers.items():
            self.msgbus.subscribe(topic=topic, handler=handler)
        self.clock.set_timer(
            "view", timedelta(milliseconds=500), callback=on_loop(lambda _event: self._screen.show(self.snapshot()))
        )

    def on_stop(self) -> None:
        """Nothing is held that a stop would have to release."""

    def tell(self, line: str) -> None:
        """Report something that happened, now and in the frames to come."""
        text = f"{datetime.now(UTC):%H:%M:%S}  {line}"
        self._events.append(text)
        self._screen.event(text)

    def _on_status(self, status: VenueStatus) -> None:
        before = self._channels.setdefault(status.venue, {}).get(status.channel)
        self._channels[status.venue][status.channel] = status.state.value
        if before != status.state.value:
            detail = "" if status.state is VenueState.OK else f", {status.detail}"
            self.tell(f"{status.venue} {status.channel} {status.state.replace('_', ' ').lower()}{detail}")

    def _on_signal(self, signal: Signal) -> None:
        before = self._signals.get(signal.asset)
        self._signals[signal.asset] = signal
        if signal.action != "HOLD" and (before is None or before.action != signal.action):
            spread = f"{signal.spread_apr * 100:+.1f} % APR"
            edge = "" if signal.edge is None else f", expected edge {signal.edge.net_usd:+,.2f} USD"
            self.tell(f"signal {signal.action} {signal.asset}: {signal.reason.replace('_', ' ').lower()}, spread {spread}{edge}")

    def _on_pair_order(self, order: PairOrder) -> None:
        legs = ", ".join(f"{leg.side} {leg.quantity:f} on {leg.venue}" for leg in order.legs)
        is_undone = order.intent is Intent.OPEN and all(leg.reduce_only for leg in order.legs)
        self.tell(f"{'UNDO' if is_undone else order.intent} {order.asset}: {legs}")

    def _on_leg_update(self, update: LegUpdate) -> None:
        if update.state in (LegState.PENDING, LegState.ACTIVE):
            return
        price = "" if update.average_price_usd is None else f" at {update.average_price_usd:,.4f}"
        words = update.state.replace("_", " ").lower()
        self.tell(f"{update.venue} {update.side} leg {words} {update.filled_quantity:f}{price} {update.reason}".rstrip())

    def _on_alert(self, alert: Alert) -> None:
        self.tell(f"{alert.severity.value} {alert.name}: {alert.detail}")

    def _on_limits(self, changed: LimitsChanged) -> None:
        self.tell(f"limits {changed.old_hash} -> {changed.new_hash}: {'; '.join(changed.changes)}")

    def _on_refused(self, refused: RiskRefused) -> None:
        self.tell(f"risk refused {refused.scope}: {refused.reason}, {refused.detail}")

    def _on_payment(self, payment: FundingPayment) -> None:
        if abs(payment.amount_usd) < _TOLD_FROM_USD:
            return
        asset = payment.instrument_id.partition("-")[0]
        verb = "received" if payment.amount_usd >= 0 else "paid"
        self.tell(f"{payment.venue} {asset} funding {verb} {abs(payment.amount_usd):,.4f} USD")

    def snapshot(self) -> Snapshot:
        """Return the state of everything now."""
        now_ns = self.clock.timestamp_ns()
        return Snapshot(
            title=self._title,
            uptime_secs=(now_ns - self._started_ns) / 1e9,
            funding_hours=self._funding_clock.hours(now_ns - self._started_ns),
            next_hour_secs=(self._funding_clock.next_hour_ns(now_ns) - now_ns) / 1e9,
            venues=tuple(self._venue_row(venue) for venue in self._venues),
            assets=tuple(self._asset_row(asset) for asset in self._assets),
            legs=tuple(row for venue in self._venues for row in self._leg_rows(venue)),
            events=tuple(self._events),
        )

    def _venue_row(self, venue: str) -> VenueRow:
        channels = tuple(sorted(self._channels[venue].items()))
        return VenueRow(venue, channels, self._ledger.health(venue), self._ledger.pnl(venue))

    def _asset_row(self, asset: str) -> AssetRow:
        ids = [InstrumentId.from_str(f"{asset}-USD-PERP.{venue}") for venue in self._venues]
        return AssetRow(asset, tuple(map(self._apr, ids)), tuple(map(self._mid_usd, ids)), self._signals.get(asset))

    def _apr(self, instrument_id: InstrumentId) -> Decimal | None:
        update = self.cache.funding_rate(instrument_id)
        if update is None or not update.interval:
            return None
        return annual_rate(Decimal(str(update.rate)), Decimal(update.interval) / 60)

    def _mid_usd(self, instrument_id: InstrumentId) -> Decimal | None:
        quote = self.cache.quote_tick(instrument_id)
        return None if quote is None else (quote.bid_price.as_decimal() + quote.ask_price.as_decimal()) / 2

    def _leg_rows(self, venue: str) -> list[LegRow]:
        health = self._ledger.health(venue)
        rows = []
        for position in health.positions if health is not None else ():
            mark = self.cache.mark_price(InstrumentId.from_str(position.instrument_id))
            rows.append(
                LegRow(
                    position.instrument_id.partition("-")[0],
                    venue,
                    position.quantity,
                    position.entry_price_usd,
                    None if mark is None else mark.value.as_decimal(),
                    position.unrealized_pnl_usd,
                )
            )
        return rows
