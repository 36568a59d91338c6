"""What is known of each of our orders at the venue: pure, fed with facts in whatever order they come.

The venue tells of an order in three ways that may overtake one another: the answer to the action,
`orderUpdates` (states, never executions) and fills. An order is closed only when the terminal state
*and* every fill it implies are known, so no fill comes after the end of its order.

On a cancelled order `sz` stays at the unfilled remainder, so `orig_sz - sz` fills belong to it. On a
filled one `sz` has been seen both as 0 and as the original size: it says nothing.
"""

from decimal import Decimal
from enum import Enum, auto

import msgspec

from adapters.hyperliquid.refusals import Reason, reason_of
from adapters.hyperliquid.schemas import Fill, ItemStatus, OrderUpdate


class Accepted(msgspec.Struct, frozen=True):
    """The order exists at the venue."""

    oid: int
    ts_ms: int


class Executed(msgspec.Struct, frozen=True):
    """One fill of the order."""

    fill: Fill


class Canceled(msgspec.Struct, frozen=True):
    """The order is gone and all its fills have been told."""

    oid: int
    ts_ms: int
    reason: str


class Refused(msgspec.Struct, frozen=True):
    """The order never came to be."""

    reason: str
    ts_ms: int
    due_post_only: bool


class Replaced(msgspec.Struct, frozen=True):
    """The order lives on under another oid."""

    oid: int
    ts_ms: int


class Stray(msgspec.Struct, frozen=True):
    """A fill of an order that had been refused: real money, to be reported as an order of its own."""

    fill: Fill


type Fact = Accepted | Executed | Canceled | Refused | Replaced | Stray


class Phase(Enum):
    """How the venue's many status words are to be taken."""

    OPEN = auto()
    FILLED = auto()
    CANCELED = auto()
    REJECTED = auto()
    UNKNOWN = auto()


def phase(status: str) -> Phase:
    """Return what a status word means; new words are told by how they end."""
    if status in ("open", "triggered"):
        return Phase.OPEN
    if status == "filled":
        return Phase.FILLED
    if status.lower().endswith("canceled") or status in ("scheduledCancel", "internalCancel"):
        return Phase.CANCELED
    if status.lower().endswith("rejected"):
        return Phase.REJECTED
    return Phase.UNKNOWN


class TrackedOrder:
    """One order of ours; every method returns what has newly become true, to be told in that order."""

    def __init__(
        self,
        *,
        client_order_id: str,
        cloid: str,
        coin: str,
        quantity: Decimal,
        price: Decimal | None,
        is_ioc: bool,
        created_ms: int,
    ) -> None:
        self.client_order_id, self.cloid, self.coin = client_order_id, cloid, coin
        self.quantity, self.is_ioc, self.created_ms = quantity, is_ioc, created_ms
        self.price: Decimal | None = price
        self.oid: int | None = None
        self.filled = Decimal(0)
        self.is_refused = self.is_adopted = False
        self._replacement: tuple[Decimal, Decimal] | None = None
        self._is_closed = False
        self._is_answered = False
        self._old_oids: set[int] = set()
        self._filled_by_oid: dict[int, Decimal] = {}
        self._expected_by_oid: dict[int, Decimal] = {}
        self._ending: Canceled | None = None
        self._held: OrderUpdate | None = None

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is to come."""
        return self._is_closed

    @property
    def is_modifying(self) -> bool:
        """Whether a replacement has been sent and not been answered."""
        return self._replacement is not None

    @property
    def is_settled(self) -> bool:
        """Whether a submission is out of doubt: closed, or known to rest where it may rest."""
        return self._is_closed or (self.oid is not None and not self.is_ioc and not self.is_modifying)

    @property
    def misses_fills(self) -> bool:
        """Whether the venue has told of an end whose fills have not all arrived."""
        return not self._is_closed and not self._has_expected_fills()

    def adopt(self, oid: int | None, filled: Decimal) -> None:
        """Take over an order of an earlier process, as the cache or the venue has it.

        Its fills until then reach Nautilus by reconciliation and are not told again.
        """
        self.oid, self.filled = oid, filled
        self.is_adopted = self._is_answered = True
        if oid is not None:
            self._filled_by_oid[oid] = filled

    def answer(self, item: ItemStatus | str, now_ms: int) -> list[Fact]:
        """Take in the venue's answer to the submission."""
        self._is_answered = True
        if isinstance(item, str):  # waitingForFill and the like: it exists, its oid comes by itself
            return []
        if item.error is not None:
            return self.refuse(item.error, now_ms)
        if item.resting is not None:
            return self._accept(item.resting.oid, now_ms)
        if item.filled is None:
            return []
        oid, matched = item.filled.oid, item.filled.total_sz
        facts = self._accept(oid, now_ms)
        if not self._is_closed:
            self._expected_by_oid[oid] = matched
            if self.is_ioc and matched < self.quantity:
                self._ending = Canceled(oid, now_ms, "the rest of the order found no match")
        return facts + self._settle()

    def answer_lost(self, now_ms: int) -> list[Fact]:
        """The answer will not come: a refusal heard on the stream meanwhile now counts."""
        self._is_answered = True
        held, self._held = self._held, None
        return [] if held is None else self.update(held)

    def update(self, update: OrderUpdate) -> list[Fact]:
        """Take in an order state, streamed or asked for."""
        oid, ts_ms, kind = update.order.oid, update.status_timestamp, phase(update.status)
        if oid in self._old_oids or self._is_closed or kind is Phase.UNKNOWN:
            return []
        if kind is Phase.REJECTED and self.oid is None:
            if self._is_answered:
                return self.refuse(update.status, ts_ms)
            self._held = update  # the answer carries the venue's words
            return []
        if kind in (Phase.CANCELED, Phase.REJECTED) and self.is_modifying and oid == self.oid:
            self._held = update  # the old half of a replacement, or the end: the answer will tell
            return []
        facts = self._accept(oid, ts_ms)
        size = update.order.sz if update.order.orig_sz is None else update.order.orig_sz
        if kind is Phase.FILLED and self._ending is None:
            self._expected_by_oid[oid] = size
        elif kind in (Phase.CANCELED, Phase.REJECTED):
            self._expected_by_oid[oid] = size - update.order.sz
            self._ending = Canceled(oid, ts_ms, update.status)
        return facts + self._settle()

    def fill(self, fill: Fill) -> list[Fact]:
        """Take in one fill that was not seen before."""
        if self.is_refused:
            return [Stray(fill)]
        facts = self._accept(fill.oid, fill.time)
        self._filled_by_oid[fill.oid] = self._filled_by_oid.get(fill.oid, Decimal(0)) + fill.sz
        self.filled += fill.sz
        return [*facts, Executed(fill), *self._settle()]

    def fills_are_complete(self, now_ms: int) -> list[Fact]:
        """The venue's own list of fills has for long held no more than we know: close on what there is.

        An order that may rest and is said to be filled is not closed so: its fills must come.
        """
        if self._ending is None:
            if self.oid is None or not self.is_ioc:
                return []
            self._ending = Canceled(self.oid, now_ms, "ended with less than its size filled")
        self._expected_by_oid.clear()
        return self._settle()

    def refuse(self, reason: str, now_ms: int) -> list[Fact]:
        """The venue refused the order, or surely never got it; nothing where that contradicts a fact."""
        if self._is_closed or self.oid is not None:
            return []
        self._is_closed = self.is_refused = True
        return [Refused(reason, now_ms, due_post_only=reason_of(reason) is Reason.POST_ONLY_WOULD_MATCH)]

    def begin_modify(self, quantity: Decimal, price: Decimal) -> None:
        """A replacement is about to be sent; `quantity` counts what is filled already."""
        self._replacement = (quantity, price)

    def end_modify(self, oid: int | None, now_ms: int) -> list[Fact]:
        """The replacement was answered: the order goes on as `oid`, or (None) it was refused."""
        facts = [] if oid is None else self._accept(oid, now_ms)
        self._replacement = None
        held, self._held = self._held, None
        return facts if held is None else facts + self.update(held)

    def _accept(self, oid: int, ts_ms: int) -> list[Fact]:
        if self.oid == oid or oid in self._old_oids:
            return []
        if self.oid is None:
            self.oid = oid
            return [Accepted(oid, ts_ms)]
        self._old_oids.add(self.oid)
        self.oid, self._ending = oid, None
        if self._replacement is not None:
            self.quantity, self.price = self._replacement
        self._replacement = None
        return [Replaced(oid, ts_ms)]

    def _has_expected_fills(self) -> bool:
        return all(self._filled_by_oid.get(oid, Decimal(0)) >= expected for oid, expected in self._expected_by_oid.items())

    def _settle(self) -> list[Fact]:
        if self._is_closed:
            return []
        if self.filled >= self.quantity:
            self._is_closed = True
            return []
        if self._ending is not None and self._has_expected_fills():
            self._is_closed = True
            return [self._ending]
        return []


class OrderIndex:
    """Our orders by each of their names; the closed ones are forgotten, oldest first."""

    def __init__(self, max_orders: int = 20_000) -> None:
        self._by_cloid: dict[str, TrackedOrder] = {}
        self._by_client_id: dict[str, TrackedOrder] = {}
        self._by_oid: dict[int, TrackedOrder] = {}
        self._max_orders = max_orders

    def add(self, order: TrackedOrder) -> None:
        """Know an order from now on; to be called before it is sent."""
        self._by_cloid[order.cloid] = self._by_client_id[order.client_order_id] = order
        self.note_oid(order)
        if len(self._by_cloid) > self._max_orders:
            self._forget()

    def note_oid(self, order: TrackedOrder) -> None:
        """Make an order findable under the oid it has got."""
        if order.oid is not None:
            self._by_oid[order.oid] = order

    def find(self, oid: int | None, cloid: str | None) -> TrackedOrder | None:
        """Return our order with this cloid or oid."""
        order = None if cloid is None else self._by_cloid.get(cloid.lower())
        return order if order is not None or oid is None else self._by_oid.get(oid)

    def by_client_id(self, client_order_id: str) -> TrackedOrder | None:
        """Return the order with our own id."""
        return self._by_client_id.get(client_order_id)

    def live(self) -> list[TrackedOrder]:
        """Return the orders that are not closed."""
        return [order for order in self._by_cloid.values() if not order.is_closed]

    def has_resting(self) -> bool:
        """Return whether an order of ours stands in the book, as far as we know."""
        return any(order.oid is not None and not order.is_ioc for order in self.live())

    def _forget(self) -> None:
        for order in [order for order in self._by_cloid.values() if order.is_closed][: self._max_orders // 10]:
            del self._by_cloid[order.cloid], self._by_client_id[order.client_order_id]
            if order.oid is not None:
                self._by_oid.pop(order.oid, None)
