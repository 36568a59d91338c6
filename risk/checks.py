"""The rules, each a small function that returns a refusal or None, asked in the order of `RULES`."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from messages import Side
from risk.limits import Limits
from risk.margin import bound_usd, equity_usd, free_usd, margin_rate
from risk.state import ZERO, MarketView, OrderIntent, Snapshot, TradeIntent

BPS = Decimal("0.0001")


class Approved(msgspec.Struct, frozen=True):
    """No rule objects."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A rule objects: its name in capitals, words for a person, what is allowed and what was asked for."""

    reason: str
    detail: str
    limit: Decimal | None = None
    value: Decimal | None = None


type Verdict = Approved | Refused
type Orders = tuple[OrderIntent, ...]
type Rule = Callable[[Snapshot, Orders, Limits], Refused | None]


def reduces(net: Decimal, side: Side, quantity: Decimal, working: Decimal = ZERO) -> bool:
    """Return whether an order can only bring `net` closer to zero, never through it.

    `working` is the unfilled quantity of reducing orders already sent: together they must not flip either.
    """
    return net * side.sign < 0 and quantity + working <= abs(net)


def is_exempt(snapshot: Snapshot, order: OrderIntent) -> bool:
    """Return whether no rule may stand in an order's way: it reduces, or the venue itself lets it do nothing else.

    A reduce-only order is exempt even where we know of no position: the venue knows better, and what
    it holds for us has to be closable.
    """
    position = snapshot.position(order.instrument_id)
    return order.reduce_only or reduces(position.quantity, order.side, order.quantity, position.working_closing(order.side))


def evaluate(snapshot: Snapshot, intent: TradeIntent, limits: Limits) -> Verdict:
    """Return whether all orders of an intent may be sent; reducing orders are never refused."""
    increasing = tuple(order for order in intent.orders if not is_exempt(snapshot, order))
    if increasing:
        for rule in RULES:
            refused = rule(snapshot, increasing, limits)
            if refused is not None:
                return refused
    return Approved()


def quantity_positive(_snapshot: Snapshot, orders: Orders, _limits: Limits) -> Refused | None:
    """Refuse sizes and prices that are no numbers above zero."""
    for order in orders:
        for value in (order.quantity, order.price_usd):
            if value is not None and not (value.is_finite() and value > 0):
                return Refused(reason="ORDER_INSANE", detail=f"{order.instrument_id}: quantity or price {value}")
    return None


def venue_tradable(snapshot: Snapshot, orders: Orders, _limits: Limits) -> Refused | None:
    """Refuse while a venue of the orders is down, in maintenance or silent."""
    for order in orders:
        if order.venue in snapshot.blocked:
            return Refused(reason="VENUE_BLOCKED", detail=f"{order.venue}: {snapshot.blocked[order.venue]}")
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
    for venue in sorted({order.venue for order in orders} | set(snapshot.accounts)):
        account = snapshot.accounts.get(venue)
        if account is None:
            return Refused(reason="ACCOUNT_UNKNOWN", detail=f"{venue} has not reported balance and margin")
        age_secs = snapshot.age_secs(account.ts_ns)
        if age_secs > limits.account_age_secs_max:
            return _stale("ACCOUNT_STALE", venue, age_secs, limits.account_age_secs_max)
    return None


def price_sane(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse a price too far from the middle of the same asset on another venue, or with none to compare."""
    for order in orders:
        market = snapshot.markets[order.instrument_id]
        others = [other for other in _others(snapshot, market) if snapshot.age_secs(other.ts_ns) <= limits.data_age_secs_max]
        if not others:
            return Refused(reason="PRICE_UNVERIFIED", detail=f"{order.instrument_id}: no fresh price on another venue")
        for other in others:
            deviation_bps = abs(_price(order, market) / other.mid_usd - 1) / BPS
            if deviation_bps > limits.price_deviation_bps_max:
                detail = f"{order.instrument_id} at {_price(order, market)}, {other.venue} at {other.mid_usd}"
                return Refused(reason="PRICE_DEVIATION", detail=detail, limit=limits.price_deviation_bps_max, value=deviation_bps)
    return None


def position_within_limit(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse a position, in-flight orders included, above the limit per asset and venue."""
    for instrument_id, of_instrument in _by_instrument(orders).items():
        market = snapshot.markets[instrument_id]
        price_usd = max(market.mid_usd, *(_price(order, market) for order in of_instrument))
        bought, sold = _sides(of_instrument)
        notional_usd = snapshot.position(instrument_id).worst_quantity(bought, sold) * price_usd
        if notional_usd > limits.position_usd_max:
            detail = f"{instrument_id} would reach {notional_usd:.2f} USD, in-flight orders included"
            return Refused(reason="POSITION_LIMIT", detail=detail, limit=limits.position_usd_max, value=notional_usd)
    return None


def margin_sufficient(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse where a venue's free collateral does not carry its orders after fees and buffer."""
    for venue in dict.fromkeys(order.venue for order in orders):
        of_venue = tuple(order for order in orders if order.venue == venue)
        required_usd = _added_usd(snapshot, of_venue, limits) * (1 + limits.margin_buffer_ratio) + _fees_usd(snapshot, of_venue)
        available_usd = free_usd(snapshot, limits, venue)
        if required_usd > available_usd:
            detail = f"{venue}: {required_usd:.2f} USD needed with fees and buffer, {available_usd:.2f} free"
            return Refused(reason="MARGIN_INSUFFICIENT", detail=detail, limit=available_usd, value=required_usd)
    return None


def allocation_within_limit(snapshot: Snapshot, orders: Orders, limits: Limits) -> Refused | None:
    """Refuse to bind more than the allowed share of all venues' equity."""
    allowed_usd = equity_usd(snapshot) * limits.allocation_ratio_max
    bound = bound_usd(snapshot, limits) + _added_usd(snapshot, orders, limits)
    if bound > allowed_usd:
        detail = f"{bound:.2f} USD would be bound of {allowed_usd:.2f} allowed"
        return Refused(reason="ALLOCATION_LIMIT", detail=detail, limit=allowed_usd, value=bound)
    return None


RULES: tuple[Rule, ...] = (
    quantity_positive,
    venue_tradable,
    market_fresh,
    account_fresh,
    price_sane,
    position_within_limit,
    margin_sufficient,
    allocation_within_limit,
)


def _stale(reason: str, what: str, age_secs: float, limit_secs: float) -> Refused:
    detail = f"{what}: {age_secs:.1f} s old, {limit_secs:.1f} s allowed"
    return Refused(reason=reason, detail=detail, limit=Decimal(str(limit_secs)), value=Decimal(str(age_secs)))


def _others(snapshot: Snapshot, market: MarketView) -> list[MarketView]:
    markets = snapshot.markets.values()
    return [other for other in markets if other.asset == market.asset and other.venue != market.venue and other.is_sane]


def _price(order: OrderIntent, market: MarketView) -> Decimal:
    """Return the worst price an order can get, the best of the market where it has no limit."""
    if order.price_usd is not None:
        return order.price_usd
    return market.ask_usd if order.side is Side.BUY else market.bid_usd


def _by_instrument(orders: Orders) -> dict[str, Orders]:
    return {
        instrument_id: tuple(order for order in orders if order.instrument_id == instrument_id)
        for instrument_id in dict.fromkeys(order.instrument_id for order in orders)
    }


def _sides(orders: Orders) -> tuple[Decimal, Decimal]:
    bought = sum((order.quantity for order in orders if order.side is Side.BUY), ZERO)
    sold = sum((order.quantity for order in orders if order.side is Side.SELL), ZERO)
    return bought, sold


def _added_usd(snapshot: Snapshot, orders: Orders, limits: Limits) -> Decimal:
    """Return the collateral that orders bind on top of what is bound already."""
    total = ZERO
    for instrument_id, of_instrument in _by_instrument(orders).items():
        market, position = snapshot.markets[instrument_id], snapshot.position(instrument_id)
        price_usd = max(market.mid_usd, *(_price(order, market) for order in of_instrument))
        added = position.worst_quantity(*_sides(of_instrument)) - position.worst_quantity()
        total += added * price_usd * margin_rate(market, limits)
    return total


def _fees_usd(snapshot: Snapshot, orders: Orders) -> Decimal:
    fees = ZERO
    for order in orders:
        market = snapshot.markets[order.instrument_id]
        fees += order.quantity * _price(order, market) * market.taker_fee_rate
    return fees
