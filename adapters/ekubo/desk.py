"""Works the orders: one slice after another, each quoted, verified, sent, proven and booked before the next."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import msgspec

from adapters.ekubo.account import Account
from adapters.ekubo.journal import TransactionJournal
from adapters.ekubo.planning import Objection, Plan, SwapOrder
from adapters.ekubo.rpc import NodeCode, NodeRefused
from adapters.ekubo.sending import Fate, Slot
from adapters.ekubo.slices import CoolDown
from adapters.errors import OutcomeUnknown, Rejected, VenueError

_TRIES = 2  # of a slice of which nothing was executed: a quote may have grown old, a nonce may have been taken
_ENDS = {
    Fate.CANCELED: "not executed in time: its nonce was given to a transaction that does nothing",
    Fate.REPLACED: "never executed",
}


class Planner(Protocol):
    """Turns what is left of an order into the next swap."""

    async def plan(self, order: SwapOrder, remaining: int) -> Plan | Objection:
        """Return the next slice, or why there is none; raises `VenueError` where nothing could be learned."""


class Events(Protocol):
    """Whoever is told what became of orders."""

    def accepted(self, order: SwapOrder, slot: Slot) -> None:
        """A node has taken the first transaction of an order."""

    def is_over(self, order: SwapOrder) -> bool:
        """Whether an order is taken for ended already."""

    def filled(self, order: SwapOrder, slot: Slot) -> None:
        """A slice was executed."""

    def gas_paid(self, slot: Slot) -> None:
        """A transaction was charged for."""

    def canceled(self, order: SwapOrder) -> None:
        """No more of an order will be executed."""

    def rejected(self, order: SwapOrder, words: str) -> None:
        """Nothing of an order was executed, or will be."""

    def inherited(self, slots: list[Slot]) -> None:
        """The transactions of an order that an earlier process had left open are proven."""


class Work(msgspec.Struct):
    """An order at work."""

    order: SwapOrder
    stop: asyncio.Event
    filled: int = 0
    is_accepted: bool = False
    is_over: bool = False  # no slice is to follow
    words: str = ""  # why


class SwapDesk:
    """Works any number of orders; the account's turn lets one of them at a time quote and send."""

    def __init__(
        self,
        *,
        account: Account,
        journal: TransactionJournal,
        planner: Planner,
        events: Events,
        cool_down: CoolDown,
        max_slices: int,
        turn_secs: float,
        now_ns: Callable[[], int],
        log: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account, self._journal, self._planner, self._events = account, journal, planner, events
        self._cool_down, self._max_slices, self._turn_secs = cool_down, max_slices, turn_secs
        self._now_ns, self._log, self._sleep = now_ns, log, sleep
        self._works: dict[str, Work] = {}

    @property
    def works(self) -> list[Work]:
        """The orders at work."""
        return list(self._works.values())

    def cancel(self, client_order_id: str) -> bool:
        """Begin nothing more of an order, and return whether it is at work; a slice that is out is seen through."""
        work = self._works.get(client_order_id)
        if work is not None:
            work.stop.set()
        return work is not None

    def told(self, slot: Slot) -> None:
        """Hear of a slot at work: an order is accepted when a node has taken its first transaction."""
        work = self._works.get(slot.swap.client_order_id)
        if work is not None and slot.is_taken:
            self._accept(work, slot)

    async def work(self, order: SwapOrder) -> None:
        """Work an order to its end."""
        work = Work(order, asyncio.Event())
        self._works[order.client_order_id] = work
        try:
            for _ in range(self._max_slices):
                if work.is_over or work.filled >= order.quantity:
                    break
                await self._slice(work)
            self._finish(work)
        except OutcomeUnknown as e:
            self._log(f"order {order.client_order_id} is in doubt until a person has looked: {e}")
        except Exception as e:  # something of it may not have been told
            self._stop(f"order {order.client_order_id} broke off: {e!r}")
            raise
        finally:
            del self._works[order.client_order_id]

    async def resume(self) -> None:
        """Prove and book what an earlier process has left open; nothing new is sent before that, or where it fails."""
        try:
            await self._settle_pending()
        except Exception as e:
            self._stop(f"what an earlier process left open is not booked: {e!r}")
            raise

    async def _settle_pending(self) -> None:
        found: dict[str, list[Slot]] = {}
        async with self._account.turn:
            for slot in self._journal.pending():
                self._log(f"transaction {slot.key} of order {slot.swap.client_order_id} was left open: asking what became of it")
                settled = await self._account.settle(slot)
                found.setdefault(slot.swap.client_order_id, []).append(settled)
            for slots in found.values():
                self._events.inherited(slots)
                for slot in slots:
                    self._charge_and_settle(slot)

    def _stop(self, fault: str) -> None:
        """Let nothing be sent any more, unless it is stopped already: a first fault says most."""
        self._account.fault = self._account.fault or fault

    # -- one order

    async def _slice(self, work: Work) -> None:
        """Execute the next slice of an order, or find that there is to be none."""
        order = work.order
        await self._wait(work, self._cool_down.wait_secs(order.instrument_id, order.is_buy, self._now_ns()))
        async with self._turn(work) as has_turn:
            for _ in range(_TRIES if has_turn else 0):
                if self._is_stopped(work):
                    break
                slot = await self._try(work)
                if slot is not None and slot.fate is Fate.SUCCEEDED:
                    return
                if work.is_over or (slot is not None and slot.fate is not Fate.REFUSED):
                    break
        work.is_over = True

    def _is_stopped(self, work: Work) -> bool:
        """Whether the order was cancelled, or is over for whoever has placed it: what came of it then would count for nothing."""
        return work.stop.is_set() or self._events.is_over(work.order)

    async def _try(self, work: Work) -> Slot | None:
        """Quote, send and book one slice; None where nothing was sent, with the reason in the work's words."""
        order = work.order
        if (plan := await self._plan(work)) is None:
            return None
        try:
            slot = await self._account.execute(plan.calls, plan.swap, plan.fresh_until_ns, lambda: not self._is_stopped(work))
        except OutcomeUnknown:
            raise
        except NodeRefused as e:
            work.words = f"would revert: {e.reason}" if e.node_code is NodeCode.EXECUTION_ERROR else str(e)
            return None
        except VenueError as e:
            work.words = e.reason if isinstance(e, Rejected) else f"not sent: {e}"
            return None
        if plan.count > 1:
            self._cool_down.note(order.instrument_id, order.is_buy, self._now_ns())
        self._book(work, slot, plan)
        return slot

    async def _plan(self, work: Work) -> Plan | None:
        try:
            plan = await self._planner.plan(work.order, work.order.quantity - work.filled)
        except VenueError as e:
            work.words = e.reason if isinstance(e, Rejected) else f"not sent: {e}"
        except Exception as e:  # nothing has left: whatever broke, the order must not hang
            work.words, work.is_over = f"could not be planned: {e!r}", True
        else:
            if isinstance(plan, Plan):
                return plan
            work.words, work.is_over = plan.words, plan.is_final
        return None

    def _book(self, work: Work, slot: Slot, plan: Plan) -> None:
        """Tell what a proven slot did, then write down that it was told: a crash in between tells it again, by the same ids."""
        if slot.fate is Fate.SUCCEEDED:
            self._accept(work, slot)
            self._events.filled(work.order, slot)
            work.filled += _counted(work.order, slot, plan)
        elif slot.fate is Fate.REVERTED:
            work.words = f"reverted: {slot.booking.reason if slot.booking else slot.words}"
        else:
            work.words = f"{_ENDS.get(slot.fate, 'refused')}: {slot.words}" if slot.fate else slot.words
        self._charge_and_settle(slot)

    def _charge_and_settle(self, slot: Slot) -> None:
        if slot.booking is not None:
            self._events.gas_paid(slot)
        self._journal.settle(slot)

    def _accept(self, work: Work, slot: Slot) -> None:
        if not work.is_accepted:
            work.is_accepted = True
            self._events.accepted(work.order, slot)

    def _finish(self, work: Work) -> None:
        if work.filled >= work.order.quantity:
            return
        if work.filled or self._is_stopped(work):
            self._log(f"order {work.order.client_order_id}: {work.filled} of {work.order.quantity} executed. {work.words}")
            self._events.canceled(work.order)
        else:
            self._events.rejected(work.order, work.words or "no slice could be executed")

    # -- waiting

    @contextlib.asynccontextmanager
    async def _turn(self, work: Work) -> AsyncIterator[bool]:
        """Take the account's turn; false where it is not to be had in time."""
        try:
            async with asyncio.timeout(self._turn_secs):
                await self._account.turn.acquire()
        except TimeoutError:
            work.words = f"not sent: {self._account.fault or 'the account is busy'}"
            yield False
            return
        try:
            yield True
        finally:
            self._account.turn.release()

    async def _wait(self, work: Work, secs: float) -> None:
        """Wait, but no longer than until the order is cancelled."""
        if secs <= 0 or work.stop.is_set():
            return
        waits = [asyncio.ensure_future(self._sleep(secs)), asyncio.ensure_future(work.stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _counted(order: SwapOrder, slot: Slot, plan: Plan) -> int:
    """Return what a slice has executed of its order, in base units, as its fill says it: whole granules, no more than was cut."""
    assert slot.booking is not None
    executed = slot.booking.bought if order.is_buy else slot.booking.sold
    return min(executed, plan.size) // order.granule * order.granule
