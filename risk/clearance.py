"""The short way to a yes: an order that is far from every limit is approved without asking the rules one by one.

What the portfolio's rules leave room for is linear in what an order adds, so it is worked out when something
changes and not when an order waits: see `totals.Room`. A no of `is_clear` means nothing: then the rules decide and say why.
"""

from collections.abc import Mapping
from decimal import Decimal

from messages import Side, TradingState
from risk.limits import Limits
from risk.margin import Rates, portfolio_room_usd, venue_room_usd
from risk.state import NS_PER_SEC, OrderIntent, Snapshot, VenueAccount
from risk.totals import Room, Totals

BPS = Decimal("0.0001")
CENT = Decimal("0.01")  # sums are rounded at their 28th digit: the short way stays clear of the edge


def room(
    venue: str,
    asset: str,
    worst: Decimal,
    rates: Rates,
    *,
    totals: Totals,
    accounts: Mapping[str, VenueAccount],
    limits: Limits,
) -> Room | None:
    """Return what may be added in one instrument, None where that cannot be said.

    `rates` are the instrument's initial margin, maintenance margin and taker fee, as fractions of the notional.
    """
    account = accounts.get(venue)
    if account is None or totals.unpriced:
        return None
    usd = min(
        portfolio_room_usd(totals, accounts, limits, rates),
        venue_room_usd(account, totals, limits, rates),
        limits.asset_delta_usd_max - totals.asset(asset).worst_usd,
        limits.total_delta_usd_max - totals.net.worst_usd,
    )
    return Room(
        limits=limits,
        worst=worst,
        usd=usd - CENT,
        accounts_ns=min(one.ts_ns for one in accounts.values()),
        data_age_ns=int(limits.data_age_secs_max * NS_PER_SEC),
        account_age_ns=int(limits.account_age_secs_max * NS_PER_SEC),
        deviation=limits.price_deviation_bps_max * BPS,
        index_deviation=limits.index_deviation_bps_max * BPS,
        slippage=limits.slippage_bps_max * BPS,
        liquidation_prices_usd=account.liquidation_prices_usd,
    )


def is_clear(snapshot: Snapshot, order: OrderIntent, limits: Limits) -> bool:  # noqa: PLR0911 - see below
    """Return whether an order is approved beyond doubt: every rule would let it pass.

    One function on purpose: on the path of an order, each further one costs more than what it computes.
    """
    known, market = snapshot.rooms.get(order.instrument_id), snapshot.markets.get(order.instrument_id)
    price, quantity = order.price_usd, order.quantity
    if known is None or known.limits is not limits or market is None or price is None:
        return False
    if snapshot.blocked or snapshot.state is not TradingState.RUNNING or not (quantity.is_finite() and price.is_finite()):
        return False
    venue, bid, ask, now_ns = order.venue, market.bid_usd, market.ask_usd, snapshot.now_ns
    oldest_ns = now_ns - known.data_age_ns
    if not 0 < bid < ask or market.ts_ns < oldest_ns or known.accounts_ns < now_ns - known.account_age_ns:
        return False
    if snapshot.sent.get(venue, 0) >= limits.orders_per_minute_max:
        return False
    beyond = price - ask if order.side is Side.BUY else bid - price
    middle = (bid + ask) / 2
    top = max(price, middle)
    added = quantity * top
    if beyond > bid * known.slippage or not 0 < added <= known.usd or (known.worst + quantity) * top > limits.position_usd_max:
        return False
    is_verified, asset = False, market.asset
    for other in snapshot.markets.values():
        if other.asset == asset and other.venue != venue and other.ts_ns >= oldest_ns:
            reference = (other.bid_usd + other.ask_usd) / 2
            if not 0 < other.bid_usd < other.ask_usd or abs(price - reference) > reference * known.deviation:
                return False
            is_verified = True
    index = market.index_usd
    if index is not None and market.index_ts_ns >= oldest_ns and abs(price - index) > index * known.index_deviation:
        return False
    for name, liquidation in known.liquidation_prices_usd.items():
        held = snapshot.markets.get(name)
        if held is None or abs(liquidation - held.mid_usd) < held.mid_usd * limits.liquidation_distance_ratio_min:
            return False
    return is_verified
