"""Weights by IP, requests by address."""

import pytest

from simulators.hyperliquid.limits import WeightLimit, action_weight, address_refusal, batch_size, info_weight, reply_weight
from simulators.hyperliquid.users import User


@pytest.mark.parametrize(
    ("kind", "rows", "weight"),
    [
        ("l2Book", 0, 2),
        ("orderStatus", 0, 2),
        ("clearinghouseState", 0, 2),
        ("userRole", 0, 60),
        ("meta", 0, 20),
        ("userFills", 45, 22),
        ("fundingHistory", 500, 45),
        ("candleSnapshot", 120, 22),
        ("openOrders", 100, 20),
    ],
)
def test_weights_are_the_venues(kind, rows, weight):
    assert info_weight(kind) + reply_weight(kind, [{}] * rows) == weight


@pytest.mark.parametrize(("count", "weight"), [(1, 1), (39, 1), (40, 2), (85, 3)])
def test_a_batch_weighs_little_by_ip_and_all_by_address(count, weight):
    action = {"type": "order", "orders": [{}] * count}
    assert (action_weight(action), batch_size(action)) == (weight, count)


def test_a_minute_holds_so_much_and_then_again():
    limit = WeightLimit(100)
    assert [limit.spend("ip", 20, now) for now in range(5)] == [True] * 5
    assert not limit.spend("ip", 1, 59.0)
    assert limit.spend("other", 1, 59.0)
    assert limit.spend("ip", 20, 60.5)
    assert not limit.spend("ip", 20, 60.6)


def test_rows_of_a_reply_count_although_they_are_known_late():
    limit = WeightLimit(100)
    assert limit.spend("ip", 60, 0.0)
    limit.add("ip", 40, 0.0)
    assert not limit.spend("ip", 1, 1.0)


NOW_MS = 1_000_000


def test_trading_earns_requests():
    user = User("0x1", requests=10_000, last_spare_request_ms=NOW_MS)
    assert address_refusal(user, 1, NOW_MS, is_cancel=False).startswith(
        "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.00."
    )
    user.traded_usd += 3
    assert address_refusal(user, 3, NOW_MS, is_cancel=False) is None
    assert user.requests == 10_003
    user.bought_requests += 1
    assert address_refusal(user, 1, NOW_MS, is_cancel=False) is None


@pytest.mark.parametrize(("traded", "limit"), [(0, 20_000), (300_000, 410_000)])
def test_cancels_have_a_greater_limit(traded, limit):
    user = User("0x1", traded_usd=traded, requests=limit - 1, last_spare_request_ms=NOW_MS)
    assert address_refusal(user, 1, NOW_MS, is_cancel=True) is None
    assert f"({limit + 1} > {limit})" in address_refusal(user, 1, NOW_MS, is_cancel=True)


def test_an_exhausted_address_sends_one_request_in_ten_seconds():
    user = User("0x1", requests=10_000)
    assert address_refusal(user, 1, NOW_MS, is_cancel=False) is None
    assert address_refusal(user, 1, NOW_MS + 9_999, is_cancel=False) is not None
    assert address_refusal(user, 1, NOW_MS + 10_000, is_cancel=False) is None
