"""Takes up what an earlier process left: asks what became of its orders, and then what the venues hold."""

from decimal import Decimal
from typing import Protocol

import msgspec

from strategies.pair import PairMachine
from strategies.pair_orders import Canceled, Observed, OrderEvent, OrderRecord, Rejected

_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS = 500_000_000, 5_000_000_000
_LONGEST_TICK_NS = 1_000_000_000  # what one tick counts for at most
_ABSENCES_NEEDED = 2
_READS_NEEDED, _STEADY_NS = 3, 1_000_000_000


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says of one order when asked by its client order id; one that cannot be asked gives no answer.

    `question` is the number it was asked with; `filled` is in base units, what it filled in all so far.
    """

    client_order_id: str
    is_known: bool
    is_open: bool
    filled: Decimal
    question: int


class Venues(Protocol):
    """What recovery asks of the venues."""

    def query(self, instrument_id: str, client_order_id: str, question: int) -> None:
        """Ask what became of an order; the answer comes as an `OrderAnswer` with that number, or never."""
        ...

    def cancel_all(self, instrument_id: str) -> None:
        """Cancel whatever rests in an instrument."""
        ...

    def position(self, instrument_id: str) -> Decimal | None:
        """Return the venue-level net position (signed, base units), None while the venue cannot be heard."""
        ...


class Recovery:
    """The recovery of one pair; `settle_ns` is after how long an order sent by an earlier process is void.

    Time counts by the ticks lived through, so that a clock that jumps makes nothing void too early.
    """

    def __init__(self, machine: PairMachine, venues: Venues, now_ns: int, settle_ns: int) -> None:
        self.machine, self._venues, self._settle_ns = machine, venues, settle_ns
        self._last_ns, self._lived_ns = now_ns, 0
        self._pause_ns, self._ask_at_ns = _FIRST_PAUSE_NS, 0
        self._questions = 0
        self._voiding: int | None = None  # the first question put when nothing could be executed any more
        self._absences: dict[str, int] = {}
        self._reading: tuple[Decimal, Decimal] | None = None
        self._reads = self._read_at_ns = 0

    def tick(self, now_ns: int) -> Observed | None:
        """Ask again where an order's fate is open; return the positions once they are known and steady."""
        self._lived_ns += min(max(now_ns - self._last_ns, 0), _LONGEST_TICK_NS)
        self._last_ns = now_ns
        if self.machine.book.working:
            self._reading = None
            if self._lived_ns >= self._ask_at_ns:
                self._ask()
            return None
        return self._observe() if self.machine.awaits_truth else None

    def answer(self, answer: OrderAnswer) -> OrderEvent | None:
        """Return what an answer says of an order, None where it says nothing final."""
        key = answer.client_order_id
        order = self.machine.orders.get(key)
        if order is None or order.is_over:
            return None
        if answer.is_open:
            self._venues.cancel_all(self._instrument_id(order))
            return None
        if answer.is_known:
            return Canceled(key, answer.filled)
        # Unknown may mean not yet: it counts once nothing that was sent before can be executed any more.
        is_void = self._voiding is not None and answer.question >= self._voiding
        self._absences[key] = self._absences.get(key, 0) + 1 if is_void else 0
        if self._absences[key] >= _ABSENCES_NEEDED:
            return Rejected(key, "NEVER_ARRIVED: unknown to the venue after it had expired")
        return None

    def _ask(self) -> None:
        self._questions += 1
        if self._voiding is None and self._lived_ns >= self._settle_ns:
            self._voiding, self._pause_ns = self._questions, _FIRST_PAUSE_NS
        self._ask_at_ns = self._lived_ns + self._pause_ns
        if self._voiding is None:
            self._ask_at_ns = min(self._ask_at_ns, self._settle_ns)
        self._pause_ns = min(2 * self._pause_ns, _LONGEST_PAUSE_NS)
        for order in self.machine.book.working:
            self._venues.query(self._instrument_id(order), order.request.client_order_id, self._questions)

    def _observe(self) -> Observed | None:
        """Believe the positions once they have been read several times without a change: one odd read means nothing."""
        first, second = (self._venues.position(leg.instrument_id) for leg in self.machine.plan.legs)
        if first is None or second is None:
            self._reading = None
            return None
        if (first, second) != self._reading:
            self._reading, self._reads, self._read_at_ns = (first, second), 0, self._lived_ns
        self._reads += 1
        is_steady = self._reads >= _READS_NEEDED and self._lived_ns - self._read_at_ns >= _STEADY_NS
        return Observed((first, second)) if is_steady else None

    def _instrument_id(self, order: OrderRecord) -> str:
        return self.machine.plan.legs[order.request.leg].instrument_id
