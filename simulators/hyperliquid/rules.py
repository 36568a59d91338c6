"""Why an order is refused before it reaches the book, in the venue's words."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.hyperliquid.margin import increase, max_leverage
from simulators.hyperliquid.universe import MIN_NOTIONAL_USD, Coin
from simulators.hyperliquid.users import Trigger, User
from simulators.market import Market

OPEN_ORDERS = 1000
MAX_OPEN_ORDERS = 5000
VOLUME_PER_OPEN_ORDER_USD = 5_000_000


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A well-formed order on a listed coin."""

    coin: Coin
    is_buy: bool
    price: Decimal
    size: Decimal
    tif: str
    reduce_only: bool
    cloid: str | None
    trigger: Trigger | None = None

    @property
    def kind(self) -> str:
        """The venue's word for the type of order."""
        if self.trigger is None:
            return "Limit"
        name = "Take Profit" if self.trigger.tpsl == "tp" else "Stop"
        return f"{name} {'Market' if self.trigger.is_market else 'Limit'}"

    @property
    def signed_size(self) -> Decimal:
        """The size, negative for a sale."""
        return self.size if self.is_buy else -self.size


@dataclass(frozen=True, slots=True)
class Refusal:
    """The text of the reply and the status in the order history; None leaves no trace there."""

    text: str
    status: str | None = None


def refusal(order: NewOrder, user: User, market: Market, available_usd: Decimal) -> Refusal | None:
    """Return the first rule an order breaks; `available_usd` is equity no margin is bound by."""
    position = user.account.size(order.coin.name)
    reduces = position * order.signed_size < 0
    return (
        _shape(order)
        or (
            Refusal("Reduce only order would increase position.", "reduceOnlyRejected")
            if order.reduce_only and not reduces
            else None
        )
        or _notional(order, closes=order.reduce_only and order.size >= abs(position))
        or _band(order, market)
        or _trigger(order, market)
        or _crowd(order, user)
        or _tier(order, user, market, position)
        or (_margin(order, user, market, position, available_usd) if order.trigger is None else None)
    )


def _shape(order: NewOrder) -> Refusal | None:
    if order.size == 0:
        return Refusal("Order has zero size.")
    if order.size < 0 or order.size % order.coin.size_step:
        return Refusal("Order has invalid size.")
    if order.price <= 0:
        return Refusal("Order has invalid price.")
    if order.price % order.coin.tick(order.price):
        return Refusal("Price must be divisible by tick size.", "tickRejected")
    return None


def _notional(order: NewOrder, closes: bool) -> Refusal | None:
    if order.price * order.size >= MIN_NOTIONAL_USD or closes:
        return None
    return Refusal("Order must have minimum value of $10.", "minTradeNtlRejected")


def _band(order: NewOrder, market: Market) -> Refusal | None:
    if abs(order.price / market.mark_usd - 1) <= Decimal("0.8"):
        return None
    return Refusal("Order price cannot be more than 80% away from the reference price", "oracleRejected")


def _trigger(order: NewOrder, market: Market) -> Refusal | None:
    if order.trigger is None or (order.trigger.price > 0 and not order.trigger.is_hit(market.mark_usd)):
        return None
    return Refusal("Invalid TP/SL price.", "badTriggerPxRejected")


def _crowd(order: NewOrder, user: User) -> Refusal | None:
    """Refuse beyond the user's number of open orders; reduce-only and trigger orders from the default number on.

    The venue's words for it are not known, and its status breaks clients that do not know it: it is not listed.
    """
    held, allowed = len(user.open_orders), min(OPEN_ORDERS + int(user.traded_usd // VOLUME_PER_OPEN_ORDER_USD), MAX_OPEN_ORDERS)
    is_passive = order.reduce_only or order.trigger is not None
    if held < allowed and (held < OPEN_ORDERS or not is_passive):
        return None
    return Refusal("Too many open orders.")


def _tier(order: NewOrder, user: User, market: Market, position: Decimal) -> Refusal | None:
    """Refuse more than the coin's greatest order, or a position beyond the tier of the leverage set."""
    most_usd = order.coin.max_market_usd * (1 if order.tif == "Ioc" else 10)
    notional_usd = abs(position + order.signed_size) * market.mark_usd
    leverage = min(user.account.leverage_of(order.coin.name), order.coin.max_leverage)
    if order.size * market.mark_usd <= most_usd and (
        not increase(order.signed_size, position) or leverage <= max_leverage(order.coin, notional_usd)
    ):
        return None
    return Refusal("Order would cause position to exceed margin tier limit at current leverage", "perpMaxPositionRejected")


def _margin(order: NewOrder, user: User, market: Market, position: Decimal, available_usd: Decimal) -> Refusal | None:
    grows = increase(order.signed_size, position)
    needed_usd = grows * market.mark_usd / user.account.leverage_of(order.coin.name)
    if not grows or needed_usd <= available_usd:
        return None
    return Refusal("Insufficient margin to place order.", "perpMarginRejected")
