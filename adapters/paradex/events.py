"""Hands what happened to an order on to Nautilus: as order events, or as reports for external orders."""

from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.common.component import Logger
from nautilus_trader.execution.client import ExecutionClient
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.identifiers import ClientOrderId, TradeId, VenueOrderId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import Order as NautilusOrder

from adapters.paradex import reports
from adapters.paradex.orders import (
    Accepted,
    Canceled,
    Filled,
    OrderEvent,
    Refused,
    TrackedOrder,
    Updated,
    UpdateRefused,
)
from adapters.paradex.parsing import nanos
from adapters.paradex.schemas import Fill, Order
from messages import FillSeen, topics


class EventEmitter:
    """Speaks for one execution client."""

    def __init__(
        self,
        client: ExecutionClient,
        perpetual: Callable[[str], CryptoPerpetual | None],
        order: Callable[[ClientOrderId], NautilusOrder | None],
        now_ns: Callable[[], int],
        log: Logger,
    ) -> None:
        self._client, self._perpetual, self._order, self._now_ns, self._log = client, perpetual, order, now_ns, log

    def emit(self, tracked: TrackedOrder, events: list[OrderEvent]) -> None:
        """Emit the events of one order, in their order."""
        perpetual = self._perpetual(tracked.market)
        if perpetual is None:
            if events:
                self._log.error(f"{tracked.key}: {tracked.market} is not loaded, {len(events)} events dropped")
            return
        order = None if tracked.is_external else self._order(ClientOrderId(tracked.key))
        for event in events:
            if order is None:
                self._report(tracked, event, perpetual)
            else:
                self._emit(order, tracked, event, perpetual)

    def _emit(self, order: NautilusOrder, tracked: TrackedOrder, event: OrderEvent, perpetual: CryptoPerpetual) -> None:
        client, ids = self._client, (order.strategy_id, order.instrument_id, order.client_order_id)
        venue_id = None if tracked.order_id is None else VenueOrderId(tracked.order_id)
        match event:
            case Accepted():
                client.generate_order_accepted(*ids, VenueOrderId(event.order_id), nanos(event.ts_ms))
            case Filled():
                self._fill(order, event.fill, perpetual)
            case Updated():
                size = Quantity(event.size, perpetual.size_precision)
                price = None if event.price is None else Price(event.price, perpetual.price_precision)
                client.generate_order_updated(*ids, venue_id, size, price, None, nanos(event.ts_ms))
            case UpdateRefused():
                client.generate_order_modify_rejected(*ids, venue_id, event.reason, nanos(event.ts_ms))
            case Canceled():
                self._log.info(f"{tracked.key} ended with a remainder: {event.reason}")
                client.generate_order_canceled(*ids, venue_id, nanos(event.ts_ms))
            case Refused():
                client.generate_order_rejected(*ids, event.reason, nanos(event.ts_ms), due_post_only=event.is_post_only)

    def _fill(self, order: NautilusOrder, fill: Fill, perpetual: CryptoPerpetual) -> None:
        if TradeId(fill.id) in order.trade_ids:
            return  # reconciliation has already booked it
        if order.is_post_only:  # its hedge does not wait for our bookkeeping
            key = order.client_order_id.value
            seen = FillSeen(client_order_id=key, trade_id=fill.id, quantity=fill.size, price_usd=fill.price)
            self._client._msgbus.publish(topic=topics.FILL_SEEN, msg=seen)
        self._client.generate_order_filled(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(fill.order_id),
            venue_position_id=None,
            trade_id=TradeId(fill.id),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=Quantity(fill.size, perpetual.size_precision),
            last_px=Price(fill.price, perpetual.price_precision),
            quote_currency=USDC,
            commission=reports.commission(fill),
            liquidity_side=reports.liquidity_side(fill),
            ts_event=nanos(fill.created_at),
        )

    def _report(self, tracked: TrackedOrder, event: OrderEvent, perpetual: CryptoPerpetual) -> None:
        """Report what happened to an order no strategy of ours has sent: a liquidation, a hand trade."""
        client, ts_init = self._client, self._now_ns()
        match event:
            case Accepted():
                wire = _wire_order(tracked, "OPEN", tracked.size, event.ts_ms)
                client._send_order_status_report(reports.order_report(wire, perpetual, client.account_id, ts_init))
            case Filled():
                client._send_fill_report(reports.fill_report(event.fill, perpetual, client.account_id, ts_init))
            case Canceled():
                wire = _wire_order(tracked, "CLOSED", tracked.size - tracked.filled, event.ts_ms)
                client._send_order_status_report(reports.order_report(wire, perpetual, client.account_id, ts_init))


def _wire_order(tracked: TrackedOrder, status: str, remaining: Decimal, ts_ms: int) -> Order:
    return Order(
        id=tracked.order_id or tracked.key,
        client_id=None if tracked.key == tracked.order_id else tracked.key,
        market=tracked.market,
        side=tracked.side,
        type=tracked.kind,
        size=tracked.size,
        remaining_size=remaining,
        price=tracked.price,
        status=status,
        instruction="IOC" if tracked.is_immediate else "GTC",
        created_at=ts_ms,
        last_updated_at=ts_ms,
    )
