import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.paradex.orders import (
    Accepted,
    Canceled,
    Filled,
    OrderTracker,
    Refused,
    TrackedOrder,
    Updated,
    UpdateRefused,
)
from adapters.paradex.schemas import Fill, Order, RequestInfo

MARKET = "BTC-USD-PERP"
SEQUENCE = itertools.count(1)


def tracker_with(key: str = "c-1", size: str = "1", price: str | None = "100", *, is_immediate: bool = False):
    tracker = OrderTracker(adopt=lambda client_id: None)
    order = TrackedOrder(key, MARKET, "BUY", Decimal(size), None if price is None else Decimal(price), is_immediate=is_immediate)
    tracker.track(order)
    return tracker, order


def news(status: str, remaining: str = "1", **fields) -> Order:
    fields = {"client_id": "c-1", "seq_no": next(SEQUENCE), "price": Decimal(100), "size": Decimal(1)} | fields
    return Order(id="v-1", market=MARKET, side="BUY", type="LIMIT", status=status, remaining_size=Decimal(remaining), **fields)


def fill(number: int, size: str, **fields) -> Fill:
    fields = {"client_id": "c-1", "order_id": "v-1"} | fields
    return Fill(id=f"f-{number}", market=MARKET, side="BUY", price=Decimal(100), size=Decimal(size), **fields)


def kinds(events) -> list[str]:
    return [type(event).__name__ for event in events]


def feed(tracker, *messages, source: str = "stream") -> list:
    found = []
    for message in messages:
        events = tracker.on_order(message, source)[1] if isinstance(message, Order) else tracker.on_fill(message)[1]
        found += events
    return found


def test_new_is_provisional_and_open_is_acceptance():
    tracker, order = tracker_with()
    assert feed(tracker, news("NEW")) == []
    assert order.order_id == "v-1"
    assert kinds(feed(tracker, news("OPEN"), news("OPEN"))) == ["Accepted"]
    assert order.is_settled


@pytest.mark.parametrize("order_of_messages", list(itertools.permutations(range(4))))
def test_fills_and_closing_in_any_order_give_one_history(order_of_messages):
    tracker, order = tracker_with()
    messages = [news("OPEN"), news("CLOSED", "0"), fill(1, "0.4"), fill(2, "0.6")]
    events = feed(tracker, *(messages[index] for index in order_of_messages))
    assert kinds(events) == ["Accepted", "Filled", "Filled"]
    assert order.is_done


def test_a_partial_end_waits_for_its_fills():
    tracker, order = tracker_with(is_immediate=True)
    assert feed(tracker, news("CLOSED", "0.7", cancel_reason="IOC")) == []
    assert order.lacks_fills
    assert kinds(feed(tracker, fill(1, "0.3"))) == ["Accepted", "Filled", "Canceled"]


@pytest.mark.parametrize(
    ("is_immediate", "reason", "expected"),
    [
        (False, "NOT_ENOUGH_MARGIN", Refused),
        (True, "NOT_ENOUGH_MARGIN", Refused),
        (True, "MMP_FROZEN", Refused),
        (False, "A_REASON_NOBODY_KNOWS", Refused),
        (False, None, Refused),
        (True, "A_REASON_NOBODY_KNOWS", Canceled),
        (False, "USER_CANCELED", Canceled),
        (False, "CANCEL_ON_DISCONNECT", Canceled),
    ],
)
def test_how_an_order_that_never_rested_ends(is_immediate, reason, expected):
    tracker, _ = tracker_with(is_immediate=is_immediate)
    events = feed(tracker, news("CLOSED", "1", cancel_reason=reason))
    assert isinstance(events[-1], expected)
    assert kinds(events) == (["Refused"] if expected is Refused else ["Accepted", "Canceled"])


def test_a_post_only_refusal_says_so():
    tracker, _ = tracker_with()
    (refused,) = feed(tracker, news("CLOSED", "1", cancel_reason="POST_ONLY_WOULD_CROSS"))
    assert refused.is_post_only


def test_a_rested_order_is_cancelled_whatever_the_reason():
    tracker, _ = tracker_with()
    assert kinds(feed(tracker, news("OPEN"), news("CLOSED", "1", cancel_reason="NOT_ENOUGH_MARGIN"))) == ["Accepted", "Canceled"]


def test_our_own_cancel_before_it_rested_is_a_cancel():
    tracker, order = tracker_with()
    order.is_cancel_requested = True
    assert kinds(feed(tracker, news("CLOSED", "1", cancel_reason="SOMETHING"))) == ["Accepted", "Canceled"]


def test_sequence_numbers_count_within_one_feed_only():
    tracker, order = tracker_with()
    feed(tracker, news("OPEN", seq_no=1000))
    stale = feed(tracker, news("OPEN", seq_no=999, size=Decimal(2), remaining="2"))
    assert (stale, order.size) == ([], Decimal(1))
    assert kinds(feed(tracker, news("CLOSED", "1", seq_no=5, cancel_reason="USER_CANCELED"), source="rest")) == ["Canceled"]
    assert feed(tracker, news("CLOSED", "1", seq_no=1001, cancel_reason="USER_CANCELED")) == []


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4]), min_size=5, max_size=25))
def test_duplicates_never_repeat_an_event(picks):
    messages = [news("NEW"), news("OPEN"), fill(1, "0.25"), fill(2, "0.5"), news("CLOSED", "0.25", cancel_reason="USER_CANCELED")]
    tracker, order = tracker_with()
    events = feed(tracker, *(messages[pick] for pick in picks), *messages)
    assert kinds(events).count("Accepted") == 1
    assert sum(event.fill.size for event in events if isinstance(event, Filled)) == Decimal("0.75")
    assert kinds(events)[-1] == "Canceled"
    assert order.is_done


def test_a_refusal_by_silence_never_undoes_what_happened():
    tracker, order = tracker_with()
    feed(tracker, fill(1, "0.4"))
    assert tracker.refuse(order, "unknown", 1) == []
    untouched, fresh = tracker_with()
    assert kinds(untouched.refuse(fresh, "unknown", 1)) == ["Refused"]
    assert untouched.refuse(fresh, "unknown", 1) == []


def test_news_of_a_refused_order_is_no_event_and_shows():
    tracker, order = tracker_with()
    tracker.refuse(order, "unknown", 1)
    assert feed(tracker, news("OPEN"), fill(1, "0.4")) == []
    assert order.is_refused


def test_an_immediate_order_is_in_doubt_until_it_has_ended():
    tracker, order = tracker_with(is_immediate=True)
    feed(tracker, news("OPEN"), fill(1, "0.4"))
    assert not order.is_settled
    feed(tracker, news("CLOSED", "0.6"))
    assert order.is_settled


def test_a_modification_still_pending_changes_nothing():
    tracker, order = tracker_with()
    feed(tracker, news("OPEN"))
    info = RequestInfo(request_type="MODIFY_ORDER", status="PENDING")
    assert feed(tracker, news("OPEN", "2", size=Decimal(2), request_info=info)) == []
    assert order.size == 1


def test_a_modification_and_its_refusal():
    tracker, order = tracker_with()
    feed(tracker, news("OPEN"))
    order.is_update_requested = True
    (updated,) = feed(tracker, news("OPEN", "2", size=Decimal(2), price=Decimal(101)))
    assert updated == Updated(Decimal(2), Decimal(101), 0)
    order.is_update_requested = True
    info = RequestInfo(request_type="MODIFY_ORDER", status="REJECTED", message="too small")
    (refused,) = feed(tracker, news("OPEN", "2", size=Decimal(2), price=Decimal(101), request_info=info))
    assert refused == UpdateRefused("too small", 0)


def test_an_order_of_another_origin_is_external_and_whole():
    tracker, _ = tracker_with()
    order, events = tracker.on_fill(fill(9, "0.2", client_id=None, order_id="liq-1", remaining_size=Decimal("0.3")))
    assert order.is_external
    assert order.size == Decimal("0.5")
    assert kinds(events) == ["Accepted", "Filled"]
    assert tracker.on_fill(fill(9, "0.2", client_id=None, order_id="liq-1"))[1] == []


def test_an_order_of_an_earlier_process_is_adopted():
    earlier = TrackedOrder("old", MARKET, "BUY", Decimal(1), Decimal(100), is_immediate=False)
    earlier.is_accepted, earlier.filled, earlier.fill_ids = True, Decimal("0.4"), {"f-1"}
    tracker = OrderTracker(adopt=lambda client_id: earlier if client_id == "old" else None)
    events = feed(tracker, fill(1, "0.4", client_id="old"), fill(2, "0.6", client_id="old"), news("CLOSED", "0", client_id="old"))
    assert kinds(events) == ["Filled"]
    assert earlier.is_done


def test_ended_orders_are_forgotten_in_the_end():
    tracker = OrderTracker(adopt=lambda client_id: None)
    for number in range(1200):
        order = TrackedOrder(f"c-{number}", MARKET, "BUY", Decimal(1), None, is_immediate=True)
        tracker.track(order)
        assert isinstance(tracker.refuse(order, "no", 0)[0], Refused)
    assert tracker.get("c-0") is None
    assert tracker.get("c-1199") is not None
    assert tracker.unfinished() == []


def test_acceptance_carries_the_venues_id():
    tracker, _ = tracker_with()
    assert feed(tracker, news("OPEN", last_updated_at=7)) == [Accepted("v-1", 7)]
