"""The rules in the order in which they are asked, and the one function that asks them."""

from collections.abc import Callable
from decimal import Decimal

from messages import Side
from risk import order_rules, portfolio_rules
from risk.clearance import is_clear
from risk.limits import Limits
from risk.outlook import Orders, Outlook
from risk.state import ZERO, OrderIntent, PositionView, Snapshot, TradeIntent
from risk.verdict import Approved, Refused, Verdict

__all__ = ["Approved", "ORDER_RULES", "PORTFOLIO_RULES", "Refused", "RULES_FOR_ALL", "Verdict", "adding", "evaluate", "reduces"]

type OrderRule = Callable[[Snapshot, Orders, Limits], Refused | None]
type PortfolioRule = Callable[[Outlook], Refused | None]

APPROVED = Approved()

RULES_FOR_ALL: tuple[OrderRule, ...] = (
    order_rules.order_sane,
    order_rules.halt_respected,
)
"""Asked of every order, reductions included."""

ORDER_RULES: tuple[OrderRule, ...] = (
    order_rules.state_permits,
    order_rules.venue_tradable,
    order_rules.rate_within_budget,
    order_rules.market_fresh,
    order_rules.account_fresh,
    order_rules.price_near_other_venue,
    order_rules.price_near_index,
    order_rules.slippage_within_limit,
)
"""Asked of the orders that may add to a position."""

PORTFOLIO_RULES: tuple[PortfolioRule, ...] = (
    portfolio_rules.portfolio_priced,
    portfolio_rules.position_within_limit,
    portfolio_rules.venue_within_limit,
    portfolio_rules.gross_within_limit,
    portfolio_rules.asset_delta_within_limit,
    portfolio_rules.total_delta_within_limit,
    portfolio_rules.leverage_within_limit,
    portfolio_rules.margin_sufficient,
    portfolio_rules.allocation_within_limit,
    portfolio_rules.liquidation_distant,
    portfolio_rules.liquidation_price_distant,
)
"""Asked of what the portfolio would become with them, once the rules before have found markets and accounts known."""


def evaluate(snapshot: Snapshot, intent: TradeIntent, limits: Limits) -> Verdict:
    """Return whether all orders of an intent may be sent: the one answer for planner, gate and backtest.

    Reducing orders are never refused, but for nonsense and for a halt.
    """
    if len(intent.orders) == 1 and is_clear(snapshot, intent.orders[0], limits):
        return APPROVED
    for rule in RULES_FOR_ALL:
        refused = rule(snapshot, intent.orders, limits)
        if refused is not None:
            return refused
    orders = adding(snapshot, intent.orders)
    return _add(snapshot, orders, limits) if orders else APPROVED


def _add(snapshot: Snapshot, orders: Orders, limits: Limits) -> Verdict:
    for rule in ORDER_RULES:
        refused = rule(snapshot, orders, limits)
        if refused is not None:
            return refused
    outlook = Outlook(snapshot, orders, limits)
    for portfolio_rule in PORTFOLIO_RULES:
        refused = portfolio_rule(outlook)
        if refused is not None:
            return refused
    return APPROVED


def adding(snapshot: Snapshot, orders: Orders) -> Orders:
    """Return the orders that may add to a position, flip it or open one; the others are reductions.

    A reduce-only order is a reduction even where we know of no position: the venue knows better, it enforces
    the flag, and what it holds for us has to be closable. A plain order is one as long as it cannot come to lie
    beyond zero: whatever already works towards zero, orders before it in the same intent included, may fill
    first. For the same reason a reduce-only order is none where plain orders under way need the position.
    """
    claimed: dict[tuple[str, Side], Decimal] = {}
    found = []
    for order in orders:
        key, position = (order.instrument_id, order.side), snapshot.position(order.instrument_id)
        before = claimed.get(key, ZERO)
        if not _is_reduction(position, order, before):
            found.append(order)
        elif not order.reduce_only:
            claimed[key] = before + order.quantity
    return tuple(found)


def reduces(net: Decimal, side: Side, quantity: Decimal, working: Decimal = ZERO) -> bool:
    """Return whether an order can only bring `net` closer to zero, never through it.

    `working` is the unfilled quantity of reducing orders already sent: together they must not flip either.
    """
    return net * side.sign < 0 and quantity + working <= abs(net)


def _is_reduction(position: PositionView, order: OrderIntent, claimed: Decimal) -> bool:
    plain = position.working_plain(order.side) + claimed
    if not order.reduce_only:
        return reduces(position.quantity, order.side, order.quantity, plain + position.working_reducing)
    if position.quantity * order.side.sign >= 0:
        return True
    return reduces(position.quantity, order.side, min(order.quantity, abs(position.quantity)), plain)
