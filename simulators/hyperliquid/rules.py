"""Why an order is refused before it reaches the book, in the venue's words."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.accounts import ZERO
from simulators.hyperliquid.universe import MIN_NOTIONAL_USD, Coin
from simulators.hyperliquid.users import User
from simulators.market import Market


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
        or _margin(order, user, market, position, available_usd)
    )


def increase(signed_size: Decimal, position: Decimal) -> Decimal:
    """Return by how much an order would enlarge the absolute position, at least 0."""
    return max(abs(position + signed_size) - abs(position), ZERO)


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


def _margin(order: NewOrder, user: User, market: Market, position: Decimal, available_usd: Decimal) -> Refusal | None:
    grows = increase(order.signed_size, position)
    needed_usd = grows * market.mark_usd / user.account.leverage_of(order.coin.name)
    if not grows or needed_usd <= available_usd:
        return None
    return Refusal("Insufficient margin to place order.", "perpMarginRejected")
