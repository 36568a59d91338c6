"""What the venue's order and fill messages mean for an order; pure, no clock and no I/O.

Paradex answers an order provisionally and decides afterwards: the risk check, the book and the fills
come in any order, more than once, on two feeds whose sequence numbers have nothing to do with each
other. The tracker turns all that into one history per order: accepted at most once, each fill once,
one end. An order has ended when it is CLOSED and the fills we know add up to what was executed.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from adapters.paradex.schemas import Fill, Order

# The list of reasons is open: these are known to come from the risk check, before any matching.
_REFUSALS = frozenset(
    {
        "NOT_ENOUGH_MARGIN",
        "POST_ONLY_WOULD_CROSS",
        "ORDER_SIZE_BELOW_MIN",
        "ORDER_EXCEEDS_POSITION_LIMIT",
        "REDUCE_ONLY_WILL_INCREASE",
        "REDUCE_ONLY_WILL_DECREASE",
    }
)
_REFUSAL_PREFIXES = ("MMP_",)
_KEPT_AFTER_END = 1000


class Accepted(msgspec.Struct, frozen=True):
    """The venue works the order."""

    order_id: str
    ts_ms: int


class Filled(msgspec.Struct, frozen=True):
    """One execution, reported once."""

    fill: Fill


class Updated(msgspec.Struct, frozen=True):
    """The order now has this size and price."""

    size: Decimal
    price: Decimal | None
    ts_ms: int


class UpdateRefused(msgspec.Struct, frozen=True):
    """A modification failed; the order is what it was."""

    reason: str
    ts_ms: int


class Canceled(msgspec.Struct, frozen=True):
    """The order ended with a remainder: cancelled by anyone, or an immediate order that found no more."""

    reason: str
    ts_ms: int


class Refused(msgspec.Struct, frozen=True):
    """The order never worked; `is_post_only` where it would have crossed the book."""

    reason: str
    is_post_only: bool
    ts_ms: int


type OrderEvent = Accepted | Filled | Updated | UpdateRefused | Canceled | Refused


class TrackedOrder:
    """One order's history so far; `is_immediate` marks IOC and market orders."""

    def __init__(self, key: str, market: str, side: str, size: Decimal, price: Decimal | None, *, is_immediate: bool) -> None:
        self.key, self.market, self.side = key, market, side
        self.size, self.price, self.is_immediate = size, price, is_immediate
        self.order_id: str | None = None
        self.kind = "MARKET" if price is None else "LIMIT"
        self.is_sent_here = False  # by this process, so the venue knows our client id
        self.is_external = False  # Nautilus hears of it by reports, not by order events
        self.is_accepted = False
        self.is_done = False
        self.is_refused = False
        self.is_cancel_requested = False
        self.is_update_requested = False
        self.filled = Decimal(0)
        self.fill_ids: set[str] = set()
        self.closed: Order | None = None
        self.last_seq: dict[str, int] = {}  # per feed

    @property
    def is_settled(self) -> bool:
        """Whether nothing is in doubt: the order rests, or has ended with all its fills."""
        return self.is_done or (self.is_accepted and self.closed is None and not self.is_immediate)

    @property
    def lacks_fills(self) -> bool:
        """Whether the venue has closed the order and executed more of it than we have heard of."""
        return self.closed is not None and not self.is_done


type Adopt = Callable[[str], TrackedOrder | None]
"""Finds an order of ours that this process has not sent, by client id."""


class OrderTracker:
    """Every order we know, by client id (by venue id where it has none)."""

    def __init__(self, adopt: Adopt) -> None:
        self._adopt = adopt
        self._orders: dict[str, TrackedOrder] = {}
        self._keys: dict[str, str] = {}  # venue id -> key
        self._ended: list[str] = []

    def track(self, order: TrackedOrder) -> None:
        """Expect news of an order."""
        self._orders[order.key] = order
        if order.order_id is not None:
            self._keys[order.order_id] = order.key

    def get(self, client_id: str) -> TrackedOrder | None:
        """Return an order of ours, adopting it where another process had sent it."""
        found = self._orders.get(client_id)
        if found is None:
            found = self._adopt(client_id)
            if found is not None:
                self.track(found)
        return found

    def unfinished(self) -> list[TrackedOrder]:
        """Return the orders that have not ended."""
        return [order for order in self._orders.values() if not order.is_done]

    def on_order(self, news: Order, feed: str) -> tuple[TrackedOrder, list[OrderEvent]]:
        """Take an order message of a feed and return what it means."""
        order = self._find(news.client_id, news.id) or self._external(news)
        self._learn_id(order, news.id)
        if order.is_done or order.closed is not None or self._is_old(order, news, feed):
            return order, []
        events: list[OrderEvent] = []
        if news.status in ("OPEN", "UNTRIGGERED"):
            events += self._accept(order, news.id, news.last_updated_at)
        if news.status != "CLOSED":
            return order, events + self._changes(order, news)
        order.closed = news
        return order, events + self._finish(order)

    def on_fill(self, fill: Fill) -> tuple[TrackedOrder, list[OrderEvent]]:
        """Take a fill of any feed and return what it means.

        A fill of an order that was reported as refused means nothing to Nautilus, whose order has ended:
        the caller must look at `is_refused` and reconcile the position.
        """
        order = self._find(fill.client_id, fill.order_id) or self._external(fill)
        self._learn_id(order, fill.order_id)
        if fill.id in order.fill_ids or order.is_refused:
            return order, []
        order.fill_ids.add(fill.id)
        order.filled += fill.size
        events = [*self._accept(order, fill.order_id, fill.created_at), Filled(fill)]
        return order, events + self._finish(order)

    def refuse(self, order: TrackedOrder, reason: str, ts_ms: int) -> list[OrderEvent]:
        """End an order the venue has refused or does not know, unless it is known to have worked."""
        if order.is_done or order.is_accepted or order.closed is not None:
            return []
        order.is_refused = True
        self._end(order)
        return [Refused(reason, is_post_only=False, ts_ms=ts_ms)]

    def knows(self, client_id: str | None, order_id: str) -> bool:
        """Return whether a message with these ids belongs to an order we already have."""
        return self._find(client_id, order_id) is not None

    def _find(self, client_id: str | None, order_id: str) -> TrackedOrder | None:
        if order_id in self._keys:
            return self._orders.get(self._keys[order_id])
        return None if client_id is None else self.get(client_id)

    def _external(self, news: Order | Fill) -> TrackedOrder:
        if isinstance(news, Fill):
            size = news.size + (news.remaining_size or Decimal(0))
            order = TrackedOrder(news.client_id or news.order_id, news.market, news.side, size, None, is_immediate=True)
        else:
            price = None if news.type == "MARKET" else news.price
            is_immediate = price is None or news.instruction == "IOC"
            order = TrackedOrder(news.client_id or news.id, news.market, news.side, news.size, price, is_immediate=is_immediate)
        order.is_external = True
        self.track(order)
        return order

    def _learn_id(self, order: TrackedOrder, order_id: str) -> None:
        if order.order_id is None:
            order.order_id = order_id
        self._keys[order_id] = order.key

    @staticmethod
    def _is_old(order: TrackedOrder, news: Order, feed: str) -> bool:
        """Sequence numbers order the messages of one feed, and of no two."""
        if news.seq_no and news.seq_no <= order.last_seq.get(feed, -1):
            return True
        order.last_seq[feed] = news.seq_no
        return False

    @staticmethod
    def _accept(order: TrackedOrder, order_id: str, ts_ms: int) -> list[OrderEvent]:
        if order.is_accepted:
            return []
        order.is_accepted = True
        return [Accepted(order_id, ts_ms)]

    @staticmethod
    def _changes(order: TrackedOrder, news: Order) -> list[OrderEvent]:
        """Return what became of a modification."""
        info = news.request_info
        if order.is_update_requested and info is not None and info.status == "REJECTED":
            order.is_update_requested = False
            return [UpdateRefused(info.message or "modification rejected", news.last_updated_at)]
        is_changed = news.size != order.size or (order.price is not None and news.price not in (None, order.price))
        is_pending = info is not None and info.status == "PENDING"  # shown as asked for, not as it is
        if not order.is_accepted or not is_changed or is_pending:
            return []
        order.size, order.is_update_requested = news.size, False
        order.price = news.price if order.price is not None else None
        return [Updated(order.size, order.price, news.last_updated_at)]

    def _finish(self, order: TrackedOrder) -> list[OrderEvent]:
        closed = order.closed
        if closed is None or order.is_done:
            return []
        remaining = closed.remaining_size or Decimal(0)
        if order.filled < closed.size - remaining:
            return []  # the rest of the fills is still to come
        self._end(order)
        if remaining == 0:
            return []
        reason = closed.cancel_reason or "CLOSED"
        if self._is_refusal(order, reason):
            order.is_refused = True
            return [Refused(reason, reason == "POST_ONLY_WOULD_CROSS", closed.last_updated_at)]
        return [*self._accept(order, closed.id, closed.last_updated_at), Canceled(reason, closed.last_updated_at)]

    @staticmethod
    def _is_refusal(order: TrackedOrder, reason: str) -> bool:
        """Tell a refusal from the end of an order that worked, or could have.

        An immediate order that met no counterparty has been worked; so has one that was cancelled by
        us, by the user elsewhere or by the end of our connection. Any other order that closes without
        ever having been open was refused, whatever the reason is called.
        """
        if order.is_accepted or order.filled > 0:
            return False
        if reason in _REFUSALS or reason.startswith(_REFUSAL_PREFIXES):
            return True
        is_cancel = order.is_cancel_requested or reason.startswith("USER_CANCELED") or "DISCONNECT" in reason
        return not (is_cancel or order.is_immediate)

    def _end(self, order: TrackedOrder) -> None:
        """Keep an ended order for a while, so that late duplicates still find it."""
        order.is_done = True
        self._ended.append(order.key)
        if len(self._ended) > _KEPT_AFTER_END:
            gone = self._orders.pop(self._ended.pop(0), None)
            if gone is not None and gone.order_id is not None:
                self._keys.pop(gone.order_id, None)
