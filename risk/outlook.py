"""What the portfolio would become if orders were let through: worked out once, compared with limits by many rules."""

from decimal import Decimal

from messages import Side
from risk.exposure import collateral_rate, totals
from risk.limits import Limits
from risk.state import ZERO, MarketView, OrderIntent, PositionView, Snapshot, VenueAccount
from risk.totals import Net, Totals

type Orders = tuple[OrderIntent, ...]


class Addition:
    """What the orders in one instrument add to its position, in USD at `price_usd`.

    `price_usd` is the worst of the middle of the market and the orders' prices. `reached_usd` is the largest
    notional the position can come to, `gross_usd` by how much that grows; `up_usd` is bought, `down_usd` sold.
    """

    __slots__ = ("down_usd", "gross_usd", "market", "price_usd", "reached_usd", "up_usd")

    def __init__(self, market: MarketView, position: PositionView, orders: Orders) -> None:
        bought = sold = up_usd = down_usd = ZERO
        highest_usd = market.mid_usd
        for order in orders:
            price_usd, quantity = worst_price_usd(order, market), order.quantity
            if order.side is Side.BUY:
                bought += quantity
                up_usd += quantity * price_usd
            else:
                sold += quantity
                down_usd += quantity * price_usd
            highest_usd = max(highest_usd, price_usd)
        self.market, self.price_usd, self.up_usd, self.down_usd = market, highest_usd, up_usd, down_usd
        reached = position.worst_quantity(bought, sold)
        self.reached_usd = reached * highest_usd
        self.gross_usd = self.reached_usd - position.worst_quantity() * highest_usd


class VenueOutlook:
    """What one venue's account would carry, in USD, and what the orders there need of its collateral.

    `gross_usd` and `maintenance_usd` are those of everything on the venue, `added_bound_usd` and `fees_usd` of
    the orders alone.
    """

    __slots__ = ("account", "added_bound_usd", "additions", "before", "fees_usd", "gross_usd", "maintenance_usd")

    def __init__(self, account: VenueAccount, held: Totals) -> None:
        self.account, self.before = account, held.venue(account.venue)
        self.gross_usd = self.before.gross_usd
        self.maintenance_usd = max(self.before.maintenance_usd, account.maintenance_margin_usd)
        self.added_bound_usd = self.fees_usd = ZERO
        self.additions: list[Addition] = []

    def add(self, addition: Addition, bound_usd: Decimal) -> None:
        """Count the orders in one instrument."""
        market = addition.market
        self.additions.append(addition)
        self.gross_usd += addition.gross_usd
        self.maintenance_usd += addition.gross_usd * market.maintenance_rate
        self.added_bound_usd += bound_usd
        self.fees_usd += (addition.up_usd + addition.down_usd) * market.taker_fee_rate


class Outlook:
    """The whole portfolio with the orders, whose markets and accounts are known.

    `shifts` is by asset how far the orders widen its net, upwards and downwards. Legs on several venues are meant
    to fill together and count with their sum: which of them comes first is asked again when each is sent. Orders
    on one venue may fill alone.
    """

    __slots__ = ("additions", "before", "bound_usd", "equity_usd", "gross_usd", "limits", "shifts", "snapshot", "venues")

    def __init__(self, snapshot: Snapshot, orders: Orders, limits: Limits) -> None:
        self.snapshot, self.limits = snapshot, limits
        self.before = before = totals(snapshot, limits.leverage_max)
        self.gross_usd, self.bound_usd, self.equity_usd = before.gross_usd, before.bound_usd, ZERO
        for account in snapshot.accounts.values():
            self.equity_usd += account.equity_usd
        self.additions: list[Addition] = []
        self.venues: dict[str, VenueOutlook] = {}
        self.shifts: dict[str, tuple[Decimal, Decimal]] = {}
        for instrument_id, of_instrument in _by_instrument(orders):
            self._add(Addition(snapshot.markets[instrument_id], snapshot.position(instrument_id), of_instrument))

    def _add(self, addition: Addition) -> None:
        venue, asset = addition.market.venue, addition.market.asset
        bound_usd = addition.gross_usd * collateral_rate(addition.market, self.limits.leverage_max)
        self.additions.append(addition)
        self.gross_usd += addition.gross_usd
        self.bound_usd += bound_usd
        if venue not in self.venues:
            self.venues[venue] = VenueOutlook(self.snapshot.accounts[venue], self.before)
        self.venues[venue].add(addition, bound_usd)
        up, down = addition.up_usd, addition.down_usd
        if asset in self.shifts:
            before_up, before_down = self.shifts[asset]
            together = before_up - before_down + up - down
            up, down = max(together, ZERO), max(-together, ZERO)
        self.shifts[asset] = (up, down)

    def net(self, asset: str) -> tuple[Net, Net]:
        """Return the net of an asset, before and after."""
        before, shift = self.before.asset(asset), self.shifts[asset]
        return before, before.shifted(*shift)


def worst_price_usd(order: OrderIntent, market: MarketView) -> Decimal:
    """Return the worst price an order can get, the best of the market where it has no limit."""
    if order.price_usd is not None:
        return order.price_usd
    return market.ask_usd if order.side is Side.BUY else market.bid_usd


def _by_instrument(orders: Orders) -> list[tuple[str, Orders]]:
    if len(orders) == 1:
        return [(orders[0].instrument_id, orders)]
    grouped: dict[str, list[OrderIntent]] = {}
    for order in orders:
        grouped.setdefault(order.instrument_id, []).append(order)
    return [(instrument_id, tuple(found)) for instrument_id, found in grouped.items()]
