"""What became of orders and transactions, as Nautilus' events and our messages."""

from collections.abc import Callable
from typing import Any

from nautilus_trader.model.enums import LiquiditySide, OrderStatus
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, VenueOrderId
from nautilus_trader.model.objects import Money
from nautilus_trader.model.orders import Order

from adapters.ekubo import reports
from adapters.ekubo.planning import SwapOrder
from adapters.ekubo.providers import EkuboInstrumentProvider
from adapters.ekubo.sending import Fate, Slot

_WORDS = 500  # of a reason


class OrderEvents:
    """Makes the events of one execution client; `gas` is told of every transaction that was charged for."""

    def __init__(self, client: Any, provider: EkuboInstrumentProvider, gas: Callable[[Slot], None]) -> None:
        self._client, self._provider, self._gas = client, provider, gas
        self._ids: dict[str, VenueOrderId] = {}

    def denied(self, order: Order, reason: str) -> None:
        """An order is not worked."""
        ids = (order.strategy_id, order.instrument_id, order.client_order_id)
        self._client.generate_order_denied(*ids, reason, self._now_ns())

    def submitted(self, order: Order) -> None:
        """Work on an order begins."""
        ids = (order.strategy_id, order.instrument_id, order.client_order_id)
        self._client.generate_order_submitted(*ids, self._now_ns())

    def accepted(self, order: SwapOrder, slot: Slot) -> None:
        """A node has taken the first transaction of an order, whose hash becomes the order's id at the venue."""
        known = self._order(order.client_order_id)
        if known is not None:
            self._accept(known, slot)

    def is_over(self, order: SwapOrder) -> bool:
        """Whether Nautilus takes an order for ended."""
        known = self._order(order.client_order_id)
        return known is not None and known.is_closed

    def filled(self, order: SwapOrder, slot: Slot) -> None:
        """A slice was executed."""
        known = self._order(order.client_order_id)
        if known is not None:
            self._fill(known, slot)

    def gas_paid(self, slot: Slot) -> None:
        """A transaction was charged for."""
        self._gas(slot)

    def canceled(self, order: SwapOrder) -> None:
        """No more of an order will be executed."""
        known = self._order(order.client_order_id)
        if known is not None and not known.is_closed:
            self._client.generate_order_canceled(*self._who(known), self._id(known), self._now_ns())
            self._ids.pop(order.client_order_id, None)

    def rejected(self, order: SwapOrder, words: str) -> None:
        """Nothing of an order was executed, or will be."""
        known = self._order(order.client_order_id)
        if known is not None and not known.is_closed:
            self._client.generate_order_rejected(*self._who(known), words[:_WORDS], self._now_ns())
            self._ids.pop(order.client_order_id, None)

    def modify_rejected(self, order: Order, reason: str) -> None:
        """An order is not changed."""
        self._client.generate_order_modify_rejected(*self._who(order), self._id(order), reason, self._now_ns())

    def cancel_rejected(self, order: Order, reason: str) -> None:
        """An order is not at work."""
        self._client.generate_order_cancel_rejected(*self._who(order), self._id(order), reason, self._now_ns())

    def inherited(self, slots: list[Slot]) -> None:
        """What an earlier process had left open of an order is proven: tell of it, unless the order is to be ended yet."""
        order = self._order(slots[0].swap.client_order_id)
        if order is None or order.is_closed:
            known = () if order is None else order.trade_ids
            self._report([slot for slot in _executed(slots) if reports.trade_id(slot.key) not in known])

    def orphaned(self, order: Order, slots: list[Slot]) -> None:
        """An earlier process was at work on this order: tell what is not known of its fills, and end it."""
        if order.status == OrderStatus.SUBMITTED and any(slot.executed for slot in slots):
            self._accept(order, next(slot for slot in slots if slot.executed))
        new = [slot for slot in _executed(slots) if reports.trade_id(slot.key) not in order.trade_ids]
        done = order.filled_qty.as_decimal() + sum(self._fill(order, slot) for slot in new)
        if done >= order.quantity.as_decimal():
            return
        if done:
            self._client.generate_order_canceled(*self._who(order), self._id(order), self._now_ns())
            return
        words = "left by an earlier process before anything was sent"
        if slots:
            last = slots[-1]
            reason = last.booking.reason if last.booking is not None else last.words
            words = f"left open by an earlier process, {last.fate}: {reason}"
        self._client.generate_order_rejected(*self._who(order), words[:_WORDS], self._now_ns())

    def _report(self, executed: list[Slot]) -> None:
        """Tell of fills whose order Nautilus does not know, or believes to be over, as of orders from elsewhere."""
        account_id = self._client.account_id
        for slot in executed:
            instrument, pair = self._instrument(slot)
            fill = reports.filled(slot, instrument, pair)
            self._client._send_order_status_report(
                reports.order_report(slot, instrument, account_id, done=(), status=OrderStatus.ACCEPTED, quantity=fill.quantity)
            )
            self._client._send_fill_report(reports.fill_report(fill, slot, instrument, account_id, is_ours=False))

    def _accept(self, order: Order, slot: Slot) -> None:
        self._ids[order.client_order_id.value] = VenueOrderId(slot.key)
        self._client.generate_order_accepted(*self._who(order), VenueOrderId(slot.key), self._now_ns())

    def _fill(self, order: Order, slot: Slot) -> Any:
        instrument, pair = self._instrument(slot)
        fill = reports.filled(slot, instrument, pair)
        self._client.generate_order_filled(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=self._id(order) or VenueOrderId(slot.key),
            venue_position_id=None,
            trade_id=fill.trade_id,
            order_side=order.side,
            order_type=order.order_type,
            last_qty=fill.quantity,
            last_px=fill.price,
            quote_currency=instrument.quote_currency,
            commission=Money(0, instrument.quote_currency),
            liquidity_side=LiquiditySide.TAKER,
            ts_event=fill.ts_ns,
        )
        return fill.quantity.as_decimal()

    def _instrument(self, slot: Slot) -> Any:
        instrument_id = InstrumentId.from_str(slot.swap.instrument_id)
        return self._provider.find(instrument_id), self._provider.pair(instrument_id)

    def _order(self, client_order_id: str) -> Order | None:
        return self._client._cache.order(ClientOrderId(client_order_id))

    def _id(self, order: Order) -> VenueOrderId | None:
        """Return an order's id at the venue, also while its acceptance is still queued."""
        if order.venue_order_id is None:
            return self._ids.get(order.client_order_id.value)
        self._ids.pop(order.client_order_id.value, None)
        return order.venue_order_id

    def _who(self, order: Order) -> tuple[Any, Any, Any]:
        return order.strategy_id, order.instrument_id, order.client_order_id

    def _now_ns(self) -> int:
        now_ns: int = self._client._clock.timestamp_ns()
        return now_ns


def _executed(slots: list[Slot]) -> list[Slot]:
    """Return the slots whose swap, and no transaction in its place, was executed: its hash is the slot's key."""
    return [slot for slot in slots if slot.fate is Fate.SUCCEEDED]
