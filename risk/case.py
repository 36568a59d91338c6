"""One question put to the rules: orders before what is known, and what they would add to it, worked out once."""

from decimal import Decimal
from functools import cached_property

from messages import Side
from risk.exposure import collateral_rate, totals
from risk.limits import Limits
from risk.state import ZERO, MarketView, OrderIntent, PositionView, Snapshot
from risk.totals import Totals

type Orders = tuple[OrderIntent, ...]


class Addition:
    """What the orders in one instrument add to its position, in USD at `price_usd` and with taker fees.

    `price_usd` is the worst of the middle of the market and the orders' prices. `reached_usd` is the largest
    notional the position can come to, `gross_usd` by how much that grows; `up_usd` is bought, `down_usd` sold.
    """

    __slots__ = (
        "bound_usd",
        "down_usd",
        "fees_usd",
        "gross_usd",
        "maintenance_usd",
        "market",
        "price_usd",
        "reached_usd",
        "up_usd",
    )

    def __init__(self, market: MarketView, position: PositionView, orders: Orders, leverage_max: Decimal) -> None:
        bought = sold = ZERO
        self.up_usd = self.down_usd = ZERO
        self.price_usd = market.mid_usd
        for order in orders:
            price_usd, quantity = worst_price_usd(order, market), order.quantity
            notional_usd = quantity * price_usd
            if order.side is Side.BUY:
                bought += quantity
                self.up_usd += notional_usd
            else:
                sold += quantity
                self.down_usd += notional_usd
            self.price_usd = max(self.price_usd, price_usd)
        reached = position.worst_quantity(bought, sold)
        self.market = market
        self.fees_usd = (self.up_usd + self.down_usd) * market.taker_fee_rate
        self.reached_usd = reached * self.price_usd
        self.gross_usd = (reached - position.worst_quantity()) * self.price_usd
        self.bound_usd = self.gross_usd * collateral_rate(market, leverage_max)
        self.maintenance_usd = self.gross_usd * market.maintenance_rate


class Case:
    """Orders that may add to a position, and what the portfolio would become.

    The rules are asked in an order in which each finds what it needs: markets are known and fresh before
    anything is valued.
    """

    def __init__(self, snapshot: Snapshot, orders: Orders, limits: Limits) -> None:
        self.snapshot, self.orders, self.limits = snapshot, orders, limits

    @cached_property
    def venues(self) -> tuple[str, ...]:
        """The venues of the orders, each once."""
        return tuple(dict.fromkeys(order.venue for order in self.orders))

    @cached_property
    def additions(self) -> tuple[Addition, ...]:
        """What is added, one for each instrument."""
        snapshot, leverage_max = self.snapshot, self.limits.leverage_max
        grouped: dict[str, Orders] = {}
        for order in self.orders:
            grouped[order.instrument_id] = (*grouped.get(order.instrument_id, ()), order)
        return tuple(
            Addition(snapshot.markets[key], snapshot.position(key), orders, leverage_max) for key, orders in grouped.items()
        )

    def at(self, venue: str) -> tuple[Addition, ...]:
        """Return what is added on one venue."""
        return tuple(addition for addition in self.additions if addition.market.venue == venue)

    @cached_property
    def before(self) -> Totals:
        """What is held and in flight already."""
        return totals(self.snapshot, self.limits.leverage_max)

    @cached_property
    def equity_usd(self) -> Decimal:
        """The equity of all venue accounts together."""
        return sum((account.equity_usd for account in self.snapshot.accounts.values()), ZERO)

    @cached_property
    def gross_usd(self) -> Decimal:
        """What everything would come to."""
        return self.before.gross_usd + sum((addition.gross_usd for addition in self.additions), ZERO)

    @cached_property
    def shifts(self) -> dict[str, tuple[Decimal, Decimal]]:
        """How far the orders widen the net of each asset, upwards and downwards.

        Legs on several venues are meant to fill together and count with their sum: which of them comes first is
        asked again when each is sent. Orders on one venue may fill alone.
        """
        found: dict[str, tuple[Decimal, Decimal]] = {}
        for addition in self.additions:
            asset = addition.market.asset
            if asset in found:
                up, down = found[asset]
                together = up - down + addition.up_usd - addition.down_usd
                found[asset] = max(together, ZERO), max(-together, ZERO)
            else:
                found[asset] = addition.up_usd, addition.down_usd
        return found


def worst_price_usd(order: OrderIntent, market: MarketView) -> Decimal:
    """Return the worst price an order can get, the best of the market where it has no limit."""
    if order.price_usd is not None:
        return order.price_usd
    return market.ask_usd if order.side is Side.BUY else market.bid_usd
