from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Side, TradingState
from risk import checks
from risk.checks import Approved, Refused, reduces
from risk.limits import Limits
from risk.margin import affordable_usd, allocatable_usd, bound_usd
from risk.state import OrderIntent, PositionView, Snapshot
from tests.unit.risk.risk_scene import (
    HL,
    LIMITS,
    NOW,
    PDX,
    SEC,
    WIDE,
    D,
    account,
    held,
    judge,
    market,
    name,
    order,
    reason,
    scene,
    wide,
)


def test_an_ordinary_pair_is_approved() -> None:
    assert judge(scene(), order(HL, Side.BUY), order(PDX, Side.SELL)) == Approved()


REFUSALS = [
    ("ORDER_INSANE", scene(), order(quantity="0")),
    ("ORDER_INSANE", scene(), order(quantity="NaN")),
    ("ORDER_INSANE", scene(), order(price="-1")),
    ("VENUE_BLOCKED", scene(blocked={HL: "public channel STALE"}), order()),
    ("MARKET_UNKNOWN", scene(markets={name(PDX): market(PDX)}), order()),
    ("MARKET_UNKNOWN", scene(markets={name(HL): market(HL, bid_usd=D(101)), name(PDX): market(PDX)}), order()),
    ("MARKET_UNKNOWN", scene(markets={name(HL): market(HL, bid_usd=D(0)), name(PDX): market(PDX)}), order()),
    ("MARKET_STALE", scene(markets={name(HL): market(HL, ts_ns=NOW - 31 * SEC), name(PDX): market(PDX)}), order()),
    ("ACCOUNT_UNKNOWN", scene(accounts={PDX: account(PDX)}), order()),
    ("ACCOUNT_STALE", scene(accounts={HL: account(HL, ts_ns=NOW - 61 * SEC), PDX: account(PDX)}), order()),
    ("ACCOUNT_STALE", scene(accounts={HL: account(HL), PDX: account(PDX, ts_ns=NOW - 61 * SEC)}), order()),
    ("PRICE_UNVERIFIED", scene(markets={name(HL): market(HL)}), order()),
    ("PRICE_UNVERIFIED", scene(markets={name(HL): market(HL), name(PDX): market(PDX, ts_ns=NOW - 31 * SEC)}), order()),
    ("PRICE_DEVIATION", scene(), order(price="101.1")),
    ("PRICE_DEVIATION", scene(), order(side=Side.SELL, price="98.9")),
    ("PRICE_DEVIATION", scene(markets={name(HL): market(HL, "102"), name(PDX): market(PDX)}), order(price=None)),
    ("POSITION_LIMIT", scene(), order(quantity="100.1")),
    ("POSITION_LIMIT", scene(positions=held(HL, "95")), order()),
    ("POSITION_LIMIT", scene(positions=held(HL, "0", working_buy="95")), order()),
    ("POSITION_LIMIT", scene(positions=held(HL, "95", working_reducing="95")), order()),
    ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, "300"), PDX: account(PDX)}), order()),
    ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, free_collateral_usd=D(300)), PDX: account(PDX)}), order()),
    ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, "-5"), PDX: account(PDX)}), order()),
]


@pytest.mark.parametrize(("expected", "seen", "asked"), REFUSALS)
def test_each_rule_refuses_with_its_reason(expected: str, seen: Snapshot, asked: OrderIntent) -> None:
    assert reason(judge(seen, asked)) == expected


def test_both_legs_are_judged_before_either_is_sent() -> None:
    poor = scene(accounts={HL: account(HL), PDX: account(PDX, "200")})
    verdict = judge(poor, order(HL, Side.BUY), order(PDX, Side.SELL))
    assert reason(verdict) == "MARGIN_INSUFFICIENT"
    assert PDX in verdict.detail
    assert judge(poor, order(HL, Side.BUY)) == Approved()


def test_a_refusal_carries_limit_and_value() -> None:
    verdict = judge(scene(), order(quantity="101"))
    assert isinstance(verdict, Refused)
    assert (verdict.limit, verdict.value) == (10_000, 10_100)


def test_the_portfolio_may_bind_four_fifths_of_all_equity() -> None:
    # 2 x 5,000 USD of equity; at leverage 3 each 3,000 USD of notional binds 1,000.
    accounts = {HL: account(HL, "5000"), PDX: account(PDX, "5000")}
    limits = msgspec.structs.replace(
        LIMITS, position_usd_max=D(1_000_000), venue_usd_max=D(1_000_000), gross_usd_max=D(1_000_000), margin_buffer_ratio=D(0)
    )
    other = name(HL, "ETH")
    markets = {name(HL): market(HL), name(PDX): market(PDX), other: market(HL, asset="ETH")}
    positions = {other: PositionView(instrument_id=other, quantity=D(30))}
    seen = scene(accounts=accounts, markets=markets, positions=positions)
    assert bound_usd(seen, limits) == pytest.approx(D(1_001), abs=2)
    assert judge(seen, order(PDX, quantity="100", price="100"), limits=limits) == Approved()
    tight = msgspec.structs.replace(limits, allocation_ratio_max=D("0.4"))
    assert reason(judge(seen, order(PDX, quantity="100"), limits=tight)) == "ALLOCATION_LIMIT"


def test_a_fill_that_the_account_does_not_know_of_yet_is_not_spent_twice() -> None:
    # The venue still says 10,000 USD are free, although the position binds 9,000 of them.
    seen = scene(positions=held(HL, "270"))
    assert judge(seen, order(HL, quantity="20"), limits=WIDE) == Approved()
    assert reason(judge(seen, order(HL, quantity="30"), limits=WIDE)) == "MARGIN_INSUFFICIENT"


def test_reducing_is_approved_whatever_the_state_of_the_world() -> None:
    ruin = scene(
        accounts={HL: account(HL, "-3870", ts_ns=0)},
        positions=held(HL, "500"),
        markets={},
        blocked={HL: "DISCONNECTED", PDX: "DISCONNECTED"},
    )
    assert judge(ruin, order(HL, Side.SELL, "500")) == Approved()
    assert judge(ruin, order(HL, Side.SELL, "0.01", price=None)) == Approved()
    assert judge(ruin, order(PDX, Side.BUY, "7", reduce_only=True)) == Approved()
    assert reason(judge(ruin, order(HL, Side.SELL, "500.01"))) == "VENUE_BLOCKED"


@pytest.mark.parametrize(
    ("net", "side", "quantity", "working", "expected"),
    [
        ("0", Side.BUY, "1", "0", False),
        ("1", Side.SELL, "1", "0", True),
        ("1", Side.SELL, "3", "0", False),
        ("1", Side.BUY, "1", "0", False),
        ("-2", Side.BUY, "1", "0", True),
        ("1", Side.SELL, "0.6", "0.6", False),
        ("1", Side.SELL, "0.4", "0.6", True),
    ],
)
def test_what_reduces(net: str, side: Side, quantity: str, working: str, expected: bool) -> None:
    assert reduces(D(net), side, D(quantity), D(working)) is expected


@given(net=st.decimals(-100, 100, places=2), side=st.sampled_from(Side), quantity=st.decimals("0.01", 100, places=2))
def test_what_reduces_never_flips_and_never_grows(net: Decimal, side: Side, quantity: Decimal) -> None:
    if reduces(net, side, quantity):
        after = net + side.sign * quantity
        assert abs(after) < abs(net)
        assert after * net >= 0


@given(notional=st.decimals(1, 20_000, places=2), equity=st.decimals(0, 20_000, places=2))
def test_what_is_called_affordable_is_approved(notional: Decimal, equity: Decimal) -> None:
    limits = msgspec.structs.replace(
        LIMITS, position_usd_max=D(1_000_000), venue_usd_max=D(1_000_000), gross_usd_max=D(1_000_000)
    )
    seen = scene(accounts={HL: account(HL, str(equity)), PDX: account(PDX, str(equity))})
    views = (seen.markets[name(HL)], seen.markets[name(PDX)])
    room = min(notional, *(affordable_usd(seen, limits, view) for view in views), allocatable_usd(seen, limits, views))
    quantity = str((room / 100).quantize(D("0.01"), rounding="ROUND_DOWN"))
    if D(quantity) > 0:
        verdict = judge(seen, order(HL, Side.BUY, quantity), order(PDX, Side.SELL, quantity), limits=limits)
        assert verdict == Approved()


OTHER = {name(HL, "ETH"): market(HL, asset="ETH")}
ALL_MARKETS = {name(HL): market(HL), name(PDX): market(PDX), **OTHER}

# One scenario for every rule in which it, and no other, has a reason to refuse: what is known, what is asked, the limits.
ALONE: dict[str, tuple[str, Snapshot, OrderIntent, Limits]] = {
    "order_sane": ("ORDER_INSANE", scene(), order(quantity="0"), LIMITS),
    "halt_respected": (
        "HALTED",
        scene(state=TradingState.HALTED, positions=held(HL, "10")),
        order(side=Side.SELL, reduce_only=True),
        LIMITS,
    ),
    "state_permits": ("STATE_REDUCE_ONLY", scene(state=TradingState.REDUCE_ONLY), order(), LIMITS),
    "venue_tradable": ("VENUE_BLOCKED", scene(blocked={HL: "public channel STALE"}), order(), LIMITS),
    "rate_within_budget": ("ORDER_RATE", scene(sent={HL: 60}), order(), LIMITS),
    "market_fresh": (
        "MARKET_STALE",
        scene(markets={name(HL): market(HL, ts_ns=NOW - 31 * SEC), name(PDX): market(PDX)}),
        order(),
        LIMITS,
    ),
    "account_fresh": (
        "ACCOUNT_STALE",
        scene(accounts={HL: account(HL), PDX: account(PDX, ts_ns=NOW - 61 * SEC)}),
        order(),
        LIMITS,
    ),
    "price_near_other_venue": ("PRICE_DEVIATION", scene(), order(side=Side.SELL, price="101.1"), LIMITS),
    "price_near_index": (
        "INDEX_DEVIATION",
        scene(markets={name(HL): market(HL, index_usd=D(103), index_ts_ns=NOW), name(PDX): market(PDX)}),
        order(),
        LIMITS,
    ),
    "slippage_within_limit": ("SLIPPAGE_LIMIT", scene(), order(price="100.6"), LIMITS),
    "portfolio_priced": ("POSITION_UNPRICED", scene(positions=held(HL, "1", "SOL")), order(), LIMITS),
    "position_within_limit": ("POSITION_LIMIT", scene(), order(quantity="51"), wide(position_usd_max=D(5_000))),
    "venue_within_limit": (
        "VENUE_LIMIT",
        scene(markets=ALL_MARKETS, positions=held(HL, "-60", "ETH")),
        order(quantity="50"),
        wide(position_usd_max=D(6_000), venue_usd_max=D(10_000)),
    ),
    "gross_within_limit": (
        "GROSS_LIMIT",
        scene(positions=held(PDX, "-60")),
        order(quantity="50"),
        wide(position_usd_max=D(6_000), venue_usd_max=D(6_000), gross_usd_max=D(10_000)),
    ),
    "asset_delta_within_limit": (
        "ASSET_DELTA_LIMIT",
        scene(positions=held(PDX, "60")),
        order(),
        wide(asset_delta_usd_max=D(6_500)),
    ),
    "total_delta_within_limit": (
        "TOTAL_DELTA_LIMIT",
        scene(markets=ALL_MARKETS, positions=held(HL, "60", "ETH")),
        order(),
        wide(asset_delta_usd_max=D(6_500), total_delta_usd_max=D(6_500)),
    ),
    "leverage_within_limit": ("LEVERAGE_LIMIT", scene(), order(quantity="110"), wide(gross_leverage_max=D("0.5"))),
    "margin_sufficient": ("MARGIN_INSUFFICIENT", scene(accounts={HL: account(HL, "300"), PDX: account(PDX)}), order(), LIMITS),
    "allocation_within_limit": ("ALLOCATION_LIMIT", scene(), order(quantity="100"), wide(allocation_ratio_max=D("0.1"))),
    "liquidation_distant": (
        "LIQUIDATION_NEAR",
        scene(),
        order(quantity="250"),
        wide(leverage_max=D(20), liquidation_distance_ratio_min=D("0.5")),
    ),
    "liquidation_price_distant": (
        "LIQUIDATION_PRICE_NEAR",
        scene(accounts={HL: account(HL, liquidation_prices_usd={name(HL): D(88)}), PDX: account(PDX)}, positions=held(HL, "10")),
        order(),
        LIMITS,
    ),
}
GROUPS = ("RULES_FOR_ALL", "ORDER_RULES", "PORTFOLIO_RULES")


def test_there_is_a_scenario_for_every_rule() -> None:
    assert list(ALONE) == [rule.__name__ for group in GROUPS for rule in getattr(checks, group)]


@pytest.mark.parametrize("rule", ALONE)
def test_every_rule_is_needed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, seen, asked, limits = ALONE[rule]
    assert reason(judge(seen, asked, limits=limits)) == expected
    for group in GROUPS:
        left = tuple(one for one in getattr(checks, group) if one.__name__ != rule)
        monkeypatch.setattr(checks, group, left)
    assert judge(seen, asked, limits=limits) == Approved(), "another rule would have refused it as well"


def test_a_second_leg_is_let_through_however_far_the_first_one_has_run() -> None:
    naked = scene(positions=held(HL, "120"), markets={name(HL): market(HL), name(PDX): market(PDX)})
    limits = wide(asset_delta_usd_max=D(10_000), total_delta_usd_max=D(10_000))
    assert judge(naked, order(PDX, Side.SELL, "90"), limits=limits) == Approved()
    assert reason(judge(naked, order(PDX, Side.BUY, "1"), limits=limits)) == "ASSET_DELTA_LIMIT"


def test_legs_of_a_pair_count_with_their_sum_and_each_alone_when_it_is_sent() -> None:
    limits = wide(asset_delta_usd_max=D(5_000))
    assert judge(scene(), order(HL, Side.BUY, "80"), order(PDX, Side.SELL, "80"), limits=limits) == Approved()
    assert reason(judge(scene(), order(HL, Side.BUY, "80"), limits=limits)) == "ASSET_DELTA_LIMIT"
    assert reason(judge(scene(), order(HL, Side.BUY, "80"), order(HL, Side.SELL, "80"), limits=limits)) == "ASSET_DELTA_LIMIT"


def test_both_orders_of_a_pair_need_room_in_the_budget_of_their_venues() -> None:
    spent = scene(sent={PDX: 60})
    assert reason(judge(spent, order(HL), order(PDX, Side.SELL))) == "ORDER_RATE"
    assert judge(spent, order(HL)) == Approved()


def test_an_index_that_is_not_known_or_old_is_no_evidence() -> None:
    old = market(HL, index_usd=D(150), index_ts_ns=NOW - 31 * SEC)
    assert judge(scene(markets={name(HL): old, name(PDX): market(PDX)}), order()) == Approved()


def test_the_venues_word_on_its_maintenance_margin_counts_where_it_is_higher() -> None:
    limits = wide(liquidation_distance_ratio_min=D("0.15"))
    ample = scene(positions=held(HL, "100"))
    assert judge(ample, order(quantity="1"), limits=limits) == Approved()
    warned = scene(positions=held(HL, "100"), accounts={HL: account(HL, maintenance_margin_usd=D(9_000)), PDX: account(PDX)})
    assert reason(judge(warned, order(quantity="1"), limits=limits)) == "LIQUIDATION_NEAR"


STATES = list(TradingState)


@pytest.mark.parametrize("state", STATES)
def test_reducing_is_possible_in_every_state_and_in_a_halt_with_the_flatten_command(state: TradingState) -> None:
    seen = scene(state=state, positions=held(HL, "10"))
    for plain in (order(side=Side.SELL), order(side=Side.SELL, reduce_only=True)):
        assert isinstance(judge(seen, plain), Refused) == (state is TradingState.HALTED)
        assert judge(seen, msgspec.structs.replace(plain, is_flatten=True)) == Approved()


@pytest.mark.parametrize("state", [state for state in STATES if state is not TradingState.RUNNING])
@pytest.mark.parametrize(
    "asked",
    [
        order(side=Side.BUY, is_flatten=True),  # adds
        order(side=Side.SELL, quantity="10.01", is_flatten=True),  # flips
        order(PDX, is_flatten=True),  # opens from flat
    ],
)
def test_nothing_adds_flips_or_opens_unless_running(state: TradingState, asked: OrderIntent) -> None:
    assert reason(judge(scene(state=state, positions=held(HL, "10")), asked)) == f"STATE_{state}"


def test_a_reduce_only_order_is_none_where_plain_orders_under_way_need_the_position() -> None:
    closing = scene(state=TradingState.REDUCE_ONLY, positions=held(HL, "10", working_sell="10"))
    assert reason(judge(closing, order(side=Side.SELL, quantity="10", reduce_only=True))) == "STATE_REDUCE_ONLY"
    flagged = scene(state=TradingState.REDUCE_ONLY, positions=held(HL, "10", working_reducing="10"))
    assert judge(flagged, order(side=Side.SELL, quantity="10", reduce_only=True)) == Approved()  # the venue sees to it
    assert reason(judge(flagged, order(side=Side.SELL, quantity="10"))) == "STATE_REDUCE_ONLY"


def test_two_reductions_of_one_intent_may_not_flip_together() -> None:
    seen = scene(state=TradingState.CLOSE_ONLY, positions=held(HL, "10"))
    assert judge(seen, order(side=Side.SELL, quantity="6"), order(side=Side.SELL, quantity="4")) == Approved()
    assert reason(judge(seen, order(side=Side.SELL, quantity="6"), order(side=Side.SELL, quantity="5"))) == "STATE_CLOSE_ONLY"
