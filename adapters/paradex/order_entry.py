"""Sends orders, changes and cancels, once each, and sees every one of them through to a known end."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import Logger
from nautilus_trader.execution.client import ExecutionClient
from nautilus_trader.model.identifiers import ClientOrderId

from adapters.errors import Connectivity, OutcomeUnknown, Protocol, Rejected, VenueError
from adapters.paradex import commands
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.config import ParadexExecClientConfig
from adapters.paradex.events import EventEmitter
from adapters.paradex.orders import OrderTracker, TrackedOrder
from adapters.paradex.private import PrivateChannel
from adapters.paradex.quota import RetailQuota
from adapters.paradex.resolver import Resolver
from adapters.paradex.schemas import BatchItem, BatchReply, Order, OrderReply, decode
from adapters.paradex.signing import Signer

REPLY_FEED = "reply"
QUIET_SECS = 3.0  # after which an order without final news is asked about
SPEED_BUMP_MS = 500  # how long a retail order may be held back before it counts as received
MAX_BATCH = 10
_CANCEL_ATTEMPTS = 3
# A code that says the request was wrong. Any other failure of a batch's item leaves its outcome open.
_REFUSAL_PREFIXES = (
    "INVALID_",
    "SYSTEM_STATUS_",
    "MARKET_",
    "VALIDATION_",
    "BINDING_",
    "ORDER_",
    "RPI_",
    "NO_ACCESS",
    "REQUEST_",
)
_KNOWN_ALREADY = "DUPLICATED_CLIENT_ID"  # so an order of that id is there: nothing was refused but a repetition


class OrderEntry:
    """The outgoing half of one execution client; `spawn` runs a coroutine in the background under a name."""

    signer: Signer | None = None

    def __init__(
        self,
        *,
        client: ExecutionClient,
        cache: Cache,
        channel: PrivateChannel,
        http: ParadexAccountHttp,
        tracker: OrderTracker,
        resolver: Resolver,
        emitter: EventEmitter,
        quota: RetailQuota | None,
        settings: ParadexExecClientConfig,
        now_ms: Callable[[], int],
        spawn: Callable[[Coroutine[Any, Any, None], str], Any],
        log: Logger,
    ) -> None:
        self._client, self._cache, self._channel, self._http = client, cache, channel, http
        self._tracker, self._resolver, self._emitter, self._quota = tracker, resolver, emitter, quota
        self._settings, self._now_ms, self._spawn, self._log = settings, now_ms, spawn, log

    # -- new orders

    async def place(self, order: Any, *, is_rpi: bool = False) -> None:
        """Send one order."""
        tracked = self._admit(order, is_rpi=is_rpi)
        if tracked is None:
            return
        window_ms = self._window_ms([tracked])
        expires_ms = self._expires_ms(window_ms)
        try:
            news = await self._send_order(self._signed(order, window_ms, is_rpi=is_rpi), window_ms / 1000)
        except (OutcomeUnknown, Protocol) as e:
            self._doubt(tracked, expires_ms, str(e))
        except (VenueError, ValueError) as e:
            self._refuse(tracked, expires_ms, str(e))
        else:
            self._take_reply(tracked, news, expires_ms)

    async def place_all(self, orders: Iterable[Any], *, is_rpi: bool = False) -> None:
        """Send orders together, ten to a message; each of them succeeds or fails for itself."""
        admitted = [(order, tracked) for order in orders if (tracked := self._admit(order, is_rpi=is_rpi)) is not None]
        for first in range(0, len(admitted), MAX_BATCH):
            await self._place_batch(admitted[first : first + MAX_BATCH], is_rpi=is_rpi)

    async def _place_batch(self, batch: list[tuple[Any, TrackedOrder]], *, is_rpi: bool) -> None:
        window_ms = self._window_ms([tracked for _, tracked in batch])
        expires_ms = self._expires_ms(window_ms)
        try:
            requests = [self._signed(order, window_ms, is_rpi=is_rpi) for order, _ in batch]
            items = await self._send_batch(requests)
        except (OutcomeUnknown, Protocol) as e:
            for _, tracked in batch:
                self._doubt(tracked, expires_ms, str(e))
        except (VenueError, ValueError) as e:
            for _, tracked in batch:
                self._refuse(tracked, expires_ms, str(e))
        else:
            for (_, tracked), item in zip(batch, items, strict=True):
                self._take_item(tracked, item, expires_ms)

    def _take_item(self, tracked: TrackedOrder, item: BatchItem, expires_ms: int) -> None:
        if item.order is not None:
            self._take_reply(tracked, item.order, expires_ms)
            return
        reason = " ".join(part for part in (item.error, item.message) if part) or "no word on this order of a batch"
        if (item.error or "").startswith(_REFUSAL_PREFIXES):
            self._refuse(tracked, expires_ms, reason)
        else:
            self._doubt(tracked, expires_ms, reason)

    def _admit(self, order: Any, *, is_rpi: bool) -> TrackedOrder | None:
        """Expect news of an order, or deny it and return None."""
        ids, now_ns = (order.strategy_id, order.instrument_id, order.client_order_id), self._now_ms() * 1_000_000
        reason = commands.unsupported(order, is_rpi=is_rpi, is_rpi_allowed=self._settings.is_rpi_allowed)
        reason = reason or self._quota_objection(order)
        if reason is not None:
            self._client.generate_order_denied(*ids, reason, now_ns)
            return None
        tracked = commands.tracked(order)
        tracked.is_sent_here = True
        self._tracker.track(tracked)
        self._count()
        self._client.generate_order_submitted(*ids, now_ns)
        return tracked

    def _quota_objection(self, order: Any) -> str | None:
        """Say why a retail account must not take this risk now; what closes a position always may."""
        if self._quota is None or order.is_reduce_only:
            return None
        return self._quota.objection(self._now_ms() / 1000)

    def _count(self) -> None:
        if self._quota is not None:
            self._quota.count(self._now_ms() / 1000)

    def _window_ms(self, orders: list[TrackedOrder]) -> int:
        """Return for how long orders may travel: a short while where a leg would stand alone meanwhile."""
        window_ms = self._settings.recv_window_ms
        are_immediate = all(order.is_immediate for order in orders)
        return min(window_ms, self._settings.immediate_window_ms) if are_immediate else window_ms

    def _signed(self, order: Any, window_ms: int, *, is_rpi: bool) -> dict[str, Any]:
        return commands.create_request(order, self._need_signer(), self._now_ms(), window_ms, is_rpi=is_rpi)

    def _expires_ms(self, window_ms: int) -> int:
        bump_ms = SPEED_BUMP_MS if self._settings.is_interactive else 0
        return self._now_ms() + window_ms + bump_ms

    async def _send_order(self, request: dict[str, Any], timeout_secs: float) -> Order:
        """Send an order once: by the socket, or by HTTP where the socket was not there to send it."""
        try:
            result = await self._channel.call("order.create", request, timeout_secs)
        except Connectivity:
            return await self._http.create_order(request)
        return _order_of(result)

    async def _send_batch(self, requests: list[dict[str, Any]]) -> list[BatchItem]:
        try:
            result = await self._channel.call("order.create_batch", {"orders": requests})
        except Connectivity:
            return await self._http.create_orders(requests)
        try:
            items = decode(BatchReply, result).results
        except msgspec.DecodeError as e:
            raise Protocol(f"batch reply not understood: {e}") from e
        if len(items) != len(requests):
            raise Protocol(f"{len(items)} answers to {len(requests)} orders")
        return items

    def _take_reply(self, tracked: TrackedOrder, news: Order, expires_ms: int) -> None:
        self._emitter.emit(*self._tracker.on_order(news, REPLY_FEED))
        self._spawn(self.settle_later(tracked, expires_ms), f"watch {tracked.key}")

    def _doubt(self, tracked: TrackedOrder, expires_ms: int, reason: str) -> None:
        self._log.warning(f"{tracked.key} is in doubt: {reason}")
        self._spawn(self._resolver.settle(tracked, expires_ms), f"resolve {tracked.key}")

    def _refuse(self, tracked: TrackedOrder, expires_ms: int, reason: str) -> None:
        """End an order that was refused in words, or never sent."""
        if _KNOWN_ALREADY in reason:
            self._doubt(tracked, expires_ms, reason)
        else:
            self._emitter.emit(tracked, self._tracker.refuse(tracked, reason, self._now_ms()))

    async def settle_later(self, order: TrackedOrder, expires_ms: int) -> None:
        """Ask about an order once it has been quiet for a while, and until nothing of it is in doubt."""
        await asyncio.sleep(QUIET_SECS)
        await self._resolver.settle(order, expires_ms)

    # -- changes

    async def modify(self, command: Any) -> None:
        """Give a resting limit order another total size or price."""
        order = self._cache.order(command.client_order_id)
        tracked = self._tracker.get(command.client_order_id.value)
        if order is None or tracked is None or tracked.price is None:
            self._log.error(f"cannot modify {command.client_order_id}: not a known limit order")
            return
        size = tracked.size if command.quantity is None else command.quantity.as_decimal()
        price = tracked.price if command.price is None else command.price.as_decimal()
        tracked.is_update_requested = True
        self._count()
        try:
            request = commands.modify_request(tracked, self._need_signer(), self._now_ms(), size, price)
            result = await self._channel.call("order.modify", request)
            self._emitter.emit(*self._tracker.on_order(_order_of(result), REPLY_FEED))
        except (OutcomeUnknown, Protocol) as e:
            self._log.warning(f"modification of {tracked.key} is in doubt: {e}")
        except (VenueError, ValueError) as e:
            tracked.is_update_requested = False
            self._modify_rejected(order, str(e))
            return
        self._spawn(self._confirm_update(order, tracked), f"confirm update of {tracked.key}")

    async def _confirm_update(self, order: Any, tracked: TrackedOrder) -> None:
        """Ask what became of a change; only a venue that shows the order as it was has refused it."""
        await asyncio.sleep(QUIET_SECS)
        if not tracked.is_update_requested or tracked.is_done or not await self._is_read(tracked):
            return
        if tracked.is_update_requested and not tracked.is_done:
            tracked.is_update_requested = False
            self._modify_rejected(order, "the venue still shows the order unchanged")

    def _modify_rejected(self, order: Any, reason: str) -> None:
        ids = (order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id)
        self._client.generate_order_modify_rejected(*ids, reason, self._now_ms() * 1_000_000)

    # -- cancels

    async def cancel(self, client_order_id: ClientOrderId) -> None:
        """Cancel one order."""
        tracked = self._cancellable(client_order_id)
        if tracked is not None:
            self._expect_end(tracked, await self.ask_cancel(tracked))

    async def cancel_many(self, client_order_ids: Iterable[ClientOrderId]) -> None:
        """Cancel orders: those the venue has named in one message, the others each for itself."""
        found = [tracked for name in client_order_ids if (tracked := self._cancellable(name)) is not None]
        named = [tracked for tracked in found if tracked.order_id is not None]
        if len(named) > 1 and await self._ask_cancel_batch(named):
            for tracked in named:
                self._expect_end(tracked, "")
            found = [tracked for tracked in found if tracked.order_id is None]
        await asyncio.gather(*(self.cancel(ClientOrderId(tracked.key)) for tracked in found))

    async def _ask_cancel_batch(self, named: list[TrackedOrder]) -> bool:
        self._count()
        try:
            await self._channel.call("order.cancel_batch", {"order_ids": [tracked.order_id for tracked in named]})
        except VenueError as e:
            self._log.warning(f"a batch of cancels is in doubt, trying one by one: {e}")
            return False
        return True

    def _cancellable(self, client_order_id: ClientOrderId) -> TrackedOrder | None:
        tracked = self._tracker.get(client_order_id.value)
        if tracked is None or tracked.is_done:
            self._log.warning(f"nothing to cancel of {client_order_id}")
            return None
        tracked.is_cancel_requested = True
        return tracked

    def _expect_end(self, tracked: TrackedOrder, objection: str) -> None:
        if not tracked.is_done:
            self._spawn(self._confirm_cancel(tracked, objection), f"confirm end of {tracked.key}")

    async def ask_cancel(self, tracked: TrackedOrder) -> str:
        """Ask for a cancel and return the venue's objection, empty where it has none."""
        self._count()
        try:
            await self._channel.call("order.cancel", commands.cancel_request(tracked))
        except Rejected as e:
            return str(e)
        except VenueError as e:
            return f"outcome unknown: {e}"
        return ""

    async def _confirm_cancel(self, tracked: TrackedOrder, reason: str) -> None:
        """See a cancel through: ask what became of the order and, as a cancel may be repeated, repeat it.

        It has failed when the venue has shown the order open after each of several cancels; a venue that
        does not answer has decided nothing.
        """
        seen_open = 0
        while seen_open < _CANCEL_ATTEMPTS:
            await asyncio.sleep(0.2 if reason and not seen_open else QUIET_SECS)
            seen_open += not tracked.is_done and await self._is_read(tracked)
            if tracked.is_done or tracked.lacks_fills:
                return
            reason = await self.ask_cancel(tracked) or reason
        order = self._cache.order(ClientOrderId(tracked.key))
        if order is not None and not tracked.is_done:
            tracked.is_cancel_requested = False
            ids = (order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id)
            words = reason or "the venue still shows the order open"
            self._client.generate_order_cancel_rejected(*ids, words, self._now_ms() * 1_000_000)

    async def _is_read(self, tracked: TrackedOrder) -> bool:
        try:
            await self._resolver.refresh(tracked)
        except VenueError as e:
            self._log.warning(f"{tracked.key} not read: {e}")
            return False
        return True

    def _need_signer(self) -> Signer:
        if self.signer is None:
            raise ValueError("not connected")
        return self.signer


def _order_of(result: bytes) -> Order:
    try:
        return decode(OrderReply, result).order
    except msgspec.DecodeError as e:
        raise Protocol(f"order reply not understood: {e}") from e
