"""Cross margin: what an account's positions and resting orders require, and what it is worth.

Per market: requirement = max(bought, sold side) * mark * (margin fraction + taker fee), plus the open loss
of orders that are aggressive against the mark.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.constants import MAINTENANCE_FACTOR, TAKER_FEE
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import ZERO, AccountView, VenueOrder, to_cash


def margin_fraction(account: ParadexAccount, market: ParadexMarket) -> Decimal:
    """Return the initial margin per notional: the market's, or more when the user set less leverage."""
    return max(market.terms.initial_margin, Decimal(1) / account.money.leverage_of(market.symbol))


def account_value(account: ParadexAccount, markets: Mapping[str, ParadexMarket]) -> Decimal:
    """Return cash plus open profit, running funding included."""
    marks = {symbol: market.mark_usd for symbol, market in markets.items()}
    funding = sum((account.unrealized_funding(symbol, markets[symbol].funding.index) for symbol in account.money.positions), ZERO)
    return to_cash(account.money.equity_usd(marks) + funding)


def initial_margin(account: ParadexAccount, markets: Mapping[str, ParadexMarket], extra: Iterable[VenueOrder] = ()) -> Decimal:
    """Return the initial margin requirement, as if the orders `extra` rested too."""
    orders = [order for order in account.live_orders() if order.status == "OPEN"] + list(extra)
    symbols = account.money.positions.keys() | {order.market for order in orders}
    return to_cash(sum((_required(account, markets[symbol], orders) for symbol in symbols), ZERO))


def _required(account: ParadexAccount, market: ParadexMarket, orders: list[VenueOrder]) -> Decimal:
    mine, mark = _increasing(orders, market.symbol), market.mark_usd
    bought, sold = _open_sides(mine, account.money.size(market.symbol))
    loss = sum((_open_loss(order, mark) for order in mine), ZERO)
    return max(bought, sold, ZERO) * mark * (margin_fraction(account, market) + TAKER_FEE) + loss


def _increasing(orders: Iterable[VenueOrder], symbol: str) -> list[VenueOrder]:
    return [order for order in orders if order.market == symbol and not order.reduce_only]


def _open_sides(orders: Iterable[VenueOrder], position: Decimal) -> tuple[Decimal, Decimal]:
    """Return the long and the short size an account may come to if one side of its orders trades."""
    bought = sum((order.remaining for order in orders if order.is_buy), ZERO)
    sold = sum((order.remaining for order in orders if not order.is_buy), ZERO)
    return bought + position, sold - position


def adds_exposure(account: ParadexAccount, order: VenueOrder) -> bool:
    """Whether a resting order is on the side that decides the margin of its market."""
    orders = _increasing([other for other in account.live_orders() if other.status == "OPEN"], order.market)
    bought, sold = _open_sides(orders, account.money.size(order.market))
    return not order.reduce_only and (bought > sold if order.is_buy else sold > bought)


def _open_loss(order: VenueOrder, mark: Decimal) -> Decimal:
    if order.price is None:
        return ZERO
    worse = order.price - mark if order.is_buy else mark - order.price
    return max(worse, ZERO) * order.remaining


def maintenance_margin(account: ParadexAccount, markets: Mapping[str, ParadexMarket]) -> Decimal:
    """Return the maintenance margin requirement of the positions."""
    return sum(maintenance_by_market(account, markets).values(), ZERO)


def maintenance_by_market(account: ParadexAccount, markets: Mapping[str, ParadexMarket]) -> dict[str, Decimal]:
    """Return what each position requires to be kept, in USDC."""
    required = {}
    for symbol, position in account.money.positions.items():
        notional = abs(position.size) * markets[symbol].mark_usd
        required[symbol] = to_cash(notional * _maintenance_fraction(account, markets[symbol]))
    return required


def _maintenance_fraction(account: ParadexAccount, market: ParadexMarket) -> Decimal:
    return MAINTENANCE_FACTOR * margin_fraction(account, market) + TAKER_FEE


def liquidation_price(account: ParadexAccount, symbol: str, markets: Mapping[str, ParadexMarket]) -> Decimal | None:
    """Return the mark price of a market at which maintenance margin eats the account, all else equal.

    value + size * (p - mark) = maintenance + fraction * |size| * (p - mark), solved for p; None when no
    positive price does it or there is no position.
    """
    size, market = account.money.size(symbol), markets[symbol]
    slope = size - _maintenance_fraction(account, market) * abs(size)
    if not slope:
        return None
    cushion = account_value(account, markets) - maintenance_margin(account, markets)
    price = market.mark_usd - cushion / slope
    return to_cash(price) if price > 0 else None


def account_view(account: ParadexAccount, markets: Mapping[str, ParadexMarket], now_ms: int) -> AccountView:
    """Return the account as the venue shows it."""
    return AccountView(
        account=account.address_text,
        total_collateral=account.money.cash_usd,
        account_value=account_value(account, markets),
        initial_margin=initial_margin(account, markets),
        maintenance_margin=maintenance_margin(account, markets),
        updated_ms=now_ms,
        status=account.status,
    )
