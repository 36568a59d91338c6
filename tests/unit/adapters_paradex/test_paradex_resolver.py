from decimal import Decimal

import pytest

from adapters.errors import Connectivity
from adapters.paradex import resolver as module
from adapters.paradex.orders import OrderTracker, TrackedOrder
from adapters.paradex.resolver import Resolver
from adapters.paradex.schemas import Fill, Order

MARKET = "BTC-USD-PERP"
EXPIRES_MS = 5000


def wire(status: str, remaining: str, **fields) -> Order:
    return Order(
        id="v-1", client_id="c-1", market=MARKET, side="BUY", type="LIMIT", size=Decimal(1),
        remaining_size=Decimal(remaining), price=Decimal(100), status=status, **fields,
    )  # fmt: skip


FILL = Fill(id="f-1", client_id="c-1", order_id="v-1", market=MARKET, side="BUY", price=Decimal(100), size=Decimal(1))


class Venue:
    """What the venue answers, one answer per question, the last one for ever; time passes per question."""

    def __init__(self, *answers) -> None:
        self.answers, self.now_ms, self.questions = list(answers), 0, 0

    async def orders_by_client_id(self, client_id, market):
        self.now_ms += 2000
        self.questions += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def order_by_id(self, order_id, market):
        return None

    async def fills(self, start_ms, market):
        return [FILL]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_WAIT_SECS", 0.0)
    monkeypatch.setattr(module, "_LONGEST_WAIT_SECS", 0.0)


async def settle(venue: Venue, *, is_immediate: bool = True) -> tuple[list[str], TrackedOrder]:
    seen: list[str] = []
    tracker = OrderTracker(adopt=lambda client_id: None)
    order = TrackedOrder("c-1", MARKET, "BUY", Decimal(1), Decimal(100), is_immediate=is_immediate)
    tracker.track(order)

    def apply(_, events):
        seen.extend(type(event).__name__ for event in events)

    await Resolver(venue, tracker, apply, lambda: venue.now_ms, lambda _: None).settle(order, EXPIRES_MS)
    return seen, order


async def test_a_lost_reply_of_a_filled_order_ends_filled():
    seen, order = await settle(Venue([], [wire("CLOSED", "0", created_at=1)]))
    assert seen == ["Accepted", "Filled"]
    assert order.is_done


async def test_only_a_venue_that_answers_after_expiry_makes_it_refused():
    venue = Venue([], [], Connectivity("down"), Connectivity("down"), Connectivity("down"), [])
    seen, _ = await settle(venue)
    assert seen == ["Refused"]
    assert venue.questions >= 7  # two answers after the expiry, none counted while it was silent
    assert venue.now_ms > EXPIRES_MS + 1000


async def test_an_order_that_appears_late_is_not_refused():
    seen, _ = await settle(Venue([], [], [], [wire("NEW", "1")], [wire("OPEN", "1")]), is_immediate=False)
    assert seen == ["Accepted"]


async def test_a_rejected_order_is_found_out():
    seen, _ = await settle(Venue([wire("CLOSED", "1", cancel_reason="NOT_ENOUGH_MARGIN")]))
    assert seen == ["Refused"]
