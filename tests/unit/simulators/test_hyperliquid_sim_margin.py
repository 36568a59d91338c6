"""Margin tiers, isolated margin and liquidation of the simulated venue."""

import pytest
from hyperliquid_floor import ANN, START_NS, D, coin, engine_of, market, money, new, shock
from hypothesis import given
from hypothesis import strategies as st

from simulators.hyperliquid.account_actions import AccountActions
from simulators.hyperliquid.actions import UpdateIsolatedMargin, UpdateLeverage
from simulators.hyperliquid.identity import Gate, Refused
from simulators.hyperliquid.liquidation import Liquidation
from simulators.hyperliquid.margin import maintenance_usd, max_leverage
from simulators.hyperliquid.rules import Refusal
from simulators.hyperliquid.state import clearinghouse_state
from simulators.hyperliquid.universe import ASSET_IDS, LISTED

SEC_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("name", "notional", "expected"),
    [
        ("BTC", 1_000_000, 12_500),  # 1 / 80
        ("BTC", 150_000_000, 1_875_000),
        ("BTC", 200_000_000, 1_875_000 + 50_000_000 // 40),  # the rest at 1 / 40
        ("HYPE", 20_000_000, 1_000_000),
        ("HYPE", 21_000_000, 1_000_000 + 100_000),
    ],
)
def test_maintenance_is_half_the_initial_margin_of_each_tier(name, notional, expected):
    assert maintenance_usd(coin(name), D(notional)) == expected


@given(st.sampled_from(LISTED), st.integers(1, 10**9), st.integers(1, 10**6))
def test_maintenance_grows_without_a_jump(listed, notional, more):
    less, greater = maintenance_usd(listed, D(notional)), maintenance_usd(listed, D(notional + more))
    assert 0 < greater - less <= D(more) / (2 * listed.tiers[-1].max_leverage) + D("1e-9")  # a thirtieth is rounded
    assert max_leverage(listed, D(notional)) >= max_leverage(listed, D(notional + more))


def test_a_position_stays_within_the_tier_of_its_leverage():
    engine, ann, _ = engine_of(cash=100_000_000)
    ann.account.leverage["HYPE"] = 10
    too_large = engine.place(ann, new("HYPE", True, 37, 600_000), START_NS)
    assert isinstance(too_large, Refusal)
    assert too_large.text == "Order would cause position to exceed margin tier limit at current leverage"
    assert too_large.status == "perpMaxPositionRejected"
    ann.account.leverage["HYPE"] = 5
    assert engine.place(ann, new("HYPE", True, 37, "500000"), START_NS).filled == 0
    assert isinstance(market(engine, ann, "HYPE", True, 55_000), Refusal)  # a market order of more than 2M


@pytest.fixture
def floor():
    engine, ann, _ = engine_of()
    return engine, ann, AccountActions(engine, Gate(engine.users))


def isolate(actions, user, name, leverage):
    actions.update_leverage(user, UpdateLeverage(asset=ASSET_IDS[name], is_cross=False, leverage=leverage))


def add_margin(actions, user, name, usd):
    actions.update_isolated_margin(user, UpdateIsolatedMargin(asset=ASSET_IDS[name], is_buy=True, ntli=int(usd * 1_000_000)))


def test_an_isolated_position_binds_margin_of_its_own(floor):
    engine, ann, actions = floor
    isolate(actions, ann, "HYPE", 4)
    market(engine, ann, "HYPE", True, 100)
    market(engine, ann, "BTC", True, "0.05")
    state = clearinghouse_state(engine, ann, 0)
    positions = {row["position"]["coin"]: row["position"] for row in state["assetPositions"]}
    hype = positions["HYPE"]
    assert (hype["leverage"]["type"], hype["leverage"]["value"]) == ("isolated", 4)
    assert D(hype["marginUsed"]) == D(hype["positionValue"]) + D(hype["leverage"]["rawUsd"])
    assert D(hype["marginUsed"]) == pytest.approx(D(hype["positionValue"]) / 4, rel=D("0.002"))
    assert positions["BTC"]["leverage"] == {"type": "cross", "value": 20}
    total, cross = D(state["marginSummary"]["accountValue"]), D(state["crossMarginSummary"]["accountValue"])
    assert total == cross + D(hype["marginUsed"])
    rate = D(1) / (2 * 10)
    free = D(hype["marginUsed"]) - D(hype["positionValue"]) * rate
    mark = engine.marks["HYPE"]
    assert D(hype["liquidationPx"]) == pytest.approx(mark - free / 100 / (1 - rate), rel=D("0.000001"))


def test_closing_an_isolated_position_releases_its_margin(floor):
    engine, ann, actions = floor
    isolate(actions, ann, "HYPE", 4)
    market(engine, ann, "HYPE", True, 100)
    bound = ann.isolated_usd["HYPE"]
    market(engine, ann, "HYPE", False, 25)
    assert ann.isolated_usd["HYPE"] == bound * 3 / 4
    market(engine, ann, "HYPE", False, 100)  # turns the position
    assert ann.isolated_usd["HYPE"] == pytest.approx(25 * engine.marks["HYPE"] / 4, rel=D("0.002"))
    market(engine, ann, "HYPE", True, 25)
    assert ann.isolated_usd == {}
    assert ann.account.cash_usd == money(ann)


def test_funding_of_an_isolated_position_comes_from_its_margin(floor):
    engine, ann, actions = floor
    isolate(actions, ann, "HYPE", 4)
    market(engine, ann, "HYPE", True, 100)
    bound, cross = ann.isolated_usd["HYPE"], engine.margin(ann).cross_equity_usd
    engine.step(START_NS + 10 * SEC_NS)
    paid = D(ann.fundings[0]["usdc"])
    assert paid < 0
    assert ann.isolated_usd["HYPE"] == bound + paid
    assert engine.margin(ann).cross_equity_usd == cross


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "Update to isolated margin cannot be zero."),
        (30_000, "Account does not have sufficient margin available for increase."),
        (-100, "Position does not have sufficient margin for reduction."),
    ],
)
def test_isolated_margin_is_moved_within_bounds(floor, usd, text):
    engine, ann, actions = floor
    with pytest.raises(Refused, match="Cannot update margin for empty position"):
        add_margin(actions, ann, "HYPE", 10)
    isolate(actions, ann, "HYPE", 4)
    market(engine, ann, "HYPE", True, 100)
    with pytest.raises(Refused, match=text):
        add_margin(actions, ann, "HYPE", usd)
    before = ann.isolated_usd["HYPE"]
    add_margin(actions, ann, "HYPE", 200)
    add_margin(actions, ann, "HYPE", -150)
    assert ann.isolated_usd["HYPE"] == before + 50
    market(engine, ann, "BTC", True, "0.01")
    with pytest.raises(Refused, match="Position does not use isolated margin"):
        add_margin(actions, ann, "BTC", 10)


def test_a_lower_leverage_needs_more_isolated_margin(floor):
    engine, ann, actions = floor
    isolate(actions, ann, "HYPE", 10)
    market(engine, ann, "HYPE", True, 2000)
    isolate(actions, ann, "HYPE", 5)
    assert ann.isolated_usd["HYPE"] == pytest.approx(2000 * engine.marks["HYPE"] / 5, rel=D("0.01"))
    with pytest.raises(Refused, match="Isolated position does not have sufficient margin available to decrease leverage"):
        isolate(actions, ann, "HYPE", 1)
    assert ann.account.leverage["HYPE"] == 5


def statuses_of(user):
    return [row["status"] for row in user.records]


def test_a_small_position_is_closed_at_the_market_and_its_orders_cancelled_first():
    engine, ann, bob = engine_of(cash=5_000)
    market(engine, ann, "BTC", True, "1")
    market(engine, bob, "BTC", False, "0.01")
    engine.place(ann, new("SOL", True, 100, "1"), START_NS)
    liquidation = Liquidation(engine)
    liquidation.step(START_NS)
    assert ann.account.size("BTC") == 1  # nothing to do yet
    shock(engine, "BTC", "0.9525", START_NS + SEC_NS)
    margin = engine.margin(ann)
    assert margin.cross_maintenance_usd * 2 / 3 < margin.cross_equity_usd < margin.cross_maintenance_usd
    liquidation.step(START_NS + SEC_NS)
    assert ann.account.positions == {}
    assert statuses_of(ann)[-2:] == ["liquidatedCanceled", "filled"]
    fill = ann.fills[-1]
    assert "cloid" not in fill
    assert fill["liquidation"]["liquidatedUser"] == ANN
    assert fill["liquidation"]["method"] == "market"
    assert (fill["dir"], fill["crossed"]) == ("Close Long", True)
    assert ann.ledger[-1]["delta"]["liquidatedPositions"] == [{"coin": "BTC", "szi": "1.0"}]
    assert ann.account.cash_usd == money(ann, 5_000) > 0
    assert bob.account.size("BTC") == D("-0.01")


def test_a_counterparty_is_shown_a_liquidation_that_is_not_its_own():
    engine, ann, bob = engine_of(cash=5_000)
    market(engine, ann, "BTC", True, "1")
    shock(engine, "BTC", "0.9525", START_NS + SEC_NS)
    bid = engine.markets["BTC"].book.best_bid
    engine.place(bob, new("BTC", True, bid + 1, "0.1", "Alo"), START_NS + SEC_NS)
    Liquidation(engine).step(START_NS + SEC_NS)
    (fill,) = bob.fills
    assert fill["liquidation"]["liquidatedUser"] == ANN
    assert fill["crossed"] is False


def sink(engine, user, name, now_ns):
    """Let a coin fall until the user is just short of margin, and return when."""
    for _ in range(400):
        now_ns += SEC_NS // 100
        shock(engine, name, "0.9995", now_ns)
        margin = engine.margin(user)
        if margin.cross_equity_usd < margin.cross_maintenance_usd:
            assert margin.cross_equity_usd > margin.cross_maintenance_usd * 2 / 3
            return now_ns
    raise AssertionError("never short of margin")


@pytest.mark.parametrize(("pause_secs", "left"), [(1, "0"), (31, "1.28")])
def test_of_a_large_position_a_fifth_goes_first_and_the_rest_in_the_cooldown(pause_secs, left):
    engine, ann, _ = engine_of(cash=10_000)
    market(engine, ann, "BTC", True, "2")
    liquidation = Liquidation(engine)
    began_ns = sink(engine, ann, "BTC", START_NS)
    liquidation.step(began_ns)
    assert ann.account.size("BTC") == D("1.6")
    again_ns = sink(engine, ann, "BTC", began_ns + pause_secs * SEC_NS)
    liquidation.step(again_ns)
    assert ann.account.size("BTC") == D(left)


@pytest.mark.parametrize("is_buy", [True, False])
def test_far_below_maintenance_the_liquidator_takes_over_and_keeps_the_rest(is_buy):
    engine, ann, _ = engine_of(cash=10_000)
    market(engine, ann, "BTC", is_buy, "2")
    shock(engine, "BTC", "0.9475" if is_buy else "1.0535", START_NS + SEC_NS)
    equity, maintenance = engine.margin(ann).cross_equity_usd, engine.margin(ann).cross_maintenance_usd
    assert 0 < equity < maintenance * 2 / 3
    Liquidation(engine).step(START_NS + SEC_NS)
    fill = ann.fills[-1]
    assert (fill["liquidation"]["method"], fill["fee"]) == ("backstop", "0.0")
    assert fill["dir"] == ("Liquidated Cross Long" if is_buy else "Liquidated Cross Short")
    assert ann.account.positions == {}
    assert ann.account.cash_usd == pytest.approx(D(0), abs=D("0.5"))  # a tick of the price on the whole size
    assert ann.account.cash_usd == money(ann, 10_000)


def test_an_isolated_position_falls_alone():
    engine, ann, _ = engine_of()
    actions = AccountActions(engine, Gate(engine.users))
    isolate(actions, ann, "HYPE", 10)
    market(engine, ann, "HYPE", True, 500)
    market(engine, ann, "BTC", True, "0.1")
    engine.place(ann, new("BTC", True, 80000, "0.01"), START_NS)
    shock(engine, "HYPE", "0.91", START_NS + SEC_NS)
    cross = engine.margin(ann).cross_equity_usd
    Liquidation(engine).step(START_NS + SEC_NS)
    assert set(ann.account.positions) == {"BTC"}
    assert len(ann.open_orders) == 1
    assert ann.fills[-1]["dir"] == "Liquidated Isolated Long"
    assert engine.margin(ann).cross_equity_usd == pytest.approx(cross, abs=D("0.5"))
