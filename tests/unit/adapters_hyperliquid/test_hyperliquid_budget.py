"""What may still be asked and sent, and what refusals are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.budget import ActionBudget, WeightBucket, answer_weight, request_weight
from adapters.hyperliquid.refusals import Reason, proves_rate_limit, reason_of, typed


def test_weights_are_those_of_the_venue():
    weights = {"l2Book": 2, "clearinghouseState": 2, "orderStatus": 2, "userRole": 60, "meta": 20, "neverHeardOf": 20}
    assert {kind: request_weight(kind) for kind in weights} == weights
    assert [answer_weight("userFillsByTime", rows) for rows in (0, 19, 20, 2000)] == [0, 0, 1, 100]
    assert answer_weight("candleSnapshot", 5000) == 83
    assert answer_weight("meta", 5000) == 0


def test_reads_wait_before_they_touch_the_reserve():
    bucket = WeightBucket(per_min=1_200, reserve=100)
    assert bucket.wait_secs(20, 0.0) == 0
    bucket.spend(1_090, 0.0)  # 110 left
    assert bucket.wait_secs(20, 0.0) == pytest.approx(0.5)  # 10 more, at 20 a second
    assert bucket.wait_secs(20, 0.5) == pytest.approx(0.0, abs=1e-9)
    bucket.drain(1.0)
    assert bucket.wait_secs(2, 1.0) == pytest.approx(102 / 20)


@given(st.lists(st.tuples(st.sampled_from([2, 20, 60, 120]), st.floats(0, 3)), max_size=200))
def test_reads_never_exceed_what_an_address_may_spend(requests):
    bucket, now_secs, spent = WeightBucket(reserve=0), 0.0, []
    for weight, pause_secs in requests:
        now_secs += pause_secs
        while (wait_secs := bucket.wait_secs(weight, now_secs)) > 0:
            now_secs += wait_secs + 1e-9
        bucket.spend(weight, now_secs)
        spent.append((now_secs, weight))
        # The bucket starts full, so a minute may see what it held and what it was refilled with.
        assert sum(w for at, w in spent if at > now_secs - 60) <= 2 * 1_200 + 1


def test_entries_leave_the_reserve_and_an_unread_budget_binds_nobody():
    budget = ActionBudget(reserve=500)
    assert budget.allows(10_000)
    budget.read(used=9_400, cap=10_000, surplus=0)
    assert budget.allows(100)
    assert not budget.allows(101)
    budget.spend(1)
    assert not budget.allows(100)
    assert not budget.is_low
    budget.exhaust()
    assert budget.is_low
    budget.read(used=0, cap=10_000, surplus=7)
    assert budget.left == 10_007


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Post only order would have immediately matched, bbo was 2440.1@2440.2. asset=1", Reason.POST_ONLY_WOULD_MATCH),
        ("badAloPxRejected", Reason.POST_ONLY_WOULD_MATCH),
        ("Order could not immediately match against any resting orders. asset=0", Reason.NO_MATCH),
        ("iocCancelRejected", Reason.NO_MATCH),
        ("Order must have minimum value of $10. asset=0", Reason.MIN_NOTIONAL),
        ("Price must be divisible by tick size. asset=0", Reason.PRICE_GRID),
        ("Order has invalid price.", Reason.PRICE_GRID),
        ("Order has zero size.", Reason.SIZE),
        ("Insufficient margin to place order. asset=4", Reason.MARGIN),
        ("perpMarginRejected", Reason.MARGIN),
        ("Reduce only order would increase position. asset=3", Reason.REDUCE_ONLY),
        ("Order would increase open interest while open interest is capped", Reason.OPEN_INTEREST_CAP),
        ("Order rejected due to price more aggressive than oracle while at open interest cap", Reason.OPEN_INTEREST_CAP),
        ("Price too far from oracle asset=4", Reason.PRICE_BAND),
        ("Order price cannot be more than 80% away from the reference price", Reason.PRICE_BAND),
        ("Order would cause position to exceed margin tier limit at current leverage", Reason.POSITION_LIMIT),
        ("tooManyOpenOrdersRejected", Reason.TOO_MANY_ORDERS),
        ("Order was never placed, already canceled, or filled. asset=0", Reason.ORDER_GONE),
        ("Too many cumulative requests sent (10 > 9) for cumulative volume traded $1.", Reason.RATE_LIMITED),
        ("Action already expired", Reason.EXPIRED),
        ("Invalid nonce: nonce too low 1 < 2", Reason.NONCE),
        ("L1 error: User or API Wallet 0xab does not exist.", Reason.AUTH),
        ("Something quite new", Reason.OTHER),
    ],
)
def test_the_venues_words_get_a_reason_and_are_kept(text, reason):
    assert reason_of(text) is reason
    assert typed(text) == f"{reason}: {text}"
    assert typed(typed(text)) == typed(text)


@pytest.mark.parametrize(
    ("body", "proves"),
    [("429 Too Many Requests", False), ("Too Many Requests", False), ("", False), ("429 Too Many Requests: rate limited", True)],
)
def test_a_status_line_alone_proves_nothing(body, proves):
    assert proves_rate_limit(body) is proves
