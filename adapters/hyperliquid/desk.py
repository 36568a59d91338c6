"""Sends what is ordered, and follows each command until its outcome is known.

An outcome that is not known emits nothing: a `Resolver` asks until it is known. Nothing is ever sent
twice.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.model.enums import OrderSide, OrderType
from nautilus_trader.model.identifiers import ClientOrderId, VenueOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.orders import Order

from adapters.errors import OutcomeUnknown, RateLimited, Rejected, VenueError
from adapters.hyperliquid import commands, grid, parsing, signing
from adapters.hyperliquid.budget import ActionBudget
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.orders import Fact, OrderIndex, Stray, TrackedOrder
from adapters.hyperliquid.resolver import Resolver
from adapters.hyperliquid.schemas import Item, ItemStatus
from adapters.hyperliquid.sender import ActionSender
from adapters.hyperliquid.telling import OrderEvents

_CANCEL_CONFIRM_MS = 1_500  # a cancel that was acknowledged shows on the stream within this
_QUOTE_MAX_AGE_NS = 10_000_000_000  # a quote older than this may be one that a break has frozen


class OrderDesk:
    """The orders of one account.

    `barred` names coins in which nothing may be entered, with the reason; `take_stray` gets fills of
    orders that had been refused.
    """

    def __init__(
        self,
        *,
        cache: Any,
        http: HyperliquidHttp,
        sender: ActionSender,
        resolver: Resolver,
        orders: OrderIndex,
        events: OrderEvents,
        instruments: Mapping[str, Instrument],
        budget: ActionBudget,
        barred: Mapping[str, str],
        slippage_bps: int,
        immediate_ttl_secs: float,
        take_stray: Callable[[Stray], None],
        start_task: Callable[..., asyncio.Task[None]],
        now_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._cache, self._http, self._sender, self._resolver = cache, http, sender, resolver
        self._orders, self._events, self._instruments = orders, events, instruments
        self._budget, self._barred, self._slippage_bps = budget, barred, slippage_bps
        self._immediate_ttl_secs = immediate_ttl_secs
        self._take_stray, self._start_task, self._now_ns, self._log = take_stray, start_task, now_ns, log
        self._completing: set[str] = set()

    def adopt(self, orders: Sequence[Order]) -> None:
        """Recognise the orders an earlier process left in the cache when the venue speaks of them."""
        for order in orders:
            if self._orders.by_client_id(order.client_order_id.value) is None:
                tracked = self._track(order, None)
                tracked.adopt(oid_of(order.venue_order_id), order.filled_qty.as_decimal())
                self._orders.note_oid(tracked)

    async def submit(self, orders: Sequence[Order], slippage_bps: int | None = None) -> None:
        """Send orders as one action; where one of them cannot be sent, none is.

        `slippage_bps` bounds market orders among them otherwise than configured.
        """
        bound_bps = self._slippage_bps if slippage_bps is None else slippage_bps
        prepared = [await self._prepare(order, len(orders), bound_bps) for order in orders]
        refusals = [reason for reason in prepared if isinstance(reason, str)]
        if refusals:
            for order, own in zip(orders, prepared, strict=True):
                self._events.denied(order, own if isinstance(own, str) else f"ORDER_LIST_DENIED: {refusals[0]}")
            return
        tracked, wires = [], []
        for order, price in zip(orders, prepared, strict=True):
            assert isinstance(price, Decimal)
            instrument = self._instruments[parsing.coin(order.instrument_id)]
            wires.append(commands.wire(order, price, order.quantity.as_decimal(), instrument))
            tracked.append(self._track(order, price))
            self._events.submitted(order)
        await self._send_orders(tracked, signing.order_action(wires))

    async def cancel(self, orders: Sequence[Order | None]) -> None:
        """Cancel our own orders by cloid, those of an earlier process by oid: one action each."""
        own: list[tuple[Order, TrackedOrder]] = []
        foreign: list[tuple[Order, int]] = []
        for order in orders:
            if order is None or order.is_closed:
                continue
            tracked = self._orders.by_client_id(order.client_order_id.value)
            if tracked is not None:
                own.append((order, tracked))
            elif (oid := oid_of(order.venue_order_id)) is not None:
                foreign.append((order, oid))
        if own:
            action = signing.cancel_by_cloid_action([(self._asset(order), tracked.cloid) for order, tracked in own])
            await self._send_cancels(action, list(own))
        if foreign:
            action = signing.cancel_action([(self._asset(order), oid) for order, oid in foreign])
            await self._send_cancels(action, [(order, None) for order, _ in foreign])

    async def modify(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Replace an order: the venue gives it a new oid, Nautilus keeps the one order.

        `quantity` counts what is filled already.
        """
        tracked = self._orders.by_client_id(order.client_order_id.value)
        if tracked is None or tracked.oid is None or tracked.is_closed or tracked.is_modifying or tracked.is_ioc:
            self._events.modify_rejected(order, "only an acknowledged resting order of this process can be modified")
            return
        instrument = self._instruments[tracked.coin]
        price = commands.limit_price(price, order.side, instrument)
        if quantity <= tracked.filled or price <= 0:
            self._events.modify_rejected(order, f"nothing would be left of {quantity}, or no price is left of {price}")
        elif not order.is_reduce_only and not self._budget.allows(1):
            self._events.modify_rejected(order, self._budget_refusal())
        else:
            action = signing.modify_action(tracked.oid, commands.wire(order, price, quantity - tracked.filled, instrument))
            tracked.begin_modify(quantity, price)
            await self._send_modify(order, tracked, action)

    def tell(self, order: TrackedOrder, facts: list[Fact]) -> None:
        """Make Nautilus' events of new facts, and see to fills that are still missing."""
        for fact in facts:
            if isinstance(fact, Stray):
                self._take_stray(fact)
            else:
                self._events.tell(self._cache.order(ClientOrderId(order.client_order_id)), order, fact)
        self._orders.note_oid(order)
        if order.misses_fills and order.client_order_id not in self._completing:
            self._completing.add(order.client_order_id)
            self._start_task(self._complete(order), log_msg="complete_fills")

    # Orders

    async def _prepare(self, order: Order, together: int, slippage_bps: int) -> Decimal | str:
        """Return the price to send an order at, or why it cannot be sent; `together` orders are sent at once."""
        coin = parsing.coin(order.instrument_id)
        instrument = self._instruments.get(coin)
        if instrument is None:
            return f"UNKNOWN_INSTRUMENT: {order.instrument_id} is not among the configured coins"
        if (reason := commands.refusal(order)) is not None:
            return reason
        if not order.is_reduce_only:
            if coin in self._barred:
                return f"LEVERAGE_NOT_SET: {self._barred[coin]}"
            if not self._budget.allows(together):
                return self._budget_refusal()
        if order.order_type == OrderType.MARKET:
            return await self._market_price(order, instrument, slippage_bps)
        price = commands.limit_price(order.price.as_decimal(), order.side, instrument)
        return price if price > 0 else f"INVALID_PRICE: {order.price} is below the venue's grid"

    def _budget_refusal(self) -> str:
        return f"RATE_BUDGET: {self._budget.left} actions are left, kept for cancels and reduce-only orders"

    async def _market_price(self, order: Order, instrument: Instrument, slippage_bps: int) -> Decimal | str:
        best = await self._best_price(instrument, is_buy=order.side == OrderSide.BUY)
        if isinstance(best, str):
            return best
        sz_decimals = instrument.info["szDecimals"]
        is_buy = order.side == OrderSide.BUY
        return grid.bounded_price(best, sz_decimals, is_buy=is_buy, slippage_bps=slippage_bps)

    async def _best_price(self, instrument: Instrument, *, is_buy: bool) -> Decimal | str:
        """Return the price on the other side: a young quote's, else the book's, else whatever is known."""
        quote = self._cache.quote_tick(instrument.id)
        quoted = None if quote is None else (quote.ask_price if is_buy else quote.bid_price).as_decimal()
        if quoted is not None and self._now_ns() - quote.ts_init <= _QUOTE_MAX_AGE_NS:
            return quoted  # type: ignore[no-any-return]  # Nautilus has no stubs
        try:
            levels = (await self._http.book(parsing.coin(instrument.id))).levels[1 if is_buy else 0]
        except VenueError as e:
            return f"NO_MARKET_DATA: {e}" if quoted is None else quoted
        return Decimal(str(levels[0].px)) if levels else "NO_MARKET_DATA: the book is empty"

    async def _send_orders(self, tracked: list[TrackedOrder], action: signing.Action) -> None:
        are_immediate = all(order.is_ioc for order in tracked)
        expires_ms = self._sender.expiry_ms(self._immediate_ttl_secs if are_immediate else None)
        items: Sequence[Item]
        try:
            items = await self._sender.send(action, len(tracked), expires_ms)
        except (Rejected, RateLimited) as e:
            items = [ItemStatus(error=_words(e))] * len(tracked)
        except OutcomeUnknown as e:
            self._log(f"outcome of {[order.client_order_id for order in tracked]} unknown: {e}")
            for order in tracked:
                self.tell(order, order.answer_lost(self._now_ms()))
                self._start_task(self._resolver.settle_submission(order, expires_ms), log_msg="settle_submission")
            return
        for order, item in zip(tracked, items, strict=True):
            self.tell(order, order.answer(item, self._now_ms()))
            if isinstance(item, str):
                self._start_task(self._resolver.settle_submission(order, expires_ms), log_msg="settle_submission")

    async def _complete(self, order: TrackedOrder) -> None:
        try:
            await self._resolver.complete_fills(order)
        finally:
            self._completing.discard(order.client_order_id)

    def _track(self, order: Order, price: Decimal | None) -> TrackedOrder:
        tracked = TrackedOrder(
            client_order_id=order.client_order_id.value,
            cloid=signing.cloid(order.client_order_id.value),
            coin=parsing.coin(order.instrument_id),
            quantity=order.quantity.as_decimal(),
            price=None if commands.is_immediate(order) else price,
            is_ioc=commands.is_immediate(order),
            created_ms=order.ts_init // 1_000_000,
        )
        self._orders.add(tracked)
        return tracked

    # Cancels and replacements

    async def _send_cancels(self, action: signing.Action, targets: Sequence[tuple[Order, TrackedOrder | None]]) -> None:
        expires_ms = self._sender.expiry_ms()
        items: Sequence[Item]
        try:
            items = await self._sender.send(action, len(targets), expires_ms)
        except (Rejected, RateLimited) as e:
            items = [ItemStatus(error=_words(e))] * len(targets)
        except OutcomeUnknown as e:
            self._log(f"outcome of the cancel of {len(targets)} orders unknown: {e}")
            for order, tracked in targets:
                self._follow_cancel(order, tracked, expires_ms, is_acknowledged=False)
            return
        confirm_ms = self._now_ms() + _CANCEL_CONFIRM_MS
        for (order, tracked), item in zip(targets, items, strict=True):
            error = None if isinstance(item, str) else item.error
            if error is not None and (tracked is None or not tracked.is_closed):
                self._events.cancel_rejected(order, error)
            self._follow_cancel(order, tracked, confirm_ms, is_acknowledged=error is None)

    def _follow_cancel(self, order: Order, tracked: TrackedOrder | None, at_ms: int, *, is_acknowledged: bool) -> None:
        if tracked is not None and not tracked.is_closed:
            coroutine = self._settle_cancel(order, tracked, at_ms, is_acknowledged=is_acknowledged)
            self._start_task(coroutine, log_msg="follow_order")

    async def _settle_cancel(self, order: Order, tracked: TrackedOrder, at_ms: int, *, is_acknowledged: bool) -> None:
        has_ended = await self._resolver.settle_cancel(tracked, at_ms, is_acknowledged=is_acknowledged)
        if not has_ended and order.is_pending_cancel:
            self._events.cancel_rejected(order, "the cancel was not executed before it expired")

    async def _send_modify(self, order: Order, tracked: TrackedOrder, action: signing.Action) -> None:
        expires_ms, old_oid = self._sender.expiry_ms(), tracked.oid  # the streams may tell of the new one before the answer
        try:
            item = (await self._sender.send(action, 1, expires_ms))[0]
        except (Rejected, RateLimited) as e:
            item = ItemStatus(error=_words(e))
        except OutcomeUnknown as e:
            self._log(f"outcome of the modification of {tracked.client_order_id} unknown: {e}")
            if not await self._resolver.settle_modify(tracked, old_oid, expires_ms) and not tracked.is_closed:
                self._events.modify_rejected(order, "the modification was not executed before it expired")
            return
        answer = item if isinstance(item, ItemStatus) else ItemStatus()
        placed = answer.resting or answer.filled
        self.tell(tracked, tracked.end_modify(None if placed is None else placed.oid, self._now_ms()))
        if placed is None:
            if not tracked.is_closed:
                self._events.modify_rejected(order, answer.error or f"unexpected answer {item!r}")
            # The venue may have removed the old order before it refused the new one.
            self._follow_cancel(order, tracked, self._now_ms() + _CANCEL_CONFIRM_MS, is_acknowledged=False)

    def _asset(self, order: Order) -> int:
        asset: int = self._instruments[parsing.coin(order.instrument_id)].info["asset"]
        return asset

    def _now_ms(self) -> int:
        return self._now_ns() // 1_000_000


def oid_of(venue_order_id: VenueOrderId | None) -> int | None:
    """Return the venue's own id, None where Nautilus or a split fill has made one up."""
    return int(venue_order_id.value) if venue_order_id is not None and venue_order_id.value.isdigit() else None


def _words(error: Rejected | RateLimited) -> str:
    return error.reason if isinstance(error, Rejected) else str(error)
