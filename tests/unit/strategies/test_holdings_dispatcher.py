from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Action, Intent, Side, Signal
from risk.checks import Refused
from risk.limits import Limits
from risk.state import MarketView, Snapshot, VenueAccount
from strategies.dispatcher import Market, Terms, pair_id, plan_close, plan_open, repaired_size
from strategies.funding import Direction
from strategies.holdings import Confirmation, classify
from strategies.pair_plan import PairPlan
from strategies.signals import PairState
from strategies.sizing import LegRules

D = Decimal
HL, PDX = "HYPERLIQUID", "PARADEX"
DUST = {HL: D("0.25"), PDX: D("0.25")}
NOW = 1_000_000_000_000
RULES = LegRules(size_step=D("0.01"), min_quantity=D("0.01"), min_notional_usd=D(10), price_step=D("0.01"))

HOLDINGS = [
    ("0", "0", PairState.FLAT),
    ("10", "-10", PairState.OPEN),
    ("-10", "10", PairState.OPEN),
    ("10", "0", PairState.BROKEN),
    ("0", "-10", PairState.BROKEN),
    ("10", "-7", PairState.BROKEN),  # both exist, and yet are no hedge
    ("10", "10", PairState.BROKEN),
    ("10", "-9.9", PairState.OPEN),  # less than any venue would trade apart
    ("0.1", "0", PairState.FLAT),
    ("0.1", "-0.2", PairState.FLAT),
]


@pytest.mark.parametrize(("first", "second", "expected"), HOLDINGS)
def test_what_two_positions_amount_to(first: str, second: str, expected: PairState) -> None:
    holding = classify({HL: D(first), PDX: D(second)}, DUST)
    assert holding.state is expected
    assert (holding.held is not None) == (expected is PairState.OPEN)


def test_the_direction_is_that_of_the_positions() -> None:
    assert classify({HL: D(-3), PDX: D(3)}, DUST).held == Direction(long_venue=PDX, short_venue=HL)


def test_one_odd_reading_is_not_believed() -> None:
    hedged = classify({HL: D(10), PDX: D(-10)}, DUST)
    odd = classify({HL: D(10), PDX: D(0)}, DUST)
    confirmation = Confirmation(2)
    readings = [hedged, hedged, odd, hedged, odd, odd]
    assert [confirmation.observe(reading) for reading in readings] == [None, hedged, None, None, None, odd]
    confirmation.forget()
    assert confirmation.observe(odd) is None


@given(first=st.decimals(-100, 100, places=2), second=st.decimals(-100, 100, places=2))
def test_a_repair_adds_to_no_leg_and_leaves_equal_ones(first: Decimal, second: Decimal) -> None:
    size = repaired_size({HL: first, PDX: second})
    assert 0 <= size <= max(abs(first), abs(second))
    if size:
        assert size == min(abs(first), abs(second))
        assert first * second < 0


def market(venue: str, bid: str = "39.99", ask: str = "40.01") -> Market:
    view = MarketView(
        instrument_id=f"HYPE-USD-PERP.{venue}",
        asset="HYPE",
        venue=venue,
        bid_usd=D(bid),
        ask_usd=D(ask),
        ts_ns=NOW,
        margin_rate=D("0.1"),
        taker_fee_rate=D("0.00045"),
    )
    return Market(view, RULES)


MARKETS = {HL: market(HL), PDX: market(PDX)}


def seen(equity: str = "20000", **changes: Any) -> Snapshot:
    usual = Snapshot(
        accounts={v: VenueAccount(venue=v, equity_usd=D(equity), free_collateral_usd=D(equity), ts_ns=NOW) for v in (HL, PDX)},
        positions={},
        markets={m.view.instrument_id: m.view for m in MARKETS.values()},
        blocked={},
        now_ns=NOW,
    )
    return msgspec.structs.replace(usual, **changes)


def enter(snapshot: Snapshot, absorbable: str = "50000") -> PairPlan | Refused:
    signal = Signal(
        action=Action.ENTER,
        asset="HYPE",
        long_venue=PDX,
        short_venue=HL,
        spread_apr=D("0.1"),
        absorbable_usd=D(absorbable),
        reason="",
        ts_ns=NOW,
    )
    terms = Terms(pair_notional_usd=D(9_900), max_slippage_bps=D(10))
    return plan_open("HYPE-O1-x", signal, MARKETS, snapshot=snapshot, limits=Limits(), terms=terms)


def test_an_entry_goes_long_where_the_signal_says_with_equal_sizes_under_the_cap() -> None:
    plan = enter(seen())
    assert isinstance(plan, PairPlan)
    first, second = plan.legs
    assert (first.venue, first.direction, first.reference_price_usd) == (PDX, Side.BUY, D("40.01"))
    assert (second.venue, second.direction, second.reference_price_usd) == (HL, Side.SELL, D("39.99"))
    assert first.target == second.target
    assert 9_890 < first.target * D("40.05") <= 9_900


def test_an_entry_is_no_larger_than_what_the_books_take() -> None:
    plan = enter(seen(), absorbable="2000")
    assert isinstance(plan, PairPlan)
    assert plan.legs[0].target * 40 < 2_000


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        (seen(accounts={}), "ACCOUNT_UNKNOWN"),
        (seen("0"), "NOTHING_FITS"),
        (seen("-100"), "NOTHING_FITS"),
        (seen(blocked={PDX: "MAINTENANCE"}), "VENUE_BLOCKED"),
        (seen(now_ns=NOW + 40_000_000_000), "MARKET_STALE"),
    ],
)
def test_an_entry_that_may_not_be_says_why(snapshot: Snapshot, reason: str) -> None:
    refused = enter(snapshot)
    assert isinstance(refused, Refused)
    assert refused.reason == reason


def test_closing_takes_each_leg_to_nothing_at_the_side_it_must_take() -> None:
    plan = plan_close("HYPE-C1-x", "HYPE", {HL: D(-5), PDX: D(5)}, MARKETS, state=PairState.OPEN)
    assert plan.intent is Intent.CLOSE
    first, second = plan.legs
    assert (first.direction, first.held, first.target, first.reference_price_usd) == (Side.SELL, 5, 0, D("40.01"))
    assert (second.direction, second.held, second.target, second.reference_price_usd) == (Side.BUY, 5, 0, D("39.99"))


def test_ids_differ_by_time_and_by_number_and_leave_room() -> None:
    ids = {pair_id("HYPE", "O", number, now) for number in range(3) for now in (NOW, NOW + 1)}
    assert len(ids) == 6
    longest = pair_id("KPEPE", "O", 999_999, 2**63 - 1)
    assert len(longest) <= 32
