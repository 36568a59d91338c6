"""Commits what a pair is about to do before it does it; what is not committed is not sent."""

from collections.abc import Callable
from decimal import Decimal

from messages import Intent, PairResult, Severity
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
        self._reserved: dict[str, Decimal] = {}  # ids committed ahead, with the most they may be sent for

    def begin(self, plan: PairPlan) -> None:
        """Commit a plan; raises `JournalError` where that fails and the plan is to open something."""
        try:
            self._journal.begin(plan.pair_id, plan_bytes(plan), self._now_ns())
        except JournalError as e:
            if plan.intent is Intent.OPEN:
                raise
            self._fail(e)

    def unfinished(self) -> list[PairRecord]:
        """Return the pairs that have no end."""
        return self._journal.unfinished()

    def commit(self, pair_id: str, submit: Submit) -> dict[str, str]:
        """Commit what is about to be sent, and return by client order id the reason of each that must not be.

        An id that was set aside is committed already: its order need not wait for the disk.
        """
        fresh, refused = [], dict[str, str]()
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
        except DuplicateIntent as e:
            refused.update({request.client_order_id: f"SENT_BEFORE: {e}" for request in fresh})
            self._news.alert(Severity.CRITICAL, "DuplicateIntent", f"an order that was sent before was not sent again: {e}")
        except JournalError as e:
            refused.update({request.client_order_id: f"JOURNAL: {e}" for request in fresh if not request.reduce_only})
            self._fail(e)
        return refused

    def reserve(self, pair_id: str, submit: Submit) -> None:
        """Commit the ids of what will have to be sent without waiting for the disk, after the sending."""
        wanted = self._unreserved(submit)
        try:
            if wanted:
                self._intend(pair_id, wanted)
        except (DuplicateIntent, JournalError) as e:  # the hedge will have to commit for itself, or says why it cannot
            self._news.alert(Severity.WARNING, "JournalFailed", f"nothing could be set aside: {e}")

    def note(self, pair_id: str, event: OrderEvent) -> None:
        """Note a fact, to be committed with whatever comes next."""
        self._journal.note(pair_id, event.client_order_id, fact_bytes(event), self._now_ns())

    def flush(self) -> None:
        """Commit what is noted; a disk that fails is told of, for recovery can ask the venues again."""
        try:
            self._journal.flush()
        except JournalError as e:
            self._fail(e)

    def end(self, pair_id: str, result: PairResult | None) -> None:
        """Commit a pair's end; without a result it is one that could not be read."""
        for key in [key for key in self._reserved if key.startswith(f"{pair_id}-")]:
            del self._reserved[key]
        try:
            self._journal.end(pair_id, b"" if result is None else result_bytes(result), self._now_ns())
        except JournalError as e:
            self._fail(e)

    def _intend(self, pair_id: str, requests: tuple[LegRequest, ...]) -> None:
        self._journal.intend(pair_id, intents(requests), self._now_ns())
        self._reserved.update({request.client_order_id: request.quantity for request in requests if request.is_reserved})

    def _unreserved(self, submit: Submit) -> tuple[LegRequest, ...]:
        return tuple(request for request in submit.reserved if request.client_order_id not in self._reserved)

    def _fail(self, error: JournalError) -> None:
        detail = f"no order that adds risk is sent until it can be kept: {error}"
        self._news.alert(Severity.CRITICAL, "JournalFailed", detail)
