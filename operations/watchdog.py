"""The dead man's switch for accounts whose venue grants none: a process that cancels when the node's beat stops.

It cancels the orders that carry a client id (a node names all of its own, a person's order has none) until
none rests, and closes nothing: what is held stays as it is until a node or a person sees to it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum
from pathlib import Path

from adapters.by_hand import AccountByHand
from adapters.errors import VenueError
from operations.presence import Seen, State, look

POLL_SECS = 0.25
CANCEL_PAUSE_SECS = 0.5
GRACE_SECS = 6.0  # how long an order that was on its way may still arrive: a signed action's life and a little


class Exit(IntEnum):
    """How a watch ended."""

    NODE_STOPPED = 0  # in order, and nothing of it rests
    NODE_DIED = 1  # or hung; its orders are cancelled
    NEVER_STARTED = 3
    ORDERS_LEFT = 4  # they could not be cancelled in time


class Watchdog:
    """Watches one node by its presence file; `silence_secs` without a beat count as death."""

    def __init__(
        self,
        accounts: Sequence[AccountByHand],
        presence: Path,
        say: Callable[[str], None],
        *,
        silence_secs: float,
        start_secs: float,
        cancel_secs: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_secs: Callable[[], float] = time.monotonic,
        see: Callable[[Path], Seen] = look,
    ) -> None:
        self._accounts, self._presence, self._say = accounts, presence, say
        self._silence_secs, self._start_secs, self._cancel_secs = silence_secs, start_secs, cancel_secs
        self._sleep, self._now_secs, self._see = sleep, now_secs, see

    async def run(self) -> Exit:
        """Watch until the node's end; return how that was."""
        if not await self._started():
            self._say(f"the trader has not started within {self._start_secs:.0f} s")
            return Exit.NEVER_STARTED if await self.cancel_all() else Exit.ORDERS_LEFT
        self._say("watching")
        reason = await self._ended()
        self._say(reason or "the node has stopped in order")
        if not await self.cancel_all(0.0 if reason is None else GRACE_SECS):
            return Exit.ORDERS_LEFT
        return Exit.NODE_STOPPED if reason is None else Exit.NODE_DIED

    async def _started(self) -> bool:
        """Wait until a living node's trader runs; one that began and is gone again has not started."""
        deadline, was_alive = self._now_secs() + self._start_secs, False
        while self._now_secs() < deadline:
            seen = self._see(self._presence)
            if seen.is_alive and seen.record is not None and seen.record.state is State.RUNNING:
                return True
            if was_alive and not seen.is_alive:
                return False
            was_alive = seen.is_alive
            await self._sleep(POLL_SECS)
        return False

    async def _ended(self) -> str | None:
        """Wait for the node's end; return why it is taken for dead, None where it stopped in order."""
        beats, heard_secs = -1, self._now_secs()
        while True:
            seen, now_secs = self._see(self._presence), self._now_secs()
            if not seen.is_alive:
                is_orderly = seen.record is not None and seen.record.state is State.STOPPED
                return None if is_orderly else "the node's process is gone"
            if seen.record is not None and seen.record.beats != beats:
                beats, heard_secs = seen.record.beats, now_secs
            elif now_secs - heard_secs > self._silence_secs:
                return f"the node lives, but has not beaten for {now_secs - heard_secs:.0f} s"
            await self._sleep(POLL_SECS)

    async def cancel_all(self, grace_secs: float = 0.0) -> bool:
        """Cancel until every venue has shown nothing of ours after `grace_secs`; return whether that came true in time."""
        works = (self._cancel(account, grace_secs) for account in self._accounts)
        return all(await asyncio.gather(*works))

    async def _cancel(self, account: AccountByHand, grace_secs: float) -> bool:
        began_secs, said = self._now_secs(), ""
        while self._now_secs() < began_secs + self._cancel_secs:
            is_late = self._now_secs() >= began_secs + grace_secs
            try:
                ours = [order for order in (await account.look()).orders if order.client_id]
                if ours:
                    self._say(f"{account.venue}: cancelling {', '.join(str(order.client_id) for order in ours)}")
                    await account.cancel(ours)
                elif is_late:
                    self._say(f"{account.venue}: no order of the node rests")
                    return True
            except VenueError as e:
                if str(e) != said:
                    said = str(e)
                    self._say(f"{account.venue}: {said}")
            await self._sleep(CANCEL_PAUSE_SECS)
        self._say(f"{account.venue}: ORDERS MAY STILL REST, look there by hand")
        return False
