"""Reads what the rules need from a trading framework's cache and from the venues' reports.

The cache is Nautilus', met by duck typing alone: nothing of the framework is imported, and the gate,
the strategy and the tests see one and the same snapshot.
"""

from decimal import Decimal
from typing import Any

from messages import AccountHealth, VenueState, VenueStatus
from risk.state import ZERO, MarketView, VenueAccount


class Reports:
    """The latest word of each venue on its account and on its channels."""

    def __init__(self) -> None:
        self._healths: dict[str, AccountHealth] = {}
        self._states: dict[tuple[str, str], VenueStatus] = {}
        self._accounts: dict[str, VenueAccount] = {}
        self._blocked: dict[str, str] = {}

    def on_account_health(self, health: AccountHealth) -> None:
        """Keep a venue's latest account report; an older one that arrives late is dropped."""
        known = self._healths.get(health.venue)
        if known is None or health.ts_event_ns >= known.ts_event_ns:
            self._healths[health.venue] = health
            self._accounts = self._accounts | {health.venue: _account(health)}

    def on_venue_status(self, status: VenueStatus) -> None:
        """Keep the state of one channel."""
        self._states[status.venue, status.channel] = status
        self._blocked = self._venues_outside((VenueState.OK,))

    def accounts(self) -> dict[str, VenueAccount]:
        """Return every account reported so far, by venue."""
        return self._accounts

    def blocked(self) -> dict[str, str]:
        """Return the venues that cannot be traded on, with the reason; a venue that said nothing is not among them."""
        return self._blocked

    def untradable(self) -> dict[str, str]:
        """Return the venues on which even a reducing order is idle now, with the reason.

        A venue that works on other terms than agreed, or that is liquidating us, can be left.
        """
        passable = (VenueState.OK, VenueState.DEGRADED, VenueState.LIQUIDATION)
        return self._venues_outside(passable)

    def _venues_outside(self, states: tuple[VenueState, ...]) -> dict[str, str]:
        return {
            venue: f"{channel} channel {status.state.value} {status.detail}".rstrip()
            for (venue, channel), status in self._states.items()
            if status.state not in states
        }

    def position(self, venue: str, instrument_id: str) -> tuple[Decimal, int] | None:
        """Return a position (signed, base units) of the venue's last account report, and its time; None before the first."""
        health = self._healths.get(venue)
        if health is None:
            return None
        return sum((p.quantity for p in health.positions if p.instrument_id == instrument_id), ZERO), health.ts_event_ns

    def holds(self, venue: str, instrument_id: str) -> bool:
        """Return whether the venue's last account report shows a position in an instrument."""
        health = self._healths.get(venue)
        return health is not None and any(p.instrument_id == instrument_id and p.quantity != 0 for p in health.positions)


def _account(health: AccountHealth) -> VenueAccount:
    prices = {p.instrument_id: p.liquidation_price_usd for p in health.positions if p.quantity}
    return VenueAccount(
        venue=health.venue,
        equity_usd=health.equity_usd,
        free_collateral_usd=health.free_collateral_usd,
        ts_ns=health.ts_event_ns,
        maintenance_margin_usd=health.maintenance_margin_usd,
        liquidation_prices_usd={name: price for name, price in prices.items() if price is not None},
    )


def asset_of(instrument_id: Any) -> str:
    """Return the asset of a perpetual's id: `BTC` of `BTC-USD-PERP.HYPERLIQUID`."""
    return str(instrument_id.symbol.value).split("-", 1)[0]


def net_quantity(cache: Any, instrument_id: Any) -> Decimal:
    """Return the signed net position in base units, of all strategies together."""
    return sum((p.signed_decimal_qty() for p in cache.positions_open(instrument_id=instrument_id)), ZERO)


def market_view(cache: Any, instrument_id: Any, now_ns: int) -> MarketView | None:
    """Return an instrument's best prices from its book or its last quote, whichever is younger; None without either."""
    instrument = cache.instrument(instrument_id)
    best = best_prices(cache.quote_tick(instrument_id), cache.order_book(instrument_id))
    if instrument is None or best is None:
        return None
    bid_usd, ask_usd, ts_ns = best
    return MarketView(
        instrument_id=instrument_id.value,
        asset=asset_of(instrument_id),
        venue=instrument_id.venue.value,
        bid_usd=bid_usd,
        ask_usd=ask_usd,
        ts_ns=min(ts_ns, now_ns),  # a venue's clock may run ahead of ours
        margin_rate=Decimal(instrument.margin_init),
        taker_fee_rate=Decimal(instrument.taker_fee),
        maintenance_rate=Decimal(instrument.margin_maint) + Decimal(instrument.taker_fee),
    )


def best_prices(quote: Any, book: Any) -> tuple[Decimal, Decimal, int] | None:
    """Return bid, ask and their time from a last quote or a book, whichever is younger; either may be None."""
    if book is not None and (quote is None or book.ts_last > quote.ts_init):
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is not None and ask is not None:
            return bid.as_decimal(), ask.as_decimal(), book.ts_last
    if quote is not None:
        return quote.bid_price.as_decimal(), quote.ask_price.as_decimal(), quote.ts_init
    return None
