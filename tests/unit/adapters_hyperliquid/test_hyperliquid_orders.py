"""What becomes of an order, in whatever order its facts arrive."""

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.orders import (
    Accepted,
    Canceled,
    Executed,
    OrderIndex,
    Phase,
    Refused,
    Replaced,
    Stray,
    TrackedOrder,
    phase,
)
from adapters.hyperliquid.schemas import Fill, Filled, ItemStatus, Order, OrderUpdate, Resting

OID, CLOID = 77, "0x" + "1" * 32


def tracked(quantity="3", *, is_ioc=False):
    return TrackedOrder(
        client_order_id="O-1",
        cloid=CLOID,
        coin="BTC",
        quantity=Decimal(quantity),
        price=None if is_ioc else Decimal(100),
        is_ioc=is_ioc,
        created_ms=0,
    )


def update(status, remaining="3", *, oid=OID, size="3"):
    order = Order("BTC", "B", Decimal(100), Decimal(remaining), oid, 1, orig_sz=Decimal(size), cloid=CLOID)
    return OrderUpdate(order, status, 2)


def fill(size, tid=1, oid=OID):
    return Fill("BTC", Decimal(100), Decimal(size), "B", 3, oid, True, Decimal("0.1"), tid=tid, cloid=CLOID)


def matched(size, oid=OID):
    return ItemStatus(filled=Filled(oid, Decimal(size), Decimal(100)))


def feed(order, events):
    facts = []
    for event in events:
        if isinstance(event, Fill):
            facts += order.fill(event)
        elif isinstance(event, OrderUpdate):
            facts += order.update(event)
        else:
            facts += order.answer(event, 9)
    return facts


def kinds(facts):
    return [type(fact) for fact in facts]


@pytest.mark.parametrize(
    "events", permutations([matched("3"), update("open"), update("filled", "0"), fill("1", 1), fill("2", 2)])
)
def test_a_filled_order_is_accepted_once_and_filled_whole(events):
    order = tracked()
    assert kinds(feed(order, events)) == [Accepted, Executed, Executed]
    assert order.is_closed


@pytest.mark.parametrize("filled_sz", ["0", "3"])
def test_the_size_left_on_a_filled_order_means_nothing(filled_sz):
    order = tracked()
    feed(order, [update("filled", filled_sz), fill("2", 1)])
    assert order.misses_fills
    feed(order, [fill("1", 2)])
    assert order.is_closed


@pytest.mark.parametrize("events", permutations([matched("2"), update("canceled", "1"), fill("0.5", 1), fill("1.5", 2)]))
def test_the_rest_of_an_ioc_is_cancelled_after_its_last_fill(events):
    order = tracked(is_ioc=True)
    assert kinds(feed(order, events)) == [Accepted, Executed, Executed, Canceled]
    assert order.is_closed


def test_a_partly_matched_ioc_ends_by_its_answer_alone():
    order = tracked(is_ioc=True)
    assert kinds(feed(order, [fill("2"), matched("2")])) == [Accepted, Executed, Canceled]


def test_a_partly_matched_gtc_stays_open():
    order = tracked()
    assert kinds(feed(order, [matched("2"), fill("2")])) == [Accepted, Executed]
    assert not order.is_closed
    assert order.is_settled
    assert kinds(feed(order, [update("marginCanceled", "1")])) == [Canceled]


def test_a_cancel_waits_for_the_fills_it_implies():
    order = tracked()
    assert kinds(feed(order, [ItemStatus(resting=Resting(OID)), update("canceled", "1")])) == [Accepted]
    assert order.misses_fills
    assert kinds(feed(order, [fill("1.5", 1)])) == [Executed]
    assert kinds(feed(order, [fill("0.5", 2)])) == [Executed, Canceled]


def test_fills_the_venue_does_not_list_end_the_wait_of_a_cancel():
    order = tracked()
    feed(order, [ItemStatus(resting=Resting(OID)), update("canceled", "1"), fill("1")])
    assert kinds(order.fills_are_complete(9)) == [Canceled]


def test_an_order_said_to_be_filled_is_never_closed_short_of_it():
    order = tracked()
    feed(order, [update("filled", "0"), fill("1")])
    assert order.fills_are_complete(9) == []
    assert not order.is_closed


def test_a_refusal_carries_the_venues_words_whichever_way_it_comes_first():
    words = "Post only order would have immediately matched, bbo was 1@2. asset=0"
    for events in ([ItemStatus(error=words), update("badAloPxRejected")], [update("badAloPxRejected"), ItemStatus(error=words)]):
        (refused,) = feed(tracked(), events)
        assert refused == Refused(words, 9, due_post_only=True)


def test_a_refusal_heard_on_the_stream_counts_when_the_answer_is_lost():
    order = tracked()
    assert feed(order, [update("iocCancelRejected")]) == []
    assert kinds(order.answer_lost(9)) == [Refused]


def test_nothing_refuses_an_order_that_exists():
    order = tracked()
    feed(order, [fill("1")])
    assert order.refuse("unknown", 9) == []
    assert kinds(order.answer(ItemStatus(error="late error"), 9)) == []


def test_a_fill_after_a_refusal_is_a_stray_and_not_lost():
    order = tracked()
    feed(order, [ItemStatus(error="no")])
    assert kinds(order.fill(fill("1"))) == [Stray]


def test_an_unsolicited_rejection_of_a_resting_order_cancels_it():
    order = tracked()
    assert kinds(feed(order, [ItemStatus(resting=Resting(OID)), update("perpMarginRejected")])) == [Accepted, Canceled]


def test_a_late_fill_after_the_cancel_is_still_told():
    order = tracked()
    feed(order, [ItemStatus(resting=Resting(OID)), update("canceled", "3")])
    assert order.is_closed
    assert kinds(order.fill(fill("1"))) == [Executed]


@pytest.mark.parametrize("old_first", [True, False])
def test_a_replacement_is_one_order_under_a_new_oid(old_first):
    order = tracked()
    feed(order, [ItemStatus(resting=Resting(OID)), fill("1", 1)])
    order.begin_modify(Decimal(5), Decimal(101))
    events = [update("canceled", "2"), update("open", "4", oid=78, size="4")]
    facts = feed(order, events if old_first else events[::-1]) + order.end_modify(78, 9)
    assert kinds(facts) == [Replaced]
    assert (order.oid, order.quantity, order.price) == (78, Decimal(5), Decimal(101))
    assert kinds(feed(order, [update("canceled", "2"), fill("4", 2, oid=78)])) == [Executed]
    assert order.is_closed


def test_a_refused_replacement_that_cost_the_order_cancels_it():
    order = tracked()
    feed(order, [ItemStatus(resting=Resting(OID))])
    order.begin_modify(Decimal(5), Decimal(101))
    assert feed(order, [update("canceled")]) == []
    assert kinds(order.end_modify(None, 9)) == [Canceled]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("open", Phase.OPEN),
        ("filled", Phase.FILLED),
        ("canceled", Phase.CANCELED),
        ("selfTradeCanceled", Phase.CANCELED),
        ("scheduledCancel", Phase.CANCELED),
        ("someNewThingCanceled", Phase.CANCELED),
        ("perpMarginRejected", Phase.REJECTED),
        ("somethingElse", Phase.UNKNOWN),
    ],
)
def test_status_words(status, expected):
    assert phase(status) is expected


@given(st.permutations(["ack", "open", "end", 1, 2, 3]), st.integers(0, 3), st.booleans())
def test_no_order_of_facts_loses_a_fill_or_tells_one_after_the_end(sequence, fills, is_ioc):
    """Up to three unit fills of an order of four, then the rest is cancelled: any arrival order ends the same."""
    order = tracked("4", is_ioc=is_ioc)
    ack = matched(str(fills)) if fills else ItemStatus(resting=Resting(OID))
    facts = []
    for step in sequence:
        if step == "ack":
            facts += order.answer(ack, 9)
        elif step == "open":
            facts += order.update(update("open", "4", size="4"))
        elif step == "end":
            facts += order.update(update("canceled", str(4 - fills), size="4"))
        elif step <= fills:
            facts += order.fill(fill("1", step))
    assert kinds(facts) == [Accepted, *[Executed] * fills, Canceled]
    assert order.is_closed


def test_orders_are_found_by_each_name_and_forgotten_when_closed():
    index = OrderIndex(max_orders=10)
    live = tracked()
    index.add(live)
    for number in range(20):
        done = TrackedOrder(
            client_order_id=f"O-{number + 2}",
            cloid=f"0x{number:032x}",
            coin="BTC",
            quantity=Decimal(1),
            price=None,
            is_ioc=True,
            created_ms=0,
        )
        done.refuse("no", 0)
        index.add(done)
    assert index.find(None, CLOID.upper().replace("X", "x")) is live
    assert index.by_client_id("O-1") is live
    assert index.by_client_id("O-2") is None
    live.answer(ItemStatus(resting=Resting(5)), 0)
    index.note_oid(live)
    assert index.find(5, None) is live
    assert index.live() == [live]
