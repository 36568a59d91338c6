"""The kill switch: cancel everything, close both legs together, look again until it is so.

It works on the venues' HTTP alone, with reduce-only orders that never rest, so it can run beside a node
that hangs and beside one that is closing the same positions: nothing here can open or flip a position.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from adapters.by_hand import AccountByHand, Look, OpenPosition
from adapters.errors import OutcomeUnknown, VenueError

SLIPPAGES_BPS = (50, 100, 200, 300, 500)  # of one attempt after the other, the last one for good
FLAT_LOOKS = 2  # in a row: an order that was under way may still arrive after the first
PAUSE_SECS = 0.7


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """What is left at one venue: its last reading, or why there is none."""

    venue: str
    look: Look | None
    error: str

    @property
    def is_flat(self) -> bool:
        """Whether the venue was read last and held nothing."""
        return not self.error and self.look is not None and self.look.is_flat

    def words(self) -> str:
        """Return the state in one line."""
        if self.error:
            return f"{self.venue}: NOT KNOWN, {self.error}" + ("" if self.look is None else f"; last seen {_contents(self.look)}")
        return f"{self.venue}: {'flat' if self.look is None or self.look.is_flat else 'LEFT: ' + _contents(self.look)}"


class _Side:
    """One venue's progress."""

    def __init__(self, account: AccountByHand) -> None:
        self.account = account
        self.look: Look | None = None
        self.error = "not read yet"
        self.is_lost = False  # and that has been said
        self.flat_looks = self.closings = 0

    @property
    def is_done(self) -> bool:
        return self.flat_looks >= FLAT_LOOKS

    @property
    def orders(self) -> int:
        return 0 if self.error or self.look is None else len(self.look.orders)

    @property
    def positions(self) -> tuple[OpenPosition, ...]:
        return () if self.error or self.look is None else self.look.positions


class Flattening:
    """Brings accounts to flat; `say` takes a line for the person who waits."""

    def __init__(
        self,
        accounts: Sequence[AccountByHand],
        say: Callable[[str], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_secs: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sides, self._say, self._sleep, self._now_secs = [_Side(account) for account in accounts], say, sleep, now_secs

    async def run(self, within_secs: float) -> list[Leftover]:
        """Act until all accounts are flat or the time is over; return what is left by venue."""
        deadline = self._now_secs() + within_secs
        while True:
            await self._look()
            if all(side.is_done for side in self._sides) or self._now_secs() >= deadline:
                return self.leftovers()
            await asyncio.gather(*(self._cancel(side) for side in self._sides if side.orders))
            await asyncio.gather(*(self._close(side) for side in self._sides if side.positions))
            await self._sleep(PAUSE_SECS)

    async def watch(self, within_secs: float) -> bool:
        """Only look, until all accounts are flat or the time is over; return whether they are."""
        deadline = self._now_secs() + within_secs
        while self._now_secs() < deadline:
            await self._look()
            if all(side.is_done for side in self._sides):
                return True
            await self._sleep(PAUSE_SECS)
        return False

    def leftovers(self) -> list[Leftover]:
        """Return what the last look found by venue."""
        return [Leftover(venue=side.account.venue, look=side.look, error=side.error) for side in self._sides]

    async def _look(self) -> None:
        await asyncio.gather(*(self._look_at(side) for side in self._sides))

    async def _look_at(self, side: _Side) -> None:
        try:
            side.look, error = await side.account.look(), ""
        except VenueError as e:
            error = str(e)
        if error and not side.is_lost:
            self._say(f"{side.account.venue}: cannot be read: {error}")
        side.error, side.is_lost = error, bool(error)
        side.flat_looks = side.flat_looks + 1 if not error and side.look is not None and side.look.is_flat else 0

    async def _cancel(self, side: _Side) -> None:
        self._say(f"{side.account.venue}: cancelling {side.orders} order(s)")
        try:
            await side.account.cancel_all()
        except VenueError as e:
            self._say(f"{side.account.venue}: cancelling failed: {e}")

    async def _close(self, side: _Side) -> None:
        slippage_bps = SLIPPAGES_BPS[min(side.closings, len(SLIPPAGES_BPS) - 1)]
        side.closings += 1
        await asyncio.gather(*(self._close_one(side, position, slippage_bps) for position in side.positions))

    async def _close_one(self, side: _Side, position: OpenPosition, slippage_bps: int) -> None:
        try:
            self._say(f"{side.account.venue}: {await side.account.close(position, slippage_bps)}")
        except OutcomeUnknown as e:  # reduce-only: whatever became of it, the next look tells what is left
            self._say(f"{side.account.venue}: closing {position.market} is in doubt: {e}")
        except VenueError as e:
            self._say(f"{side.account.venue}: closing {position.market} failed: {e}")


def _contents(look: Look) -> str:
    held = [f"{position.quantity.normalize():+f} {position.market}" for position in look.positions]
    return ", ".join([*held, *([f"{len(look.orders)} order(s)"] if look.orders else [])]) or "nothing"
