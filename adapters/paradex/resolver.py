"""Finds out what became of an order whose outcome is in doubt; never sends anything.

The venue is asked by client id until it has said something final. Only a venue that answers, twice,
and knows no such order after its signature has expired, makes the order a refused one.
"""

import asyncio
from collections.abc import Callable

from adapters.errors import VenueError
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.orders import OrderEvent, OrderTracker, TrackedOrder

REST_FEED = "rest"
_EXPIRY_MARGIN_MS = 1000  # clocks differ, and the venue's history lags its order book
_MISSES_NEEDED = 2
_FIRST_WAIT_SECS, _LONGEST_WAIT_SECS = 0.5, 5.0
_JUST_AFTER_SECS = 0.05
_FILLS_LOOKBACK_MS = 60_000

type Apply = Callable[[TrackedOrder, list[OrderEvent]], None]


class Resolver:
    """Reads orders and fills over REST into the tracker."""

    def __init__(
        self,
        http: ParadexAccountHttp,
        tracker: OrderTracker,
        apply: Apply,
        now_ms: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._http, self._tracker, self._apply, self._now_ms, self._log = http, tracker, apply, now_ms, log

    async def settle(self, order: TrackedOrder, expires_ms: int) -> None:
        """Ask about an order until nothing of it is in doubt; `expires_ms` ends its signature's life."""
        misses, wait_secs = 0, _FIRST_WAIT_SECS
        while not order.is_settled:
            asked_ms = self._now_ms()
            try:
                is_known = await self.refresh(order)
            except VenueError as e:
                self._log(f"{order.key} is in doubt, and the venue does not say: {e}")
            else:
                is_void = not is_known and asked_ms > expires_ms + _EXPIRY_MARGIN_MS
                misses = misses + 1 if is_void else 0
                if misses >= _MISSES_NEEDED:
                    reason = "never reached the venue: unknown there after its signature expired"
                    self._apply(order, self._tracker.refuse(order, reason, self._now_ms()))
                    return
            if not order.is_settled:
                # Not past the moment from which on a no counts, and then at once again for the second one.
                left_secs = (expires_ms + _EXPIRY_MARGIN_MS - self._now_ms()) / 1000 + _JUST_AFTER_SECS
                soonest_secs = left_secs if left_secs > 0 else _FIRST_WAIT_SECS if misses else wait_secs
                await asyncio.sleep(min(wait_secs, soonest_secs))
                wait_secs = min(_LONGEST_WAIT_SECS, wait_secs * 2)

    async def refresh(self, order: TrackedOrder) -> bool:
        """Read an order and any fills it lacks; return whether the venue knows it."""
        rows = await self._http.orders_by_client_id(order.key, order.market)
        if not rows and order.order_id is not None:
            found = await self._http.order_by_id(order.order_id, order.market)
            rows = [] if found is None else [found]
        for row in sorted(rows, key=lambda row: row.status == "CLOSED"):
            self._apply(*self._tracker.on_order(row, REST_FEED))
        if order.lacks_fills and order.closed is not None:
            await self._pull_fills(order, order.closed.created_at - _FILLS_LOOKBACK_MS)
        return bool(rows)

    async def _pull_fills(self, order: TrackedOrder, start_ms: int) -> None:
        for fill in reversed(await self._http.fills(start_ms, order.market)):
            if fill.client_id == order.key or fill.order_id == order.order_id:
                self._apply(*self._tracker.on_fill(fill))
