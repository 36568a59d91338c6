"""Commits what a pair is about to do before it does it; what is not committed is not sent."""

from collections.abc import Callable
from decimal import Decimal

from messages import PairResult, Severity
from strategies.journal import DuplicateIntent, Journal, JournalError, PairRecord
from strategies.pair_log import fact_bytes, intents, plan_bytes, result_bytes
from strategies.pair_news import PairNews
from strategies.pair_orders import LegRequest, OrderEvent, Submit
from strategies.pair_plan import PairPlan


class Commitments:
    """The executor's side of the journal.

    Where the disk fails, what would add risk stays at home, and what reduces it goes out all the same: it can do
    no more harm twice than once.
    """

    def __init__(self, journal: Journal, news: PairNews, now_ns: Callable[[], int]) -> None:
        self._journal, self._news, self._now_ns = journal, news, now_ns
        self._plans: dict[str, bytes] = {}  # to be committed with a pair's first intents
        self._reserved: dict[str, Decimal] = {}  # ids committed ahead, with the most they may be sent for
        self._reserving: set[str] = set()  # ids that are on their way to the disk
        self._is_flushing = False

    def begin(self, plan: PairPlan) -> None:
        """A pair begins: its plan is committed with its first intents."""
        self._plans[plan.pair_id] = plan_bytes(plan)

    def unfinished(self) -> list[PairRecord]:
        """Return the pairs that have no end."""
        return self._journal.unfinished()

    def commit(self, pair_id: str, submit: Submit) -> dict[str, str]:
        """Commit what is about to be sent, and return by client order id the reason of each that must not be.

        An id that was set aside is committed already: its order need not wait for the disk.
        """
        fresh, refused = [], dict[str, str]()
        if any(request.client_order_id in self._reserving for request in submit.requests):
            self._journal.settle()
        for request in submit.requests:
            reserved = self._reserved.pop(request.client_order_id, None)
            if reserved is None:
                fresh.append(request)
            elif request.quantity > reserved:
                refused[request.client_order_id] = f"RESERVED: set aside for {reserved} only"
        if not fresh:
            return refused
        try:
            self._intend(pair_id, (*fresh, *self._unreserved(submit)))
            self._plans.pop(pair_id, None)
        except DuplicateIntent as e:
            refused.update({request.client_order_id: f"SENT_BEFORE: {e}" for request in fresh})
            self._news.alert(Severity.CRITICAL, "DuplicateIntent", f"an order that was sent before was not sent again: {e}")
        except JournalError as e:
            refused.update({request.client_order_id: f"JOURNAL: {e}" for request in fresh if not request.reduce_only})
            self._fail(str(e))
        return refused

    def reserve(self, pair_id: str, submit: Submit) -> None:
        """Commit the ids of what will have to be sent without waiting for the disk, while others are being sent.

        Where that fails the hedge will have to commit for itself, or says why it cannot.
        """
        wanted = self._unreserved(submit)
        if wanted:
            self._reserving.update(request.client_order_id for request in wanted)
            self._in_the_background(lambda: self._set_aside(pair_id, wanted))

    def _set_aside(self, pair_id: str, wanted: tuple[LegRequest, ...]) -> None:
        try:
            self._intend(pair_id, wanted)
        finally:
            self._reserving.difference_update(request.client_order_id for request in wanted)

    def note(self, pair_id: str, event: OrderEvent) -> None:
        """Note a fact, to be committed with whatever comes next."""
        self._journal.note(pair_id, event.client_order_id, fact_bytes(event), self._now_ns())

    def flush(self) -> None:
        """Have what is noted committed; a disk that fails is told of, for recovery can ask the venues again."""
        for failure in self._journal.take_failures():
            self._fail(failure)
        if not self._is_flushing:
            self._is_flushing = True
            self._in_the_background(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        self._journal.flush()

    def end(self, pair_id: str, result: PairResult | None) -> None:
        """Commit a pair's end; without a result it is one that could not be read."""
        for key in [key for key in list(self._reserved) if key.startswith(f"{pair_id}-")]:
            self._reserved.pop(key, None)
        if self._plans.pop(pair_id, None) is None:  # else nothing of it was ever committed
            value, now_ns = b"" if result is None else result_bytes(result), self._now_ns()
            self._in_the_background(lambda: self._journal.end(pair_id, value, now_ns))

    def _in_the_background(self, work: Callable[[], None]) -> None:
        try:
            self._journal.later(work)
        except (JournalError, DuplicateIntent) as e:  # it was done at once
            self._fail(str(e))

    def _intend(self, pair_id: str, requests: tuple[LegRequest, ...]) -> None:
        self._journal.intend(pair_id, intents(requests), self._now_ns(), self._plans.get(pair_id))
        self._reserved.update({request.client_order_id: request.quantity for request in requests if request.is_reserved})

    def _unreserved(self, submit: Submit) -> tuple[LegRequest, ...]:
        known = self._reserved.keys() | self._reserving
        return tuple(request for request in submit.reserved if request.client_order_id not in known)

    def _fail(self, error: str) -> None:
        detail = f"no order that adds risk is sent until it can be kept: {error}"
        self._news.alert(Severity.CRITICAL, "JournalFailed", detail)
