"""Rules about an order itself, its market, its venue and the moment: each returns a refusal or None."""

from decimal import Decimal

from messages import Side, TradingState
from risk.limits import Limits
from risk.outlook import Orders, worst_price_usd
from risk.state import MarketView, Snapshot
from risk.verdict import Refused

BPS = Decimal("0.0001")


def order_sane(_snapshot: Snapshot, orders: Orders, _limits: Limits) -> Refused | None:
    """Refuse sizes and prices that are no numbers above zero."""
    for order in orders:
        quantity, price = order.quantity, order.price_usd
        is_sane = quantity.is_finite() and quantity > 0 and (price is None or (price.is_finite() and price > 0))
        if not is_sane:
            return Refused(reason="ORDER_INSANE", detail=f"{order.instrument_id}: quantity {quantity} or price {price}")
    return None


def halt_respected(snapshot: Snapshot, orders: Orders, _limits: Limits) -> Refused | None:
    """Refuse everything in a halt but orders that carry the operator's flatten command."""
    if snapshot.state is TradingState.HALTED and not all(order.is_flatten for order in orders):
        return Refused(reason="HALTED", detail="trading is halted: only the operator's flatten command may close")
    return None


def state_permits(snapshot: Snapshot, orders: Orders, _limits: Limits) -> Refused | None:
    """Refuse to add to, flip or open a position unless trading is RUNNING."""
    state = snapshot.state
    if state is not TradingState.RUNNING:
        names = ", ".join(order.instrument_id for order in orders)
        return Refused(
            reason=f"STATE_{state.value}", detail=f"{names}: not a reduction of the position, orders in flight included"
        )
    return None


def venue_tradable(snapshot: Snapshot, orders: Orders, _limits: Limits) -> Refused | None:
    """Refuse while a venue of the orders is down, in maintenance or silent."""
    for order in orders:
        if order.venue in snapshot.blocked:
            return Refused(reason="VENUE_BLOCKED", detail=f"{order.venue}: {snapshot.blocked[order.venue]}")
    return None


def rate_within_budget(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse more orders to a venue within a minute than the budget; reductions are counted but never refused."""
    limit, counts = limits.orders_per_minute_max, dict(snapshot.sent)
    for order in orders:
        counts[order.venue] = count = counts.get(order.venue, 0) + 1
        if count > limit:
            detail = f"{order.venue}: {count} orders within a minute, {limit} allowed"
            return Refused(reason="ORDER_RATE", detail=detail, limit=Decimal(limit), value=Decimal(count))
    return None


def market_fresh(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse without sane and fresh best prices of every instrument ordered."""
    for order in orders:
        market = snapshot.markets.get(order.instrument_id)
        if market is None or not market.is_sane:
            return Refused(reason="MARKET_UNKNOWN", detail=f"{order.instrument_id}: no sane best prices")
        age_secs = snapshot.age_secs(market.ts_ns)
        if age_secs > limits.data_age_secs_max:
            return _stale("MARKET_STALE", order.instrument_id, age_secs, limits.data_age_secs_max)
    return None


def account_fresh(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse while an account is unknown or stale: of every venue traded, and of all whose equity is counted."""
    for order in orders:
        if order.venue not in snapshot.accounts:
            return Refused(reason="ACCOUNT_UNKNOWN", detail=f"{order.venue} has not reported balance and margin")
    for venue, account in snapshot.accounts.items():
        age_secs = snapshot.age_secs(account.ts_ns)
        if age_secs > limits.account_age_secs_max:
            return _stale("ACCOUNT_STALE", venue, age_secs, limits.account_age_secs_max)
    return None


def price_near_other_venue(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse a price too far from the middle of the same asset on another venue, or with none to compare."""
    for order in orders:
        market = snapshot.markets[order.instrument_id]
        others = _others(snapshot, market, limits)
        if not others:
            return Refused(reason="PRICE_UNVERIFIED", detail=f"{order.instrument_id}: no fresh price on another venue")
        price_usd = worst_price_usd(order, market)
        for other in others:
            reference_usd = other.mid_usd
            if _is_far(price_usd, reference_usd, limits.price_deviation_bps_max):
                what = f"{order.instrument_id} at {price_usd}, {other.venue} at {reference_usd}"
                return _far("PRICE_DEVIATION", what, price_usd, reference_usd, limits.price_deviation_bps_max)
    return None


def price_near_index(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse a price too far from the venue's index, where a fresh one is known."""
    for order in orders:
        market = snapshot.markets[order.instrument_id]
        index_usd = market.index_usd
        if index_usd is None or snapshot.age_secs(market.index_ts_ns) > limits.data_age_secs_max:
            continue
        price_usd = worst_price_usd(order, market)
        if _is_far(price_usd, index_usd, limits.index_deviation_bps_max):
            what = f"{order.instrument_id} at {price_usd}, its index at {index_usd}"
            return _far("INDEX_DEVIATION", what, price_usd, index_usd, limits.index_deviation_bps_max)
    return None


def slippage_within_limit(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse a price too far beyond the best of its own market; one that rests before it is none."""
    for order in orders:
        if order.price_usd is None:
            continue  # its bound is the adapter's: here it counts with the best price
        market = snapshot.markets[order.instrument_id]
        best_usd = market.ask_usd if order.side is Side.BUY else market.bid_usd
        beyond_usd = (order.price_usd - best_usd) * order.side.sign
        if beyond_usd > best_usd * limits.slippage_bps_max * BPS:
            what = f"{order.instrument_id} at {order.price_usd}, best {best_usd}"
            return _far("SLIPPAGE_LIMIT", what, order.price_usd, best_usd, limits.slippage_bps_max)
    return None


def _stale(reason: str, what: str, age_secs: float, limit_secs: float) -> Refused:
    detail = f"{what}: {age_secs:.1f} s old, {limit_secs:.1f} s allowed"
    return Refused(reason=reason, detail=detail, limit=Decimal(str(limit_secs)), value=Decimal(str(age_secs)))


def _is_far(price_usd: Decimal, reference_usd: Decimal, limit_bps: Decimal) -> bool:
    return abs(price_usd - reference_usd) > reference_usd * limit_bps * BPS


def _far(reason: str, what: str, price_usd: Decimal, reference_usd: Decimal, limit_bps: Decimal) -> Refused:
    return Refused(reason=reason, detail=what, limit=limit_bps, value=abs(price_usd / reference_usd - 1) / BPS)


def _others(snapshot: Snapshot, market: MarketView, limits: Limits) -> list[MarketView]:
    return [
        other
        for other in snapshot.markets.values()
        if other.asset == market.asset
        and other.venue != market.venue
        and other.is_sane
        and snapshot.age_secs(other.ts_ns) <= limits.data_age_secs_max
    ]
