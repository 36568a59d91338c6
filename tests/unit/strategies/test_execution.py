"""Resting or taking, clips, markouts, and positions that only a venue knows."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Intent, Outcome, Side
from strategies.desk import LONGEST_REPAIR_PAUSE_NS, AssetDesk
from strategies.execution import ExecutionMode, ExecutionTerms, LegCosts, arranged, choose, resting_bps
from strategies.markouts import Markouts
from strategies.pair_orders import Done
from strategies.pair_plan import LegPlan, Mode, PairPlan
from strategies.sizing import LegRules
from strategies.witness import Witness

D = Decimal
SEC = 1_000_000_000
AUTO = ExecutionTerms(mode=ExecutionMode.AUTO)
BTC = "BTC-USD-PERP.PARADEX"


def costs(**changes: str | None) -> dict[str, LegCosts]:
    deep = LegCosts(maker_fee_bps=D("1.5"), taker_fee_bps=D("4.5"), half_spread_bps=D("0.1"), absorbable_usd=D(500_000))
    thin = LegCosts(maker_fee_bps=D("0.3"), taker_fee_bps=D("4.5"), half_spread_bps=D("1"), absorbable_usd=D(30_000))
    values = {name: None if value is None else D(value) for name, value in changes.items()}
    return {"HYPERLIQUID": deep, "PARADEX": msgspec.structs.replace(thin, **values)}


def plan(price: str = "40", target: str = "200") -> PairPlan:
    rules = LegRules(size_step=D("0.1"), min_quantity=D("0.1"), min_notional_usd=D(10), price_step=D("0.01"))
    legs = tuple(
        LegPlan(
            venue=venue,
            instrument_id=f"HYPE-USD-PERP.{venue}",
            direction=side,
            held=D(0),
            target=D(target),
            reference_price_usd=D(price),
            rules=rules,
        )
        for venue, side in (("HYPERLIQUID", Side.BUY), ("PARADEX", Side.SELL))
    )
    return PairPlan(pair_id="HYPE-O1", asset="HYPE", intent=Intent.OPEN, legs=legs)


def test_the_thin_venue_rests_where_that_is_cheaper() -> None:
    choice = choose(costs(), AUTO)
    assert (choice.mode, choice.maker_venue) == (Mode.MAKER, "PARADEX")
    assert choice.taker_bps == D("10.1")
    assert choice.maker_bps == D("0.7") * D("0.3") + D("0.3") * D("5.5") + D("0.5") + D("4.6")


def test_fills_that_move_against_us_make_resting_the_dearer_way() -> None:
    assert choose(costs(markout_bps="-3"), AUTO).mode is Mode.MAKER
    assert choose(costs(markout_bps="-7"), AUTO).mode is Mode.TAKER


def test_a_free_taker_is_a_taker() -> None:
    assert choose(costs(taker_fee_bps="0", maker_fee_bps="0", half_spread_bps="0.2"), AUTO).mode is Mode.TAKER


@pytest.mark.parametrize(("mode", "expected"), [(ExecutionMode.TAKER, Mode.TAKER), (ExecutionMode.MAKER, Mode.MAKER)])
def test_a_mode_that_is_given_is_not_argued_with(mode: ExecutionMode, expected: Mode) -> None:
    for markout in ("-50", "50"):
        assert choose(costs(markout_bps=markout), ExecutionTerms(mode=mode)).mode is expected


@given(st.decimals(-20, 20, places=1), st.decimals(-20, 20, places=1))
def test_resting_costs_more_the_worse_its_markout(one: Decimal, other: Decimal) -> None:
    legs = [msgspec.structs.replace(costs()["PARADEX"], markout_bps=value) for value in sorted((one, other))]
    assert resting_bps(legs[0], AUTO) >= resting_bps(legs[1], AUTO)


def test_a_plan_is_cut_into_clips_of_at_most_the_notional() -> None:
    made = arranged(plan(), choose(costs(), AUTO), ExecutionTerms(clip_usd=D(1_001)))
    assert (made.clip, made.mode, made.maker_leg) == (D("25.0"), Mode.MAKER, 1)


@pytest.mark.parametrize(("clip_usd", "price"), [(None, "40"), ("5", "40"), ("1000", "0")])
def test_a_clip_that_a_venue_would_not_take_is_none(clip_usd: str | None, price: str) -> None:
    terms = ExecutionTerms(clip_usd=None if clip_usd is None else D(clip_usd))
    assert arranged(plan(price), choose(costs(), AUTO), terms).clip is None


# Markouts.


def test_a_markout_is_told_at_each_horizon_and_is_positive_where_it_went_our_way() -> None:
    markouts, mid = Markouts(), {BTC: D("100.1")}
    markouts.on_fill(BTC, Side.BUY, D(100), 0)
    assert markouts.due(SEC // 2, mid.get) == []
    (first,) = markouts.due(SEC, mid.get)
    assert (first.horizon_secs, first.markout_bps, first.mean_bps, first.venue) == (1.0, 10, 10, "PARADEX")
    assert [told.horizon_secs for told in markouts.due(60 * SEC, mid.get)] == [5.0, 30.0]
    assert markouts.due(90 * SEC, mid.get) == []


def test_a_sale_that_the_market_rose_after_was_a_bad_one() -> None:
    markouts = Markouts()
    markouts.on_fill(BTC, Side.SELL, D(100), 0)
    (first, *_) = markouts.due(SEC, {BTC: D("100.1")}.get)
    assert first.markout_bps == -10


def test_the_mean_is_plain_at_first_and_forgets_slowly_later() -> None:
    markouts = Markouts()
    assert markouts.mean_bps(BTC) is None
    for price in ("100.2", "100"):
        markouts.on_fill(BTC, Side.BUY, D(100), 0)
        markouts.due(60 * SEC, {BTC: D(price)}.get)
    assert markouts.mean_bps(BTC) == 10
    for _ in range(100):
        markouts.on_fill(BTC, Side.BUY, D(100), 0)
        markouts.due(60 * SEC, {BTC: D("99.9")}.get)
    assert D(-10) <= markouts.mean_bps(BTC) < D("-9.9")


def test_without_a_mid_nothing_is_learnt() -> None:
    markouts = Markouts()
    markouts.on_fill(BTC, Side.BUY, D(100), 0)
    assert markouts.due(60 * SEC, lambda _: None) == []
    assert markouts.mean_bps(BTC) is None


def test_what_was_learnt_is_carried_over() -> None:
    old, new = Markouts(), Markouts()
    old.on_fill(BTC, Side.BUY, D(100), 0)
    old.due(60 * SEC, {BTC: D(101)}.get)
    new.restore(BTC, old.memory(BTC))
    assert new.mean_bps(BTC) == 100


# What only a venue knows.


def test_a_difference_is_asked_about_once_it_has_stood_over_several_reports() -> None:
    witness = Witness()
    asked = [witness.differs(D(0), D(5), report, is_busy=False) for report in range(1, 14)]
    assert [i for i, ask in enumerate(asked, 1) if ask] == [3, 6, 12], "and then ever more rarely"


def test_the_same_report_read_again_proves_nothing() -> None:
    witness = Witness()
    assert not any(witness.differs(D(0), D(5), 1, is_busy=False) for _ in range(20))


def test_orders_at_work_and_readings_that_move_begin_the_count_anew() -> None:
    witness = Witness()
    for report in range(1, 30):
        assert not witness.differs(D(0), D(report % 2 + 1), report, is_busy=False)
    for report in range(30, 60):
        assert not witness.differs(D(0), D(5), report, is_busy=report % 2 == 0)


def test_agreement_asks_nothing() -> None:
    witness = Witness()
    assert not any(witness.differs(D(5), D(5), report, is_busy=False) for report in range(20))


# Pauses.


def desk() -> AssetDesk:
    return AssetDesk("HYPE", ("HYPERLIQUID", "PARADEX"), confirmations=2, pause_ns=5 * SEC)


def closing(target: str = "0") -> PairPlan:
    pair = plan()
    legs = tuple(msgspec.structs.replace(leg, held=D(200), target=D(target)) for leg in pair.legs)
    return msgspec.structs.replace(pair, intent=Intent.CLOSE, legs=legs)


def test_repairs_that_fail_pause_twice_as_long_each_time_and_never_give_up() -> None:
    paused, now = desk(), 0
    pauses = []
    for _ in range(12):
        paused.ended(closing(), Done(Outcome.HALTED, ""), now)
        began = now
        while not paused.may_close(now):
            now += SEC
        pauses.append((now - began) // SEC)
    assert pauses[:4] == [10, 20, 40, 80]
    assert pauses[-1] == LONGEST_REPAIR_PAUSE_NS // SEC
    paused.ended(closing(), Done(Outcome.FLAT, ""), now)
    assert paused.may_close(now + 5 * SEC)


def test_a_clock_that_goes_back_holds_no_repair_up() -> None:
    paused = desk()
    paused.ended(closing(), Done(Outcome.HALTED, ""), 10_000 * SEC)
    assert not paused.may_close(10_001 * SEC)
    assert paused.may_close(5_000 * SEC)


def test_a_pair_that_shrank_as_asked_is_no_failure_and_no_cycle() -> None:
    resized = desk()
    assert not resized.ended(closing("50"), Done(Outcome.HEDGED, ""), 0)
    assert resized.failures == 0
    assert not resized.ended(closing(), Done(Outcome.HEDGED, ""), 0)
    assert resized.failures == 1, "a close that left something open"
