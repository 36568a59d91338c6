"""What the orders of a pair are sent at: never beyond the plan's bound, or the market's where a leg must go."""

from decimal import Decimal
from typing import Protocol

from messages import LegOrder, OrderKind, Side, TimeInForce
from strategies.pair_orders import LegRequest
from strategies.pair_plan import LegPlan, PairPlan
from strategies.sizing import limit_price_usd


class Prices(Protocol):
    """The market of the moment."""

    def best_price_usd(self, instrument_id: str, side: Side) -> Decimal | None:
        """Return the best price a taker on `side` gets now, None if unknown."""
        ...


def leg_order(plan: PairPlan, request: LegRequest, prices: Prices) -> LegOrder:
    """Return the order that a request asks for."""
    leg = plan.legs[request.leg]
    price_usd = resting_usd(leg, request, prices) if request.post_only else _taking_usd(leg, request, prices)
    return LegOrder(
        venue=leg.venue,
        instrument_id=leg.instrument_id,
        client_order_id=request.client_order_id,
        side=request.side,
        quantity=request.quantity,
        kind=OrderKind.LIMIT,
        limit_price_usd=price_usd,
        time_in_force=TimeInForce.GTC if request.post_only else TimeInForce.IOC,
        reduce_only=request.reduce_only,
        post_only=request.post_only,
    )


def resting_usd(leg: LegPlan, request: LegRequest, prices: Prices) -> Decimal:
    """Return where an order rests now: at the best price of its own side, within the plan's bound."""
    side = request.side
    bound_usd = limit_price_usd(leg.reference_price_usd, side, request.slippage_bps, leg.rules.price_step)
    best_usd = prices.best_price_usd(leg.instrument_id, side.opposite)
    if best_usd is None:
        return bound_usd
    return min(best_usd, bound_usd) if side is Side.BUY else max(best_usd, bound_usd)


def _taking_usd(leg: LegPlan, request: LegRequest, prices: Prices) -> Decimal:
    best_usd = request.reference_price_usd
    if best_usd is None:
        best_usd = prices.best_price_usd(leg.instrument_id, request.side) or leg.reference_price_usd
    return limit_price_usd(best_usd, request.side, request.slippage_bps, leg.rules.price_step)
