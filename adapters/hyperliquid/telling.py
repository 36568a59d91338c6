"""Facts about our orders as Nautilus order events."""

from typing import Any

from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.identifiers import TradeId, VenueOrderId
from nautilus_trader.model.orders import Order

from adapters.hyperliquid import refusals, reports
from adapters.hyperliquid.orders import Accepted, Canceled, Executed, Fact, Refused, Replaced, TrackedOrder
from adapters.hyperliquid.schemas import Fill
from messages import FillSeen, topics


class OrderEvents:
    """Makes the events of one execution client, whose `generate_order_*` methods it calls."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def denied(self, order: Order, reason: str) -> None:
        """An order is not sent."""
        self._client.generate_order_denied(
            order.strategy_id, order.instrument_id, order.client_order_id, reason, self._client._clock.timestamp_ns()
        )

    def submitted(self, order: Order) -> None:
        """An order is about to be sent."""
        self._client.generate_order_submitted(
            order.strategy_id, order.instrument_id, order.client_order_id, self._client._clock.timestamp_ns()
        )

    def tell(self, order: Order, tracked: TrackedOrder, fact: Fact) -> None:
        """Emit the event of one fact."""
        who = (order.strategy_id, order.instrument_id, order.client_order_id)
        match fact:
            case Accepted(oid, ts_ms):
                self._client.generate_order_accepted(*who, VenueOrderId(str(oid)), ts_ms * 1_000_000)
                if _is_off_grid(order, tracked):
                    self._updated(order, tracked, oid, ts_ms)
            case Executed(fill):
                self._filled(order, fill)
            case Canceled(oid, ts_ms, _):
                self._client.generate_order_canceled(*who, VenueOrderId(str(oid)), ts_ms * 1_000_000)
            case Refused(reason, ts_ms, due_post_only):
                self._client.generate_order_rejected(*who, refusals.typed(reason), ts_ms * 1_000_000, due_post_only)
            case Replaced(oid, ts_ms):
                self._updated(order, tracked, oid, ts_ms)

    def cancel_rejected(self, order: Order, reason: str) -> None:
        """The venue did not cancel an order."""
        self._client.generate_order_cancel_rejected(
            order.strategy_id,
            order.instrument_id,
            order.client_order_id,
            order.venue_order_id,
            refusals.typed(reason),
            self._client._clock.timestamp_ns(),
        )

    def modify_rejected(self, order: Order, reason: str) -> None:
        """The venue, or this adapter, did not modify an order."""
        self._client.generate_order_modify_rejected(
            order.strategy_id,
            order.instrument_id,
            order.client_order_id,
            order.venue_order_id,
            refusals.typed(reason),
            self._client._clock.timestamp_ns(),
        )

    def _filled(self, order: Order, fill: Fill) -> None:
        if order.is_post_only:  # its hedge does not wait for our bookkeeping
            key, trade_id = order.client_order_id.value, str(fill.tid)
            seen = FillSeen(client_order_id=key, trade_id=trade_id, quantity=fill.sz, price_usd=fill.px)
            self._client._msgbus.publish(topic=topics.FILL_SEEN, msg=seen)
        instrument = self._client._cache.instrument(order.instrument_id)
        self._client.generate_order_filled(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(str(fill.oid)),
            venue_position_id=None,
            trade_id=TradeId(str(fill.tid)),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=instrument.make_qty(fill.sz),
            last_px=instrument.make_price(fill.px),
            quote_currency=USDC,
            commission=reports.commission(fill),
            liquidity_side=reports.liquidity_side(fill),
            ts_event=fill.time * 1_000_000,
        )

    def _updated(self, order: Order, tracked: TrackedOrder, oid: int, ts_ms: int) -> None:
        instrument = self._client._cache.instrument(order.instrument_id)
        self._client.generate_order_updated(
            order.strategy_id,
            order.instrument_id,
            order.client_order_id,
            VenueOrderId(str(oid)),
            instrument.make_qty(tracked.quantity),
            order.price if tracked.price is None else instrument.make_price(tracked.price),
            None,
            ts_ms * 1_000_000,
            order.venue_order_id is None or order.venue_order_id.value != str(oid),  # None: acceptance is still queued
        )


def _is_off_grid(order: Order, tracked: TrackedOrder) -> bool:
    """Whether a resting order was sent at another price than the one asked for."""
    return bool(order.order_type == OrderType.LIMIT and tracked.price is not None and order.price != tracked.price)
