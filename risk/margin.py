"""Collateral arithmetic: what a position binds, what is free, and the largest notional that fits."""

from decimal import Decimal

from risk.limits import Limits
from risk.state import ZERO, MarketView, Snapshot


def margin_rate(market: MarketView, limits: Limits) -> Decimal:
    """Return the collateral a position binds, as a fraction of its notional."""
    return max(market.margin_rate, 1 / limits.leverage_max)


def bound_usd(snapshot: Snapshot, limits: Limits, venue: str | None = None) -> Decimal:
    """Return the collateral that positions and in-flight orders bind on one venue, or on all.

    An instrument without a known market binds nothing here: the rules refuse to add to it anyway.
    """
    total = ZERO
    for instrument_id, position in snapshot.positions.items():
        market = snapshot.markets.get(instrument_id)
        if market is not None and venue in (None, market.venue):
            total += position.worst_quantity() * market.mid_usd * margin_rate(market, limits)
    return total


def equity_usd(snapshot: Snapshot) -> Decimal:
    """Return the equity of all venue accounts together."""
    return sum((account.equity_usd for account in snapshot.accounts.values()), ZERO)


def free_usd(snapshot: Snapshot, limits: Limits, venue: str) -> Decimal:
    """Return what is free for new positions on a venue: the lesser of its own word and our count.

    A report is older than the last fill, so its free collateral alone would be spent twice.
    """
    account = snapshot.accounts[venue]
    return min(account.free_collateral_usd, account.equity_usd - bound_usd(snapshot, limits, venue))


def affordable_usd(snapshot: Snapshot, limits: Limits, market: MarketView) -> Decimal:
    """Return the notional that a venue's free collateral carries after fees and buffer, at least 0."""
    rate = margin_rate(market, limits) * (1 + limits.margin_buffer_ratio) + market.taker_fee_rate
    return max(ZERO, free_usd(snapshot, limits, market.venue) / rate)


def allocatable_usd(snapshot: Snapshot, limits: Limits, markets: tuple[MarketView, ...]) -> Decimal:
    """Return the notional per leg that the portfolio's allocation still allows in `markets`, at least 0."""
    room = equity_usd(snapshot) * limits.allocation_ratio_max - bound_usd(snapshot, limits)
    return max(ZERO, room / sum((margin_rate(market, limits) for market in markets), ZERO))
