"""Find out what became of an order whose outcome is not known, by asking and never by sending."""

import asyncio
from collections.abc import Callable, Sequence

from adapters.errors import VenueError
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.orders import Fact, Phase, TrackedOrder, phase
from adapters.hyperliquid.schemas import Fill, OrderUpdate
from adapters.transport.backoff import delay_secs

_GRACE_MS = 1_000  # after an expiry, for what was executed just before it to become visible
_CLOCK_SKEW_MS = 60_000  # how far our stamp on an order may lie from the venue's
_POLL_SECS = 0.05
_ABSENCES_NEEDED = 2  # an order is younger than the venue's index for a moment
_STABLE_READS_NEEDED = 6  # about ten seconds in which the venue's list of fills does not grow


class Resolver:
    """Asks the venue until it knows; unreachable or unwilling, it asks again with growing pauses.

    `take_fills` gets every fill read (it drops those known), `tell` whatever has become true.
    """

    def __init__(
        self,
        http: HyperliquidHttp,
        user: str,
        *,
        take_fills: Callable[[Sequence[Fill]], None],
        tell: Callable[[TrackedOrder, list[Fact]], None],
        now_ms: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._http, self._user = http, user
        self._take_fills, self._tell, self._now_ms, self._log = take_fills, tell, now_ms, log

    async def settle_submission(self, order: TrackedOrder, expires_ms: int) -> None:
        """Bring a submission out of doubt.

        It counts as refused only when the venue, by its own clock past the action's expiry, has
        repeatedly not known it and has no fill of it either.
        """
        await self._wait(expires_ms + _GRACE_MS, lambda: order.is_settled)
        attempt = absences = 0
        while not order.is_settled:
            try:
                venue_ms = (await self._http.clearinghouse_state(self._user)).time
                update = await self._ask(order)
            except VenueError as e:
                self._log(f"{order.client_order_id} is in doubt: {e}")
            else:
                if update is None and venue_ms > expires_ms:
                    absences += 1
                if absences >= _ABSENCES_NEEDED and not order.is_settled:
                    self._tell(order, order.refuse("never arrived: unknown to the venue after its expiry", self._now_ms()))
                if (
                    order.oid is not None
                    and not order.is_closed
                    and update is not None
                    and phase(update.status) is not Phase.OPEN
                ):
                    await self.complete_fills(order)
            attempt = await self._pause(attempt, lambda: order.is_settled)

    async def settle_cancel(self, order: TrackedOrder, at_ms: int, *, is_acknowledged: bool) -> bool:
        """Return whether the order has ended; False: it lives on, so a cancel in doubt did not happen."""
        await self._wait(at_ms, lambda: order.is_closed)
        attempt = 0
        while not order.is_closed:
            try:
                update = await self._ask(order)
            except VenueError as e:
                self._log(f"the cancel of {order.client_order_id} is in doubt: {e}")
            else:
                if order.misses_fills:
                    await self.complete_fills(order)
                elif update is not None and phase(update.status) is Phase.OPEN and not is_acknowledged:
                    return False
            attempt = await self._pause(attempt, lambda: order.is_closed)
        return True

    async def settle_modify(self, order: TrackedOrder, old_oid: int | None, expires_ms: int) -> bool:
        """Return whether the order, `old_oid` when its replacement was sent, was replaced."""
        await self._wait(expires_ms + _GRACE_MS, lambda: not order.is_modifying)
        attempt = 0
        while order.is_modifying and not order.is_closed:
            try:
                update = await self._ask(order)
            except VenueError as e:
                self._log(f"the replacement of {order.client_order_id} is in doubt: {e}")
            else:
                if update is not None and order.is_modifying:
                    self._tell(order, order.end_modify(None, self._now_ms()))
            attempt = await self._pause(attempt, lambda: not order.is_modifying)
        return order.oid != old_oid

    async def complete_fills(self, order: TrackedOrder) -> None:
        """Read fills until all that belong to an ended order are known."""
        attempt = stable = 0
        while not order.is_closed:
            attempt = await self._pause(attempt, lambda: order.is_closed)
            if order.is_closed:  # they came by themselves, as they mostly do
                return
            known = order.filled
            try:
                await self._read_fills(order)
            except VenueError as e:
                self._log(f"fills of {order.client_order_id} are missing: {e}")
                continue
            stable = stable + 1 if order.filled == known else 0
            if stable >= _STABLE_READS_NEEDED:
                self._log(f"{order.client_order_id}: the venue lists only {order.filled} of {order.quantity} as filled")
                self._tell(order, order.fills_are_complete(self._now_ms()))

    async def _ask(self, order: TrackedOrder) -> OrderUpdate | None:
        """Read the fills and then the state of an order, so that fills are told first."""
        await self._read_fills(order)
        answer = await self._http.order_status(self._user, order.cloid)
        if answer.order is not None:
            self._tell(order, order.update(answer.order))
        return answer.order

    async def _read_fills(self, order: TrackedOrder) -> None:
        self._take_fills(await self._http.fills(self._user, order.created_ms - _CLOCK_SKEW_MS))

    async def _wait(self, until_ms: int, is_done: Callable[[], bool]) -> None:
        while self._now_ms() < until_ms and not is_done():  # noqa: ASYNC110 - it can be settled in many places
            await asyncio.sleep(_POLL_SECS)

    async def _pause(self, attempt: int, is_done: Callable[[], bool]) -> int:
        pause_secs = delay_secs(attempt, base_secs=0.5, cap_secs=5.0, jitter=1.0)
        await self._wait(self._now_ms() + round(pause_secs * 1000), is_done)
        return attempt + 1
