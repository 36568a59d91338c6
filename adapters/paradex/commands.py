"""Nautilus orders to signed Paradex requests; pure, the time is an argument."""

from decimal import Decimal
from typing import Any

from nautilus_trader.model.enums import OrderSide, OrderType, TimeInForce
from nautilus_trader.model.orders import Order

from adapters.paradex.constants import MAX_CLIENT_ID_LENGTH
from adapters.paradex.order_body import order_body
from adapters.paradex.orders import TrackedOrder
from adapters.paradex.signing import OrderTerms, Signer

_KINDS = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT"}


def unsupported(order: Order, *, is_rpi: bool = False, is_rpi_allowed: bool = False) -> str | None:
    """Return why an order cannot be sent to Paradex, None where it can."""
    is_resting_limit = order.order_type == OrderType.LIMIT and order.time_in_force == TimeInForce.GTC
    objections = (
        (order.order_type not in _KINDS, "UNSUPPORTED_ORDER_TYPE: market and limit orders only"),
        (order.time_in_force not in (TimeInForce.GTC, TimeInForce.IOC), "UNSUPPORTED_TIME_IN_FORCE: GTC and IOC only"),
        (order.is_quote_quantity, "UNSUPPORTED_QUOTE_QUANTITY: sizes are in base units"),
        (is_rpi and not is_rpi_allowed, "UNSUPPORTED_RPI: the account is not configured as whitelisted"),
        (is_rpi and not is_resting_limit, "UNSUPPORTED_RPI: resting limit orders only"),
        (
            len(order.client_order_id.value) > MAX_CLIENT_ID_LENGTH,
            f"CLIENT_ORDER_ID_TOO_LONG: at most {MAX_CLIENT_ID_LENGTH} characters",
        ),
    )
    return next((reason for is_met, reason in objections if is_met), None)


def tracked(order: Order) -> TrackedOrder:
    """Return what the tracker needs to know of an order, with all that has happened to it so far."""
    is_market = order.order_type == OrderType.MARKET
    found = TrackedOrder(
        key=order.client_order_id.value,
        market=order.instrument_id.symbol.value,
        side=_side(order),
        size=order.quantity.as_decimal(),
        price=None if is_market else order.price.as_decimal(),
        is_immediate=is_market or order.time_in_force == TimeInForce.IOC,
    )
    found.order_id = None if order.venue_order_id is None else order.venue_order_id.value
    found.is_accepted = order.venue_order_id is not None
    found.is_done = order.is_closed
    found.filled = order.filled_qty.as_decimal()
    found.fill_ids = {trade_id.value for trade_id in order.trade_ids}
    return found


def create_request(
    order: Order, signer: Signer, timestamp_ms: int, recv_window_ms: int, *, is_rpi: bool = False
) -> dict[str, Any]:
    """Return the signed body of a new order, void `recv_window_ms` after `timestamp_ms`.

    The client order id is the venue's client id as it is, so an order can always be found again.
    """
    is_market = order.order_type == OrderType.MARKET
    terms = OrderTerms(
        timestamp_ms=timestamp_ms,
        market=order.instrument_id.symbol.value,
        side=_side(order),
        kind=_KINDS[order.order_type],
        size=order.quantity.as_decimal(),
        price=Decimal(0) if is_market else order.price.as_decimal(),
    )
    return order_body(
        terms,
        signer,
        client_id=order.client_order_id.value,
        instruction="RPI" if is_rpi else _instruction(order),
        is_reduce_only=order.is_reduce_only,
        recv_window_ms=recv_window_ms,
    )


def modify_request(order: TrackedOrder, signer: Signer, timestamp_ms: int, size: Decimal, price: Decimal) -> dict[str, Any]:
    """Return the signed body that gives a resting limit order another size or price."""
    if order.order_id is None:
        raise ValueError(f"{order.key} has no venue order id yet")
    terms = OrderTerms(timestamp_ms=timestamp_ms, market=order.market, side=order.side, kind=order.kind, size=size, price=price)
    return {
        "id": order.order_id,
        "market": terms.market,
        "side": terms.side,
        "type": terms.kind,
        "size": str(size),
        "price": str(price),
        "signature_timestamp": timestamp_ms,
        "signature": signer.sign(signer.modify_hash(terms, order.order_id)),
    }


def cancel_request(order: TrackedOrder) -> dict[str, str]:
    """Return the parameters of a cancel; by client id, which works before the venue's id is known.

    Nautilus gives an order of other origin a client id the venue has never heard of.
    """
    if order.is_sent_here or order.order_id is None:
        return {"client_id": order.key, "market": order.market}
    return {"id": order.order_id}


def _side(order: Order) -> str:
    return "BUY" if order.side == OrderSide.BUY else "SELL"


def _instruction(order: Order) -> str:
    if order.order_type == OrderType.MARKET:
        return "GTC"  # IOC exists for limit orders only; a market order is immediate anyway
    if order.is_post_only:
        return "POST_ONLY"
    return "IOC" if order.time_in_force == TimeInForce.IOC else "GTC"
