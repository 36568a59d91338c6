"""Nautilus orders as the venue's: what cannot be done here, and what goes on the wire; pure."""

from decimal import Decimal

from nautilus_trader.model.enums import ContingencyType, OrderSide, OrderType, TimeInForce
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.orders import Order

from adapters.hyperliquid import signing
from adapters.hyperliquid.grid import round_price


def refusal(order: Order) -> str | None:
    """Return why the venue (or this adapter) cannot take an order, None where it can."""
    is_limit = order.order_type == OrderType.LIMIT
    rules = (
        (not is_limit and order.order_type != OrderType.MARKET, "UNSUPPORTED_ORDER_TYPE: only market and limit orders"),
        (order.time_in_force not in (TimeInForce.GTC, TimeInForce.IOC), "UNSUPPORTED_TIME_IN_FORCE: only GTC and IOC"),
        (order.is_post_only and is_immediate(order), "UNSUPPORTED_TIME_IN_FORCE: a post-only order cannot be IOC"),
        (order.is_quote_quantity, "UNSUPPORTED_QUOTE_QUANTITY: sizes are in base units"),
        (is_limit and order.display_qty is not None, "UNSUPPORTED_DISPLAY_QUANTITY: no iceberg orders"),
        (order.contingency_type != ContingencyType.NO_CONTINGENCY, "UNSUPPORTED_CONTINGENCY: no linked orders"),
    )
    return next((reason for is_broken, reason in rules if is_broken), None)


def is_immediate(order: Order) -> bool:
    """Return whether an order never rests."""
    return bool(order.order_type == OrderType.MARKET or order.time_in_force == TimeInForce.IOC)


def limit_price(price: Decimal, side: OrderSide, instrument: Instrument) -> Decimal:
    """Return a limit price on the venue's grid, never worse than the one asked for."""
    return round_price(price, instrument.info["szDecimals"], up=side == OrderSide.SELL)


def wire(order: Order, price: Decimal, size: Decimal, instrument: Instrument) -> signing.OrderWire:
    """Return the wire form of an order at `price`, which must lie on the venue's grid."""
    return signing.order_wire(
        asset=instrument.info["asset"],
        is_buy=order.side == OrderSide.BUY,
        price=price,
        size=size,
        reduce_only=bool(order.is_reduce_only),
        tif="Ioc" if is_immediate(order) else "Alo" if order.is_post_only else "Gtc",
        cloid=signing.cloid(order.client_order_id.value),
    )
