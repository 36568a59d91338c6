from decimal import Decimal

import pytest

from simulators.faults import Fault, FaultKind
from simulators.paradex.auth import Caller
from simulators.paradex.errors import ApiError
from simulators.paradex.funding import FundingIndex, FundingTerms

BTC = "BTC-USD-PERP"


def test_a_maintenance_window_goes_through_cancel_only_and_post_only_to_ok(desk):
    desk.faults.inject(Fault(kind=FaultKind.SYSTEM_STATE, reason="window", secs=2.0))
    states = []
    for _ in range(12):
        desk.step(0.5)
        states.append(desk.engine.system_state)
    assert states == ["cancel_only"] * 4 + ["post_only"] * 4 + ["ok"] * 4


def test_a_state_set_by_hand_ends_the_window(desk):
    desk.faults.inject(Fault(kind=FaultKind.SYSTEM_STATE, reason="window", secs=1.0))
    desk.step(0.5)
    desk.exchange.set_system_state("maintenance")
    desk.step(3.0)
    assert desk.engine.system_state == "maintenance"


@pytest.mark.parametrize("state", ["maintenance", "cancel_only", "post_only"])
def test_nothing_trades_and_no_trigger_fires_unless_the_system_is_ok(desk, state):
    market = desk.exchange.markets[BTC]
    resting = desk.order(price=desk.price(-2), size="0.05", instruction="POST_ONLY")
    waiting = desk.order(type="STOP_MARKET", side="SELL", trigger_price=desk.price(-1))
    desk.exchange.set_system_state(state)
    market.price_shock = Decimal("-0.0003")  # through both prices
    before = len(market.core.prints)
    for _ in range(20):
        desk.step()
    assert (resting.status, waiting.status, len(market.core.prints)) == ("OPEN", "UNTRIGGERED", before)
    desk.exchange.set_system_state("ok")
    desk.step()
    desk.step()
    assert (resting.status, waiting.status) == ("CLOSED", "CLOSED")


def test_post_only_cancels_orders_more_than_five_basis_points_through_the_fair_price(desk):
    market = desk.exchange.markets[BTC]
    near = desk.order(price=desk.price(-9), size="0.01")
    far = desk.order(price=desk.price(-1), size="0.01")
    offer = desk.order(price=desk.price(20), side="SELL", size="0.01")
    market.price_shock = Decimal("-0.0012")  # the fair price falls 12 bp below both bids while nothing trades
    desk.exchange.set_system_state("cancel_only")
    desk.step()
    assert [order.status for order in (near, far, offer)] == ["OPEN", "OPEN", "OPEN"]
    desk.exchange.set_system_state("post_only")
    desk.step()
    fair = market.core.oracle_usd
    assert near.price < fair * Decimal("1.0005") < far.price
    assert [(order.status, order.cancel_reason) for order in (near, far, offer)] == [
        ("OPEN", ""),
        ("CLOSED", "MAINTENANCE"),
        ("OPEN", ""),
    ]
    market.price_shock = Decimal("0.004")
    desk.step()
    assert (offer.status, offer.cancel_reason) == ("CLOSED", "MAINTENANCE")


def test_the_index_stands_still_in_maintenance_and_moves_while_orders_are_only_cancelled(desk):
    index = desk.exchange.markets[BTC].funding
    desk.step(1.0)
    desk.exchange.set_system_state("maintenance")
    before = index.index
    for _ in range(5):
        desk.step(1.0)
    assert index.index == before
    desk.exchange.set_system_state("cancel_only")
    desk.step(1.0)
    moved = index.index - before
    assert moved == pytest.approx(index.premium_usd / 28_800, rel=Decimal("0.02"))


@pytest.mark.parametrize(("state", "half_life_secs"), [("ok", 1800), ("post_only", 30)])
def test_the_funding_average_has_a_half_life_of_thirty_minutes_but_thirty_seconds_while_post_only(desk, state, half_life_secs):
    market = desk.exchange.markets[BTC]
    desk.exchange.set_system_state(state)
    market.funding.rate_8h = Decimal("0.005")
    desk.step(30.0)
    target = Decimal("0.0001")
    kept = float((market.funding.rate_8h - target) / (Decimal("0.005") - target))
    assert kept == pytest.approx(0.5 ** (30 / half_life_secs), abs=0.02)


def test_an_average_with_a_shorter_half_life_forgets_faster():
    slow, fast = (FundingIndex(FundingTerms(), Decimal(1), rate_8h=Decimal("0.01"), updated_ns=1) for _ in range(2))
    at, spot, none = 30_000_000_001, Decimal(100), Decimal(0)
    slow.advance(at, 3600.0, spot, none)
    fast.advance(at, 3600.0, spot, none, half_life_hours=Decimal(30) / 3600)
    assert fast.rate_8h == pytest.approx(Decimal("0.00505"), rel=Decimal("1e-6"))
    assert slow.rate_8h > Decimal("0.0098")


def test_modifications_are_refused_in_cancel_only(desk):
    order = desk.order(price=desk.price(-10), instruction="POST_ONLY")
    desk.exchange.set_system_state("cancel_only")
    body = desk.body(desk.trader, price=desk.price(-20), size="0.02", id=order.id)
    with pytest.raises(ApiError, match="SYSTEM_STATUS_CANCEL_ONLY"):
        desk.trading.modify(Caller(desk.trader, False), order.id, body)
