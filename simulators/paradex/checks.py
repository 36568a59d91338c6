"""The risk check behind an accepted order: why it would be closed without trading, or None.

The venue publishes no full list of reasons; NOT_ENOUGH_MARGIN, POST_ONLY_WOULD_CROSS, ORDER_SIZE_BELOW_MIN,
ORDER_EXCEEDS_POSITION_LIMIT, REDUCE_ONLY_WILL_INCREASE and MMP_NOT_CONFIGURED were seen, the other names are this simulator's.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.margin import account_value, initial_margin
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import ZERO, VenueOrder

NOT_ENOUGH_MARGIN = "NOT_ENOUGH_MARGIN"
POST_ONLY_WOULD_CROSS = "POST_ONLY_WOULD_CROSS"
ORDER_SIZE_BELOW_MIN = "ORDER_SIZE_BELOW_MIN"
ORDER_EXCEEDS_POSITION_LIMIT = "ORDER_EXCEEDS_POSITION_LIMIT"
REDUCE_ONLY_WILL_INCREASE = "REDUCE_ONLY_WILL_INCREASE"
PRICE_OUTSIDE_BAND = "PRICE_OUTSIDE_BAND"
MMP_NOT_CONFIGURED = "MMP_NOT_CONFIGURED"
NO_LIQUIDITY = "NO_LIQUIDITY"
IOC_REMAINDER = "IOC_REMAINDER"
SELF_TRADE = "SELF_TRADE"
USER_CANCELED = "USER_CANCELED"
DISCONNECTED = "CANCEL_ON_DISCONNECT"
MAINTENANCE = "MAINTENANCE"
DELEVERAGED = "DELEVERAGED"
FAR_THROUGH_FAIR = Decimal("0.0005")  # of the fair price; farther orders are cancelled while post-only


def refusal(order: VenueOrder, account: ParadexAccount, markets: Mapping[str, ParadexMarket]) -> str | None:
    """Return the cancel reason of an order the risk check refuses, None when it may trade."""
    market, price = markets[order.market], order.price
    rules: tuple[tuple[str, Callable[[], bool]], ...] = (
        (MMP_NOT_CONFIGURED, lambda: "MMP" in order.flags),
        (REDUCE_ONLY_WILL_INCREASE, lambda: order.reduce_only and not fits_reduction(order, account)),
        (ORDER_SIZE_BELOW_MIN, lambda: _is_too_small(order, account, market)),
        (ORDER_EXCEEDS_POSITION_LIMIT, lambda: not order.reduce_only and _exceeds_limit(order, account, market)),
        (PRICE_OUTSIDE_BAND, lambda: price is not None and not _within_band(price, order.is_buy, market)),
        (POST_ONLY_WOULD_CROSS, lambda: price is not None and _would_take(order, price, market)),
        (NOT_ENOUGH_MARGIN, lambda: not _is_affordable(order, account, markets)),
    )
    return next((reason for reason, is_broken in rules if is_broken()), None)


def fits_reduction(order: VenueOrder, account: ParadexAccount) -> bool:
    """Whether a reduce-only order, with those already resting on its side, stays within the position."""
    position = account.money.size(order.market)
    if not position or (position > 0) == order.is_buy:
        return False
    others = (o for o in account.live_orders(order.market) if o.status == "OPEN" and o is not order)
    resting = sum((o.remaining for o in others if o.reduce_only and o.is_buy == order.is_buy), ZERO)
    return order.remaining + resting <= abs(position)


def is_far_through_fair(order: VenueOrder, fair: Decimal) -> bool:
    """Whether a resting order would trade more than 5 bp worse than the external fair price."""
    if order.price is None:
        return False
    return order.price > fair * (1 + FAR_THROUGH_FAIR) if order.is_buy else order.price < fair * (1 - FAR_THROUGH_FAIR)


def market_limit(order: VenueOrder, market: ParadexMarket) -> Decimal | None:
    """Return the worst price a market order takes: within slippage of the best and the band; None without a best."""
    best = market.core.book.best_ask if order.is_buy else market.core.book.best_bid
    if best is None:
        return None
    sign = 1 if order.is_buy else -1
    by_slippage = best * (1 + sign * market.terms.max_slippage)
    by_band = market.mark_usd * (1 + sign * market.terms.price_band)
    worst = min(by_slippage, by_band) if order.is_buy else max(by_slippage, by_band)
    tick = market.terms.tick
    return (worst / tick).to_integral_value(ROUND_DOWN if order.is_buy else ROUND_UP) * tick


def _would_take(order: VenueOrder, price: Decimal, market: ParadexMarket) -> bool:
    """Whether an order that must not take would; retail price improvement may not meet itself either."""
    if order.instruction == "RPI" and market.rpi.would_cross(order.is_buy, price):
        return True
    return order.instruction in ("POST_ONLY", "RPI") and market.core.book.would_cross(order.is_buy, price)


def _is_too_small(order: VenueOrder, account: ParadexAccount, market: ParadexMarket) -> bool:
    closes_all = order.reduce_only and order.remaining == abs(account.money.size(order.market))
    return not closes_all and order.remaining * market.mark_usd < market.terms.min_notional


def _exceeds_limit(order: VenueOrder, account: ParadexAccount, market: ParadexMarket) -> bool:
    sign = 1 if order.is_buy else -1
    others = (o for o in account.live_orders(order.market) if o.status == "OPEN" and o.is_buy == order.is_buy)
    resting = sum((o.remaining for o in others if o is not order), ZERO)
    return order.remaining + resting + sign * account.money.size(order.market) > market.terms.position_limit


def _within_band(price: Decimal, is_buy: bool, market: ParadexMarket) -> bool:
    width, mark = market.terms.price_band, market.mark_usd
    return price <= mark * (1 + width) if is_buy else price >= mark * (1 - width)


def _is_affordable(order: VenueOrder, account: ParadexAccount, markets: Mapping[str, ParadexMarket]) -> bool:
    before, after = initial_margin(account, markets), initial_margin(account, markets, [order])
    return after <= before or account_value(account, markets) >= after
