"""Nautilus orders as swaps: what cannot be done here, and what is to be exchanged; pure."""

from nautilus_trader.model.enums import ContingencyType, OrderSide, OrderType, TimeInForce
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.orders import Order

from adapters.ekubo.planning import SwapOrder
from adapters.ekubo.tokens import Pair


def refusal(order: Order) -> str | None:
    """Return why an order cannot be a swap, None where it can."""
    is_limit = order.order_type == OrderType.LIMIT
    times = (TimeInForce.IOC,) if is_limit else (TimeInForce.IOC, TimeInForce.GTC)
    rules = (
        (not is_limit and order.order_type != OrderType.MARKET, "UNSUPPORTED_ORDER_TYPE: only market and limit orders"),
        (order.time_in_force not in times, "UNSUPPORTED_TIME_IN_FORCE: only immediate orders: a pool has no book to rest in"),
        (order.is_post_only, "UNSUPPORTED_POST_ONLY: a swap always takes"),
        (order.is_reduce_only and order.side == OrderSide.BUY, "UNSUPPORTED_REDUCE_ONLY: a wallet is never short"),
        (order.is_quote_quantity, "UNSUPPORTED_QUOTE_QUANTITY: sizes are in base units"),
        (is_limit and order.display_qty is not None, "UNSUPPORTED_DISPLAY_QUANTITY: no iceberg orders"),
        (order.contingency_type != ContingencyType.NO_CONTINGENCY, "UNSUPPORTED_CONTINGENCY: no linked orders"),
    )
    return next((reason for is_broken, reason in rules if is_broken), None)


def swap_order(order: Order, instrument: Instrument, pair: Pair) -> SwapOrder:
    """Return an order in the tokens' smallest units."""
    return SwapOrder(
        client_order_id=order.client_order_id.value,
        strategy_id=order.strategy_id.value,
        instrument_id=order.instrument_id.value,
        is_buy=order.side == OrderSide.BUY,
        quantity=pair.base.units(order.quantity.as_decimal()),
        granule=pair.base.units(instrument.size_increment.as_decimal()),
        limit_price=order.price.as_decimal() if order.order_type == OrderType.LIMIT else None,
        base=pair.base,
        quote=pair.quote,
    )
